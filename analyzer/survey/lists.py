"""Read the files of lists that are compared with reports, such as lists of accounts and of people."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from analyzer.errors import AnalyzerError

_DELIMITERS: Final = (",", ";", "\t")


def bytes_at(option: str, path: Path, error: type[AnalyzerError]) -> bytes:
    """Return the bytes of the file named by an option. Raises `error` if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as cause:
        raise error(f"{option}: cannot read {path}: {cause.strerror or cause}", "check the path") from cause


def text_of(name: str, data: bytes, error: type[AnalyzerError]) -> str:
    """Return the text of a file. Raises `error` if it is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        raise error(f"{name}: not UTF-8: {cause}", "save the file as UTF-8") from cause


def csv_rows(name: str, text: str, error: type[AnalyzerError]) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the cells of each row that is not empty, without blanks around the cells.

    The delimiter is a comma, a semicolon or a tab: the most frequent of them in the first line that is not blank.
    Raises `error` if the text is not valid CSV.
    """
    head = text.lstrip().partition("\n")[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=head.count), strict=True)
    try:
        for row in rows:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield rows.line_num, cells
    except csv.Error as cause:
        raise error(f"{name}:{rows.line_num}: not valid CSV: {cause}", "save the file as CSV again") from cause


def plain_heading(text: str) -> str:
    """Return the name of a column in lower case, with letters only."""
    return re.sub(r"[^a-z]", "", text.lower())


def in_order(header: Sequence[str]) -> str:
    """Return column names in their order, for a message."""
    return ", ".join(name or "(no name)" for name in header) or "(none)"
