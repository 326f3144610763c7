"""The results of controls for many subjects, column by column."""

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
"""The possible subjects of a verdict: a credential by its slot, or a whole row of the report."""


@dataclass(frozen=True)
class Verdicts:
    """The results of controls as arrays, one element per verdict. Times are in microseconds.

    - `chosen` is the position of the check in the checklist.
    - `user_row` is the position of the row in `users`, `credential_row` that of the credential in `credentials` (-1:
      the verdict is not on a credential).
    - `subject` has codes of `SUBJECTS`, `kind` has codes of the kind of credential.
    - `status` and `reason` have codes of `Status` and `Reason`, `basis` has codes of `staleness.BASES` (-1: none).
    - `time` is the time in the column `basis` (`NO_TIME`: none). `aged` marks where the days since then are an age and
      not an idle time. `span` has the days to show instead of these days (-1: none).
    - `fails_at` is the time from which a passing subject fails if nothing changes (`NO_TIME`: never, or no pass).
    - `also` is another time that the message names, such as the last use of a leaver's credential, else `NO_TIME`.
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
    also: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.user_row)

    @classmethod
    def joined(cls, parts: Sequence[Verdicts]) -> Verdicts:
        """Return the verdicts of `parts`, one part after the other."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    @property
    def on_accounts(self) -> npt.NDArray[np.bool_]:
        """Where a verdict is on a whole account."""
        return is_because(self.reason, *OF_ACCOUNT)

    def undecided(self, rows: npt.NDArray[np.bool_]) -> Verdicts:
        """Return the verdicts, changed to not checked (order unknown) in rows of `users` where `rows` is set."""
        is_changed = rows[self.user_row]
        return replace(
            self,
            status=np.where(is_changed, Status.NOT_CHECKED.code, self.status).astype(np.int8),
            reason=np.where(is_changed, Reason.ORDER_UNKNOWN.code, self.reason).astype(np.int8),
            basis=np.where(is_changed, -1, self.basis).astype(np.int8),
            time=np.where(is_changed, NO_TIME, self.time),
            aged=self.aged & ~is_changed,
            fails_at=np.where(is_changed, NO_TIME, self.fails_at),
            also=np.where(is_changed, NO_TIME, self.also),
        )

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Verdicts:
        """Return the verdicts at the positions `rows`, or where `rows` is set."""
        return Verdicts(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})
