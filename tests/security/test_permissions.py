"""Only the user who ran the program can read and write its outputs."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

import pytest

from tests.cli.running import run
from tests.security.odd import write_odd

if TYPE_CHECKING:
    from pathlib import Path

FORMATS: Final = "parquet,html,excel,charts,pdf,remediation,ics"
COMMANDS: Final = {
    "audit": ["audit", "r", "--accounts", "accounts.csv", "--by", "owner", "--format", FORMATS, "-o", "new"],
    "record": ["audit", "r", "--format", "parquet", "--record-run", "me", "-o", "new"],
    "history": ["history", "r", "-o", "new"],
    "compare": ["compare", "r/2026-09-30", "r/2026-10-31", "-o", "new"],
    "ingest": ["ingest", "r", "--store", "new"],
    "render": ["render", "set", "--format", "excel,charts", "-o", "new"],
    "render into": ["render", "set", "--format", "ics"],
    "sample": ["sample", "set", "-o", "new"],
}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
@pytest.mark.parametrize("name", COMMANDS)
def test_folders_have_mode_0700_and_files_0600(tmp_path: Path, name: str) -> None:
    write_odd(tmp_path)
    run("audit", "r", "-o", "set", "--format", "parquet", cwd=tmp_path)
    before = os.umask(0)  # which allows everything
    try:
        done = run(*COMMANDS[name], cwd=tmp_path)
    finally:
        os.umask(before)
    assert done.returncode in (0, 1, 3), done.stderr
    output = tmp_path / ("set" if name == "render into" else "new")
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [output, *output.rglob("*")]}
    assert len(modes) > 1
    assert not {path: oct(mode) for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)}
