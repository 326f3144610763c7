"""Finds users and credentials that were created, deleted or changed between two snapshots of an account.

A user is identified by account, name (ignoring case) and creation time. A key or certificate is identified by its user
and creation time, not by its slot, because a rotation can change the slot. Only if two have the same creation time,
the slot distinguishes them. A value that is unknown in one of the snapshots is not a change. A user who is absent from
a snapshot that may lack users is not a deletion.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from analyzer.history.snapshots import is_partial
from analyzer.judging.staleness import TOLERANCE
from analyzer.reading.columns import NO_TIME, arrow_of, microseconds
from analyzer.reading.layout import Kind, State

if TYPE_CHECKING:
    import numpy.typing as npt

    from analyzer.reading.issues import IssueLog

_UNKNOWN: Final = -1
_BLIND: Final = 28 * 3_600_000_000
"""A snapshot may not show the changes of this time (microseconds) before its capture time: AWS returns the same report
for four hours, and a report that is dated only by its day can be from any time of that day."""
_WHO: Final = ["account_id", "name"]
_SHOWN: Final = (State.VALUE, State.NOT_APPLICABLE, State.NO_INFORMATION)
"""The states of a last-use cell that has information: a time, or that there was no use."""
_WORDS: Final = {Kind.ACCESS_KEY: "key", Kind.CERTIFICATE: "certificate"}
COLUMNS: Final = (
    *("event", "account_id", "user", "credential", "kind", "made", "was", "is_now"),
    *("old_row", "new_row"),
)
"""The columns of events. `made` is the creation time of the key or certificate, `was` and `is_now` are the old and the
new time (microseconds, or `NO_TIME`), `old_row` and `new_row` are positions in the two tables of users, or -1."""


def changes(
    old: pd.DataFrame, old_credentials: pd.DataFrame, new: pd.DataFrame, new_credentials: pd.DataFrame, log: IssueLog
) -> pd.DataFrame:
    """Return the events between two tables of users with one snapshot an account, and their credentials.

    The columns are `COLUMNS`; the events are sorted by account, user, creation time, credential and event. Impossible
    sequences, such as a last use that went back in time, are added to `log`.
    """
    before, after = _users(old), _users(new)
    pairs = before.merge(after, on=_WHO, how="outer", suffixes=("_old", "_new"), indicator="where")
    captured = before.groupby("account_id")["captured"].max()
    # A user who was created after the older snapshot is new, even if that snapshot may lack users.
    since = pairs["made_new"] > captured.reindex(pairs["account_id"], fill_value=NO_TIME).to_numpy()
    came = (pairs["where"] == "right_only") & (since | ~_may_be_hidden(pairs, before))
    gone = (pairs["where"] == "left_only") & ~_may_be_hidden(pairs, after)
    in_both = pairs["where"] == "both"
    dated = (pairs["made_old"] != NO_TIME) & (pairs["made_new"] != NO_TIME)
    again = in_both & dated & (pairs["made_old"] != pairs["made_new"])
    same = in_both & ~again
    events = [
        _of_users(pairs[came], "user_created"),
        _of_users(pairs[gone], "user_deleted"),
        _of_users(pairs[again], "user_recreated"),
        *_of_mfa(pairs[same]),
        _of_passwords(pairs[(came | again) & (pairs["enabled_new"] == 1)], "password_enabled"),
        _of_passwords(pairs[gone & (pairs["enabled_old"] == 1)], "password_disabled"),
        *_password_changes(pairs[same], log),
    ]
    new_users = pairs[came | again]
    _note_missed(new_users.assign(made=new_users["made_new"], slot_name=""), captured, log)
    first, second = _credentials(old_credentials, before), _credentials(new_credentials, after)
    for kind, word in _WORDS.items():
        old_of_kind, new_of_kind = first[first["kind"] == kind], second[second["kind"] == kind]
        events += [
            _of_credentials(_of_pairs(new_of_kind, pairs[came | again]), f"{word}_created", new=True),
            _of_credentials(_of_pairs(old_of_kind, pairs[gone]), f"{word}_deleted", new=False),
            *_credential_changes(
                _of_pairs(old_of_kind, pairs[same]), _of_pairs(new_of_kind, pairs[same]), kind, captured, log
            ),
        ]
    table = pd.concat([event for event in events if len(event)] or events[:1], ignore_index=True)
    order = table.assign(user=table["user"].str.lower()).sort_values(
        ["account_id", "user", "made", "credential", "event"], kind="stable", na_position="first"
    )
    return table.loc[order.index].reset_index(drop=True)


def _users(users: pd.DataFrame) -> pd.DataFrame:
    """Return the compared columns of users, one row per name; `duplicate_user` issues report names that occur twice."""
    last_use = "password_last_used"
    frame = pd.DataFrame(
        {
            "account_id": users["account_id"].astype("str").to_numpy(),
            "name": pc.utf8_lower(arrow_of(users["user"])).to_pandas().to_numpy(),
            "user": arrow_of(users["user"]).to_pandas().to_numpy(),
            "made": microseconds(users["user_creation_time"]),
            "mfa": _flag(users["mfa_active"]),
            "enabled": _flag(users["password_enabled"]),
            "changed": microseconds(users["password_last_changed"]),
            "used": microseconds(users[last_use]),
            "known": users[f"{last_use}_state"].isin(list(_SHOWN)).to_numpy(),
            "captured": microseconds(users["captured_at"]),
            "root": users["is_root"].to_numpy(dtype=bool).astype(np.int8),
            "partial": is_partial(users),
            "row": np.arange(len(users)),
        }
    )
    return frame[frame["name"].notna()].drop_duplicates(_WHO)


def _may_be_hidden(pairs: pd.DataFrame, users: pd.DataFrame) -> pd.Series[Any]:
    """Return where a user may exist although `users` does not have it; root always exists."""
    partial = users.loc[users["partial"], "account_id"].unique()
    return pairs["account_id"].isin(partial) | (pairs["root_old"] == 1) | (pairs["root_new"] == 1)


def _flag(column: pd.Series[Any]) -> npt.NDArray[np.int8]:
    """Return 1, 0 or -1 for true, false and unknown."""
    return np.asarray(pc.fill_null(arrow_of(column).cast("int8"), _UNKNOWN), np.int8)


def _credentials(credentials: pd.DataFrame, users: pd.DataFrame) -> pd.DataFrame:
    """Return the compared columns of keys and certificates of the rows in `users`."""
    frame = pd.DataFrame(
        {
            "row": credentials["user_row"].to_numpy(),
            "credential": credentials["credential"].astype("str").to_numpy(),
            "kind": credentials["kind"].astype("str").to_numpy(),
            "slot": credentials["credential"].cat.codes.to_numpy(),
            "made": microseconds(credentials["last_changed"]),
            "used": microseconds(credentials["last_used"]),
            "known": credentials["last_used_state"].isin(list(_SHOWN)).to_numpy(),
            "active": _flag(credentials["active"]),
        }
    )
    return frame.merge(users[[*_WHO, "user", "captured", "row"]], on="row")


def _of_pairs(credentials: pd.DataFrame, users: pd.DataFrame) -> pd.DataFrame:
    return credentials.merge(users[_WHO], on=_WHO)


# --- users and passwords ---------------------------------------------------------------------------------------------


def _events(event: str, rows: pd.DataFrame, **columns: Any) -> pd.DataFrame:  # noqa: ANN401 - columns of any kind
    """Return events of one kind, a row for each of `rows`."""
    frame = pd.DataFrame({"account_id": rows["account_id"], **columns}).assign(event=event)
    for name, nothing in (
        ("credential", None),
        ("kind", None),
        ("made", NO_TIME),
        ("was", NO_TIME),
        ("is_now", NO_TIME),
    ):
        if name not in frame:
            frame[name] = nothing
    for name in ("old_row", "new_row"):
        frame[name] = frame[name].fillna(-1).astype("int64") if name in frame else -1
    for name in ("made", "was", "is_now"):
        frame[name] = frame[name].fillna(NO_TIME).astype("int64")
    return frame[list(COLUMNS)]


def _of_users(pairs: pd.DataFrame, event: str, **columns: Any) -> pd.DataFrame:  # noqa: ANN401
    user = pairs["user_new"].where(pairs["user_new"].notna(), pairs["user_old"])
    return _events(event, pairs, user=user, old_row=pairs["row_old"], new_row=pairs["row_new"], **columns)


def _of_mfa(pairs: pd.DataFrame) -> list[pd.DataFrame]:
    was, now = pairs["mfa_old"], pairs["mfa_new"]
    return [
        _of_users(pairs[(was == 0) & (now == 1)], "mfa_enabled"),
        _of_users(pairs[(was == 1) & (now == 0)], "mfa_disabled"),
    ]


def _of_passwords(pairs: pd.DataFrame, event: str, was: str = "", now: str = "") -> pd.DataFrame:
    times = {"was": pairs[was], "is_now": pairs[now]} if was else {}
    return _of_users(pairs, event, credential="password", kind=Kind.PASSWORD.value, **times)


def _password_changes(pairs: pd.DataFrame, log: IssueLog) -> list[pd.DataFrame]:
    was, now = pairs["enabled_old"], pairs["enabled_new"]
    dated = (pairs["changed_old"] != NO_TIME) & (pairs["changed_new"] != NO_TIME)
    changed = (was == 1) & (now == 1) & dated & (pairs["changed_new"] != pairs["changed_old"])
    use_known = pairs["known_old"].astype(bool) & pairs["known_new"].astype(bool)
    used = use_known & (pairs["used_new"] > pairs["used_old"])
    _note_backwards(pairs[use_known & _earlier(pairs, "used")], "password", "password_last_used", log)
    _note_backwards(pairs[changed & _earlier(pairs, "changed")], "password", "password_last_changed", log)
    return [
        _of_passwords(pairs[(was == 0) & (now == 1)], "password_enabled", "changed_old", "changed_new"),
        _of_passwords(pairs[(was == 1) & (now == 0)], "password_disabled"),
        _of_passwords(pairs[changed], "password_changed", "changed_old", "changed_new"),
        _of_passwords(pairs[used], "password_used", "used_old", "used_new"),
    ]


def _earlier(pairs: pd.DataFrame, column: str) -> pd.Series[Any]:
    """Return where the new time is earlier than the old time by more than AWS's rounding; both must be known."""
    was, now = pairs[f"{column}_old"], pairs[f"{column}_new"]
    return (now != NO_TIME) & (was != NO_TIME) & (now < was - TOLERANCE)


