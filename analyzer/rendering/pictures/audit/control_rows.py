"""Rows of controls with their numbers on the left, and columns of counts on the right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from analyzer.controls.vocabulary import counted
from analyzer.rendering.pictures.canvas import FAIL_TEXT, INK, LEFT, MUTED, WIDTH, fit

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    from analyzer.controls.checklist import Checklist

DASH: Final = "\N{EN DASH}"
_ROWS, _ROW_HEIGHT = 15, 0.1
"""Controls up to which rows have letters of the usual size; and the most of a figure's height that a row takes."""
_SHORT_NUMBER, _FEW_ROWS = 8, 9
"""Letters up to which a benchmark's number stands before the control; else below it, if there are so few rows."""
_HEADING: Final = -0.75
"""Where headings stand, on the scale of the rows."""


def bottom_of(checklist: Checklist, top: float, lowest: float) -> float:
    """Return where the rows of the controls end: few get rows, not walls."""
    return max(top - _ROW_HEIGHT * len(checklist.checks), lowest)


def letters_for(rows: int) -> float:
    """Return the size of letters in the rows of the controls, in points."""
    return 9.0 * min(1, _ROWS / rows)


def write_controls(figure: Figure, axes: Axes, checklist: Checklist) -> float:
    """Write the rows' controls and numbers to the left of `axes` and return where they end, as a part of the figure.

    The rows of `axes` are the controls of `checklist`, from the top.
    """
    count = len(checklist.checks)
    axes.set_ylim(count - 0.4, -0.6)
    axes.set_yticks([])
    numbers = [one.requirement or DASH for one in checklist.checks]
    below = max(map(len, numbers)) > _SHORT_NUMBER and count <= _FEW_ROWS
    write = _numbers_below if below else _numbers_before
    return write(figure, axes, _names(checklist), numbers, checklist.numbers_of.heading)


def _names(checklist: Checklist) -> list[str]:
    """Return the controls' names; with the limit where one stands there twice."""
    ids = [one.control.id for one in checklist.checks]
    return [
        f"{name} ({counted(one.limit_days, 'day')})" if ids.count(name) > 1 and one.limit_days is not None else name
        for name, one in zip(ids, checklist.checks, strict=True)
    ]


def _numbers_below(figure: Figure, axes: Axes, names: list[str], numbers: list[str], label: str) -> float:
    written = _write_column(figure, axes, LEFT, -0.19, names, fontsize=letters_for(len(names)))
    end = LEFT + fit(figure, written, 0.3)
    smaller = _write_column(figure, axes, LEFT, 0.21, numbers, fontsize=8, color=MUTED)
    heading = _write_heading(figure, axes, LEFT, f"control and number in {label}")
    return max(end, LEFT + fit(figure, smaller, 0.3), LEFT + fit(figure, [heading], 0.3))


def _numbers_before(figure: Figure, axes: Axes, names: list[str], numbers: list[str], label: str) -> float:
    size = letters_for(len(names))
    heading = _write_heading(figure, axes, LEFT, label)
    written = _write_column(figure, axes, LEFT, 0, numbers, fontsize=size, color=MUTED)
    at = LEFT + 0.015 + fit(figure, [*written, heading], 0.12)
    _write_heading(figure, axes, at, "control")
    return at + fit(figure, _write_column(figure, axes, at, 0, names, fontsize=size), 0.3)


def _write_column(
    figure: Figure,
    axes: Axes,
    x: float,
    shift: float,
    texts: list[str],
    **style: Any,  # noqa: ANN401 - matplotlib's own properties
) -> list[Text]:
    """Write a text for each row, at `x` of the figure's width, so much below the row's middle."""
    return [
        axes.text(x, place + shift, text, transform=_beside(figure, axes), va="center", **style)
        for place, text in enumerate(texts)
    ]


def _write_heading(figure: Figure, axes: Axes, x: float, text: str, align: str = "left") -> Text:
    return axes.text(
        x, _HEADING, text, transform=_beside(figure, axes), ha=align, va="bottom", color=MUTED, fontsize=8.5
    )


def _beside(figure: Figure, axes: Axes) -> Any:  # noqa: ANN401 - matplotlib's own transform
    """Return what places by a part of the figure's width, and by row."""
    from matplotlib.transforms import blended_transform_factory  # noqa: PLC0415

    return blended_transform_factory(figure.transFigure, axes.transData)


def write_counts(
    figure: Figure,
    axes: Axes,
    columns: dict[str, npt.NDArray[np.int64]],
    judged: npt.NDArray[np.int64],
    waived: npt.NDArray[np.int64],
) -> float:
    """Write columns of counts to the right of `axes` and return where they begin, as a part of the figure.

    `columns` are by their heading. Where nothing was `judged`, there are dashes; waivers get a column where there are
    any.
    """
    shown = {name: [f"{count:,}" for count in counts.tolist()] for name, counts in columns.items()}
    if waived.any():
        shown["waived"] = [f"({count:,})" if count else "" for count in waived.tolist()]
    right = LEFT + WIDTH
    for name, counts in reversed(shown.items()):
        texts = [_write_heading(figure, axes, right, name, "right")]
        for place, text in enumerate(counts):
            failing = name == "fail" and text != "0"
            texts.append(
                axes.text(
                    right,
                    place,
                    text if judged[place] else DASH,
                    transform=_beside(figure, axes),
                    ha="right",
                    va="center",
                    fontsize=letters_for(len(judged)),
                    color=FAIL_TEXT if failing else INK if judged[place] and text != "0" else MUTED,
                    fontweight="bold" if failing else "normal",
                )
            )
        right -= fit(figure, texts, 0.12) + 0.02
    return right
