"""Finds the check of a checklist for each row of a table, and counts repeated checks once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyzer.controls.vocabulary import Reason, Status
from analyzer.reading.columns import has_text
from analyzer.reading.times import DAY

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

    from analyzer.controls.checklist import Checklist

    Flags = npt.NDArray[np.bool_]
    Whole = npt.NDArray[np.int64]


def check_of(rows: pd.DataFrame, checklist: Checklist) -> npt.NDArray[np.int64]:
    """Return the position in the checklist of each row's `control` and `requirement`; -1 if it is not there."""
    control, requirement = (rows[name].astype("category").cat for name in ("control", "requirement"))
    # The last row and column are for null, which has the code -1.
    positions = np.full((len(control.categories) + 1, len(requirement.categories) + 1), -1)
    for position, check in enumerate(checklist.checks):
        has_number = check.requirement is not None
        if check.control.id in control.categories and (not has_number or check.requirement in requirement.categories):
            number = requirement.categories.get_loc(check.requirement) if has_number else -1
            positions[control.categories.get_loc(check.control.id), number] = position
    return positions[control.codes.to_numpy(), requirement.codes.to_numpy()]


def is_open(findings: pa.Table) -> Flags:
    """Return which findings are open: they fail or are not checked, and are neither waived nor manual checks."""
    is_unresolved: Flags = has_text(findings["status"], (Status.FAIL, Status.NOT_CHECKED))
    is_unresolved &= findings["waiver"].is_null().to_numpy()
    return is_unresolved & ~has_text(findings["reason"], (Reason.MANUAL,))


def comes_due_once(check: Whole, as_of: Whole, fails_at: Whole, checklist: Checklist) -> Flags:
    """Return which findings count as coming due, so that a subject and control count once.

    A control can have several limits. A finding that passes the next stricter limit too counts only there. A stricter
    version of another judged control never counts.

    `check` has positions in the checklist. `as_of` has the reference dates and `fails_at` the times at which a finding
    will fail, both in microseconds.
    """
    sooner = np.array(checklist.days_to_stricter, np.int64)[check] * DAY
    is_reading = [check.control.stricter_than in checklist.controls for check in checklist.checks]
    once: Flags = ((sooner == 0) | (fails_at - sooner <= as_of)) & ~np.array(is_reading)[check]
    return once


def summed_rows(rows: pd.DataFrame, checklist: Checklist) -> pd.DataFrame:
    """Return the rows that sums count: rows of checks that do not repeat another check, and rows without a check."""
    counting = np.isin(check_of(rows, checklist), (-1, *checklist.summed))
    return rows if counting.all() else rows[counting].reset_index(drop=True)
