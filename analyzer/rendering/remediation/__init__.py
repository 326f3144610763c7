"""The remediation of failures: `worksheet.csv` for people, and `remediate.sh` with guarded admin commands.

The worksheet has a row for each credential or user with failures that are not waived. The script has a line for each
unused access key and password. A report may be out of date and has no key ids, so the script asks AWS before each
command and does nothing if the answer differs from the report (`remediate_head.sh`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.rendering.remediation.script import Script
from analyzer.rendering.remediation.tasks import newest_capture, tasks_of
from analyzer.rendering.remediation.worksheet import Worksheet

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from analyzer.evidence.opened import EvidenceSet
    from analyzer.evidence.summary import Summary
    from analyzer.evidence.tables import Tables
    from analyzer.rendering.remediation.tasks import Task
    from analyzer.rendering.render import Options


def render(evidence: EvidenceSet, folder: Path, options: Options) -> list[Path]:  # noqa: ARG001 - no option changes this format
    """Write the remediation of an evidence set into `folder`/remediation and return the paths of its files."""
    return write(evidence.summary, evidence, folder)


def write(summary: Summary, tables: Tables, folder: Path) -> list[Path]:
    """Write the worksheet and the script into `folder`/remediation and return their paths.

    `tables` has `findings`, `credentials` and `users`. Only failures, with the facts of their credentials and users,
    are held in memory.
    """
    return _write(summary, tasks_of(summary, tables, newest_capture(summary)), folder)


def _write(summary: Summary, tasks: Iterable[Task], folder: Path) -> list[Path]:
    folder = folder / "remediation"
    folder.mkdir(exist_ok=True)
    worksheet, script = folder / "worksheet.csv", folder / "remediate.sh"
    items = Script()
    with worksheet.open("w", encoding="utf-8", newline="") as file:
        rows = Worksheet(file)
        for task in tasks:
            rows.add(task)
            items.add(task)
    script.write_text(items.text(summary), encoding="utf-8", newline="\n")
    return [worksheet, script]
