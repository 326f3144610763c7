"""Recognise the form of a file by its content and return the CSV of each report in it.

Sources: AWS CLI Command Reference, `iam get-credential-report` (Content is base64, GeneratedTime ISO 8601), and the
output formats of the AWS CLI (json, text, yaml). Each family of forms is a module in `forms`. These modules are loaded
only for files that are not plain CSV.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from analyzer.reading.forms.binaries import refuse_binary
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
"""UTF-8 text that was decoded as UTF-16: each character stands for two ASCII letters."""


def is_gzip(data: bytes) -> bool:
    """Return whether `data` begins like a gzip file."""
    return data.startswith(b"\x1f\x8b")


def is_zip(data: bytes) -> bool:
    """Return whether `data` begins like a zip archive (an empty one included)."""
    return data.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def is_tar(data: bytes) -> bool:
    """Return whether `data` begins like a tar archive."""
    return data[257:262] == b"ustar"


def read_contents(data: bytes) -> list[Content | DamagedError]:
    """Return the reports in `data`, which is neither gzip nor zip.

    There are several reports if several JSON or text envelopes follow each other. An envelope that cannot be opened is
    in the list as its error, if other envelopes can be opened. Raises NotAReportError if `data` contains no report,
    and DamagedError if it contains one that cannot be opened.
    """
    if data.startswith(b"PAR1"):
        from analyzer.reading.forms import books  # noqa: PLC0415 - few forms need Arrow

        return books.open_parquet(data)
    refuse_binary(data)
    csv_text, encoding = to_utf8(data)
    if not csv_text.strip():
        raise NotAReportError("the file is empty")
    header = find_header(csv_text)
    if header is not None:
        # NULs at the end are padding. They are left out, with an issue, when the report is read.
        inside = csv_text.rstrip(b"\0")
        if b"\0" in inside or (encoding.startswith("utf-16") and _ASCII_PAIRS.search(inside.decode())):
            raise DamagedError("two encodings in one file: reports of both were run together; split them apart")
        return [Content(csv_text, header, "csv", encoding)]
    from analyzer.reading.forms.openers import open_text  # noqa: PLC0415 - most reports are plain CSV

    opened = open_text(csv_text.rstrip(b"\0 \t\n"))
    nuls = len(csv_text) - len(csv_text.rstrip(b"\0"))
    further_remarks = (padding(nuls),) if nuls else ()
    return [
        replace(content, encoding=encoding, remarks=content.remarks + further_remarks)
        if isinstance(content, Content)
        else content
        for content in opened
    ]
