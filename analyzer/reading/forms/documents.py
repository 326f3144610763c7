"""Read JSON, YAML and XML: find the values in a text and the reports in them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from analyzer.reading.forms import answers
from analyzer.reading.forms.content import Content, DamagedError, NotAReportError, Opened, left_out_lines
from analyzer.reading.forms.headers import known_columns
from analyzer.reading.forms.values import BEGINNING, dated, decoded
from analyzer.reading.forms.walking import ENOUGH, cut_row, reports_in_values

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEY: Final = re.compile(
    r"""^[\s{,\[-]*["']?(?:Content|GeneratedTime|ReportFormat)["']?\s*:|"[Cc]ontent"\s*:\s*"(?:dXNlcixhcm4s|b'user|user,)""",
    re.MULTILINE,
)
"""A key of an envelope."""
_YAML_KEY: Final = re.compile(
    r"^(?:- |---\s*\n(?:- )?)?['\"]?"
    r"(?:content|generated_?time|report_?format|state|description|code|user|arn|rows)['\"]?\s*:",
    re.IGNORECASE,
)
_ASSIGNED: Final = re.compile(r"\s*(?:(?:var|let|const)\s+)?[\w.$]+\s*=\s*(?=[{\[])")
"""The beginning of a script that assigns a JSON value to a variable, as ScoutSuite writes it."""
_JSON: Final = re.compile(r"\{\s*[\"}]|\[|\"|-?\d+\s*$|null\s*$")
"""The beginning of JSON. Prints of Go, JavaScript and Python have a bare name or a single quote there."""
_NEXT: Final = re.compile(r"^[ \t]*(?=[{\[])", re.MULTILINE)
_ROW_MARK: Final = re.compile(r'"(?:password_?enabled|access_?key_?1_?active|mfa_?active)"', re.IGNORECASE)
_XML: Final = re.compile(r"<(?:\w+:)?(Content|GeneratedTime)>\s*(?:<!\[CDATA\[)?([^<\]]*)(?:\]\]>)?</")


def open_json(text: str) -> Opened | None:
    """Return the reports in a text of JSON values; None if the text is not JSON."""
    whole, above = text.lstrip(), ""
    if assigned := _ASSIGNED.match(whole):
        whole = whole[assigned.end() :].rstrip().removesuffix(";")
    elif not _JSON.match(whole):
        start = _NEXT.search(whole)
        if start is None or not _is_marked(whole):
            return None
        above, whole = whole[: start.start()], whole[start.start() :]
        if not _JSON.match(whole):
            return None
    first = text.count("\n", 0, len(text) - len(text.lstrip())) + above.count("\n") + 1
    noise: list[tuple[int, str]] = []
    answered = list(_answer(above))
    if above and not answered:
        noise += [(number, line) for number, line in enumerate(above.split("\n"), first - above.count("\n")) if line]
    opened = reports_in_values([*answered, *_values(whole, first, noise)], "json")
    remarks = left_out_lines(noise)
    return [
        replace(content, remarks=content.remarks + remarks) if isinstance(content, Content) else content
        for content in opened
    ]


def _answer(text: str) -> Iterator[DamagedError]:
    """Yield an error if the text is an answer without a report; else nothing."""
    try:
        answers.refuse_text(text)
    except DamagedError as answer:
        yield answer


def _values(text: str, first: int, noise: list[tuple[int, str]]) -> Iterator[Any]:
    """Yield the JSON values in `text`, which begins on line `first` of its file.

    A value that is cut, and an AWS error in place of a value, is yielded as an error. Other lines are added to
    `noise`.
    """
    decoder, position = json.JSONDecoder(), 0
    is_marked: bool | None = None
    while position < len(text):
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            is_marked = _is_marked(text) if is_marked is None else is_marked
            if not is_marked:
                raise NotAReportError("neither a credential report nor an AWS answer that contains one") from error
            newline = text.find("\n", position)
            following = _NEXT.search(text, newline) if newline >= 0 else None
            between = text[position : following.start() if following else len(text)]
            damage = _between(between, error)
            if damage is not None:
                yield damage
            else:
                number = first + text.count("\n", 0, position)
                noise += [
                    (line_number, line) for line_number, line in enumerate(between.split("\n"), number) if line.strip()
                ]
            position = following.end() if following else len(text)
            continue
        yield value
        while position < len(text) and text[position].isspace():
            position += 1


def _is_marked(text: str) -> bool:
    return BEGINNING in text or _KEY.search(text) is not None or _ROW_MARK.search(text) is not None


def _between(text: str, error: Exception) -> DamagedError | None:
    """Return the error of a text between JSON values; None if the text is not part of a value."""
    for answer in _answer(text):
        return answer
    if text.lstrip().startswith(("{", "[", '"')):
        if isinstance(error, RecursionError):
            return DamagedError(
                "the JSON is nested more than about 1,000 levels deep; save the report itself in a file"
            )
        return DamagedError(f"the JSON envelope is cut or corrupt ({error}); download it again")
    return None


def open_yaml(text: str) -> Opened | None:
    """Return the reports in YAML of the AWS CLI; None if the text does not begin like it."""
    if not _YAML_KEY.match(text.lstrip()):
        return None
    import yaml  # noqa: PLC0415 - only this form needs it

    try:
        if "*" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
            # A few lines of aliases can expand to more values than fit in memory.
            raise DamagedError("the YAML has aliases (*name), which AWS never writes; replace them with their values")
        # BaseLoader keeps every scalar as text, including GeneratedTime.
        values = list(yaml.load_all(text, Loader=yaml.BaseLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if _KEY.search(text) or BEGINNING in text or _has_row_keys(text):
            raise DamagedError("the YAML envelope is cut or corrupt; download it again") from error
        return None
    rows = values[0] if len(values) == 1 and isinstance(values[0], list) else values
    opened = reports_in_values(values, "yaml")
    return opened + cut_row(rows)


def _has_row_keys(text: str) -> bool:
    return len(known_columns(re.findall(r"^[ -]*['\"]?([\w -]+?)['\"]?:", text, re.MULTILINE))) >= ENOUGH


def open_xml(text: str) -> Opened | None:
    """Return the reports in the XML of the IAM API; None if the text is not such XML."""
    if not text.lstrip().startswith("<") or "CredentialReport" not in text:
        return None
    answers.refuse_text(text)
    opened: Opened = []
    for key, value in _XML.findall(text):
        if key == "Content":
            try:
                opened.append(decoded(value, "xml envelope"))
            except (DamagedError, NotAReportError) as error:
                opened.append(DamagedError(str(error)))
        elif opened and isinstance(opened[-1], Content):
            opened[-1] = dated(opened[-1], value.strip())
    if len(opened) == 1 and isinstance(opened[0], DamagedError):
        raise opened[0]
    if len(opened) < len(re.findall(r"<(?:\w+:)?Content>", text)):
        opened.append(DamagedError("the XML is cut in the middle of Content; download the report again"))
    return opened or None
