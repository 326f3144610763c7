"""Writes and reads one part of a store. The bytes of a part depend only on its rows, and damage is reported."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.errors import InputError
from analyzer.history.store.layout import SCHEMA_VERSION, SNAPSHOTS, TABLES
from analyzer.reading.columns import codes_in, few_texts_of, micros_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from pyarrow import parquet

METADATA: Final = {"program": "credreport", "schema_version": str(SCHEMA_VERSION)}
ROW_GROUP: Final = 1 << 14
"""Rows of a row group; small accounts are not split. Larger groups compress better, but smaller groups let readers skip
other accounts."""


def rank(table: pa.Table, column: str) -> npt.NDArray[np.int64]:
    """Return numbers in the sort order of a column's values; user names are sorted as in AWS reports, ignoring case."""
    values = table[column]
    if pa.types.is_timestamp(values.type):
        return micros_of(values)
    if pa.types.is_integer(values.type):
        return np.asarray(pc.fill_null(values, -1), np.int64)
    return codes_in(few_texts_of(pc.utf8_lower(values) if column == "user" else values)).astype(np.int64)


# --- writing ---------------------------------------------------------------------------------------------------------


def write_part(rows: pa.Table, order: npt.NDArray[np.int64], path: Path, schema: pa.Schema) -> None:
    """Write the `rows` at the positions `order` as a part."""
    from pyarrow import parquet  # noqa: PLC0415 - only the store's users need it

    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open("wb") as file,
        parquet.ParquetWriter(
            file,
            schema.with_metadata(METADATA),
            compression="zstd",
            compression_level=3,
            # Times are smallest without dictionaries or deltas (measured on a year of daily reports).
            use_dictionary=[field.name for field in schema if not pa.types.is_timestamp(field.type)],
            write_page_checksum=True,
        ) as writer,
    ):
        for start, end in row_groups(rank(rows, "account_id")[order]):
            group = rows.take(pa.array(order[start:end]))
            # Each group has dictionaries of its own values only, in the order of first use.
            columns = [
                column.cast(pa.string()).dictionary_encode() if pa.types.is_dictionary(column.type) else column
                for column in group.columns
            ]
            writer.write_table(pa.table(columns, schema=schema), row_group_size=ROW_GROUP)


def row_groups(account: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each row group; only accounts that are larger than a group are split."""
    bounds = [*(np.flatnonzero(np.diff(account)) + 1).tolist(), len(account)]
    start = end = 0
    for bound in bounds:
        if bound - start > ROW_GROUP:
            if end > start:
                yield start, end
            start = end
        while bound - start > ROW_GROUP:
            yield start, start + ROW_GROUP
            start += ROW_GROUP
        end = bound
    if end > start:
        yield start, end


# --- reading ---------------------------------------------------------------------------------------------------------


class DamagedPartError(Exception):
    """A part that cannot be read."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(reason)
        self.part = part


def read_part(
    file: pa.NativeFile, part: str, columns: Sequence[str] | None = None, where: pc.Expression | None = None
) -> pa.Table:
    """Return the chosen columns and rows of a part.

    Raises DamagedError if they cannot be read, and InputError if a newer version wrote the part.
    """
    from pyarrow import parquet  # noqa: PLC0415 - only the store's users need it

    schema = TABLES[part.partition("/")[0]]
    names = schema.names if columns is None else list(columns)
    with _damage(part):
        version = int((parquet.read_schema(file).metadata or {})[b"schema_version"])
    _require_known(version, part)
    with _damage(part):
        table = parquet.read_table(file, columns=names, filters=where, page_checksum_verification=True)
        return table.select(names).cast(pa.schema([schema.field(name) for name in names]))


@contextmanager
def _damage(part: str) -> Iterator[None]:
    """Turn any error in the block into DamagedError for a part."""
    try:
        yield
    except Exception as error:  # a damaged file can raise any error
        raise DamagedPartError(part, f"not a readable part of a store ({type(error).__name__}: {error})") from error


def _require_known(version: int, part: str) -> None:
    if version > SCHEMA_VERSION:
        raise InputError(
            f"the store was written by a newer credreport: {part} has schema version {version}, this credreport reads "
            f"version {SCHEMA_VERSION}",
            "update credreport",
        )


def schema_of(columns: Sequence[str]) -> pa.Schema:
    """Return the schema of some columns of `snapshots`."""
    return pa.schema([SNAPSHOTS.field(name) for name in columns])


@dataclass(frozen=True)
class SnapshotsPart:
    """An open part of snapshots; `owners` has the first and the last account of each row group."""

    name: str
    file: parquet.ParquetFile
    owners: list[tuple[str, str]]

    @classmethod
    def of(cls, file: pa.NativeFile, name: str) -> SnapshotsPart:
        """Open a part. Raises DamagedError if that fails, and InputError if a newer version wrote it."""
        from pyarrow import parquet  # noqa: PLC0415 - only the store's users need it

        with _damage(name):
            opened = parquet.ParquetFile(file, page_checksum_verification=True)
            version = int((opened.schema_arrow.metadata or {})[b"schema_version"])
        _require_known(version, name)
        return cls(name, opened, _bounds(name, opened, "account_id"))

    @property
    def rows(self) -> list[int]:
        """The number of rows in each row group."""
        return [self.file.metadata.row_group(group).num_rows for group in range(self.file.num_row_groups)]

    def bounds(self, column: str) -> list[tuple[Any, Any]]:
        """Return the minimum and the maximum of a column in each row group. Raises DamagedError if it is damaged."""
        return _bounds(self.name, self.file, column)

    def accounts(
        self, low: str, high: str, columns: Sequence[str], note: Callable[[DamagedPartError], None]
    ) -> Iterator[pa.Table]:
        """Yield the rows of accounts above `low` and up to `high`, without accounts with unreadable rows.

        Such accounts are left out completely, because users would seem to be deleted.
        """
        groups = [number for number, (first, last) in enumerate(self.owners) if first <= high and last > low]
        has_others = any(self.owners[group][0] <= low or self.owners[group][1] > high for group in groups)
        ranges = [(low, high)] if has_others else []
        tables, lost = [], []
        try:
            tables.append(self._read(groups, columns))
        except DamagedPartError:
            for group in groups:
                try:
                    tables.append(self._read([group], columns))
                except DamagedPartError as error:
                    note(error)
                    lost.append(self.owners[group])
        for table in tables:
            account = table["account_id"].cast(pa.string())
            keep = [pc.and_(pc.greater(account, first), pc.less_equal(account, last)) for first, last in ranges]
            keep += [pc.or_(pc.less(account, first), pc.greater(account, last)) for first, last in lost]
            yield table.filter(reduce(pc.and_, keep)) if keep else table

    def _read(self, groups: Sequence[int], columns: Sequence[str]) -> pa.Table:
        with _damage(self.name):
            return self.file.read_row_groups(groups, columns=columns).select(columns).cast(schema_of(columns))


def _bounds(part: str, file: parquet.ParquetFile, column: str) -> list[tuple[Any, Any]]:
    with _damage(part):
        position = file.metadata.schema.names.index(column)
        statistics = [
            file.metadata.row_group(group).column(position).statistics for group in range(file.num_row_groups)
        ]
        return [(values.min, values.max) for values in statistics]
