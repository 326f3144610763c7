"""`show` lists findings with source and line, and `--json` of audit those that fail: no more and no less."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from unittest import mock

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from analyzer import pipeline
from analyzer.controls.checklist import make_checklist
from analyzer.evidence import opened
from tests.audits import AS_OF
from tests.cli.running import run
from tests.cli.terminal import run_on_terminal
from tests.reports import csv_of, key, password, root, user, write
from tests.running import Settings, audit_in_batches

SAMPLES = Path(__file__).resolve().parents[2] / "sample_reports"
OLD = "2026-01-01T00:00:00Z"
PARQUET = ["--format", "parquet"]


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the evidence of the samples, written in many row groups."""
    folder = tmp_path_factory.mktemp("evidence") / "out"
    audit_in_batches([str(SAMPLES)], Settings(make_checklist(), AS_OF), folder)
    assert parquet.ParquetFile(folder / "findings.parquet").metadata.num_row_groups > 1
    return folder


class Findings(list[dict[str, Any]]):
    """Findings that are not printed whole where a test fails."""

    def __repr__(self) -> str:
        return f"{len(self)} findings"


@pytest.fixture(scope="module")
def findings(evidence: Path) -> Findings:
    return Findings(parquet.read_table(evidence / "findings.parquet").to_pylist())


def places(rows: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    return [tuple(row[name] for name in ("source", "line", "control", "credential", "status")) for row in rows]


def listed(evidence: Path, *options: str) -> list[dict[str, Any]]:
    done = run("show", evidence, *options, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return list(json.loads(done.stdout)["findings"])


# --- what is listed ---------------------------------------------------------------------------------------------------


USERS = ["*", "BILLING-export", "key-4?-days", "*a*", "<root_account>", "-rf", "=1+1", "na"]
ACCOUNTS = ["111122223333", "999988887777", "777788889999", "1234-5678-9012"]
CONTROLS = ["unused-credentials", "2.11", "2.4", "root-mfa", "password-rotation"]
STATUSES = ["fail", "pass", "not_checked", "not_applicable", "manual"]


def status_to_choose(row: dict[str, Any]) -> object:
    return "manual" if row["reason"] == "manual" else row["status"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(USERS), max_size=2),
    st.lists(st.sampled_from(ACCOUNTS), max_size=2),
    st.lists(st.sampled_from(CONTROLS), max_size=2),
    st.lists(st.sampled_from(STATUSES), max_size=2),
    st.sampled_from([None, 20, 60]),
    st.sampled_from([1, 3, 1000]),
    st.sampled_from([7, 100_000]),
)
def test_exactly_the_matching_findings_are_listed(
    evidence: Path,
    findings: Findings,
    users: list[str],
    accounts: list[str],
    controls: list[str],
    statuses: list[str],
    days: int | None,
    most: int,
    batch: int,
) -> None:
    expected = [
        row
        for row in findings
        if (not users or (row["user"] and any(fnmatchcase(row["user"].lower(), pattern.lower()) for pattern in users)))
        and (not accounts or row["account_id"] in [account.replace("-", "") for account in accounts])
        and (not controls or row["control"] in controls or row["requirement"] in controls)
        and (not statuses or status_to_choose(row) in statuses)
        and (days is None or (row["fails_at"] and row["fails_at"] <= row["as_of"] + timedelta(days=days)))
    ]
    shown = pipeline.show(str(evidence), pipeline.SelectedNames(users, accounts, controls, statuses, days), most=most)
    assert (shown.total, shown.count) == (len(findings), len(expected))
    with mock.patch.object(opened, "_BATCH", batch):
        assert places([json.loads(text) for text in shown.as_json()]) == places(expected)
    worst = places(shown.worst.to_pylist())
    assert len(worst) == min(most, len(expected))
    assert set(worst) <= set(places(expected))
    order = [row["status"] for row in shown.worst.to_pylist()]
    assert order == sorted(order, key=["fail", "not_checked", "not_applicable", "pass"].index)
    if days is not None:
        soonest = [row["fails_at"] for row in shown.worst.to_pylist()]
        assert soonest == sorted(row["fails_at"] for row in expected)[:most]


def test_every_row_of_json_equals_a_row_of_the_table(evidence: Path, findings: list[dict[str, Any]]) -> None:
    for row, listed_row in zip(findings, listed(evidence), strict=True):
        assert list(row) == list(listed_row)
        for name, value in row.items():
            if name in {"as_of", "basis_time", "captured_at", "fails_at"} and value is not None:
                assert value.isoformat().replace("+00:00", "Z") == listed_row[name]
            else:
                assert value == listed_row[name]


def test_options_are_repeated_or_separated_by_commas(evidence: Path) -> None:
    rows = listed(evidence, "--control", "root-mfa,2.4", "--status", "pass", "--status", "Fail")
    assert {row["control"] for row in rows} == {"root-mfa", "no-root-access-key"}
    assert {row["status"] for row in rows} == {"pass", "fail"}
    assert rows == listed(evidence, "--control", "root-mfa", "--control", "NO-root-access-key", "--status", "fail,pass")
    assert len(listed(evidence, "--status", "not checked")) == len(listed(evidence, "--status", "not-checked")) > 0
    assert len(listed(evidence, "--limit", "3")) == 3


def test_a_user_without_a_finding_is_not_unknown(tmp_path: Path) -> None:
    path = write(tmp_path / "2026-10-31.csv", csv_of(root(), user("idle,one"), user("b", **key(rotated=OLD))))
    run("audit", path, *PARQUET, "--control", "2.11", cwd=tmp_path)
    done = run("show", "credreport-out", "--user", "IDLE,one", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "0 of 1 check (user idle,one)\n")


def test_a_waiver_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "2026-10-31.csv", csv_of(root(), user("b", **key(rotated=OLD))))
    waiver = 'user = "b"\nexpires = 2027-01-31\nreason = "x"\nowner = "y"\n'
    write(tmp_path / "credreport.toml", f"[waivers.sealed]\n{waiver}")
    summary = json.loads(run("audit", path, *PARQUET, "--control", "2.11", "--json", cwd=tmp_path).stdout)
    assert [(row["status"], row["waiver"]) for row in summary["findings"]] == [("fail", "sealed")]
    assert "303 days (waived: sealed)\n" in run("show", "credreport-out", cwd=tmp_path).stdout


