"""What a control can say of one subject, and what that rests on."""

from __future__ import annotations

from typing import Final

from analyzer.reading.layout import CodedEnum, Kind


class Status(CodedEnum):
    """What a control says of one subject."""

    PASS = "pass"  # noqa: S105 - a verdict, not a secret
    FAIL = "fail"
    NOT_CHECKED = "not_checked"
    NOT_APPLICABLE = "not_applicable"


class Met(CodedEnum):
    """What a requirement of a framework comes to in an account; in this order, the first that is true of a control."""

    FAIL = "fail"
    NOT_CHECKED = "not_checked"
    MANUAL = "manual"
    PASS_PARTLY = "pass_partly"  # noqa: S105 - a verdict, not a secret
    PASS = "pass"  # noqa: S105
    NOT_APPLICABLE = "not_applicable"


MET_IN_WORDS: Final = {
    Met.FAIL: "fails",
    Met.NOT_CHECKED: "not checked",
    Met.MANUAL: "manual check",
    Met.PASS_PARTLY: "passes as far as a report shows",
    Met.PASS: "passes",
    Met.NOT_APPLICABLE: "does not apply",
}
"""What outputs for people say."""


class Reason(CodedEnum):
    """What a verdict rests on: the evidence that decided it, or what is missing.

    `MANUAL` is what no report can decide, whatever it holds: a person has to look.
    """

    LAST_USED = "last_used"
    NEVER_USED = "never_used"
    USED_AFTER_AS_OF = "used_after_as_of"
    LAST_USE_UNKNOWN = "last_use_unknown"
    LAST_CHANGED = "last_changed"
    AGE_UNKNOWN = "age_unknown"
    CREATED_AFTER_AS_OF = "created_after_as_of"
    ACTIVE_UNKNOWN = "active_unknown"
    INACTIVE = "inactive"
    TWO_ACTIVE_KEYS = "two_active_keys"
    ONE_ACTIVE_KEY = "one_active_key"
    KEY_EXISTS = "key_exists"
    NO_KEY = "no_key"
    MFA_ACTIVE = "mfa_active"
    MFA_NOT_ACTIVE = "mfa_not_active"
    MFA_UNKNOWN = "mfa_unknown"
    MANUAL = "manual"
    NO_PASSWORD = "no_password"  # noqa: S105 - a reason, not a secret
    PASSWORD_UNKNOWN = "password_unknown"  # noqa: S105 - a reason, not a secret
    EXPIRED = "expired"
    NOT_EXPIRED = "not_expired"
    EXPIRY_UNKNOWN = "expiry_unknown"
    REPORT_OLDER = "report_older"
    PASSWORD_AND_KEY = "password_and_key"  # noqa: S105 - a reason, not a secret
    NOT_BOTH = "not_both"
    HAS_PASSWORD = "has_password"  # noqa: S105 - a reason, not a secret
    CERTIFICATE_EXISTS = "certificate_exists"
    NO_CERTIFICATE = "no_certificate"
    NO_CREDENTIALS = "no_credentials"
    PASSWORDS_EXPIRE = "passwords_expire"
    PASSWORDS_STAY = "passwords_stay"
    PASSWORD_EXPIRY_UNKNOWN = "password_expiry_unknown"  # noqa: S105
    NO_CONSOLE_PASSWORD = "no_console_password"  # noqa: S105
    NO_CONSOLE_ACCESS = "no_console_access"
    NO_ROOT_CREDENTIALS = "no_root_credentials"
    NO_ROOT_IN_PARTITION = "no_root_in_partition"
    MORE_CREDENTIALS = "more_credentials"
    NO_MORE_CREDENTIALS = "no_more_credentials"
    MORE_CREDENTIALS_UNKNOWN = "more_credentials_unknown"
    ROOT_NOT_IN_REPORT = "root_not_in_report"
    COLUMN_NOT_IN_REPORT = "column_not_in_report"
    ORDER_UNKNOWN = "order_unknown"
    LEFT_AND_USED = "left_and_used"
    LEFT_NOT_USED = "left_not_used"
    LEFT_USE_UNKNOWN = "left_use_unknown"
    LEAVES_LATER = "leaves_later"
    NOT_A_LEAVER = "not_a_leaver"
    PERSON_UNCLEAR = "person_unclear"


BOUNDED = (Reason.USED_AFTER_AS_OF, Reason.LAST_USE_UNKNOWN, Reason.AGE_UNKNOWN)
"""With these reasons `basis_time` is the earliest the instant can have been, and the days are the most it can be."""

NOT_APPLICABLE = (
    Reason.CREATED_AFTER_AS_OF,
    Reason.NO_CONSOLE_ACCESS,
    Reason.NO_ROOT_CREDENTIALS,
    Reason.NO_ROOT_IN_PARTITION,
    Reason.COLUMN_NOT_IN_REPORT,
    Reason.NO_CONSOLE_PASSWORD,
)
"""With these reasons a control does not apply."""

OF_ACCOUNT = (
    *(Reason.ROOT_NOT_IN_REPORT, Reason.NO_ROOT_IN_PARTITION, Reason.COLUMN_NOT_IN_REPORT),
    *(Reason.PASSWORDS_EXPIRE, Reason.PASSWORDS_STAY, Reason.PASSWORD_EXPIRY_UNKNOWN, Reason.NO_CONSOLE_PASSWORD),
)
"""Reasons of verdicts on an account as a whole: the row at which they stand is not what they are about."""

JUDGED_KINDS: Final = (Kind.PASSWORD, Kind.ACCESS_KEY)
"""The kinds that `unused-credentials` is about; the report does not say when a certificate was used."""


class Outcome(CodedEnum):
    """What became of one credential: what `unused-credentials` says of it, else why it was not judged."""

    PASS = "pass"  # noqa: S105 - a verdict, not a secret
    FAIL = "fail"
    NOT_CHECKED = "not_checked"
    NOT_APPLICABLE = "not_applicable"
    INACTIVE = "inactive"
    ROOT = "root"
    CERTIFICATE = "certificate"


def counted(count: int, word: str) -> str:
    """Return a number with its noun: `1 day`, `1,748 days`."""
    return f"{count:,} {word if count == 1 else f'{word}s'}"
