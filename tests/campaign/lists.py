"""The files that are given beside reports, mutated: policy, framework, accounts, leavers, people and workbooks.

Each is accepted, or refused by an error of its own; a list that is accepted has every account and person in it.
"""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
import traceback
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

from analyzer.controls.checklist import make_checklist
from analyzer.controls.frameworks.reading import parse_framework
from analyzer.controls.policy import parse_policy
from analyzer.errors import AnalyzerError
from analyzer.rendering.marks import BY_HAND, FINDING, KEY, SHEET, read_marks
from analyzer.survey.organization import parse_organization
from analyzer.survey.people import parse_people
from tests.campaign.damaging import DAMAGES
from tests.campaign.limits import within_limits
from tests.campaign.mutating import ODD
from tests.campaign.sheets import Line, Sheet
from tests.campaign.wrapping import sheet_xml, spreadsheet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_POLICY: Final = """# what this organization accepts
[controls.unused-credentials]
max_idle_days = 60
severity = "high"
[controls.root-mfa]
without_password = "fail"
[controls.mfa-every-user]
enabled = false
[waivers.break-glass]
account = "111122223333"
user = "break-glass-*"
control = "unused-credentials"
credential = "access_key_1"
reason = \"\"\"sealed;
used in emergencies only\"\"\"
owner = "security@example.com"
expires = 2027-01-31
ticket = "SEC-123"
"""
_FRAMEWORK: Final = """id = "own"
title = "Our own"
version = "1"
publisher = "Example Corp"
[[requirements]]
number = "2.11"
title = "Credentials are used"
controls = ["unused-credentials", "root-mfa"]
parameters = { max_idle_days = 200, without_password = "fail" }
source = "page 4"
[[requirements]]
number = "2.12"
title = "Keys are rotated"
controls = ["access-key-rotation"]
source = "page 5"
"""
_ACCOUNTS: Final = """account_id,name,email,owner,ou,environment,status
111122223333,shop,shop@example.com,team-a,/root/shop,production,ACTIVE
123456789012,"logs, old",logs@example.com,team-b,/root/logs,test,ACTIVE
444455556666,audit,audit@example.com,team-a,/root/audit,production,SUSPENDED
000011112222,zeros,,,,,
"""
_PAGES: Final = "\n".join(
    json.dumps({"Accounts": [{"Id": account, "Name": f"n{account[:4]}", "Email": None, "State": "ACTIVE"}]}, indent=2)
    for account in ("111122223333", "123456789012", "444455556666")
)
_LEAVERS: Final = """user_name,email,last_day
ci-deployer,ci@example.com,2026-09-30
"backup-operator",,2026-10-01
,auditor@example.com,2025-12-31
"""
_MARKS: Final = Sheet(
    [*KEY, FINDING, *BY_HAND],
    [
        Line(
            ["111122223333", f"u{n}", "access_key_1", "unused-credentials", f"a.csv:{n}", "asked", "", "46387", "x"], n
        )
        for n in range(3)
    ],
    "111122223333",
)
Wrong = str


def _policy(data: bytes) -> Iterator[Wrong]:
    make_checklist(policy=parse_policy("policy.toml", data))
    return iter(())


def _framework(data: bytes) -> Iterator[Wrong]:
    make_checklist(benchmark=parse_framework("own.toml", data, is_own=True))
    return iter(())


def _accounts(data: bytes) -> Iterator[Wrong]:
    read = {account.account_id for account in parse_organization("accounts", data).accounts}
    text = data.decode("utf-8-sig")
    if text.lstrip()[:1] in {"{", "["}:
        there = set(re.findall(r'"Id"\s*:\s*"\s*(\d[\d-]*)\s*"', text))
    else:
        there = {cells[_column(rows)] for rows in [_rows(text)] for cells in rows[1:] if len(cells) > _column(rows)}
        if any(len(cells) <= _column(rows) for rows in [_rows(text)] for cells in rows[1:]):
            yield "a row without an account is accepted"
    if lost := {number.replace("-", "") for number in there} - read:
        yield f"accounts that are in the list are lost: {sorted(lost)}"


def _column(rows: list[list[str]]) -> int:
    names = [re.sub("[^a-z]", "", name.lower()) for name in rows[0]]
    spellings = ("account", "accountid", "accountnumber", "accountno", "awsaccount", "awsaccountid", "id")
    return names.index(next(name for name in spellings if name in names))


