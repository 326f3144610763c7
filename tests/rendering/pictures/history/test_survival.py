"""The picture of how long failures stay open."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from analyzer.controls.vocabulary import counted
from analyzer.rendering.pictures import render
from tests.rendering.pictures.figures import assert_readable, texts, why_not
from tests.rendering.pictures.history.worlds import (
    ACCOUNT,
    Subject,
    World,
    all_of,
    figure_of,
    history_of,
    lifetimes_of,
    line,
    title,
    world_and_history,
    worlds_with,
)


@pytest.mark.parametrize("sla", [None, 1, 29, 31, 4_000])
@pytest.mark.parametrize("world", ["one", "weekly", "a month", "many"])
def test_a_deadline_is_readable_at_any_day(world: str, sla: int | None) -> None:
    figure = figure_of(replace(world_and_history(world)[1], sla_days=sla), "survival")
    assert_readable(figure)
    assert ("deadline" in all_of(figure)) == (sla is not None)


def estimate(observed: list[tuple[float, bool]], day: float) -> float:
    """The product of the shares that outlast each day: failures were open for so many days, and then closed or not."""
    share = 1.0
    for at in sorted({days for days, _ in observed if days <= day}):
        ended = sum(days == at and end for days, end in observed)
        share *= 1 - ended / sum(days >= at for days, _ in observed)
    return share


def least_share(failures: list[tuple[float, float, bool]], day: float) -> float:
    """The share if every failure that can be closed by the day is, as late as possible; others are lost as early."""
    after = day + 1e-6
    chosen = [
        (min(high, after) if low <= day else high, True) if ended else (low, False) for low, high, ended in failures
    ]
    return estimate(chosen, after)


def most_share(failures: list[tuple[float, float, bool]], day: float) -> float:
    """The share if only failures that must be closed by the day are, as early as possible; others are seen longest."""
    return estimate([(low if ended and high <= day else high, ended) for low, high, ended in failures], day)


@pytest.mark.parametrize("world", worlds_with("survival"))
def test_the_band_is_between_the_fewest_and_the_most_days_of_each_failure(world: str) -> None:
    truth, history = world_and_history(world)
    rows = [row for number in range(len(truth.subjects)) for row in lifetimes_of(truth, number)]
    new = [row for row in rows if not row["censored_left"] and row["opened_earliest"]]
    closed = [row["state"] == "closed" for row in new]
    began = [(row["last_seen"] - row["opened_earliest"]) / timedelta(days=1) for row in new]
    most = [
        row["open_days_max"] if row["open_days_max"] is not None else so_far
        for row, so_far in zip(new, began, strict=True)
    ]
    sides = [list(zip(days, closed, strict=True)) for days in ([row["open_days_min"] for row in new], most)]
    figure = figure_of(history, "survival")
    curves = {
        name: [np.asarray(values) for values in line(figure, f"still open, {name}").get_data()]
        for name in ("at least", "at most")
    }
    bounds = list(zip(*([days for days, _ in side] for side in sides), closed, strict=True))
    for day in range(0, int(max(most)) + 1, 1 + int(max(most)) // 60):
        shown = [values[1][np.searchsorted(values[0], day, "right") - 1] for values in curves.values()]
        assert shown[0] == pytest.approx(least_share(bounds, day))
        if len({high for _, high, ended in bounds if ended}) < 200:
            assert shown[1] == pytest.approx(most_share(bounds, day))
        else:  # the picture has no room for so many steps
            assert most_share(bounds, day) - 1e-9 <= shown[1] <= most_share(bounds, day) + 0.05
    left_out = len(rows) - len(new)
    assert (f"Left out: {counted(left_out, 'failure')} with an unknown start" in all_of(figure)) == (left_out > 0)
    ticks = [label.get_text().replace(",", "").split("\n") for label in figure.axes[0].get_xticklabels()]
    for text, count in ticks:
        counts = [sum(days >= int(text) for days, _ in side) for side in sides]
        assert count == "\N{EN DASH}".join(str(open_count) for open_count in sorted(set(counts)))


def test_medians_and_shares_are_bounds_in_words() -> None:
    world = World({ACCOUNT: [0, 31, 59, 90]}, [*[Subject(ACCOUNT, "PFPP")] * 4, *[Subject(ACCOUNT, "PFFP")] * 5])
    history = history_of(world, sla_days=60)
    # Four were open for 0 to 59 days, five for 28 to 90.
    assert title(history, "survival") == (
        "Median time to fix, all controls: between 28 and 90 days; 44% to 100% within 60 days"
    )
    coarse = all_of(figure_of(history, "survival"))
    assert "median:\nbetween 28 and 90 days" in coarse
    assert "deadline 60 days: 44% to 100% closed by then" in coarse
    assert "further apart" not in coarse
    finer = all_of(figure_of(replace(history, sla_days=14), "survival"))
    assert "deadline 14 days: 0% to 45% closed by then (snapshots are further apart)" in finer


def test_a_failure_open_when_last_seen_may_be_closed_by_the_deadline() -> None:
    world = World(
        {ACCOUNT: [0, 1, 2, 3]}, [Subject(ACCOUNT, "PFFP"), Subject(ACCOUNT, "PPFF"), Subject(ACCOUNT, "PPFF")]
    )
    history = history_of(world, sla_days=4)
    assert "deadline 4 days: 33% to 100% closed by then" in texts(figure_of(history, "survival"))
    history = history_of(replace(world, subjects=[Subject(ACCOUNT, "PFPP"), Subject(ACCOUNT, "PFFF")]), sla_days=9)
    assert "deadline 9 days: 50% to 100% closed by then" in texts(figure_of(history, "survival"))


def test_the_picture_says_that_the_median_is_not_reached() -> None:
    world = World({ACCOUNT: list(range(9))}, [Subject(ACCOUNT, "PFFPPPPPP"), *[Subject(ACCOUNT, "PFFFFFFFF")] * 300])
    history = history_of(world, sla_days=5)
    assert title(history, "survival") == (
        "All controls: 1 of 301 failures closed; the median is not reached; 0% to 1% within 5 days"
    )
    assert {"median:\nnot reached", "90th percentile:\nnot reached"} <= set(texts(figure_of(history, "survival")))
    only_older = history_of(World({ACCOUNT: [0, 1]}, [Subject(ACCOUNT, "FF")]))
    assert why_not(render.HISTORY["survival"], only_older) == "No snapshots show the start of a failure."
