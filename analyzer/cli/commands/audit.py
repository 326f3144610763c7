"""The command audit."""

# Typer reads annotations when the program runs: no `from __future__ import annotations` here.

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analyzer.cli.ending import Ending, end
from analyzer.cli.options import (
    AuditOutput,
    Engine,
    ExitZero,
    FailOn,
    Judging,
    Paths,
    PeopleFiles,
    Showing,
    Snapshots,
    Strict,
)
from analyzer.errors import UsageError
from analyzer.pipeline import options, values
from analyzer.rendering.registry import DUE_WITHIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.evidence.opened import EvidenceSet
    from analyzer.evidence.summary import Summary
    from analyzer.pipeline import Run


_MOST_DUE: int = 1_000
"""Maximum number of checks in JSON that will fail soon, the earliest first; `show` has all."""


@dataclass(frozen=True)
class AuditShowing(Showing):
    """The options that choose what is printed about an audit. JSON has the counts, then the failures or all checks."""

    json_all: Annotated[
        bool, typer.Option("--json-all", help="Like --json, but with every check. --json has only the failures.")
    ] = False

    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            help="Print all controls, and all entries of each list (at most 1,000). Without this option, only what "
            "fits on one screen is printed.",
        ),
    ] = False
    due_within: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=values.MOST_DAYS,
            help="List the checks that pass now and will fail within N days of the reference date if nothing changes. "
            f"Without this option, they are only counted, for {DUE_WITHIN} days.",
            show_default=False,
        ),
    ] = None

    def __post_init__(self) -> None:
        if self.json_all:
            object.__setattr__(self, "as_json", True)

    @property
    def days_ahead(self) -> int:
        """How many days ahead checks are listed or counted that will fail."""
        return self.due_within or DUE_WITHIN

    @property
    def most_shown(self) -> int:
        """How many of the worst findings are printed at most."""
        from analyzer.evidence.worst import MOST_IN_FULL, MOST_SHOWN  # noqa: PLC0415 - loads pandas

        return 0 if not self.progress else MOST_IN_FULL if self.verbose else MOST_SHOWN

    @property
    def lists_due(self) -> bool:
        """Whether checks that will fail are listed, and not only counted."""
        return self.verbose or self.due_within is not None

    def tables(self, output_options: AuditOutput) -> list[str]:
        """Return the tables to write. Raises UsageError if --json-all is given and --tables leaves out the findings."""
        tables = output_options.chosen_tables()
        if self.json_all and "findings" not in tables:
            raise UsageError(
                "--json-all needs the table findings, which --tables leaves out", "add findings to --tables"
            )
        return tables

    def end(self, run: "Run[Summary]", ending: Ending) -> int:
        """Show an audit, and return the exit code."""
        facts, draw = partial(self.facts, run, ending), partial(self.draw, run, ending)
        code, rows = ending.code(run.summary), self.findings(run)
        return end("audit", code, facts, run, draw, self, exit_zero=ending.exit_zero, rows=rows)

    def draw(self, run: "Run[Summary]", ending: Ending) -> None:
        """Print an audit as text and tables."""
        from analyzer.cli.screen.audit import show_audit  # noqa: PLC0415 - what loads pandas is not for --help

        show_audit(run, ending, days_ahead=self.days_ahead, lists_due=self.lists_due, verbose=self.verbose)

    def facts(self, run: "Run[Summary]", ending: Ending) -> dict[str, Any]:
        """Return the counts of an audit, the checks that will fail, and the reason of its exit code, as plain data."""
        from analyzer.evidence.due import due_facts, soonest  # noqa: PLC0415
        from analyzer.evidence.plain import plain_rows  # noqa: PLC0415
        from analyzer.evidence.schema import to_pandas  # noqa: PLC0415

        due = due_facts(run.summary, self.days_ahead)
        evidence = run.evidence
        if self.due_within is not None and evidence is not None:
            is_there = "findings" in evidence.files and due["count"]
            rows = plain_rows(to_pandas(soonest(evidence, self.days_ahead, _MOST_DUE))) if is_there else []
            due["findings"] = rows if "findings" in evidence.files else None
        key = run.summary.settings.pseudonyms
        hidden = {"pseudonyms": key} if key else {}
        counting = run.summary.open_count(fail_on=ending.fail_on, strict=ending.strict)
        reason = {"exit_reason": ending.reason(run.summary), "open_counted": counting}
        return run.summary.facts | hidden | {"due": due} | reason

    def findings(self, run: "Run[Summary]") -> tuple[str, "Iterator[str] | None"] | None:
        """Return the findings for JSON, or None if no JSON is printed. There are no rows if --tables left them out."""
        if not self.as_json:
            return None
        if run.evidence is None or "findings" not in run.evidence.files:
            return "findings", None
        return "findings", self._of(run.evidence)

    def _of(self, evidence: "EvidenceSet") -> "Iterator[str]":
        from analyzer.evidence.selection import EVERYTHING, FAILING, findings_as_json  # noqa: PLC0415

        # Another run may have replaced the evidence set; its findings would not match these counts.
        evidence.require_as_written("findings")
        yield from findings_as_json(evidence, EVERYTHING if self.json_all else FAILING)


def audit(  # noqa: PLR0913 - one parameter an option, or a block of them
    paths: Paths,
    *,
    snapshots: Snapshots,
    people_files: PeopleFiles,
    output_options: AuditOutput,
    judging: Judging,
    engine: Engine,
    fail_on: FailOn = "low",
    strict: Strict = False,
    exit_zero: ExitZero = False,
    showing: AuditShowing,
) -> int:
    """Find unused credentials and the other failures that the reports show, and write the evidence.

    The main control is "credentials unused for 45 days or more" of the CIS AWS Foundations Benchmark (2.11 in v7.0).
    One snapshot of each account is judged: the newest, or with --as-of the newest up to the reference date.
    Exits 0 if every check passes, is waived or is a manual check; 1 if a check fails or is not checked; 3 if some input
    was not read, or (with --accounts) the report of an expected account is missing; 2 if nothing was written.

    \b
    Examples:
      credreport audit reports/
      credreport audit reports/ --as-of 2026-10-31 -o credreport-out
      credreport audit reports/ --benchmark cis-5.0 --policy policy.toml
      aws iam get-credential-report | credreport audit - --format parquet
      credreport audit s3://reports --engine dask --format parquet -o s3://reports-out
    """  # noqa: D301 - \b keeps the examples' lines
    formats, ending = output_options.chosen(), Ending(values.severity(fail_on), strict, exit_zero)
    from analyzer.cli.progress import working  # noqa: PLC0415 - not for --help

    with working("audit", formats, shown=showing.progress) as (bars, beside):
        from analyzer import pipeline  # noqa: PLC0415 - loads pandas, after the helper has started

        workbook = output_options.workbook((judged := options.judged(snapshots, people_files, judging))["organization"])
        run = pipeline.audit(
            paths,
            output=output_options.output,
            formats=formats,
            tables=showing.tables(output_options),
            options=pipeline.Options(helper=beside, due_within=showing.days_ahead, **workbook),
            where=pipeline.Engine(*engine.chosen(paths, output_options.output)),
            **judged,
            pseudonyms=output_options.key(paths, quiet=showing.quiet),
            most_shown=showing.most_shown,
            with_due=showing.lists_due,
            proof=output_options.proof(),
            progress=bars,
        )
    return showing.end(run, ending)
