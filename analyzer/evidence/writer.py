"""The public tables as Parquet (zstd)."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analyzer.evidence.schema import TABLES, to_arrow
from analyzer.reading.columns import TIME
from analyzer.survey.files import file_system

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from pyarrow import parquet

    from analyzer.evidence.result import Audit


def write(audit: Audit, folder: Path, tables: Sequence[str] = tuple(TABLES)) -> list[Path]:
    """Write `<table>.parquet` for each of `tables` into `folder` and return their paths."""

    def write_one(name: str) -> Path:
        return _write(to_arrow(getattr(audit, name), TABLES[name]), folder / f"{name}.parquet")

    with ThreadPoolExecutor(max_workers=2) as threads:
        return list(threads.map(write_one, tables))


class GrowingTables:
    """The public tables as files in a folder that grow batch by batch, a row group (or more) each."""

    def __init__(self, folder: Path, tables: Sequence[str]) -> None:
        self.tables = tables
        self._folder = folder
        self._threads = ThreadPoolExecutor(max_workers=2)
        self._writers: dict[str, parquet.ParquetWriter] = {}
        self.restart()

    def restart(self) -> None:
        """Begin anew, with empty tables."""
        from pyarrow import parquet  # noqa: PLC0415 - only this format needs it

        self._finish()
        self._writers = {
            name: parquet.ParquetWriter(self._folder / f"{name}.parquet", TABLES[name], **_options(TABLES[name]))
            for name in self.tables
        }

    def put(self, tables: Mapping[str, pa.Table]) -> None:
        """Append rows to the tables."""
        list(self._threads.map(lambda name: self._writers[name].write_table(tables[name]), tables))

    def abandon(self) -> None:
        """Let go of the files as they are: the run has failed."""
        self._threads.shutdown()
        for writer in self._writers.values():
            writer.is_open = False  # else it would try to finish its file, and complain when it cannot

    def close(self) -> list[Path]:
        """Finish the files and return their paths."""
        self._finish()
        self._threads.shutdown()
        return [self._folder / f"{name}.parquet" for name in self.tables]

    def _finish(self) -> None:
        for writer in self._writers.values():
            writer.close()


def write_tables(tables: Mapping[str, pa.Table], folder: Path) -> list[Path]:
    """Write `<name>.parquet` for each table into `folder` and return their paths."""
    return [_write(table, folder / f"{name}.parquet") for name, table in tables.items()]


# --- parts, at a path or URL that workers and driver see -------------------------------------------------------------


def to_bytes(table: pa.Table) -> bytes:
    """Return a table as a Parquet file."""
    from pyarrow import parquet  # noqa: PLC0415

    buffer = BytesIO()
    parquet.write_table(table, buffer, **_options(table.schema))
    return buffer.getvalue()


def make_folders(place: str, tables: Sequence[str]) -> None:
    """Make the folder of each table at `place`."""
    system, root = file_system(place)
    for name in tables:
        system.makedirs(f"{root}/{name}.parquet", exist_ok=True)


def put(place: str, name: str, data: bytes) -> None:
    """Write the file `name` at `place` so that it is there whole or not at all, also where two do it at once."""
    system, root = file_system(place)
    if "file" in system.protocol:
        path = Path(root) / name
        staged = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        staged.write_bytes(data)
        staged.replace(path)
    else:
        system.pipe_file(f"{root}/{name}", data)


def remove(place: str, name: str) -> None:
    """Remove the file `name` at `place`."""
    system, root = file_system(place)
    system.rm_file(f"{root}/{name}")


def clear(place: str, tables: Sequence[str]) -> None:
    """Remove the folders of tables at `place`, as far as that goes."""
    system, root = file_system(place)
    for name in tables:
        with suppress(OSError):
            system.rm(f"{root}/{name}.parquet", recursive=True)


def sizes(place: str) -> dict[str, int]:
    """Return the size of each file at `place`, by its name."""
    system, root = file_system(place)
    system.invalidate_cache()
    prefix = root.rstrip("/") + "/"
    return {path.removeprefix(prefix): facts["size"] for path, facts in system.find(root, detail=True).items()}


def _write(table: pa.Table, path: Path) -> Path:
    from pyarrow import parquet  # noqa: PLC0415 - only this format needs it

    with path.open("wb") as file:
        parquet.write_table(table, file, **_options(table.schema))
    return path


def _options(schema: pa.Schema) -> dict[str, Any]:
    """Return how tables are written: without dictionaries of what differs from row to row."""
    many = {field.name for field in schema if field.type == TIME} - _OFTEN_THE_SAME | _NEARLY_ALL_DIFFER
    return {"compression": "zstd", "use_dictionary": [name for name in schema.names if name not in many]}


_OFTEN_THE_SAME: Final = frozenset({"as_of", "captured_at"})
_NEARLY_ALL_DIFFER: Final = frozenset({"user", "arn"})
