"""What each command asks of the analyzer, and the one place in the command line that calls it.

Nothing heavy is loaded here until a run begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from analyzer.controls.checklist import Checklist
    from analyzer.engine import Progress
    from analyzer.evidence.comparison import Comparison
    from analyzer.evidence.history import History as FoundHistory
    from analyzer.evidence.output import Written
    from analyzer.history.kept import Ingest, Stored


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """What all runs that judge have in common."""

    checklist: Checklist
    account_id: str | None
    """Account of rows that neither their ARN nor the name of their file tells."""
    output: str
    """Folder for the evidence; for an audit on a cluster also a URL."""
    formats: list[str]
    workbook_rows: int
    """Rows that a sheet of the workbook holds at most."""


@dataclass(frozen=True, kw_only=True)
class Compare(_Judged):
    """What `compare` is asked for: two paths, or a store and two times."""

    old: str
    new: str
    store: Path | None
    times: tuple[datetime, datetime] | None


@dataclass(frozen=True, kw_only=True)
class History(_Judged):
    """What `history` is asked for: paths, or a store."""

    paths: list[str]
    store: Path | None
    series: list[datetime] | str
    """Reference dates, or the word monthly; none: each snapshot at its own capture time."""
    sla_days: int | None


def run_compare(request: Compare, progress: Progress) -> tuple[Comparison, Written]:
    """Compare two snapshots of each account, and write the evidence."""
    from analyzer.evidence import output as evidence  # noqa: PLC0415
    from analyzer.evidence.settings import Settings  # noqa: PLC0415
    from analyzer.history import tracking  # noqa: PLC0415

    folder = Path(request.output)
    evidence.check_folder(folder)
    settings = Settings(request.checklist, None, every_snapshot=False, account_id=request.account_id)
    if request.store is not None and request.times is not None:
        progress.stage("judging")
        found = tracking.compare_stored(request.store, *request.times, settings)
    else:
        told = _reading(progress, "judging", times=2)
        found = tracking.compare([request.old], [request.new], settings, leave_out=folder, progress=told)
    progress.stage("writing")
    return found, evidence.write_comparison(found, folder, request.formats)


def run_history(request: History, progress: Progress) -> tuple[FoundHistory, Written]:
    """Follow failures through many snapshots, and write the evidence."""
    from analyzer.evidence import output as evidence  # noqa: PLC0415
    from analyzer.evidence.settings import Settings  # noqa: PLC0415
    from analyzer.history import tracking  # noqa: PLC0415

    folder = Path(request.output)
    evidence.check_folder(folder)
    settings = Settings(request.checklist, None, every_snapshot=True, account_id=request.account_id)
    if request.store is not None:
        progress.stage("judging")
        found = tracking.history_stored(request.store, settings, series=request.series, sla_days=request.sla_days)
    else:
        told = _reading(progress, "judging")
        found = tracking.history(
            request.paths, settings, series=request.series, sla_days=request.sla_days, leave_out=folder, progress=told
        )
    progress.stage("writing")
    return found, evidence.write_history(found, folder, request.formats)


def run_ingest(paths: Sequence[str], store: Path, account_id: str | None, progress: Progress) -> Ingest:
    """Keep the snapshots under `paths` in a store."""
    from analyzer import pipeline  # noqa: PLC0415

    return pipeline.ingest(paths, store, account_id=account_id, progress=progress)


def run_store(folder: Path) -> Stored:
    """Return what a store holds."""
    from analyzer import pipeline  # noqa: PLC0415

    return pipeline.stored(folder)


def _reading(progress: Progress, then: str, name: str = "reading", times: int = 1) -> Callable[[int, int], None]:
    """Return what takes (files read, files found) of a stage; after `times` such stages begins the stage `then`."""
    left, before = times, 0

    def told(done: int, total: int) -> None:
        nonlocal left, before
        if done <= before or not before:
            progress.stage(name, total)
            before = 0
        progress.advance(done - before)
        before = done
        if done == total:
            left -= 1
            if not left:
                progress.stage(then)

    return told
