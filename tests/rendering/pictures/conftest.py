"""Audits to draw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analyzer.controls.checklist import Checklist, make_checklist
from tests.audits import ODD
from tests.rendering.pictures.figures import (
    policy_in,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.running import Audit


_AUDITS: dict[int, Audit] = {}


@pytest.fixture
def audit_of_size(audit_of: Callable[..., Audit]) -> Callable[[int], Audit]:
    """Return a function that audits so many users, the odd ones first; each number is made once."""

    def make(users: int) -> Audit:
        if users not in _AUDITS:
            _AUDITS[users] = audit_of(ODD[:users], many=max(users - len(ODD), 0))
        return _AUDITS[users]

    return make


@pytest.fixture
def audit_by_plan(audit_of: Callable[..., Audit], tmp_path: Path) -> Callable[..., Audit]:
    """Return a function that audits by a checklist of a name (see `PLANS`)."""

    def make(name: str, rows: list[dict[str, str]], many: int = 0) -> Audit:
        plans: dict[str, Callable[[], Checklist]] = {
            "all": make_checklist,
            "policy": lambda: make_checklist(policy=policy_in(tmp_path)),
            "policy and all": lambda: make_checklist(policy=policy_in(tmp_path), all_controls=True),
            "lone": lambda: make_checklist(controls=["console-mfa"]),
            "root's": lambda: make_checklist(controls=["root-mfa", "no-root-access-key", "console-mfa"]),
        }
        checklist = plans[name]() if name in plans else make_checklist(benchmark=name)
        return audit_of(rows, many=many, checklist=checklist)

    return make
