"""A second, slow implementation: which rows fit which users, and the results for credentials of people who left.

Written from the specification, with nothing but the standard library; it shares no code with `analyzer`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta


@dataclass(frozen=True)
class Credential:
    """A credential: its slot, whether it is active, and its last use; None: never, "unknown": not in the report."""

    slot: str
    is_active: bool
    used: datetime | str | None


@dataclass(frozen=True)
class User:
    """An IAM user of an account."""

    account: str
    name: str
    credentials: tuple[Credential, ...] = ()


@dataclass(frozen=True)
class Row:
    """A row of a list."""

    line: int
    user: str
    email: str
    last_day: date | None = None


def texts(row: Row) -> list[str]:
    return [text.casefold() for text in (row.user, row.email) if text]


def cut(text: str) -> str:
    return text.split("@", maxsplit=1)[0]


def fits(user: User, rows: list[Row]) -> list[Row]:
    """Return the rows that fit a user: by a whole text, otherwise by the part before the @."""
    name = user.name.casefold()
    whole = [row for row in rows if name in texts(row)]
    return whole or [row for row in rows if cut(name) and cut(name) in map(cut, texts(row))]


def distinct(rows: list[Row]) -> list[Row]:
    """Return rows, without repeated ones."""
    keys, different = set(), []
    for row in rows:
        key = (row.user.casefold(), row.email.casefold(), row.last_day)
        if key not in keys:
            keys.add(key)
            different.append(row)
    return different


def status_of(user: User, row: Row, users: list[User], rows: list[Row]) -> str:
    """Return the status of a user and a row that fits."""
    if len(fits(user, rows)) > 1:
        return "several_people"
    names = {
        neighbour.name.casefold()
        for neighbour in users
        if neighbour.account == user.account and row in fits(neighbour, rows)
    }
    return "several_users" if len(names) > 1 else "matched"


def pairs(
    users: list[User], rows: list[Row], *, with_others: bool
) -> set[tuple[int | None, str | None, str | None, str]]:
    """Return line, account, user and status of what a table of a list has."""
    matches: set[tuple[int | None, str | None, str | None, str]] = set()
    for user in users:
        fitting_rows = fits(user, rows)
        matches |= {(row.line, user.account, user.name, status_of(user, row, users, rows)) for row in fitting_rows}
        if not fitting_rows and with_others:
            matches.add((None, user.account, user.name, "not_in_list"))
    for row in rows:
        if not any(row in fits(user, rows) for user in users):
            matches.add((row.line, None, None, "no_user"))
    return matches


def left_at(row: Row) -> datetime:
    """Return the last microsecond of a last day."""
    assert row.last_day is not None
    midnight = datetime(row.last_day.year, row.last_day.month, row.last_day.day, tzinfo=UTC)
    return midnight + timedelta(days=1) - timedelta(microseconds=1)


def used_after(credential: Credential, row: Row, captured: datetime) -> bool | None:
    """Return whether a credential was used after the last day; None: the report does not show it."""
    if isinstance(credential.used, datetime) and credential.used > left_at(row):
        return True
    if credential.used == "unknown" or captured <= left_at(row):
        return None
    return False


def verdict(
    user: User, credential: Credential, users: list[User], rows: list[Row], as_of: datetime, captured: datetime
) -> tuple[str, str]:
    """Return the status and the message of an active credential."""
    fitting_rows = fits(user, rows)
    if not fitting_rows:
        return "pass", "its user is not in the list of leavers"
    if any(status_of(user, row, users, rows) != "matched" for row in fitting_rows):
        return (
            "not_checked",
            "not known whether its user left: no clear match in the list of leavers",
        )
    (row,) = fitting_rows
    if left_at(row) > as_of:
        return "pass", f"its user leaves on {row.last_day}"
    words = {None: "not known whether it was used after that", False: "not used after that"}
    used = used_after(credential, row, captured)
    use = f"used after that, last on {credential.used:%Y-%m-%d}" if used else words[used]
    return "fail", f"its user left on {row.last_day}; {use}"
