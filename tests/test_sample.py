"""Audit samples: the same seed and population give the same sample, and each subject has the same chance."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.sample import FOR_THE_TESTER, allocate, draw
from tests.cli.running import run
from tests.reports import csv_of, key, password, root, user, write

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNTS: Final = ("111122223333", "444455556666", "777788889999")


@given(st.lists(st.integers(0, 40), min_size=1, max_size=12), st.integers(0, 60))
def test_shares_add_up_and_are_fair(sizes: list[int], size: int) -> None:
    shares = allocate(np.array(sizes, np.int64), size).tolist()
    total, filled = sum(sizes), sum(stratum_size > 0 for stratum_size in sizes)
    assert sum(shares) == min(size, total)
    for share, count in zip(shares, sizes, strict=True):
        assert 0 <= share <= count
        if count and size >= filled:
            assert share >= 1
        # No stratum has more than its share rounded up, or one subject.
        assert share <= max(math.ceil(count * min(size, total) / max(total, 1)), 1)


def reports(folder: Path, name: str = "{account}", *, reverse: bool = False) -> None:
    """Write three reports with 40 users each, half of them with idle keys."""
    for account in ACCOUNTS[:: -1 if reverse else 1]:
        rows = [user(f"u{number}", account=account, **_cells(number)) for number in range(40)]
        file = name.format(account=account, at=ACCOUNTS.index(account))
        write(folder / f"{file}.csv", csv_of(root(account), *(rows[::-1] if reverse else rows)))


def _cells(number: int) -> dict[str, str]:
    """Return the cells of a user: each has a key, every second key is idle, and every fifth user uses a password."""
    used = "N/A" if number % 2 else "2026-10-30T00:00:00Z"
    password_cells = password(used="2026-10-30T00:00:00Z", changed="2026-01-01T00:00:00Z") if number % 5 == 0 else {}
    return key(rotated="2026-01-01T00:00:00Z", used=used) | password_cells


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the evidence `out`."""
    folder = tmp_path_factory.mktemp("sample")
    reports(folder / "in", "2026-10-31/{account}")
    run("audit", "in", "-o", "out", "--format", "parquet", cwd=folder)
    return folder


def subjects(rows: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(row["account_id"], row["user"], row["credential"]) for row in rows]


