"""The inputs of a run: files looked at, copies left out, and what the look took for granted corrected."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from analyzer.engine import SILENT, Progress
from analyzer.errors import InputError, first_few
from analyzer.reading.issues import IssueLog
from analyzer.survey.accounts import UNKNOWN
from analyzer.survey.contradictions import note_contradicted_names
from analyzer.survey.files import find_files, note_empty_folders
from analyzer.survey.names import start_of_month
from analyzer.survey.plan import cut
from analyzer.survey.rivals import with_rivals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from analyzer.engine import Map
    from analyzer.reading.issues import Row
    from analyzer.survey.accounts import Account
    from analyzer.survey.entry import Entry, Key
    from analyzer.survey.files import File
    from analyzer.survey.look import Looked, Looking

_FILES: Final = 256
"""Files that are looked at together."""


@dataclass(frozen=True)
class Survey:
    """The reports among the inputs, by name, and what was passed over; copies are among `between` alone.

    `every` has copies too: which of them are left out depends on all of them.
    """

    paths: tuple[str, ...]
    every: tuple[Entry, ...]
    entries: tuple[Entry, ...]
    issues: tuple[Row, ...]
    """Of the files, each by itself."""
    between: tuple[Row, ...]
    """What shows where all reports are known: copies, and names that contradict what is in a report."""
    exact: frozenset[Key] = field(default_factory=frozenset)
    """The reports that were corrected once: what is known of them now is certain."""

    @classmethod
    def of(
        cls,
        paths: Sequence[str],
        looking: Looking,
        run: Map,
        *,
        leave_out: Path | None = None,
        progress: Progress = SILENT,
    ) -> Survey:
        """Look at the files under `paths`. Raises InputError where there is no report among them."""
        log = IssueLog()
        files = find_files(paths, log, leave_out=leave_out)
        progress.stage("surveying", len(files))
        entries: list[Entry] = []
        for looked, count in _looks(looking, files, run):
            entries += looked.entries
            log.rows += looked.issues
            progress.advance(count)
        _pass_over_archives(entries, log)
        note_empty_folders(paths, [entry.name for entry in entries], log)
        _require_reports(entries, log)
        return cls._of(tuple(paths), entries, log.rows, looking, run)

    @classmethod
    def _of(  # noqa: PLR0913 - as it is put together
        cls,
        paths: tuple[str, ...],
        entries: Iterable[Entry],
        issues: Iterable[Row],
        looking: Looking,
        run: Map,
        exact: frozenset[Key] = frozenset(),
    ) -> Survey:
        every = sorted(entries, key=lambda entry: entry.name)
        unsure = {entry.name for entry in _not_told_apart(every) if entry.facts is None}
        files = [entry.file for entry in every if entry.name in unsure]
        issues = list(issues)
        again: list[Entry] = []
        for looked, _ in _looks(replace(looking, whole=True), files, run):
            again += looked.entries
            issues += looked.issues
        every = sorted([*(one for one in every if one.name not in unsure), *again], key=lambda entry: entry.name)
        log = IssueLog()
        kept = with_rivals(without_copies(every, log), looking.account_id, run)
        note_contradicted_names(every, log)
        return cls(paths, tuple(every), tuple(kept), tuple(issues), tuple(log.rows), exact)

    def corrected(self, corrections: Mapping[Key, Entry | None], looking: Looking, run: Map) -> Survey:
        """Return the survey with what reading reports has shown.

        `corrections` has what a report is, or None where it is not what it was: its file is looked at again.
        Raises InputError where a report was corrected before: it changes while it is read.
        """
        changed = sorted(self.exact & corrections.keys())
        if changed:
            raise InputError(
                f"reports changed while they were read: {first_few([name for _, name in changed])}",
                "wait until no program writes to the reports, or copy them, and run again",
            )
        lost = {entry.file for entry in self.every if corrections.get(entry.key, entry) is None}
        kept = [corrections.get(entry.key) or entry for entry in self.every if entry.file not in lost]
        names = {file.name for file in lost}
        issues = [row for row in self.issues if row[0] not in names]
        files = sorted(lost, key=lambda file: file.name)
        for looked, _ in _looks(replace(looking, whole=True), files, run):
            kept += looked.entries
            issues += looked.issues
        _require_reports(kept, IssueLog(issues))
        exact = self.exact | corrections.keys() | {entry.key for entry in kept if entry.file in lost}
        return self._of(self.paths, kept, issues, looking, run, exact)


@dataclass(frozen=True)
class Both:
    """The surveys of an older and a newer side, whose reports are planned together; copies are found on each side."""

    sides: tuple[Survey, Survey]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The reports of both, each with its `side`."""
        return tuple(entry for one in self.sides for entry in one.entries)

    @property
    def issues(self) -> tuple[Row, ...]:
        """What was passed over, of the files each by itself."""
        return tuple(row for one in self.sides for row in one.issues)

    @property
    def between(self) -> tuple[Row, ...]:
        """What shows where all reports of a side are known."""
        return tuple(row for one in self.sides for row in one.between)

    def corrected(self, corrections: Mapping[Key, Entry | None], looking: Looking, run: Map) -> Both:
        """Return both with what reading reports has shown: see `Survey.corrected`."""
        old, new = (one.corrected(corrections, replace(looking, side=side), run) for side, one in enumerate(self.sides))
        return Both((old, new))


