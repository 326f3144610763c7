"""Thirty small fleets, drawn by seeded dice: what auditors hold in their hands, and how they ask about it.

Each fleet is a function of dice alone. It returns files by name, and the arguments of `credreport audit`, which runs
in the folder where the files are. Lists that are drawn from are written down here: a change of them elsewhere must not
change the fleets.
"""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.history.simulator import simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Row = dict[str, str]

ACCOUNTS: Final = ("111122223333", "444455556666", "123456789012", "777788889999", "210987654321")
DAY: Final = datetime(2026, 10, 31, 6, tzinfo=UTC)
DAYS: Final = tuple(datetime(2026, month, day, 6, tzinfo=UTC) for month, day in ((7, 31), (8, 31), (9, 30), (10, 31)))
ALL_FORMATS: Final = ("--format", "parquet,excel,remediation")
NO_CHARTS: Final = ("--format", "parquet,excel")
POLICY_ARGS: Final = ("in", "--policy", "policy.toml")

COLUMNS: Final = (
    *("user", "arn", "user_creation_time"),
    *("password_enabled", "password_last_used", "password_last_changed", "password_next_rotation", "mfa_active"),
    *(
        f"access_key_{number}_{name}"
        for number in (1, 2)
        for name in ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
    ),
    *(f"cert_{number}_{name}" for number in (1, 2) for name in ("active", "last_rotated")),
    "additional_credentials_info",
)
BY_COUNT: Final = {
    16: tuple(name for name in COLUMNS[:22] if "access_key" not in name or "last_used" not in name),
    22: COLUMNS[:22],
    23: COLUMNS,
}
NAMES: Final = (
    *("alice", "Bob", "carol", "ci-deploy", "Build.Server", "terraform", "backup-agent", "auditor", "mail-relay"),
    *("first.last@example.com", "data_loader", "night-shift", "report-bot", "vendor-access", "zoe", "break-glass-1"),
)
NASTY_NAMES: Final = (
    *("=1+1", "NA", "-rf", "a,b", "null", "007", "+oncall", "@ops", "true", "1e5", "=cmd,A1", "None", "2026-10-31"),
    *("nan", "x" * 64, "-", ",", "0", "root_account-2"),
)
PATHS: Final = ("/", "/", "/", "/automation/", "/region/west/", "/a,b/", '/say"hi"/', "/x:root/", "/;/", "/=1+1/")
UNREADABLE_TIMES: Final = (
    *("2026-02-30T00:00:00Z", "2026-10-30T24:00:00Z", "2026-10-30T10:00:00", "2026-10-30", "03/04/2026", "46325.5"),
    *("never", "null", "-", "#VALUE!", "", " ", "not_supported", "No_Information", "n/a", "1793404800"),
)
UNREADABLE_FLAGS: Final = ("yes", "1", "0", "tru", "", " ", "WAHR", "-", "TRUE", " false", "not_supported", "N/A")
AGES: Final = (0, 1, 7, 29, 30, 44, 45, 46, 60, 89, 90, 91, 150, 364, 365, 366, 700, 1500, 2400)
REGIONS_AND_SERVICES: Final = (("us-east-1", "ec2"), ("eu-west-1", "sts"), ("N/A", "s3"), ("ap-southeast-2", "logs"))


class Fleet(NamedTuple):
    """Files by their names, and what follows `credreport audit`."""

    files: dict[str, bytes]
    args: list[str]


FLEETS: Final[dict[str, Callable[[Random], Fleet]]] = {}
"""The fleets by name; those of several days, which can also be compared and followed, first."""


def drawn(name: str) -> Fleet:
    """Return a fleet, the same on every call."""
    return FLEETS[name](Random(1000 + list(FLEETS).index(name)))  # noqa: S311 - dice of a test


def _fleet(make: Callable[[Random], Fleet]) -> Callable[[Random], Fleet]:
    FLEETS[make.__name__] = make
    return make


# Rows


def _ago(dice: Random, at: datetime, youngest: int = 0, oldest: int = 10_000) -> str:
    """Return a time some days ago, now and then to the second at which a verdict turns."""
    days = dice.choice([age for age in AGES if youngest <= age <= oldest])
    seconds = dice.choice((0, 0, 1, -1, dice.randrange(86_400)))
    return f"{at - timedelta(days=days, seconds=seconds):%Y-%m-%dT%H:%M:%S}" + dice.choice(("Z", "Z", "+00:00"))


