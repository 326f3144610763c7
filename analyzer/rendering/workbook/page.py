"""A sheet that is written from top to bottom: titled tables with texts, numbers, formulas, links and input cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from analyzer.rendering.workbook.measuring import LINE_HEIGHT, height
from analyzer.rendering.workbook.rows import letters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from analyzer.rendering.workbook.engine import Book


class Formula(NamedTuple):
    """A formula, and its value in the run."""

    text: str
    value: int


class Link(NamedTuple):
    """A text with a link to a cell of this workbook, such as `'Findings'!A12`."""

    text: str
    target: str


class Limit(NamedTuple):
    """A number of days that a reader may change; formulas use the `name` of its cell."""

    days: int
    name: str


class Merged(NamedTuple):
    """A wrapped text that fills its column and `more` further columns."""

    text: str
    more: int


_AROUND: Final = 2
"""The characters of a column that the indent and the margins of a heading take,"""
_BOLD: Final = 0.9
"""and the share of the others that fit in bold."""
NOTHING: Final = "\N{EN DASH}"
"""The text in place of a count if there was nothing to count."""
Value: TypeAlias = "str | int | Formula | Link | Limit | Merged"


@dataclass
class Page:
    """A sheet that is being written: `row` is the next free row, `widths` are the column widths in characters."""

    book: Book
    sheet: Worksheet
    widths: Sequence[int]
    row: int = 0

    def __post_init__(self) -> None:
        for column, width in enumerate(self.widths):
            self.sheet.set_column(column, column, width)

    @property
    def last(self) -> int:
        """The last column."""
        return len(self.widths) - 1

    def widen(self, last: int) -> None:
        """Give further columns up to `last` the width of the last column of the page."""
        for column in range(self.last + 1, last + 1):
            self.sheet.set_column(column, column, self.widths[-1])

    def line(self, text: str, style: Format, room: int, line_height: int = LINE_HEIGHT) -> None:
        """Write a text across the page; `room` is the number of characters that fit in a line."""
        self.sheet.set_row(self.row, height(text, room, line_height))
        self.sheet.merge_range(self.row, 0, self.row, self.last, text, style)
        self.row += 1

    def section(self, title: str, last: int = 0) -> None:
        """Begin a section with a title and a line across the page, or up to the column `last`."""
        for column in range(max(last, self.last) + 1):
            self.sheet.write_string(self.row, column, title if column == 0 else "", self.book.styles.section)
        self.row += 1

    def table(self, title: str, header: Sequence[str], rows: Sequence[Sequence[Value]]) -> None:
        """Write a titled table and an empty row after it; a table without rows shows `none`.

        The headings of numeric columns are at the right, and wrapped if they are long. Rows are as high as their merged
        texts need.
        """
        self.section(title, len(header) - 1)
        widths = [*self.widths, *[self.widths[-1]] * len(header)]
        needed = LINE_HEIGHT
        for column, name in enumerate(header):
            style = self.book.styles.indented_header if column else self.book.styles.header
            if any(_is_number(cells[column]) for cells in rows if len(cells) > column):
                style = self.book.styles.wrapped_number_header
                needed = max(needed, height(name, int((widths[column] - _AROUND) * _BOLD)))
            self.sheet.write_string(self.row, column, name, style)
        if needed > LINE_HEIGHT:
            self.sheet.set_row(self.row, needed)
        self.row += 1
        for cells in rows or [["none"]]:
            self.cells(cells)
        self.row += 1

    def pairs(self, title: str, rows: Sequence[tuple[str, Value]]) -> None:
        """Write a titled list of names with their values, and an empty row after it."""
        self.section(title)
        for cells in rows:
            self.cells(cells)
        self.row += 1

    def cells(self, values: Sequence[Value]) -> None:
        """Write a row, except the cells that a merged text covers."""
        needed = [self._height(column, value) for column, value in enumerate(values) if isinstance(value, Merged)]
        if needed:
            self.sheet.set_row(self.row, max(needed))
        taken = -1
        for column, value in enumerate(values):
            if column > taken:
                self._put(column, value)
                taken = column + value.more if isinstance(value, Merged) else column
        self.row += 1

    def _height(self, column: int, merged: Merged) -> int:
        return height(merged.text, sum(self.widths[column : column + merged.more + 1]) * 9 // 10)

    def _put(self, column: int, value: Value) -> None:
        sheet, styles, row = self.sheet, self.book.styles, self.row
        if isinstance(value, Formula):
            sheet.write_formula(row, column, f"={value.text}", styles.number, value.value)
        elif isinstance(value, Link):
            sheet.write_url(row, column, f"internal:{value.target}", styles.link, value.text)
        elif isinstance(value, Limit):
            sheet.write_number(row, column, value.days, styles.input_number)
            days = {"validate": "integer", "criteria": "between", "minimum": 0, "maximum": 36_500}
            sheet.data_validation(
                row,
                column,
                row,
                column,
                {**days, "ignore_blank": False, "error_message": "Enter a whole number of days."},
            )
            self.book.workbook.define_name(value.name, f"='{sheet.get_name()}'!${letters(column)}${row + 1}")
        elif isinstance(value, Merged) and not value.more:
            sheet.write_string(row, column, value.text, styles.wrapped)
        elif isinstance(value, Merged):
            sheet.merge_range(row, column, row, column + value.more, value.text, styles.wrapped)
        elif isinstance(value, str):
            sheet.write_string(row, column, value, self._style_of(column, value))
        else:
            sheet.write_number(row, column, value, styles.number)

    def _style_of(self, column: int, text: str) -> Format:
        """Return the style of a text: indented after the first column; a dash instead of a count is at the right."""
        if text == NOTHING:
            return self.book.styles.number
        return self.book.styles.indented if column else self.book.styles.text


def _is_number(value: Value) -> bool:
    return isinstance(value, int | Limit | Formula)
