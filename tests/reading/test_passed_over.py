"""Files beside reports that name their columns: prose and programs are passed over; files with marks are not."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.cli.running import run
from tests.reports import COLUMNS_22, csv_of, user, write

REPORT = csv_of(user("anna"))
NAMES = list(COLUMNS_22)
FIVE = "user arn mfa_active password_enabled cert_1_active"
ARN = "arn:aws:iam::444455556666"

PASSED_OVER = {
    "doc.md": "# Notes\n\nThe report has the columns user, arn, user_creation_time, password_enabled, "
    "password_last_used and mfa_active.\n",
    "q.sql": "select user_name, user_arn, mfa_active, password_enabled, password_last_used, access_key_1_active from "
    "aws_iam_credential_report;\n",
    "app.js": f"const cols = {json.dumps(NAMES[:8])};\nmodule.exports=cols;\n",
    "app.ts": f"export const columns: string[] = {json.dumps(NAMES)};\n",
    "check.py": f"COLUMNS = {NAMES!r}\n",
    "words.txt": "The user and the arn are columns, and mfa_active and password_enabled and cert_1_active as well\n",
}
NOT_READ = {
    "cols.json": (json.dumps(NAMES), "the column names of a report, and no rows"),
    "five.txt": (f"{FIVE}\n", "column names of a credential report"),
    "short.json": (
        json.dumps([{"user": "<root_account>", "arn": f"{ARN}:root"}, {"user": "anna", "arn": f"{ARN}:user/anna"}]),
        "rows with some columns of a report",
    ),
    "scoutsuite_results.js": ('scoutsuite_results =\n{"services": {"iam": {"credential_reports": {}}}}', "no rows"),
}


@pytest.mark.parametrize("name", PASSED_OVER)
def test_prose_and_programs_are_passed_over(tmp_path: Path, name: str) -> None:
    write(tmp_path / "in/2026-10-31.csv", REPORT)
    write(tmp_path / f"in/{name}", PASSED_OVER[name])
    ran = run("inspect", tmp_path / "in", "--json")
    assert ran.returncode == 0
    assert [file["name"] for file in json.loads(ran.stdout)["inputs"]] == [f"{tmp_path}/in/2026-10-31.csv"]


@pytest.mark.parametrize("name", NOT_READ)
def test_a_file_that_looks_like_a_report_is_not_passed_over(tmp_path: Path, name: str) -> None:
    content, message = NOT_READ[name]
    write(tmp_path / "in/2026-10-31.csv", REPORT)
    write(tmp_path / f"in/{name}", content)
    ran = run("inspect", tmp_path / "in")
    assert ran.returncode == 3
    assert message in ran.stdout
    assert ran.stdout.count(f"in/{name}") == 1


def test_json_that_is_nested_past_the_limit_names_it(tmp_path: Path) -> None:
    inner = base64.b64encode(REPORT.encode()).decode()
    write(tmp_path / "a.json", f'{{"Content":"{inner}","x":{"[" * 100_000}{"]" * 100_000}}}')
    ran = run("inspect", tmp_path / "a.json")
    assert ran.returncode == 2
    assert "the JSON is nested more than about 1,000 levels deep" in ran.stderr
    assert "recursion" not in ran.stderr


def test_a_folder_whose_file_could_not_be_read_is_not_named_as_well(tmp_path: Path) -> None:
    write(tmp_path / "bad/a.json", '{"Content": "dXNlcixhcm4s')
    write(tmp_path / "good/2026-10-31.csv", REPORT)
    write(tmp_path / "none/notes.txt", "x")
    output = run("inspect", tmp_path / "bad", tmp_path / "good", tmp_path / "none", "--json").stdout
    codes = [issue["code"] for issue in json.loads(output)["issues"]]
    assert codes.count("unreadable_file") == 2
    output = " ".join(run("inspect", tmp_path / "bad", tmp_path / "good").stdout.split())
    assert "no credential report in this folder" not in output


def test_a_month_is_no_instant(tmp_path: Path) -> None:
    write(tmp_path / "2026-11/r.csv", REPORT)
    screen = run("audit", "2026-11", "--as-of", "2026-12-05", "--format", "parquet", "--verbose", cwd=tmp_path).stdout
    assert "captured at least 5 days before the reference date" in screen
