"""The sheet Method: how checks are decided, the controls of the audit, and the glossary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.rendering import manual
from analyzer.rendering.workbook.measuring import LINE_HEIGHT, height

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xlsxwriter.worksheet import Worksheet

    from analyzer.controls.checklist import Check, Checklist
    from analyzer.controls.control import Value
    from analyzer.evidence.summary import Summary
    from analyzer.rendering.workbook.engine import Book

_WIDTHS: Final = (70, 40, 18, 22)
_HOLDS: Final = "What the sheets hold"
_PARAGRAPH: Final = 150
"""The number of characters that certainly fit in a line across all columns."""


def method(book: Book, summary: Summary, most_rows: int) -> None:
    """Write the sheet Method."""
    sheet = book.sheet("Method")
    for column, width in enumerate(_WIDTHS):
        sheet.set_column(column, column, width)
    sheet.write_string(0, 0, "Method", book.styles.title)
    row, checklist = 2, summary.checklist
    if checklist.unused:
        row = _paragraphs(book, sheet, row, "Unused credentials", _unused_rule(checklist.unused, checklist))
        row = _table(book, sheet, row, manual.table("judging", "Evidence for unused credentials"))
    row = _paragraphs(book, sheet, row, "How checks are decided", manual.paragraphs("judging", "Every control"))
    for check in checklist.checks:
        row = _paragraphs(book, sheet, row, _heading(check, checklist), _described(check))
    row = _paragraphs(book, sheet, row, "What to know about the data", _about_the_data())
    holds = [f"In this workbook, a sheet holds up to {most_rows:,} rows of its table."]
    row = _paragraphs(book, sheet, row, _HOLDS, [*manual.paragraphs("workbook", _HOLDS), *holds])
    _table(book, sheet, row, [["term", "meaning"], *manual.terms()])


def _about_the_data() -> list[str]:
    """Return the paragraphs on the limits of the data."""
    bounds = manual.paragraphs("judging", "Evidence for unused credentials")
    limits = manual.paragraphs("judging", "What a credential report cannot show")
    return [*bounds, *limits, manual.paragraphs("judging", "Checks that will fail soon")[0]]


def _paragraphs(book: Book, sheet: Worksheet, row: int, title: str, texts: Sequence[str]) -> int:
    """Write a titled section; return the next free row."""
    for column in range(len(_WIDTHS)):
        sheet.write_string(row, column, title if column == 0 else "", book.styles.section)
    for below, text in enumerate(texts, start=row + 1):
        # Spreadsheets do not adjust row heights to merged cells.
        sheet.set_row(below, height(text, _PARAGRAPH) + 3)
        sheet.merge_range(below, 0, below, len(_WIDTHS) - 1, text, book.styles.wrapped)
    return row + len(texts) + 2


def _table(book: Book, sheet: Worksheet, row: int, rows: Sequence[Sequence[str]]) -> int:
    """Write a table, with its first row as the header; return the next free row."""
    for below, cells in enumerate(rows, start=row):
        # The last cell gets all remaining columns.
        last = len(cells) - 1
        last_width = sum(_WIDTHS[last:])
        widths = [*_WIDTHS[:last], last_width]
        needed = max(height(text, width - 1) for text, width in zip(cells, widths, strict=True))
        if needed > LINE_HEIGHT:
            sheet.set_row(below, needed + 1)
        style = book.styles.header if below == row else book.styles.wrapped
        for column, text in enumerate(cells[:-1]):
            sheet.write_string(below, column, text, style)
        if last_width == _WIDTHS[last]:
            sheet.write_string(below, last, cells[-1], style)
        else:
            sheet.merge_range(below, last, below, len(_WIDTHS) - 1, cells[-1], style)
    return row + len(rows) + 1


def _unused_rule(unused: Check, checklist: Checklist) -> list[str]:
    """Return paragraphs with the rule of `unused-credentials`, its limit and its requirements."""
    rule = [*manual.paragraphs("judging", "Unused credentials"), f"The limit of this run is {unused.limit_days} days."]
    if checklist.benchmark:
        numbers = [str(check.requirement) for check in checklist.checks if check.control is unused.control]
        rule.append(f"Requirements of {checklist.benchmark.title}: {', '.join(numbers)}.")
    return rule


def _heading(check: Check, checklist: Checklist) -> str:
    number = f" ({checklist.numbers_of.heading}: {check.requirement})" if check.requirement else ""
    return f"{check.control.id}{number}: {check.title}"


def _described(check: Check) -> list[str]:
    """Return paragraphs that describe a control: its rule, limits, columns, caveats and remediation."""
    control = check.control
    limits = [
        f"{name} = {_shown(check.parameters[name])}{f' (set by {check.set_by[name]})' if name in check.set_by else ''}"
        for name in control.parameters
    ]
    severity = f"{check.severity.value}{' (set by policy)' if 'severity' in check.set_by else ''}"
    limits_in_words = [f"Limits: {', '.join(limits)}."] if limits else []
    caveats = " ".join(check.say(text) for text in control.caveats)
    return [
        f"Severity {severity}. Judges {control.applies_to}. Fails when {check.say(control.fails_when)}.",
        " ".join([*limits_in_words, f"Columns: {', '.join(control.evidence)}."]),
        *([f"What the report cannot show: {caveats}"] if caveats else []),
        f"Why: {control.rationale}",
        f"Remediation: {control.remediation}",
    ]


def _shown(value: Value) -> str:
    return value if isinstance(value, str) else f"{value:,}"
