"""Daily reports of many accounts in bounded memory: a tenth of a year. Not part of the default run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyarrow import parquet

from tests.benchmarks.fleet import Fleet, write_day
from tests.benchmarks.measuring import measure

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.slow

DAYS, ACCOUNTS, USERS = 37, 200, 50
MOST_MEMORY = 450_000_000
"""A year of them has to stay below 700 MB; 116 MB are the program itself, and 70 MB what draws."""


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a folder of reports for each day."""
    folder = tmp_path_factory.mktemp("days")
    fleet = Fleet(ACCOUNTS, USERS)
    for number in range(DAYS):
        write_day(fleet, folder / ("old" if number < DAYS - 7 else "new"))
    return folder


def peak(arguments: Sequence[str]) -> int:
    command = [sys.executable, "-m", "analyzer", *arguments, "--quiet"]
    run = measure(command, Path(__file__).parents[2])
    print(f"{arguments[0]}: {run.wall:.0f} s, peak {run.memory / 1e6:,.0f} MB")  # noqa: T201 - shown by pytest -s
    return run.memory


def test_a_history_takes_bounded_memory(days: Path, tmp_path: Path) -> None:
    assert peak(["history", str(days), "-o", str(tmp_path / "out")]) < MOST_MEMORY
    coverage = parquet.read_table(tmp_path / "out/coverage.parquet").to_pylist()
    assert [row["snapshots"] for row in coverage] == [DAYS] * ACCOUNTS


def test_a_comparison_takes_bounded_memory(days: Path, tmp_path: Path) -> None:
    assert peak(["compare", str(days / "old"), str(days / "new"), "-o", str(tmp_path / "out")]) < MOST_MEMORY
    events = parquet.read_table(tmp_path / "out/events.parquet", columns=["account_id", "event"])
    assert len(events["account_id"].unique()) == ACCOUNTS
    assert {"new_failure", "fixed", "still_failing"} <= set(events["event"].unique().to_pylist())
