"""The content of the PDF of an audit."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.controls.vocabulary import REQUIREMENT_STATUS_IN_WORDS, Reason, RequirementStatus, Status, counted
from analyzer.evidence.answer import (
    columns_absent,
    further_to_do,
    incomplete,
    manual_checks,
    not_checked_in,
    own_limits,
    scope,
    settings_in_lines,
    to_do_first,
    unknown_age,
)
from analyzer.evidence.counted import without_manual
from analyzer.evidence.coverage import labels_of
from analyzer.evidence.inputs import role_in_words
from analyzer.evidence.opening import (
    NOT_JUDGED,
    completeness,
    controls_without_trend,
    figures,
    opening,
    trend_by_control,
)
from analyzer.evidence.root_passes import passes_without_mfa
from analyzer.evidence.trend import scope_of_trend
from analyzer.evidence.worst import Choice, positions_of, worst_rows
from analyzer.reading.columns import has_text, records
from analyzer.rendering import manual, waivers
from analyzer.rendering.pdf.content import Part, PdfContent, inputs, issues, pairs, short
from analyzer.rendering.sentences import accounts_failing, answer_in_sentences

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from analyzer.evidence.opened import EvidenceSet
    from analyzer.evidence.summary import Summary

_MOST_FAILURES: Final = 10
_MOST_UNUSED, _FEW_UNUSED = 25, 5
_MOST_UNDECIDED: Final = 25
_MOST_ACCOUNTS: Final = 10
_MOST_WAIVERS: Final = 20
_LONGEST_OF_WAIVER: Final = 1000


def content_of_audit(evidence: EvidenceSet, due_within: int) -> PdfContent:
    """Return the content of the PDF of an audit; `due_within` is the number of days for checks that will fail soon."""
    summary = evidence.summary
    checklist = summary.checklist
    alarm = incomplete(summary)
    lines = [line for line in answer_in_sentences(summary, due_within) if line != alarm]
    judged_by = f" Framework: {checklist.benchmark.title}." if checklist.benchmark else ""
    limits = manual.paragraphs("judging", "What a credential report cannot show")
    parts = [
        _first(summary),
        _failures(evidence),
        _unused(evidence),
        _undecided(evidence),
        _requirements(summary) if summary.requirements else _controls(summary),
        _trend(summary) if summary.trends else None,
        _accounts(summary),
        _waivers(summary),
        pairs("Completeness", completeness(summary), small=True),
        issues(summary.issue_counts),
        Part("What was judged", texts=settings_in_lines(summary), small=True),
        Part("Limits", texts=[text for text in (own_limits(checklist.checks), *limits) if text], small=True),
        inputs(
            records(summary.inputs[["name", "sha256", "captured_at", "captured_from", "accounts"]]),
            partial(role_in_words, as_of=summary.settings.as_of),
        ),
    ]
    return PdfContent(
        title="Credential report audit",
        subtitle=f"{' '.join(filter(None, [scope(summary), unknown_age(summary)]))}{judged_by}",
        alarm=alarm,
        answer=opening(summary),
        lines=lines,
        figures=figures(summary),
        parts=[part for part in parts if part is not None],
    )


def _first(summary: Summary) -> Part | None:
    """Return the most severe controls that fail, and what to do about them."""
    checks = summary.checklist.checks
    rows: list[list[str | int]] = [
        [
            checks[position].severity.value,
            checks[position].control.id,
            checks[position].requirement or "-",
            fails,
            accounts_failing(summary, position),
            checks[position].control.remediation,
        ]
        for position, fails in to_do_first(summary).items()
    ]
    number = summary.checklist.numbers_of.heading
    heads = ("severity", "control", number, "failures", "accounts", "remediation")
    texts = [further] if (further := further_to_do(summary)) else []
    return Part("What to do first", heads, rows, (0, 0, 0, 0, 2, 6), texts) if rows else None


def _failures(evidence: EvidenceSet) -> Part | None:
    """Return the most severe failures, one row each; None without failures."""
    summary = evidence.summary
    failures = [
        row
        for row in worst_rows(evidence, summary.checklist, _MOST_FAILURES).to_pylist()
        if row["status"] == Status.FAIL and row["waiver"] is None
    ]
    labels = labels_of(summary.coverage)
    rows: list[list[str | int]] = [
        [
            row["severity"],
            row["control"],
            *_account_and_user(row, labels),
            short(row["message"]),
        ]
        for row in failures
    ]
    count = sum(summary.open_by_check[position][Status.FAIL] for position in range(len(summary.checklist.checks)))
    note = [f"{count - len(rows):,} further failures are in findings.parquet and the workbook."]
    heads = ("severity", "control", "account", "user", "why")
    texts = note if count > len(rows) else []
    return Part("The most severe failures", heads, rows, (0, 0, 2, 2, 5), texts, small=True) if rows else None


def _unused(evidence: EvidenceSet) -> Part | None:
    """Return the failures of `unused-credentials`, the longest idle first, waived ones marked; None without any."""
    summary = evidence.summary
    unused, position = summary.checklist.unused, summary.checklist.unused_position
    if unused is None:
        return None

    def is_unused(batch: pa.Table) -> npt.NDArray[np.bool_]:
        fails: npt.NDArray[np.bool_] = has_text(batch["status"], (Status.FAIL,))
        of_unused: npt.NDArray[np.bool_] = positions_of(batch, summary.checklist.positions) == position
        return fails & of_unused

    where = Choice(("control", "requirement", "status"), is_unused)
    failure_count = summary.by_control[position][Status.FAIL]
    # A list that is cut anyway is cut short: a few pages are to be enough.
    most = _MOST_UNUSED if failure_count <= _MOST_UNUSED else _FEW_UNUSED
    failures = worst_rows(evidence, summary.checklist, most, where=where)
    labels = labels_of(summary.coverage)
    rows: list[list[str | int]] = [
        [
            *_account_and_user(row, labels),
            row["credential"] or "",
            f"{'' if row['waiver'] is None else 'waived: '}{short(row['message'])}",
        ]
        for row in failures.to_pylist()
    ]
    further = failure_count - len(rows)
    verb = "is" if further == 1 else "are"
    note = f"{counted(further, 'further failure')} of unused-credentials {verb} in findings.parquet and the workbook."
    heads = ("account", "user", "credential", "why")
    texts = [note] if further else []
    return Part("Unused credentials", heads, rows, (0, 3, 0, 5), texts, small=True) if rows else None


def _undecided(evidence: EvidenceSet) -> Part | None:
    """Return the checks that are not checked, without manual and waived ones, and what to request; None without any."""
    summary = evidence.summary
    counting = list(summary.checklist.summed)

    def is_undecided(batch: pa.Table) -> npt.NDArray[np.bool_]:
        undecided: npt.NDArray[np.bool_] = has_text(batch["status"], (Status.NOT_CHECKED,))
        undecided = undecided & ~has_text(batch["reason"], (Reason.MANUAL,)) & batch["waiver"].is_null().to_numpy()
        counts: npt.NDArray[np.bool_] = undecided & np.isin(positions_of(batch, summary.checklist.positions), counting)
        return counts

    where = Choice(("control", "requirement", "status", "reason", "waiver"), is_undecided)
    labels = labels_of(summary.coverage)
    rows: list[list[str | int]] = [
        [
            *_account_and_user(row, labels),
            "-" if row["credential"] == "user" else row["credential"],
            row["control"],
            short(row["message"]),
        ]
        for row in worst_rows(evidence, summary.checklist, _MOST_UNDECIDED, where=where).to_pylist()
    ]
    further = sum(map(summary.undecided_of, counting)) - len(rows)
    where_others = (
        f" {counted(further, 'further check')} could not be decided: findings.parquet, and the sheet Findings of the "
        f"workbook (status {Status.NOT_CHECKED.value})."
    )
    by_hand = manual_checks(summary)
    texts = [f"{_REQUEST}{where_others if further else ''}", *([f"A person must make {by_hand}"] if by_hand else [])]
    heads = ("account", "user", "credential", "control", "why")
    return Part("Could not be decided", heads, rows, (0, 3, 0, 0, 5), texts, small=True) if rows else None


_REQUEST: Final = (
    "These are neither passes nor failures. Request a new credential report of each of these accounts, and run the "
    "audit again with it."
)


def _account_and_user(row: dict[str, Any], labels: dict[str, str]) -> tuple[str, str]:
    return short(_account_with_label(row["account_id"] or "unknown", labels)), short(row["user"] or "")


def _account_with_label(account: str, labels: dict[str, str]) -> str:
    return f"{account} {labels[account]}" if account in labels else account


def _requirements(summary: Summary) -> Part:
    """Return for each requirement the number of accounts by result."""
    requirements, framework = summary.requirements, summary.checklist.numbers_of
    occurring = [
        status for status in RequirementStatus if any(requirement.accounts(status) for requirement in requirements)
    ]
    rows: list[list[str | int]] = [
        [
            requirement.number,
            f"{requirement.requirement.title}{requirement.requirement.mark}",
            *(requirement.accounts(status) for status in occurring),
        ]
        for requirement in requirements
    ]
    words = [REQUIREMENT_STATUS_IN_WORDS[status] for status in occurring]
    heads = (framework.heading_beside_titles, "requirement", *words)
    title = f"Requirements of {framework.label}: number of accounts by result"
    return Part(title, heads, rows, (0, 4, *(1 for _ in occurring)))


def _controls(summary: Summary) -> Part:
    """Return for each control the number of checks by result, the most severe controls first."""
    rows: list[list[str | int]] = []
    waived = [waivers.WAIVED] if summary.totals["waived"] else []
    for position in summary.checklist.most_severe_first:
        check, counts = summary.checklist.checks[position], summary.by_control[position]
        numbers = [counts["fail"], not_checked_in(counts), counts["manual"], counts["pass"]]
        numbers += [counts["waived"] for _ in waived]
        names = [check.severity.value, check.control.id, check.requirement or "-", check.title]
        rows.append([*names, *(numbers if counts["judged"] else [NOT_JUDGED] * len(numbers))])
    heads = (
        *("severity", "control", summary.checklist.numbers_of.heading, ""),
        *("fail", "not checked", "manual check", "pass", *waived),
    )
    texts = [f"{absence}."] if (absence := columns_absent(summary)) else []
    texts += [note] if (note := passes_without_mfa(summary)) else []
    widths = (0, 0, 0, 9, 1, 2, 2, 1, *(4 for _ in waived))
    return Part("Controls: number of checks by result", heads, rows, widths, texts, small=True)


def _trend(summary: Summary) -> Part:
    """Return the changes since the snapshots before, by control."""
    heads, trend_rows = trend_by_control(summary)
    without = controls_without_trend(summary)
    rows: list[list[str | int]] = [row for row in trend_rows if any(row[1:]) and row[0] not in without]
    unchanged = [str(row[0]) for row in trend_rows if not any(row[1:])]
    texts = [scope_of_trend(summary)]
    texts += [f"No failures in these accounts before or now: {', '.join(unchanged)}."] if unchanged else []
    texts += [f"Nothing judged: {', '.join(without)}."] if without else []
    return Part("Changes since the snapshots before", heads, rows, (1, 0, 0, 0, 0, 0), texts, small=True)


def _accounts(summary: Summary) -> Part | None:
    """Return the accounts with the most failures; None for fewer than two accounts."""
    counts, labels = without_manual(summary), labels_of(summary.coverage)
    if len(counts) < 2:
        return None
    heads = {"fail": "fail", "not_checked": "not checked", "manual": "manual check", "pass": "pass"}
    heads["waived"] = waivers.WAIVED
    names = [name for name in heads if name not in {"manual", "waived"} or summary.totals[name]]
    shown = counts.head(_MOST_ACCOUNTS)
    rows: list[list[str | int]] = [
        [short(_account_with_label(str(account), labels)), *(int(value) for value in row)]
        for account, row in zip(shown.index, shown[names].to_numpy(), strict=True)
    ]
    hidden_count = len(counts) - len(rows)
    texts = [f"{counted(hidden_count, 'further account')} with fewer failures."] if hidden_count else []
    titles = ("account", *(heads[name] for name in names))
    widths = (8, *(5 if name == "waived" else 3 for name in names))
    return Part("Accounts with the most failures", titles, rows, widths, texts, small=True)


def _waivers(summary: Summary) -> Part | None:
    """Return the waivers of the policy; None without waivers."""
    accepted = waivers.accepted(summary)
    rows: list[list[str | int]] = [
        [
            short(cell, _LONGEST_OF_WAIVER) if isinstance(cell, str) else cell
            for cell in (row[name] for name in waivers.HEADS)
        ]
        for row in accepted[:_MOST_WAIVERS]
    ]
    hidden_count = len(accepted) - len(rows)
    texts = [f"{counted(hidden_count, 'further waiver')}: see the sheet Waivers."] if hidden_count else []
    texts += [by_hand] if (by_hand := waivers.manual_in_words(summary)) else []
    widths = (3, 5, 6, 4, 3, 0, 0, 0)
    heads = tuple(waivers.HEADS.values())
    return Part(waivers.TITLE, heads, rows, widths, texts, small=True, longest_word=12) if rows else None
