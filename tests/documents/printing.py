"""Runs the commands that documents show, beside a copy of the sample reports."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from tests.documents.pages import ROOT, examples

PROGRAM: Final = Path(sys.executable).with_name("credreport")
ANSWER_ONLY: Final = "credreport audit sample_reports"
"""The only command whose output the documents show in part: its last part."""
_READS_EVIDENCE: Final = {"render", "sample", "verify", "show"}


@cache
def evidence() -> tempfile.TemporaryDirectory[str]:
    """Return a folder with the sample reports, and with what the commands of the page on SQL make of them."""
    folder = tempfile.TemporaryDirectory()
    shutil.copytree(ROOT / "sample_reports", Path(folder.name) / "sample_reports")
    for command in examples("sh", "sql")[0].splitlines():
        subprocess.run([PROGRAM, *command.split()[1:]], cwd=folder.name, capture_output=True, check=False)
    return folder


@cache
def printed(command: str) -> str:
    """Return what a command prints, without the blanks at the ends of lines."""
    script, *arguments = command.split()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "sample_reports", Path(folder) / "sample_reports")
        if arguments[0] in _READS_EVIDENCE:
            shutil.copytree(Path(evidence().name) / "credreport-out", Path(folder) / "credreport-out")
        if "--store history" in command and arguments[0] != "ingest":
            shutil.copytree(Path(evidence().name) / "history", Path(folder) / "history")
        run = subprocess.run(
            [PROGRAM.with_name(script), *arguments],
            cwd=folder,
            capture_output=True,
            check=False,
            env={**os.environ, "COLUMNS": "110", "NO_COLOR": "1"},
        )
    text = "".join(f"{line.rstrip()}\n" for line in run.stdout.decode().splitlines())
    return text.rpartition("\n\n")[2] if command == ANSWER_ONLY else text
