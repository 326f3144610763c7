"""Pictures for a report page, each with its finding as the title: PNG, made with matplotlib's object interface.

No picture says by colour alone what it says.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np
import pandas as pd

from analyzer.controls.checklist import UNUSED
from analyzer.controls.control import Whose
from analyzer.controls.vocabulary import JUDGED_KINDS, Outcome, Status, counted
from analyzer.evidence.result import accounts_in_words, accounts_of, reference
from analyzer.reading.layout import Kind
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
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    from analyzer.controls.checklist import Checklist
    from analyzer.evidence.result import Summary

_UNSURE, _NONE, _OFF = "#F0E442", "#DDDDDD", "#999999"
_FAIL_AREA: Final = "#FCF3ED"
"""The colour of failures, paler where bars and points lie on it."""
_PASS_AREA, _UNSURE_AREA = "#DDF0FB", "#FAF5B5"
_WAIVED: Final = "/////"
"""How waivers are hatched."""
_NOUNS: Final = {Kind.PASSWORD: "password", Kind.ACCESS_KEY: "access key"}
_SHOWN_ACCOUNTS: Final = 15
_ROWS, _ROW_HEIGHT = 15, 0.1
"""Controls up to which rows have letters of the usual size; and the most of a figure's height that a row takes."""
_SHORT_NUMBER, _FEW_ROWS = 8, 9
"""Letters up to which a benchmark's number stands before the control; else below it, if there are so few rows."""
_SUM_WIDTH: Final = 0.07
"""How much of the figure's width the matrix has for all accounts together."""
_DASH: Final = "\N{EN DASH}"
_SCATTER: Final = 2_000
"""Points up to which each one is drawn; beyond, their density is."""
_EDGES: Final = (0, 1, 8, 15, 30, 45, 90, 180, 365, 730, 1_460)
"""Days at which the bins of idle time begin; the limit in force joins them."""
_EVEN_DAYS: Final = 10
"""The scales of age and idle time are even up to this day, and by powers beyond."""


def write(audit: Summary, folder: Path) -> list[Path]:
    """Write the pictures into `folder`/charts and return their paths: those for which something was judged."""
    return drawing.save({name: partial(CHARTS[name], audit) for name in wanted(audit.checklist)}, folder)


def wanted(checklist: Checklist) -> list[str]:
    """Return which pictures there are: of idle time where `unused-credentials` is judged, a matrix of several controls.

    They are names in `CHARTS`.
    """
    left_out = set() if checklist.unused else {"idle_days", "age_vs_idle"}
    if len(checklist.checks) == 1:
        left_out.add("matrix")
    return [name for name in CHARTS if name not in left_out]


# --- what all pictures share -----------------------------------------------------------------------------------------


def _figure(audit: Summary, title: str, notes: Sequence[str] = (), *, unused_only: bool = False) -> Figure:
    """Return a figure with the finding as its title, below it what it is about, and notes at its foot.

    `unused_only`: it is about `unused-credentials` alone, whatever else was judged.
    """
    figure = titled(title, _subtitle(audit, unused_only=unused_only))
    if notes:
        write_line(figure, 0.035, " ".join(notes), color=MUTED, fontsize=9)
    return figure


def _subtitle(audit: Summary, *, unused_only: bool) -> str:
    """Return by which benchmark, as of when, and of whom."""
    checklist = audit.checklist
    parts = [checklist.benchmark.title] if checklist.benchmark else []
    if unused_only and checklist.unused and len(checklist.checks) > 1:
        number = (
            f" ({checklist.numbers_of.label} {checklist.unused.requirement})" if checklist.unused.requirement else ""
        )
        parts.append(f"{checklist.unused.control.id}{number}")
    parts += [reference(audit), accounts_in_words(audit)]
    if unused_only or all(one.control.whose is Whose.USERS for one in checklist.checks):
        parts.append("root excluded")
    return " · ".join(parts)


def _nothing(figure: Figure, audit: Summary, otherwise: str, *, unused_only: bool = False) -> Figure:
    """Say on the picture why there is nothing to show: `otherwise` where there are findings (as in `_figure`)."""
    if not (audit.charted.idle if unused_only else audit.digest.tally).empty:
        why = otherwise
    elif audit.digest.rows == audit.digest.root_rows:
        why = "There is no IAM user in these reports."
    elif unused_only or _is_unused_only(audit):
        why = "No IAM user in the judged reports has an active password or access key."
    else:
        why = "There is nothing in the judged reports that these controls are about."
    return say_nothing(figure, why)


def _limit(audit: Summary) -> str:
    return counted(_limit_days(audit), "day")


def _limit_days(audit: Summary) -> int:
    """Return the limit of `unused-credentials`."""
    unused = audit.checklist.unused
    return unused.limit_days or 0 if unused else 0


