"""The command line: options -> pipeline -> screen. The only module that exits.

Exit codes: 0 all judged credentials pass; 1 some fail or could not be decided; 3 some input was not read; 2 nothing
was produced.
"""

from __future__ import annotations

import io
import os
import re
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer
from typer.exceptions import TyperException

from analyzer import __version__
from analyzer.cli.streams import printable, silence
from analyzer.errors import AnalyzerError, UsageError, known
from analyzer.rendering.registry import DEFAULT_FORMATS, ENGINES, FORMATS, TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from analyzer.controls.checklist import Checklist
    from analyzer.controls.policy import Policy
    from analyzer.evidence.output import Written
    from analyzer.evidence.settings import Settings
    from analyzer.evidence.summary import Summary

NOTHING_PRODUCED: Final = 2

app = typer.Typer(
    name="credreport",
    help="Read AWS IAM credential reports offline and say which credentials lay unused, how sure that is, and why; "
    "and whatever else of a benchmark such a report can decide.",
    epilog="Exit codes: 0 all pass; 1 some fail or could not be decided; 3 some input was not read; 2 nothing written.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH",
        help="Credential reports: files, folders (searched throughout), zip and gzip files, or - for standard input.",
        show_default=False,
    ),
]
AccountId = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="12-digit account of rows whose account neither their ARN nor the name of their file tells.",
        show_default=False,
    ),
]
Output = Annotated[
    Path,
    typer.Option("-o", "--output", metavar="DIR", help="Folder for the evidence; an earlier run's is replaced."),
]
BenchmarkId = Annotated[
    str | None,
    typer.Option(
        "--benchmark",
        metavar="ID",
        help="Judge the controls of this benchmark, by its numbers and limits; credreport controls lists them. "
        "Without it, every control is judged, and the numbers of the newest CIS version are shown.",
        show_default=False,
    ),
]
ControlIds = Annotated[
    list[str],
    typer.Option(
        "--control",
        metavar="ID",
        help="Judge this control only. Repeat, or separate by commas.",
        show_default=False,
    ),
]
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        help="Policy with limits, severities, controls switched off and waivers (TOML). Without it, "
        "credreport.toml in the current folder is used if it is there.",
        show_default=False,
    ),
]
NoPolicy = Annotated[bool, typer.Option("--no-policy", help="Use no policy, not even credreport.toml.")]
MaxIdleDays = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=36_500,
        help="Idle for this many days or more fails. [default: 45, or what the policy or benchmark says]",
        show_default=False,
    ),
]
StoreFolder = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", help="Take the snapshots from this store (see ingest).", show_default=False),
]
FollowFormats = Annotated[
    list[str], typer.Option("--format", metavar="NAME", help="What to write. Repeat, or separate by commas.")
]
ExitZero = Annotated[
    bool, typer.Option("--exit-zero", help="Exit 0 instead of 1 when credentials fail or could not be decided.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print errors only.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as JSON on standard output, and nothing else.")]


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"credreport {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=lambda value: _version(wanted=value), is_eager=True, help="Show the version."
        ),
    ] = False,
) -> None:
    pass


