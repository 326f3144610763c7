"""Standard output and standard error: safe texts, error messages, JSON, and readers that close the pipe early."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyzer.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def prepare() -> None:
    """Make standard output and standard error usable, also if the caller closed them or they cannot show every text."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - as long as the process
        elif isinstance(stream, io.TextIOWrapper):
            # A terminal without UTF-8 shows question marks; printing must not fail.
            stream.reconfigure(errors="replace")


def complain(message: str, hint: str) -> None:
    """Print an error and what to do about it on standard error; in colour on a terminal, unless NO_COLOR is set."""
    color = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    error, tip, plain = ("\x1b[1;31m", "\x1b[1;36m", "\x1b[0m") if color else ("", "", "")
    sys.stderr.write(f"{error}error:{plain} {printable(message)}\n{tip}hint:{plain} {printable(hint)}\n")


def remark(message: str) -> None:
    """Print a note on standard error: something that is not an error but that the user needs to know."""
    sys.stderr.write(f"note: {printable(message)}\n")


def print_json(facts: dict[str, Any], name: str = "", rows: Iterable[str] | None = None) -> None:
    """Print `facts` as JSON on standard output.

    `rows` are JSON objects, perhaps too many for memory. They follow as the list `name`, each on its own line.
    """
    text = json.dumps(facts, indent=2, ensure_ascii=True)
    try:
        if rows is None:
            sys.stdout.write(f"{text}\n")
        else:
            sys.stdout.write(f"{text.removesuffix('}').rstrip()},\n  {json.dumps(name)}: ")
            sys.stdout.writelines(_list_of(rows))
            sys.stdout.write("\n}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        silence()


def _list_of(rows: Iterable[str]) -> Iterator[str]:
    before, after = "[\n    ", "[]"
    for row in rows:
        yield before + row
        before, after = ",\n    ", "\n  ]"
    yield after


def silence() -> None:
    """Discard everything that is written to standard output from now on, because nobody reads it any more."""
    with suppress(OSError, ValueError):  # standard output has no file descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
