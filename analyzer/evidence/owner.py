"""What stands in a folder that is replaced as a whole, and what of it is its owner's: all but what others changed."""

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
"""Nanoseconds after which a new change of a file surely shows in its time, on any file system."""
_BYSTANDER: Final = re.compile(r"\.DS_Store|(?i:Thumbs\.db|desktop\.ini)|~\$.*|\.~lock\..*#", re.DOTALL)


def is_bystander(name: str) -> bool:
    """Whether a file of this name is a note of a desktop or office program: nobody's concern, and nobody's loss."""
    return _BYSTANDER.fullmatch(name.rpartition("/")[2]) is not None


@dataclass(frozen=True)
class Standing:
    """What stands in a folder, by names relative to it with `/`; without bystanders."""

    files: frozenset[str]
    folders: frozenset[str]
    others: frozenset[str]
    """Links, pipes, devices: nothing that credreport writes."""

    @classmethod
    def of(cls, folder: Path) -> Standing:
        """Return what stands in `folder`; links are not followed. Raises OSError where it cannot be listed."""
        files, folders, others = set[str](), set[str](), set[str]()
        for place, names, plain in os.walk(folder, onerror=_raise):
            for name in (*names, *plain):
                path = Path(place, name)
                shown = path.relative_to(folder).as_posix()
                if path.is_symlink():
                    others.add(shown)
                elif path.is_dir():
                    folders.add(shown)
                elif not path.is_file():
                    others.add(shown)
                elif not is_bystander(name):
                    files.add(shown)
        return cls(frozenset(files), frozenset(folders), frozenset(others))

    @property
    def empty(self) -> bool:
        """Whether nothing stands in it."""
        return not (self.files or self.folders or self.others)


def _raise(error: OSError) -> NoReturn:
    raise error


@dataclass(frozen=True)
class Claims:
    """What of a folder is its owner's: `listed` (files) and `folders`, of which `changed` are not as it wrote them.

    `known` is False where nothing shows that the folder was ever the owner's.
    """

    known: bool
    listed: Collection[str] = ()
    folders: Collection[str] = ()
    changed: Collection[str] = ()


@dataclass(frozen=True)
class Owner:
    """Who replaces folders: `claims` says which files in one are its own; the rest is how errors speak of it."""

    what: str
    elsewhere: str
    mark: str
    claims: Callable[[Path, Standing], Claims]


def _claims_of_evidence(folder: Path, found: Standing) -> Claims:
    documents = []
    try:
        for name in (MANIFEST, RENDERED):
            document = find_document(folder, name, without="inputs")
            if document is not None:
                documents.append((name, document))
    except DamagedSealError as error:
        # What else is ours cannot be known then, nor that it is not.
        return Claims(known=True, listed=found.files, folders=found.folders, changed=[error.file])
    if documents and documents[0][0] != MANIFEST:
        return Claims(known=True, listed=found.files, folders=found.folders, changed=[MANIFEST])
    digests = names_of(*(document for _, document in documents))
    changed = [name for name in digests if name in found.files and _remembered_digest(folder / name) != digests[name]]
    # A link or a folder where a file was is a change too.
    changed += [name for name in digests if name in found.others or name in found.folders]
    folders = {parent.as_posix() for name in digests for parent in Path(name).parents}
    own = {*digests, *(name for name, _ in documents), *(BESIDE & found.files if documents else ())}
    return Claims(bool(documents), own, folders | set(changed), changed)


_digests: dict[tuple[int, ...], str] = {}


def _remembered_digest(path: Path) -> str:
    """Return a file's SHA-256, read once while nothing shows that it changed: an old set may have many gigabytes."""
    state = path.stat()
    key = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    if key in _digests:
        return _digests[key]
    started = time.time_ns()
    digest = digest_of(path)
    if (
        system.shows_each_change() and started - state.st_mtime_ns > _SETTLED
    ):  # else it may change again and its time stay the same
        _digests[key] = digest
    return digest


EVIDENCE: Final = Owner("output folder", "choose another folder with -o", MANIFEST, _claims_of_evidence)
"""The evidence sets of audits, comparisons and histories."""


def evidence_with_changes(known: Mapping[str, str]) -> Owner:
    """Return the owner of evidence sets in which these files may differ from what was written.

    `known` has the SHA-256 of each as it was read: a later change counts as one.
    """

    def claims(folder: Path, found: Standing) -> Claims:
        of_evidence = _claims_of_evidence(folder, found)
        read = {name for name in known.keys() & found.files if _remembered_digest(folder / name) == known[name]}
        return replace(of_evidence, changed=[name for name in of_evidence.changed if name not in read])

    return replace(EVIDENCE, claims=claims)
