"""Estimates how long failures stay open, with open failures as censored values: Kaplan-Meier, and its bounds.

Snapshots show the start and the end of a failure only as a range. So there are many estimates, one for each choice of
days that fits the snapshots. The bounds are the lowest and the highest of these estimates.

E. L. Kaplan and P. Meier, "Nonparametric Estimation from Incomplete Observations", Journal of the American Statistical
Association 53 (1958), 457-481.
"""

from __future__ import annotations

import math
from bisect import bisect_left
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

    Days = npt.NDArray[np.float64]

_SPANS: Final = ("open_days_min", "open_days_max")
_STEPS: Final = 250
"""The number of steps of a curve in a chart."""
_ROUNDING: Final = 1e-9
"""Shares that differ by less than this are equal."""


@dataclass(frozen=True)
class Curve:
    """A step function: from `days[i]` until `days[i + 1]`, the share `open_share[i]` is still open.

    `days` ascend from 0 to the longest observed time. The share after the last day is not known, unless it is 0.
    """

    days: npt.NDArray[np.float64]
    open_share: npt.NDArray[np.float64]

    def share_at(self, day: float) -> float:
        """Return the share that is still open at the end of `day`; after the last day, the last share."""
        position = int(np.searchsorted(self.days, day, side="right")) - 1
        return float(self.open_share[position]) if position >= 0 else 1.0

    def quantile(self, p: float) -> float | None:
        """Return the first day on which a share of `1 - p` or less is still open; None if this was not reached."""
        reached = np.flatnonzero(self.open_share <= 1 - p + _ROUNDING)
        return float(self.days[reached[0]]) if len(reached) else None

    @property
    def is_over(self) -> bool:
        """Whether nothing is open at the end, so that the share is also known after the last day."""
        return bool(self.open_share[-1] <= _ROUNDING)


def kaplan_meier(days: npt.NDArray[np.number[Any]], closed: npt.NDArray[np.bool_]) -> Curve:
    """Return the curve of failures that were open for `days`; then they were `closed`, or they are censored.

    A failure that is censored on a day is still at risk for the closings on the same day, as in Kaplan and Meier.
    """
    distinct = np.union1d(np.zeros(1), days)
    positions = np.searchsorted(distinct, days)
    ended = np.bincount(positions, minlength=len(distinct))
    events = np.bincount(positions[closed], minlength=len(distinct))
    at_risk = len(days) - np.cumsum(ended) + ended
    # If nothing is at risk on a day, it has no events either.
    return Curve(distinct, np.cumprod(1 - events / np.maximum(at_risk, 1)))


