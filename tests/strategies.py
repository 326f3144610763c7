"""Hypothesis strategies that make credential reports, and the containers an auditor may hold them in.

Nothing here knows `analyzer`: the columns and sentinels are written down once more from the description of the format.
"""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import string
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

END_OF_OCTOBER = datetime(2026, 10, 31, 23, 59, 59, 999999, tzinfo=UTC)
ACCOUNT = "111122223333"
PARTITIONS = ("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc")
ROOT = "<root_account>"

COLUMNS_22 = (
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    "access_key_1_active",
    "access_key_1_last_rotated",
    "access_key_1_last_used_date",
    "access_key_1_last_used_region",
    "access_key_1_last_used_service",
    "access_key_2_active",
    "access_key_2_last_rotated",
    "access_key_2_last_used_date",
    "access_key_2_last_used_region",
    "access_key_2_last_used_service",
    "cert_1_active",
    "cert_1_last_rotated",
    "cert_2_active",
    "cert_2_last_rotated",
)
COLUMNS_16 = tuple(column for column in COLUMNS_22 if "access_key" not in column or "last_used" not in column)
COLUMNS_23 = (*COLUMNS_22, "additional_credentials_info")
LAYOUTS = {16: COLUMNS_16, 22: COLUMNS_22, 23: COLUMNS_23}

FLAG_COLUMNS = tuple(column for column in COLUMNS_22 if column.endswith(("_active", "_enabled")))
TIME_COLUMNS = (
    "user_creation_time",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    *(f"access_key_{n}_last_{suffix}" for n in (1, 2) for suffix in ("rotated", "used_date")),
    *(f"cert_{n}_last_rotated" for n in (1, 2)),
)

SENTINELS = ("N/A", "no_information", "not_supported")
GARBAGE_TIMES = (
    "2026-02-30T00:00:00Z",
    "2025-02-29T12:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-10-30T24:00:00Z",
    "2026-10-30T10:60:00Z",
    "2026-10-30T10:00:60Z",
    "2026-10-30T10:00:00",  # no offset: whose noon?
    "2026-10-30 10:00",
    "2026-10-30",
    "2026-10-30T10:00:00+24:00",
    "2026-10-30T10:00:00.1234567890Z",
    "2026-10-30T10:00:00Z Z",
    "03/04/2026",
    "31.10.2026 10:00",
    "46325.5",  # a spreadsheet's serial date
    "1793404800",
    "20261030T100000Z",
    "never",
    "null",
    "NaN",
    "-",
    "#VALUE!",
    "\u0662\u0660\u0662\u0666-10-30T10:00:00Z",  # digits, but not ASCII ones
)
GARBAGE_FLAGS = ("yes", "1", "0", "tru", "true.", "WAHR", "-", "null", "2026-10-30T10:00:00Z")
NASTY_NAMES = (
    *("NA", "null", "None", "nan", "true", "FALSE", "007", "1e5", "0", "-0", "N.A", "inf", "2026-10-31"),
    *(
        "=1+1",
        "=cmd,A1",
        "+oncall",
        "-rf",
        "@ops",
        "-",
        "=",
        ",",
        ",,",
        "ops,night-shift",
        "a,",
        ",b",
        "root_account-2",
    ),
    *("first.last@example.com", "x" * 64, "Y" * 128),
)
NAME_CHARACTERS = string.ascii_letters + string.digits + "_+=,.@-"
PATHS = (
    "/",
    "/",
    "/",
    "/automation/",
    "/region/west/",
    "/a,b/",
    '/say"hi"/',
    "/x:root/",
    "/;/",
    "/'/",
    "/back\\slash/",
    "/=1+1/",
)


