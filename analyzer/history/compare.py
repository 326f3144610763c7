"""Compares an older and a newer side: the newest snapshot of each account on each side.

Earlier snapshots on the older side are judged too: a failure that was fixed in one of them and is open again is
`regressed`, not new.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analyzer.controls.vocabulary import counted
from analyzer.errors import InputError, first_few
from analyzer.evidence.comparison import FAILING_NOW, Comparison
from analyzer.evidence.plain import iso
from analyzer.evidence.schema import EVENTS, issues_table, stacked, to_arrow
from analyzer.history import lifetimes, store
from analyzer.history.calendar import Timeline
from analyzer.history.columns_present import counting, without_column
from analyzer.history.events import events_between
from analyzer.history.snapshots import (
    STORED_COLUMNS,
    accounts_of,
    by_account,
    dated_rows,
    inputs_of_store,
    may_lack_users,
    micros_captured,
    newest_by,
    newest_of,
    note_undated,
    of_known_order,
    of_sources,
    undated,
    with_partial,
    with_waivers,
)
from analyzer.judging.judge import verdicts
from analyzer.reading.issues import IssueLog
from analyzer.reading.normalizing import TypedTables
from analyzer.reading.times import since_epoch
from analyzer.reading.unpivot import unpivot
from analyzer.survey.accounts import UNKNOWN
from analyzer.survey.selection import Selected, note_unknown_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import pyarrow as pa

    from analyzer.evidence.settings import Settings
    from analyzer.history.columns_present import Whole
    from analyzer.history.snapshots import Flags
    from analyzer.judging.verdicts import Verdicts
    from analyzer.survey.accounts import Account
    from analyzer.survey.entry import Entry


@dataclass
class Accounts:
    """The accounts that are compared, and those that are not.

    `unmoved` accounts have the same newest snapshot on both sides. `backwards` accounts have an earlier snapshot on the
    newer side. `times` are the capture times of the compared snapshots, by side.
    """

    compared: list[str] = field(default_factory=list)
    only_old: list[str] = field(default_factory=list)
    only_new: list[str] = field(default_factory=list)
    unmoved: list[str] = field(default_factory=list)
    backwards: list[str] = field(default_factory=list)
    times: dict[str, set[datetime]] = field(default_factory=lambda: {"older": set(), "newer": set()})

    def add(self, first: Mapping[str, datetime], last: Mapping[str, datetime], log: IssueLog) -> list[str]:
        """Classify accounts by the times of their newest snapshots on both sides; return the accounts to compare."""
        on_both_sides = sorted(first.keys() & last.keys())
        compared = [account for account in on_both_sides if last[account] > first[account]]
        unmoved = [account for account in on_both_sides if last[account] == first[account]]
        self.compared += compared
        self.times["older"].update(first[account] for account in compared)
        self.times["newer"].update(last[account] for account in compared)
        self.unmoved += unmoved
        # An account with the same newest snapshot on both sides has no newer one, as if it were only on the older side.
        self.only_old += [*(first.keys() - last.keys()), *unmoved]
        self.only_new += last.keys() - first.keys()
        for account in on_both_sides:
            if last[account] < first[account]:
                self.backwards.append(account)
                log.add(
                    "older_side",
                    f"account {account} was not compared: its snapshot on the newer side, "
                    f"{last[account]:%Y-%m-%dT%H:%M:%SZ}, is earlier than its snapshot on the older side; swap OLD and "
                    "NEW, or give other snapshots",
                    source=account,
                )
        return compared

    def error(self, log: IssueLog) -> InputError:
        """Return the error if no account can be compared, with the reasons."""
        reasons = []
        if self.unmoved:
            reasons.append(f"the newest snapshot of {_accounts_in_words(self.unmoved)} is the same on both sides")
        if self.backwards:
            reasons.append(f"the newest snapshot of {_accounts_in_words(self.backwards)} is earlier on the newer side")
        hint = "give reports of the same account from two dates, the older one first; put the dates into the file names"
        if self.backwards and not self.unmoved:
            hint = "swap OLD and NEW: the older one comes first"
        message = f"nothing to compare: {'; '.join(reasons)}" if reasons else "no account has a snapshot on both sides"
        return InputError(message + undated(log), hint)


def _accounts_in_words(accounts: Sequence[str]) -> str:
    return (
        f"{'account ' if len(accounts) == 1 else counted(len(accounts), 'account') + ': '}{first_few(sorted(accounts))}"
    )


@dataclass(frozen=True)
class Compared:
    """The events of a batch of accounts (columns: `EVENTS`), and counts of verdicts on both sides (see `counting`)."""

    events: pa.Table
    presence: Whole


@dataclass
class Comparer:
    """Compares two sides; `accounts` is filled when the reports are chosen.

    `lacking` are the reports that may lack users, according to the survey.
    """

    settings: Settings
    accounts: Accounts = field(default_factory=Accounts)
    lacking: frozenset[str] = frozenset()

    def choose(self, entries: Sequence[Entry], log: IssueLog) -> list[Selected]:
        """Return the chosen reports: for each compared account, all of the older side and the newest of the newer."""
        note_undated([entry.name for entry in entries if entry.captured_at is None], log)
        self.lacking = may_lack_users(log.rows)
        dated = {entry.name: Selected(entry, entry.accounts) for entry in entries if entry.captured_at is not None}
        note_unknown_order(dated.values(), log)
        newest: tuple[dict[str, datetime], dict[str, datetime]] = ({}, {})
        for entry in entries:
            if entry.captured_at is not None:
                times = newest[entry.side]
                # Rivals are two reports of the same time with mostly the same users: their order is not known.
                for _, number in entry.accounts - {UNKNOWN, *(entry.rivals or ())}:
                    times[number] = max(times.get(number, entry.captured_at), entry.captured_at)
        self.accounts = Accounts()
        compared = frozenset(self.accounts.add(*newest, log))

        def judged(entry: Entry) -> frozenset[Account]:
            chosen = frozenset(
                account
                for account in entry.accounts.difference(entry.rivals or ())
                if account[1] in compared and (not entry.side or newest[1][account[1]] == entry.captured_at)
            )
            # Rows without a known account must be read, so that an issue is added for them.
            return chosen | (entry.accounts & {UNKNOWN})

        return _once(Selected(entry, judged(entry) if entry.captured_at else frozenset()) for entry in entries)

    def of(self, tables: TypedTables, log: IssueLog) -> Compared | None:
        """Return the result of a batch of whole accounts; None if no row has account and time."""
        rows = dated_rows(tables.users)
        if not len(rows):
            return None
        lacking = self.lacking | may_lack_users(log.rows)
        tables = replace(tables, users=with_partial(tables.users, of_sources(tables.users, lacking)))
        if len(rows) < len(tables.users):
            users = tables.users.take(rows).reset_index(drop=True)
            tables = TypedTables(users, unpivot(users), tables.reports)
        account, captured = accounts_of(tables.users), micros_captured(tables.users)
        last = int(captured.max())
        is_new = _flags(len(rows), newest_by(account, captured, np.arange(len(rows)), last))
        is_old = _flags(len(rows), newest_by(account, captured, np.flatnonzero(~is_new), last))
        return self.between(tables, is_old, is_new, log)

    def between(self, tables: TypedTables, is_old: Flags, is_new: Flags, log: IssueLog) -> Compared:
        """Return the result of accounts; rows without a flag belong to earlier snapshots of the older side."""
        users, checks = tables.users, self.settings.checklist.checks
        captured = micros_captured(users)
        checklist = self.settings.checklist
        all_verdicts, presence = counting(verdicts(tables, captured, checklist), checklist, [is_old, is_new])
        is_compared = is_old | is_new
        if is_compared.all():
            events = events_between(users, tables.credentials, list(all_verdicts), checks, is_new, log)
            return Compared(to_arrow(events, EVENTS), presence)
        pair = _Part(tables, is_compared)
        part_verdicts: list[Verdicts] = []

        def watched() -> Iterator[Verdicts]:
            for control_verdicts in all_verdicts:
                part_verdicts.append(pair.of(control_verdicts))
                yield control_verdicts

        timeline = Timeline.of(users, captured)
        lives = lifetimes.follow(users, tables.credentials, watched(), checks, timeline).lifetimes
        events = events_between(pair.users, pair.credentials, part_verdicts, checks, is_new[is_compared], log)
        return Compared(to_arrow(_with_regressions(events, lives), EVENTS), presence)

    def joined(self, parts: Sequence[Compared | None], inputs: list[dict[str, Any]], log: IssueLog) -> Comparison:
        """Return the comparison from all batches. Raises InputError if no account was compared."""
        accounts, settings = self.accounts, self.settings
        if not accounts.compared:
            raise accounts.error(log)
        compared = [part for part in parts if part is not None]
        event_table = by_account(stacked([part.events for part in compared]))
        fails = event_table["event"].isin(FAILING_NOW).to_numpy()
        return Comparison(
            settings=settings,
            inputs=inputs,
            events=with_waivers(event_table, fails, event_table["new_captured_at"], settings, accounts.compared, log),
            issues=issues_table(log),
            accounts=tuple(sorted(accounts.compared)),
            only_old=tuple(sorted(accounts.only_old)),
            only_new=tuple(sorted(accounts.only_new)),
            not_newer=tuple(sorted(accounts.unmoved)),
            captured={
                side: {"first": str(iso(min(times))), "last": str(iso(max(times)))}
                for side, times in accounts.times.items()
            },
            not_judged=dict(
                zip(
                    accounts.times,
                    without_column([part.presence for part in compared], settings.checklist, 2),
                    strict=True,
                )
            ),
        )

    def stored(self, folder: Path, since: datetime, until: datetime) -> Comparison:
        """Compare each account's newest snapshot in a store at `since` with its newest snapshot at `until`."""
        log = IssueLog()
        parts: list[Compared | None] = []
        reports: list[dict[str, Any]] = []
        for users in store.by_accounts(folder, until=until, columns=STORED_COLUMNS, log=log):
            reports += inputs_of_store(users)
            users = of_known_order(users, log)  # noqa: PLW2901
            parts.append(self._of_stored(users, since_epoch(since), since_epoch(until), log))
        return self.joined(parts, reports, log)

    def _of_stored(self, users: pd.DataFrame, since: int, until: int, log: IssueLog) -> Compared | None:
        account, captured, rows = accounts_of(users), micros_captured(users), dated_rows(users)
        sides = [newest_by(account, captured, rows, instant) for instant in (since, until)]
        compared = self.accounts.add(newest_of(users, sides[0]), newest_of(users, sides[1]), log)
        if not compared:
            return None
        is_old, is_new = (_flags(len(users), side) for side in sides)
        is_compared = _flags(len(users), rows) & users["account_id"].isin(compared).to_numpy()
        users = users[is_compared].reset_index(drop=True)
        return self.between(
            TypedTables(users, unpivot(users), pd.DataFrame()), is_old[is_compared], is_new[is_compared], log
        )


