"""Functions on rows of users that histories and comparisons share: the newest snapshots, their order, their reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from analyzer.controls.vocabulary import Status
from analyzer.evidence.plain import plain_rows
from analyzer.evidence.schema import USERS
from analyzer.judging.waivers import apply_waivers
from analyzer.reading.columns import coded, microseconds, numbered
from analyzer.reading.issues import PROVE_NO_ABSENCE
from analyzer.reading.layout import SHOWN_ONLY
from analyzer.survey.rivals import account_users, rivals
from analyzer.survey.selection import note_rival

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import numpy.typing as npt

    from analyzer.evidence.settings import Settings
    from analyzer.reading.issues import IssueLog, Row
    from analyzer.survey.rivals import AccountUsers

    Rows = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

COLUMNS: Final = tuple(column for column in USERS.names if column not in SHOWN_ONLY and column != "path")
"""The needed columns of users, without `report` and without columns that no control reads, such as the last region."""
STORED_COLUMNS: Final = (*COLUMNS, "report_sha256", "report")
"""The needed columns of users in a store."""
PARTIAL: Final = "partial"
"""An optional column of `users`: whether the snapshot may lack users."""
_STATUSES: Final = list(Status)


def accounts_of(users: pd.DataFrame) -> Rows:
    """Return the account of each row as a position in the categories; -1 if it is not known."""
    return users["account_id"].cat.codes.to_numpy().astype(np.int64)


def dated_rows(users: pd.DataFrame) -> Rows:
    """Return the positions of rows with a known account and capture time."""
    is_dated = users["account_id"].notna().to_numpy() & users["captured_at"].notna().to_numpy()
    return np.flatnonzero(is_dated)


def newest_by(account: Rows, captured: Rows, rows: Rows, instant: int) -> Rows:
    """Return the `rows` of each account's newest snapshot at or before an instant (microseconds)."""
    rows = rows[captured[rows] <= instant]
    latest = pd.Series(captured[rows]).groupby(account[rows]).transform("max").to_numpy()
    return np.asarray(rows[captured[rows] == latest], np.int64)


def newest_of(users: pd.DataFrame, rows: Rows) -> dict[str, pd.Timestamp]:
    """Return the capture time of each account's newest snapshot in `rows`."""
    times = users.iloc[rows].groupby("account_id", observed=True)["captured_at"].max()
    return {str(name): time for name, time in times.items()}


def may_lack_users(issues: Iterable[Row]) -> frozenset[str]:
    """Return the sources that may lack users, according to their data issues."""
    return frozenset(row[0] for row in issues if row[4] in PROVE_NO_ABSENCE)


def of_sources(users: pd.DataFrame, sources: Collection[str]) -> Flags:
    """Return which rows belong to one of the sources."""
    names = users["source"].cat.categories
    return np.isin(users["source"].cat.codes.to_numpy(), np.flatnonzero(names.isin(list(sources))))


def with_partial(users: pd.DataFrame, lacking: Flags) -> pd.DataFrame:
    """Return users with the column `PARTIAL`: snapshots with a `lacking` row. Without such rows, add no column."""
    if not lacking.any():
        return users
    snapshot = numbered(accounts_of(users), micros_captured(users))
    partial = np.zeros(int(snapshot.max()) + 1, bool)
    partial[snapshot[lacking]] = True
    return users.assign(**{PARTIAL: partial[snapshot]})


def is_partial(users: pd.DataFrame) -> Flags:
    """Return which rows belong to snapshots that may lack users."""
    return users[PARTIAL].to_numpy(dtype=bool) if PARTIAL in users else np.zeros(len(users), bool)


def in_unknown_order(users: pd.DataFrame, log: IssueLog) -> Rows:
    """Return the values of `report` (a number per report and account) that have a rival, and add issues to `log`.

    Rivals are two reports with the same capture time and mostly the same users. It is not known which one is newer.
    """
    report = users["report"].to_numpy()
    numbers, first, of_row = np.unique(report, return_index=True, return_inverse=True)
    snapshot = numbered(accounts_of(users), micros_captured(users))[first]
    is_dated = np.isin(first, dated_rows(users))
    shared = np.flatnonzero(is_dated & (np.bincount(snapshot)[snapshot] > 1))
    if not len(shared):
        return np.zeros(0, np.int64)
    shared_rows = np.flatnonzero(np.isin(of_row, shared))
    by_report = users[["user", "is_root"]].take(shared_rows).groupby(of_row[shared_rows])
    groups: dict[int, dict[int, AccountUsers]] = {}
    positions = np.unique(of_row[shared_rows]).tolist()
    for position, users_of_report in zip(positions, (group for _, group in by_report), strict=True):
        groups.setdefault(int(snapshot[position]), {})[position] = account_users(users_of_report)
    rival_of = {report: rival for group in groups.values() for report, rival in rivals(group).items()}
    source, account = (users[name].take(first).astype("str").tolist() for name in ("source", "account_id"))
    for position, rival in sorted(rival_of.items(), key=lambda pair: (source[pair[0]], account[pair[0]])):
        note_rival(source[position], account[position], source[rival], log, dated=True)
    return np.asarray(numbers[list(rival_of)], np.int64)


def of_known_order(users: pd.DataFrame, log: IssueLog) -> pd.DataFrame:
    """Return users without the reports that have a rival (see `in_unknown_order`)."""
    doubtful = in_unknown_order(users, log)
    return users[~np.isin(users["report"].to_numpy(), doubtful)].reset_index(drop=True) if len(doubtful) else users


def inputs_of_store(users: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the reports of users in a store, a row for each: `name, sha256, account_id, captured_at`."""
    first = np.unique(users["report"].to_numpy(), return_index=True)[1]
    reports = users[["source", "report_sha256", "account_id", "captured_at"]].take(first)
    return plain_rows(reports.rename(columns={"source": "name", "report_sha256": "sha256"}))


def by_account(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows sorted by account, in a stable order; rows without an account come last."""
    names = frame["account_id"].cat.categories.to_numpy(dtype=str)
    rank = np.append(np.argsort(np.argsort(names)), len(names))
    order = np.argsort(rank[frame["account_id"].cat.codes.to_numpy()], kind="stable")
    return frame.take(order).reset_index(drop=True)


def note_undated(names: Iterable[str], log: IssueLog) -> None:
    """Add an issue for each report without a known capture time; such reports are left out."""
    for name in names:
        log.add(
            "undated_snapshot",
            "left out, because its capture time is not known; put the date into the file name, as in 2026-10-31.csv",
            source=name,
        )


def undated(log: IssueLog) -> str:
    """Return the end of an error message: the first reports without a known time or order, one line each."""
    return "".join(log.first_few(code, most=3) for code in ("undated_snapshot", "order_unknown"))


def with_waivers(  # noqa: PLR0913 - the failures and their context
    table: pd.DataFrame,
    fails: Flags,
    as_of: pd.Series[Any],
    settings: Settings,
    accounts: Collection[str],
    log: IssueLog,
) -> pd.DataFrame:
    """Return a table of failures with the waivers of the policy that cover the rows in `fails` at `as_of`."""
    status = coded(np.where(fails, _STATUSES.index(Status.FAIL), _STATUSES.index(Status.PASS)), _STATUSES)
    covered, _ = apply_waivers(table.assign(status=status, as_of=as_of), settings.checklist, accounts, log)
    return covered.drop(columns=["status", "as_of"])


def micros_captured(users: pd.DataFrame) -> Rows:
    """Return the capture time of each row in microseconds; `NO_TIME` if it is not known."""
    return microseconds(users["captured_at"])
