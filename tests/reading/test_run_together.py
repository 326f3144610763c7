"""Rows of several reports on one line, without headers, as `tail -n +2` writes them: no report ends in a newline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.running import run
from tests.reports import ACCOUNT, COLUMNS_16, COLUMNS_22, codes, csv_of, read, root, user, write
from tests.strategies import names

if TYPE_CHECKING:
    from pathlib import Path

OTHER, THIRD = "123456789012", "444455556666"
WITHOUT = tuple(column for column in COLUMNS_22 if column != "arn")


def run_together(*reports: str) -> str:
    """Return reports one after the other as they end, only the first one with its header."""
    first, *later_reports = reports
    return first + "".join(report.split("\n", 1)[1] for report in later_reports)


def rows_and_issues(path: Path, text: str) -> tuple[list[tuple[str, int]], list[tuple[object, ...]]]:
    tables, log = read(write(path / "2026-10-31.csv", text), account_id=ACCOUNT)
    rows = list(zip(tables.users["user"], tables.users["line"], strict=True))
    return rows, [(row[1], row[4]) for row in log.rows if row[4] != "missing_column"]


@pytest.mark.parametrize("columns", [COLUMNS_22, COLUMNS_16, (*COLUMNS_22, "additional_credentials_info"), WITHOUT])
def test_the_last_row_and_the_first_of_the_next_report_are_split(tmp_path: Path, columns: tuple[str, ...]) -> None:
    first, second = (
        csv_of(root(account), user("a", account=account), user("b", account=account), columns=columns)
        for account in (ACCOUNT, OTHER)
    )
    rows, issues = rows_and_issues(tmp_path, run_together(first, second))
    assert rows == [("<root_account>", 2), ("a", 3), ("b", 4), ("<root_account>", 4), ("a", 5), ("b", 6)]
    assert issues == [(4, "split_row")]


def test_each_row_is_of_its_own_account_and_none_is_lost(tmp_path: Path) -> None:
    reports = [
        csv_of(root(account), *(user(name, account=account) for name in "ab"[:n]))
        for n, account in enumerate((ACCOUNT, OTHER, THIRD))
    ]
    path = write(tmp_path / "2026-10-31.csv", run_together(*reports))
    tables, _ = read(path)
    assert tables.users["account_id"].value_counts().to_dict() == {ACCOUNT: 1, OTHER: 2, THIRD: 3}
    ran = run("inspect", path)
    assert ran.returncode == 0
    assert "6 rows" in ran.stdout


def test_accounts_of_root_alone_make_one_long_line(tmp_path: Path) -> None:
    reports = [csv_of(root(f"{number:012}")) for number in range(1, 41)]
    tables, log = read(write(tmp_path / "2026-10-31.csv", run_together(*reports)))
    assert tables.users["account_id"].tolist() == [f"{number:012}" for number in range(1, 41)]
    assert set(tables.users["line"]) == {2}
    assert codes(log) == ["split_row"]


def test_the_same_user_of_two_accounts_is_two_rows(tmp_path: Path) -> None:
    first, second = (csv_of(user("bob", account=account)) for account in (ACCOUNT, OTHER))
    rows, issues = rows_and_issues(tmp_path, run_together(first, second))
    assert rows == [("bob", 2), ("bob", 2)]
    assert issues == [(2, "split_row")]


def test_a_row_that_can_be_split_in_two_ways_is_not_read(tmp_path: Path) -> None:
    texts = [csv_of(user(name), columns=WITHOUT[:-1]) for name in "ab"]  # `false` and `b`, or a blank and `falseb`
    rows, issues = rows_and_issues(tmp_path, run_together(*texts))
    assert rows == []
    assert issues == [(2, "rejected_row")]


def test_rows_of_another_width_are_not_split(tmp_path: Path) -> None:
    rows, issues = rows_and_issues(tmp_path, run_together(csv_of(user("a")), csv_of(root(OTHER), columns=COLUMNS_16)))
    assert rows == []
    assert issues == [(2, "rejected_row")]


@given(
    st.lists(names(), min_size=2, max_size=4), st.sampled_from(["N/A", "2026-01-01T00:00:00+00:00", "no_information"])
)
def test_any_names_come_apart_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, user_names: list[str], last: str
) -> None:
    reports = [csv_of(root(), user(name) | {"cert_2_last_rotated": last}) for name in user_names]
    rows, _ = rows_and_issues(tmp_path_factory.mktemp("x"), run_together(*reports))
    of_users = [name for name, _ in rows if name != "<root_account>"]
    assert of_users == user_names
