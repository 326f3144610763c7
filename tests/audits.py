"""Audits to write out: of nothing, of one user, of a few odd ones, and of many."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from analyzer.evidence.schema import TALLIES
from tests.reports import csv_of, key, password, root, unused, user, write
from tests.running import Audit, Settings, audit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from analyzer.controls.checklist import Checklist

AS_OF = datetime(2026, 10, 31, 23, 59, 59, 999999, UTC)
DIGEST = f"{0xC0FFEE:064x}"
"""The digest of an evidence set that a workbook shows."""
ODD = [
    user("=1+1", **password(changed="2026-01-01T00:00:00Z")),
    user("+1", **key(rotated="2025-01-01T00:00:00Z", used="2026-10-31T23:59:59.999999Z")),
    user("-rf", **key(2, rotated="2026-10-30T00:00:00Z")),
    user("@SUM(1)", **key(rotated="2026-01-01T00:00:00Z", used="")),
    user("a,b", **key(active="", rotated="2026-01-01T00:00:00Z")),
    user("NA", **key(rotated="2026-11-05T00:00:00Z")),
    user("007", user_creation_time="1890-01-01T00:00:00Z", **password(changed="N/A")),
    user("http://x", **key(rotated="12/31/2025", used="2026-11-05T00:00:00Z")),
    user("$x_1$", **key(active="false", rotated="2020-02-29T00:00:00Z")),
    user("mailto:x", **key(rotated="2026-09-16T12:00:00Z", used="2026-09-16T12:00:00Z")),
]


@pytest.fixture
def audit_of(tmp_path: Path) -> Callable[..., Audit]:
    """Return a function that audits rows of one account, and `many` made-up users of 40; `unused-credentials` alone."""

    def make(rows: list[dict[str, str]], many: int = 0, checklist: Checklist | None = None) -> Audit:
        folder = tmp_path / "in"
        write(folder / "2026-10-31.csv", csv_of(root(), *rows))
        for account in range(40 if many else 0):
            number = f"{111122223333 + account}"
            write(folder / f"2026-10-31/{number}.csv", csv_of(*(made_up(n, number) for n in range(account, many, 40))))
        return audit([str(folder)], Settings(checklist or unused(), as_of=AS_OF))

    return make


def made_up(number: int, account: str) -> dict[str, str]:
    age = timedelta(days=number * 37 % 2900, seconds=number)
    idle = age * (number % 11) / 10 if number % 11 < 10 else age
    times = [(AS_OF - ago).strftime("%Y-%m-%dT%H:%M:%SZ") for ago in (age, idle)]
    cells = [key(rotated=times[0], used=times[1]), key(rotated=times[0]), password(changed=times[0], used=times[1])]
    return user(f"user-{number}", account=account, user_creation_time="2015-01-01T00:00:00Z", **cells[number % 3])


@pytest.fixture(params=["none", "root only", "one", "odd", "many"])
def any_audit(request: pytest.FixtureRequest, audit_of: Callable[..., Audit]) -> Audit:
    rows = {"one": [user("a", **key(rotated="2026-01-01T00:00:00Z"))], "odd": ODD}
    result = audit_of(rows.get(request.param, []), many=3000 if request.param == "many" else 0)
    if request.param == "none":
        empty = {table: getattr(result, table).iloc[:0] for table in ("inputs", "users", "credentials", "issues")}
        return replace(result, tallies=TALLIES.empty_table(), **empty)
    return result
