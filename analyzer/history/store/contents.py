"""The contents of a store: its snapshots, its gaps and its damaged parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analyzer.history.calendar import Calendar
from analyzer.history.store.layout import SNAPSHOTS, TABLES
from analyzer.history.store.parts import DamagedPartError, rank, read_part
from analyzer.history.store.reading import opened
from analyzer.reading.columns import category_of, column_of, times_from

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa


@dataclass(frozen=True)
class Contents:
    """The contents of a store.

    `snapshots` has a row per account and capture time: `account_id, captured_at, rows, reports`. `gaps` has a row per
    gap: `account_id, after, before, missing` (the estimated number of missing snapshots). `damaged` has the parts that
    cannot be read, each with the reason.
    """

    accounts: tuple[str, ...]
    snapshots: pd.DataFrame
    gaps: pd.DataFrame
    damaged: tuple[tuple[str, str], ...]


def contents(folder: Path) -> Contents:
    """Return the contents of the store; every part is read completely, to find all damage."""
    damaged: list[tuple[str, str]] = []
    frames = [_captures(SNAPSHOTS.empty_table())]
    with opened(folder, TABLES) as files:
        for part, file in files.items():
            try:
                table = read_part(file, part)
            except DamagedPartError as error:
                damaged.append((part, str(error)))
            else:
                if part.startswith("snapshots/"):
                    frames.append(_captures(table))
    snapshots = pd.concat(frames).sort_values(["account_id", "captured_at"], ignore_index=True)
    gaps = _gaps(snapshots)
    snapshots["captured_at"] = column_of(times_from(snapshots["captured_at"].to_numpy()))
    return Contents(tuple(snapshots["account_id"].unique()), snapshots, gaps, tuple(damaged))


def _captures(table: pa.Table) -> pd.DataFrame:
    """Return the snapshots in a part."""
    rows = pd.DataFrame({column: rank(table, column) for column in ("captured_at", "report_sha256")})
    rows["account_id"] = category_of(table["account_id"])
    by_capture = rows.groupby(["account_id", "captured_at"], observed=True)["report_sha256"]
    return by_capture.agg(rows="size", reports="nunique").reset_index().astype({"account_id": "str"})


def _gaps(snapshots: pd.DataFrame) -> pd.DataFrame:
    """Return a row per gap: an interval in which snapshots of an account are missing."""
    account = snapshots["account_id"].astype("category")
    captured = snapshots["captured_at"].to_numpy(np.int64)
    calendar = Calendar.of(account, captured, captured)
    owner, begins = calendar.gaps()
    after, before = calendar.instants[begins], calendar.instants[begins + 1]
    return pd.DataFrame(
        {
            "account_id": pd.Series(calendar.accounts, dtype="str").to_numpy()[owner],
            "after": column_of(times_from(after)),
            "before": column_of(times_from(before)),
            "missing": np.round((before - after) / calendar.usual()[owner]).astype(np.int64) - 1,
        }
    )
