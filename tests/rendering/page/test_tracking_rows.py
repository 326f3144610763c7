"""The tables of histories and comparisons on a page are in the words of the screen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from analyzer.rendering.page.tracking_rows import FIRST
from tests.cli.running import run
from tests.rendering.page.conftest import HARMFUL
from tests.reports import csv_of, key, password, root, user, write
from tests.test_numbers_agree import Page, monthly

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def events(tmp_path: Path) -> dict[str, list[object]]:
    """Return the table of events of two snapshots, with a change, a failure that stays, a fixed and a new one."""
    stays = user("stays", **key(rotated="2025-01-01T00:00:00Z"))
    goes = user("goes", **key(rotated="2025-01-01T00:00:00Z"))
    comes = user("comes", **password(changed="2026-01-01T00:00:00Z", used="2026-02-01T00:00:00Z"))
    harmful = user(HARMFUL, user_creation_time="2026-10-20T00:00:00Z")
    write(tmp_path / "2026-09-30/111122223333.csv", csv_of(root(mfa_active="true"), stays, goes))
    write(tmp_path / "2026-10-31/111122223333.csv", csv_of(root(mfa_active="true"), stays, comes, harmful))
    run("compare", "2026-09-30", "2026-10-31", "-o", "out", "--format", "html", "-q", cwd=tmp_path)
    return Page(tmp_path / "out/report.html").rows["events"]


def test_failures_come_before_other_events_and_three_columns_come_first(events: dict[str, list[object]]) -> None:
    assert list(events)[:3] == ["event", "severity", "control"]
    shown = list(dict.fromkeys(events["event"]))
    order = [name.replace("_", " ").replace("not known", "undecided") for name in FIRST]
    first = [name for name in order if name in shown]
    assert shown[: len(first)] == first
    assert {"new failure", "fixed", "still failing", "user created"} <= set(shown)


def test_measures_have_the_words_and_whole_days_of_the_screen(tmp_path: Path) -> None:
    monthly(tmp_path)
    snapshots = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    done = run("history", *snapshots, "-o", "out", "--format", "html", "--sla-days", "60", "--verbose", cwd=tmp_path)
    path = tmp_path / "out/report.html"
    text, measures = path.read_text(), Page(path).rows["measures"]
    labels = re.findall(r'"label": "([^"]*)"', text)
    assert not [label for label in labels if "_" in label]
    assert {
        "lost to follow-up",
        "regressed",
        "half closed in (days)",
        "9 of 10 closed in (days)",
        "fixed within 60 days",
    } <= set(labels)
    at = measures["control"].index("unused-credentials")
    line = next(line for line in done.stdout.splitlines() if "unused-credentials" in line)
    assert measures["median_days"][at] in line
    root_hardware = measures["control"].index("root-hardware-mfa")
    assert (measures["not_checked"][root_hardware], measures["manual"][root_hardware]) == (0, 1)
    days = Page(path).rows["lifetimes"]["open_days_max"]
    assert all(day is None or isinstance(day, int) for day in days)
