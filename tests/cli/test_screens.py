"""Screens of any width: nothing is cut, no word is torn, and tables that do not fit become lines."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from openpyxl import load_workbook
from pyarrow import parquet

from analyzer.controls.catalog import BY_ID
from analyzer.controls.control import Severity
from analyzer.reading.issues import CODES
from tests.cli.running import run
from tests.cli.terminal import run_on_terminal
from tests.reports import csv_of, key, root, user, write

SAMPLES = Path(__file__).resolve().parents[2] / "sample_reports"
OLD = "2020-01-01T00:00:00Z"
PARQUET = ["--format", "parquet"]
LONG = "a-name-as-long-as-a-user-of-an-account-may-have-it-64-characters"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stores") / "store"
    assert run("ingest", SAMPLES, "--store", folder).returncode == 0
    return folder


@pytest.mark.parametrize("columns", ["40", "60", "80", "110", "160"])
def test_names_are_whole_at_any_width(store: Path, tmp_path: Path, columns: str) -> None:
    commands: list[list[str | Path]] = [
        ["audit", SAMPLES, "--as-of", "2026-10-31", "--all-controls", "--verbose", *PARQUET],
        ["history", "--all-controls", "--store", store, *PARQUET, "--sla-days", "30"],
        ["compare", SAMPLES / "2026-09-30", SAMPLES / "2026-10-31", *PARQUET],
        ["store", store],
    ]
    audited, followed, compared, stored = (run(*command, cwd=tmp_path, COLUMNS=columns).stdout for command in commands)
    for control in (entry.id for entry in BY_ID.values() if not entry.needs):
        assert control in audited
        assert control in followed
    assert "<root_account>" in audited
    assert "console-45-days password" in compared
    assert "2026-10-31T07:12:44Z" in stored
    assert "\u2026" not in audited + followed + compared + stored


def test_a_long_name_does_not_hide_the_reason(tmp_path: Path) -> None:
    assert len(LONG) == 64
    write(tmp_path / "2026-10-31.csv", csv_of(root(), user(LONG, **key(rotated="2026-01-01T00:00:00Z"))))
    done = run("audit", "2026-10-31.csv", *PARQUET, cwd=tmp_path, COLUMNS="100")
    assert f"111122223333 {LONG} access_key_1: never used; created 2026-01-01, 303 days\n" in done.stdout
    done = run("audit", "2026-10-31.csv", *PARQUET, "--verbose", cwd=tmp_path, COLUMNS="100")
    assert f"111122223333 {LONG} access_key_1\n    fail: never used; created 2026-01-01, 303 days\n" in done.stdout


def test_a_terminal_gets_whole_words_and_a_file_whole_lines(tmp_path: Path) -> None:
    command: list[str | Path] = ["audit", SAMPLES, "--as-of", "2026-10-31", "--verbose", *PARQUET]
    _, shown, _ = run_on_terminal(*command, cwd=tmp_path, columns=60)
    lines = shown.replace("\r\n", "\n").splitlines()
    assert all(len(line) <= 60 or " " not in line.strip() for line in lines)
    assert "not checked: the report shows no\n      recent use, but it is older" in "\n".join(lines)
    filed = run(*command, cwd=tmp_path, COLUMNS="60").stdout
    assert (
        "not checked: the report shows no recent use, but it is older than the reference date; report of 2015-03-01\n"
        in filed
    )
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


@pytest.fixture(scope="module")
def untidy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 30 accounts with something open in nearly every control, and files of all kinds."""
    folder = tmp_path_factory.mktemp("untidy") / "reports"
    shutil.copytree(SAMPLES, folder)
    for number in range(30):
        account = f"{number + 1:012}"
        rows = [
            user(f"{at}-{LONG}"[:64], account=account, **key(rotated=f"2025-01-{at + 1:02}T00:00:00Z", used=""))
            for at in range(12)
        ]
        owner = root(account, access_key_1_active="true", password_last_used="2026-10-30T00:00:00Z", mfa_active="false")
        write(folder / f"2026-10-31/{account}.csv", csv_of(owner, *rows) + "\nhalf,a,row")
    write(folder / "2026-10-31/broken.json", '{"State": "STARTED"}')
    return folder


