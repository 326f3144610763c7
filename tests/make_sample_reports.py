"""Make `sample_reports/` again, byte for byte: `python tests/make_sample_reports.py [FOLDER]`.

Each account is told as the lives of its users: when they, their password and their keys were made, used, changed and
removed. A snapshot shows what AWS would have shown at its instant, so the snapshots of one account tell one story.
"""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

COLUMNS = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,"
    "access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,"
    "access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,"
    "access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,"
    "cert_2_last_rotated"
)
SNAPSHOTS = (
    datetime(2024, 6, 30, 6, tzinfo=UTC),
    datetime(2026, 7, 31, 6, tzinfo=UTC),
    datetime(2026, 8, 31, 6, tzinfo=UTC),
    datetime(2026, 9, 30, 6, tzinfo=UTC),
    datetime(2026, 10, 31, 6, tzinfo=UTC),
)
NEW_STYLE = datetime(2024, 7, 15, tzinfo=UTC)
"""Since about then times end in Z, and root's password is shown."""


def at(text: str) -> datetime:
    """Return the UTC instant of `2026-10-31` (at a time of day that depends on the date) or `2026-10-31 05:00:07`."""
    if len(text) > 10:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    day = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return day + timedelta(seconds=(day.toordinal() * 7919) % 20_000)


