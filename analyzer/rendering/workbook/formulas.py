"""Formulas of many rows as XML. What is alike but for the rows it names is written once (ECMA-376, shared formulas)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.rendering.workbook.rows import entities, letters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

ROW: Final = "#"
"""What stands in the text of a formula for the number of its row."""


@dataclass(frozen=True)
class Formulas:
    """The formulas of a column's cells in a block of rows.

    `codes` has for each row the place of its formula in `texts` (-1: none), `firsts` for each text its first row.
    """

    texts: pa.Array
    codes: npt.NDArray[np.int64]
    firsts: npt.NDArray[np.int64]


@dataclass
class SharedFormulas:
    """Makes the XML of a sheet's formulas, block by block: the first cell has the text, the others its number.

    `columns` are those of the sheet, whose last row with a formula is `last` (1 is the top one). How the rows are cut
    into blocks makes no difference.
    """

    columns: Sequence[str]
    last: int
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def xml(self, found: Mapping[str, Formulas], first: int) -> dict[str, pa.Array]:
        """Return the formulas of a block by column (null: none); `first` is the number of its top row."""
        occurring = sorted(
            (int(row), self.columns.index(name), name, text)
            for name, one in found.items()
            for row, text in zip(one.firsts, one.texts.to_pylist(), strict=True)
        )
        new: dict[str, dict[int, str]] = {name: {} for name in found}
        for row, column, name, text in occurring:
            if (name, text) not in self._numbers:
                number = self._numbers[name, text] = len(self._numbers)
                place, own = letters(column), text.replace(ROW, str(first + row))
                where = f"{place}{first + row}:{place}{self.last}"
                new[name][row] = f'<f t="shared" ref="{where}" si="{number}">{entities(own)}</f>'
        return {name: self._of_column(name, one, new[name]) for name, one in found.items()}

    def _of_column(self, name: str, found: Formulas, new: Mapping[int, str]) -> pa.Array:
        numbers = [self._numbers[name, text] for text in found.texts.to_pylist()]
        others = pa.array([f'<f t="shared" si="{number}"/>' for number in numbers], pa.string())
        cells = others.take(pa.array(found.codes, mask=found.codes < 0))
        if not new:
            return cells
        is_new = np.zeros(len(cells), bool)
        is_new[list(new)] = True
        return pc.replace_with_mask(cells, pa.array(is_new), pa.array([new[row] for row in sorted(new)], pa.string()))
