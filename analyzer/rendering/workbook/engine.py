"""A workbook to fill: sheets set up for print, tables of any length, and the file that comes of it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer import __version__
from analyzer.rendering.workbook import streaming
from analyzer.rendering.workbook.cells import StyleNumbers, cells
from analyzer.rendering.workbook.measuring import LINE_HEIGHT, lines, measured
from analyzer.rendering.workbook.rows import rows_xml
from analyzer.rendering.workbook.styles import Styles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from analyzer.evidence.tables import Tables

ROW_LIMIT: Final = 1_048_576
"""Rows of a sheet, the header included (Excel specifications and limits)."""
_BLOCK: Final = 10_000
"""Rows that are made at once,"""
_BLOCK_BYTES: Final = 1 << 26
"""and the size of their texts."""
_MADE: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - any fixed time: equal inputs give equal bytes


@dataclass(frozen=True)
class Rows:
    """A table to show, of any length: `read` begins anew each time, and yields at least one batch."""

    count: int
    read: Callable[[], Iterator[pa.Table]]

    @classmethod
    def of(cls, table: pa.Table) -> Rows:
        """Return the rows of a table in memory."""
        return cls(table.num_rows, lambda: iter([table]))

    @classmethod
    def stored(cls, tables: Tables, name: str, columns: Sequence[str] | None = None, most: int | None = None) -> Rows:
        """Return the rows of a stored table, the first `most` of them where that is given."""
        every = tables.rows(name)
        count = every if most is None else min(every, most)
        return cls(count, lambda: _first(tables.batches(name, columns), count))


def _first(batches: Iterator[pa.Table], count: int) -> Iterator[pa.Table]:
    """Yield batches as far as their first `count` rows."""
    for batch in batches:
        yield batch.slice(0, count)
        count -= batch.num_rows
        if count <= 0:
            return


@dataclass(frozen=True)
class Look:
    """How a table is shown.

    One too wide to be read on one printed page names its `leading` column: it is printed `pages_wide` pages wide, with
    the columns up to that one on each. Texts of the columns `wrapped` are broken into lines. The lines of `preface`
    stand above the header. The first `frozen` columns stay where they are when a reader scrolls.
    """

    leading: str | None = None
    pages_wide: int = 2
    wrapped: tuple[str, ...] = ()
    preface: tuple[tuple[str, Format], ...] = ()
    frozen: int = 0

    @property
    def top(self) -> int:
        """The row of the header (0 is the top one)."""
        return len(self.preface) + 1 if self.preface else 0


@dataclass
class Book:
    """A workbook in the making. The rows of its tables are read when it is finished."""

    workbook: Workbook
    row_limit: int = ROW_LIMIT
    styles: Styles = field(init=False)
    places: dict[str, streaming.Place] = field(default_factory=dict)
    """Where rows go, by part."""

    def __post_init__(self) -> None:
        self.styles = Styles(self.workbook)

    def sheet(self, name: str, pages_wide: int = 1) -> Worksheet:
        """Return a new sheet, set up for print: landscape A4, its name and the page number on each page."""
        sheet = self.workbook.add_worksheet(name)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(pages_wide, 0)
        sheet.set_margins(left=0.4, right=0.4, top=0.6, bottom=0.6)
        sheet.set_footer("&L&A&Rpage &P of &N")
        return sheet

    def table(self, name: str, rows: Rows, look: Look | None = None) -> None:
        """Show a table with a frozen, filterable header; what passes the row limit goes on in `name (2)` and so on."""
        look = look or Look()
        schema, widths = measured(rows.read())
        columns = [_Column(name, width, name in look.wrapped) for name, width in zip(schema.names, widths, strict=True)]
        room = max(self.row_limit - look.top - 1, 1)
        blocks = _Blocks(rows.read)
        for number, start in enumerate(range(0, max(rows.count, 1), room), start=1):
            sheet = self.sheet(name if number == 1 else f"{name} ({number})", look.pages_wide if look.leading else 1)
            count = min(rows.count - start, room)
            self._around(sheet, schema, columns, look, count)
            if count:
                streaming.mark(sheet, look.top + 1, self.styles.of_cells)
                xml = partial(_xml, blocks, count, look.top + 1, columns)
                place = streaming.Place(look.top + 1, look.top + count, len(columns), xml)
                self.places[streaming.part_of(len(self.workbook.worksheets()))] = place

    def _around(self, sheet: Worksheet, schema: pa.Schema, columns: Sequence[_Column], look: Look, count: int) -> None:
        """Write all of a table's sheet but the rows."""
        top, last = look.top, look.top + max(count, 1)
        if look.leading:
            sheet.repeat_columns(0, schema.names.index(look.leading))
        for position, column in enumerate(columns):
            sheet.set_column(position, position, column.width)
        for row, (line, style) in enumerate(look.preface):
            sheet.set_row(row, LINE_HEIGHT + 9 if style is self.styles.title else LINE_HEIGHT)
            sheet.write_string(row, 0, line, style)
        sheet.freeze_panes(top + 1, look.frozen)
        sheet.set_row(top, LINE_HEIGHT + 3)
        sheet.repeat_rows(top)
        sheet.autofilter(top, 0, last, len(columns) - 1)
        for position, kind in enumerate(schema):
            if kind.name in {"status", "outcome"}:
                for status, fill in self.styles.fills.items():
                    rule = {"type": "cell", "criteria": "==", "value": f'"{status}"', "format": fill}
                    sheet.conditional_format(top + 1, position, last, position, rule)
            style = self.styles.number_header if pa.types.is_integer(kind.type) else self.styles.header
            sheet.write_string(top, position, kind.name, style)
        if not count:
            sheet.write_string(last, 0, "none", self.styles.text)


