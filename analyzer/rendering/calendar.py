"""`due.ics`: what comes due, as a calendar (RFC 5545) with an event for each subject and control."""

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
"""Events of a calendar: no program that shows calendars takes more."""
_LAST: Final = datetime.max.replace(microsecond=0, tzinfo=UTC)
"""The last whole second that a date has a name for."""


def render(evidence: EvidenceSet, folder: Path, options: Options) -> list[Path]:
    """Write the calendar of an audit into `folder` and return its path. It has `MOST` events, the soonest.

    Raises InputError where every snapshot was judged: what an older one holds has been seen since.
    """
    from icalendar import Calendar  # noqa: PLC0415 - only here

    summary, days = evidence.summary, options.due_within
    require_one_snapshot(summary.settings, "--format ics")
    count = sum(due_by_check(summary, days).values())
    rest = f" The {MOST:,} soonest are here; `credreport show --due-within {days}` lists all." if count > MOST else ""
    calendar = Calendar()
    calendar.add("prodid", f"-//{PROGRAM}//{__version__}//EN")
    calendar.add("version", "2.0")
    calendar.add("name", "Credentials that come due")
    calendar.add("description", f"{due_in_words(summary, days)}.{rest}")
    events = list(_events(evidence, summary.checklist, days))
    for component in (*events, *([] if events else [_nothing(summary, days)])):
        calendar.add_component(component)
    path = folder / _NAME
    path.write_bytes(calendar.to_ical())
    return [path]


def _nothing(summary: Summary, days: int) -> Journal:
    """Return what stands in a calendar without events: RFC 5545 wants one component at least."""
    from icalendar import Journal  # noqa: PLC0415

    found, instants = Journal(), [*summary.reference_instants, summary.settings.as_of]
    found.add("uid", f"nothing@{PROGRAM}")
    found.add("dtstamp", _second(next(one for one in reversed(instants) if one is not None)))
    found.add("summary", f"{due_in_words(summary, days)}.")
    return found


def _events(evidence: EvidenceSet, checklist: Checklist, days: int) -> Iterator[Event]:
    """Yield an event for each finding that comes due, the soonest first."""
    seen: Counter[str] = Counter()
    for row in records(to_pandas(soonest(evidence, days, MOST, _COLUMNS))):
        check = checklist.checks[checklist.positions[row["control"], row["requirement"]]]
        subject = _digest(row)
        yield _event(row, check, f"{subject}-{seen[subject]}" if seen[subject] else subject)
        seen[subject] += 1


def _digest(row: dict[str, Any]) -> str:
    """Return what names a subject and control: the same in each run, so that an event takes the place of an older one.

    Where no account is known, the report stands for it.
    """
    account = row["account_id"] or row["source"]
    parts = [account, row["arn"] or row["user"], row["credential"], row["control"]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _event(row: dict[str, Any], check: Check, uid: str) -> Event:
    from icalendar import Event  # noqa: PLC0415

    account = row["account_id"] or "unknown account"
    who = [printable(row["user"] or ""), "" if row["credential"] == "user" else row["credential"]]
    subject = " ".join(filter(None, [account, *who]))
    limit = "" if check.limit_days is None else f" The limit is {counted(check.limit_days, 'day')}."
    where = row["source"] if row["line"] is None else f"{row['source']}:{row['line']}"
    event = Event()
    event.add("uid", f"{uid}@{PROGRAM}")
    event.add("dtstamp", _second(row["as_of"]))
    event.add("dtstart", _next_second(row["fails_at"]))
    event.add("summary", f"{subject} stops passing {check.control.id}")
    event.add(
        "description",
        f"{check.title}: {printable(row['message'])}, at {iso(row['as_of'])}.{limit} It passes until "
        f"{iso(row['fails_at'])} if nothing changes.\n{printable(where)}\n{check.say(check.control.remediation)}",
    )
    event.add("categories", [check.control.id])
    event.add("transp", "TRANSPARENT")
    return event


def _second(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)


def _next_second(instant: datetime) -> datetime:
    """Return the first whole second that is not before an instant: a calendar knows no parts of seconds."""
    is_whole = not instant.microsecond or instant > _LAST
    return _second(instant) if is_whole else _second(instant) + timedelta(seconds=1)
