"""Makes the formulas with which rows follow the reference date and the limits on the sheet Summary.

A row gets formulas if the days since one known time decide its status. So the control must be one of `_RULES`, the
reason must show that the time is known, and with the reference date and limit of the run the formulas must give the
status and days of the run. All other rows keep the values of the run.

Spreadsheets count time in days, as fractions. The times in the formulas are whole seconds. `_ROUNDING` is less than a
second and more than the rounding error of a fraction. A reference date with a part of a second, such as the last
microsecond of a day, is cut to the second. That matters only for a time span exactly as long as a limit (see `_rest`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.vocabulary import Reason, Status
from analyzer.evidence.worst import positions_of
from analyzer.judging.staleness import TOLERANCE
from analyzer.reading.columns import NO_TIME, has_text, micros_of
from analyzer.reading.layout import State
from analyzer.reading.times import DAY, since_epoch
from analyzer.rendering.workbook.cells import DAYS_BEFORE_1970, days_of
from analyzer.rendering.workbook.formulas import ROW, Formulas
from analyzer.rendering.workbook.rows import letters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    import numpy.typing as npt

    from analyzer.controls.checklist import Check, Checklist

    Whole = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

REFERENCE_DATE: Final = "reference_date"
"""The name of the cell for a date or a date-time; if the cell is empty, each row keeps its own reference date."""
REFERENCE: Final = "reference_instant"
"""The name of the cell with the time for that date; empty if that cell is empty."""
INSTANT: Final = (
    f'=IF(ISNUMBER({REFERENCE_DATE}),{REFERENCE_DATE}+IF(INT({REFERENCE_DATE})={REFERENCE_DATE},86399/86400,0),"")'
)
"""The formula of that cell: a date without a time means the end of that day."""
_SECOND: Final = 1_000_000
_EXACT_SPAN: Final = (-DAYS_BEFORE_1970 * DAY + 32_768 * DAY, -DAYS_BEFORE_1970 * DAY + 65_536 * DAY)
"""1989-09-18 to 2079-06-05: between these, all fractions of days have the same rounding error, and differences of whole
days are exact."""
_ROUNDING: Final = "0.000001"
"""In days: about a twelfth of a second."""
_A_LITTLE: Final = "0.000002"
_TOLERANCE: Final = f"{TOLERANCE / DAY + 0.000001:.7f}"


class _Rule(NamedTuple):
    """How a control counts days: the reasons with a known time, and whether exactly the limit still passes."""

    reasons: tuple[Reason, ...]
    allows_limit: bool


_IDLE: Final = _Rule((Reason.LAST_USED, Reason.NEVER_USED), allows_limit=False)
_RULES: Final[Mapping[str, _Rule]] = {
    "idle": _IDLE,
    "idle_console": _IDLE,
    "old": _Rule((Reason.LAST_CHANGED,), allows_limit=True),
    "active_certificate": _Rule((Reason.LAST_CHANGED,), allows_limit=False),
}


def limit_name(check: int) -> str:
    """Return the name of the cell with the limit of a check, by its position in the checklist."""
    return f"limit_{check + 1}"


def _limit(check: int, days: int | None) -> str:
    """Return the formula of a limit: the limit on the sheet Summary, or the limit of the run if that cell is empty."""
    return f'IF({limit_name(check)}="",{days},{limit_name(check)})'


def follows(check: Check) -> bool:
    """Whether rows of a check can follow its limit on the sheet Summary."""
    return check.control.rule in _RULES


def reference(as_of: datetime | None) -> tuple[float | None, float | None]:
    """Return the date or date-time that a reader can enter for a reference date, and its time, both in days.

    The last microsecond of a day is entered as the date of that day. Returns None twice if there is no reference date,
    if it is not a whole second, and at midnight, because in a spreadsheet midnight is a date without a time.
    """
    if as_of is None:
        return None, None
    micros = since_epoch(as_of)
    if micros % DAY == DAY - 1:
        day = micros // DAY + DAYS_BEFORE_1970
        return float(day), day + 86_399 / 86_400
    if micros % _SECOND or micros % DAY == 0:
        return None, None
    days = float(days_of(np.int64(micros // _SECOND)))
    return days, days


def is_changed(as_of: datetime | None, limits: Mapping[str, int]) -> str:
    """Return the formula of whether a reader changed the reference date or a limit.

    `as_of` is the reference date of the run, `limits` are its limits in days by the names of their cells. A cell that
    is empty, or has no date, stands for that of the run.
    """
    date, _ = reference(as_of)
    other = "" if date is None else f",ABS({REFERENCE_DATE}-{date!r})>{_ROUNDING}"
    is_other_date = f"IF(ISNUMBER({REFERENCE_DATE}),AND(TRUE{other}),FALSE)"
    are_other_limits = [f'AND({name}<>"",{name}<>{days})' for name, days in limits.items()]
    return f"OR({','.join([is_other_date, *are_other_limits])})"


# --- findings --------------------------------------------------------------------------------------------------------


def findings_that_follow(findings: pa.Table, checklist: Checklist) -> Flags:
    """Return a mask of the findings that get formulas."""
    position, reason = positions_of(findings, checklist.positions), findings["reason"]
    basis, as_of = micros_of(findings["basis_time"]), micros_of(findings["as_of"])
    has_rule = np.zeros(len(findings), bool)
    limits = np.array([check.limit_days or 0 for check in checklist.checks], np.int64)
    allows = np.zeros(len(limits), bool)
    for position_of_check, check in enumerate(checklist.checks):
        rule = _RULES.get(check.control.rule)
        if rule is not None:
            allows[position_of_check] = rule.allows_limit
            has_rule |= (position == position_of_check) & has_text(reason, rule.reasons)
    days = pc.coalesce(findings["idle_days"], findings["age_days"])
    return has_rule & _holds(basis, as_of, days, findings["status"], limits[position], allows[position])


@dataclass(frozen=True)
class FindingsFormulas:
    """Makes the formulas of findings in a sheet with these columns, which include `LIVE`."""

    columns: tuple[str, ...]
    checklist: Checklist

    def __call__(self, rows: pa.Table) -> dict[str, Formulas]:
        """Return the formulas of a batch of findings."""
        alike = [
            *(rows[name] for name in ("control", "requirement", "reason")),
            _is_whole(micros_of(rows["as_of"])),
            *(rows[name].is_valid() for name in ("idle_days", "age_days")),
        ]
        is_live = pc.equal(rows[LIVE], YES)
        return _alike(rows, is_live, alike, self._of_days) | _of_instants(rows, is_live)

    def _of_days(self, rows: pa.Table) -> dict[str, pa.Array]:
        cell = _Cells(self.columns)
        position = positions_of(rows, self.checklist.positions)
        limit = pa.array(
            [_limit(number, check.limit_days) for number, check in enumerate(self.checklist.checks)], pa.string()
        )
        allows = np.array([_allows_limit(check) for check in self.checklist.checks])[position]
        late = _lateness(rows["reason"])
        as_of, basis, days = cell("as_of"), cell("basis_time"), _days(cell("as_of"), cell("basis_time"), late)
        idle, age = _whole(rows["idle_days"]), _whole(rows["age_days"])
        counted = pc.if_else(idle.is_valid(), cell("idle_days"), cell("age_days"))
        older = pc.if_else(
            pa.array(allows),
            _joined(as_of, "-", basis, "+", _cut_part(rows["as_of"]), ">", cell("limit_days"), "+", _ROUNDING),
            _joined(counted, ">=", cell("limit_days")),
        )
        return {
            "limit_days": limit.take(pa.array(position)),
            "idle_days": pc.if_else(idle.is_valid(), days, None),
            "age_days": pc.if_else(age.is_valid(), days, None),
            "status": _joined("IF(", basis, ">", as_of, "+", late, ",", _UNDECIDED, ",IF(", older, ",", _FAIL_OR_PASS),
        }


def _allows_limit(check: Check) -> bool:
    return follows(check) and _RULES[check.control.rule].allows_limit


# --- credentials -----------------------------------------------------------------------------------------------------


def with_basis(credentials: pa.Table, unused: Check, as_of: datetime | None) -> pa.Table:
    """Return credentials with the columns `as_of` (the reference date), `limit_days` and `LIVE`.

    `LIVE` is `yes` for the rows that get formulas.
    """
    captured = credentials["captured_at"]
    instant = captured if as_of is None else pa.chunked_array([pa.array([as_of] * len(credentials), captured.type)])
    basis, times = _basis(credentials), micros_of(instant)
    limit = np.full(len(credentials), unused.limit_days or 0, np.int64)
    fails_at_limit = np.zeros(len(credentials), bool)
    is_live = (basis != NO_TIME) & _holds(
        basis, times, credentials["idle_days"], credentials["outcome"], limit, fails_at_limit
    )
    table = credentials.append_column("as_of", instant)
    table = table.append_column("limit_days", pa.array(limit, pa.int32()))
    return table.append_column(LIVE, in_words(is_live))


def _basis(credentials: pa.Table) -> Whole:
    """Return the times from which idle days count: the last use, or the last change if never used; else `NO_TIME`."""
    used, changed = micros_of(credentials["last_used"]), micros_of(credentials["last_changed"])
    never = has_text(credentials["last_used_state"], (State.NOT_APPLICABLE, State.NO_INFORMATION))
    return np.where(used != NO_TIME, used, np.where(never, changed, NO_TIME))


@dataclass(frozen=True)
class CredentialsFormulas:
    """Makes the formulas of credentials in a sheet with these columns (see `with_basis`).

    `check` is the position of `unused-credentials` in the checklist.
    """

    columns: tuple[str, ...]
    check: int
    limit_days: int

    def __call__(self, rows: pa.Table) -> dict[str, Formulas]:
        """Return the formulas of a batch of credentials."""
        alike = [rows["last_used"].is_valid(), self._has_age(rows)]
        is_live = pc.equal(rows[LIVE], YES)
        return _alike(rows, is_live, alike, self._of_days) | _of_instants(rows, is_live)

    def _has_age(self, rows: pa.Table) -> Flags:
        has_age: Flags = _is_whole(micros_of(rows["last_changed"])) & rows["age_days"].is_valid().to_numpy()
        return has_age

    def _of_days(self, rows: pa.Table) -> dict[str, pa.Array]:
        cell = _Cells(self.columns)
        is_used = _whole(rows["last_used"]).is_valid()
        as_of, basis = cell("as_of"), pc.if_else(is_used, cell("last_used"), cell("last_changed"))
        late = pc.if_else(is_used, _TOLERANCE, _ROUNDING)
        older = _joined(cell("idle_days"), ">=", cell("limit_days"))
        age = _days(as_of, cell("last_changed"), _ROUNDING)
        return {
            "limit_days": pa.array([_limit(self.check, self.limit_days)] * len(rows), pa.string()),
            "idle_days": _days(as_of, basis, late),
            "outcome": _joined("IF(", basis, ">", as_of, "+", late, ",", _UNDECIDED, ",IF(", older, ",", _FAIL_OR_PASS),
            "age_days": pc.if_else(pa.array(self._has_age(rows)), age, None),
        }


# --- both ------------------------------------------------------------------------------------------------------------

LIVE: Final = "recalculated"
"""The column that shows whether a row follows the sheet Summary: `yes` or `no`."""
YES: Final = "yes"
NO: Final = "no"
_UNDECIDED: Final = f'"{Status.NOT_CHECKED}"'
"""The result for a time after the reference date: only another run can judge what was before it."""
_FAIL_OR_PASS: Final = f'"{Status.FAIL}","{Status.PASS}"))'


def in_words(is_live: Flags) -> pa.Array:
    """Return `yes` or `no` for a mask of rows that follow the sheet Summary."""
    return pc.if_else(pa.array(is_live), YES, NO)


def _alike(
    rows: pa.Table,
    is_live: pa.ChunkedArray,
    columns: Sequence[pa.ChunkedArray | Flags],
    make: Callable[[pa.Table], Mapping[str, pa.Array]],
) -> dict[str, Formulas]:
    """Return the formulas of the rows in the mask `is_live`; `make` returns those of a few rows (null: no formula).

    Rows with equal values in all `columns` have the same formulas, so `make` gets only one row of each kind.
    """
    live_rows = np.flatnonzero(is_live.to_numpy())
    key = np.zeros(len(live_rows), np.int64)
    for column in columns:
        values = _whole(column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column]))
        encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
        codes = pc.fill_null(encoded.indices.cast(pa.int64()), -1).to_numpy()[live_rows] + 1
        key = key * (int(codes.max(initial=0)) + 1) + codes
    _, firsts, group_of_row = np.unique(key, return_index=True, return_inverse=True)
    firsts, codes = live_rows[firsts], np.full(len(rows), -1, np.int64)
    codes[live_rows] = group_of_row
    formulas = {}
    for name, texts in make(rows.take(pa.array(firsts))).items():
        has_formula = texts.is_valid().to_numpy(zero_copy_only=False)
        renumbered = np.append(np.where(has_formula, np.cumsum(has_formula) - 1, -1), -1)
        formulas[name] = Formulas(texts.drop_null(), renumbered[codes], firsts[has_formula])
    return formulas


def _of_instants(rows: pa.Table, is_live: pa.ChunkedArray) -> dict[str, Formulas]:
    """Return the formulas of the reference dates."""
    return _alike(rows, is_live, [rows["as_of"]], lambda examples: {"as_of": _instant(examples["as_of"])})


class _Cells:
    """Gives the address of the cell of a column, with a placeholder for the row."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = list(columns)

    def __call__(self, column: str) -> str:
        return f"{letters(self._columns.index(column))}{ROW}"


