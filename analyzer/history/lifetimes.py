"""Findings over many snapshots -> how long each failure stayed open, and what ended it.

A failure lives through the unbroken run of an account's snapshots in which its subject fails. The next snapshot closes
it if it shows that the subject no longer fails. Where that snapshot cannot tell, or comes after a gap in which others
are missing, sight of the failure was lost and no fix is claimed.

A snapshot is no instant at which anything happened: a failure began after the last snapshot that shows its subject
without it, and was closed after the last one that shows it open. Between those and the next ones nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.vocabulary import Reason, Status
from analyzer.evidence.schema import UNDECIDED
from analyzer.history.calendar import GAP
from analyzer.history.snapshots import is_partial
from analyzer.judging.staleness import codes_of, days_since, is_because
from analyzer.judging.verdicts import SUBJECTS, Verdicts
from analyzer.judging.wording import messages
from analyzer.reading.columns import (
    NO_TIME,
    arrow_of,
    coded,
    codes_in,
    column_of,
    few_texts_of,
    lower_case,
    microseconds,
    numbered,
    times_from,
)
from analyzer.reading.layout import SLOTS, Kind
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
_CLOSINGS: Final = ["deleted", "deactivated", "used", "changed", "mfa_enabled", "other"]
_KINDS: Final = [*Kind, "user"]


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
    subjects = _Subjects(users, credentials, timeline)
    newest = timeline.is_newest
    parts, undecided = [], []
    for one in verdicts:
        parts.append(_runs(one, subjects, chosen, timeline))
        undecided.append(one.take((one.status == _NOT_CHECKED) & newest[one.user_row]))
    found = _lifetimes(users, credentials, _Runs.joined(parts), subjects, chosen, timeline)
    return Lives(found, _undecided(users, Verdicts.joined(undecided), chosen, timeline), timeline.calendar)


def _runs(verdicts: Verdicts, subjects: _Subjects, chosen: Sequence[Check], timeline: Timeline) -> _Runs:
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

    def __init__(self, verdicts: Verdicts, subject: Whole, subjects: _Subjects, timeline: Timeline) -> None:
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
    subjects: _Subjects,
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
            "closed_by": coded(np.where(closed, closing, -1).astype(np.int8), _CLOSINGS),
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
    kind = np.where(end.credential_row >= 0, end.kind, _KINDS.index("user")).astype(np.int8)
    return {
        "control": _of_plan([one.control.id for one in chosen], which),
        "requirement": _of_plan([one.requirement for one in chosen], which),
        "severity": _of_plan([one.severity.value for one in chosen], which),
        "account_id": pd.Series(users["account_id"].array.take(end.user_row)),
        "user": _of_row(users["user"], end),
        "arn": _of_row(users["arn"], end),
        "credential": coded(end.subject, SUBJECTS),
        "kind": coded(kind, _KINDS),
    }


def _bounds(  # noqa: PLR0913 - the runs, and what is known of them
    runs: _Runs, account: Whole, made: Whole, chosen: Sequence[Check], calendar: Calendar, closed: Flags
) -> dict[str, pd.Series[Any]]:
    """Return between which instants failures began and were closed, and so how long they were open.

    What is judged at a reference date is known from a snapshot before it. Nothing fails before it is `made`.
    """
    opened_latest, shown = calendar.instant(account, runs.first), calendar.taken(account, runs.last)
    without = np.where(runs.before >= 0, calendar.taken(account, np.maximum(runs.before, 0)), NO_TIME)
    known = np.maximum(_crossed(runs, chosen), without)
    # A report may be wrong: what was made after it failed tells nothing.
    opened_earliest = np.maximum(known, np.where(made <= opened_latest, made, NO_TIME))
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
    counted = (begin.time != NO_TIME) & ((idle >= 0) | (age >= 0))
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


class _Subjects:
    """Who is who across snapshots: one number for each user, and for each credential of one."""

    def __init__(self, users: pd.DataFrame, credentials: pd.DataFrame, timeline: Timeline) -> None:
        self._timeline = timeline
        # By rank, so that the order of users depends on their names alone, and not on which rows come first.
        name = codes_in(few_texts_of(lower_case(arrow_of(users["user"]))))
        of_name = self._of_name = numbered(timeline.account, name)
        self._is_root = users["is_root"].to_numpy(dtype=bool)
        self._partial = np.zeros(len(timeline.calendar.instants), bool)
        self._partial[timeline.place[is_partial(users)]] = True
        made = self._user_made = _known_before(microseconds(users["user_creation_time"]), of_name, timeline.order)
        self._user = numbered(of_name, made)
        self._count = int(self._user.max(initial=-1)) + 1
        self._owner = credentials["user_row"].to_numpy()
        kind = self._kind = codes_of(credentials["kind"])
        slot = codes_of(credentials["credential"]).astype(np.int64)
        # A password is one, whenever it was set; a key is known by its creation, else only by its slot.
        is_password = kind == _KINDS.index(Kind.PASSWORD)
        self._made = np.where(is_password, NO_TIME, microseconds(credentials["last_changed"]))
        known = numbered(self._user[self._owner], kind, self._made)
        # Two that were made in one instant are known by their slots as well (they stand by row and slot).
        twins = known[1:][(np.diff(self._owner) == 0) & (np.diff(known) == 0)]
        by_slot = (self._made == NO_TIME) | np.isin(known, twins)
        self._credential = known * (len(SLOTS) + 1) + np.where(by_slot, slot, len(SLOTS))

    def of(self, verdicts: Verdicts) -> Whole:
        """Return the number of each verdict's subject: users first, then credentials, accounts as a whole last."""
        row, position = verdicts.user_row, verdicts.credential_row
        everything = self._count + int(self._credential.max(initial=-1)) + 1
        of_account = everything + self._timeline.account[row]
        by_credential = np.append(self._credential, -1)[position] + self._count
        return np.select([verdicts.on_accounts, position >= 0], [of_account, by_credential], default=self._user[row])

    def cannot_be_told(self, end: Verdicts, order: Whole) -> Flags:
        """Where what failed is not found at `order`, but one of a user's keys (or certificates) there may be it.

        That is so where the creation of either is not known.
        """
        undated = (self._made == NO_TIME) & (self._kind != _KINDS.index(Kind.PASSWORD))
        nothing = np.zeros(len(end), bool)
        if not undated.any():
            return nothing
        position = end.credential_row
        of_key = (position >= 0) & (end.kind != _KINDS.index(Kind.PASSWORD))
        holder = self._user[self._owner] * len(_KINDS) + self._kind
        of_holder = self._user[end.user_row] * len(_KINDS) + end.kind
        then = self._timeline.order[self._owner]

        def holds(which: Flags) -> Flags:
            return np.asarray(_Lookup(holder[which], then[which]).find(of_holder, order) >= 0)

        found = _Lookup(self._credential, then).find(np.append(self._credential, -1)[position], order) >= 0
        seems_gone = of_key & ~found
        own_undated = np.append(undated, False)[position]
        return np.asarray(seems_gone & (holds(undated) | (own_undated & holds(~undated))))

    def is_hidden(self, end: Verdicts, order: Whole) -> Flags:
        """Where the user of what failed is not found at `order`, but need not be gone.

        That is so where a snapshot may hold some of its users only; root cannot go.
        """
        row = end.user_row
        gone = self._present.find(self._user[row], order) < 0
        hidden = gone & self._is_root[row]
        if self._partial.any():
            place = self._timeline.calendar.starts[self._timeline.account[row]] + order
            in_partial = self._partial[np.minimum(place, len(self._partial) - 1)]
            # Who was made again under the same name has taken the place of the one before.
            nameless = _Lookup(self._of_name, self._timeline.order).find(self._of_name[row], order) < 0
            hidden |= gone & in_partial & nameless
        return np.asarray(hidden)

    def was_hidden(self, begin: Verdicts, order: Whole) -> Flags:
        """Where the user of what fails later is not found at `order`, but may have been there: see `is_hidden`."""
        row = begin.user_row
        made_since = self._user_made[row] > self._timeline.calendar.taken(self._timeline.account[row], order)
        return self.is_hidden(begin, order) & ~made_since

    @cached_property
    def _present(self) -> _Lookup:
        """Finds users."""
        return _Lookup(self._user, self._timeline.order)

    def made_of(self, verdicts: Verdicts) -> Whole:
        """Return when the key or certificate of each verdict was made."""
        return np.append(self._made, NO_TIME)[verdicts.credential_row]

    def user_made_of(self, verdicts: Verdicts) -> Whole:
        """Return when the user of each verdict was made."""
        return self._user_made[verdicts.user_row]

    def closing(
        self, users: pd.DataFrame, credentials: pd.DataFrame, end: Verdicts, order: Whole, aged: Flags
    ) -> npt.NDArray[np.int8]:
        """Return what ended each failure, a code of `_CLOSINGS`, by the subject's state at its `end` and at `order`.

        What is `aged` failed for its age.
        """
        row, position = end.user_row, end.credential_row
        then_user = self._present.find(self._user[row], order)
        held = _Lookup(self._credential, self._timeline.order[self._owner])
        then = np.where(position >= 0, held.find(np.append(self._credential, -1)[position], order), -1)
        active = np.asarray(pc.fill_null(arrow_of(credentials["active"]).cast("int8"), 1))
        used, changed = (microseconds(credentials[name]) for name in ("last_used", "last_changed"))
        mfa = np.asarray(pc.fill_null(arrow_of(users["mfa_active"]).cast("int8"), 0))

        def later(times: Whole) -> Flags:
            padded = np.append(times, NO_TIME)
            return np.asarray((then >= 0) & (padded[then] > padded[position]))

        is_credential, is_password = position >= 0, (position >= 0) & (end.kind == _KINDS.index(Kind.PASSWORD))
        gone = then_user < 0
        conditions = [
            gone | (is_credential & ~is_password & (then < 0)),
            is_credential & ((then < 0) | (np.append(active, 1)[then] == 0)),
            is_credential & ~aged & later(used),
            is_credential & later(changed),
            ~is_credential & ~gone & (np.append(mfa, 0)[then_user] > np.append(mfa, 0)[row]),
        ]
        return np.select(conditions, range(len(conditions)), default=len(_CLOSINGS) - 1).astype(np.int8)


def _known_before(made: Whole, group: Whole, order: Whole) -> Whole:
    """Return `made` where it is known; else that of the group's snapshot before, or else of the next that shows it."""
    if (made != NO_TIME).all():
        return made
    rows = np.lexsort((order, group))
    filled, owner = made[rows], group[rows]
    for step in (slice(None), slice(None, None, -1)):
        times, of = filled[step], owner[step]
        known = np.maximum.accumulate(np.where(times != NO_TIME, np.arange(len(times)), 0))
        filled = np.where(of[known] == of, times[known], times)[step]
    result = np.empty_like(made)
    result[rows] = filled
    return result


class _Lookup:
    """Finds the row of a subject in a snapshot."""

    def __init__(self, subject: Whole, order: Whole) -> None:
        self._width = int(order.max(initial=0)) + 2
        key = subject * self._width + order
        self._sorted = np.argsort(key, kind="stable")
        self._keys = key[self._sorted]

    def find(self, subject: Whole, order: Whole) -> Whole:
        """Return the position of each, or -1."""
        if not len(self._keys):
            return np.full(len(subject), -1)
        wanted = subject * self._width + np.minimum(order, self._width - 1)
        place = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return np.where(self._keys[place] == wanted, self._sorted[place], -1)
