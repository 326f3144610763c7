"""What must hold of every mutated report, checked for many of them that were judged together."""

from __future__ import annotations

import csv
import re
import tempfile
import traceback
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analyzer.controls.checklist import make_checklist
from analyzer.errors import AnalyzerError, InputError
from analyzer.reading.issues import CODES, Level
from tests.campaign.cases import number_in
from tests.campaign.judging import account_passes, meanings, of_raw, oracle_on, untouched_verdicts
from tests.campaign.limits import within_limits
from tests.campaign.sheets import AS_OF
from tests.campaign.wrapping import csv_inside
from tests.running import Settings, audit
from tests.strategies import COLUMNS_23

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from tests.campaign.cases import Case
    from tests.campaign.judging import Verdicts
    from tests.running import Audit

_EXPECTED: Final = re.compile(r"cannot be read \((\w+): ")
"""An error that the program did not foresee, and noted in the place of ending with a traceback."""
_OF_AGE: Final = {"undated_evidence_older", "undated_evidence_newer", "captured_before_content", "root_alone"}
"""Issues of when a report was captured: they excuse no missing row."""
SETTINGS: Final = Settings(make_checklist(all_controls=True), as_of=AS_OF)
"""Every control at the reference instant of the drawn reports."""


Tally = Counter[tuple[str, str, str]]
"""How many cases: by container or mutation, its name, and what became of them."""
OUTCOMES: Final = ("read", "in part", "refused")


@dataclass(frozen=True)
class Failure:
    """What is wrong with a case, or with several only where they are judged together, in words."""

    numbers: tuple[int, ...]
    what: str

    @property
    def kind(self) -> str:
        """What is the same in failures of one cause."""
        return re.sub(r"'[^']*'|\d+", "_", self.what)[:60]


@dataclass
class Left:
    """What an audit left of one file."""

    inputs: list[tuple[str, int, int, int]] = field(default_factory=list)
    """Name, rows, rejected, and rows that are not judged."""
    users: list[tuple[str, int, str]] = field(default_factory=list)
    """Source, line and name, by row."""
    findings: list[tuple[str, int, str, str, str, str]] = field(default_factory=list)
    """Source, line, user, control, credential and status."""
    of_account: set[str] = field(default_factory=set)
    """Controls of the account that pass."""
    issues: list[tuple[str, int | None, str, str]] = field(default_factory=list)
    """Source, line, code and message."""

    @property
    def losses(self) -> set[str]:
        """Codes of issues that say that something was not read, or cannot be relied on."""
        return {code for _, _, code, _ in self.issues if CODES[code].level >= Level.UNREADABLE} - _OF_AGE

    @property
    def outcome(self) -> str:
        if not self.inputs:
            return "refused"
        return "in part" if self.losses else "read"

    @property
    def rejections(self) -> set[str]:
        return {code for code in self.losses if CODES[code].level == Level.REJECTED}

    def lines(self) -> list[tuple[str, int]]:
        """Return the places of all rows, read and rejected, in their order."""
        rejected = [(source, line or 0) for source, line, code, _ in self.issues if code == "rejected_row"]
        return sorted([*((source, line) for source, line, _ in self.users), *rejected])

    def verdicts(self) -> dict[tuple[str, int], Verdicts]:
        """Return the verdicts by place."""
        found: dict[tuple[str, int], Verdicts] = defaultdict(Counter)
        for source, line, _, control, credential, status in self.findings:
            found[source, line][control, credential, status] += 1
        return found


def check(cases: Sequence[Case], tally: Tally | None = None) -> list[Failure]:
    """Judge cases together, and return what is wrong with them; where they end the run, look for those that do.

    What became of each case is counted in `tally`, by container and by mutation.
    """
    try:
        with within_limits():
            left = _judged(cases)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever ends a run is what is looked for
        if len(cases) > 1:
            middle = len(cases) // 2
            found = [*check(cases[:middle], tally), *check(cases[middle:], tally)]
            if found or isinstance(error, AnalyzerError):
                return found
        elif isinstance(error, InputError):  # no report is left
            _count(cases[0], "refused", tally)
            return []
        where = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__} in {Path(where.filename).name}: {error}"[:300]
        return [Failure(tuple(one.number for one in cases), what)]
    for one in cases:
        _count(one, left[one.number].outcome, tally)
    return [Failure((one.number,), what) for one in cases for what in dict.fromkeys(wrong_with(one, left[one.number]))]


def _count(case: Case, outcome: str, tally: Tally | None) -> None:
    if tally is not None:
        tally["container", case.container, outcome] += 1
        tally["mutation", case.mutation, outcome] += 1


def _judged(cases: Sequence[Case]) -> dict[int, Left]:
    with tempfile.TemporaryDirectory() as folder:
        for one in cases:
            (Path(folder) / one.name).write_bytes(one.data)
        return _by_case(audit([folder], SETTINGS))


