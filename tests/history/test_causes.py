"""A new failure names the event that explains it, on the screen, the page and the PDF."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from analyzer.controls.checklist import make_checklist
from analyzer.pipeline import Settings
from tests.cli.running import run
from tests.history.running import compare
from tests.rendering.pdf.reading import text_of
from tests.reports import ACCOUNT, csv_of, key, password, root, user, write
from tests.test_numbers_agree import Page

if TYPE_CHECKING:
    from pathlib import Path

OLD = "2026-01-01T00:00:00Z"
USED = password(changed="2026-09-01T00:00:00Z", used="2026-10-30T00:00:00Z")
CASES = {
    "key": (user("a", **key(rotated=OLD, active="false")), user("a", **key(rotated=OLD)), "key activated"),
    "other key": (
        user("a", **key(2, rotated=OLD, active="false"), **key(rotated=OLD, used="2026-09-10T00:00:00Z")),
        user("a", **key(2, rotated="2026-10-01T00:00:00Z"), **key(rotated=OLD, used="2026-09-10T00:00:00Z")),
        "",
    ),
    "mfa": (user("a", mfa_active="true", **USED), user("a", **USED), "MFA disabled"),
    "mfa is no cause of idle days": (
        user("a", mfa_active="true", **key(rotated=OLD, used="2026-09-10T00:00:00Z")),
        user("a", **key(rotated=OLD, used="2026-09-10T00:00:00Z")),
        "",
    ),
    "password": (user("a", password_enabled="false"), user("a", **USED), "password enabled"),
    "user": (None, user("a", user_creation_time="2026-10-20T00:00:00Z", **USED), "user created"),
}


def written(folder: Path, before: dict[str, str] | None, now: dict[str, str]) -> tuple[str, str]:
    others = [root(mfa_active="true"), user("b")]
    old = write(folder / f"2026-09-30/{ACCOUNT}.csv", csv_of(*others, *([before] if before else [])))
    return old, write(folder / f"2026-10-31/{ACCOUNT}.csv", csv_of(*others, now))


@pytest.mark.parametrize("name", CASES)
def test_the_event_that_explains_a_new_failure_follows_its_message(name: str, tmp_path: Path) -> None:
    before, now, cause = CASES[name]
    old, new = written(tmp_path, before, now)
    settings = Settings(make_checklist(controls=["unused-credentials", "console-mfa"]))
    comparison = compare([old], [new], settings)
    shown = comparison.explained(comparison.new_failures)["message"].tolist()
    plain = comparison.new_failures["message"].tolist()
    assert plain
    assert shown == [f"{message}; {cause} since" if cause else message for message in plain]


def test_screen_page_and_pdf_name_the_cause(tmp_path: Path) -> None:
    before, now, _ = CASES["key"]
    written(tmp_path, before, now)
    options = ("--control", "unused-credentials", "--format", "html,pdf", "-o", "out")
    done = run("compare", "2026-09-30", "2026-10-31", *options, cwd=tmp_path)
    message = "never used; created 2026-01-01, 303 days; key activated since"
    assert message in done.stdout
    assert message in Page(tmp_path / "out/report.html").rows["events"]["message"]
    assert "key activated since" in " ".join(text_of(tmp_path / "out/summary.pdf").split())


def test_new_failures_mean_the_same_in_the_table_and_in_the_answer(tmp_path: Path) -> None:
    idle, active = key(rotated=OLD), key(rotated=OLD, used="2026-08-30T00:00:00Z")
    again = key(rotated=OLD, used="2026-08-30T00:00:00Z")
    for day, cells in {"2026-07-31": idle, "2026-08-31": active, "2026-10-31": again}.items():
        others = [user("b", **key(rotated=OLD, used="2026-08-30T00:00:00Z" if day > "2026-07" else "N/A"))]
        users = [root(), user("a", **cells), *(others if day > "2026-08" else [])]
        write(tmp_path / f"in/{day}/{ACCOUNT}.csv", csv_of(*users))
    run("ingest", "in", "--store", "store", cwd=tmp_path)
    options = ("--from", "2026-08-31", "--to", "2026-10-31", "--control", "unused-credentials", "-o", "out")
    lines = run("compare", "--store", "store", *options, "--format", "html", cwd=tmp_path).stdout.splitlines()
    rows = {" ".join(words[:-1]): words[-1] for words in map(str.split, lines) if words}
    assert (rows["new failure, not fixed before"], rows["regressed"]) == ("1", "1")
    assert "new failure" not in rows
    assert any(line.startswith("2 new failures (1 had been fixed before)") for line in lines)
