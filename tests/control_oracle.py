"""All controls a second time, by another hand: one row at a time, with nothing but the standard library.

Written from the specification of the controls, not from `analyzer`, and never to share code with it: where the two
disagree, at least one of them has misread the rules. Slow and plain on purpose. Every rule answers the question "does
this fail?" with True, False or None (it cannot be told), and only False is a pass.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.oracle import DAY, GRANULARITY, ROOT_ARN, judge_row, judge_slot, read_time

Row = Mapping[str, str]
"""The cells of a report's row by column, without the blanks around them; a column the report lacks is not in it."""
Limits = Mapping[str, Any]
"""The parameters of one control by name."""
Parameters = Mapping[str, Mapping[str, Any]]

DEFAULTS: Parameters = {
    "unused-credentials": {"max_idle_days": 45},
    "unused-credentials-console": {"max_idle_days": 45},
    "access-key-rotation": {"max_age_days": 90},
    "no-initial-access-keys": {"together_minutes": 5},
    "password-rotation": {"max_age_days": 90},
    "expired-password-in-use": {},
    "active-certificates": {"max_age_days": 0},
    "console-mfa": {},
    "mfa-every-user": {},
    "single-active-access-key": {},
    "additional-credentials": {},
    "no-root-access-key": {"inactive_keys_count": 0},
    "root-mfa": {"without_password": "pass"},
    "root-hardware-mfa": {},
    "root-not-in-daily-use": {"min_idle_days": 90},
    "password-and-keys": {},
    "console-users": {},
    "root-certificates": {},
    "root-credentials-removed": {},
    "password-expiry": {"max_age_days": 90},
}
ROOT_CONTROLS = (
    *("no-root-access-key", "root-mfa", "root-hardware-mfa", "root-not-in-daily-use"),
    *("root-certificates", "root-credentials-removed"),
)

KEYS = ("access_key_1", "access_key_2")
CERTIFICATES = ("cert_1", "cert_2")
SLOT_ORDER = ("password", *KEYS, *CERTIFICATES, "user")

NEVER = {"n/a", "no_information"}
NOTHING_WRITTEN = {"", *NEVER, "not_supported"}
ADDITIONAL = "additional_credentials_info"
USER_ARN = re.compile(r"arn:[^:]*:iam::[^:]*:user/(?:.*/)?(?P<name>[^/]+)")


@dataclass(frozen=True)
class Verdict:
    """What one control says of one subject; of an account that lacks the subject, where user and line are None."""

    control: str
    user: str | None
    credential: str
    status: str
    line: int | None


def judge_controls(csv_text: str, as_of: datetime, parameters: Parameters | None = None) -> list[Verdict]:
    """Return the verdicts of every control on a comma-separated report of one account, by control, line and slot."""
    limits = {control: {**default, **(parameters or {}).get(control, {})} for control, default in DEFAULTS.items()}
    reader = csv.reader(io.StringIO(csv_text, newline=""))
    header = [name.strip() for name in next(reader, [])]
    verdicts: list[Verdict] = []
    any_row = any_root = in_china = False
    rows: list[Row] = []
    line = reader.line_num + 1
    for cells in reader:
        if cells:
            row = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
            if ADDITIONAL in header:
                row.setdefault(ADDITIONAL, "")  # a short row does not take the column from the report
            any_row = True
            rows.append(row)
            any_root = any_root or is_root(row)
            in_china = in_china or row.get("arn", "").startswith("arn:aws-cn:")
            verdicts += verdicts_on_row(row, line, as_of, limits)
        line = reader.line_num + 1  # a row begins after the last line of the one before
    if in_china:  # accounts there have no root credentials
        verdicts = [verdict for verdict in verdicts if verdict.control not in ROOT_CONTROLS]
        verdicts += [Verdict(control, None, "user", "not_applicable", None) for control in ROOT_CONTROLS]
    elif any_row and not any_root:
        verdicts += [Verdict(control, None, "user", "not_checked", None) for control in ROOT_CONTROLS]
    if any_row:
        status = expiry_status(rows, as_of, limits["password-expiry"])
        verdicts.append(Verdict("password-expiry", None, "user", status, None))
    if any_row and ADDITIONAL not in header:
        # No report has to have that column.
        verdicts.append(Verdict("additional-credentials", None, "user", "not_applicable", None))
    return sorted(verdicts, key=lambda v: (v.control, v.line or 0, SLOT_ORDER.index(v.credential)))


