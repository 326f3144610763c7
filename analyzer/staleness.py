"""How long each credential lay idle at the reference instant, and what is certain of it.

The rule is the CIS AWS Foundations Benchmark's (1.12 in v1.4-4.0.1, 1.11 in v5.0, 2.11 in v6.0 and v7.0, "credentials
unused for 45 days or more"): a password counts from `password_last_used`, or from `password_last_changed` where it was
never used; an access key from `access_key_n_last_used_date`, or from `access_key_n_last_rotated`. Idle for the limit
or longer fails.

Where the report does not say when a credential was last used, that instant is bounded: not before `earliest`, not
after `latest`. It passes if even `earliest` is within the limit, fails if even `latest` is beyond it, and is not
checked otherwise: an unknown never becomes a pass.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.reading.columns import NO_TIME, arrow_of, coded, column_of, microseconds, times_from, true_where
from analyzer.reading.layout import SLOTS, Kind, State
from analyzer.reading.times import GRANULARITY, MICROSECOND

if TYPE_CHECKING:
    import numpy.typing as npt

DAY: Final = 86_400_000_000
"""Microseconds in a day of elapsed time; no calendar or time zone changes it."""
_GRANULARITY: Final = GRANULARITY // MICROSECOND


class Reason(StrEnum):
    """What a verdict rests on."""

    LAST_USED = "last_used"
    NEVER_USED = "never_used"
    USED_AFTER_AS_OF = "used_after_as_of"
    LAST_USE_UNKNOWN = "last_use_unknown"
    AGE_UNKNOWN = "age_unknown"
    CREATED_AFTER_AS_OF = "created_after_as_of"
    ACTIVE_UNKNOWN = "active_unknown"


class Status(StrEnum):
    """What a control says of one subject."""

    PASS = "pass"  # noqa: S105 - a verdict, not a secret
    FAIL = "fail"
    NOT_CHECKED = "not_checked"
    NOT_APPLICABLE = "not_applicable"


EXACT: Final = (Reason.LAST_USED, Reason.NEVER_USED)
"""With these reasons the idle time is known; with the others `idle_days` is the most it can be."""

_REASONS: Final = list(Reason)
_STATUSES: Final = list(Status)
_BASES: Final = sorted(
    {"user_creation_time", *(column for s in SLOTS for column in (s.last_used, s.last_changed) if column)}
)

_SINCE: Final = {
    # What the reader is told before the date of `basis_time`; (password, access key, certificate).
    Reason.LAST_USED: ("last used ", "last used ", "last used "),
    Reason.NEVER_USED: ("never used; set ", "never used; created ", "never used; created "),
    Reason.USED_AFTER_AS_OF: (
        "used after the reference date, use before it not known; user created ",
        "used after the reference date, use before it not known; created ",
        "used after the reference date, use before it not known; created ",
    ),
    Reason.LAST_USE_UNKNOWN: (
        "last use not known; user created ",
        "last use not known; created ",
        "last use not known; created ",
    ),
    Reason.AGE_UNKNOWN: ("never used, age not known; user created ",) * 3,
}
_WITHOUT_DATE: Final = {
    Reason.LAST_USED: "",
    Reason.NEVER_USED: "",
    Reason.USED_AFTER_AS_OF: "used after the reference date, use before it not known, nor when it was created",
    Reason.LAST_USE_UNKNOWN: "neither last use nor creation known",
    Reason.AGE_UNKNOWN: "never used, age not known, nor when the user was created",
    Reason.CREATED_AFTER_AS_OF: "created after the reference date",
    Reason.ACTIVE_UNKNOWN: "not known whether it is active",
}


def assess(credentials: pd.DataFrame, as_of: npt.NDArray[np.int64], limit_days: int) -> pd.DataFrame:
    """Return `status, reason, basis, basis_time, idle_days` of each credential as if it were judged.

    `credentials` as `reading.normalizing` makes them; `as_of` has the reference instant of each row in microseconds.
    `basis_time` is the earliest instant at which the credential may last have been used, `basis` the AWS column it
    comes from, `idle_days` the whole days from it to the reference instant (int32).
    """
    used, changed, created = (
        microseconds(credentials[column]) for column in ("last_used", "last_changed", "user_creation_time")
    )
    is_key = (credentials["kind"].cat.codes == list(Kind).index(Kind.ACCESS_KEY)).to_numpy()
    state = credentials["last_used_state"]
    never = state.isin([State.NOT_APPLICABLE, State.NO_INFORMATION]).to_numpy()
    has_use, has_change = used != NO_TIME, changed != NO_TIME

    # In the order of precedence: the first that holds is the reason.
    conditions = {
        Reason.CREATED_AFTER_AS_OF: (is_key & (changed > as_of)) | (created > as_of),
        Reason.ACTIVE_UNKNOWN: credentials["active"].isna().to_numpy(dtype=bool),
        Reason.LAST_USED: has_use & (used <= as_of + _GRANULARITY),
        Reason.USED_AFTER_AS_OF: has_use,
        Reason.NEVER_USED: never & has_change & (changed <= as_of),
        Reason.AGE_UNKNOWN: never,
    }
    reason = np.select(
        list(conditions.values()),
        [_REASONS.index(reason) for reason in conditions],
        default=_REASONS.index(Reason.LAST_USE_UNKNOWN),
    ).astype(np.int8)

    def because(*reasons: Reason) -> npt.NDArray[np.bool_]:
        return np.isin(reason, [_REASONS.index(one) for one in reasons])

    # A password may have been made anew at any time of its user's life; a key is as old as its slot says.
    unknown_use = because(Reason.USED_AFTER_AS_OF, Reason.LAST_USE_UNKNOWN)
    by_use = because(Reason.LAST_USED)
    by_change = because(Reason.NEVER_USED) | (unknown_use & is_key)
    by_user = because(Reason.AGE_UNKNOWN) | (unknown_use & ~is_key)
    earliest = np.select([by_use, by_change, by_user], [used, changed, created], default=NO_TIME)
    latest = np.where(because(*EXACT), earliest, as_of)

    known = earliest != NO_TIME
    longest = np.where(known, np.maximum(as_of - np.where(known, earliest, as_of), 0), 0)
    shortest = np.maximum(as_of - latest, 0)
    limit = limit_days * DAY
    status = np.select(
        [
            because(Reason.CREATED_AFTER_AS_OF),
            because(Reason.ACTIVE_UNKNOWN),
            shortest >= limit,
            known & (longest < limit),
        ],
        [_STATUSES.index(s) for s in (Status.NOT_APPLICABLE, Status.NOT_CHECKED, Status.FAIL, Status.PASS)],
        default=_STATUSES.index(Status.NOT_CHECKED),
    ).astype(np.int8)

    slot = credentials["credential"].cat.codes.to_numpy()
    basis = np.select(
        [by_use & known, by_change & known, by_user & known],
        [_basis_codes("last_used")[slot], _basis_codes("last_changed")[slot], _BASES.index("user_creation_time")],
        default=-1,
    ).astype(np.int8)
    return pd.DataFrame(
        {
            "status": coded(status, _STATUSES),
            "reason": coded(reason, _REASONS),
            "basis": coded(basis, _BASES),
            "basis_time": column_of(times_from(earliest)),
            "idle_days": column_of(pa.array((longest // DAY).astype(np.int32), mask=~known)),
        }
    )


def _basis_codes(attribute: str) -> npt.NDArray[np.int8]:
    """Return the code in `_BASES` of a slot's column, for each slot."""
    columns = [getattr(slot, attribute) for slot in SLOTS]
    return np.array([_BASES.index(column) if column else -1 for column in columns], np.int8)


