"""How reports are read: the engine that maps tasks over batches, and the road that every report goes once."""

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
from analyzer.survey.look import Looking
from analyzer.survey.plan import plan, plan_by_month
from analyzer.survey.pseudonymous import entry_under
from analyzer.survey.spool import NAME as SPOOL
from analyzer.survey.spool import Spool
from analyzer.survey.survey import Both, Survey

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
    from analyzer.survey.names import GivenTime
    from analyzer.survey.plan import Batch
    from analyzer.survey.pseudonyms import Pseudonyms
    from analyzer.survey.selection import Selected


READ: Final = 4_000_000
"""Bytes of CSV that threads of this process read together: more take more memory, and hardly less time."""
JUDGED: Final = 16_000_000
"""The same where they are judged by a single control; each further control makes as many findings again."""
TASK: Final = 32_000_000
"""The least of a task on a cluster."""
_TALLIES: Final = 200_000
"""Rows of tallies that are kept before they are summed up."""


@dataclass(frozen=True)
class Engine:
    """Where batches run: `name` is local (threads) or dask, at `scheduler` or on a cluster of this machine.

    `run`, where it is given, maps tasks instead of a cluster; `batch` is about how many bytes of CSV are a batch.
    """

    name: str = "local"
    scheduler: str | None = None
    batch: int | None = None
    run: Map | None = None

    @property
    def writes_parts(self) -> bool:
        """Whether tasks write parts of the tables, since they may run elsewhere."""
        return self.name == "dask"

    @contextmanager
    def road(  # noqa: PLR0913 - what tasks are given
        self,
        place: str,
        account_id: str | None,
        progress: Progress,
        *,
        captured_at: tuple[GivenTime, ...] = (),
        limits: Limits = DEFAULT,
        size: int = READ,
        stage: str = "judging",
        pseudonyms: Pseudonyms | None = None,
    ) -> Iterator[Road]:
        """Yield the road of a run that is made at `place`; threads read about `size` bytes of CSV together.

        `account_id` and `captured_at` are for reports that do not tell theirs: see `Looking`. With `pseudonyms`, what
        is read has them in the place of names.
        """
        looking = Looking(Spool(f"{place}/{SPOOL}"), account_id, limits, captured_at=captured_at)
        at_once = self.batch or (max(size, TASK) if self.writes_parts else size)
        with self._started() as run:
            yield Road(looking, run, at_once, progress, stage, pseudonyms)

    def road_for(
        self,
        place: str,
        settings: Settings,
        progress: Progress,
        *,
        size: int = READ,
        pseudonyms: Pseudonyms | None = None,
    ) -> AbstractContextManager[Road]:
        """Return the road of a run that judges by these settings: see `road`."""
        return self.road(
            place,
            settings.account_id,
            progress,
            captured_at=settings.captured_at,
            limits=settings.limits,
            size=size,
            pseudonyms=pseudonyms,
        )

    @contextmanager
    def _started(self) -> Iterator[Map]:
        """Yield what maps tasks over items, in their order."""
        engine.settle()
        if self.run is not None:
            yield self.run
        elif self.writes_parts:
            with engine.dask(self.scheduler) as run:
                yield run
        else:
            yield engine.local

    def writer(self, place: str, tables: Sequence[str]) -> Writer:
        """Return where the tables of judged batches go."""
        return Parts(place, tables) if self.writes_parts else GrowingFiles(Path(place), tables)


LOCAL: Final = Engine()


def judged_together(checks: int) -> int:
    """Return about how many bytes of CSV threads judge together by so many checks, 1 or more."""
    # Memory and time are weighed here: with all controls, a third of the bytes; with one, all of them.
    return 8 * JUDGED // (7 + checks)


@dataclass
class Gathered:
    """What all batches of a run have given, but for tables that were written as they came."""

    inputs: list[Input] = field(default_factory=list)
    issues: list[Row] = field(default_factory=list)
    tallies: list[pa.Table] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    found: list[Any] = field(default_factory=list)
    reports: int = 0
    _sums_up_at: int = _TALLIES

    def add(self, result: Result) -> None:
        """Add what a batch has given; tallies are summed up now and then, since many batches count the same keys."""
        self.inputs += result.inputs
        self.issues += result.issues
        self.outputs += result.outputs
        self.found += [] if result.found is None else [result.found]
        self.reports += result.reports
        if result.tallies is not None:
            self.tallies.append(result.tallies)
            if sum(table.num_rows for table in self.tallies) > self._sums_up_at:
                self.tallies = [joined(self.tallies)]
                self._sums_up_at = self.tallies[0].num_rows + _TALLIES

    def take_inputs(self) -> list[dict[str, Any]]:
        """Return the inputs as a manifest keeps them, and let go of them here: there may be very many."""
        frame = inputs_frame(self.inputs)
        self.inputs.clear()
        return list(input_facts(frame))


