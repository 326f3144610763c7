"""Look at each file briefly: find the reports in it, their capture times and their accounts.

Only the first bytes of a file in a usual form are read. For an envelope the last bytes are read too, because the AWS
CLI writes GeneratedTime at the end. Small files, and files in other forms, are read completely. What a look assumes is
checked later, when the report is read.
"""

from __future__ import annotations

import base64
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analyzer.reading.containers import Content, DamagedError, find_header, is_gzip, is_zip, to_utf8
from analyzer.reading.issues import IssueLog
from analyzer.reading.limits import DEFAULT, LimitError, Limits, check_lines_of
from analyzer.reading.times import parse_generated_time
from analyzer.survey.accounts import accounts_at_start, rows_by_account, shared
from analyzer.survey.entry import Contained, Entry, ReportFacts, source_of, start_of
from analyzer.survey.files import Reader, why
from analyzer.survey.names import Captured, CaptureTime, account_hint, captured
from analyzer.survey.unpack import (
    LOST,
    Opened,
    begins_as_csv,
    is_office,
    members_in,
    note_no_member,
    note_no_report,
    reports_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from analyzer.reading.issues import Row
    from analyzer.survey.files import File
    from analyzer.survey.spool import Spool

HEAD: Final = 65_536
"""Bytes that a look reads at the start of a file, or of its unpacked content."""
_TAIL: Final = 4_096
_PACKING: Final = 8
"""The approximate compression ratio of a gzip file with a CSV."""
_QUOTED: Final = 80
"""The most characters of an unreadable time that a message quotes."""
_CONTENT: Final = re.compile(rb'\{\s*"Content"\s*:\s*"([A-Za-z0-9+/]+)')
_GENERATED: Final = re.compile(rb'"GeneratedTime"\s*:\s*"([^"]*)"')


@dataclass(frozen=True)
class FoundReports:
    """The result of looking at files: the reports in them, and the issues."""

    entries: list[Entry]
    issues: list[Row]


@dataclass(frozen=True)
class ReportFinder:
    """How to look at files.

    `account_id` is the account of rows without one. With `whole`, every file is read completely. `side` is the side of
    the reports found (see `Entry`). `captured_at` has the capture times given by the user for reports without one.
    """

    spool: Spool
    account_id: str | None = None
    limits: Limits = DEFAULT
    whole: bool = False
    side: int = 0
    captured_at: tuple[CaptureTime, ...] = ()

    def at(self, files: Sequence[File]) -> FoundReports:
        """Return the reports and issues found in some files."""
        log = IssueLog()
        entries: list[Entry] = []
        with Reader(self.limits) as reader:
            for file in files:
                entries += _File(self, reader, file, log).entries()
        return FoundReports(entries, log.rows)


@dataclass(frozen=True)
class _File:
    """A file, with everything needed to look at it."""

    finder: ReportFinder
    reader: Reader
    file: File
    log: IssueLog

    def entries(self) -> Iterator[Entry]:
        """Yield the reports in the file."""
        try:
            yield from self._entries()
        except OSError as error:
            message = f"the file cannot be read ({why(error)}); check its permissions and the disk"
            self.log.add("unreadable_file", message, source=self.file.name)
        except LimitError as error:
            self.log.add("over_limit", str(error), source=self.file.name)

    def _entries(self) -> Iterator[Entry]:
        file = self.file
        if file.member is not None:
            yield from self.member_entries()
            return
        if file.path is None or file.size == 0:  # a pipe, or a file of unknown size: it can perhaps be read only once
            yield from self._all_in(self.reader.read(file), keep=True)
            return
        head = self.reader.head(file, HEAD)
        if is_zip(head):
            yield from self._members()
        elif len(head) >= file.size and len(head) < HEAD:
            yield from self._all_in(head)
        elif self._is_too_large(head):
            note_no_report(file, "a large file that does not begin like a credential report", self.log)
        elif self.finder.whole or (entry := self._at_head(head)) is None:
            yield from self._all_in(self.reader.read(file))
        else:
            yield entry

    def _is_too_large(self, head: bytes) -> bool:
        """Return whether a file does not begin like a report and is too large to search the rest of it.

        Raises LimitError if the file may be a report but is too large or has a line that is too long.
        """
        file, limits = self.file, self.finder.limits
        if file.size <= limits.harmless:
            return False
        is_csv = begins_as_csv(head)
        if file.size > limits.other_forms and not (file.named_by_user or is_csv or is_gzip(head)):
            from analyzer.reading.forms.marks import refusal  # noqa: PLC0415 - few inputs are this large

            if not isinstance(refusal(head), DamagedError):
                return True
        limits.check(file.size, is_csv=is_csv or is_gzip(head))
        if is_csv and isinstance(file.path, Path):
            with file.path.open("rb") as stream:
                check_lines_of(stream)
        return False

    def _members(self) -> Iterator[Entry]:
        """Yield the reports in a zip archive, reading its members one by one."""
        file, has_report = self.file, False
        try:
            archived = self.reader.members(file)
            if is_office(archived):
                yield from self._all_in(self.reader.read(file))
                return
            members = members_in(file, archived, 0, file.size)
        except (zipfile.BadZipFile, ValueError) as error:
            message = f"the zip archive cannot be opened ({error}); copy it again"
            self.log.add("unreadable_file", message, source=file.name)
            return
        for member, _ in members:
            before = len(self.log.rows)
            try:
                entries = list(_File(self.finder, self.reader, member, self.log).member_entries())
            except LimitError as error:
                self.log.add("over_limit", str(error), source=member.name)
                has_report = True
                continue
            except OSError as error:
                note_no_member(member, str(error), self.log)
                has_report = True
                continue
            has_report = has_report or bool(entries) or any(row[4] in LOST for row in self.log.rows[before:])
            yield from entries
        if not has_report:
            note_no_report(file, "an archive without a credential report", self.log)

    def member_entries(self) -> Iterator[Entry]:
        """Yield the reports in a member of a zip archive. Raises OSError if it cannot be unpacked."""
        head = self.reader.head(self.file, HEAD)
        if len(head) < HEAD:
            yield from self._all_in(head)
        elif is_zip(head) or self.finder.whole or (entry := self._at_head(head)) is None:
            yield from self._all_in(self.reader.read(self.file))
        else:
            yield entry

    # --- the whole file -----------------------------------------------------------------------------------------------

    def _all_in(self, data: bytes, *, keep: bool = False) -> Iterator[Entry]:
        """Yield the reports in the bytes of a file; `keep` saves them in the spool if it cannot be read again."""
        in_zip = self.file.member is not None
        opened = list(
            reports_in(
                self.file, data, self.log, self.finder.limits, wrapping="zip, " if in_zip else "", depth=int(in_zip)
            )
        )
        alone = len(opened) == 1 and opened[0].name == self.file.name
        for report in opened:
            yield self._entry(report, put_aside=keep or not alone)

    def _entry(self, opened: Opened, *, put_aside: bool) -> Entry:
        content = opened.content
        when = self._captured(opened.name, content)
        hint = content.account or account_hint(opened.name)
        source = source_of(opened.name, content, (opened.sha256, opened.size), when, hint, IssueLog())
        rows, rejected = rows_by_account(source, self.finder.account_id)
        # If the CSV is the whole file, without removed padding, its digest is already known.
        digest = opened.sha256 if opened.is_file and len(source.original_csv) == opened.size else source.digest
        described = (content.container, content.encoding)
        return Entry(
            name=opened.name,
            file=self.finder.spool.put(opened.name, content.csv) if put_aside else self.file,
            size=len(content.csv),
            start=start_of(content.csv),
            header=content.header.header,
            captured_at=when.at,
            captured_from=when.known_from,
            account_hint=hint,
            accounts=shared(tuple(rows)),
            contained=Contained(opened.sha256, opened.size, *described) if put_aside else None,
            facts=ReportFacts(opened.sha256, opened.size, digest, *described, rows, rejected),
            side=self.finder.side,
            month=when.month,
        )

    def _captured(self, name: str, content: Content) -> Captured:
        if content.bad_generated_time is not None:
            self.log.add(
                "bad_timestamp",
                f"GeneratedTime cannot be read: {content.bad_generated_time[:_QUOTED]}; give the capture time with "
                "--captured-at, or the reference date with --as-of",
                source=name,
                column="GeneratedTime",
                value=content.bad_generated_time,
            )
        return captured(name, content.generated_at, self.finder.captured_at)

    # --- its first bytes ----------------------------------------------------------------------------------------------

    def _at_head(self, head: bytes) -> Entry | None:
        """Return the report that begins with these bytes; None if more of the file must be read."""
        try:
            text, packed = _inflated(head)
            generated = None
            if content := _CONTENT.match(text.lstrip()):
                if packed or self.file.member is not None:
                    return None
                generated = _generated(self.reader.tail(self.file, _TAIL))
                if generated is None:
                    return None
                text = base64.b64decode(content[1][: len(content[1]) // 4 * 4])
            csv, _ = to_utf8(text[: len(text) // 4 * 4])
        except (DamagedError, zlib.error, ValueError):
            return None
        header = find_header(csv)
        accounts = accounts_at_start(csv[: csv.rfind(b"\n") + 1])
        if header is None or header.end >= len(csv) or len(accounts) != 1:
            return None
        when = captured(self.file.name, generated, self.finder.captured_at)
        return Entry(
            name=self.file.name,
            file=self.file,
            size=self.file.size * (_PACKING if packed else 1),
            start=start_of(csv),
            header=header.header,
            captured_at=when.at,
            captured_from=when.known_from,
            account_hint=account_hint(self.file.name),
            accounts=accounts,
            side=self.finder.side,
            month=when.month,
        )


def _generated(tail: bytes) -> datetime | None:
    """Return the GeneratedTime in the last bytes of an envelope; None if there is none or more than one."""
    times = _GENERATED.findall(tail)
    return parse_generated_time(times[0].decode("utf-8", "replace")) if len(times) == 1 else None


def _inflated(head: bytes) -> tuple[bytes, bool]:
    """Return the start of the content inside any gzip layers, and whether there were such layers."""
    packed = False
    while is_gzip(head):
        head, packed = zlib.decompressobj(wbits=31).decompress(head, HEAD), True
    return head, packed
