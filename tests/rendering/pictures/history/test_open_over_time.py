"""The picture of open failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from analyzer.controls.catalog import BY_ID
from analyzer.controls.checklist import make_checklist
from analyzer.rendering.pictures.history.open_over_time import COLORS
from tests.rendering.pictures.figures import texts
from tests.rendering.pictures.history.worlds import (
    ACCOUNT,
    ALL_CONTROLS,
    Subject,
    World,
    all_of,
    dates_of,
    figure_of,
    history_of,
    is_missing,
    iso,
    number,
    title,
    world_and_history,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHECKLIST = make_checklist()


def areas(axes: Axes) -> dict[str, PolyCollection]:
    collections = [collection for collection in axes.collections if isinstance(collection, PolyCollection)]
    return {str(collection.get_label()): collection for collection in collections}


def height(area: PolyCollection, x: float) -> float:
    """How high an area is at `x`."""
    corners = np.concatenate([np.asarray(path.vertices) for path in area.get_paths()])
    starts, ends = corners[:-1], corners[1:]
    crossed = (starts[:, 0] - x) * (ends[:, 0] - x) < 0
    levels = starts[crossed, 1]
    return float(levels.max() - levels.min())


@pytest.mark.parametrize("world", ["two dates of many", "weekly", "two years"])
def test_areas_are_the_open_failures_by_kind(world: str) -> None:
    truth, history = world_and_history(world)
    shown = areas(figure_of(history, "open_over_time").axes[0])
    assert set(shown) == {"passwords", "access keys"}
    for label, kind in (("passwords", "password"), ("access keys", "access_key")):
        for day in dates_of(truth)[:: 1 + len(dates_of(truth)) // 60]:
            assert height(shown[label], number(day) + 0.5) == truth.open_on(day, kind=kind)


@pytest.mark.parametrize("world", ["a month", "many"])
def test_areas_are_the_open_failures_by_control(world: str) -> None:
    truth, history = world_and_history(world)
    figure = figure_of(history, "open_over_time")
    shown = areas(figure.axes[0])
    control_labels = [label for label in shown if label in ALL_CONTROLS]
    sums = history.trend.groupby("control", observed=True)["open"].sum()
    largest = sorted(sums[sums > 0].index, key=lambda name: (-sums[name], name))
    assert sorted(control_labels) == sorted(largest[:7])
    sum_labels = [label for label in shown if label not in ALL_CONTROLS]
    assert sum_labels == ([f"{len(largest) - 7} further controls"] if len(largest) > 7 else [])
    every = dates_of(truth)
    for day in [every[0], *every[:: 1 + len(every) // 8], every[-1]]:
        counts = {name: truth.open_on(day, control=name) for name in largest}
        assert {name: height(shown[name], number(day) + 0.5) for name in control_labels} == {
            n: counts[n] for n in control_labels
        }
        for label in sum_labels:
            assert height(shown[label], number(day) + 0.5) == sum(counts[name] for name in largest[7:])
    # The text beside each area is its height at the end.
    last = {name: truth.open_on(every[-1], control=name) for name in control_labels}
    assert {f"{name}  {count:,}" for name, count in last.items()} <= set(texts(figure))
    assert title(history, "open_over_time").startswith(
        f"{truth.open_on(every[-1]):,} failures open on {iso(every[-1])}"
    )


def test_the_last_of_eight_controls_has_its_name() -> None:
    subjects = [Subject(ACCOUNT, "FF", control) for control in ALL_CONTROLS[:8]]
    figure = figure_of(history_of(World({ACCOUNT: [0, 1]}, subjects), make_checklist()), "open_over_time")
    assert set(areas(figure.axes[0])) == set(ALL_CONTROLS[:8])


def test_accounts_seen_and_missing_are_shown_below() -> None:
    truth, history = world_and_history("a month")
    figure = figure_of(history, "open_over_time")
    below = areas(figure.axes[1])
    for day in range(31):
        account_count = sum(days[0] <= day for days in truth.days.values())
        missing = sum(is_missing(days, day, 30) for days in truth.days.values())
        present = height(below["seen"], number(day) + 0.5)
        assert present == account_count - missing
        if missing:
            assert height(below["missing"], number(day) + 0.5) == missing
    assert "Hatched: snapshots of some accounts are missing" in all_of(figure)
    # Sums of different accounts are not compared.
    assert title(history, "open_over_time").endswith(" in 3 accounts")
    assert "," not in title(history, "open_over_time")
    for whole in ("two years", "one"):
        figure = figure_of(world_and_history(whole)[1], "open_over_time")
        assert len(figure.axes) == 1
        assert "Hatched" not in all_of(figure)


def test_days_without_snapshots_are_hatched() -> None:
    figure = figure_of(world_and_history("weekly")[1], "open_over_time")
    hatched = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle) and patch.get_hatch()]
    assert [(patch.get_x(), patch.get_width()) for patch in hatched] == [(number(63) + 1, 105 - 63 - 1)]


def test_a_control_keeps_its_colour_from_run_to_run() -> None:
    assert set(COLORS) == {*BY_ID, "passwords", "access keys"}
    assert len({COLORS[name] for name in ALL_CONTROLS}) == len(ALL_CONTROLS)
    first = history_of(
        World(
            {ACCOUNT: [0, 1]}, [Subject(ACCOUNT, "FF", ALL_CONTROLS[3])] * 9 + [Subject(ACCOUNT, "PF", ALL_CONTROLS[0])]
        ),
        CHECKLIST,
    )
    second = history_of(
        World(
            {ACCOUNT: [0, 1]}, [Subject(ACCOUNT, "FF", ALL_CONTROLS[0])] * 9 + [Subject(ACCOUNT, "PF", ALL_CONTROLS[3])]
        ),
        CHECKLIST,
    )
    colours = [
        {
            name: to_hex(tuple(np.asarray(area.get_facecolor())[0].tolist()))
            for name, area in areas(figure_of(history, "open_over_time").axes[0]).items()
        }
        for history in (first, second)
    ]
    assert colours[0] == colours[1] == {name: COLORS[name].lower() for name in (ALL_CONTROLS[0], ALL_CONTROLS[3])}


def test_the_newest_snapshot_is_as_wide_as_the_others() -> None:
    figure = figure_of(
        history_of(World({ACCOUNT: [0, 30, 60]}, [Subject(ACCOUNT, "PFF")] * 3 + [Subject(ACCOUNT, "PPF")])),
        "open_over_time",
    )
    area = areas(figure.axes[0])["passwords"]
    assert [height(area, number(day)) for day in (31, 59, 61, 89)] == [3, 3, 4, 4]
    assert figure.axes[0].get_xlim()[1] == number(90)
