"""Compares the evidence sets of two audits by their users, some accounts at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.errors import InputError, UsageError
from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.schema import USERS, to_pandas
from analyzer.evidence.seal import MANIFEST, find_document, read_manifest
from analyzer.evidence.tally import Tally, counts_of
from analyzer.evidence.verify import changed_tables
from analyzer.history.snapshots import (
    COLUMNS,
    in_unknown_order,
    may_lack_users,
    note_undated,
    of_sources,
    with_partial,
)
from analyzer.reading.columns import NO_TIME, microseconds, numbered
from analyzer.reading.issues import PROVE_NO_ABSENCE, IssueLog
from analyzer.reading.normalizing import TypedTables
from analyzer.reading.times import since_epoch
from analyzer.reading.unpivot import unpivot
from analyzer.survey.files import is_url
from analyzer.survey.plan import cut

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from analyzer.engine import Map
    from analyzer.evidence.comparison import Comparison
    from analyzer.history.compare import Compared, Comparer
    from analyzer.history.snapshots import Flags
    from analyzer.reading.issues import Row

_ROWS: Final = 1 << 17
"""Rows of users on both sides that are compared together."""
_TEXTS: Final = ("account_id", "source")
_REPORT_KEY: Final = ["account_id", "captured_at", "source"]
"""The columns that identify a report of an account; `_TEXTS` are the text columns among them."""
_OF_THE_AUDIT: Final = frozenset(
    {
        *("other_snapshot", "older_report", "undated_report", "only_newer_snapshot", "duplicate_user"),
        *("undated_beside_dated", "order_unknown", "undated_evidence_older", "undated_evidence_newer"),
    }
)
"""Issues about the choice of the judged snapshots. All other issues, except those of waivers, are about the reports."""


def is_set(path: str) -> bool:
    """Whether a path is an evidence set of any kind and version."""
    return not is_url(path) and find_document(Path(path), MANIFEST, without="inputs") is not None


def audits_at(old: Sequence[str], new: Sequence[str]) -> tuple[EvidenceSet, EvidenceSet] | None:
    """Return the two evidence sets to compare; None if reports are given on both sides.

    Raises UsageError unless each side is exactly one evidence set, and InputError if a set is not from an audit, has no
    users table or was changed.
    """
    sets = [path for path in (*old, *new) if is_set(path)]
    if not sets:
        return None
    if len(sets) != len(old) + len(new) or len(old) != 1 or len(new) != 1:
        raise UsageError(
            f"{sets[0]} is an evidence set, and it can be compared only with one other evidence set",
            "give the folders of two audits, or give reports on both sides",
        )
    return _audit_at(Path(old[0])), _audit_at(Path(new[0]))


def _audit_at(folder: Path) -> EvidenceSet:
    """Return the evidence set of an audit with an unchanged users table; raises InputError as `audits_at` does."""
    audit = EvidenceSet.of(str(folder), read_manifest(folder))
    if audit.kind != "audit":
        raise InputError(
            f"{folder} is the evidence set of a {audit.kind}, not of an audit",
            "give the evidence sets of two audits, or two folders of reports",
        )
    if "users" not in audit.files:
        raise InputError(
            f"the evidence set {folder} was written without users (option --tables)",
            "run the audit again without --tables, or compare the reports",
        )
    if changed := changed_tables(folder, audit.manifest):
        raise InputError(
            f"changed since it was written: {', '.join(changed)} in {folder}",
            "run `credreport verify` on the set; compare the original copy of the set, or compare the reports",
        )
    return audit


def compare_audits(comparer: Comparer, sets: tuple[EvidenceSet, EvidenceSet], run: Map) -> Comparison:
    """Compare the judged snapshots of two audits; `run` maps tasks. Raises InputError as `Comparing.joined` does."""
    log = IssueLog()
    audits = Audits.of(sets, log)
    audits.note_issues(log)
    parts = audits.parts(comparer.accounts.add(*audits.newest, log))
    compared = []
    for result, issues in run(partial(_compare, comparer, audits), parts):
        compared.append(result)
        log.rows += issues
    return comparer.joined(compared, audits.inputs(), log)


def _compare(comparer: Comparer, audits: Audits, part: AccountGroup) -> tuple[Compared, list[Row]]:
    log = IssueLog()
    return comparer.between(*audits.rows_of(part), log), log.rows


@dataclass(frozen=True)
class AccountGroup:
    """Some accounts to compare; `last` has the time of the newest snapshot of each, by side, in microseconds."""

    accounts: tuple[str, ...]
    last: tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Audits:
    """The evidence sets of two audits, and their snapshots: a table `account_id, captured_at, source, rows` by side.

    `left_out` has the snapshots of unknown order, by the first three columns. `lacking` are the reports that may lack
    users; None: all reports may lack users.
    """

    sets: tuple[EvidenceSet, EvidenceSet]
    snapshots: tuple[pd.DataFrame, pd.DataFrame]
    left_out: tuple[pd.MultiIndex, pd.MultiIndex]
    lacking: tuple[frozenset[str] | None, frozenset[str] | None]

    @classmethod
    def of(cls, sets: tuple[EvidenceSet, EvidenceSet], log: IssueLog) -> Audits:
        """Return the two sets with their snapshots; issues about them go to `log`."""
        snapshots = tuple(_snapshots(evidence_set) for evidence_set in sets)
        left_out = tuple(
            _in_unknown_order(evidence_set, table, log) for evidence_set, table in zip(sets, snapshots, strict=True)
        )
        old, new = (table[~_report_keys(table).isin(out)] for table, out in zip(snapshots, left_out, strict=True))
        return cls(sets, (old, new), (left_out[0], left_out[1]), (_lacking(sets[0], log), _lacking(sets[1], log)))

    @property
    def newest(self) -> tuple[dict[str, datetime], dict[str, datetime]]:
        """The capture time of the newest snapshot of each account, by side."""
        old, new = (
            {str(name): time for name, time in snapshot_table.groupby("account_id")["captured_at"].max().items()}
            for snapshot_table in self.snapshots
        )
        return old, new

    def parts(self, accounts: Sequence[str]) -> list[AccountGroup]:
        """Return the accounts in parts of about `_ROWS` rows."""
        rows = pd.concat(self.snapshots).groupby("account_id")["rows"].sum()
        old, new = self.newest

        def part(run: Sequence[str]) -> AccountGroup:
            times = [tuple(since_epoch(side[account]) for account in run) for side in (old, new)]
            return AccountGroup(tuple(run), (times[0], times[1]))

        return [part(run) for run in cut(sorted(accounts), _ROWS, lambda account: int(rows[account]))]

    def rows_of(self, part: AccountGroup) -> tuple[TypedTables, Flags, Flags]:
        """Return the rows of accounts, and flags for the newest snapshot of the older side and of the newer side.

        The rows of the newer side are only those of its newest snapshot.
        """
        sides = [_users(evidence_set, part.accounts) for evidence_set in self.sets]
        table = pa.concat_tables(sides).unify_dictionaries().combine_chunks()
        side = np.repeat([0, 1], [len(users_of_side) for users_of_side in sides])
        users = to_pandas(table)
        captured = microseconds(users["captured_at"])
        position_of = {name: number for number, name in enumerate(part.accounts)}
        account = np.array([position_of.get(name, -1) for name in users["account_id"].cat.categories], np.int64)
        last = np.array(part.last)[side, account[users["account_id"].cat.codes.to_numpy()]]
        report = numbered(side, users["source"].cat.codes.to_numpy()).astype(np.int32)
        is_kept = (captured != NO_TIME) & ((side == 0) | (captured == last))
        lacking = np.zeros(len(users), bool)
        for which, (names, out) in enumerate(zip(self.lacking, self.left_out, strict=True)):
            lacking |= (side == which) & (True if names is None else of_sources(users, names))
            if len(out):
                is_kept &= (side != which) | ~_report_keys(users).isin(out)
        users = with_partial(users.assign(report=report), lacking & is_kept)[is_kept].reset_index(drop=True)
        is_new, is_last = side[is_kept] == 1, (captured == last)[is_kept]
        return TypedTables(users, unpivot(users), pd.DataFrame()), ~is_new & is_last, is_new

    def inputs(self) -> list[dict[str, Any]]:
        """Return the inputs of both audits, with the capture time as reference date."""
        rows = [row for evidence_set in self.sets for row in evidence_set.manifest["inputs"]]
        return [{**row, "as_of": row["captured_at"] if row["judged"] else None} for row in rows]

    def note_issues(self, log: IssueLog) -> None:
        """Add the data issues of the reports of both audits, and an issue for each report without a capture time."""
        for evidence_set in self.sets:
            note_undated(
                [str(row["name"]) for row in evidence_set.manifest["inputs"] if row["captured_at"] is None], log
            )
            log.rows += _issues(evidence_set) if "issues" in evidence_set.files else []


def _snapshots(audit: EvidenceSet) -> pd.DataFrame:
    """Return a row per report and account of an audit, with the number of rows, if account and time are known."""
    counts = [
        pa.table(
            [batch[name].cast(pa.string()) if name in _TEXTS else batch[name] for name in _REPORT_KEY], _REPORT_KEY
        )
        .drop_null()
        .group_by(_REPORT_KEY)
        .aggregate([([], "count_all")])
        for batch in audit.batches("users", _REPORT_KEY)
    ]
    row_counts = pa.concat_tables(counts).group_by(_REPORT_KEY).aggregate([("count_all", "sum")])
    frame: pd.DataFrame = row_counts.rename_columns([*_REPORT_KEY, "rows"]).to_pandas()
    return frame


def _report_keys(frame: pd.DataFrame) -> pd.MultiIndex:
    """Return the key of each row's report and account."""
    texts = (frame[name].astype("str") for name in _TEXTS)
    return pd.MultiIndex.from_arrays([*texts, frame["captured_at"].astype("datetime64[us, UTC]")])


