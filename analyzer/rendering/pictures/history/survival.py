"""The picture of the share of failures still open by days open: a band, because snapshots give only bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyzer.controls.vocabulary import counted
from analyzer.evidence.survival import Bounds, days_in_words, is_dated, shares_in_words
from analyzer.rendering.pictures.canvas import (
    FAIL,
    INK,
    LEFT,
    RULE,
    SHARE_TICKS,
    WIDTH,
    NothingToShowError,
    fit,
    round_step,
)
from analyzer.rendering.pictures.history.days import without_stragglers
from analyzer.rendering.pictures.history.shared import is_in_state, start_figure

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.evidence.history import History

    Flags = npt.NDArray[np.bool_]


def draw(history: History) -> Figure:
    """Draw the share of failures still open by days open, as a band between two bounds."""
    dated = is_dated(history.summed)
    bounds, deadline = Bounds.of(history.summed), history.sla_days
    if not history.coverage.size:
        raise NothingToShowError("There are no snapshots.")
    if not bounds.count:
        raise NothingToShowError(
            "No snapshots show the start of a failure." if len(dated) else "There are no failures."
        )
    if not bounds.closed.any():
        raise NothingToShowError("No snapshots show both the start and the end of a failure.")

    reach = _reach(bounds, deadline or 0)
    figure = start_figure(history, _title(bounds, deadline), _notes(history, dated, bounds, reach))
    axes = figure.subplots()
    figure.subplots_adjust(left=0.09, right=0.71, top=0.8, bottom=0.2)
    _draw_scales(axes, bounds, reach)
    _draw_band(axes, bounds)
    for p, name in ((0.5, "median"), (0.9, "90th percentile")):
        _mark_quantile(figure, axes, p, name, bounds.quantile(p))
    if deadline is not None:
        _mark_deadline(figure, axes, deadline, history)
    return figure


def _title(bounds: Bounds, deadline: int | None) -> str:
    closed = int(bounds.closed.sum())
    if bounds.count == 1:
        days = days_in_words(float(bounds.shortest[0]), float(bounds.longest[0]))
        return f"One failure was open {days}, then closed"
    median = bounds.quantile(0.5)
    if median[0] is None:
        title = f"All controls: {closed:,} of {counted(bounds.count, 'failure')} closed; the median is not reached"
    else:
        title = f"Median time to fix, all controls: {days_in_words(*median)}"
    shares = None if deadline is None else bounds.closed_within(deadline)
    return title if shares is None else f"{title}; {shares_in_words(*shares)} within {counted(deadline or 0, 'day')}"


def _reach(bounds: Bounds, deadline: int) -> float:
    """Return the end of the scale of days: all days that were certainly observed, and all steps of the curves.

    A few steps that are much later than all others are left out. They come, for example, from a gap of years.
    """
    days = np.ceil([0, bounds.shortest.max(), *bounds.longest[bounds.closed].tolist()]).astype(np.int64)
    return 1.04 * max(-int(without_stragglers(np.unique(-days))[0]), int(days[1]), deadline, 1)


def _notes(history: History, dated: Flags, bounds: Bounds, reach: float) -> list[str]:
    closed, lost, still = (
        int((is_in_state(history, state) & dated).sum()) for state in ("closed", "lost_sight", "open")
    )
    notes = [
        "Kaplan\N{EN DASH}Meier estimates: all that fit the snapshots lie between the lines.",
        f"{closed:,} closed, {still:,} still open, {lost:,} lost to follow-up.",
    ]
    if not dated.all():
        count = int((~dated).sum())
        notes.append(f"Left out: {counted(count, 'failure')} with an unknown start.")
    if beyond := int((bounds.longest > reach).sum()):
        notes.append(
            f"Beyond the scale: {counted(beyond, 'failure')}, open for at most {bounds.longest.max():,.0f} days."
        )
    return notes


def _draw_scales(axes: Axes, bounds: Bounds, reach: float) -> None:
    """Scale the axes for shares and days; the second line below each day has the failures observed for that long."""
    axes.set_xlim(0, reach)
    axes.set_ylim(0, 1.04)
    axes.set_yticks(*SHARE_TICKS, fontsize=9)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    ticks = range(0, int(reach) + 1, round_step(reach, 8))
    counts = [(int((bounds.shortest >= day).sum()), int((bounds.longest >= day).sum())) for day in ticks]
    observed = [f"{low:,}" if low == high else f"{low:,}\N{EN DASH}{high:,}" for low, high in counts]
    axes.set_xticks(list(ticks), [f"{day:,}\n{count}" for day, count in zip(ticks, observed, strict=True)], fontsize=9)
    axes.set_xlabel(
        "days open; below: number of failures known to be open that long (at least\N{EN DASH}at most)", fontsize=9
    )
    axes.set_ylabel("share still open", fontsize=9)


def _draw_band(axes: Axes, bounds: Bounds) -> None:
    """Draw both curves and the area between them; each curve ends with its last observation."""
    least, most = bounds.least, bounds.most
    x = np.union1d(least.days, most.days)
    low, high = (np.array([curve.share_at(day) for day in x.tolist()]) for curve in (least, most))
    axes.fill_between(x, low, high, step="post", color=FAIL, alpha=0.28, linewidth=0, label="still open, between")
    for curve, name in ((least, "at least"), (most, "at most")):
        days, shares = np.append(0, curve.days), np.append(1.0, curve.open_share)
        axes.step(days, shares, where="post", color=FAIL, linewidth=1.6, label=f"still open, {name}", zorder=3)


def _mark_quantile(figure: Figure, axes: Axes, p: float, name: str, days: tuple[float | None, float | None]) -> None:
    """Mark where the curves fall to `1 - p`, and write the days beside the axes."""
    reach = axes.get_xlim()[1]
    reached = [day for day in days if day is not None and day <= reach]
    axes.plot([min([*reached, reach]), reach], [1 - p, 1 - p], color=INK, linewidth=1, linestyle=":", zorder=2)
    for day in reached:
        axes.plot([day, day], [0, 1 - p], color=INK, linewidth=1, linestyle=":", zorder=2)
    if reached:
        axes.plot(
            reached,
            [1 - p] * len(reached),
            marker="o",
            markersize=6,
            linestyle="none",
            color=INK,
            zorder=5,
            label=name,
            clip_on=False,
        )
    text = axes.text(
        1.015,
        1 - p,
        f"{name}:\n{days_in_words(*days)}",
        transform=axes.get_yaxis_transform(),
        va="center",
        fontsize=9.5,
    )
    fit(figure, [text], LEFT + WIDTH - 0.72)


def _mark_deadline(figure: Figure, axes: Axes, deadline: int, history: History) -> None:
    """Draw the deadline, with the share of failures closed by then above it."""
    shares = Bounds.of(history.summed).closed_within(deadline)
    axes.axvline(deadline, color=INK, linewidth=1.2, linestyle="--", zorder=2)
    closed = "" if shares is None else f": {shares_in_words(*shares)} closed by then"
    remark = " (snapshots are further apart)" if history.sla_in_words else ""
    position = deadline / axes.get_xlim()[1]
    text = axes.text(
        min(max(position, 0.0), 1.0),
        1.02,
        f"deadline {counted(deadline, 'day')}{closed}{remark}",
        transform=axes.transAxes,
        ha="left" if position < 0.5 else "right",
        va="bottom",
        fontsize=9.5,
    )
    fit(figure, [text], 0.6)
