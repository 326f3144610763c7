"""The pictures of a history, against small made-up ones whose every snapshot is known."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.image import imread
from matplotlib.patches import Rectangle

from analyzer.controls.checklist import Checklist, make_checklist
from analyzer.evidence.history import History
from analyzer.evidence.schema import COVERAGE, LIFETIMES, TREND, to_pandas
from analyzer.rendering.pictures import canvas as drawing
from analyzer.rendering.pictures import history as charts
from tests.outputs.test_charts import assert_readable, texts
from tests.reports import unused
from tests.running import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

START = datetime(2024, 11, 20, 6, 30, tzinfo=UTC)
ONE = "111122223333"


# --- made-up histories -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Subject:
    """What a subject's control says in each snapshot of its account: F(ail), P(ass) or ? (not known)."""

    account: str | None
    verdicts: str
    control: str = "unused-credentials"
    kind: str = "password"


@dataclass(frozen=True)
class World:
    """The days of each account's snapshots, and the subjects."""

    days: dict[str | None, list[int]]
    subjects: list[Subject]

    def failing(self, subject: Subject, day: int) -> bool:
        """Whether the account's newest snapshot at the end of `day` shows a failure."""
        known = [verdict for at, verdict in zip(self.days[subject.account], subject.verdicts, strict=True) if at <= day]
        return known[-1:] == ["F"]

    def open_on(self, day: int, **of: str | None) -> int:
        """Count the failures at the end of `day`."""
        return sum(self.failing(one, day) for one in self.subjects if all(getattr(one, key) == of[key] for key in of))


def at(day: int) -> datetime:
    return START + timedelta(days=day)


def iso(day: int) -> str:
    return f"{at(day):%Y-%m-%d}"


def usual(days: list[int]) -> float:
    steps = [later - earlier for earlier, later in pairwise(days)]
    return float(max(median(steps), 1)) if steps else 1.0


def lifetimes_of(world: World, number: int) -> list[dict[str, Any]]:
    subject = world.subjects[number]
    days, verdicts = world.days[subject.account], subject.verdicts
    rows, place, closed_before = [], 0, 0
    while place < len(days):
        if verdicts[place] != "F":
            place += 1
            continue
        first = place
        while place < len(days) and verdicts[place] == "F":
            place += 1
        state, end = "open", days[place - 1]
        if place < len(days):
            gap = days[place] - end > 1.5 * usual(days)
            state = "lost_sight" if gap or verdicts[place] == "?" else "closed"
            end = days[place] if state == "closed" else end
        rows.append(
            {
                "control": subject.control,
                "severity": "high",
                "account_id": subject.account,
                "user": f"u{number}",
                "credential": subject.kind,
                "kind": subject.kind,
                "first_seen": at(days[first]),
                "last_seen": at(days[place - 1]),
                "state": state,
                "closed_at": at(end) if state == "closed" else None,
                "closed_by": "used" if state == "closed" else None,
                "days_open": end - days[first],
                "reopened": closed_before,
                "censored_left": first == 0,
                "censored_right": state == "open",
            }
        )
        closed_before += state == "closed"
    return rows


def trend_of(world: World, rows: list[dict[str, Any]], controls: Sequence[str]) -> list[dict[str, Any]]:
    dates = sorted({day for days in world.days.values() for day in days})
    counts: Counter[tuple[str, str, datetime]] = Counter()
    for subject in world.subjects:
        days = [*world.days[subject.account], dates[-1] + 1]
        for day, until, verdict in zip(days, days[1:], subject.verdicts, strict=False):
            if verdict == "F":
                counts.update(("open", subject.control, at(one)) for one in dates if day <= one < until)
    for row in rows:
        counts["opened", row["control"], row["first_seen"]] += 1
        if row["closed_at"]:
            counts["closed", row["control"], row["closed_at"]] += 1
    return [
        {
            "date": at(day).date(),
            "control": control,
            **{measure: counts[measure, control, at(day)] for measure in ("open", "opened", "closed")},
            "accounts": sum(days[0] <= day for days in world.days.values()),
        }
        for day in dates
        for control in controls
    ]


