"""A short look at each file: what reports are in it, when they were captured, and whose they are.

A file of a usual form is looked at by its first bytes, and an envelope by its last ones as well, where the AWS CLI puts
GeneratedTime. Small files are read whole, and so is whatever has no usual form. What a look takes for granted is
checked when the report is read.
"""

from __future__ import annotations

import base64
import re
import zipfile
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from analyzer.reading.containers import Content, DamagedError, find_header, is_gzip, is_zip, to_utf8
from analyzer.reading.issues import IssueLog
from analyzer.reading.times import account_in_name, instant_in_name, parse_instant
from analyzer.survey.accounts import accounts_at_start, rows_by_account, shared
from analyzer.survey.entry import Contained, Entry, Facts, start_of
from analyzer.survey.files import Reader, why
from analyzer.survey.unpack import Opened, is_office, members_in, note_no_member, note_no_report, reports_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from analyzer.reading.issues import Row
    from analyzer.survey.files import File
    from analyzer.survey.spool import Spool

HEAD: Final = 65_536
"""Bytes of a file, or of what is packed in it, that a look takes."""
_TAIL: Final = 4_096
_PACKING: Final = 8
"""About how many times larger a CSV is than its gzip file."""
_CONTENT: Final = re.compile(rb'\{\s*"Content"\s*:\s*"([A-Za-z0-9+/]+)')
_GENERATED: Final = re.compile(rb'"GeneratedTime"\s*:\s*"([^"]*)"')


@dataclass(frozen=True)
class Looked:
    """What a look at some files found: the reports in them, and what was passed over."""

    entries: list[Entry]
    issues: list[Row]


@dataclass(frozen=True)
class Looking:
    """How files are looked at.

    `account_id` is the account of rows that say none; `whole` reads every file to its end; the reports that are found
    are on this `side` (see `Entry`).
    """

    spool: Spool
    account_id: str | None = None
    whole: bool = False
    side: int = 0

    def at(self, files: Sequence[File]) -> Looked:
        """Return what is in some files."""
        log = IssueLog()
        entries: list[Entry] = []
        with Reader() as reader:
            for file in files:
                entries += _File(self, reader, file, log).entries()
        return Looked(entries, log.rows)


