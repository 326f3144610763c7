"""Many snapshots, or two of them: read, judge each at its own time, and follow what becomes of its findings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from analyzer.bookkeeping import inputs_table
from analyzer.errors import InputError
from analyzer.judging import judge
from analyzer.reading.columns import NO_TIME, microseconds
from analyzer.reading.issues import IssueLog
from analyzer.reading.normalizing import Tables, unpivot
from analyzer.reading.times import since_epoch
from analyzer.selection import Selection
from analyzer.snapshots.changes import changes
from analyzer.snapshots.lifetimes import Timeline, coverage, lifetimes, trend
from analyzer.snapshots.record import Comparison, History
from analyzer.snapshots.stacking import stack
from analyzer.staleness import codes_of
from analyzer.tables import issues_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from analyzer.reading.sources import Source
    from analyzer.result import Settings

    Rows = npt.NDArray[np.int64]


EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def follow(  # noqa: PLR0913 - what is followed, and how
    users: pd.DataFrame,
    inputs: pd.DataFrame,
    log: IssueLog,
    settings: Settings,
    *,
    series: Sequence[datetime] | str = (),
    sla_days: int | None = None,
) -> History:
    """Return the history of the failures of `users`, rows of many snapshots.

    Each snapshot is judged at its own capture time; with `series`, for each date the newest snapshot of each account at
    or before it, at that date. Raises InputError where nothing can be followed.
    """
    rows, instants = _dated(users), microseconds(users["captured_at"])
    missing: list[tuple[str, str]] = []
    if series:
        dates = months(instants[rows]) if isinstance(series, str) else series
        rows, instants, missing = _of_series(users, rows, instants, dates)
    else:
        instants = instants[rows]
    if not len(rows):
        raise InputError(
            "no snapshot of a known account and time to follow",
            "put the date and the account into the names of files or folders, as in 2026-10-31/…_111122223333.csv",
        )
    followed = users.take(rows).reset_index(drop=True)
    tables = Tables(followed, unpivot(followed), pd.DataFrame())
    everything = Selection(np.ones(len(rows), bool), instants, every_snapshot=True)
    findings, credentials = judge(tables, everything, settings.plan)
    timeline = Timeline.of(followed, instants)
    found = lifetimes(followed, credentials, findings, settings.plan.chosen, timeline)
    return History(
        settings=settings,
        inputs=inputs,
        lifetimes=found,
        trend=trend(findings, found, settings.plan.chosen, timeline),
        coverage=coverage(followed, timeline),
        issues=issues_table(log),
        sla_days=sla_days,
        not_covered=tuple(missing),
    )


def _dated(users: pd.DataFrame) -> Rows:
    """Return the rows whose account and capture time are known: others stand nowhere in time."""
    known = users["account_id"].notna().to_numpy() & users["captured_at"].notna().to_numpy()
    return np.flatnonzero(known)


def _of_series(
    users: pd.DataFrame, rows: Rows, captured: Rows, series: Sequence[datetime]
) -> tuple[Rows, Rows, list[tuple[str, str]]]:
    """Return for each date the rows of the newest snapshots by then, their dates, and what has none."""
    accounts = users["account_id"].cat.categories
    account = codes_of(users["account_id"])
    chosen, dates, missing = [], [], []
    for date in series:
        instant = since_epoch(date)
        found = newest_by(account, captured, rows, instant)
        chosen.append(found)
        dates.append(np.full(len(found), instant))
        seen = set(account[found].tolist())
        missing += [(f"{date:%Y-%m-%d}", str(name)) for code, name in enumerate(accounts) if code not in seen]
    return np.concatenate(chosen), np.concatenate(dates), missing


def months(instants: Rows) -> list[datetime]:
    """Return the ends of the months from the oldest of the instants to the newest one, that of the newest included."""
    if not len(instants):
        return []
    first, last = (EPOCH + timedelta(microseconds=int(instant)) for instant in (instants.min(), instants.max()))
    count = (last.year - first.year) * 12 + last.month - first.month
    starts = [divmod(first.month + number, 12) for number in range(count + 1)]
    ends = [datetime(first.year + years, month + 1, 1, tzinfo=UTC) for years, month in starts]
    return [end - timedelta(microseconds=1) for end in ends]


def newest(users: pd.DataFrame, until: datetime) -> pd.DataFrame:
    """Return the rows of each account's newest snapshot at or before an instant."""
    account, captured = codes_of(users["account_id"]), microseconds(users["captured_at"])
    return users.take(newest_by(account, captured, _dated(users), since_epoch(until)))


