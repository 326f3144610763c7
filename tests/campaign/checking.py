"""Rules that hold for every mutated report, checked for many of them that were judged together."""

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
from tests.campaign.judging import account_passes, meanings, oracle_verdicts, untouched_verdicts, verdicts_of_raw_row
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
    description: str

    @property
    def kind(self) -> str:
        """The part of the description that is the same in failures of one cause."""
        return re.sub(r"'[^']*'|\d+", "_", self.description)[:60]


@dataclass
class FileResult:
    """The rows, findings and issues that an audit has of one file."""

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
        """Codes of issues about input that was not read, or cannot be relied on."""
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
        by_position: dict[tuple[str, int], Verdicts] = defaultdict(Counter)
        for source, line, _, control, credential, status in self.findings:
            by_position[source, line][control, credential, status] += 1
        return by_position


def check(cases: Sequence[Case], tally: Tally | None = None) -> list[Failure]:
    """Judge cases together, and return what is wrong with them; where they end the run, look for those that do.

    The outcome of each case is counted in `tally`, by container and by mutation.
    """
    try:
        with within_limits():
            results = _judged(cases)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever ends a run is what is looked for
        if len(cases) > 1:
            middle = len(cases) // 2
            failures = [*check(cases[:middle], tally), *check(cases[middle:], tally)]
            if failures or isinstance(error, AnalyzerError):
                return failures
        elif isinstance(error, InputError):  # no report is left
            _count(cases[0], "refused", tally)
            return []
        where = traceback.extract_tb(error.__traceback__)[-1]
        description = f"{type(error).__name__} in {Path(where.filename).name}: {error}"[:300]
        return [Failure(tuple(case.number for case in cases), description)]
    for case in cases:
        _count(case, results[case.number].outcome, tally)
    return [
        Failure((case.number,), description)
        for case in cases
        for description in dict.fromkeys(wrong_with(case, results[case.number]))
    ]


def _count(case: Case, outcome: str, tally: Tally | None) -> None:
    if tally is not None:
        tally["container", case.container, outcome] += 1
        tally["mutation", case.mutation, outcome] += 1


def _judged(cases: Sequence[Case]) -> dict[int, FileResult]:
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            (Path(folder) / case.name).write_bytes(case.data)
        return _by_case(audit([folder], SETTINGS))


def _by_case(audit_result: Audit) -> dict[int, FileResult]:
    """Return the result of each case, by number."""
    results: dict[int, FileResult] = defaultdict(FileResult)
    numbers: dict[str | None, int] = {None: -1}

    def result_of(source: str | None) -> FileResult:
        if source not in numbers:
            number = number_in(source or "")
            numbers[source] = -1 if number is None else number
        return results[numbers[source]]

    for name, rows, rejected, accounts in _rows(audit_result.inputs, "name", "rows", "rejected", "accounts"):
        apart = sum(part["rows"] for part in accounts if part["role"] != "judged")
        result_of(name).inputs.append((name, rows, rejected, apart))
    for source, line, user in _rows(audit_result.users, "source", "line", "user"):
        result_of(source).users.append((source, line, user))
    by_account: dict[str, str] = {}
    for source, account in dict.fromkeys(_rows(audit_result.users, "source", "account_id")):
        by_account.setdefault(account, source)
    columns = ("source", "line", "user", "control", "credential", "status", "account_id")
    for source, line, user, control, credential, status, account in _rows(audit_result.findings, *columns):
        if line is not None:
            result_of(source).findings.append((source, line, user, control, credential, status))
        elif status == "pass":
            result_of(source if account is None else by_account.get(account)).of_account.add(control)
    for source, line, code, message in _rows(audit_result.issues, "source", "line", "code", "message"):
        result_of(source).issues.append((source, line, code, message))
    return results


def _rows(frame: pd.DataFrame, *columns: str) -> Iterator[tuple[Any, ...]]:
    """Yield rows with None for each missing cell."""
    lists = []
    for name in columns:
        column = frame[name].astype("object")
        lists.append(column.where(column.notna(), None).tolist())
    return zip(*lists, strict=True)


# --- one case --------------------------------------------------------------------------------------------------------


