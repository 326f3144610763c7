"""Repeating a run with the same inputs and settings, to check that it gives the same evidence."""

from __future__ import annotations

import shlex
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analyzer.controls.vocabulary import counted
from analyzer.errors import UsageError
from analyzer.evidence.input_files import Difference
from analyzer.evidence.manifest import versions_of
from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.schema import plain
from analyzer.evidence.seal import MANIFEST, digest_of, names_of, read_manifest, read_rendered
from analyzer.evidence.settings import Settings
from analyzer.evidence.verify import changed_tables
from analyzer.rendering.marks import CARRIED_OVER
from analyzer.rendering.registry import TABLES
from analyzer.rendering.render import Options
from analyzer.survey.organization import read_organization
from analyzer.survey.people import PeopleLists, read_people

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from analyzer.engine import Progress
    from analyzer.survey.pseudonyms import Pseudonyms

_LISTS: Final = ("accounts", "leavers", "people")
_OTHER: Final = "a new run gives other {}"
_NOT_COMPARED: Final = frozenset({"digest", "versions", "outputs"})
"""Keys of a manifest that depend on the versions of libraries, or on the bytes of tables."""


@dataclass(frozen=True)
class Rerun:
    """The result of a repeated run: the differences, and notes for the user."""

    different: tuple[Difference, ...]
    notes: tuple[str, ...]


def rerun(folder: Path, inputs: Sequence[str], pseudonyms: Pseudonyms | None, progress: Progress) -> Rerun:
    """Repeat the run of an evidence set from `inputs` in a temporary folder, and compare the results.

    Every byte is compared. If the set was written by other versions of the program or its libraries, the contents of
    the tables and the manifest are compared instead. Raises UsageError if the run cannot be repeated; the hint has the
    reason.
    """
    manifest = read_manifest(folder)
    settings = _settings(manifest, folder, inputs, pseudonyms)
    lists, reports = _lists_and_reports(settings, inputs)
    progress.stage("repeating the run")
    with tempfile.TemporaryDirectory() as temporary:
        again = Path(temporary) / "again"
        _run(manifest, settings, reports, lists, again, pseudonyms)
        new_manifest = read_manifest(again)
        notes_on_names = _notes_on_names(manifest, new_manifest)
        other_versions = _other_versions(manifest["versions"])
        if other_versions or _has_parts(manifest):
            different = list(_other_contents(folder, manifest, again, new_manifest))
            why = other_versions or "tables in parts"
            notes = [
                f"the run was repeated: the rows of the tables were compared, not the bytes, because of {why}",
                "renderings were not compared with the repeated run",
            ]
        else:
            different = list(_other_bytes(folder, manifest, again, new_manifest))
            rendered, notes = _renderings(folder, again)
            different += rendered
            compared = counted(len(manifest["outputs"]) + 1, "file")
            notes.insert(
                0, f"the run was repeated: the manifest and the tables ({compared}) were compared byte by byte"
            )
    return Rerun(tuple(sorted(different)), (*notes, *notes_on_names))


# --- the run ----------------------------------------------------------------------------------------------------------


def _settings(
    manifest: Mapping[str, Any], folder: Path, inputs: Sequence[str], pseudonyms: Pseudonyms | None
) -> Settings:
    """Return the settings of the run. Raises UsageError if the run cannot be repeated."""
    if manifest["kind"] == "sample":
        raise UsageError(
            f"{folder} is an audit sample; --rerun repeats audits, histories and comparisons",
            f"leave out --rerun, and draw the sample again: credreport sample DIR {_as_drawn(manifest)}",
        )
    settings = Settings.of_facts(manifest["settings"])
    if any("bytes" not in row for row in manifest["inputs"]):
        raise UsageError(f"{folder} was made from a store, so its run cannot be repeated", "leave out --rerun")
    if any(folder.resolve().is_relative_to(Path(path).resolve()) for path in inputs):
        raise UsageError(
            f"{folder} is inside the inputs, so a new run would read it", "move it to another folder first"
        )
    if settings.pseudonyms is None:
        return settings
    if pseudonyms is None or settings.checklist.policy or settings.account_id or settings.captured_at:
        raise UsageError(
            f"{folder} has pseudonyms instead of the names in its settings, so its run cannot be repeated",
            "leave out --rerun, or verify the evidence set that has the names",
        )
    return replace(settings, pseudonyms=None)


