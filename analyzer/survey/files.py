"""Paths, folders, archives and standard input -> the reports in them, each with its name, digest and capture time."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import zipfile
from collections import Counter
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analyzer.errors import InputError
from analyzer.reading.containers import (
    LARGEST,
    Content,
    DamagedError,
    NotAReportError,
    find_header,
    gunzip,
    is_gzip,
    is_zip,
    read_contents,
)
from analyzer.reading.source import Source
from analyzer.reading.times import account_in_name, instant_in_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from analyzer.reading.issues import IssueLog

STDIN: Final = "-"
REPORT_SUFFIXES: Final = frozenset({".csv", ".json", ".yaml", ".yml", ".txt", ".b64", ".gz", ".zip"})
"""An empty file with one of these endings is a download that failed, not a bystander."""
_DEEPEST: Final = 5


@dataclass(frozen=True)
class File:
    """A file to read: at a path, at a URL (fsspec), or standard input, which has neither.

    `named` when it was given itself, and not found by walking a folder; `size` in bytes, 0 where it is not known.
    """

    name: str
    path: Path | str | None
    named: bool
    size: int = 0


def read_sources(
    paths: Sequence[str],
    log: IssueLog,
    *,
    leave_out: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Source]:
    """Return the reports under `paths` (files, folders, archives, `-`), by name; each report once.

    What is passed over or cannot be read goes to `log`. `leave_out` is a folder that is not walked into: the output
    of an earlier run. Raises InputError where a path does not exist.
    """
    files = find_files(paths, log, leave_out=leave_out)
    sources = list(sources_in(files, log, progress))
    note_empty_folders(paths, [source.name for source in sources], log)
    return once_each(sources, log)


def find_files(paths: Sequence[str], log: IssueLog, *, leave_out: Path | None = None) -> list[File]:
    """Return the files under `paths`, by name, as `read_sources` does."""
    return sorted(_find(paths, log, leave_out), key=lambda file: (file.name, not file.named))


def sources_in(
    files: Sequence[File], log: IssueLog, progress: Callable[[int, int], None] | None = None
) -> Iterator[Source]:
    """Yield the reports in `files`, one file after the other; copies of a report too."""
    for done, file in enumerate(files, start=1):
        yield from _read(file, log)
        if progress is not None:
            progress(done, len(files))


def _find(paths: Sequence[str], log: IssueLog, leave_out: Path | None) -> Iterator[File]:
    if STDIN in paths:
        yield File(STDIN, None, named=True)
    for given in paths:
        if given == STDIN:
            continue
        if is_url(given):
            yield from _find_at(given, log)
            continue
        path = Path(given)
        try:
            is_folder, exists = path.is_dir(), path.exists()
        except OSError as error:
            raise InputError(
                f"cannot look at {given}: {error.strerror}", "check the path and its permissions"
            ) from error
        if not given or not exists:
            raise InputError(
                f"no such file or folder: {given or '(an empty name)'}",
                "check the path; quote names that contain spaces",
            )
        if is_folder:
            yield from _walk(path, _name(given).rstrip("/") or "/", log, leave_out and leave_out.resolve())
        else:
            yield File(_name(given), path, named=True, size=_size(path))


def is_read_once(given: str) -> bool:
    """Whether what is given is a pipe, or another thing that gives its content once and to one reader."""
    path = Path(given)
    return given == STDIN or (not is_url(given) and path.exists() and not path.is_file() and not path.is_dir())


def is_url(place: str) -> bool:
    """Whether a place is named by a URL, as in `s3://bucket/reports`."""
    return "://" in place


def _find_at(url: str, log: IssueLog) -> Iterator[File]:
    """Yield the files at a URL that fsspec knows."""
    system, place = file_system(url)
    try:
        if not system.isdir(place):
            yield File(url, url, named=True, size=int(system.info(place)["size"] or 0))
            return
        found = system.find(place, detail=True)
    except Exception as error:  # each kind of storage has errors of its own
        raise InputError(f"cannot look at {url}: {_why(error)}", "check the URL and your permissions") from error
    for path, facts in found.items():
        name = f"{url.rstrip('/')}/{path.removeprefix(place).lstrip('/')}"
        if any(part.startswith(".") for part in name.removeprefix(url).split("/")):
            log.add("not_followed", "hidden; name it on the command line to have it read", source=name)
        else:
            yield File(name, system.unstrip_protocol(path), named=False, size=int(facts["size"] or 0))


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def file_system(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a place (a path, or a URL), and how it names the place."""
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415 - only runs on a cluster need it

        return url_to_fs(url)  # type: ignore[no-any-return]
    except ImportError as error:
        raise InputError(
            f"cannot use {url}: {error}",
            "install credreport with the extra [cluster], and what this kind of URL needs",
        ) from error
    except ValueError as error:
        raise InputError(f"cannot use {url}: {error}", "check the beginning of the URL") from error


