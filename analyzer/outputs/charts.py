"""Four pictures for a report page, each with its finding as the title: PNG, made with matplotlib's object interface.

Nothing of the reader's own matplotlib settings gets in, and equal inputs give equal bytes. Colours are from the
palette of Okabe and Ito ("Color Universal Design", 2008), which colour-blind readers can tell apart; no picture says
by colour alone what it says.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.reading.layout import Kind, State
from analyzer.result import JUDGED_KINDS, Outcome, counted, reference
from analyzer.staleness import EXACT, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.result import Audit

_SIZE: Final = (10.0, 5.6)
_DPI: Final = 160
_INK, _MUTED, _RULE = "#222222", "#666666", "#CCCCCC"
_PASS, _FAIL, _UNSURE, _NONE, _OFF = "#56B4E9", "#D55E00", "#F0E442", "#DDDDDD", "#999999"
_KINDS: Final = {Kind.PASSWORD: "passwords", Kind.ACCESS_KEY: "access keys"}
_SHOWN_ACCOUNTS: Final = 15
_SCATTER: Final = 2_000
"""Points up to which each one is drawn; beyond, their density is."""
_EDGES: Final = (0, 1, 8, 15, 30, 45, 90, 180, 365, 730, 1_460)
"""Days at which the bins of idle time begin; the limit in force joins them."""


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
    import matplotlib as mpl  # noqa: PLC0415 - only this format needs it

    # Said once a machine while the fonts are listed: nothing an auditor needs to read.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
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
    with mpl.rc_context(dict(mpl.rcParamsDefault) | style):  # type: ignore[arg-type]
        yield


def _figure(audit: Audit, title: str) -> Figure:
    """Return a figure with the finding as its title and, below it, what it is about."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=_SIZE, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.03, 0.945, title, fontsize=13.5, fontweight="bold", va="center")
    accounts = counted(int(audit.users["account_id"].nunique()), "account")
    figure.text(0.03, 0.89, f"{reference(audit)} · {accounts} · root excluded", color=_MUTED, va="center")
    return figure


def _nothing(figure: Figure, why: str) -> Figure:
    """Say on the picture that there is nothing to show."""
    figure.text(0.5, 0.45, why, fontsize=13, color=_MUTED, ha="center", va="center")
    return figure


def _limit(audit: Audit) -> str:
    return counted(audit.settings.max_idle_days, "day")


# --- idle days -------------------------------------------------------------------------------------------------------


def idle_days(audit: Audit) -> Figure:
    """Draw how long credentials lay idle, by kind, with the limit marked."""
    decided = audit.findings["reason"].isin(list(EXACT)).to_numpy() & audit.findings["idle_days"].notna().to_numpy()
    known = audit.findings[decided]
    beyond = int((known["idle_days"] >= audit.settings.max_idle_days).sum())
    title = f"{beyond:,} of {counted(len(known), 'active credential')} idle for {_limit(audit)} or more"
    figure = _figure(audit, title if len(known) else "No idle time to show")
    if known.empty:
        return _nothing(figure, "No active password or access key has a known idle time in these reports.")

    days = known["idle_days"].to_numpy(dtype=np.int64)
    is_password = (known["credential"] == "password").to_numpy()
    edges = sorted({*_EDGES, audit.settings.max_idle_days})
    bounds = [*edges, np.iinfo(np.int64).max]
    labels = [_span(low, high) for low, high in zip(edges, [*edges[1:], None], strict=True)]
    colors = [_FAIL if low >= audit.settings.max_idle_days else _PASS for low in edges]
    panels = figure.subplots(2, 1, sharex=True, gridspec_kw={"hspace": 0.32})
    figure.subplots_adjust(left=0.09, right=0.97, top=0.80, bottom=0.17)
    at_limit = edges.index(audit.settings.max_idle_days) - 0.5
    for axes, kind, chosen in zip(panels, JUDGED_KINDS, (is_password, ~is_password), strict=True):
        counts, _ = np.histogram(days[chosen], bins=bounds)
        axes.bar(range(len(edges)), counts, width=0.86, color=colors)
        _label_bars(axes, range(len(edges)), counts)
        axes.set_ylim(0, max(int(counts.max()), 1) * 1.25)
        axes.axvline(at_limit, color=_INK, linewidth=1.2, linestyle="--")
        axes.set_title(f"{_KINDS[kind]} ({int(counts.sum()):,})", loc="left", fontsize=10.5)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="x", length=0)
    top = panels[0].get_ylim()[1]
    panels[0].text(at_limit - 0.08, top, "within the limit", ha="right", va="bottom", color=_INK, fontsize=9)
    panels[0].text(at_limit + 0.08, top, f"fails from {_limit(audit)}", ha="left", va="bottom", color=_FAIL, fontsize=9)
    panels[-1].set_xticks(range(len(edges)), labels)
    panels[-1].set_xlabel("days idle (unequal spans), number of credentials above each bar")
    undecided = len(audit.findings) - len(known)
    if undecided:
        note = f"Not shown: {counted(undecided, 'credential')} whose last use the report does not tell."
        figure.text(0.03, 0.025, note, color=_MUTED, fontsize=9)
    return figure


