"""Refuse spreadsheets that are nearly empty but very large.

The library that opens spreadsheets creates every cell up to the last one with content. A few bytes can place a cell in
the last row and column of a sheet, with 17 billion empty cells before it. XLSX numbers rows and cells (ECMA-376,
18.3.1); OpenDocument stores how often each is repeated (part 3, 9.1).
"""

from __future__ import annotations

import re
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.reading.forms.content import DamagedError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST: Final = 4_000_000
"""A number of cells that is always accepted: those of a report with 180,000 users."""
_FAR: Final = re.compile(
    rb"""\sr=["'](?:[A-Z]{3,}|[B-Z][A-Z])\d|\sr=["'][A-Z]*\d{6}|-repeated=["']\d{3}""",
)
"""A column after AZ, a row after 99,999, or many repetitions.

A sheet without these has up to `_MOST` cells, or most of its cells are written in the file.
"""
_TAG: Final = re.compile(rb"<(?:[\w-]+:)?(row|c|table-row|table-cell|covered-table-cell)(\s[^<>]*?)?(/?)>")
_PLACE: Final = re.compile(rb"""\sr=["']([A-Z]{0,7})(\d{0,15})["']""")
_TIMES: Final = re.compile(rb"""-repeated=["'](\d{1,15})["']""")


class _Reach(NamedTuple):
    """The last row and the last column with content, counted from 1; zeros for an empty sheet."""

    row: int
    column: int

    @property
    def cells(self) -> int:
        return self.row * self.column


def require_dense(data: bytes) -> None:
    """Raise DamagedError if a sheet is far larger than its content. Also raises BadZipFile and errors of unpacking."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        for name in archive.namelist():
            if not name.endswith((".xml", ".XML")):
                continue
            text = archive.read(name)
            if _FAR.search(text) is None:
                continue
            reach = _reach(text)
            if reach.cells > max(_MOST, len(text)):
                raise DamagedError(
                    f"the spreadsheet reaches to row {reach.row:,} and column {reach.column:,}, but is nearly empty; "
                    "delete the distant cells, or save the sheet as CSV and name that file"
                )


def _reach(text: bytes) -> _Reach:
    row = column = 0
    for at_row, at_column in _filled(text):
        row, column = max(row, at_row), max(column, at_column)
    return _Reach(row, column)


def _filled(text: bytes) -> Iterator[tuple[int, int]]:
    """Yield the row and column of each cell with content; for a repeated cell, those of the last repetition."""
    row = column = 0
    for tag, attributes, closed in _TAG.findall(text):
        position, times = _PLACE.search(attributes), _TIMES.search(attributes)
        repetitions = int(times[1]) if times else 1
        if tag.endswith(b"row"):
            row, column = (int(position[2]) if position and position[2] else row + repetitions), 0
            continue
        if position and position[1]:
            row, column = int(position[2] or row), _number(position[1])
        else:
            column += repetitions
        if not closed:
            yield row, column


def _number(letters: bytes) -> int:
    """Return the number of a column: A is 1, Z 26, AA 27."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
