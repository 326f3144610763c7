"""Parse the CSV of all reports into one table of texts, with the physical line of every row.

Usually every row is as wide as its header, and one Arrow parse of the joined bytes is enough. Only reports in which the
parsed rows do not match the lines are processed line by line (`repairs`): they have further headers, rows of the wrong
width or blank lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from analyzer.reading.columns import merged_column, true_where
from analyzer.reading.endings import ends_open, note_endings
from analyzer.reading.layout import ACCOUNT, COLUMNS, LAST_USED_COLUMNS, OPTIONAL_COLUMNS, account_column
from analyzer.reading.repairs import LONGEST_LINE, line_numbers, take_apart
from analyzer.reading.source import Report

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    import numpy.typing as npt

    from analyzer.reading.containers import Header
    from analyzer.reading.issues import IssueLog
    from analyzer.reading.source import Source

    _Remark = tuple[str, str, str]
    """Code, message and column of an issue."""

_READ: Final = frozenset({*COLUMNS, ACCOUNT})
_AGAIN: Final = " again "
"""Between the name of a repeated column and its position."""
_NO_ROWS: Final = (
    "the report has a header and no rows: even an account without users has a row for root (except in the partition "
    "aws-cn); download the report again"
)
_NO_COLUMN: Final = (
    "the report does not have this column: what depends on it is not checked; use the original report from AWS"
)
_BLOCK: Final = 1 << 20
"""Bytes that Arrow parses at a time: parsing is faster if they fit in the processor's cache."""
_LARGE: Final = 1 << 24
"""Threads are used above this number of bytes. Only single large reports exceed it, because batches are smaller."""


@dataclass(frozen=True)
class RawTable:
    """Every row that was read, in the order of the reports.

    `cells` has the 23 AWS columns as texts, with nulls for reports that do not have the column, and the column
    `ACCOUNT` if some report has an account column. `report` is the position of each row in `reports`, and `line` is
    its physical line.
    """

    reports: list[Report]
    cells: pa.Table
    report: npt.NDArray[np.int32]
    line: npt.NDArray[np.int32]


def parse(sources: Sequence[Source], log: IssueLog, *, leave_out: Collection[str] = ()) -> RawTable:
    """Return the rows of all `sources`; repairs, splits and rejections go to `log`.

    The columns in `leave_out` are filled with nulls. Their cells still count for the width of a row.
    """
    reports = [_plain(number, source) for number, source in enumerate(sources)]
    tables = _parse_alike(reports, leave_out)
    suspect = {number for members, table in tables for number in _suspects(reports, members, table)}
    if suspect:
        reports = [
            part
            for number, report in enumerate(reports)
            for part in (take_apart(report, sources[report.source], log) if number in suspect else [report])
        ]
        tables = _parse_alike(reports, leave_out)
    _note_columns(reports, sources, log)
    note_endings(sources, {report.source: report.header for report in reports}, suspect, log)
    return _assemble(reports, tables)


