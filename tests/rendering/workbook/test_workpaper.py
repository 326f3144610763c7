"""The sheets in which reviewers work, and how the next workbook takes over their marks."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.worksheet.dimensions import ColumnDimension

from analyzer.controls.checklist import make_checklist
from analyzer.controls.policy import read_policy
from analyzer.controls.vocabulary import Status
from analyzer.errors import InputError
from analyzer.rendering.marks import (
    BY_HAND,
    EVIDENCE_SET,
    FINDING,
    KEY,
    SHEET,
    WHY,
    WITHOUT_ROW,
    CarriedOver,
    Mark,
    MarkedWorkbook,
    Marks,
    read_marks,
)
from analyzer.rendering.workbook import book as excel
from tests.audits import DIGEST, ODD
from tests.reports import key, user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from openpyxl.worksheet.worksheet import Worksheet

    from tests.running import Audit


def write(result: Audit, path: Path, marks: Marks | None = None, *, most_rows: int = 100_000) -> Path:
    (written,) = excel.write(result, result.tables, path, DIGEST, marks=marks, most_rows=most_rows)
    return written


def exceptions_noted(path: Path) -> list[dict[str, Any]]:
    """Return the exceptions noted, by the first line of each key cell."""
    header, *rows = load_workbook(path)[SHEET].iter_rows(min_row=4, values_only=True)
    rows_as_dicts = [dict(zip(map(str, header), row, strict=True)) for row in rows]
    return [row | {name: str(row[name] or "").partition("\n")[0] for name in KEY} for row in rows_as_dicts]


def filled_in(path: Path, *marks: tuple[int, str, object], sheet: str = SHEET) -> Path:
    """Write texts, or dates, into the rows of reviewers (0 is the first), by column."""
    book = load_workbook(path)
    page = book[sheet]
    header = [cell.value for cell in page[4]]
    for row, column, value in marks:
        cell = page.cell(5 + row, header.index(column) + 1)
        cell.value = value  # type: ignore[assignment]
        if isinstance(value, str):
            cell.data_type = "s"
    book.save(path)
    return path


@pytest.fixture
def all_of(audit_of: Callable[..., Audit]) -> Audit:
    return audit_of(ODD, many=120, checklist=make_checklist())


def test_the_exceptions_noted_are_the_failures_that_are_not_waived(
    audit_of: Callable[..., Audit], tmp_path: Path
) -> None:
    (tmp_path / "policy.toml").write_text(
        '[waivers.known]\nuser = "user-1*"\nreason = "r"\nowner = "o"\nexpires = 2026-12-31\n'
    )
    result = audit_of(ODD, many=120, checklist=make_checklist(policy=read_policy(tmp_path / "policy.toml")))
    rows = exceptions_noted(write(result, tmp_path / "a.xlsx"))
    fails = result.findings[(result.findings["status"] == Status.FAIL) & result.findings["waiver"].isna()]
    assert 0 < len(fails) < (result.findings["status"] == Status.FAIL).sum()
    expected = fails[["account_id", "user", "credential", "control"]].astype("object").fillna("")
    assert sorted(tuple(row[name] for name in KEY) for row in rows) == sorted(map(tuple, expected.to_numpy().tolist()))
    assert all(row[name] is None for row in rows for name in BY_HAND)
    texts = [str(row[0]) for row in load_workbook(tmp_path / "a.xlsx")[SHEET].iter_rows(max_row=3, values_only=True)]
    assert texts[1].startswith(f"{len(fails)} failures, most severe first")
    assert "A waiver accepts" in texts[1]


def test_only_the_strictest_limit_of_a_control_is_noted(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    result = audit_of(ODD, many=120, checklist=make_checklist(benchmark=["cis-1.2", "cis-7.0"]))
    assert result.checklist.repeated
    rows = exceptions_noted(write(result, tmp_path / "a.xlsx"))
    keys = [tuple(row[name] for name in KEY) for row in rows]
    assert len(keys) == len(set(keys))


def test_the_sheet_has_nine_columns_that_fit_a_page_as_they_are(all_of: Audit, tmp_path: Path) -> None:
    sheet = load_workbook(write(all_of, tmp_path / "a.xlsx"))[SHEET]
    assert [cell.value for cell in sheet[4]] == [*KEY, "what was found", *BY_HAND]
    widths = [column_style(sheet, column).width for column in range(1, 10)]
    assert sum(widths) <= 141  # characters of 7 pixels, on 10.9 inches
    # Programs measure widths differently. Where they are too wide, the sheet is printed smaller, not on two pages.
    assert getattr(sheet.sheet_properties.pageSetUpPr, "fitToPage", False)
    assert (sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) in {(None, 0), (1, 0)}
    assert sheet.page_setup.paperSize == 9
    fonts = [sheet.cell(5, column).font.sz for column in range(1, 6)]
    fonts += [column_style(sheet, column).font.sz for column in range(6, 10)]
    assert fonts == [9] * 9


def column_style(sheet: Worksheet, column: int) -> ColumnDimension:
    """Return the style of a column's empty cells; neighbours of the same style are stored as one group."""
    (style,) = [group for group in sheet.column_dimensions.values() if (group.min or 0) <= column <= (group.max or 0)]
    assert isinstance(style, ColumnDimension)
    return style


