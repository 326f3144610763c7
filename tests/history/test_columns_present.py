"""A control whose column no snapshot has: history and compare say that it is not judged, on every road."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from openpyxl import load_workbook

from analyzer import pipeline
from analyzer.controls.checklist import make_checklist
from analyzer.pipeline import Settings
from tests.cli.running import run
from tests.history.running import compare, compare_stored, history
from tests.rendering.pdf.reading import text_of
from tests.reports import ACCOUNT, COLUMNS_22, csv_of, root, user, write
from tests.test_numbers_agree import Page

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.evidence.comparison import Comparison

CONTROL, COLUMN = "additional-credentials", "additional_credentials_info"
ONLY = Settings(make_checklist(controls=[CONTROL]))
DAYS = ("2026-09-30", "2026-10-31")
WITHOUT, WITH = COLUMNS_22, (*COLUMNS_22, COLUMN)
NOT_JUDGED = f"{CONTROL} is not judged: the"


def snapshots(folder: Path, *columns: tuple[str, ...], account: str = ACCOUNT) -> tuple[str, str]:
    """Write a report for each day, with these columns, and return their paths."""
    rows = (root(account, mfa_active="true"), user("a", account=account, **{COLUMN: "3 more access keys"}))
    old, new = (
        write(folder / f"in/{day}/{account}.csv", csv_of(*rows, columns=names))
        for day, names in zip(DAYS, columns, strict=True)
    )
    return old, new


def compared(road: str, old: str, new: str, folder: Path) -> Comparison:
    """Compare two reports: as they are, through a store, or through the evidence sets of audits."""
    if road == "reports":
        return compare([old], [new], ONLY)
    if road == "store":
        pipeline.ingest([old, new], folder / "store")
        since, until = (datetime.fromisoformat(f"{day}T23:59:59.999999").replace(tzinfo=UTC) for day in DAYS)
        return compare_stored(folder / "store", since, until, ONLY)
    for number, report in enumerate((old, new)):
        pipeline.audit([report], ONLY, str(folder / f"audit {number}"), formats=[])
    return compare([str(folder / "audit 0")], [str(folder / "audit 1")], ONLY)


ROADS = ("reports", "store", "audits")


@pytest.mark.parametrize("road", ROADS)
def test_a_comparison_without_the_column_says_so_and_counts_nothing(road: str, tmp_path: Path) -> None:
    comparison = compared(road, *snapshots(tmp_path, WITHOUT, WITHOUT), tmp_path)
    assert comparison.lines == [f"{NOT_JUDGED} snapshots have no column {COLUMN}."]
    assert comparison.facts["not_judged"] == {"older": [CONTROL], "newer": [CONTROL]}
    assert comparison.exit_code == 0


@pytest.mark.parametrize("road", ROADS)
def test_a_side_without_the_column_is_named(road: str, tmp_path: Path) -> None:
    only_old = compared(road, *snapshots(tmp_path / "a", WITH, WITHOUT), tmp_path / "a").lines
    assert f"{NOT_JUDGED} newer snapshots have no column {COLUMN}." in only_old
    assert "0 still failing; 1 undecided." in only_old
    only_new = compared(road, *snapshots(tmp_path / "b", WITHOUT, WITH), tmp_path / "b").lines
    assert only_new[0].startswith("1 new failure;")
    late = f"{NOT_JUDGED} older snapshots have no column {COLUMN}. Failures that the newer snapshots show count as new."
    assert late in only_new


@pytest.mark.parametrize("road", ROADS)
def test_a_comparison_with_the_column_says_nothing_of_it(road: str, tmp_path: Path) -> None:
    comparison = compared(road, *snapshots(tmp_path, WITH, WITH), tmp_path)
    assert COLUMN not in " ".join(comparison.lines)
    assert "not_judged" not in comparison.facts


@pytest.mark.parametrize("is_stored", [False, True])
def test_a_history_whose_newest_snapshots_lack_the_column_says_so(tmp_path: Path, *, is_stored: bool) -> None:
    lines = {}
    for name, columns in {"never": (WITHOUT, WITHOUT), "before": (WITH, WITHOUT), "now": (WITHOUT, WITH)}.items():
        paths = snapshots(tmp_path / name, *columns)
        store = tmp_path / name / "store" if is_stored else None
        if store:
            pipeline.ingest(paths, store)
        lines[name] = history([] if is_stored else paths, ONLY, store=store).lines
    sentence = f"{NOT_JUDGED} newest snapshots have no column {COLUMN}."
    assert lines["never"][0] == sentence
    assert not any("failures open" in line for line in lines["never"])
    assert "minus 1 lost to follow-up" in lines["before"][0]
    assert lines["before"][1] == sentence
    assert sentence not in lines["now"]


def test_one_account_with_the_column_is_enough(tmp_path: Path) -> None:
    paths = snapshots(tmp_path, WITHOUT, WITHOUT) + snapshots(tmp_path, WITH, WITH, account="222233334444")
    assert history(paths, ONLY).lines[0].startswith("1 failure open")
    comparison = compare(paths[::2], paths[1::2], ONLY)
    assert not any(NOT_JUDGED in line for line in comparison.lines)


def test_every_output_of_a_history_shows_a_dash(tmp_path: Path) -> None:
    snapshots(tmp_path, WITHOUT, WITHOUT)
    options = ("--control", f"{CONTROL},console-mfa", "--format", "html,excel,pdf", "-o", "out")
    done = run("history", "in", *options, cwd=tmp_path)
    assert f"{NOT_JUDGED} newest snapshots have no column {COLUMN}." in done.stdout
    assert "No failures: console-mfa." in done.stdout
    verbose = run("history", "in", *options, "--verbose", cwd=tmp_path).stdout.splitlines()
    row = next(line.split() for line in verbose if line.split()[:1] == [CONTROL])
    assert set(row[1:]) == {"-"}
    measures = Page(tmp_path / "out/report.html").rows["measures"]
    position = measures["control"].index(CONTROL)
    assert (measures["open"][position], measures["open"][1 - position]) == (None, 0)
    assert '"name": "open", "label": "open", "filter": false, "blank": "\N{EN DASH}"' in (
        tmp_path / "out/report.html"
    ).read_text(encoding="utf-8")
    sheet = load_workbook(tmp_path / "out/workbook.xlsx")["Measures"]
    head, *rows = sheet.iter_rows(values_only=True)
    opened = {cells[0]: cells[head.index("open")] for cells in rows}
    assert opened == {CONTROL: None, "console-mfa": 0}
    assert f"{CONTROL} - - - - - -" in " ".join(text_of(tmp_path / "out/summary.pdf").split())


def test_the_pdf_of_a_comparison_that_judged_nothing_has_no_zeros(tmp_path: Path) -> None:
    snapshots(tmp_path, WITHOUT, WITHOUT)
    days = [f"in/{day}" for day in DAYS]
    run("compare", *days, "--control", CONTROL, "--format", "pdf", "-o", "out", cwd=tmp_path)
    text = " ".join(text_of(tmp_path / "out/summary.pdf").split())
    assert f"{NOT_JUDGED} snapshots have no column {COLUMN}." in text
    assert "No new failures" not in text
    assert "- new failures" in text
