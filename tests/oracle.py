"""The staleness rules a second time, by another hand: one row at a time, with nothing but the standard library.

Written from the CIS text and the design's table, not from `analyzer`, and never to share code with it: where the two
disagree, at least one of them has misread the rules. Slow and plain on purpose.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

DAY = timedelta(days=1)
GRANULARITY = timedelta(seconds=60)
"""A last use so little after the reference instant is how AWS cuts its clock, not a report from the future."""

TIMESTAMP = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})[T ]"
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r" ?(?:[Zz]|UTC|GMT|(?P<sign>[+-])(?P<off_hour>[0-9]{2})(?::?(?P<off_minute>[0-9]{2}))?)"
)
ROOT_ARN = re.compile(r"arn:[^:]*:iam::[^:]*:root")

SLOTS = (
    # credential, its active flag, when it was last used, when it was made
    ("password", "password_enabled", "password_last_used", "password_last_changed"),
    ("access_key_1", "access_key_1_active", "access_key_1_last_used_date", "access_key_1_last_rotated"),
    ("access_key_2", "access_key_2_active", "access_key_2_last_used_date", "access_key_2_last_rotated"),
)


@dataclass(frozen=True)
class Verdict:
    """The result of the rules for one credential."""

    user: str
    credential: str
    status: str
    basis: str | None
    basis_time: datetime | None
    idle_days: int | None
    reason: str
    line: int


def read_time(cell: str | None) -> datetime | None:
    """Return the UTC instant that a cell clearly names, otherwise None (a missing column has the cell None)."""
    match = TIMESTAMP.fullmatch(cell.strip()) if cell is not None else None
    if match is None:
        return None
    part = match.groupdict(default="")
    off_hour, off_minute = int(part["off_hour"] or 0), int(part["off_minute"] or 0)
    if off_hour > 23 or off_minute > 59:
        return None
    offset = timedelta(hours=off_hour, minutes=off_minute) * (-1 if part["sign"] == "-" else 1)
    try:
        return datetime(
            int(part["year"]),
            int(part["month"]),
            int(part["day"]),
            int(part["hour"]),
            int(part["minute"]),
            int(part["second"] or 0),
            int(part["fraction"].ljust(6, "0")[:6]),
            tzinfo=timezone(offset),
        ).astimezone(UTC)
    except (ValueError, OverflowError):  # 30 February; an instant before the year 1 in UTC
        return None


def judge(csv_text: str, as_of: datetime, max_idle_days: int = 45) -> list[Verdict]:
    """Return the verdicts on a comma-separated report, in the order of its rows and then of the slots."""
    reader = csv.reader(io.StringIO(csv_text, newline=""))
    header = [name.strip() for name in next(reader)]
    verdicts: list[Verdict] = []
    line = reader.line_num + 1
    for cells in reader:
        if cells:
            row = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
            verdicts += judge_row(row, line, as_of, max_idle_days)
        line = reader.line_num + 1  # a row begins after the last line of the one before
    return verdicts


def judge_row(row: dict[str, str], line: int, as_of: datetime, max_idle_days: int) -> list[Verdict]:
    """Return the verdicts on one user; none on root."""
    user = row.get("user", "")
    if user == "<root_account>" or ROOT_ARN.fullmatch(row.get("arn", "")):
        return []
    verdicts = []
    for credential, active_column, used_column, created_column in SLOTS:
        active = row.get(active_column, "").lower()
        if active == "false":
            continue
        status, basis, reason = judge_slot(row, credential, active, used_column, created_column, as_of, max_idle_days)
        basis_time = read_time(row.get(basis)) if basis else None
        idle_days = None if basis_time is None else max(0, (as_of - basis_time) // DAY)
        verdicts.append(Verdict(user, credential, status, basis, basis_time, idle_days, reason, line))
    return verdicts


def judge_slot(
    row: dict[str, str],
    credential: str,
    active: str,
    used_column: str,
    created_column: str,
    as_of: datetime,
    max_idle_days: int,
) -> tuple[str, str | None, str]:
    """Return status, basis and reason of a credential that is active or may be."""
    created, user_created = read_time(row.get(created_column)), read_time(row.get("user_creation_time"))
    key_created_later = credential != "password" and created is not None and created > as_of
    if key_created_later or (user_created is not None and user_created > as_of):
        return "not_applicable", None, "created_after_as_of"
    if active != "true":
        return "not_checked", None, "active_unknown"

    earliest_column, latest, reason = evidence(row, credential, used_column, created_column, as_of)
    earliest = read_time(row.get(earliest_column))
    basis = earliest_column if earliest is not None else None
    limit = max_idle_days * DAY
    if as_of - latest >= limit:
        return "fail", basis, reason
    if earliest is not None and as_of - earliest < limit:
        return "pass", basis, reason
    return "not_checked", basis, reason


def evidence(
    row: dict[str, str], credential: str, used_column: str, created_column: str, as_of: datetime
) -> tuple[str, datetime, str]:
    """Return since when a credential may be idle: the column of the earliest instant, the latest instant, and why."""
    used_cell = row.get(used_column)
    used, created = read_time(used_cell), read_time(row.get(created_column))
    if used is not None and used <= as_of + GRANULARITY:
        return used_column, used, "last_used"
    # A password's last change does not bound its use: the one before it may have been used and its use forgotten.
    bound = "user_creation_time" if credential == "password" else created_column
    if used is not None:
        return bound, as_of, "used_after_as_of"
    if used_cell is None or used_cell.lower() not in {"n/a", "no_information"}:
        return bound, as_of, "last_use_unknown"
    if created is not None and created <= as_of:
        return created_column, created, "never_used"
    return "user_creation_time", as_of, "age_unknown"
