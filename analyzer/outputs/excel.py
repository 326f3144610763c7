"""`workbook.xlsx`: the answer, the evidence row by row, the method in words and where everything came from.

Texts come from reports that others can write into, so nothing in them may act: formulas and links are never made of
data, and a text that a spreadsheet would evaluate once somebody edits its cell is marked as text (quote prefix).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer import __version__
from analyzer.reading.columns import TIME
from analyzer.reading.issues import CODES
from analyzer.reading.layout import Kind
from analyzer.result import JUDGED_KINDS, Outcome, answer, iso, scope
from analyzer.staleness import Status
from analyzer.tables import CREDENTIALS, FEW, FINDINGS, ISSUES, TEXT, to_arrow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from analyzer.result import Audit

ROW_LIMIT: Final = 1_048_576
"""Rows of a sheet, the header included (Excel specifications and limits)."""
_TEXT_LIMIT: Final = 32_767
_CUT: Final = " … [cut: longer than a cell can hold]"
_EVALUATED: Final = r"^[=+\-@\t\r]"
"""First characters that make a spreadsheet take an edited text for a formula (OWASP, CSV injection)."""
_BATCH: Final = 10_000
_READABLE: Final = 10
"""Columns that one printed page holds in letters one can read."""
_SECONDS_BEFORE_1970: Final = 25_569 * 86_400
"""From Excel's day 0 to 1970."""
_TIME_FORMAT: Final = 'yyyy-mm-dd hh:mm:ss"Z"'
_MADE: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - any fixed time: equal inputs give equal bytes

