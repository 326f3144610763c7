"""Apply the chosen controls to normalized rows: makes `findings` and the outcome of each credential."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from analyzer.controls.control import Whose
from analyzer.controls.vocabulary import JUDGED_KINDS, NOT_APPLICABLE, Outcome, Reason, Status
from analyzer.judging.facts import TypedColumns
from analyzer.judging.findings import findings_table
from analyzer.judging.rules import RULES
from analyzer.judging.rules_of_accounts import ACCOUNT_RULES
from analyzer.judging.rules_of_root import where_root_is
from analyzer.judging.rulings import days_of
from analyzer.judging.snapshots import ORDER_UNKNOWN, snapshot_of
from analyzer.judging.staleness import EXACT, age_days, first_of, is_because
from analyzer.judging.subjects import Instants, Ruling, Subjects
from analyzer.judging.truth import Truth
from analyzer.judging.verdicts import SUBJECTS, Verdicts
from analyzer.reading.columns import NO_TIME, few_texts, numbered, table_of
from analyzer.reading.layout import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from analyzer.controls.checklist import Check, Checklist
    from analyzer.controls.control import Control, Value
    from analyzer.judging.facts import Micros
    from analyzer.judging.truth import Flags
    from analyzer.reading.normalizing import TypedTables

    Rows = npt.NDArray[np.int64]
    Column: TypeAlias = pa.Array | pa.ChunkedArray

CREDENTIALS: Final = (
    *("account_id", "user", "arn", "credential", "kind", "active", "last_changed", "last_changed_state"),
    *("last_used", "last_used_state", "last_used_region", "last_used_service", "age_days", "idle_days"),
    *("captured_at", "source", "line", "outcome"),
)
"""The public columns of `credentials`, in their order."""
_OF_USER: Final = ("account_id", "user", "arn", "captured_at", "source", "line")
"""The columns that come from the user of a credential."""
_OUTCOME_OF_STATUS: Final = np.array([Outcome(status.value).code for status in Status], np.int8)
"""The outcome of a credential by the status code that `unused-credentials` gives it."""
_USER: Final = SUBJECTS.index("user")


def judge(
    tables: TypedTables, as_of: Micros, checklist: Checklist, *, by_capture: bool, columns: Sequence[str] = CREDENTIALS
) -> tuple[pa.Table, pa.Table]:
    """Return `findings` (columns: `FINDINGS`) and `credentials` of the rows in `tables`.

    `columns` names the columns of `credentials` to make, out of `CREDENTIALS`. `as_of` is the reference date of each
    row of `users` in microseconds. With `by_capture`, rows of an account with different capture times are different
    snapshots; without it, all rows of an account are one snapshot.
    """
    judged_rows = _JudgedRows(tables, as_of, by_capture=by_capture)
    verdicts_by_check = [judged_rows.judge(number, check) for number, check in enumerate(checklist.checks)]
    pairs = zip(checklist.checks, verdicts_by_check, strict=True)
    unused = next((verdicts for check, verdicts in pairs if check is checklist.unused), None)
    if unused is not None and ORDER_UNKNOWN in tables.users:
        unused = unused.undecided(tables.users[ORDER_UNKNOWN].to_numpy())
    findings = findings_table(tables.users, as_of, checklist, Verdicts.joined(verdicts_by_check))
    return findings, judged_rows.credentials(columns, unused)


def verdicts(tables: TypedTables, as_of: Micros, checklist: Checklist) -> Iterator[Verdicts]:
    """Yield the verdicts of each check, one check after the other, on snapshots that differ by capture time."""
    judged_rows = _JudgedRows(tables, as_of, by_capture=True)
    for number, check in enumerate(checklist.checks):
        yield judged_rows.judge(number, check)


_ROOTLESS: Final = "aws-cn"
"""The partition whose accounts have no root credentials (Amazon Web Services China)."""


class _JudgedRows:
    """The rows to judge, in the form that the rules need."""

    def __init__(self, tables: TypedTables, as_of: Micros, *, by_capture: bool) -> None:
        self._tables, self._of_rows, self._by_capture = tables, as_of, by_capture
        self._users, self._credentials = TypedColumns(tables.users), TypedColumns(tables.credentials)
        self._user_row = tables.credentials["user_row"].to_numpy()
        self._as_of = as_of[self._user_row]
        self._instants = Instants(self._credentials, self._as_of)

    @cached_property
    def _snapshots(self) -> Rows:
        """The number of each row's snapshot; rows with different reference dates have different numbers."""
        snapshot = snapshot_of(self._tables.users, by_capture=self._by_capture)
        return numbered(snapshot, self._of_rows)

    @cached_property
    def _reports(self) -> Rows:
        """The number of each row's report; rows with different reference dates have different numbers."""
        return numbered(self._tables.users["report"].to_numpy(), self._of_rows)

    @cached_property
    def _rootless(self) -> Flags:
        """Where a row belongs to a snapshot in the partition without root credentials."""
        is_rootless = np.zeros(int(self._snapshots.max(initial=-1)) + 1, bool)
        is_rootless[self._snapshots[self._users.among("partition", _ROOTLESS)]] = True
        rootless: Flags = is_rootless[self._snapshots]
        return rootless

    def judge(self, number: int, check: Check) -> Verdicts:
        """Return the verdicts of a check; `number` is its position in the checklist."""
        control = check.control
        if control.kinds:
            return self._on_credentials(number, control, check.parameters)
        if control.whose is Whose.ACCOUNTS:
            return self._on_accounts(number, control, check.parameters)
        rows = np.flatnonzero(self._whose(control, self._users))
        ruling = RULES[control.rule](self._subjects(rows), **check.parameters)
        if control.whose is Whose.ROOT:
            ruling = where_root_is(ruling, self._rootless[rows])
        verdicts = _on_users(number, ruling, rows)
        return verdicts if control.absent is None else self._with_absent(number, verdicts, control.absent)

    def _on_accounts(self, number: int, control: Control, parameters: Mapping[str, Value]) -> Verdicts:
        """Return one verdict per snapshot of an account; it refers to the first row of the snapshot."""
        first = np.flatnonzero(~pd.Series(self._snapshots).duplicated().to_numpy())
        # The rule returns snapshots by number; their first rows come in the order of the table.
        first = first[np.argsort(self._snapshots[first], kind="stable")]
        rows = np.flatnonzero(~self._users.flag("is_root").yes)
        of_users = self._subjects(rows)
        ruling = ACCOUNT_RULES[control.rule](of_users, self._snapshots[rows], len(first), **parameters)
        return _on_users(number, ruling, first)

    def _subjects(self, rows: Rows) -> Subjects:
        return Subjects(self._users, rows, self._of_rows[rows])

    def _on_credentials(self, number: int, control: Control, parameters: Mapping[str, Value]) -> Verdicts:
        credentials = self._credentials
        is_subject = self._whose(control, credentials) & credentials.among("kind", *control.kinds)
        if not control.inactive_too:
            is_subject &= ~credentials.flag("active").no
        position = np.flatnonzero(is_subject)
        user_row = self._user_row[position]
        of_users = self._subjects(user_row)
        subjects = Subjects(credentials, position, self._as_of[position], user=of_users, instants=self._instants)
        ruling = RULES[control.rule](subjects, **parameters)
        return _verdicts(number, ruling, user_row, position, subjects.slot, subjects.kind)

    @staticmethod
    def _whose(control: Control, facts: TypedColumns) -> Flags:
        if control.whose is Whose.EVERYONE:
            return np.ones(len(facts), bool)
        is_root = facts.flag("is_root").yes
        return is_root if control.whose is Whose.ROOT else ~is_root

    def _with_absent(self, number: int, verdicts: Verdicts, absent: Reason) -> Verdicts:
        """Return `verdicts` with one verdict more for each snapshot without root or report without the column.

        The verdict refers to the first row of the snapshot or report. A snapshot can consist of several files with
        different columns, so the column is looked for in each report.
        """
        group = self._snapshots if absent is Reason.ROOT_NOT_IN_REPORT else self._reports
        has_verdict = np.zeros(len(self._users), bool)
        has_verdict[verdicts.user_row] = True
        covered = np.zeros(int(group.max(initial=-1)) + 1, bool)
        covered[group[has_verdict]] = True
        first_rows = np.flatnonzero(~covered[group] & ~pd.Series(group).duplicated().to_numpy())
        if not len(first_rows):
            return verdicts
        count = len(first_rows)
        nothing = np.zeros(count, bool)
        ruling = Ruling(
            Truth(nothing, nothing),
            np.full(count, absent.code, np.int8),
            np.full(count, -1, np.int8),
            np.full(count, NO_TIME),
            nothing,
            ~nothing,
        )
        if absent is Reason.ROOT_NOT_IN_REPORT:
            ruling = where_root_is(ruling, self._rootless[first_rows])
        return Verdicts.joined([verdicts, _on_users(number, ruling, first_rows)])

    def credentials(self, columns: Sequence[str], unused: Verdicts | None) -> pa.Table:
        """Return all credentials; `unused` has the verdicts of `unused-credentials` (None if it was not judged)."""
        computed: dict[str, Callable[[], Column]] = {
            "age_days": self._age_days,
            "idle_days": self._idle_days,
            "outcome": partial(self._outcome, unused),
        }
        of_user = [name for name in columns if name in _OF_USER]
        own = [name for name in columns if name not in _OF_USER and name not in computed]
        tables = [table_of(self._tables.credentials, own)]
        if of_user:
            tables.append(table_of(self._tables.users, of_user).take(pa.array(self._user_row)))
        table_columns: dict[str, Column] = {name: make() for name, make in computed.items() if name in columns}
        for table in tables:
            table_columns |= dict(zip(table.column_names, table.columns, strict=True))
        return pa.table({name: table_columns[name] for name in columns})

    def _outcome(self, unused: Verdicts | None) -> pa.DictionaryArray:
        """Return the outcome of each credential: its status in `unused-credentials`, or why it was not judged."""
        credentials = self._credentials
        outcome = first_of(
            [
                (credentials.flag("is_root").yes, Outcome.ROOT.code),
                (~credentials.among("kind", *JUDGED_KINDS), Outcome.CERTIFICATE.code),
                (credentials.flag("active").no, Outcome.INACTIVE.code),
            ],
            -1,
        )
        if unused is not None:
            outcome[unused.credential_row] = _OUTCOME_OF_STATUS[unused.status]
        return few_texts(outcome, list(Outcome))

    def _age_days(self) -> pa.Array:
        return age_days(self._credentials, self._as_of)

    def _idle_days(self) -> pa.Array:
        """Return the idle days of each credential; null where they are not known."""
        last_use = self._instants.last_use
        # This table has no reason that could mark a number as an upper bound, so only exact ones are shown.
        exact = last_use.because(*EXACT) & ~self._credentials.among("kind", Kind.CERTIFICATE)
        return pa.array(last_use.days(self._as_of), mask=~exact)


