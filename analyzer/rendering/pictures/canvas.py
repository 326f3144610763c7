"""The one canvas of all pictures: size, colours and style, titles and notes that fit, colours one can read.

Colours are from the palette of Okabe and Ito ("Color Universal Design", 2008), which colour-blind readers can tell
apart. Equal inputs give equal bytes, whatever the reader's own settings of matplotlib.
"""

from __future__ import annotations

import logging
import os
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal

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
"""Of compression: the usual one, 6, makes pictures a tenth smaller, and takes a sixth of the time."""
LEFT, WIDTH = 0.03, 0.94
"""Where titles and notes begin, and how much of the figure's width they may take."""
INK, MUTED, RULE = "#222222", "#666666", "#CCCCCC"
PASS, FAIL = "#56B4E9", "#D55E00"
PASS_AREA, FAIL_AREA = "#DDF0FB", "#FCF3ED"
"""The same, paler, for areas on which something lies."""
UNSURE, UNSURE_AREA = "#F0E442", "#FAF5B5"
"""The colours of what could not be decided: no other use has a yellow."""
OTHER: Final = "#999999"
"""The colour of what is neither, and of the rest of many."""
FAIL_TEXT: Final = "#A84A00"
"""The colour of failures, darker where small letters are to be read."""
HATCH, HATCH_COLOR = "/////", "#BBBBBB"
"""How it is hatched where failures are waived, or snapshots are missing; the colour is that of hatches on white."""
_SMALLER: Final = 1.2
"""How many times as wide as its room a line of notes (or below the title) may be before it is broken.

Its letters shrink by as much.
"""
BETWEEN: Final = " · "
"""What stands between the parts of the line below the title."""
ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"
SHARE_TICKS: Final = ([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
"""Where a scale of shares has marks, and what stands there."""


class NothingToShowError(Exception):
    """A picture would show nothing; the text says why, in a sentence. It is not made."""


def save(pictures: Mapping[str, Callable[[], Figure]], folder: Path) -> list[Path | NotMade]:
    """Draw the pictures, write into `folder`/charts those that show something, and return what became of each."""
    files: list[Path | NotMade] = []
    with own_style(), warnings.catch_warnings():
        # A sign that the font lacks is drawn as a box; a remark on each is not for auditors.
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
    """Load what drawing needs, with its fonts."""
    with own_style():
        titled("Title", "subtitle").draw_without_rendering()


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
        # Names come from reports: a dollar sign in them is a dollar sign.
        "text.parse_math": False,
        "hatch.linewidth": 0.7,
    }
    # To set the backend, even to its default, loads pyplot and tries the windowing toolkits of the machine.
    defaults = {name: value for name, value in mpl.rcParamsDefault.items() if name != "backend"}
    try:
        with mpl.rc_context(defaults | style):  # type: ignore[arg-type]
            yield
    finally:
        log.setLevel(level)


def titled(title: str, subtitle: str, height: float = 1.0) -> Figure:
    """Return a figure with the finding as its title, and below it what it is about.

    It is `height` times as high as usual.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    # Letters are as wide when they are measured as when they are written: that differs with the resolution.
    figure = Figure(figsize=(_SIZE[0], _SIZE[1] * height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    write_line(figure, 1 - of_height(figure, 0.055), title, fontsize=13.5, fontweight="bold")
    below = figure.text(LEFT, 1 - of_height(figure, 0.11), subtitle, va="center", color=MUTED)
    if BETWEEN in subtitle and widest(figure, [below]) > WIDTH * _SMALLER:
        below.set_text(f"{BETWEEN.rstrip()}\n".join(_in_two_lines(subtitle.split(BETWEEN), BETWEEN)))
    fit(figure, [below], WIDTH)
    return figure


def of_height(figure: Figure, part: float) -> float:
    """Return a part of the usual height as a part of this figure's height."""
    return part * _SIZE[1] / float(figure.get_figheight())


def write_line(figure: Figure, y: float, text: str, **style: Any) -> None:  # noqa: ANN401 - matplotlib's own properties
    """Write a line across the figure, in smaller letters where it would not fit."""
    fit(figure, [figure.text(LEFT, y, text, va="center", **style)], WIDTH)


def write_notes(figure: Figure, notes: Sequence[str]) -> None:
    """Write notes at the foot of the figure, in two lines where the letters of one would be too small to read."""
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
    """Return parts (two or more) in two lines of about the same length."""
    lines = [(between.join(parts[:at]), between.join(parts[at:])) for at in range(1, len(parts))]
    return min(lines, key=lambda line: max(map(len, line)))


def fit(figure: Figure, texts: Sequence[Text], width: float) -> float:
    """Return the width of the widest text as a part of the figure's; all get smaller letters where it is too wide."""
    while (most := widest(figure, texts)) > width:
        for text in texts:
            # Letters of one size are not as wide as their size has it, so that one step may not be enough.
            text.set_fontsize(float(text.get_fontsize()) * min(width / most, 0.99))
    return most


def widest(figure: Figure, texts: Sequence[Text]) -> float:
    """Return the width of the widest text as a part of the figure's."""
    return max(text.get_window_extent().width for text in texts) / figure.bbox.width


def break_lines(figure: Figure, text: Text, width: float, most: int, ending: str = "") -> None:
    """Break a text at blanks into lines no wider than a part of the figure's width, `most` of them at most.

    Words for which there is no room are left out at its end, and an ellipsis stands for them; `ending` always stays.
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


def _width_of(figure: Figure, text: Text, said: str) -> float:
    """Return how wide something would be in the letters of a text, which says it from now on."""
    text.set_text(said)
    return widest(figure, [text])


def _lines_of(words: list[str], widths: Mapping[str, float], blank: float, width: float) -> list[list[str]]:
    """Return words by line; one that is wider than a line has a line of its own."""
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
    """Scale one side of the axes from `-least` to `most` counts, with lines and numbers at few round whole ones.

    Counts below 0 are those of another kind, on the same scale: their numbers have no sign.
    """
    step = round_step(most + least, 6)
    ticks = range(-int(least // step) * step, int(most) + 1, step)
    set_limits, set_ticks = (axes.set_xlim, axes.set_xticks) if side == "x" else (axes.set_ylim, axes.set_yticks)
    set_limits(-least, most)
    set_ticks(list(ticks), [f"{abs(tick):,}" for tick in ticks], fontsize=9)
    axes.grid(axis=side, color=RULE, linewidth=0.6)
    axes.tick_params(axis=side, length=0)


def round_step(reach: float, most: int) -> int:
    """Return the least of 1, 2, 5, 10, 20, 50 and so on that goes at most `most` times into `reach`."""
    return next(size for size in _round_numbers() if size * most >= reach)


def _round_numbers() -> Iterator[int]:
    scale = 1
    while True:
        yield from (scale, 2 * scale, 5 * scale)
        scale *= 10


def hide_frame(axes: Axes) -> None:
    """Leave out all four lines around the axes."""
    for spine in axes.spines.values():
        spine.set_visible(False)


def readable_on(fill: str) -> str:
    """Return white or black, whichever stands out more: the contrast is at least 4.5 then."""
    return max(("black", "white"), key=lambda color: contrast(color, fill))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2 defines it: 1 where they are equal, 21 between black and white."""
    from matplotlib.colors import to_rgb  # noqa: PLC0415

    linear = [[c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(of)] for of in (one, other)]
    dark, light = sorted(float(np.dot((0.2126, 0.7152, 0.0722), channels)) for channels in linear)
    return (light + 0.05) / (dark + 0.05)
