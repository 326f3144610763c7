"""The picture of opened and closed failures."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from tests.rendering.pictures.history.worlds import (
    ACCOUNT,
    UNITS,
    Subject,
    World,
    all_of,
    at,
    bars,
    dates_of,
    figure_of,
    history_of,
    lifetimes_of,
    line,
    spans,
    title,
    world_and_history,
)


@pytest.mark.parametrize(
    ("world", "unit"),
    [
        ("one", "day"),
        ("a month", "day"),
        ("weekly", "week"),
        ("many", "week"),
        ("a dozen", "month"),
        ("two years", "month"),
    ],
)
def test_bars_are_the_opened_and_closed_failures(world: str, unit: str) -> None:
    truth, history = world_and_history(world)
    figure = figure_of(history, "opened_closed")
    rows = [row for number in range(len(truth.subjects)) for row in lifetimes_of(truth, number)]
    opened = Counter(UNITS[unit](row["first_seen"]) for row in rows if not row["censored_left"])
    closed = Counter(UNITS[unit](row["closed_at"]) for row in rows if row["closed_at"])
    lost = Counter(UNITS[unit](row["lost_at"]) for row in rows if row["lost_at"])
    labels = spans(truth, unit)
    if lost:
        assert bars(figure, "lost to follow-up (second number)") == [-lost[label] for label in labels]
    assert bars(figure, "opened") == [opened[label] for label in labels]
    assert bars(figure, "closed") == [-closed[label] for label in labels]
    net = np.asarray(line(figure, "net").get_ydata())
    for value, label in zip(net.tolist(), labels, strict=True):
        assert np.isnan(value) or value == opened[label] - closed[label] - lost[label]
    assert title(history, "opened_closed").startswith(f"{opened.total():,} failure")
    ticks = [(label.get_text(), label.get_position()[0]) for label in figure.axes[0].get_xticklabels()]
    assert [labels[round(x)] for _, x in ticks] == [text for text, _ in ticks]
    older = sum(row["censored_left"] for row in rows)
    assert not older or f"Not counted as opened: {older:,} failure" in all_of(figure)
    assert ("lost to follow-up" in title(history, "opened_closed")) == bool(lost)


@pytest.mark.parametrize("world", ["weekly", "a dozen", "a month", "many", "unknown"])
def test_opened_less_closed_and_lost_is_the_change_of_open_failures(world: str) -> None:
    truth, history = world_and_history(world)
    note = re.search(
        r"Since the first day: ([\d,]+) opened(?:, ([\d,]+) found in accounts seen later)?, ([\d,]+) closed, "
        r"([\d,]+) lost to follow-up",
        all_of(figure_of(history, "open_over_time")),
    )
    assert note
    opened, found_later, closed, lost = (int((number_text or "0").replace(",", "")) for number_text in note.groups())
    days = dates_of(truth)
    assert truth.open_on(days[-1]) - truth.open_on(days[0]) == opened + found_later - closed - lost
    rows = [row for number in range(len(truth.subjects)) for row in lifetimes_of(truth, number)]
    net = sum(not row["censored_left"] for row in rows) - sum(row["state"] != "open" for row in rows)
    words = f"{net:+,} net".replace("-", "\N{MINUS SIGN}") if net else "no net change"
    assert title(history, "opened_closed").endswith(words) or world == "unknown"


def test_failures_of_the_first_snapshot_do_not_count_as_opened() -> None:
    world = World({ACCOUNT: [0, 1, 2]}, [*[Subject(ACCOUNT, "FFF")] * 500, Subject(ACCOUNT, "PFF")])
    figure = figure_of(history_of(world), "opened_closed")
    assert bars(figure, "opened") == [0, 1, 0]
    note = "Not counted as opened: 500 failures already in the oldest snapshot of their accounts."
    assert note in all_of(figure)


def test_the_net_line_stops_where_there_is_no_snapshot() -> None:
    truth, history = world_and_history("weekly")
    figure = figure_of(history, "opened_closed")
    units_with_snapshots = {UNITS["week"](at(day)) for day in dates_of(truth)}
    net = np.asarray(line(figure, "net").get_ydata())
    assert np.isnan(net).tolist() == [label not in units_with_snapshots for label in spans(truth, "week")]
    assert "Hatched: no snapshot." in all_of(figure)
