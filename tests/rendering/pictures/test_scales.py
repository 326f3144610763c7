"""Panels that are compared share one scale, and the scale of bars has visible numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from analyzer.rendering.pictures import canvas
from tests.rendering.pictures.figures import MANY_USERS, figure_of
from tests.rendering.pictures.history import worlds

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    from tests.running import Audit


def assert_numbered(axis: Axis, most: float) -> None:
    """A scale has several numbers, each at its tick, and at least one beyond half of the largest value."""
    ticks, labels = axis.get_ticklocs().tolist(), axis.get_ticklabels()
    assert [label.get_text() for label in labels] == [f"{abs(tick):,.0f}" for tick in ticks]
    assert all(label.get_visible() for label in labels)
    assert 0 in ticks
    assert most / 2 < max(ticks)
    assert 2 <= len(ticks) <= 8


@pytest.mark.parametrize("users", [8, 50, MANY_USERS])
@pytest.mark.parametrize(("name", "side"), [("idle_days", "y"), ("status", "x")])
def test_kinds_of_credentials_share_one_scale(
    audit_of_size: Callable[[int], Audit], users: int, name: str, side: str
) -> None:
    panels = figure_of(audit_of_size(users), name).axes
    assert len(panels) == 2
    limits = {panel.get_ylim() if side == "y" else panel.get_xlim() for panel in panels}
    assert len(limits) == 1
    sizes = [[size(bar, side) for bars in panel.containers for bar in bars] for panel in panels]
    for panel in panels:
        assert_numbered(panel.yaxis if side == "y" else panel.xaxis, max(map(max, sizes)))


def size(bar: object, side: str) -> float:
    return float(bar.get_height() if side == "y" else bar.get_width())  # type: ignore[attr-defined]


@pytest.mark.parametrize("users", [50, MANY_USERS])
def test_bars_of_accounts_have_a_scale(audit_of_size: Callable[[int], Audit], users: int) -> None:
    result = audit_of_size(users)
    (panel,) = figure_of(result, "accounts").axes
    assert_numbered(panel.xaxis, int(result.by_account["fail"].max()))


@pytest.mark.parametrize("world", ["one", "a month", "many"])
def test_opened_and_closed_failures_share_one_scale(world: str) -> None:
    figure = worlds.figure_of(worlds.world_and_history(world)[1], "opened_closed")
    panel: Axes = figure.axes[0]
    assert_numbered(panel.yaxis, 0)
    low, high = panel.get_ylim()
    assert low <= min(worlds.bars(figure, "closed")) <= 0 <= max(worlds.bars(figure, "opened")) <= high


@pytest.mark.parametrize(("reach", "most", "step"), [(1, 6, 1), (6, 6, 1), (7, 6, 2), (61, 6, 20), (2_999, 6, 500)])
def test_steps_of_scales_are_round(reach: int, most: int, step: int) -> None:
    assert canvas.round_step(reach, most) == step
