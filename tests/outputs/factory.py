"""A made-up audit of any size, with everything in it that makes writing it out hard."""

from __future__ import annotations

import contextlib
import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analyzer.pipeline import audit
from analyzer.result import Audit, Settings
from tests.reports import COLUMNS_22, csv_of, key, password, root, user, write

AS_OF = datetime(2026, 11, 24, 23, 59, 59, 999999, UTC)
NASTY_NAMES = ("=1+1", "a,b", "+x", "-rf", "@sum", "NA", "007", "null", "1e5", "http://x", "mailto:x", "$x_1$")
_SNAPSHOT = "2026-11-24"
_OLDER = "2026-10-31"
_ACCOUNTS = 12


def make_audit(users: int, *, seed: int = 0) -> Audit:
    """Return an audit of `users` made-up IAM users, in the same state for the same arguments; 0: of empty tables.

    The first two dozen users between them carry all nasty names, statuses, reasons, kinds of credential and a null
    account; the others are ordinary. The reports are read by the real pipeline, so the tables agree with one another.
    """
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # relative names: equal in each run
        _write_reports(users, random.Random(seed))  # noqa: S311 - made-up data
        result = audit(["reports"], Settings(as_of=AS_OF))
    if users:
        return result
    tables = (result.inputs, result.users, result.credentials, result.findings, result.issues)
    return Audit(result.settings, *(table.iloc[:0] for table in tables))


def _write_reports(users: int, chance: random.Random) -> None:
    cells = [_odd(number) if number < len(_ODD) else _ordinary(chance) for number in range(users)]
    names = [NASTY_NAMES[n] if n < len(NASTY_NAMES) else f"user-{n:06}" for n in range(users)]
    # The file without ARNs tells no account; it holds the odd ones too, so that users and reasons meet null there.
    orphans = [user(name, **c) for name, c in zip(names[:8], cells[12:20], strict=False)]
    no_arn = tuple(column for column in COLUMNS_22 if column != "arn")
    spoilt = "\n".join(["", "one,cell,too,few", *([",".join(["x"] * 30)] if users else [])])
    write(Path("reports", "no-arn", f"{_SNAPSHOT}.csv"), csv_of(root(), *orphans, columns=no_arn) + spoilt)
    write(Path("reports", "README.txt"), "kept with the reports\n")
    for place in range(_ACCOUNTS):
        account = f"{123456789 + place * 81_234_567_891:012}"  # the first begins with zeros
        rows = [
            user(name, account=account, path="/ops/" if n % 5 == 0 else "/", **c)
            for n, (name, c) in enumerate(zip(names, cells, strict=True))
            if n % _ACCOUNTS == place
        ]
        report = csv_of(root(account), *rows)
        write(Path("reports", _SNAPSHOT, f"credentialReport_{account}.csv"), report)
        if place < 2:
            write(Path("reports", _OLDER, f"credentialReport_{account}.csv"), csv_of(root(account), *rows[:3]))


_AFTER = "2026-11-26T08:00:00Z"
_ODD: tuple[dict[str, str], ...] = (
    password(changed="2024-01-02T03:04:05Z"),
    password(changed="2026-11-20T00:00:00Z"),
    password(changed="2020-01-01T00:00:00Z", used="2026-11-24T23:59:59.999999Z"),
    password(changed="N/A"),
    password(changed="N/A") | {"user_creation_time": "N/A"},
    password(changed=_AFTER),
    password(changed="2020-01-01T00:00:00Z", used=_AFTER),
    password(changed="2020-01-01T00:00:00Z", used="03/04/2026"),
    password(enabled="perhaps", changed="2020-01-01T00:00:00Z"),
    key(rotated="2024-01-02T03:04:05Z"),
    key(rotated="2020-01-01T00:00:00Z", used="2026-09-01T10:00:00Z") | key(2, rotated="2026-11-01T00:00:00Z"),
    key(rotated="2020-02-29T00:00:00Z", active="false"),
    key(rotated="2020-01-01T00:00:00Z", used=_AFTER),
    key(rotated="2026-11-01T00:00:00Z", used=_AFTER),
    key(rotated=_AFTER),
    key(rotated="2020-01-01T00:00:00Z", used=""),
    key(rotated="N/A"),
    key(rotated="12/31/2025"),
    key(active="", rotated="2026-01-01T00:00:00Z"),
    {"user_creation_time": _AFTER} | key(rotated=_AFTER),
    {"cert_1_active": "true", "cert_1_last_rotated": "2019-01-01T00:00:00Z"},
    {"user_creation_time": "1890-01-01T00:00:00Z"} | password(changed="N/A"),
    key(rotated="2026-10-10T23:59:59.999999Z"),
    key(rotated="2026-10-10T23:59:59Z", used="2026-10-10T23:59:00Z"),
)


def _odd(number: int) -> dict[str, str]:
    return _ODD[number]


def _ordinary(chance: random.Random) -> dict[str, str]:
    """Return the cells of a user with a key or two or a password, of which every third or so lies unused."""
    age = timedelta(seconds=chance.randrange(60, 2900 * 86_400))
    made = _text(AS_OF - age)
    used = _text(AS_OF - chance.choice([age, age / 2, min(age, timedelta(days=chance.random() * 30))]))
    key_use = chance.choice(["N/A", used, used, used])
    return chance.choice(
        [
            key(rotated=made, used=key_use),
            key(rotated=made, used=key_use) | key(2, rotated=made, active="false"),
            password(changed=made, used=chance.choice(["no_information", used, used])),
            password(changed=made, used=used) | key(rotated=made, used=key_use),
        ]
    ) | {"user_creation_time": "2015-05-01T08:00:00Z"}


def _text(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
