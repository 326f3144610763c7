from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import zipfile
from base64 import b64encode
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from analyzer import pipeline
from analyzer.errors import InputError
from analyzer.evidence.input_files import ABSENT
from analyzer.evidence.seal import digest_of, seal, unseal
from analyzer.evidence.settings import Settings
from analyzer.pipeline import verify
from analyzer.survey import digests
from tests.audits import AS_OF
from tests.cli.running import run
from tests.documents.pages import examples
from tests.evidence.test_folder import BYSTANDERS
from tests.reading.forms import tarred
from tests.reports import csv_of, key, root, unused, user, write

if TYPE_CHECKING:
    from analyzer.evidence.verify import Verification

EVERY: dict[str, list[str]] = {"changed": [], "missing": [], "extra": []}


def row(folder: Path, name: str) -> dict[str, Any]:
    return {"name": name, "sha256": digest_of(folder / name), "bytes": (folder / name).stat().st_size}


def make(folder: Path, inputs: list[dict[str, Any]] | None = None) -> Path:
    """Write a set with tables (one in parts) and renderings into `folder`."""
    tables = ["findings.parquet/part-0.parquet", "findings.parquet/part-1.parquet", "issues.parquet"]
    renderings = ["workbook.xlsx", "charts/status.png"]
    for name in (*tables, *renderings):
        write(folder / name, f"the bytes of {name}")
    facts = {"program": "credreport", "kind": "audit", "schema_version": 3, "inputs": inputs or []}
    sealed = seal({**facts, "outputs": [row(folder, name) for name in tables]})
    (folder / "manifest.json").write_bytes(sealed)
    rendered = {"program": "credreport", "schema_version": 3, "manifest": unseal(sealed)["digest"]}
    (folder / "rendered.json").write_bytes(seal({**rendered, "outputs": [row(folder, name) for name in renderings]}))
    return folder


def differences(verification: Verification) -> dict[str, list[str]]:
    """Return the names of files that were changed, are missing or are extra."""
    facts = json.loads(json.dumps(verification.facts))
    assert facts["holds"] is verification.holds is not any(facts[word] for word in EVERY)
    assert verification.exit_code == (0 if verification.holds else 1)
    absent = [difference for difference in verification.missing if difference.kind == "input"]
    for difference in (*verification.changed, *verification.missing, *verification.extra):
        if difference in absent and difference.why == ABSENT:
            continue
        assert any(difference.name in line and difference.why in line for line in verification.lines)
    return {word: [difference["name"] for difference in facts[word]] for word in EVERY}


def test_a_set_as_it_was_written_holds(tmp_path: Path) -> None:
    out = make(tmp_path / "out")
    verification = verify(out)
    assert differences(verification) == EVERY
    assert verification.checked == {"manifest": 2, "table": 3, "rendering": 2}
    assert verification.lines == [
        f"{out}: verified: all files are as they were written; the reports were NOT checked",
        "checked: manifest.json, rendered.json, 3 tables, 2 other files",
        f"digest of the evidence set: {unseal((out / 'manifest.json').read_bytes())['digest']}",
        "the reports were not checked: give them with --inputs PATH",
    ]
    assert verification.facts["digest"] == verification.digest


def test_a_digest_beside_changed_files_is_not_shown_as_confirmed(tmp_path: Path) -> None:
    out = make(tmp_path / "out")
    digest = unseal((out / "manifest.json").read_bytes())["digest"]
    page = out / "workbook.xlsx"
    page.write_bytes(page.read_bytes() + b" ")
    assert f"digest of the evidence set (some files differ, see above): {digest}" in verify(out).lines


def test_the_digest_is_that_of_the_manifest_without_its_own(tmp_path: Path) -> None:
    out = make(tmp_path / "out")
    data = (out / "manifest.json").read_bytes()
    digest = verify(out).digest
    assert digest is not None
    assert hashlib.sha256(data.replace(digest.encode(), b"0" * 64)).hexdigest() == digest
    if sys.platform == "linux":  # as the manual says
        (block,) = [example for example in examples("sh", "evidence") if "sha256sum" in example]
        script = block.replace("credreport-out/", f"{out}/")
        output = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
        assert output.split()[0] == digest
    (out / "manifest.json").write_bytes(data.replace(b"audit", b"other"))
    changed = verify(out)
    assert (changed.digest, changed.facts["digest"]) == (None, None)
    assert changed.lines[0] == f"{out}: verification failed"


