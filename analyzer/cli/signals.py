"""How a run is stopped from outside: Ctrl-C, or a signal to end, becomes an exception that lets the run tidy up."""

from __future__ import annotations

import signal
from typing import Final, NoReturn

_STOPPING: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""The signals to stop, as far as a system has them; SIGBREAK is that of Windows."""


class Interrupted(BaseException):
    """The run is to stop; like Python's own KeyboardInterrupt, it passes every handler of errors."""


def listen() -> None:
    """Raise Interrupted in the main thread when the process gets a signal to stop."""
    for name in _STOPPING:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _interrupt)


def _interrupt(*_: object) -> NoReturn:
    raise Interrupted
