"""Axes of time leave out days long before all others, and pictures say so."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.rendering.pictures.history.coverage import SnapshotCoverage
from analyzer.rendering.pictures.history.days import without_stragglers
from tests.rendering.pictures.history.worlds import (
    ACCOUNT,
    LONG_AGO,
    Subject,
    World,
    all_of,
    bars,
    cells_of,
    figure_of,
    history_of,
    iso,
    number,
    title,
    world_and_history,
)

DAYS = st.one_of(
    st.lists(st.integers(0, 20_000), unique=True, max_size=40),
    # A few old days, and many that are close together.
    st.tuples(
        st.lists(st.integers(0, 9_000), unique=True, max_size=4),
        st.lists(st.integers(15_000, 15_400), unique=True, max_size=30),
    ).map(lambda parts: [*parts[0], *parts[1]]),
).map(sorted)


@given(DAYS, st.integers(-30_000, 30_000))
def test_the_days_left_out_are_few_and_long_before_the_others(days: list[int], later: int) -> None:
    shown_days = without_stragglers(np.array(days, dtype=np.int64)).tolist()
    left_out = days[: len(days) - len(shown_days)]
    assert left_out + shown_days == days
    if left_out:
        assert shown_days[0] - left_out[-1] > 2 * (shown_days[-1] - shown_days[0])
        assert len(shown_days) >= 5 * len(left_out)
    elif len(days) > 5:
        assert days[1] - days[0] <= 2 * (days[-1] - days[1]), "one lonely day would leave most of the axis empty"
    moved = without_stragglers(np.array(days, dtype=np.int64) + later)
    assert moved.tolist() == [day + later for day in shown_days]


@given(st.integers(1, 400), st.integers(2, 60), st.integers(1, 2))
def test_an_old_report_is_left_out_and_an_even_series_is_whole(step: int, count: int, old: int) -> None:
    series = np.arange(count) * step
    assert without_stragglers(series).tolist() == series.tolist()
    before = np.arange(-old, 0) * step - 2 * count * step
    shown_days = without_stragglers(np.concatenate([before, series]))
    assert len(shown_days) == count + (0 if count >= 5 * old else old)


@pytest.mark.parametrize("name", ["open_over_time", "opened_closed", "accounts_over_time"])
def test_old_reports_are_not_shown_and_the_picture_says_so(name: str) -> None:
    history = world_and_history("long ago")[1]
    assert SnapshotCoverage(history).days.tolist() == [number(day) for day in LONG_AGO[2:]]
    figure = figure_of(history, name)
    note = f"Not shown: snapshots of 2 days, {iso(LONG_AGO[0])} to {iso(LONG_AGO[1])}, long before all others."
    assert note in all_of(figure)
    assert "Not shown" not in all_of(figure_of(world_and_history("weekly")[1], name))


def test_one_old_report_has_its_date() -> None:
    history = history_of(World({ACCOUNT: LONG_AGO[1:]}, [Subject(ACCOUNT, "F" * (len(LONG_AGO) - 1))]))
    assert f"Not shown: snapshots of {iso(LONG_AGO[1])}, long before all others." in all_of(
        figure_of(history, "open_over_time")
    )


def test_every_opened_and_closed_failure_is_shown_or_counted() -> None:
    history = world_and_history("long ago")[1]
    figure = figure_of(history, "opened_closed")
    note = re.search(r"They show ([\d,]+) opened, ([\d,]+) closed, ([\d,]+) lost to follow-up\.", all_of(figure))
    assert note
    new = history.lifetimes[~history.lifetimes["censored_left"].astype(bool)]
    states = history.lifetimes["state"].astype("str")
    assert sum(bars(figure, "opened")) + int(note[1]) == len(new)
    assert -sum(bars(figure, "closed")) + int(note[2]) == (states == "closed").sum()
    assert int(note[2]) > 0
    assert title(history, "opened_closed").startswith(f"{sum(bars(figure, 'opened')):.0f} failures opened")


def test_titles_and_cells_are_about_the_shown_days() -> None:
    truth, history = world_and_history("long ago")
    first, last = LONG_AGO[2], LONG_AGO[-1]
    assert title(history, "open_over_time") == (
        f"{truth.open_on(last)} failures open on {iso(last)}, {truth.open_on(first)} on {iso(first)}"
    )
    assert figure_of(history, "open_over_time").axes[0].get_xlim()[0] == number(first)
    assert len(cells_of(figure_of(history, "accounts_over_time"))) <= 2 * 13


def test_a_failure_that_began_in_a_gap_of_years_does_not_stretch_the_days_open() -> None:
    history = history_of(
        World(
            {ACCOUNT: LONG_AGO[1:]},
            [
                Subject(ACCOUNT, "PFP" + "P" * 10),
                *[Subject(ACCOUNT, "PP" + "P" * at + "F" * (5 - at) + "P" * 6) for at in range(4)],
                *[Subject(ACCOUNT, "PP" + "F" * 9 + "PP"), Subject(ACCOUNT, "PP" + "F" * 7 + "PPPP")],
            ],
        )
    )
    figure = figure_of(history, "survival")
    assert figure.axes[0].get_xlim()[1] < 400
    assert "Beyond the scale: 1 failure, open for at most 4,300 days." in all_of(figure)
