"""Tables as a run leaves them: each cell as it was judged, chosen by name, and in types that any reader knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from analyzer import pipeline
from analyzer.controls.checklist import make_checklist
from analyzer.evidence.schema import TABLES, to_arrow
from analyzer.evidence.writer import put_tables
from tests.audits import AS_OF, ODD, made_up
from tests.reports import csv_of, root, write
from tests.running import Settings, audit, audit_in_batches

if TYPE_CHECKING:
    from pathlib import Path

    from tests.running import Audit

PLAIN_TYPES: Final = {
    "dictionary<values=string, indices=int32, ordered=0>",
    "string",
    "timestamp[us, tz=UTC]",
    "int32",
    "bool",
    "list<element: string>",
}
"""All types of public tables."""
SETTINGS: Final = Settings(make_checklist(), as_of=AS_OF)


@pytest.fixture
def reports(tmp_path: Path) -> list[str]:
    """Return a folder with a report of odd users, one of many, and one of root alone."""
    write(tmp_path / "in/2026-10-31/odd.csv", csv_of(root(), *ODD))
    for number, users in (("222233334444", 300), ("333344445555", 0)):
        rows = (made_up(user, number) for user in range(users))
        write(tmp_path / f"in/2026-10-31/{number}.csv", csv_of(root(number), *rows))
    return [str(tmp_path / "in")]


def assert_plain(path: Path) -> None:
    """The file has plain types alone, and is compressed."""
    for field in pq.read_schema(path):
        assert str(field.type) in PLAIN_TYPES
    file = pq.ParquetFile(path)
    for group in range(file.metadata.num_row_groups):
        assert file.metadata.row_group(group).column(0).compression == "ZSTD"


def test_the_tables_come_back_cell_by_cell(any_audit: Audit, tmp_path: Path) -> None:
    given = {name: to_arrow(getattr(any_audit, name), schema) for name, schema in TABLES.items()}
    outputs = put_tables(str(tmp_path), given)
    assert [output["name"] for output in outputs] == [f"{name}.parquet" for name in TABLES]
    for name, table in given.items():
        read = pq.read_table(tmp_path / f"{name}.parquet")
        assert read.to_pylist() == table.to_pylist()
        assert_plain(tmp_path / f"{name}.parquet")


@pytest.mark.parametrize("batch", [1, 1 << 40])
def test_the_tables_of_an_audit_come_back_cell_by_cell(reports: list[str], tmp_path: Path, batch: int) -> None:
    whole = audit(reports, SETTINGS)
    summary, tables = audit_in_batches(reports, SETTINGS, tmp_path / "out", batch=batch)
    assert tables.keys() == {*TABLES, "tallies"}
    assert tables["tallies"].equals(summary.tallies)
    assert tables["tallies"].equals(whole.tallies)
    for name, schema in TABLES.items():
        read = pq.read_table(tmp_path / f"out/{name}.parquet")
        assert read.schema.equals(schema)
        expected = to_arrow(getattr(whole, name), schema).to_pylist()
        assert read.to_pylist() == tables[name].to_pylist() == expected
        assert_plain(tmp_path / f"out/{name}.parquet")
    assert len(whole.users) == len(ODD) + 300 + 3


@pytest.mark.parametrize("table_names", [(), ("issues",), ("users", "credentials"), tuple(TABLES)])
def test_tables_can_be_chosen(reports: list[str], tmp_path: Path, table_names: tuple[str, ...]) -> None:
    _, every = audit_in_batches(reports, SETTINGS, tmp_path / "every")
    _, tables = audit_in_batches(reports, SETTINGS, tmp_path / "out", table_names=table_names)
    file_names = {path.name for path in (tmp_path / "out").iterdir()}
    assert file_names == {"manifest.json", "tallies.parquet", *(f"{name}.parquet" for name in table_names)}
    for name in (*table_names, "tallies"):
        assert tables[name].equals(every[name]), name


def test_tables_that_formats_need_are_not_left(reports: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    pipeline.audit(reports, SETTINGS, str(out), formats=["excel"], tables=["issues"])
    file_names = {path.name for path in out.iterdir()}
    assert file_names == {"manifest.json", "rendered.json", "tallies.parquet", "issues.parquet", "workbook.xlsx"}
    assert pipeline.verify(out).holds


def test_other_readers_see_plain_types(any_audit: Audit, tmp_path: Path) -> None:
    put_tables(str(tmp_path), {"findings": to_arrow(any_audit.findings, TABLES["findings"])})
    path = tmp_path / "findings.parquet"
    schema = pq.ParquetFile(path).schema
    logical = {schema.column(n).name: str(schema.column(n).logical_type) for n in range(len(schema))}
    assert logical["status"] == "String"
    assert "Timestamp(isAdjustedToUTC=true, timeUnit=microseconds" in logical["as_of"]
    assert pa.types.is_int32(pq.read_table(path).schema.field("idle_days").type)


DUCKDB: Final = {
    "string": "VARCHAR",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "bool": "BOOLEAN",
    str(pa.list_(pa.string())): "VARCHAR[]",
}


def plain(kind: pa.DataType) -> str:
    return str(kind.value_type if pa.types.is_dictionary(kind) else kind)


@pytest.mark.parametrize("name", TABLES)
def test_other_programs_read_the_same_cells(reports: list[str], tmp_path: Path, name: str) -> None:
    _, tables = audit_in_batches(reports, SETTINGS, tmp_path / "out", batch=1)
    path, expected = str(tmp_path / f"out/{name}.parquet"), tables[name].to_pylist()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        relation = connection.sql(f"SELECT * FROM '{path}'")  # noqa: S608 - a folder of this test
        types = [DUCKDB.get(plain(field.type), "TIMESTAMP WITH TIME ZONE") for field in TABLES[name]]
        assert [str(kind) for kind in relation.types] == types
        assert relation.arrow().read_all().to_pylist() == expected
    assert pl.read_parquet(path).to_arrow().to_pylist() == expected
    frame = pd.read_parquet(path, dtype_backend="pyarrow")
    assert pa.Table.from_pandas(frame, preserve_index=False).to_pylist() == expected
