"""What each stage of judging a batch takes, in this process and one after the other."""

from __future__ import annotations

import hashlib
import time
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from analyzer.controls.checklist import make_checklist
from analyzer.evidence.schema import TABLES, public
from analyzer.evidence.tally import COUNTED, tallies_of
from analyzer.evidence.writer import to_bytes
from analyzer.judging.judge import judge
from analyzer.judging.waivers import cover_table
from analyzer.reading.columns import microseconds
from analyzer.reading.issues import IssueLog
from analyzer.reading.layout import SHOWN_ONLY
from analyzer.reading.normalizing import normalize
from analyzer.reading.parsing import parse
from tests.reports import read_sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from analyzer.reading.source import Source


def table_of_stages(reports: Sequence[Path], runs: int) -> str:
    """Judge some reports by `unused-credentials`, and return the medians of each stage as a Markdown table."""
    sources = read_sources([str(path) for path in reports], IssueLog())
    timings = [dict(_stages(reports, sources)) for _ in range(runs)]
    rows = sum(source.csv.count(b"\n") for source in sources)
    lines = [f"A batch of {rows:,} rows:\n", "| stage | time |", "|---|--:|"]
    lines += [f"| {stage} | {median(timing[stage] for timing in timings) * 1000:.0f} ms |" for stage in timings[0]]
    return "\n".join(lines) + "\n"


def _stages(reports: Sequence[Path], sources: Sequence[Source]) -> Iterator[tuple[str, float]]:
    """Yield each stage with the seconds that it took."""
    checklist, log, start = make_checklist(controls=["unused-credentials"]), IssueLog(), time.perf_counter()

    def took() -> float:
        nonlocal start
        before, start = start, time.perf_counter()
        return start - before

    for path in reports:
        hashlib.sha256(path.read_bytes()).hexdigest()
    yield "read and hash", took()
    raw = parse(sources, log, leave_out=SHOWN_ONLY)
    yield "parse as texts", took()
    tables = normalize(raw, sources, log)
    yield "type each cell, with its state", took()
    as_of = np.maximum(microseconds(tables.users["captured_at"]), 0)
    findings, credentials = judge(tables, as_of, checklist, by_capture=False, columns=COUNTED)
    findings, covered = cover_table(findings, checklist)
    yield "judge and word", took()
    tallies_of(tables.users, credentials, findings, covered, checklist)
    yield "count", took()
    to_bytes(public(findings, TABLES["findings"]))
    yield "write findings", took()
