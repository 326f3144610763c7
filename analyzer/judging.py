"""Selected credentials -> findings, and for every credential what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.reading.columns import TIME, arrow_of, coded, column_of, true_where
from analyzer.reading.layout import Kind
from analyzer.result import CONTROL, JUDGED_KINDS, Outcome
from analyzer.staleness import EXACT, age_days, assess, explain

if TYPE_CHECKING:
    from analyzer.selection import Selection

_OUTCOMES: Final = list(Outcome)


def judge(credentials: pd.DataFrame, selection: Selection, limit_days: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `findings`, and `credentials` with `age_days, idle_days, outcome` (see `analyzer.tables`, `Audit`).

    `selection` speaks of the rows of `users`; `credentials.user_row` says which of them each credential is of.
    """
    row = credentials["user_row"].to_numpy()
    as_of = selection.as_of[row]
    assessed = assess(credentials, as_of, limit_days)
    exact = assessed["reason"].isin(list(EXACT)).to_numpy()

    kind = credentials["kind"]
    outcome = np.select(
        [
            ~selection.judged[row],
            true_where(arrow_of(credentials["is_root"])),
            ~kind.isin(list(JUDGED_KINDS)).to_numpy(),
            true_where(pc.invert(arrow_of(credentials["active"]))),
        ],
        [_OUTCOMES.index(o) for o in (Outcome.OTHER_SNAPSHOT, Outcome.ROOT, Outcome.CERTIFICATE, Outcome.INACTIVE)],
        # A status is also an outcome, and they stand in the same order.
        default=assessed["status"].cat.codes.to_numpy(),
    ).astype(np.int8)
    days = arrow_of(assessed["idle_days"])
    certificate = (kind == Kind.CERTIFICATE).to_numpy()
    credentials = credentials.assign(
        age_days=age_days(credentials, as_of),
        # Only what is known: here no reason stands beside the number to call it an upper bound.
        idle_days=column_of(pc.if_else(pa.array(exact & ~certificate), days, pa.scalar(None, pa.int32()))),
        outcome=coded(outcome, _OUTCOMES),
    )
    judged = np.flatnonzero(outcome < _OUTCOMES.index(Outcome.INACTIVE))
    chosen = credentials.take(judged).reset_index(drop=True)
    assessed = assessed.take(judged).reset_index(drop=True)
    count = len(judged)
    findings = pd.DataFrame(
        {
            "control": coded(np.zeros(count, np.int8), [CONTROL]),
            "status": assessed["status"],
            "account_id": chosen["account_id"],
            "user": chosen["user"],
            "arn": chosen["arn"],
            "credential": chosen["credential"],
            "basis": assessed["basis"],
            "basis_time": assessed["basis_time"],
            "idle_days": assessed["idle_days"],
            "limit_days": column_of(pa.array(np.full(count, limit_days, np.int32))),
            "as_of": column_of(pa.array(as_of[judged]).cast(TIME)),
            "reason": assessed["reason"],
            "message": explain(assessed, chosen["kind"]),
            "captured_at": chosen["captured_at"],
            "source": chosen["source"],
            "line": chosen["line"],
        },
        copy=False,
    )
    return findings, credentials