_WIDTHS: Final = {
    "control": 19,
    "status": 13,
    "outcome": 15,
    "account_id": 15,
    "user": 24,
    "arn": 52,
    "credential": 14,
    "kind": 12,
    "active": 8,
    "basis": 28,
    "last_changed_state": 19,
    "last_used_state": 16,
    "last_used_region": 17,
    "last_used_service": 18,
    "idle_days": 11,
    "age_days": 11,
    "limit_days": 12,
    "reason": 20,
    "message": 54,
    "source": 58,
    "name": 58,
    "line": 8,
    "column": 28,
    "value": 34,
    "code": 22,
    "sha256": 67,
    "bytes": 10,
    "container": 16,
    "encoding": 14,
    "layout": 22,
    "rows": 8,
    "rejected": 11,
    "captured_from": 14,
    "judged": 8,
}
_TIME_WIDTH: Final = 21
_WRAPPED: Final = {"Data issues": ("message", 90)}

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
    from xlsxwriter import Workbook  # noqa: PLC0415 - only this format needs it

    path = folder / "workbook.xlsx"
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
    }
    with Workbook(str(path), options) as workbook:
        workbook.set_properties(
            {"title": "Unused credentials", "comments": f"credreport {__version__}", "created": _MADE}
        )
        book = _Book(workbook, row_limit)
        _summary(book, audit)
        book.table("Findings", to_arrow(audit.worst_first, FINDINGS))
        book.table("Credentials", to_arrow(audit.credentials, CREDENTIALS.append(pa.field("outcome", FEW))))
        book.table("Data issues", to_arrow(audit.issues, ISSUES))
        _method(book, audit)
        _provenance(book, audit)
    return [path]


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
        # Numbers keep off the text in the next column.
        right = {"align": "right", "indent": 1}
        self.number_header = add({**header, **right})
        self.text = add({"num_format": "@", **top})
        self.guarded = add({"num_format": "@", "quote_prefix": True, **top})
        self.wrapped = add({"num_format": "@", "text_wrap": True, **top})
        self.wrapped_guarded = add({"num_format": "@", "text_wrap": True, "quote_prefix": True, **top})
        self.number = add({"num_format": "#,##0", **right, **top})
        self.plain_number = add({"num_format": "0", **right, **top})
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

    def table(self, name: str, table: pa.Table) -> None:
        """Write a table with a frozen, filterable header; what passes the row limit goes on in `name (2)` and so on."""
        room = self.row_limit - 1
        for number, start in enumerate(range(0, max(table.num_rows, 1), room), start=1):
            wide = table.num_columns > _READABLE
            sheet = self.sheet(name if number == 1 else f"{name} ({number})", 2 if wide else 1)
            if wide:  # who it is about stands on both pages
                sheet.repeat_columns(0, table.column_names.index("user"))
            self._fill(sheet, table.slice(start, room), _WRAPPED.get(name))

    def _fill(self, sheet: Worksheet, table: pa.Table, wrapped: tuple[str, int] | None) -> None:
        for position, field in enumerate(table.schema):
            width = _WIDTHS.get(field.name, _TIME_WIDTH)
            if wrapped and field.name == wrapped[0]:
                width = wrapped[1]
            sheet.set_column(position, position, width)
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)
        sheet.autofilter(0, 0, max(table.num_rows, 1), table.num_columns - 1)
        self.rows(sheet, 0, table, wrapped[0] if wrapped else None)
        for name in {"status", "outcome"} & set(table.column_names):
            at = table.column_names.index(name)
            for status, fill in self.fills.items():
                rule = {"type": "cell", "criteria": "==", "value": f'"{status}"', "format": fill}
                sheet.conditional_format(1, at, max(table.num_rows, 1), at, rule)

    def rows(self, sheet: Worksheet, top: int, table: pa.Table, wrapped: str | None = None) -> int:
        """Write the header and rows of `table` from row `top` on; return the row behind them."""
        for position, name in enumerate(table.column_names):
            is_number = pa.types.is_integer(table.schema.field(position).type)
            sheet.write_string(top, position, name, self.number_header if is_number else self.header)
        row = top + 1
        if not table.num_rows:
            sheet.write_string(row, 0, "none", self.text)
            return row + 1
        for start in range(0, table.num_rows, _BATCH):
            batch = table.slice(start, _BATCH)
            # Rows must be written in order (constant memory), so columns are prepared whole and then interleaved.
            columns = [list(self._cells(sheet, batch.column(name), name == wrapped)) for name in batch.column_names]
            for cells in zip(*columns, strict=True):
                for position, cell in enumerate(cells):
                    if cell is not None:
                        put, value, style = cell
                        put(row, position, value, style)
                row += 1
        return row

    def _cells(
        self, sheet: Worksheet, column: pa.ChunkedArray, wrapped: bool
    ) -> Iterator[tuple[Any, Any, Format] | None]:
        """Yield for each cell how to write it, what, and in which format; None leaves it empty."""
        kind = column.type
        if pa.types.is_timestamp(kind):
            return self._time_cells(sheet, column)
        if pa.types.is_boolean(kind):
            words = pc.if_else(column, "true", "false").to_pylist()
            return (None if word is None else (sheet.write_string, word, self.text) for word in words)
        if pa.types.is_integer(kind):
            return (None if n is None else (sheet.write_number, n, self.plain_number) for n in column.to_pylist())
        texts = column.cast(pa.string())
        plain, guarded = (self.wrapped, self.wrapped_guarded) if wrapped else (self.text, self.guarded)
        risky = pc.match_substring_regex(texts, _EVALUATED).to_pylist()
        if (pc.max(pc.utf8_length(texts)).as_py() or 0) > _TEXT_LIMIT:
            kept = pc.binary_join_element_wise(pc.utf8_slice_codeunits(texts, 0, _TEXT_LIMIT - len(_CUT)), _CUT, "")
            texts = pc.if_else(pc.greater(pc.utf8_length(texts), _TEXT_LIMIT), kept, texts)
        return (
            None if text is None else (sheet.write_string, text, guarded if guard else plain)
            for text, guard in zip(texts.to_pylist(), risky, strict=True)
        )

    def _time_cells(self, sheet: Worksheet, column: pa.ChunkedArray) -> Iterator[tuple[Any, Any, Format] | None]:
        """Yield times as Excel's day numbers, cut to the second: the last microsecond of a day must stay that day.

        Excel has no time before 1900-03-01 that everybody reads alike; such are written as text.
        """
        seconds = (
            np.floor_divide(np.asarray(pc.fill_null(column.cast(pa.int64()), 0)), 1_000_000) + _SECONDS_BEFORE_1970
        )
        known = np.asarray(column.is_valid())
        early = seconds < 61 * 86_400
        whole = pa.array((seconds[known & early] - _SECONDS_BEFORE_1970).astype(np.int64)).cast(pa.timestamp("s"))
        texts = iter(pc.strftime(whole, "%Y-%m-%dT%H:%M:%SZ").to_pylist())
        for days, is_known, is_early in zip((seconds / 86_400).tolist(), known.tolist(), early.tolist(), strict=True):
            if not is_known:
                yield None
            elif is_early:
                yield sheet.write_string, next(texts), self.text
            else:
                yield sheet.write_number, days, self.time


