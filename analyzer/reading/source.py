"""A report file without its container, and the reports in it (nearly always one)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    import numpy.typing as npt

    from analyzer.reading.containers import FoundHeader, Header


@dataclass(frozen=True)
class Source:
    """A report file without its container.

    `sha256` and `size` describe the original bytes of the file, or of the member of a zip archive. `csv` is the CSV
    that is read: characters of `original_csv` that are not UTF-8 are replaced.
    """

    name: str
    sha256: str
    size: int
    original_csv: bytes
    csv: bytes
    header: FoundHeader
    container: str
    encoding: str
    captured_at: datetime | None
    captured_from: str
    account_hint: str | None

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the original CSV."""
        return hashlib.sha256(self.original_csv).hexdigest()


@dataclass(frozen=True)
class Report:
    """A report: a header and the rows below it. A source may contain several reports, one after the other.

    `source` is the position of its source. `lines` has the physical line of each row, counted from 1. `rejected` is
    the number of lines that could not be read.
    """

    source: int
    header: Header
    body: bytes | memoryview
    lines: npt.NDArray[np.int32]
    rejected: int = 0
    may_have_long_lines: bool = False
