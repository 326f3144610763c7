"""Find the files under paths, folders, archives, URLs and standard input, and read their bytes."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from analyzer.errors import InputError
from analyzer.reading.issues import CODES, Level
from analyzer.reading.limits import UNLIMITED, Limits
from analyzer.survey.zips import open_zip

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from analyzer.reading.issues import IssueLog

STDIN: Final = "-"
_OF_STORE: Final = "_schema.json"
_OWN: Final = frozenset({"manifest.json", "rendered.json", _OF_STORE})
"""Files that mark a folder as an output or a store of credreport."""
_MADE_HERE: Final = re.compile(rb'"program"\s*:\s*"credreport"')
_LOOK: Final = 4096
_PASSED_OVER: Final = "this folder was written by credreport and was passed over; to read a file in it, name the file"


@dataclass(frozen=True, slots=True)
class File:
    """A file to read, at a path or at a URL (fsspec); `path` is None for standard input.

    `named_by_user` is true if the user named the file itself, and false if it was found in a folder. `size` is in
    bytes, or 0 if unknown. `member` is the position of a member in the zip archive at `path`; `size` is then its
    unpacked size.
    """

    name: str
    path: Path | str | None
    named_by_user: bool
    size: int = 0
    member: int | None = None


def find_files(paths: Sequence[str], log: IssueLog, *, leave_out: Path | None = None) -> list[File]:
    """Return the files under `paths` (files, folders, archives, URLs, `-`), by name.

    Files and links that are not followed go to `log`. The folder `leave_out`, the output of an earlier run, is skipped.
    Raises InputError if a path does not exist.
    """
    return sorted(_find(paths, log, leave_out), key=lambda file: (file.name, not file.named_by_user))


def _find(paths: Sequence[str], log: IssueLog, leave_out: Path | None) -> Iterator[File]:
    if STDIN in paths:
        yield File(STDIN, None, named_by_user=True)
    for name in paths:
        if name == STDIN:
            continue
        if is_url(name):
            yield from _find_at(name, log)
            continue
        path = Path(name)
        try:
            is_folder, exists = path.is_dir(), path.exists()
        except OSError as error:
            raise InputError(f"cannot open {name}: {error.strerror}", "check the path and its permissions") from error
        if not name or not exists:
            raise InputError(
                f"no such file or folder: {name or '(an empty name)'}",
                "check the path; quote names that contain spaces",
            )
        if is_folder:
            yield from _walk(path.absolute(), _name(name).rstrip("/") or "/", log, leave_out and leave_out.resolve())
        else:
            yield File(_name(name), path.absolute(), named_by_user=True, size=_size(path))


def is_read_once(name: str) -> bool:
    """Return whether an input can be read only once, such as a pipe."""
    path = Path(name)
    return name == STDIN or (not is_url(name) and path.exists() and not path.is_file() and not path.is_dir())


def is_url(name: str) -> bool:
    """Return whether `name` is a URL, such as `s3://bucket/reports`."""
    return "://" in name


def is_store(name: str) -> bool:
    """Return whether a path is the folder of a store (`credreport ingest`)."""
    return not is_url(name) and _is_made_here(Path(name) / _OF_STORE)


def _find_at(url: str, log: IssueLog) -> Iterator[File]:
    """Yield the files at a URL of fsspec."""
    system, root = file_system(url)
    try:
        if not system.isdir(root):
            yield File(url, url, named_by_user=True, size=int(system.info(root)["size"] or 0))
            return
        paths = system.find(root, detail=True)
    except Exception as error:  # each storage raises its own errors
        raise InputError(f"cannot open {url}: {why(error)}", "check the URL and your permissions") from error
    names = {path: f"{url.rstrip('/')}/{path.removeprefix(root).lstrip('/')}" for path in paths}
    own_folders = _own_folders(system, names)
    for folder in own_folders:
        log.add("own_output", _PASSED_OVER, source=folder)
    for path, facts in paths.items():
        name = names[path]
        if any(name.startswith(f"{folder}/") for folder in own_folders):
            continue
        if any(part.startswith(".") for part in name.removeprefix(url).split("/")):
            log.add("not_followed", "hidden; to read it, name it on the command line", source=name)
        else:
            yield File(name, system.unstrip_protocol(path), named_by_user=False, size=int(facts["size"] or 0))


def _own_folders(system: Any, names: Mapping[str, str]) -> list[str]:  # noqa: ANN401 - a file system of fsspec
    """Return the names of the outermost folders that credreport wrote; `names` maps paths to names."""
    own_folders: list[str] = []
    for path, name in sorted(names.items(), key=lambda item: item[1]):
        folder, _, file = name.rpartition("/")
        if file not in _OWN or any(f"{folder}/".startswith(f"{outer}/") for outer in own_folders):
            continue
        try:
            begins = system.cat_file(path, start=0, end=_LOOK)
        except Exception:  # noqa: BLE001, S112 - each storage raises its own errors; reading the file will report them
            continue
        if _MADE_HERE.search(begins):
            own_folders.append(folder)
    return sorted(folder for folder in own_folders if not any(folder.startswith(f"{outer}/") for outer in own_folders))


def why(error: Exception) -> str:
    """Return the text of an error, for a message."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def file_system(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a path or URL, and the path in this file system."""
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415 - only URLs need it

        return url_to_fs(url)  # type: ignore[no-any-return]
    except ImportError as error:
        raise InputError(
            f"cannot use {url}: {error}",
            "install credreport[cluster] and the package for this kind of URL, such as s3fs for s3://",
        ) from error
    except ValueError as error:
        raise InputError(f"cannot use {url}: {error}", "check the part of the URL before ://") from error


