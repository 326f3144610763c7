"""Number the snapshots of rows, and find users that are twice in one snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.reading.columns import lowered, microseconds, numbered, records, true_where

if TYPE_CHECKING:
    import numpy.typing as npt

    from analyzer.reading.issues import IssueLog

IDENTITY: Final = ("account_id", "captured_at", "source", "line", "user")
"""Columns of `users` that identify the user and the snapshot of a row."""
_TWICE: Final = "the user appears more than once in this snapshot of the account, and each row counts; remove the copy"
_TWICE_SOMEWHERE: Final = (
    "the user appears more than once in rows of no known account, and each row counts; the rows may be of several "
    "accounts: find out the accounts before you remove a row"
)


APART: Final = "apart"
"""An optional column of `users`: a number that separates snapshots with the same capture time or with none."""
ORDER_UNKNOWN: Final = "order_unknown"
"""An optional column of `users`: whether another report may be the newer one instead."""


def snapshot_of(users: pd.DataFrame, *, by_capture: bool) -> npt.NDArray[np.int64]:
    """Return the snapshot number of each row of `users`; rows of one snapshot have the same number.

    With `by_capture`, rows of an account with different capture times are different snapshots. Without it, all rows of
    an account are one snapshot, unless `APART` separates them. Each file without a known account is its own snapshot,
    because nothing shows whether two such files belong together.
    """
    account = users["account_id"].cat.codes.to_numpy().astype(np.int64)
    source = users["source"].cat.codes.to_numpy().astype(np.int64)
    owner = np.where(account < 0, -2 - source, account)
    if APART in users:
        owner = numbered(owner, users[APART].to_numpy())
    if not by_capture:
        return owner
    return numbered(owner, microseconds(users["captured_at"]))


def _each_once(names: pa.StringArray, snapshot: npt.NDArray[np.int64]) -> bool:
    """Return True if it is certain that no user is twice in a snapshot; False means not known.

    A quick test: the rows of each snapshot are together and sorted by name, as AWS writes them.
    """
    same = snapshot[1:] == snapshot[:-1]
    starts = snapshot[np.flatnonzero(np.append(True, ~same))] if len(snapshot) else snapshot
    if names.null_count or len(np.unique(starts)) < len(starts):
        return False
    ascends = true_where(pc.less(names[:-1], names[1:]))
    return bool((ascends | ~same).all())


def note_users_found_twice(users: pd.DataFrame, log: IssueLog, *, by_capture: bool) -> None:
    """Add a data issue for each row of a user that is twice in one snapshot (see `snapshot_of`).

    IAM user names are unique in an account, ignoring case.
    """
    lower, snapshot = lowered(users["user"]), snapshot_of(users, by_capture=by_capture)
    if _each_once(lower, snapshot):
        return
    names = lower.dictionary_encode()
    named_rows = np.flatnonzero(np.asarray(names.indices.is_valid()))
    name = names.indices.take(pa.array(named_rows)).to_numpy()
    key = snapshot[named_rows] * len(names.dictionary) + name
    twice = named_rows[pd.Series(key).duplicated(keep=False).to_numpy()]
    for row in records(users[["source", "line", "user", "account_id"]].iloc[twice]):
        log.add(
            "duplicate_user",
            _TWICE if row["account_id"] else _TWICE_SOMEWHERE,
            source=row["source"],
            line=row["line"],
            column="user",
            value=row["user"],
        )
