"""`due.ics`: a calendar (RFC 5545) of the checks that will fail soon, one event for each check."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from analyzer import __version__
from analyzer.controls.vocabulary import counted
from analyzer.errors import printable
from analyzer.evidence.due import due_by_check, due_in_words, require_one_snapshot, soonest
from analyzer.evidence.plain import iso
from analyzer.evidence.schema import to_pandas
from analyzer.evidence.seal import PROGRAM
from analyzer.reading.columns import records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icalendar import Event, Journal

    from analyzer.controls.checklist import Check, Checklist
    from analyzer.evidence.opened import EvidenceSet
    from analyzer.evidence.summary import Summary
    from analyzer.rendering.render import Options

_COLUMNS: Final = (
    *("control", "requirement", "account_id", "user", "arn", "credential", "as_of", "message", "source", "line"),
    "fails_at",
)
_NAME: Final = "due.ics"
MOST: Final = 10_000
"""The most events of a calendar: calendar programs do not read more."""
_LAST: Final = datetime.max.replace(microsecond=0, tzinfo=UTC)
"""The last whole second that `datetime` can hold."""


def render(evidence: EvidenceSet, folder: Path, options: Options) -> list[Path]:
    """Write the calendar of an audit into `folder` and return its path. It has up to `MOST` events, the earliest ones.

    Raises InputError if every snapshot was judged: older snapshots do not show what will fail next.
    """
    from icalendar import Calendar  # noqa: PLC0415 - only here

    summary, days = evidence.summary, options.due_within
    require_one_snapshot(summary.settings, "--format ics")
    count = sum(due_by_check(summary, days).values())
    note = (
        f" This calendar has the first {MOST:,}; `credreport show --due-within {days}` lists all."
        if count > MOST
        else ""
    )
    calendar = Calendar()
    calendar.add("prodid", f"-//{PROGRAM}//{__version__}//EN")
    calendar.add("version", "2.0")
    calendar.add("name", "Checks that will fail soon")
    calendar.add("description", f"{due_in_words(summary, days)}.{note}")
    events = list(_events(evidence, summary.checklist, days))
    for component in (*events, *([] if events else [_empty_entry(summary, days)])):
        calendar.add_component(component)
    path = folder / _NAME
    path.write_bytes(calendar.to_ical())
    return [path]


def _empty_entry(summary: Summary, days: int) -> Journal:
    """Return the entry of a calendar without events: RFC 5545 requires at least one component."""
    from icalendar import Journal  # noqa: PLC0415

    journal, times = Journal(), [*summary.reference_instants, summary.settings.as_of]
    journal.add("uid", f"nothing@{PROGRAM}")
    journal.add("dtstamp", _second(next(time for time in reversed(times) if time is not None)))
    journal.add("summary", f"{due_in_words(summary, days)}.")
    return journal


def _events(evidence: EvidenceSet, checklist: Checklist, days: int) -> Iterator[Event]:
    """Yield an event for each check that will fail soon, the earliest first."""
    counts: Counter[str] = Counter()
    for row in records(to_pandas(soonest(evidence, days, MOST, _COLUMNS))):
        check = checklist.checks[checklist.positions[row["control"], row["requirement"]]]
        subject = _digest(row)
        yield _event(row, check, f"{subject}-{counts[subject]}" if counts[subject] else subject)
        counts[subject] += 1


def _digest(row: dict[str, Any]) -> str:
    """Return an identifier of subject and control. It is the same in each run, so an event replaces the older one.

    If the account is unknown, the name of the report is used instead.
    """
    account = row["account_id"] or row["source"]
    parts = [account, row["arn"] or row["user"], row["credential"], row["control"]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _event(row: dict[str, Any], check: Check, uid: str) -> Event:
    from icalendar import Event  # noqa: PLC0415

    account = row["account_id"] or "unknown account"
    names = [printable(row["user"] or ""), "" if row["credential"] == "user" else row["credential"]]
    subject = " ".join(filter(None, [account, *names]))
    limit = "" if check.limit_days is None else f" The limit is {counted(check.limit_days, 'day')}."
    location = row["source"] if row["line"] is None else f"{row['source']}:{row['line']}"
    event = Event()
    event.add("uid", f"{uid}@{PROGRAM}")
    event.add("dtstamp", _second(row["as_of"]))
    event.add("dtstart", _next_second(row["fails_at"]))
    event.add("summary", f"{subject} starts to fail {check.control.id}")
    event.add(
        "description",
        f"{check.title}: {printable(row['message'])}, as of {iso(row['as_of'])}.{limit} It passes until "
        f"{iso(row['fails_at'])} if nothing changes.\n{printable(location)}\n{check.remedy(row['credential'])}",
    )
    event.add("categories", [check.control.id])
    event.add("transp", "TRANSPARENT")
    return event


def _second(time: datetime) -> datetime:
    return time.replace(microsecond=0)


def _next_second(time: datetime) -> datetime:
    """Return the first whole second at or after a time: calendars have no fractions of seconds."""
    is_whole = not time.microsecond or time > _LAST
    return _second(time) if is_whole else _second(time) + timedelta(seconds=1)
