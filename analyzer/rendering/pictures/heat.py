"""Cells in rows and columns, darker where there are more failures, and the legend below them."""

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
"""How much of a column and a row a cell takes."""
_ROOM: Final = 0.82
"""How much of a column's width a text may take."""
_SWATCH: Final = (0.026, 0.036)
"""How much of the figure's width, and of the usual height, an example in the legend takes."""
_BORDER: Final = 0.6
"""Of hatched cells, in points."""


class Look(NamedTuple):
    """How cells look, by what is in them."""

    meaning: str
    example: str
    """What stands in them; failures stand there as their number."""
    fill: str
    """Failures have a colour by their number."""
    hatched: bool = False
    bare: bool = False
    """No area is drawn, only what stands there."""
    ink: str | None = None
    """The colour of what stands there; None: what can be read on the cell."""


class Cell(NamedTuple):
    """A cell, and what stands in it."""

    row: int
    column: int
    look: Look
    text: str
    fill: str


class Columns(NamedTuple):
    """Where columns of cells stand."""

    at: float
    """The middle of the first one, on the scale of the axes, where each is 1 wide."""
    width: float
    """Of each, as a part of the figure's."""


def shades(most: int) -> Callable[[int], str]:
    """Return what gives the colour of a number of failures, of which a cell has `most`."""
    from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_hex  # noqa: PLC0415

    heat = LinearSegmentedColormap.from_list("heat", _HEAT)
    scale = LogNorm(1, max(most, 10))
    return lambda count: to_hex(heat(scale(count)))


def share_shades() -> Callable[[float], str]:
    """Return what gives the colour of a share of failures, from 0 to 1."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex  # noqa: PLC0415

    heat = LinearSegmentedColormap.from_list("heat", _HEAT)
    return lambda share: to_hex(heat(share))


def draw_cells(  # noqa: PLR0913 - what is drawn, where, and how
    figure: Figure,
    axes: Axes,
    cells: Iterable[Cell],
    columns: Columns,
    *,
    letters: float,
    filled: bool = True,
) -> set[Look]:
    """Draw cells and return the looks in use.

    What stands in them has letters of that size in points, or smaller ones where they would not fit. Without `filled`,
    there is nothing but what stands in them.
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


def draw_legend(figure: Figure, looks: Iterable[Look], y: float) -> None:
    """Write at the height `y` of the figure what looks mean, one beside the other."""
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    at, width, height = LEFT, _SWATCH[0], of_height(figure, _SWATCH[1])
    for look in looks:
        figure.add_artist(
            Rectangle(
                (at, y - height / 2),
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
            example = figure.text(at + width / 2, y, look.example, ha="center", va="center", fontsize=8)
            example.set_color(look.ink or readable_on(look.fill))
            if look.hatched:
                example.set_bbox({"facecolor": look.fill, "edgecolor": "none", "pad": 0.5})
        meaning = figure.text(at + width + 0.005, y, look.meaning, va="center", fontsize=8.5, color=MUTED)
        at += width + 0.005 + widest(figure, [meaning]) + 0.012
