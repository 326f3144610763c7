"""Selected rows -> findings by every chosen control, and for every credential what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.control import Whose
from analyzer.controls.rules import RULES, Instants, Ruling, Subjects
from analyzer.reading.columns import NO_TIME, TIME, arrow_of, coded, column_of, times_from, true_where
from analyzer.reading.layout import SLOTS, Kind
from analyzer.result import JUDGED_KINDS, Outcome
from analyzer.selection import snapshot_of
from analyzer.staleness import BASES, DAY, EXACT, REASONS, TOLERANCE, Truth, age_days, codes_of
from analyzer.verdicts import NOT_APPLICABLE, Reason, Status
from analyzer.wording import explain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from analyzer.controls.control import Control
    from analyzer.planning import Chosen, Plan
    from analyzer.reading.normalizing import Tables
    from analyzer.selection import Selection
    from analyzer.staleness import Flags, Micros

    Rows = npt.NDArray[np.int64]

_OUTCOMES: Final = list(Outcome)
_STATUSES: Final = list(Status)
_SUBJECTS: Final = [*(slot.name for slot in SLOTS), "user"]
_USER: Final = _SUBJECTS.index("user")
_OF_ACCOUNT: Final = (Reason.ROOT_NOT_IN_REPORT, Reason.COLUMN_NOT_IN_REPORT)
"""Reasons of findings on an account as a whole."""


@dataclass(frozen=True)
class _Verdicts:
    """What one control says, a row per finding; `user_row` is the position in `users`, `subject` a code of `_SUBJECTS`.

    `position` has for findings on credentials their position in `credentials`, else -1.
    """

    user_row: Rows
    subject: npt.NDArray[np.int8]
    position: Rows
    status: npt.NDArray[np.int8]
    reason: npt.NDArray[np.int8]
    basis: npt.NDArray[np.int8]
    time: Micros
    aged: Flags
    kind: npt.NDArray[np.int8] | None

    def __len__(self) -> int:
        return len(self.user_row)


def judge(tables: Tables, selection: Selection, plan: Plan) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `findings`, and `credentials` with `age_days, idle_days, outcome` (see `analyzer.tables`, `Audit`).

    `selection` speaks of the rows of `users`; `credentials.user_row` says which of them each credential is of.
    """
    bench = _Bench(tables, selection)
    verdicts = [bench.judge(one) for one in plan.chosen]
    findings = _findings(tables.users, selection.as_of, plan.chosen, verdicts)
    unused = next((v for one, v in zip(plan.chosen, verdicts, strict=True) if one is plan.unused), None)
    return findings, bench.credentials(unused)