def _user(dice: Random, name: str, account: str, at: datetime, partition: str = "aws") -> Row:
    row = {
        "user": name,
        "arn": f"arn:{partition}:iam::{account}:user{dice.choice(PATHS)}{name}",
        "user_creation_time": _ago(dice, at, 30),
        **_password(dice, at),
        "mfa_active": dice.choice(("true", "false")),
        "additional_credentials_info": dice.choice(("", "", "N/A", "access_key_3_active: true, see console")),
    }
    for slot in ("access_key_1", "access_key_2"):
        row |= _key(dice, slot, at)
    for slot in ("cert_1", "cert_2"):
        exists = dice.random() < 0.1
        row[f"{slot}_active"] = "true" if exists else "false"
        row[f"{slot}_last_rotated"] = _ago(dice, at, 30) if exists else "N/A"
    if dice.random() < 0.1:  # a key that came with its user
        row |= {"access_key_1_active": "true", "access_key_1_last_rotated": row["user_creation_time"]}
    return row


def _password(dice: Random, at: datetime) -> Row:
    if dice.random() < 0.4:
        used = dice.choice(("N/A", "N/A", "no_information", _ago(dice, at)))
        cells = ("false", used, "N/A", "N/A")
    else:
        expires = at + timedelta(days=dice.choice((-10, 1, 40)))
        cells = (
            "true",
            dice.choice((_ago(dice, at), _ago(dice, at), "no_information")),
            _ago(dice, at, 30),
            dice.choice(("N/A", "N/A", f"{expires:%Y-%m-%dT%H:%M:%SZ}")),
        )
    names = ("password_enabled", "password_last_used", "password_last_changed", "password_next_rotation")
    return dict(zip(names, cells, strict=True))


def _key(dice: Random, slot: str, at: datetime) -> Row:
    kind = dice.choice(("none", "none", "inactive", "never", "used", "used"))
    if kind == "none":
        cells = ("false", "N/A", "N/A", "N/A", "N/A")
    elif kind == "never":
        cells = ("true", _ago(dice, at), "N/A", "N/A", "N/A")
    else:
        most_days = dice.choice((150, 700))
        flag = "false" if kind == "inactive" else "true"
        cells = (flag, _ago(dice, at, most_days), _ago(dice, at, 0, most_days - 1), *dice.choice(REGIONS_AND_SERVICES))
    names = ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
    return {f"{slot}_{name}": cell for name, cell in zip(names, cells, strict=True)}


def _root(dice: Random, account: str, at: datetime, style: str = "new", partition: str = "aws") -> Row:
    row = _user(dice, "<root_account>", account, at, partition)
    row |= {"arn": f"arn:{partition}:iam::{account}:root", "password_next_rotation": "not_supported"}
    if style == "old":
        row |= {"password_enabled": "not_supported", "password_last_changed": "not_supported"}
    return row


def _rows(
    dice: Random,
    account: str,
    at: datetime = DAY,
    *,
    style: str = "new",
    least: int = 0,
    most: int = 12,
    names: Sequence[str] = NAMES,
    partition: str = "aws",
) -> list[Row]:
    chosen = sorted(dice.sample(names, dice.randint(least, min(most, len(names)))), key=str.lower)
    roots = [] if style == "none" else [_root(dice, account, at, style, partition)]
    return [*roots, *(_user(dice, name, account, at, partition) for name in chosen)]


# Files


def _text(rows: Iterable[Row], columns: Sequence[str] = BY_COUNT[22], delimiter: str = ",", end: str = "\n") -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end)
    writer.writerow(columns)
    writer.writerows([row.get(name, "") for name in columns] for row in rows)
    return out.getvalue().removesuffix(end)


def _json_envelope(text: str, at: datetime) -> bytes:
    content = base64.b64encode(text.encode()).decode()
    document = {"Content": content, "ReportFormat": "text/csv", "GeneratedTime": at.isoformat()}
    return (json.dumps(document, indent=4) + "\n").encode()


def _text_envelope(text: str, at: datetime) -> bytes:
    return f"{base64.b64encode(text.encode()).decode()}\t{at.isoformat()}\ttext/csv\n".encode()


