"""Counts access keys by age and idle days, from the table of credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from analyzer.controls.vocabulary import Outcome
from analyzer.reading.columns import has_text
from analyzer.reading.layout import Kind, State

if TYPE_CHECKING:
    import pyarrow as pa

    from analyzer.evidence.tables import Tables

_NEEDS: Final = ("kind", "outcome", "age_days", "idle_days", "last_used_state")


def keys_of(tables: Tables) -> pd.DataFrame:
    """Return the number of access keys that pass or fail (`count`), by `age`, `idle` and `never`.

    `age` and `idle` are days; keys without both are left out. `never` is true for keys that were never used.
    """
    counts = [_counted(batch) for batch in tables.batches("credentials", _NEEDS)]
    names = ["age", "idle", "never"]
    return pd.concat(counts).groupby(names, sort=True)["count"].sum().reset_index()


def _counted(credentials: pa.Table) -> pd.DataFrame:
    # `idle_days` is null unless it is exact.
    has_days = np.asarray(credentials["age_days"].is_valid()) & np.asarray(credentials["idle_days"].is_valid())
    keys = credentials.filter(
        has_days
        & has_text(credentials["kind"], (Kind.ACCESS_KEY,))
        & has_text(credentials["outcome"], (Outcome.PASS, Outcome.FAIL))
    )
    age, idle = (keys[name].to_numpy().astype(np.int64) for name in ("age_days", "idle_days"))
    never = ~has_text(keys["last_used_state"], (State.VALUE,))
    width = int(idle.max(initial=0)) + 1
    number, counts = np.unique((age * width + idle) * 2 + never, return_counts=True)
    age_and_idle, is_never = np.divmod(number, 2)
    age, idle = np.divmod(age_and_idle, width)
    return pd.DataFrame({"age": age, "idle": idle, "never": is_never.astype(bool), "count": counts})
