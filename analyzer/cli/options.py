"""The options that commands share, each written once, and blocks of them (see `analyzer.cli.blocks`)."""

# Typer reads annotations when the program runs: no `from __future__ import annotations` here.

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from analyzer.cli.proving import RecordRun, SignKey
from analyzer.cli.streams import remark
from analyzer.errors import UsageError, known
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
        help="Credential reports: files, folders (searched throughout), zip and gzip files, or - for standard input.",
        show_default=False,
    ),
]
AuditSet = Annotated[
    str, typer.Argument(metavar="DIR", help="An evidence set of audit: its folder, or its URL.", show_default=False)
]
AccountId = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="12-digit account of rows whose account neither their ARN nor the name of their file tells.",
        show_default=False,
    ),
]
CapturedAt = Annotated[
    list[str],
    typer.Option(
        "--captured-at",
        metavar="WHEN",
        help="When reports were captured whose envelope and name do not tell: a date (the end of that day, UTC) or a "
        "date-time. PATTERN=WHEN is for those whose names fit (*/old/*.csv=2026-09-30); repeat it for others: the "
        "first that fits counts.",
        show_default=False,
    ),
]
MaxFileSize = Annotated[
    str | None,
    typer.Option(
        "--max-file-size",
        metavar="SIZE",
        help="Largest file to read, unpacked, such as 2GB; forms other than CSV may have a tenth. [default: 1GB]",
        show_default=False,
    ),
]
StoreFolder = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", help="Take the snapshots from this store (see ingest).", show_default=False),
]
Folder = Annotated[
    str, typer.Option("-o", "--output", metavar="DIR", help="Folder for the evidence; an earlier run's is replaced.")
]
Formats = Annotated[
    list[str], typer.Option("--format", metavar="NAME", help="What to write. Repeat, or separate by commas.")
]
WorkbookRows = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        max=MOST_ROWS,
        help="Rows that a sheet of the workbook holds at most; the rest is in the Parquet tables.",
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--pseudonyms",
        metavar="KEYFILE",
        help="Replace users, ARNs, accounts, file names and all texts that may hold a name by pseudonyms, made with "
        "the key in this file. A missing file is created with a new key. The same key gives the same pseudonyms in "
        "every run.",
        show_default=False,
    ),
]
ByOwner = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="owner",
        help="With --accounts, whose list names owners: write a workbook of each owner's accounts as well (owners/).",
        show_default=False,
    ),
]
CarryOver = Annotated[
    list[Path],
    typer.Option(
        "--carry-over",
        metavar="FILE",
        help="An earlier workbook.xlsx: what reviewers wrote on its sheet Exceptions noted is carried over to the same "
        "failures. It may be the one in the folder that is replaced. Repeat it for the workbooks of owners.",
        show_default=False,
    ),
]
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
ExitZero = Annotated[
    bool, typer.Option("--exit-zero", help="Exit 0 instead of 1 when credentials fail or could not be decided.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as JSON on standard output, and nothing else.")]


@dataclass(frozen=True)
class Judging(options.Judging):
    """By what reports are judged."""

    benchmarks: Annotated[
        list[str],
        typer.Option(
            "--benchmark",
            metavar="ID",
            help="Judge what this benchmark requires, by its numbers and limits; credreport controls --benchmarks "
            "lists them. FILE.toml is one of your own. Repeat, or separate by commas. Without it, every control is "
            "judged but those that only a benchmark, a policy or an option asks for, and the numbers of the newest "
            "CIS version are shown.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    controls: Annotated[
        list[str],
        typer.Option(
            "--control",
            metavar="ID",
            help="Judge this control only: its id, or its number in the benchmark (without --benchmark: in the newest "
            "CIS version). Repeat, or separate by commas.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    all_controls: Annotated[
        bool,
        typer.Option(
            "--all-controls",
            help="Judge every control, also those that are stricter readings of others, and those that only a "
            "benchmark asks for.",
        ),
    ] = False
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Policy with limits, severities, controls switched off and waivers (TOML). Without it, "
            "credreport.toml in the current folder is used if it is there.",
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
            help="Idle for this many days or more fails. [default: 45, or what the policy or benchmark says]",
            show_default=False,
        ),
    ] = None
    account_id: AccountId = None
    captured_at: CapturedAt = field(default_factory=list)
    max_file_size: MaxFileSize = None


