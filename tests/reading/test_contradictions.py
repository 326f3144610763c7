"""Times of one row that cannot be: which pairs, by how much, and that no verdict depends on it."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given

from tests.cli.running import run
from tests.oracle import read_time
from tests.reports import csv_of, key, password, read, root, user, write
from tests.strategies import Report, reports

CREATED = "user_creation_time"
PAIRS = {
    "password_last_used": [CREATED],
    "password_last_changed": [CREATED],
    "password_next_rotation": ["password_last_changed", CREATED],
    "access_key_1_last_rotated": [CREATED],
    "access_key_1_last_used_date": ["access_key_1_last_rotated", CREATED],
    "access_key_2_last_rotated": [CREATED],
    "access_key_2_last_used_date": ["access_key_2_last_rotated", CREATED],
    "cert_1_last_rotated": [CREATED],
    "cert_2_last_rotated": [CREATED],
}
"""What cannot be before what, written down once more."""
SLACK = timedelta(seconds=60)


def impossible_times(path: Path, *rows: dict[str, str]) -> list[tuple[object, ...]]:
    _, log = read(write(path / "2026-10-31.csv", csv_of(*rows)))
    return [(row[1], row[2], row[5].split(":")[0]) for row in log.rows if row[4] == "impossible_order"]


@pytest.mark.parametrize(("column", "bound"), [(column, bound) for column, bounds in PAIRS.items() for bound in bounds])
@pytest.mark.parametrize("early", [60, 61])
def test_a_time_more_than_a_minute_before_its_bound_is_noted(
    tmp_path: Path, column: str, bound: str, early: int
) -> None:
    later = pd.Timestamp("2026-01-01T00:10:00Z")
    row = user("a") | {CREATED: "N/A", bound: later.isoformat(), column: (later - pd.Timedelta(early, "s")).isoformat()}
    issues = impossible_times(tmp_path, user("z"), row)
    assert issues == ([(3, column, f"earlier than {bound}")] if early > 60 else [])


def test_each_time_is_noted_once(tmp_path: Path) -> None:
    row = user("a", **key(rotated="2020-06-01T00:00:00Z", used="2019-01-01T00:00:00Z"))
    assert impossible_times(tmp_path, row) == [
        (2, "access_key_1_last_used_date", "earlier than access_key_1_last_rotated"),
    ]


def test_a_password_used_before_its_last_change_is_ordinary(tmp_path: Path) -> None:
    row = user("a", **password(used="2025-01-01T00:00:00Z", changed="2026-01-01T00:00:00Z"))
    assert impossible_times(tmp_path, row) == []


def test_the_password_of_root_may_be_older_than_its_account(tmp_path: Path) -> None:
    old = password(used="2025-01-01T00:00:00Z", changed="2009-01-01T00:00:00Z")
    assert impossible_times(tmp_path, root(**old)) == []
    assert impossible_times(tmp_path, user("a", **old)) == [(2, "password_last_changed", f"earlier than {CREATED}")]


def test_impossible_times_change_no_exit_code_and_are_shown(tmp_path: Path) -> None:
    row = user("a", **key(active="false", rotated="2019-01-01T00:00:00Z"))
    path = write(tmp_path / "2026-10-31.csv", csv_of(root(password_enabled="false"), row))
    ran = run("audit", path, "-o", tmp_path / "out", "--control", "unused-credentials")
    assert ran.returncode == 0
    assert "times of a row in an impossible order" in ran.stdout
    assert "no credential can be older than its user" in run("inspect", path).stdout


@given(reports())
def test_impossible_times_are_noted_in_any_report(report: Report) -> None:
    expected = []
    for line, cells in enumerate(report.rows, start=2):
        is_root = cells["user"] == "<root_account>" or cells["arn"].endswith(":root")
        row = {column: read_time(cells[column]) for column in (CREATED, *PAIRS) if column in report.columns}
        for column, bounds in PAIRS.items():
            for bound in bounds:
                time, bound_time = row.get(column), row.get(bound)
                of_root = is_root and (column, bound) == ("password_last_changed", CREATED)
                if time and bound_time and time < bound_time - SLACK and not of_root:
                    expected.append((line, column, f"earlier than {bound}"))
                    break
    with tempfile.TemporaryDirectory() as folder:
        _, log = read(write(Path(folder) / "111122223333.csv", report.to_csv()))
    noted = [(row[1], row[2], row[5].split(":")[0]) for row in log.rows if row[4] == "impossible_order"]
    assert sorted(noted) == sorted(expected)
