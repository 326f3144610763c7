"""The content of the PDF of a history or a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.controls.vocabulary import counted
from analyzer.evidence.answer import incomplete
from analyzer.evidence.opening import Figure
from analyzer.evidence.schema import NEW_FAILURES
from analyzer.evidence.survival import days_in_words
from analyzer.rendering.pdf.content import Content, Part, inputs, issues

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyzer.evidence.comparison import Comparison
    from analyzer.evidence.history import History
    from analyzer.evidence.opened import EvidenceSet

_MOST_FAILURES: Final = 20


def content_of_tracking(evidence: EvidenceSet) -> Content:
    """Return the content of the PDF of a history or a comparison."""
    tracking: History | Comparison
    if evidence.kind == "history":
        tracking = evidence.history
        first_part, figures = _measures(tracking), _figures_of_history(tracking)
    else:
        tracking = evidence.comparison
        first_part, figures = _new_failures(tracking), _figures_of_comparison(tracking)
    alarm = incomplete(tracking)
    answer, *lines = [line for line in tracking.lines if line != alarm]
    parts = [
        first_part,
        issues(tracking.issue_counts),
        Part("Method", texts=tracking.method),
        inputs(tracking.inputs),
    ]
    return Content(tracking.title, "", alarm, answer, lines, figures, [part for part in parts if part is not None])


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
    return _figures(counts, labels)


def _figures_of_comparison(comparison: Comparison) -> list[Figure]:
    labels = {
        "new_failure": "new failures",
        "regressed": "regressed",
        "fixed": "fixed",
        "still_failing": "still failing",
        "not_known": "undecided",
    }
    return _figures({name: comparison.counts.get(name, 0) for name in labels}, labels)


def _figures(counts: Mapping[str, int], labels: Mapping[str, str]) -> list[Figure]:
    good = {"closed", "fixed", "manual"}
    return [
        Figure(name, f"{counts[name]:,}", label, is_bad=counts[name] > 0 and name not in good)
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
    texts = [] if rows else ["No control has failed."]
    return Part("By control", heads if rows else (), rows, (0, 0, 0, 0, 0, 0, 0, 1), texts)


def _new_failures(comparison: Comparison) -> Part:
    """Return the first new failures, and the number of further ones."""
    events = comparison.summed
    new = events[events["event"].isin(list(NEW_FAILURES)).to_numpy()]
    columns = ("control", "severity", "account_id", "user", "event")
    shown = new[list(columns)].head(_MOST_FAILURES).astype(object)
    rows = shown.where(shown.notna(), "").to_numpy().tolist()
    further_count = len(new) - len(rows)
    texts = [f"{counted(further_count, 'further failure')}: see events.parquet."] if further_count else []
    texts = texts if rows else ["No new failures."]
    return Part("New failures", columns if rows else (), rows, (0, 0, 0, 1, 0), texts)
