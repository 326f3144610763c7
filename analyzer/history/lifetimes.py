"""Findings over many snapshots -> how long each failure stayed open, and what ended it.

A failure lives through the unbroken run of an account's snapshots in which its subject fails. The next snapshot closes
it if it shows that the subject no longer fails. Where that snapshot cannot tell, or comes after a gap in which others
are missing, sight of the failure was lost and no fix is claimed.

A snapshot is no instant at which anything happened: a failure began after the last snapshot that shows its subject
without it, and was closed after the last one that shows it open. Between those and the next ones nothing is known.
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
from analyzer.history.subjects import CLOSINGS, KINDS, Subjects
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

_FAIL, _NOT_CHECKED, _PASS = (list(Status).index(one) for one in (Status.FAIL, Status.NOT_CHECKED, Status.PASS))
_OF_NOBODY: Final = (Reason.ROOT_NOT_IN_REPORT, Reason.COLUMN_NOT_IN_REPORT)
"""With these reasons a control can say nothing of whom it is about: they are not in the report."""
_LIMITS: Final = ("max_idle_days", "max_age_days")
"""The parameters of controls that count days, up to a limit that makes the failure."""
_STATES: Final = ["open", "closed", "lost_sight"]


@dataclass(frozen=True)
class Lives:
    """The failures of some accounts, and what could not be decided in their newest snapshots.

    `lifetimes` has the columns of `LIFETIMES`, and `user_row`, where each was last seen; `undecided` those of
    `UNDECIDED`.
    """

    lifetimes: pd.DataFrame
    undecided: pd.DataFrame
    calendar: Calendar


@dataclass(frozen=True)
class _Runs:
    """Unbroken runs of snapshots in which a subject fails a control, by control, subject and time.

    `first` and `last` are snapshots (their order within the account), `before` the last one before them that shows the
    subject without the failure (-1: none does), `passes` where the control says there that it passes. `begin` and `end`
    are the first and the last verdict of each; `undecided` where the next snapshot cannot tell. `renewed` is the
    instant after a run at which its subject was used, or changed, although the next snapshot shows it failing again
    (`NO_TIME`: it was not).
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
        """Return the runs of one control after the other."""

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
    """Return the failures among `verdicts`, one control's after the other, on snapshots of whole accounts.

    They stand by account, control, name of the user, credential and first appearance.
    """
    subjects = Subjects(users, credentials, timeline)
    newest = timeline.is_newest
    parts, undecided = [], []
    for one in verdicts:
        parts.append(_runs(one, subjects, chosen, timeline))
        undecided.append(one.take((one.status == _NOT_CHECKED) & newest[one.user_row]))
    found = _lifetimes(users, credentials, _Runs.joined(parts), subjects, chosen, timeline)
    return Lives(found, _undecided(users, Verdicts.joined(undecided), chosen, timeline), timeline.calendar)


def _runs(verdicts: Verdicts, subjects: Subjects, chosen: Sequence[Check], timeline: Timeline) -> _Runs:
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
    """Return for each failing verdict the instant from which its days count, if that is after the snapshot before.

    The subject failed in that snapshot too, but not all the time since; `begins` says where it did not, or where there
    is none. `NO_TIME` stands elsewhere, and where a control counts no days.
    """
    counts_days = np.array([any(name in one.parameters for name in _LIMITS) for one in chosen], bool)
    account, order = timeline.account[failing.user_row], timeline.order[failing.user_row]
    before = timeline.calendar.taken(account, np.maximum(order - 1, 0))
    is_later = ~begins & counts_days[failing.chosen] & (failing.time > before)
    return np.where(is_later, failing.time, NO_TIME)


