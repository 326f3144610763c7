"""Evidence sets that are there already: rendered in other formats, verified, and looked at."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from analyzer.engine import SILENT
from analyzer.errors import InputError
from analyzer.evidence import folder as folders
from analyzer.evidence import verify as verifying
from analyzer.evidence.asked import Names, findings_as_json
from analyzer.evidence.due import soonest_first
from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.owner import EVIDENCE
from analyzer.evidence.plain import json_rows
from analyzer.evidence.seal import BESIDE, MANIFEST, RENDERED, read_manifest, read_rendered, signature_of
from analyzer.evidence.worst import first_rows, worst_first
from analyzer.pipeline.leaving import NO_PROOF, Left, Proof, carried, describe_renderings, owner_with
from analyzer.rendering.registry import formats_of, require_no_names, tables_needed
from analyzer.rendering.render import Options, Rendered
from analyzer.rendering.render import render as render_formats

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from analyzer.engine import Progress
    from analyzer.evidence.asked import Asked
    from analyzer.evidence.verify import Verification
    from analyzer.survey.pseudonyms import Pseudonyms


def verify(  # noqa: PLR0913 - what is checked, and by what
    folder: Path,
    inputs: Sequence[str] = (),
    *,
    pseudonyms: Pseudonyms | None = None,
    allowed_signers: Path | None = None,
    again: bool = False,
    progress: Progress = SILENT,
) -> Verification:
    """Compare an evidence set with its manifest, and `inputs` with what was read, byte for byte.

    A set that has `pseudonyms` needs those, to find the inputs by their names. `allowed_signers` is a list by which
    signatures are checked. With `again`, the run is made again from the inputs, and what it leaves is compared. Raises
    InputError where `folder` holds no evidence set of this version, or one of `inputs` does not exist, and UsageError
    for other pseudonyms than the set's, or a run that cannot be made again.
    """
    progress.stage("verifying")
    found = verifying.verify(folder, inputs, pseudonyms, allowed_signers)
    if not again or any(one.kind == "manifest" for one in found.changed):  # what the manifest says is not known then
        return found
    from analyzer.pipeline.rerunning import rerun  # noqa: PLC0415 - most sets are verified without

    made = rerun(folder, inputs, pseudonyms, progress)
    return replace(found, changed=(*found.changed, *made.different), notes=made.notes)


def render(  # noqa: PLR0913 - what is rendered, how, and where
    folder: Path,
    formats: Sequence[str],
    output: Path | None = None,
    *,
    options: Options = Options(),  # noqa: B008 - frozen
    proof: Proof = NO_PROOF,
    progress: Progress = SILENT,
) -> Left:
    """Render an evidence set in formats, beside what was rendered before, or into `output`, a copy of the set.

    Raises InputError where `folder` holds no evidence set of this version, where its tables are not those of its
    manifest, or where a table that a format needs was left out, and UsageError for a format that needs names, or
    marks of reviewers, which may hold some, where the set has pseudonyms.
    """
    proof.require_possible(str(output or folder))
    folders.tidy(folder.resolve())  # a run that was killed may have left the set beside its place
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
    kept = Rendered([], []) if output else _renderings(evidence, folder, formats)
    stays = [MANIFEST, *(str(one["name"]) for one in (*evidence.manifest["outputs"], *kept.outputs))]
    # Other formats leave the workbook as it is, whatever reviewers wrote into it.
    owner = owner_with(options.marks, output or folder) if output or "excel" in formats else EVIDENCE
    with folders.replaced(output or folder, owner) as staging:
        for name in (*stays, *_beside(folder)):
            _bring_along(folder / name, staging / name, moves=output is None)
        found = render_formats(evidence, staging, formats, options, progress)
        both = Rendered([*kept.outputs, *found.outputs], [*kept.not_made, *found.not_made])
        described = describe_renderings(str(staging), evidence, options, both)
        signatures = proof.leave(str(staging))
        marks = carried(options.marks, str(staging))
    files = [*(str(one["name"]) for one in found.outputs), *described, *signatures]
    return Left(str(output or folder), files, carried=marks)


def _beside(folder: Path) -> list[str]:
    """Return what stands beside the documents of a set and stays true: the signature of rendered.json does not."""
    return [name for name in sorted(BESIDE - {signature_of(RENDERED)}) if (folder / name).is_file()]


@dataclass(frozen=True)
class Shown:
    """Findings of an evidence set: `count` of its `total` are `asked` for, and `worst` has the first of them."""

    evidence: EvidenceSet
    asked: Asked
    total: int
    count: int
    worst: pa.Table

    @property
    def facts(self) -> dict[str, Any]:
        """What is said beside the findings, as plain data."""
        return {
            "folder": self.evidence.place,
            "requirements_of": self.evidence.settings.checklist.numbers_of.id,
            "asked": self.asked.facts,
            "total": self.total,
            "matching": self.count,
        }

    def as_json(self, most: int | None = None) -> Iterator[str]:
        """Yield the findings as JSON objects: all of them as stored, or the worst `most`, worst first."""
        return findings_as_json(self.evidence, self.asked) if most is None else iter(json_rows(self.worst))


def findings_of(place: str) -> EvidenceSet:
    """Return the evidence of an audit at a path or URL. Raises InputError where it is none, or has no findings."""
    evidence = EvidenceSet.at(place)
    if evidence.kind != "audit":
        raise InputError(
            f"{place} is the evidence of a {evidence.kind}, not of an audit",
            "give a folder that audit wrote",
        )
    if "findings" not in evidence.files:
        raise InputError(
            f"the evidence set {place} was written without the table findings (option --tables)",
            "run the audit again without --tables",
        )
    return evidence


def show(place: str, names: Names = Names(), *, most: int, progress: Progress = SILENT) -> Shown:  # noqa: B008 - frozen
    """Return findings of the evidence of an audit, at a path or URL: the worst `most` of those that `names` choose.

    Raises InputError where there is no such set, or where its findings are not those of its manifest, and UsageError
    for a name that the set does not have.
    """
    evidence = findings_of(place)
    progress.stage("reading the checks")
    evidence.require_as_written(
        "findings", *(["users"] if names.users else []), *(["tallies"] if names.accounts else [])
    )
    asked = names.within(evidence)
    choice = asked.choice
    count = sum(int(choice.of(batch).sum()) for batch in evidence.batches("findings", choice.needs))
    order = worst_first(evidence.settings.checklist) if asked.due is None else soonest_first()
    worst = first_rows(evidence, "findings", most, order, where=choice)
    return Shown(evidence, asked, evidence.rows("findings"), count, worst)


def _require_whole(evidence: EvidenceSet, folder: Path, formats: Sequence[str]) -> None:
    """Raise InputError unless the tables of a set are as they were written, and those that formats need are there."""
    for one in formats:
        if one not in formats_of(evidence.kind):
            raise InputError(
                f"the evidence of a {evidence.kind} cannot be written in the format {one}",
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
            "see `credreport verify`; render from an unchanged copy, or run credreport again",
        )


def _renderings(evidence: EvidenceSet, folder: Path, formats: Sequence[str]) -> Rendered:
    """Return what was rendered before into a set, in other formats than these, each with how it was made."""
    found = read_rendered(folder)
    if found is None:
        return Rendered([], [])
    if found.get("manifest") != evidence.manifest["digest"]:
        raise InputError(
            f"{RENDERED} in {folder} belongs to another evidence set",
            "see `credreport verify`, or choose a folder with -o",
        )
    made_by = {"settings": found["settings"], "versions": found["versions"]}
    return Rendered(
        [{**made_by, **one} for one in found["outputs"] if one["format"] not in formats],
        # Sets of earlier versions have no such list.
        [one for one in found.get("not_made", []) if one["format"] not in formats],
    )


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