def _holds(  # noqa: PLR0913 - the inputs of the formulas
    basis: Whole, as_of: Whole, days: pa.ChunkedArray, status: pa.ChunkedArray, limit: Whole, allows: Flags
) -> Flags:
    """Return a mask of the rows for which the formulas give the status and the days of the run."""
    first, last = _EXACT_SPAN
    is_exact = (basis >= first) & (basis < last) & (as_of >= first) & (as_of < last) & _is_whole(basis)
    span = np.where(is_exact, as_of - np.where(is_exact, basis, as_of), 0)
    fails = np.where(allows, span > limit * DAY, span >= limit * DAY)
    status_agrees = np.where(fails, has_text(status, (Status.FAIL,)), has_text(status, (Status.PASS,)))
    days_agree = np.asarray(pc.fill_null(days.cast(pa.int64()), -1)) == np.maximum(span, 0) // DAY
    agrees: Flags = is_exact & status_agrees & days_agree & (span >= -TOLERANCE)
    return agrees


def _is_whole(micros: Whole) -> Flags:
    is_whole: Flags = (micros != NO_TIME) & (micros % _SECOND == 0)
    return is_whole


def _lateness(reason: pa.ChunkedArray) -> pa.Array:
    """Return how many days a time may be after the reference date, because AWS cuts times of use."""
    return pc.if_else(pa.array(has_text(reason, (Reason.LAST_USED,))), _TOLERANCE, _ROUNDING)


