"""Renders an evidence set in the chosen formats, in parallel. Each format reads only the tables and the manifest."""

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
    """Settings that change the rendered formats, but no table.

    `workbook_rows` is the most rows of a table in a sheet of the workbook. `due_within` is the number of days for
    checks that will fail soon. `marks` are the marks of reviewers from earlier workbooks. With `by` "owner", there is
    also a workbook for the accounts of each owner. `helper` is a process that renders one of the formats; without it,
    this process renders all.
    """

    workbook_rows: int = 100_000
    helper: Helper | None = field(default=None, compare=False)
    due_within: int = DUE_WITHIN
    marks: Marks | None = field(default=None, compare=False)
    by: str | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """The settings that change the outputs, as plain data."""
        facts: dict[str, Any] = {"workbook_rows": self.workbook_rows, "due_within": self.due_within}
        facts |= {} if self.by is None else {"by": self.by}
        return facts if self.marks is None else facts | {CARRIED_OVER: self.marks.facts}


class NotMade(NamedTuple):
    """A file that was not made because it would show nothing; `why` is a sentence."""

    path: Path
    why: str


class Renderer(Protocol):
    """The interface of the module of a format."""

    def render(self, evidence: EvidenceSet, folder: Path, options: Options) -> Sequence[Path | NotMade]:
        """Write the format into `folder` and return its files and the files that were not made."""


class Rendered(NamedTuple):
    """The result: `outputs` are the files; `not_made` has `name`, `format` and `why` of files that were not made."""

    outputs: list[Output]
    not_made: list[Output]


def render(
    evidence: EvidenceSet, folder: Path, formats: Sequence[str], options: Options, progress: Progress = SILENT
) -> Rendered:
    """Render an evidence set into `folder`, in those `formats` that exist for its kind."""
    formats_to_render = [format_ for format_ in chosen(evidence.kind, formats) if format_.module is not None]
    if not formats_to_render:
        return Rendered([], [])
    progress.stage(" and ".join(format_.doing for format_ in formats_to_render))
    settle()

    def rendered(format_: Format) -> Rendered:
        request = requests.get(str(format_.module))
        files = None if request is None else request()
        if files is None:
            renderer = cast("Renderer", import_module(str(format_.module)))
            files = renderer.render(evidence, folder, options_here)
        paths = [file for file in files if not isinstance(file, NotMade)]
        not_made = [file for file in files if isinstance(file, NotMade)]
        return Rendered(
            [{**output_of(folder, _name_of(path, folder)), "format": format_.name} for path in paths],
            [{"name": _name_of(path, folder), "format": format_.name, "why": why} for path, why in not_made],
        )

    # All formats read these counts, so they are computed once, before the threads start.
    _ = getattr(evidence, _COUNTED[evidence.kind])
    helper, options_here = options.helper, replace(options, helper=None)
    requests = (
        {} if helper is None else {helper.module: helper.request(evidence, folder, replace(options_here, marks=None))}
    )
    with ThreadPoolExecutor(len(formats_to_render)) as threads:
        results = list(threads.map(rendered, formats_to_render))
    return Rendered(*([row for result in results for row in result[at]] for at in (0, 1)))


def _name_of(path: Path, folder: Path) -> str:
    """Return the name of a file as the manifest has it."""
    return path.relative_to(folder).as_posix()


_COUNTED: Final = {"audit": "summary", "history": "history", "comparison": "comparison"}
"""The attribute of an evidence set that has its counts, by kind."""
