"""Names are shown on the terminal, and never obeyed by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.cli.running import run
from tests.security.odd import CONTROLS, ESCAPES, write_odd

if TYPE_CHECKING:
    from pathlib import Path

LISTS: Final = ["--accounts", "accounts.csv", "--leavers", "leavers.csv"]
COMMANDS: Final = [
    ["audit", "r", *LISTS, "--verbose", "-o", "out"],
    ["audit", "r", *LISTS, "--json-all", "-o", "out"],
    ["audit", "r", "--by", "owner", *LISTS, "-o", "out"],
    ["inspect", "r", "--verbose"],
    ["history", "r", "--verbose", "-o", "history"],
    ["compare", "r/2026-09-30", "r/2026-10-31", "--verbose", "-o", "compare"],
    ["show", "out"],
    ["show", "out", "--by-user"],
    ["verify", "out", "--inputs", "r"],
    ["verify", "out", "--inputs", "r/2026-09-30"],
    ["sample", "out", "-o", "sample"],
    ["ingest", "r", "--store", "store"],
    ["store", "store"],
    ["audit", f"r/{ESCAPES}"],
    ["audit", "r", "--control", ESCAPES],
    ["show", "out", "--user", ESCAPES],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    working_folder = tmp_path_factory.mktemp("terminal")
    write_odd(working_folder)
    for command in (COMMANDS[0], ["ingest", "r", "--store", "store"]):
        assert run(*command, cwd=working_folder).returncode in (0, 1, 3)
    return working_folder


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: ascii(" ".join(command[:3])))
def test_escapes_and_bidirectional_controls_are_shown_not_obeyed(folder: Path, command: list[str]) -> None:
    done = run(*command, cwd=folder)
    for stream_text in (done.stdout, done.stderr):
        assert CONTROLS.isdisjoint(stream_text), sorted(map(ascii, CONTROLS.intersection(stream_text)))
    if command[0] == "show" and len(command) == 2:
        assert "evil" in done.stdout
