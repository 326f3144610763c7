"""Read what SDKs print for the answer of get-credential-report, and refuse prints without the rows."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from analyzer.reading.forms.content import Content, DamagedError, NotAReportError, Opened
from analyzer.reading.forms.values import BEGINNING, dated, dated_by_parts, decoded

if TYPE_CHECKING:
    from collections.abc import Iterator

_START: Final = r"\[\s*117[,\s]+115[,\s]+101[,\s]+114[,\s]+44\b"
_BYTES: Final = re.compile(rf"(?P<bytes>{_START}[\d,\s]*\])")
_GENERATED: Final = re.compile(
    r"\b(?:GeneratedTime|generated_?time)\W{1,12}(?P<time>\d{4}-\d\d-\d\d[T ][\d:.]+(?:\s?(?:Z|[+-]\d\d:?\d\d))?)",
    re.IGNORECASE,
)
_LITERAL: Final = r"b'(?:[^'\\]|\\.)*'|b\"(?:[^\"\\]|\\.)*\""
_BOTO3: Final = re.compile(
    rf"['\"]Content['\"]\s*:\s*\(?((?:{_LITERAL})(?:\s*(?:{_LITERAL}))*)|['\"]Content['\"]\s*:\s*('(?:[^'\\]|\\.)*')"
)
"""One bytes literal, or several as pprint splits it, or a text literal of a script that decoded the bytes."""
_BOTO3_TIME: Final = re.compile(
    r"'GeneratedTime': datetime\.datetime\((\d+(?:, \d+){2,5})(?:, \d+)?, "
    r"tzinfo=(?:tzutc\(\)|tzlocal\(\)|datetime\.timezone\.utc|UTC)"
)
"""GeneratedTime as Python prints it; boto3 uses UTC."""
_HEX: Final = re.compile(r"SdkBytes\(bytes=0x([0-9a-fA-F]+)\)")
_RUBY: Final = re.compile(r'\bcontent\s*(?:=>|=|:)\s*("(?:[^"\\]|\\.)*")')


@dataclass(frozen=True)
class Lost:
    """A print that does not contain the rows: how it is recognised, and the remedy."""

    name: str
    pattern: re.Pattern[str]
    way_out: str


LOST: Final = (
    Lost(
        "console.log of the AWS SDK for JavaScript",
        re.compile(r"Uint8Array\(\d+\) \[|<Buffer 75 73 65 72 2c|\.\.\. \d+ more (?:items|bytes)"),
        "write the file with JSON.stringify",
    ),
    Lost("Go's String() of the answer", re.compile(r"Content: <binary>"), "write Content itself to the file"),
    Lost(
        "Java's toString of the answer", re.compile(r"HeapByteBuffer\[pos="), "write the bytes of Content to the file"
    ),
    Lost(
        "PowerShell's object",
        re.compile(r"Content\s*:\s*System\.IO\.MemoryStream|System\.IO\.MemoryStream"),
        "use Get-IAMCredentialReport -Raw, or -AsTextArray",
    ),
)


def open_repr(text: str) -> Opened | None:
    """Return the report in an answer of boto3 as Python prints it; None if the text is not one."""
    whole = text.strip()
    if not whole.startswith("{'") and not (whole.startswith("{") and "datetime.datetime(" in whole):
        return None
    match = _BOTO3.search(whole)
    if match is None:
        if BEGINNING in whole or "'Content'" in whole:
            raise DamagedError(
                "the AWS answer as printed by Python, cut or without Content; write Content itself to the file"
            )
        return None
    content = decoded(_literal(match[1] or match[2]), "boto3 dump")
    time = _BOTO3_TIME.search(whole)
    if time is not None:
        return [dated_by_parts(content, time[1])]
    generated = _GENERATED.search(whole)
    return [dated(content, generated["time"] if generated else None)]


def _literal(text: str) -> str:
    """Return Content as one literal; pprint splits it into several literals."""
    if text.startswith("b"):
        try:
            return repr(ast.literal_eval(f"({text})"))
        except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
            raise DamagedError(
                "Content is a Python bytes literal that is cut or corrupt; download the report again"
            ) from error
    return str(ast.literal_eval(text))


def open_dump(text: str) -> Opened | None:
    """Return the reports in what an SDK prints. Raises DamagedError if the print does not contain the rows."""
    mentions = re.search(r"Content\b|content\b|inner|HeapByteBuffer|MemoryStream|Buffer|&?\{\[117 ", text[:65_536])
    if mentions is None:
        return None
    opened = list(_prints(text))
    if any(isinstance(content, Content) for content in opened):
        return opened
    if not opened and re.search(_START, text):
        raise DamagedError("the bytes of a report as numbers, cut before the end; write Content itself to the file")
    for lost in LOST:
        if lost.pattern.search(text) and re.search(r"GeneratedTime|ReportFormat|generated_time", text):
            raise DamagedError(
                f"{lost.name}: it does not contain the rows of the report; {lost.way_out}, or download the report again"
            )
    if opened and isinstance(opened[0], DamagedError):
        raise opened[0]
    return None


def _prints(text: str) -> Iterator[Content | DamagedError]:
    """Yield the reports whose bytes a print contains: as decimal numbers, as hex, or as a Ruby string."""
    time = _GENERATED.search(text)
    for match in _BYTES.finditer(text):
        yield _dated_dump(match["bytes"], "byte numbers", time)
    for match in _HEX.finditer(text):
        yield _dated_dump([*bytes.fromhex(match[1])] if len(match[1]) % 2 == 0 else "", "byte numbers", time)
    for match in _RUBY.finditer(text):
        value = match[1][1:-1].replace("\\n", "\n").replace('\\"', '"')
        if value.startswith(("user,", BEGINNING)):
            yield _dated_dump(value, "ruby text", time)


def _dated_dump(value: object, form: str, time: re.Match[str] | None) -> Content | DamagedError:
    try:
        content = decoded(value, form)
    except (DamagedError, NotAReportError) as error:
        return DamagedError(str(error))
    return dated(content, time["time"].replace(" +", "+").replace(" -", "-") if time else None)
