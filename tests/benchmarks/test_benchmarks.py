"""A small part of what is measured: the fleet can be read, and the peers find the same rows."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import openpyxl
import polars as pl
import pytest

from analyzer.evidence.schema import TABLES
from tests import running
from tests.benchmarks.__main__ import (
    PEERS_OF_AUDIT,
    audit,
    daily,
    default,
    growth,
    history,
    put_between,
    runs_on_a_year,
    same_rows,
    stages,
    start,
    workbook,
    write_reports,
    year,
)
from tests.benchmarks.fleet import Fleet, write_day
from tests.benchmarks.measuring import measure
from tests.reports import unused


def test_the_fleet_reads_without_an_issue_and_is_the_same_again(tmp_path: Path) -> None:
    sizes = [write_day(Fleet(3, 40), tmp_path / name) for name in ("a", "b")]
    assert sizes[0] == sizes[1]
    texts = [sorted(path.read_bytes() for path in (tmp_path / name).rglob("*.csv")) for name in ("a", "b")]
    assert texts[0] == texts[1]
    result = running.audit([str(tmp_path / "a")], running.Settings(unused()))
    assert result.issues.empty
    assert len(result.users) == 3 * 41
    assert {"pass", "fail"} <= set(result.findings["status"])


def test_the_peers_of_history_find_the_same(tmp_path: Path) -> None:
    measures = history(tmp_path, accounts=3, users=30, days=100, runs=1)
    assert "300 reports" in measures
    assert measures.count("\n|") == 5
    assert same_rows(tmp_path / "out/lifetimes.parquet", tmp_path / "peer.parquet", ["state", "closed_by"]) > 50


def test_the_peers_of_audit_find_the_same(tmp_path: Path) -> None:
    measures = audit(tmp_path, runs=1, fleets=[(3, 30)])
    findings = pl.read_parquet(tmp_path / "audit/credreport/findings.parquet")
    assert f"have {findings.height} findings" in measures
    assert measures.count("\n|") == 16
    assert set(findings["status"]) == {"pass", "fail"}
    assert set(findings["credential"]) == {"password", "access_key_1", "access_key_2"}
    assert set(findings["reason"]) == {"last_used", "never_used"}
    kinds = [_columns_of(tmp_path / "audit" / name / "findings.parquet") for name in ("credreport", *PEERS_OF_AUDIT)]
    assert all(columns == kinds[0] for columns in kinds)
    filtered = (tmp_path / "audit/filtered.csv").read_text().splitlines()
    assert len([line for line in filtered if not line.startswith("user,")]) == 3 * 30


# One test for each: the workers of pytest share them.


def test_growth_is_measured(tmp_path: Path) -> None:
    assert growth(tmp_path, runs=1, fleets=[(1, 5), (2, 5)]).count(" s |") == 8


@pytest.mark.slow
def test_daily_and_default_are_measured(tmp_path: Path) -> None:
    assert daily(tmp_path, runs=1, fleet=(3, 5)).count(" s |") == 4
    assert default(tmp_path, runs=1, fleets=[(3, 5), (2, 5)]).count(" s |") == 8


@pytest.mark.slow
def test_a_year_is_measured(tmp_path: Path) -> None:
    measures = year(tmp_path, runs=1, fleet=(2, 5), days=9)
    assert "18 reports: a daily one of 2 accounts of 5 users, for 9 days" in measures
    assert measures.count(" s |") == 16


def test_stages_are_measured(tmp_path: Path) -> None:
    measures = stages(tmp_path, runs=1, fleet=(2, 5), reports=2)
    assert measures.startswith("A batch of 12 rows:")
    assert measures.count(" ms |") == 6


@pytest.mark.slow
def test_start_is_measured(tmp_path: Path) -> None:
    assert start(tmp_path, runs=1).count(" s |") == 12


def test_the_workbook_is_measured(tmp_path: Path) -> None:
    write_reports(tmp_path / "reports-200x5000", 2, 20)
    assert workbook(tmp_path, runs=1, rows=20).count(" s |") == 4
    books = [
        openpyxl.load_workbook(tmp_path / program / "workbook.xlsx")["Findings"] for program in ("credreport", "pandas")
    ]
    assert [book.max_row for book in books] == [21, 21]


@pytest.mark.slow
def test_every_command_takes_a_year_of_daily_reports_in_bounded_memory(tmp_path: Path) -> None:
    memory_by_command = {name: runs[0].memory for name, runs in runs_on_a_year(tmp_path, runs=1).items()}
    # With 55 million findings, the memory that allocators keep for themselves is above the limit of the other commands.
    assert memory_by_command.pop("audit --every-snapshot") < 1_000_000_000
    assert {name: memory for name, memory in memory_by_command.items() if memory > 700_000_000} == {}


def _columns_of(path: Path) -> list[tuple[str, str]]:
    described = duckdb.connect().execute(f"DESCRIBE FROM '{path}'").fetchall()
    return [(name, kind) for name, kind, *_ in described]


@pytest.mark.parametrize("column", TABLES["findings"].names)
def test_a_difference_in_any_column_is_noticed(tmp_path: Path, column: str) -> None:
    first, second = tmp_path / "one.parquet", tmp_path / "other.parquet"
    columns = TABLES["findings"].names
    rows = pl.DataFrame({name: ["a", "b", "b", None] for name in columns})
    rows.write_parquet(first)
    rows.reverse().write_parquet(second)
    assert same_rows(first, second, columns) == 4
    rows.with_columns(pl.Series(column, ["a", "b", "a", None])).write_parquet(second)
    with pytest.raises(AssertionError, match="do not have the same rows"):
        same_rows(first, second, columns)


def test_different_rows_are_noticed(tmp_path: Path) -> None:
    history(tmp_path, accounts=1, users=10, days=60, runs=1)
    with pytest.raises(AssertionError, match="do not have the same rows"):
        same_rows(tmp_path / "out/lifetimes.parquet", tmp_path / "all/lifetimes.parquet", ["control", "user"])


def test_memory_is_that_of_the_command_alone(tmp_path: Path) -> None:
    ballast = b"x" * 200_000_000
    assert measure(["true"], tmp_path).memory < 50_000_000 < len(ballast)
    filled = [sys.executable, "-c", "bytes(range(100)) * 1_000_000"]
    assert measure(filled, tmp_path).memory > 100_000_000


def test_a_command_that_fails_is_not_measured(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="exit code 2: "):
        measure([sys.executable, "-c", "raise SystemExit(2)"], tmp_path)


def test_measures_go_between_their_marks(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("a\n<!-- benchmark history -->\nold\n<!-- /benchmark history -->\nb\n")
    put_between(path, "history", "| new |\n")
    assert path.read_text() == "a\n<!-- benchmark history -->\n| new |\n<!-- /benchmark history -->\nb\n"
    with pytest.raises(ValueError, match="no marks for audit"):
        put_between(path, "audit", "")
