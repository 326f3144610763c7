"""Writes the worksheet: a CSV with a row for each task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.controls.control import Severity
from analyzer.evidence.plain import iso
from analyzer.rendering.spreadsheet import guarded, quoted_rows

if TYPE_CHECKING:
    from typing import TextIO

    from analyzer.rendering.remediation.tasks import Task

_COLUMNS: Final = (
    *("account_id", "user", "arn", "credential", "controls", "severity", "action", "why"),
    *("last_changed", "last_used", "captured_at", "source", "line"),
)


class Worksheet:
    """A worksheet that is written task by task into an open file."""

    def __init__(self, file: TextIO) -> None:
        self._rows = quoted_rows(file)
        self._rows.writerow(_COLUMNS)

    def add(self, task: Task) -> None:
        """Write the row of a task."""
        self._rows.writerow([guarded(cell) for cell in _cells(task)])


def _cells(task: Task) -> list[str]:
    facts, findings = task.facts, task.findings
    return [
        *(facts[column] or "" for column in ("account_id", "user", "arn", "credential")),
        "; ".join(dict.fromkeys(fact["control"] for fact in findings)),
        min((fact["severity"] for fact in findings), key=lambda severity: Severity(severity).code),
        task.action,
        " | ".join(f"{fact['control']}: {fact['message']}" for fact in findings),
        *(iso(facts[column]) or "" for column in ("last_changed", "last_used", "captured_at")),
        facts["source"],
        str(facts["line"]),
    ]
