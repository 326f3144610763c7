"""Repair reports in which some lines are not rows: split them at further headers, and repair rows of the wrong width.

Only the suspect lines are processed in Python. A row is repaired only if exactly one repair fits. Otherwise the row is
rejected, with an issue.
"""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from analyzer.reading.containers import parse_header
from analyzer.reading.layout import (
    ARN,
    ARN_BEGINNING,
    BOOLEAN_COLUMNS,
    COLUMNS,
    ROOT_USER,
    SENTINELS,
    TIMESTAMP_COLUMNS,
)
from analyzer.reading.source import Report
from analyzer.reading.times import parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt

    from analyzer.reading.containers import Header
    from analyzer.reading.issues import IssueLog
    from analyzer.reading.source import Source

LONGEST_LINE: Final = 65_536
"""The most bytes of a line that can be a row of a report."""
_SHOWN: Final = 500
"""Characters of a rejected line that are kept in the issue."""
_FUSED: Final = re.compile(
    rb"(?i)(?:\xef\xbb\xbf)?\"?user\"?([,;\t])\"?(?:arn|user_creation_time|password_enabled|password_last_used)\"?\1.*"
)
"""A header, in the order of AWS, at the end of a line that begins with other text."""
_NAMED: Final = re.compile(rb"(?i)(?:user_creation_time|password_(?:enabled|last_used)|access_key_1_active)")
"""Column names that mark the line of a further header."""
_ARN: Final = re.compile(ARN)
_ARN_BEGINNING: Final = re.compile(ARN_BEGINNING)
_NAME_IN_REPAIR: Final = re.compile(r"[!-~]+")
"""Names that a repair may produce. IAM allows no other characters, so another name shows that the repair is wrong."""
_TITLE: Final = re.compile(r"sep=.|[=#*_+~-]+|[^,;\t\"]*[ #*:()\[\]!|/~{}][^,;\t\"]*")
"""A line between two reports: no delimiters or quotes, and a character that user names cannot contain."""
_FLAGS: Final = frozenset({"true", "false"})
_TIMES: Final = frozenset(TIMESTAMP_COLUMNS)
_LIKE_A_TIME: Final = re.compile("|".join([r"[0-9].*", *map(re.escape, SENTINELS)]), re.IGNORECASE)
"""What a cell of a time column may be, as far as can be known without reading it."""
_NAME_IN_IAM: Final = re.compile(rf"[A-Za-z0-9_+=,.@-]+|{re.escape(ROOT_USER)}")


def take_apart(report: Report, source: Source, log: IssueLog) -> list[Report]:
    """Return the reports in a source, each with rows of full width only.

    A further header may be on its own line, or on the last line of the report before it, if that report ends without
    a newline. In that case, the text before the header belongs to that last row.
    """
    offset = int(report.lines[0]) if len(report.lines) else 2
    body = bytes(report.body)
    parts: list[Report] = []
    header, start, first = report.header, 0, offset
    for line_start, begin, line_end, next_header in _further_headers(body, report.header):
        before = _without_title(body[start:begin], first, source, log) if begin == line_start else body[start:begin]
        parts.append(
            _with_repaired_widths(Report(report.source, header, before, line_numbers(first, 0)), first, source, log)
        )
        line = offset + body.count(b"\n", 0, begin)
        log.add(
            "split_report",
            "another report begins here"
            + (", on the same line as the last row before it: " if begin > line_start else ": ")
            + "the reports were read separately; keep one report per file",
            source=source.name,
            line=line,
        )
        header, start, first = next_header, min(line_end + 1, len(body)), line + 1
    last = Report(report.source, header, _without_title(body[start:], first, source, log), line_numbers(first, 0))
    parts.append(_with_repaired_widths(last, first, source, log))
    return parts


def _without_title(body: bytes, first: int, source: Source, log: IssueLog) -> bytes:
    """Return a report without trailing lines that are titles, such as `=== 111122223333 ===` above the next report.

    A line is left out only if it cannot be the beginning of a row: user names contain no blanks, for example.
    """
    while True:
        lines_above, _, last = body.rstrip(b"\n \t").rpartition(b"\n")
        text = last.decode("utf-8", errors="replace").strip("\ufeff \t")
        if not _TITLE.fullmatch(text) or "arn:" in text or text.startswith("<"):
            return body
        log.add(
            "line_left_out",
            "this line does not belong to the report: it was left out; keep only the report in the file",
            source=source.name,
            line=first + lines_above.count(b"\n") + bool(lines_above),
            value=text[:_SHOWN],
        )
        body = lines_above


