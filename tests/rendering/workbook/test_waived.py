"""What a waiver accepts is on the sheet of the population too, so that its failures can be reconciled with Summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import load_workbook

from tests.cli.running import run
from tests.rendering.workbook.recalculating import NEEDS_LIBREOFFICE, recalculated
from tests.reports import csv_of, key, password, root, user, write

if TYPE_CHECKING:
    from pathlib import Path

    from openpyxl.workbook import Workbook

POLICY = """
[waivers.robots]
user = "robot-*"
control = "unused-credentials"
reason = "replaced in the next quarter"
owner = "team-a"
expires = 2026-12-31
"""
IDLE = key(rotated="2026-01-01T00:00:00Z")


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    password_and_key = password(changed="2026-01-01T00:00:00Z", used="2026-02-01T00:00:00Z") | IDLE
    in_use = user("in-use", **key(rotated="2026-10-01T00:00:00Z", used="2026-10-30T00:00:00Z"))
    users = [user("robot-1", **IDLE), user("robot-2", **password_and_key), user("ann", **password_and_key), in_use]
    doubtful = user("robot-3", **key(rotated="N/A"))
    write(tmp_path / "reports/2026-10-31/111122223333.csv", csv_of(root(), *users, doubtful))
    (tmp_path / "policy.toml").write_text(POLICY)
    done = run("audit", "reports", "--policy", "policy.toml", "--format", "parquet,excel", "-o", "out", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    return tmp_path / "out/workbook.xlsx"


def rows_of(book: Workbook, sheet: str) -> list[dict[str, Any]]:
    header, *rows = book[sheet].iter_rows(values_only=True)
    return [dict(zip(map(str, header), row, strict=True)) for row in rows]


def by_kind(book: Workbook) -> dict[str, tuple[Any, ...]]:
    """Return the counts of Summary by kind of credential: judged, fail, not checked, pass and waived."""
    rows = list(book["Summary"].iter_rows(values_only=True))
    top = next(at for at, row in enumerate(rows) if str(row[0]).startswith("unused-credentials, by kind"))
    assert rows[top + 1][1:6] == ("judged", "fail", "not checked", "pass", "waived (of fail and not checked)")
    return {str(row[0]): row[1:6] for row in rows[top + 2 : top + 5]}


def test_waived_failures_of_the_population_add_up_to_those_of_summary(workbook: Path) -> None:
    book = load_workbook(workbook, data_only=True)
    population = rows_of(book, "Population judged")
    waived = [row for row in population if row["waiver"]]
    assert {row["waiver"] for row in waived} == {"robots"}
    assert {row["user"] for row in waived} == {"robot-1", "robot-2", "robot-3"}
    counts = by_kind(book)
    for words, kind in {"passwords": "password", "access keys": "access_key"}.items():
        of_kind = [row for row in population if row["kind"] == kind]
        outcomes = [sum(row["outcome"] == outcome for row in of_kind) for outcome in ("fail", "not_checked", "pass")]
        assert counts[words] == (len(of_kind), *outcomes, sum(row["waiver"] is not None for row in of_kind))
    assert counts["all"] == tuple(map(sum, zip(counts["passwords"], counts["access keys"], strict=True)))
    noted = [row for row in book["Exceptions noted"].iter_rows(values_only=True) if "unused-credentials" in str(row[3])]
    assert len(noted) == sum(row["outcome"] == "fail" and not row["waiver"] for row in population)
    summary = next(
        row for row in book["Summary"].iter_rows(values_only=True) if row[0] == "unused-credentials" and row[4]
    )
    header = next(row for row in book["Summary"].iter_rows(values_only=True) if row[:2] == ("control", "title"))
    assert summary[header.index("fail")] == counts["all"][1]
    assert summary[header.index("waived (of fail and not checked)")] == counts["all"][4]


def test_the_line_of_a_waiver_is_that_of_the_policy(workbook: Path) -> None:
    (waiver,) = rows_of(load_workbook(workbook), "Waivers")
    assert "line" not in waiver
    assert waiver["line_of_policy"] == POLICY.splitlines().index("[waivers.robots]") + 1


@NEEDS_LIBREOFFICE
def test_waived_checks_are_counted_by_formulas(workbook: Path, tmp_path: Path) -> None:
    before = by_kind(load_workbook(workbook, data_only=True))
    assert by_kind(recalculated(workbook, tmp_path / "again")) == before
    assert before["all"][4] == 4


def test_where_rows_are_left_out_only_the_sum_of_waived_ones_is_known(workbook: Path) -> None:
    folder = workbook.parent.parent
    done = run("render", "out", "--format", "excel", "--workbook-rows", "2", cwd=folder)
    assert done.returncode == 0, done.stderr
    counts = by_kind(load_workbook(workbook, data_only=True))
    assert [counts[name][4] for name in ("passwords", "access keys", "all")] == ["\N{EN DASH}", "\N{EN DASH}", 4]
