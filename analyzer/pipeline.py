"""The program's work as short lists of stages; no printing, no exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyzer.bookkeeping import inputs_table, issues_table
from analyzer.errors import InputError
from analyzer.excepting import apply_exceptions
from analyzer.judging import judge
from analyzer.reading.columns import NO_TIME
from analyzer.reading.issues import IssueLog
from analyzer.reading.normalizing import Tables, normalize
from analyzer.reading.parsing import parse
from analyzer.reading.sources import Source, read_sources
from analyzer.result import Audit, Inspection, Settings
from analyzer.selection import note_users_found_twice, select

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Progress = Callable[[int, int], None]

_NAMED: int = 5
"""Issues that an error spells out when nothing could be read."""


def audit(
    paths: Sequence[str], settings: Settings, *, leave_out: Path | None = None, progress: Progress | None = None
) -> Audit:
    """Read the reports under `paths` and judge them.

    `leave_out` is a folder not to walk into (the output folder); `progress` is told files read and files found.
    Raises InputError where nothing is left to judge, or where a reference instant is missing.
    """
    log = IssueLog()
    sources, tables = _read(paths, log, settings.account_id, leave_out, progress)
    selection = select(tables, sources, log, as_of=settings.as_of, every_snapshot=settings.every_snapshot)
    findings, credentials = judge(tables, selection, settings.plan)
    judged_accounts = tables.users["account_id"][selection.judged].astype("str").fillna("unknown")
    accounts = tuple(sorted(judged_accounts.unique()))
    findings, exceptions = apply_exceptions(findings, settings.plan, accounts, log)
    note_users_found_twice(tables.users[selection.judged], log, by_capture=settings.every_snapshot)
    return Audit(
        settings=settings,
        inputs=inputs_table(sources, tables, selection.judged, selection.as_of),
        users=tables.users,
        credentials=credentials,
        findings=findings,
        issues=issues_table(log),
        exceptions=exceptions,
        accounts=accounts,
    )


def inspect(paths: Sequence[str], *, account_id: str | None = None, progress: Progress | None = None) -> Inspection:
    """Return what is in the reports under `paths`, unjudged."""
    log = IssueLog()
    sources, tables = _read(paths, log, account_id, None, progress)
    note_users_found_twice(tables.users, log, by_capture=True)
    count = len(tables.users)
    return Inspection(inputs_table(sources, tables, np.zeros(count, bool), np.full(count, NO_TIME)), issues_table(log))


def _read(
    paths: Sequence[str], log: IssueLog, account_id: str | None, leave_out: Path | None, progress: Progress | None
) -> tuple[list[Source], Tables]:
    sources = read_sources(paths, log, leave_out=leave_out, progress=progress)
    if not sources:
        seen = [f"\n  {source}: {message}" for source, *_, message in log.rows[:_NAMED]]
        more = f"\n  and {len(log.rows) - _NAMED} more" if len(log.rows) > _NAMED else ""
        raise InputError(
            "no credential report could be read" + "".join(seen) + more,
            "give CSV files from `aws iam get-credential-report` or the IAM console, or a folder or archive with them",
        )
    raw = parse(sources, log)
    return sources, normalize(raw, sources, log, account_id)
