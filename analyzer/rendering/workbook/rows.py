"""Makes the XML of worksheet rows (ECMA-376) from whole columns, because a function call for each cell is slow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.rendering.workbook.escaping import entities_of, escaped

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from analyzer.rendering.workbook.texts import SharedTexts


@dataclass(frozen=True)
class Cells:
    """The cells of a column: texts, or numbers as texts; null for an empty cell.

    `style` is the number of a style in the workbook. Cells in the mask `in_second_style` have the
    style `second_style`. `instead` has the cells that replace empty ones. `formulas` are XML that is never made from
    data (null: no formula); the value of such a cell is the result of its formula.
    """

    values: pa.Array
    style: int
    is_number: bool = False
    in_second_style: npt.NDArray[np.bool_] | None = None
    second_style: int | None = None
    instead: Cells | None = None
    formulas: pa.Array | None = None
    shared: SharedTexts | None = None


def rows_xml(first: int, columns: Sequence[Cells], heights: npt.NDArray[np.int64] | None = None) -> memoryview:
    """Return the XML of rows, beginning with row `first` (0 is the top row); `heights` in points, 0 for the default."""
    count = len(columns[0].values)
    if not count:
        return memoryview(b"")
    number = pa.array(np.arange(first + 1, first + count + 1)).cast(pa.string())
    cells = [part for position, column in enumerate(columns) for part in _cells(column, letters(position), number)]
    tall: pa.Array | str = ""
    if heights is not None:
        points = pa.array(heights, mask=heights == 0).cast(pa.string())
        tall = pc.coalesce(pc.binary_join_element_wise(' ht="', points, '" customHeight="1"', ""), "")
    rows = _joined(['<row r="', number, '"', tall, ">", *cells, "</row>"])
    # An Arrow array stores its texts one after another, without gaps.
    _, offsets, texts = rows.buffers()
    start, end = np.frombuffer(offsets, np.int32)[[rows.offset, rows.offset + count]]
    return memoryview(texts)[start:end]


def _cells(column: Cells, column_letters: str, number: pa.Array) -> list[pa.Array | str]:
    """Return the XML of the cells of a column, in parts to be joined; an empty cell has no XML.

    The parts are not joined here, because joining copies them: the parts of all columns are joined once.
    """
    parts = [f'<c r="{column_letters}', number, *_behind_address(column)]
    if not column.values.null_count and column.formulas is None:
        return parts
    cells = _joined(parts)
    if column.formulas is not None and not column.is_number:
        results = entities_of(column.values)
        style = f'" s="{column.style}" t="str">'
        calculated = _joined([*parts[:2], style, column.formulas, "<v>", results, "</v></c>"])
        cells = pc.coalesce(calculated, cells)
    if cells.null_count:
        instead = "" if column.instead is None else _joined(_cells(column.instead, column_letters, number))
        cells = pc.coalesce(cells, instead)
    return [cells]


def _joined(parts: Sequence[pa.Array | str]) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")


def _behind_address(column: Cells) -> list[pa.Array | str]:
    """Return the XML after the address of each cell, in parts; null for an empty cell."""
    if column.is_number:
        formulas = [] if column.formulas is None else [pc.coalesce(column.formulas, "")]
        return [f'" s="{column.style}">', *formulas, "<v>", column.values, "</v></c>"]
    values, styles = column.values, (column.style, column.style if column.second_style is None else column.second_style)
    in_second_style = column.in_second_style
    if in_second_style is not None and not in_second_style.any():
        in_second_style = None
    shared = column.shared
    if shared is not None and not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    if not pa.types.is_dictionary(values.type):
        first, second = (f'" s="{style}" t="inlineStr"><is><t' for style in styles)
        start = first if in_second_style is None else pc.if_else(pa.array(in_second_style), second, first)
        return [start, escaped(values), "</t></is></c>"]
    # The XML of a text that many cells have is made once.
    if shared is None:
        kind, texts, end = (
            "inlineStr",
            pc.binary_join_element_wise("<is><t", escaped(values.dictionary), ""),
            "</t></is>",
        )
    else:
        kind, texts, end = "s", pc.binary_join_element_wise("<v>", shared.numbers(values.dictionary), ""), "</v>"
    xml = [pc.binary_join_element_wise(f'" s="{style}" t="{kind}">', texts, f"{end}</c>", "") for style in styles]
    if in_second_style is None:
        cells = xml[0].take(values.indices)
    else:
        indices = pc.add(values.indices.cast(pa.int64()), pa.array(in_second_style.astype(np.int64) * len(texts)))
        cells = pa.concat_arrays(xml).take(indices)
    if cells.null_count > values.null_count:
        raise ValueError("a shared text has no number")
    return [cells]


def letters(column: int) -> str:
    """Return the letters of a column: A, B, …, Z, AA."""
    name = ""
    column += 1
    while column:
        column, remainder = divmod(column - 1, 26)
        name = chr(ord("A") + remainder) + name
    return name
