"""Detect the encoding of a text and normalise its line ends."""

from __future__ import annotations

from analyzer.reading.forms.content import DamagedError


def to_utf8(data: bytes) -> tuple[bytes, str]:
    """Return `data` as UTF-8 with LF line ends and without a byte order mark, and the original encoding."""
    encoding = "utf-8"
    if data.startswith(b"\xef\xbb\xbf"):
        data, encoding = data[3:], "utf-8 with BOM"
    else:
        for codec, mark, zeros in (("utf-16-le", b"\xff\xfe", 1), ("utf-16-be", b"\xfe\xff", 0)):
            # Without a mark, ASCII letters show the encoding: every other byte is zero.
            if data.startswith(mark) or (len(data) > 8 and not any(data[zeros:64:2]) and any(data[1 - zeros : 64 : 2])):
                try:
                    data, encoding = data.decode(codec).removeprefix("\ufeff").encode(), codec
                except UnicodeDecodeError as error:
                    raise DamagedError(
                        f"the UTF-16 text is cut or corrupt ({error.reason}); download it again"
                    ) from error
                break
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data, encoding
