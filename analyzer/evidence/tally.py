"""Tallies: all counts that outputs show, added up over batches of judged tables.

A tally is a row of a table: its kind and keys (`tally` and the key columns that belong to it), the number (`count`),
and the latest reference date (`latest`). The tables of several batches are joined by adding the counts.
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
"""The columns of credentials that tallies need."""
_KEYS: Final = [name for name in TALLIES.names if name not in {"count", "latest"}]


class Tally(StrEnum):
    """The kinds of tallies, each with its key columns."""

    FINDINGS = "findings"
    """Findings by `control, requirement, account_id, status, reason, waiver`."""
    CREDENTIALS = "credentials"
    """Credentials by `kind` and `status` (an `Outcome`)."""
    USERS = "users"
    """Rows of reports by `account_id`, and `kind`: root or user."""
    OPEN = "open"
    """IAM users, root users and accounts (`kind`) with an open check, by `account_id`, `status` (fail if a check fails)
    and `severity` (the most severe of the open checks).

    An open check fails or is not checked, and is neither waived nor a manual check."""
    IDLE = "idle"
    """Findings of `unused-credentials` by `kind` (password or access_key), `status`, `idle_days` (if exact), and
    `reason` (only order_unknown)."""
    LEAVERS = "leavers"
    """IAM users with a failing check of `leaver-credentials`, by `account_id`."""
    DUE = "due"
    """Findings that pass now and will fail if nothing changes, by `control, requirement` and `due_days`: the days from
    the reference date until they fail, rounded up. A subject and control count once: see `checks.comes_due_once`."""
    WAIVERS = "waivers"
    """Findings that waivers match, by `waiver` and `status`; the status is null for findings that it does not cover."""
    ISSUES = "issues"
    """Data issues by code (in the column `reason`)."""


def tallies_of(
    users: pd.DataFrame, credentials: pa.Table, findings: pa.Table, covered: Covered, checklist: Checklist
) -> pa.Table:
    """Return the tallies of the judged tables of a batch, in no order (`joined` sorts the tallies of all batches).

    `covered` has what the waivers of the policy match.
    """
    chosen = findings["chosen"].to_numpy().astype(np.int64)
    is_unused = chosen == checklist.unused_position
    unused = findings.select(["reason", "credential", "status", "idle_days"]).filter(pa.array(is_unused))
    return pa.concat_tables(
        [
            _of_findings(findings, chosen, checklist),
            _table(Tally.CREDENTIALS, _of_credentials(credentials)),
            _table(Tally.USERS, _of_users(users)),
            _table(Tally.OPEN, _of_open(findings)),
            _table(Tally.IDLE, _of_idle(unused)),
            _table(Tally.LEAVERS, _of_leavers(findings, chosen, checklist)),
            _table(Tally.DUE, _of_due(findings, chosen, checklist)),
            _table(Tally.WAIVERS, _of_waivers(covered, checklist)),
        ]
    )


def tallies_of_accounts(
    tallies: pa.Table, accounts: Collection[str], tables: Tables, checklist: Checklist, issues: Iterator[pa.Table]
) -> pa.Table:
    """Return the tallies of some accounts.

    Tallies with an account are selected, the other tallies are counted again. `tables` has the findings and credentials
    of these accounts, `issues` yields the codes of their data issues.
    """
    by_account = {Tally.FINDINGS, Tally.USERS, Tally.OPEN, Tally.LEAVERS}
    is_own = has_text(tallies["tally"], by_account) & has_text(tallies["account_id"], accounts)
    own = tallies.filter(pa.array(is_own))
    parts = [own, _covered(own)]
    needs = ["control", "requirement", "reason", "credential", "status", "idle_days", "as_of", "fails_at"]
    for batch in tables.batches("findings", needs):
        chosen = positions_of(batch, checklist.positions)
        is_unused = chosen == checklist.unused_position
        parts.append(_table(Tally.IDLE, _of_idle(batch.filter(pa.array(is_unused)))))
        parts.append(_table(Tally.DUE, _of_due(batch, chosen, checklist)))
    parts += [_table(Tally.CREDENTIALS, _of_credentials(batch)) for batch in tables.batches("credentials", COUNTED)]
    codes = Counter(code for batch in issues for code in batch["code"].to_pylist())
    parts.append(_table(Tally.ISSUES, {"reason": list(codes), "count": list(codes.values())}))
    return joined(parts)


def _covered(findings: pa.Table) -> pa.Table:
    """Return the tallies of waivers from the tallies of the findings that they cover."""
    waived = findings.filter(findings["waiver"].is_valid())
    columns = {name: waived[name] for name in ("waiver", "status", "count", "latest")}
    return _table(Tally.WAIVERS, {name: column.to_pylist() for name, column in columns.items()})


def of_issues(issues: Iterable[Row]) -> pa.Table:
    """Return the tallies of data issues."""
    counts = Counter(row[4] for row in issues)
    return _table(Tally.ISSUES, {"reason": list(counts), "count": list(counts.values())})


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the tallies of several tables as one, sorted by their keys; null keys come last."""
    whole = pa.concat_tables([TALLIES.empty_table(), *tables]).unify_dictionaries()
    columns = {name: _in_order(whole[name].combine_chunks()) for name in _KEYS}
    which = numbered(*(codes for codes, _ in columns.values()))
    first = np.empty(int(which.max(initial=-1)) + 1, np.int64)
    first[which[::-1]] = np.arange(len(which))[::-1]
    count = np.zeros(len(first), np.int64)
    np.add.at(count, which, whole["count"].to_numpy())
    latest = np.full(len(first), NO_TIME)
    np.maximum.at(latest, which, micros_of(whole["latest"]))
    arrays = {"count": pa.array(count), "latest": times_from(latest)}
    for name, (codes, values) in columns.items():
        key_codes = codes[first]
        indices = pa.array(key_codes, pa.int32(), mask=key_codes == len(values))
        is_text = pa.types.is_dictionary(TALLIES.field(name).type)
        arrays[name] = pa.DictionaryArray.from_arrays(indices, values) if is_text else values.take(indices)
    return pa.table({name: arrays[name] for name in TALLIES.names}).cast(TALLIES)