@dataclass(frozen=True)
class Bounds:
    """The lowest and the highest estimate of how long `count` failures stayed open.

    `shortest` and `longest` are the lowest and the highest number of days that each failure was open until it was
    closed or last seen; `closed` has a flag for each.

    Each closing lowers the share that is still open, and lowers it more if fewer failures are under observation. So the
    share is lowest if all failures that can be closed by a day are closed as late as possible, and if the others are
    censored as early as possible. In the opposite case it is highest.
    """

    shortest: npt.NDArray[np.float64]
    longest: npt.NDArray[np.float64]
    closed: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, lifetimes: pd.DataFrame) -> Bounds:
        """Return the bounds of the `lifetimes` whose start is known (see `is_dated`)."""
        dated = lifetimes[is_dated(lifetimes)]
        closed = (dated["state"] == "closed").to_numpy()
        shortest, longest = (dated[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in _SPANS)
        began = microseconds(dated["opened_earliest"])
        so_far = (microseconds(dated["last_seen"]) - began) / DAY
        return cls(shortest, np.maximum(np.where(closed, longest, so_far), shortest), closed)

    @property
    def count(self) -> int:
        """The number of failures."""
        return len(self.closed)

    @cached_property
    def least(self) -> Curve:
        """The lowest estimate of the share that is still open after each day."""
        until = np.where(self.closed, self.longest, self.shortest)
        late = kaplan_meier(until, self.closed)
        days = np.union1d(late.days, self.shortest)
        shares = late.open_share[np.searchsorted(late.days, days, side="right") - 1]
        # A failure that may be closed by a day, or later, is taken as closed on that day.
        remaining = len(until) - np.searchsorted(np.sort(until), days, side="right")
        ends = np.sort(self.shortest[self.closed]), np.sort(self.longest[self.closed])
        possible, done = (np.searchsorted(end_days, days, side="right") for end_days in ends)
        return Curve(days, shares * (1 - (possible - done) / np.maximum(remaining, 1)))

    def most_at(self, day: float) -> float:
        """Return the highest estimate of the share that is still open at the end of `day`."""
        began, longest, last_seen = self._in_order
        early = began[longest <= day]
        at_risk = self.count - np.arange(len(early)) - np.searchsorted(last_seen, early)
        return float(np.prod(1 - 1 / at_risk))

    @cached_property
    def _in_order(self) -> tuple[Days, Days, Days]:
        """`shortest` and `longest` of closed failures, sorted by `shortest`; and `longest` of the others, ascending."""
        order = np.argsort(self.shortest[self.closed], kind="stable")
        closed = [days[self.closed][order] for days in (self.shortest, self.longest)]
        return closed[0], closed[1], np.sort(self.longest[~self.closed])

    @cached_property
    def most(self) -> Curve:
        """The curve of `most_at` with up to `_STEPS` days, for a chart."""
        turns = self._turns
        steps = turns[np.unique(np.linspace(0, len(turns) - 1, min(len(turns), _STEPS)).astype(int))]
        reached = [day for p in (0.5, 0.9) if (day := self.quantile(p)[1]) is not None]
        days = np.unique([0.0, *steps, *reached, float(self.longest.max(initial=0))])
        return Curve(days, np.array([self.most_at(day) for day in days.tolist()]))

    @cached_property
    def _turns(self) -> Days:
        """The days on which the value of `most_at` can fall."""
        return np.unique(self.longest[self.closed])

    def quantile(self, p: float) -> tuple[float | None, float | None]:
        """Return the lowest and the highest estimate of the day by which a share `p` was closed; None: not reached."""
        turns = self._turns.tolist()
        position = bisect_left(turns, x=True, key=lambda day: self.most_at(day) <= 1 - p + _ROUNDING)
        return self.least.quantile(p), turns[position] if position < len(turns) else None

    def closed_within(self, day: float) -> tuple[float, float] | None:
        """Return the lowest and the highest estimate of the share closed within `day` days; None without failures.

        A failure that was last seen before that day may have been closed by then.
        """
        if not self.count:
            return None
        is_beyond = day > self.shortest.max() and not self.least.is_over
        return 1 - self.most_at(day), 1.0 if is_beyond else 1 - self.least.share_at(day)


def is_dated(lifetimes: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return which failures have a known start: an earlier snapshot shows the subject without the failure."""
    was_open_first = lifetimes["censored_left"].to_numpy(dtype=bool)
    return np.asarray(~was_open_first & lifetimes["opened_earliest"].notna().to_numpy())


def days_in_words(least: float | None, most: float | None) -> str:
    """Return a range of days in words: `between 31 and 62 days`; without an end if `most` is None."""
    if least is None:
        return "not reached"
    low = math.floor(least)
    if most is None:
        return f"{counted(low, 'day')} or longer"
    high = math.ceil(most)
    return counted(low, "day") if low == high else f"between {low:,} and {counted(high, 'day')}"


def shares_in_words(least: float, most: float) -> str:
    """Return a range of shares as whole percentages: `44% to 62%`."""
    low, high = math.floor(100 * least + _ROUNDING), math.ceil(100 * most - _ROUNDING)
    return f"{low}%" if low == high else f"{low}% to {high}%"
