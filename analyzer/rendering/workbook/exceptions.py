"""The sheets for reviewers: Exceptions noted, with the failures and room for marks, and Sign-off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.vocabulary import Status, counted
from analyzer.evidence.counted import UNKNOWN_ACCOUNT
from analyzer.evidence.schema import TEXT
from analyzer.evidence.worst import Choice, positions_of, worst_rows
from analyzer.reading.columns import has_text
from analyzer.rendering.marks import BY_HAND, EVIDENCE_SET, FINDING, KEY, SHEET, SIGN_OFF, WHY, WITHOUT_ROW
from analyzer.rendering.workbook.engine import SheetLayout, TableRows, TableSheet
from analyzer.rendering.workbook.tables import Cut

if TYPE_CHECKING:
    from analyzer.evidence.account_labels import AccountLabels
    from analyzer.evidence.summary import Summary
    from analyzer.evidence.tables import Tables
    from analyzer.rendering.marks import Marks
    from analyzer.rendering.workbook.engine import Book

_WIDTHS: Final = dict(zip((*KEY, FINDING, *BY_HAND), (13, 19, 11, 20, 26, 15, 15, 10, 5), strict=True))
"""The column widths in characters; together as wide as a landscape A4 page at 100%."""


def exceptions(  # noqa: PLR0913 - content and limits
    book: Book, summary: Summary, tables: Tables, most: int, labels: AccountLabels, marks: Marks | None
) -> tuple[TableSheet, list[int], pa.Table]:
    """Return the sheet Exceptions noted, the check of each of its rows, and the marks without a row.

    The sheet has the failures that no waiver covers, the most severe first. A control with several limits is there only
    with the strictest one.
    """
    checklist = summary.checklist

    def is_noted(batch: pa.Table) -> np.typing.NDArray[np.bool_]:
        is_failure = has_text(batch["status"], (Status.FAIL,)) & batch["waiver"].is_null().to_numpy()
        noted: np.typing.NDArray[np.bool_] = is_failure & ~np.isin(
            positions_of(batch, checklist.positions), checklist.repeated
        )
        return noted

    noted = Choice(("control", "requirement", "status", "waiver"), is_noted)
    columns = ["account_id", "user", "credential", "control", "requirement", "severity", "message", "source", "line"]
    fail_count = sum(
        counts[Status.FAIL]
        for position, counts in enumerate(summary.open_by_check)
        if position not in checklist.repeated
    )
    # A mark may belong to a failure that does not fit on the sheet.
    count = most if marks is None else max(most, fail_count)
    failures = worst_rows(tables, checklist, count, where=noted, columns=columns)
    rows = _for_paper(labels.beside(failures))
    if marks is not None:
        rows, remaining = marks.beside(rows, most)
    else:
        remaining = pa.table({name: pa.nulls(0, TEXT) for name in (*KEY, FINDING, *BY_HAND, WHY)})
        for name in BY_HAND:
            rows = rows.append_column(name, pa.nulls(len(rows), TEXT))
    cut = Cut("findings", fail_count, most)
    look = SheetLayout(
        wrapped=(*KEY, FINDING),
        by_hand=BY_HAND,
        dates=("due",),
        widths=_WIDTHS,
        small=True,
        preface=_preface(book, summary, fail_count),
        empty="No exceptions noted.",
    )
    sheet = cut.shown(book, SHEET, TableRows.of(rows), look, "this sheet has the most severe ones")
    return sheet, positions_of(failures.slice(0, most), checklist.positions).tolist(), remaining


def _for_paper(failures: pa.Table) -> pa.Table:
    """Return findings in few columns with several lines in each cell, so that they fit on a printed page."""

    def texts(name: str) -> pa.ChunkedArray:
        return failures[name].cast(TEXT)

    def lines(*parts: pa.ChunkedArray) -> pa.ChunkedArray:
        return pc.binary_join_element_wise(*parts, "\n", null_handling="skip")

    of_account = [texts(name) for name in ("account_name", "account_owner") if name in failures.column_names]
    # The line number comes first, so that it stays whole when a long name is wrapped.
    line = pc.binary_join_element_wise("line ", texts("line"), ", ", "")
    location = pc.binary_join_element_wise(pc.fill_null(line, ""), texts("source"), "")
    number = pc.binary_join_element_wise(texts("requirement"), texts("severity"), ", ", null_handling="skip")
    columns = [
        lines(pc.fill_null(texts("account_id"), UNKNOWN_ACCOUNT), *of_account),
        texts("user"),
        texts("credential"),
        lines(texts("control"), number),
        lines(texts("message"), location),
    ]
    return pa.table(dict(zip((*KEY, FINDING), columns, strict=True)))


def _preface(book: Book, summary: Summary, fails: int) -> tuple[tuple[str, object], ...]:
    counting = [
        position for position in range(len(summary.checklist.checks)) if position not in summary.checklist.repeated
    ]
    waived = sum(summary.by_control[position][Status.FAIL] for position in counting) - fails
    waived_note = f" A waiver accepts {counted(waived, 'further failure')} (sheet Findings)." if waived else ""
    line = f"{counted(fails, 'failure')}, most severe first. These are the results of the run.{waived_note}"
    undecided = undecided_in_words(summary)
    line = f"{line} Not on this sheet: {undecided}" if undecided else line
    return (("Exceptions noted", book.styles.title), (line, book.styles.text))


def undecided_in_words(summary: Summary) -> str:
    """Return where the checks are that could not be decided; empty without any."""
    count = sum(map(summary.undecided_of, summary.checklist.summed))
    where = "sheet Findings; filter status = not_checked, without reason = manual"
    return f"{counted(count, 'check')} that could not be decided ({where})." if count else ""


def marks_without_row(remaining: pa.Table) -> TableSheet:
    """Return the sheet with the marks that were carried over and have no row."""
    return TableSheet(
        WITHOUT_ROW,
        TableRows.of(remaining),
        SheetLayout(wrapped=("comment", "management response", WHY), dates=("due",)),
    )


def sign_off(book: Book, digest: str) -> None:
    """Write the sheet Sign-off, for the names of preparer and reviewer, the dates and the conclusion.

    `digest` identifies the evidence set that is signed.
    """
    title, *labels, conclusion = SIGN_OFF
    sheet = book.sheet(title)
    for column, width in enumerate((22, 44, 18, 18)):
        sheet.set_column(column, column, width)
    sheet.write_string(0, 0, title, book.styles.title)
    sheet.write_string(1, 0, EVIDENCE_SET, book.styles.text)
    sheet.merge_range(1, 1, 1, 3, digest, book.styles.text)
    for row, (role, date_label) in enumerate(zip(labels[::2], labels[1::2], strict=True), start=2):
        sheet.set_row(row, 24)
        sheet.write_string(row, 0, role, book.styles.text)
        sheet.write_blank(row, 1, None, book.styles.input)
        sheet.write_string(row, 2, date_label, book.styles.text)
        sheet.write_blank(row, 3, None, book.styles.input_date)
    sheet.write_string(5, 0, conclusion, book.styles.text)
    sheet.set_row(5, 180)
    sheet.merge_range(5, 1, 5, 3, "", book.styles.input)
