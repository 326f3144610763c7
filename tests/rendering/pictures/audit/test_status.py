"""The pictures of findings by status."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from matplotlib.patches import Rectangle

from analyzer.controls.vocabulary import JUDGED_KINDS, Outcome, Status
from analyzer.rendering.pictures.audit import status
from tests.audits import AS_OF, ODD
from tests.rendering.pictures.figures import (
    DASH,
    MANY_USERS,
    PLANS,
    bars,
    by_account_and_control,
    figure_of,
    numbers,
    texts,
    title,
)
from tests.reports import password, user

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from tests.running import Audit


def beside(figure: Figure, row: int) -> list[str]:
    """The texts in a row of the picture of controls, from the left."""
    row_texts = [text for text in figure.axes[0].texts if text.get_position()[1] == row]
    return [text.get_text() for text in sorted(row_texts, key=lambda text: text.get_window_extent().x0)]


def test_the_status_bars_are_the_counts(audit_of_size: Callable[[int], Audit]) -> None:
    result = audit_of_size(MANY_USERS)
    figure = status.draw(result)
    shown = [*Status, Outcome.INACTIVE]
    for panel, kind in enumerate(JUDGED_KINDS):
        counts = [result.count(kind, outcome) for outcome in shown]
        assert [bar.get_width() for bar in bars(figure, panel)] == counts
        assert [text.get_text().split()[0] for text in figure.axes[panel].texts] == [f"{count:,}" for count in counts]
        assert figure.axes[panel].get_title("left").startswith(f"{sum(counts):,} ")


def test_small_and_large_shares_are_neither_none_nor_all(audit_of: Callable[..., Audit]) -> None:
    recent = password(changed=(AS_OF - timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    many = [user(f"u{n}", **recent) for n in range(300)]
    shown = [text.strip() for text in texts(status.draw(audit_of([*many, user("a", **password())])))]
    assert {"300 (over 99%)", "1 (under 1%)", "0"} <= set(shown)


@pytest.mark.parametrize("checklist", ["all", "policy", "security-hub", "lone", "cis-1.2"])
def test_bars_and_numbers_by_control_are_the_counts(audit_by_plan: Callable[..., Audit], checklist: str) -> None:
    result = audit_by_plan(checklist, ODD, 700)
    figure = figure_of(result, "status")
    cells = by_account_and_control(result)
    waived = bool(result.totals["waived"])
    assert waived == (checklist == "policy")
    lengths: dict[tuple[str, int], float] = {}
    for container in figure.axes[0].containers:
        label = str(container.get_label())
        for bar in container:
            assert isinstance(bar, Rectangle)
            row = round(bar.get_y() + bar.get_height() / 2)
            lengths[label, row] = bar.get_width()
            assert (bar.get_hatch() is not None) == label.endswith("waived")
            # Each part begins where those before it end.
            before = sum(length for (_, at), length in lengths.items() if at == row) - bar.get_width()
            assert bar.get_x() == pytest.approx(before)
    for row, (check, counts) in enumerate(zip(result.checklist.checks, result.by_control, strict=True)):
        shown = beside(figure, row)
        assert shown[:2] == [check.requirement or DASH, shown[1]]
        assert shown[1].split(" ")[0] == check.control.id
        judged = counts["judged"]
        if not judged:
            absent = check.control.id == "additional-credentials"
            words = "not judged: the reports have no such column" if absent else "nothing to judge"
            assert shown[2:] == [words, *[DASH] * (5 if waived else 4)]
            assert not [length for (_, at), length in lengths.items() if at == row]
            continue
        expected = [f"{counts[name]:,}" for name in ("fail", "not_checked", "pass", "judged")]
        assert [text for text in shown[2:] if text] == expected + [f"({n:,})" for n in [counts["waived"]] if n]
        cells_of_row = [cell for (_, control), cell in cells.items() if control == row]
        for label, name in {"fail": "failing", "not checked": "undecided", "pass": "pass"}.items():
            share = sum(cell.get(name, 0) for cell in cells_of_row) / judged
            assert lengths.get((label, row), 0) == pytest.approx(share)
        hatched = sum(lengths.get((f"{label}, waived", row), 0) for label in ("fail", "not checked"))
        assert hatched == pytest.approx(counts["waived"] / judged)
    assert len({row for _, row in lengths}) == sum(counts["judged"] > 0 for counts in result.by_control)


@pytest.mark.parametrize("checklist", PLANS)
def test_the_title_by_control_adds_up(audit_by_plan: Callable[..., Audit], checklist: str) -> None:
    result = audit_by_plan(checklist, ODD, 120)
    heading = title(result, "status")
    fails, total, *_ = numbers(heading)
    # A control that is judged by two limits counts once, by the stricter one.
    ids = [check.control.id for check in result.checklist.checks]
    once = [counts for at, counts in enumerate(result.by_control) if ids[at] not in ids[:at]]
    assert fails == sum(counts["fail"] > 0 for counts in once)
    assert total == len(set(ids))
    rest_of_title = re.sub(r"\(.*?\)", "", heading).partition(";")[2]
    assert fails + sum(numbers(rest_of_title)) == total


def test_a_control_that_occurs_twice_shows_its_limit(audit_by_plan: Callable[..., Audit]) -> None:
    result = audit_by_plan("security-hub", ODD)
    for name in ("status", "matrix"):
        figure = figure_of(result, name)
        rows = [beside(figure, row)[:2] for row in range(len(result.checklist.checks))]
        assert ["IAM.22", "unused-credentials (45 days)"] in rows
        assert ["IAM.8", "unused-credentials (90 days)"] in rows
        assert "Security Hub" in texts(figure)
