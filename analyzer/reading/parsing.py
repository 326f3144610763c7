"""CSV texts -> one table of texts, all reports in one parse, with the physical line of every row.

The common case (every row as wide as its header) costs one Arrow parse of the joined bytes. Only where the parse does
not account for every line are the reports taken apart line by line: further headers, rows of the wrong width, blank
lines. Even then Python looks at the suspect lines alone.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from analyzer.reading.columns import true_where
from analyzer.reading.containers import Header, parse_header
from analyzer.reading.layout import BOOLEAN_COLUMNS, COLUMNS, OPTIONAL_COLUMNS, ROOT_USER, SENTINELS, TIMESTAMP_COLUMNS
from analyzer.reading.times import parse_instant

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    import numpy.typing as npt

    from analyzer.reading.issues import IssueLog
    from analyzer.reading.source import Source

_SHOWN: Final = 500
"""Characters of a rejected line that are kept in the issue."""

_FUSED: Final = re.compile(
    rb"(?i)(?:\xef\xbb\xbf)?\"?user\"?([,;\t])\"?(?:arn|user_creation_time|password_enabled|password_last_used)\"?\1.*"
)
"""A header, as AWS orders it, at the end of a line that begins with something else."""
_NAMED: Final = re.compile(rb"(?i)(?:user_creation_time|password_(?:enabled|last_used)|access_key_1_active)")
"""Column names by which the line of a further header is found."""
_BLOCK: Final = 1 << 24
"""The most bytes that Arrow parses in one go."""
_LONGEST_LINE: Final = 65_536
"""Bytes of a line past which it is no row of a report."""
_ARN: Final = re.compile(r"arn:[a-z-]+:iam::\d{12}:(?:user(?P<path>/[!-~]*)|root)", re.ASCII)
_FLAGS: Final = frozenset({"true", "false"})


@dataclass(frozen=True)
class Report:
    """One report: a header and the rows below it, in one source (which may hold several, one after the other).

    `lines` are the 1-based physical lines of its rows; `rejected` counts further lines that could not be read.
    """

    source: int
    header: Header
    body: bytes | memoryview
    lines: npt.NDArray[np.int32]
    rejected: int = 0
    may_have_long_lines: bool = False


@dataclass(frozen=True)
class RawTable:
    """Every row that was read. `cells` holds AWS's 23 columns as texts, null where a report has no such column.

    `report` is each row's position in `reports`, `line` its physical line; rows are in the order of the reports.
    """

    reports: list[Report]
    cells: pa.Table
    report: npt.NDArray[np.int32]
    line: npt.NDArray[np.int32]


def parse(sources: Sequence[Source], log: IssueLog, *, leave_out: Collection[str] = ()) -> RawTable:
    """Return the rows of all `sources`; what had to be repaired, split or rejected goes to `log`.

    Columns to `leave_out` have nulls; their cells are still counted, so that each row has its width.
    """
    reports = [_plain(number, source) for number, source in enumerate(sources)]
    tables = _parse_alike(reports, leave_out)
    suspect = {number for members, table in tables for number in _suspects(reports, members, table)}
    if suspect:
        reports = [
            part
            for number, report in enumerate(reports)
            for part in (_take_apart(report, sources[report.source], log) if number in suspect else [report])
        ]
        tables = _parse_alike(reports, leave_out)
    _note_columns(reports, sources, log)
    return _assemble(reports, tables)


def _plain(number: int, source: Source) -> Report:
    """Return the report that a source is if nothing is odd about it: a header, then one row on every line."""
    found = source.header
    body = memoryview(source.csv)[found.end + 1 :]
    first = source.csv.count(b"\n", 0, found.end) + 2
    newlines = np.frombuffer(body, np.uint8) == ord("\n")
    count = int(np.count_nonzero(newlines)) + bool(len(body) and not newlines[-1])
    # A line that is too long leaves a whole piece of half its length without a newline.
    piece = _LONGEST_LINE // 2
    pieces = newlines[: len(newlines) // piece * piece].reshape(-1, piece)
    return Report(
        number,
        found.header,
        body,
        _line_numbers(first, count),
        may_have_long_lines=not bool(pieces.any(axis=1).all()),
    )


def _line_numbers(first: int, count: int) -> npt.NDArray[np.int32]:
    return np.arange(first, first + count, dtype=np.int32)


def _parse_alike(reports: Sequence[Report], leave_out: Collection[str]) -> list[tuple[list[int], pa.Table | None]]:
    """Parse the reports of each header together; None instead of a table where lines and rows do not tally."""
    alike: dict[Header, list[int]] = {}
    for number, report in enumerate(reports):
        alike.setdefault(report.header, []).append(number)
    return [
        (members, _parse_joined(header, [reports[n] for n in members], leave_out)) for header, members in alike.items()
    ]


def _parse_joined(header: Header, reports: Sequence[Report], leave_out: Collection[str]) -> pa.Table | None:
    """Return the rows of reports that share `header`, as texts; None unless each line is one row of full width."""
    names = _unique_names(header.columns)
    wanted = [name for name in names if name in COLUMNS and name not in leave_out]
    expected = sum(len(report.lines) for report in reports)
    if not expected:
        return pa.table({name: pa.array([], pa.string()) for name in wanted})
    odd = False

    def refuse(_: object) -> str:
        nonlocal odd
        odd = True
        return "skip"

    joined = b"\n".join(_without_last_newline(report.body) for report in reports if report.body)
    if not joined:  # blank lines only
        return None
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(joined),
            # One block, where that is possible, makes one chunk a column; then there is nothing to share out.
            read_options=arrow_csv.ReadOptions(
                column_names=names, block_size=min(len(joined) + 1, _BLOCK), use_threads=len(joined) > _BLOCK
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=header.delimiter, invalid_row_handler=refuse, ignore_empty_lines=False
            ),
            convert_options=arrow_csv.ConvertOptions(
                # Sources are valid UTF-8 when they get here, so it is not checked again.
                check_utf8=False,
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=wanted,
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:  # a line longer than what Arrow looks at in one go
        return None
    if odd or table.num_rows != expected:
        return None
    # Between tabs, a blank that matters may be a tab in quotes.
    if header.delimiter == "\t" or any(one in joined for one in (b" ", b"\v", b"\f", b"\t")):
        trimmed = [pc.ascii_trim_whitespace(column) for column in table.columns]
        table = pa.table(trimmed, names=table.column_names)
    return table


def _without_last_newline(body: bytes | memoryview) -> bytes | memoryview:
    return body[:-1] if body[-1:] == b"\n" else body


def _unique_names(columns: Iterable[str]) -> list[str]:
    """Return the column names with unknown, blank and repeated ones made distinct: Arrow wants a name for each."""
    seen: set[str] = set()
    names = []
    for position, column in enumerate(columns):
        fresh = column in COLUMNS and column not in seen
        names.append(column if fresh else f"unknown {position}")
        seen.add(column)
    return names


def _suspects(reports: Sequence[Report], members: Sequence[int], table: pa.Table | None) -> set[int]:
    """Return which reports, parsed together, have lines that are to be looked at one by one.

    What becomes of a report must not depend on those beside it: only its own rows make it suspect.
    """
    suspect = {number for number in members if reports[number].may_have_long_lines}
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


def _odd_rows(table: pa.Table) -> npt.NDArray[np.bool_]:
    """Which rows may be no user's: the header of a further report, blank cells only, or cells out of their place.

    Where there are ARNs, nearly every row has one, and none of these has it in its place. Elsewhere the second column
    tells a header: no cell of it is the name of a column, while a user may well be called `user`.
    """
    if "arn" in table.column_names:
        return ~true_where(pc.starts_with(table["arn"], "arn:"))
    if table.num_columns < 2:
        return np.zeros(table.num_rows, bool)
    first, second = table.column(0), table.column(1)
    header = pc.is_in(pc.ascii_lower(second), pa.array(COLUMNS))
    odd = pc.or_(header, pc.and_(pc.equal(first, ""), pc.equal(second, "")))
    return true_where(odd)


def _take_apart(report: Report, source: Source, log: IssueLog) -> list[Report]:
    """Return the reports in one source, each with rows of full width only.

    A further header may stand on its own line or be fused to the last row of the report before it, which ends
    without a newline: what is left of it belongs to that row.
    """
    offset = int(report.lines[0]) if len(report.lines) else 2
    body = bytes(report.body)
    parts: list[Report] = []
    header, start, first = report.header, 0, offset
    for line_start, at, line_end, found in _further_headers(body, report.header):
        before = body[start:at]
        parts.append(_widths_mended(Report(report.source, header, before, _line_numbers(first, 0)), first, source, log))
        line = offset + body.count(b"\n", 0, at)
        log.add(
            "split_report",
            "the header of a further report"
            + (", on the same line as the last row before it: " if at > line_start else ": ")
            + "the reports were read one after the other; keep one report a file",
            source=source.name,
            line=line,
        )
        header, start, first = found, min(line_end + 1, len(body)), line + 1
    last = Report(report.source, header, body[start:], _line_numbers(first, 0))
    parts.append(_widths_mended(last, first, source, log))
    return parts


def _further_headers(body: bytes, header: Header) -> Iterator[tuple[int, int, int, Header]]:
    """Yield for each header in `body` where its line starts, where it starts itself, where it ends, and what it is."""
    done = 0
    for match in _NAMED.finditer(body):
        if match.start() < done:
            continue
        start = body.rfind(b"\n", 0, match.start()) + 1
        end = body.find(b"\n", match.end())
        end = done = len(body) if end < 0 else end
        line = body[start:end]
        whole = parse_header(line.removeprefix(b"\xef\xbb\xbf"))
        # The line of a fused header holds its columns as well, but begins with a row's cells.
        if whole is not None and all(name in COLUMNS or name in header.columns for name in whole.columns[:2]):
            yield start, start, end, whole
            continue
        fused = _FUSED.search(line)
        found = fused and parse_header(fused[0].removeprefix(b"\xef\xbb\xbf"))
        if fused and found:
            yield start, start + fused.start(), end, found


def _widths_mended(report: Report, first: int, source: Source, log: IssueLog) -> Report:
    """Return `report` (whose first row stands on line `first`) with suspect lines repaired, or rejected to `log`."""
    body = bytes(report.body).removesuffix(b"\n")
    if not body:
        return replace(report, body=b"")
    delimiter, width = report.header.delimiter, len(report.header.columns)
    lines = _Lines(body)
    delimiters = lines.count(delimiter)
    blanks = delimiters + lines.count(" ") + (lines.count("\t") if delimiter != "\t" else 0)
    surplus = _blank_surplus(lines, report.header, delimiters - (width - 1))
    suspect = (delimiters != width - 1) | (lines.count('"') > 0) | (blanks == lines.ends - lines.starts)
    suspect |= (lines.ends - lines.starts > _LONGEST_LINE) | ~_arn_in_place(lines, report.header)
    keep = np.ones(len(lines.ends), bool)
    pieces: list[bytes] = []
    done, rejected = 0, 0
    for position in np.flatnonzero(suspect).tolist():
        start, end = int(lines.starts[position]), int(lines.ends[position])
        pieces.append(body[done:start])
        done = min(end + 1, len(body))
        if surplus[position]:
            pieces.append(body[start : end - int(surplus[position])] + b"\n")
            continue
        line = body[start:end].decode("utf-8", errors="replace")
        if not line.strip(f'{delimiter} \t"'):
            keep[position] = False
            continue
        row = _mended_row(line, report.header, source, first + position, log)
        if row is None:
            keep[position] = False
            rejected += 1
        else:
            pieces.append((_to_line(row, delimiter) + "\n").encode())
    pieces.append(body[done:])
    if count := np.count_nonzero(surplus):
        log.add(
            "repaired_row",
            f"{count:,} {'row ends' if count == 1 else 'rows end'} in empty cells beyond the last column: these were "
            "dropped; save the report without them",
            source=source.name,
            line=first + int(np.flatnonzero(surplus)[0]),
        )
    kept = (np.flatnonzero(keep) + first).astype(np.int32)
    return replace(report, body=b"".join(pieces).removesuffix(b"\n"), lines=kept, rejected=rejected)


class _Lines:
    """The lines of a text: where each starts and ends, and how often characters stand in them."""

    def __init__(self, body: bytes) -> None:
        self.text = np.frombuffer(body, np.uint8)
        self.ends = np.append(np.flatnonzero(self.text == ord("\n")), len(self.text))
        self.starts = np.append(0, self.ends[:-1] + 1)

    def count(self, character: str) -> npt.NDArray[np.int64]:
        """Return how often `character` stands in each line."""
        positions = np.flatnonzero(self.text == ord(character))
        return np.searchsorted(positions, self.ends) - np.searchsorted(positions, self.starts)


def _blank_surplus(lines: _Lines, header: Header, surplus: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return how many empty cells a spreadsheet left behind each line's last column; 0 where it is not just that.

    Only lines without quotes whose ARN stands in its column count: then no cell before it has come apart.
    """
    sure = (surplus > 0) & (lines.count('"') == 0) & _arn_in_place(lines, header) & ("arn" in header.columns)
    for back in range(1, int(surplus[sure].max(initial=0)) + 1):
        sure &= (surplus < back) | (lines.text[np.maximum(lines.ends - back, 0)] == ord(header.delimiter))
    return np.where(sure, surplus, 0)


