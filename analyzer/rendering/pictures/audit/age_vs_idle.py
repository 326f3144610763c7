"""The picture of the age of access keys against their idle days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.controls.vocabulary import Status, counted
from analyzer.errors import in_words
from analyzer.reading.layout import Kind
from analyzer.rendering.pictures.audit.shared import (
    limit_days,
    limit_in_words,
    nothing_to_show,
    require_unused,
    start_figure,
)
from analyzer.rendering.pictures.canvas import FAIL, FAIL_AREA, FAIL_TEXT, INK, PASS, RULE

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.evidence.summary import Summary

    Whole = npt.NDArray[np.int64]

_SCATTER: Final = 2_000
"""The most keys that are drawn as points; of more, the density is drawn."""
_EVEN_DAYS: Final = 10
"""The scales are linear up to this day, and logarithmic after it."""
_SCALE: Final = "logarithmic scale"


class _Keys(NamedTuple):
    """Counts of access keys of known age and idle time, by `age` and `idle` in days and by `never`."""

    age: Whole
    idle: Whole
    never: npt.NDArray[np.bool_]
    """Whether the keys were never used."""
    number: Whole


def draw(audit: Summary) -> Figure:
    """Draw the age of each judged access key against its idle days; never-used keys are on the diagonal."""
    require_unused(audit)
    keys = _Keys(*(audit.keys[column].to_numpy() for column in ("age", "idle", "never", "count")))
    total = int(keys.number.sum())
    judged = sum(audit.count(Kind.ACCESS_KEY, outcome) for outcome in (Status.PASS, Status.FAIL, Status.NOT_CHECKED))
    if not total:
        unknown_times = "No active access key has both a known age and a known idle time."
        no_key = "No IAM user in the judged reports has an active access key."
        raise nothing_to_show(audit, unknown_times if judged else no_key, unused_only=True)

    known = " of known age and last use" if judged > total else ""
    title = f"{int(keys.number[keys.never].sum()):,} of {counted(total, 'active access key')}{known} never used"
    notes = ["On the diagonal: keys idle since their creation, with all never-used keys shown."]
    figure = start_figure(audit, title, [*notes, *_not_shown(audit, judged, total)], unused_only=True)
    axes = figure.subplots()
    figure.subplots_adjust(left=0.09, right=0.97, top=0.765, bottom=0.165)
    limit, in_words = limit_days(audit), limit_in_words(audit)
    reach = max(int(keys.age.max()), int(keys.idle.max()), 2 * limit, 2 * _EVEN_DAYS) * 1.3
    _scale_days(axes, reach)
    axes.axhspan(limit, reach, color=FAIL_AREA, linewidth=0, zorder=0)
    axes.plot([0, reach], [0, reach], color=RULE, linewidth=1, zorder=0.5)
    axes.axhline(limit, color=INK, linewidth=1.2, linestyle="--", zorder=1)
    few = total <= _SCATTER
    if not few:
        _draw_density(figure, axes, keys)
    _draw_groups(axes, keys, _groups(keys, limit, in_words), few=few)
    # The label is above the diagonal, where there are no keys: no key is idle longer than it exists.
    axes.text(-1.2, limit * 1.06, f"fails from {in_words} idle", color=FAIL_TEXT, va="bottom", fontsize=9)
    axes.set_xlabel(f"age of the key in days (since access_key_n_last_rotated); {_SCALE}")
    axes.set_ylabel(f"idle time in days; {_SCALE}")
    return figure


def _not_shown(audit: Summary, judged: int, total: int) -> list[str]:
    """Return the note on active keys that are not among the `total` shown ones, and why; none if all are shown."""
    doubtful = audit.in_doubt_of(Kind.ACCESS_KEY)
    unknown = judged - total - doubtful
    parts = [f"{unknown:,} whose age or last use is not known at the reference date"] if unknown else []
    parts += [f"{doubtful:,} in reports whose order is not known"] if doubtful else []
    return [f"Not shown, of {counted(judged, 'active access key')}: {in_words(parts)}."] if parts else []


def _scale_days(axes: Axes, reach: float) -> None:
    """Scale both axes for days: linear up to `_EVEN_DAYS`, logarithmic after it."""
    ticks = [day for day in (0, 10, 30, 90, 365, 1_000, 3_000, 10_000, 30_000) if day <= reach]
    for set_scale, set_limits, set_ticks in (
        (axes.set_xscale, axes.set_xlim, axes.set_xticks),
        (axes.set_yscale, axes.set_ylim, axes.set_yticks),
    ):
        set_scale("symlog", linthresh=_EVEN_DAYS, linscale=0.5)
        set_limits(-1.5, reach)
        set_ticks(ticks, [f"{day:,}" for day in ticks])
        set_ticks([], minor=True)


class _Group(NamedTuple):
    """Keys that are drawn with the same marker and colour."""

    label: str
    chosen: npt.NDArray[np.bool_]
    marker: str
    color: str


def _groups(keys: _Keys, limit: int, in_words: str) -> list[_Group]:
    """Return the groups that have keys."""
    late, never = keys.idle >= limit, keys.never
    groups = (
        _Group("used within the limit", ~never & ~late, "o", PASS),
        _Group(f"used, but not for {in_words} or more", ~never & late, "o", FAIL),
        _Group(f"never used, younger than {in_words}", never & ~late, "^", PASS),
        _Group(f"never used, {in_words} old or more", never & late, "^", FAIL),
    )
    return [group for group in groups if group.chosen.any()]


def _draw_groups(axes: Axes, keys: _Keys, groups: list[_Group], *, few: bool) -> None:
    """Draw a legend that counts the groups, and, if there are `few` keys, a point for each key."""
    for label, chosen, marker, color in groups:
        # If the density is drawn, the legend only has the counts, without points or markers.
        drawn = chosen & few
        axes.scatter(
            np.repeat(keys.age[drawn], keys.number[drawn]),
            np.repeat(keys.idle[drawn], keys.number[drawn]),
            s=42 if few else 0,
            marker=marker,
            color=color,
            edgecolors=INK,
            linewidths=0.5,
            alpha=0.85,
            label=f"{int(keys.number[chosen].sum()):,} {label}",
        )
    marks: dict[str, Any] = {} if few else {"handlelength": 0, "handletextpad": 0}
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, fontsize=9, borderaxespad=0.2, **marks)


def _draw_density(figure: Figure, axes: Axes, keys: _Keys) -> None:
    """Draw how many keys share each cell."""
    from matplotlib.colors import LinearSegmentedColormap, LogNorm  # noqa: PLC0415

    # The edges are between whole days, so that each cell contains at least one whole day.
    even = np.arange(_EVEN_DAYS + 1) - 0.5
    longest = max(int(keys.age.max()), int(keys.idle.max()), 2 * _EVEN_DAYS) + 1
    growing = np.round(np.geomspace(_EVEN_DAYS, longest, 46)) + 0.5
    edges = np.unique(np.concatenate([even, growing]))
    counts, _, _ = np.histogram2d(keys.age, keys.idle, bins=(edges, edges), weights=keys.number)
    most = max(int(counts.max()), 2)
    grey = LinearSegmentedColormap.from_list("grey", [RULE, INK])
    mesh = axes.pcolormesh(edges, edges, np.ma.masked_equal(counts.T, 0), cmap=grey, norm=LogNorm(1, most), zorder=0.8)
    bar = figure.colorbar(mesh, ax=axes, pad=0.015, aspect=30)
    ticks = [10**power for power in range(len(str(most)))]
    bar.set_ticks(ticks, labels=[f"{tick:,}" for tick in ticks])
    bar.minorticks_off()
    bar.set_label("number of keys in a cell")
