"""What the commands do, as short lists of stages; no printing, no exit codes. This is the public Python API as well.

paths -> survey -> run plan -> judge, batch by batch -> evidence set -> render
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analyzer import engine
from analyzer.batch import JUDGED_TABLES, Inspecting, Judging, Result, input_of
from analyzer.engine import SILENT
from analyzer.evidence import folder as folders
from analyzer.evidence import storage
from analyzer.evidence.inputs import inputs_frame
from analyzer.evidence.inspection import Inspection
from analyzer.evidence.manifest import audit_facts, manifest, rendered
from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.schema import ISSUES, issues_table, to_arrow
from analyzer.evidence.seal import MANIFEST, RENDERED, seal, unseal
from analyzer.evidence.summary import Summary
from analyzer.evidence.tally import joined, of_issues
from analyzer.evidence.worst import notable
from analyzer.evidence.writer import GrowingFiles, Parts, put_tables
from analyzer.judging.waivers import describe_waivers
from analyzer.reading.issues import IssueLog
from analyzer.rendering.registry import TABLES, default_formats, tables_needed
from analyzer.rendering.render import Options
from analyzer.rendering.render import render as render_formats
from analyzer.survey.files import is_url
from analyzer.survey.look import Looking
from analyzer.survey.plan import plan
from analyzer.survey.selection import everything, select
from analyzer.survey.spool import NAME as SPOOL
from analyzer.survey.spool import Spool
from analyzer.survey.survey import Survey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from analyzer.engine import Map, Progress
    from analyzer.evidence.inputs import Input
    from analyzer.evidence.settings import Settings
    from analyzer.evidence.writer import Output, Writer
    from analyzer.reading.issues import Row
    from analyzer.survey.entry import Entry
    from analyzer.survey.plan import Batch
    from analyzer.survey.selection import Selected

BATCH: Final = 16_000_000
"""Bytes of CSV that are judged together in threads of this process."""
TASK: Final = 32_000_000
"""The same of a task on a cluster."""


@dataclass(frozen=True)
class Engine:
    """Where batches run: `name` is local (threads) or dask, at `scheduler` or on a cluster of this machine.

    `run`, where it is given, maps tasks instead of a cluster; `batch` is about how many bytes of CSV are a batch.
    """

    name: str = "local"
    scheduler: str | None = None
    batch: int | None = None
    run: Map | None = None

    @property
    def size(self) -> int:
        """About how many bytes of CSV are judged together."""
        return self.batch or (TASK if self.writes_parts else BATCH)

    @property
    def writes_parts(self) -> bool:
        """Whether tasks write parts of the tables, since they may run elsewhere."""
        return self.name == "dask"

    @contextmanager
    def started(self) -> Iterator[Map]:
        """Yield what maps tasks over items, in their order."""
        if self.run is not None:
            yield self.run
        elif self.writes_parts:
            with engine.dask(self.scheduler) as run:
                yield run
        else:
            yield engine.local


LOCAL: Final = Engine()


@dataclass(frozen=True)
class Run:
    """What a run left: the evidence set in `folder` (a path or URL), and `files` in it, in the order of their making.

    `summary` is what every output shows; `notable` has by group the findings that need a look, worst first, and how
    many there are of them.
    """

    folder: str
    files: list[str]
    summary: Summary
    notable: Mapping[str, tuple[pa.Table, int]] = field(default_factory=dict)
    issues: pa.Table | None = None


# --- audit ------------------------------------------------------------------------------------------------------------


def audit(  # noqa: PLR0913 - what is read, how it is judged, and what is left
    paths: Sequence[str],
    settings: Settings,
    output: str,
    *,
    formats: Sequence[str] = default_formats("audit"),
    tables: Sequence[str] = TABLES,
    options: Options = Options(),  # noqa: B008 - frozen
    where: Engine = LOCAL,
    progress: Progress = SILENT,
) -> Run:
    """Read the reports under `paths`, judge them, and leave the evidence in `output` (a folder, or the URL of a new one).

    `tables` are left whatever the formats. Raises InputError where nothing is left to judge or a reference instant is
    missing, and OutputError where `output` cannot be written or holds what credreport did not write.
    """
    wanted = tuple(name for name in TABLES if name in {"findings", "issues", *tables, *tables_needed("audit", formats)})
    with _place(output) as place, where.started() as run:
        looking = Looking(Spool(f"{place}/{SPOOL}"), settings.account_id)
        survey = Survey.of(paths, looking, run, leave_out=_left_out(output), progress=progress)
        writer: Writer = Parts(place, wanted) if where.writes_parts else GrowingFiles(Path(place), wanted)
        try:
            evidence = _write_evidence(survey, settings, writer, looking, run, where.size, place, tables, progress)
        except BaseException:
            writer.abandon()
            raise
        storage.remove_folder(place, SPOOL)
        files = _finish(evidence, place, formats, options, progress)
        found = Run(
            output,
            files,
            evidence.summary,
            notable(evidence, settings.checklist),
            evidence.table("issues"),
        )
        _remove_unlisted(evidence)
    return found


def _write_evidence(  # noqa: PLR0913 - what is judged, how, and where it goes
    survey: Survey,
    settings: Settings,
    writer: Writer,
    looking: Looking,
    run: Map,
    size: int,
    place: str,
    tables: Sequence[str],
    progress: Progress,
) -> EvidenceSet:
    """Judge the reports of a survey and write their tables; return the set, with the manifest that describes it."""
    task = partial(_judge_and_write, Judging(settings, tuple(name for name in JUDGED_TABLES if name in writer.tables)), writer)
    choose = partial(select, as_of=settings.as_of, every_snapshot=settings.every_snapshot)
    judged = _run_all(survey, choose, task, looking, run, size, writer, settings.every_snapshot, progress)
    log = IssueLog(judged.issues)
    tallies = joined(judged.tallies)
    counted = Summary(settings, inputs_frame(judged.inputs), tallies)
    describe_waivers(counted.covered, settings.checklist, counted.accounts, log)
    writer.put({"issues": to_arrow(issues_table(log), ISSUES)})
    tallies = joined([tallies, of_issues(log.rows)])
    outputs = writer.close(judged.outputs) + put_tables(place, {"tallies": tallies})
    summary = Summary(settings, counted.inputs, tallies)
    listed = [one for one in outputs if _table_of(one) in {*tables, "tallies"}]
    document = manifest("audit", audit_facts(summary, log.rows), listed)
    storage.put(place, MANIFEST, data := seal(document))
    extra = [one["name"] for one in outputs if one not in listed]
    return EvidenceSet.of(place, unseal(data), extra)


def _judge_and_write(judging: Judging, writer: Writer, batch: Batch) -> Result:
    """Judge a batch, and write its tables where tasks do: what runs in threads, or in tasks of a cluster."""
    result = judging.of(batch)
    result.tables, result.outputs = writer.write_in_task(batch.number, result.tables)
    return result


@dataclass
class _Gathered:
    """What all batches of a run have given, but for tables that were written as they came."""

    inputs: list[Input] = field(default_factory=list)
    issues: list[Row] = field(default_factory=list)
    tallies: list[pa.Table] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)


def _run_all(  # noqa: PLR0913 - a run plan, and what is done with it
    survey: Survey,
    choose: Callable[[Sequence[Entry], IssueLog], list[Selected]],
    task: Callable[[Batch], Result],
    looking: Looking,
    run: Map,
    size: int,
    writer: Writer | None,
    cuts_groups: bool,
    progress: Progress,
) -> _Gathered:
    """Run a task over all batches of the reports that are chosen; where a report is not what it seemed, run again."""
    while True:
        log = IssueLog([*survey.issues, *survey.copies])
        selected = choose(survey.entries, log)
        todo = plan(selected, size, cuts_groups=cuts_groups)
        progress.stage("judging", sum(len(one.reports) + len(one.counted) for one in todo))
        found = _Gathered(issues=log.rows)
        found.inputs += [input_of(one.entry) for one in selected if not one.is_read and one.entry.facts]
        corrections: dict[str, Entry | None] = {}
        for result in run(task, todo):
            corrections |= result.corrections
            if writer is not None and not corrections:
                writer.put(result.tables)
            found.inputs += result.inputs
            found.issues += result.issues
            found.outputs += result.outputs
            if result.tallies is not None:
                found.tallies.append(result.tallies)
            progress.advance(result.reports)
        if not corrections:
            return found
        survey = survey.corrected(corrections, looking, run)
        if writer is not None:
            writer.restart()


# --- the place of the evidence ----------------------------------------------------------------------------------------


@contextmanager
def _place(output: str) -> Iterator[str]:
    """Yield the place where a set is made: a folder that is swapped in as a whole, or a URL that must hold nothing."""
    if not is_url(output):
        with folders.replaced(Path(output)) as staging:
            yield str(staging)
        return
    storage.require_empty(output)
    try:
        yield output
    except OSError as error:
        raise folders.cannot_write(output, error) from error


def _left_out(output: str) -> Path | None:
    return None if is_url(output) else Path(output)


def _finish(
    evidence: EvidenceSet, place: str, formats: Sequence[str], options: Options, progress: Progress
) -> list[str]:
    """Render the formats beside the tables; return the names of all files of the set, in the order of their making."""
    listed = [str(one["name"]) for one in evidence.manifest["outputs"]]
    outputs = _render_at(place, evidence, formats, options, progress)
    return [*listed, MANIFEST, *(str(one["name"]) for one in outputs), *([RENDERED] if outputs else [])]


def _render_at(
    place: str, evidence: EvidenceSet, formats: Sequence[str], options: Options, progress: Progress
) -> list[Output]:
    """Render formats at a path or URL, and describe them in `rendered.json`."""
    if is_url(place):
        with tempfile.TemporaryDirectory() as folder:
            outputs = render_formats(evidence, Path(folder), formats, options, progress)
            for one in outputs:
                storage.put(place, one["name"], (Path(folder) / one["name"]).read_bytes())
    else:
        outputs = render_formats(evidence, Path(place), formats, options, progress)
    if outputs:
        storage.put(place, RENDERED, seal(rendered(str(evidence.manifest["digest"]), options.facts, outputs)))
    return outputs


def _remove_unlisted(evidence: EvidenceSet) -> None:
    """Remove tables that formats needed and nobody asked for."""
    listed = {str(one["name"]) for one in evidence.manifest["outputs"]}
    for files in evidence.files.values():
        for name in files:
            if name not in listed:
                storage.remove(evidence.place, name)
                if "/" in name:
                    storage.remove_folder(evidence.place, name.partition("/")[0])


def _table_of(output: Mapping[str, Any]) -> str:
    return str(output["name"]).partition("/")[0].removesuffix(".parquet")


# --- inspect ----------------------------------------------------------------------------------------------------------


def inspect(paths: Sequence[str], *, account_id: str | None = None, progress: Progress = SILENT) -> Inspection:
    """Return what is in the reports under `paths`, unjudged. Raises InputError where there is none."""
    with tempfile.TemporaryDirectory() as folder:
        looking = Looking(Spool(f"{folder}/{SPOOL}"), account_id)
        survey = Survey.of(paths, looking, engine.local, progress=progress)
        task = Inspecting(account_id).of
        found = _run_all(survey, everything, task, looking, engine.local, BATCH, None, True, progress)
    return Inspection(inputs_frame(found.inputs), issues_table(IssueLog(found.issues)))
