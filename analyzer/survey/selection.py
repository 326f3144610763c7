"""Choose the snapshot of each account that is judged."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - a field of a named tuple
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.controls.vocabulary import counted
from analyzer.errors import InputError, first_few
from analyzer.reading.issues import CODES, PROVE_NO_ABSENCE, Level
from analyzer.reading.times import DAY, MICROSECOND
from analyzer.survey.accounts import UNKNOWN, Account
from analyzer.survey.names import end_of_month, start_of_month

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from analyzer.reading.issues import IssueLog, Row
    from analyzer.survey.entry import Entry

_CURRENT: Final = DAY * MICROSECOND
"""A report may be this much older than the reference date without an issue."""
_NONE: Final[frozenset[Account]] = frozenset()
LACKING: Final = "this report may contain only some of the users"
"""Why a report cannot show what has changed."""


class Span(NamedTuple):
    """The span in which a report was captured; both ends are equal if the capture time is known."""

    first: datetime
    last: datetime

    @classmethod
    def of(cls, entry: Entry) -> Span | None:
        """Return the span of a report; None if neither its capture time nor its month is known."""
        if entry.captured_at is not None:
            return cls(entry.captured_at, entry.captured_at)
        return None if entry.month is None else cls(entry.month, end_of_month(entry.month))


@dataclass(frozen=True, slots=True)
class Selected:
    """A report, and the accounts for which it is judged.

    `judged` is empty if other reports are judged for all of its accounts. `earlier` has the accounts for which it is
    the snapshot before the judged one; for these it is judged only for the trend.
    """

    entry: Entry
    judged: frozenset[Account]
    earlier: frozenset[Account] = _NONE

    @property
    def is_read(self) -> bool:
        """Whether the report must be read. A report without known accounts is read to find out why."""
        return bool(self.judged or self.earlier) or not self.entry.accounts

    @property
    def in_doubt(self) -> Collection[Account]:
        """The accounts for which another report may be the newer one (see `Entry.rivals`)."""
        return () if self.entry.rivals is None else self.judged & self.entry.rivals.keys()


def select(
    entries: Sequence[Entry], log: IssueLog, *, as_of: datetime | None, every_snapshot: bool, trend: bool = False
) -> list[Selected]:
    """Choose one snapshot per account: the newest at or before `as_of`, or the newest if `as_of` is None.

    If all snapshots of an account are newer than `as_of`, the oldest is chosen, with an issue. A report without a
    capture time is chosen only if the account has no dated report. With `trend`, the newest snapshot before the chosen
    one is chosen as well, for the trend. With `every_snapshot`, all reports are chosen.

    Reports are judged at `as_of`, or at their own capture time if it is None. Raises InputError if neither is known for
    a chosen report.
    """
    spans = [Span.of(entry) for entry in entries]
    captured = _captured(entries, spans)
    chosen = {account: _newest(account_spans, as_of) for account, account_spans in captured.items()}
    earlier: dict[Account, Span] = {}
    if trend and not every_snapshot:
        earlier = _earlier(captured, chosen)
        _leave_out_doubtful(earlier, chosen, zip(entries, spans, strict=True), log)
    selected = []
    for entry, span in zip(entries, spans, strict=True):
        judged = frozenset(
            account
            for account in entry.accounts
            if every_snapshot or account == UNKNOWN or account not in chosen or chosen[account] == span
        )
        before = (
            frozenset(account for account in entry.accounts if earlier.get(account) == span)
            if earlier and span
            else _NONE
        )
        selected.append(Selected(entry, entry.accounts if judged == entry.accounts else judged, before or _NONE))
    if as_of is None:
        require_capture_times(
            [report.entry.name for report in selected if report.is_read and report.entry.captured_at is None]
        )
    _note_snapshots(zip(selected, spans, strict=True), chosen, log, as_of)
    note_unknown_order(selected, log)
    return selected


def everything(entries: Sequence[Entry], log: IssueLog) -> list[Selected]:  # noqa: ARG001 - as `select` is called
    """Choose every report with all of its accounts."""
    return [Selected(entry, entry.accounts) for entry in entries]


def everything_in_order(entries: Sequence[Entry], log: IssueLog) -> list[Selected]:
    """Choose every report with all of its accounts, and note the reports whose order is unknown."""
    selected = everything(entries, log)
    note_unknown_order(selected, log)
    return selected


def without_unknown_order(selected: Sequence[Selected], log: IssueLog) -> list[Selected]:
    """Return the selection without accounts for which the order of the reports is unknown; these are noted."""
    note_unknown_order(selected, log)
    return [
        Selected(report.entry, report.judged - {*report.in_doubt}) if report.in_doubt else report for report in selected
    ]


def not_whole(issues: Iterable[Row]) -> set[str]:
    """Return the sources that may contain only some of the users: a user who is missing there may still exist."""
    return {row[0] for row in issues if row[4] in PROVE_NO_ABSENCE or CODES[row[4]].level >= Level.REJECTED}


def _captured(entries: Iterable[Entry], spans: Iterable[Span | None]) -> dict[Account, set[Span]]:
    """Return the spans of the snapshots of each account; accounts without a known span are left out."""
    captured: defaultdict[Account, set[Span]] = defaultdict(set)
    for entry, span in zip(entries, spans, strict=True):
        if span is not None:
            for account in entry.accounts:
                captured[account].add(span)
    captured.pop(UNKNOWN, None)
    return captured


def _earlier(captured: Mapping[Account, set[Span]], chosen: Mapping[Account, Span]) -> dict[Account, Span]:
    """Return for each account the newest snapshot before the chosen one; accounts without one are left out."""
    earlier = {}
    for account, spans in captured.items():
        if len(spans) == 1:
            continue
        at = chosen[account]
        before = max((span for span in spans if span.last < at.first), default=None)
        if at.first == at.last and before is not None:
            earlier[account] = before
    return earlier


def _leave_out_doubtful(
    earlier: dict[Account, Span],
    chosen: Mapping[Account, Span],
    entries: Iterable[tuple[Entry, Span | None]],
    log: IssueLog,
) -> None:
    """Remove accounts from `earlier` if one of the two snapshots is doubtful, and note why."""
    lacking = not_whole(log.rows)
    for entry, span in entries:
        if span is None or not (accounts := entry.accounts & earlier.keys()):
            continue
        rivals = (entry.rivals or {}).keys()
        for account in sorted(accounts):
            at, before = chosen[account], earlier[account]
            if span in {at, before} and (account in rivals or entry.name in lacking):
                why = LACKING if entry.name in lacking else "it is not known which report is newer"
            elif span.first != span.last and span.first < at.first and span.last > before.first:
                why = "this report may be from the time between the two snapshots"
            else:
                continue
            note_no_trend(entry.name, account, why, log)
            del earlier[account]


def note_no_trend(name: str, account: Account, why: str, log: IssueLog) -> None:
    """Note that an account has no trend because of a report."""
    log.add(
        "no_trend",
        f"account {account[1] or 'unknown'} is not compared with its earlier snapshot: {why}",
        source=name,
    )


def _newest(spans: set[Span], as_of: datetime | None) -> Span:
    """Return the newest of some spans at or before `as_of` (if given), or the oldest span if all are later.

    For a month its end counts. A month that contains `as_of` is therefore later, although its report may be earlier.
    """
    if len(spans) == 1:
        return next(iter(spans))
    dated = {start_of_month(span.first) for span in spans if span.first == span.last}
    # A report with only a month may be older or newer than a dated report of this month, which is certain.
    certain = [span for span in spans if span.first == span.last or span.first not in dated]
    return max((span for span in certain if as_of is None or span.last <= as_of), default=min(certain))


def require_capture_times(unknown: Sequence[str]) -> None:
    """Raise InputError if there are reports without a capture time; `unknown` has their names."""
    if not unknown:
        return
    raise InputError(
        f"the capture time of {'this report is' if len(unknown) == 1 else 'these reports is'} not known: "
        f"{first_few(unknown)}",
        "give the reference date with --as-of, such as --as-of 2026-10-31 (the end of that day, UTC), give the capture "
        "time with --captured-at, or put the date of the download into the name of the file or its folder",
    )


# --- issues -----------------------------------------------------------------------------------------------------------


def _note_snapshots(
    selected: Iterable[tuple[Selected, Span | None]],
    chosen: dict[Account, Span],
    log: IssueLog,
    as_of: datetime | None,
) -> None:
    """Note doubtful choices: judged reports without a date or far from `as_of`, and others that may be newer."""
    for report, span in selected:
        entry = report.entry
        for account in sorted(entry.accounts):
            if account not in report.judged:
                _note_not_judged(entry, span, account, chosen[account], log, as_of)
            elif span is None and account in chosen:
                log.add(
                    "undated_report",
                    f"the capture time is not known: judged together with a dated snapshot of account {account[1]}, "
                    "although the report may not be part of that snapshot; put its date into its name, or remove it",
                    source=entry.name,
                )
            elif span is not None and as_of is not None:
                _note_distance(entry, account, span, as_of, log)


def _note_not_judged(  # noqa: PLR0913 - a report and the one judged instead
    entry: Entry, span: Span | None, account: Account, chosen: Span, log: IssueLog, as_of: datetime | None
) -> None:
    """Note a report that is not judged although it may be newer than the judged report."""
    if span is not None and not _may_be_newer(span, chosen, as_of):
        return
    month_note = "" if entry.month is None else f" (its name shows only the month {entry.month:%Y-%m})"
    log.add(
        "undated_beside_dated",
        f"the capture time is not known{month_note}: the report was not judged, although it may be newer than the "
        f"judged snapshot of account {account[1]}; put its date into its name, or give it with --captured-at",
        source=entry.name,
    )


def _may_be_newer(span: Span, chosen: Span, as_of: datetime | None) -> bool:
    """Return whether a report with this span may be newer than the chosen one, so that it should have been judged."""
    if span.first == span.last:
        return False
    if as_of is not None and chosen.first > as_of:  # all are later than `as_of`: the oldest one is judged
        return span.first < chosen.last
    return span.last > chosen.first and (as_of is None or span.first <= as_of)


def note_unknown_order(selected: Iterable[Selected], log: IssueLog) -> None:
    """Note the reports whose order is unknown: same account, same time or no time, and mostly the same users."""
    for report in selected:
        entry = report.entry
        for account in sorted(report.in_doubt):
            rival = entry.rivals[account] if entry.rivals else ""
            note_rival(entry.name, account[1], rival, log, dated=entry.captured_at is not None)


def note_rival(name: str, account: str, rival: str, log: IssueLog, *, dated: bool) -> None:
    """Note that the order of a report and its `rival` is unknown; `dated` if both have the same capture time."""
    when = "captured at the same time" if dated else "which has no known capture time either"
    log.add(
        "order_unknown",
        f"{rival}, {when}, has mostly the same users of account {account}: it is not known which of the two reports "
        "is newer, so nothing in them is checked; give their capture times in their names or with --captured-at",
        source=name,
    )


def _note_distance(entry: Entry, account: Account, span: Span, as_of: datetime, log: IssueLog) -> None:
    """Note a report that was captured more than a day before `as_of`, or after it."""
    if as_of - span.last > _CURRENT:
        age = (as_of - span.last) // _CURRENT
        least = "" if span.first == span.last else "at least "
        log.add(
            "older_report",
            f"account {account[1] or 'unknown'}, captured {least}{counted(age, 'day')} before",
            source=entry.name,
        )
    elif span.last > as_of:
        log.add(
            "only_newer_snapshot",
            f"no snapshot of account {account[1] or 'unknown'} at or before the reference date: "
            "a later report was judged, which may not show what was true then; find an earlier report",
            source=entry.name,
        )
