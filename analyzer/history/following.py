"""Many snapshots, or two of them: read, judge each at its own time, and follow what becomes of its findings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from analyzer.controls.vocabulary import Status
from analyzer.errors import InputError
from analyzer.evidence.comparison import Comparison
from analyzer.evidence.history import History
from analyzer.evidence.schema import EVENTS, LIFETIMES, USERS, issues_table, stacked, to_arrow
from analyzer.history import lifetimes
from analyzer.history.calendar import Calendar, Timeline
from analyzer.history.events import changes
from analyzer.history.lifetimes import trend
from analyzer.history.stacking import IN_MEMORY, stack
from analyzer.judging.judge import verdicts
from analyzer.judging.snapshots import Selection
from analyzer.judging.waivers import apply_waivers
from analyzer.reading.columns import NO_TIME, coded, microseconds
from analyzer.reading.normalizing import Tables
from analyzer.reading.times import since_epoch
from analyzer.reading.unpivot import unpivot

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import numpy.typing as npt
    import pyarrow as pa

    from analyzer.evidence.settings import Settings
    from analyzer.history.lifetimes import Lives
    from analyzer.reading.issues import IssueLog

    Rows = npt.NDArray[np.int64]


COLUMNS: Final = (
    *(
        column
        for column in (*USERS.names, *IN_MEMORY.names)
        if not column.endswith(("_region", "_service")) and column != "path"
    ),
    *("report_sha256", "report"),
)
"""What is needed of users that are followed: where and by which service a key was used decides nothing."""
_STATUSES: Final = list(Status)
_NAMED: Final = 3


def follow(  # noqa: PLR0913 - what is followed, and how
    batches: Iterable[pd.DataFrame],
    log: IssueLog,
    settings: Settings,
    *,
    inputs: pd.DataFrame | None = None,
    series: Sequence[datetime] = (),
    sla_days: int | None = None,
) -> History:
    """Return the history of the failures of users, rows of many snapshots, in batches of whole accounts.

    Each snapshot is judged at its own capture time; with `series`, for each date the newest snapshot of each account at
    or before it, at that date. `inputs` are those of all batches; without them, they are made as those of a store.
    Raises InputError where nothing can be followed.
    """
    lives, missing, reports = [], [], []
    for users in batches:
        if inputs is None:
            reports.append(of_store(users))
        followed, not_covered = _follow(users, settings, series)
        missing += not_covered
        if followed is not None:
            lives.append(followed)
    if not lives:
        raise InputError(
            "no snapshot of a known account and time to follow" + _undated(log),
            "put the date and the account into the names of files or folders, as in 2026-10-31/…_111122223333.csv",
        )
    found = stacked([to_arrow(one.lifetimes, LIFETIMES) for one in lives])
    calendar = Calendar.joined([one.calendar for one in lives])
    failing = np.concatenate([one.failing for one in lives], axis=1)
    is_open = (found["state"] == "open").to_numpy()
    found = with_waivers(found, is_open, found["last_seen"], settings, calendar.accounts, log)
    return History(
        settings=settings,
        inputs=pd.concat(reports, ignore_index=True) if inputs is None else inputs,
        lifetimes=found,
        trend=trend(failing, found, settings.checklist.checks, calendar),
        coverage=calendar.coverage(),
        issues=issues_table(log),
        sla_days=sla_days,
        series=tuple(series),
        not_covered=tuple(sorted(missing)),
    )


def _follow(
    users: pd.DataFrame, settings: Settings, series: Sequence[datetime]
) -> tuple[Lives | None, list[tuple[str, str]]]:
    """Return the failures of some accounts, and the dates of the series at which one has no snapshot."""
    rows, instants = _dated(users), microseconds(users["captured_at"])
    missing: list[tuple[str, str]] = []
    if series:
        rows, instants, missing = _of_series(users, rows, instants, series)
    else:
        instants = instants[rows]
    if not len(rows):
        return None, missing
    followed = users if not series and len(rows) == len(users) else users.take(rows).reset_index(drop=True)
    tables = Tables(followed, unpivot(followed), pd.DataFrame())
    everything = Selection(np.ones(len(rows), bool), instants, every_snapshot=True)
    said = verdicts(tables, everything, settings.checklist)
    timeline = Timeline.of(followed, instants)
    return lifetimes.follow(followed, tables.credentials, said, settings.checklist.checks, timeline), missing


def _dated(users: pd.DataFrame) -> Rows:
    """Return the rows whose account and capture time are known: others stand nowhere in time."""
    known = users["account_id"].notna().to_numpy() & users["captured_at"].notna().to_numpy()
    return np.flatnonzero(known)


def _of_series(
    users: pd.DataFrame, rows: Rows, captured: Rows, series: Sequence[datetime]
) -> tuple[Rows, Rows, list[tuple[str, str]]]:
    """Return for each date the rows of the newest snapshots by then, their dates, and what has none."""
    accounts = users["account_id"].cat.categories
    account = _accounts(users)
    chosen, dates, missing = [], [], []
    for date in series:
        instant = since_epoch(date)
        found = newest_by(account, captured, rows, instant)
        chosen.append(found)
        dates.append(np.full(len(found), instant))
        seen = set(account[found].tolist())
        missing += [(f"{date:%Y-%m-%d}", str(name)) for code, name in enumerate(accounts) if code not in seen]
    return np.concatenate(chosen), np.concatenate(dates), missing


def _accounts(users: pd.DataFrame) -> Rows:
    """Return the account of each row as a position among the categories; -1 where it is not known."""
    return users["account_id"].cat.codes.to_numpy().astype(np.int64)


def months(first: datetime, last: datetime) -> list[datetime]:
    """Return the ends of the months from that of `first` to that of `last`, both included."""
    count = (last.year - first.year) * 12 + last.month - first.month
    starts = [divmod(first.month + number, 12) for number in range(count + 1)]
    ends = [datetime(first.year + years, month + 1, 1, tzinfo=UTC) for years, month in starts]
    return [end - timedelta(microseconds=1) for end in ends]


def newest(users: pd.DataFrame, until: datetime) -> pd.DataFrame:
    """Return the rows of each account's newest snapshot at or before an instant."""
    return users.take(newest_rows(users, since_epoch(until)))


