"""The answer by requirement, counted a second time from the findings, row by row."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from analyzer.controls.catalog import BY_ID
from analyzer.controls.checklist import Checklist, make_checklist
from analyzer.controls.frameworks import FRAMEWORKS
from analyzer.controls.policy import parse_policy
from analyzer.evidence.requirements import requirements_table
from tests.cli.running import run
from tests.reports import csv_of, key, password, root, user, write
from tests.running import Settings, audit
from tests.strategies import Report, as_ofs, reports
from tests.test_laws import run_plan

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from analyzer.controls.control import Control
    from analyzer.controls.frameworks import Requirement
    from tests.running import Audit

POLICY = b"""
[controls.root-mfa]
enabled = false
[controls.unused-credentials]
max_idle_days = 10
[waivers.known]
user = "*a*"
control = "unused-credentials"
reason = "known"
owner = "somebody"
expires = 2030-12-31
"""


def table_rows(audited: Audit) -> list[dict[str, Any]]:
    table = requirements_table(audited.requirements, audited.accounts)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def counted_again(audited: Audit, checklist: Checklist) -> list[dict[str, Any]]:
    """Count the same rows from findings alone; the framework and its limits give the checks of a requirement."""
    framework = checklist.benchmark
    assert framework is not None
    findings = audited.findings.astype({"account_id": "object"}).to_dict("records")
    by_check: dict[tuple[int, str], list[Any]] = defaultdict(list)
    for row in findings:
        account = row["account_id"] if isinstance(row["account_id"], str) else "unknown"
        by_check[row["chosen"], account].append(row)
    rows = []
    for requirement in framework.requirements:
        checks = [
            number
            for number, check in enumerate(checklist.checks)
            if check.control.id in requirement.controls and requirement.number in check.requirements
        ]
        is_switched_off = bool(set(requirement.controls) & set(checklist.left_out))
        if not checks and not is_switched_off:
            continue
        ids = list(dict.fromkeys(checklist.checks[number].control.id for number in checks))
        for account in audited.accounts:
            rows_of_account = [row for number in checks for row in by_check[number, account]]
            statuses = [row["status"] for row in rows_of_account]
            is_manual = [row["status"] == "not_checked" and row["reason"] == "manual" for row in rows_of_account]
            if "fail" in statuses:
                status = "fail"
            elif any(s == "not_checked" and not m for s, m in zip(statuses, is_manual, strict=True)) or (
                (rows_of_account or not checks) and not set(ids).issuperset(requirement.controls)
            ):
                status = "not_checked"
            elif any(is_manual):
                status = "manual"
            elif "pass" in statuses:
                status = "pass_partly" if requirement.is_partly else "pass"
            else:
                status = "not_applicable"
            rows.append(
                {
                    "framework": framework.id,
                    "requirement": requirement.number,
                    "title": requirement.title,
                    "level": requirement.level,
                    "assessment": requirement.assessment,
                    "account_id": account,
                    "status": status,
                    "controls": ids,
                    "fails": statuses.count("fail"),
                    "not_checked": statuses.count("not_checked"),
                    "passes": statuses.count("pass"),
                    "waived": sum(isinstance(row["waiver"], str) for row in rows_of_account),
                    "subjects": len([s for s in statuses if s != "not_applicable"]),
                }
            )
    return rows


PLANS = st.sampled_from(list(FRAMEWORKS)).flatmap(
    lambda name: st.sampled_from([None, POLICY]).map(
        lambda policy: make_checklist(
            benchmark=name, policy=None if policy is None else parse_policy("policy.toml", policy)
        )
    )
)


@given(reports(), as_ofs(), PLANS)
def test_the_table_is_what_the_findings_say(report: Report, as_of: datetime, checklist: Checklist) -> None:
    audited = run_plan(report.to_csv(), checklist, as_of)
    assert table_rows(audited) == counted_again(audited, checklist)


def test_without_a_benchmark_nothing_is_shown_by_requirement(tmp_path: Path) -> None:
    write(tmp_path / "in/2026-10-31_111122223333.csv", csv_of(root(), user("a")))
    audited = audit([str(tmp_path / "in")], Settings(make_checklist()))
    assert audited.requirements == []
    assert "by_requirement" not in audited.facts
    done = run("audit", tmp_path / "in", "-o", tmp_path / "out", "--format", "parquet")
    assert "By requirement" not in done.stdout
    assert not (tmp_path / "out/requirements.parquet").exists()


@pytest.mark.parametrize("benchmark", ["soc2", "security-hub", "iso-27001-2022", None])
def test_findings_list_every_number_that_their_control_answers(tmp_path: Path, benchmark: str | None) -> None:
    write(tmp_path / "in/2026-10-31_111122223333.csv", csv_of(root(), user("a", **password(), **key(1))))
    options = ["--benchmark", benchmark] if benchmark else []
    run("audit", tmp_path / "in", "-o", tmp_path / "out", "--format", "parquet", "--as-of", "2026-11-01", *options)
    framework = FRAMEWORKS[benchmark or "cis-7.0"]
    findings = parquet.read_table(tmp_path / "out/findings.parquet").to_pylist()
    assert findings
    for row in findings:
        numbers = list(row["requirements"] or ())
        assert row["requirement"] == (numbers[0] if numbers else None)
        assert numbers == [
            requirement.number
            for requirement in framework.requirements
            if row["control"] in requirement.controls
            and row["limit_days"] == _limit(requirement, BY_ID[row["control"]])
        ]


def _limit(requirement: Requirement, control: Control) -> object:
    """Return the days that a requirement allows; those of the control where it names none."""
    name = control.limit
    return None if name is None else requirement.parameters.get(name, control.parameters[name].default)


def test_a_requirement_that_a_report_decides_partly_passes_partly_at_best(tmp_path: Path) -> None:
    write(tmp_path / "in/2026-10-31_111122223333.csv", csv_of(root(password_enabled="false"), user("a")))
    audited = audit([str(tmp_path / "in")], Settings(make_checklist(benchmark="cis-7.0")))
    assert {row["requirement"]: row["status"] for row in table_rows(audited)} == {
        "2.1.1": "pass_partly",
        "2.4": "pass",
        "2.5": "pass",
        "2.6": "not_applicable",
        "2.7": "pass_partly",
        "2.10": "not_applicable",
        "2.11": "not_applicable",
        "2.12": "not_applicable",
        "2.19": "pass_partly",
    }


def test_a_requirement_with_a_control_that_is_not_judged_does_not_pass(tmp_path: Path) -> None:
    write(tmp_path / "in/2026-10-31_111122223333.csv", csv_of(root(mfa_active="true"), user("a", mfa_active="true")))
    checklist = make_checklist(benchmark="pci-dss-4.0.1", controls=["mfa-every-user"])
    audited = audit([str(tmp_path / "in")], Settings(checklist))
    assert [(row["requirement"], row["status"], row["controls"]) for row in table_rows(audited)] == [
        ("8.4.2", "not_checked", ["mfa-every-user"])
    ]


@pytest.mark.parametrize("accounts", [1, 2])
def test_command_json_and_table_say_the_same(tmp_path: Path, accounts: int) -> None:
    idle = password(changed="2026-01-01T00:00:00Z")
    for number in range(accounts):
        account = f"{111122223333 + number}"
        rows = [root(account), user("ann", account=account, **(idle if number == 0 else key(active="false")))]
        write(tmp_path / f"in/2026-10-31_{account}.csv", csv_of(*rows))
    arguments = ("audit", tmp_path / "in", "--benchmark", "cis-7.0", "-o", tmp_path / "out", "--format", "parquet")
    screen = run(*arguments).stdout
    rows = parquet.read_table(tmp_path / "out/requirements.parquet").to_pylist()
    assert len(rows) == 9 * accounts
    facts = json.loads(run(*arguments, "--json").stdout)["by_requirement"]
    assert [requirement["requirement"] for requirement in facts] == [
        requirement.number for requirement in FRAMEWORKS["cis-7.0"].requirements
    ]
    for requirement in facts:
        statuses = [row["status"] for row in rows if row["requirement"] == requirement["requirement"]]
        assert requirement["accounts"] == {status: statuses.count(status) for status in requirement["accounts"]}
    if accounts == 1:
        assert "  2.11   Credentials that are idle too long are disabled: fails\n" in screen
    else:
        assert (
            "  2.11   Credentials that are idle too long are disabled: fails in 1 account, does not apply in 1\n"
            in (screen)
        )
    assert "Pass wherever they apply, as far as a report shows: 2.4, 2.7" in screen
