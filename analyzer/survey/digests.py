"""Compute the digest of each file under paths and of each archive member, with the names that the manifest uses.

All files are included: a report that was changed may no longer look like a report.
"""

from __future__ import annotations

import gzip
import hashlib
import sys
import tarfile
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple, cast

from analyzer.reading.containers import is_gzip, is_tar, is_zip
from analyzer.reading.issues import IssueLog
from analyzer.reading.limits import DEFAULT
from analyzer.survey.files import file_system, find_files
from analyzer.survey.zips import is_folder, open_zip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.survey.files import File

_DEEPEST: Final = 5
"""The most layers of gzip, and of archives in archives, that are opened."""
_MAGIC: Final = 512
"""Bytes needed to recognise gzip, zip and tar."""


class Digested(NamedTuple):
    """A file, or a member of an archive (`archive.zip/member.csv`), with the SHA-256 of its bytes.

    `sha256` is None if the bytes cannot be read. `path` is the original name if `name` is a pseudonym.
    """

    name: str
    sha256: str | None
    path: str | None = None

    @property
    def as_given(self) -> str:
        """The original name."""
        return self.path or self.name


def digests_of(paths: Sequence[str], leave_out: Path | None = None) -> Iterator[Digested]:
    """Yield each file under `paths` (files, folders, archives, URLs, `-`) once, an archive before its members.

    The folder `leave_out` is skipped. An archive that cannot be opened has no members. Raises InputError if a path
    does not exist.
    """
    seen = set[object]()
    for file in find_files(paths, IssueLog(), leave_out=leave_out):
        key = file.path.resolve() if isinstance(file.path, Path) else file.path
        if key not in seen:
            seen.add(key)
            try:
                stream = _opened(file)
            except OSError:
                yield Digested(file.name, None)
                continue
            with stream:
                yield from _digests(file.name, stream, 0)


def _opened(file: File) -> IO[bytes]:
    if file.path is None:
        return BytesIO(sys.stdin.buffer.read())
    if isinstance(file.path, str):
        system, path = file_system(file.path)
        return cast("IO[bytes]", system.open(path, "rb"))
    opened = file.path.open("rb")
    if opened.seekable():
        return opened
    with opened:  # a pipe
        return BytesIO(opened.read())


def _digests(name: str, stream: IO[bytes], depth: int) -> Iterator[Digested]:
    """Yield the digest of a seekable stream and, if it is an archive, of its members."""
    try:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    except OSError:
        yield Digested(name, None)
        return
    yield Digested(name, digest)
    try:
        inner = _without_gzip(stream)
        beginning = _beginning(inner)
        if depth < _DEEPEST and (is_zip(beginning) or is_tar(beginning)):
            archive = inner if inner is stream else BytesIO(inner.read(DEFAULT.largest))
            members = _members if is_zip(beginning) else _tar_members
            yield from members(name, archive, depth + 1)
    except Exception:  # noqa: BLE001 - damaged archives raise errors of each codec and of Python
        return


def _without_gzip(stream: IO[bytes]) -> IO[bytes]:
    for layer in range(_DEEPEST):
        if not is_gzip(_beginning(stream)):
            break
        # A gzip stream inside another one cannot be rewound.
        inner = stream if layer == 0 else BytesIO(stream.read(DEFAULT.largest))
        stream = cast("IO[bytes]", gzip.GzipFile(fileobj=inner))
    return stream


def _beginning(stream: IO[bytes]) -> bytes:
    stream.seek(0)
    beginning = stream.read(_MAGIC)
    stream.seek(0)
    return beginning


def _members(name: str, archive: IO[bytes], depth: int) -> Iterator[Digested]:
    """Yield the members of a zip archive by name; repeated names are numbered from the second on."""
    opened = open_zip(archive)
    name_counts = Counter[str]()
    for member in sorted((info for info in opened.infolist() if not is_folder(info)), key=lambda info: info.filename):
        name_counts[member.filename] += 1
        suffix = f"#{name_counts[member.filename]}" if name_counts[member.filename] > 1 else ""
        try:
            data = opened.read(member) if member.file_size <= DEFAULT.largest else None
        except Exception:  # noqa: BLE001 - passwords, unknown methods, and the errors of each codec
            data = None
        member_name = f"{name}/{member.filename}{suffix}"
        if data is None:
            yield Digested(member_name, None)
        else:
            yield from _digests(member_name, BytesIO(data), depth)


def _tar_members(name: str, archive: IO[bytes], depth: int) -> Iterator[Digested]:
    """Yield the members of a tar archive by name; repeated names are numbered from the second on."""
    with tarfile.open(fileobj=archive, mode="r:") as opened:
        name_counts = Counter[str]()
        for member in sorted((info for info in opened.getmembers() if info.isfile()), key=lambda info: info.name):
            name_counts[member.name] += 1
            suffix = f"#{name_counts[member.name]}" if name_counts[member.name] > 1 else ""
            stream = opened.extractfile(member)
            data = stream.read() if stream is not None and member.size <= DEFAULT.largest else None
            member_name = f"{name}/{member.name.removeprefix('./')}{suffix}"
            if data is None:
                yield Digested(member_name, None)
            else:
                yield from _digests(member_name, BytesIO(data), depth)