def wrong_with(case: Case, result: FileResult) -> Iterator[str]:
    """Yield the faults in the result of a case."""
    for _, _, code, message in result.issues:
        if code == "unreadable_file" and (match := _EXPECTED.match(message)):
            yield f"unforeseen {match[1]}: {message[:200]}"
    if not result.inputs and not result.issues:
        yield "the file is neither judged nor named in an issue"
    yield from _miscounted(result)
    if case.level == "cells":
        yield from _wrong_cells(case, result)
    elif case.level == "archive":
        yield from _wrong_rows(case, result)
    else:
        yield from _wrong_bytes(case, result)


def _miscounted(result: FileResult) -> Iterator[str]:
    rejected = Counter(source for source, _, code, _ in result.issues if code == "rejected_row")
    users = Counter(source for source, _, _ in result.users)
    for name, rows, lost, apart in result.inputs:
        if rows != users[name] + lost + apart:
            yield f"{rows} rows in {name}, but {users[name]} users, {lost} rejected and {apart} not judged"
        if not apart and lost != rejected[name]:
            yield f"{lost} rows of {name} rejected, but {rejected[name]} of them by line"


def _wrong_cells(case: Case, result: FileResult) -> Iterator[str]:
    sheet = case.sheet
    if not result.inputs and sheet.lines and not result.rejections:
        yield f"a report is not read, and no file is rejected: {sorted({code for _, _, code, _ in result.issues})}"
    if sheet.loose:
        yield from _wrong_loose(case, result)
        return
    rows = sum(count for _, count, _, _ in result.inputs)
    if result.inputs and rows != len(sheet.lines):
        yield f"{len(sheet.lines)} rows were written, and {rows} are counted"
    yield from _wrong_rows(case, result)
    passes = result.of_account - account_passes(case.base.csv())
    if passes and not sheet.names and not passes <= account_passes(sheet.csv()):
        yield f"an account passes, and should not: {sorted(passes)}"


def _wrong_rows(case: Case, result: FileResult) -> Iterator[str]:
    """Compare rows in their order: no other rows were read than those that were written."""
    positions, verdicts = result.lines(), result.verdicts()
    lines = case.sheet.lines
    if len(positions) != len(lines):
        if not result.losses and not (case.level == "archive" and not result.inputs):
            yield f"{len(lines)} rows were written, {len(positions)} are left, and no issue says why"
        if case.level == "archive" and result.inputs and len(positions) > len(lines):
            yield f"{len(lines)} rows were put into the archive, and {len(positions)} came out"
        return
    rejected = {(source, line) for source, line, code, _ in result.issues if code == "rejected_row"}
    for position, line in zip(positions, lines, strict=True):
        if position in rejected:
            continue
        if line.touched:
            yield from _wrong_touched(meanings(case.sheet, line), verdicts[position], position[1], result)
        elif line.origin is not None:
            yield from _wrong_untouched(
                untouched_verdicts(case.base, line.origin), verdicts[position], position[1], result
            )


def _wrong_untouched(expected: Verdicts, actual: Verdicts, line: int, result: FileResult) -> Iterator[str]:
    if expected == actual:
        return
    more, less = actual - expected, expected - actual
    if all(status == "not_checked" for _, _, status in more) and result.losses:
        return
    yield f"line {line} was not touched, and is judged otherwise: {_first_verdicts(more)} for {_first_verdicts(less)}"


def _wrong_touched(allowed: Sequence[Verdicts], verdicts: Verdicts, line: int, result: FileResult) -> Iterator[str]:
    if verdicts in allowed:
        return
    more = verdicts - allowed[0]
    for meaning in allowed[1:]:
        more &= verdicts - meaning
    passes = [verdict for verdict in more if verdict[2] == "pass"]
    if passes:
        yield f"line {line} passes, and the oracle says otherwise: {passes}"
    elif not result.losses and not any("repair" in code or "straight" in code for _, _, code, _ in result.issues):
        yield f"line {line} is judged otherwise than by the oracle, without an issue: {_first_verdicts(more)}"