def line_numbers(first: int, count: int) -> npt.NDArray[np.int32]:
    """Return the numbers of `count` lines, beginning with `first`."""
    return np.arange(first, first + count, dtype=np.int32)


def _further_headers(body: bytes, header: Header) -> Iterator[tuple[int, int, int, Header]]:
    """Yield each header in `body`: the start of its line, its own start, its end, and the header."""
    done = 0
    for match in _NAMED.finditer(body):
        if match.start() < done:
            continue
        start = body.rfind(b"\n", 0, match.start()) + 1
        end = body.find(b"\n", match.end())
        end = done = len(body) if end < 0 else end
        line = body[start:end]
        whole = parse_header(line.removeprefix(b"\xef\xbb\xbf"))
        # A line with a row and a header also contains the column names, but begins with the cells of the row.
        if whole is not None and all(name in COLUMNS or name in header.columns for name in whole.columns[:2]):
            yield start, start, end, whole
            continue
        # A report joined to another one of the same kind repeats its header, which may begin with any column.
        repeated = re.search(
            rb"(?i)(?:\xef\xbb\xbf)?" + re.escape(header.delimiter.join(header.columns).encode()), line
        )
        fused = repeated if repeated and repeated.end() == len(line) else _FUSED.search(line)
        fused_header = fused and parse_header(fused[0].removeprefix(b"\xef\xbb\xbf"))
        if fused and fused_header:
            yield start, start + fused.start(), end, fused_header


def _with_repaired_widths(report: Report, first: int, source: Source, log: IssueLog) -> Report:
    """Return `report` with its suspect lines repaired or rejected; `first` is the line of its first row."""
    body = bytes(report.body).removesuffix(b"\n")
    if not body:
        return replace(report, body=b"")
    delimiter, width = report.header.delimiter, len(report.header.columns)
    lines = _Lines(body)
    delimiters = lines.count(delimiter)
    blanks = delimiters + lines.count(" ") + (lines.count("\t") if delimiter != "\t" else 0)
    surplus = _blank_surplus(lines, report.header, delimiters - (width - 1))
    suspect = (delimiters != width - 1) | (lines.count('"') > 0) | (blanks == lines.ends - lines.starts)
    suspect |= (lines.ends - lines.starts > LONGEST_LINE) | ~_arn_in_place(lines, report.header)
    rows = np.ones(len(lines.ends), np.int64)
    pieces: list[bytes] = []
    done, rejected = 0, 0
    for position in np.flatnonzero(suspect).tolist():
        start, end = int(lines.starts[position]), int(lines.ends[position])
        pieces.append(body[done:start])
        done = min(end + 1, len(body))
        line = body[start:end].decode("utf-8", errors="replace")
        if surplus[position] and not _has_others_among_times(line.split(delimiter), report.header.columns):
            pieces.append(body[start : end - int(surplus[position])] + b"\n")
            continue
        surplus[position] = 0
        if not line.strip(f'{delimiter} \t"'):
            rows[position] = 0
            continue
        # A line end inside a row leaves a short line, and behind it a rest that may have as many cells as the header.
        follows_short_line = position > 0 and not rows[position - 1] and bool(delimiters[position - 1] < width - 1)
        mended = _repaired_rows(
            line, report.header, source, first + position, log, follows_short_line=follows_short_line
        )
        rows[position] = len(mended)
        rejected += not mended
        pieces += [(_to_line(row, delimiter) + "\n").encode() for row in mended]
    pieces.append(body[done:])
    if count := np.count_nonzero(surplus):
        log.add(
            "repaired_row",
            f"{count:,} {'row has' if count == 1 else 'rows have'} empty cells after the last column: they were "
            "dropped; save the report without them",
            source=source.name,
            line=first + int(np.flatnonzero(surplus)[0]),
        )
    row_lines = (np.repeat(np.arange(len(rows)), rows) + first).astype(np.int32)
    return replace(report, body=b"".join(pieces).removesuffix(b"\n"), lines=row_lines, rejected=rejected)


