"""Findings as they were counted, number by number: what all sums of an audit are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from analyzer.controls.vocabulary import Reason, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from analyzer.controls.checklist import Checklist

    Whole = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

UNKNOWN_ACCOUNT: Final = "unknown"
"""How rows of no known account are named where they are counted."""
_STATUSES: Final = list(Status)


@dataclass(frozen=True)
class Findings:
    """How many findings there are (`count`) of each check, account, status and reason, and whether they are waived.

    `check` is a position in the checklist, `account` one in `accounts`, `status` one among those of `Status`; all are
    arrays of one length.
    """

    check: Whole
    account: Whole
    accounts: tuple[str, ...]
    status: Whole
    reason: npt.NDArray[np.object_]
    waived: Flags
    count: Whole

    @classmethod
    def of(cls, tally: pd.DataFrame, checklist: Checklist, accounts: Sequence[str]) -> Findings:
        """Return the findings of a tally (see `tally.counts_of`); `accounts` are all that were judged, in order."""
        place = checklist.positions
        checks = [place[key] for key in zip(tally["control"], tally["requirement"], strict=True)]
        of_account = {account: number for number, account in enumerate(accounts)}
        return cls(
            np.array(checks, np.int64),
            np.array([of_account[one or UNKNOWN_ACCOUNT] for one in tally["account_id"]], np.int64),
            tuple(accounts),
            np.array([_STATUSES.index(Status(one)) for one in tally["status"]], np.int64),
            tally["reason"].to_numpy(),
            np.array([one is not None for one in tally["waiver"]], bool),
            tally["count"].to_numpy(np.int64),
        )

    @property
    def is_open(self) -> Flags:
        """Which of them fail or could not be decided, and are not waived; what is left to a person among them."""
        open_ones = [_STATUSES.index(one) for one in (Status.FAIL, Status.NOT_CHECKED)]
        found: Flags = np.isin(self.status, open_ones) & ~self.waived
        return found

    @property
    def is_manual(self) -> Flags:
        """Which of these are left to a person."""
        return self.is_open & self.because(Reason.MANUAL)

    def because(self, reason: Reason) -> Flags:
        """Return which of them have a reason."""
        return np.asarray(self.reason == reason, bool)

    def number(self, where: Flags) -> int:
        """Return how many findings there are among some of the counts."""
        return int(self.count[where].sum())

    def sums(self, group: Whole, size: int, among: Flags | None = None) -> dict[str, Whole]:
        """Return findings by status, for each of `size` groups: `group` says which one each count is of.

        And `waived`; `manual`, left to a person and not waived; `open`: failing or undecided, without these two;
        `judged`: all but those that are not applicable. With `among`, only some of the counts are looked at.
        """
        some = np.ones(len(self.count), bool) if among is None else among

        def add(where: Flags) -> Whole:
            where = where & some
            return np.bincount(group[where], self.count[where], minlength=size).astype(np.int64)

        found = {status.value: add(self.status == place) for place, status in enumerate(_STATUSES)}
        judged = sum(found.values(), np.zeros(size, np.int64)) - found[Status.NOT_APPLICABLE]
        is_open, is_manual = self.is_open, self.is_manual
        found |= {"waived": add(self.waived), "manual": add(is_manual), "open": add(is_open & ~is_manual)}
        return found | {"judged": judged}

    def matrix(self, checks: int, status: Status, where: Flags | None = None) -> Whole:
        """Return findings of a status by check (rows, as many as `checks`) and account; `where`: some of the counts."""
        some = self.status == _STATUSES.index(status)
        some = some if where is None else some & where
        place = self.check[some] * len(self.accounts) + self.account[some]
        size = checks * len(self.accounts)
        return np.bincount(place, self.count[some], minlength=size).astype(np.int64).reshape(checks, -1)


def counted_by(rows: pd.Series[Any], columns: pd.Series[Any], count: pd.Series[Any]) -> pd.DataFrame:
    """Return sums of counts as a table."""
    row, row_names = pd.factorize(rows, sort=True)
    column, column_names = pd.factorize(columns, sort=True)
    sums = np.zeros((len(row_names), len(column_names)), np.int64)
    np.add.at(sums, (row, column), count.to_numpy())
    return pd.DataFrame(sums, index=row_names, columns=column_names)