def test_the_page_and_the_pdf_show_the_digest_that_verify_prints(tmp_path: Path) -> None:
    name = write(tmp_path / "in/2026-10-31.csv", csv_of(root(), user("a", **key(rotated="2026-01-01T00:00:00Z"))))
    pipeline.audit([name], Settings(unused()), str(tmp_path / "out"), formats=["parquet", "html", "pdf"])
    digest = verify(tmp_path / "out").digest
    footer = f"digest of the evidence set (credreport verify prints it): {digest}"
    assert footer in (tmp_path / "out/report.html").read_text(encoding="utf-8")
    pages = PdfReader(tmp_path / "out/summary.pdf").pages
    assert all(footer in " ".join(page.extract_text().split()) for page in pages)


def test_the_workbook_of_each_kind_of_set_shows_the_digest_that_verify_prints(tmp_path: Path) -> None:
    for day, user_key in (("2026-09-30", key(rotated="2026-01-01T00:00:00Z")), ("2026-10-31", {})):
        write(tmp_path / f"in/{day}/111122223333.csv", csv_of(root(), user("a", **user_key)))
    old, new = (str(tmp_path / f"in/{day}") for day in ("2026-09-30", "2026-10-31"))
    write(tmp_path / "accounts.csv", "account_id,owner\n111122223333,ops\n")
    run("audit", new, "--accounts", "accounts.csv", "--by", "owner", "--format", "excel", "-o", "out", cwd=tmp_path)
    run("compare", old, new, "--format", "excel", "-o", "compared", cwd=tmp_path)
    run("ingest", old, new, "--store", "store", cwd=tmp_path)
    run("history", "--store", "store", "--format", "excel", "-o", "history", cwd=tmp_path)
    books = {"out/workbook.xlsx": "out", "out/owners/ops.xlsx": "out"}
    books |= {f"{name}/workbook.xlsx": name for name in ("compared", "history")}
    for name, folder in books.items():
        digest = str(verify(tmp_path / folder).digest)
        book = openpyxl.load_workbook(tmp_path / name, read_only=True)
        cells = {
            sheet.title: [cell for row in sheet.iter_rows(max_row=60, values_only=True) for cell in row if cell]
            for sheet in book
        }
        line = f"digest of the evidence set (credreport verify prints it): {digest}"
        assert line in (cells["Provenance"][:2] if folder == "out" else cells["Summary"]), name
        assert folder != "out" or digest in cells["Sign-off"]


def test_a_set_that_an_audit_writes_holds(tmp_path: Path) -> None:
    name = write(tmp_path / "in/2026-10-31.csv", csv_of(root(), user("a", **key(rotated="2026-01-01T00:00:00Z"))))
    pipeline.audit([name], Settings(unused()), str(tmp_path / "out"), tables=["findings", "issues"])
    assert differences(verify(tmp_path / "out", [str(tmp_path)])) == EVERY
    assert verify(tmp_path / "out", [name]).checked["input"] == 1


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("sets") / "out")