def locked(sheet: Worksheet, row: int, column: int) -> bool:
    return bool(sheet.cell(row, column).protection.locked)


def test_only_cells_for_reviewers_are_unlocked_and_no_sheet_has_a_password(all_of: Audit, tmp_path: Path) -> None:
    ((account, user_name, credential, noted_by),) = _first(all_of)
    marks = marks_of([Mark(account, user_name, credential, noted_by, "", True, "c", "r", "2026-12-01", "x")])  # noqa: FBT003
    book = load_workbook(write(all_of, tmp_path / "a.xlsx", marks))
    for sheet in book:
        assert sheet.protection.sheet
        assert sheet.protection.password is None
    sheet = book[SHEET]
    columns = {cell.value: cell.column for cell in sheet[4]}
    for name, column in columns.items():
        assert locked(sheet, 5, int(column or 0)) == (name not in BY_HAND), name
    for name in BY_HAND:  # also where nothing was written yet: the column says it
        assert not column_style(sheet, int(columns[name] or 0)).protection.locked
    unlocked = {cell.coordinate for row in book["Summary"].iter_rows() for cell in row if not cell.protection.locked}
    names = {n.attr_text.rpartition("!")[2].replace("$", "") for k, n in book.defined_names.items() if "limit" in k}
    date_cell = book.defined_names["reference_date"].attr_text.rpartition("!")[2].replace("$", "")
    assert unlocked == {date_cell, *names}


def _first(result: Audit) -> list[tuple[str, str, str, str]]:
    """Return the key of the worst failure."""
    fails = result.worst_first
    fails = fails[fails["status"] == Status.FAIL].head(1)
    return [tuple(row) for row in fails[["account_id", "user", "credential", "control"]].astype("str").to_numpy()]


