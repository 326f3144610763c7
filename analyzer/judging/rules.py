"""The rules of the controls on credentials and users, computed over whole columns.

A rule takes the rows to judge and the parameters of the control. It returns for each row whether the control fails and
why. The answers have three values, so an unknown never becomes a pass. `RULES` has the rules by name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from analyzer.controls.vocabulary import Reason
from analyzer.judging import rules_of_root as of_root
from analyzer.judging.rules_of_leavers import leaver
from analyzer.judging.rulings import KEYS, active_in, by_flags, by_instant, either
from analyzer.judging.staleness import BASIS_CODES, first_that_holds, is_because, slot_basis
from analyzer.judging.subjects import Ruling
from analyzer.judging.truth import Truth
from analyzer.reading.columns import NO_TIME
from analyzer.reading.layout import Kind, State
from analyzer.reading.times import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from analyzer.judging.facts import Micros
    from analyzer.judging.subjects import Subjects

_MINUTE: Final = 60_000_000


# --- credentials -----------------------------------------------------------------------------------------------------


def idle(subjects: Subjects, max_idle_days: int) -> Ruling:
    """Fail credentials that are idle for `max_idle_days` or longer (CIS: unused for 45 days or more)."""
    ruling = by_instant(subjects, subjects.last_use, max_idle_days * DAY, counts_age=False)
    return replace(ruling, also=_changed_after_use(subjects))


def _changed_after_use(subjects: Subjects) -> Micros:
    """Return when each password was changed, if that was after its last use (at the reference date); else `NO_TIME`."""
    used, changed = subjects.time("last_used"), subjects.time("last_changed")
    is_dated = subjects.among("kind", Kind.PASSWORD) & subjects.last_use.because(Reason.LAST_USED)
    return np.where(is_dated & (used < changed) & (changed <= subjects.as_of), changed, NO_TIME)


def idle_console(subjects: Subjects, max_idle_days: int) -> Ruling:
    """Fail passwords as `idle` does, and keys that are `max_idle_days` old or older or were never used."""
    passwords = idle(subjects, max_idle_days)
    is_key = subjects.among("kind", Kind.ACCESS_KEY)
    age, used = subjects.age, subjects.was_used
    is_old = age.at_least(max_idle_days * DAY, subjects.as_of)
    fails = is_old | ~used
    dated = age.because(Reason.LAST_CHANGED)
    reason = first_that_holds(
        {
            Reason.CREATED_AFTER_AS_OF: age.because(Reason.CREATED_AFTER_AS_OF),
            Reason.ACTIVE_UNKNOWN: age.because(Reason.ACTIVE_UNKNOWN),
            Reason.NEVER_USED: used.no,
            Reason.LAST_CHANGED: dated & (is_old.yes | used.yes),
            Reason.USED_AFTER_AS_OF: dated & (subjects.time("last_used") != NO_TIME),
            Reason.LAST_USE_UNKNOWN: dated,
        },
        Reason.AGE_UNKNOWN,
    )
    # A key that was never used fails at any age, so a bound on its age is of no interest.
    blank = used.no & ~dated
    keys = Ruling(
        fails,
        reason,
        np.where(blank, -1, age.basis).astype(np.int8),
        np.where(blank, NO_TIME, age.earliest),
        is_key,
        passwords.applies,
        fails_at=age.passed_at(max_idle_days * DAY),
    )
    return either(is_key, keys, passwords)


def old(subjects: Subjects, max_age_days: int) -> Ruling:
    """Fail credentials older than `max_age_days`; exactly that age passes (CIS: every 90 days or less)."""
    return by_instant(subjects, subjects.age, max_age_days * DAY + 1, counts_age=True)


def initial_key(subjects: Subjects, together_minutes: int) -> Ruling:
    """Fail keys that were created together with a user who has a console password, and were never used."""
    password = subjects.user.flag("password_enabled")
    changed, created, used = subjects.time("last_changed"), subjects.time("user_creation_time"), subjects.was_used
    has_times = (changed != NO_TIME) & (created != NO_TIME)
    near = np.abs(np.where(has_times, changed, 0) - np.where(has_times, created, 0)) <= together_minutes * _MINUTE
    together = Truth(has_times & near, has_times & ~near)
    reason = first_that_holds(
        {
            Reason.CREATED_AFTER_AS_OF: subjects.age.because(Reason.CREATED_AFTER_AS_OF),
            Reason.ACTIVE_UNKNOWN: subjects.age.because(Reason.ACTIVE_UNKNOWN),
            Reason.LAST_USED: used.yes,
            Reason.LAST_CHANGED: together.no,
            Reason.PASSWORD_UNKNOWN: password.unknown,
            Reason.AGE_UNKNOWN: together.unknown,
            Reason.NEVER_USED: used.no,
            Reason.USED_AFTER_AS_OF: subjects.time("last_used") != NO_TIME,
        },
        Reason.LAST_USE_UNKNOWN,
    )
    by_use = reason == Reason.LAST_USED.code
    time = np.where(by_use, subjects.time("last_used"), changed)
    basis = np.where(by_use, slot_basis(subjects.slot, "last_used"), slot_basis(subjects.slot, "last_changed"))
    undated = is_because(reason, Reason.CREATED_AFTER_AS_OF, Reason.ACTIVE_UNKNOWN)
    time = np.where(undated, NO_TIME, time)
    return Ruling(
        password & together & ~used,
        reason,
        np.where(time != NO_TIME, basis, -1).astype(np.int8),
        time,
        ~by_use,
        ~password.no,
    )


def expired(subjects: Subjects) -> Ruling:
    """Fail passwords whose next rotation is at or before the reference date."""
    column = "password_next_rotation"
    due = subjects.user.time(column)
    shown = due != NO_TIME
    is_due = shown & (due <= subjects.as_of)
    changed = subjects.time("last_changed")
    # Changed after the reference date, or not known when: the password before may have expired.
    renewed = (changed == NO_TIME) | (changed > subjects.as_of)
    reason = first_that_holds(
        {
            Reason.CREATED_AFTER_AS_OF: subjects.made_later,
            Reason.ACTIVE_UNKNOWN: subjects.flag("active").unknown,
            Reason.EXPIRED: is_due,
            Reason.AGE_UNKNOWN: shown & renewed,
            Reason.NOT_EXPIRED: shown,
        },
        Reason.EXPIRY_UNKNOWN,
    )
    dated = is_because(reason, Reason.EXPIRED, Reason.NOT_EXPIRED)
    return Ruling(
        Truth(is_due, shown & ~is_due & ~renewed),
        reason,
        np.where(dated, BASIS_CODES[column], -1).astype(np.int8),
        np.where(dated, due, NO_TIME),
        ~subjects.nowhere,
        ~subjects.user.state(column, State.NOT_APPLICABLE),
        fails_at=due,
    )


def active_certificate(subjects: Subjects, max_age_days: int) -> Ruling:
    """Fail active certificates that are `max_age_days` old or older (0: any age)."""
    age, active = subjects.age, subjects.flag("active")
    ruling = by_instant(subjects, age, max_age_days * DAY, counts_age=True)
    inactive = active.no & ~age.because(Reason.CREATED_AFTER_AS_OF)
    return replace(
        ruling,
        fails=active & ruling.fails,
        reason=np.where(inactive, Reason.INACTIVE.code, ruling.reason).astype(np.int8),
        fails_at=np.where(active.no, NO_TIME, age.passed_at(max_age_days * DAY)),
    )


# --- users -----------------------------------------------------------------------------------------------------------


def two_keys(subjects: Subjects) -> Ruling:
    """Fail users with two active access keys.

    If the key in a slot was created after the reference date, the key before it is not known.
    """
    first, second = (subjects.flag(slot.active) for slot in KEYS)
    shown = active_in(subjects, KEYS)
    fails = shown[0] & shown[1]
    reason = first_that_holds(
        {
            Reason.CREATED_AFTER_AS_OF: subjects.made_later,
            Reason.TWO_ACTIVE_KEYS: fails.yes,
            Reason.ONE_ACTIVE_KEY: fails.no,
        },
        Reason.ACTIVE_UNKNOWN,
    )
    return by_flags(subjects, fails, reason, ~(first.no & second.no))


def console_without_mfa(subjects: Subjects) -> Ruling:
    """Fail users with a console password and without MFA."""
    password, mfa = subjects.flag("password_enabled"), subjects.flag("mfa_active")
    fails = password & ~mfa
    reason = first_that_holds(
        {
            Reason.CREATED_AFTER_AS_OF: subjects.made_later,
            Reason.MFA_ACTIVE: mfa.yes,
            Reason.PASSWORD_UNKNOWN: password.unknown,
            Reason.MFA_NOT_ACTIVE: mfa.no,
        },
        Reason.MFA_UNKNOWN,
    )
    return by_flags(subjects, fails, reason, ~password.no)


def without_mfa(subjects: Subjects) -> Ruling:
    """Fail users without MFA."""
    mfa = subjects.flag("mfa_active")
    reason = first_that_holds(
        {
            Reason.CREATED_AFTER_AS_OF: subjects.made_later,
            Reason.MFA_ACTIVE: mfa.yes,
            Reason.MFA_NOT_ACTIVE: mfa.no,
        },
        Reason.MFA_UNKNOWN,
    )
    return by_flags(subjects, ~mfa, reason)


def more_credentials(subjects: Subjects) -> Ruling:
    """Fail rows whose `additional_credentials_info` names more credentials.

    Rows of reports without that column are not judged.
    """
    column = "additional_credentials_info"
    has_more = Truth(subjects.state(column, State.VALUE), subjects.state(column, State.NOT_APPLICABLE))
    later = subjects.made_later & ~subjects.flag("is_root").yes
    reason = first_that_holds(
        {
            Reason.CREATED_AFTER_AS_OF: later,
            Reason.MORE_CREDENTIALS: has_more.yes,
            Reason.NO_MORE_CREDENTIALS: has_more.no,
        },
        Reason.MORE_CREDENTIALS_UNKNOWN,
    )
    return by_flags(subjects, has_more, reason, ~subjects.state(column, State.MISSING))


def password_and_keys(subjects: Subjects) -> Ruling:
    """Fail users with a console password and an active access key."""
    password = subjects.flag("password_enabled")
    first, second = active_in(subjects, KEYS)
    key = first | second
    fails = password & key
    reason = first_that_holds(
        {
            Reason.CREATED_AFTER_AS_OF: subjects.made_later,
            Reason.PASSWORD_AND_KEY: fails.yes,
            Reason.NOT_BOTH: fails.no,
            Reason.PASSWORD_UNKNOWN: password.unknown,
        },
        Reason.ACTIVE_UNKNOWN,
    )
    return by_flags(subjects, fails, reason, ~(password.no & key.no))


def console_user(subjects: Subjects) -> Ruling:
    """Fail users with a console password."""
    password = subjects.flag("password_enabled")
    reason = first_that_holds(
        {
            Reason.CREATED_AFTER_AS_OF: subjects.made_later,
            Reason.HAS_PASSWORD: password.yes,
            Reason.NO_PASSWORD: password.no,
        },
        Reason.PASSWORD_UNKNOWN,
    )
    return by_flags(subjects, password, reason)


RULES: Final[Mapping[str, Callable[..., Ruling]]] = {
    rule.__name__: rule
    for rule in (
        idle,
        idle_console,
        old,
        initial_key,
        expired,
        active_certificate,
        two_keys,
        console_without_mfa,
        without_mfa,
        more_credentials,
        password_and_keys,
        console_user,
        leaver,
        of_root.root_key,
        of_root.root_certificate,
        of_root.root_credentials,
        of_root.root_without_mfa,
        of_root.root_without_hardware_mfa,
        of_root.root_in_use,
    )
}
