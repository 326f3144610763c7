"""Rows of a picture: where they stand, their letters, and columns of texts beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from analyzer.rendering.pictures.canvas import MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

DASH: Final = "\N{EN DASH}"
LETTERS: Final = 9.0
"""The usual size of letters in rows, in points,"""
USUAL_ROWS: Final = 15
"""and for how many rows of one line there is room at that size in a picture of the usual height."""
ABOVE, BELOW = 0.24, 0.135
"""The room above and below the rows in pictures with a legend of cells, as parts of the usual height."""
_ROW_HEIGHT: Final = 0.1
"""The most of a figure's height that a row takes."""
_HEADING: Final = -0.75
"""Where headings stand, on the scale of the rows."""


def bottom_of(rows: int, top: float, lowest: float) -> float:
    """Return where rows end that begin at the `top`: few get rows, not walls."""
    return max(top - _ROW_HEIGHT * rows, lowest)


def letters_for(rows: int) -> float:
    """Return the size of letters in so many rows of a picture of the usual height, in points."""
    return LETTERS * min(1, USUAL_ROWS / rows)


def scale_rows(axes: Axes, rows: int) -> None:
    """Scale the axes for rows, the first one at the top, each 1 high."""
    axes.set_ylim(rows - 0.4, -0.6)
    axes.set_yticks([])


def write_column(
    figure: Figure,
    axes: Axes,
    x: float,
    shift: float,
    texts: list[str],
    **style: Any,  # noqa: ANN401 - matplotlib's own properties
) -> list[Text]:
    """Write a text for each row, at `x` of the figure's width, so much below the row's middle."""
    return [
        axes.text(x, place + shift, text, transform=beside(figure, axes), va="center", **style)
        for place, text in enumerate(texts)
    ]


def write_heading(figure: Figure, axes: Axes, x: float, text: str, align: str = "left") -> Text:
    """Write above the rows what stands in a column at `x` of the figure's width."""
    return axes.text(
        x, _HEADING, text, transform=beside(figure, axes), ha=align, va="bottom", color=MUTED, fontsize=8.5
    )


def beside(figure: Figure, axes: Axes) -> Any:  # noqa: ANN401 - matplotlib's own transform
    """Return what places by a part of the figure's width, and by row."""
    from matplotlib.transforms import blended_transform_factory  # noqa: PLC0415

    return blended_transform_factory(figure.transFigure, axes.transData)
