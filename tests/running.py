"""The module through which tests run an audit: in one go, in batches, or on an engine.

Whatever the modules behind it are called, tests ask for an audit here, and annotate with the types named here.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pandas as pd

from analyzer import pipeline
from analyzer.controls.vocabulary import JUDGED_KINDS, Outcome
from analyzer.engine import SILENT
from analyzer.evidence import storage
from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.schema import TABLES, stacked, to_arrow, to_pandas
from analyzer.evidence.seal import MANIFEST, unseal
from analyzer.evidence.settings import Settings
from analyzer.evidence.summary import Summary
from analyzer.evidence.tables import TablesInMemory
from analyzer.evidence.worst import notable, worst_rows
from analyzer.survey.report_finder import ReportFinder
from analyzer.survey.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from analyzer.engine import Map, Progress

__all__ = [
    "JUDGE",
    "JUDGED_KINDS",
    "Audit",
    "Outcome",
    "Settings",
    "Summary",
    "audit",
    "audit_in_batches",
    "audit_on_engine",
]

JUDGE: Final = "analyzer.batch.BatchJudge.of"
"""The function that judges the reports of a batch, by the name under which a test can put another in its place."""
_ALL_AT_ONCE: Final = 1 << 40
"""Bytes of a batch that holds everything."""


@dataclass(frozen=True)
class Audit(Summary):
    """The result of an audit: its summary, and its tables as frames."""

    findings: pd.DataFrame
    credentials: pd.DataFrame
    users: pd.DataFrame
    issues: pd.DataFrame
    tables: TablesInMemory = field(kw_only=True, repr=False, compare=False)

    @classmethod
    def of(cls, summary: Summary, frames: Mapping[str, pd.DataFrame]) -> Audit:
        """Return an audit of these tables."""
        positions = {(check.control.id, check.requirement): n for n, check in enumerate(summary.checklist.checks)}
        frame = frames["findings"]
        requirements = frame["requirement"].astype("object").where(frame["requirement"].notna(), None)
        chosen = [positions[key] for key in zip(frame["control"], requirements, strict=True)]
        findings = frame.assign(chosen=pd.Series(chosen, dtype="int64"))
        tables = TablesInMemory({name: to_arrow(frames[name], schema) for name, schema in TABLES.items()})
        whole: dict[str, Any] = {**frames, "findings": findings}
        return cls(
            summary.settings,
            summary.inputs,
            summary.tallies,
            trend=summary.trend,
            compared=summary.compared,
            tables=tables,
            **whole,
        )

    def changed(self, **frames: pd.DataFrame) -> Audit:
        """Return the audit with other tables."""
        names = ("findings", "credentials", "users", "issues")
        return Audit.of(self, {name: frames.get(name, getattr(self, name)) for name in names})

    @property
    def summary(self) -> dict[str, Any]:
        """The counts as plain data."""
        return self.facts

    @cached_property
    def worst_first(self) -> pd.DataFrame:
        """All findings, worst first."""
        return to_pandas(worst_rows(self.tables, self.checklist, len(self.findings)))

    @cached_property
    def notable(self) -> Mapping[str, tuple[pa.Table, int]]:
        """The findings that need a look, by group."""
        return notable(self.tables, self.checklist)


class InBatches(NamedTuple):
    """An audit in batches, and the tables that it wrote."""

    audit: Audit
    tables: dict[str, pa.Table]


class _MemoryWriter:
    """Keeps judged tables in memory, where the program writes them."""

    def __init__(self) -> None:
        self.tables = tuple(TABLES)
        self.restart()

    def write_in_task(self, number: int, tables: Mapping[str, pa.Table]) -> tuple[dict[str, pa.Table], list[Any]]:  # noqa: ARG002
        return dict(tables), []

    def put(self, tables: Mapping[str, pa.Table]) -> None:
        for name, table in tables.items():
            self.written[name].append(table)

    def restart(self) -> None:
        self.written: dict[str, list[pa.Table]] = {name: [schema.empty_table()] for name, schema in TABLES.items()}

    def close(self, written: Sequence[Any]) -> list[Any]:  # noqa: ARG002
        return []

    def abandon(self) -> None:
        pass


def audit(paths: Sequence[str], settings: Settings, *, progress: Progress = SILENT) -> Audit:
    """Audit the reports under `paths` in one batch; nothing is written."""
    with tempfile.TemporaryDirectory() as folder:
        looking = ReportFinder(Spool(f"{folder}/reports"), settings.account_id, captured_at=settings.captured_at)
        road, writer = pipeline.Road(looking, map, _ALL_AT_ONCE, progress), _MemoryWriter()
        summary = pipeline.judge_reports(road, road.survey(paths), settings, writer).summary
        return Audit.of(summary, {name: stacked(tables) for name, tables in writer.written.items()})


def opened(folder: Path | str) -> Audit:
    """Return the audit whose evidence set is in a folder."""
    return _read(folder).audit


def audit_in_batches(
    paths: Sequence[str],
    settings: Settings,
    out: Path,
    *,
    batch: int = 1,
    table_names: Sequence[str] = tuple(TABLES),
    formats: Sequence[str] = ("parquet",),
) -> InBatches:
    """Audit in batches of about so many bytes, and leave tables (`table_names`) and formats in the folder `out`."""
    where = pipeline.Engine(batch=batch)
    pipeline.audit(paths, settings, str(out), formats=formats, tables=table_names, where=where)
    return _read(out)


def audit_on_engine(
    paths: Sequence[str],
    settings: Settings,
    out: Path | str,
    run: Map,
    *,
    batch: int | None = None,
    table_names: Sequence[str] = tuple(TABLES),
    formats: Sequence[str] = ("parquet",),
    progress: Progress = SILENT,
) -> InBatches:
    """Audit by means of an engine, and leave the tables `table_names`, and the formats, at `out`: a path or a URL."""
    where = pipeline.Engine("dask", batch=batch, run=run)
    pipeline.audit(paths, settings, str(out), formats=formats, tables=table_names, where=where, progress=progress)
    return _read(out)


def _read(out: Path | str) -> InBatches:
    evidence = EvidenceSet.of(str(out), unseal(storage.get(str(out), MANIFEST)))
    tables = {name: evidence.table(name) for name in evidence.files}
    # Tables that were not left are empty.
    frames = {name: to_pandas(tables.get(name, schema.empty_table())) for name, schema in TABLES.items()}
    return InBatches(Audit.of(evidence.summary, frames), tables)


def without_digest(folder: Path, name: str) -> dict[str, bytes]:
    """Return the bytes of an output; of a workbook, the bytes of its parts without the digest of its evidence set.

    Sets with the same rows have other digests if their tables are in other parts.
    """
    path = folder / name
    if path.suffix != ".xlsx":
        return {"": path.read_bytes()}
    digest = str(json.loads((folder / "manifest.json").read_bytes())["digest"]).encode()
    with zipfile.ZipFile(path) as book:
        parts = {part: book.read(part) for part in book.namelist()}
    assert any(digest in data for data in parts.values())
    return {part: data.replace(digest, b"") for part, data in parts.items()}