def _size(path: Path | os.DirEntry[str]) -> int:
    try:
        return path.stat().st_size
    except OSError:  # reading it will tell
        return 0


def _name(path: str) -> str:
    """Return a path as it is shown and kept: with `/`, and with bytes that are not UTF-8 written out."""
    shown = os.fsencode(path).decode("utf-8", errors="backslashreplace")
    return shown.replace(os.sep, "/")


def _walk(folder: Path, name: str, log: IssueLog, leave_out: Path | None) -> Iterator[File]:
    if leave_out is not None and folder.resolve() == leave_out:
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        log.add("unreadable_file", f"the folder cannot be listed ({error.strerror}); allow reading it", source=name)
        return
    for entry in entries:
        if leave_out is not None and _is_staging(entry, leave_out):
            continue
        child = f"{name.rstrip('/')}/{_name(entry.name)}"
        kind = _kind(entry)
        if kind == "folder":
            yield from _walk(Path(entry.path), child, log, leave_out)
        elif kind == "file":
            yield File(child, Path(entry.path), named=False, size=_size(entry))
        else:
            log.add("not_followed", f"{kind}; name it on the command line to have it read", source=child)


def _is_staging(entry: os.DirEntry[str], output: Path) -> bool:
    """Whether an entry is the folder in which a run, this one or one that was killed, makes its `output`."""
    name = re.fullmatch(r"\.(.+)\.[0-9a-f]{16}", entry.name)
    return name is not None and name[1] == output.name and Path(entry.path).resolve().parent == output.parent


def _kind(entry: os.DirEntry[str]) -> str:
    """Return `folder`, `file`, or what else an entry is."""
    if entry.name.startswith("."):
        return "hidden"
    try:
        if entry.is_dir(follow_symlinks=False):
            return "folder"
        if entry.is_file():
            return "file"
    except OSError as error:
        return f"a link that leads nowhere ({error.strerror})"
    return "a link to a folder, or to nothing" if entry.is_symlink() else "no regular file"


def _read(file: File, log: IssueLog) -> Iterator[Source]:
    try:
        data = _bytes_of(file)
    except OSError as error:
        log.add("unreadable_file", f"cannot be read ({_why(error)}); check permissions and the disk", source=file.name)
        return
    yield from _unpack(file, data, log, wrapping="")


def _bytes_of(file: File) -> bytes:
    if file.path is None:
        return _standard_input()
    if isinstance(file.path, Path):
        return file.path.read_bytes()
    system, place = file_system(file.path)
    try:
        return bytes(system.cat_file(place))
    except OSError:
        raise
    except Exception as error:  # each kind of storage has errors of its own
        raise OSError(_why(error)) from error


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise InputError("standard input is closed", "pipe a report into the program, or name a file")
    return sys.stdin.buffer.read()