def _once(chosen: Iterable[Selected]) -> list[Selected]:
    """Return the chosen reports; a report that is on both sides is read only once.

    Such a report is never compared with itself, so it is needed on both sides only if it changed during the run. Then
    InputError is raised.
    """
    read: set[str] = set()
    reports = []
    for selection in chosen:
        entry = selection.entry
        if not selection.is_read:
            reports.append(selection)
        elif entry.name not in read:
            read.add(entry.name)
            reports.append(selection)
        elif selection.judged - {UNKNOWN}:
            raise InputError(
                f"changed while it was read: {entry.name}",
                "wait until no program writes to the reports, or copy them; then run credreport again",
            )
        elif entry.accounts:
            reports.append(Selected(entry, frozenset()))
    return reports


def _flags(count: int, rows: np.typing.NDArray[np.int64]) -> Flags:
    flags = np.zeros(count, bool)
    flags[rows] = True
    return flags


class _Part:
    """Some rows of tables; `of` returns the verdicts on them."""

    def __init__(self, tables: TypedTables, rows: Flags) -> None:
        is_kept = rows[tables.credentials["user_row"].to_numpy()]
        self._user, self._credential = (np.where(flags, np.cumsum(flags) - 1, -1) for flags in (rows, is_kept))
        self._rows = rows
        self.users = tables.users[rows].reset_index(drop=True)
        credentials = tables.credentials[is_kept].reset_index(drop=True)
        self.credentials = credentials.assign(user_row=self._user[credentials["user_row"].to_numpy()])

    def of(self, verdicts: Verdicts) -> Verdicts:
        """Return the verdicts on these rows, with row numbers that refer to these rows."""
        of_part = verdicts.take(self._rows[verdicts.user_row])
        credential_row = np.where(
            of_part.credential_row >= 0, np.append(self._credential, -1)[of_part.credential_row], -1
        )
        return replace(of_part, user_row=self._user[of_part.user_row], credential_row=credential_row)


def _with_regressions(events: pd.DataFrame, lives: pd.DataFrame) -> pd.DataFrame:
    """Return the events; a new failure with an earlier, closed lifetime becomes `regressed`."""
    again = lives[(lives["reopened"] > 0).to_numpy() & lives["censored_right"].to_numpy(dtype=bool)]
    keys = ["control", "requirement", "account_id", "user", "credential"]
    closed_before = pd.MultiIndex.from_frame(again[keys].astype("str").fillna(""))
    event_keys = pd.MultiIndex.from_frame(events[keys].astype("str").fillna(""))
    regressed = event_keys.isin(closed_before) & (events["event"] == "new_failure").to_numpy()
    return events.assign(event=events["event"].astype("str").where(~regressed, "regressed"))
