"""The picture of requirements by account."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import pytest
from matplotlib.image import imread
from matplotlib.patches import Rectangle

from analyzer.controls.checklist import make_checklist
from analyzer.controls.vocabulary import REQUIREMENT_STATUS_IN_WORDS, RequirementStatus
from analyzer.evidence.requirements import requirements_table
from analyzer.evidence.settings import Settings
from analyzer.rendering.pictures import canvas, render
from tests.audits import AS_OF, ODD
from tests.rendering.pictures.figures import (
    DASH,
    OLD_KEY,
    assert_readable,
    cells_of,
    figure_of,
    policy_in,
    texts,
    title,
    why_not,
)
from tests.reports import ACCOUNT, COLUMNS_22, csv_of, key, password, root, user, write
from tests.running import audit

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from tests.running import Audit

SIGNS = {
    "fail": "\N{BALLOT X}",
    "not_checked": "?",
    "manual": "M",
    "pass_partly": "(\N{CHECK MARK})",
    "pass": "\N{CHECK MARK}",
    "not_applicable": DASH,
}
"""The sign in a cell, by status."""
ROOM_FOR, ROWS = 15, 60
"""How many accounts and requirements are shown."""


def status_by_cell(result: Audit) -> dict[tuple[str, str], str]:
    """The status of each requirement (by its number) in each account."""
    rows: list[dict[str, Any]] = requirements_table(result.requirements, result.accounts).to_pylist()
    return {(row["requirement"], row["account_id"]): row["status"] for row in rows}


def titles(figure: Figure) -> list[str]:
    """The titles of the rows, with the lines of each joined."""
    column = [text for text in figure.axes[0].texts if text.get_horizontalalignment() == "left"]
    heading = next(text for text in column if text.get_text() == "requirement")
    in_column = [text for text in column if text.get_position()[0] == heading.get_position()[0] and text is not heading]
    return [text.get_text().replace("\n", " ") for text in in_column]


def framework(folder: Path, requirements: int, number: str, name: str, *, related: bool = False) -> str:
    """Write a framework of so many requirements; every third has a control that never fails here."""
    controls = ["unused-credentials", "mfa-every-user", "root-certificates"]
    rows = [
        f"""[[requirements]]
