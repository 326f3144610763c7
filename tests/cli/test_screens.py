"""Screens of any width: nothing is cut, no word is torn, and tables that do not fit become lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.controls.catalog import BY_ID
from tests.cli.running import run
from tests.cli.terminal import run_on_terminal
from tests.reports import csv_of, key, root, user, write

SAMPLES = Path(__file__).resolve().parents[2] / "sample_reports"
PARQUET = ["--format", "parquet"]
LONG = "a-name-as-long-as-a-user-of-an-account-may-have-it-64-characters"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stores") / "store"
    assert run("ingest", SAMPLES, "--store", folder).returncode == 0
    return folder


@pytest.mark.parametrize("columns", ["40", "60", "80", "110", "160"])
def test_names_are_whole_whatever_the_width(store: Path, tmp_path: Path, columns: str) -> None:
    commands: list[list[str | Path]] = [
        ["audit", SAMPLES, "--as-of", "2026-10-31", *PARQUET],
        ["history", "--store", store, *PARQUET, "--sla-days", "30"],
        ["compare", SAMPLES / "2026-09-30", SAMPLES / "2026-10-31", *PARQUET],
        ["store", store],
    ]
    audited, followed, compared, stored = (run(*one, cwd=tmp_path, COLUMNS=columns).stdout for one in commands)
    for control in BY_ID:
        assert control in audited
        assert control in followed
    assert "<root_account>" in audited
    assert "console-45-days password" in compared
    assert "2026-10-31T07:12:44Z" in stored
    assert "\u2026" not in audited + followed + compared + stored


def test_a_long_name_costs_no_reason(tmp_path: Path) -> None:
    assert len(LONG) == 64
    write(tmp_path / "2026-10-31.csv", csv_of(root(), user(LONG, **key(rotated="2026-01-01T00:00:00Z"))))
    done = run("audit", "2026-10-31.csv", *PARQUET, cwd=tmp_path, COLUMNS="100")
    assert f"111122223333 {LONG} access_key_1\n    fail: never used; created 2026-01-01, 303 days\n" in done.stdout


def test_a_terminal_gets_whole_words_and_a_file_whole_lines(tmp_path: Path) -> None:
    command: list[str | Path] = ["audit", SAMPLES, "--as-of", "2026-10-31", *PARQUET]
    _, shown, _ = run_on_terminal(*command, cwd=tmp_path, columns=60)
    lines = shown.replace("\r\n", "\n").splitlines()
    assert all(len(line) <= 60 or " " not in line.strip() for line in lines)
    assert "not checked: no use lately as far as the report goes; it\n    is older" in "\n".join(lines)
    filed = run(*command, cwd=tmp_path, COLUMNS="60").stdout
    assert "not checked: no use lately as far as the report goes; it is older than the reference date\n" in filed
    assert "".join(shown.split()) == "".join(filed.split()), "the same, but for the breaks"


def test_the_rest_of_a_long_list_is_counted(tmp_path: Path) -> None:
    users = [f"user-{number}" for number in range(12)]
    write(
        tmp_path / "2026-10-31.csv",
        csv_of(root(), *(user(name, **key(rotated="2026-01-01T00:00:00Z")) for name in users)),
    )
    waivers = [
        f'[waivers.w{number}]\nuser = "{name}"\ncontrol = "unused-credentials"\nexpires = 2027-01-31\n'
        f'reason = "x"\nowner = "y"\nticket = "Z-{number}"\n'
        for number, name in enumerate(users)
    ]
    write(tmp_path / "credreport.toml", "\n".join(waivers))
    done = run("audit", "2026-10-31.csv", *PARQUET, "--control", "unused-credentials", cwd=tmp_path)
    assert "  and 2 more waivers: see the workbook, or --json\n" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--format", "parquet"], "stand in findings.parquet.\n"),
        (["--format", "parquet,excel"], "stand in findings.parquet, and on the sheet Findings of the workbook.\n"),
        (["--format", "parquet", "--tables", "users"], "more that fail, medium and low.\n"),
    ],
)
def test_findings_are_said_to_stand_where_they_were_written(tmp_path: Path, options: list[str], said: str) -> None:
    assert said in run("audit", SAMPLES, "--as-of", "2026-10-31", *options, cwd=tmp_path).stdout
