"""The waivers of the policy for page and PDF: what each accepts or records, until when, and for how many checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.errors import first_few
from analyzer.reading.columns import records

if TYPE_CHECKING:
    from analyzer.evidence.summary import Summary

WAIVED: Final = "waived (of fail and not checked)"
"""The heading of waived checks beside failures and checks not checked, which count them too."""
TITLE: Final = "Waivers: accepted or recorded until a date"
HEADS: Final = {
    "id": "name",
    "scope": "covers",
    "reason": "reason",
    "owner": "owner",
    "ticket": "ticket",
    "expires": "expires",
    "checks": "checks",
    "state": "state",
}
"""The headings of the columns, by their names."""


def accepted(summary: Summary) -> list[dict[str, str | int]]:
    """Return a row for each waiver of the policy (columns: `HEADS`), those that cover the most checks first.

    `checks` is the number of checks that fail or are not checked and that the waiver covers.
    """
    rows: list[dict[str, str | int]] = []
    for waiver in records(summary.waivers):
        texts = {name: str(waiver[name] or "") for name in HEADS if name != "checks"}
        rows.append({**texts, "checks": int(waiver["failing"] + waiver["not_checked"])})
    return sorted(rows, key=lambda row: -int(row["checks"]))


def manual_in_words(summary: Summary) -> str:
    """Return how many of the checks that waivers cover are manual checks, by waiver; empty if none is."""
    counts = [f"{count:,} of {waiver}" for waiver, count in summary.waived_manual.items()]
    return f"Manual checks among these: {first_few(counts)}." if counts else ""
