"""The picture of age against idle time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.collections import PathCollection, QuadMesh

from analyzer.controls.vocabulary import Outcome
from analyzer.reading.layout import Kind
from analyzer.rendering.pictures.audit import age_vs_idle
from tests.rendering.pictures.figures import (
    MANY_USERS,
    texts,
    title,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.running import Audit


@pytest.mark.parametrize("users", [50, MANY_USERS])
def test_every_key_of_known_age_and_use_is_drawn(audit_of_size: Callable[[int], Audit], users: int) -> None:
    result = audit_of_size(users)
    figure = age_vs_idle.draw(result)
    judged = result.credentials[result.credentials["outcome"].isin([Outcome.PASS, Outcome.FAIL])]
    keys = judged[(judged["kind"] == Kind.ACCESS_KEY) & judged["idle_days"].notna() & judged["age_days"].notna()]
    points = [collection for collection in figure.axes[0].collections if isinstance(collection, PathCollection)]
    cells = [collection for collection in figure.axes[0].collections if isinstance(collection, QuadMesh)]
    assert bool(cells) == (users > 2_000)
    if not cells:
        assert sum(len(np.asarray(collection.get_offsets())) for collection in points) == len(keys)
    else:
        assert np.ma.asarray(cells[0].get_array()).sum() == len(keys)
    never = (keys["last_used_state"] != "value").sum()
    assert title(result, "age_vs_idle").startswith(f"{never:,} of ")
    counts = [
        int(number.replace(",", ""))
        for number in re.findall(r"^([\d,]+) (?:never )?used", "\n".join(texts(figure)), re.MULTILINE)
    ]
    assert sum(counts) == len(keys)
