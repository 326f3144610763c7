"""Recognise files of unknown form that contain marks of a report: such files must not be passed over."""

from __future__ import annotations

import re
from typing import Final

from analyzer.reading.forms.content import DamagedError, NotAReportError, OnlyMarksError
from analyzer.reading.forms.headers import known_columns
from analyzer.reading.forms.values import BEGINNING
from analyzer.reading.layout import ARN_BEGINNING

_LOOKED_AT: Final = 4_000_000
"""Bytes of a file that are searched for marks."""
_ENOUGH: Final = 5
_NAMED: Final = re.compile(
    rb"user[ _-]?creation[ _-]?time|password[ _-]?(?:enabled|last[ _-]?used|last[ _-]?changed)|mfa[ _-]?active"
    rb"|access[ _-]?key[ _-]?[12][ _-]?active",
    re.IGNORECASE,
)
_ROWS: Final = re.compile(
    rf'{ARN_BEGINNING}(?:root|user/[^,;\t\n]*)"?'
    r'(?:[,;\t]"?(?:true|false|n/a|no_information|not_supported|\d{4}-\d\d-\d\d[T ][^,;\t"\n]*)?"?){8}'.encode(),
    re.IGNORECASE,
)
"""A row of a report without its header: only times, flags and words of AWS follow the ARN."""
_ROOTS: Final = re.compile(
    rf'<root_account>"?\s*[,;\t|]\s*"?(?:arn"?\s*[:=]\s*"?)?{ARN_BEGINNING}root'.encode(), re.IGNORECASE
)
"""The row of root: its name, which no user can have, and its ARN."""
_CELLS: Final = re.compile(r"<[^>]*>|[^\w .-]+|\s{2,}")
_AROUND: Final = " \t'\"`[](){}*&"
_SHOWN: Final = 100


def refusal(data: bytes) -> DamagedError | NotAReportError:
    """Return the error for a text of unknown form: DamagedError if it has marks of a report, else NotAReportError."""
    start = data[:_LOOKED_AT]
    if BEGINNING.encode() in start:
        return DamagedError("base64 of a report in an unknown form; use the answer of the AWS CLI, or the CSV")
    if _ROOTS.search(start):
        return DamagedError("rows with some columns of a report, in an unknown form; use the original report from AWS")
    if _ROWS.search(start):
        return DamagedError("rows of a credential report without its header; use the original report from AWS")
    for match in _NAMED.finditer(start):
        line_start = start.rfind(b"\n", 0, match.start()) + 1
        line_end = start.find(b"\n", match.end())
        line = start[line_start : line_end if line_end >= 0 else len(start)][:65_536]
        cells = [cell.strip(_AROUND) for cell in _CELLS.split(line.decode("utf-8", errors="replace"))]
        words = line.decode("utf-8", errors="replace").split()
        if len(known_columns(cells)) >= _ENOUGH or _ENOUGH <= len(known_columns(words)) == len(words):
            return OnlyMarksError(f"column names of a credential report in an unknown form{first_line(data)}")
    return NotAReportError("a file without the header of a credential report", first_line(data))


def first_line(data: bytes) -> str:
    """Return the first line of a text as the end of a message; nothing for binary data."""
    line = next((text_line for text_line in data[:4096].split(b"\n") if text_line.strip()), b"")
    text = line.decode("utf-8", errors="replace").strip()
    if not text or sum(not character.isprintable() or character == "\ufffd" for character in text) * 10 > len(text):
        return ""
    return f"; the first line is {text[:_SHOWN]!r}{'...' if len(text) > _SHOWN else ''}"
