"""Every control: its fixtures, and the independent oracle's verdicts on made-up reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.controls.catalog import BY_ID, CONTROLS
from analyzer.controls.checklist import make_checklist
from analyzer.controls.control import Option, Parameter, Value
from analyzer.controls.policy import ControlPolicy, Policy
from analyzer.controls.vocabulary import Status
from analyzer.judging.rules import RULES
from analyzer.judging.rules_of_accounts import ACCOUNT_RULES
from analyzer.judging.rulings import days_of, either
from analyzer.judging.subjects import Ruling
from analyzer.judging.truth import Truth
from analyzer.reading.layout import COLUMNS
from tests.control_oracle import SLOT_ORDER, Verdict, judge_controls
from tests.controls.fixtures import CASES, Case
from tests.reports import csv_of, key, password, root, user, write
from tests.running import Settings, audit
from tests.strategies import Report, as_ofs, reports
from tests.test_laws import run_plan

if TYPE_CHECKING:
    from pathlib import Path

    from tests.running import Audit

AS_OF = datetime(2026, 10, 31, 23, 59, 59, 999999, tzinfo=UTC)
EVERY_CASE = [(control, case) for control, cases in CASES.items() for case in cases]


def test_one_of_two_rulings_keeps_the_days_to_show() -> None:
    zeros, flags = np.zeros(2, np.int8), np.ones(2, bool)
    ruling = Ruling(Truth(flags, ~flags), zeros, zeros, np.zeros(2, np.int64), flags, flags)
    with_days = replace(ruling, span=np.array([7, 8], np.int32))
    condition = np.array([True, False])
    assert days_of(either(condition, with_days, ruling)).tolist() == [7, -1]
    assert days_of(either(condition, ruling, with_days)).tolist() == [-1, 8]


def test_every_control_has_its_fixtures() -> None:
    assert list(CASES) == [control.id for control in CONTROLS if not control.needs], "the others: test_leavers"
    for control, cases in CASES.items():
        never = {Status.PASS} if control == "root-hardware-mfa" else set()
        assert {Status.PASS, Status.FAIL, Status.NOT_CHECKED} - {case.status for case in cases} == never, control


@pytest.mark.parametrize(
    ("control", "case"), EVERY_CASE, ids=[f"{control}-{case.status}-{case.reason}" for control, case in EVERY_CASE]
)
def test_the_fixtures_have_their_status_and_reason(control: str, case: Case) -> None:
    text = csv_of(case.row, columns=case.columns)
    result = run_plan(text, make_checklist(controls=[control]), AS_OF)
    rows = result.findings[["control", "status", "reason"]].astype("str").to_numpy().tolist()
    assert [[control, case.status, case.reason]] == rows
    # The oracle, which has no reasons, agrees.
    assert [v.status for v in judge_controls(text, AS_OF) if v.control == control] == [case.status]


def verdicts(result: Audit) -> list[Verdict]:
    """Return the findings in the oracle's form and order."""
    rows = result.findings[["control", "user", "credential", "status", "line"]].to_dict("records")
    verdict_list = [Verdict(**{str(k): None if pd.isna(v) else v for k, v in row.items()}) for row in rows]  # type: ignore[arg-type]
    return sorted(verdict_list, key=lambda v: (v.control, v.line or 0, SLOT_ORDER.index(v.credential)))


def values_of(parameter: Parameter | Option) -> st.SearchStrategy[Value]:
    """Return a strategy for the values of a parameter."""
    if isinstance(parameter, Option):
        return st.sampled_from(parameter.choices)
    values = {parameter.default, parameter.least, *(value for value in (1, 45, 90) if parameter.takes(value))}
    return st.sampled_from(sorted(values))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Report, datetime, dict[str, dict[str, Value]]]:
    as_of = draw(as_ofs())
    limit = draw(st.sampled_from([45, 90]))
    parameters: dict[str, dict[str, Value]] = {}
    for control in CONTROLS:
        for name, parameter in control.parameters.items():
            parameters.setdefault(control.id, {})[name] = draw(values_of(parameter))
    return draw(reports(as_of=as_of, limit=limit, drop_column=True)), as_of, parameters


@given(cases())
def test_the_oracle_agrees(case: tuple[Report, datetime, dict[str, dict[str, Value]]]) -> None:
    report, as_of, parameters = case
    if not report.rows:
        return
    text = report.to_csv()
    policy = Policy("policy", "", {control: ControlPolicy(parameters=values) for control, values in parameters.items()})
    result = run_plan(text, make_checklist(policy=policy, all_controls=True), as_of)
    assert judge_controls(text, as_of, parameters) == verdicts(result)


