"""What goes to a terminal or a pipe, and what becomes of it when nobody reads."""

import os
import sys
from contextlib import suppress


def printable(text: str) -> str:
    """Return `text` without characters that would move a terminal's cursor or hide something; lines stay lines."""
    return "".join(one if one.isprintable() or one == "\n" else "\ufffd" for one in text)


def silence() -> None:
    """Send what is still written to standard output nowhere: nobody reads it any more."""
    with suppress(OSError, ValueError):  # not a stream of the system's
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
