"""Pictures of a history, each with its finding as the title, in the style of `analyzer.outputs.charts`.

Days are whole days in UTC, counted from 1970. No picture says by colour alone what it says, and equal inputs give equal
bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from analyzer.controls.checklist import UNUSED
from analyzer.controls.control import Whose
from analyzer.controls.vocabulary import counted
from analyzer.evidence.survival import kaplan_meier
from analyzer.reading.columns import NO_TIME, arrow_of, microseconds
from analyzer.reading.layout import Kind
from analyzer.reading.times import DAY
from analyzer.rendering.pictures import canvas as drawing
from analyzer.rendering.pictures.canvas import (
    FAIL,
    FAIL_TEXT,
    HATCHING,
    HEAT,
    INK,
    LEFT,
    MUTED,
    PASS,
    RULE,
    WIDTH,
    fit,
    readable_on,
    say_nothing,
    titled,
    widest,
    write_line,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.evidence.history import History
    from analyzer.evidence.survival import Curve

    Whole = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

_PASS_TEXT: Final = "#1F6E9C"  # noqa: S105 - a colour
_NONE_AREA: Final = "#DDF0FB"
_BANDS: Final = (FAIL, PASS, "#E69F00", "#0072B2", "#F0E442", "#009E73", "#CC79A7")
"""The colours of areas that lie on each other, the largest first."""
_REST: Final = "#999999"
_MISSING: Final = "/////"
"""How it is hatched where snapshots are missing."""
_MOST_BINS: Final = 31
_EDGED: Final = 100
"""Dates up to which areas have white edges; of more, nothing else would be left."""
_SHOWN_ACCOUNTS: Final = 20
_NEVER: Final = int(np.iinfo(np.int32).max)
"""The day on which what is open ends."""
_KINDS: Final = {Kind.PASSWORD: "passwords", Kind.ACCESS_KEY: "access keys"}
_NONE_AT_ALL: Final = "There are no snapshots."


def write(history: History, folder: Path) -> list[Path]:
    """Write the pictures into `folder`/charts and return their paths."""
    return drawing.save({name: partial(draw, history) for name, draw in CHARTS.items()}, folder)


# --- what all pictures share -----------------------------------------------------------------------------------------


def _figure(history: History, title: str, notes: Sequence[str] = ()) -> Figure:
    """Return a figure with the finding as its title, below it what it is about, and notes at its foot."""
    figure = titled(title, _subtitle(history))
    for line, y in zip(_in_lines(notes), (0.052, 0.022), strict=False):
        write_line(figure, y, line, color=MUTED, fontsize=8.5)
    return figure


def _in_lines(notes: Sequence[str]) -> list[str]:
    """Return the notes in one line, or in two of about the same length."""
    if sum(map(len, notes)) < 140 or len(notes) < 2:
        return [" ".join(notes)] if notes else []
    halves = ((" ".join(notes[:at]), " ".join(notes[at:])) for at in range(1, len(notes)))
    return list(min(halves, key=lambda half: max(map(len, half))))


def _subtitle(history: History) -> str:
    """Return by which benchmark, of which time, and of whom."""
    checklist = history.settings.checklist
    parts = [checklist.benchmark.title] if checklist.benchmark else []
    if len(checklist.checks) == 1:
        parts.append(checklist.checks[0].control.id)
    covered = _Covered(history)
    if covered.accounts:
        span = covered.first, covered.last
        days = " to ".join(_iso(day) for day in dict.fromkeys(span))
        snapshots = counted(covered.snapshots, "snapshot")
        parts += [f"{snapshots}, {days}", counted(len(covered.accounts), "account")]
    if all(one.control.whose is Whose.USERS for one in checklist.checks):
        parts.append("root excluded")
    return " · ".join(parts)


def _whole_scale(axes: Axes, most: float) -> None:
    """Scale the left side from 0 to a count, with lines at few round whole numbers."""
    axes.set_ylim(0, max(most, 1) * 1.06)
    step = next(size for size in _round_numbers() if size * 6 >= max(most, 1))
    ticks = range(0, int(max(most, 1) * 1.06) + 1, step)
    axes.set_yticks(list(ticks), [f"{tick:,}" for tick in ticks], fontsize=9)
    axes.grid(axis="y", color=RULE, linewidth=0.6)


def _round_numbers() -> Iterator[int]:
    """Return 1, 2, 5, 10, 20, 50 and so on."""
    scale = 1
    while True:
        yield from (scale, 2 * scale, 5 * scale)
        scale *= 10


def _iso(day: int) -> str:
    return str(np.datetime64(day, "D"))


def _day_scale(axes: Axes, first: int, after: int) -> None:
    """Write dates below the days from `first` until `after`."""
    days = after - first
    step = next((step for step in (1, 2, 7, 14) if days <= 8 * step), None)
    if step is not None:
        ticks = np.arange(first, after, step)
        axes.set_xticks(ticks, [_iso(day) for day in ticks.tolist()], fontsize=9)
        return
    step = next(step for step in (1, 2, 3, 6, 12, 24, 60, 120, 600, 1200) if days <= 8 * 30.4 * step)
    low, high = _month(first), _month(after)
    months = np.arange(-(-low // step) * step, high + 1, step)
    ticks = _first_of(months)
    inside = (ticks >= first) & (ticks < after)
    axes.set_xticks(ticks[inside], [_iso(day)[:7] for day in ticks[inside].tolist()], fontsize=9)


def _month(day: int) -> int:
    """Return the number of a day's month, counted from 1970."""
    return int(np.datetime64(day, "D").astype("datetime64[M]").astype(np.int64))


