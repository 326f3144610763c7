"""Compares the files that a user gives to `verify` with the inputs that a manifest lists."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analyzer.evidence.seal import MANIFEST, key_of
from analyzer.survey.digests import Digested

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from analyzer.survey.pseudonyms import Pseudonyms

_PART_OF_FILE: Final = re.compile(r"#\d+$")
"""The suffix of a report's name if its file has several reports; all of them have the digest of the file."""
_STANDARD_INPUT: Final = "-"


class Difference(NamedTuple):
    """A file that differs from the manifest.

    `kind` is `manifest` (manifest.json or rendered.json), `table`, `rendering`, `input`, `record` (run.json),
    `signature`, or `file` (not listed). `name` is relative to the set; for an input, it is the name in the manifest.
    """

    kind: str
    name: str
    why: str


class InputFiles(NamedTuple):
    """The files that the user gave: each with its digest, and the paths as they were typed."""

    files: Sequence[Digested]
    paths: Sequence[str]

    def has(self, sha256: str) -> bool:
        """Whether one of the files has this SHA-256."""
        return any(file.sha256 == sha256 for file in self.files)

    def named_like(self, name: str) -> str | None:
        """Return the path that names a file of this name; a file that was found in a folder does not count."""
        last = _tail(name, 1)
        return next((path for path in self.paths if Path(path).name == last and not Path(path).is_dir()), None)


class FileOfSettings(NamedTuple):
    """A policy file or a list of the run, with a line for the reader if it is not among the given files."""

    kind: str
    name: str
    sha256: str
    unchecked: str


def files_of_settings(manifest: Mapping[str, Any]) -> Iterator[FileOfSettings]:
    """Yield the policy file and the lists that the run used."""
    settings = manifest.get("settings", {})
    if policy := settings.get("policy"):
        line = (
            f"{policy['name']}: its text is in {MANIFEST} with pseudonyms; the file cannot be checked"
            if key_of(manifest)
            else f"{policy['name']}: its text is in {MANIFEST}; the file was not checked"
        )
        yield FileOfSettings("policy", policy["name"], policy["sha256"], line)
    for kind in ("accounts", "leavers", "people"):
        if listed := settings.get(kind):
            line = f"{listed['name']}: its SHA-256 is in {MANIFEST}; the file was not checked"
            yield FileOfSettings("list", listed["name"], listed["sha256"], line)


def manifests_in(paths: Sequence[str]) -> list[str]:
    """Return paths with the manifest in place of each folder of an evidence set: the input of a sample.

    Other commands pass over such folders.
    """
    return [str(Path(path) / MANIFEST) if (Path(path) / MANIFEST).is_file() else path for path in paths]


def file_of(name: str) -> str:
    """Return the name of the file that contains an input."""
    return _PART_OF_FILE.sub("", name)


def under(pseudonyms: Pseudonyms, files: Sequence[Digested], names: Collection[str]) -> list[Digested]:
    """Return the given files with pseudonyms as names.

    Folders may have been copied elsewhere since the run. So the end of each path is tried, until its pseudonym is the
    name of an input.
    """

    def name_of(name: str) -> str:
        parts = name.split("/")
        tails = (pseudonyms.source("/".join(parts[start:])) for start in range(len(parts)))
        return next((tail for tail in tails if tail in names), pseudonyms.source(name))

    return [Digested(name_of(file.name), file.sha256, file.name) for file in files]


def compare_inputs(
    rows: Sequence[Mapping[str, Any]], files: Sequence[Digested]
) -> tuple[list[Difference], list[Difference]]:
    """Return the inputs of a manifest that were changed, and those that are missing from the given `files`.

    An input is first searched by its digest, under any name; each given file counts for one input. Other inputs are
    searched by name: a file with the same name and another digest is the changed input.
    """
    expected: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        expected[row["sha256"]].add(file_of(row["name"]))
    with_digest: dict[str | None, list[str]] = defaultdict(list)
    for file in files:
        with_digest[file.sha256].append(file.name)
    unmatched = [name for digest, names in expected.items() for name in _unmatched(names, with_digest.get(digest, []))]
    others = [file for file in files if file.sha256 not in expected]
    changed, missing = [], []
    files_by_name = {_tail(file.name, 1): file for file in others}
    for name, same_name in _by_name(sorted(unmatched), others):
        # The members of a damaged archive may not be readable. Then the archive itself is the changed file.
        archives = (files_by_name[part] for part in name.split("/")[:-1] if part in files_by_name)
        given_file = same_name or next(archives, None)
        if given_file is None:
            why = "was read from standard input; give the same bytes as a file" if name == _STANDARD_INPUT else ABSENT
            missing.append(Difference("input", name, why))
        elif given_file.sha256 is None:
            changed.append(Difference("input", name, f"{given_file.as_given} cannot be read"))
        else:
            changed.append(Difference("input", name, f"{given_file.as_given} differs from the file that was read"))
    return changed, missing


ABSENT: Final = "no given file has its SHA-256 or its name"


def _unmatched(names: set[str], file_names: Sequence[str]) -> list[str]:
    """Return the inputs of one digest that remain if each given file of this digest counts for one input."""
    unmatched_count = len(names) - len(file_names)
    if unmatched_count <= 0:
        return []
    tails = {_tail(file, depth) for file in file_names for depth in range(1, file.count("/") + 2)}

    def likeness(name: str) -> int:
        return max((depth for depth in range(1, name.count("/") + 2) if _tail(name, depth) in tails), default=0)

    return sorted(names, key=lambda name: (likeness(name), name))[:unmatched_count]


def _by_name(names: Sequence[str], files: Sequence[Digested]) -> Iterator[tuple[str, Digested | None]]:
    """Yield each name with the most similar given file, or None; each file is used once.

    The similarity is the number of equal parts at the end of the paths, because folders may have been copied elsewhere.
    """
    waiting, unused = dict.fromkeys(names), dict.fromkeys(files)
    deepest = max((name.count("/") + 1 for name in (*names, *(file.name for file in files))), default=0)
    for depth in range(deepest, 0, -1):
        of_tail: dict[str, list[Digested]] = defaultdict(list)
        for file in reversed(unused):
            of_tail[_tail(file.name, depth)].append(file)
        for name in list(waiting):
            if name.count("/") + 1 >= depth and (candidates := of_tail.get(_tail(name, depth))):
                file = candidates.pop()
                del waiting[name], unused[file]
                yield name, file
    for name in waiting:
        yield name, None


def _tail(name: str, parts: int) -> str:
    return "/".join(name.split("/")[-parts:])