def coverage_of(world: World) -> list[dict[str, Any]]:
    made = []
    newest = max((days[-1] for days in world.days.values()), default=0)
    for account, days in world.days.items():
        facts = {
            "account_id": account,
            "first": at(days[0]),
            "last": at(days[-1]),
            "snapshots": len(days),
            "usual_days": usual(days),
        }
        gaps = [(one, two) for one, two in pairwise(days) if two - one > 1.5 * usual(days)]
        own = [facts | {"gap_from": at(one), "gap_to": at(two)} for one, two in gaps]
        if newest - days[-1] > 1.5 * usual(days):
            own.append(facts | {"gap_from": at(days[-1])})
        made += own or [facts]
    return made


def frame(rows: list[dict[str, Any]], schema: pa.Schema) -> pd.DataFrame:
    plain = pa.schema([(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in schema])
    return to_pandas(pa.Table.from_pylist(rows, schema=plain).cast(schema))


def history_of(world: World, checklist: Checklist | None = None, **more: Any) -> History:  # noqa: ANN401
    checklist = checklist or unused()
    rows = [row for number in range(len(world.subjects)) for row in lifetimes_of(world, number)]
    return History(
        settings=Settings(checklist),
        inputs=pd.DataFrame(),
        lifetimes=frame(rows, LIFETIMES),
        trend=frame(trend_of(world, rows, [one.control.id for one in checklist.checks]), TREND),
        coverage=frame(coverage_of(world), COVERAGE),
        issues=pd.DataFrame(),
        **more,
    )


def lived(chance: random.Random, count: int) -> str:
    """The verdicts on a subject that mostly stays as it is."""
    said, now = "", chance.choice("FPP")
    for _ in range(count):
        now = chance.choices([now, "F", "P", "?"], [30, 1, 2, 0.2])[0]
        said += now
    return said


def random_world(days: dict[str | None, list[int]], subjects: int, controls: Sequence[str] = ()) -> World:
    chance = random.Random(7)  # noqa: S311 - no secret
    made = []
    for number in range(subjects):
        account = list(days)[
            min(int(chance.paretovariate(0.6)) - 1, len(days) - 1) if number % 3 else number % len(days)
        ]
        control = chance.choices(controls, range(len(controls), 0, -1))[0] if controls else "unused-credentials"
        kind = chance.choice(["password", "access_key", "access_key"])
        made.append(Subject(account, lived(chance, len(days[account])), control, kind))
    return World(days, made)


def accounts(count: int) -> list[str]:
    return [f"{111122223333 + 7 * number}" for number in range(count)]


def daily(count: int, length: int) -> dict[str | None, list[int]]:
    """Accounts with daily snapshots: some begin later, have a gap, or stop."""
    days: dict[str | None, list[int]] = {}
    for number, account in enumerate(accounts(count)):
        every = list(range(number * length // (3 * count), length))
        if number % 4 == 1:
            every = [day for day in every if not length // 2 <= day < length // 2 + length // (6 + number % 7)]
        days[account] = every[: len(every) * 3 // 4] if number % 9 == 5 else every
    return days


ALL = tuple(one.control.id for one in make_checklist().checks)
WORLDS: dict[str, Callable[[], tuple[World, Checklist]]] = {
    "nothing": lambda: (World({}, []), unused()),
    "no failure": lambda: (World({ONE: [0, 1, 2]}, [Subject(ONE, "PPP")]), make_checklist()),
    "one": lambda: (World({ONE: [0, 1, 2, 3]}, [Subject(ONE, "PFFP")]), unused()),
    "one open": lambda: (World({ONE: [0, 30]}, [Subject(ONE, "PF")]), unused()),
    "one date": lambda: (random_world({ONE: [0]}, 40, ALL), make_checklist()),
    "one date of many": lambda: (random_world({account: [5] for account in accounts(60)}, 400), unused()),
    "a dozen": lambda: (random_world({ONE: [0, 31, 60, 91, 121, 152]}, 12), unused()),
    "unknown": lambda: (World({None: [0, 1], ONE: [1]}, [Subject(None, "FP"), Subject(ONE, "F")]), unused()),
    "a month": lambda: (random_world(daily(3, 31), 60, ALL), make_checklist()),
    "weekly": lambda: (random_world({ONE: [*range(0, 70, 7), *range(105, 190, 7)]}, 300), unused()),
    "two years": lambda: (random_world(daily(1, 731), 40), unused()),
    "many": lambda: (random_world(daily(60, 200), 1500, ALL), make_checklist()),
}
_MADE: dict[str, tuple[World, History]] = {}


def made(name: str) -> tuple[World, History]:
    """Return a world and its history; each is made once."""
    if name not in _MADE:
        world, checklist = WORLDS[name]()
        _MADE[name] = world, history_of(world, checklist, sla_days=30)
    return _MADE[name]


_DRAWN: dict[tuple[int, str], Figure] = {}


def drawn(history: History, name: str) -> Figure:
    """Return a picture; those of the worlds are drawn once."""
    if not any(history is known for _, known in _MADE.values()):
        return draw(history, name)
    if (id(history), name) not in _DRAWN:
        _DRAWN[id(history), name] = draw(history, name)
    return _DRAWN[id(history), name]


def draw(history: History, name: str) -> Figure:
    with drawing.own_style():
        figure = charts.CHARTS[name](history)
        figure.draw_without_rendering()
    return figure


def title(history: History, name: str) -> str:
    return drawn(history, name).texts[0].get_text()


def drew(name: str) -> list[str]:
    """The worlds of which a picture shows more than why there is nothing to show."""
    few = {"nothing"} if name == "accounts_over_time" else {"nothing", "no failure"}
    if name in {"opened_closed", "survival"}:
        few |= {"one date", "one date of many"}
    return [
        world
        for world in WORLDS
        if world not in few | ({"a dozen", "unknown", "one open"} if name == "survival" else set())
    ]


def all_of(figure: Figure) -> str:
    return " ".join(texts(figure))


# --- reading well ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("name", charts.CHARTS)
def test_every_text_is_readable(name: str, world: str) -> None:
    figure = drawn(made(world)[1], name)
    assert_readable(figure)
    assert bool(figure.axes) == (world in drew(name))


@pytest.mark.parametrize("sla", [None, 1, 29, 31, 4_000])
@pytest.mark.parametrize("world", ["one", "weekly", "a month", "many"])
def test_a_deadline_is_readable_wherever_it_lies(world: str, sla: int | None) -> None:
    figure = drawn(replace(made(world)[1], sla_days=sla), "survival")
    assert_readable(figure)
    assert ("deadline" in all_of(figure)) == (sla is not None)


@pytest.mark.parametrize("name", charts.CHARTS)
def test_large_numbers_have_smaller_letters(name: str) -> None:
    history = made("many")[1]
    times = 40
    trend = history.trend.assign(**{one: history.trend[one] * times for one in ("open", "opened", "closed")})
    lifetimes = pd.concat([history.lifetimes] * times, ignore_index=True)
    assert_readable(drawn(replace(history, trend=trend, lifetimes=lifetimes), name))


@pytest.mark.parametrize("length", [2, 31, 32, 217, 230, 950, 3_000, 13_000])
@pytest.mark.parametrize("every", [1, 30])
def test_bins_are_few_at_any_length(length: int, every: int) -> None:
    days = list(range(0, length, max(every, length // 200)))
    chance = random.Random(3)  # noqa: S311 - no secret
    world = World({ONE: days}, [Subject(ONE, lived(chance, len(days))) for _ in range(30)])
    history = history_of(world)
    figure = drawn(history, "accounts_over_time")
    assert_readable(figure)
    assert 1 <= len(cells_of(figure)) <= 31
    figure = drawn(history, "opened_closed")
    assert_readable(figure)
    if figure.axes:
        new = history.lifetimes[~history.lifetimes["censored_left"].astype(bool)]
        assert sum(bars(figure, "opened")) == len(new)
        assert len(bars(figure, "opened")) <= 31
    assert_readable(drawn(history, "open_over_time"))


# --- saying what is there --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", charts.CHARTS)
def test_without_snapshots_the_picture_says_so(name: str) -> None:
    figure = drawn(made("nothing")[1], name)
    assert not figure.axes
    assert texts(figure)[-1] == "There are no snapshots."


def test_without_failures_the_picture_says_so() -> None:
    history = made("no failure")[1]
    assert texts(drawn(history, "open_over_time"))[-1] == "No failure was open in any snapshot."
    assert texts(drawn(history, "opened_closed"))[-1] == "No snapshot shows a change."
    assert texts(drawn(history, "survival"))[-1] == "There are no failures."
    assert title(history, "accounts_over_time") == f"No failure is open in account {ONE}"


def test_one_is_singular() -> None:
    history = made("one")[1]
    assert title(history, "open_over_time") == f"0 failures open on {iso(3)}, 0 on {iso(0)}"
    assert title(history, "opened_closed") == "1 failure opened, 1 closed: no net change"
    assert title(history, "survival") == "One failure: closed after 2 days"
    history = made("one open")[1]
    assert title(history, "open_over_time") == f"1 failure open on {iso(30)}, 0 on {iso(0)}"
    assert title(history, "survival") == "No failure observed for a day or longer"
    seen_twice = history_of(World({ONE: [0, 1, 2]}, [Subject(ONE, "PFF")]))
    assert title(seen_twice, "survival") == "One failure: open when last seen, after 1 day"
    assert title(history, "accounts_over_time") == f"1 failure is open in account {ONE}"
    history = made("unknown")[1]
    assert title(history, "accounts_over_time") == f"1 of 2 accounts has open failures: account {ONE}, 1"
    assert "Reports that tell no account are counted as one account." in all_of(drawn(history, "accounts_over_time"))


@pytest.mark.parametrize("name", charts.CHARTS)
def test_the_line_below_the_title_says_of_what(name: str) -> None:
    below = drawn(made("many")[1], name).texts[1].get_text()
    assert below == f"9,423 snapshots, {iso(0)} to {iso(199)} · 60 accounts"
    below = drawn(history_of(made("one")[0], make_checklist(benchmark="cis-7.0")), name).texts[1].get_text()
    assert below.startswith("CIS ")
    assert drawn(made("one date")[1], name).texts[1].get_text() == f"1 snapshot, {iso(0)} · 1 account"
    below = drawn(made("one")[1], name).texts[1].get_text()
    assert below.startswith("unused-credentials · ")
    assert below.endswith(" · root excluded")


def test_reference_dates_without_a_snapshot_are_told() -> None:
    pairs = (("2024-11-30", "a"), ("2024-12-31", "a"), ("2024-11-30", "b"))
    history = replace(made("a dozen")[1], not_covered=pairs)
    for name in ("open_over_time", "accounts_over_time"):
        assert "No snapshot of 2 accounts for 2 reference dates." in all_of(drawn(history, name))


# --- open failures over time -----------------------------------------------------------------------------------------


def areas(axes: Axes) -> dict[str, PolyCollection]:
    found = [one for one in axes.collections if isinstance(one, PolyCollection)]
    return {str(one.get_label()): one for one in found}


def height(area: PolyCollection, x: float) -> float:
    """How high an area is at `x`."""
    corners = np.concatenate([np.asarray(path.vertices) for path in area.get_paths()])
    one, other = corners[:-1], corners[1:]
    crossed = (one[:, 0] - x) * (other[:, 0] - x) < 0
    levels = one[crossed, 1]
    return float(levels.max() - levels.min())


def number(day: int) -> int:
    return (at(day).date() - date(1970, 1, 1)).days


def dates_of(world: World) -> list[int]:
    return sorted({day for days in world.days.values() for day in days})


@pytest.mark.parametrize("world", ["one date of many", "weekly", "two years"])
def test_areas_are_the_open_failures_by_kind(world: str) -> None:
    truth, history = made(world)
    shown = areas(drawn(history, "open_over_time").axes[0])
    assert set(shown) == {"passwords", "access keys"}
    for label, kind in (("passwords", "password"), ("access keys", "access_key")):
        for day in dates_of(truth)[:: 1 + len(dates_of(truth)) // 60]:
            assert height(shown[label], number(day) + 0.5) == truth.open_on(day, kind=kind)


@pytest.mark.parametrize("world", ["one date", "a month", "many"])
def test_areas_are_the_open_failures_by_control(world: str) -> None:
    truth, history = made(world)
    figure = drawn(history, "open_over_time")
    shown = areas(figure.axes[0])
    named = [label for label in shown if label in ALL]
    sums = history.trend.groupby("control", observed=True)["open"].sum()
    largest = sorted(sums[sums > 0].index, key=lambda name: (-sums[name], name))
    assert sorted(named) == sorted(largest[:7])
    rest = [label for label in shown if label not in ALL]
    assert rest == ([f"{len(largest) - 7} further controls"] if len(largest) > 7 else [])
    every = dates_of(truth)
    for day in [every[0], *every[:: 1 + len(every) // 8], every[-1]]:
        counts = {name: truth.open_on(day, control=name) for name in largest}
        assert {name: height(shown[name], number(day) + 0.5) for name in named} == {n: counts[n] for n in named}
        for label in rest:
            assert height(shown[label], number(day) + 0.5) == sum(counts[name] for name in largest[7:])
    # Beside each area stands how high it is at the end.
    last = {name: truth.open_on(every[-1], control=name) for name in named}
    assert {f"{name}  {count:,}" for name, count in last.items()} <= set(texts(figure))
    assert title(history, "open_over_time").startswith(
        f"{truth.open_on(every[-1]):,} failures open on {iso(every[-1])}"
    )


def test_the_last_of_eight_controls_has_its_name() -> None:
    subjects = [Subject(ONE, "F", control) for control in ALL[:8]]
    figure = drawn(history_of(World({ONE: [0]}, subjects), make_checklist()), "open_over_time")
    assert set(areas(figure.axes[0])) == set(ALL[:8])


def test_accounts_seen_and_missing_are_shown_below() -> None:
    truth, history = made("a month")
    figure = drawn(history, "open_over_time")
    below = areas(figure.axes[1])
    for day in range(31):
        seen = sum(days[0] <= day for days in truth.days.values())
        missing = sum(is_missing(days, day, 30) for days in truth.days.values())
        present = height(below["seen"], number(day) + 0.5)
        assert present == seen - missing
        if missing:
            assert height(below["missing"], number(day) + 0.5) == missing
    assert "Hatched: snapshots of some accounts (below) are missing" in all_of(figure)
    assert f" in 3 accounts, {truth.open_on(0)} on {iso(0)} in 1 account" in title(history, "open_over_time")
    for whole in ("two years", "one"):
        figure = drawn(made(whole)[1], "open_over_time")
        assert len(figure.axes) == 1
        assert "Hatched" not in all_of(figure)


def is_missing(days: list[int], day: int, end: int) -> bool:
    """Whether a day lies between two snapshots that are too far apart, or far behind the last one."""
    before = [one for one in days if one <= day]
    if not before or before[-1] == day:
        return False
    later = [one for one in days if one > day]
    return (later[0] if later else end) - before[-1] > 1.5 * usual(days)


def test_days_without_snapshots_are_hatched() -> None:
    figure = drawn(made("weekly")[1], "open_over_time")
    hatched = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle) and patch.get_hatch()]
    assert [(patch.get_x(), patch.get_width()) for patch in hatched] == [(number(63) + 1, 105 - 63 - 1)]


# --- opened against closed -------------------------------------------------------------------------------------------


def bars(figure: Figure, label: str) -> list[float]:
    container = next(one for one in figure.axes[0].containers if one.get_label() == label)
    return [bar.get_height() for bar in container if isinstance(bar, Rectangle)]


def line(figure: Figure, label: str) -> Line2D:
    return next(one for one in figure.axes[0].lines if one.get_label() == label)


UNITS: dict[str, Callable[[datetime], str]] = {
    "day": lambda time: f"{time:%Y-%m-%d}",
    "week": lambda time: f"{time - timedelta(days=time.weekday()):%Y-%m-%d}",
    "month": lambda time: f"{time:%Y-%m}",
}


def spans(truth: World, unit: str) -> list[str]:
    every = dates_of(truth)
    return list(dict.fromkeys(UNITS[unit](at(day)) for day in range(every[0], every[-1] + 1)))


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
def test_bars_are_what_opened_and_closed(world: str, unit: str) -> None:
    truth, history = made(world)
    figure = drawn(history, "opened_closed")
    rows = [row for number in range(len(truth.subjects)) for row in lifetimes_of(truth, number)]
    opened = Counter(UNITS[unit](row["first_seen"]) for row in rows if not row["censored_left"])
    closed = Counter(UNITS[unit](row["closed_at"]) for row in rows if row["closed_at"])
    labels = spans(truth, unit)
    assert bars(figure, "opened") == [opened[label] for label in labels]
    assert bars(figure, "closed") == [-closed[label] for label in labels]
    net = np.asarray(line(figure, "net").get_ydata())
    for value, label in zip(net.tolist(), labels, strict=True):
        assert np.isnan(value) or value == opened[label] - closed[label]
    assert title(history, "opened_closed").startswith(f"{opened.total():,} failure")
    ticks = [(label.get_text(), label.get_position()[0]) for label in figure.axes[0].get_xticklabels()]
    assert [labels[round(x)] for _, x in ticks] == [text for text, _ in ticks]
    older, lost = (
        sum(one) for one in zip(*((r["censored_left"], r["state"] == "lost_sight") for r in rows), strict=True)
    )
    assert not older or f"Not among the opened: {older:,} failure" in all_of(figure)
    assert not lost or f"Not among the closed: {lost:,} failure" in all_of(figure)


def test_what_the_first_snapshot_shows_is_no_wave() -> None:
    world = World({ONE: [0, 1, 2]}, [*[Subject(ONE, "FFF")] * 500, Subject(ONE, "PFF")])
    figure = drawn(history_of(world), "opened_closed")
    assert bars(figure, "opened") == [0, 1, 0]
    said = "Not among the opened: 500 failures that were there in the oldest snapshot of their account already."
    assert said in all_of(figure)


def test_the_net_line_stops_where_there_is_no_snapshot() -> None:
    truth, history = made("weekly")
    figure = drawn(history, "opened_closed")
    seen = {UNITS["week"](at(day)) for day in dates_of(truth)}
    net = np.asarray(line(figure, "net").get_ydata())
    assert np.isnan(net).tolist() == [label not in seen for label in spans(truth, "week")]
    assert "Hatched: no snapshot." in all_of(figure)


# --- survival --------------------------------------------------------------------------------------------------------


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


# --- accounts over time ----------------------------------------------------------------------------------------------


def cells_of(figure: Figure) -> dict[tuple[int, int], str]:
    """What stands in each cell, by column and row; in blank ones nothing does."""
    axes = figure.axes[0]
    found = {
        (round(patch.get_x() + 0.48), round(patch.get_y() + 0.46)): "" if patch.get_hatch() else "?"
        for patch in axes.patches
        if isinstance(patch, Rectangle)
    }
    for text in axes.texts:
        x, y = text.get_position()
        assert found[round(x), round(y)] == "?"
        found[round(x), round(y)] = text.get_text()
    return found


@pytest.mark.parametrize(
    ("world", "unit"),
    [
        *[(world, "day") for world in ("no failure", "one", "one date of many", "unknown", "a month")],
        *[(world, "week") for world in ("weekly", "many")],
        *[(world, "month") for world in ("a dozen", "two years")],
    ],
)
def test_cells_are_the_open_failures_of_an_account(world: str, unit: str) -> None:
    truth, history = made(world)
    figure = drawn(history, "accounts_over_time")
    end = dates_of(truth)[-1]
    ends = {UNITS[unit](at(day)): day for day in range(end + 1)}
    starts = {UNITS[unit](at(day)): day for day in range(end, -1, -1)}
    found = cells_of(figure)
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    first_day = dates_of(truth)[0]
    labels = [label for label in ends if ends[label] >= first_day]
    assert set(found) == {(column, row) for column in range(len(labels)) for row in range(len(rows))}
    for row, name in enumerate(rows):
        account = None if name == "unknown" else name
        days = truth.days[account]
        for column, label in enumerate(labels):
            span = range(starts[label], ends[label] + 1)
            blank = ends[label] < days[0] or all(is_missing(days, day, end + 1) for day in span)
            assert found[column, row] == ("" if blank else f"{truth.open_on(ends[label], account=account):,}")
    assert ("no snapshot" in texts(figure)) == ("" in found.values())


def test_the_worst_accounts_come_first() -> None:
    truth, history = made("many")
    figure = drawn(history, "accounts_over_time")
    counts = {account: truth.open_on(199, account=account) for account in truth.days}
    order = sorted(counts, key=lambda account: -counts[account])
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(rows) == 20
    assert [counts[row] for row in rows] == [counts[account] for account in order[:20]]
    rest = sum(counts.values()) - sum(counts[row] for row in rows)
    assert f"Not shown: 40 further accounts with {rest:,} open failures." in all_of(figure)
    assert title(history, "accounts_over_time") == (
        f"{sum(count > 0 for count in counts.values())} of 60 accounts have open failures; "
        f"account {order[0]} has {counts[order[0]]:,} of {sum(counts.values()):,}"
    )


def test_numbers_in_cells_stand_out() -> None:
    for world in ("many", "a month", "one"):
        axes = drawn(made(world)[1], "accounts_over_time").axes[0]
        fills = {
            (round(patch.get_x() + 0.48), round(patch.get_y() + 0.46)): mpl.colors.to_hex(patch.get_facecolor())
            for patch in axes.patches
            if isinstance(patch, Rectangle)
        }
        for text in axes.texts:
            x, y = text.get_position()
            assert drawing.contrast(mpl.colors.to_hex(text.get_color()), fills[round(x), round(y)]) >= 4.5


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", ["nothing", "one", "a month"])
def test_equal_bytes_whatever_the_readers_settings(world: str, tmp_path: Path) -> None:
    history = made(world)[1]
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    first = charts.write(history, tmp_path / "a")
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "savefig.dpi": 30, "path.sketch": (1, 100, 2)}):
        before = dict(mpl.rcParams)
        second = charts.write(history, tmp_path / "b")
        assert dict(mpl.rcParams) == before
    assert first == [tmp_path / "a" / "charts" / f"{name}.png" for name in charts.CHARTS]
    for one, other in zip(first, second, strict=True):
        assert imread(one).shape[:2] == (896, 1600)
        assert b"Software" not in one.read_bytes()
        assert one.read_bytes() == other.read_bytes()