def _is_unused_only(audit: Summary) -> bool:
    """Whether `unused-credentials` is the only control, so that findings are credentials."""
    return [one.control for one in audit.checklist.checks] == [UNUSED]


def _of_unused(audit: Summary) -> dict[str, int]:
    """Return the counts of `unused-credentials`."""
    return audit.unused or dict.fromkeys(audit.totals, 0)


def _undecided(counts: dict[str, int]) -> str:
    """Return what a title adds where verdicts are missing."""
    count = counts[Status.NOT_CHECKED]
    return f", {count:,} could not be decided" if count else ""


def _waived_too(counts: dict[str, int]) -> list[str]:
    """Return the note on waivers where a picture does not tell them apart."""
    count = counts["waived"]
    return [f"{count:,} of those that fail or could not be decided {_is(count)} waived."] if count else []


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _waived_by(audit: Summary, status: Status) -> pd.DataFrame:
    """Return how many findings of `status` are waived, laid out as `Audit.matrix` is."""
    return audit.matrix[status] - audit.open_matrix[status]


def _bare(axes: Axes, side: Literal["left", "bottom"]) -> None:
    """Leave out the scale of counts on one side: each count stands beside its bar."""
    (axes.set_yticks if side == "left" else axes.set_xticks)([])
    axes.spines[side].set_visible(False)
    axes.tick_params(length=0)


# --- idle days -------------------------------------------------------------------------------------------------------


def idle_days(audit: Summary) -> Figure:
    """Draw how long credentials lay idle, by kind, with the limit marked."""
    idle, counts = audit.charted.idle, _of_unused(audit)
    known = idle[idle["days"] >= 0]
    notes = [*_left_out(idle[idle["days"] < 0]), *_waived_too(counts)]
    judged = counted(counts["judged"], "active credential")
    title = f"{counts[Status.FAIL]:,} of {judged} idle for {_limit(audit)} or more{_undecided(counts)}"
    figure = _figure(audit, title if len(known) else "No idle time to show", notes, unused_only=True)
    if known.empty:
        return _nothing(figure, audit, "No active password or access key has a known idle time.", unused_only=True)

    limit = _limit_days(audit)
    edges = sorted({*_EDGES, limit})
    at_limit = edges.index(limit) - 0.5
    days, number, is_password = (known[column].to_numpy() for column in ("days", "count", "is_password"))
    panels = figure.subplots(2, 1, sharex=True, gridspec_kw={"hspace": 0.16})
    figure.subplots_adjust(left=0.13, right=0.97, top=0.785, bottom=0.195)
    for axes, kind, chosen in zip(panels, JUDGED_KINDS, (is_password, ~is_password), strict=True):
        heights, _ = np.histogram(days[chosen], bins=[*edges, np.iinfo(np.int64).max], weights=number[chosen])
        axes.axvspan(at_limit, len(edges) - 0.4, color=_FAIL_AREA, linewidth=0)
        axes.bar(range(len(edges)), heights, width=0.86, color=[FAIL if low >= limit else PASS for low in edges])
        for place in np.flatnonzero(heights).tolist():
            axes.text(place, heights[place], f"{heights[place]:,}", ha="center", va="bottom", fontsize=9)
        axes.axvline(at_limit, color=INK, linewidth=1.2, linestyle="--")
        axes.set_xlim(-0.6, len(edges) - 0.4)
        axes.set_ylim(0, max(int(heights.max()), 1) * 1.25)
        _bare(axes, "left")
        amount, noun = counted(int(heights.sum()), _NOUNS[kind]).split(" ", 1)
        axes.set_ylabel(f"{amount}\n{noun}", rotation=0, ha="right", va="center", labelpad=8)
    top = {"y": 1.03, "va": "bottom", "fontsize": 9, "transform": panels[0].get_xaxis_transform()}
    panels[0].text(at_limit - 0.08, s="within\nthe limit", ha="right", **top)
    panels[0].text(at_limit + 0.08, s=f"fails from\n{_limit(audit)}", ha="left", color=FAIL_TEXT, **top)
    spans = [_span(low, high) for low, high in zip(edges, [*edges[1:], None], strict=True)]
    panels[-1].set_xticks(range(len(edges)), spans, fontsize=9)
    panels[-1].set_xlabel("days idle (spans of unequal length); number of credentials above each bar")
    return figure


def _left_out(idle: pd.DataFrame) -> list[str]:
    """Return in words how many findings (of no exact idle time) are not shown, by what became of them."""
    words = {
        Status.PASS: "pass though their idle time is known only to be within the limit",
        Status.FAIL: "fail though their idle time is known only to be beyond the limit",
        Status.NOT_CHECKED: "could not be decided",
        Status.NOT_APPLICABLE: "made after the reference date",
    }
    counts = {status: int(idle["count"][idle["status"] == place].sum()) for place, status in enumerate(Status)}
    parts = [f"{counts[status]:,} {said}" for status, said in words.items() if counts[status]]
    return [f"Not shown: {', '.join(parts)}."] if parts else []