@pytest.mark.parametrize("options", [[], ["--all-controls"], ["--benchmark", "cis-7.0"], ["--control", "root-mfa"]])
def test_the_answer_fits_a_screen_and_comes_last(untidy: Path, tmp_path: Path, options: list[str]) -> None:
    command: list[str | Path] = ["audit", untidy, "--as-of", "2026-11-24", "--format", "parquet,excel", *options]
    code, shown, _ = run_on_terminal(*command, cwd=tmp_path, columns=80)
    lines = shown.replace("\r\n", "\n").splitlines()
    assert code == 3
    assert len(lines) <= 40
    assert all(len(line) <= 80 or " " not in line.strip() for line in lines)
    end = lines[lines.index("") :] if "" in lines else lines
    while "" in end[1:]:
        end = end[end.index("", 1) :]
    assert end[1].startswith("INCOMPLETE: ")
    assert any(line.startswith("Exit code 3: ") for line in end)
    assert end[-1].startswith("Open credreport-out/workbook.xlsx")


@pytest.mark.parametrize("options", [[], ["--all-controls"], ["--benchmark", "cis-7.0"]])
def test_critical_and_high_findings_are_cut_last(untidy: Path, tmp_path: Path, options: list[str]) -> None:
    command: list[str | Path] = ["audit", untidy, "--as-of", "2026-11-24", *PARQUET, *options]
    _, shown, _ = run_on_terminal(*command, cwd=tmp_path, columns=140)
    lines = shown.replace("\r\n", "\n").splitlines()
    assert len(lines) <= 40
    (start,) = [at for at, line in enumerate(lines) if line.startswith("Critical and high, ")]
    count = int(lines[start].split()[3])
    assert count >= 9
    assert all(": no-root-access-key fail" in line for line in lines[start + 1 : start + 1 + count])
    assert lines[start + 1 + count] == ""


@pytest.mark.parametrize("columns", [80, 200])
def test_verbose_shows_all_that_a_brief_answer_leaves_out(untidy: Path, tmp_path: Path, columns: int) -> None:
    command: list[str | Path] = ["audit", untidy, "--as-of", "2026-11-24", *PARQUET]
    _, brief, _ = run_on_terminal(*command, cwd=tmp_path, columns=columns)
    _, whole, _ = run_on_terminal(*command, "--verbose", cwd=tmp_path, columns=columns)
    assert len(whole.splitlines()) > len(brief.splitlines())
    assert "additional-credentials" in whole
    assert "tallies.parquet" in whole
    words = "root has an active access key"
    assert words in " ".join(whole.split())
    assert words not in " ".join(brief.split())


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_the_main_control_is_never_left_out_of_the_table(untidy: Path, tmp_path: Path, columns: int) -> None:
    _, shown, _ = run_on_terminal("audit", untidy, "--all-controls", *PARQUET, cwd=tmp_path, columns=columns)
    text = " ".join(shown.split())
    rows = re.findall(r"^  ([a-z]+(?:-[a-z]+)+) +(?:[\d.]+|-) ", shown, re.MULTILINE)
    assert rows[0] == "unused-credentials"
    facts = json.loads(run("audit", untidy, "--all-controls", "--json", *PARQUET, cwd=tmp_path).stdout)
    (hidden,) = re.findall(r"Not shown: (\S.*?)(?: and (\d+) more)? \(--verbose lists all\)", text)
    severities = list(Severity)
    rank = {
        row["control"]: (severities.index(Severity(row["severity"])), -row["fail"])
        for row in facts["by_control"]
        if row["open"] or row["waived"] or row["manual"]
    }
    left_out = sorted(rank.keys() - set(rows), key=lambda control: rank[control])
    names = hidden[0].split(", ")
    assert len(names) + int(hidden[1] or 0) == len(left_out)
    assert [rank[name] for name in names] == [rank[name] for name in left_out[: len(names)]]
    assert max((rank[control] for control in rows[1:]), default=(0, -100_000)) <= rank[left_out[0]]