def _unpack(file: File, data: bytes, log: IssueLog, *, wrapping: str, depth: int = 0) -> Iterator[Source]:
    """Yield the reports in `data`; what is none, or damaged, goes to `log`."""
    try:
        inner, layers = _gunzipped(data)
        wrapping += "gzip, " * layers
        if is_zip(inner):
            yield from _unzip(file, inner, log, wrapping=f"{wrapping}zip, ", depth=depth)
        else:
            yield from _open(file, data, inner, log, wrapping)
    except DamagedError as error:
        log.add("unreadable_file", str(error), source=file.name)
    except NotAReportError as error:
        if file.named:
            log.add("unreadable_file", f"no credential report: {error}", source=file.name)
        else:
            log.add("not_a_report", f"passed over: {error}", source=file.name)
    except Exception as error:  # noqa: BLE001 - one odd file must not cost the others
        log.add("unreadable_file", f"cannot be read ({type(error).__name__}: {error})", source=file.name)


def _gunzipped(data: bytes) -> tuple[bytes, int]:
    """Return what is in the gzip layers around `data`, and how many there are."""
    layers = 0
    while is_gzip(data):
        if layers == _DEEPEST:
            raise DamagedError(f"gzip inside gzip, more than {_DEEPEST} deep; unpack it by hand")
        data, layers = gunzip(data), layers + 1
    return data, layers


def _open(file: File, given: bytes, inner: bytes, log: IssueLog, wrapping: str) -> Iterator[Source]:
    """Yield the reports in a file that is no archive; `inner` is `given` without its gzip layers."""
    if not inner.strip() and Path(file.name).suffix.lower() in REPORT_SUFFIXES:
        raise DamagedError("the file is empty: the download failed; download it again")
    contents = read_contents(inner)
    sha256 = hashlib.sha256(given).hexdigest()
    for number, content in enumerate(contents, start=1):
        name = file.name if len(contents) == 1 else f"{file.name}#{number}"
        if isinstance(content, DamagedError):
            log.add("unreadable_file", str(content), source=name)
            continue
        digest = sha256 if content.csv is given else hashlib.sha256(content.csv).hexdigest()
        content = replace(content, container=wrapping + content.container)  # noqa: PLW2901 - the same, in full
        yield _source(name, sha256, len(given), digest, content, log)


