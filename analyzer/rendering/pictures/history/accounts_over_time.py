"""The picture of open failures in each account over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from analyzer.controls.vocabulary import counted
from analyzer.rendering.pictures import heat
from analyzer.rendering.pictures.canvas import LEFT, MUTED, PASS_AREA, WIDTH, fit, hide_frame
from analyzer.rendering.pictures.heat import Cell, CellStyle, Columns
from analyzer.rendering.pictures.history.coverage import OpenFailures, SnapshotCoverage
from analyzer.rendering.pictures.history.days import iso
from analyzer.rendering.pictures.history.shared import left_out, not_covered, require_days, start_figure
from analyzer.rendering.pictures.history.spans import Spans
from analyzer.rendering.pictures.words import UNKNOWN, UNKNOWN_IS_ONE, account_in_words, is_or_are, not_shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    from matplotlib.figure import Figure

    from analyzer.evidence.history import History

    Whole = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

_SHOWN_ACCOUNTS: Final = 20
_SOME: Final = CellStyle("open failures (darker: more)", "9", heat.SOME)
_NONE: Final = CellStyle("none open", "0", PASS_AREA, ink=MUTED)
_MISSING: Final = CellStyle("no snapshot", "", "white", hatched=True)
_LOOKS: Final = (_SOME, _NONE, _MISSING)


def draw(history: History) -> Figure:
    """Draw how many failures were open in each account at the end of each span of time."""
    coverage = SnapshotCoverage(history)
    require_days(coverage)
    spans = Spans.of(coverage)
    counts, blank = _counts(coverage, spans)
    newest = counts[np.arange(len(counts)), counts.shape[1] - 1 - np.argmin(blank[:, ::-1], axis=1)]
    order = np.lexsort((coverage.accounts, -np.where(blank, 0, counts).sum(axis=1), -newest))
    shown = order[:_SHOWN_ACCOUNTS]
    stopped = shown[blank[shown, -1] & (newest[shown] > 0)]
    notes = _notes(coverage, spans, newest[order[_SHOWN_ACCOUNTS:]], _not_in_last_column(coverage, stopped, newest))
    figure = start_figure(history, _title(coverage.accounts[int(order[0])], newest), notes)
    axes = figure.subplots()
    # The height of rows and the width of columns are limited.
    bottom = max(0.81 - 0.14 * len(shown), 0.21)
    figure.subplots_adjust(right=LEFT + WIDTH, top=0.81, bottom=bottom)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    names = [coverage.accounts[position] for position in shown]
    axes.set_yticks(range(len(shown)), names, fontsize=9 if len(shown) < 15 else 8)
    axes.tick_params(length=0)
    left = LEFT + 0.012 + fit(figure, axes.get_yticklabels(), 0.2)
    figure.subplots_adjust(left=left)
    most = max(len(spans), 8)
    axes.set_xlim(-0.5, most - 0.5)
    hide_frame(axes)
    columns = Columns(0, (LEFT + WIDTH - left) / most)
    used = heat.draw_cells(figure, axes, _cells(counts[shown], blank[shown]), columns, letters=8.5)
    spans.write_below(figure, axes)
    heat.draw_legend(figure, [look for look in _LOOKS if look in used], bottom - 0.105)
    return figure


def _counts(coverage: SnapshotCoverage, spans: Spans) -> tuple[Whole, Flags]:
    """Return for each account and span the failures open at its end, and a mask of those without a snapshot."""
    ends = np.minimum(spans.edges[1:] - 1, coverage.last)
    failures = OpenFailures.of(coverage)
    counts = failures.count(failures.account, len(coverage.accounts), ends)
    blank = ends[None, :] < coverage.by_account["first"].to_numpy()[:, None]
    starts = spans.edges[:-1]
    for position, since, until in coverage.missing[["account", "since", "until"]].itertuples(index=False):
        blank[position] |= (starts > since) & (ends < until)
    return counts, blank


def _cells(counts: Whole, blank: Flags) -> Iterator[Cell]:
    shade = heat.shades(int(np.where(blank, 0, counts).max()))
    for row, column in np.ndindex(counts.shape):
        count = int(counts[row, column])
        if blank[row, column]:
            yield Cell(row, column, _MISSING, "", _MISSING.fill)
        else:
            text = f"{count:,}" if count < 10_000 else f"{count // 1000:,}k"
            yield Cell(row, column, _SOME if count else _NONE, text, shade(count) if count else _NONE.fill)


def _title(worst: str, newest: Whole) -> str:
    """Return the title; `newest` has the open failures of each account, `worst` is the account with the most."""
    total, accounts, most = int(newest.sum()), len(newest), int(newest.max())
    worst_account = account_in_words(worst)
    if not total:
        return f"No failure is open in {worst_account if accounts == 1 else f'any of {accounts:,} accounts'}"
    if accounts == 1:
        return f"{counted(total, 'failure')} {is_or_are(total)} open in {worst_account}"
    open_in = int((newest > 0).sum())
    if open_in == 1:
        return f"1 of {accounts:,} accounts has open failures: {worst_account}, {total:,}"
    return f"{open_in:,} of {accounts:,} accounts have open failures; {worst_account} has {most:,} of {total:,}"


def _not_in_last_column(coverage: SnapshotCoverage, stopped: Whole, newest: Whole) -> list[str]:
    """Return the note on the failures of `stopped` accounts: without a recent snapshot, their last cell is blank."""
    if not len(stopped):
        return []
    failures = int(newest[stopped].sum())
    last = coverage.by_account["last"].to_numpy()[stopped]
    whose = account_in_words(coverage.accounts[int(stopped[0])])
    when = f"its last snapshot is of {iso(int(last[0]))}"
    if len(stopped) > 1:
        whose, when = counted(len(stopped), "account"), f"their last snapshots are of {iso(int(last.max()))} or before"
    words = f"{counted(failures, 'open failure')} of {whose} {is_or_are(failures)} in the title"
    return [f"{words}, but not in the last column: {when}."]


def _notes(coverage: SnapshotCoverage, spans: Spans, hidden_failures: Whole, stopped: list[str]) -> list[str]:
    """Return the notes; `hidden_failures` has the open failures of the accounts that do not fit.

    `stopped` is the note on accounts without a recent snapshot.
    """
    notes = [
        f"Open at the end of each {spans.unit}. Accounts with the most failures in their newest snapshots come first."
    ]
    notes += stopped
    notes += not_shown(len(hidden_failures), counted(int(hidden_failures.sum()), "open failure"))
    if UNKNOWN in coverage.accounts:
        notes.append(UNKNOWN_IS_ONE)
    return notes + left_out(coverage) + not_covered(coverage.history)
