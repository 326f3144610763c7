"""What each command asks of the analyzer, and the one place in the command line that calls it.

Nothing heavy is loaded here until a run begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from analyzer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from typing import Any

    from analyzer import distributing
    from analyzer.controls.checklist import Checklist
    from analyzer.engine import Progress
    from analyzer.evidence.comparison import Comparison
    from analyzer.evidence.history import History as FoundHistory
    from analyzer.evidence.inspection import Inspection
    from analyzer.evidence.output import Written
    from analyzer.evidence.settings import Settings
    from analyzer.evidence.summary import Summary
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
class Audit(_Judged):
    """What `audit` is asked for."""

    paths: list[str]
    as_of: datetime | None
    every_snapshot: bool
    tables: list[str]
    on_cluster: bool
    scheduler: str | None


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


class Verified(Protocol):
    """What `verify` found."""

    @property
    def holds(self) -> bool:
        """Whether every file is as it was written."""

    @property
    def lines(self) -> list[str]:
        """The answer in lines."""

    @property
    def facts(self) -> dict[str, Any]:
        """The same as plain data."""


def run_audit(request: Audit, progress: Progress) -> tuple[Summary, Written]:
    """Judge reports, and write the evidence."""
    if request.on_cluster and request.formats != ["parquet"]:
        raise UsageError(
            "the engine dask writes Parquet alone",
            "add --format parquet; the other formats come from a local run, on fewer reports",
        )
    from analyzer import pipeline  # noqa: PLC0415
    from analyzer.evidence import output as evidence  # noqa: PLC0415
    from analyzer.evidence.settings import Settings  # noqa: PLC0415

    evidence.check(request.output)
    settings = Settings(request.checklist, request.as_of, request.every_snapshot, request.account_id)
    folder = Path(request.output)
    if request.on_cluster:
        return _audit_on_cluster(request, settings, progress)
    if evidence.IN_PARTS.issuperset(request.formats):
        run = partial(
            pipeline.audit_in_parts,
            request.paths,
            settings,
            leave_out=folder,
            progress=_reading(progress, "judging and writing"),
        )
        drawn = partial(run, drawn="charts" in request.formats)
        return evidence.write_in_parts(folder, request.formats, request.tables, drawn)
    found = pipeline.audit(request.paths, settings, leave_out=folder, progress=_reading(progress, "judging"))
    progress.stage("writing")
    return found, evidence.write(found, folder, request.formats, request.tables)


def _audit_on_cluster(request: Audit, settings: Settings, progress: Progress) -> tuple[Summary, Written]:
    from analyzer import distributing, engine  # noqa: PLC0415 - an extra
    from analyzer.evidence import output as evidence  # noqa: PLC0415

    with engine.dask(request.scheduler) as run:

        def audit_into(place: str) -> tuple[Summary, list[distributing.Output]]:
            job = distributing.Job(settings, tuple(request.tables), place)
            leave_out = Path(request.output)
            told = _reading(progress, "writing", "judging")
            return distributing.audit(request.paths, job, run, leave_out=leave_out, progress=told)

        return evidence.write_parts(request.output, request.tables, audit_into)


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
    from analyzer.history import tracking  # noqa: PLC0415

    return tracking.ingest(paths, store, account_id=account_id, progress=_reading(progress, "keeping"))


def run_store(folder: Path) -> Stored:
    """Return what a store holds."""
    from analyzer.history import tracking  # noqa: PLC0415

    return tracking.stored(folder)


def run_inspect(paths: Sequence[str], account_id: str | None, progress: Progress) -> Inspection:
    """Return what is in the reports under `paths`, unjudged."""
    from analyzer import pipeline  # noqa: PLC0415

    return pipeline.inspect(paths, account_id=account_id, progress=progress)


def run_render(
    folder: Path, formats: Sequence[str], output: Path | None, workbook_rows: int, progress: Progress
) -> Written:
    """Make other formats of an evidence set; `output` is another folder for them."""
    from analyzer.pipeline import render  # type: ignore[attr-defined]  # noqa: PLC0415 - to come

    progress.stage("rendering")
    written: Written = render(folder, formats, output, workbook_rows=workbook_rows)
    return written


def run_verify(folder: Path, inputs: Sequence[str], progress: Progress) -> Verified:
    """Return whether an evidence set, and the reports under `inputs`, are as they were."""
    from analyzer.pipeline import verify  # type: ignore[attr-defined]  # noqa: PLC0415 - to come

    progress.stage("verifying")
    found: Verified = verify(folder, inputs)
    return found


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
