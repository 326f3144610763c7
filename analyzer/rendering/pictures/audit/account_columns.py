"""Columns of accounts to the right of rows, and one before them that sums up all accounts where they are several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analyzer.rendering.pictures.canvas import LEFT, WIDTH, fit, hide_frame
from analyzer.rendering.pictures.heat import Columns
from analyzer.rendering.pictures.words import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FEWEST: Final = 5
"""Few accounts get columns as wide as those of so many: cells, not walls."""
_SUM_WIDTH: Final = 0.07
"""How much of the figure's width the column takes for all accounts together."""
_WIDE: Final = 0.09
"""The width of a column above which an account's number has room in one line."""
_NARROWEST: Final = 0.032
"""The width of a column above which an account's number can be read in three lines."""


class AccountColumns(NamedTuple):
    """Where the columns of accounts stand."""

    each: Columns
    all: Columns | None
    """The column that sums up all accounts; None where there is only one."""


def begin_at_most(shown: int) -> float:
    """Return where the columns of so many accounts have to begin at the latest, as a part of the figure's width."""
    return LEFT + WIDTH - _SUM_WIDTH - max(shown, _FEWEST) * _NARROWEST


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


def write_accounts(figure: Figure, axes: Axes, accounts: Sequence[str], columns: Columns) -> None:
    """Write above the columns of accounts whose they are."""
    _write_heads(figure, axes, accounts if columns.width > _WIDE else [_in_lines(one) for one in accounts], columns)


def write_sum_head(figure: Figure, axes: Axes, head: str, columns: Columns) -> None:
    """Write above the column of all accounts what stands in it."""
    _write_heads(figure, axes, [head], columns)


def _write_heads(figure: Figure, axes: Axes, heads: Sequence[str], columns: Columns) -> None:
    style: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": 8.5}
    texts = [axes.text(columns.at + place, -0.65, head, **style) for place, head in enumerate(heads)]
    fit(figure, texts, columns.width * 0.92)


def _in_lines(account: str) -> str:
    """Return an account's number in three lines of four digits, and the name of an unknown one in two."""
    if account == UNKNOWN:
        return "un-\nknown"
    return "\n".join((account[:4], account[4:8], account[8:])) if len(account) == 12 else account
