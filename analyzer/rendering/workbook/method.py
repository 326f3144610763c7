"""The sheet Method: how every control that was judged is decided, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.rendering.workbook import prose
from analyzer.rendering.workbook.measuring import LINE_HEIGHT, height

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xlsxwriter.worksheet import Worksheet

    from analyzer.controls.checklist import Check, Checklist
    from analyzer.controls.control import Value
    from analyzer.evidence.summary import Summary
    from analyzer.rendering.workbook.engine import Book

_WIDTHS: Final = (70, 40, 18, 22)
_PARAGRAPH: Final = 150
"""How many characters of a paragraph surely fit in a line across all columns."""


def method(book: Book, summary: Summary, most_rows: int) -> None:
    """Write the sheet."""
    sheet = book.sheet("Method")
    for column, width in enumerate(_WIDTHS):
        sheet.set_column(column, column, width)
    sheet.write_string(0, 0, "Method", book.styles.title)
    row, checklist = 2, summary.checklist
    if checklist.unused:
        row = _paragraphs(book, sheet, row, "Unused credentials", _unused_rule(checklist.unused, checklist))
        row = _evidence(book, sheet, row)
    row = _paragraphs(book, sheet, row, "How every control is decided", prose.EVALUATION)
    for one in checklist.checks:
        row = _paragraphs(book, sheet, row, _heading(one, checklist), _described(one))
    row = _paragraphs(book, sheet, row, "What to know about the data", prose.CAVEATS)
    _paragraphs(book, sheet, row, "What this workbook holds", [text.format(most=most_rows) for text in prose.HOLDS])


def _paragraphs(book: Book, sheet: Worksheet, row: int, title: str, texts: Sequence[str]) -> int:
    """Write a titled section; return the row behind it."""
    for column in range(len(_WIDTHS)):
        sheet.write_string(row, column, title if column == 0 else "", book.styles.section)
    for below, text in enumerate(texts, start=row + 1):
        # Merged cells do not grow with their text.
        sheet.set_row(below, height(text, _PARAGRAPH) + 3)
        sheet.merge_range(below, 0, below, len(_WIDTHS) - 1, text, book.styles.wrapped)
    return row + len(texts) + 2


def _evidence(book: Book, sheet: Worksheet, row: int) -> int:
    """Write which evidence an unused credential is judged by, as a table; return the row behind it."""
    for below, cells in enumerate(prose.UNUSED_EVIDENCE, start=row):
        needed = max(height(text, width - 1) for text, width in zip(cells, _WIDTHS, strict=True))
        if needed > LINE_HEIGHT:
            sheet.set_row(below, needed + 1)
        for column, text in enumerate(cells):
            sheet.write_string(below, column, text, book.styles.header if below == row else book.styles.wrapped)
    return row + len(prose.UNUSED_EVIDENCE) + 1


def _unused_rule(unused: Check, checklist: Checklist) -> list[str]:
    """Return the rule of `unused-credentials` in paragraphs, and whose rule it is."""
    rule = [*(text.format(limit=unused.limit_days) for text in prose.UNUSED_RULE), prose.UNUSED_SOURCE]
    if checklist.benchmark:
        numbers = [str(one.requirement) for one in checklist.checks if one.control is unused.control]
        rule.append(f"Judged for {checklist.benchmark.title}: {', '.join(numbers)}.")
    return rule


def _heading(one: Check, checklist: Checklist) -> str:
    number = f" ({checklist.numbers_of.heading}: {one.requirement})" if one.requirement else ""
    return f"{one.control.id}{number}: {one.title}"


def _described(one: Check) -> list[str]:
    """Return a control in paragraphs: what is compared, by which columns, and what the report cannot show."""
    control = one.control
    limits = [
        f"{name} = {_shown(one.parameters[name])}{f' (set by {one.set_by[name]})' if name in one.set_by else ''}"
        for name in control.parameters
    ]
    severity = f"{one.severity.value}{' (set by policy)' if 'severity' in one.set_by else ''}"
    limits_in_words = [f"Limits: {', '.join(limits)}."] if limits else []
    caveats = " ".join(one.say(text) for text in control.caveats)
    return [
        f"Severity {severity}. Judges {control.applies_to}. Fails when {one.say(control.fails_when)}.",
        " ".join([*limits_in_words, f"Columns: {', '.join(control.evidence)}."]),
        *([f"What the report cannot show: {caveats}"] if caveats else []),
        f"Why: {control.rationale}",
        f"Remediation: {control.remediation}",
    ]


def _shown(value: Value) -> str:
    return value if isinstance(value, str) else f"{value:,}"
