"""One report, out of its container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from analyzer.reading.containers import FoundHeader


@dataclass(frozen=True)
class Source:
    """One report file, out of its container.

    `sha256` and `size` are of the bytes as given (of the member, in a zip); `digest` is of the CSV inside.
    """

    name: str
    sha256: str
    size: int
    digest: str
    csv: bytes
    header: FoundHeader
    container: str
    encoding: str
    captured_at: datetime | None
    captured_from: str
    account_hint: str | None
