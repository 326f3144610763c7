"""The worst rows of a stored table are the first of a plain sort, however the table is cut into batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.controls.checklist import Checklist, make_checklist
from analyzer.evidence.schema import CREDENTIALS, FINDINGS, ISSUES
from analyzer.evidence.tables import TablesInMemory
from analyzer.evidence.worst import (
    GRAVE,
    MOST_SHOWN,
    Choice,
    first_positions,
    first_rows,
    most_serious_first,
    notable,
    open_credentials_first,
    worst_first,
    worst_rows,
)
from analyzer.reading.issues import CODES

CHECKLIST = make_checklist()
AS_OF = datetime(2026, 10, 31, tzinfo=UTC)
OLD = AS_OF - timedelta(days=45)
"""The latest capture time of an old report."""
DAYS = st.none() | st.integers(0, 400) | st.just(2**31 - 1)


@st.composite
def a_finding(draw: st.DrawFn) -> dict[str, Any]:
    check = draw(st.sampled_from(CHECKLIST.checks))
    return {
        "control": check.control.id,
        "requirement": check.requirement,
        "status": draw(st.sampled_from(["fail", "not_checked", "not_applicable", "pass"])),
        "severity": draw(st.sampled_from(["critical", "high", "medium", "low"])),
        "waiver": draw(st.none() | st.just("sealed")),
        "idle_days": draw(DAYS),
        "age_days": draw(DAYS),
        "reason": draw(st.sampled_from(["last_used", "manual"])),
        "as_of": AS_OF,
        "captured_at": draw(st.none() | st.sampled_from([AS_OF, OLD, OLD + timedelta(microseconds=1)])),
    }


FINDINGS_DRAWN = st.lists(a_finding(), max_size=30)


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    """Return findings, each known by its line."""
    return pa.Table.from_pylist([row | {"line": line} for line, row in enumerate(rows)], schema=FINDINGS)


def stored(name: str, table: pa.Table, batch_rows: int) -> TablesInMemory:
    """Return tables whose batches have dictionaries of their own, as those of Parquet have."""

    class Stored(TablesInMemory):
        def batches(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
            for batch in super().batches(name, columns):
                plain = [pa.string() if pa.types.is_dictionary(kind.type) else kind.type for kind in batch.schema]
                flat = batch.cast(pa.schema(list(zip(batch.column_names, plain, strict=True))))
                yield flat.cast(batch.schema)

    return Stored({name: table}, batch_rows)


def plain_order(row: dict[str, Any], checklist: Checklist) -> tuple[int, ...]:
    """Return the key that orders a finding: the rule of the program, written another way."""
    names = [(check.control.id, check.requirement) for check in checklist.checks]
    at = names.index((row["control"], row["requirement"]))
    group = {"fail": 0, "not_checked": 1, "not_applicable": 3, "pass": 4}[row["status"]] if not row["waiver"] else 2
    days = next((row[name] for name in ("idle_days", "age_days") if row[name] is not None), -1)
    latest_first = "min_idle_days" in checklist.checks[at].parameters
    is_old = row["captured_at"] is not None and row["captured_at"] <= OLD
    severity = ["critical", "high", "medium", "low"].index(row["severity"])
    return group, severity, at, is_old, days if latest_first else -days


@given(FINDINGS_DRAWN, st.integers(0, 32), st.integers(1, 9))
def test_the_worst_are_the_first_of_a_plain_sort(rows: list[dict[str, Any]], count: int, batch_rows: int) -> None:
    tables = stored("findings", table_of(rows), batch_rows)
    worst = worst_rows(tables, CHECKLIST, count)
    expected = sorted(range(len(rows)), key=lambda line: plain_order(rows[line], CHECKLIST))[:count]
    assert worst["line"].to_pylist() == expected
    assert worst.schema == FINDINGS
    assert worst.to_pylist() == table_of(rows).take(pa.array(expected, pa.int64())).to_pylist()
    few = worst_rows(tables, CHECKLIST, count, columns=("line", "control"))
    assert few.column_names == ["line", "control"]
    assert few["line"].to_pylist() == expected


@given(FINDINGS_DRAWN, st.integers(1, 9))
def test_groups_are_found_in_one_pass_and_counted(rows: list[dict[str, Any]], batch_rows: int) -> None:
    groups = {
        "fails": Choice(("status",), lambda batch: pc.equal(batch["status"], "fail").to_numpy()),
        "of a reason": Choice(("reason",), lambda batch: pc.equal(batch["reason"], "last_used").to_numpy()),
        "none": Choice((), lambda batch: np.zeros(batch.num_rows, bool)),
    }
    ranked = {name: (worst_first(CHECKLIST), choice) for name, choice in groups.items()}
    positions_by_group = first_positions(stored("findings", table_of(rows), batch_rows), "findings", 3, ranked)
    order = sorted(range(len(rows)), key=lambda line: plain_order(rows[line], CHECKLIST))
    for name, (column, value) in {"fails": ("status", "fail"), "of a reason": ("reason", "last_used")}.items():
        expected = [line for line in order if rows[line][column] == value]
        positions, count = positions_by_group[name]
        assert (positions.tolist(), count) == (expected[:3], len(expected))
    assert (len(positions_by_group["none"][0]), positions_by_group["none"][1]) == (0, 0)


@given(st.lists(st.lists(a_finding(), max_size=6), max_size=30), st.sampled_from([2, 7, 100_000]))
def test_all_grave_findings_of_the_users_with_the_worst_are_shown(
    users: list[list[dict[str, Any]]], batch_rows: int
) -> None:
    rows = [
        row | {"line": line, "source": "a.csv"}
        for line, findings_of_user in enumerate(users)
        for row in findings_of_user
    ]
    table = pa.Table.from_pylist(rows, schema=FINDINGS)
    grave_findings, count = notable(stored("findings", table, batch_rows), CHECKLIST)[GRAVE]
    grave = [
        row
        for row in sorted(rows, key=lambda row: plain_order(row, CHECKLIST))
        if row["status"] in {"fail", "not_checked"} and row["severity"] in {"critical", "high"}
        if row["waiver"] is None and row["reason"] != "manual"
    ]
    worst = list(dict.fromkeys(row["line"] for row in grave[:MOST_SHOWN]))
    expected = [row for line in worst for row in grave if row["line"] == line]
    columns = ["line", "control", "status", "severity"]
    assert count == len(grave)
    assert grave_findings.select(columns).to_pylist() == [{name: row[name] for name in columns} for row in expected]


@given(st.lists(st.none() | st.sampled_from(["fail", "not_checked", "pass", "inactive", "root"])), st.integers(0, 9))
def test_credentials_that_fail_come_first(outcomes: list[str | None], count: int) -> None:
    rows = [{"outcome": outcome, "line": line} for line, outcome in enumerate(outcomes)]
    table = pa.Table.from_pylist(rows, schema=CREDENTIALS)
    first_credentials = first_rows(stored("credentials", table, 4), "credentials", count, open_credentials_first())
    order = {"fail": 0, "not_checked": 1}
    assert (
        first_credentials["line"].to_pylist()
        == sorted(range(len(rows)), key=lambda n: order.get(str(outcomes[n]), 2))[:count]
    )


@given(st.lists(st.sampled_from(sorted(CODES))), st.integers(0, 9))
def test_the_gravest_issues_come_first(codes: list[str], count: int) -> None:
    table = pa.Table.from_pylist([{"code": code, "line": line} for line, code in enumerate(codes)], schema=ISSUES)
    first_issues = first_rows(stored("issues", table, 4), "issues", count, most_serious_first())
    assert first_issues["line"].to_pylist() == sorted(range(len(codes)), key=lambda n: -CODES[codes[n]].level)[:count]


def test_a_finding_of_another_checklist_is_an_error() -> None:
    row = {"control": "root-mfa", "requirement": "9.9", "status": "fail", "severity": "high"}
    with pytest.raises(ValueError, match="has no check in the checklist"):
        worst_rows(TablesInMemory({"findings": table_of([row])}), CHECKLIST, 1)


def test_a_word_that_is_no_status_is_an_error() -> None:
    check = CHECKLIST.checks[0]
    row = {"control": check.control.id, "requirement": check.requirement, "status": "perhaps", "severity": "high"}
    with pytest.raises(ValueError, match="unknown value: perhaps"):
        worst_rows(TablesInMemory({"findings": table_of([row])}), CHECKLIST, 1)
