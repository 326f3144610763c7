"""Follows failures through many snapshots; each snapshot is judged at its capture time or at reference dates.

Accounts are independent of each other. So a batch has whole accounts, and the results of the batches are joined.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from analyzer.engine import local
from analyzer.errors import InputError
from analyzer.evidence.checks import check_of
from analyzer.evidence.history import History, count_undecided
from analyzer.evidence.schema import LIFETIMES, TREND, UNDECIDED, issues_table, stacked, to_arrow, to_pandas
from analyzer.history import lifetimes, store
from analyzer.history.calendar import Calendar, Timeline
from analyzer.history.columns_present import counting, without_column
from analyzer.history.snapshots import (
    STORED_COLUMNS,
    accounts_of,
    by_account,
    dated_rows,
    inputs_of_store,
    may_lack_users,
    micros_captured,
    newest_by,
    note_undated,
    of_known_order,
    of_sources,
    undated,
    with_partial,
    with_waivers,
)
from analyzer.judging.judge import verdicts
from analyzer.reading.columns import NO_TIME, microseconds
from analyzer.reading.issues import IssueLog
from analyzer.reading.normalizing import TypedTables
from analyzer.reading.times import DAY, since_epoch
from analyzer.reading.unpivot import unpivot
from analyzer.survey.selection import Selected, without_unknown_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from analyzer.controls.checklist import Check, Checklist
    from analyzer.evidence.settings import Settings
    from analyzer.history.snapshots import Rows
    from analyzer.reading.issues import Row
    from analyzer.survey.entry import Entry

    Missing = list[tuple[str, str]]
    """Dates of a series, each with an account that has no snapshot by then."""

MONTHLY = "monthly"

_AT_ONCE: Final = 2
"""Batches of a store that are followed at the same time: each takes about 100 MB."""


@dataclass(frozen=True)
class Followed:
    """The result of a batch of accounts.

    `lifetimes` has the columns of `LIFETIMES`, `undecided` those of `UNDECIDED`. Both are None if the batch has no
    snapshot to follow. `presence` counts the verdicts in the newest snapshots: see `counting`.
    """

    lifetimes: pa.Table | None
    undecided: pa.Table | None
    calendar: Calendar | None
    missing: Missing
    presence: Rows | None = None


@dataclass
class Following:
    """Makes a history; `series` are the reference dates (none: each snapshot is judged at its capture time).

    `choose` picks the reports, `of` follows the failures of a batch, and `joined` joins the batches, in this order:
    `choose` sets the dates of a monthly series (without them, `of` raises ValueError), and remembers which reports may
    lack users. `stored` takes the snapshots of a store instead.
    """

    settings: Settings
    series: Sequence[datetime] | str = ()
    sla_days: int | None = None

    def __post_init__(self) -> None:
        """Set the given dates (None: not known before `choose`). `lacking` are the reports that may lack users."""
        self.dates: Sequence[datetime] | None = None if isinstance(self.series, str) else self.series
        self.lacking: frozenset[str] = frozenset()

    def choose(self, entries: Sequence[Entry], log: IssueLog) -> list[Selected]:
        """Choose all reports with a known capture time; issues for rows without an account are added when read."""
        note_undated([entry.name for entry in entries if entry.captured_at is None], log)
        self.lacking = may_lack_users(log.rows)
        captured = [entry.captured_at for entry in entries if entry.captured_at is not None]
        self._set_dates((min(captured), max(captured)) if captured else None)
        selected = [Selected(entry, frozenset() if entry.captured_at is None else entry.accounts) for entry in entries]
        return without_unknown_order(selected, log)

    def _set_dates(self, span: tuple[datetime, datetime] | None) -> None:
        """Set the dates of a monthly series, from the first and the last snapshot."""
        if self.series == MONTHLY:
            self.dates = months(*span) if span else ()

    @property
    def _dates_of_series(self) -> Sequence[datetime]:
        """The reference dates. Raises ValueError if the dates of a monthly series are not set yet."""
        if self.dates is None:
            raise ValueError("the dates of a monthly series are set by `choose` or `stored`")
        return self.dates

    def of(self, tables: TypedTables, log: IssueLog) -> Followed:
        """Return the failures in the snapshots of whole accounts; `log` has the issues of reading them."""
        lacking = self.lacking | may_lack_users(log.rows)
        tables = replace(tables, users=with_partial(tables.users, of_sources(tables.users, lacking)))
        return _follow(tables, self.settings, self._dates_of_series)

    def joined(self, every: Sequence[Followed], inputs: list[dict[str, Any]], log: IssueLog) -> History:
        """Return the history from all batches; `inputs` has a row per report. Raises InputError without snapshots."""
        missing = tuple(sorted(pair for batch in every for pair in batch.missing))
        lives = [batch.lifetimes for batch in every if batch.lifetimes is not None]
        if not lives:
            raise InputError(
                "no snapshot has a known account and capture time" + undated(log),
                "put the date and the account into the names of files or folders, as in 2026-10-31/…_111122223333.csv",
            )
        settings = self.settings
        calendar = Calendar.joined([batch.calendar for batch in every if batch.calendar is not None])
        failures = by_account(stacked(lives))
        undecided = stacked([batch.undecided for batch in every if batch.undecided is not None])
        failures, undecided = _with_waivers(failures, undecided, settings, calendar, log)
        return History(
            settings=settings,
            inputs=inputs,
            lifetimes=failures,
            trend=trend(failures, settings.checklist, calendar),
            coverage=calendar.coverage(),
            issues=issues_table(log),
            undecided=count_undecided(undecided, settings.checklist),
            not_judged=without_column(
                [batch.presence for batch in every if batch.presence is not None], settings.checklist
            )[0],
            sla_days=self.sla_days,
            series=tuple(self._dates_of_series),
            not_covered=missing,
        )

    def stored(self, folder: Path) -> History:
        """Return the history of the snapshots in a store. Raises InputError as `joined` does."""
        log = IssueLog()
        self._set_dates(store.span(folder))
        return self.of_users(store.by_accounts(folder, columns=STORED_COLUMNS, log=log), log)

    def of_users(self, batches: Iterator[pd.DataFrame], log: IssueLog) -> History:
        """Return the history of users in a store (columns: `STORED_COLUMNS`), in batches of whole accounts."""
        followed: list[Followed] = []
        reports: list[dict[str, Any]] = []
        for result, inputs, issues in local(self._of_users, batches, most=_AT_ONCE):
            followed.append(result)
            reports += inputs
            log.rows += issues
        return self.joined(followed, reports, log)

    def _of_users(self, users: pd.DataFrame) -> tuple[Followed, list[dict[str, Any]], list[Row]]:
        """Return the failures of a batch, its inputs and its data issues."""
        log = IssueLog()
        inputs = inputs_of_store(users)
        users = of_known_order(users, log)
        tables = TypedTables(users, unpivot(users), pd.DataFrame())
        return _follow(tables, self.settings, self._dates_of_series), inputs, log.rows


def _with_waivers(
    failures: pd.DataFrame, undecided: pd.DataFrame, settings: Settings, calendar: Calendar, log: IssueLog
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both tables with the waivers of the policy that cover open failures and checks that are not checked."""
    columns = pa.schema([UNDECIDED.field(name) for name in UNDECIDED.names if name in LIFETIMES.names])
    joined_table = stacked([to_arrow(table, columns) for table in (failures, undecided)])
    is_open = np.append((failures["state"] == "open").to_numpy(), np.ones(len(undecided), bool))
    waiver = with_waivers(joined_table, is_open, joined_table["last_seen"], settings, calendar.accounts, log)["waiver"]
    parts = (waiver.iloc[: len(failures)], waiver.iloc[len(failures) :].reset_index(drop=True))
    return failures.assign(waiver=parts[0]), undecided.assign(waiver=parts[1])


