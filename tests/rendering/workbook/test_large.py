"""A million findings: memory that is bounded, and time beside `pandas.to_excel`. Not part of the default run."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyarrow import parquet

from analyzer.evidence.schema import TABLES, to_arrow
from analyzer.evidence.tables import TablesInMemory
from analyzer.rendering.workbook import book
from tests.benchmarks.measuring import measure
from tests.benchmarks.peers.workbook import by_pandas
from tests.rendering.workbook.stored import write_many

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.running import Audit

pytestmark = pytest.mark.slow

FINDINGS = 1_000_000
MOST_MEMORY = 700_000_000


def test_a_million_findings_take_bounded_memory(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    write_many(audit_of([], many=20_000), tmp_path / "set", FINDINGS)
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-m", "tests.rendering.workbook.stored", str(tmp_path / "set"), str(out)]
    peak = measure(command, Path(__file__).parents[3]).memory
    print(f"peak {peak / 1e6:,.0f} MB")  # noqa: T201 - shown by pytest -s
    assert (out / "workbook.xlsx").stat().st_size > 1_000_000
    assert peak < MOST_MEMORY


def test_a_sheet_takes_a_quarter_of_the_time_of_pandas(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    result = audit_of([], many=100_000)
    findings = pa.concat_tables([to_arrow(result.findings, TABLES["findings"])] * 2).slice(0, 100_000)
    assert findings.num_rows == 100_000
    # The sheet Findings does not show lists.
    findings = findings.drop_columns(["requirements"])
    parquet.write_table(findings, tmp_path / "findings.parquet")
    start = time.process_time()
    stored = TablesInMemory({"findings": parquet.read_table(tmp_path / "findings.parquet")})
    book.write_tables("Findings", ["Findings"], [], stored, ["findings"], tmp_path)
    own = time.process_time() - start
    start = time.process_time()
    by_pandas(tmp_path / "findings.parquet", tmp_path)
    theirs = time.process_time() - start
    print(f"{own:.1f} s, pandas {theirs:.1f} s, {own / theirs:.2f} x")  # noqa: T201 - shown by pytest -s
    assert own < 0.25 * theirs
