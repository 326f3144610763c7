"""What is true of every picture of an audit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analyzer.controls.checklist import make_checklist
from analyzer.controls.frameworks import FRAMEWORKS
from analyzer.evidence.schema import TALLIES
from analyzer.rendering.pictures import render
from analyzer.rendering.pictures.audit import accounts, age_vs_idle, idle_days, matrix, status
from tests.audits import ODD
from tests.rendering.pictures.figures import (
    MANY_USERS,
    OLD_KEY,
    PLANS,
    SOME_FRAMEWORKS,
    assert_readable,
    bars,
    figure_of,
    policy_in,
    shown_pictures,
    subtitle,
    texts,
    title,
    why_not,
    with_limit,
    with_long_names,
)
from tests.reports import ACCOUNT, key, password, user

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.running import Audit


OF_SEVERAL = {"matrix": "Only one control was judged.", "requirements": "No framework was chosen (--benchmark)."}
"""Why there are no such pictures where `unused-credentials` alone was judged."""


@pytest.mark.parametrize("name", render.AUDIT)
def test_every_text_is_readable(any_audit: Audit, name: str) -> None:
    if name in shown_pictures(any_audit):
        assert_readable(figure_of(any_audit, name))


@pytest.mark.parametrize("users", [8, 50, MANY_USERS])
@pytest.mark.parametrize("name", [name for name in render.AUDIT if name not in OF_SEVERAL])
def test_every_text_is_readable_at_any_size(audit_of_size: Callable[[int], Audit], users: int, name: str) -> None:
    assert_readable(figure_of(audit_of_size(users), name))


@pytest.mark.parametrize("limit", [1, 10, 1_461, 36_500])
@pytest.mark.parametrize("name", ["idle_days", "age_vs_idle"])
@pytest.mark.parametrize("users", [50, MANY_USERS])
def test_every_text_is_readable_at_any_limit(
    audit_of_size: Callable[[int], Audit], users: int, name: str, limit: int
) -> None:
    assert_readable(figure_of(with_limit(audit_of_size(users), limit), name))


@pytest.mark.parametrize("checklist", PLANS)
@pytest.mark.parametrize(("rows", "many"), [(ODD, 700), ([], 0), (ODD[:1], 0), (ODD, 0)])
def test_every_text_of_several_controls_is_readable(
    audit_by_plan: Callable[..., Audit], checklist: str, rows: list[dict[str, str]], many: int
) -> None:
    result = audit_by_plan(checklist, rows, many)
    for name in shown_pictures(result):
        assert_readable(figure_of(result, name))


@pytest.mark.parametrize("name", ["status", "matrix", "accounts"])
def test_long_names_big_numbers_and_more_controls_are_readable(audit_by_plan: Callable[..., Audit], name: str) -> None:
    result = audit_by_plan("policy", ODD, 200)
    for endings in (["x" * 40], ["x" * 40, "y" * 40]):
        long = with_long_names(result, endings)
        assert long.totals["judged"] == len(endings) * result.totals["judged"] > 0
        assert_readable(figure_of(long, name))
    big = replace(result)
    big.__dict__["by_control"] = [{n: c * 123_456 for n, c in counts.items()} for counts in big.by_control]
    big.__dict__["matrix"] = {status: counts * 123_456 for status, counts in big.matrix.items()}
    big.__dict__["by_account"] = big.by_account * 123_456
    assert_readable(figure_of(big, name))


@pytest.mark.parametrize("name", render.AUDIT)
@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "These reports have no IAM user."),
        ([user("a")], "No IAM user in the judged reports has an active password or access key."),
    ],
)
def test_without_data_there_is_no_picture(
    audit_of: Callable[..., Audit], rows: list[dict[str, str]], why: str, name: str
) -> None:
    assert why_not(render.AUDIT[name], audit_of(rows)) == OF_SEVERAL.get(name, why)


@pytest.mark.parametrize("name", render.AUDIT)
def test_without_any_finding_there_is_no_picture(audit_by_plan: Callable[..., Audit], name: str) -> None:
    result = audit_by_plan("cis-7.0", [])
    nothing = replace(result, inputs=result.inputs.iloc[:0], tallies=TALLIES.empty_table())
    assert why_not(render.AUDIT[name], nothing) == "These reports have no IAM user."
    if name in {"idle_days", "age_vs_idle"}:
        assert why_not(render.AUDIT[name], result) == "These reports have no IAM user."


def test_only_pictures_of_passes_are_drawn_where_all_passes(audit_of: Callable[..., Audit]) -> None:
    passing = user("a", **password(changed="2026-10-30T00:00:00Z", used="2026-10-31T00:00:00Z"), mfa_active="true")
    result = audit_of([passing], checklist=make_checklist(controls=["unused-credentials", "console-mfa"]))
    assert shown_pictures(result) == ["idle_days", "status", "matrix"]
    assert why_not(accounts.draw, result) == "No control fails in any account."
    assert why_not(age_vs_idle.draw, result) == "No IAM user in the judged reports has an active access key."


def test_the_reason_for_a_missing_picture_is_given(audit_of: Callable[..., Audit]) -> None:
    result = audit_of([user("a", **key(rotated="2020-01-01T00:00:00Z", used=""))])
    assert why_not(idle_days.draw, result) == "No active password or access key has a known idle time."
    assert why_not(accounts.draw, result) == "No credential fails in any account; 1 check not checked."
    assert why_not(age_vs_idle.draw, result) == ("No active access key has both a known age and a known idle time.")


def test_a_single_credential_that_fails_is_in_the_singular(audit_of: Callable[..., Audit]) -> None:
    result = audit_of([user("a", **OLD_KEY)])
    assert title(result, "idle_days") == "1 of 1 active credential idle for 45 days or more"
    assert title(result, "status") == "1 of 1 active credential fails"
    assert title(result, "accounts").endswith("has a failing credential")
    assert title(result, "age_vs_idle") == "1 of 1 active access key never used"
    assert "1 day idle" in " ".join(texts(age_vs_idle.draw(with_limit(result, 1))))
    assert {"1 access key", "0 passwords"} <= set(texts(status.draw(result)))


def test_a_single_credential_that_passes_is_in_the_singular(audit_of: Callable[..., Audit]) -> None:
    result = audit_of([user("a", **password(changed="2026-10-30T00:00:00Z", used="2026-10-31T00:00:00Z"))])
    assert title(result, "status") == "0 of 1 active credential fails"
    assert why_not(accounts.draw, result) == "No credential fails in any account."


@pytest.mark.parametrize(
    ("controls", "excluded"),
    [
        (["unused-credentials"], True),
        (["unused-credentials", "console-mfa"], True),
        (["unused-credentials", "root-mfa"], False),
        (["unused-credentials", "active-certificates"], False),
    ],
)
def test_root_is_called_excluded_only_where_it_is(
    audit_of: Callable[..., Audit], controls: list[str], excluded: bool
) -> None:
    result = audit_of(ODD, checklist=make_checklist(controls=controls))
    for name in shown_pictures(result):
        # Pictures of idle time leave root out, whatever else is judged.
        expected = excluded or name in {"idle_days", "age_vs_idle"}
        assert ("root excluded" in subtitle(result, name)) == expected


@pytest.mark.parametrize("benchmark", SOME_FRAMEWORKS)
def test_the_benchmark_is_named(audit_by_plan: Callable[..., Audit], benchmark: str) -> None:
    result = audit_by_plan(benchmark, ODD)
    for name in shown_pictures(result):
        assert subtitle(result, name).startswith(f"{FRAMEWORKS[benchmark].title} · ")
    assert FRAMEWORKS[benchmark].label in " ".join(texts(status.draw(result)))
    assert "Benchmark" not in subtitle(audit_by_plan("all", ODD), "status")


def test_pictures_say_which_controls_fail_only_where_waived(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    checklist = make_checklist(
        policy=policy_in(tmp_path), controls=["mfa-every-user", "root-hardware-mfa", "console-mfa"]
    )
    result = audit_of([user("a")], checklist=checklist)
    assert title(result, "status") == "2 of 3 controls fail somewhere (2 only where waived); 1 has nothing to judge"
    assert title(result, "matrix") == f"No judged control fails in account {ACCOUNT}"
    assert "Not counted: 2 waived checks." in " ".join(texts(matrix.draw(result)))
    assert title(result, "accounts") == "1 of 1 account has a failure"
    assert [(bar.get_width(), bar.get_hatch() is not None) for bar in bars(accounts.draw(result), 0)] == [
        (0, False),
        (1, True),
    ]


def test_pictures_that_do_not_show_waived_checks_apart_count_them(
    audit_of: Callable[..., Audit], tmp_path: Path
) -> None:
    checklist = make_checklist(controls=["unused-credentials"], policy=policy_in(tmp_path))
    result = audit_of([user("7", **OLD_KEY), user("a", **OLD_KEY)], checklist=checklist)
    for name in ("idle_days", "status"):
        note = "1 of those that fail or are not checked is waived."
        assert note in " ".join(texts(render.AUDIT[name](result)))
    assert title(result, "status") == "2 of 2 active credentials fail"
    assert "  2 (1 waived)" in texts(accounts.draw(result))
