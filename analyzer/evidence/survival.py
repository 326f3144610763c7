"""How long failures stay open, where some are open still: the product-limit estimate, and its bounds.

Snapshots tell between which instants a failure began and was closed, not when. So the estimate is made twice: by the
fewest days that each failure can have been open, and by the most.

E. L. Kaplan and P. Meier, "Nonparametric Estimation from Incomplete Observations", Journal of the American Statistical
Association 53 (1958), 457-481.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.controls.vocabulary import counted
from analyzer.reading.columns import microseconds
from analyzer.reading.times import DAY

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

_SPANS: Final = ("open_days_min", "open_days_max")
_ROUNDING: Final = 1e-9
"""A share that is so little above another one is the same."""


@dataclass(frozen=True)
class Curve:
    """A step function: from `days[i]` on, until `days[i + 1]`, the share `open_share[i]` is still open.

    `days` ascend from 0 to the longest time that anything was observed: the last share says nothing of later days,
    except where it is 0.
    """

    days: npt.NDArray[np.float64]
    open_share: npt.NDArray[np.float64]

    def share_at(self, day: float) -> float:
        """Return the share still open at the end of `day`; after the last day, that of the last day."""
        place = int(np.searchsorted(self.days, day, side="right")) - 1
        return float(self.open_share[place]) if place >= 0 else 1.0

    def quantile(self, p: float) -> float | None:
        """Return the first day on which at most `1 - p` are still open; None where it was not reached."""
        reached = np.flatnonzero(self.open_share <= 1 - p + _ROUNDING)
        return float(self.days[reached[0]]) if len(reached) else None

    @property
    def is_over(self) -> bool:
        """Whether nothing is open at the end: else the last share says nothing of later days."""
        return bool(self.open_share[-1] <= _ROUNDING)


def kaplan_meier(days: npt.NDArray[np.number[Any]], closed: npt.NDArray[np.bool_]) -> Curve:
    """Return the curve of failures that were open for `days`, and then `closed` or lost sight of while open.

    What is lost sight of on a day on which others close was open for longer than they, as Kaplan and Meier have it.
    """
    distinct = np.union1d(np.zeros(1), days)
    place = np.searchsorted(distinct, days)
    ended = np.bincount(place, minlength=len(distinct))
    events = np.bincount(place[closed], minlength=len(distinct))
    at_risk = len(days) - np.cumsum(ended) + ended
    # Beyond the last observation nothing is at risk; day 0 may have none, and no events then.
    return Curve(distinct, np.cumprod(1 - events / np.maximum(at_risk, 1)))


@dataclass(frozen=True)
class Bounds:
    """How long `count` failures stayed open: not less than `fast` says, and not longer than `slow` does.

    `shortest` and `longest` are the days for which each was certainly open, and may have been at most when it was
    closed or last seen; `closed` says which were closed.
    """

    shortest: npt.NDArray[np.float64]
    longest: npt.NDArray[np.float64]
    closed: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, lifetimes: pd.DataFrame) -> Bounds:
        """Return the bounds of those `lifetimes` whose beginning was seen: they were not there in the oldest snapshot.

        What a control was first able to see failing may have failed before.
        """
        known = is_dated(lifetimes)
        mine = lifetimes[known]
        closed = (mine["state"] == "closed").to_numpy()
        shortest, longest = (mine[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in _SPANS)
        began = microseconds(mine["opened_earliest"])
        so_far = (microseconds(mine["last_seen"]) - began) / DAY
        return cls(shortest, np.maximum(np.where(closed, longest, so_far), shortest), closed)

    @property
    def count(self) -> int:
        """How many failures there are."""
        return len(self.closed)

    @cached_property
    def fast(self) -> Curve:
        """The share that is still open after each day, at least."""
        return self._envelope(np.minimum)

    @cached_property
    def slow(self) -> Curve:
        """The same at most."""
        return self._envelope(np.maximum)

    def _envelope(self, extreme: np.ufunc) -> Curve:
        """Return the lower or the upper one of both estimates, day by day; they may cross where some are open still."""
        days = np.union1d(*(one.days for one in self._estimates))
        shares = [one.open_share[np.searchsorted(one.days, days, side="right") - 1] for one in self._estimates]
        return Curve(days, extreme(*shares))

    @cached_property
    def _estimates(self) -> tuple[Curve, Curve]:
        return kaplan_meier(self.shortest, self.closed), kaplan_meier(self.longest, self.closed)

    def quantile(self, p: float) -> tuple[float | None, float | None]:
        """Return between which days a share of `p` was closed; None where it was not reached."""
        return self.fast.quantile(p), self.slow.quantile(p)

    def closed_within(self, day: float) -> tuple[float, float] | None:
        """Return between which shares were closed within so many days; None where there is no failure.

        What was open when it was last seen, before that day, may have been closed by then.
        """
        if not self.count:
            return None
        least = 1 - self.slow.share_at(day)
        is_beyond = day > self.shortest.max() and not self.fast.is_over
        return least, 1.0 if is_beyond else 1 - self.fast.share_at(day)


def is_dated(lifetimes: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return which failures were seen to begin: a snapshot before shows the subject without the failure."""
    there = lifetimes["censored_left"].to_numpy(dtype=bool)
    return np.asarray(~there & lifetimes["opened_earliest"].notna().to_numpy())


def days_in_words(least: float | None, most: float | None) -> str:
    """Return between which whole days something lies: `between 31 and 62 days`; what was not reached has no end."""
    if least is None:
        return "not reached"
    low = math.floor(least)
    if most is None:
        return f"{counted(low, 'day')} or longer"
    high = math.ceil(most)
    return counted(low, "day") if low == high else f"between {low:,} and {counted(high, 'day')}"


def shares_in_words(least: float, most: float) -> str:
    """Return between which whole percentages a share lies: `44% to 62%`."""
    low, high = math.floor(100 * least + _ROUNDING), math.ceil(100 * most - _ROUNDING)
    return f"{low}%" if low == high else f"{low}% to {high}%"
