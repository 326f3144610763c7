"""The columns, sentinels and credential slots of the credential report, as data.

Source: AWS IAM User Guide, "Generate credential reports for your AWS account" (the report format), and real reports
for details that the guide does not describe.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable


class CodedEnum(StrEnum):
    """A text enumeration whose members have a number, `code`: their position. Columns store these numbers."""

    code: int

    def __new__(cls, value: str) -> Self:
        """Return a member with the next number."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.code = len(cls.__members__)
        return member


class Kind(CodedEnum):
    """The kinds of credential in the report."""

    PASSWORD = "password"  # noqa: S105 - a kind, not a secret
    ACCESS_KEY = "access_key"
    CERTIFICATE = "certificate"


class State(CodedEnum):
    """Why a cell has a timestamp, or has none."""

    VALUE = "value"
    NOT_APPLICABLE = "not_applicable"
    NO_INFORMATION = "no_information"
    NOT_SUPPORTED = "not_supported"
    MISSING = "missing"
    INVALID = "invalid"


@dataclass(frozen=True)
class Slot:
    """A place for one credential in a row of the report, and the columns that describe the credential.

    `last_used`, `region` and `service` are None if the report has no column for them.
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
"""All slots in the order of the report's columns. Findings of one row have the same order."""
KIND_OF: Final = {slot.name: slot.kind for slot in SLOTS}
"""The kind of the credential in each slot."""

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
"""Times that cannot be earlier than other times of the same row: column, other column, and why.

The last use of a password may be earlier than its last change: that is usual.
"""

ROOT_USER: Final = "<root_account>"

ACCOUNT_ID: Final = "[0-9]{12}"
"""An AWS account id as a regular expression, for both Python's `re` and Arrow's RE2."""
PARTITION: Final = "[a-z][a-z0-9-]*"
"""An AWS partition, such as `aws` or `aws-us-gov`. New names match as well, because AWS adds partitions."""
ARN_BEGINNING: Final = rf"arn:(?P<partition>{PARTITION}):iam::(?P<account>{ACCOUNT_ID}):"
"""The beginning of an IAM ARN, up to and including the account."""
ARN: Final = rf"{ARN_BEGINNING}(?:root|user(?P<path>/(?:[!-~]*/)?)(?P<name>[^/]+))"
"""The complete ARN of root or of a user. Only users have a path (printable ASCII without blanks) and a name."""

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
"""All 23 documented columns in their order. Columns are read by name, never by position."""

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
"""The six columns that are missing from reports of 2014 and 2015 (16 columns)."""

SHOWN_ONLY: Final = frozenset({column for slot in SLOTS for column in (slot.region, slot.service) if column})
"""Columns that tables show but no control uses; any text in them is accepted."""

OPTIONAL_COLUMNS: Final = frozenset({*LAST_USED_COLUMNS, "additional_credentials_info"})
"""Columns that may be missing: this is a known layout, not damage."""

ACCOUNT: Final = "account_id"
"""Our name for the column in which collectors store the account of a row. AWS reports do not have this column."""
_ACCOUNT_NAMES: Final = ("accountid", "awsaccountid", "accountnumber", "awsaccountnumber", "account")
"""Names of the account column in reports, without case, blanks, `_` and `-`. The first one found is used."""
_NO_LETTERS: Final = str.maketrans("", "", " _-")

SENTINELS: Final = {
    "": State.MISSING,
    "n/a": State.NOT_APPLICABLE,
    "no_information": State.NO_INFORMATION,
    "not_supported": State.NOT_SUPPORTED,
}
"""Texts that AWS writes in place of a value, in lower case, and their meaning."""


def account_column(columns: Iterable[str]) -> str | None:
    """Return the column of a report that contains the account of each row; None if there is none."""
    original_names: dict[str, str] = {}
    for column in columns:
        original_names.setdefault(column.lower().translate(_NO_LETTERS), column)
    return next((original_names[name] for name in _ACCOUNT_NAMES if name in original_names), None)


def layout_name(columns: Iterable[str]) -> str:
    """Return a description of a report's layout: how many AWS columns it has, and which layout that is."""
    missing = set(COLUMNS).difference(columns)
    count = f"{len(COLUMNS) - len(missing)} columns"
    if missing == OPTIONAL_COLUMNS:
        return f"{count} (2014-2015)"
    return count if missing <= {"additional_credentials_info"} else f"{count}, some missing"
