"""Lifetimes of failures over many snapshots, against a simulated life whose truth is known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from analyzer.controls.checklist import make_checklist
from analyzer.errors import InputError
from analyzer.pipeline import Settings
from tests.history.running import followed, history
from tests.history.simulator import expected_lifetimes, simulate
from tests.reports import csv_of, key, password, unused, user, write

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.evidence.history import History

START = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT = "111122223333"


def states(summary: History) -> list[tuple[str, ...]]:
    columns = ["user", "state", "closed_by", "days_open", "reopened"]
    return [tuple(row) for row in summary.lifetimes[columns].astype("str").fillna("-").to_numpy().tolist()]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("spacing", [7, 1])
def test_the_truth_is_recovered(tmp_path: Path, seed: int, spacing: int) -> None:
    life = simulate(seed, account=ACCOUNT, start=START, days=120, users=6)
    instants = [START + timedelta(days=day) for day in range(2, 119 if spacing > 1 else 40, spacing)]
    for instant in instants:
        write(tmp_path / f"{instant:%Y-%m-%dT%H-%M-%SZ}.csv", life.report(instant))
    lifetimes = history([str(tmp_path)], Settings(unused(), every_snapshot=True)).lifetimes

    def time(value: Any) -> datetime | None:  # noqa: ANN401
        return None if pd.isna(value) else value.to_pydatetime()

    names = ("user", "kind", "key_created", "first_seen", "last_seen", "closed_at", "closed_by")
    recovered = [
        (
            row["user"].lower(),
            row["kind"],
            *(time(row[name]) for name in names[2:6]),
            None if pd.isna(row["closed_by"]) else row["closed_by"],
            bool(row["censored_left"]),
            bool(row["censored_right"]),
        )
        for row in lifetimes.to_dict("records")
    ]
    expected = [
        (
            *(
                lifetime.user,
                lifetime.credential_kind,
                lifetime.key_created,
                lifetime.first_seen,
                lifetime.last_seen,
                lifetime.closed_at,
                lifetime.closed_by,
            ),
            *(lifetime.censored_left, lifetime.censored_right),
        )
        for lifetime in expected_lifetimes(life, instants)
    ]
    assert sorted(expected, key=str) == sorted(recovered, key=str)


OLD = "2026-01-01T00:00:00Z"
FAILS, USED = user("a", **key(rotated=OLD)), user("a", **key(rotated=OLD, used="2026-05-20T00:00:00Z"))


def test_a_failure_that_comes_back_has_a_second_lifetime(tmp_path: Path) -> None:
    # 42 days idle on 1 July, 73 on 1 August.
    days = {"2026-05-01": [FAILS], "2026-06-01": [USED], "2026-07-01": [USED], "2026-08-01": [USED]}
    summary = followed(tmp_path, days)
    assert states(summary) == [("a", "closed", "used", "31", "0"), ("a", "open", "-", "0", "1")]
    (measures,) = summary.measures
    assert (measures["open"], measures["closed"], measures["reopened"]) == (1, 1, 1)
    assert summary.exit_code == 1


def test_no_fix_is_claimed_across_missing_snapshots(tmp_path: Path) -> None:
    days = {"2026-04-01": [FAILS], "2026-04-11": [FAILS], "2026-04-21": [FAILS], "2026-05-31": [USED]}
    summary = followed(tmp_path, days)
    assert states(summary) == [("a", "lost_sight", "-", "20", "0")]
    gaps = summary.coverage[["gap_from", "gap_to"]].to_numpy().tolist()
    assert [[f"{time:%Y-%m-%d}" for time in gap] for gap in gaps] == [["2026-04-21", "2026-05-31"]]
    assert summary.exit_code == 0


def test_a_failure_that_can_no_longer_be_decided_is_lost_to_follow_up(tmp_path: Path) -> None:
    unsure = user("a", **key(rotated=OLD, used="?"))
    assert states(followed(tmp_path, {"2026-04-01": [FAILS], "2026-05-01": [unsure]})) == [
        ("a", "lost_sight", "-", "0", "0")
    ]


@pytest.mark.parametrize(
    ("after", "how"),
    [
        ([], "deleted"),
        ([user("a")], "deleted"),
        ([user("a", **key(active="false", rotated=OLD))], "deactivated"),
        ([user("a", **key(2, rotated=OLD, used="2026-04-20T00:00:00Z"))], "used"),
    ],
)
def test_the_end_of_a_failure_has_its_cause(tmp_path: Path, after: list[dict[str, str]], how: str) -> None:
    summary = followed(tmp_path, {"2026-04-01": [FAILS], "2026-05-01": after})
    assert states(summary) == [("a", "closed", how, "30", "0")]


def test_other_controls_have_lifetimes_as_well(tmp_path: Path) -> None:
    checklist = make_checklist(controls=["console-mfa", "password-rotation"])
    before = user("a", **password(changed=OLD, used="2026-07-01T00:00:00Z"))
    after = user("a", mfa_active="true", **password(changed="2026-07-20T00:00:00Z", used="2026-07-21T00:00:00Z"))
    summary = followed(tmp_path, {"2026-07-01": [before], "2026-08-01": [after]}, checklist)
    assert summary.lifetimes[["control", "closed_by"]].astype("str").to_numpy().tolist() == [
        ["console-mfa", "mfa_enabled"],
        ["password-rotation", "changed"],
    ]


def test_the_trend_adds_up(tmp_path: Path) -> None:
    days = {"2026-05-01": [FAILS], "2026-06-01": [USED], "2026-07-15": [USED, user("b", **key(rotated=OLD))]}
    summary = followed(tmp_path, days)
    columns = ["date", "open", "opened", "closed", "accounts"]
    assert summary.trend[columns].to_numpy().tolist() == [
        [date(2026, 5, 1), 1, 1, 0, 1],
        [date(2026, 6, 1), 0, 0, 1, 1],
        [date(2026, 7, 15), 2, 2, 0, 1],
    ]


def test_reference_dates_move_and_accounts_they_do_not_cover_are_listed(tmp_path: Path) -> None:
    days = {"2026-02-20": [FAILS], "2026-04-30": [USED]}
    write(tmp_path / "in/2026-03-31_123456789012.csv", csv_of(user("b", account="123456789012", **key(rotated=OLD))))
    ends = [datetime(2026, month, 28, 23, 59, 59, 999999, UTC) for month in (2, 3, 4)]
    summary = followed(tmp_path, days, series=ends)
    # On 20 February the key was 50 days old; by 28 February 58; USED was captured after the last date.
    assert states(summary) == [("a", "open", "-", "59", "0"), ("b", "open", "-", "0", "0")]
    assert summary.not_covered == (("2026-02-28", "123456789012"), ("2026-03-28", "123456789012"))
    monthly = followed(tmp_path, days, series="monthly")
    assert [f"{time:%Y-%m-%d}" for time in monthly.coverage["first"]] == ["2026-02-28", "2026-03-31"]


def test_undated_reports_and_unknown_accounts_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "in/report.csv", csv_of(user("z", **key(rotated=OLD))))
    summary = followed(tmp_path, {"2026-04-01": [FAILS]})
    assert [row[0] for row in states(summary)] == ["a"]
    assert "undated_snapshot" in summary.issue_counts
    assert summary.exit_code == 3
    with pytest.raises(InputError, match="no snapshot has a known account and capture time"):
        history([str(tmp_path / "in/report.csv")], Settings(unused(), every_snapshot=True))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # Nobody can tell whether it is the same key.
        ({"access_key_1_last_rotated": ""}, {}),
        ({}, {"access_key_1_last_rotated": ""}),
    ],
)
def test_a_key_of_unknown_creation_may_be_the_one_that_failed(
    tmp_path: Path, before: dict[str, str], after: dict[str, str]
) -> None:
    failing = user("a", **key(rotated=OLD, used="2026-02-01T00:00:00Z"))
    summary = followed(tmp_path, {"2026-04-01": [{**failing, **before}], "2026-05-01": [{**failing, **after}]})
    assert sorted(states(summary)) == [("a", "lost_sight", "-", "0", "0"), ("a", "open", "-", "0", "0")]


def test_a_user_of_unknown_creation_is_the_one_of_the_snapshot_before(tmp_path: Path) -> None:
    blank = {**FAILS, "user_creation_time": ""}
    days = {"2026-04-01": [FAILS], "2026-05-01": [blank], "2026-06-01": [FAILS]}
    assert states(followed(tmp_path, days)) == [("a", "open", "-", "61", "0")]
    again = {**FAILS, "user_creation_time": "2026-05-15T00:00:00Z"}
    summary = followed(tmp_path / "again", {"2026-04-01": [FAILS], "2026-05-01": [blank], "2026-06-01": [again]})
    assert states(summary)[0] == ("a", "closed", "deleted", "61", "0")
    first = {"2026-04-01": [blank], "2026-05-01": [FAILS]}
    assert states(followed(tmp_path / "first", first)) == [("a", "open", "-", "30", "0")]


def test_keys_of_one_instant_stay_apart_when_one_of_them_goes(tmp_path: Path) -> None:
    twins = user("a", **key(rotated=OLD), **key(2, rotated=OLD))
    summary = followed(tmp_path, {"2026-04-01": [twins], "2026-05-01": [FAILS]})
    assert summary.lifetimes["credential"].tolist() == ["access_key_1", "access_key_2"]
    assert states(summary) == [("a", "open", "-", "30", "0"), ("a", "closed", "deleted", "30", "0")]


def test_an_account_without_recent_snapshots_is_missing_since_its_last_one(tmp_path: Path) -> None:
    report = csv_of(user("b", account="123456789012", **key(rotated=OLD)))
    for day in ("2026-04-01", "2026-04-02"):
        write(tmp_path / f"in/{day}_123456789012.csv", report)
    summary = followed(tmp_path, {f"2026-04-0{day}": [FAILS] for day in (1, 2, 3, 4)})
    rows = summary.coverage[["account_id", "gap_from", "gap_to"]].to_dict("records")
    assert [row["account_id"] for row in rows] == [ACCOUNT, "123456789012"]
    assert pd.isna(rows[0]["gap_from"])
    assert (f"{rows[1]['gap_from']:%Y-%m-%d}", pd.isna(rows[1]["gap_to"])) == ("2026-04-02", True)
    ends = "; 0 gaps with missing snapshots; no recent snapshot of 1 account (123456789012 since 2026-04-02)."
    assert summary.lines[1].endswith(ends)
