"""Checks that come due: they pass at the reference date and will fail within some days if nothing changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer.controls.vocabulary import counted
from analyzer.errors import InputError
from analyzer.evidence.checks import check_of, comes_due_once
from analyzer.evidence.tally import Tally, counts_of
from analyzer.evidence.worst import Choice, Rank, first_rows, positions_of
from analyzer.reading.columns import NO_TIME, micros_of
from analyzer.reading.times import DAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import pyarrow as pa

    from analyzer.controls.checklist import Checklist
    from analyzer.evidence.opened import EvidenceSet
    from analyzer.evidence.settings import Settings
    from analyzer.evidence.summary import Summary


def due_by_check(summary: Summary, days: int) -> dict[int, int]:
    """Return the number of findings that come due within `days`, by position in the checklist, without zeros.

    A subject and control count once: see `comes_due_once`. With `every_snapshot` nothing comes due, because the
    findings of older snapshots are history.
    """
    if summary.settings.every_snapshot:
        return {}
    rows = counts_of(summary.tallies, Tally.DUE)
    rows = rows[(rows["due_days"] <= days).to_numpy()]
    check = check_of(rows, summary.checklist)
    sums = np.bincount(check, rows["count"].to_numpy(np.int64), minlength=len(summary.checklist.checks))
    return {at: int(count) for at, count in enumerate(sums) if count}


def due_facts(summary: Summary, days: int) -> dict[str, Any]:
    """Return the findings that come due within `days` as plain data: the total and the number by control."""
    due, checks = due_by_check(summary, days), summary.checklist.checks
    rows = [
        {"control": checks[at].control.id, "requirement": checks[at].requirement, "count": count}
        for at, count in due.items()
    ]
    return {"within_days": days, "count": sum(due.values()), "by_control": rows}


def due_in_words(summary: Summary, days: int) -> str:
    """Return the number of checks that come due, such as `3 checks that pass now will fail within 14 days ...`."""
    due = due_by_check(summary, days)
    within = f"within {counted(days, 'day')} if nothing changes"
    if not due:
        return f"No check that passes now will fail {within}"
    count = sum(due.values())
    controls: dict[str, int] = {}
    for position, due_count in due.items():
        control = summary.checklist.checks[position].control.id
        controls[control] = controls.get(control, 0) + due_count
    each = ", ".join(f"{due_count:,} {control}" for control, due_count in controls.items())
    words = "check that passes now" if count == 1 else "checks that pass now"
    return f"{count:,} {words} will fail {within}: {each}"


def require_one_snapshot(settings: Settings, option: str) -> None:
    """Raise InputError if every snapshot was judged; `option` is the option that needs the newest snapshots only."""
    if settings.every_snapshot:
        raise InputError(
            f"{option}: cannot be used with --every-snapshot, because older snapshots do not show what will fail next",
            "run the audit without --every-snapshot, so that only the newest snapshots are judged",
        )


def comes_due(checklist: Checklist, days: int, *, every_check: bool = False) -> Choice:
    """Return the choice of findings that come due within `days`.

    A subject and control count once, or once for each limit of the control with `every_check`.
    """

    def of(batch: pa.Table) -> npt.NDArray[np.bool_]:
        fails_at, as_of = micros_of(batch["fails_at"]), micros_of(batch["as_of"])
        due: npt.NDArray[np.bool_] = (fails_at != NO_TIME) & (fails_at - DAY * days <= as_of)
        if not every_check and checklist.not_summed and due.any():
            check = positions_of(batch, checklist.positions)
            due &= comes_due_once(check, as_of, fails_at, checklist)
        return due

    return Choice(("fails_at", "as_of", "control", "requirement"), of)


def soonest(evidence: EvidenceSet, days: int, most: int, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the first `most` findings of a set that come due within `days`, soonest first, with `columns` or all."""
    where = comes_due(evidence.settings.checklist, days)
    return first_rows(evidence, "findings", most, soonest_first(), where=where, columns=columns)


def soonest_first() -> Rank:
    """Return the order by the time at which findings will fail; findings that never fail by themselves come last."""

    def of(batch: pa.Table) -> npt.NDArray[np.int64]:
        fails_at = micros_of(batch["fails_at"])
        return np.where(fails_at == NO_TIME, np.iinfo(np.int64).max, fails_at)

    return Rank(("fails_at",), of)