def _span(low: int, high: int | None) -> str:
    if high is None:
        return f"{low:,}\nor more"
    return f"{low:,}" if high == low + 1 else f"{low:,} to\n{high - 1:,}"


# --- status ----------------------------------------------------------------------------------------------------------


def status(audit: Summary) -> Figure:
    """Draw what became of the findings of each control; of `unused-credentials` alone, of each kind of credential."""
    return _by_kind(audit) if _is_unused_only(audit) else _by_control(audit)


class _Part(NamedTuple):
    """A part of each control's bar."""

    label: str
    counts: npt.NDArray[np.int64]
    """For each control."""
    color: str
    hatched: bool = False


def _by_control(audit: Summary) -> Figure:
    """Draw the parts of each control's findings that fail, could not be decided and pass, with the counts beside."""
    waived = {one: _waived_by(audit, one).sum(axis=1).to_numpy() for one in (Status.FAIL, Status.NOT_CHECKED)}
    counts = {name: np.array([one[name] for one in audit.by_control]) for name in audit.by_control[0]}
    parts = (
        _Part("fail", counts[Status.FAIL] - waived[Status.FAIL], FAIL),
        _Part("fail, waived", waived[Status.FAIL], FAIL, hatched=True),
        _Part("not checked", counts[Status.NOT_CHECKED] - waived[Status.NOT_CHECKED], _UNSURE),
        _Part("not checked, waived", waived[Status.NOT_CHECKED], _UNSURE, hatched=True),
        _Part("pass", counts[Status.PASS], PASS),
    )
    judged = counts["judged"]
    figure = _figure(audit, _controls_title(audit, parts), _by_control_notes(audit))
    if not judged.any():
        return _nothing(figure, audit, "There is nothing to judge.")

    axes = figure.subplots()
    figure.subplots_adjust(top=0.77, bottom=_bottom(audit.checklist, 0.77, 0.15))
    begin = _control_labels(figure, axes, audit.checklist)
    columns = {"fail": counts[Status.FAIL], "not checked": counts[Status.NOT_CHECKED], "pass": counts[Status.PASS]}
    end = _count_columns(figure, axes, columns | {"judged": judged}, judged, counts["waived"])
    figure.subplots_adjust(left=begin + 0.02, right=end - 0.02)

    start = np.zeros(len(judged))
    for part in parts:
        share = part.counts / np.maximum(judged, 1)
        some = np.flatnonzero(part.counts)
        if not len(some):
            continue
        axes.barh(
            some,
            share[some],
            left=start[some],
            color=part.color,
            edgecolor="white" if part.hatched else part.color,
            hatch=_WAIVED if part.hatched else None,
            linewidth=0,
            height=0.62,
            label=part.label,
        )
        start += share
    for place in np.flatnonzero(judged == 0).tolist():
        said = axes.text(0.012, place, "nothing to judge", color=MUTED, va="center", fontsize=_letters(len(judged)))
        said.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"], fontsize=9)
    axes.set_xlabel("share of what the control judged", fontsize=9)
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="center left",
        bbox_to_anchor=(begin + 0.015, 0.83),
        ncols=len(handles),
        frameon=False,
        fontsize=9,
        handlelength=1.2,
        columnspacing=1.4,
        borderpad=0,
    )
    return figure


def _controls_title(audit: Summary, parts: Sequence[_Part]) -> str:
    """Return how many controls fail somewhere, and what became of the others."""
    fail, waived, unsure, _, _ = (part.counts > 0 for part in parts)
    judged = np.array([one["judged"] for one in audit.by_control]) > 0
    any_waived = np.array([one["waived"] for one in audit.by_control]) > 0
    if not judged.any():
        return "Nothing to judge"
    failing, total = int((fail | waived).sum()), len(judged)
    title = f"{failing:,} of {counted(total, 'control')} {'fails' if 1 in {failing, total} else 'fail'} somewhere"
    only = int((waived & ~fail).sum())
    if only:
        title += f" ({only:,} only where waived)"
    rest = ~fail & ~waived
    groups = {
        "undecided somewhere": rest & unsure,
        "undecided only where waived": rest & ~unsure & any_waived,
        "pass": rest & judged & ~unsure & ~any_waived,
        "have nothing to judge": ~judged,
    }
    numbers = {said: int(group.sum()) for said, group in groups.items()}
    words = [f"{count:,} {_ONE.get(said, said) if count == 1 else said}" for said, count in numbers.items() if count]
    return "; ".join([title, *words])


