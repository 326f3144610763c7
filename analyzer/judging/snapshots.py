"""Which rows are of one snapshot."""

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
"""Columns of `users` that say whose row it is, and of which snapshot."""
_TWICE: Final = "the user is more than once in this snapshot of the account, and each row counts; remove the copy"
_TWICE_SOMEWHERE: Final = (
    "the user is more than once in rows whose account is not known, and each row counts; the rows may be of several "
    "accounts: find out the accounts before you remove a row"
)


APART: Final = "apart"
"""A column of `users`, there where it is needed: a number that tells snapshots of one capture time, or none, apart."""
ORDER_UNKNOWN: Final = "order_unknown"
"""A column of `users`, there where it is needed: whether another report has the same claim to be judged."""


def snapshot_of(users: pd.DataFrame, *, by_capture: bool) -> npt.NDArray[np.int64]:
    """Return for each row of `users` a number that rows of the same snapshot share.

    `by_capture`: an account's snapshots are told apart by their capture times; else all its rows are of one, but for
    those that `APART` tells apart. Nothing tells whether two files of unknown accounts belong together: each is one by
    itself.
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
    """Whether nobody can stand twice in a snapshot: its rows stand together, by name, as AWS writes them.

    False says nothing.
    """
    same = snapshot[1:] == snapshot[:-1]
    starts = snapshot[np.flatnonzero(np.append(True, ~same))] if len(snapshot) else snapshot
    if names.null_count or len(np.unique(starts)) < len(starts):
        return False
    ascends = true_where(pc.less(names[:-1], names[1:]))
    return bool((ascends | ~same).all())


def note_users_found_twice(users: pd.DataFrame, log: IssueLog, *, by_capture: bool) -> None:
    """Note users that stand twice in one snapshot (see `snapshot_of`): a name is unique, whatever its case."""
    lower, snapshot = lowered(users["user"]), snapshot_of(users, by_capture=by_capture)
    if _each_once(lower, snapshot):
        return
    names = lower.dictionary_encode()
    named = np.flatnonzero(np.asarray(names.indices.is_valid()))
    name = names.indices.take(pa.array(named)).to_numpy()
    key = snapshot[named] * len(names.dictionary) + name
    twice = named[pd.Series(key).duplicated(keep=False).to_numpy()]
    for row in records(users[["source", "line", "user", "account_id"]].iloc[twice]):
        log.add(
            "duplicate_user",
            _TWICE if row["account_id"] else _TWICE_SOMEWHERE,
            source=row["source"],
            line=row["line"],
            column="user",
            value=row["user"],
        )