@app.command()
def audit(  # noqa: PLR0913 - one parameter an option
    paths: Paths,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="WHEN",
            help="Judge at this instant: a date (the end of that day, UTC), a date-time (UTC unless it has an offset), "
            "or the word now. Without it, each report is judged at the time it was captured.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Folder for the evidence; an earlier run's is replaced. With --engine dask also the URL of a new one.",
        ),
    ] = "credreport-out",
    formats: Annotated[
        list[str],
        typer.Option(
            "--format", metavar="NAME", help=f"What to write: {', '.join(FORMATS)}. Repeat, or separate by commas."
        ),
    ] = list(DEFAULT_FORMATS),  # noqa: B006 - Typer copies it
    tables: Annotated[
        list[str],
        typer.Option("--tables", metavar="NAME", help=f"Parquet tables to write: {', '.join(TABLES)}."),
    ] = list(TABLES),  # noqa: B006 - Typer copies it
    benchmark: BenchmarkId = None,
    controls: ControlIds = [],  # noqa: B006 - Typer copies it
    policy: PolicyFile = None,
    no_policy: NoPolicy = False,
    max_idle_days: MaxIdleDays = None,
    account_id: AccountId = None,
    every_snapshot: Annotated[
        bool, typer.Option("--every-snapshot", help="Judge every snapshot of an account, not only one.")
    ] = False,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Where batches of reports are judged: local (threads of this process) or dask (a cluster; by itself, "
            "processes of this machine). Dask writes Parquet alone, a folder of parts a table. [default: local]",
            show_default=False,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Scheduler of a running Dask cluster, such as tcp://host:8786; it and all its workers must see the "
            "reports and the output folder.",
            show_default=False,
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit 3 also for repaired rows, unreadable cells and doubtful reports."),
    ] = False,
    exit_zero: ExitZero = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
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
    instant = _reference(as_of)
    chosen_formats, chosen_tables = _choices("--format", formats, FORMATS), _choices("--tables", tables, TABLES)
    account = _account(account_id)
    on_cluster = _on_cluster(engine, scheduler, paths, output, chosen_formats)

    checklist = _plan(benchmark, controls, policy, no_policy=no_policy, max_idle_days=max_idle_days)

    from analyzer import pipeline  # noqa: PLC0415 - pandas loads here, not for --help
    from analyzer.cli import screen as console  # noqa: PLC0415 - pandas loads here, not for --help
    from analyzer.evidence import output as evidence  # noqa: PLC0415 - pandas loads here, not for --help
    from analyzer.evidence.settings import Settings  # noqa: PLC0415
    from analyzer.reading.issues import Level  # noqa: PLC0415

    evidence.check(output)
    settings = Settings(checklist, instant, every_snapshot, account)
    folder = Path(output)
    with console.progress(shown=not quiet and not as_json) as progress:
        if on_cluster:
            result, written = _audit_on_cluster(paths, settings, output, chosen_tables, scheduler, progress)
        elif evidence.IN_PARTS.issuperset(chosen_formats):
            run = partial(pipeline.audit_in_parts, paths, settings, leave_out=folder, progress=progress)
            drawn = partial(run, drawn="charts" in chosen_formats)
            result, written = evidence.write_in_parts(folder, chosen_formats, chosen_tables, drawn)
        else:
            audited = pipeline.audit(paths, settings, leave_out=folder, progress=progress)
            result, written = audited, evidence.write(audited, folder, chosen_formats, chosen_tables)
    code = 3 if strict and result.has_issues(Level.REPAIRED) else result.exit_code
    _end(code, result.summary, written, lambda: console.show_audit(result, written), exit_zero, quiet, as_json)


def _on_cluster(
    engine: str | None, scheduler: str | None, paths: Iterable[str], output: str, formats: Iterable[str]
) -> bool:
    """Whether an audit runs on a cluster. Raises UsageError where it cannot."""
    chosen = "dask" if engine is None and scheduler is not None else known("--engine", engine or "local", ENGINES)
    if chosen == "local":
        if scheduler is not None:
            raise UsageError("--scheduler with --engine local", "leave one of them out")
        urls = [place for place in (*paths, output) if "://" in place]
        if urls:
            raise UsageError(f"a URL: {urls[0]}", "read and write at URLs with --engine dask")
        return False
    if list(formats) != ["parquet"]:
        raise UsageError(
            "the engine dask writes Parquet alone",
            "add --format parquet; the other formats come from a local run, on fewer reports",
        )
    from analyzer.survey.files import is_read_once  # noqa: PLC0415

    if pipes := [path for path in paths if is_read_once(path)]:
        pipe = "standard input" if pipes[0] == "-" else f"a pipe ({pipes[0]})"
        raise UsageError(f"{pipe} cannot be read by the engine dask", "name files, folders or URLs")
    return True


