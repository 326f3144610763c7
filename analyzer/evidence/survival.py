"""How long failures stay open, where some are open still: the product-limit estimate.

E. L. Kaplan and P. Meier, "Nonparametric Estimation from Incomplete Observations", Journal of the American Statistical
Association 53 (1958), 457-481.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

_ROUNDING: Final = 1e-9
"""A share that is so little above another one is the same."""


@dataclass(frozen=True)
class Curve:
    """A step function: from `days[i]` on, until `days[i + 1]`, the share `open_share[i]` is still open.

    `days` ascend from 0 to the longest time that anything was observed: the last share says nothing of later days,
    except where it is 0.
    """

    days: npt.NDArray[np.int64]
    open_share: npt.NDArray[np.float64]

    def share_at(self, day: float) -> float:
        """Return the share still open at the end of `day`; after the last day, that of the last day."""
        place = int(np.searchsorted(self.days, day, side="right")) - 1
        return float(self.open_share[place]) if place >= 0 else 1.0

    def quantile(self, p: float) -> int | None:
        """Return the first day on which at most `1 - p` are still open; None where it was not reached."""
        reached = np.flatnonzero(self.open_share <= 1 - p + _ROUNDING)
        return int(self.days[reached[0]]) if len(reached) else None


def kaplan_meier(days: npt.NDArray[np.int64], closed: npt.NDArray[np.bool_]) -> Curve:
    """Return the curve of failures that were open for `days`, and then `closed` or lost sight of while open.

    What is lost sight of on a day on which others close was open for longer than they, as Kaplan and Meier have it.
    """
    distinct = np.union1d(np.zeros(1, dtype=np.int64), days)
    place = np.searchsorted(distinct, days)
    ended = np.bincount(place, minlength=len(distinct))
    events = np.bincount(place[closed], minlength=len(distinct))
    at_risk = len(days) - np.cumsum(ended) + ended
    # Beyond the last observation nothing is at risk; day 0 may have none, and no events then.
    return Curve(distinct, np.cumprod(1 - events / np.maximum(at_risk, 1)))