def test_marks_are_carried_over_to_the_same_failures(all_of: Audit, tmp_path: Path) -> None:
    path = filled_in(
        write(all_of, tmp_path / "old.xlsx"),
        *((0, "comment", "=1+1"), (0, "tick", "x"), (2, "management response", " will be\nfixed ")),
        *((2, "due", date(2026, 12, 24)), (3, "due", "next week"), (5, "comment", 12)),
    )
    before = exceptions_noted(path)
    marks = read_marks([path])
    after = exceptions_noted(write(all_of, tmp_path / "new.xlsx", marks))
    assert [{name: row[name] for name in KEY} for row in after] == [{name: row[name] for name in KEY} for row in before]
    marked = {at: {name: row[name] for name in BY_HAND if row[name] is not None} for at, row in enumerate(after)}
    assert {at: entries for at, entries in marked.items() if entries} == {
        0: {"comment": "=1+1", "tick": "x"},
        2: {"management response": "will be\nfixed", "due": after[2]["due"]},
        3: {"due": "next week"},
        5: {"comment": "12"},
    }
    assert str(after[2]["due"])[:10] == "2026-12-24"
    cell = load_workbook(tmp_path / "new.xlsx")[SHEET]["F5"]
    assert (cell.data_type, cell.quotePrefix) == ("s", True)
    assert CarriedOver.to(tmp_path / "new.xlsx", marks) == CarriedOver(marks, 4, ())
    # And once more: nothing is lost on the way.
    assert exceptions_noted(write(all_of, tmp_path / "third.xlsx", read_marks([tmp_path / "new.xlsx"]))) == after


def test_a_mark_without_its_failure_is_listed_and_returns_with_the_failure(
    audit_of: Callable[..., Audit], tmp_path: Path
) -> None:
    rows = [user(f"u{n}", **key(rotated="2026-01-01T00:00:00Z")) for n in range(3)]
    first = audit_of(rows)
    path = filled_in(write(first, tmp_path / "old.xlsx"), (1, "comment", "asked"), (1, "due", date(2026, 12, 24)))
    gone = exceptions_noted(path)[1]["user"]
    fewer_failures = audit_of([row for row in rows if row["user"] != gone])
    second = write(fewer_failures, tmp_path / "two.xlsx", read_marks([path]))
    carried = CarriedOver.to(second, read_marks([path]))
    assert [mark.user for mark in carried.without_row] == [gone]
    assert carried.beside_rows == 0
    assert gone in carried.lines[1]
    header, row = load_workbook(second)[WITHOUT_ROW].iter_rows(values_only=True)
    assert dict(zip(header, row, strict=True))["comment"] == "asked"
    third = write(audit_of(rows), tmp_path / "three.xlsx", read_marks([second]))
    assert WITHOUT_ROW not in load_workbook(third).sheetnames
    assert [row["comment"] for row in exceptions_noted(third)] == [None, "asked", None]


def marks_of(marks: Iterable[Mark]) -> Marks:
    return Marks((MarkedWorkbook("x", "0"),), tuple(marks), ())


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8).map(str.strip)
KEYS = st.tuples(*[st.sampled_from(["a", "b", ""])] * 4)
PLACES = st.sampled_from(["line 2, x", "line 3, x", "line 2, y"])
MARKS = st.dictionaries(
    st.tuples(KEYS, PLACES), st.tuples(st.booleans(), TEXT.filter(bool), TEXT, TEXT, TEXT), max_size=6
)


