"""inspect of many reports is a table with totals by account, and no error is left out of the screen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.running import run
from tests.cli.terminal import run_on_terminal
from tests.reports import csv_of, key, root, user, write

SAMPLES = Path(__file__).resolve().parents[2] / "sample_reports"
ACCOUNTS = ("111122223333", "123456789012", "444455556666")
FACTS = re.compile(r"^    csv · ", re.MULTILINE)


def report(account: str) -> str:
    return csv_of(root(account), user("a", account=account, **key(rotated="2026-01-01T00:00:00Z")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for day in ("2026-09-30", "2026-10-31"):
        for account in ACCOUNTS:
            write(tmp_path / f"in/{day}/{account}.csv", report(account))
    return tmp_path


def test_many_reports_are_a_row_each_with_totals_by_account(folder: Path) -> None:
    write(folder / "in/undated/999988887777.csv", csv_of(root("999988887777")))
    done = run("inspect", "in", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("7 reports, 13 rows: 7 csv\n")
    for day in ("2026-09-30", "2026-10-31"):
        for account in ACCOUNTS:
            row = rf"^  {account} +2 +{day} +folder name +2026-01-01T00:00:00Z +csv +22 columns +{day}/{account}.csv$"
            assert len(re.findall(row, done.stdout, re.MULTILINE)) == 1
    for account in ACCOUNTS:
        assert len(re.findall(rf"^  {account} +2026-09-30 +2026-10-31 +2 +4 +0$", done.stdout, re.MULTILINE)) == 1
    assert re.search(r"^  999988887777 +1 +unknown +- .*undated/999988887777.csv$", done.stdout, re.MULTILINE)
    assert re.search(r"^  999988887777 +- +- +1 +1 +1$", done.stdout, re.MULTILINE)
    assert "\n4 accounts\n" in done.stdout
    assert not FACTS.search(done.stdout)


def test_verbose_and_small_runs_show_all_facts(folder: Path) -> None:
    assert len(FACTS.findall(run("inspect", "in", "--verbose", cwd=folder).stdout)) == 6
    two = run("inspect", "in/2026-09-30/111122223333.csv", "in/2026-10-31/111122223333.csv", cwd=folder).stdout
    assert len(FACTS.findall(two)) == 2
    assert "captured 2026-09-30 (folder name) · newest time in the report 2026-01-01T00:00:00Z" in two


def test_a_merged_report_counts_for_each_of_its_accounts(folder: Path) -> None:
    rows = csv_of(root("777788889999"), user("b", account="888899990000"), user("c", account="888899990000", arn=""))
    write(folder / "in/2026-10-31/merged.csv", rows)
    done = run("inspect", "in", cwd=folder).stdout
    assert re.search(r"^  3 accounts +3 .*merged.csv$", done, re.MULTILINE)
    for account in ("777788889999", "888899990000", "unknown     "):
        assert re.search(rf"^  {account} +2026-10-31 +2026-10-31 +1 +1$", done, re.MULTILINE)
    assert "\n5 accounts\n" in done


def test_every_error_is_listed(folder: Path) -> None:
    write(folder / "in/2026-10-31/444455556666.csv", f"{report('444455556666')}\nbroken,row\nworse,row")
    for number in range(12):
        write(folder / f"in/2026-10-31/55556666777{number % 10}-{number}.json", '{"State":"STARTED"}')
    write(folder / "in/2026-10-31/rows.csv", csv_of())
    for columns in ("60", "80", "140"):
        done = run("inspect", "in", cwd=folder, COLUMNS=columns)
        assert done.returncode == 3
        assert " (2 rejected): " in done.stdout
        assert re.search(r"^  444455556666 +4 +2 ", done.stdout, re.MULTILINE)
        for number in range(12):
            assert f"  in/2026-10-31/55556666777{number % 10}-{number}.json the answer of generate-" in done.stdout
        assert "  in/2026-10-31/rows.csv the report has a header and no rows" in done.stdout
        assert "\nErrors: 13\n" in done.stdout


def test_errors_are_listed_beside_one_report_too(tmp_path: Path) -> None:
    write(tmp_path / "in/2026-10-31/111122223333.csv", report("111122223333"))
    for number in range(3):
        write(tmp_path / f"in/2026-10-31/{number}.json", '{"State":"STARTED"}')
    done = run("inspect", "in", cwd=tmp_path)
    assert all(f"  in/2026-10-31/{number}.json the answer" in done.stdout for number in range(3))


@pytest.mark.parametrize("columns", [50, 80, 120, 200])
def test_the_table_fits_the_terminal_and_tears_no_word(columns: int) -> None:
    command = ["inspect", "sample_reports"]
    code, shown, _ = run_on_terminal(*command, cwd=SAMPLES.parent, columns=columns)
    assert code == 0
    lines = shown.replace("\r\n", "\n").splitlines()
    assert all(len(line) <= columns or " " not in line.strip() for line in lines)
    assert "\u2026" not in shown
    for path in SAMPLES.glob("2*/*.csv"):
        assert any(line.endswith(path.name) for line in lines), path
    heading = next(number for number, line in enumerate(lines) if line.endswith(" accounts"))
    for account in (*ACCOUNTS, "777788889999", "999988887777"):
        assert any(line.startswith(f"  {account}") for line in lines[heading:])
    assert ("Not shown for lack of room: " in shown) == (columns < 200)


def test_long_names_are_below_their_row(folder: Path) -> None:
    name = f"{'very-' * 20}long.csv"
    write(folder / "in/2026-10-31" / name, csv_of(root("777788889999")))
    for columns in ("80", "140"):
        done = run("inspect", "in", cwd=folder, COLUMNS=columns).stdout
        assert f"{name}\n" in done
        assert max(len(line) for line in done.splitlines() if "csv" in line and name not in line) <= int(columns)
