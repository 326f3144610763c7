"""What a form gives: a report as CSV, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from analyzer.reading.forms.headers import FoundHeader


class NotAReportError(Exception):
    """The bytes are something else than a credential report; `begins` is how they begin, the end of a message."""

    def __init__(self, message: str, begins: str = "") -> None:
        super().__init__(message)
        self.begins = begins


class DamagedError(Exception):
    """The bytes set out to be a credential report, or a container, and cannot be read to the end."""


class OnlyMarksError(DamagedError):
    """The bytes hold column names of a report and no form that is known: a program or query may hold them as well."""


class UnopenedArchiveError(DamagedError):
    """An archive of a kind that is not read: it may hold reports, or anything else."""


class OwnOutputError(NotAReportError):
    """The bytes are a file that this program made."""


class Remark(NamedTuple):
    """An issue that is known once a form is opened: see `IssueLog.add`."""

    code: str
    message: str
    line: int | None = None
    column: str | None = None
    value: str | None = None


@dataclass(frozen=True)
class Content:
    """A report out of its container: `csv` is UTF-8 without byte order mark, lines end in LF.

    `account` is the number that stands beside the report in its container, `remarks` what was noticed in opening it.
    """

    csv: bytes
    header: FoundHeader
    container: str
    encoding: str
    generated_at: datetime | None = None
    bad_generated_time: str | None = None
    """GeneratedTime as found, where it could not be read."""
    account: str | None = None
    remarks: tuple[Remark, ...] = ()


def padding(count: int) -> Remark:
    """Return the issue on NULs at the end of a file."""
    return Remark(
        "padding", f"the file ends with {count:,} NUL bytes, which are not part of the report: they were left out"
    )


CUT_LENGTHS: Final = frozenset({4_096, 8_191, 32_767, 65_536})
"""Characters that terminals, command lines, cells of spreadsheets and buffers hold."""
Opened = list[Content | DamagedError]
"""The reports in a file, in their order; one that cannot be opened beside others stands there as its error."""

_MOST: Final = 20


def left_out_lines(lines: Sequence[tuple[int, str]]) -> tuple[Remark, ...]:
    """Return the issues on lines (their numbers and texts) that stand outside of a report."""
    said = "this line does not belong to the report: it was left out; keep only the report in the file"
    shown = [Remark("line_left_out", said, number, value=text[:200]) for number, text in lines[:_MOST]]
    if len(lines) > _MOST:
        number, text = lines[_MOST]
        many = f"this line and {len(lines) - _MOST - 1:,} further lines do not belong to the report: they were left out"
        shown.append(Remark("line_left_out", many, number, value=text[:200]))
    return tuple(shown)
