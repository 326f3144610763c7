"""Audits, from reports to evidence; and inspecting reports without judging them."""

from __future__ import annotations

import tempfile
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from analyzer.batch import JUDGED_TABLES, BatchJudge, Inspecting, Result
from analyzer.engine import SILENT
from analyzer.errors import UsageError
from analyzer.evidence import storage
from analyzer.evidence.coverage import coverage_table, note_coverage
from analyzer.evidence.due import comes_due, due_by_check, soonest_first
from analyzer.evidence.inputs import inputs_frame
from analyzer.evidence.inspection import Inspection
from analyzer.evidence.manifest import audit_facts, manifest
from analyzer.evidence.people import counts_by_match, leavers_without_user, note_people, people_table
from analyzer.evidence.pseudonymous import settings_under
from analyzer.evidence.requirements import requirements_table
from analyzer.evidence.schema import ISSUES, issues_table, to_arrow, to_pandas
from analyzer.evidence.summary import Summary
from analyzer.evidence.tally import joined, of_issues
from analyzer.evidence.worst import MOST_SHOWN, notable
from analyzer.evidence.writer import put_tables
from analyzer.judging.people import Lookup
from analyzer.judging.waivers import describe_waivers
from analyzer.pipeline.leaving import (
    NO_PROOF,
    Proof,
    Run,
    carried,
    evidence_location,
    finish,
    left_out,
    moved_to,
    not_again,
    remove_unlisted,
    renderings_at,
    sealed,
    table_of,
)
from analyzer.pipeline.road import LOCAL, Engine, Road, judged_together
from analyzer.reading.issues import IssueLog
from analyzer.reading.limits import DEFAULT, Limits
from analyzer.rendering.registry import TABLES, default_formats, require_no_names, tables_needed
from analyzer.rendering.render import Options
from analyzer.survey.people import PeopleLists
from analyzer.survey.pseudonymous import organization_under, people_under
from analyzer.survey.selection import everything_in_order, select
from analyzer.survey.spool import NAME as SPOOL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from analyzer.controls.checklist import Checklist
    from analyzer.engine import Progress
    from analyzer.evidence.opened import EvidenceSet
    from analyzer.evidence.settings import Settings
    from analyzer.evidence.writer import Output, Writer
    from analyzer.judging.truth import Flags
    from analyzer.reading.issues import Row
    from analyzer.reading.normalizing import TypedTables
    from analyzer.survey.names import CaptureTime
    from analyzer.survey.organization import Organization
    from analyzer.survey.plan import Batch
    from analyzer.survey.pseudonyms import Pseudonyms
    from analyzer.survey.survey import Survey


def audit(  # noqa: PLR0913 - inputs, settings, and what is written
    paths: Sequence[str],
    settings: Settings,
    output: str,
    *,
    formats: Sequence[str] = default_formats("audit"),
    tables: Sequence[str] = TABLES,
    options: Options = Options(),  # noqa: B008 - frozen
    where: Engine = LOCAL,
    organization: Organization | None = None,
    lists: PeopleLists = PeopleLists(),  # noqa: B008 - frozen
    pseudonyms: Pseudonyms | None = None,
    most_shown: int = MOST_SHOWN,
    with_due: bool = False,
    proof: Proof = NO_PROOF,
    progress: Progress = SILENT,
) -> Run[Summary]:
    """Read the reports under `paths`, judge them, and write the evidence to `output`: a folder or an empty URL.

    `organization` lists the expected accounts, `lists` the people with whom users are compared. With `pseudonyms`,
    these replace the names everywhere except in errors. `tables` are written with any formats. `notable` of the result
    has up to `most_shown` of the worst findings, and `with_due` those that will fail soon. `proof` signs the evidence.
    Raises InputError if nothing can be judged, UsageError for outputs that need names, OutputError as `folders.check`.
    """
    proof.require_possible(output)
    size, settings_by_name, earlier = judged_together(len(settings.checklist.checks)), settings, renderings_at(output)
    if pseudonyms is not None:
        settings, organization, pseudonyms = _under(pseudonyms, settings_by_name, organization, formats, options)
    with (
        evidence_location(output, options.marks) as location,
        where.road_for(location, settings_by_name, progress, size=size, pseudonyms=pseudonyms) as road,
    ):
        writer = where.writer(location, _to_write(tables, formats))
        try:
            # The facts about tens of thousands of reports are large: they are released as soon as they are written.
            evidence, manifested = _evidence(
                location,
                judge_reports(road, road.survey(paths, left_out(output)), settings, writer, organization, lists),
                tables,
            )
        except BaseException:
            writer.abandon()
            raise
        storage.remove(location, SPOOL)
        files = finish(evidence, manifested, location, formats, options, progress, proof)
        worst, strangers = _shown(evidence, options.due_within if with_due else None, most_shown)
        issues, marks = to_pandas(evidence.table("issues")), carried(options.marks, location)
        remove_unlisted(evidence)
        removed, moved = not_again(earlier, files), moved_to(evidence, output)
        return Run(output, files, evidence.summary, issues, worst, moved, strangers, carried=marks, removed=removed)


