"""A folder that takes the place of another in one step: a reader, or a crash, sees the old one or the new one."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def flush(folder: Path) -> None:
    """Have the files on the disk before the folder takes its place."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def swap(staging: Path, target: Path) -> None:
    """Put `staging` in the place of `target`; what stood there is in `staging` afterwards, if anything did."""
    if not target.exists():
        staging.rename(target)
    elif not _exchange(staging, target):
        # Without an atomic exchange there is a moment between two renames; the old set waits beside it.
        old = staging.with_name(f"{staging.name}.old")
        target.rename(old)
        try:
            staging.rename(target)
        except OSError:
            old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step where the system can (renameat2 on Linux, renamex_np on macOS)."""
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE; RENAME_SWAP on macOS is 2 as well
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        names = os.fsencode(one), os.fsencode(other)
        if sys.platform == "darwin":
            return bool(libc.renamex_np(*names, exchange) == 0)
        return bool(libc.renameat2(here, names[0], here, names[1], exchange) == 0)
    except (AttributeError, OSError, TypeError):
        return False
