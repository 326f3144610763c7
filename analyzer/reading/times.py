"""Instants as people and programs write them: one reading for cells, envelopes, file names and options."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import Final

from analyzer.reading.layout import ACCOUNT_ID

MICROSECOND: Final = timedelta(microseconds=1)
DAY: Final = 86_400_000_000
"""Microseconds in a day of elapsed time; no calendar or time zone changes it."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
GRANULARITY: Final = timedelta(seconds=60)
"""AWS cuts some times to the minute: two instants closer than this are not out of order."""

_INSTANT: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?"
    r"(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)

_CLOCK: Final = r"(?P<H>\d\d)(?P<c>[-:._]?)(?P<M>\d\d)(?:(?P=c)(?P<S>\d\d))?(?P<zone>Z|[+-]\d\d[-:]?\d\d)?"
_DATE_IN_NAME: Final = re.compile(
    r"(?<!\d)(?P<y>20\d\d)(?P<s>[-_.]?)(?P<m>\d\d)(?P=s)(?P<d>\d\d)"
    # A counter or an account number may follow a date: without a T, only a full clock time counts as one.
    rf"(?:[Tt]{_CLOCK}"
    r"|[ _-]?(?P<H2>\d\d)(?P<c2>[-:._]?)(?P<M2>\d\d)(?P=c2)(?P<S2>\d\d)(?P<zone2>Z|[+-]\d\d[-:]?\d\d)?)?"
    r"(?!\d)",
    re.ASCII,
)
_MINUTE: Final = re.compile(r"20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d", re.ASCII)
"""A minute such as 202610310800, which is no account."""
_ACCOUNT_IN_NAME: Final = re.compile(rf"(?<!\d){ACCOUNT_ID}(?!\d)", re.ASCII)


def since_epoch(instant: datetime) -> int:
    """Return an instant as microseconds since 1970, UTC: what tables compute with."""
    return (instant - EPOCH) // MICROSECOND


def end_of_day(day: datetime) -> datetime:
    """Return the last microsecond of the UTC day: whole idle days then equal the difference of calendar dates."""
    return datetime.combine(day.date(), time.max, UTC)


def parse_instant(text: str, *, naive_is_utc: bool = False) -> datetime | None:
    """Return the instant that `text` states beyond doubt, in UTC; None where it states none.

    Needs a date, hours and minutes and an offset (which `naive_is_utc` waives); digits past the microsecond are cut.
    """
    match = _INSTANT.fullmatch(text)
    if match is None or (match["zone"] is None and not naive_is_utc):
        return None
    year, month, day, hour, minute, second, fraction = match.groups()[:7]
    micro = int((fraction or "").ljust(6, "0")[:6])
    try:
        local = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micro, _zone(match["zone"])
        )
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _zone(text: str | None) -> timezone:
    """Return the offset `Z`, `+HH`, `+HHMM`, `+HH:MM` or `+HH-MM`; none means UTC. ValueError past 24 hours."""
    if text is None or text in "Zz":
        return UTC
    digits = re.sub(r"\D", "", text).ljust(4, "0")
    if int(digits[2:]) > 59:
        raise ValueError(text)
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


@lru_cache(maxsize=1024)  # the reports of a day have the same folder
def instant_in_name(name: str) -> datetime | None:
    """Return the one date (end of that day) or date-time in a file or folder name; None for none, or for several."""
    found = {instant for match in _DATE_IN_NAME.finditer(name) if (instant := _from_name(match)) is not None}
    return found.pop() if len(found) == 1 else None


def _from_name(match: re.Match[str]) -> datetime | None:
    part = match.groupdict()
    try:
        day = datetime(int(part["y"]), int(part["m"]), int(part["d"]), tzinfo=UTC)
    except ValueError:
        return None
    hour, minute, second, zone = (part[key] or part[f"{key}2"] for key in ("H", "M", "S", "zone"))
    if hour is None:
        return end_of_day(day)
    try:
        clock = time(int(hour), int(minute), int(second or 0), tzinfo=_zone(zone))
        return datetime.combine(day.date(), clock).astimezone(UTC)
    except ValueError:
        return end_of_day(day)


def account_in_name(name: str) -> str | None:
    """Return the one 12-digit number, other than a minute, in a file or folder name; None for none, or for several."""
    found = {number for number in _ACCOUNT_IN_NAME.findall(name) if not _MINUTE.fullmatch(number)}
    return found.pop() if len(found) == 1 else None


_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def parse_reference(text: str) -> datetime | None:
    """Return the reference instant in UTC: a date means the end of that day, a date-time without offset is UTC."""
    if _DATE.fullmatch(text):
        try:
            return end_of_day(datetime.fromisoformat(text))
        except ValueError:
            return None
    return parse_instant(text, naive_is_utc=True)
