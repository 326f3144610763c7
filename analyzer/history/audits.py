"""Two audits' evidence sets, to be compared: their users, some accounts at a time."""

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
from analyzer.reading.normalizing import Tables
from analyzer.reading.times import since_epoch
from analyzer.reading.unpivot import unpivot
from analyzer.survey.files import is_url
from analyzer.survey.plan import cut

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from analyzer.engine import Map
    from analyzer.evidence.comparison import Comparison
    from analyzer.history.compare import Comparing
    from analyzer.history.snapshots import Flags
    from analyzer.reading.issues import Row

_ROWS: Final = 1 << 17
"""Rows of users that are compared together, of both sides."""
_TEXTS: Final = ("account_id", "source")
_TOLD: Final = ["account_id", "captured_at", "source"]
"""What tells a report of an account from others; `_TEXTS` are those that are texts."""
_OF_THE_AUDIT: Final = frozenset(
    {
        *("other_snapshot", "older_report", "undated_report", "only_newer_snapshot", "duplicate_user"),
        *("undated_beside_dated", "order_unknown", "undated_evidence_older", "undated_evidence_newer"),
    }
)
"""Issues that tell which snapshots were judged, and how; others, but those of waivers, are of the reports."""


def is_set(given: str) -> bool:
    """Whether a path is an evidence set, of whatever kind and version."""
    return not is_url(given) and find_document(Path(given), MANIFEST, without="inputs") is not None


def audits_at(old: Sequence[str], new: Sequence[str]) -> tuple[EvidenceSet, EvidenceSet] | None:
    """Return the two evidence sets that are to be compared; None where reports are given on both sides.

    Raises UsageError where only some of what is given is an evidence set, and InputError where one is not the users of
    an audit as they were written.
    """
    sets = [given for given in (*old, *new) if is_set(given)]
    if not sets:
        return None
    if len(sets) != len(old) + len(new) or len(old) != 1 or len(new) != 1:
        raise UsageError(
            f"{sets[0]} is an evidence set, and it can be compared only with one other evidence set",
            "give the folders of two audits, or give reports on both sides",
        )
    return _audit_at(Path(old[0])), _audit_at(Path(new[0]))


def _audit_at(folder: Path) -> EvidenceSet:
    """Return the evidence set of an audit, in which the users are as they were written."""
    found = EvidenceSet.of(str(folder), read_manifest(folder))
    if found.kind != "audit":
        raise InputError(
            f"{folder} is the evidence set of a {found.kind}, not of an audit", "give the evidence sets of two audits"
        )
    if "users" not in found.files:
        raise InputError(
            f"the evidence set {folder} was written without users (option --tables)",
            "run the audit again without --tables, or compare the reports",
        )
    if changed := changed_tables(folder, found.manifest):
        raise InputError(
            f"changed since it was written: {', '.join(changed)} in {folder}",
            "run `credreport verify` on the set; compare the original copy of the set, or compare the reports",
        )
    return found


def compare_audits(comparing: Comparing, sets: tuple[EvidenceSet, EvidenceSet], run: Map) -> Comparison:
    """Compare the snapshots that two audits have judged; `run` maps tasks. Raises InputError as `Comparing` does."""
    log = IssueLog()
    audits = Audits.of(sets, log)
    audits.note_issues(log)
    parts = audits.parts(comparing.accounts.add(*audits.newest, log))
    events = []
    for found, issues in run(partial(_compare, comparing, audits), parts):
        events.append(found)
        log.rows += issues
    return comparing.joined(events, audits.inputs(), log)


def _compare(comparing: Comparing, audits: Audits, part: Part) -> tuple[pa.Table, list[Row]]:
    log = IssueLog()
    return comparing.between(*audits.rows_of(part), log), log.rows


