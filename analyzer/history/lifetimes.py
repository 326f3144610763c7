"""Finds the lifetimes of failures in many snapshots: how long each failure stayed open, and how it was closed.

A lifetime is an unbroken run of an account's snapshots in which a subject fails. The next snapshot closes it if it
shows that the subject no longer fails. If that snapshot cannot decide it, or comes after a gap, the failure is lost to
follow-up and is not counted as fixed.

The time of a snapshot is not the time of the change. A failure began after the last snapshot that shows its subject
without it, and was closed after the last snapshot that shows it open. Until the next snapshot, nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.vocabulary import Reason, Status
from analyzer.evidence.schema import UNDECIDED
from analyzer.history.calendar import GAP
from analyzer.history.subjects import CLOSINGS, KINDS, SubjectNumbers
from analyzer.judging.staleness import days_since, is_because
from analyzer.judging.verdicts import SUBJECTS, Verdicts
from analyzer.judging.wording import messages
from analyzer.reading.columns import (
    NO_TIME,
    arrow_of,
    coded,
    column_of,
    times_from,
)
from analyzer.reading.times import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from analyzer.controls.checklist import Check
    from analyzer.history.calendar import Calendar, Timeline

    Whole = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

_FAIL, _NOT_CHECKED, _PASS = (list(Status).index(status) for status in (Status.FAIL, Status.NOT_CHECKED, Status.PASS))
_OF_NOBODY: Final = (Reason.ROOT_NOT_IN_REPORT, Reason.COLUMN_NOT_IN_REPORT)
"""With these reasons, a control can judge none of its subjects, because the report does not have them."""
_LIMITS: Final = ("max_idle_days", "max_age_days")
"""The parameters of controls that fail when a number of days is exceeded."""
_STATES: Final = ["open", "closed", "lost_sight"]


@dataclass(frozen=True)
class Lives:
    """The failures of some accounts, and the checks that are not checked in their newest snapshots.

    `lifetimes` has the columns of `LIFETIMES`, and `first_row` and `user_row`: the rows in which each failure was first
    and last seen. `undecided` has the columns of `UNDECIDED`.
    """

    lifetimes: pd.DataFrame
    undecided: pd.DataFrame
    calendar: Calendar


@dataclass(frozen=True)
class _Runs:
    """Unbroken runs of snapshots in which a subject fails a control, sorted by control, subject and time.

    `first` and `last` are the first and the last snapshot of each run (their order within the account). `before` is the
    last earlier snapshot that shows the subject without the failure (-1: none), and `passes` is true if the control
    passes there. `begin` and `end` are the first and the last verdict. `undecided` is true if the next snapshot cannot
    decide it. `renewed` is the time after the run at which the subject was used or changed, if the next snapshot shows
    it failing again; otherwise `NO_TIME`.
    """

    subject: Whole
    first: Whole
    last: Whole
    before: Whole
    passes: Flags
    begin: Verdicts
    end: Verdicts
    undecided: Flags
    renewed: Whole

    @classmethod
    def joined(cls, parts: Sequence[_Runs]) -> _Runs:
        """Return the runs of several controls as one."""

        def every(name: str) -> Any:  # noqa: ANN401 - an array, or verdicts
            values = [getattr(part, name) for part in parts]
            return Verdicts.joined(values) if isinstance(values[0], Verdicts) else np.concatenate(values)

        return cls(**{field.name: every(field.name) for field in fields(cls)})


def follow(
    users: pd.DataFrame,
    credentials: pd.DataFrame,
    verdicts: Iterable[Verdicts],
    chosen: Sequence[Check],
    timeline: Timeline,
) -> Lives:
    """Return the lifetimes of the failures in `verdicts`, which come control by control, for whole accounts.

    They are sorted by account, control, name of the user, credential and first snapshot.
    """
    subjects = SubjectNumbers(users, credentials, timeline)
    newest = timeline.is_newest
    parts, undecided = [], []
    for of_control in verdicts:
        parts.append(_runs(of_control, subjects, chosen, timeline))
        undecided.append(of_control.take((of_control.status == _NOT_CHECKED) & newest[of_control.user_row]))
    lifetimes = _lifetimes(users, credentials, _Runs.joined(parts), subjects, chosen, timeline)
    return Lives(lifetimes, _undecided(users, Verdicts.joined(undecided), chosen, timeline), timeline.calendar)


def _runs(verdicts: Verdicts, subjects: SubjectNumbers, chosen: Sequence[Check], timeline: Timeline) -> _Runs:
    """Return the runs of one control."""
    subject = subjects.of(verdicts)
    sight = _Sight(verdicts, subject, subjects, timeline)
    failing = np.flatnonzero(verdicts.status == _FAIL)
    failing = failing[np.argsort(sight.key[failing], kind="stable")]
    keys = sight.key[failing]
    begins = np.ones(len(keys), bool)
    begins[1:] = np.diff(keys) > 1
    renewed = _renewed(verdicts.take(failing), begins, chosen, timeline)
    begins |= renewed != NO_TIME
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(keys))[: len(first)] - 1
    begin, end = verdicts.take(failing[first]), verdicts.take(failing[last])
    whose, since = np.divmod(keys[first], sight.width)
    before = sight.last_without(begin, whose, since)
    return _Runs(
        whose,
        since,
        keys[last] % sight.width,
        before,
        (before >= 0) & sight.says(_PASS, whose, before),
        begin,
        end,
        sight.is_lost(end, whose, keys[last] % sight.width + 1),
        np.append(renewed[first[1:]], NO_TIME)[: len(first)],
    )


def _renewed(failing: Verdicts, begins: Flags, chosen: Sequence[Check], timeline: Timeline) -> Whole:
    """Return for each failing verdict the time from which its days count, if that is after the snapshot before.

    Then the subject failed in both snapshots, but not all the time between them. All other values are `NO_TIME`: for
    controls that do not count days, and for verdicts that begin a run (`begins`).
    """
    counts_days = np.array([any(name in check.parameters for name in _LIMITS) for check in chosen], bool)
    account, order = timeline.account[failing.user_row], timeline.order[failing.user_row]
    before = timeline.calendar.taken(account, np.maximum(order - 1, 0))
    is_later = ~begins & counts_days[failing.chosen] & (failing.time > before)
    return np.where(is_later, failing.time, NO_TIME)


class _Sight:
    """The status that one control gives each subject in each snapshot; `key` numbers subject and snapshot."""

    def __init__(self, verdicts: Verdicts, subject: Whole, subjects: SubjectNumbers, timeline: Timeline) -> None:
        order = timeline.order[verdicts.user_row]
        # One number more than there are snapshots, so that the runs of two subjects are never adjacent.
        self.width = int(timeline.order.max(initial=0)) + 2
        self.key = subject * self.width + order
        self._subjects, self._timeline = subjects, timeline
        self._by_status = {status: np.sort(self.key[verdicts.status == status]) for status in (_FAIL, _NOT_CHECKED)}
        self._status = verdicts.status
        # Snapshots in which the control can judge no subject.
        nobody = is_because(verdicts.reason, *_OF_NOBODY)
        self._nobody = np.unique(timeline.position[verdicts.user_row[nobody]])

    def says(self, status: int, subject: Whole, order: Whole) -> Flags:
        """Return where the control gives subjects this status in snapshots (`order`)."""
        if status not in self._by_status:
            self._by_status[status] = np.sort(self.key[self._status == status])
        return _among(self._by_status[status], subject * self.width + order)

    def is_lost(self, verdicts: Verdicts, subject: Whole, order: Whole) -> Flags:
        """Return where the control cannot decide in snapshots (`order`) whether the subjects of `verdicts` fail."""
        lost = self.says(_NOT_CHECKED, subject, order)
        if not len(self._nobody):
            return lost
        calendar = self._timeline.calendar
        position = calendar.starts[self._timeline.account[verdicts.user_row]] + order
        exists = order < np.diff(calendar.starts)[self._timeline.account[verdicts.user_row]]
        has_verdict = _among(np.sort(self.key), subject * self.width + order)
        return np.asarray(lost | (exists & ~has_verdict & _among(self._nobody, position)))

    def last_without(self, begin: Verdicts, subject: Whole, first: Whole) -> Whole:
        """Return the last snapshot before `first` that shows each subject without the failure; -1 if there is none."""
        before = first - 1
        pending = np.flatnonzero(before >= 0)
        while len(pending):
            verdicts, subjects, order = begin.take(pending), subject[pending], before[pending]
            unsure = self.says(_FAIL, subjects, order) | self.is_lost(verdicts, subjects, order)
            unsure |= self._subjects.is_ambiguous(verdicts, order) | self._subjects.was_hidden(verdicts, order)
            pending = pending[unsure]
            before[pending] -= 1
            pending = pending[before[pending] >= 0]
        return before


def _among(ascending: Whole, numbers: Whole) -> Flags:
    """Return which `numbers` are in `ascending`, which is in ascending order."""
    if not len(ascending):
        return np.zeros(len(numbers), bool)
    return np.asarray(ascending[np.minimum(np.searchsorted(ascending, numbers), len(ascending) - 1)] == numbers)


def _undecided(users: pd.DataFrame, verdicts: Verdicts, chosen: Sequence[Check], timeline: Timeline) -> pd.DataFrame:
    """Return the table `UNDECIDED`: checks that are not checked in the newest snapshots of accounts."""
    account = timeline.account[verdicts.user_row]
    whose = _whose(users, verdicts, chosen)
    last = timeline.calendar.instant(account, timeline.order[verdicts.user_row])
    return pd.DataFrame(
        {
            **{name: whose[name] for name in UNDECIDED.names if name in whose},
            "manual": column_of(pa.array(is_because(verdicts.reason, Reason.MANUAL))),
            "last_seen": column_of(times_from(last)),
            "waiver": coded(np.full(len(verdicts), -1, np.int8), []),
        },
        copy=False,
    )


def _lifetimes(  # noqa: PLR0913 - the tables, the runs and their context
    users: pd.DataFrame,
    credentials: pd.DataFrame,
    runs: _Runs,
    subjects: SubjectNumbers,
    chosen: Sequence[Check],
    timeline: Timeline,
) -> pd.DataFrame:
    end, calendar = runs.end, timeline.calendar
    account, which = timeline.account[end.user_row], end.chosen.astype(np.int64)
    first, last, after = (calendar.instant(account, order) for order in (runs.first, runs.last, runs.last + 1))
    ended = after != NO_TIME
    gap = ended & (after - last > GAP * calendar.usual()[account])
    unknown = subjects.is_ambiguous(end, runs.last + 1) | subjects.is_hidden(end, runs.last + 1)
    closed = ended & ((~gap & ~runs.undecided & ~unknown) | (runs.renewed != NO_TIME))
    created = np.where(end.on_accounts, NO_TIME, np.maximum(subjects.user_created_of(end), subjects.created_of(end)))
    bounds = _bounds(runs, account, created, chosen, calendar, closed)
    # A use does not change the age of a credential, so it cannot close a failure of an age limit.
    aged = np.array(["max_age_days" in check.parameters for check in chosen])[which]
    closing = subjects.closing(users, credentials, end, runs.last + 1, aged)
    words = messages(end, days_since(end.time, last), [check.control.messages for check in chosen])
    result = pd.DataFrame(
        {
            **_whose(users, end, chosen),
            "key_created": column_of(times_from(subjects.created_of(end))),
            "first_seen": column_of(times_from(first)),
            "last_seen": column_of(times_from(last)),
            "state": coded(np.select([closed, ended], [1, 2], default=0).astype(np.int8), _STATES),
            "closed_at": column_of(times_from(np.where(closed, after, NO_TIME))),
            "closed_by": coded(np.where(closed, closing, -1).astype(np.int8), CLOSINGS),
            "days_open": column_of(pa.array(days_since(first, np.where(closed, after, last)))),
            "reopened": column_of(pa.array(_reopened(which, runs.subject, closed))),
            "censored_left": column_of(pa.array(runs.first == 0)),
            "censored_right": column_of(pa.array(~ended)),
            "message": column_of(words),
            "source": pd.Series(users["source"].array.take(end.user_row)),
            "line": _of_row(users["line"], end),
            "waiver": coded(np.full(len(end), -1, np.int8), []),
            **bounds,
            "lost_at": column_of(times_from(np.where(ended & ~closed, after, NO_TIME))),
            "first_row": runs.begin.user_row,
            "user_row": end.user_row,
        },
        copy=False,
    )
    order = np.lexsort((first, runs.subject, which, account))
    return result.take(order).reset_index(drop=True)


def _whose(users: pd.DataFrame, end: Verdicts, chosen: Sequence[Check]) -> dict[str, pd.Series[Any]]:
    """Return the columns that name the control and the subject of each failure."""
    which = end.chosen.astype(np.int64)
    kind = np.where(end.credential_row >= 0, end.kind, KINDS.index("user")).astype(np.int8)
    return {
        "control": _of_plan([check.control.id for check in chosen], which),
        "requirement": _of_plan([check.requirement for check in chosen], which),
        "severity": _of_plan([check.severity.value for check in chosen], which),
        "account_id": pd.Series(users["account_id"].array.take(end.user_row)),
        "user": _of_row(users["user"], end),
        "arn": _of_row(users["arn"], end),
        "credential": coded(end.subject, SUBJECTS),
        "kind": coded(kind, KINDS),
    }


def _bounds(  # noqa: PLR0913 - the runs and their context
    runs: _Runs, account: Whole, created: Whole, chosen: Sequence[Check], calendar: Calendar, closed: Flags
) -> dict[str, pd.Series[Any]]:
    """Return the ranges of the start and the end of failures, and of the days that they were open.

    A failure cannot begin before its subject was `created`. A snapshot that is judged at a reference date was captured
    before that date, so the capture time limits the end.
    """
    opened_latest, shown = calendar.instant(account, runs.first), calendar.taken(account, runs.last)
    without = np.where(runs.before >= 0, calendar.taken(account, np.maximum(runs.before, 0)), NO_TIME)
    before = np.where(runs.first > 0, calendar.taken(account, np.maximum(runs.first - 1, 0)), opened_latest)
    # A creation before the earlier snapshot gives no tighter range. A creation after the failure is an error.
    born = np.where((before < created) & (created <= opened_latest), created, NO_TIME)
    opened_earliest = np.maximum(np.maximum(_crossed(runs, chosen), without), born)
    closed_earliest = np.where(closed, np.maximum(shown, opened_earliest), NO_TIME)
    until = np.where(runs.renewed != NO_TIME, runs.renewed, calendar.instant(account, runs.last + 1))
    closed_latest = np.where(closed, np.maximum(until, closed_earliest), NO_TIME)
    shortest = np.maximum(np.where(closed, closed_earliest, shown) - opened_latest, 0) / DAY
    is_bounded = closed & (opened_earliest != NO_TIME)
    longest = np.where(is_bounded, closed_latest - np.where(is_bounded, opened_earliest, 0), 0) / DAY
    return {
        "opened_earliest": column_of(times_from(opened_earliest)),
        "opened_latest": column_of(times_from(opened_latest)),
        "closed_earliest": column_of(times_from(closed_earliest)),
        "closed_latest": column_of(times_from(closed_latest)),
        "open_days_min": column_of(pa.array(shortest)),
        "open_days_max": column_of(pa.array(longest, mask=~is_bounded)),
    }


def _crossed(runs: _Runs, chosen: Sequence[Check]) -> Whole:
    """Return the time at which the day limit of each failure was passed; `NO_TIME` without a limit or if unknown."""
    begin = runs.begin
    limits = [[check.parameters.get(name, -1) for name in _LIMITS] for check in chosen]
    idle, age = np.array(limits, np.int64).reshape(-1, 2)[begin.chosen.astype(np.int64)].T
    # A key that was never used is judged by its age, against the limit of idle days.
    by_age = np.where(age >= 0, age, np.where(runs.passes, idle, 0))
    days = np.where(begin.aged, by_age, idle)
    # Failures of an account as a whole count the days between two times, not the days until the reference date.
    counted = (begin.time != NO_TIME) & ((idle >= 0) | (age >= 0)) & ~begin.on_accounts
    return np.where(counted, np.where(counted, begin.time, 0) + days * DAY, NO_TIME)


def _of_row(values: pd.Series[Any], end: Verdicts) -> pd.Series[Any]:
    """Return the values of the failing rows of users; null for failures of an account as a whole."""
    taken = arrow_of(values).take(pa.array(end.user_row))
    return column_of(pc.if_else(pa.array(end.on_accounts), pa.scalar(None, taken.type), taken))


def _of_plan(values: Sequence[str | None], which: Whole) -> pd.Series[Any]:
    names = sorted({value for value in values if value is not None})
    codes = np.array([-1 if value is None else names.index(value) for value in values], np.int32)
    return coded(codes[which], names)


def _reopened(which: Whole, subject: Whole, closed: Flags) -> npt.NDArray[np.int32]:
    """Return for each run the number of earlier closed runs of its subject; the runs are in order of time."""
    done = pd.Series(closed.astype(np.int64))
    return (done.groupby([which, subject]).cumsum() - done).to_numpy().astype(np.int32)
