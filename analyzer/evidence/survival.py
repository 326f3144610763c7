"""How long failures stay open, where some are open still: the product-limit estimate, and its bounds.

Snapshots tell between which instants a failure began and was closed, not when. So there are many estimates, one for
each choice of days that the snapshots allow. The bounds are those between which all of them lie.

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
"""Steps of a curve that a picture shows."""
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
    """How long `count` failures stayed open, at least and at most.

    `shortest` and `longest` are the days for which each was certainly open, and may have been at most when it was
    closed or last seen; `closed` says which were closed.

    A share still open falls with each failure that is closed by then, and by the more, the fewer are left under
    observation at that time. So it is least where all that can be closed by then is, as late as it can be, while the
    others were lost sight of as early as they can; and it is greatest the other way round.
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
    def least(self) -> Curve:
        """The share that is still open after each day, at least."""
        until = np.where(self.closed, self.longest, self.shortest)
        late = kaplan_meier(until, self.closed)
        days = np.union1d(late.days, self.shortest)
        shares = late.open_share[np.searchsorted(late.days, days, side="right") - 1]
        # What may be closed by a day, but need not be, is closed on that day: all the others are left.
        left = len(until) - np.searchsorted(np.sort(until), days, side="right")
        certain = np.sort(self.shortest[self.closed]), np.sort(self.longest[self.closed])
        possible, done = (np.searchsorted(one, days, side="right") for one in certain)
        return Curve(days, shares * (1 - (possible - done) / np.maximum(left, 1)))

    def most_at(self, day: float) -> float:
        """Return the share that is still open at the end of `day`, at most."""
        began, longest, seen = self._in_order
        early = began[longest <= day]
        at_risk = self.count - np.arange(len(early)) - np.searchsorted(seen, early)
        return float(np.prod(1 - 1 / at_risk))

    @cached_property
    def _in_order(self) -> tuple[Days, Days, Days]:
        """The fewest and the most days of what was closed, by the fewest; and the most of the others, ascending."""
        order = np.argsort(self.shortest[self.closed], kind="stable")
        closed = [days[self.closed][order] for days in (self.shortest, self.longest)]
        return closed[0], closed[1], np.sort(self.longest[~self.closed])

    @cached_property
    def most(self) -> Curve:
        """The same on every day, as far as a picture can show; between two days of it, the earlier one counts."""
        turns = self._turns
        some = turns[np.unique(np.linspace(0, len(turns) - 1, min(len(turns), _STEPS)).astype(int))]
        reached = [day for p in (0.5, 0.9) if (day := self.quantile(p)[1]) is not None]
        days = np.unique([0.0, *some, *reached, float(self.longest.max(initial=0))])
        return Curve(days, np.array([self.most_at(day) for day in days.tolist()]))

    @cached_property
    def _turns(self) -> Days:
        """The days on which `most_at` may fall."""
        return np.unique(self.longest[self.closed])

    def quantile(self, p: float) -> tuple[float | None, float | None]:
        """Return between which days a share of `p` was closed; None where it was not reached."""
        turns = self._turns.tolist()
        place = bisect_left(turns, x=True, key=lambda day: self.most_at(day) <= 1 - p + _ROUNDING)
        return self.least.quantile(p), turns[place] if place < len(turns) else None

    def closed_within(self, day: float) -> tuple[float, float] | None:
        """Return between which shares were closed within so many days; None where there is no failure.

        What was open when it was last seen, before that day, may have been closed by then.
        """
        if not self.count:
            return None
        is_beyond = day > self.shortest.max() and not self.least.is_over
        return 1 - self.most_at(day), 1.0 if is_beyond else 1 - self.least.share_at(day)


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