def _summary(book: _Book, audit: Audit) -> None:
    sheet = book.sheet("Summary")
    sheet.set_column(0, 0, 30)
    sheet.set_column(1, 7, 15)
    sheet.set_row(0, 24)
    sheet.write_string(0, 0, "Unused credentials", book.title)
    sheet.set_row(1, 34)
    sheet.merge_range(1, 0, 1, 7, answer(audit), book.lead)
    sheet.merge_range(2, 0, 2, 7, scope(audit), book.wrapped)
    row = _grid(book, sheet, 4, "By kind of credential", *_by_kind(audit))
    row = _pairs(book, sheet, row + 1, "What was judged", _facts(audit))
    if audit.issue_counts:
        issues = [[CODES[code].title, count] for code, count in audit.issue_counts.items()]
        row = _pairs(book, sheet, row + 1, "Data issues (rows in the sheet of that name)", issues)
    accounts = [
        [account, *(int(count) for count in counts)]
        for account, counts in zip(audit.by_account.index, audit.by_account.to_numpy(), strict=True)
    ]
    _grid(book, sheet, row + 1, "By account, most failures first", ["account_id", *_words(list(Status))], accounts)


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


def _facts(audit: Audit) -> list[list[Any]]:
    summary = audit.summary
    instants = summary["as_of"]
    when = "none" if not instants else instants[0] if len(instants) == 1 else f"{instants[0]} to {instants[-1]}"
    own = "" if audit.settings.as_of else " (each report at its own capture time)"
    return [
        ["Control", summary["control"]],
        ["Reference instant (UTC)", when + own],
        ["Limit: fails when idle for", f"{summary['limit_days']:,} days or more"],
        ["Reports read", summary["reports"]],
        ["Reports judged", summary["reports_judged"]],
        ["Rows read", summary["rows"] - summary["rows_rejected"]],
        ["Rows rejected", summary["rows_rejected"]],
        ["Rows of root (excluded)", summary["root_rows"]],
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
    for column in range(8):
        sheet.write_string(row, column, title if column == 0 else "", book.section)
    for column, name in enumerate(header):
        sheet.write_string(row + 1, column, name, book.number_header if column else book.header)
    for below, cells in enumerate(rows or [["none"]], start=row + 2):
        for column, value in enumerate(cells):
            _put(book, sheet, below, column, value)
    return row + 2 + max(len(rows), 1)


def _pairs(book: _Book, sheet: Worksheet, row: int, title: str, pairs: list[list[Any]]) -> int:
    """Write a titled list of names with their values; the names may run on over empty cells, so values stand apart."""
    for column in range(8):
        sheet.write_string(row, column, title if column == 0 else "", book.section)
    for below, (name, value) in enumerate(pairs, start=row + 1):
        sheet.write_string(below, 0, name, book.text)
        _put(book, sheet, below, 3 if isinstance(value, int) and len(name) > 30 else 1, value)
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
        "(password_enabled, access_key_n_active). Root is excluded, as in the benchmark: it should lie unused."
    ),
    (
        "Where the report does not say when a credential was last used, that instant is bounded by the earliest "
        "and the latest it can have been. It passes if even the earliest is within the limit, fails if even the "
        "latest is beyond it, and is not_checked otherwise. An unknown never becomes a pass."
    ),
    (
        "Source: CIS AWS Foundations Benchmark, credentials unused for 45 days or more: 1.12 (v1.4 to v4.0.1), "
        "1.11 (v5.0), 2.11 (v6.0 and v7.0)."
    ),
)
_AGE: Final = "key: creation; password: user creation"
_EVIDENCE: Final = (
    ("evidence", "counted from (earliest)", "latest", "reason"),
    ("last use known, at or before the reference instant", "last use", "last use", "last_used"),
    ("never used; last change known, at or before the reference instant", "last change", "last change", "never_used"),
    (
        "last use after the reference instant",
        "key: creation; password: user creation",
        "reference",
        "used_after_as_of",
    ),
    (
        "last use blank, unreadable or no column",
        "key: creation; password: user creation",
        "reference",
        "last_use_unknown",
    ),
    (
        "never used; last change absent, unreadable or after the instant",
        "user creation",
        "reference",
        "age_unknown",
    ),
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
        "AWS records the first use in each span of 5 minutes (passwords) or 15 minutes (keys), and key uses to "
        "the minute: a last use may seem up to 60 seconds earlier than the key, or later than the reference."
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
    ("The report does not say when a signing certificate was used: certificates are listed and not judged."),
)