def test_numbers_are_those_of_the_judged_benchmark(tmp_path: Path) -> None:
    path = write(tmp_path / "2026-10-31.csv", csv_of(root(), user("b", **key(rotated="2026-09-01T00:00:00Z"))))
    run("audit", path, *PARQUET, "--benchmark", "security-hub", cwd=tmp_path)
    (finding,) = listed(tmp_path / "credreport-out", "--control", "iam.8")
    assert (finding["requirement"], finding["status"]) == ("IAM.8", "pass")
    assert len(listed(tmp_path / "credreport-out", "--control", "unused-credentials")) == 2


# --- names that the set does not have ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (
            ["--control", "root-mfaa"],
            "no such choice: 'root-mfaa'; did you mean 'root-mfa'?",
            "the evidence set has unused-credentials (2.11), ",
        ),
        (["--control", "1.12"], "no control has the number 1.12 in CIS 7.0", "unused-credentials (2.11), "),
        (["--control", ","], "--control: nothing chosen", "leave out the option"),
        (["--status", "failed"], "--status: no such choice: 'failed'; did you mean 'fail'?", "not_checked"),
        (["--account", "111122223334"], "--account: not in this evidence set: '111122223334'", " accounts: 1111"),
        (["--user", "billing-exprot"], "'billing-exprot'; did you mean 'billing-export'?", "users, such as "),
        (["--user", "nobody*"], "--user: no such user in this evidence set: 'nobody*'", "* matches any characters"),
        (["--limit", "0"], "Invalid value for '--limit'", "credreport show --help"),
    ],
)
def test_an_unknown_name_is_an_error_that_lists_names(
    evidence: Path, options: list[str], message: str, hint: str
) -> None:
    done = run("show", evidence, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert hint in done.stderr.partition("\nhint: ")[2]


def test_a_control_that_was_not_judged_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "2026-10-31.csv", csv_of(root(), user("b", **key(rotated=OLD))))
    run("audit", path, *PARQUET, "--control", "2.11", cwd=tmp_path)
    for name in ("root-mfa", "2.5"):
        done = run("show", "credreport-out", "--control", name, cwd=tmp_path)
        assert done.returncode == 2
        assert (
            "--control: root-mfa was not judged in this evidence set\nhint: the evidence set has unused-creden"
            in done.stderr
        )