@dataclass
class Report:
    """A report as cells: what is written for each column of each row."""

    columns: tuple[str, ...]
    rows: list[dict[str, str]]

    def to_csv(self, delimiter: str = ",", newline: str = "\n", *, final_newline: bool = False) -> str:
        """Return the report as text, quoted as RFC 4180 wants it; like AWS, without a newline at the end."""
        out = io.StringIO(newline="")
        writer = csv.writer(out, delimiter=delimiter, lineterminator=newline)
        writer.writerow(self.columns)
        writer.writerows([row[column] for column in self.columns] for row in self.rows)
        text = out.getvalue()
        return text if final_newline else text.removesuffix(newline)

    def blanked(self, index: int, column: str) -> Report:
        """Return the report with one cell of one row empty."""
        rows = [row | {column: ""} if i == index else row for i, row in enumerate(self.rows)]
        return Report(self.columns, rows)


DAYS = (
    datetime(2026, 10, 31, tzinfo=UTC),
    datetime(2026, 10, 25, tzinfo=UTC),  # clocks go back in Europe
    datetime(2026, 3, 8, tzinfo=UTC),  # and forward in America
    datetime(2024, 2, 29, tzinfo=UTC),
    datetime(2024, 4, 14, tzinfo=UTC),  # 45 days after a leap day
    datetime(2025, 12, 31, tzinfo=UTC),
    datetime(2026, 2, 14, tzinfo=UTC),  # 45 days after the last day of a year
)
LANDMARKS = (
    datetime(2024, 2, 29, tzinfo=UTC),
    datetime(2024, 3, 1, tzinfo=UTC),
    datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # the hour that Europe skips
    datetime(2026, 10, 25, 1, tzinfo=UTC),  # and the one it lives twice
    datetime(2018, 5, 10, tzinfo=UTC),  # AWS lost password use of these days
    datetime(2014, 10, 20, tzinfo=UTC),
)
NUDGES = (
    timedelta(),
    *(timedelta(microseconds=sign) for sign in (-1, 1)),
    *(timedelta(seconds=sign * seconds) for sign in (-1, 1) for seconds in (1, 59, 60, 61, 3600, 86_400)),
    # For a reference instant at the end of a day, the cases whose texts are round: midnight and the second before it.
    *(timedelta(seconds=seconds, microseconds=1) for seconds in (-86_401, -86_400, -1, 0, 1)),
)
ENDINGS = ("Z", "+00:00", "z", "+0000", "-00:00", "+00", "+05:30", "-08:00", "-0330", "+14", "+1245", "-23:59")
# Ending, what stands between date and time, and precision: seconds, minutes (None), or digits of a fraction. First and
# most often as AWS writes; fractions often, for without them the end of a day is never met to the microsecond.
AWS_FORMS = (("Z", "T", 0), ("+00:00", "T", 0))
FORMS = (
    *AWS_FORMS * 8,
    *((ending, "T", digits) for ending in ("Z", "+00:00") for digits in (None, 1, 3, 6, 6, 6, 9, 9)),
    *((ending, separator, digits) for ending in ENDINGS for separator in ("T", " ") for digits in (0, 6)),
)


def as_ofs() -> st.SearchStrategy[datetime]:
    """Return reference instants: ends of days and moments, with leap days, year ends and days of a clock change."""
    ends = [day + moment for day in DAYS for moment in (timedelta(days=1, microseconds=-1), timedelta())]
    moments = st.builds(lambda day, s: day + timedelta(seconds=s), st.sampled_from(DAYS), st.integers(0, 86_399))
    return st.one_of(st.sampled_from(ends), moments)


@cache
def instants(as_of: datetime, limit: int) -> st.SearchStrategy[datetime]:
    """Return instants, most often one where a verdict may turn: about `as_of`, and `limit` days before it."""
    exactly = as_of - timedelta(days=limit)
    about_limit = [exactly + nudge for nudge in NUDGES]
    about_as_of = [as_of + nudge for nudge in NUDGES]
    landmarks = [day + timedelta(seconds=nudge) for day in LANDMARKS for nudge in (-1, 0, 1)]
    later = [as_of + timedelta(days=days) for days in (2, 10, 100)] * 3
    return st.one_of(
        st.sampled_from([*about_limit * 2, *[exactly] * 6, *about_as_of, *landmarks, *later]),
        st.integers(-40 * 86_400, 4000 * 86_400).map(lambda seconds: as_of - timedelta(seconds=seconds)),
    )


