"""The campaign finds faults that are put into the program, and a slice of it finds no others."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.survey.organization import parse_organization
from tests.campaign import checking, lists, rendering
from tests.campaign.__main__ import main
from tests.campaign.cases import draw_case, number_in
from tests.campaign.checking import check
from tests.campaign.damaging import ARCHIVES, DAMAGES
from tests.campaign.lists import KINDS, draw_list, wrong_with_list
from tests.campaign.mutating import MUTATIONS
from tests.campaign.runs import run
from tests.campaign.shrinking import needed_parts
from tests.campaign.wrapping import CONTAINERS
from tests.running import audit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.running import Audit

CASES = [draw_case(1, number) for number in range(60)]
WHOLE = next(
    case for case in (draw_case(1, n) for n in range(900)) if case.mutation == "untouched" and case.container == "csv"
)


def test_cases_of_a_slice_have_no_failures() -> None:
    ran = run(1, 0)
    assert ran.failures == []
    assert ran.tried == 250


def test_a_number_is_always_the_same_case() -> None:
    assert [draw_case(1, number).data for number in range(60)] == [case.data for case in CASES]
    assert draw_case(2, 0).data != CASES[0].data
    assert all(number_in(f"in/{case.name}/member#2") == case.number for case in CASES)


def test_every_container_mutation_and_kind_of_list_is_drawn() -> None:
    drawn = [draw_case(1, number) for number in range(4_000)]
    assert {case.container for case in drawn} == {*CONTAINERS, "archive"}
    assert {case.mutation for case in drawn} == {*MUTATIONS, *DAMAGES, *ARCHIVES, "odd parts"}
    assert {draw_list(1, number)[0] for number in range(200)} == set(KINDS)
    outcomes = {(kind, wrong_with_list(kind, data) == []) for kind, _, data in (draw_list(1, n) for n in range(200))}
    assert outcomes == {(kind, True) for kind in KINDS}


def break_audits(change: Callable[[Audit], Audit], monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the result of each audit by what `change` makes of it."""

    def wrong_audit(*arguments: Any) -> Audit:  # noqa: ANN401 - as `audit`
        return change(audit(*arguments))

    monkeypatch.setattr(checking, "audit", wrong_audit)


def with_pass(audited: Audit) -> Audit:
    findings = audited.findings.copy()
    findings["status"] = findings["status"].astype("str").where(findings["control"] != "console-mfa", "pass")
    return audited.changed(findings=findings)


def without_first_user(audited: Audit) -> Audit:
    return audited.changed(users=audited.users.iloc[1:].reset_index(drop=True))


def without_issues(audited: Audit) -> Audit:
    return audited.changed(issues=audited.issues.iloc[:0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (with_pass, "was not touched, and is judged otherwise: console-mfa"),
        (without_first_user, "users, 0 rejected and 0 not judged"),
        (without_issues, "is neither judged nor named in an issue"),
    ],
)
def test_faults_of_the_program_are_found(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[Audit], Audit], words: str
) -> None:
    assert check(CASES) == []
    break_audits(change, monkeypatch)
    assert any(words in failure.description for failure in check(CASES))


def test_an_error_that_ends_a_run_is_traced_to_its_case(monkeypatch: pytest.MonkeyPatch) -> None:
    guilty = CASES[17]

    def ends(audited: Audit) -> Audit:
        if any(guilty.name in str(name) for name in [*audited.inputs["name"], *audited.issues["source"]]):
            raise ZeroDivisionError("an empty report")
        return audited

    break_audits(ends, monkeypatch)
    (failure,) = check(CASES)
    assert failure.numbers == (17,)
    assert failure.description == "ZeroDivisionError in test_campaign.py: an empty report"


def test_a_run_that_takes_too_long_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(audited: Audit) -> Audit:
        while audited is not None:
            pass
        return audited

    break_audits(hangs, monkeypatch)
    monkeypatch.setattr("tests.campaign.limits.SECONDS", 0.2)
    (failure,) = check([WHOLE])
    assert failure.description.startswith("TooLongError")


def test_a_failure_in_rendering_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rendering.check_rendered([WHOLE]) == []

    def fails(*_: object, **__: object) -> None:
        raise OverflowError("a time of the year 9999")

    monkeypatch.setattr("analyzer.pipeline.audit", fails)
    (failure,) = rendering.check_rendered([WHOLE])
    assert "a time of the year 9999" in failure.description


def test_a_lost_account_and_a_crash_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = "accounts as CSV"
    data = KINDS[kind][0]
    assert wrong_with_list(kind, data) == []
    whole = parse_organization

    def loses(name: str, data: bytes) -> object:
        organization = whole(name, data)
        return type(organization)(organization.name, organization.sha256, organization.accounts[1:])

    monkeypatch.setattr(lists, "parse_organization", loses)
    assert wrong_with_list(kind, data) == ["accounts that are in the list are lost: ['111122223333']"]
    monkeypatch.setattr(lists, "parse_organization", lambda *_: dict[str, str]()["Id"])
    assert wrong_with_list(kind, data) == ["KeyError in test_campaign.py: 'Id'"]


@given(st.lists(st.integers(0, 20), max_size=30), st.sets(st.integers(0, 20), max_size=3))
def test_shrinking_leaves_only_parts_that_fail(parts: list[int], needed: set[int]) -> None:
    few = needed_parts(parts, lambda some: needed <= set(some))
    if not needed <= set(parts):
        assert few == parts
    elif needed:
        assert sorted(few) == sorted(needed)
    else:
        assert len(few) <= 1


def test_a_failure_ends_with_1_and_leaves_the_smallest_input_and_its_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--seed", "1", "--only", str(WHOLE.number), "--save", str(tmp_path / "found")]
    assert main(command) == 0
    assert not (tmp_path / "found").exists()
    break_audits(without_first_user, monkeypatch)
    assert main(command) == 1
    assert f"again: python -m tests.campaign --seed 1 --only {WHOLE.number}" in capsys.readouterr().out
    (saved,) = (tmp_path / "found").iterdir()
    assert len(saved.read_bytes().splitlines()) < len(WHOLE.data.splitlines())
    assert hashlib.sha256(saved.read_bytes()).digest()
