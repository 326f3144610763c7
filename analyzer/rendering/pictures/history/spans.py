"""Spans of time for the x axis: days, weeks, months, quarters, years or decades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from analyzer.rendering.pictures.canvas import widest
from analyzer.rendering.pictures.history.days import first_days_of, iso, month_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.rendering.pictures.history.coverage import SnapshotCoverage

    Whole = npt.NDArray[np.int64]

_MOST: Final = 31


@dataclass(frozen=True)
class Spans:
    """Spans of days: span `i` is from day `edges[i]` to the day before `edges[i + 1]`."""

    unit: str
    edges: Whole
    labels: list[str]

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def of(cls, coverage: SnapshotCoverage) -> Spans:
        """Return up to `_MOST` spans that are long enough for most of them to have snapshots."""
        days = coverage.days
        usual = float(np.median(np.diff(days))) if len(days) > 1 else 1.0
        first = int(days[0]) if len(coverage.left_out) else coverage.first
        for unit, (length, make) in _UNITS.items():
            edges = make(first, coverage.last)
            if unit == "decade" or (len(edges) - 1 <= _MOST and length >= usual / 3):
                break
        return cls(unit, edges, [_label(unit, edge) for edge in edges[:-1].tolist()])

    def write_below(self, figure: Figure, axes: Axes) -> None:
        """Write the labels of the spans below the axis, as many as fit; the spans are at 0, 1 and so on."""
        axes.set_xticks(range(len(self)), self.labels, fontsize=8.5)
        room = widest(figure, axes.get_xticklabels()) + 0.012
        low, high = axes.get_xlim()
        step = max(int(np.ceil(room / (axes.get_position().width / (high - low)))), 1)
        axes.set_xticks(range(0, len(self), step), self.labels[::step], fontsize=8.5)
        if self.unit == "week":
            middle = (len(self) / 2 - 0.5 - low) / (high - low)
            axes.set_xlabel("weeks, by their Monday", fontsize=9, x=middle)


def _label(unit: str, first: int) -> str:
    day = iso(first)
    if unit == "quarter":
        return f"{day[:4]} Q{int(day[5:7]) // 3 + 1}"
    if unit == "decade":
        return f"{day[:4]}s"
    return day[: {"month": 7, "year": 4}.get(unit, 10)]


def _by_day(first: int, last: int) -> Whole:
    return np.arange(first, last + 2)


def _by_week(first: int, last: int) -> Whole:
    """Return the edges of weeks that begin on Monday; the first day of 1970 was a Thursday."""
    return np.arange(first - (first + 3) % 7, last + 8 - (last + 3) % 7, 7)


def _by_months(step: int) -> Callable[[int, int], Whole]:
    def make(first: int, last: int) -> Whole:
        return first_days_of(np.arange(month_of(first) // step * step, (month_of(last) // step + 1) * step + 1, step))

    return make


_UNITS: Final[dict[str, tuple[int, Callable[[int, int], Whole]]]] = {
    "day": (1, _by_day),
    "week": (7, _by_week),
    "month": (31, _by_months(1)),
    "quarter": (92, _by_months(3)),
    "year": (366, _by_months(12)),
    "decade": (3653, _by_months(120)),
}
"""The length of each span in days, and the function that makes its edges."""
