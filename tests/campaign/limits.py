"""Limits of CPU time and memory: what goes past them is a failure, not a slow machine."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

SECONDS: Final = 60
"""CPU time of a batch; it takes less than one."""
MEGABYTES: Final = 1_500
"""Peak memory of a worker; it needs about 400."""


class TooLongError(BaseException):
    """A batch takes too much CPU time. No `except Exception` of the program may swallow it."""


class TooLargeError(BaseException):
    """A batch has taken too much memory."""


def peak() -> int:
    """Return the peak memory of this process in megabytes."""
    if sys.platform == "win32":
        raise OSError("the campaign needs limits of POSIX")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def free_memory() -> None:
    """Return freed memory to the system: glibc keeps what one large report needed, and would add the next one to it."""
    with contextlib.suppress(AttributeError, OSError):  # other C libraries have no malloc_trim
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def within_limits() -> Iterator[None]:
    """Raise TooLongError, or TooLargeError, where what is done takes too much CPU time or memory."""

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signals call it
        raise TooLongError(f"more than {SECONDS} s of CPU time")

    if sys.platform == "win32":
        raise OSError("the campaign needs signals of POSIX")
    before, was = peak(), signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, was)
    if before <= MEGABYTES < peak():
        raise TooLargeError(f"{peak():,} MB of memory; {before:,} before")
