"""Work on evidence sets that were written before: render them in formats, verify them, and show their checks."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from analyzer.engine import SILENT
from analyzer.errors import InputError
from analyzer.evidence import folder as folders
from analyzer.evidence import verify as verifying
from analyzer.evidence.due import soonest_first
from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.owner import EVIDENCE
from analyzer.evidence.plain import json_rows
from analyzer.evidence.seal import BESIDE, MANIFEST, RENDERED, read_manifest, read_rendered, signature_of
from analyzer.evidence.selection import SelectedNames, findings_as_json
from analyzer.evidence.worst import first_rows, worst_first
from analyzer.pipeline.leaving import NO_PROOF, Proof, WrittenFiles, carried, describe_renderings, owner_with
from analyzer.rendering.registry import formats_of, require_no_names, tables_needed
from analyzer.rendering.render import Options, Rendered
from analyzer.rendering.render import render as render_formats

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from analyzer.engine import Progress
    from analyzer.evidence.selection import Selection
    from analyzer.evidence.verify import Verification
    from analyzer.survey.pseudonyms import Pseudonyms


def verify(  # noqa: PLR0913 - what is compared
    folder: Path,
    inputs: Sequence[str] = (),
    *,
    pseudonyms: Pseudonyms | None = None,
    allowed_signers: Path | None = None,
    again: bool = False,
    progress: Progress = SILENT,
) -> Verification:
    """Compare an evidence set with its manifest, and `inputs` with the digests of what was read.

    If the set has pseudonyms, `pseudonyms` are needed to find the inputs by their names. `allowed_signers` is a list
    of signers with which signatures are checked. With `again`, the run is repeated from the inputs, and the results are
    compared. Raises InputError if `folder` has no evidence set of this version or one of `inputs` does not exist, and
    UsageError if the pseudonyms differ from those of the set or the run cannot be repeated.
    """
    progress.stage("verifying")
    verification = verifying.verify(folder, inputs, pseudonyms, allowed_signers)
    if not again or any(
        difference.kind == "manifest" for difference in verification.changed
    ):  # a changed manifest cannot be trusted
        return verification
    from analyzer.pipeline.rerunning import rerun  # noqa: PLC0415 - seldom needed

    repetition = rerun(folder, inputs, pseudonyms, progress)
    return replace(
        verification,
        changed=(*verification.changed, *repetition.different),
        notes=(*verification.notes, *repetition.notes),
    )


def render(  # noqa: PLR0913 - evidence, formats, options, and output
    folder: Path,
    formats: Sequence[str],
    output: Path | None = None,
    *,
    options: Options = Options(),  # noqa: B008 - frozen
    proof: Proof = NO_PROOF,
    progress: Progress = SILENT,
) -> WrittenFiles:
    """Render an evidence set in formats, into the set itself or, with `output`, into a copy of the set.

    Raises InputError if `folder` has no evidence set of this version, if its tables were changed, or if a table that a
    format needs was left out. Raises UsageError if the set has pseudonyms and a format needs names, or marks of
    reviewers may contain names.
    """
    proof.require_possible(str(output or folder))
    folders.tidy(folder.resolve())  # a run that was killed may have left the set under another name
    evidence = EvidenceSet.of(str(folder), read_manifest(folder))
    if evidence.pseudonyms:
        require_no_names(formats, carries_over=options.marks is not None)
    if evidence.kind != "audit" and (options.marks is not None or options.by is not None):
        raise InputError(
            f"--carry-over and --by work only for an audit; {folder} is the evidence of a {evidence.kind}",
            "leave out these options",
        )
    _require_whole(evidence, folder, formats)
    if output is not None and output.resolve() == folder.resolve():
        output = None
    kept_renderings = Rendered([], []) if output else _renderings(evidence, folder, formats)
    stays = [MANIFEST, *(str(output["name"]) for output in (*evidence.manifest["outputs"], *kept_renderings.outputs))]
    # The other formats do not replace the workbook, so marks of reviewers cannot be lost.
    owner = owner_with(options.marks, output or folder) if output or "excel" in formats else EVIDENCE
    with folders.replaced(output or folder, owner) as staging:
        for name in (*stays, *_beside(folder)):
            _bring_along(folder / name, staging / name, moves=output is None)
        rendered = render_formats(evidence, staging, formats, options, progress)
        all_renderings = Rendered(
            [*kept_renderings.outputs, *rendered.outputs], [*kept_renderings.not_made, *rendered.not_made]
        )
        described = describe_renderings(str(staging), evidence, options, all_renderings)
        signatures = proof.leave(str(staging))
        marks = carried(options.marks, str(staging))
    files = [*(str(output["name"]) for output in rendered.outputs), *described, *signatures]
    return WrittenFiles(str(output or folder), files, carried=marks)


def _beside(folder: Path) -> list[str]:
    """Return the files of a set that stay valid, such as run.json and signatures, except that of rendered.json."""
    return [name for name in sorted(BESIDE - {signature_of(RENDERED)}) if (folder / name).is_file()]


@dataclass(frozen=True)
class ShownFindings:
    """Findings of an evidence set: `count` of `total` match the `selection`, and `worst` has the first of these."""

    evidence: EvidenceSet
    selection: Selection
    total: int
    count: int
    worst: pa.Table

    @property
    def facts(self) -> dict[str, Any]:
        """The data of JSON besides the findings."""
        return {
            "folder": self.evidence.location,
            "requirements_of": self.evidence.settings.checklist.numbers_of.id,
            "asked": self.selection.facts,
            "total": self.total,
            "matching": self.count,
        }

    def as_json(self, most: int | None = None) -> Iterator[str]:
        """Yield the findings as JSON objects: all in stored order, or with `most` only the worst, worst first."""
        return findings_as_json(self.evidence, self.selection) if most is None else iter(json_rows(self.worst))


def findings_of(location: str) -> EvidenceSet:
    """Return the evidence of an audit at a path or URL. Raises InputError if it is not an audit or has no findings."""
    evidence = EvidenceSet.at(location)
    if evidence.kind != "audit":
        raise InputError(
            f"{location} is the evidence of a {evidence.kind}, not of an audit",
            "give a folder that audit wrote",
        )
    if "findings" not in evidence.files:
        raise InputError(
            f"the evidence set {location} was written without the table findings (option --tables)",
            "run the audit again without --tables",
        )
    return evidence


def show(
    location: str,
    names: SelectedNames = SelectedNames(),  # noqa: B008 - frozen
    *,
    most: int,
    progress: Progress = SILENT,
) -> ShownFindings:
    """Return the worst `most` findings that `names` choose from the evidence of an audit, at a path or URL.

    Raises InputError if there is no such set or its findings were changed, and UsageError for a name that the set does
    not have.
    """
    evidence = findings_of(location)
    progress.stage("reading the checks")
    evidence.require_as_written(
        "findings", *(["users"] if names.users else []), *(["tallies"] if names.accounts else [])
    )
    selection = names.within(evidence)
    choice = selection.choice
    count = sum(int(choice.of(batch).sum()) for batch in evidence.batches("findings", choice.needs))
    order = worst_first(evidence.settings.checklist) if selection.due is None else soonest_first()
    worst = first_rows(evidence, "findings", most, order, where=choice)
    return ShownFindings(evidence, selection, evidence.rows("findings"), count, worst)


def _require_whole(evidence: EvidenceSet, folder: Path, formats: Sequence[str]) -> None:
    """Raise InputError if a table of a set was changed, or if a table that formats need is missing."""
    for format_name in formats:
        if format_name not in formats_of(evidence.kind):
            raise InputError(
                f"the evidence of a {evidence.kind} cannot be written in the format {format_name}",
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
            f"changed since it was written: {', '.join(changed)} in {folder}",
            "see `credreport verify`; render from an unchanged copy, or run credreport again",
        )


def _renderings(evidence: EvidenceSet, folder: Path, formats: Sequence[str]) -> Rendered:
    """Return the earlier renderings of a set in other formats than `formats`, with their settings and versions."""
    document = read_rendered(folder)
    if document is None:
        return Rendered([], [])
    if document.get("manifest") != evidence.manifest["digest"]:
        raise InputError(
            f"{RENDERED} in {folder} belongs to another evidence set",
            "see `credreport verify`, or choose a folder with -o",
        )
    made_by = {"settings": document["settings"], "versions": document["versions"]}
    return Rendered(
        [{**made_by, **output} for output in document["outputs"] if output["format"] not in formats],
        # Evidence sets of earlier versions have no such list.
        [rendering for rendering in document.get("not_made", []) if rendering["format"] not in formats],
    )


def _bring_along(path: Path, target: Path, *, moves: bool) -> None:
    """Put a file into another folder. If it `moves`, it is linked instead of copied, if the file system can do this."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if moves:
        try:
            target.hardlink_to(path)
        except OSError:
            pass
        else:
            return
    shutil.copyfile(path, target)
