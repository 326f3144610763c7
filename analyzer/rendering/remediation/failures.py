"""The failures of an audit, with the facts of their credentials and users. Tables are read in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.vocabulary import Status
from analyzer.judging.verdicts import SUBJECTS
from analyzer.reading.columns import NO_TIME, TIME, micros_of
from analyzer.reading.times import since_epoch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    import numpy.typing as npt

    from analyzer.controls.checklist import Check
    from analyzer.evidence.tables import Tables

    Fact = dict[str, Any]
    Whole = npt.NDArray[np.int64]

_OF_FINDINGS: Final = (
    *("control", "requirement", "account_id", "user", "arn", "credential", "reason", "message", "captured_at"),
    *("source", "line", "severity", "waiver", "as_of"),
)
_OF_CREDENTIALS: Final = pa.schema({"last_changed": TIME, "last_used": TIME, "last_used_state": pa.string()})
_OF_USERS: Final = pa.schema({"user_creation_time": TIME})


def failures_by_account(
    tables: Tables, checks: Sequence[Check], newest: Mapping[str, datetime | None]
) -> Iterator[list[Fact]]:
    """Yield the failures of each account in their stored order. Accounts are sorted; unknown accounts come last.

    Each failure has the columns of `findings` and these:

    - `chosen`: the position of its check,
    - `last_changed`, `last_used`, `last_used_state` of its credential (None for a failure of a user),
    - `user_creation_time` of its user,
    - `older`: true if its row may not be from the newest report of the account. `newest` has the capture time of that
      report by account (None: unknown),
    - `twice`: true if the user occurs more than once in the newest reports, ignoring case.
    """
    failures = _failures(tables.batches("findings", (*_OF_FINDINGS, "status")))
    if failures.num_rows:
        for of_account in _by_account(_with_facts(failures, tables, checks, newest)):
            yield of_account.to_pylist()


def _with_facts(
    failures: pa.Table, tables: Tables, checks: Sequence[Check], newest: Mapping[str, datetime | None]
) -> pa.Table:
    """Return failures with the facts of their credentials and users (see `failures_by_account`)."""
    row_numbers, reports = _RowNumbers(failures), _NewestReports(failures, newest)
    credentials = tables.batches("credentials", ("source", "line", "credential", *_OF_CREDENTIALS.names))
    users = tables.batches("users", ("source", "line", *_OF_USERS.names))
    user_names = tables.batches("users", ("account_id", "user", "captured_at"))
    facts = {
        "chosen": pa.array(_positions(failures, checks)),
        "older": pa.array(reports.is_older(failures)),
        "twice": pa.array(reports.occur_twice(failures, user_names)),
    }
    for table in (
        _joined(row_numbers.of_credentials, failures, credentials, _OF_CREDENTIALS),
        _joined(row_numbers.of_rows, failures, users, _OF_USERS),
    ):
        facts |= dict(zip(table.column_names, table.columns, strict=True))
    for name, values in facts.items():
        failures = failures.append_column(name, values)
    return failures


def _by_account(failures: pa.Table) -> Iterator[pa.Table]:
    """Yield the failures of each account; unknown accounts come last."""
    accounts = sorted(set(pc.unique(failures["account_id"]).to_pylist()) - {None})
    rank = _codes(failures["account_id"], pa.array(accounts, pa.string()))
    rank[rank < 0] = len(accounts)
    failures = failures.take(pa.array(np.argsort(rank, kind="stable")))
    start = 0
    for count in np.bincount(rank).tolist():
        if count:
            yield failures.slice(start, count)
        start += count


def _failures(batches: Iterable[pa.Table]) -> pa.Table:
    """Return the findings that fail, without dictionary columns, because Arrow decodes those cell by cell."""
    failures = []
    for findings in batches:
        failing = pc.equal(findings["status"].cast(pa.string()), Status.FAIL.value)
        failures.append(_plain(findings.select(_OF_FINDINGS).filter(failing)))
    return pa.concat_tables(failures).combine_chunks() if failures else pa.table({name: [] for name in _OF_FINDINGS})


def _plain(table: pa.Table) -> pa.Table:
    return table.cast(
        pa.schema([(field.name, getattr(field.type, "value_type", field.type)) for field in table.schema])
    )


def _codes(texts: pa.ChunkedArray, among: pa.Array) -> Whole:
    """Return the position of each text in `among`; -1 if it is not there."""
    codes = pc.index_in(texts.cast(pa.string()), value_set=among, skip_nulls=True)
    return np.asarray(pc.fill_null(codes, -1), np.int64)


def _positions(failures: pa.Table, checks: Sequence[Check]) -> Whole:
    """Return the position of the check of each failure, found by control and requirement."""
    names = pa.array([f"{check.control.id} {check.requirement or ''}" for check in checks])
    requirement = pc.fill_null(failures["requirement"], "")
    return _codes(pc.binary_join_element_wise(failures["control"], requirement, " "), names)


class _RowNumbers:
    """Numbers rows of reports, and credentials in them: equal numbers mean the same row, or credential in it."""

    def __init__(self, failures: pa.Table) -> None:
        self._sources = pc.unique(failures["source"])

    def of_rows(self, table: pa.Table) -> Whole:
        """Return a number for the source and line of each row; -1 if the source has no failure."""
        source = _codes(table["source"], self._sources)
        line = np.asarray(pc.fill_null(table["line"], 0), np.int64)
        return np.where(source < 0, -1, (source << 32) + line)

    def of_credentials(self, table: pa.Table) -> Whole:
        """Return a number for the source, line and credential of each row; -1 if the source has no failure."""
        row = self.of_rows(table)
        return np.where(row < 0, -1, row * len(SUBJECTS) + _codes(table["credential"], pa.array(SUBJECTS)))


def _joined(
    numbers_of: Callable[[pa.Table], Whole], failures: pa.Table, batches: Iterable[pa.Table], schema: pa.Schema
) -> pa.Table:
    """Return the columns of `schema` for each failure, from the row of a table with its number; null if none has it."""
    failure_numbers = numbers_of(failures)
    distinct = np.unique(failure_numbers)
    tables, numbers_by_table = [schema.empty_table()], [np.zeros(0, np.int64)]
    for table in batches:
        table_numbers = numbers_of(table)
        is_needed = np.isin(table_numbers, distinct)
        tables.append(_plain(table.select(schema.names).filter(pa.array(is_needed))).cast(schema))
        numbers_by_table.append(table_numbers[is_needed])
    numbers = np.concatenate(numbers_by_table)
    order = np.argsort(numbers, kind="stable")
    index = np.searchsorted(numbers, failure_numbers, sorter=order)
    rows = np.append(order, -1)[index]
    missing = (rows < 0) | (np.append(numbers, -1)[rows] != failure_numbers)
    return pa.concat_tables(tables).take(pa.array(rows, mask=missing))


class _NewestReports:
    """Finds out which rows are from the newest report of their account, for the accounts and users of failures."""

    def __init__(self, failures: pa.Table, newest: Mapping[str, datetime | None]) -> None:
        self._accounts = pc.unique(failures["account_id"]).drop_null()
        self._users = pc.unique(pc.utf8_lower(failures["user"])).drop_null()
        newest_times = [(account in newest, newest.get(account)) for account in self._accounts.to_pylist()]
        # The last element is for code -1: an account without failures, or a row without an account.
        self._has_report = np.array([*(has_report for has_report, _ in newest_times), False])
        self._newest = np.array(
            [*(NO_TIME if time is None else since_epoch(time) for _, time in newest_times), NO_TIME]
        )

    def is_older(self, rows: pa.Table) -> npt.NDArray[np.bool_]:
        """Return a mask of the rows from an older report, or from a report that may not be the newest."""
        account = _codes(rows["account_id"], self._accounts)
        return ~self._has_report[account] | (micros_of(rows["captured_at"]) < self._newest[account])

    def occur_twice(self, failures: pa.Table, users: Iterable[pa.Table]) -> npt.NDArray[np.bool_]:
        """Return a mask of the failures whose user occurs more than once in the newest report of the account."""
        failure_names = self._names(failures)
        distinct = np.unique(failure_names)
        counts = np.zeros(len(distinct), np.int64)
        for table in users:
            names = self._names(table)
            names = names[~self.is_older(table) & np.isin(names, distinct)]
            counts += np.bincount(np.searchsorted(distinct, names), minlength=len(distinct))
        return (counts[np.searchsorted(distinct, failure_names)] > 1) & (failure_names >= 0)

    def _names(self, rows: pa.Table) -> Whole:
        """Return a number for the account and user of each row; -1 if they have no failure."""
        account = _codes(rows["account_id"], self._accounts)
        user = _codes(pc.utf8_lower(rows["user"]), self._users)
        return np.where((account < 0) | (user < 0), -1, account * len(self._users) + user)
