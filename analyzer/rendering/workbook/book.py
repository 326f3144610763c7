"""`workbook.xlsx`: the answer, the evidence row by row, the method in words and where everything came from.

Texts come from reports that others can write into, so nothing in them may act: formulas and links are never made of
data, and a text that a spreadsheet would evaluate once somebody edits its cell is marked as text (quote prefix).
"""

from __future__ import annotations

import textwrap
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer import __version__
from analyzer.controls.vocabulary import JUDGED_KINDS, Outcome, Status
from analyzer.evidence.plain import iso
from analyzer.evidence.schema import CREDENTIALS, FEW, FINDINGS, ISSUES, TEXT, to_arrow
from analyzer.evidence.summary import answer, overall, scope
from analyzer.reading.columns import TIME
from analyzer.reading.issues import CODES
from analyzer.reading.layout import Kind
from analyzer.rendering.workbook import rows as sheet_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from analyzer.controls.checklist import Check, Checklist
    from analyzer.evidence.result import Audit

ROW_LIMIT: Final = 1_048_576
"""Rows of a sheet, the header included (Excel specifications and limits)."""
_TEXT_LIMIT: Final = 32_767
_CUT: Final = " … [cut: longer than a cell can hold]"
_EVALUATED: Final = r"^[=+\-@\t\r]"
"""First characters that make a spreadsheet take an edited text for a formula (OWASP, CSV injection)."""
_BATCH: Final = 10_000
_SECONDS_BEFORE_1970: Final = 25_569 * 86_400
"""From Excel's day 0 to 1970."""
_FIRST_DAY: Final = 61
"""1900-03-01: before it Excel counts a day that never was."""
_LAST_DAY: Final = 2_958_465
"""9999-12-31."""
_TIME_FORMAT: Final = 'yyyy-mm-dd hh:mm:ss"Z"'
_MADE: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - any fixed time: equal inputs give equal bytes

_TITLE: Final = "Credential report audit"
READING_ORDER: Final = (
    *("control", "requirement", "severity", "status", "waiver", "account_id", "user", "arn", "credential", "basis"),
    *(
        "basis_time",
        "idle_days",
        "age_days",
        "limit_days",
        "as_of",
        "reason",
        "message",
        "captured_at",
        "source",
        "line",
    ),
)
"""The columns of findings in the order in which they are read."""

_WIDEST: Final = {"sha256": 66, "scope": 100, "message": 100, "value": 40, "last_used_service": 20}
"""Columns are as wide as their longest text, up to this many characters, or `_WIDEST_TEXT`."""
_WIDEST_TEXT: Final = 60
_WIDTH_OF_LINES: Final = 110
_PREFACE_WIDTH: Final = 150
_FILTER_ARROW: Final = 4
_TIME_WIDTH: Final = 22
_LINE_HEIGHT: Final = 15
_MOST_LINES: Final = 27
"""Excel allows no row higher than 409 points."""

_LAST: Final = 7
"""The last column of the sheet Summary."""
_WAIVERS: Final = pa.schema(
    {
        "id": TEXT,
        "state": TEXT,
        "failing": pa.int64(),
        "not_checked": pa.int64(),
        "scope": TEXT,
        "reason": TEXT,
        "owner": TEXT,
        "expires": TEXT,
        "ticket": TEXT,
        "line": pa.int64(),
    }
)
_INPUTS: Final = pa.schema(
    {
        "name": TEXT,
        "sha256": TEXT,
        "bytes": pa.int64(),
        "rows": pa.int64(),
        "rejected": pa.int64(),
        "account_id": TEXT,
        "captured_at": TIME,
        "captured_from": TEXT,
        "newest_time": TIME,
        "judged": pa.bool_(),
        "as_of": TIME,
        "container": TEXT,
        "encoding": TEXT,
        "layout": TEXT,
    }
)


