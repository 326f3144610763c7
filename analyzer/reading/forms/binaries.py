"""Refuse binary files of forms that cannot be read, recognised by their first bytes."""

from __future__ import annotations

import re
from typing import Final

from analyzer.reading.forms.content import DamagedError, UnopenedArchiveError

UNREAD: Final = {
    "7z": "unpack it and name the files",
    "rar": "unpack it and name the files",
    "pickle": "loading a pickle can run code: write Content, or json.dumps(answer, default=str), to the file",
    "old Excel workbook": "save the sheet as CSV and name that file",
}
"""What to do about each form."""
_ARCHIVES: Final = {b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "rar"}
_OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PICKLE: Final = re.compile(rb"\x80[\x02-\x05]")


def refuse_binary(data: bytes) -> None:
    """Raise UnopenedArchiveError or DamagedError if `data` begins like a form that cannot be read."""
    for beginning, name in _ARCHIVES.items():
        if data.startswith(beginning):
            raise UnopenedArchiveError(f"{name} archives cannot be read; {UNREAD[name]}")
    if data.startswith(_OLD_EXCEL) and (b"u\0s\0e\0r\0" in data or b"password_last_used" in data):
        raise DamagedError(f"old Excel workbooks (.xls) cannot be read; {UNREAD['old Excel workbook']}")
    if _PICKLE.match(data) and (b"GeneratedTime" in data or b"user,arn," in data):
        raise DamagedError(f"Python pickles cannot be read; {UNREAD['pickle']}")