def verdicts_on_row(row: Row, line: int, as_of: datetime, limits: Parameters) -> list[Verdict]:
    """Return the verdicts on one row in the order of the rules."""
    name = user_name(row)
    judged = certificate_statuses(row, as_of, limits["active-certificates"])
    if ADDITIONAL in row:
        judged.append(("additional-credentials", "user", user_status(row, as_of, names_more(row))))
    if is_root(row):
        judged += root_statuses(row, as_of, limits)
    else:
        judged += password_statuses(row, as_of, limits)
        for key in KEYS:
            judged += key_statuses(row, key, as_of, limits)
        judged += user_statuses(row, as_of)
        days = limits["unused-credentials"]["max_idle_days"]
        judged += [("unused-credentials", v.credential, v.status) for v in judge_row(dict(row), line, as_of, days)]
    return [Verdict(control, name, credential, status, line) for control, credential, status in judged]


# Three values


def kleene_and(*values: bool | None) -> bool | None:
    """Return False if any is False, else None if any is unknown, else True."""
    if any(value is False for value in values):
        return False
    return None if any(value is None for value in values) else True


def kleene_or(*values: bool | None) -> bool | None:
    """Return True if any is True, else None if any is unknown, else False."""
    if any(value is True for value in values):
        return True
    return None if any(value is None for value in values) else False


def kleene_not(value: bool | None) -> bool | None:
    """Return the opposite; of the unknown, the unknown."""
    return None if value is None else not value


def status_of(fails: bool | None) -> str:
    """Return the status: the unknown never becomes a pass."""
    if fails is None:
        return "not_checked"
    return "fail" if fails else "pass"


# What a cell says


def is_root(row: Row) -> bool:
    """Tell whether the row is root's, by its name or by its ARN alone."""
    return row.get("user") == "<root_account>" or ROOT_ARN.fullmatch(row.get("arn", "")) is not None


def user_name(row: Row) -> str | None:
    """Return the user's name, from the end of the ARN where the cell is blank; root's as AWS writes it."""
    name = row.get("user", "")
    if is_root(row) and re.sub(r"[^a-z]", "", name.lower()) in {"root", "rootaccount"}:
        return "<root_account>"
    if name:
        return name
    match = USER_ARN.fullmatch(row.get("arn", ""))
    return match["name"] if match else None


def flag(row: Row, column: str) -> bool | None:
    """Return what a flag says; anything but true and false is unknown."""
    return {"true": True, "false": False}.get(row.get(column, "").lower())


def time(row: Row, column: str) -> datetime | None:
    """Return the instant of a cell, if one can be read in it."""
    return read_time(row.get(column))


def holds_text(row: Row, column: str) -> bool:
    """Tell whether a cell holds anything but a blank and the sentinels, be it readable or not."""
    return row.get(column, "").lower() not in NOTHING_WRITTEN


def names_more(row: Row) -> bool | None:
    """Return whether further credentials are named; a blank or N/A means none, other sentinels mean unknown."""
    text = row[ADDITIONAL].lower()
    return None if text in {"no_information", "not_supported"} else text not in {"", "n/a"}


def says_nothing_is_there(row: Row, column: str) -> bool:
    """Tell whether a cell holds a sentinel; a blank one, or none, says nothing."""
    return row.get(column, "").lower() in {*NEVER, "not_supported"}


def is_never(row: Row, column: str) -> bool:
    """Tell whether a last-use cell says that there was no use."""
    return row.get(column, "").lower() in NEVER


def never_used(row: Row, key: str, as_of: datetime) -> bool | None:
    """Tell whether a key was never used up to the reference instant."""
    column = f"{key}_last_used_date"
    if is_never(row, column):
        return True
    used = time(row, column)
    # A use after the reference instant hides whether there was one before it.
    return False if used is not None and used <= as_of + GRANULARITY else None


# Ages


def age_is(
    too_old: Callable[[timedelta], bool], earliest: datetime | None, latest: datetime, as_of: datetime
) -> bool | None:
    """Tell whether a thing made between two instants is too old; the earliest one may be unknown."""
    if too_old(as_of - latest):
        return True
    if earliest is not None and not too_old(as_of - earliest):
        return False
    return None


def key_creation(row: Row, key: str, as_of: datetime) -> tuple[datetime | None, datetime]:
    """Return when a key was made: not before the first instant (None: unknown), not after the second."""
    created = time(row, f"{key}_last_rotated")
    if created is not None:
        return created, created
    used = time(row, f"{key}_last_used_date")
    latest = as_of
    if used is not None and used <= as_of + GRANULARITY:
        # A used key exists. Its last use is cut to the minute, and so may be up to 60 s before its creation.
        latest = min(as_of, used + GRANULARITY)
    earliest = time(row, "user_creation_time")
    # A use before the creation of the user: one of the two is wrong, so the user is no bound.
    return (None if earliest is not None and earliest > latest else earliest), latest


