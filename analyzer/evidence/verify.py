"""Whether an evidence set, and what it was made of, is still as the manifest has it: byte for byte."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analyzer.controls.vocabulary import counted
from analyzer.errors import InputError, UsageError
from analyzer.evidence.folder import in_one_state
from analyzer.evidence.owner import Standing
from analyzer.evidence.record import RECORDED, read_record
from analyzer.evidence.seal import (
    BESIDE,
    MANIFEST,
    RENDERED,
    RUN,
    SIGNED,
    DamagedSealError,
    digest_of,
    key_of,
    names_of,
    read_manifest,
    read_rendered,
    signature_of,
)
from analyzer.survey.digests import Digested, digests_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from analyzer.survey.pseudonyms import Pseudonyms

_PART_OF_FILE: Final = re.compile(r"#\d+$")
"""What follows the name of a file that holds several reports; all of them have the digest of the file."""
_STANDARD_INPUT: Final = "-"


class Difference(NamedTuple):
    """A file that is not as the manifest has it.

    `kind` is `manifest` (manifest.json and rendered.json), `table`, `rendering`, `input`, `record` (run.json),
    `signature`, or `file` (that nothing lists); `name` is relative to the set, an input's as the manifest has it.
    """

    kind: str
    name: str
    why: str


@dataclass(frozen=True)
class Verification:
    """What became of an evidence set: `checked` counts the files that were looked at, by kind."""

    folder: str
    changed: tuple[Difference, ...]
    missing: tuple[Difference, ...]
    extra: tuple[Difference, ...]
    checked: Mapping[str, int]
    signed_by: Mapping[str, str] | None = None
    """The signer of each file, where signatures were checked."""
    has_signatures: bool = False
    record: Mapping[str, Any] | None = None
    """What `run.json` says, where it is there."""

    notes: tuple[str, ...] = ()
    """What else is to be known, in lines."""

    @property
    def holds(self) -> bool:
        """Whether all is as it was written, and nothing is missing or was added."""
        return not (self.changed or self.missing or self.extra)

    @property
    def exit_code(self) -> int:
        """0 where all holds, else 1."""
        return 0 if self.holds else 1

    @property
    def facts(self) -> dict[str, Any]:
        """The same as plain data: what `--json` prints."""
        differences = {"changed": self.changed, "missing": self.missing, "extra": self.extra}
        return {
            "folder": self.folder,
            "holds": self.holds,
            "checked": dict(self.checked),
            **({"notes": list(self.notes)} if self.notes else {}),
            **({} if self.signed_by is None else {"signed_by": dict(self.signed_by)}),
            **({} if self.record is None else {"run": {name: self.record[name] for name in RECORDED}}),
            **{name: [one._asdict() for one in found] for name, found in differences.items()},
        }

    @property
    def lines(self) -> list[str]:
        """The same for people, the answer first."""
        counts = ", ".join(counted(count, kind) for kind, count in self.checked.items() if count)
        answer = "verified, all files are as they were written" if self.holds else "verification failed"
        found = [
            f"{word}: {one.name} ({one.kind}): {one.why}"
            for word, differences in (("changed", self.changed), ("missing", self.missing), ("extra", self.extra))
            for one in differences
        ]
        run = self.record
        made = [] if run is None else [f"made by {run['name']} on {run['host']}, {run['started']} to {run['ended']}"]
        signers = [f"signed by {signer}: {name}" for name, signer in (self.signed_by or {}).items()]
        left_out = [] if "input" in self.checked else ["inputs were not checked: give them with --inputs"]
        if self.has_signatures and self.signed_by is None:
            left_out.append("signatures were not checked: give the list of signers with --allowed-signers")
        return [f"{self.folder}: {answer}", *found, *made, *signers, *self.notes, f"checked: {counts}", *left_out]


def verify(
    folder: Path,
    inputs: Sequence[str] = (),
    pseudonyms: Pseudonyms | None = None,
    allowed_signers: Path | None = None,
) -> Verification:
    """Compare the evidence set in `folder` with its manifest, and `inputs` (files, folders, archives) with its inputs.

    Every byte is read. With a list of `allowed_signers`, each document must have a signature of one of these. Raises
    InputError where `folder` holds no evidence set of this version, or an input that was given does not exist, and
    UsageError unless `pseudonyms` are those of the set. A manifest that was changed is the only difference shown: what
    it lists cannot be trusted.
    """
    if not folder.is_dir():
        read_manifest(folder)  # which says that there is none
    if inputs:
        _require_key_of(folder, pseudonyms)
    given = list(digests_of(inputs, leave_out=folder)) if inputs else None
    try:
        return in_one_state(folder, partial(_verified, folder, given, pseudonyms, allowed_signers))
    except OSError as error:
        raise InputError(
            f"cannot read {folder}: {error.strerror or error}", "check permissions and the disk"
        ) from error


def changed_tables(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Return the tables of a set, by file, that are not as its manifest describes them."""
    work = _Work(folder, Standing.of(folder))
    work.compare("table", manifest)
    return sorted(one.name for one in (*work.changed, *work.missing))


