"""Small made-up histories whose every snapshot is known, and their pictures."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
from matplotlib.patches import Rectangle

from analyzer.controls.checklist import Checklist, make_checklist
from analyzer.evidence.history import History
from analyzer.evidence.schema import COVERAGE, LIFETIMES, TREND, to_pandas
from analyzer.evidence.settings import Settings
from analyzer.rendering.pictures import canvas, render
from tests.rendering.pictures.figures import texts
from tests.reports import unused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D


START = datetime(2024, 11, 20, 6, 30, tzinfo=UTC)


ACCOUNT = "111122223333"


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
        verdicts = [
            verdict for at, verdict in zip(self.days[subject.account], subject.verdicts, strict=True) if at <= day
        ]
        return verdicts[-1:] == ["F"]

    def open_on(self, day: int, **attributes: str | None) -> int:
        """Count the failures at the end of `day`."""
        return sum(
            self.failing(subject, day)
            for subject in self.subjects
            if all(getattr(subject, key) == value for key, value in attributes.items())
        )


def at(day: int) -> datetime:
    return START + timedelta(days=day)


def iso(day: int) -> str:
    return f"{at(day):%Y-%m-%d}"


def usual_days(days: list[int]) -> float:
    steps = [later - earlier for earlier, later in pairwise(days)]
    return float(max(median(steps), 1)) if steps else 1.0


def lifetimes_of(world: World, number: int) -> list[dict[str, Any]]:
    subject = world.subjects[number]
    days, verdicts = world.days[subject.account], subject.verdicts
    rows, position, closed_before = [], 0, 0
    while position < len(days):
        if verdicts[position] != "F":
            position += 1
            continue
        first, lost_at = position, None
        while position < len(days) and verdicts[position] == "F":
            position += 1
        without = next((days[earlier] for earlier in reversed(range(first)) if verdicts[earlier] == "P"), None)
        state, end = "open", days[position - 1]
        if position < len(days):
            gap = days[position] - end > 1.5 * usual_days(days)
            state = "lost_sight" if gap or verdicts[position] == "?" else "closed"
            lost_at = at(days[position]) if state == "lost_sight" else None
            end = days[position] if state == "closed" else end
        rows.append(
            {
                "control": subject.control,
                "severity": "high",
                "account_id": subject.account,
                "user": f"u{number}",
                "credential": subject.kind,
                "kind": subject.kind,
                "first_seen": at(days[first]),
                "last_seen": at(days[position - 1]),
                "state": state,
                "closed_at": at(end) if state == "closed" else None,
                "closed_by": "used" if state == "closed" else None,
                "days_open": end - days[first],
                "reopened": closed_before,
                "censored_left": first == 0,
                "censored_right": state == "open",
                "opened_earliest": None if without is None else at(without),
                "opened_latest": at(days[first]),
                "closed_earliest": at(days[position - 1]) if state == "closed" else None,
                "closed_latest": at(end) if state == "closed" else None,
                "open_days_min": float(days[position - 1] - days[first]),
                "open_days_max": float(end - without) if state == "closed" and without is not None else None,
                "lost_at": lost_at,
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
                counts.update(("open", subject.control, at(open_day)) for open_day in dates if day <= open_day < until)
    for row in rows:
        counts["opened", row["control"], row["first_seen"]] += 1
        for event in ("closed", "lost"):
            if row[f"{event}_at"]:
                counts[event, row["control"], row[f"{event}_at"]] += 1
    return [
        {
            "date": at(day).date(),
            "control": control,
            **{measure: counts[measure, control, at(day)] for measure in ("open", "opened", "closed", "lost")},
            "accounts": sum(days[0] <= day for days in world.days.values()),
        }
        for day in dates
        for control in controls
    ]


def coverage_of(world: World) -> list[dict[str, Any]]:
    rows = []
    newest = max((days[-1] for days in world.days.values()), default=0)
    for account, days in world.days.items():
        facts = {
            "account_id": account,
            "first": at(days[0]),
            "last": at(days[-1]),
            "snapshots": len(days),
            "usual_days": usual_days(days),
        }
        gaps = [(since, until) for since, until in pairwise(days) if until - since > 1.5 * usual_days(days)]
        own = [facts | {"gap_from": at(since), "gap_to": at(until)} for since, until in gaps]
        if newest - days[-1] > 1.5 * usual_days(days):
            own.append(facts | {"gap_from": at(days[-1])})
        rows += own or [facts]
    return rows


def frame(rows: list[dict[str, Any]], schema: pa.Schema) -> pd.DataFrame:
    plain = pa.schema([(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in schema])
    return to_pandas(pa.Table.from_pylist(rows, schema=plain).cast(schema))


def history_of(world: World, checklist: Checklist | None = None, **fields: Any) -> History:  # noqa: ANN401
    checklist = checklist or unused()
    rows = [row for number in range(len(world.subjects)) for row in lifetimes_of(world, number)]
    return History(
        settings=Settings(checklist),
        inputs=[],
        lifetimes=frame(rows, LIFETIMES),
        trend=frame(trend_of(world, rows, [check.control.id for check in checklist.checks]), TREND),
        coverage=frame(coverage_of(world), COVERAGE),
        issues=pd.DataFrame(),
        **fields,
    )


def random_verdicts(chance: random.Random, count: int) -> str:
    """The verdicts on a subject that mostly stays as it is."""
    verdicts, now = "", chance.choice("FPP")
    for _ in range(count):
        now = chance.choices([now, "F", "P", "?"], [30, 1, 2, 0.2])[0]
        verdicts += now
    return verdicts


def random_world(days: dict[str | None, list[int]], subjects: int, controls: Sequence[str] = ()) -> World:
    chance = random.Random(7)  # noqa: S311 - no secret
    drawn_subjects = []
    for number in range(subjects):
        account = list(days)[
            min(int(chance.paretovariate(0.6)) - 1, len(days) - 1) if number % 3 else number % len(days)
        ]
        control = chance.choices(controls, range(len(controls), 0, -1))[0] if controls else "unused-credentials"
        kind = chance.choice(["password", "access_key", "access_key"])
        drawn_subjects.append(Subject(account, random_verdicts(chance, len(days[account])), control, kind))
    return World(days, drawn_subjects)


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


ALL_CONTROLS = tuple(check.control.id for check in make_checklist().checks)


LONG_AGO = [-4300, -4270, *range(0, 360, 30)]
"""The days of two old reports and of a year of monthly ones."""


WORLDS: dict[str, Callable[[], tuple[World, Checklist]]] = {
    "nothing": lambda: (World({}, []), unused()),
    "no failure": lambda: (World({ACCOUNT: [0, 1, 2]}, [Subject(ACCOUNT, "PPP")]), make_checklist()),
    "one": lambda: (World({ACCOUNT: [0, 1, 2, 3]}, [Subject(ACCOUNT, "PFFP")]), unused()),
    "one open": lambda: (World({ACCOUNT: [0, 30]}, [Subject(ACCOUNT, "PF")]), unused()),
    "one date": lambda: (random_world({ACCOUNT: [0]}, 40, ALL_CONTROLS), make_checklist()),
    "one date of many": lambda: (random_world({account: [5] for account in accounts(60)}, 400), unused()),
    "two dates of many": lambda: (random_world({account: [5, 6] for account in accounts(60)}, 400), unused()),
    "a dozen": lambda: (random_world({ACCOUNT: [0, 31, 60, 91, 121, 152]}, 12), unused()),
    "unknown": lambda: (World({None: [0, 1], ACCOUNT: [1]}, [Subject(None, "FP"), Subject(ACCOUNT, "F")]), unused()),
    "a month": lambda: (random_world(daily(3, 31), 60, ALL_CONTROLS), make_checklist()),
    "weekly": lambda: (random_world({ACCOUNT: [*range(0, 70, 7), *range(105, 190, 7)]}, 300), unused()),
    "two years": lambda: (random_world(daily(1, 731), 40), unused()),
    "long ago": lambda: (
        random_world({ACCOUNT: LONG_AGO, accounts(2)[1]: LONG_AGO[2:]}, 60, ALL_CONTROLS),
        make_checklist(),
    ),
    "many": lambda: (random_world(daily(60, 200), 1500, ALL_CONTROLS), make_checklist()),
}


_WORLDS: dict[str, tuple[World, History]] = {}


def world_and_history(name: str) -> tuple[World, History]:
    """Return a world and its history; each is made once."""
    if name not in _WORLDS:
        world, checklist = WORLDS[name]()
        _WORLDS[name] = world, history_of(world, checklist, sla_days=30)
    return _WORLDS[name]


_DRAWN: dict[tuple[int, str], Figure] = {}


def figure_of(history: History, name: str) -> Figure:
    """Return a picture; those of the worlds are drawn once."""
    if not any(history is stored for _, stored in _WORLDS.values()):
        return draw(history, name)
    if (id(history), name) not in _DRAWN:
        _DRAWN[id(history), name] = draw(history, name)
    return _DRAWN[id(history), name]


def draw(history: History, name: str) -> Figure:
    with canvas.own_style():
        figure = render.HISTORY[name](history)
        figure.draw_without_rendering()
    return figure


def title(history: History, name: str) -> str:
    return figure_of(history, name).texts[0].get_text()


def worlds_with(name: str) -> list[str]:
    """The worlds whose picture is made, because it has something to show."""
    without_days = {"nothing", "one date", "one date of many"} | (
        {"no failure"} if name != "accounts_over_time" else set()
    )
    never_closed = {"one open", "two dates of many", "a dozen", "unknown"} if name == "survival" else set()
    return [world for world in WORLDS if world not in without_days | never_closed]


def all_of(figure: Figure) -> str:
    return " ".join(texts(figure))


def number(day: int) -> int:
    return (at(day).date() - date(1970, 1, 1)).days


def dates_of(world: World) -> list[int]:
    return sorted({day for days in world.days.values() for day in days})


def is_missing(days: list[int], day: int, end: int) -> bool:
    """Whether a day is between two snapshots that are too far apart, or long after the last one."""
    before = [snapshot for snapshot in days if snapshot <= day]
    if not before or before[-1] == day:
        return False
    later = [snapshot for snapshot in days if snapshot > day]
    return (later[0] if later else end) - before[-1] > 1.5 * usual_days(days)


def bars(figure: Figure, label: str) -> list[float]:
    container = next(candidate for candidate in figure.axes[0].containers if candidate.get_label() == label)
    return [bar.get_height() for bar in container if isinstance(bar, Rectangle)]


def line(figure: Figure, label: str) -> Line2D:
    return next(line for line in figure.axes[0].lines if line.get_label() == label)


UNITS: dict[str, Callable[[datetime], str]] = {
    "day": lambda time: f"{time:%Y-%m-%d}",
    "week": lambda time: f"{time - timedelta(days=time.weekday()):%Y-%m-%d}",
    "month": lambda time: f"{time:%Y-%m}",
}


def spans(truth: World, unit: str) -> list[str]:
    every = dates_of(truth)
    return list(dict.fromkeys(UNITS[unit](at(day)) for day in range(every[0], every[-1] + 1)))


def cells_of(figure: Figure) -> dict[tuple[int, int], str]:
    """The text of each cell, by column and row; it is empty in hatched cells."""
    axes = figure.axes[0]
    cells = {
        (round(patch.get_x() + 0.48), round(patch.get_y() + 0.46)): "" if patch.get_hatch() else "?"
        for patch in axes.patches
        if isinstance(patch, Rectangle)
    }
    for text in axes.texts:
        x, y = text.get_position()
        assert cells[round(x), round(y)] == "?"
        cells[round(x), round(y)] = text.get_text()
    return cells
