"""Tallies: all that outputs count, added up from batches of judged tables.

A tally is a row of a table: what is counted (`tally` and the key columns that belong to it), how often (`count`), and
the latest reference instant among it (`latest`). Tables of batches are joined by adding up.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.vocabulary import JUDGED_KINDS, Outcome, Reason, Status
from analyzer.evidence.schema import TALLIES
from analyzer.judging.staleness import EXACT
from analyzer.judging.waivers import Covered
from analyzer.reading.columns import NO_TIME, microseconds, times_from
from analyzer.reading.layout import Kind, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from analyzer.controls.checklist import Checklist
    from analyzer.reading.issues import Row

    Whole = npt.NDArray[np.int64]

_KEYS: Final = [name for name in TALLIES.names if name not in {"count", "latest"}]


class Tally(StrEnum):
    """What is counted, each by columns of its own."""

    FINDINGS = "findings"
    """Findings by `control, requirement, account_id, status, reason, waiver`."""
    CREDENTIALS = "credentials"
    """Passwords and access keys by `kind`, and `status`: what became of them (see `Outcome`)."""
    USERS = "users"
    """Rows of reports by `account_id`, and `kind`: root or user."""
    IDLE = "idle"
    """Findings of `unused-credentials` by `kind` (password or access_key), `status` and `idle_days` (where exact)."""
    KEYS = "keys"
    """Access keys that pass or fail by `age_days, idle_days` (both known), and `reason` (last_used, never_used)."""
    WAIVERS = "waivers"
    """Findings that waivers match: by `waiver`, and the `status` of those that it covers (null: nothing covers it)."""
    ISSUES = "issues"
    """Data issues by their code, in `reason`."""


def tallies_of(
    users: pd.DataFrame, credentials: pd.DataFrame, findings: pd.DataFrame, covered: Covered, checklist: Checklist
) -> pa.Table:
    """Return the tallies of judged tables, in which `covered` is what the waivers of the policy match."""
    position = -1 if checklist.unused is None else checklist.checks.index(checklist.unused)
    unused = findings[["reason", "credential", "status", "idle_days"]][(findings["chosen"] == position).to_numpy()]
    return joined(
        [
            _of_findings(findings, checklist),
            _table(Tally.CREDENTIALS, _of_credentials(credentials)),
            _table(Tally.USERS, _of_users(users)),
            _table(Tally.IDLE, _of_idle(unused)),
            _table(Tally.KEYS, _of_keys(credentials)),
            _table(Tally.WAIVERS, _of_waivers(covered, checklist)),
        ]
    )


def of_issues(issues: Iterable[Row]) -> pa.Table:
    """Return the tallies of data issues."""
    counts = Counter(row[4] for row in issues)
    return _table(Tally.ISSUES, pd.DataFrame({"reason": list(counts), "count": list(counts.values())}))


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Return tallies of several tables as one, in the order of their keys."""
    every = pa.concat_tables([TALLIES.empty_table(), *tables])
    plain = [column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column for column in every.columns]
    grouped = pa.table(plain, names=every.column_names).group_by(_KEYS)
    summed = grouped.aggregate([("count", "sum"), ("latest", "max")])
    summed = summed.rename_columns([*_KEYS, "count", "latest"])
    return summed.sort_by([(name, "ascending") for name in _KEYS]).select(TALLIES.names).cast(TALLIES)


def counts_of(tallies: pa.Table, tally: Tally) -> pd.DataFrame:
    """Return the rows of one tally: texts as they are, missing ones None; numbers as floats where some are missing."""
    rows = tallies.filter(pc.equal(tallies["tally"].cast(pa.string()), tally.value))
    plain = [column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column for column in rows.columns]
    columns: dict[str, Any] = {}
    for name, column in zip(rows.column_names, plain, strict=True):
        values = column.to_pylist() if pa.types.is_string(column.type) else column.to_numpy()
        columns[name] = pd.Series(values, dtype="object") if pa.types.is_string(column.type) else values
    return pd.DataFrame(columns)


def _table(tally: Tally, counted: pd.DataFrame) -> pa.Table:
    """Return counts (columns of `TALLIES`, as far as they belong to the tally) as tallies."""
    rows = len(counted)
    given: dict[str, Any] = {"tally": pa.array([tally.value] * rows, pa.string())}
    given |= {str(name): pa.array(counted[name], from_pandas=True) for name in counted}
    arrays = [
        given[field.name].cast(field.type) if field.name in given else pa.nulls(rows, field.type) for field in TALLIES
    ]
    return pa.table(arrays, schema=TALLIES)


def _of_findings(findings: pd.DataFrame, checklist: Checklist) -> pa.Table:
    chosen = findings["chosen"].to_numpy().astype(np.int64)
    columns = {name: findings[name].cat for name in ("account_id", "status", "reason", "waiver")}
    number = chosen
    for column in columns.values():
        # The last place answers for what is missing.
        size = len(column.categories) + 1
        number = number * size + column.codes.to_numpy().astype(np.int64) % size
    values, counts, latest = _grouped(number, microseconds(findings["as_of"]))
    keys: dict[str, list[str | None]] = {}
    for name, column in reversed(columns.items()):
        texts = [*column.categories, None]
        values, code = np.divmod(values, len(texts))
        keys[name] = [texts[one] for one in code]
    checks = [checklist.checks[one] for one in values.tolist()]
    keys |= {"control": [one.control.id for one in checks], "requirement": [one.requirement for one in checks]}
    table = _table(Tally.FINDINGS, pd.DataFrame(keys, dtype="object").assign(count=counts))
    return table.set_column(TALLIES.get_field_index("latest"), TALLIES.field("latest"), times_from(latest))


