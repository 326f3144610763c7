"""A column for the account of each row, and account numbers in odd ARNs: used where no proper ARN has it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.reading.issues import IssueLog
from analyzer.survey.accounts import accounts_in, rows_by_account
from tests.cli.running import run
from tests.reports import ACCOUNT, COLUMNS_22, codes, csv_of, key, read, read_sources, unused, user, write
from tests.running import Settings, audit

if TYPE_CHECKING:
    from analyzer.reading.normalizing import TypedTables

OTHER, THIRD = "444455556666", "012345678901"
WITHOUT = tuple(column for column in COLUMNS_22 if column != "arn")
OLD = key(rotated="2020-01-01T00:00:00Z")


def rows_of(*pairs: tuple[str, str], column: str = "account_id", first: bool = True, arn: bool = False) -> str:
    """Return a report of users, each with a cell in a column for the account."""
    columns = COLUMNS_22 if arn else WITHOUT
    rows = [user(name, **OLD) | {column: cell} for name, cell in pairs]
    return csv_of(*rows, columns=(column, *columns) if first else (*columns, column))


def accounts(tables: TypedTables) -> list[str | None]:
    account_ids = tables.users["account_id"].astype("object")
    return account_ids.where(account_ids.notna(), None).tolist()


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("column", ["account_id", "account", "aws_account_id", "account_number", "Account ID"])
def test_a_column_has_the_account_where_there_is_no_arn(tmp_path: Path, column: str, *, first: bool) -> None:
    text = rows_of(("a", ACCOUNT), ("a", OTHER), column=column, first=first)
    tables, log = read(write(tmp_path / "2026-10-31.csv", text), account_id="999988887777")
    assert accounts(tables) == [ACCOUNT, OTHER]
    assert codes(log) == ["missing_column"]


def test_merged_accounts_do_not_melt_into_one(tmp_path: Path) -> None:
    text = rows_of(("anna", ACCOUNT), ("anna", OTHER), ("anna", THIRD))
    path = write(tmp_path / "2026-10-31.csv", text)
    audited = audit([path], Settings(unused()))
    assert sorted(audited.findings["account_id"]) == sorted([ACCOUNT, OTHER, THIRD])
    assert "duplicate_user" not in audited.issues["code"].tolist()
    ran = run("audit", path, "-o", tmp_path / "out")
    assert ran.returncode == 1
    assert "copy" not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    "cell", ["'444455556666", '="444455556666"', "4444-5555-6666", " 444455556666 ", "444455556666.0"]
)
def test_account_numbers_are_read_as_spreadsheets_and_the_console_write_them(tmp_path: Path, cell: str) -> None:
    tables, log = read(write(tmp_path / "2026-10-31.csv", rows_of(("a", cell))))
    assert accounts(tables) == [OTHER]
    assert codes(log) == ["missing_column"]


@pytest.mark.parametrize("cell", ["12345678901", "1.23457E+10", "1234", "4444555566667"])
def test_an_account_number_that_lost_digits_is_noted_and_not_guessed(tmp_path: Path, cell: str) -> None:
    text = rows_of(("a", ACCOUNT), ("b", cell), ("c", cell), ("d", ""))
    tables, log = read(write(tmp_path / f"2026-10-31/{OTHER}.csv", text))
    assert accounts(tables) == [ACCOUNT, None, None, OTHER]
    assert [row[1:5] for row in log.rows if row[4] != "missing_column"] == [(3, "account_id", cell, "bad_account")]


def test_no_message_asks_to_remove_rows_of_unknown_accounts(tmp_path: Path) -> None:
    path = write(tmp_path / "2026-10-31.csv", rows_of(("a", "12345678901"), ("a", "22345678901")))
    ran = run("inspect", path)
    assert "find out the accounts before you remove a row" in ran.stdout
    assert "remove the copy" not in ran.stdout


def test_a_number_without_its_zeros_is_the_account_that_the_name_tells(tmp_path: Path) -> None:
    text = rows_of(("a", "12345678901"))
    for path, option in ((f"{THIRD}.csv", None), ("2026-10-31.csv", THIRD)):
        tables, log = read(write(tmp_path / path, text), account_id=option)
        assert accounts(tables) == [THIRD]
        assert codes(log) == ["missing_column"]


def test_a_column_of_names_is_left_out_and_noted(tmp_path: Path) -> None:
    text = rows_of(("a", "production"), ("b", "test"), column="account")
    tables, log = read(write(tmp_path / f"{OTHER}.csv", text))
    assert accounts(tables) == [OTHER] * 2
    assert [(row[2], row[4]) for row in log.rows] == [("arn", "missing_column"), ("account", "unknown_column")]


def test_the_number_counts_before_the_name_beside_it(tmp_path: Path) -> None:
    rows = [user("a") | {"account": "production", "account_id": OTHER}]
    tables, log = read(write(tmp_path / "x.csv", csv_of(*rows, columns=("account", "account_id", *WITHOUT))))
    assert accounts(tables) == [OTHER]
    assert [(row[2], row[4]) for row in log.rows] == [("account", "unknown_column"), ("arn", "missing_column")]


def test_an_account_that_contradicts_an_arn_is_noted_by_line(tmp_path: Path) -> None:
    text = rows_of(("a", ACCOUNT), ("b", OTHER), ("c", ""), ("d", "12345678901"), column="account", arn=True)
    tables, log = read(write(tmp_path / "2026-10-31.csv", text))
    assert accounts(tables) == [ACCOUNT] * 4
    assert [row[1:5] for row in log.rows] == [
        (3, "account", OTHER, "account_mismatch"),
        (5, "account", "12345678901", "account_mismatch"),
    ]


def test_a_row_without_arn_is_of_the_account_beside_it_in_the_partition_of_the_others(tmp_path: Path) -> None:
    rows = [
        user("a") | {"arn": f"arn:aws-us-gov:iam::{ACCOUNT}:user/a", "account_id": ACCOUNT},
        user("b") | {"arn": "", "account_id": OTHER},
        user("c") | {"arn": "", "account_id": ""},
    ]
    tables, log = read(write(tmp_path / "2026-10-31.csv", csv_of(*rows, columns=(*COLUMNS_22, "account_id"))))
    assert accounts(tables) == [ACCOUNT, OTHER, ACCOUNT]
    assert set(tables.users["partition"]) == {"aws-us-gov"}
    assert codes(log) == []


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:iam::{OTHER}:anna",
        f"arn:aws:iam::{OTHER}:",
        f"arn:aws:iam::{OTHER}",
        f"arn:aws:iam::{OTHER}:group/x",
        f"arn:aws:sts::{OTHER}:assumed-role/x/anna",
        f"arn:aws:iam:us-east-1:{OTHER}:user/anna",
    ],
)
def test_the_account_of_an_odd_arn_is_used(tmp_path: Path, arn: str) -> None:
    rows = [user("anna", **OLD) | {"arn": arn}]
    path = write(tmp_path / f"2026-10-31/{ACCOUNT}.csv", csv_of(*rows))
    tables, log = read(path)
    assert accounts(tables) == [OTHER]
    assert not tables.users["is_root"].any()
    assert [(row[1], row[3], row[4]) for row in log.rows] == [(2, arn, "bad_arn")]
    assert "only the account number in it was used" in log.rows[0][5]
    assert audit([path], Settings(unused())).findings["account_id"].tolist() == [OTHER]


def test_equal_bytes_without_arns_are_of_the_accounts_that_their_names_tell(tmp_path: Path) -> None:
    for account in (ACCOUNT, OTHER):
        write(tmp_path / f"2026-10-31/{account}.csv", csv_of(user("a", **OLD) | {"arn": ""}))
    audited = audit([str(tmp_path)], Settings(unused()))
    assert audited.findings["account_id"].tolist() == [ACCOUNT, OTHER]


def test_equal_rows_that_tell_their_account_are_counted_once(tmp_path: Path) -> None:
    for name in (ACCOUNT, OTHER):
        write(tmp_path / f"2026-10-31/{name}.csv", rows_of(("a", THIRD)))
    audited = audit([str(tmp_path)], Settings(unused()))
    assert audited.findings["account_id"].tolist() == [THIRD]
    assert "duplicate_input" in audited.issues["code"].tolist()


def test_reports_with_the_column_are_concatenated(tmp_path: Path) -> None:
    text = rows_of(("a", ACCOUNT)) + rows_of(("b", OTHER)) + "\n" + rows_of(("c", THIRD))
    tables, log = read(write(tmp_path / "2026-10-31.csv", text))
    assert accounts(tables) == [ACCOUNT, OTHER, THIRD]
    assert set(codes(log)) == {"missing_column", "split_report"}


CELLS = st.sampled_from([ACCOUNT, OTHER, THIRD, "12345678901", "", "prod", "'" + OTHER])
ARNS = st.sampled_from(
    [
        "",
        "x",
        *(
            f"arn:{p}:iam::{a}:{resource}"
            for p in ("aws", "aws-cn")
            for a in (ACCOUNT, OTHER)
            for resource in ("user/a", "a")
        ),
    ]
)


@given(
    st.lists(st.tuples(CELLS, ARNS), min_size=1, max_size=5),
    st.sampled_from([None, THIRD]),
    st.sampled_from([COLUMNS_22, WITHOUT]),
)
def test_survey_and_reading_give_the_same_accounts(
    rows: list[tuple[str, str]], option: str | None, columns: tuple[str, ...]
) -> None:
    cells = (user("a") | {"account_id": cell, "arn": arn} for cell, arn in rows)
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / f"2026-10-31/{OTHER}.csv", csv_of(*cells, columns=("account_id", *columns)))
        [source] = read_sources([path], IssueLog())
        tables, _ = read(path, account_id=option)
    pairs, _ = accounts_in(tables.users)
    assert rows_by_account(source, option)[0] == dict(zip(pairs["account"], pairs["rows"], strict=True))