number = "{number}{n}"
title = "{name}"
controls = ["{controls[n % 3]}"]
related = {str(related).lower()}
source = "made up"
"""
        for n in range(requirements)
    ]
    head = 'id = "own"\ntitle = "Our own"\nlabel = "Own"\nversion = "1"\npublisher = "Example"\n'
    (folder / "own.toml").write_text(head + "".join(rows))
    return str(folder / "own.toml")


@pytest.mark.parametrize("benchmark", ["cis-7.0", "nist-800-53r5", "bsi-c5-2025", "soc2"])
@pytest.mark.parametrize("many", [0, 700])
def test_the_cells_show_the_statuses_of_the_table(
    audit_by_plan: Callable[..., Audit], benchmark: str, many: int
) -> None:
    result = audit_by_plan(benchmark, ODD, many)
    figure = figure_of(result, "requirements")
    assert_readable(figure)
    status = status_by_cell(result)
    numbers = list(dict.fromkeys(number for number, _ in status))
    counts = {
        account: tuple(sum(status[number, account] == name for number in numbers) for name in ("fail", "not_checked"))
        for account in result.accounts
    }
    order = sorted(counts, key=lambda account: (-counts[account][0], -counts[account][1], account))
    shown, at = order[:ROOM_FOR], cells_of(figure)
    assert [at.pop((column, -0.65)).get_text().replace("\n", "") for column in range(len(shown))] == shown
    for row, number in enumerate(numbers):
        for column, account in enumerate(shown):
            assert at.pop((column, row)).get_text() == SIGNS[status[number, account]]
    if len(order) == 1:
        assert not at
        return
    sums = {row: text.get_text() for (_, row), text in at.items()}
    assert sums.pop(-0.65) == "accounts\nit fails in"
    fails = [sum(status[number, account] == "fail" for account in order) for number in numbers]
    assert sums == {row: str(count) for row, count in enumerate(fails)}
    assert sum(map(bool, fails)) > 1
    everywhere = sum(count == len(order) for count in fails) or "none"
    assert title(result, "requirements") == (
        f"{sum(map(bool, fails))} of {len(numbers)} requirements fail in at least one of {len(order)} accounts, "
        f"{everywhere} of them in all"
    )
    failing = sum(counts[account][0] for account in order[ROOM_FOR:])
    words = f"{failing} failing requirement{'s' if failing != 1 else ''}"
    assert f"Not shown: {len(order) - ROOM_FOR} further accounts with {words}." in " ".join(texts(figure))


def test_one_account_is_named_in_the_title(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    result = audit_of(
        [user("a", **password(changed="2026-01-01T00:00:00Z"))], checklist=make_checklist(benchmark="soc2")
    )
    assert title(result, "requirements") == f"4 of 4 requirements fail in account {ACCOUNT}"
    one_requirement = make_checklist(benchmark=framework(tmp_path, 1, "1.", "Short"))
    used = password(changed="2026-10-30T00:00:00Z", used="2026-10-31T00:00:00Z")
    lone = audit_of([user("a", **used)], checklist=one_requirement)
    assert title(lone, "requirements") == f"No requirement fails in account {ACCOUNT}"
    nothing = audit_of([user("a")], checklist=one_requirement)
    assert why_not(render.AUDIT["requirements"], nothing) == (
        "No IAM user in the judged reports has an active password or access key."
    )


def test_every_status_has_a_sign_and_a_look_that_the_legend_explains(tmp_path: Path) -> None:
    # Root without MFA, with MFA, without a row; a user whose last use cannot be read.
    for account, rows in {
        "111122223333": [root("111122223333"), user("a", account="111122223333", **OLD_KEY)],
        "222233334444": [root("222233334444", mfa_active="true"), user("a", account="222233334444")],
        "333344445555": [
            user(
                "a", account="333344445555", mfa_active="true", **key(rotated="12/31/2025", used="2026-10-05T00:00:00Z")
            )
        ],
    }.items():
        write(tmp_path / f"in/2026-10-31_{account}.csv", csv_of(*rows))
    result = audit([str(tmp_path / "in")], Settings(make_checklist(benchmark="cis-7.0"), as_of=AS_OF))
    assert set(status_by_cell(result).values()) == {status.value for status in RequirementStatus}
    figure = figure_of(result, "requirements")
    assert_readable(figure)
    assert {*SIGNS.values(), *REQUIREMENT_STATUS_IN_WORDS.values()} <= set(texts(figure))
    patches = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    filled = {(round(patch.get_x() + 0.47), round(patch.get_y() + 0.44)): patch for patch in patches}
    looks = set()
    for (x, y), text in cells_of(figure).items():
        if x < 0 or y < 0:
            continue
        patch = filled.get((round(x), round(y)))
        assert (patch is None) == (text.get_text() == DASH)
        if patch is not None:
            fill = mpl.colors.to_hex(patch.get_facecolor())
            assert canvas.contrast(mpl.colors.to_hex(text.get_color()), fill) >= 4.5
            looks.add((text.get_text(), fill, patch.get_hatch() is not None))
    assert len(looks) == len({fill for _, fill, _ in looks}) == len(RequirementStatus) - 1
    assert [sign for sign, _, hatched in looks if hatched] == [SIGNS["pass_partly"]]


@pytest.mark.parametrize(
    ("many", "number", "requirements"),
    list(product([0, 700], ["1.", "nist-800-171r2 AC-2(3)(ii)(B)."], [40, 1, 70])),
)
def test_many_requirements_and_long_numbers_are_readable(
    audit_of: Callable[..., Audit], tmp_path: Path, requirements: int, number: str, many: int
) -> None:
    name = "Whoever leaves, or moves to other work, loses access and all credentials within days"
    own = framework(tmp_path, requirements, number, name, related=True)
    result = audit_of([user("a", **OLD_KEY)], many=many, checklist=make_checklist(benchmark=own))
    figure = figure_of(result, "requirements")
    assert_readable(figure)
    written = titles(figure)
    assert len(written) == min(requirements, ROWS)
    for row_title in written:
        shown, _, mark = row_title.partition(" (related)")
        assert row_title.endswith("(related)")
        assert mark == ""
        kept_part = shown.removesuffix("\N{HORIZONTAL ELLIPSIS}")
        assert name == shown or (name.startswith(kept_part) and name[len(kept_part)] in " ,")
    small = [text for text in figure.axes[0].texts if float(text.get_fontsize()) < 6.5]
    assert not small
    assert "Related: others map the requirement to these controls; it does not ask for them itself." in " ".join(
        texts(figure)
    )


def test_the_picture_grows_with_its_rows_and_then_shows_the_worst(
    audit_of: Callable[..., Audit], tmp_path: Path
) -> None:
    heights = {}
    for requirements in (9, 40, 70):
        own = framework(tmp_path, requirements, "1.", "Short")
        result = audit_of([user("a", **OLD_KEY)], checklist=make_checklist(benchmark=own))
        folder = tmp_path / str(requirements)
        folder.mkdir()
        render.write(result, folder)
        heights[requirements], width = imread(folder / "charts/requirements.png").shape[:2]
        assert width == 1600
    assert heights[9] == 896 < heights[40] < heights[70]
    figure = figure_of(result, "requirements")
    # Every third of them passes, 23 in all; none of the other 47 may be left out.
    failing = [f"1.{n}" for n in range(70) if n % 3 != 2]
    numbers = [text for text in texts(figure) if text.startswith("1.")]
    assert set(failing) <= set(numbers)
    assert numbers == sorted(numbers, key=lambda number: int(number[2:]))
    assert "Not shown: 10 further requirements (requirements.parquet)." in texts(figure)
    assert title(result, "requirements") == f"47 of 70 requirements fail in account {ACCOUNT}"


def test_waived_checks_count_and_the_picture_says_so(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    plan = make_checklist(benchmark="cis-7.0", policy=policy_in(tmp_path))
    figure = figure_of(audit_of([user("7", **OLD_KEY)], checklist=plan), "requirements")
    assert any(re.match(r"Waived checks are counted too: \d", text) for text in texts(figure))


def test_an_unknown_account_has_a_column(tmp_path: Path) -> None:
    no_arn = tuple(column for column in COLUMNS_22 if column != "arn")
    write(tmp_path / "reports" / "2026-10-31.csv", csv_of(user("a", **OLD_KEY), columns=no_arn))
    write(tmp_path / "reports" / "more" / "2026-10-31.csv", csv_of(root(), user("a", **OLD_KEY)))
    result = audit([str(tmp_path / "reports")], Settings(make_checklist(benchmark="cis-7.0"), as_of=AS_OF))
    figure = figure_of(result, "requirements")
    assert_readable(figure)
    assert "Reports without an account number are counted as one account." in texts(figure)
    assert {text.replace("\n", "").replace("-", "") for text in texts(figure)} >= {"unknown", ACCOUNT}


def test_the_picture_of_accounts_names_failures_of_a_stricter_reading(tmp_path: Path) -> None:
    """A user without a password and MFA fails IAM.19, and IAM.5 does not judge them: sums leave the failure out."""
    path = write(tmp_path / f"2026-10-31_{ACCOUNT}.csv", csv_of(root(mfa_active="true"), user("svc")))
    result = audit([path], Settings(make_checklist(benchmark="security-hub"), AS_OF))
    assert result.totals["fail"] == 0
    assert why_not(render.AUDIT["accounts"], result) == (
        "No failure is counted here. "
        "Not added to these sums: mfa-every-user, 1 failing (a stricter version of console-mfa)."
    )