class _Bench:
    """The judged rows, laid out for the controls."""

    def __init__(self, tables: Tables, selection: Selection) -> None:
        self._users, self._credentials, self._selection = tables.users, tables.credentials, selection
        self._user_row = tables.credentials["user_row"].to_numpy()
        self._judged = selection.judged[self._user_row]
        self._as_of = selection.as_of[self._user_row]
        self._instants = Instants(tables.credentials, self._as_of)

    def judge(self, chosen: Chosen) -> _Verdicts:
        """Return what a control says of its subjects."""
        control = chosen.control
        if control.kinds:
            return self._on_credentials(control, chosen.parameters)
        rows = np.flatnonzero(self._selection.judged & self._whose(control, self._users))
        ruling = RULES[control.rule](self._subjects(rows), **chosen.parameters)
        found = _verdicts(ruling, rows, np.full(len(rows), _USER, np.int8), np.full(len(rows), -1), None)
        return found if control.absent is None else self._with_absent(found, control.absent)

    def _subjects(self, rows: Rows) -> Subjects:
        return Subjects(self._users, rows, self._selection.as_of[rows])

    def _on_credentials(self, control: Control, parameters: Mapping[str, int]) -> _Verdicts:
        credentials = self._credentials
        wanted = self._judged & self._whose(control, credentials) & credentials["kind"].isin(list(control.kinds))
        if not control.inactive_too:
            wanted &= ~true_where(pc.invert(arrow_of(credentials["active"])))
        position = np.flatnonzero(wanted)
        user_row = self._user_row[position]
        of_users = self._subjects(user_row)
        subjects = Subjects(credentials, position, self._as_of[position], user=of_users, instants=self._instants)
        ruling = RULES[control.rule](subjects, **parameters)
        return _verdicts(ruling, user_row, subjects.slot, position, codes_of(subjects.column("kind")))

    @staticmethod
    def _whose(control: Control, frame: pd.DataFrame) -> Flags:
        if control.whose is Whose.EVERYONE:
            return np.ones(len(frame), bool)
        is_root = true_where(arrow_of(frame["is_root"]))
        return is_root if control.whose is Whose.ROOT else ~is_root

    def _with_absent(self, found: _Verdicts, absent: Reason) -> _Verdicts:
        """Add one finding for each judged snapshot without root, or report without the column, at its first row.

        A snapshot may be in several files, and each of them has columns of its own.
        """
        rows = np.flatnonzero(self._selection.judged)
        if absent is Reason.ROOT_NOT_IN_REPORT:
            snapshot = snapshot_of(self._users.take(rows), by_capture=self._selection.every_snapshot)
        else:
            snapshot = self._users["report"].to_numpy()[rows]
        first = np.unique(snapshot, return_index=True)[1]
        covered = np.isin(snapshot[first], snapshot[np.isin(rows, found.user_row)])
        lone = rows[first[~covered]]
        if not len(lone):
            return found
        count = len(lone)
        nothing = np.zeros(count, bool)
        ruling = Ruling(
            Truth(nothing, nothing),
            np.full(count, REASONS.index(absent), np.int8),
            np.full(count, -1, np.int8),
            np.full(count, NO_TIME),
            nothing,
            ~nothing,
        )
        added = _verdicts(ruling, lone, np.full(count, _USER, np.int8), np.full(count, -1), None)
        return _joined([found, added])

    def credentials(self, unused: _Verdicts | None) -> pd.DataFrame:
        """Return all credentials with their days, and what `unused-credentials` (None: not judged) says of each."""
        credentials = self._credentials
        kind = credentials["kind"]
        outcome = np.select(
            [
                ~self._judged,
                true_where(arrow_of(credentials["is_root"])),
                ~kind.isin(list(JUDGED_KINDS)).to_numpy(),
                true_where(pc.invert(arrow_of(credentials["active"]))),
            ],
            [_OUTCOMES.index(o) for o in (Outcome.OTHER_SNAPSHOT, Outcome.ROOT, Outcome.CERTIFICATE, Outcome.INACTIVE)],
            default=-1,
        ).astype(np.int8)
        if unused is not None:
            # A status is also an outcome, and they stand in the same order.
            outcome[unused.position] = unused.status
        last_use = self._instants.last_use
        exact = last_use.because(*EXACT) & (kind != Kind.CERTIFICATE).to_numpy()
        return credentials.assign(
            age_days=age_days(credentials, self._as_of),
            # Only what is known: here no reason stands beside the number to call it an upper bound.
            idle_days=column_of(pa.array(last_use.days(self._as_of), mask=~exact)),
            outcome=coded(outcome, _OUTCOMES),
        )


def _verdicts(
    ruling: Ruling, user_row: Rows, subject: npt.NDArray[np.int8], position: Rows, kind: npt.NDArray[np.int8] | None
) -> _Verdicts:
    """Return the verdicts on the rows that are concerned."""
    status = np.select(
        [
            np.isin(ruling.reason, [REASONS.index(one) for one in NOT_APPLICABLE]),
            ruling.reason == REASONS.index(Reason.ACTIVE_UNKNOWN),
            ruling.fails.yes,
            ruling.fails.no,
        ],
        [_STATUSES.index(s) for s in (Status.NOT_APPLICABLE, Status.NOT_CHECKED, Status.FAIL, Status.PASS)],
        default=_STATUSES.index(Status.NOT_CHECKED),
    ).astype(np.int8)
    some = ruling.concerned
    return _Verdicts(
        user_row[some],
        subject[some],
        position[some],
        status[some],
        ruling.reason[some],
        ruling.basis[some],
        ruling.time[some],
        ruling.aged[some],
        None if kind is None else kind[some],
    )


