"""Reads and writes files of an evidence set at a path, or at a URL with fsspec."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyzer.errors import OutputError, first_few
from analyzer.survey.files import file_system, is_url

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMED = 3


def put(place: str, name: str, data: bytes) -> None:
    """Write the file `name` at `place`, completely or not at all, even if two processes write it at the same time."""
    if is_url(place):
        system, root = file_system(place)
        if "file" not in system.protocol:
            system.pipe_file(f"{root}/{name}", data)
            return
        place = root
    path = Path(place) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{secrets.token_hex(8)}")  # short, because paths on Windows are limited
    staged.write_bytes(data)
    staged.replace(path)


def get(place: str, name: str) -> bytes:
    """Return the bytes of the file `name` at `place`."""
    if not is_url(place):
        return (Path(place) / name).read_bytes()
    system, root = file_system(place)
    return bytes(system.cat_file(f"{root}/{name}"))


def opened(place: str, name: str) -> Any:  # noqa: ANN401 - a path, or a file object of fsspec
    """Return a path or a file object that a Parquet reader can open."""
    if not is_url(place):
        return Path(place) / name
    system, root = file_system(place)
    return system.open(f"{root}/{name}", "rb")


def digest(place: str, name: str) -> str:
    """Return the SHA-256 of a file at `place`."""
    found = opened(place, name)
    with found.open("rb") if isinstance(found, Path) else found as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_folders(place: str, names: Sequence[str]) -> None:
    """Make the folders `names` at `place`."""
    for name in names:
        if is_url(place):
            system, root = file_system(place)
            system.makedirs(f"{root}/{name}", exist_ok=True)
        else:
            (Path(place) / name).mkdir(parents=True, exist_ok=True)


def remove(place: str, name: str) -> None:
    """Remove a file or a folder with its content at `place`, if it exists."""
    if is_url(place):
        system, root = file_system(place)
        with suppress(FileNotFoundError):
            system.rm(f"{root}/{name}", recursive=True)
        return
    path = Path(place) / name
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def clear(url: str) -> None:
    """Remove all files at a URL; errors are ignored."""
    with suppress(Exception):  # each kind of storage has errors of its own
        system, root = file_system(url)
        for path in system.ls(root, detail=False):
            system.rm(path, recursive=True)


def sizes(place: str) -> dict[str, int]:
    """Return the size of each file at `place`, by its name."""
    if not is_url(place):
        files = (path for path in Path(place).rglob("*") if path.is_file())
        return {path.relative_to(place).as_posix(): path.stat().st_size for path in files}
    system, root = file_system(place)
    system.invalidate_cache()
    prefix = root.rstrip("/") + "/"
    return {path.removeprefix(prefix): facts["size"] for path, facts in system.find(root, detail=True).items()}


def require_empty(url: str) -> None:
    """Raise OutputError if there are files at a URL, because credreport does not replace files at a URL."""
    try:
        found = sorted(sizes(url))
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(
            f"cannot look at {url}: {error.strerror or error}", "check the URL and your permissions"
        ) from error
    if found:
        raise OutputError(
            f"the output folder {url} is not empty: {first_few(found, most=_NAMED)}",
            "choose another URL with -o, or remove what is there: credreport does not replace files at a URL",
        )