def write_stamp(instant: datetime, form: tuple[str, str, int | None]) -> tuple[datetime, str]:
    """Return the text of an instant in a form, after the instant that the text still names."""
    ending, separator, precision = form
    if precision is None:
        instant, tail = instant.replace(second=0, microsecond=0), ""
    elif precision == 0:
        instant, tail = instant.replace(microsecond=0), ":%S"
    else:
        fraction = f"{instant.microsecond:06}999"[:precision]  # 9 digits: cut, never rounded
        instant, tail = instant.replace(microsecond=int(fraction.ljust(6, "0")[:6])), f":%S.{fraction}"
    digits = "".join(c for c in ending if c.isdigit()).ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:])) * (-1 if ending[0] == "-" else 1)
    local = instant.astimezone(timezone(offset))
    return instant, local.strftime(f"%Y-%m-%d{separator}%H:%M{tail}") + ending


@cache
def stamps(as_of: datetime, limit: int) -> st.SearchStrategy[tuple[datetime, str]]:
    """Return timestamps: the instant each text names, and the text, in AWS's forms or another readable one."""
    return st.builds(write_stamp, instants(as_of, limit), st.sampled_from(FORMS))


def names() -> st.SearchStrategy[str]:
    """Return user names AWS allows, the nasty ones often."""
    return st.one_of(st.sampled_from(NASTY_NAMES), st.text(NAME_CHARACTERS, min_size=1, max_size=12))


SENTINELS_ANY_CASE = [case(word) for word in SENTINELS for case in (str, str, str.upper, str.lower, str.title)]
BOOLEANS = ["true", "true", "true", "TRUE", "True", "tRuE", "false", "FALSE", "False"]
# Weights by repetition: `one_of` would count equal branches once.
FLAGS = st.sampled_from(BOOLEANS)
WILD_FLAGS = st.sampled_from([*BOOLEANS * 4, " true", "False  ", "", "", " ", *GARBAGE_FLAGS, *SENTINELS])
NO_TIMES = st.sampled_from([*SENTINELS_ANY_CASE * 3, " N/A", "no_information ", *["", " "] * 4, *GARBAGE_TIMES])
TIME_OR_NOT = st.sampled_from(["", "", "", "", " ", None, None, None, None])


@st.composite
def wild_times(draw: st.DrawFn, as_of: datetime, limit: int) -> str:
    """Draw the text of a cell for a time: a time (perhaps padded), a sentinel, nothing, garbage."""
    padding = draw(TIME_OR_NOT)
    return draw(NO_TIMES) if padding is None else padding + draw(stamps(as_of, limit))[1] + padding


@st.composite
def consistent_times(draw: st.DrawFn, as_of: datetime, limit: int) -> dict[str, str]:
    """Draw a user's times such that user creation <= password or key creation <= its last use, as the texts say it."""
    moments = sorted(draw(st.lists(stamps(as_of, limit), min_size=7, max_size=7)), key=lambda pair: pair[0])
    texts = [text for _, text in moments]
    cells = dict.fromkeys(TIME_COLUMNS, "N/A") | {"user_creation_time": texts[0]}
    order = draw(st.permutations(range(1, 7)))
    slots = [("password_last_changed", "password_last_used", "no_information")]
    slots += [(f"access_key_{n}_last_rotated", f"access_key_{n}_last_used_date", "N/A") for n in (1, 2)]
    for i, (created, used, never) in enumerate(slots):
        first, second = sorted(order[2 * i : 2 * i + 2])
        cells[created] = texts[first]
        cells[used] = never if draw(st.integers(0, 2)) == 0 else texts[second]
        if draw(st.integers(0, 7)) == 0:  # a hole in the evidence is not a contradiction in it
            cells[draw(st.sampled_from([created, used]))] = draw(
                st.sampled_from(["", "not_supported", *GARBAGE_TIMES[:5]])
            )
    return cells


