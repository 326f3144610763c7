"""`workbook.xlsx`: the answer, the evidence row by row, the method in words and where everything came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.rendering import registry
from analyzer.rendering.workbook import tables as sheets
from analyzer.rendering.workbook.engine import ROW_LIMIT, Look, Rows, open_book
from analyzer.rendering.workbook.matrix import matrix
from analyzer.rendering.workbook.measuring import height
from analyzer.rendering.workbook.method import method
from analyzer.rendering.workbook.provenance import provenance
from analyzer.rendering.workbook.summary import TITLE, summary_sheet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from analyzer.evidence.opened import EvidenceSet
    from analyzer.evidence.summary import Summary
    from analyzer.evidence.tables import Tables
    from analyzer.rendering.render import Options
    from analyzer.rendering.workbook.engine import Book

MOST_ROWS: Final = 100_000
_WIDTH_OF_LINES: Final = 110


def render(evidence: EvidenceSet, folder: Path, options: Options) -> list[Path]:
    """Write the workbook of an evidence set into `folder` and return its path."""
    if evidence.kind == "audit":
        return write(evidence.summary, evidence, folder, most_rows=options.workbook_rows, due_within=options.due_within)
    found = evidence.history if evidence.kind == "history" else evidence.comparison
    names = registry.tables_needed(evidence.kind, ["excel"])
    shown = [name for name in found.tables if name in names]
    return write_tables(found.title, found.lines, found.method, evidence, shown, folder)


def write(  # noqa: PLR0913 - what is written, how much of it, and where
    summary: Summary,
    tables: Tables,
    folder: Path,
    *,
    most_rows: int = MOST_ROWS,
    row_limit: int = ROW_LIMIT,
    due_within: int = registry.DUE_WITHIN,
) -> list[Path]:
    """Write `workbook.xlsx` on an audit into `folder` and return its path.

    `tables` has findings, credentials, users and issues; the workbook shows at most `most_rows` of each, what matters
    most, and says what is left out. What is longer than `row_limit` goes on in further sheets. `due_within` are the
    days ahead in which something comes due. Raises OSError where the file cannot be written.
    """
    cuts = sheets.cuts(tables, most_rows, summary.compared)
    with open_book(folder, TITLE, row_limit) as (book, path):
        summary_sheet(book, summary, list(cuts.values()), due_within)
        if summary.requirements:
            sheets.requirements(book, summary)
        if len(summary.checklist.checks) > 1:
            matrix(book, summary)
        sheets.findings(book, summary, tables, cuts["findings"])
        if summary.coverage is not None:
            sheets.coverage(book, summary.coverage)
        for name in summary.compared:
            sheets.people(book, tables, cuts[name])
        if summary.checklist.policy:
            sheets.waivers(book, summary)
        sheets.credentials(book, tables, cuts["credentials"])
        sheets.users(book, tables, cuts["users"])
        sheets.issues(book, tables, cuts["issues"])
        method(book, summary, most_rows)
        provenance(book, summary)
    return [path]


def write_tables(  # noqa: PLR0913 - a summary, and tables
    title: str,
    lines: Sequence[str],
    method: Sequence[str],
    tables: Tables,
    names: Sequence[str],
    folder: Path,
    look: Look | None = None,
) -> list[Path]:
    """Write `workbook.xlsx` into `folder` and return its path.

    It has a summary of `title`, `lines` and `method`, and a sheet for each of `tables` by its name in `names`, with
    its `look` where that is given. Raises OSError where the file cannot be written.
    """
    with open_book(folder, title) as (book, path):
        _lines(book, title, lines, method)
        for name in names:
            rows = Rows.stored(tables, name)
            columns = next(rows.read()).column_names
            usual = Look(leading="user" if "user" in columns else None)
            book.table(name.replace("_", " ").capitalize(), rows, look or usual)
    return [path]


def _lines(book: Book, title: str, lines: Sequence[str], method: Sequence[str]) -> None:
    """Write the summary of a workbook of tables."""
    sheet = book.sheet("Summary")
    sheet.set_column(0, 0, _WIDTH_OF_LINES)
    sheet.write_string(0, 0, title, book.styles.title)
    for row, line in enumerate((*lines, "", *method), start=2):
        # The first line is larger; not every program fits heights to texts by itself.
        style, room = (
            (book.styles.lead, _WIDTH_OF_LINES * 3 // 4) if row == 2 else (book.styles.wrapped, _WIDTH_OF_LINES)
        )
        sheet.set_row(row, height(line, room) + (2 if row == 2 else 0))
        sheet.write_string(row, 0, line, style)
