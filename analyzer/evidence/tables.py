"""How the tables of an evidence set are read: by name, in stored order, a batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Whole = npt.NDArray[np.int64]

_BATCH: Final = 100_000


class Tables(Protocol):
    """The tables of an evidence set. What reads them holds no more than a batch at a time."""

    def batches(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of the public table `name` in stored order, some 100,000 at a time.

        With the chosen `columns` in that order, or with all. A table without rows is one batch without rows, so that
        its columns and their types are always known.
        """
        ...

    def rows_at(self, name: str, positions: Whole, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows at these positions, which are in stored order; what holds none of them is not read."""
        ...

    def rows(self, name: str) -> int:
        """Return how many rows the table `name` has."""
        ...


class TablesInMemory:
    """Tables that are whole in memory, read as those of an evidence set are."""

    def __init__(self, tables: Mapping[str, pa.Table], batch_rows: int = _BATCH) -> None:
        self._tables = tables
        self._batch_rows = batch_rows

    def batches(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of a table: see `Tables`."""
        table = self._tables[name]
        if columns is not None:
            table = table.select(list(columns))
        for start in range(0, max(table.num_rows, 1), self._batch_rows):
            yield table.slice(start, self._batch_rows)

    def rows_at(self, name: str, positions: Whole, columns: Sequence[str] | None = None) -> pa.Table:
        """Return rows of a table: see `Tables`."""
        table = self._tables[name].take(positions)
        return table if columns is None else table.select(list(columns))

    def rows(self, name: str) -> int:
        """Return how many rows a table has."""
        return int(self._tables[name].num_rows)