def test_sets_without_findings_are_errors(tmp_path: Path) -> None:
    for day in ("2026-09-30", "2026-10-31"):
        write(tmp_path / f"{day}.csv", csv_of(root(), user("b", **key(rotated=OLD))))
    run("compare", "2026-09-30.csv", "2026-10-31.csv", *PARQUET, cwd=tmp_path)
    run("audit", "2026-10-31.csv", *PARQUET, "--tables", "users", cwd=tmp_path)
    run("audit", "2026-10-31.csv", *PARQUET, "-o", "changed", cwd=tmp_path)
    table = tmp_path / "changed/findings.parquet"
    table.write_bytes(table.read_bytes() + b"x")
    for folder, message in (
        ("credreport-compare", "is the evidence of a comparison, not of an audit"),
        ("credreport-out", "was written without the table findings (option --tables)"),
        ("changed", "changed since it was written: findings.parquet in changed"),
        ("nowhere", "no evidence set: nowhere has no manifest.json of credreport"),
        ("memory://nowhere", "no evidence set: memory://nowhere has no manifest.json of credreport"),
    ):
        done = run("show", folder, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr


@pytest.fixture
def url(evidence: Path) -> Iterator[str]:
    memory = fsspec.filesystem("memory")
    memory.put(str(evidence), "/shown", recursive=True)
    yield "memory://shown"
    memory.rm("/shown", recursive=True)


def test_a_set_at_a_url_is_shown(evidence: Path, url: str) -> None:
    options = ["--user", "billing-export", "--account", "111122223333"]
    assert run("show", url, *options).stdout == run("show", evidence, *options).stdout
    assert listed(evidence, *options) == json.loads(run("show", url, *options, "--json").stdout)["findings"]


# --- the screen -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal_and_no_word_is_torn(
    tmp_path: Path, findings: list[dict[str, Any]], columns: int
) -> None:
    run("audit", "sample_reports", "--as-of", "2026-10-31", *PARQUET, "-o", tmp_path / "out", cwd=SAMPLES.parent)
    code, shown, _ = run_on_terminal("show", "out", "--limit", "1000", cwd=tmp_path, columns=columns)
    assert code == 0
    lines = shown.replace("\r\n", "\n").splitlines()
    # Only a path, which has no blanks, may be longer.
    assert all(len(line) <= columns or line.strip().startswith("sample_reports/") for line in lines)
    words = {*shown.split(), *re.sub("[,;]", " ", shown).split()}
    for row in findings:
        location = row["source"].removeprefix(f"{SAMPLES.parent}/") + (f":{row['line']}" if row["line"] else "")
        assert {row["control"], row["account_id"], location, *row["message"].split()} <= words
    assert lines[0] == f"{len(findings)} checks, worst first"


def test_findings_that_are_not_listed_are_counted(evidence: Path, findings: Findings) -> None:
    failing = [row["status"] for row in findings].count("fail")
    done = run("show", evidence, "--status", "fail", "--limit", "2", COLUMNS="120")
    assert done.stdout.startswith(f"{failing} of {len(findings)} checks (fail); the worst 2 are listed\n")
    assert f"\n2 of {failing} checks listed. Narrow the list with --user, " in done.stdout


def test_manual_checks_are_listed_by_their_own_word(evidence: Path, findings: Findings) -> None:
    manual = [row for row in findings if row["reason"] == "manual"]
    assert listed(evidence, "--status", "manual") == listed(evidence, "--status", "manual check")
    assert places(listed(evidence, "--status", "manual")) == places(manual) != []
    not_checked = listed(evidence, "--status", "not_checked")
    assert not_checked
    assert not any(row["reason"] == "manual" for row in not_checked)
    shown = run("show", evidence, "--status", "manual", COLUMNS="120").stdout
    assert shown.startswith(f"{len(manual)} of {len(findings)} checks (manual check), worst first\n")
    assert shown.count("\n  manual check  critical ") == len(manual)
    assert "not checked" not in run("show", evidence, "--control", "root-hardware-mfa").stdout