def _require_key_of(folder: Path, pseudonyms: Pseudonyms | None) -> None:
    """Raise UsageError unless the pseudonyms are those of a set; of a set that was changed, that is not known."""
    try:
        of_set = key_of(read_manifest(folder))
    except DamagedSealError:
        return
    if pseudonyms is None and of_set is not None:
        raise UsageError(
            f"{folder} has pseudonyms instead of the names of its inputs",
            "give the key of the pseudonyms: --pseudonyms KEYFILE",
        )
    if pseudonyms is not None and of_set is None:
        raise UsageError(f"{folder} has no pseudonyms", "leave --pseudonyms out")
    if pseudonyms is not None and of_set != pseudonyms.fingerprint:
        raise UsageError(
            f"--pseudonyms: {folder} was made with another key: its key has the fingerprint {of_set}, the given key "
            f"{pseudonyms.fingerprint}",
            "give the key file that was used for that run",
        )


def _verified(
    folder: Path, given: Sequence[Digested] | None, pseudonyms: Pseudonyms | None, allowed_signers: Path | None
) -> Verification:
    """Compare a set with its manifest, and the files that were `given` (None: not to be checked) with its inputs."""
    work = _Work(folder, Standing.of(folder))
    work.checked["manifest"] = 1
    if allowed_signers is not None:
        work.check_signatures(allowed_signers)
    try:
        manifest = read_manifest(folder)
    except DamagedSealError as error:
        work.changed.append(Difference("manifest", MANIFEST, error.why))
        return work.result()
    work.compare("table", manifest)
    unlisted = set(work.standing.files) - names_of(manifest).keys() - {MANIFEST} - BESIDE
    work.check_record(manifest)
    if RENDERED in unlisted:
        unlisted = work.compare_rendered(manifest, unlisted)
    work.extra += [Difference("file", name, f"is not listed in {MANIFEST} or {RENDERED}") for name in unlisted]
    if given is not None:
        work.checked["input"] = len({_file_of(row["name"]) for row in manifest["inputs"]})
        if pseudonyms is not None:
            given = _under(pseudonyms, given, {_file_of(row["name"]) for row in manifest["inputs"]})
        changed, missing = _compare_inputs(manifest["inputs"], given)
        work.changed += changed
        work.missing += missing
    return work.result()


class _Work:
    """What is found while a set is compared with its manifest."""

    def __init__(self, folder: Path, standing: Standing) -> None:
        self.folder, self.standing = folder, standing
        self.changed: list[Difference] = []
        self.missing: list[Difference] = []
        self.extra = [Difference("file", name, "is not a regular file") for name in standing.others]
        self.checked: dict[str, int] = {}
        self.signed_by: dict[str, str] | None = None
        self.record: Mapping[str, Any] | None = None

    def compare(self, kind: str, document: Mapping[str, Any]) -> None:
        """Compare the files that a document lists with their digests."""
        names = names_of(document)
        self.checked[kind] = len(names)
        for name, digest in names.items():
            if name in self.standing.files:
                self._compare_file(kind, name, digest)
            else:
                self.missing.append(Difference(kind, name, "is not in the folder"))

    def _compare_file(self, kind: str, name: str, digest: str) -> None:
        try:
            if digest_of(self.folder / name) != digest:
                self.changed.append(Difference(kind, name, "was changed since it was written"))
        except OSError as error:
            self.changed.append(Difference(kind, name, f"cannot be read: {error.strerror or error}"))

    def compare_rendered(self, manifest: Mapping[str, Any], unlisted: Collection[str]) -> set[str]:
        """Compare the renderings; return which files, of those that the manifest does not list, are none."""
        try:
            rendered = read_rendered(self.folder)
        except DamagedSealError as error:
            self.checked["manifest"] += 1
            self.changed.append(Difference("manifest", RENDERED, error.why))
            return set()  # what it had listed is not known, nor what it had not
        if rendered is None:
            return set(unlisted)
        self.checked["manifest"] += 1
        if rendered.get("manifest") != manifest["digest"]:
            self.changed.append(Difference("manifest", RENDERED, f"was not rendered from this {MANIFEST}"))
        self.compare("rendering", rendered)
        return set(unlisted) - names_of(rendered).keys() - {RENDERED}

    def check_record(self, manifest: Mapping[str, Any]) -> None:
        """Compare what `run.json` says, if it is there, with the manifest."""
        try:
            found = read_record(self.folder)
        except DamagedSealError as error:
            self.changed.append(Difference("record", RUN, error.why))
            return
        if found is not None:
            self.record = found
            self.checked["record"] = 1
            if found["manifest"] != manifest["digest"]:
                self.changed.append(Difference("record", RUN, f"belongs to another run than this {MANIFEST}"))

    def check_signatures(self, allowed: Path) -> None:
        """Check the signatures of the documents by a list of allowed signers."""
        from analyzer.evidence import signing  # noqa: PLC0415 - most sets are verified without

        self.signed_by = {}
        for one in signing.check(self.folder, allowed):
            self.checked["signature"] = self.checked.get("signature", 0) + 1
            if one.signer is not None:
                self.signed_by[one.file] = one.signer
            elif signature_of(one.file) in self.standing.files:
                self.changed.append(Difference("signature", one.file, one.why))
            else:
                self.missing.append(Difference("signature", one.file, one.why))

    def result(self) -> Verification:
        """Return all of it, sorted."""
        changed, missing, extra = (tuple(sorted(one)) for one in (self.changed, self.missing, self.extra))
        has_signatures = any(signature_of(name) in self.standing.files for name in SIGNED)
        return Verification(
            str(self.folder), changed, missing, extra, self.checked, self.signed_by, has_signatures, self.record
        )


