"""The canvas of all pictures, which does not depend on the reader's settings."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import pytest

from analyzer.controls.checklist import make_checklist
from analyzer.rendering.pictures import canvas, render
from tests.audits import AS_OF, ODD
from tests.rendering.pictures.figures import (
    OLD_KEY,
    assert_readable,
    figure_of,
    files_or_reasons,
    policy_in,
    texts,
)
from tests.reports import user

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.running import Audit


@pytest.mark.parametrize("name", render.AUDIT)
def test_a_line_that_would_not_fit_has_smaller_letters(audit_of: Callable[..., Audit], name: str) -> None:
    result = audit_of(ODD, many=800, checklist=make_checklist(benchmark="cis-7.0"))
    result = replace(result, settings=replace(result.settings, as_of=None))
    result.__dict__["by_control"] = [
        {status: count * 12_345_678 for status, count in counts.items()} for counts in result.by_control
    ]
    for counts in ("unused", "totals"):
        result.__dict__.pop(counts, None)
    result.__dict__["by_account"] = result.by_account * 12_345_678
    assert_readable(figure_of(result, name))


TITLE = "Access of people who have left, or moved on, is taken away"


@pytest.mark.parametrize(
    ("width", "most", "ending", "shortened"),
    [
        (1.0, 1, "", TITLE),
        (0.2, 1, "", "Access of people who have\N{HORIZONTAL ELLIPSIS}"),
        (0.2, 2, "", "Access of people who have left,\nor moved on, is taken away"),
        (0.2, 1, " (related)", "Access of people\N{HORIZONTAL ELLIPSIS} (related)"),
        (0.01, 1, "", "Access\N{HORIZONTAL ELLIPSIS}"),
    ],
)
def test_a_text_that_would_not_fit_loses_words_at_its_end(width: float, most: int, ending: str, shortened: str) -> None:
    with canvas.own_style():
        figure = canvas.titled("Title", "subtitle")
        text = figure.text(0, 0.5, TITLE, fontsize=9)
        canvas.break_lines(figure, text, width, most, ending)
        assert text.get_text() == shortened
        assert width == 0.01 or canvas.widest(figure, [text]) <= width


@pytest.mark.parametrize("height", [1.0, 3.0])
def test_notes_that_are_too_long_for_one_line_have_two(height: float) -> None:
    with canvas.own_style():
        for notes, lines in (
            (["Short."], 1),
            (["Short.", "Shorter."], 1),
            ([f"Note {n}: {TITLE}." for n in range(4)], 2),
        ):
            figure = canvas.titled("Title", "subtitle", height)
            canvas.write_notes(figure, notes)
            written = figure.texts[2:]
            assert len(written) == lines
            assert " ".join(text.get_text() for text in written) == " ".join(notes)
            assert all(float(text.get_fontsize()) >= 7 for text in written)
            assert_readable(figure)


def test_a_higher_picture_keeps_its_title_as_near_to_its_edge() -> None:
    with canvas.own_style():
        low, high = canvas.titled("Title", "subtitle"), canvas.titled("Title", "subtitle", 3.0)
    assert high.bbox.width == low.bbox.width
    assert high.bbox.height == pytest.approx(3 * low.bbox.height)
    edges = [[figure.bbox.y1 - text.get_window_extent().y1 for text in figure.texts] for figure in (low, high)]
    assert edges[0] == pytest.approx(edges[1], abs=1)


def test_dollar_signs_are_no_formulas(audit_of: Callable[..., Audit]) -> None:
    result = audit_of([user("a", **OLD_KEY)])
    assert len(result.findings_counted.accounts) == 1
    result.__dict__["accounts"] = (r"$\frac{1$",)
    assert r"$\frac{1$" in texts(figure_of(result, "accounts"))


def test_equal_bytes_whatever_the_readers_settings(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    result = audit_of(ODD, many=40, checklist=make_checklist(policy=policy_in(tmp_path)))
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    first = files_or_reasons(render.write(result, tmp_path / "a"))
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "savefig.dpi": 30, "path.sketch": (1, 100, 2)}):
        before = dict(mpl.rcParams)
        second = files_or_reasons(render.write(result, tmp_path / "b"))
        assert dict(mpl.rcParams) == before
    assert first == second


def test_equal_bytes_and_no_remarks_under_the_readers_matplotlibrc(
    audit_of: Callable[..., Audit], tmp_path: Path
) -> None:
    # A fresh process without a font cache, and with settings that matplotlib has something to say about.
    program = (
        "import sys; from datetime import datetime; from pathlib import Path\n"
        "from tests.running import Settings; from tests.running import audit\n"
        "from analyzer.rendering.pictures import render\n"
        "result = audit([sys.argv[1]], Settings(as_of=datetime.fromisoformat(sys.argv[2])))\n"
        "render.write(result, Path(sys.argv[3])); assert 'matplotlib.pyplot' not in sys.modules"
    )
    result = audit_of(ODD, many=40, checklist=make_checklist())
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "matplotlibrc").write_text(
        "font.size: 31\nno.such.key: 1\naxes.grid: True\nsavefig.dpi: x\n"
    )
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, tmp_path / "in", AS_OF.isoformat(), tmp_path / "there"],
        env=os.environ | {"MPLCONFIGDIR": str(tmp_path / "settings"), "PYTHONHASHSEED": "7", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    here_files = files_or_reasons(render.write(result, tmp_path / "here"))
    there_files = {path.stem: path.read_bytes() for path in (tmp_path / "there/charts").iterdir()}
    assert there_files == {name: data for name, data in here_files.items() if isinstance(data, bytes)} != {}


def test_the_log_is_as_loud_afterwards_as_before() -> None:
    log = logging.getLogger("matplotlib")
    level = log.level
    with canvas.own_style():
        assert log.getEffectiveLevel() == logging.ERROR
    assert log.level == level


@pytest.mark.parametrize("parts", [2, 3, 7])
def test_a_long_line_below_the_title_is_broken_between_its_parts(parts: int) -> None:
    with canvas.own_style():
        short = canvas.titled("Title", "Benchmark · 1 account").texts[1]
        assert short.get_text() == "Benchmark · 1 account"
        subtitle = " · ".join(f"{n} {TITLE * 2}"[: 210 // parts] for n in range(parts))
        figure = canvas.titled("Title", subtitle)
        below = figure.texts[1].get_text()
        assert below.count("\n") == 1
        assert below.replace(" ·\n", " · ") == subtitle
        lone = canvas.titled("Title", TITLE * 4).texts[1]
        assert lone.get_text() == TITLE * 4
        assert_readable(figure)
