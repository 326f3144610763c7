"""What controls say of many subjects, column by column."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from analyzer.controls.vocabulary import OF_ACCOUNT, Reason, Status
from analyzer.judging.staleness import is_because
from analyzer.reading.columns import NO_TIME
from analyzer.reading.layout import SLOTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

SUBJECTS: Final = [*(slot.name for slot in SLOTS), "user"]
"""What a verdict can be on: a credential by its slot, or a row of the report as a whole."""


@dataclass(frozen=True)
class Verdicts:
    """What controls say, column by column, a row per verdict.

    `chosen` is the position of the control among those that judge, `user_row` that of the row in `users`,
    `credential_row` that of the credential in `credentials` (-1: the verdict is on none). `subject` is a code of
    `SUBJECTS`, `kind` the code of the credential's kind. `status`
    and `reason` are codes of `Status` and `Reason`, `basis` one of `staleness.BASES` (-1: none). `time` is the instant
    that the basis gives, in microseconds (`NO_TIME`: none); `aged` says where the days since are an age and not an idle
    time; `span` are the days of a span that counts in their place (-1: none does). `fails_at` is the instant in
    microseconds from which what passes fails if nothing changes (`NO_TIME`: never, or it does not pass). `used` is the
    instant of last use where the message names it beside `time` (`NO_TIME`: it does not).
    """

    chosen: npt.NDArray[np.int16]
    user_row: npt.NDArray[np.int64]
    credential_row: npt.NDArray[np.int64]
    subject: npt.NDArray[np.int8]
    kind: npt.NDArray[np.int8]
    status: npt.NDArray[np.int8]
    reason: npt.NDArray[np.int8]
    basis: npt.NDArray[np.int8]
    time: npt.NDArray[np.int64]
    aged: npt.NDArray[np.bool_]
    span: npt.NDArray[np.int32]
    fails_at: npt.NDArray[np.int64]
    used: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.user_row)

    @classmethod
    def joined(cls, parts: Sequence[Verdicts]) -> Verdicts:
        """Return verdicts one after the other."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    @property
    def on_accounts(self) -> npt.NDArray[np.bool_]:
        """Where verdicts are on an account as a whole."""
        return is_because(self.reason, *OF_ACCOUNT)

    def undecided(self, rows: npt.NDArray[np.bool_]) -> Verdicts:
        """Return the verdicts, those of some rows of `users` turned into: not checked, the order is unknown."""
        here = rows[self.user_row]
        return replace(
            self,
            status=np.where(here, Status.NOT_CHECKED.code, self.status).astype(np.int8),
            reason=np.where(here, Reason.ORDER_UNKNOWN.code, self.reason).astype(np.int8),
            basis=np.where(here, -1, self.basis).astype(np.int8),
            time=np.where(here, NO_TIME, self.time),
            aged=self.aged & ~here,
            fails_at=np.where(here, NO_TIME, self.fails_at),
            used=np.where(here, NO_TIME, self.used),
        )

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Verdicts:
        """Return some of the verdicts."""
        return Verdicts(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})
