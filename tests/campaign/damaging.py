"""Damage to the bytes of a file, whatever is in it, and to archives."""

from __future__ import annotations

import gzip
import io
import tarfile
import warnings
import zipfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

_PIECES: Final = (
    b",",
    b'"',
    b"\n",
    b"\r\n",
    b"\r",
    b"\0",
    b"\x1a",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xe9",
    b"\\",
    b"{",
    b"}",
)


def flipped(rng: Random, data: bytes) -> bytes:
    """Turn some bits round."""
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5, 40))):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def replaced(rng: Random, data: bytes) -> bytes:
    """Write other letters and digits over some bytes."""
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        damaged[rng.randrange(len(damaged))] = rng.choice(b'0123456789TZ-:+,"truefalsN/A \n')
    return bytes(damaged)


def inserted(rng: Random, data: bytes) -> bytes:
    """Put bytes between the others."""
    at = rng.randint(0, len(data))
    return data[:at] + rng.choice((*_PIECES, rng.randbytes(rng.choice((1, 4, 60))))) + data[at:]


def deleted(rng: Random, data: bytes) -> bytes:
    """Lose some bytes."""
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.choice((1, 1, 2, 3, 20, 200)) :]


def doubled(rng: Random, data: bytes) -> bytes:
    """Write a piece twice."""
    at, size = rng.randrange(len(data)), rng.choice((1, 3, 40, 500, len(data)))
    return data[: at + size] + data[at:]


def cut(rng: Random, data: bytes) -> bytes:
    """Lose the end."""
    return data[: rng.randrange(len(data))]


def zeroed(rng: Random, data: bytes) -> bytes:
    """Write NULs over a piece, as a file system does that lost a block."""
    at, size = rng.randrange(len(data)), rng.choice((1, 16, 512))
    return data[:at] + b"\0" * len(data[at : at + size]) + data[at + size :]


def padded(rng: Random, data: bytes) -> bytes:
    """Add bytes to the end."""
    return data + rng.choice((b"\0" * 7, b"\n\n\n", b"\x1a", b" ", b"\xff" * 5, rng.randbytes(30), data[:40]))


DAMAGES: Final[Mapping[str, Callable[[Random, bytes], bytes]]] = {
    f"bytes {damage.__name__}": damage
    for damage in (flipped, replaced, inserted, deleted, doubled, cut, zeroed, padded)
}


# --- archives: each function takes the bytes of a report, and returns an archive with something wrong about it

CLIMBING: Final = (
    "../../escaped.csv",
    "/etc/escaped.csv",
    "C:\\escaped.csv",
    "a/../../b.csv",
    "./.././x.csv",
    "..",
    "/",
)


def _zip(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names that come twice
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, (2026, 10, 31, 12, 0, 0)), content, method)
    return buffer.getvalue()


def climbing_zip(rng: Random, data: bytes) -> bytes:
    """Name the member so that it would be unpacked elsewhere."""
    return _zip((rng.choice(CLIMBING[:5]), data))


def odd_member(rng: Random, data: bytes) -> bytes:
    """Give the member a name that no file has."""
    return _zip(
        (rng.choice(("a\nb.csv", "\x1b[31mred.csv", "x" * 5000 + ".csv", "\u202efdp.csv", "a/b//c.csv", " ")), data)
    )


def zip_in_zip(rng: Random, data: bytes) -> bytes:
    """Put archives into each other, sometimes deeper than the program goes."""
    for depth in range(rng.choice((1, 2, 4, 6, 9))):
        data = gzip.compress(data, 1, mtime=0) if rng.random() < 0.2 else _zip((f"{depth}.zip", data))
    return _zip(("outer.csv", data))


def wrong_size(rng: Random, data: bytes) -> bytes:
    """Write other sizes and checksums into the directory of a zip archive."""
    archive = bytearray(_zip(("report.csv", data)))
    at = archive.rindex(b"PK\x01\x02") + rng.choice((8, 10, 16, 20, 24, 28, 30, 42))
    archive[at : at + 4] = rng.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", rng.randbytes(4)))
    return bytes(archive)


def cut_zip(rng: Random, data: bytes) -> bytes:
    """Lose the end of a zip archive, or its beginning."""
    archive = _zip(("report.csv", data), ("other.txt", b"hello"))
    at = rng.randrange(1, len(archive))
    return archive[:at] if rng.random() < 0.7 else archive[at:]


def wrong_checksum(rng: Random, data: bytes) -> bytes:
    """Change a bit of the contents of a gzip file, or of its checksum."""
    archive = bytearray(gzip.compress(data, mtime=0))
    archive[rng.choice((rng.randrange(10, len(archive)), len(archive) - rng.randint(1, 8)))] ^= 1 << rng.randrange(8)
    return bytes(archive)


def cut_gzip(rng: Random, data: bytes) -> bytes:
    """Lose the end of a gzip file."""
    archive = gzip.compress(data, mtime=0)
    return archive[: rng.randrange(2, len(archive))]


def gzip_with_more(rng: Random, data: bytes) -> bytes:
    """Add bytes, or a second stream, to a gzip file."""
    return gzip.compress(data, mtime=0) + rng.choice((b"\0" * 9, b"junk", gzip.compress(b"", mtime=0), b"\x1f\x8b\x08"))


def cut_tar(rng: Random, data: bytes) -> bytes:
    """Lose the end of a tar archive, or change a byte of its first header."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(rng.choice(("report.csv", *CLIMBING[:2])))
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    whole = bytearray(buffer.getvalue()[: 512 + -(-len(data) // 512) * 512 + 1024])
    if rng.random() < 0.5:
        return bytes(whole[: rng.randrange(300, len(whole))])
    whole[rng.randrange(257)] ^= 1 << rng.randrange(8)
    return bytes(whole)


ARCHIVES: Final[Mapping[str, Callable[[Random, bytes], bytes]]] = {
    damage.__name__.replace("_", " "): damage
    for damage in (
        *(climbing_zip, odd_member, zip_in_zip, wrong_size, cut_zip, wrong_checksum, cut_gzip, gzip_with_more, cut_tar),
    )
}