class _Sight:
    """What one control says of each subject, by snapshot; `key` has a number for both, of each verdict."""

    def __init__(self, verdicts: Verdicts, subject: Whole, subjects: Subjects, timeline: Timeline) -> None:
        order = timeline.order[verdicts.user_row]
        # Beside the snapshots one place more, in which nobody fails: runs of two subjects never touch.
        self.width = int(timeline.order.max(initial=0)) + 2
        self.key = subject * self.width + order
        self._subjects, self._timeline = subjects, timeline
        self._by_status = {one: np.sort(self.key[verdicts.status == one]) for one in (_FAIL, _NOT_CHECKED)}
        self._status = verdicts.status
        # Snapshots of whole accounts of which the control can say nothing.
        nobody = is_because(verdicts.reason, *_OF_NOBODY)
        self._nobody = np.unique(timeline.place[verdicts.user_row[nobody]])

    def says(self, status: int, subject: Whole, order: Whole) -> Flags:
        """Where the control says so of subjects in snapshots."""
        if status not in self._by_status:
            self._by_status[status] = np.sort(self.key[self._status == status])
        return _among(self._by_status[status], subject * self.width + order)

    def is_lost(self, verdicts: Verdicts, subject: Whole, order: Whole) -> Flags:
        """Where the control cannot tell in snapshots (`order`) whether subjects that have verdicts in others fail."""
        lost = self.says(_NOT_CHECKED, subject, order)
        if not len(self._nobody):
            return lost
        calendar = self._timeline.calendar
        place = calendar.starts[self._timeline.account[verdicts.user_row]] + order
        there = order < np.diff(calendar.starts)[self._timeline.account[verdicts.user_row]]
        own = _among(np.sort(self.key), subject * self.width + order)
        return np.asarray(lost | (there & ~own & _among(self._nobody, place)))

    def last_without(self, begin: Verdicts, subject: Whole, first: Whole) -> Whole:
        """Return the last snapshot before `first` that shows each subject without the failure; -1 where none does."""
        before = first - 1
        open_ones = np.flatnonzero(before >= 0)
        while len(open_ones):
            some, whose, order = begin.take(open_ones), subject[open_ones], before[open_ones]
            unsure = self.says(_FAIL, whose, order) | self.is_lost(some, whose, order)
            unsure |= self._subjects.cannot_be_told(some, order) | self._subjects.was_hidden(some, order)
            open_ones = open_ones[unsure]
            before[open_ones] -= 1
            open_ones = open_ones[before[open_ones] >= 0]
        return before


def _among(known: Whole, wanted: Whole) -> Flags:
    """Where numbers are among the `known` ones, which ascend."""
    if not len(known):
        return np.zeros(len(wanted), bool)
    return np.asarray(known[np.minimum(np.searchsorted(known, wanted), len(known) - 1)] == wanted)


def _undecided(users: pd.DataFrame, found: Verdicts, chosen: Sequence[Check], timeline: Timeline) -> pd.DataFrame:
    """Return `UNDECIDED`: what could not be decided in the newest snapshots of accounts."""
    account = timeline.account[found.user_row]
    whose = _whose(users, found, chosen)
    last = timeline.calendar.instant(account, timeline.order[found.user_row])
    return pd.DataFrame(
        {
            **{name: whose[name] for name in UNDECIDED.names if name in whose},
            "manual": column_of(pa.array(is_because(found.reason, Reason.MANUAL))),
            "last_seen": column_of(times_from(last)),
            "waiver": coded(np.full(len(found), -1, np.int8), []),
        },
        copy=False,
    )


def _lifetimes(  # noqa: PLR0913 - the tables, and what is known of them
    users: pd.DataFrame,
    credentials: pd.DataFrame,
    runs: _Runs,
    subjects: Subjects,
    chosen: Sequence[Check],
    timeline: Timeline,
) -> pd.DataFrame:
    end, calendar = runs.end, timeline.calendar
    account, which = timeline.account[end.user_row], end.chosen.astype(np.int64)
    first, last, after = (calendar.instant(account, order) for order in (runs.first, runs.last, runs.last + 1))
    ended = after != NO_TIME
    gap = ended & (after - last > GAP * calendar.usual()[account])
    unknown = subjects.cannot_be_told(end, runs.last + 1) | subjects.is_hidden(end, runs.last + 1)
    closed = ended & ((~gap & ~runs.undecided & ~unknown) | (runs.renewed != NO_TIME))
    made = np.where(end.on_accounts, NO_TIME, np.maximum(subjects.user_made_of(end), subjects.made_of(end)))
    bounds = _bounds(runs, account, made, chosen, calendar, closed)
    # A use does not make anything younger.
    aged = np.array(["max_age_days" in one.parameters for one in chosen])[which]
    closing = subjects.closing(users, credentials, end, runs.last + 1, aged)
    words = messages(end, days_since(end.time, last), [one.control.messages for one in chosen])
    result = pd.DataFrame(
        {
            **_whose(users, end, chosen),
            "key_created": column_of(times_from(subjects.made_of(end))),
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
            "user_row": end.user_row,
        },
        copy=False,
    )
    order = np.lexsort((first, runs.subject, which, account))
    return result.take(order).reset_index(drop=True)


