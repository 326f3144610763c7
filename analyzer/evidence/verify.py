"""Compares an evidence set and its inputs with the manifest, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from analyzer.controls.vocabulary import counted
from analyzer.errors import InputError, UsageError, first_few
from analyzer.evidence.folder import in_one_state
from analyzer.evidence.input_files import (
    ABSENT,
    Difference,
    InputFiles,
    compare_inputs,
    file_of,
    files_of_settings,
    manifests_in,
    under,
)
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
    find_document,
    key_of,
    names_of,
    read_manifest,
    read_rendered,
    signature_of,
)
from analyzer.survey.digests import digests_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from analyzer.survey.digests import Digested
    from analyzer.survey.pseudonyms import Pseudonyms

_COPY: Final = {
    False: "if reviewers wrote in {}: reviewers write in a copy; --carry-over takes their marks into the next workbook",
    True: "if testers wrote in {}: testers write in a copy",
}
"""What to do about a changed file that has cells to fill in, for an evidence set and for a sample."""
_MOST_NAMED: Final = 3
"""The most inputs that are named as not given."""
_TO_FILL_IN: Final = (".xlsx", "sample.csv")
"""The ends of the names of files that have cells to fill in."""


@dataclass(frozen=True)
class Verification:
    """The result of verifying an evidence set: `checked` counts the compared files by kind."""

    folder: str
    changed: tuple[Difference, ...]
    missing: tuple[Difference, ...]
    extra: tuple[Difference, ...]
    checked: Mapping[str, int]
    signed_by: Mapping[str, str] | None = None
    """The signer of each file; None if signatures were not checked."""
    has_signatures: bool = False
    record: Mapping[str, Any] | None = None
    """The content of `run.json`; None if there is no such file."""

    notes: tuple[str, ...] = ()
    """Further lines for the reader."""

    digest: str | None = None
    """The digest in `manifest.json`, which the page and the PDF show at their foot; None if the file was changed."""
    is_sample: bool = False

    @property
    def holds(self) -> bool:
        """Whether no file was changed, added or removed."""
        return not (self.changed or self.missing or self.extra)

    @property
    def exit_code(self) -> int:
        """0 if no file was changed, added or removed; otherwise 1."""
        return 0 if self.holds else 1

    @property
    def _not_given(self) -> list[Difference]:
        """The inputs that no given file is or replaces."""
        return [difference for difference in self.missing if difference.kind == "input"]

    @property
    def facts(self) -> dict[str, Any]:
        """The result as plain data, for `--json`."""
        differences = {"changed": self.changed, "missing": self.missing, "extra": self.extra}
        listed, absent = self.checked.get("input"), len(self._not_given)
        inputs = None if listed is None else {"listed": listed, "checked": listed - absent, "not_given": absent}
        return {
            "folder": self.folder,
            "holds": self.holds,
            "digest": self.digest,
            "checked": dict(self.checked),
            "inputs": inputs,
            "notes": list(self.notes),
            **({} if self.signed_by is None else {"signed_by": dict(self.signed_by)}),
            **({} if self.record is None else {"run": {name: self.record[name] for name in RECORDED}}),
            **{name: [difference._asdict() for difference in files] for name, files in differences.items()},
        }

    @property
    def lines(self) -> list[str]:
        """The result as lines of text, the answer first."""
        missing = [difference for difference in self.missing if difference.kind != "input"]
        unusual = [difference for difference in self._not_given if difference.why != ABSENT]
        words = {"changed": self.changed, "missing": missing, "extra": self.extra, "not given": unusual}
        files = [
            f"{word}: {difference.name} ({difference.kind}): {difference.why}"
            for word, differences in words.items()
            for difference in differences
        ]
        run = self.record
        run_lines = (
            [] if run is None else [f"made by {run['name']} on {run['host']}, {run['started']} to {run['ended']}"]
        )
        signers = [f"signed by {signer}: {name}" for name, signer in (self.signed_by or {}).items()]
        left_out = []
        if self.has_signatures and self.signed_by is None:
            left_out.append("signatures were not checked: give the list of signers with --allowed-signers")
        if self.digest is not None and "input" not in self.checked:
            pronoun = "it" if self.is_sample else "them"
            left_out.append(f"the {self._unchecked} not checked: give {pronoun} with --inputs PATH")
        noun = "sample" if self.is_sample else "evidence set"
        # The digest covers the manifest and the tables, so a changed page leaves it as it was.
        label = f"digest of the {noun}{' (some files differ, see above)' if self._failed else ''}"
        digest_lines = [] if self.digest is None else [f"{label}: {self.digest}"]
        answer = f"{self.folder}: {self._answer}"
        files += [*self._hint_of_copies, *self._absent_in_words]
        return [answer, *files, *run_lines, *signers, *self.notes, self._counts, *digest_lines, *left_out]

    @property
    def _hint_of_copies(self) -> list[str]:
        """A line on changed files in which people may have filled in cells, if there are any."""
        names = [
            difference.name
            for difference in self.changed
            if difference.kind in {"rendering", "table"} and difference.name.endswith(_TO_FILL_IN)
        ]
        return [_COPY[self.is_sample].format(first_few(names))] if names else []

    @property
    def _absent_in_words(self) -> list[str]:
        """A line with the number of inputs that were not given, and the names of the first."""
        names = [difference.name for difference in self._not_given if difference.why == ABSENT]
        if not names:
            return []
        number = counted(len(names), "evidence set" if self.is_sample else "report")
        which = f"{number} {'was' if len(names) == 1 else 'were'} not given"
        rest = " (--json lists all)" if len(names) > _MOST_NAMED else ""
        return [f"{which}, neither by SHA-256 nor by name: {first_few(names, most=_MOST_NAMED)}{rest}"]

    @property
    def _unchecked(self) -> str:
        """The inputs with their verb, as the beginning of a sentence on their not being checked."""
        return "evidence set of the sample was" if self.is_sample else "reports were"

    @property
    def _failed(self) -> bool:
        """Whether a file was changed, added or removed, other than inputs that are not given."""
        return bool(self.changed or self.extra or any(difference.kind != "input" for difference in self.missing))

    @property
    def _answer(self) -> str:
        """The answer in words. Inputs that are not given are told apart from files that differ."""
        as_written = "all files are as they were written"
        if self.digest is None:  # nothing else was compared
            return "verification failed"
        listed, absent = self.checked.get("input"), len(self._not_given)
        if listed is None:
            beginning = "verification failed" if self._failed else f"verified: {as_written}"
            return f"{beginning}; the {self._unchecked} NOT checked"
        inputs = f"{listed - absent:,} of {counted(listed, 'input')} checked"
        inputs += f", {absent:,} not given" if absent else ""
        if self._failed:
            return f"verification failed; {inputs}"
        return f"{'verified in part' if absent else 'verified'}: {as_written}; {inputs}"

    @property
    def _counts(self) -> str:
        """The number of compared files of each kind, in words."""
        counts = {**self.checked, "input": self.checked.get("input", 0) - len(self._not_given)}
        documents = [MANIFEST, RENDERED][: counts.pop("manifest")]
        nouns = {"table": "file" if self.is_sample else "table", "rendering": "other file", "policy": "policy file"}
        parts = [
            RUN if kind == "record" else counted(count, nouns.get(kind, kind))
            for kind, count in counts.items()
            if count
        ]
        return f"checked: {', '.join([*documents, *parts])}"


def verify(
    folder: Path,
    inputs: Sequence[str] = (),
    pseudonyms: Pseudonyms | None = None,
    allowed_signers: Path | None = None,
) -> Verification:
    """Compare the evidence set in `folder` with its manifest, and `inputs` (files, folders, archives) with its inputs.

    Every byte is read. With a list of `allowed_signers`, each document must have a signature of one of them. If the
    manifest itself was changed, this is the only difference in the result, because its list cannot be trusted. Raises
    InputError if `folder` has no evidence set of this version or an input does not exist, and UsageError unless
    `pseudonyms` has the key of the set.
    """
    if not folder.is_dir():
        read_manifest(folder)  # raises the error
    if inputs:
        _require_key_of(folder, pseudonyms)
    input_files = InputFiles(_digests_of(folder, inputs), inputs) if inputs else None
    try:
        return in_one_state(folder, partial(_verified, folder, input_files, pseudonyms, allowed_signers))
    except OSError as error:
        raise InputError(
            f"cannot read {folder}: {error.strerror or error}", "check permissions and the disk"
        ) from error


def _digests_of(folder: Path, inputs: Sequence[str]) -> list[Digested]:
    """Return the digests of the given files. The input of a sample is the manifest of an evidence set."""
    try:
        document = find_document(folder, MANIFEST, without="inputs")
    except DamagedSealError:  # this is reported later
        document = None
    is_sample = document is not None and document.get("kind") == "sample"
    return list(digests_of(manifests_in(inputs) if is_sample else inputs, leave_out=folder))


def changed_tables(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Return the file names of the tables of a set that were changed or are missing."""
    work = _Work(folder, Standing.of(folder))
    work.compare("table", manifest)
    return sorted(difference.name for difference in (*work.changed, *work.missing))