def _to_write(tables: Sequence[str], formats: Sequence[str]) -> list[str]:
    """Return the tables to write: those that are kept, and those that the formats need."""
    needed = {"findings", "issues", *tables, *tables_needed("audit", formats)}
    return [name for name in TABLES if name in needed]


def _under(
    pseudonyms: Pseudonyms,
    settings: Settings,
    organization: Organization | None,
    formats: Sequence[str],
    options: Options,
) -> tuple[Settings, Organization | None, Pseudonyms]:
    """Return the settings and the list of accounts under pseudonyms, and the pseudonyms that judging needs.

    Raises UsageError for outputs that need or may contain names.
    """
    require_no_names(formats, carries_over=options.marks is not None)
    shown, with_names = settings_under(pseudonyms, settings)
    return shown, organization and organization_under(pseudonyms, organization), with_names


def _shown(evidence: EvidenceSet, days: int | None, most: int) -> tuple[dict[str, tuple[pa.Table, int]], list[str]]:
    """Return what the screen shows: the findings of `_notable`, and lines on leavers who match no user."""
    if not most:
        return {}, []
    return _notable(evidence, days, most), leavers_without_user(evidence)


def _notable(evidence: EvidenceSet, days: int | None, most: int) -> dict[str, tuple[pa.Table, int]]:
    """Return the worst findings and, if `days` is given, the checks that will fail within these days, by group.

    A group has at most `most` findings.
    """
    checklist = evidence.settings.checklist
    if days is None or not due_by_check(evidence.summary, days):
        return notable(evidence, checklist, most=most)
    return notable(evidence, checklist, (soonest_first(), comes_due(checklist, days)), most)


class Judged(NamedTuple):
    """The result of judging reports. `files` are the files of the tables that were written.

    `compared` has the table of each list of people, by name (columns: `analyzer.evidence.people.LISTS`).
    """

    summary: Summary
    issues: list[Row]
    files: list[Output]
    compared: dict[str, pa.Table]


def judge_reports(  # noqa: PLR0913 - inputs, settings, and lists
    road: Road,
    survey: Survey,
    settings: Settings,
    writer: Writer,
    organization: Organization | None = None,
    lists: PeopleLists = PeopleLists(),  # noqa: B008 - frozen
) -> Judged:
    """Judge the reports of a survey. Raises UsageError if a control needs a list that is not given.

    If the road has pseudonyms, `settings` and `organization` have them already, but `lists` still have the names.
    """
    needed = [check.control for check in settings.checklist.checks if check.control.needs]
    if needed and lists.leavers is None:
        raise UsageError(f"the control {needed[0].id} needs a list", f"add the list of leavers: {needed[0].needs} FILE")
    lookups = {name: Lookup.of(people, road.pseudonyms) for name, people in lists.by_name.items()}
    if road.pseudonyms is not None:
        lists = people_under(road.pseudonyms, lists)  # `lookups` still compare by name
    written_tables = tuple(name for name in JUDGED_TABLES if name in writer.tables)
    judging = BatchJudge(settings, road.finder.account_id, _trend_of, written_tables, lookups)
    choose = partial(select, as_of=settings.as_of, every_snapshot=settings.every_snapshot, trend=settings.trend)
    task = partial(_judge_and_write, judging, writer)
    gathered = road.gather(survey, choose, task, writer, cuts_groups=settings.every_snapshot)
    del survey  # it is large with many reports, and no longer needed
    log = IssueLog(gathered.issues)
    counted = Summary(settings, inputs_frame(gathered.inputs), joined(gathered.tallies))
    gathered.inputs.clear()  # the same: the table has them now
    describe_waivers(counted.covered, settings.checklist, counted.accounts, log)
    coverage = None
    if organization is not None:
        coverage = coverage_table(organization, counted.inputs, settings)
        note_coverage(coverage, organization, log)
    compared = _compared(lists, gathered.values, log)
    if "issues" in writer.tables:
        writer.put({"issues": to_arrow(issues_table(log), ISSUES)})
    summary = Summary(
        settings,
        counted.inputs,
        joined([counted.tallies, of_issues(log.rows)]),
        trend=_joined_trends([result["trend"] for result in gathered.values if "trend" in result]),
        coverage=coverage,
        compared={name: counts_by_match([table]) for name, table in compared.items()},
    )
    return Judged(summary, log.rows, writer.close(gathered.outputs), compared)


