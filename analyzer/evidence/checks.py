"""Which check of a checklist the rows of a table belong to."""

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
    """Return the position of each row's check, by the row's `control` and `requirement`; -1 where it has none."""
    control, requirement = (rows[name].astype("category").cat for name in ("control", "requirement"))
    place = np.full((len(control.categories) + 1, len(requirement.categories) + 1), -1)  # the last: of code -1, null
    for position, one in enumerate(checklist.checks):
        has_number = one.requirement is not None
        if one.control.id in control.categories and (not has_number or one.requirement in requirement.categories):
            number = requirement.categories.get_loc(one.requirement) if has_number else -1
            place[control.categories.get_loc(one.control.id), number] = position
    return place[control.codes.to_numpy(), requirement.codes.to_numpy()]


def is_open(findings: pa.Table) -> Flags:
    """Return what fails or could not be decided, and is neither waived nor left to a person."""
    found: Flags = has_text(findings["status"], (Status.FAIL, Status.NOT_CHECKED))
    found &= findings["waiver"].is_null().to_numpy()
    return found & ~has_text(findings["reason"], (Reason.MANUAL,))


def comes_due_once(check: Whole, as_of: Whole, fails_at: Whole, checklist: Checklist) -> Flags:
    """Where the next stricter limit of a control is not passed as well: what passes both counts by the stricter one.

    `check` are positions of checks, `as_of` and `fails_at` the reference instants and those at which a finding that
    passes fails, in microseconds. Stricter readings of controls that are judged count nowhere.
    """
    sooner = np.array(checklist.days_to_stricter, np.int64)[check] * DAY
    is_reading = [one.control.stricter_than in checklist.controls for one in checklist.checks]
    once: Flags = ((sooner == 0) | (fails_at - sooner <= as_of)) & ~np.array(is_reading)[check]
    return once


def summed_rows(rows: pd.DataFrame, checklist: Checklist) -> pd.DataFrame:
    """Return the rows that sums count: of checks that repeat no other one (see `Checklist.summed`), or of none."""
    counting = np.isin(check_of(rows, checklist), (-1, *checklist.summed))
    return rows if counting.all() else rows[counting].reset_index(drop=True)
