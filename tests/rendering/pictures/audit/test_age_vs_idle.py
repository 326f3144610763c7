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
from tests.reports import key, user

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


def test_keys_without_idle_days_are_not_counted_as_keys_of_known_use(audit_of: Callable[..., Audit]) -> None:
    """A key of unknown age may be never used too, so a share of all keys would be too low."""
    never, used = key(rotated="2026-01-01T00:00:00Z"), key(rotated="2026-01-01T00:00:00Z", used="2026-10-01T00:00:00Z")
    rows = [
        user("a", **never),
        user("b", **used),
        user("c", **key(rotated="N/A")),
        user("d", **never | {"access_key_1_last_used_date": ""}),
    ]
    result = audit_of(rows)
    assert title(result, "age_vs_idle") == "1 of 2 active access keys of known age and last use never used"
    shown = " ".join(" ".join(texts(age_vs_idle.draw(result))).split())
    assert "Not shown, of 4 active access keys: 2 whose age or last use is not known at the reference date." in shown
    both_known = audit_of(rows[:2])
    assert title(both_known, "age_vs_idle") == "1 of 2 active access keys never used"
    assert "Not shown" not in " ".join(texts(age_vs_idle.draw(both_known)))