def test_waived_checks_are_listed_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "2026-10-31.csv", csv_of(root(), *(user(name, **key(rotated=OLD)) for name in "bc")))
    write(
        tmp_path / "credreport.toml",
        '[waivers.sealed]\nuser = "b"\nexpires = 2027-01-31\nreason = "x"\nowner = "y"\n',
    )
    run("audit", path, *PARQUET, "--control", "2.11", cwd=tmp_path)
    shown = run("show", "credreport-out", "--waived", cwd=tmp_path).stdout
    assert shown.startswith("1 of 2 checks (waived)\n")
    assert "(waived: sealed)" in shown
    assert [row["user"] for row in listed(tmp_path / "credreport-out", "--waived")] == ["b"]
    assert listed(tmp_path / "credreport-out", "--waived", "--status", "pass") == []
    refused = run("show", "credreport-out", "--status", "waived", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "use --waived to list the waived checks" in refused.stderr


def test_root_without_a_password_has_no_device_and_needs_none(tmp_path: Path) -> None:
    path = write(tmp_path / "2026-10-31.csv", csv_of(root(password_enabled="false", mfa_active="false")))
    run("audit", path, *PARQUET, "--control", "root-mfa", cwd=tmp_path)
    (row,) = listed(tmp_path / "credreport-out")
    assert row["message"].startswith("no MFA device is shown, but root has no password, so nobody can sign in with one")


def test_a_user_is_listed_once_with_all_findings(evidence: Path) -> None:
    done = run("show", evidence, "--user", "Billing-Export", COLUMNS="120")
    assert done.stdout.count("111122223333  billing-export  ") == 1
    assert re.search(r"fail +medium +unused-credentials +2\.11 +access_key_1 +never used; created 2022", done.stdout)


# --- what JSON of audit holds -----------------------------------------------------------------------------------------


def test_json_of_audit_holds_the_findings_that_fail(tmp_path: Path) -> None:
    rows = csv_of(root(), user("b", **key(rotated=OLD)), user("c", **password(changed="2026-10-30T00:00:00Z")))
    write(tmp_path / "2026-10-31.csv", rows)
    done = run("audit", "2026-10-31.csv", *PARQUET, "--json", cwd=tmp_path)
    table = parquet.read_table(tmp_path / "credreport-out/findings.parquet").to_pylist()
    summary = json.loads(done.stdout)
    assert places(summary["findings"]) == places([row for row in table if row["status"] == "fail"])
    assert summary["fail"] == len(summary["findings"]) > 0
    assert {row["source"] for row in summary["findings"]} == {"2026-10-31.csv"}
    for options in (["--json-all"], ["--json", "--json-all"]):
        every = json.loads(run("audit", "2026-10-31.csv", *PARQUET, *options, cwd=tmp_path).stdout)
        assert places(every["findings"]) == places(table)
        assert {**every, "findings": summary["findings"]} == summary


def test_json_of_audit_without_the_table_of_findings_says_so(tmp_path: Path) -> None:
    write(tmp_path / "2026-10-31.csv", csv_of(root(), user("b", **key(rotated=OLD))))
    without = ["audit", "2026-10-31.csv", *PARQUET, "--tables", "users"]
    assert json.loads(run(*without, "--json", cwd=tmp_path).stdout)["findings"] is None
    done = run(*without, "--json-all", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--json-all needs the table findings, which --tables leaves out" in done.stderr
    passing = run("audit", "2026-10-31.csv", *PARQUET, "--control", "no-root-access-key", "--json", cwd=tmp_path)
    assert json.loads(passing.stdout)["findings"] == []


def test_json_of_audit_never_has_the_findings_of_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a/2026-10-31.csv", csv_of(root(), user("b", **key(rotated=OLD))))
    write(tmp_path / "b/2026-10-31.csv", csv_of(root(), user("c", **key(rotated=OLD))))
    audit = pipeline.audit

    def overtaken(paths: Sequence[str], *arguments: Any, **options: Any) -> object:  # noqa: ANN401 - passed on
        result = audit(paths, *arguments, **options)
        audit(["b"], *arguments, **options)
        return result

    monkeypatch.setattr(pipeline, "audit", overtaken)
    done = run("audit", "a", *PARQUET, "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert (
        "the result could not be shown: changed since it was written: findings.parquet in credreport-out" in done.stderr
    )
    with pytest.raises(json.JSONDecodeError):
        json.loads(done.stdout)
