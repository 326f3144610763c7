"""The table of the trend on the page of an audit, with links to the failures of the judged snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from analyzer.evidence.opening import NOT_JUDGED, TREND_COLUMNS, controls_without_trend
from analyzer.evidence.schema import TEXT
from analyzer.evidence.trend import failures_in_findings, scope_of_trend
from analyzer.rendering.page.content import HREF, PageTable, link
from analyzer.rendering.page.grid import number_of

if TYPE_CHECKING:
    from analyzer.evidence.summary import Summary

_NOTE: Final = (
    "Undecided: it failed before and cannot be decided now. The "
    "numbers in the last column are links to the failures. Failures of the earlier snapshots are not on this page: "
    "credreport compare lists the failures of both snapshots, and which are new, fixed or undecided."
)
_WITHOUT_LINK: Final = (
    " A number in the last column without a link counts at the capture times of the reports. The findings on this page "
    "are judged at the reference date and have another number of failures."
)


def trend_tables(summary: Summary) -> list[PageTable]:
    """Return the table of what changed since the snapshots before, by control, if there are such snapshots."""
    if not summary.trends:
        return []
    without = controls_without_trend(summary)
    hrefs = [_failures_of(summary, control, counts["open"]) for control, counts in summary.trends.items()]
    rows = pa.table(
        {
            "control": pa.array(list(summary.trends), TEXT),
            **{
                name: pa.array(
                    [None if control in without else counts[name] for control, counts in summary.trends.items()],
                    pa.int64(),
                )
                for name in TREND_COLUMNS
            },
            f"{HREF}open": pa.array(hrefs, TEXT),
        }
    )
    is_linked = all(href or not counts["open"] for href, counts in zip(hrefs, summary.trends.values(), strict=True))
    note = f"{scope_of_trend(summary)} {_NOTE}{'' if is_linked else _WITHOUT_LINK}"
    note += " A dash: nothing judged." if without else ""
    return [
        PageTable(
            "trend",
            "Trend",
            rows,
            ["control", *TREND_COLUMNS],
            labels=TREND_COLUMNS,
            note=note,
            file="trend.parquet",
            blank=NOT_JUDGED,
        )
    ]


def _failures_of(summary: Summary, control: str, count: int) -> str | None:
    """Return the link to the failures of a control in the accounts with a trend; None if these are not `count`.

    The trend has the first check of each control, judged at the capture times; the findings are judged at the reference
    date, so their number can differ.
    """
    if summary.trend is None or not count:
        return None
    if failures_in_findings(summary, [control]) != count:
        return None
    accounts = [account for account in summary.trend["account_id"].unique().to_pylist() if account is not None]
    chosen = {"account_id": accounts} if len(accounts) < len(summary.accounts) else {}
    check = next(check for check in summary.checklist.checks if check.control.id == control)
    return link("findings", control=control, **number_of(summary, check), status="fail", **chosen)
