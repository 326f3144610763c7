from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from analyzer.evidence.schema import CREDENTIALS, USERS, to_arrow
from tests.reports import ACCOUNT, COLUMNS_22, codes, csv_of, key, password, read, root, user, write


def column(path: Path, name: str, *cells: str) -> tuple[pd.DataFrame, list[str]]:
    rows = [user(f"u{n}", **{name: cell}) for n, cell in enumerate(cells)]
    tables, log = read(write(path / "2030-10-31.csv", csv_of(*rows)))
    return tables.users, codes(log)


@pytest.mark.parametrize(
    ("cell", "state", "value"),
    [
        ("2026-10-31T08:00:00Z", "value", "2026-10-31T08:00:00+00:00"),
        ("2026-10-31T08:00:00+00:00", "value", "2026-10-31T08:00:00+00:00"),
        ("2026-10-31T08:00:00.250000+05:30", "value", "2026-10-31T02:30:00.250000+00:00"),
        ("2026-10-31T08:00:00.123456789Z", "value", "2026-10-31T08:00:00.123456+00:00"),
        (" 2026-10-31T08:00:00Z ", "value", "2026-10-31T08:00:00+00:00"),
        ("2024-02-29T23:59:59Z", "value", "2024-02-29T23:59:59+00:00"),
        ("N/A", "not_applicable", None),
        ("n/a", "not_applicable", None),
        ("no_information", "no_information", None),
        ("No_Information", "no_information", None),
        ("not_supported", "not_supported", None),
        ("", "missing", None),
        ("03/04/2026", "invalid", None),
        ("2026-02-30T00:00:00Z", "invalid", None),
        ("2026-10-31", "invalid", None),
        ("46000", "invalid", None),
    ],
)
def test_a_time_is_read_with_its_state(tmp_path: Path, cell: str, state: str, value: str | None) -> None:
    # Beside a plain cell and beside an odd one: the fast path and the careful one must agree.
    for company in ("2026-01-01T00:00:00Z", "odd"):
        users, issues = column(tmp_path, "password_last_used", cell, company)
        assert users["password_last_used_state"][0] == state
        assert (None if value is None else pd.Timestamp(value)) == (
            None if pd.isna(users["password_last_used"][0]) else users["password_last_used"][0]
        )
        assert sorted(issues) == [
            *["bad_timestamp"] * ((state == "invalid") + (company == "odd")),
            *["blank_cells"] * (state == "missing"),
        ]


def test_a_bad_cell_is_named_with_line_column_and_value(tmp_path: Path) -> None:
    rows = [user("a"), user("b", **key(rotated="31/12/2025"))]
    name = write(tmp_path / "2026-10-31.csv", csv_of(*rows))
    _, log = read(name)
    source, line, col, value, code, message = log.rows[0]
    assert (source, line, col, value, code) == (name, 3, "access_key_1_last_rotated", "31/12/2025", "bad_timestamp")
    assert "2026-10-31T08:00:00Z" in message


@pytest.mark.parametrize(
    ("cell", "flag"),
    [
        ("true", True),
        ("TRUE", True),
        ("True", True),
        ("false", False),
        ("FALSE", False),
        ("", None),
        ("1", None),
        ("N/A", None),
    ],
)
def test_flags_are_read(tmp_path: Path, cell: str, flag: bool | None) -> None:
    users, issues = column(tmp_path, "mfa_active", cell, "true")
    assert flag == (None if pd.isna(users["mfa_active"][0]) else users["mfa_active"][0])
    assert issues == ["bad_boolean"] * (flag is None)


def test_old_root_is_no_issue_and_has_a_password_of_unknown_state(tmp_path: Path) -> None:
    cells = dict.fromkeys(("password_enabled", "password_last_changed", "password_next_rotation"), "not_supported")
    tables, log = read(write(tmp_path / "2026-10-31.csv", csv_of(root(**cells), user("a"))))
    assert codes(log) == []
    assert tables.users["is_root"].tolist() == [True, False]
    assert tables.credentials["credential"].tolist() == ["password"]
    assert pd.isna(tables.credentials["active"][0])


