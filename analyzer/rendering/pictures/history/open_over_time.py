"""The picture of open failures over time."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pandas as pd

from analyzer.controls.vocabulary import counted
from analyzer.reading.layout import Kind
from analyzer.rendering.pictures.canvas import (
    FAIL,
    HATCH,
    HATCH_COLOR,
    INK,
    LEFT,
    MUTED,
    OTHER,
    PASS,
    WIDTH,
    NothingToShowError,
    fit,
    scale_counts,
)
from analyzer.rendering.pictures.history.coverage import OpenFailures, SnapshotCoverage, days_of
from analyzer.rendering.pictures.history.days import iso, write_days
from analyzer.rendering.pictures.history.shared import (
    is_older,
    left_out,
    not_covered,
    require_days,
    since,
    start_figure,
)
from analyzer.rendering.pictures.words import is_unused_only

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.evidence.history import History

    Whole = npt.NDArray[np.int64]

COLORS: Final = {
    "unused-credentials": FAIL,
    "unused-credentials-console": "#F4A582",
    "access-key-rotation": PASS,
    "no-initial-access-keys": "#8C564B",
    "password-rotation": "#009E73",
    "expired-password-in-use": "#4D9221",
    "active-certificates": "#7570B3",
    "console-mfa": "#0072B2",
    "mfa-every-user": "#CC79A7",
    "single-active-access-key": "#AA4499",
    "additional-credentials": "#5D4037",
    "no-root-access-key": "#1B1B5E",
    "root-mfa": "#882255",
    "root-hardware-mfa": "#44AA99",
    "root-not-in-daily-use": "#CAB2D6",
    "password-and-keys": "#6A3D9A",
    "console-users": "#A6DBA0",
    "root-certificates": "#4D4D4D",
    "root-credentials-removed": "#FB9A99",
    "password-expiry": "#A65628",
    "leaver-credentials": "#E31A1C",
    "passwords": FAIL,
    "access keys": PASS,
}
"""The colours of controls, the same in every run, and of kinds of credentials, which replace controls.

None is yellow, because yellow means not checked.
"""
_BANDS: Final = 7
"""The most areas of controls; one more area has the sum of all others."""
_EDGED: Final = 100
"""The most dates with which areas have white edges; with more dates, the edges would cover the areas."""
_RIGHT: Final = 0.74
"""The right edge of the axes, as a share of the figure's width; the labels are beside it."""
_KINDS: Final = {Kind.PASSWORD: "passwords", Kind.ACCESS_KEY: "access keys"}


def draw(history: History) -> Figure:
    """Draw the open failures by control, or by kind of credential if `unused-credentials` is the only control."""
    coverage = SnapshotCoverage(history)
    dates = require_days(coverage)
    first, last = int(dates[0]), int(dates[-1])
    # Failures of the newest snapshot stay open until the next one, so they get the usual time between two snapshots.
    after = last + max(int(np.median(np.diff(dates))), 1)
    by_kind = is_unused_only(history.settings.checklist)
    counts = _by_kind(coverage, dates) if by_kind else _by_control(coverage, dates)
    total = counts.sum().to_numpy()
    if not total.any():
        raise NothingToShowError(f"No failure was open in any snapshot{since(coverage)}.")

    trend_accounts = pd.Series(history.summed_trend["accounts"].to_numpy(dtype=np.int64))
    account_counts = trend_accounts.groupby(coverage.dates).max()[dates].to_numpy()
    missing = coverage.missing_on(np.arange(first, last + 1))
    figure = start_figure(history, _title(dates, total, account_counts), _notes(coverage, missing))
    with_accounts = bool(missing.any()) or len(set(account_counts.tolist())) > 1
    if with_accounts:
        axes, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [6, 1], "hspace": 0.16})
        _draw_accounts(below, dates, after, account_counts, missing)
    else:
        axes = below = figure.subplots()
    figure.subplots_adjust(left=0.08, right=_RIGHT, top=0.83, bottom=0.14)
    axes.set_xlim(first, after)
    scale_counts(axes, "y", int(total.max()) * 1.06)
    axes.set_ylabel("open failures", fontsize=9)
    axes.tick_params(axis="x", labelbottom=not with_accounts)
    write_days(below, first, last + 1)
    labels = _draw_areas(axes, dates, after, counts)
    # Snapshots missing on the last day are missing after it too.
    _shade(axes, np.append(missing, np.full(after - last - 1, missing[-1])), first, len(coverage.accounts))
    _write_labels(figure, axes, labels)
    return figure


