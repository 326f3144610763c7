"""The one place through which tests run an audit: in one go, in batches, or on an engine; and write what it found.

Whatever the modules behind it are called, tests ask for an audit here, and annotate with the types named here.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pyarrow import parquet

from analyzer import distributing, pipeline
from analyzer.controls.vocabulary import JUDGED_KINDS, Outcome
from analyzer.evidence import output as evidence
from analyzer.evidence.output import Written
from analyzer.evidence.result import Audit, Streamed
from analyzer.evidence.schema import TABLES
from analyzer.evidence.settings import Settings
from analyzer.evidence.summary import Summary
from analyzer.evidence.writer import GrowingTables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pyarrow as pa

    from analyzer.engine import Map

__all__ = [
    "JUDGE",
    "JUDGED_KINDS",
    "Audit",
    "InBatches",
    "OnEngine",
    "Outcome",
    "Settings",
    "Streamed",
    "Summary",
    "Written",
    "audit",
    "audit_in_batches",
    "audit_on_engine",
    "write",
    "write_in_batches",
    "write_on_engine",
]

JUDGE: Final = "analyzer.batch.judge_sources"
"""The function that judges the reports of a batch, by the name under which a test can put another in its place."""


class InBatches(NamedTuple):
    """What is told of an audit in batches, and the tables that it wrote."""

    told: Summary
    tables: dict[str, pa.Table]


class OnEngine(NamedTuple):
    """What is told of an audit on an engine, and for each file that it wrote `name, sha256, bytes`."""

    told: Summary
    outputs: list[dict[str, Any]]


def audit(
    paths: Sequence[str],
    settings: Settings,
    *,
    leave_out: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Audit:
    """Audit the reports under `paths` in one go."""
    return pipeline.audit(paths, settings, leave_out=leave_out, progress=progress)


def audit_in_batches(
    paths: Sequence[str], settings: Settings, out: Path, *, batch: int = 1, wanted: Sequence[str] = tuple(TABLES)
) -> InBatches:
    """Audit in batches of about so many bytes, and write the tables `wanted` into the new folder `out`."""
    out.mkdir()
    growing = GrowingTables(out, wanted)
    try:
        told = pipeline.audit_in_parts(paths, settings, growing, batch=batch, drawn=True)
    finally:
        files = growing.close()
    return InBatches(told, {file.stem: parquet.read_table(file) for file in files})


def audit_on_engine(
    paths: Sequence[str],
    settings: Settings,
    place: str | Path,
    run: Map,
    *,
    batch: int | None = None,
    wanted: Sequence[str] = tuple(TABLES),
    progress: Callable[[int, int], None] | None = None,
) -> OnEngine:
    """Audit by means of an engine, which puts the tables `wanted` at `place`: a path or a URL."""
    job = distributing.Job(settings, tuple(wanted), str(place))
    size = distributing.BATCH if batch is None else batch
    return OnEngine(*distributing.audit(paths, job, run, batch=size, progress=progress))


def write(found: Audit, folder: Path, formats: Sequence[str], tables: Sequence[str]) -> Written:
    """Write the evidence of an audit in one go."""
    return evidence.write(found, folder, formats, tables)


def write_in_batches(
    paths: Sequence[str],
    settings: Settings,
    folder: Path,
    formats: Sequence[str],
    tables: Sequence[str] = tuple(TABLES),
    *,
    batch: int = 1,
    drawn: bool = True,
) -> tuple[Summary, Written]:
    """Audit in batches and write the evidence; `drawn` says that pictures will be wanted of it."""
    run = partial(pipeline.audit_in_parts, paths, settings, batch=batch, drawn=drawn)
    return evidence.write_in_parts(folder, formats, tables, run)


def write_on_engine(
    paths: Sequence[str],
    settings: Settings,
    place: str,
    run: Map,
    *,
    batch: int | None = None,
    tables: Sequence[str] = tuple(TABLES),
) -> Summary:
    """Audit by means of an engine and write the evidence at `place`: a path or a URL, where nothing may stand yet."""

    def into(folder: str) -> tuple[Summary, list[dict[str, Any]]]:
        return audit_on_engine(paths, settings, folder, run, batch=batch, wanted=tables)

    evidence.check(place)
    return evidence.write_parts(place, tables, into)[0]