@pytest.mark.parametrize(
    ("arn", "account", "partition", "path"),
    [
        (f"arn:aws:iam::{ACCOUNT}:user/a", ACCOUNT, "aws", "/"),
        (f"arn:aws:iam::{ACCOUNT}:user/team/x/a", ACCOUNT, "aws", "/team/x/"),
        (f"arn:aws-us-gov:iam::{ACCOUNT}:user/a", ACCOUNT, "aws-us-gov", "/"),
        (f"arn:aws-iso-b:iam::{ACCOUNT}:user//a", ACCOUNT, "aws-iso-b", "//"),
        (f"arn:aws-cn:iam::{ACCOUNT}:user/:user/a", ACCOUNT, "aws-cn", "/:user/"),
    ],
)
def test_account_partition_and_path_come_from_the_arn(
    tmp_path: Path, arn: str, account: str, partition: str, path: str
) -> None:
    rows = [user("a") | {"arn": arn}, user("b")]
    tables, log = read(write(tmp_path / "2026-10-31.csv", csv_of(*rows)))
    assert [account, partition, path] == [tables.users[name].iloc[0] for name in ("account_id", "partition", "path")]
    assert codes(log) == []


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        ("arn:aws:iam::123:user/a", "bad_arn"),
        ("arn:aws:sts::111122223333:assumed-role/x/y", "bad_arn"),
        ("x", "bad_arn"),
        ("arn:aws:iam::111122223333:user/", "bad_arn"),
        ("arn:aws:iam::111122223333:user/b", "arn_mismatch"),
    ],
)
def test_bad_arns_keep_their_row(tmp_path: Path, arn: str, code: str) -> None:
    rows = [user("a") | {"arn": arn}, user("c")]
    tables, log = read(write(tmp_path / "2026-10-31.csv", csv_of(*rows)), account_id="999988887777")
    assert tables.users["user"].tolist() == ["a", "c"]
    assert codes(log) == [code]
    # All other ARNs of the report agree on its account: better than a guess from outside.
    assert tables.users["account_id"].tolist() == [ACCOUNT] * 2


@pytest.mark.parametrize(
    ("path", "option", "account"),
    [
        ("2026-10-31_123456789012.csv", "999988887777", "123456789012"),
        ("123456789012/2026-10-31/report.csv", None, "123456789012"),
        ("2026-10-31.csv", "999988887777", "999988887777"),
        ("2026-10-31.csv", None, None),
    ],
)
def test_the_account_without_arns_comes_from_path_or_option(
    tmp_path: Path, path: str, option: str | None, account: str | None
) -> None:
    without = tuple(name for name in COLUMNS_22 if name != "arn")
    tables, log = read(write(tmp_path / path, csv_of(root(), user("a"), columns=without)), account_id=option)
    assert [str(account_id) for account_id in tables.users["account_id"]] == [account or "nan"] * 2
    assert tables.users["is_root"].tolist() == [True, False]
    assert codes(log) == ["missing_column"] + ["account_unknown"] * (account is None)


def test_a_blank_user_name_is_taken_from_the_arn(tmp_path: Path) -> None:
    tables, log = read(write(tmp_path / "2026-10-31.csv", csv_of(user("a") | {"user": ""}, user("b"))))
    assert tables.users["user"].tolist() == ["a", "b"]
    assert codes(log) == ["missing_user"]


def test_a_report_dated_before_its_content_is_noted(tmp_path: Path) -> None:
    row = user("a", **key(rotated="2026-01-01T00:00:00Z", used="2026-11-02T00:00:00Z"))
    _, log = read(write(tmp_path / "2026-10-31.csv", csv_of(user("b"), row)))
    assert [(r[1], r[2], r[3], r[4]) for r in log.rows] == [
        (3, "access_key_1_last_used_date", "2026-11-02T00:00:00Z", "captured_before_content")
    ]


def test_a_next_rotation_ahead_is_no_late_content(tmp_path: Path) -> None:
    row = user("a", **password(changed="2026-01-01T00:00:00Z"), password_next_rotation="2027-01-01T00:00:00Z")
    assert codes(read(write(tmp_path / "2026-10-31.csv", csv_of(row)))[1]) == []


@pytest.mark.parametrize(("early", "issues"), [(60, []), (61, ["impossible_order"])])
def test_a_key_used_before_it_was_created_is_noted(tmp_path: Path, early: int, issues: list[str]) -> None:
    used = (pd.Timestamp("2026-01-01T00:10:00Z") - pd.Timedelta(seconds=early)).isoformat()
    row = user("a", **key(2, rotated="2026-01-01T00:10:00Z", used=used))
    assert codes(read(write(tmp_path / "2026-10-31.csv", csv_of(row)))[1]) == issues


def test_a_recreated_password_is_no_anomaly(tmp_path: Path) -> None:
    row = user("a", **password(used="2025-01-01T00:00:00Z", changed="2026-01-01T00:00:00Z"))
    assert codes(read(write(tmp_path / "2026-10-31.csv", csv_of(row)))[1]) == []


def test_the_tables_have_the_public_columns_and_types(tmp_path: Path) -> None:
    rows = [root(), user("a", **key(rotated="2026-01-01T00:00:00Z"), **password(changed="2026-01-01T00:00:00Z"))]
    tables, _ = read(write(tmp_path / "2026-10-31.csv", csv_of(*rows)))
    assert to_arrow(tables.users, USERS).schema == USERS
    own = pa.schema([field for field in CREDENTIALS if field.name in tables.credentials])
    assert {"credential", "kind", "active", "last_changed", "last_used", "last_used_region"} <= set(own.names)
    assert to_arrow(tables.credentials, own).schema == own
    assert tables.credentials[["credential", "kind", "user_row"]].to_numpy().tolist() == [
        ["password", "password", 0],
        ["password", "password", 1],
        ["access_key_1", "access_key", 1],
    ]
