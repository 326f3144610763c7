"""Bytes of a file -> the reports in it, out of gzip, zip and envelopes."""

from __future__ import annotations

import hashlib
import zipfile
from collections import Counter
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analyzer.reading.containers import (
    Content,
    DamagedError,
    NotAReportError,
    find_header,
    is_gzip,
    is_zip,
    read_contents,
    to_utf8,
)
from analyzer.reading.limits import DAMAGED, LimitError, Limits, check_lines, check_together

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.reading.issues import IssueLog
    from analyzer.survey.files import File

REPORT_SUFFIXES: Final = frozenset({".csv", ".json", ".yaml", ".yml", ".txt", ".b64", ".gz", ".zip"})
"""An empty file with one of these endings is a download that failed, not a bystander."""
DEEPEST: Final = 5
"""Archives in archives past which nothing is unpacked."""
_HEAD: Final = 65_536
"""Bytes in which the header of a CSV ends."""


@dataclass(frozen=True)
class Opened:
    """A report, out of its file: `sha256` and `size` are of the file's bytes (of the member's, in a zip)."""

    name: str
    sha256: str
    size: int
    content: Content


def reports_in(  # noqa: PLR0913 - what is opened, how far, and what was opened around it
    file: File, data: bytes, log: IssueLog, limits: Limits, *, wrapping: str = "", depth: int = 0
) -> Iterator[Opened]:
    """Yield the reports in the bytes of a file; what is none, or damaged, goes to `log`.

    `wrapping` names the containers that were opened already, `depth` counts the archives among them.
    """
    try:
        inner, layers = gunzipped(data, limits)
        wrapping += "gzip, " * layers
        if is_zip(inner):
            yield from _unzip(file, inner, log, limits, wrapping=f"{wrapping}zip, ", depth=depth)
        else:
            check_size(inner, limits)
            yield from _open(file, data, inner, log, wrapping)
    except DamagedError as error:
        log.add("unreadable_file", str(error), source=file.name)
    except LimitError as error:
        log.add("over_limit", str(error), source=file.name)
    except NotAReportError as error:
        note_no_report(file, str(error), log)
    except Exception as error:  # noqa: BLE001 - one odd file must not cost the others
        log.add("unreadable_file", f"cannot be read ({type(error).__name__}: {error})", source=file.name)


def note_no_report(file: File, why: str, log: IssueLog) -> None:
    """Note a file that is no report: one that was named is missing, one that was found is passed over."""
    if file.named:
        log.add("unreadable_file", f"no credential report: {why}", source=file.name)
    else:
        log.add("not_a_report", f"passed over: {why}", source=file.name)


def begins_as_csv(head: bytes) -> bool:
    """Whether the first bytes of a file hold the header of a report's CSV."""
    try:
        return find_header(to_utf8(head[: len(head) // 4 * 4])[0]) is not None
    except DamagedError:
        return False


def check_size(data: bytes, limits: Limits) -> None:
    """Raise LimitError where the bytes of a file that is no archive, or a line of its CSV, are too large."""
    is_csv = begins_as_csv(data[:_HEAD])
    limits.check(len(data), is_csv=is_csv)
    if is_csv:
        check_lines(data)


def gunzipped(data: bytes, limits: Limits) -> tuple[bytes, int]:
    """Return what is in the gzip layers around `data`, and how many there are.

    Raises DamagedError where one is cut or corrupt, and LimitError where it unpacks to too much.
    """
    layers = 0
    while is_gzip(data):
        if layers == DEEPEST:
            raise DamagedError(f"gzip inside gzip, more than {DEEPEST} deep; unpack it by hand")
        try:
            data, layers = limits.gunzip(data), layers + 1
        except DAMAGED as error:
            raise DamagedError(f"the gzip file cannot be unpacked ({error}); copy or download it again") from error
    return data, layers


def _open(file: File, given: bytes, inner: bytes, log: IssueLog, wrapping: str) -> Iterator[Opened]:
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
        yield Opened(name, sha256, len(given), replace(content, container=wrapping + content.container))


def _unzip(  # noqa: PLR0913 - as `reports_in`
    archive: File, data: bytes, log: IssueLog, limits: Limits, *, wrapping: str, depth: int
) -> Iterator[Opened]:
    """Yield the reports in a zip archive, its members by name as if it were a folder."""
    try:
        opened = zipfile.ZipFile(BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise DamagedError(f"the zip archive cannot be opened ({error}); copy it again") from error
    found = False
    for inner, member in members_in(archive, opened.infolist(), depth, len(data)):
        try:
            limits.check_packed(member.file_size, member.compress_size)
            content = opened.read(member)
        except LimitError as error:
            found = True
            log.add("over_limit", str(error), source=inner.name)
            continue
        except Exception as error:  # noqa: BLE001 - passwords, unknown methods, and each codec's own errors
            found = True
            note_no_member(inner, str(error), log)
            continue
        for report in reports_in(inner, content, log, limits, wrapping=wrapping, depth=depth + 1):
            found = True
            yield report
    if not found:
        raise NotAReportError("an archive without a credential report")


def members_in(
    archive: File, members: Sequence[zipfile.ZipInfo], depth: int, size: int
) -> list[tuple[File, zipfile.ZipInfo]]:
    """Return the members of a zip archive of `size` bytes by name, each as a file of its own.

    Raises DamagedError where archives lie too deep in archives, NotAReportError where it is an office document, and
    LimitError where its members together unpack to far more than reports do.
    """
    if depth >= DEEPEST:
        raise DamagedError(f"archives inside archives, {DEEPEST} deep; unpack them by hand")
    if any(member.filename == "[Content_Types].xml" for member in members):
        raise NotAReportError("a spreadsheet or office document; save the sheet as CSV and name that file")
    check_together(sum(member.file_size for member in members), size)
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