_ONE: Final = {"pass": "passes", "have nothing to judge": "has nothing to judge"}
"""The same of one control."""


def _by_control_notes(audit: Summary) -> list[str]:
    notes = []
    if audit.totals["waived"]:
        notes.append("Waived findings, in brackets, are among those that fail or could not be decided.")
    later = audit.charted.later
    if later:
        notes.append(f"Not shown: {counted(later, 'finding')} on what was made after the reference date.")
    return notes


def _bottom(checklist: Checklist, top: float, lowest: float) -> float:
    """Return where the rows of the controls end: few get rows, not walls."""
    return max(top - _ROW_HEIGHT * len(checklist.checks), lowest)


def _letters(rows: int) -> float:
    """Return the size of letters in the rows of the controls."""
    return 9.0 * min(1, _ROWS / rows)


def _control_labels(figure: Figure, axes: Axes, checklist: Checklist) -> float:
    """Write the rows' controls and numbers to the left of `axes` and return where they end, as a part of the figure.

    The rows of `axes` are the controls of `checklist`, from the top.
    """
    from matplotlib.transforms import blended_transform_factory  # noqa: PLC0415

    count = len(checklist.checks)
    axes.set_ylim(count - 0.4, -0.6)
    axes.set_yticks([])
    beside = blended_transform_factory(figure.transFigure, axes.transData)
    size = _letters(count)
    ids = [one.control.id for one in checklist.checks]
    names = [
        f"{name} ({counted(one.limit_days, 'day')})" if ids.count(name) > 1 and one.limit_days is not None else name
        for name, one in zip(ids, checklist.checks, strict=True)
    ]
    numbers = [one.requirement or _DASH for one in checklist.checks]
    below = max(map(len, numbers)) > _SHORT_NUMBER and count <= _FEW_ROWS

    def write_down(x: float, shift: float, texts: list[str], **style: Any) -> list[Text]:  # noqa: ANN401
        return [
            axes.text(x, place + shift, text, transform=beside, va="center", **style)
            for place, text in enumerate(texts)
        ]

    label = checklist.numbers_of.label
    if below:
        written = write_down(LEFT, -0.19, names, fontsize=size)
        end = LEFT + fit(figure, written, 0.3)
        smaller = write_down(LEFT, 0.21, numbers, fontsize=8, color=MUTED)
        heading = [axes.text(LEFT, -0.75, f"control and number in {label}", transform=beside, fontsize=8.5)]
        end = max(end, LEFT + fit(figure, smaller, 0.3), LEFT + fit(figure, heading, 0.3))
    else:
        heading = [axes.text(LEFT, -0.75, label, transform=beside, fontsize=8.5)]
        at = LEFT + 0.015 + fit(figure, [*write_down(LEFT, 0, numbers, fontsize=size, color=MUTED), *heading], 0.12)
        heading.append(axes.text(at, -0.75, "control", transform=beside, fontsize=8.5))
        end = at + fit(figure, write_down(at, 0, names, fontsize=size), 0.3)
    for text in heading:
        text.set(color=MUTED, va="bottom")
    return end


def _count_columns(
    figure: Figure,
    axes: Axes,
    columns: dict[str, npt.NDArray[np.int64]],
    judged: npt.NDArray[np.int64],
    waived: npt.NDArray[np.int64],
) -> float:
    """Write columns of counts to the right of `axes` and return where they begin, as a part of the figure."""
    from matplotlib.transforms import blended_transform_factory  # noqa: PLC0415

    beside = blended_transform_factory(figure.transFigure, axes.transData)
    size = _letters(len(judged))
    shown = {name: [f"{count:,}" for count in counts.tolist()] for name, counts in columns.items()}
    if waived.any():
        shown["waived"] = [f"({count:,})" if count else "" for count in waived.tolist()]
    right = LEFT + WIDTH
    for name, counts in reversed(shown.items()):
        texts = [axes.text(right, -0.75, name, transform=beside, ha="right", va="bottom", color=MUTED, fontsize=8.5)]
        for place, text in enumerate(counts):
            failing = name == "fail" and text != "0"
            texts.append(
                axes.text(
                    right,
                    place,
                    text if judged[place] else _DASH,
                    transform=beside,
                    ha="right",
                    va="center",
                    fontsize=size,
                    color=FAIL_TEXT if failing else INK if judged[place] and text != "0" else MUTED,
                    fontweight="bold" if failing else "normal",
                )
            )
        right -= fit(figure, texts, 0.12) + 0.02
    return right


