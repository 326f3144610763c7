"""The answer by requirement: what each requirement of a framework comes to in each account.

A requirement passes only where all of its controls do. Where a report decides a part of it, it passes partly at best.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa

from analyzer.controls.catalog import CONTROLS
from analyzer.controls.vocabulary import Met, Reason, Status
from analyzer.evidence.schema import REQUIREMENTS, plain

if TYPE_CHECKING:
    from analyzer.controls.checklist import Check, Checklist
    from analyzer.controls.frameworks import Requirement
    from analyzer.evidence.counted import Findings, Whole

_MET: Final = list(Met)


class ByAccount(NamedTuple):
    """What a requirement comes to, account by account: codes of `Met`, and counts of findings, of each."""

    requirement: Requirement
    controls: list[str]
    """Those of its controls that are judged."""
    is_changed: bool
    """Whether one of these is judged by other limits than the framework's."""
    met: Whole
    fails: Whole
    not_checked: Whole
    passes: Whole
    waived: Whole

    @property
    def number(self) -> str:
        """The number, with a star where it is judged by other limits than the framework's."""
        return f"{self.requirement.number}{'*' if self.is_changed else ''}"

    def accounts(self, met: Met) -> int:
        """Return in how many accounts it comes to this."""
        return int((self.met == met.code).sum())


def by_requirement(findings: Findings, checklist: Checklist) -> list[ByAccount]:
    """Return what the requirements of the benchmark come to; those of which nobody chose a control are left out.

    One whose controls the policy has switched off, or judge by a list that was not given, is not checked anywhere.
    """
    if checklist.benchmark is None:
        return []
    counts = _Counts(findings, checklist)
    without_list = {one.id for one in CONTROLS if one.needs and one.id not in checklist.controls}
    not_judged = without_list.union(checklist.left_out)
    found = []
    for one in checklist.benchmark.requirements:
        checks = [n for n, check in enumerate(checklist.checks) if _is_of(check, one)]
        if checks or not not_judged.isdisjoint(one.controls):
            found.append(counts.of(one, checks))
    return found


def _is_of(check: Check, requirement: Requirement) -> bool:
    return requirement.number in check.requirements and check.control.id in requirement.controls


class _Counts:
    """Findings by check and account."""

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
        """Return what a requirement comes to by its checks."""
        judged_by = [self._checklist.checks[number] for number in checks]
        fails, not_checked, passes, not_applicable = (
            self._by_status[status][checks].sum(axis=0)
            for status in (Status.FAIL, Status.NOT_CHECKED, Status.PASS, Status.NOT_APPLICABLE)
        )
        manual = self._manual[checks].sum(axis=0)
        # What a control would say that the policy switched off, or nobody chose, is not known.
        controls = list(dict.fromkeys(one.control.id for one in judged_by))
        is_lacking = not set(controls).issuperset(requirement.controls)
        says_nothing = (fails + not_checked + passes + not_applicable == 0) & bool(checks)
        met = np.select(
            [fails > 0, (not_checked > manual) | (is_lacking & ~says_nothing), manual > 0, passes > 0],
            [Met.FAIL.code, Met.NOT_CHECKED.code, Met.MANUAL.code, _at_best(requirement).code],
            default=Met.NOT_APPLICABLE.code,
        )
        is_changed = any(self._checklist.is_changed(one) for one in judged_by)
        return ByAccount(
            requirement, controls, is_changed, met, fails, not_checked, passes, self._waived[checks].sum(axis=0)
        )


def _at_best(requirement: Requirement) -> Met:
    return Met.PASS_PARTLY if requirement.is_partly else Met.PASS


def requirements_table(found: list[ByAccount], accounts: tuple[str, ...]) -> pa.Table:
    """Return a row per requirement and account (columns: `REQUIREMENTS`)."""
    size = len(accounts)
    columns: dict[str, list[object]] = {name: [] for name in REQUIREMENTS.names}
    for one in found:
        same = {
            "framework": one.requirement.framework,
            "requirement": one.requirement.own_number,
            "title": one.requirement.title,
            "level": one.requirement.level,
            "assessment": one.requirement.assessment,
            "controls": one.controls,
        }
        for name, value in same.items():
            columns[name] += [value] * size
        columns["account_id"] += accounts
        columns["status"] += [_MET[code].value for code in one.met.tolist()]
        for name in ("fails", "not_checked", "passes", "waived"):
            columns[name] += getattr(one, name).tolist()
        columns["subjects"] += (one.fails + one.not_checked + one.passes).tolist()
    return pa.table(columns, schema=plain(REQUIREMENTS)).cast(REQUIREMENTS)
