"""Helpers for rules: make rulings, and read the two slots of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from analyzer.judging.subjects import NEVER, Ruling
from analyzer.judging.truth import Truth
from analyzer.reading.columns import NO_TIME
from analyzer.reading.layout import SLOTS, Kind, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from analyzer.judging.facts import Micros
    from analyzer.judging.staleness import TimeBounds
    from analyzer.judging.subjects import Subjects
    from analyzer.judging.truth import Flags
    from analyzer.reading.layout import Slot

KEYS: Final = tuple(slot for slot in SLOTS if slot.kind is Kind.ACCESS_KEY)
CERTIFICATES: Final = tuple(slot for slot in SLOTS if slot.kind is Kind.CERTIFICATE)
FILLED: Final = (State.VALUE, State.INVALID)
"""States of a cell that mean that a credential exists; an unreadable date is still a date."""
SENTINELS: Final = (*NEVER, State.NOT_SUPPORTED)
"""States of a cell that mean that no credential exists; a blank cell means neither."""


def by_instant(subjects: Subjects, evidence: TimeBounds, span: int, *, counts_age: bool) -> Ruling:
    """Return a ruling that fails where `span` microseconds or more have passed since the time in `evidence`."""
    return Ruling(
        evidence.at_least(span, subjects.as_of),
        evidence.reason,
        evidence.basis,
        evidence.earliest,
        np.full(len(subjects), counts_age),
        ~subjects.nowhere,
        fails_at=evidence.passed_at(span),
    )


def by_flags(subjects: Subjects, fails: Truth, reason: npt.NDArray[np.int8], applies: Flags | None = None) -> Ruling:
    """Return a ruling that does not depend on a time."""
    none = subjects.nowhere
    return Ruling(
        fails,
        reason,
        np.full(len(none), -1, np.int8),
        np.full(len(none), NO_TIME),
        none,
        ~none if applies is None else applies,
    )


def either(condition: Flags, where_true: Ruling, where_false: Ruling) -> Ruling:
    """Return `where_true` in rows in which `condition` holds, and `where_false` in the others."""
    return Ruling(
        Truth(
            np.where(condition, where_true.fails.yes, where_false.fails.yes),
            np.where(condition, where_true.fails.no, where_false.fails.no),
        ),
        np.where(condition, where_true.reason, where_false.reason),
        np.where(condition, where_true.basis, where_false.basis),
        np.where(condition, where_true.time, where_false.time),
        np.where(condition, where_true.counts_age, where_false.counts_age),
        np.where(condition, where_true.applies, where_false.applies),
        np.where(condition, days_of(where_true), days_of(where_false)),
        fails_at=np.where(condition, _times_of(where_true, "fails_at"), _times_of(where_false, "fails_at")),
        also=np.where(condition, _times_of(where_true, "also"), _times_of(where_false, "also")),
    )


def days_of(ruling: Ruling) -> npt.NDArray[np.int32]:
    """Return the days to show of a ruling; -1 in each row if it has none."""
    return np.full(len(ruling.reason), -1, np.int32) if ruling.span is None else ruling.span


def _times_of(ruling: Ruling, name: str) -> Micros:
    """Return the times `name` of a ruling; `NO_TIME` in each row if it has none."""
    times: Micros | None = getattr(ruling, name)
    return np.full(len(ruling.reason), NO_TIME) if times is None else times


def later_made(subjects: Subjects, slots: Sequence[Slot]) -> list[Flags]:
    """Return for each slot where its credential was made after the reference date."""
    return [subjects.time(slot.last_changed) > subjects.as_of for slot in slots]


def active_in(subjects: Subjects, slots: Sequence[Slot]) -> list[Truth]:
    """Return for each slot whether it holds an active credential.

    If the credential was made after the reference date, the one before it is not known.
    """
    later = later_made(subjects, slots)
    return [subjects.flag(slot.active).unless(hidden) for slot, hidden in zip(slots, later, strict=True)]
