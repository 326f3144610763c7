"""Read the capture time and the account of a report from its name.

Names are never guessed: a name with two different dates, or with an ambiguous date, has no date.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.reading.layout import ACCOUNT_ID
from analyzer.reading.times import EPOCH, MONTHS, end_of_day, month_number, zone_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_MONTH: Final = r"(?:0[1-9]|1[0-2])"
_ZONE: Final = r"[ _]?(?:Z|UTC|GMT)|[ _]?[+-]\d\d[-:_]?\d\d"


def _clock(number: int, *, needs_seconds: bool = False) -> str:
    """Return the expression for a time of day; its groups are numbered, so that it can be used several times."""
    second = rf"(?P=c{number})(?P<S{number}>\d\d)(?:[.,](?P<F{number}>\d{{3,9}}))?"
    return (
        rf"(?P<H{number}>\d\d)(?P<c{number}>[-:._]?)(?P<M{number}>\d\d)"
        rf"{second if needs_seconds else f'(?:{second})?'}(?P<zone{number}>{_ZONE})?"
    )


# A counter or an account number may follow a date, so without `T` or `UTC` only a time with seconds is accepted.
_TIME_OF_DAY: Final = rf"(?:T{_clock(1)}|[ _-]?UTC[ _-]?{_clock(2)}|[ _-]?{_clock(3, needs_seconds=True)})?(?!\d)"
_YEAR_FIRST: Final = re.compile(
    rf"(?<!\d)(?P<y>20\d\d)(?P<s>[-_.]?)(?P<m>\d\d)(?P=s)(?P<d>\d\d){_TIME_OF_DAY}", re.ASCII | re.IGNORECASE
)
_YEAR_LAST: Final = re.compile(
    rf"(?<!\d)(?P<a>\d\d)(?P<s>[-_. ])(?P<b>\d\d)(?P=s)(?P<y>20\d\d){_TIME_OF_DAY}", re.ASCII | re.IGNORECASE
)
"""Dates that end with the year; day and month may be in either order."""
_IN_WORDS: Final = tuple(
    re.compile(f"{form}{_TIME_OF_DAY}", re.ASCII | re.IGNORECASE)
    for form in (
        rf"(?<![a-z\d])(?P<d>\d\d?)(?:st|nd|rd|th)?[-_. ]?(?P<m>{MONTHS})[-_., ]{{0,2}}(?P<y>20\d\d)",
        rf"(?<![a-z])(?P<m>{MONTHS})[-_. ]?(?P<d>\d\d?)(?:st|nd|rd|th)?[-_., ]{{1,2}}(?P<y>20\d\d)",
        rf"(?<!\d)(?P<y>20\d\d)[-_. ]?(?P<m>{MONTHS})[-_. ]?(?P<d>\d\d?)",
    )
)
"""Dates with the name of the month."""
_MARKED_TIMES: Final = re.compile(
    r"(?:epoch|unix|timestamp|(?<![a-z])ts|generated|captured|created|downloaded|fetched)"
    r"[-_=.: @]{0,2}(?:time|at|on)?[-_=.: @]{0,2}(?P<seconds>[12]\d{9})(?P<millis>\d{3})?(?!\d)",
    re.ASCII | re.IGNORECASE,
)
"""Seconds since 1970 after a word that marks them as a time. Other long numbers are not times."""
_MAY_HAVE_A_DATE: Final = re.compile(r"(?<!\d)20\d\d(?!\d{8}(?!\d))", re.ASCII)
"""A year that is not the start of an account number. Most names have none, and need no further search."""
_MAY_BE_SECONDS: Final = re.compile(r"(?<!\d)[12]\d{9}(?:\d{3})?(?!\d)", re.ASCII)
_WORD: Final = re.compile(MONTHS, re.IGNORECASE)


def _key(letter: str) -> str:
    """Return the expression for an optional key in a folder name: `year=`, `month=` or `day=`."""
    return rf"(?:{letter}[a-z]*=)?"


_NESTED: Final = tuple(
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        rf"{_key('y')}(?P<y>20\d\d)/{_key('m')}(?P<m>\d\d?|{MONTHS})/{_key('d')}(?P<d>\d\d?)",
        rf"(?:[a-z]+=)?(?P<y>20\d\d)[-_.]?(?P<m>\d\d|{MONTHS})/(?P<d>\d\d|d[a-z]*=\d\d?)",
        rf"{_key('y')}(?P<y>20\d\d)/(?P<m>\d\d|{MONTHS})[-_.]?(?P<d>\d\d)",
    )
)
"""Dates spread over two or three nested folders."""
_NESTED_MONTH: Final = re.compile(
    rf"{_key('y')}(?P<y>20\d\d)/{_key('m')}(?P<m>\d\d?|{MONTHS})", re.ASCII | re.IGNORECASE
)
_NO_DAY: Final = r"(?!\d)(?![-_. ]\d{1,2}(?!\d))"
_MONTH_ALONE: Final = tuple(
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        rf"(?<!\d)(?<!\d[-_.])(?P<y>20\d\d)[-_.](?P<m>{_MONTH}){_NO_DAY}",
        rf"(?<!\d)(?<!\d[-_.])(?P<m>{_MONTH})[-_.](?P<y>20\d\d){_NO_DAY}",
        rf"(?<![a-z\d])(?<!\d[-_. ])(?P<m>{MONTHS})[-_. ]?(?P<y>20\d\d){_NO_DAY}",
        rf"(?<!\d)(?<!\d[-_. ])(?P<y>20\d\d)[-_. ]?(?P<m>{MONTHS})(?![a-z]){_NO_DAY}",
        rf"^(?:[a-z]+=)?(?P<y>20\d\d)(?P<m>{_MONTH})$",
    )
)
"""A month without a day: enough to order the snapshots of an account, but not a capture time."""


class Captured(NamedTuple):
    """When a report was captured, and how this is known.

    `at` is None if the time is unknown. If only the month is known, `month` is the start of that month.
    """

    at: datetime | None
    known_from: str
    month: datetime | None = None


class CaptureTime(NamedTuple):
    """A capture time from the user, for reports without one whose names match a pattern."""

    pattern: str
    at: datetime

    def fits(self, name: str) -> bool:
        """Return whether the pattern matches the name, or its end after a `/`."""
        return fnmatchcase(name, self.pattern) or fnmatchcase(name, f"*/{self.pattern}")


_ENCODED: Final = re.compile(r"%([2-7][0-9A-Fa-f])")
"""A printable ASCII character in percent-encoding."""
_UNKNOWN: Final = Captured(None, "unknown")


def captured(name: str, generated_at: datetime | None, capture_times: Sequence[CaptureTime] = ()) -> Captured:
    """Return the capture time of a report: from its envelope, else from its name, else from `capture_times`.

    The first of `capture_times` that matches the name counts. File times and the system clock are never used.
    """
    if generated_at is not None:
        return Captured(generated_at, "envelope")
    from_name = _in_path(_decoded(name))
    if from_name.at is None:
        return next(
            (
                Captured(capture_time.at, "option --captured-at")
                for capture_time in capture_times
                if capture_time.fits(name)
            ),
            from_name,
        )
    return from_name


def _decoded(name: str) -> str:
    """Return a name with its percent-encoding decoded, as in `T03%3A01%3A45`."""
    return _ENCODED.sub(lambda match: chr(int(match[1], 16)), name) if "%" in name else name


def _in_path(path: str) -> Captured:
    folders, _, file = path.rpartition("/")
    nearest = [*folders.split("/")[-2:], file.partition(".")[0]]
    if (instant := instant_in_name(file) or _nested_day(nearest)) is not None:
        return Captured(instant, "file name")
    month, outer = month_in_name(file), _in_folders(folders)
    if month is None or (outer.at is not None and start_of_month(outer.at) == month):
        return outer
    return _of_month(month)


@lru_cache(maxsize=1024)  # reports of one day often have the same folder
def _in_folders(path: str) -> Captured:
    """Return the capture time in folder names, the nearest folder first.

    If a nearer folder has only a month, the date of an outer folder counts only if it is in that month.
    """
    folders, month = path.split("/"), None
    for end in range(len(folders), 0, -1):
        instant = instant_in_name(folders[end - 1]) or _nested(folders[max(end - 3, 0) : end])
        if instant is not None:
            if month is None or start_of_month(instant) == month:
                return Captured(instant, "folder name")
            break
        month = month or month_in_name(folders[end - 1]) or _nested_month(folders[max(end - 2, 0) : end])
    return _UNKNOWN if month is None else _of_month(month)


def _of_month(month: datetime) -> Captured:
    return Captured(None, f"month {month:%Y-%m} in a name", month)


def start_of_month(instant: datetime) -> datetime:
    """Return the first instant of the month of a time, UTC."""
    return datetime(instant.year, instant.month, 1, tzinfo=UTC)


def end_of_month(month: datetime) -> datetime:
    """Return the last microsecond of the month that begins at `month`."""
    return start_of_month(month + timedelta(days=31)) - timedelta(microseconds=1)


# --- dates in a name --------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def instant_in_name(name: str) -> datetime | None:
    """Return the date (as the end of that day) or the time in a name; None if it has none or several."""
    instants = set(_instants_in(name))
    return instants.pop() if len(instants) == 1 else None


def _instants_in(name: str) -> Iterator[datetime]:
    if _MAY_HAVE_A_DATE.search(name):
        years = set()
        for match in _YEAR_FIRST.finditer(name):
            years.add(match.start("y"))
            yield from _instant(match, match["m"], match["d"])
        for match in _YEAR_LAST.finditer(name):
            if match.start("y") not in years:
                yield from _instant(match, match["a"], match["b"])
                yield from _instant(match, match["b"], match["a"])
        for form in _IN_WORDS if _WORD.search(name) else ():
            for match in form.finditer(name):
                yield from _instant(match, match["m"], match["d"])
    for match in _MARKED_TIMES.finditer(name) if _MAY_BE_SECONDS.search(name) else ():
        yield EPOCH + timedelta(seconds=int(match["seconds"]), milliseconds=int(match["millis"] or 0))


def _instant(match: re.Match[str], month: str, day: str) -> Iterator[datetime]:
    """Yield the time of a date and the time of day after it; nothing if the date does not exist."""
    try:
        date = datetime(int(match["y"]), month_number(month), int(day), tzinfo=UTC)
    except ValueError:
        return
    number = next((group_number for group_number in (1, 2, 3) if match[f"H{group_number}"]), None)
    if number is None:
        yield end_of_day(date)
        return
    hour, minute, second, fraction, zone = (match[f"{part}{number}"] for part in ("H", "M", "S", "F", "zone"))
    try:
        micro = int((fraction or "").ljust(6, "0")[:6])
        clock = time(int(hour), int(minute), int(second or 0), micro, zone_of(zone))
        yield datetime.combine(date.date(), clock).astimezone(UTC)
    except ValueError:
        yield end_of_day(date)


def _nested(folders: Sequence[str]) -> datetime | None:
    """Return the date in the last two or three folders, such as `2026/11/01` or `year=2026/month=11/day=01`."""
    for count in (2, 3):
        path = "/".join(folders[-count:])
        for form in _NESTED if len(folders) >= count else ():
            if (match := form.fullmatch(path)) is not None:
                return _day(match["y"], match["m"], match["d"].rpartition("=")[2])
    return instant_in_name("-".join(folders)) if len(folders) == 3 and _YEAR_LAST.fullmatch("-".join(folders)) else None


def _nested_day(parts: Sequence[str]) -> datetime | None:
    """Return the date of a file named after its day, such as `2026/11/01.csv`.

    `2026-11/01.csv` does not count, because the number may be that of a part of a report.
    """
    match = _NESTED[0].fullmatch("/".join(parts))
    return match and _day(match["y"], match["m"], match["d"])


def _nested_month(folders: Sequence[str]) -> datetime | None:
    match = _NESTED_MONTH.fullmatch("/".join(folders))
    return match and _day(match["y"], match["m"], "1", whole=False)


def month_in_name(name: str) -> datetime | None:
    """Return the start of the month in a name that has a month without a day; None if it has none or several."""
    if _MAY_HAVE_A_DATE.search(name) is None:
        return None
    matches = [match for form in _MONTH_ALONE for match in form.finditer(name)]
    months = {_day(match["y"], match["m"], "1", whole=False) for match in matches}
    return months.pop() if len(months) == 1 else None


def _day(year: str, month: str, day: str, *, whole: bool = True) -> datetime | None:
    """Return the end of a day, or with `whole=False` its start; None if the day does not exist."""
    try:
        date = datetime(int(year), month_number(month), int(day), tzinfo=UTC)
    except ValueError:
        return None
    return end_of_day(date) if whole else date


# --- accounts in a name -----------------------------------------------------------------------------------------------

_NUMBER: Final = re.compile(rf"(?<!\d){ACCOUNT_ID}(?!\d)", re.ASCII)
_APART: Final = re.compile(rf"(?<![0-9A-Za-z]){ACCOUNT_ID}(?![0-9A-Za-z])", re.ASCII)
"""An account number without letters or digits next to it."""
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_Y, _D, _HM = r"20[0-4]\d", r"(?:0[1-9]|[12]\d|3[01])", r"(?:[01]\d|2[0-3])[0-5]\d"
_TIME: Final = re.compile(
    "|".join(
        [
            *(f"{date}{_HM}|{_HM}{date}" for date in (_Y + _MONTH + _D, _D + _MONTH + _Y, _MONTH + _D + _Y)),
            rf"(?:1[4-9]|[23]\d){_MONTH}{_D}{_HM}[0-5]\d",
        ]
    ),
    re.ASCII,
)
"""Twelve digits that are a time and not an account, such as 202610310800."""


def account_in_name(name: str) -> str | None:
    """Return the 12-digit number in a name that is not a time; None if it has none or several."""
    return _only(_NUMBER.findall(_UUID.sub("", name)))


def account_hint(name: str) -> str | None:
    """Return the account in a path: from the file name, else from the nearest folder that has one."""
    return next((account for part in _parts(name) if (account := account_in_name(part))), None)


def named_account(name: str, known_accounts: Collection[str] = ()) -> tuple[str, str | None] | None:
    """Return the account that a report is certainly named after, and the path of the folder with that name.

    The folder is None if the file itself is named after the account. The nearest name with one account number counts.
    A number that may be a time counts only if it is one of the `known_accounts`.
    """
    path = name
    while path:
        path, _, part = path.rpartition("/")
        if (account := _only(_APART.findall(_UUID.sub("", part)), known_accounts)) is not None:
            folder = f"{path}/{part}" if path else part
            return account, None if folder == name else folder
    return None


def _only(numbers: Sequence[str], known_accounts: Collection[str] = ()) -> str | None:
    accounts = {number for number in numbers if number in known_accounts or not _TIME.fullmatch(number)}
    return accounts.pop() if len(accounts) == 1 else None


def _parts(name: str) -> list[str]:
    """Return the parts of a path: the file name first, then its folders and archives from the nearest outward."""
    return _decoded(name).split("/")[::-1]
