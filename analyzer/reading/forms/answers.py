"""Recognise answers without a report: from generate-credential-report, AWS errors, and prints of an empty result."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from analyzer.reading.forms.content import DamagedError
from analyzer.reading.forms.headers import squeezed

GET: Final = "aws iam get-credential-report"
_GENERATE: Final = "aws iam generate-credential-report"
_STATES: Final = frozenset({"STARTED", "INPROGRESS", "COMPLETE"})
_DESCRIPTION: Final = re.compile(r"no report exists|report generation", re.IGNORECASE)
_NOTHING: Final = frozenset({"none", "null", "undefined", "<none>"})
_MOST_KEYS: Final = 8
"""A mapping with more keys is not an error but an event that quotes one."""
_LONGEST: Final = 8_192
"""A text with more characters is not an answer but a text that quotes one."""

ERRORS: Final = {
    "ReportNotPresent": f"no report was generated yet: run {_GENERATE}, then {GET}",
    "ReportInProgress": f"the report was still being generated: run {GET} again in a few seconds",
    "ReportExpired": f"the last report has expired: run {_GENERATE}, then {GET}",
    "AccessDenied": f"the caller lacks the permission iam:GetCredentialReport: ask for it, then run {GET} again",
    "ServiceFailure": f"the service failed: run {GET} again",
    "LimitExceeded": f"too many requests: run {GET} again in a few minutes",
}
"""AWS errors by code: what they mean and what to do."""
_NAMES: Final = {
    "credentialreportnotpresentexception": "ReportNotPresent",
    "credentialreportnotreadyexception": "ReportInProgress",
    "credentialreportexpiredexception": "ReportExpired",
    "accessdeniedexception": "AccessDenied",
    "unauthorizedoperation": "AccessDenied",
    **{code.lower(): code for code in ERRORS},
}
_OTHERS: Final = frozenset(
    {"expiredtoken", "expiredtokenexception", "invalidclienttokenid", "throttling", "unrecognizedclientexception"}
)
_LINE: Final = re.compile(
    r"^(?:aws: \[ERROR\]: |fatal error: |botocore\.exceptions\.\w+: )?An error occurred \((?P<code>\w+)\)"
    r"(?P<of>[^\n]*)",
    re.MULTILINE,
)
_OF_REPORT: Final = re.compile(r"credential-?report", re.IGNORECASE)
_XML: Final = re.compile(r"<(?:\w+:)?Code>\s*(\w+)\s*</")
_XML_STATE: Final = re.compile(r"<(?:\w+:)?State>\s*(\w+)\s*</")


def refuse_text(text: str) -> None:
    """Raise DamagedError if the whole text is an answer without a report."""
    whole = text.strip()
    if len(whole) > _LONGEST:
        return
    if whole.strip("\"'").lower() in _NOTHING:
        raise DamagedError(
            f"{whole[:20]!r} instead of a report: the command that wrote the file got no report; run {GET}"
        )
    _refuse_error_line(whole)
    if whole.startswith("<"):
        _refuse_xml(whole)
    cells = [
        cell.strip().strip('"') for cell in re.split(r"[\t\n|]", re.sub(r"^[-+ ]+$", "", whole, flags=re.MULTILINE))
    ]
    cells = [cell for cell in cells if cell]
    if len(cells) <= 4 and any(cell in _STATES for cell in cells):
        descriptions = [cell for cell in cells if cell not in _STATES]
        if all(_DESCRIPTION.search(cell) or cell.lower() in {"state", "description"} for cell in descriptions):
            _refuse_state(next(cell for cell in cells if cell in _STATES))
    if 1 < len(cells) <= 3 and (code := _error_code(cells[0])) is not None:
        _refuse_code(code)


def refuse_value(value: object) -> None:
    """Raise DamagedError if a value is an answer without a report."""
    if value is None:
        raise DamagedError(f"null instead of a report: the command that wrote the file got no report; run {GET}")
    if not isinstance(value, Mapping):
        return
    by_name = {squeezed(str(key)): item for key, item in value.items()}
    state = str(by_name.get("state", "")).upper()
    if state in _STATES and by_name.keys() <= {
        "state",
        "description",
        "responsemetadata",
        "$metadata",
        "resultmetadata",
    }:
        _refuse_state(state)
    for inside in (by_name.get("error"), by_name.get("errors"), by_name):
        if not isinstance(inside, Mapping):
            continue
        keys = {squeezed(str(key)): item for key, item in inside.items()}
        for name in ("code", "name", "errorcode", "type"):
            if (
                (code := _error_code(keys.get(name))) is not None
                and len(value) <= _MOST_KEYS
                and "eventname" not in by_name
            ):
                _refuse_code(code)
    if isinstance(by_name.get("error"), str):
        _refuse_error_line(str(by_name["error"]))
        if (code := _error_code(by_name["error"])) is not None:
            _refuse_code(code)


def _refuse_error_line(text: str) -> None:
    match = _LINE.search(text)
    if match is None:
        return
    if _OF_REPORT.search(match["of"]):
        _refuse_code(_NAMES.get(match["code"].lower(), match["code"]))
    if match.start() == 0:
        raise DamagedError(
            f"an error of the AWS CLI instead of a report: {match[0][:200]}; correct the cause, then run {GET}"
        )


def _refuse_xml(text: str) -> None:
    code = _XML.search(text)
    if code is not None and ("ErrorResponse" in text or _error_code(code[1]) is not None):
        _refuse_code(_NAMES.get(code[1].lower(), code[1]))
    state = _XML_STATE.search(text)
    if state is not None and "GenerateCredentialReport" in text:
        _refuse_state(state[1])


def _error_code(name: object) -> str | None:
    """Return the AWS code of an error name; None if the error does not concern reports."""
    lowered = str(name).strip().lower()
    return _NAMES.get(lowered) or (str(name).strip() if lowered in _OTHERS else None)


def _refuse_code(code: str) -> None:
    why = ERRORS.get(code, f"run {GET} again")
    raise DamagedError(f"an AWS error ({code}) instead of a report; {why}")


def _refuse_state(state: str) -> None:
    raise DamagedError(
        f"the answer of generate-credential-report ({state}) instead of a report; run {GET} > report.json"
    )
