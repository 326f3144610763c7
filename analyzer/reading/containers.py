"""What a credential report comes wrapped in, recognised by content: the CSV inside, and when it was generated.

Sources: AWS CLI Command Reference, `iam get-credential-report` (Content is base64, GeneratedTime ISO 8601), and the
output formats of the AWS CLI (json, text, yaml). Each family of forms is a module in `forms`; the order in which they
are tried is here.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from analyzer.reading.forms import answers, bent, documents, dumps, marks, tables, texts
from analyzer.reading.forms.catalog import ARCHIVES, OLD_EXCEL, REFUSED
from analyzer.reading.forms.content import (
    Content,
    DamagedError,
    NotAReportError,
    OnlyMarksError,
    OwnOutputError,
    Remark,
    UnopenedArchiveError,
    padding,
)
from analyzer.reading.forms.encodings import to_utf8
from analyzer.reading.forms.headers import FoundHeader, Header, find_header, find_header_below, parse_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from analyzer.reading.forms.content import Opened

__all__ = [
    "Content",
    "DamagedError",
    "FoundHeader",
    "Header",
    "NotAReportError",
    "OnlyMarksError",
    "OwnOutputError",
    "Remark",
    "UnopenedArchiveError",
    "find_header",
    "find_header_below",
    "is_gzip",
    "is_tar",
    "is_zip",
    "parse_header",
    "read_contents",
    "to_utf8",
]

_ASCII_PAIRS: Final = re.compile(
    "[" + "".join(f"\\u{high:02x}20-\\u{high:02x}7e" for high in range(0x20, 0x7F)) + "]{4}"
)
"""What UTF-8 text looks like when it is read as UTF-16: a character for each two letters."""
_PICKLE: Final = re.compile(rb"\x80[\x02-\x05]")


def _of_text(opener: Callable[[str], Opened | None]) -> Callable[[bytes], Opened | None]:
    return lambda data: opener(data.decode("utf-8", errors="replace"))


_IN_TURN: Final[tuple[Callable[[bytes], Opened | None], ...]] = (
    bent.open_quoted,
    *map(_of_text, (documents.open_json, dumps.open_repr, texts.open_literal, documents.open_xml, texts.open_armour)),
    *map(_of_text, (dumps.open_dump, documents.open_yaml, tables.open_records)),
    *(bent.open_foreign, bent.open_bent, bent.open_below),
    *map(_of_text, (tables.open_box, texts.open_lines, texts.open_base64, tables.open_html)),
    *map(_of_text, (texts.open_noisy, tables.open_drawn)),
)
"""Forms in the order in which they are tried; each gives None, or raises NotAReportError, where it does not fit."""


def is_gzip(data: bytes) -> bool:
    """Whether `data` begins as gzip does."""
    return data.startswith(b"\x1f\x8b")


def is_zip(data: bytes) -> bool:
    """Whether `data` begins as a zip archive does (an empty one included)."""
    return data.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def is_tar(data: bytes) -> bool:
    """Whether `data` begins as a tar archive does."""
    return data[257:262] == b"ustar"


def read_contents(data: bytes) -> list[Content | DamagedError]:
    """Return the reports in `data` (not gzip or zip): several where JSON or text envelopes follow each other.

    An envelope that cannot be opened beside others stands in the list as its error. Raises NotAReportError where
    nothing in `data` is a report, DamagedError where something is and cannot be opened.
    """
    if data.startswith(b"PAR1"):
        from analyzer.reading.forms import books  # noqa: PLC0415 - few forms need Arrow

        return books.open_parquet(data)
    _refuse_binary(data)
    csv_text, encoding = to_utf8(data)
    if not csv_text.strip():
        raise NotAReportError("the file is empty")
    found = find_header(csv_text)
    if found is not None:
        # NULs at the end are padding, which is left out, with an issue, when the report is read.
        inside = csv_text.rstrip(b"\0")
        if b"\0" in inside or (encoding.startswith("utf-16") and _ASCII_PAIRS.search(inside.decode())):
            raise DamagedError("two encodings in one file: reports of both were run together; split them apart")
        return [Content(csv_text, found, "csv", encoding)]
    opened = _open(csv_text.rstrip(b"\0 \t\n"))
    nuls = len(csv_text) - len(csv_text.rstrip(b"\0"))
    more = (padding(nuls),) if nuls else ()
    return [
        replace(one, encoding=encoding, remarks=one.remarks + more) if isinstance(one, Content) else one
        for one in opened
    ]


def _refuse_binary(data: bytes) -> None:
    """Raise where bytes begin as a form does that is not read."""
    for beginning, name in ARCHIVES.items():
        if data.startswith(beginning):
            raise UnopenedArchiveError(f"a {name} archive is not read; {REFUSED[name]}")
    if data.startswith(OLD_EXCEL) and (b"u\0s\0e\0r\0" in data or b"password_last_used" in data):
        raise DamagedError(f"an old Excel workbook is not read; {REFUSED['old Excel workbook']}")
    if _PICKLE.match(data) and (b"GeneratedTime" in data or b"user,arn," in data):
        raise DamagedError(f"a pickle of Python is not read; {REFUSED['pickle']}")


def _open(data: bytes) -> Opened:
    """Return the reports in a text that does not begin with a header; raise what it is instead."""
    for opener in _IN_TURN:
        try:
            opened = opener(data)
        except NotAReportError:
            continue
        if opened:
            return opened
    answers.refuse_text(data.decode("utf-8", errors="replace"))
    raise marks.refusal(data)
