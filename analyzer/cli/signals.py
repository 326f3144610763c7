"""Signals that stop a run, such as Ctrl-C. They become an exception, so that the run can clean up."""

from __future__ import annotations

import signal
from typing import Final, NoReturn

_STOPPING: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Signals that stop a run. No system has all of them; SIGBREAK exists only on Windows."""


class Interrupted(BaseException):
    """The run has to stop. Like KeyboardInterrupt, this passes handlers of ordinary errors."""


def listen() -> None:
    """Raise Interrupted in the main thread when the process gets a signal to stop."""
    for name in _STOPPING:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _interrupt)


def _interrupt(*_: object) -> NoReturn:
    raise Interrupted
