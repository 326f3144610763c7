"""Snapshots of accounts among rows of users: which are the newest, and what all that follow or compare them need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from analyzer.controls.vocabulary import Status
from analyzer.evidence.plain import plain_rows
from analyzer.evidence.schema import USERS
from analyzer.judging.waivers import apply_waivers
from analyzer.reading.columns import coded, microseconds
from analyzer.reading.layout import SHOWN_ONLY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import numpy.typing as npt

    from analyzer.evidence.settings import Settings
    from analyzer.reading.issues import IssueLog

    Rows = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

COLUMNS: Final = tuple(column for column in USERS.names if column not in SHOWN_ONLY and column != "path")
"""What is needed of users, beside `report`: where and by which service a key was used decides nothing."""
STORED_COLUMNS: Final = (*COLUMNS, "report_sha256", "report")
"""The same of users in a store."""
_STATUSES: Final = list(Status)


def accounts_of(users: pd.DataFrame) -> Rows:
    """Return the account of each row as a position among the categories; -1 where it is not known."""
    return users["account_id"].cat.codes.to_numpy().astype(np.int64)


def dated_rows(users: pd.DataFrame) -> Rows:
    """Return the rows whose account and capture time are known: others stand nowhere in time."""
    known = users["account_id"].notna().to_numpy() & users["captured_at"].notna().to_numpy()
    return np.flatnonzero(known)


def newest_by(account: Rows, captured: Rows, rows: Rows, instant: int) -> Rows:
    """Return those of `rows` that are of their account's newest snapshot at or before an instant (microseconds)."""
    rows = rows[captured[rows] <= instant]
    latest = pd.Series(captured[rows]).groupby(account[rows]).transform("max").to_numpy()
    return np.asarray(rows[captured[rows] == latest], np.int64)


def newest_of(users: pd.DataFrame, rows: Rows) -> dict[str, pd.Timestamp]:
    """Return the instant of each account's newest snapshot among `rows`, where account and time are known."""
    times = users.iloc[rows].groupby("account_id", observed=True)["captured_at"].max()
    return {str(name): time for name, time in times.items()}


def inputs_of_store(users: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the reports that users in a store came from, a row each: `name, sha256, account_id, captured_at`."""
    first = np.unique(users["report"].to_numpy(), return_index=True)[1]
    reports = users[["source", "report_sha256", "account_id", "captured_at"]].take(first)
    return plain_rows(reports.rename(columns={"source": "name", "report_sha256": "sha256"}))


def by_account(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows in the order of their accounts, as they stood within each; those without one come last."""
    names = frame["account_id"].cat.categories.to_numpy(dtype=str)
    rank = np.append(np.argsort(np.argsort(names)), len(names))
    order = np.argsort(rank[frame["account_id"].cat.codes.to_numpy()], kind="stable")
    return frame.take(order).reset_index(drop=True)


def note_undated(names: Iterable[str], log: IssueLog) -> None:
    """Note the reports that stand nowhere in time: they are left out."""
    for name in names:
        log.add(
            "undated_snapshot",
            "not known when it was captured: left out; put its date into its name, as in 2026-10-31.csv",
            source=name,
        )


def undated(log: IssueLog) -> str:
    """Return which reports stand nowhere in time, a line for each of the first: the end of an error."""
    return log.first_few("undated_snapshot", most=3)


def with_waivers(  # noqa: PLR0913 - what fails when, and what is known of it
    table: pd.DataFrame,
    fails: Flags,
    as_of: pd.Series[Any],
    settings: Settings,
    accounts: Collection[str],
    log: IssueLog,
) -> pd.DataFrame:
    """Return a table of failures with the policy's waivers that cover those that fail still, as seen `as_of`."""
    status = coded(np.where(fails, _STATUSES.index(Status.FAIL), _STATUSES.index(Status.PASS)), _STATUSES)
    covered, _ = apply_waivers(table.assign(status=status, as_of=as_of), settings.checklist, accounts, log)
    return covered.drop(columns=["status", "as_of"])


def micros_captured(users: pd.DataFrame) -> Rows:
    """Return when each row was captured, in microseconds; `NO_TIME` where that is not known."""
    return microseconds(users["captured_at"])