def _compared(lists: PeopleLists, batches: Sequence[Mapping[str, pa.Table]], log: IssueLog) -> dict[str, pa.Table]:
    """Return the table of each list of people, joined from the batches. Rows without a match are added to `log`."""
    tables = {}
    for name, people in lists.by_name.items():
        tables[name] = people_table(name, people, [batch[name] for batch in batches if name in batch])
        note_people(name, people, tables[name], log)
    return tables


def _trend_of(checklist: Checklist, tables: TypedTables, is_new: Flags) -> pa.Table:
    """Return the trend of accounts in a batch: see `history.events.trend_of`."""
    from analyzer.history.events import trend_of  # noqa: PLC0415 - most audits have no earlier snapshots

    return trend_of(checklist, tables, is_new)


def _joined_trends(parts: Sequence[pa.Table]) -> pa.Table | None:
    if not parts:
        return None
    from analyzer.history.events import joined_trends  # noqa: PLC0415

    return joined_trends(parts)


def _evidence(location: str, judged: Judged, tables: Sequence[str]) -> tuple[EvidenceSet, bytes]:
    """Write the tables of counts. Return the set of all tables, and the manifest of the kept ones as bytes."""
    summary = judged.summary
    counts = {"tallies": summary.tallies} | ({} if summary.trend is None else {"trend": summary.trend})
    if summary.coverage is not None:
        counts["coverage"] = summary.coverage
    if summary.requirements:
        counts["requirements"] = requirements_table(summary.requirements, summary.accounts)
    counts |= judged.compared
    outputs = [*judged.files, *put_tables(location, counts)]
    outputs.sort(key=lambda output: ([*TABLES, *counts].index(table_of(output)), output["name"]))
    kept_tables = {*tables, *counts}
    document = manifest(
        "audit", audit_facts(summary, judged.issues), [output for output in outputs if table_of(output) in kept_tables]
    )
    unlisted = [output["name"] for output in outputs if table_of(output) not in kept_tables]
    return sealed(location, document, unlisted, summary.inputs)


def _judge_and_write(judging: BatchJudge, writer: Writer, batch: Batch) -> Result:
    """Judge a batch, and write its tables if tasks write them. This runs in threads or in tasks of a cluster."""
    result = judging.of(batch)
    result.tables, result.outputs = writer.write_in_task(batch.number, result.tables)
    return result


def inspect(
    paths: Sequence[str],
    *,
    account_id: str | None = None,
    captured_at: tuple[CaptureTime, ...] = (),
    limits: Limits = DEFAULT,
    progress: Progress = SILENT,
) -> Inspection:
    """Return the contents of the reports under `paths`, without judging. Raises InputError if there are no reports."""
    with (
        tempfile.TemporaryDirectory() as folder,
        LOCAL.road(folder, account_id, progress, captured_at=captured_at, limits=limits) as road,
    ):
        gathered = road.gather(road.survey(paths), everything_in_order, Inspecting(account_id).of, cuts_groups=True)
    return Inspection(inputs_frame(gathered.inputs), issues_table(IssueLog(gathered.issues)))