def _mended_row(line: str, header: Header, source: Source, number: int, log: IssueLog) -> list[str] | None:
    """Return the cells of a suspect line, as many as the header has; None (and an issue) where it cannot be read."""
    width = len(header.columns)

    def note(code: str, message: str) -> None:
        log.add(code, message, source=source.name, line=number, value=line[:_SHOWN])

    if len(line) > _LONGEST_LINE:
        note("rejected_row", f"a line of {len(line):,} characters, no row of a report: not read; remove it")
        return None
    quoted = _cells(line, header.delimiter, csv.QUOTE_MINIMAL)
    plain = _cells(line, header.delimiter, csv.QUOTE_NONE)
    for cells in (quoted, plain):
        if len(cells) == width and not _moved(cells, header.columns):
            return cells
    found = f"{_fields(len(quoted))} where the header has {width}"
    repairs = {tuple(repair) for cells in (quoted, plain) for repair in _repairs(cells, header)}
    if len(repairs) == 1:
        note(
            "repaired_row",
            f"{found}: read in the only way that fits the ARN and the columns; check the row against the account",
        )
        return list(repairs.pop())
    why = "several repairs fit" if repairs else "no repair fits"
    note("rejected_row", f"{found}, and {why}: not read; correct this line, or download the report again")
    return None


