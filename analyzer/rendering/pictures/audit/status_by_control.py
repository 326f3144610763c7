"""The picture of the results of each control."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from analyzer.controls.vocabulary import Status, counted
from analyzer.evidence.answer import controls_without_column, manual_checks
from analyzer.rendering.pictures.audit.control_rows import write_controls, write_counts
from analyzer.rendering.pictures.audit.rows import bottom_of, letters_for
from analyzer.rendering.pictures.audit.shared import nothing_to_show, start_figure, waived_by
from analyzer.rendering.pictures.canvas import FAIL, HATCH, MUTED, OTHER, PASS, RULE, SHARE_TICKS, UNSURE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.evidence.summary import Summary

    Counts = npt.NDArray[np.int64]
    """Counts by control."""


class _Segment(NamedTuple):
    """A part of the bars of all controls."""

    label: str
    counts: Counts
    color: str
    hatched: bool = False


def draw(audit: Summary) -> Figure:
    """Draw for each control the shares of fail, not checked, manual check and pass, with the counts beside them."""
    counts = {
        name: np.array([control_counts[name] for control_counts in audit.by_control]) for name in audit.by_control[0]
    }
    segments = _segments(audit, counts)
    judged = counts["judged"]
    if not judged.any():
        raise nothing_to_show(audit, "There is nothing to judge.")

    figure = start_figure(audit, _title(audit, segments), _notes(audit))
    axes = figure.subplots()
    figure.subplots_adjust(top=0.77, bottom=bottom_of(len(judged), 0.77, 0.15))
    begin = write_controls(figure, axes, audit.checklist)
    columns = {"fail": counts[Status.FAIL], "not checked": counts[Status.NOT_CHECKED] - counts["manual"]}
    columns |= {"manual": counts["manual"]} if counts["manual"].any() else {}
    columns |= {"pass": counts[Status.PASS]}
    end = write_counts(figure, axes, columns | {"judged": judged}, judged, counts["waived"])
    figure.subplots_adjust(left=begin + 0.02, right=end - 0.02)
    _draw_segments(axes, segments, judged, _is_absent(audit))
    _draw_scale(axes)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="center left",
        bbox_to_anchor=(begin + 0.015, 0.83),
        ncols=len(handles),
        frameon=False,
        fontsize=9,
        handlelength=1.2,
        columnspacing=1.4,
        borderpad=0,
    )
    return figure


def _segments(audit: Summary, counts: dict[str, Counts]) -> list[_Segment]:
    """Return the parts of the bars, from left to right."""
    segments = []
    for label, status, color in (("fail", Status.FAIL, FAIL), ("not checked", Status.NOT_CHECKED, UNSURE)):
        waived = waived_by(audit, status).sum(axis=1).to_numpy()
        by_hand = counts["manual"] if status is Status.NOT_CHECKED else 0
        segments.append(_Segment(label, counts[status] - waived - by_hand, color))
        segments.append(_Segment(f"{label}, waived", waived, color, hatched=True))
    return [*segments, _Segment("manual check", counts["manual"], OTHER), _Segment("pass", counts[Status.PASS], PASS)]


def _draw_segments(axes: Axes, segments: Sequence[_Segment], judged: Counts, is_absent: npt.NDArray[np.bool_]) -> None:
    """Draw the segments side by side, each as a share of the judged checks; `is_absent` is that of `_is_absent`."""
    start = np.zeros(len(judged))
    for segment in segments:
        share = segment.counts / np.maximum(judged, 1)
        rows = np.flatnonzero(segment.counts)
        if not len(rows):
            continue
        axes.barh(
            rows,
            share[rows],
            left=start[rows],
            color=segment.color,
            edgecolor="white" if segment.hatched else segment.color,
            hatch=HATCH if segment.hatched else None,
            linewidth=0,
            height=0.62,
            label=segment.label,
        )
        start += share
    for row in np.flatnonzero(judged == 0).tolist():
        words = _NO_COLUMN if is_absent[row] else "nothing to judge"
        text = axes.text(0.012, row, words, color=MUTED, va="center", fontsize=letters_for(len(judged)))
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})


_NO_COLUMN: Final = "not judged: the reports have no such column"


def _is_absent(audit: Summary) -> npt.NDArray[np.bool_]:
    """Return which checks judged nothing because no judged report has their column."""
    absent = controls_without_column(audit)
    return np.array([check.control.id in absent for check in audit.checklist.checks], bool)


def _draw_scale(axes: Axes) -> None:
    axes.set_xlim(0, 1)
    axes.set_xticks(*SHARE_TICKS, fontsize=9)
    axes.set_xlabel("share of the checks of each control", fontsize=9)
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0)
    axes.grid(axis="x", color=RULE, linewidth=0.6)


def _title(audit: Summary, segments: Sequence[_Segment]) -> str:
    """Return the title: how many controls fail somewhere, and the results of the others."""
    counted_checks = [position for position in range(len(audit.by_control)) if position not in audit.checklist.repeated]
    is_absent = _is_absent(audit)[counted_checks]
    fail, waived, unsure, _, manual, _ = (segment.counts[counted_checks] > 0 for segment in segments)
    judged, any_waived = (
        np.array([audit.by_control[position][name] for position in counted_checks]) > 0 for name in ("judged", "waived")
    )
    failing, total = int((fail | waived).sum()), len(judged)
    title = f"{failing:,} of {counted(total, 'control')} {'fails' if 1 in {failing, total} else 'fail'} somewhere"
    only = int((waived & ~fail).sum())
    if only:
        title += f" ({only:,} only where waived)"
    without_failure = ~fail & ~waived
    groups = {
        "not checked somewhere": without_failure & unsure,
        "not checked only where waived": without_failure & ~unsure & any_waived,
        "manual checks": without_failure & ~unsure & ~any_waived & manual,
        "pass": without_failure & judged & ~unsure & ~any_waived & ~manual,
        "have nothing to judge": ~judged & ~is_absent,
        "not judged (no such column in the reports)": is_absent,
    }
    numbers = {words: int(group.sum()) for words, group in groups.items()}
    texts = [
        f"{count:,} {_SINGULAR.get(words, words) if count == 1 else words}" for words, count in numbers.items() if count
    ]
    return "; ".join([title, *texts])


_SINGULAR: Final = {
    "manual checks": "a manual check",
    "pass": "passes",
    "have nothing to judge": "has nothing to judge",
}
"""The words for one control."""


def _notes(audit: Summary) -> list[str]:
    notes = [manual] if (manual := manual_checks(audit)) else []
    if audit.totals["waived"]:
        notes.append("Waived checks, in brackets, are also counted under fail or not checked.")
    later = audit.made_later
    if later:
        notes.append(f"Not shown: {counted(later, 'check')} of credentials created after the reference date.")
    return notes
