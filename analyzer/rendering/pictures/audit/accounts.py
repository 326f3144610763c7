"""The picture of the accounts with the most failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyzer.controls.vocabulary import Status, counted
from analyzer.errors import in_words
from analyzer.evidence.answer import accounts_of, not_checked_in, not_in_sums
from analyzer.evidence.counted import without_manual
from analyzer.rendering.pictures.audit.rows import bottom_of
from analyzer.rendering.pictures.audit.shared import (
    SHOWN_ACCOUNTS,
    accounts_with_names,
    nothing_to_show,
    start_figure,
    waived_by,
)
from analyzer.rendering.pictures.canvas import FAIL, HATCH, LEFT, fit, scale_counts, widest
from analyzer.rendering.pictures.words import UNKNOWN_IS_ONE, is_unused_only, not_shown

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.evidence.summary import Summary

    Counts = npt.NDArray[np.int64]


def draw(audit: Summary) -> Figure:
    """Draw the accounts with the most failures."""
    failing = without_manual(audit)
    failing = failing[failing[Status.FAIL] > 0]
    if failing.empty:
        noun = "credential" if is_unused_only(audit.checklist) else "control"
        answer = "No failure is counted here" if not_in_sums(audit) else f"No {noun} fails in any account"
        not_checked = not_checked_in(audit.totals)
        addition = f"; {counted(not_checked, 'check')} not checked" if not_checked else ""
        raise nothing_to_show(audit, " ".join([f"{answer}{addition}.", *not_in_sums(audit)]))

    shown = failing.head(SHOWN_ACCOUNTS)
    figure = start_figure(audit, _title(audit, failing[Status.FAIL]), _notes(audit, failing[Status.FAIL]))
    counts = shown[Status.FAIL].to_numpy()
    waived = (
        waived_by(audit, Status.FAIL)
        .loc[list(audit.checklist.summed)]
        .sum()
        .reindex(shown.index, fill_value=0)
        .to_numpy()
    )
    axes = figure.subplots()
    names = accounts_with_names(audit, [str(account) for account in shown.index], in_one_line=True)
    axes.set_yticks(range(len(shown)), names)
    axes.tick_params(axis="y", length=0)
    left = LEFT + 0.012 + fit(figure, axes.get_yticklabels(), 0.3)
    # The height of a single bar is limited.
    figure.subplots_adjust(left=left, right=0.97, top=0.84, bottom=bottom_of(len(shown), 0.84, 0.17))
    _draw_bars(axes, counts - waived, waived)
    others = {"not checked": shown[Status.NOT_CHECKED].to_numpy(), "manual": shown["manual"].to_numpy()}
    _write_counts(figure, axes, counts, waived, others)
    axes.set_xlabel(
        f"number of {_failing(audit)}s{'; hatched: waived' if waived.any() else ''}", loc="left", fontsize=9
    )
    return figure


def _draw_bars(axes: Axes, counts: Counts, waived: Counts) -> None:
    """Draw a bar for each account, hatched where failures are `waived`."""
    rows = range(len(counts))
    axes.barh(rows, counts, color=FAIL, height=0.66)
    if waived.any():
        axes.barh(rows, waived, left=counts, color=FAIL, edgecolor="white", hatch=HATCH, linewidth=0, height=0.66)
    axes.set_ylim(len(counts) - 0.4, -0.6)


def _write_counts(figure: Figure, axes: Axes, counts: Counts, waived: Counts, others: dict[str, Counts]) -> None:
    """Write the counts beside the bars, and scale the axes so that they fit; `others` has further counts by words."""
    texts = []
    for row, (count, of_these, *further) in enumerate(np.column_stack([counts, waived, *others.values()]).tolist()):
        first = f"{count:,}{f' ({of_these:,} waived)' if of_these else ''}"
        more = [f"{number:,} {words}" for words, number in zip(others, further, strict=True) if number]
        texts.append(axes.text(count, row, f"  {in_words([first, *more])}", va="center"))
    width = axes.get_position().width
    room = 1 - np.array([widest(figure, [text]) for text in texts]) / width
    scale_counts(axes, "x", max(1.1 * int(counts.max()), *(counts / np.maximum(room, 0.1)).tolist()))


def _failing(audit: Summary) -> str:
    """Return the noun for the counted failures, in the singular."""
    return "failing credential" if is_unused_only(audit.checklist) else "failure"


def _title(audit: Summary, failing: pd.Series[int]) -> str:
    """Return the title; `failing` has the number of failures by account, the most first."""
    known_count, some_unknown = accounts_of(audit)
    verb = "has" if 1 in {len(failing), known_count + some_unknown} else "have"
    noun = f"a {_failing(audit)}" if failing.sum() == 1 else f"{_failing(audit)}s"
    title = f"{len(failing):,} of {counted(known_count + some_unknown, 'account')} {verb} {noun}"
    if len(failing) <= SHOWN_ACCOUNTS:
        return title
    shown = failing.head(SHOWN_ACCOUNTS)
    return f"{title}; these {SHOWN_ACCOUNTS} have {shown.sum():,} of {failing.sum():,}"


def _notes(audit: Summary, failing: pd.Series[int]) -> list[str]:
    hidden = failing.iloc[SHOWN_ACCOUNTS:]
    notes = [*not_shown(len(hidden), counted(int(hidden.sum()), _failing(audit))), *not_in_sums(audit)]
    if accounts_of(audit)[1]:
        notes.append(UNKNOWN_IS_ONE)
    return notes
