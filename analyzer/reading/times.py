"""Parse times in cells, envelopes, file names and options, all in the same way."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MICROSECOND: Final = timedelta(microseconds=1)
DAY: Final = 86_400_000_000
"""Microseconds in a day of 24 hours."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
GRANULARITY: Final = timedelta(seconds=60)
"""AWS cuts some times to the minute: the order of two times that are closer than this is not certain."""

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
"""A regular expression for full and abbreviated month names, in lower case."""
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def since_epoch(instant: datetime) -> int:
    """Return a time as microseconds since 1970, UTC, as tables store it."""
    return (instant - EPOCH) // MICROSECOND


def end_of_day(day: datetime) -> datetime:
    """Return the last microsecond of a UTC day.

    With it, the number of full idle days equals the difference of the calendar dates.
    """
    return datetime.combine(day.date(), time.max, UTC)


def parse_instant(text: str, *, naive_is_utc: bool = False) -> datetime | None:
    """Return the time in `text`, in UTC; None if `text` is not a complete time.

    A complete time has a date, hours, minutes and a UTC offset. With `naive_is_utc`, a missing offset means UTC.
    Digits after the microsecond are cut.
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
    """Return the time zone of `Z`, `UTC`, `GMT`, `+HH`, `+HHMM`, `+HH:MM` or `+HH-MM`; no text means UTC.

    Raises ValueError for other texts and for offsets of 24 hours or more.
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
    """Return the number of a month given as digits or as a name. Raises ValueError for other texts."""
    return int(text) if text.isdecimal() else _MONTHS.index(text[:3].lower()) + 1


_SINCE_EPOCH: Final = re.compile(
    r"(?P<seconds>\d{10}(?:\.\d{1,9})?)|(?P<millis>\d{13})(?:\.0+)?|/Date\((?P<date>\d{12,13})(?:[+-]\d{4})?\)/",
    re.ASCII,
)
"""Seconds or milliseconds since 1970, also in the form that .NET writes to JSON."""
_HTTP_DATE: Final = re.compile(
    rf"(?:[a-z]{{3}}, )?(?P<day>\d\d?) (?P<month>{MONTHS}) (?P<year>\d{{4}}) "
    r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d) (?P<zone>GMT|UTC|Z|[+-]\d{4})",
    re.ASCII | re.IGNORECASE,
)
"""A date of RFC 1123, as in HTTP headers."""
_PARTS: Final = ("year", "month", "day", "hour", "minute", "second", "microsecond")
_HOLDERS: Final = ("value", "$date")
"""Keys that contain a time in the JSON of other programs (PowerShell, MongoDB)."""


def parse_generated_time(value: object) -> datetime | None:
    """Return the GeneratedTime of an envelope, in UTC; None if it is not certain.

    Accepts the texts that `parse_instant` accepts (a missing offset means UTC), seconds and milliseconds since 1970,
    `/Date(...)/`, dates of RFC 1123, and a mapping with year, month and so on.
    """
    if isinstance(value, dict):
        if value.get("__class__") == "datetime":
            return _from_parts(value)
        values = [value[key] for key in _HOLDERS if key in value]
        return parse_generated_time(values[0]) if len(values) == 1 and not isinstance(values[0], dict) else None
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
    """Return the time of a mapping with year, month and so on; without `zone` or `tzinfo`, in UTC."""
    zone = parts.get("zone") or parts.get("tzinfo")
    try:
        numbers = {name: int(str(parts[name])) for name in _PARTS if parts.get(name) is not None}
        return datetime(**numbers, tzinfo=zone_of(str(zone) if zone else None)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def parse_reference(text: str) -> datetime | None:
    """Return a reference date in UTC; None if `text` is not one.

    A date without a time means the end of that day; a time without an offset is UTC.
    """
    if _DATE.fullmatch(text):
        try:
            return end_of_day(datetime.fromisoformat(text))
        except ValueError:
            return None
    return parse_instant(text, naive_is_utc=True)
