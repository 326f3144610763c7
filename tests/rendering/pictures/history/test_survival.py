"""The picture of how long failures stay open."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.rendering.pictures.figures import assert_readable, texts
from tests.rendering.pictures.history.worlds import (
    ONE,
    Subject,
    World,
    all_of,
    drawn,
    drew,
    history_of,
    lifetimes_of,
    line,
    made,
    title,
)


@pytest.mark.parametrize("sla", [None, 1, 29, 31, 4_000])
@pytest.mark.parametrize("world", ["one", "weekly", "a month", "many"])
def test_a_deadline_is_readable_wherever_it_lies(world: str, sla: int | None) -> None:
    figure = drawn(replace(made(world)[1], sla_days=sla), "survival")
    assert_readable(figure)
    assert ("deadline" in all_of(figure)) == (sla is not None)


@pytest.mark.parametrize("world", drew("survival"))
def test_the_curve_is_the_product_of_the_shares_that_outlast_each_day(world: str) -> None:
    truth, history = made(world)
    rows = [row for number in range(len(truth.subjects)) for row in lifetimes_of(truth, number)]
    new = [(row["days_open"], row["state"] == "closed") for row in rows if not row["censored_left"]]
    figure = drawn(history, "survival")
    days, shares = (np.asarray(values) for values in line(figure, "still open").get_data())
    share, reached = 1.0, {0.5: -1, 0.1: -1}
    for day in range(int(days[-1]) + 1):
        share *= 1 - sum(one == day and end for one, end in new) / max(sum(one >= day for one, _ in new), 1)
        assert shares[np.searchsorted(days, day, "right") - 1] == pytest.approx(share)
        reached = {p: day if at_day < 0 and share <= p + 1e-9 else at_day for p, at_day in reached.items()}
        if day == 30 and len(new) > 1:
            assert f"deadline 30 days: {round(100 * (1 - share))}% closed by then" in texts(figure)
    for p, name in ((0.5, "median"), (0.1, "90th percentile")):
        said = "not reached" if reached[p] < 0 else f"{reached[p]} day{'s' if reached[p] != 1 else ''}"
        assert f"{name}: {said}" in texts(figure)
        if reached[p] >= 0:
            assert [float(one) for (one,) in map(np.asarray, line(figure, name).get_data())] == [
                reached[p],
                pytest.approx(p),
            ]
    marks = np.asarray(line(figure, "last seen open").get_xdata()).tolist()
    assert marks == sorted({day for day, end in new if not end})
    older = sum(row["censored_left"] for row in rows)
    assert (f"Left out: {older:,} that" in all_of(figure)) == (older > 0)
    ticks = [label.get_text().replace(",", "").split("\n") for label in figure.axes[0].get_xticklabels()]
    assert [int(count) for _, count in ticks] == [sum(one >= int(day) for one, _ in new) for day, _ in ticks]


def test_nothing_is_said_of_days_that_nobody_saw() -> None:
    # The one that lasted longest closed; the others were open when last seen: by the estimate, all close in time.
    world = World({ONE: [0, 1, 2, 3]}, [Subject(ONE, "PFFP"), Subject(ONE, "PPFF"), Subject(ONE, "PPFF")])
    for sla, said in ((2, "100% closed by then"), (3, "none observed for so long")):
        history = history_of(world, sla_days=sla)
        assert f"deadline {sla} days: {said}" in texts(drawn(history, "survival"))
    assert title(history, "survival") == "Half of the failures closed within 2 days"
    every = history_of(replace(world, subjects=[Subject(ONE, "PFFP"), Subject(ONE, "PFPP")]), sla_days=3)
    assert title(every, "survival") == "Half of the failures closed within 1 day; 100% within 3 days"


def test_what_is_not_reached_is_said() -> None:
    world = World({ONE: list(range(9))}, [Subject(ONE, "PFFPPPPPP"), *[Subject(ONE, "PFFFFFFFF")] * 300])
    history = history_of(world, sla_days=5)
    assert title(history, "survival") == "1 of 301 failures closed; the median is not reached; under 1% within 5 days"
    assert {"median: not reached", "90th percentile: not reached"} <= set(texts(drawn(history, "survival")))
    only_older = history_of(World({ONE: [0, 1]}, [Subject(ONE, "FF")]))
    assert texts(drawn(only_older, "survival"))[-1] == "All failures are older than the first snapshot."
