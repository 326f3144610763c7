"""The content of the page of an audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from analyzer.controls.vocabulary import counted
from analyzer.evidence.account_labels import AccountLabels
from analyzer.evidence.answer import (
    further_to_do,
    incomplete,
    no_framework,
    not_checked_in,
    scope,
    spoken,
    to_do_first,
    unknown_age,
)
from analyzer.evidence.counted import without_manual
from analyzer.evidence.exit_reason import exit_reason
from analyzer.evidence.opening import figures, opening
from analyzer.evidence.worst import first_rows, most_serious_first, worst_rows
from analyzer.rendering import waivers
from analyzer.rendering.page.content import Linked, Note, PageTable, help_sections, link, with_tables
from analyzer.rendering.page.grid import grid_of, number_of
from analyzer.rendering.page.people_rows import comparison_lines, people_tables
from analyzer.rendering.page.rows import CELLS, LABELS, findings_with_rows, users_for_page
from analyzer.rendering.page.trend_rows import trend_tables
from analyzer.rendering.sentences import accounts_failing, answer_in_sentences, reason_alone

if TYPE_CHECKING:
    from analyzer.controls.checklist import Check
    from analyzer.evidence.opened import EvidenceSet
    from analyzer.evidence.summary import Summary
    from analyzer.rendering.page.content import PageContent

MOST_ROWS: Final = 100_000
"""The most rows of a table that a page holds."""
_MOST_ISSUES: Final = 10_000
_FINDINGS: Final = (
    *("status", "severity", "control", "requirement", "account_id", "account_name", "account_owner", "user"),
    *("credential", "message", "source"),
)
_FINDING_FILTERS: Final = ("status", "severity", "control", "account_id", "account_owner", "waiver", "reason")
_USERS: Final = (
    *("account_id", "account_name", "account_owner", "user", "open", "severity", "open_controls", "last_activity"),
    "source",
)


def content_of_audit(evidence: EvidenceSet, due_within: int) -> PageContent:
    """Return the content of the page of an audit; `due_within` is the number of days for checks that will fail soon."""
    summary = evidence.summary
    findings = worst_rows(evidence, summary.checklist, MOST_ROWS)
    users, row_of = users_for_page(evidence, findings, MOST_ROWS)
    findings = findings_with_rows(findings, row_of)
    shown: dict[str, Any] = {
        "title": "Credential report audit",
        "answer": opening(summary),
        "alarm": incomplete(summary),
        "lines": _lines(summary, due_within),
        "scope": " ".join(filter(None, [scope(summary), *summary.settings.names_in_words, unknown_age(summary)])),
        "figures": _figures(summary),
        "first": _first(summary),
        "further": further_to_do(summary),
        "grid": grid_of(summary),
        "bars": _bars(summary),
        "notes": _notes(summary),
    }
    tables = _tables(evidence, findings, users)
    shown["parts"] = [
        *([{"id": "first", "title": "What to do first"}] if shown["first"] else []),
        {"id": "grid", "title": shown["grid"]["title"]},
        *({"id": table.name, "title": _SHORT.get(table.name, table.title)} for table in tables),
        *({"id": note.id, "title": note.title} for note in shown["notes"]),
    ]
    controls = {check.control.id: _control(check) for check in summary.checklist.checks}
    return with_tables(shown, tables, {"controls": controls})


def _control(check: Check) -> dict[str, str]:
    return {
        "title": check.title,
        "fails_when": check.say(check.control.fails_when),
        "remediation": check.control.remediation,
    }


# --- the answer ------------------------------------------------------------------------------------------------------


def _lines(summary: Summary, due_within: int) -> list[list[Linked]]:
    lines = [line for line in answer_in_sentences(summary, due_within) if line != incomplete(summary)]
    in_parts = {"".join(part.text for part in parts): parts for parts in comparison_lines(summary)}
    return [in_parts.get(line, [Linked(line, "")]) for line in [*lines, reason_alone(exit_reason(summary))]]


def _figures(summary: Summary) -> list[dict[str, Any]]:
    """Return the numbers at the top of the page, each with a link to its rows."""
    unused = summary.checklist.unused
    targets = {
        "accounts": "#accounts?",
        "unused": link("findings", control=unused.control.id, status="fail", **number_of(summary, unused))
        if unused
        else "",
        "users": link("users", open=">0", is_root="false"),
        "critical": link("findings", severity="critical", status="fail", waiver="-", **_summed(summary)),
        "undecided": link("findings", status="not_checked", by_hand="no", waiver="-", **_summed(summary)),
        "leavers": link("findings", control="leaver-credentials", status="fail"),
    }
    return [figure._asdict() | {"href": targets[figure.name]} for figure in figures(summary)]


def _summed(summary: Summary) -> dict[str, list[str]]:
    """Return the filter for the checks that sums count; empty if sums count all checks."""
    checklist = summary.checklist
    if not checklist.not_summed:
        return {}
    checks = [checklist.checks[position] for position in checklist.summed]
    numbers = {"requirement": [check.requirement or "-" for check in checks]} if checklist.repeated else {}
    return {"control": [check.control.id for check in checks], **numbers}


def _first(summary: Summary) -> list[dict[str, str]]:
    """Return the most severe controls that fail, and what to do about them."""
    checks = summary.checklist.checks
    return [
        {
            "control": checks[position].control.id,
            "severity": checks[position].severity.value,
            "fails": counted(fails, "open failure"),
            "accounts": accounts_failing(summary, position),
            "remediation": checks[position].control.remediation,
            "href": link("findings", control=checks[position].control.id, status="fail", waiver="-"),
        }
        for position, fails in to_do_first(summary).items()
    ]


# --- the bars ---------------------------------------------------------------------------------------------------------

_LEFT, _WIDE, _ROW = 250, 620, 22
_KEY: Final = {
    "fail": ("bar-fail", "fails"),
    "not_checked": ("bar-unsure", "not checked"),
    "pass": ("bar-pass", "passes"),
    "manual": ("bar-person", "manual check"),
}


def _bars(summary: Summary) -> dict[str, Any] | None:
    """Return a bar for each control with the shares of its results, the most severe first; None without bars."""
    rows: list[dict[str, Any]] = []
    used = set()
    for position in summary.checklist.most_severe_first:
        check, counts = summary.checklist.checks[position], summary.by_control[position]
        if not counts["judged"]:
            continue
        numbers = {
            "fail": counts["fail"],
            "not_checked": not_checked_in(counts),
            "pass": counts["pass"],
            "manual": counts["manual"],
        }
        x, parts = float(_LEFT), []
        for name, count in numbers.items():
            if count:
                width = _WIDE * count / counts["judged"]
                kind, words = _KEY[name]
                label = f"{check.control.id}: {count:,} of {counts['judged']:,}, {words}"
                parts.append({"x": round(x, 2), "width": round(width, 2), "kind": kind, "words": label})
                x += width
                used.add(name)
        note = f"{counts['fail']:,} of {counts['judged']:,} fail"
        rows.append(
            {
                "control": check.control.id,
                "y": len(rows) * _ROW,
                "parts": parts,
                "end": _LEFT + _WIDE + 10,
                "note": note,
            }
        )
    if not rows:
        return None
    words = "; ".join(f"{row['control']}: {row['note']}" for row in rows)
    key = [{"kind": kind, "title": title} for name, (kind, title) in _KEY.items() if name in used]
    return {"rows": rows, "height": len(rows) * _ROW + 4, "words": words, "key": key}


# --- tables ----------------------------------------------------------------------------------------------------------


_SHORT: Final = {"waivers": "Waivers"}
"""The titles of tables in the list of the parts of the page, where they are shorter."""


def _tables(evidence: EvidenceSet, findings: pa.Table, users: pa.Table) -> list[PageTable]:
    summary = evidence.summary
    labels = AccountLabels(summary)
    issues = first_rows(evidence, "issues", _MOST_ISSUES, most_serious_first())
    return [
        PageTable(
            "findings",
            "Findings",
            labels.beside(findings),
            _FINDINGS,
            _FINDING_FILTERS,
            LABELS,
            _cut(evidence.rows("findings"), len(findings), "findings", "the most severe first"),
            "findings.parquet",
        ),
        PageTable(
            "users",
            "Users",
            labels.beside(users),
            _USERS,
            ("account_id", "account_owner", "severity", "is_root"),
            {**LABELS, **CELLS},
            _cut(evidence.rows("users"), len(users), "users", "users with open checks first"),
            "users.parquet",
        ),
        PageTable(
            "accounts",
            "Accounts",
            _accounts(summary),
            _ACCOUNTS,
            ("owner", "received"),
            {**LABELS, "waived": waivers.WAIVED},
            file="manifest.json",
        ),
        *trend_tables(summary),
        *people_tables(evidence, labels, MOST_ROWS, _cut),
        *_waivers(summary),
        PageTable(
            "issues",
            "Data issues",
            issues,
            ("source", "line", "column", "value", "code", "message"),
            ("code",),
            LABELS,
            _cut(evidence.rows("issues"), len(issues), "issues", "the most serious first"),
            "issues.parquet",
        ),
        PageTable("inputs", "Inputs", _inputs(summary), _INPUTS, ("judged",), LABELS, file="manifest.json"),
    ]


def _cut(row_count: int, shown: int, table: str, order: str) -> str:
    """Return the note on rows that are not on the page; an empty text if all are."""
    if row_count <= shown:
        return ""
    return (
        f"This page has {shown:,} rows, {order}; {row_count - shown:,} further rows are in {table}.parquet beside it."
    )


_COUNTS: Final = ("fail", "not_checked", "waived", "open", "manual", "pass")
_ACCOUNTS: Final = ("account_id", "name", "owner", "received", *_COUNTS)


def _accounts(summary: Summary) -> pa.Table:
    """Return the judged accounts, those with the most failures first, then the accounts without a judged report.

    Failures and checks not checked, without the waived ones, are the open ones. Manual checks are apart.
    """
    counts = without_manual(summary)
    columns: dict[str, list[Any]] = {"account_id": [str(account) for account in counts.index]}
    names = [name for name in _COUNTS if name != "manual" or summary.totals[name]]
    for name in names:
        columns[name] = counts[name].tolist()
    judged = set(columns["account_id"])
    listed = {} if summary.coverage is None else {row["account_id"]: row for row in summary.coverage.to_pylist()}
    for account in listed.keys() - judged:
        columns["account_id"].append(account or "unknown")
        for name in names:
            columns[name].append(None)
    if listed:
        for name, column in (("name", "name"), ("owner", "owner"), ("received", "status")):
            columns[name] = [listed.get(account, {}).get(column) for account in columns["account_id"]]
    kinds = {"account_id": pa.string(), "name": pa.string(), "owner": pa.string(), "received": pa.string()}
    return pa.table({name: pa.array(values, kinds.get(name, pa.int64())) for name, values in columns.items()})


def _waivers(summary: Summary) -> list[PageTable]:
    """Return the table of waivers, if the policy has any."""
    if not (accepted := waivers.accepted(summary)):
        return []
    kinds = {name: pa.int64() if name == "checks" else pa.string() for name in waivers.HEADS}
    rows = pa.Table.from_pylist(accepted, pa.schema(kinds))
    by_hand = waivers.manual_in_words(summary)
    return [
        PageTable(
            "waivers", waivers.TITLE, rows, list(kinds), ("state",), waivers.HEADS, note=by_hand, file="manifest.json"
        )
    ]


_INPUTS: Final = ("name", "sha256", "bytes", "rows", "rejected", "account_id", "captured_at", "captured_from", "judged")


def _inputs(summary: Summary) -> pa.Table:
    table = pa.Table.from_pandas(summary.inputs[list(_INPUTS)], preserve_index=False).replace_schema_metadata(None)
    return table.slice(0, MOST_ROWS)


def _notes(summary: Summary) -> list[Note]:
    """Return the settings and the method of the audit, and the sections that explain the page."""
    settings, checklist = summary.settings, summary.checklist
    judged = [
        ("Reference date", spoken(settings.as_of) if settings.as_of else "each report at its own capture time"),
        ("Framework", checklist.benchmark.title if checklist.benchmark else no_framework(checklist)),
        ("Policy", f"{checklist.policy.name}, sha256 {checklist.policy.sha256}" if checklist.policy else "none"),
        ("Changed settings", ", ".join(checklist.changes) or "none"),
        ("Switched off", ", ".join(checklist.left_out) or "none"),
    ]
    method = [
        (check.control.id, f"Judges {check.control.applies_to}. Fails when {check.say(check.control.fails_when)}.")
        for check in checklist.checks
    ]
    return [Note("method", "Method", pairs=[*judged, *method]), *help_sections()]