def newest_rows(users: pd.DataFrame, until: int | None = None) -> Rows:
    """Return the positions of each account's newest snapshot, or the newest at or before an instant (microseconds)."""
    account, captured = _accounts(users), microseconds(users["captured_at"])
    last = captured.max(initial=NO_TIME) if until is None else until
    return newest_by(account, captured, _dated(users), last)


def newest_by(account: Rows, captured: Rows, rows: Rows, instant: int) -> Rows:
    """Return those of `rows` that are of their account's newest snapshot at or before an instant (microseconds)."""
    rows = rows[captured[rows] <= instant]
    latest = pd.Series(captured[rows]).groupby(account[rows]).transform("max").to_numpy()
    return np.asarray(rows[captured[rows] == latest], np.int64)


@dataclass(frozen=True)
class Sides:
    """Users of some accounts, one snapshot each on either side.

    `earlier` has further snapshots: what failed in one, was fixed and fails again is `regressed`, and not new.
    """

    old: pd.DataFrame
    new: pd.DataFrame
    earlier: pd.DataFrame


@dataclass
class _Compared:
    """What was compared, and which accounts are on one side only."""

    events: list[pa.Table] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    only_old: list[str] = field(default_factory=list)
    only_new: list[str] = field(default_factory=list)


def side_by_side(
    batches: Iterable[Sides], log: IssueLog, settings: Settings, *, inputs: pd.DataFrame | None = None
) -> Comparison:
    """Return what changed from the old side to the new one, in batches of whole accounts.

    `inputs` are those of all batches; without them, they are made as those of a store.
    """
    done = _Compared()
    reports = []
    for sides in batches:
        if inputs is None:
            reports.append(of_store(sides.earlier))
        _compare(sides, log, settings, done)
    if not done.accounts:
        raise InputError(
            "no account has a snapshot on both sides" + _undated(log),
            "compare reports of the same account of two dates, which their names tell, the older one first",
        )
    events = stacked(done.events)
    fails = events["event"].isin(["new_failure", "regressed", "still_failing"]).to_numpy()
    return Comparison(
        settings=settings,
        inputs=pd.concat(reports, ignore_index=True) if inputs is None else inputs,
        events=with_waivers(events, fails, events["new_captured_at"], settings, done.accounts, log),
        issues=issues_table(log),
        accounts=tuple(sorted(done.accounts)),
        only_old=tuple(sorted(done.only_old)),
        only_new=tuple(sorted(done.only_new)),
    )


