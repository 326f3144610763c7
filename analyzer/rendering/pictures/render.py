"""The lists of the pictures of an audit and of a history.

To add a picture, write a module with a function `draw` and add a line here. `draw` raises NothingToShowError if there
is nothing to show.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from analyzer.rendering.pictures import canvas
from analyzer.rendering.pictures.audit import accounts, age_vs_idle, idle_days, matrix, requirements, status
from analyzer.rendering.pictures.history import accounts_over_time, open_over_time, opened_closed, survival

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.figure import Figure

    from analyzer.evidence.history import History
    from analyzer.evidence.opened import EvidenceSet
    from analyzer.evidence.summary import Summary
    from analyzer.rendering.render import NotMade, Options


AUDIT: Final[dict[str, Callable[[Summary], Figure]]] = {
    "idle_days": idle_days.draw,
    "status": status.draw,
    "matrix": matrix.draw,
    "requirements": requirements.draw,
    "accounts": accounts.draw,
    "age_vs_idle": age_vs_idle.draw,
}
"""The pictures of an audit by file name, in the order in which they are written."""
HISTORY: Final[dict[str, Callable[[History], Figure]]] = {
    "open_over_time": open_over_time.draw,
    "opened_closed": opened_closed.draw,
    "survival": survival.draw,
    "accounts_over_time": accounts_over_time.draw,
}
"""The pictures of a history by file name, in the order in which they are written."""


load = canvas.load


def render(evidence: EvidenceSet, folder: Path, options: Options) -> list[Path | NotMade]:  # noqa: ARG001 - no option changes them
    """Write the pictures of an evidence set into `folder`/charts; return the files, and those that were not made."""
    if evidence.kind == "history":
        return write_history(evidence.history, folder)
    return write(evidence.summary, folder)


def write(audit: Summary, folder: Path) -> list[Path | NotMade]:
    """Write the pictures of an audit into `folder`/charts; return the files, and those that were not made."""
    return canvas.save({name: partial(draw, audit) for name, draw in AUDIT.items()}, folder)


def write_history(history: History, folder: Path) -> list[Path | NotMade]:
    """Write the pictures of a history into `folder`/charts; return the files, and those that were not made."""
    return canvas.save({name: partial(draw, history) for name, draw in HISTORY.items()}, folder)