# Status by subject


def user_is_later(row: Row, as_of: datetime) -> bool:
    """Tell whether an IAM user was created after the reference instant; an account never counts as such."""
    created = user_creation(row)
    return not is_root(row) and created is not None and created > as_of


def user_creation(row: Row) -> datetime | None:
    """Return when the user was created."""
    return time(row, "user_creation_time")


def user_status(row: Row, as_of: datetime, fails: bool | None) -> str:
    """Return the status of a user (or root), given whether a rule fails."""
    return "not_applicable" if user_is_later(row, as_of) else status_of(fails)


def slot_status(row: Row, slot: str, as_of: datetime, fails: bool | None) -> str:
    """Return the status of a key or certificate, given what a rule says of one that is active."""
    # Root's account included: in one that did not exist there was no certificate.
    if any(
        created is not None and created > as_of for created in (time(row, f"{slot}_last_rotated"), user_creation(row))
    ):
        return "not_applicable"
    # An unreadable flag is reported as such, also where the rule could decide.
    return "not_checked" if flag(row, f"{slot}_active") is None else status_of(fails)


def password_status(row: Row, as_of: datetime, fails: bool | None) -> str:
    """Return the status of a password, given what a rule says of one that is enabled."""
    if user_is_later(row, as_of):
        return "not_applicable"
    return "not_checked" if flag(row, "password_enabled") is None else status_of(fails)


# Credentials of IAM users


def password_statuses(row: Row, as_of: datetime, limits: Parameters) -> list[tuple[str, str, str]]:
    """Return control, credential and status for the password; nothing if there is none."""
    if flag(row, "password_enabled") is False:
        return []
    console_days = limits["unused-credentials-console"]["max_idle_days"]
    enabled = row.get("password_enabled", "").lower()
    columns = ("password_last_used", "password_last_changed")
    idle_status, _, _ = judge_slot(dict(row), "password", enabled, *columns, as_of, console_days)
    too_old = password_too_old(row, as_of, limits["password-rotation"])
    judged = [
        ("unused-credentials-console", "password", idle_status),
        ("password-rotation", "password", password_status(row, as_of, too_old)),
    ]
    if row.get("password_next_rotation", "").lower() != "n/a":  # N/A: passwords never expire here
        expired = password_expired(row, as_of)
        judged.append(("expired-password-in-use", "password", password_status(row, as_of, expired)))
    return judged


def password_too_old(row: Row, as_of: datetime, limits: Limits) -> bool | None:
    """Tell whether an enabled password was last changed too long ago; exactly at the limit is in time."""
    limit = limits["max_age_days"] * DAY
    changed = time(row, "password_last_changed")
    if changed is not None and changed <= as_of:
        return bool(as_of - changed > limit)
    # Unknown, or changed since: the password of the reference instant is no older than its user.
    return age_is(lambda age: age > limit, time(row, "user_creation_time"), as_of, as_of)


def password_expired(row: Row, as_of: datetime) -> bool | None:
    """Tell whether an enabled password had expired at the reference instant."""
    expires = time(row, "password_next_rotation")
    if expires is None:
        return None
    if expires <= as_of:
        return True
    changed = time(row, "password_last_changed")
    # Changed since, or nobody knows when: the one before it may have expired.
    return False if changed is not None and changed <= as_of else None


def key_statuses(row: Row, key: str, as_of: datetime, limits: Parameters) -> list[tuple[str, str, str]]:
    """Return control, credential and status for one key; nothing if it is inactive or absent."""
    if flag(row, f"{key}_active") is False:
        return []
    rules = {
        "unused-credentials-console": key_useless(row, key, as_of, limits["unused-credentials-console"]),
        "access-key-rotation": key_too_old(row, key, as_of, limits["access-key-rotation"]),
    }
    if flag(row, "password_enabled") is not False:  # without a console password there was no such set-up
        rules["no-initial-access-keys"] = key_initial(row, key, as_of, limits["no-initial-access-keys"])
    return [(control, key, slot_status(row, key, as_of, fails)) for control, fails in rules.items()]


def key_useless(row: Row, key: str, as_of: datetime, limits: Limits) -> bool | None:
    """Tell whether an active key is as old as the limit, or was never used."""
    limit = limits["max_idle_days"] * DAY
    old = age_is(lambda age: age >= limit, *key_creation(row, key, as_of), as_of)
    return kleene_or(old, never_used(row, key, as_of))


