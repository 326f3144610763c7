"""Two sides of snapshots compared: of each account the newest on either side, judged once with the earlier ones.

What had failed in an earlier snapshot, was fixed and fails again is `regressed`, and not new.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from analyzer.controls.vocabulary import counted
from analyzer.errors import InputError, first_few
from analyzer.evidence.comparison import Comparison
from analyzer.evidence.schema import EVENTS, issues_table, stacked, to_arrow
from analyzer.history import lifetimes, store
from analyzer.history.calendar import Timeline
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
from analyzer.reading.normalizing import Tables
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
    from analyzer.history.snapshots import Flags
    from analyzer.judging.verdicts import Verdicts
    from analyzer.survey.accounts import Account
    from analyzer.survey.entry import Entry

_FAILING: Final = ("new_failure", "regressed", "still_failing")


@dataclass
class Accounts:
    """Which accounts are compared, and why the others are not.

    `unmoved` have the same newest snapshot on both sides, `backwards` an older one on the newer side.
    """

    compared: list[str] = field(default_factory=list)
    only_old: list[str] = field(default_factory=list)
    only_new: list[str] = field(default_factory=list)
    unmoved: list[str] = field(default_factory=list)
    backwards: list[str] = field(default_factory=list)

    def add(self, first: Mapping[str, datetime], last: Mapping[str, datetime], log: IssueLog) -> list[str]:
        """Sort accounts in, by the instants of their newest snapshots on either side; return those to compare."""
        both = sorted(first.keys() & last.keys())
        compared = [account for account in both if last[account] > first[account]]
        unmoved = [account for account in both if last[account] == first[account]]
        self.compared += compared
        self.unmoved += unmoved
        # A snapshot that is the newest on both sides has nothing newer to be compared with.
        self.only_old += [*(first.keys() - last.keys()), *unmoved]
        self.only_new += last.keys() - first.keys()
        for account in both:
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
        """Return why nothing is compared."""
        why = []
        if self.unmoved:
            why.append(f"the newest snapshot of {_named(self.unmoved)} is the same on both sides")
        if self.backwards:
            why.append(f"the newest snapshot of {_named(self.backwards)} is earlier on the newer side")
        hint = "give reports of the same account from two dates, the older one first; put the dates into the file names"
        if self.backwards and not self.unmoved:
            hint = "swap OLD and NEW: the older one comes first"
        message = f"nothing to compare: {'; '.join(why)}" if why else "no account has a snapshot on both sides"
        return InputError(message + undated(log), hint)


def _named(accounts: Sequence[str]) -> str:
    return (
        f"{'account ' if len(accounts) == 1 else counted(len(accounts), 'account') + ': '}{first_few(sorted(accounts))}"
    )


@dataclass
class Comparing:
    """How two sides are compared, and which accounts; what is compared is known once the reports are chosen.

    `lacking` are reports of which the survey has found that they may hold some of their users only.
    """

    settings: Settings
    accounts: Accounts = field(default_factory=Accounts)
    lacking: frozenset[str] = frozenset()

    def choose(self, entries: Sequence[Entry], log: IssueLog) -> list[Selected]:
        """Choose for each account that is compared its snapshots on the older side, and the newest on the newer one."""
        note_undated([entry.name for entry in entries if entry.captured_at is None], log)
        self.lacking = may_lack_users(log.rows)
        dated = {entry.name: Selected(entry, entry.accounts) for entry in entries if entry.captured_at is not None}
        note_unknown_order(dated.values(), log)
        newest: tuple[dict[str, datetime], dict[str, datetime]] = ({}, {})
        for entry in entries:
            if entry.captured_at is not None:
                mine = newest[entry.side]
                # Of two reports of one time, mostly of the same users, nobody knows which is the newer one.
                for _, number in entry.accounts - {UNKNOWN, *(entry.rivals or ())}:
                    mine[number] = max(mine.get(number, entry.captured_at), entry.captured_at)
        self.accounts = Accounts()
        compared = frozenset(self.accounts.add(*newest, log))

        def judged(entry: Entry) -> frozenset[Account]:
            mine = (one for one in entry.accounts.difference(entry.rivals or ()) if one[1] in compared)
            chosen = frozenset(one for one in mine if not entry.side or newest[1][one[1]] == entry.captured_at)
            # Rows of unknown account are noted when they are read.
            return chosen | (entry.accounts & {UNKNOWN})

        return _once(Selected(entry, judged(entry) if entry.captured_at else frozenset()) for entry in entries)

    def of(self, tables: Tables, log: IssueLog) -> pa.Table | None:
        """Return the events (columns: `EVENTS`) of accounts whose newest snapshot is that of the newer side."""
        rows = dated_rows(tables.users)
        if not len(rows):
            return None
        lacking = self.lacking | may_lack_users(log.rows)
        tables = replace(tables, users=with_partial(tables.users, of_sources(tables.users, lacking)))
        if len(rows) < len(tables.users):
            users = tables.users.take(rows).reset_index(drop=True)
            tables = Tables(users, unpivot(users), tables.reports)
        account, captured = accounts_of(tables.users), micros_captured(tables.users)
        last = int(captured.max())
        is_new = _flags(len(rows), newest_by(account, captured, np.arange(len(rows)), last))
        is_old = _flags(len(rows), newest_by(account, captured, np.flatnonzero(~is_new), last))
        return self.between(tables, is_old, is_new, log)

    def between(self, tables: Tables, is_old: Flags, is_new: Flags, log: IssueLog) -> pa.Table:
        """Return the events of accounts; rows that are of neither side are of other snapshots before the newer one."""
        users, checks = tables.users, self.settings.checklist.checks
        captured = micros_captured(users)
        said = verdicts(tables, captured, self.settings.checklist)
        both = is_old | is_new
        if both.all():
            events = events_between(users, tables.credentials, list(said), checks, is_new, log)
            return to_arrow(events, EVENTS)
        pair = _Part(tables, both)
        kept: list[Verdicts] = []

        def watched() -> Iterator[Verdicts]:
            for one in said:
                kept.append(pair.of(one))
                yield one

        timeline = Timeline.of(users, captured)
        lives = lifetimes.follow(users, tables.credentials, watched(), checks, timeline).lifetimes
        events = events_between(pair.users, pair.credentials, kept, checks, is_new[both], log)
        return to_arrow(_with_regressions(events, lives), EVENTS)

    def joined(self, events: Sequence[pa.Table | None], inputs: list[dict[str, Any]], log: IssueLog) -> Comparison:
        """Return the comparison, of the events of all batches. Raises InputError where nothing was compared."""
        accounts, settings = self.accounts, self.settings
        if not accounts.compared:
            raise accounts.error(log)
        found = by_account(stacked([one for one in events if one is not None]))
        fails = found["event"].isin(_FAILING).to_numpy()
        return Comparison(
            settings=settings,
            inputs=inputs,
            events=with_waivers(found, fails, found["new_captured_at"], settings, accounts.compared, log),
            issues=issues_table(log),
            accounts=tuple(sorted(accounts.compared)),
            only_old=tuple(sorted(accounts.only_old)),
            only_new=tuple(sorted(accounts.only_new)),
        )

    def stored(self, folder: Path, since: datetime, until: datetime) -> Comparison:
        """Compare each account's newest snapshot in a store by `since` with that by `until`."""
        log = IssueLog()
        events: list[pa.Table | None] = []
        reports: list[dict[str, Any]] = []
        for users in store.by_accounts(folder, until=until, columns=STORED_COLUMNS, log=log):
            reports += inputs_of_store(users)
            users = of_known_order(users, log)  # noqa: PLW2901
            events.append(self._of_stored(users, since_epoch(since), since_epoch(until), log))
        return self.joined(events, reports, log)

    def _of_stored(self, users: pd.DataFrame, since: int, until: int, log: IssueLog) -> pa.Table | None:
        account, captured, rows = accounts_of(users), micros_captured(users), dated_rows(users)
        sides = [newest_by(account, captured, rows, instant) for instant in (since, until)]
        compared = self.accounts.add(newest_of(users, sides[0]), newest_of(users, sides[1]), log)
        if not compared:
            return None
        is_old, is_new = (_flags(len(users), side) for side in sides)
        wanted = _flags(len(users), rows) & users["account_id"].isin(compared).to_numpy()
        users = users[wanted].reset_index(drop=True)
        return self.between(Tables(users, unpivot(users), pd.DataFrame()), is_old[wanted], is_new[wanted], log)


