"""Snapshots through time, as short lists of stages: keep, compare, follow; no printing, no exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analyzer.engine import ahead
from analyzer.history import following, store
from analyzer.history.following import Sides
from analyzer.pipeline import read_tables
from analyzer.reading.issues import IssueLog

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from analyzer.evidence.comparison import Comparison
    from analyzer.evidence.history import History
    from analyzer.evidence.settings import Settings
    from analyzer.pipeline import Progress
    from analyzer.reading.source import Source


def history(  # noqa: PLR0913 - what is read, and how it is followed
    paths: Sequence[str],
    settings: Settings,
    *,
    series: Sequence[datetime] | str = (),
    sla_days: int | None = None,
    leave_out: Path | None = None,
    progress: Progress | None = None,
) -> History:
    """Follow the failures of the reports under `paths` through time (see `following.follow`)."""
    log = IssueLog()
    sources, tables = read_tables(paths, log, settings.account_id, leave_out, progress)
    _note_undated(sources, log)
    inputs = following.of_sources(sources, tables)
    captured = [source.captured_at for source in sources if source.captured_at]
    dates = _dates(series, (min(captured), max(captured)) if captured else None)
    return following.follow([tables.users], log, settings, inputs=inputs, series=dates, sla_days=sla_days)


def compare(
    old: Sequence[str],
    new: Sequence[str],
    settings: Settings,
    *,
    leave_out: Path | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare the newest snapshot of each account under `old` with that under `new` (see `following.side_by_side`)."""
    log = IssueLog()
    everything: list[pd.DataFrame] = []
    newest: list[pd.DataFrame] = []
    inputs: list[pd.DataFrame] = []
    for paths in (old, new):
        sources, tables = read_tables(paths, log, settings.account_id, leave_out, progress)
        _note_undated(sources, log)
        rows = following.newest_rows(tables.users)
        everything.append(tables.users)
        newest.append(tables.users.take(rows))
        inputs.append(following.of_sources(sources, tables, rows))
    # Older snapshots on the older side tell what had failed before.
    sides = Sides(newest[0], newest[1], earlier=everything[0])
    return following.side_by_side([sides], log, settings, inputs=pd.concat(inputs, ignore_index=True))


def history_stored(
    folder: Path, settings: Settings, *, series: Sequence[datetime] | str = (), sla_days: int | None = None
) -> History:
    """Follow the failures of the snapshots in a store through time."""
    log = IssueLog()
    dates = _dates(series, store.span(folder))
    batches = store.by_accounts(folder, columns=following.COLUMNS, log=log)
    return following.follow(ahead(batches), log, settings, series=dates, sla_days=sla_days)


def compare_stored(folder: Path, since: datetime, until: datetime, settings: Settings) -> Comparison:
    """Compare each account's newest snapshot in a store by `since` with that by `until`."""
    log = IssueLog()
    batches = (
        Sides(following.newest(users, since), following.newest(users, until), earlier=users)
        for users in store.by_accounts(folder, until=until, log=log)
    )
    return following.side_by_side(batches, log, settings)


def _dates(series: Sequence[datetime] | str, span: tuple[datetime, datetime] | None) -> Sequence[datetime]:
    """Return the reference dates: those that were given, or the ends of the months of the snapshots."""
    if not isinstance(series, str):
        return series
    return following.months(*span) if span else []


def _note_undated(sources: Sequence[Source], log: IssueLog) -> None:
    """Note the reports that stand nowhere in time: they are left out."""
    for source in sources:
        if source.captured_at is None:
            log.add(
                "undated_snapshot",
                "not known when it was captured: left out; put its date into its name, as in 2026-10-31.csv",
                source=source.name,
            )
