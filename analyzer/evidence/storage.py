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

_MOST_NAMED = 3


def put(location: str, name: str, data: bytes) -> None:
    """Write the file `name` at `location`, completely or not at all, even if two processes write it at once."""
    if is_url(location):
        system, root = file_system(location)
        if "file" not in system.protocol:
            system.pipe_file(f"{root}/{name}", data)
            return
        location = root
    path = Path(location) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{secrets.token_hex(8)}")  # short, because paths on Windows are limited
    staged.write_bytes(data)
    staged.replace(path)


def get(location: str, name: str) -> bytes:
    """Return the bytes of the file `name` at `location`."""
    if not is_url(location):
        return (Path(location) / name).read_bytes()
    system, root = file_system(location)
    return bytes(system.cat_file(f"{root}/{name}"))


def opened(location: str, name: str) -> Any:  # noqa: ANN401 - a path, or a file object of fsspec
    """Return a path or a file object that a Parquet reader can open."""
    if not is_url(location):
        return Path(location) / name
    system, root = file_system(location)
    return system.open(f"{root}/{name}", "rb")


def digest(location: str, name: str) -> str:
    """Return the SHA-256 of a file at `location`."""
    path_or_file = opened(location, name)
    with path_or_file.open("rb") if isinstance(path_or_file, Path) else path_or_file as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_folders(location: str, names: Sequence[str]) -> None:
    """Make the folders `names` at `location`."""
    for name in names:
        if is_url(location):
            system, root = file_system(location)
            system.makedirs(f"{root}/{name}", exist_ok=True)
        else:
            (Path(location) / name).mkdir(parents=True, exist_ok=True)


def remove(location: str, name: str) -> None:
    """Remove a file or a folder with its content at `location`, if it exists."""
    if is_url(location):
        system, root = file_system(location)
        with suppress(FileNotFoundError):
            system.rm(f"{root}/{name}", recursive=True)
        return
    path = Path(location) / name
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


def sizes(location: str) -> dict[str, int]:
    """Return the size of each file at `location`, by its name."""
    if not is_url(location):
        files = (path for path in Path(location).rglob("*") if path.is_file())
        return {path.relative_to(location).as_posix(): path.stat().st_size for path in files}
    system, root = file_system(location)
    system.invalidate_cache()
    prefix = root.rstrip("/") + "/"
    return {path.removeprefix(prefix): facts["size"] for path, facts in system.find(root, detail=True).items()}


def require_empty(url: str) -> None:
    """Raise OutputError if there are files at a URL, because credreport does not replace files at a URL."""
    try:
        names = sorted(sizes(url))
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(
            f"cannot look at {url}: {error.strerror or error}", "check the URL and your permissions"
        ) from error
    if names:
        raise OutputError(
            f"the output folder {url} is not empty: {first_few(names, most=_MOST_NAMED)}",
            "choose another URL with -o, or remove what is there: credreport does not replace files at a URL",
        )