@given(reports(consistent=True, min_users=1), st.data())
def test_removing_evidence_never_makes_a_pass(report: Report, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(report.rows) - 1))
    # Name and ARN stay; a blank additional_credentials_info is no missing evidence: so AWS writes that there are none.
    columns_kept = {"user", "arn", "additional_credentials_info"}
    column = data.draw(st.sampled_from([name for name in report.columns if name not in columns_kept]))
    before, after = (
        {
            (v.control, v.line, v.credential): v.status
            for v in verdicts(run_plan(variant.to_csv(), make_checklist(), AS_OF))
        }
        for variant in (report, report.blanked(row, column))
    )
    for subject, status in after.items():
        # A subject that was not there before (a user without a password) may pass by its other cells. A key
        # made after T hides what its slot held; with its date blanked the slot is taken as it stands.
        made_later = subject[0] == "single-active-access-key" and column.endswith("_last_rotated")
        if status == "pass" and not made_later:
            assert before.get(subject, "pass") in {"pass", "not_applicable"}, (subject, column)


def test_a_limit_is_exact_to_the_microsecond() -> None:
    """At exactly 90 days: `every 90 days or less` passes, `unused for 90 days or more` fails."""
    noon = datetime(2026, 10, 31, 12, tzinfo=UTC)
    ninety = "2026-08-02T12:00:00Z"
    text = csv_of(root(password_last_used=ninety), user("a", **key(rotated=ninety), **password(changed=ninety)))
    checklist = make_checklist(max_idle_days=90, all_controls=True)
    findings = run_plan(text, checklist, noon).findings
    status = {(row["control"], row["credential"]): row["status"] for row in findings.to_dict("records")}
    assert status["access-key-rotation", "access_key_1"] == "pass"
    assert status["password-rotation", "password"] == "pass"
    assert status["unused-credentials", "access_key_1"] == "fail"
    assert status["unused-credentials-console", "access_key_1"] == "fail"
    assert status["root-not-in-daily-use", "user"] == "pass"
    later = run_plan(text, checklist, noon.replace(microsecond=1)).findings
    status = {(row["control"], row["credential"]): row["status"] for row in later.to_dict("records")}
    assert status["access-key-rotation", "access_key_1"] == status["password-rotation", "password"] == "fail"


def test_an_inactive_root_key_counts_where_the_policy_says_so() -> None:
    text = csv_of(root(**key(active="false", rotated="2026-01-01T00:00:00Z")))
    hub = run_plan(text, make_checklist(benchmark="security-hub", controls=["no-root-access-key"]), AS_OF).findings
    assert hub[["status", "requirement"]].astype("str").to_numpy().tolist() == [["fail", "IAM.4"]]
    assert hub["message"].tolist() == ["an inactive access key of root exists; created 2026-01-01, 303 days"]


def test_accounts_without_root_are_named_once_each(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / "2026-10-30_111122223333.csv", csv_of(user("a"), user("b"))),
        write(tmp_path / "2026-10-31_111122223333.csv", csv_of(user("a"), user("b"))),
        write(tmp_path / "2026-10-31_123456789012_a.csv", csv_of(user("c", account="123456789012"))),
        write(tmp_path / "2026-10-31_123456789012_b.csv", csv_of(root("123456789012", mfa_active="true"))),
        write(tmp_path / "2026-10-31_x.csv", csv_of(user("d", account="444455556666") | {"arn": ""})),
        write(tmp_path / "2026-10-31_y.csv", csv_of(user("e", account="444455556666") | {"arn": ""})),
    ]
    checklist = make_checklist(controls=["root-mfa"])
    findings = audit(paths, Settings(checklist)).findings
    shown = findings[["account_id", "user", "arn", "line", "status", "reason"]].astype("str").fillna("-")
    missing = ["-", "-", "-", "not_checked", "root_not_in_report"]
    assert sorted(shown.to_numpy().tolist()) == sorted(
        [
            ["111122223333", *missing],
            ["123456789012", "<root_account>", "arn:aws:iam::123456789012:root", "2", "pass", "mfa_active"],
            ["-", *missing],
            ["-", *missing],
        ]
    )
    every = audit(paths, Settings(checklist, every_snapshot=True)).findings
    assert (every["account_id"] == "111122223333").sum() == 2


def test_a_root_key_slot_without_a_creation_time_is_not_taken_for_empty() -> None:
    text = csv_of(root(**key(1, active="false", rotated=""), **key(2, active="false", rotated="N/A")))
    hub = run_plan(text, make_checklist(benchmark="security-hub", controls=["no-root-access-key"]), AS_OF).findings
    assert hub[["status", "reason"]].astype("str").to_numpy().tolist() == [["not_checked", "active_unknown"]]