def _by_kind(audit: Summary) -> Figure:
    """Draw how many credentials of each kind pass, fail, could not be decided, or were not judged."""
    totals = _of_unused(audit)
    failing, judged = totals[Status.FAIL], totals["judged"]
    verb = "fails" if 1 in {failing, judged} else "fail"
    title = f"{failing:,} of {counted(judged, 'active credential')} {verb}{_undecided(totals)}"
    bars = {
        "pass": (Outcome.PASS, PASS),
        "fail": (Outcome.FAIL, FAIL),
        "not checked": (Outcome.NOT_CHECKED, _UNSURE),
        "not applicable": (Outcome.NOT_APPLICABLE, _NONE),
        "inactive": (Outcome.INACTIVE, _OFF),
    }
    counts = np.array([[audit.count(kind, outcome) for outcome, _ in bars.values()] for kind in JUDGED_KINDS])
    notes = [*_by_kind_notes(audit), *_waived_too(totals)]
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
            edgecolor=MUTED,
            # An empty bar must not leave a mark on the axis.
            linewidth=np.where(row > 0, 0.6, 0).tolist(),
            height=0.66,
        )
        for place, count in enumerate(row.tolist()):
            amount = f"  {count:,}{_share(count, int(row.sum()))}"
            axes.text(count, place, amount, va="center", color=INK if count else MUTED)
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


def _by_kind_notes(audit: Summary) -> list[str]:
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


# --- matrix ----------------------------------------------------------------------------------------------------------


class _Cells(NamedTuple):
    """Findings by control (rows, by position in the checklist) and account (columns, worst first)."""

    failing: pd.DataFrame
    """Those not waived."""
    undecided: pd.DataFrame
    """Those not waived."""
    waived: pd.DataFrame
    passing: pd.DataFrame

    def of(self, accounts: list[str]) -> _Cells:
        """Return the same for some accounts, in their order."""
        return _Cells(*(counts[accounts] for counts in self))


def _cells(audit: Summary) -> _Cells:
    """Return the cells of all accounts, most failures first."""
    cells = _Cells(
        audit.open_matrix[Status.FAIL],
        audit.open_matrix[Status.NOT_CHECKED],
        _waived_by(audit, Status.FAIL) + _waived_by(audit, Status.NOT_CHECKED),
        audit.matrix[Status.PASS],
    )
    worst = pd.DataFrame({"failing": -cells.failing.sum(), "undecided": -cells.undecided.sum()})
    worst["account"] = worst.index
    return cells.of(list(worst.sort_values(["failing", "undecided", "account"]).index))


def matrix(audit: Summary) -> Figure:
    """Draw how often each control fails in each account."""
    every = _cells(audit)
    cells = every.of(list(every.failing.columns[:_SHOWN_ACCOUNTS]))
    figure = _figure(audit, _matrix_title(audit, every), _matrix_notes(audit, every, cells))
    if not any(counts.to_numpy().any() for counts in every):
        return _nothing(figure, audit, "There is nothing to judge.")

    axes = figure.subplots()
    bottom = _bottom(audit.checklist, 0.76, 0.12)
    figure.subplots_adjust(right=LEFT + WIDTH, top=0.76, bottom=bottom)
    begin = _control_labels(figure, axes, audit.checklist)
    figure.subplots_adjust(left=begin + 0.015)
    # Where there are several accounts, a column on the left holds all of them together. Few get cells, not walls.
    count = len(every.failing.columns)
    beside = _SUM_WIDTH if count > 1 else 0
    shown = max(len(cells.failing.columns), 5)
    width = (LEFT + WIDTH - begin - 0.015 - beside) / shown
    axes.set_xlim(-beside / width - 0.5, shown - 0.5)
    axes.set_xticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    kinds = _draw_cells(figure, axes, cells, _Columns(0, width))
    heads = [str(account) for account in cells.failing.columns]
    _heads(figure, axes, heads if width > 0.09 else [_in_lines(head) for head in heads], _Columns(0, width))
    if count > 1:
        # Those not shown are in it too.
        total = _Cells(*(counts.sum(axis=1).to_frame() for counts in every))
        sums = _Columns(-beside / width / 2 - 0.5, beside)
        kinds |= _draw_cells(figure, axes, total, sums, filled=False)
        _heads(figure, axes, [f"all\n{count:,}"], sums)
    _matrix_legend(figure, kinds, bottom - 0.036)
    return figure


class _Columns(NamedTuple):
    """Where columns of cells stand."""

    at: float
    """The middle of the first one."""
    width: float
    """Of each, as a part of the figure's."""


def _heads(figure: Figure, axes: Axes, heads: list[str], columns: _Columns) -> None:
    """Write above columns whose they are."""
    style: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": 8.5}
    texts = [axes.text(columns.at + place, -0.65, head, **style) for place, head in enumerate(heads)]
    fit(figure, texts, columns.width * 0.92)


class _Look(NamedTuple):
    """How cells look, by what is in them."""

    said: str
    example: str
    """What stands in them: failures stand in as their number, waivers too."""
    fill: str
    """Failures have a colour by their number."""
    hatched: bool = False