def _follow(tables: TypedTables, settings: Settings, series: Sequence[datetime]) -> Followed:
    """Return the failures of some accounts, and the dates of the series at which an account has no snapshot."""
    users = tables.users
    rows, instants = dated_rows(users), micros_captured(users)
    missing: Missing = []
    if series:
        rows, instants, missing = _of_series(users, rows, instants, series)
    else:
        instants = instants[rows]
    if not len(rows):
        return Followed(None, None, None, missing)
    if series or len(rows) < len(users):
        users = users.take(rows).reset_index(drop=True)
        tables = TypedTables(users, unpivot(users), tables.reports)
    timeline, checklist = Timeline.of(users, instants), settings.checklist
    all_verdicts, presence = counting(verdicts(tables, instants, checklist), checklist, [timeline.is_newest])
    lives = lifetimes.follow(users, tables.credentials, all_verdicts, checklist.checks, timeline)
    failures, undecided = to_arrow(lives.lifetimes, LIFETIMES), to_arrow(lives.undecided, UNDECIDED)
    return Followed(failures, undecided, lives.calendar, missing, presence)


def _of_series(
    users: pd.DataFrame, rows: Rows, captured: Rows, series: Sequence[datetime]
) -> tuple[Rows, Rows, Missing]:
    """Return for each date the rows of the newest snapshots by then, their dates, and the pairs without a snapshot."""
    accounts = users["account_id"].cat.categories
    account = accounts_of(users)
    chosen, dates, missing = [], [], []
    for date in series:
        instant = since_epoch(date)
        newest_rows = newest_by(account, captured, rows, instant)
        chosen.append(newest_rows)
        dates.append(np.full(len(newest_rows), instant))
        covered = set(account[newest_rows].tolist())
        missing += [(f"{date:%Y-%m-%d}", str(name)) for code, name in enumerate(accounts) if code not in covered]
    return np.concatenate(chosen), np.concatenate(dates), missing


