"""Read base64 (with or without other lines), PEM, Python literals and `--output text` in text files."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import replace
from typing import Final

from analyzer.reading.forms.content import (
    Content,
    DamagedError,
    NotAReportError,
    OnlyMarksError,
    Opened,
    left_out_lines,
)
from analyzer.reading.forms.encodings import to_utf8
from analyzer.reading.forms.headers import find_header
from analyzer.reading.forms.marks import refusal
from analyzer.reading.forms.values import BEGINNING, dated, decoded

_BASE64: Final = re.compile(r"[A-Za-z0-9+/\s]+={0,2}\s*")
_BASE64_LINE: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_ARMOUR: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s*\n([A-Za-z0-9+/=\s]+?)\n?-----END \1-----")
_LITERAL: Final = re.compile(r"b(['\"]).*\1\s*", re.DOTALL)
_TIME: Final = re.compile(r"(?:\d{4}-\d\d-\d\d[T ]\S+|\d{9,}(?:\.\d+)?|\d{4}-\d\d-\d\d)")


def open_lines(text: str) -> Opened | None:
    """Return the reports in `--output text`: lines with base64, GeneratedTime and text/csv in any order."""
    lines = [line for line in text.split("\n") if line.strip()]
    if not any("\t" in line and ("text/csv" in line or BEGINNING in line) for line in lines):
        return None
    opened: Opened = []
    for line in lines:
        cells = [cell.strip() for cell in line.split("\t")]
        candidates = sorted((cell for cell in cells if cell not in {"text/csv", ""}), key=len)
        if len(cells) > 4 or not candidates or ("text/csv" not in cells and BEGINNING not in line):
            opened.append(
                DamagedError(
                    f"not a line that the AWS CLI writes with --output text: {line[:80]!r}; download this report again"
                )
            )
            continue
        try:
            content = decoded(candidates[-1], "text envelope")
        except (DamagedError, NotAReportError) as error:
            opened.append(DamagedError(str(error)))
            continue
        times = [cell for cell in candidates[:-1] if _TIME.fullmatch(cell)] or candidates[:-1]
        opened.append(dated(content, times[0]) if times else content)
    if not any(isinstance(report, Content) for report in opened) and isinstance(opened[0], DamagedError):
        raise opened[0]
    return opened


def open_literal(text: str) -> Opened | None:
    """Return the report in Content as Python prints it: `b'user,arn,...'`."""
    whole = text.strip()
    return [decoded(whole, "bytes literal")] if _LITERAL.fullmatch(whole) else None


def open_armour(text: str) -> Opened | None:
    """Return the reports in base64 between the BEGIN and END lines of certutil and OpenSSL."""
    opened: Opened = []
    for armour in _ARMOUR.finditer(text):
        try:
            opened.append(decoded(armour[2], "pem armour"))
        except DamagedError as error:
            if armour[2].lstrip().startswith(BEGINNING):
                opened.append(error)
    if len(opened) == 1 and isinstance(opened[0], DamagedError):
        raise opened[0]
    return opened or None


def open_base64(text: str) -> Opened | None:
    """Return the report in a text that is only base64."""
    whole = text.strip()
    if not _BASE64.fullmatch(whole) or len(whole) < len(BEGINNING):
        return None
    try:
        return [decoded(whole, "base64")]
    except DamagedError:
        # Any single word can be base64. Only a text that begins like a report was meant to be one.
        noisy = open_noisy(text) if "\n" in whole else None
        if noisy is not None:
            return noisy
        if whole.startswith(BEGINNING[:6]):
            raise
        if (refused := _refused(whole)) is not None:
            raise refused from None
        return None


def _refused(text: str) -> DamagedError | None:
    """Return why decoded base64 with marks of a report cannot be read; None for base64 of anything else."""
    try:
        refused = refusal(base64.b64decode("".join(text.split()), validate=True))
    except (binascii.Error, ValueError):
        return None
    return refused if isinstance(refused, DamagedError) and not isinstance(refused, OnlyMarksError) else None


def open_noisy(text: str) -> Opened | None:
    """Return the report in base64 with other lines before or after it."""
    lines = text.split("\n")
    start = next((number for number, line in enumerate(lines) if line.strip().strip("\"'").startswith(BEGINNING)), None)
    if start is None:
        return None
    stripped = [line.strip().strip("\"'") for line in lines]
    end = start + 1
    while end < len(lines) and _BASE64_LINE.fullmatch(stripped[end]) and len(stripped[end]) <= len(stripped[start]):
        end += 1
    # The last line of base64 is shorter than the others. A further line may be a word that looks like base64.
    short = next(
        (position + 1 for position in range(start, end) if len(stripped[position]) < len(stripped[start])), end
    )
    for stop in dict.fromkeys((short, start + 1, end)):
        data = _whole("".join(stripped[start:stop]))
        if data is None:
            continue
        header = find_header(data)
        if header is not None:
            outside = [*range(start), *range(stop, len(lines))]
            left_out = [(position + 1, lines[position]) for position in outside if lines[position].strip()]
            return [replace(Content(data, header, "base64", "utf-8"), remarks=left_out_lines(left_out))]
    raise DamagedError(
        "base64 of a report that is cut or mixed with other lines; remove the lines, or download the report again"
    )


def _whole(text: str) -> bytes | None:
    """Return decoded base64 if it is a complete report: a text whose last row is as wide as its header."""
    try:
        data, _ = to_utf8(base64.b64decode(text, validate=True))
        data.decode()
    except (binascii.Error, ValueError, DamagedError):
        return None
    first, _, last = data.rstrip(b"\n").rpartition(b"\n")
    return data if last.count(b",") >= first.partition(b"\n")[0].count(b",") else None
