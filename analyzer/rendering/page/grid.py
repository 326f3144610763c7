"""The grid of a page: the results of controls, or of requirements, by account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from analyzer.controls.vocabulary import RequirementStatus, Status, counted
from analyzer.evidence.answer import columns_absent, not_checked_in
from analyzer.evidence.opening import NOT_JUDGED
from analyzer.evidence.root_passes import passes_without_mfa
from analyzer.rendering import waivers
from analyzer.rendering.page.content import link

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyzer.controls.checklist import Check
    from analyzer.evidence.requirements import ByAccount
    from analyzer.evidence.summary import Summary

_MOST_ACCOUNTS: Final = 15


def grid_of(summary: Summary) -> dict[str, Any]:
    """Return the grid of results by account: requirements if a framework was chosen, otherwise controls."""
    accounts = [str(account) for account in summary.by_account.index][:_MOST_ACCOUNTS]
    hidden_count = len(summary.accounts) - len(accounts)
    names = summary.account_names
    heads = [f"{account} {names[account]}" if account in names else account for account in accounts]
    hidden = (
        f" {counted(hidden_count, 'further account')} with fewer failures: see Accounts." if hidden_count > 0 else ""
    )
    common = {"accounts": heads, "numbers": summary.checklist.numbers_of.heading}
    if summary.requirements:
        return common | {
            "title": f"Requirements of {summary.checklist.numbers_of.label} by account",
            "what": "requirement",
            "heads": ["accounts in which it fails"],
            "note": f"Each cell shows the result of a requirement in an account.{hidden}",
            "rows": [_requirement_row(requirement, summary, accounts) for requirement in summary.requirements],
        }
    order, waived = summary.checklist.most_severe_first, summary.totals["waived"] > 0
    absent = f" {absence}." if (absence := columns_absent(summary)) else ""
    absent += f" {note}" if (note := passes_without_mfa(summary)) else ""
    return common | {
        "title": "Controls by account",
        "what": "control",
        "heads": ["severity", "fail", "not checked", "manual check", "pass", *([waivers.WAIVED] if waived else [])],
        "note": f"How often each control fails in each account. {_LEGEND}{_WAIVED if waived else ''}.{absent}{hidden}",
        "rows": [_control_row(position, summary, accounts) for position in order],
    }


_MANUAL: Final = "m"
_LEGEND: Final = f"?: some not checked; {_MANUAL}: a manual check; 0: all pass; a dash: nothing judged"
_WAIVED: Final = "; a number in brackets: waived only. The cells of accounts do not count waived checks"


def _control_row(position: int, summary: Summary, accounts: Sequence[str]) -> dict[str, Any]:
    check, counts = summary.checklist.checks[position], summary.by_control[position]
    chosen = {"control": check.control.id, **number_of(summary, check)}
    numbers: list[dict[str, str]] = [{"text": check.severity.value, "href": ""}]
    shown: dict[str, tuple[int, dict[str, str | list[str]]]] = {
        "fail": (counts["fail"], {"status": "fail"}),
        "not_checked": (not_checked_in(counts), {"status": "not_checked", "by_hand": "no"}),
        "manual": (counts["manual"], {"status": "not_checked", "by_hand": "yes"}),
        "pass": (counts["pass"], {"status": "pass"}),
    }
    if summary.totals["waived"]:
        shown["waived"] = (counts["waived"], {"waiver": list(map(str, summary.waivers["id"]))})
    numbers += [
        {
            "text": f"{count:,}" if counts["judged"] else NOT_JUDGED,
            "href": link("findings", **chosen, **criteria) if count else "",
        }
        for count, criteria in shown.values()
    ]
    cells = []
    for account in accounts:
        kind, text = _result(summary, position, account)
        account_id = "-" if account == "unknown" else account
        criteria = _ROWS_OF.get(kind)
        href = link("findings", **chosen, account_id=account_id, **criteria) if criteria else ""
        cells.append({"text": text, "href": href, "kind": kind})
    return {"number": check.requirement or "\N{EN DASH}", "title": check.control.id, "counts": numbers, "cells": cells}


_ROWS_OF: Final[Mapping[str, Mapping[str, str | list[str]]]] = {
    "fail": {"status": "fail", "waiver": "-"},
    "fail_partly": {"status": ["fail", "not_checked"], "by_hand": "no", "waiver": "-"},
    "not_checked": {"status": "not_checked", "by_hand": "no", "waiver": "-"},
    "manual": {"status": "not_checked", "by_hand": "yes"},
    "waived": {"status": ["fail", "not_checked"]},
}
"""The filter for the rows behind a cell, by its kind."""


def _result(summary: Summary, position: int, account: str) -> tuple[str, str]:
    """Return the kind and the text of the cell of a check and an account; waived checks are not counted."""
    fails, unsure = (
        int(summary.open_matrix[status][account].iloc[position]) for status in (Status.FAIL, Status.NOT_CHECKED)
    )
    manual = int(summary.manual_matrix[account].iloc[position])
    passes, *with_waived = (
        int(summary.matrix[status][account].iloc[position]) for status in (Status.PASS, Status.FAIL, Status.NOT_CHECKED)
    )
    waived = sum(with_waived) - fails - unsure
    if fails:
        return ("fail_partly", f"{fails:,}?") if unsure > manual else ("fail", f"{fails:,}")
    if unsure > manual:
        return "not_checked", "?"
    if manual:
        return "manual", _MANUAL
    if waived:
        return "waived", f"({waived:,})"
    return ("pass", "0") if passes else ("", NOT_JUDGED)


_SIGNS: Final = {
    RequirementStatus.FAIL: "fails",
    RequirementStatus.NOT_CHECKED: "?",
    RequirementStatus.MANUAL: "manual",
    RequirementStatus.PASS_PARTLY: "(ok)",
    RequirementStatus.PASS: "ok",
    RequirementStatus.NOT_APPLICABLE: "\N{EN DASH}",
}


def _requirement_row(requirement: ByAccount, summary: Summary, accounts: Sequence[str]) -> dict[str, Any]:
    column_of = {account: column for column, account in enumerate(summary.accounts)}
    codes = requirement.statuses[[column_of[account] for account in accounts]]
    results = [list(RequirementStatus)[code] for code in codes.tolist()]
    kinds = {RequirementStatus.NOT_APPLICABLE: ""}
    fails = requirement.accounts(RequirementStatus.FAIL)
    href = link("findings", control=requirement.controls, status="fail") if fails else ""
    return {
        "number": requirement.number,
        "title": f"{requirement.requirement.title}{requirement.requirement.mark}",
        "counts": [{"text": f"{fails:,}", "href": href}],
        "cells": [{"text": _SIGNS[result], "href": "", "kind": kinds.get(result, result.value)} for result in results],
    }


def number_of(summary: Summary, check: Check) -> dict[str, str]:
    """Return the filter that separates a check from other checks of its control; empty if it is the only one."""
    return {"requirement": check.requirement or "-"} if summary.checklist.has_several_of(check) else {}
