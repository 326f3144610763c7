"""Rows of a worksheet as XML (ECMA-376), made from whole columns: by the cell, most of the time goes into calls."""

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
"""What a cell can only hold written out (ECMA-376, ST_Xstring), and what would be taken for that."""
_WRITTEN_OUT: Final = re.compile(r"(_x[0-9a-fA-F]{4}_)|([\x00-\x08\x0b-\x1f\ufffe\uffff])")


@dataclass(frozen=True)
class Cells:
    """The cells of a column: texts, or numbers as texts; null for an empty cell.

    `style` is a style's number in the workbook. Cells in `others` (a mask) have the style `other`. Where a cell is
    empty, that of `instead` stands there. `formulas` (null: none) are this program's own: never made of data. A cell
    with one has its value as the result.
    """

    values: pa.Array
    style: int
    is_number: bool = False
    others: npt.NDArray[np.bool_] | None = None
    other: int | None = None
    instead: Cells | None = None
    formulas: pa.Array | None = None


def rows_xml(first: int, columns: Sequence[Cells], heights: npt.NDArray[np.int64] | None = None) -> memoryview:
    """Return rows from row `first` (0 is the top one) on; `heights` in points, 0 for the usual one."""
    count = len(columns[0].values)
    if not count:
        return memoryview(b"")
    number = pa.array(np.arange(first + 1, first + count + 1)).cast(pa.string())
    cells = [_cells(column, letters(place), number) for place, column in enumerate(columns)]
    tall: pa.Array | str = ""
    if heights is not None:
        points = pa.array(heights, mask=heights == 0).cast(pa.string())
        tall = pc.coalesce(pc.binary_join_element_wise(' ht="', points, '" customHeight="1"', ""), "")
    rows = pc.binary_join_element_wise('<row r="', number, '"', tall, ">", *cells, "</row>", "")
    # The texts of an Arrow array stand one behind the other.
    _, offsets, texts = rows.buffers()
    start, end = np.frombuffer(offsets, np.int32)[[rows.offset, rows.offset + count]]
    return memoryview(texts)[start:end]


def _cells(column: Cells, place: str, number: pa.Array) -> pa.Array:
    """Return the cells of a column as XML; an empty one is nothing."""
    style: pa.Array | str = str(column.style)
    if column.others is not None and column.other is not None:
        style = pc.if_else(pa.array(column.others), str(column.other), style)
    if column.is_number:
        before, after = '"><v>', "</v></c>"
        values = column.values
    else:
        before, after = '" t="inlineStr"><is><t', "</t></is></c>"
        values = _escaped(column.values)
    start = (f'<c r="{place}', number, '" s="', style)
    cells = pc.binary_join_element_wise(*start, before, values, after, "")
    cells = pc.coalesce(cells, "" if column.instead is None else _cells(column.instead, place, number))
    if column.formulas is None:
        return cells
    before, results = ('"><f>', values) if column.is_number else ('" t="str"><f>', _entities(column.values))
    formulas = _entities(column.formulas)
    return pc.coalesce(pc.binary_join_element_wise(*start, before, formulas, "</f><v>", results, "</v></c>", ""), cells)


def _escaped(texts: pa.Array) -> pa.Array:
    """Return what stands in the element of each text, behind its name."""
    if pa.types.is_dictionary(texts.type):
        return _escaped(texts.dictionary).take(texts.indices)
    odd = np.flatnonzero(np.asarray(pc.fill_null(pc.match_substring_regex(texts, _CONTROL), fill_value=False)))
    if len(odd):
        mask = np.zeros(len(texts), bool)
        mask[odd] = True
        written_out = [_WRITTEN_OUT.sub(_code, text) for text in texts.take(pa.array(odd)).to_pylist()]
        texts = pc.replace_with_mask(texts, pa.array(mask), pa.array(written_out, pa.string()))
    texts = _entities(texts)
    # Blanks at the ends of a text, and line breaks, are kept only where the element says so.
    blank = pc.match_substring_regex(texts, r"^\s|\s$|\n")
    return pc.binary_join_element_wise(pc.if_else(blank, ' xml:space="preserve">', ">"), texts, "")


def _entities(texts: pa.Array) -> pa.Array:
    """Return texts with entities in place of the signs that XML gives a meaning to."""
    if pa.types.is_dictionary(texts.type):
        return _entities(texts.dictionary).take(texts.indices)
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
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
        column, rest = divmod(column - 1, 26)
        name = chr(ord("A") + rest) + name
    return name
