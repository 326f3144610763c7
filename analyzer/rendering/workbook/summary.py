"""The sheet Summary: the answer, what was judged, and the counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from analyzer.controls.vocabulary import JUDGED_KINDS, MET_IN_WORDS, Met, Outcome, Status, counted
from analyzer.evidence.answer import exit_reason, headline, own_limits, scope, unknown_age
from analyzer.evidence.due import due_by_check
from analyzer.evidence.people import comparisons
from analyzer.reading.issues import CODES
from analyzer.reading.layout import Kind
from analyzer.rendering.workbook.measuring import LINE_HEIGHT, height, lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xlsxwriter.worksheet import Worksheet

    from analyzer.evidence.summary import Summary
    from analyzer.rendering.workbook.engine import Book
    from analyzer.rendering.workbook.tables import Cut

TITLE: Final = "Credential report audit"
_LAST: Final = 7
"""The last column of the sheet."""
_WIDTHS: Final = (30, *(15 for _ in range(_LAST)))
_TITLE: Final = (1, 2)
"""The first and the last column of a requirement's title, which are merged."""
_LEAD_WIDTH: Final = sum(_WIDTHS) * 3 // 4
"""How many of the larger characters of the answer fit in a line across all columns."""
_LINE_WIDTH: Final = sum(_WIDTHS) * 9 // 10


def summary_sheet(book: Book, summary: Summary, cuts: Sequence[Cut], due_within: int) -> None:
    """Write the sheet; `cuts` say how much of each table the workbook holds, `due_within` are the days ahead."""
    sheet = book.sheet("Summary")
    for column, width in enumerate(_WIDTHS):
        sheet.set_column(column, column, width)
    sheet.set_row(0, 24)
    sheet.write_string(0, 0, TITLE, book.styles.title)
    lead = "\n".join([*headline(summary), exit_reason(summary)])
    sheet.set_row(1, height(lead, _LEAD_WIDTH, LINE_HEIGHT + 2))
    sheet.merge_range(1, 0, 1, _LAST, lead, book.styles.lead)
    sheet.set_row(2, height(scope(summary), _LINE_WIDTH))
    sheet.merge_range(2, 0, 2, _LAST, scope(summary), book.styles.wrapped)
    row, is_one = 4, len(summary.checklist.checks) == 1
    if age := unknown_age(summary):
        sheet.set_row(3, height(age, _LINE_WIDTH))
        sheet.merge_range(3, 0, 3, _LAST, age, book.styles.wrapped)
        row += 1
    if summary.checklist.unused:
        row = _grid(book, sheet, row, "unused-credentials, by kind of credential", *_by_kind(summary)) + 1
    if summary.requirements:
        row = _requirements(book, sheet, row, summary) + 1
    if not is_one:
        row = _grid(book, sheet, row, "By control", *_by_control(summary)) + 1
    if summary.trends:
        row = _grid(book, sheet, row, "Since the snapshot before, by control (table trend)", *_trend(summary)) + 1
    if due := _due(summary, due_within):
        title = f"Stops passing within {counted(due_within, 'day')} if nothing changes (findings, column fails_at)"
        row = _grid(book, sheet, row, title, ["control", summary.checklist.numbers_of.heading, "findings"], due) + 1
    row = _pairs(book, sheet, row, "What was judged", _facts(summary)) + 1
    left_out = [[f"Sheet {cut.sheet}", cut.note] for cut in cuts if cut.left_out]
    if left_out:
        title = f"Left out of this workbook, whose sheets hold {cuts[0].most:,} rows of a table at most"
        row = _pairs(book, sheet, row, title, left_out) + 1
    issues = [[code, count, CODES[code].title] for code, count in summary.issue_counts.items()]
    row = _grid(book, sheet, row, "Data issues, gravest first (sheet Data issues)", ["code", "count", ""], issues) + 1
    title = f"By account, most failures first{'' if is_one else ' (by control: sheet Matrix)'}"
    _grid(book, sheet, row, title, *_by_account(summary))


