"""The picture of idle time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pytest

from analyzer.controls.vocabulary import Status
from analyzer.judging.staleness import EXACT
from analyzer.rendering.pictures.audit import idle_days
from tests.audits import ODD
from tests.rendering.pictures.figures import (
    MANY_USERS,
    bars,
    figure_of,
    numbers,
    subtitle,
    texts,
    title,
    with_limit,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.running import Audit


def test_the_bins_hold_every_exact_idle_time(audit_of_size: Callable[[int], Audit]) -> None:
    result = audit_of_size(MANY_USERS)
    figure = idle_days.draw(result)
    exact = result.findings[result.findings["reason"].isin(list(EXACT))]
    days = exact["idle_days"].to_numpy(dtype=np.int64)
    is_password = (exact["credential"] == "password").to_numpy()
    assert title(result, "idle_days").startswith(f"{result.totals[Status.FAIL]:,} of {result.totals['judged']:,} ")
    for panel, chosen in enumerate((is_password, ~is_password)):
        heights = [bar.get_height() for bar in bars(figure, panel)]
        assert sum(heights) == chosen.sum()
        assert sum(heights[:5]) == (days[chosen] < 45).sum()
        assert heights[5] == ((days[chosen] >= 45) & (days[chosen] < 90)).sum()
        counts = [t.get_text() for t in figure.axes[panel].texts if re.fullmatch(r"[\d,]+", t.get_text())]
        assert counts == [f"{int(height):,}" for height in heights if height]
        assert figure.axes[panel].get_ylabel().startswith(f"{chosen.sum():,} ")
    left_out = sum(numbers(figure.texts[2].get_text()))
    assert left_out == len(result.findings) - len(exact)


@pytest.mark.parametrize("limit", [1, 10, 45, 400, 5_000])
def test_no_bin_is_on_both_sides_of_the_limit(audit_of_size: Callable[[int], Audit], limit: int) -> None:
    result = audit_of_size(MANY_USERS)
    figure = idle_days.draw(with_limit(result, limit))
    exact = result.findings[result.findings["reason"].isin(list(EXACT))]
    late = [
        bar.get_height()
        for panel in range(2)
        for bar in bars(figure, panel)
        if mpl.colors.to_hex(bar.get_facecolor()) == "#d55e00"
    ]
    assert sum(late) == (exact["idle_days"] >= limit).sum()


@pytest.mark.parametrize("name", ["idle_days", "age_vs_idle"])
def test_idle_time_is_the_same_beside_other_controls(
    audit_by_plan: Callable[..., Audit], audit_of: Callable[..., Audit], name: str
) -> None:
    lone = audit_of(ODD, many=500)
    for checklist in ("all", "cis-7.0", "security-hub"):
        several = audit_by_plan(checklist, ODD, 500)
        figure, expected = figure_of(several, name), figure_of(lone, name)
        # All texts but the subtitle.
        assert [t for t in texts(figure) if " · " not in t] == [t for t in texts(expected) if " · " not in t]
        assert [bar.get_height() for axes in range(len(figure.axes)) for bar in bars(figure, axes)] == [
            bar.get_height() for axes in range(len(expected.axes)) for bar in bars(expected, axes)
        ]
        assert "unused-credentials (" in subtitle(several, name)
        assert "unused-credentials" not in subtitle(lone, name)