def newest_by(account: npt.NDArray[np.integer[Any]], captured: Rows, rows: Rows, instant: int) -> Rows:
    """Return those of `rows` that are of their account's newest snapshot at or before an instant (microseconds)."""
    rows = rows[captured[rows] <= instant]
    latest = pd.Series(captured[rows]).groupby(account[rows]).transform("max").to_numpy()
    return np.asarray(rows[captured[rows] == latest], np.int64)


def side_by_side(  # noqa: PLR0913 - two sides, and how they are judged
    old: pd.DataFrame,
    new: pd.DataFrame,
    inputs: pd.DataFrame,
    log: IssueLog,
    settings: Settings,
    *,
    earlier: pd.DataFrame | None = None,
) -> Comparison:
    """Return what changed from `old` to `new`, users of one snapshot an account on each side.

    `earlier` has further snapshots: what failed in one, was fixed and fails again is `regressed`, and not new.
    """
    sides = [side.take(_dated(side)) for side in (old, new)]
    times = [side.groupby("account_id", observed=True)["captured_at"].max() for side in sides]
    both = times[0].index.astype(str).intersection(times[1].index.astype(str))
    compared = []
    for account in sorted(both):
        if times[1][account] > times[0][account]:
            compared.append(account)
        elif times[1][account] < times[0][account]:
            log.add(
                "older_side",
                f"the newer side's snapshot of account {account}, {times[1][account]:%Y-%m-%dT%H:%M:%SZ}, is not later "
                "than the older side's: not compared; give OLD and NEW the other way round, or other snapshots",
                source=account,
            )
    # A snapshot that is the newest on both sides has nothing newer to be compared with.
    unmoved = {account for account in both if times[1][account] == times[0][account]}
    only = [
        tuple(sorted((set(times[0].index.astype(str)) - set(both)) | unmoved)),
        tuple(sorted(set(times[1].index.astype(str)) - set(both))),
    ]
    kept = [side[side["account_id"].isin(compared).to_numpy()] for side in sides]
    if not compared:
        raise InputError(
            "no account has a snapshot on both sides",
            "compare reports of the same account of two dates, the older one first",
        )
    users, origin = stack(kept)
    credentials = unpivot(users)
    captured = microseconds(users["captured_at"])
    tables = Tables(users, credentials, pd.DataFrame())
    everything = Selection(np.ones(len(users), bool), captured, every_snapshot=True)
    findings, judged = judge(tables, everything, settings.plan)
    events = changes(users, judged, findings, settings.plan.chosen, origin == 1, log)
    if earlier is not None:
        events = _with_regressions(events, earlier, kept[1], settings)
    return Comparison(
        settings=settings,
        inputs=inputs,
        events=events,
        issues=issues_table(log),
        accounts=tuple(compared),
        only_old=only[0],
        only_new=only[1],
    )


def _with_regressions(
    events: pd.DataFrame, earlier: pd.DataFrame, new: pd.DataFrame, settings: Settings
) -> pd.DataFrame:
    """Return events in which a new failure that was there before, and was closed since, is a regression."""
    last = new.groupby("account_id", observed=True)["captured_at"].max()
    of_account = earlier["account_id"].astype("str").map({str(name): time for name, time in last.items()})
    before = earlier[(of_account.notna() & (earlier["captured_at"] < of_account)).to_numpy(dtype=bool)]
    if before.empty:
        return events
    users, _ = stack([before, new])
    lives = follow(users, pd.DataFrame(), IssueLog(), settings).lifetimes
    again = lives[(lives["reopened"] > 0).to_numpy() & (lives["censored_right"]).to_numpy(dtype=bool)]
    keys = ["control", "requirement", "account_id", "user", "credential"]
    known = pd.MultiIndex.from_frame(again[keys].astype("str").fillna(""))
    mine = pd.MultiIndex.from_frame(events[keys].astype("str").fillna(""))
    regressed = mine.isin(known) & (events["event"] == "new_failure").to_numpy()
    return events.assign(event=events["event"].astype("str").where(~regressed, "regressed"))


def of_store(users: pd.DataFrame) -> pd.DataFrame:
    """Return a table of inputs for snapshots from a store: the reports they came from."""
    reports = users[["source", "report_sha256", "account_id", "captured_at"]].drop_duplicates()
    return reports.rename(columns={"source": "name", "report_sha256": "sha256"}).reset_index(drop=True)


def of_sources(sources: Sequence[Source], tables: Tables) -> pd.DataFrame:
    """Return the table of inputs of reports that were followed."""
    count = len(tables.users)
    return inputs_table(sources, tables, np.zeros(count, bool), np.full(count, NO_TIME))