def _days(as_of: str, since: pa.Array | str, late: pa.Array | str) -> pa.Array:
    """Return formulas of the days since a time; empty if the time is after the reference date."""
    days = _joined("MAX(0,INT(", as_of, "-", since, "+", _ROUNDING, "))")
    return _joined("IF(", since, ">", as_of, "+", late, ',"",', days, ")")


def _instant(as_of: pa.ChunkedArray) -> pa.Array:
    """Return formulas of the reference date: the one on the sheet Summary, otherwise the one of the run."""
    return _joined("IF(", REFERENCE, '="",', serial(_whole(as_of)), ",", REFERENCE, ")")


def _cut_part(as_of: pa.ChunkedArray) -> pa.Array:
    """Return formulas of the part that is cut from the reference date: a little, or 0 for a whole second."""
    of_run = pc.if_else(pa.array(_is_whole(micros_of(as_of))), "0", _A_LITTLE)
    entered = f"IF(INT({REFERENCE_DATE})={REFERENCE_DATE},{_A_LITTLE},0)"
    return _joined("IF(", REFERENCE, '="",', of_run, ",", entered, ")")


def serial(instants: pa.Array) -> pa.Array:
    """Return times, cut to the second, as day numbers of spreadsheets in text form; null for no time."""
    micros = micros_of(instants)
    has_time = micros != NO_TIME
    seconds = np.where(has_time, micros, 0) // _SECOND
    return pa.array(days_of(seconds), mask=~has_time).cast(pa.string())


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.unify_dictionaries().combine_chunks()


def _joined(*parts: pa.Array | str) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")
