"""Read lists of people from human resources (HR): people who left and when, or people who work there.

A list is a CSV with a column of user names, a column of e-mail addresses, or both. A list of leavers also has a column
of last days. Every error names the file and the line, and the column where there is one.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.errors import PeopleError
from analyzer.survey.lists import bytes_at, csv_rows, in_order, plain_heading, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Person(NamedTuple):
    """A row of a list, with a user name, an e-mail address, or both."""

    line: int
    user: str | None
    email: str | None
    last_day: date | None = None
    """None if the list is not a list of leavers."""


@dataclass(frozen=True)
class PeopleList:
    """A list of people, in the order of the file and without repeated rows."""

    name: str
    """The path of the file, as the user gave it."""
    sha256: str
    people: tuple[Person, ...]


@dataclass(frozen=True)
class PeopleLists:
    """The lists that an audit compares with the users of the reports; None for a list that was not given."""

    leavers: PeopleList | None = None
    people: PeopleList | None = None

    @property
    def by_name(self) -> dict[str, PeopleList]:
        """The given lists, by the names of their tables."""
        lists = {LEAVERS: self.leavers, PEOPLE: self.people}
        return {name: people_list for name, people_list in lists.items() if people_list is not None}


LEAVERS, PEOPLE = "leavers", "people"
"""The names of the two lists, of their options and of their tables."""
NAMES_COMPARED: Final = ("name_compared", "name_before_at")
"""Columns of `users` that exist if names have pseudonyms: the pseudonyms of the results of `names_compared`."""
_HEADINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "user": ("user", "username", "iamuser", "iamusername"),
    "email": ("email", "mail", "emailaddress"),
    "last_day": ("lastday", "enddate", "terminationdate"),
}
"""Accepted column names, in lower case with letters only."""
_NAMES: Final = "name it user, user_name or email"
_DAYS: Final = "name it last_day, end_date or termination_date"


def read_people(option: str, path: Path, *, with_last_day: bool) -> PeopleList:
    """Read the list named by an option. Raises PeopleError if the file cannot be read or is not such a list."""
    return parse_people(str(path), bytes_at(option, path, PeopleError), with_last_day=with_last_day)


def parse_people(name: str, data: bytes, *, with_last_day: bool) -> PeopleList:
    """Return the list in the bytes of a file. Raises PeopleError if they are not such a list.

    With `with_last_day`, the column of last days is required; without it, such a column is ignored.
    """
    rows = csv_rows(name, text_of(name, data, PeopleError), PeopleError)
    header = next(rows, (1, []))[1]
    columns = _columns(name, header, with_last_day=with_last_day)
    people: dict[tuple[object, ...], Person] = {}
    for line, cells in rows:
        if any(cells[len(header) :]):
            raise PeopleError(
                f"{name}:{line}: the row has {len(cells)} cells, and the header has {len(header)}",
                "put quotes around a cell that contains the delimiter",
            )
        texts = {field: cells[at] if at < len(cells) else "" for field, at in columns.items()}
        last_day = _day(f"{name}:{line} {header[columns['last_day']]}", texts["last_day"]) if with_last_day else None
        person = _person(f"{name}:{line}", line, texts, last_day)
        people.setdefault((_folded(person.user), _folded(person.email), person.last_day), person)
    if not people:
        raise PeopleError(f"{name}: the list contains nobody", "check that the export is complete, or omit the option")
    return PeopleList(name, hashlib.sha256(data).hexdigest(), tuple(people.values()))


def _folded(text: str | None) -> str | None:
    return None if text is None else text.casefold()


def _columns(name: str, header: Sequence[str], *, with_last_day: bool) -> dict[str, int]:
    """Return the position of each column. Raises PeopleError if a column is missing or ambiguous."""
    plain = [plain_heading(heading) for heading in header]
    fields = [field for field in _HEADINGS if with_last_day or field != "last_day"]
    positions = {field: [at for at, heading in enumerate(plain) if heading in _HEADINGS[field]] for field in fields}
    for field, several in positions.items():
        if len(several) > 1:
            raise PeopleError(
                f"{name}:1: {len(several)} columns can be {field}: {in_order([header[at] for at in several])}",
                "keep the right column, and remove or rename the others",
            )
    columns = {
        field: at for field, (at, *_) in ((field, matching) for field, matching in positions.items() if matching)
    }
    if not {"user", "email"} & columns.keys():
        raise _lacks(name, header, "user names or e-mail addresses", _NAMES)
    if with_last_day and "last_day" not in columns:
        raise _lacks(name, header, "last days", _DAYS)
    return columns


def _lacks(name: str, header: Sequence[str], content: str, hint: str) -> PeopleError:
    return PeopleError(f"{name}:1: no column with {content}; the columns are {in_order(header)}", hint)


def _person(location: str, line: int, texts: Mapping[str, str], last_day: date | None) -> Person:
    """Return the person of a row. Raises PeopleError if the row has neither a user name nor an e-mail address."""
    user, email = (texts.get(field) or None for field in ("user", "email"))
    if user is None and email is None:
        raise PeopleError(
            f"{location}: the row has neither a user name nor an e-mail address",
            "add one of them, or remove the row",
        )
    return Person(line, user, email, last_day)


def _day(location: str, text: str) -> date:
    """Return the date in a text. Raises PeopleError if it is not a date."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            return date.fromisoformat(text)
    except ValueError:  # the day does not exist
        pass
    problem = f"not a date: {text!r}" if text else "no last day"
    raise PeopleError(f"{location}: {problem}", "write the last day as year, month and day: 2026-10-31")


def names_compared(names: pa.ChunkedArray) -> tuple[pa.StringArray, pa.StringArray]:
    """Return user names folded to ignore case, for comparisons with people, and their parts before `@`."""
    whole = _folded_all(names.combine_chunks())
    return whole, before_at(whole)


def before_at(texts: pa.StringArray) -> pa.StringArray:
    """Return the part of each text before the first `@`, or the whole text if it has none."""
    return pc.replace_substring_regex(texts, "(?s)@.*", "")


def _folded_all(texts: pa.StringArray) -> pa.StringArray:
    if pc.all(pc.string_is_ascii(texts)).as_py() is not False:  # IAM allows no other names
        return pc.ascii_lower(texts)
    return pa.array(map(_folded, texts.to_pylist()), pa.string())