_LOOKS: Final = {
    "fail": _Look("failing findings (darker: more)", "9", HEAT[1]),
    "both": _Look("failing, some not checked", "9?", HEAT[1]),
    "unsure": _Look("some not checked", "?", _UNSURE_AREA),
    "waived": _Look("waived only", "(9)", "white", hatched=True),
    "pass": _Look("all pass", "0", _PASS_AREA),
    "nothing": _Look("nothing to judge", _DASH, "white"),
}


def _draw_cells(figure: Figure, axes: Axes, cells: _Cells, columns: _Columns, *, filled: bool = True) -> set[str]:
    """Draw a cell for each control and account, and return the looks in use."""
    from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_hex  # noqa: PLC0415
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    heat = LinearSegmentedColormap.from_list("heat", HEAT)
    scale = LogNorm(1, max(int(cells.failing.to_numpy().max()), 10))
    texts, kinds = [], set()
    numbers = np.stack([counts.to_numpy() for counts in cells])
    for row, column in np.ndindex(cells.failing.shape):
        failing, undecided, waived, passing = numbers[:, row, column].tolist()
        kind = _kind(failing, undecided, waived, passing)
        look = _LOOKS[kind]
        text, fill = look.example, look.fill
        if failing:
            text, fill = f"{failing:,}{'?' if undecided else ''}", to_hex(heat(scale(failing)))
        elif kind == "waived":
            text = f"({waived:,})"
        if filled and kind != "nothing":
            axes.add_patch(
                Rectangle(
                    (columns.at + column - 0.47, row - 0.44),
                    0.94,
                    0.88,
                    facecolor=fill,
                    edgecolor=HATCHING if look.hatched else "none",
                    hatch=_WAIVED if look.hatched else None,
                    linewidth=0.6 if look.hatched else 0,
                )
            )
        drawn = axes.text(
            columns.at + column, row, text, ha="center", va="center", fontsize=_letters(len(cells.failing))
        )
        drawn.set_color(MUTED if kind == "nothing" else readable_on(fill) if filled else INK)
        if kind == "waived" and filled:
            drawn.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})
        texts.append(drawn)
        kinds.add(kind)
    fit(figure, texts, columns.width * 0.82)
    return kinds


def _kind(failing: int, undecided: int, waived: int, passing: int) -> str:
    """Return which of `_LOOKS` a cell has."""
    if failing:
        return "both" if undecided else "fail"
    if undecided:
        return "unsure"
    if waived:
        return "waived"
    return "pass" if passing else "nothing"


def _in_lines(account: str) -> str:
    """Return an account's number in three lines of four digits."""
    return "\n".join((account[:4], account[4:8], account[8:])) if len(account) == 12 else account


def _matrix_title(audit: Summary, cells: _Cells) -> str:
    fails = cells.failing.to_numpy() > 0
    failing, controls = int(fails.any(axis=1).sum()), len(fails)
    known, some_unknown = accounts_of(audit)
    accounts = known + some_unknown
    if not fails.size:
        return "Nothing to judge"
    name = str(cells.failing.columns[0])
    one = "the unknown account" if name == "unknown" else f"account {name}"
    place = one if accounts == 1 else f"any of {accounts:,} accounts"
    if not failing:
        unsure = int((cells.undecided.to_numpy() > 0).any(axis=1).sum())
        return f"No control fails in {place}{f', {unsure:,} undecided somewhere' if unsure else ''}"
    title = f"{failing:,} of {counted(controls, 'control')} {'fails' if failing == 1 else 'fail'} in"
    if accounts == 1:
        return f"{title} {place}"
    if failing == 1:
        return f"{title} {int(fails.any(axis=0).sum()):,} of {accounts:,} accounts"
    everywhere = int((fails.sum(axis=1) == accounts).sum())
    return f"{title} at least one of {accounts:,} accounts, {everywhere or 'none'} of them in all"


def _matrix_notes(audit: Summary, every: _Cells, shown: _Cells) -> list[str]:
    notes = []
    waived = int(every.waived.to_numpy().sum())
    if waived:
        notes.append(f"Not counted: {counted(waived, 'waived finding')}.")
    rest = list(every.failing.columns[len(shown.failing.columns) :])
    if rest:
        left = counted(int(every.failing[rest].to_numpy().sum()), "failing finding")
        notes.append(f"Not shown: {counted(len(rest), 'further account')} with {left}.")
    if accounts_of(audit)[1]:
        notes.append("Reports that tell no account are counted as one account.")
    return notes