@dataclass(frozen=True)
class _Column:
    """A column of a sheet, `width` characters wide."""

    name: str
    width: int
    is_wrapped: bool


def _xml(
    blocks: _Blocks, count: int, first: int, columns: Sequence[_Column], numbers: Sequence[int]
) -> Iterator[memoryview]:
    """Yield the next `count` rows as XML, from row `first` of a sheet on, in the styles of these numbers."""
    styles = StyleNumbers(*numbers)
    for block in blocks.take(count):
        arrays = [_whole(column) for column in block.columns]
        shown = [
            cells(array, styles, is_wrapped=column.is_wrapped) for array, column in zip(arrays, columns, strict=True)
        ]
        yield rows_xml(first, shown, _heights(arrays, columns))
        first += block.num_rows


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.unify_dictionaries().combine_chunks()


def _heights(arrays: Sequence[pa.Array], columns: Sequence[_Column]) -> np.typing.NDArray[np.int64] | None:
    """Return the heights of rows whose texts are broken, 0 for the usual one; None where no column is wrapped."""
    needed = [lines(array, column.width) for array, column in zip(arrays, columns, strict=True) if column.is_wrapped]
    if not needed:
        return None
    most = np.max(needed, axis=0)
    return np.where(most > 1, LINE_HEIGHT * most, 0)


class _Blocks:
    """The rows of a table in blocks of bounded size, whatever the size of its batches; sheets take them in turn."""

    def __init__(self, read: Callable[[], Iterator[pa.Table]]) -> None:
        self._read = read
        self._batches: Iterator[pa.Table] | None = None
        self._left: pa.Table | None = None

    def take(self, count: int) -> Iterator[pa.Table]:
        """Yield the next `count` rows."""
        while count > 0:
            batch = self._next()
            block = batch.slice(0, min(count, _BLOCK))
            while block.num_rows > 1 and _text_bytes(block) > _BLOCK_BYTES:
                block = block.slice(0, block.num_rows // 2)
            self._left = batch.slice(block.num_rows)
            count -= block.num_rows
            yield block

    def _next(self) -> pa.Table:
        """Return what is left of a batch, or the next one."""
        if self._batches is None:
            self._batches = self._read()
        while self._left is None or not self._left.num_rows:
            self._left = next(self._batches)
        return self._left


def _text_bytes(table: pa.Table) -> int:
    """Return how long the texts of a table are together."""
    return sum(int(pc.sum(_lengths(chunk)).as_py() or 0) for column in table.columns for chunk in column.chunks)


def _lengths(values: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        return _lengths(values.dictionary).take(values.indices)
    return pc.binary_length(values) if pa.types.is_string(values.type) else pa.array([], pa.int32())


@contextmanager
def open_book(folder: Path, title: str, row_limit: int = ROW_LIMIT) -> Iterator[tuple[Book, Path]]:
    """Yield a workbook to fill, and its path `workbook.xlsx` in `folder`, where it is written at the end.

    Raises OSError where it cannot be written.
    """
    from xlsxwriter import Workbook  # noqa: PLC0415 - only this format needs it
    from xlsxwriter.exceptions import XlsxFileError  # noqa: PLC0415

    path = folder / "workbook.xlsx"
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
        # Rows wait here until the end: never outside the private folder, and gone with it if the run fails.
        "tmpdir": str(folder),
    }
    unfilled = BytesIO()
    try:
        with Workbook(unfilled, options) as workbook:
            workbook.set_properties({"title": title, "comments": f"credreport {__version__}", "created": _MADE})
            book = Book(workbook, row_limit)
            yield book, path
    except XlsxFileError as error:  # of the library's own kind, on a full disk for one
        raise OSError(str(error)) from error
    streaming.fill(unfilled, path, book.places)