def test_of_the_controls_without_room_the_most_severe_are_named(tmp_path: Path) -> None:
    listed = "user,last_day\nphone-lost,2026-09-30\nvendor-access,2026-08-31\nterraform,2026-10-01\n"
    write(tmp_path / "L.csv", listed)
    shutil.copytree(SAMPLES, tmp_path / "sample_reports")
    _, shown, _ = run_on_terminal("audit", "sample_reports", "--leavers", "L.csv", cwd=tmp_path, columns=80)
    lines = shown.replace("\r\n", "\n").splitlines()
    assert len(lines) <= 40
    assert any(line.startswith("  no-root-access-key ") for line in lines)
    assert "  Not shown: root-mfa, root-hardware-mfa and 9 more (--verbose lists all)." in lines
    assert "    root-not-in-daily-use fail" in lines, "a failure, whose limit is a choice"
    assert "  90 days in root-not-in-daily-use: chosen by credreport." in lines
    assert "  123456789012 terraform: leaver-credentials fail (access_key_1, access_key_2)" in lines


def test_a_pass_of_root_without_mfa_has_a_note(tmp_path: Path) -> None:
    _, shown, _ = run_on_terminal("audit", SAMPLES, cwd=tmp_path, columns=80)
    lines = shown.replace("\r\n", "\n").splitlines()
    assert len(lines) <= 40
    note = "root-mfa: 2 of the 5 that pass have no MFA device, but no password either."
    assert f"  {note}" in lines
    assert note in (tmp_path / "credreport-out/report.html").read_text(encoding="utf-8")
    (cells,) = [
        row for row in load_workbook(tmp_path / "credreport-out/workbook.xlsx")["Summary"].values if row[0] == note
    ]
    assert cells[0] == note


@pytest.mark.parametrize(
    ("without", "with_mfa", "words"),
    [
        (0, 2, ""),
        (1, 0, "the only one that passes has no"),
        (1, 2, "1 of the 3 that pass has no"),
        (2, 0, "all 2 that pass have no"),
    ],
)
def test_passes_of_root_without_mfa_are_counted(tmp_path: Path, without: int, with_mfa: int, words: str) -> None:
    for number in range(without + with_mfa):
        has_mfa = number >= without
        flags = {"mfa_active": str(has_mfa).lower(), "password_enabled": str(has_mfa).lower()}
        account = f"{number + 1:012}"
        write(tmp_path / f"in/2026-10-31/{account}.csv", csv_of(root(account, **flags), user("a", account=account)))
    shown = run(
        "audit", "in", "--control", "root-mfa,root-not-in-daily-use,console-mfa", *PARQUET, "--verbose", cwd=tmp_path
    ).stdout
    assert (f"root-mfa: {words} MFA device, but no password either." in shown) if words else "either" not in shown


def test_severities_are_in_the_table_where_there_is_room(tmp_path: Path) -> None:
    command: list[str | Path] = ["audit", SAMPLES, *PARQUET]
    wide, narrow = (run(*command, cwd=tmp_path, COLUMNS=columns).stdout for columns in ("120", "80"))
    assert re.search(r"^ +in CIS 7\.0  severity  fail ", wide, re.MULTILINE)
    assert re.search(r"^  root-mfa +2\.5 +critical +1 ", wide, re.MULTILINE)
    narrower = run(*command, cwd=tmp_path, COLUMNS="70").stdout
    assert re.search(r"^ +in CIS 7\.0 +severity  fail  not checked  pass  manual$", narrow, re.MULTILINE)
    assert re.search(r"^ +in CIS 7\.0  fail  not checked  pass  manual$", narrower, re.MULTILINE)
    assert re.search(r"failures in the \d accounts with the most failures, of 6\.", wide)
    wide = run(*command, "--verbose", cwd=tmp_path, COLUMNS="120").stdout
    notes = "No such column in the reports: additional-credentials. --all-controls judges 7 more controls; leaver-"
    assert notes in " ".join(wide.split())