def _fields(count: int) -> str:
    return f"{count} field" if count == 1 else f"{count} fields"


def _cells(line: str, delimiter: str, quoting: int) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, quoting=quoting), [])  # type: ignore[arg-type]
    except csv.Error:
        return []


def _to_line(cells: Iterable[str], delimiter: str) -> str:
    """Return one CSV line (RFC 4180); every cell quoted, so that nothing in it can be taken for structure."""
    return delimiter.join('"' + cell.replace('"', '""') + '"' for cell in cells)


def _repairs(cells: list[str], header: Header) -> Iterable[list[str]]:
    """Yield the ways to join surplus cells so that the row fits its header and every cell its column.

    Surplus cells come from unquoted delimiters in the user name and, with it, in the ARN, which ends in that name.
    Spreadsheets leave empty cells behind the last column: in some rows, or in all but some.
    """
    columns, delimiter = header.columns, header.delimiter
    width = len(columns)
    surplus = len(cells) - width
    if surplus < 0 and not any(columns[surplus:]):
        cells = [*cells, *[""] * -surplus]
        if _fits(cells, columns):
            yield cells
    if surplus <= 0:
        return
    if not any(cell.strip() for cell in cells[width:]) and _fits(cells[:width], columns):
        yield cells[:width]
    if "user" not in columns or "arn" not in columns or columns.index("arn") != columns.index("user") + 1:
        return
    user = columns.index("user")
    for extra in range(surplus + 1):
        middle = user + 1 + extra
        last = middle + 1 + surplus - extra
        joined = [*cells[:user], delimiter.join(cells[user:middle]), delimiter.join(cells[middle:last]), *cells[last:]]
        if _fits(joined, columns):
            yield joined


