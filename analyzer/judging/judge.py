"""Selected rows -> findings by every chosen control, and for every credential what became of it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.control import Whose
from analyzer.controls.vocabulary import JUDGED_KINDS, NOT_APPLICABLE, Outcome, Reason, Status
from analyzer.judging.rules import RULES, Instants, Ruling, Subjects
from analyzer.judging.snapshots import snapshot_of
from analyzer.judging.staleness import BASES, EXACT, REASONS, TOLERANCE, age_days, codes_of, days_since
from analyzer.judging.truth import Truth
from analyzer.judging.verdicts import SUBJECTS, Verdicts
from analyzer.judging.wording import messages
from analyzer.reading.columns import NO_TIME, TIME, arrow_of, coded, column_of, numbered, times_from, true_where
from analyzer.reading.layout import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from analyzer.controls.checklist import Check, Checklist
    from analyzer.controls.control import Control
    from analyzer.judging.snapshots import Selection
    from analyzer.judging.staleness import Flags, Micros
    from analyzer.reading.normalizing import Tables

    Rows = npt.NDArray[np.int64]

_OUTCOMES: Final = list(Outcome)
_STATUSES: Final = list(Status)
_USER: Final = SUBJECTS.index("user")


def judge(tables: Tables, selection: Selection, checklist: Checklist) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `findings`, and `credentials` with `age_days, idle_days, outcome` (see `analyzer.tables`, `Audit`).

    `selection` speaks of the rows of `users`; `credentials.user_row` says which of them each credential is of.
    """
    bench = _Bench(tables, selection)
    said = [bench.judge(number, one) for number, one in enumerate(checklist.checks)]
    unused = next((v for one, v in zip(checklist.checks, said, strict=True) if one is checklist.unused), None)
    return _findings(tables.users, selection.as_of, checklist.checks, Verdicts.joined(said)), bench.credentials(unused)


def verdicts(tables: Tables, selection: Selection, checklist: Checklist) -> Iterator[Verdicts]:
    """Yield what each control of the checklist says, one after the other."""
    bench = _Bench(tables, selection)
    for number, one in enumerate(checklist.checks):
        yield bench.judge(number, one)


class _Bench:
    """The judged rows, laid out for the controls."""

    def __init__(self, tables: Tables, selection: Selection) -> None:
        self._users, self._credentials, self._selection = tables.users, tables.credentials, selection
        self._user_row = tables.credentials["user_row"].to_numpy()
        self._judged = selection.judged[self._user_row]
        self._as_of = selection.as_of[self._user_row]
        self._instants = Instants(tables.credentials, self._as_of)

    @cached_property
    def _rows(self) -> Rows:
        """The judged rows of `users`."""
        return np.flatnonzero(self._selection.judged)

    @cached_property
    def _snapshots(self) -> Rows:
        """For each judged row its snapshot and reference instant, as a number."""
        snapshot = snapshot_of(self._users.take(self._rows), by_capture=self._selection.every_snapshot)
        return numbered(snapshot, self._selection.as_of[self._rows])

    @cached_property
    def _reports(self) -> Rows:
        """For each judged row its report and reference instant, as a number."""
        return numbered(self._users["report"].to_numpy()[self._rows], self._selection.as_of[self._rows])

    def judge(self, number: int, chosen: Check) -> Verdicts:
        """Return what a control, the `number`th that judges, says of its subjects."""
        control = chosen.control
        if control.kinds:
            return self._on_credentials(number, control, chosen.parameters)
        rows = np.flatnonzero(self._selection.judged & self._whose(control, self._users))
        ruling = RULES[control.rule](self._subjects(rows), **chosen.parameters)
        found = _on_users(number, ruling, rows)
        return found if control.absent is None else self._with_absent(number, found, control.absent)

    def _subjects(self, rows: Rows) -> Subjects:
        return Subjects(self._users, rows, self._selection.as_of[rows])

    def _on_credentials(self, number: int, control: Control, parameters: Mapping[str, int]) -> Verdicts:
        credentials = self._credentials
        wanted = self._judged & self._whose(control, credentials) & credentials["kind"].isin(list(control.kinds))
        if not control.inactive_too:
            wanted &= ~true_where(pc.invert(arrow_of(credentials["active"])))
        position = np.flatnonzero(wanted)
        user_row = self._user_row[position]
        of_users = self._subjects(user_row)
        subjects = Subjects(credentials, position, self._as_of[position], user=of_users, instants=self._instants)
        ruling = RULES[control.rule](subjects, **parameters)
        return _verdicts(number, ruling, user_row, position, subjects.slot, codes_of(subjects.column("kind")))

    @staticmethod
    def _whose(control: Control, frame: pd.DataFrame) -> Flags:
        if control.whose is Whose.EVERYONE:
            return np.ones(len(frame), bool)
        is_root = true_where(arrow_of(frame["is_root"]))
        return is_root if control.whose is Whose.ROOT else ~is_root

    def _with_absent(self, number: int, found: Verdicts, absent: Reason) -> Verdicts:
        """Add one finding for each judged snapshot without root, or report without the column, at its first row.

        A snapshot may be in several files, and each of them has columns of its own.
        """
        unit = self._snapshots if absent is Reason.ROOT_NOT_IN_REPORT else self._reports
        has_found = np.zeros(len(self._users), bool)
        has_found[found.user_row] = True
        covered = np.zeros(int(unit.max(initial=-1)) + 1, bool)
        covered[unit[has_found[self._rows]]] = True
        lone = self._rows[~covered[unit] & ~pd.Series(unit).duplicated().to_numpy()]
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
        return Verdicts.joined([found, _on_users(number, ruling, lone)])

    def credentials(self, unused: Verdicts | None) -> pd.DataFrame:
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
            outcome[unused.credential_row] = unused.status
        last_use = self._instants.last_use
        exact = last_use.because(*EXACT) & (kind != Kind.CERTIFICATE).to_numpy()
        return credentials.assign(
            age_days=age_days(credentials, self._as_of),
            # Only what is known: here no reason stands beside the number to call it an upper bound.
            idle_days=column_of(pa.array(last_use.days(self._as_of), mask=~exact)),
            outcome=coded(outcome, _OUTCOMES),
        )


