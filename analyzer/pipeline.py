"""Audits as short lists of stages; no printing, no exit codes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from analyzer import batch as parts
from analyzer import engine
from analyzer.batch import Part
from analyzer.engine import ahead
from analyzer.errors import InputError
from analyzer.evidence import verify as verifying
from analyzer.evidence.inputs import inputs_table
from analyzer.evidence.result import Inspection
from analyzer.evidence.schema import issues_table, public_tables
from analyzer.reading.columns import NO_TIME
from analyzer.reading.issues import IssueLog
from analyzer.reading.normalizing import normalize
from analyzer.reading.parsing import parse
from analyzer.survey.files import find_files, is_read_once, note_empty_folders, once_each, read_sources, sources_in
from analyzer.survey.selection import note_users_found_twice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pyarrow as pa

    from analyzer.evidence.result import Audit, Settings, Summary
    from analyzer.evidence.verify import Verification
    from analyzer.evidence.writer import GrowingTables
    from analyzer.reading.normalizing import Tables
    from analyzer.reading.source import Source

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
    sources = read_all(paths, log, leave_out, progress)
    return parts.judge_sources(sources, settings, log).whole(log)


def audit_in_parts(  # noqa: PLR0913 - what is read, and how it is written
    paths: Sequence[str],
    settings: Settings,
    out: GrowingTables,
    *,
    batch: int = parts.BATCH,
    drawn: bool = False,
    leave_out: Path | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Do the same and hold a few batches of reports at a time: their tables go to `out` as they come.

    `batch` is about how many bytes of CSV are judged in one go; `drawn` says that pictures will be wanted of it.

    Where batches depend on each other (an account that stands in two of them, reports out of order), or on the user
    (an error), all is judged in one.
    """
    if not any(is_read_once(path) for path in paths):
        with suppress(_DependentError, InputError):
            return _in_parts(paths, settings, out, batch, drawn, leave_out, progress)
        out.restart()
    whole = audit(paths, settings, leave_out=leave_out, progress=progress)
    out.put(public_tables(whole, out.tables))
    return whole


class _DependentError(Exception):
    """Batches depend on each other."""


def _in_parts(  # noqa: PLR0913 - as it is called
    paths: Sequence[str],
    settings: Settings,
    out: GrowingTables,
    batch: int,
    drawn: bool,
    leave_out: Path | None,
    progress: Progress | None,
) -> Summary:
    log = IssueLog()
    done: list[Part] = []
    last, owned = "", set[object]()

    names: list[str] = []

    def judge(found: Sequence[Source]) -> tuple[Part, dict[str, pa.Table]]:
        names.extend(source.name for source in found)
        issues = IssueLog()
        sources = once_each(found, issues)
        judged = parts.judge_sources(sources, settings, issues, out.tables)
        return Part.of(judged, sources, issues, drawn=drawn), judged.arrow(out.tables)

    found = sources_in(find_files(paths, log, leave_out=leave_out), log, progress)
    for part, tables in engine.local(judge, ahead(parts.batches(found, batch, lambda source: len(source.csv)))):
        # With every snapshot, an undated report may be a copy of a dated one in another batch.
        unsure = settings.every_snapshot and part.undated
        if part.first <= last or unsure or not owned.isdisjoint(part.own):
            raise _DependentError
        last = part.last
        owned |= part.own
        out.put(tables)
        done.append(part)
    note_empty_folders(paths, names, log)
    if not done:
        raise _DependentError
    result = parts.joined(done, settings, log)
    out.put(public_tables(result, [name for name in out.tables if name == "issues"]))
    return result


def inspect(paths: Sequence[str], *, account_id: str | None = None, progress: Progress | None = None) -> Inspection:
    """Return what is in the reports under `paths`, unjudged."""
    log = IssueLog()
    sources, tables = read_tables(paths, log, account_id, None, progress)
    note_users_found_twice(tables.users, log, by_capture=True)
    count = len(tables.users)
    return Inspection(inputs_table(sources, tables, np.zeros(count, bool), np.full(count, NO_TIME)), issues_table(log))


def read_tables(
    paths: Sequence[str], log: IssueLog, account_id: str | None, leave_out: Path | None, progress: Progress | None
) -> tuple[list[Source], Tables]:
    """Return the reports under `paths`, and their tables. Raises InputError as `read_all` does."""
    sources = read_all(paths, log, leave_out, progress)
    return sources, normalize(parse(sources, log), sources, log, account_id)


def read_all(paths: Sequence[str], log: IssueLog, leave_out: Path | None, progress: Progress | None) -> list[Source]:
    """Return the reports under `paths`. Raises InputError where there is none."""
    sources = read_sources(paths, log, leave_out=leave_out, progress=progress)
    require_reports(sources, log)
    return sources


def require_reports(found: Sequence[object], log: IssueLog) -> None:
    """Raise InputError where nothing was found; `log` says why."""
    if not found:
        seen = [f"\n  {source}: {message}" for source, *_, message in log.rows[:_NAMED]]
        more = f"\n  and {len(log.rows) - _NAMED} more" if len(log.rows) > _NAMED else ""
        raise InputError(
            "no credential report could be read" + "".join(seen) + more,
            "give CSV files from `aws iam get-credential-report` or the IAM console, or a folder or archive with them",
        )


def verify(folder: Path, inputs: Sequence[str] = ()) -> Verification:
    """Compare an evidence set with its manifest, and `inputs` with what was read, byte for byte.

    Raises InputError where `folder` holds no evidence set of this version, or one of `inputs` does not exist.
    """
    return verifying.verify(folder, inputs)
