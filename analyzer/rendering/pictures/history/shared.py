"""Common parts of the pictures of a history: days, title, subtitle, notes, and states of failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyzer.controls.vocabulary import counted
from analyzer.rendering.pictures.canvas import NothingToShowError, titled, write_notes
from analyzer.rendering.pictures.history.coverage import SnapshotCoverage
from analyzer.rendering.pictures.history.days import iso
from analyzer.rendering.pictures.words import is_of_users_only, subtitle

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from matplotlib.figure import Figure

    from analyzer.evidence.history import History

    Flags = npt.NDArray[np.bool_]
    Whole = npt.NDArray[np.int64]


def require_days(coverage: SnapshotCoverage) -> Whole:
    """Return the days of the time axis.

    Raises NothingToShowError if there are fewer than two, or if no control judged anything.
    """
    if not any(map(coverage.history.is_judged, coverage.history.measures)):
        raise NothingToShowError("No control judged anything: the newest snapshots have no column for it.")
    if not len(coverage.days):
        raise NothingToShowError("There are no snapshots.")
    if len(coverage.days) == 1:
        raise NothingToShowError(f"All snapshots are of one day, {iso(int(coverage.days[0]))}.")
    return coverage.days


def since(coverage: SnapshotCoverage) -> str:
    """Return ` since` and the first shown day if days are left out, otherwise an empty text."""
    return f" since {iso(int(coverage.days[0]))}" if len(coverage.left_out) else ""


def left_out(coverage: SnapshotCoverage) -> list[str]:
    """Return the note on days with snapshots that are left out."""
    days = coverage.left_out
    if not len(days):
        return []
    day_count = f"{len(days):,} days, " if len(days) > 1 else ""
    span = " to ".join(iso(int(day)) for day in dict.fromkeys((days[0], days[-1])))
    return [f"Not shown: snapshots of {day_count}{span}, long before all others."]


def start_figure(history: History, title: str, notes: Sequence[str] = ()) -> Figure:
    """Return a figure with title, subtitle and notes."""
    figure = titled(title, _subtitle(history))
    write_notes(figure, notes)
    return figure


def _subtitle(history: History) -> str:
    """Return the subtitle: framework, control, snapshots and accounts."""
    checklist = history.settings.checklist
    parts = [checklist.checks[0].control.id] if len(checklist.checks) == 1 else []
    coverage = SnapshotCoverage(history)
    if coverage.accounts:
        days = " to ".join(iso(day) for day in dict.fromkeys((coverage.first, coverage.last)))
        parts += [f"{counted(coverage.snapshots, 'snapshot')}, {days}", counted(len(coverage.accounts), "account")]
    return subtitle(checklist, parts, without_root=is_of_users_only(checklist))


def not_covered(history: History) -> list[str]:
    """Return the note on reference dates without a snapshot."""
    pairs = history.not_covered
    if not pairs:
        return []
    accounts, dates = (len({pair[part] for pair in pairs}) for part in (1, 0))
    return [f"No snapshot of {counted(accounts, 'account')} for {counted(dates, 'reference date')}."]


def is_older(history: History) -> Flags:
    """Return a mask of the failures that are already in the oldest snapshot of their account."""
    return np.asarray(history.summed["censored_left"].fillna(value=False), dtype=np.bool_)


def is_in_state(history: History, state: str) -> Flags:
    """Return a mask of the failures in a state: open, closed or lost_sight."""
    return (history.summed["state"].astype("str") == state).to_numpy()
