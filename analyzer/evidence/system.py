"""What each operating system does in its own way: locks, the exchange of two folders, and files that reach the disk.

Only this module asks for what Linux, macOS or Windows alone have. Where a system lacks something, callers hear of it.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_BETWEEN_TRIES: Final = 0.1
"""Seconds between two tries to get a lock, where the system does not wait by itself."""


class Lock(NamedTuple):
    """A lock file that this process has open; where the system cannot lock it, `is_held` is False."""

    path: Path
    file: int
    is_held: bool


def lock(path: Path) -> Lock | None:
    """Lock a file, which is made where it is not there, without waiting; None where another process holds it.

    The lock goes with the process, however that ends; the file stays until `release`. Some network drives cannot lock.
    Raises OSError where the file cannot be made.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        is_held = _try_to_lock(file)
        if _is_at(file, path):
            return Lock(path, file, is_held)
    except BlockingIOError:
        pass
    except BaseException:
        os.close(file)
        raise
    os.close(file)
    return None


def release(held: Lock) -> None:
    """Give up a lock, and remove its file."""
    with suppress(OSError):  # while it is locked, so that nobody gets the lock of a file that is about to go
        held.path.unlink()
    os.close(held.file)
    with suppress(OSError):  # Windows removes no file that is open
        held.path.unlink()


def wait_for_lock(file: int) -> None:
    """Lock an open file until it is closed; wait while another process holds it. Raises OSError where none can lock."""
    if sys.platform == "win32":
        while True:
            try:
                _lock_on_windows(file)
            except BlockingIOError:
                time.sleep(_BETWEEN_TRIES)
            else:
                return
    else:
        try:
            import fcntl  # noqa: PLC0415 - not everywhere
        except ImportError as error:
            raise OSError(errno.ENOLCK, "this system has no file locks") from error
        fcntl.flock(file, fcntl.LOCK_EX)


def _try_to_lock(file: int) -> bool:
    """Lock an open file; return False where the system cannot. Raises BlockingIOError where another holds the lock."""
    try:
        if sys.platform == "win32":
            _lock_on_windows(file)
        else:
            import fcntl  # noqa: PLC0415 - not everywhere

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except (ImportError, OSError):
        return False
    return True


def _lock_on_windows(file: int) -> None:
    """Lock the first byte of an open file. Raises BlockingIOError where another handle holds the lock."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - only on Windows

        os.lseek(file, 0, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in {errno.EACCES, errno.EDEADLK}:
                raise BlockingIOError(errno.EAGAIN, "another process holds the lock") from error
            raise


def _is_at(file: int, path: Path) -> bool:
    """Whether an open file is still the one at `path`: whoever held its lock before may have removed it."""
    if sys.platform == "win32":  # no file that is open can be removed
        return True
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step (renameat2 on Linux, renamex_np on macOS); return False where none can."""
    if sys.platform == "win32":
        return False
    import ctypes  # noqa: PLC0415 - most runs have nothing to replace

    here, swap = -100, 2  # AT_FDCWD and RENAME_EXCHANGE; RENAME_SWAP on macOS is 2 as well
    names = os.fsencode(one), os.fsencode(other)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            return bool(libc.renamex_np(*names, swap) == 0)
        return bool(libc.renameat2(here, names[0], here, names[1], swap) == 0)
    except (AttributeError, OSError, TypeError):
        return False


def flush(path: Path) -> None:
    """Have a file on the disk. Raises OSError where the system cannot do that."""
    # Windows flushes only what is open for writing; elsewhere that would fail on files that are read-only.
    how = os.O_RDWR if sys.platform == "win32" else os.O_RDONLY
    try:
        file = os.open(path, how)
    except PermissionError:
        if sys.platform == "win32" and not os.access(path, os.W_OK):  # it was there before, and is linked
            return
        raise
    try:
        os.fsync(file)
    finally:
        os.close(file)


def make_private(path: Path) -> None:
    """Let nobody else read a folder (mode 0700) or a file (0600); on Windows that follows from the folder around it."""
    if sys.platform != "win32":
        with suppress(OSError):  # a worker of another user may have made it
            path.chmod(0o700 if path.is_dir() else 0o600)


def shows_each_change() -> bool:
    """Whether a file's `st_ctime` tells of each change, also where somebody sets its time of change back."""
    return sys.platform != "win32"  # where it is the time of creation


def may_be_open_elsewhere(error: OSError) -> bool:
    """Whether the reason may be that another program has a file open: Windows renames no folder that holds one."""
    return sys.platform == "win32" and isinstance(error, PermissionError)