def _repaired_rows(  # noqa: PLR0913 - the line, where it stands, and where issues go
    line: str, header: Header, source: Source, number: int, log: IssueLog, *, follows_short_line: bool
) -> list[list[str]]:
    """Return the rows on a suspect line, each with as many cells as the header.

    Usually there is one row. There are several if reports were joined, and none, with an issue, if no repair is
    certain.
    """
    width = len(header.columns)

    def note(code: str, message: str) -> None:
        log.add(code, message, source=source.name, line=number, value=line[:_SHOWN])

    if len(line) > LONGEST_LINE:
        note(
            "rejected_row",
            f"the line has {len(line):,} characters, too many for a row of a report: it was not read; remove it",
        )
        return []
    quoted = _cells(line, header.delimiter, csv.QUOTE_MINIMAL)
    plain = _cells(line, header.delimiter, csv.QUOTE_NONE)
    for cells in (quoted, plain):
        if _is_complete(cells, header.columns, quotes_are_text=cells is plain):
            if _may_be_end_of_row(cells, header.columns, follows_short_line=follows_short_line):
                note("rejected_row", _MAY_HAVE_MOVED)
                return []
            return [cells]
    difference = f"{_fields(len(quoted))} where the header has {width}"
    repairs = {tuple(repair) for cells in (quoted, plain) for repair in _repairs(cells, header)}
    if len(repairs) == 1:
        note(
            "repaired_row",
            f"{difference}: repaired in the only way that fits the ARN and the columns; compare the row with the "
            "account",
        )
        return [list(repairs.pop())]
    possible_splits, rows = _split_rows(quoted, header)
    if possible_splits == 1 and not repairs:
        note(
            "split_row",
            f"{len(rows)} rows on one line, because reports were joined: split in the only way that fits; keep one "
            "report per file",
        )
        return rows
    reason = "several repairs fit" if repairs or possible_splits else "no repair fits"
    note(
        "rejected_row",
        f"{difference}, and {reason}: the row was not read; correct this line, or download the report again",
    )
    return []


def _fields(count: int) -> str:
    return f"{count} field" if count == 1 else f"{count} fields"


def _cells(line: str, delimiter: str, quoting: int) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, quoting=quoting), [])  # type: ignore[arg-type]
    except csv.Error:
        return []


def _to_line(cells: Iterable[str], delimiter: str) -> str:
    """Return a CSV line (RFC 4180) in which every cell is quoted, so that its text is never read as a delimiter."""
    return delimiter.join('"' + cell.replace('"', '""') + '"' for cell in cells)


