"""The options that commands share, and blocks of options (see `analyzer.cli.blocks`)."""

# Typer reads annotations when the program runs: no `from __future__ import annotations` here.

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from analyzer.cli.proving import RecordRun, SignKey
from analyzer.cli.streams import remark
from analyzer.errors import UsageError, checked_choice
from analyzer.pipeline import options, values
from analyzer.pipeline.values import MOST_DAYS, MOST_ROWS, ROWS_OF_A_SHEET
from analyzer.rendering.registry import ENGINES, TABLES, default_formats, formats_of, require_no_names

if TYPE_CHECKING:
    from analyzer.pipeline.leaving import Proof
    from analyzer.survey.organization import Organization
    from analyzer.survey.pseudonyms import Pseudonyms

Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH",
        help="Credential reports: files, folders (with all subfolders), zip and gzip files, or - for standard input.",
        show_default=False,
    ),
]
AuditSet = Annotated[
    str,
    typer.Argument(metavar="DIR", help="Evidence set that audit wrote: its folder or its URL.", show_default=False),
]
AccountId = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="Account (12 digits) of rows that have no account in their ARN or in their file name.",
        show_default=False,
    ),
]
CapturedAt = Annotated[
    list[str],
    typer.Option(
        "--captured-at",
        metavar="WHEN",
        help="Capture time of reports that have none in the AWS answer or in the file or folder name: a date (the end "
        "of that day, UTC) or a date-time. PATTERN=WHEN sets it for reports whose names match the pattern "
        "(*/old/*.csv=2026-09-30). Repeat for more patterns; the first match counts.",
        show_default=False,
    ),
]
MaxFileSize = Annotated[
    str | None,
    typer.Option(
        "--max-file-size",
        metavar="SIZE",
        help="Largest file to read, after unpacking, such as 500MB or 2GB. For formats other than CSV, the limit is a "
        "tenth of this. [default: 1GB]",
        show_default=False,
    ),
]
StoreFolder = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", help="Read the snapshots from this store (see ingest).", show_default=False),
]
Folder = Annotated[
    str,
    typer.Option(
        "-o", "--output", metavar="DIR", help="Folder for the evidence. Evidence of an earlier run is replaced."
    ),
]
WorkbookRows = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        max=MOST_ROWS,
        help="Maximum number of rows on a sheet of the workbook. The Parquet tables have all rows.",
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--pseudonyms",
        metavar="KEYFILE",
        help="Replace users, ARNs, accounts, file names and all texts that may contain a name by pseudonyms, made with "
        "the key in this file. If there is no such file, it is created with a new key. The same key gives the same "
        "pseudonyms in every run.",
        show_default=False,
    ),
]
ByOwner = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="owner",
        help="Only choice: owner. Also write one workbook for each owner of accounts (in owners/). The list of "
        "accounts (audit --accounts) has to name the owners.",
        show_default=False,
    ),
]
CarryOver = Annotated[
    list[Path],
    typer.Option(
        "--carry-over",
        metavar="FILE",
        help="Earlier workbook.xlsx: what reviewers wrote on its sheet Exceptions noted is copied to the same failures "
        "in the new workbook. It may be the workbook in the folder that is replaced. Repeat for the workbooks of "
        "owners.",
        show_default=False,
    ),
]
FailOn = Annotated[
    str,
    typer.Option(
        metavar="SEVERITY",
        help="Exit 1 only if a check of this severity, or of a higher one, fails or is not checked: critical, high, "
        "medium or low.",
    ),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Exit 3 also for repaired rows, unreadable cells and doubtful reports, and exit 1 also for manual checks.",
    ),
]
ExitZero = Annotated[bool, typer.Option("--exit-zero", help="Exit 0 where the exit code would be 1.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output, and nothing else.")]


def _format_option(kind: str) -> Any:  # noqa: ANN401 - what Typer makes of an option has no public type
    """Return the option --format for a kind of evidence, with the formats to choose from."""
    choices = ", ".join(formats_of(kind))
    return typer.Option("--format", metavar="NAME", help=f"Formats to write: {choices}. Repeat, or separate by commas.")


