"""What changed since the snapshots before the judged ones, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.controls.vocabulary import Status, counted, span
from analyzer.errors import in_words
from analyzer.evidence.counted import UNKNOWN_ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    import pyarrow as pa

    from analyzer.evidence.summary import Summary


def trend(summary: Summary) -> str:
    """Return in a sentence what changed since the snapshots before the judged ones; empty if there are none."""
    table, checklist = summary.trend, summary.checklist
    if table is None or not len(table):
        return ""
    ids = [checklist.checks[number].control.id for number in checklist.summed]
    ids = [checklist.unused.control.id] if checklist.unused else ids
    sums = _sums(summary, ids)
    noun = "unused" if checklist.unused else "fail" if len(ids) == 1 else "failures"
    accounts = len(table["account_id"].unique())
    where = (
        f"In the {accounts:,} of {counted(len(summary.accounts), 'account')} with an earlier snapshot: "
        if accounts < len(summary.accounts)
        else ""
    )
    days, when = days_of(table, "earlier_captured_at")
    # The answer counts at the reference date. The trend counts at capture times, so its numbers can differ.
    differs = summary.settings.as_of is not None and table["captured_at"].unique().to_pylist() != [
        summary.settings.as_of
    ]
    each = "; each judged at its own capture time" if differs else ""
    before = f"{sums['open_before']:,} in the snapshot{'' if days == 1 else 's'} before ({when}{each})"
    return f"{where}{sums['open']:,} {noun} now{waived_now(summary, ids)}, {before}: {_changes(sums)}."


def trend_of_all(summary: Summary) -> str:
    """Return the trend of all controls in a sentence; empty if `trend` is already about all, or if there is none.

    Stricter readings of other controls are not added, so that no failure counts twice.
    """
    table, checklist = summary.trend, summary.checklist
    if table is None or not len(table) or checklist.unused is None or len(checklist.summed) == 1:
        return ""
    ids = [checklist.checks[number].control.id for number in checklist.summed]
    sums = _sums(summary, ids)
    accounts = len(table["account_id"].unique())
    where = f" in {'this account' if accounts == 1 else 'these accounts'}" if accounts < len(summary.accounts) else ""
    now = f"{counted(sums['open'], 'failure')} now{waived_now(summary, ids)}"
    return f"All controls{where}: {now}, {sums['open_before']:,} before: {_changes(sums)}."


def scope_of_trend(summary: Summary) -> str:
    """Return in a sentence which accounts and snapshots a table of the trend compares; empty if there is no trend."""
    table = summary.trend
    if table is None or not len(table):
        return ""
    accounts = len(table["account_id"].unique())
    (_, before), (_, now) = days_of(table, "earlier_captured_at"), days_of(table, "captured_at")
    whose = f"{accounts:,} of {counted(len(summary.accounts), 'account')} with an earlier snapshot"
    others = f" {others}" if (others := not_compared(summary)) else ""
    return f"Failures in {whose}: before is {before}, now is {now}. Waived failures are counted.{others}"


def not_compared(summary: Summary, most: int = 5) -> str:
    """Return in a sentence which judged accounts the trend does not compare; empty if it compares all, or if none.

    At most `most` accounts are named.
    """
    table = summary.trend
    if table is None or not len(table):
        return ""
    others = sorted({*summary.accounts} - {*table["account_id"].unique().to_pylist()})
    names = [f"{account} account" if account == UNKNOWN_ACCOUNT else account for account in others[:most]]
    more = [counted(len(others) - most, "other")] if len(others) > most else []
    return f"Not compared with an earlier snapshot: {in_words([*names, *more])}." if others else ""


def waived_now(summary: Summary, ids: Sequence[str]) -> str:
    """Return in brackets how many of the failures that the trend counts now are waived; empty if none is.

    `ids` are the controls that are counted. The trend counts at capture times, waivers apply at the reference date. If
    the two do not have the same failures, no number is known.
    """
    if summary.trend is None or not summary.totals["waived"]:
        return ""
    failures = failures_in_findings(summary, ids)
    not_waived = _failures(summary, summary.open_matrix[Status.FAIL], ids)
    if failures == not_waived:
        return ""
    is_same = failures == _sums(summary, ids)["open"]
    return f" ({failures - not_waived:,} of them waived)" if is_same else " (waived ones included)"


def failures_in_findings(summary: Summary, ids: Sequence[str]) -> int:
    """Return how many failures of these controls the findings have in the accounts of the trend.

    As in the trend, the first check of each control counts. The number can differ from that of the trend, which counts
    at capture times.
    """
    return _failures(summary, summary.matrix[Status.FAIL], ids)


def _failures(summary: Summary, matrix: pd.DataFrame, ids: Sequence[str]) -> int:
    """Return the sum of `matrix` (counts by check and account) over these controls and the accounts of the trend."""
    first = {check.control.id: at for at, check in reversed([*enumerate(summary.checklist.checks)])}
    accounts = [] if summary.trend is None else summary.trend["account_id"].unique().to_pylist()
    return int(matrix.iloc[[first[control] for control in ids]].reindex(columns=accounts).sum().sum())


def days_of(trend_table: pa.Table, column: str) -> tuple[int, str]:
    """Return the number of days in a column of times of the trend, and these days in words."""
    days = sorted({f"{time:%Y-%m-%d}" for time in trend_table[column].unique().to_pylist()})
    return len(days), span(days[0], days[-1])


def _sums(summary: Summary, ids: Sequence[str]) -> dict[str, int]:
    """Return the counts of the trend, summed over controls."""
    return {name: sum(summary.trends[control][name] for control in ids) for name in summary.trends[ids[0]]}


def _changes(sums: Mapping[str, int]) -> str:
    """Return in words how many failures are new, fixed and, if there are any, undecided."""
    undecided = f", {sums['undecided']:,} undecided" if sums["undecided"] else ""
    return f"{sums['new']:,} new, {sums['fixed']:,} fixed{undecided}"
