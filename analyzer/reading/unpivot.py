"""One row a credential: the five slots of every row of a report, one below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.reading.columns import arrow_of, few_texts, frame_of, is_among
from analyzer.reading.layout import SLOTS, Kind, Slot, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

_KINDS: Final = np.array([slot.kind.code for slot in SLOTS], np.int8)
"""The kind of each slot, as a code of `Kind`."""


def unpivot(users: pd.DataFrame) -> pd.DataFrame:
    """Return the existing credentials of all users, by user and slot (see `Tables`).

    Where a key was used, and by which service, is NA where `users` is without those columns.
    """
    there = _Slots(users)
    changed, used = [slot.last_changed for slot in SLOTS], [slot.last_used for slot in SLOTS]
    return frame_of(
        {
            "credential": few_texts(there.slot, [slot.name for slot in SLOTS]),
            "kind": few_texts(_KINDS[there.slot], list(Kind)),
            "active": there.values([slot.active for slot in SLOTS]),
            "last_changed": there.values(changed),
            "last_changed_state": there.texts([f"{column}_state" for column in changed]),
            "last_used": there.values(used),
            "last_used_state": there.texts([column and f"{column}_state" for column in used], State.MISSING),
            "last_used_region": there.texts([slot.region for slot in SLOTS]),
            "last_used_service": there.texts([slot.service for slot in SLOTS]),
            "is_root": there.of_user("is_root"),
            "user_creation_time": there.of_user("user_creation_time"),
            "user_row": there.row,
        }
    )


class _Slots:
    """The slots that hold a credential, by user and slot: `row` is the position of the user, `slot` that in `SLOTS`."""

    def __init__(self, users: pd.DataFrame) -> None:
        self._users = users
        exists = np.stack([_exists(users, slot) for slot in SLOTS], axis=1).ravel()
        self.row, self.slot = np.divmod(np.flatnonzero(exists), len(SLOTS))
        self._take = pa.array(self.row)
        # Where the value of each stands, once the columns of all slots are one below the other.
        self._stacked = self.slot * len(users) + self.row

    def of_user(self, column: str) -> object:
        """Return a column of the users."""
        values = self._users[column]
        is_category = isinstance(values.dtype, pd.CategoricalDtype)
        return values.array.take(self.row) if is_category else arrow_of(values).take(self._take)

    def values(self, columns: Sequence[str | None]) -> pa.ChunkedArray:
        """Return what stands in the column of each slot, null for slots without one (the first has one)."""
        kind = arrow_of(self._users[columns[0]]).type
        nothing = pa.chunked_array([pa.nulls(len(self._users), kind)])
        pieces = [arrow_of(self._users[column]) if column else nothing for column in columns]
        chunks = [chunk for piece in pieces for chunk in piece.chunks]
        return pa.chunked_array(chunks, kind).take(pa.array(self._stacked))

    def texts(self, columns: Sequence[str | None], otherwise: str | None = None) -> pa.DictionaryArray:
        """Return the same of columns of few texts; `otherwise` stands where there is none."""
        pieces = [self._users[column].cat if column in self._users else None for column in columns]
        texts = {text for piece in pieces if piece is not None for text in piece.categories}
        if not texts and otherwise is None:
            return few_texts(np.full(len(self.row), -1), [])
        ranks = {text: rank for rank, text in enumerate(sorted(texts | ({otherwise} if otherwise else set())))}
        none = ranks[otherwise] if otherwise else -1
        codes = []
        for piece in pieces:
            rank = np.array([*(ranks[text] for text in (() if piece is None else piece.categories)), none], np.int32)
            codes.append(rank[np.full(len(self._users), -1) if piece is None else piece.codes.to_numpy()])
        return few_texts(np.concatenate(codes)[self._stacked], list(ranks))


def _exists(users: pd.DataFrame, slot: Slot) -> npt.NDArray[np.bool_]:
    """Whether a slot holds a credential, for each user.

    `false` with `N/A` is an empty slot; `false` with a date an inactive credential (a key keeps its creation time; a
    key with a date of last use is there as well, a password so described is not: it was removed). An unreadable flag
    is no reason to take a slot for empty.
    """
    inactive = pc.fill_null(pc.invert(arrow_of(users[slot.active])), fill_value=False)
    present = ~np.asarray(inactive)
    dated = [slot.last_changed]
    if slot.kind is Kind.ACCESS_KEY and slot.last_used is not None:
        dated.append(slot.last_used)
    for column in dated:
        present |= is_among(users[f"{column}_state"], (State.VALUE, State.INVALID))
    return present
