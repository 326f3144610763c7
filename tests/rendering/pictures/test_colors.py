"""Yellow means checks that are not checked, and nothing else."""

from __future__ import annotations

import re
from colorsys import rgb_to_hls
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.colors import rgb_to_hsv, to_rgb
from matplotlib.image import imread

from analyzer.rendering import pictures
from analyzer.rendering.pictures.canvas import UNSURE, UNSURE_AREA
from analyzer.rendering.pictures.history.open_over_time import COLORS
from tests.rendering.pictures.figures import MANY_USERS, OLD_KEY, figure_of
from tests.rendering.pictures.history import worlds
from tests.reports import password, user

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from tests.running import Audit

YELLOW = rgb_to_hls(*to_rgb(UNSURE))[0]
NEAR = 25 / 360
"""The least distance from that yellow of a hue that does not look yellow."""
GREY = 0.15
"""The saturation below which a colour has no visible hue."""
SOURCES = sorted(Path(pictures.__file__).parent.rglob("*.py"))


def is_near_yellow(color: str) -> bool:
    hue, _, saturation = rgb_to_hls(*to_rgb(color))
    return saturation > GREY and abs(hue - YELLOW) < NEAR


def yellow_pixels(figure: Figure) -> float:
    """The share of a picture's pixels that are near yellow."""
    data = BytesIO()
    figure.savefig(data, format="png", dpi=60)
    data.seek(0)
    hue, saturation, _ = np.moveaxis(rgb_to_hsv(imread(data)[..., :3]), -1, 0)
    return float(((saturation > GREY) & (np.abs(hue - YELLOW) < NEAR)).mean())


def test_no_other_colour_of_the_pictures_is_near_yellow() -> None:
    colors = {color for path in SOURCES for color in re.findall(r"#[0-9A-Fa-f]{6}\b", path.read_text(encoding="utf-8"))}
    assert {*COLORS.values()} <= colors
    assert {color for color in colors if is_near_yellow(color)} == {UNSURE, UNSURE_AREA}
    # Scales of colours that matplotlib brings along may go through yellow.
    assert not [path for path in SOURCES if re.search(r"cmap=[\"']", path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("name", ["idle_days", "status", "accounts", "age_vs_idle"])
def test_pictures_of_decided_checks_have_no_yellow(audit_of: Callable[..., Audit], name: str) -> None:
    recent = password(changed="2026-10-30T00:00:00Z", used="2026-10-31T00:00:00Z")
    result = audit_of([user("a", **OLD_KEY), user("b", **recent)])
    assert yellow_pixels(figure_of(result, name)) < 0.0005


def test_where_there_are_many_keys_there_is_no_yellow(audit_of_size: Callable[[int], Audit]) -> None:
    assert yellow_pixels(figure_of(audit_of_size(MANY_USERS), "age_vs_idle")) < 0.0005


@pytest.mark.parametrize("world", ["two dates of many", "a month", "many"])
@pytest.mark.parametrize("name", ["open_over_time", "opened_closed", "accounts_over_time"])
def test_histories_have_no_yellow(name: str, world: str) -> None:
    assert yellow_pixels(worlds.draw(worlds.world_and_history(world)[1], name)) < 0.0005


def test_undecided_checks_are_yellow(audit_of_size: Callable[[int], Audit]) -> None:
    assert yellow_pixels(figure_of(audit_of_size(50), "status")) > 0.002
