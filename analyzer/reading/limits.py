"""How much of a file is read: what goes past a limit is refused before it takes time and memory."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

OPTION: Final = "--max-file-size"

_PIECE: Final = 1_000_000
"""Bytes that are unpacked together."""
_LINE: Final = 16_000_000
"""Bytes of a line past which a file is not read at all. A row of AWS has some 500; a longer one is rejected alone."""
_SUSPECT: Final = 64_000_000
"""Unpacked bytes from which it counts how many times smaller they were when packed."""
_PACKED: Final = 200
"""A report is 5 to 20 times smaller when it is packed; what is this many times smaller was made to fill memory."""


class LimitError(Exception):
    """A file goes past a limit."""


@dataclass(frozen=True)
class Limits:
    """How many bytes of a file are read at most.

    `largest` is for a CSV, unpacked: a merged file of a million rows has 300 MB. Other forms (JSON, base64, ...) are
    taken apart in memory and may have a tenth of that: an answer of AWS, with 5,000 users, has 3 MB.
    """

    largest: int = 1_000_000_000

    @property
    def other_forms(self) -> int:
        """Bytes of a file that is no CSV."""
        return self.largest // 10

    @property
    def harmless(self) -> int:
        """Bytes up to which a file goes past no limit, whatever is in it."""
        return min(self.other_forms, _LINE)

    def check(self, size: int, *, is_csv: bool = True) -> None:
        """Raise LimitError where a file of `size` bytes is too large."""
        limit = self.largest if is_csv else self.other_forms
        if size > limit:
            form = "" if is_csv else " for a file that does not begin like a CSV"
            raise LimitError(
                f"the file has {size:,} bytes, and the limit{form} is {limit:,} ({OPTION}); no single report is this "
                "large: split the file, or raise the limit"
            )

    def check_packed(self, size: int, packed: int) -> None:
        """Raise LimitError where `packed` bytes that unpack to `size`, or more, are too large or were made to harm."""
        self.check(size)
        check_together(size, packed)

    def gunzip(self, data: bytes) -> bytes:
        """Return the bytes of a gzip file. Raises LimitError, and one of `DAMAGED` where it is damaged."""
        pieces, size, packed = [], 0, BytesIO(data)
        with gzip.GzipFile(fileobj=packed) as stream:
            while piece := stream.read(_PIECE):
                pieces.append(piece)
                size += len(piece)
                self.check_packed(size, packed.tell())
        return b"".join(pieces)


DEFAULT: Final = Limits()
UNLIMITED: Final = Limits(2**62)
"""For reports that a survey has taken: their size was checked then. Still, nothing is unpacked that fills memory."""

DAMAGED: Final = (OSError, EOFError, zlib.error)
"""What unpacking a damaged gzip file raises."""


def check_together(size: int, packed: int) -> None:
    """Raise LimitError where `packed` bytes that unpack to `size`, or more, were made to harm."""
    if size > _SUSPECT and size > _PACKED * packed:
        raise LimitError(
            f"{packed:,} bytes unpack to {size:,} or more, over {_PACKED} times as much: no report can be compressed "
            "that much; unpack the file by hand and check what it contains"
        )


def check_lines(data: bytes) -> None:
    """Raise LimitError where a text has a line far longer than any of a report."""
    start = 0
    while len(data) - start > _LINE:
        end = max(data.rfind(mark, start, start + _LINE + 1) for mark in (b"\n", b"\r"))
        if end < 0:
            raise _long_line()
        start = end + 1


def check_lines_of(stream: IO[bytes]) -> None:
    """Do the same for a file, which is not kept in memory: it may hold lines that are up to twice as long."""
    for piece in _pieces(stream):
        if len(piece) == _LINE and b"\n" not in piece and b"\r" not in piece:
            raise _long_line()


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    while piece := stream.read(_LINE):
        yield piece


def _long_line() -> LimitError:
    return LimitError(
        f"a line has more than {_LINE:,} bytes, the limit for one line; no report has a line this long: check what the "
        "file contains"
    )
