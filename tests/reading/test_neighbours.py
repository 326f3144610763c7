"""How a report is read does not depend on the reports beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.judging.snapshots import note_users_found_twice
from tests.reports import COLUMNS_22, csv_of, read, user, write

ACCOUNT, OTHER = "111122223333", "444455556666"
BLANK_LINE = csv_of(user("a", account=OTHER)) + "\n\n" + csv_of(user("b", account=OTHER)).split("\n", 1)[1]
LONG = user("long", account=ACCOUNT) | {"additional_credentials_info": "x" * 70_000}
SHIFTED = csv_of(user("auditor")).replace("\nauditor,", "\n") + ",N/A"
TURNED = csv_of(user("auditor"), columns=(COLUMNS_22[1], COLUMNS_22[0], *COLUMNS_22[2:]))
LATE = csv_of(user("auditor") | {"password_last_used": "9999-12-31T23:59:59-01:00"})
TAB = csv_of(user("auditor"), delimiter="\t").replace("\nauditor\t", '\n"auditor\t"\t')
SPACES = csv_of(user("b", account=OTHER), delimiter="\t").replace("\nb\t", "\nb \t")


@pytest.mark.parametrize(
    ("report", "neighbour"),
    [
        (csv_of(LONG, columns=(*COLUMNS_22, "additional_credentials_info")), None),
        (SHIFTED, BLANK_LINE),
        (csv_of(user("first")) + "\n" + TURNED, BLANK_LINE),
        (TAB, SPACES),
        (csv_of(user("x", account=OTHER) | {"user": "", "arn": "garbage"}), csv_of(user("zed"))),
        (LATE, BLANK_LINE),
        (
            LATE,
            csv_of(user("b") | {"password_last_used": "x"}),
        ),
    ],
    ids=["long line", "shifted", "turned header", "tabs", "unnamed", "year 10000", "unreadable time"],
)
def test_a_report_is_read_the_same_beside_another(tmp_path: Path, report: str, neighbour: str | None) -> None:
    if neighbour is None:
        neighbour = csv_of(user("a", account=OTHER), columns=(*COLUMNS_22, "additional_credentials_info")) + "\n\n"
    # Each file is of one account; its name has the account where its rows do not.
    account = {ACCOUNT: OTHER, OTHER: ACCOUNT}[neighbour.split("iam::")[1][:12]]
    paths = [tmp_path / f"{name}.csv" for name in (account, {ACCOUNT: OTHER, OTHER: ACCOUNT}[account])]
    for path, text in zip(paths, (report, neighbour), strict=True):
        write(path, text)
    (alone, log), (tables_of_both, log_of_both) = read(paths[0]), read(*paths)
    users_beside = tables_of_both.users[tables_of_both.users["source"] == str(paths[0])]
    columns = ["user", "arn", "line", "account_id", "path", "password_last_used", "password_last_used_state"]
    assert users_beside[columns].astype("object").to_dict("list") == alone.users[columns].astype("object").to_dict(
        "list"
    )
    assert sorted(row for row in log_of_both.rows if row[0] == str(paths[0])) == sorted(log.rows)
    note_users_found_twice(tables_of_both.users, log_of_both, by_capture=False)
    assert not [row for row in log_of_both.rows if row[4] == "duplicate_user"]


def test_a_time_past_the_year_9999_cannot_be_read(tmp_path: Path) -> None:
    tables, log = read(write(tmp_path / "2026-10-31.csv", LATE))
    assert tables.users["password_last_used_state"].tolist() == ["invalid"]
    assert [row[4] for row in log.rows] == ["bad_timestamp"]


@pytest.mark.parametrize("last", [user("z"), user("z") | {"arn": "garbage"}], ids=["good", "bad"])
def test_the_name_beside_an_arn_does_not_depend_on_the_last_row(tmp_path: Path, last: dict[str, str]) -> None:
    tables, log = read(write(tmp_path / "2026-10-31.csv", csv_of(user("team/auditor"), last)))
    assert [row[4] for row in log.rows if row[1] == 2] == []
    assert tables.users[["user", "path"]].iloc[0].tolist() == ["team/auditor", "/"]