def _unzip(archive: File, data: bytes, log: IssueLog, *, wrapping: str, depth: int) -> Iterator[Source]:
    """Yield the reports in a zip archive, its members by name as if it were a folder."""
    if depth >= _DEEPEST:
        raise DamagedError(f"archives inside archives, {_DEEPEST} deep; unpack them by hand")
    try:
        opened = zipfile.ZipFile(BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise DamagedError(f"the zip archive cannot be opened ({error}); copy it again") from error
    members = sorted((one for one in opened.infolist() if not one.is_dir()), key=lambda member: member.filename)
    if any(member.filename == "[Content_Types].xml" for member in members):
        raise NotAReportError("a spreadsheet or office document; save the sheet as CSV and name that file")
    found = False
    seen: Counter[str] = Counter()
    for member in members:
        seen[member.filename] += 1
        again = f"#{seen[member.filename]}" if seen[member.filename] > 1 else ""
        inner = File(f"{archive.name}/{member.filename}{again}", None, named=False)
        content = _member(opened, member, inner.name, log)
        if content is None:
            found = True
            continue
        for source in _unpack(inner, content, log, wrapping=wrapping, depth=depth + 1):
            found = True
            yield source
    if not found:
        raise NotAReportError("an archive without a credential report")


def _member(opened: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, log: IssueLog) -> bytes | None:
    """Return a member's bytes; None, and an issue, where it cannot be unpacked."""
    why = f"it unpacks to more than {LARGEST:,} bytes, far more than any report"
    if member.file_size <= LARGEST:
        try:
            return opened.read(member)
        except Exception as error:  # noqa: BLE001 - passwords, unknown methods, and each codec's own errors
            why = str(error)
    log.add("unreadable_file", f"cannot be unpacked ({why}); unpack it by hand, or copy the archive again", source=name)
    return None


def _source(  # noqa: PLR0913 - what a source is made of
    name: str, sha256: str, size: int, digest: str, content: Content, log: IssueLog
) -> Source:
    csv = content.csv
    if not csv.isascii():
        csv = _valid_utf8(csv, name, log)
    if content.bad_generated_time is not None:
        log.add(
            "bad_timestamp",
            "GeneratedTime of the envelope cannot be read; give the reference instant with --as-of",
            source=name,
            column="GeneratedTime",
            value=content.bad_generated_time,
        )
    captured_at, captured_from = _captured(name, content.generated_at)
    return Source(
        name=name,
        sha256=sha256,
        size=size,
        digest=digest,
        csv=csv,
        # Characters that were replaced move what follows them.
        header=content.header if csv is content.csv else find_header(csv) or content.header,
        container=content.container,
        encoding=content.encoding,
        captured_at=captured_at,
        captured_from=captured_from,
        account_hint=next((found for part in _parts(name) if (found := account_in_name(part))), None),
    )


def _valid_utf8(csv: bytes, name: str, log: IssueLog) -> bytes:
    try:
        csv.decode()
    except UnicodeDecodeError:
        pass
    else:
        return csv
    lines = [line.decode("utf-8", errors="replace") for line in csv.split(b"\n")]
    for number, line in enumerate(lines, start=1):
        if "\ufffd" in line:
            log.add(
                "bad_encoding",
                "characters that are not UTF-8 were read as U+FFFD; save the file as UTF-8",
                source=name,
                line=number,
                value=line[:200],
            )
    return "\n".join(lines).encode()


def _parts(name: str) -> list[str]:
    """Return the parts of a name, the file's own first, then its folders and archives from the nearest outward."""
    return name.split("/")[::-1]


def _captured(name: str, generated_at: datetime | None) -> tuple[datetime | None, str]:
    """Return when a report was captured and how that is known. File times and the clock are never asked."""
    if generated_at is not None:
        return generated_at, "envelope"
    file, *folders = _parts(name)
    if (instant := instant_in_name(file)) is not None:
        return instant, "file name"
    for folder in folders:
        if (instant := instant_in_name(folder)) is not None:
            return instant, "folder name"
    return None, "unknown"


def note_empty_folders(paths: Sequence[str], found: Sequence[str], log: IssueLog) -> None:
    """Note named folders without any report: rejected inputs, like named files that are none."""
    for given in paths:
        if given == STDIN or not _is_folder(given):
            continue
        name = (given if is_url(given) else _name(given)).rstrip("/")
        prefix = f"{name}/"
        if not any(source.startswith(prefix) for source in found):
            log.add("unreadable_file", "no credential report in this folder; check the path", source=name or "/")


def _is_folder(given: str) -> bool:
    if not is_url(given):
        return Path(given).is_dir()
    system, place = file_system(given)
    return bool(system.isdir(place))


def once_each(sources: Sequence[Source], log: IssueLog) -> list[Source]:
    """Return `sources` by name, without those that repeat another's CSV of the same capture time, or of none.

    A quiet account gives the same bytes on two days: with two capture times known, those are two snapshots.
    """
    sources = sorted(sources, key=lambda source: source.name)
    first_of: dict[tuple[str, str | None, datetime | None], Source] = {}
    dated: dict[tuple[str, str | None], Source] = {}
    for source in sources:
        if source.captured_at is not None:
            dated.setdefault(source.identity, source)
    kept = []
    for source in sources:
        key = (*source.identity, source.captured_at)
        other = first_of.get(key)
        if other is None and source.captured_at is None:
            other = dated.get(source.identity)
        if other is None:
            first_of[key] = source
            kept.append(source)
        else:
            log.add("duplicate_input", f"the same report as {other.name}; counted once", source=source.name)
    return kept