def months(first: datetime, last: datetime) -> list[datetime]:
    """Return the ends of the months from that of `first` to that of `last`, both included."""
    count = (last.year - first.year) * 12 + last.month - first.month
    starts = [divmod(first.month + number, 12) for number in range(count + 1)]
    ends = [datetime(first.year + years, month + 1, 1, tzinfo=UTC) for years, month in starts]
    return [end - timedelta(microseconds=1) for end in ends]


def trend(failures: pd.DataFrame, checklist: Checklist, calendar: Calendar) -> pd.DataFrame:
    """Return the table `TREND`: open, opened, closed and lost failures by day and check."""
    days = np.unique(calendar.instants // DAY)
    checks = checklist.checks
    starts = calendar.starts[:-1][np.diff(calendar.starts) > 0]
    account_counts = np.cumsum(
        np.bincount(np.searchsorted(days, calendar.instants[starts] // DAY), minlength=len(days))
    )
    check_position = check_of(failures, checklist)
    opened, closed, lost = (
        _by_day(failures[name], check_position, days, len(checks)) for name in ("first_seen", "closed_at", "lost_at")
    )
    table = pa.table(
        {
            "date": pa.array(np.tile(days, len(checks)).astype(np.int32), pa.date32()),
            "control": _of_each(checks, lambda check: check.control.id, len(days)),
            "requirement": _of_each(checks, lambda check: check.requirement, len(days)),
            "open": np.cumsum(opened - closed - lost, axis=1).ravel(),
            "opened": opened.ravel(),
            "closed": closed.ravel(),
            "accounts": np.tile(account_counts, len(checks)),
            "lost": lost.ravel(),
        }
    )
    frame = to_pandas(table.cast(TREND))
    order = np.lexsort((np.arange(len(frame)), np.tile(days, len(checks))))
    return frame.take(order).reset_index(drop=True)


def _of_each(checks: Sequence[Check], fact: Callable[[Check], str | None], times: int) -> pa.Array:
    """Return the fact of each check, each repeated `times` times."""
    return pa.array([fact(check) for check in checks], pa.string()).take(np.repeat(np.arange(len(checks)), times))


def _by_day(times: pd.Series[Any], check: Rows, days: Rows, checks: int) -> Rows:
    """Return how many of `times` are on each day, by check (rows) and day (columns).

    `check` has the position of the check of each time; `days` are the days (since 1970), ascending.
    """
    micros = microseconds(times)
    has_time = micros != NO_TIME
    cell = check[has_time] * len(days) + np.searchsorted(days, micros[has_time] // DAY)
    return np.bincount(cell, minlength=checks * len(days)).reshape(checks, len(days))