@dataclass(frozen=True)
class Judging(options.Judging):
    """The options that decide how reports are judged."""

    benchmarks: Annotated[
        list[str],
        typer.Option(
            "--benchmark",
            metavar="ID",
            help="Judge what this framework requires, with its numbers and limits. credreport controls --benchmarks "
            "lists the frameworks; FILE.toml is a framework of your own. Repeat, or separate by commas. Without this "
            "option, the default controls are judged, and the numbers of the newest CIS version are shown.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    controls: Annotated[
        list[str],
        typer.Option(
            "--control",
            metavar="ID",
            help="Judge only this control: its id, or its number in the framework (without --benchmark: in the newest "
            "CIS version). Repeat, or separate by commas.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    all_controls: Annotated[
        bool,
        typer.Option(
            "--all-controls",
            help="Judge every control, also those that are off by default: stricter readings of other controls, and "
            "controls that only some frameworks require.",
        ),
    ] = False
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Policy (TOML) with limits, severities, controls that are switched off, and waivers. Without this "
            "option, credreport.toml in the current folder is used if it exists.",
            show_default=False,
        ),
    ] = None
    no_policy: Annotated[bool, typer.Option("--no-policy", help="Use no policy, not even credreport.toml.")] = False
    max_idle_days: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=MOST_DAYS,
            help="A credential fails if it is idle for this many days or more. [default: 45, or the limit of the "
            "policy or framework]",
            show_default=False,
        ),
    ] = None
    account_id: AccountId = None
    captured_at: CapturedAt = field(default_factory=list)
    max_file_size: MaxFileSize = None


@dataclass(frozen=True)
class Snapshots(options.Snapshots):
    """The options that choose the snapshots of an audit, the reference date and the expected accounts."""

    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="Reference date at which all reports are judged: a date (the end of that day, UTC), a date-time (UTC "
            "unless it has an offset), or the word now. Without it, each report is judged at its own capture time.",
            show_default=False,
        ),
    ] = None
    every_snapshot: Annotated[
        bool, typer.Option("--every-snapshot", help="Judge every snapshot of an account, not only one.")
    ] = False
    no_trend: Annotated[
        bool,
        typer.Option(
            "--no-trend",
            help="Do not compare each account's judged snapshot with the one before it. With --every-snapshot, there "
            "is no trend in any case.",
        ),
    ] = False

    accounts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="List of the accounts whose reports are expected: the JSON of aws organizations list-accounts, or a "
            "CSV with a column account and any of the columns name, email, owner, ou, environment and status. Active "
            "accounts without a judged report are named, and the exit code is 3.",
            show_default=False,
        ),
    ] = None
    max_report_age: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            max=MOST_DAYS,
            help="With --accounts: name the accounts whose judged report is more than N days older than the reference "
            "date (without --as-of: than the newest report).",
            show_default=False,
        ),
    ] = None


@dataclass(frozen=True)
class PeopleFiles(options.PeopleFiles):
    """The lists of people, from a personnel department (HR), with which an audit compares the users."""

    leavers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="People who left: a CSV with a column user, user_name or email, and a column last_day, end_date or "
            "termination_date (2026-10-31). Each active credential of their users fails the control "
            "leaver-credentials; the check shows whether the credential was used after the last day.",
            show_default=False,
        ),
    ] = None
    people: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="All people who may have a user: a CSV with a column user, user_name or email. Users who are not on "
            "this list, and people without a user, are named.",
            show_default=False,
        ),
    ] = None


@dataclass(frozen=True)
class OutputOptions:
    """The options for the folder and formats of the evidence. Each kind of evidence has a subclass with defaults."""

    names: ClassVar[tuple[str, ...]]
    """The formats of this kind of evidence."""

    output: Folder
    formats: list[str]
    workbook_rows: WorkbookRows = ROWS_OF_A_SHEET
    pseudonyms: KeyFile = None
    sign: SignKey = None
    record_run: RecordRun = None

    def proof(self) -> "Proof":
        """Return how the evidence is signed and recorded. Raises UsageError for an empty name."""
        return values.proof(self.sign, self.record_run)

    def key(self, paths: Iterable[str], *, quiet: bool) -> "Pseudonyms | None":
        """Return the pseudonyms of the key file, or None without the option. A missing file is created.

        Raises UsageError if the file has no key, if it is among the inputs or outputs, and for a format that needs
        names. Unless `quiet`, notes are printed if the key is new or if other users can read it.
        """
        if self.pseudonyms is None:
            return None
        from analyzer.survey.key_file import read_key  # noqa: PLC0415 - not for --help

        require_no_names(self.chosen())
        key_file = read_key(self.pseudonyms, [path for path in paths if path], self.output)
        if key_file.is_new and not quiet:
            remark(f"new key in {self.pseudonyms}; keep this file: only it can match the pseudonyms with the names")
        if key_file.is_open_to_others and not quiet:
            remark(f"other users can read the key {self.pseudonyms}; chmod 600 makes it readable to you alone")
        return key_file.pseudonyms

    def chosen(self) -> list[str]:
        """Return the chosen formats in their usual order. Raises UsageError for unknown names."""
        return values.choices("--format", self.formats, self.names)


