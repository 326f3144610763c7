"""The common parts of all pictures: size, colours and style, and titles and notes that fit.

Colours are from the palette of Okabe and Ito ("Color Universal Design", 2008), which colour-blind readers can
distinguish. Equal inputs give equal bytes, whatever the user's own settings of matplotlib.
"""

from __future__ import annotations

import logging
import os
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import numpy as np

from analyzer.rendering.render import NotMade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

_SIZE: Final = (10.0, 5.6)
"""The usual width and height of a picture in inches."""
_DPI: Final = 160
_LEVEL: Final = 2
"""The compression level. The default, 6, makes pictures a tenth smaller, but takes a sixth of the whole time."""
LEFT, WIDTH = 0.03, 0.94
"""The left edge of titles and notes, and their greatest width, as shares of the figure's width."""
INK, MUTED, RULE = "#222222", "#666666", "#CCCCCC"
PASS, FAIL = "#56B4E9", "#D55E00"
PASS_AREA, FAIL_AREA = "#DDF0FB", "#FCF3ED"
"""Paler versions for areas behind other things."""
UNSURE, UNSURE_AREA = "#F0E442", "#FAF5B5"
"""The colours of not checked. Nothing else is yellow."""
MANUAL_AREA: Final = "#E3E3E3"
"""The colour of manual checks in areas."""
OTHER: Final = "#999999"
"""The colour of everything else, such as the sum of small parts."""
FAIL_TEXT: Final = "#A84A00"
"""A darker colour of failures for small letters."""
HATCH, HATCH_COLOR = "/////", "#BBBBBB"
"""The hatching for waived failures and missing snapshots, and its colour on white."""
_SMALLER: Final = 1.2
"""How many times wider than its space a line of notes, or the subtitle, may be before it is broken into two lines.

Up to this factor its letters are made smaller instead.
"""
BETWEEN: Final = " · "
"""The separator between the parts of a subtitle."""
ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"
SHARE_TICKS: Final = ([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
"""The ticks of a scale of shares, and their labels."""


class NothingToShowError(Exception):
    """Raised for a picture that would show nothing; the message is a sentence with the reason. The file is not made."""


def save(pictures: Mapping[str, Callable[[], Figure]], folder: Path) -> list[Path | NotMade]:
    """Draw the pictures and write them into `folder`/charts; return the files, and those that were not made."""
    files: list[Path | NotMade] = []
    with own_style(), warnings.catch_warnings():
        # matplotlib draws a box for a character that the font lacks. Its warnings would only confuse auditors.
        warnings.filterwarnings("ignore", message="Glyph ")
        for name, draw in pictures.items():
            path = folder / "charts" / f"{name}.png"
            try:
                figure = draw()
            except NothingToShowError as nothing:
                files.append(NotMade(path, str(nothing)))
                continue
            path.parent.mkdir(exist_ok=True)
            figure.savefig(path, metadata={"Software": None}, pil_kwargs={"compress_level": _LEVEL})
            files.append(path)
    return files


def load() -> None:
    """Load matplotlib and its fonts before the first picture is drawn."""
    with own_style():
        titled("Title", "subtitle").draw_without_rendering()


@contextmanager
def own_style() -> Iterator[None]:
    """Use the defaults of matplotlib and the font that comes with it, whatever the settings of the user are."""
    # matplotlib logs messages on its font cache, folders and settings, some on import. Auditors do not need them.
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)
    # A backend that is not installed would stop the import. Pictures need none.
    os.environ.pop("MPLBACKEND", None)
    import matplotlib as mpl  # noqa: PLC0415 - only this format needs it

    style: dict[str, Any] = {
        "font.family": "DejaVu Sans",
        "font.size": 10,
        "text.color": INK,
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "axes.axisbelow": True,
        # Names come from reports: a dollar sign in them does not begin a formula.
        "text.parse_math": False,
        "hatch.linewidth": 0.7,
    }
    # Setting the backend, even to its default, would load pyplot and try window systems.
    defaults = {name: value for name, value in mpl.rcParamsDefault.items() if name != "backend"}
    try:
        with mpl.rc_context(defaults | style):  # type: ignore[arg-type]
            yield
    finally:
        log.setLevel(level)


def titled(title: str, subtitle: str, height: float = 1.0) -> Figure:
    """Return a figure with a title and a subtitle, `height` times as high as the usual size."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    # The resolution is set here, because the measured widths of letters depend on it.
    figure = Figure(figsize=(_SIZE[0], _SIZE[1] * height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    write_line(figure, 1 - of_height(figure, 0.055), title, fontsize=13.5, fontweight="bold")
    below = figure.text(LEFT, 1 - of_height(figure, 0.11), subtitle, va="center", color=MUTED)
    if BETWEEN in subtitle and widest(figure, [below]) > WIDTH * _SMALLER:
        below.set_text(f"{BETWEEN.rstrip()}\n".join(_in_two_lines(subtitle.split(BETWEEN), BETWEEN)))
    fit(figure, [below], WIDTH)
    return figure


def of_height(figure: Figure, part: float) -> float:
    """Convert a share of the usual height to a share of the height of this figure."""
    return part * _SIZE[1] / float(figure.get_figheight())


def write_line(figure: Figure, y: float, text: str, **style: Any) -> None:  # noqa: ANN401 - matplotlib's own properties
    """Write a line across the figure, with smaller letters if it does not fit."""
    fit(figure, [figure.text(LEFT, y, text, va="center", **style)], WIDTH)


def write_notes(figure: Figure, notes: Sequence[str]) -> None:
    """Write notes at the foot of the figure, in two lines if the letters of one line would be too small."""
    if not notes:
        return
    style: dict[str, Any] = {"va": "center", "color": MUTED, "fontsize": 9}
    line = figure.text(LEFT, of_height(figure, 0.035), " ".join(notes), **style)
    if len(notes) == 1 or widest(figure, [line]) <= WIDTH * _SMALLER:
        fit(figure, [line], WIDTH)
        return
    line.remove()
    heights = (of_height(figure, part) for part in (0.058, 0.025))
    lines = zip(heights, _in_two_lines(notes, " "), strict=True)
    fit(figure, [figure.text(LEFT, y, line, **style) for y, line in lines], WIDTH)


def _in_two_lines(parts: Sequence[str], between: str) -> tuple[str, str]:
    """Return two or more parts in two lines of similar length."""
    lines = [(between.join(parts[:at]), between.join(parts[at:])) for at in range(1, len(parts))]
    return min(lines, key=lambda line: max(map(len, line)))


def fit(figure: Figure, texts: Sequence[Text], width: float) -> float:
    """Make the letters of all texts smaller until the widest fits into `width`; return its width.

    Widths are shares of the width of the figure.
    """
    while (width_now := widest(figure, texts)) > width:
        for text in texts:
            # The width does not change exactly with the size of the letters, so several steps may be needed.
            text.set_fontsize(float(text.get_fontsize()) * min(width / width_now, 0.99))
    return width_now


def widest(figure: Figure, texts: Sequence[Text]) -> float:
    """Return the width of the widest text as a share of the width of the figure."""
    return max(text.get_window_extent().width for text in texts) / figure.bbox.width


def break_lines(figure: Figure, text: Text, width: float, most: int, ending: str = "") -> None:
    """Break a text at blanks into up to `most` lines; `width` is their greatest width as a share of the figure's.

    Words that do not fit are replaced by an ellipsis. `ending` is always kept.
    """
    words, last = text.get_text().split(), ending.split()
    blank = _width_of(figure, text, "x x") - _width_of(figure, text, "xx")
    widths = {word: _width_of(figure, text, word) for word in {*words, *last}}
    lines = [last]
    for count in range(len(words), 0, -1):
        shown = words[:count]
        if count < len(words):
            shown[-1] = shown[-1].rstrip(",;:") + ELLIPSIS
            widths[shown[-1]] = _width_of(figure, text, shown[-1])
        lines = _lines_of([*shown, *last], widths, blank, width)
        if len(lines) <= most:
            break
    text.set_text("\n".join(" ".join(line) for line in lines))


def _width_of(figure: Figure, text: Text, words: str) -> float:
    """Put other words into a text and return its new width."""
    text.set_text(words)
    return widest(figure, [text])


def _lines_of(words: list[str], widths: Mapping[str, float], blank: float, width: float) -> list[list[str]]:
    """Return words by line; a word that is wider than a line gets its own line."""
    lines: list[list[str]] = []
    room = 0.0
    for word in words:
        if lines and blank + widths[word] <= room:
            lines[-1].append(word)
            room -= blank + widths[word]
        else:
            lines.append([word])
            room = width - widths[word]
    return lines


def scale_counts(axes: Axes, side: Literal["x", "y"], most: float, least: float = 0) -> None:
    """Scale an axis from `-least` to `most` counts, with a few ticks at round numbers.

    Counts below 0 are another kind of count on the same scale, so their labels have no sign.
    """
    step = round_step(most + least, 6)
    ticks = range(-int(least // step) * step, int(most) + 1, step)
    set_limits, set_ticks = (axes.set_xlim, axes.set_xticks) if side == "x" else (axes.set_ylim, axes.set_yticks)
    set_limits(-least, most)
    set_ticks(list(ticks), [f"{abs(tick):,}" for tick in ticks], fontsize=9)
    axes.grid(axis=side, color=RULE, linewidth=0.6)
    axes.tick_params(axis=side, length=0)
    if side == "x":
        box, last = axes.get_position(), axes.get_xticklabels()[-1]
        middle = box.x0 + box.width * (ticks[-1] + least) / (most + least)
        # The last label may be wider than the margin behind its tick.
        if middle + widest(cast("Figure", axes.figure), [last]) / 2 > 1:
            last.set_horizontalalignment("right")


def round_step(reach: float, most: int) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50 and so on of which up to `most` fit into `reach`."""
    return next(size for size in _round_numbers() if size * most >= reach)


def _round_numbers() -> Iterator[int]:
    scale = 1
    while True:
        yield from (scale, 2 * scale, 5 * scale)
        scale *= 10


def hide_frame(axes: Axes) -> None:
    """Hide the frame of the axes."""
    for spine in axes.spines.values():
        spine.set_visible(False)


def readable_on(fill: str) -> str:
    """Return white or black, whichever has more contrast with `fill`: it is at least 4.5."""
    return max(("black", "white"), key=lambda color: contrast(color, fill))


def contrast(first: str, second: str) -> float:
    """Return the contrast of two colours as WCAG 2 defines it: 1 where they are equal, 21 between black and white."""
    from matplotlib.colors import to_rgb  # noqa: PLC0415

    linear = [
        [channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in to_rgb(color)]
        for color in (first, second)
    ]
    dark, light = sorted(float(np.dot((0.2126, 0.7152, 0.0722), channels)) for channels in linear)
    return (light + 0.05) / (dark + 0.05)