def _repairs(cells: list[str], header: Header) -> Iterable[list[str]]:
    """Yield the possible repairs of a row: as many cells as the header, and each cell fits its column.

    Surplus cells come from unquoted delimiters in the user name, and so also in the ARN, which ends with that name.
    Spreadsheets also add empty cells after the last column, in some rows or in most rows.
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


def _split_rows(cells: list[str], header: Header) -> tuple[int, list[list[str]]]:
    """Return in how many ways (0, 1, or 2 for more) a line can be split into complete rows, and the rows.

    Reports end without a newline. If reports are joined without headers, the last cell of a row and the first cell of
    the next row become one cell. Each of these cells can be split independently of the others.
    """
    columns, step = header.columns, len(header.columns) - 1
    count, remainder = divmod(len(cells) - 1, step) if step else (0, 0)
    if remainder or count < 2:
        return 0, []
    rows, first, possible_splits = [], cells[0], 1
    for start in range(0, step * (count - 1), step):
        row, following, fused = (
            cells[start + 1 : start + step],
            cells[start + step + 1 : start + 2 * step],
            cells[start + step],
        )
        fitting = [
            (fused[:position], fused[position:])
            for position in range(len(fused) + 1)
            if _fits([first, *row, fused[:position]], columns)
            and _fits([fused[position:], *following, ""], columns)
            and (columns[0] != "user" or _NAME_IN_IAM.fullmatch(fused[position:]))
        ]
        if not fitting:
            return 0, []
        possible_splits = max(possible_splits, min(len(fitting), 2))
        rows.append([first, *row, fitting[0][0]])
        first = fitting[0][1]
    last = [first, *cells[step * (count - 1) + 1 :]]
    return (possible_splits, [*rows, last]) if _fits(last, columns) else (0, [])


def _fits(cells: list[str], columns: tuple[str, ...]) -> bool:
    """Return whether each cell is valid in its column and the ARN belongs to the user."""
    row = {column: cell.strip() for column, cell in zip(columns, cells, strict=True)}
    if "user" in row and "arn" in row:
        arn, user = _ARN.fullmatch(row["arn"]), row["user"]
        # A path may contain nearly anything, but a second ARN in it comes from another row.
        if arn is None or not _NAME_IN_REPAIR.fullmatch(user) or _ARN_BEGINNING.search(row["arn"], 1):
            return False
        if not (user == ROOT_USER if arn["path"] is None else row["arn"].endswith(f"/{user}")):
            return False
    flags = (row[column].lower() for column in BOOLEAN_COLUMNS if column in row)
    times = (row[column] for column in TIMESTAMP_COLUMNS if column in row)
    return all(flag in _FLAGS or flag in SENTINELS for flag in flags) and all(
        time.lower() in SENTINELS or parse_instant(time) is not None for time in times
    )


def _is_complete(cells: list[str], columns: tuple[str, ...], *, quotes_are_text: bool) -> bool:
    """Return whether a row has as many cells as the header, and none of them has moved.

    With quotes as text, the number of cells can be right by chance. Then each cell has to fit its column as well.
    """
    if len(cells) != len(columns) or _has_moved_arn(cells, columns):
        return False
    return not quotes_are_text or _fits(cells, columns)


def _has_moved_arn(cells: list[str], columns: tuple[str, ...]) -> bool:
    """Return whether an ARN is in the wrong column: then one cell was lost and another one was split."""
    if "arn" not in columns or cells[columns.index("arn")].startswith("arn:"):
        return False
    # Quotes that are read as text stand before the ARN.
    return any(_ARN_BEGINNING.match(cell.lstrip('" ')) for cell in cells)


_MAY_HAVE_MOVED: Final = (
    "no ARN, and no user name or a row that was cut on the line above: the cells may belong to other columns; the row "
    "was not read; correct this line, or download the report again"
)


def _may_be_end_of_row(cells: list[str], columns: tuple[str, ...], *, follows_short_line: bool) -> bool:
    """Return whether a row without an ARN may be the end of a row: it has no user name, or it follows a short line."""
    if not {"user", "arn"} <= {*columns} or cells[columns.index("arn")].strip().startswith("arn:"):
        return False
    return follows_short_line or not cells[columns.index("user")].strip()


def _has_others_among_times(cells: list[str], columns: tuple[str, ...]) -> bool:
    """Return whether a time column has what cannot be a time: then a cell was inserted, and the last is not surplus."""
    return any(
        column in _TIMES and cell.strip() and not _LIKE_A_TIME.fullmatch(cell.strip())
        for cell, column in zip(cells, columns, strict=False)
    )


def _blank_surplus(lines: _Lines, header: Header, surplus: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return how many empty cells a spreadsheet added after the last column of each line; 0 if other cells are wrong.

    Only lines without quotes and with the ARN in its column count, because no cell before the ARN was split there.
    """
    sure = (surplus > 0) & (lines.count('"') == 0) & _arn_in_place(lines, header) & ("arn" in header.columns)
    for back in range(1, int(surplus[sure].max(initial=0)) + 1):
        sure &= (surplus < back) | (lines.text[np.maximum(lines.ends - back, 0)] == ord(header.delimiter))
    return np.where(sure, surplus, 0)


def _arn_in_place(lines: _Lines, header: Header) -> npt.NDArray[np.bool_]:
    """Return a mask of the lines with an ARN in the ARN column; all lines if the header has no such column."""
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


class _Lines:
    """The start and end of each line of a text, and counts of characters per line."""

    def __init__(self, body: bytes) -> None:
        self.text = np.frombuffer(body, np.uint8)
        self.ends = np.append(np.flatnonzero(self.text == ord("\n")), len(self.text))
        self.starts = np.append(0, self.ends[:-1] + 1)

    def count(self, character: str) -> npt.NDArray[np.int64]:
        """Return how often each line contains `character`."""
        positions = np.flatnonzero(self.text == ord(character))
        return np.searchsorted(positions, self.ends) - np.searchsorted(positions, self.starts)
