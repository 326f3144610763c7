"""The snapshots of each account over time, and the number of open failures on each day."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from analyzer.reading.columns import NO_TIME, microseconds
from analyzer.reading.times import DAY
from analyzer.rendering.pictures.history.days import without_stragglers
from analyzer.rendering.pictures.words import UNKNOWN

if TYPE_CHECKING:
    import numpy.typing as npt

    from analyzer.evidence.history import History

    Whole = npt.NDArray[np.int64]

_NEVER: Final = int(np.iinfo(np.int32).max)
"""The last day of a failure that is still open."""


def days_of(times: pd.Series[Any]) -> Whole:
    """Return the days of times; `_NEVER` if there is no time."""
    micros = microseconds(times)
    return np.where(micros == NO_TIME, _NEVER, micros // DAY)


def _names(accounts: pd.Series[Any]) -> npt.NDArray[np.object_]:
    return accounts.astype(object).where(accounts.notna(), UNKNOWN).to_numpy(dtype=object)


@dataclass(frozen=True)
class SnapshotCoverage:
    """The snapshots of each account over time."""

    history: History

    @cached_property
    def by_account(self) -> pd.DataFrame:
        """For each account (index): days `first` and `last`, `usual` days between snapshots, number of `snapshots`."""
        rows = self.history.coverage
        frame = pd.DataFrame(
            {
                "account": _names(rows["account_id"]),
                "first": days_of(rows["first"]),
                "last": days_of(rows["last"]),
                "usual": rows["usual_days"].astype("float64").fillna(1).clip(lower=1).to_numpy(),
                "snapshots": rows["snapshots"].to_numpy(dtype=np.int64),
            }
        )
        return frame.drop_duplicates("account").set_index("account").sort_index()

    @cached_property
    def accounts(self) -> list[str]:
        """The accounts in sorted order."""
        return [str(account) for account in self.by_account.index]

    @property
    def snapshots(self) -> int:
        """The number of snapshots of all accounts."""
        return int(self.by_account["snapshots"].sum())

    @property
    def first(self) -> int:
        """The day of the oldest snapshot."""
        return int(self.by_account["first"].min())

    @property
    def last(self) -> int:
        """The day of the newest snapshot."""
        return int(self.by_account["last"].max())

    @cached_property
    def dates(self) -> Whole:
        """The day of each row of the trend."""
        return self.history.summed_trend["date"].to_numpy(dtype="datetime64[D]").astype(np.int64)

    @cached_property
    def days(self) -> Whole:
        """The days of the trend that the time axis shows, ascending."""
        return without_stragglers(np.unique(self.dates))

    @property
    def left_out(self) -> Whole:
        """The days of the trend that are left out, because they are long before all others."""
        return np.unique(self.dates)[: -len(self.days) or None]

    @cached_property
    def missing(self) -> pd.DataFrame:
        """The gaps: the position of each `account`, and the days `since` and `until` that have no snapshots between."""
        rows = self.history.coverage
        until = days_of(rows["gap_to"])
        gaps = pd.DataFrame(
            {
                "account": self.account_positions(rows["account_id"]),
                "since": days_of(rows["gap_from"]),
                "until": np.where(until == _NEVER, self.last + 1, until),
            }
        )
        return gaps[(gaps["since"] != _NEVER).to_numpy()].reset_index(drop=True)

    def account_positions(self, accounts: pd.Series[Any]) -> Whole:
        """Return the position of each account among the `accounts`."""
        return self.by_account.index.get_indexer(pd.Index(_names(accounts))).astype(np.int64)

    def missing_on(self, days: Whole) -> Whole:
        """Return the number of accounts with missing snapshots on each day."""
        since, until = np.sort(self.missing["since"].to_numpy()), np.sort(self.missing["until"].to_numpy())
        return (np.searchsorted(since, days, "left") - np.searchsorted(until, days, "right")).astype(np.int64)


@dataclass(frozen=True)
class OpenFailures:
    """For each failure the day on which it opened, and the first day at the end of which it is no longer open."""

    since: Whole
    until: Whole
    account: Whole
    """Positions in `Coverage.accounts`."""

    @classmethod
    def of(cls, coverage: SnapshotCoverage) -> OpenFailures:
        """Return the days of all failures. A failure lost to follow-up is open until the snapshot that shows this."""
        rows = coverage.history.summed
        until = np.minimum(days_of(rows["closed_at"]), days_of(rows["lost_at"]))
        return cls(days_of(rows["first_seen"]), until, coverage.account_positions(rows["account_id"]))

    def count(self, group: Whole, groups: int, days: Whole) -> Whole:
        """Return the number of open failures by group (rows) at the end of each day (columns, ascending)."""
        changes = np.zeros((groups, len(days) + 1), dtype=np.int64)
        np.add.at(changes, (group, np.searchsorted(days, self.since)), 1)
        np.add.at(changes, (group, np.searchsorted(days, self.until)), -1)
        return changes.cumsum(axis=1)[:, :-1]
