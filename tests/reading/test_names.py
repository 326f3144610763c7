"""Names that another program changed: root's name, names with a spreadsheet's apostrophe, and names of nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.running import run
from tests.reports import ACCOUNT, COLUMNS_22, csv_of, password, read, root, user, write

if TYPE_CHECKING:
    from pathlib import Path

WITHOUT = tuple(column for column in COLUMNS_22 if column != "arn")


def names(path: Path, *rows: dict[str, str], columns: tuple[str, ...] = COLUMNS_22) -> tuple[list[str], list[object]]:
    """Return the names that are read, and the issues by line; all rows must be of the account."""
    tables, log = read(write(path / f"2026-10-31/{ACCOUNT}.csv", csv_of(*rows, columns=columns)))
    assert set(tables.users["account_id"]) == {ACCOUNT}
    return tables.users["user"].tolist(), [(row[1], row[3], row[4]) for row in log.rows if row[4] != "missing_column"]


@pytest.mark.parametrize(
    "name", ["root_account", "<root account>", "root account", "&lt;root_account&gt;", "Root", "'<root_account>"]
)
def test_root_is_read_by_its_arn_whatever_its_name(tmp_path: Path, name: str) -> None:
    read_names, issues = names(tmp_path, root() | {"user": name}, user("a"))
    assert read_names == ["<root_account>", "a"]
    assert issues == [(2, name, "mended_name")]
    ran = run("inspect", tmp_path)
    assert ran.returncode == 0
    assert "another user" not in ran.stdout
    assert "user name changed by another program" in ran.stdout


@pytest.mark.parametrize(
    ("name", "is_root"),
    [("root_account", False), ("root", False), ("<root account>", True), ("&lt;root_account&gt;", True)],
)
def test_without_an_arn_only_a_name_that_iam_forbids_is_root(tmp_path: Path, name: str, *, is_root: bool) -> None:
    read_names, issues = names(tmp_path, root() | {"user": name}, columns=WITHOUT)
    assert read_names == ["<root_account>" if is_root else name]
    assert issues == [(2, name, "mended_name")] * is_root


def test_a_user_may_be_called_root(tmp_path: Path) -> None:
    assert names(tmp_path, root(), user("root_account"), user("root")) == (
        ["<root_account>", "root_account", "root"],
        [],
    )


@pytest.mark.parametrize("name", ["=1+1", "+oncall", "-rf", "@ops", "007"])
@pytest.mark.parametrize("columns", [COLUMNS_22, WITHOUT])
def test_a_spreadsheet_s_apostrophe_is_no_part_of_a_name(tmp_path: Path, name: str, columns: tuple[str, ...]) -> None:
    read_names, issues = names(tmp_path, root(), user(name) | {"user": f"'{name}"}, columns=columns)
    assert read_names == ["<root_account>", name]
    assert issues == [(3, f"'{name}", "mended_name")]


def test_a_name_that_is_not_the_arn_s_is_still_another_user(tmp_path: Path) -> None:
    rows = [user("a") | {"user": "'b"}, user("c") | {"user": "d"}, root() | {"user": "e"}]
    read_names, issues = names(tmp_path, *rows)
    assert read_names == ["'b", "d", "e"]
    assert issues == [(line, row["arn"], "arn_mismatch") for line, row in enumerate(rows, start=2)]


def test_a_header_without_rows_and_root_alone_are_explained_in_words(tmp_path: Path) -> None:
    nothing = write(tmp_path / "none/2026-10-31.csv", csv_of())
    alone = write(tmp_path / "root/2026-10-31.csv", csv_of(root(**password(enabled="false"))))
    ran = run("inspect", nothing)
    assert ran.returncode == 3
    assert "the report has a header and no rows: even an account without users has a row for root" in ran.stdout
    assert run("inspect", alone).returncode == 0
    assert "only the row of root: the account has no IAM users; nothing is missing" in run("inspect", alone).stdout
    ran = run("audit", nothing, "-o", tmp_path / "out")
    assert ran.returncode == 3
    assert "No row was judged." in ran.stdout
    ran = run("audit", alone, "-o", tmp_path / "out", "--control", "unused-credentials")
    assert ran.returncode == 0
    assert "Only root, no IAM users." in ran.stdout
