"""Writes and reads `manifest.json`, `rendered.json` and `run.json`, each with a digest that shows later changes.

    manifest.json   the inputs, the settings and the tables; it is never written again
    rendered.json   the files that were rendered from the tables: page, workbook, charts, scripts
    run.json        who made the set, where and when (only with --record-run)
    *.sig           the signatures of these files

Each file has `digest`, the SHA-256 of its own bytes with 64 zeros in place of this digest. The digest shows accidental
changes only: a person who changes a file on purpose can write a new digest into it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from analyzer.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MANIFEST: Final = "manifest.json"
RENDERED: Final = "rendered.json"
RUN: Final = "run.json"
PROGRAM: Final = "credreport"
SCHEMA_VERSION: Final = 3
"""The version of the evidence set: of both files and of the tables."""

_BLANK: Final = "0" * 64
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_DIGEST_LINE: Final = re.compile(rb'^  "digest": "([0-9a-f]{64})",?$', re.MULTILINE)
"""The line of `digest` in a sealed file. No text in the file can look like it: JSON strings have no newlines."""
_OUR_NAME: Final = f'"{PROGRAM}"'.encode()


def signature_of(name: str) -> str:
    """Return the name of the signature of a file."""
    return f"{name}.sig"


SIGNED: Final = (MANIFEST, RENDERED, RUN)
"""The files that are signed, if they exist."""
BESIDE: Final = frozenset({RUN, *map(signature_of, SIGNED)})
"""Files that can be in an evidence set although manifest.json and rendered.json do not list them."""


class DamagedSealError(InputError):
    """A manifest.json, rendered.json or run.json that was changed since credreport wrote it; `file` is its name."""

    def __init__(self, folder: Path | str, file: str, why: str) -> None:
        super().__init__(
            f"{file} in {folder} {why}", "use the original copy of the evidence set, or run credreport again"
        )
        self.folder = folder
        self.file = file
        self.why = why

    def __reduce__(self) -> tuple[type[DamagedSealError], tuple[Path | str, str, str]]:  # type: ignore[override]
        """Support pickling, so that workers can raise this error."""
        return type(self), (self.folder, self.file, self.why)


# --- writing and reading one file -------------------------------------------------------------------------------------


def seal(document: Mapping[str, Any]) -> bytes:
    """Return `document` as JSON (UTF-8) with its own `digest`, after `schema_version` if it has one, otherwise first.

    The JSON is indented to a depth of two. A list of objects has one object per line, because it can be long (a row
    per report). Such a list can be an iterator.
    """
    sealed: dict[str, Any] = {} if "schema_version" in document else {"digest": _BLANK}
    for key, value in document.items():
        if key != "digest":
            sealed[key] = value
        if key == "schema_version":
            sealed["digest"] = _BLANK
    buffer = BytesIO()
    buffer.writelines(text.encode() for text in _as_json(sealed))
    with buffer.getbuffer() as data:  # avoids a copy, because the document can be large
        start, end = _digits(data)
        data[start:end] = hashlib.sha256(data).hexdigest().encode()
    return buffer.getvalue()


def _as_json(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the text of a document in pieces, so that it is not in memory several times."""
    before = "{\n"
    for key, value in document.items():
        yield f"{before}  {json.dumps(key, ensure_ascii=False)}: "
        if isinstance(value, Iterator) or (isinstance(value, list) and all(isinstance(row, dict) for row in value)):
            yield from _rows_as_json(value)
        else:
            yield _indented(value, 1)
        before = ",\n"
    yield "\n}\n"


def _indented(value: object, depth: int) -> str:
    """Return the JSON text of a value at this depth; objects and lists down to `_DEEPEST` have a line for each part."""
    if depth > _DEEPEST or not value or not isinstance(value, dict | list):
        return _ENCODED(value)
    edge, margin = "\n" + "  " * depth, "\n" + "  " * (depth + 1)
    if isinstance(value, list):
        return f"[{margin}{f',{margin}'.join(map(_ENCODED, value))}{edge}]"
    parts = (f"{_ENCODED(key)}: {_indented(part, depth + 1)}" for key, part in value.items())
    return f"{{{margin}{f',{margin}'.join(parts)}{edge}}}"


_ENCODED: Final = json.JSONEncoder(ensure_ascii=False).encode
_DEEPEST: Final = 2


