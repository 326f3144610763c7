"""Read the file with the key for pseudonyms, or create it."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.errors import UsageError
from analyzer.survey.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    from collections.abc import Sequence

_BYTES: Final = 32
"""The fewest bytes of a key: as many as HMAC-SHA256 returns."""
_LONGEST: Final = 4_096
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})*")
_FORM: Final = f"a key has {2 * _BYTES} hexadecimal digits; to get a new key, name a file that does not exist"
_OTHERS: Final = 0o077
"""The permission bits of users other than the owner."""


class KeyFile(NamedTuple):
    """The pseudonyms of a key file, whether the file is new, and whether other users can access it."""

    pseudonyms: Pseudonyms
    is_new: bool
    is_open_to_others: bool


def read_key(path: Path, inputs: Sequence[str] = (), output: str | None = None, *, make: bool = True) -> KeyFile:
    """Return the pseudonyms of the key in a file; with `make`, a missing file is created.

    Raises UsageError if the file contains no key, or if it is in an input or in the output folder, which other people
    get to see.
    """
    _require_apart(path, inputs, output)
    is_new = make and _created(path)
    try:
        with path.open("rb") as file:
            data, mode = file.read(_LONGEST + 1), os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise UsageError(
            f"--pseudonyms: cannot read {path}: {error.strerror or error}", "check the path and its permissions"
        ) from error
    is_open = os.name == "posix" and bool(mode & _OTHERS)
    return KeyFile(Pseudonyms(_key(path, data)), is_new, is_open)


def _require_apart(path: Path, inputs: Sequence[str], output: str | None) -> None:
    """Raise UsageError if the key file is an input, is in an input folder, or is in the output folder."""
    key_path = path.resolve()
    for role, name in (*(("input", name) for name in inputs), *([("output folder", output)] if output else [])):
        if "://" in name or name == "-":
            continue
        other_path = Path(name).resolve()
        if key_path == other_path or other_path in key_path.parents:
            raise UsageError(
                f"--pseudonyms: the key file {path} {'is' if key_path == other_path else 'is in'} the {role} {name}",
                "keep the key apart from reports and evidence: whoever has it can match pseudonyms with names",
            )


def _created(path: Path) -> bool:
    """Create a file with a new key, readable only by its owner, unless it exists; return whether it was created."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise UsageError(
            f"--pseudonyms: cannot create {path}: {error.strerror or error}", "name a file in a folder that exists"
        ) from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{secrets.token_hex(_BYTES)}\n")
    return True


def _key(path: Path, data: bytes) -> bytes:
    """Return the key in the bytes of a file. Raises UsageError if they are not a key."""
    text = data.decode("ascii", "replace").strip()
    if len(data) > _LONGEST or _HEX.fullmatch(text) is None:
        raise UsageError(f"--pseudonyms: {path} does not contain a key in hexadecimal digits", _FORM)
    key = bytes.fromhex(text)
    if len(key) < _BYTES:
        raise UsageError(f"--pseudonyms: the key in {path} has {len(key)} bytes and needs at least {_BYTES}", _FORM)
    return key
