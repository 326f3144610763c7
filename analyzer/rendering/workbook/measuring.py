"""Computes column widths and row heights, because spreadsheets do not adjust them when they open a file.

Widths are in characters (the width of a digit, as in Excel), heights in points.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt

LINE_HEIGHT: Final = 15
SMALL_LINE_HEIGHT: Final = 12
SMALLER: Final = 9 / 11
"""The width of a small character relative to a normal one."""
MOST_LINES: Final = 27
"""The most lines of a row: Excel allows 409 points."""

_WIDEST: Final = {"sha256": 66, "message": 100, "value": 40, "last_used_service": 20}
"""The greatest width of these columns; `_WIDEST_TEXT` applies to all others."""
_WIDEST_TEXT: Final = 60
_LEAST: Final = {"result": 16, "evidence_seen": 30, "comment": 30}
"""The smallest width of columns for input."""
_ROOM: Final = 2
_FILTER_ARROW: Final = 4
_TIME_WIDTH: Final = 22
_FILLED: Final = 0.85
"""The filled share of a line: words rarely end at the edge, and capitals are wider than digits."""
_TWO_WIDE: Final = (
    r"[\x{1100}-\x{115F}\x{2E80}-\x{D7FF}\x{F900}-\x{FAFF}\x{FE30}-\x{FE4F}\x{FF00}-\x{FF60}\x{1F300}-\x{1FAFF}]"
)
"""East Asian characters and emoji, which are two characters wide."""


@dataclass(frozen=True)
class Measures:
    """What has to be known of a table before it is written.

    `widths` are the widths that the columns need for header and cells. `texts` has the texts of each column whose texts
    many cells have, sorted: whatever the batches, they are the same.
    """

    schema: pa.Schema
    widths: list[int]
    texts: dict[str, list[str]]


def measured(batches: Iterable[pa.Table]) -> Measures:
    """Return the measures of a table."""
    longest: dict[str, int] = {}
    texts: dict[str, set[str]] = {}
    schema = pa.schema([])
    for batch in batches:
        schema = batch.schema
        longest = {name: max(longest.get(name, 0), _longest(batch[name])) for name in batch.column_names}
        for name in batch.column_names:
            if pa.types.is_dictionary(batch[name].type):
                texts.setdefault(name, set()).update(_texts_in(batch[name]))
    widths = [_width(field, longest[field.name]) for field in schema]
    return Measures(schema, widths, {name: sorted(column) for name, column in texts.items()})


def _texts_in(column: pa.ChunkedArray) -> Iterator[str]:
    """Yield the texts that cells have; a dictionary may have others."""
    for chunk in column.chunks:
        yield from chunk.dictionary.take(pc.unique(chunk.indices).drop_null()).to_pylist()


def _width(field: pa.Field, longest: int) -> int:
    header = len(field.name) + _FILTER_ARROW
    if pa.types.is_timestamp(field.type):
        return max(header, _TIME_WIDTH)
    return max(header, _LEAST.get(field.name, 0), min(longest, _WIDEST.get(field.name, _WIDEST_TEXT)) + _ROOM)


def _longest(column: pa.ChunkedArray) -> int:
    if pa.types.is_timestamp(column.type):
        return 0
    return max((int(pc.max(shown_width(chunk)).as_py() or 0) for chunk in column.chunks), default=0)


def shown_width(texts: pa.Array) -> pa.Array:
    """Return the width of each value, written as a text."""
    if pa.types.is_dictionary(texts.type):
        return shown_width(texts.dictionary).take(texts.indices)
    texts = texts.cast(pa.string())
    length = pc.utf8_length(texts)
    if pc.all(pc.string_is_ascii(texts)).as_py() in {True, None}:  # a fast check of the bytes
        return length
    return pc.add(length, pc.count_substring_regex(texts, _TWO_WIDE))


def lines(texts: pa.Array, width: int) -> npt.NDArray[np.int64]:
    """Return how many lines each text needs in a column of this width; an empty text needs one."""
    parts = pc.split_pattern(pc.fill_null(texts.cast(pa.string()), ""), "\n")
    shown = np.asarray(shown_width(pc.list_flatten(parts))).astype(np.int64)
    needed = np.where(shown <= width - _ROOM, 1, np.ceil(shown / (width * _FILLED)).astype(np.int64))
    counts = np.bincount(pc.list_parent_indices(parts), needed, minlength=len(texts)).astype(np.int64)
    return np.minimum(counts, MOST_LINES)


def height(text: str, width: int, line_height: int = LINE_HEIGHT) -> int:
    """Return the height of a row with a text that is wrapped at this width."""
    return line_height * min(sum(max(len(textwrap.wrap(line, width)), 1) for line in text.split("\n")), MOST_LINES)