def write(audit: Audit, folder: Path, *, row_limit: int = ROW_LIMIT) -> list[Path]:
    """Write `workbook.xlsx` into `folder`; tables longer than `row_limit` go on in further sheets. Return its path."""
    with _workbook(folder, _TITLE, row_limit) as (book, path):
        _summary(book, audit)
        if len(audit.checklist.checks) > 1:
            _matrix(book, audit)
        findings = to_arrow(audit.worst_first, FINDINGS).select(READING_ORDER)
        book.table("Findings", findings, leading="user", pages_wide=3)
        if audit.checklist.policy:
            _waivers(book, audit)
        credentials = to_arrow(audit.credentials, CREDENTIALS.append(pa.field("outcome", FEW)))
        book.table("Credentials", credentials, leading="user")
        book.table("Data issues", to_arrow(audit.issues, ISSUES), wrapped="message")
        _method(book, audit)
        _provenance(book, audit)
    return [path]


def write_tables(
    title: str, lines: Sequence[str], method: Sequence[str], tables: Mapping[str, pa.Table], folder: Path
) -> list[Path]:
    """Write `workbook.xlsx` into `folder`: a summary of `title`, `lines` and `method`, and a sheet for each table."""
    with _workbook(folder, title) as (book, path):
        sheet = book.sheet("Summary")
        sheet.set_column(0, 0, _WIDTH_OF_LINES)
        sheet.write_string(0, 0, title, book.title)
        for row, line in enumerate((*lines, "", *method), start=2):
            # The first line is larger; not every program fits heights to texts by itself.
            style, room = (book.lead, _WIDTH_OF_LINES * 3 // 4) if row == 2 else (book.wrapped, _WIDTH_OF_LINES)
            sheet.set_row(row, _LINE_HEIGHT * max(len(textwrap.wrap(line, room)), 1) + (2 if row == 2 else 0))
            sheet.write_string(row, 0, line, style)
        for name, table in tables.items():
            book.table(
                name.replace("_", " ").capitalize(), table, leading="user" if "user" in table.column_names else None
            )
    return [path]


@contextmanager
def _workbook(folder: Path, title: str, row_limit: int = ROW_LIMIT) -> Iterator[tuple[_Book, Path]]:
    """Yield a workbook to fill, and its path in `folder`."""
    from xlsxwriter import Workbook  # noqa: PLC0415 - only this format needs it
    from xlsxwriter.exceptions import XlsxFileError  # noqa: PLC0415

    path = folder / "workbook.xlsx"
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
        # Rows wait here until the end: never outside the private folder, and gone with it if the run fails.
        "tmpdir": str(folder),
    }
    try:
        with Workbook(str(path), options) as workbook:
            workbook.set_properties({"title": title, "comments": f"credreport {__version__}", "created": _MADE})
            yield _Book(workbook, row_limit), path
    except XlsxFileError as error:  # of the library's own kind, on a full disk for one
        raise OSError(str(error)) from error


