"""An audit whose batches run elsewhere: tasks read files and write Parquet parts; what they counted is put together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analyzer import batch as parts
from analyzer.batch import Part
from analyzer.errors import OutputError
from analyzer.evidence import writer as parquet
from analyzer.evidence.schema import public_tables
from analyzer.pipeline import require_reports
from analyzer.reading.issues import IssueLog
from analyzer.survey.files import find_files, note_empty_folders, once_each, sources_in
from analyzer.survey.selection import require_capture_times

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

    from analyzer.engine import Map
    from analyzer.evidence.settings import Settings
    from analyzer.evidence.summary import Summary
    from analyzer.pipeline import Progress
    from analyzer.reading.issues import Row
    from analyzer.survey.files import File

    Output = dict[str, Any]
    """`name` (relative to the output folder), `sha256` and `bytes` of a file, as the manifest has it."""

BATCH: Final = 32_000_000
"""Bytes of files that are a task."""


@dataclass(frozen=True)
class Job:
    """What is the same for all tasks of a run: `place` is the output folder, a path or URL that all workers see."""

    settings: Settings
    tables: tuple[str, ...]
    place: str


@dataclass(frozen=True)
class Batch:
    """The files of one task, and the number of the parts that it writes."""

    number: int
    files: tuple[File, ...]


@dataclass(frozen=True)
class Done:
    """What a task leaves.

    `part` is None where its files held no report, or some of which it is not known when they were captured and must be:
    `undated`; then the `issues` of the task stand here, and else in the part. `names` are those of all reports found,
    `own` is what no other task may have (see `Part`).
    """

    part: Part | None
    issues: Sequence[Row] = ()
    names: Sequence[str] = ()
    undated: Sequence[str] = ()
    own: frozenset[object] = frozenset()
    outputs: Sequence[Output] = ()


def audit(  # noqa: PLR0913 - what is read, and where it runs
    paths: Sequence[str],
    job: Job,
    run: Map,
    *,
    batch: int = BATCH,
    leave_out: Path | None = None,
    progress: Progress | None = None,
) -> tuple[Summary, list[Output]]:
    """Do what `pipeline.audit` does by means of an engine; return the counts, and the files that were written.

    Batches that depend on each other, as those with snapshots of the same account do, are done again as one. Raises
    InputError as `pipeline.audit` does, and OutputError where parts that workers wrote are not to be seen here.
    """
    log = IssueLog()
    files = find_files(paths, log, leave_out=leave_out)
    batches = list(_batches(files, batch))
    parquet.make_folders(job.place, job.tables)
    done = dict(zip((one.number for one in batches), _run_all(batches, job, run, len(files), progress), strict=True))
    for group in _dependent(done, job.settings):
        together = Batch(group[0], tuple(file for one in batches if one.number in group for file in one.files))
        for number in group:
            del done[number]
        done[together.number] = next(run(partial(judge_files, job=job), [together]))
    ordered = [one for _, one in sorted(done.items())]
    require_capture_times(sorted(name for one in ordered for name in one.undated))
    found = [one.part for one in ordered if one.part is not None]
    log.rows.extend(row for one in ordered for row in one.issues)
    note_empty_folders(paths, [name for one in ordered for name in one.names], log)
    require_reports(found, log)
    result = parts.joined(found, job.settings, log)
    outputs = [output for one in ordered for output in one.outputs]
    issues = public_tables(result, [name for name in job.tables if name == "issues"])
    outputs += [_put(job, name, 0, table) for name, table in issues.items()]
    _keep_only(job.place, outputs)
    return result, sorted(outputs, key=lambda output: str(output["name"]))


def judge_files(batch: Batch, job: Job) -> Done:
    """Read and judge the files of a batch and write its parts: the task that workers run; it may run twice."""
    log = IssueLog()
    every = list(sources_in(batch.files, log))
    sources, names = once_each(every, log), [source.name for source in every]
    if not sources:
        return Done(None, log.rows, names)
    undated = [source.name for source in sources if source.captured_at is None]
    if undated and job.settings.as_of is None:
        # It may be a copy of a dated one in another batch.
        return Done(None, log.rows, names, undated, frozenset(source.identity for source in sources))
    judged = parts.judge_sources(sources, job.settings, log, job.tables)
    part = Part.of(judged, sources, log)
    outputs = [_put(job, name, batch.number, table) for name, table in judged.arrow(job.tables).items()]
    return Done(part, names=names, own=part.own, outputs=outputs)


def _batches(files: Iterable[File], size: int) -> Iterator[Batch]:
    """Yield the files in batches of about `size` bytes, with their paths in full: workers stand elsewhere."""
    placed = (replace(file, path=file.path.absolute()) if isinstance(file.path, Path) else file for file in files)
    for number, batch in enumerate(parts.batches(placed, size, lambda file: file.size)):
        yield Batch(number, tuple(batch))


def _run_all(batches: Sequence[Batch], job: Job, run: Map, files: int, progress: Progress | None) -> Iterator[Done]:
    read = 0
    for batch, done in zip(batches, run(partial(judge_files, job=job), batches), strict=True):
        read += len(batch.files)
        if progress is not None:
            progress(read, files)
        yield done


def _dependent(done: dict[int, Done], settings: Settings) -> list[list[int]]:
    """Return the numbers of batches that depend on each other, in groups of two or more."""
    owning = {number: one.own for number, one in done.items() if one.own}
    unsure = any(one.undated or (one.part is not None and one.part.undated) for one in done.values())
    if settings.every_snapshot and unsure:
        # An undated report may be a copy of a dated one in any of them.
        return [sorted(owning)] if len(owning) > 1 else []
    group_of = {number: {number} for number in owning}
    owner: dict[object, int] = {}
    for number, own in owning.items():
        for one in own:
            other = owner.setdefault(one, number)
            if group_of[other] is not group_of[number]:
                group_of[number] |= group_of[other]
                for member in group_of[number]:
                    group_of[member] = group_of[number]
    groups = {id(group): sorted(group) for group in group_of.values()}
    return [group for group in groups.values() if len(group) > 1]


def _put(job: Job, table: str, number: int, content: pa.Table) -> Output:
    """Write a part. Its name tells its content: a task that is done again, late, leaves what was there or a stray."""
    data = parquet.to_bytes(content)
    sha256 = hashlib.sha256(data).hexdigest()
    name = f"{table}.parquet/part-{number:05d}-{sha256[:8]}.parquet"
    parquet.put(job.place, name, data)
    return {"name": name, "sha256": sha256, "bytes": len(data)}


def _keep_only(place: str, outputs: Sequence[Output]) -> None:
    """Remove what batches left that were done again, or by workers that died; check that the rest is there."""
    sizes = parquet.sizes(place)
    wanted = {str(output["name"]): output["bytes"] for output in outputs}
    for name in sizes.keys() - wanted.keys():
        parquet.remove(place, name)
    missing = sorted(name for name, size in wanted.items() if sizes.get(name) != size)
    if missing:
        raise OutputError(
            f"{len(missing)} of {len(outputs)} parts that workers wrote are not in {place} as seen from here: "
            f"{missing[0]}",
            "choose an output folder with -o that this machine and all workers see, as a shared disk or a bucket",
        )
