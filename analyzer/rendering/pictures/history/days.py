"""Days and months counted from 1970: as texts and on axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes

    Whole = npt.NDArray[np.int64]

_MANY: Final = 5
"""At least this many days must be shown for each day that is left out."""


def iso(day: int) -> str:
    """Return a day as YYYY-MM-DD."""
    return str(np.datetime64(day, "D"))


def month_of(day: int) -> int:
    """Return the number of a day's month, counted from 1970."""
    return int(np.datetime64(day, "D").astype("datetime64[M]").astype(np.int64))


def without_stragglers(days: Whole) -> Whole:
    """Return ascending days without the few first days that are long before all others.

    A single old report would leave most of the axis empty. So the days before a gap are left out if the gap is more
    than twice as long as all time after it, and if at least `_MANY` days follow for each day left out. If there are
    several such gaps, the last one counts.
    """
    before = np.arange(1, len(days))
    gaps, after = np.diff(days), days.max(initial=0) - days[1:]
    cuts = np.flatnonzero((gaps > 2 * after) & (len(days) - before >= _MANY * before))
    return days[cuts[-1] + 1 :] if len(cuts) else days


def first_days_of(months: Whole) -> Whole:
    """Return the first day of each month."""
    return np.asarray(months.astype("datetime64[M]").astype("datetime64[D]"), dtype=np.int64)


def write_days(axes: Axes, first: int, after: int) -> None:
    """Write dates below the axis for the days from `first` to the day before `after`."""
    days = after - first
    step = next((step for step in (1, 2, 7, 14) if days <= 8 * step), None)
    if step is not None:
        ticks = np.arange(first, after, step)
        axes.set_xticks(ticks, [iso(day) for day in ticks.tolist()], fontsize=9)
        return
    step = next(step for step in (1, 2, 3, 6, 12, 24, 60, 120, 600, 1200) if days <= 8 * 30.4 * step)
    low, high = month_of(first), month_of(after)
    ticks = first_days_of(np.arange(-(-low // step) * step, high + 1, step))
    inside = (ticks >= first) & (ticks < after)
    axes.set_xticks(ticks[inside], [iso(day)[:7] for day in ticks[inside].tolist()], fontsize=9)
