"""Replaces a folder in one step: a reader sees the old folder or the new one, and so does the next run after a crash.

    .NAME.HEX16       a staging folder, in which a run writes the new folder
    .NAME.HEX16.lock  its lock, which the run holds; if it is free, the staging folder is a leftover
    .NAME.HEX16.old   the old folder, between two renames on systems that cannot exchange folders
    .NAME.lock        the lock of a store; it is not removed

If a run is killed between the two renames, NAME does not exist. The next run calls `tidy` first, which renames the old
folder back. If a run is killed after both renames, the next run removes the old folder.

The whole folder NAME is replaced. So its `Owner` must have written every file in it, and no file may have changed.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import time
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from analyzer.errors import InputError, OutputError, first_few
from analyzer.evidence import system
from analyzer.evidence.owner import EVIDENCE, Claims, Owner, Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Looked = TypeVar("Looked")

_MOST_NAMED: Final = 3
"""Number of files that an error names."""
_PAUSES: Final = (0.0, 0.0, 0.1, 0.5)
"""Seconds before each new try of a swap. Other runs can replace the same folder, and on Windows a program that reads
new files, such as a virus scanner, can block a rename for a moment."""
_LOOKS: Final = 50
"""Tries to read a folder that other runs replace at the same time."""
_BETWEEN_RENAMES: Final = 0.001
"""Seconds to wait for a folder that another run is replacing in two renames."""


def in_one_state(folder: Path, look: Callable[[], Looked]) -> Looked:
    """Return the result of `look`, which reads `folder`; call it again if another run replaced the folder meanwhile."""
    for tries_left in reversed(range(_LOOKS)):
        try:
            before = folder.stat()
        except FileNotFoundError:  # perhaps it is between two renames
            if not tries_left:
                raise
            time.sleep(_BETWEEN_RENAMES)
            continue
        with _kept_open(folder):
            try:
                result = look()
            except (OSError, InputError):
                if not tries_left or _is_still(folder, before):
                    raise
            else:
                if not tries_left or _is_still(folder, before):
                    return result
    raise AssertionError("the last look returns or raises")


@contextmanager
def _kept_open(folder: Path) -> Iterator[None]:
    """Keep a folder open, so that the system does not give its inode number to another folder if it is removed."""
    with ExitStack() as stack:
        with suppress(OSError):  # Windows opens no folders
            stack.callback(os.close, os.open(folder, os.O_RDONLY))
        yield


def _is_still(folder: Path, before: os.stat_result) -> bool:
    try:
        return os.path.samestat(folder.stat(), before)
    except OSError:
        return False


def check(folder: Path, owner: Owner = EVIDENCE) -> None:
    """Raise OutputError unless `folder` is absent, empty, or contains only unchanged files of `owner`."""
    try:
        mode = _mode_of(folder)
        if mode is None:
            _require_writable(folder)
            return
        if not stat.S_ISDIR(mode):
            raise OutputError(f"not a folder: {folder}", owner.elsewhere)
        _require_elsewhere(folder, owner)
        standing, claims = in_one_state(folder, partial(_look, folder, owner))
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not os.path.lexists(folder):  # another run is replacing it
            return
        raise cannot_write(folder, error, owner) from error
    filled = {parent.as_posix() for name in standing.files | standing.others for parent in Path(name).parents}
    added = (standing.files | standing.others) - set(claims.listed)
    added |= {f"{name}/" for name in standing.folders - set(claims.folders) - filled}
    _require_known(folder, owner, claims, sorted(added))


def _mode_of(folder: Path) -> int | None:
    """Return the type and permissions of the file or folder at this path; None if there is none."""
    try:
        return folder.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return folder.lstat().st_mode if folder.is_symlink() else None


def _look(folder: Path, owner: Owner) -> tuple[Standing, Claims]:
    standing = Standing.of(folder)
    return standing, owner.claims(folder, standing)


def _require_known(folder: Path, owner: Owner, claims: Claims, added: list[str]) -> None:
    changed = sorted(claims.changed)
    if not changed and not added:
        return
    if not claims.is_owned:
        raise OutputError(
            f"the folder {folder} was not made by credreport (it has no {owner.mark} of credreport) and contains "
            f"{first_few(added, most=_MOST_NAMED)}",
            owner.elsewhere,
        )
    problems = []
    if changed:
        verb, pronoun = ("was", "it") if len(changed) == 1 else ("were", "them")
        changed_names = first_few(changed, most=_MOST_NAMED)
        problems.append(f"{changed_names} in {folder} {verb} changed since credreport wrote {pronoun}")
    if added:
        problems.append(
            f"something was added to the {owner.noun} {folder} that its {owner.mark} does not list: "
            f"{first_few(added, most=_MOST_NAMED)}"
        )
    books = [name for name in changed if name.endswith(".xlsx")]
    carried = f"to keep the reviewers' entries in {books[0]}, give it with --carry-over; " if books else ""
    changes = " and ".join(word for word, names in (("changed", changed), ("added", added)) if names)
    raise OutputError(
        "; ".join(problems),
        f"{carried}credreport replaces the whole folder: to keep what was {changes}, move the folder (or these files) "
        f"away, or {owner.elsewhere}",
    )


def _require_elsewhere(folder: Path, owner: Owner) -> None:
    """Raise OutputError if `folder` is the current folder or one of its parents."""
    try:
        here = Path.cwd()
    except OSError:  # the current folder was removed
        return
    try:
        own = folder.stat()
    except FileNotFoundError:  # another run replaces it at this moment
        return
    if any(_is_still(path, own) for path in (here, *here.parents)):  # by inode: a folder can have two names
        raise OutputError(
            f"the {owner.noun} {folder} is or contains the current folder, which cannot be replaced",
            f"{owner.elsewhere}, or run credreport from outside this folder",
        )


def _require_writable(folder: Path) -> None:
    """Raise OSError unless `folder` can be made: better now than after hours of work."""
    above = next(parent for parent in folder.absolute().parents if os.path.lexists(parent))
    if not above.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"{above} is not a folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, f"{above} cannot be written to")


def cannot_write(folder: Path | str, error: OSError, owner: Owner = EVIDENCE) -> OutputError:
    """Return the error for a folder that the system does not allow to write."""
    closing = "close programs that have its files open, " if system.may_be_open_elsewhere(error) else ""
    return OutputError(
        f"cannot write {folder}: {error.strerror or error}",
        f"{closing}check permissions and free space, or {owner.elsewhere}",
    )


# --- staging ----------------------------------------------------------------------------------------------------------


@contextmanager
def replaced(folder: Path, owner: Owner = EVIDENCE) -> Iterator[Path]:
    """Yield a new folder (mode 0700) beside `folder`. On success it replaces `folder`, on failure it is removed.

    Raises OutputError as `check` does, before and after the block, and if the system refuses an operation.
    """
    try:
        target = folder.resolve()
        tidy(target)
        check(folder, owner)
        target.parent.mkdir(parents=True, exist_ok=True)
        with staged(target) as staging:
            yield staging
            put_in_place(staging, target, owner)
    except OSError as error:
        raise cannot_write(folder, error, owner) from error


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Yield a new, locked folder beside `target`; remove it at the end with its content. Calls `tidy` first."""
    tidy(target)
    # The name is chosen before the folder is made, so that an interrupt at any later moment can remove the folder.
    staging, lock = _staging_of(target), None
    try:
        while (lock := system.lock(_lock_of(staging))) is None:
            staging = _staging_of(target)  # another run removed the new lock file as a leftover
        staging.mkdir(mode=0o700)
        yield staging
    finally:
        try:
            shutil.rmtree(staging, ignore_errors=True)
            if lock is not None:
                system.release(lock)
            else:
                with suppress(OSError):
                    _lock_of(staging).unlink()
        except BaseException:  # an interrupt arrived during the clean-up
            shutil.rmtree(staging, ignore_errors=True)
            with suppress(OSError):
                _lock_of(staging).unlink()
            raise