def _rows(text: str) -> list[list[str]]:
    head = text.lstrip().partition("\n")[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    return [cells for row in rows if any(cells := [cell.strip() for cell in row])]


def _people(data: bytes, *, with_last_day: bool) -> Iterator[Wrong]:
    read = parse_people("people.csv", data, with_last_day=with_last_day).people
    rows = _rows(data.decode("utf-8-sig"))
    names = [re.sub("[^a-z]", "", name.lower()) for name in rows[0]]
    for field, spellings in (("user", {"user", "username", "iamuser", "iamusername"}), ("email", {"email"})):
        positions = [at for at, name in enumerate(names) if name in spellings]
        there = {cells[at].casefold() for cells in rows[1:] for at in positions if at < len(cells) and cells[at]}
        if lost := there - {(getattr(person, field) or "").casefold() for person in read}:
            yield f"{field}s that are in the list are lost: {sorted(lost)}"


def _leavers(data: bytes) -> Iterator[Wrong]:
    return _people(data, with_last_day=True)


def _employees(data: bytes) -> Iterator[Wrong]:
    return _people(data, with_last_day=False)


def _workbook(data: bytes) -> Iterator[Wrong]:
    with tempfile.NamedTemporaryFile(suffix=".xlsx") as file:
        file.write(data)
        file.flush()
        read_marks([Path(file.name)])
    return iter(())


@cache
def _marked() -> tuple[str, str]:
    """Return the parts of a workbook with marks: its list of sheets, and the sheet."""
    book = (
        '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.'
        f'openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="{SHEET}" sheetId="1" r:id="r1"/>'
        "</sheets></workbook>"
    )
    return book, sheet_xml(_MARKS)


KINDS: Final[Mapping[str, tuple[bytes, Callable[[bytes], Iterator[Wrong]]]]] = {
    "policy": (_POLICY.encode(), _policy),
    "framework": (_FRAMEWORK.encode(), _framework),
    "accounts as CSV": (_ACCOUNTS.encode(), _accounts),
    "accounts as JSON": (_PAGES.encode(), _accounts),
    "leavers": (_LEAVERS.encode(), _leavers),
    "people": (_LEAVERS.encode(), _employees),
    "workbook": (b"", _workbook),
}


def draw_list(seed: int, number: int) -> tuple[str, str, bytes]:
    """Return the kind of a file, how it was mutated, and its bytes."""
    rng = Random(f"{seed} list {number}")  # noqa: S311 - no secret
    kind = rng.choice(tuple(KINDS))
    if kind == "workbook":
        return _odd_workbook(rng)
    data = KINDS[kind][0]
    mutation, data = _odd_texts(rng, data) if rng.random() < 0.5 else _damaged(rng, data)
    return kind, mutation, data


def _odd_texts(rng: Random, data: bytes) -> tuple[str, bytes]:
    """Put odd texts in the place of words, or bring lines into another order."""
    lines = data.decode().split("\n")
    if rng.random() < 0.4:
        position, new_position = rng.randrange(len(lines)), rng.randrange(len(lines))
        how = rng.choice(("lost", "doubled", "moved"))
        line = lines[position] if how == "doubled" else lines.pop(position)
        if how != "lost":
            lines.insert(new_position, line)
        return f"line {how}", "\n".join(lines).encode()
    text = "\n".join(lines)
    words = list(re.finditer(r"[\w.@-]+", text))
    for word in sorted(rng.sample(words, rng.choice((1, 1, 2))), key=lambda match: -match.start()):
        text = text[: word.start()] + rng.choice(ODD) + text[word.end() :]
    return "odd words", text.encode()


def _damaged(rng: Random, data: bytes) -> tuple[str, bytes]:
    name = rng.choice(tuple(DAMAGES))
    return name, DAMAGES[name](rng, data)


def _odd_workbook(rng: Random) -> tuple[str, str, bytes]:
    book, sheet = _marked()
    if rng.random() < 0.5:
        parts = {"xl/workbook.xml": book, "xl/worksheets/sheet1.xml": sheet}
        mutation, data = _damaged(rng, spreadsheet(parts))
        return "workbook", mutation, data
    which = rng.random() < 0.3
    mutation, changed = _damaged(rng, (book if which else sheet).encode())
    parts_changed: dict[str, Any] = {"xl/workbook.xml": book, "xl/worksheets/sheet1.xml": sheet}
    parts_changed["xl/workbook.xml" if which else "xl/worksheets/sheet1.xml"] = changed
    return "workbook", f"{mutation} inside", spreadsheet(parts_changed)


def wrong_with_list(kind: str, data: bytes) -> list[Wrong]:
    """Return the faults in how the program takes a mutated file."""
    try:
        with within_limits():
            return list(KINDS[kind][1](data))
    except AnalyzerError as error:
        return [] if error.message.strip() and error.hint.strip() else ["an error without words"]
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever else it raises is what is looked for
        where = traceback.extract_tb(error.__traceback__)[-1]
        return [f"{type(error).__name__} in {Path(where.filename).name}: {error}"[:300]]
