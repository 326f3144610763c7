"""Whether snapshots have the column that a control needs: counted while the control is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyzer.controls.vocabulary import Reason
from analyzer.judging.staleness import is_because

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt

    from analyzer.controls.checklist import Checklist
    from analyzer.history.snapshots import Flags
    from analyzer.judging.verdicts import Verdicts

    Whole = npt.NDArray[np.int64]


def counting(
    verdicts: Iterable[Verdicts], checklist: Checklist, sides: Sequence[Flags]
) -> tuple[Iterator[Verdicts], Whole]:
    """Return the verdicts to take, and counts that are complete when all are taken: by side, presence and check.

    `sides` are flags of the rows of users. Presence 0: verdicts on reports without the column of the control; 1: all
    others. Only controls that can lack a column are counted.
    """
    counts = np.zeros((len(sides), 2, len(checklist.checks)), np.int64)
    may_lack = np.array([check.control.absent is Reason.COLUMN_NOT_IN_REPORT for check in checklist.checks], bool)

    def counted() -> Iterator[Verdicts]:
        for of_control in verdicts:
            if may_lack[of_control.chosen].any():
                is_present = ~is_because(of_control.reason, Reason.COLUMN_NOT_IN_REPORT)
                for side, rows in enumerate(sides):
                    checks = (of_control.chosen + len(checklist.checks) * is_present)[rows[of_control.user_row]]
                    counts[side] += np.bincount(checks, minlength=counts[side].size).reshape(counts[side].shape)
            yield of_control

    return counted(), counts


def without_column(counts: Sequence[Whole], checklist: Checklist, sides: int = 1) -> list[tuple[str, ...]]:
    """Return for each side the controls that judged nothing because no snapshot has their column.

    `counts` are those of all batches (see `counting`).
    """
    return [
        tuple(dict.fromkeys(checklist.checks[at].control.id for at in np.flatnonzero((absent > 0) & (present == 0))))
        for absent, present in sum(counts, np.zeros((sides, 2, len(checklist.checks)), np.int64))
    ]
