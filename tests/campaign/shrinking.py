"""The smallest input that shows a failure: rows, lines and neighbours are left out while it stays the same."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from tests.campaign.wrapping import CONTAINERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.campaign.cases import Case
    from tests.campaign.checking import Failure
    from tests.campaign.sheets import Line


T = TypeVar("T")
_PATIENCE: Final = 120
"""Seconds after which what is left is small enough."""


def shrunk(cases: Sequence[Case], failure: Failure, check: Callable[[Sequence[Case]], list[Failure]]) -> list[Case]:
    """Return as few and small cases as show the same kind of failure, when they are checked again."""

    end = time.monotonic() + _PATIENCE

    def fails(some: Sequence[Case]) -> bool:
        return time.monotonic() < end and any(repeated.kind == failure.kind for repeated in check(some))

    few = needed_parts(list(cases), lambda some: bool(some) and fails(some))
    if len(few) != 1:
        return few
    case = few[0]
    if case.level == "cells":
        lines = needed_parts(list(case.sheet.lines), lambda some: fails([_with_lines(case, some)]))
        return [_with_lines(case, lines)]
    if case.level == "bytes":
        pieces = needed_parts(case.data.split(b"\n"), lambda some: fails([replace(case, data=b"\n".join(some))]))
        return [replace(case, data=b"\n".join(pieces))]
    return [case]


def _with_lines(case: Case, lines: Sequence[Line]) -> Case:
    sheet = replace(case.sheet, lines=list(lines))
    try:
        return replace(case, sheet=sheet, data=CONTAINERS[case.container](sheet))
    except ValueError:  # a container that cannot do without rows
        return case


def needed_parts(parts: list[T], fails: Callable[[list[T]], bool]) -> list[T]:
    """Return parts without those that can be left out, in larger pieces first; all of them where they do not fail."""
    size = len(parts) // 2
    while size:
        at = 0
        while at < len(parts):
            fewer = parts[:at] + parts[at + size :]
            if fewer != parts and fails(fewer):
                parts = fewer
            else:
                at += size
        size //= 2
    return parts
