"""Which snapshot of each account is judged, and at which instant."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from analyzer.errors import InputError, first_few
from analyzer.reading.times import DAY, MICROSECOND
from analyzer.survey.accounts import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from analyzer.reading.issues import IssueLog
    from analyzer.survey.accounts import Account
    from analyzer.survey.entry import Entry

_CURRENT: Final = DAY * MICROSECOND
"""A report this much older than the reference instant, or less, speaks for it."""


@dataclass(frozen=True, slots=True)
class Selected:
    """A report, and the accounts for which it is judged: none where others are judged for all of its accounts."""

    entry: Entry
    judged: frozenset[Account]

    @property
    def is_read(self) -> bool:
        """Whether its rows are needed; where a report shows no rows, reading it says why."""
        return bool(self.judged) or not self.entry.accounts


def select(entries: Sequence[Entry], log: IssueLog, *, as_of: datetime | None, every_snapshot: bool) -> list[Selected]:
    """Choose one snapshot an account: the newest captured at or before `as_of`, or the newest where it is None.

    Where all of an account's snapshots are newer than `as_of`, the oldest of them is judged, with an issue. Reports
    of unknown capture time are parts of the snapshot that is judged. Each report is judged at `as_of`, else at its
    own capture time. Raises InputError where neither is known.
    """
    if as_of is None:
        require_capture_times([entry.name for entry in entries if entry.captured_at is None])
    chosen = _chosen_instants(entries, as_of)
    selected = []
    for entry in entries:
        judged = frozenset(
            account
            for account in entry.accounts
            if every_snapshot or entry.captured_at is None or account == UNKNOWN or chosen[account] == entry.captured_at
        )
        selected.append(Selected(entry, entry.accounts if judged == entry.accounts else judged))
    _note_snapshots(selected, chosen.keys(), log, as_of)
    return selected


def everything(entries: Sequence[Entry], log: IssueLog) -> list[Selected]:  # noqa: ARG001 - as `select` is called
    """Choose every report whole, whatever else there is of its accounts."""
    return [Selected(entry, entry.accounts) for entry in entries]


def _chosen_instants(entries: Iterable[Entry], as_of: datetime | None) -> dict[Account, datetime]:
    """Return the capture time of the snapshot of each account that is judged."""
    captured: defaultdict[Account, set[datetime]] = defaultdict(set)
    for entry in entries:
        if entry.captured_at is not None:
            for account in entry.accounts:
                captured[account].add(entry.captured_at)
    captured.pop(UNKNOWN, None)
    return {
        account: max((time for time in times if as_of is None or time <= as_of), default=min(times))
        for account, times in captured.items()
    }


def require_capture_times(unknown: Sequence[str]) -> None:
    """Raise InputError where it is not known of some reports, by name, when they were captured."""
    if not unknown:
        return
    raise InputError(
        f"not known when {'this report was' if len(unknown) == 1 else 'these reports were'} captured: "
        f"{first_few(unknown)}",
        "give the reference instant with --as-of, such as --as-of 2026-10-31 (the end of that day, UTC), or put the "
        "date of the download into the file's or its folder's name",
    )


def _note_snapshots(
    selected: Iterable[Selected], dated: Iterable[Account], log: IssueLog, as_of: datetime | None
) -> None:
    """Note which snapshots are not judged, and which are judged with doubt."""
    dated = set(dated)
    for one in selected:
        entry = one.entry
        for account in sorted(entry.accounts):
            if account not in one.judged:
                log.add(
                    "other_snapshot",
                    f"another snapshot of account {account[1]} is judged; --every-snapshot judges all",
                    source=entry.name,
                )
            elif entry.captured_at is None and account in dated:
                log.add(
                    "undated_report",
                    f"not known when it was captured: judged beside a dated snapshot of account {account[1]}, "
                    "of which it may be no part; put its date into its name, or leave it out",
                    source=entry.name,
                )
            elif entry.captured_at is not None and as_of is not None:
                _note_distance(entry, account, entry.captured_at, as_of, log)


def _note_distance(entry: Entry, account: Account, captured: datetime, as_of: datetime, log: IssueLog) -> None:
    """Note a report that is judged long after it was captured, or before."""
    if as_of - captured > _CURRENT:
        age = (as_of - captured) // _CURRENT
        log.add(
            "older_report",
            f"captured {age:,} {'day' if age == 1 else 'days'} before the reference instant: what was used, changed or "
            "removed since then is not in it; get a report of that day",
            source=entry.name,
        )
    elif captured > as_of:
        log.add(
            "only_newer_snapshot",
            f"no snapshot of account {account[1] or 'unknown'} at or before the reference date: "
            "this later one may hide what was true then; find an earlier report",
            source=entry.name,
        )
