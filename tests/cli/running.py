"""The program as tests run it: in this process, for exit codes and messages; or by its console script, as users do."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from analyzer.cli import main

SCRIPT = Path(sys.executable).with_name("credreport")


@dataclass(frozen=True)
class Ran:
    """How a run of the program ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def run(*arguments: str | Path, cwd: Path | None = None, stdin: bytes = b"", **environment: str) -> Ran:
    """Run the program in this process, on streams that are no terminal and 140 columns wide."""
    streams = {"stdin": io.BytesIO(stdin), "stdout": io.BytesIO(), "stderr": io.BytesIO()}
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, {"COLUMNS": "140", **environment}))
        stack.enter_context(contextlib.chdir(cwd or Path.cwd()))
        for name, buffer in streams.items():
            stack.enter_context(_stream(name, buffer))
        code = main.run([str(argument) for argument in arguments])
    return _ran(code, streams["stdout"].getvalue(), streams["stderr"].getvalue())


@contextlib.contextmanager
def _stream(name: str, buffer: io.BytesIO) -> Iterator[None]:
    """Put a stream in the place of one of this process, as UTF-8."""
    stream = io.TextIOWrapper(buffer, encoding="utf-8")
    with mock.patch.object(sys, name, stream):
        yield
    stream.flush()
    stream.detach()  # the buffer stays open


def run_script(*arguments: str | Path, cwd: Path | None = None, stdin: bytes = b"", **environment: str) -> Ran:
    """Run the console script in a process of its own: slower, and needed where the process itself is what is tested."""
    done = subprocess.run(
        [SCRIPT, *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        check=False,
        env={**os.environ, "COLUMNS": "140", **environment},
        timeout=120,
    )
    return _ran(done.returncode, done.stdout, done.stderr)


def _ran(code: int, stdout: bytes, stderr: bytes) -> Ran:
    ran = Ran(code, stdout.decode(), stderr.decode())
    assert "Traceback" not in ran.stderr
    return ran
