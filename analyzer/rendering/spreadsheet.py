"""What a spreadsheet makes of texts, and how they are kept from becoming formulas."""

from __future__ import annotations

from typing import Final

FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""First characters by which a spreadsheet takes a cell for a formula (OWASP, "CSV Injection")."""


def guarded(cell: str) -> str:
    """Return the text of a CSV cell that no spreadsheet takes for a formula: an apostrophe stands before it."""
    return f"'{cell}" if cell.startswith(FORMULA_SIGNS) else cell
