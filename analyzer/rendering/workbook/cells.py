"""Converts table columns to cells of a sheet.

Other people can write into the texts of reports, so a spreadsheet must not run them. Formulas and links are never made
from data. A text that would become a formula when somebody edits its cell is marked as text (quote prefix).
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.rendering.workbook.rows import Cells

if TYPE_CHECKING:
    import numpy.typing as npt

_TEXT_LIMIT: Final = 32_767
_CUT: Final = " … [cut: longer than a cell can hold]"
_EVALUATED: Final = r"^[=+\-@\t\r]"
"""First characters that make a spreadsheet read an edited text as a formula (OWASP, CSV injection)."""
DAYS_BEFORE_1970: Final = 25_569
"""The days from day 0 of Excel to 1970."""
_FIRST_DAY: Final = 61
"""1900-03-01: before that day, Excel counts a 29 February 1900, which did not exist."""
_LAST_DAY: Final = 2_958_465
"""9999-12-31."""


class StyleNumbers(NamedTuple):
    """The numbers of the cell styles in a workbook (see `Styles.of_cells`)."""

    text: int
    guarded: int
    wrapped: int
    wrapped_guarded: int
    number: int
    time: int
    date: int
    by_hand: int
    by_hand_guarded: int
    by_hand_date: int


class Use(Enum):
    """How the cells of a column are used."""

    SHOWN = "shown"
    WRAPPED = "wrapped"
    """Texts are wrapped."""
    BY_HAND = "by hand"
    """A reviewer fills them in."""


def cells(
    column: pa.Array, styles: StyleNumbers, use: Use, formulas: pa.Array | None = None, *, has_dates: bool = False
) -> Cells:
    """Return the cells of a column, with `formulas` where they are not null; `has_dates`: texts may be ISO dates."""
    column_cells = _cells(column, styles, use)
    if has_dates:
        days = _days_in(column)
        style = styles.by_hand_date if use is Use.BY_HAND else styles.date
        column_cells = Cells(days.cast(pa.string()), style, is_number=True, instead=column_cells)
    return column_cells if formulas is None else replace(column_cells, formulas=formulas)


def _days_in(texts: pa.Array) -> pa.Array:
    """Return ISO dates as the day numbers of spreadsheets; null for other texts."""
    is_date = pc.fill_null(pc.match_substring_regex(texts, r"^\d{4}-\d{2}-\d{2}$"), fill_value=False)
    times = pc.strptime(pc.if_else(is_date, texts, None), "%Y-%m-%d", "s", error_is_null=True)
    days = pc.add(pc.divide(times.cast(pa.int64()), 86_400), DAYS_BEFORE_1970)
    return pc.if_else(pc.and_(pc.greater_equal(days, _FIRST_DAY), pc.less_equal(days, _LAST_DAY)), days, None)


def _cells(column: pa.Array, styles: StyleNumbers, use: Use) -> Cells:
    kind = column.type
    if pa.types.is_date(kind):
        days = pc.add(column.cast(pa.int32()), DAYS_BEFORE_1970)
        return Cells(days.cast(pa.string()), styles.date, is_number=True)
    if pa.types.is_timestamp(kind):
        return _times(column, styles)
    if pa.types.is_boolean(kind):
        return Cells(pc.if_else(column, "true", "false"), styles.text)
    if pa.types.is_integer(kind):
        return Cells(column.cast(pa.string()), styles.number, is_number=True)
    plain, guarded = {
        Use.SHOWN: (styles.text, styles.guarded),
        Use.WRAPPED: (styles.wrapped, styles.wrapped_guarded),
        Use.BY_HAND: (styles.by_hand, styles.by_hand_guarded),
    }[use]
    if pa.types.is_dictionary(kind):
        texts = pa.DictionaryArray.from_arrays(column.indices, fitted(column.dictionary))
        evaluated = pc.match_substring_regex(texts.dictionary, _EVALUATED).take(texts.indices)
    else:
        texts = fitted(column.cast(pa.string()))
        evaluated = pc.match_substring_regex(texts, _EVALUATED)
    return Cells(texts, plain, in_second_style=_true(evaluated), second_style=guarded)


def days_of(seconds: npt.NDArray[np.int64] | np.int64) -> npt.NDArray[np.float64] | np.float64:
    """Return whole seconds since 1970 as the day numbers of spreadsheets."""
    return (seconds + DAYS_BEFORE_1970 * 86_400) / 86_400


def _times(column: pa.Array, styles: StyleNumbers) -> Cells:
    """Return times as day numbers, cut to the second, because rounding could move them to the next day.

    Times that Excel cannot hold or gets wrong (before 1900-03-01) are written as text.
    """
    micros = np.asarray(pc.fill_null(column.cast(pa.int64()), 0))
    seconds = np.floor_divide(micros, 1_000_000)
    days = days_of(seconds)
    has_time = np.asarray(column.is_valid())
    fits = (days >= _FIRST_DAY) & (days < _LAST_DAY + 1)
    instead = None
    if (has_time & ~fits).any():
        times = pa.array(seconds, mask=~has_time | fits).cast(pa.timestamp("s"))
        instead = Cells(pc.strftime(times, "%Y-%m-%dT%H:%M:%SZ"), styles.text)
    numbers = pa.array(days, mask=~(has_time & fits)).cast(pa.string())
    return Cells(numbers, styles.time, is_number=True, instead=instead)


def _true(mask: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(pc.fill_null(mask, fill_value=False))


def fitted(texts: pa.Array) -> pa.Array:
    """Return texts, cut to the length that a cell can hold."""
    long = _true(pc.greater(pc.binary_length(texts), _TEXT_LIMIT))
    if not long.any():
        return texts
    cut = [_fitting(text) for text in texts.filter(pa.array(long)).to_pylist()]
    return pc.replace_with_mask(texts, pa.array(long), pa.array(cut, pa.string()))


def _fitting(text: str) -> str:
    """Return a text, cut and marked if it is longer than a cell can hold; Excel counts UTF-16 units."""
    units = text.encode("utf-16-le")
    if len(units) <= 2 * _TEXT_LIMIT:
        return text
    return units[: 2 * (_TEXT_LIMIT - len(_CUT))].decode("utf-16-le", errors="ignore") + _CUT