def test_lists_that_are_cut_name_a_command_that_lists_all(tmp_path: Path) -> None:
    done = run("audit", SAMPLES, *PARQUET, "-o", "my out", cwd=tmp_path)
    (title,) = re.findall(r"^Unused or not checked, worst first, \d+ of 17 \(all: (.*)\)$", done.stdout, re.MULTILINE)
    assert title == "credreport show 'my out' --control unused-credentials --status open"
    (due,) = re.findall(r"3 unused-credentials \((credreport .*)\)\.$", done.stdout, re.MULTILINE)
    for command, count in ((title, 17), (due, 3)):
        listed = json.loads(run(*shlex.split(command)[1:], "--json", cwd=tmp_path).stdout)["findings"]
        assert len(listed) == count
    whole = run("audit", SAMPLES, *PARQUET, "--verbose", cwd=tmp_path).stdout
    assert "Unused or not checked, worst first\n" in whole, "all 17, so that there is nothing to add"
    part = whole.partition("Unused or not checked, worst first\n")[2].partition("\n\n")[0]
    assert len(part.splitlines()) == 1 + 17


@pytest.mark.parametrize("controls", [[], ["--control", "root-hardware-mfa,access-key-rotation,console-mfa"]])
@pytest.mark.parametrize("hidden", [[], ["--pseudonyms", "key"]])
def test_the_command_of_a_cut_list_lists_as_many_with_waivers_and_manual_checks(
    tmp_path: Path, controls: list[str], hidden: list[str]
) -> None:
    waiver = 'expires = 2027-01-31\nreason = "x"\nowner = "y"\n'
    names = {"unused-credentials": "console-4*", "access-key-rotation": "key-4*", "console-mfa": "console-4*"}
    waivers = [f'[waivers.{name}]\ncontrol = "{name}"\nuser = "{users}"\n{waiver}' for name, users in names.items()]
    write(tmp_path / "policy.toml", "\n".join(waivers))
    done = run("audit", SAMPLES, *PARQUET, *controls, *hidden, "--policy", "policy.toml", cwd=tmp_path)
    assert "Waived: not counted for the exit code" in done.stdout, done.stderr
    ((count, command),) = re.findall(r"orst first, \d+ of (\d+) \(all: (.*)\)$", done.stdout, re.MULTILINE)[:1]
    listed = json.loads(run(*shlex.split(command)[1:], "--json", cwd=tmp_path).stdout)
    assert listed["matching"] == len(listed["findings"]) == int(count)
    assert not any(row["waiver"] or row["reason"] == "manual" for row in listed["findings"])
    assert int(count) == (15 if not controls else 25)


def test_a_cut_list_of_critical_findings_names_its_command(untidy: Path, tmp_path: Path) -> None:
    done = run("audit", untidy, "--as-of", "2026-11-24", *PARQUET, cwd=tmp_path)
    title = r"^Critical and high, \d+ of \d+, worst first \(all: (.*)\)$"
    assert re.findall(title, done.stdout, re.MULTILINE) == ["credreport show credreport-out --status open"]
    without = run("audit", untidy, "--as-of", "2026-11-24", *PARQUET, "--tables", "users", cwd=tmp_path).stdout
    assert "credreport show" not in without, "there is no table from which it could list them"


