"""Writes an audit sample as `sample.csv` and as a workbook, with empty columns for the tester."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

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
    "number": 8,
    "account_id": 13,
    "user": 15,
    "credential": 12,
    "status": 10,
    "waiver": 8,
    "message": 18,
    "captured_at": 12,
    "source": 20,
    "line": 5,
    "stratum": 14,
    "stratum_size": 12,
    "tested_by": 9,
    "tested_on": 10,
    "evidence_seen": 14,
    "result": 8,
    "comment": 15,
}
"""The columns of the sheet with their widths in characters: on paper they are as wide as landscape A4. Those of strata
are there only if the sample has strata. The CSV has all columns."""
_WRAPPED: Final = ("user", "waiver", "message", "captured_at", "source", "stratum")
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
    tables = TablesInMemory({"sample": _for_paper(table)})
    look = SheetLayout(wrapped=_WRAPPED, by_hand=FOR_THE_TESTER, dates=("tested_on",), widths=_WIDTHS)
    return [path, *write_tables(title, drawn.lines, drawn.method, tables, ["sample"], folder, look, _SIGNED_BY)]


def _for_paper(table: pa.Table) -> pa.Table:
    """Return the columns of the sheet; capture times are texts, cut to the second, of which the time can be wrapped."""
    table = table.select([name for name in _WIDTHS if name in table.column_names])
    times = table["captured_at"].cast(pa.timestamp("s"), safe=False)
    texts = pc.strftime(times, format="%Y-%m-%d %H:%M:%SZ")
    return table.set_column(table.column_names.index("captured_at"), "captured_at", texts)


def _plain(cell: Any) -> str:  # noqa: ANN401 - a value of any column
    if cell is None:
        return ""
    return str(iso(cell)) if hasattr(cell, "isoformat") else str(cell)
