"""Writes controls with their requirement numbers at the left of rows, and columns of counts at the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.controls.control import Severity
from analyzer.controls.vocabulary import counted
from analyzer.rendering.pictures.audit.rows import (
    DASH,
    beside,
    letters_for,
    scale_rows,
    write_column,
    write_heading,
)
from analyzer.rendering.pictures.canvas import FAIL_TEXT, INK, LEFT, MUTED, WIDTH, fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    from analyzer.controls.checklist import Checklist

_SHORT_NUMBER, _FEW_ROWS = 8, 9
"""Longer numbers are written below the control instead of before it, if there are only this many rows."""


def write_controls(figure: Figure, axes: Axes, checklist: Checklist, order: Sequence[int] | None = None) -> float:
    """Write controls and numbers to the left of `axes`; return their right edge as a share of the figure's width.

    The rows are the controls of `checklist` in the `order` of these positions, with critical controls in bold. Without
    `order`, they are in the order of the checklist.
    """
    positions = range(len(checklist.checks)) if order is None else order
    count = len(positions)
    scale_rows(axes, count)
    all_names = _names(checklist)
    numbers = [checklist.checks[position].requirement or DASH for position in positions]
    below = max(map(len, numbers)) > _SHORT_NUMBER and count <= _FEW_ROWS
    write = _numbers_below if below else _numbers_before
    names, end = write(
        figure, axes, [all_names[position] for position in positions], numbers, checklist.numbers_of.heading
    )
    for text, position in zip(names, positions, strict=True):
        if order is not None and checklist.checks[position].severity is Severity.CRITICAL:
            text.set_fontweight("bold")
    return max(end, names[0].get_position()[0] + fit(figure, names, 0.3))


def _names(checklist: Checklist) -> list[str]:
    """Return the names of the controls, with the limit if a control occurs several times."""
    return [
        f"{check.control.id} ({counted(check.limit_days, 'day')})"
        if checklist.has_several_of(check) and check.limit_days is not None
        else check.control.id
        for check in checklist.checks
    ]


def _numbers_below(
    figure: Figure, axes: Axes, names: list[str], numbers: list[str], label: str
) -> tuple[list[Text], float]:
    written = write_column(figure, axes, LEFT, -0.19, names, fontsize=letters_for(len(names)))
    end = LEFT + fit(figure, written, 0.3)
    smaller = write_column(figure, axes, LEFT, 0.21, numbers, fontsize=8, color=MUTED)
    heading = write_heading(figure, axes, LEFT, f"control, {label} below")
    return written, max(end, LEFT + fit(figure, smaller, 0.3), LEFT + fit(figure, [heading], 0.3))


def _numbers_before(
    figure: Figure, axes: Axes, names: list[str], numbers: list[str], label: str
) -> tuple[list[Text], float]:
    size = letters_for(len(names))
    heading = write_heading(figure, axes, LEFT, label)
    written = write_column(figure, axes, LEFT, 0, numbers, fontsize=size, color=MUTED)
    x = LEFT + 0.015 + fit(figure, [*written, heading], 0.12)
    write_heading(figure, axes, x, "control")
    shown = write_column(figure, axes, x, 0, names, fontsize=size)
    return shown, x + fit(figure, shown, 0.3)


def write_counts(
    figure: Figure,
    axes: Axes,
    columns: dict[str, npt.NDArray[np.int64]],
    judged: npt.NDArray[np.int64],
    waived: npt.NDArray[np.int64],
) -> float:
    """Write columns of counts to the right of `axes`; return their left edge as a share of the figure's width.

    `columns` has the counts by heading. Rows in which nothing was `judged` have dashes. There is a column for `waived`
    if any count in it is not 0.
    """
    shown = {name: [f"{count:,}" for count in counts.tolist()] for name, counts in columns.items()}
    if waived.any():
        shown["waived"] = [f"({count:,})" if count else "" for count in waived.tolist()]
    right = LEFT + WIDTH
    for name, counts in reversed(shown.items()):
        texts = [write_heading(figure, axes, right, name, "right")]
        for row, text in enumerate(counts):
            failing = name == "fail" and text != "0"
            texts.append(
                axes.text(
                    right,
                    row,
                    text if judged[row] else DASH,
                    transform=beside(figure, axes),
                    ha="right",
                    va="center",
                    fontsize=letters_for(len(judged)),
                    color=FAIL_TEXT if failing else INK if judged[row] and text != "0" else MUTED,
                    fontweight="bold" if failing else "normal",
                )
            )
        right -= fit(figure, texts, 0.12) + 0.02
    return right