def _yaml_envelope(text: str, at: datetime) -> bytes:
    lines = "".join(f"  {line}\n" for line in base64.encodebytes(text.encode()).decode().splitlines())
    return f"Content: !!binary |\n{lines}GeneratedTime: {at}\nReportFormat: text/csv\n".encode()


ENVELOPES: Final = (_json_envelope, _text_envelope, _yaml_envelope)


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, compresslevel=0, mtime=0)  # stored: the same bytes whatever compresses them


def _zip(members: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(name, date_time=(2026, 10, 31, 12, 0, 0)), text)
    return out.getvalue()


def _lives(dice: Random, accounts: Sequence[str]) -> list[tuple[datetime, str, str]]:
    """Return the reports of accounts that lived through all days."""
    lives = [
        simulate(dice.randrange(10_000), account=account, start=DAYS[0], days=92, users=dice.randint(3, 8))
        for account in accounts
    ]
    return [(day, life.account, life.report(day)) for day in DAYS for life in lives]


# Fleets of several days


@_fleet
def days_in_folders(dice: Random) -> Fleet:
    """Three accounts month by month, a folder a day."""
    lives = _lives(dice, ACCOUNTS[:3])
    return Fleet(
        {f"in/{at:%Y-%m-%d}/credentialReport_{account_id}.csv": t.encode() for at, account_id, t in lives},
        ["in", *ALL_FORMATS],
    )


@_fleet
def every_snapshot(dice: Random) -> Fleet:
    """Two accounts, every snapshot judged; one snapshot is missing."""
    files = {
        f"in/{at:%Y-%m-%d}/{account_id}.csv": text.encode() for at, account_id, text in _lives(dice, ACCOUNTS[1:3])
    }
    del files[f"in/2026-08-31/{ACCOUNTS[1]}.csv"]
    return Fleet(files, ["in", "--every-snapshot", *ALL_FORMATS])


@_fleet
def as_of_between_days(dice: Random) -> Fleet:
    """Judged between two days, with a limit of the user's."""
    lives = _lives(dice, ACCOUNTS[:4])
    files = {f"in/{at:%Y-%m-%d}/{account_id}.csv": text.encode() for at, account_id, text in lives}
    return Fleet(files, ["in", "--as-of", "2026-09-15T12:00:00Z", "--max-idle-days", "20", *ALL_FORMATS])


@_fleet
def folder_per_account(dice: Random) -> Fleet:
    """A folder an account, a file a day."""
    lives = _lives(dice, ACCOUNTS[2:5])
    files = {f"in/{account_id}/{at:%Y%m%dT%H%M%SZ}.csv": text.encode() for at, account_id, text in lives}
    return Fleet(files, ["in", "--as-of", "2026-11-30", "--format", "parquet"])


@_fleet
def account_in_name_only(dice: Random) -> Fleet:
    """No row has an ARN: only the name of the file shows the account, and one name does not."""
    columns = [name for name in BY_COUNT[22] if name != "arn"]
    files = {}
    for at, account_id, text in _lives(dice, ACCOUNTS[:3]):
        rows = list(csv.DictReader(io.StringIO(text)))
        files[f"in/{account_id}_{at:%Y-%m-%d}.csv"] = _text(rows, columns).encode()
    files["in/unknown_2026-10-31.csv"] = _text(_rows(dice, ACCOUNTS[4]), columns).encode()
    return Fleet(files, ["in", *ALL_FORMATS])