def _compare(sides: Sides, log: IssueLog, settings: Settings, done: _Compared) -> None:
    """Compare the accounts of one batch."""
    both = [side.take(_dated(side)) for side in (sides.old, sides.new)]
    first, last = (_newest_of(side) for side in both)
    compared = []
    for account in sorted(first.keys() & last.keys()):
        if last[account] > first[account]:
            compared.append(account)
        elif last[account] < first[account]:
            log.add(
                "older_side",
                f"the newer side's snapshot of account {account}, {last[account]:%Y-%m-%dT%H:%M:%SZ}, is not later "
                "than the older side's: not compared; give OLD and NEW the other way round, or other snapshots",
                source=account,
            )
    # A snapshot that is the newest on both sides has nothing newer to be compared with.
    unmoved = {account for account in first.keys() & last.keys() if last[account] == first[account]}
    done.only_old += [*(first.keys() - last.keys()), *unmoved]
    done.only_new += last.keys() - first.keys()
    if not compared:
        return
    done.accounts += compared
    old, new = (side[side["account_id"].isin(compared).to_numpy()] for side in both)
    users, origin = stack([old, new])
    tables = Tables(users, unpivot(users), pd.DataFrame())
    everything = Selection(np.ones(len(users), bool), microseconds(users["captured_at"]), every_snapshot=True)
    said = verdicts(tables, everything, settings.checklist)
    events = changes(users, tables.credentials, said, settings.checklist.checks, origin == 1, log)
    before = _until_newest(sides.earlier, _newest_of(new))
    if len(before) > len(old):
        events = _with_regressions(events, before, new, settings)
    done.events.append(to_arrow(events, EVENTS))


def _undated(log: IssueLog) -> str:
    """Return which reports stand nowhere in time, a line for each of the first."""
    found = [f"\n  {source}: {message}" for source, *_, code, message in log.rows if code == "undated_snapshot"]
    return "".join(found[:_NAMED]) + (f"\n  and {len(found) - _NAMED} more" if len(found) > _NAMED else "")


def with_waivers(  # noqa: PLR0913 - what fails when, and what is known of it
    table: pd.DataFrame,
    fails: npt.NDArray[np.bool_],
    as_of: pd.Series[Any],
    settings: Settings,
    accounts: Collection[str],
    log: IssueLog,
) -> pd.DataFrame:
    """Return a table of failures with the policy's waivers that cover those that fail still, as seen `as_of`."""
    status = coded(np.where(fails, _STATUSES.index(Status.FAIL), _STATUSES.index(Status.PASS)), _STATUSES)
    covered, _ = apply_waivers(table.assign(status=status, as_of=as_of), settings.checklist, accounts, log)
    return covered.drop(columns=["status", "as_of"])


def _newest_of(users: pd.DataFrame) -> dict[str, pd.Timestamp]:
    """Return the instant of each account's newest snapshot."""
    return {str(name): time for name, time in users.groupby("account_id", observed=True)["captured_at"].max().items()}


def _until_newest(users: pd.DataFrame, newest_of: Mapping[str, pd.Timestamp]) -> pd.DataFrame:
    """Return the rows of snapshots that are older than the newest one of their account."""
    names = users["account_id"].cat.categories
    limits = [since_epoch(newest_of[name]) if name in newest_of else NO_TIME for name in names]
    limit = np.array([*limits, NO_TIME])[_accounts(users)]
    captured = microseconds(users["captured_at"])
    return users.take(np.flatnonzero((captured != NO_TIME) & (captured < limit)))


def _with_regressions(
    events: pd.DataFrame, before: pd.DataFrame, new: pd.DataFrame, settings: Settings
) -> pd.DataFrame:
    """Return events in which a new failure that was there `before`, and was closed since, is a regression."""
    users, _ = stack([before, new])
    lives, _ = _follow(users, settings, ())
    if lives is None:
        return events
    found = lives.lifetimes
    again = found[(found["reopened"] > 0).to_numpy() & (found["censored_right"]).to_numpy(dtype=bool)]
    keys = ["control", "requirement", "account_id", "user", "credential"]
    known = pd.MultiIndex.from_frame(again[keys].astype("str").fillna(""))
    mine = pd.MultiIndex.from_frame(events[keys].astype("str").fillna(""))
    regressed = mine.isin(known) & (events["event"] == "new_failure").to_numpy()
    return events.assign(event=events["event"].astype("str").where(~regressed, "regressed"))


def of_store(users: pd.DataFrame) -> pd.DataFrame:
    """Return a table of inputs for snapshots from a store: the reports they came from."""
    first = np.unique(users["report"].to_numpy(), return_index=True)[1]
    reports = users[["source", "report_sha256", "account_id", "captured_at"]].take(first)
    return reports.rename(columns={"source": "name", "report_sha256": "sha256"}).reset_index(drop=True)