# --- keys and certificates -------------------------------------------------------------------------------------------


def _of_credentials(rows: pd.DataFrame, event: str, *, new: bool) -> pd.DataFrame:
    side = "new_row" if new else "old_row"
    columns = {name: rows[name] for name in ("user", "credential", "kind", "made")}
    return _events(event, rows, **columns, **{side: rows["row"]})


def _credential_changes(
    old: pd.DataFrame, new: pd.DataFrame, kind: Kind, captured: pd.Series[Any], log: IssueLog
) -> list[pd.DataFrame]:
    """Return the events of the keys, or certificates, of users that both snapshots have."""
    word = _WORDS[kind]
    instant = [*_WHO, "made"]
    # If two of a user's credentials have the same creation time, their slots distinguish them.
    counts = pd.concat([side.groupby(instant).size() for side in (old, new)])
    shared = counts[counts > 1].index
    sides = [side.assign(tie=np.where(_is_in(side, instant, shared), side["slot"], -1)) for side in (old, new)]
    dated = [side[side["made"] != NO_TIME] for side in sides]
    joined = dated[0].merge(dated[1], on=[*instant, "tie"], how="outer", suffixes=("_old", "_new"), indicator="where")
    pairs = joined[joined["where"] == "both"]
    # A key without a known creation time may be any key that seems to be deleted or created.
    nameless = [side.loc[side["made"] == NO_TIME, _WHO] for side in sides]
    lost = _without(joined[joined["where"] == "left_only"], nameless[1])
    fresh = _without(joined[joined["where"] == "right_only"], nameless[0])
    _note_missed(fresh.assign(slot_name=fresh["credential_new"]), captured, log)
    use_known = pairs["known_old"].astype(bool) & pairs["known_new"].astype(bool)
    _note_backwards(pairs[use_known & _earlier(pairs, "used")], "credential_new", "last_used_date", log)
    events = [
        _changed(pairs[(pairs["active_old"] == 0) & (pairs["active_new"] == 1)], f"{word}_activated"),
        _changed(pairs[(pairs["active_old"] == 1) & (pairs["active_new"] == 0)], f"{word}_deactivated"),
    ]
    if kind is Kind.ACCESS_KEY:
        events += [
            _changed(pairs[use_known & (pairs["used_new"] > pairs["used_old"])], "key_used", "used_old", "used_new"),
            _changed(pairs[pairs["slot_old"] != pairs["slot_new"]], "key_moved"),
        ]
        lost, fresh, rotated = _rotations(lost, fresh, old)
        events.append(_changed(rotated, "key_rotated", "replaced", "made"))
    return [
        *events,
        _one_sided(fresh, f"{word}_created", "new"),
        _one_sided(lost, f"{word}_deleted", "old"),
    ]


