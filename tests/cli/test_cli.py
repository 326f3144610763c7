"""The program as a user meets it: answers, exit codes, messages; and its console script in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from analyzer.cli.explain import list_as_json
from analyzer.controls.catalog import BY_ID
from analyzer.controls.checklist import make_checklist
from analyzer.controls.frameworks import FRAMEWORKS
from tests.cli.running import SCRIPT, Ran, run, run_script
from tests.reports import COLUMNS_22, csv_of, key, password, root, user, write

SAMPLES = Path(__file__).resolve().parents[2] / "sample_reports"
STRICTER = ("unused-credentials-console", "mfa-every-user")
OLD, YOUNG = "2026-01-01T00:00:00Z", "2026-10-30T00:00:00Z"
ONLY_UNUSED = ["--control", "unused-credentials"]
PASSING = csv_of(root(), user("a", **key(rotated=YOUNG)))
FAILING = csv_of(root(), user("a", **key(rotated=OLD)), user("b", **password(changed=YOUNG)))


def audit(folder: Path, content: str | bytes, *options: str | Path, name: str = "2026-10-31.csv") -> Ran:
    path = write(folder / "in" / name, content)
    return run("audit", path, "-o", folder / "out", "--format", "parquet", *ONLY_UNUSED, *options, cwd=folder)


@pytest.mark.parametrize(
    ("content", "options", "code"),
    [
        (PASSING, [], 0),
        (FAILING, [], 1),
        (csv_of(root(), user("a", **key(active="", rotated=OLD))), [], 1),
        (FAILING, ["--exit-zero"], 0),
        (PASSING + "\nbroken,row", [], 3),
        (FAILING + "\nbroken,row", ["--exit-zero"], 3),
        (csv_of(root(), user("a", password_last_used="x", **key(rotated=YOUNG))), [], 0),
        (csv_of(root(), user("a", password_last_used="x", **key(rotated=YOUNG))), ["--strict"], 3),
        (FAILING, ["--max-idle-days", "400"], 0),
        (csv_of(root()), [], 0),
    ],
)
def test_exit_codes(tmp_path: Path, content: str, options: list[str], code: int) -> None:
    done = audit(tmp_path, content, *options)
    assert code == done.returncode, done.stderr
    assert (tmp_path / "out/findings.parquet").exists()


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["audit", "nowhere"], "no such file or folder: nowhere", "check the path"),
        (["audit", "undated.csv"], "the capture time of this report is not known: undated.csv", "--as-of 2026-10-31"),
        (["audit", "README"], "no credential report could be read", "aws iam get-credential-report"),
        (["audit", "empty"], "no credential report could be read", "aws iam get-credential-report"),
        (
            ["audit", "2026-10-31.csv", "--as-of", "31.10.2026"],
            "--as-of: not a date or date-time: '31.10.2026'",
            "2026-10-31",
        ),
        (
            ["audit", "2026-10-31.csv", "--format", "exel"],
            "did you mean 'excel'?",
            "choose from parquet, html, excel, charts, pdf, remediation",
        ),
        (["audit", "2026-10-31.csv", "--tables", "users,finding"], "did you mean 'findings'?", "choose from findings"),
        (["audit", "2026-10-31.csv", "--account-id", "1234"], "--account-id: not an AWS account: '1234'", "12 digits"),
        (
            ["audit", "2026-10-31.csv", "--max-idle-days", "0"],
            "Invalid value for '--max-idle-days'",
            "credreport audit --help",
        ),
        (
            ["audit", "2026-10-31.csv", "--benchmark", "cis-5"],
            "--benchmark: no such choice: 'cis-5'; did you mean 'cis-5.0'?",
            "choose from cis-1.2, ",
        ),
        (
            ["audit", "2026-10-31.csv", "--control", "unused-credentials,root-mfaa"],
            "--control: no such choice: 'root-mfaa'; did you mean 'root-mfa'?",
            "choose from unused-credentials, ",
        ),
        (
            ["audit", "2026-10-31.csv", "--benchmark", "cis-7.0", "--control", "single-active-access-key"],
            "single-active-access-key is not part of CIS AWS Foundations Benchmark v7.0",
            "its controls are unused-credentials",
        ),
        (
            ["audit", "2026-10-31.csv", "--policy", "nowhere.toml"],
            "cannot read the policy nowhere.toml",
            "check the path given with --policy",
        ),
        (["controls", "root-mfaa"], "controls: no such choice: 'root-mfaa'; did you mean 'root-mfa'?", "console-mfa"),
        (["audit", "2026-10-31.csv", "--nonsense"], "No such option: --nonsense", "credreport audit --help"),
        (["audit"], "Missing argument", "credreport audit --help"),
        (["audti"], "No such command 'audti'", "credreport --help"),
        (["audit", "2026-10-31.csv", "-o", "README"], "not a folder: README", "-o"),
        (
            ["audit", "2026-10-31.csv", "-o", "."],
            "the output folder . is or contains the current folder",
            "choose another folder with -o",
        ),
        (["audit", "2026-10-31.csv", "-o", "README/x"], "cannot write README/x", "-o"),
        (["inspect", "README"], "no credential report could be read", "aws iam get-credential-report"),
    ],
)
def test_errors_say_what_where_and_what_to_do(tmp_path: Path, arguments: list[str], message: str, hint: str) -> None:
    write(tmp_path / "2026-10-31.csv", PASSING)
    write(tmp_path / "undated.csv", PASSING)
    write(tmp_path / "README", "hello")
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert hint in done.stderr.partition("\nhint: ")[2]
    assert before == sorted(tmp_path.rglob("*"))


def test_the_answer_on_the_terminal(tmp_path: Path) -> None:
    done = audit(tmp_path, FAILING + "\nbroken,row")
    assert (
        "1 of 2 active passwords and access keys of IAM users unused for 45 days or more; 0 not checked; 1 pass."
        in done.stdout
    )
    assert "never used; created 2026-01-01, 303 days" in done.stdout
    assert "row not read" in done.stdout
    assert "2026-10-31.csv:5" in done.stdout
    assert f"{tmp_path}/out/" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_quiet_and_json(tmp_path: Path) -> None:
    assert (audit(tmp_path, FAILING, "--quiet").stdout, audit(tmp_path, FAILING, "-q").stderr) == ("", "")
    done = audit(tmp_path, FAILING, "--json")
    summary = json.loads(done.stdout)
    assert done.stderr == ""
    assert (summary["judged"], summary["fail"], summary["pass"], summary["exit_code"]) == (2, 1, 1, 1)
    assert summary["by_kind"]["password"]["pass"] == 1
    assert summary["as_of"] == ["2026-10-31T23:59:59.999999Z"]


def test_standard_input_and_the_reference_instant(tmp_path: Path) -> None:
    options = ["-o", str(tmp_path / "out"), "--format", "parquet", "--json", *ONLY_UNUSED]
    done = run("audit", "-", "--as-of", "2026-11-24", *options, stdin=FAILING.encode())
    assert json.loads(done.stdout)["as_of"] == ["2026-11-24T23:59:59.999999Z"]
    assert parquet.read_table(tmp_path / "out/findings.parquet")["source"].to_pylist() == ["-", "-"]
    now = run("audit", "-", "--as-of", "now", *options, stdin=FAILING.encode())
    assert now.returncode == 1


def test_python_dash_m_is_the_same_program(tmp_path: Path) -> None:
    write(tmp_path / "2026-10-31.csv", FAILING)
    outputs = []
    for command in ([SCRIPT], [sys.executable, "-m", "analyzer"]):
        arguments = ["audit", "2026-10-31.csv", "-o", "out", "--format", "parquet"]
        outputs.append(subprocess.run([*command, *arguments], cwd=tmp_path, capture_output=True, check=False).stdout)
    assert outputs[0] == outputs[1]
    assert run_script("--version").stdout.startswith("credreport 0.")


@pytest.mark.parametrize("command", [[], ["audit"], ["inspect"], ["controls"]])
def test_help_is_worth_reading(command: list[str]) -> None:
    done = run(*command, "--help")
    assert done.returncode == 0
    assert "Exit" in done.stdout or command in (["audit"], ["controls"])
    assert "Examples:" in done.stdout or not command
    for option in {
        "audit": [
            "--as-of",
            "--max-idle-days",
            "--benchmark",
            "--control",
            "--policy",
            "--strict",
            "--exit-zero",
            "--format",
            "--tables",
        ]
    }.get("".join(command), []):
        assert option in done.stdout


@pytest.mark.parametrize("options", ["", "--json"])
def test_a_reader_that_closes_the_pipe_early_is_no_error(tmp_path: Path, options: str) -> None:
    write(tmp_path / "2026-10-31.csv", PASSING)
    command = f"{SCRIPT} audit 2026-10-31.csv --format parquet {' '.join(ONLY_UNUSED)} {options}"
    script = f"{command} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-", "--json >/dev/full", "2>&-"])
def test_the_exit_code_does_not_depend_on_the_output_stream(tmp_path: Path, redirection: str) -> None:
    write(tmp_path / "2026-10-31.csv", FAILING)
    script = f"{SCRIPT} audit 2026-10-31.csv -o out --format parquet {redirection}"
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    assert (tmp_path / "out/findings.parquet").exists()


@pytest.mark.parametrize("arguments", ["controls", "--help", "manual glossary"])
def test_a_full_disk_behind_standard_output_is_no_bug_of_the_program(arguments: str) -> None:
    script = f"{SCRIPT} {arguments} > /dev/full"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "error: cannot read or write: [Errno 28] No space left on device"


def test_a_terminated_run_tidies_up(tmp_path: Path) -> None:
    write(tmp_path / "2026-10-31.csv", FAILING)
    process = subprocess.Popen([SCRIPT, "audit", "2026-10-31.csv", "-o", "out"], cwd=tmp_path, stderr=subprocess.PIPE)
    while process.poll() is None and not list(tmp_path.glob(".out.*")):
        time.sleep(0.005)
    process.terminate()
    _, errors = process.communicate()
    assert process.returncode == 1 or (process.returncode, errors.split(b"\n")[0]) == (2, b"error: interrupted")
    assert not list(tmp_path.glob(".out.*"))


def test_a_narrow_terminal_loses_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "2026-10-31.csv", FAILING)
    done = run("audit", path, "-o", tmp_path / "out", "--format", "parquet", COLUMNS="40")
    assert "111122223333 a access_key_1" in done.stdout
    assert "access_key_1: never used; created 2026-01-01, 303 days" in done.stdout
    done = run("audit", path, "-o", tmp_path / "out", "--format", "parquet", "--verbose", COLUMNS="40")
    assert "fail: never used; created 2026-01-01, 303 days" in done.stdout


def test_a_terminal_without_utf8_is_no_error(tmp_path: Path) -> None:
    path = write(tmp_path / "2026-10-31.csv", csv_of(root(), user("caf\u00e9", **key(rotated=OLD))))
    done = run_script("audit", path, "-o", tmp_path / "out", "--format", "parquet", PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert "caf?" in done.stdout
    assert run_script("inspect", path, PYTHONIOENCODING="ascii").returncode == 0


def test_shell_completion(tmp_path: Path) -> None:
    shown = run_script(
        "--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1", HOME=str(tmp_path)
    )
    assert "_CREDREPORT_COMPLETE" in shown.stdout
    words = run_script(
        _CREDREPORT_COMPLETE="complete_bash", COMP_WORDS="credreport au", COMP_CWORD="1", HOME=str(tmp_path)
    )
    assert words.stdout.strip() == "audit"


def test_a_run_without_arguments_prints_the_help() -> None:
    done = run()
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout == run("--help").stdout


def test_a_benchmark_gives_controls_numbers_and_limits(tmp_path: Path) -> None:
    path = write(tmp_path / "2026-10-31.csv", csv_of(root(), user("a", **key(rotated="2026-08-31T00:00:00Z"))))
    done = run("audit", path, "--benchmark", "security-hub", "--format", "parquet", cwd=tmp_path)
    assert "AWS Security Hub controls for IAM" in done.stdout
    table = parquet.read_table(tmp_path / "credreport-out/findings.parquet").to_pandas()
    unused = table[table["control"] == "unused-credentials"]
    assert unused[["requirement", "limit_days", "status"]].to_numpy().tolist() == [
        ["IAM.22", 45, "fail"],
        ["IAM.8", 90, "pass"],
    ]
    assert set(table["requirement"]) == {f"IAM.{n}" for n in (3, 4, 6, 7, 8, 9, 19, 22)}  # no password: no IAM.5
    run("audit", path, "--format", "parquet", cwd=tmp_path)
    newest = parquet.read_table(tmp_path / "credreport-out/findings.parquet").to_pandas()
    assert dict(zip(newest["control"], newest["requirement"], strict=True))["access-key-rotation"] == "2.12"
    narrowed = run("audit", path, "--control", "root-mfa,access-key-rotation", "--json", cwd=tmp_path)
    assert [row["control"] for row in json.loads(narrowed.stdout)["by_control"]] == ["access-key-rotation", "root-mfa"]


def test_the_summary_as_json_counts_every_control_and_account(tmp_path: Path) -> None:
    path = write(tmp_path / "2026-10-31.csv", csv_of(root(), user("a", **key(rotated=OLD)), user("b")))
    summary = json.loads(run("audit", path, "--json", "--format", "parquet", "--all-controls", cwd=tmp_path).stdout)
    for name in ("pass", "fail", "not_checked", "not_applicable", "waived", "open", "judged"):
        counting = [row for row in summary["by_control"] if row["control"] not in STRICTER]
        assert summary[name] == sum(row[name] for row in counting), name
    assert summary["requirements_of"] == "cis-7.0"
    assert summary["policy"] is None
    assert summary["by_account"]["111122223333"]["failing"] == [
        {"control": control, "requirement": requirement, "fail": fail}
        for control, requirement, fail in (
            ("unused-credentials", "2.11", 1),
            ("unused-credentials-console", None, 1),
            ("access-key-rotation", "2.12", 1),
            ("mfa-every-user", None, 2),
            ("root-mfa", "2.5", 1),
            ("root-hardware-mfa", "2.6", 1),
            ("root-credentials-removed", "2.1.1", 1),
        )
    ]
    hub = json.loads(
        run("audit", path, "--json", "--format", "parquet", "--benchmark", "security-hub", cwd=tmp_path).stdout
    )
    failing = hub["by_account"]["111122223333"]["failing"]
    assert [row["requirement"] for row in failing][:2] == ["IAM.22", "IAM.8"]
    # IAM.8 asks for the same as IAM.22, with another limit, and IAM.19 for more than IAM.5.
    assert sum(row["fail"] for row in failing if row["requirement"] not in {"IAM.8", "IAM.19"}) == hub["fail"]


def test_options_without_a_value_are_errors(tmp_path: Path) -> None:
    path = write(tmp_path / "2026-10-31.csv", PASSING)
    for options, message in (
        (["--control", ""], "--control: nothing chosen"),
        (["--control", ","], "--control: nothing chosen"),
        (["--benchmark", ""], "--benchmark: nothing chosen"),
        (
            ["--control", "root-mfa", "--max-idle-days", "30"],
            "--max-idle-days: no chosen control has this limit",
        ),
    ):
        done = run("audit", path, *options, cwd=tmp_path)
        assert (done.returncode, done.stderr.partition("\n")[0]) == (2, f"error: {message}")


@pytest.mark.parametrize("columns", ["60", "80", "200"])
def test_every_control_and_number_fits_the_terminal(tmp_path: Path, columns: str) -> None:
    done = run(
        "audit",
        *(SAMPLES, "--as-of", "2026-10-31", "-o", tmp_path / "out", "--format", "parquet"),
        *("--all-controls", "--verbose"),
        COLUMNS=columns,
    )
    assert "\u2026" not in done.stdout, "nothing is cut"
    for control in judged_without_lists():
        assert control in done.stdout
    assert "99988887777" in done.stdout
    assert "3 manual checks: root-hardware-mfa in 3 accounts" in done.stdout


def test_undecided_critical_controls_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "2026-10-31.csv", csv_of(user("a", **key(rotated=YOUNG))))
    done = run("audit", path, "--format", "parquet", cwd=tmp_path)
    assert "111122223333 -: no-root-access-key not checked, root-mfa not checked" in done.stdout
    done = run("audit", path, "--format", "parquet", "--verbose", cwd=tmp_path)
    assert "root-mfa not checked: the report has no row for root" in done.stdout


def test_controls(tmp_path: Path) -> None:
    listed = run("controls", cwd=tmp_path)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "unused-credentials" in listed.stdout
    assert "List the 43 frameworks for --benchmark" in listed.stdout
    assert "cis-1.2" in run("controls", "--benchmarks").stdout
    refused = run("controls", "--benchmarks", "root-mfa")
    assert (refused.returncode, "--benchmarks works only alone" in refused.stderr) == (2, True)
    explained = run("controls", "root-hardware-mfa", COLUMNS="80")
    assert "never passes" in " ".join(explained.stdout.split())
    assert max(map(len, explained.stdout.splitlines())) <= 100, "only an address may be longer than the terminal"
    arguments = ("controls", "unused-credentials", "--benchmark", "cis-1.3", "--json")
    assert json.loads(run(*arguments).stdout)[0]["parameters"] == {"max_idle_days": 90}
    assert [control["id"] for control in json.loads(run("controls", "--json").stdout)] == list(BY_ID)


def judged_without_lists() -> list[str]:
    """Return the controls that --all-controls judges."""
    return [control.id for control in BY_ID.values() if not control.needs]


FRAMEWORK = """
id = "ours"
title = "Our baseline"
version = "2"
publisher = "Example"
note = "Only a draft."
[[requirements]]
number = "Z.1"
title = "Nothing lies idle"
controls = ["unused-credentials", "access-key-rotation", "root-mfa"]
parameters = { max_idle_days = 10 }
level = 1
assessment = "automated"
partly = true
note = "Keys are replaced too."
source = "board"
[[requirements]]
number = "Z.2"
title = "Root has MFA"
controls = ["root-mfa"]
related = true
source = "board"
"""


def test_several_frameworks_as_json_are_a_list() -> None:
    cis, soc2 = json.loads(run("controls", "--benchmark", "cis-7.0,soc2", "--json").stdout)
    assert (cis["id"], soc2["id"]) == ("cis-7.0", "soc2")
    assert soc2["requirements"][0]["number"] == "CC6.1"
    screen = run("controls", "--benchmark", "cis-7.0,soc2").stdout
    assert screen.index("requirements of CIS 7.0.") < screen.index("SOC 2") < screen.index("requirements of SOC 2.")


def test_a_framework_as_json_lists_its_requirements(tmp_path: Path) -> None:
    write(tmp_path / "ours.toml", FRAMEWORK)
    framework = json.loads(run("controls", "--benchmark", "ours.toml", "--json", cwd=tmp_path).stdout)
    first, second = framework.pop("requirements")
    assert framework == {
        "id": "ours",
        "title": "Our baseline",
        "version": "2",
        "publisher": "Example",
        "note": "Only a draft.",
    }
    assert first == {
        "number": "Z.1",
        "title": "Nothing lies idle",
        "controls": [
            {"control": "unused-credentials", "parameters": {"max_idle_days": 10}},
            {"control": "access-key-rotation", "parameters": {}},
            {"control": "root-mfa", "parameters": {}},
        ],
        "level": 1,
        "assessment": "automated",
        "partly": True,
        "related": False,
        "note": "Keys are replaced too.",
        "source": "board",
    }
    assert second["controls"] == [{"control": "root-mfa", "parameters": {}}]
    assert (second["level"], second["assessment"], second["partly"]) == (None, None, False)
    assert (second["related"], second["note"]) == (True, "")


@pytest.mark.parametrize("name", list(FRAMEWORKS))
def test_every_framework_as_json_is_the_framework(name: str) -> None:
    framework, document = FRAMEWORKS[name], json.loads(list_as_json(make_checklist(benchmark=name)))
    entries = document["requirements"]
    assert [entry["number"] for entry in entries] == [requirement.number for requirement in framework.requirements]
    for entry, requirement in zip(entries, framework.requirements, strict=True):
        assert [row["control"] for row in entry["controls"]] == list(requirement.controls)
        assert {n: v for row in entry["controls"] for n, v in row["parameters"].items()} == dict(requirement.parameters)


def test_inspect(tmp_path: Path) -> None:
    write(tmp_path / "2026-10-31/credentialReport_111122223333.csv", PASSING + "\nbroken,row")
    done = run("inspect", "2026-10-31", cwd=tmp_path)
    assert done.returncode == 3
    assert "1 report, 3 rows" in done.stdout
    for fact in (
        "22 columns",
        "111122223333",
        "3 rows (1 rejected)",
        "2026-10-31 (folder name)",
        "2026-10-30T00:00:00Z",
        "row not read",
    ):
        assert fact in done.stdout
    facts = json.loads(run("inspect", "2026-10-31", "--json", cwd=tmp_path).stdout)
    assert facts["inputs"][0]["captured_at"] == "2026-10-31T23:59:59.999999Z"
    assert facts["issues"][0]["code"] == "rejected_row"


def test_every_option_of_reading_in_one_run(tmp_path: Path) -> None:
    no_arn = tuple(column for column in COLUMNS_22 if column != "arn")
    done = audit(
        tmp_path,
        csv_of(root(), user("a", **key(rotated=OLD)), columns=no_arn),
        "--account-id",
        "123456789012",
        "--tables",
        "findings",
    )
    assert done.returncode == 1
    file_names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert file_names == ["findings.parquet", "manifest.json", "tallies.parquet"]
    assert parquet.read_table(tmp_path / "out/findings.parquet")["account_id"].to_pylist() == ["123456789012"]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_equal_bytes_in_another_zone_locale_folder_and_hash_seed(tmp_path: Path) -> None:
    outputs = []
    for name, zone, locale, seed in (("a", "UTC", "C", "0"), ("b/c", "America/St_Johns", "C.UTF-8", "4711")):
        here = tmp_path / name
        shutil.copytree(SAMPLES, here / "sample_reports")
        done = run_script(
            "audit", "sample_reports", "-q", cwd=here, TZ=zone, LC_ALL=locale, PYTHONHASHSEED=seed, LANG=locale
        )
        assert done.returncode == 1, done.stderr
        outputs.append(snapshot(here / "credreport-out"))
    assert outputs[0].keys() == outputs[1].keys()
    for name in outputs[0]:
        assert outputs[0][name] == outputs[1][name], name
    tables = ("findings", "credentials", "users", "issues", "tallies", "trend")
    expected = {*(f"{name}.parquet" for name in tables), "manifest.json", "workbook.xlsx", "rendered.json"}
    assert expected < outputs[0].keys()
    assert len(outputs[0]) == 15


def test_equal_bytes_whatever_the_order_of_arguments(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES, tmp_path / "sample_reports")
    parts = sorted(
        f"sample_reports/{path.name}" for path in SAMPLES.iterdir() if path.is_dir() and any(path.rglob("*.[cj]s*"))
    )
    outputs = []
    for order in (parts, parts[::-1]):
        run("audit", *order, "-q", cwd=tmp_path)
        outputs.append(snapshot(tmp_path / "credreport-out"))
    assert outputs[0] == outputs[1]


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare (util-linux)")
def test_no_network_is_needed(tmp_path: Path) -> None:
    probe = subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False)
    if probe.returncode and os.environ.get("CI"):
        pytest.fail("this machine does not allow network namespaces")
    if probe.returncode:
        pytest.skip("this machine does not allow network namespaces")
    # An empty home as well: nothing may be fetched on first use either.
    environment = {**os.environ, "HOME": str(tmp_path), "MPLCONFIGDIR": str(tmp_path / "mpl"), "MPLBACKEND": "none"}
    command = ["unshare", "-rn", SCRIPT, "audit", SAMPLES, "-o", tmp_path / "out"]
    done = subprocess.run([*map(str, command)], capture_output=True, check=False, env=environment)
    assert done.returncode == 1, done.stderr
    assert done.stderr == b""
    assert (tmp_path / "out/workbook.xlsx").exists()


POOL = """
import atexit, sys