def _by_case(found: Audit) -> dict[int, Left]:
    """Return what is left of each case, by number."""
    left: dict[int, Left] = defaultdict(Left)
    numbers: dict[str | None, int] = {None: -1}

    def of(source: str | None) -> Left:
        if source not in numbers:
            found = number_in(source or "")
            numbers[source] = -1 if found is None else found
        return left[numbers[source]]

    for name, rows, rejected, accounts in _rows(found.inputs, "name", "rows", "rejected", "accounts"):
        apart = sum(part["rows"] for part in accounts if part["role"] != "judged")
        of(name).inputs.append((name, rows, rejected, apart))
    for source, line, user in _rows(found.users, "source", "line", "user"):
        of(source).users.append((source, line, user))
    by_account: dict[str, str] = {}
    for source, account in dict.fromkeys(_rows(found.users, "source", "account_id")):
        by_account.setdefault(account, source)
    columns = ("source", "line", "user", "control", "credential", "status", "account_id")
    for source, line, user, control, credential, status, account in _rows(found.findings, *columns):
        if line is not None:
            of(source).findings.append((source, line, user, control, credential, status))
        elif status == "pass":
            of(source if account is None else by_account.get(account)).of_account.add(control)
    for source, line, code, message in _rows(found.issues, "source", "line", "code", "message"):
        of(source).issues.append((source, line, code, message))
    return left


def _rows(frame: pd.DataFrame, *columns: str) -> Iterator[tuple[Any, ...]]:
    """Yield rows with None where nothing stands."""
    lists = []
    for name in columns:
        column = frame[name].astype("object")
        lists.append(column.where(column.notna(), None).tolist())
    return zip(*lists, strict=True)


# --- one case --------------------------------------------------------------------------------------------------------


def wrong_with(case: Case, left: Left) -> Iterator[str]:
    """Yield what is wrong with what an audit left of a case."""
    for _, _, code, message in left.issues:
        if code == "unreadable_file" and (found := _EXPECTED.match(message)):
            yield f"unforeseen {found[1]}: {message[:200]}"
    if not left.inputs and not left.issues:
        yield "the file is neither judged nor named in an issue"
    yield from _miscounted(left)
    if case.level == "cells":
        yield from _wrong_cells(case, left)
    elif case.level == "archive":
        yield from _wrong_rows(case, left)
    else:
        yield from _wrong_bytes(case, left)


def _miscounted(left: Left) -> Iterator[str]:
    rejected = Counter(source for source, _, code, _ in left.issues if code == "rejected_row")
    users = Counter(source for source, _, _ in left.users)
    for name, rows, lost, apart in left.inputs:
        if rows != users[name] + lost + apart:
            yield f"{rows} rows in {name}, but {users[name]} users, {lost} rejected and {apart} not judged"
        if not apart and lost != rejected[name]:
            yield f"{lost} rows of {name} rejected, but {rejected[name]} of them by line"


def _wrong_cells(case: Case, left: Left) -> Iterator[str]:
    sheet = case.sheet
    if not left.inputs and sheet.lines and not left.rejections:
        yield f"a report is not read, and no file is rejected: {sorted({one[2] for one in left.issues})}"
    if sheet.loose:
        yield from _wrong_loose(case, left)
        return
    rows = sum(one[1] for one in left.inputs)
    if left.inputs and rows != len(sheet.lines):
        yield f"{len(sheet.lines)} rows were written, and {rows} are counted"
    yield from _wrong_rows(case, left)
    passes = left.of_account - account_passes(case.base.csv())
    if passes and not sheet.names and not passes <= account_passes(sheet.csv()):
        yield f"an account passes, and should not: {sorted(passes)}"


def _wrong_rows(case: Case, left: Left) -> Iterator[str]:
    """Compare rows in their order: no other rows were read than those that were written."""
    places, found = left.lines(), left.verdicts()
    lines = case.sheet.lines
    if len(places) != len(lines):
        if not left.losses and not (case.level == "archive" and not left.inputs):
            yield f"{len(lines)} rows were written, {len(places)} are left, and no issue says why"
        if case.level == "archive" and left.inputs and len(places) > len(lines):
            yield f"{len(lines)} rows were put into the archive, and {len(places)} came out"
        return
    rejected = {(source, line) for source, line, code, _ in left.issues if code == "rejected_row"}
    for place, line in zip(places, lines, strict=True):
        if place in rejected:
            continue
        if line.touched:
            yield from _wrong_touched(meanings(case.sheet, line), found[place], place[1], left)
        elif line.origin is not None:
            yield from _wrong_untouched(untouched_verdicts(case.base, line.origin), found[place], place[1], left)


def _wrong_untouched(known: Verdicts, found: Verdicts, line: int, left: Left) -> Iterator[str]:
    if known == found:
        return
    more, less = found - known, known - found
    if all(status == "not_checked" for _, _, status in more) and left.losses:
        return
    yield f"line {line} was not touched, and is judged otherwise: {_some(more)} for {_some(less)}"