def _by_kind(coverage: SnapshotCoverage, dates: Whole) -> pd.DataFrame:
    """Return the open failures by kind of credential (rows) at the end of each date (columns)."""
    kind = coverage.history.summed["kind"].astype("str").map({kind_.value: code for code, kind_ in enumerate(_KINDS)})
    kinds = np.asarray(kind.fillna(0), dtype=np.int64)
    counts = OpenFailures.of(coverage).count(kinds, len(_KINDS), dates)
    return _largest(pd.DataFrame(counts, index=list(_KINDS.values())), "kinds")


def _by_control(coverage: SnapshotCoverage, dates: Whole) -> pd.DataFrame:
    """Return the open failures by control (rows) at the end of each date (columns)."""
    rows = coverage.history.summed_trend
    trend = pd.DataFrame(
        {
            "control": rows["control"].astype("str").to_numpy(),
            "date": coverage.dates,
            "open": rows["open"].to_numpy(dtype=np.int64),
        }
    )
    counts = trend.pivot_table(index="control", columns="date", values="open", aggfunc="sum", fill_value=0)
    return _largest(counts.reindex(columns=dates, fill_value=0), "controls")


def _largest(counts: pd.DataFrame, noun: str) -> pd.DataFrame:
    """Return the rows with open failures, the largest areas first, and the sum of the smallest ones as one row."""
    largest = counts[(counts > 0).any(axis=1)]
    sums = dict(zip(largest.index, largest.sum(axis=1).tolist(), strict=True))
    largest = largest.loc[sorted(largest.index, key=lambda name: (-sums[name], name))]
    if len(largest) <= _BANDS:
        return largest
    smallest = largest.iloc[_BANDS:]
    sum_of_smallest = (
        smallest.sum().to_frame(f"{len(smallest)} further {noun}" if len(smallest) > 1 else str(smallest.index[0])).T
    )
    return pd.concat([largest.iloc[:_BANDS], sum_of_smallest])


def _title(dates: Whole, total: Whole, account_counts: Whole) -> str:
    texts = []
    # Sums of different accounts are not compared.
    for day in (-1, 0) if account_counts[0] == account_counts[-1] else (-1,):
        failures = f"{counted(int(total[day]), 'failure')} open" if day else f"{total[day]:,}"
        accounts = counted(int(account_counts[day]), "account")
        where = f" in {accounts}" if account_counts[0] != account_counts[-1] else ""
        texts.append(f"{failures} on {iso(int(dates[day]))}{where}")
    return ", ".join(texts)


def _notes(coverage: SnapshotCoverage, missing: Whole) -> list[str]:
    notes = ["Each day counts the newest snapshot of each account by then."]
    notes += _changes(coverage)
    if missing.any():
        notes.append("Hatched: snapshots of some accounts are missing; their failures are shown as last seen.")
    return notes + left_out(coverage) + not_covered(coverage.history)


def _changes(coverage: SnapshotCoverage) -> list[str]:
    """Return the note on the changes between the first and the last day."""
    first = int(coverage.days[0])
    later = coverage.dates > first
    rows = coverage.history.summed_trend[later]
    opened, closed, lost = (int(rows[name].sum()) for name in ("opened", "closed", "lost"))
    found_later = int((is_older(coverage.history) & (days_of(coverage.history.summed["first_seen"]) > first)).sum())
    parts = [
        f"{opened - found_later:,} opened",
        *([f"{found_later:,} found in accounts seen later"] if found_later else []),
    ]
    return [f"Since the first day: {', '.join(parts)}, {closed:,} closed, {lost:,} lost to follow-up."]