def _audit_on_cluster(  # noqa: PLR0913 - what is read, and where it runs
    paths: list[str],
    settings: Settings,
    output: str,
    tables: list[str],
    scheduler: str | None,
    progress: Callable[[int, int], None] | None,
) -> tuple[Summary, Written]:
    from analyzer import distributing, engine  # noqa: PLC0415 - an extra
    from analyzer.evidence import output as evidence  # noqa: PLC0415 - an extra

    with engine.dask(scheduler) as run:

        def audit_into(place: str) -> tuple[Summary, list[distributing.Output]]:
            job = distributing.Job(settings, tuple(tables), place)
            return distributing.audit(paths, job, run, leave_out=Path(output), progress=progress)

        return evidence.write_parts(output, tables, audit_into)


@app.command()
def compare(  # noqa: PLR0913 - one parameter an option
    old: Annotated[str, typer.Argument(metavar="[OLD]", help="The older reports: a file, folder or archive.")] = "",
    new: Annotated[str, typer.Argument(metavar="[NEW]", help="The newer ones.")] = "",
    store: StoreFolder = None,
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="WHEN", help="With --store: the newest snapshots by then are the older ones."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--to", metavar="WHEN", help="With --store: the newest snapshots by then are the newer ones."),
    ] = None,
    output: Output = Path("credreport-compare"),
    formats: FollowFormats = ["parquet", "excel"],  # noqa: B006 - Typer copies it
    benchmark: BenchmarkId = None,
    controls: ControlIds = [],  # noqa: B006 - Typer copies it
    policy: PolicyFile = None,
    no_policy: NoPolicy = False,
    max_idle_days: MaxIdleDays = None,
    account_id: AccountId = None,
    exit_zero: ExitZero = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Say what changed between two snapshots of accounts: users, credentials, and what fails.

    Of each account the newest snapshot on either side is compared. Exits 1 if something fails that did not before.

    \b
    Examples:
      credreport compare 2026-09-30/ 2026-10-31/
      credreport compare --store history --from 2026-09-30 --to 2026-10-31
    """  # noqa: D301 - \b keeps the examples' lines
    chosen = _choices("--format", formats, ("parquet", "excel"))
    times = _two_times(since, until) if store is not None else None
    if (store is None) == (not (old and new)):
        raise UsageError("give OLD and NEW, or --store with --from and --to", "see credreport compare --help")
    account = _account(account_id)
    checklist = _plan(benchmark, controls, policy, no_policy=no_policy, max_idle_days=max_idle_days)

    from analyzer.cli import screen as console  # noqa: PLC0415
    from analyzer.evidence import output as evidence  # noqa: PLC0415
    from analyzer.evidence.settings import Settings  # noqa: PLC0415
    from analyzer.history import tracking  # noqa: PLC0415

    evidence.check_folder(output)
    settings = Settings(checklist, None, False, account)  # noqa: FBT003
    with console.progress(shown=not quiet and not as_json) as progress:
        if store is not None and times is not None:
            result = tracking.compare_stored(store, *times, settings)
        else:
            result = tracking.compare([old], [new], settings, leave_out=output, progress=progress)
        written = evidence.write_comparison(result, output, chosen)
    show = lambda: console.show_comparison(result, written)  # noqa: E731 - not to be drawn before
    _end(result.exit_code, result.facts, written, show, exit_zero, quiet, as_json)


@app.command()
def history(  # noqa: PLR0913 - one parameter an option
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="[PATH]...", help="Credential reports of many dates: files, folders, archives.", show_default=False
        ),
    ] = [],  # noqa: B006 - Typer copies it
    store: StoreFolder = None,
    as_of_series: Annotated[
        str | None,
        typer.Option(
            metavar="DATES",
            help="Judge at these dates (2026-01-31,2026-02-28 or monthly), each account by its newest snapshot until "
            "then. Without it, each snapshot is judged at its own capture time.",
            show_default=False,
        ),
    ] = None,
    sla_days: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=0, help="Say what share of failures was fixed in so many days.", show_default=False
        ),
    ] = None,
    output: Output = Path("credreport-history"),
    formats: FollowFormats = ["parquet", "excel", "charts"],  # noqa: B006 - Typer copies it
    benchmark: BenchmarkId = None,
    controls: ControlIds = [],  # noqa: B006 - Typer copies it
    policy: PolicyFile = None,
    no_policy: NoPolicy = False,
    max_idle_days: MaxIdleDays = None,
    account_id: AccountId = None,
    exit_zero: ExitZero = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Follow failures through many snapshots: how long each stayed open, what closed it, what came back.

    A failure lives while its subject fails in each snapshot; no fix is claimed across missing snapshots. Exits 1 if
    something is open in the newest snapshots.

    \b
    Examples:
      credreport history reports/ --sla-days 30
      credreport history --store history --as-of-series monthly
    """  # noqa: D301 - \b keeps the examples' lines
    chosen = _choices("--format", formats, ("parquet", "excel", "charts"))
    if (store is None) == (not paths):
        raise UsageError("give reports, or --store", "see credreport history --help")
    account = _account(account_id)
    checklist = _plan(benchmark, controls, policy, no_policy=no_policy, max_idle_days=max_idle_days)
    series = _series(as_of_series)

    from analyzer.cli import screen as console  # noqa: PLC0415
    from analyzer.evidence import output as evidence  # noqa: PLC0415
    from analyzer.evidence.settings import Settings  # noqa: PLC0415
    from analyzer.history import tracking  # noqa: PLC0415

    evidence.check_folder(output)
    settings = Settings(checklist, None, True, account)  # noqa: FBT003
    with console.progress(shown=not quiet and not as_json) as progress:
        if store is not None:
            result = tracking.history_stored(store, settings, series=series, sla_days=sla_days)
        else:
            result = tracking.history(
                paths, settings, series=series, sla_days=sla_days, leave_out=output, progress=progress
            )
        written = evidence.write_history(result, output, chosen)
    show = lambda: console.show_history(result, written)  # noqa: E731 - not to be drawn before
    _end(result.exit_code, result.facts, written, show, exit_zero, quiet, as_json)


