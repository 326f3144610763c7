"""When each control fails, over whole columns: statements in three values, so that an unknown never becomes a pass.

A rule takes the rows it may be about and the control's parameters, and says of each row whether the control fails there
and why. `RULES` has them by name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from analyzer.controls.vocabulary import Reason
from analyzer.judging.staleness import BASIS_CODES, TOLERANCE, first_that_holds, is_because, slot_basis
from analyzer.judging.subjects import NEVER, Ruling
from analyzer.judging.truth import Truth
from analyzer.reading.columns import NO_TIME
from analyzer.reading.layout import SLOTS, Kind, State
from analyzer.reading.times import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from analyzer.judging.facts import Micros
    from analyzer.judging.staleness import Evidence
    from analyzer.judging.subjects import Subjects
    from analyzer.judging.truth import Flags
    from analyzer.reading.layout import Slot

_MINUTE: Final = 60_000_000
_KEYS: Final = tuple(slot for slot in SLOTS if slot.kind is Kind.ACCESS_KEY)
_FILLED: Final = (State.VALUE, State.INVALID)
"""A cell with one of these holds something: what is unreadable is still there."""
_SENTINELS: Final = (*NEVER, State.NOT_SUPPORTED)
"""A cell with one of these says that there is nothing; a blank one says nothing."""
_GOVCLOUD: Final = "aws-us-gov"


def _from(subjects: Subjects, fails: Truth, evidence: Evidence, *, aged: bool) -> Ruling:
    """Return a ruling by an instant."""
    return Ruling(
        fails, evidence.reason, evidence.basis, evidence.earliest, np.full(len(subjects), aged), ~subjects.nothing
    )


def _by_flags(subjects: Subjects, fails: Truth, reason: npt.NDArray[np.int8], concerned: Flags | None = None) -> Ruling:
    """Return a ruling that no instant has a part in."""
    none = subjects.nothing
    return Ruling(
        fails,
        reason,
        np.full(len(none), -1, np.int8),
        np.full(len(none), NO_TIME),
        none,
        ~none if concerned is None else concerned,
    )


# --- credentials -----------------------------------------------------------------------------------------------------


def idle(subjects: Subjects, max_idle_days: int) -> Ruling:
    """Fail what lay idle for the limit or longer."""
    evidence = subjects.last_use
    return _from(subjects, evidence.at_least(max_idle_days * DAY, subjects.as_of), evidence, aged=False)


def idle_console(subjects: Subjects, max_idle_days: int) -> Ruling:
    """Fail passwords as `idle` does, and keys that are as old as the limit or were never used."""
    passwords = idle(subjects, max_idle_days)
    is_key = subjects.among("kind", Kind.ACCESS_KEY)
    made, used = subjects.age, subjects.was_used
    old = made.at_least(max_idle_days * DAY, subjects.as_of)
    fails = old | ~used
    dated = made.because(Reason.LAST_CHANGED)
    reason = first_that_holds(
        {
            Reason.CREATED_AFTER_AS_OF: made.because(Reason.CREATED_AFTER_AS_OF),
            Reason.ACTIVE_UNKNOWN: made.because(Reason.ACTIVE_UNKNOWN),
            Reason.NEVER_USED: used.no,
            Reason.LAST_CHANGED: dated & (old.yes | used.yes),
            Reason.USED_AFTER_AS_OF: dated & (subjects.time("last_used") != NO_TIME),
            Reason.LAST_USE_UNKNOWN: dated,
        },
        Reason.AGE_UNKNOWN,
    )
    # A key that was never used fails at any age: its user's creation tells nothing of it.
    blank = used.no & ~dated
    keys = Ruling(
        fails,
        reason,
        np.where(blank, -1, made.basis).astype(np.int8),
        np.where(blank, NO_TIME, made.earliest),
        is_key,
        passwords.concerned,
    )
    return _where(is_key, keys, passwords)


def _where(first: Flags, one: Ruling, other: Ruling) -> Ruling:
    """Return `one` where `first` holds, and `other` elsewhere."""
    return Ruling(
        Truth(np.where(first, one.fails.yes, other.fails.yes), np.where(first, one.fails.no, other.fails.no)),
        np.where(first, one.reason, other.reason),
        np.where(first, one.basis, other.basis),
        np.where(first, one.time, other.time),
        np.where(first, one.aged, other.aged),
        np.where(first, one.concerned, other.concerned),
    )


def old(subjects: Subjects, max_age_days: int) -> Ruling:
    """Fail what is older than the limit: `every 90 days or less` allows exactly as old."""
    made = subjects.age
    return _from(subjects, made.at_least(max_age_days * DAY + 1, subjects.as_of), made, aged=True)


def initial_key(subjects: Subjects, together_minutes: int) -> Ruling:
    """Fail keys made together with their user, who has a console password, and never used."""
    password = subjects.user.flag("password_enabled")
    made, created, used = subjects.time("last_changed"), subjects.time("user_creation_time"), subjects.was_used
    known = (made != NO_TIME) & (created != NO_TIME)
    near = np.abs(np.where(known, made, 0) - np.where(known, created, 0)) <= together_minutes * _MINUTE
    together = Truth(known & near, known & ~near)
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
    time = np.where(by_use, subjects.time("last_used"), made)
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
    """Fail passwords whose next rotation lies at or before the reference instant."""
    column = "password_next_rotation"
    due = subjects.user.time(column)
    shown = due != NO_TIME
    is_due = shown & (due <= subjects.as_of)
    changed = subjects.time("last_changed")
    # Changed since, or nobody knows when: the password of that time may have expired.
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
        ~subjects.nothing,
        ~subjects.user.state(column, State.NOT_APPLICABLE),
    )


def active_certificate(subjects: Subjects, max_age_days: int) -> Ruling:
    """Fail active certificates of the given age or older (0: of any)."""
    made, active = subjects.age, subjects.flag("active")
    ruling = _from(subjects, active & made.at_least(max_age_days * DAY, subjects.as_of), made, aged=True)
    inactive = active.no & ~made.because(Reason.CREATED_AFTER_AS_OF)
    return replace(ruling, reason=np.where(inactive, Reason.INACTIVE.code, ruling.reason).astype(np.int8))


# --- users -----------------------------------------------------------------------------------------------------------


def two_keys(subjects: Subjects) -> Ruling:
    """Fail users both of whose keys are active; what a slot held before a later key was made in it is not known."""
    first, second = (subjects.flag(slot.active) for slot in _KEYS)
    later = [subjects.time(slot.last_changed) > subjects.as_of for slot in _KEYS]
    fails = first.unless(later[0]) & second.unless(later[1])
    reason = first_that_holds(
        {
            Reason.CREATED_AFTER_AS_OF: subjects.made_later,
            Reason.TWO_ACTIVE_KEYS: fails.yes,
            Reason.ONE_ACTIVE_KEY: fails.no,
        },
        Reason.ACTIVE_UNKNOWN,
    )
    return _by_flags(subjects, fails, reason, ~(first.no & second.no))


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
    return _by_flags(subjects, fails, reason, ~password.no)


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
    return _by_flags(subjects, ~mfa, reason)


def more_credentials(subjects: Subjects) -> Ruling:
    """Fail rows whose further credentials the report only names; rows of reports without that column are not judged."""
    column = "additional_credentials_info"
    named = Truth(subjects.state(column, State.VALUE), subjects.state(column, State.NOT_APPLICABLE))
    later = subjects.made_later & ~subjects.flag("is_root").yes
    reason = first_that_holds(
        {
            Reason.CREATED_AFTER_AS_OF: later,
            Reason.MORE_CREDENTIALS: named.yes,
            Reason.NO_MORE_CREDENTIALS: named.no,
        },
        Reason.MORE_CREDENTIALS_UNKNOWN,
    )
    return _by_flags(subjects, named, reason, ~subjects.state(column, State.MISSING))


# --- root ------------------------------------------------------------------------------------------------------------


def root_key(subjects: Subjects, inactive_keys_count: int) -> Ruling:
    """Fail accounts whose root has an active key; with `inactive_keys_count`, also where an inactive one is there."""
    made, later = _made(subjects)
    first, second = _active_keys(subjects)
    active = first | second
    there = [_holds_key(subjects, slot).unless(hidden) for slot, hidden in zip(_KEYS, later, strict=True)]
    either = there[0] | there[1]
    fails = active | either if inactive_keys_count else active
    reason = first_that_holds(
        {
            Reason.KEY_EXISTS: active.yes,
            Reason.INACTIVE: either.yes & ~fails.unknown,
            Reason.NO_KEY: fails.no,
        },
        Reason.ACTIVE_UNKNOWN,
    )
    # The key that is spoken of: an active one before an inactive one, the first before the second.
    of_second = np.select([first.yes, second.yes, there[0].yes], [False, True, False], default=there[1].yes)
    time = np.where(of_second, made[1], made[0])
    of_key = is_because(reason, Reason.KEY_EXISTS, Reason.INACTIVE)
    of_key &= (time != NO_TIME) & (time <= subjects.as_of)
    bases = [BASIS_CODES[slot.last_changed] for slot in _KEYS]
    return Ruling(
        fails,
        reason,
        np.where(of_key, np.where(of_second, bases[1], bases[0]), -1).astype(np.int8),
        np.where(of_key, time, NO_TIME),
        ~subjects.nothing,
        ~subjects.nothing,
    )


def _made(subjects: Subjects) -> tuple[list[Micros], list[Flags]]:
    """Return when the key in each slot was made, and where that was after the reference instant."""
    made = [subjects.time(slot.last_changed) for slot in _KEYS]
    return made, [time > subjects.as_of for time in made]


def _active_keys(subjects: Subjects) -> list[Truth]:
    """Return for each slot whether it holds an active key; what it held before a later one is not known."""
    _, later = _made(subjects)
    return [subjects.flag(slot.active).unless(hidden) for slot, hidden in zip(_KEYS, later, strict=True)]


def _password_of_root(subjects: Subjects) -> Truth:
    """Whether root has a password. Reports up to about 2024 say not_supported: it always had one then."""
    flag = subjects.flag("password_enabled")
    return Truth(flag.yes | subjects.state("password_enabled", State.NOT_SUPPORTED), flag.no)


def root_without_mfa(subjects: Subjects, without_password: str) -> Ruling:
    """Fail accounts whose root has a password and no MFA; with `without_password` "fail", all without MFA."""
    mfa = subjects.flag("mfa_active")
    # An old report of GovCloud (US) says as little of root's password, and there root has no console.
    no_console = subjects.among("partition", _GOVCLOUD) & subjects.flag("password_enabled").unknown
    needed = _password_of_root(subjects) if without_password == "pass" else Truth.certain(~subjects.nothing)  # noqa: S105
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
    return _by_flags(subjects, needed & ~mfa, reason)


def root_without_hardware_mfa(subjects: Subjects) -> Ruling:
    """Fail where root has a password and no MFA at all; the report shows no kind of device, so nothing passes.

    Where root has neither a password nor an active key, there is nothing that the control could be about.
    """
    ruling = root_without_mfa(subjects, "pass")
    first, second = _active_keys(subjects)
    key = first | second
    password = _password_of_root(subjects)
    by_person = is_because(ruling.reason, Reason.MFA_ACTIVE, Reason.NO_PASSWORD)
    reason = np.select(
        [password.no & key.no, password.no & key.unknown & by_person, by_person],
        [Reason.NO_ROOT_CREDENTIALS.code, Reason.ACTIVE_UNKNOWN.code, Reason.MANUAL.code],
        default=ruling.reason,
    )
    return replace(ruling, fails=Truth(ruling.fails.yes, subjects.nothing), reason=reason.astype(np.int8))


def where_root_is(ruling: Ruling, nowhere: Flags) -> Ruling:
    """Return a ruling on root that does not apply where accounts have `nowhere` root credentials."""
    if not nowhere.any():
        return ruling
    return replace(
        ruling,
        reason=np.where(nowhere, Reason.NO_ROOT_IN_PARTITION.code, ruling.reason).astype(np.int8),
        basis=np.where(nowhere, -1, ruling.basis).astype(np.int8),
        time=np.where(nowhere, NO_TIME, ruling.time),
    )


def root_in_use(subjects: Subjects, min_idle_days: int) -> Ruling:
    """Fail accounts whose root was used less than the given days ago, by its password or a key.

    A report that is more than a day older than the reference instant cannot show that there was no use since.
    """
    newest = np.full(len(subjects), NO_TIME)
    basis = np.full(len(subjects), -1, np.int8)
    recent, later = Truth.certain(subjects.nothing), subjects.nothing
    columns = {"password_last_used": subjects.nothing} | {
        str(slot.last_used): _is_empty(subjects, slot) for slot in _KEYS
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
    known = reason == Reason.LAST_USED.code
    return Ruling(
        fails,
        reason,
        np.where(known, basis, -1).astype(np.int8),
        np.where(known, newest, NO_TIME),
        subjects.nothing,
        ~subjects.nothing,
    )


def _holds_key(subjects: Subjects, slot: Slot) -> Truth:
    """Whether a slot holds a key, active or not: its date says so, and only a sentinel says that there is none."""
    filled = subjects.state(slot.last_changed, *_FILLED) | subjects.state(str(slot.last_used), *_FILLED)
    return Truth(filled, ~filled & subjects.state(slot.last_changed, *_SENTINELS))


def _is_empty(subjects: Subjects, slot: Slot) -> Flags:
    """Where a slot is known to hold no key."""
    return subjects.flag(slot.active).no & subjects.state(slot.last_changed, *_SENTINELS)


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
        root_key,
        root_without_mfa,
        root_without_hardware_mfa,
        root_in_use,
    )
}
