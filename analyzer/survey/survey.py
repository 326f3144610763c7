"""Survey the inputs of a run: look at files, leave out copies, and correct what a look assumed."""

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
    from analyzer.survey.report_finder import FoundReports, ReportFinder

_FILES: Final = 256
"""Files per batch of looks."""


@dataclass(frozen=True)
class Survey:
    """The reports among the inputs, sorted by name, and the issues of the survey.

    `entries` has no copies. `every` also has the copies, because a correction may change which of them are left out.
    """

    paths: tuple[str, ...]
    every: tuple[Entry, ...]
    entries: tuple[Entry, ...]
    issues: tuple[Row, ...]
    """Issues about single files."""
    between: tuple[Row, ...]
    """Issues between reports: copies, and names that contradict the rows."""
    exact: frozenset[Key] = field(default_factory=frozenset)
    """The reports that were corrected once; what is known about them is certain."""

    @classmethod
    def of(
        cls,
        paths: Sequence[str],
        finder: ReportFinder,
        run: Map,
        *,
        leave_out: Path | None = None,
        progress: Progress = SILENT,
    ) -> Survey:
        """Look at the files under `paths`. Raises InputError if they contain no report."""
        log = IssueLog()
        files = find_files(paths, log, leave_out=leave_out)
        progress.stage("surveying", len(files))
        entries: list[Entry] = []
        for looked, count in _looks(finder, files, run):
            entries += looked.entries
            log.rows += looked.issues
            progress.advance(count)
        _pass_over_archives(entries, log)
        note_empty_folders(paths, [entry.name for entry in entries], log)
        _require_reports(entries, log)
        return cls._of(tuple(paths), entries, log.rows, finder, run)

    @classmethod
    def _of(  # noqa: PLR0913 - the parts of a survey
        cls,
        paths: tuple[str, ...],
        entries: Iterable[Entry],
        issues: Iterable[Row],
        finder: ReportFinder,
        run: Map,
        exact: frozenset[Key] = frozenset(),
    ) -> Survey:
        every = sorted(entries, key=lambda entry: entry.name)
        unsure = {entry.name for entry in _possible_copies(every) if entry.facts is None}
        files = [entry.file for entry in every if entry.name in unsure]
        issues = list(issues)
        looked_again: list[Entry] = []
        for looked, _ in _looks(replace(finder, whole=True), files, run):
            looked_again += looked.entries
            issues += looked.issues
        every = sorted(
            [*(entry for entry in every if entry.name not in unsure), *looked_again], key=lambda entry: entry.name
        )
        log = IssueLog()
        distinct = with_rivals(without_copies(every, log), finder.account_id, run)
        note_contradicted_names(every, log)
        return cls(paths, tuple(every), tuple(distinct), tuple(issues), tuple(log.rows), exact)

    def corrected(self, corrections: Mapping[Key, Entry | None], finder: ReportFinder, run: Map) -> Survey:
        """Return the survey with corrections from reading reports.

        `corrections` has the corrected entry of a report, or None if the report has changed: its file is then looked
        at again. Raises InputError if a report was corrected before, because it changes while it is read.
        """
        changed = sorted(self.exact & corrections.keys())
        if changed:
            raise InputError(
                f"reports changed while they were read: {first_few([name for _, name in changed])}",
                "wait until no program writes to the reports, or copy them, and run again",
            )
        lost = {entry.file for entry in self.every if corrections.get(entry.key, entry) is None}
        entries = [corrections.get(entry.key) or entry for entry in self.every if entry.file not in lost]
        names = {file.name for file in lost}
        issues = [row for row in self.issues if row[0] not in names]
        files = sorted(lost, key=lambda file: file.name)
        for looked, _ in _looks(replace(finder, whole=True), files, run):
            entries += looked.entries
            issues += looked.issues
        _require_reports(entries, IssueLog(issues))
        exact = self.exact | corrections.keys() | {entry.key for entry in entries if entry.file in lost}
        return self._of(self.paths, entries, issues, finder, run, exact)