def _in_unknown_order(audit: EvidenceSet, snapshots: pd.DataFrame, log: IssueLog) -> pd.MultiIndex:
    """Return the keys (see `_report_keys`) of snapshots of unknown order, and add an issue for each to `log`."""
    together = snapshots[snapshots.duplicated(["account_id", "captured_at"], keep=False)]
    rows = together.groupby("account_id")["rows"].sum()
    keys = _report_keys(together.iloc[:0])
    for accounts in cut(sorted(rows.index), _ROWS, lambda account: int(rows[account])):
        users = to_pandas(_users(audit, accounts))
        users = users.assign(report=_report_keys(users).factorize()[0])
        doubtful = users["report"].isin(in_unknown_order(users, log))
        keys = keys.append(_report_keys(users[doubtful].drop_duplicates("report")))
    return keys


def _lacking(audit: EvidenceSet, log: IssueLog) -> frozenset[str] | None:
    """Return the reports of an audit that may lack users; None if it is not known which ones."""
    if "issues" in audit.files:
        return may_lack_users(_issues(audit))
    counts = counts_of(audit.table("tallies"), Tally.ISSUES).groupby("reason")["count"].sum()
    noted = sorted(PROVE_NO_ABSENCE & set(counts.index))
    for code in noted:
        log.add(
            code,
            f"this audit noted it {counts[code]:,} times and was written without the table of issues (--tables), so "
            "the reports are not known: no user counts as deleted; run the audit again without --tables",
            source=audit.location,
        )
    return None if noted else frozenset()


def _users(audit: EvidenceSet, accounts: Sequence[str]) -> pa.Table:
    """Return the users of some accounts; row groups of other accounts are skipped."""
    from pyarrow import parquet  # noqa: PLC0415

    from analyzer.evidence import storage  # noqa: PLC0415

    where = pc.field("account_id").isin(pa.array(accounts, pa.string()))
    schema = pa.schema([USERS.field(name) for name in COLUMNS])
    tables = [
        parquet.read_table(storage.opened(audit.location, file), columns=list(COLUMNS), filters=where)
        for file in audit.files["users"]
    ]
    return pa.concat_tables([schema.empty_table(), *(table.select(COLUMNS).cast(schema) for table in tables)])


def _issues(audit: EvidenceSet) -> list[Row]:
    """Return the data issues of an audit that are about its reports."""
    rows = audit.table("issues").to_pylist()
    names = ("source", "line", "column", "value", "code", "message")
    return [
        tuple(row[name] for name in names)
        for row in rows
        if row["code"] not in _OF_THE_AUDIT and not row["code"].startswith("waiver_")
    ]