def _once(chosen: Iterable[Selected]) -> list[Selected]:
    """Return what is chosen; a report that stands on both sides is read once, and counted on the other side.

    As long as it stays the same, none is needed on both: it is read to say why it has no rows of known account.
    """
    read: set[str] = set()
    kept = []
    for one in chosen:
        entry = one.entry
        if not one.is_read:
            kept.append(one)
        elif entry.name not in read:
            read.add(entry.name)
            kept.append(one)
        elif one.judged - {UNKNOWN}:
            raise InputError(
                f"changed while it was read: {entry.name}",
                "wait until no program writes to the reports, or copy them; then run credreport again",
            )
        elif entry.accounts:
            kept.append(Selected(entry, frozenset()))
    return kept


def _flags(count: int, rows: np.typing.NDArray[np.int64]) -> Flags:
    found = np.zeros(count, bool)
    found[rows] = True
    return found


class _Part:
    """Some rows of tables, and the verdicts on them."""

    def __init__(self, tables: Tables, rows: Flags) -> None:
        held = rows[tables.credentials["user_row"].to_numpy()]
        self._user, self._credential = (np.where(one, np.cumsum(one) - 1, -1) for one in (rows, held))
        self._rows = rows
        self.users = tables.users[rows].reset_index(drop=True)
        credentials = tables.credentials[held].reset_index(drop=True)
        self.credentials = credentials.assign(user_row=self._user[credentials["user_row"].to_numpy()])

    def of(self, verdicts: Verdicts) -> Verdicts:
        """Return the verdicts on these rows, which they name by their positions here."""
        mine = verdicts.take(self._rows[verdicts.user_row])
        credential_row = np.where(mine.credential_row >= 0, np.append(self._credential, -1)[mine.credential_row], -1)
        return replace(mine, user_row=self._user[mine.user_row], credential_row=credential_row)


def _with_regressions(events: pd.DataFrame, lives: pd.DataFrame) -> pd.DataFrame:
    """Return events in which a new failure is a regression, where it had lived before and was closed since."""
    again = lives[(lives["reopened"] > 0).to_numpy() & lives["censored_right"].to_numpy(dtype=bool)]
    keys = ["control", "requirement", "account_id", "user", "credential"]
    known = pd.MultiIndex.from_frame(again[keys].astype("str").fillna(""))
    mine = pd.MultiIndex.from_frame(events[keys].astype("str").fillna(""))
    regressed = mine.isin(known) & (events["event"] == "new_failure").to_numpy()
    return events.assign(event=events["event"].astype("str").where(~regressed, "regressed"))
