"""The possible results of a check, and the reasons for them."""

from __future__ import annotations

from typing import Final

from analyzer.reading.layout import CodedEnum, Kind


class Status(CodedEnum):
    """The result of a check."""

    PASS = "pass"  # noqa: S105 - a verdict, not a secret
    FAIL = "fail"
    NOT_CHECKED = "not_checked"
    NOT_APPLICABLE = "not_applicable"


class RequirementStatus(CodedEnum):
    """The result of a requirement in an account: the first of these that holds for one of its controls."""

    FAIL = "fail"
    NOT_CHECKED = "not_checked"
    MANUAL = "manual"
    PASS_PARTLY = "pass_partly"  # noqa: S105 - a verdict, not a secret
    PASS = "pass"  # noqa: S105
    NOT_APPLICABLE = "not_applicable"


REQUIREMENT_STATUS_IN_WORDS: Final = {
    RequirementStatus.FAIL: "fails",
    RequirementStatus.NOT_CHECKED: "not checked",
    RequirementStatus.MANUAL: "manual check",
    RequirementStatus.PASS_PARTLY: "passes as far as a report shows",
    RequirementStatus.PASS: "passes",
    RequirementStatus.NOT_APPLICABLE: "does not apply",
}
"""The results as outputs for people show them."""


class Reason(CodedEnum):
    """Why a check has its result: the evidence that decided it, or the evidence that is missing.

    `MANUAL` marks a manual check: no report can decide it, so a person has to make it.
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
"""The reasons with which `basis_time` is the earliest possible time, and the days are an upper bound."""

NOT_APPLICABLE = (
    Reason.CREATED_AFTER_AS_OF,
    Reason.NO_CONSOLE_ACCESS,
    Reason.NO_ROOT_CREDENTIALS,
    Reason.NO_ROOT_IN_PARTITION,
    Reason.COLUMN_NOT_IN_REPORT,
    Reason.NO_CONSOLE_PASSWORD,
)
"""The reasons with which a control does not apply."""

OF_ACCOUNT = (
    *(Reason.ROOT_NOT_IN_REPORT, Reason.NO_ROOT_IN_PARTITION, Reason.COLUMN_NOT_IN_REPORT),
    *(Reason.PASSWORDS_EXPIRE, Reason.PASSWORDS_STAY, Reason.PASSWORD_EXPIRY_UNKNOWN, Reason.NO_CONSOLE_PASSWORD),
)
"""The reasons of verdicts on a whole account: such a verdict is not about the row that holds it."""

JUDGED_KINDS: Final = (Kind.PASSWORD, Kind.ACCESS_KEY)
"""The kinds that `unused-credentials` judges; the report does not show when a certificate was used."""


class Outcome(CodedEnum):
    """The outcome of a credential: its status in `unused-credentials`, or why that control did not judge it."""

    PASS = "pass"  # noqa: S105 - a verdict, not a secret
    FAIL = "fail"
    NOT_CHECKED = "not_checked"
    NOT_APPLICABLE = "not_applicable"
    INACTIVE = "inactive"
    ROOT = "root"
    CERTIFICATE = "certificate"


def span(first: str, last: str) -> str:
    """Return a span in words, which may be a single value: `2026-10-31`, `2026-09-30 to 2026-10-31`."""
    return first if first == last else f"{first} to {last}"


def counted(count: int, word: str) -> str:
    """Return a number with its noun: `1 day`, `1,748 days`."""
    return f"{count:,} {word if count == 1 else f'{word}s'}"
