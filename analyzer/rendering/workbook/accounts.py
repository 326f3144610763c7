"""The sheet Accounts: the counts of each account, in total and by control."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from analyzer.controls.vocabulary import Status
from analyzer.evidence.counted import without_manual
from analyzer.rendering import waivers
from analyzer.rendering.workbook.engine import ROW_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt
    from xlsxwriter.worksheet import Worksheet

    from analyzer.evidence.account_labels import AccountLabels
    from analyzer.evidence.summary import Summary
    from analyzer.rendering.workbook.engine import Book

SHEET: Final = "Accounts"
_TOP: Final = 4
"""The row of the header (0 is the top row)."""
_UPRIGHT_CHARACTER: Final = 6.8
"""The height of a character of an upright heading, in points."""
_HIGHEST_ROW: Final = 409
"""The highest row that Excel allows, in points."""


_HEADS: Final = {"waived": waivers.WAIVED}
"""The headings of sums that are not their names."""
_APART: Final = (
    " The columns of controls do not count waived checks (sheet Waivers). The sums of all controls count them and show "
    f'beside it how many there are: "{waivers.WAIVED}".'
)


def in_words(names: Sequence[str]) -> list[str]:
    """Return the headings of counts, by their names."""
    return [_HEADS.get(name, str(name).replace("_", " ")) for name in names]


class _Column(NamedTuple):
    """A column with a count for each account; a dash is shown where `judged` is false."""

    group: str
    title: str
    counts: npt.NDArray[np.int64]
    judged: npt.NDArray[np.bool_]
    fill: str | None


def sums_of_accounts(summary: Summary) -> tuple[list[str], list[list[int]]]:
    """Return the names of the sums by account, and the sums of each account, those with the most failures first.

    `not_checked` is without manual checks.
    """
    names = [*Status, *(name for name in ("manual", "waived") if summary.totals[name])]
    return [str(name) for name in names], without_manual(summary)[names].to_numpy().tolist()


def accounts_sheet(book: Book, summary: Summary, labels: AccountLabels) -> None:
    """Write the sheet, with a row for each account and a column for each control."""
    sheet = book.sheet(SHEET)
    columns, first = list(_columns(summary)), 1 + len(labels.headings)
    sheet.set_column(0, 0, 16)
    if labels.headings:
        sheet.set_column(1, first - 1, 22)
    sheet.set_column(first, first + len(columns) - 1, 7)
    # Write row by row: in constant memory mode, XlsxWriter drops cells of rows above the last one.
    sheet.write_string(0, 0, "Controls by account", book.styles.title)
    apart = _APART if summary.totals["waived"] else ""
    note = f"How often each control fails, is not checked or needs a manual check. A dash: nothing judged.{apart}"
    sheet.write_string(1, 0, note, book.styles.text)
    _header(book, sheet, ["account_id", *labels.headings], columns)
    accounts = [str(account) for account in summary.by_account.index]
    for position, account in enumerate(accounts):
        row = _TOP + 1 + position
        for column, text in enumerate([account, *labels.words_of(account)]):
            sheet.write_string(row, column, text, book.styles.text)
        for column, count_column in enumerate(columns, start=first):
            if count_column.judged[position]:
                sheet.write_number(row, column, int(count_column.counts[position]), book.styles.number)
            else:
                sheet.write_string(row, column, "-", book.styles.number)
    for column, count_column in enumerate(columns, start=first):
        if count_column.fill is not None:
            style = {**book.styles.fills, "manual": book.styles.manual_fill}[count_column.fill]
            rule = {"type": "cell", "criteria": "between", "minimum": 1, "maximum": ROW_LIMIT, "format": style}
            sheet.conditional_format(_TOP + 1, column, _TOP + max(len(accounts), 1), column, rule)


def _columns(summary: Summary) -> Iterator[_Column]:
    """Yield the columns: sums of all controls, then by control failures, checks not checked and manual checks."""
    names, sums = sums_of_accounts(summary)
    always = np.ones(len(sums), bool)
    for position, head in enumerate(in_words(names)):
        yield _Column("all controls", head, np.array([row[position] for row in sums], np.int64), always, None)
    judged = np.sum([summary.matrix[s].to_numpy() for s in (Status.PASS, Status.FAIL, Status.NOT_CHECKED)], axis=0) > 0
    manual = summary.manual_matrix.to_numpy()
    groups = {
        "fails": ("fail", summary.open_matrix[Status.FAIL].to_numpy()),
        "not checked": ("not_checked", summary.open_matrix[Status.NOT_CHECKED].to_numpy() - manual),
        "manual check": ("manual", manual),
    }
    for group, (fill, matrix) in groups.items():
        for position, check in enumerate(summary.checklist.checks):
            if fill == "fail" or matrix[position].any():
                number = f" ({check.requirement})" if check.requirement else ""
                yield _Column(group, f"{check.control.id}{number}", matrix[position], judged[position], fill)


def _header(book: Book, sheet: Worksheet, names: Sequence[str], columns: Sequence[_Column]) -> None:
    """Write the two lines of the header: groups of columns, and the columns."""
    groups = [*("" for _ in names), *(count_column.group for count_column in columns)]
    for column, group in enumerate(groups):
        repeated = column > 0 and group == groups[column - 1]
        sheet.write_string(_TOP - 1, column, "" if repeated else group, book.styles.header)
    longest = max(len(column.title) for column in columns)
    sheet.set_row(_TOP, min(longest * _UPRIGHT_CHARACTER + 6, _HIGHEST_ROW))
    for column, name in enumerate(names):
        sheet.write_string(_TOP, column, name, book.styles.header)
    for column, count_column in enumerate(columns, start=len(names)):
        sheet.write_string(_TOP, column, count_column.title, book.styles.upright)
    sheet.freeze_panes(_TOP + 1, 1)
    sheet.repeat_rows(_TOP - 1, _TOP)
