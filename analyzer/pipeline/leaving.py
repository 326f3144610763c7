"""The output of a run: the folder of an evidence set, the formats besides its tables, and the result for callers."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from analyzer.errors import InputError, OutputError, UsageError
from analyzer.evidence import folder as folders
from analyzer.evidence import storage
from analyzer.evidence.manifest import rendered
from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.owner import evidence_with_changes
from analyzer.evidence.seal import MANIFEST, RENDERED, RUN, find_document, own_digest, seal
from analyzer.rendering.marks import CARRIED_OVER, WORKBOOK, CarriedOver
from analyzer.rendering.render import Options
from analyzer.rendering.render import render as render_formats
from analyzer.survey.files import is_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    import pyarrow as pa

    from analyzer.engine import Progress
    from analyzer.evidence.comparison import Comparison
    from analyzer.evidence.history import History
    from analyzer.evidence.owner import Owner
    from analyzer.evidence.summary import Summary
    from analyzer.rendering.marks import Marks
    from analyzer.rendering.render import Rendered


Answer = TypeVar("Answer", "Summary", "History", "Comparison")
"""The summary of a run, which every output shows."""


@dataclass(frozen=True)
class WrittenFiles:
    """The files that a run wrote to `folder` (a path or URL). `files` are relative to it, in the order of writing.

    `carried` has the number of marks of reviewers that were carried over, if any were given. `removed` are files and
    subfolders (`charts/`) that were rendered from an earlier set in `folder`, which this run did not write.
    """

    folder: str
    files: list[str]
    carried: CarriedOver | None = field(default=None, kw_only=True)
    removed: tuple[str, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True)
class Run(WrittenFiles, Generic[Answer]):
    """The result of an audit, a history or a comparison.

    `summary` is shown by every output. `issues` has the columns of `ISSUES`. `notable` has, by group, the worst
    findings of an audit, worst first, and the number of all findings of the group. `evidence` is the evidence set of an
    audit. `strangers` has lines on rows of the list of leavers that match no user.
    """

    summary: Answer
    issues: pd.DataFrame
    notable: Mapping[str, tuple[pa.Table, int]] = field(default_factory=dict)
    evidence: EvidenceSet | None = None
    strangers: Sequence[str] = ()


@dataclass(frozen=True)
class Proof:
    """The proof of who made the evidence.

    `key` signs the evidence (see `analyzer.evidence.signing`). `recorded_by` is the name in `run.json`; None means that
    this file is not written.
    """

    key: Path | None = None
    recorded_by: str | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def require_possible(self, output: str) -> None:
        """Raise UsageError if the key cannot sign or the output is at a URL, before the run starts."""
        if is_url(output) and (self.key is not None or self.recorded_by is not None):
            raise UsageError("--sign and --record-run do not work with a URL for the output", "give a folder with -o")
        if self.key is not None:
            from analyzer.evidence.signing import require_key  # noqa: PLC0415 - most runs sign nothing

            require_key(self.key)

    def leave(self, folder: str) -> list[str]:
        """Write `run.json` into `folder`, sign its documents, and return the names of the files."""
        files = []
        if self.recorded_by is not None:
            from analyzer.evidence.record import run_record  # noqa: PLC0415

            manifested = (Path(folder) / MANIFEST).read_bytes()
            storage.put(folder, RUN, run_record(self.recorded_by, self.started, manifested))
            files.append(RUN)
        if self.key is not None:
            from analyzer.evidence.signing import sign  # noqa: PLC0415

            files += sign(Path(folder), self.key)
        return files


NO_PROOF: Final = Proof()


@contextmanager
def evidence_location(output: str, marks: Marks | None = None) -> Iterator[str]:
    """Yield the location in which an evidence set is made: a folder that then replaces `output`, or an empty URL.

    A workbook in `output` from which `marks` were read may have changed since it was written.
    """
    if not is_url(output):
        with folders.replaced(Path(output), owner_with(marks, Path(output))) as staging:
            yield str(staging)
        return
    storage.require_empty(output)
    try:
        yield output
    except BaseException as error:
        storage.clear(output)
        if isinstance(error, OSError):
            raise folders.cannot_write(output, error) from error
        raise


def owner_with(marks: Marks | None, folder: Path) -> Owner:
    """Return the owner of a folder, which accepts changes in the workbooks from which `marks` were read.

    Raises OutputError if the workbook in the folder has marks of reviewers, but was not read.
    """
    sources = () if marks is None else marks.sources
    inside = {Path(source.name).resolve(): source.sha256 for source in sources}
    resolved = folder.resolve()
    if _holds_marks(folder) and resolved / WORKBOOK not in inside:
        raise OutputError(
            f"{WORKBOOK} in {folder} contains marks of reviewers, which would be lost",
            f"give it with --carry-over {folder / WORKBOOK}, or choose another folder with -o",
        )
    return evidence_with_changes(
        {
            path.relative_to(resolved).as_posix(): digest
            for path, digest in inside.items()
            if path.is_relative_to(resolved)
        }
    )


def renderings_at(output: str) -> list[str]:
    """Return the rendered files of the evidence set in `output`, which a run is about to replace."""
    if is_url(output):
        return []
    try:
        document = find_document(Path(output), RENDERED)
    except (InputError, OSError):  # this is reported when the folder is replaced
        return []
    return [] if document is None else [str(row["name"]) for row in document["outputs"]]


def not_again(earlier: Sequence[str], files: Sequence[str]) -> tuple[str, ...]:
    """Return the `earlier` files and subfolders (`charts/`) that are not among `files`. A subfolder counts as one."""
    before, now = ({_top_of(name): None for name in names} for names in (earlier, files))
    return tuple(name for name in before if name not in now)


def _top_of(name: str) -> str:
    top, slash, _ = name.partition("/")
    return f"{top}{slash}"


def _holds_marks(folder: Path) -> bool:
    """Whether the workbook in a folder was written with marks of reviewers."""
    try:
        document = find_document(folder, RENDERED)
    except (InputError, OSError):  # this is reported when the folder is replaced
        return False
    settings = (
        []
        if document is None
        else [document["settings"], *(output.get("settings", {}) for output in document["outputs"])]
    )
    return any(entry.get(CARRIED_OVER, {}).get("marks") for entry in settings)


def carried(marks: Marks | None, location: str) -> CarriedOver | None:
    """Return how many marks the workbook at `location` has; None if no marks were given."""
    return None if marks is None else CarriedOver.to(Path(location) / WORKBOOK, marks)


def left_out(output: str) -> Path | None:
    """Return the folder that is not searched for reports, since it has the output of an earlier run; None for a URL."""
    return None if is_url(output) else Path(output)


def sealed(
    location: str, document: Mapping[str, Any], unlisted: Sequence[str] = (), inputs: pd.DataFrame | None = None
) -> tuple[EvidenceSet, bytes]:
    """Return the evidence set that a manifest describes, and the bytes of the manifest.

    `unlisted` are files that the manifest does not list. The table of `inputs` replaces the list in the manifest, which
    may be an iterator that is used up when the manifest is written.
    """
    data = seal(document)
    with_digest = {**document, "digest": own_digest(data)}
    if inputs is not None:
        with_digest["inputs"] = []
    return EvidenceSet.of(location, with_digest, unlisted, inputs), data


def finish(  # noqa: PLR0913 - evidence, formats, and options
    evidence: EvidenceSet,
    manifested: bytes,
    location: str,
    formats: Sequence[str],
    options: Options,
    progress: Progress,
    proof: Proof = NO_PROOF,
) -> list[str]:
    """Render the formats and write the manifest. Return the names of all files of the set, in the order of writing."""
    listed = [str(output["name"]) for output in evidence.manifest["outputs"]]
    files = render_at(location, evidence, formats, options, progress)
    # The manifest is written last: at a URL, a set without a manifest is unfinished.
    storage.put(location, MANIFEST, manifested)
    return [*listed, MANIFEST, *files, *proof.leave(location)]


def render_at(
    location: str, evidence: EvidenceSet, formats: Sequence[str], options: Options, progress: Progress
) -> list[str]:
    """Render formats to a path or URL, and describe them in `rendered.json`. Return the names of the files."""
    if is_url(location):
        with tempfile.TemporaryDirectory() as folder:
            renderings = render_formats(evidence, Path(folder), formats, options, progress)
            for output in renderings.outputs:
                storage.put(location, output["name"], (Path(folder) / output["name"]).read_bytes())
    else:
        renderings = render_formats(evidence, Path(location), formats, options, progress)
    return [
        *(str(output["name"]) for output in renderings.outputs),
        *describe_renderings(location, evidence, options, renderings),
    ]


def describe_renderings(location: str, evidence: EvidenceSet, options: Options, renderings: Rendered) -> list[str]:
    """Write `rendered.json` if formats were rendered, and return its name in a list."""
    if not any(renderings):
        return []
    storage.put(location, RENDERED, seal(rendered(str(evidence.manifest["digest"]), options.facts, *renderings)))
    return [RENDERED]


def remove_unlisted(evidence: EvidenceSet) -> None:
    """Remove tables that were written only because formats needed them."""
    listed = {table_of(output) for output in evidence.manifest["outputs"]}
    for table in evidence.files.keys() - listed:
        storage.remove(evidence.location, f"{table}.parquet")


def moved_to(evidence: EvidenceSet, output: str) -> EvidenceSet:
    """Return the evidence set at `output`, after the folder where it was made has been moved there."""
    return EvidenceSet.of(output, evidence.manifest, inputs=evidence.inputs)


def table_of(output: Mapping[str, Any]) -> str:
    """Return the name of the table of a Parquet file, or of a part of a table."""
    return str(output["name"]).partition("/")[0].removesuffix(".parquet")
