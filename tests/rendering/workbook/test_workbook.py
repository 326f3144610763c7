from __future__ import annotations

import re
import textwrap
import zipfile
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypedDict, Unpack

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xlsxwriter
from openpyxl import load_workbook
from openpyxl.utils.escape import unescape
from xlsxwriter.exceptions import FileCreateError

from analyzer.controls.checklist import make_checklist
from analyzer.controls.frameworks import FRAMEWORKS
from analyzer.controls.policy import read_policy
from analyzer.controls.vocabulary import BOUNDED, REQUIREMENT_STATUS_IN_WORDS, Reason, RequirementStatus, Status
from analyzer.evidence.requirements import requirements_table
from analyzer.evidence.schema import CREDENTIALS, FINDINGS, ISSUES, TABLES, USERS, to_arrow
from analyzer.evidence.tables import TablesInMemory
from analyzer.judging.staleness import EXACT
from analyzer.reading.issues import CODES
from analyzer.rendering.workbook import book as excel
from analyzer.rendering.workbook import engine
from analyzer.rendering.workbook.page import NOTHING
from analyzer.rendering.workbook.tables import READING_ORDER, USERS_READ
from tests.audits import DIGEST, ODD
from tests.reports import key, user

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openpyxl.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

    from tests.running import Audit

SHEETS = [
    *("Summary", "Exceptions noted", "Users", "Population judged", "Findings", "Accounts", "Issues", "Method"),
    *("Provenance", "Sign-off"),
]
JUDGED = ("fail", "not_checked", "pass")


class Options(TypedDict, total=False):
    most_rows: int
    row_limit: int


def write(audit: Audit, folder: Path, batch_rows: int = 100_000, **options: Unpack[Options]) -> Path:
    tables = TablesInMemory({name: to_arrow(getattr(audit, name), TABLES[name]) for name in TABLES}, batch_rows)
    (path,) = excel.write(audit, tables, folder / "workbook.xlsx", DIGEST, **options)
    return path


def workbook_of(audit: Audit, folder: Path, batch_rows: int = 100_000, **options: Unpack[Options]) -> Workbook:
    return load_workbook(write(audit, folder, batch_rows, **options), data_only=True)


def expected(table: pa.Table) -> list[list[object]]:
    """Return what the cells must hold: times cut to the second and without zone, flags in words."""

    def cell(value: object) -> object:
        if isinstance(value, datetime):
            if value.year < 1900:
                return value.strftime("%Y-%m-%dT%H:%M:%SZ")
            return value.replace(microsecond=0, tzinfo=None)
        return str(value).lower() if isinstance(value, bool) else value

    rows = [[cell(value) for value in row.values()] for row in table.to_pylist()]
    return [table.column_names, *(rows or [["none", *[None] * (table.num_columns - 1)]])]


def data_of(audit: Audit) -> dict[str, pa.Table]:
    """Return the tables that sheets hold, but for what these say of their formulas."""
    credentials = to_arrow(audit.credentials, CREDENTIALS)
    outcomes = credentials["outcome"].cast(pa.string())
    order = [at for name in JUDGED for at, outcome in enumerate(outcomes.to_pylist()) if outcome == name]
    return {
        "Findings": to_arrow(audit.worst_first, FINDINGS).select(READING_ORDER),
        "Population judged": credentials.take(pa.array(order, pa.int64())),
        "Users": to_arrow(audit.users, USERS).select(USERS_READ),
        "Issues": to_arrow(audit.issues, ISSUES),
    }


def shown_in(sheet: Worksheet, columns: list[str], header: int = 1) -> list[list[object]]:
    """Return the cells of these columns, from the header on."""
    rows = list(sheet.iter_rows(min_row=header, values_only=True))
    places = [rows[0].index(name) for name in columns]
    return [[row[at] for at in places] for row in rows]


def with_users(audit: Audit, names: list[str]) -> Audit:
    """Return `audit` with these names in the place of its first findings' users."""
    users = [*names, *audit.findings["user"].tolist()[len(names) :]]
    return replace(audit, findings=audit.findings.assign(user=pd.Series(users, dtype=pd.ArrowDtype(pa.string()))))