# --- inputs -----------------------------------------------------------------------------------------------------------


def _file_of(name: str) -> str:
    """Return the name of the file in which an input stands."""
    return _PART_OF_FILE.sub("", name)


def _under(pseudonyms: Pseudonyms, given: Sequence[Digested], names: Collection[str]) -> list[Digested]:
    """Return the files that were given under pseudonyms: of the last parts of each name, those that are an input's.

    Folders may have been copied to another place since.
    """

    def name_of(name: str) -> str:
        parts = name.split("/")
        tails = (pseudonyms.source("/".join(parts[start:])) for start in range(len(parts)))
        return next((one for one in tails if one in names), pseudonyms.source(name))

    return [Digested(name_of(one.name), one.sha256, one.name) for one in given]


def _compare_inputs(
    rows: Sequence[Mapping[str, Any]], given: Sequence[Digested]
) -> tuple[list[Difference], list[Difference]]:
    """Return which inputs of a manifest were changed and which are missing among the files that were `given`.

    An input is found by its digest, whatever its name is now: as many files of a digest as there were. What is not
    found so is looked for by name: one with the same name and other bytes is that input, changed.
    """
    expected: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        expected[row["sha256"]].add(_file_of(row["name"]))
    with_digest: dict[str | None, list[str]] = defaultdict(list)
    for one in given:
        with_digest[one.sha256].append(one.name)
    lost = [name for digest, names in expected.items() for name in _unmatched(names, with_digest.get(digest, []))]
    others = [one for one in given if one.sha256 not in expected]
    changed, missing = [], []
    files = {_tail(one.name, 1): one for one in others}
    for name, same_name in _by_name(sorted(lost), others):
        # An archive that was damaged may show no member.
        other = same_name or next((files[part] for part in name.split("/")[:-1] if part in files), None)
        if other is None:
            why = "was read from standard input; give the same bytes as a file" if name == _STANDARD_INPUT else _ABSENT
            missing.append(Difference("input", name, why))
        elif other.sha256 is None:
            changed.append(Difference("input", name, f"{other.as_given} cannot be read"))
        else:
            changed.append(Difference("input", name, f"{other.as_given} differs from the file that was read"))
    return changed, missing


_ABSENT: Final = "no given file has its SHA-256 or its name"


def _unmatched(names: set[str], given: Sequence[str]) -> list[str]:
    """Return which of the inputs of one digest are left over when each of the files `given` stands for one of them."""
    left = len(names) - len(given)
    if left <= 0:
        return []
    tails = {_tail(one, depth) for one in given for depth in range(1, one.count("/") + 2)}

    def likeness(name: str) -> int:
        return max((depth for depth in range(1, name.count("/") + 2) if _tail(name, depth) in tails), default=0)

    return sorted(names, key=lambda name: (likeness(name), name))[:left]


def _by_name(names: Sequence[str], given: Sequence[Digested]) -> Iterator[tuple[str, Digested | None]]:
    """Yield each name with the given file that is most like it, by how many of their last parts agree; each file once.

    Folders may have been copied to another place since, so names need not agree from their beginning.
    """
    waiting, unused = dict.fromkeys(names), dict.fromkeys(given)
    deepest = max((name.count("/") + 1 for name in (*names, *(one.name for one in given))), default=0)
    for depth in range(deepest, 0, -1):
        of_tail: dict[str, list[Digested]] = defaultdict(list)
        for one in reversed(unused):
            of_tail[_tail(one.name, depth)].append(one)
        for name in list(waiting):
            if name.count("/") + 1 >= depth and (found := of_tail.get(_tail(name, depth))):
                other = found.pop()
                del waiting[name], unused[other]
                yield name, other
    for name in waiting:
        yield name, None


def _tail(name: str, parts: int) -> str:
    return "/".join(name.split("/")[-parts:])
