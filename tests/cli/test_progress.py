"""Progress: a bar for each stage, in their order, none full before its work is done; on a terminal only."""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from analyzer.cli.progress import progress
from analyzer.engine import SILENT
from tests.cli.running import run
from tests.cli.terminal import open_terminal, run_on_terminal
from tests.reports import csv_of, key, root, user, write

CONTENT = csv_of(root(), user("a", **key(rotated="2026-01-01T00:00:00Z")))
FULL = "\u2501" * 20


def _shown(monkeypatch: pytest.MonkeyPatch, *, fails: bool = False) -> str:
    """Return what a run of two stages writes to a terminal; it waits before the second stage and before its end."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with open_terminal() as (terminal, written), os.fdopen(os.dup(terminal.end), "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        with suppress(ZeroDivisionError), progress(shown=True) as bars:
            bars.advance()  # of no stage
            bars.stage("surveying", 4)
            bars.advance(3)
            bars.advance()
            bars.advance()  # one more than there were to be
            time.sleep(0.3)
            bars.stage("judging")
            time.sleep(0.3)
            _ = 1 / (not fails)
        monkeypatch.undo()
    return written[0]


def test_stages_appear_in_order_and_no_bar_is_full_before_its_work_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    written = _shown(monkeypatch)
    before, _, after = written.partition("judging")
    frames = re.findall(r"surveying ([ \u2501\u2578\u257a]*) (\d)/4", before)
    assert "3" in {done for _, done in frames}, "the last step counts when the stage is done"
    *unfinished, finished = frames
    assert unfinished
    assert all(bar.strip() != FULL and done != "4" for bar, done in unfinished)
    assert finished == (FULL, "4"), "the next stage begins when the one before is done"
    assert "surveying" in after, "a stage that is done stays on the screen"
    assert after.rstrip().rpartition("judging ")[2].lstrip().startswith(FULL), "the last one is done in the end"


def test_a_run_that_fails_leaves_its_stage_unfinished(monkeypatch: pytest.MonkeyPatch) -> None:
    assert FULL not in _shown(monkeypatch, fails=True).rpartition("judging ")[2]


def test_no_progress_is_shown_without_a_terminal_or_when_switched_off() -> None:
    with progress(shown=False) as switched_off, progress(shown=True) as without_terminal:
        assert switched_off is without_terminal is SILENT


def test_the_program_shows_stages_and_takes_them_away(tmp_path: Path) -> None:
    write(tmp_path / "2026-10-31.csv", CONTENT)
    code, answer, standard_error = run_on_terminal("audit", "2026-10-31.csv", "--format", "parquet", cwd=tmp_path)
    assert code == 1
    assert "1 of 1 active password or access key of an IAM user unused" in answer
    assert "\u2501" in standard_error
    assert "error" not in standard_error


@pytest.mark.parametrize("option", ["-q", "--json"])
def test_quiet_and_json_show_no_progress(tmp_path: Path, option: str) -> None:
    write(tmp_path / "2026-10-31.csv", CONTENT)
    code, answer, standard_error = run_on_terminal(
        "audit", "2026-10-31.csv", "--format", "parquet", option, cwd=tmp_path
    )
    assert (code, standard_error) == (1, "")
    assert bool(answer) == (option == "--json")


def test_no_progress_where_standard_error_is_no_terminal(tmp_path: Path) -> None:
    write(tmp_path / "2026-10-31.csv", CONTENT)
    assert run("audit", "2026-10-31.csv", "--format", "parquet", cwd=tmp_path).stderr == ""
