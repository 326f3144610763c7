"""Writes workbooks: sheets set up for print, with tables of any length."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer import __version__
from analyzer.rendering.workbook import streaming
from analyzer.rendering.workbook.cells import StyleNumbers, Use, cells, fitted
from analyzer.rendering.workbook.formulas import SharedFormulas
from analyzer.rendering.workbook.measuring import LINE_HEIGHT, SMALL_LINE_HEIGHT, SMALLER, lines, measured
from analyzer.rendering.workbook.rows import letters, rows_xml
from analyzer.rendering.workbook.styles import Styles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from analyzer.evidence.tables import Tables
    from analyzer.rendering.workbook.formulas import Formulas
    from analyzer.rendering.workbook.texts import SharedTexts

ROW_LIMIT: Final = 1_048_576
"""The most rows of a sheet, with the header (Excel specifications and limits)."""
_BLOCK: Final = 10_000
"""The most rows of a block."""
_BLOCK_BYTES: Final = 1 << 26
"""The most bytes of the texts of a block."""
_ALLOWED: Final = {"autofilter": True, "format_cells": True, "format_columns": True, "format_rows": True}
"""What readers may do in protected sheets, apart from filling in the cells that are not locked."""


@dataclass(frozen=True)
class TableRows:
    """A table of any length: each call of `read` starts at the first row and yields at least one batch."""

    count: int
    read: Callable[[], Iterator[pa.Table]]
    columns: tuple[str, ...]

    @classmethod
    def of(cls, table: pa.Table) -> TableRows:
        """Return the rows of a table in memory."""
        return cls(table.num_rows, lambda: iter([table]), tuple(table.column_names))

    @classmethod
    def stored(
        cls, tables: Tables, name: str, columns: Sequence[str] | None = None, most: int | None = None
    ) -> TableRows:
        """Return the rows of a stored table, or only its first `most` rows."""
        row_count = tables.rows(name)
        count = row_count if most is None else min(row_count, most)
        names = columns or next(tables.batches(name)).column_names
        return cls(count, lambda: _first(tables.batches(name, columns), count), tuple(names))

    def each(self, change: Callable[[pa.Table], pa.Table], columns: Sequence[str]) -> TableRows:
        """Return the rows with `change` applied to each batch; `columns` are the columns after it."""
        return TableRows(self.count, lambda: map(change, self.read()), tuple(columns))


def _first(batches: Iterator[pa.Table], count: int) -> Iterator[pa.Table]:
    """Yield the first `count` rows of batches."""
    for batch in batches:
        yield batch.slice(0, count)
        count -= batch.num_rows
        if count <= 0:
            return


@dataclass(frozen=True)
class SheetLayout:
    """How a table is shown.

    A table that is too wide for one printed page has a `leading` column: it is printed `pages_wide` pages wide, and the
    columns up to the leading one are repeated on each page. Texts of the columns in `wrapped` are wrapped. The lines of
    `preface` are above the header. The first `frozen` columns stay in place when a reader scrolls.

    Readers fill in the columns in `by_hand`. ISO dates in the columns in `dates` become dates. `widths` are widths of
    columns in characters, instead of the widths of their texts. A `small` sheet has letters of 9 points.
    `formulas` returns the formulas of some columns for a batch of rows. `empty` is the text of a table without rows.
    """

    leading: str | None = None
    pages_wide: int = 2
    wrapped: tuple[str, ...] = ()
    preface: tuple[tuple[str, Format], ...] = ()
    frozen: int = 0
    by_hand: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    widths: Mapping[str, int] = field(default_factory=dict)
    small: bool = False
    empty: str = "none"
    formulas: Callable[[pa.Table], Mapping[str, Formulas]] | None = None

    @property
    def top(self) -> int:
        """The row of the header (0 is the top row)."""
        return len(self.preface) + 1 if self.preface else 0


@dataclass(frozen=True)
class TableSheet:
    """A sheet that shows a table. The places of its columns are known before it is written."""

    name: str
    rows: TableRows
    look: SheetLayout = field(default_factory=SheetLayout)
    left_out: int = 0
    """The number of rows of the table that are not in the sheet."""

    def cells(self, column: str, row_limit: int) -> str | None:
        """Return the range of a column for formulas; None if the sheet does not hold all rows of the table."""
        if self.left_out or self.rows.count > _room(self.look, row_limit):
            return None
        name, first = letters(self.rows.columns.index(column)), self.look.top + 2
        return f"'{self.name}'!${name}${first}:${name}${first + max(self.rows.count, 1) - 1}"


def _room(look: SheetLayout, row_limit: int) -> int:
    """Return the most rows of a table that fit in a sheet."""
    return max(row_limit - look.top - 1, 1)


@dataclass
class Book:
    """A workbook that is being written. The rows of its tables are read when it is finished."""

    workbook: Workbook
    row_limit: int = ROW_LIMIT
    protected: bool = False
    styles: Styles = field(init=False)
    rows_by_part: dict[str, streaming.SheetRows] = field(default_factory=dict)
    """The rows to insert, by part of the workbook."""

    def __post_init__(self) -> None:
        self.styles = Styles(self.workbook)

    def sheet(self, name: str, pages_wide: int = 1) -> Worksheet:
        """Return a new sheet, set up for print: landscape A4, with its name and the page number on each page.

        It is made smaller if it does not fit on `pages_wide` pages side by side. In a `protected` workbook, all cells
        are locked except input cells, without a password.
        """
        sheet = self.workbook.add_worksheet(name)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(pages_wide, 0)
        if self.protected:
            sheet.protect("", _ALLOWED)
        sheet.set_margins(left=0.4, right=0.4, top=0.6, bottom=0.6)
        sheet.set_footer("&L&A&Rpage &P of &N")
        return sheet

    def table(self, name: str, rows: TableRows, look: SheetLayout | None = None) -> None:
        """Write a sheet with a table (see `show`)."""
        self.show(TableSheet(name, rows, look or SheetLayout()))

    def show(self, shown: TableSheet) -> None:
        """Write a sheet with a frozen header and a filter. Rows over the row limit continue in `name (2)` and so on."""
        name, rows, look = shown.name, shown.rows, shown.look
        measures = measured(rows.read())
        schema, texts = measures.schema, [text for column in measures.texts.values() for text in column]
        texts = fitted(pa.array(texts, pa.string())).to_pylist()
        columns = [
            _Column(name, look.widths.get(name, width), _use(name, look), is_shared=name in measures.texts)
            for name, width in zip(schema.names, measures.widths, strict=True)
        ]
        room = _room(look, self.row_limit)
        blocks = _Blocks(rows.read)
        pages = look.pages_wide if look.leading else 1
        for number, start in enumerate(range(0, max(rows.count, 1), room), start=1):
            sheet = self.sheet(name if number == 1 else f"{name} ({number})", pages)
            count = min(rows.count - start, room)
            self._around(sheet, schema, columns, look, count)
            if count:
                streaming.mark(sheet, look.top + 1, self.styles.of_cells(small=look.small))
                xml = partial(_xml, blocks, count, look, columns)
                sheet_rows = streaming.SheetRows(look.top + 1, look.top + count, len(columns), xml, texts)
                self.rows_by_part[streaming.part_of(len(self.workbook.worksheets()))] = sheet_rows

    def _around(
        self, sheet: Worksheet, schema: pa.Schema, columns: Sequence[_Column], look: SheetLayout, count: int
    ) -> None:
        """Write all parts of the sheet of a table except the rows."""
        top, last = look.top, look.top + max(count, 1)
        if look.leading:
            sheet.repeat_columns(0, schema.names.index(look.leading))
        for position, column in enumerate(columns):
            by_hand = self.styles.small_input if look.small else self.styles.input
            sheet.set_column(position, position, column.width, by_hand if column.use is Use.BY_HAND else None)
        for row, (line, style) in enumerate(look.preface):
            sheet.set_row(row, LINE_HEIGHT + 9 if style is self.styles.title else LINE_HEIGHT)
            sheet.write_string(row, 0, line, style)
            self._lock(sheet, row, columns)
        if look.preface:
            self._lock(sheet, top - 1, columns)
        sheet.freeze_panes(top + 1, look.frozen)
        sheet.set_row(top, 2 * LINE_HEIGHT if look.small else LINE_HEIGHT + 3)
        sheet.repeat_rows(top)
        sheet.autofilter(top, 0, last, len(columns) - 1)
        for position, kind in enumerate(schema):
            if kind.name in {"status", "outcome"}:
                for status, fill in self.styles.fills.items():
                    rule = {"type": "cell", "criteria": "==", "value": f'"{status}"', "format": fill}
                    sheet.conditional_format(top + 1, position, last, position, rule)
            style = self.styles.number_header if pa.types.is_integer(kind.type) else self.styles.header
            style = self.styles.small_header if look.small else style
            sheet.write_string(top, position, kind.name, style)
        if not count:
            sheet.write_string(last, 0, look.empty, self.styles.text)

    def _lock(self, sheet: Worksheet, row: int, columns: Sequence[_Column]) -> None:
        """Give the cells above input columns a locked style without a border: they are not input cells."""
        for position, column in enumerate(columns):
            if column.use is Use.BY_HAND:
                sheet.write_blank(row, position, None, self.styles.empty)


@dataclass(frozen=True)
class _Column:
    """A column of a sheet, `width` characters wide. If it `is_shared`, many cells have the same text."""

    name: str
    width: int
    use: Use
    is_shared: bool


def _use(name: str, look: SheetLayout) -> Use:
    if name in look.by_hand:
        return Use.BY_HAND
    return Use.WRAPPED if name in look.wrapped else Use.SHOWN


def _xml(  # noqa: PLR0913 - the rows, what is shown of them, and the styles and texts of the workbook
    blocks: _Blocks,
    count: int,
    look: SheetLayout,
    columns: Sequence[_Column],
    numbers: Sequence[int],
    texts: SharedTexts,
) -> Iterator[memoryview]:
    """Yield the XML of the next `count` rows of a sheet; `numbers` are the numbers of the styles."""
    styles, first = StyleNumbers(*numbers), look.top + 1
    shared = SharedFormulas([column.name for column in columns], look.top + count + 1)
    for block in blocks.take(count):
        arrays = [_whole(column) for column in block.columns]
        formulas = {} if look.formulas is None else shared.xml(look.formulas(block), first + 1)
        shown = [
            replace(
                cells(array, styles, column.use, formulas.get(column.name), has_dates=column.name in look.dates),
                shared=texts if column.is_shared else None,
            )
            for array, column in zip(arrays, columns, strict=True)
        ]
        yield rows_xml(first, shown, _heights(arrays, columns, small=look.small))
        first += block.num_rows


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array; as plain texts if its dictionary has more texts than the column has rows."""
    values = column.unify_dictionaries().combine_chunks()
    if pa.types.is_dictionary(values.type) and len(values.dictionary) > len(values):
        return values.dictionary_decode()
    return values