def _wrong_touched(allowed: Sequence[Verdicts], found: Verdicts, line: int, left: Left) -> Iterator[str]:
    if found in allowed:
        return
    more = found - allowed[0]
    for other in allowed[1:]:
        more &= found - other
    passes = [one for one in more if one[2] == "pass"]
    if passes:
        yield f"line {line} passes, and the oracle says otherwise: {passes}"
    elif not left.losses and not any("repair" in code or "straight" in code for _, _, code, _ in left.issues):
        yield f"line {line} is judged otherwise than by the oracle, without an issue: {_some(more)}"


def _wrong_loose(case: Case, left: Left) -> Iterator[str]:
    """Check rows by the names of users, where lines are cut, run together or blank."""
    if left.inputs and not left.users and not left.losses:
        yield "no row of a report is read, and no issue says why"
    sheet, base = case.sheet, case.base
    names = {}
    counts = Counter(line.cells[0] for line in sheet.lines if line.cells)
    for line in sheet.lines:
        if not line.touched and line.origin is not None and counts[line.cells[0]] == 1:
            names[line.cells[0]] = untouched_verdicts(base, line.origin)
    by_user: dict[str, Verdicts] = defaultdict(Counter)
    for _, _, user, control, credential, status in left.findings:
        by_user[user][control, credential, status] += 1
    seen = {user for _, _, user in left.users}
    for name, known in names.items():
        if name in seen:
            yield from _wrong_untouched(known, by_user[name], 0, left)
        elif not left.losses:
            yield f"the row of {name!r} was not touched; it is gone, and no issue says why"
    allowed = {one for line in base.lines for one in untouched_verdicts(base, line.origin or 0)}
    allowed |= {one for line in sheet.lines if line.raw for one in of_raw(sheet, line.raw)}
    allowed |= {one for line in sheet.lines if line.cells and line.touched for one in meanings(sheet, line)[0]}
    for user, verdicts in by_user.items():
        if user not in names and (more := {one for one in verdicts if one[2] == "pass"} - allowed):
            yield f"user {user!r} passes, and no row says so: {_some(more)}"


def _wrong_bytes(case: Case, left: Left) -> Iterator[str]:
    """Check passes in a file whose bytes were damaged: the row as it stands passes, or one before the damage."""
    text = csv_inside(case.container, case.data)
    if text is None:
        return
    lines = text.split("\n")
    base = case.base
    allowed = {one for line in base.lines for one in untouched_verdicts(base, line.origin or 0)}
    for _, line, user, control, credential, status in left.findings:
        if status != "pass" or line > len(lines):
            continue
        row = of_line(lines[0], lines[line - 1])
        if row is not None and "bad_arn" in left.losses:
            row += of_line(lines[0], lines[line - 1], with_arn=False) or Counter()
        if (control, credential, status) not in (allowed if row is None else row):
            yield f"line {line} ({user!r}) passes, and should not: {control}, {credential}"
    yield from _lost_lines(lines, left)


def _lost_lines(lines: Sequence[str], left: Left) -> Iterator[str]:
    """Find lines of a damaged CSV that are neither rows nor named in an issue."""
    if not left.inputs or left.rejections - {"rejected_row"}:
        return
    named = {line for _, line, _, _ in left.issues} | {line for _, line, _ in left.users}
    named |= {n for n, text in enumerate(lines, 1) if "password_enabled,password_last_used" in text}  # a header
    lost = [n for n, text in enumerate(lines[1:], 2) if text.strip(", \t\"'\ufeff") and n not in named]
    if lost:
        yield f"lines {lost} are neither read nor named in an issue"


def of_line(first: str, text: str, *, with_arn: bool = True) -> Verdicts | None:
    """Return what the oracle says of a line with as many cells as the first one; None of another.

    A quote that is not closed in its line is a character like others, where the line then has its cells.
    An ARN tells root, and partitions where it has no console; `with_arn` is for one that the program can read.
    """
    try:
        header, cells = (next(csv.reader([line]), []) for line in (first, text))
    except csv.Error:
        return None
    if len(header) != len(cells) and text.count('"') % 2:
        cells = next(csv.reader([text], quoting=csv.QUOTE_NONE), [])
    if len(header) != len(cells):
        return None
    known = [_COLUMNS.get(_plain(name), name) for name in header]
    if not with_arn:
        cells = ["" if name == "arn" else cell for name, cell in zip(known, cells, strict=True)]
    return oracle_on(known, cells)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name.lower())


_COLUMNS: Final = {_plain(name): name for name in COLUMNS_23}
"""Columns by their names without what parts words: the program knows them in other spellings."""


def _some(verdicts: Verdicts | set[tuple[str, str, str]]) -> str:
    return ", ".join("/".join(one) for one in sorted(verdicts)[:4]) or "nothing"
