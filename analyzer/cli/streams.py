"""Standard output and standard error: texts that are safe to print there, error messages, and readers that leave."""

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
    """Make standard output and standard error usable, whatever the caller made of them."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - as long as the process
        elif isinstance(stream, io.TextIOWrapper):
            # A terminal without UTF-8 shows a question mark; it must not cost the answer.
            stream.reconfigure(errors="replace")


def complain(message: str, hint: str) -> None:
    """Print an error and what to do about it on standard error; in colour on a terminal, unless NO_COLOR is set."""
    color = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    error, tip, plain = ("\x1b[1;31m", "\x1b[1;36m", "\x1b[0m") if color else ("", "", "")
    sys.stderr.write(f"{error}error:{plain} {printable(message)}\n{tip}hint:{plain} {printable(hint)}\n")


def remark(message: str) -> None:
    """Print on standard error what is no error, and should be known."""
    sys.stderr.write(f"note: {printable(message)}\n")


def print_json(facts: dict[str, Any], name: str = "", rows: Iterable[str] | None = None) -> None:
    """Print `facts` as JSON on standard output.

    `rows`, JSON objects that may be too many to be in memory together, follow as the list `name`, each on a line.
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
    """Send what is still written to standard output nowhere: nobody reads it any more."""
    with suppress(OSError, ValueError):  # not a stream of the system's
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
