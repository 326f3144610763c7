"""A report among the inputs: what the survey knows about it, and how to read it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from analyzer.reading.containers import (
    Content,
    DamagedError,
    FoundHeader,
    Header,
    NotAReportError,
    find_header,
    find_header_below,
    read_contents,
)
from analyzer.reading.forms.content import padding
from analyzer.reading.limits import UNLIMITED, LimitError
from analyzer.reading.source import Source
from analyzer.survey.names import Captured
from analyzer.survey.unpack import gunzipped

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from analyzer.reading.issues import IssueLog
    from analyzer.survey.accounts import Account
    from analyzer.survey.files import File, Reader

Key = tuple[int, str]
"""Identifies a report in a run, by side and name; see `Entry.key`."""

_START: Final = 512
"""Bytes at the start of a CSV that identify the report: more than the header and the start of the first row."""


class ChangedError(Exception):
    """A report has changed since the survey."""


@dataclass(frozen=True, slots=True)
class Contained:
    """Facts about a report that can be read only once and whose CSV was saved in the spool; see `Source`."""

    sha256: str
    size: int
    container: str
    encoding: str


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """Facts about a report that was read completely; see `Source`. `rows` has the number of rows per account."""

    sha256: str
    size: int
    digest: str
    container: str
    encoding: str
    rows: Mapping[Account, int]
    rejected: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A report among the inputs.

    `file` is the file with the report, or with its CSV in the spool (then `contained` is set). `size` is the
    approximate size of the CSV in bytes. `start` is a digest of the start of the CSV. `accounts` are the accounts seen
    in its ARNs; they are complete if `facts` is set, which means that the report was read completely. `side` is 1 for
    the newer side of a comparison, else 0. `month` is the start of the month of capture, if only the month is known.

    `rivals` has, for an account, the name of another report of the same time that has mostly the same users. It is
    not known which of the two reports is newer.
    """

    name: str
    file: File
    size: int
    start: str
    header: Header
    captured_at: datetime | None
    captured_from: str
    account_hint: str | None
    accounts: frozenset[Account]
    contained: Contained | None = None
    facts: ReportFacts | None = None
    side: int = 0
    month: datetime | None = None
    rivals: Mapping[Account, str] | None = None

    @property
    def key(self) -> Key:
        """The side and name; both sides of a comparison may have a report with the same name."""
        return self.side, self.name

    @property
    def moment(self) -> datetime | None:
        """The time that identifies its snapshot: the capture time, or the month if only that is known."""
        return self.captured_at or self.month

    @property
    def identity(self) -> tuple[str | None, frozenset[Account]]:
        """The digest of the CSV and the accounts, which may come from the file name: equal for copies."""
        return self.facts.digest if self.facts else None, self.accounts

    def source(self, reader: Reader, log: IssueLog) -> Source:
        """Read the report completely. Raises ChangedError if it has changed since the survey."""
        content, sha256, size = self._content(reader)
        if start_of(content.csv) != self.start or (self.facts and self.facts.sha256 != sha256):
            raise ChangedError(self.name)
        when = Captured(self.captured_at, self.captured_from, self.month)
        return source_of(self.name, content, (sha256, size), when, self.account_hint, log)

    def _content(self, reader: Reader) -> tuple[Content, str, int]:
        """Return the content, and the digest and size of its file."""
        try:
            data = reader.read(self.file)
            if self.contained is not None:
                header = find_header(data) or find_header_below(data)
                if header is None:
                    raise ChangedError(self.name)
                contained = self.contained
                return Content(data, header, contained.container, contained.encoding), contained.sha256, contained.size
            sha256, (inner, layers) = hashlib.sha256(data).hexdigest(), gunzipped(data, UNLIMITED)
            contents = read_contents(inner)
        except (OSError, DamagedError, NotAReportError, LimitError) as error:
            raise ChangedError(self.name) from error
        content = contents[0]
        if len(contents) != 1 or isinstance(content, DamagedError) or not self._is_of_that_time(content):
            raise ChangedError(self.name)
        wrapping = ("zip, " if self.file.member is not None else "") + "gzip, " * layers
        return Content(content.csv, content.header, wrapping + content.container, content.encoding), sha256, len(data)

    def _is_of_that_time(self, content: Content) -> bool:
        """Return whether an envelope still has the capture time that the survey found."""
        if content.generated_at is None:
            return self.captured_from != "envelope"
        return content.generated_at == self.captured_at


def source_of(  # noqa: PLR0913 - the parts of a report
    name: str,
    content: Content,
    digest_and_size: tuple[str, int],
    when: Captured,
    account_hint: str | None,
    log: IssueLog,
) -> Source:
    """Return the report with this content; lines with characters that are not UTF-8 are noted in `log`.

    `digest_and_size` has the digest and size of the file.
    """
    content = _without_padding(content, name, log)
    csv = content.csv
    if not csv.isascii():
        csv = _valid_utf8(csv, name, log)
    # Replaced characters change the length of the text, so the header may have moved.
    header: FoundHeader = (
        content.header if csv is content.csv else find_header(csv) or find_header_below(csv) or content.header
    )
    sha256, size = digest_and_size
    return Source(
        name=name,
        sha256=sha256,
        size=size,
        original_csv=content.csv,
        csv=csv,
        header=header,
        container=content.container,
        encoding=content.encoding,
        captured_at=when.at,
        captured_from=when.known_from,
        account_hint=account_hint,
    )


def start_of(csv: bytes) -> str:
    """Return a digest of the start of a CSV."""
    return hashlib.sha256(csv[:_START]).hexdigest()[:16]


def _without_padding(content: Content, name: str, log: IssueLog) -> Content:
    csv = content.csv.rstrip(b"\0")
    count = len(content.csv) - len(csv)
    if not count:
        return content
    remark = padding(count)
    log.add(remark.code, remark.message, source=name)
    header = content.header if content.header.end <= len(csv) else find_header(csv) or content.header
    return replace(content, csv=csv, header=header)


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
