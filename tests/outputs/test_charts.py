from __future__ import annotations

import re
from typing import TYPE_CHECKING

import matplotlib as mpl
import pytest
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from analyzer.outputs import charts
from analyzer.staleness import Status
from tests.outputs.conftest import ODD
from tests.reports import key, user

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.figure import Figure

    from analyzer.result import Audit


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible() and text.get_text()]


@pytest.mark.parametrize("name", charts.CHARTS)
def test_nothing_is_cut_off(any_audit: Audit, name: str) -> None:
    with charts.own_style():
        figure = charts.CHARTS[name](any_audit)
        figure.draw_without_rendering()
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text():
            box = text.get_window_extent()
            inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
            assert inside, text.get_text()


@pytest.mark.parametrize("name", charts.CHARTS)
def test_without_data_the_picture_says_so(audit_of: Callable[..., Audit], name: str) -> None:
    figure = charts.CHARTS[name](audit_of([]))
    assert not figure.axes
    assert len(texts(figure)) == 3


def test_the_numbers_drawn_are_those_of_the_tables(audit_of: Callable[..., Audit]) -> None:
    result = audit_of(ODD, many=3000)
    drawn = [int(text.replace(",", "")) for text in texts(charts.idle_days(result)) if re.fullmatch(r"[\d,]+", text)]
    known = result.findings["reason"].isin(["last_used", "never_used"])
    # "0" is the name of the first bin.
    assert int(known.sum()) == sum(drawn)
    shown = texts(charts.status(result))
    for kind, counts in result.counts.iterrows():
        assert any(
            f"({int(counts[['pass', 'fail', 'not_checked', 'not_applicable', 'inactive']].sum()):,})" in t
            for t in shown
        ), kind
    assert any(text.startswith(f"{result.totals[Status.FAIL]:,} of {result.totals['judged']:,} ") for text in shown)
    bars = charts.accounts(result).axes[0]
    top = result.by_account["fail"].head(15)
    assert [label.get_text() for label in bars.get_yticklabels()] == list(top.index)
    assert [bar.get_width() for bar in bars.patches if isinstance(bar, Rectangle)] == top.tolist()


def test_one_credential_is_singular(audit_of: Callable[..., Audit]) -> None:
    result = audit_of([user("a", **key(rotated="2026-01-01T00:00:00Z"))])
    assert "1 of 1 active credential idle for 45 days or more" in texts(charts.idle_days(result))
    assert "1 of 1 active access key never used" in texts(charts.age_vs_idle(result))


def test_equal_bytes_whatever_the_readers_settings(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    result = audit_of(ODD)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = [path.read_bytes() for path in charts.write(result, tmp_path / "a")]
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "savefig.dpi": 30}):
        second = [path.read_bytes() for path in charts.write(result, tmp_path / "b")]
    assert first == second
    assert len(first) == 4
