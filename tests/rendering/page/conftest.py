"""A headless browser, and audits whose pages it opens."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.cli.running import run
from tests.rendering.page.browsing import Browser
from tests.reports import csv_of, key, password, root, user, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HARMFUL = "<script>alert(1)</script>"
HARMFUL_FILE = '"><img src=x onerror=alert(1)>.csv'


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        pytest.skip("needs Chromium and its driver")
    with Browser.started(tmp_path_factory.mktemp("browser")) as started:
        yield started


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the evidence set of two accounts with harmful names, an earlier snapshot and a list of accounts."""
    folder = tmp_path_factory.mktemp("page")
    old = user("old-key", user_creation_time="2020-01-01T00:00:00Z", **key(rotated="2026-01-01T00:00:00Z"))
    new = user("in-use", **key(rotated="2026-10-01T00:00:00Z", used="2026-10-30T00:00:00Z"))
    bad = user(HARMFUL, **password(changed="2026-01-01T00:00:00Z", used="2026-02-01T00:00:00Z"))
    write(folder / "reports/2026-09-30/111122223333.csv", csv_of(root(), old, new))
    write(folder / "reports/2026-10-31/111122223333.csv", csv_of(root(), old, new, bad))
    other_users = [
        user(f"u{n:03}", account="444455556666", **key(rotated=f"2026-0{n % 9 + 1}-01T00:00:00Z")) for n in range(150)
    ]
    write(folder / f"reports/2026-10-31/{HARMFUL_FILE}", csv_of(root("444455556666"), *other_users))
    write(folder / "accounts.csv", "account,name,owner\n111122223333,payments,team-a\n444455556666,<b>x</b>,team-b\n")
    done = run(
        *("audit", "reports", "--accounts", "accounts.csv", "-o", "out", "--format", "parquet,html,excel"), cwd=folder
    )
    assert done.returncode in {1, 3}, done.stderr
    return folder / "out"
