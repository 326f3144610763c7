"""The controls on root, as data; see `catalog`."""

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
    "Accounts in the partition aws-cn have no root credentials, so the control does not apply there."
)

OF_ROOT: Final = (
    Control(
        id="no-root-access-key",
        title="No root access key exists",
        severity=Severity.CRITICAL,
        whose=Whose.ROOT,
        rule="root_key",
        applies_to="root of each account",
        fails_when="access_key_1_active or access_key_2_active is true; with inactive_keys_count = 1, also if an "
        "inactive key exists",
        parameters=MappingProxyType(
            {"inactive_keys_count": Parameter(0, 0, 1, "0 or 1; with 1, an inactive key fails too")}
        ),
        evidence=(*ACTIVE, *ROTATED, *USED),
        rationale="A root access key can do everything in the account and cannot be restricted. Anybody who finds it "
        "controls the account.",
        remediation="Sign in as root and delete the key. Give programs that used it a role instead.",
        caveats=(
            (
                "The CIS procedure looks only at the active flags and calls an inactive key a false alarm. Security "
                "Hub IAM.4 counts an inactive key. The message names an inactive key in both cases."
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
        fails_when='mfa_active is false and root has a password; with without_password = "fail", also if it has none',
        parameters=MappingProxyType(
            {
                "without_password": Option(
                    "pass", ("pass", "fail"), "whether root passes if it has neither a password nor MFA"
                )
            }
        ),
        evidence=("mfa_active", "password_enabled"),
        rationale="Root can do everything. The password alone must not be enough to sign in as root.",
        remediation="Sign in as root and register an MFA device. In an organization, remove the root credentials of "
        "member accounts.",
        caveats=(
            (
                "Root without a password passes, as in the procedure of CIS v7.0 and in Security Hub IAM.9, because "
                "nobody can sign in with a password. It passes even if root has an active access key."
            ),
            (
                "The procedures of CIS up to v4.0.1, and other scanners, read only mfa_active and fail root without a "
                'password. A policy with without_password = "fail" does the same.'
            ),
            (
                "Reports up to about 2024 show not_supported in password_enabled for root: root always had a password "
                "then."
            ),
            "In GovCloud (US) root has no console access, and the CIS benchmark does not apply there.",
            _NO_ROOT_IN_CHINA,
            AS_OF_CAPTURE,
        ),
        messages=MappingProxyType(
            {
                Reason.MFA_NOT_ACTIVE: "MFA of root is not active",
                Reason.NO_PASSWORD: "no MFA device is shown, but root has no password, so nobody can sign in with one; "
                "scanners that read only mfa_active fail it",
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
        rationale="The secret of a virtual MFA device on a phone can be copied. A hardware device cannot be copied.",
        remediation="Sign in as root and register a hardware MFA device. In a member account of an organization, "
        "remove the root credentials with centralized root access instead: then no device is needed.",
        caveats=(
            (
                "This is a manual check, unless it fails. The report shows whether there is a device, not its kind, so "
                "this control never passes. Look at the account itself (aws iam list-virtual-mfa-devices), and record "
                "the result as a waiver with an expiry date."
            ),
            (
                "The control does not apply if root has neither a password nor an active access key. This is the state "
                "of member accounts after AWS Organizations removed their root credentials (centralized root access)."
            ),
            _NO_ROOT_IN_CHINA,
        ),
        messages=MappingProxyType({Reason.MFA_NOT_ACTIVE: "root has a password but no MFA"}),
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
        "number of days: this one is credreport's choice)",
        parameters=MappingProxyType(
            {"min_idle_days": Parameter(90, 1, 36_500, "days; a more recent use fails", is_own=True)}
        ),
        evidence=("password_last_used", *USED, *ACTIVE, *ROTATED),
        rationale="Root cannot be restricted, and it is hard to find out who acted as root. Few tasks need root.",
        remediation="Ask what root was used for, and give that task to a role. For the few tasks that need root, "
        "require a procedure with two people.",
        caveats=(
            "CIS gives no limit. The 90 days are credreport's choice; a policy can set another limit.",
            "One use is not daily work. The report shows only the last use, and a few tasks need root.",
            "The report does not show uses of a root key that was deleted later.",
            _NO_ROOT_IN_CHINA,
            "A report that is more than a day older than the reference date cannot show that root was not used later.",
            SPANS,
        ),
        messages=MappingProxyType(
            {
                Reason.NEVER_USED: "no use of root is recorded",
                Reason.LAST_USE_UNKNOWN: "last use of root not known",
                Reason.USED_AFTER_AS_OF: "root was used after the reference date; earlier use not known",
            }
        ),
        absent=Reason.ROOT_NOT_IN_REPORT,
        references=(ROOT, f"{GUIDE}root-user-tasks.html"),
    ),
)
"""The controls on root that are judged by default."""

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
        rationale="A signing certificate of root can do as much as a root access key, and nobody looks for one.",
        remediation="Sign in as root and make the certificate inactive; if nothing breaks, delete it. In a member "
        "account of an organization, remove the root credentials with centralized root access.",
        caveats=("The report does not show when a certificate was last used.", _NO_ROOT_IN_CHINA, AS_OF_CAPTURE),
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
        rationale="AWS Organizations can remove the root credentials of member accounts. The management account can "
        "then do the tasks that need root. A credential that does not exist cannot be stolen, and needs no MFA device.",
        remediation="Switch on centralized root access in the organization's management account, then delete the root "
        "credentials of the member account.",
        caveats=(
            (
                "The management account of an organization, and an account outside any organization, keep their root "
                "credentials. There the control fails and cannot be met: add waivers for them."
            ),
            "The report shows which root credentials remain, not whether centralized root access is switched on.",
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
"""The controls on root that are judged only on request."""
