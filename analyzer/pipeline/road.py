"""Reading reports: the engine that maps tasks over batches, and the road on which each report is read once."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from analyzer import engine
from analyzer.batch import Result, input_of
from analyzer.engine import SILENT
from analyzer.errors import InputError
from analyzer.evidence.inputs import input_facts, inputs_frame
from analyzer.evidence.tally import joined
from analyzer.evidence.writer import GrowingFiles, Parts
from analyzer.reading.issues import IssueLog
from analyzer.reading.limits import DEFAULT, Limits
from analyzer.survey.plan import plan, plan_by_month
from analyzer.survey.pseudonymous import entry_under
from analyzer.survey.report_finder import ReportFinder
from analyzer.survey.spool import NAME as SPOOL
from analyzer.survey.spool import Spool
from analyzer.survey.survey import Survey, SurveyPair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import pyarrow as pa

    from analyzer.engine import Map, Progress
    from analyzer.evidence.inputs import Input
    from analyzer.evidence.settings import Settings
    from analyzer.evidence.writer import Output, Writer
    from analyzer.reading.issues import Row
    from analyzer.survey.entry import Entry, Key
    from analyzer.survey.names import CaptureTime
    from analyzer.survey.plan import Batch
    from analyzer.survey.pseudonyms import Pseudonyms
    from analyzer.survey.selection import Selected


READ_BYTES: Final = 4_000_000
"""Bytes of CSV in a batch that threads of this process read. More would take more memory and save hardly any time."""
JUDGED_BYTES: Final = 16_000_000
"""The same for a batch that a single control judges. Each further control adds as many findings again."""
TASK_BYTES: Final = 32_000_000
"""Minimum bytes of CSV for a task on a cluster."""
_TALLIES: Final = 200_000
"""Rows of tallies that are collected before they are summed."""


@dataclass(frozen=True)
class Engine:
    """Where batches run: `name` is local (threads) or dask, with `scheduler` or on a cluster of this machine.

    `run`, if given, maps tasks instead of a cluster. `batch` is the approximate size of a batch, in bytes of CSV.
    """

    name: str = "local"
    scheduler: str | None = None
    batch: int | None = None
    run: Map | None = None

    @property
    def writes_parts(self) -> bool:
        """Whether tasks write parts of the tables, because they may run on other machines."""
        return self.name == "dask"

    @contextmanager
    def road(  # noqa: PLR0913 - the parameters of tasks
        self,
        location: str,
        account_id: str | None,
        progress: Progress,
        *,
        captured_at: tuple[CaptureTime, ...] = (),
        limits: Limits = DEFAULT,
        size: int = READ_BYTES,
        stage: str = "judging",
        pseudonyms: Pseudonyms | None = None,
    ) -> Iterator[Road]:
        """Yield the road of a run that writes to `location`. Threads read batches of about `size` bytes of CSV.

        `account_id` and `captured_at` are for reports that do not contain them: see `ReportFinder`. With `pseudonyms`,
        these replace the names in everything that is read.
        """
        finder = ReportFinder(Spool(f"{location}/{SPOOL}"), account_id, limits, captured_at=captured_at)
        at_once = self.batch or (max(size, TASK_BYTES) if self.writes_parts else size)
        with self._started() as run:
            yield Road(finder, run, at_once, progress, stage, pseudonyms)

    def road_for(
        self,
        location: str,
        settings: Settings,
        progress: Progress,
        *,
        size: int = READ_BYTES,
        pseudonyms: Pseudonyms | None = None,
    ) -> AbstractContextManager[Road]:
        """Return the road of a run with these settings: see `road`."""
        return self.road(
            location,
            settings.account_id,
            progress,
            captured_at=settings.captured_at,
            limits=settings.limits,
            size=size,
            pseudonyms=pseudonyms,
        )

    @contextmanager
    def _started(self) -> Iterator[Map]:
        """Yield the function that maps tasks over items, in order."""
        engine.settle()
        if self.run is not None:
            yield self.run
        elif self.writes_parts:
            with engine.dask(self.scheduler) as run:
                yield run
        else:
            yield engine.local

    def writer(self, location: str, tables: Sequence[str]) -> Writer:
        """Return the writer for the tables of judged batches."""
        return Parts(location, tables) if self.writes_parts else GrowingFiles(Path(location), tables)


LOCAL: Final = Engine()


def judged_together(checks: int) -> int:
    """Return the approximate size of a batch that threads judge by `checks` checks (1 or more), in bytes of CSV."""
    # A balance of memory and time: the batch has full size for one control, and a third of it for all controls.
    return 8 * JUDGED_BYTES // (7 + checks)


@dataclass
class Gathered:
    """The results of all batches of a run, except tables that were written at once."""

    inputs: list[Input] = field(default_factory=list)
    issues: list[Row] = field(default_factory=list)
    tallies: list[pa.Table] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    reports: int = 0
    _sums_up_at: int = _TALLIES

    def add(self, result: Result) -> None:
        """Add the result of a batch. Tallies are summed from time to time, because many batches count the same keys."""
        self.inputs += result.inputs
        self.issues += result.issues
        self.outputs += result.outputs
        self.values += [] if result.value is None else [result.value]
        self.reports += result.reports
        if result.tallies is not None:
            self.tallies.append(result.tallies)
            if sum(table.num_rows for table in self.tallies) > self._sums_up_at:
                self.tallies = [joined(self.tallies)]
                self._sums_up_at = self.tallies[0].num_rows + _TALLIES

    def take_inputs(self) -> list[dict[str, Any]]:
        """Return the inputs in the form of the manifest, and release them here, because there may be very many."""
        frame = inputs_frame(self.inputs)
        self.inputs.clear()
        return list(input_facts(frame))


class Taker(Protocol):
    """A receiver of the tables of batches."""

    def put(self, tables: Mapping[str, pa.Table]) -> None:
        """Add rows of tables."""

    def restart(self) -> None:
        """Discard everything that was put."""


@dataclass(frozen=True)
class Road:
    """How reports are surveyed and read. `run` maps tasks; `size` is the approximate size of a task, in bytes of CSV.

    `stage` is the name of the progress stage of reading. With `pseudonyms`, reports are surveyed by their names, and
    get pseudonyms before they are selected; order and batches depend on the pseudonyms.
    """

    finder: ReportFinder
    run: Map
    size: int = READ_BYTES
    progress: Progress = SILENT
    stage: str = "judging"
    pseudonyms: Pseudonyms | None = None

    def survey(self, paths: Sequence[str], leave_out: Path | None = None, side: int = 0) -> Survey:
        """Return a survey of the inputs. `side` is 1 for the newer side of a comparison, otherwise 0."""
        finder = replace(self.finder, side=side)
        return Survey.of(paths, finder, self.run, leave_out=leave_out, progress=self.progress)

    def gather(  # noqa: PLR0913 - inputs, task, and writer
        self,
        survey: Survey | SurveyPair,
        choose: Callable[[Sequence[Entry], IssueLog], list[Selected]],
        task: Callable[[Batch], Result],
        writer: Taker | None = None,
        *,
        cuts_groups: bool = False,
        by_month: bool = False,
    ) -> Gathered:
        """Run a task over batches of the selected reports, and return the results.

        If reading shows that the survey was wrong about a report, everything is selected and run again. Batches come
        from `plan` or, if `by_month`, from `plan_by_month`.
        """
        planned = plan_by_month if by_month else partial(plan, cuts_groups=cuts_groups)
        while True:
            log = IssueLog([*survey.issues, *survey.between])
            if self.pseudonyms is None:
                selected = choose(survey.entries, log)
                todo = planned(selected, self.size)
            else:
                selected = self._chosen_under(self.pseudonyms, survey, choose, log)
                todo = [replace(batch, pseudonyms=self.pseudonyms) for batch in planned(selected, self.size)]
            gathered = Gathered(issues=log.rows)
            gathered.inputs += [
                input_of(report.entry) for report in selected if not report.is_read and report.entry.facts
            ]
            corrections = self._gather(todo, task, writer, gathered)
            if not corrections:
                return gathered
            if self.pseudonyms is not None:
                corrections = _by_name(self.pseudonyms, corrections, survey)
            survey = survey.corrected(corrections, self.finder, self.run)
            if writer is not None:
                writer.restart()

    @staticmethod
    def _chosen_under(
        pseudonyms: Pseudonyms,
        survey: Survey | SurveyPair,
        choose: Callable[[Sequence[Entry], IssueLog], list[Selected]],
        log: IssueLog,
    ) -> list[Selected]:
        """Select reports under pseudonyms, in their order. The issues in `log` get pseudonyms as well."""
        by_name = IssueLog(list(log.rows))
        log.rows[:] = pseudonyms.issues(log.rows)
        entries = sorted((entry_under(pseudonyms, entry) for entry in survey.entries), key=lambda entry: entry.key)
        try:
            return choose(entries, log)
        except InputError:
            # The user knows the names, so the same error is raised with names.
            choose(survey.entries, by_name)
            raise

    def _gather(
        self, todo: Sequence[Batch], task: Callable[[Batch], Result], writer: Taker | None, gathered: Gathered
    ) -> dict[Key, Entry | None]:
        """Run a task over batches, add the results to `gathered` and `writer`, and return the corrections."""
        self.progress.stage(self.stage, sum(len(batch.reports) + len(batch.counted) for batch in todo))
        corrections: dict[Key, Entry | None] = {}
        for result in self.run(task, todo):
            corrections |= result.corrections
            if writer is not None and not corrections:
                writer.put(result.tables)
            gathered.add(result)
            self.progress.advance(result.reports)
        return corrections


def _by_name(
    pseudonyms: Pseudonyms, corrections: Mapping[Key, Entry | None], survey: Survey | SurveyPair
) -> dict[Key, Entry | None]:
    """Return corrections of reports under pseudonyms as corrections by name, so that each is surveyed again."""
    return {entry.key: None for entry in survey.entries if (entry.side, pseudonyms.source(entry.name)) in corrections}