def _whose(users: pd.DataFrame, end: Verdicts, chosen: Sequence[Check]) -> dict[str, pd.Series[Any]]:
    """Return by which control what fails, and whose it is."""
    which = end.chosen.astype(np.int64)
    kind = np.where(end.credential_row >= 0, end.kind, KINDS.index("user")).astype(np.int8)
    return {
        "control": _of_plan([one.control.id for one in chosen], which),
        "requirement": _of_plan([one.requirement for one in chosen], which),
        "severity": _of_plan([one.severity.value for one in chosen], which),
        "account_id": pd.Series(users["account_id"].array.take(end.user_row)),
        "user": _of_row(users["user"], end),
        "arn": _of_row(users["arn"], end),
        "credential": coded(end.subject, SUBJECTS),
        "kind": coded(kind, KINDS),
    }


def _bounds(  # noqa: PLR0913 - the runs, and what is known of them
    runs: _Runs, account: Whole, made: Whole, chosen: Sequence[Check], calendar: Calendar, closed: Flags
) -> dict[str, pd.Series[Any]]:
    """Return between which instants failures began and were closed, and so how long they were open.

    What is judged at a reference date is known from a snapshot before it. Nothing fails before it is `made`, which
    counts where that is after the snapshot before.
    """
    opened_latest, shown = calendar.instant(account, runs.first), calendar.taken(account, runs.last)
    without = np.where(runs.before >= 0, calendar.taken(account, np.maximum(runs.before, 0)), NO_TIME)
    before = np.where(runs.first > 0, calendar.taken(account, np.maximum(runs.first - 1, 0)), opened_latest)
    # What is older than the snapshot before says little, and what was made after it failed is an error of the report.
    born = np.where((before < made) & (made <= opened_latest), made, NO_TIME)
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
    """Return when failures of controls that count days crossed the limit; `NO_TIME` for others, and where unknown."""
    begin = runs.begin
    given = [[one.parameters.get(name, -1) for name in _LIMITS] for one in chosen]
    idle, age = np.array(given, np.int64).reshape(-1, 2)[begin.chosen.astype(np.int64)].T
    # By a limit of idle days a key may be judged by its age: it fails too while it was never used, at any age.
    by_age = np.where(age >= 0, age, np.where(runs.passes, idle, 0))
    days = np.where(begin.aged, by_age, idle)
    # What is said of an account as a whole rests on a span between two times, not on one until today.
    counted = (begin.time != NO_TIME) & ((idle >= 0) | (age >= 0)) & ~begin.on_accounts
    return np.where(counted, np.where(counted, begin.time, 0) + days * DAY, NO_TIME)


def _of_row(values: pd.Series[Any], end: Verdicts) -> pd.Series[Any]:
    """Return the values of the rows of users that fail; failures of whole accounts have none."""
    taken = arrow_of(values).take(pa.array(end.user_row))
    return column_of(pc.if_else(pa.array(end.on_accounts), pa.scalar(None, taken.type), taken))


def _of_plan(values: Sequence[str | None], which: Whole) -> pd.Series[Any]:
    names = sorted({value for value in values if value is not None})
    codes = np.array([-1 if value is None else names.index(value) for value in values], np.int32)
    return coded(codes[which], names)


def _reopened(which: Whole, subject: Whole, closed: Flags) -> npt.NDArray[np.int32]:
    """Return for each run how many earlier ones of its subject were closed (runs stand in their order)."""
    done = pd.Series(closed.astype(np.int64))
    return (done.groupby([which, subject]).cumsum() - done).to_numpy().astype(np.int32)