def _fits(cells: list[str], columns: tuple[str, ...]) -> bool:
    """Whether each cell is one its column can hold, and the ARN is the user's."""
    row = {column: cell.strip() for column, cell in zip(columns, cells, strict=True)}
    if "user" in row and "arn" in row:
        arn = _ARN.fullmatch(row["arn"])
        if arn is None or not row["user"]:
            return False
        is_root = arn["path"] is None
        if not (row["user"] == ROOT_USER if is_root else arn["path"].endswith(f"/{row['user']}")):
            return False
    flags = (row[column].lower() for column in BOOLEAN_COLUMNS if column in row)
    times = (row[column] for column in TIMESTAMP_COLUMNS if column in row)
    return all(flag in _FLAGS or flag in SENTINELS for flag in flags) and all(
        time.lower() in SENTINELS or parse_instant(time) is not None for time in times
    )


def _note_columns(reports: Iterable[Report], sources: Sequence[Source], log: IssueLog) -> None:
    """Report unknown, repeated and missing columns, and reports without rows."""
    for report in reports:
        name = sources[report.source].name
        seen: set[str] = set()
        for column in report.header.columns:
            if not column:
                continue
            if column not in COLUMNS:
                log.add("unknown_column", "not a column of the credential report; left out", source=name, column=column)
            elif column in seen:
                log.add(
                    "duplicate_column",
                    "the column stands twice; only the first one was read",
                    source=name,
                    column=column,
                )
            seen.add(column)
        for column in COLUMNS:
            if column not in seen and column not in OPTIONAL_COLUMNS:
                log.add(
                    "missing_column",
                    "the report has no such column: what depends on it is not checked; use the report as AWS made it",
                    source=name,
                    column=column,
                )
        if not len(report.lines) and not report.rejected:
            log.add("no_rows", "a header without rows; a real report always has the root account's row", source=name)