def _in_order(column: pa.Array) -> tuple[Whole, pa.Array]:
    """Return numbers in the sort order of a column's values (null last), and the values by number."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(len(order) + 1, np.int64)
    rank[order] = np.arange(len(order))
    rank[-1] = len(order)  # the last element is for null, whose code is -1
    return rank[codes_in(encoded)], encoded.dictionary.take(pa.array(order))


def counts_of(tallies: pa.Table, tally: Tally) -> pd.DataFrame:
    """Return the rows of one tally; missing texts are None, and columns with missing numbers are floats."""
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
"""The columns of `TALLIES` that a tally uses, with `count`: lists, Arrow arrays or numpy arrays."""


def _table(tally: Tally, counted: Columns) -> pa.Table:
    """Return the columns of a tally as a table with the columns of `TALLIES`."""
    rows = len(counted["count"])
    columns: dict[str, Any] = {"tally": pa.array([tally.value] * rows, pa.string())}
    for name, values in counted.items():
        kind = TALLIES.field(name).type
        columns[name] = pa.array(values, kind.value_type if pa.types.is_dictionary(kind) else kind)
    arrays = [
        columns[field.name].cast(field.type) if field.name in columns else pa.nulls(rows, field.type)
        for field in TALLIES
    ]
    return pa.table(arrays, schema=TALLIES)


def _of_findings(findings: pa.Table, chosen: Whole, checklist: Checklist) -> pa.Table:
    columns = {name: codes_and_texts(findings[name]) for name in ("account_id", "status", "reason", "waiver")}
    number = chosen
    for codes, texts in columns.values():
        # The last code is for null.
        number = number * (len(texts) + 1) + codes % (len(texts) + 1)
    values, counts, latest = _grouped(number, micros_of(findings["as_of"]))
    keys: dict[str, list[str | None]] = {}
    for name, (_, texts) in reversed(columns.items()):
        values, code = np.divmod(values, len(texts) + 1)
        names = [*texts, None]
        keys[name] = [names[position] for position in code.tolist()]
    checks = [checklist.checks[value] for value in values.tolist()]
    keys |= {"control": [check.control.id for check in checks], "requirement": [check.requirement for check in checks]}
    return _table(Tally.FINDINGS, {**keys, "count": counts, "latest": times_from(latest)})


def _grouped(number: Whole, instant: Whole) -> tuple[Whole, Whole, Whole]:
    """Return the distinct numbers in ascending order, the frequency of each, and its latest instant."""
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
    numbers, counts = np.unique(number, return_counts=True)
    table: Columns = {"count": counts}
    for name, (_, values) in reversed(columns.items()):
        numbers, code = np.divmod(numbers, len(values))
        table[name] = [values[position] for position in code.tolist()]
    return table


def _of_credentials(credentials: pa.Table) -> Columns:
    kind, kinds = codes_and_texts(credentials["kind"])
    outcome, outcomes = codes_and_texts(credentials["outcome"])
    has_outcome = outcome >= 0
    return _counted(kind=(kind[has_outcome], kinds), status=(outcome[has_outcome], outcomes))


def _of_users(users: pd.DataFrame) -> Columns:
    account = users["account_id"].cat
    is_root = users["is_root"].to_numpy(dtype=bool)
    size = len(account.categories) + 1
    values, counts = np.unique((account.codes.to_numpy().astype(np.int64) % size) * 2 + is_root, return_counts=True)
    names = [*account.categories, None]
    return {
        "account_id": [names[position] for position in (values // 2).tolist()],
        "kind": ["root" if is_root_row else "user" for is_root_row in (values % 2).tolist()],
        "count": counts,
    }


def _of_open(findings: pa.Table) -> Columns:
    """Return the numbers of IAM users, root users and accounts with an open check."""
    columns = ["account_id", "source", "line", "user", "status", "severity"]
    rows = findings.select(columns).filter(pa.array(is_open(findings)))
    # A finding on an account as a whole has no line, and is stored between findings on rows.
    of_account = rows["line"].is_null()
    order = pc.sort_indices(of_account.combine_chunks().cast(pa.int8()))
    rows = rows.take(order)
    line = pc.fill_null(rows["line"], 0).to_numpy().astype(np.int64)
    account, accounts = codes_and_texts(rows["account_id"])
    source, _ = codes_and_texts(rows["source"])
    # Findings on the same row are adjacent. Findings on an account as a whole come last, adjacent by report.
    changes = (line[1:] != line[:-1]) | (source[1:] != source[:-1]) | (account[1:] != account[:-1])
    first = np.flatnonzero(np.append(len(line) > 0, changes)[: len(line)])
    if not len(first):
        return {"count": []}
    severity, texts = codes_and_texts(rows["severity"])
    severities = [severity.value for severity in Severity]
    ranks = np.array([*(severities.index(text) for text in texts), len(severities)])[severity]
    fails = has_text(rows["status"], (Status.FAIL,)).astype(np.int64)
    is_root = pc.fill_null(pc.equal(rows["user"], ROOT_USER), fill_value=False).to_numpy()[first]
    names = [*accounts, None]
    return _counted(
        kind=(np.select([line[first] == 0, is_root], [2, 1], default=0), ["user", "root", "account"]),
        account_id=(account[first] % len(names), names),
        status=(np.maximum.reduceat(fails, first), [Status.NOT_CHECKED.value, Status.FAIL.value]),
        severity=(np.minimum.reduceat(ranks, first), severities),
    )


def _of_leavers(findings: pa.Table, chosen: Whole, checklist: Checklist) -> Columns:
    """Return the number of IAM users with a failing check of `leaver-credentials`, by account."""
    needing_list = [number for number, check in enumerate(checklist.checks) if check.control.needs]
    fails = np.isin(chosen, needing_list) & has_text(findings["status"], (Status.FAIL,))
    rows = findings.select(["account_id", "source", "line"]).filter(pa.array(fails))
    if not rows.num_rows:
        return {"count": []}
    account, accounts = codes_and_texts(rows["account_id"])
    source, _ = codes_and_texts(rows["source"])
    line = rows["line"].to_numpy().astype(np.int64)
    _, first = np.unique(np.stack([source, line]), axis=1, return_index=True)
    names = [*accounts, None]
    return _counted(account_id=(account[first] % len(names), names))


def _of_idle(unused: pa.Table) -> Columns:
    reason, reasons = codes_and_texts(unused["reason"])
    slot, slots = codes_and_texts(unused["credential"])
    exact = np.array([*(text in EXACT for text in reasons), False])[reason] & unused["idle_days"].is_valid().to_numpy()
    days = np.where(exact, pc.fill_null(unused["idle_days"], 0).to_numpy().astype(np.int64) + 1, 0)
    is_key = np.array([*(text != Kind.PASSWORD for text in slots), False])[slot].astype(np.int64)
    in_doubt = np.array([*(text == Reason.ORDER_UNKNOWN for text in reasons), False])[reason].astype(np.int64)
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
    columns = _counted(check=(chosen[due], range(len(checklist.checks))), due_days=(days, range(int(days.max()) + 1)))
    checks = [checklist.checks[position] for position in columns.pop("check")]
    return columns | {
        "control": [check.control.id for check in checks],
        "requirement": [check.requirement for check in checks],
    }


def _of_waivers(covered: Covered, checklist: Checklist) -> Columns:
    if not checklist.waivers:
        return {"count": []}
    columns = {Status.FAIL.value: "failing", Status.NOT_CHECKED.value: "not_checked", None: "bare"}
    rows: list[dict[str, Any]] = [
        {"waiver": waiver.id, "status": status, "count": int(counts[name]), "latest": int(counts["last"])}
        for waiver, counts in zip(checklist.waivers, covered.counts.to_dict("records"), strict=True)
        for status, name in columns.items()
        if counts["last"] != NO_TIME
    ]
    waiver_columns = {name: [row[name] for row in rows] for name in ("waiver", "status", "count", "latest")}
    return waiver_columns | {"latest": times_from(np.array(waiver_columns["latest"], np.int64))}


def covered_of(tallies: pa.Table, checklist: Checklist) -> Covered:
    """Return what the waivers of a checklist cover and match, from the tallies."""
    if not checklist.waivers:
        return nothing_covered()
    names = {Status.FAIL.value: "failing", Status.NOT_CHECKED.value: "not_checked", None: "bare"}
    rows = {waiver.id: {"failing": 0, "not_checked": 0, "bare": 0, "last": NO_TIME} for waiver in checklist.waivers}
    matches = counts_of(tallies, Tally.WAIVERS)
    columns = matches["waiver"], matches["status"], matches["count"].tolist(), _micros(matches["latest"]).tolist()
    for waiver, status, count, latest in zip(*columns, strict=True):
        rows[waiver][names[status]] += count
        rows[waiver]["last"] = max(rows[waiver]["last"], latest)
    newest = _micros(counts_of(tallies, Tally.FINDINGS)["latest"]).max(initial=NO_TIME)
    return Covered(pd.DataFrame(list(rows.values()), dtype="int64"), int(newest))


def _micros(times: pd.Series[Any]) -> Whole:
    return times.to_numpy().astype("datetime64[us]").astype(np.int64)