@dataclass(frozen=True)
class Life:
    """Something that is made, used at times (or every so many days), perhaps switched off, and on again, or removed."""

    created: str
    uses: tuple[str, ...] = ()
    every: int = 0
    until: str = "9999-12-31"
    off: str = "9999-12-31"
    on: str = "9999-12-31"
    gone: str = "9999-12-31"
    slot: int = 1
    region: str = "us-east-1"
    service: str = "ec2"

    def shown(self, now: datetime) -> bool:
        return at(self.created) <= now < at(self.gone)

    def last_use(self, now: datetime) -> datetime | None:
        """Return the last use up to `now`; of regular use, the last multiple of its rhythm."""
        end = min(now, at(self.until))
        uses = [at(use) for use in self.uses if at(use) <= now]
        if self.every and end >= at(self.created):
            rhythm = timedelta(days=self.every)
            uses.append(at(self.created) + (end - at(self.created)) // rhythm * rhythm)
        return max(uses, default=None)


@dataclass(frozen=True)
class User:
    name: str
    created: str
    keys: tuple[Life, ...] = ()
    passwords: tuple[Life, ...] = ()
    mfa_since: str = "9999-12-31"
    mfa_until: str = "9999-12-31"
    path: str = "/"
    gone: str = "9999-12-31"
    certificate: str = ""


@dataclass(frozen=True)
class Account:
    number: str
    created: str
    users: tuple[User, ...]
    partition: str = "aws"
    region: str = "us-east-1"
    root_password: bool = True
    root_password_used: str = ""
    root_mfa: bool = True
    expiry_days: int = 0
    """How long passwords last by the account's password policy; 0: for ever."""
    root_keys: tuple[Life, ...] = field(default=())


NA, NEVER, OLD = "N/A", "no_information", "not_supported"


def stamp(instant: datetime | None, now: datetime, missing: str = NA) -> str:
    """Return a time as AWS wrote it at `now`."""
    if instant is None:
        return missing
    return f"{instant:%Y-%m-%dT%H:%M:%S}{'Z' if now >= NEW_STYLE else '+00:00'}"


def key_cells(keys: tuple[Life, ...], now: datetime) -> list[str]:
    cells = []
    for slot in (1, 2):
        key = next((key for key in keys if key.slot == slot and key.shown(now)), None)
        if key is None:
            cells += ["false", NA, NA, NA, NA]
            continue
        used = key.last_use(now)
        minute = used and used.replace(second=0)
        region_and_service = [key.region, key.service] if used else [NA, NA]
        active = now < at(key.off) or now >= at(key.on)
        cells += ["true" if active else "false", stamp(at(key.created), now), stamp(minute, now), *region_and_service]
    return cells


def user_row(user: User, account: Account, now: datetime) -> list[str]:
    password = next((life for life in user.passwords if life.shown(now)), None)
    # AWS goes on showing a removed password's last use, and a new password the last use of the one before.
    used = max((use for life in user.passwords if (use := life.last_use(now))), default=None)
    if password:
        end = at(password.created) + timedelta(days=account.expiry_days) if account.expiry_days else None
        passwords = ["true", stamp(used, now, NEVER), stamp(at(password.created), now), stamp(end, now)]
    else:
        passwords = ["false", stamp(used, now), NA, NA]
    return [
        user.name,
        f"arn:{account.partition}:iam::{account.number}:user{user.path}{user.name}",
        stamp(at(user.created), now),
        *passwords,
        "true" if at(user.mfa_since) <= now < at(user.mfa_until) else "false",
        *key_cells(user.keys, now),
        *(["true", stamp(at(user.certificate), now)] if user.certificate else ["false", NA]),
        *["false", NA],
    ]


def root_row(account: Account, now: datetime) -> list[str]:
    used = stamp(at(account.root_password_used) if account.root_password_used else None, now, NEVER)
    old = now < NEW_STYLE
    if old:
        passwords = [OLD, used, OLD, OLD]
    elif account.root_password:
        passwords = ["true", used, stamp(at(account.created), now), OLD]
    else:
        passwords = ["false", NA, NA, OLD]
    arn = f"arn:{account.partition}:iam::{account.number}:root"
    return [
        "<root_account>",
        arn,
        stamp(at(account.created), now),
        *passwords,
        "true" if account.root_mfa else "false",
        *key_cells(account.root_keys, now),
    ] + [
        "false",
        NA,
    ] * 2


def report(account: Account, now: datetime, *, last_use_columns: bool = True) -> str:
    """Return an account's report at `now` as AWS writes it: root first, users by name, no newline at the end."""
    users = sorted(
        (user for user in account.users if at(user.created) <= now < at(user.gone)), key=lambda user: user.name.lower()
    )
    rows = [COLUMNS.split(","), root_row(account, now), *(user_row(user, account, now) for user in users)]
    keep = [last_use_columns or not ("access_key" in c and "_last_used_" in c) for c in rows[0]]
    return "\n".join(
        ",".join(f'"{cell}"' if "," in cell else cell for cell, is_kept in zip(row, keep, strict=True) if is_kept)
        for row in rows
    )


# 2026-09-17, -16 and -15 are 44, 45 and 46 days before 2026-10-31.
PRODUCTION = Account(
    "111122223333",
    "2016-02-11",
    root_password_used="2021-03-04",
    users=(
        User("app-signer", "2017-04-03", certificate="2017-04-03"),
        User(
            "audit-reader",
            "2023-05-09",
            passwords=(Life("2023-05-09", every=6, gone="2026-10-10"), Life("2026-10-10", every=6)),
            mfa_since="2023-05-09",
        ),
        User("backup-operator", "2019-08-21", keys=(Life("2019-08-21", every=1, service="s3", region=NA),)),
        User("billing-export", "2022-01-17", keys=(Life("2022-01-17"),)),
        User(
            "ci-deployer",
            "2021-11-02",
            keys=(
                Life("2023-11-14", every=1, until="2026-10-06", gone="2026-10-12"),
                Life("2026-10-05", every=1, slot=2),
            ),
            path="/automation/",
        ),
        User("console-44-days", "2024-01-08", passwords=(Life("2024-01-08", ("2024-06-20", "2026-09-17")),)),
        User("console-45-days", "2024-01-08", passwords=(Life("2024-01-08", ("2024-06-20", "2026-09-16")),)),
        User("console-46-days", "2024-01-08", passwords=(Life("2024-01-08", ("2024-06-20", "2026-09-15")),)),
        User("key-44-days", "2025-02-03", keys=(Life("2025-02-03", ("2026-09-17",)),)),
        User("key-45-days", "2025-02-03", keys=(Life("2025-02-03", ("2026-09-16",)),)),
        User("key-46-days", "2025-02-03", keys=(Life("2025-02-03", ("2026-09-15",)),)),
        User("legacy-import", "2018-06-01", keys=(Life("2018-06-01", ("2019-02-28",), off="2020-01-10"),)),
        User("ops,night-shift", "2025-06-16", passwords=(Life("2025-06-16", every=3),), mfa_since="2025-06-16"),
        User(
            "release-manager",
            "2020-10-05",
            passwords=(
                Life("2020-10-05", ("2026-01-21",), gone="2026-03-02"),
                Life("2026-10-20"),
            ),
            mfa_since="2026-10-20",
        ),
        User("old-exporter", "2024-03-04", keys=(Life("2024-03-04", every=3, gone="2026-10-12"),)),
        User(
            "phone-lost",
            "2025-04-07",
            passwords=(Life("2025-04-07", every=4),),
            mfa_since="2025-04-07",
            mfa_until="2026-10-15",
        ),
        User("quarterly-closer", "2025-01-06", passwords=(Life("2025-01-06", ("2026-05-01", "2026-09-05")),)),
        User("report-scheduler", "2024-03-04", keys=(Life("2024-03-11", every=1, slot=2),)),
        User(
            "seasonal-job",
            "2025-02-03",
            keys=(Life("2025-02-03", every=2, until="2026-06-30", off="2026-07-02", on="2026-10-20"),),
        ),
        User("support-console", "2022-09-12", passwords=(Life("2022-09-12", ("2026-05-30",), gone="2026-10-02"),)),
        User(
            "summer-intern",
            "2026-06-01",
            passwords=(Life("2026-06-01", every=5, until="2026-09-04"),),
            gone="2026-10-01",
        ),
        User("vendor-access", "2023-02-20", passwords=(Life("2023-02-20"),), path="/external/"),
        User("week-old-service", "2026-10-24", keys=(Life("2026-10-24"),)),
    ),
)
DEVELOPMENT = Account(
    "123456789012",
    "2018-09-25",
    root_keys=(Life("2018-09-25", ("2019-01-15",)),),
    users=(
        User("+oncall", "2025-01-13", passwords=(Life("2025-01-13", every=9),)),
        User("-rf", "2025-01-13", keys=(Life("2025-01-13", ("2025-01-13",)),)),
        User("007", "2024-05-20", keys=(Life("2024-05-20", ("2026-10-30 23:58:12",)),)),
        User("=1+1", "2025-01-13", passwords=(Life("2025-01-13", ("2025-02-01",)),)),
        User("@ops", "2025-01-13", keys=(Life("2025-01-13", every=2, service="sts"),)),
        User("data-loader", "2021-07-01", keys=(Life("2021-07-01", every=1, until="2026-04-18", off="2026-10-15"),)),
        User("feature-tester", "2023-10-09", keys=(Life("2023-10-09", ("2024-05-05",)),), gone="2025-04-01"),
        User(
            "key-swapper",
            "2022-03-14",
            keys=(
                Life("2022-03-14", every=1, gone="2026-10-08", slot=1),
                Life("2026-09-02", every=1, gone="2026-10-08", slot=2),
                # The same key as before, found in the other slot after the rotation.
                Life("2026-09-02", every=1, slot=1),
                Life("2026-10-08", every=1, slot=2),
            ),
        ),
        User("NA", "2024-05-20", passwords=(Life("2024-05-20"),)),
        User("sandbox-admin", "2019-05-06", passwords=(Life("2019-05-06", ("2026-07-02",)),), gone="2026-10-10"),
        User("sandbox-admin", "2026-10-19", passwords=(Life("2026-10-19", ("2026-10-28",)),), mfa_since="2026-10-19"),
        User("terraform", "2020-12-01", keys=(Life("2020-12-01", every=1, service="sts"), Life("2025-11-03", slot=2))),
    ),
)
GOVERNMENT = Account(
    "444455556666",
    "2020-04-14",
    partition="aws-us-gov",
    root_password=False,
    root_mfa=False,
    expiry_days=180,
    users=(
        User("archive-writer", "2020-05-04", keys=(Life("2020-05-04", every=7, service="s3", region=NA),)),
        User("compliance-reader", "2021-01-11", passwords=(Life("2021-01-11", every=13),), mfa_since="2021-01-11"),
        User("field-office", "2022-06-27", passwords=(Life("2022-06-27", ("2023-12-11",)),), path="/region/west/"),
        User("log-shipper", "2020-05-04", keys=(Life("2020-05-04", every=1, region="us-gov-west-1", service="logs"),)),
        User(
            "metrics-agent",
            "2023-08-07",
            keys=(Life("2023-08-07", every=1, until="2026-09-28", region="us-gov-west-1"),),
        ),
        User(
            "scanner",
            "2024-02-05",
            keys=(
                Life("2024-02-05", ("2024-06-01",), off="2026-10-01", region="us-gov-west-1"),
                Life("2026-10-14", slot=2),
            ),
        ),
    ),
)
TRAINING = Account(
    "777788889999",
    "2022-01-05",
    root_password_used="2026-10-20",
    root_mfa=False,
    users=(
        User("instructor", "2022-01-10", passwords=(Life("2022-01-10", every=8),), mfa_since="2022-02-01"),
        User("lab-automation", "2022-01-10", keys=(Life("2022-01-10", ("2026-08-14",)),)),
        User("new-trainer", "2026-10-12", keys=(Life("2026-10-12"),), passwords=(Life("2026-10-12", every=4),)),
        User("student-01", "2026-10-05", passwords=(Life("2026-10-05"),)),
    ),
)
IN_ORDER = Account(
    "222222222222",
    "2021-06-14",
    root_password=False,
    root_mfa=False,
    users=(
        User(
            "invoice-uploader",
            "2022-03-07",
            keys=(
                Life("2026-06-08", every=1, until="2026-09-21", service="s3", gone="2026-09-25"),
                Life("2026-09-20", every=1, service="s3", slot=2),
            ),
            mfa_since="2022-03-07",
        ),
        User(
            "network-operator",
            "2023-01-16",
            passwords=(Life("2026-07-01", every=3, gone="2026-09-22"), Life("2026-09-22", every=3)),
            mfa_since="2023-01-16",
        ),
    ),
)
LEGACY = Account(
    "999988887777",
    "2013-05-20",
    users=(
        User("build-server", "2013-06-03", keys=(Life("2013-06-03"),)),
        User("mail-relay", "2015-02-10", keys=(Life("2015-02-10"),)),
        User("site-admin", "2013-06-03", passwords=(Life("2013-06-03", ("2015-02-26",)),), mfa_since="2014-01-01"),
        User("temp-contractor", "2014-03-17", passwords=(Life("2014-03-17"),)),
    ),
)


def files() -> dict[str, str]:
    """Return the content of every report by its name."""
    contents = {
        f"{now:%Y-%m-%d}/credentialReport_{account.number}.csv": report(account, now)
        for now in SNAPSHOTS
        for account in (PRODUCTION, DEVELOPMENT, GOVERNMENT)
    }
    contents[f"{SNAPSHOTS[-1]:%Y-%m-%d}/credentialReport_{IN_ORDER.number}.csv"] = report(IN_ORDER, SNAPSHOTS[-1])
    now = datetime(2026, 10, 31, 7, 12, 44, tzinfo=UTC)
    envelope = {
        "Content": base64.b64encode(report(TRAINING, now).encode()).decode(),
        "ReportFormat": "text/csv",
        "GeneratedTime": now.isoformat(),
    }
    contents["cli/get-credential-report.json"] = json.dumps(envelope, indent=4) + "\n"
    contents["legacy/status_reports_2015-03-01T10-00-00+00-00.csv"] = report(
        LEGACY, datetime(2015, 3, 1, 10, tzinfo=UTC), last_use_columns=False
    )
    return contents


def main(folder: Path) -> None:
    """Write every report below `folder`."""
    for name, content in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "sample_reports")
