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

from analyzer.controls.control import Severity
from analyzer.controls.vocabulary import Reason, Status
from analyzer.evidence.checks import comes_due_once, is_open
from analyzer.evidence.schema import TALLIES
from analyzer.evidence.worst import positions_of
from analyzer.judging.staleness import EXACT
from analyzer.judging.waivers import Covered, nothing_covered
from analyzer.reading.columns import NO_TIME, codes_and_texts, codes_in, has_text, micros_of, numbered, times_from
from analyzer.reading.layout import ROOT_USER, Kind
from analyzer.reading.times import DAY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    import numpy.typing as npt

    from analyzer.controls.checklist import Checklist
    from analyzer.evidence.tables import Tables
    from analyzer.reading.issues import Row

    Whole = npt.NDArray[np.int64]

COUNTED: Final = ("kind", "outcome")
"""The columns of credentials that are counted."""
_KEYS: Final = [name for name in TALLIES.names if name not in {"count", "latest"}]


class Tally(StrEnum):
    """What is counted, each by columns of its own."""

    FINDINGS = "findings"
    """Findings by `control, requirement, account_id, status, reason, waiver`."""
    CREDENTIALS = "credentials"
    """Credentials by `kind`, and `status`: what became of them (see `Outcome`)."""
    USERS = "users"
    """Rows of reports by `account_id`, and `kind`: root or user."""
    OPEN = "open"
    """Users, roots and accounts (`kind`) with something open, by `account_id`, `status` (fail where something fails)
    and `severity` (the gravest of what is open).

    What is open fails or could not be decided, and is neither waived nor left to a person."""
    IDLE = "idle"
    """Findings of `unused-credentials` by `kind` (password or access_key), `status`, `idle_days` (where exact), and
    `reason` where that is order_unknown."""
    DUE = "due"
    """Findings that pass and fail later if nothing changes, by `control, requirement` and `due_days`: the days from the
    reference instant until then, a part of a day counts as one. A subject and control count once: see
    `checks.comes_due_once`."""
    WAIVERS = "waivers"
    """Findings that waivers match: by `waiver`, and the `status` of those that it covers (null: nothing covers it)."""
    ISSUES = "issues"
    """Data issues by their code, in `reason`."""


def tallies_of(
    users: pd.DataFrame, credentials: pa.Table, findings: pa.Table, covered: Covered, checklist: Checklist
) -> pa.Table:
    """Return the tallies of judged tables, in which `covered` is what the waivers of the policy match.

    They are in no order: `joined` puts those of all batches in order.
    """
    chosen = findings["chosen"].to_numpy().astype(np.int64)
    position = -1 if checklist.unused is None else checklist.checks.index(checklist.unused)
    unused = findings.select(["reason", "credential", "status", "idle_days"]).filter(pa.array(chosen == position))
    return pa.concat_tables(
        [
            _of_findings(findings, chosen, checklist),
            _table(Tally.CREDENTIALS, _of_credentials(credentials)),
            _table(Tally.USERS, _of_users(users)),
            _table(Tally.OPEN, _of_open(findings)),
            _table(Tally.IDLE, _of_idle(unused)),
            _table(Tally.DUE, _of_due(findings, chosen, checklist)),
            _table(Tally.WAIVERS, _of_waivers(covered, checklist)),
        ]
    )


def tallies_of_accounts(
    tallies: pa.Table, accounts: Collection[str], tables: Tables, checklist: Checklist, issues: Iterator[pa.Table]
) -> pa.Table:
    """Return the tallies of some accounts: those that name their account, and the others counted again.

    `tables` has the findings and credentials of these accounts, `issues` yields the codes of their data issues.
    """
    by_account = {Tally.FINDINGS, Tally.USERS, Tally.OPEN}
    kept = has_text(tallies["tally"], by_account) & has_text(tallies["account_id"], accounts)
    own = tallies.filter(pa.array(kept))
    found = [own, _covered(own)]
    needs = ["control", "requirement", "reason", "credential", "status", "idle_days", "as_of", "fails_at"]
    for batch in tables.batches("findings", needs):
        chosen = positions_of(batch, checklist.positions)
        is_unused = np.zeros(len(chosen), bool)
        if checklist.unused is not None:
            is_unused = chosen == checklist.checks.index(checklist.unused)
        found.append(_table(Tally.IDLE, _of_idle(batch.filter(pa.array(is_unused)))))
        found.append(_table(Tally.DUE, _of_due(batch, chosen, checklist)))
    found += [_table(Tally.CREDENTIALS, _of_credentials(batch)) for batch in tables.batches("credentials", COUNTED)]
    codes = Counter(code for batch in issues for code in batch["code"].to_pylist())
    found.append(_table(Tally.ISSUES, {"reason": list(codes), "count": list(codes.values())}))
    return joined(found)


