"""Columns of accounts to the right of rows, after a column with the sum of all accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analyzer.rendering.pictures.audit.rows import ABOVE
from analyzer.rendering.pictures.audit.shared import accounts_with_names
from analyzer.rendering.pictures.canvas import LEFT, WIDTH, fit, hide_frame
from analyzer.rendering.pictures.heat import Columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.evidence.summary import Summary

_FEWEST: Final = 5
"""With fewer accounts, the columns are as wide as with this number, so that cells are not too wide."""
_SUM_WIDTH: Final = 0.07
"""The width of the column of sums, as a share of the figure's."""
MOST_ACROSS: Final = 6
"""The most accounts whose numbers fit side by side; with more, they are upright."""
_UPRIGHT: Final = 0.085
"""The additional space for upright numbers, as a share of the usual height."""
_NARROWEST: Final = 0.032
"""The smallest column width for an upright number with a name beside it."""


class AccountColumns(NamedTuple):
    """The places of the columns of accounts."""

    each: Columns
    all: Columns | None
    """The column of sums; None if there is only one account."""


def begin_at_most(shown: int) -> float:
    """Return the rightmost place at which the columns may begin, as a share of the figure's width."""
    return LEFT + WIDTH - _SUM_WIDTH - max(shown, _FEWEST) * _NARROWEST


def room_above(*, upright: bool) -> float:
    """Return the space above the rows, with the headings of accounts, as a share of the usual height."""
    return ABOVE + (_UPRIGHT if upright else 0)


def lay_out_accounts(figure: Figure, axes: Axes, begin: float, shown: int, accounts: int) -> AccountColumns:
    """Scale the axes for `shown` columns of accounts and return their places.

    The columns begin at `begin`, a share of the figure's width. There is a column of sums if there are several
    `accounts` in all.
    """
    figure.subplots_adjust(left=begin, right=LEFT + WIDTH)
    beside = _SUM_WIDTH if accounts > 1 else 0
    most = max(shown, _FEWEST)
    width = (LEFT + WIDTH - begin - beside) / most
    axes.set_xlim(-beside / width - 0.5, most - 0.5)
    axes.set_xticks([])
    hide_frame(axes)
    return AccountColumns(Columns(0, width), Columns(-beside / width / 2 - 0.5, beside) if beside else None)


def write_accounts(  # noqa: PLR0913 - content and place
    figure: Figure, axes: Axes, audit: Summary, accounts: Sequence[str], columns: Columns, *, upright: bool
) -> None:
    """Write the headings of the columns: account numbers, with names in a second line."""
    heads = accounts_with_names(audit, accounts)
    if not upright:
        _write_heads(figure, axes, heads, columns)
        return
    style: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": 8, "rotation": 90, "linespacing": 1.1}
    style["multialignment"] = "left"
    texts = [axes.text(columns.at + position, -0.65, head, **style) for position, head in enumerate(heads)]
    fit(figure, texts, columns.width * 0.96)


def write_sum_head(figure: Figure, axes: Axes, head: str, columns: Columns) -> None:
    """Write the heading of the column of sums."""
    _write_heads(figure, axes, [head], columns)


def _write_heads(figure: Figure, axes: Axes, heads: Sequence[str], columns: Columns) -> None:
    style: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": 8.5}
    texts = [axes.text(columns.at + position, -0.65, head, **style) for position, head in enumerate(heads)]
    fit(figure, texts, columns.width * 0.92)