@st.composite
def users(draw: st.DrawFn, name: str, prefix: str, as_of: datetime, limit: int, *, consistent: bool) -> dict[str, str]:
    """Draw the row of an IAM user, in all 23 columns."""
    if consistent:
        times = draw(consistent_times(as_of, limit))
    else:
        times = {column: draw(wild_times(as_of, limit)) for column in TIME_COLUMNS}
    if (
        not consistent and draw(st.integers(0, 3)) == 0
    ):  # a key that came with its user, to the second or some minutes off
        created = draw(instants(as_of, limit)).replace(microsecond=0)
        times["user_creation_time"] = f"{created:%Y-%m-%dT%H:%M:%SZ}"
        apart = timedelta(seconds=draw(st.sampled_from([0, 0, 1, 299, 300, 301, 3600])))
        times["access_key_1_last_rotated"] = f"{created + apart:%Y-%m-%dT%H:%M:%SZ}"
        times["access_key_1_last_used_date"] = draw(st.sampled_from(["N/A", "N/A", "", times["user_creation_time"]]))
    used = {n: times[f"access_key_{n}_last_used_date"] not in {"N/A", ""} for n in (1, 2)}
    return {
        "user": name,
        "arn": f"{prefix}:user{draw(st.sampled_from(PATHS))}{name}",
        **times,
        **{column: draw(FLAGS if consistent else WILD_FLAGS) for column in FLAG_COLUMNS},
        **{f"access_key_{n}_last_used_region": "eu-west-1" if used[n] else "N/A" for n in (1, 2)},
        **{f"access_key_{n}_last_used_service": "s3" if used[n] else "N/A" for n in (1, 2)},
        "additional_credentials_info": draw(st.sampled_from(["", "", "N/A", "access_key_3_active: true, see console"])),
    }


@st.composite
def roots(draw: st.DrawFn, prefix: str, as_of: datetime, limit: int, style: str) -> dict[str, str]:
    """Draw the row of root: `old` with not_supported, `new` with a password, `renamed` known by its ARN alone."""
    times = draw(consistent_times(as_of, limit))
    old = {"password_enabled": "not_supported", "password_last_changed": "not_supported"} if style == "old" else {}
    return {
        "user": "root account" if style == "renamed" else ROOT,
        "arn": f"{prefix}:root",
        **times,
        **{column: draw(st.sampled_from(["true", "false", "false"])) for column in FLAG_COLUMNS},
        **{f"access_key_{n}_last_used_{suffix}": "N/A" for n in (1, 2) for suffix in ("region", "service")},
        "password_next_rotation": "not_supported",
        "additional_credentials_info": "",
        **old,
    }


@st.composite
def reports(
    draw: st.DrawFn,
    *,
    account: str = ACCOUNT,
    as_of: datetime = END_OF_OCTOBER,
    limit: int = 45,
    consistent: bool = False,
    layouts: tuple[int, ...] = (16, 22, 23),
    drop_column: bool = False,
    min_users: int = 0,
    max_users: int = 5,
) -> Report:
    """Draw a report of one account.

    `consistent` reports never contradict themselves: what is made is made after its user and before it is used, and
    every boolean can be read. Others hold anything in any cell but the two that say who it is. `drop_column` may leave
    out one column other than `user`; if it is the ARN, only the file's name can tell the account. Root, where present,
    comes first; a `renamed` root (wild reports only) can be told by its ARN alone.
    """
    prefix = f"arn:{draw(st.sampled_from(PARTITIONS))}:iam::{account}"
    chosen = draw(st.lists(names(), min_size=min_users, max_size=max_users, unique_by=str.lower))
    if consistent:
        chosen.sort(key=str.lower)
    rows = [draw(users(name, prefix, as_of, limit, consistent=consistent)) for name in chosen]
    style = draw(st.sampled_from(["old", "new", "none", *(() if consistent else ("renamed",))]))
    if style != "none":
        rows.insert(0, draw(roots(prefix, as_of, limit, style)))
    columns = LAYOUTS[draw(st.sampled_from(layouts))]
    if drop_column and draw(st.booleans()):
        dropped = draw(st.sampled_from(columns[1:]))
        columns = tuple(column for column in columns if column != dropped)
    return Report(columns, [{column: row[column] for column in columns} for row in rows])