def _matrix_legend(figure: Figure, kinds: set[str], y: float) -> None:
    """Write below the cells what their looks mean, as far as they occur."""
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    at = LEFT
    for kind, look in _LOOKS.items():
        if kind not in kinds:
            continue
        figure.add_artist(
            Rectangle(
                (at, y - 0.018),
                0.026,
                0.036,
                transform=figure.transFigure,
                facecolor=look.fill,
                edgecolor=HATCHING if look.hatched or kind == "nothing" else "none",
                hatch=_WAIVED if look.hatched else None,
                linewidth=0.6,
            )
        )
        example = figure.text(at + 0.013, y, look.example, ha="center", va="center", fontsize=8)
        if look.hatched:
            example.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})
        said = figure.text(at + 0.031, y, look.said, va="center", fontsize=8.5, color=MUTED)
        at += 0.031 + widest(figure, [said]) + 0.012


# --- accounts --------------------------------------------------------------------------------------------------------


def accounts(audit: Summary) -> Figure:
    """Draw the accounts with the most failing findings."""
    failing = audit.by_account[audit.by_account[Status.FAIL] > 0]
    shown = failing.head(_SHOWN_ACCOUNTS)
    figure = _figure(audit, _accounts_title(audit, failing, shown), _accounts_notes(audit, failing, shown))
    if failing.empty:
        what = "credential" if _is_unused_only(audit) else "control"
        return _nothing(figure, audit, f"No {what} fails in any account{_undecided(audit.totals)}.")

    counts = shown[Status.FAIL].to_numpy()
    waived = _waived_by(audit, Status.FAIL).sum().reindex(shown.index, fill_value=0).to_numpy()
    axes = figure.subplots()
    figure.subplots_adjust(left=0.15, right=0.97, top=0.81, bottom=0.08)
    axes.barh(range(len(shown)), counts - waived, color=FAIL, height=0.66)
    if waived.any():
        axes.barh(
            range(len(shown)),
            waived,
            left=counts - waived,
            color=FAIL,
            edgecolor="white",
            hatch=_WAIVED,
            linewidth=0,
            height=0.66,
        )
    # A lone account gets a bar, not a wall.
    axes.set_ylim(max(len(shown), 6) - 0.4, -0.6)
    rows = zip(counts.tolist(), waived.tolist(), shown[Status.NOT_CHECKED].tolist(), strict=True)
    texts = []
    for place, (count, covered, unsure) in enumerate(rows):
        more = [f"{covered:,} waived"] if covered else []
        more += [f"and {unsure:,} not checked"] if unsure else []
        remark = f"  ({', '.join(more)})" if more else ""
        texts.append(axes.text(count, place, f"  {count:,}{remark}", va="center"))
    width = axes.get_position().width
    rest = 1 - np.array([widest(figure, [text]) for text in texts]) / width
    # Room for what stands beside the bars.
    axes.set_xlim(0, max(1.3 * int(counts.max()), *(counts / np.maximum(rest, 0.1)).tolist()))
    _bare(axes, "bottom")
    axes.spines["left"].set_bounds(-0.5, len(shown) - 0.5)
    axes.set_yticks(range(len(shown)), [str(account) for account in shown.index])
    axes.xaxis.set_label_position("top")
    axes.set_xlabel(f"number of {_failing(audit)}s{'; hatched: waived' if waived.any() else ''}", loc="left")
    return figure


def _failing(audit: Summary) -> str:
    """Return what is counted by account, in the singular."""
    return "failing credential" if _is_unused_only(audit) else "failing finding"


def _accounts_title(audit: Summary, failing: pd.DataFrame, shown: pd.DataFrame) -> str:
    unused_only = _is_unused_only(audit)
    if audit.digest.tally.empty:
        return f"No account with {'credentials' if unused_only else 'anything'} to judge"
    known, some_unknown = accounts_of(audit)
    counts = failing[Status.FAIL]
    verb = "has" if 1 in {len(failing), known + some_unknown} else "have"
    what = f"a {_failing(audit)}" if counts.sum() == 1 else f"{_failing(audit)}s"
    title = f"{len(failing):,} of {counted(known + some_unknown, 'account')} {verb} {what}"
    if len(shown) == len(failing):
        return title
    return f"{title}; these {len(shown)} hold {counts.head(len(shown)).sum():,} of {counts.sum():,}"


def _accounts_notes(audit: Summary, failing: pd.DataFrame, shown: pd.DataFrame) -> list[str]:
    notes = []
    rest = failing[Status.FAIL].iloc[len(shown) :]
    if len(rest):
        left = counted(int(rest.sum()), _failing(audit))
        notes.append(f"Not shown: {counted(len(rest), 'further account')} with {left}.")
    if accounts_of(audit)[1]:
        notes.append("Reports that tell no account are counted as one account.")
    return notes


# --- age against idle time -------------------------------------------------------------------------------------------


