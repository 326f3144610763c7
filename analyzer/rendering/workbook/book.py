"""`workbook.xlsx`: the workpaper of an audit, and the tables of a history or a comparison."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from analyzer.evidence.account_labels import AccountLabels
from analyzer.evidence.part import parts_by_owner
from analyzer.rendering import registry
from analyzer.rendering.marks import SHEET, WITHOUT_ROW, WORKBOOK
from analyzer.rendering.workbook import tables as sheets
from analyzer.rendering.workbook.accounts import accounts_sheet
from analyzer.rendering.workbook.engine import ROW_LIMIT, SheetLayout, TableRows, TableSheet, open_book
from analyzer.rendering.workbook.exceptions import exceptions, marks_without_row, sign_off
from analyzer.rendering.workbook.measuring import height
from analyzer.rendering.workbook.method import method
from analyzer.rendering.workbook.provenance import digest_in_words, provenance
from analyzer.rendering.workbook.summary import TITLE, summary_sheet
from analyzer.rendering.workbook.totals import ShownSheets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from analyzer.evidence.opened import EvidenceSet
    from analyzer.evidence.summary import Summary
    from analyzer.evidence.tables import Tables
    from analyzer.rendering.marks import Marks
    from analyzer.rendering.render import Options
    from analyzer.rendering.workbook.engine import Book

BY_OWNER: Final = "owners"
"""The folder for the workbooks of the owners."""
MOST_ROWS: Final = 100_000
_LONGEST_NAME: Final = 60
"""The most characters of an owner in a file name: Windows allows 260 in a path."""
_RESERVED: Final = re.compile(r"(?i)con|prn|aux|nul|com[0-9]|lpt[0-9]")
"""Names that Windows reserves for devices."""
_WIDTH_OF_LINES: Final = 110
_WIDTHS_TO_SIGN: Final = (16, 48, 16, 30)
"""The widths of the columns in which names and dates are written; together `_WIDTH_OF_LINES`."""
_HEIGHT_TO_SIGN: Final = 24
ORDER: Final = (
    *(SHEET, WITHOUT_ROW, "Users", "Population judged", "Findings", "Requirements", "Accounts", "Coverage"),
    *("Leavers", "People", "Waivers", "Trend", "Issues", "Method", "Provenance", "Sign-off"),
)
"""The sheets after Summary, in their order."""
_ALWAYS: Final = (SHEET, "Issues")
"""The sheets that are written even without rows."""


def render(evidence: EvidenceSet, folder: Path, options: Options) -> list[Path]:
    """Write the workbook of an evidence set into `folder` and return its path."""
    if evidence.kind == "audit":
        return _of_audit(evidence, folder, options)
    tracking = evidence.history if evidence.kind == "history" else evidence.comparison
    names = registry.tables_needed(evidence.kind, ["excel"])
    shown = [name for name in tracking.tables if name in names]
    method = [*tracking.method, digest_in_words(str(evidence.manifest["digest"]))]
    for_readers = {}
    if evidence.kind == "history":
        for_readers["measures"] = evidence.history.measures_for_readers(evidence.table("measures"))
    return write_tables(tracking.title, tracking.lines, method, evidence, shown, folder, for_readers=for_readers)


def _of_audit(evidence: EvidenceSet, folder: Path, options: Options) -> list[Path]:
    """Write the workbook of an audit and, with `options.by`, one workbook for each owner of accounts."""
    digest = str(evidence.manifest["digest"])
    limits = {"most_rows": options.workbook_rows, "due_within": options.due_within}
    paths = write(evidence.summary, evidence, folder / WORKBOOK, digest, marks=options.marks, **limits)
    if options.by is None:
        return paths
    parts = parts_by_owner(evidence)
    (folder / BY_OWNER).mkdir()
    for part, name in zip(parts, file_names([part.owner for part in parts]), strict=True):
        marks = None if options.marks is None else options.marks.of_accounts(part.accounts)
        paths += write(part.summary, part, folder / BY_OWNER / f"{name}.xlsx", digest, marks=marks, **limits)
    return paths


def file_names(owners: Sequence[str]) -> list[str]:
    """Return a file name for each owner that every system allows. No two names are equal, ignoring case."""
    names, taken = [], set[str]()
    for owner in owners:
        plain = re.sub(r"[^A-Za-z0-9@_.-]+", "-", owner).strip(".-")[:_LONGEST_NAME] or "owner"
        plain = f"owner-{plain}" if _RESERVED.fullmatch(plain.partition(".")[0]) else plain
        name, number = plain, 2
        while name.lower() in taken:
            name, number = f"{plain}-{number}", number + 1
        names.append(name)
        taken.add(name.lower())
    return names


def write(  # noqa: PLR0913 - content, limits and path
    summary: Summary,
    tables: Tables,
    path: Path,
    digest: str,
    *,
    most_rows: int = MOST_ROWS,
    row_limit: int = ROW_LIMIT,
    due_within: int = registry.DUE_WITHIN,
    marks: Marks | None = None,
) -> list[Path]:
    """Write the workpaper of an audit to `path` and return it; `digest` is the digest of its evidence set.

    `tables` has findings, credentials, users and issues. The workbook shows up to `most_rows` rows of each, the most
    important ones, and the number of rows that are left out. A table with more rows than `row_limit` continues in
    further sheets. `due_within` is the number of days for checks that will fail soon. `marks` are the marks of
    reviewers from earlier workbooks. Raises OSError if the file cannot be written.
    """
    with open_book(path, TITLE, row_limit, protected=True) as book:
        labels = AccountLabels(summary)
        noted, check_of_row, remaining_marks = exceptions(book, summary, tables, most_rows, labels, marks)
        others = _tables(book, summary, tables, digest, most_rows, labels)
        shown = {table_sheet.name: table_sheet for table_sheet in (noted, *others)}
        shown[WITHOUT_ROW] = marks_without_row(remaining_marks)
        # Sheets without rows are left out before formulas are written, which must not refer to them.
        shown = {name: table_sheet for name, table_sheet in shown.items() if table_sheet.rows.count or name in _ALWAYS}
        summary_sheet(book, summary, ShownSheets(shown, row_limit, most_rows, check_of_row), due_within, labels)
        for name in ORDER:
            if name == "Accounts" and summary.accounts:
                accounts_sheet(book, summary, labels)
            elif name == "Method":
                method(book, summary, most_rows)
            elif name == "Sign-off":
                sign_off(book, digest)
            elif name in shown:
                book.show(shown[name])
    return [path]


def _tables(  # noqa: PLR0913 - content and limits
    book: Book, summary: Summary, tables: Tables, digest: str, most: int, labels: AccountLabels
) -> Iterator[TableSheet]:
    """Yield the sheets that show tables, except Exceptions noted."""
    yield sheets.users(book, tables, most, labels)
    yield sheets.population(book, summary, tables, most, labels)
    yield sheets.findings(book, summary, tables, most, labels)
    if summary.requirements:
        yield sheets.requirements(book, summary, labels)
    if summary.coverage is not None:
        yield sheets.coverage(summary.coverage)
    for name in summary.compared:
        yield sheets.people(book, tables, name, most, labels)
    if summary.checklist.policy:
        yield sheets.waivers(summary)
    if summary.trend is not None:
        yield sheets.trend(book, summary, summary.trend, labels)
    yield sheets.issues(book, tables, most)
    yield provenance(book, summary, digest)


def write_tables(  # noqa: PLR0913 - a summary and tables
    title: str,
    lines: Sequence[str],
    method: Sequence[str],
    tables: Tables,
    names: Sequence[str],
    folder: Path,
    look: SheetLayout | None = None,
    signed_by: Sequence[tuple[str, str]] = (),
    for_readers: Mapping[str, pa.Table] | None = None,
) -> list[Path]:
    """Write `workbook.xlsx` into `folder` and return its path.

    It has a sheet Summary with `title`, `lines` and `method`, and a sheet for each of the tables in `names`, with this
    `look` if it is given. Below the method there is room for a name and a date for each of `signed_by`. The tables
    `for_readers` are shown instead of the stored ones. Raises OSError if the file cannot be written.
    """
    path = folder / WORKBOOK
    with open_book(path, title) as book:
        _lines(book, title, lines, method, signed_by)
        for name in names:
            changed = (for_readers or {}).get(name)
            rows = TableRows.stored(tables, name) if changed is None else TableRows.of(changed)
            usual = SheetLayout(leading="user" if "user" in rows.columns else None)
            book.table(name.replace("_", " ").capitalize(), rows, look or usual)
    return [path]


def _lines(
    book: Book, title: str, lines: Sequence[str], method: Sequence[str], signed_by: Sequence[tuple[str, str]]
) -> None:
    """Write the sheet Summary of a workbook of tables."""
    sheet = book.sheet("Summary")
    widths = _WIDTHS_TO_SIGN if signed_by else (_WIDTH_OF_LINES,)
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width)
    sheet.write_string(0, 0, title, book.styles.title)
    row = 2
    for row, line in enumerate((*lines, "", *method), start=2):
        # The first line has larger letters. Not every program adjusts row heights to the text.
        style, room = (
            (book.styles.lead, _WIDTH_OF_LINES * 3 // 4) if row == 2 else (book.styles.wrapped, _WIDTH_OF_LINES)
        )
        sheet.set_row(row, height(line, room) + (2 if row == 2 else 0))
        if signed_by:
            sheet.merge_range(row, 0, row, len(widths) - 1, "", style)
        sheet.write_string(row, 0, line, style)
    for sign_row, (name, date) in enumerate(signed_by, start=row + 2):
        sheet.set_row(sign_row, _HEIGHT_TO_SIGN)
        sheet.write_string(sign_row, 0, name, book.styles.text)
        sheet.write_blank(sign_row, 1, None, book.styles.input)
        sheet.write_string(sign_row, 2, date, book.styles.text)
        sheet.write_blank(sign_row, 3, None, book.styles.input_date)
