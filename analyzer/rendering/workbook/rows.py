"""Makes the XML of worksheet rows (ECMA-376) from whole columns, because a function call for each cell is slow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

_CONTROL: Final = r"[\x00-\x08\x0b-\x1f]|_x[0-9a-fA-F]{4}_|[\x{FFFE}\x{FFFF}]"
"""Characters that must be escaped (ECMA-376, ST_Xstring), and texts that look like an escape."""
_SPECIAL: Final = rf"[&<>]|^\s|\s$|\n|{_CONTROL}"
"""Texts that XML cannot hold unchanged: most columns have none."""
_WRITTEN_OUT: Final = re.compile(r"(_x[0-9a-fA-F]{4}_)|([\x00-\x08\x0b-\x1f\ufffe\uffff])")


@dataclass(frozen=True)
class Cells:
    """The cells of a column: texts, or numbers as texts; null for an empty cell.

    `style` is the number of a style in the workbook. Cells in the mask `others` have the style `other`. `instead` has
    the cells that replace empty ones. `formulas` are XML that is never made from data (null: no formula); the value of
    such a cell is the result of its formula.
    """

    values: pa.Array
    style: int
    is_number: bool = False
    others: npt.NDArray[np.bool_] | None = None
    other: int | None = None
    instead: Cells | None = None
    formulas: pa.Array | None = None


def rows_xml(first: int, columns: Sequence[Cells], heights: npt.NDArray[np.int64] | None = None) -> memoryview:
    """Return the XML of rows, beginning with row `first` (0 is the top row); `heights` in points, 0 for the default."""
    count = len(columns[0].values)
    if not count:
        return memoryview(b"")
    number = pa.array(np.arange(first + 1, first + count + 1)).cast(pa.string())
    cells = [part for place, column in enumerate(columns) for part in _cells(column, letters(place), number)]
    tall: pa.Array | str = ""
    if heights is not None:
        points = pa.array(heights, mask=heights == 0).cast(pa.string())
        tall = pc.coalesce(pc.binary_join_element_wise(' ht="', points, '" customHeight="1"', ""), "")
    rows = _joined(['<row r="', number, '"', tall, ">", *cells, "</row>"])
    # An Arrow array stores its texts one after another, without gaps.
    _, offsets, texts = rows.buffers()
    start, end = np.frombuffer(offsets, np.int32)[[rows.offset, rows.offset + count]]
    return memoryview(texts)[start:end]


def _cells(column: Cells, place: str, number: pa.Array) -> list[pa.Array | str]:
    """Return the XML of the cells of a column, in parts to be joined; an empty cell has no XML.

    The parts are not joined here, because joining copies them: the parts of all columns are joined once.
    """
    parts = [f'<c r="{place}', number, *_behind_place(column)]
    if not column.values.null_count and column.formulas is None:
        return parts
    cells = _joined(parts)
    if column.formulas is not None and not column.is_number:
        results = _entities(column.values)
        style = f'" s="{column.style}" t="str">'
        calculated = _joined([*parts[:2], style, column.formulas, "<v>", results, "</v></c>"])
        cells = pc.coalesce(calculated, cells)
    if cells.null_count:
        instead = "" if column.instead is None else _joined(_cells(column.instead, place, number))
        cells = pc.coalesce(cells, instead)
    return [cells]


def _joined(parts: Sequence[pa.Array | str]) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")


def _behind_place(column: Cells) -> list[pa.Array | str]:
    """Return the XML after the address of each cell, in parts; null for an empty cell."""
    if column.is_number:
        formulas = [] if column.formulas is None else [pc.coalesce(column.formulas, "")]
        return [f'" s="{column.style}">', *formulas, "<v>", column.values, "</v></c>"]
    styles = [column.style, column.style if column.other is None else column.other]
    plain, other = (f'" s="{style}" t="inlineStr"><is><t' for style in styles)
    others = column.others if column.others is not None and column.others.any() else None
    if not pa.types.is_dictionary(column.values.type):
        start = plain if others is None else pc.if_else(pa.array(others), other, plain)
        return [start, _escaped(column.values), "</t></is></c>"]
    # The XML of a text that many cells share is made once.
    texts = _escaped(column.values.dictionary)
    xml = [pc.binary_join_element_wise(start, texts, "</t></is></c>", "") for start in (plain, other)]
    if others is None:
        return [xml[0].take(column.values.indices)]
    indices = pc.add(column.values.indices.cast(pa.int64()), pa.array(others.astype(np.int64) * len(texts)))
    return [pa.concat_arrays(xml).take(indices)]


def _escaped(texts: pa.Array) -> pa.Array:
    """Return the XML of each text, from the end of the start tag."""
    if pa.types.is_dictionary(texts.type):
        return _escaped(texts.dictionary).take(texts.indices)
    if not _has(texts, _SPECIAL):
        return pc.binary_join_element_wise(">", texts, "")
    odd = np.flatnonzero(np.asarray(pc.fill_null(pc.match_substring_regex(texts, _CONTROL), fill_value=False)))
    if len(odd):
        mask = np.zeros(len(texts), bool)
        mask[odd] = True
        written_out = [_WRITTEN_OUT.sub(_code, text) for text in texts.take(pa.array(odd)).to_pylist()]
        texts = pc.replace_with_mask(texts, pa.array(mask), pa.array(written_out, pa.string()))
    texts = _entities(texts)
    # Programs keep blanks at the ends of a text, and line breaks, only with this attribute.
    blank = pc.match_substring_regex(texts, r"^\s|\s$|\n")
    return pc.binary_join_element_wise(pc.if_else(blank, ' xml:space="preserve">', ">"), texts, "")


def _has(texts: pa.Array, pattern: str) -> bool:
    """Whether a regular expression matches in one of the texts."""
    return bool(pc.any(pc.match_substring_regex(texts, pattern)).as_py())


_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
"""The entities of characters with a meaning in XML."""


def entities(text: str) -> str:
    """Return a text with entities for XML."""
    for sign, entity in _ENTITIES.items():
        text = text.replace(sign, entity)
    return text


def _entities(texts: pa.Array) -> pa.Array:
    """Return texts with entities for XML."""
    if pa.types.is_dictionary(texts.type):
        return _entities(texts.dictionary).take(texts.indices)
    for sign, entity in _ENTITIES.items():
        texts = pc.replace_substring(texts, sign, entity)
    return texts


def _code(match: re.Match[str]) -> str:
    literal, sign = match.groups()
    return f"_x005F{literal}" if literal else f"_x{ord(sign):04X}_"


def letters(column: int) -> str:
    """Return the letters of a column: A, B, …, Z, AA."""
    name = ""
    column += 1
    while column:
        column, remainder = divmod(column - 1, 26)
        name = chr(ord("A") + remainder) + name
    return name
