"""Events between two snapshots, against a simulated life whose truth is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING

import pytest

from analyzer.history.changes import changes
from analyzer.reading.columns import NO_TIME
from analyzer.reading.issues import IssueLog
from tests.history.simulator import Expected, expected_events, simulate
from tests.reports import codes, csv_of, key, password, read, root, user, write

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

START = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT = "111122223333"
JAN, FEB, MAR, APR = (f"2026-0{month}-01T00:00:00Z" for month in (1, 2, 3, 4))


def events_of(
    folder: Path, old: str, new: str, *, days: tuple[str, str] = ("2026-02-15", "2026-03-15")
) -> tuple[pd.DataFrame, IssueLog]:
    names = [f"{side}/{day}_{ACCOUNT}.csv" for side, day in zip(("old", "new"), days, strict=True)]
    sides = [read(write(folder / name, text))[0] for name, text in zip(names, (old, new), strict=True)]
    log = IssueLog()
    return changes(sides[0].users, sides[0].credentials, sides[1].users, sides[1].credentials, log), log


def as_expected(events: pd.DataFrame) -> set[Expected]:
    expected = set()
    for event, name, kind, created_micros in events[["event", "user", "kind", "made"]].itertuples(index=False):
        created = None if created_micros == NO_TIME else START.fromtimestamp(created_micros / 1e6, UTC)
        expected.add(Expected(event, name.lower(), kind, created))
    return expected


@pytest.mark.parametrize(("seed", "days"), list(product(range(12), [(10, 11), (10, 40), (3, 110), (30, 30)])))
def test_the_truth_is_recovered(tmp_path: Path, seed: int, days: tuple[int, int]) -> None:
    life = simulate(seed, account=ACCOUNT, start=START, days=120, users=8)
    first, second = (START + timedelta(days=day) for day in days)
    names = (f"{first:%Y-%m-%dT%H-%M-%SZ}", f"{second:%Y-%m-%dT%H-%M-%SZ}")
    events, log = events_of(tmp_path, life.report(first), life.report(second), days=names)
    assert expected_events(life, first, second) == as_expected(events)
    assert log.rows == []
    assert not len(events) or days[0] < days[1]


@pytest.mark.parametrize(
    ("old", "new", "events"),
    [
        (user("a", **key(rotated=JAN)), user("a", **key(2, rotated=JAN)), ["key_moved"]),
        (user("a", **key(rotated=JAN)), user("A", **key(rotated=JAN, used=MAR)), ["key_used"]),
        (user("a", **key(rotated=JAN)), user("a", **key(2, rotated=MAR)), ["key_rotated"]),
        (user("a", **key(rotated=JAN)), user("a", **key(active="false", rotated=JAN)), ["key_deactivated"]),
        (user("a", **password(changed=JAN)), user("a", **password(changed=MAR)), ["password_changed"]),
        (user("a", **password(changed=JAN)), user("a", **password(changed=JAN, used=MAR)), ["password_used"]),
        (user("a", mfa_active="true"), user("a", mfa_active="false"), ["mfa_disabled"]),
        # What is unknown in either is no change.
        (user("a", mfa_active=""), user("a", mfa_active="false"), []),
        (user("a", **key(rotated="", used=FEB)), user("a", **key(2, rotated=MAR)), []),
        (user("a", **key(rotated=JAN, used="")), user("a", **key(rotated=JAN, used=MAR)), []),
        (user("a", **key(active="?", rotated=JAN)), user("a", **key(active="false", rotated=JAN)), []),
        (user("a", **password(enabled="", changed=JAN)), user("a", **password(changed=MAR)), []),
        (user("a", user_creation_time=""), user("a"), []),
        (user("a"), user("a", user_creation_time=MAR), ["user_recreated"]),
    ],
)
def test_single_changes_have_the_expected_events(
    tmp_path: Path, old: dict[str, str], new: dict[str, str], events: list[str]
) -> None:
    event_rows, log = events_of(tmp_path, csv_of(root(), old), csv_of(root(), new))
    assert events == event_rows["event"].tolist()
    assert log.rows == []


def test_two_keys_created_at_one_instant_differ_by_slot(tmp_path: Path) -> None:
    old = user("a", **key(1, rotated=JAN), **key(2, rotated=JAN, used=FEB))
    new = user("a", **key(1, rotated=JAN, used=MAR), **key(2, active="false", rotated=JAN, used=FEB))
    event_rows, _ = events_of(tmp_path, csv_of(old), csv_of(new))
    assert event_rows[["event", "credential"]].to_numpy().tolist() == [
        ["key_used", "access_key_1"],
        ["key_deactivated", "access_key_2"],
    ]


def test_a_time_that_goes_backwards_is_an_issue(tmp_path: Path) -> None:
    old = user("a", **key(rotated=JAN, used=MAR), **password(used=FEB, changed=FEB))
    new = user("a", **key(rotated=JAN, used=FEB), **password(used=JAN, changed=JAN))
    event_rows, log = events_of(tmp_path, csv_of(old), csv_of(new))
    assert event_rows["event"].tolist() == ["password_changed"]
    assert codes(log) == ["went_backwards"] * 3


def test_a_key_or_user_older_than_the_older_snapshot_should_be_in_it(tmp_path: Path) -> None:
    old = user("a", **password(changed=JAN))
    new = csv_of(
        user("a", **password(changed=JAN), **key(rotated="2026-02-01T00:00:00Z")),
        user("b", user_creation_time="2026-01-01T00:00:00Z"),
        # A report dated by its day may be of any time of it, and AWS hands out one of up to four hours before.
        user("c", user_creation_time="2026-02-14T20:00:00Z", **key(rotated="2026-02-14T21:00:00Z")),
    )
    event_rows, log = events_of(tmp_path, csv_of(old), new)
    assert event_rows["event"].tolist() == ["key_created", "user_created", "user_created", "key_created"]
    assert [(row[4], row[3]) for row in log.rows] == [("missed_before", "b"), ("missed_before", "a")]
    assert "user b was created on 2026-01-01" in log.rows[0][5]
    assert "access_key_1 of a was created on 2026-02-01" in log.rows[1][5]


def test_a_key_created_before_the_older_report_replaces_none(tmp_path: Path) -> None:
    old, new = csv_of(user("a", **key(rotated=JAN))), csv_of(user("a", **key(2, rotated=FEB)))
    event_rows, log = events_of(tmp_path, old, new)
    assert event_rows["event"].tolist() == ["key_deleted", "key_created"]
    assert codes(log) == ["missed_before"]


def test_a_key_created_on_the_day_of_the_older_report_replaces_one(tmp_path: Path) -> None:
    old, new = csv_of(user("a", **key(rotated=JAN))), csv_of(user("a", **key(2, rotated="2026-02-15T10:00:00Z")))
    event_rows, log = events_of(tmp_path, old, new)
    assert event_rows["event"].tolist() == ["key_rotated"]
    assert codes(log) == []
