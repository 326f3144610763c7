"""For every control: rows that pass, fail and cannot be decided, at 2026-10-31 (the end of that day, UTC).

A test asks each control for at least one of each; `root-hardware-mfa` alone has none that passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from analyzer.controls.vocabulary import Reason, Status
from analyzer.reading.layout import COLUMNS
from tests.reports import COLUMNS_16, COLUMNS_22, key, password, root, user

PASS, FAIL, UNDECIDED, NOT_APPLICABLE = Status.PASS, Status.FAIL, Status.NOT_CHECKED, Status.NOT_APPLICABLE
IN_90_DAYS, IN_91_DAYS = "2026-04-01T00:01:00Z", "2026-04-01T00:01:01Z"
"""After `OLD`, to the second; the clock of AWS is cut to a minute."""
OLD, YOUNG, LATER = "2026-01-01T00:00:00Z", "2026-10-21T00:00:00Z", "2026-11-05T00:00:00Z"
# 2026-10-31T23:59:59.999999Z less 45 and 90 days, to the second before and after.
LESS_THAN_45, MORE_THAN_45 = "2026-09-17T00:00:00Z", "2026-09-16T23:59:59Z"
LESS_THAN_90, MORE_THAN_90 = "2026-08-03T00:00:00Z", "2026-08-02T23:59:59Z"
YOUNG_USER = {"user_creation_time": YOUNG}
CHINA = {"arn": "arn:aws-cn:iam::111122223333:root"}
OF_CHINA = {"arn": "arn:aws-cn:iam::111122223333:user/a"}
GOVCLOUD = {"arn": "arn:aws-us-gov:iam::111122223333:root"}
OLD_ROOT = {
    "password_enabled": "not_supported",
    "password_last_changed": "not_supported",
    "password_next_rotation": "not_supported",
}


@dataclass(frozen=True)
class Case:
    """A row, the status and reason that a control gives it, and the columns of its report."""

    status: Status
    reason: Reason
    row: dict[str, str]
    columns: tuple[str, ...] = COLUMNS_22


def certificate(active: str, rotated: str = "N/A") -> dict[str, str]:
    return {"cert_1_active": active, "cert_1_last_rotated": rotated}


def two_keys(first: str, second: str, **cells: str) -> dict[str, str]:
    """Return the cells of two keys by their flags."""
    return key(1, active=first, rotated=OLD) | key(2, active=second, rotated=YOUNG) | cells


def without(*names: str) -> tuple[str, ...]:
    return tuple(column for column in COLUMNS_22 if column not in names)


_UNUSED: Final = (
    Case(PASS, Reason.LAST_USED, user("a", **password(used=LESS_THAN_45, changed=OLD))),
    Case(FAIL, Reason.LAST_USED, user("a", **password(used=MORE_THAN_45, changed=OLD))),
    Case(FAIL, Reason.NEVER_USED, user("a", **password(changed=OLD))),
    Case(UNDECIDED, Reason.LAST_USE_UNKNOWN, user("a", **password(used="", changed=OLD))),
    Case(UNDECIDED, Reason.ACTIVE_UNKNOWN, user("a", **key(active="", rotated=OLD))),
    Case(NOT_APPLICABLE, Reason.CREATED_AFTER_AS_OF, user("a", **key(rotated=LATER))),
)

CASES: Final[dict[str, tuple[Case, ...]]] = {
    "unused-credentials": (
        *_UNUSED,
        Case(PASS, Reason.LAST_USED, user("a", **key(rotated=OLD, used=YOUNG))),
        Case(PASS, Reason.NEVER_USED, user("a", **key(rotated=YOUNG))),
    ),
    "unused-credentials-console": (
        *_UNUSED,
        Case(PASS, Reason.LAST_CHANGED, user("a", **key(rotated=LESS_THAN_45, used=YOUNG))),
        Case(FAIL, Reason.LAST_CHANGED, user("a", **key(rotated=MORE_THAN_45, used=YOUNG))),
        Case(FAIL, Reason.NEVER_USED, user("a", **key(rotated=YOUNG))),
        Case(FAIL, Reason.NEVER_USED, user("a", **key(rotated=""))),
        Case(FAIL, Reason.LAST_CHANGED, user("a", **key(rotated=OLD, used=""))),
        Case(UNDECIDED, Reason.LAST_USE_UNKNOWN, user("a", **key(rotated=YOUNG, used=""))),
        Case(UNDECIDED, Reason.USED_AFTER_AS_OF, user("a", **key(rotated=YOUNG, used=LATER))),
        Case(UNDECIDED, Reason.AGE_UNKNOWN, user("a", **key(rotated="", used=YOUNG))),
        Case(PASS, Reason.AGE_UNKNOWN, user("a", **YOUNG_USER, **key(rotated="", used="2026-10-25T00:00:00Z"))),
        Case(FAIL, Reason.AGE_UNKNOWN, user("a", **key(rotated="", used="2026-09-01T00:00:00Z"))),
    ),
    "access-key-rotation": (
        Case(PASS, Reason.LAST_CHANGED, user("a", **key(rotated=LESS_THAN_90))),
        Case(FAIL, Reason.LAST_CHANGED, user("a", **key(rotated=MORE_THAN_90, used=YOUNG))),
        Case(FAIL, Reason.LAST_CHANGED, user("a", **key(2, rotated=OLD))),
        Case(UNDECIDED, Reason.AGE_UNKNOWN, user("a", **key(rotated="", used=YOUNG))),
        Case(FAIL, Reason.AGE_UNKNOWN, user("a", **key(rotated="x", used="2026-07-01T00:00:00Z"))),
        Case(PASS, Reason.AGE_UNKNOWN, user("a", **YOUNG_USER, **key(rotated="N/A"))),
        Case(UNDECIDED, Reason.ACTIVE_UNKNOWN, user("a", **key(active="yes", rotated=OLD))),
        Case(NOT_APPLICABLE, Reason.CREATED_AFTER_AS_OF, user("a", **key(rotated=LATER))),
    ),
    "single-active-access-key": (
        Case(PASS, Reason.ONE_ACTIVE_KEY, user("a", **two_keys("true", "false"))),
        Case(PASS, Reason.ONE_ACTIVE_KEY, user("a", **two_keys("false", ""))),
        Case(FAIL, Reason.TWO_ACTIVE_KEYS, user("a", **two_keys("true", "true"))),
        Case(UNDECIDED, Reason.ACTIVE_UNKNOWN, user("a", **two_keys("true", "x"))),
        Case(UNDECIDED, Reason.ACTIVE_UNKNOWN, user("a", **two_keys("true", "true", access_key_2_last_rotated=LATER))),
        Case(
            NOT_APPLICABLE, Reason.CREATED_AFTER_AS_OF, user("a", user_creation_time=LATER, **two_keys("true", "true"))
        ),
    ),
    "no-initial-access-keys": (
        Case(FAIL, Reason.NEVER_USED, user("a", **YOUNG_USER, **password(), **key(rotated="2026-10-21T00:05:00Z"))),
        Case(PASS, Reason.LAST_CHANGED, user("a", **YOUNG_USER, **password(), **key(rotated="2026-10-21T00:05:01Z"))),
        Case(PASS, Reason.LAST_USED, user("a", **YOUNG_USER, **password(), **key(rotated=YOUNG, used=YOUNG))),
        Case(UNDECIDED, Reason.LAST_USE_UNKNOWN, user("a", **YOUNG_USER, **password(), **key(rotated=YOUNG, used=""))),
        Case(
            UNDECIDED, Reason.USED_AFTER_AS_OF, user("a", **YOUNG_USER, **password(), **key(rotated=YOUNG, used=LATER))
        ),
        Case(UNDECIDED, Reason.AGE_UNKNOWN, user("a", user_creation_time="", **password(), **key(rotated=YOUNG))),
        Case(UNDECIDED, Reason.PASSWORD_UNKNOWN, user("a", **YOUNG_USER, **password(enabled=""), **key(rotated=YOUNG))),
        Case(UNDECIDED, Reason.ACTIVE_UNKNOWN, user("a", **YOUNG_USER, **password(), **key(active="", rotated=YOUNG))),
    ),
    "console-mfa": (
        Case(PASS, Reason.MFA_ACTIVE, user("a", mfa_active="TRUE", **password(changed=OLD))),
        Case(PASS, Reason.MFA_ACTIVE, user("a", mfa_active="true", password_enabled="")),
        Case(FAIL, Reason.MFA_NOT_ACTIVE, user("a", mfa_active="false", **password(changed=OLD))),
        Case(UNDECIDED, Reason.MFA_UNKNOWN, user("a", mfa_active="", **password(changed=OLD))),
        Case(UNDECIDED, Reason.PASSWORD_UNKNOWN, user("a", mfa_active="false", password_enabled="?")),
        Case(UNDECIDED, Reason.MFA_UNKNOWN, user("a", **password(changed=OLD)), without("mfa_active")),
        Case(NOT_APPLICABLE, Reason.CREATED_AFTER_AS_OF, user("a", user_creation_time=LATER, **password())),
    ),
    "mfa-every-user": (
        Case(PASS, Reason.MFA_ACTIVE, user("a", mfa_active="true")),
        Case(FAIL, Reason.MFA_NOT_ACTIVE, user("a")),
        Case(UNDECIDED, Reason.MFA_UNKNOWN, user("a", mfa_active="N/A")),
        Case(NOT_APPLICABLE, Reason.CREATED_AFTER_AS_OF, user("a", user_creation_time=LATER)),
    ),
    "no-root-access-key": (
        Case(PASS, Reason.NO_KEY, root()),
        Case(PASS, Reason.NO_KEY, root(**OLD_ROOT)),
        Case(NOT_APPLICABLE, Reason.NO_ROOT_IN_PARTITION, root(**CHINA, **key(rotated=OLD))),
        Case(NOT_APPLICABLE, Reason.NO_ROOT_IN_PARTITION, user("a", **OF_CHINA)),
        Case(PASS, Reason.INACTIVE, root(**key(active="false", rotated=OLD))),
        Case(FAIL, Reason.KEY_EXISTS, root(**key(rotated=OLD))),
        Case(FAIL, Reason.KEY_EXISTS, root(**key(1, active=""), **key(2, rotated=OLD))),
        Case(FAIL, Reason.KEY_EXISTS, root(**OLD_ROOT, **key(2, rotated=OLD, used=YOUNG))),
        Case(UNDECIDED, Reason.ACTIVE_UNKNOWN, root(**key(active=""))),
        Case(UNDECIDED, Reason.ACTIVE_UNKNOWN, root(**key(rotated=LATER))),
        Case(PASS, Reason.NO_KEY, root(**key(active="false", rotated=""))),
        Case(UNDECIDED, Reason.ROOT_NOT_IN_REPORT, user("a")),
    ),
    "root-mfa": (
        Case(NOT_APPLICABLE, Reason.NO_CONSOLE_ACCESS, root(**OLD_ROOT, **GOVCLOUD, mfa_active="false")),
        Case(FAIL, Reason.MFA_NOT_ACTIVE, root(**GOVCLOUD, mfa_active="false")),
        Case(PASS, Reason.NO_PASSWORD, root(**GOVCLOUD, password_enabled="false")),
        Case(PASS, Reason.MFA_ACTIVE, root(mfa_active="true")),
        Case(PASS, Reason.MFA_ACTIVE, root(**OLD_ROOT, mfa_active="true")),
        Case(PASS, Reason.NO_PASSWORD, root(password_enabled="false", mfa_active="false")),
        Case(PASS, Reason.NO_PASSWORD, root(password_enabled="false", mfa_active="false", **key(rotated=OLD))),
        Case(NOT_APPLICABLE, Reason.NO_ROOT_IN_PARTITION, root(**CHINA, mfa_active="false")),
        Case(NOT_APPLICABLE, Reason.NO_ROOT_IN_PARTITION, user("a", **OF_CHINA)),
        Case(FAIL, Reason.MFA_NOT_ACTIVE, root(mfa_active="false")),
        Case(FAIL, Reason.MFA_NOT_ACTIVE, root(**OLD_ROOT, mfa_active="false")),
        Case(UNDECIDED, Reason.MFA_UNKNOWN, root(mfa_active="")),
        Case(UNDECIDED, Reason.PASSWORD_UNKNOWN, root(password_enabled="", mfa_active="false")),
        Case(UNDECIDED, Reason.ROOT_NOT_IN_REPORT, user("a")),
    ),
    "root-hardware-mfa": (
        Case(NOT_APPLICABLE, Reason.NO_CONSOLE_ACCESS, root(**OLD_ROOT, **GOVCLOUD)),
        Case(FAIL, Reason.MFA_NOT_ACTIVE, root(mfa_active="false")),
        Case(FAIL, Reason.MFA_NOT_ACTIVE, root(**OLD_ROOT, mfa_active="false")),
        Case(UNDECIDED, Reason.MANUAL, root(mfa_active="true")),
        Case(NOT_APPLICABLE, Reason.NO_ROOT_CREDENTIALS, root(password_enabled="false")),
        Case(NOT_APPLICABLE, Reason.NO_ROOT_CREDENTIALS, root(password_enabled="false", mfa_active="true")),
        Case(UNDECIDED, Reason.MANUAL, root(password_enabled="false", **key(2, rotated=OLD))),
        Case(UNDECIDED, Reason.MANUAL, root(password_enabled="false", mfa_active="true", **key(rotated=OLD))),
        Case(UNDECIDED, Reason.ACTIVE_UNKNOWN, root(password_enabled="false", **key(active=""))),
        Case(UNDECIDED, Reason.ACTIVE_UNKNOWN, root(password_enabled="false", **key(rotated=LATER))),
        Case(NOT_APPLICABLE, Reason.NO_ROOT_IN_PARTITION, root(**CHINA, mfa_active="false")),
        Case(NOT_APPLICABLE, Reason.NO_ROOT_IN_PARTITION, user("a", **OF_CHINA)),
        Case(UNDECIDED, Reason.MFA_UNKNOWN, root(mfa_active="?")),
        Case(UNDECIDED, Reason.ROOT_NOT_IN_REPORT, user("a")),
    ),
    "root-not-in-daily-use": (
        Case(PASS, Reason.NEVER_USED, root()),
        Case(NOT_APPLICABLE, Reason.NO_ROOT_IN_PARTITION, root(**CHINA, password_last_used=YOUNG)),
        Case(NOT_APPLICABLE, Reason.NO_ROOT_IN_PARTITION, user("a", **OF_CHINA)),
        Case(PASS, Reason.LAST_USED, root(password_last_used=MORE_THAN_90)),
        Case(PASS, Reason.LAST_USED, root(**OLD_ROOT, password_last_used=OLD)),
        Case(FAIL, Reason.LAST_USED, root(password_last_used=LESS_THAN_90)),
        Case(FAIL, Reason.LAST_USED, root(**OLD_ROOT, password_last_used=YOUNG)),
        Case(FAIL, Reason.LAST_USED, root(password_last_used="", **key(2, rotated=OLD, used=YOUNG))),
        Case(UNDECIDED, Reason.LAST_USE_UNKNOWN, root(password_last_used="")),
        Case(UNDECIDED, Reason.LAST_USE_UNKNOWN, root(**key(rotated=OLD)), COLUMNS_16),
        Case(PASS, Reason.NEVER_USED, root(), COLUMNS_16),
        Case(UNDECIDED, Reason.LAST_USE_UNKNOWN, root(access_key_1_last_rotated=""), COLUMNS_16),
        Case(UNDECIDED, Reason.USED_AFTER_AS_OF, root(password_last_used=LATER)),
        Case(UNDECIDED, Reason.ROOT_NOT_IN_REPORT, user("a")),
    ),
    "password-rotation": (
        Case(PASS, Reason.LAST_CHANGED, user("a", **password(changed=LESS_THAN_90))),
        Case(FAIL, Reason.LAST_CHANGED, user("a", **password(used=YOUNG, changed=MORE_THAN_90))),
        Case(UNDECIDED, Reason.AGE_UNKNOWN, user("a", **password(changed=""))),
        Case(UNDECIDED, Reason.AGE_UNKNOWN, user("a", **password(changed=LATER))),
        Case(PASS, Reason.AGE_UNKNOWN, user("a", **YOUNG_USER, **password(changed="not_supported"))),
        Case(UNDECIDED, Reason.ACTIVE_UNKNOWN, user("a", **password(enabled="", changed=OLD))),
    ),
    "expired-password-in-use": (
        Case(PASS, Reason.NOT_EXPIRED, user("a", password_next_rotation=LATER, **password(changed=OLD))),
        Case(FAIL, Reason.EXPIRED, user("a", password_next_rotation=YOUNG, **password(changed=OLD))),
        Case(UNDECIDED, Reason.AGE_UNKNOWN, user("a", password_next_rotation=LATER, **password(changed=LATER))),
        Case(UNDECIDED, Reason.AGE_UNKNOWN, user("a", password_next_rotation=LATER, **password(changed=""))),
        Case(UNDECIDED, Reason.EXPIRY_UNKNOWN, user("a", password_next_rotation="", **password(changed=OLD))),
        Case(UNDECIDED, Reason.EXPIRY_UNKNOWN, user("a", password_next_rotation="03/04/2026", **password(changed=OLD))),
        Case(UNDECIDED, Reason.ACTIVE_UNKNOWN, user("a", password_next_rotation=YOUNG, password_enabled="")),
    ),
    "active-certificates": (
        Case(PASS, Reason.INACTIVE, user("a", **certificate("false", OLD))),
        Case(FAIL, Reason.LAST_CHANGED, user("a", **certificate("true", YOUNG))),
        Case(FAIL, Reason.LAST_CHANGED, root(**certificate("true", OLD))),
        Case(FAIL, Reason.AGE_UNKNOWN, user("a", **certificate("true", "x"))),
        Case(UNDECIDED, Reason.ACTIVE_UNKNOWN, user("a", **certificate("", OLD))),
        Case(UNDECIDED, Reason.ACTIVE_UNKNOWN, user("a"), without("cert_1_active", "cert_1_last_rotated")),
        Case(NOT_APPLICABLE, Reason.CREATED_AFTER_AS_OF, user("a", **certificate("true", LATER))),
    ),
    "additional-credentials": (
        Case(PASS, Reason.NO_MORE_CREDENTIALS, user("a"), COLUMNS),
        Case(PASS, Reason.NO_MORE_CREDENTIALS, user("a", additional_credentials_info="N/A"), COLUMNS),
        Case(FAIL, Reason.MORE_CREDENTIALS, user("a", additional_credentials_info="access_key_3: active"), COLUMNS),
        Case(FAIL, Reason.MORE_CREDENTIALS, root(additional_credentials_info="cert_3: active"), COLUMNS),
        Case(
            UNDECIDED,
            Reason.MORE_CREDENTIALS_UNKNOWN,
            user("a", additional_credentials_info="no_information"),
            COLUMNS,
        ),
        Case(NOT_APPLICABLE, Reason.COLUMN_NOT_IN_REPORT, user("a")),
    ),
    "password-and-keys": (
        Case(PASS, Reason.NOT_BOTH, user("a", **password(changed=OLD), **key(active="false", rotated=OLD))),
        Case(PASS, Reason.NOT_BOTH, user("a", **key(2, rotated=OLD))),
        Case(FAIL, Reason.PASSWORD_AND_KEY, user("a", **password(changed=OLD), **key(2, rotated=OLD))),
        Case(FAIL, Reason.PASSWORD_AND_KEY, user("a", **password(changed=OLD), **two_keys("?", "true"))),
        Case(UNDECIDED, Reason.PASSWORD_UNKNOWN, user("a", password_enabled="", **key(rotated=OLD))),
        Case(UNDECIDED, Reason.ACTIVE_UNKNOWN, user("a", **password(changed=OLD), **key(active="", rotated=OLD))),
        Case(UNDECIDED, Reason.ACTIVE_UNKNOWN, user("a", **password(changed=OLD), **key(rotated=LATER))),
        Case(
            NOT_APPLICABLE,
            Reason.CREATED_AFTER_AS_OF,
            user("a", user_creation_time=LATER, **password(), **key(rotated=LATER)),
        ),
    ),
    "console-users": (
        Case(PASS, Reason.NO_PASSWORD, user("a", **key(rotated=OLD))),
        Case(FAIL, Reason.HAS_PASSWORD, user("a", **password(changed=OLD))),
        Case(UNDECIDED, Reason.PASSWORD_UNKNOWN, user("a", password_enabled="?")),
        Case(NOT_APPLICABLE, Reason.CREATED_AFTER_AS_OF, user("a", user_creation_time=LATER, **password())),
    ),
    "password-expiry": (
        Case(PASS, Reason.PASSWORDS_EXPIRE, user("a", **password(changed=OLD), password_next_rotation=IN_90_DAYS)),
        Case(FAIL, Reason.PASSWORDS_EXPIRE, user("a", **password(changed=OLD), password_next_rotation=IN_91_DAYS)),
        Case(FAIL, Reason.PASSWORDS_STAY, user("a", **password(changed=OLD), password_next_rotation="N/A")),
        Case(FAIL, Reason.PASSWORDS_STAY, user("a", **password(changed=""), password_next_rotation="N/A")),
        Case(
            UNDECIDED,
            Reason.PASSWORD_EXPIRY_UNKNOWN,
            user("a", **password(changed=OLD), password_next_rotation=""),
        ),
        Case(
            UNDECIDED,
            Reason.PASSWORD_EXPIRY_UNKNOWN,
            user("a", **password(changed=""), password_next_rotation=IN_90_DAYS),
        ),
        Case(
            UNDECIDED,
            Reason.PASSWORD_EXPIRY_UNKNOWN,
            user("a", **password(changed=LATER), password_next_rotation="N/A"),
        ),
        Case(
            UNDECIDED,
            Reason.PASSWORD_EXPIRY_UNKNOWN,
            user("a", **password(changed=OLD, enabled="?"), password_next_rotation=IN_90_DAYS),
        ),
        Case(NOT_APPLICABLE, Reason.NO_CONSOLE_PASSWORD, root(password_next_rotation="N/A")),
        Case(NOT_APPLICABLE, Reason.NO_CONSOLE_PASSWORD, user("a", **key(rotated=OLD))),
    ),
    "root-certificates": (
        Case(PASS, Reason.NO_CERTIFICATE, root()),
        Case(PASS, Reason.NO_CERTIFICATE, root(**certificate("false", OLD))),
        Case(FAIL, Reason.CERTIFICATE_EXISTS, root(**certificate("true", OLD))),
        Case(FAIL, Reason.CERTIFICATE_EXISTS, root(cert_1_active="?", cert_2_active="true", cert_2_last_rotated="")),
        Case(UNDECIDED, Reason.ACTIVE_UNKNOWN, root(**certificate("", OLD))),
        Case(UNDECIDED, Reason.ACTIVE_UNKNOWN, root(**certificate("false", LATER))),
        Case(UNDECIDED, Reason.ACTIVE_UNKNOWN, root(), without("cert_2_active", "cert_2_last_rotated")),
        Case(NOT_APPLICABLE, Reason.NO_ROOT_IN_PARTITION, root(**CHINA, **certificate("true", OLD))),
        Case(UNDECIDED, Reason.ROOT_NOT_IN_REPORT, user("a")),
    ),
    "root-credentials-removed": (
        Case(PASS, Reason.NO_CREDENTIALS, root(password_enabled="false", mfa_active="false")),
        Case(FAIL, Reason.HAS_PASSWORD, root(mfa_active="true")),
        Case(FAIL, Reason.HAS_PASSWORD, root(**OLD_ROOT, mfa_active="false")),
        Case(FAIL, Reason.KEY_EXISTS, root(password_enabled="false", **key(active="false", rotated=OLD))),
        Case(FAIL, Reason.KEY_EXISTS, root(password_enabled="", **key(2, rotated=OLD))),
        Case(FAIL, Reason.CERTIFICATE_EXISTS, root(password_enabled="false", **certificate("true", OLD))),
        Case(FAIL, Reason.MFA_ACTIVE, root(password_enabled="false", mfa_active="true")),
        Case(UNDECIDED, Reason.PASSWORD_UNKNOWN, root(password_enabled="", mfa_active="false")),
        Case(UNDECIDED, Reason.MFA_UNKNOWN, root(password_enabled="false", mfa_active="")),
        Case(UNDECIDED, Reason.ACTIVE_UNKNOWN, root(password_enabled="false", **key(active=""))),
        Case(NOT_APPLICABLE, Reason.NO_ROOT_IN_PARTITION, root(**CHINA, password_enabled="false")),
        Case(UNDECIDED, Reason.ROOT_NOT_IN_REPORT, user("a")),
    ),
}
