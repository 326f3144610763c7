"""Which share of the failures is still open, so many days after each was first seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyzer.controls.vocabulary import counted
from analyzer.evidence.survival import kaplan_meier
from analyzer.rendering.pictures.canvas import (
    FAIL,
    FAIL_AREA,
    FAIL_TEXT,
    INK,
    LEFT,
    RULE,
    SHARE_TICKS,
    WIDTH,
    fit,
    say_nothing,
)
from analyzer.rendering.pictures.history.shared import NO_SNAPSHOTS, is_in_state, is_older, round_step, start_figure
from analyzer.rendering.pictures.words import is_or_are, percentage

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.evidence.history import History
    from analyzer.evidence.survival import Curve

    Whole = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]


def draw(history: History) -> Figure:
    """Draw which share of the failures is still open so many days after each was first seen."""
    older = is_older(history)
    days = history.lifetimes["days_open"].to_numpy(dtype=np.int64)[~older]
    closed = is_in_state(history, "closed")[~older]
    curve, deadline = kaplan_meier(days, closed), history.sla_days
    figure = start_figure(history, _title(curve, days, closed, deadline), _notes(history, older))
    if not len(days):
        why = "All failures are older than the first snapshot." if older.any() else "There are no failures."
        return say_nothing(figure, why if history.coverage.size else NO_SNAPSHOTS)
    if not closed.any() and not days.any():
        return say_nothing(figure, "All were open when last seen, within a day of being first seen.")

    axes = figure.subplots()
    figure.subplots_adjust(left=0.09, right=0.74, top=0.8, bottom=0.2)
    _draw_scales(axes, days, deadline or 0)
    _draw_curve(axes, curve, np.unique(days[~closed]))
    for p, name in ((0.5, "median"), (0.9, "90th percentile")):
        _mark_quantile(figure, axes, p, name, curve.quantile(p))
    if deadline is not None:
        _mark_deadline(figure, axes, deadline, _share_closed(curve, closed, deadline))
    return figure


def _title(curve: Curve, days: Whole, closed: Flags, deadline: int | None) -> str:
    if not len(days):
        return "No failure whose beginning was seen"
    median = curve.quantile(0.5)
    if not closed.any() and not days.any():
        return "No failure observed for a day or longer"
    if len(days) == 1:
        became = "closed after" if closed[0] else "open when last seen, after"
        return f"One failure: {became} {counted(int(days[0]), 'day')}"
    if median is not None:
        title = f"Half of the failures closed within {counted(median, 'day')}"
    else:
        count = int(closed.sum())
        title = f"{count:,} of {counted(len(days), 'failure')} closed; the median is not reached"
    share = None if deadline is None else _share_closed(curve, closed, deadline)
    return f"{title}; {share} within {counted(deadline, 'day')}" if share and deadline is not None else title


def _notes(history: History, older: Flags) -> list[str]:
    closed, lost, still = (
        int((is_in_state(history, state) & ~older).sum()) for state in ("closed", "lost_sight", "open")
    )
    notes = []
    if closed + lost + still:
        marks = f"Of these, {closed:,} closed; marks on the curve: {still:,} still open, {lost:,} lost sight of."
        notes += ["Kaplan\N{EN DASH}Meier estimate.", marks]
    if older.any():
        count = int(older.sum())
        notes.append(f"Left out: {count:,} that {is_or_are(count)} older than the first snapshot.")
    return notes


def _share_closed(curve: Curve, closed: Flags, day: int) -> str | None:
    """Return which share was closed by a day; None where no failure was observed for so long."""
    if day > curve.days[-1] and not closed.all():
        return None
    return percentage(100 * (1 - curve.share_at(day)))


def _draw_scales(axes: Axes, days: Whole, deadline: int) -> None:
    """Scale the axes for shares, and for `days` and a deadline; below days stands how many were observed so long."""
    reach = max(int(days.max()), deadline, 1) * 1.04
    axes.set_xlim(0, reach)
    axes.set_ylim(0, 1.04)
    axes.set_yticks(*SHARE_TICKS, fontsize=9)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    ticks = range(0, int(reach) + 1, round_step(reach, 8))
    axes.set_xticks(list(ticks), [f"{day:,}\n{(days >= day).sum():,}" for day in ticks], fontsize=9)
    axes.set_xlabel("days since first seen (second line: failures observed for that long)", fontsize=9)
    axes.set_ylabel("share still open", fontsize=9)


def _draw_curve(axes: Axes, curve: Curve, last_seen_open: Whole) -> None:
    """Draw the curve, with a mark on each day on which failures were open when last seen."""
    places, shares = np.append(0, curve.days), np.append(1.0, curve.open_share)
    axes.fill_between(places, shares, step="post", color=FAIL_AREA, linewidth=0)
    axes.step(places, shares, where="post", color=FAIL, linewidth=2, label="still open", zorder=3)
    axes.plot(
        last_seen_open,
        [curve.share_at(day) for day in last_seen_open.tolist()],
        linestyle="none",
        marker="|",
        markersize=7,
        color=FAIL_TEXT,
        label="last seen open",
        zorder=4,
        clip_on=False,
    )


def _mark_quantile(figure: Figure, axes: Axes, p: float, name: str, day: int | None) -> None:
    """Draw lines to where the curve falls to `1 - p`, and say beside the axes on which day that is."""
    words = "not reached" if day is None else counted(day, "day")
    reach = axes.get_xlim()[1]
    axes.plot([reach if day is None else day, reach], [1 - p, 1 - p], color=INK, linewidth=1, linestyle=":", zorder=2)
    if day is not None:
        axes.plot([day, day], [0, 1 - p], color=INK, linewidth=1, linestyle=":", zorder=2)
        axes.plot([day], [1 - p], marker="o", markersize=6, color=INK, zorder=5, label=name, clip_on=False)
    text = axes.text(1.015, 1 - p, f"{name}: {words}", transform=axes.get_yaxis_transform(), va="center", fontsize=9.5)
    fit(figure, [text], LEFT + WIDTH - 0.75)


def _mark_deadline(figure: Figure, axes: Axes, deadline: int, share: str | None) -> None:
    """Draw the deadline, and say above it how many were closed by then."""
    axes.axvline(deadline, color=INK, linewidth=1.2, linestyle="--", zorder=2)
    done = f"{share} closed by then" if share else "none observed for so long"
    at = deadline / axes.get_xlim()[1]
    text = axes.text(
        min(max(at, 0.0), 1.0),
        1.02,
        f"deadline {counted(deadline, 'day')}: {done}",
        transform=axes.transAxes,
        ha="left" if at < 0.5 else "right",
        va="bottom",
        fontsize=9.5,
    )
    fit(figure, [text], 0.6)
