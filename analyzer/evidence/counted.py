"""Counts of findings by check, account, status and reason: all sums of an audit are made from them."""

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
    from analyzer.evidence.summary import Summary

    Whole = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

UNKNOWN_ACCOUNT: Final = "unknown"
"""The account name in counts for rows without a known account."""
_STATUSES: Final = list(Status)


@dataclass(frozen=True)
class Findings:
    """The number of findings (`count`) for each check, account, status, reason and waived flag.

    All arrays have the same length. `check` has positions in the checklist, `account` positions in `accounts`, and
    `status` positions in `Status`.
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
        """Return the counts of a tally (see `tally.counts_of`); `accounts` are all judged accounts, sorted."""
        positions = checklist.positions
        checks = [positions[key] for key in zip(tally["control"], tally["requirement"], strict=True)]
        of_account = {account: number for number, account in enumerate(accounts)}
        return cls(
            np.array(checks, np.int64),
            np.array([of_account[account or UNKNOWN_ACCOUNT] for account in tally["account_id"]], np.int64),
            tuple(accounts),
            np.array([_STATUSES.index(Status(status)) for status in tally["status"]], np.int64),
            tally["reason"].to_numpy(),
            np.array([waiver is not None for waiver in tally["waiver"]], bool),
            tally["count"].to_numpy(np.int64),
        )

    @property
    def is_open(self) -> Flags:
        """Which counts are of findings that fail or are not checked, and are not waived; with manual checks."""
        open_statuses = [_STATUSES.index(status) for status in (Status.FAIL, Status.NOT_CHECKED)]
        is_open: Flags = np.isin(self.status, open_statuses) & ~self.waived
        return is_open

    @property
    def is_manual(self) -> Flags:
        """Which counts are of manual checks that are not waived."""
        return self.is_open & self.because(Reason.MANUAL)

    def because(self, reason: Reason) -> Flags:
        """Return which counts have this reason."""
        return np.asarray(self.reason == reason, bool)

    def number(self, where: Flags) -> int:
        """Return the number of findings in the counts that `where` selects."""
        return int(self.count[where].sum())

    def sums(self, group: Whole, size: int, among: Flags | None = None) -> dict[str, Whole]:
        """Return the number of findings by status, for each of `size` groups; `group` has the group of each count.

        Also `waived`; `manual` (manual checks that are not waived); `open` (failures and not checked, without waived
        and manual checks); `judged` (all that are applicable). `among` selects the counts that are added.
        """
        some = np.ones(len(self.count), bool) if among is None else among

        def add(where: Flags) -> Whole:
            where = where & some
            return np.bincount(group[where], self.count[where], minlength=size).astype(np.int64)

        sums = {status.value: add(self.status == position) for position, status in enumerate(_STATUSES)}
        judged = sum(sums.values(), np.zeros(size, np.int64)) - sums[Status.NOT_APPLICABLE]
        is_open, is_manual = self.is_open, self.is_manual
        sums |= {"waived": add(self.waived), "manual": add(is_manual), "open": add(is_open & ~is_manual)}
        return sums | {"judged": judged}

    def matrix(self, checks: int, status: Status, where: Flags | None = None) -> Whole:
        """Return the number of findings with a status, as an array of shape (`checks`, accounts).

        `where` selects the counts that are added.
        """
        selected = self.status == _STATUSES.index(status)
        selected = selected if where is None else selected & where
        cell = self.check[selected] * len(self.accounts) + self.account[selected]
        size = checks * len(self.accounts)
        return np.bincount(cell, self.count[selected], minlength=size).astype(np.int64).reshape(checks, -1)


def counted_by(rows: pd.Series[Any], columns: pd.Series[Any], count: pd.Series[Any]) -> pd.DataFrame:
    """Return the sums of `count` as a table with the distinct values of `rows` and `columns`, sorted."""
    row, row_names = pd.factorize(rows, sort=True)
    column, column_names = pd.factorize(columns, sort=True)
    sums = np.zeros((len(row_names), len(column_names)), np.int64)
    np.add.at(sums, (row, column), count.to_numpy())
    return pd.DataFrame(sums, index=row_names, columns=column_names)


def without_manual(summary: Summary) -> pd.DataFrame:
    """Return the counts by account (see `Summary.by_account`), with manual checks only under `manual`."""
    counts = summary.by_account
    return counts.assign(not_checked=counts["not_checked"] - counts["manual"])
