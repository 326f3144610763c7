"""Cases of tests that are many: the gate runs some of them, `.ci/full` all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable


def sliced(cases: Iterable[Any], every: int, first: int = 0) -> list[Any]:
    """Return cases for `parametrize`, all marked as slow but each `every`-th, from the one at `first` on."""
    return [
        case if number % every == first else pytest.param(*_parts(case), marks=pytest.mark.slow)
        for number, case in enumerate(cases)
    ]


def _parts(case: Any) -> tuple[Any, ...]:  # noqa: ANN401 - whatever a test takes
    return case if isinstance(case, tuple) else (case,)
