"""A report file out of its container, and the reports (nearly always one) that stand in it."""

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
    """One report file, out of its container.

    `sha256` and `size` are of the bytes as given (of the member, in a zip). `found` is the CSV inside, and `csv` what
    is read of it: the same, but for characters that are not UTF-8 and were replaced.
    """

    name: str
    sha256: str
    size: int
    found: bytes
    csv: bytes
    header: FoundHeader
    container: str
    encoding: str
    captured_at: datetime | None
    captured_from: str
    account_hint: str | None

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the CSV as it was found."""
        return hashlib.sha256(self.found).hexdigest()


@dataclass(frozen=True)
class Report:
    """One report: a header and the rows below it, in one source (which may hold several, one after the other).

    `lines` are the 1-based physical lines of its rows; `rejected` counts further lines that could not be read.
    """

    source: int
    header: Header
    body: bytes | memoryview
    lines: npt.NDArray[np.int32]
    rejected: int = 0
    may_have_long_lines: bool = False
