"""What a credential report comes wrapped in, recognised by content: the CSV inside, and when it was generated.

Sources: AWS CLI Command Reference, `iam get-credential-report` (Content is base64, GeneratedTime ISO 8601), and the
output formats of the AWS CLI (json, text, yaml).
"""

from __future__ import annotations

import ast
import base64
import binascii
import csv
import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from analyzer.reading.layout import ARN_BEGINNING, COLUMNS
from analyzer.reading.times import parse_generated_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

DELIMITERS: Final = ",;\t"
_ENOUGH_COLUMNS: Final = 3
_HEADER_LENGTH: Final = 65_536
_LEAD: Final = re.compile(rb"(?:\xef\xbb\xbf|[ \t\f\v]*\n|sep=.\n)*")
"""What may stand before a header: byte order marks, blank lines, and the delimiter as Excel notes it."""
_NEAR: Final = 5
"""Lines in which a header below other text is taken for that of a report."""
_FIRST_NAME: Final = re.compile(r"[\w .-]*")
"""The first column's name; an envelope whose Content is the CSV itself begins otherwise."""
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/\s]+={0,2}\s*")
_BYTES_LITERAL: Final = re.compile(rb"b(['\"]).*\1\s*", re.DOTALL)
_ASCII_PAIRS: Final = re.compile(
    "[" + "".join(f"\\u{high:02x}20-\\u{high:02x}7e" for high in range(0x20, 0x7F)) + "]{4}"
)
"""What UTF-8 text looks like when it is read as UTF-16: a character for each two letters."""
_ROWS: Final = re.compile(rf'{ARN_BEGINNING}(?:root|user/[^,;\n]*)"?(?:[,;][^,;\n]*){{10}}'.encode())
"""A report's row, cut off from its header."""
_REFUSED: Final = re.compile(rb"An error occurred \(\w+\) when calling the (?:Get|Generate)CredentialReport operation")
_BOTO3: Final = re.compile(r"'Content': (b'(?:[^'\\]|\\.)*'|b\"(?:[^\"\\]|\\.)*\")")
_BOTO3_TIME: Final = re.compile(
    r"'GeneratedTime': datetime\.datetime\((\d+(?:, \d+){2,5})(?:, \d+)?, "
    r"tzinfo=(?:tzutc\(\)|datetime\.timezone\.utc|UTC)"
)
"""How Python writes down boto3's answer; its times are in UTC."""
_ENVELOPE_KEY: Final = re.compile(rb"""^[\s{,\[-]*["']?(Content|GeneratedTime|ReportFormat)["']?\s*:""", re.MULTILINE)


class NotAReportError(Exception):
    """The bytes are something else than a credential report."""


class DamagedError(Exception):
    """The bytes set out to be a credential report, or a container, and cannot be read to the end."""


@dataclass(frozen=True)
class Header:
    """A report's header line: the column names as AWS writes them, in the file's order."""

    columns: tuple[str, ...]
    delimiter: str


@dataclass(frozen=True)
class Content:
    """A report out of its container: `csv` is UTF-8 without byte order mark, lines end in LF."""

    csv: bytes
    header: FoundHeader
    container: str
    encoding: str
    generated_at: datetime | None = None
    bad_generated_time: str | None = None
    """GeneratedTime as found, where it could not be read."""


@dataclass(frozen=True)
class FoundHeader:
    """A header and where its line starts and ends in the CSV."""

    header: Header
    start: int
    end: int


def find_header(csv_text: bytes) -> FoundHeader | None:
    """Return the header a CSV begins with, None where it begins otherwise."""
    lead = _LEAD.match(csv_text)
    start = lead.end() if lead else 0
    end = csv_text.find(b"\n", start)
    end = len(csv_text) if end < 0 else end
    header = parse_header(csv_text[start:end])
    return None if header is None else FoundHeader(header, start, end)


def parse_header(line: bytes) -> Header | None:
    """Return the header that `line` is, or None: enough of AWS's column names, with the user or its ARN among them."""
    return _parse_header(line[:_HEADER_LENGTH])


@lru_cache(maxsize=64)  # the reports of a fleet have the same one
def _parse_header(line: bytes) -> Header | None:
    text = line.decode("utf-8", errors="replace")
    for delimiter in DELIMITERS:
        if delimiter not in text:
            continue
        try:
            cells = next(csv.reader([text], delimiter=delimiter), [])
        except csv.Error:
            return None
        columns = tuple(cell.strip().lower() for cell in cells)
        known = set(columns).intersection(COLUMNS)
        if len(known) >= _ENOUGH_COLUMNS and known & {"user", "arn"} and _FIRST_NAME.fullmatch(columns[0]):
            return Header(columns, delimiter)
    return None


