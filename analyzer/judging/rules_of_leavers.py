"""The rule for credentials of people who left; it needs a list of leavers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyzer.controls.vocabulary import Reason
from analyzer.judging.people import IS_UNCLEAR, LEFT_AT, UNCLEAR, seen_until, used_since
from analyzer.judging.staleness import first_that_holds, is_because
from analyzer.judging.subjects import NEVER, Ruling
from analyzer.judging.truth import Truth
from analyzer.reading.columns import NO_TIME

if TYPE_CHECKING:
    from analyzer.judging.subjects import Subjects


def leaver(subjects: Subjects) -> Ruling:
    """Fail credentials whose user's last day ended at or before the reference date."""
    left_at, unclear = subjects.user.time(LEFT_AT), subjects.user.among(IS_UNCLEAR, UNCLEAR)
    is_listed = left_at != NO_TIME
    has_left = is_listed & (left_at <= subjects.as_of)
    last_used = subjects.time("last_used")
    is_use_known = (last_used != NO_TIME) | subjects.state("last_used", *NEVER)
    shown_until = seen_until(subjects.user.time("captured_at"), subjects.as_of)
    used = used_since(left_at, last_used, is_use_known, shown_until)
    reason = first_that_holds(
        {
            Reason.CREATED_AFTER_AS_OF: subjects.age.because(Reason.CREATED_AFTER_AS_OF),
            Reason.ACTIVE_UNKNOWN: subjects.age.because(Reason.ACTIVE_UNKNOWN),
            Reason.PERSON_UNCLEAR: unclear,
            Reason.LEFT_AND_USED: has_left & used.yes,
            Reason.LEFT_NOT_USED: has_left & used.no,
            Reason.LEFT_USE_UNKNOWN: has_left,
            Reason.LEAVES_LATER: is_listed,
        },
        Reason.NOT_A_LEAVER,
    )
    undated = is_because(reason, Reason.CREATED_AFTER_AS_OF, Reason.ACTIVE_UNKNOWN)
    return Ruling(
        Truth(has_left, ~has_left & ~unclear),
        reason,
        np.full(len(subjects), -1, np.int8),
        np.where(undated, NO_TIME, left_at),
        ~subjects.nowhere,
        ~subjects.nowhere,
        fails_at=left_at,
        also=np.where(is_because(reason, Reason.LEFT_AND_USED), last_used, NO_TIME),
    )