@atexit.register
def show():
    import pyarrow
    print(pyarrow.default_memory_pool().backend_name)

from analyzer.cli.main import main
sys.argv = ["credreport", "--version"]
main()
"""


@pytest.mark.parametrize(("chosen", "used"), [(None, "jemalloc"), ("system", "system")])
def test_memory_is_returned_to_the_system_unless_another_pool_is_chosen(chosen: str | None, used: str) -> None:
    if sys.platform != "linux" or "jemalloc" not in pa.supported_memory_backends():
        pytest.skip("no jemalloc here")
    variables = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    environment = variables if chosen is None else {**variables, "ARROW_DEFAULT_MEMORY_POOL": chosen}
    done = subprocess.run(
        [sys.executable, "-c", POOL], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == used


PERFECT = csv_of(
    root(mfa_active="true", password_last_used="2026-01-01T00:00:00Z"),
    user("a", mfa_active="true", **password(used=YOUNG, changed=YOUNG)),
)
MEMBER = csv_of(root(password_enabled="false", mfa_active="false"))
"""A member account of an organisation whose root credentials were removed."""


@pytest.mark.parametrize("report", [PERFECT, MEMBER])
def test_an_account_in_order_exits_0(tmp_path: Path, report: str) -> None:
    done = run("audit", write(tmp_path / "2026-10-31.csv", report), "-o", tmp_path / "out", "--format", "parquet")
    assert done.returncode == 0, done.stdout


def test_manual_checks_are_counted_and_fail_a_strict_run(tmp_path: Path) -> None:
    path = write(tmp_path / "2026-10-31.csv", PERFECT)
    done = run("audit", path, "-o", tmp_path / "out", "--format", "parquet")
    assert "1 manual check: root-hardware-mfa in 1 account" in done.stdout
    assert run("audit", path, "-o", tmp_path / "out", "--format", "parquet", "--strict").returncode == 1
    facts = json.loads(run("audit", path, "-o", tmp_path / "out", "--format", "parquet", "--json").stdout)
    assert facts["manual"] == facts["not_checked"] == 1
    assert {row["control"]: row["manual"] for row in facts["by_control"] if row["manual"]} == {"root-hardware-mfa": 1}


@pytest.mark.parametrize(
    ("cells", "least", "code"),
    [
        (password(used=OLD, changed=OLD), "medium", 1),  # unused-credentials is a medium one
        (password(used=OLD, changed=OLD), "high", 0),
        (password(used=YOUNG, changed=OLD), "low", 1),  # password-rotation is a low one
        (password(used=YOUNG, changed=OLD), "medium", 0),
        (password(used="", changed=OLD), "medium", 1),  # undecided
        (password(used="", changed=OLD), "high", 0),
    ],
)
def test_fail_on_sets_the_lowest_severity_that_counts(
    tmp_path: Path, cells: dict[str, str], least: str, code: int
) -> None:
    report = csv_of(root(mfa_active="true"), user("a", mfa_active="true", **cells))
    path = write(tmp_path / "2026-10-31.csv", report)
    done = run("audit", path, "-o", tmp_path / "out", "--format", "parquet", "--fail-on", least)
    assert done.returncode == code, done.stdout


@pytest.mark.parametrize("command", ["audit", "history"])
def test_the_reason_of_the_exit_code_names_the_severity_that_counts(tmp_path: Path, command: str) -> None:
    report = csv_of(root(mfa_active="true"), user("a", mfa_active="true", **password(used=OLD, changed=OLD)))
    path = write(tmp_path / "2026-10-31.csv", report)
    done = run(command, path, "-o", tmp_path / "out", "--format", "parquet", "--fail-on", "medium")
    assert (
        "\nExit code 1: 1 control of severity medium or higher fails (unused-credentials is medium).\n" in done.stdout
    )


def test_an_unknown_severity_is_an_error_with_the_known_ones(tmp_path: Path) -> None:
    done = run("audit", write(tmp_path / "2026-10-31.csv", PERFECT), "--fail-on", "grave", cwd=tmp_path)
    assert done.returncode == 2
    assert "critical, high, medium, low" in done.stderr


def test_a_policy_decides_about_mfa_of_root_without_a_password(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[controls.root-mfa]\nwithout_password = "fail"\n')
    path = write(tmp_path / "2026-10-31.csv", MEMBER)
    arguments: list[str | Path] = ["audit", path, "-o", tmp_path / "out", "--format", "parquet", "--policy", policy]
    assert run(*arguments).returncode == 1
    policy.write_text('[controls.root-mfa]\nwithout_password = "maybe"\n')
    done = run(*arguments)
    assert done.returncode == 2
    assert "policy.toml:2: controls.root-mfa.without_password: cannot be" in done.stderr
    assert '"pass" or "fail"' in done.stderr