def is_gzip(data: bytes) -> bool:
    """Whether `data` begins as gzip does."""
    return data.startswith(b"\x1f\x8b")


def is_zip(data: bytes) -> bool:
    """Whether `data` begins as a zip archive does (an empty one included)."""
    return data.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def read_contents(data: bytes) -> list[Content | DamagedError]:
    """Return the reports in `data` (not gzip or zip): several where JSON or text envelopes follow each other.

    An envelope that cannot be opened beside others stands in the list as its error. Raises NotAReportError where
    nothing in `data` is a report, DamagedError where something is and cannot be opened.
    """
    csv_text, encoding = to_utf8(data)
    if not csv_text.strip():
        raise NotAReportError("the file is empty")
    found = find_header(csv_text)
    # NULs at the end are padding. Behind a CSV they are left out when it is read, with an issue.
    inside = csv_text.rstrip(b"\0")
    csv_text = csv_text if found else inside
    if found is not None:
        if b"\0" in inside or (encoding.startswith("utf-16") and _ASCII_PAIRS.search(inside.decode())):
            raise DamagedError("two encodings in one file: reports of both were run together; split them apart")
        return [Content(csv_text, found, "csv", encoding)]
    opened = _open_envelopes(csv_text.strip())
    return [replace(one, encoding=encoding) if isinstance(one, Content) else one for one in opened]


def to_utf8(data: bytes) -> tuple[bytes, str]:
    """Return `data` as UTF-8 with LF line ends and without byte order mark, and what it was."""
    encoding = "utf-8"
    if data.startswith(b"\xef\xbb\xbf"):
        data, encoding = data[3:], "utf-8 with BOM"
    else:
        for codec, mark, zeros in (("utf-16-le", b"\xff\xfe", 1), ("utf-16-be", b"\xfe\xff", 0)):
            # Without a mark, plain letters still give it away: every other byte is zero.
            if data.startswith(mark) or (len(data) > 8 and not any(data[zeros:64:2]) and any(data[1 - zeros : 64 : 2])):
                try:
                    data, encoding = data.decode(codec).removeprefix("\ufeff").encode(), codec
                except UnicodeDecodeError as error:
                    raise DamagedError(f"the UTF-16 text is cut or corrupt ({error.reason})") from error
                break
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data, encoding


def _open_envelopes(data: bytes) -> list[Content | DamagedError]:
    first_line = data.split(b"\n", 1)[0]
    if data[:1] in b"{[" and not data.startswith(b"{'"):
        return _open_each(_json_documents(data), lambda item: _from_mapping(item, "json"))
    if data.startswith(b"{'") or _BYTES_LITERAL.fullmatch(data):
        return [_from_repr(data.decode("utf-8", errors="replace"))]
    if data[:1] == b'"':
        return _open_each(_json_documents(data), lambda item: _decoded(item, "quoted base64"))
    if first_line.count(b"\t") == 2:
        return _open_each((line for line in data.split(b"\n") if line.strip()), _from_text_line)
    if _ENVELOPE_KEY.match(data):
        return _open_each(_yaml_documents(data), lambda item: _from_mapping(item, "yaml"))
    return [_open_base64(data)]


def _open_base64(data: bytes) -> Content:
    """Return the report in bare base64, the last container there is; raise what `data` is instead."""
    if _BASE64.fullmatch(data):
        try:
            return _decoded(data.decode("ascii"), "base64")
        except DamagedError as error:
            # Any single word is base64 by its letters; only what begins like a report was meant to be one.
            if data.startswith(base64.b64encode(b"user,")[:6]):
                raise
            raise NotAReportError("no header of a credential report") from error
    if _REFUSED.search(data):
        raise DamagedError("AWS's refusal instead of a report; have the report generated and download it again")
    if _ROWS.search(data[:_HEADER_LENGTH]):
        raise DamagedError("rows of a credential report without its header; use the report as AWS made it")
    if any(parse_header(line) for line in data.split(b"\n", _NEAR)[:_NEAR]):
        raise DamagedError("other text stands before the header; remove it, or use the report as AWS made it")
    raise NotAReportError("no header of a credential report")


