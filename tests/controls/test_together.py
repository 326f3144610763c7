"""Several frameworks judged in one run: the statuses of each, and the sums."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from analyzer.controls.catalog import BY_ID
from analyzer.controls.checklist import make_checklist
from analyzer.controls.frameworks import FRAMEWORKS, together
from analyzer.controls.frameworks.reading import parse_framework
from analyzer.controls.policy import parse_policy
from analyzer.errors import UsageError
from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.requirements import requirements_table
from tests.cli.running import run
from tests.history.running import compare
from tests.reports import csv_of, key, password, root, user, write
from tests.running import Settings
from tests.strategies import Report, as_ofs, reports
from tests.test_laws import run_plan

if TYPE_CHECKING:
    from datetime import datetime

    from analyzer.controls.checklist import Checklist
    from analyzer.controls.policy import Policy
    from tests.cli.running import Ran
    from tests.running import Audit

SEVERAL: Final = st.lists(st.sampled_from(list(FRAMEWORKS)), min_size=2, max_size=4, unique=True)
POLICY: Final = parse_policy(
    "policy.toml",
    b"""
[controls.root-mfa]
enabled = false
[controls.unused-credentials]
max_idle_days = 10
""",
)
OWN: Final = b"""
id = "own"
title = "Our own"
version = "1"
publisher = "us"
[[requirements]]
number = "2.11"
title = "Credentials are used"
controls = ["unused-credentials", "root-mfa"]
parameters = { max_idle_days = 200, without_password = "fail" }
source = "page 4"
"""


def by_requirement(audited: Audit) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = requirements_table(audited.requirements, audited.accounts).to_pylist()
    return rows


@given(reports(), as_ofs(), SEVERAL, st.sampled_from([None, POLICY]))
def test_each_framework_has_the_same_statuses_as_alone(
    report: Report, as_of: datetime, names: list[str], policy: Policy | None
) -> None:
    text = report.to_csv()
    whole = run_plan(text, make_checklist(benchmark=names, policy=policy), as_of)
    alone = [run_plan(text, make_checklist(benchmark=name, policy=policy), as_of) for name in names]
    assert by_requirement(whole) == [row for audited in alone for row in by_requirement(audited)]
    assert whole.exit_code == max(audited.exit_code for audited in alone)


@given(reports(), as_ofs(), SEVERAL)
def test_sums_count_a_subject_and_control_once(report: Report, as_of: datetime, names: list[str]) -> None:
    checklist = make_checklist(benchmark=names)
    audited = run_plan(report.to_csv(), checklist, as_of)
    judged_controls = {check.control.id for check in checklist.checks}
    statuses: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for row in audited.findings.astype("object").where(audited.findings.notna(), None).to_dict("records"):
        if BY_ID[row["control"]].stricter_than not in judged_controls:
            statuses[row["control"], row["source"], row["line"], row["user"], row["credential"]].add(row["status"])
    # The strictest limit decides: it fails whatever any limit fails.
    worst = [
        next(status for status in ("fail", "not_checked", "pass", "not_applicable") if status in subject_statuses)
        for subject_statuses in statuses.values()
    ]
    for status in ("fail", "not_checked", "pass", "not_applicable"):
        assert audited.totals[status] == worst.count(status)


@given(SEVERAL, st.sampled_from([None, 10, 60]))
def test_each_distinct_limit_is_judged_once(names: list[str], idle: int | None) -> None:
    alone = [make_checklist(benchmark=name) for name in names]
    if not any("max_idle_days" in check.parameters for checklist in alone for check in checklist.checks):
        idle = None
    whole = make_checklist(benchmark=names, max_idle_days=idle)
    expected: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for name, checklist in zip(names, alone, strict=True):
        for check in checklist.checks:
            options = {"max_idle_days": idle} if idle and "max_idle_days" in check.parameters else {}
            limits = tuple({**check.parameters, **options}.items())
            expected[check.control.id, limits] += [f"{name} {number}" for number in check.requirements]
    judged = {(check.control.id, tuple(check.parameters.items())): sorted(check.requirements) for check in whole.checks}
    assert judged == {key: sorted(numbers) for key, numbers in expected.items()}
    assert all(check.requirement == check.requirements[0] for check in whole.checks)


def test_a_framework_that_is_chosen_twice_counts_once() -> None:
    assert make_checklist(benchmark=["cis-7.0", "CIS-7.0"]) == make_checklist(benchmark="cis-7.0")


def test_two_frameworks_with_one_id_are_refused() -> None:
    first, second = (parse_framework(name, OWN + note) for name, note in (("a.toml", b""), ("b.toml", b"#")))
    with pytest.raises(UsageError, match=r"two frameworks have the id own: a\.toml and b\.toml"):
        together([first, second])
    with pytest.raises(UsageError, match=r"the id own: credreport's own and a\.toml"):
        together([parse_framework("own.toml", OWN, is_own=True), first])


@pytest.fixture
def idle(tmp_path: Path) -> Path:
    """Return a folder with a report in which a key is idle for 100 days, and root has no password."""
    rows = [
        root(password_enabled="false"),
        user("ci", **key(used="2026-07-24T00:00:00+00:00")),
        user("b", **password()),
    ]
    write(tmp_path / "in/2026-11-01_111122223333.csv", csv_of(*rows))
    write(tmp_path / "our, own.toml", OWN.decode())
    return tmp_path


def audit_of(folder: Path, *options: str) -> Ran:
    done = run("audit", "in", "-o", "out", "--format", "parquet", "--as-of", "2026-11-01", *options, cwd=folder)
    assert done.returncode == 1
    return done


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("our, own.toml", ("--benchmark", "cis-7.0", "--benchmark", "our, own.toml")),
        ("own.toml", ("--benchmark", "own.toml,cis-7.0")),
    ],
)
def test_numbers_name_their_framework(idle: Path, name: str, options: tuple[str, ...]) -> None:
    (idle / "our, own.toml").rename(idle / name)
    done = audit_of(idle, *options)
    rows = parquet.read_table(idle / "out/findings.parquet").to_pylist()
    unused = {row["requirement"]: (row["limit_days"], row["status"]) for row in rows if row["user"] == "ci"}
    assert unused["cis-7.0 2.11"] == (45, "fail")
    assert unused["own 2.11"] == (200, "pass")
    # The stricter reading of root-mfa is the framework's own, and comes first.
    mfa = [(row["requirement"], row["status"]) for row in rows if row["control"] == "root-mfa"]
    assert mfa == [("own 2.11", "fail"), ("cis-7.0 2.5", "pass")]
    assert "unused-credentials, 1 failing" not in done.stdout
    table = parquet.read_table(idle / "out/requirements.parquet").to_pylist()
    assert {row["framework"] for row in table} == {"cis-7.0", "own"}
    assert [row["requirement"] for row in table if row["framework"] == "own"] == ["2.11"]
    facts = EvidenceSet.at(str(idle / "out")).summary.facts
    assert facts["benchmark"] in {"cis-7.0,own", "own,cis-7.0"}
    assert {(row["framework"], row["requirement"]) for row in facts["by_requirement"]} >= {
        ("cis-7.0", "2.11"),
        ("own", "2.11"),
    }


def test_all_frameworks_are_named_in_one_option(idle: Path) -> None:
    audit_of(idle, "--benchmark", ",".join(FRAMEWORKS))
    table = parquet.read_table(idle / "out/requirements.parquet").to_pylist()
    assert {row["framework"] for row in table} == set(FRAMEWORKS)


def test_history_and_remediation_take_several_frameworks(idle: Path) -> None:
    audit_of(idle, "--benchmark", "cis-7.0,soc2", "--format", "remediation")
    sheet = (idle / "out/remediation/worksheet.csv").read_text()
    assert sheet.count('"access_key_1"') == 1, "a key has one task, by whatever limits it fails"
    done = run("history", "in", "-o", "lives", "--benchmark", "cis-7.0,soc2", "--format", "parquet", cwd=idle)
    assert "failures open" in done.stdout
    lives = parquet.read_table(idle / "lives/lifetimes.parquet").to_pylist()
    assert {row["requirement"] for row in lives if row["control"] == "unused-credentials"} == {
        "cis-7.0 2.11",
        "soc2 CC6.1",
    }


def test_a_number_in_one_of_the_frameworks_is_enough(idle: Path) -> None:
    audit_of(idle, "--benchmark", "cis-7.0,security-hub")
    for number in ("IAM.8", "security-hub IAM.8", "2.11"):
        findings = json.loads(run("show", "out", "--control", number, "--json", cwd=idle).stdout)["findings"]
        assert {row["control"] for row in findings} == {"unused-credentials"}
    (check,) = make_checklist(benchmark=["cis-7.0", "security-hub"], controls=["iam.8"]).checks
    assert (check.requirement, check.limit_days) == ("security-hub IAM.8", 90)
    with pytest.raises(UsageError, match=r"no control has the number 9\.99 in CIS 7\.0 and Security Hub"):
        make_checklist(benchmark=["cis-7.0", "security-hub"], controls=["9.99"])


def test_evidence_keeps_all_frameworks(idle: Path) -> None:
    audit_of(idle, "--benchmark", "our, own.toml", "--benchmark", "cis-7.0,soc2")
    (idle / "our, own.toml").unlink()
    own = parse_framework("our, own.toml", OWN)
    expected = make_checklist(benchmark=together([own, FRAMEWORKS["cis-7.0"], FRAMEWORKS["soc2"]]))
    assert EvidenceSet.at(str(idle / "out")).settings.checklist == expected


def test_a_key_that_fails_a_second_limit_is_no_new_failure(tmp_path: Path) -> None:
    """A key that fails the stricter limit already is no new failure where it crosses the other one."""
    row = user("ci", mfa_active="true", **key(used="2026-07-01T00:00:00+00:00", rotated="2026-07-01T00:00:00+00:00"))
    for day in ("2026-09-01", "2026-10-20"):
        write(tmp_path / f"{day}_111122223333.csv", csv_of(row))
    checklist: Checklist = make_checklist(benchmark="security-hub", controls=["unused-credentials"])
    assert [check.limit_days for check in checklist.checks] == [45, 90]
    old, new = (str(tmp_path / f"{day}_111122223333.csv") for day in ("2026-09-01", "2026-10-20"))
    comparison = compare([old], [new], Settings(checklist, every_snapshot=True))
    assert comparison.exit_code == 0
    assert comparison.lines[:2] == [
        "0 new failures; 0 fixed.",
        "Not added to these sums: unused-credentials, 1 new failure (IAM.8 has a less strict limit).",
    ]
    assert comparison.lines[2].startswith("1 still failing")