@dataclass
class _Book:
    """A workbook with the project's formats, and the one way to write a table into it."""

    workbook: Workbook
    row_limit: int

    def __post_init__(self) -> None:
        top = {"valign": "top"}
        add: Callable[[dict[str, Any]], Format] = self.workbook.add_format
        self.title = add({"bold": True, "font_size": 16})
        self.lead = add({"bold": True, "font_size": 12, "text_wrap": True, **top})
        self.section = add({"bold": True, "font_size": 12, "top": 1, "top_color": "#7F7F7F"})
        header = {"bold": True, "bg_color": "#E7E6E6", "bottom": 1, **top}
        self.header = add(header)
        # The indent keeps a number apart from a text that begins in the next column.
        self.number_header = add({**header, "align": "right", "indent": 1})
        self.text = add({"num_format": "@", **top})
        self.guarded = add({"num_format": "@", "quote_prefix": True, **top})
        self.wrapped = add({"num_format": "@", "text_wrap": True, **top})
        self.wrapped_guarded = add({"num_format": "@", "text_wrap": True, "quote_prefix": True, **top})
        number = {"align": "right", "indent": 1, **top}
        self.number = add({"num_format": "#,##0", **number})
        self.plain_number = add({"num_format": "0", **number})
        self.upright = add({**header, "rotation": 90, "valign": "bottom"})
        self.time = add({"num_format": _TIME_FORMAT, "align": "left", **top})
        self.fills = {
            "fail": add({"bg_color": "#F8D7C4"}),
            "not_checked": add({"bg_color": "#FFF2CC"}),
            "pass": add({"bg_color": "#DCE9F5"}),
        }

    def sheet(self, name: str, pages_wide: int = 1) -> Worksheet:
        """Return a new sheet, set up for print: landscape A4, its name and the page number on each page."""
        sheet = self.workbook.add_worksheet(name)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(pages_wide, 0)
        sheet.set_margins(left=0.4, right=0.4, top=0.6, bottom=0.6)
        sheet.set_footer("&L&A&Rpage &P of &N")
        return sheet

    def table(  # noqa: PLR0913 - a table and how it is shown
        self,
        name: str,
        table: pa.Table,
        *,
        leading: str | None = None,
        pages_wide: int = 2,
        wrapped: str | None = None,
        preface: Sequence[tuple[str, Format]] = (),
    ) -> None:
        """Write a table with a frozen, filterable header; what passes the row limit goes on in `name (2)` and so on.

        A table too wide to be read on one printed page names its `leading` column: it is printed `pages_wide` pages
        wide, with the columns up to that one on each. Texts of the column `wrapped` are broken into lines; the lines of
        `preface` stand above the header.
        """
        widths = [_width(column, field.name) for column, field in zip(table.columns, table.schema, strict=True)]
        top = len(preface) + 1 if preface else 0
        room = max(self.row_limit - top - 1, 1)
        for number, start in enumerate(range(0, max(table.num_rows, 1), room), start=1):
            sheet = self.sheet(name if number == 1 else f"{name} ({number})", pages_wide if leading else 1)
            if leading:
                sheet.repeat_columns(0, table.column_names.index(leading))
            for position, width in enumerate(widths):
                sheet.set_column(position, position, width)
            for row, (line, style) in enumerate(preface):
                sheet.set_row(row, _LINE_HEIGHT + 9 if style is self.title else _LINE_HEIGHT)
                sheet.write_string(row, 0, line, style)
            self._fill(sheet, top, table.slice(start, room), wrapped)

    def _fill(self, sheet: Worksheet, top: int, table: pa.Table, wrapped: str | None) -> None:
        last = top + max(table.num_rows, 1)
        sheet.freeze_panes(top + 1, 1 if top else 0)
        sheet.set_row(top, _LINE_HEIGHT + 3)
        sheet.repeat_rows(top)
        sheet.autofilter(top, 0, last, table.num_columns - 1)
        for name in {"status", "outcome"} & set(table.column_names):
            at = table.column_names.index(name)
            for status, fill in self.fills.items():
                rule = {"type": "cell", "criteria": "==", "value": f'"{status}"', "format": fill}
                sheet.conditional_format(top + 1, at, last, at, rule)
        for position, field in enumerate(table.schema):
            style = self.number_header if pa.types.is_integer(field.type) else self.header
            sheet.write_string(top, position, field.name, style)
        if not table.num_rows:
            sheet.write_string(last, 0, "none", self.text)
        for start in range(0, table.num_rows, _BATCH):
            self._rows(sheet, top + 1 + start, table.slice(start, _BATCH), wrapped)

    def _rows(self, sheet: Worksheet, first: int, batch: pa.Table, wrapped: str | None) -> None:
        """Write the rows of `batch` from row `first` on."""
        columns = [
            self._column(column.combine_chunks(), broken=name == wrapped)
            for name, column in zip(batch.column_names, batch.columns, strict=True)
        ]
        heights = [_LINE_HEIGHT * n if n > 1 else None for n in _lines(batch[wrapped])] if wrapped else None
        sheet_rows.put(sheet, first, columns, heights)

    def _column(self, column: pa.Array, *, broken: bool) -> sheet_rows.Cells:
        """Return the cells of a column."""
        kind = column.type
        if pa.types.is_timestamp(kind):
            return self._times(column)
        if pa.types.is_boolean(kind):
            return sheet_rows.Cells(pc.if_else(column, "true", "false"), self.text)
        if pa.types.is_integer(kind):
            return sheet_rows.Cells(column.cast(pa.string()), self.plain_number, is_number=True)
        plain, guarded = (self.wrapped, self.wrapped_guarded) if broken else (self.text, self.guarded)
        if pa.types.is_dictionary(kind):
            texts = pa.DictionaryArray.from_arrays(column.indices, _fitted(column.dictionary))
            evaluated = pc.match_substring_regex(texts.dictionary, _EVALUATED).take(texts.indices)
        else:
            texts = _fitted(column.cast(pa.string()))
            evaluated = pc.match_substring_regex(texts, _EVALUATED)
        return sheet_rows.Cells(texts, plain, others=_true(evaluated), other=guarded)

    def _times(self, column: pa.Array) -> sheet_rows.Cells:
        """Return times as Excel's day numbers, cut to the second: the last microsecond of a day must stay that day.

        Times that Excel cannot hold, or counts wrongly (before 1900-03-01), are written as text.
        """
        micros = np.asarray(pc.fill_null(column.cast(pa.int64()), 0))
        seconds = np.floor_divide(micros, 1_000_000)
        days = (seconds + _SECONDS_BEFORE_1970) / 86_400
        known = np.asarray(column.is_valid())
        held = (days >= _FIRST_DAY) & (days < _LAST_DAY + 1)
        instead = None
        if (known & ~held).any():
            times = pa.array(seconds, mask=~known | held).cast(pa.timestamp("s"))
            instead = sheet_rows.Cells(pc.strftime(times, "%Y-%m-%dT%H:%M:%SZ"), self.text)
        return sheet_rows.Cells(
            pa.array(days, mask=~(known & held)).cast(pa.string()), self.time, is_number=True, instead=instead
        )


