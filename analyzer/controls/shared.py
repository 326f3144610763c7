"""Texts that several controls share: addresses of AWS pages, column names and caveats."""

from __future__ import annotations

from typing import Final

GUIDE: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
SECURITY_HUB: Final = "https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html"
REPORT: Final = f"{GUIDE}id_credentials_getting-report.html"
KEYS: Final = f"{GUIDE}id_credentials_access-keys.html"
PASSWORDS: Final = f"{GUIDE}id_credentials_passwords_admin-change-user.html"
MFA: Final = f"{GUIDE}id_credentials_mfa.html"
ROOT: Final = f"{GUIDE}root-user-best-practices.html"

ROTATED: Final = ("access_key_1_last_rotated", "access_key_2_last_rotated")
USED: Final = ("access_key_1_last_used_date", "access_key_2_last_used_date")
ACTIVE: Final = ("access_key_1_active", "access_key_2_active")
CERTIFICATES: Final = ("cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated")

SPANS: Final = (
    "AWS records only the first use in each span of 5 minutes (passwords) or 15 minutes (keys). A key that was used "
    "just before the report may still look unused."
)
AS_OF_CAPTURE: Final = "The report shows the state at the time when it was made, not before and not after."
