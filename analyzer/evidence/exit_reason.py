"""The reason for the exit code in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.controls.control import Severity
from analyzer.controls.vocabulary import Status, counted
from analyzer.errors import first_few
from analyzer.evidence.answer import LACKING, is_rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.controls.checklist import Check
    from analyzer.evidence.summary import Summary
    from analyzer.evidence.with_issues import WithIssues

NOT_READ: Final = "some input could not be read or judged"
"""The reason of the exit code 3 if input was not read."""


def exit_reason(
    summary: Summary, *, fail_on: Severity = Severity.LOW, strict: bool = False, exit_zero: bool = False
) -> str:
    """Return in a sentence the reason for the exit code (`Summary.exit_code_of`); `exit_zero` turns 1 into 0."""
    code = summary.exit_code_of(fail_on=fail_on, strict=strict)
    counting = summary.checklist.counting(fail_on)
    checks = summary.checklist.checks
    failing = [checks[position] for position in counting if summary.open_by_check[position][Status.FAIL]]
    if code != 1:
        sentence = exit_without_failures(summary, code, fail_on)
        return f"{sentence.removesuffix('.')}; {_number_failing(failing, fail_on)}." if failing else sentence
    undecided = [checks[position] for position in counting if summary.undecided_of(position)]
    manual = [checks[position] for position in counting if strict and summary.by_control[position]["manual"]]
    return exit_sentence(failing, undecided, manual, fail_on=fail_on, exit_zero=exit_zero)


def exit_without_failures(summary: WithIssues, code: int, fail_on: Severity = Severity.LOW) -> str:
    """Return in a sentence the reason for the exit code 0 or 3."""
    if code == 3:
        rejected = [issue_code for issue_code in summary.issue_counts if is_rejected(issue_code)]
        reason = NOT_READ if rejected else "data issues, which --strict counts"
        reason = "reports of expected accounts are missing" if rejected == [LACKING] else reason
        return f"Exit code 3: {reason}."
    return f"Exit code 0: nothing{at_least(fail_on)} is open."


def at_least(fail_on: Severity) -> str:
    """Return in words which severities count; empty if all do."""
    if fail_on is Severity.LOW:
        return ""
    return f" of severity {fail_on.value}{'' if fail_on is Severity.CRITICAL else ' or higher'}"


def exit_sentence(
    failing: Sequence[Check],
    undecided: Sequence[Check],
    manual: Sequence[Check] = (),
    *,
    fail_on: Severity = Severity.LOW,
    exit_zero: bool = False,
) -> str:
    """Return in a sentence which controls cause the exit code 1; `exit_zero` turns it into 0.

    `undecided` have results that are not checked; `manual` need a manual check, if --strict counts these. Each control
    is named once: controls with failures come first.
    """
    reasons = []
    if failing:
        reasons.append(_failing(failing, fail_on))
    ids_so_far = _ids(failing)
    for checks, singular, plural in (
        (undecided, "is not fully checked", "are not fully checked"),
        (manual, "needs a manual check, which --strict counts", "need a manual check, which --strict counts"),
    ):
        ids = [control for control in _ids(checks) if control not in ids_so_far]
        ids_so_far += ids
        if ids:
            words = singular if len(ids) == 1 else plural
            reasons.append(f"{counted(len(ids), 'control')}{at_least(fail_on)} {words} ({first_few(ids)})")
    return exit_one("; ".join(reasons), exit_zero=exit_zero)


def _failing(failing: Sequence[Check], fail_on: Severity) -> str:
    """Return in words how many controls fail, and which of them are the most severe."""
    worst = min(failing, key=lambda check: list(Severity).index(check.severity))
    ids_of_worst = _ids([check for check in failing if check.severity is worst.severity])
    worst_in_words = f"{worst.control.id} is" if len(ids_of_worst) == 1 else f"{len(ids_of_worst):,} are"
    return f"{_number_failing(failing, fail_on)} ({worst_in_words} {worst.severity.value})"


def _number_failing(failing: Sequence[Check], fail_on: Severity) -> str:
    """Return in words how many controls fail, and of which severities if not all count."""
    count = len(_ids(failing))
    return f"{counted(count, 'control')}{at_least(fail_on)} {'fails' if count == 1 else 'fail'}"


def exit_one(why: str, *, exit_zero: bool) -> str:
    """Return the sentence on the exit code 1, which `exit_zero` turns into 0."""
    return f"Exit code {'0 because of --exit-zero, otherwise 1' if exit_zero else 1}: {why}."


def _ids(checks: Sequence[Check]) -> list[str]:
    return list(dict.fromkeys(check.control.id for check in checks))
