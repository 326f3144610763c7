"""The formulas of a workbook, calculated by LibreOffice, give what the run gives, or what another run would give."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import load_workbook

from analyzer.controls.checklist import make_checklist
from analyzer.controls.vocabulary import Status
from analyzer.evidence.schema import TABLES, to_arrow
from analyzer.evidence.tables import TablesInMemory
from analyzer.judging.staleness import EXACT
from analyzer.rendering.workbook import book as excel
from tests.audits import AS_OF, DIGEST, ODD, made_up
from tests.rendering.workbook.recalculating import NEEDS_LIBREOFFICE, recalculated
from tests.reports import csv_of, key, password, root, user, write
from tests.running import Settings, audit

if TYPE_CHECKING:
    from pathlib import Path

    from openpyxl.worksheet.worksheet import Worksheet

    from tests.running import Audit

pytestmark = NEEDS_LIBREOFFICE

CHECKLIST = make_checklist(all_controls=True)
EDGES = [
    # As old as a limit to the second, and a second more or less, at the end of a day and at noon.
    *(
        user(f"at-{name}-{shift}", user_creation_time="2015-01-01T00:00:00Z", **key(rotated=stamp, used=stamp))
        for name, instant in {"end": AS_OF + timedelta(microseconds=1), "noon": AS_OF.replace(hour=12)}.items()
        for days in (30, 45, 90)
        for shift in (-1, 0, 1)
        for stamp in [(instant - timedelta(days=days, seconds=shift)).strftime("%Y-%m-%dT%H:%M:%SZ")]
    ),
    user("console", **password(changed="2026-08-02T12:00:00Z", used="2026-09-16T12:00:00Z")),
    user("signer", cert_1_active="true", cert_1_last_rotated="2026-08-02T12:00:00Z"),
    user("next-minute", **key(rotated="2026-01-01T00:00:00Z", used="2026-11-01T00:00:30Z")),
]
LATER = [
    (datetime(2026, 12, 31, 23, 59, 59, 999_999, UTC), date(2026, 12, 31)),
    (datetime(2026, 11, 15, 12, tzinfo=UTC), datetime(2026, 11, 15, 12)),  # noqa: DTZ001 - Excel has no zones
    (datetime(2026, 9, 30, 23, 59, 59, 999_999, UTC), date(2026, 9, 30)),
]
"""Reference dates, and the value that a reader enters for each."""


@pytest.fixture
def reports(tmp_path: Path) -> str:
    folder = tmp_path / "in"
    write(folder / "2026-10-31.csv", csv_of(root(), *ODD, *EDGES))
    users = [made_up(number, "444455556666") for number in range(120)]
    write(folder / "2026-10-31/444455556666.csv", csv_of(root(account="444455556666"), *users))
    return str(folder)


def workbook_of(result: Audit, path: Path, most_rows: int = 100_000) -> Path:
    tables = TablesInMemory({name: to_arrow(getattr(result, name), TABLES[name]) for name in TABLES})
    (path,) = excel.write(result, tables, path, DIGEST, most_rows=most_rows)
    return path


def rows_of(sheet: Worksheet) -> list[dict[str, Any]]:
    header, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(map(str, header), row, strict=True)) for row in rows]


def key_of(row: dict[str, Any]) -> tuple[Any, ...]:
    return row.get("control"), row["source"], row["line"], row["credential"]


NOON = AS_OF.replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.mark.parametrize(("as_of", "options"), list(product([AS_OF, None, NOON], [{}, {"most_rows": 40}])))
def test_every_cell_has_the_value_that_its_formula_gives(
    reports: str, tmp_path: Path, as_of: datetime | None, options: dict[str, int]
) -> None:
    path = workbook_of(audit([reports], Settings(CHECKLIST, as_of=as_of)), tmp_path / "workbook.xlsx", **options)
    own, again = load_workbook(path, data_only=True), recalculated(path, tmp_path / "again")
    formulas = load_workbook(path)
    count = 0
    for sheet in own.sheetnames:
        for before, after, cells in zip(
            own[sheet].iter_rows(), again[sheet].iter_rows(), formulas[sheet].iter_rows(), strict=False
        ):
            for own_cell, new_cell, cell in zip(before, after, cells, strict=False):
                assert (own_cell.value or None) == (new_cell.value or None), (sheet, own_cell.coordinate, cell.value)
                count += cell.data_type == "f"
    assert count > (200 if options else 600)


@pytest.mark.parametrize(
    ("as_of", "put_in", "limits"),
    [(*when, limits) for when, limits in product(LATER, [(45, 90), (30, 120)])],
)
def test_statuses_follow_another_date_and_other_limits(
    reports: str, tmp_path: Path, as_of: datetime, put_in: date, limits: tuple[int, int]
) -> None:
    of_run = audit([reports], Settings(CHECKLIST, as_of=AS_OF))
    path = workbook_of(of_run, tmp_path / "workbook.xlsx")
    names, checks = {}, []
    for at, check in enumerate(CHECKLIST.checks):
        name = check.control.limit
        days = {"max_idle_days": limits[0], "max_age_days": limits[1]}.get(str(name))
        if days is not None and check.control.id not in {"password-expiry", "active-certificates"}:
            check = replace(check, parameters={**check.parameters, str(name): days})  # noqa: PLW2901
            names[f"limit_{at + 1}"] = days
        checks.append(check)
    changes = {"reference_date": put_in} | names
    again = recalculated(path, tmp_path / "again", changes)
    another = audit([reports], Settings(replace(CHECKLIST, checks=tuple(checks)), as_of=as_of))

    then = {key_of(row): row for row in to_arrow(another.findings, TABLES["findings"]).to_pylist()}
    exact = {*map(str, EXACT), "last_changed"}
    followed = 0
    for row in rows_of(again["Findings"]):
        new = then.get(key_of(row))
        if row["recalculated"] == "no":
            assert row["status"] == row["status_of_run"]
        elif new is None or new["reason"] not in exact:
            assert row["status"] == Status.NOT_CHECKED, row
        else:
            followed += 1
            assert row["status"] == new["status"], (row, new)
            counted = "idle_days" if row["idle_days"] is not None else "age_days"
            assert (row[counted], row["limit_days"]) == (new[counted], new["limit_days"]), (row, new)
    assert followed > 150
    texts = [cell.value for row in again["Summary"].iter_rows() for cell in row if isinstance(cell.value, str)]
    rows = rows_of(again["Findings"])
    differing = sum(row["status"] != row["status_of_run"] for row in rows)
    assert any(text.startswith(f"{differing} checks have another status than in the run") for text in texts)
    # The population has the same results as the findings of the same credentials.
    status = {key_of(row)[1:]: row["status"] for row in rows if row["control"] == "unused-credentials"}
    for row in rows_of(again["Population judged"]):
        assert row["outcome"] == status[key_of(row)[1:]]


def test_a_mistake_of_a_reader_does_not_change_results(reports: str, tmp_path: Path) -> None:
    path = workbook_of(audit([reports], Settings(CHECKLIST, as_of=AS_OF)), tmp_path / "workbook.xlsx")
    before = load_workbook(path, data_only=True)
    mistakes: list[dict[str, Any]] = [{"reference_date": "2026-13"}, {"limit_1": None, "limit_3": None}]
    for number, changes in enumerate(mistakes):
        again = recalculated(path, tmp_path / f"again-{number}", changes)
        for old_row, new_row in zip(rows_of(before["Findings"]), rows_of(again["Findings"]), strict=True):
            assert (old_row["status"], old_row["idle_days"]) == (new_row["status"], new_row["idle_days"])


def test_midnight_does_not_count_as_the_end_of_its_day(tmp_path: Path) -> None:
    used = "2026-09-16T12:00:00Z"
    write(tmp_path / "in/2026-10-31.csv", csv_of(root(), user("a", **key(rotated=used, used=used))))
    midnight = AS_OF.replace(hour=0, minute=0, second=0, microsecond=0)
    path = workbook_of(audit([str(tmp_path / "in")], Settings(CHECKLIST, as_of=midnight)), tmp_path / "workbook.xlsx")
    again = recalculated(path, tmp_path / "again")
    assert all(row["status"] == row["status_of_run"] for row in rows_of(again["Findings"]))


def test_formulas_name_no_sheet_that_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "in/2026-10-31.csv", csv_of(root()))
    checklist = make_checklist(controls=["unused-credentials"])
    path = workbook_of(audit([str(tmp_path / "in")], Settings(checklist, as_of=AS_OF)), tmp_path / "workbook.xlsx")
    again = recalculated(path, tmp_path / "again")
    assert "Findings" not in again.sheetnames
    assert not [cell.value for sheet in again for row in sheet.iter_rows() for cell in row if cell.data_type == "e"]


@pytest.mark.parametrize(("as_of", "options"), [(AS_OF, {}), (NOON, {}), (None, {}), (AS_OF, {"most_rows": 2})])
def test_the_headline_of_another_date_or_limit_is_marked(
    tmp_path: Path, as_of: datetime | None, options: dict[str, int]
) -> None:
    """The sentences above keep the figures of the run, so a note says so where the figures below do not."""
    write(tmp_path / "in/2026-10-31.csv", csv_of(root(), *ODD))
    path = workbook_of(
        audit([str(tmp_path / "in")], Settings(CHECKLIST, as_of=as_of)), tmp_path / "workbook.xlsx", **options
    )
    note = "The sentences above are of the reference date and the limits of the run. The "
    unused = f"limit_{CHECKLIST.unused_position + 1}"
    of_run = {AS_OF: date(2026, 10, 31), NOON: datetime(2026, 10, 31, 12), None: None}[as_of]  # noqa: DTZ001
    same: list[dict[str, Any]] = [{"reference_date": of_run, unused: None}, {"reference_date": "soon"}]
    differing: list[dict[str, Any]] = [{"reference_date": date(2026, 12, 31)}, {unused: 30}]
    assert load_workbook(path, data_only=True)["Summary"]["A3"].value in {None, ""}
    for number, changes in enumerate([*same, *differing]):
        text = recalculated(path, tmp_path / f"again-{number}", changes)["Summary"]["A3"].value or ""
        assert text.startswith(note) if changes in differing else not text, (changes, text)
