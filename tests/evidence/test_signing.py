"""Signatures and records of runs: a change of them, or of a signed file, is found."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

import analyzer
from tests.cli.running import run
from tests.reports import csv_of, key, root, user, write

if TYPE_CHECKING:
    from pathlib import Path

SIGNED = ("manifest.json", "rendered.json", "run.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with reports, two keys, and a list of signers that has the first one."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("needs OpenSSH's ssh-keygen")
    write(tmp_path / "r/2026-10-31/a.csv", csv_of(root(), user("old", **key(rotated="2020-01-01T00:00:00Z"))))
    for name in ("key", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    public = (tmp_path / "key.pub").read_text().split()
    write(tmp_path / "signers", f'auditor@example.org namespaces="credreport" {public[0]} {public[1]}\n')
    return tmp_path


def audited(folder: Path, *options: str) -> Path:
    done = run("audit", "r", "-o", "out", "--format", "parquet,html", "--exit-zero", *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out"


def sign(path: Path, key: Path, namespace: str) -> None:
    """Sign a file as others than credreport would."""
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", namespace, path], check=True)


def verified(folder: Path, *options: str) -> tuple[int, str]:
    done = run("verify", "out", *options, cwd=folder)
    return done.returncode, done.stdout


def test_a_signed_and_recorded_set_holds(folder: Path) -> None:
    out = audited(folder, "--sign", "key", "--record-run", "Internal Audit")
    assert {path.name for path in out.glob("*.sig")} == {f"{name}.sig" for name in SIGNED}
    code, output = verified(folder, "--allowed-signers", "signers")
    assert code == 0, output
    for name in SIGNED:
        assert f"signed by auditor@example.org: {name}" in output
    assert "made by Internal Audit on " in output
    code, output = verified(folder)
    assert (code, "signatures were not checked" in output) == (0, True)
    facts = json.loads(run("verify", "out", "--allowed-signers", "signers", "--json", cwd=folder).stdout)
    assert facts["signed_by"] == dict.fromkeys(SIGNED, "auditor@example.org")
    assert facts["run"]["name"] == "Internal Audit"
    assert facts["run"]["started"] <= facts["run"]["ended"]


def test_openssh_itself_accepts_the_signatures(folder: Path) -> None:
    """Another program checks them: there is nothing of our own in their form."""
    out = audited(folder, "--sign", "key")
    for name in SIGNED[:2]:
        command = ("ssh-keygen", "-Y", "verify", "-f", folder / "signers", "-I", "auditor@example.org")
        signature = ("-n", "credreport", "-s", out / f"{name}.sig")
        done = subprocess.run([*command, *signature], input=(out / name).read_bytes(), check=False, capture_output=True)
        assert done.returncode == 0, done.stderr


def test_equal_runs_give_equal_bytes_beside_the_record(folder: Path) -> None:
    audited(folder, "--record-run", "first")
    shutil.copytree(folder / "out", folder / "kept")
    audited(folder, "--record-run", "second", "--sign", "key")
    for path in (folder / "kept").iterdir():
        assert ((folder / "out" / path.name).read_bytes() == path.read_bytes()) == (path.name != "run.json")


@pytest.mark.parametrize("name", SIGNED)
def test_a_change_is_found_even_with_a_new_digest(folder: Path, name: str) -> None:
    """Whoever changes a document can write its own digest anew; the signature shows it."""
    from analyzer.evidence.seal import seal, unseal  # noqa: PLC0415

    out = audited(folder, "--sign", "key", "--record-run", "Internal Audit")
    document = unseal((out / name).read_bytes())
    (out / name).write_bytes(seal({**document, "added": 1}))
    code, output = verified(folder, "--allowed-signers", "signers")
    assert code == 1
    assert f"changed: {name} (signature): the signature is not valid" in output


@pytest.mark.parametrize("name", SIGNED)
def test_a_signature_that_is_missing_or_of_another_key_is_found(folder: Path, name: str) -> None:
    out = audited(folder, "--sign", "key", "--record-run", "Internal Audit")
    (out / f"{name}.sig").unlink()
    code, output = verified(folder, "--allowed-signers", "signers")
    assert (code, f"missing: {name} (signature): is not signed" in output) == (1, True)
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-f", folder / "other", "-n", "credreport", out / name], check=True
    )
    code, output = verified(folder, "--allowed-signers", "signers")
    assert (code, f"changed: {name} (signature): its signer is not in the list of allowed signers" in output) == (
        1,
        True,
    )


def test_a_signature_for_another_purpose_does_not_count(folder: Path) -> None:
    out = audited(folder, "--sign", "key")
    (out / "manifest.json.sig").unlink()
    sign(out / "manifest.json", folder / "key", "file")
    code, output = verified(folder, "--allowed-signers", "signers")
    assert (code, "changed: manifest.json (signature)" in output) == (1, True)


def test_a_record_of_another_run_is_found(folder: Path) -> None:
    record = (audited(folder, "--record-run", "Internal Audit") / "run.json").read_bytes()
    write(folder / "r/2026-10-31/b.csv", csv_of(root("444455556666")))
    (audited(folder, "--record-run", "Internal Audit") / "run.json").write_bytes(record)
    assert "changed: run.json (record): belongs to another run than this manifest.json" in verified(folder)[1]
    (folder / "out/run.json").write_bytes(record.replace(b"Internal", b"External"))
    assert "changed: run.json (record): was changed since it was written" in verified(folder)[1]


def test_a_new_rendering_has_to_be_signed_anew(folder: Path) -> None:
    audited(folder, "--sign", "key", "--record-run", "Internal Audit")
    run("render", "out", "--format", "ics", cwd=folder)
    code, output = verified(folder, "--allowed-signers", "signers")
    assert (code, "missing: rendered.json (signature): is not signed" in output) == (1, True)
    run("render", "out", "--format", "ics", "--sign", "key", cwd=folder)
    code, output = verified(folder, "--allowed-signers", "signers")
    assert (code, "signed by auditor@example.org: run.json" in output) == (0, True)


def test_the_next_run_replaces_a_signed_set(folder: Path) -> None:
    audited(folder, "--sign", "key", "--record-run", "Internal Audit")
    out = audited(folder)
    assert not [path for path in out.iterdir() if path.suffix == ".sig" or path.name == "run.json"]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--sign", "nothing"], "--sign: no such file: nothing"),
        (["--sign", "signers"], "--sign: cannot sign with signers"),
        (["--record-run", " "], "--record-run: an empty name"),
    ],
)
def test_a_run_that_cannot_be_signed_or_recorded_is_refused_before_it_begins(
    folder: Path, options: list[str], why: str
) -> None:
    done = run("audit", "r", "-o", "out", *options, cwd=folder)
    assert (done.returncode, why in done.stderr) == (2, True), done.stderr
    assert not (folder / "out").exists()


def test_without_ssh_keygen_the_error_says_what_is_needed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.chdir(folder)
    with pytest.raises(analyzer.errors.InputError, match="ssh-keygen was not found"):
        analyzer.audit("r").write("out", sign="key")


def test_the_api_signs_as_the_command_does(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with analyzer.audit("r") as evidence:
        written = evidence.write("out", formats="parquet,html", sign="key", record_run="Internal Audit")
    assert {f"{name}.sig" for name in SIGNED} < set(written.files)
    assert verified(folder, "--allowed-signers", "signers")[0] == 0