def _on_users(number: int, ruling: Ruling, rows: Rows) -> Verdicts:
    """Return the verdicts on rows of users that are concerned."""
    count = len(rows)
    # The words for a user do not depend on a kind.
    return _verdicts(number, ruling, rows, np.full(count, -1), np.full(count, _USER, np.int8), np.zeros(count, np.int8))


def _verdicts(  # noqa: PLR0913 - the columns it is made of
    number: int,
    ruling: Ruling,
    user_row: Rows,
    credential_row: Rows,
    subject: npt.NDArray[np.int8],
    kind: npt.NDArray[np.int8],
) -> Verdicts:
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
    found = Verdicts(
        np.full(len(status), number, np.int16),
        user_row,
        credential_row,
        subject,
        kind,
        status,
        ruling.reason,
        ruling.basis,
        ruling.time,
        ruling.aged,
    )
    return found if ruling.concerned.all() else found.take(ruling.concerned)


def _findings(users: pd.DataFrame, as_of: Micros, chosen: Sequence[Check], every: Verdicts) -> pd.DataFrame:
    """Return the findings by row of the report, then credential, then control."""
    instant = as_of[every.user_row]
    days = days_since(every.time, instant)
    message = messages(every, days, [one.control.messages for one in chosen])
    # Stable: within a credential, controls stay in the order of the checklist.
    order = np.argsort(every.user_row * len(SUBJECTS) + every.subject, kind="stable")
    every, instant, days = every.take(order), instant[order], days[order]
    # What lies ahead (the expiry of a password) has no days behind it.
    counted = (every.time != NO_TIME) & (every.time <= instant + TOLERANCE)
    take = pa.array(every.user_row)
    # A finding on an account as a whole is none on the row at which it stands.
    whole = pa.array(every.on_accounts)

    def of_row(column: str) -> pd.Series[Any]:
        values = arrow_of(users[column]).take(take)
        return column_of(pc.if_else(whole, pa.scalar(None, values.type), values))

    def of_control(values: Sequence[str | None]) -> pd.Series[Any]:
        names = sorted({value for value in values if value is not None})
        codes = np.array([-1 if value is None else names.index(value) for value in values], np.int32)
        return coded(codes[every.chosen], names)

    def numbers(values: npt.NDArray[np.int32], known: Flags) -> pd.Series[Any]:
        return column_of(pa.array(values, mask=~known))

    limits = [one.limit_days for one in chosen]
    return pd.DataFrame(
        {
            "control": of_control([one.control.id for one in chosen]),
            "status": coded(every.status, _STATUSES),
            "account_id": pd.Series(users["account_id"].array.take(every.user_row)),
            "user": of_row("user"),
            "arn": of_row("arn"),
            "credential": coded(every.subject, SUBJECTS),
            "basis": coded(every.basis, BASES),
            "basis_time": column_of(times_from(every.time)),
            "idle_days": numbers(days, counted & ~every.aged),
            "limit_days": numbers(
                np.array([limit or 0 for limit in limits], np.int32)[every.chosen],
                np.array([limit is not None for limit in limits])[every.chosen],
            ),
            "as_of": column_of(pa.array(instant).cast(TIME)),
            "reason": coded(every.reason, REASONS),
            "message": column_of(message.take(pa.array(order))),
            "captured_at": column_of(arrow_of(users["captured_at"]).take(take)),
            "source": pd.Series(users["source"].array.take(every.user_row)),
            "line": of_row("line"),
            "requirement": of_control([one.requirement for one in chosen]),
            "severity": of_control([one.severity for one in chosen]),
            "age_days": numbers(days, counted & every.aged),
            "waiver": coded(np.full(len(order), -1, np.int8), []),
            "chosen": every.chosen,
        },
        copy=False,
    )
