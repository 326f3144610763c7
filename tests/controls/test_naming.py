"""A control is named by its id or by its number, and a number never means another version's control."""

from __future__ import annotations

import json

import pytest

from analyzer.controls.catalog import BY_ID
from analyzer.controls.checklist import make_checklist
from analyzer.controls.frameworks import FRAMEWORKS
from analyzer.errors import UsageError
from tests.cli.running import run


@pytest.mark.parametrize("benchmark", FRAMEWORKS)
def test_every_number_chooses_the_controls_that_the_benchmark_has_under_it(benchmark: str) -> None:
    for requirement in FRAMEWORKS[benchmark].requirements:
        checks = make_checklist(benchmark=benchmark, controls=[requirement.number]).checks
        assert sorted({check.control.id for check in checks}) == sorted(requirement.controls)
        assert all(requirement.number in check.requirements for check in checks)


def test_no_number_looks_like_an_id() -> None:
    numbers = {
        requirement.number.lower() for benchmark in FRAMEWORKS.values() for requirement in benchmark.requirements
    }
    assert numbers.isdisjoint(BY_ID)


@pytest.mark.parametrize(
    ("arguments", "controls"),
    [
        (["2.11"], ["unused-credentials"]),
        (["2.4"], ["no-root-access-key"]),
        (["2.4", "--benchmark", "cis-6.0"], ["root-mfa"]),
        (["1.12", "--benchmark", "cis-4.0.1"], ["unused-credentials"]),
        (["1.12", "--benchmark", "cis-5.0"], ["single-active-access-key"]),
        (["iam.8", "--benchmark", "security-hub"], ["unused-credentials"]),
        (["8.3.9", "--benchmark", "pci-dss-4.0.1"], ["access-key-rotation", "password-rotation", "password-expiry"]),
        (["Root-MFA"], ["root-mfa"]),
    ],
)
def test_controls_explains_by_number(arguments: list[str], controls: list[str]) -> None:
    done = run("controls", *arguments, "--json")
    assert [control["id"] for control in json.loads(done.stdout)] == controls


def test_a_number_chooses_one_of_two_requirements_of_a_control() -> None:
    for number, days in (("IAM.22", 45), ("IAM.8", 90)):
        (check,) = make_checklist(benchmark="security-hub", controls=[number]).checks
        assert (check.requirement, check.limit_days) == (number, days)
    assert len(make_checklist(benchmark="security-hub", controls=["unused-credentials"]).checks) == 2


@pytest.mark.parametrize(
    ("number", "benchmark", "message", "hint"),
    [
        ("1.11", None, "--control: no control has the number 1.11 in CIS 7.0", "unused-credentials in cis-5.0"),
        ("2.13", "cis-7.0", "no control has the number 2.13 in CIS 7.0", "it is access-key-rotation in cis-6.0: name"),
        ("2.99", None, "which is used if no framework is chosen", "its numbers are 2.11, 2.12, 2.10, "),
        ("iam.22", None, "no control has the number IAM.22 in CIS 7.0", "in security-hub: name the control, or choose"),
        ("mfa", None, "--control: no such choice: 'mfa'", "choose from unused-credentials, "),
    ],
)
def test_a_number_of_another_benchmark_is_an_error(number: str, benchmark: str | None, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as raised:
        make_checklist(benchmark=benchmark, controls=["root-mfa", number])
    assert message in raised.value.message
    assert hint in raised.value.hint