class Taker(Protocol):
    """Takes the tables of batches as they come."""

    def put(self, tables: Mapping[str, pa.Table]) -> None:
        """Take rows of tables."""

    def restart(self) -> None:
        """Forget all that was put."""


@dataclass(frozen=True)
class Road:
    """How reports are looked at and read: `run` maps tasks, `size` is about how many bytes of CSV are one.

    `stage` is the name of the stage in which they are read. With `pseudonyms`, reports are looked at by their names,
    and get pseudonyms before any is chosen: order and batches follow these.
    """

    looking: Looking
    run: Map
    size: int = READ
    progress: Progress = SILENT
    stage: str = "judging"
    pseudonyms: Pseudonyms | None = None

    def survey(self, paths: Sequence[str], leave_out: Path | None = None, side: int = 0) -> Survey:
        """Look at the inputs; `side` is 1 for the newer side of a comparison."""
        looking = replace(self.looking, side=side)
        return Survey.of(paths, looking, self.run, leave_out=leave_out, progress=self.progress)

    def gather(  # noqa: PLR0913 - what is read, and where it goes
        self,
        survey: Survey | Both,
        choose: Callable[[Sequence[Entry], IssueLog], list[Selected]],
        task: Callable[[Batch], Result],
        writer: Taker | None = None,
        *,
        cuts_groups: bool = False,
        by_month: bool = False,
    ) -> Gathered:
        """Run a task over the batches of the reports that are chosen; again, where a report is not what it seemed.

        Batches are those of `plan`, or of `plan_by_month`.
        """
        planned = plan_by_month if by_month else partial(plan, cuts_groups=cuts_groups)
        while True:
            log = IssueLog([*survey.issues, *survey.between])
            if self.pseudonyms is None:
                selected = choose(survey.entries, log)
                todo = planned(selected, self.size)
            else:
                selected = self._chosen_under(self.pseudonyms, survey, choose, log)
                todo = [replace(one, pseudonyms=self.pseudonyms) for one in planned(selected, self.size)]
            found = Gathered(issues=log.rows)
            found.inputs += [input_of(one.entry) for one in selected if not one.is_read and one.entry.facts]
            corrections = self._gather(todo, task, writer, found)
            if not corrections:
                return found
            if self.pseudonyms is not None:
                corrections = _by_name(self.pseudonyms, corrections, survey)
            survey = survey.corrected(corrections, self.looking, self.run)
            if writer is not None:
                writer.restart()

    @staticmethod
    def _chosen_under(
        pseudonyms: Pseudonyms,
        survey: Survey | Both,
        choose: Callable[[Sequence[Entry], IssueLog], list[Selected]],
        log: IssueLog,
    ) -> list[Selected]:
        """Choose among the reports under pseudonyms, in the order of these; what is in `log` gets them as well."""
        by_name = IssueLog(list(log.rows))
        log.rows[:] = pseudonyms.issues(log.rows)
        entries = sorted((entry_under(pseudonyms, one) for one in survey.entries), key=lambda one: one.key)
        try:
            return choose(entries, log)
        except InputError:
            # Whoever runs this sees the names: the error is the same with them.
            choose(survey.entries, by_name)
            raise

    def _gather(
        self, todo: Sequence[Batch], task: Callable[[Batch], Result], writer: Taker | None, found: Gathered
    ) -> dict[Key, Entry | None]:
        """Run a task over batches; what comes of them goes to `found` and `writer`. Return the corrections."""
        self.progress.stage(self.stage, sum(len(one.reports) + len(one.counted) for one in todo))
        corrections: dict[Key, Entry | None] = {}
        for result in self.run(task, todo):
            corrections |= result.corrections
            if writer is not None and not corrections:
                writer.put(result.tables)
            found.add(result)
            self.progress.advance(result.reports)
        return corrections


def _by_name(
    pseudonyms: Pseudonyms, corrections: Mapping[Key, Entry | None], survey: Survey | Both
) -> dict[Key, Entry | None]:
    """Return the corrections of reports under pseudonyms as those of reports by name: each is looked at again."""
    return {one.key: None for one in survey.entries if (one.side, pseudonyms.source(one.name)) in corrections}
