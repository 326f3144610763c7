"""The picture of the failures of each control in each account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from analyzer.controls.control import Severity
from analyzer.controls.vocabulary import Status, counted
from analyzer.evidence.answer import accounts_of, manual_checks
from analyzer.rendering.pictures import heat
from analyzer.rendering.pictures.audit.account_columns import (
    MOST_ACROSS,
    lay_out_accounts,
    room_above,
    write_accounts,
    write_sum_head,
)
from analyzer.rendering.pictures.audit.control_rows import write_controls
from analyzer.rendering.pictures.audit.rows import BELOW, DASH, bottom_of, letters_for
from analyzer.rendering.pictures.audit.shared import (
    SHOWN_ACCOUNTS,
    failing_in_words,
    nothing_to_show,
    start_figure,
    waived_by,
)
from analyzer.rendering.pictures.canvas import MANUAL_AREA, MUTED, PASS_AREA, UNSURE_AREA, NothingToShowError
from analyzer.rendering.pictures.heat import Cell, CellStyle, Columns
from analyzer.rendering.pictures.words import UNKNOWN_IS_ONE, not_shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.evidence.summary import Summary

    Counts = npt.NDArray[np.int64]

_FAIL: Final = CellStyle("failures (darker: a larger share)", "9", heat.SOME)
_FAIL_AND_UNSURE: Final = CellStyle("failures, some not checked", "9?", heat.SOME)
_UNSURE: Final = CellStyle("some not checked", "?", UNSURE_AREA)
_MANUAL: Final = CellStyle("manual check", "m", MANUAL_AREA)
_WAIVED: Final = CellStyle("waived only", "(9)", "white", hatched=True)
_PASS: Final = CellStyle("all pass", "0", PASS_AREA)
_NOTHING: Final = CellStyle("nothing judged", DASH, "white", bare=True, ink=MUTED)
_LOOKS: Final = (_FAIL, _FAIL_AND_UNSURE, _UNSURE, _MANUAL, _WAIVED, _PASS, _NOTHING)


class _Findings(NamedTuple):
    """Counts of findings by control (rows) and account (columns)."""

    failing: Counts
    """Failures that are not waived."""
    undecided: Counts
    """Checks not checked that are not waived, without manual checks."""
    manual: Counts
    waived: Counts
    passing: Counts

    def each(self, change: Callable[[Counts], Counts]) -> _Findings:
        """Return the counts with `change` applied to each of the arrays."""
        return _Findings(*(change(counts) for counts in self))


def draw(audit: Summary) -> Figure:
    """Draw how often each control fails in each account. At least two controls are needed."""
    if len(audit.checklist.checks) == 1:
        raise NothingToShowError("Only one control was judged.")
    order = audit.checklist.most_severe_first
    accounts, in_checklist_order = _worst_first(audit)
    findings = in_checklist_order.each(lambda counts: counts[order])
    heads = accounts[:SHOWN_ACCOUNTS]
    shown = findings.each(lambda counts: counts[:, : len(heads)])
    if not any(counts.any() for counts in findings):
        raise nothing_to_show(audit, "There is nothing to judge.")

    figure = start_figure(audit, _title(audit, accounts, in_checklist_order), _notes(audit, in_checklist_order))
    axes = figure.subplots()
    upright = len(heads) > MOST_ACROSS
    top = 1 - room_above(upright=upright)
    bottom = bottom_of(len(audit.checklist.checks), top, BELOW)
    figure.subplots_adjust(top=top, bottom=bottom)
    begin = write_controls(figure, axes, audit.checklist, order) + 0.015
    columns = lay_out_accounts(figure, axes, begin, len(heads), len(accounts))
    used = _draw_cells(figure, axes, shown, columns.each)
    write_accounts(figure, axes, audit, heads, columns.each, upright=upright)
    if columns.all:
        # The sums include the accounts that are not shown.
        total = findings.each(lambda counts: counts.sum(axis=1, keepdims=True))
        used |= _draw_cells(figure, axes, total, columns.all, filled=False)
        write_sum_head(figure, axes, f"all\n{len(accounts):,}", columns.all)
    heat.draw_legend(figure, [look for look in _LOOKS if look in used], bottom - 0.036)
    return figure


def _worst_first(audit: Summary) -> tuple[list[str], _Findings]:
    """Return all accounts, those with the most failures first, and their counts in this order."""
    findings = _Findings(
        audit.open_matrix[Status.FAIL].to_numpy(),
        (audit.open_matrix[Status.NOT_CHECKED] - audit.manual_matrix).to_numpy(),
        audit.manual_matrix.to_numpy(),
        (waived_by(audit, Status.FAIL) + waived_by(audit, Status.NOT_CHECKED)).to_numpy(),
        audit.matrix[Status.PASS].to_numpy(),
    )
    accounts = [str(account) for account in audit.matrix[Status.PASS].columns]
    # Controls that repeat a failure are left out of the ranking.
    failing, undecided = (counts[list(audit.checklist.summed)].sum(axis=0) for counts in findings[:2])
    order = np.lexsort((accounts, -undecided, -failing))
    return [accounts[column] for column in order], findings.each(lambda counts: counts[:, order])


def _draw_cells(
    figure: Figure, axes: Axes, findings: _Findings, columns: Columns, *, filled: bool = True
) -> set[CellStyle]:
    """Draw a cell for each control and account, and return the looks in use."""
    letters = letters_for(len(findings.failing))
    return heat.draw_cells(figure, axes, _cells(findings), columns, letters=letters, filled=filled)


def _cells(findings: _Findings) -> Iterator[Cell]:
    shade = heat.share_shades()
    numbers = np.stack(findings)
    for row, column in np.ndindex(findings.failing.shape):
        failing, undecided, manual, waived, passing = numbers[:, row, column].tolist()
        if failing:
            look, text = (_FAIL_AND_UNSURE, f"{failing:,}?") if undecided else (_FAIL, f"{failing:,}")
        elif undecided:
            look, text = _UNSURE, _UNSURE.example
        elif manual:
            look, text = _MANUAL, _MANUAL.example
        elif waived:
            look, text = _WAIVED, f"({waived:,})"
        else:
            look = _PASS if passing else _NOTHING
            text = look.example
        share = failing / max(failing + undecided + manual + waived + passing, 1)
        yield Cell(row, column, look, text, shade(share) if failing else look.fill)


def _title(audit: Summary, names: list[str], findings: _Findings) -> str:
    """Return the title, which counts the controls that judged something."""
    positions = range(len(findings.failing))
    judged = [position for position in positions if audit.by_control[position]["judged"]]
    noun = "control" if len(judged) == len(positions) else "judged control"
    counted_checks = [position for position in judged if position not in audit.checklist.repeated]
    return failing_in_words(
        audit, noun, names, findings.failing[counted_checks] > 0, findings.undecided[counted_checks] > 0
    )


def _notes(audit: Summary, findings: _Findings) -> list[str]:
    notes = []
    if any(check.severity is Severity.CRITICAL for check in audit.checklist.checks):
        notes.append("Bold: critical.")
    waived = int(findings.waived.sum())
    if waived:
        notes.append(f"Not counted: {counted(waived, 'waived check')}.")
    if manual := manual_checks(audit):
        notes.append(manual)
    hidden = findings.failing[list(audit.checklist.summed), SHOWN_ACCOUNTS:]
    notes += not_shown(hidden.shape[1], counted(int(hidden.sum()), "failure"))
    if accounts_of(audit)[1]:
        notes.append(UNKNOWN_IS_ONE)
    return notes