def _is_in(rows: pd.DataFrame, columns: list[str], index: pd.Index[Any]) -> npt.NDArray[np.bool_]:
    return pd.MultiIndex.from_frame(rows[columns]).isin(index)


def _without(rows: pd.DataFrame, users: pd.DataFrame) -> pd.DataFrame:
    return rows[~_is_in(rows, _WHO, pd.MultiIndex.from_frame(users))]


def _rotations(
    lost: pd.DataFrame, fresh: pd.DataFrame, old_credentials: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the keys that are only deleted, those that are only created, and those that replace a deleted key.

    The oldest new key of a user replaces the oldest deleted key, and so on.
    """
    captured = old_credentials.drop_duplicates(_WHO)[[*_WHO, "captured"]]
    since = fresh.reset_index(names="at").merge(captured, on=_WHO)
    since = since[since["made"] > since["captured"] - _BLIND].sort_values(["made", "slot_new"])
    old = lost.reset_index(names="at").sort_values(["made", "slot_old"])
    pairs = old.assign(rank=old.groupby(_WHO).cumcount())[[*_WHO, "rank", "at", "made", "row_old"]].merge(
        since.assign(rank=since.groupby(_WHO).cumcount()), on=[*_WHO, "rank"], suffixes=("_lost", "")
    )
    rotated = pairs.assign(replaced=pairs["made_lost"], row_old=pairs["row_old_lost"])
    return lost.drop(index=pairs["at_lost"].tolist()), fresh.drop(index=pairs["at"].tolist()), rotated


def _changed(rows: pd.DataFrame, event: str, was: str = "", now: str = "") -> pd.DataFrame:
    columns = {"user": rows["user_new"], "credential": rows["credential_new"], "kind": rows["kind_new"]}
    times = {"was": rows[was], "is_now": rows[now]} if was else {}
    return _events(event, rows, **columns, made=rows["made"], old_row=rows["row_old"], new_row=rows["row_new"], **times)


def _one_sided(rows: pd.DataFrame, event: str, side: str) -> pd.DataFrame:
    columns = {name: rows[f"{name}_{side}"] for name in ("user", "credential", "kind")}
    return _events(event, rows, **columns, made=rows["made"], **{f"{side}_row": rows[f"row_{side}"]})


def _note_backwards(rows: pd.DataFrame, credential: str, column: str, log: IssueLog) -> None:
    """Add an issue for each time that is earlier in the newer snapshot."""
    for row in rows.to_dict("records"):
        slot = row.get(credential, credential)
        log.add(
            "went_backwards",
            f"{column} of {row['user_new']} ({slot}) is earlier than in the older snapshot: one of the two snapshots "
            "has a wrong date or account; check both",
            source=str(row["account_id"]),
            value=str(row["user_new"]),
        )


def _note_missed(rows: pd.DataFrame, captured: pd.Series[Any], log: IssueLog) -> None:
    """Add an issue for each new user or credential that was created before the older snapshot was `captured`."""
    limit = captured.reindex(rows["account_id"], fill_value=NO_TIME).to_numpy()
    missed = rows[(rows["made"] != NO_TIME) & (limit != NO_TIME) & (rows["made"] < limit - _BLIND)]
    for row in missed.to_dict("records"):
        created = datetime.fromtimestamp(row["made"] / 1_000_000, UTC)
        subject = f"{row['slot_name']} of {row['user_new']}" if row["slot_name"] else f"user {row['user_new']}"
        log.add(
            "missed_before",
            f"{subject} was created on {created:%Y-%m-%d}, but is not in the older snapshot, "
            "which is from a later date: that snapshot is incomplete, or one of the two has a wrong date or account; "
            "check both",
            source=str(row["account_id"]),
            value=str(row["user_new"]),
        )
