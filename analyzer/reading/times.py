"""Instants as people and programs write them: one reading for cells, envelopes, file names and options."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MICROSECOND: Final = timedelta(microseconds=1)
DAY: Final = 86_400_000_000
"""Microseconds in a day of elapsed time; no calendar or time zone changes it."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
GRANULARITY: Final = timedelta(seconds=60)
"""AWS cuts some times to the minute: two instants closer than this are not out of order."""

_INSTANT: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?"
    r"(?P<zone> ?(?:[Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?))?",
    re.ASCII,
)
_OFFSET: Final = re.compile(r"[+-]\d\d(?:[-:_]?\d\d)?", re.ASCII)

MONTHS: Final = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?"
)
"""The names of the months, whole and cut, in lower case, as a regular expression."""
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


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
            int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micro, zone_of(match["zone"])
        )
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def zone_of(text: str | None) -> timezone:
    """Return the offset `Z`, `UTC`, `GMT`, `+HH`, `+HHMM`, `+HH:MM` or `+HH-MM`; none means UTC.

    Raises ValueError for others, and past 24 hours.
    """
    text = (text or "").strip(" _")
    if text.upper() in {"", "Z", "UTC", "GMT"}:
        return UTC
    digits = re.sub(r"\D", "", text).ljust(4, "0")
    if _OFFSET.fullmatch(text) is None or int(digits[2:]) > 59:
        raise ValueError(text)
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def month_number(text: str) -> int:
    """Return the number of a month, of digits or a name. Raises ValueError for others."""
    return int(text) if text.isdecimal() else _MONTHS.index(text[:3].lower()) + 1


_SINCE_EPOCH: Final = re.compile(
    r"(?P<seconds>\d{10}(?:\.\d{1,9})?)|(?P<millis>\d{13})(?:\.0+)?|/Date\((?P<date>\d{12,13})(?:[+-]\d{4})?\)/",
    re.ASCII,
)
"""Seconds or milliseconds since 1970, also as .NET writes them in JSON."""
_HTTP_DATE: Final = re.compile(
    rf"(?:[a-z]{{3}}, )?(?P<day>\d\d?) (?P<month>{MONTHS}) (?P<year>\d{{4}}) "
    r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d) (?P<zone>GMT|UTC|Z|[+-]\d{4})",
    re.ASCII | re.IGNORECASE,
)
"""RFC 1123, as in the headers of HTTP."""
_PARTS: Final = ("year", "month", "day", "hour", "minute", "second", "microsecond")
_HOLDERS: Final = ("value", "$date")
"""Keys under which JSON of other programs (PowerShell, MongoDB) holds a time."""


def parse_generated_time(value: object) -> datetime | None:
    """Return the GeneratedTime of an envelope in UTC, as programs write it; None where it is not certain.

    Beside the texts that `parse_instant` reads (UTC without an offset) these are seconds and milliseconds since 1970,
    `/Date(...)/`, RFC 1123, and a mapping of year, month and so on.
    """
    if isinstance(value, dict):
        if value.get("__class__") == "datetime":
            return _from_parts(value)
        held = [value[key] for key in _HOLDERS if key in value]
        return parse_generated_time(held[0]) if len(held) == 1 and not isinstance(held[0], dict) else None
    text = str(value).strip()
    if (match := _SINCE_EPOCH.fullmatch(text)) is not None:
        if match["seconds"]:
            whole, _, fraction = match["seconds"].partition(".")
            return EPOCH + timedelta(seconds=int(whole), microseconds=int(fraction.ljust(6, "0")[:6]))
        return EPOCH + timedelta(milliseconds=int(match["millis"] or match["date"]))
    if (match := _HTTP_DATE.fullmatch(text)) is not None:
        return _from_parts({**match.groupdict(), "month": month_number(match["month"])})
    return parse_instant(text, naive_is_utc=True)


def _from_parts(parts: Mapping[str, object]) -> datetime | None:
    """Return the instant that parts of a time give, `zone` or `tzinfo` among them (none: UTC)."""
    zone = parts.get("zone") or parts.get("tzinfo")
    try:
        given = {name: int(str(parts[name])) for name in _PARTS if parts.get(name) is not None}
        return datetime(**given, tzinfo=zone_of(str(zone) if zone else None)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def parse_reference(text: str) -> datetime | None:
    """Return the reference instant in UTC: a date means the end of that day, a date-time without offset is UTC."""
    if _DATE.fullmatch(text):
        try:
            return end_of_day(datetime.fromisoformat(text))
        except ValueError:
            return None
    return parse_instant(text, naive_is_utc=True)
