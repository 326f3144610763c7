"""Compares two judged snapshots of accounts: events of users, credentials and failures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from analyzer.evidence.schema import EVENTS, TREND_OF_AUDIT, to_pandas
from analyzer.history.calendar import Timeline
from analyzer.history.changes import changes
from analyzer.history.lifetimes import follow
from analyzer.judging.judge import verdicts as verdicts_on
from analyzer.reading.columns import column_of, microseconds, times_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from analyzer.controls.checklist import Check, Checklist
    from analyzer.judging.verdicts import Verdicts
    from analyzer.reading.issues import IssueLog
    from analyzer.reading.normalizing import TypedTables

_COUNTED: Final = {
    "open": ("still_failing", "new_failure"),
    "open_before": ("still_failing", "fixed", "not_known"),
    "new": ("new_failure",),
    "fixed": ("fixed",),
    "undecided": ("not_known",),
}
"""The events that each count of a trend adds up."""


def trend_of(checklist: Checklist, tables: TypedTables, is_new: npt.NDArray[np.bool_]) -> pa.Table:
    """Return the trend (columns: `TREND_OF_AUDIT`) of accounts with two snapshots: the judged one and the one before.

    `is_new` marks the rows of the judged snapshot. The events are only counted, by control.
    """
    once, users = _each_control_once(checklist), tables.users
    captured = microseconds(users["captured_at"])
    lives, event = _lives_and_events(users, tables.credentials, verdicts_on(tables, captured, once), once.checks)
    names = users["account_id"].astype("str").to_numpy()
    accounts, first = np.unique(names[is_new], return_index=True)
    before = dict(zip(names[~is_new], captured[~is_new], strict=True))
    controls = [check.control.id for check in once.checks]
    keys = pd.MultiIndex.from_product([accounts, controls])
    life_keys = pd.DataFrame({name: lives[name].astype("str") for name in ("account_id", "control")})

    def count(events: Sequence[str]) -> pa.Array:
        sizes = life_keys[np.isin(event, events)].value_counts(["account_id", "control"])
        return pa.array(sizes.reindex(keys, fill_value=0).to_numpy(np.int64))

    times = (captured[is_new][first], np.array([before[account] for account in accounts], np.int64))
    columns = [
        *(pa.array(keys.get_level_values(level), pa.string()) for level in (0, 1)),
        *(times_from(np.repeat(time, len(controls))) for time in times),
        *(count(events) for events in _COUNTED.values()),
    ]
    return pa.table(columns, names=TREND_OF_AUDIT.names).cast(TREND_OF_AUDIT)


def joined_trends(parts: Sequence[pa.Table]) -> pa.Table:
    """Return the trend of all batches, sorted by account and then by control, in the order of the checklist."""
    whole = pa.concat_tables([TREND_OF_AUDIT.empty_table(), *parts]).unify_dictionaries().combine_chunks()
    names = pa.chunked_array(whole["account_id"]).cast(pa.string())
    return whole.take(pa.array(np.argsort(names.to_numpy(zero_copy_only=False), kind="stable")))


def _each_control_once(checklist: Checklist) -> Checklist:
    """Return the checklist with only the first check of each control."""
    checks = {check.control.id: check for check in reversed(checklist.checks)}
    return replace(checklist, checks=tuple(reversed(checks.values())))


def events_between(  # noqa: PLR0913 - two sides, and how they were judged
    users: pd.DataFrame,
    credentials: pd.DataFrame,
    verdicts: Iterable[Verdicts],
    chosen: Sequence[Check],
    is_new: npt.NDArray[np.bool_],
    log: IssueLog,
) -> pd.DataFrame:
    """Return the `EVENTS` of accounts with one snapshot on each side, sorted by account and user.

    `is_new` marks the rows of `users` on the newer side; `credentials` and `verdicts` are those of both sides.
    """
    old_rows, new_rows = np.flatnonzero(~is_new), np.flatnonzero(is_new)
    sides = []
    for rows in (old_rows, new_rows):
        position = np.full(len(users), -1)
        position[rows] = np.arange(len(rows))
        side_credentials = credentials[np.isin(credentials["user_row"].to_numpy(), rows)]
        sides.append(
            (users.take(rows), side_credentials.assign(user_row=position[side_credentials["user_row"].to_numpy()]))
        )
    change_rows = changes(*sides[0], *sides[1], log)
    old_row = np.where(change_rows["old_row"] >= 0, np.append(old_rows, -1)[change_rows["old_row"]], -1)
    new_row = np.where(change_rows["new_row"] >= 0, np.append(new_rows, -1)[change_rows["new_row"]], -1)
    plain = _table(
        users,
        old_row,
        new_row,
        None,
        **{name: change_rows[name] for name in ("event", "account_id", "user", "credential", "kind")},
        **{
            name: column_of(times_from(change_rows[of].to_numpy()))
            for name, of in (("key_created", "made"), ("was", "was"), ("is_now", "is_now"))
        },
    )
    of_failures = _of_failures(users, credentials, verdicts, chosen, is_new)
    events = pa.concat_tables([plain, of_failures]).unify_dictionaries().combine_chunks()
    frame = to_pandas(events)
    order = frame.assign(user=frame["user"].str.lower()).sort_values(["account_id", "user"], kind="stable")
    return frame.loc[order.index].reset_index(drop=True)


def _of_failures(
    users: pd.DataFrame,
    credentials: pd.DataFrame,
    verdicts: Iterable[Verdicts],
    chosen: Sequence[Check],
    is_new: npt.NDArray[np.bool_],
) -> pa.Table:
    """Return the events of failures: a failure in two snapshots is still failing, fixed, not known or new."""
    lives, event = _lives_and_events(users, credentials, verdicts, chosen)
    first, last = (lives[name].to_numpy() for name in ("first_row", "user_row"))
    names = ("account_id", "user", "credential", "kind", "key_created", "control", "requirement", "severity", "message")
    return _table(
        users,
        np.where(is_new[first], -1, first),
        np.where(is_new[last], last, -1),
        # A failure of an account as a whole has no line.
        lives["line"].isna().to_numpy(bool),
        event=pd.Series(event),
        how=lives["closed_by"],
        **{name: lives[name] for name in names},
    )


def _lives_and_events(
    users: pd.DataFrame, credentials: pd.DataFrame, verdicts: Iterable[Verdicts], chosen: Sequence[Check]
) -> tuple[pd.DataFrame, npt.NDArray[np.object_]]:
    """Return the failures in two snapshots per account, and the event of each."""
    timeline = Timeline.of(users, microseconds(users["captured_at"]))
    lives = follow(users, credentials, verdicts, chosen, timeline).lifetimes
    first, last = (microseconds(lives[name]) for name in ("first_seen", "last_seen"))
    state = lives["state"].astype("str").to_numpy()
    event = np.select(
        [first < last, state == "closed", state == "lost_sight"],
        ["still_failing", "fixed", "not_known"],
        default="new_failure",
    )
    return lives, event


def _table(
    users: pd.DataFrame,
    old_row: npt.NDArray[np.int64],
    new_row: npt.NDArray[np.int64],
    on_accounts: npt.NDArray[np.bool_] | None,
    **columns: pd.Series[Any],
) -> pa.Table:
    """Return events with their source and line on each side (row -1: none); columns that are not given are null."""
    no_line = np.zeros(len(old_row), bool) if on_accounts is None else on_accounts
    for side, rows in (("old", old_row), ("new", new_row)):
        for name in ("captured_at", "source", "line"):
            values = pa.array(users[name], from_pandas=True)
            missing = (rows < 0) | (no_line if name == "line" else False)
            columns[f"{side}_{name}"] = values.take(pa.array(rows, mask=missing))
    arrays = [
        pa.array(columns[field.name], from_pandas=True) if field.name in columns else pa.nulls(len(old_row), field.type)
        for field in EVENTS
    ]
    plain = [array.dictionary_decode() if pa.types.is_dictionary(array.type) else array for array in arrays]
    return pa.table([array.cast(field.type) for array, field in zip(plain, EVENTS, strict=True)], schema=EVENTS)
