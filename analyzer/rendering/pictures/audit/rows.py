"""Rows of a picture: their places, the size of their letters, and columns of texts beside them."""

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
"""and the number of one-line rows of that size that fit in a picture of the usual height."""
ABOVE, BELOW = 0.24, 0.135
"""The space above and below the rows in pictures with a legend of cells, as shares of the usual height."""
_ROW_HEIGHT: Final = 0.1
"""The greatest height of a row, as a share of the figure's height."""
_HEADING: Final = -0.75
"""The position of headings, on the scale of the rows."""


def bottom_of(rows: int, top: float, lowest: float) -> float:
    """Return the lower end of rows that begin at `top`; the height of a row is limited to `_ROW_HEIGHT`."""
    return max(top - _ROW_HEIGHT * rows, lowest)


def letters_for(rows: int) -> float:
    """Return the size of letters, in points, with which this number of rows fits in the usual height."""
    return LETTERS * min(1, USUAL_ROWS / rows)


def scale_rows(axes: Axes, rows: int) -> None:
    """Scale the axes for rows that are 1 high, with the first row at the top."""
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
    """Write a text for each row, at `x` of the figure's width, `shift` below the middle of the row."""
    return [
        axes.text(x, row + shift, text, transform=beside(figure, axes), va="center", **style)
        for row, text in enumerate(texts)
    ]


def write_heading(figure: Figure, axes: Axes, x: float, text: str, align: str = "left") -> Text:
    """Write the heading of a column at `x` of the figure's width."""
    return axes.text(
        x, _HEADING, text, transform=beside(figure, axes), ha=align, va="bottom", color=MUTED, fontsize=8.5
    )


def beside(figure: Figure, axes: Axes) -> Any:  # noqa: ANN401 - matplotlib's own transform
    """Return the transform with x as a share of the figure's width, and y as a row."""
    from matplotlib.transforms import blended_transform_factory  # noqa: PLC0415

    return blended_transform_factory(figure.transFigure, axes.transData)
