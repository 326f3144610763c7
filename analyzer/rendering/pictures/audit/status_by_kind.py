"""The picture of the outcomes of credentials, by kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from analyzer.controls.vocabulary import JUDGED_KINDS, Outcome, Status, counted
from analyzer.rendering.pictures.audit.shared import (
    NOUNS,
    counts_of_unused,
    nothing_to_show,
    start_figure,
    undecided_too,
    waived_too,
)
from analyzer.rendering.pictures.canvas import FAIL, INK, MUTED, OTHER, PASS, UNSURE, scale_counts
from analyzer.rendering.pictures.words import percentage

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.evidence.summary import Summary

_BARS: Final = {
    "pass": (Outcome.PASS, PASS),
    "fail": (Outcome.FAIL, FAIL),
    "not checked": (Outcome.NOT_CHECKED, UNSURE),
    "not applicable": (Outcome.NOT_APPLICABLE, "#DDDDDD"),
    "inactive": (Outcome.INACTIVE, OTHER),
}


def draw(audit: Summary) -> Figure:
    """Draw how many credentials of each kind pass, fail, are not checked or were not judged."""
    totals = counts_of_unused(audit)
    failing, judged = totals[Status.FAIL], totals["judged"]
    verb = "fails" if 1 in {failing, judged} else "fail"
    title = f"{failing:,} of {counted(judged, 'active credential')} {verb}{undecided_too(totals)}"
    counts = np.array([[audit.count(kind, outcome) for outcome, _ in _BARS.values()] for kind in JUDGED_KINDS])
    notes = [*_notes(audit), *waived_too(totals)]
    if not counts.any():
        raise nothing_to_show(audit, "There is nothing to judge.")

    figure = start_figure(audit, title if judged else "No active password or access key to judge", notes)
    panels = figure.subplots(1, 2, sharex=True, sharey=True, gridspec_kw={"wspace": 0.12})
    figure.subplots_adjust(left=0.15, right=0.97, top=0.79, bottom=0.2)
    for axes, kind, row in zip(panels, JUDGED_KINDS, counts, strict=True):
        _draw_panel(axes, row)
        scale_counts(axes, "x", int(counts.max()) * 1.45)
        axes.set_title(counted(int(row.sum()), NOUNS[kind]), loc="left", fontsize=11)
    panels[0].invert_yaxis()
    return figure


def _draw_panel(axes: Axes, counts: npt.NDArray[np.int64]) -> None:
    """Draw a bar for each count, with the count and its share beside it."""
    axes.barh(
        range(len(_BARS)),
        counts,
        color=[color for _, color in _BARS.values()],
        edgecolor=MUTED,
        # The outline of an empty bar would be visible on the axis.
        linewidth=np.where(counts > 0, 0.6, 0).tolist(),
        height=0.66,
    )
    total = int(counts.sum())
    for row, count in enumerate(counts.tolist()):
        share = f" ({percentage(100 * count / total)})" if count else ""
        axes.text(count, row, f"  {count:,}{share}", va="center", color=INK if count else MUTED)
    axes.set_yticks(range(len(_BARS)), list(_BARS))
    axes.set_xlabel("number (and share) of credentials", loc="left", fontsize=9)


def _notes(audit: Summary) -> list[str]:
    """Return the notes on the last two bars, and on credentials that are not shown."""
    notes = []
    if any(audit.count(kind, Outcome.NOT_APPLICABLE) for kind in JUDGED_KINDS):
        notes.append("Not applicable: created after the reference date.")
    if any(audit.count(kind, Outcome.INACTIVE) for kind in JUDGED_KINDS):
        notes.append("Inactive credentials are not judged.")
    of_root = sum(audit.count(kind, Outcome.ROOT) for kind in JUDGED_KINDS)
    return [*notes, f"Not shown: {counted(of_root, 'credential')} of root."] if of_root else notes
