"""Reads and judges one batch of reports: from the entries of the plan to tables, tallies and corrections.

The same function runs in threads of this process and in tasks on a cluster.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.controls.vocabulary import counted
from analyzer.evidence.inputs import Input, OfAccount, evidence_of_unknown_age
from analyzer.evidence.schema import TABLES, public, to_arrow
from analyzer.evidence.tally import COUNTED, tallies_of
from analyzer.judging.judge import CREDENTIALS, judge
from analyzer.judging.people import compared
from analyzer.judging.rules_of_accounts import PASSWORD_EXPIRY, note_expiries
from analyzer.judging.snapshots import APART, ORDER_UNKNOWN, note_users_found_twice
from analyzer.judging.waivers import cover_table
from analyzer.reading.columns import NO_TIME, microseconds
from analyzer.reading.issues import IssueLog
from analyzer.reading.layout import SHOWN_ONLY, layout_name
from analyzer.reading.normalizing import TypedTables, normalize
from analyzer.reading.parsing import parse
from analyzer.reading.times import EPOCH, MICROSECOND, since_epoch
from analyzer.reading.unpivot import unpivot
from analyzer.survey.accounts import accounts_in, rows_by_account
from analyzer.survey.entry import ChangedError, ReportFacts
from analyzer.survey.files import Reader
from analyzer.survey.people import LEAVERS
from analyzer.survey.pseudonymous import tables_under
from analyzer.survey.selection import LACKING, not_whole, note_no_trend

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    import pandas as pd
    import pyarrow as pa

    from analyzer.controls.checklist import Checklist
    from analyzer.evidence.settings import Settings
    from analyzer.judging.people import Lookup
    from analyzer.judging.truth import Flags
    from analyzer.reading.issues import Row
    from analyzer.reading.source import Source
    from analyzer.survey.accounts import Account
    from analyzer.survey.entry import Entry, Key
    from analyzer.survey.plan import Batch
    from analyzer.survey.pseudonymous import Alike
    from analyzer.survey.selection import Selected

JUDGED_TABLES: Final = ("findings", "credentials", "users")


@dataclass
class Result:
    """The result of a batch.

    `tables` are the requested public tables, without issues; `tallies` count them (None: nothing to judge).
    `corrections` has each report that differs from the survey: its corrected entry, or None if the file was changed. If
    there are corrections, the rest of the result is not used. `outputs` are files that are already written. `value` is
    the result of a task that makes something other than public tables.
    """

    reports: int = 0
    tables: dict[str, pa.Table] = field(default_factory=dict)
    tallies: pa.Table | None = None
    inputs: list[Input] = field(default_factory=list)
    issues: list[Row] = field(default_factory=list)
    corrections: dict[Key, Entry | None] = field(default_factory=dict)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    value: Any = None


@dataclass(frozen=True)
class BatchJudge:
    """Judges batches and makes the tables in `table_names`.

    `account_id` is the account of rows without a known account; it is the real number, not a pseudonym. `trend` is
    called with the checklist, the rows of accounts with an earlier snapshot (both snapshots), and flags for the rows of
    the newer one; its result is in `value` under the name trend. `lookups` are lists of people by name; the matches of
    users with them are in `value` under the names of the lists.
    """

    settings: Settings
    account_id: str | None
    trend: Callable[[Checklist, TypedTables, Flags], Any]
    table_names: tuple[str, ...] = JUDGED_TABLES
    lookups: Mapping[str, Lookup] = field(default_factory=dict)

    def of(self, batch: Batch) -> Result:
        """Read and judge a batch."""
        settings, log = self.settings, IssueLog()
        # Some columns are only shown in these two tables; no control reads them.
        leave_out = () if {"users", "credentials"} & set(self.table_names) else SHOWN_ONLY
        result = Result(issues=log.rows)
        parsed_reports = parsed(batch, self.account_id, log, result, leave_out)
        if parsed_reports is None:
            return result
        result.value = self._trend(parsed_reports.with_earlier(log))
        tables = parsed_reports.judged(settings.as_of, result)
        _note_evidence_of_unknown_age(result.inputs, settings.as_of, log)
        users = tables.users
        captured = microseconds(users["captured_at"])
        as_of = captured if settings.as_of is None else np.full(len(users), since_epoch(settings.as_of))
        tables, of_people = compared(tables, self.lookups, as_of, by_capture=settings.every_snapshot)
        result.value |= of_people
        columns = CREDENTIALS if "credentials" in self.table_names else COUNTED
        findings, credentials = judge(
            tables, as_of, settings.checklist, by_capture=settings.every_snapshot, columns=columns
        )
        findings, covered = cover_table(findings, settings.checklist, parsed_reports.alike)
        note_users_found_twice(users, log, by_capture=settings.every_snapshot)
        if PASSWORD_EXPIRY in settings.checklist.controls:
            note_expiries(users, as_of, log, by_capture=settings.every_snapshot)
        result.tallies = tallies_of(users, credentials, findings, covered, settings.checklist)
        frames = {"findings": findings, "credentials": credentials}
        result.tables = {name: public(frames[name], TABLES[name]) for name in self.table_names if name in frames}
        if "users" in self.table_names:
            result.tables["users"] = to_arrow(users, TABLES["users"])
        return result

    def _trend(self, with_earlier: tuple[TypedTables, Flags] | None) -> dict[str, Any]:
        """Return the changes since an earlier snapshot under the name trend; empty if there is no such snapshot."""
        if with_earlier is None:
            return {}
        tables, is_new = with_earlier
        captured = microseconds(tables.users["captured_at"])
        lookups = {name: lookup for name, lookup in self.lookups.items() if name == LEAVERS}
        tables, _ = compared(tables, lookups, captured, by_capture=True)
        return {"trend": self.trend(self.settings.checklist, tables, is_new)}


@dataclass(frozen=True)
class Inspecting:
    """Inspects batches: reads them without judging."""

    account_id: str | None = None

    def of(self, batch: Batch) -> Result:
        """Read a batch."""
        log = IssueLog()
        result = Result(issues=log.rows)
        tables = read(batch, self.account_id, None, log, result)
        if tables is not None:
            note_users_found_twice(tables.users, log, by_capture=True)
            _note_root_alone(tables.users, log)
        return result


def _note_root_alone(users: pd.DataFrame, log: IssueLog) -> None:
    """Add an issue for each source that has only the row of root; this is a notice, not an error."""
    sources = users["source"].cat
    rows = np.bincount(sources.codes, minlength=len(sources.categories))
    roots = np.bincount(sources.codes[users["is_root"].to_numpy(bool)], minlength=len(sources.categories))
    for position in np.flatnonzero((rows > 0) & (rows == roots)).tolist():
        log.add(
            "root_alone",
            "only the row of root: the account has no IAM users; nothing is missing",
            source=sources.categories[position],
        )


@dataclass(frozen=True)
class Making:
    """Makes another result from batches: `make` is called with the tables and a log for issues.

    Columns that no control reads are left out.
    """

    account_id: str | None
    make: Callable[[TypedTables, IssueLog], Any]

    def of(self, batch: Batch) -> Result:
        """Read a batch; the result of `make` is in `value`."""
        log = IssueLog()
        result = Result(issues=log.rows)
        tables = read(batch, self.account_id, None, log, result, SHOWN_ONLY)
        if tables is not None:
            result.value = self.make(tables, log)
        return result


class Parsed(NamedTuple):
    """Reports with their rows; `pairs` are pairs of report and account, `of_row` is each row's pair (`accounts_in`).

    `alike` are the users that match patterns of the policy, if names are replaced by pseudonyms.
    """

    reports: list[tuple[Selected, Source]]
    tables: TypedTables
    pairs: pd.DataFrame
    of_row: np.typing.NDArray[np.int64]
    alike: Alike

    def judged(self, as_of: datetime | None, result: Result) -> TypedTables:
        """Return the rows to judge, and add the inputs to `result`."""
        judged, earlier = self._of(lambda report: report.judged), self._of(lambda report: report.earlier)
        role = np.select([judged, earlier], ["judged", "trend"], default="not_judged")
        result.inputs += _inputs(self.reports, self.tables, self.pairs.assign(role=role), as_of)
        return _only(_with_distinct_snapshots(self), judged[self.of_row])

    def with_earlier(self, log: IssueLog) -> tuple[TypedTables, Flags] | None:
        """Return the rows of accounts with a snapshot before the judged one, and flags for the newer one; else None.

        Accounts with an incomplete report (see `not_whole`) have no trend, and an issue is added for them. Other issues
        of reports that are read only for the trend are removed, because their rows are in no table.
        """
        accounts = {account for report, _ in self.reports for account in report.earlier}
        if not accounts:
            return None
        doubtful = not_whole(log.rows)
        for_trend = {source.name for report, source in self.reports if report.earlier and not report.judged}
        log.rows[:] = [row for row in log.rows if row[0] not in for_trend]
        for report, source in self.reports:
            if source.name in doubtful:
                for account in sorted(accounts & (report.judged | report.earlier)):
                    note_no_trend(source.name, account, LACKING, log)
                    accounts.remove(account)
        is_new = self._of(lambda report: report.judged & accounts)[self.of_row]
        is_compared = is_new | self._of(lambda report: report.earlier & accounts)[self.of_row]
        return (_only(self.tables, is_compared), is_new[is_compared]) if is_compared.any() else None

    def _of(self, accounts_of: Callable[[Selected], Collection[Account]]) -> Flags:
        """Return for each pair of report and account whether the account is among `accounts_of` the report."""
        accounts = [accounts_of(report) for report, _ in self.reports]
        return np.array([account in accounts[owner] for owner, account in zip(*self._owned, strict=True)], bool)

    @property
    def _owned(self) -> tuple[pd.Series[Any], pd.Series[Any]]:
        return self.pairs["owner"], self.pairs["account"]


def parsed(
    batch: Batch, account_id: str | None, log: IssueLog, result: Result, leave_out: Collection[str] = ()
) -> Parsed | None:
    """Return the completely read reports of a batch; inputs that are only counted and corrections go to `result`.

    Returns None if there is nothing to read, or if a report differs from the survey.
    """
    result.reports = len(batch.reports) + len(batch.counted)
    with Reader() as reader:
        result.inputs += count(batch, reader, account_id, result.corrections)
        reports = _sources(batch.reports, reader, log, result.corrections)
    if not reports or result.corrections:
        return None
    sources = [source for _, source in reports]
    tables = normalize(parse(sources, log, leave_out=leave_out), sources, log, account_id)
    alike: Alike = {}
    if (pseudonyms := batch.pseudonyms) is not None:
        # From here on, no names are in memory.
        tables, alike = tables_under(pseudonyms, tables)
        log.rows[:] = [pseudonyms.cell_issue(row) for row in log.rows]
    pairs, of_row = accounts_in(tables.users)
    rejected = tables.reports.groupby("source")["rejected"].sum()
    result.corrections |= _corrections(reports, pairs, rejected)
    return None if result.corrections else Parsed(reports, tables, pairs, of_row, alike)


def read(  # noqa: PLR0913 - what is read, and where it goes
    batch: Batch,
    account_id: str | None,
    as_of: datetime | None,
    log: IssueLog,
    result: Result,
    leave_out: Collection[str] = (),
) -> TypedTables | None:
    """Return the rows of a batch that are judged; what there is of inputs and corrections goes to `result`.

    None where there is nothing to judge, or where a report is not what the survey took it for.
    """
    parsed_reports = parsed(batch, account_id, log, result, leave_out)
    return None if parsed_reports is None else parsed_reports.judged(as_of, result)


def _with_distinct_snapshots(parsed_reports: Parsed) -> TypedTables:
    """Return the tables with columns that distinguish snapshots of the same capture time, if there are any."""
    selected = [report for report, _ in parsed_reports.reports]
    if not any(selection.in_doubt or selection.entry.month for selection in selected):
        return parsed_reports.tables
    months = sorted({selection.entry.month for selection in selected if selection.entry.month})
    month = np.array(
        [months.index(selection.entry.month) - len(months) if selection.entry.month else 0 for selection in selected]
    )
    owner, accounts = parsed_reports.pairs["owner"].to_numpy(), parsed_reports.pairs["account"]
    in_doubt = np.array([account in selected[of].in_doubt for of, account in zip(owner, accounts, strict=True)], bool)
    apart = np.where(in_doubt, owner + 1, month[owner])
    users = parsed_reports.tables.users.assign(
        **{APART: apart[parsed_reports.of_row], ORDER_UNKNOWN: in_doubt[parsed_reports.of_row]}
    )
    return replace(parsed_reports.tables, users=users)


def _sources(
    reports: Iterable[Selected], reader: Reader, log: IssueLog, corrections: dict[Key, Entry | None]
) -> list[tuple[Selected, Source]]:
    """Return the reports with their sources; reports that were changed go to `corrections`."""
    reports_with_sources = []
    for report in reports:
        try:
            reports_with_sources.append((report, report.entry.source(reader, log)))
        except ChangedError:
            corrections[report.entry.key] = None
    return reports_with_sources


def count(batch: Batch, reader: Reader, account_id: str | None, corrections: dict[Key, Entry | None]) -> list[Input]:
    """Return the inputs of reports that are not judged; only their digest, rows and accounts are read."""
    inputs, pseudonyms = [], batch.pseudonyms
    for entry in batch.counted:
        try:
            source = entry.source(reader, IssueLog())
        except ChangedError:
            corrections[entry.key] = None
            continue
        rows, rejected = rows_by_account(source, account_id)
        if pseudonyms is not None:
            rows = {pseudonyms.account_of(account): count for account, count in rows.items()}
        if rows.keys() != entry.accounts:
            corrections[entry.key] = _with_facts(entry, source, rows, rejected)
        inputs.append(input_of(_with_facts(entry, source, rows, rejected)))
    return inputs


def input_of(entry: Entry) -> Input:
    """Return the input of a report that is not judged."""
    facts = entry.facts
    if facts is None:
        raise ValueError(f"not read completely: {entry.name}")
    return Input(
        entry.name,
        facts.sha256,
        facts.size,
        facts.container,
        facts.encoding,
        layout_name(entry.header.columns),
        sum(facts.rows.values()) + facts.rejected,
        facts.rejected,
        entry.captured_at,
        entry.captured_from,
        None,
        None,
        tuple(OfAccount(number or None, rows, "not_judged") for (_, number), rows in sorted(facts.rows.items())),
    )


def _with_facts(entry: Entry, source: Source, rows: Mapping[Account, int], rejected: int) -> Entry:
    """Return an entry with the facts of the completely read report."""
    facts = ReportFacts(source.sha256, source.size, source.digest, source.container, source.encoding, rows, rejected)
    return replace(entry, accounts=frozenset(rows), facts=facts)


def _corrections(
    read: Sequence[tuple[Selected, Source]], pairs: pd.DataFrame, rejected: pd.Series[Any]
) -> dict[Key, Entry | None]:
    """Return corrected entries for reports whose accounts differ from the survey."""
    rows: list[dict[Account, int]] = [{} for _ in read]
    for owner, account, number in zip(pairs["owner"], pairs["account"], pairs["rows"], strict=True):
        rows[owner][account] = int(number)
    return {
        report.entry.key: _with_facts(report.entry, source, report_rows, int(rejected.get(position, 0)))
        for position, ((report, source), report_rows) in enumerate(zip(read, rows, strict=True))
        if report_rows.keys() != report.entry.accounts
    }


def _only(tables: TypedTables, is_chosen: Flags) -> TypedTables:
    """Return the tables with only the rows where `is_chosen` is true."""
    if is_chosen.all():
        return tables
    users = tables.users[is_chosen].reset_index(drop=True)
    # Remove the categories of accounts and sources that have no rows any more.
    few = {
        str(name): column.cat.remove_unused_categories() for name, column in users.items() if column.dtype == "category"
    }
    users = users.assign(**few)
    return TypedTables(users, unpivot(users), tables.reports)


def _inputs(
    read: Sequence[tuple[Selected, Source]], tables: TypedTables, pairs: pd.DataFrame, as_of: datetime | None
) -> list[Input]:
    """Return the inputs of reports that were parsed."""
    reports, owners = tables.reports, tables.reports["source"].tolist()
    layouts: list[dict[str, None]] = [{} for _ in read]
    rows, rejected, newest = [0] * len(read), [0] * len(read), [NO_TIME] * len(read)
    columns = (reports[name].tolist() for name in ("layout", "rows", "rejected"))
    for position, layout, count, lost, time in zip(
        owners, *columns, microseconds(reports["newest_time"]).tolist(), strict=True
    ):
        layouts[position][layout] = None
        rows[position] += count
        rejected[position] += lost
        newest[position] = max(newest[position], time)
    parts: list[list[OfAccount]] = [[] for _ in read]
    of_pairs = (pairs[name].tolist() for name in ("owner", "account", "rows", "role"))
    for owner, (_, number), count, role in zip(*of_pairs, strict=True):
        parts[owner].append(OfAccount(number or None, count, role))
    return [
        Input(
            source.name,
            source.sha256,
            source.size,
            source.container,
            source.encoding,
            ", ".join(layouts[position]),
            rows[position],
            rejected[position],
            source.captured_at,
            source.captured_from,
            _instant(newest[position]),
            as_of or source.captured_at,
            tuple(sorted(parts[position], key=lambda part: part.account_id or "")),
        )
        for position, (_, source) in enumerate(read)
    ]


def _note_evidence_of_unknown_age(inputs: Iterable[Input], as_of: datetime | None, log: IssueLog) -> None:
    """Add an issue for judged reports of unknown capture time whose newest time is far from the reference date.

    The report was captured at the newest time in it or later.
    """
    for report in inputs:
        code_and_days = evidence_of_unknown_age(report, as_of)
        if code_and_days is None:
            continue
        code, days = code_and_days
        far = counted(days, "day") if days else "less than a day"
        side, consequence = {
            "undated_evidence_older": ("before", "later uses, changes and deletions may not be in it"),
            "undated_evidence_newer": ("after", "it was captured later, and may not show the state at that date"),
        }[code]
        log.add(
            code,
            f"its capture time is not known; the newest time in it is {report.newest_time:%Y-%m-%dT%H:%M:%SZ}, {far} "
            f"{side} the reference date: {consequence}; give its capture time with --captured-at, or another report",
            source=report.name,
        )


def _instant(micros: int) -> datetime | None:
    return None if micros == NO_TIME else EPOCH + micros * MICROSECOND