def _covered(findings: pa.Table) -> pa.Table:
    """Return the tallies of waivers that cover some of these findings."""
    some = findings.filter(findings["waiver"].is_valid())
    columns = {name: some[name] for name in ("waiver", "status", "count", "latest")}
    return _table(Tally.WAIVERS, {name: column.to_pylist() for name, column in columns.items()})


def of_issues(issues: Iterable[Row]) -> pa.Table:
    """Return the tallies of data issues."""
    counts = Counter(row[4] for row in issues)
    return _table(Tally.ISSUES, {"reason": list(counts), "count": list(counts.values())})


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Return tallies of several tables as one, in the order of their keys; what is missing comes last."""
    every = pa.concat_tables([TALLIES.empty_table(), *tables]).unify_dictionaries()
    columns = {name: _in_order(every[name].combine_chunks()) for name in _KEYS}
    which = numbered(*(codes for codes, _ in columns.values()))
    first = np.empty(int(which.max(initial=-1)) + 1, np.int64)
    first[which[::-1]] = np.arange(len(which))[::-1]
    count = np.zeros(len(first), np.int64)
    np.add.at(count, which, every["count"].to_numpy())
    latest = np.full(len(first), NO_TIME)
    np.maximum.at(latest, which, micros_of(every["latest"]))
    arrays = {"count": pa.array(count), "latest": times_from(latest)}
    for name, (codes, values) in columns.items():
        mine = codes[first]
        indices = pa.array(mine, pa.int32(), mask=mine == len(values))
        is_text = pa.types.is_dictionary(TALLIES.field(name).type)
        arrays[name] = pa.DictionaryArray.from_arrays(indices, values) if is_text else values.take(indices)
    return pa.table({name: arrays[name] for name in TALLIES.names}).cast(TALLIES)


def _in_order(column: pa.Array) -> tuple[Whole, pa.Array]:
    """Return numbers that sort as the values of a column do, what is missing last, and the values by number."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(len(order) + 1, np.int64)
    rank[order] = np.arange(len(order))
    rank[-1] = len(order)  # the last place answers for code -1, null
    return rank[codes_in(encoded)], encoded.dictionary.take(pa.array(order))


def counts_of(tallies: pa.Table, tally: Tally) -> pd.DataFrame:
    """Return the rows of one tally: texts as they are, missing ones None; numbers as floats where some are missing."""
    rows = tallies.filter(pc.equal(tallies["tally"].cast(pa.string()), tally.value))
    columns: dict[str, Any] = {}
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        if pa.types.is_dictionary(column.type):
            codes, texts = codes_and_texts(column)
            columns[name] = pd.Series(np.array([*texts, None], dtype="object")[codes], dtype="object")
        else:
            columns[name] = column.to_numpy()
    return pd.DataFrame(columns)


Columns = dict[str, Any]
"""Columns of `TALLIES`, as far as they belong to a tally: lists, or arrays of Arrow or numpy, one of them `count`."""


def _table(tally: Tally, counted: Columns) -> pa.Table:
    """Return counts as tallies."""
    rows = len(counted["count"])
    given: dict[str, Any] = {"tally": pa.array([tally.value] * rows, pa.string())}
    for name, values in counted.items():
        kind = TALLIES.field(name).type
        given[name] = pa.array(values, kind.value_type if pa.types.is_dictionary(kind) else kind)
    arrays = [
        given[field.name].cast(field.type) if field.name in given else pa.nulls(rows, field.type) for field in TALLIES
    ]
    return pa.table(arrays, schema=TALLIES)


