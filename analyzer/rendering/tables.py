"""What a format reads: the public tables of an evidence set, a piece at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa


class Tables(Protocol):
    """The tables of one evidence set."""

    def batches(self, name: str, columns: Sequence[str] | None = None) -> Iterable[pa.Table]:
        """Yield a table in pieces, in the order in which its rows are stored; all columns where none are named."""