def _true(mask: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(pc.fill_null(mask, fill_value=False))


def _fitted(texts: pa.Array) -> pa.Array:
    """Return texts, those cut that are longer than a cell can hold."""
    long = _true(pc.greater(pc.binary_length(texts), _TEXT_LIMIT))
    if not long.any():
        return texts
    cut = [_fitting(text) for text in texts.filter(pa.array(long)).to_pylist()]
    return pc.replace_with_mask(texts, pa.array(long), pa.array(cut, pa.string()))


def _lines(texts: pa.ChunkedArray) -> list[int]:
    """Return how many lines broken texts take: not every program fits heights to texts by itself."""
    filled = _WIDEST["message"] - 10  # a line seldom ends with its last word at the edge
    length = np.asarray(pc.fill_null(pc.utf8_length(texts), 0))
    return np.minimum(-(-length // filled), _MOST_LINES).tolist()  # type: ignore[no-any-return]


def _fitting(text: str) -> str:
    """Return `text`, cut with a mark where it is longer than a cell can hold; Excel counts UTF-16 units."""
    units = text.encode("utf-16-le")
    if len(units) <= 2 * _TEXT_LIMIT:
        return text
    return units[: 2 * (_TEXT_LIMIT - len(_CUT))].decode("utf-16-le", errors="ignore") + _CUT


def _width(column: pa.ChunkedArray, name: str) -> int:
    """Return the width in characters at which a column's header and cells can be read."""
    if pa.types.is_timestamp(column.type):
        return _TIME_WIDTH
    text = column.cast(pa.string())
    longest = pc.max(pc.utf8_length(text)).as_py() or 0
    return max(len(name) + _FILTER_ARROW, min(longest, _WIDEST.get(name, _WIDEST_TEXT)) + 2)


def _summary(book: _Book, audit: Audit) -> None:
    sheet = book.sheet("Summary")
    sheet.set_column(0, 0, 30)
    sheet.set_column(1, 7, 15)
    sheet.set_row(0, 24)
    sheet.write_string(0, 0, _TITLE, book.title)
    sheet.set_row(1, 34)
    sheet.merge_range(1, 0, 1, _LAST, answer(audit), book.lead)
    sheet.merge_range(2, 0, 2, _LAST, scope(audit), book.wrapped)
    row = 4
    if audit.checklist.unused:
        row = _grid(book, sheet, row, "unused-credentials, by kind of credential", *_by_kind(audit)) + 1
    if len(audit.checklist.checks) > 1:
        row = _grid(book, sheet, row, overall(audit), *_by_control(audit)) + 1
    row = _pairs(book, sheet, row, "What was judged", _facts(audit))
    issues = [[code, count, CODES[code].title] for code, count in audit.issue_counts.items()]
    row = _grid(book, sheet, row + 1, "Data issues, gravest first (sheet Data issues)", ["code", "count", ""], issues)
    columns = [*Status, *(["waived"] if audit.totals["waived"] else [])]
    accounts = [
        [account, *(int(count) for count in counts)]
        for account, counts in zip(audit.by_account.index, audit.by_account[columns].to_numpy(), strict=True)
    ]
    title = f"By account, most failures first{' (by control: sheet Matrix)' if len(audit.checklist.checks) > 1 else ''}"
    _grid(book, sheet, row + 1, title, ["account_id", *_words(columns)], accounts)


def _matrix(book: _Book, audit: Audit) -> None:
    """Write how often each control fails in each account: a row an account, a column a control."""
    sheet = book.sheet("Matrix")
    chosen, counts = audit.checklist.checks, audit.by_control
    undecided = [position for position, found in enumerate(counts) if found[Status.NOT_CHECKED]]
    groups = [("fails", Status.FAIL, list(range(len(chosen)))), ("not checked", Status.NOT_CHECKED, undecided)]
    columns = [(what, status, position) for what, status, positions in groups for position in positions]
    sheet.set_column(0, 0, 16)
    sheet.set_column(1, len(columns), 6.5)
    # In order of rows: what comes too late is lost (constant memory).
    sheet.write_string(0, 0, "Control by account", book.title)
    apart = " What is waived is left out (sheet Waivers)." if audit.totals["waived"] else ""
    note = f"How often each control fails or could not be decided; a dash: nothing to judge.{apart}"
    sheet.write_string(1, 0, note, book.text)
    top = 4
    for column, title in enumerate(["", *(what for what, _, _ in columns)]):
        repeated = column > 1 and title == columns[column - 2][0]
        sheet.write_string(top - 1, column, "" if repeated else title, book.header)
    sheet.set_row(top, 190)
    sheet.write_string(top, 0, "account_id", book.header)
    for column, (_, _, position) in enumerate(columns, start=1):
        one = chosen[position]
        number = f" ({one.requirement})" if one.requirement else ""
        sheet.write_string(top, column, f"{one.control.id}{number}", book.upright)
    sheet.freeze_panes(top + 1, 1)
    sheet.repeat_rows(top - 1, top)
    judged = np.sum([audit.matrix[s].to_numpy() for s in (Status.PASS, Status.FAIL, Status.NOT_CHECKED)], axis=0)
    numbers = [audit.open_matrix[status].to_numpy()[position] for _, status, position in columns]
    known = [judged[position] > 0 for _, _, position in columns]
    accounts = list(audit.by_account.index)
    for at, account in enumerate(accounts):
        sheet.write_string(top + 1 + at, 0, str(account), book.text)
        for column, (values, shown) in enumerate(zip(numbers, known, strict=True), start=1):
            if shown[at]:
                sheet.write_number(top + 1 + at, column, int(values[at]), book.number)
            else:
                sheet.write_string(top + 1 + at, column, "-", book.number)
    last = top + max(len(accounts), 1)
    for first, end, fill in (
        (1, len(chosen), book.fills["fail"]),
        (len(chosen) + 1, len(columns), book.fills["not_checked"]),
    ):
        if end >= first:
            rule = {"type": "cell", "criteria": "between", "minimum": 1, "maximum": ROW_LIMIT, "format": fill}
            sheet.conditional_format(top + 1, first, last, end, rule)


def _waivers(book: _Book, audit: Audit) -> None:
    """Write the policy's waivers, and what each covers."""
    table = pa.Table.from_pandas(audit.waivers, schema=_WAIVERS, preserve_index=False)
    book.table("Waivers", table, wrapped="reason")


def _words(values: Sequence[str]) -> list[str]:
    return [str(value).replace("_", " ") for value in values]


def _by_kind(audit: Audit) -> tuple[list[str], list[list[Any]]]:
    shown = [*Status, Outcome.INACTIVE]
    names = {Kind.PASSWORD: "passwords", Kind.ACCESS_KEY: "access keys"}
    rows: list[list[Any]] = [
        [
            names[kind],
            sum(audit.count(kind, outcome) for outcome in (Outcome.PASS, Outcome.FAIL, Outcome.NOT_CHECKED)),
            *(audit.count(kind, outcome) for outcome in shown),
        ]
        for kind in JUDGED_KINDS
    ]
    rows.append(["all", *(sum(column) for column in list(zip(*rows, strict=True))[1:])])
    return ["", "judged", *_words(shown)], rows


def _by_control(audit: Audit) -> tuple[list[str], list[list[Any]]]:
    columns = ["fail", "not_checked", "pass", *(["waived"] if audit.totals["waived"] else [])]
    rows = []
    for one, counts in zip(audit.checklist.checks, audit.by_control, strict=True):
        changed = " *" if audit.checklist.is_changed(one) else ""
        limit = f"{one.limit_days:,} days{changed}" if one.limit_days else changed.strip()
        shown = [counts[name] if counts["judged"] else "-" for name in columns]
        rows.append([one.control.id, one.requirement or "-", one.severity.value, limit, *shown])
    return ["control", audit.checklist.numbers_of.label, "severity", "limit", *_words(columns)], rows


def _facts(audit: Audit) -> list[list[Any]]:
    summary, checklist = audit.summary, audit.checklist
    outcomes = audit.credentials["outcome"].value_counts()
    instants = summary["as_of"]
    when = "none" if not instants else instants[0] if len(instants) == 1 else f"{instants[0]} to {instants[-1]}"
    own = "" if audit.settings.as_of else " (each report at its own capture time)"
    return [
        [
            "Controls",
            f"{len(checklist.checks)}, of {checklist.benchmark.title}"
            if checklist.benchmark
            else len(checklist.checks),
        ],
        ["Reference instant (UTC)", when + own],
        *(
            [["Unused: fails when idle for", f"{checklist.unused.limit_days:,} days or more"]]
            if checklist.unused
            else []
        ),
        *([["Policy", checklist.policy.name]] if checklist.policy else []),
        *([["* set otherwise", ", ".join(checklist.changes)]] if checklist.changes else []),
        *([["Switched off by the policy", ", ".join(checklist.left_out)]] if checklist.left_out else []),
        ["Reports read", summary["reports"]],
        ["Reports judged", summary["reports_judged"]],
        ["Rows read", summary["rows"] - summary["rows_rejected"]],
        ["Rows rejected", summary["rows_rejected"]],
        ["Rows of IAM users", summary["users"] - summary["root_rows"]],
        ["Rows of root", summary["root_rows"]],
        ["Credentials in snapshots not judged", int(outcomes.get(Outcome.OTHER_SNAPSHOT, 0))],
        ["Times in this workbook", "UTC, cut to the second"],
    ]


def _put(book: _Book, sheet: Worksheet, row: int, column: int, value: str | int) -> None:
    if isinstance(value, str):
        sheet.write_string(row, column, value, book.text)
    else:
        sheet.write_number(row, column, value, book.number)


def _grid(  # noqa: PLR0913 - a table and its place
    book: _Book, sheet: Worksheet, row: int, title: str, header: list[str], rows: list[list[Any]]
) -> int:
    """Write a titled table of words and counts; return the row behind it."""
    for column in range(_LAST + 1):
        sheet.write_string(row, column, title if column == 0 else "", book.section)
    for column, name in enumerate(header):
        is_number = any(isinstance(cells[column], int) for cells in rows if len(cells) > column)
        sheet.write_string(row + 1, column, name, book.number_header if is_number else book.header)
    for below, cells in enumerate(rows or [["none"]], start=row + 2):
        for column, value in enumerate(cells):
            _put(book, sheet, below, column, value)
    return row + 2 + max(len(rows), 1)


def _pairs(book: _Book, sheet: Worksheet, row: int, title: str, pairs: list[list[Any]]) -> int:
    """Write a titled list of names with their values; return the row behind it."""
    for column in range(_LAST + 1):
        sheet.write_string(row, column, title if column == 0 else "", book.section)
    for below, (name, value) in enumerate(pairs, start=row + 1):
        sheet.write_string(below, 0, name, book.text)
        _put(book, sheet, below, 1, value)
    return row + 1 + len(pairs)


_RULE: Final = (
    (
        "A password is counted from the time it was last used (password_last_used), or, where it was never used, "
        "from the time it was last changed (password_last_changed). An access key is counted from its last use "
        "(access_key_n_last_used_date), or, where it was never used, from its creation "
        "(access_key_n_last_rotated). Elapsed time is exact: idle_days are whole periods of 24 hours up to the "
        "reference instant."
    ),
    (
        "A credential that lay idle for {limit} days or more fails. Only active credentials are judged "
        "(password_enabled, access_key_n_active). Root is excluded, as in the benchmark: it is not meant for daily "
        "work, so lying unused is what is wanted of it."
    ),
    (
        "Where the report does not say when a credential was last used, that instant is bounded by the earliest "
        "and the latest it can have been. It passes if even the earliest is within the limit, fails if even the "
        "latest is beyond it, and is not_checked otherwise. An unknown never becomes a pass."
    ),
)
_SOURCE: Final = (
    "Source: CIS AWS Foundations Benchmark, credentials unused for 45 days or more: 1.12 (v1.4 to v4.0.1), "
    "1.11 (v5.0), 2.11 (v6.0 and v7.0); for 90 days or more: 1.3 (v1.2), 1.12 (v1.3)."
)
_EVALUATION: Final = (
    (
        "Each control says of each subject that it passes, fails, or cannot be decided (not_checked, with the reason). "
        "What is unknown never becomes a pass: a control fails or passes only where the evidence leaves no other "
        "reading."
    ),
    (
        "Where an instant is not known it is bounded by others. Flags that are neither true nor false are unknown. "
        "Users, keys and certificates made after the reference instant are not applicable. Flags (active, MFA, "
        "password) are those of the report's own time, which may differ from the reference instant: see captured_at."
    ),
    (
        "A finding that a waiver of the policy covers keeps its status, names the waiver, and is not counted "
        "for the exit code."
    ),
)
_AGE: Final = "key: its creation; password: user creation"
_EVIDENCE: Final = (
    ("evidence", "counted from (earliest)", "latest", "reason"),
    ("last use known, at or before the reference instant", "last use", "last use", "last_used"),
    ("never used; last change known, at or before the reference instant", "last change", "last change", "never_used"),
    (
        "last use after the reference instant",
        _AGE,
        "reference instant",
        "used_after_as_of",
    ),
    (
        "last use blank, not_supported, unreadable or no such column",
        _AGE,
        "reference instant",
        "last_use_unknown",
    ),
    (
        "never used; last change absent, unreadable or after the instant",
        "user creation",
        "reference instant",
        "age_unknown",
    ),
    ("the earliest instant is not known either: not_checked", "not known", "reference instant", "the same reason"),
    ("key or user created after the reference instant: not_applicable", "", "", "created_after_as_of"),
    ("active flag unreadable or missing: not_checked", "", "", "active_unknown"),
)
_CAVEATS: Final = (
    (
        "With the reasons used_after_as_of, last_use_unknown and age_unknown, idle_days in the findings is the "
        "most it can be, and basis_time the earliest possible. The sheet Credentials gives idle_days only where "
        "it is known."
    ),
    (
        "AWS records only the first use in each span of 5 minutes (passwords) or 15 minutes (keys), and cuts key "
        "uses to the minute: a key used just before the report may still look unused, and a use up to 60 seconds "
        "before the key's creation or after the reference instant is no contradiction."
    ),
    ("AWS began to record password use on 2014-10-20 and key use on 2015-04-22: never used means not used since."),
    ("AWS lost the password use of 2018-05-04T05:50Z to 2018-05-23T21:08Z: the time shown is the use before that gap."),
    (
        "A report holds no time of its own, and AWS serves the same one for up to four hours: it may be older "
        "than its download. Where no reference instant was given, the capture time came from the envelope, file "
        "or folder name (sheet Provenance). A date without a time stands for the end of that day, UTC."
    ),
    (
        "Key slots are not identities: after a rotation the same key may stand in the other slot. A key is "
        "recognised by its creation time. An inactive key keeps its date; there are no inactive passwords, only "
        "removed ones."
    ),
    (
        "A password made anew may show the last use of the one before; it is judged by the time shown, as the "
        "benchmark says."
    ),
    ("The report does not say when a signing certificate was used."),
)


def _method(book: _Book, audit: Audit) -> None:
    sheet = book.sheet("Method")
    for column, width in enumerate((70, 40, 18, 22)):
        sheet.set_column(column, column, width)
    sheet.write_string(0, 0, "Method", book.title)

    def paragraphs(row: int, title: str, texts: Sequence[str]) -> int:
        for column in range(4):
            sheet.write_string(row, column, title if column == 0 else "", book.section)
        for below, text in enumerate(texts, start=row + 1):
            # Merged cells do not grow with their text: about 140 characters fit in a line.
            sheet.set_row(below, _LINE_HEIGHT * (len(text) // 140 + 1) + 3)
            sheet.merge_range(below, 0, below, 3, text, book.wrapped)
        return row + len(texts) + 2

    row = 2
    unused = audit.checklist.unused
    if unused:
        row = paragraphs(row, "Unused credentials", _unused_rule(unused, audit.checklist))
        for below, cells in enumerate(_EVIDENCE, start=row):
            for column, text in enumerate(cells):
                sheet.write_string(below, column, text, book.header if below == row else book.wrapped)
            if len(cells[0]) > 70:
                sheet.set_row(below, 31)
        row += len(_EVIDENCE) + 1
    row = paragraphs(row, "How every control is decided", _EVALUATION)
    for one in audit.checklist.checks:
        row = paragraphs(row, _heading(one, audit), _described(one))
    paragraphs(row, "What to know about the data", _CAVEATS)


def _unused_rule(unused: Check, checklist: Checklist) -> list[str]:
    """Return the rule of `unused-credentials` in paragraphs, and whose rule it is."""
    rule = [*(text.format(limit=unused.limit_days) for text in _RULE), _SOURCE]
    if checklist.benchmark:
        numbers = [str(one.requirement) for one in checklist.checks if one.control is unused.control]
        rule.append(f"Judged for {checklist.benchmark.title}: {', '.join(numbers)}.")
    return rule


def _heading(one: Check, audit: Audit) -> str:
    number = f" ({audit.checklist.numbers_of.label}: {one.requirement})" if one.requirement else ""
    return f"{one.control.id}{number}: {one.title}"


def _described(one: Check) -> list[str]:
    """Return a control in paragraphs: what is compared, by which columns, and what the report cannot show."""
    control = one.control
    limits = [
        f"{name} = {one.parameters[name]:,}{f' (set by {one.set_by[name]})' if name in one.set_by else ''}"
        for name in control.parameters
    ]
    severity = f"{one.severity.value}{' (set by policy)' if 'severity' in one.set_by else ''}"
    return [
        f"Severity {severity}. Judges {control.applies_to}. Fails when {one.say(control.fails_when)}.",
        " ".join([*([f"Limits: {', '.join(limits)}."] if limits else []), f"Columns: {', '.join(control.evidence)}."]),
        *(
            ["What the report cannot show: " + " ".join(one.say(text) for text in control.caveats)]
            if control.caveats
            else []
        ),
        f"Why: {control.rationale}",
        f"Remediation: {control.remediation}",
    ]


def _provenance(book: _Book, audit: Audit) -> None:
    made_by = [
        f"credreport {__version__}",
        *(f"{name} {version(name)}" for name in ("pandas", "pyarrow", "XlsxWriter")),
    ]
    settings, policy = audit.settings, audit.checklist.policy
    chosen = [
        f"as-of: {iso(settings.as_of) or 'each report at its own capture time'}",
        f"controls: {', '.join(dict.fromkeys(one.control.id for one in audit.checklist.checks))}",
        f"benchmark: {audit.checklist.benchmark.id if audit.checklist.benchmark else 'none chosen'}",
        f"set otherwise: {', '.join(audit.checklist.changes) or 'nothing'}",
        f"switched off: {', '.join(audit.checklist.left_out) or 'nothing'}",
        f"policy: {f'{policy.name}, sha256 {policy.sha256}' if policy else 'none'}",
        f"every-snapshot: {'yes' if settings.every_snapshot else 'no'}",
        f"account-id: {settings.account_id or 'none given'}",
    ]
    inputs = to_arrow(audit.inputs, _INPUTS)
    judged = inputs.column_names.index("judged")
    inputs = inputs.set_column(judged, "judged", pc.if_else(inputs["judged"], "yes", "no"))
    preface = [
        ("Provenance", book.title),
        (f"Made by {', '.join(made_by)}", book.text),
        # A line that is too long would make the printed table small.
        *(
            (line, book.text)
            for text in chosen
            for line in textwrap.wrap(text, _PREFACE_WIDTH, subsequent_indent="    ")
        ),
    ]
    book.table("Provenance", inputs, preface=preface)