def _draw_accounts(axes: Axes, dates: Whole, after: int, account_counts: Whole, missing: Whole) -> None:
    """Draw the number of accounts seen by each day, and how many of them have missing snapshots."""
    days = np.arange(int(dates[0]), int(dates[-1]) + 1)
    counts = account_counts[np.searchsorted(dates, days, "right") - 1]
    x = np.append(days, after)
    counts, present = (np.append(heights, heights[-1]) for heights in (counts, counts - missing))
    axes.fill_between(x, 0, present, step="post", color=HATCH_COLOR, linewidth=0, label="seen")
    if missing.any():
        axes.fill_between(
            x,
            present,
            counts,
            step="post",
            facecolor="white",
            edgecolor=MUTED,
            hatch=HATCH,
            linewidth=0,
            label="missing",
        )
    most = int(counts.max())
    axes.set_ylim(0, most * 1.15)
    axes.set_yticks([0, most], ["0", f"{most:,}"], fontsize=9)
    axes.set_ylabel("accounts", fontsize=9)


class _Label(NamedTuple):
    """The label of an area; `at` is the middle of its right end."""

    text: str
    at: float
    color: str
    strong: bool


def _draw_areas(axes: Axes, dates: Whole, after: int, counts: pd.DataFrame) -> list[_Label]:
    """Draw `counts` by date (columns) as stacked areas, the first row on top; return the labels from the lowest up."""
    x, low = np.append(dates, after), np.zeros(len(dates), dtype=np.int64)
    labels = []
    for band in reversed(range(len(counts))):
        name, height = counts.index[band], counts.iloc[band].to_numpy()
        color = COLORS.get(str(name), OTHER)
        axes.fill_between(
            x,
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
    return labels


def _shade(axes: Axes, missing: Whole, first: int, accounts: int) -> None:
    """Hatch the days with missing snapshots; the hatching is darker if more accounts lack them."""
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
            hatch=HATCH,
            linewidth=0,
            zorder=2.6,
        )


def _write_labels(figure: Figure, axes: Axes, labels: list[_Label]) -> None:
    """Write labels (from the lowest up) beside the axes without overlap, each with a line to its area."""
    from matplotlib.transforms import blended_transform_factory  # noqa: PLC0415

    beside = blended_transform_factory(axes.transAxes, axes.transData)
    texts = [
        axes.text(1.055, 0, label.text, transform=beside, va="center", color=INK if label.strong else MUTED, fontsize=9)
        for label in labels
    ]
    fit(figure, texts, LEFT + WIDTH - _RIGHT - 0.035)
    low, high = axes.get_ylim()
    step = 1.25 * max(text.get_window_extent().height for text in texts) / axes.get_window_extent().height
    targets = [(label.at - low) / (high - low) for label in labels]
    for label, text, position in zip(labels, texts, _apart(targets, step), strict=True):
        y = low + position * (high - low)
        text.set_y(y)
        axes.plot(
            [1.004, 1.02, 1.035, 1.049],
            [label.at, label.at, y, y],
            transform=beside,
            color=label.color,
            linewidth=2,
            clip_on=False,
            solid_capstyle="butt",
        )


def _apart(targets: list[float], step: float) -> list[float]:
    """Return ascending positions near `targets` (0 to 1, ascending) that are at least `step` apart."""
    positions: list[float] = []
    for target in targets:
        positions.append(max(target, positions[-1] + step) if positions else target)
    highest = max(1.0, step * (len(targets) - 1))
    for index in reversed(range(len(positions))):
        positions[index] = min(positions[index], highest)
        highest = positions[index] - step
    return positions
