"""The times of each account's snapshots, and the gaps in which snapshots are missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from analyzer.reading.columns import NO_TIME, coded, column_of, microseconds, times_from
from analyzer.reading.times import DAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Whole = npt.NDArray[np.int64]

GAP: Final = 1.5
"""An interval between snapshots is a gap if it is longer than this number times the usual interval of the account."""


@dataclass(frozen=True)
class Calendar:
    """The instants of all snapshots (microseconds), sorted by account and time.

    An instant is the time at which the snapshot is judged; `captured` is the time at which it was taken, which can be
    earlier. `starts` has the position in `instants` of each account's oldest snapshot, and at the end the total number.
    """

    accounts: tuple[str, ...]
    starts: Whole
    instants: Whole
    captured: Whole

    @classmethod
    def of(cls, account_id: pd.Series[Any], instants: Whole, captured: Whole) -> Calendar:
        """Return the calendar from rows with an account (a category), an instant and a capture time."""
        account = account_id.cat.codes.to_numpy()
        rows = pd.DataFrame({"account": account, "instant": instants, "captured": captured})
        pairs = rows.drop_duplicates(["account", "instant"])
        pairs = pairs.sort_values(["account", "instant"])
        names = tuple(str(name) for name in account_id.cat.categories)
        starts = np.searchsorted(pairs["account"].to_numpy(), np.arange(len(names) + 1))
        return cls(names, starts, pairs["instant"].to_numpy(), pairs["captured"].to_numpy())

    @classmethod
    def joined(cls, calendars: Sequence[Calendar]) -> Calendar:
        """Return the calendar of all accounts; each account must be in only one of `calendars`."""
        offsets = np.cumsum([0, *(len(calendar.instants) for calendar in calendars)])
        starts = [calendar.starts[:-1] + offset for calendar, offset in zip(calendars, offsets[:-1], strict=True)]
        return cls(
            tuple(name for calendar in calendars for name in calendar.accounts),
            np.concatenate([*starts, offsets[-1:]]),
            np.concatenate([np.zeros(0, np.int64), *(calendar.instants for calendar in calendars)]),
            np.concatenate([np.zeros(0, np.int64), *(calendar.captured for calendar in calendars)]),
        )

    def positions(self, account: Whole, instants: Whole) -> Whole:
        """Return the positions in `instants` of snapshots, by account (position in `accounts`) and instant."""
        distinct = np.unique(self.instants)
        owner = np.repeat(np.arange(len(self.accounts)), np.diff(self.starts))
        # One number for account and instant, so that one search finds the positions in all accounts.
        snapshot_keys, keys = (
            number * len(distinct) + np.searchsorted(distinct, times)
            for number, times in ((owner, self.instants), (account, instants))
        )
        return np.searchsorted(snapshot_keys, keys)

    def instant(self, account: Whole, order: Whole) -> Whole:
        """Return the instants of snapshots (order 0: an account's oldest); `NO_TIME` if there is no such snapshot."""
        return self._at(self.instants, account, order)

    def taken(self, account: Whole, order: Whole) -> Whole:
        """Return the capture times of snapshots, as `instant` does."""
        return self._at(self.captured, account, order)

    def _at(self, times: Whole, account: Whole, order: Whole) -> Whole:
        position = self.starts[account] + order
        exists = position < self.starts[account + 1]
        return np.where(exists, times[np.minimum(position, len(times) - 1)], NO_TIME)

    def usual(self) -> npt.NDArray[np.float64]:
        """Return each account's usual interval in microseconds: the median, but at least a day."""
        first, owner = self._steps()
        steps = self.instants[first + 1] - self.instants[first]
        medians = pd.Series(steps).groupby(owner).median()
        intervals = medians.reindex(range(len(self.accounts))).fillna(DAY).to_numpy(np.float64)
        return np.asarray(np.maximum(intervals, DAY), np.float64)

    def gaps(self) -> tuple[Whole, Whole]:
        """Return the accounts of the gaps, and the positions of the snapshots before the gaps."""
        first, owner = self._steps()
        long = self.instants[first + 1] - self.instants[first] > GAP * self.usual()[owner]
        return owner[long], first[long]

    def _steps(self) -> tuple[Whole, Whole]:
        """Return the positions of all snapshots except the last of each account, and their accounts."""
        counts = np.diff(self.starts)
        owner = np.repeat(np.arange(len(counts)), np.maximum(counts - 1, 0))
        last = np.zeros(len(self.instants), bool)
        last[self.starts[1:][counts > 0] - 1] = True
        return np.flatnonzero(~last), owner

    def coverage(self) -> pd.DataFrame:
        """Return the table `COVERAGE`, sorted by account: its snapshots, and its gaps."""
        counts = np.diff(self.starts)
        with_snapshots = np.flatnonzero(counts > 0)
        last = self.starts[with_snapshots + 1] - 1
        stopped = self.instants.max(initial=NO_TIME) - self.instants[last] > GAP * self.usual()[with_snapshots]
        owner, begins = self.gaps()
        ends = begins + 1
        # Add rows for accounts whose snapshots stopped, and for accounts without a gap (-1).
        whole = np.setdiff1d(with_snapshots[~stopped], owner)
        account = np.concatenate([owner, with_snapshots[stopped], whole])
        begins = np.concatenate([begins, last[stopped], np.full(len(whole), -1)])
        ends = np.concatenate([ends, np.full(len(account) - len(owner), -1)])
        names = sorted(set(self.accounts))
        code_of = {name: number for number, name in enumerate(names)}
        code = np.array([code_of[name] for name in self.accounts], np.int32)
        order = np.lexsort((begins, code[account]))
        account, begins, ends = account[order], begins[order], ends[order]
        padded = np.append(self.instants, NO_TIME)
        return pd.DataFrame(
            {
                "account_id": coded(code[account], names),
                "first": column_of(times_from(self.instants[self.starts[account]])),
                "last": column_of(times_from(self.instants[self.starts[account + 1] - 1])),
                "snapshots": column_of(pa.array(counts[account])),
                "usual_days": column_of(pa.array(np.round(self.usual()[account] / DAY, 2), mask=counts[account] < 2)),
                "gap_from": column_of(times_from(padded[begins])),
                "gap_to": column_of(times_from(padded[ends])),
            }
        )


@dataclass(frozen=True)
class Timeline:
    """The snapshot of each row of `users`, as two numbers: `account` and `order` (0: the account's oldest)."""

    calendar: Calendar
    account: Whole
    order: Whole

    @classmethod
    def of(cls, users: pd.DataFrame, instants: Whole) -> Timeline:
        """Return the timeline of rows; `instants` has the instant of each row's snapshot (microseconds)."""
        calendar = Calendar.of(users["account_id"], instants, microseconds(users["captured_at"]))
        account = users["account_id"].cat.codes.to_numpy().astype(np.int64)
        return cls(calendar, account, calendar.positions(account, instants) - calendar.starts[account])

    @property
    def is_newest(self) -> npt.NDArray[np.bool_]:
        """Which rows belong to the newest snapshot of their account."""
        return np.asarray(self.order + 1 == np.diff(self.calendar.starts)[self.account])

    @property
    def position(self) -> Whole:
        """The position of each row's snapshot in the calendar."""
        return self.calendar.starts[self.account] + self.order
