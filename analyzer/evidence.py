"""The output folder: every chosen format, then the manifest, swapped into place as one."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import secrets
import shutil
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analyzer.choices import FORMATS
from analyzer.errors import OutputError
from analyzer.outputs import charts, excel, manifest, parquet, remediation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.result import Audit

_FOREIGN_NAMED: Final = 3


@dataclass(frozen=True)
class Written:
    """What a run left in its output folder: `files` are relative to it, in the order they were written."""

    folder: Path
    files: list[str]


def write(audit: Audit, folder: Path, formats: Sequence[str], tables: Sequence[str]) -> Written:
    """Write the evidence into `folder`: a reader, or a crash, sees the old set or the new one, whole.

    Raises OutputError where `folder` cannot be written, or holds files that are not credreport's.
    """
    with _staged(folder) as staging:
        writers = {"parquet": lambda: parquet.write(audit, staging, tables)} | {
            name: partial(module.write, audit, staging)
            for name, module in (("excel", excel), ("charts", charts), ("remediation", remediation))
        }
        paths = [path for name in FORMATS if name in formats for path in writers[name]()]
        paths.append(manifest.write(audit, staging, paths))
        files = [path.relative_to(staging).as_posix() for path in paths]
    return Written(folder, files)


def check_folder(folder: Path) -> None:
    """Raise OutputError unless `folder` is absent, empty, or what an earlier run left there and nothing else."""
    try:
        if not os.path.lexists(folder):
            return
        if not folder.is_dir():
            raise OutputError(f"not a folder: {folder}", "choose another folder with -o")
        if folder.resolve() == Path.cwd():
            raise OutputError(
                "the output folder would be the current one, which is replaced as a whole",
                "choose another folder with -o",
            )
        own = _own_files(folder)
        foreign = sorted(set(islice(_foreign(folder, own), _FOREIGN_NAMED + 1)))
    except OSError as error:
        raise _cannot_write(folder, error) from error
    if foreign:
        more = " and more" if len(foreign) > _FOREIGN_NAMED else ""
        raise OutputError(
            f"the output folder {folder} holds what its {manifest.NAME} does not describe: "
            f"{', '.join(foreign[:_FOREIGN_NAMED])}{more}",
            "choose another folder with -o, or move these away: the folder is replaced as a whole, and with it what "
            "credreport did not write or somebody has changed",
        )


def _foreign(folder: Path, own: set[str]) -> Iterator[str]:
    """Yield what stands in `folder` and is neither one of its `own` files nor a folder of theirs."""
    folders = {path.rpartition("/")[0] for path in own}
    for place, names, files in os.walk(folder):
        here = Path(place)
        for name in sorted((*names, *files)):
            path = here / name
            shown = path.relative_to(folder).as_posix()
            is_folder = path.is_dir() and not path.is_symlink()
            if shown not in (folders if is_folder else own):
                yield f"{shown}/" if is_folder else shown


def _own_files(folder: Path) -> set[str]:
    try:
        kept = json.loads((folder / manifest.NAME).read_text(encoding="utf-8"))
        if kept["program"] != "credreport":
            return set()
        unchanged = {
            output["name"]
            for output in kept["outputs"]
            if hashlib.sha256((folder / output["name"]).read_bytes()).hexdigest() == output["sha256"]
        }
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {manifest.NAME, *unchanged}


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """Yield a fresh folder (mode 0700) beside `folder`; on success it takes that place, on failure it goes."""
    target = folder.resolve()
    # Named before it is made: a run that is told to stop at any moment from then on finds it and takes it away.
    staging = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging.mkdir(mode=0o700)
        yield staging
        _flush(staging)
        check_folder(target)
        _swap(staging, target)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _cannot_write(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write {folder}: {error.strerror or error}", "check permissions and free space, or choose another -o"
    )


def _flush(folder: Path) -> None:
    """Have the files on the disk before the folder takes its place."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _swap(staging: Path, target: Path) -> None:
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
