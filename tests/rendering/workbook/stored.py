"""A large evidence set on disk, and a process that makes a workbook of it: `stored SET OUT`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from analyzer.evidence import storage
from analyzer.evidence.manifest import audit_facts, manifest
from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.schema import TABLES, to_arrow
from analyzer.evidence.seal import MANIFEST, read_manifest, seal
from analyzer.evidence.writer import output_of, put_tables
from analyzer.rendering.render import Options
from analyzer.rendering.workbook import book

if TYPE_CHECKING:
    from tests.running import Audit


def write_many(audit: Audit, folder: Path, findings: int) -> None:
    """Write the tables of an audit repeatedly, with new names of users each time, until there are so many findings."""
    folder.mkdir()
    tables = {name: to_arrow(getattr(audit, name), schema) for name, schema in TABLES.items()}
    times = -(-findings // tables["findings"].num_rows)
    for name, table in tables.items():
        with parquet.ParquetWriter(folder / f"{name}.parquet", table.schema, compression="zstd") as writer:
            for number in range(times):
                writer.write_table(_renamed(table, number))
    outputs = [output_of(folder, f"{name}.parquet") for name in tables]
    outputs += put_tables(str(folder), {"tallies": audit.tallies})
    storage.put(str(folder), MANIFEST, seal(manifest("audit", audit_facts(audit, []), outputs)))


def _renamed(table: pa.Table, number: int) -> pa.Table:
    for column in {"user", "arn"} & set(table.column_names):
        row_numbers = pa.array(np.arange(table.num_rows)).cast(pa.string())
        renamed = pc.binary_join_element_wise(table[column], f"{number}", row_numbers, "-")
        table = table.set_column(table.column_names.index(column), column, renamed)
    return table


def main(folder: Path, out: Path) -> None:
    book.render(EvidenceSet.of(str(folder), read_manifest(folder)), out, Options())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
