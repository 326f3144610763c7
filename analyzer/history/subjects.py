"""Identifies users and credentials across the snapshots of an account, and finds how a failure was closed."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow.compute as pc

from analyzer.history.snapshots import is_partial
from analyzer.judging.staleness import codes_of
from analyzer.reading.columns import NO_TIME, arrow_of, codes_in, few_texts_of, lower_case, microseconds, numbered
from analyzer.reading.layout import SLOTS, Kind

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from analyzer.history.calendar import Timeline
    from analyzer.judging.verdicts import Verdicts

    Whole = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

CLOSINGS: Final = ["deleted", "deactivated", "used", "changed", "mfa_enabled", "other"]
"""The reasons why a failure was closed."""
KINDS: Final = [*Kind, "user"]


class SubjectNumbers:
    """Gives each user and each credential one number that is the same in all snapshots."""

    def __init__(self, users: pd.DataFrame, credentials: pd.DataFrame, timeline: Timeline) -> None:
        self._timeline = timeline
        # The codes are ranks, so that the order of users depends on their names and not on the order of rows.
        name = codes_in(few_texts_of(lower_case(arrow_of(users["user"]))))
        of_name = self._of_name = numbered(timeline.account, name)
        self._is_root = users["is_root"].to_numpy(dtype=bool)
        self._partial = np.zeros(len(timeline.calendar.instants), bool)
        self._partial[timeline.position[is_partial(users)]] = True
        created = self._user_created = _with_gaps_filled(
            microseconds(users["user_creation_time"]), of_name, timeline.order
        )
        self._user = numbered(of_name, created)
        self._count = int(self._user.max(initial=-1)) + 1
        self._owner = credentials["user_row"].to_numpy()
        kind = self._kind = codes_of(credentials["kind"])
        slot = codes_of(credentials["credential"]).astype(np.int64)
        # A user has one password, whenever it was set. A key is identified by its creation time, or by its slot.
        is_password = kind == KINDS.index(Kind.PASSWORD)
        self._created = np.where(is_password, NO_TIME, microseconds(credentials["last_changed"]))
        numbers = numbered(self._user[self._owner], kind, self._created)
        # If two keys of a user have the same creation time, their slots distinguish them (rows are sorted by slot).
        twins = numbers[1:][(np.diff(self._owner) == 0) & (np.diff(numbers) == 0)]
        by_slot = (self._created == NO_TIME) | np.isin(numbers, twins)
        self._credential = numbers * (len(SLOTS) + 1) + np.where(by_slot, slot, len(SLOTS))

    def of(self, verdicts: Verdicts) -> Whole:
        """Return the number of each verdict's subject: users first, then credentials, then accounts as a whole."""
        row, position = verdicts.user_row, verdicts.credential_row
        everything = self._count + int(self._credential.max(initial=-1)) + 1
        of_account = everything + self._timeline.account[row]
        by_credential = np.append(self._credential, -1)[position] + self._count
        return np.select([verdicts.on_accounts, position >= 0], [of_account, by_credential], default=self._user[row])

    def is_ambiguous(self, end: Verdicts, order: Whole) -> Flags:
        """Return where a failed key (or certificate) is not found at `order`, but another key of the user may be it.

        This is possible if the creation time of one of the two is not known.
        """
        undated = (self._created == NO_TIME) & (self._kind != KINDS.index(Kind.PASSWORD))
        nothing = np.zeros(len(end), bool)
        if not undated.any():
            return nothing
        position = end.credential_row
        of_key = (position >= 0) & (end.kind != KINDS.index(Kind.PASSWORD))
        holder = self._user[self._owner] * len(KINDS) + self._kind
        of_holder = self._user[end.user_row] * len(KINDS) + end.kind
        then = self._timeline.order[self._owner]

        def holds(which: Flags) -> Flags:
            return np.asarray(_Lookup(holder[which], then[which]).find(of_holder, order) >= 0)

        is_present = _Lookup(self._credential, then).find(np.append(self._credential, -1)[position], order) >= 0
        seems_gone = of_key & ~is_present
        own_undated = np.append(undated, False)[position]
        return np.asarray(seems_gone & (holds(undated) | (own_undated & holds(~undated))))

    def is_hidden(self, end: Verdicts, order: Whole) -> Flags:
        """Return where the user of a failure is not found at `order`, but may still exist.

        This is possible if the snapshot may lack users. Root always exists.
        """
        row = end.user_row
        gone = self._present.find(self._user[row], order) < 0
        hidden = gone & self._is_root[row]
        if self._partial.any():
            snapshot_position = self._timeline.calendar.starts[self._timeline.account[row]] + order
            in_partial = self._partial[np.minimum(snapshot_position, len(self._partial) - 1)]
            # If the snapshot has another user of the same name, the earlier user was deleted.
            nameless = _Lookup(self._of_name, self._timeline.order).find(self._of_name[row], order) < 0
            hidden |= gone & in_partial & nameless
        return np.asarray(hidden)

    def was_hidden(self, begin: Verdicts, order: Whole) -> Flags:
        """Return where the user of a later failure is not found at `order`, but may have existed: see `is_hidden`."""
        row = begin.user_row
        created_since = self._user_created[row] > self._timeline.calendar.taken(self._timeline.account[row], order)
        return self.is_hidden(begin, order) & ~created_since

    @cached_property
    def _present(self) -> _Lookup:
        """The lookup of users."""
        return _Lookup(self._user, self._timeline.order)

    def created_of(self, verdicts: Verdicts) -> Whole:
        """Return the creation time of each verdict's key or certificate."""
        return np.append(self._created, NO_TIME)[verdicts.credential_row]

    def user_created_of(self, verdicts: Verdicts) -> Whole:
        """Return the creation time of each verdict's user."""
        return self._user_created[verdicts.user_row]

    def closing(
        self, users: pd.DataFrame, credentials: pd.DataFrame, end: Verdicts, order: Whole, aged: Flags
    ) -> npt.NDArray[np.int8]:
        """Return how each failure was closed (a position in `CLOSINGS`), from the subject's state at `end` and `order`.

        `aged` marks failures of an age limit.
        """
        row, position = end.user_row, end.credential_row
        then_user = self._present.find(self._user[row], order)
        lookup = _Lookup(self._credential, self._timeline.order[self._owner])
        then = np.where(position >= 0, lookup.find(np.append(self._credential, -1)[position], order), -1)
        active = np.asarray(pc.fill_null(arrow_of(credentials["active"]).cast("int8"), 1))
        used, changed = (microseconds(credentials[name]) for name in ("last_used", "last_changed"))
        mfa = np.asarray(pc.fill_null(arrow_of(users["mfa_active"]).cast("int8"), 0))

        def later(times: Whole) -> Flags:
            padded = np.append(times, NO_TIME)
            return np.asarray((then >= 0) & (padded[then] > padded[position]))

        is_credential, is_password = position >= 0, (position >= 0) & (end.kind == KINDS.index(Kind.PASSWORD))
        gone = then_user < 0
        conditions = [
            gone | (is_credential & ~is_password & (then < 0)),
            is_credential & ((then < 0) | (np.append(active, 1)[then] == 0)),
            is_credential & ~aged & later(used),
            is_credential & later(changed),
            ~is_credential & ~gone & (np.append(mfa, 0)[then_user] > np.append(mfa, 0)[row]),
        ]
        return np.select(conditions, range(len(conditions)), default=len(CLOSINGS) - 1).astype(np.int8)


