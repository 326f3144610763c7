"""Four pictures for a report page, each with its finding as the title: PNG, made with matplotlib's object interface.

Nothing of the reader's own matplotlib settings gets in, and equal inputs give equal bytes. Colours are from the
palette of Okabe and Ito ("Color Universal Design", 2008), which colour-blind readers can tell apart; no picture says
by colour alone what it says.
"""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np

from analyzer.reading.layout import Kind, State
from analyzer.result import JUDGED_KINDS, Outcome, accounts_in_words, accounts_of, counted, reference
from analyzer.staleness import EXACT, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.result import Audit

_SIZE: Final = (10.0, 5.6)
_DPI: Final = 160
_LEFT, _WIDTH = 0.03, 0.94
"""Where titles and notes begin, and how much of the figure's width they may take."""
_INK, _MUTED, _RULE = "#222222", "#666666", "#CCCCCC"
_PASS, _FAIL, _UNSURE, _NONE, _OFF = "#56B4E9", "#D55E00", "#F0E442", "#DDDDDD", "#999999"
_FAIL_TEXT, _FAIL_AREA = "#A84A00", "#FCF3ED"
"""The colour of failures, darker where small letters are to be read and paler where bars and points lie on it."""
_NOUNS: Final = {Kind.PASSWORD: "password", Kind.ACCESS_KEY: "access key"}
_SHOWN_ACCOUNTS: Final = 15
_SCATTER: Final = 2_000
"""Points up to which each one is drawn; beyond, their density is."""
_EDGES: Final = (0, 1, 8, 15, 30, 45, 90, 180, 365, 730, 1_460)
"""Days at which the bins of idle time begin; the limit in force joins them."""
_EVEN_DAYS: Final = 10
"""The scales of age and idle time are even up to this day, and by powers beyond."""


def write(audit: Audit, folder: Path) -> list[Path]:
    """Write the four pictures into `folder`/charts and return their paths."""
    made = []
    (folder / "charts").mkdir()
    with own_style():
        for name, draw in CHARTS.items():
            path = folder / "charts" / f"{name}.png"
            draw(audit).savefig(path, dpi=_DPI, metadata={"Software": None})
            made.append(path)
    return made


@contextmanager
def own_style() -> Iterator[None]:
    """Use matplotlib's own defaults, whatever the reader's settings are, and the font that comes with it."""
    # Remarks on its font cache, its folders and the reader's settings, some of them made on import: not for auditors.
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)
    # A backend that this machine does not have would stop the import; pictures are drawn without any.
    os.environ.pop("MPLBACKEND", None)
    import matplotlib as mpl  # noqa: PLC0415 - only this format needs it

    style: dict[str, Any] = {
        "font.family": "DejaVu Sans",
        "font.size": 10,
        "text.color": _INK,
        "axes.edgecolor": _MUTED,
        "axes.labelcolor": _INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": _MUTED,
        "ytick.color": _MUTED,
        "xtick.labelcolor": _INK,
        "ytick.labelcolor": _INK,
        "axes.axisbelow": True,
        # Names come from reports: a dollar sign in them is a dollar sign.
        "text.parse_math": False,
    }
    # To set the backend, even to its default, loads pyplot and tries the windowing toolkits of the machine.
    defaults = {name: value for name, value in mpl.rcParamsDefault.items() if name != "backend"}
    try:
        with mpl.rc_context(defaults | style):  # type: ignore[arg-type]
            yield
    finally:
        log.setLevel(level)


# --- what all pictures share -----------------------------------------------------------------------------------------


