"""The content of the PDF of a history or a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.controls.vocabulary import counted
from analyzer.evidence.answer import incomplete
from analyzer.evidence.comparison import closing_in_a_cell, event_in_words, most_severe_first
from analyzer.evidence.opening import Figure
from analyzer.evidence.schema import NEW_FAILURES
from analyzer.evidence.survival import days_in_words
from analyzer.reading.columns import records
from analyzer.rendering.pdf.content import Part, PdfContent, inputs, issues, short

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from analyzer.evidence.comparison import Comparison
    from analyzer.evidence.history import History
    from analyzer.evidence.opened import EvidenceSet
    from analyzer.rendering.pdf.content import Cell

_MOST_FAILURES: Final = 20


def content_of_tracking(evidence: EvidenceSet) -> PdfContent:
    """Return the content of the PDF of a history or a comparison."""
    tracking: History | Comparison
    if evidence.kind == "history":
        tracking = evidence.history
        first_parts, figures, subtitle = [_measures(tracking)], _figures_of_history(tracking), ""
    else:
        tracking = evidence.comparison
        first_parts = _failures(tracking) if tracking.is_judged else []
        figures = _figures_of_comparison(tracking)
        subtitle = tracking.dates
    alarm = incomplete(tracking)
    answer, *lines = [line for line in tracking.lines if line != alarm]
    parts = [
        *first_parts,
        issues(tracking.issue_counts),
        Part("Method", texts=tracking.method),
        inputs(tracking.inputs),
    ]
    shown = [part for part in parts if part is not None]
    return PdfContent(tracking.title, subtitle, alarm, answer, lines, figures, shown)


def _figures_of_history(history: History) -> list[Figure]:
    checks = history.settings.checklist.summed
    counts = {
        name: sum(history.measures[position][name] for position in checks)
        for name in ("open", "closed", "reopened", "lost_sight", "not_checked", "manual")
    }
    counts["not_checked"] -= counts["manual"]
    labels = {
        "open": "open failures",
        "closed": "closed",
        "reopened": "regressed",
        "lost_sight": "lost to follow-up, not counted as fixed",
        "not_checked": "not checked",
    }
    labels |= {"manual": "manual checks"} if counts["manual"] else {}
    return _figures(counts, labels, is_judged=any(map(history.is_judged, history.measures)))


def _figures_of_comparison(comparison: Comparison) -> list[Figure]:
    labels = {
        "new_failure": comparison.words_for("new_failure").replace("failure", "failures"),
        "regressed": "regressed",
        "fixed": "fixed",
        "still_failing": "still failing",
        "not_known": "undecided",
    }
    return _figures({name: comparison.counts.get(name, 0) for name in labels}, labels, is_judged=comparison.is_judged)


def _figures(counts: Mapping[str, int], labels: Mapping[str, str], *, is_judged: bool) -> list[Figure]:
    """Return the figures: the counts, or dashes if nothing was judged."""
    good = {"closed", "fixed", "manual"}
    return [
        Figure(name, f"{counts[name]:,}" if is_judged else "-", label, is_bad=counts[name] > 0 and name not in good)
        for name, label in labels.items()
    ]


def _measures(history: History) -> Part:
    """Return for each control the numbers of its failures by state, and how long they were open."""
    names = ("open", "waived", "closed", "lost_sight", "reopened")
    rows: list[list[str | int]] = [
        [
            *(row[name] or "" for name in ("control", "requirement")),
            *(row[name] for name in names),
            days_in_words(row["median_days_min"], row["median_days_max"]),
        ]
        for row in history.measures
        if any(row[name] for name in names)
    ]
    heads = (
        "control",
        "requirement",
        "open",
        "waived",
        "closed",
        "lost to follow-up",
        "regressed",
        "half closed in",
    )
    unjudged = [row for row in history.measures if not history.is_judged(row)]
    rows += [[row["control"], row["requirement"] or "", *("-" for _ in names), "-"] for row in unjudged]
    texts = [] if rows else ["No control has failed."]
    return Part("By control", heads if rows else (), rows, (0, 0, 0, 0, 0, 0, 0, 1), texts)


def _failures(comparison: Comparison) -> list[Part]:
    """Return the new failures, waived ones marked, and the fixed ones with how they were fixed."""
    events = comparison.summed
    new = events[events["event"].isin(list(NEW_FAILURES)).to_numpy()]
    return [
        _listed("New failures", comparison.explained(new), ("event", event_in_words), "why"),
        _listed("Fixed failures", comparison.fixed, ("how", closing_in_a_cell), "why it failed before"),
    ]


def _listed(title: str, events: pd.DataFrame, state: tuple[str, Callable[[str], str]], why: str) -> Part:
    """Return events of failures, the most severe first, and how many further ones there are.

    `state` is the column that says what happened, with the function that puts it into words. `why` is the heading of
    the messages.
    """
    if events.empty:
        return Part(title, texts=[f"No {title.lower()}."])
    name, in_words = state
    shown = most_severe_first(events).head(_MOST_FAILURES)
    rows: list[list[Cell]] = [
        [
            row["severity"],
            row["control"],
            row["account_id"] or "unknown",
            short(row["user"] or ""),
            "-" if row["credential"] == "user" else row["credential"],
            in_words(row[name]),
            f"{'' if row['waiver'] is None else 'waived: '}{short(row['message'])}",
        ]
        for row in records(shown)
    ]
    further = len(events) - len(rows)
    note = (
        f"{counted(further, 'further failure')} {'is' if further == 1 else 'are'} in events.parquet and the workbook."
    )
    heads = ("severity", "control", "account", "user", "credential", name, why)
    return Part(title, heads, rows, (0, 0, 0, 3, 0, 2, 4), [note] if further else [], small=True)
