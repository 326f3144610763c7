"""What pictures of an audit share: title, subtitle and notes, and why there is nothing to show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.controls.vocabulary import Status, counted
from analyzer.evidence.answer import accounts_in_words, reference
from analyzer.reading.layout import Kind
from analyzer.rendering.pictures.canvas import MUTED, say_nothing, titled, write_line
from analyzer.rendering.pictures.words import is_of_users_only, is_or_are, is_unused_only, subtitle

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.figure import Figure

    from analyzer.evidence.summary import Summary

NOUNS: Final = {Kind.PASSWORD: "password", Kind.ACCESS_KEY: "access key"}
SHOWN_ACCOUNTS: Final = 15


def start_figure(audit: Summary, title: str, notes: Sequence[str] = (), *, unused_only: bool = False) -> Figure:
    """Return a figure with the finding as its title, below it what it is about, and notes at its foot.

    `unused_only`: it is about `unused-credentials` alone, whatever else was judged.
    """
    figure = titled(title, _subtitle(audit, unused_only=unused_only))
    if notes:
        write_line(figure, 0.035, " ".join(notes), color=MUTED, fontsize=9)
    return figure


def _subtitle(audit: Summary, *, unused_only: bool) -> str:
    """Return by which benchmark, as of when, and of whom."""
    checklist = audit.checklist
    parts = []
    if unused_only and checklist.unused and len(checklist.checks) > 1:
        number = checklist.unused.requirement
        shown = f" ({checklist.numbers_of.heading} {number})" if number else ""
        parts.append(f"{checklist.unused.control.id}{shown}")
    parts += [reference(audit), accounts_in_words(audit)]
    return subtitle(checklist, parts, without_root=unused_only or is_of_users_only(checklist))


def show_nothing(figure: Figure, audit: Summary, otherwise: str, *, unused_only: bool = False) -> Figure:
    """Say on the picture why there is nothing to show: `otherwise` where there are findings (see `start_figure`)."""
    if has_findings(audit, unused_only=unused_only):
        why = otherwise
    elif audit.rows == audit.root_rows:
        why = "There is no IAM user in these reports."
    elif unused_only or is_unused_only(audit.checklist):
        why = "No IAM user in the judged reports has an active password or access key."
    else:
        why = "There is nothing in the judged reports that these controls are about."
    return say_nothing(figure, why)


def has_findings(audit: Summary, *, unused_only: bool = False) -> bool:
    """Whether there are findings of any status."""
    return not audit.idle.empty if unused_only else any(audit.totals[status] for status in Status)


def limit_days(audit: Summary) -> int:
    """Return the limit of `unused-credentials`."""
    unused = audit.checklist.unused
    return unused.limit_days or 0 if unused else 0


def limit_in_words(audit: Summary) -> str:
    """Return the same as a text."""
    return counted(limit_days(audit), "day")


def counts_of_unused(audit: Summary) -> dict[str, int]:
    """Return the findings of `unused-credentials`, counted as `audit.totals` are; all 0 where it was not judged."""
    return audit.unused or dict.fromkeys(audit.totals, 0)


def undecided_too(counts: dict[str, int]) -> str:
    """Return what a title adds where verdicts are missing."""
    count = counts[Status.NOT_CHECKED]
    return f", {count:,} could not be decided" if count else ""


def waived_too(counts: dict[str, int]) -> list[str]:
    """Return the note on waivers where a picture does not tell them apart."""
    count = counts["waived"]
    return [f"{count:,} of those that fail or could not be decided {is_or_are(count)} waived."] if count else []


def waived_by(audit: Summary, status: Status) -> pd.DataFrame:
    """Return how many findings of `status` are waived, by check (rows) and account (columns) as in `audit.matrix`."""
    return audit.matrix[status] - audit.open_matrix[status]
