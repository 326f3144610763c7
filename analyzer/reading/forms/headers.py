"""Find the header of a report: the column names of AWS in any spelling, on the first line or below other lines."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from analyzer.reading.forms.programs import program_of
from analyzer.reading.layout import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable

DELIMITERS: Final = ",;\t"
ENOUGH_COLUMNS: Final = 3
HEADER_LENGTH: Final = 65_536
_LEAD: Final = re.compile(rb"(?:\xef\xbb\xbf|\xc3\xaf\xc2\xbb\xc2\xbf|[ \t\f\v]*\n|sep=.\n)*")
"""Texts before a header that are ignored: byte order marks (also one that was read as Latin-1), blank lines, and the
line in which Excel names the delimiter."""
_FIRST_NAME: Final = re.compile(r"[\w .-]*")
"""The name of the first column. An envelope whose Content is the CSV itself does not begin like this."""
_WORDS_OF_A_SENTENCE: Final = 4
_SEPARATORS: Final = re.compile(r"[\s_-]+")


@dataclass(frozen=True)
class Header:
    """The header line of a report: the column names as AWS writes them, in the order of the file."""

    columns: tuple[str, ...]
    delimiter: str


@dataclass(frozen=True)
class FoundHeader:
    """A header, and the start and end of its line in the CSV."""

    header: Header
    start: int
    end: int


def squeezed(name: str) -> str:
    """Return a name in lower case without blanks, `_` and `-`: `passwordlastused` for `Password Last Used`."""
    return _SEPARATORS.sub("", name).lower()


_CANONICAL: Final = {squeezed(column): column for column in COLUMNS} | {"username": "user", "userarn": "arn"}


@lru_cache(maxsize=4096)
def canonical(name: str) -> str:
    """Return the AWS name of a column in any spelling; another name is returned in lower case."""
    name = name.strip()
    return _CANONICAL.get(squeezed(name), name.lower())


def known_columns(names: Iterable[str]) -> frozenset[str]:
    """Return the AWS columns among some names."""
    return frozenset(_CANONICAL[key] for name in names if (key := squeezed(name)) in _CANONICAL)


def find_header(csv_text: bytes) -> FoundHeader | None:
    """Return the header at the beginning of a CSV; None if it does not begin with one."""
    lead = _LEAD.match(csv_text)
    start = lead.end() if lead else 0
    end = csv_text.find(b"\n", start)
    end = len(csv_text) if end < 0 else end
    header = parse_header(csv_text[start:end])
    return None if header is None else FoundHeader(header, start, end)


def find_header_below(csv_text: bytes) -> FoundHeader | None:
    """Return the first header of a text, which may be below other lines; None if there is none."""
    header = find_header(csv_text)
    start = 0
    while header is None and start < min(len(csv_text), HEADER_LENGTH):
        end = csv_text.find(b"\n", start)
        end = len(csv_text) if end < 0 else end
        header = find_header(csv_text[start:end])
        if header is not None:
            return FoundHeader(header.header, start + header.start, start + header.end)
        start = end + 1
    return header


def parse_header(line: bytes) -> Header | None:
    """Return the header in `line`; None if the line is not a header.

    A header has at least `ENOUGH_COLUMNS` AWS columns, with the user or the ARN among them. None is also returned for
    the header of another program, and for a header that was cut or joined to other lines: `forms` handles these.
    """
    return _parse_header(line[:HEADER_LENGTH])


@lru_cache(maxsize=64)  # the reports of a fleet have the same header
def _parse_header(line: bytes) -> Header | None:
    for delimiter in DELIMITERS:
        names = split_line(line.decode("utf-8", errors="replace"), delimiter)
        if is_header(names) and _FIRST_NAME.fullmatch(names[0].strip()) and not any(map(_is_prose, names)):
            if program_of(names) is not None or _is_bent(names):
                return None
            return Header(tuple(canonical(name) for name in names), delimiter)
    return None


def is_cut_header(line: bytes) -> bool:
    """Return whether a line begins like a header and ends in the middle of a name."""
    text = line[:HEADER_LENGTH].decode("utf-8", errors="replace")
    return any(
        is_header(names) and _is_bent(names) for names in (split_line(text, delimiter) for delimiter in DELIMITERS)
    )


def split_line(text: str, delimiter: str) -> list[str]:
    """Return the cells of a line; an empty list if it has no delimiter or cannot be split."""
    if delimiter not in text:
        return []
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return []


def is_header(names: list[str]) -> bool:
    """Return whether some cells are the column names of a report."""
    columns = known_columns(names)
    return len(columns) >= ENOUGH_COLUMNS and bool(columns & {"user", "arn"})


def _is_prose(name: str) -> bool:
    """Return whether a cell is part of a sentence that mentions column names."""
    if squeezed(name) in _CANONICAL:
        return False
    return name.count(" ") >= _WORDS_OF_A_SENTENCE or name.endswith(".")


def _is_bent(names: list[str]) -> bool:
    r"""Return whether the names of a line show that it was cut (`password_last_chan`) or contains `\n` and rows."""
    last = names[-1].strip()
    if any("\\n" in name for name in names):
        return True
    return len(last) > 1 and last not in COLUMNS and any(column.startswith(last) for column in COLUMNS)
