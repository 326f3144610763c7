"""Splits an audit by account owner: the tables and the summary of the accounts of each owner."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.errors import InputError
from analyzer.evidence.coverage import PartOf
from analyzer.evidence.inputs import OfAccount, input_facts, inputs_of_facts
from analyzer.evidence.people import LISTS, counts_by_match
from analyzer.evidence.summary import Summary
from analyzer.evidence.tally import tallies_of_accounts
from analyzer.reading.columns import codes_and_texts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import pandas as pd

    from analyzer.evidence.opened import EvidenceSet
    from analyzer.evidence.tables import Whole

_BATCH: Final = 100_000
_BY_ACCOUNT: Final = ("findings", "credentials", "users", *LISTS)


def parts_by_owner(evidence: EvidenceSet) -> list[OwnerPart]:
    """Return the part of an audit for each owner in the list of accounts, sorted by owner.

    Accounts without an owner, and rows without a known account, are in no part. Raises InputError if there is no list
    of accounts, or if it has no owners.
    """
    coverage = evidence.summary.coverage
    rows = [] if coverage is None else coverage.select(["account_id", "owner"]).to_pylist()
    owner_of = {row["account_id"]: row["owner"] for row in rows if row["account_id"] and row["owner"]}
    if not owner_of:
        raise InputError(
            "--by owner: no owner of an account is known",
            "run the audit with --accounts and a CSV that has the column owner",
        )
    owners = sorted(set(owner_of.values()))
    accounts: dict[str, set[str]] = {owner: set() for owner in owners}
    for account, owner in owner_of.items():
        accounts[owner].add(account)
    inputs = _Inputs.by_owner(evidence.summary.inputs, accounts)
    positions: dict[str, dict[str, Whole]] = {owner: {} for owner in owners}
    of_table: dict[str, tuple[str, Mapping[str, str]]] = {
        name: ("account_id", owner_of) for name in _BY_ACCOUNT if name in evidence.files
    }
    if "issues" in evidence.files:
        of_source = {name: owner for owner, own in inputs.items() for name in own.alone}
        of_table["issues"] = ("source", of_source)
    for name, (column, keys) in of_table.items():
        for owner, own_positions in _positions(evidence, name, column, keys, owners).items():
            positions[owner][name] = own_positions
    if "issues" in evidence.files:
        _add_missing(evidence, owner_of, positions)
    return [OwnerPart(evidence, owner, accounts[owner], inputs[owner], positions[owner]) for owner in owners]


def _positions(
    evidence: EvidenceSet, name: str, column: str, owner_of: Mapping[str, str], owners: Sequence[str]
) -> dict[str, Whole]:
    """Return the positions of each owner's rows in a table, by the values of a column (see `owner_of`)."""
    number = {owner: at for at, owner in enumerate(owners)}
    positions: list[list[Whole]] = [[] for _ in owners]
    start = 0
    for batch in evidence.batches(name, [column]):
        codes, texts = codes_and_texts(batch[column])
        # The last element is for rows without a text, whose code is -1.
        owner = np.array([*(number.get(owner_of.get(text, ""), -1) for text in texts), -1], np.int64)[codes]
        rows = np.flatnonzero(owner >= 0)
        order = np.argsort(owner[rows], kind="stable")
        bounds = np.searchsorted(owner[rows][order], np.arange(len(owners) + 1))
        for at in np.flatnonzero(np.diff(bounds)).tolist():
            positions[at].append(rows[order[bounds[at] : bounds[at + 1]]] + start)
        start += batch.num_rows
    return {owner: np.concatenate([np.array([], np.int64), *positions[at]]) for owner, at in number.items()}


