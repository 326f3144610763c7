"""Reports of unknown capture time: how old their evidence is, and the time that the user gives."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from analyzer.evidence.seal import read_manifest
from analyzer.evidence.settings import Settings as SettingsOfASet
from tests.cli.running import Ran, run
from tests.reports import ACCOUNT, csv_of, key, root, user, write
from tests.running import Settings, audit

OLD = key(rotated="2024-01-01T00:00:00Z", used="2024-05-02T08:00:00Z")
REPORT = csv_of(root(), user("anna", **OLD))


def codes(folder: Path, as_of: datetime) -> list[str]:
    issues = audit([str(folder)], Settings(as_of=as_of)).issues
    return [code for code in issues["code"].astype("str") if code.startswith("undated_evidence")]


def run_audit(folder: Path, *options: str) -> Ran:
    return run("audit", "in", "--format", "parquet,excel", "-o", "out", *options, cwd=folder)


def test_evidence_that_ends_long_before_the_reference_date_is_noted(tmp_path: Path) -> None:
    write(tmp_path / "in/report.csv", REPORT)
    ran = run_audit(tmp_path, "--as-of", "2026-06-01")
    line = "1 report of unknown age: the newest time in it is 760 days before the reference date."
    assert ran.returncode == 1
    assert ran.stdout.splitlines()[-3] == line, "beside the answer"
    ran = run_audit(tmp_path, "--as-of", "2026-06-01", "--verbose")
    assert "the newest time in it is 2024-05-02T08:00:00Z, 760 days before the reference date" in ran.stdout
    assert load_workbook(tmp_path / "out/workbook.xlsx")["Summary"]["A5"].value == line


def test_evidence_after_the_reference_date_is_noted(tmp_path: Path) -> None:
    write(tmp_path / "in/report.csv", REPORT)
    ran = run_audit(tmp_path, "--as-of", "2024-05-01T08:00:00Z", "--exit-zero", "--verbose")
    assert ran.returncode == 0
    assert "1 report of unknown age with times after the reference date." in ran.stdout.splitlines()
    assert "2024-05-02T08:00:00Z, 1 day after the reference date" in ran.stdout


NEWEST = datetime(2024, 5, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        (NEWEST + timedelta(days=7), ["undated_evidence_older"]),
        (NEWEST + timedelta(days=7, microseconds=-1), []),
        (NEWEST, []),
        (NEWEST - timedelta(seconds=60), []),  # AWS cuts some times to the minute
        (NEWEST - timedelta(seconds=61), ["undated_evidence_newer"]),
    ],
)
def test_an_unknown_age_is_noted_from_a_limit_on(tmp_path: Path, as_of: datetime, expected: list[str]) -> None:
    write(tmp_path / "report.csv", REPORT)
    assert codes(tmp_path, as_of) == expected


def test_a_report_with_a_date_has_no_unknown_age(tmp_path: Path) -> None:
    write(tmp_path / "2024-05-03.csv", REPORT)
    assert codes(tmp_path, datetime(2026, 6, 1, tzinfo=UTC)) == []
    write(tmp_path / "undated.csv", csv_of(root(), user("bob", **OLD)))  # not judged
    assert codes(tmp_path, datetime(2026, 6, 1, tzinfo=UTC)) == []


# --- --captured-at ----------------------------------------------------------------------------------------------------


def test_an_option_gives_the_capture_time_of_reports_without_one(tmp_path: Path) -> None:
    write(tmp_path / "in/a.csv", REPORT)
    write(tmp_path / "in/2024-05-04/b.csv", csv_of(root("444455556666")))
    ran = run_audit(tmp_path, "--captured-at", "2024-05-03", "--json")
    assert json.loads(ran.stdout)["as_of"] == ["2024-05-03T23:59:59.999999Z", "2024-05-04T23:59:59.999999Z"]
    manifest = read_manifest(tmp_path / "out")
    settings = manifest["settings"]
    assert settings["captured_at"] == [{"pattern": "*", "at": "2024-05-03T23:59:59.999999Z"}]
    assert SettingsOfASet.of_facts(settings).facts == settings
    assert [(file["captured_at"], file["captured_from"]) for file in manifest["inputs"]] == [
        ("2024-05-04T23:59:59.999999Z", "folder name"),
        ("2024-05-03T23:59:59.999999Z", "option --captured-at"),
    ]
    assert "captured_at" not in Settings().facts


def test_patterns_match_names(tmp_path: Path) -> None:
    for name in ("old/a", "day=x/b", "c"):
        write(tmp_path / f"in/{name}.csv", csv_of(root(), user(name[0], **OLD)))
    options = [
        f"--captured-at={option_value}"
        for option_value in ("old/*=2024-05-03", "in/day=x/*=2024-05-04", "2024-05-05T10:00Z")
    ]
    files = json.loads(run("inspect", "in", "--json", *options, cwd=tmp_path).stdout)["inputs"]
    assert {option_value["name"]: option_value["captured_at"] for option_value in files} == {
        "in/old/a.csv": "2024-05-03T23:59:59.999999Z",
        "in/day=x/b.csv": "2024-05-04T23:59:59.999999Z",
        "in/c.csv": "2024-05-05T10:00:00Z",
    }


def test_standard_input_has_the_time_that_is_given() -> None:
    ran = run("inspect", "-", "--captured-at", "2024-05-03", "--json", stdin=REPORT.encode())
    assert json.loads(ran.stdout)["inputs"][0]["captured_at"] == "2024-05-03T23:59:59.999999Z"


def test_a_text_that_is_no_time_is_an_error_that_names_the_option(tmp_path: Path) -> None:
    write(tmp_path / "in/a.csv", REPORT)
    ran = run_audit(tmp_path, "--captured-at", "*.csv=yesterday")
    assert (ran.returncode, "--captured-at: not a date or date-time: 'yesterday'" in ran.stderr) == (2, True)


def test_snapshots_with_given_times_are_kept_and_compared(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", REPORT)
    write(tmp_path / "b.csv", csv_of(root(), user("anna", **OLD), user("bob", **OLD)))
    given_times = ["--captured-at", "a.csv=2024-05-03", "--captured-at", "b.csv=2024-05-04"]
    assert run("compare", "a.csv", "b.csv", *given_times, "-q", cwd=tmp_path).returncode == 1
    assert run("ingest", "a.csv", "b.csv", "--store", "kept", *given_times, "-q", cwd=tmp_path).returncode == 0
    assert run("history", "a.csv", "b.csv", *given_times, "-q", cwd=tmp_path).returncode == 1


# --- GeneratedTime ----------------------------------------------------------------------------------------------------


def generated(folder: Path, value: object) -> tuple[str | None, str]:
    """Return the capture time of a report whose envelope has this GeneratedTime, and the messages about it."""
    write(folder / "in.json", json.dumps({"Content": REPORT, "ReportFormat": "text/csv", "GeneratedTime": value}))
    ran = run("inspect", "in.json", "--json", cwd=folder)
    facts = json.loads(ran.stdout)
    return facts["inputs"][0]["captured_at"], " ".join(issue["message"] for issue in facts["issues"])


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-01T03:01:45Z",
        "2026-11-01 03:01:45.000 UTC",
        "2026-11-01 03:01:45 +0000",
        "2026-11-01 03:01:45 GMT",
        1793502105,
        1793502105.0,
        1793502105000,
        "1793502105",
        "1793502105000",
        "/Date(1793502105000)/",
        "/Date(1793502105000+0100)/",
        {"value": "/Date(1793502105000)/", "DisplayHint": 2, "DateTime": "Sunday, November 1, 2026 3:01:45 AM"},
        "Sun, 01 Nov 2026 03:01:45 GMT",
        "Sun, 01 Nov 2026 04:01:45 +0100",
        {"__class__": "datetime", "year": 2026, "month": 11, "day": 1, "hour": 3, "minute": 1, "second": 45},
    ],
)
def test_certain_times_of_envelopes_are_read(tmp_path: Path, value: object) -> None:
    assert generated(tmp_path, value) == ("2026-11-01T03:01:45Z", "")


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("11/1/2026 3:01:45 AM", "11/1/2026 3:01:45 AM"),
        (17935, "17935"),
        ({"__class__": "datetime", "year": 2026, "month": 13, "day": 1}, "'month': 13"),
        (
            {"__class__": "datetime", "year": 2026, "month": 11, "day": 1, "tzinfo": "America/New_York"},
            "{'__class__': 'datetime'",
        ),
    ],
)
def test_a_time_that_cannot_be_read_is_quoted(tmp_path: Path, value: object, quoted: str) -> None:
    captured_at, messages = generated(tmp_path, value)
    assert captured_at is None
    assert "GeneratedTime cannot be read: " in messages
    assert quoted in messages


@given(st.datetimes(datetime(2010, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_any_instant_is_read_in_each_form(at: datetime) -> None:
    from analyzer.reading.times import parse_generated_time  # noqa: PLC0415

    at = at.replace(microsecond=0)
    seconds = int(at.timestamp())
    forms = [
        seconds,
        seconds * 1000,
        f"/Date({seconds * 1000})/",
        f"{at:%Y-%m-%d %H:%M:%S} UTC",
        f"{at:%a, %d %b %Y %H:%M:%S} GMT",
    ]
    assert {parse_generated_time(form) for form in forms} == {at}


# --- cells ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [" UTC", " GMT", "UTC", " +0000", " Z", " +00:00"])
def test_certain_times_of_query_engines_are_read(tmp_path: Path, offset: str) -> None:
    times = {column: value.replace("T", " ").replace("Z", f".000{offset}") for column, value in OLD.items()}
    write(tmp_path / "2024-05-03.csv", csv_of(root(), user("anna", **times)))
    audited = audit([str(tmp_path)], Settings())
    assert audited.issues["code"].tolist() == []
    assert audited.credentials["last_used"].iloc[-1] == NEWEST


def test_blank_cells_are_one_issue_a_file_that_explains_what_is_not_checked(tmp_path: Path) -> None:
    blank = {"access_key_1_last_used_date": "", "access_key_2_last_rotated": "", "password_next_rotation": " "}
    rows = [user(name, **(OLD | blank)) for name in ("anna", "bob")]
    write(tmp_path / "2024-05-03/a.csv", csv_of(root(), *rows))
    write(tmp_path / "2024-05-03/b.csv", csv_of(root("444455556666"), user("c", account="444455556666", **OLD)))
    result = audit([str(tmp_path)], Settings())
    (issue,) = result.issues.to_dict("records")
    assert (issue["code"], issue["line"], issue["column"]) == ("blank_cells", 3, "password_next_rotation")
    assert "6 cells are blank where AWS writes N/A" in issue["message"]
    assert "what depends on them is not checked" in issue["message"]
    assert ACCOUNT in set(result.findings["account_id"][result.findings["reason"] == "last_use_unknown"])


def test_a_column_that_is_not_there_is_not_blank(tmp_path: Path) -> None:
    columns = ("user", "arn", "password_enabled", "access_key_1_active", "access_key_1_last_rotated")
    write(tmp_path / "2024-05-03.csv", csv_of(root(), user("anna", **OLD), columns=columns))
    assert "blank_cells" not in set(audit([str(tmp_path)], Settings()).issues["code"])
