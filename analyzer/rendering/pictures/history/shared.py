"""What pictures of a history share: title, subtitle and notes, the states of failures, round numbers for scales."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from analyzer.controls.vocabulary import counted
from analyzer.rendering.pictures.canvas import MUTED, titled, write_line
from analyzer.rendering.pictures.history.coverage import Coverage
from analyzer.rendering.pictures.history.days import iso
from analyzer.rendering.pictures.words import is_of_users_only, subtitle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt
    from matplotlib.figure import Figure

    from analyzer.evidence.history import History

    Flags = npt.NDArray[np.bool_]

NO_SNAPSHOTS: Final = "There are no snapshots."


def start_figure(history: History, title: str, notes: Sequence[str] = ()) -> Figure:
    """Return a figure with the finding as its title, below it what it is about, and notes at its foot."""
    figure = titled(title, _subtitle(history))
    for line, y in zip(_in_lines(notes), (0.052, 0.022), strict=False):
        write_line(figure, y, line, color=MUTED, fontsize=8.5)
    return figure


def _in_lines(notes: Sequence[str]) -> list[str]:
    """Return the notes in one line, or in two of about the same length."""
    if sum(map(len, notes)) < 140 or len(notes) < 2:
        return [" ".join(notes)] if notes else []
    halves = ((" ".join(notes[:at]), " ".join(notes[at:])) for at in range(1, len(notes)))
    return list(min(halves, key=lambda half: max(map(len, half))))


def _subtitle(history: History) -> str:
    """Return by which benchmark, of which time, and of whom."""
    checklist = history.settings.checklist
    parts = [checklist.checks[0].control.id] if len(checklist.checks) == 1 else []
    coverage = Coverage(history)
    if coverage.accounts:
        days = " to ".join(iso(day) for day in dict.fromkeys((coverage.first, coverage.last)))
        parts += [f"{counted(coverage.snapshots, 'snapshot')}, {days}", counted(len(coverage.accounts), "account")]
    return subtitle(checklist, parts, without_root=is_of_users_only(checklist))


def not_covered(history: History) -> list[str]:
    """Return the note on reference dates for which there was no snapshot."""
    pairs = history.not_covered
    if not pairs:
        return []
    accounts, dates = (len({pair[at] for pair in pairs}) for at in (1, 0))
    return [f"No snapshot of {counted(accounts, 'account')} for {counted(dates, 'reference date')}."]


def is_older(history: History) -> Flags:
    """Return which failures are older than they seem: the oldest snapshot of their account shows them already."""
    return np.asarray(history.summed["censored_left"].fillna(value=False), dtype=np.bool_)


def is_in_state(history: History, state: str) -> Flags:
    """Return which failures are in a state: open, closed or lost_sight."""
    return (history.summed["state"].astype("str") == state).to_numpy()


def round_step(reach: float, most: int) -> int:
    """Return the least of 1, 2, 5, 10, 20, 50 and so on that goes at most `most` times into `reach`."""
    return next(size for size in _round_numbers() if size * most >= reach)


def _round_numbers() -> Iterator[int]:
    scale = 1
    while True:
        yield from (scale, 2 * scale, 5 * scale)
        scale *= 10