def _add_missing(evidence: EvidenceSet, owner_of: Mapping[str, str], positions: Mapping[str, dict[str, Whole]]) -> None:
    """Add the issues of accounts without a report; their source is the list of accounts, not a report."""
    issues = pa.concat_tables(list(evidence.batches("issues", ["code", "value"])))
    lacking = np.flatnonzero(pc.equal(issues["code"].cast(pa.string()), "account_without_report").to_numpy())
    own: dict[str, list[int]] = {}
    for at, account in zip(lacking.tolist(), issues["value"].take(pa.array(lacking)).to_pylist(), strict=True):
        if account in owner_of:
            own.setdefault(owner_of[account], []).append(at)
    for owner, more in own.items():
        positions[owner]["issues"] = np.union1d(positions[owner]["issues"], np.array(more, np.int64))


class _Inputs(NamedTuple):
    """The reports with accounts of one owner; `alone` has the names of reports without other owners' accounts."""

    table: pd.DataFrame
    alone: list[str]

    @classmethod
    def by_owner(cls, inputs: pd.DataFrame, accounts: Mapping[str, Collection[str]]) -> dict[str, _Inputs]:
        """Return the inputs of each owner; in a report with several owners, only the owner's own rows are counted."""
        owner_of = {account: owner for owner, own_accounts in accounts.items() for account in own_accounts}
        facts: dict[str, list[dict[str, object]]] = {owner: [] for owner in accounts}
        alone: dict[str, list[str]] = {owner: [] for owner in accounts}
        for report in input_facts(inputs):
            owners = {owner_of.get(part["account_id"] or "") for part in report["accounts"]}
            for owner in owners - {None}:
                own = [part for part in report["accounts"] if owner_of.get(part["account_id"] or "") == owner]
                rows = sum(OfAccount(**part).rows for part in own)
                if len(owners) == 1:
                    facts[str(owner)].append(report)
                    alone[str(owner)].append(str(report["name"]))
                else:
                    own_part = {"accounts": own, "rows": rows, "rejected": 0, "newest_time": None}
                    facts[str(owner)].append({**report, **own_part})
        return {owner: cls(inputs_of_facts(facts[owner]), alone[owner]) for owner in accounts}


class OwnerPart:
    """The accounts of one owner: their tables, with the methods of `Tables`, and their summary."""

    def __init__(
        self,
        whole: EvidenceSet,
        owner: str,
        accounts: Collection[str],
        inputs: _Inputs,
        positions: Mapping[str, Whole],
    ) -> None:
        self.owner = owner
        self.accounts = frozenset(accounts)
        self._whole = whole
        self._inputs = inputs
        self._positions = positions

    def batches(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of a table: see `Tables`."""
        positions = self._positions[name]
        for start in range(0, max(len(positions), 1), _BATCH):
            yield self._whole.rows_at(name, positions[start : start + _BATCH], columns)

    def rows_at(self, name: str, positions: Whole, columns: Sequence[str] | None = None) -> pa.Table:
        """Return rows of a table: see `Tables`."""
        return self._whole.rows_at(name, self._positions[name][positions], columns)

    def rows(self, name: str) -> int:
        """Return the number of rows of a table."""
        return len(self._positions[name])

    @cached_property
    def summary(self) -> Summary:
        """The counts of these accounts."""
        whole = self._whole.summary
        tallies = tallies_of_accounts(
            whole.tallies, self.accounts, self, whole.checklist, self.batches("issues", ["code"])
        )
        return Summary(
            whole.settings,
            self._inputs.table,
            tallies,
            trend=self._own(whole.trend),
            coverage=self._own(whole.coverage),
            compared={name: counts_by_match(self.batches(name, ["status"])) for name in whole.compared},
            part=PartOf(self.owner, len(self._inputs.table) - len(self._inputs.alone)),
        )

    def _own(self, table: pa.Table | None) -> pa.Table | None:
        """Return the rows of a table for these accounts; None if there are none."""
        if table is None:
            return None
        own = table.filter(pc.is_in(table["account_id"].cast(pa.string()), pa.array(sorted(self.accounts))))
        return own if own.num_rows else None
