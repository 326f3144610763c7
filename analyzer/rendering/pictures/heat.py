"""Draws cells in rows and columns, darker for more failures, and the legend below them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.rendering.pictures.canvas import (
    FAIL,
    HATCH,
    HATCH_COLOR,
    INK,
    LEFT,
    MUTED,
    fit,
    of_height,
    readable_on,
    widest,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEAT: Final = ("#FCE0CC", "#F0A36B", FAIL, "#7A3400")
"""The colours of few to many failures."""
SOME: Final = _HEAT[1]
"""The colour of failures in a legend."""
_CELL: Final = (0.94, 0.88)
"""The size of a cell, as shares of its column and row."""
_ROOM: Final = 0.82
"""The greatest width of a text, as a share of its column."""
_SWATCH: Final = (0.026, 0.036)
"""The size of an example in the legend, as shares of the figure's width and of the usual height."""
_BORDER: Final = 0.6
"""The line width around hatched cells, in points."""


class CellStyle(NamedTuple):
    """The look of cells with a meaning."""

    meaning: str
    example: str
    """The text in the cells; failures have their number instead."""
    fill: str
    """The colour of the cells; for failures it depends on their number."""
    hatched: bool = False
    bare: bool = False
    """Whether only the text is drawn, without an area."""
    ink: str | None = None
    """The colour of the text; None: black or white, whichever is readable."""


class Cell(NamedTuple):
    """A cell with its text."""

    row: int
    column: int
    look: CellStyle
    text: str
    fill: str


class Columns(NamedTuple):
    """The place of columns of cells."""

    at: float
    """The middle of the first column, on the scale of the axes, where each column is 1 wide."""
    width: float
    """The width of each column, as a share of the figure's."""


def shades(most: int) -> Callable[[int], str]:
    """Return a function from a number of failures to a colour; `most` is the greatest number in a cell."""
    from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_hex  # noqa: PLC0415

    heat = LinearSegmentedColormap.from_list("heat", _HEAT)
    scale = LogNorm(1, max(most, 10))
    return lambda count: to_hex(heat(scale(count)))


def share_shades() -> Callable[[float], str]:
    """Return a function from a share of failures, 0 to 1, to a colour."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex  # noqa: PLC0415

    heat = LinearSegmentedColormap.from_list("heat", _HEAT)
    return lambda share: to_hex(heat(share))


def draw_cells(  # noqa: PLR0913 - content, place and style
    figure: Figure,
    axes: Axes,
    cells: Iterable[Cell],
    columns: Columns,
    *,
    letters: float,
    filled: bool = True,
) -> set[CellStyle]:
    """Draw cells and return the looks in use.

    `letters` is the size of the letters in points; they get smaller if a text does not fit. Without `filled`, only the
    texts are drawn.
    """
    texts, used = [], set()
    for cell in cells:
        look, x = cell.look, columns.at + cell.column
        used.add(look)
        if filled and not look.bare:
            _draw_area(axes, x, cell)
        if not cell.text:
            continue
        text = axes.text(x, cell.row, cell.text, ha="center", va="center", fontsize=letters)
        text.set_color(look.ink or (readable_on(cell.fill) if filled else INK))
        if look.hatched and filled:
            text.set_bbox({"facecolor": cell.fill, "edgecolor": "none", "pad": 1})
        texts.append(text)
    if texts:
        fit(figure, texts, columns.width * _ROOM)
    return used


def _draw_area(axes: Axes, x: float, cell: Cell) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    width, height = _CELL
    axes.add_patch(
        Rectangle(
            (x - width / 2, cell.row - height / 2),
            width,
            height,
            facecolor=cell.fill,
            edgecolor=HATCH_COLOR if cell.look.hatched else "none",
            hatch=HATCH if cell.look.hatched else None,
            linewidth=_BORDER if cell.look.hatched else 0,
        )
    )


def draw_legend(figure: Figure, looks: Iterable[CellStyle], y: float) -> None:
    """Draw a legend of `looks` in one line, at the height `y` of the figure."""
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    x, width, height = LEFT, _SWATCH[0], of_height(figure, _SWATCH[1])
    for look in looks:
        figure.add_artist(
            Rectangle(
                (x, y - height / 2),
                width,
                height,
                transform=figure.transFigure,
                facecolor=look.fill,
                edgecolor=HATCH_COLOR if look.hatched or look.bare else "none",
                hatch=HATCH if look.hatched else None,
                linewidth=_BORDER,
            )
        )
        if look.example:
            example = figure.text(x + width / 2, y, look.example, ha="center", va="center", fontsize=8)
            example.set_color(look.ink or readable_on(look.fill))
            if look.hatched:
                example.set_bbox({"facecolor": look.fill, "edgecolor": "none", "pad": 0.5})
        meaning = figure.text(x + width + 0.005, y, look.meaning, va="center", fontsize=8.5, color=MUTED)
        x += width + 0.005 + widest(figure, [meaning]) + 0.012
