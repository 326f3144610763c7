"""Unpack the reports in the bytes of a file: out of gzip, zip, tar and envelopes."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from collections import Counter
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Final

from analyzer.reading.containers import (
    Content,
    DamagedError,
    NotAReportError,
    OwnOutputError,
    UnopenedArchiveError,
    find_header,
    find_header_below,
    is_gzip,
    is_tar,
    is_zip,
    read_contents,
    to_utf8,
)
from analyzer.reading.layout import COLUMNS
from analyzer.reading.limits import DAMAGED, LimitError, Limits, check_lines, check_together
from analyzer.survey.files import ENCRYPTED, require_plain
from analyzer.survey.zips import is_folder, open_zip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.reading.issues import IssueLog
    from analyzer.survey.files import File

_REPORTS: Final = (".csv", ".json", ".yaml", ".yml", ".txt", ".b64", ".gz", ".zip")
"""An empty file with one of these suffixes is a failed download."""
_PROGRAMS: Final = (
    *(".py", ".sh", ".bash", ".ps1", ".bat", ".sql", ".tf", ".go", ".rb", ".java", ".pl", ".rs", ".ipynb"),
    *(".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".cs", ".kt", ".php", ".r", ".lua", ".hcl", ".rego"),
)
"""Suffixes of programs and queries: column names or an example in them are not a report."""
_RESULTS_IN_SCRIPTS: Final = b"scoutsuite_results"
"""The beginning of scripts that contain results."""
LOST: Final = frozenset({"unreadable_file", "over_limit"})
"""Codes of files that contain, or may contain, a report that was not read."""
DEEPEST: Final = 5
"""The deepest nesting of archives, and of gzip layers, that is unpacked."""
_HEAD: Final = 65_536
"""Bytes at the start of a CSV that contain its header."""


@dataclass(frozen=True)
class Opened:
    """A report taken out of its file.

    `sha256` and `size` describe the bytes of the file, or of the member of a zip archive. `is_file` is true if the CSV
    and the file are equal, byte by byte.
    """

    name: str
    sha256: str
    size: int
    content: Content
    is_file: bool = False


def reports_in(  # noqa: PLR0913 - a file, the limits, and the containers around it
    file: File, data: bytes, log: IssueLog, limits: Limits, *, wrapping: str = "", depth: int = 0
) -> Iterator[Opened]:
    """Yield the reports in the bytes of a file; other content and damage are noted in `log`.

    `wrapping` names the containers that are already open, and `depth` is the number of archives among them.
    """
    try:
        inner, layers = gunzipped(data, limits)
        wrapping += "gzip, " * layers
        if is_zip(inner):
            yield from _unzip(file, inner, log, limits, wrapping=wrapping, depth=depth)
        elif is_tar(inner):
            yield from _untar(file, inner, log, limits, wrapping=f"{wrapping}tar, ", depth=depth)
        else:
            check_size(inner, limits)
            yield from _open(file, data, inner, log, wrapping)
    except UnopenedArchiveError as error:
        log.add("unreadable_file" if file.named_by_user else "unopened_archive", str(error), source=file.name)
    except OwnOutputError as error:
        log.add("own_output", f"passed over: {error}", source=file.name)
    except DamagedError as error:
        log.add("unreadable_file", str(error), source=file.name)
    except LimitError as error:
        log.add("over_limit", str(error), source=file.name)
    except NotAReportError as error:
        note_no_report(file, f"{error}{error.begins if file.named_by_user else ''}", log)
    except Exception as error:  # noqa: BLE001 - one odd file must not stop the run
        log.add("unreadable_file", f"the file cannot be read ({type(error).__name__}: {error})", source=file.name)


def note_no_report(file: File, why: str, log: IssueLog) -> None:
    """Note a file that is not a report: a named file is rejected, a file found in a folder is passed over."""
    if file.named_by_user:
        log.add("unreadable_file", f"not a credential report: {why}", source=file.name)
    else:
        log.add("not_a_report", why, source=file.name)


def begins_as_csv(head: bytes) -> bool:
    """Return whether the first bytes of a file contain the header of a report."""
    try:
        text, _ = to_utf8(head[: len(head) // 4 * 4])
    except DamagedError:
        return False
    return find_header(text) is not None or find_header_below(text) is not None


def check_size(data: bytes, limits: Limits) -> None:
    """Raise LimitError if a file that is not an archive, or a line of its CSV, is too large."""
    if len(data) <= limits.harmless:
        return
    is_csv = begins_as_csv(data[:_HEAD])
    limits.check(len(data), is_csv=is_csv)
    if is_csv:
        check_lines(data)


def gunzipped(data: bytes, limits: Limits) -> tuple[bytes, int]:
    """Return the content of `data` without gzip layers, and the number of layers.

    Raises DamagedError if a layer is cut or corrupt, and LimitError if it unpacks to too many bytes.
    """
    layers = 0
    while is_gzip(data):
        if layers == DEEPEST:
            raise DamagedError(f"more than {DEEPEST} layers of gzip; unpack the file by hand")
        try:
            data, layers = limits.gunzip(data), layers + 1
        except DAMAGED as error:
            raise DamagedError(f"the gzip file cannot be unpacked ({error}); copy or download it again") from error
    return data, layers


def _open(file: File, data: bytes, inner: bytes, log: IssueLog, wrapping: str) -> Iterator[Opened]:
    """Yield the reports in a file that is not an archive; `inner` is `data` without gzip layers."""
    if not inner.strip() and file.name.lower().endswith(_REPORTS):
        raise DamagedError("the file is empty: the download failed; download it again")
    try:
        contents = read_contents(inner)
    except DamagedError as error:
        # A query that names columns looks like a table without rows.
        if file.named_by_user or not is_program(file.name, inner):
            raise
        raise NotAReportError("a program; a report in it may be only an example") from error
    if not file.named_by_user and is_program(file.name, inner) and (remarked(contents) or not _is_plain(contents)):
        raise NotAReportError("a program; a report in it may be only an example")
    sha256 = hashlib.sha256(data).hexdigest()
    for number, content in enumerate(contents, start=1):
        name = file.name if len(contents) == 1 else f"{file.name}#{number}"
        if isinstance(content, DamagedError):
            log.add("unreadable_file", str(content), source=name)
            continue
        note_remarks(name, content, log)
        wrapped = replace(content, container=wrapping + content.container) if wrapping else content
        yield Opened(name, sha256, len(data), wrapped, content.csv is data)


def is_program(name: str, data: bytes) -> bool:
    """Return whether a file is a program or a query, and not data."""
    is_named_so = name.lower().endswith(_PROGRAMS) and not data.lstrip().startswith(_RESULTS_IN_SCRIPTS)
    return is_named_so or data.startswith(b"#!")


def _is_plain(contents: Sequence[Content | DamagedError]) -> bool:
    first = contents[0]
    return isinstance(first, Content) and first.container == "csv" and first.header.header.columns[0] in COLUMNS


def remarked(contents: Sequence[Content | DamagedError]) -> bool:
    """Return whether a report has remarks, such as other lines around it."""
    return any(isinstance(content, Content) and content.remarks for content in contents)


def note_remarks(name: str, content: Content, log: IssueLog) -> None:
    """Note the issues found while opening a report."""
    for code, message, line, column, value in content.remarks:
        log.add(code, message, source=name, line=line, column=column, value=value)


def _untar(  # noqa: PLR0913 - as `reports_in`
    archive: File, data: bytes, log: IssueLog, limits: Limits, *, wrapping: str, depth: int
) -> Iterator[Opened]:
    """Yield the reports in a tar archive, with its members sorted by name, like the files of a folder."""
    if depth >= DEEPEST:
        raise DamagedError(f"archives nested {DEEPEST} levels deep; unpack them by hand")
    has_report = False
    try:
        with tarfile.open(fileobj=BytesIO(data), mode="r:") as opened:
            members = sorted(
                (member for member in opened.getmembers() if member.isfile()), key=lambda member: member.name
            )
            for inner, member in zip(_member_files(archive, [member.name for member in members]), members, strict=True):
                stream = opened.extractfile(member)
                content = stream.read() if stream is not None else b""
                before = len(log.rows)
                reports = list(reports_in(inner, content, log, limits, wrapping=wrapping, depth=depth + 1))
                has_report = has_report or bool(reports) or any(row[4] in LOST for row in log.rows[before:])
                yield from reports
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DamagedError(f"the tar archive is cut or corrupt ({error}); copy it again") from error
    if not has_report:
        raise NotAReportError("an archive without a credential report")


def _member_files(archive: File, names: Sequence[str]) -> Iterator[File]:
    """Yield the members of an archive as files; repeated names are numbered."""
    name_counts: Counter[str] = Counter()
    for name in names:
        name_counts[name] += 1
        suffix = f"#{name_counts[name]}" if name_counts[name] > 1 else ""
        yield type(archive)(f"{archive.name}/{name.removeprefix('./')}{suffix}", archive.path, named_by_user=False)


def _unzip(  # noqa: PLR0913 - as `reports_in`
    archive: File, data: bytes, log: IssueLog, limits: Limits, *, wrapping: str, depth: int
) -> Iterator[Opened]:
    """Yield the reports in a zip archive, with its members sorted by name, like the files of a folder."""
    try:
        opened = open_zip(BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise DamagedError(f"the zip archive cannot be opened ({error}); copy it again") from error
    if is_office(opened.infolist()):
        yield from _sheets(archive, data, log, wrapping)
        return
    has_report, wrapping = False, f"{wrapping}zip, "
    for inner, member in members_in(archive, opened.infolist(), depth, len(data)):
        try:
            limits.check_packed(member.file_size, member.compress_size)
            require_plain(member)
            content = opened.read(member)
        except LimitError as error:
            has_report = True
            log.add("over_limit", str(error), source=inner.name)
            continue
        except Exception as error:  # noqa: BLE001 - passwords, unknown methods, and the errors of each codec
            has_report = True
            note_no_member(inner, str(error), log)
            continue
        for report in reports_in(inner, content, log, limits, wrapping=wrapping, depth=depth + 1):
            has_report = True
            yield report
    if not has_report:
        raise NotAReportError("an archive without a credential report")


def is_office(members: Sequence[zipfile.ZipInfo]) -> bool:
    """Return whether a zip archive is a spreadsheet or another office document."""
    return any(member.filename in {"[Content_Types].xml", "mimetype"} for member in members)


def _sheets(file: File, data: bytes, log: IssueLog, wrapping: str) -> Iterator[Opened]:
    """Yield the reports in a spreadsheet; sheets are named like the files of a folder."""
    from analyzer.reading.forms.books import open_workbook  # noqa: PLC0415 - few inputs are spreadsheets

    sha256 = hashlib.sha256(data).hexdigest()
    for sheet, content in open_workbook(data):
        name = f"{file.name}/{sheet.replace('/', '-')}"
        if isinstance(content, DamagedError):
            log.add("unreadable_file", str(content), source=name)
            continue
        note_remarks(name, content, log)
        yield Opened(name, sha256, len(data), replace(content, container=wrapping + content.container))


def members_in(
    archive: File, members: Sequence[zipfile.ZipInfo], depth: int, size: int
) -> list[tuple[File, zipfile.ZipInfo]]:
    """Return the members of a zip archive of `size` bytes, sorted by name, each as a file.

    Raises DamagedError if archives are nested too deeply, and LimitError if the compression ratio is suspicious.
    """
    if depth >= DEEPEST:
        raise DamagedError(f"archives nested {DEEPEST} levels deep; unpack them by hand")
    check_together(sum(member.file_size for member in members), size)
    positions = sorted(
        (position for position, member in enumerate(members) if not is_folder(member)),
        key=lambda position: members[position].filename,
    )
    name_counts: Counter[str] = Counter()
    member_files = []
    for position in positions:
        member = members[position]
        name_counts[member.filename] += 1
        suffix = f"#{name_counts[member.filename]}" if name_counts[member.filename] > 1 else ""
        name = f"{archive.name}/{member.filename}{suffix}"
        member_files.append(
            (type(archive)(name, archive.path, named_by_user=False, size=member.file_size, member=position), member)
        )
    return member_files


def note_no_member(file: File, why: str, log: IssueLog) -> None:
    """Note a member of an archive that cannot be unpacked."""
    log.add(
        "unreadable_file",
        f"cannot be unpacked: {why}" if why == ENCRYPTED else f"cannot be unpacked ({why}); copy the archive again",
        source=file.name,
    )