def explain(assessed: pd.DataFrame, kind: pd.Series[Any]) -> pd.Series[Any]:
    """Return for each row of `assess` the reason in words: `never used; created 2024-01-02, 692 days`."""
    kinds = len(Kind)
    with_date = [text for reason in Reason for text in _SINCE.get(reason, ("",) * kinds)]
    reason = assessed["reason"].cat.codes.to_numpy().astype(np.int64)
    days = arrow_of(assessed["idle_days"]).combine_chunks()
    exact = np.isin(reason, [_REASONS.index(one) for one in EXACT])
    dated = pc.binary_join_element_wise(
        pa.array(with_date).take(pa.array(reason * kinds + kind.cat.codes.to_numpy())),
        arrow_of(assessed["basis_time"]).combine_chunks().cast(pa.date32()).cast(pa.string()),
        pa.array([", at most ", ", "]).take(pa.array(exact.astype(np.int8))),
        days.cast(pa.string()),
        pa.array([" days", " day"]).take(pa.array(true_where(pc.equal(days, 1)).astype(np.int8))),
        "",
    )
    undated = pa.array([_WITHOUT_DATE[one] for one in Reason]).take(pa.array(reason))
    return column_of(pc.coalesce(dated, undated))


def age_days(credentials: pd.DataFrame, as_of: npt.NDArray[np.int64]) -> pd.Series[Any]:
    """Return the whole days since each credential was last changed (a key: created), int32; NA where not known."""
    changed = microseconds(credentials["last_changed"])
    unknown = (changed == NO_TIME) | (changed > as_of) | (as_of == NO_TIME)
    elapsed = as_of - np.where(unknown, as_of, changed)
    return column_of(pa.array((elapsed // DAY).astype(np.int32), mask=unknown))