def _base64(csv_text: str) -> str:
    return base64.b64encode(csv_text.encode()).decode()


def _envelope(content: str, generated: str, indent: int | None = 4) -> bytes:
    """Return the answer of `aws iam get-credential-report`; the command line indents by four."""
    document = {"Content": content, "ReportFormat": "text/csv", "GeneratedTime": generated}
    return (json.dumps(document, indent=indent) + "\n").encode()


def _semicolons(csv_text: str) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=";", lineterminator="\r\n").writerows(csv.reader(io.StringIO(csv_text, newline="")))
    return out.getvalue().encode()


def _crlf(csv_text: str) -> str:
    return csv_text.replace("\n", "\r\n")


def _yaml_plain(csv_text: str, generated: datetime) -> bytes:
    text = f"Content: {_base64(csv_text)}\nGeneratedTime: '{generated.isoformat()}'\nReportFormat: text/csv\n"
    return text.encode()


def _yaml_binary(csv_text: str, generated: datetime) -> bytes:
    lines = base64.encodebytes(csv_text.encode()).decode().splitlines()
    block = "".join(f"  {line}\n" for line in lines)
    return f"Content: !!binary |\n{block}GeneratedTime: {generated}\nReportFormat: text/csv\n".encode()


def _zip(csv_text: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        member = zipfile.ZipInfo("credential_report.csv", date_time=(2026, 10, 31, 12, 0, 0))
        archive.writestr(member, csv_text.encode())
    return out.getvalue()


containers: dict[str, Callable[[str, datetime], bytes]] = {
    "csv": lambda text, _: text.encode(),
    "csv with a final newline": lambda text, _: f"{text}\n".encode(),
    "csv with a BOM": lambda text, _: text.encode("utf-8-sig"),
    "csv with CRLF": lambda text, _: f"{_crlf(text)}\r\n".encode(),
    "csv in UTF-16LE with CRLF": lambda text, _: b"\xff\xfe" + f"{_crlf(text)}\r\n".encode("utf-16-le"),
    "csv in UTF-16BE": lambda text, _: b"\xfe\xff" + text.encode("utf-16-be"),
    "csv with semicolons": lambda text, _: _semicolons(text),
    "json": lambda text, generated: _envelope(_base64(text), generated.isoformat()),
    "json, decoded": lambda text, generated: _envelope(text, generated.isoformat(), indent=2),
    # What json.dumps(response, default=str) makes of boto3's answer.
    "json, repr of bytes": lambda text, generated: _envelope(repr(text.encode()), str(generated), indent=None),
    "text": lambda text, generated: f"{_base64(text)}\t{generated.isoformat()}\ttext/csv\n".encode(),
    "base64": lambda text, _: f"{_base64(text)}\n".encode(),
    "base64, wrapped": lambda text, _: base64.encodebytes(text.encode()),
    "base64, quoted": lambda text, _: f"{json.dumps(_base64(text))}\n".encode(),
    "yaml": _yaml_plain,
    "yaml, binary": _yaml_binary,
    "gzip": lambda text, _: gzip.compress(text.encode(), mtime=0),
    "gzip of json": lambda text, generated: gzip.compress(_envelope(_base64(text), generated.isoformat()), mtime=0),
    "zip": lambda text, _: _zip(text),
}
"""How a report (text with LF and no final newline) of a given time looks in each container; all hold the same rows."""