def _size(path: Path | os.DirEntry[str]) -> int:
    try:
        return path.stat().st_size
    except OSError:  # reading the file will report the error
        return 0


def _name(path: str) -> str:
    """Return a path for output: with `/`, and with bytes that are not UTF-8 as escapes."""
    shown = os.fsencode(path).decode("utf-8", errors="backslashreplace")
    return shown.replace(os.sep, "/")


def _walk(folder: Path, name: str, log: IssueLog, leave_out: Path | None) -> Iterator[File]:
    if leave_out is not None and folder.resolve() == leave_out:
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        log.add(
            "unreadable_file", f"the folder cannot be listed ({error.strerror}); check its permissions", source=name
        )
        return
    if any(_is_own(entry) for entry in entries):
        log.add("own_output", _PASSED_OVER, source=name)
        return
    for entry in entries:
        if leave_out is not None and _is_staging(entry, leave_out):
            continue
        child = f"{name.rstrip('/')}/{_name(entry.name)}"
        kind = _kind(entry)
        if kind == "folder":
            yield from _walk(Path(entry.path), child, log, leave_out)
        elif kind == "file":
            yield File(child, Path(entry.path), named_by_user=False, size=_size(entry))
        else:
            log.add("not_followed", f"{kind}; to read it, name it on the command line", source=child)


