"""The columns of a table as the numpy arrays that rules compute with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyzer.judging.truth import Truth
from analyzer.reading.columns import arrow_of, is_among, microseconds, true_where

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import pandas as pd

    from analyzer.judging.truth import Flags

    Micros = npt.NDArray[np.int64]


class TypedColumns:
    """The columns of `users` or `credentials`; each is converted on first use and then cached."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._times: dict[str, Micros] = {}
        self._flags: dict[str, Truth] = {}
        self._among: dict[tuple[str, ...], Flags] = {}

    def __len__(self) -> int:
        return len(self._frame)

    def time(self, name: str) -> Micros:
        """Return a column of times in microseconds since 1970; `NO_TIME` where a cell has no time."""
        if name not in self._times:
            self._times[name] = microseconds(self._frame[name])
        return self._times[name]

    def flag(self, name: str) -> Truth:
        """Return a true/false column."""
        if name not in self._flags:
            values = arrow_of(self._frame[name])
            yes = true_where(values)
            self._flags[name] = Truth(yes, np.asarray(values.is_valid()) & ~yes)
        return self._flags[name]

    def among(self, name: str, *texts: str) -> Flags:
        """Return where a categorical column has one of `texts`."""
        key = (name, *texts)
        if key not in self._among:
            self._among[key] = is_among(self._frame[name], texts)
        return self._among[key]

    def codes(self, name: str, texts: Sequence[str]) -> npt.NDArray[np.int8]:
        """Return the position in `texts` (up to 127) of each cell of a categorical column; -1 for an empty cell."""
        column = self._frame[name].cat
        positions = {text: position for position, text in enumerate(texts)}
        return np.array([*(positions[text] for text in column.categories), -1], np.int8)[column.codes.to_numpy()]
