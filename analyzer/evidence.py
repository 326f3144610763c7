"""The output folder: every chosen format, then the manifest, swapped into place as one."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analyzer.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from analyzer.result import Audit

FORMATS: Final = ("parquet", "excel", "charts")
MANIFEST: Final = "manifest.json"
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
    from analyzer.outputs import manifest  # noqa: PLC0415 - outputs load what they need when they are needed

    with _staged(folder) as staging:
        paths = [path for name in FORMATS if name in formats for path in _writer(name, tables)(audit, staging)]
        paths.append(manifest.write(audit, staging, paths))
        files = [path.relative_to(staging).as_posix() for path in paths]
    return Written(folder, files)


def _writer(name: str, tables: Sequence[str]) -> Callable[[Audit, Path], list[Path]]:
    """Return the writer of a format: one line a format, each loaded only when it is asked for."""
    if name == "parquet":
        from analyzer.outputs import parquet  # noqa: PLC0415

        return lambda audit, folder: parquet.write(audit, folder, tables)
    if name == "excel":
        from analyzer.outputs import excel  # noqa: PLC0415

        return excel.write
    from analyzer.outputs import charts  # noqa: PLC0415

    return charts.write


def check_folder(folder: Path) -> None:
    """Raise OutputError unless `folder` is absent, empty, or what an earlier run left there and nothing else."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OutputError(f"not a folder: {folder}", "choose another folder with -o")
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    if not present:
        return
    foreign = sorted(present - _own_files(folder))
    if foreign:
        more = f" and {len(foreign) - _FOREIGN_NAMED} more" if len(foreign) > _FOREIGN_NAMED else ""
        raise OutputError(
            f"the output folder {folder} holds files that credreport did not write: "
            f"{', '.join(foreign[:_FOREIGN_NAMED])}{more}",
            "choose another folder with -o, or move these files away: the folder is replaced as a whole",
        )


def _own_files(folder: Path) -> set[str]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["program"] != "credreport":
            return set()
        return {MANIFEST, *(output["name"] for output in manifest["outputs"])}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """Yield a fresh folder (mode 0700) beside `folder`; on success it takes that place, on failure it goes."""
    target = folder.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        check_folder(target)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise _cannot_write(folder, error) from error
    try:
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