@dataclass(frozen=True)
class _File:
    """A file that is looked at."""

    how: Looking
    reader: Reader
    file: File
    log: IssueLog

    def entries(self) -> Iterator[Entry]:
        """Yield the reports in the file."""
        try:
            yield from self._entries()
        except OSError as error:
            said = f"cannot be read ({why(error)}); check permissions and the disk"
            self.log.add("unreadable_file", said, source=self.file.name)

    def _entries(self) -> Iterator[Entry]:
        file = self.file
        if file.member is not None:
            yield from self.found()
            return
        if file.path is None or file.size == 0:  # a pipe, or a file of unknown size: it may give its bytes only once
            yield from self._all_in(self.reader.read(file), keep=True)
            return
        head = self.reader.head(file, HEAD)
        if is_zip(head):
            yield from self._members()
        elif len(head) >= file.size and len(head) < HEAD:
            yield from self._all_in(head)
        elif self.how.whole or (entry := self._at_head(head)) is None:
            yield from self._all_in(self.reader.read(file))
        else:
            yield entry

    def _members(self) -> Iterator[Entry]:
        """Yield the reports in a zip archive, whose members are read one by one."""
        file, found = self.file, False
        try:
            archived = self.reader.members(file)
            if is_office(archived):
                yield from self._all_in(self.reader.read(file))
                return
            members = members_in(file, archived, 0)
        except (zipfile.BadZipFile, ValueError) as error:
            message = f"the zip archive cannot be opened ({error}); copy it again"
            self.log.add("unreadable_file", message, source=file.name)
            return
        for member, _ in members:
            before = len(self.log.rows)
            try:
                entries = list(_File(self.how, self.reader, member, self.log).found())
            except OSError as error:
                note_no_member(member, str(error), self.log)
                found = True
                continue
            found = found or bool(entries) or any(row[4] == "unreadable_file" for row in self.log.rows[before:])
            yield from entries
        if not found:
            note_no_report(file, "an archive without a credential report", self.log)

    def found(self) -> Iterator[Entry]:
        """Yield the reports in a member of a zip archive. Raises OSError where it cannot be unpacked."""
        head = self.reader.head(self.file, HEAD)
        if len(head) < HEAD:
            yield from self._all_in(head)
        elif is_zip(head) or self.how.whole or (entry := self._at_head(head)) is None:
            yield from self._all_in(self.reader.read(self.file))
        else:
            yield entry

    # --- the whole file -----------------------------------------------------------------------------------------------

    def _all_in(self, data: bytes, *, keep: bool = False) -> Iterator[Entry]:
        """Yield the reports in the bytes of a file; `keep` puts them aside, since they cannot be read again."""
        in_zip = self.file.member is not None
        opened = list(reports_in(self.file, data, self.log, wrapping="zip, " if in_zip else "", depth=int(in_zip)))
        alone = len(opened) == 1 and opened[0].name == self.file.name
        for one in opened:
            yield self._entry(one, put_aside=keep or not alone)

    def _entry(self, one: Opened, *, put_aside: bool) -> Entry:
        content = one.content
        captured_at, captured_from = self._captured(one.name, content)
        entry = Entry(
            name=one.name,
            file=self.file,
            size=len(content.csv),
            start=start_of(content.csv),
            header=content.header.header,
            captured_at=captured_at,
            captured_from=captured_from,
            account_hint=content.account or _account_hint(one.name),
            accounts=frozenset(),
            side=self.how.side,
        )
        source = entry.source_of(content, one.sha256, one.size, IssueLog())
        rows, rejected = rows_by_account(source, self.how.account_id)
        facts = Facts(one.sha256, one.size, source.digest, content.container, content.encoding, rows, rejected)
        entry = replace(entry, accounts=shared(tuple(rows)), facts=facts)
        if not put_aside:
            return entry
        contained = Contained(one.sha256, one.size, content.container, content.encoding)
        return replace(entry, file=self.how.spool.put(one.name, content.csv), contained=contained)

    def _captured(self, name: str, content: Content) -> tuple[datetime | None, str]:
        if content.bad_generated_time is not None:
            self.log.add(
                "bad_timestamp",
                "GeneratedTime of the envelope cannot be read; give the reference instant with --as-of",
                source=name,
                column="GeneratedTime",
                value=content.bad_generated_time,
            )
        return captured(name, content.generated_at)

    # --- its first bytes ----------------------------------------------------------------------------------------------

    def _at_head(self, head: bytes) -> Entry | None:
        """Return the report that begins with some bytes; None where they do not say enough."""
        try:
            text, packed = _inflated(head)
            generated = None
            if content := _CONTENT.match(text.lstrip()):
                if packed or self.file.member is not None:
                    return None
                ends = _GENERATED.findall(self.reader.tail(self.file, _TAIL))
                generated = (
                    parse_instant(ends[0].decode("utf-8", "replace"), naive_is_utc=True) if len(ends) == 1 else None
                )
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
        captured_at, captured_from = captured(self.file.name, generated)
        return Entry(
            name=self.file.name,
            file=self.file,
            size=self.file.size * (_PACKING if packed else 1),
            start=start_of(csv),
            header=header.header,
            captured_at=captured_at,
            captured_from=captured_from,
            account_hint=_account_hint(self.file.name),
            accounts=accounts,
            side=self.how.side,
        )


def _generated(tail: bytes) -> datetime | None:
    """Return the GeneratedTime of an envelope that ends with some bytes; None where there is no one such time."""
    found = _GENERATED.findall(tail)
    return parse_instant(found[0].decode("utf-8", "replace"), naive_is_utc=True) if len(found) == 1 else None


def _inflated(head: bytes) -> tuple[bytes, bool]:
    """Return the beginning of what is in the gzip layers around some bytes, and whether there are any."""
    packed = False
    while is_gzip(head):
        head, packed = zlib.decompressobj(wbits=31).decompress(head, HEAD), True
    return head, packed


def captured(name: str, generated_at: datetime | None) -> tuple[datetime | None, str]:
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


def _account_hint(name: str) -> str | None:
    """Return the account that a name says."""
    return next((found for part in _parts(name) if (found := account_in_name(part))), None)


def _parts(name: str) -> list[str]:
    """Return the parts of a name, the file's own first, then its folders and archives from the nearest outward."""
    return name.split("/")[::-1]