def _of_findings(findings: pa.Table, chosen: Whole, checklist: Checklist) -> pa.Table:
    columns = {name: codes_and_texts(findings[name]) for name in ("account_id", "status", "reason", "waiver")}
    number = chosen
    for codes, texts in columns.values():
        # The last place answers for what is missing.
        number = number * (len(texts) + 1) + codes % (len(texts) + 1)
    values, counts, latest = _grouped(number, micros_of(findings["as_of"]))
    keys: dict[str, list[str | None]] = {}
    for name, (_, texts) in reversed(columns.items()):
        values, code = np.divmod(values, len(texts) + 1)
        names = [*texts, None]
        keys[name] = [names[one] for one in code.tolist()]
    checks = [checklist.checks[one] for one in values.tolist()]
    keys |= {"control": [one.control.id for one in checks], "requirement": [one.requirement for one in checks]}
    return _table(Tally.FINDINGS, {**keys, "count": counts, "latest": times_from(latest)})


def _grouped(number: Whole, instant: Whole) -> tuple[Whole, Whole, Whole]:
    """Return the distinct numbers in order, how often each stands there, and its latest instant."""
    codes, values = pd.factorize(number, sort=True)
    newest = instant.max(initial=NO_TIME)
    latest = np.full(len(values), newest)
    if (instant < newest).any():
        latest[:] = NO_TIME
        np.maximum.at(latest, codes, instant)
    return values, np.bincount(codes, minlength=len(values)), latest


def _counted(**columns: tuple[Whole, Sequence[Any]]) -> Columns:
    """Return how many rows there are of each combination of values; columns are codes and the values they stand for."""
    size = len(next(iter(columns.values()))[0])
    number = np.zeros(size, np.int64)
    for codes, values in columns.values():
        number = number * len(values) + codes
    found, counts = np.unique(number, return_counts=True)
    table: Columns = {"count": counts}
    for name, (_, values) in reversed(columns.items()):
        found, code = np.divmod(found, len(values))
        table[name] = [values[one] for one in code.tolist()]
    return table


def _of_credentials(credentials: pa.Table) -> Columns:
    kind, kinds = codes_and_texts(credentials["kind"])
    outcome, outcomes = codes_and_texts(credentials["outcome"])
    known = outcome >= 0
    return _counted(kind=(kind[known], kinds), status=(outcome[known], outcomes))


