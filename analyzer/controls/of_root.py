"""The controls on root, as data: see `catalog`."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from analyzer.controls.control import Control, Option, Parameter, Severity, Whose
from analyzer.controls.shared import (
    ACTIVE,
    AS_OF_CAPTURE,
    CERTIFICATES,
    GUIDE,
    ROOT,
    ROTATED,
    SECURITY_HUB,
    SPANS,
    USED,
)
from analyzer.controls.vocabulary import Reason

_NO_ROOT_IN_CHINA: Final = (
    "Accounts of the partition aws-cn have no root credentials: the control does not apply there."
)

OF_ROOT: Final = (
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
        evidence=(*ACTIVE, *ROTATED, *USED),
        rationale="A key of root can do everything in the account and cannot be restricted. Whoever finds it owns the "
        "account.",
        remediation="Sign in as root and delete the key; give its users a role or an IAM user instead.",
        caveats=(
            (
                "The benchmark's procedure looks at the active flags alone and names an inactive key as a false alarm; "
                "Security Hub's IAM.4 counts it. The finding names it either way."
            ),
            _NO_ROOT_IN_CHINA,
            AS_OF_CAPTURE,
        ),
        messages=MappingProxyType(
            {
                Reason.ACTIVE_UNKNOWN: "not known whether root has an active access key",
                Reason.INACTIVE: "an inactive access key of root exists; created {when}",
            }
        ),
        absent=Reason.ROOT_NOT_IN_REPORT,
        references=(f"{GUIDE}id_root-user_manage_delete-key.html", SECURITY_HUB),
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
            AS_OF_CAPTURE,
        ),
        messages=MappingProxyType(
            {
                Reason.MFA_NOT_ACTIVE: "MFA of root is not active",
                Reason.NO_PASSWORD: "root has no password to sign in with; scanners that read mfa_active alone fail it",
            }
        ),
        absent=Reason.ROOT_NOT_IN_REPORT,
        references=(f"{GUIDE}enable-mfa-for-root.html", f"{GUIDE}id_root-enable-root-access.html", SECURITY_HUB),
    ),
    Control(
        id="root-hardware-mfa",
        title="Hardware MFA is enabled for root",
        severity=Severity.CRITICAL,
        whose=Whose.ROOT,
        rule="root_without_hardware_mfa",
        applies_to="root of each account",
        fails_when="mfa_active is false and root has a password",
        evidence=("mfa_active", "password_enabled", *ACTIVE),
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
        references=(f"{GUIDE}enable-mfa-for-root.html", f"{GUIDE}enable-hw-mfa-for-root.html", SECURITY_HUB),
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
        evidence=("password_last_used", *USED, *ACTIVE, *ROTATED),
        rationale="What root does cannot be restricted and is hard to attribute; there are few tasks that need it.",
        remediation="Ask what root was used for, and give that task to a role. Keep the few tasks that need root under "
        "a procedure with two people.",
        caveats=(
            "CIS gives no limit: 90 days are this program's choice; a policy may set others.",
            "One use is not daily work: the report shows the last use only, and a few tasks need root.",
            "The use of a root key that was deleted since is not in the report.",
            _NO_ROOT_IN_CHINA,
            "A report more than a day older than the reference instant cannot show that root was not used since.",
            SPANS,
        ),
        messages=MappingProxyType(
            {
                Reason.NEVER_USED: "no use of root is recorded",
                Reason.LAST_USE_UNKNOWN: "last use of root not known",
                Reason.USED_AFTER_AS_OF: "root was used after the reference date, use before it not known",
            }
        ),
        absent=Reason.ROOT_NOT_IN_REPORT,
        references=(ROOT, f"{GUIDE}root-user-tasks.html"),
    ),
)
"""Judged unless something else is asked for."""

OF_ROOT_WHERE_ASKED: Final = (
    Control(
        id="root-certificates",
        title="Root has no active signing certificate",
        severity=Severity.HIGH,
        whose=Whose.ROOT,
        rule="root_certificate",
        by_default=False,
        applies_to="root of each account",
        fails_when="cert_1_active or cert_2_active is true",
        evidence=CERTIFICATES,
        rationale="A signing certificate of root is as good as an access key of root, and nobody looks for one.",
        remediation="Sign in as root, make the certificate inactive, and delete it once nothing breaks. In a member "
        "account of an organization, remove root's credentials by centralized root access.",
        caveats=("When a certificate was last used is not in the report.", _NO_ROOT_IN_CHINA, AS_OF_CAPTURE),
        absent=Reason.ROOT_NOT_IN_REPORT,
        references=(f"{GUIDE}id_credentials_sign-certificates.html", ROOT),
    ),
    Control(
        id="root-credentials-removed",
        title="Root has no credentials at all",
        severity=Severity.MEDIUM,
        whose=Whose.ROOT,
        rule="root_credentials",
        by_default=False,
        applies_to="root of each account",
        fails_when="root has a password, an access key (active or not), an active signing certificate or an MFA device",
        evidence=("password_enabled", *ACTIVE, *ROTATED, "cert_1_active", "cert_2_active", "mfa_active"),
        rationale="AWS Organizations can remove the root credentials of its member accounts, and do from the outside "
        "what needs root. What is not there cannot be stolen, and nobody has to guard a device for it.",
        remediation="Switch on centralized root access in the organization's management account, then delete the root "
        "credentials of the member account.",
        caveats=(
            (
                "The management account of an organization, and an account in none, keep their root credentials: "
                "there the control fails and cannot be met. Waive it for them."
            ),
            "Whether centralized root access is switched on is not in the report; only what is left of root is.",
            _NO_ROOT_IN_CHINA,
            AS_OF_CAPTURE,
        ),
        messages=MappingProxyType(
            {
                Reason.HAS_PASSWORD: "root has a password",
                Reason.KEY_EXISTS: "root has an access key",
                Reason.CERTIFICATE_EXISTS: "root has an active signing certificate",
                Reason.MFA_ACTIVE: "root has an MFA device",
                Reason.PASSWORD_UNKNOWN: "not known whether root has a password",
            }
        ),
        absent=Reason.ROOT_NOT_IN_REPORT,
        references=(f"{GUIDE}id_root-enable-root-access.html", f"{GUIDE}id_root-user-privileged-task.html", ROOT),
    ),
)
"""Judged where they are asked for."""
