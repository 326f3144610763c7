"""Findings that someone asks for: by user, account, control and status, as they are named on the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.catalog import BY_ID
from analyzer.controls.checklist import make_checklist
from analyzer.controls.naming import is_number
from analyzer.controls.vocabulary import Status, counted
from analyzer.errors import UsageError, did_you_mean, first_few, known
from analyzer.evidence.counted import UNKNOWN_ACCOUNT
from analyzer.evidence.due import comes_due, require_one_snapshot
from analyzer.evidence.plain import json_rows
from analyzer.evidence.worst import Choice
from analyzer.judging.waivers import name_pattern
from analyzer.reading.columns import has_text, lower_case, true_where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from analyzer.controls.checklist import Check, Checklist
    from analyzer.evidence.opened import EvidenceSet

    Flags = npt.NDArray[np.bool_]

_MOST_COMPARED: Final = 10_000
"""Names among which a similar one is looked for."""
_MOST_NAMED: Final = 10
"""Names that an error lists."""


@dataclass(frozen=True)
class Asked:
    """What is asked for: a finding must have one of the values of each list that is not empty.

    `checks` are controls, each with its requirement; `users` are names with wildcards, in lower case.
    """

    users: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    statuses: tuple[str, ...] = ()
    due_within: int | None = None
    """Only what comes due within so many days."""
    due: Choice | None = field(default=None, compare=False)
    """The same as a choice."""

    @property
    def choice(self) -> Choice:
        """The findings of a batch that are asked for."""
        tests = [
            (("status",), self.statuses, lambda batch: has_text(batch["status"], self.statuses)),
            (("account_id",), self.accounts, lambda batch: _of_accounts(batch["account_id"], self.accounts)),
            (("control", "requirement"), self.checks, lambda batch: _of_checks(batch, self.checks)),
            (("user",), self.users, lambda batch: _of_users(batch["user"], self.users)),
        ]
        wanted: list[Callable[[pa.Table], Flags]] = [test for _, values, test in tests if values]
        columns = [column for needs, values, _ in tests if values for column in needs]
        if self.due is not None:
            wanted.append(self.due.of)
            columns += self.due.needs

        def of(batch: pa.Table) -> Flags:
            found = np.ones(batch.num_rows, bool)
            for test in wanted:
                found &= test(batch)
            return found

        return Choice(tuple(dict.fromkeys(columns or ["status"])), of)

    @property
    def facts(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "users": list(self.users),
            "accounts": list(self.accounts),
            "controls": [{"control": one.control.id, "requirement": one.requirement} for one in self.checks],
            "statuses": list(self.statuses),
            "due_within": self.due_within,
        }


def findings_as_json(evidence: EvidenceSet, asked: Asked) -> Iterator[str]:
    """Yield findings of a set as JSON objects, in stored order; a batch of them is in memory at a time."""
    for batch in evidence.rows_where("findings", asked.choice):
        yield from json_rows(batch)


FAILING: Final = Asked(statuses=(Status.FAIL,))
EVERYTHING: Final = Asked()


@dataclass(frozen=True)
class Names:
    """What was given on the command line: names of users, accounts, controls and statuses."""

    users: Sequence[str] = ()
    accounts: Sequence[str] = ()
    controls: Sequence[str] = ()
    statuses: Sequence[str] = field(default_factory=tuple)
    due_within: int | None = None

    def within(self, evidence: EvidenceSet) -> Asked:
        """Return what is asked for of a set. Raises UsageError, with what there is, for a name that the set lacks."""
        checklist, days = evidence.settings.checklist, self.due_within
        if days is not None:
            require_one_snapshot(evidence.settings, "--due-within")
        return Asked(
            _users(self.users, evidence),
            _accounts(self.accounts, evidence),
            _checks(self.controls, checklist),
            tuple(dict.fromkeys(_status(one) for one in self.statuses)),
            days,
            None if days is None else comes_due(checklist, days, every_check=bool(self.controls)),
        )


def _status(given: str) -> str:
    return known("--status", given.strip().replace(" ", "_").replace("-", "_"), list(Status))


def _checks(given: Sequence[str], checklist: Checklist) -> tuple[Check, ...]:
    """Return the checks that are named by id or number: also two, where a control is judged by two limits."""
    found: dict[int, Check] = {}
    for name in (one.strip().lower() for one in given):
        numbers = {one.number for one in checklist.numbers_of.requirements if is_number(name, one)}
        some = {
            number: one
            for number, one in enumerate(checklist.checks)
            if name == one.control.id or not numbers.isdisjoint(one.requirements)
        }
        if not some:
            judged = ", ".join(_named(check) for check in checklist.checks)
            raise UsageError(_why_none(name, checklist), f"the evidence set has {judged}")
        found |= some
    return tuple(found[number] for number in sorted(found))


def _why_none(name: str, checklist: Checklist) -> str:
    """Return why a set has no control of this name, or number."""
    try:
        meant = make_checklist(benchmark=checklist.numbers_of, controls=[name]).checks
    except UsageError as error:  # there is no such control, or the benchmark has none
        if name not in BY_ID:
            return error.message
        ids = [name]
    else:
        ids = list(dict.fromkeys(one.control.id for one in meant))
    return f"--control: {' and '.join(ids)} was not judged in this evidence set"


def _named(one: Check) -> str:
    return f"{one.control.id} ({one.requirement})" if one.requirement else one.control.id


def _accounts(given: Sequence[str], evidence: EvidenceSet) -> tuple[str, ...]:
    """Return accounts that are named by their 12 digits, with or without dashes; `unknown`: of no known account."""
    if not given:
        return ()
    there = evidence.summary.accounts
    found = [one.strip().lower().replace("-", "") for one in given]
    for name, account in zip(given, found, strict=True):
        if account not in there:
            some = (
                f"the evidence set has {counted(len(there), 'account')}: {first_few(there, most=_MOST_NAMED)}"
                if there
                else "the evidence set has no accounts"
            )
            raise UsageError(f"--account: not in this evidence set: {name!r}{did_you_mean(account, there)}", some)
    return tuple(dict.fromkeys(found))


def _users(given: Sequence[str], evidence: EvidenceSet) -> tuple[str, ...]:
    """Return names of users in lower case. Those in whose row nothing was judged are users of the set as well."""
    if not given:
        return ()
    table = "users" if "users" in evidence.files else "findings"
    some = [batch["user"] for batch in evidence.batches(table, ["user"])]
    there = pc.unique(pa.chunked_array([pc.unique(one) for one in some], pa.string()))
    there = there.filter(pc.is_valid(there))
    names = lower_case(pa.chunked_array([there]))
    for name in given:
        if not pc.any(pc.match_substring_regex(names, name_pattern(name.lower()))).as_py():
            near = did_you_mean(name.lower(), names[:_MOST_COMPARED].to_pylist())
            listed = ", ".join(there[:_MOST_NAMED].to_pylist())
            raise UsageError(
                f"--user: no such user in this evidence set: {name!r}{near}",
                f"the evidence set has {counted(len(there), 'user')}, such as {listed}; in a name, * matches any "
                "characters and ? matches one character",
            )
    return tuple(dict.fromkeys(name.lower() for name in given))


def _of_accounts(column: pa.ChunkedArray, accounts: Sequence[str]) -> Flags:
    found = has_text(column, accounts)
    return found | np.asarray(column.is_null(), bool) if UNKNOWN_ACCOUNT in accounts else found


def _of_checks(batch: pa.Table, checks: Sequence[Check]) -> Flags:
    found = np.zeros(batch.num_rows, bool)
    for one in checks:
        number = batch["requirement"]
        same = np.asarray(number.is_null(), bool) if one.requirement is None else has_text(number, [one.requirement])
        found |= same & has_text(batch["control"], [one.control.id])
    return found


def _of_users(column: pa.ChunkedArray, patterns: Sequence[str]) -> Flags:
    """Where a column of names has one that fits; a finding on an account as a whole has no user."""
    names = lower_case(column)
    found = np.zeros(len(column), bool)
    for one in patterns:
        found |= true_where(pc.match_substring_regex(names, name_pattern(one)))
    return found
