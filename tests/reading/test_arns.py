"""One pattern of an ARN, wherever one is looked for: repairs of rows, the typed columns, rows without a header."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from analyzer.reading.containers import DamagedError, NotAReportError, read_contents
from analyzer.reading.layout import ACCOUNT_ID, ARN
from tests.reports import ACCOUNT, codes, csv_of, key, read, user, write

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.reading.issues import IssueLog

CELLS = key(rotated="2026-01-01T00:00:00Z")


def row_of(name: str, partition: str = "aws", account: str = ACCOUNT) -> str:
    """Return the line of a user with an ARN in `partition`; a comma in the name is not quoted."""
    row = user(name, **CELLS) | {"arn": f"arn:{partition}:iam::{account}:user/{name}"}
    return csv_of(row).splitlines()[1].replace('"', "")


def read_rows(folder: Path, *lines: str) -> tuple[list[tuple[str, str | None, str | None]], IssueLog]:
    """Return user, account and partition of each row that is read."""
    header = csv_of(user("x")).splitlines()[0]
    tables, log = read(write(folder / "2026-10-31.csv", "\n".join([header, *lines])))
    columns = (tables.users[column].astype("object") for column in ("user", "account_id", "partition"))
    return [tuple(None if cell != cell else cell for cell in row) for row in zip(*columns, strict=True)], log  # type: ignore[misc] # noqa: PLR0124 - NaN


@pytest.mark.parametrize("partition", ["aws", "aws-us-gov", "aws-iso-b", "aws-eusc", "aws-x2", "other"])
def test_a_row_is_mended_in_every_partition_that_may_be_one(tmp_path: Path, partition: str) -> None:
    rows, log = read_rows(tmp_path, row_of("z", partition), row_of("a,b", partition))
    assert rows == [("z", ACCOUNT, partition), ("a,b", ACCOUNT, partition)]
    assert codes(log) == ["repaired_row"]


@pytest.mark.parametrize("partition", ["-aws", "2aws", "AWS", ""])
def test_an_arn_without_a_valid_partition_is_neither_mended_nor_read(tmp_path: Path, partition: str) -> None:
    rows, log = read_rows(tmp_path, row_of("z", partition), row_of("a,b", partition))
    assert rows == [("z", None, None)]
    assert sorted(codes(log)) == ["account_unknown", "bad_arn", "rejected_row"]


@pytest.mark.parametrize("name", ["a, b", "ü,b", "a\u00a0,b"])
def test_a_repair_makes_no_name_that_iam_does_not_allow(tmp_path: Path, name: str) -> None:
    rows, log = read_rows(tmp_path, row_of("z"), row_of(name))
    assert rows == [("z", ACCOUNT, "aws")]
    assert codes(log) == ["rejected_row"]


@pytest.mark.parametrize(
    "arn", [f"arn:aws-x2:iam::{ACCOUNT}:user/a", f"arn:aws:iam::{ACCOUNT}:user/a b", f"arn:aws:iam::{ACCOUNT}:user/"]
)
def test_an_arn_in_another_column_shows_that_cells_have_moved(tmp_path: Path, arn: str) -> None:
    moved = user("a", **CELLS) | {"arn": "x", "user_creation_time": arn}
    rows, log = read_rows(tmp_path, row_of("z"), csv_of(moved).splitlines()[1])
    assert rows == [("z", ACCOUNT, "aws")]
    assert codes(log) == ["rejected_row"]


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-x2", "other"])
def test_rows_without_a_header_are_damage_in_every_partition(partition: str) -> None:
    with pytest.raises(DamagedError, match="without its header"):
        read_contents(row_of("a", partition).encode())


def test_rows_of_something_else_are_no_report() -> None:
    with pytest.raises(NotAReportError):
        read_contents(row_of("a").replace(":iam:", ":s3:").encode())


@pytest.mark.parametrize("account", ["\u0661" * 12, "\uff11" * 12, ACCOUNT[:-1], f"{ACCOUNT}1"])
def test_an_account_is_twelve_plain_digits(account: str) -> None:
    assert not re.fullmatch(ACCOUNT_ID, account)
    assert not re.fullmatch(ARN, f"arn:aws:iam::{account}:root")
    assert not re.search(ARN.encode(), f"arn:aws:iam::{account}:root".encode())


@pytest.mark.parametrize(
    ("arn", "path", "name"),
    [
        (f"arn:aws:iam::{ACCOUNT}:root", None, None),
        (f"arn:aws:iam::{ACCOUNT}:user/a", "/", "a"),
        (f"arn:aws:iam::{ACCOUNT}:user/x/y/a", "/x/y/", "a"),
        (f"arn:aws:iam::{ACCOUNT}:user/x y", "/", "x y"),
    ],
)
def test_path_and_name_are_parts_of_an_arn(arn: str, path: str | None, name: str | None) -> None:
    match = re.fullmatch(ARN, arn)
    assert match is not None
    assert (match["path"], match["name"]) == (path, name)
