"""Turn the five credential slots of each user into rows: one row per credential."""

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
"""The code of `Kind` of each slot."""


def unpivot(users: pd.DataFrame) -> pd.DataFrame:
    """Return the existing credentials of all users, ordered by user and slot (see `Tables`).

    Region and service of the last use are NA if `users` does not have those columns.
    """
    slots = _Slots(users)
    changed, used = [slot.last_changed for slot in SLOTS], [slot.last_used for slot in SLOTS]
    return frame_of(
        {
            "credential": few_texts(slots.slot, [slot.name for slot in SLOTS]),
            "kind": few_texts(_KINDS[slots.slot], list(Kind)),
            "active": slots.values([slot.active for slot in SLOTS]),
            "last_changed": slots.values(changed),
            "last_changed_state": slots.texts([f"{column}_state" for column in changed]),
            "last_used": slots.values(used),
            "last_used_state": slots.texts([column and f"{column}_state" for column in used], State.MISSING),
            "last_used_region": slots.texts([slot.region for slot in SLOTS]),
            "last_used_service": slots.texts([slot.service for slot in SLOTS]),
            "is_root": slots.of_user("is_root"),
            "user_creation_time": slots.of_user("user_creation_time"),
            "user_row": slots.row,
        }
    )


class _Slots:
    """The slots that contain a credential, ordered by user and slot.

    `row` is the position of the user, `slot` the position in `SLOTS`.
    """

    def __init__(self, users: pd.DataFrame) -> None:
        self._users = users
        exists = np.stack([_exists(users, slot) for slot in SLOTS], axis=1).ravel()
        self.row, self.slot = np.divmod(np.flatnonzero(exists), len(SLOTS))
        self._take = pa.array(self.row)
        # The position of each value after the columns of all slots are concatenated.
        self._stacked = self.slot * len(users) + self.row

    def of_user(self, column: str) -> object:
        """Return a column of the users, for each credential."""
        values = self._users[column]
        is_category = isinstance(values.dtype, pd.CategoricalDtype)
        return values.array.take(self.row) if is_category else arrow_of(values).take(self._take)

    def values(self, columns: Sequence[str | None]) -> pa.ChunkedArray:
        """Return the value in the column of each credential's slot.

        `columns` has a column for each slot, or None, which gives null. The first slot must have a column.
        """
        kind = arrow_of(self._users[columns[0]]).type
        nothing = pa.chunked_array([pa.nulls(len(self._users), kind)])
        pieces = [arrow_of(self._users[column]) if column else nothing for column in columns]
        chunks = [chunk for piece in pieces for chunk in piece.chunks]
        return pa.chunked_array(chunks, kind).take(pa.array(self._stacked))

    def texts(self, columns: Sequence[str | None], otherwise: str | None = None) -> pa.DictionaryArray:
        """Return the text in the column of each credential's slot; `otherwise` for slots without a column."""
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
    """Return for each user whether a slot contains a credential.

    `false` with `N/A` is an empty slot. `false` with the date of the last change is an inactive credential. `false`
    with only the date of the last use is an inactive access key, but a removed password. A slot with an unreadable
    flag is not treated as empty.
    """
    inactive = pc.fill_null(pc.invert(arrow_of(users[slot.active])), fill_value=False)
    present = ~np.asarray(inactive)
    dated = [slot.last_changed]
    if slot.kind is Kind.ACCESS_KEY and slot.last_used is not None:
        dated.append(slot.last_used)
    for column in dated:
        present |= is_among(users[f"{column}_state"], (State.VALUE, State.INVALID))
    return present