def _on_users(number: int, ruling: Ruling, rows: Rows) -> Verdicts:
    """Return the verdicts on users; rows that the control does not concern are left out."""
    count = len(rows)
    # Messages about a user do not depend on a kind, so any kind will do.
    return _verdicts(number, ruling, rows, np.full(count, -1), np.full(count, _USER, np.int8), np.zeros(count, np.int8))


def _verdicts(  # noqa: PLR0913 - one parameter a column
    number: int,
    ruling: Ruling,
    user_row: Rows,
    credential_row: Rows,
    subject: npt.NDArray[np.int8],
    kind: npt.NDArray[np.int8],
) -> Verdicts:
    """Return the verdicts of a ruling; rows that the control does not concern are left out."""
    status = first_of(
        [
            (is_because(ruling.reason, *NOT_APPLICABLE), Status.NOT_APPLICABLE.code),
            (is_because(ruling.reason, Reason.ACTIVE_UNKNOWN), Status.NOT_CHECKED.code),
            (ruling.fails.yes, Status.FAIL.code),
            (ruling.fails.no, Status.PASS.code),
        ],
        Status.NOT_CHECKED.code,
    )
    verdicts = Verdicts(
        np.full(len(status), number, np.int16),
        user_row,
        credential_row,
        subject,
        kind,
        status,
        ruling.reason,
        ruling.basis,
        ruling.time,
        ruling.counts_age,
        days_of(ruling),
        np.full(len(status), NO_TIME)
        if ruling.fails_at is None
        else np.where(status == Status.PASS.code, ruling.fails_at, NO_TIME),
        np.full(len(status), NO_TIME) if ruling.also is None else ruling.also,
    )
    return verdicts if ruling.applies.all() else verdicts.take(ruling.applies)
