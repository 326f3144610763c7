"""Lists of people: CSV in the ways personnel departments write it, and files that are refused."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.errors import PeopleError
from analyzer.survey.people import Person, parse_people, read_people

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), max_size=12)
ROWS = st.lists(st.tuples(TEXTS, TEXTS, st.dates(date(1000, 1, 1))).filter(lambda row: row[0] or row[1]), min_size=1)
HEADERS = st.sampled_from(
    [
        ("user", "email", "last_day"),
        ("User name", "E-mail", "End date"),
        ("IAM-User", "E-Mail address", "Termination_Date"),
        ("USERNAME", "mail", "LastDay"),
    ]
)


@given(ROWS, HEADERS, st.sampled_from([",", ";", "\t"]), st.booleans(), st.integers(0, 2))
def test_a_csv_is_read_in_every_form(
    rows: list[tuple[str, str, date]], header: tuple[str, ...], delimiter: str, with_last_day: bool, blank_rows: int
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow([*header, "department"])
    for user, email, day in rows:
        writer.writerow([f" {user} ", email, day.isoformat(), "Sales, EMEA"])
        out.write("\r\n" * blank_rows)
    people_list = parse_people("hr.csv", f"\ufeff{out.getvalue()}".encode(), with_last_day=with_last_day)
    distinct: dict[tuple[object, ...], Person] = {}
    for index, (user, email, day) in enumerate(rows):
        last_day = day if with_last_day else None
        person = Person(2 + index * (1 + blank_rows), user or None, email or None, last_day)
        distinct.setdefault((user.casefold(), email.casefold(), last_day), person)
    assert list(people_list.people) == list(distinct.values())


def test_one_of_user_and_email_is_enough() -> None:
    people = parse_people("hr.csv", b"email;last_day\na@b.c;2026-10-31\n", with_last_day=True).people
    assert people == (Person(2, None, "a@b.c", date(2026, 10, 31)),)
    people = parse_people("hr.csv", b"user_name\nci-deployer\n", with_last_day=False).people
    assert people == (Person(2, "ci-deployer", None),)


def test_last_days_of_a_list_of_all_people_are_left_alone() -> None:
    people = parse_people("hr.csv", b"user,last_day,end_date\na,never,\n", with_last_day=False).people
    assert people == (Person(2, "a", None),)


DAY_HINT = "write the last day as year, month and day: 2026-10-31"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "name,last_day\na,2026-10-31\n",
            "hr.csv:1: no column with user names or e-mail addresses; the columns are name, last_day",
            "name it user, user_name or email",
        ),
        (
            "user_nam,last_day\na,2026-10-31\n",
            "hr.csv:1: no column with user names or e-mail addresses; the columns are user_nam, last_day",
            "name it user, user_name or email",
        ),
        (
            "user,left on\na,2026-10-31\n",
            "hr.csv:1: no column with last days; the columns are user, left on",
            "name it last_day, end_date or termination_date",
        ),
        (
            "user,last_day,end_date\na,2026-10-31,2026-12-31\n",
            "hr.csv:1: 2 columns can be last_day: last_day, end_date",
            "keep the right column, and remove or rename the others",
        ),
        ("user,last_day\na,31.10.2026\n", "hr.csv:2 last_day: not a date: '31.10.2026'", DAY_HINT),
        ("user,last_day\na,2026-02-29\n", "hr.csv:2 last_day: not a date: '2026-02-29'", DAY_HINT),
        ("user,last_day\na,2026-10-31T08:00:00Z\n", "hr.csv:2 last_day: not a date: '2026-10-31T08:00:00Z'", DAY_HINT),
        ("user,End date\na,20261031\n", "hr.csv:2 End date: not a date: '20261031'", DAY_HINT),
        ("user,last_day\na,2026-10-31\nb,\n", "hr.csv:3 last_day: no last day", DAY_HINT),
        ("user,last_day\na\n", "hr.csv:2 last_day: no last day", DAY_HINT),
        (
            "user,email,last_day\n,,2026-10-31\n",
            "hr.csv:2: the row has neither a user name nor an e-mail address",
            "add one of them, or remove the row",
        ),
        (
            "user,last_day\nops,night,2026-10-31\n",
            "hr.csv:2: the row has 3 cells, and the header has 2",
            "put quotes around a cell that contains the delimiter",
        ),
        (
            "user,last_day\n\n",
            "hr.csv: the list contains nobody",
            "check that the export is complete, or omit the option",
        ),
        (
            "",
            "hr.csv:1: no column with user names or e-mail addresses; the columns are (none)",
            "name it user, user_name or email",
        ),
        ('user,last_day\n"a', "hr.csv:2: not valid CSV: unexpected end of data", "save the file as CSV again"),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_its_line(text: str, message: str, hint: str) -> None:
    with pytest.raises(PeopleError) as caught:
        parse_people("hr.csv", text.encode(), with_last_day=True)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PeopleError, match="--people: cannot read"):
        read_people("--people", tmp_path / "none.csv", with_last_day=False)
    with pytest.raises(PeopleError, match="not UTF-8"):
        parse_people("hr.csv", b"user\n\xff", with_last_day=False)
