"""What the commands do, as short lists of stages; no printing, no exit codes. This is the public Python API as well.

paths -> survey -> run plan -> judge, batch by batch -> evidence set -> render
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from analyzer import engine
from analyzer.batch import JUDGED_TABLES, Inspecting, Judging, Making, Result, input_of
from analyzer.engine import SILENT
from analyzer.errors import InputError
from analyzer.evidence import folder as folders
from analyzer.evidence import storage
from analyzer.evidence import verify as verifying
from analyzer.evidence.comparison import Comparison
from analyzer.evidence.history import History
from analyzer.evidence.inputs import input_facts, inputs_frame
from analyzer.evidence.inspection import Inspection
from analyzer.evidence.manifest import audit_facts, manifest, rendered
from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.schema import ISSUES, issues_table, to_arrow, to_pandas
from analyzer.evidence.seal import MANIFEST, RENDERED, digest_in, read_manifest, read_rendered, seal, unseal
from analyzer.evidence.settings import Settings
from analyzer.evidence.summary import Summary
from analyzer.evidence.tally import joined, of_issues
from analyzer.evidence.worst import notable
from analyzer.evidence.writer import GrowingFiles, Parts, put_tables
from analyzer.history.audits import audits_at, compare_audits
from analyzer.history.compare import Comparing
from analyzer.history.follow import Following
from analyzer.history.keeping import Keeping
from analyzer.history.kept import Ingest, Stored
from analyzer.history.store.adding import Added, adding
from analyzer.history.store.contents import contents
from analyzer.judging.waivers import describe_waivers
from analyzer.reading.issues import IssueLog
from analyzer.rendering.registry import TABLES, default_formats, formats_of, tables_needed
from analyzer.rendering.render import Options
from analyzer.rendering.render import render as render_formats
from analyzer.survey.files import is_url
from analyzer.survey.look import Looking
from analyzer.survey.plan import plan, plan_by_month
from analyzer.survey.selection import everything, select
from analyzer.survey.spool import NAME as SPOOL
from analyzer.survey.spool import Spool
from analyzer.survey.survey import Both, Survey

__all__ = [
    "LOCAL",
    "Engine",
    "Left",
    "Options",
    "Run",
    "Settings",
    "audit",
    "compare",
    "history",
    "ingest",
    "inspect",
    "render",
    "stored",
    "verify",
]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    import pandas as pd
    import pyarrow as pa

    from analyzer.engine import Map, Progress
    from analyzer.evidence.inputs import Input
    from analyzer.evidence.verify import Verification
    from analyzer.evidence.writer import Output, Writer
    from analyzer.reading.issues import Row
    from analyzer.survey.entry import Entry, Key
    from analyzer.survey.plan import Batch
    from analyzer.survey.selection import Selected

BATCH: Final = 16_000_000
"""Bytes of CSV that are judged together in threads of this process."""
TASK: Final = 32_000_000
"""The same of a task on a cluster."""
FOLLOWED: Final = 4_000_000
"""The same of what is followed or compared: more is made of a snapshot while others stand beside it."""
Answer = TypeVar("Answer", Summary, History, Comparison)
"""What a run found, as every output shows it."""


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

    def writer(self, place: str, tables: Sequence[str]) -> Writer:
        """Return where the tables of judged batches go."""
        return Parts(place, tables) if self.writes_parts else GrowingFiles(Path(place), tables)


LOCAL: Final = Engine()


@dataclass(frozen=True)
class Left:
    """What a run left in `folder` (a path or URL): `files` are relative to it, in the order of their making."""

    folder: str
    files: list[str]


@dataclass(frozen=True)
class Run(Left, Generic[Answer]):
    """An audit, a history or a comparison that is done.

    `summary` is what every output shows; `issues` has the columns of `ISSUES`; `notable` has by group the findings of
    an audit that need a look, worst first, and how many there are of them.
    """

    summary: Answer
    issues: pd.DataFrame
    notable: Mapping[str, tuple[pa.Table, int]] = field(default_factory=dict)


# --- every report, once -----------------------------------------------------------------------------------------------


@dataclass
class _Gathered:
    """What all batches of a run have given, but for tables that were written as they came."""

    inputs: list[Input] = field(default_factory=list)
    issues: list[Row] = field(default_factory=list)
    tallies: list[pa.Table] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    found: list[Any] = field(default_factory=list)
    reports: int = 0

    def take_inputs(self) -> list[dict[str, Any]]:
        """Return the inputs as a manifest keeps them, and let go of them here: there may be very many."""
        frame = inputs_frame(self.inputs)
        self.inputs.clear()
        return input_facts(frame)


class _Taker(Protocol):
    """Takes the tables of batches as they come."""

    def put(self, tables: Mapping[str, pa.Table]) -> None:
        """Take rows of tables."""

    def restart(self) -> None:
        """Forget all that was put."""


@dataclass(frozen=True)
class _Road:
    """How reports are looked at and read: `run` maps tasks, `size` is about how many bytes of CSV are one.

    `stage` is the name of the stage in which they are read.
    """

    looking: Looking
    run: Map
    size: int = BATCH
    progress: Progress = SILENT
    stage: str = "judging"

    def survey(self, paths: Sequence[str], leave_out: Path | None = None, side: int = 0) -> Survey:
        """Look at the inputs; `side` is 1 for the newer side of a comparison."""
        looking = replace(self.looking, side=side)
        return Survey.of(paths, looking, self.run, leave_out=leave_out, progress=self.progress)

    def gather(  # noqa: PLR0913 - what is read, and where it goes
        self,
        survey: Survey | Both,
        choose: Callable[[Sequence[Entry], IssueLog], list[Selected]],
        task: Callable[[Batch], Result],
        writer: _Taker | None = None,
        *,
        cuts_groups: bool = False,
        by_month: bool = False,
    ) -> _Gathered:
        """Run a task over the batches of the reports that are chosen; again, where a report is not what it seemed.

        Batches are those of `plan`, or of `plan_by_month`.
        """
        planned = plan_by_month if by_month else partial(plan, cuts_groups=cuts_groups)
        while True:
            log = IssueLog([*survey.issues, *survey.copies])
            selected = choose(survey.entries, log)
            found = _Gathered(issues=log.rows)
            found.inputs += [input_of(one.entry) for one in selected if not one.is_read and one.entry.facts]
            corrections = self._gather(planned(selected, self.size), task, writer, found)
            if not corrections:
                return found
            survey = survey.corrected(corrections, self.looking, self.run)
            if writer is not None:
                writer.restart()

    def _gather(
        self, todo: Sequence[Batch], task: Callable[[Batch], Result], writer: _Taker | None, found: _Gathered
    ) -> dict[Key, Entry | None]:
        """Run a task over batches; what comes of them goes to `found` and `writer`. Return the corrections."""
        self.progress.stage(self.stage, sum(len(one.reports) + len(one.counted) for one in todo))
        corrections: dict[Key, Entry | None] = {}
        for result in self.run(task, todo):
            corrections |= result.corrections
            if writer is not None and not corrections:
                writer.put(result.tables)
            found.inputs += result.inputs
            found.issues += result.issues
            found.outputs += result.outputs
            found.found += [] if result.found is None else [result.found]
            found.tallies += [] if result.tallies is None else [result.tallies]
            found.reports += result.reports
            self.progress.advance(result.reports)
        return corrections


# --- audit -----------------------------------------------------------------------------------------------------------


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
) -> Run[Summary]:
    """Read the reports under `paths`, judge them, and leave the evidence in `output`: a folder, or a URL of a new one.

    `tables` are left whatever the formats. Raises InputError where nothing is left to judge or a reference instant is
    missing, and OutputError where `output` cannot be written or holds what credreport did not write.
    """
    wanted = {"findings", "issues", *tables, *tables_needed("audit", formats)}
    with _place(output) as place, where.started() as run:
        road = _Road(Looking(Spool(f"{place}/{SPOOL}"), settings.account_id), run, where.size, progress)
        survey = road.survey(paths, _left_out(output))
        writer = where.writer(place, [name for name in TABLES if name in wanted])
        try:
            evidence = _judged(road, survey, settings, writer, place, tables)
        except BaseException:
            writer.abandon()
            raise
        storage.remove(place, SPOOL)
        files = _finish(evidence, place, formats, options, progress)
        worst = notable(evidence, settings.checklist)
        found = Run(output, files, evidence.summary, to_pandas(evidence.table("issues")), worst)
        _remove_unlisted(evidence)
    return found


def _judged(  # noqa: PLR0913 - what is judged, how, and where it goes
    road: _Road, survey: Survey, settings: Settings, writer: Writer, place: str, tables: Sequence[str]
) -> EvidenceSet:
    """Judge the reports of a survey and write their tables; return the set, with the manifest that describes it."""
    judging = Judging(settings, tuple(name for name in JUDGED_TABLES if name in writer.tables))
    choose = partial(select, as_of=settings.as_of, every_snapshot=settings.every_snapshot)
    task = partial(_judge_and_write, judging, writer)
    found = road.gather(survey, choose, task, writer, cuts_groups=settings.every_snapshot)
    log = IssueLog(found.issues)
    counted = Summary(settings, inputs_frame(found.inputs), joined(found.tallies))
    describe_waivers(counted.covered, settings.checklist, counted.accounts, log)
    writer.put({"issues": to_arrow(issues_table(log), ISSUES)})
    tallies = joined([counted.tallies, of_issues(log.rows)])
    outputs = writer.close(found.outputs) + put_tables(place, {"tallies": tallies})
    summary = Summary(settings, counted.inputs, tallies)
    listed = [one for one in outputs if _table_of(one) in {*tables, "tallies"}]
    data = seal(manifest("audit", audit_facts(summary, log.rows), listed))
    storage.put(place, MANIFEST, data)
    return EvidenceSet.of(place, unseal(data), [one["name"] for one in outputs if one not in listed])


def _judge_and_write(judging: Judging, writer: Writer, batch: Batch) -> Result:
    """Judge a batch, and write its tables where tasks do: what runs in threads, or in tasks of a cluster."""
    result = judging.of(batch)
    result.tables, result.outputs = writer.write_in_task(batch.number, result.tables)
    return result


# --- histories and comparisons ---------------------------------------------------------------------------------------


def history(  # noqa: PLR0913 - what is read, how it is followed, and what is left
    paths: Sequence[str],
    settings: Settings,
    output: str,
    *,
    store: Path | None = None,
    series: Sequence[datetime] | str = (),
    sla_days: int | None = None,
    formats: Sequence[str] = default_formats("history"),
    options: Options = Options(),  # noqa: B008 - frozen
    where: Engine = LOCAL,
    progress: Progress = SILENT,
) -> Run[History]:
    """Follow the failures of the reports under `paths`, or of a store, and leave the evidence in `output`.

    `series` are the dates at which it is judged, or `monthly`; without, each snapshot at its own capture time.
    `sla_days` is a deadline for fixes that is asked about. Raises InputError where nothing can be followed, and
    OutputError as `audit` does.
    """
    following = Following(settings, series, sla_days)
    with _place(output) as place, where.started() as run:
        if store is not None:
            progress.stage("judging")
            evidence = _written("history", following.stored(store), place)
        else:
            looking = Looking(Spool(f"{place}/{SPOOL}"), settings.account_id)
            road = _Road(looking, run, where.batch or FOLLOWED, progress)
            evidence = _written("history", _followed(road, paths, _left_out(output), following), place)
        files = _finish(evidence, place, formats, options, progress)
        return Run(output, files, evidence.history, evidence.history.issues)


def _followed(road: _Road, paths: Sequence[str], leave_out: Path | None, following: Following) -> History:
    """Read reports batch by batch and follow them; what is known of each file is let go of."""
    task = Making(following.settings.account_id, following.of).of
    done = road.gather(road.survey(paths, leave_out), following.choose, task)
    return following.joined(done.found, done.take_inputs(), IssueLog(done.issues))


def compare(  # noqa: PLR0913 - what is read, how it is judged, and what is left
    old: Sequence[str],
    new: Sequence[str],
    settings: Settings,
    output: str,
    *,
    store: Path | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    formats: Sequence[str] = default_formats("comparison"),
    options: Options = Options(),  # noqa: B008 - frozen
    where: Engine = LOCAL,
    progress: Progress = SILENT,
) -> Run[Comparison]:
    """Compare the newest snapshot of each account on two sides, and leave the evidence in `output`.

    The sides are reports under `old` and `new`; the evidence sets of two audits; or, of a store, what it had by
    `since` and by `until`. Raises InputError where nothing can be compared, and OutputError as `audit` does.
    """
    comparing = Comparing(settings)
    with _place(output) as place, where.started() as run:
        if store is not None and since is not None and until is not None:
            progress.stage("judging")
            evidence = _written("comparison", comparing.stored(store, since, until), place)
        elif (sets := audits_at(old, new)) is not None:
            progress.stage("judging")
            evidence = _written("comparison", compare_audits(comparing, sets, run), place)
        else:
            road = _Road(
                Looking(Spool(f"{place}/{SPOOL}"), settings.account_id), run, where.batch or FOLLOWED, progress
            )
            evidence = _written("comparison", _compared(road, old, new, _left_out(output), comparing), place)
        files = _finish(evidence, place, formats, options, progress)
        return Run(output, files, evidence.comparison, evidence.comparison.issues)


def _compared(
    road: _Road, old: Sequence[str], new: Sequence[str], leave_out: Path | None, comparing: Comparing
) -> Comparison:
    """Read the reports of both sides batch by batch and compare them."""
    task = Making(comparing.settings.account_id, comparing.of).of
    both = (road.survey(old, leave_out), road.survey(new, leave_out, side=1))
    done = road.gather(Both(both), comparing.choose, task)
    return comparing.joined(done.found, done.take_inputs(), IssueLog(done.issues))


def _written(kind: str, found: History | Comparison, place: str) -> EvidenceSet:
    """Write what was found as an evidence set, and return that."""
    import pyarrow as pa  # noqa: PLC0415

    storage.remove(place, SPOOL)
    described = manifest(kind, found.facts, put_tables(place, found.tables))
    data = seal(described)
    storage.put(place, MANIFEST, data)
    pa.default_memory_pool().release_unused()  # what batches and tables needed
    evidence = EvidenceSet.of(place, {**described, "digest": digest_in(data)})
    return replace(evidence, found=found)


# --- the place of the evidence ---------------------------------------------------------------------------------------


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
    _describe_renderings(place, evidence, options, outputs)
    return outputs


def _describe_renderings(place: str, evidence: EvidenceSet, options: Options, outputs: Sequence[Output]) -> None:
    """Write `rendered.json`, where anything was rendered."""
    if outputs:
        storage.put(place, RENDERED, seal(rendered(str(evidence.manifest["digest"]), options.facts, outputs)))


def _remove_unlisted(evidence: EvidenceSet) -> None:
    """Remove tables that formats needed and nobody asked for."""
    listed = {_table_of(one) for one in evidence.manifest["outputs"]}
    for table in evidence.files.keys() - listed:
        storage.remove(evidence.place, f"{table}.parquet")


def _table_of(output: Mapping[str, Any]) -> str:
    return str(output["name"]).partition("/")[0].removesuffix(".parquet")


# --- ingest, store ----------------------------------------------------------------------------------------------------


def ingest(
    paths: Sequence[str],
    folder: Path,
    *,
    account_id: str | None = None,
    batch: int = TASK,
    progress: Progress = SILENT,
) -> Ingest:
    """Keep the reports under `paths` in the store in `folder`; about `batch` bytes of CSV are read together.

    Those of unknown date or account are refused, and those of a month that is damaged; the rest is added. Raises
    InputError where there is no report, and OutputError where `folder` cannot be written or holds other files.
    """
    keeping = Keeping(account_id)
    with adding(folder) as new:
        looking = Looking(Spool(f"{new.staging}/{SPOOL}"), account_id)
        road = _Road(looking, engine.local, batch, progress, "reading")
        found = road.gather(road.survey(paths, folder), keeping.choose, keeping.of, new, by_month=True)
        progress.stage("storing")
        shutil.rmtree(new.staging / SPOOL, ignore_errors=True)
        new.finish()
    kept = Added(new.added, new.known, found.reports - new.added - new.known, new.rows)
    return Ingest(kept, issues_table(IssueLog([*found.issues, *new.log.rows])))


def stored(folder: Path) -> Stored:
    """Return what the store in `folder` holds. Raises InputError where it is no store, or one of a newer version."""
    return Stored.of(contents(folder))


# --- inspect, verify, render ------------------------------------------------------------------------------------------


def inspect(paths: Sequence[str], *, account_id: str | None = None, progress: Progress = SILENT) -> Inspection:
    """Return what is in the reports under `paths`, unjudged. Raises InputError where there is none."""
    with tempfile.TemporaryDirectory() as folder:
        road = _Road(Looking(Spool(f"{folder}/{SPOOL}"), account_id), engine.local, progress=progress)
        found = road.gather(road.survey(paths), everything, Inspecting(account_id).of, cuts_groups=True)
    return Inspection(inputs_frame(found.inputs), issues_table(IssueLog(found.issues)))


def verify(folder: Path, inputs: Sequence[str] = (), *, progress: Progress = SILENT) -> Verification:
    """Compare an evidence set with its manifest, and `inputs` with what was read, byte for byte.

    Raises InputError where `folder` holds no evidence set of this version, or one of `inputs` does not exist.
    """
    progress.stage("verifying")
    return verifying.verify(folder, inputs)


def render(
    folder: Path,
    formats: Sequence[str],
    output: Path | None = None,
    *,
    options: Options = Options(),  # noqa: B008 - frozen
    progress: Progress = SILENT,
) -> Left:
    """Render an evidence set in formats, beside what was rendered before, or into `output`, a copy of the set.

    Raises InputError where `folder` holds no evidence set of this version, where its tables are not those of its
    manifest, or where a table that a format needs was left out.
    """
    evidence = EvidenceSet.of(str(folder), read_manifest(folder))
    _require_whole(evidence, folder, formats)
    kept = [] if output else _renderings(folder, formats)
    stays = [MANIFEST, *(str(one["name"]) for one in (*evidence.manifest["outputs"], *kept))]
    with folders.replaced(output or folder) as staging:
        for name in stays:
            _bring_along(folder / name, staging / name, moves=output is None)
        outputs = render_formats(evidence, staging, formats, options, progress)
        _describe_renderings(str(staging), evidence, options, [*kept, *outputs])
    return Left(str(output or folder), [*(str(one["name"]) for one in outputs), RENDERED])


def _require_whole(evidence: EvidenceSet, folder: Path, formats: Sequence[str]) -> None:
    """Raise InputError unless the tables of a set are as they were written, and those that formats need are there."""
    for one in formats:
        if one not in formats_of(evidence.kind):
            raise InputError(
                f"there is no format {one} of this kind of evidence: {evidence.kind}",
                f"choose from {', '.join(formats_of(evidence.kind))}",
            )
    missing = sorted(tables_needed(evidence.kind, formats) - evidence.files.keys())
    if missing:
        raise InputError(
            f"the evidence set {folder} was written without {', '.join(missing)} (option --tables)",
            "run the audit again without --tables, or choose a format that does not need them",
        )
    changed = verifying.changed_tables(folder, evidence.manifest)
    if changed:
        raise InputError(
            f"not as it was written: {', '.join(changed)} in {folder}",
            "see `credreport verify`; render from a copy that holds, or run credreport again",
        )


def _renderings(folder: Path, formats: Sequence[str]) -> list[Output]:
    """Return what was rendered before into a set, in other formats than these."""
    found = read_rendered(folder)
    return [one for one in found["outputs"] if one["format"] not in formats] if found else []


def _bring_along(path: Path, target: Path, *, moves: bool) -> None:
    """Put a file into another folder; without a copy, where it `moves` and the file system can do that."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if moves:
        try:
            target.hardlink_to(path)
        except OSError:
            pass
        else:
            return
    shutil.copyfile(path, target)