def _open_each(items: Iterable[Any], open_one: Callable[[Any], Content]) -> list[Content | DamagedError]:
    """Open envelopes one by one: what cannot be opened beside a good one is damage, whatever it is."""
    opened: list[Content | DamagedError] = []
    errors: list[DamagedError | NotAReportError] = []
    remaining = iter(items)
    while True:
        try:
            opened.append(open_one(next(remaining)))
        except StopIteration:
            break
        except (DamagedError, NotAReportError) as error:
            errors.append(error)
            opened.append(DamagedError(str(error)))
    if len(errors) < len(opened):
        return opened
    if not errors:
        raise NotAReportError("neither a credential report nor an envelope of one")
    raise next((error for error in errors if isinstance(error, DamagedError)), errors[0])


def _json_documents(data: bytes) -> Iterator[Any]:
    """Yield the JSON values that follow each other in `data`; the items of a list one by one."""
    text = data.decode("utf-8", errors="replace")
    decoder, position = json.JSONDecoder(), 0
    while position < len(text):
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            if _ENVELOPE_KEY.search(data):
                raise DamagedError(f"the JSON envelope is cut or corrupt ({error}); download it again") from error
            raise NotAReportError("neither a credential report nor an envelope of one") from error
        yield from _envelopes_in(value)
        while position < len(text) and text[position].isspace():
            position += 1


def _envelopes_in(value: object) -> Iterable[object]:
    """Return the envelopes in a JSON value: itself, the items of a list, or those that a mapping holds by account."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and value and all(isinstance(one, dict) and "Content" in one for one in value.values()):
        return value.values()
    return [value]


def _from_repr(text: str) -> Content:
    """Return the report in boto3's answer, or in its Content alone, as Python writes it down."""
    if not text.startswith("{"):
        return _decoded(text, "bytes literal")
    found = _BOTO3.search(text)
    if found is None:
        raise NotAReportError("a Python mapping without the Content of a credential report")
    time = _BOTO3_TIME.search(text)
    content = _decoded(found[1], "boto3 dump")
    if time is None:
        return content
    try:
        return replace(content, generated_at=datetime(*map(int, time[1].split(", ")), tzinfo=UTC))  # type: ignore[misc, arg-type]
    except ValueError:
        return replace(content, bad_generated_time=time[0])


def _from_mapping(item: object, container: str) -> Content:
    """Return the report in the keys `Content` and `GeneratedTime`."""
    if not isinstance(item, dict) or not {"Content", "GeneratedTime", "ReportFormat"} & set(item):
        raise NotAReportError(f"{container.upper()} without the keys of get-credential-report")
    if not isinstance(item.get("Content"), str):
        raise DamagedError(f"the {container.upper()} envelope has no Content; download the report again")
    return _dated(_decoded(item["Content"], f"{container} envelope"), item.get("GeneratedTime"))


def _dated(content: Content, generated: object) -> Content:
    if generated is None:
        return content
    instant = parse_generated_time(generated)
    return replace(content, generated_at=instant, bad_generated_time=None if instant else str(generated))


def _from_text_line(line: bytes) -> Content:
    """Return the report in one line of `--output text`: BASE64, GeneratedTime and text/csv, tab-separated."""
    parts = line.decode("utf-8", errors="replace").split("\t")
    if len(parts) != 3 or parts[2].strip() != "text/csv":
        raise NotAReportError("neither a credential report nor a text envelope of one")
    return _dated(_decoded(parts[0], "text envelope"), parts[1])


def _yaml_documents(data: bytes) -> list[Any]:
    """Return the mapping in a YAML text, or the items of its list."""
    import yaml  # noqa: PLC0415 - only this container needs it

    try:
        # BaseLoader: every scalar stays the text it is, GeneratedTime included.
        value = yaml.load(data, Loader=yaml.BaseLoader)  # noqa: S506 - builds texts, lists and mappings only
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DamagedError("the YAML envelope is cut or corrupt; download it again") from error
    return value if isinstance(value, list) else [value]


def _decoded(text: object, container: str) -> Content:
    """Return the report in a Content value: the CSV itself, the text of a bytes literal, or base64."""
    if not isinstance(text, str):
        raise NotAReportError("neither a credential report nor an envelope of one")
    raw = text.strip()
    if re.match(r"b['\"]", raw):
        try:
            data = ast.literal_eval(raw)
        except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
            raise DamagedError("Content is a Python bytes literal that is cut or corrupt") from error
    elif find_header(text.encode(errors="replace")) is not None:
        data = text.encode(errors="replace")
    else:
        try:
            data = base64.b64decode("".join(raw.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise DamagedError(f"Content is not base64 ({error}); download the report again") from error
    if not isinstance(data, bytes):
        raise DamagedError("Content is no text of a report")
    data, _ = to_utf8(data)
    found = find_header(data)
    if found is None:
        raise DamagedError("Content does not begin with the header of a credential report; download it again")
    return Content(data, found, container, "utf-8")
