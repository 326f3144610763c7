"""Makes the XML of formulas in many rows. Formulas that differ only in the row are shared (ECMA-376)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.rendering.workbook.escaping import entities
from analyzer.rendering.workbook.rows import letters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

ROW: Final = "#"
"""The placeholder for the row number in the text of a formula."""


@dataclass(frozen=True)
class Formulas:
    """The formulas of a column's cells in a block of rows.

    `codes` has the position in `texts` of the formula of each row (-1: none). `firsts` has the first row of each text.
    """

    texts: pa.Array
    codes: npt.NDArray[np.int64]
    firsts: npt.NDArray[np.int64]


@dataclass
class SharedFormulas:
    """Makes the XML of the formulas of a sheet, block by block: the first cell has the text, others only its number.

    `columns` are the columns of the sheet; `last` is its last row with a formula (1 is the top row). The XML does not
    depend on the sizes of the blocks.
    """

    columns: Sequence[str]
    last: int
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def xml(self, formulas: Mapping[str, Formulas], first: int) -> dict[str, pa.Array]:
        """Return the XML of the formulas of a block, by column (null: no formula); `first` is its top row."""
        occurring = sorted(
            (int(row), self.columns.index(name), name, text)
            for name, column_formulas in formulas.items()
            for row, text in zip(column_formulas.firsts, column_formulas.texts.to_pylist(), strict=True)
        )
        new: dict[str, dict[int, str]] = {name: {} for name in formulas}
        for row, column, name, text in occurring:
            if (name, text) not in self._numbers:
                number = self._numbers[name, text] = len(self._numbers)
                column_letters, own_text = letters(column), text.replace(ROW, str(first + row))
                cell_range = f"{column_letters}{first + row}:{column_letters}{self.last}"
                new[name][row] = f'<f t="shared" ref="{cell_range}" si="{number}">{entities(own_text)}</f>'
        return {name: self._of_column(name, column_formulas, new[name]) for name, column_formulas in formulas.items()}

    def _of_column(self, name: str, formulas: Formulas, new: Mapping[int, str]) -> pa.Array:
        numbers = [self._numbers[name, text] for text in formulas.texts.to_pylist()]
        references = pa.array([f'<f t="shared" si="{number}"/>' for number in numbers], pa.string())
        cells = references.take(pa.array(formulas.codes, mask=formulas.codes < 0))
        if not new:
            return cells
        is_new = np.zeros(len(cells), bool)
        is_new[list(new)] = True
        return pc.replace_with_mask(cells, pa.array(is_new), pa.array([new[row] for row in sorted(new)], pa.string()))
