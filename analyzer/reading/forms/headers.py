"""The header of a report: AWS's column names in any spelling, on the first line or below other text."""

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
"""What may stand before a header: byte order marks (also one that was read as Latin-1), blank lines, and the delimiter
as Excel notes it."""
_FIRST_NAME: Final = re.compile(r"[\w .-]*")
"""The first column's name; an envelope whose Content is the CSV itself begins otherwise."""
_WORDS_OF_A_SENTENCE: Final = 4
_SEPARATORS: Final = re.compile(r"[\s_-]+")


@dataclass(frozen=True)
class Header:
    """A report's header line: the column names as AWS writes them, in the file's order."""

    columns: tuple[str, ...]
    delimiter: str


@dataclass(frozen=True)
class FoundHeader:
    """A header and where its line starts and ends in the CSV."""

    header: Header
    start: int
    end: int


def squeezed(name: str) -> str:
    """Return a name without case, blanks, `_` and `-`: `Password Last Used` and `passwordLastUsed` are one."""
    return _SEPARATORS.sub("", name).lower()


_CANONICAL: Final = {squeezed(column): column for column in COLUMNS} | {"username": "user", "userarn": "arn"}


@lru_cache(maxsize=4096)
def canonical(name: str) -> str:
    """Return AWS's name of a column in any spelling; another name in lower case."""
    name = name.strip()
    return _CANONICAL.get(squeezed(name), name.lower())


def known_columns(names: Iterable[str]) -> frozenset[str]:
    """Return which of AWS's columns some names are."""
    return frozenset(_CANONICAL[one] for name in names if (one := squeezed(name)) in _CANONICAL)


def find_header(csv_text: bytes) -> FoundHeader | None:
    """Return the header a CSV begins with, None where it begins otherwise."""
    lead = _LEAD.match(csv_text)
    start = lead.end() if lead else 0
    end = csv_text.find(b"\n", start)
    end = len(csv_text) if end < 0 else end
    header = parse_header(csv_text[start:end])
    return None if header is None else FoundHeader(header, start, end)


def find_header_below(csv_text: bytes) -> FoundHeader | None:
    """Return the first header that stands on a line of its own, with other lines above it or none."""
    found = find_header(csv_text)
    start = 0
    while found is None and start < min(len(csv_text), HEADER_LENGTH):
        end = csv_text.find(b"\n", start)
        end = len(csv_text) if end < 0 else end
        found = find_header(csv_text[start:end])
        if found is not None:
            return FoundHeader(found.header, start + found.start, start + found.end)
        start = end + 1
    return found


def parse_header(line: bytes) -> Header | None:
    """Return the header that `line` is, or None: enough of AWS's column names, with the user or its ARN among them.

    None as well where the line is of another program's table, or was cut or joined to others: see `forms`.
    """
    return _parse_header(line[:HEADER_LENGTH])


@lru_cache(maxsize=64)  # the reports of a fleet have the same one
def _parse_header(line: bytes) -> Header | None:
    for delimiter in DELIMITERS:
        names = split_line(line.decode("utf-8", errors="replace"), delimiter)
        if is_header(names) and _FIRST_NAME.fullmatch(names[0].strip()) and not any(map(_is_prose, names)):
            if program_of(names) is not None or _is_bent(names):
                return None
            return Header(tuple(canonical(name) for name in names), delimiter)
    return None


def is_cut_header(line: bytes) -> bool:
    """Whether a line begins as a report's header and ends in the middle of a name."""
    text = line[:HEADER_LENGTH].decode("utf-8", errors="replace")
    return any(is_header(names) and _is_bent(names) for names in (split_line(text, one) for one in DELIMITERS))


def split_line(text: str, delimiter: str) -> list[str]:
    """Return the cells of a line; none where it has no delimiter, or cannot be split."""
    if delimiter not in text:
        return []
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return []


def is_header(names: list[str]) -> bool:
    """Whether some cells are the names of a report's columns."""
    known = known_columns(names)
    return len(known) >= ENOUGH_COLUMNS and bool(known & {"user", "arn"})


def _is_prose(name: str) -> bool:
    """Whether a cell is a part of a sentence, in which columns are named."""
    return name.count(" ") >= _WORDS_OF_A_SENTENCE or name.endswith(".")


def _is_bent(names: list[str]) -> bool:
    r"""Whether the names in a line show that it was cut (`password_last_chan`), or that rows follow behind `\n`."""
    last = names[-1].strip()
    if any("\\n" in name for name in names):
        return True
    return len(last) > 1 and last not in COLUMNS and any(column.startswith(last) for column in COLUMNS)
