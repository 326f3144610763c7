"""The sheet Matrix: how often each control fails in each account, a row an account, a column a control."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from analyzer.controls.vocabulary import Status
from analyzer.rendering.workbook.engine import ROW_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from xlsxwriter.worksheet import Worksheet

    from analyzer.evidence.summary import Summary
    from analyzer.rendering.workbook.engine import Book

_TOP: Final = 4
"""The row of the header."""


class _Column(NamedTuple):
    """A column of counts: of findings of one status, of the check at one position."""

    title: str
    status: Status
    check: int


def matrix(book: Book, summary: Summary) -> None:
    """Write the sheet."""
    sheet = book.sheet("Matrix")
    every = range(len(summary.checklist.checks))
    undecided = [at for at, counts in enumerate(summary.by_control) if counts[Status.NOT_CHECKED]]
    fails = [_Column("fails", Status.FAIL, at) for at in every]
    columns = [*fails, *(_Column("not checked", Status.NOT_CHECKED, at) for at in undecided)]
    sheet.set_column(0, 0, 16)
    sheet.set_column(1, len(columns), 6.5)
    # In order of rows: what comes too late is lost (constant memory).
    sheet.write_string(0, 0, "Control by account", book.styles.title)
    apart = " What is waived is left out (sheet Waivers)." if summary.totals["waived"] else ""
    note = f"How often each control fails or could not be decided; a dash: nothing to judge.{apart}"
    sheet.write_string(1, 0, note, book.styles.text)
    _header(book, sheet, summary, columns)
    accounts = list(summary.by_account.index)
    judged = np.sum([summary.matrix[s].to_numpy() for s in (Status.PASS, Status.FAIL, Status.NOT_CHECKED)], axis=0)
    numbers = [summary.open_matrix[column.status].to_numpy()[column.check] for column in columns]
    _counts(book, sheet, accounts, numbers, [judged[column.check] > 0 for column in columns])
    last = _TOP + max(len(accounts), 1)
    for first, end, fill in ((1, len(fails), "fail"), (len(fails) + 1, len(columns), "not_checked")):
        if end >= first:
            style = book.styles.fills[fill]
            rule = {"type": "cell", "criteria": "between", "minimum": 1, "maximum": ROW_LIMIT, "format": style}
            sheet.conditional_format(_TOP + 1, first, last, end, rule)


def _header(book: Book, sheet: Worksheet, summary: Summary, columns: Sequence[_Column]) -> None:
    """Write the two lines of the header: what is counted, and of which control."""
    for column, title in enumerate(["", *(one.title for one in columns)]):
        repeated = column > 1 and title == columns[column - 2].title
        sheet.write_string(_TOP - 1, column, "" if repeated else title, book.styles.header)
    sheet.set_row(_TOP, 190)
    sheet.write_string(_TOP, 0, "account_id", book.styles.header)
    for column, one in enumerate(columns, start=1):
        check = summary.checklist.checks[one.check]
        number = f" ({check.requirement})" if check.requirement else ""
        sheet.write_string(_TOP, column, f"{check.control.id}{number}", book.styles.upright)
    sheet.freeze_panes(_TOP + 1, 1)
    sheet.repeat_rows(_TOP - 1, _TOP)


def _counts(
    book: Book,
    sheet: Worksheet,
    accounts: Sequence[str],
    numbers: Sequence[npt.NDArray[np.int64]],
    judged: Sequence[npt.NDArray[np.bool_]],
) -> None:
    """Write the counts of each account; a dash where nothing was judged."""
    for at, account in enumerate(accounts):
        sheet.write_string(_TOP + 1 + at, 0, str(account), book.styles.text)
        for column, (values, shown) in enumerate(zip(numbers, judged, strict=True), start=1):
            if shown[at]:
                sheet.write_number(_TOP + 1 + at, column, int(values[at]), book.styles.number)
            else:
                sheet.write_string(_TOP + 1 + at, column, "-", book.styles.number)