def _looks(looking: Looking, files: Sequence[File], run: Map) -> Iterator[tuple[Looked, int]]:
    groups = list(cut(files, _FILES, lambda _: 1))
    yield from zip(run(partial(_look, looking), groups), (len(group) for group in groups), strict=True)


def _look(looking: Looking, files: Sequence[File]) -> Looked:
    return looking.at(files)


def _not_told_apart(entries: Sequence[Entry]) -> list[Entry]:
    """Return the reports that share an account with another one of the same capture time, or of none."""
    by_account: defaultdict[Account, list[Entry]] = defaultdict(list)
    for entry in entries:
        for account in entry.accounts or {UNKNOWN}:
            by_account[account].append(entry)
    found: dict[str, Entry] = {}
    for group in by_account.values():
        by_time: defaultdict[datetime | None, list[Entry]] = defaultdict(list)
        for entry in group:
            by_time[entry.captured_at].append(entry)
        for alike in [group] if None in by_time and len(group) > 1 else by_time.values():
            if len(alike) > 1:
                found |= {entry.name: entry for entry in alike}
    return list(found.values())


def without_copies(entries: Iterable[Entry], log: IssueLog) -> list[Entry]:
    """Return `entries` by name, without those that repeat another's CSV of the same capture time, or of none.

    A quiet account gives the same bytes on two days: with two capture times known, those are two snapshots, and so they
    are in two months. What was not read whole is no copy.
    """
    first_of: dict[tuple[object, ...], Entry] = {}
    dated: defaultdict[object, list[Entry]] = defaultdict(list)
    entries = sorted(entries, key=lambda entry: entry.name)
    for entry in entries:
        if entry.captured_at is not None and entry.facts is not None:
            dated[entry.identity].append(entry)
    kept = []
    for entry in entries:
        if entry.facts is None:
            kept.append(entry)
            continue
        key = (entry.identity, entry.moment)
        other = first_of.get(key)
        if other is None and entry.captured_at is None:
            other = next((one for one in dated[entry.identity] if _may_be_of(one.captured_at, entry.month)), None)
        if other is None:
            first_of[key] = entry
            kept.append(entry)
        else:
            log.add("duplicate_input", f"the same report as {other.name}; counted once", source=entry.name)
    return kept


def _may_be_of(captured_at: datetime | None, month: datetime | None) -> bool:
    """Whether a capture time may be that of a report of which the month is known, or nothing (None)."""
    return captured_at is None or month is None or start_of_month(captured_at) == month


def _pass_over_archives(entries: Iterable[Entry], log: IssueLog) -> None:
    """Count an archive that is not read only where it lies among reports: elsewhere it may hold anything."""
    folders = {entry.name.rpartition("/")[0] for entry in entries}
    for place, (source, line, column, value, code, message) in enumerate(log.rows):
        if code == "unopened_archive" and source.rpartition("/")[0] not in folders:
            log.rows[place] = (source, line, column, value, "not_a_report", f"passed over: {message}")


def _require_reports(entries: Sequence[Entry], log: IssueLog) -> None:
    """Raise InputError where nothing was found; `log` says why."""
    if not entries:
        raise InputError(
            f"no credential report could be read{log.first_few()}",
            "give CSV files from `aws iam get-credential-report` or the IAM console, or a folder or archive with them",
        )
