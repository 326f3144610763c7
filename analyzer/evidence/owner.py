"""The content of a folder that credreport replaces, and which files in it are its own and unchanged."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from analyzer.evidence import system
from analyzer.evidence.seal import BESIDE, MANIFEST, RENDERED, DamagedSealError, digest_of, find_document, names_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

_SETTLED: Final = 2 * 10**9
"""Nanoseconds after which a new change of a file gives it another modification time, on any file system."""
_BYSTANDER: Final = re.compile(r"\.DS_Store|(?i:Thumbs\.db|desktop\.ini)|~\$.*|\.~lock\..*#", re.DOTALL)


def is_bystander(name: str) -> bool:
    """Whether a file of this name comes from a desktop or office program and can be ignored and lost."""
    return _BYSTANDER.fullmatch(name.rpartition("/")[2]) is not None


@dataclass(frozen=True)
class Standing:
    """The content of a folder: names relative to it, with `/` between folders, without bystanders."""

    files: frozenset[str]
    folders: frozenset[str]
    others: frozenset[str]
    """Links, pipes and devices, which credreport never writes."""

    @classmethod
    def of(cls, folder: Path) -> Standing:
        """Return the content of `folder`; links are not followed. Raises OSError if it cannot be listed."""
        files, folders, others = set[str](), set[str](), set[str]()
        for parent, folder_names, file_names in os.walk(folder, onerror=_raise):
            for name in (*folder_names, *file_names):
                path = Path(parent, name)
                relative = path.relative_to(folder).as_posix()
                if path.is_symlink():
                    others.add(relative)
                elif path.is_dir():
                    folders.add(relative)
                elif not path.is_file():
                    others.add(relative)
                elif not is_bystander(name):
                    files.add(relative)
        return cls(frozenset(files), frozenset(folders), frozenset(others))

    @property
    def empty(self) -> bool:
        """Whether the folder has no content."""
        return not (self.files or self.folders or self.others)


def _raise(error: OSError) -> NoReturn:
    raise error


@dataclass(frozen=True)
class Claims:
    """The part of a folder that its owner wrote: `listed` files and `folders`; `changed` were changed since then.

    `is_owned` is False if nothing shows that the owner ever wrote the folder.
    """

    is_owned: bool
    listed: Collection[str] = ()
    folders: Collection[str] = ()
    changed: Collection[str] = ()


@dataclass(frozen=True)
class Owner:
    """A kind of folder that credreport replaces: `claims` finds its own files; the texts are for error messages."""

    noun: str
    elsewhere: str
    mark: str
    claims: Callable[[Path, Standing], Claims]


def _claims_of_evidence(folder: Path, standing: Standing) -> Claims:
    documents = []
    try:
        for name in (MANIFEST, RENDERED):
            document = find_document(folder, name, without="inputs")
            if document is not None:
                documents.append((name, document))
    except DamagedSealError as error:
        # Without the document, it is not known which of the other files are ours.
        return Claims(is_owned=True, listed=standing.files, folders=standing.folders, changed=[error.file])
    if documents and documents[0][0] != MANIFEST:
        return Claims(is_owned=True, listed=standing.files, folders=standing.folders, changed=[MANIFEST])
    digests = names_of(*(document for _, document in documents))
    changed = [
        name for name in digests if name in standing.files and _remembered_digest(folder / name) != digests[name]
    ]
    # A link or a folder in place of a file is a change too.
    changed += [name for name in digests if name in standing.others or name in standing.folders]
    folders = {parent.as_posix() for name in digests for parent in Path(name).parents}
    own = {*digests, *(name for name, _ in documents), *(BESIDE & standing.files if documents else ())}
    return Claims(bool(documents), own, folders | set(changed), changed)


_digests: dict[tuple[int, ...], str] = {}


def _remembered_digest(path: Path) -> str:
    """Return a file's SHA-256; it is read again only if its state changed, because a set can have many gigabytes."""
    state = path.stat()
    key = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    if key in _digests:
        return _digests[key]
    started = time.time_ns()
    digest = digest_of(path)
    # A file that was changed very recently may change again without a new modification time.
    if system.shows_each_change() and started - state.st_mtime_ns > _SETTLED:
        _digests[key] = digest
    return digest


EVIDENCE: Final = Owner("output folder", "choose another folder with -o", MANIFEST, _claims_of_evidence)
"""The evidence sets of audits, comparisons and histories."""


def evidence_with_changes(digests: Mapping[str, str]) -> Owner:
    """Return the owner of evidence sets in which the files of `digests` may have been changed.

    `digests` has the SHA-256 of each file when it was read; a change after that is reported.
    """

    def claims(folder: Path, standing: Standing) -> Claims:
        of_evidence = _claims_of_evidence(folder, standing)
        same = {name for name in digests.keys() & standing.files if _remembered_digest(folder / name) == digests[name]}
        return replace(of_evidence, changed=[name for name in of_evidence.changed if name not in same])

    return replace(EVIDENCE, claims=claims)