def _first_of(months: Whole) -> Whole:
    """Return the first day of each month."""
    return np.asarray(months.astype("datetime64[M]").astype("datetime64[D]"), dtype=np.int64)


# --- what is counted -------------------------------------------------------------------------------------------------


def _days(times: pd.Series[Any]) -> Whole:
    """Return the days of times; `_NEVER` where there is none."""
    micros = microseconds(times)
    return np.where(micros == NO_TIME, _NEVER, micros // DAY)


def _names(accounts: pd.Series[Any]) -> npt.NDArray[np.object_]:
    return accounts.astype(object).where(accounts.notna(), "unknown").to_numpy(dtype=object)


@dataclass(frozen=True)
class _Covered:
    """When there were snapshots of each account."""

    history: History

    @cached_property
    def by_account(self) -> pd.DataFrame:
        """For each account (index, in its order) the days `first` and `last`, `usual` days and `snapshots`."""
        rows = self.history.coverage
        frame = pd.DataFrame(
            {
                "account": _names(rows["account_id"]),
                "first": _days(rows["first"]),
                "last": _days(rows["last"]),
                "usual": rows["usual_days"].astype("float64").fillna(1).clip(lower=1).to_numpy(),
                "snapshots": rows["snapshots"].to_numpy(dtype=np.int64),
            }
        )
        return frame.drop_duplicates("account").set_index("account").sort_index()

    @cached_property
    def accounts(self) -> list[str]:
        """The accounts, in their order."""
        return [str(account) for account in self.by_account.index]

    @property
    def snapshots(self) -> int:
        """How many snapshots there are of all accounts."""
        return int(self.by_account["snapshots"].sum())

    @property
    def first(self) -> int:
        """The day of the oldest snapshot."""
        return int(self.by_account["first"].min())

    @property
    def last(self) -> int:
        """The day of the newest snapshot."""
        return int(self.by_account["last"].max())

    @cached_property
    def missing(self) -> pd.DataFrame:
        """Rows `place` (of the account), `since`, `until`: between these days there was no snapshot, but should be."""
        rows = self.history.coverage
        until = _days(rows["gap_to"])
        gaps = pd.DataFrame(
            {
                "place": self.place(_names(rows["account_id"])),
                "since": _days(rows["gap_from"]),
                "until": np.where(until == _NEVER, self.last + 1, until),
            }
        )
        return gaps[(gaps["since"] != _NEVER).to_numpy()].reset_index(drop=True)

    def place(self, accounts: npt.NDArray[np.object_]) -> Whole:
        """Return the position of each account among the `accounts`."""
        return self.by_account.index.get_indexer(pd.Index(accounts)).astype(np.int64)

    def missing_on(self, days: Whole) -> Whole:
        """Return for how many accounts snapshots are missing on each day."""
        since, until = np.sort(self.missing["since"].to_numpy()), np.sort(self.missing["until"].to_numpy())
        return (np.searchsorted(since, days, "left") - np.searchsorted(until, days, "right")).astype(np.int64)


@dataclass(frozen=True)
class _Open:
    """From which day on each lifetime's failure is open, and the first day at whose end it no longer is."""

    since: Whole
    until: Whole
    account: Whole
    """Positions in `_Covered.accounts`."""

    @classmethod
    def of(cls, history: History, covered: _Covered) -> _Open:
        """Return that of all lifetimes.

        What was lost sight of is open until the account's next snapshot: the one after the gap, or after the usual
        interval.
        """
        rows = history.lifetimes
        account = covered.place(_names(rows["account_id"]))
        last = _days(rows["last_seen"])
        usual = np.maximum(np.rint(np.append(covered.by_account["usual"].to_numpy(), 1.0)), 1).astype(np.int64)
        lost = pd.DataFrame({"place": account, "since": last})
        gaps = covered.missing.drop_duplicates(["place", "since"])
        after_gap = lost.merge(gaps, how="left", on=["place", "since"])["until"].to_numpy(dtype=np.float64)
        lost_until = np.where(np.isnan(after_gap), last + usual[account], after_gap).astype(np.int64)
        state = rows["state"].astype("str")
        until = np.select(
            [(state == "closed").to_numpy(), (state == "lost_sight").to_numpy()],
            [_days(rows["closed_at"]), lost_until],
            default=_NEVER,
        )
        return cls(_days(rows["first_seen"]), until, account)

    def count(self, group: Whole, groups: int, days: Whole) -> Whole:
        """Return how many are open at the end of each day (columns, ascending), by group (rows)."""
        changes = np.zeros((groups, len(days) + 1), dtype=np.int64)
        np.add.at(changes, (group, np.searchsorted(days, self.since)), 1)
        np.add.at(changes, (group, np.searchsorted(days, self.until)), -1)
        return changes.cumsum(axis=1)[:, :-1]


@dataclass(frozen=True)
class _Bins:
    """Spans of days: the i-th from `edges[i]` until `edges[i + 1]`."""

    unit: str
    edges: Whole
    labels: list[str]

    def __len__(self) -> int:
        return len(self.labels)


def _bins(history: History, covered: _Covered) -> _Bins:
    """Return days, weeks, months, quarters, years or decades, so that there are few and most of them have snapshots."""
    dates = np.unique(_dates(history)).astype(np.int64)
    usual = float(np.median(np.diff(dates))) if len(dates) > 1 else 1.0
    first, last = covered.first, covered.last
    for unit, (length, make) in _UNITS.items():
        edges = make(first, last)
        if unit == "decade" or (len(edges) - 1 <= _MOST_BINS and length >= usual / 3):
            break
    return _Bins(unit, edges, [_bin_label(unit, edge) for edge in edges[:-1].tolist()])


def _dates(history: History) -> Whole:
    """Return the days of the trend's rows."""
    return np.asarray(arrow_of(history.trend["date"]).cast(pa.int32()), dtype=np.int64)


def _by_day(first: int, last: int) -> Whole:
    return np.arange(first, last + 2)


def _by_week(first: int, last: int) -> Whole:
    """Return weeks from Monday on; the first day of 1970 was a Thursday."""
    return np.arange(first - (first + 3) % 7, last + 8 - (last + 3) % 7, 7)


def _by_months(step: int) -> Callable[[int, int], Whole]:
    def make(first: int, last: int) -> Whole:
        return _first_of(np.arange(_month(first) // step * step, (_month(last) // step + 1) * step + 1, step))

    return make


_UNITS: Final[dict[str, tuple[int, Callable[[int, int], Whole]]]] = {
    "day": (1, _by_day),
    "week": (7, _by_week),
    "month": (31, _by_months(1)),
    "quarter": (92, _by_months(3)),
    "year": (366, _by_months(12)),
    "decade": (3653, _by_months(120)),
}
"""Lengths in days of spans of time, and how their edges are found."""


def _bin_label(unit: str, first: int) -> str:
    day = _iso(first)
    if unit == "quarter":
        return f"{day[:4]} Q{int(day[5:7]) // 3 + 1}"
    if unit == "decade":
        return f"{day[:4]}s"
    return day[: {"month": 7, "year": 4}.get(unit, 10)]


def _bin_scale(figure: Figure, axes: Axes, bins: _Bins) -> None:
    """Write below the bins (at 0, 1 and so on) what they are: as many as fit."""
    axes.set_xticks(range(len(bins)), bins.labels, fontsize=8.5)
    room = widest(figure, axes.get_xticklabels()) + 0.012
    low, high = axes.get_xlim()
    every = max(int(np.ceil(room / (axes.get_position().width / (high - low)))), 1)
    axes.set_xticks(range(0, len(bins), every), bins.labels[::every], fontsize=8.5)
    if bins.unit == "week":
        middle = (len(bins) / 2 - 0.5 - low) / (high - low)
        axes.set_xlabel("weeks, by their Monday", fontsize=9, x=middle)


def _left_out(history: History) -> Flags:
    """Return which lifetimes are older than they seem."""
    return np.asarray(history.lifetimes["censored_left"].fillna(value=False), dtype=np.bool_)


def _is(history: History, state: str) -> Flags:
    return (history.lifetimes["state"].astype("str") == state).to_numpy()


# --- open failures over time -----------------------------------------------------------------------------------------


def open_over_time(history: History) -> Figure:
    """Draw how many failures were open, by control; of `unused-credentials` alone, by kind of credential."""
    covered = _Covered(history)
    dates: Whole = np.unique(_dates(history)).astype(np.int64)
    if not len(dates):
        return say_nothing(_figure(history, "No open failures to show"), _NONE_AT_ALL)
    first, after = int(dates[0]), int(dates[-1]) + 1
    counts = _by_kind(history, covered, dates) if _is_unused_only(history) else _by_control(history, dates)
    seen = pd.Series(history.trend["accounts"].to_numpy(dtype=np.int64)).groupby(_dates(history)).max().to_numpy()
    missing = covered.missing_on(np.arange(first, after))
    notes = ["At the end of each day, by each account's newest snapshot until then."]
    if missing.any():
        notes.append("Hatched: snapshots of some accounts (below) are missing; their failures stand as last seen.")
    notes += _not_covered(history)
    total = counts.sum().to_numpy()
    figure = _figure(history, _open_title(dates, total, seen), notes)
    if not total.any():
        return say_nothing(figure, "No failure was open in any snapshot.")

    with_accounts = bool(missing.any()) or len(set(seen.tolist())) > 1
    if with_accounts:
        axes, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [6, 1], "hspace": 0.16})
        _draw_accounts(below, dates, seen, missing)
    else:
        axes = below = figure.subplots()
    figure.subplots_adjust(left=0.08, right=0.74, top=0.83, bottom=0.14)
    # A lone day gets a bar, not a wall.
    room = max(7 - (after - first), 0) / 2 if len(dates) == 1 else 0
    axes.set_xlim(first - room, after + room)
    _whole_scale(axes, int(total.max()))
    axes.set_ylabel("open failures", fontsize=9)
    axes.tick_params(axis="x", labelbottom=not with_accounts)
    if len(dates) == 1:
        below.set_xticks([first + 0.5], [_iso(first)], fontsize=9)
    else:
        _day_scale(below, first, after)
    places, low = np.append(dates, after), np.zeros(len(dates), dtype=np.int64)
    labels = []
    shown = counts.iloc[::-1]
    for place, name in enumerate(shown.index):
        height = shown.iloc[place].to_numpy()
        band = len(shown) - 1 - place
        color = _REST if band == len(_BANDS) else _BANDS[band]
        axes.fill_between(
            places,
            np.append(low, low[-1]),
            np.append(low + height, low[-1] + height[-1]),
            step="post",
            facecolor=color,
            edgecolor="white",
            linewidth=0.4 if len(dates) <= _EDGED else 0,
            label=str(name),
        )
        labels.append(_Label(f"{name}  {height[-1]:,}", float(low[-1] + height[-1] / 2), color, bool(height[-1])))
        low = low + height
    _shade(axes, missing, first, len(covered.accounts))
    _write_labels(figure, axes, labels)
    return figure


def _is_unused_only(history: History) -> bool:
    return [one.control for one in history.settings.checklist.checks] == [UNUSED]


def _by_kind(history: History, covered: _Covered, dates: Whole) -> pd.DataFrame:
    """Return how many failures were open at the end of each date (columns), by kind of credential."""
    kind = history.lifetimes["kind"].astype("str").map({one.value: n for n, one in enumerate(_KINDS)})
    known = np.asarray(kind.fillna(0), dtype=np.int64)
    counts = _Open.of(history, covered).count(known, len(_KINDS), dates)
    return _largest(pd.DataFrame(counts, index=list(_KINDS.values())), "kinds")


def _by_control(history: History, dates: Whole) -> pd.DataFrame:
    """Return the same by control."""
    trend = pd.DataFrame(
        {
            "control": history.trend["control"].astype("str").to_numpy(),
            "date": _dates(history),
            "open": history.trend["open"].to_numpy(dtype=np.int64),
        }
    )
    counts = trend.pivot_table(index="control", columns="date", values="open", aggfunc="sum", fill_value=0)
    return _largest(counts.reindex(columns=dates, fill_value=0), "controls")


def _largest(counts: pd.DataFrame, noun: str) -> pd.DataFrame:
    """Return the rows of which any is open, those with most of the area first; many small ones as one row."""
    some = counts[(counts > 0).any(axis=1)]
    sums = dict(zip(some.index, some.sum(axis=1).tolist(), strict=True))
    some = some.loc[sorted(some.index, key=lambda name: (-sums[name], name))]
    if len(some) <= len(_BANDS):
        return some
    rest = some.iloc[len(_BANDS) :]
    together = rest.sum().to_frame(f"{len(rest)} further {noun}" if len(rest) > 1 else str(rest.index[0])).T
    return pd.concat([some.iloc[: len(_BANDS)], together])


def _open_title(dates: Whole, total: Whole, seen: Whole) -> str:
    if not total.any():
        return "No open failures to show"
    if len(dates) == 1:
        return f"{counted(int(total[-1]), 'failure')} open on {_iso(int(dates[-1]))}"
    texts = []
    for at in (-1, 0):
        failures = f"{counted(int(total[at]), 'failure')} open" if at else f"{total[at]:,}"
        where = f" in {counted(int(seen[at]), 'account')}" if seen[0] != seen[-1] else ""
        texts.append(f"{failures} on {_iso(int(dates[at]))}{where}")
    return ", ".join(texts)


def _not_covered(history: History) -> list[str]:
    """Return the note on reference dates for which there was no snapshot."""
    pairs = history.not_covered
    if not pairs:
        return []
    accounts, dates = (len({pair[at] for pair in pairs}) for at in (1, 0))
    return [f"No snapshot of {counted(accounts, 'account')} for {counted(dates, 'reference date')}."]


def _draw_accounts(axes: Axes, dates: Whole, seen: Whole, missing: Whole) -> None:
    """Draw how many accounts were seen until each day, and of how many of them snapshots are missing."""
    days = np.arange(int(dates[0]), int(dates[-1]) + 1)
    known = seen[np.searchsorted(dates, days, "right") - 1]
    places = np.append(days, days[-1] + 1)
    known, present = (np.append(heights, heights[-1]) for heights in (known, known - missing))
    axes.fill_between(places, 0, present, step="post", color=HATCHING, linewidth=0, label="seen")
    if missing.any():
        axes.fill_between(
            places,
            present,
            known,
            step="post",
            facecolor="white",
            edgecolor=MUTED,
            hatch=_MISSING,
            linewidth=0,
            label="missing",
        )
    most = int(known.max())
    axes.set_ylim(0, most * 1.15)
    axes.set_yticks([0, most], ["0", f"{most:,}"], fontsize=9)
    axes.set_ylabel("accounts", fontsize=9)


def _shade(axes: Axes, missing: Whole, first: int, accounts: int) -> None:
    """Hatch the days on which snapshots are missing; the more so, the more accounts it is."""
    edges = [0, *(np.flatnonzero(np.diff(missing)) + 1).tolist(), len(missing)]
    for start, end in pairwise(edges):
        share = missing[start] / accounts
        if not share:
            continue
        axes.axvspan(first + start, first + end, color="white", alpha=0.15 + 0.45 * share, linewidth=0, zorder=2.5)
        axes.axvspan(
            first + start,
            first + end,
            facecolor="none",
            edgecolor=MUTED,
            alpha=0.2 + 0.7 * share,
            hatch=_MISSING,
            linewidth=0,
            zorder=2.6,
        )


class _Label(NamedTuple):
    """What stands beside an area, and where the middle of its right end is."""

    text: str
    at: float
    color: str
    strong: bool


def _write_labels(figure: Figure, axes: Axes, labels: list[_Label]) -> None:
    """Write labels to the right of the axes (given from below), none on another, each with a line to its area."""
    from matplotlib.transforms import blended_transform_factory  # noqa: PLC0415

    beside = blended_transform_factory(axes.transAxes, axes.transData)
    texts = [
        axes.text(1.055, 0, one.text, transform=beside, va="center", color=INK if one.strong else MUTED, fontsize=9)
        for one in labels
    ]
    fit(figure, texts, LEFT + WIDTH - 0.74 - 0.035)
    low, high = axes.get_ylim()
    step = 1.25 * max(text.get_window_extent().height for text in texts) / axes.get_window_extent().height
    wanted = [(one.at - low) / (high - low) for one in labels]
    for one, text, place in zip(labels, texts, _apart(wanted, step), strict=True):
        y = low + place * (high - low)
        text.set_y(y)
        axes.plot(
            [1.004, 1.02, 1.035, 1.049],
            [one.at, one.at, y, y],
            transform=beside,
            color=one.color,
            linewidth=2,
            clip_on=False,
            solid_capstyle="butt",
        )


def _apart(wanted: list[float], step: float) -> list[float]:
    """Return ascending places near those wanted (from 0 to 1, ascending), no two closer than `step`."""
    places: list[float] = []
    for place in wanted:
        places.append(max(place, places[-1] + step) if places else place)
    most = max(1.0, step * (len(wanted) - 1))
    for at in reversed(range(len(places))):
        places[at] = min(places[at], most)
        most = places[at] - step
    return places


# --- opened against closed -------------------------------------------------------------------------------------------


def opened_closed(history: History) -> Figure:
    """Draw how many failures were first seen, and how many were seen closed, in each span of time."""
    covered = _Covered(history)
    older = _left_out(history)
    opened = _days(history.lifetimes["first_seen"])[~older]
    closed = _days(history.lifetimes["closed_at"])[_is(history, "closed")]
    lost = int(_is(history, "lost_sight").sum())
    notes = []
    if older.any():
        were = "was" if older.sum() == 1 else "were"
        notes.append(
            f"Not among the opened: {counted(int(older.sum()), 'failure')} that {were} there in the oldest snapshot of "
            f"{'its' if older.sum() == 1 else 'their'} account already."
        )
    if lost:
        notes.append(f"Not among the closed: {counted(lost, 'failure')} lost sight of.")
    if len(opened) or len(closed):
        notes.append("Dated by the first snapshot that shows it.")
    title = f"{counted(len(opened), 'failure')} opened, {len(closed):,} closed: {_net(len(opened) - len(closed))}"
    some = bool(len(opened) or len(closed))
    if not some:
        figure = _figure(history, "No failure opened or closed", notes)
        return say_nothing(figure, "No snapshot shows a change." if covered.accounts else _NONE_AT_ALL)

    bins = _bins(history, covered)
    unseen = _unseen(history, covered, bins)
    if unseen.any():
        notes.append("Hatched: no snapshot.")
    figure = _figure(history, title, notes)
    up, down = (np.histogram(days, bins.edges)[0] for days in (opened, closed))
    axes = figure.subplots()
    figure.subplots_adjust(left=0.1, right=0.93, top=0.83, bottom=0.18)
    most_up, most_down = max(int(up.max()), 1), max(int(down.max()), 1)
    reach = most_up + most_down
    axes.set_ylim(-most_down - 0.1 * reach, most_up + 0.1 * reach)
    spare = max(8 - len(bins), 0) / 2
    axes.set_xlim(-0.6 - spare, len(bins) - 0.4 + spare)
    axes.bar(range(len(bins)), up, width=0.8, color=FAIL, label="opened")
    axes.bar(range(len(bins)), -down, width=0.8, color=PASS, label="closed")
    axes.axhline(0, color=MUTED, linewidth=0.8)
    texts = []
    for counts, sign, align in ((up, 1, "bottom"), (down, -1, "top")):
        for place in np.flatnonzero(counts).tolist():
            y = sign * (counts[place] + 0.022 * reach)
            texts.append(axes.text(place, y, f"{counts[place]:,}", ha="center", va=align, fontsize=9))
    low, high = axes.get_xlim()
    fit(figure, texts, 0.82 * axes.get_position().width / (high - low))
    for place in np.flatnonzero(unseen).tolist():
        axes.axvspan(place - 0.5, place + 0.5, facecolor="none", edgecolor=HATCHING, hatch=_MISSING, linewidth=0)
    axes.plot(
        range(len(bins)),
        np.where(unseen, np.nan, up - down),
        color=INK,
        linewidth=1.3,
        marker="o",
        markersize=3.5,
        label="net",
    )
    axes.text(
        (len(bins) - 1 + 0.55 - low) / (high - low),
        float(up[-1] - down[-1]),
        "net",
        transform=axes.get_yaxis_transform(),
        va="center",
        fontsize=9.5,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
    )
    side: dict[str, Any] = {"ha": "right", "va": "center", "fontsize": 9.5, "transform": axes.get_yaxis_transform()}
    axes.text(-0.012, most_up / 2, "opened", color=FAIL_TEXT, **side)
    axes.text(-0.012, -most_down / 2, "closed", color=_PASS_TEXT, **side)
    axes.set_yticks([])
    axes.tick_params(length=0)
    for spine in ("left", "bottom"):
        axes.spines[spine].set_visible(False)
    _bin_scale(figure, axes, bins)
    return figure


def _unseen(history: History, covered: _Covered, bins: _Bins) -> Flags:
    """Return in which bins snapshots are missing and there is none at all."""
    dates = np.histogram(_dates(history), bins.edges)[0]
    return np.asarray((dates == 0) & (covered.missing_on(bins.edges[:-1]) > 0), dtype=np.bool_)


def _net(count: int) -> str:
    return f"{count:+,} net".replace("-", "\N{MINUS SIGN}") if count else "no net change"


# --- survival --------------------------------------------------------------------------------------------------------


def survival(history: History) -> Figure:
    """Draw which share of the failures is still open so many days after each was first seen."""
    older = _left_out(history)
    days = history.lifetimes["days_open"].to_numpy(dtype=np.int64)[~older]
    closed = _is(history, "closed")[~older]
    curve = kaplan_meier(days, closed)
    notes = _survival_notes(history, older)
    figure = _figure(history, _survival_title(curve, days, closed, history.sla_days), notes)
    if not len(days):
        why = "All failures are older than the first snapshot." if older.any() else "There are no failures."
        return say_nothing(figure, why if history.coverage.size else _NONE_AT_ALL)
    if not closed.any() and not days.any():
        return say_nothing(figure, "All were open when last seen, within a day of being first seen.")

    axes = figure.subplots()
    figure.subplots_adjust(left=0.09, right=0.74, top=0.8, bottom=0.2)
    reach = max(int(days.max()), history.sla_days or 0, 1) * 1.04
    axes.set_xlim(0, reach)
    axes.set_ylim(0, 1.04)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"], fontsize=9)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    places, shares = np.append(0, curve.days), np.append(1.0, curve.open_share)
    axes.fill_between(places, shares, step="post", color="#FCF3ED", linewidth=0)
    axes.step(places, shares, where="post", color=FAIL, linewidth=2, label="still open", zorder=3)
    censored = np.unique(days[~closed])
    axes.plot(
        censored,
        [curve.share_at(day) for day in censored.tolist()],
        linestyle="none",
        marker="|",
        markersize=7,
        color=FAIL_TEXT,
        label="last seen open",
        zorder=4,
        clip_on=False,
    )
    for p, name in ((0.5, "median"), (0.9, "90th percentile")):
        _mark_quantile(figure, axes, p, name, curve.quantile(p))
    if history.sla_days is not None:
        _mark_deadline(figure, axes, history.sla_days, _share_closed(curve, closed, history.sla_days))
    step = next(size for size in _round_numbers() if size * 8 >= reach)
    ticks = range(0, int(reach) + 1, step)
    axes.set_xticks(list(ticks), [f"{day:,}\n{(days >= day).sum():,}" for day in ticks], fontsize=9)
    axes.set_xlabel("days since first seen (second line: failures observed for that long)", fontsize=9)
    axes.set_ylabel("share still open", fontsize=9)
    return figure


def _survival_title(curve: Curve, days: Whole, closed: Flags, sla: int | None) -> str:
    if not len(days):
        return "No failure whose beginning was seen"
    median = curve.quantile(0.5)
    if not closed.any() and not days.any():
        return "No failure observed for a day or longer"
    if len(days) == 1:
        became = "closed after" if closed[0] else "open when last seen, after"
        return f"One failure: {became} {counted(int(days[0]), 'day')}"
    if median is not None:
        title = f"Half of the failures closed within {counted(median, 'day')}"
    else:
        count = int(closed.sum())
        title = f"{count:,} of {counted(len(days), 'failure')} closed; the median is not reached"
    share = None if sla is None else _share_closed(curve, closed, sla)
    return f"{title}; {share} within {counted(sla, 'day')}" if share and sla is not None else title


def _survival_notes(history: History, older: Flags) -> list[str]:
    closed, lost, still = (int((_is(history, state) & ~older).sum()) for state in ("closed", "lost_sight", "open"))
    notes = []
    if closed + lost + still:
        marks = f"Of these, {closed:,} closed; marks on the curve: {still:,} still open, {lost:,} lost sight of."
        notes += ["Kaplan\N{EN DASH}Meier estimate.", marks]
    if older.any():
        count = int(older.sum())
        verb = "is" if count == 1 else "are"
        notes.append(f"Left out: {count:,} that {verb} older than the first snapshot.")
    return notes


def _share_closed(curve: Curve, closed: Flags, day: int) -> str | None:
    """Return which share was closed by a day; None where no failure was observed for so long."""
    if day > curve.days[-1] and not closed.all():
        return None
    return _percent(1 - curve.share_at(day))


def _percent(share: float) -> str:
    """Return a share as a percentage that never says none or all of what is some."""
    percent = 100 * share
    if 0 < percent < 1:
        return "under 1%"
    return "over 99%" if 99 < percent < 100 else f"{percent:.0f}%"


def _mark_quantile(figure: Figure, axes: Axes, p: float, name: str, day: int | None) -> None:
    """Draw lines to where the curve falls to `1 - p`, and say beside the axes on which day that is."""
    said = "not reached" if day is None else counted(day, "day")
    reach = axes.get_xlim()[1]
    axes.plot([reach if day is None else day, reach], [1 - p, 1 - p], color=INK, linewidth=1, linestyle=":", zorder=2)
    if day is not None:
        axes.plot([day, day], [0, 1 - p], color=INK, linewidth=1, linestyle=":", zorder=2)
        axes.plot([day], [1 - p], marker="o", markersize=6, color=INK, zorder=5, label=name, clip_on=False)
    text = axes.text(1.015, 1 - p, f"{name}: {said}", transform=axes.get_yaxis_transform(), va="center", fontsize=9.5)
    fit(figure, [text], LEFT + WIDTH - 0.75)


def _mark_deadline(figure: Figure, axes: Axes, sla: int, share: str | None) -> None:
    """Draw the deadline, and say above it how many were closed by then."""
    axes.axvline(sla, color=INK, linewidth=1.2, linestyle="--", zorder=2)
    done = f"{share} closed by then" if share else "none observed for so long"
    at = sla / axes.get_xlim()[1]
    text = axes.text(
        min(max(at, 0.0), 1.0),
        1.02,
        f"deadline {counted(sla, 'day')}: {done}",
        transform=axes.transAxes,
        ha="left" if at < 0.5 else "right",
        va="bottom",
        fontsize=9.5,
    )
    fit(figure, [text], 0.6)


# --- accounts over time ----------------------------------------------------------------------------------------------


def accounts_over_time(history: History) -> Figure:
    """Draw how many failures were open in each account at the end of each span of time."""
    covered = _Covered(history)
    if not covered.accounts:
        return say_nothing(_figure(history, "No account to show"), _NONE_AT_ALL)
    bins = _bins(history, covered)
    counts, blank = _cells(history, covered, bins)
    newest = counts[np.arange(len(counts)), counts.shape[1] - 1 - np.argmin(blank[:, ::-1], axis=1)]
    order = np.lexsort((covered.accounts, -np.where(blank, 0, counts).sum(axis=1), -newest))
    shown = order[:_SHOWN_ACCOUNTS]
    notes = [f"Open at the end of each {bins.unit}; worst accounts, by their newest snapshots, first."]
    if len(order) > len(shown):
        rest = counted(int(newest[order[len(shown) :]].sum()), "open failure")
        notes.append(f"Not shown: {counted(len(order) - len(shown), 'further account')} with {rest}.")
    if "unknown" in covered.accounts:
        notes.append("Reports that tell no account are counted as one account.")
    figure = _figure(history, _accounts_title(covered, newest, order), [*notes, *_not_covered(history)])
    axes = figure.subplots()
    # Few accounts get rows, not walls.
    bottom = max(0.81 - 0.14 * len(shown), 0.21)
    figure.subplots_adjust(right=LEFT + WIDTH, top=0.81, bottom=bottom)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    names = [covered.accounts[place] for place in shown]
    axes.set_yticks(range(len(shown)), names, fontsize=9 if len(shown) < 15 else 8)
    axes.tick_params(length=0)
    left = LEFT + 0.012 + fit(figure, axes.get_yticklabels(), 0.2)
    figure.subplots_adjust(left=left)
    columns = max(len(bins), 8)
    axes.set_xlim(-0.5, columns - 0.5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    looks = _draw_cells(figure, axes, counts[shown], blank[shown], (LEFT + WIDTH - left) / columns)
    _bin_scale(figure, axes, bins)
    _legend(figure, looks, bottom - 0.105)
    return figure


def _cells(history: History, covered: _Covered, bins: _Bins) -> tuple[Whole, Flags]:
    """Return for each account and bin the failures open at its end, and whether no snapshot tells."""
    ends = np.minimum(bins.edges[1:] - 1, covered.last)
    opened = _Open.of(history, covered)
    counts = opened.count(opened.account, len(covered.accounts), ends)
    blank = ends[None, :] < covered.by_account["first"].to_numpy()[:, None]
    starts = bins.edges[:-1]
    for place, since, until in covered.missing[["place", "since", "until"]].itertuples(index=False):
        blank[place] |= (starts > since) & (ends < until)
    return counts, blank


def _accounts_title(covered: _Covered, newest: Whole, order: Whole) -> str:
    total, accounts = int(newest.sum()), len(order)
    name = covered.accounts[int(order[0])]
    one = "the unknown account" if name == "unknown" else f"account {name}"
    if not total:
        return f"No failure is open in {one if accounts == 1 else f'any of {accounts:,} accounts'}"
    if accounts == 1:
        return f"{counted(total, 'failure')} {'is' if total == 1 else 'are'} open in {one}"
    open_in = int((newest > 0).sum())
    if open_in == 1:
        return f"1 of {accounts:,} accounts has open failures: {one}, {total:,}"
    return f"{open_in:,} of {accounts:,} accounts have open failures; {one} has {newest[order[0]]:,} of {total:,}"


def _draw_cells(figure: Figure, axes: Axes, counts: Whole, blank: Flags, width: float) -> set[str]:
    """Draw a cell for each account and bin, `width` of the figure's wide, and return the looks in use."""
    from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_hex  # noqa: PLC0415
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    heat = LinearSegmentedColormap.from_list("heat", HEAT)
    scale = LogNorm(1, max(int(np.where(blank, 0, counts).max()), 10))
    texts, looks = [], set()
    for row, column in np.ndindex(counts.shape):
        count = int(counts[row, column])
        look = "missing" if blank[row, column] else "some" if count else "none"
        looks.add(look)
        fill = {"missing": "white", "none": _NONE_AREA}.get(look) or to_hex(heat(scale(count)))
        hatched = look == "missing"
        axes.add_patch(
            Rectangle(
                (column - 0.48, row - 0.46),
                0.96,
                0.92,
                facecolor=fill,
                edgecolor=HATCHING if hatched else "none",
                hatch=_MISSING if hatched else None,
                linewidth=0,
            )
        )
        if not hatched:
            color = readable_on(fill) if count else MUTED
            text = f"{count:,}" if count < 10_000 else f"{count // 1000:,}k"
            texts.append(axes.text(column, row, text, ha="center", va="center", fontsize=8.5, color=color))
    if texts:
        fit(figure, texts, width * 0.86)
    return looks


_LOOKS: Final = {
    "some": ("9", HEAT[1], "open failures (darker: more)"),
    "none": ("0", _NONE_AREA, "none open"),
    "missing": ("", "white", "no snapshot"),
}
"""How cells look: an example, its colour, and what it means."""


def _legend(figure: Figure, looks: set[str], y: float) -> None:
    """Write below the cells what their looks mean, as far as they occur."""
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    at = LEFT
    for look, (example, fill, said) in _LOOKS.items():
        if look not in looks:
            continue
        hatched = look == "missing"
        figure.add_artist(
            Rectangle(
                (at, y - 0.016),
                0.026,
                0.032,
                transform=figure.transFigure,
                facecolor=fill,
                edgecolor=HATCHING if hatched else "none",
                hatch=_MISSING if hatched else None,
                linewidth=0.6 if hatched else 0,
            )
        )
        if example:
            figure.text(at + 0.013, y, example, ha="center", va="center", fontsize=8)
        text = figure.text(at + 0.032, y, said, va="center", fontsize=8.5, color=MUTED)
        at += 0.032 + widest(figure, [text]) + 0.014


CHARTS: Final[dict[str, Callable[[History], Figure]]] = {
    "open_over_time": open_over_time,
    "opened_closed": opened_closed,
    "survival": survival,
    "accounts_over_time": accounts_over_time,
}
"""Each picture by the name of its file."""