@app.command()
def ingest(
    paths: Paths,
    store: Annotated[Path, typer.Option("--store", metavar="DIR", help="The store; made if it is not there.")],
    account_id: AccountId = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Keep snapshots in a store: a Parquet dataset by month that history and compare read, and others can.

    The same report twice is kept once. A run that is cut short leaves the store as it was. Reports of unknown date or
    account are refused. Exits 0; 3 if some input was not kept.

    \b
    Examples:
      credreport ingest reports/2026-10-31 --store history
    """  # noqa: D301 - \b keeps the examples' lines
    account = _account(account_id)

    from analyzer.cli import screen as console  # noqa: PLC0415
    from analyzer.history import tracking  # noqa: PLC0415

    with console.progress(shown=not (quiet or as_json)) as progress:
        kept = tracking.ingest(paths, store, account_id=account, progress=progress)
    if as_json:
        console.print_json(kept.facts)
    elif not quiet:
        console.show_ingest(kept, str(store))
    raise typer.Exit(kept.exit_code)


@app.command("store")
def show_store(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The store.")], as_json: AsJson = False
) -> None:
    """Show what a store holds: accounts, snapshots, and where some are missing.

    Exits 0; 3 if a part of it is damaged.
    """
    from analyzer.cli import screen as console  # noqa: PLC0415
    from analyzer.history import tracking  # noqa: PLC0415

    found = tracking.stored(folder)
    if as_json:
        console.print_json(found.facts)
    else:
        console.show_store(found, str(folder))
    raise typer.Exit(3 if found.damaged else 0)


@app.command()
def inspect(paths: Paths, account_id: AccountId = None, as_json: AsJson = False) -> None:
    """Say what is in these files, without judging them.

    For each report: container, layout, account, rows, when it was captured and how that is known, and data issues.

    Exits 0; 3 if some input was not read; 2 if none could be.

    \b
    Examples:
      credreport inspect reports/
      credreport inspect credential_report.csv.gz --json
    """  # noqa: D301 - \b keeps the examples' lines
    account = _account(account_id)

    from analyzer import pipeline  # noqa: PLC0415
    from analyzer.cli import screen as console  # noqa: PLC0415
    from analyzer.reading.issues import Level  # noqa: PLC0415

    with console.progress(shown=not as_json) as progress:
        found = pipeline.inspect(paths, account_id=account, progress=progress)
    if as_json:
        console.print_json(found.summary)
    else:
        console.show_inspection(found)
    raise typer.Exit(3 if found.has_issues(Level.REJECTED) else 0)


@app.command("controls")
def list_controls(
    control: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="Control to explain; without it, all are listed.", show_default=False),
    ] = None,
    benchmark: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="List what this benchmark asks for, by its numbers and limits.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the controls, or explain one: what is compared, limits, evidence, caveats, mapping, remediation.

    \b
    Examples:
      credreport controls
      credreport controls unused-credentials
      credreport controls --benchmark cis-5.0
    """  # noqa: D301 - \b keeps the examples' lines
    from analyzer.cli import explain as explaining  # noqa: PLC0415
    from analyzer.controls.catalog import BY_ID  # noqa: PLC0415
    from analyzer.controls.checklist import make_checklist  # noqa: PLC0415

    checklist = make_checklist(benchmark=benchmark, controls=[known("controls", control, BY_ID)] if control else [])
    if as_json:
        typer.echo(explaining.as_json(checklist))
    elif control:
        typer.echo(explaining.explain(checklist))
    else:
        typer.echo(explaining.list_all(checklist))


def _plan(
    benchmark: str | None, controls: list[str], policy: Path | None, *, no_policy: bool, max_idle_days: int | None
) -> Checklist:
    from analyzer.controls.checklist import make_checklist  # noqa: PLC0415 - not for --help

    return make_checklist(
        benchmark=benchmark,
        controls=_asked_for(controls),
        policy=_policy(policy, unwanted=no_policy),
        max_idle_days=max_idle_days,
    )


def _end(  # noqa: PLR0913 - how a run ends
    code: int,
    summary: dict[str, Any],
    written: Written,
    show: Callable[[], None],
    exit_zero: bool,
    quiet: bool,
    as_json: bool,
) -> NoReturn:
    """Show what was found, and exit."""
    from analyzer.cli import screen as console  # noqa: PLC0415

    code = 0 if exit_zero and code == 1 else code
    output = str(written.folder)
    try:
        if as_json:
            console.print_json({**summary, "output": output, "files": written.files, "exit_code": code})
        elif not quiet:
            show()
    except (Exception, _Interrupted) as error:  # noqa: BLE001 - the evidence stands, and so does its exit code
        silence()
        _complain(f"the summary could not be shown: {error}", f"the evidence is complete in {output}")
    raise typer.Exit(code)


def _two_times(since: str | None, until: str | None) -> tuple[datetime, datetime]:
    """Return the instants of --from and --to."""
    if since is None or until is None:
        raise UsageError("--store needs --from and --to", "such as --from 2026-09-30 --to 2026-10-31")
    first, last = _reference(since, "--from"), _reference(until, "--to")
    if first is None or last is None or first >= last:
        raise UsageError("--from must be earlier than --to", "such as --from 2026-09-30 --to 2026-10-31")
    return first, last


def _series(text: str | None) -> list[datetime] | str:
    """Return the dates of --as-of-series, oldest first; `monthly` as it is."""
    if text is None:
        return []
    if text.strip().lower() == "monthly":
        return "monthly"
    found = [_reference(part, "--as-of-series") for part in _split([text])]
    if not found:
        raise UsageError("--as-of-series: no date", "write 2026-01-31,2026-02-28 or monthly")
    return sorted({instant for instant in found if instant is not None})


def _policy(path: Path | None, *, unwanted: bool) -> Policy | None:
    """Return the policy given, else the one that stands in the current folder."""
    from analyzer.controls.policy import DEFAULT_NAME, read_policy  # noqa: PLC0415 - only an audit needs it

    if path is not None and unwanted:
        raise UsageError("--policy and --no-policy exclude each other", "give one of them")
    # Whatever stands under that name is meant as the policy: what cannot be read must not be passed over.
    if path is None and not unwanted and os.path.lexists(DEFAULT_NAME):
        path = Path(DEFAULT_NAME)
    return None if path is None else read_policy(path)


def _reference(text: str | None, option: str = "--as-of") -> datetime | None:
    from datetime import UTC, datetime  # noqa: PLC0415

    from analyzer.reading.times import parse_reference  # noqa: PLC0415

    if text is None:
        return None
    if text.strip().lower() == "now":
        return datetime.now(UTC)
    instant = parse_reference(text.strip())
    if instant is None:
        raise UsageError(
            f"{option}: not a date or date-time: {text!r}",
            "write 2026-10-31 (the end of that day, UTC), 2026-10-31T08:00:00Z, or now",
        )
    return instant


def _account(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"\d{12}", text, re.ASCII):
        raise UsageError(f"--account-id: not an AWS account: {text!r}", "an account is 12 digits, such as 111122223333")
    return text


def _split(given: Iterable[str]) -> list[str]:
    """Return the values of a repeatable option, each of which may hold several, separated by commas."""
    return [name.strip() for value in given for name in value.split(",") if name.strip()]


def _asked_for(controls: list[str]) -> list[str]:
    """Return the controls asked for; an option that names none is no wish for all of them."""
    names = _split(controls)
    if controls and not names:
        raise UsageError("--control: nothing chosen", "name a control, or leave the option out to judge all of them")
    return names


def _choices(option: str, given: Iterable[str], names: tuple[str, ...]) -> list[str]:
    """Return the chosen names in their own order."""
    chosen = {known(option, name, names) for name in _split(given)}
    if not chosen:
        raise UsageError(f"{option}: nothing chosen", f"choose from {', '.join(names)}")
    return [name for name in names if name in chosen]


def main() -> NoReturn:
    """Run the program; every way out goes through here, and no traceback reaches the user."""
    _prepare()
    try:
        code = app(prog_name="credreport", standalone_mode=False)
        sys.stdout.flush()
    except AnalyzerError as error:
        _complain(error.message, error.hint)
        code = NOTHING_PRODUCED
    except TyperException as error:
        code = _usage(error)
    except (_Interrupted, typer.Abort):
        _complain("interrupted", "nothing was written; an earlier run's output stands as it was")
        code = NOTHING_PRODUCED
    except BrokenPipeError:
        # Help or a version, and its reader has gone, as `head` does.
        silence()
        code = 0
    except MemoryError:
        _complain("out of memory", "judge fewer files at a time, or write fewer formats: --format parquet")
        code = NOTHING_PRODUCED
    except Exception as error:
        _complain(
            f"internal error: {type(error).__name__}: {error}",
            "this is a fault of credreport, not of your files; set CREDREPORT_DEBUG=1 for the details and report it",
        )
        if os.environ.get("CREDREPORT_DEBUG"):
            raise
        code = NOTHING_PRODUCED
    sys.exit(code)


def _prepare() -> None:
    """Make the process ready for streams and signals as they come."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - as long as the process
        elif isinstance(stream, io.TextIOWrapper):
            # A terminal without UTF-8 shows a question mark; it must not cost the answer.
            stream.reconfigure(errors="replace")
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _interrupt)


class _Interrupted(BaseException):
    """The run was told to stop; like Python's own, it passes every handler of errors and lets the run tidy up."""


def _interrupt(*_: object) -> NoReturn:
    raise _Interrupted


def _usage(error: TyperException) -> int:
    """Say a usage error in the program's own form; without any argument, the help is the answer."""
    message = getattr(error, "format_message", lambda: str(error))().strip()
    context = getattr(error, "ctx", None)
    if context is not None and message == context.get_help().strip():
        typer.echo(message)
    else:
        _complain(message.rstrip("."), f"see {context.command_path if context else 'credreport'} --help")
    return NOTHING_PRODUCED


def _complain(message: str, hint: str) -> None:
    color = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    error, tip, plain = ("\x1b[1;31m", "\x1b[1;36m", "\x1b[0m") if color else ("", "", "")
    sys.stderr.write(f"{error}error:{plain} {printable(message)}\n{tip}hint:{plain} {printable(hint)}\n")