def drawn_rows(folder: Path, *options: str) -> list[dict[str, str]]:
    done = run("sample", "out", "-o", "sample", *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    with (folder / "sample/sample.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_order_and_the_names_of_files_do_not_matter(evidence: Path, tmp_path: Path) -> None:
    reports(tmp_path / "in", "2026-10-31/z{at}/{account}", reverse=True)
    run("audit", "in", "-o", "out", "--format", "parquet", cwd=tmp_path)
    for options in ((), ("--by", "account,kind,status"), ("--control", "2.12", "--seed", "x", "--size", "7")):
        first, again = drawn_rows(evidence, *options), drawn_rows(tmp_path, *options)
        assert subjects(first) == subjects(again)
        facts = [json.loads((folder / "sample/manifest.json").read_text()) for folder in (evidence, tmp_path)]
        assert facts[0]["population_sha256"] == facts[1]["population_sha256"]
    assert subjects(drawn_rows(evidence, "--seed", "2")) != subjects(drawn_rows(evidence, "--seed", "1"))


def test_the_population_has_every_judged_subject(evidence: Path) -> None:
    findings = parquet.read_table(evidence / "out/findings.parquet").to_pylist()
    judged = [row for row in findings if row["control"] == "unused-credentials" and row["status"] != "not_applicable"]
    rows = drawn_rows(evidence, "--size", "1000")
    assert sorted(subjects(rows)) == sorted(subjects(judged))
    assert len(rows) == 144
    status = {subject: row["status"] for subject, row in zip(subjects(judged), judged, strict=True)}
    assert all(row["status"] == status[subject] for subject, row in zip(subjects(rows), rows, strict=True))


def test_the_digest_is_that_of_the_sorted_subjects(evidence: Path) -> None:
    findings = parquet.read_table(evidence / "out/findings.parquet").to_pylist()
    lines = sorted(
        "\x1f".join(
            [
                *(row[name] for name in ("account_id", "arn", "user", "credential")),
                "" if row["captured_at"] is None else f"{row['captured_at']:%Y-%m-%d %H:%M:%S.%f}Z",
                row["status"],
            ]
        )
        for row in findings
        if row["control"] == "unused-credentials" and row["status"] != "not_applicable"
    )
    summary = json.loads(run("sample", "out", "-o", "sample", "--json", cwd=evidence).stdout)
    assert summary["population"] == len(lines)
    assert summary["population_sha256"] == hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def test_every_subject_has_the_same_chance(evidence: Path) -> None:
    opened = EvidenceSet.at(str(evidence / "out"))
    check = opened.settings.checklist.unused
    assert check is not None
    counts: Counter[tuple[str, str, str]] = Counter()
    for seed in range(400):
        rows = draw(opened, check, 36, str(seed)).rows.to_pylist()
        assert len({*subjects(rows)}) == 36
        counts.update(subjects(rows))
    # A quarter of 400 draws: 100 each, with a standard deviation of 8.7.
    assert len(counts) == 144
    assert 60 < min(counts.values()) <= max(counts.values()) < 140
    assert abs(float(np.std(list(counts.values()))) - 8.66) < 2


def test_strata_have_their_shares(evidence: Path) -> None:
    rows = drawn_rows(evidence, "--size", "36", "--by", "account,status")
    counts = Counter((row["account_id"], row["status"]) for row in rows)
    assert counts == {
        (account, status): 5 if status == "fail" else 7 for account in ACCOUNTS for status in ("fail", "pass")
    }
    screen = run("sample", "out", "-o", "sample", "--size", "36", "--by", "account,status", cwd=evidence).stdout
    assert "Sample of 36 of 144 subjects of unused-credentials." in screen
    assert "  account 111122223333, status fail: 5 of 20" in screen
    digest = json.loads((evidence / "sample/manifest.json").read_text())["population_sha256"]
    assert f"\nSeed '1'; SHA-256 of the population:\n{digest}.\n" in screen.replace(f": {digest}", f":\n{digest}")
    first = next(row for row in rows if (row["account_id"], row["status"]) == ("111122223333", "fail"))
    assert (first["stratum"], first["stratum_size"]) == ("account 111122223333, status fail", "20")
    assert "stratum" not in drawn_rows(evidence, "--size", "36")[0]


def test_the_sheet_is_the_csv_with_room_for_results(evidence: Path) -> None:
    rows = drawn_rows(evidence, "--size", "9", "--seed", "Q4")
    book = openpyxl.load_workbook(evidence / "sample/workbook.xlsx")
    head, *cells = book["Sample"].iter_rows(values_only=True)
    assert tuple(head[-len(FOR_THE_TESTER) :]) == FOR_THE_TESTER
    assert [row[head.index("user")] for row in cells] == [row["user"] for row in rows]
    assert all(row[name] == "" for row in rows for name in FOR_THE_TESTER)
    words = "\n".join(str(row[0]) for row in book["Summary"].iter_rows(values_only=True) if row[0])
    facts = json.loads((evidence / "sample/manifest.json").read_text())
    assert facts["population_sha256"] in words
    assert "'Q4'" in words
    audited = hashlib.sha256((evidence / "out/manifest.json").read_bytes()).hexdigest()
    assert facts["inputs"] == [{"name": "manifest.json", "sha256": audited}]
    assert run("verify", "sample", cwd=evidence).returncode == 0


def test_a_spreadsheet_takes_no_name_for_a_formula(tmp_path: Path) -> None:
    write(tmp_path / "in/2026-10-31_111122223333.csv", csv_of(user("=1+1", **key(rotated="2026-01-01T00:00:00Z"))))
    run("audit", "in", "-o", "out", "--format", "parquet", cwd=tmp_path)
    assert drawn_rows(tmp_path)[0]["user"] == "'=1+1"


def test_a_sample_that_cannot_be_drawn_is_refused(evidence: Path, tmp_path: Path) -> None:
    for arguments, message in (
        (["none"], "no evidence set: none"),
        (["out", "--control", "9.99"], "--control: "),
        (["out", "--by", "owner"], "--by: no such choice: 'owner'"),
    ):
        done = run("sample", *arguments, "-o", str(tmp_path / "s"), cwd=evidence)
        assert done.returncode == 2
        assert message in done.stderr
    write(tmp_path / "kept/mine.txt", "mine")
    done = run("sample", "out", "-o", str(tmp_path / "kept"), cwd=evidence)
    assert done.returncode == 2
    assert (tmp_path / "kept/mine.txt").read_text() == "mine"


def test_a_sample_is_verified_against_the_folder_of_its_evidence_set(evidence: Path) -> None:
    drawn_rows(evidence, "--size", "9", "--seed", "it's Q4", "--by", "status")
    for inputs in ("out", "out/manifest.json"):
        done = run("verify", "sample", "--inputs", inputs, cwd=evidence)
        assert (done.returncode, "; 1 of 1 input checked" in done.stdout) == (0, True), done.stdout + done.stderr
    done = run("verify", "sample", cwd=evidence)
    assert "as they were written; the evidence set of the sample was NOT checked\n" in done.stdout
    assert done.stdout.endswith("the evidence set of the sample was not checked: give it with --inputs PATH\n")
    assert "checked: manifest.json, 2 files\ndigest of the sample: " in done.stdout
    assert run("verify", "sample", "--inputs", "in", cwd=evidence).returncode == 1
    done = run("verify", "sample", "--inputs", "out", "--rerun", cwd=evidence)
    assert (done.returncode, "sample is an audit sample" in done.stderr) == (2, True), done.stderr
    assert "--size 9 --seed 'it'\"'\"'s Q4' --by status -o OTHER" in done.stderr
    manifest = evidence / "sample/manifest.json"
    before = manifest.read_bytes()
    manifest.write_bytes(before.replace(b"simple random", b"simply random"))
    done = run("verify", "sample", "--inputs", "out", cwd=evidence)
    manifest.write_bytes(before)
    assert (done.returncode, "changed: manifest.json" in done.stdout) == (1, True), done.stdout + done.stderr


def test_the_method_says_how_the_chances_differ(evidence: Path) -> None:
    simple, stratified = (
        json.loads(run("sample", "out", "-o", "sample", "--json", *by, cwd=evidence).stdout)["method"]
        for by in ((), ("--by", "account"))
    )
    assert any("a simple random sample; each subject has the same chance." in line for line in simple)
    words = "a stratified random sample: a simple random sample within each stratum; the chance differs between strata"
    assert any(words in line for line in stratified)
    assert not any("the same chance" in line for line in stratified)


def test_the_sheet_has_the_strata_and_the_capture_time_of_each_subject(evidence: Path) -> None:
    for options in (("--size", "9"), ("--size", "9", "--by", "account,status")):
        rows = drawn_rows(evidence, *options)
        sheet = openpyxl.load_workbook(evidence / "sample/workbook.xlsx")["Sample"]
        head, *cells = sheet.iter_rows(values_only=True)
        shown = [dict(zip(map(str, head), row, strict=True)) for row in cells]
        assert all(row["captured_at"] == "2026-10-31 23:59:59Z" for row in shown)
        has_strata = "--by" in options
        assert ("stratum" in shown[0], "stratum_size" in shown[0]) == (has_strata, has_strata)
        for name in ("stratum", "stratum_size") if has_strata else ():
            assert [str(row[name]) for row in shown] == [row[name] for row in rows]
        # Letters on landscape A4 are still readable.
        assert sum(column.width for column in sheet.column_dimensions.values()) < (220 if has_strata else 192)


def test_the_sheets_name_the_source_and_the_waivers(tmp_path: Path) -> None:
    reports(tmp_path / "in", "2026-10-31/{account}")
    write(
        tmp_path / "policy.toml",
        '[waivers.W-1]\ncontrol = "unused-credentials"\nuser = "u1"\nreason = "r"\nowner = "o"\nexpires = 2027-01-01\n',
    )
    run("audit", "in", "--policy", "policy.toml", "-o", "out", "--format", "parquet", cwd=tmp_path)
    rows = drawn_rows(tmp_path, "--size", "1000")
    waived = [row["user"] for row in rows if row["waiver"] == "W-1"]
    assert waived == ["u1"] * len(ACCOUNTS)
    assert all(row["waiver"] == "" for row in rows if row["user"] != "u1")
    book = openpyxl.load_workbook(tmp_path / "sample/workbook.xlsx")
    head, *cells = book["Sample"].iter_rows(values_only=True)
    assert sum(row[head.index("waiver")] == "W-1" for row in cells) == len(ACCOUNTS)
    assert book["Sample"].page_setup.orientation == "landscape"
    width = sum(column.width for column in book["Sample"].column_dimensions.values())
    assert width < 192, "letters on landscape A4 are still readable"
    lines = [[str(cell) for cell in row if cell] for row in book["Summary"].iter_rows(values_only=True)]
    digest = json.loads((tmp_path / "out/manifest.json").read_text())["digest"]
    assert [f"Evidence set: out; digest of the evidence set (credreport verify prints it): {digest}."] in lines
    assert any(line and line[0].startswith("Control: unused-credentials (CIS ") for line in lines)
    assert any(line and "limit 45 days: " in line[0] for line in lines)
    assert ["Each report is judged at its capture time (2026-10-31)."] in lines
    assert lines[-2:] == [["Drawn by", "Drawn on"], ["Reviewed by", "Reviewed on"]]
