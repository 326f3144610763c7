"""The credential report's columns, sentinels and credential slots, as data.

Source: AWS IAM User Guide, "Generate credential reports for your AWS account" (the report format), and live captures
where they go beyond it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable


class CodedEnum(StrEnum):
    """Texts of which each has a number, `code`: its position. Columns of few texts are kept as such numbers."""

    code: int

    def __new__(cls, value: str) -> Self:
        """Return a member with the next number."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.code = len(cls.__members__)
        return member


class Kind(CodedEnum):
    """The kinds of credential an IAM user can hold in the report."""

    PASSWORD = "password"  # noqa: S105 - a kind, not a secret
    ACCESS_KEY = "access_key"
    CERTIFICATE = "certificate"


class State(CodedEnum):
    """Why a timestamp is, or is not, there."""

    VALUE = "value"
    NOT_APPLICABLE = "not_applicable"
    NO_INFORMATION = "no_information"
    NOT_SUPPORTED = "not_supported"
    MISSING = "missing"
    INVALID = "invalid"


@dataclass(frozen=True)
class Slot:
    """One place for a credential in a report row, and the columns that describe what is in it.

    `last_used`, `region` and `service` are None where the report has no such column.
    """

    name: str
    kind: Kind
    active: str
    last_changed: str
    last_used: str | None = None
    region: str | None = None
    service: str | None = None


def _access_key(slot: int) -> Slot:
    prefix = f"access_key_{slot}"
    used = f"{prefix}_last_used"
    return Slot(
        prefix,
        Kind.ACCESS_KEY,
        active=f"{prefix}_active",
        last_changed=f"{prefix}_last_rotated",
        last_used=f"{used}_date",
        region=f"{used}_region",
        service=f"{used}_service",
    )


def _certificate(slot: int) -> Slot:
    prefix = f"cert_{slot}"
    return Slot(prefix, Kind.CERTIFICATE, active=f"{prefix}_active", last_changed=f"{prefix}_last_rotated")


SLOTS: Final = (
    Slot(
        "password",
        Kind.PASSWORD,
        active="password_enabled",
        last_changed="password_last_changed",
        last_used="password_last_used",
    ),
    _access_key(1),
    _access_key(2),
    _certificate(1),
    _certificate(2),
)
"""In the order of the report's columns: also the order of findings within one row."""

_YOUNGER: Final = "no credential can be older than its user"
_BEFORE_ITS_USER: Final = "nothing can be used before its user was created"
NEVER_BEFORE: Final = {
    "password_last_used": {"user_creation_time": _BEFORE_ITS_USER},
    "password_last_changed": {"user_creation_time": _YOUNGER},
    "password_next_rotation": {
        "password_last_changed": "the next rotation of a password comes after its last change",
        "user_creation_time": "the next rotation of a password comes after its user was created",
    },
    **{slot.last_changed: {"user_creation_time": _YOUNGER} for slot in SLOTS if slot.kind is not Kind.PASSWORD},
    **{
        slot.last_used: {
            slot.last_changed: "a key cannot be used before it was created; the key is judged by this use",
            "user_creation_time": _BEFORE_ITS_USER,
        }
        for slot in SLOTS
        if slot.kind is Kind.ACCESS_KEY and slot.last_used
    },
}
"""Which time cannot be before which others of its row, and why.

That a password was used before its last change is ordinary.
"""

ROOT_USER: Final = "<root_account>"

ACCOUNT_ID: Final = "[0-9]{12}"
"""An AWS account id, as a regular expression (Python's `re` and Arrow's RE2 alike)."""
PARTITION: Final = "[a-z][a-z0-9-]*"
"""A partition of AWS, such as `aws` or `aws-us-gov`: any name that may be one, since AWS adds new ones."""
ARN_BEGINNING: Final = rf"arn:(?P<partition>{PARTITION}):iam::(?P<account>{ACCOUNT_ID}):"
"""What stands in an ARN before the name of the user."""
ARN: Final = rf"{ARN_BEGINNING}(?:root|user(?P<path>/(?:[!-~]*/)?)(?P<name>[^/]+))"
"""The whole ARN of root, or of a user: path and name are those of a user. A path is printable ASCII without blanks."""

COLUMNS: Final = (
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    "access_key_1_active",
    "access_key_1_last_rotated",
    "access_key_1_last_used_date",
    "access_key_1_last_used_region",
    "access_key_1_last_used_service",
    "access_key_2_active",
    "access_key_2_last_rotated",
    "access_key_2_last_used_date",
    "access_key_2_last_used_region",
    "access_key_2_last_used_service",
    "cert_1_active",
    "cert_1_last_rotated",
    "cert_2_active",
    "cert_2_last_rotated",
    "additional_credentials_info",
)
"""All 23 documented columns, in their order. Reports are read by name, never by position."""

TIMESTAMP_COLUMNS: Final = (
    "user_creation_time",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "access_key_1_last_rotated",
    "access_key_1_last_used_date",
    "access_key_2_last_rotated",
    "access_key_2_last_used_date",
    "cert_1_last_rotated",
    "cert_2_last_rotated",
)

BOOLEAN_COLUMNS: Final = (
    "password_enabled",
    "mfa_active",
    "access_key_1_active",
    "access_key_2_active",
    "cert_1_active",
    "cert_2_active",
)

LAST_USED_COLUMNS: Final = tuple(
    column for column in COLUMNS if column.startswith("access_key_") and "_last_used_" in column
)
"""The six columns that reports of 2014 and 2015 (16 columns) do not have."""

SHOWN_ONLY: Final = frozenset({column for slot in SLOTS for column in (slot.region, slot.service) if column})
"""Columns that tables show and no control looks at; nothing in them can be unreadable."""

OPTIONAL_COLUMNS: Final = frozenset({*LAST_USED_COLUMNS, "additional_credentials_info"})
"""Columns whose absence is a known layout and not damage."""

ACCOUNT: Final = "account_id"
"""The column, none of AWS's, in which collectors name the account of a row: so called here, whatever a report calls it.
"""
_ACCOUNT_NAMES: Final = ("accountid", "awsaccountid", "accountnumber", "awsaccountnumber", "account")
"""What it is called, without case, blanks, `_` and `-`. Where there are several, the first of these counts."""
_NO_LETTERS: Final = str.maketrans("", "", " _-")

SENTINELS: Final = {
    "": State.MISSING,
    "n/a": State.NOT_APPLICABLE,
    "no_information": State.NO_INFORMATION,
    "not_supported": State.NOT_SUPPORTED,
}
"""Texts that stand where a value would, in lower case, with what each of them says."""


def account_column(columns: Iterable[str]) -> str | None:
    """Return which column of a report names the account of each row; None where none does."""
    named: dict[str, str] = {}
    for column in columns:
        named.setdefault(column.lower().translate(_NO_LETTERS), column)
    return next((named[name] for name in _ACCOUNT_NAMES if name in named), None)


def layout_name(columns: Iterable[str]) -> str:
    """Return in words how many of AWS's columns a report has, and which known layout that is."""
    missing = set(COLUMNS).difference(columns)
    count = f"{len(COLUMNS) - len(missing)} columns"
    if missing == OPTIONAL_COLUMNS:
        return f"{count} (2014-2015)"
    return count if missing <= {"additional_credentials_info"} else f"{count}, some missing"
