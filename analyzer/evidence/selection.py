"""Selects findings by user, account, control and status, as the command line names them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.catalog import BY_ID
from analyzer.controls.checklist import make_checklist
from analyzer.controls.naming import is_number
from analyzer.controls.vocabulary import Reason, Status, counted
from analyzer.errors import UsageError, checked_choice, did_you_mean, first_few
from analyzer.evidence.checks import is_open
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

MANUAL: Final = Reason.MANUAL.value
"""Selects manual checks. In tables their status is `not_checked`, and their reason is `manual`."""
OPEN: Final = "open"
"""Selects checks that fail or are not checked, without manual checks and without those that a waiver covers."""
WAIVED: Final = "waived"
_STATUSES: Final = (*(status.value for status in Status), MANUAL, OPEN)
_MOST_COMPARED: Final = 10_000
"""Number of names in which a similar name is searched."""
_MOST_NAMED: Final = 10
"""Names that an error lists."""


@dataclass(frozen=True)
class Selection:
    """A selection of findings: a finding must have one of the values of each list that is not empty.

    `checks` are controls, each with its requirement; `users` are name patterns in lower case. The status `not_checked`
    does not select manual checks: these have a word of their own, `MANUAL`. `OPEN` selects open checks.
    """

    users: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    statuses: tuple[str, ...] = ()
    waived: bool = False
    """Select only checks that a waiver covers."""
    due_within: int | None = None
    """Select only checks that pass now and will fail within this number of days."""
    due: Choice | None = field(default=None, compare=False)
    """`due_within` as a choice."""

    @property
    def choice(self) -> Choice:
        """The selection as a choice of the rows of a batch."""
        tests = [
            (("status", "reason", "waiver"), self.statuses, lambda batch: _of_statuses(batch, self.statuses)),
            (("waiver",), (WAIVED,) if self.waived else (), lambda batch: np.asarray(batch["waiver"].is_valid(), bool)),
            (("account_id",), self.accounts, lambda batch: _of_accounts(batch["account_id"], self.accounts)),
            (("control", "requirement"), self.checks, lambda batch: _of_checks(batch, self.checks)),
            (("user",), self.users, lambda batch: _of_users(batch["user"], self.users)),
        ]
        active_tests: list[Callable[[pa.Table], Flags]] = [test for _, values, test in tests if values]
        columns = [column for needs, values, _ in tests if values for column in needs]
        if self.due is not None:
            active_tests.append(self.due.of)
            columns += self.due.needs

        def of(batch: pa.Table) -> Flags:
            selected = np.ones(batch.num_rows, bool)
            for test in active_tests:
                selected &= test(batch)
            return selected

        return Choice(tuple(dict.fromkeys(columns or ["status"])), of)

    @property
    def facts(self) -> dict[str, Any]:
        """The selection as plain data."""
        return {
            "users": list(self.users),
            "accounts": list(self.accounts),
            "controls": [{"control": check.control.id, "requirement": check.requirement} for check in self.checks],
            "statuses": list(self.statuses),
            "waived": self.waived,
            "due_within": self.due_within,
        }


def findings_as_json(evidence: EvidenceSet, selection: Selection) -> Iterator[str]:
    """Yield the selected findings of a set as JSON objects, in stored order; only one batch is in memory at a time."""
    for batch in evidence.rows_where("findings", selection.choice):
        yield from json_rows(batch)


FAILING: Final = Selection(statuses=(Status.FAIL,))
EVERYTHING: Final = Selection()


@dataclass(frozen=True)
class SelectedNames:
    """The names of users, accounts, controls and statuses that were given on the command line."""

    users: Sequence[str] = ()
    accounts: Sequence[str] = ()
    controls: Sequence[str] = ()
    statuses: Sequence[str] = field(default_factory=tuple)
    due_within: int | None = None
    waived: bool = False

    def within(self, evidence: EvidenceSet) -> Selection:
        """Return the selection in a set. Raises UsageError, with the names that exist, if the set lacks a name."""
        checklist, days = evidence.settings.checklist, self.due_within
        if days is not None:
            require_one_snapshot(evidence.settings, "--due-within")
        return Selection(
            _users(self.users, evidence),
            _accounts(self.accounts, evidence),
            _checks(self.controls, checklist),
            tuple(dict.fromkeys(_status(status) for status in self.statuses)),
            self.waived,
            days,
            None if days is None else comes_due(checklist, days, every_check=bool(self.controls)),
        )


def _status(text: str) -> str:
    name = text.strip().replace(" ", "_").replace("-", "_")
    if name == WAIVED:
        raise UsageError("--status: a waived check keeps its status", "use --waived to list the waived checks")
    return checked_choice("--status", MANUAL if name == "manual_check" else name, list(_STATUSES))


def _checks(names: Sequence[str], checklist: Checklist) -> tuple[Check, ...]:
    """Return the checks with these ids or numbers; a control that is judged by two limits has two checks."""
    chosen: dict[int, Check] = {}
    for name in (text.strip().lower() for text in names):
        numbers = {
            requirement.number for requirement in checklist.numbers_of.requirements if is_number(name, requirement)
        }
        matching = {
            position: check
            for position, check in enumerate(checklist.checks)
            if name == check.control.id or not numbers.isdisjoint(check.requirements)
        }
        if not matching:
            judged = ", ".join(_id_and_number(check) for check in checklist.checks)
            raise UsageError(_why_none(name, checklist), f"the evidence set has {judged}")
        chosen |= matching
    return tuple(chosen[position] for position in sorted(chosen))


def _why_none(name: str, checklist: Checklist) -> str:
    """Return the error message for a control id or number that was not judged in a set."""
    try:
        checks = make_checklist(benchmark=checklist.numbers_of, controls=[name]).checks
    except UsageError as error:  # there is no such control, or the framework has none
        if name not in BY_ID:
            return error.message
        ids = [name]
    else:
        ids = list(dict.fromkeys(check.control.id for check in checks))
    return f"--control: {' and '.join(ids)} was not judged in this evidence set"


def _id_and_number(check: Check) -> str:
    return f"{check.control.id} ({check.requirement})" if check.requirement else check.control.id


def _accounts(texts: Sequence[str], evidence: EvidenceSet) -> tuple[str, ...]:
    """Return account numbers without dashes; `unknown` stands for rows without a known account."""
    if not texts:
        return ()
    known_accounts = evidence.summary.accounts
    accounts = [text.strip().lower().replace("-", "") for text in texts]
    for text, account in zip(texts, accounts, strict=True):
        if account not in known_accounts:
            count = counted(len(known_accounts), "account")
            raise UsageError(
                f"--account: not in this evidence set: {text!r}{did_you_mean(account, known_accounts)}",
                f"the evidence set has {count}: {first_few(known_accounts, most=_MOST_NAMED)}"
                if known_accounts
                else "the evidence set has no accounts",
            )
    return tuple(dict.fromkeys(accounts))


def _users(patterns: Sequence[str], evidence: EvidenceSet) -> tuple[str, ...]:
    """Return user name patterns in lower case. Users without a judged check also belong to the set."""
    if not patterns:
        return ()
    table = "users" if "users" in evidence.files else "findings"
    columns = [batch["user"] for batch in evidence.batches(table, ["user"])]
    users = pc.unique(pa.chunked_array([pc.unique(column) for column in columns], pa.string()))
    users = users.filter(pc.is_valid(users))
    names = lower_case(pa.chunked_array([users]))
    for pattern in patterns:
        if not pc.any(pc.match_substring_regex(names, name_pattern(pattern.lower()))).as_py():
            near = did_you_mean(pattern.lower(), names[:_MOST_COMPARED].to_pylist())
            listed = ", ".join(users[:_MOST_NAMED].to_pylist())
            raise UsageError(
                f"--user: no such user in this evidence set: {pattern!r}{near}",
                f"the evidence set has {counted(len(users), 'user')}, such as {listed}; in a name, * matches any "
                "characters and ? matches one character",
            )
    return tuple(dict.fromkeys(pattern.lower() for pattern in patterns))


def _of_statuses(batch: pa.Table, statuses: Sequence[str]) -> Flags:
    """Return which rows have one of these statuses; a manual check has the status `MANUAL` and no other.

    Rows with `OPEN` fail or are not checked, and are not waived.
    """
    is_manual = has_text(batch["reason"], [MANUAL])
    matches = has_text(batch["status"], [status for status in statuses if status not in {MANUAL, OPEN}]) & ~is_manual
    if OPEN in statuses:
        matches |= is_open(batch)
    return matches | is_manual if MANUAL in statuses else matches


def _of_accounts(column: pa.ChunkedArray, accounts: Sequence[str]) -> Flags:
    matches = has_text(column, accounts)
    return matches | np.asarray(column.is_null(), bool) if UNKNOWN_ACCOUNT in accounts else matches


def _of_checks(batch: pa.Table, checks: Sequence[Check]) -> Flags:
    matches = np.zeros(batch.num_rows, bool)
    for check in checks:
        number = batch["requirement"]
        same_number = (
            np.asarray(number.is_null(), bool) if check.requirement is None else has_text(number, [check.requirement])
        )
        matches |= same_number & has_text(batch["control"], [check.control.id])
    return matches


def _of_users(column: pa.ChunkedArray, patterns: Sequence[str]) -> Flags:
    """Return which names match a pattern; a finding on an account as a whole has no user."""
    names = lower_case(column)
    matches = np.zeros(len(column), bool)
    for pattern in patterns:
        matches |= true_where(pc.match_substring_regex(names, name_pattern(pattern)))
    return matches