def _with_gaps_filled(created: Whole, group: Whole, order: Whole) -> Whole:
    """Return `created`, with unknown values filled from the group's snapshot before, or else from the next one."""
    if (created != NO_TIME).all():
        return created
    rows = np.lexsort((order, group))
    filled, owner = created[rows], group[rows]
    for step in (slice(None), slice(None, None, -1)):
        times, of = filled[step], owner[step]
        last_known = np.maximum.accumulate(np.where(times != NO_TIME, np.arange(len(times)), 0))
        filled = np.where(of[last_known] == of, times[last_known], times)[step]
    result = np.empty_like(created)
    result[rows] = filled
    return result


class _Lookup:
    """Finds the row of a subject in a snapshot by binary search."""

    def __init__(self, subject: Whole, order: Whole) -> None:
        self._width = int(order.max(initial=0)) + 2
        key = subject * self._width + order
        self._sorted = np.argsort(key, kind="stable")
        self._keys = key[self._sorted]

    def find(self, subject: Whole, order: Whole) -> Whole:
        """Return the position of each subject's row, or -1."""
        if not len(self._keys):
            return np.full(len(subject), -1)
        keys = subject * self._width + np.minimum(order, self._width - 1)
        positions = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[positions] == keys, self._sorted[positions], -1)