def column_of(sheet: Worksheet, name: str) -> list[object]:
    at = READING_ORDER.index(name)
    return [row[at] for row in sheet.iter_rows(min_row=2, values_only=True)]


def below_header(sheet: Worksheet, first: str) -> list[tuple[object, ...]]:
    """Return the rows below the header that begins with `first`."""
    rows: list[tuple[object, ...]] = list(sheet.iter_rows(values_only=True))
    return rows[next(at for at, row in enumerate(rows) if row[0] == first) + 1 :]


def users_in(book: Workbook) -> list[object]:
    return column_of(book["Findings"], "user")


def test_the_odd_users_have_every_status_and_reason(audit_of: Callable[..., Audit]) -> None:
    findings = audit_of(ODD).findings  # what the other tests take for granted
    assert set(findings["status"]) == set(Status)
    assert set(findings["reason"]) == {
        *EXACT,
        *BOUNDED,
        Reason.CREATED_AFTER_AS_OF,
        Reason.ACTIVE_UNKNOWN,
    }


def test_provenance_names_each_input_and_continues_beyond_the_row_limit(
    audit_of: Callable[..., Audit], tmp_path: Path
) -> None:
    result = audit_of(ODD, many=200)
    book = workbook_of(result, tmp_path, row_limit=12)
    sheets = [name for name in book.sheetnames if name.startswith("Provenance")]
    assert len(sheets) > 1
    rows = [row for name in sheets for row in below_header(book[name], "name")]
    assert [row[0] for row in rows] == result.inputs["name"].tolist()
    assert [row[1] for row in rows] == result.inputs["sha256"].tolist()
    assert [row[2] for row in rows] == result.inputs["bytes"].tolist()
    assert [row[9] for row in rows] == ["yes" if judged else "no" for judged in result.inputs["judged"]]
    assert rows[0][5] == "111122223333"


