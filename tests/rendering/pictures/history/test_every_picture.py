"""What is true of every picture of a history."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.image import imread

from analyzer.controls.checklist import make_checklist
from analyzer.rendering.pictures import render
from tests.rendering.pictures.figures import assert_readable, files_or_reasons, why_not
from tests.rendering.pictures.history.worlds import (
    ACCOUNT,
    WORLDS,
    Subject,
    World,
    all_of,
    bars,
    cells_of,
    figure_of,
    history_of,
    iso,
    random_verdicts,
    title,
    world_and_history,
    worlds_with,
)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("name", render.HISTORY)
def test_every_text_is_readable(name: str, world: str) -> None:
    history = world_and_history(world)[1]
    assert (why_not(render.HISTORY[name], history) is None) == (world in worlds_with(name))
    if world in worlds_with(name):
        assert_readable(figure_of(history, name))


@pytest.mark.parametrize("name", render.HISTORY)
def test_large_numbers_have_smaller_letters(name: str) -> None:
    history = world_and_history("many")[1]
    times = 40
    trend = history.trend.assign(
        **{measure: history.trend[measure] * times for measure in ("open", "opened", "closed", "lost")}
    )
    lifetimes = pd.concat([history.lifetimes] * times, ignore_index=True)
    assert_readable(figure_of(replace(history, trend=trend, lifetimes=lifetimes), name))


@pytest.mark.parametrize("length", [2, 31, 32, 217, 230, 950, 3_000, 13_000])
@pytest.mark.parametrize("every", [1, 30])
def test_bins_are_few_at_any_length(length: int, every: int) -> None:
    days = list(range(0, length, min(max(every, length // 200), length - 1)))
    chance = random.Random(3)  # noqa: S311 - no secret
    world = World({ACCOUNT: days}, [Subject(ACCOUNT, random_verdicts(chance, len(days))) for _ in range(30)])
    history = history_of(world)
    figure = figure_of(history, "accounts_over_time")
    assert_readable(figure)
    assert 1 <= len(cells_of(figure)) <= 31
    if why_not(render.HISTORY["opened_closed"], history) is None:
        figure = figure_of(history, "opened_closed")
        assert_readable(figure)
        new = history.lifetimes[~history.lifetimes["censored_left"].astype(bool)]
        assert sum(bars(figure, "opened")) == len(new)
        assert len(bars(figure, "opened")) <= 31
    assert_readable(figure_of(history, "open_over_time"))


@pytest.mark.parametrize("name", render.HISTORY)
def test_without_snapshots_there_is_no_picture(name: str) -> None:
    assert why_not(render.HISTORY[name], world_and_history("nothing")[1]) == "There are no snapshots."


def test_snapshots_of_a_single_day_give_no_picture() -> None:
    for world, day in (("one date", 0), ("one date of many", 5)):
        history = world_and_history(world)[1]
        for name in ("open_over_time", "accounts_over_time"):
            assert why_not(render.HISTORY[name], history) == f"All snapshots are of one day, {iso(day)}."
        changes = why_not(render.HISTORY["opened_closed"], history)
        assert changes == "No snapshot shows that a failure opened or closed."
        assert why_not(render.HISTORY["survival"], history) == "No snapshots show the start of a failure."


def test_without_failures_only_accounts_are_shown() -> None:
    history = world_and_history("no failure")[1]
    assert why_not(render.HISTORY["open_over_time"], history) == "No failure was open in any snapshot."
    assert why_not(render.HISTORY["opened_closed"], history) == "No snapshot shows that a failure opened or closed."
    assert why_not(render.HISTORY["survival"], history) == "There are no failures."
    assert title(history, "accounts_over_time") == f"No failure is open in account {ACCOUNT}"


def test_a_single_failure_is_in_the_singular() -> None:
    history = world_and_history("one")[1]
    assert title(history, "open_over_time") == f"0 failures open on {iso(3)}, 0 on {iso(0)}"
    assert title(history, "opened_closed") == "1 failure opened, 1 closed: no net change"
    assert title(history, "survival") == "One failure was open between 1 and 3 days, then closed"
    history = world_and_history("one open")[1]
    assert title(history, "open_over_time") == f"1 failure open on {iso(30)}, 0 on {iso(0)}"
    never_closed = "No snapshots show both the start and the end of a failure."
    assert why_not(render.HISTORY["survival"], history) == never_closed
    assert title(history, "accounts_over_time") == f"1 failure is open in account {ACCOUNT}"
    history = world_and_history("unknown")[1]
    assert title(history, "accounts_over_time") == f"1 of 2 accounts has open failures: account {ACCOUNT}, 1"
    assert "Reports without an account number are counted as one account." in all_of(
        figure_of(history, "accounts_over_time")
    )


@pytest.mark.parametrize("name", render.HISTORY)
def test_the_subtitle_names_snapshots_accounts_and_controls(name: str) -> None:
    below = figure_of(world_and_history("many")[1], name).texts[1].get_text()
    assert below == f"9,423 snapshots, {iso(0)} to {iso(199)} · 60 accounts"
    below = (
        figure_of(history_of(world_and_history("one")[0], make_checklist(benchmark="cis-7.0")), name)
        .texts[1]
        .get_text()
    )
    assert below.startswith("CIS ")
    below = figure_of(world_and_history("one")[1], name).texts[1].get_text()
    assert below.startswith("unused-credentials · ")
    assert below.endswith(" · root excluded")


def test_reference_dates_without_a_snapshot_are_counted() -> None:
    pairs = (("2024-11-30", "a"), ("2024-12-31", "a"), ("2024-11-30", "b"))
    history = replace(world_and_history("a dozen")[1], not_covered=pairs)
    for name in ("open_over_time", "accounts_over_time"):
        assert "No snapshot of 2 accounts for 2 reference dates." in all_of(figure_of(history, name))


@pytest.mark.parametrize("world", ["nothing", "one", "one open", "a month"])
def test_equal_bytes_whatever_the_readers_settings(world: str, tmp_path: Path) -> None:
    history = world_and_history(world)[1]
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    first = render.write_history(history, tmp_path / "a")
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "savefig.dpi": 30, "path.sketch": (1, 100, 2)}):
        before = dict(mpl.rcParams)
        second = render.write_history(history, tmp_path / "b")
        assert dict(mpl.rcParams) == before
    assert list(files_or_reasons(first)) == list(render.HISTORY)
    assert files_or_reasons(first) == files_or_reasons(second)
    for path in (tmp_path / "a").rglob("*.png"):
        assert imread(path).shape[:2] == (896, 1600)
        assert b"Software" not in path.read_bytes()
