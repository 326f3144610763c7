"""Standard output and standard error: texts that are safe to print there, error messages, and readers that leave."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any


def prepare() -> None:
    """Make standard output and standard error usable, whatever the caller made of them."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - as long as the process
        elif isinstance(stream, io.TextIOWrapper):
            # A terminal without UTF-8 shows a question mark; it must not cost the answer.
            stream.reconfigure(errors="replace")


def printable(text: str) -> str:
    """Return `text` without characters that would move a terminal's cursor or hide something; lines stay lines."""
    return "".join(one if one.isprintable() or one == "\n" else "\ufffd" for one in text)


def complain(message: str, hint: str) -> None:
    """Print an error and what to do about it on standard error; in colour on a terminal, unless NO_COLOR is set."""
    color = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    error, tip, plain = ("\x1b[1;31m", "\x1b[1;36m", "\x1b[0m") if color else ("", "", "")
    sys.stderr.write(f"{error}error:{plain} {printable(message)}\n{tip}hint:{plain} {printable(hint)}\n")


def print_json(facts: dict[str, Any]) -> None:
    """Print `facts` as JSON on standard output."""
    try:
        sys.stdout.write(json.dumps(facts, indent=2, ensure_ascii=True) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        silence()


def silence() -> None:
    """Send what is still written to standard output nowhere: nobody reads it any more."""
    with suppress(OSError, ValueError):  # not a stream of the system's
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