def _span(low: int, high: int | None) -> str:
    if high is None:
        return f"{low:,}+"
    return f"{low:,}" if high == low + 1 else f"{low:,} to {high - 1:,}"


def _label_bars(axes: Axes, places: range, counts: npt.NDArray[np.int64]) -> None:
    for place, count in zip(places, counts.tolist(), strict=True):
        if count:
            axes.text(place, count, f"{count:,}", ha="center", va="bottom", fontsize=9)


# --- status ----------------------------------------------------------------------------------------------------------


def status(audit: Audit) -> Figure:
    """Draw how many credentials of each kind pass, fail, could not be decided, or were not judged."""
    totals = audit.totals
    title = f"{totals[Status.FAIL]:,} of {counted(totals['judged'], 'active credential')} fail"
    if totals[Status.NOT_CHECKED]:
        title += f", {totals[Status.NOT_CHECKED]:,} could not be decided"
    shown = [*Status, Outcome.INACTIVE]
    counts = np.array([[audit.count(kind, outcome) for outcome in shown] for kind in JUDGED_KINDS])
    figure = _figure(audit, title if totals["judged"] else "No active password or access key to judge")
    if not counts.any():
        return _nothing(figure, "There is no password and no access key of an IAM user in these reports.")

    words = ["pass", "fail", "not checked", "not applicable", "inactive"]
    colors = [_PASS, _FAIL, _UNSURE, _NONE, _OFF]
    panels = figure.subplots(1, 2, sharey=True, gridspec_kw={"wspace": 0.12})
    figure.subplots_adjust(left=0.15, right=0.97, top=0.79, bottom=0.12)
    for axes, kind, row in zip(panels, JUDGED_KINDS, counts, strict=True):
        axes.barh(range(len(words)), row, color=colors, edgecolor=_MUTED, linewidth=0.6, height=0.66)
        total = max(int(row.sum()), 1)
        for place, count in enumerate(row.tolist()):
            share = f"  {count:,}" + (f" ({count / total:.0%})" if count else "")
            axes.text(count, place, share, va="center", fontsize=10, color=_INK if count else _MUTED)
        axes.set_xlim(0, max(int(counts.max()), 1) * 1.4)
        axes.set_title(f"{_KINDS[kind]} ({int(row.sum()):,})", loc="left", fontsize=11)
        axes.set_yticks(range(len(words)), words)
        axes.tick_params(axis="y", length=0)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
    panels[0].invert_yaxis()
    figure.text(0.03, 0.035, "Inactive credentials are counted and not judged.", color=_MUTED, fontsize=9)
    return figure


# --- accounts --------------------------------------------------------------------------------------------------------


def accounts(audit: Audit) -> Figure:
    """Draw the accounts with the most failing credentials."""
    failing = audit.by_account[audit.by_account[Status.FAIL] > 0]
    all_accounts = int(audit.users["account_id"].nunique())
    title = f"{len(failing):,} of {counted(max(all_accounts, len(failing)), 'account')} with failing credentials"
    figure = _figure(audit, title if len(audit.findings) else "No account with credentials to judge")
    if failing.empty:
        judged = len(audit.findings) > 0
        return _nothing(figure, "No credential fails in any account." if judged else "Nothing was judged.")

    shown = failing.head(_SHOWN_ACCOUNTS)
    counts = shown[Status.FAIL].to_numpy()
    unsure = shown[Status.NOT_CHECKED].to_numpy()
    axes = figure.subplots()
    figure.subplots_adjust(left=0.15, right=0.97, top=0.83, bottom=0.12)
    # A lone account gets a bar, not a wall.
    axes.set_ylim(max(len(shown), 6) - 0.4, -0.6)
    axes.barh(range(len(shown)), counts, color=_FAIL, height=0.66)
    axes.set_xlim(0, max(int(counts.max()), 1) * 1.3)
    for place, (count, open_) in enumerate(zip(counts.tolist(), unsure.tolist(), strict=True)):
        more = f"  (and {open_:,} not checked)" if open_ else ""
        axes.text(count, place, f"  {count:,}{more}", va="center")
    axes.set_yticks(range(len(shown)), [str(account) for account in shown.index])
    axes.tick_params(axis="y", length=0)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.set_xlabel("failing credentials", loc="left")
    rest = len(failing) - len(shown)
    if rest:
        left = int(failing[Status.FAIL].to_numpy()[len(shown) :].sum())
        note = f"Not shown: {counted(rest, 'further account')} with {counted(left, 'failing credential')} together."
        figure.text(0.03, 0.025, note, color=_MUTED, fontsize=9)
    return figure


# --- age against idle time -------------------------------------------------------------------------------------------


