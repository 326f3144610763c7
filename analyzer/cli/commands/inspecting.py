"""The commands that judge nothing: inspect and controls."""

# Typer reads annotations when the program runs: no `from __future__ import annotations` here.

from typing import Annotated

import typer

from analyzer.cli.ending import show
from analyzer.cli.options import AccountId, AsJson, CapturedAt, MaxFileSize, Paths, Showing
from analyzer.errors import UsageError
from analyzer.pipeline import values

Verbose = Annotated[
    bool, typer.Option("--verbose", help="Show all that is known about each report, however many there are.")
]
Frameworks = Annotated[
    list[str],
    typer.Option(
        "--benchmark",
        metavar="ID",
        help="List the requirements of this framework (or of your own FILE.toml), with the controls and limits that "
        "decide them. Repeat, or separate by commas.",
        show_default=False,
    ),
]


def inspect(  # noqa: PLR0913 - one parameter an option
    paths: Paths,
    *,
    account_id: AccountId = None,
    captured_at: CapturedAt = [],  # noqa: B006 - Typer copies it
    max_file_size: MaxFileSize = None,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> int:
    """Show what the files contain, without judging them.

    For each report: format, layout, account, rows, capture time and where it comes from, and data issues. Three or more
    reports are shown as a table, as wide as the terminal, with totals by account.

    Exits 0; 3 if some input was not read; 2 if no report could be read.

    \b
    Examples:
      credreport inspect reports/
      credreport inspect credential_report.csv.gz --json
    """  # noqa: D301 - \b keeps the examples' lines
    account, times, limits = values.account(account_id), values.captured_at(captured_at), values.limits(max_file_size)

    from analyzer import pipeline  # noqa: PLC0415 - what loads pandas is not for --help
    from analyzer.cli.progress import progress  # noqa: PLC0415
    from analyzer.cli.screen.inspection import show_inspection  # noqa: PLC0415
    from analyzer.reading.issues import Level  # noqa: PLC0415

    showing = Showing(as_json=as_json)
    with progress(shown=showing.progress) as bars:
        inspection = pipeline.inspect(paths, account_id=account, captured_at=times, limits=limits, progress=bars)
    show("inspect", lambda: inspection.facts, lambda: show_inspection(inspection, verbose=verbose), showing)
    return 3 if inspection.has_issues(Level.REJECTED) else 0


def list_controls(
    control: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="Control to explain: its id, or its number in the framework. Without it, all controls are listed.",
            show_default=False,
        ),
    ] = None,
    *,
    benchmark: Frameworks = [],  # noqa: B006 - Typer copies it
    benchmarks: Annotated[bool, typer.Option("--benchmarks", help="List the frameworks.")] = False,
    as_json: AsJson = False,
) -> int:
    """List the controls, or explain one: when it fails, its limits, evidence, caveats and remediation.

    \b
    Examples:
      credreport controls
      credreport controls unused-credentials
      credreport controls 2.11
      credreport controls --benchmarks
      credreport controls --benchmark cis-5.0
    """  # noqa: D301 - \b keeps the examples' lines
    from analyzer.cli import explain as explaining  # noqa: PLC0415
    from analyzer.controls.checklist import make_checklist  # noqa: PLC0415

    if benchmarks:
        if control or benchmark:
            raise UsageError("--benchmarks works only alone", "leave out the control and --benchmark")
        typer.echo(explaining.frameworks_as_json() if as_json else explaining.list_frameworks())
        return 0
    controls = [control] if control else []
    lists_all = not (controls or benchmark)
    checklist = make_checklist(
        benchmark=values.benchmarks(benchmark),
        controls=controls,
        all_controls=lists_all,
        with_leavers=not benchmark,
        option="controls",
    )
    if as_json:
        typer.echo(explaining.as_json(checklist) if controls else explaining.list_as_json(checklist))
    else:
        typer.echo(explaining.explain(checklist) if controls else explaining.list_all(checklist))
    return 0