def _plain(number: int, source: Source) -> Report:
    """Return a source as one report: a header, then one row on every line."""
    found_header = source.header
    body = memoryview(source.csv)[found_header.end + 1 :]
    first = source.csv.count(b"\n", 0, found_header.end) + 2
    newlines = np.frombuffer(body, np.uint8) == ord("\n")
    count = int(np.count_nonzero(newlines)) + bool(len(body) and not newlines[-1])
    # Around a line of more than LONGEST_LINE bytes, at least one piece of half that length has no newline.
    piece = LONGEST_LINE // 2
    pieces = newlines[: len(newlines) // piece * piece].reshape(-1, piece)
    return Report(
        number,
        found_header.header,
        body,
        line_numbers(first, count),
        may_have_long_lines=not bool(pieces.any(axis=1).all()),
    )


def _parse_alike(reports: Sequence[Report], leave_out: Collection[str]) -> list[tuple[list[int], pa.Table | None]]:
    """Parse the reports of each header together; the table is None if the rows do not match the lines."""
    alike: dict[Header, list[int]] = {}
    for number, report in enumerate(reports):
        alike.setdefault(report.header, []).append(number)
    return [
        (members, _parse_joined(header, [reports[member] for member in members], leave_out))
        for header, members in alike.items()
    ]


def _parse_joined(header: Header, reports: Sequence[Report], leave_out: Collection[str]) -> pa.Table | None:
    """Return the rows of reports with the same header as texts; None unless every line is a row of full width."""
    names = _unique_names(header.columns)
    read_names = [name for name in names if _base(name) in _READ and _base(name) not in leave_out]
    expected = sum(len(report.lines) for report in reports)
    if not expected:
        return pa.table({name: pa.array([], pa.string()) for name in read_names if _base(name) == name})
    is_odd = False

    def refuse(_: object) -> str:
        nonlocal is_odd
        is_odd = True
        return "skip"

    joined = b"\n".join(_without_last_newline(report.body) for report in reports if report.body)
    if not joined:  # blank lines only
        return None
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(joined),
            # Threads are only useful for one large report: small reports are parsed in parallel anyway.
            read_options=arrow_csv.ReadOptions(
                column_names=names, block_size=min(len(joined) + 1, _BLOCK), use_threads=len(joined) > _LARGE
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=header.delimiter, invalid_row_handler=refuse, ignore_empty_lines=False
            ),
            convert_options=arrow_csv.ConvertOptions(
                # Sources are valid UTF-8 here, so this is not checked again.
                check_utf8=False,
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=read_names,
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:  # a line is longer than a block of Arrow
        return None
    if is_odd or table.num_rows != expected:
        return None
    table = _with_columns_once(table)
    # With tabs as delimiters, a quoted cell may contain a tab that has to be trimmed.
    if header.delimiter == "\t" or any(blank in joined for blank in (b" ", b"\v", b"\f", b"\t")):
        trimmed = [pc.ascii_trim_whitespace(column) for column in table.columns]
        table = pa.table(trimmed, names=table.column_names)
    return table


def _without_last_newline(body: bytes | memoryview) -> bytes | memoryview:
    return body[:-1] if body[-1:] == b"\n" else body


def _unique_names(columns: Iterable[str]) -> list[str]:
    """Return distinct column names, as Arrow needs them: unknown, blank and repeated names are replaced."""
    columns = tuple(columns)
    seen: set[str] = set()
    of_account = account_column(columns)
    names = []
    for position, column in enumerate(columns):
        name = ACCOUNT if column == of_account else column if column in COLUMNS else f"unknown {position}"
        names.append(f"{name}{_AGAIN}{position}" if column in seen else name)
        seen.add(column)
    return names


def _base(name: str) -> str:
    """Return the column that a distinct name stands for."""
    return name.partition(_AGAIN)[0]


def _with_columns_once(table: pa.Table) -> pa.Table:
    """Return a table in which repeated columns are one: cells that differ become a text that is no value."""
    once: dict[str, pa.ChunkedArray] = {}
    for name in table.column_names:
        base, column = _base(name), table[name]
        once[base] = merged_column(once[base], column) if base in once else column
    return table if len(once) == table.num_columns else pa.table(once)


def _suspects(reports: Sequence[Report], members: Sequence[int], table: pa.Table | None) -> set[int]:
    """Return the reports, among those parsed together, whose lines must be processed one by one.

    The result for a report must not depend on the other reports: only its own rows count.
    """
    suspect = {member for member in members if reports[member].may_have_long_lines or _ends_open(reports[member])}
    if table is not None:
        ends = np.cumsum([len(reports[number].lines) for number in members])
        owners = np.searchsorted(ends, np.flatnonzero(_odd_rows(table)), side="right")
        return suspect | {members[owner] for owner in np.unique(owners).tolist()}
    if len(members) == 1:
        return set(members)
    for number in members:
        alone = _parse_joined(reports[number].header, [reports[number]], ())
        suspect |= _suspects(reports, [number], alone)
    return suspect


def _ends_open(report: Report) -> bool:
    """Return whether a report ends inside a quoted cell, which would continue in the report joined to it."""
    end = bytes(_without_last_newline(report.body)[-LONGEST_LINE:])
    return ends_open(end[end.rfind(b"\n") + 1 :], report.header.delimiter)


def _odd_rows(table: pa.Table) -> npt.NDArray[np.bool_]:
    """Return a mask of the rows that may not be users: further headers, blank rows and rows with moved cells.

    If the report has an ARN column, rows without an ARN in it are odd. Otherwise the second column decides: only a
    header has a column name there. The first column cannot decide, because a user may be called `user`.
    """
    if "arn" in table.column_names:
        return ~true_where(pc.starts_with(table["arn"], "arn:"))
    names = [name for name in table.column_names if name != ACCOUNT]
    if len(names) < 2:
        return np.zeros(table.num_rows, bool)
    first, second = table[names[0]], table[names[1]]
    header = pc.is_in(pc.ascii_lower(second), pa.array(COLUMNS))
    odd = pc.or_(header, pc.and_(pc.equal(first, ""), pc.equal(second, "")))
    return true_where(odd)


def _note_columns(reports: Iterable[Report], sources: Sequence[Source], log: IssueLog) -> None:
    """Note unknown, repeated and missing columns, and reports without rows."""
    remarks: dict[Header, list[_Remark]] = {}
    for report in reports:
        header, name = report.header, sources[report.source].name
        if header not in remarks:  # thousands of reports have the same header
            remarks[header] = list(_remarks(header.columns))
        for code, message, column in remarks[header]:
            log.add(code, message, source=name, column=column)
        if not len(report.lines) and not report.rejected:
            log.add("no_rows", _NO_ROWS, source=name)


def _remarks(columns: Sequence[str]) -> Iterator[_Remark]:
    """Yield an issue for each unknown, repeated or missing column of a header."""
    seen: set[str] = set()
    of_account = account_column(columns)
    for column in filter(None, columns):
        if column == of_account and column not in seen:
            pass  # its cells decide whether it is used
        elif column not in COLUMNS:
            yield "unknown_column", "not a column of the credential report: it was left out", column
        elif column in seen:
            yield (
                "duplicate_column",
                "the column appears twice: where its cells differ, neither counts; save the report with one",
                column,
            )
        seen.add(column)
    # Reports of 2014 and 2015 have none of these six columns. If a report has some, the others were dropped or renamed.
    optional = OPTIONAL_COLUMNS if seen.isdisjoint(LAST_USED_COLUMNS) else OPTIONAL_COLUMNS - {*LAST_USED_COLUMNS}
    for column in COLUMNS:
        if column not in seen and column not in optional:
            yield "missing_column", _NO_COLUMN, column


def _assemble(reports: list[Report], tables: list[tuple[list[int], pa.Table | None]]) -> RawTable:
    """Return the tables of all headers as one table, in the order of the reports."""
    parts, owners = [], []
    has_account = any(table is not None and ACCOUNT in table.column_names for _, table in tables)
    columns = [*COLUMNS, *[ACCOUNT] * has_account]
    for members, table in tables:
        if table is None:  # after the repair every line is a row: this would be a bug, not bad input
            raise RuntimeError("rows and lines do not match after the repair")
        parts.append(
            pa.table(
                [
                    table[column] if column in table.column_names else pa.nulls(table.num_rows, pa.string())
                    for column in columns
                ],
                names=columns,
            )
        )
        owners.append(np.repeat(np.array(members, np.int32), [len(reports[number].lines) for number in members]))
    # One chunk: the parse leaves hundreds, which would make every later `take` slow.
    cells = pa.concat_tables(parts).combine_chunks()
    report = np.concatenate(owners)
    if len(parts) > 1:
        order = np.argsort(report, kind="stable")
        cells, report = cells.take(pa.array(order)), report[order]
    lines = [part.lines for part in reports]
    return RawTable(reports, cells, report, np.concatenate(lines))
