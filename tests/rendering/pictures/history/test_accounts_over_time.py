"""The picture of open failures by account."""

from __future__ import annotations

import matplotlib as mpl
import pytest
from matplotlib.patches import Rectangle

from analyzer.rendering.pictures import canvas
from tests.rendering.pictures.figures import texts
from tests.rendering.pictures.history.worlds import (
    UNITS,
    Subject,
    World,
    all_of,
    at,
    cells_of,
    dates_of,
    figure_of,
    history_of,
    is_missing,
    iso,
    title,
    world_and_history,
)


@pytest.mark.parametrize(
    ("world", "unit"),
    [
        *[(world, "day") for world in ("no failure", "one", "unknown", "a month")],
        *[(world, "week") for world in ("weekly", "many")],
        *[(world, "month") for world in ("a dozen", "two years")],
    ],
)
def test_cells_are_the_open_failures_of_an_account(world: str, unit: str) -> None:
    truth, history = world_and_history(world)
    figure = figure_of(history, "accounts_over_time")
    end = dates_of(truth)[-1]
    ends = {UNITS[unit](at(day)): day for day in range(end + 1)}
    starts = {UNITS[unit](at(day)): day for day in range(end, -1, -1)}
    cells = cells_of(figure)
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    first_day = dates_of(truth)[0]
    labels = [label for label in ends if ends[label] >= first_day]
    assert set(cells) == {(column, row) for column in range(len(labels)) for row in range(len(rows))}
    for row, name in enumerate(rows):
        account = None if name == "unknown" else name
        days = truth.days[account]
        for column, label in enumerate(labels):
            span = range(starts[label], ends[label] + 1)
            blank = ends[label] < days[0] or all(is_missing(days, day, end + 1) for day in span)
            assert cells[column, row] == ("" if blank else f"{truth.open_on(ends[label], account=account):,}")
    assert ("no snapshot" in texts(figure)) == ("" in cells.values())


def test_the_worst_accounts_come_first() -> None:
    truth, history = world_and_history("many")
    figure = figure_of(history, "accounts_over_time")
    counts = {account: truth.open_on(199, account=account) for account in truth.days}
    order = sorted(counts, key=lambda account: -counts[account])
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(rows) == 20
    assert [counts[row] for row in rows] == [counts[account] for account in order[:20]]
    further = sum(counts.values()) - sum(counts[row] for row in rows)
    assert f"Not shown: 40 further accounts with {further:,} open failures." in all_of(figure)
    assert title(history, "accounts_over_time") == (
        f"{sum(count > 0 for count in counts.values())} of 60 accounts have open failures; "
        f"account {order[0]} has {counts[order[0]]:,} of {sum(counts.values()):,}"
    )


def test_numbers_in_cells_stand_out() -> None:
    for world in ("many", "a month", "one"):
        axes = figure_of(world_and_history(world)[1], "accounts_over_time").axes[0]
        fills = {
            (round(patch.get_x() + 0.48), round(patch.get_y() + 0.46)): mpl.colors.to_hex(patch.get_facecolor())
            for patch in axes.patches
            if isinstance(patch, Rectangle)
        }
        for text in axes.texts:
            x, y = text.get_position()
            assert canvas.contrast(mpl.colors.to_hex(text.get_color()), fills[round(x), round(y)]) >= 4.5


@pytest.mark.parametrize(
    ("stopped", "note"),
    [
        ([], ""),
        (
            ["555555555555"],
            (
                "1 open failure of account 555555555555 is in the title, but not in the last column: its last "
                f"snapshot is of {iso(1)}."
            ),
        ),
        (
            ["555555555555", "666666666666"],
            (
                "2 open failures of 2 accounts are in the title, but not in the last column: their last "
                f"snapshots are of {iso(1)} or before."
            ),
        ),
    ],
)
def test_failures_that_the_last_column_does_not_show_are_named(stopped: list[str], note: str) -> None:
    recent = ("111111111111", "222222222222")
    days: dict[str | None, list[int]] = {account: list(range(60)) for account in recent}
    days |= {account: [0, 1] for account in stopped}
    history = history_of(World(days, [Subject(account, "F" * len(days[account])) for account in days]))
    figure = figure_of(history, "accounts_over_time")
    cells = cells_of(figure)
    last = max(column for column, _ in cells)
    in_column = sum(int(text) for (column, _), text in cells.items() if column == last and text)
    assert title(history, "accounts_over_time").endswith(f" of {in_column + len(stopped)}")
    assert note in all_of(figure)
    assert ("in the title" in all_of(figure)) == bool(stopped)
