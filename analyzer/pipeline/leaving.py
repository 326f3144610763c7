"""What a run leaves: the place of an evidence set, the formats beside its tables, and what callers get."""

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
"""What a run found, as every output shows it."""


@dataclass(frozen=True)
class Left:
    """What a run left in `folder` (a path or URL): `files` are relative to it, in the order of their making.

    `carried` says what became of the marks of reviewers, where some were given.
    """

    folder: str
    files: list[str]
    carried: CarriedOver | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Run(Left, Generic[Answer]):
    """An audit, a history or a comparison that is done.

    `summary` is what every output shows; `issues` has the columns of `ISSUES`; `notable` has by group the findings of
    an audit that need a look, worst first, and how many there are of them. `evidence` is the set of an audit.
    """

    summary: Answer
    issues: pd.DataFrame
    notable: Mapping[str, tuple[pa.Table, int]] = field(default_factory=dict)
    evidence: EvidenceSet | None = None


@dataclass(frozen=True)
class Proof:
    """What is left beside the evidence so that others can see whose it is.

    `key` signs it (see `analyzer.evidence.signing`), and `recorded_by` is the name in `run.json`, if it is wanted.
    """

    key: Path | None = None
    recorded_by: str | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def require_possible(self, output: str) -> None:
        """Raise UsageError where the key cannot sign, or the output is at a URL: better now than after the run."""
        if is_url(output) and (self.key is not None or self.recorded_by is not None):
            raise UsageError("--sign and --record-run do not work with a URL for the output", "give a folder with -o")
        if self.key is not None:
            from analyzer.evidence.signing import require_key  # noqa: PLC0415 - most runs sign nothing

            require_key(self.key)

    def leave(self, place: str) -> list[str]:
        """Write `run.json` for the manifest in a folder, sign what is there, and return the names of the files."""
        made = []
        if self.recorded_by is not None:
            from analyzer.evidence.record import run_record  # noqa: PLC0415

            manifested = (Path(place) / MANIFEST).read_bytes()
            storage.put(place, RUN, run_record(self.recorded_by, self.started, manifested))
            made.append(RUN)
        if self.key is not None:
            from analyzer.evidence.signing import sign  # noqa: PLC0415

            made += sign(Path(place), self.key)
        return made


NO_PROOF: Final = Proof()


@contextmanager
def evidence_place(output: str, marks: Marks | None = None) -> Iterator[str]:
    """Yield the place where a set is made: a folder that is swapped in as a whole, or a URL that must hold nothing.

    A workbook in that folder from which `marks` were read may have changed since it was written.
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
    """Return the owner of a folder whose workbooks reviewers may have filled in, as far as marks were read from them.

    Raises OutputError where its workbook holds marks of reviewers that are not among these.
    """
    given = () if marks is None else marks.sources
    inside = {Path(one.name).resolve(): one.sha256 for one in given}
    place = folder.resolve()
    if _holds_marks(folder) and place / WORKBOOK not in inside:
        raise OutputError(
            f"{WORKBOOK} in {folder} contains marks of reviewers, which would be lost",
            f"give it with --carry-over {folder / WORKBOOK}, or choose another folder with -o",
        )
    return evidence_with_changes(
        {path.relative_to(place).as_posix(): digest for path, digest in inside.items() if path.is_relative_to(place)}
    )


def _holds_marks(folder: Path) -> bool:
    """Whether the workbook in a folder was written with marks of reviewers."""
    try:
        found = find_document(folder, RENDERED)
    except (InputError, OSError):  # what is wrong with it is found when the folder is replaced
        return False
    settings = [] if found is None else [found["settings"], *(one.get("settings", {}) for one in found["outputs"])]
    return any(one.get(CARRIED_OVER, {}).get("marks") for one in settings)


def carried(marks: Marks | None, place: str) -> CarriedOver | None:
    """Return what became of marks in the workbook at a place, where some were given."""
    return None if marks is None else CarriedOver.to(Path(place) / WORKBOOK, marks)


def left_out(output: str) -> Path | None:
    """Return the folder that is not searched for reports: the output of an earlier run."""
    return None if is_url(output) else Path(output)


def sealed(
    place: str, document: Mapping[str, Any], others: Sequence[str] = (), inputs: pd.DataFrame | None = None
) -> tuple[EvidenceSet, bytes]:
    """Return the evidence set that a manifest describes, and the bytes of the manifest.

    `others` are files beside those that it lists. Where the table of `inputs` is given, the set holds it in place of
    the manifest's own list, which may be an iterator and is used up by writing it.
    """
    data = seal(document)
    known = {**document, "digest": own_digest(data)}
    if inputs is not None:
        known["inputs"] = []
    return EvidenceSet.of(place, known, others, inputs), data


def finish(  # noqa: PLR0913 - what is rendered, and how
    evidence: EvidenceSet,
    manifested: bytes,
    place: str,
    formats: Sequence[str],
    options: Options,
    progress: Progress,
    proof: Proof = NO_PROOF,
) -> list[str]:
    """Render the formats beside the tables; return the names of all files of the set, in the order of their making."""
    listed = [str(one["name"]) for one in evidence.manifest["outputs"]]
    files = render_at(place, evidence, formats, options, progress)
    # Last: at a URL, a set without its manifest is one that was not finished.
    storage.put(place, MANIFEST, manifested)
    return [*listed, MANIFEST, *files, *proof.leave(place)]


def render_at(
    place: str, evidence: EvidenceSet, formats: Sequence[str], options: Options, progress: Progress
) -> list[str]:
    """Render formats at a path or URL, and describe them in `rendered.json`; return the names of the files."""
    if is_url(place):
        with tempfile.TemporaryDirectory() as folder:
            found = render_formats(evidence, Path(folder), formats, options, progress)
            for one in found.outputs:
                storage.put(place, one["name"], (Path(folder) / one["name"]).read_bytes())
    else:
        found = render_formats(evidence, Path(place), formats, options, progress)
    return [*(str(one["name"]) for one in found.outputs), *describe_renderings(place, evidence, options, found)]


def describe_renderings(place: str, evidence: EvidenceSet, options: Options, found: Rendered) -> list[str]:
    """Write `rendered.json`, where formats were rendered; return its name, if so."""
    if not any(found):
        return []
    storage.put(place, RENDERED, seal(rendered(str(evidence.manifest["digest"]), options.facts, *found)))
    return [RENDERED]


def remove_unlisted(evidence: EvidenceSet) -> None:
    """Remove tables that formats needed and nobody asked for."""
    listed = {table_of(one) for one in evidence.manifest["outputs"]}
    for table in evidence.files.keys() - listed:
        storage.remove(evidence.place, f"{table}.parquet")


def left_at(evidence: EvidenceSet, output: str) -> EvidenceSet:
    """Return the set that stands at `output` once the place where it was made has been swapped in."""
    return EvidenceSet.of(output, evidence.manifest, inputs=evidence.inputs)


def table_of(output: Mapping[str, Any]) -> str:
    """Return the table that a file of Parquet, or a part of one, is of."""
    return str(output["name"]).partition("/")[0].removesuffix(".parquet")