@dataclass(frozen=True)
class Snapshots(options.Snapshots):
    """Which snapshots of an account an audit judges, and at which instant."""

    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="Judge at this instant: a date (the end of that day, UTC), a date-time (UTC unless it has an offset), "
            "or the word now. Without it, each report is judged at the time it was captured.",
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
            help="Do not compare each account's judged snapshot with the one before it; with --every-snapshot that is "
            "not done either.",
        ),
    ] = False

    accounts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The accounts whose reports are expected: the JSON of aws organizations list-accounts, or a CSV with "
            "a column account and any of name, email, owner, ou, environment and status. Each active one without a "
            "judged report is named, and makes the exit code 3.",
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
            "instant (without --as-of: than the newest report).",
            show_default=False,
        ),
    ] = None


@dataclass(frozen=True)
class Comparing(options.Comparing):
    """The lists of people, from a personnel department (HR), with which an audit compares the users."""

    leavers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="People who left: a CSV with a column user, user_name or email, and a column last_day, end_date or "
            "termination_date (2026-10-31). Each active credential of their users fails leaver-credentials, which "
            "says whether it was used after the last day.",
            show_default=False,
        ),
    ] = None
    people: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="All people who may have a user: a CSV with a column user, user_name or email. Users who are not in "
            "it, and people without a user, are listed.",
            show_default=False,
        ),
    ] = None


@dataclass(frozen=True)
class Evidence:
    """Where the evidence goes, and in which formats. A subclass for each kind of evidence sets the defaults."""

    names: ClassVar[tuple[str, ...]]
    """The formats there are of this kind."""

    output: Folder
    formats: Formats
    workbook_rows: WorkbookRows = ROWS_OF_A_SHEET
    pseudonyms: KeyFile = None
    sign: SignKey = None
    record_run: RecordRun = None

    def proof(self) -> "Proof":
        """Return what is left beside the evidence. Raises UsageError for an empty name."""
        return values.proof(self.sign, self.record_run)

    def key(self, paths: Iterable[str], *, quiet: bool) -> "Pseudonyms | None":
        """Return the pseudonyms of the key, which is made where the file is not there; None without the option.

        Raises UsageError where the file has no key, or is among the inputs or outputs, and for a format that needs
        names. Unless `quiet`, it is said that a key was made, and that other users can read it.
        """
        if self.pseudonyms is None:
            return None
        from analyzer.survey.key_file import read_key  # noqa: PLC0415 - not for --help

        require_no_names(self.chosen())
        found = read_key(self.pseudonyms, [path for path in paths if path], self.output)
        if found.is_new and not quiet:
            remark(f"key made: {self.pseudonyms}; keep it: without it, nobody can match pseudonyms with names again")
        if found.is_open_to_others and not quiet:
            remark(f"other users can read the key {self.pseudonyms}: chmod 600 keeps it to yourself")
        return found.pseudonyms

    def chosen(self) -> list[str]:
        """Return the chosen formats in their own order. Raises UsageError for names that are none."""
        return values.choices("--format", self.formats, self.names)


