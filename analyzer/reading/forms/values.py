"""Decode a Content value: CSV, base64 (once or twice), a Python bytes literal, or bytes as numbers."""

from __future__ import annotations

import ast
import base64
import binascii
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from analyzer.reading.forms.content import CUT_LENGTHS, Content, DamagedError, NotAReportError, left_out_lines
from analyzer.reading.forms.encodings import to_utf8
from analyzer.reading.forms.headers import find_header, find_header_below
from analyzer.reading.times import parse_generated_time

BEGINNING: Final = "dXNlcixhcm4s"
"""`user,arn,` in base64: a text that begins with it was meant to be a report."""
_DEEPEST: Final = 3
"""The most layers of encoding of a value that are decoded."""
_LITERAL: Final = re.compile(r"b(['\"])")
_NUMBERS: Final = re.compile(
    r"\[?\s*(?:0x[0-9a-f]{2}|\d{1,3})(?:[\s,]+(?:0x[0-9a-f]{2}|\d{1,3}))+\s*\]?", re.IGNORECASE
)
_TEXT: Final = re.compile(r"^(?!sep=.$).*[^\s\ufeff]")
_LETTERS: Final = re.compile(r"[A-Za-z0-9+/]+")
_DATA_URL: Final = re.compile(r"data:[\w/;=-]*base64,")


def decoded(value: object, container: str) -> Content:
    """Return the report in a Content value. Raises DamagedError if it contains no report or a damaged one."""
    data, encoding = to_utf8(_bytes_in(value))
    for _ in range(_DEEPEST):
        header = find_header(data) or find_header_below(data)
        if header is not None:
            above = data[: header.start].decode("utf-8", errors="replace").split("\n")
            left_out = [(number, line) for number, line in enumerate(above, 1) if _TEXT.search(line)]
            return Content(data, header, container, encoding, remarks=left_out_lines(left_out))
        try:
            data, encoding = to_utf8(_bytes_in(data.decode()))
        except (DamagedError, UnicodeDecodeError):
            break
    raise DamagedError("Content does not begin with the header of a credential report; download it again")


def dated(content: Content, generated: object) -> Content:
    """Return a report with the GeneratedTime found beside it."""
    if generated is None:
        return content
    instant = parse_generated_time(generated)
    return replace(content, generated_at=instant, bad_generated_time=None if instant else str(generated))


def dated_by_parts(content: Content, parts: str) -> Content:
    """Return a report with a GeneratedTime that Python wrote as numbers: `2026, 11, 20, 10, 11, 12`."""
    try:
        return replace(content, generated_at=datetime(*map(int, parts.split(", ")), tzinfo=UTC))  # type: ignore[misc, arg-type]
    except ValueError:
        return replace(content, bad_generated_time=parts)


def bears_report(value: object) -> bool:
    """Return whether a value looks like the Content of a report."""
    if isinstance(value, str):
        text = value.lstrip()[:4096]
        text = text[2:] if _LITERAL.match(text) else text
        return text.startswith(BEGINNING) or find_header(text.partition("\\n")[0].encode(errors="replace")) is not None
    numbers = _numbers_in(value)
    return numbers is not None and numbers[:9] == list(b"user,arn,")


def _bytes_in(value: object) -> bytes:
    """Return the bytes of a Content value, decoded by one layer."""
    numbers = _numbers_in(value)
    if numbers is not None:
        return _from_numbers(numbers)
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return "\n".join(value).encode(errors="replace")
    if not isinstance(value, str):
        raise NotAReportError("neither a credential report nor an AWS answer that contains one")
    raw = value.strip()
    if _LITERAL.match(raw):
        return _from_literal(raw)
    if find_header(value.encode(errors="replace")) is not None:
        return value.encode(errors="replace")
    if _NUMBERS.fullmatch(raw):
        return _from_numbers([int(item, 0) for item in re.findall(r"0x\w\w|\d+", raw.lower())])
    text = "".join(_DATA_URL.sub("", raw, count=1).split())
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        if text.startswith(BEGINNING) and _LETTERS.fullmatch(text):
            raise DamagedError(_cut_base64(len(text))) from error
        raise DamagedError(f"Content is not base64 ({error}); download the report again") from error


def _cut_base64(length: int) -> str:
    """Return the message for base64 whose length is not a multiple of four."""
    likely_cause = ", a length at which some programs cut texts" if length in CUT_LENGTHS else ""
    return f"Content is base64 that was cut: it has {length:,} characters{likely_cause}; download the report again"


def _numbers_in(value: object) -> list[Any] | None:
    """Return the bytes in a value as a list of numbers, as JavaScript writes them; None for other values."""
    if isinstance(value, dict):
        if value.get("type") == "Buffer" and isinstance(value.get("data"), list):
            value = value["data"]
        elif value and all(key.isdecimal() for key in value if isinstance(key, str)):
            value = list(value.values())
    if isinstance(value, list) and value and all(type(item) is int for item in value):
        return value
    return None


def _from_numbers(numbers: list[int]) -> bytes:
    try:
        return bytes(numbers)
    except (ValueError, OverflowError) as error:
        raise DamagedError("Content is a list of numbers that are not bytes; download the report again") from error


def _from_literal(text: str) -> bytes:
    try:
        data = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise DamagedError(
            "Content is a Python bytes literal that is cut or corrupt; download the report again"
        ) from error
    if not isinstance(data, bytes):
        raise DamagedError("Content is not the text of a report; download the report again")
    return data
