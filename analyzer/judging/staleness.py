"""How long each credential was idle, and how old it is, at the reference date.

The rule for idle time is that of the CIS AWS Foundations Benchmark ("credentials unused for 45 days or more": 1.12 in
v1.4 to v4.0.1, 1.11 in v5.0, 2.11 in v6.0 and v7.0). A password counts from `password_last_used`, or from
`password_last_changed` if it was never used. An access key counts from `access_key_n_last_used_date`, or from
`access_key_n_last_rotated` if it was never used.

If the report does not show the time, bounds are used: not before `earliest`, not after `latest`. Whether the limit has
passed is then yes, no or unknown. An unknown never becomes a pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from analyzer.controls.vocabulary import Reason
from analyzer.judging.truth import Truth
from analyzer.reading.columns import NO_TIME
from analyzer.reading.layout import SLOTS, TIMESTAMP_COLUMNS, Kind, State
from analyzer.reading.times import DAY, GRANULARITY, MICROSECOND, since_epoch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    import pandas as pd

    from analyzer.judging.facts import TypedColumns

    Flags = npt.NDArray[np.bool_]
    Micros = npt.NDArray[np.int64]

TOLERANCE: Final = GRANULARITY // MICROSECOND
"""Microseconds by which AWS rounds times down; a use that is later by no more than this may not be later."""

LAST: Final = since_epoch(datetime.max.replace(tzinfo=UTC))
"""The last time that `datetime` can represent, in microseconds since 1970."""
EXACT: Final = (Reason.LAST_USED, Reason.NEVER_USED)
"""The reasons with which the idle time is known exactly."""
SLOT_NAMES: Final = [slot.name for slot in SLOTS]
BASES: Final = sorted(TIMESTAMP_COLUMNS)
"""The report columns that a time can come from."""
BASIS_CODES: Final = {column: code for code, column in enumerate(BASES)}


def is_old(captured: Micros, as_of: Micros, days: int) -> Flags:
    """Return where a capture time is known and at least `days` before the reference date; times in microseconds."""
    # A capture time that is not known would look like the oldest.
    old: Flags = (captured != NO_TIME) & (captured <= as_of - days * DAY)
    return old


@dataclass(frozen=True)
class TimeBounds:
    """Bounds on a time for each row, in microseconds: not before `earliest`, not after `latest`.

    `earliest` is `NO_TIME` if it is not known. `reason` has codes of `Reason`: how the time is known. `basis` has codes
    of `BASES`: the report column that `earliest` comes from (-1: none).
    """

    earliest: Micros
    latest: Micros
    reason: npt.NDArray[np.int8]
    basis: npt.NDArray[np.int8]

    def because(self, *reasons: Reason) -> Flags:
        """Return where one of `reasons` holds."""
        return is_because(self.reason, *reasons)

    def at_least(self, span: int, as_of: Micros) -> Truth:
        """Return whether `span` microseconds or more have passed from the time to `as_of`."""
        longest, shortest = self._longest(as_of), np.maximum(as_of - self.latest, 0)
        return Truth(shortest >= span, (self.earliest != NO_TIME) & (longest < span))

    def passed_at(self, span: int) -> Micros:
        """Return the time `span` microseconds after `earliest`; `NO_TIME` where that is not known."""
        has_time = (self.earliest != NO_TIME) & (self.earliest <= LAST - span)
        return np.where(has_time, self.earliest + span, NO_TIME)

    def days(self, as_of: Micros) -> npt.NDArray[np.int32]:
        """Return the whole days from `earliest` to `as_of`; 0 where `earliest` is not known."""
        return (self._longest(as_of) // DAY).astype(np.int32)

    def _longest(self, as_of: Micros) -> Micros:
        has_time = self.earliest != NO_TIME
        return np.where(has_time, np.maximum(as_of - np.where(has_time, self.earliest, as_of), 0), 0)

    def take(self, rows: npt.NDArray[np.int64]) -> TimeBounds:
        """Return the evidence of the rows at the positions `rows`."""
        return TimeBounds(self.earliest[rows], self.latest[rows], self.reason[rows], self.basis[rows])


def last_use(credentials: TypedColumns, as_of: Micros) -> TimeBounds:
    """Return when each credential was last used before `as_of` (microseconds), with the fallbacks of CIS.

    `credentials` is the table that `reading.unpivot` makes.
    """
    used, changed, created, is_key = _columns(credentials)
    never = credentials.among("last_used_state", State.NOT_APPLICABLE, State.NO_INFORMATION)
    has_use = used != NO_TIME
    reason = first_that_holds(
        {
            Reason.CREATED_AFTER_AS_OF: _made_later(changed, created, as_of, is_key),
            Reason.ACTIVE_UNKNOWN: credentials.flag("active").unknown,
            Reason.LAST_USED: has_use & (used <= as_of + TOLERANCE),
            Reason.USED_AFTER_AS_OF: has_use,
            Reason.NEVER_USED: never & (changed != NO_TIME) & (changed <= as_of),
            Reason.AGE_UNKNOWN: never,
        },
        Reason.LAST_USE_UNKNOWN,
    )
    # A password may have been set at any time since its user was created; a key is as old as its slot shows.
    unknown_use = is_because(reason, Reason.USED_AFTER_AS_OF, Reason.LAST_USE_UNKNOWN)
    by_use = is_because(reason, Reason.LAST_USED)
    by_change = is_because(reason, Reason.NEVER_USED) | (unknown_use & is_key)
    by_user = is_because(reason, Reason.AGE_UNKNOWN) | (unknown_use & ~is_key)
    earliest = np.select([by_use, by_change, by_user], [used, changed, created], default=NO_TIME)
    latest = np.where(is_because(reason, *EXACT), earliest, as_of)
    slot = credentials.codes("credential", SLOT_NAMES)
    basis = np.select(
        [by_use, by_change, by_user],
        [slot_basis(slot, "last_used"), slot_basis(slot, "last_changed"), USER_CREATION],
        default=-1,
    )
    return TimeBounds(earliest, latest, reason, np.where(earliest != NO_TIME, basis, -1).astype(np.int8))


def age(credentials: TypedColumns, as_of: Micros) -> TimeBounds:
    """Return when each password was last changed, or each key or certificate made, before `as_of` (microseconds).

    If the report does not show it, the time is not before the creation of the user, and for a key not after its last
    use. A key that was used before its user was created has no earliest time: one of the two times is wrong.
    """
    used, changed, created, is_key = _columns(credentials)
    lasting = is_key | credentials.among("kind", Kind.CERTIFICATE)
    is_change_known = (changed != NO_TIME) & (changed <= as_of)
    reason = first_that_holds(
        {
            Reason.CREATED_AFTER_AS_OF: _made_later(changed, created, as_of, lasting),
            Reason.ACTIVE_UNKNOWN: credentials.flag("active").unknown,
            Reason.LAST_CHANGED: is_change_known,
        },
        Reason.AGE_UNKNOWN,
    )
    was_used = is_key & (used != NO_TIME) & (used <= as_of + TOLERANCE)
    # AWS cuts uses to the minute, so a key may have been made up to that much after its recorded use.
    bound = np.where(was_used, np.minimum(np.where(was_used, used, 0) + TOLERANCE, as_of), as_of)
    by_change = is_because(reason, Reason.LAST_CHANGED)
    by_user = is_because(reason, Reason.AGE_UNKNOWN) & (created <= bound)
    earliest = np.select([by_change, by_user], [changed, created], default=NO_TIME)
    slot = credentials.codes("credential", SLOT_NAMES)
    basis = np.where(by_change, slot_basis(slot, "last_changed"), USER_CREATION)
    return TimeBounds(
        earliest,
        np.where(by_change, changed, bound),
        reason,
        np.where(earliest != NO_TIME, basis, -1).astype(np.int8),
    )


USER_CREATION: Final = BASIS_CODES["user_creation_time"]


def _columns(credentials: TypedColumns) -> tuple[Micros, Micros, Micros, Flags]:
    """Return the last use, the last change, the creation of the user, and where a credential is an access key."""
    used, changed, created = map(credentials.time, ("last_used", "last_changed", "user_creation_time"))
    return used, changed, created, credentials.among("kind", Kind.ACCESS_KEY)


def _made_later(changed: Micros, created: Micros, as_of: Micros, lasting: Flags) -> Flags:
    """Return where a credential or its user was made after the reference date.

    `lasting` marks credentials that never change (keys and certificates); a password may have been changed since.
    """
    return (lasting & (changed > as_of)) | (created > as_of)


def first_that_holds(conditions: Mapping[Reason, Flags], otherwise: Reason) -> npt.NDArray[np.int8]:
    """Return for each row the code of the first reason whose condition holds."""
    return first_of([(holds, reason.code) for reason, holds in conditions.items()], otherwise.code)


def first_of(conditions: Sequence[tuple[Flags, int]], otherwise: int) -> npt.NDArray[np.int8]:
    """Return for each row the code of the first condition that holds."""
    codes = np.full(len(conditions[0][0]), otherwise, np.int8)
    for holds, code in reversed(conditions):
        # Bitwise, because np.select, np.where and masks branch at each row and take ten times as long.
        every_bit = -np.ascontiguousarray(holds).view(np.int8)
        codes ^= (codes ^ np.int8(code)) & every_bit
    return codes


def is_because(codes: npt.NDArray[np.int8], *reasons: Reason) -> Flags:
    """Return where `codes` (of `Reason`) have one of `reasons`."""
    is_listed = np.zeros(len(Reason), bool)
    is_listed[[reason.code for reason in reasons]] = True
    return is_listed[codes]


def slot_basis(slot: npt.NDArray[np.int8], attribute: str) -> npt.NDArray[np.int8]:
    """Return the code in `BASES` of a column of each slot; -1 if the slot has no such column.

    `slot` has positions in `SLOTS`; `attribute` is the attribute of a slot that names the column.
    """
    columns = [getattr(slot, attribute) for slot in SLOTS]
    codes = np.array([BASIS_CODES[column] if column else -1 for column in columns], np.int8)
    return codes[slot]


def codes_of(column: pd.Series[Any]) -> npt.NDArray[np.int8]:
    """Return the codes of a categorical column with up to 127 categories."""
    return column.cat.codes.to_numpy().astype(np.int8, copy=False)


def days_since(time: Micros, as_of: Micros) -> npt.NDArray[np.int32]:
    """Return the whole days from each time to `as_of`; 0 where the time is not known or is later."""
    return (np.maximum(as_of - np.where(time != NO_TIME, time, as_of), 0) // DAY).astype(np.int32)


def age_days(credentials: TypedColumns, as_of: Micros) -> pa.Array:
    """Return the whole days since each credential was last changed (a key: created), as int32; null if not known."""
    changed = credentials.time("last_changed")
    unknown = (changed == NO_TIME) | (changed > as_of) | (as_of == NO_TIME)
    elapsed = as_of - np.where(unknown, as_of, changed)
    return pa.array((elapsed // DAY).astype(np.int32), mask=unknown)
