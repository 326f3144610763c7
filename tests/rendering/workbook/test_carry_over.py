"""--carry-over keeps the entries of reviewers when a run replaces the folder; any other change still blocks the run."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import openpyxl
import pytest

from analyzer.rendering.marks import SHEET
from tests.cli.running import run
from tests.reports import csv_of, key, root, user, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [user(f"u{n}", **key(rotated="2026-01-01T00:00:00Z")) for n in range(4)]
    write(tmp_path / "2026-10-31.csv", csv_of(root(), *rows))
    assert run("audit", "2026-10-31.csv", "-q", "-o", "out", cwd=tmp_path).returncode == 1
    return tmp_path


def fill_in(path: Path, text: str = "asked the owner") -> None:
    book = openpyxl.load_workbook(path)
    book[SHEET]["F5"] = text
    book[SHEET]["H6"] = date(2026, 12, 24)
    book.save(path)


def test_a_workbook_that_was_filled_in_blocks_the_run_unless_its_marks_are_carried_over(folder: Path) -> None:
    path = folder / "out/workbook.xlsx"
    fill_in(path)
    refused = run("audit", "2026-10-31.csv", "-o", "out", cwd=folder)
    assert refused.returncode == 2
    assert "workbook.xlsx in out was changed since credreport wrote it" in refused.stderr
    assert "to keep the reviewers' entries in workbook.xlsx" in refused.stderr
    done = run("audit", "2026-10-31.csv", "-o", "out", "--carry-over", "out/workbook.xlsx", cwd=folder)
    assert done.returncode == 1, done.stderr
    assert "Reviewers' marks in out/workbook.xlsx: 2 carried over to the sheet Exceptions noted.\n" in done.stdout
    sheet = openpyxl.load_workbook(path)[SHEET]
    assert (sheet["F5"].value, str(sheet["H6"].value)[:10]) == ("asked the owner", "2026-12-24")
    assert run("verify", "out", cwd=folder).returncode == 0
    settings = json.loads((folder / "out/rendered.json").read_text())["settings"]
    assert [workbook["name"] for workbook in settings["carried_over"]["workbooks"]] == ["out/workbook.xlsx"]
    # It is as it was written now, and a run without its marks would lose them.
    refused = run("audit", "2026-10-31.csv", "-o", "out", cwd=folder)
    assert refused.returncode == 2
    assert "workbook.xlsx in out contains marks of reviewers, which would be lost" in refused.stderr
    assert run("render", "out", "--format", "excel", cwd=folder).returncode == 2
    assert run("render", "out", "--format", "charts", "-q", cwd=folder).returncode == 0
    again = run("audit", "2026-10-31.csv", "-o", "out", "--carry-over", "out/workbook.xlsx", "--json", cwd=folder)
    assert json.loads(again.stdout)["carried_over"] == {
        "workbooks": ["out/workbook.xlsx"],
        "marks": 2,
        "without_row": [],
        "disputed": [],
        "signed": [],
    }


def test_render_carries_marks_over_as_well(folder: Path) -> None:
    fill_in(folder / "out/workbook.xlsx")
    done = run("render", "out", "--format", "excel", "--carry-over", "out/workbook.xlsx", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "2 carried over" in done.stdout
    assert openpyxl.load_workbook(folder / "out/workbook.xlsx")[SHEET]["F5"].value == "asked the owner"
    assert run("verify", "out", cwd=folder).returncode == 0


def test_other_changes_still_block_the_run(folder: Path) -> None:
    fill_in(folder / "out/workbook.xlsx")
    (folder / "out/charts/accounts.png").write_bytes(b"other")
    done = run("audit", "2026-10-31.csv", "-o", "out", "--carry-over", "out/workbook.xlsx", cwd=folder)
    assert done.returncode == 2
    assert "charts/accounts.png in out was changed" in done.stderr
    assert "workbook.xlsx in" not in done.stderr


def test_a_workbook_from_elsewhere_does_not_unblock_the_run(folder: Path) -> None:
    (folder / "copy.xlsx").write_bytes((folder / "out/workbook.xlsx").read_bytes())
    fill_in(folder / "copy.xlsx")
    fill_in(folder / "out/workbook.xlsx", "another remark")
    done = run("audit", "2026-10-31.csv", "-o", "out", "--carry-over", "copy.xlsx", cwd=folder)
    assert (done.returncode, "workbook.xlsx in out was changed" in done.stderr) == (2, True)
    done = run("audit", "2026-10-31.csv", "-o", "new", "--carry-over", "copy.xlsx", cwd=folder)
    assert openpyxl.load_workbook(folder / "new/workbook.xlsx")[SHEET]["F5"].value == "asked the owner"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--carry-over", "2026-10-31.csv"], "--carry-over: 2026-10-31.csv is not a workbook"),
        (["--carry-over", "none.xlsx"], "--carry-over: cannot read none.xlsx"),
        (["--carry-over", "out/workbook.xlsx", "--format", "parquet"], "--carry-over needs the format excel"),
    ],
)
def test_wrong_options_to_carry_over_are_errors_before_anything_is_read(
    folder: Path, options: list[str], message: str
) -> None:
    done = run("audit", "2026-10-31.csv", "-o", "new", *options, cwd=folder)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert not (folder / "new").exists()
