"""A folder that is made beside its place and then takes it in one step: a reader, or a crash, sees the old or the new.

    .NAME.HEX16       a staging folder
    .NAME.HEX16.lock  its lock, which is held while its run lives: where it is free, the folder is left over
    .NAME.HEX16.old   what stood at NAME, for the moment between two renames, where folders cannot be exchanged
    .NAME.lock        the lock of a store, which stays

A run that was killed between the two renames has left no NAME: the next run, which begins with `tidy`, puts the old one
back. A run that was killed after both has left the new one, and the next run removes the old.

What stands at NAME is replaced as a whole. So it must be `Owner`'s: all of it as the owner wrote it, and nothing else.
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

_NAMED: Final = 3
"""Files that an error names."""
_PAUSES: Final = (0.0, 0.0, 0.1, 0.5)
"""Seconds before each further try of a swap: other runs put their own sets into the same place, and on Windows a
program that looks at new files, such as a virus scanner, keeps a folder from being renamed for a moment."""
_LOOKS: Final = 50
"""How often a folder is looked at that other runs replace meanwhile."""
_BETWEEN_RENAMES: Final = 0.001
"""Seconds to wait for a folder that another run is replacing in two renames."""


def in_one_state(folder: Path, look: Callable[[], Looked]) -> Looked:
    """Return what `look` finds in `folder`; it looks again where another run has replaced the folder meanwhile."""
    for left in reversed(range(_LOOKS)):
        try:
            before = folder.stat()
        except FileNotFoundError:  # perhaps it is between two renames
            if not left:
                raise
            time.sleep(_BETWEEN_RENAMES)
            continue
        with _kept(folder):
            try:
                found = look()
            except (OSError, InputError):
                if not left or _is_still(folder, before):
                    raise
            else:
                if not left or _is_still(folder, before):
                    return found
    raise AssertionError("the last look returns or raises")


@contextmanager
def _kept(folder: Path) -> Iterator[None]:
    """Have the system not give the number of a folder to another one, should it be removed."""
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
    """Raise OutputError unless `folder` is absent, empty, or what `owner` left there and nothing else."""
    try:
        mode = _mode_of(folder)
        if mode is None:
            _require_writable(folder)
            return
        if not stat.S_ISDIR(mode):
            raise OutputError(f"not a folder: {folder}", owner.elsewhere)
        _require_elsewhere(folder, owner)
        found, claims = in_one_state(folder, partial(_look, folder, owner))
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not os.path.lexists(folder):  # another run is replacing it
            return
        raise cannot_write(folder, error, owner) from error
    filled = {parent.as_posix() for name in found.files | found.others for parent in Path(name).parents}
    added = (found.files | found.others) - set(claims.listed)
    added |= {f"{name}/" for name in found.folders - set(claims.folders) - filled}
    _require_known(folder, owner, claims, sorted(added))


def _mode_of(folder: Path) -> int | None:
    """Return the type and permissions of what stands there, by one look; None where nothing does."""
    try:
        return folder.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return folder.lstat().st_mode if folder.is_symlink() else None


def _look(folder: Path, owner: Owner) -> tuple[Standing, Claims]:
    found = Standing.of(folder)
    return found, owner.claims(folder, found)


def _require_known(folder: Path, owner: Owner, claims: Claims, added: list[str]) -> None:
    changed = sorted(claims.changed)
    if not changed and not added:
        return
    if not claims.known:
        raise OutputError(
            f"the folder {folder} was not made by credreport (it has no {owner.mark} of credreport) and contains "
            f"{first_few(added, most=_NAMED)}",
            owner.elsewhere,
        )
    found = []
    if changed:
        was, it = ("was", "it") if len(changed) == 1 else ("were", "them")
        found.append(f"{first_few(changed, most=_NAMED)} in {folder} {was} changed since credreport wrote {it}")
    if added:
        found.append(
            f"something was added to the {owner.what} {folder} that its {owner.mark} does not list: "
            f"{first_few(added, most=_NAMED)}"
        )
    books = [name for name in changed if name.endswith(".xlsx")]
    carried = f"to keep the reviewers' entries in {books[0]}, give it with --carry-over; " if books else ""
    kept = " and ".join(word for word, names in (("changed", changed), ("added", added)) if names)
    raise OutputError(
        "; ".join(found),
        f"{carried}credreport replaces the whole folder: to keep what was {kept}, move the folder (or these files) "
        f"away, or {owner.elsewhere}",
    )


def _require_elsewhere(folder: Path, owner: Owner) -> None:
    """Raise OutputError where the shell, or whoever started this run, stands in `folder`."""
    try:
        here = Path.cwd()
    except OSError:  # the current folder was removed
        return
    if any(_is_still(place, folder.stat()) for place in (here, *here.parents)):  # by whatever name
        raise OutputError(
            f"the {owner.what} {folder} is or contains the current folder, which cannot be replaced",
            f"{owner.elsewhere}, or run credreport from outside this folder",
        )


def _require_writable(folder: Path) -> None:
    """Raise OSError unless `folder` can be made: better now than after hours of work."""
    above = next(one for one in folder.absolute().parents if os.path.lexists(one))
    if not above.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"{above} is not a folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, f"{above} cannot be written to")


def cannot_write(folder: Path | str, error: OSError, owner: Owner = EVIDENCE) -> OutputError:
    """Return the error of a folder that the system does not let us write."""
    closing = "close programs that have its files open, " if system.may_be_open_elsewhere(error) else ""
    return OutputError(
        f"cannot write {folder}: {error.strerror or error}",
        f"{closing}check permissions and free space, or {owner.elsewhere}",
    )


# --- staging ----------------------------------------------------------------------------------------------------------


@contextmanager
def replaced(folder: Path, owner: Owner = EVIDENCE) -> Iterator[Path]:
    """Yield a fresh folder (mode 0700) beside `folder`; on success it takes that place, on failure it goes.

    Raises OutputError as `check` does, before and after, and where the system refuses.
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
    """Yield a fresh folder beside `target` and keep it locked; what is in it at the end goes. Tidies up first."""
    tidy(target)
    # Named before it is made: a run that is told to stop at any moment from then on finds it and takes it away.
    staging, held = _staging_of(target), None
    try:
        while (held := system.lock(_lock_of(staging))) is None:
            staging = _staging_of(target)  # another run took its lock for a leftover before it was locked
        staging.mkdir(mode=0o700)
        yield staging
    finally:
        try:
            shutil.rmtree(staging, ignore_errors=True)
            if held is not None:
                system.release(held)
            else:
                with suppress(OSError):
                    _lock_of(staging).unlink()
        except BaseException:  # the run was told to stop at this moment
            shutil.rmtree(staging, ignore_errors=True)
            with suppress(OSError):
                _lock_of(staging).unlink()
            raise


