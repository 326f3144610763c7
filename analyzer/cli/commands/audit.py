"""The command audit."""

# Typer reads annotations when the program runs: no `from __future__ import annotations` here.

from typing import Annotated

import typer

from analyzer.cli import values
from analyzer.cli.ending import end
from analyzer.cli.options import AuditEvidence, Engine, ExitZero, Judging, Paths, Showing, Snapshots, Verbose

FailOn = Annotated[
    str,
    typer.Option(
        metavar="SEVERITY",
        help="Exit 1 only where a check of this severity, or a graver one, fails or is undecided: critical, high, "
        "medium or low.",
    ),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Exit 3 also for repaired rows, unreadable cells and doubtful reports, and 1 also for what is left to a "
        "person.",
    ),
]


def audit(  # noqa: PLR0913 - one parameter an option, or a block of them
    paths: Paths,
    *,
    snapshots: Snapshots,
    evidence: AuditEvidence,
    judging: Judging,
    engine: Engine,
    fail_on: FailOn = "low",
    strict: Strict = False,
    exit_zero: ExitZero = False,
    showing: Showing,
    verbose: Verbose = False,
) -> int:
    """Judge which credentials lay unused, and what else the reports can decide, and write the evidence.

    The main control is CIS AWS Foundations Benchmark "credentials unused for 45 days or more": 1.12 in v1.4 to v4.0.1,
    1.11 in v5.0, 2.11 in v6.0 and v7.0; `credreport controls` lists all. One snapshot an account is judged: the newest,
    or with --as-of the newest at or before that instant.

    \b
    Examples:
      credreport audit reports/
      credreport audit reports/ --as-of 2026-10-31 -o evidence
      credreport audit reports/ --control unused-credentials
      credreport audit reports/ --benchmark cis-5.0 --policy policy.toml
      aws iam get-credential-report | credreport audit - --format parquet
      credreport audit s3://reports/2026-10-31 --scheduler tcp://host:8786 --format parquet -o s3://evidence/2026-10
    """  # noqa: D301 - \b keeps the examples' lines
    which, formats, tables = snapshots.chosen(), evidence.chosen(), evidence.chosen_tables()
    account, where = judging.account(), engine.chosen(paths, evidence.output)
    checklist, least, times = judging.checklist(), values.severity(fail_on), judging.times()
    from analyzer import pipeline  # noqa: PLC0415 - what loads pandas is not for --help
    from analyzer.cli.progress import progress  # noqa: PLC0415
    from analyzer.cli.screen.audit import Ending, show_audit  # noqa: PLC0415

    with progress(shown=showing.progress) as bars:
        run = pipeline.audit(
            paths,
            pipeline.Settings(checklist, **which, account_id=account, captured_at=times, limits=judging.limits()),
            evidence.output,
            formats=formats,
            tables=tables,
            options=pipeline.Options(evidence.workbook_rows),
            where=pipeline.Engine(*where),
            progress=bars,
        )
    ending = Ending(least, strict, exit_zero)
    code = run.summary.exit_code_of(fail_on=least, strict=strict)
    facts = run.summary.facts | {"exit_reason": ending.reason(run.summary)}
    return end(code, facts, run, lambda: show_audit(run, ending, verbose=verbose), showing, exit_zero=exit_zero)