def _require_key_of(folder: Path, pseudonyms: Pseudonyms | None) -> None:
    """Raise UsageError unless the pseudonyms have the key of the set; a changed manifest is not asked for its key."""
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
    folder: Path, input_files: InputFiles | None, pseudonyms: Pseudonyms | None, allowed_signers: Path | None
) -> Verification:
    """Compare a set with its manifest, and the `input_files` with its inputs (None: do not compare inputs)."""
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
    if input_files is not None:
        names = {file_of(row["name"]) for row in manifest["inputs"]}
        work.checked["input"] = len(names)
        files = input_files.files if pseudonyms is None else under(pseudonyms, input_files.files, names)
        changed, missing = compare_inputs(manifest["inputs"], files)
        work.changed += changed
        work.missing += missing
    work.check_settings(manifest, input_files)
    return work.result(manifest)


class _Work:
    """The differences that are found while a set is compared with its manifest."""

    def __init__(self, folder: Path, standing: Standing) -> None:
        self.folder, self.standing = folder, standing
        self.changed: list[Difference] = []
        self.missing: list[Difference] = []
        self.extra = [Difference("file", name, "is not a regular file") for name in standing.others]
        self.checked: dict[str, int] = {}
        self.signed_by: dict[str, str] | None = None
        self.record: Mapping[str, Any] | None = None
        self.notes: list[str] = []

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
        """Compare the rendered files with rendered.json; return the `unlisted` files that it does not list either."""
        try:
            rendered = read_rendered(self.folder)
        except DamagedSealError as error:
            self.checked["manifest"] += 1
            self.changed.append(Difference("manifest", RENDERED, error.why))
            return set()  # without rendered.json, it is not known which files it listed
        if rendered is None:
            return set(unlisted)
        self.checked["manifest"] += 1
        if rendered.get("manifest") != manifest["digest"]:
            self.changed.append(Difference("manifest", RENDERED, f"was not rendered from this {MANIFEST}"))
        self.compare("rendering", rendered)
        return set(unlisted) - names_of(rendered).keys() - {RENDERED}

    def check_record(self, manifest: Mapping[str, Any]) -> None:
        """Compare `run.json`, if it exists, with the manifest."""
        try:
            record = read_record(self.folder)
        except DamagedSealError as error:
            self.changed.append(Difference("record", RUN, error.why))
            return
        if record is not None:
            self.record = record
            self.checked["record"] = 1
            if record["manifest"] != manifest["digest"]:
                self.changed.append(Difference("record", RUN, f"belongs to another run than this {MANIFEST}"))

    def check_settings(self, manifest: Mapping[str, Any], input_files: InputFiles | None) -> None:
        """Compare the policy file and the lists of the run with the given files."""
        for file in files_of_settings(manifest):
            if input_files is not None and input_files.has(file.sha256):
                self.checked[file.kind] = self.checked.get(file.kind, 0) + 1
            elif input_files is not None and (path := input_files.named_like(file.name)):
                self.changed.append(Difference("input", file.name, f"{path} differs from the file that was read"))
            else:
                self.notes.append(file.unchecked)

    def check_signatures(self, allowed: Path) -> None:
        """Check the signatures of the documents with a list of allowed signers."""
        from analyzer.evidence import signing  # noqa: PLC0415 - most verifications do not need it

        self.signed_by = {}
        for signature in signing.check(self.folder, allowed):
            self.checked["signature"] = self.checked.get("signature", 0) + 1
            if signature.signer is not None:
                self.signed_by[signature.file] = signature.signer
            elif signature_of(signature.file) in self.standing.files:
                self.changed.append(Difference("signature", signature.file, signature.why))
            else:
                self.missing.append(Difference("signature", signature.file, signature.why))

    def result(self, manifest: Mapping[str, Any] | None = None) -> Verification:
        """Return the result with sorted differences; without a `manifest` if that was changed."""
        changed, missing, extra = (
            tuple(sorted(differences)) for differences in (self.changed, self.missing, self.extra)
        )
        return Verification(
            str(self.folder),
            changed,
            missing,
            extra,
            self.checked,
            self.signed_by,
            any(signature_of(name) in self.standing.files for name in SIGNED),
            self.record,
            tuple(self.notes),
            None if manifest is None else manifest["digest"],
            manifest is not None and manifest["kind"] == "sample",
        )