@dataclass(frozen=True)
class SurveyPair:
    """The surveys of an older and a newer side, which are planned together. Copies are found on each side."""

    sides: tuple[Survey, Survey]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The reports of both sides; `Entry.side` is the side."""
        return tuple(entry for survey in self.sides for entry in survey.entries)

    @property
    def issues(self) -> tuple[Row, ...]:
        """Issues about single files."""
        return tuple(row for survey in self.sides for row in survey.issues)

    @property
    def between(self) -> tuple[Row, ...]:
        """Issues between the reports of a side."""
        return tuple(row for survey in self.sides for row in survey.between)

    def corrected(self, corrections: Mapping[Key, Entry | None], finder: ReportFinder, run: Map) -> SurveyPair:
        """Return both surveys with corrections; see `Survey.corrected`."""
        old, new = (
            survey.corrected(corrections, replace(finder, side=side), run) for side, survey in enumerate(self.sides)
        )
        return SurveyPair((old, new))


def _looks(finder: ReportFinder, files: Sequence[File], run: Map) -> Iterator[tuple[FoundReports, int]]:
    groups = list(cut(files, _FILES, lambda _: 1))
    yield from zip(run(partial(_look, finder), groups), (len(group) for group in groups), strict=True)


def _look(finder: ReportFinder, files: Sequence[File]) -> FoundReports:
    return finder.at(files)


def _possible_copies(entries: Sequence[Entry]) -> list[Entry]:
    """Return the reports that share an account with another report of the same or of unknown capture time."""
    by_account: defaultdict[Account, list[Entry]] = defaultdict(list)
    for entry in entries:
        for account in entry.accounts or {UNKNOWN}:
            by_account[account].append(entry)
    unsure: dict[str, Entry] = {}
    for group in by_account.values():
        by_time: defaultdict[datetime | None, list[Entry]] = defaultdict(list)
        for entry in group:
            by_time[entry.captured_at].append(entry)
        for group_of_time in [group] if None in by_time and len(group) > 1 else by_time.values():
            if len(group_of_time) > 1:
                unsure |= {entry.name: entry for entry in group_of_time}
    return list(unsure.values())


def without_copies(entries: Iterable[Entry], log: IssueLog) -> list[Entry]:
    """Return `entries` sorted by name, without copies, which are noted.

    A copy has the same CSV as another report and the same capture time, or no capture time. Equal reports with
    different capture times or months are not copies, because an account without changes gives the same bytes every
    day. A report that was not read completely is never a copy.
    """
    first_of: dict[tuple[object, ...], Entry] = {}
    dated: defaultdict[object, list[Entry]] = defaultdict(list)
    entries = sorted(entries, key=lambda entry: entry.name)
    for entry in entries:
        if entry.captured_at is not None and entry.facts is not None:
            dated[entry.identity].append(entry)
    distinct = []
    for entry in entries:
        if entry.facts is None:
            distinct.append(entry)
            continue
        key = (entry.identity, entry.moment)
        original = first_of.get(key)
        if original is None and entry.captured_at is None:
            original = next(
                (candidate for candidate in dated[entry.identity] if _may_be_of(candidate.captured_at, entry.month)),
                None,
            )
        if original is None:
            first_of[key] = entry
            distinct.append(entry)
        else:
            log.add("duplicate_input", f"the same report as {original.name}; counted once", source=entry.name)
    return distinct


def _may_be_of(captured_at: datetime | None, month: datetime | None) -> bool:
    """Return whether a report with this capture time may be from this month; unknown (None) fits everything."""
    return captured_at is None or month is None or start_of_month(captured_at) == month


def _pass_over_archives(entries: Iterable[Entry], log: IssueLog) -> None:
    """Downgrade issues about unreadable archives to notices, except in folders with reports."""
    folders = {entry.name.rpartition("/")[0] for entry in entries}
    for position, (source, line, column, value, code, message) in enumerate(log.rows):
        if code == "unopened_archive" and source.rpartition("/")[0] not in folders:
            log.rows[position] = (source, line, column, value, "not_a_report", message)


def _require_reports(entries: Sequence[Entry], log: IssueLog) -> None:
    """Raise InputError if there are no reports; the message quotes `log`."""
    if not entries:
        raise InputError(
            f"no credential report could be read{log.first_few()}",
            "give CSV files from `aws iam get-credential-report` or the IAM console, or a folder or archive with them",
        )
