"""Columns of accounts to the right of rows, and one before them that sums up all accounts where they are several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analyzer.rendering.pictures.audit.rows import ABOVE
from analyzer.rendering.pictures.audit.shared import named_accounts
from analyzer.rendering.pictures.canvas import LEFT, WIDTH, fit, hide_frame
from analyzer.rendering.pictures.heat import Columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.evidence.summary import Summary

_FEWEST: Final = 5
"""Few accounts get columns as wide as those of so many: cells, not walls."""
_SUM_WIDTH: Final = 0.07
"""How much of the figure's width the column takes for all accounts together."""
MOST_ACROSS: Final = 6
"""Accounts beside the controls, whose numbers have room in one line; those of more stand upright."""
_UPRIGHT: Final = 0.085
"""The further room that upright ones take above the rows, as a part of the usual height."""
_NARROWEST: Final = 0.032
"""The width of a column above which a number that stands upright can be read, with a name beside it."""


class AccountColumns(NamedTuple):
    """Where the columns of accounts stand."""

    each: Columns
    all: Columns | None
    """The column that sums up all accounts; None where there is only one."""


def begin_at_most(shown: int) -> float:
    """Return where the columns of so many accounts have to begin at the latest, as a part of the figure's width."""
    return LEFT + WIDTH - _SUM_WIDTH - max(shown, _FEWEST) * _NARROWEST


def room_above(*, upright: bool) -> float:
    """Return the room above the rows, with that for the heads of accounts, as a part of the usual height."""
    return ABOVE + (_UPRIGHT if upright else 0)


def lay_out_accounts(figure: Figure, axes: Axes, begin: float, shown: int, accounts: int) -> AccountColumns:
    """Scale the axes for the columns of so many shown accounts, of all there are, and return where they stand.

    They begin at `begin`, a part of the figure's width.
    """
    figure.subplots_adjust(left=begin, right=LEFT + WIDTH)
    beside = _SUM_WIDTH if accounts > 1 else 0
    most = max(shown, _FEWEST)
    width = (LEFT + WIDTH - begin - beside) / most
    axes.set_xlim(-beside / width - 0.5, most - 0.5)
    axes.set_xticks([])
    hide_frame(axes)
    return AccountColumns(Columns(0, width), Columns(-beside / width / 2 - 0.5, beside) if beside else None)


def write_accounts(  # noqa: PLR0913 - what, and where
    figure: Figure, axes: Axes, audit: Summary, accounts: Sequence[str], columns: Columns, *, upright: bool
) -> None:
    """Write above the columns whose they are: numbers of accounts, with names in a second line."""
    heads = named_accounts(audit, accounts)
    if not upright:
        _write_heads(figure, axes, heads, columns)
        return
    style: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": 8, "rotation": 90, "linespacing": 1.1}
    style["multialignment"] = "left"
    texts = [axes.text(columns.at + place, -0.65, head, **style) for place, head in enumerate(heads)]
    fit(figure, texts, columns.width * 0.96)


def write_sum_head(figure: Figure, axes: Axes, head: str, columns: Columns) -> None:
    """Write above the column of all accounts what stands in it."""
    _write_heads(figure, axes, [head], columns)


def _write_heads(figure: Figure, axes: Axes, heads: Sequence[str], columns: Columns) -> None:
    style: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": 8.5}
    texts = [axes.text(columns.at + place, -0.65, head, **style) for place, head in enumerate(heads)]
    fit(figure, texts, columns.width * 0.92)
