"""Writes the tables of an evidence set as Parquet (zstd): whole, batch by batch, or as parts that workers write."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Protocol

import pyarrow as pa

from analyzer.errors import OutputError
from analyzer.evidence import storage
from analyzer.evidence.schema import TABLES
from analyzer.reading.columns import TIME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pyarrow import parquet

Output = dict[str, Any]
"""The facts of a file in a manifest: `name` (relative to the evidence set, with `/`), `sha256` and `bytes`."""


class Writer(Protocol):
    """Writes judged tables, batch by batch in their order; `tables` are the names of the tables to write."""

    tables: tuple[str, ...]

    def write_in_task(self, number: int, tables: Mapping[str, pa.Table]) -> tuple[dict[str, pa.Table], list[Output]]:
        """Write the tables of a batch, if a task can; return the tables that are left for `put`, and the files."""

    def put(self, tables: Mapping[str, pa.Table]) -> None:
        """Append rows to tables."""

    def restart(self) -> None:
        """Start again with empty tables."""

    def close(self, written: Sequence[Output]) -> list[Output]:
        """Finish the tables, with the files that tasks have `written`; return all files, sorted by name."""

    def abandon(self) -> None:
        """Stop without finishing the files, because the run failed."""


class GrowingFiles:
    """Writes one file for each table in a local folder; each batch adds at least one row group."""

    def __init__(self, folder: Path, tables: Sequence[str]) -> None:
        self.tables = tuple(tables)
        self._folder = folder
        self._threads = ThreadPoolExecutor(max_workers=2)
        self._writers: dict[str, parquet.ParquetWriter] = {}
        self.restart()

    def write_in_task(self, number: int, tables: Mapping[str, pa.Table]) -> tuple[dict[str, pa.Table], list[Output]]:  # noqa: ARG002
        """Return all tables for `put`, because the rows of a file must be written in order."""
        return dict(tables), []

    def put(self, tables: Mapping[str, pa.Table]) -> None:
        """Append rows to tables."""
        list(self._threads.map(lambda name: self._writers[name].write_table(tables[name]), tables))

    def restart(self) -> None:
        """Start again with empty tables."""
        from pyarrow import parquet  # noqa: PLC0415 - only runs that write need it

        self._finish()
        self._writers = {
            name: parquet.ParquetWriter(self._folder / f"{name}.parquet", TABLES[name], **_options(TABLES[name]))
            for name in self.tables
        }

    def close(self, written: Sequence[Output]) -> list[Output]:  # noqa: ARG002 - tasks write nothing here
        """Finish the files and return them."""
        self._finish()
        self._threads.shutdown()
        return [output_of(self._folder, f"{name}.parquet") for name in sorted(self.tables)]

    def abandon(self) -> None:
        """Stop without finishing the files."""
        self._threads.shutdown()
        for writer in self._writers.values():
            writer.is_open = False  # otherwise it tries to finish its file, which can fail

    def _finish(self) -> None:
        for writer in self._writers.values():
            writer.close()


class Parts:
    """Writes a folder of parts for each table, at a path or URL that all workers can see; a task may run twice."""

    def __init__(self, location: str, tables: Sequence[str]) -> None:
        self.tables = tuple(tables)
        self._location = location
        storage.make_folders(location, [f"{name}.parquet" for name in tables])
        self._put: list[Output] = []

    def write_in_task(self, number: int, tables: Mapping[str, pa.Table]) -> tuple[dict[str, pa.Table], list[Output]]:
        """Write a part of each table."""
        return {}, [self._part(name, number, table) for name, table in tables.items()]

    def put(self, tables: Mapping[str, pa.Table]) -> None:
        """Write the first part of tables that do not belong to a batch."""
        self._put += [self._part(name, 0, table) for name, table in tables.items()]

    def restart(self) -> None:
        """Forget the tables of `put`; `close` removes the parts that tasks have written."""
        self._put = []

    def close(self, written: Sequence[Output]) -> list[Output]:
        """Remove parts of tasks that ran twice, check that all other parts are visible, and return them."""
        outputs = sorted([*written, *self._put], key=lambda output: str(output["name"]))
        sizes = storage.sizes(self._location)
        expected = {str(output["name"]): output["bytes"] for output in outputs}
        for name in sizes.keys() - expected.keys():
            if name.partition("/")[0].removesuffix(".parquet") in self.tables:
                storage.remove(self._location, name)
        missing = sorted(name for name, size in expected.items() if sizes.get(name) != size)
        if missing:
            raise OutputError(
                f"{len(missing)} of {len(outputs)} parts that workers wrote are not visible from this machine in "
                f"{self._location}: {missing[0]}",
                "choose an output folder with -o that this machine and all workers can see, such as a shared disk or "
                "a bucket",
            )
        return outputs

    def abandon(self) -> None:
        """Remove the tables that were written; errors are ignored."""
        for name in self.tables:
            with suppress(Exception):  # each kind of storage has errors of its own
                storage.remove(self._location, f"{name}.parquet")

    def _part(self, table: str, number: int, content: pa.Table) -> Output:
        """Write a part. Its name has its digest, so a task that runs twice never overwrites a part with other bytes."""
        data = to_bytes(content)
        sha256 = hashlib.sha256(data).hexdigest()
        name = f"{table}.parquet/part-{number:05d}-{sha256[:8]}.parquet"
        storage.put(self._location, name, data)
        return {"name": name, "sha256": sha256, "bytes": len(data)}


def put_tables(location: str, tables: Mapping[str, pa.Table]) -> list[Output]:
    """Write `<name>.parquet` for each table at `location` and return the files."""
    outputs = []
    for name, table in tables.items():
        data = to_bytes(table)
        storage.put(location, f"{name}.parquet", data)
        outputs.append({"name": f"{name}.parquet", "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)})
    return outputs


def to_bytes(table: pa.Table) -> bytes:
    """Return a table as a Parquet file."""
    from pyarrow import parquet  # noqa: PLC0415

    buffer = BytesIO()
    parquet.write_table(table, buffer, **_options(table.schema))
    return buffer.getvalue()


def output_of(folder: Path, name: str) -> Output:
    """Return the facts of a file that was written into a folder."""
    path = folder / name
    with path.open("rb") as file:
        return {"name": name, "sha256": hashlib.file_digest(file, "sha256").hexdigest(), "bytes": path.stat().st_size}


def _options(schema: pa.Schema) -> dict[str, Any]:
    """Return the Parquet options: no dictionaries for columns whose values differ in nearly every row.

    Statistics let readers skip row groups. Text columns have none, except accounts and sources: other texts occur in
    all row groups, and comparing them would take a quarter of the writing time.
    """
    many = {field.name for field in schema if field.type == TIME} - _OFTEN_THE_SAME | _NEARLY_ALL_DIFFER
    texts = {field.name for field in schema if pa.types.is_dictionary(field.type) or pa.types.is_string(field.type)}
    return {
        "compression": "zstd",
        "use_dictionary": [_leaf(field) for field in schema if field.name not in many],
        "write_statistics": [_leaf(field) for field in schema if field.name not in texts - _IN_ORDER],
    }


def _leaf(field: pa.Field[Any]) -> str:
    """Return the name of a column's values in Parquet."""
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else str(field.name)


_OFTEN_THE_SAME: Final = frozenset({"as_of", "captured_at"})
_NEARLY_ALL_DIFFER: Final = frozenset({"user", "arn"})
_IN_ORDER: Final = frozenset({"account_id", "source"})
"""Text columns whose equal values are adjacent."""
