"""The four public tables as Parquet (zstd)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from analyzer.tables import TABLES, to_arrow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from analyzer.result import Audit


def write(audit: Audit, folder: Path, tables: Sequence[str] = tuple(TABLES)) -> list[Path]:
    """Write `<table>.parquet` for each of `tables` into `folder` and return their paths."""
    from pyarrow import parquet  # noqa: PLC0415 - only this format needs it

    def write_one(name: str) -> Path:
        path = folder / f"{name}.parquet"
        with path.open("wb") as file:
            parquet.write_table(to_arrow(getattr(audit, name), TABLES[name]), file, compression="zstd")
        return path

    with ThreadPoolExecutor(max_workers=2) as threads:
        return list(threads.map(write_one, tables))
