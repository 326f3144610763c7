"""Bytes of a file -> the reports in it, out of gzip, zip and envelopes."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from collections import Counter
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analyzer.reading.containers import (
    LARGEST,
    Content,
    DamagedError,
    NotAReportError,
    OnlyMarksError,
    OwnOutputError,
    UnopenedArchiveError,
    gunzip,
    is_gzip,
    is_tar,
    is_zip,
    read_contents,
)
from analyzer.reading.layout import COLUMNS
from analyzer.survey.files import require_plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.reading.issues import IssueLog
    from analyzer.survey.files import File

REPORT_SUFFIXES: Final = frozenset({".csv", ".json", ".yaml", ".yml", ".txt", ".b64", ".gz", ".zip"})
"""An empty file with one of these endings is a download that failed, not a bystander."""
_PROGRAMS: Final = frozenset(
    {".py", ".sh", ".bash", ".ps1", ".bat", ".sql", ".tf", ".go", ".rb", ".ts", ".java", ".pl", ".rs", ".ipynb"}
)
"""Endings of programs and queries: column names in them, or an example, are no report."""
DEEPEST: Final = 5
"""Archives in archives past which nothing is unpacked."""


@dataclass(frozen=True)
class Opened:
    """A report, out of its file: `sha256` and `size` are of the file's bytes (of the member's, in a zip)."""

    name: str
    sha256: str
    size: int
    content: Content


def reports_in(file: File, data: bytes, log: IssueLog, *, wrapping: str = "", depth: int = 0) -> Iterator[Opened]:
    """Yield the reports in the bytes of a file; what is none, or damaged, goes to `log`.

    `wrapping` names the containers that were opened already, `depth` counts the archives among them.
    """
    try:
        inner, layers = gunzipped(data)
        wrapping += "gzip, " * layers
        if is_zip(inner):
            yield from _unzip(file, inner, log, wrapping=wrapping, depth=depth)
        elif is_tar(inner):
            yield from _untar(file, inner, log, wrapping=f"{wrapping}tar, ", depth=depth)
        else:
            yield from _open(file, data, inner, log, wrapping)
    except UnopenedArchiveError as error:
        log.add("unreadable_file" if file.named else "unopened_archive", str(error), source=file.name)
    except OwnOutputError as error:
        log.add("own_output", f"passed over: {error}", source=file.name)
    except DamagedError as error:
        log.add("unreadable_file", str(error), source=file.name)
    except NotAReportError as error:
        note_no_report(file, f"{error}{error.begins if file.named else ''}", log)
    except Exception as error:  # noqa: BLE001 - one odd file must not cost the others
        log.add("unreadable_file", f"cannot be read ({type(error).__name__}: {error})", source=file.name)


def note_no_report(file: File, why: str, log: IssueLog) -> None:
    """Note a file that is no report: one that was named is missing, one that was found is passed over."""
    if file.named:
        log.add("unreadable_file", f"no credential report: {why}", source=file.name)
    else:
        log.add("not_a_report", f"passed over: {why}", source=file.name)


def gunzipped(data: bytes) -> tuple[bytes, int]:
    """Return what is in the gzip layers around `data`, and how many there are."""
    layers = 0
    while is_gzip(data):
        if layers == DEEPEST:
            raise DamagedError(f"gzip inside gzip, more than {DEEPEST} deep; unpack it by hand")
        data, layers = gunzip(data), layers + 1
    return data, layers


def _open(file: File, given: bytes, inner: bytes, log: IssueLog, wrapping: str) -> Iterator[Opened]:
    """Yield the reports in a file that is no archive; `inner` is `given` without its gzip layers."""
    if not inner.strip() and Path(file.name).suffix.lower() in REPORT_SUFFIXES:
        raise DamagedError("the file is empty: the download failed; download it again")
    try:
        contents = read_contents(inner)
    except OnlyMarksError as error:
        if file.named or not is_program(file.name, inner):
            raise
        raise NotAReportError(str(error)) from error
    if not file.named and is_program(file.name, inner) and (remarked(contents) or not _is_plain(contents)):
        raise NotAReportError("a program, in which a report may be an example")
    sha256 = hashlib.sha256(given).hexdigest()
    for number, content in enumerate(contents, start=1):
        name = file.name if len(contents) == 1 else f"{file.name}#{number}"
        if isinstance(content, DamagedError):
            log.add("unreadable_file", str(content), source=name)
            continue
        note_remarks(name, content, log)
        yield Opened(name, sha256, len(given), replace(content, container=wrapping + content.container))


def is_program(name: str, data: bytes) -> bool:
    """Whether a file is a program or a query, and not data."""
    return Path(name).suffix.lower() in _PROGRAMS or data.startswith(b"#!")


def _is_plain(contents: Sequence[Content | DamagedError]) -> bool:
    first = contents[0]
    return isinstance(first, Content) and first.container == "csv" and first.header.header.columns[0] in COLUMNS


def remarked(contents: Sequence[Content | DamagedError]) -> bool:
    """Whether something stands around a report."""
    return any(isinstance(one, Content) and one.remarks for one in contents)


def note_remarks(name: str, content: Content, log: IssueLog) -> None:
    """Note what was noticed in opening a report."""
    for code, message, line, column, value in content.remarks:
        log.add(code, message, source=name, line=line, column=column, value=value)


def _untar(archive: File, data: bytes, log: IssueLog, *, wrapping: str, depth: int) -> Iterator[Opened]:
    """Yield the reports in a tar archive, its members by name as if it were a folder."""
    if depth >= DEEPEST:
        raise DamagedError(f"archives inside archives, {DEEPEST} deep; unpack them by hand")
    found = False
    try:
        with tarfile.open(fileobj=BytesIO(data), mode="r:") as opened:
            members = sorted((one for one in opened.getmembers() if one.isfile()), key=lambda one: one.name)
            for inner, member in zip(_named(archive, [one.name for one in members]), members, strict=True):
                stream = opened.extractfile(member)
                content = stream.read() if stream is not None else b""
                before = len(log.rows)
                reports = list(reports_in(inner, content, log, wrapping=wrapping, depth=depth + 1))
                found = found or bool(reports) or any(row[4] == "unreadable_file" for row in log.rows[before:])
                yield from reports
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DamagedError(f"the tar archive is cut or corrupt ({error}); copy it again") from error
    if not found:
        raise NotAReportError("an archive without a credential report")


def _named(archive: File, names: Sequence[str]) -> Iterator[File]:
    """Yield the members of an archive as files; names that come again are numbered."""
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        again = f"#{seen[name]}" if seen[name] > 1 else ""
        yield type(archive)(f"{archive.name}/{name.removeprefix('./')}{again}", archive.path, named=False)


def _unzip(archive: File, data: bytes, log: IssueLog, *, wrapping: str, depth: int) -> Iterator[Opened]:
    """Yield the reports in a zip archive, its members by name as if it were a folder."""
    try:
        opened = zipfile.ZipFile(BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise DamagedError(f"the zip archive cannot be opened ({error}); copy it again") from error
    if is_office(opened.infolist()):
        yield from _sheets(archive, data, log, wrapping)
        return
    found, wrapping = False, f"{wrapping}zip, "
    for inner, member in members_in(archive, opened.infolist(), depth):
        why = f"it unpacks to more than {LARGEST:,} bytes, far more than any report"
        content = None
        if member.file_size <= LARGEST:
            try:
                require_plain(member)
                content = opened.read(member)
            except Exception as error:  # noqa: BLE001 - passwords, unknown methods, and each codec's own errors
                why = str(error)
        if content is None:
            found = True
            note_no_member(inner, why, log)
            continue
        for report in reports_in(inner, content, log, wrapping=wrapping, depth=depth + 1):
            found = True
            yield report
    if not found:
        raise NotAReportError("an archive without a credential report")


def is_office(members: Sequence[zipfile.ZipInfo]) -> bool:
    """Whether a zip archive is a spreadsheet or another office document."""
    return any(member.filename in {"[Content_Types].xml", "mimetype"} for member in members)


def _sheets(file: File, data: bytes, log: IssueLog, wrapping: str) -> Iterator[Opened]:
    """Yield the reports in a spreadsheet, its sheets by name as if it were a folder."""
    from analyzer.reading.forms.books import open_workbook  # noqa: PLC0415 - few inputs are spreadsheets

    sha256 = hashlib.sha256(data).hexdigest()
    for sheet, content in open_workbook(data):
        name = f"{file.name}/{sheet.replace('/', '-')}"
        if isinstance(content, DamagedError):
            log.add("unreadable_file", str(content), source=name)
            continue
        note_remarks(name, content, log)
        yield Opened(name, sha256, len(data), replace(content, container=wrapping + content.container))


def members_in(archive: File, members: Sequence[zipfile.ZipInfo], depth: int) -> list[tuple[File, zipfile.ZipInfo]]:
    """Return the members of a zip archive by name, each as a file of its own.

    Raises DamagedError where archives lie too deep in archives.
    """
    if depth >= DEEPEST:
        raise DamagedError(f"archives inside archives, {DEEPEST} deep; unpack them by hand")
    places = sorted(
        (place for place, member in enumerate(members) if not member.is_dir()),
        key=lambda place: members[place].filename,
    )
    seen: Counter[str] = Counter()
    found = []
    for place in places:
        member = members[place]
        seen[member.filename] += 1
        again = f"#{seen[member.filename]}" if seen[member.filename] > 1 else ""
        name = f"{archive.name}/{member.filename}{again}"
        found.append((type(archive)(name, archive.path, named=False, size=member.file_size, member=place), member))
    return found


def note_no_member(file: File, why: str, log: IssueLog) -> None:
    """Note a member of an archive that cannot be unpacked."""
    log.add(
        "unreadable_file",
        f"cannot be unpacked ({why}); unpack it by hand, or copy the archive again",
        source=file.name,
    )