def put_in_place(staging: Path, target: Path, owner: Owner) -> None:
    """Replace `target` by `staging`. Raises OutputError if `target` is no longer the owner's (see `check`)."""
    flush(staging)
    check(target, owner)
    swap(staging, target)


def tidy(target: Path) -> None:
    """Remove leftovers of killed runs beside `target`, and rename an old folder back if `target` is missing.

    If the system cannot lock files (some network drives), staging folders stay, because their runs may still be alive.
    """
    # On a file system that ignores case, an earlier run may have written NAME in other letters.
    own_name = re.escape(target.name)
    leftover_name = re.compile(rf"\.{own_name}\.(?P<digits>[0-9a-f]{{16}})(?:\.old|\.lock)?", re.IGNORECASE)
    try:
        beside = [entry.name for entry in os.scandir(target.parent)]
    except OSError:  # the folder does not exist yet, or cannot be listed
        return
    for digits in sorted({match["digits"] for match in map(leftover_name.fullmatch, beside) if match}):
        _tidy_after(target.with_name(f".{target.name}.{digits}"), target)


def _tidy_after(staging: Path, target: Path) -> None:
    """Remove the leftovers of the run of `staging`, unless it is alive."""
    aside = _aside_of(staging)
    if not any(os.path.lexists(path) for path in (staging, aside, _lock_of(staging))):  # its name differs in case
        return
    try:
        lock = system.lock(_lock_of(staging))
    except OSError:  # nothing may be written here
        return
    if lock is None:
        return
    try:
        if lock.is_held:
            shutil.rmtree(staging, ignore_errors=True)
        if os.path.lexists(aside):
            _put_back(aside, target)
    finally:
        system.release(lock)


