"""Functions that differ by operating system: locks, the exchange of two folders, and writing files to the disk.

Only this module uses functions that exist only on Linux, macOS or Windows. A return value or an exception shows that
the system lacks a function.
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
"""Seconds between two tries to get a lock, on systems without a blocking lock call."""


class Lock(NamedTuple):
    """A lock file that this process has open; `is_held` is False if the system cannot lock files."""

    path: Path
    file: int
    is_held: bool


def lock(path: Path) -> Lock | None:
    """Create and lock a file without waiting; return None if another process holds the lock.

    The lock ends with the process; the file stays until `release`. Some network drives cannot lock files. Raises
    OSError if the file cannot be created.
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


def release(held_lock: Lock) -> None:
    """Release a lock and remove its file."""
    with suppress(OSError):  # before the release, so that no process gets the lock of a file that will be removed
        held_lock.path.unlink()
    os.close(held_lock.file)
    with suppress(OSError):  # Windows cannot remove an open file
        held_lock.path.unlink()


def wait_for_lock(file: int) -> None:
    """Lock an open file until it is closed; wait while another process holds it. Raises OSError without file locks."""
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
    """Lock an open file; return False if the system cannot. Raises BlockingIOError if another process holds it."""
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
    """Lock the first byte of an open file. Raises BlockingIOError if another handle holds the lock."""
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
    """Whether an open file is still the one at `path`; the process that held its lock before may have removed it."""
    if sys.platform == "win32":  # an open file cannot be removed
        return True
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def exchange(first: Path, second: Path) -> bool:
    """Exchange two folders in one step (renameat2 on Linux, renamex_np on macOS); return False if impossible."""
    if sys.platform == "win32":
        return False
    import ctypes  # noqa: PLC0415 - most runs have nothing to replace

    here, swap = -100, 2  # AT_FDCWD and RENAME_EXCHANGE; RENAME_SWAP on macOS is 2 as well
    names = os.fsencode(first), os.fsencode(second)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            return bool(libc.renamex_np(*names, swap) == 0)
        return bool(libc.renameat2(here, names[0], here, names[1], swap) == 0)
    except (AttributeError, OSError, TypeError):
        return False


def flush(path: Path) -> None:
    """Write a file's data to the disk (fsync). Raises OSError if the system cannot do that."""
    # Windows flushes only files that are open for writing; on other systems, read-only files cannot be opened so.
    how = os.O_RDWR if sys.platform == "win32" else os.O_RDONLY
    try:
        file = os.open(path, how)
    except PermissionError:
        if sys.platform == "win32" and not os.access(path, os.W_OK):  # a hard link to an older, read-only file
            return
        raise
    try:
        os.fsync(file)
    finally:
        os.close(file)


def make_private(path: Path) -> None:
    """Deny other users access to a folder (mode 0700) or a file (0600); on Windows, the parent folder sets this."""
    if sys.platform != "win32":
        with suppress(OSError):  # a worker that runs as another user may have made it
            path.chmod(0o700 if path.is_dir() else 0o600)


def shows_each_change() -> bool:
    """Whether a file's `st_ctime` shows each change, even if a program sets the modification time back."""
    return sys.platform != "win32"  # on Windows it is the creation time


def may_be_open_elsewhere(error: OSError) -> bool:
    """Whether another program with an open file may be the reason: Windows cannot rename a folder with open files."""
    return sys.platform == "win32" and isinstance(error, PermissionError)