def age_vs_idle(audit: Summary) -> Figure:
    """Draw the age of each judged access key against its idle time; never-used keys lie on the diagonal."""
    keys = audit.charted.keys
    total = int(keys["count"].sum())
    judged = sum(audit.count(Kind.ACCESS_KEY, outcome) for outcome in (Status.PASS, Status.FAIL, Status.NOT_CHECKED))
    age, idle, never, number = (keys[column].to_numpy() for column in ("age", "idle", "never", "count"))
    title = f"{int(number[never].sum()):,} of {counted(judged, 'active access key')} never used"
    notes = ["On the diagonal: idle for as long as the key exists, as every never-used key is."] if len(keys) else []
    if judged > total:
        notes.append(f"Not shown: {counted(judged - total, 'key')} whose age or last use is not known.")
    figure = _figure(audit, title if len(keys) else "No access key to show", notes, unused_only=True)
    if keys.empty:
        unknown = "No active access key has both a known age and a known idle time."
        without = "No IAM user in the judged reports has an active access key."
        return _nothing(figure, audit, unknown if judged else without, unused_only=True)

    axes = figure.subplots()
    figure.subplots_adjust(left=0.09, right=0.97, top=0.765, bottom=0.165)
    limit = _limit_days(audit)
    reach = max(int(age.max()), int(idle.max()), 2 * limit, 2 * _EVEN_DAYS) * 1.3
    _scale_days(axes, reach)
    axes.axhspan(limit, reach, color=_FAIL_AREA, linewidth=0, zorder=0)
    axes.plot([0, reach], [0, reach], color=RULE, linewidth=1, zorder=0.5)
    axes.axhline(limit, color=INK, linewidth=1.2, linestyle="--", zorder=1)
    groups = _groups(idle, never, limit, _limit(audit))
    few = total <= _SCATTER
    if not few:
        _density(figure, axes, age, idle, number)
    for label, chosen, marker, color in groups:
        # Where the density is drawn, the legend only counts: no point and no mark beside its words.
        drawn = chosen & few
        axes.scatter(
            np.repeat(age[drawn], number[drawn]),
            np.repeat(idle[drawn], number[drawn]),
            s=42 if few else 0,
            marker=marker,
            color=color,
            edgecolors=INK,
            linewidths=0.5,
            alpha=0.85,
            label=f"{int(number[chosen].sum()):,} {label}",
        )
    marks: dict[str, Any] = {} if few else {"handlelength": 0, "handletextpad": 0}
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, fontsize=9, borderaxespad=0.2, **marks)
    # Above the diagonal there is no key: it cannot lie idle for longer than it exists.
    axes.text(-1.2, limit * 1.06, f"fails from {_limit(audit)} idle", color=FAIL_TEXT, va="bottom", fontsize=9)
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
        _Group("used within the limit", ~never & ~late, "o", PASS),
        _Group(f"used, but {in_words} ago or more", ~never & late, "o", FAIL),
        _Group(f"never used, younger than {in_words}", never & ~late, "^", PASS),
        _Group(f"never used, {in_words} old or more", never & late, "^", FAIL),
    )
    return [group for group in groups if group.chosen.any()]


def _density(
    figure: Figure,
    axes: Axes,
    age: npt.NDArray[np.int64],
    idle: npt.NDArray[np.int64],
    number: npt.NDArray[np.int64],
) -> None:
    """Draw how many keys share each cell."""
    from matplotlib.colors import LogNorm  # noqa: PLC0415

    # Cells of whole days, so that no cell is empty only because no whole number falls into it.
    even = np.arange(_EVEN_DAYS + 1) - 0.5
    longest = max(int(age.max()), int(idle.max()), 2 * _EVEN_DAYS) + 1
    growing = np.round(np.geomspace(_EVEN_DAYS, longest, 46)) + 0.5
    edges = np.unique(np.concatenate([even, growing]))
    counts, _, _ = np.histogram2d(age, idle, bins=(edges, edges), weights=number)
    most = max(int(counts.max()), 2)
    mesh = axes.pcolormesh(
        edges, edges, np.ma.masked_equal(counts.T, 0), cmap="cividis_r", norm=LogNorm(1, most), zorder=0.8
    )
    bar = figure.colorbar(mesh, ax=axes, pad=0.015, aspect=30)
    ticks = [10**power for power in range(len(str(most)))]
    bar.set_ticks(ticks, labels=[f"{tick:,}" for tick in ticks])
    bar.minorticks_off()
    bar.set_label("number of keys in a cell")


CHARTS: Final[dict[str, Callable[[Summary], Figure]]] = {
    "idle_days": idle_days,
    "status": status,
    "matrix": matrix,
    "accounts": accounts,
    "age_vs_idle": age_vs_idle,
}
"""Each picture by the name of its file; see `wanted`."""
