"""The result of opening a form: a report as CSV, or an error that explains why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from analyzer.reading.forms.headers import FoundHeader


class NotAReportError(Exception):
    """The bytes are not a credential report; `begins` shows how they begin, as the end of a message."""

    def __init__(self, message: str, begins: str = "") -> None:
        super().__init__(message)
        self.begins = begins


class DamagedError(Exception):
    """The bytes begin like a credential report or a container, but cannot be read completely."""


class OnlyMarksError(DamagedError):
    """The bytes contain column names of a report in an unknown form; they may also be a program or a query."""


class UnopenedArchiveError(DamagedError):
    """An archive of a kind that cannot be read; it may contain reports or anything else."""


class OwnOutputError(NotAReportError):
    """The bytes are a file that credreport wrote."""


class Remark(NamedTuple):
    """An issue found while opening a form; see `IssueLog.add`."""

    code: str
    message: str
    line: int | None = None
    column: str | None = None
    value: str | None = None


@dataclass(frozen=True)
class Content:
    """A report without its container.

    `csv` is UTF-8 without a byte order mark; lines end with LF. `account` is the account number beside the report in
    its container. `remarks` are the issues found while opening it.
    """

    csv: bytes
    header: FoundHeader
    container: str
    encoding: str
    generated_at: datetime | None = None
    bad_generated_time: str | None = None
    """The text of GeneratedTime, if it cannot be read."""
    account: str | None = None
    remarks: tuple[Remark, ...] = ()


def padding(count: int) -> Remark:
    """Return the issue for `count` NUL bytes at the end of a file."""
    return Remark(
        "padding", f"the file ends with {count:,} NUL bytes, which are not part of the report: they were left out"
    )


CUT_LENGTHS: Final = frozenset({4_096, 8_191, 32_767, 65_536})
"""Lengths, in characters, at which terminals, command lines, spreadsheet cells and buffers cut texts."""
Opened = list[Content | DamagedError]
"""The reports in a file, in their order. A report that cannot be opened is represented by its error."""

_MOST: Final = 20


def left_out_lines(lines: Sequence[tuple[int, str]]) -> tuple[Remark, ...]:
    """Return issues for lines, given as numbers and texts, that are outside of a report."""
    message = "this line does not belong to the report: it was left out; keep only the report in the file"
    remarks = [Remark("line_left_out", message, number, value=text[:200]) for number, text in lines[:_MOST]]
    if len(lines) > _MOST:
        number, text = lines[_MOST]
        last_message = (
            f"this line and {len(lines) - _MOST - 1:,} further lines do not belong to the report: they were left out"
        )
        remarks.append(Remark("line_left_out", last_message, number, value=text[:200]))
    return tuple(remarks)
