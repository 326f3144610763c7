"""Which pictures there are of an audit and of a history, and when each is drawn.

A new picture is a file with a function `draw`, and a line here.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.rendering.pictures import canvas
from analyzer.rendering.pictures.audit import accounts, age_vs_idle, idle_days, matrix, requirements, status
from analyzer.rendering.pictures.history import accounts_over_time, open_over_time, opened_closed, survival

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.figure import Figure

    from analyzer.controls.checklist import Checklist
    from analyzer.evidence.history import History
    from analyzer.evidence.opened import EvidenceSet
    from analyzer.evidence.summary import Summary
    from analyzer.rendering.render import Options


def _always(_: Checklist) -> bool:
    return True


def _where_unused_is_judged(checklist: Checklist) -> bool:
    return checklist.unused is not None


def _where_controls_are_several(checklist: Checklist) -> bool:
    return len(checklist.checks) > 1


def _where_a_benchmark_was_chosen(checklist: Checklist) -> bool:
    return checklist.benchmark is not None


class Picture(NamedTuple):
    """A picture of an audit."""

    draw: Callable[[Summary], Figure]
    is_wanted: Callable[[Checklist], bool] = _always


AUDIT: Final = {
    "idle_days": Picture(idle_days.draw, _where_unused_is_judged),
    "status": Picture(status.draw),
    "matrix": Picture(matrix.draw, _where_controls_are_several),
    "requirements": Picture(requirements.draw, _where_a_benchmark_was_chosen),
    "accounts": Picture(accounts.draw),
    "age_vs_idle": Picture(age_vs_idle.draw, _where_unused_is_judged),
}
"""The pictures of an audit by the names of their files, in the order in which they are written."""
HISTORY: Final[dict[str, Callable[[History], Figure]]] = {
    "open_over_time": open_over_time.draw,
    "opened_closed": opened_closed.draw,
    "survival": survival.draw,
    "accounts_over_time": accounts_over_time.draw,
}
"""The same of a history; each is always drawn."""


load = canvas.load


def wanted(checklist: Checklist) -> list[str]:
    """Return the names of the pictures (in `AUDIT`) that are drawn of an audit by `checklist`."""
    return [name for name, picture in AUDIT.items() if picture.is_wanted(checklist)]


def render(evidence: EvidenceSet, folder: Path, options: Options) -> list[Path]:  # noqa: ARG001 - none concerns them
    """Write the pictures of an evidence set into `folder`/charts and return their paths."""
    if evidence.kind == "history":
        return write_history(evidence.history, folder)
    return write(evidence.summary, folder)


def write(audit: Summary, folder: Path) -> list[Path]:
    """Write the wanted pictures of an audit into `folder`/charts and return their paths."""
    return canvas.save({name: partial(AUDIT[name].draw, audit) for name in wanted(audit.checklist)}, folder)


def write_history(history: History, folder: Path) -> list[Path]:
    """Write the pictures of a history into `folder`/charts and return their paths."""
    return canvas.save({name: partial(draw, history) for name, draw in HISTORY.items()}, folder)
