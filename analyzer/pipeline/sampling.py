"""Audit samples, drawn from the evidence of an audit."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzer.errors import UsageError
from analyzer.evidence import folder as folders
from analyzer.evidence import storage
from analyzer.evidence.manifest import manifest
from analyzer.evidence.sample import draw
from analyzer.evidence.seal import MANIFEST, seal
from analyzer.evidence.selection import SelectedNames
from analyzer.evidence.writer import output_of
from analyzer.pipeline.leaving import WrittenFiles
from analyzer.pipeline.sets import findings_of
from analyzer.rendering.sample_sheets import write_sample

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.controls.checklist import Check
    from analyzer.evidence.opened import EvidenceSet
    from analyzer.evidence.sample import Drawn


@dataclass(frozen=True)
class Sampled(WrittenFiles):
    """A sample that was written."""

    drawn: Drawn


def sample(  # noqa: PLR0913 - population, parameters, and output
    folder: str, output: Path, *, size: int, seed: str, control: str | None = None, by: tuple[str, ...] = ()
) -> Sampled:
    """Draw a sample of `size` subjects that a control judged, and write it to `output`.

    `control` is an id or a number; the default is `unused-credentials`, or the first control if that was not judged.
    Raises InputError if `folder` is not the evidence of an audit, and UsageError for a control that was not judged.
    """
    evidence = findings_of(folder)
    evidence.require_as_written("findings")
    drawn = draw(evidence, _check(evidence, control), size, seed, by)
    with folders.replaced(output) as staging:
        paths = write_sample(drawn, staging)
        outputs = [output_of(staging, path.relative_to(staging).as_posix()) for path in paths]
        source = {"name": MANIFEST, "sha256": hashlib.sha256(storage.get(folder, MANIFEST)).hexdigest()}
        document = manifest("sample", drawn.facts | {"inputs": [source]}, outputs)
        storage.put(str(staging), MANIFEST, seal(document))
    return Sampled(str(output), [*(output["name"] for output in outputs), MANIFEST], drawn)


def _check(evidence: EvidenceSet, control: str | None) -> Check:
    """Return the check of the control whose subjects are the population."""
    checklist = evidence.settings.checklist
    if control is None:
        return checklist.unused or checklist.checks[0]
    checks = SelectedNames(controls=[control]).within(evidence).checks
    ids = dict.fromkeys(check.control.id for check in checks)
    if len(ids) > 1:
        raise UsageError(f"--control: {control} stands for several controls", f"choose one of {', '.join(ids)}")
    return checks[0]
