from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import parquet as pq

from analyzer.evidence import writer as parquet
from analyzer.evidence.schema import TABLES, to_arrow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.running import Audit


def test_the_tables_come_back_cell_by_cell(any_audit: Audit, tmp_path: Path) -> None:
    paths = parquet.write(any_audit, tmp_path)
    assert [path.stem for path in paths] == list(TABLES)
    for path in paths:
        read = pq.read_table(path)
        table = to_arrow(getattr(any_audit, path.stem), TABLES[path.stem])
        assert read.to_pylist() == table.to_pylist()
        for field in read.schema:
            assert str(field.type) in {
                "dictionary<values=string, indices=int32, ordered=0>",
                "string",
                "timestamp[us, tz=UTC]",
                "int32",
                "bool",
            }
        if read.num_rows:
            assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


def test_tables_can_be_chosen(any_audit: Audit, tmp_path: Path) -> None:
    assert [path.name for path in parquet.write(any_audit, tmp_path, ["issues"])] == ["issues.parquet"]


def test_other_readers_see_plain_types(any_audit: Audit, tmp_path: Path) -> None:
    parquet.write(any_audit, tmp_path, ["findings"])
    schema = pq.ParquetFile(tmp_path / "findings.parquet").schema
    logical = {schema.column(n).name: str(schema.column(n).logical_type) for n in range(len(schema))}
    assert logical["status"] == "String"
    assert "Timestamp(isAdjustedToUTC=true, timeUnit=microseconds" in logical["as_of"]
    assert pa.types.is_int32(pq.read_table(tmp_path / "findings.parquet").schema.field("idle_days").type)
