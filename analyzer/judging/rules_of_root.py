"""The rules of the controls on root; see `rules`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from analyzer.controls.vocabulary import Reason
from analyzer.judging.rulings import CERTIFICATES, FILLED, KEYS, SENTINELS, active_in, by_flags, later_made
from analyzer.judging.staleness import BASIS_CODES, TOLERANCE, first_that_holds, is_because
from analyzer.judging.subjects import NEVER, Ruling
from analyzer.judging.truth import Truth
from analyzer.reading.columns import NO_TIME
from analyzer.reading.layout import State
from analyzer.reading.times import DAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from analyzer.judging.subjects import Subjects
    from analyzer.judging.truth import Flags
    from analyzer.reading.layout import Slot

_GOVCLOUD: Final = "aws-us-gov"


def root_key(subjects: Subjects, inactive_keys_count: int) -> Ruling:
    """Fail if root has an active access key; with `inactive_keys_count` 1, also if it has an inactive one."""
    first, second = active_in(subjects, KEYS)
    active = first | second
    exists = _keys_there(subjects)
    any_exists = exists[0] | exists[1]
    fails = active | any_exists if inactive_keys_count else active
    reason = first_that_holds(
        {
            Reason.KEY_EXISTS: active.yes,
            Reason.INACTIVE: any_exists.yes & ~fails.unknown,
            Reason.NO_KEY: fails.no,
        },
        Reason.ACTIVE_UNKNOWN,
    )
    # The message names one key: an active key before an inactive one, the first key before the second.
    of_second = np.select([first.yes, second.yes, exists[0].yes], [False, True, False], default=exists[1].yes)
    return _of_slots(subjects, fails, reason, (Reason.KEY_EXISTS, Reason.INACTIVE), KEYS, of_second)


def root_certificate(subjects: Subjects) -> Ruling:
    """Fail if root has an active signing certificate."""
    first, second = active_in(subjects, CERTIFICATES)
    fails = first | second
    reason = first_that_holds(
        {Reason.CERTIFICATE_EXISTS: fails.yes, Reason.NO_CERTIFICATE: fails.no}, Reason.ACTIVE_UNKNOWN
    )
    return _of_slots(subjects, fails, reason, (Reason.CERTIFICATE_EXISTS,), CERTIFICATES, ~first.yes)


def root_credentials(subjects: Subjects) -> Ruling:
    """Fail if root has a password, an access key, an active signing certificate or an MFA device."""
    password, mfa = _password_of_root(subjects), subjects.flag("mfa_active")
    first, second = _keys_there(subjects)
    active = active_in(subjects, KEYS)
    key = first | second | active[0] | active[1]
    certificates = active_in(subjects, CERTIFICATES)
    certificate = certificates[0] | certificates[1]
    fails = password | key | certificate | mfa
    reason = first_that_holds(
        {
            Reason.HAS_PASSWORD: password.yes,
            Reason.KEY_EXISTS: key.yes,
            Reason.CERTIFICATE_EXISTS: certificate.yes,
            Reason.MFA_ACTIVE: mfa.yes,
            Reason.NO_CREDENTIALS: fails.no,
            Reason.PASSWORD_UNKNOWN: password.unknown,
            Reason.MFA_UNKNOWN: mfa.unknown,
        },
        Reason.ACTIVE_UNKNOWN,
    )
    return by_flags(subjects, fails, reason)


def _of_slots(  # noqa: PLR0913 - the parts of a ruling
    subjects: Subjects,
    fails: Truth,
    reason: npt.NDArray[np.int8],
    dated: Sequence[Reason],
    slots: Sequence[Slot],
    of_second: Flags,
) -> Ruling:
    """Return a ruling on two slots of root.

    For the reasons in `dated`, its time is when the credential in the slot was made: the second slot where
    `of_second`, otherwise the first.
    """
    times = [subjects.time(slot.last_changed) for slot in slots]
    time = np.where(of_second, times[1], times[0])
    is_dated = is_because(reason, *dated) & (time != NO_TIME) & (time <= subjects.as_of)
    bases = [BASIS_CODES[slot.last_changed] for slot in slots]
    return Ruling(
        fails,
        reason,
        np.where(is_dated, np.where(of_second, bases[1], bases[0]), -1).astype(np.int8),
        np.where(is_dated, time, NO_TIME),
        ~subjects.nowhere,
        ~subjects.nowhere,
    )


def _keys_there(subjects: Subjects) -> list[Truth]:
    """Return for each access key slot whether it holds a key, active or not."""
    later = later_made(subjects, KEYS)
    return [_holds_key(subjects, slot).unless(hidden) for slot, hidden in zip(KEYS, later, strict=True)]


def _password_of_root(subjects: Subjects) -> Truth:
    """Return whether root has a password.

    Reports up to about 2024 show not_supported in `password_enabled`: root always had a password then.
    """
    flag = subjects.flag("password_enabled")
    return Truth(flag.yes | subjects.state("password_enabled", State.NOT_SUPPORTED), flag.no)


def root_without_mfa(subjects: Subjects, without_password: str) -> Ruling:
    """Fail if root has a password and no MFA; with `without_password` "fail", if root has no MFA."""
    mfa = subjects.flag("mfa_active")
    # Old reports of GovCloud (US) show not_supported too, but there root has no console access.
    no_console = subjects.among("partition", _GOVCLOUD) & subjects.flag("password_enabled").unknown
    needed = _password_of_root(subjects) if without_password == "pass" else Truth.certain(~subjects.nowhere)  # noqa: S105
    reason = first_that_holds(
        {
            Reason.NO_CONSOLE_ACCESS: no_console,
            Reason.MFA_ACTIVE: mfa.yes,
            Reason.NO_PASSWORD: needed.no,
            Reason.PASSWORD_UNKNOWN: needed.unknown,
            Reason.MFA_NOT_ACTIVE: mfa.no,
        },
        Reason.MFA_UNKNOWN,
    )
    return by_flags(subjects, needed & ~mfa, reason)


def root_without_hardware_mfa(subjects: Subjects) -> Ruling:
    """Fail if root has a password and no MFA; never pass, because the report does not show the kind of MFA device.

    The control does not apply if root has neither a password nor an active access key.
    """
    ruling = root_without_mfa(subjects, "pass")
    first, second = active_in(subjects, KEYS)
    key = first | second
    password = _password_of_root(subjects)
    by_person = is_because(ruling.reason, Reason.MFA_ACTIVE, Reason.NO_PASSWORD)
    reason = np.select(
        [password.no & key.no, password.no & key.unknown & by_person, by_person],
        [Reason.NO_ROOT_CREDENTIALS.code, Reason.ACTIVE_UNKNOWN.code, Reason.MANUAL.code],
        default=ruling.reason,
    )
    return replace(ruling, fails=Truth(ruling.fails.yes, subjects.nowhere), reason=reason.astype(np.int8))


def where_root_is(ruling: Ruling, nowhere: Flags) -> Ruling:
    """Return `ruling`, changed to "does not apply" in rows of accounts without root credentials (`nowhere`)."""
    if not nowhere.any():
        return ruling
    return replace(
        ruling,
        reason=np.where(nowhere, Reason.NO_ROOT_IN_PARTITION.code, ruling.reason).astype(np.int8),
        basis=np.where(nowhere, -1, ruling.basis).astype(np.int8),
        time=np.where(nowhere, NO_TIME, ruling.time),
    )


def root_in_use(subjects: Subjects, min_idle_days: int) -> Ruling:
    """Fail if the password or an access key of root was used less than `min_idle_days` ago.

    A report that is more than a day older than the reference date cannot show whether root was used later.
    """
    newest = np.full(len(subjects), NO_TIME)
    basis = np.full(len(subjects), -1, np.int8)
    recent, later = Truth.certain(subjects.nowhere), subjects.nowhere
    columns = {"password_last_used": subjects.nowhere} | {
        str(slot.last_used): _is_empty(subjects, slot) for slot in KEYS
    }
    for column, empty in columns.items():
        used = subjects.time(column)
        by_then = (used != NO_TIME) & (used <= subjects.as_of + TOLERANCE)
        lately = by_then & (subjects.as_of - np.where(by_then, used, subjects.as_of) < min_idle_days * DAY)
        not_lately = (by_then & ~lately) | subjects.state(column, *NEVER) | ((used == NO_TIME) & empty)
        later = later | ((used != NO_TIME) & ~by_then)
        recent = recent | Truth(lately, not_lately)
        newer = by_then & (used > newest)
        newest = np.where(newer, used, newest)
        basis = np.where(newer, BASIS_CODES[column], basis).astype(np.int8)
    captured = subjects.time("captured_at")
    older = (captured != NO_TIME) & (captured < subjects.as_of - DAY)
    fails = Truth(recent.yes, recent.no & ~older)
    reason = first_that_holds(
        {
            Reason.LAST_USED: ~fails.unknown & (newest != NO_TIME),
            Reason.NEVER_USED: fails.no,
            Reason.REPORT_OLDER: recent.no,
            Reason.USED_AFTER_AS_OF: later,
        },
        Reason.LAST_USE_UNKNOWN,
    )
    by_use = reason == Reason.LAST_USED.code
    return Ruling(
        fails,
        reason,
        np.where(by_use, basis, -1).astype(np.int8),
        np.where(by_use, newest, NO_TIME),
        subjects.nowhere,
        ~subjects.nowhere,
    )


def _holds_key(subjects: Subjects, slot: Slot) -> Truth:
    """Return whether a slot holds a key, active or not.

    A date or an unreadable cell means a key; only a sentinel such as N/A means no key.
    """
    filled = subjects.state(slot.last_changed, *FILLED) | subjects.state(str(slot.last_used), *FILLED)
    return Truth(filled, ~filled & subjects.state(slot.last_changed, *SENTINELS))


def _is_empty(subjects: Subjects, slot: Slot) -> Flags:
    """Return where a slot is known to hold no key."""
    return subjects.flag(slot.active).no & subjects.state(slot.last_changed, *SENTINELS)
