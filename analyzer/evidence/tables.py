"""The interface for reading the tables of an evidence set: by name, in stored order, one batch at a time."""

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
    """The tables of an evidence set. A reader has only one batch in memory at a time."""

    def batches(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of the public table `name` in stored order, about 100,000 at a time.

        A batch has the `columns` in this order, or all columns. An empty table gives one empty batch, so that its
        columns and types are known.
        """
        ...

    def rows_at(self, name: str, positions: Whole, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows at these ascending positions; parts of the table without such a row are not read."""
        ...

    def rows(self, name: str) -> int:
        """Return the number of rows of the table `name`."""
        ...


class TablesInMemory:
    """Tables in memory, with the methods of `Tables`."""

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
        """Return the number of rows of a table."""
        return int(self._tables[name].num_rows)
