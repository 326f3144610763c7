"""What comes due: what passes at its reference instant, and fails within some days of it if nothing changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer.controls.vocabulary import counted
from analyzer.evidence.checks import check_of
from analyzer.evidence.schema import FINDINGS, stacked
from analyzer.evidence.tally import Tally, counts_of
from analyzer.evidence.worst import Choice, Rank, positions_of
from analyzer.reading.columns import NO_TIME, micros_of
from analyzer.reading.times import DAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

    from analyzer.controls.checklist import Checklist
    from analyzer.evidence.opened import EvidenceSet
    from analyzer.evidence.summary import Summary


def due_by_check(summary: Summary, days: int) -> dict[int, int]:
    """Return how many findings of each check come due within so many days, by the check's position, where some do.

    A subject and control count once: see `Checklist.summed`. Where every snapshot was judged, nothing comes due: what
    an older one holds has been seen since.
    """
    if summary.settings.every_snapshot:
        return {}
    found = counts_of(summary.tallies, Tally.DUE)
    found = found[(found["due_days"] <= days).to_numpy()]
    check = check_of(found, summary.checklist)
    sums = np.bincount(check, found["count"].to_numpy(np.int64), minlength=len(summary.checklist.checks))
    return {at: int(sums[at]) for at in summary.checklist.summed if sums[at]}


def due_facts(summary: Summary, days: int) -> dict[str, Any]:
    """Return the same as plain data."""
    due, checks = due_by_check(summary, days), summary.checklist.checks
    rows = [
        {"control": checks[at].control.id, "requirement": checks[at].requirement, "count": count}
        for at, count in due.items()
    ]
    return {"within_days": days, "count": sum(due.values()), "by_control": rows}


def due_in_words(summary: Summary, days: int) -> str:
    """Return the same in words: `1 finding passes now and fails within 14 days if nothing changes: 1 root-mfa`."""
    due = due_by_check(summary, days)
    within = f"within {counted(days, 'day')} if nothing changes"
    if not due:
        return f"Nothing that passes now fails {within}"
    count = sum(due.values())
    controls = ", ".join(f"{one:,} {summary.checklist.checks[at].control.id}" for at, one in due.items())
    verbs = ("passes", "fails") if count == 1 else ("pass", "fail")
    return f"{counted(count, 'finding')} {verbs[0]} now and {verbs[1]} {within}: {controls}"


def comes_due(checklist: Checklist, days: int, *, every_check: bool = False) -> Choice:
    """Return the findings that come due within so many days; `every_check`: also of checks that sums leave out."""

    def of(batch: pa.Table) -> npt.NDArray[np.bool_]:
        fails_at = micros_of(batch["fails_at"])
        due: npt.NDArray[np.bool_] = (fails_at != NO_TIME) & (fails_at - DAY * days <= micros_of(batch["as_of"]))
        if not every_check and checklist.not_summed and due.any():
            due &= ~np.isin(positions_of(batch, checklist.positions), checklist.not_summed)
        return due

    return Choice(("fails_at", "as_of", "control", "requirement"), of)


def due_rows(evidence: EvidenceSet, days: int, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the findings of a set that come due within so many days, the soonest first; with `columns`, these alone.

    No row where every snapshot was judged: see `due_by_check`.
    """
    settings = evidence.settings
    some = [] if settings.every_snapshot else evidence.rows_where("findings", comes_due(settings.checklist, days))
    found = [batch if columns is None else batch.select(list(columns)) for batch in some]
    names = FINDINGS.names if columns is None else columns
    rows = stacked(found or [FINDINGS.empty_table().select(list(names))])
    return rows.sort_values("fails_at", kind="stable", ignore_index=True)


def soonest_first() -> Rank:
    """Return the order of findings in which what fails soonest comes first, and what never fails by itself last."""

    def of(batch: pa.Table) -> npt.NDArray[np.int64]:
        fails_at = micros_of(batch["fails_at"])
        return np.where(fails_at == NO_TIME, np.iinfo(np.int64).max, fails_at)

    return Rank(("fails_at",), of)
