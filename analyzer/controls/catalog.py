"""All controls, as data. Adding one is an entry here (and a rule, if none of those in `rules` fits).

Severities are AWS Security Hub's where it has the same control (Security Hub user guide, "Security Hub controls for
IAM"), else our own. Numbers in benchmarks: `benchmarks`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from analyzer.controls.control import Control, Option, Parameter, Severity, Whose
from analyzer.controls.vocabulary import Reason
from analyzer.reading.layout import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

_GUIDE: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
_SECURITY_HUB: Final = "https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html"
_REPORT: Final = f"{_GUIDE}id_credentials_getting-report.html"
_KEYS: Final = f"{_GUIDE}id_credentials_access-keys.html"
_UNUSED: Final = f"{_GUIDE}id_credentials_finding-unused.html"
_PASSWORDS: Final = f"{_GUIDE}id_credentials_passwords_admin-change-user.html"
_MFA: Final = f"{_GUIDE}id_credentials_mfa.html"
_ROOT: Final = f"{_GUIDE}root-user-best-practices.html"

_ROTATED: Final = ("access_key_1_last_rotated", "access_key_2_last_rotated")
_USED: Final = ("access_key_1_last_used_date", "access_key_2_last_used_date")
_ACTIVE: Final = ("access_key_1_active", "access_key_2_active")
_UNUSED_COLUMNS: Final = (
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    *(column for columns in zip(_ACTIVE, _ROTATED, _USED, strict=True) for column in columns),
    "user_creation_time",
)

_SPANS: Final = (
    "AWS records only the first use in each span of 5 minutes (passwords) or 15 minutes (keys): a key used just before "
    "the report may still look unused."
)
_AS_OF_CAPTURE: Final = "The report shows what was so when it was made; it does not tell what was so before or since."
_ACTIVATED: Final = (
    "The report does not say when a key was made inactive or active: an active key may have been switched on yesterday."
)


_NO_ROOT_IN_CHINA: Final = (
    "Accounts of the partition aws-cn have no root credentials: the control does not apply there."
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
            _SPANS,
            "Root is left out, as in the benchmark: it is not meant for daily work, so lying unused is what is wanted.",
            "Never used means not since AWS began to record it: 2014-10-20 for passwords, 2015-04-22 for keys.",
        ),
        references=(_UNUSED, _KEYS, _PASSWORDS, _SECURITY_HUB),
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
            _SPANS,
            "It is the second procedure of the requirement of unused-credentials, and has no number of its own.",
            "Auditors follow one of the two procedures: choose it with --control, or switch the other off in a policy.",
        ),
        messages=MappingProxyType(
            {Reason.AGE_UNKNOWN: MappingProxyType({Kind.ACCESS_KEY: "age not known; user created {when}"})}
        ),
        references=(_UNUSED, _KEYS),
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
        evidence=(*_ACTIVE, *_ROTATED, *_USED, "user_creation_time"),
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
            _KEYS,
            _SECURITY_HUB,
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
        evidence=(*_ACTIVE, *_ROTATED),
        rationale="A second active key doubles what can leak, and is often a rotation that nobody finished.",
        remediation="Make the key inactive that is not, or no longer, in use; then delete it.",
        caveats=("A rotation in progress needs two active keys for a while and fails as well.", _AS_OF_CAPTURE),
        messages=MappingProxyType(
            {Reason.ACTIVE_UNKNOWN: "not known whether both keys were active at the reference date"}
        ),
        references=(_KEYS,),
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
        evidence=("password_enabled", "user_creation_time", *_ACTIVE, *_ROTATED, *_USED),
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
            _SPANS,
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
            f"{_GUIDE}id_users_create.html",
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
            _AS_OF_CAPTURE,
        ),
        messages=MappingProxyType({Reason.MFA_NOT_ACTIVE: "console password without MFA"}),
        references=(_MFA, _SECURITY_HUB),
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
            _AS_OF_CAPTURE,
        ),
        references=(_MFA, _SECURITY_HUB),
    ),
    Control(
        id="no-root-access-key",
        title="No access key of root exists",
        severity=Severity.CRITICAL,
        whose=Whose.ROOT,
        rule="root_key",
        applies_to="root of each account",
        fails_when="access_key_1_active or access_key_2_active is true; with inactive_keys_count 1, also if an "
        "inactive key is there",
        parameters=MappingProxyType(
            {"inactive_keys_count": Parameter(0, 0, 1, "0 or 1; with 1, a key that is inactive counts as well")}
        ),
        evidence=(*_ACTIVE, *_ROTATED, *_USED),
        rationale="A key of root can do everything in the account and cannot be restricted. Whoever finds it owns the "
        "account.",
        remediation="Sign in as root and delete the key; give its users a role or an IAM user instead.",
        caveats=(
            (
                "The benchmark's procedure looks at the active flags alone and names an inactive key as a false alarm; "
                "Security Hub's IAM.4 counts it. The finding names it either way."
            ),
            _NO_ROOT_IN_CHINA,
            _AS_OF_CAPTURE,
        ),
        messages=MappingProxyType(
            {
                Reason.ACTIVE_UNKNOWN: "not known whether root has an active access key",
                Reason.INACTIVE: "an inactive access key of root exists; created {when}",
            }
        ),
        absent=Reason.ROOT_NOT_IN_REPORT,
        references=(f"{_GUIDE}id_root-user_manage_delete-key.html", _SECURITY_HUB),
    ),
    Control(
        id="root-mfa",
        title="MFA is enabled for root",
        severity=Severity.CRITICAL,
        whose=Whose.ROOT,
        rule="root_without_mfa",
        applies_to="root of each account",
        fails_when="mfa_active is false and root has a password; with without_password fail, also if it has none",
        parameters=MappingProxyType(
            {
                "without_password": Option(
                    "pass", ("pass", "fail"), "whether root passes that has neither a password nor MFA"
                )
            }
        ),
        evidence=("mfa_active", "password_enabled"),
        rationale="Root can do everything; its password must not be enough to become root.",
        remediation="Sign in as root and register an MFA device; in an organisation, remove the root credentials of "
        "member accounts.",
        caveats=(
            (
                "Root without a password passes, by the procedure of CIS v7.0 and by Security Hub's IAM.9: nobody can "
                "sign in with a password. The procedures of CIS up to v4.0.1 read mfa_active alone, as other scanners "
                'do, and fail it, also where root has an active access key: a policy with without_password = "fail" '
                "judges so. "
                "Reports up to about 2024 show not_supported instead of that flag: root always had a password then."
            ),
            "In GovCloud (US) root has no console access, and the benchmark does not apply there.",
            _NO_ROOT_IN_CHINA,
            _AS_OF_CAPTURE,
        ),
        messages=MappingProxyType(
            {
                Reason.MFA_NOT_ACTIVE: "MFA of root is not active",
                Reason.NO_PASSWORD: "root has no password to sign in with; scanners that read mfa_active alone fail it",
            }
        ),
        absent=Reason.ROOT_NOT_IN_REPORT,
        references=(f"{_GUIDE}enable-mfa-for-root.html", f"{_GUIDE}id_root-enable-root-access.html", _SECURITY_HUB),
    ),
    Control(
        id="root-hardware-mfa",
        title="Hardware MFA is enabled for root",
        severity=Severity.CRITICAL,
        whose=Whose.ROOT,
        rule="root_without_hardware_mfa",
        applies_to="root of each account",
        fails_when="mfa_active is false and root has a password",
        evidence=("mfa_active", "password_enabled", *_ACTIVE),
        rationale="A hardware device cannot be copied like the secret of a virtual one on a telephone.",
        remediation="Sign in as root and register a hardware MFA device. In a member account of an organization, "
        "remove root's credentials by centralized root access instead: nothing is left that needs a device.",
        caveats=(
            (
                "A manual check, unless it fails: the report says whether there is a device, not of what kind, so this "
                "control never passes. Look at the account itself (aws iam list-virtual-mfa-devices), and keep what "
                "was seen as a waiver with its expiry."
            ),
            (
                "It does not apply where root has neither a password nor an active access key, as AWS Organizations "
                "leaves member accounts whose root credentials were removed (centralized root access)."
            ),
            _NO_ROOT_IN_CHINA,
        ),
        messages=MappingProxyType({Reason.MFA_NOT_ACTIVE: "root has a password and no MFA at all"}),
        absent=Reason.ROOT_NOT_IN_REPORT,
        references=(f"{_GUIDE}enable-mfa-for-root.html", f"{_GUIDE}enable-hw-mfa-for-root.html", _SECURITY_HUB),
    ),
    Control(
        id="root-not-in-daily-use",
        title="Root is not used for daily work",
        severity=Severity.HIGH,
        whose=Whose.ROOT,
        rule="root_in_use",
        applies_to="root of each account",
        fails_when="its password or one of its access keys was used less than {min_idle_days} days ago (CIS gives no "
        "number of days; this one is this program's choice)",
        parameters=MappingProxyType(
            {"min_idle_days": Parameter(90, 1, 36_500, "days; a use less long ago than this fails", is_own=True)}
        ),
        evidence=("password_last_used", *_USED, *_ACTIVE, *_ROTATED),
        rationale="What root does cannot be restricted and is hard to attribute; there are few tasks that need it.",
        remediation="Ask what root was used for, and give that task to a role. Keep the few tasks that need root under "
        "a procedure with two people.",
        caveats=(
            "CIS gives no limit: 90 days are this program's choice; a policy may set others.",
            "One use is not daily work: the report shows the last use only, and a few tasks need root.",
            "The use of a root key that was deleted since is not in the report.",
            _NO_ROOT_IN_CHINA,
            "A report more than a day older than the reference instant cannot show that root was not used since.",
            _SPANS,
        ),
        messages=MappingProxyType(
            {
                Reason.NEVER_USED: "no use of root is recorded",
                Reason.LAST_USE_UNKNOWN: "last use of root not known",
                Reason.USED_AFTER_AS_OF: "root was used after the reference date, use before it not known",
            }
        ),
        absent=Reason.ROOT_NOT_IN_REPORT,
        references=(_ROOT, f"{_GUIDE}root-user-tasks.html"),
    ),
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
        references=(f"{_GUIDE}id_credentials_passwords_account-policy.html", _SECURITY_HUB),
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
        references=(_REPORT, f"{_GUIDE}id_credentials_passwords_account-policy.html"),
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
        evidence=("cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated"),
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
        references=(f"{_GUIDE}id_credentials_sign-certificates.html", _REPORT),
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
        references=(_REPORT, f"{_GUIDE}reference_iam-quotas.html"),
    ),
)
"""In the order in which they are listed and judged."""

BY_ID: Final[Mapping[str, Control]] = MappingProxyType({control.id: control for control in CONTROLS})
