"""The policy file (TOML): limits, severities, controls that are switched off, and waivers.

    [controls.unused-credentials]
    max_idle_days = 60
    severity = "high"

    [controls.mfa-every-user]
    enabled = false

    [waivers.break-glass]
    account = "111122223333"
    user = "break-glass-*"
    control = "unused-credentials"
    reason = "sealed; used in emergencies only"
    owner = "security@example.com"
    expires = 2027-01-31
    ticket = "SEC-123"

Each error names the file, the line and the key.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, Final, cast

from analyzer.controls.catalog import BY_ID
from analyzer.controls.control import Option, Parameter, Severity, Value
from analyzer.controls.documents import Document
from analyzer.controls.frameworks import newest_cis
from analyzer.errors import PolicyError, did_you_mean
from analyzer.reading.layout import ACCOUNT_ID, SLOTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

DEFAULT_NAME: Final = "credreport.toml"
"""The policy file that is used if no option names one and the working folder has it."""
CREDENTIALS: Final = (*(slot.name for slot in SLOTS), "user")
_MATCHING: Final = ("account", "user", "credential", "control")
_REQUIRED: Final = ("reason", "owner", "expires")
_ACCOUNT: Final = 'the 12 digits of an account in quotes, such as "111122223333"'
_WAIVER_KEYS: Final = (*_MATCHING, *_REQUIRED, "ticket")


@dataclass(frozen=True)
class Waiver:
    """A waiver: failures that are accepted until a date. Attributes that are None match everything."""

    id: str
    line: int
    reason: str
    owner: str
    expires: date
    """The last day on which the waiver counts, until the end of the day in UTC."""
    ticket: str | None = None
    account: str | None = None
    user: str | None = None
    """A user name, ignoring case; `*` stands for any characters, `?` for one character."""
    credential: str | None = None
    control: str | None = None

    @property
    def end(self) -> datetime:
        """The last moment at which the waiver counts."""
        return datetime.combine(self.expires, time.max, UTC)

    @property
    def scope(self) -> str:
        """A description of what the waiver matches: `account 111122223333, user ann`."""
        parts = [f"{name} {value}" for name in _MATCHING if (value := getattr(self, name)) is not None]
        return ", ".join(parts)


@dataclass(frozen=True)
class ControlPolicy:
    """The settings of one control in a policy."""

    enabled: bool = True
    severity: Severity | None = None
    parameters: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Policy:
    """The content of a policy file."""

    name: str
    """The path of the file, as the user gave it."""
    sha256: str
    controls: Mapping[str, ControlPolicy] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()
    text: str = ""
    """The text of the file."""

    def enabled(self, control: str) -> bool:
        """Return whether the policy leaves a control switched on."""
        return self._of(control).enabled

    def asks_for(self, control: str) -> bool:
        """Return whether the policy names a control and leaves it switched on."""
        return control in self.controls and self.enabled(control)

    def severity(self, control: str) -> Severity | None:
        """Return the severity that the policy sets for a control; None if it sets none."""
        return self._of(control).severity

    def parameters(self, control: str) -> Mapping[str, Value]:
        """Return the parameters that the policy sets for a control."""
        return self._of(control).parameters

    def _of(self, control: str) -> ControlPolicy:
        return self.controls.get(control, ControlPolicy())


def read_policy(path: Path) -> Policy:
    """Read a policy file. Raises PolicyError if it cannot be read, or for an unknown key or a wrong value."""
    return parse_policy(str(path), _File.bytes_at(path))


def parse_policy(path: str, data: bytes) -> Policy:
    """Parse the bytes of a policy file. Raises PolicyError as `read_policy` does."""
    return _File.of(path, data).policy(hashlib.sha256(data).hexdigest(), data.decode())


def policy_of(name: str, controls: Mapping[str, ControlPolicy], waivers: Iterable[Waiver]) -> Policy:
    """Return the policy with these settings, as if it was read from a file `name`; its text is generated.

    The texts of waivers must not contain quotation marks, backslashes or control characters.
    """
    lines: list[str] = []
    for control, settings in controls.items():
        keys: dict[str, Value | bool | date | None] = {
            "enabled": settings.enabled,
            "severity": settings.severity and settings.severity.value,
            **settings.parameters,
        }
        lines += _table_of(f"controls.{control}", keys)
    for waiver in waivers:
        keys = {key: getattr(waiver, key) for key in _WAIVER_KEYS}
        lines += _table_of(f'waivers."{waiver.id}"', keys)
    return parse_policy(name, "\n".join(lines).encode())


def _table_of(name: str, keys: Mapping[str, Value | bool | date | None]) -> list[str]:
    """Return the lines of a TOML table; values that are None are left out."""
    texts = {
        key: f'"{value}"' if isinstance(value, str) else str(value).lower()
        for key, value in keys.items()
        if value is not None
    }
    return [f"[{name}]", *(f"{key} = {text}" for key, text in texts.items()), ""]


class _File(Document):
    """A policy, checked key by key."""

    kind = "policy"
    option = "--policy"
    error = PolicyError
    form = "a policy has tables of keys and values"

    def policy(self, sha256: str, text: str) -> Policy:
        document = self.content
        if "exceptions" in document:
            self.fail(
                ("exceptions",), "exceptions are called waivers", "write [waivers.NAME] instead of [exceptions.NAME]"
            )
        self.only((), document, ("controls", "waivers"))
        controls = self._table((), document, "controls")
        waivers = self._table((), document, "waivers")
        return Policy(
            self.name,
            sha256,
            {name: self._control(name, controls) for name in controls},
            tuple(self._waiver(name, waivers) for name in waivers),
            text,
        )

    def _control(self, name: str, controls: dict[str, Any]) -> ControlPolicy:
        path = ("controls", name)
        if name not in BY_ID:
            self.fail(path, f"no such control{did_you_mean(name, BY_ID)}", f"the controls are {', '.join(BY_ID)}")
        control = BY_ID[name]
        table = self._table(("controls",), controls, name)
        self.only(path, table, ("enabled", "severity", *control.parameters))
        enabled = self.flag((*path, "enabled"), table.get("enabled", True))
        severity = table.get("severity")
        if severity is not None and severity not in list(Severity):
            close = did_you_mean(severity, Severity) if isinstance(severity, str) else ""
            self.wrong((*path, "severity"), severity, f"one of {', '.join(Severity)}, in quotes", close)
        parameters = {
            key: self._parameter((*path, key), table[key], parameter)
            for key, parameter in control.parameters.items()
            if key in table
        }
        return ControlPolicy(enabled, Severity(severity) if severity else None, parameters)

    def _parameter(self, path: tuple[str, ...], value: Any, parameter: Parameter | Option) -> Value:  # noqa: ANN401 - as TOML has it
        if not parameter.takes(value):
            self.wrong(path, value, parameter.expected)
        return cast("Value", value)

    def _waiver(self, name: str, waivers: dict[str, Any]) -> Waiver:
        path = ("waivers", name)
        if not name.strip():
            self.fail(path, "the waiver has no name", "write [waivers.NAME]")
        table = self._table(("waivers",), waivers, name)
        self.only(path, table, _WAIVER_KEYS)
        for key in _REQUIRED:
            if key not in table:
                example = "2027-01-31" if key == "expires" else '"…"'
                self.fail(path, f"{key} is missing", f"a waiver needs {key}: write {key} = {example}")
        if not any(str(table.get(key, "*")).strip("*?") for key in _MATCHING):
            self.fail(path, "the waiver matches everything", f"name at least one of {', '.join(_MATCHING)}")
        texts: dict[str, str] = {
            key: self.text((*path, key), table[key], *([_ACCOUNT] if key == "account" else []))
            for key in _WAIVER_KEYS
            if key in table and key != "expires"
        }
        expires = table["expires"]
        if not isinstance(expires, date) or isinstance(expires, datetime):
            self.wrong((*path, "expires"), expires, "a date such as 2027-01-31, without quotes and without a time")
        self._check_matching(path, texts)
        return Waiver(id=name, line=self.line(path), expires=expires, **texts)

    def _check_matching(self, path: tuple[str, ...], texts: dict[str, str]) -> None:
        account = texts.get("account")
        if account is not None and not re.fullmatch(ACCOUNT_ID, account):
            self.wrong((*path, "account"), account, _ACCOUNT)
        for key, names in (("credential", CREDENTIALS), ("control", tuple(BY_ID))):
            if key in texts and texts[key] not in names:
                if key == "control" and (ids := newest_cis().controls_of(texts[key])):
                    self.fail(
                        (*path, key),
                        f"cannot be a number; in {newest_cis().label} {texts[key]} is {' and '.join(ids)}",
                        f'write control = "{ids[0]}"',
                    )
                self.wrong((*path, key), texts[key], f"one of {', '.join(names)}", did_you_mean(texts[key], names))
        if any(sign in texts.get("user", "") for sign in "[]"):
            self.wrong((*path, "user"), texts["user"], "a user name; * stands for any characters, ? for one")

    def _table(self, path: tuple[str, ...], parent: dict[str, Any], key: str) -> dict[str, Any]:
        value = parent.get(key, {})
        if not isinstance(value, dict):
            # A key directly below [waivers] was probably meant for one waiver.
            below = f"{path[0] if path else key}.NAME" if path != ("controls",) else f"controls.{key}"
            self.fail((*path, key), "not a table", f"write [{below}] on a line of its own, and its keys below it")
        return value
