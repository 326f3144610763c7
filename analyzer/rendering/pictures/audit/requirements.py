"""The picture of the result of each requirement in each account."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from analyzer.controls.frameworks import RELATED_IN_WORDS
from analyzer.controls.vocabulary import REQUIREMENT_STATUS_IN_WORDS, RequirementStatus, counted
from analyzer.evidence.answer import accounts_of
from analyzer.rendering.pictures import heat
from analyzer.rendering.pictures.audit.account_columns import (
    begin_at_most,
    lay_out_accounts,
    room_above,
    write_accounts,
    write_sum_head,
)
from analyzer.rendering.pictures.audit.rows import (
    BELOW,
    DASH,
    LETTERS,
    USUAL_ROWS,
    bottom_of,
    scale_rows,
    write_column,
    write_heading,
)
from analyzer.rendering.pictures.audit.shared import (
    SHOWN_ACCOUNTS,
    failing_in_words,
    nothing_to_show,
    start_figure,
)
from analyzer.rendering.pictures.canvas import (
    FAIL,
    INK,
    LEFT,
    MANUAL_AREA,
    MUTED,
    PASS_AREA,
    UNSURE,
    NothingToShowError,
    break_lines,
    fit,
    of_height,
)
from analyzer.rendering.pictures.heat import Cell, CellStyle
from analyzer.rendering.pictures.words import UNKNOWN_IS_ONE, not_shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.controls.frameworks import Requirement
    from analyzer.evidence.summary import Summary

    Codes = npt.NDArray[np.int64]

_MOST_ROWS: Final = 60
"""The most requirements with a row; the height of the picture depends on their number."""
_USUAL_ROWS: Final = {1: USUAL_ROWS, 2: 9}
"""The number of rows in a picture of the usual height, by the lines of a row."""
_NUMBERS: Final = 0.2
"""The greatest width of the numbers, as a share of the figure's."""
_TITLES_END: Final = 0.68
"""The rightmost edge of the titles,"""
_GAP: Final = 0.015
"""the gap after numbers and titles,"""
_LETTER: Final = 0.0076
"""and the average width of a letter, as shares of the figure's width."""
_SIGNS: Final = {
    RequirementStatus.FAIL: "\N{BALLOT X}",
    RequirementStatus.NOT_CHECKED: "?",
    RequirementStatus.MANUAL: "M",
    RequirementStatus.PASS_PARTLY: "(\N{CHECK MARK})",
    RequirementStatus.PASS: "\N{CHECK MARK}",
    RequirementStatus.NOT_APPLICABLE: DASH,
}
_FILLS: Final = {
    RequirementStatus.FAIL: FAIL,
    RequirementStatus.NOT_CHECKED: UNSURE,
    RequirementStatus.MANUAL: MANUAL_AREA,
    RequirementStatus.PASS: PASS_AREA,
}
_LOOKS: Final = [
    CellStyle(
        REQUIREMENT_STATUS_IN_WORDS[status],
        _SIGNS[status],
        _FILLS.get(status, "white"),
        hatched=status is RequirementStatus.PASS_PARTLY,
        bare=status is RequirementStatus.NOT_APPLICABLE,
        ink=MUTED if status is RequirementStatus.NOT_APPLICABLE else None,
    )
    for status in RequirementStatus
]
"""The looks of cells, by the code of `RequirementStatus`."""
_COUNT: Final = CellStyle("number of accounts in which it fails", "", "white", bare=True)


class _Rows(NamedTuple):
    """The results of requirements (rows) by account (columns, the one with the most failures first)."""

    requirements: list[Requirement]
    accounts: list[str]
    statuses: Codes
    """Codes of `RequirementStatus`."""

    def fails(self) -> npt.NDArray[np.bool_]:
        """Return a mask of the failures, by requirement and account."""
        return np.isin(self.statuses, [RequirementStatus.FAIL.code])

    def unsure(self) -> npt.NDArray[np.bool_]:
        """Return a mask of the results not checked, by requirement and account."""
        return np.isin(self.statuses, [RequirementStatus.NOT_CHECKED.code])


