"""The picture of the idle days of credentials, by kind, with the limit marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.controls.vocabulary import JUDGED_KINDS, Status, counted
from analyzer.rendering.pictures.audit.shared import (
    NOUNS,
    counts_of_unused,
    limit_days,
    limit_in_words,
    nothing_to_show,
    require_unused,
    start_figure,
    undecided_too,
    waived_too,
)
from analyzer.rendering.pictures.canvas import FAIL, FAIL_AREA, FAIL_TEXT, INK, PASS, scale_counts

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.evidence.summary import Summary

_EDGES: Final = (0, 1, 8, 15, 30, 45, 90, 180, 365, 730, 1_460)
"""The first days of the bins; the limit is added to them."""


def draw(audit: Summary) -> Figure:
    """Draw the idle days of credentials, by kind, with the limit marked."""
    require_unused(audit)
    idle, counts = audit.idle, counts_of_unused(audit)
    exact = idle[idle["days"] >= 0]
    notes = [*_left_out(idle[idle["days"] < 0]), *waived_too(counts)]
    judged = counted(counts["judged"], "active credential")
    title = f"{counts[Status.FAIL]:,} of {judged} idle for {limit_in_words(audit)} or more{undecided_too(counts)}"
    if exact.empty:
        why = "No active password or access key has a known idle time."
        raise nothing_to_show(audit, why, unused_only=True)

    figure = start_figure(audit, title, notes, unused_only=True)
    limit = limit_days(audit)
    edges = sorted({*_EDGES, limit})
    at_limit = edges.index(limit) - 0.5
    days, number, is_password = (exact[column].to_numpy() for column in ("days", "count", "is_password"))
    bins = [*edges, np.iinfo(np.int64).max]
    heights = [np.histogram(days[chosen], bins, weights=number[chosen])[0] for chosen in (is_password, ~is_password)]
    panels = figure.subplots(2, 1, sharex=True, sharey=True, gridspec_kw={"hspace": 0.16})
    figure.subplots_adjust(left=0.09, right=0.97, top=0.785, bottom=0.195)
    for axes, kind, counts_of_kind in zip(panels, JUDGED_KINDS, heights, strict=True):
        _draw_panel(axes, counts_of_kind, edges, limit)
        scale_counts(axes, "y", int(np.max(heights)) * 1.25)
        axes.set_ylabel(counted(int(counts_of_kind.sum()), NOUNS[kind]))
    top: dict[str, Any] = {"y": 1.03, "va": "bottom", "fontsize": 9, "transform": panels[0].get_xaxis_transform()}
    panels[0].text(at_limit - 0.08, s="within\nthe limit", ha="right", **top)
    panels[0].text(at_limit + 0.08, s=f"fails from\n{limit_in_words(audit)}", ha="left", color=FAIL_TEXT, **top)
    spans = [_span(low, high) for low, high in zip(edges, [*edges[1:], None], strict=True)]
    panels[-1].set_xticks(range(len(edges)), spans, fontsize=9)
    panels[-1].set_xlabel("idle days (ranges of different lengths); the number above each bar counts credentials")
    return figure


def _draw_panel(axes: Axes, heights: npt.NDArray[np.int64], edges: list[int], limit: int) -> None:
    """Draw a bar for each bin of days: bin `i` begins on day `edges[i]`; `limit` is one of the edges."""
    at_limit = edges.index(limit) - 0.5
    axes.axvspan(at_limit, len(edges) - 0.4, color=FAIL_AREA, linewidth=0)
    axes.bar(range(len(edges)), heights, width=0.86, color=[FAIL if low >= limit else PASS for low in edges])
    for position in np.flatnonzero(heights).tolist():
        axes.text(position, heights[position], f"{heights[position]:,}", ha="center", va="bottom", fontsize=9)
    axes.axvline(at_limit, color=INK, linewidth=1.2, linestyle="--")
    axes.set_xlim(-0.6, len(edges) - 0.4)


def _left_out(idle: pd.DataFrame) -> list[str]:
    """Return the note on findings without exact idle days, which are not shown, by status."""
    words = {
        Status.PASS: "pass (idle days only known to be within the limit)",
        Status.FAIL: "fail (idle days only known to be beyond the limit)",
        Status.NOT_CHECKED: "not checked",
        Status.NOT_APPLICABLE: "created after the reference date",
    }
    counts = {status: int(idle["count"][idle["status"] == code].sum()) for code, status in enumerate(Status)}
    parts = [f"{counts[status]:,} {meaning}" for status, meaning in words.items() if counts[status]]
    return [f"Not shown: {', '.join(parts)}."] if parts else []


def _span(low: int, high: int | None) -> str:
    if high is None:
        return f"{low:,}\nor more"
    return f"{low:,}" if high == low + 1 else f"{low:,} to\n{high - 1:,}"
