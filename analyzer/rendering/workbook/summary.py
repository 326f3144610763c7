"""The sheet Summary: the answer, its completeness, the counts, what to do first, and what was judged."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from analyzer.controls.vocabulary import counted, span
from analyzer.evidence import opening
from analyzer.evidence.answer import own_limits, scope, spoken, unknown_age
from analyzer.evidence.due import due_by_check
from analyzer.evidence.exit_reason import exit_reason
from analyzer.evidence.people import comparisons
from analyzer.evidence.trend import scope_of_trend
from analyzer.reading.issues import CODES
from analyzer.rendering.sentences import answer_in_sentences, reason_alone
from analyzer.rendering.workbook import live, totals
from analyzer.rendering.workbook.accounts import SHEET as ACCOUNTS
from analyzer.rendering.workbook.accounts import in_words, sums_of_accounts
from analyzer.rendering.workbook.exceptions import undecided_in_words
from analyzer.rendering.workbook.measuring import LINE_HEIGHT, height
from analyzer.rendering.workbook.page import Page

if TYPE_CHECKING:
    from analyzer.evidence.account_labels import AccountLabels
    from analyzer.evidence.summary import Summary
    from analyzer.rendering.workbook.engine import Book
    from analyzer.rendering.workbook.page import Value
    from analyzer.rendering.workbook.totals import ShownSheets

TITLE: Final = "Credential report audit"
_WIDTHS: Final = (30, 20, *(15 for _ in range(7)))
_LEAD_WIDTH: Final = sum(_WIDTHS) * 3 // 4
"""The number of the larger characters of the answer that fit in a line across all columns."""
_LINE_WIDTH: Final = sum(_WIDTHS) * 9 // 10
_MOST_ACCOUNTS: Final = 10
_LEFT_OUT: Final = (
    "Rows that are not in this workbook (up to {:,} per sheet). Counts that need them are fixed numbers, not formulas"
)


def summary_sheet(book: Book, summary: Summary, shown: ShownSheets, due_within: int, labels: AccountLabels) -> None:
    """Write the sheet Summary; `due_within` is the number of days for checks that will fail soon."""
    page = Page(book, book.sheet("Summary"), _WIDTHS)
    _answer(page, summary, shown, due_within)
    page.pairs("Completeness", _completeness(summary, shown))
    _reference(page, summary, shown)
    if summary.requirements:
        totals.requirements(page, summary, shown)
    first = totals.controls(page, summary, shown)
    totals.what_to_do_first(page, summary, shown)
    totals.chart(page, summary, first)
    if summary.checklist.unused:
        totals.population(page, summary, shown)
    if summary.trends:
        page.table("Changes since the snapshots before, by control (sheet Trend)", *opening.trend_by_control(summary))
        page.line(scope_of_trend(summary), page.book.styles.wrapped, _LINE_WIDTH)
    if due := _due(summary, due_within):
        title = f"Will fail within {counted(due_within, 'day')} if nothing changes (sheet Findings, column fails_at)"
        page.table(title, ["control", summary.checklist.numbers_of.heading, "checks"], due)
    page.pairs("What was judged", _facts(summary))
    if left_out := [
        (f"Sheet {table_sheet.name}", f"{table_sheet.left_out:,} rows")
        for table_sheet in shown.sheets.values()
        if table_sheet.left_out
    ]:
        page.pairs(_LEFT_OUT.format(shown.most_rows), left_out)
    issues: list[list[Value]] = [
        [code, shown.count(count, "Issues", code=code), CODES[code].of(count)]
        for code, count in summary.issue_counts.items()
    ]
    page.table("Data issues, most serious first (sheet Issues)", ["code", "count", ""], issues)
    _accounts(page, summary, labels)


def _answer(page: Page, summary: Summary, shown: ShownSheets, due_within: int) -> None:
    """Write the title, the answer in sentences, and a note for readers who change the reference date or a limit."""
    page.sheet.set_row(0, 24)
    title = TITLE if summary.part is None else f"{TITLE}: accounts of {summary.part.owner}"
    page.sheet.write_string(0, 0, title, page.book.styles.title)
    page.row = 1
    # The exit code belongs to the whole audit, not to the accounts of one owner.
    lead = answer_in_sentences(summary, due_within)
    if summary.part is None:
        lead.append(reason_alone(exit_reason(summary)))
    page.line("\n".join(lead), page.book.styles.lead, _LEAD_WIDTH, LINE_HEIGHT + 2)
    _of_the_run(page, summary, shown)
    part = summary.part
    shared = (
        _SHARED.format(f"{part.shared:,} {'report is' if part.shared == 1 else 'reports are'} shared")
        if part and part.shared
        else ""
    )
    undecided = undecided_in_words(summary)
    not_noted = f"Not among the exceptions noted: {undecided}" if undecided else ""
    settings = (scope(summary), *summary.settings.names_in_words, unknown_age(summary))
    for text in filter(None, (shared, not_noted, *settings)):
        page.line(text, page.book.styles.wrapped, _LINE_WIDTH)
    page.row += 1


_OF_THE_RUN: Final = "The sentences above are of the reference date and the limits of the run. "
_RECALCULATED: Final = "The figures by control and by kind of credential, below, are recalculated."
_NOT_RECALCULATED: Final = "The sheet Findings is recalculated, but no figure below, because rows are left out."


def _of_the_run(page: Page, summary: Summary, shown: ShownSheets) -> None:
    """Write a note below the answer: empty until a reader changes the reference date or a limit."""
    sheet, style, row = page.sheet, page.book.styles.wrapped, page.row
    note = _OF_THE_RUN + (_RECALCULATED if shown.cells("Findings", "status") else _NOT_RECALCULATED)
    changed = live.is_changed(summary.settings.as_of, totals.limits_to_change(summary))
    sheet.merge_range(row, 0, row, page.last, "", style)
    sheet.write_formula(row, 0, f'=IF({changed},"{note}","")', style, "")
    rule = {"type": "cell", "criteria": "!=", "value": '""', "format": page.book.styles.differs}
    sheet.conditional_format(row, 0, row, page.last, rule)
    page.row += 1


_FOLLOW: Final = (
    "Enter another date here, or another limit below. The workbook then recalculates idle_days, age_days and status on "
    "the sheets Findings and Population judged, and the counts by control and by kind of credential. A date without a "
    "time means the end of that day, UTC. Without a date, each row keeps its own reference date. Rows with "
    'recalculated = no keep the result of the run; below, "rows the formulas cannot recalculate" counts them. '
    "Everything else on this sheet, all messages and the sheet Exceptions noted always show the results of the run."
)
_SAME: Final = "All statuses are those of the run."
_DIFFERENT: Final = " checks have another status than in the run, because the reference date or a limit was changed."
_NO_DATE: Final = "The reference date is not a valid date, so each row keeps its own reference date."
_NOT_COUNTED: Final = "Changed statuses cannot be counted, because the sheet Findings does not hold all rows."
_SHARED: Final = (
    "{} with accounts of other owners. Their unreadable rows and their data issues are only in the workbook of all "
    "accounts."
)


def _reference(page: Page, summary: Summary, shown: ShownSheets) -> None:
    """Write the reference date, which readers may change, and how many statuses differ from the run."""
    sheet, styles = page.sheet, page.book.styles
    page.section("Reference date")
    for row, name in enumerate((live.REFERENCE_DATE, live.REFERENCE), start=page.row + 1):
        page.book.workbook.define_name(name, f"='{sheet.get_name()}'!$B${row}")
    date, instant = live.reference(summary.settings.as_of)
    sheet.set_row(page.row, height(_FOLLOW, sum(_WIDTHS[2:])))
    sheet.write_string(page.row, 0, "Reference date (UTC): enter another here", styles.wrapped)
    style = styles.input_date if date is not None and date.is_integer() else styles.input_instant
    if date is None:
        sheet.write_blank(page.row, 1, None, style)
    else:
        sheet.write_number(page.row, 1, date, style)
    allowed = {"validate": "date", "criteria": ">=", "value": datetime(1990, 1, 1)}  # noqa: DTZ001 - Excel has no time zones
    message = "Enter a date, such as 2026-10-31, or a date and time."
    sheet.data_validation(page.row, 1, page.row, 1, {**allowed, "error_message": message})
    sheet.merge_range(page.row, 2, page.row, page.last, _FOLLOW, styles.wrapped)
    page.row += 1
    sheet.write_string(page.row, 0, "Rows are judged as of", styles.text)
    sheet.write_formula(page.row, 1, live.INSTANT, styles.instant, "" if instant is None else instant)
    _differences(page, shown)
    page.row += 2


def _differences(page: Page, shown: ShownSheets) -> None:
    """Write the number of rows in which the status differs from the status of the run."""
    sheet, row = page.sheet, page.row
    now, of_run = (shown.cells("Findings", name) for name in ("status", "status_of_run"))
    sheet.merge_range(row, 2, row, page.last, "" if now else _NOT_COUNTED, page.book.styles.wrapped)
    if now and of_run:
        differing = f"SUMPRODUCT(--({now}<>{of_run}))"
        no_date = f'AND({live.REFERENCE_DATE}<>"",NOT(ISNUMBER({live.REFERENCE_DATE})))'
        formula = f'=IF({no_date},"{_NO_DATE}",IF({differing}=0,"{_SAME}",{differing}&"{_DIFFERENT}"))'
        sheet.write_formula(row, 2, formula, page.book.styles.wrapped, _SAME)
        rule = {"type": "cell", "criteria": "!=", "value": f'"{_SAME}"', "format": page.book.styles.differs}
        sheet.conditional_format(row, 2, row, 2, rule)


def _completeness(summary: Summary, shown: ShownSheets) -> list[tuple[str, Value]]:
    """Return the numbers on completeness, as formulas if the rows are in the workbook."""

    def value(label: str, count: int) -> Value:
        if label.startswith(opening.ACCOUNTS):
            return shown.count(count, "Coverage", status=label.removeprefix(opening.ACCOUNTS).replace(" ", "_"))
        if label in _COUNTED_ROWS:
            sheet, criteria = _COUNTED_ROWS[label]
            return shown.count(count, sheet, **criteria)
        return shown.total(count, "Provenance", _ADDED[label]) if label in _ADDED else count

    return [(label, value(label, count)) for label, count in opening.completeness(summary).items()]


_COUNTED_ROWS: Final = {
    opening.REPORTS_JUDGED: ("Provenance", {"judged": "yes"}),
    opening.USER_ROWS: ("Users", {"is_root": "false"}),
    opening.ROOT_ROWS: ("Users", {"is_root": "true"}),
}
_ADDED: Final = {opening.ROWS: "rows", opening.ROWS_REJECTED: "rejected"}


def _due(summary: Summary, days: int) -> list[list[Value]]:
    return [
        [summary.checklist.checks[position].control.id, summary.checklist.checks[position].requirement or "-", count]
        for position, count in due_by_check(summary, days).items()
    ]


def _facts(summary: Summary) -> list[tuple[str, Value]]:
    checklist, instants = summary.checklist, summary.reference_instants
    number = len(checklist.controls)
    when = span(spoken(instants[0]), spoken(instants[-1])) if instants else "none"
    source = "" if summary.settings.as_of else " (each report at its own capture time)"
    limit = f"{checklist.unused.limit_days:,} days or more" if checklist.unused else ""
    optional: dict[str, Any] = {
        "Unused when idle for": limit,
        "Policy": checklist.policy.name if checklist.policy else "",
        "* changed settings": ", ".join(checklist.changes),
        "Switched off by the policy": ", ".join(checklist.left_out),
        "Limits": own_limits(checklist.checks),
    }
    return [
        ("Controls chosen", f"{number}, of {checklist.benchmark.title}" if checklist.benchmark else number),
        ("Reference date of the run (UTC)", when + source),
        *((name, value) for name, value in optional.items() if value),
        *(
            (f"{name.capitalize()} (sheet {name.capitalize()})" if number == 0 else "", part)
            for name, parts in comparisons(summary).items()
            for number, part in enumerate(parts)
        ),
        ("Times in this workbook", "UTC, cut to the second"),
    ]


def _accounts(page: Page, summary: Summary, labels: AccountLabels) -> None:
    """Write the accounts with the most failures."""
    names, sums = sums_of_accounts(summary)
    accounts = [str(account) for account in summary.by_account.index]
    rows: list[list[Value]] = [
        [account, *labels.words_of(account), *counts]
        for account, counts in zip(accounts[:_MOST_ACCOUNTS], sums[:_MOST_ACCOUNTS], strict=True)
    ]
    details = f"all {len(accounts):,}" if len(accounts) > len(rows) else "by control"
    header = ["account_id", *labels.headings, *in_words(names)]
    page.table(f"By account, most failures first ({details}: sheet {ACCOUNTS})", header, rows)
