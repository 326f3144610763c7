"""Keeps texts from becoming formulas in a spreadsheet."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _csv import Writer
    from typing import TextIO

FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""First characters that make a spreadsheet read a cell as a formula (OWASP, "CSV Injection")."""


def quoted_rows(file: TextIO) -> Writer:
    """Return a CSV writer that quotes each cell: otherwise a carriage return in a cell would end the row."""
    return csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)


def guarded(cell: str) -> str:
    """Return the text of a CSV cell, with an apostrophe before it if a spreadsheet would read it as a formula."""
    return f"'{cell}" if cell.startswith(FORMULA_SIGNS) else cell