@dataclass(frozen=True)
class AuditEvidence(Evidence):
    """The evidence of an audit."""

    names: ClassVar[tuple[str, ...]] = formats_of("audit")

    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Folder for the evidence; an earlier run's is replaced. With --engine dask also the URL of a new one.",
        ),
    ] = "credreport-out"
    formats: Annotated[
        list[str],
        typer.Option(
            "--format",
            metavar="NAME",
            help=f"What to write: {', '.join(formats_of('audit'))}. Repeat, or separate by commas.",
        ),
    ] = field(default_factory=lambda: list(default_formats("audit")))
    tables: Annotated[
        list[str], typer.Option("--tables", metavar="NAME", help=f"Parquet tables to write: {', '.join(TABLES)}.")
    ] = field(default_factory=lambda: list(TABLES))
    carry_over: CarryOver = field(default_factory=list)
    by: ByOwner = None

    def chosen(self) -> list[str]:
        """Return the chosen formats. Raises UsageError for what needs names, or may hold some, with pseudonyms."""
        formats = super().chosen()
        if self.pseudonyms is not None:
            require_no_names(formats, carries_over=bool(self.carry_over))
        return formats

    def chosen_tables(self) -> list[str]:
        """Return the chosen tables in their own order. Raises UsageError for names that are none."""
        return values.choices("--tables", self.tables, TABLES)

    def workbook(self, organization: "Organization | None") -> dict[str, Any]:
        """Return what the workbook holds, whose it is, and what reviewers wrote into an earlier one.

        `organization` is the list of accounts. Raises UsageError where it names no owner, or no workbook is written.
        """
        if self.carry_over and "://" in self.output:
            raise UsageError("--carry-over with a URL for the output", "write into a folder")
        formats = self.chosen()
        by, accounts = values.by(self.by, formats), () if organization is None else organization.accounts
        if by is not None and not any(one.owner for one in accounts):
            raise UsageError("--by owner: no owner of an account is known", "give --accounts a CSV with a column owner")
        return {"workbook_rows": self.workbook_rows, "marks": values.marks(self.carry_over, formats), "by": by}


@dataclass(frozen=True)
class ComparisonEvidence(Evidence):
    """The evidence of a comparison."""

    names: ClassVar[tuple[str, ...]] = formats_of("comparison")

    output: Folder = "credreport-compare"
    formats: Formats = field(default_factory=lambda: list(default_formats("comparison")))


@dataclass(frozen=True)
class HistoryEvidence(Evidence):
    """The evidence of a history."""

    names: ClassVar[tuple[str, ...]] = formats_of("history")

    output: Folder = "credreport-history"
    formats: Formats = field(default_factory=lambda: list(default_formats("history")))


@dataclass(frozen=True)
class Engine:
    """Where batches of reports are judged."""

    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Where batches of reports are judged: local (threads of this process) or dask (a cluster; by itself, "
            "processes of this machine). Dask writes each table as a folder of parts. [default: local]",
            show_default=False,
        ),
    ] = None
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Scheduler of a running Dask cluster, such as tcp://host:8786; it and all its workers must see the "
            "reports and the output folder.",
            show_default=False,
        ),
    ] = None

    def chosen(self, paths: list[str], output: str) -> tuple[str, str | None]:
        """Return the name of the engine and its scheduler. Raises UsageError where it cannot read or write there."""
        default = "local" if self.scheduler is None else "dask"
        if known("--engine", self.engine or default, ENGINES) == "local":
            if self.scheduler is not None:
                raise UsageError("--scheduler with --engine local", "leave one of them out")
            if urls := [place for place in (*paths, output) if "://" in place]:
                raise UsageError(f"a URL: {urls[0]}", "read and write at URLs with --engine dask")
            return "local", None
        from analyzer.survey.files import is_read_once  # noqa: PLC0415 - pandas loads here, not for --help

        if pipes := [path for path in paths if is_read_once(path)]:
            pipe = "standard input" if pipes[0] == "-" else f"a pipe ({pipes[0]})"
            raise UsageError(f"{pipe} cannot be read by the engine dask", "name files, folders or URLs")
        return "dask", self.scheduler


Verbose = Annotated[
    bool, typer.Option("--verbose", help="Print everything, however long it is; without it, what fits one screen.")
]


@dataclass(frozen=True)
class Showing:
    """What is printed."""

    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print errors only.")] = False
    as_json: AsJson = False

    @property
    def progress(self) -> bool:
        """Whether progress may be shown."""
        return not (self.quiet or self.as_json)