def key_too_old(row: Row, key: str, as_of: datetime, limits: Limits) -> bool | None:
    """Tell whether an active key was made too long ago; exactly at the limit is in time."""
    limit = limits["max_age_days"] * DAY
    return age_is(lambda age: age > limit, *key_creation(row, key, as_of), as_of)


def key_initial(row: Row, key: str, as_of: datetime, limits: Limits) -> bool | None:
    """Tell whether an active key came with its console user and was never used."""
    created, user_created = time(row, f"{key}_last_rotated"), time(row, "user_creation_time")
    together = None
    if created is not None and user_created is not None:
        together = abs(created - user_created) <= timedelta(minutes=limits["together_minutes"])
    return kleene_and(flag(row, "password_enabled"), together, never_used(row, key, as_of))


# Certificates of anyone


def certificate_statuses(row: Row, as_of: datetime, limits: Limits) -> list[tuple[str, str, str]]:
    """Return control, credential and status for the certificates that exist or may exist, root's included."""
    judged = []
    for slot in CERTIFICATES:
        # Without its flag a certificate may exist: only a readable `false` with no date beside it says there is none.
        if flag(row, f"{slot}_active") is not False or holds_text(row, f"{slot}_last_rotated"):
            fails = certificate_fails(row, slot, as_of, limits)
            judged.append(("active-certificates", slot, slot_status(row, slot, as_of, fails)))
    return judged


def certificate_fails(row: Row, slot: str, as_of: datetime, limits: Limits) -> bool | None:
    """Tell whether a certificate is active and as old as the limit."""
    limit = limits["max_age_days"] * DAY
    created = time(row, f"{slot}_last_rotated")
    earliest, latest = (user_creation(row), as_of) if created is None else (created, created)
    return kleene_and(flag(row, f"{slot}_active"), age_is(lambda age: age >= limit, earliest, latest, as_of))


# The account


def expiry_status(rows: list[Row], as_of: datetime, limits: Limits) -> str:
    """Return whether the newest console password of a user expires in time; all that it may be must say the same."""
    users = [row for row in rows if not is_root(row) and not user_is_later(row, as_of)]
    holders = [row for row in users if flag(row, "password_enabled") is not False]
    if not holders:
        return "not_applicable"
    dated, undated = [], []
    for row in holders:
        changed = time(row, "password_last_changed")
        if flag(row, "password_enabled") and changed is not None and changed <= as_of:
            dated.append((changed, row))
        else:
            undated.append((changed, row))
    latest = max((changed for changed, _ in dated), default=None)
    newest = [row for changed, row in dated if changed == latest]
    # Whatever is not known to be older may be the newest.
    newest += [row for changed, row in undated if changed is None or latest is None or changed > latest]
    answers = {expires_late(row, as_of, limits["max_age_days"] * DAY) for row in newest}
    return status_of(answers.pop()) if len(answers) == 1 else "not_checked"


def expires_late(row: Row, as_of: datetime, limit: timedelta) -> bool | None:
    """Tell whether a password expires later than the limit after it was set, or never."""
    changed, due = time(row, "password_last_changed"), time(row, "password_next_rotation")
    if flag(row, "password_enabled") is None or (changed is not None and changed > as_of):
        return None
    if is_never(row, "password_next_rotation") and row["password_next_rotation"].lower() == "n/a":
        return True
    if changed is None or due is None or due < changed:
        return None
    return due - changed > limit + GRANULARITY


# Users


def user_statuses(row: Row, as_of: datetime) -> list[tuple[str, str, str]]:
    """Return control, credential and status for what is asked of an IAM user as such."""
    no_mfa = kleene_not(flag(row, "mfa_active"))
    enabled = flag(row, "password_enabled")
    rules = {"mfa-every-user": no_mfa, "console-users": enabled}
    has_key = kleene_or(*(active_then(row, key, as_of) for key in KEYS))
    if enabled is not False or has_key is not False:
        rules["password-and-keys"] = kleene_and(enabled, has_key)
    if enabled is not False:
        rules["console-mfa"] = kleene_and(enabled, no_mfa)
    if any(flag(row, f"{key}_active") is not False for key in KEYS):
        rules["single-active-access-key"] = kleene_and(*(active_then(row, key, as_of) for key in KEYS))
    return [(control, "user", user_status(row, as_of, fails)) for control, fails in rules.items()]