def _requirements(book: Book, sheet: Worksheet, row: int, summary: Summary) -> int:
    """Write in how many accounts each requirement of the benchmark comes to what; return the row behind it."""
    every, framework = summary.requirements, summary.checklist.numbers_of
    numbers = [one.number for one in every]
    titles = [f"{one.requirement.title}{one.requirement.mark}" for one in every]
    occurring = [met for met in Met if any(one.accounts(met) for one in every)]
    first, last = _TITLE
    end = last + len(occurring)
    for column in range(_LAST + 1, end + 1):
        sheet.set_column(column, column, _WIDTHS[_LAST])
    _title(book, sheet, row, f"By requirement of {framework.label}, number of accounts (sheet Requirements)", end)
    sheet.set_row(row + 1, max(_heights([MET_IN_WORDS[met] for met in occurring], _WIDTHS[_LAST])))
    for column, name in enumerate([framework.heading_beside_titles, "requirement", *[""] * (last - first)]):
        sheet.write_string(row + 1, column, name, book.styles.header)
    for column, met in enumerate(occurring, start=last + 1):
        sheet.write_string(row + 1, column, MET_IN_WORDS[met], book.styles.wrapped_number_header)
    heights = map(max, _heights(numbers, _WIDTHS[0]), _heights(titles, sum(_WIDTHS[first : last + 1])))
    for below, (one, number, title, needed) in enumerate(zip(every, numbers, titles, heights, strict=True), row + 2):
        sheet.set_row(below, needed)
        sheet.write_string(below, 0, number, book.styles.wrapped)
        sheet.merge_range(below, first, below, last, title, book.styles.wrapped)
        for column, met in enumerate(occurring, start=last + 1):
            _put(book, sheet, below, column, one.accounts(met))
    return row + 2 + len(every)


def _heights(texts: list[str], width: int) -> list[int]:
    """Return the heights of rows with these texts, broken at a width."""
    return [LINE_HEIGHT * needed for needed in lines(pa.array(texts), width).tolist()]


def _words(values: Sequence[str]) -> list[str]:
    return [str(value).replace("_", " ") for value in values]


def _by_kind(summary: Summary) -> tuple[list[str], list[list[Any]]]:
    shown = [*Status, Outcome.INACTIVE]
    names = {Kind.PASSWORD: "passwords", Kind.ACCESS_KEY: "access keys"}
    rows: list[list[Any]] = [
        [
            names[kind],
            sum(summary.count(kind, outcome) for outcome in (Outcome.PASS, Outcome.FAIL, Outcome.NOT_CHECKED)),
            *(summary.count(kind, outcome) for outcome in shown),
        ]
        for kind in JUDGED_KINDS
    ]
    rows.append(["all", *(sum(column) for column in list(zip(*rows, strict=True))[1:])])
    return ["", "judged", *_words(shown)], rows


def _by_control(summary: Summary) -> tuple[list[str], list[list[Any]]]:
    checklist = summary.checklist
    columns = ["fail", "not_checked", "pass", *(name for name in ("manual", "waived") if summary.totals[name])]
    rows = []
    for one, counts in zip(checklist.checks, summary.by_control, strict=True):
        changed = " *" if checklist.is_changed(one) else ""
        limit = f"{one.limit_days:,} days{changed}" if one.limit_days else changed.strip()
        of_it = counts | {"not_checked": counts["not_checked"] - counts["manual"]}
        shown = [of_it[name] if counts["judged"] else "-" for name in columns]
        rows.append([one.control.id, one.requirement or "-", one.severity.value, limit, *shown])
    return ["control", checklist.numbers_of.heading, "severity", "limit", *_words(columns)], rows


def _trend(summary: Summary) -> tuple[list[str], list[list[Any]]]:
    columns = {"open": "fail", "open_before": "failed before", "new": "new", "fixed": "fixed", "undecided": "undecided"}
    rows: list[list[Any]] = [
        [control, *(counts[name] for name in columns)] for control, counts in summary.trends.items()
    ]
    return ["control", *columns.values()], rows


