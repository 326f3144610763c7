"""What a spreadsheet makes of texts, and how they are kept from becoming formulas."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _csv import Writer
    from typing import TextIO

FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""First characters by which a spreadsheet takes a cell for a formula (OWASP, "CSV Injection")."""


def quoted_rows(file: TextIO) -> Writer:
    """Return what writes rows of CSV, each cell in quotes: else a carriage return in one would end its line."""
    return csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)


def guarded(cell: str) -> str:
    """Return the text of a CSV cell that no spreadsheet takes for a formula: an apostrophe stands before it."""
    return f"'{cell}" if cell.startswith(FORMULA_SIGNS) else cell