def _rows_as_json(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    before, after = "[\n    ", "[]"
    for row in rows:
        yield before + _ENCODED(row)
        before, after = ",\n    ", "\n  ]"
    yield after


def unseal(data: bytes, *, without: str | None = None) -> dict[str, Any]:
    """Return the document from the bytes of `seal`. Raises ValueError if a byte was changed since.

    `without` names a list of objects that the caller does not need; it is returned as an empty list, to save time.
    """
    start, end = _digits(data)
    blank, whole = hashlib.sha256(), memoryview(data)
    for part in (whole[:start], _BLANK.encode(), whole[end:]):
        blank.update(part)
    if blank.hexdigest().encode() != data[start:end]:
        raise ValueError("was changed since it was written: its digest does not match")
    document: dict[str, Any] = json.loads(_without_rows(data, without) if without else data)
    return document


def _without_rows(data: bytes, key: str) -> bytes:
    """Return a sealed file without the objects of a list; each object is on a line of its own."""
    head = f'\n  "{key}": ['.encode()
    start = data.find(head + b"\n")
    end = data.find(b"\n  ]", start)
    return data if start < 0 else data[: start + len(head)] + data[end + len(b"\n  ") :]


def _digits(data: bytes | memoryview) -> tuple[int, int]:
    """Return the start and the end of the digest in a sealed file. Raises ValueError if there is not exactly one."""
    matches = list(_DIGEST_LINE.finditer(data))
    if len(matches) != 1:
        raise ValueError("was changed since it was written: its digest is missing")
    return matches[0].span(1)


def own_digest(data: bytes) -> str:
    """Return the digest in a sealed file."""
    start, end = _digits(data)
    return data[start:end].decode()


def digest_of(path: Path) -> str:
    """Return a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- reading those of a folder ----------------------------------------------------------------------------------------


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of the evidence set in `folder`.

    Raises InputError if there is no manifest or if it has another version, and DamagedSealError if it was changed.
    """
    return _as_manifest(find_document(folder, MANIFEST), folder)


def manifest_of(data: bytes, location: str) -> dict[str, Any]:
    """Return the manifest from its bytes, which were read at a URL; raises as `read_manifest` does."""
    return _as_manifest(_document_of(data, location, MANIFEST), location)


def no_evidence_set(location: Path | str) -> InputError:
    """Return the error for a path or URL without an evidence set."""
    return InputError(
        f"no evidence set: {location} has no {MANIFEST} of {PROGRAM}",
        "give a folder that `credreport audit -o DIR`, `compare` or `history` wrote",
    )


def _as_manifest(document: dict[str, Any] | None, location: Path | str) -> dict[str, Any]:
    if document is None:
        raise no_evidence_set(location)
    _require_version(document, location)
    _require_rows(document.get("inputs"), location, MANIFEST)
    return document


def read_rendered(folder: Path) -> dict[str, Any] | None:
    """Return the `rendered.json` of `folder`; None if there is none. Raises as `read_manifest` does."""
    document = find_document(folder, RENDERED)
    if document is not None:
        _require_version(document, folder)
    return document


def find_document(folder: Path, name: str, *, without: str | None = None) -> dict[str, Any] | None:
    """Return the document `name` (MANIFEST or RENDERED) of `folder`, of any version.

    Returns None if it is missing or not from credreport. `without` is as in `unseal`. Each of its `outputs` has at
    least a `name`, which stays within the folder, and a `sha256`. Raises DamagedSealError if it is from credreport and
    was changed, and InputError if it cannot be read.
    """
    path = folder / name
    if path.is_symlink() or not path.is_file():
        return None
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}", "check permissions and the disk") from error
    return _document_of(data, folder, name, without=without)


def _document_of(data: bytes, folder: Path | str, name: str, *, without: str | None = None) -> dict[str, Any] | None:
    if _OUR_NAME not in data and not _DIGEST_LINE.search(data):
        return None
    try:
        document = _plain_of_first_version(data) or unseal(data, without=without)
    except (ValueError, RecursionError) as error:
        why = str(error) if type(error) is ValueError else "was changed since it was written: it is not valid JSON"
        raise DamagedSealError(folder, name, why) from error
    if document.get("program") != PROGRAM:
        return None
    _require_rows(document.get("outputs"), folder, name)
    for row in document["outputs"]:
        if not _stays_within(row["name"]):
            raise DamagedSealError(folder, name, f"names a file outside the folder: {row['name']!r}")
    return document


def _plain_of_first_version(data: bytes) -> dict[str, Any] | None:
    """Return a manifest of credreport 0.1, which has no digest; None if `data` is not such a manifest."""
    if _DIGEST_LINE.search(data):
        return None
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    is_first = isinstance(document, dict) and document.get("program") == PROGRAM and document.get("schema_version") == 1
    return document if is_first and "digest" not in document else None


def _require_version(document: Mapping[str, Any], folder: Path | str) -> None:
    version = document.get("schema_version")
    if version == SCHEMA_VERSION:
        return
    if isinstance(version, int) and version > SCHEMA_VERSION:
        hint = "update credreport"
    else:
        hint = "run the command again with this version, or use the one that wrote the set"
    raise InputError(
        f"the evidence set {folder} has schema version {version}, this credreport reads version {SCHEMA_VERSION}", hint
    )


def _require_rows(rows: object, folder: Path | str, name: str) -> None:
    """Raise DamagedSealError unless `rows` is a list of objects with a `name` and a `sha256`."""
    if not isinstance(rows, list) or not all(_is_row(row) for row in rows):
        raise DamagedSealError(folder, name, "does not list the names and digests of its files")


def _is_row(row: object) -> bool:
    return (
        isinstance(row, dict)
        and isinstance(row.get("name"), str)
        and isinstance(digest := row.get("sha256"), str)
        and _SHA256.fullmatch(digest) is not None
    )


def _stays_within(name: str) -> bool:
    """Whether a name is a relative path that stays within the folder, with `/` between folders."""
    parts = name.split("/")
    odd = "\\" in name or "\0" in name or re.match(r"[A-Za-z]:", name)
    return not odd and all(part not in {"", ".", ".."} for part in parts) and name not in {MANIFEST, RENDERED}


def key_of(manifest: Mapping[str, Any]) -> str | None:
    """Return the fingerprint of the key of the pseudonyms in a set; None if the set has names."""
    fingerprint: str | None = manifest.get("settings", {}).get("pseudonyms")
    return fingerprint


def names_of(*documents: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the digest of each output that the documents list, by its name."""
    rows: Iterable[Mapping[str, Any]] = (
        row for document in documents if document is not None for row in document["outputs"]
    )
    return {row["name"]: row["sha256"] for row in rows}