def _of_users(users: pd.DataFrame) -> Columns:
    account = users["account_id"].cat
    is_root = users["is_root"].to_numpy(dtype=bool)
    size = len(account.categories) + 1
    values, counts = np.unique((account.codes.to_numpy().astype(np.int64) % size) * 2 + is_root, return_counts=True)
    names = [*account.categories, None]
    return {
        "account_id": [names[one] for one in (values // 2).tolist()],
        "kind": ["root" if one else "user" for one in (values % 2).tolist()],
        "count": counts,
    }


def _of_open(findings: pa.Table) -> Columns:
    """Return how many users, roots and accounts have something open."""
    columns = ["account_id", "source", "line", "user", "status", "severity"]
    rows = findings.select(columns).filter(pa.array(is_open(findings)))
    # A finding on an account as a whole has no line, and stands among those of a row.
    of_account = rows["line"].is_null()
    order = pc.sort_indices(of_account.combine_chunks().cast(pa.int8()))
    rows = rows.take(order)
    line = pc.fill_null(rows["line"], 0).to_numpy().astype(np.int64)
    account, accounts = codes_and_texts(rows["account_id"])
    source, _ = codes_and_texts(rows["source"])
    # Findings on a row follow one another, and then those on an account by one of its reports.
    changes = (line[1:] != line[:-1]) | (source[1:] != source[:-1]) | (account[1:] != account[:-1])
    first = np.flatnonzero(np.append(len(line) > 0, changes)[: len(line)])
    if not len(first):
        return {"count": []}
    severity, known = codes_and_texts(rows["severity"])
    severities = [one.value for one in Severity]
    gravest = np.array([*(severities.index(one) for one in known), len(severities)])[severity]
    fails = has_text(rows["status"], (Status.FAIL,)).astype(np.int64)
    is_root = pc.fill_null(pc.equal(rows["user"], ROOT_USER), fill_value=False).to_numpy()[first]
    names = [*accounts, None]
    return _counted(
        kind=(np.select([line[first] == 0, is_root], [2, 1], default=0), ["user", "root", "account"]),
        account_id=(account[first] % len(names), names),
        status=(np.maximum.reduceat(fails, first), [Status.NOT_CHECKED.value, Status.FAIL.value]),
        severity=(np.minimum.reduceat(gravest, first), severities),
    )


def _of_idle(unused: pa.Table) -> Columns:
    reason, reasons = codes_and_texts(unused["reason"])
    slot, slots = codes_and_texts(unused["credential"])
    exact = np.array([*(one in EXACT for one in reasons), False])[reason] & unused["idle_days"].is_valid().to_numpy()
    days = np.where(exact, pc.fill_null(unused["idle_days"], 0).to_numpy().astype(np.int64) + 1, 0)
    is_key = np.array([*(one != Kind.PASSWORD for one in slots), False])[slot].astype(np.int64)
    in_doubt = np.array([*(one == Reason.ORDER_UNKNOWN for one in reasons), False])[reason].astype(np.int64)
    return _counted(
        kind=(is_key, [Kind.PASSWORD.value, Kind.ACCESS_KEY.value]),
        status=codes_and_texts(unused["status"]),
        reason=(in_doubt, [None, Reason.ORDER_UNKNOWN.value]),
        idle_days=(days, [None, *range(int(days.max(initial=0)))]),
    )


def _of_due(findings: pa.Table, chosen: Whole, checklist: Checklist) -> Columns:
    fails_at, as_of = micros_of(findings["fails_at"]), micros_of(findings["as_of"])
    due = np.flatnonzero(fails_at != NO_TIME)
    due = due[comes_due_once(chosen[due], as_of[due], fails_at[due], checklist)]
    if not len(due):
        return {"count": []}
    days = -((as_of[due] - fails_at[due]) // DAY)
    found = _counted(check=(chosen[due], range(len(checklist.checks))), due_days=(days, range(int(days.max()) + 1)))
    checks = [checklist.checks[one] for one in found.pop("check")]
    return found | {"control": [one.control.id for one in checks], "requirement": [one.requirement for one in checks]}


def _of_waivers(covered: Covered, checklist: Checklist) -> Columns:
    if not checklist.waivers:
        return {"count": []}
    columns = {Status.FAIL.value: "failing", Status.NOT_CHECKED.value: "not_checked", None: "bare"}
    rows: list[dict[str, Any]] = [
        {"waiver": one.id, "status": status, "count": int(counts[name]), "latest": int(counts["last"])}
        for one, counts in zip(checklist.waivers, covered.counts.to_dict("records"), strict=True)
        for status, name in columns.items()
        if counts["last"] != NO_TIME
    ]
    found = {name: [row[name] for row in rows] for name in ("waiver", "status", "count", "latest")}
    return found | {"latest": times_from(np.array(found["latest"], np.int64))}


def covered_of(tallies: pa.Table, checklist: Checklist) -> Covered:
    """Return what the waivers of a checklist cover and match, as it was counted."""
    if not checklist.waivers:
        return nothing_covered()
    names = {Status.FAIL.value: "failing", Status.NOT_CHECKED.value: "not_checked", None: "bare"}
    rows = {one.id: {"failing": 0, "not_checked": 0, "bare": 0, "last": NO_TIME} for one in checklist.waivers}
    found = counts_of(tallies, Tally.WAIVERS)
    columns = found["waiver"], found["status"], found["count"].tolist(), _micros(found["latest"]).tolist()
    for waiver, status, count, latest in zip(*columns, strict=True):
        rows[waiver][names[status]] += count
        rows[waiver]["last"] = max(rows[waiver]["last"], latest)
    newest = _micros(counts_of(tallies, Tally.FINDINGS)["latest"]).max(initial=NO_TIME)
    return Covered(pd.DataFrame(list(rows.values()), dtype="int64"), int(newest))


def _micros(times: pd.Series[Any]) -> Whole:
    return times.to_numpy().astype("datetime64[us]").astype(np.int64)
