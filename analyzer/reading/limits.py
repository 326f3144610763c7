"""Limits on the size of files: a file over a limit is refused before it costs time and memory."""

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
"""Bytes unpacked at a time."""
_LINE: Final = 16_000_000
"""The most bytes in a line; a file with a longer line is not read. A row of a report has about 500 bytes."""
_SUSPECT: Final = 64_000_000
"""The compression ratio is checked only above this number of unpacked bytes."""
_PACKED: Final = 200
"""The highest accepted compression ratio. Reports have 5 to 20; a higher ratio is an attempt to fill memory."""


class LimitError(Exception):
    """A file is over a limit."""


@dataclass(frozen=True)
class Limits:
    """The largest sizes of files, in bytes.

    `largest` is the limit for an unpacked CSV; a merged CSV with a million rows has 300 MB. Other forms (JSON, base64
    and so on) are parsed in memory, and their limit is a tenth of that; an AWS answer with 5,000 users has 3 MB.
    """

    largest: int = 1_000_000_000

    @property
    def other_forms(self) -> int:
        """The limit for files that are not CSV, in bytes."""
        return self.largest // 10

    @property
    def harmless(self) -> int:
        """The size in bytes up to which a file cannot be over any limit."""
        return min(self.other_forms, _LINE)

    def check(self, size: int, *, is_csv: bool = True) -> None:
        """Raise LimitError if a file of `size` bytes is too large."""
        limit = self.largest if is_csv else self.other_forms
        if size > limit:
            form = "" if is_csv else " for a file that does not begin like a CSV"
            raise LimitError(
                f"the file has {size:,} bytes, and the limit{form} is {limit:,} ({OPTION}); no single report is this "
                "large: split the file, or raise the limit"
            )

    def check_packed(self, size: int, packed: int) -> None:
        """Raise LimitError if `packed` bytes that unpack to `size` bytes or more are too large or suspicious."""
        self.check(size)
        check_together(size, packed)

    def gunzip(self, data: bytes) -> bytes:
        """Return the unpacked bytes of a gzip file. Raises LimitError, or one of `DAMAGED` if it is damaged."""
        pieces, size, packed = [], 0, BytesIO(data)
        with gzip.GzipFile(fileobj=packed) as stream:
            while piece := stream.read(_PIECE):
                pieces.append(piece)
                size += len(piece)
                self.check_packed(size, packed.tell())
        return b"".join(pieces)


DEFAULT: Final = Limits()
UNLIMITED: Final = Limits(2**62)
"""For reports whose size the survey has already checked. The compression ratio is still checked."""

DAMAGED: Final = (OSError, EOFError, zlib.error)
"""The errors raised when a damaged gzip file is unpacked."""


def check_together(size: int, packed: int) -> None:
    """Raise LimitError if `packed` bytes unpack to suspiciously many bytes: `size` or more."""
    if size > _SUSPECT and size > _PACKED * packed:
        raise LimitError(
            f"{packed:,} bytes unpack to {size:,} or more, over {_PACKED} times as much: no report can be compressed "
            "that much; unpack the file by hand and check what it contains"
        )


def check_lines(data: bytes) -> None:
    """Raise LimitError if a text has a line that is far too long for a report."""
    start = 0
    while len(data) - start > _LINE:
        end = max(data.rfind(mark, start, start + _LINE + 1) for mark in (b"\n", b"\r"))
        if end < 0:
            raise _long_line()
        start = end + 1


def check_lines_of(stream: IO[bytes]) -> None:
    """Raise LimitError for a line in a file, without reading all of the file into memory.

    Lines of up to twice the limit may be accepted.
    """
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
