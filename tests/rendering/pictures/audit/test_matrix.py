"""The picture of controls by account."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import pytest
from matplotlib.patches import Rectangle

from analyzer.evidence.settings import Settings
from analyzer.rendering.pictures import canvas
from tests.audits import AS_OF, ODD
from tests.rendering.pictures.figures import (
    DASH,
    OLD_KEY,
    assert_readable,
    by_account_and_control,
    cells_of,
    figure_of,
    texts,
)
from tests.reports import ACCOUNT, COLUMNS_22, csv_of, root, user, write
from tests.running import Audit, audit

if TYPE_CHECKING:
    from collections.abc import Callable


def cell_text(counts: dict[str, int]) -> str:
    if counts.get("failing"):
        return f"{counts['failing']:,}{'?' if counts.get('undecided') else ''}"
    if counts.get("undecided"):
        return "?"
    if counts.get("waived"):
        return f"({counts['waived']:,})"
    return "0" if counts.get("pass") else DASH


@pytest.mark.parametrize("checklist", ["all", "policy", "security-hub", "root's"])
@pytest.mark.parametrize("many", [0, 700])
def test_the_numbers_of_the_matrix_are_the_counts(
    audit_by_plan: Callable[..., Audit], checklist: str, many: int
) -> None:
    result = audit_by_plan(checklist, ODD, many)
    figure = figure_of(result, "matrix")
    cells = by_account_and_control(result)
    sums = {account: [0, 0] for account, _ in cells}
    for (account, row), counts in cells.items():
        if row not in result.checklist.summed:
            continue  # the check repeats a stricter one
        sums[account][0] -= counts.get("failing", 0)
        sums[account][1] -= counts.get("undecided", 0)
    order = sorted(sums, key=lambda account: (*sums[account], account))
    shown = order[:15]
    texts_at = cells_of(figure)
    heads = [texts_at.pop((column, -0.65)).get_text().replace("\n", "") for column in range(len(shown))]
    assert heads == shown
    checks = result.checklist.most_severe_first
    severities = [result.checklist.checks[at].severity.code for at in checks]
    assert severities == sorted(severities)
    for row, check in enumerate(checks):
        for column, account in enumerate(shown):
            assert texts_at.pop((column, row)).get_text() == cell_text(cells.get((account, check), {}))
    if len(order) == 1:
        assert not texts_at
        return
    total = {at[1]: text.get_text() for at, text in texts_at.items()}
    assert {at[0] < -0.5 for at in texts_at} == {True}
    assert total.pop(-0.65) == f"all\n{len(order)}"
    for row, check in enumerate(checks):
        names = {name for cell in cells.values() for name in cell}
        whole = {name: sum(c.get(name, 0) for (_, at), c in cells.items() if at == check) for name in names}
        assert total.pop(row) == cell_text(whole)
    assert not total
    further = -sum(sums[account][0] for account in order[15:])
    assert f"Not shown: {len(order) - 15} further accounts with {further:,} failures." in " ".join(texts(figure))


def test_cells_are_told_apart_and_their_numbers_stand_out(audit_by_plan: Callable[..., Audit]) -> None:
    fills: dict[str, set[str]] = {}
    for many in (0, 700):
        result = audit_by_plan("policy and all", ODD, many)
        figure, counts_by_cell = figure_of(result, "matrix"), by_account_and_control(result)
        checks, heads = result.checklist.most_severe_first, cells_of(figure)
        heat: dict[float, float] = {}
        patches = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
        filled = {(round(patch.get_x() + 0.47), round(patch.get_y() + 0.44)): patch for patch in patches}
        for (x, y), text in cells_of(figure).items():
            shown = text.get_text()
            if y < 0 or x < 0:
                continue
            patch = filled.get((round(x), round(y)))
            assert (patch is None) == (shown == DASH)
            if patch is None:
                continue
            fill = mpl.colors.to_hex(patch.get_facecolor())
            assert canvas.contrast(mpl.colors.to_hex(text.get_color()), fill) >= 4.5
            assert (patch.get_hatch() is not None) == shown.startswith("(")
            if shown in {"0", "?"} or shown.startswith("("):
                fills.setdefault(shown[0], set()).add(fill)
            else:
                counts = counts_by_cell[heads[(x, -0.65)].get_text(), checks[round(y)]]
                parts = [counts.get(name, 0) for name in ("failing", "undecided", "waived", "pass")]
                heat[round(parts[0] / sum(parts), 9)] = canvas.contrast("white", fill)
                fills.setdefault("1", set()).add(fill)
        assert [heat[count] for count in sorted(heat)] == sorted(set(heat.values()))
        assert len(heat) >= 3
    assert {look: len(colors) for look, colors in fills.items() if look != "1"} == {"0": 1, "?": 1, "(": 1}
    assert len(set().union(*fills.values())) == sum(map(len, fills.values()))


def test_an_unknown_account_has_a_column(tmp_path: Path) -> None:
    no_arn = tuple(column for column in COLUMNS_22 if column != "arn")
    write(tmp_path / "reports" / "2026-10-31.csv", csv_of(user("a", **OLD_KEY), columns=no_arn))
    write(tmp_path / "reports" / "more" / "2026-10-31.csv", csv_of(root(), user("a", **OLD_KEY)))
    result = audit([str(tmp_path / "reports")], Settings(as_of=AS_OF))
    figure = figure_of(result, "matrix")
    assert_readable(figure)
    assert {"unknown", ACCOUNT} <= set(texts(figure))
    assert "Reports without an account number are counted as one account." in " ".join(texts(figure))


def test_manual_checks_have_a_sign_of_their_own(tmp_path: Path) -> None:
    path = write(tmp_path / f"2026-10-31_{ACCOUNT}.csv", csv_of(root(mfa_active="true"), user("a", **OLD_KEY)))
    figure = figure_of(audit([path], Settings(as_of=AS_OF)), "matrix")
    assert {"m", "manual check"} <= set(texts(figure))
    assert "?" not in texts(figure)


def test_the_title_counts_the_controls_that_judged_something(tmp_path: Path) -> None:
    path = write(tmp_path / "2026-10-31.csv", csv_of(root(), user("ann", **OLD_KEY)))
    result = audit([path], Settings(as_of=AS_OF))
    judged = [counts for counts in result.by_control if counts["judged"]]
    failing = sum(counts["fail"] > 0 for counts in judged)
    assert failing > 0
    assert len(judged) < len(result.by_control)
    title = f"{failing} of {len(judged)} judged controls fail{'s' if failing == 1 else ''} in account {ACCOUNT}"
    assert title in texts(figure_of(result, "matrix"))
