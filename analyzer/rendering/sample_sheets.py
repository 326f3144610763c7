"""Writes an audit sample as `sample.csv` and as a workbook, with empty columns for the tester."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from analyzer.evidence.plain import iso
from analyzer.evidence.sample import FOR_THE_TESTER
from analyzer.evidence.schema import TEXT
from analyzer.evidence.tables import TablesInMemory
from analyzer.rendering.spreadsheet import guarded, quoted_rows
from analyzer.rendering.workbook.book import write_tables
from analyzer.rendering.workbook.engine import SheetLayout

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.evidence.sample import Drawn


_WIDTHS: Final = {
    "number": 9,
    "account_id": 13,
    "user": 15,
    "credential": 12,
    "status": 10,
    "waiver": 8,
    "message": 19,
    "source": 22,
    "line": 5,
    "tested_by": 9,
    "tested_on": 10,
    "evidence_seen": 14,
    "result": 8,
    "comment": 15,
}
"""The columns of the sheet with their widths in characters: on paper they are as wide as landscape A4. The CSV has all
columns."""
_SIGNED_BY: Final = (("Drawn by", "Drawn on"), ("Reviewed by", "Reviewed on"))
"""The labels of the cells for names and dates."""


def write_sample(drawn: Drawn, folder: Path) -> list[Path]:
    """Write the sample into `folder` and return its files. Raises OSError if they cannot be written."""
    numbers = pa.array(range(1, len(drawn.rows) + 1), pa.int32())
    table = drawn.rows.add_column(0, "number", numbers)
    for name in FOR_THE_TESTER:
        table = table.append_column(name, pa.nulls(len(table), TEXT))
    path = folder / "sample.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = quoted_rows(file)
        rows.writerow(table.column_names)
        rows.writerows([guarded(_plain(cell)) for cell in row.values()] for row in table.to_pylist())
    title = f"Audit sample of {drawn.check.control.id}"
    tables = TablesInMemory({"sample": table.select(list(_WIDTHS))})
    look = SheetLayout(
        wrapped=("user", "waiver", "message", "source"), by_hand=FOR_THE_TESTER, dates=("tested_on",), widths=_WIDTHS
    )
    return [path, *write_tables(title, drawn.lines, drawn.method, tables, ["sample"], folder, look, _SIGNED_BY)]


def _plain(cell: Any) -> str:  # noqa: ANN401 - a value of any column
    if cell is None:
        return ""
    return str(iso(cell)) if hasattr(cell, "isoformat") else str(cell)
