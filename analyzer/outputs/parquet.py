"""The public tables as Parquet (zstd)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from analyzer.tables import TABLES, to_arrow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from analyzer.result import Audit


def write(audit: Audit, folder: Path, tables: Sequence[str] = tuple(TABLES)) -> list[Path]:
    """Write `<table>.parquet` for each of `tables` into `folder` and return their paths."""

    def write_one(name: str) -> Path:
        return _write(to_arrow(getattr(audit, name), TABLES[name]), folder / f"{name}.parquet")

    with ThreadPoolExecutor(max_workers=2) as threads:
        return list(threads.map(write_one, tables))


def write_tables(tables: Mapping[str, pa.Table], folder: Path) -> list[Path]:
    """Write `<name>.parquet` for each table into `folder` and return their paths."""
    return [_write(table, folder / f"{name}.parquet") for name, table in tables.items()]


def _write(table: pa.Table, path: Path) -> Path:
    from pyarrow import parquet  # noqa: PLC0415 - only this format needs it

    with path.open("wb") as file:
        parquet.write_table(table, file, compression="zstd")
    return path
