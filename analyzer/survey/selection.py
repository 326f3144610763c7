"""Which snapshot of each account is judged, and at which instant."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - a field of a named tuple
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.errors import InputError, first_few
from analyzer.reading.times import DAY, MICROSECOND
from analyzer.survey.accounts import UNKNOWN
from analyzer.survey.names import end_of_month, start_of_month

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from analyzer.reading.issues import IssueLog
    from analyzer.survey.accounts import Account
    from analyzer.survey.entry import Entry

_CURRENT: Final = DAY * MICROSECOND
"""A report this much older than the reference instant, or less, speaks for it."""


class Span(NamedTuple):
    """When a report was captured: between two instants, which are one where its capture time is known."""

    first: datetime
    last: datetime

    @classmethod
    def of(cls, entry: Entry) -> Span | None:
        """Return the span of a report; None where nothing is known."""
        if entry.captured_at is not None:
            return cls(entry.captured_at, entry.captured_at)
        return None if entry.month is None else cls(entry.month, end_of_month(entry.month))


@dataclass(frozen=True, slots=True)
class Selected:
    """A report, and the accounts for which it is judged: none where others are judged for all of its accounts."""

    entry: Entry
    judged: frozenset[Account]

    @property
    def is_read(self) -> bool:
        """Whether its rows are needed; where a report shows no rows, reading it says why."""
        return bool(self.judged) or not self.entry.accounts

    @property
    def in_doubt(self) -> Collection[Account]:
        """The accounts for which another report has the same claim to be judged."""
        return () if self.entry.rivals is None else self.judged & self.entry.rivals.keys()


def select(entries: Sequence[Entry], log: IssueLog, *, as_of: datetime | None, every_snapshot: bool) -> list[Selected]:
    """Choose one snapshot an account: the newest captured at or before `as_of`, or the newest where it is None.

    Where all of an account's snapshots are newer than `as_of`, the oldest of them is judged, with an issue. A report
    of unknown capture time is judged where there is none of a known one. Each report is judged at `as_of`, else at its
    own capture time. Raises InputError where neither is known of one that is judged.
    """
    spans = [Span.of(entry) for entry in entries]
    chosen = _chosen(entries, spans, as_of)
    selected = []
    for entry, span in zip(entries, spans, strict=True):
        judged = frozenset(
            account
            for account in entry.accounts
            if every_snapshot or account == UNKNOWN or account not in chosen or chosen[account] == span
        )
        selected.append(Selected(entry, entry.accounts if judged == entry.accounts else judged))
    if as_of is None:
        require_capture_times([one.entry.name for one in selected if one.is_read and one.entry.captured_at is None])
    _note_snapshots(zip(selected, spans, strict=True), chosen, log, as_of)
    note_unknown_order(selected, log)
    return selected


def everything(entries: Sequence[Entry], log: IssueLog) -> list[Selected]:  # noqa: ARG001 - as `select` is called
    """Choose every report whole, whatever else there is of its accounts."""
    return [Selected(entry, entry.accounts) for entry in entries]


def everything_in_order(entries: Sequence[Entry], log: IssueLog) -> list[Selected]:
    """Choose every report whole, and note those whose order is not known."""
    selected = everything(entries, log)
    note_unknown_order(selected, log)
    return selected


def without_unknown_order(selected: Sequence[Selected], log: IssueLog) -> list[Selected]:
    """Return what is chosen without reports whose order is not known, which are noted: they stand nowhere in time."""
    note_unknown_order(selected, log)
    return [Selected(one.entry, one.judged - {*one.in_doubt}) if one.in_doubt else one for one in selected]


def _chosen(entries: Iterable[Entry], spans: Iterable[Span | None], as_of: datetime | None) -> dict[Account, Span]:
    """Return when the snapshot of each account that is judged was captured; of accounts of which that is known at all.

    A month counts by its end; where it begins before `as_of` and ends after it, the snapshot may be either.
    """
    captured: defaultdict[Account, set[Span]] = defaultdict(set)
    for entry, span in zip(entries, spans, strict=True):
        if span is not None:
            for account in entry.accounts:
                captured[account].add(span)
    captured.pop(UNKNOWN, None)
    return {account: _newest(mine, as_of) for account, mine in captured.items()}


def _newest(spans: set[Span], as_of: datetime | None) -> Span:
    """Return the newest of some spans, at or before `as_of` where it is given; the oldest where there is none such."""
    if len(spans) == 1:
        return next(iter(spans))
    dated = {start_of_month(span.first) for span in spans if span.first == span.last}
    # A day in a month is certain, and what else there is of that month may be older or newer.
    certain = [span for span in spans if span.first == span.last or span.first not in dated]
    return max((span for span in certain if as_of is None or span.last <= as_of), default=min(certain))


def require_capture_times(unknown: Sequence[str]) -> None:
    """Raise InputError where it is not known of some reports, by name, when they were captured."""
    if not unknown:
        return
    raise InputError(
        f"not known when {'this report was' if len(unknown) == 1 else 'these reports were'} captured: "
        f"{first_few(unknown)}",
        "give the reference instant with --as-of, such as --as-of 2026-10-31 (the end of that day, UTC), the capture "
        "time with --captured-at, or put the date of the download into the file's or its folder's name",
    )


# --- issues -----------------------------------------------------------------------------------------------------------


def _note_snapshots(
    selected: Iterable[tuple[Selected, Span | None]],
    chosen: dict[Account, Span],
    log: IssueLog,
    as_of: datetime | None,
) -> None:
    """Note which snapshots are not judged, and which are judged with doubt."""
    for one, span in selected:
        entry = one.entry
        for account in sorted(entry.accounts):
            if account not in one.judged:
                _note_not_judged(entry, span, account, chosen[account], log, as_of)
            elif span is None and account in chosen:
                log.add(
                    "undated_report",
                    f"not known when it was captured: judged beside a dated snapshot of account {account[1]}, "
                    "of which it may be no part; put its date into its name, or leave it out",
                    source=entry.name,
                )
            elif span is not None and as_of is not None:
                _note_distance(entry, account, span, as_of, log)


def _note_not_judged(  # noqa: PLR0913 - a report, what is judged in its place, and why
    entry: Entry, span: Span | None, account: Account, chosen: Span, log: IssueLog, as_of: datetime | None
) -> None:
    """Note a report that is not judged: another snapshot is, or it is not known whether it is newer than that one."""
    if span is not None and not _may_be_the_one(span, chosen, as_of):
        log.add(
            "other_snapshot",
            f"another snapshot of account {account[1]} is judged; --every-snapshot judges all",
            source=entry.name,
        )
        return
    known = "" if entry.month is None else f" (its name tells the month {entry.month:%Y-%m} alone)"
    log.add(
        "undated_beside_dated",
        f"not known when it was captured{known}, so not whether it is newer than the snapshot of account {account[1]} "
        "that is judged: not judged; put its date into its name, give it with --captured-at, or leave it out",
        source=entry.name,
    )


def _may_be_the_one(span: Span, chosen: Span, as_of: datetime | None) -> bool:
    """Whether a report, captured within a span, may have to be judged in place of the chosen one."""
    if span.first == span.last:
        return False
    if as_of is not None and chosen.first > as_of:  # none is certain to be old enough: the oldest one is judged
        return span.first < chosen.last
    return span.last > chosen.first and (as_of is None or span.first <= as_of)


def note_unknown_order(selected: Iterable[Selected], log: IssueLog) -> None:
    """Note the reports of an account that have mostly the same users and stand at the same time, or at none."""
    for one in selected:
        entry = one.entry
        for account in sorted(one.in_doubt):
            rival = entry.rivals[account] if entry.rivals else ""
            note_rival(entry.name, account[1], rival, log, dated=entry.captured_at is not None)


def note_rival(name: str, account: str, rival: str, log: IssueLog, *, dated: bool) -> None:
    """Note that a report and its `rival` have mostly the same users of an account, at one time or at none."""
    when = "at the same time" if dated else "at a time that is not known either"
    log.add(
        "order_unknown",
        f"{rival}, captured {when}, has mostly the same users of account {account}: which of the two is the "
        "newer snapshot is not known, so nothing in either is decided; give their times, in their names or "
        "with --captured-at",
        source=name,
    )


def _note_distance(entry: Entry, account: Account, span: Span, as_of: datetime, log: IssueLog) -> None:
    """Note a report that is judged long after it was captured, or before."""
    if as_of - span.last > _CURRENT:
        age = (as_of - span.last) // _CURRENT
        log.add(
            "older_report",
            f"captured {age:,} {'day' if age == 1 else 'days'} before the reference instant: what was used, changed or "
            "removed since then is not in it; get a report of that day",
            source=entry.name,
        )
    elif span.last > as_of:
        log.add(
            "only_newer_snapshot",
            f"no snapshot of account {account[1] or 'unknown'} at or before the reference date: "
            "this later one may hide what was true then; find an earlier report",
            source=entry.name,
        )
