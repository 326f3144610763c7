"""A pseudo terminal: what a program writes there, frame by frame."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.running import SCRIPT

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """`end` is the file descriptor that a program writes to."""

    end: int
    _own: int
    _written: bytes
    _reader: threading.Thread

    def __init__(self) -> None:
        if sys.platform == "win32":
            pytest.skip("it has no such terminals")
        self._own, self.end = pty.openpty()
        self._written = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._own, 65_536)
            except OSError:  # the other end was closed
                return
            if not chunk:
                return
            self._written += chunk

    def close(self) -> str:
        """Return all that was written, without colours and movements of the cursor."""
        os.close(self.end)
        self._reader.join(10)
        os.close(self._own)
        return _ESCAPES.sub("", self._written.decode())


@contextmanager
def open_terminal() -> Iterator[tuple[Terminal, list[str]]]:
    """Yield a terminal, and a list that holds what was written there once the block has been left."""
    terminal, written = Terminal(), list[str]()
    try:
        yield terminal, written
    finally:
        written.append(terminal.close())


def run_on_terminal(*arguments: str | Path, cwd: Path, columns: int = 80) -> tuple[int, str, str]:
    """Run the console script; return its exit code, and what it wrote on standard output and on standard error."""
    environment = {**os.environ, "COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "xterm"}
    with open_terminal() as (out, answer), open_terminal() as (err, errors):
        done = subprocess.run(
            [SCRIPT, *map(str, arguments)], cwd=cwd, check=False, stdout=out.end, stderr=err.end, env=environment
        )
    return done.returncode, answer[0], errors[0]
