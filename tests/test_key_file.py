"""The file with the key of pseudonyms, and what refuses it."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from analyzer.errors import UsageError
from analyzer.evidence.opened import EvidenceSet
from analyzer.survey.key_file import read_key
from analyzer.survey.pseudonyms import Pseudonyms
from tests.cli.running import run
from tests.reports import csv_of, key, root, user, write

if TYPE_CHECKING:
    from pathlib import Path

KEY = "0123456789abcdef" * 4
REPORT = csv_of(root(), user("ci-deployer", **key(rotated="2025-01-01T00:00:00Z")))


@pytest.fixture
def working_folder(tmp_path: Path) -> Path:
    write(tmp_path / "in/2026-10-31_111122223333.csv", REPORT)
    return tmp_path


def test_a_key_is_made_for_its_owner_alone_and_read_again(tmp_path: Path) -> None:
    new_key = read_key(tmp_path / "key")
    again = read_key(tmp_path / "key")
    assert new_key.is_new
    assert not again.is_new
    assert new_key.pseudonyms == again.pseudonyms
    assert len(new_key.pseudonyms.key) == 32
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert read_key(tmp_path / "other").pseudonyms.key != new_key.pseudonyms.key


@pytest.mark.parametrize("text", [KEY, f"{KEY}\n", f"  {KEY.upper()}\r\n"])
def test_an_existing_key_is_read(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "key", text)
    assert read_key(tmp_path / path).pseudonyms == Pseudonyms(bytes.fromhex(KEY))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has 0 bytes and needs at least 32"),
        (KEY[:62], "has 31 bytes and needs at least 32"),
        (KEY[:63], "does not contain a key"),
        (f"{KEY} {KEY}", "does not contain a key"),
        ("secret of ours, which is long enough to be a key of 32 bytes", "does not contain a key"),
        (b"\xff" * 64, "does not contain a key"),
        (KEY * 100, "does not contain a key"),
    ],
)
def test_a_file_without_a_key_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    write(tmp_path / "key", content)
    with pytest.raises(UsageError, match=message):
        read_key(tmp_path / "key")


def test_a_folder_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        read_key(tmp_path)
    with pytest.raises(UsageError, match="cannot create"):
        read_key(tmp_path / "none" / "key")
    with pytest.raises(UsageError, match="cannot read"):
        read_key(tmp_path / "key", make=False)
    assert not (tmp_path / "key").exists()


@pytest.mark.parametrize(
    ("key_path", "message"),
    [
        ("in/key", "is in the input in"),
        ("in/2026-10-31_111122223333.csv", "is in the input in"),
        ("out/key", "is in the output folder out"),
        ("out", "is the output folder out"),
    ],
)
def test_a_key_among_inputs_or_outputs_is_refused(working_folder: Path, key_path: str, message: str) -> None:
    ran = run("audit", "in", "-o", "out", "--pseudonyms", key_path, cwd=working_folder)
    assert ran.returncode == 2
    assert message in ran.stderr
    assert not (working_folder / "out").exists()
    assert not (working_folder / "in/key").exists()


def test_a_format_that_needs_names_is_refused_before_anything_is_read(working_folder: Path) -> None:
    ran = run("audit", "nowhere", "-o", "out", "--format", "remediation", "--pseudonyms", "key", cwd=working_folder)
    assert ran.returncode == 2
    assert "--format remediation cannot be used with pseudonyms" in ran.stderr
    assert not (working_folder / "key").exists()


def test_notes_name_a_new_key_and_a_key_that_others_can_read(working_folder: Path) -> None:
    first = run("audit", "in", "-o", "out", "--format", "parquet", "--pseudonyms", "key", cwd=working_folder)
    assert "note: new key in key; keep this file" in first.stderr
    assert "are pseudonyms" in first.stdout
    again = run("audit", "in", "-o", "out", "--format", "parquet", "--pseudonyms", "key", cwd=working_folder)
    assert again.stderr == ""
    (working_folder / "key").chmod(0o640)
    readable = run("audit", "in", "-o", "out", "--format", "parquet", "--pseudonyms", "key", cwd=working_folder)
    assert "other users can read the key key" in readable.stderr
    quiet = run("audit", "in", "-o", "out", "--format", "parquet", "--pseudonyms", "key", "-q", cwd=working_folder)
    assert (quiet.stdout, quiet.stderr) == ("", "")


def test_the_key_is_not_in_the_evidence_and_its_fingerprint_is(working_folder: Path) -> None:
    run("audit", "in", "-o", "out", "--pseudonyms", "key", cwd=working_folder)
    pseudonyms = read_key(working_folder / "key").pseudonyms
    assert EvidenceSet.at(str(working_folder / "out")).pseudonyms == pseudonyms.fingerprint
    for path in (working_folder / "out").rglob("*"):
        if path.is_file():
            assert pseudonyms.key.hex() not in path.read_text("latin-1")
            assert pseudonyms.key not in path.read_bytes()


def test_an_error_of_reading_has_the_names(working_folder: Path) -> None:
    write(working_folder / "undated/deployers.csv", REPORT)
    ran = run("audit", "undated", "-o", "out", "--pseudonyms", "key", cwd=working_folder)
    assert ran.returncode == 2
    assert "undated/deployers.csv" in ran.stderr


# --- verify -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def hidden(working_folder: Path) -> Path:
    write(working_folder / "key", KEY)
    write(working_folder / "in/more.zip", b"PK\x05\x06" + bytes(18))
    run("audit", "in", "-o", "out", "--format", "parquet", "--pseudonyms", "key", cwd=working_folder)
    return working_folder


def verified(folder: Path, *options: str) -> tuple[int, str]:
    ran = run("verify", "out", *options, cwd=folder)
    return ran.returncode, ran.stdout + ran.stderr


def test_inputs_are_verified_only_with_the_key(hidden: Path) -> None:
    assert verified(hidden)[0] == 0
    code, output = verified(hidden, "--inputs", "in")
    assert code == 2
    assert "give the key of the pseudonyms: --pseudonyms KEYFILE" in output
    code, output = verified(hidden, "--inputs", "in", "--pseudonyms", "key")
    assert code == 0
    assert "1 input" in output
    write(hidden / "wrong", KEY[::-1])
    code, output = verified(hidden, "--inputs", "in", "--pseudonyms", "wrong")
    assert code == 2
    assert "out was made with another key" in output
    code, output = verified(hidden, "--pseudonyms", "key")
    assert code == 2
    assert "--pseudonyms needs --inputs" in output
    code, output = verified(hidden, "--inputs", "in", "--pseudonyms", "none")
    assert code == 2
    assert not (hidden / "none").exists()


def test_a_changed_input_is_found_by_its_name_wherever_it_was_copied(hidden: Path) -> None:
    write(hidden / "copied/in/2026-10-31_111122223333.csv", REPORT + "\n")
    code, output = verified(hidden, "--inputs", "copied", "--pseudonyms", "key")
    assert code == 1
    name = Pseudonyms(bytes.fromhex(KEY)).source("in/2026-10-31_111122223333.csv")
    path = "copied/in/2026-10-31_111122223333.csv"
    assert f"changed: {name} (input): {path} differs from the file that was read" in output


def test_a_renamed_input_is_found_by_its_digest(hidden: Path) -> None:
    (hidden / "in/2026-10-31_111122223333.csv").rename(hidden / "in/renamed.csv")
    assert verified(hidden, "--inputs", "in", "--pseudonyms", "key")[0] == 0


def test_a_set_with_names_needs_no_key(working_folder: Path) -> None:
    run("audit", "in", "-o", "out", "--format", "parquet", cwd=working_folder)
    write(working_folder / "key", KEY)
    code, output = verified(working_folder, "--inputs", "in", "--pseudonyms", "key")
    assert code == 2
    assert "has no pseudonyms" in output
