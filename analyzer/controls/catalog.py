"""All controls, as data. Adding one is an entry here (and a rule, if none of those in `rules` fits).

Severities are AWS Security Hub's where it has the same control (Security Hub user guide, "Security Hub controls for
IAM"), else our own. Numbers in benchmarks: `frameworks`.
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
    "The report does not say when a key was made inactive or active: an active key may have been switched on yesterday."
)


def _idle(days: int) -> Mapping[str, Parameter]:
    return MappingProxyType({"max_idle_days": Parameter(days, 1, 36_500, "days; idle for this long or longer fails")})


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
        fails_when="it was last used {max_idle_days} days ago or longer; where it was never used, last changed "
        "(password) or created (key) that long ago",
        parameters=_idle(45),
        evidence=_UNUSED_COLUMNS,
        rationale="A credential that nobody uses can be abused without anybody noticing. Removing it takes nothing "
        "from anyone and closes a way in.",
        remediation="Make used keys inactive, and delete them once nothing breaks; delete keys that were never used. "
        "Remove the console password (delete the login profile); there is no disabled password.",
        caveats=(
            SPANS,
            "Root is left out, as in the benchmark: it is not meant for daily work, so lying unused is what is wanted.",
            "Never used means not since AWS began to record it: 2014-10-20 for passwords, 2015-04-22 for keys.",
        ),
        references=(_UNUSED, KEYS, PASSWORDS, SECURITY_HUB),
    ),
    Control(
        id="unused-credentials-console",
        stricter_than="unused-credentials",
        title="Credentials unused for {max_idle_days} days or more, by the benchmark's console procedure",
        severity=Severity.MEDIUM,
        whose=Whose.USERS,
        kinds=(Kind.PASSWORD, Kind.ACCESS_KEY),
        rule="idle_console",
        applies_to="each active password and access key of IAM users",
        fails_when="a key is {max_idle_days} days old or older, or was never used; a password as in unused-credentials",
        parameters=_idle(45),
        evidence=_UNUSED_COLUMNS,
        rationale="The benchmark gives two procedures. The console's is the stricter one: it asks for the age of a key "
        "and not only for its last use, so that a key in daily use fails once it is old.",
        remediation="Keys: make them inactive, or delete them; one that is in use must be rotated first: create a "
        "second one, move its users over, then make the old one inactive. Passwords: remove them (delete the login "
        "profile).",
        caveats=(
            "A key made just before the report and not yet used fails, as the procedure says.",
            SPANS,
            "It is the second procedure of the requirement of unused-credentials, and has no number of its own.",
            "Auditors follow one of the two procedures: choose it with --control, or switch the other off in a policy.",
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
        parameters=_age(90, "days; older fails, exactly as old passes"),
        evidence=(*ACTIVE, *ROTATED, *USED, "user_creation_time"),
        rationale="A key that leaked unnoticed works until it is replaced. Rotation bounds that time.",
        remediation="Create a second key, move everything that uses the first over to it, make the first inactive, and "
        "delete it once nothing breaks.",
        caveats=(
            "access_key_n_last_rotated is the time the key was created: AWS replaces keys and never changes them.",
            _ACTIVATED,
            "Where the creation is not known, it is bounded by the user's creation and the key's last use.",
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
        rationale="A second active key doubles what can leak, and is often a rotation that nobody finished.",
        remediation="Make the key inactive that is not, or no longer, in use; then delete it.",
        caveats=("A rotation in progress needs two active keys for a while and fails as well.", AS_OF_CAPTURE),
        messages=MappingProxyType(
            {Reason.ACTIVE_UNKNOWN: "not known whether both keys were active at the reference date"}
        ),
        references=(KEYS,),
    ),
    Control(
        id="no-initial-access-keys",
        title="No access key is set up together with a user who has a console password",
        severity=Severity.LOW,
        whose=Whose.USERS,
        kinds=(Kind.ACCESS_KEY,),
        rule="initial_key",
        applies_to="each active access key of IAM users with a console password",
        fails_when="it was created within {together_minutes} minutes of its user and was never used",
        parameters=MappingProxyType(
            {
                "together_minutes": Parameter(
                    5, 0, 99_999_999, "minutes; a key made this close to its user counts as set up with it"
                )
            }
        ),
        evidence=("password_enabled", "user_creation_time", *ACTIVE, *ROTATED, *USED),
        rationale="A key made with the user, on the chance that it is needed, is a key nobody asked for and nobody "
        "guards. Who needs one can create it, which shows that it is wanted.",
        remediation="Delete the key. Where it is needed after all, let the user create one.",
        caveats=(
            "The report shows whether there is a console password now, not whether the user was made with one.",
            (
                "A key of the first day that was used since, replaced or deleted is not seen: the benchmark asks for "
                "unused ones only."
            ),
            (
                "That the times lie together does not prove that one act made both. How close counts is this program's "
                "choice. The benchmark's command-line procedure compares no times: it asks for every key of such a "
                "user that was never used. For that, set together_minutes to 99999999."
            ),
            SPANS,
        ),
        messages=MappingProxyType(
            {
                Reason.NEVER_USED: "never used; created with its user {when}",
                Reason.LAST_CHANGED: "created apart from its user {when}",
                Reason.AGE_UNKNOWN: "never used, not known whether it was created with its user",
                Reason.LAST_USE_UNKNOWN: "created with its user {date}, last use not known",
                Reason.USED_AFTER_AS_OF: "created with its user {date}, used after the reference date",
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
        rationale="A password alone can be guessed, phished or reused. A second factor keeps the account closed to "
        "whoever has only the password.",
        remediation="Let the user register an MFA device, and deny everything else until it is registered.",
        caveats=(
            "The report does not say of what kind the device is, nor whether policies ask for it.",
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
        rationale="MFA can be required of API calls as well, but only of users that have a device.",
        remediation="Register an MFA device for the user; replace users that only programs use by roles.",
        caveats=(
            "Users that only programs use seldom have a device, and fail: Security Hub asks for it all the same.",
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
        parameters=_age(90, "days; older fails, exactly as old passes"),
        evidence=("password_enabled", "password_last_changed", "user_creation_time"),
        rationale="PCI DSS asks for it where a password is the only factor. With MFA, most guidance no longer does.",
        remediation="Set an expiry in the account's password policy, or ask the user to change the password.",
        caveats=(
            "The report shows when the password was changed, not whether the account's password policy sets an expiry.",
            "CIS v1.2 asked for an expiry in the account's password policy; later versions ask for none.",
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
        applies_to="each console password with a date of next rotation",
        fails_when="password_next_rotation lies at or before the reference instant",
        evidence=("password_enabled", "password_next_rotation", "password_last_changed"),
        rationale="An expired password still opens the page on which it is changed, unless the policy forbids that, "
        "and the user's access keys go on working. It shows a user whom nobody misses.",
        remediation="Remove the password (delete the login profile), or ask the user to sign in and change it; look at "
        "the user's access keys as well.",
        caveats=(
            "Where the account's password policy sets no expiry, AWS shows N/A and there is nothing to judge.",
            "Whether its user can still change an expired password is in the password policy, not in the report.",
        ),
        messages=MappingProxyType(
            {
                Reason.AGE_UNKNOWN: "not known whether it was changed since the reference date, or had expired by then",
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
        applies_to="each signing certificate, root's included",
        fails_when="it is active; with max_age_days above 0, only if it was uploaded so many days ago or longer",
        parameters=_age(0, "days; active and this old or older fails, 0: at any age"),
        evidence=CERTIFICATES,
        rationale="X.509 signing certificates are an old kind of credential, made for SOAP requests. Hardly anything "
        "still needs one, nobody rotates them, and the report does not say when one was used.",
        remediation="Make the certificate inactive, and delete it once nothing breaks.",
        caveats=("When a certificate was last used is not in the report.", "An inactive certificate passes."),
        messages=MappingProxyType(
            {
                Reason.LAST_CHANGED: "active; uploaded {when}",
                Reason.AGE_UNKNOWN: "active, age not known; user created {when}",
            }
        ),
        references=(f"{GUIDE}id_credentials_sign-certificates.html", REPORT),
    ),
    Control(
        id="additional-credentials",
        title="No user has credentials that the report leaves out",
        severity=Severity.MEDIUM,
        whose=Whose.EVERYONE,
        rule="more_credentials",
        applies_to="each row of a report that has the column additional_credentials_info",
        fails_when="additional_credentials_info names further access keys or certificates",
        evidence=("additional_credentials_info",),
        rationale="The report shows two access keys and two certificates a user. Of any further ones it gives neither "
        "state nor last use: they were not judged.",
        remediation="Look at the user's credentials in the account itself, and delete those that are not needed.",
        caveats=(
            (
                "AWS documents the column, yet reports of 2025 and 2026 do not have it. A report without it gets one "
                "finding, not_applicable. AWS allows two access keys a user, so that nothing should be missing."
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
        fails_when="the last day of its user, in the list of leavers, ended at or before the reference instant",
        evidence=("user", "password_enabled", "password_last_used", *ACTIVE, *USED, "cert_1_active", "cert_2_active"),
        rationale="Who has left has no business in the account any more, and may know the password or hold a copy of "
        "the key. Nobody else looks after such a credential, and what is done with it bears the name of a person who "
        "is not there.",
        remediation="Remove the user's console password (delete the login profile) and make access keys and "
        "certificates inactive. Find out who used what was used after the last day. Where a program still needs it, "
        "give the program a role; then delete the user.",
        caveats=(
            (
                "Users are compared by name: the user name, or its part before @, must be the user name or the e-mail "
                "address in the list, or its part before @, in any case. A user whose name does not name the person is "
                "not found, and passes."
            ),
            "What the list does not say is not judged: whether it is complete, and whether its days are right.",
            "The last day counts to its end in UTC, also where the person works elsewhere.",
            (
                "Last uses are compared exactly as AWS records them: only the first use in each span of 5 minutes "
                "(passwords) or 15 minutes (keys). Of certificates the report shows none."
            ),
            "A password or key that others know as well may have been used by them.",
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
        rationale="A person signs in, a program has a key. A user who has both is used by both: what one of them did "
        "cannot be told from what the other did, and neither credential can be removed without asking.",
        remediation="Give the program a role, or a user of its own, and delete the key; or remove the password.",
        caveats=(
            "No benchmark asks for it: it is this program's own, and judged only where it is asked for.",
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
        rationale="People who sign in by an identity provider, or IAM Identity Center, are managed in one place: who "
        "leaves loses all access at once, and no password has to be guarded in each account.",
        remediation="Move people to IAM Identity Center or to a federated identity provider, and remove their console "
        "passwords (delete the login profiles).",
        caveats=(
            (
                "The report shows which users have a console password, not whether they are people, nor whether an "
                "identity provider is there: only a failure is sure."
            ),
            "Users for emergencies fail as well: keep them as waivers.",
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
        fails_when="the newest password expires more than {max_age_days} days after it was set, or never: "
        "password_next_rotation less password_last_changed",
        parameters=MappingProxyType(
            {"max_age_days": Parameter(90, 1, 36_500, "days; a longer span fails, exactly as long passes", is_own=True)}
        ),
        evidence=("password_enabled", "password_last_changed", "password_next_rotation", "user_creation_time"),
        rationale="Where a password is the only factor, one that was stolen works until it is changed. With MFA, most "
        "guidance no longer asks for an expiry.",
        remediation="Set an expiry in the account's password policy; passwords get it when they are next changed.",
        caveats=(
            (
                "The password policy is not in the report. How long passwords last is seen at the one that was set "
                "last: it has the expiry of the policy of that time."
            ),
            "Older passwords may have been set under another policy; they are not looked at.",
            "Length, characters and history, which such requirements ask for as well, are not in the report.",
        ),
        references=(f"{GUIDE}id_credentials_passwords_account-policy.html", SECURITY_HUB),
    ),
    *OF_ROOT_WHERE_ASKED,
)
"""In the order in which they are listed and judged."""

BY_ID: Final[Mapping[str, Control]] = MappingProxyType({control.id: control for control in CONTROLS})
