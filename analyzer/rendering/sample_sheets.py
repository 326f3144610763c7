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
from analyzer.rendering.workbook.engine import Look

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.evidence.sample import Drawn


_ON_PAPER: Final = ("number", "account_id", "user", "credential", "status", "message", "source", "line")
"""The columns of the sheet, which must fit on a printed page; the CSV has all columns."""


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
    tables = TablesInMemory({"sample": table.select([*_ON_PAPER, *FOR_THE_TESTER])})
    look = Look(wrapped=("message", "source"))
    return [path, *write_tables(title, drawn.lines, drawn.method, tables, ["sample"], folder, look)]


def _plain(cell: Any) -> str:  # noqa: ANN401 - a value of any column
    if cell is None:
        return ""
    return str(iso(cell)) if hasattr(cell, "isoformat") else str(cell)