def _heights(
    arrays: Sequence[pa.Array], columns: Sequence[_Column], *, small: bool
) -> np.typing.NDArray[np.int64] | None:
    """Return the heights of rows with wrapped texts, 0 for the default height; None if no column is wrapped."""
    scale, line_height = (SMALLER, SMALL_LINE_HEIGHT) if small else (1, LINE_HEIGHT)
    lines_by_column = [
        lines(array, int(column.width / scale))
        for array, column in zip(arrays, columns, strict=True)
        if column.use is not Use.SHOWN
    ]
    if not lines_by_column:
        return None
    line_counts = np.max(lines_by_column, axis=0)
    return np.where(line_counts > 1, line_height * line_counts, 0)


class _Blocks:
    """The rows of a table in blocks of bounded size, whatever the size of its batches; sheets take them in turn."""

    def __init__(self, read: Callable[[], Iterator[pa.Table]]) -> None:
        self._read = read
        self._batches: Iterator[pa.Table] | None = None
        self._remaining: pa.Table | None = None

    def take(self, count: int) -> Iterator[pa.Table]:
        """Yield the next `count` rows."""
        while count > 0:
            batch = self._next()
            block = batch.slice(0, min(count, _BLOCK))
            while block.num_rows > 1 and _text_bytes(block) > _BLOCK_BYTES:
                block = block.slice(0, block.num_rows // 2)
            self._remaining = batch.slice(block.num_rows)
            count -= block.num_rows
            yield block

    def _next(self) -> pa.Table:
        """Return the rest of the current batch, or the next batch."""
        if self._batches is None:
            self._batches = self._read()
        while self._remaining is None or not self._remaining.num_rows:
            self._remaining = next(self._batches)
        return self._remaining


def _text_bytes(table: pa.Table) -> int:
    """Return the number of bytes of all texts in a table."""
    return sum(int(pc.sum(_lengths(chunk)).as_py() or 0) for column in table.columns for chunk in column.chunks)


def _lengths(values: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        return _lengths(values.dictionary).take(values.indices)
    return pc.binary_length(values) if pa.types.is_string(values.type) else pa.array([], pa.int32())


@contextmanager
def open_book(path: Path, title: str, row_limit: int = ROW_LIMIT, *, protected: bool = False) -> Iterator[Book]:
    """Yield a workbook to fill and write it to `path` at the end. Raises OSError if it cannot be written."""
    from xlsxwriter import Workbook  # noqa: PLC0415 - only this format needs it
    from xlsxwriter.exceptions import XlsxFileError  # noqa: PLC0415

    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
        # XlsxWriter keeps rows in this folder until the end. It is private and removed if the run fails.
        "tmpdir": str(path.parent),
    }
    unfilled = BytesIO()
    try:
        with Workbook(unfilled, options) as workbook:
            workbook.set_properties({"title": title, "comments": f"credreport {__version__}"})
            book = Book(workbook, row_limit, protected)
            yield book
    except XlsxFileError as error:  # XlsxWriter's own error, for example on a full disk
        raise OSError(str(error)) from error
    streaming.fill(unfilled, path, book.rows_by_part)
