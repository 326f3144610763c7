"""A store read whole, which no command does: for tests that compare what came out with what went in."""

from __future__ import annotations

from datetime import UTC
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.errors import InputError
from analyzer.history.store.layout import DAMAGED, REMEDY, SNAPSHOTS, month_of
from analyzer.history.store.parts import DamagedPartError, read_part
from analyzer.history.store.reading import columns_needed, frame_of_snapshots, opened
from analyzer.reading.columns import TIME

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime
    from pathlib import Path

    import pandas as pd

    from analyzer.reading.issues import IssueLog


def load(
    folder: Path,
    *,
    accounts: Collection[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    columns: Collection[str] | None = None,
    log: IssueLog | None = None,
) -> pd.DataFrame:
    """Return the users in the store (see `frame_of_snapshots`), in the order of the parts and of their rows.

    `since` and `until` are included. A part that is damaged is noted in `log`, and the rest is loaded; without a `log`
    it raises InputError.
    """
    tables = list(_selected(folder, accounts, since, until, columns, log))
    return frame_of_snapshots(pa.concat_tables(tables) if tables else SNAPSHOTS.empty_table(), columns)


def _selected(
    folder: Path,
    accounts: Collection[str] | None,
    since: datetime | None,
    until: datetime | None,
    columns: Collection[str] | None,
    log: IssueLog | None,
) -> Iterator[pa.Table]:
    """Yield the chosen rows of each month."""
    first, last = (instant and instant.astimezone(UTC).isoformat()[:7] for instant in (since, until))
    conditions = []
    if accounts is not None:
        conditions.append(pc.field("account_id").isin(pa.array(sorted(accounts), pa.string())))
    if since is not None:
        conditions.append(pc.field("captured_at") >= pa.scalar(since, TIME))
    if until is not None:
        conditions.append(pc.field("captured_at") <= pa.scalar(until, TIME))
    where = reduce(and_, conditions) if conditions else None
    needed = columns_needed(columns)
    with opened(folder, ["snapshots"]) as files:
        for part, file in files.items():
            if (first and month_of(part) < first) or (last and month_of(part) > last):
                continue
            try:
                yield read_part(file, part, columns=needed, where=where)
            except DamagedPartError as error:
                if log is None:
                    raise InputError(f"damaged part of the store {folder}: {part}: {error}", REMEDY) from error
                log.add(DAMAGED, f"{error}; what it holds is left out: {REMEDY}", source=f"{folder}/{part}")
