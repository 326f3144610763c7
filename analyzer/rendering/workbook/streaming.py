"""Writes long tables into a workbook in bounded memory: XlsxWriter writes the book, then the rows are inserted.

XlsxWriter writes the sheet of each table with all except the rows (columns, filter, frozen header, print set-up). In
place of the rows there is one *marker row* with an empty cell for each style. The XML of the marker row shows the
number of each style. Then the book is copied, and the rows made by `rows.rows_xml` replace the marker row. This relies
only on public functions of XlsxWriter and on the file format (ECMA-376).
"""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import IO, TYPE_CHECKING, Final, TypeAlias
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from analyzer.rendering.workbook import texts
from analyzer.rendering.workbook.rows import letters
from analyzer.rendering.workbook.texts import SharedTexts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

_Piece: TypeAlias = bytes | bytearray | memoryview
_PIECE: Final = 1 << 20
_PROPERTIES: Final = "docProps/core.xml"
_DATES: Final = re.compile(rb"<dcterms:(created|modified)[^>]*>[^<]*</dcterms:\1>")
"""The dates that XlsxWriter adds. They are removed, because equal results must give equal bytes."""
_ENTRY_TIME: Final = (1980, 1, 1, 0, 0, 0)
"""The time of each zip entry, the earliest that a zip can hold: equal contents give equal bytes."""
_UNIX: Final = 3
_LEVEL: Final = 2
"""The compression level. The default, 6, makes long tables a sixth smaller, but doubles the time of the whole run."""
_MOST_BYTES: Final = (1 << 31) - 1
"""The most bytes of one part: more need ZIP64, which not every program reads."""


@dataclass(frozen=True)
class SheetRows:
    """Rows to insert in a sheet: from row `first` (0 is the top row) to `last`, with this number of `columns`.

    `xml` makes them as pieces of XML from the numbers of the marked styles and the shared texts, to which the `texts`
    of these rows are added.
    """

    first: int
    last: int
    columns: int
    xml: Callable[[Sequence[int], SharedTexts], Iterable[_Piece]]
    texts: Sequence[str]


def mark(sheet: Worksheet, row: int, styles: Iterable[Format]) -> None:
    """Write the marker row, which `fill` replaces later."""
    for column, style in enumerate(styles):
        sheet.write_blank(row, column, None, style)


def part_of(sheet: int) -> str:
    """Return the name of the part of a sheet in the book; sheets are counted from 1."""
    return f"xl/worksheets/sheet{sheet}.xml"


def fill(book: IO[bytes], path: Path, rows_by_part: Mapping[str, SheetRows]) -> None:
    """Copy a book to `path` and insert `rows_by_part`. Raises OSError if they cannot be written."""
    with ZipFile(book) as source, ZipFile(path, "w", ZIP_DEFLATED) as target:
        shared = SharedTexts()
        for name in source.namelist():
            with source.open(name) as old, target.open(_entry(name), "w") as new:
                if name in rows_by_part:
                    shared.add(rows_by_part[name].texts)
                    _fill_part(old.read(), new, rows_by_part[name], shared)
                elif name in texts.NAMING_PARTS:
                    end, element = texts.NAMING_PARTS[name]
                    new.write(old.read().replace(end, element + end))
                elif name == _PROPERTIES:
                    new.write(_DATES.sub(b"", old.read()))
                else:
                    shutil.copyfileobj(old, new, _PIECE)
        with target.open(_entry(texts.PART), "w") as new:
            _write_evenly(new, shared.pieces())


def _entry(name: str) -> ZipInfo:
    """Return the entry of a part; equal contents give equal bytes."""
    entry = ZipInfo(name, _ENTRY_TIME)
    entry.compress_type = ZIP_DEFLATED
    entry._compresslevel = _LEVEL  # type: ignore[attr-defined]  # noqa: SLF001 - public from Python 3.13 on
    entry.create_system = _UNIX  # otherwise the bytes depend on the system
    return entry


def _fill_part(marked: bytes, out: IO[bytes], sheet_rows: SheetRows, shared: SharedTexts) -> None:
    """Write a sheet, with `sheet_rows` instead of its marker row."""
    before, styles, after = _split(marked, sheet_rows.first + 1)
    whole = f'<dimension ref="A1:{letters(sheet_rows.columns - 1)}{sheet_rows.last + 1}"/>'.encode()
    before = re.sub(rb'<dimension ref="[^"]*"/>', whole, before, count=1)
    with ThreadPoolExecutor(1) as thread:
        _write_evenly(out, chain([before], _made_ahead(iter(sheet_rows.xml(styles, shared)), thread), [after]))


def _made_ahead(pieces: Iterator[_Piece], thread: ThreadPoolExecutor) -> Iterator[_Piece]:
    """Yield pieces; `thread` makes the next one while the caller compresses this one."""
    upcoming = thread.submit(next, pieces, None)
    while (piece := upcoming.result()) is not None:
        upcoming = thread.submit(next, pieces, None)
        yield piece


def _write_evenly(out: IO[bytes], pieces: Iterable[_Piece]) -> None:
    """Write pieces of a part so that its bytes do not depend on where they are cut."""
    even = _EvenPieces(out)
    for piece in pieces:
        even.write(piece)
    even.close()


def _split(sheet: bytes, row: int) -> tuple[bytes, list[int], bytes]:
    """Return the XML before the marker row (1 is the top row), the styles of its cells, and the XML after it."""
    match = re.search(rb'<row r="%d"[^>]*>((?:<c r="[A-Z]+%d" s="\d+"/>)+)</row>' % (row, row), sheet)
    if match is None:
        raise ValueError(f"no marker row {row} in the sheet")
    styles = [int(number) for number in re.findall(rb' s="(\d+)"', match[1])]
    return sheet[: match.start()], styles, sheet[match.end() :]


class _EvenPieces:
    """Writes pieces of equal size, because the output of a compressor may depend on the sizes of the pieces."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._waiting = bytearray()
        self._size = 0

    def write(self, data: _Piece) -> None:
        rest = memoryview(data)
        if self._waiting:
            room = _PIECE - len(self._waiting)
            self._waiting += rest[:room]
            rest = rest[room:]
        if len(self._waiting) == _PIECE:
            self.close()
        whole = len(rest) // _PIECE * _PIECE
        for start in range(0, whole, _PIECE):
            self._put(rest[start : start + _PIECE])
        self._waiting += rest[whole:]

    def close(self) -> None:
        self._put(self._waiting)
        self._waiting = bytearray()

    def _put(self, piece: _Piece) -> None:
        self._size += len(piece)
        if self._size > _MOST_BYTES:
            raise OSError("a sheet would have more than 2 GiB; choose fewer rows with --workbook-rows")
        self._out.write(piece)