def _joined(parts: Sequence[_Verdicts]) -> _Verdicts:
    """Return verdicts one after the other; `kind` is left out."""
    columns = [name for name in _Verdicts.__dataclass_fields__ if name != "kind"]
    return _Verdicts(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}, kind=None)


def _findings(users: pd.DataFrame, as_of: Micros, chosen: Sequence[Chosen], parts: Sequence[_Verdicts]) -> pd.DataFrame:
    """Return the findings by row of the report, then credential, then control."""
    every = _joined(parts)
    which = np.repeat(np.arange(len(chosen)), [len(part) for part in parts])
    instant = as_of[every.user_row]
    dated = every.time != NO_TIME
    passed = instant - np.where(dated, every.time, instant)
    days = (np.maximum(passed, 0) // DAY).astype(np.int32)
    message = _messages(chosen, parts, every, dated, days)
    # What lies ahead (the expiry of a password) has no days behind it.
    counted = dated & (passed >= -TOLERANCE)
    # Stable: within a credential, controls stay in the order of the plan.
    order = np.argsort(every.user_row * len(_SUBJECTS) + every.subject, kind="stable")
    row, which = every.user_row[order], which[order]
    take = pa.array(row)
    # A finding on an account as a whole is none on the row at which it stands.
    whole = pa.array(np.isin(every.reason[order], [REASONS.index(one) for one in _OF_ACCOUNT]))

    def of_row(column: str) -> pd.Series[Any]:
        values = arrow_of(users[column]).take(take)
        return column_of(pc.if_else(whole, pa.scalar(None, values.type), values))

    def of_control(values: Sequence[str | None]) -> pd.Series[Any]:
        names = sorted({value for value in values if value is not None})
        codes = np.array([-1 if value is None else names.index(value) for value in values], np.int32)
        return coded(codes[which], names)

    def numbers(values: npt.NDArray[np.int32], known: Flags) -> pd.Series[Any]:
        return column_of(pa.array(values, mask=~known))

    limits = [one.limit_days for one in chosen]
    return pd.DataFrame(
        {
            "control": of_control([one.control.id for one in chosen]),
            "status": coded(every.status[order], _STATUSES),
            "account_id": pd.Series(users["account_id"].array.take(row)),
            "user": of_row("user"),
            "arn": of_row("arn"),
            "credential": coded(every.subject[order], _SUBJECTS),
            "basis": coded(every.basis[order], BASES),
            "basis_time": column_of(times_from(every.time[order])),
            "idle_days": numbers(days[order], (counted & ~every.aged)[order]),
            "limit_days": numbers(
                np.array([limit or 0 for limit in limits], np.int32)[which],
                np.array([limit is not None for limit in limits])[which],
            ),
            "as_of": column_of(pa.array(instant[order]).cast(TIME)),
            "reason": coded(every.reason[order], REASONS),
            "message": column_of(message.take(pa.array(order))),
            "captured_at": column_of(arrow_of(users["captured_at"]).take(take)),
            "source": pd.Series(users["source"].array.take(row)),
            "line": of_row("line"),
            "requirement": of_control([one.requirement for one in chosen]),
            "severity": of_control([one.severity for one in chosen]),
            "age_days": numbers(days[order], (counted & every.aged)[order]),
            "exception": coded(np.full(len(order), -1, np.int8), []),
            "chosen": which.astype(np.int16),
            "user_row": row,
            "credential_row": every.position[order],
        },
        copy=False,
    )


def _messages(
    chosen: Sequence[Chosen],
    parts: Sequence[_Verdicts],
    every: _Verdicts,
    dated: Flags,
    days: npt.NDArray[np.int32],
) -> pa.ChunkedArray:
    """Return each finding's reason in words, control by control."""
    texts, start = [], 0
    for one, part in zip(chosen, parts, strict=True):
        here = slice(start, start + len(part))
        own = one.control.messages
        texts.append(explain(every.reason[here], part.kind, every.time[here], dated[here], days[here], own))
        start = here.stop
    return pa.chunked_array(texts, pa.string())
