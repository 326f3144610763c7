"""An evidence set -> the chosen formats, beside one another, each from its tables and its manifest alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, cast

from analyzer.engine import SILENT, settle
from analyzer.evidence.writer import output_of
from analyzer.rendering.marks import CARRIED_OVER
from analyzer.rendering.registry import DUE_WITHIN, chosen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from analyzer.engine import Progress
    from analyzer.evidence.opened import EvidenceSet
    from analyzer.evidence.writer import Output
    from analyzer.rendering.beside import Helper
    from analyzer.rendering.marks import Marks
    from analyzer.rendering.registry import Format


@dataclass(frozen=True)
class Options:
    """What changes renderings and no table: `workbook_rows` are the most rows that a sheet of the workbook holds.

    `due_within` are the days ahead in which something comes due. `marks` are what reviewers wrote into an earlier
    workbook. `by` "owner" asks for a workbook of each owner's accounts as well. `helper` is a process that renders one
    of the formats; without, this one renders all of them.
    """

    workbook_rows: int = 100_000
    helper: Helper | None = field(default=None, compare=False)
    due_within: int = DUE_WITHIN
    marks: Marks | None = field(default=None, compare=False)
    by: str | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """What makes a difference to the outputs, as plain data."""
        facts: dict[str, Any] = {"workbook_rows": self.workbook_rows, "due_within": self.due_within}
        facts |= {} if self.by is None else {"by": self.by}
        return facts if self.marks is None else facts | {CARRIED_OVER: self.marks.facts}


class NotMade(NamedTuple):
    """A file of a format that was not made, since it would show nothing; `why` is a sentence."""

    path: Path
    why: str


class Renderer(Protocol):
    """What the module of a format offers."""

    def render(self, evidence: EvidenceSet, folder: Path, options: Options) -> Sequence[Path | NotMade]:
        """Write the format into `folder` and return its files, with those that were not made."""


class Rendered(NamedTuple):
    """What was rendered: `outputs` are files; `not_made` has the `name` and `format` of others, and `why` not."""

    outputs: list[Output]
    not_made: list[Output]


def render(
    evidence: EvidenceSet, folder: Path, formats: Sequence[str], options: Options, progress: Progress = SILENT
) -> Rendered:
    """Render an evidence set into `folder`, in the formats of these names that its kind has."""
    wanted = [one for one in chosen(evidence.kind, formats) if one.module is not None]
    if not wanted:
        return Rendered([], [])
    progress.stage(" and ".join(one.doing for one in wanted))
    settle()

    def rendered(one: Format) -> Rendered:
        ask = beside.get(str(one.module))
        files = None if ask is None else ask()
        if files is None:
            renderer = cast("Renderer", import_module(str(one.module)))
            files = renderer.render(evidence, folder, alone)
        made = [file for file in files if not isinstance(file, NotMade)]
        others = [file for file in files if isinstance(file, NotMade)]
        return Rendered(
            [{**output_of(folder, _name_of(path, folder)), "format": one.name} for path in made],
            [{"name": _name_of(path, folder), "format": one.name, "why": why} for path, why in others],
        )

    # What all of them count with is made once, before they part.
    _ = getattr(evidence, _COUNTED[evidence.kind])
    helper, alone = options.helper, replace(options, helper=None)
    beside = {} if helper is None else {helper.module: helper.request(evidence, folder, replace(alone, marks=None))}
    with ThreadPoolExecutor(len(wanted)) as threads:
        found = list(threads.map(rendered, wanted))
    return Rendered(*([row for one in found for row in one[at]] for at in (0, 1)))


def _name_of(path: Path, folder: Path) -> str:
    """Return the name of a file as manifests have it."""
    return path.relative_to(folder).as_posix()


_COUNTED: Final = {"audit": "summary", "history": "history", "comparison": "comparison"}
"""The part of an evidence set of each kind that has its counts."""