def _figure(audit: Audit, title: str, notes: Sequence[str] = ()) -> Figure:
    """Return a figure with the finding as its title, below it what it is about, and notes at its foot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=_SIZE, facecolor="white")
    FigureCanvasAgg(figure)
    subtitle = f"{reference(audit)} · {accounts_in_words(audit)} · root excluded"
    _line(figure, 0.945, title, fontsize=13.5, fontweight="bold")
    _line(figure, 0.89, subtitle, color=_MUTED)
    if notes:
        _line(figure, 0.035, " ".join(notes), color=_MUTED, fontsize=9)
    return figure


def _line(figure: Figure, y: float, text: str, **style: Any) -> None:  # noqa: ANN401 - matplotlib's own properties
    """Write a line across the figure, in smaller letters where it would not fit."""
    line = figure.text(_LEFT, y, text, va="center", **style)
    excess = line.get_window_extent().width / (figure.bbox.width * _WIDTH)
    if excess > 1:
        line.set_fontsize(float(line.get_fontsize()) / excess)


def _nothing(figure: Figure, audit: Audit, otherwise: str) -> Figure:
    """Say on the picture why there is nothing to show: `otherwise` where there are findings."""
    if len(audit.users) == int(audit.users["is_root"].sum()):
        why = "There is no IAM user in these reports."
    elif audit.findings.empty:
        why = "No IAM user in the judged reports has an active password or access key."
    else:
        why = otherwise
    figure.text(0.5, 0.45, why, fontsize=13, color=_MUTED, ha="center", va="center")
    return figure


def _limit(audit: Audit) -> str:
    return counted(audit.settings.max_idle_days, "day")


def _undecided(audit: Audit) -> str:
    """Return what a title adds where verdicts are missing."""
    count = audit.totals[Status.NOT_CHECKED]
    return f", {count:,} could not be decided" if count else ""


def _bare(axes: Axes, side: Literal["left", "bottom"]) -> None:
    """Leave out the scale of counts on one side: each count stands beside its bar."""
    (axes.set_yticks if side == "left" else axes.set_xticks)([])
    axes.spines[side].set_visible(False)
    axes.tick_params(length=0)


# --- idle days -------------------------------------------------------------------------------------------------------


def idle_days(audit: Audit) -> Figure:
    """Draw how long credentials lay idle, by kind, with the limit marked."""
    exact = audit.findings["reason"].isin(list(EXACT)).to_numpy() & audit.findings["idle_days"].notna().to_numpy()
    known = audit.findings[exact]
    notes = _left_out(audit, exact)
    judged = counted(audit.totals["judged"], "active credential")
    title = f"{audit.totals[Status.FAIL]:,} of {judged} idle for {_limit(audit)} or more{_undecided(audit)}"
    figure = _figure(audit, title if len(known) else "No idle time to show", notes)
    if known.empty:
        return _nothing(figure, audit, "No active password or access key has a known idle time.")

    limit = audit.settings.max_idle_days
    edges = sorted({*_EDGES, limit})
    at_limit = edges.index(limit) - 0.5
    days = known["idle_days"].to_numpy(dtype=np.int64)
    is_password = (known["credential"] == "password").to_numpy()
    panels = figure.subplots(2, 1, sharex=True, gridspec_kw={"hspace": 0.16})
    figure.subplots_adjust(left=0.13, right=0.97, top=0.785, bottom=0.195)
    for axes, kind, chosen in zip(panels, JUDGED_KINDS, (is_password, ~is_password), strict=True):
        counts, _ = np.histogram(days[chosen], bins=[*edges, np.iinfo(np.int64).max])
        axes.axvspan(at_limit, len(edges) - 0.4, color=_FAIL_AREA, linewidth=0)
        axes.bar(range(len(edges)), counts, width=0.86, color=[_FAIL if low >= limit else _PASS for low in edges])
        for place in np.flatnonzero(counts).tolist():
            axes.text(place, counts[place], f"{counts[place]:,}", ha="center", va="bottom", fontsize=9)
        axes.axvline(at_limit, color=_INK, linewidth=1.2, linestyle="--")
        axes.set_xlim(-0.6, len(edges) - 0.4)
        axes.set_ylim(0, max(int(counts.max()), 1) * 1.25)
        _bare(axes, "left")
        amount, noun = counted(int(counts.sum()), _NOUNS[kind]).split(" ", 1)
        axes.set_ylabel(f"{amount}\n{noun}", rotation=0, ha="right", va="center", labelpad=8)
    top = {"y": 1.03, "va": "bottom", "fontsize": 9, "transform": panels[0].get_xaxis_transform()}
    panels[0].text(at_limit - 0.08, s="within\nthe limit", ha="right", **top)
    panels[0].text(at_limit + 0.08, s=f"fails from\n{_limit(audit)}", ha="left", color=_FAIL_TEXT, **top)
    spans = [_span(low, high) for low, high in zip(edges, [*edges[1:], None], strict=True)]
    panels[-1].set_xticks(range(len(edges)), spans, fontsize=9)
    panels[-1].set_xlabel("days idle (spans of unequal length); number of credentials above each bar")
    return figure


def _left_out(audit: Audit, exact: npt.NDArray[np.bool_]) -> list[str]:
    """Return in words how many findings have no exact idle time, by what became of them."""
    words = {
        Status.PASS: "pass though their idle time is known only to be within the limit",
        Status.FAIL: "fail though their idle time is known only to be beyond the limit",
        Status.NOT_CHECKED: "could not be decided",
        Status.NOT_APPLICABLE: "made after the reference date",
    }
    counts = audit.findings["status"][~exact].value_counts()
    parts = [f"{int(counts.get(status, 0)):,} {said}" for status, said in words.items() if counts.get(status, 0)]
    return [f"Not shown: {', '.join(parts)}."] if parts else []


def _span(low: int, high: int | None) -> str:
    if high is None:
        return f"{low:,}\nor more"
    return f"{low:,}" if high == low + 1 else f"{low:,} to\n{high - 1:,}"


# --- status ----------------------------------------------------------------------------------------------------------


def status(audit: Audit) -> Figure:
    """Draw how many credentials of each kind pass, fail, could not be decided, or were not judged."""
    failing, judged = audit.totals[Status.FAIL], audit.totals["judged"]
    verb = "fails" if 1 in {failing, judged} else "fail"
    title = f"{failing:,} of {counted(judged, 'active credential')} {verb}{_undecided(audit)}"
    bars = {
        "pass": (Outcome.PASS, _PASS),
        "fail": (Outcome.FAIL, _FAIL),
        "not checked": (Outcome.NOT_CHECKED, _UNSURE),
        "not applicable": (Outcome.NOT_APPLICABLE, _NONE),
        "inactive": (Outcome.INACTIVE, _OFF),
    }
    counts = np.array([[audit.count(kind, outcome) for outcome, _ in bars.values()] for kind in JUDGED_KINDS])
    notes = _status_notes(audit)
    figure = _figure(audit, title if judged else "No active password or access key to judge", notes)
    if not counts.any():
        return _nothing(figure, audit, "There is nothing to judge.")

    panels = figure.subplots(1, 2, sharey=True, gridspec_kw={"wspace": 0.12})
    figure.subplots_adjust(left=0.15, right=0.97, top=0.79, bottom=0.15)
    for axes, kind, row in zip(panels, JUDGED_KINDS, counts, strict=True):
        axes.barh(
            range(len(bars)),
            row,
            color=[color for _, color in bars.values()],
            edgecolor=_MUTED,
            # An empty bar must not leave a mark on the axis.
            linewidth=np.where(row > 0, 0.6, 0).tolist(),
            height=0.66,
        )
        for place, count in enumerate(row.tolist()):
            amount = f"  {count:,}{_share(count, int(row.sum()))}"
            axes.text(count, place, amount, va="center", color=_INK if count else _MUTED)
        axes.set_xlim(0, max(int(counts.max()), 1) * 1.45)
        axes.set_title(counted(int(row.sum()), _NOUNS[kind]), loc="left", fontsize=11)
        _bare(axes, "bottom")
        axes.set_yticks(range(len(bars)), list(bars))
        axes.set_xlabel("number (and share) of credentials", loc="left")
    panels[0].invert_yaxis()
    return figure


def _share(count: int, total: int) -> str:
    """Return a part as a percentage that never says none or all of what is some."""
    if not count:
        return ""
    percent = 100 * count / total
    if percent < 1:
        return " (under 1%)"
    return " (over 99%)" if 99 < percent < 100 else f" ({percent:.0f}%)"


def _status_notes(audit: Audit) -> list[str]:
    """Return in words the credentials that stand in no bar, and what the last two bars mean."""
    notes = []
    if any(audit.count(kind, Outcome.NOT_APPLICABLE) for kind in JUDGED_KINDS):
        notes.append("Not applicable: made after the reference date.")
    if any(audit.count(kind, Outcome.INACTIVE) for kind in JUDGED_KINDS):
        notes.append("Inactive ones are not judged.")
    words = {Outcome.ROOT: "of root", Outcome.OTHER_SNAPSHOT: "in other snapshots"}
    counts = {said: sum(audit.count(kind, outcome) for kind in JUDGED_KINDS) for outcome, said in words.items()}
    parts = [f"{count:,} {said}" for said, count in counts.items() if count]
    return [*notes, f"Not shown: {', '.join(parts)}."] if parts else notes


# --- accounts --------------------------------------------------------------------------------------------------------


def accounts(audit: Audit) -> Figure:
    """Draw the accounts with the most failing credentials."""
    failing = audit.by_account[audit.by_account[Status.FAIL] > 0]
    shown = failing.head(_SHOWN_ACCOUNTS)
    figure = _figure(audit, _accounts_title(audit, failing, shown), _accounts_notes(audit, failing, shown))
    if failing.empty:
        return _nothing(figure, audit, f"No credential fails in any account{_undecided(audit)}.")

    counts = shown[Status.FAIL].to_numpy()
    axes = figure.subplots()
    figure.subplots_adjust(left=0.15, right=0.97, top=0.81, bottom=0.08)
    axes.barh(range(len(shown)), counts, color=_FAIL, height=0.66)
    # A lone account gets a bar, not a wall.
    axes.set_ylim(max(len(shown), 6) - 0.4, -0.6)
    axes.set_xlim(0, int(counts.max()) * 1.3)
    for place, (count, unsure) in enumerate(zip(counts.tolist(), shown[Status.NOT_CHECKED].tolist(), strict=True)):
        more = f"  (and {unsure:,} not checked)" if unsure else ""
        axes.text(count, place, f"  {count:,}{more}", va="center")
    _bare(axes, "bottom")
    axes.spines["left"].set_bounds(-0.5, len(shown) - 0.5)
    axes.set_yticks(range(len(shown)), [str(account) for account in shown.index])
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("number of failing credentials", loc="left")
    return figure


def _accounts_title(audit: Audit, failing: pd.DataFrame, shown: pd.DataFrame) -> str:
    if audit.findings.empty:
        return "No account with credentials to judge"
    known, some_unknown = accounts_of(audit)
    counts = failing[Status.FAIL]
    verb = "has" if 1 in {len(failing), known + some_unknown} else "have"
    what = "a failing credential" if counts.sum() == 1 else "failing credentials"
    title = f"{len(failing):,} of {counted(known + some_unknown, 'account')} {verb} {what}"
    if len(shown) == len(failing):
        return title
    return f"{title}; these {len(shown)} hold {counts.head(len(shown)).sum():,} of {counts.sum():,}"


def _accounts_notes(audit: Audit, failing: pd.DataFrame, shown: pd.DataFrame) -> list[str]:
    notes = []
    rest = failing[Status.FAIL].iloc[len(shown) :]
    if len(rest):
        left = counted(int(rest.sum()), "failing credential")
        notes.append(f"Not shown: {counted(len(rest), 'further account')} with {left}.")
    if accounts_of(audit)[1]:
        notes.append("Reports that tell no account are counted as one account.")
    return notes


# --- age against idle time -------------------------------------------------------------------------------------------


def age_vs_idle(audit: Audit) -> Figure:
    """Draw the age of each judged access key against its idle time; never-used keys lie on the diagonal."""
    credentials = audit.credentials
    # `idle_days` is there only where it is exact.
    keys = credentials[
        (credentials["kind"] == Kind.ACCESS_KEY).to_numpy()
        & credentials["outcome"].isin([Outcome.PASS, Outcome.FAIL]).to_numpy()
        & credentials["age_days"].notna().to_numpy()
        & credentials["idle_days"].notna().to_numpy()
    ]
    judged = sum(audit.count(Kind.ACCESS_KEY, outcome) for outcome in (Status.PASS, Status.FAIL, Status.NOT_CHECKED))
    never = (keys["last_used_state"] != State.VALUE).to_numpy()
    title = f"{int(never.sum()):,} of {counted(judged, 'active access key')} never used"
    notes = ["On the diagonal: idle for as long as the key exists, as every never-used key is."] if len(keys) else []
    if judged > len(keys):
        notes.append(f"Not shown: {counted(judged - len(keys), 'key')} whose age or last use is not known.")
    figure = _figure(audit, title if len(keys) else "No access key to show", notes)
    if keys.empty:
        unknown = "No active access key has both a known age and a known idle time."
        return _nothing(
            figure, audit, unknown if judged else "No IAM user in the judged reports has an active access key."
        )

    age, idle = (keys[column].to_numpy(dtype=np.int64) for column in ("age_days", "idle_days"))
    axes = figure.subplots()
    figure.subplots_adjust(left=0.09, right=0.97, top=0.765, bottom=0.165)
    limit = audit.settings.max_idle_days
    reach = max(int(age.max()), int(idle.max()), 2 * limit, 2 * _EVEN_DAYS) * 1.3
    _scale_days(axes, reach)
    axes.axhspan(limit, reach, color=_FAIL_AREA, linewidth=0, zorder=0)
    axes.plot([0, reach], [0, reach], color=_RULE, linewidth=1, zorder=0.5)
    axes.axhline(limit, color=_INK, linewidth=1.2, linestyle="--", zorder=1)
    groups = _groups(idle, never, limit, _limit(audit))
    few = len(keys) <= _SCATTER
    if not few:
        _density(figure, axes, age, idle)
    for label, chosen, marker, color in groups:
        # Where the density is drawn, the legend only counts: no point and no mark beside its words.
        drawn = chosen & few
        axes.scatter(
            age[drawn],
            idle[drawn],
            s=42 if few else 0,
            marker=marker,
            color=color,
            edgecolors=_INK,
            linewidths=0.5,
            alpha=0.85,
            label=f"{int(chosen.sum()):,} {label}",
        )
    marks: dict[str, Any] = {} if few else {"handlelength": 0, "handletextpad": 0}
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, fontsize=9, borderaxespad=0.2, **marks)
    # Above the diagonal there is no key: it cannot lie idle for longer than it exists.
    axes.text(-1.2, limit * 1.06, f"fails from {_limit(audit)} idle", color=_FAIL_TEXT, va="bottom", fontsize=9)
    axes.set_xlabel("age of the key in days (since access_key_n_last_rotated)")
    axes.set_ylabel("idle time in days")
    return figure


def _scale_days(axes: Axes, reach: float) -> None:
    """Scale both axes for days from none to thousands: even up to ten, by powers beyond."""
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
    """Keys that are drawn alike."""

    label: str
    chosen: npt.NDArray[np.bool_]
    marker: str
    color: str


def _groups(idle: npt.NDArray[np.int64], never: npt.NDArray[np.bool_], limit: int, in_words: str) -> list[_Group]:
    """Return the groups of which there are keys."""
    late = idle >= limit
    groups = (
        _Group("used within the limit", ~never & ~late, "o", _PASS),
        _Group(f"used, but {in_words} ago or more", ~never & late, "o", _FAIL),
        _Group(f"never used, younger than {in_words}", never & ~late, "^", _PASS),
        _Group(f"never used, {in_words} old or more", never & late, "^", _FAIL),
    )
    return [group for group in groups if group.chosen.any()]


def _density(figure: Figure, axes: Axes, age: npt.NDArray[np.int64], idle: npt.NDArray[np.int64]) -> None:
    """Draw how many keys share each cell."""
    from matplotlib.colors import LogNorm  # noqa: PLC0415

    # Cells of whole days, so that no cell is empty only because no whole number falls into it.
    even = np.arange(_EVEN_DAYS + 1) - 0.5
    longest = max(int(age.max()), int(idle.max()), 2 * _EVEN_DAYS) + 1
    growing = np.round(np.geomspace(_EVEN_DAYS, longest, 46)) + 0.5
    edges = np.unique(np.concatenate([even, growing]))
    counts, _, _ = np.histogram2d(age, idle, bins=(edges, edges))
    most = max(int(counts.max()), 2)
    mesh = axes.pcolormesh(
        edges, edges, np.ma.masked_equal(counts.T, 0), cmap="cividis_r", norm=LogNorm(1, most), zorder=0.8
    )
    bar = figure.colorbar(mesh, ax=axes, pad=0.015, aspect=30)
    ticks = [10**power for power in range(len(str(most)))]
    bar.set_ticks(ticks, labels=[f"{tick:,}" for tick in ticks])
    bar.minorticks_off()
    bar.set_label("number of keys in a cell")


CHARTS: Final[dict[str, Callable[[Audit], Figure]]] = {
    "idle_days": idle_days,
    "status": status,
    "accounts": accounts,
    "age_vs_idle": age_vs_idle,
}
"""Each picture by the name of its file."""