def draw(audit: Summary) -> Figure:
    """Draw the result of each requirement of the framework in each account."""
    if audit.checklist.benchmark is None:
        raise NothingToShowError("No framework was chosen (--benchmark).")
    all_rows = _worst_first(audit)
    if not np.any(all_rows.statuses != RequirementStatus.NOT_APPLICABLE.code):
        raise nothing_to_show(audit, "No check belongs to a requirement of the framework.")

    shown = _shown(all_rows)
    count, heads = len(shown.requirements), shown.accounts[:SHOWN_ACCOUNTS]
    title = failing_in_words(audit, "requirement", all_rows.accounts, all_rows.fails(), all_rows.unsure())
    end = min(begin_at_most(len(heads)) - _GAP, _TITLES_END)
    lines = _lines_of(shown.requirements, end)
    above = room_above(upright=True)
    height = 1 + (1 - above - BELOW) * max(count / _USUAL_ROWS[lines] - 1, 0)
    figure = start_figure(audit, title, _notes(audit, all_rows, shown), height=height)
    axes = figure.subplots()
    top = 1 - of_height(figure, above)
    bottom = bottom_of(count, top, of_height(figure, BELOW))
    figure.subplots_adjust(top=top, bottom=bottom)
    scale_rows(axes, count)
    label = audit.checklist.numbers_of.heading_beside_titles
    begin = _write_requirements(figure, axes, shown.requirements, label, end, lines) + _GAP
    columns = lay_out_accounts(figure, axes, begin, len(heads), len(shown.accounts))
    used = heat.draw_cells(figure, axes, _cells(shown.statuses[:, : len(heads)]), columns.each, letters=LETTERS)
    write_accounts(figure, axes, audit, heads, columns.each, upright=True)
    if columns.all:
        sums = (
            Cell(row, 0, _COUNT, f"{failures:,}", "white")
            for row, failures in enumerate(shown.fails().sum(axis=1).tolist())
        )
        heat.draw_cells(figure, axes, sums, columns.all, letters=LETTERS, filled=False)
        write_sum_head(figure, axes, "accounts\nit fails in", columns.all)
    legend = [look for look in _LOOKS if look in used]
    heat.draw_legend(figure, legend, bottom - of_height(figure, 0.036))
    return figure


def _worst_first(audit: Summary) -> _Rows:
    """Return all requirements in the order of the framework, and all accounts, the one with the most failures first."""
    shape = (len(audit.requirements), len(audit.accounts))
    statuses = np.array([requirement.statuses for requirement in audit.requirements], np.int64).reshape(shape)
    failing, unsure = (
        (statuses == status.code).sum(axis=0) for status in (RequirementStatus.FAIL, RequirementStatus.NOT_CHECKED)
    )
    order = np.lexsort((audit.accounts, -unsure, -failing))
    accounts = [audit.accounts[column] for column in order]
    return _Rows(
        [replace(requirement.requirement, number=requirement.number) for requirement in audit.requirements],
        accounts,
        statuses[:, order],
    )


def _shown(all_rows: _Rows) -> _Rows:
    """Return the rows that fit: those that fail in the most accounts, in the order of the framework."""
    failing, unsure = all_rows.fails().sum(axis=1), all_rows.unsure().sum(axis=1)
    rows = np.sort(np.lexsort((-unsure, -failing))[:_MOST_ROWS])
    requirements = [all_rows.requirements[row] for row in rows]
    return all_rows._replace(requirements=requirements, statuses=all_rows.statuses[rows])


def _lines_of(requirements: Sequence[Requirement], end: float) -> int:
    """Return how many lines the titles need, 1 or 2. This is an estimate, because there is no figure to measure yet."""
    number = max((len(requirement.number) for requirement in requirements), default=0) * _LETTER
    title = max((len(requirement.title + requirement.mark) for requirement in requirements), default=0) * _LETTER
    few = len(requirements) <= _USUAL_ROWS[2]
    return 2 if few or LEFT + min(number, _NUMBERS) + _GAP + title > end else 1


def _write_requirements(  # noqa: PLR0913 - content, place and space
    figure: Figure, axes: Axes, requirements: Sequence[Requirement], label: str, end: float, lines: int
) -> float:
    """Write numbers and titles to the left of `axes`; return their right edge as a share of the figure's width.

    Titles are broken into up to `lines` lines that end before `end`; words that do not fit are left out.
    """
    heading = write_heading(figure, axes, LEFT, label)
    numbers = write_column(
        figure, axes, LEFT, 0, [requirement.number for requirement in requirements], fontsize=LETTERS, color=MUTED
    )
    begin = LEFT + _GAP + max(fit(figure, numbers, _NUMBERS), fit(figure, [heading], _NUMBERS))
    write_heading(figure, axes, begin, "requirement")
    titles = write_column(
        figure, axes, begin, 0, [requirement.title for requirement in requirements], fontsize=LETTERS, color=INK
    )
    for requirement, title in zip(requirements, titles, strict=True):
        break_lines(figure, title, end - begin, lines, requirement.mark)
    return begin + fit(figure, titles, end - begin)


def _cells(results: Codes) -> Iterator[Cell]:
    for (row, column), code in np.ndenumerate(results):
        look = _LOOKS[code]
        yield Cell(row, column, look, look.example, look.fill)


def _notes(audit: Summary, all_rows: _Rows, shown: _Rows) -> list[str]:
    notes = []
    if waived := audit.totals["waived"]:
        notes.append(f"Waived checks are counted too: {waived:,}.")
    hidden_failures = int(all_rows.fails()[:, SHOWN_ACCOUNTS:].sum())
    notes += not_shown(len(all_rows.accounts[SHOWN_ACCOUNTS:]), counted(hidden_failures, "failing requirement"))
    if hidden_count := len(all_rows.requirements) - len(shown.requirements):
        notes.append(f"Not shown: {counted(hidden_count, 'further requirement')} (requirements.parquet).")
    if accounts_of(audit)[1]:
        notes.append(UNKNOWN_IS_ONE)
    if any(requirement.is_related for requirement in shown.requirements):
        notes.append(RELATED_IN_WORDS)
    if any(requirement.is_changed for requirement in audit.requirements):
        notes.append("* With limits other than the framework's.")
    return notes
