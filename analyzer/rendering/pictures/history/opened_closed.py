"""The picture of the failures opened, closed and lost to follow-up in each span of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyzer.controls.vocabulary import counted
from analyzer.rendering.pictures.canvas import (
    FAIL,
    HATCH,
    HATCH_COLOR,
    INK,
    MUTED,
    OTHER,
    PASS,
    NothingToShowError,
    fit,
    scale_counts,
)
from analyzer.rendering.pictures.history.coverage import SnapshotCoverage, days_of
from analyzer.rendering.pictures.history.shared import is_in_state, is_older, left_out, since, start_figure
from analyzer.rendering.pictures.history.spans import Spans

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.evidence.history import History

    Whole = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]


def draw(history: History) -> Figure:
    """Draw the failures opened, closed and lost to follow-up in each span of time, with the net change."""
    coverage = SnapshotCoverage(history)
    if not len(coverage.days):
        raise NothingToShowError("There are no snapshots.")
    spans = Spans.of(coverage)
    days_by_change = {
        "opened": days_of(history.summed["first_seen"])[~is_older(history)],
        "closed": days_of(history.summed["closed_at"])[is_in_state(history, "closed")],
        "lost": days_of(history.summed["lost_at"])[is_in_state(history, "lost_sight")],
    }
    opened, closed, lost = (days[days >= spans.edges[0]] for days in days_by_change.values())
    if not len(opened) and not len(closed) and not len(lost):
        raise NothingToShowError(f"No snapshot shows that a failure opened or closed{since(coverage)}.")

    notes = _notes(history) + left_out(coverage)
    before = {name: int((days < spans.edges[0]).sum()) for name, days in days_by_change.items()}
    if any(before.values()):
        notes.append(
            f"They show {before['opened']:,} opened, {before['closed']:,} closed, {before['lost']:,} lost to follow-up."
        )
    unseen = _unseen(coverage, spans)
    notes.append("Each change has the date of the first snapshot that shows it.")
    if unseen.any():
        notes.append("Hatched: no snapshot.")
    ended = f"{len(closed):,} closed" + (f", {len(lost):,} lost to follow-up" if len(lost) else "")
    net = _net(len(opened) - len(closed) - len(lost))
    figure = start_figure(history, f"{counted(len(opened), 'failure')} opened, {ended}: {net}", notes)
    up, down, away = (np.histogram(days, spans.edges)[0] for days in (opened, closed, lost))
    axes = figure.subplots()
    figure.subplots_adjust(left=0.08, right=0.97, top=0.8, bottom=0.18)
    _draw_bars(figure, axes, up, down, away)
    for position in np.flatnonzero(unseen).tolist():
        axes.axvspan(position - 0.5, position + 0.5, facecolor="none", edgecolor=HATCH_COLOR, hatch=HATCH, linewidth=0)
    _draw_net(axes, up - down - away, unseen)
    axes.set_ylabel("number of failures", fontsize=9)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, fontsize=9, borderaxespad=0.2)
    spans.write_below(figure, axes)
    return figure


def _notes(history: History) -> list[str]:
    """Return the notes on failures that are not in the bars."""
    older = int(is_older(history).sum())
    notes = []
    if older:
        its = "its account" if older == 1 else "their accounts"
        notes.append(f"Not counted as opened: {counted(older, 'failure')} already in the oldest snapshot of {its}.")
    return notes


def _unseen(coverage: SnapshotCoverage, spans: Spans) -> Flags:
    """Return a mask of the spans without any snapshot in which snapshots are missing."""
    dates = np.histogram(coverage.dates, spans.edges)[0]
    return np.asarray((dates == 0) & (coverage.missing_on(spans.edges[:-1]) > 0), dtype=np.bool_)


def _net(count: int) -> str:
    return f"{count:+,} net".replace("-", "\N{MINUS SIGN}") if count else "no net change"


def _draw_bars(figure: Figure, axes: Axes, up: Whole, down: Whole, away: Whole) -> None:
    """Draw a bar up and a bar down for each span, with their numbers at the ends.

    Failures lost to follow-up (`away`) are below the closed ones: they are no longer counted as open or as fixed.
    """
    count = len(up)
    most_up, most_down = max(int(up.max()), 1), max(int((down + away).max()), 1)
    reach = most_up + most_down
    # If failures were lost to follow-up, there are two lines of numbers below the bars.
    scale_counts(axes, "y", most_up + 0.1 * reach, most_down + (0.17 if away.any() else 0.1) * reach)
    # The width of a bar is limited.
    spare = max(8 - count, 0) / 2
    axes.set_xlim(-0.6 - spare, count - 0.4 + spare)
    axes.bar(range(count), up, width=0.8, color=FAIL, label="opened")
    axes.bar(range(count), -down, width=0.8, color=PASS, label="closed")
    if away.any():
        axes.bar(range(count), -away, width=0.8, bottom=-down, color=OTHER, label="lost to follow-up (second number)")
    axes.axhline(0, color=MUTED, linewidth=0.8)
    texts = []
    for counts, sign, align in ((up, 1, "bottom"), (down + away, -1, "top")):
        for position in np.flatnonzero(counts).tolist():
            y = sign * (counts[position] + 0.022 * reach)
            lost = sign < 0 and away[position]
            text = f"{down[position]:,}\n{away[position]:,} lost" if lost else f"{counts[position]:,}"
            texts.append(axes.text(position, y, text, ha="center", va=align, fontsize=9))
    low, high = axes.get_xlim()
    if texts:
        fit(figure, texts, 0.82 * axes.get_position().width / (high - low))


def _draw_net(axes: Axes, net: Whole, unseen: Flags) -> None:
    """Draw a line for opened less closed and lost failures; it is interrupted where nothing was seen."""
    axes.plot(
        range(len(net)),
        np.where(unseen, np.nan, net),
        color=INK,
        linewidth=1.3,
        marker="o",
        markersize=3.5,
        label="net",
    )