def _is_own(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a file that marks a folder as an output or a store of credreport."""
    return entry.name in _OWN and _is_made_here(Path(entry.path))


def _is_made_here(path: Path) -> bool:
    """Return whether a file says at its beginning that credreport made it; false if it cannot be read."""
    try:
        if not path.is_file():  # opening a pipe would wait for a writer
            return False
        with path.open("rb") as stream:
            return _MADE_HERE.search(stream.read(_LOOK)) is not None
    except OSError:  # reading the file or its folder will report the error
        return False


def _is_staging(entry: os.DirEntry[str], output: Path) -> bool:
    """Return whether an entry is a temporary folder of a run that writes `output`, or the lock of such a folder."""
    name = re.fullmatch(r"\.(.+)\.[0-9a-f]{16}(?:\.lock)?", entry.name)
    return name is not None and name[1] == output.name and Path(entry.path).resolve().parent == output.parent


def _kind(entry: os.DirEntry[str]) -> str:
    """Return `folder`, `file`, or a description of another kind of entry."""
    if entry.name.startswith("."):
        return "hidden"
    try:
        if entry.is_dir(follow_symlinks=False):
            return "folder"
        if entry.is_file():
            return "file"
    except OSError as error:
        return f"a broken link ({error.strerror})"
    return "a link to a folder, or a broken link" if entry.is_symlink() else "not a regular file"


# --- bytes -----------------------------------------------------------------------------------------------------------


class Reader:
    """Reads files. Zip archives stay open until the reader is closed.

    Raises LimitError if a file is over one of the `limits`.
    """

    def __init__(self, limits: Limits = UNLIMITED) -> None:
        self._limits = limits
        self._archives: dict[Path | str, zipfile.ZipFile] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for archive in self._archives.values():
            archive.close()

    def read(self, file: File) -> bytes:
        """Return all bytes of a file. Raises OSError if it cannot be read."""
        if file.path is None:
            return _standard_input(self._limits)
        if file.member is not None:
            return self._of_member(file.path, file.member, lambda stream: stream.read())
        if isinstance(file.path, Path):
            return file.path.read_bytes()
        return bytes(_at_url(file.path, lambda system, path: system.cat_file(path)))

    def head(self, file: File, length: int) -> bytes:
        """Return the first bytes of a file."""
        if file.path is None:
            raise ValueError("standard input can be read only once")
        if file.member is not None:
            return self._of_member(file.path, file.member, lambda stream: stream.read(length))
        if isinstance(file.path, Path):
            with file.path.open("rb", buffering=0) as stream:
                return stream.read(length)
        return bytes(_at_url(file.path, lambda system, path: system.cat_file(path, 0, length)))

    def tail(self, file: File, length: int) -> bytes:
        """Return the last bytes of a file that is not a member of an archive."""
        if isinstance(file.path, Path):
            with file.path.open("rb") as stream:
                stream.seek(max(file.size - length, 0))
                return stream.read()
        return bytes(_at_url(str(file.path), lambda system, path: system.cat_file(path, max(file.size - length, 0))))

    def members(self, file: File) -> list[zipfile.ZipInfo]:
        """Return the members of a zip archive. Raises BadZipFile, ValueError or OSError."""
        if file.path is None:
            raise ValueError("standard input can be read only once")
        return self._archive(file.path).infolist()

    def _archive(self, path: Path | str) -> zipfile.ZipFile:
        if path not in self._archives:
            opened: Any = path
            if not isinstance(path, Path):
                opened = _at_url(path, lambda system, root: system.open(root, "rb"))
            self._archives[path] = open_zip(opened)
        return self._archives[path]

    def _of_member(self, path: Path | str, position: int, take: Callable[[IO[bytes]], bytes]) -> bytes:
        archive = self._archive(path)
        member = archive.infolist()[position]
        self._limits.check_packed(member.file_size, member.compress_size)
        require_plain(member)
        try:
            with archive.open(member) as stream:
                return take(stream)
        except OSError:
            raise
        except Exception as error:  # passwords, unknown methods, and the errors of each codec
            raise OSError(str(error)) from error


ENCRYPTED: Final = "it is encrypted; unpack the archive with its password, and name the files"


def require_plain(member: zipfile.ZipInfo) -> None:
    """Raise OSError if a member of a zip archive is encrypted."""
    if member.flag_bits & 1:
        raise OSError(ENCRYPTED)


def _at_url(url: str, take: Callable[[Any, str], Any]) -> Any:  # noqa: ANN401 - what `take` returns
    system, path = file_system(url)
    try:
        return take(system, path)
    except OSError:
        raise
    except Exception as error:  # each storage raises its own errors
        raise OSError(why(error)) from error


def _standard_input(limits: Limits) -> bytes:
    if sys.stdin is None:
        raise InputError("standard input is closed", "pipe a report into the program, or name a file")
    data = sys.stdin.buffer.read(limits.largest + 1)
    limits.check(len(data))
    return data


def note_empty_folders(paths: Sequence[str], report_names: Sequence[str], log: IssueLog) -> None:
    """Note named folders that contain no report: they are rejected, like named files that are not reports."""
    for path in paths:
        if path == STDIN or not _is_folder(path):
            continue
        name = (path if is_url(path) else _name(path)).rstrip("/")
        prefix = f"{name}/"
        if any(source.startswith(prefix) for source in report_names):
            continue
        # If a file in the folder was rejected, that issue is enough.
        if not any(row[0].startswith(prefix) and CODES[row[4]].level is Level.REJECTED for row in log.rows):
            log.add("unreadable_file", "no credential report in this folder; check the path", source=name or "/")


def _is_folder(name: str) -> bool:
    if not is_url(name):
        return Path(name).is_dir()
    system, path = file_system(name)
    return bool(system.isdir(path))
