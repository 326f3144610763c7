"""Zip archives as they come: their faults are BadZipFile, and their members may have any name."""

from __future__ import annotations

import zipfile
from typing import IO


def open_zip(stream: IO[bytes]) -> zipfile.ZipFile:
    """Return the archive. Raises BadZipFile, also for a version of the format that Python lacks, and ValueError."""
    try:
        return zipfile.ZipFile(stream)
    except NotImplementedError as error:
        raise zipfile.BadZipFile(str(error)) from error


def is_folder(member: zipfile.ZipInfo) -> bool:
    """Whether a member is a folder. `ZipInfo.is_dir` of Python 3.11 fails for a member without a name."""
    return member.filename.endswith("/")