@pytest.mark.parametrize(
    ("captured", "used", "status", "reason"),
    [
        ("2026-10-31", "2026-01-01T00:00:00Z", "pass", "last_used"),
        ("2026-10-30", "2026-01-01T00:00:00Z", "pass", "last_used"),
        ("2026-10-30T23-59-59Z", "2026-01-01T00:00:00Z", "not_checked", "report_older"),
        ("2026-10-20", "no_information", "not_checked", "report_older"),
        ("2026-10-20", "2026-10-01T00:00:00Z", "fail", "last_used"),
    ],
)
def test_an_old_report_does_not_show_that_root_was_not_used_since(
    tmp_path: Path, captured: str, used: str, status: str, reason: str
) -> None:
    path = write(tmp_path / f"{captured}.csv", csv_of(root(password_last_used=used)))
    findings = audit([path], Settings(make_checklist(controls=["root-not-in-daily-use"]), as_of=AS_OF)).findings
    assert findings[["status", "reason"]].astype("str").to_numpy().tolist() == [[status, reason]]


def test_each_report_without_the_column_of_further_credentials_is_named(tmp_path: Path) -> None:
    with_column = csv_of(root(), user("a"), columns=COLUMNS)
    paths = [
        write(tmp_path / "2026-10-31_a.csv", with_column),
        write(tmp_path / "2026-10-31_b.csv", csv_of(user("b"), user("c"))),
    ]
    findings = audit(paths, Settings(make_checklist(controls=["additional-credentials"]))).findings
    shown = findings[["source", "status"]].astype("str").to_numpy().tolist()
    assert shown == [[paths[0], "pass"], [paths[0], "pass"], [paths[1], "not_applicable"]]


def test_an_account_with_nothing_to_judge_is_listed(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / "2026-10-31_a.csv", csv_of(root())),
        write(
            tmp_path / "2026-10-31_b.csv",
            csv_of(user("a", account="123456789012", **key(rotated="2026-10-30T00:00:00Z"))),
        ),
    ]
    result = audit(paths, Settings(make_checklist(controls=["unused-credentials"])))
    assert sorted(result.by_account.index) == ["111122223333", "123456789012"]
    assert result.summary["by_account"]["111122223333"]["judged"] == 0
    assert all(list(table.columns) == list(result.by_account.index) for table in result.matrix.values())


def test_the_latest_use_of_root_is_the_worst(tmp_path: Path) -> None:
    paths = []
    for day, account in ((20, "111122223333"), (30, "123456789012"), (25, "444455556666")):
        row = root(account, password_last_used=f"2026-10-{day}T00:00:00Z")
        paths.append(write(tmp_path / f"2026-10-31_{account}.csv", csv_of(row)))
    result = audit(paths, Settings(make_checklist(controls=["root-not-in-daily-use"])))
    assert result.worst_first["account_id"].tolist() == ["123456789012", "444455556666", "111122223333"]


def test_no_rule_is_left_over_and_none_is_missing() -> None:
    assert {control.rule for control in BY_ID.values()} == {*RULES, *ACCOUNT_RULES}


@pytest.mark.parametrize("column", ["control", "status", "user", "credential", "line", "message"])
def test_findings_of_one_control_are_the_same_alone_and_among_others(tmp_path: Path, column: str) -> None:
    path = write(tmp_path / "2026-10-31.csv", csv_of(root(), *(case.row for _, case in EVERY_CASE[:20])))
    together = audit([path], Settings(make_checklist(all_controls=True))).findings
    for control in CASES:
        alone = audit([path], Settings(make_checklist(controls=[control]))).findings
        among = together[(together["control"] == control).to_numpy()]
        assert alone[column].astype("str").fillna("").tolist() == among[column].astype("str").fillna("").tolist()


def test_findings_are_in_the_order_of_the_report(tmp_path: Path) -> None:
    path = write(
        tmp_path / "2026-10-31.csv",
        csv_of(root(), user("a", **key(2, rotated="2026-01-01T00:00:00Z"), **password()), user("b")),
    )
    findings = audit([path], Settings(make_checklist())).findings
    order = [control.id for control in CONTROLS]
    positions = [
        (
            row["line"] if not pd.isna(row["line"]) else 2,
            SLOT_ORDER.index(row["credential"]),
            order.index(row["control"]),
        )
        for row in findings.to_dict("records")
    ]
    assert positions == sorted(positions)