def _due(summary: Summary, days: int) -> list[list[Any]]:
    return [
        [summary.checklist.checks[at].control.id, summary.checklist.checks[at].requirement or "-", count]
        for at, count in due_by_check(summary, days).items()
    ]


def _by_account(summary: Summary) -> tuple[list[str], list[list[Any]]]:
    columns = [*Status, *(name for name in ("manual", "waived") if summary.totals[name])]
    counts = summary.by_account.assign(not_checked=lambda rows: rows["not_checked"] - rows["manual"])
    names = summary.account_names
    rows = [
        [account, *([names.get(str(account), "-")] if names else []), *map(int, numbers)]
        for account, numbers in zip(counts.index, counts[columns].to_numpy(), strict=True)
    ]
    return ["account_id", *(["name"] if names else []), *_words(columns)], rows


def _facts(summary: Summary) -> list[list[Any]]:
    counts, checklist = summary.facts, summary.checklist
    instants, number = counts["as_of"], len(checklist.controls)
    when = "none" if not instants else instants[0] if len(instants) == 1 else f"{instants[0]} to {instants[-1]}"
    own = "" if summary.settings.as_of else " (each report at its own capture time)"
    limit = f"{checklist.unused.limit_days:,} days or more" if checklist.unused else ""
    optional = {
        "Unused: fails when idle for": limit,
        "Policy": checklist.policy.name if checklist.policy else "",
        "* set otherwise": ", ".join(checklist.changes),
        "Switched off by the policy": ", ".join(checklist.left_out),
        "Limits": own_limits(checklist.checks),
    }
    return [
        ["Controls", f"{number}, of {checklist.benchmark.title}" if checklist.benchmark else number],
        ["Reference instant (UTC)", when + own],
        *([name, value] for name, value in optional.items() if value),
        *(
            [f"{name.capitalize()} (sheet {name.capitalize()})" if number == 0 else "", part]
            for name, parts in comparisons(summary).items()
            for number, part in enumerate(parts)
        ),
        ["Reports read", counts["reports"]],
        ["Reports judged", counts["reports_judged"]],
        ["Rows in them", counts["rows"]],
        ["Rows rejected", counts["rows_rejected"]],
        ["Rows not judged (other snapshots)", counts["rows_not_judged"]],
        ["Rows of IAM users", counts["users"] - counts["root_rows"]],
        ["Rows of root", counts["root_rows"]],
        ["Times in this workbook", "UTC, cut to the second"],
    ]


def _put(book: Book, sheet: Worksheet, row: int, column: int, value: str | int) -> None:
    if isinstance(value, str):
        sheet.write_string(row, column, value, book.styles.text)
    else:
        sheet.write_number(row, column, value, book.styles.number)


def _title(book: Book, sheet: Worksheet, row: int, title: str, last: int = _LAST) -> None:
    for column in range(max(last, _LAST) + 1):
        sheet.write_string(row, column, title if column == 0 else "", book.styles.section)


def _grid(  # noqa: PLR0913 - a table and its place
    book: Book, sheet: Worksheet, row: int, title: str, header: list[str], rows: list[list[Any]]
) -> int:
    """Write a titled table of words and counts; return the row behind it."""
    _title(book, sheet, row, title)
    for column, name in enumerate(header):
        is_number = any(isinstance(cells[column], int) for cells in rows if len(cells) > column)
        style = book.styles.number_header if is_number else book.styles.header
        sheet.write_string(row + 1, column, name, style)
    for below, cells in enumerate(rows or [["none"]], start=row + 2):
        for column, value in enumerate(cells):
            _put(book, sheet, below, column, value)
    return row + 2 + max(len(rows), 1)


def _pairs(book: Book, sheet: Worksheet, row: int, title: str, pairs: list[list[Any]]) -> int:
    """Write a titled list of names with their values; return the row behind it."""
    _title(book, sheet, row, title)
    for below, (name, value) in enumerate(pairs, start=row + 1):
        sheet.write_string(below, 0, name, book.styles.text)
        _put(book, sheet, below, 1, value)
    return row + 1 + len(pairs)