def _grouped(number: Whole, instant: Whole) -> tuple[Whole, Whole, Whole]:
    """Return the distinct numbers in order, how often each stands there, and its latest instant."""
    codes, values = pd.factorize(number, sort=True)
    latest = np.full(len(values), NO_TIME)
    np.maximum.at(latest, codes, instant)
    return values, np.bincount(codes, minlength=len(values)), latest


def _counted(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how many rows there are of each combination of values."""
    return rows.groupby(list(rows), dropna=False, observed=True).size().rename("count").reset_index()


def _of_credentials(credentials: pd.DataFrame) -> pd.DataFrame:
    kind, outcome = credentials["kind"].cat, credentials["outcome"].cat
    known = (outcome.codes >= 0).to_numpy() & credentials["kind"].isin(list(JUDGED_KINDS)).to_numpy()
    flat = kind.codes.to_numpy()[known].astype(np.int64) * len(outcome.categories) + outcome.codes.to_numpy()[known]
    values, counts = np.unique(flat, return_counts=True)
    return pd.DataFrame(
        {
            "kind": [kind.categories[one] for one in values // len(outcome.categories)],
            "status": [outcome.categories[one] for one in values % len(outcome.categories)],
            "count": counts,
        }
    )


def _of_users(users: pd.DataFrame) -> pd.DataFrame:
    account = users["account_id"].cat
    is_root = users["is_root"].to_numpy(dtype=bool)
    size = len(account.categories) + 1
    values, counts = np.unique((account.codes.to_numpy().astype(np.int64) % size) * 2 + is_root, return_counts=True)
    names = [*account.categories, None]
    return pd.DataFrame(
        {
            "account_id": pd.Series([names[one] for one in values // 2], dtype="object"),
            "kind": ["root" if one else "user" for one in values % 2],
            "count": counts,
        }
    )


def _of_idle(unused: pd.DataFrame) -> pd.DataFrame:
    exact = unused["reason"].isin(list(EXACT)) & unused["idle_days"].notna()
    idle = pd.DataFrame(
        {
            "kind": np.where(unused["credential"] == "password", Kind.PASSWORD.value, Kind.ACCESS_KEY.value),
            "status": unused["status"].to_numpy(),
            "idle_days": np.where(exact, unused["idle_days"].fillna(-1), -1).astype(np.int64),
        }
    )
    counted = _counted(idle)
    return counted.assign(idle_days=counted["idle_days"].where(counted["idle_days"] >= 0).astype("Int64"))


def _of_keys(credentials: pd.DataFrame) -> pd.DataFrame:
    judged = credentials["outcome"].isin([Outcome.PASS, Outcome.FAIL]) & (credentials["kind"] == Kind.ACCESS_KEY)
    # `idle_days` is there only where it is exact.
    known = (judged & credentials["age_days"].notna() & credentials["idle_days"].notna()).to_numpy()
    some = credentials[["age_days", "idle_days", "last_used_state"]][known]
    used = (some["last_used_state"] == State.VALUE).to_numpy()
    keys = pd.DataFrame(
        {
            "age_days": some["age_days"].to_numpy(dtype=np.int64),
            "idle_days": some["idle_days"].to_numpy(dtype=np.int64),
            "reason": np.where(used, Reason.LAST_USED.value, Reason.NEVER_USED.value),
        }
    )
    return _counted(keys)


def _of_waivers(covered: Covered, checklist: Checklist) -> pd.DataFrame:
    columns = {Status.FAIL.value: "failing", Status.NOT_CHECKED.value: "not_checked", None: "bare"}
    rows = [
        {"waiver": one.id, "status": status, "count": int(counts[name]), "latest": int(counts["last"])}
        for one, counts in zip(checklist.waivers, covered.counts.to_dict("records"), strict=True)
        for status, name in columns.items()
        if counts["last"] != NO_TIME
    ]
    found = pd.DataFrame(rows, columns=["waiver", "status", "count", "latest"])
    return found.assign(latest=found["latest"].astype("int64").astype("datetime64[us]").dt.tz_localize("UTC"))


def covered_of(tallies: pa.Table, checklist: Checklist) -> Covered:
    """Return what the waivers of a checklist cover and match, as it was counted."""
    found = counts_of(tallies, Tally.WAIVERS)
    found = found.assign(status=found["status"].fillna("bare"), latest=_micros(found["latest"]))
    order = [one.id for one in checklist.waivers]
    counts = found.pivot_table("count", "waiver", "status", aggfunc="sum", fill_value=0).reindex(order, fill_value=0)
    last = found.groupby("waiver")["latest"].max().reindex(order, fill_value=NO_TIME)
    columns = {"failing": Status.FAIL.value, "not_checked": Status.NOT_CHECKED.value, "bare": "bare"}
    numbers = {
        name: counts.get(status, pd.Series(0, counts.index)).to_numpy(np.int64) for name, status in columns.items()
    }
    findings = _micros(counts_of(tallies, Tally.FINDINGS)["latest"])
    return Covered(
        pd.DataFrame({**numbers, "last": last.to_numpy(np.int64)}),
        int(findings.max(initial=NO_TIME)) if order else NO_TIME,
    )


def _micros(times: pd.Series[Any]) -> Whole:
    return times.to_numpy().astype("datetime64[us]").astype(np.int64)
