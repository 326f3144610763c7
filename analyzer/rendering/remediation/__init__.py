"""What to do about the failing credentials: `worksheet.csv` for people, `remediate.sh` with guarded admin commands.

The worksheet has a row for everything that fails and is not waived. The script has a line for those access keys and
passwords that may go because nobody uses them. A report may be out of date and has no key ids, so the script asks AWS
again before each command and leaves alone whatever is no longer as the report says (`remediate_head.sh`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from analyzer.evidence.schema import TABLES, to_arrow
from analyzer.reading.columns import table_of
from analyzer.rendering.remediation.script import Script
from analyzer.rendering.remediation.tasks import newest_capture, tasks_of
from analyzer.rendering.remediation.worksheet import Worksheet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from analyzer.evidence.result import Audit, Summary
    from analyzer.rendering.remediation.tasks import Task
    from analyzer.rendering.tables import Tables


def write(summary: Summary, tables: Tables, folder: Path) -> list[Path]:
    """Write the worksheet and the script into `folder`/remediation and return their paths.

    `tables` has `findings, credentials, users`. Of them only failures, and what is known of their credentials, are held
    in memory.
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


# --- until all audits are read from their evidence set ---------------------------------------------------------------


def write_audit(audit: Audit, folder: Path) -> list[Path]:
    """Do the same for an audit in memory, whose tables also have rows that were not judged."""
    seen = table_of(audit.users, ("account_id", "captured_at")).cast(
        pa.schema({"account_id": pa.string(), "captured_at": TABLES["users"].field("captured_at").type})
    )
    newest = seen.group_by("account_id").aggregate([("captured_at", "max")]).to_pydict()
    of_account = dict(zip(newest["account_id"], newest["captured_at_max"], strict=True))
    return _write(audit, tasks_of(audit, _InMemory(audit), of_account), folder)


class _InMemory:
    """The tables of an audit in memory."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def batches(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the public columns of a table in one piece."""
        table = to_arrow(getattr(self._audit, name), TABLES[name])
        yield table if columns is None else table.select(list(columns))