def test_credentials_of_a_control_are_named_together(tmp_path: Path) -> None:
    write(tmp_path / "2026-10-31.csv", csv_of(root(), user("anna", **key(rotated=OLD), **key(2, rotated=OLD))))
    write(tmp_path / "leavers.csv", "user,last_day\nanna,2026-01-31\n")
    done = run("audit", "2026-10-31.csv", *PARQUET, "--leavers", "leavers.csv", cwd=tmp_path)
    assert "anna: leaver-credentials fail (access_key_1, access_key_2)\n" in done.stdout, done.stdout


def test_data_issues_are_counted_with_the_right_number(tmp_path: Path) -> None:
    for number, words in (
        (1, "  1  file passed over: not a credential"),
        (2, "  2  files passed over: not credential"),
    ):
        write(tmp_path / f"in/notes-{number}.txt", "nothing of a report")
        write(tmp_path / "in/2026-10-31.csv", csv_of(root(), user("a")))
        assert words in run("audit", "in", *PARQUET, cwd=tmp_path).stdout
    whole = run("audit", "in", *PARQUET, "--verbose", cwd=tmp_path).stdout
    (line,) = [line for line in whole.splitlines() if "files passed over" in line]
    assert line.count("passed over") == 1
    assert all(code.of(1) == code.title and code.of(2) for code in CODES.values())


def test_an_old_report_is_named_by_its_account(tmp_path: Path) -> None:
    write(tmp_path / "2026-10-31.csv", csv_of(root(), user("a")))
    title = "1  report more than a day older than the reference date: account 111122223333, captured 4 days before\n"
    assert title in run("audit", "2026-10-31.csv", "--as-of", "2026-11-04", *PARQUET, cwd=tmp_path).stdout


def test_a_quiet_run_names_what_was_not_read(tmp_path: Path) -> None:
    write(tmp_path / "in/2026-10-31.csv", csv_of(root(), user("a")) + "\nhalf,a,row")
    write(tmp_path / "in/broken.json", '{"State": "STARTED"}')
    done = run("audit", "in", *PARQUET, "-q", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    start = "note: Exit code 3: 2 inputs not read, first in/2026-10-31.csv:4: 3 fields where the header has 22"
    assert done.stderr.startswith(start)


def test_each_user_is_listed_once_among_critical_and_high_findings(tmp_path: Path) -> None:
    owner = root(access_key_1_active="true", password_last_used="2026-10-30T00:00:00Z", mfa_active="false")
    write(tmp_path / "2026-10-31.csv", csv_of(owner, user("a")))
    screen = run("audit", "2026-10-31.csv", *PARQUET, cwd=tmp_path).stdout
    assert screen.count("<root_account>") == 1
    (line,) = [line for line in screen.splitlines() if "<root_account>" in line]
    assert line.split(": ")[1] == (
        "no-root-access-key fail, root-mfa fail, root-hardware-mfa fail, root-not-in-daily-use fail"
    )


def test_the_short_form_of_a_message_is_its_beginning(tmp_path: Path) -> None:
    write(tmp_path / "2026-10-31.csv", csv_of(root(), user("a")))
    command = ["audit", "2026-10-31.csv", "--as-of", "2026-11-04", *PARQUET]
    run(*command, "-o", "out", cwd=tmp_path)
    (message,) = parquet.read_table(tmp_path / "out/issues.parquet")["message"].to_pylist()
    short = CODES["older_report"].in_short(message)
    assert short == "account 111122223333, captured 4 days before"
    assert message.startswith(f"{short} the reference date: what was used, changed or removed since then is not in")
    assert f": {message}\n" in run(*command, "--verbose", cwd=tmp_path).stdout
    title = "1  report more than a day older than the reference date"
    hidden = run(*command, "--pseudonyms", "key", cwd=tmp_path).stdout
    assert re.search(rf"{title}: account [0-9]{{12}}, captured 4 days before\n", hidden)
    assert not any(code.in_short("of another text") for code in CODES.values())