def age_vs_idle(audit: Audit) -> Figure:
    """Draw the age of each judged access key against its idle time; never-used keys lie on the diagonal."""
    keys = audit.credentials[
        (audit.credentials["kind"] == Kind.ACCESS_KEY).to_numpy()
        & audit.credentials["outcome"].isin([Outcome.PASS, Outcome.FAIL]).to_numpy()
        & audit.credentials["age_days"].notna().to_numpy()
        & audit.credentials["idle_days"].notna().to_numpy()
    ]
    never = (keys["last_used_state"] != State.VALUE).to_numpy()
    title = f"{int(never.sum()):,} of {counted(len(keys), 'active access key')} never used"
    figure = _figure(audit, title if len(keys) else "No access key to show")
    if keys.empty:
        return _nothing(figure, "No active access key has both a known age and a known idle time.")

    age, idle = (keys[column].to_numpy(dtype=np.int64) for column in ("age_days", "idle_days"))
    axes = figure.subplots()
    figure.subplots_adjust(left=0.09, right=0.97, top=0.83, bottom=0.15)
    limit = audit.settings.max_idle_days
    reach = max(int(age.max()), int(idle.max()), 2 * limit) * 1.3
    for set_scale, set_limits, axis in (
        (axes.set_xscale, axes.set_xlim, axes.xaxis),
        (axes.set_yscale, axes.set_ylim, axes.yaxis),
    ):
        # Days from none to thousands: even up to ten, by powers beyond.
        set_scale("symlog", linthresh=10, linscale=0.5)
        set_limits(-1.5, reach)
        _day_ticks(axis, reach)
    axes.axhline(limit, color=_INK, linewidth=1.2, linestyle="--")
    axes.plot([0, reach], [0, reach], color=_RULE, linewidth=1)
    if len(keys) <= _SCATTER:
        _points(axes, age, idle, never, limit)
    else:
        _density(figure, axes, age, idle)
    axes.text(-1.2, limit * 1.06, f"fails from {_limit(audit)} idle", color=_FAIL, va="bottom", fontsize=9)
    axes.set_xlabel("age of the key in days (since access_key_n_last_rotated)")
    axes.set_ylabel("days idle")
    note = "On the diagonal: idle since it was made, never used."
    figure.text(0.03, 0.025, note, color=_MUTED, fontsize=9)
    return figure


def _day_ticks(axis: Any, reach: float) -> None:  # noqa: ANN401 - matplotlib's axes are not typed alike
    ticks = [day for day in (0, 10, 30, 90, 365, 1_000, 3_000, 10_000) if day <= reach]
    axis.set_ticks(ticks, [f"{day:,}" for day in ticks])
    axis.set_ticks([], minor=True)


def _points(
    axes: Axes, age: npt.NDArray[np.int64], idle: npt.NDArray[np.int64], never: npt.NDArray[np.bool_], limit: int
) -> None:
    late = idle >= limit
    for chosen, label, marker, color in (
        (~never & ~late, "used, within the limit", "o", _PASS),
        (~never & late, "used, too long ago", "o", _FAIL),
        (never & ~late, "never used, young", "^", _PASS),
        (never & late, "never used, old", "^", _FAIL),
    ):
        count = int(chosen.sum())
        if count:
            axes.scatter(
                age[chosen],
                idle[chosen],
                s=42,
                marker=marker,
                color=color,
                edgecolors=_INK,
                linewidths=0.5,
                alpha=0.85,
                label=f"{label} ({count:,})",
            )
    axes.legend(loc="upper left", frameon=False, fontsize=9)


def _density(figure: Figure, axes: Axes, age: npt.NDArray[np.int64], idle: npt.NDArray[np.int64]) -> None:
    """Draw how many keys share each small field; equal fields on the scale of the axes."""

    def places(days: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        return np.where(days <= 10, days / 20, 0.5 + np.log10(np.maximum(days, 1) / 10))

    def days(place: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.where(place <= 0.5, place * 20, 10 ** (place + 0.5))

    top = float(max(places(age).max(), places(idle).max())) + 0.05
    edges = np.linspace(-0.025, top, 56)
    counts, _, _ = np.histogram2d(places(age), places(idle), bins=(edges, edges))
    from matplotlib.colors import LogNorm  # noqa: PLC0415

    most = max(counts.max(), 2)
    mesh = axes.pcolormesh(
        days(edges), days(edges), np.ma.masked_equal(counts.T, 0), cmap="cividis_r", norm=LogNorm(1, most)
    )
    bar = figure.colorbar(mesh, ax=axes, pad=0.015, aspect=30)
    ticks = [10**power for power in range(len(str(int(most))))]
    bar.set_ticks(ticks, labels=[f"{tick:,}" for tick in ticks])
    bar.minorticks_off()
    bar.set_label("keys in a field")


CHARTS: Final[dict[str, Callable[[Audit], Figure]]] = {
    "idle_days": idle_days,
    "status": status,
    "accounts": accounts,
    "age_vs_idle": age_vs_idle,
}
"""Each picture by the name of its file."""
