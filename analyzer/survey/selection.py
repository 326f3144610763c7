"""Which snapshot of each account is judged, and at which instant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from analyzer.errors import InputError
from analyzer.reading.columns import NO_TIME, lowered, microseconds, numbered, records
from analyzer.reading.times import DAY, since_epoch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import numpy.typing as npt

    from analyzer.reading.issues import IssueLog
    from analyzer.reading.normalizing import Tables
    from analyzer.reading.source import Source

_CURRENT: Final = DAY
"""A report this much older than the reference instant, or less, speaks for it."""
IDENTITY: Final = ("account_id", "captured_at", "source", "line", "user")
"""Columns of `users` that tell whose row it is, and of which snapshot."""
_NAMED: Final = 5
"""Files that an error names before it only counts the rest."""


@dataclass(frozen=True)
class Selection:
    """For each row of `users`: whether its snapshot is judged, and the reference instant in microseconds."""

    judged: npt.NDArray[np.bool_]
    as_of: npt.NDArray[np.int64]
    every_snapshot: bool = False
    """Whether several snapshots of an account may be judged."""


def select(
    tables: Tables, sources: Sequence[Source], log: IssueLog, *, as_of: datetime | None, every_snapshot: bool
) -> Selection:
    """Choose one snapshot an account: the newest captured at or before `as_of`, or the newest where it is None.

    Where all of an account's snapshots are newer than `as_of`, the oldest of them is judged, with an issue. Reports
    of unknown capture time are parts of the snapshot that is judged. Each report is judged at `as_of`, else at its
    own capture time. Raises InputError where neither is known.
    """
    if as_of is None:
        require_capture_times([source.name for source in sources if source.captured_at is None])
    users = tables.users
    captured = np.array([_micros(source.captured_at) for source in sources], np.int64)
    owner = users["source"].cat.codes.to_numpy().astype(np.int64)
    instant = captured[owner] if as_of is None else np.full(len(users), _micros(as_of))
    if users.empty:
        return Selection(np.ones(0, bool), instant, every_snapshot)

    pairs, pair_of_row = _accounts_in_reports(users, owner)
    pairs["captured"] = captured[pairs["owner"].to_numpy()]
    known = pairs[(pairs["captured"] != NO_TIME) & (pairs["account"] != "")]
    in_time = known if as_of is None else known[known["captured"] <= _micros(as_of)]
    chosen = known.groupby("account")["captured"].min()
    chosen.update(in_time.groupby("account")["captured"].max())
    choice = pairs["account"].map(chosen)
    judged = ((pairs["captured"] == NO_TIME) | (pairs["account"] == "") | (pairs["captured"] == choice)).to_numpy()
    judged = judged | every_snapshot
    _note_snapshots(pairs, judged, sources, log, as_of)
    return Selection(judged[pair_of_row], instant, every_snapshot)


def _micros(instant: datetime | None) -> int:
    return NO_TIME if instant is None else since_epoch(instant)


def require_capture_times(unknown: Sequence[str]) -> None:
    """Raise InputError where it is not known of some reports, by name, when they were captured."""
    if not unknown:
        return
    more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
    raise InputError(
        f"not known when {'this report was' if len(unknown) == 1 else 'these reports were'} captured: "
        f"{', '.join(unknown[:_NAMED])}{more}",
        "give the reference instant with --as-of, such as --as-of 2026-10-31 (the end of that day, UTC), or put the "
        "date of the download into the file's or its folder's name",
    )


def _accounts_in_reports(
    users: pd.DataFrame, owner: npt.NDArray[np.int64]
) -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
    """Return the distinct pairs of source and account, and the pair of each row.

    Rows of unknown account stay apart (account ""): nothing tells which snapshots of theirs belong together.
    """
    accounts = [*users["account_id"].cat.categories, ""]
    # An account given by a file name has no partition; `aws` is where nearly all accounts are.
    partitions = [*users["partition"].cat.categories, "aws"]
    code, partition_code = (users[column].cat.codes.to_numpy() for column in ("account_id", "partition"))
    # The last entries answer for the unknown, whose code is -1. One number a triple: rows come in long runs of it.
    key = (owner * len(accounts) + code % len(accounts)) * len(partitions) + partition_code % len(partitions)
    parts, which = np.unique(key, return_inverse=True)
    pairs = pd.DataFrame({"owner": parts // len(partitions) // len(accounts)})
    account = np.array(accounts, dtype=object)[parts // len(partitions) % len(accounts)]
    partition = np.array(partitions, dtype=object)[parts % len(partitions)]
    pairs["account"] = np.where(account == "", "", partition + ":" + account)
    return pairs, which


def _note_snapshots(
    pairs: pd.DataFrame, judged: npt.NDArray[np.bool_], sources: Sequence[Source], log: IssueLog, as_of: datetime | None
) -> None:
    noted = pairs.assign(judged=judged).drop_duplicates(["owner", "account", "judged"])
    for pair in records(noted[~noted["judged"]]):
        log.add(
            "other_snapshot",
            f"another snapshot of account {_account(pair['account'])} is judged; --every-snapshot judges all",
            source=sources[pair["owner"]].name,
        )
    dated = pairs.loc[pairs["captured"] != NO_TIME, "account"]
    undated = noted[(noted["captured"] == NO_TIME) & noted["account"].isin(dated)]
    for pair in records(undated[undated["account"] != ""]):
        log.add(
            "undated_report",
            f"not known when it was captured: judged beside a dated snapshot of account {_account(pair['account'])}, "
            "of which it may be no part; put its date into its name, or leave it out",
            source=sources[pair["owner"]].name,
        )
    if as_of is None:
        return
    early = (noted["captured"] != NO_TIME) & (noted["captured"] < _micros(as_of) - _CURRENT)
    for pair in records(noted[noted["judged"] & early]):
        age = (_micros(as_of) - pair["captured"]) // _CURRENT
        log.add(
            "older_report",
            f"captured {age:,} {'day' if age == 1 else 'days'} before the reference instant: what was used, changed or "
            "removed since then is not in it; get a report of that day",
            source=sources[pair["owner"]].name,
        )
    late = noted[noted["judged"] & (noted["captured"] > _micros(as_of))]
    for pair in records(late):
        log.add(
            "only_newer_snapshot",
            f"no snapshot of account {_account(pair['account']) or 'unknown'} at or before the reference date: "
            "this later one may hide what was true then; find an earlier report",
            source=sources[pair["owner"]].name,
        )


def _account(key: str) -> str:
    return key.partition(":")[2]


def snapshot_of(users: pd.DataFrame, *, by_capture: bool) -> npt.NDArray[np.int64]:
    """Return for each row of `users` a number that rows of the same snapshot share.

    `by_capture`: an account's snapshots are told apart by their capture times; else all its rows are of one. Nothing
    tells whether two files of unknown accounts belong together: each is one by itself.
    """
    account = users["account_id"].cat.codes.to_numpy().astype(np.int64)
    source = users["source"].cat.codes.to_numpy().astype(np.int64)
    owner = np.where(account < 0, -2 - source, account)
    if not by_capture:
        return owner
    return numbered(owner, microseconds(users["captured_at"]))


def note_users_found_twice(users: pd.DataFrame, log: IssueLog, *, by_capture: bool) -> None:
    """Note users that stand twice in one snapshot (see `snapshot_of`): a name is unique, whatever its case."""
    names = lowered(users["user"]).dictionary_encode()
    named = np.flatnonzero(np.asarray(names.indices.is_valid()))
    name = names.indices.take(pa.array(named)).to_numpy()
    key = snapshot_of(users, by_capture=by_capture)[named] * len(names.dictionary) + name
    twice = named[pd.Series(key).duplicated(keep=False).to_numpy()]
    for row in records(users[["source", "line", "user"]].iloc[twice]):
        log.add(
            "duplicate_user",
            "the user stands more than once in this snapshot of the account, and each row counts; remove the copy",
            source=row["source"],
            line=row["line"],
            column="user",
            value=row["user"],
        )
