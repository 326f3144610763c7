"""All controls, as data. To add a control, add an entry here, and a rule in `judging.rules` if none fits.

The severity of a control is that of AWS Security Hub if it has the same control (Security Hub user guide, "Security Hub
controls for IAM"), else our own choice. The requirement numbers are in `frameworks`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from analyzer.controls.control import Control, Parameter, Severity, Whose
from analyzer.controls.of_root import OF_ROOT, OF_ROOT_WHERE_ASKED
from analyzer.controls.shared import (
    ACTIVE,
    AS_OF_CAPTURE,
    CERTIFICATES,
    GUIDE,
    KEYS,
    MFA,
    PASSWORDS,
    REPORT,
    ROTATED,
    SECURITY_HUB,
    SPANS,
    USED,
)
from analyzer.controls.vocabulary import Reason
from analyzer.reading.layout import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNUSED: Final = f"{GUIDE}id_credentials_finding-unused.html"
_UNUSED_COLUMNS: Final = (
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    *(column for columns in zip(ACTIVE, ROTATED, USED, strict=True) for column in columns),
    "user_creation_time",
)
_ACTIVATED: Final = (
    "The report does not show when a key was made active or inactive. An active key may have been inactive until "
    "yesterday."
)


_UNUSED_KEY: Final = (
    "If a key was used before and is unused now, make it inactive; if nothing breaks, delete it. Delete a key that was "
    "never used."
)
_UNUSED_PASSWORD: Final = "Remove a console password by deleting the login profile: AWS cannot disable a password."  # noqa: S105
_CONSOLE_KEY: Final = (
    "Make the key inactive, or delete it. If it is in use, rotate it first: create a second key, move every program to "
    "it, then make the old key inactive."
)
_CONSOLE_PASSWORD: Final = "Remove a password by deleting the login profile."  # noqa: S105


def _remedies(key: str, password: str) -> Mapping[Kind, str]:
    return MappingProxyType({Kind.ACCESS_KEY: key, Kind.PASSWORD: password})


def _idle(days: int) -> Mapping[str, Parameter]:
    return MappingProxyType(
        {"max_idle_days": Parameter(days, 1, 36_500, "days; a credential idle for this long or longer fails")}
    )


def _age(days: int, meaning: str) -> Mapping[str, Parameter]:
    return MappingProxyType({"max_age_days": Parameter(days, 0, 36_500, meaning)})


CONTROLS: Final = (
    Control(
        id="unused-credentials",
        title="Credentials unused for {max_idle_days} days or more are disabled",
        severity=Severity.MEDIUM,
        whose=Whose.USERS,
        kinds=(Kind.PASSWORD, Kind.ACCESS_KEY),
        rule="idle",
        applies_to="each active password and access key of IAM users",
        fails_when="it was last used {max_idle_days} days ago or longer; if it was never used, the password was last "
        "changed or the key was created that long ago",
        parameters=_idle(45),
        evidence=_UNUSED_COLUMNS,
        rationale="If somebody abuses a credential that nobody else uses, nobody notices. Removing the credential "
        "disturbs nobody and closes a way in.",
        remediation=f"{_UNUSED_KEY} {_UNUSED_PASSWORD}",
        remedies=_remedies(_UNUSED_KEY, _UNUSED_PASSWORD),
        caveats=(
            SPANS,
            "Root is not judged, as in the CIS benchmark: root should be unused.",
            "Never used means not used since AWS began to record uses: 2014-10-20 for passwords, 2015-04-22 for keys.",
        ),
        references=(_UNUSED, KEYS, PASSWORDS, SECURITY_HUB),
    ),
    Control(
        id="unused-credentials-console",
        stricter_than="unused-credentials",
        title="Credentials unused for {max_idle_days} days or more are disabled (CIS console procedure)",
        severity=Severity.MEDIUM,
        whose=Whose.USERS,
        kinds=(Kind.PASSWORD, Kind.ACCESS_KEY),
        rule="idle_console",
        applies_to="each active password and access key of IAM users",
        fails_when="a key is {max_idle_days} days old or older, or was never used; a password fails as in "
        "unused-credentials",
        parameters=_idle(45),
        evidence=_UNUSED_COLUMNS,
        rationale="CIS describes two procedures. The console procedure is stricter: it looks at the age of a key as "
        "well as at its last use. A key in daily use fails when it is old.",
        remediation=f"{_CONSOLE_KEY} {_CONSOLE_PASSWORD}",
        remedies=_remedies(_CONSOLE_KEY, _CONSOLE_PASSWORD),
        caveats=(
            "A key that was created just before the report and was not yet used fails, as the procedure requires.",
            SPANS,
            "This is the second procedure for the requirement of unused-credentials. It has no number of its own.",
            "Auditors follow one of the two procedures. Choose it with --control, or switch the other off in a policy.",
        ),
        messages=MappingProxyType(
            {Reason.AGE_UNKNOWN: MappingProxyType({Kind.ACCESS_KEY: "age not known; user created {when}"})}
        ),
        references=(_UNUSED, KEYS),
    ),
    Control(
        id="access-key-rotation",
        title="Access keys are rotated every {max_age_days} days or less",
        severity=Severity.MEDIUM,
        whose=Whose.USERS,
        kinds=(Kind.ACCESS_KEY,),
        rule="old",
        applies_to="each active access key of IAM users",
        fails_when="it was created more than {max_age_days} days ago",
        parameters=_age(90, "days; an older key fails, a key of exactly this age passes"),
        evidence=(*ACTIVE, *ROTATED, *USED, "user_creation_time"),
        rationale="A key that leaked unnoticed works until it is replaced. Rotation limits that time.",
        remediation="Create a second key and move every program from the first key to it. Make the first key inactive; "
        "if nothing breaks, delete it.",
        caveats=(
            "access_key_n_last_rotated is the time when the key was created. Rotation always creates a new key.",
            _ACTIVATED,
            "If the creation time is not known, it lies between the creation of the user and the last use of the key.",
        ),
        messages=MappingProxyType({Reason.AGE_UNKNOWN: "age not known; user created {when}"}),
        references=(
            KEYS,
            SECURITY_HUB,
            "https://docs.aws.amazon.com/config/latest/developerguide/access-keys-rotated.html",
        ),
    ),
    Control(
        id="single-active-access-key",
        title="No IAM user has more than one active access key",
        severity=Severity.LOW,
        whose=Whose.USERS,
        rule="two_keys",
        applies_to="each IAM user with an active access key",
        fails_when="both access keys are active",
        evidence=(*ACTIVE, *ROTATED),
        rationale="With a second active key, twice as much can leak. Often it remains from a rotation that nobody "
        "finished.",
        remediation="Make the key that is not in use inactive; if nothing breaks, delete it.",
        caveats=("A rotation needs two active keys for a while. The control fails during that time.", AS_OF_CAPTURE),
        messages=MappingProxyType(
            {Reason.ACTIVE_UNKNOWN: "not known whether both keys were active at the reference date"}
        ),
        references=(KEYS,),
    ),
    Control(
        id="no-initial-access-keys",
        title="No access key is created together with a user who has a console password",
        severity=Severity.LOW,
        whose=Whose.USERS,
        kinds=(Kind.ACCESS_KEY,),
        rule="initial_key",
        applies_to="each active access key of IAM users with a console password",
        fails_when="it was created within {together_minutes} minutes of its user and was never used",
        parameters=MappingProxyType(
            {
                "together_minutes": Parameter(
                    5, 0, 99_999_999, "minutes; a key created this close to its user counts as created with the user"
                )
            }
        ),
        evidence=("password_enabled", "user_creation_time", *ACTIVE, *ROTATED, *USED),
        rationale="Nobody asked for a key that was created with the user just in case, and nobody protects it. A user "
        "who needs a key can create it later.",
        remediation="Delete the key. If a key is needed, let the user create one.",
        caveats=(
            "The report shows whether the user has a console password now, not whether the user was created with one.",
            (
                "A key that was created with the user is not found if it was used, replaced or deleted later. CIS asks "
                "only for unused keys."
            ),
            (
                "Times that are close together do not prove that one action created both. This program chose how close "
                "counts. The command-line procedure of CIS compares no times: it reports every key of such a user that "
                "was never used. To follow it, set together_minutes to 99999999."
            ),
            SPANS,
        ),
        messages=MappingProxyType(
            {
                Reason.NEVER_USED: "never used; created with its user {when}",
                Reason.LAST_CHANGED: "not created with its user; created {when}",
                Reason.AGE_UNKNOWN: "never used; not known whether it was created with its user",
                Reason.LAST_USE_UNKNOWN: "created with its user {date}; last use not known",
                Reason.USED_AFTER_AS_OF: "created with its user {date}; used after the reference date",
            }
        ),
        references=(
            f"{GUIDE}id_users_create.html",
            "https://docs.aws.amazon.com/cli/latest/reference/iam/delete-access-key.html",
        ),
    ),
    Control(
        id="console-mfa",
        title="MFA is enabled for all IAM users that have a console password",
        severity=Severity.MEDIUM,
        whose=Whose.USERS,
        rule="console_without_mfa",
        applies_to="each IAM user with a console password",
        fails_when="password_enabled is true and mfa_active is false",
        evidence=("password_enabled", "mfa_active"),
        rationale="A password alone can be guessed, phished or reused. A second factor stops somebody who has only the "
        "password.",
        remediation="Ask the user to register an MFA device. A policy can deny everything else until then.",
        caveats=(
            "The report does not show the kind of MFA device, nor whether policies require MFA.",
            AS_OF_CAPTURE,
        ),
        messages=MappingProxyType({Reason.MFA_NOT_ACTIVE: "console password without MFA"}),
        references=(MFA, SECURITY_HUB),
    ),
    Control(
        id="mfa-every-user",
        stricter_than="console-mfa",
        title="MFA is enabled for all IAM users",
        severity=Severity.MEDIUM,
        whose=Whose.USERS,
        rule="without_mfa",
        applies_to="each IAM user, with or without a console password",
        fails_when="mfa_active is false",
        evidence=("mfa_active",),
        rationale="A policy can require MFA for API calls too, but only users with an MFA device can then make them.",
        remediation="Register an MFA device for the user. If only programs use the user, replace it with a role.",
        caveats=(
            "Users that only programs use seldom have an MFA device, and fail. Security Hub fails them too.",
            AS_OF_CAPTURE,
        ),
        references=(MFA, SECURITY_HUB),
    ),
    *OF_ROOT,
    Control(
        id="password-rotation",
        title="Console passwords are changed every {max_age_days} days or less",
        severity=Severity.LOW,
        whose=Whose.USERS,
        kinds=(Kind.PASSWORD,),
        rule="old",
        applies_to="each console password of IAM users",
        fails_when="it was last changed more than {max_age_days} days ago",
        parameters=_age(90, "days; an older password fails, a password of exactly this age passes"),
        evidence=("password_enabled", "password_last_changed", "user_creation_time"),
        rationale="PCI DSS requires regular changes if the password is the only factor. For users with MFA, most "
        "guidance no longer does.",
        remediation="Set an expiry in the account's password policy, or ask the user to change the password.",
        caveats=(
            "The report shows when the password was changed, not whether the account's password policy sets an expiry.",
            "CIS v1.2 required an expiry in the account's password policy; later versions do not.",
        ),
        messages=MappingProxyType({Reason.AGE_UNKNOWN: "last change not known; user created {when}"}),
        references=(f"{GUIDE}id_credentials_passwords_account-policy.html", SECURITY_HUB),
    ),
    Control(
        id="expired-password-in-use",
        title="No expired password is left enabled",
        severity=Severity.LOW,
        whose=Whose.USERS,
        kinds=(Kind.PASSWORD,),
        rule="expired",
        applies_to="each console password with an expiry date (password_next_rotation)",
        fails_when="password_next_rotation is at or before the reference date",
        evidence=("password_enabled", "password_next_rotation", "password_last_changed"),
        rationale="With an expired password, a user can still open the page that changes it, unless the password "
        "policy forbids that. The user's access keys keep working. An expired password often shows that the user is no "
        "longer needed.",
        remediation="Remove the password (delete the login profile), or ask the user to sign in and change it. Look at "
        "the user's access keys too.",
        caveats=(
            "If the account's password policy sets no expiry, AWS shows N/A and there is nothing to judge.",
            "The report does not show whether the user can still change an expired password; the password policy does.",
        ),
        messages=MappingProxyType(
            {
                Reason.AGE_UNKNOWN: "not known whether it was changed after the reference date or had expired by then",
                Reason.NOT_EXPIRED: "expires {date}",
            }
        ),
        references=(REPORT, f"{GUIDE}id_credentials_passwords_account-policy.html"),
    ),
    Control(
        id="active-certificates",
        title="No signing certificate is active",
        severity=Severity.MEDIUM,
        whose=Whose.EVERYONE,
        kinds=(Kind.CERTIFICATE,),
        inactive_too=True,
        rule="active_certificate",
        applies_to="each signing certificate, including those of root",
        fails_when="it is active; with max_age_days above 0, only if it was uploaded that many days ago or longer",
        parameters=_age(0, "days; an active certificate this old or older fails; 0 means any age"),
        evidence=CERTIFICATES,
        rationale="X.509 signing certificates are an old kind of credential for SOAP requests. Hardly anything still "
        "needs them, nobody rotates them, and the report does not show when they were used.",
        remediation="Make the certificate inactive; if nothing breaks, delete it.",
        caveats=("The report does not show when a certificate was last used.", "An inactive certificate passes."),
        messages=MappingProxyType(
            {
                Reason.LAST_CHANGED: "active; uploaded {when}",
                Reason.AGE_UNKNOWN: "active; age not known; user created {when}",
            }
        ),
        references=(f"{GUIDE}id_credentials_sign-certificates.html", REPORT),
    ),
    Control(
        id="additional-credentials",
        title="No user has credentials that are missing from the report",
        severity=Severity.MEDIUM,
        whose=Whose.EVERYONE,
        rule="more_credentials",
        applies_to="each row of a report that has the column additional_credentials_info",
        fails_when="additional_credentials_info names more access keys or certificates",
        evidence=("additional_credentials_info",),
        rationale="The report shows two access keys and two certificates per user. It shows neither the state nor the "
        "last use of any others, so they were not judged.",
        remediation="Look at the user's credentials in the account itself, and delete those that are not needed.",
        caveats=(
            (
                "AWS documents the column, but reports of 2025 and 2026 do not have it. A report without it gets one "
                "check with the status not_applicable. AWS allows two access keys per user, so nothing should be "
                "missing."
            ),
        ),
        absent=Reason.COLUMN_NOT_IN_REPORT,
        references=(REPORT, f"{GUIDE}reference_iam-quotas.html"),
    ),
    Control(
        id="leaver-credentials",
        title="No credential of a person who left is active",
        severity=Severity.HIGH,
        whose=Whose.USERS,
        kinds=(Kind.PASSWORD, Kind.ACCESS_KEY, Kind.CERTIFICATE),
        rule="leaver",
        needs="--leavers",
        applies_to="each active password, access key and signing certificate of IAM users",
        fails_when="its user is in the list of leavers, and the user's last day ended at or before the reference date",
        evidence=("user", "password_enabled", "password_last_used", *ACTIVE, *USED, "cert_1_active", "cert_2_active"),
        rationale="A person who left must no longer have access, but may know the password or have a copy of the key. "
        "Nobody looks after such a credential. Everything done with it appears under the name of somebody who is gone.",
        remediation="Remove the user's console password (delete the login profile), and make access keys and "
        "certificates inactive. If a credential was used after the last day, find out who used it. If a program still "
        "needs it, give the program a role. Then delete the user.",
        caveats=(
            (
                "Users are compared with the list by name; upper and lower case do not matter. The IAM user name must "
                "be the user name or the e-mail address in the list; otherwise the parts before @ are compared. A "
                "user whose name does not name the person is not found, and passes."
            ),
            "The list is used as it is: this program cannot know whether it is complete or whether its days are right.",
            "The last day lasts until midnight UTC, wherever the person works.",
            (
                "Last uses are compared as AWS records them: only the first use in each span of 5 minutes (passwords) "
                "or 15 minutes (keys). The report shows no use of certificates."
            ),
            "If other people know the password or the key, they may have used it.",
        ),
        references=(f"{GUIDE}id_users_remove.html", REPORT),
    ),
    Control(
        id="password-and-keys",
        title="No IAM user has both a console password and an active access key",
        severity=Severity.LOW,
        whose=Whose.USERS,
        rule="password_and_keys",
        by_default=False,
        applies_to="each IAM user with a console password or an active access key",
        fails_when="password_enabled is true, and access_key_1_active or access_key_2_active",
        evidence=("password_enabled", *ACTIVE),
        rationale="People sign in with a password, programs use a key. If a user has both, a person and a program "
        "share the user. Nobody can distinguish what each of them did, and neither credential can be removed without "
        "asking.",
        remediation="Give the program a role or its own user and delete the key, or remove the password.",
        caveats=(
            "No framework asks for it. This control is credreport's own, and is judged only on request.",
            AS_OF_CAPTURE,
        ),
        references=(f"{GUIDE}best-practices.html", KEYS),
    ),
    Control(
        id="console-users",
        title="No IAM user has a console password",
        severity=Severity.LOW,
        whose=Whose.USERS,
        rule="console_user",
        by_default=False,
        applies_to="each IAM user",
        fails_when="password_enabled is true",
        evidence=("password_enabled",),
        rationale="People who sign in through an identity provider or IAM Identity Center are managed in one place. A "
        "person who leaves loses all access at once, and the accounts have no passwords to protect.",
        remediation="Move people to IAM Identity Center or to a federated identity provider, and remove their console "
        "passwords (delete the login profiles).",
        caveats=(
            (
                "The report shows which users have a console password. It does not show whether they are people, or "
                "whether there is an identity provider. Only a failure is certain."
            ),
            "Users for emergencies fail too: add waivers for them.",
            AS_OF_CAPTURE,
        ),
        messages=MappingProxyType({Reason.NO_PASSWORD: "has no console password"}),
        references=(f"{GUIDE}best-practices.html", f"{GUIDE}id_roles_providers.html"),
    ),
    Control(
        id="password-expiry",
        title="Passwords expire within {max_age_days} days",
        severity=Severity.LOW,
        whose=Whose.ACCOUNTS,
        rule="password_expiry",
        by_default=False,
        applies_to="each account in which an IAM user has a console password",
        fails_when="the newest password never expires, or expires more than {max_age_days} days after it was set "
        "(password_next_rotation minus password_last_changed)",
        parameters=MappingProxyType(
            {
                "max_age_days": Parameter(
                    90, 1, 36_500, "days; a longer time to expiry fails, exactly this time passes", is_own=True
                )
            }
        ),
        evidence=("password_enabled", "password_last_changed", "password_next_rotation", "user_creation_time"),
        rationale="If a password is the only factor, a stolen password works until it is changed. For users with MFA, "
        "most guidance no longer requires an expiry.",
        remediation="Set an expiry in the account's password policy. It applies to each password from the next change.",
        caveats=(
            (
                "The report does not show the password policy. The newest password shows which expiry the policy had "
                "when that password was set."
            ),
            "Older passwords may have been set under another policy; they are not judged.",
            "The requirements also cover length, characters and history of passwords, which the report does not show.",
        ),
        references=(f"{GUIDE}id_credentials_passwords_account-policy.html", SECURITY_HUB),
    ),
    *OF_ROOT_WHERE_ASKED,
)
"""The controls in the order in which they are listed and judged."""

BY_ID: Final[Mapping[str, Control]] = MappingProxyType({control.id: control for control in CONTROLS})