def test_the_last_microsecond_of_a_day_stays_that_day(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    book = workbook_of(audit_of(ODD, many=40), tmp_path)
    as_of = set(column_of(book["Findings"], "as_of"))
    second = datetime(2026, 10, 31, 23, 59, 59)  # noqa: DTZ001 - Excel knows no zone
    assert as_of == {second}
    with zipfile.ZipFile(tmp_path / "workbook.xlsx") as archive:
        # A whole second, so that no program can round it up to the next day.
        days = (second - datetime(1899, 12, 30)) / timedelta(days=1)  # noqa: DTZ001
        assert f"<v>{days:.16G}</v>".encode() in archive.read("xl/worksheets/sheet5.xml")


@pytest.mark.parametrize("name", ["<r>&</r>", "<r><t>x</t></r>", "<r></r>", "<r>", "<r>a\nb</r>", "<r>=1</r>"])
def test_a_name_that_looks_like_the_sheets_own_markup_is_text(
    audit_of: Callable[..., Audit], tmp_path: Path, name: str
) -> None:
    result = with_users(audit_of(ODD), [name])
    assert name in users_in(workbook_of(result, tmp_path))


def test_names_that_look_like_escapes_and_odd_characters_are_kept(
    audit_of: Callable[..., Audit], tmp_path: Path
) -> None:
    names = ["_x0041_", "a\ufffeb", "a\rb", "\x00", "\u2028", " lead", "trail ", "&lt;", "\U0001f600"]
    users = users_in(workbook_of(with_users(audit_of(ODD, many=40), names), tmp_path))
    assert set(names) <= {unescape(str(name)) for name in users}


def test_long_texts_are_cut_by_the_units_that_excel_counts(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    names = ["\U0001f600" * 20_000, "é" * 32_767, "<r>" + "x" * 40_000 + "</r>", "=" * 40_000]
    users = [str(name) for name in users_in(workbook_of(with_users(audit_of(ODD, many=40), names), tmp_path))]
    assert names[1] in users
    cut = [name for name in users if name.endswith("[cut: longer than a cell can hold]")]
    assert sorted(name[0] for name in cut) == ["<", "=", "\U0001f600"]
    assert all(len(name.encode("utf-16-le")) <= 2 * 32_767 for name in cut)


def test_a_disk_error_is_an_os_error(
    audit_of: Callable[..., Audit], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = xlsxwriter.Workbook.close

    def full(workbook: xlsxwriter.Workbook) -> None:
        close(workbook)
        raise FileCreateError("no space left")

    monkeypatch.setattr(xlsxwriter.Workbook, "close", full)
    with pytest.raises(OSError, match="no space left"):
        write(audit_of([]), tmp_path)


def test_nothing_but_the_workbook_is_left_in_the_folder(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    assert write(audit_of(ODD), out) == out / "workbook.xlsx"
    assert [path.name for path in out.iterdir()] == ["workbook.xlsx"]


def test_the_sheets_hold_the_tables_cell_by_cell(any_audit: Audit, tmp_path: Path) -> None:
    book = workbook_of(any_audit, tmp_path)
    data = data_of(any_audit)
    empty = {name for name, table in data.items() if not table.num_rows and name != "Issues"}
    empty |= set() if any_audit.accounts else {"Accounts"}
    empty |= set() if len(any_audit.inputs) else {"Provenance"}
    assert book.sheetnames == [name for name in SHEETS if name not in empty]
    for name in sorted(data.keys() - empty):
        columns = [column for column in data[name].column_names if column in {cell.value for cell in book[name][1]}]
        assert shown_in(book[name], columns) == expected(data[name].select(columns)), name
        assert set(data[name].column_names) - set(columns) <= {"active"}
    for name, status in (("Findings", "status"), ("Population judged", "outcome")):
        if name in book.sheetnames:
            rows = shown_in(book[name], [status, f"{status}_of_run", "recalculated"])[1:]
            assert {row[2] for row in rows} <= {"yes", "no"}
            assert all(row[0] == row[1] for row in rows)


def test_texts_do_not_act(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    book = workbook_of(audit_of(ODD), tmp_path)
    for sheet in ("Findings", "Population judged", "Users"):
        column = next(cell.column for cell in book[sheet][1] if cell.value == "user")
        names = {str(row[0].value): row[0] for row in book[sheet].iter_rows(min_row=2, min_col=column, max_col=column)}
        assert {row["user"] for row in ODD} <= set(names) | {"$x_1$", "NA"}
        for name, cell in names.items():
            assert cell.data_type == "s"
            assert cell.hyperlink is None
            assert cell.number_format == "@"
            assert bool(cell.quotePrefix) == (str(name)[0] in "=+-@"), name
    with zipfile.ZipFile(tmp_path / "workbook.xlsx") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    telling = [row["user"].encode() for row in ODD if row["user"] not in {"NA", "007"}]
    for part, data in parts.items():
        # Formulas are the program's own, and links lead to cells of this workbook.
        for formula in re.findall(rb"<f(?: [^>]*[^/])?>(.*?)</f>", data):
            assert not any(name in formula for name in telling), formula
        assert all(b'location="' in link and b"r:id" not in link for link in re.findall(rb"<hyperlink [^>]*>", data))
        assert b'TargetMode="External"' not in data, part


def test_accounts_are_text_and_worst_come_first(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    sheet = workbook_of(audit_of(ODD, many=200), tmp_path)["Findings"]
    assert {type(account) for account in column_of(sheet, "account_id")} == {str}
    order = [str(status) for status in column_of(sheet, "status")]
    assert order == sorted(order, key=["fail", "not_checked", "not_applicable", "pass"].index)
    days = column_of(sheet, "idle_days")
    idle = [int(str(day)) for day, status in zip(days, order, strict=True) if status == "fail"]
    assert idle == sorted(idle, reverse=True)


@pytest.mark.parametrize("limit", [5, 11, 12])
def test_a_table_beyond_the_row_limit_continues_in_a_further_sheet(
    audit_of: Callable[..., Audit], tmp_path: Path, limit: int
) -> None:
    result = audit_of([user(f"u{n}", **key(rotated="2026-01-01T00:00:00Z")) for n in range(11)])
    book = workbook_of(result, tmp_path, row_limit=limit)
    sheets = [name for name in book.sheetnames if name.startswith("Findings")]
    assert len(sheets) == {5: 3, 11: 2, 12: 1}[limit]
    users = [user for name in sheets for user in column_of(book[name], "user")]
    assert sorted(map(str, users)) == sorted(f"u{n}" for n in range(11))
    for name in sheets:
        assert book[name].freeze_panes == "A2"
        assert book[name].auto_filter.ref
        assert book[name].print_title_rows == "$1:$1"


def test_control_characters_and_long_texts_are_kept_or_cut_visibly(
    audit_of: Callable[..., Audit], tmp_path: Path
) -> None:
    rows = [
        user("bell\x07", **key(rotated="2026-01-01T00:00:00Z")),
        # Another ARN: with the name in it again, the line would be too long for a row of a report.
        user("b") | {"user": "b" * 40_000} | key(rotated="2026-01-01T00:00:00Z"),
    ]
    book = workbook_of(audit_of(rows), tmp_path)
    users = [str(user) for user in users_in(book)]
    assert users[0] in {"bell\x07", "bell_x0007_"}
    assert len(users[1]) == 32_767
    assert users[1].endswith("[cut: longer than a cell can hold]")


def test_equal_bytes(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    result = audit_of(ODD, many=100)
    first = write(result, tmp_path)
    first_bytes = first.read_bytes()
    second = write(result, tmp_path)
    assert first_bytes == second.read_bytes()
    with zipfile.ZipFile(second) as archive:  # the two writes may have fallen into one second
        properties = archive.read("docProps/core.xml")
        assert not re.findall(rb"\d{4}-\d\d-\d\d", properties), "no date is made up"
        assert b"<dc:title>Credential report audit</dc:title>" in properties
        assert b"credreport" in properties
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}


def test_the_answer_and_the_limit_are_on_the_first_sheet(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    result = audit_of(ODD)
    cells = [
        str(cell)
        for row in workbook_of(result, tmp_path)["Summary"].iter_rows(values_only=True)
        for cell in row
        if cell
    ]
    assert (
        "2 of 8 active passwords and access keys of IAM users unused for 45 days or more; 4 not checked; 2 pass."
        in cells[1].splitlines()
    )
    assert "Exit code" not in cells[1]
    assert "45 days or more" in cells
    assert "the end of 2026-10-31, UTC" in cells


POLICY = """
[controls.access-key-rotation]
max_age_days = 30
[controls.password-rotation]
enabled = false
[waivers.sealed]
user = "+1"
reason = "=sealed"
owner = "somebody"
expires = 2026-12-31
[waivers.gone]
user = "nobody"
reason = "left"
owner = "somebody"
expires = 2026-01-31
"""


@pytest.fixture
def by_policy(tmp_path: Path, audit_of: Callable[..., Audit]) -> Audit:
    (tmp_path / "policy.toml").write_text(POLICY)
    return audit_of(ODD, many=120, checklist=make_checklist(policy=read_policy(tmp_path / "policy.toml")))


def test_every_control_is_in_the_summary_and_in_the_method(by_policy: Audit, tmp_path: Path) -> None:
    book = workbook_of(by_policy, tmp_path)
    before = SHEETS.index("Accounts") + 1
    assert book.sheetnames == [*SHEETS[:before], "Waivers", *SHEETS[before:]]
    summary = list(book["Summary"].iter_rows(values_only=True))
    method = [str(cell) for row in book["Method"].iter_rows(values_only=True) for cell in row if cell]
    for check, counts in zip(by_policy.checklist.checks, by_policy.by_control, strict=True):
        (row,) = [row for row in summary if row[0] == check.control.id and row[4] == check.severity]
        assert str(row[1]).removesuffix(" *") == check.title
        shown = [counts[name] if counts["judged"] else NOTHING for name in ("fail", "not_checked", "pass", "waived")]
        assert [*shown] == list(row[6:10])
        assert any(text.startswith(check.control.id) for text in method)
        assert any(check.say(check.control.fails_when) in text for text in method)
    assert any("max_age_days = 30 (set by policy)" in text for text in method)
    assert not any(text.startswith("password-rotation") for text in method)


@pytest.mark.parametrize("benchmark", ["cis-7.0", "soc2", "pci-dss-4.0.1", "bsi-c5-2025"])
@pytest.mark.parametrize("many", [0, 200])
def test_the_summary_counts_accounts_by_requirement(
    audit_of: Callable[..., Audit], tmp_path: Path, benchmark: str, many: int
) -> None:
    result = audit_of(ODD, many=many, checklist=make_checklist(benchmark=benchmark))
    sheet = workbook_of(result, tmp_path)["Summary"]
    rows = [list(row) for row in sheet.iter_rows(values_only=True)]
    framework = FRAMEWORKS[benchmark]
    heading = f"Requirements of {framework.label}: number of accounts by result (sheet Requirements)"
    at = next(number for number, row in enumerate(rows) if row[0] == heading)
    assert at < next(number for number, row in enumerate(rows) if row[0] == "By control")
    table = requirements_table(result.requirements, result.accounts).to_pandas().astype("str")
    occurring = [status for status in RequirementStatus if (table["status"] == status.value).any()]
    words = [REQUIREMENT_STATUS_IN_WORDS[status] for status in occurring]
    header = [framework.heading_beside_titles, "requirement", None, *words]
    assert [cell or None for cell in rows[at + 1]][: len(header)] == header
    assert not any(rows[at + 1][len(header) :])
    for below, requirement in enumerate(framework.requirements, start=at + 2):
        statuses = table["status"][table["requirement"] == requirement.number].tolist()
        title = f"{requirement.title} (related)" if requirement.is_related else requirement.title
        counts = [statuses.count(status.value) for status in occurring]
        assert rows[below][: len(header)] == [requirement.number, title, None, *counts]
        assert sum(counts) == len(result.accounts)
        assert f"B{below + 1}:C{below + 1}" in {str(area) for area in sheet.merged_cells.ranges}
        assert sheet.cell(below + 1, 2).alignment.wrap_text
        # Columns of 20 and 15 characters: no line is cut off.
        assert float(sheet.row_dimensions[below + 1].height or 15) >= 15 * len(textwrap.wrap(title, 35))
    assert rows[at + 2 + len(framework.requirements)][0] is None


def test_a_summary_without_a_benchmark_has_no_requirements(by_policy: Audit, tmp_path: Path) -> None:
    assert not any(
        "number of accounts by result" in text for text in all_texts(workbook_of(by_policy, tmp_path), "Summary")
    )


def test_the_column_of_a_sixth_status_is_as_wide_as_the_others(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    result = audit_of(ODD, many=40, checklist=make_checklist(benchmark="cis-7.0"))
    codes = np.resize([status.code for status in RequirementStatus], len(result.accounts))
    every = [requirement._replace(statuses=codes) for requirement in result.requirements]
    result.__dict__["requirements"] = every
    sheet = workbook_of(result, tmp_path)["Summary"]
    head = REQUIREMENT_STATUS_IN_WORDS[RequirementStatus.NOT_APPLICABLE]
    heads = [cell for row in sheet.iter_rows() for cell in row if cell.value == head]
    assert [cell.column_letter for cell in heads] == ["I"]
    assert sheet.column_dimensions["I"].width == sheet.column_dimensions["H"].width


def test_the_matrix_adds_up(by_policy: Audit, tmp_path: Path) -> None:
    sheet = workbook_of(by_policy, tmp_path)["Accounts"]
    above = list(sheet.iter_rows(max_row=4, values_only=True))
    assert above[0][0] == "Controls by account"
    assert [cell for cell in above[3] if cell] == ["all controls", "fails", "not checked"]
    sums = len([*Status, "waived"])
    header = next(row for row in sheet.iter_rows(values_only=True) if row[0] == "account_id")
    rows = below_header(sheet, "account_id")
    assert [row[0] for row in rows] == list(by_policy.by_account.index)
    shown = by_policy.by_account[[*Status, "waived"]]
    assert [list(row[1 : 1 + sums]) for row in rows] == shown.to_numpy().tolist()
    first = 1 + sums
    for column, name in enumerate(header[first : first + len(by_policy.checklist.checks)], start=first):
        check = by_policy.checklist.checks[column - first]
        assert name == f"{check.control.id}{f' ({check.requirement})' if check.requirement else ''}"
        counts = by_policy.by_control[column - first]
        numbers = [row[column] for row in rows if row[column] != "-"]
        waived = by_policy.findings["waiver"].notna() & (by_policy.findings["chosen"] == column - first)
        failing = int((waived & (by_policy.findings["status"] == Status.FAIL)).sum())
        assert sum(int(str(number)) for number in numbers) == counts["fail"] - failing
        assert bool(numbers) == bool(counts["judged"])
    undecided = {str(name).partition(" ")[0] for name in header[first + len(by_policy.checklist.checks) :]}
    assert undecided == {
        check.control.id
        for check, counts in zip(by_policy.checklist.checks, by_policy.by_control, strict=True)
        if counts["not_checked"]
    }


def test_waived_checks_are_listed_apart(by_policy: Audit, tmp_path: Path) -> None:
    book = workbook_of(by_policy, tmp_path)
    header, *rows = book["Waivers"].iter_rows(values_only=True)
    waivers = [dict(zip(header, row, strict=True)) for row in rows]
    assert [(row["id"], row["state"]) for row in waivers] == [("sealed", "in force"), ("gone", "expired")]
    covered = [e for e in column_of(book["Findings"], "waiver") if e]
    assert covered == ["sealed"] * len(covered)
    assert (
        len(covered)
        == by_policy.totals["waived"]
        == int(str(waivers[0]["failing"])) + int(str(waivers[0]["not_checked"]))
    )
    assert book["Waivers"]["F2"].value == "=sealed"
    assert book["Waivers"]["F2"].data_type == "s"


def test_lines_above_tables_have_the_height_that_they_take(tmp_path: Path) -> None:
    lines = ["accounts " * 20, "short", "gaps in which snapshots are missing " * 6]
    (path,) = excel.write_tables("Title", lines, ["method"], TablesInMemory({}), [], tmp_path)
    sheet = load_workbook(path)["Summary"]
    assert [sheet.row_dimensions[row].height for row in range(3, 8)] == [47.25, None, 30, None, None]


def all_texts(book: Workbook, sheet: str) -> list[str]:
    return [str(cell) for row in book[sheet].iter_rows(values_only=True) for cell in row if cell is not None]


@pytest.mark.parametrize("batch_rows", [7, 100_000])
def test_a_cut_sheet_has_the_worst_rows_and_says_what_it_leaves_out(
    audit_of: Callable[..., Audit], tmp_path: Path, batch_rows: int
) -> None:
    result = audit_of([*ODD, user("late", arn="no arn")], many=200)
    book = workbook_of(result, tmp_path, batch_rows, most_rows=20)
    data = data_of(result)
    assert min(table.num_rows for name, table in data.items() if name != "Issues") > 20
    summary = all_texts(book, "Summary")
    assert any(text.startswith("Rows that are not in this workbook (up to 20 per sheet)") for text in summary)
    for name, file in (("Findings", "findings"), ("Population judged", "credentials"), ("Users", "users")):
        note = f"{data[name].num_rows - 20:,} further rows are in {file}.parquet"
        assert str(book[name]["A1"].value).startswith(f"{note}; "), name
        assert f"{data[name].num_rows - 20:,} rows" in summary
        columns = [column for column in data[name].column_names if column in {cell.value for cell in book[name][3]}]
        assert shown_in(book[name], columns, 3) == expected(data[name].select(columns).slice(0, 20)), name
        assert book[name].freeze_panes == "A4"
        assert book[name].auto_filter.ref.startswith("A3:")
        assert book[name].auto_filter.ref.endswith("23")
        assert book[name].print_title_rows == "$3:$3"
        assert book[name].dimensions.endswith("23")
    assert [list(row) for row in book["Issues"].iter_rows(values_only=True)] == expected(data["Issues"])
    assert "Sheet Issues" not in summary


def test_the_gravest_issues_stay_where_issues_are_cut(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    result = audit_of(ODD, many=40)
    levels = [-CODES[code].level for code in result.issues["code"]]
    assert len(levels) > 2
    book = workbook_of(result, tmp_path, most_rows=2)
    codes = [row[4] for row in book["Issues"].iter_rows(min_row=4, values_only=True)]
    assert [-CODES[str(code)].level for code in codes] == sorted(levels)[:2]
    assert f"{len(levels) - 2:,} further row" in all_texts(book, "Issues")[0]


def test_a_single_row_that_is_left_out_is_counted_in_the_singular(
    audit_of: Callable[..., Audit], tmp_path: Path
) -> None:
    result = audit_of([user(f"u{n}", **key(rotated="2026-01-01T00:00:00Z")) for n in range(11)])
    note = "1 further row is in findings.parquet"
    assert any(text.startswith(note) for text in all_texts(workbook_of(result, tmp_path, most_rows=10), "Findings"))
    assert not any(text.startswith(note) for text in all_texts(workbook_of(result, tmp_path, most_rows=11), "Findings"))


def test_a_cut_table_continues_in_further_sheets(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    result = audit_of(ODD, many=200)
    book = workbook_of(result, tmp_path, 7, most_rows=20, row_limit=12)
    sheets = [name for name in book.sheetnames if name.startswith("Findings")]
    assert len(sheets) == 3
    rows = [row for name in sheets for row in shown_in(book[name], list(READING_ORDER), 3)[1:]]
    assert rows == expected(data_of(result)["Findings"].slice(0, 20))[1:]


def test_the_bytes_do_not_depend_on_batches_or_blocks(
    audit_of: Callable[..., Audit], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = audit_of(ODD, many=100)
    expected_bytes = write(result, tmp_path).read_bytes()
    assert write(result, tmp_path, 3).read_bytes() == expected_bytes
    monkeypatch.setattr(engine, "_BLOCK", 7)
    assert write(result, tmp_path, 50).read_bytes() == expected_bytes
    monkeypatch.setattr(engine, "_BLOCK", 1000)
    monkeypatch.setattr(engine, "_BLOCK_BYTES", 300)
    assert write(result, tmp_path, 50).read_bytes() == expected_bytes


def test_the_method_says_what_the_sheets_hold(by_policy: Audit, tmp_path: Path) -> None:
    method = all_texts(workbook_of(by_policy, tmp_path, most_rows=1234), "Method")
    assert any("up to 1,234 rows" in text for text in method)
    assert any("<column>_state of users.parquet" in text for text in method)
    assert not any(text.endswith("_state") for text in all_texts(workbook_of(by_policy, tmp_path), "Users"))


def test_a_long_reason_is_shown_whole(tmp_path: Path, audit_of: Callable[..., Audit]) -> None:
    sentence = "These keys lie in a sealed envelope in the safe of the data centre, and are looked at each quarter. "
    reason = (sentence * 2)[:188].strip()
    policy = f'[waivers.sealed]\nuser = "+1"\nreason = "{reason}"\nowner = "somebody"\nexpires = 2026-12-31\n'
    (tmp_path / "policy.toml").write_text(policy)
    result = audit_of(ODD, checklist=make_checklist(policy=read_policy(tmp_path / "policy.toml")))
    sheet = workbook_of(result, tmp_path)["Waivers"]
    assert sheet["F2"].value == reason
    assert sheet["F2"].alignment.wrap_text
    needed = len(textwrap.wrap(reason, int(sheet.column_dimensions["F"].width)))
    height = sheet.row_dimensions[2].height
    assert needed == 4
    assert height is not None
    assert height >= 15 * needed
