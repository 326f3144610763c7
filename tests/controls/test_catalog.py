"""The catalogue, the benchmarks' numbers against a table with its sources, and the output of `credreport controls`."""

from __future__ import annotations

import json
import re
import string
import subprocess
import sys

import pytest

from analyzer.cli import explain as explaining
from analyzer.controls.catalog import BY_ID, CONTROLS
from analyzer.controls.checklist import make_checklist
from analyzer.controls.control import Control, Severity, Whose
from analyzer.controls.frameworks import FRAMEWORKS, newest_cis
from analyzer.controls.policy import ControlPolicy, Policy
from analyzer.controls.vocabulary import Reason
from analyzer.errors import UsageError
from analyzer.judging.rules import RULES
from analyzer.judging.rules_of_accounts import ACCOUNT_RULES
from analyzer.judging.wording import WORDS
from analyzer.reading.layout import COLUMNS


def test_the_newest_cis_version_gives_the_numbers_where_none_is_chosen() -> None:
    checklist = make_checklist(all_controls=True, with_leavers=True)
    assert checklist.numbers_of is newest_cis()
    assert [check.control for check in checklist.checks] == list(CONTROLS)
    for check in checklist.checks:
        assert check.requirement == next(iter(newest_cis().numbers_of(check.control.id)), None)
        assert check.parameters == {name: parameter.default for name, parameter in check.control.parameters.items()}


@pytest.mark.parametrize("control", CONTROLS, ids=list(BY_ID))
def test_a_control_has_all_its_texts(control: Control) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", control.id)
    assert control.severity in Severity
    assert control.rule in (ACCOUNT_RULES if control.whose is Whose.ACCOUNTS else RULES)
    assert set(control.evidence) <= set(COLUMNS)
    for text in (control.title, control.applies_to, control.fails_when, control.rationale, control.remediation):
        assert text.strip()
    assert control.references
    assert all(reference.startswith("https://docs.aws.amazon.com/") for reference in control.references)
    assert control.caveats, "say what the report cannot show"
    texts = (control.title, control.fails_when, *control.caveats)
    names = {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}
    assert names <= set(control.parameters)
    for parameter in control.parameters.values():
        assert parameter.takes(parameter.default)
    assert set(control.messages) <= set(Reason)
    assert (control.absent is not None) == (control.whose is Whose.ROOT or control.id == "additional-credentials")


def test_every_reason_has_its_words() -> None:
    assert set(WORDS) == set(Reason)


def test_limits_come_from_option_policy_benchmark_or_default() -> None:
    policy = Policy(
        "p", "", {"unused-credentials": ControlPolicy(parameters={"max_idle_days": 60}, severity=Severity.HIGH)}
    )

    def limit(**options: object) -> int | None:
        checklist = make_checklist(controls=["unused-credentials"], **options)  # type: ignore[arg-type]
        return checklist.checks[0].limit_days

    assert limit() == 45
    assert limit(benchmark="cis-1.3") == 90
    assert limit(benchmark="cis-1.3", policy=policy) == 60
    assert limit(benchmark="cis-1.3", policy=policy, max_idle_days=30) == 30
    assert make_checklist(policy=policy).checks[0].severity is Severity.HIGH
    assert make_checklist(max_idle_days=30, all_controls=True).checks[1].limit_days == 30
    assert make_checklist(max_idle_days=30, all_controls=True).checks[2].limit_days == 90


def test_a_policy_switches_off_controls_that_are_not_chosen_by_name() -> None:
    policy = Policy("p", "", {control: ControlPolicy(enabled=False) for control in ("root-mfa", "console-mfa")})
    checklist = make_checklist(policy=policy, all_controls=True, with_leavers=True)
    assert checklist.left_out == ("console-mfa", "root-mfa")
    assert len(checklist.checks) == len(CONTROLS) - 2
    assert [check.control.id for check in make_checklist(policy=policy, controls=["root-mfa"]).checks] == ["root-mfa"]
    nothing = Policy("p", "", {control: ControlPolicy(enabled=False) for control in BY_ID})
    with pytest.raises(UsageError, match="switches every control off"):
        make_checklist(policy=nothing)


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"benchmark": "cis-5"}, "--benchmark: no such choice: 'cis-5'; did you mean 'cis-5.0'?", "cis-1.2, cis-1.3"),
        (
            {"controls": ["root-mfaa"]},
            "--control: no such choice: 'root-mfaa'; did you mean 'root-mfa'?",
            "console-mfa",
        ),
        (
            {"benchmark": "cis-7.0", "controls": ["single-active-access-key"]},
            "single-active-access-key is not part of CIS AWS Foundations Benchmark v7.0",
            "its controls are unused-credentials, access-key-rotation",
        ),
    ],
)
def test_unknown_names_get_the_nearest_one(options: dict[str, object], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as raised:
        make_checklist(**options)  # type: ignore[arg-type]
    assert raised.value.message == message
    assert hint in raised.value.hint


def test_the_list_names_every_control_and_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    text = explaining.list_all(make_checklist(all_controls=True, with_leavers=True))
    for control in CONTROLS:
        number = re.escape(next(iter(newest_cis().numbers_of(control.id)), "-"))
        assert re.search(rf"^  {control.id} +{number} ", text, re.MULTILINE)
    assert f"{len(FRAMEWORKS)} frameworks" in text


def test_the_list_of_benchmarks_names_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    text = " ".join(explaining.list_frameworks().split())
    for framework in FRAMEWORKS.values():
        line = f" {framework.id} {framework.version} {len(framework.requirements)} {framework.title} "
        assert line in text


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_benchmark_is_listed_requirement_by_requirement(framework: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    words = " ".join(explaining.list_all(make_checklist(benchmark=framework)).split())
    for requirement in FRAMEWORKS[framework].requirements:
        assert f"{requirement.title}: {requirement.controls[0]}" in words
        assert requirement.note in words


@pytest.mark.parametrize("control", CONTROLS, ids=list(BY_ID))
def test_an_explanation_has_all_texts_of_its_control(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    checklist = make_checklist(controls=[control.id], with_leavers=True)
    words = " ".join(explaining.explain(checklist).split())
    (check,) = checklist.checks
    for text in (
        check.title,
        control.applies_to,
        check.say(control.fails_when),
        control.rationale,
        control.remediation,
    ):
        assert text in words
    for part in (*control.references, *control.evidence, *map(check.say, control.caveats), *control.parameters):
        assert part in words
    for framework in FRAMEWORKS.values():
        assert all(number in words for number in framework.numbers_of(control.id))
    assert "{" not in words


def test_the_list_is_also_given_as_json() -> None:
    listed = json.loads(explaining.as_json(make_checklist(benchmark="security-hub")))
    assert [control["requirement"] for control in listed][:2] == ["IAM.22", "IAM.8"]
    assert listed[0]["mapping"]["cis-1.2"] == ["1.3"]


def test_listing_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['credreport', 'controls', 'root-mfa']\n"
        "from analyzer.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "assert not {'pandas', 'numpy', 'pyarrow', 'matplotlib'} & set(sys.modules), 'heavy'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
