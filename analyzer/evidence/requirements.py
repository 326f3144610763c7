"""The result of each requirement of a framework in each account.

A requirement passes only if all its controls pass. If a report can decide only a part of the requirement, the best
result is `pass_partly`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa

from analyzer.controls.catalog import CONTROLS
from analyzer.controls.vocabulary import Reason, RequirementStatus, Status
from analyzer.evidence.schema import REQUIREMENTS, plain

if TYPE_CHECKING:
    from analyzer.controls.checklist import Check, Checklist
    from analyzer.controls.frameworks import Requirement
    from analyzer.evidence.counted import Findings, Whole

_STATUSES: Final = list(RequirementStatus)


class ByAccount(NamedTuple):
    """The result of a requirement, as arrays by account: codes of `RequirementStatus`, and the numbers of findings."""

    requirement: Requirement
    controls: list[str]
    """The controls of the requirement that were judged."""
    is_changed: bool
    """Whether one of these controls has other limits than the framework gives."""
    statuses: Whole
    fails: Whole
    not_checked: Whole
    passes: Whole
    waived: Whole

    @property
    def number(self) -> str:
        """The number of the requirement, with a star if a control has other limits than the framework gives."""
        return f"{self.requirement.number}{'*' if self.is_changed else ''}"

    def accounts(self, status: RequirementStatus) -> int:
        """Return the number of accounts with this result."""
        return int((self.statuses == status.code).sum())


def by_requirement(findings: Findings, checklist: Checklist) -> list[ByAccount]:
    """Return the results of the requirements of the framework, without requirements of which no control was chosen.

    A requirement is not checked in any account if the policy switched its controls off, or if they need a list that was
    not given.
    """
    if checklist.benchmark is None:
        return []
    counts = _Counts(findings, checklist)
    without_list = {control.id for control in CONTROLS if control.needs and control.id not in checklist.controls}
    not_judged = without_list.union(checklist.left_out)
    results = []
    for requirement in checklist.benchmark.requirements:
        checks = [n for n, check in enumerate(checklist.checks) if _is_of(check, requirement)]
        if checks or not not_judged.isdisjoint(requirement.controls):
            results.append(counts.of(requirement, checks))
    return results


def _is_of(check: Check, requirement: Requirement) -> bool:
    return requirement.number in check.requirements and check.control.id in requirement.controls


class _Counts:
    """The numbers of findings by check and account."""

    def __init__(self, findings: Findings, checklist: Checklist) -> None:
        checks = len(checklist.checks)
        self._checklist = checklist
        self._by_status = {status: findings.matrix(checks, status) for status in Status}
        self._manual = findings.matrix(checks, Status.NOT_CHECKED, findings.because(Reason.MANUAL))
        self._waived = sum(
            (findings.matrix(checks, status, findings.waived) for status in (Status.FAIL, Status.NOT_CHECKED)),
            np.zeros_like(self._manual),
        )

    def of(self, requirement: Requirement, checks: list[int]) -> ByAccount:
        """Return the result of a requirement; `checks` are the positions of its checks."""
        judged_by = [self._checklist.checks[number] for number in checks]
        fails, not_checked, passes, not_applicable = (
            self._by_status[status][checks].sum(axis=0)
            for status in (Status.FAIL, Status.NOT_CHECKED, Status.PASS, Status.NOT_APPLICABLE)
        )
        manual = self._manual[checks].sum(axis=0)
        # The result of a control that the policy switched off, or that nobody chose, is not known.
        controls = list(dict.fromkeys(check.control.id for check in judged_by))
        is_lacking = not set(controls).issuperset(requirement.controls)
        has_no_finding = (fails + not_checked + passes + not_applicable == 0) & bool(checks)
        statuses = np.select(
            [fails > 0, (not_checked > manual) | (is_lacking & ~has_no_finding), manual > 0, passes > 0],
            [
                RequirementStatus.FAIL.code,
                RequirementStatus.NOT_CHECKED.code,
                RequirementStatus.MANUAL.code,
                _at_best(requirement).code,
            ],
            default=RequirementStatus.NOT_APPLICABLE.code,
        )
        is_changed = any(self._checklist.is_changed(check) for check in judged_by)
        return ByAccount(
            requirement, controls, is_changed, statuses, fails, not_checked, passes, self._waived[checks].sum(axis=0)
        )


def _at_best(requirement: Requirement) -> RequirementStatus:
    return RequirementStatus.PASS_PARTLY if requirement.is_partly else RequirementStatus.PASS


def requirements_table(results: list[ByAccount], accounts: tuple[str, ...]) -> pa.Table:
    """Return a row per requirement and account (columns: `REQUIREMENTS`)."""
    size = len(accounts)
    columns: dict[str, list[object]] = {name: [] for name in REQUIREMENTS.names}
    for result in results:
        facts = {
            "framework": result.requirement.framework,
            "requirement": result.requirement.own_number,
            "title": result.requirement.title,
            "level": result.requirement.level,
            "assessment": result.requirement.assessment,
            "controls": result.controls,
        }
        for name, value in facts.items():
            columns[name] += [value] * size
        columns["account_id"] += accounts
        columns["status"] += [_STATUSES[code].value for code in result.statuses.tolist()]
        for name in ("fails", "not_checked", "passes", "waived"):
            columns[name] += getattr(result, name).tolist()
        columns["subjects"] += (result.fails + result.not_checked + result.passes).tolist()
    return pa.table(columns, schema=plain(REQUIREMENTS)).cast(REQUIREMENTS)
