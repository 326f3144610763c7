"""Texts that the page, the PDF and the workbook share: the answer in a sentence, figures, completeness, the trend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.controls.control import Severity
from analyzer.controls.vocabulary import Status, counted
from analyzer.evidence.answer import credentials_in_words
from analyzer.evidence.coverage import Coverage, expected, missing
from analyzer.evidence.trend import days_of, waived_now

if TYPE_CHECKING:
    from analyzer.evidence.summary import Summary


def opening(summary: Summary) -> str:
    """Return the answer in a sentence: accounts, IAM users with open checks, critical failures, unused credentials."""
    parts = [" ".join(_received(summary))]
    users = summary.open_by_kind.get("user", 0)
    parts.append(f"{counted(users, 'IAM user')} with open checks" if users else "no IAM user with open checks")
    if critical := _critical(summary):
        parts.append(counted(critical, "critical failure"))
    if summary.unused is not None:
        unused, judged = summary.unused[Status.FAIL], summary.unused["judged"]
        parts.append(f"{unused:,} of {credentials_in_words(judged)} unused")
    return f"{'; '.join(parts)}{_change(summary)}."


def _received(summary: Summary) -> tuple[str, str]:
    """Return the number of accounts and its noun, such as `accounts` or `of 6 accounts received`."""
    if summary.coverage is None:
        number, _, noun = counted(len(summary.accounts), "account").partition(" ")
        return number, noun
    every = expected(summary.coverage)
    return f"{every - len(missing(summary.coverage)):,}", f"of {counted(every, 'account')} received"


def _critical(summary: Summary) -> int:
    """Return the number of failures of critical controls that are not waived."""
    checks = summary.checklist.checks
    return sum(
        summary.open_by_check[at][Status.FAIL]
        for at in summary.checklist.summed
        if checks[at].severity is Severity.CRITICAL
    )


def _change(summary: Summary) -> str:
    """Return how the number of unused credentials changed since the snapshots before; empty if there are none."""
    if summary.trend is None or summary.checklist.unused is None or not len(summary.trend):
        return ""
    control = summary.checklist.unused.control.id
    counts, waived = summary.trends[control], waived_now(summary, [control])
    (days_before, before), (days_now, now) = (
        days_of(summary.trend, name) for name in ("earlier_captured_at", "captured_at")
    )
    accounts = len(summary.trend["account_id"].unique())
    every = accounts == len(summary.accounts)
    where = "" if every else f" in the {counted(accounts, 'account')} with an earlier snapshot"
    when_before = f"on {before}" if days_before == 1 else f"before ({before})"
    when_now = f"on {now}" if days_now == 1 else f"in the newest snapshots ({now})"
    return (
        f". Unused credentials{where}: {counts['open_before']:,} {when_before}, {counts['open']:,} {when_now}{waived}"
    )


class Figure(NamedTuple):
    """A number at the top of a summary: `name` is its key, and `is_bad` marks a number that needs action."""

    name: str
    value: str
    label: str
    is_bad: bool


def figures(summary: Summary) -> list[Figure]:
    """Return the figures: accounts, unused credentials, users with open checks, critical failures, not checked.

    With a list of leavers, the last figure is the number of their active credentials.
    """
    counts = [
        ("users", "IAM users with open checks", summary.open_by_kind.get("user", 0)),
        ("critical", "critical failures", _critical(summary)),
        ("undecided", "not checked, all controls", sum(map(summary.undecided_of, summary.checklist.summed))),
    ]
    if summary.unused is not None:
        position = summary.checklist.unused_position
        counts.insert(0, _with_waived(summary, position, "unused", "unused credentials"))
    counts += [
        _with_waived(summary, position, "leavers", "active credentials of leavers")
        for position, check in enumerate(summary.checklist.checks)
        if check.control.id == "leaver-credentials"
    ]
    return [
        Figure("accounts", *_received(summary), is_bad=False),
        *(Figure(name, f"{count:,}", label, is_bad=count > 0) for name, label, count in counts),
    ]


def _with_waived(summary: Summary, position: int, name: str, label: str) -> tuple[str, str, int]:
    """Return the name, the label and the number of failures of a check; the label has how many of them are waived."""
    count = summary.by_control[position][Status.FAIL]
    waived = count - summary.open_by_check[position][Status.FAIL]
    return name, f"{label} ({waived:,} waived)" if waived else label, count


REPORTS_JUDGED: Final = "Reports judged"
ROWS: Final = "Rows in these reports"
ROWS_REJECTED: Final = "Rows rejected"
USER_ROWS: Final = "Rows of IAM users"
ROOT_ROWS: Final = "Rows of root"


def completeness(summary: Summary) -> dict[str, int]:
    """Return the numbers of accounts by what was received, and of reports and rows by what was read and judged."""
    counts = summary.facts
    statuses = [] if summary.coverage is None else summary.coverage["status"].to_pylist()
    received = {f"{ACCOUNTS}{status.value.replace('_', ' ')}": statuses.count(status.value) for status in Coverage}
    return {label: count for label, count in received.items() if count} | {
        "Reports read": counts["reports"],
        REPORTS_JUDGED: counts["reports_judged"],
        ROWS: counts["rows"],
        ROWS_REJECTED: counts["rows_rejected"],
        "Rows not judged (other snapshots)": counts["rows_not_judged"],
        USER_ROWS: counts["users"] - counts["root_rows"],
        ROOT_ROWS: counts["root_rows"],
    }


ACCOUNTS: Final = "Accounts: "
"""The beginning of the labels that count accounts, such as `Accounts: missing`."""


TREND_COLUMNS: Final = {
    "open_before": "failed before",
    "new": "new",
    "fixed": "fixed",
    "undecided": "undecided",
    "open": "fail now",
}
"""The counts of a trend in the order of a calculation, with their headings: before + new - fixed - undecided = now."""


NOT_JUDGED: Final = "\N{EN DASH}"
"""Stands for a count of a control that judged nothing."""


def controls_without_trend(summary: Summary) -> list[str]:
    """Return the controls that judge nothing now and have no counts in the trend: 0 would mean that nothing fails."""
    pairs = zip(summary.checklist.checks, summary.by_control, strict=True)
    judged = {check.control.id for check, counts in pairs if counts["judged"]}
    return [control for control, counts in summary.trends.items() if control not in judged and not any(counts.values())]


def trend_by_control(summary: Summary) -> tuple[list[str], list[list[str | int]]]:
    """Return the headings and the rows of the trend table: a row per control, with its counts before and now.

    A control that judged nothing, and had no failures before, has a dash for each count (`NOT_JUDGED`).
    """
    without = controls_without_trend(summary)
    rows: list[list[str | int]] = [
        [control, *(NOT_JUDGED if control in without else counts[name] for name in TREND_COLUMNS)]
        for control, counts in summary.trends.items()
    ]
    return ["control", *TREND_COLUMNS.values()], rows