def _put_back(aside: Path, target: Path) -> None:
    """Rename the old folder back to `target` if nothing has replaced it since; otherwise remove it."""
    with suppress(OSError):  # another run may do the same at this moment
        if not target.exists():
            aside.rename(target)
        elif target.is_dir() and Standing.of(target).empty:
            shutil.rmtree(target)
            aside.rename(target)
        elif target.is_dir():
            # Rename first: if the removal is interrupted, no later run may put an incomplete set back.
            needless = aside.rename(_staging_of(target))
            shutil.rmtree(needless, ignore_errors=True)


def _staging_of(target: Path) -> Path:
    """Return a new name for a staging folder beside `target`."""
    return target.with_name(f".{target.name}.{secrets.token_hex(8)}")


def _lock_of(staging: Path) -> Path:
    return staging.with_name(f"{staging.name}.lock")


def _aside_of(staging: Path) -> Path:
    return staging.with_name(f"{staging.name}.old")


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the lock of `target`, a file beside it that stays; wait for it while another run holds it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f".{target.name}.lock").open("ab") as file:
        system.wait_for_lock(file.fileno())
        yield


# --- the swap ---------------------------------------------------------------------------------------------------------


def flush(folder: Path) -> None:
    """Make the files private to this user and write them to the disk, before the folder is put in place."""
    for path in folder.rglob("*"):
        system.make_private(path)
        if path.is_file():
            system.flush(path)


def swap(staging: Path, target: Path) -> None:
    """Replace `target` by `staging`; the old content of `target`, if any, is in `staging` afterwards."""
    for pause in (*_PAUSES, None):
        try:
            _swap_once(staging, target)
        except OSError:  # another run may have replaced or removed the folder since the check
            if pause is None or not staging.exists():
                raise
            time.sleep(pause)
        else:
            return


def _swap_once(staging: Path, target: Path) -> None:
    if not target.exists():
        staging.rename(target)
    elif not system.exchange(staging, target):
        # Without an atomic exchange, the old set is renamed first and stays beside the target until the second rename.
        old = _aside_of(staging)
        target.rename(old)
        try:
            staging.rename(target)
        except OSError:
            _put_back(old, target)
            raise
        with suppress(OSError):  # another run may have removed it as a leftover
            old.rename(staging)