@_fleet
def envelopes(dice: Random) -> Fleet:
    """What the AWS command line prints, in its three output formats, which says when the report was made."""
    lives = _lives(dice, ACCOUNTS[1:4])
    ends = ("json", "txt", "yaml")
    files = {}
    for number, (at, account_id, text) in enumerate(lives):
        kind = (number + number // 3) % 3
        files[f"in/{account_id}/report-{number:02}.{ends[kind]}"] = ENVELOPES[kind](text, at)
    return Fleet(files, ["in", *ALL_FORMATS])


MULTI_DAY: Final = tuple(FLEETS)
"""The fleets of several days."""


# How reports are stored


@_fleet
def compressed(dice: Random) -> Fleet:
    """Gzip files, also of an envelope, and a zip with several members of two days and a bystander."""
    first, second, third, fourth, old = (_text(_rows(dice, account_id)) for account_id in (*ACCOUNTS[:4], ACCOUNTS[2]))
    members = {
        "2026-10-31/c.csv": third,
        "2026-10-31/d.csv": fourth,
        "2026-09-30/c.csv": old,
        "readme.txt": "what these are\n",
    }
    files = {
        "in/2026-10-31/a.csv.gz": _gzip(first.encode()),
        "in/b.json.gz": _gzip(_json_envelope(second, DAY)),
        "in/all.zip": _zip(members),
    }
    return Fleet(files, ["in", *ALL_FORMATS])


@_fleet
def concatenated(dice: Random) -> Fleet:
    """Reports one after the other in one file, with a newline between them and without."""
    first, second, third = (_text(_rows(dice, account_id)) for account_id in ACCOUNTS[:3])
    files = {
        "in/2026-10-31/a.csv": f"{first}\n{second}".encode(),
        "in/2026-10-31/b.csv": (third + _text(_rows(dice, ACCOUNTS[3], style="none", least=3))).encode(),
    }
    return Fleet(files, ["in", *ALL_FORMATS])


@_fleet
def two_accounts_in_a_file(dice: Random) -> Fleet:
    """One header, rows of two accounts; one of them also has an older report."""
    rows = [*_rows(dice, ACCOUNTS[0]), *_rows(dice, ACCOUNTS[1])]
    files = {
        "in/2026-10-31.csv": _text(rows).encode(),
        "in/2026-09-30.csv": _text(_rows(dice, ACCOUNTS[0], DAYS[2])).encode(),
    }
    return Fleet(files, ["in", "--format", "parquet"])


@_fleet
def parts_of_a_snapshot(dice: Random) -> Fleet:
    """One account's snapshot in two files, and an undated third part."""
    rows = _rows(dice, ACCOUNTS[0], least=5) + _rows(dice, ACCOUNTS[0], style="none", least=3, names=NASTY_NAMES)
    third = max(len(rows) // 3, 1)
    files = {
        "in/2026-10-31/part-1.csv": _text(rows[:third]).encode(),
        "in/2026-10-31/part-2.csv": _text(rows[third : 2 * third]).encode(),
        "in/part-3.csv": _text(rows[2 * third :]).encode(),
    }
    return Fleet(files, ["in", "--as-of", "2026-11-01", *ALL_FORMATS])


@_fleet
def exact_copies(dice: Random) -> Fleet:
    """The same bytes under other names, in an envelope, and on another day."""
    first, second = (_text(_rows(dice, account_id)) for account_id in ACCOUNTS[:2])
    files = {
        "in/2026-10-31/a.csv": first.encode(),
        "in/2026-10-31/a (1).csv": first.encode(),
        "in/2026-10-31/a.json": _json_envelope(first, DAY),
        "in/2026-10-31/b.csv": second.encode(),
        "in/2026-09-30/b.csv": second.encode(),
        "in/zz.csv": second.encode(),
    }
    return Fleet(files, ["in", "--as-of", "2026-10-31", *ALL_FORMATS])


@_fleet
def undated(dice: Random) -> Fleet:
    """Files that do not say when they were captured, judged at a date."""
    files = {f"in/{account_id}.csv": _text(_rows(dice, account_id)).encode() for account_id in ACCOUNTS[:2]}
    files["in/report.csv"] = _text([row | {"arn": ""} for row in _rows(dice, ACCOUNTS[2])]).encode()
    return Fleet(files, ["in", "--as-of", "2026-10-31", "--account-id", ACCOUNTS[2], *ALL_FORMATS])


@_fleet
def undated_without_a_date(dice: Random) -> Fleet:
    """The same without a date is an error that names the files."""
    return Fleet(
        {f"in/{account_id}.csv": _text(_rows(dice, account_id)).encode() for account_id in ACCOUNTS[:2]},
        ["in", *ALL_FORMATS],
    )


@_fleet
def bystanders(dice: Random) -> Fleet:
    """Files that are no reports, and downloads that failed, beside a good one."""
    good = _text(_rows(dice, ACCOUNTS[0]))
    files = {
        "in/2026-10-31/good.csv": good.encode(),
        "in/2026-10-31/empty.csv": b"",
        "in/2026-10-31/notes.txt": b"ask Zoe about the keys\n",
        "in/2026-10-31/other.csv": b"name,value\na,1\n",
        "in/2026-10-31/header-only.csv": _text([]).encode(),
        "in/2026-10-31/cut.csv": good[:60].encode(),
        "in/2026-10-31/state.json": b'{"State": "COMPLETE"}\n',
        "in/2026-10-31/broken.csv.gz": _gzip(good.encode())[:40],
        "in/2026-10-31/broken.zip": _zip({"a.csv": good})[:50],
        "in/2026-10-31/.hidden.csv": good.encode(),
        "in/2026-10-31/picture.png": b"\x89PNG\r\n\x1a\n\x00\x00",
    }
    return Fleet(files, ["in", *ALL_FORMATS])


# What is in them


def _damage(dice: Random, text: str, *, repairable: bool) -> str:
    header, *lines = text.split("\n")
    damaged = [header]
    for line in lines:
        kind = dice.choice(("comma", "blank") if repairable else ("comma", "short", "long", "blank", "quote", "whole"))
        name = line.split(",", 1)[0]
        if (
            kind == "comma" and '"' not in line and (name != "<root_account>" or not repairable)
        ):  # of a user called `x,alice`
            line = f"x,{line}".replace(f"/{name},", f"/x,{name},")  # noqa: PLW2901 - a line, damaged
        elif kind == "short":
            line = ",".join(line.split(",")[: dice.randint(1, 15)])  # noqa: PLW2901
        elif kind == "long":
            line += ",surplus" * dice.randint(1, 3)  # noqa: PLW2901
        elif kind == "quote":
            line = f'"{line}'  # noqa: PLW2901
        elif kind == "blank":
            damaged.append(dice.choice(("", "  ")))
        damaged.append(line)
    return "\n".join(damaged)


@_fleet
def damaged_rows(dice: Random) -> Fleet:
    """Unquoted commas, too few and too many fields, stray quotes, blank lines."""
    files = {
        f"in/2026-10-31/{account_id}.csv": _damage(
            dice, _text(_rows(dice, account_id, least=6)), repairable=False
        ).encode()
        for account_id in ACCOUNTS[:4]
    }
    return Fleet(files, ["in", *ALL_FORMATS])


@_fleet
def repaired_rows_strictly(dice: Random) -> Fleet:
    """Only unquoted commas and blank lines, which can be repaired; a strict run counts them."""
    files = {
        f"in/2026-10-31/{account_id}.csv": _damage(
            dice, _text(_rows(dice, account_id, least=6)), repairable=True
        ).encode()
        for account_id in ACCOUNTS[:2]
    }
    return Fleet(files, ["in", "--strict", *ALL_FORMATS])


@_fleet
def unreadable_cells(dice: Random) -> Fleet:
    """Anything in any cell but the two that say who it is."""
    files = {}
    for account_id in ACCOUNTS[:3]:
        rows = _rows(dice, account_id, least=6)
        for row in rows:
            for column in dice.sample(COLUMNS[2:22], 6):
                is_flag = column.endswith(("_active", "_enabled"))
                row[column] = dice.choice(UNREADABLE_FLAGS if is_flag else UNREADABLE_TIMES)
        files[f"in/2026-10-31/{account_id}.csv"] = _text(rows).encode()
    return Fleet(files, ["in", *NO_CHARTS])


@_fleet
def layouts(dice: Random) -> Fleet:
    """Reports of 16, 22 and 23 columns; one that lacks some, in another order; one with a column twice and no name."""
    files = {}
    for account_id, count in zip(ACCOUNTS, (16, 22, 23), strict=False):
        files[f"in/2026-10-31/{account_id}.csv"] = _text(_rows(dice, account_id), BY_COUNT[count]).encode()
    odd = dice.sample([name for name in COLUMNS if name not in {"mfa_active", "password_last_used"}], 21)
    rows = [row | {"team": "blue"} for row in _rows(dice, ACCOUNTS[3])]
    files[f"in/2026-10-31/{ACCOUNTS[3]}.csv"] = _text(rows, [*odd, "team"]).encode()
    twice = [*_rows(dice, ACCOUNTS[4], least=2), _user(dice, "", ACCOUNTS[4], DAY)]
    files[f"in/2026-10-31/{ACCOUNTS[4]}.csv"] = _text(twice, [*BY_COUNT[22], "mfa_active"]).encode()
    return Fleet(files, ["in", *ALL_FORMATS])


@_fleet
def no_arn(dice: Random) -> Fleet:
    """No ARN, no account in any name: the user gives it, for all files alike."""
    columns = [name for name in BY_COUNT[23] if name != "arn"]
    files = {
        f"in/2026-10-31/{name}.csv": _text(_rows(dice, ACCOUNTS[0], most=5), columns).encode() for name in ("a", "b")
    }
    return Fleet(files, ["in", "--account-id", ACCOUNTS[0], *ALL_FORMATS])


@_fleet
def written_otherwise(dice: Random) -> Fleet:
    """Semicolons, byte order marks, UTF-16, CRLF, Latin-1: what spreadsheets and editors leave."""
    texts = [_rows(dice, account_id, most=6) for account_id in ACCOUNTS]
    files = {
        "in/2026-10-31/1.csv": _text(texts[0], delimiter=";", end="\r\n").encode(),
        "in/2026-10-31/2.csv": _text(texts[1]).encode("utf-8-sig"),
        "in/2026-10-31/3.csv": b"\xff\xfe" + _text(texts[2], end="\r\n").encode("utf-16-le"),
        "in/2026-10-31/4.csv": b"\xfe\xff" + _text(texts[3]).encode("utf-16-be"),
        "in/2026-10-31/5.csv": _text([*texts[4], *texts[4][:1]], end="\r\n").encode() + b"\r\n\r\n",
        "in/2026-10-31/6.csv": _text([_user(dice, "Zo\u00eb", ACCOUNTS[0], DAY)]).encode("latin-1"),
    }
    return Fleet(files, ["in", *ALL_FORMATS])


@_fleet
def users_twice(dice: Random) -> Fleet:
    """The same users in two files of a snapshot, in different case, and twice in one file."""
    rows = [_user(dice, name, ACCOUNTS[0], DAY) for name in NAMES[:5]]
    again = [row | {"user": row["user"].upper(), "mfa_active": "true"} for row in rows[:3]]
    files = {
        "in/2026-10-31/a.csv": _text([*rows, *rows[:1]]).encode(),
        "in/2026-10-31/b.csv": _text(again).encode(),
    }
    return Fleet(files, ["in", *NO_CHARTS])


@_fleet
def roots(dice: Random) -> Fleet:
    """Root in the old style and the new, not there, twice, renamed, and in use."""
    files = {
        f"in/2026-10-31/{account_id}.csv": _text(_rows(dice, account_id, style=style, most=3)).encode()
        for account_id, style in zip(ACCOUNTS, ("old", "new", "none"), strict=False)
    }
    twice = [_root(dice, ACCOUNTS[3], DAY), _root(dice, ACCOUNTS[3], DAY, "old")]
    files[f"in/2026-10-31/{ACCOUNTS[3]}.csv"] = _text(twice).encode()
    renamed = _root(dice, ACCOUNTS[4], DAY) | {"user": "root account", "password_last_used": "2026-10-30T10:00:00Z"}
    files[f"in/2026-10-31/{ACCOUNTS[4]}.csv"] = _text([renamed]).encode()
    return Fleet(files, ["in", *ALL_FORMATS])


@_fleet
def partitions(dice: Random) -> Fleet:
    """GovCloud, China and others, beside the usual partition."""
    names = ("aws", "aws-us-gov", "aws-cn", "aws-iso", "aws-eusc")
    files = {
        f"in/2026-10-31/{account_id}.csv": _text(_rows(dice, account_id, most=4, partition=name)).encode()
        for account_id, name in zip(ACCOUNTS, names, strict=True)
    }
    return Fleet(files, ["in", *NO_CHARTS])


@_fleet
def nasty_names(dice: Random) -> Fleet:
    """Names that a spreadsheet, a shell or a reader of CSV would take for something else."""
    rows = [_root(dice, ACCOUNTS[0], DAY), *(_user(dice, name, ACCOUNTS[0], DAY) for name in NASTY_NAMES)]
    return Fleet({"in/2026-10-31.csv": _text(rows).encode()}, ["in", *ALL_FORMATS])


# How it is asked for


@_fleet
def some_controls(dice: Random) -> Fleet:
    """A few controls, one of which is unused-credentials with a limit."""
    files = {f"in/2026-10-31/{account_id}.csv": _text(_rows(dice, account_id)).encode() for account_id in ACCOUNTS[:3]}
    chosen = ["--control", "unused-credentials,console-mfa", "--control", "root-mfa", "--max-idle-days", "90"]
    return Fleet(files, ["in", *chosen, *ALL_FORMATS])


@_fleet
def a_benchmark(dice: Random) -> Fleet:
    """By the newest CIS benchmark; no report has a user."""
    files = {
        f"in/2026-10-31/{account_id}.csv": _text(_rows(dice, account_id, most=0)).encode()
        for account_id in ACCOUNTS[:2]
    }
    return Fleet(files, ["in", "--benchmark", "cis-7.0", *NO_CHARTS])


@_fleet
def an_old_benchmark(dice: Random) -> Fleet:
    """By the oldest CIS benchmark, with its limit of ninety days."""
    files = {f"in/2026-10-31/{account_id}.csv": _text(_rows(dice, account_id)).encode() for account_id in ACCOUNTS[:2]}
    return Fleet(files, ["in", "--benchmark", "cis-1.2", *ALL_FORMATS])


@_fleet
def another_benchmark(dice: Random) -> Fleet:
    """By Security Hub's benchmark, some of the tables."""
    files = {f"in/2026-10-31/{account_id}.csv": _text(_rows(dice, account_id)).encode() for account_id in ACCOUNTS[:5]}
    return Fleet(files, ["in", "--benchmark", "security-hub", "--tables", "findings,issues", "--format", "parquet"])


POLICY: Final = """\
[controls.unused-credentials]
max_idle_days = 60
severity = "high"

[controls.mfa-every-user]
enabled = false

[waivers.in-force]
account = "111122223333"
control = "unused-credentials"
reason = "being moved to roles"
owner = "security@example.com"
expires = 2027-10-30
ticket = "SEC-123"

[waivers.expiring]
user = "*a*"
credential = "password"
reason = "new tokens are on their way"
owner = "=owner"
expires = 2026-11-10

[waivers.expired]
user = "c*"
reason = "was agreed on"
owner = "o"
expires = 2026-10-30

[waivers.unmatched]
user = "nobody-of-this-name"
reason = "r"
owner = "o"
expires = 2027-10-30

[waivers.other-account]
account = "999988887777"
reason = "r"
owner = "o"
expires = 2027-10-30
"""


@_fleet
def policy(dice: Random) -> Fleet:
    """A policy with waivers in force, expiring, expired, and of nothing."""
    files = {
        f"in/2026-10-31/{account_id}.csv": _text(_rows(dice, account_id, least=8)).encode()
        for account_id in ACCOUNTS[:3]
    }
    return Fleet(files | {"policy.toml": POLICY.encode()}, [*POLICY_ARGS, *ALL_FORMATS])


@_fleet
def everything_at_once(dice: Random) -> Fleet:
    """Days, envelopes, damage, copies and unreadable cells; every snapshot at one date, by a policy and a benchmark."""
    files = {"credreport.toml": POLICY.encode()}
    for account_id in ACCOUNTS:
        for at in DAYS[2:]:
            rows = _rows(dice, account_id, at, style=dice.choice(("new", "old", "none")), names=(*NAMES, *NASTY_NAMES))
            for row in rows[:3]:
                row[dice.choice(COLUMNS[2:22])] = dice.choice(UNREADABLE_TIMES)
            text = _text(rows, BY_COUNT[dice.choice((16, 22, 23))])
            kind = dice.choice(("csv", "damaged", "json", "gz", "copy"))
            name = f"in/{at:%Y-%m-%d}/{account_id}"
            if kind == "json":
                files[f"{name}.json"] = _json_envelope(text, at)
            elif kind == "gz":
                files[f"{name}.csv.gz"] = _gzip(text.encode())
            else:
                text = _damage(dice, text, repairable=False) if kind == "damaged" else text
                files[f"{name}.csv"] = text.encode()
                if kind == "copy":
                    files[f"{name}-copy.csv"] = text.encode()
    args = ["in", "--every-snapshot", "--as-of", "2026-11-01T00:00:00+02:00", "--benchmark", "nist-800-53r5"]
    return Fleet(files, [*args, "--strict", *ALL_FORMATS])
