"""The table `findings`: one row per verdict, sorted by report row, then credential, then control."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.vocabulary import Reason, Status
from analyzer.judging.snapshots import ORDER_UNKNOWN
from analyzer.judging.staleness import BASES, TOLERANCE, days_since, is_old
from analyzer.judging.verdicts import SUBJECTS
from analyzer.judging.wording import messages
from analyzer.reading.columns import NO_TIME, TIME, few_texts, microseconds, table_of, times_from

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    import pandas as pd

    from analyzer.controls.checklist import Check, Checklist
    from analyzer.judging.facts import Micros
    from analyzer.judging.verdicts import Verdicts

FINDINGS: Final = (
    *("control", "status", "account_id", "user", "arn", "credential", "basis", "basis_time", "idle_days"),
    *("limit_days", "as_of", "reason", "message", "captured_at", "source", "line", "requirement", "severity"),
    *("age_days", "waiver", "fails_at", "requirements"),
    "chosen",
)
"""The public columns in their order, and `chosen`: the position of the check in the checklist (int16)."""


def findings_table(users: pd.DataFrame, as_of: Micros, checklist: Checklist, verdicts: Verdicts) -> pa.Table:
    """Return the verdicts as a table of the columns `FINDINGS`; `waiver` is null everywhere.

    `verdicts` refer to rows of `users`. `as_of` is the reference date of each row of `users`, in microseconds. The
    message of a finding in an old report names the day of its capture.
    """
    checks = checklist.checks
    on_accounts = verdicts.on_accounts
    if ORDER_UNKNOWN in users:
        verdicts = verdicts.undecided(users[ORDER_UNKNOWN].to_numpy())
    reference_date = as_of[verdicts.user_row]
    days = np.where(verdicts.span >= 0, verdicts.span, days_since(verdicts.time, reference_date))
    captured = microseconds(users["captured_at"])
    old = is_old(captured, as_of, checklist.old_report_days)
    old_captures = np.where(old, captured, NO_TIME)[verdicts.user_row] if old.any() else None
    message = messages(verdicts, days, [check.control.messages for check in checks], old_captures)
    sort_key = verdicts.user_row * len(SUBJECTS) + verdicts.subject
    if (sort_key[1:] < sort_key[:-1]).any():  # one control on credentials is already sorted
        # Stable, so that the controls of a credential keep the order of the checklist.
        order = np.argsort(sort_key, kind="stable")
        verdicts, reference_date, days, on_accounts = (
            verdicts.take(order),
            reference_date[order],
            days[order],
            on_accounts[order],
        )
        message = message.take(pa.array(order))
    columns = {
        **_report_columns(users, verdicts.user_row, on_accounts),
        **_check_columns(checks, verdicts.chosen),
        **_verdict_columns(verdicts, reference_date, days),
        "as_of": pa.array(reference_date).cast(TIME),
        "message": message,
        "waiver": few_texts(np.full(len(sort_key), -1), []),
        "chosen": pa.array(verdicts.chosen),
    }
    return pa.table({name: columns[name] for name in FINDINGS})


def _report_columns(
    users: pd.DataFrame, user_row: npt.NDArray[np.int64], on_accounts: npt.NDArray[np.bool_]
) -> dict[str, pa.ChunkedArray]:
    """Return the columns that come from the report row of each verdict."""
    rows = table_of(users, ("account_id", "captured_at", "source", "user", "arn", "line"))
    table = rows.take(pa.array(user_row))
    columns = {name: table[name] for name in table.column_names}
    if on_accounts.any():
        # A check of a whole account is not about the row that holds its verdict.
        whole = pa.array(on_accounts)
        for name in ("user", "arn", "line"):
            columns[name] = pc.if_else(whole, pa.scalar(None, table[name].type), table[name])
    return columns


def _check_columns(checks: Sequence[Check], chosen: npt.NDArray[np.int16]) -> dict[str, pa.Array]:
    """Return the columns that depend only on the check."""
    limits = pa.array([check.limit_days for check in checks], pa.int32())
    return {
        "control": _categorical([check.control.id for check in checks], chosen),
        "requirement": _categorical([check.requirement for check in checks], chosen),
        "requirements": _lists([check.requirements for check in checks], chosen),
        "severity": _categorical([check.severity for check in checks], chosen),
        "limit_days": limits.take(pa.array(chosen)),
    }


def _categorical(texts: Sequence[str | None], chosen: npt.NDArray[np.int16]) -> pa.DictionaryArray:
    distinct = sorted({text for text in texts if text is not None})
    codes = np.array([-1 if text is None else distinct.index(text) for text in texts], np.int32)
    return few_texts(codes[chosen], distinct)


def _lists(texts: Sequence[Sequence[str]], chosen: npt.NDArray[np.int16]) -> pa.ListArray:
    """Return the list of texts of each finding's check; null if the list is empty."""
    lists = pa.array([list(names) or None for names in texts], pa.list_(pa.string()))
    return lists.take(pa.array(chosen))


def _verdict_columns(verdicts: Verdicts, reference_date: Micros, days: npt.NDArray[np.int32]) -> Mapping[str, pa.Array]:
    """Return the columns of the result and its evidence.

    `reference_date` is the reference date of each verdict in microseconds, `days` the days from its time to that date.
    """
    # A time in the future (the expiry of a password) has no idle time or age.
    counted = (verdicts.time != NO_TIME) & (verdicts.time <= reference_date + TOLERANCE) & (verdicts.span < 0)
    return {
        "status": few_texts(verdicts.status, list(Status)),
        "credential": few_texts(verdicts.subject, SUBJECTS),
        "basis": few_texts(verdicts.basis, BASES),
        "basis_time": times_from(verdicts.time),
        "fails_at": times_from(verdicts.fails_at),
        "reason": few_texts(verdicts.reason, list(Reason)),
        "idle_days": pa.array(days, mask=~(counted & ~verdicts.aged)),
        "age_days": pa.array(days, mask=~(counted & verdicts.aged)),
    }
