"""A large evidence set on disk, and a process that makes a workbook of it: `stored SET OUT`."""

from __future__ import annotations

import pickle
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from analyzer.evidence.schema import TABLES, public_tables
from analyzer.evidence.summary import Summary
from analyzer.rendering.workbook import book
from tests.running import Streamed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.running import Audit


class StoredTables:
    """The tables of a folder, a file each, read batch by batch."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def batches(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        schema = TABLES[name] if columns is None else pa.schema([TABLES[name].field(column) for column in columns])
        with parquet.ParquetFile(self._folder / f"{name}.parquet", read_dictionary=_few(schema)) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=schema.names).select(schema.names).cast(schema)

    def rows(self, name: str) -> int:
        return int(parquet.read_metadata(self._folder / f"{name}.parquet").num_rows)


def _few(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if pa.types.is_dictionary(field.type)]


def write_many(audit: Audit, folder: Path, findings: int) -> None:
    """Write the tables of an audit over and over, its users named anew each time, until there are so many findings."""
    folder.mkdir()
    tables = public_tables(audit, list(TABLES))
    times = -(-findings // tables["findings"].num_rows)
    for name, table in tables.items():
        with parquet.ParquetWriter(folder / f"{name}.parquet", table.schema, compression="zstd") as writer:
            for number in range(times):
                writer.write_table(_renamed(table, number))
    kept = {field.name: getattr(audit, field.name) for field in fields(Summary)}
    (folder / "summary.pickle").write_bytes(pickle.dumps(Streamed(**kept, kept=audit.digest, drawn=None)))


def _renamed(table: pa.Table, number: int) -> pa.Table:
    for column in {"user", "arn"} & set(table.column_names):
        place = pa.array(np.arange(table.num_rows)).cast(pa.string())
        renamed = pc.binary_join_element_wise(table[column], f"{number}", place, "-")
        table = table.set_column(table.column_names.index(column), column, renamed)
    return table


def main(folder: Path, out: Path) -> None:
    summary: Any = pickle.loads((folder / "summary.pickle").read_bytes())  # noqa: S301 - written by this module
    book.write(summary, StoredTables(folder), out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