def put_in_place(staging: Path, target: Path, owner: Owner) -> None:
    """Let `staging` take the place of `target`, which must still be the owner's (see `check`)."""
    flush(staging)
    check(target, owner)
    swap(staging, target)


def tidy(target: Path) -> None:
    """Clear away what runs that were killed left beside `target`; what they had set aside is put back.

    Where the system cannot lock files (some network drives), staging folders stay: they may be those of runs that live.
    """
    # Where the file system sees no difference between small and capital letters, NAME may have been given in others.
    left = re.compile(rf"\.{re.escape(target.name)}\.(?P<digits>[0-9a-f]{{16}})(?:\.old|\.lock)?", re.IGNORECASE)
    try:
        beside = [entry.name for entry in os.scandir(target.parent)]
    except OSError:  # no such folder yet, or one that may be written to and not listed
        return
    for digits in sorted({match["digits"] for match in map(left.fullmatch, beside) if match}):
        _tidy_after(target.with_name(f".{target.name}.{digits}"), target)


def _tidy_after(staging: Path, target: Path) -> None:
    """Clear away what the run of `staging` left, unless it lives."""
    aside = _aside_of(staging)
    if not any(os.path.lexists(path) for path in (staging, aside, _lock_of(staging))):  # of a folder of another case
        return
    try:
        held = system.lock(_lock_of(staging))
    except OSError:  # nothing may be written here
        return
    if held is None:
        return
    try:
        if held.is_held:
            shutil.rmtree(staging, ignore_errors=True)
        if os.path.lexists(aside):
            _put_back(aside, target)
    finally:
        system.release(held)


def _put_back(aside: Path, target: Path) -> None:
    """Put what a run had set aside back where nothing has come into its place since; else remove it."""
    with suppress(OSError):  # another run may do the same at this moment
        if not target.exists():
            aside.rename(target)
        elif target.is_dir() and Standing.of(target).empty:
            shutil.rmtree(target)
            aside.rename(target)
        elif target.is_dir():
            # By another name first: half of a set must never be put back.
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
    """Have the files on the disk, for whoever runs this alone, before the folder takes its place."""
    for path in folder.rglob("*"):
        system.make_private(path)
        if path.is_file():
            system.flush(path)


def swap(staging: Path, target: Path) -> None:
    """Put `staging` in the place of `target`; what stood there is in `staging` afterwards, if anything did."""
    for pause in (*_PAUSES, None):
        try:
            _swap_once(staging, target)
        except OSError:  # another run may have put its own there, or taken one away, since we looked
            if pause is None or not staging.exists():
                raise
            time.sleep(pause)
        else:
            return


def _swap_once(staging: Path, target: Path) -> None:
    if not target.exists():
        staging.rename(target)
    elif not system.exchange(staging, target):
        # Without an atomic exchange there is a moment between two renames; the old set waits beside it.
        old = _aside_of(staging)
        target.rename(old)
        try:
            staging.rename(target)
        except OSError:
            _put_back(old, target)
            raise
        with suppress(OSError):  # another run saw it lie there and took it away
            old.rename(staging)
