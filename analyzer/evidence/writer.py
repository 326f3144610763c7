"""The tables of an evidence set as Parquet (zstd): whole, growing batch by batch, or as parts that tasks write."""

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
"""`name` (relative to the evidence set, with `/`), `sha256` and `bytes` of a file, as manifests have it."""


class Writer(Protocol):
    """Where judged tables go, batch by batch in their order; `tables` are those that are wanted."""

    tables: tuple[str, ...]

    def write_in_task(self, number: int, tables: Mapping[str, pa.Table]) -> tuple[dict[str, pa.Table], list[Output]]:
        """Write, where tasks can, the tables of a batch; return what is left to `put`, and what was written."""

    def put(self, tables: Mapping[str, pa.Table]) -> None:
        """Append rows to tables."""

    def restart(self) -> None:
        """Begin anew, with empty tables."""

    def close(self, written: Sequence[Output]) -> list[Output]:
        """Finish, with what tasks have `written`; return the files of all tables, by name."""

    def abandon(self) -> None:
        """Let go of the files as they are: the run has failed."""


class GrowingFiles:
    """A file for each table, in a folder of this machine, that grows by a row group (or more) a batch."""

    def __init__(self, folder: Path, tables: Sequence[str]) -> None:
        self.tables = tuple(tables)
        self._folder = folder
        self._threads = ThreadPoolExecutor(max_workers=2)
        self._writers: dict[str, parquet.ParquetWriter] = {}
        self.restart()

    def write_in_task(self, number: int, tables: Mapping[str, pa.Table]) -> tuple[dict[str, pa.Table], list[Output]]:  # noqa: ARG002
        """Leave all tables to `put`: rows of one file are written one after the other."""
        return dict(tables), []

    def put(self, tables: Mapping[str, pa.Table]) -> None:
        """Append rows to tables."""
        list(self._threads.map(lambda name: self._writers[name].write_table(tables[name]), tables))

    def restart(self) -> None:
        """Begin anew, with empty tables."""
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
        """Let go of the files as they are."""
        self._threads.shutdown()
        for writer in self._writers.values():
            writer.is_open = False  # else it would try to finish its file, and complain when it cannot

    def _finish(self) -> None:
        for writer in self._writers.values():
            writer.close()


class Parts:
    """A folder of parts for each table, at a path or URL that tasks and driver see; a task may run twice."""

    def __init__(self, place: str, tables: Sequence[str]) -> None:
        self.tables = tuple(tables)
        self._place = place
        storage.make_folders(place, [f"{name}.parquet" for name in tables])
        self._put: list[Output] = []

    def write_in_task(self, number: int, tables: Mapping[str, pa.Table]) -> tuple[dict[str, pa.Table], list[Output]]:
        """Write a part of each table."""
        return {}, [self._part(name, number, table) for name, table in tables.items()]

    def put(self, tables: Mapping[str, pa.Table]) -> None:
        """Write the first part of tables that are of no batch."""
        self._put += [self._part(name, 0, table) for name, table in tables.items()]

    def restart(self) -> None:
        """Forget what was put; parts that tasks have written are strays, which `close` removes."""
        self._put = []

    def close(self, written: Sequence[Output]) -> list[Output]:
        """Remove what tasks left that were done again; check that the rest is to be seen, and return it."""
        outputs = sorted([*written, *self._put], key=lambda output: str(output["name"]))
        sizes = storage.sizes(self._place)
        wanted = {str(output["name"]): output["bytes"] for output in outputs}
        for name in sizes.keys() - wanted.keys():
            if name.partition("/")[0].removesuffix(".parquet") in self.tables:
                storage.remove(self._place, name)
        missing = sorted(name for name, size in wanted.items() if sizes.get(name) != size)
        if missing:
            raise OutputError(
                f"{len(missing)} of {len(outputs)} parts that workers wrote are not visible from this machine in "
                f"{self._place}: {missing[0]}",
                "choose an output folder with -o that this machine and all workers can see, such as a shared disk or "
                "a bucket",
            )
        return outputs

    def abandon(self) -> None:
        """Remove what was written, as far as that goes."""
        for name in self.tables:
            with suppress(Exception):  # each kind of storage has errors of its own
                storage.remove(self._place, f"{name}.parquet")

    def _part(self, table: str, number: int, content: pa.Table) -> Output:
        """Write a part. Its name has its digest: a task that is done again, late, leaves what was there or a stray."""
        data = to_bytes(content)
        sha256 = hashlib.sha256(data).hexdigest()
        name = f"{table}.parquet/part-{number:05d}-{sha256[:8]}.parquet"
        storage.put(self._place, name, data)
        return {"name": name, "sha256": sha256, "bytes": len(data)}


def put_tables(place: str, tables: Mapping[str, pa.Table]) -> list[Output]:
    """Write `<name>.parquet` for each table at `place` and return the files."""
    outputs = []
    for name, table in tables.items():
        data = to_bytes(table)
        storage.put(place, f"{name}.parquet", data)
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
    """Return how tables are written: without dictionaries of what differs from row to row.

    Statistics, by which readers pass over row groups, are made where these differ by them: any text but that of an
    account or a report stands in all of them, and to compare texts takes a quarter of the time of writing.
    """
    many = {field.name for field in schema if field.type == TIME} - _OFTEN_THE_SAME | _NEARLY_ALL_DIFFER
    texts = {field.name for field in schema if pa.types.is_dictionary(field.type) or pa.types.is_string(field.type)}
    return {
        "compression": "zstd",
        "use_dictionary": [_leaf(field) for field in schema if field.name not in many],
        "write_statistics": [_leaf(field) for field in schema if field.name not in texts - _IN_ORDER],
    }


def _leaf(field: pa.Field[Any]) -> str:
    """Return the name by which Parquet knows the values of a column."""
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else str(field.name)


_OFTEN_THE_SAME: Final = frozenset({"as_of", "captured_at"})
_NEARLY_ALL_DIFFER: Final = frozenset({"user", "arn"})
_IN_ORDER: Final = frozenset({"account_id", "source"})
"""Texts whose rows lie together."""
