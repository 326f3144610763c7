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
"""The colours of what could not be decided."""
OTHER: Final = "#999999"
"""The colour of what is neither, and of the rest of many."""
FAIL_TEXT: Final = "#A84A00"
"""The colour of failures, darker where small letters are to be read."""
HATCH, HATCH_COLOR = "/////", "#BBBBBB"
"""How it is hatched where failures are waived, or snapshots are missing; the colour is that of hatches on white."""
_SMALLER: Final = 1.2
"""How many times as wide as its room a line of notes may be before it is broken: its letters shrink by as much."""
ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"
SHARE_TICKS: Final = ([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
"""Where a scale of shares has marks, and what stands there."""


def save(pictures: Mapping[str, Callable[[], Figure]], folder: Path) -> list[Path]:
    """Draw the pictures, write them into `folder`/charts and return their paths."""
    made = []
    (folder / "charts").mkdir(exist_ok=True)
    with own_style(), warnings.catch_warnings():
        # A sign that the font lacks is drawn as a box; a remark on each is not for auditors.
        warnings.filterwarnings("ignore", message="Glyph ")
        for name, draw in pictures.items():
            path = folder / "charts" / f"{name}.png"
            draw().savefig(path, dpi=_DPI, metadata={"Software": None}, pil_kwargs={"compress_level": _LEVEL})
            made.append(path)
    return made


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

    figure = Figure(figsize=(_SIZE[0], _SIZE[1] * height), facecolor="white")
    FigureCanvasAgg(figure)
    write_line(figure, 1 - of_height(figure, 0.055), title, fontsize=13.5, fontweight="bold")
    write_line(figure, 1 - of_height(figure, 0.11), subtitle, color=MUTED)
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
    parts = [(" ".join(notes[:at]), " ".join(notes[at:])) for at in range(1, len(notes))]
    balanced = min(parts, key=lambda part: max(map(len, part)))
    heights = (of_height(figure, part) for part in (0.058, 0.025))
    fit(figure, [figure.text(LEFT, y, part, **style) for y, part in zip(heights, balanced, strict=True)], WIDTH)


def fit(figure: Figure, texts: Sequence[Text], width: float) -> float:
    """Return the width of the widest text as a part of the figure's; all get smaller letters where it is too wide."""
    most = widest(figure, texts)
    if most <= width:
        return most
    for text in texts:
        text.set_fontsize(float(text.get_fontsize()) * width / most)
    return width


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


def say_nothing(figure: Figure, why: str) -> Figure:
    """Say on the picture why there is nothing to show."""
    figure.text(0.5, 0.45, why, fontsize=13, color=MUTED, ha="center", va="center")
    return figure


def hide_scale(axes: Axes, side: Literal["left", "bottom"]) -> None:
    """Leave out the scale of counts on one side: each count stands beside its bar."""
    (axes.set_yticks if side == "left" else axes.set_xticks)([])
    axes.spines[side].set_visible(False)
    axes.tick_params(length=0)


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
