"""Decides what to do about each credential or user with failures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from analyzer.evidence.answer import latest_old_capture
from analyzer.evidence.plain import iso
from analyzer.reading.columns import records
from analyzer.reading.layout import KIND_OF, SLOTS, Kind, State
from analyzer.rendering.remediation.failures import failures_by_account

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from analyzer.controls.checklist import Check
    from analyzer.evidence.summary import Summary
    from analyzer.evidence.tables import Tables
    from analyzer.rendering.remediation.failures import Fact

_ORDER: Final = [*(slot.name for slot in SLOTS), "user"]
_NEVER: Final = (State.NOT_APPLICABLE, State.NO_INFORMATION)
_LEAVER: Final = "leaver-credentials"
_CONSOLE_MFA: Final = "console-mfa"
_ROTATION: Final = "password-rotation"
_EXPIRED: Final = "expired-password-in-use"
_SOLVED: Final = "solved by removing the password (see the row of the password)"
_SOLVED_WITH_PASSWORD: Final = {_CONSOLE_MFA: f"MFA: {_SOLVED}."}
"""The remedies, by control, of failures on the row as a whole that end when its password is removed."""
_USER_NAME: Final = re.compile(r"[A-Za-z0-9_+=,.@-]{1,128}")
"""The user names that IAM allows. The script prints them in commands without quotes: no such character needs any."""


@dataclass(frozen=True)
class Action:
    """An action of the script: its name in the worksheet, and the words with which the script counts it."""

    in_worksheet: str
    noun: str
    to_do: str


ACTIONS: Final = {
    "make_inactive": Action("make inactive", "key", "to make inactive"),
    "delete_never_used": Action("delete (never used)", "never-used key", "to delete"),
    "remove_password": Action("remove password (delete login profile)", "password", "to remove"),
}
"""The functions of the script, by name."""


@dataclass(frozen=True)
class Task:
    """What to do about one credential, or about a user as a whole."""

    findings: list[Fact]
    """The failures that no waiver covers, in the order of the checklist; `leaver-credentials` comes first."""
    action: str
    call: tuple[str, ...] = ()
    """The line in the script: a function and its arguments. Empty if the script has no line for the task."""
    removes_password: bool = False
    """Whether the script or a person removes the password."""

    @property
    def facts(self) -> Fact:
        """The facts of the credential or user, which are equal in all its findings."""
        return self.findings[0]


def newest_capture(summary: Summary) -> dict[str, datetime | None]:
    """Return the capture time of the newest report of each account; None if it is unknown."""
    newest: dict[str, datetime | None] = {}
    inputs = summary.inputs
    for captured, parts in zip(records(inputs[["captured_at"]]), inputs["accounts"], strict=True):
        time = captured["captured_at"]
        for part in parts:
            if part["account_id"] is not None:
                earlier = newest.get(part["account_id"])
                newest[part["account_id"]] = (
                    time if earlier is None else earlier if time is None else max(earlier, time)
                )
    return newest


def tasks_of(summary: Summary, tables: Tables, newest: Mapping[str, datetime | None]) -> Iterator[Task]:
    """Yield the tasks by account (unknown accounts last), user and credential.

    `newest` has the capture time of the newest report of each account (see `newest_capture`).
    """
    checks, latest_old = summary.checklist.checks, latest_old_capture(summary)
    for failures in failures_by_account(tables, checks, newest):
        failures.sort(key=lambda fact: (*_subject(fact), fact["control"] != _LEAVER, fact["chosen"]))
        leavers = {_row(fact): fact for fact in failures if fact["control"] == _LEAVER and fact["waiver"] is None}
        without_password = set()
        for _, group in groupby(failures, key=_subject):
            findings = list(group)
            open_ones = [fact for fact in findings if fact["waiver"] is None]
            if open_ones:
                waived = [fact for fact in findings if fact["waiver"] is not None]
                age = _age(open_ones[0]["captured_at"], latest_old)
                row = _row(open_ones[0])
                # The password of a row comes before the row as a whole, whose failures may be solved with it.
                solved = _SOLVED_WITH_PASSWORD if row in without_password else {}
                task = _task(checks, (open_ones, waived), leavers.get(row), age, solved)
                if task.removes_password:
                    without_password.add(row)
                yield task


def _age(captured: datetime | None, latest_old: datetime | None) -> str:
    """Return the date of a report that is old: captured at or before `latest_old`; an empty text for other reports."""
    if captured is None or latest_old is None or captured > latest_old:
        return ""
    return f" (report of {captured:%Y-%m-%d})"


def _subject(fact: Fact) -> tuple[Any, ...]:
    user = fact["user"] or ""
    # A failure of a whole account has no line.
    return user.lower(), user, _ORDER.index(fact["credential"]), fact["source"] or "", fact["line"] or 0


def _row(fact: Fact) -> tuple[Any, ...]:
    return fact["source"], fact["line"]


def _task(
    checks: Sequence[Check],
    failures: tuple[list[Fact], list[Fact]],
    leaver_failure: Fact | None,
    age: str,
    solved: Mapping[str, str],
) -> Task:
    """Return the task for the subject of these failures, first the open and then the waived; `age` is that of `_age`.

    `solved` has the remedy of each control whose failure another task solves. `leaver_failure` is a failure of
    `leaver-credentials` of the same user, if there is one. Nobody is left to change a password, or to use a new key. So
    the remedy of that control replaces all others, and a person does it, except for a credential whose own failure of
    the control is waived.
    """
    findings, waived = failures
    if leaver_failure is not None and not any(fact["control"] == _LEAVER for fact in waived):
        remedy = checks[leaver_failure["chosen"]].remedy("user")
        return Task(findings, f"by hand, because the user left{age}: {remedy}")
    failed = [checks[fact["chosen"]] for fact in findings]
    if all(check.control.id in solved for check in failed):
        return Task(findings, f"{_SOLVED}{age}".replace(") (", "; "))
    remedies = _remedies(failed, findings, solved)
    if not any(is_unused(fact) for fact in findings):
        # A credential that is or may be in use needs a person, because no check shows who needs it.
        is_rotated = any(check.control.id == "access-key-rotation" for check in failed)
        return Task(findings, f"rotate{age}" if is_rotated else f"by hand{age}: {remedies}")
    # Two controls may judge the use. A waiver for one of them shows that the credential must stay.
    waiver = next((f"waiver {fact['waiver']} covers it in part" for fact in waived if is_unused(fact)), None)
    is_password = _kind(findings[0]) is Kind.PASSWORD
    if obstacle := waiver or _obstacle(findings[0]) or ("the report is old" if age else None):
        is_removed = is_password and waiver is None
        if is_removed:
            remedies = _remedies([checks[fact["chosen"]] for fact in findings if is_unused(fact)], findings, solved)
        return Task(findings, f"by hand, because {obstacle}{age}: {remedies}", removes_password=is_removed)
    question = _new_password(checks, findings)
    call = () if question else _call(findings[0])
    action = f"by hand: {question}" if question else ACTIONS[call[0]].in_worksheet
    return Task(findings, action, call, removes_password=is_password and not question)


def _remedies(failed: Sequence[Check], findings: list[Fact], solved: Mapping[str, str]) -> str:
    """Return the remedies of these checks, each once.

    A change of a password that has expired is part of the remedy of `expired-password-in-use`.
    """
    ids = {check.control.id for check in failed}
    needed = [check for check in failed if check.control.id != _ROTATION or _EXPIRED not in ids]
    credential = findings[0]["credential"]
    texts = (solved.get(check.control.id, check.remedy(credential)) for check in needed)
    return " ".join(dict.fromkeys(texts))


def is_unused(fact: Fact) -> bool:
    """Whether a failure means that the credential is unused. The console control fails used keys too."""
    return fact["control"] in {"unused-credentials", "no-initial-access-keys"} or (
        fact["control"] == "unused-credentials-console" and _kind(fact) is Kind.PASSWORD
    )


def _kind(fact: Fact) -> Kind | None:
    return KIND_OF.get(fact["credential"])


def _obstacle(fact: Fact) -> str | None:
    """Return why the script cannot safely identify the credential; None if it can."""
    user, arn, is_password = fact["user"] or "", fact["arn"], _kind(fact) is Kind.PASSWORD
    obstacles = {
        "the account is not known": fact["account_id"] is None,
        "IAM does not allow this user name": not _USER_NAME.fullmatch(user),
        "the ARN belongs to another user": arn is not None and not arn.endswith(f"/{user}"),
        "a newer report of the account may exist": fact["older"],
        "the user occurs more than once in the reports of the account": fact["twice"],
        "the report does not show when the user was created": is_password and fact["user_creation_time"] is None,
        f"the report does not show when it was {'set' if is_password else 'created'}": fact["last_changed"] is None,
        "the report does not show whether it was ever used": fact["last_used"] is None
        and fact["last_used_state"] not in _NEVER,
    }
    return next((obstacle for obstacle, is_so in obstacles.items() if is_so), None)


def _new_password(checks: Sequence[Check], findings: list[Fact]) -> str | None:
    """Return the question about a password that was changed after its last use, less than the limit ago; else None.

    Somebody may just have got this password. If several controls judge the use, the longest limit counts.
    """
    fact = findings[0]
    used, changed = fact["last_used"], fact["last_changed"]
    if _kind(fact) is not Kind.PASSWORD or used is None or changed <= used:
        return None
    limit = max(checks[finding["chosen"]].limit_days or 0 for finding in findings if is_unused(finding))
    if fact["as_of"] - changed >= timedelta(days=limit):
        return None
    return (
        f"the password was changed on {changed:%Y-%m-%d}, after its last use: ask whether somebody just got this "
        "password; if not, remove it (delete the login profile)"
    )


def _call(fact: Fact) -> tuple[str, ...]:
    """Return the line of the script for an unused credential: a function and its arguments."""
    subject, changed, used = (fact["account_id"], fact["user"]), _second(fact["last_changed"]), fact["last_used"]
    if _kind(fact) is Kind.PASSWORD:
        created = _second(fact["user_creation_time"])
        return ("remove_password", *subject, created, changed, _second(used) if used else "never")
    if used:
        return ("make_inactive", *subject, fact["credential"], changed, _second(used))
    return ("delete_never_used", *subject, fact["credential"], changed)


def _second(time: datetime) -> str:
    return str(iso(time.replace(microsecond=0)))