@dataclass(frozen=True)
class Part:
    """Some accounts that are compared: `last` has the newest snapshot of each on either side, in microseconds."""

    accounts: tuple[str, ...]
    last: tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Audits:
    """The evidence sets of two audits, and the snapshots in them: `account_id, captured_at, source, rows` of each side.

    `left_out` has those whose order is not known, by the first three. `lacking` are the reports that may hold some of
    their users only; None: all of them.
    """

    sets: tuple[EvidenceSet, EvidenceSet]
    snapshots: tuple[pd.DataFrame, pd.DataFrame]
    left_out: tuple[pd.MultiIndex, pd.MultiIndex]
    lacking: tuple[frozenset[str] | None, frozenset[str] | None]

    @classmethod
    def of(cls, sets: tuple[EvidenceSet, EvidenceSet], log: IssueLog) -> Audits:
        """Look which snapshots two sets have."""
        every = tuple(_snapshots(one) for one in sets)
        left_out = tuple(_in_unknown_order(one, mine, log) for one, mine in zip(sets, every, strict=True))
        old, new = (mine[~_told(mine).isin(out)] for mine, out in zip(every, left_out, strict=True))
        return cls(sets, (old, new), (left_out[0], left_out[1]), (_lacking(sets[0], log), _lacking(sets[1], log)))

    @property
    def newest(self) -> tuple[dict[str, datetime], dict[str, datetime]]:
        """When the newest snapshot of each account was captured, on either side."""
        old, new = (
            {str(name): time for name, time in one.groupby("account_id")["captured_at"].max().items()}
            for one in self.snapshots
        )
        return old, new

    def parts(self, accounts: Sequence[str]) -> list[Part]:
        """Return accounts in runs that have some rows together."""
        rows = pd.concat(self.snapshots).groupby("account_id")["rows"].sum()
        old, new = self.newest

        def part(run: Sequence[str]) -> Part:
            last = tuple(since_epoch(old[one]) for one in run), tuple(since_epoch(new[one]) for one in run)
            return Part(tuple(run), last)

        return [part(run) for run in cut(sorted(accounts), _ROWS, lambda one: int(rows[one]))]

    def rows_of(self, part: Part) -> tuple[Tables, Flags, Flags]:
        """Return the rows of accounts, and which of them are of the newest snapshot of the older and the newer side.

        Those of the newer side are of that snapshot alone.
        """
        sides = [_users(one, part.accounts) for one in self.sets]
        table = pa.concat_tables(sides).unify_dictionaries().combine_chunks()
        side = np.repeat([0, 1], [len(one) for one in sides])
        users = to_pandas(table)
        captured = microseconds(users["captured_at"])
        place = {name: number for number, name in enumerate(part.accounts)}
        account = np.array([place.get(name, -1) for name in users["account_id"].cat.categories], np.int64)
        last = np.array(part.last)[side, account[users["account_id"].cat.codes.to_numpy()]]
        report = numbered(side, users["source"].cat.codes.to_numpy()).astype(np.int32)
        kept = (captured != NO_TIME) & ((side == 0) | (captured == last))
        lacking = np.zeros(len(users), bool)
        for which, (names, out) in enumerate(zip(self.lacking, self.left_out, strict=True)):
            lacking |= (side == which) & (True if names is None else of_sources(users, names))
            if len(out):
                kept &= (side != which) | ~_told(users).isin(out)
        users = with_partial(users.assign(report=report), lacking & kept)[kept].reset_index(drop=True)
        is_new, is_last = side[kept] == 1, (captured == last)[kept]
        return Tables(users, unpivot(users), pd.DataFrame()), ~is_new & is_last, is_new

    def inputs(self) -> list[dict[str, Any]]:
        """Return the reports of both audits, each as of its own capture time."""
        rows = [row for one in self.sets for row in one.manifest["inputs"]]
        return [{**row, "as_of": row["captured_at"] if row["judged"] else None} for row in rows]

    def note_issues(self, log: IssueLog) -> None:
        """Note what was found wrong with the reports, and those that stand nowhere in time."""
        for one in self.sets:
            note_undated([str(row["name"]) for row in one.manifest["inputs"] if row["captured_at"] is None], log)
            log.rows += _issues(one) if "issues" in one.files else []


def _snapshots(audit: EvidenceSet) -> pd.DataFrame:
    """Return the snapshots of known accounts and times in an audit, by report, with their rows."""
    counts = [
        pa.table([batch[name].cast(pa.string()) if name in _TEXTS else batch[name] for name in _TOLD], _TOLD)
        .drop_null()
        .group_by(_TOLD)
        .aggregate([([], "count_all")])
        for batch in audit.batches("users", _TOLD)
    ]
    found = pa.concat_tables(counts).group_by(_TOLD).aggregate([("count_all", "sum")])
    frame: pd.DataFrame = found.rename_columns([*_TOLD, "rows"]).to_pandas()
    return frame


def _told(frame: pd.DataFrame) -> pd.MultiIndex:
    """Return what tells a report of an account from others."""
    texts = (frame[name].astype("str") for name in _TEXTS)
    return pd.MultiIndex.from_arrays([*texts, frame["captured_at"].astype("datetime64[us, UTC]")])


def _in_unknown_order(audit: EvidenceSet, snapshots: pd.DataFrame, log: IssueLog) -> pd.MultiIndex:
    """Return the snapshots, as `_told` tells them, whose order is not known; `log` says so."""
    together = snapshots[snapshots.duplicated(["account_id", "captured_at"], keep=False)]
    rows = together.groupby("account_id")["rows"].sum()
    found = _told(together.iloc[:0])
    for accounts in cut(sorted(rows.index), _ROWS, lambda one: int(rows[one])):
        users = to_pandas(_users(audit, accounts))
        users = users.assign(report=_told(users).factorize()[0])
        doubtful = users["report"].isin(in_unknown_order(users, log))
        found = found.append(_told(users[doubtful].drop_duplicates("report")))
    return found


def _lacking(audit: EvidenceSet, log: IssueLog) -> frozenset[str] | None:
    """Return the reports of an audit that may hold some of their users only; None where they cannot be told."""
    if "issues" in audit.files:
        return may_lack_users(_issues(audit))
    counts = counts_of(audit.table("tallies"), Tally.ISSUES).groupby("reason")["count"].sum()
    noted = sorted(PROVE_NO_ABSENCE & set(counts.index))
    for code in noted:
        log.add(
            code,
            f"this audit noted it {counts[code]:,} times and was written without the table of issues (--tables), so "
            "the reports are not known: no user counts as deleted; run the audit again without --tables",
            source=audit.place,
        )
    return None if noted else frozenset()


def _users(audit: EvidenceSet, accounts: Sequence[str]) -> pa.Table:
    """Return the users of some accounts: row groups of others are passed over."""
    from pyarrow import parquet  # noqa: PLC0415

    from analyzer.evidence import storage  # noqa: PLC0415

    where = pc.field("account_id").isin(pa.array(accounts, pa.string()))
    schema = pa.schema([USERS.field(name) for name in COLUMNS])
    tables = [
        parquet.read_table(storage.opened(audit.place, file), columns=list(COLUMNS), filters=where)
        for file in audit.files["users"]
    ]
    return pa.concat_tables([schema.empty_table(), *(table.select(COLUMNS).cast(schema) for table in tables)])


def _issues(audit: EvidenceSet) -> list[Row]:
    """Return what an audit notes of its reports."""
    rows = audit.table("issues").to_pylist()
    names = ("source", "line", "column", "value", "code", "message")
    return [
        tuple(row[name] for name in names)
        for row in rows
        if row["code"] not in _OF_THE_AUDIT and not row["code"].startswith("waiver_")
    ]