def _assemble(reports: list[Report], tables: list[tuple[list[int], pa.Table | None]]) -> RawTable:
    """Return the tables of all headers as one, in the order of the reports."""
    parts, owners = [], []
    for members, table in tables:
        if table is None:  # every line was accounted for one by one: this cannot be bad input
            raise RuntimeError("rows and lines do not tally after repair")
        parts.append(
            pa.table(
                [
                    table[column] if column in table.column_names else pa.nulls(table.num_rows, pa.string())
                    for column in COLUMNS
                ],
                names=list(COLUMNS),
            )
        )
        owners.append(np.repeat(np.array(members, np.int32), [len(reports[number].lines) for number in members]))
    # One chunk: the takes that follow would search the hundreds that the parse leaves.
    cells = pa.concat_tables(parts).combine_chunks()
    report = np.concatenate(owners)
    if len(parts) > 1:
        order = np.argsort(report, kind="stable")
        cells, report = cells.take(pa.array(order)), report[order]
    lines = [found.lines for found in reports]
    return RawTable(reports, cells, report, np.concatenate(lines))


def _arn_in_place(lines: _Lines, header: Header) -> npt.NDArray[np.bool_]:
    """Whether an ARN stands where the header says, in each line; true everywhere where the header has none."""
    positions = np.flatnonzero(lines.text == ord(header.delimiter))
    in_place = np.ones(len(lines.starts), bool)
    if "arn" not in header.columns or not len(positions):
        return in_place
    column = header.columns.index("arn")
    before = np.searchsorted(positions, lines.starts) + column - 1
    at = positions[np.clip(before, 0, len(positions) - 1)] + 1 if column else lines.starts
    for offset, character in enumerate(b"arn:"):
        in_place &= lines.text[np.minimum(at + offset, len(lines.text) - 1)] == character
    return in_place


def _moved(cells: list[str], columns: tuple[str, ...]) -> bool:
    """Whether an ARN stands in another column than its own: then a cell was lost beside one that came apart."""
    if "arn" not in columns or cells[columns.index("arn")].startswith("arn:"):
        return False
    return any(_ARN.fullmatch(cell) for cell in cells)