def _wrong_loose(case: Case, result: FileResult) -> Iterator[str]:
    """Check rows by the names of users, where lines are cut, run together or blank."""
    if result.inputs and not result.users and not result.losses:
        yield "no row of a report is read, and no issue says why"
    sheet, base = case.sheet, case.base
    names = {}
    counts = Counter(line.cells[0] for line in sheet.lines if line.cells)
    for line in sheet.lines:
        if not line.touched and line.origin is not None and counts[line.cells[0]] == 1:
            names[line.cells[0]] = untouched_verdicts(base, line.origin)
    by_user: dict[str, Verdicts] = defaultdict(Counter)
    for _, _, user, control, credential, status in result.findings:
        by_user[user][control, credential, status] += 1
    names_read = {user for _, _, user in result.users}
    for name, expected in names.items():
        if name in names_read:
            yield from _wrong_untouched(expected, by_user[name], 0, result)
        elif not result.losses:
            yield f"the row of {name!r} was not touched; it is gone, and no issue says why"
    allowed = {verdict for line in base.lines for verdict in untouched_verdicts(base, line.origin or 0)}
    allowed |= {verdict for line in sheet.lines if line.raw for verdict in verdicts_of_raw_row(sheet, line.raw)}
    allowed |= {verdict for line in sheet.lines if line.cells and line.touched for verdict in meanings(sheet, line)[0]}
    for user, verdicts in by_user.items():
        if user not in names and (more := {verdict for verdict in verdicts if verdict[2] == "pass"} - allowed):
            yield f"user {user!r} passes, and no row says so: {_first_verdicts(more)}"


def _wrong_bytes(case: Case, result: FileResult) -> Iterator[str]:
    """Check passes in a file whose bytes were damaged: the row as it stands passes, or one before the damage."""
    text = csv_inside(case.container, case.data)
    if text is None:
        return
    lines = text.split("\n")
    base = case.base
    allowed = {verdict for line in base.lines for verdict in untouched_verdicts(base, line.origin or 0)}
    for _, line, user, control, credential, status in result.findings:
        if status != "pass" or line > len(lines):
            continue
        row = verdicts_of_line(lines[0], lines[line - 1])
        if row is not None and "bad_arn" in result.losses:
            row += verdicts_of_line(lines[0], lines[line - 1], with_arn=False) or Counter()
        if (control, credential, status) not in (allowed if row is None else row):
            yield f"line {line} ({user!r}) passes, and should not: {control}, {credential}"
    yield from _lost_lines(lines, result)


def _lost_lines(lines: Sequence[str], result: FileResult) -> Iterator[str]:
    """Find lines of a damaged CSV that are neither rows nor named in an issue."""
    if not result.inputs or result.rejections - {"rejected_row"}:
        return
    line_numbers = {line for _, line, _, _ in result.issues} | {line for _, line, _ in result.users}
    line_numbers |= {n for n, text in enumerate(lines, 1) if "password_enabled,password_last_used" in text}  # a header
    lost = [n for n, text in enumerate(lines[1:], 2) if text.strip(", \t\"'\ufeff") and n not in line_numbers]
    if lost:
        yield f"lines {lost} are neither read nor named in an issue"


def verdicts_of_line(first: str, text: str, *, with_arn: bool = True) -> Verdicts | None:
    """Return the verdicts of the oracle on a line with as many cells as the first one; None for another line.

    A quote that is not closed in its line is a character like others, where the line then has its cells.
    An ARN shows root, and partitions where root has no console; `with_arn` is for one that the program can read.
    """
    try:
        header, cells = (next(csv.reader([line]), []) for line in (first, text))
    except csv.Error:
        return None
    if len(header) != len(cells) and text.count('"') % 2:
        cells = next(csv.reader([text], quoting=csv.QUOTE_NONE), [])
    if len(header) != len(cells):
        return None
    names = [_COLUMNS.get(_name_key(name), name) for name in header]
    if not with_arn:
        cells = ["" if name == "arn" else cell for name, cell in zip(names, cells, strict=True)]
    return oracle_verdicts(names, cells)


def _name_key(name: str) -> str:
    return re.sub(r"[\s_-]", "", name.lower())


_COLUMNS: Final = {_name_key(name): name for name in COLUMNS_23}
"""Columns by their names without what parts words: the program knows them in other spellings."""


def _first_verdicts(verdicts: Verdicts | set[tuple[str, str, str]]) -> str:
    return ", ".join("/".join(verdict) for verdict in sorted(verdicts)[:4]) or "nothing"