def _method(book: _Book, audit: Audit) -> None:
    sheet = book.sheet("Method")
    for column, width in enumerate((70, 40, 12, 22)):
        sheet.set_column(column, column, width)
    sheet.write_string(0, 0, "Method", book.title)

    def paragraphs(row: int, title: str, texts: Sequence[str]) -> int:
        for column in range(4):
            sheet.write_string(row, column, title if column == 0 else "", book.section)
        for below, text in enumerate(texts, start=row + 1):
            # Merged cells do not grow with their text: about 135 characters fit in a line.
            sheet.set_row(below, 15 * (len(text) // 135 + 1) + 3)
            sheet.merge_range(below, 0, below, 3, text, book.wrapped)
        return row + len(texts) + 2

    row = paragraphs(2, "The rule", [text.format(limit=audit.settings.max_idle_days) for text in _RULE])
    for below, cells in enumerate(_EVIDENCE, start=row):
        for column, text in enumerate(cells):
            sheet.write_string(below, column, text, book.header if below == row else book.wrapped)
        if len(cells[0]) > 70:
            sheet.set_row(below, 31)
    paragraphs(row + len(_EVIDENCE) + 1, "What to know about the data", _CAVEATS)


def _provenance(book: _Book, audit: Audit) -> None:
    sheet = book.sheet("Provenance")
    for position, field in enumerate(_INPUTS):
        sheet.set_column(position, position, _WIDTHS.get(field.name, _TIME_WIDTH))
    sheet.write_string(0, 0, "Provenance", book.title)
    made_by = [
        "credreport " + __version__,
        *(f"{name} {version(name)}" for name in ("pandas", "pyarrow", "XlsxWriter")),
    ]
    sheet.write_string(1, 0, "Made by " + ", ".join(made_by), book.text)
    settings = audit.settings
    chosen = [
        f"as-of: {iso(settings.as_of) or 'each report at its own capture time'}",
        f"max-idle-days: {settings.max_idle_days}",
        f"every-snapshot: {'yes' if settings.every_snapshot else 'no'}",
        f"account-id: {settings.account_id or 'none given'}",
    ]
    sheet.write_string(2, 0, "Settings: " + "; ".join(chosen), book.text)
    sheet.repeat_rows(4)
    sheet.freeze_panes(5, 1)
    inputs = to_arrow(audit.inputs, _INPUTS)
    sheet.autofilter(4, 0, 4 + max(inputs.num_rows, 1), len(_INPUTS) - 1)
    book.rows(sheet, 4, inputs)
