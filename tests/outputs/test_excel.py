from __future__ import annotations

import zipfile
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from openpyxl import load_workbook

from analyzer.outputs import excel
from analyzer.tables import CREDENTIALS, FEW, FINDINGS, ISSUES, to_arrow
from tests.outputs.conftest import ODD
from tests.reports import key, user

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openpyxl.workbook import Workbook

    from analyzer.result import Audit

SHEETS = ["Summary", "Findings", "Credentials", "Data issues", "Method", "Provenance"]


def written(audit: Audit, folder: Path, **options: int) -> Workbook:
    (path,) = excel.write(audit, folder, **options)
    return load_workbook(path)


def expected(table: pa.Table) -> list[list[object]]:
    """Return what the cells must hold: times cut to the second and without zone, flags in words."""

    def cell(value: object) -> object:
        if isinstance(value, datetime):
            if value.year < 1900:
                return value.strftime("%Y-%m-%dT%H:%M:%SZ")
            return value.replace(microsecond=0, tzinfo=None)
        return str(value).lower() if isinstance(value, bool) else value

    rows = [[cell(value) for value in row.values()] for row in table.to_pylist()]
    return [table.column_names, *(rows or [["none", *[None] * (table.num_columns - 1)]])]


def test_the_sheets_hold_the_tables_cell_by_cell(any_audit: Audit, tmp_path: Path) -> None:
    book = written(any_audit, tmp_path)
    assert book.sheetnames == SHEETS
    tables = {
        "Findings": to_arrow(any_audit.worst_first, FINDINGS),
        "Credentials": to_arrow(any_audit.credentials, CREDENTIALS.append(pa.field("outcome", FEW))),
        "Data issues": to_arrow(any_audit.issues, ISSUES),
    }
    for name, table in tables.items():
        assert [list(row) for row in book[name].iter_rows(values_only=True)] == expected(table), name


def test_texts_do_not_act(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    book = written(audit_of(ODD), tmp_path)
    for sheet in ("Findings", "Credentials"):
        column = next(cell.column for cell in book[sheet][1] if cell.value == "user")
        names = {str(row[0].value): row[0] for row in book[sheet].iter_rows(min_row=2, min_col=column, max_col=column)}
        assert {row["user"] for row in ODD} <= set(names) | {"$x_1$"}
        for name, cell in names.items():
            assert cell.data_type == "s"
            assert cell.hyperlink is None
            assert cell.number_format == "@"
            assert bool(cell.quotePrefix) == (name[0] in "=+-@"), name
    with zipfile.ZipFile(tmp_path / "workbook.xlsx") as archive:
        for part in archive.namelist():
            assert b"<f>" not in archive.read(part)
            assert b"<hyperlink" not in archive.read(part)


def test_accounts_are_text_and_worst_come_first(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    sheet = written(audit_of(ODD, many=200), tmp_path)["Findings"]
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    assert {type(row[2]) for row in rows} == {str}
    order = [str(row[1]) for row in rows]
    assert order == sorted(order, key=["fail", "not_checked", "not_applicable", "pass"].index)
    idle = [int(str(row[8])) for row in rows if row[1] == "fail"]
    assert idle == sorted(idle, reverse=True)


@pytest.mark.parametrize("limit", [5, 11, 12])
def test_past_the_row_limit_a_table_goes_on_in_a_further_sheet(
    audit_of: Callable[..., Audit], tmp_path: Path, limit: int
) -> None:
    result = audit_of([user(f"u{n}", **key(rotated="2026-01-01T00:00:00Z")) for n in range(11)])
    book = written(result, tmp_path, row_limit=limit)
    sheets = [name for name in book.sheetnames if name.startswith("Findings")]
    assert len(sheets) == {5: 3, 11: 2, 12: 1}[limit]
    users = [row[3] for name in sheets for row in book[name].iter_rows(min_row=2, values_only=True)]
    assert sorted(map(str, users)) == sorted(f"u{n}" for n in range(11))
    for name in sheets:
        assert book[name].freeze_panes == "A2"
        assert book[name].auto_filter.ref
        assert book[name].print_title_rows == "$1:$1"


def test_control_characters_and_long_texts_are_kept_or_cut_visibly(
    audit_of: Callable[..., Audit], tmp_path: Path
) -> None:
    rows = [
        user("bell\x07", **key(rotated="2026-01-01T00:00:00Z")),
        user("b" * 40_000, **key(rotated="2026-01-01T00:00:00Z")),
    ]
    book = written(audit_of(rows), tmp_path)
    users = [str(row[3]) for row in book["Findings"].iter_rows(min_row=2, values_only=True)]
    assert users[0] in {"bell\x07", "bell_x0007_"}
    assert len(users[1]) == 32_767
    assert users[1].endswith("[cut: longer than a cell can hold]")


def test_equal_bytes(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    result = audit_of(ODD, many=100)
    (first,) = excel.write(result, tmp_path)
    kept = first.read_bytes()
    (second,) = excel.write(result, tmp_path)
    assert kept == second.read_bytes()


def test_the_answer_and_the_limit_are_on_the_first_sheet(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    result = audit_of(ODD)
    cells = [
        str(cell) for row in written(result, tmp_path)["Summary"].iter_rows(values_only=True) for cell in row if cell
    ]
    assert "2 of 8 active credentials unused for 45 days or more; 4 could not be decided; 2 pass." in cells
    assert "45 days or more" in cells
    assert "2026-10-31T23:59:59.999999Z" in cells