@settings(max_examples=200)
@given(st.data())
def test_every_changed_byte_of_every_file_is_found(sets: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(path for path in sets.rglob("*") if path.is_file())))
    before = path.read_bytes()
    after = bytearray(before)
    after[data.draw(st.integers(0, len(before) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        path.write_bytes(after)
        wrong = differences(verify(sets))
    finally:
        path.write_bytes(before)
    assert wrong == {**EVERY, "changed": [path.relative_to(sets).as_posix()]}
    assert differences(verify(sets)) == EVERY


def test_every_single_byte_of_the_two_manifests_is_found(sets: Path) -> None:
    chance = random.Random(5)  # noqa: S311 - which bit
    for name in ("manifest.json", "rendered.json"):
        before = (sets / name).read_bytes()
        for position in range(len(before)):
            after = bytearray(before)
            after[position] ^= 1 << chance.randrange(8)
            (sets / name).write_bytes(after)
            assert differences(verify(sets)) == {**EVERY, "changed": [name]}, (name, position)
        (sets / name).write_bytes(before)


def test_missing_and_extra_files_are_named(tmp_path: Path) -> None:
    out = make(tmp_path / "out")
    (out / "issues.parquet").unlink()
    (out / "charts/status.png").unlink()
    write(out / "charts/mine.png", "")
    write(out / "findings.parquet/part-2.parquet", "")
    (out / "link").symlink_to(out / "workbook.xlsx")
    (out / "empty").mkdir()
    wrong = differences(verify(out))
    assert sorted(wrong["missing"]) == ["charts/status.png", "issues.parquet"]
    assert sorted(wrong["extra"]) == ["charts/mine.png", "findings.parquet/part-2.parquet", "link"]
    assert wrong["changed"] == []


def test_a_folder_or_link_is_no_file(tmp_path: Path) -> None:
    out = make(tmp_path / "out")
    (out / "issues.parquet").rename(tmp_path / "issues")
    (out / "issues.parquet").symlink_to(tmp_path / "issues")
    (out / "workbook.xlsx").unlink()
    (out / "workbook.xlsx").mkdir()
    assert differences(verify(out)) == {
        **EVERY,
        "missing": ["workbook.xlsx", "issues.parquet"],
        "extra": ["issues.parquet"],
    }


@pytest.mark.parametrize("name", BYSTANDERS)
def test_notes_of_desktop_and_office_programs_do_not_count(tmp_path: Path, name: str) -> None:
    out = make(tmp_path / "out")
    write(out / name, "x")
    assert differences(verify(out)) == EVERY


def test_renderings_of_a_set_that_was_never_rendered_are_extra_files(tmp_path: Path) -> None:
    out = make(tmp_path / "out")
    (out / "rendered.json").unlink()
    assert sorted(differences(verify(out))["extra"]) == ["charts/status.png", "workbook.xlsx"]
    shutil.rmtree(out / "charts")
    (out / "workbook.xlsx").unlink()
    assert differences(verify(out)) == EVERY
    write(out / "rendered.json", "{}")
    assert differences(verify(out)) == {**EVERY, "extra": ["rendered.json"]}


def test_renderings_of_another_set_are_a_change(tmp_path: Path) -> None:
    out = make(tmp_path / "out")
    second_set = make(tmp_path / "other", [{"name": "x", "sha256": "0" * 64}])
    shutil.copy(second_set / "rendered.json", out / "rendered.json")
    assert differences(verify(out)) == {**EVERY, "changed": ["rendered.json"]}
    assert any("was not rendered from this manifest.json" in line for line in verify(out).lines)


def test_a_folder_without_a_set_of_this_version_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "file", "")
    for name in ("file", "nowhere", ""):
        with pytest.raises(InputError, match="no evidence set"):
            verify(tmp_path / name)
    out = make(tmp_path / "out")
    write(out / "manifest.json", json.dumps({"program": "credreport", "schema_version": 1, "outputs": []}))
    with pytest.raises(InputError, match="schema version 1") as caught:
        verify(out)
    assert "the one that wrote the set" in caught.value.hint
    with pytest.raises(InputError, match="no such file"):
        verify(make(tmp_path / "out2"), [str(tmp_path / "gone")])


# --- inputs ----------------------------------------------------------------------------------------------------------


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


@pytest.fixture
def audited(tmp_path: Path) -> Path:
    """Write reports in several containers below `in`, audit them into `out`, and return `tmp_path`."""
    days = [csv_of(root(), user("a", **key(rotated=f"2026-01-0{day}T00:00:00Z"))).encode() for day in range(1, 8)]
    inputs = tmp_path / "in"
    for name, data in {
        "2026-10-01/plain.csv": days[0],
        "2026-10-02/plain.csv": days[1],
        "2026-10-03/packed.csv.gz": gzip.compress(days[2], mtime=0),
        "2026-10-04/several.zip": zipped({"x/one.csv": days[3], "x/two.csv.gz": gzip.compress(days[4], mtime=0)}),
        "2026-10-05/deep.zip.gz": gzip.compress(zipped({"inner.zip": zipped({"leaf.csv": days[5]})}), mtime=0),
        "2026-10-06/plain.csv": days[0],
    }.items():
        (inputs / name).parent.mkdir(parents=True, exist_ok=True)
        (inputs / name).write_bytes(data)
    envelope = json.dumps({"Content": b64encode(days[6]).decode(), "ReportFormat": "text/csv"})
    write(inputs / "2026-10-07/two.json", envelope + "\n" + envelope.replace("text/csv", "text/csv "))
    settings = Settings(unused(), every_snapshot=True)
    pipeline.audit([str(inputs)], settings, str(tmp_path / "out"), formats=["parquet"], tables=["findings"])
    return tmp_path


def test_inputs_in_gzip_inside_gzip_in_an_archive_are_found(tmp_path: Path) -> None:
    twice = gzip.compress(gzip.compress(zipped({"a.csv": csv_of(root(), user("a")).encode()}), mtime=0), mtime=0)
    (tmp_path / "in.zip").write_bytes(zipped({"inner.zip": twice}))
    pipeline.audit(
        [str(tmp_path / "in.zip")], Settings(unused(), as_of=AS_OF), str(tmp_path / "out"), formats=["parquet"]
    )
    assert differences_of_inputs(tmp_path, tmp_path / "in.zip") == EVERY


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_inputs_in_a_tar_archive_are_found(tmp_path: Path, mode: Literal["w", "w:gz"]) -> None:
    first, second = csv_of(root(), user("a")), csv_of(root("444455556666"), user("b", account="444455556666"))
    (tmp_path / "in.tar").write_bytes(tarred(mode, {"./x/one.csv": first, "two.csv": second}))
    pipeline.audit(
        [str(tmp_path / "in.tar")], Settings(unused(), as_of=AS_OF), str(tmp_path / "out"), formats=["parquet"]
    )
    assert len(names(tmp_path)) == 2
    assert differences_of_inputs(tmp_path, tmp_path / "in.tar") == EVERY
    (tmp_path / "in.tar").write_bytes(
        tarred(mode, {"./x/one.csv": first, "two.csv": second.replace("user/b", "user/c")})
    )
    assert len(differences_of_inputs(tmp_path, tmp_path / "in.tar")["changed"]) == 1


def names(folder: Path) -> list[str]:
    return [row["name"] for row in json.loads((folder / "out/manifest.json").read_text())["inputs"]]


def differences_of_inputs(folder: Path, *inputs: Path) -> dict[str, list[str]]:
    return differences(verify(folder / "out", [str(path) for path in inputs]))


def test_inputs_as_they_were_hold_wherever_they_are_now(audited: Path) -> None:
    assert len(names(audited)) >= 7
    assert differences_of_inputs(audited, audited / "in") == EVERY
    assert differences_of_inputs(audited, audited) == EVERY, "the set itself is not walked into"
    (audited / "in").rename(audited / "moved")
    assert differences_of_inputs(audited, audited / "moved") == EVERY
    assert differences_of_inputs(audited, *sorted((audited / "moved").iterdir())) == EVERY
    for number, path in enumerate(sorted((audited / "moved").glob("*/*.csv"))):
        path.rename(audited / f"{number}.csv")
    assert differences_of_inputs(audited, audited / "moved", *audited.glob("*.csv")) == EVERY
    with zipfile.ZipFile(audited / "all.zip", "w") as archive:
        for path in sorted([*(audited / "moved").rglob("*"), *audited.glob("*.csv")]):
            archive.write(path, path.name if path.is_dir() else str(path.relative_to(audited)))
    assert differences_of_inputs(audited, audited / "all.zip") == EVERY


def test_each_input_that_was_changed_is_found_by_its_name(audited: Path) -> None:
    for path in sorted(path for path in (audited / "in").rglob("*") if path.is_file() and path.suffix != ".zip"):
        before = path.read_bytes()
        path.write_bytes(before[:-2] + bytes([before[-2] ^ 1]) + before[-1:])
        wrong = differences_of_inputs(audited, audited / "in")
        assert wrong["changed"], path
        assert all(name.startswith(path.as_posix()) for name in wrong["changed"])
        assert not wrong["missing"]
        path.write_bytes(before)
    assert differences_of_inputs(audited, audited / "in") == EVERY


def test_a_changed_member_of_an_archive_is_found(audited: Path) -> None:
    path = audited / "in/2026-10-04/several.zip"
    with zipfile.ZipFile(path) as archive:
        members = {member.filename: archive.read(member) for member in archive.infolist()}
    path.write_bytes(zipped({**members, "x/one.csv": members["x/one.csv"] + b"\n"}))
    assert differences_of_inputs(audited, audited / "in") == {**EVERY, "changed": [f"{path}/x/one.csv"]}
    path.write_bytes(zipped({"other name": members["x/two.csv.gz"], "x/one.csv": members["x/one.csv"]}))
    assert differences_of_inputs(audited, audited / "in") == EVERY
    damaged = bytearray(zipped(members))
    damaged[damaged.index(members["x/one.csv"]) + 5] ^= 1
    path.write_bytes(damaged)
    assert differences_of_inputs(audited, audited / "in") == {**EVERY, "changed": [f"{path}/x/one.csv"]}, (
        "its checksum fails"
    )
    path.write_bytes(b"no archive any more")
    changed = differences_of_inputs(audited, audited / "in")["changed"]
    assert changed == [f"{path}/x/one.csv", f"{path}/x/two.csv.gz"]


def test_inputs_that_are_not_given_are_missing(audited: Path) -> None:
    given = audited / "in/2026-10-01/plain.csv"
    wrong = differences_of_inputs(audited, given)
    assert not wrong["changed"]
    assert str(given) not in wrong["missing"]
    assert audited.joinpath("in/2026-10-06/plain.csv").as_posix() in wrong["missing"], "one file is not two"
    assert len(wrong["missing"]) == len({name.partition("#")[0] for name in names(audited)}) - 1
    wrong = differences_of_inputs(audited, given, given)
    assert audited.joinpath("in/2026-10-06/plain.csv").as_posix() in wrong["missing"], "given twice it is still one"
    (audited / "in/2026-10-01/plain.csv").unlink()
    assert differences_of_inputs(audited, audited / "in") == {**EVERY, "missing": [str(given)]}


def test_the_answer_separates_inputs_that_are_not_given_from_inputs_that_differ(audited: Path) -> None:
    plain = audited / "in/2026-10-02/plain.csv"
    listed = len({name.partition("#")[0] for name in names(audited)})
    part, whole = verify(audited / "out", [str(plain)]), verify(audited / "out", [str(audited / "in")])
    as_written = "all files are as they were written"
    assert part.lines[0].endswith(
        f"out: verified in part: {as_written}; 1 of {listed} inputs checked, {listed - 1} not given"
    )
    (not_given,) = (line for line in part.lines if " were not given, neither by SHA-256 nor by name: " in line)
    assert not_given.startswith(f"{listed - 1} reports were not given, ")
    assert not any(line.startswith("missing: ") for line in part.lines)
    assert part.facts["inputs"] == {"listed": listed, "checked": 1, "not_given": listed - 1}
    assert part.exit_code == 1
    assert whole.lines[0].endswith(f"out: verified: {as_written}; {listed} of {listed} inputs checked")
    assert whole.lines[1] == f"checked: manifest.json, 2 tables, {listed} inputs"
    plain.write_text("changed", encoding="utf-8")
    assert (
        verify(audited / "out", [str(plain)])
        .lines[0]
        .endswith(f"out: verification failed; 1 of {listed} inputs checked, {listed - 1} not given")
    )


def test_many_inputs_that_are_not_given_are_counted(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "a")
    out = make(tmp_path / "out", [{"name": f"in/{number}.csv", "sha256": f"{number:064}"} for number in range(50)])
    lines = verify(out, [str(tmp_path / "a.csv")]).lines
    assert lines[1] == (
        "50 reports were not given, neither by SHA-256 nor by name: in/0.csv, in/1.csv, in/10.csv and 47 more "
        "(--json lists all)"
    )


def test_a_workbook_in_which_somebody_wrote_comes_with_a_hint(tmp_path: Path) -> None:
    out = make(tmp_path / "out")
    assert not any("a copy" in line for line in verify(out).lines)
    write(out / "charts/status.png", "other bytes")
    assert not any("a copy" in line for line in verify(out).lines)
    write(out / "workbook.xlsx", "other bytes")
    hint = "if reviewers wrote in workbook.xlsx: reviewers write in a copy; --carry-over takes their"
    assert any(line.startswith(hint) for line in verify(out).lines)


def test_the_policy_file_and_the_lists_are_checked_if_they_are_given(tmp_path: Path) -> None:
    report = write(tmp_path / "in/2026-10-31.csv", csv_of(root(), user("a", **key(rotated="2026-01-01T00:00:00Z"))))
    policy = write(tmp_path / "p/policy.toml", "[controls.access-key-rotation]\nmax_age_days = 30\n")
    people = write(tmp_path / "p/people.csv", "email\na@example.org\n")
    command = ["audit", report, "--policy", policy, "--people", people, "-o", str(tmp_path / "out"), "--format", "html"]
    assert run(*command).returncode in {0, 1, 3}
    for inputs in ([], [report], [str(tmp_path / "in")]):
        lines = verify(tmp_path / "out", inputs).lines
        assert f"{policy}: its text is in manifest.json; the file was not checked" in lines
        assert f"{people}: its SHA-256 is in manifest.json; the file was not checked" in lines
    everything = verify(tmp_path / "out", [report, policy, people], again=True)
    assert differences(everything) == EVERY
    assert any(line.endswith("1 input, 1 policy file, 1 list") for line in everything.lines), everything.lines
    assert not any("was not checked" in line for line in everything.lines)
    assert verify(tmp_path / "out", [str(tmp_path)]).checked["policy"] == 1, "in a folder"
    write(tmp_path / "p/policy.toml", "")
    assert differences(verify(tmp_path / "out", [report, policy, people])) == {**EVERY, "changed": [policy]}


def test_changed_files_of_one_basename_are_matched_by_their_folders(audited: Path) -> None:
    shutil.copytree(audited / "in", audited / "elsewhere/copy")
    for day in ("01", "02"):
        write(audited / f"elsewhere/copy/2026-10-{day}/plain.csv", f"changed {day}")
    verification = verify(audited / "out", [str(audited / "elsewhere")])
    assert {
        difference.name[-20:]: difference.why.split(" differs ")[0][-20:] for difference in verification.changed
    } == {f"2026-10-{day}/plain.csv": f"2026-10-{day}/plain.csv" for day in ("01", "02")}


def test_standard_input_and_files_that_cannot_be_read_do_not_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in/a.csv", "a")
    write(tmp_path / "in/b.csv", "b")
    sha256 = digest_of(tmp_path / "in/a.csv")
    out = make(tmp_path / "out", [{"name": "-", "sha256": sha256}, {"name": "in/b.csv", "sha256": "0" * 64}])
    assert differences(verify(out, [str(tmp_path / "in/a.csv")]))["missing"] == ["in/b.csv"]
    wrong = verify(out, [str(tmp_path / "in/b.csv")])
    assert [difference.name for difference in wrong.missing] == ["-"]
    assert "standard input" in wrong.missing[0].why

    def fail(*_: object) -> IO[bytes]:
        raise PermissionError(13, "not allowed")

    monkeypatch.setattr(digests, "_opened", fail)
    wrong = verify(out, [str(tmp_path / "in")])
    assert [(difference.name, difference.why) for difference in wrong.changed] == [
        ("in/b.csv", f"{tmp_path}/in/b.csv cannot be read")
    ]


def test_an_input_can_be_a_pipe(tmp_path: Path) -> None:
    write(tmp_path / "in/a.csv", "a")
    out = make(tmp_path / "out", [{"name": "in/a.csv", "sha256": digest_of(tmp_path / "in/a.csv")}])
    if sys.platform == "win32":
        pytest.skip("it has no such pipes")
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("a",))
    writer.start()
    assert differences(verify(out, [str(tmp_path / "pipe")])) == EVERY
    writer.join()