@given(MARKS, st.lists(st.tuples(KEYS, PLACES), max_size=6, unique=True), st.integers(0, 6))
def test_every_mark_is_kept_once_and_beside_no_other_failure(
    written_marks: dict[Any, Any], rows: list[tuple[tuple[str, ...], str]], room: int
) -> None:
    table = pa.table(
        {name: pa.array([key[at] for key, _ in rows], pa.string()) for at, name in enumerate(KEY)}
        | {FINDING: pa.array([f"why\n{place}" for _, place in rows], pa.string())}
    )
    marks = [Mark._make((*mark_key, place, *cells)) for (mark_key, place), cells in written_marks.items()]
    beside, without_row = marks_of(marks).beside(table, room)
    cells = [
        [tuple(row[name] or "" for name in BY_HAND) for row in sheet.to_pylist()] for sheet in (beside, without_row)
    ]
    filled = sorted(row for rows_of_sheet in cells for row in rows_of_sheet if any(row))
    assert filled == sorted(mark.cells for mark in marks)
    assert [tuple(row[name] or "" for name in KEY) for row in beside.to_pylist()] == [key for key, _ in rows[:room]]
    for (failure, place), written in zip(rows, cells[0], strict=False):
        alone = [row_key for row_key, _ in rows].count(failure) == 1
        of_failure = [mark for mark in marks if mark.key[:4] == failure]
        fitting = [mark.cells for mark in of_failure if mark.place == place or (alone and mark.is_alone)]
        assert not any(written) or written in fitting
    assert all(row[WHY] for row in without_row.to_pylist())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_bytes(b"user,arn\n"), "is not a workbook"),
        (lambda path: path.exists(), "cannot read"),
        (lambda path: path.mkdir(), "cannot read"),
    ],
)
def test_a_file_that_is_no_workbook_is_an_error(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    make(tmp_path / "old.xlsx")
    with pytest.raises(InputError, match=f"--carry-over: .*{message}"):
        read_marks([tmp_path / "old.xlsx"])


def test_a_heading_that_was_changed_is_named(all_of: Audit, tmp_path: Path) -> None:
    path = write(all_of, tmp_path / "old.xlsx")
    book = load_workbook(path)
    book[SHEET]["F4"] = "remarks"
    book.save(path)
    with pytest.raises(InputError, match=re.escape("no heading row with comment")):
        read_marks([path])


def test_a_sign_off_is_not_carried_over_and_the_run_says_so(all_of: Audit, tmp_path: Path) -> None:
    path = write(all_of, tmp_path / "old.xlsx")
    assert not read_marks([path]).signed
    book = load_workbook(path)
    assert [cell.value for cell in book["Sign-off"][2][:2]] == [EVIDENCE_SET, DIGEST]
    book["Sign-off"]["B3"] = "the auditor"
    book.save(path)
    marks = read_marks([path])
    assert marks.signed == (str(path),)
    lines = CarriedOver.to(write(all_of, tmp_path / "new.xlsx", marks), marks).lines
    assert any("Sign-off is not carried over" in line for line in lines)


def test_marks_of_several_workbooks_are_joined_and_contradictions_are_named(all_of: Audit, tmp_path: Path) -> None:
    first = filled_in(write(all_of, tmp_path / "one.xlsx"), (0, "comment", "from one"), (1, "tick", "x"))
    second = filled_in(
        write(all_of, tmp_path / "two.xlsx"), (0, "comment", "from two"), (0, "due", "soon"), (2, "tick", "y")
    )
    marks = read_marks([first, second])
    new = write(all_of, tmp_path / "new.xlsx", marks)
    assert [(row["comment"], row["due"], row["tick"]) for row in exceptions_noted(new)[:3]] == [
        ("from two", "soon", None),
        (None, None, "x"),
        (None, None, "y"),
    ]
    lines = CarriedOver.to(new, marks).lines
    assert any(line.startswith("1 mark with different texts in two workbooks") for line in lines)


def test_a_failure_without_room_keeps_its_mark_and_is_not_called_fixed(all_of: Audit, tmp_path: Path) -> None:
    path = filled_in(write(all_of, tmp_path / "old.xlsx"), (7, "comment", "deep"))
    second = write(all_of, tmp_path / "cut.xlsx", read_marks([path]), most_rows=3)
    header, row = load_workbook(second)[WITHOUT_ROW].iter_rows(values_only=True)
    assert "--workbook-rows" in str(dict(zip(header, row, strict=True))[WHY])
    third = write(all_of, tmp_path / "whole.xlsx", read_marks([second]))
    assert [at for at, row in enumerate(exceptions_noted(third)) if row["comment"] == "deep"] == [7]


def test_the_line_tells_apart_two_rows_of_the_same_user(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    twice = [user("u", **key(rotated="2026-01-01T00:00:00Z")) for _ in range(2)]
    path = filled_in(write(audit_of(twice), tmp_path / "old.xlsx"), (1, "comment", "the second"))
    new = write(audit_of(twice), tmp_path / "new.xlsx", read_marks([path]))
    assert [row["comment"] for row in exceptions_noted(new)] == [None, "the second"]