def active_then(row: Row, key: str, as_of: datetime) -> bool | None:
    """Tell whether a slot held an active key at the reference instant."""
    created = time(row, f"{key}_last_rotated")
    # What the slot held before a later key is not known, also if that key is gone.
    return None if created is not None and created > as_of else flag(row, f"{key}_active")


# Root


def root_statuses(row: Row, as_of: datetime, limits: Parameters) -> list[tuple[str, str, str]]:
    """Return control, credential and status for what is asked of root."""
    unprotected = root_without_mfa(row, "pass")
    # Root of GovCloud cannot sign in to the console; an old report does not show its password, as of any root.
    no_console = row.get("arn", "").startswith("arn:aws-us-gov:") and flag(row, "password_enabled") is None
    rules = {
        "no-root-access-key": root_has_key(row, as_of, limits["no-root-access-key"]),
        "root-mfa": root_without_mfa(row, limits["root-mfa"]["without_password"]),
        # The report does not say what kind of device it is: nothing shows a hardware one.
        "root-hardware-mfa": True if unprotected is True else None,
        "root-not-in-daily-use": root_in_use(row, as_of, limits["root-not-in-daily-use"]),
        "root-certificates": kleene_or(*(active_then(row, slot, as_of) for slot in CERTIFICATES)),
        "root-credentials-removed": root_has_anything(row, as_of),
    }
    statuses = {control: user_status(row, as_of, fails) for control, fails in rules.items()}
    if no_console:
        statuses |= {"root-mfa": "not_applicable", "root-hardware-mfa": "not_applicable"}
    if flag(row, "password_enabled") is False and not any(active_then(row, key, as_of) is not False for key in KEYS):
        statuses["root-hardware-mfa"] = "not_applicable"  # root has no credentials
    return [(control, "user", status) for control, status in statuses.items()]


def root_has_key(row: Row, as_of: datetime, limits: Limits) -> bool | None:
    """Tell whether root has an active key, or any key if the inactive ones count."""
    has_key: list[bool | None] = []
    for key in KEYS:
        has_key.append(active_then(row, key, as_of))
        if limits["inactive_keys_count"]:
            has_key.append(key_there(row, key, as_of))
    return kleene_or(*has_key)


def root_has_anything(row: Row, as_of: datetime) -> bool | None:
    """Return whether root has a password, a key in any state, an active certificate or an MFA device."""
    return kleene_or(
        root_has_password(row),
        root_has_key(row, as_of, {"inactive_keys_count": 1}),
        *(active_then(row, slot, as_of) for slot in CERTIFICATES),
        flag(row, "mfa_active"),
    )


def root_has_password(row: Row) -> bool | None:
    """Tell whether root has a password; old reports do not support the cell because root always had one."""
    return True if row.get("password_enabled", "").lower() == "not_supported" else flag(row, "password_enabled")


def key_there(row: Row, key: str, as_of: datetime) -> bool | None:
    """Tell whether a slot held a key, active or not: a date shows one, and only a sentinel shows that there is none."""
    created = time(row, f"{key}_last_rotated")
    if created is not None and created > as_of:
        return None
    if holds_text(row, f"{key}_last_rotated") or holds_text(row, f"{key}_last_used_date"):
        return True
    return False if says_nothing_is_there(row, f"{key}_last_rotated") else None


def root_without_mfa(row: Row, without_password: object) -> bool | None:
    """Tell whether root has a password and no MFA; or, read literally, no MFA."""
    if without_password == "fail":
        return kleene_not(flag(row, "mfa_active"))
    return kleene_and(root_has_password(row), kleene_not(flag(row, "mfa_active")))


def root_in_use(row: Row, as_of: datetime, limits: Limits) -> bool | None:
    """Tell whether root's password or one of its keys was used lately."""
    limit = limits["min_idle_days"] * DAY
    recent = [used_lately(row, "password_last_used", as_of, limit)]
    for key in KEYS:
        column = f"{key}_last_used_date"
        lately = used_lately(row, column, as_of, limit)
        empty = flag(row, f"{key}_active") is False and says_nothing_is_there(row, f"{key}_last_rotated")
        if empty and time(row, column) is None:
            lately = False  # nothing to use, so nothing is missing
        recent.append(lately)
    return kleene_or(*recent)


def used_lately(row: Row, column: str, as_of: datetime, limit: timedelta) -> bool | None:
    """Tell whether a last-use cell shows a use within the limit before the reference instant."""
    if is_never(row, column):
        return False
    used = time(row, column)
    if used is None or used > as_of + GRANULARITY:
        return None
    return as_of - used < limit
