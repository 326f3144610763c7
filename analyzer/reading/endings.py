"""Recognise reports that were cut: in the middle of a cell or row, or at a length at which programs cut texts.

A complete report may end in a cell that looks cut. It is accepted if other cells in the report are written alike.
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Final

from analyzer.reading.containers import parse_header
from analyzer.reading.forms.content import CUT_LENGTHS
from analyzer.reading.layout import BOOLEAN_COLUMNS, COLUMNS, SENTINELS, TIMESTAMP_COLUMNS
from analyzer.reading.times import parse_instant

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from analyzer.reading.containers import Header
    from analyzer.reading.issues import IssueLog
    from analyzer.reading.source import Source

_WHOLE: Final = (b"\n", b"N/A", b"true", b"false", b"Z", b"+00:00")
"""The ends of nearly all reports."""
_FLAGS: Final = frozenset({"true", "false"})
_WORDS: Final = {
    **dict.fromkeys(COLUMNS[1:], ("n/a",)),
    **dict.fromkeys(TIMESTAMP_COLUMNS, tuple(filter(None, SENTINELS))),
    **dict.fromkeys(BOOLEAN_COLUMNS, (*_FLAGS, "n/a", "not_supported")),
}
"""The words that each column may contain, in lower case; a user name may be anything."""
_TIMES: Final = tuple(f"2000-11-1{day}T00:00:00{zone}" for day in "10" for zone in ("Z", "+00:00"))
"""Times whose ends complete the beginning of a time."""
_CUT_OFFSET: Final = re.compile(r".*\d[+-]\d\d:?")
_BYTES_OF_A_CHARACTER: Final = 4


def note_endings(
    sources: Sequence[Source], last_headers: Mapping[int, Header], suspect: Collection[int], log: IssueLog
) -> None:
    """Note the sources that seem to be cut before the end of their report.

    `last_headers` has the header of the last report in each source. `suspect` has the sources in which some line is
    not a complete row.
    """
    for number, source in enumerate(sources):
        if number in suspect or not source.csv.endswith(_WHOLE):
            _note_cut(source, last_headers[number], log)
        if length := _suspicious_length(source):
            log.add(
                "suspicious_length",
                f"the report has exactly {length:,} characters, a length at which some programs cut texts: rows at the "
                "end may be missing; download the report again and compare",
                source=source.name,
            )


def ends_open(line: bytes, delimiter: str) -> bool:
    """Return whether a line ends inside a quoted cell, so that the following text would belong to that cell."""
    if b'"' not in line:
        return False
    try:
        rows = list(csv.reader([line.decode("utf-8", "replace") + "\n", "x"], delimiter=delimiter))
    except csv.Error:  # a line longer than any row
        return False
    return len(rows) == 1


def _note_cut(source: Source, header: Header, log: IssueLog) -> None:
    """Note a report whose last line is not complete."""
    start = source.csv.rfind(b"\n") + 1
    line = source.csv[start:]
    if not line.strip() or start <= source.header.start or parse_header(line.removeprefix(b"\xef\xbb\xbf")) is not None:
        return
    try:
        cells = next(csv.reader([line.decode("utf-8", "replace")], delimiter=header.delimiter), [])
    except csv.Error:  # a line longer than any row
        return
    if len(cells) > len(header.columns):
        return
    column, cell = header.columns[len(cells) - 1], cells[-1].strip()
    is_open = len(cells) == len(header.columns) and ends_open(line, header.delimiter)
    if is_open or (_is_beginning(cell, column) and not _is_usual(cell, source.csv[:start])):
        where = "a cell"
    elif len(cells) < len(header.columns) and _is_beginning_of_row(cells, header):
        where = "a row"
    else:
        return
    log.add(
        "cut_report",
        f"the file ends in the middle of {where}: the rows after it are missing; download the report again",
        source=source.name,
        line=source.csv.count(b"\n") + 1,
        column=column if where == "a cell" else None,
        value=cell if where == "a cell" else None,
    )


def _is_beginning(cell: str, column: str) -> bool:
    """Return whether a cell is only the beginning of a value that its column may contain."""
    words = _WORDS.get(column, ())
    if not cell or cell.lower() in words:
        return False
    if any(word.startswith(cell.lower()) for word in words):
        return True
    if column not in TIMESTAMP_COLUMNS or cell[0] not in "12":
        return False
    if parse_instant(cell) is not None:
        return _CUT_OFFSET.fullmatch(cell) is not None
    ends = [*(time[len(cell) :] for time in _TIMES), "Z", "0Z"]
    return any(end and parse_instant(cell + end) is not None for end in ends)


def _is_usual(cell: str, before: bytes) -> bool:
    """Return whether the text `before` has another cell that equals this one except for its digits."""
    alike = re.sub(r"\d", r"\\d", re.escape(cell)).encode()
    return re.search(rb"[,;\t\"]" + alike + rb"[,;\t\"\n]", before) is not None


def _is_beginning_of_row(cells: Sequence[str], header: Header) -> bool:
    """Return whether cells are the beginning of a row: all times and flags among them are valid."""
    valid_count, last = 0, len(cells) - 1
    for position, (cell, column) in enumerate(zip(cells, header.columns, strict=False)):
        text = cell.strip().lower()
        if position == last:  # the last cell may be cut
            valid_count += column == "arn" and bool(text) and (text.startswith("arn:") or "arn:".startswith(text))
            break
        if column in TIMESTAMP_COLUMNS or column in BOOLEAN_COLUMNS:
            if text not in _WORDS[column] and (column in BOOLEAN_COLUMNS or parse_instant(cell.strip()) is None):
                return False
            valid_count += 1
        elif column == "arn":
            if not text.startswith("arn:"):
                return False
            valid_count += 1
    return valid_count > 0


def _suspicious_length(source: Source) -> int | None:
    """Return the length of a report's text, or of its base64, if programs cut texts at that length; else None."""
    size, container = len(source.csv), source.container.rsplit(", ", 1)[-1]
    lengths = {size}
    if container != "csv":
        lengths.add(-(-size // 3) * 4)
    elif container == source.container:  # the file as it is: carriage returns count, and a byte order mark does not
        mark = {"utf-8 with BOM": 3, "utf-16-le": 2, "utf-16-be": 2}.get(source.encoding, 0)
        lengths.add((source.size - mark) // (2 if source.encoding.startswith("utf-16") else 1))
    if min(CUT_LENGTHS) < size <= max(CUT_LENGTHS) * _BYTES_OF_A_CHARACTER and not source.csv.isascii():
        lengths.add(len(source.csv.decode("utf-8", "replace")))
    return max(lengths & CUT_LENGTHS, default=None)