def _as_drawn(manifest: Mapping[str, Any]) -> str:
    """Return the options with which a sample was drawn."""
    strata = f" --by {','.join(manifest['by'])}" if manifest["by"] else ""
    return (
        f"--control {manifest['control']} --size {manifest['size']} --seed {shlex.quote(manifest['seed'])}{strata} "
        "-o OTHER"
    )


def _lists_and_reports(settings: Settings, inputs: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the lists of accounts and people, by parameter of `audit`, and the reports.

    The reports are the inputs without the lists and the policy file. Raises UsageError if the file of a list is not
    among the inputs.
    """
    files = {digest_of(Path(path)): path for path in inputs if Path(path).is_file()}
    list_files: dict[str, Path] = {}
    for name in _LISTS:
        recorded: tuple[str, str] | None = getattr(settings, name)
        if recorded is None:
            continue
        if recorded[1] not in files:
            raise UsageError(
                f"the run used a list of {name} ({recorded[0]}) that is not among the inputs",
                f"add this file: --inputs {recorded[0]}",
            )
        list_files[name] = Path(files[recorded[1]])
    policy = settings.checklist.policy
    used = {str(path) for path in list_files.values()} | {files.get(policy.sha256 if policy else "", "")}
    lists: dict[str, Any] = {}
    if "accounts" in list_files:
        lists["organization"] = replace(read_organization(list_files["accounts"]), name=(settings.accounts or ("",))[0])
    people = {
        name: replace(read_people(f"--{name}", list_files[name], with_last_day=name == "leavers"), name=recorded[0])
        for name in ("leavers", "people")
        if name in list_files and (recorded := getattr(settings, name))
    }
    if people:
        lists["lists"] = PeopleLists(**people)
    return lists, [path for path in inputs if path not in used]


def _run(  # noqa: PLR0913 - inputs, settings, and output
    manifest: Mapping[str, Any],
    settings: Settings,
    reports: Sequence[str],
    lists: Mapping[str, Any],
    again: Path,
    pseudonyms: Pseudonyms | None,
) -> None:
    """Repeat the run, without any format."""
    if manifest["kind"] == "audit":
        from analyzer.pipeline.audits import audit  # noqa: PLC0415 - a history does not need it

        written = EvidenceSet.of("", manifest).files
        tables = [name for name in TABLES if name in written]
        parameters = {"formats": (), "tables": tables, "most_shown": 0, **lists}
        audit(reports, settings, str(again), pseudonyms=pseudonyms, **parameters)
        return
    from analyzer.pipeline.snapshots import compare, history  # noqa: PLC0415 - an audit does not need it

    if manifest["kind"] == "history":
        dates = [datetime.fromisoformat(date) for date in manifest["series"]]
        sla = manifest["sla_days"]
        history(reports, settings, str(again), series=dates, sla_days=sla, formats=(), pseudonyms=pseudonyms)
    else:
        if len(reports) != 2:
            raise UsageError(
                "a comparison needs the inputs of both sides, the older first", "give --inputs OLD --inputs NEW"
            )
        old, new = reports
        compare([old], [new], settings, str(again), formats=(), pseudonyms=pseudonyms)


def _notes_on_names(manifest: Mapping[str, Any], new_manifest: Mapping[str, Any]) -> list[str]:
    """Return a note on inputs that have the same bytes but other names, if there are any.

    Raises UsageError if all inputs have the same bytes: then rows would differ only in these names.
    """
    before, now = (
        {(row["sha256"], row["name"]) for row in document["inputs"]} for document in (manifest, new_manifest)
    )
    names = dict(sorted(now - before))
    renamed = sorted((name, names[digest]) for digest, name in before - now if digest in names)
    if not renamed:
        return []
    old, new = renamed[0]
    message = f"the inputs have other names than in the first run: {new} was {old}"
    hint = (
        f"start credreport in a folder in which this report is {old} (a link to the folder of the reports is enough), "
        "and give --inputs the same paths as in the first run"
    )
    if sorted(digest for digest, _ in before) == sorted(digest for digest, _ in now):
        raise UsageError(message, hint)
    return [f"{message}; so the tables differ in any case; {hint}"]


def _has_parts(manifest: Mapping[str, Any]) -> bool:
    """Whether tables are folders of parts. The number of parts depends on the cluster that wrote them."""
    return any("/" in name for name in names_of(manifest))


# --- the comparison ---------------------------------------------------------------------------------------------------


def _other_versions(before: Mapping[str, str]) -> str:
    """Return a text with the versions that have changed; empty if none has."""
    now = versions_of(before)
    changed = [f"{name} {version} then, {now[name]} now" for name, version in before.items() if now[name] != version]
    return f"other versions ({'; '.join(changed)})" if changed else ""


def _other_bytes(
    folder: Path, manifest: Mapping[str, Any], again: Path, new_manifest: Mapping[str, Any]
) -> Iterator[Difference]:
    """Yield the manifest and tables whose bytes differ from those of the new run."""
    for name in (MANIFEST, *names_of(manifest)):
        path = again / name
        if not path.is_file():
            yield Difference("rerun", name, "a new run does not write it")
        elif not (folder / name).is_file() or digest_of(path) != digest_of(folder / name):
            yield Difference("rerun", name, _OTHER.format("bytes"))
    for name in sorted(names_of(new_manifest).keys() - names_of(manifest).keys()):
        yield Difference("rerun", name, "a new run writes it, but the evidence set does not list it")


def _other_contents(
    folder: Path, manifest: Mapping[str, Any], again: Path, new_manifest: Mapping[str, Any]
) -> Iterator[Difference]:
    """Yield the manifest and tables whose contents differ from those of the new run."""
    if {key: value for key, value in manifest.items() if key not in _NOT_COMPARED} != {
        key: value for key, value in new_manifest.items() if key not in _NOT_COMPARED
    }:
        yield Difference("rerun", MANIFEST, _OTHER.format("contents"))
    old, new = EvidenceSet.of(str(folder), manifest), EvidenceSet.of(str(again), new_manifest)
    broken = set(changed_tables(folder, manifest))
    for name in sorted({*old.files, *new.files}):
        if not broken.isdisjoint(old.files.get(name, ())):
            yield Difference(
                "rerun", f"{name}.parquet", "is missing or was changed; it was not compared with the new run"
            )
        elif name not in old.files or name not in new.files or not _same_rows(old, new, name):
            yield Difference("rerun", f"{name}.parquet", _OTHER.format("rows"))


def _same_rows(old: EvidenceSet, new: EvidenceSet, name: str) -> bool:
    before, after = old.table(name), new.table(name)
    same: bool = before.cast(plain(before.schema)).equals(after.cast(plain(after.schema)))
    return same


def _renderings(folder: Path, again: Path) -> tuple[list[Difference], list[str]]:
    """Return the renderings that differ when they are made again, and notes on those that were not made again."""
    from analyzer.pipeline.sets import render  # noqa: PLC0415 - sets imports this module

    rendered = read_rendered(folder)
    if rendered is None:
        return [], []
    different, notes = [], []
    groups: dict[str, tuple[dict[str, Any], list[Mapping[str, Any]]]] = {}
    for output in rendered["outputs"]:
        settings, versions = (output.get(key, rendered[key]) for key in ("settings", "versions"))
        if other_versions := _other_versions(versions):
            notes.append(f"{output['name']} was not made again: {other_versions}")
        elif CARRIED_OVER in settings:
            notes.append(f"{output['name']} was not made again: it contains marks of reviewers")
        else:
            groups.setdefault(str(settings), (settings, []))[1].append(output)
    for settings, outputs in groups.values():
        formats = list(dict.fromkeys(str(output["format"]) for output in outputs))
        render(again, formats, options=Options(**settings))
        for output in outputs:
            path = again / output["name"]
            if not path.is_file() or digest_of(path) != output["sha256"]:
                different.append(Difference("rerun", output["name"], _OTHER.format("bytes")))
    count = sum(len(outputs) for _, outputs in groups.values())
    return different, [
        *([f"{counted(count, 'rendering')} made again and compared byte by byte"] if count else []),
        *notes,
    ]