@dataclass(frozen=True)
class AuditOutput(OutputOptions):
    """The options for the evidence of an audit."""

    names: ClassVar[tuple[str, ...]] = formats_of("audit")

    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Folder for the evidence. Evidence of an earlier run is replaced. With --engine dask, this may also "
            "be a URL where there is nothing yet.",
        ),
    ] = "credreport-out"
    formats: Annotated[list[str], _format_option("audit")] = field(
        default_factory=lambda: list(default_formats("audit"))
    )
    tables: Annotated[
        list[str],
        typer.Option(
            "--tables",
            metavar="NAME",
            help=f"Parquet tables to write: {', '.join(TABLES)}. Repeat, or separate by commas. [default: all]",
            show_default=False,
        ),
    ] = field(default_factory=lambda: list(TABLES))
    carry_over: CarryOver = field(default_factory=list)
    by: ByOwner = None

    def chosen(self) -> list[str]:
        """Return the chosen formats. With pseudonyms, raises UsageError for outputs that need or may contain names."""
        formats = super().chosen()
        if self.pseudonyms is not None:
            require_no_names(formats, carries_over=bool(self.carry_over))
        return formats

    def chosen_tables(self) -> list[str]:
        """Return the chosen tables in their usual order. Raises UsageError for unknown names."""
        return values.choices("--tables", self.tables, TABLES)

    def workbook(self, organization: "Organization | None") -> dict[str, Any]:
        """Return the options of the workbook: its rows, the marks of reviewers, and for whom it is split.

        `organization` is the list of accounts. Raises UsageError if --by is given and the list names no owner, or if
        no workbook is written.
        """
        if self.carry_over and "://" in self.output:
            raise UsageError("--carry-over does not work with a URL for the output", "give a folder with -o")
        formats = self.chosen()
        by, accounts = values.by(self.by, formats), () if organization is None else organization.accounts
        if by is not None and not any(account.owner for account in accounts):
            raise UsageError("--by owner: no account has an owner", "give a CSV with a column owner: --accounts FILE")
        return {"workbook_rows": self.workbook_rows, "marks": values.marks(self.carry_over, formats), "by": by}


@dataclass(frozen=True)
class ComparisonOutput(OutputOptions):
    """The options for the evidence of a comparison."""

    names: ClassVar[tuple[str, ...]] = formats_of("comparison")

    output: Folder = "credreport-compare"
    formats: Annotated[list[str], _format_option("comparison")] = field(
        default_factory=lambda: list(default_formats("comparison"))
    )


@dataclass(frozen=True)
class HistoryOutput(OutputOptions):
    """The options for the evidence of a history."""

    names: ClassVar[tuple[str, ...]] = formats_of("history")

    output: Folder = "credreport-history"
    formats: Annotated[list[str], _format_option("history")] = field(
        default_factory=lambda: list(default_formats("history"))
    )


@dataclass(frozen=True)
class Engine:
    """The options that choose where batches of reports are judged."""

    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Where reports are judged: local (threads of this process) or dask (a Dask cluster; without "
            "--scheduler, processes of this machine). With dask, each table is a folder of parts. [default: local, or "
            "dask with --scheduler]",
            show_default=False,
        ),
    ] = None
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Scheduler of a running Dask cluster, such as tcp://host:8786. The scheduler and all workers need "
            "access to the reports and to the output folder.",
            show_default=False,
        ),
    ] = None

    def chosen(self, paths: list[str], output: str) -> tuple[str, str | None]:
        """Return the engine and its scheduler. Raises UsageError if it cannot read `paths` or write `output`."""
        default = "local" if self.scheduler is None else "dask"
        if checked_choice("--engine", self.engine or default, ENGINES) == "local":
            if self.scheduler is not None:
                raise UsageError("--scheduler does not work with --engine local", "leave out one of these options")
            if urls := [location for location in (*paths, output) if "://" in location]:
                raise UsageError(f"the engine local cannot read or write at a URL: {urls[0]}", "add --engine dask")
            return "local", None
        from analyzer.survey.files import is_read_once  # noqa: PLC0415 - pandas loads here, not for --help

        if pipes := [path for path in paths if is_read_once(path)]:
            pipe = "standard input" if pipes[0] == "-" else f"a pipe ({pipes[0]})"
            raise UsageError(f"the engine dask cannot read {pipe}", "give files, folders or URLs")
        return "dask", self.scheduler


Verbose = Annotated[
    bool, typer.Option("--verbose", help="Print more. Without this option, only what fits on one screen is printed.")
]


@dataclass(frozen=True)
class Showing:
    """The options that choose what is printed."""

    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print only errors.")] = False
    as_json: AsJson = False

    @property
    def progress(self) -> bool:
        """Whether progress may be shown."""
        return not (self.quiet or self.as_json)
