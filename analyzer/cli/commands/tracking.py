"""The commands on several snapshots: compare and history, and for the store, ingest and store."""

# Typer reads annotations when the program runs: no `from __future__ import annotations` here.

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from analyzer.cli.ending import end, show
from analyzer.cli.options import (
    AccountId,
    AsJson,
    CapturedAt,
    ComparisonOutput,
    ExitZero,
    FailOn,
    HistoryOutput,
    Judging,
    MaxFileSize,
    Paths,
    Showing,
    StoreFolder,
    Strict,
    Verbose,
)
from analyzer.pipeline import options, values

if TYPE_CHECKING:
    from analyzer.evidence.comparison import Comparison
    from analyzer.evidence.history import History

Old = Annotated[
    str, typer.Argument(metavar="OLD", help="Older side: a file, folder or archive with reports, or an evidence set.")
]
New = Annotated[str, typer.Argument(metavar="NEW", help="Newer side: of the same kind as OLD.")]
Since = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="WHEN",
        help="With --store: a date or date-time. The newest snapshot of each account up to then is the older side.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="WHEN",
        help="With --store: a date or date-time. The newest snapshot of each account up to then is the newer side.",
    ),
]
PathsOfManyDates = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH", help="Credential reports from several dates: files, folders, archives.", show_default=False
    ),
]
AsOfSeries = Annotated[
    str | None,
    typer.Option(
        metavar="DATES",
        help="Judge at these reference dates: a list (2026-01-31,2026-02-28), or the word monthly. Each account is "
        "judged by its newest snapshot up to the date. Without it, each snapshot is judged at its own capture time.",
        show_default=False,
    ),
]
SlaDays = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        help="Show the share of failures that was fixed within N days, with a lower and an upper bound.",
        show_default=False,
    ),
]
FailOnNew = Annotated[
    str,
    typer.Option(
        "--fail-on",
        metavar="SEVERITY",
        help="Exit 1 only if a new failure is of this severity or of a higher one: critical, high, medium or low.",
    ),
]

_LISTS: Final = ("--leavers", "--people", "--accounts", "--max-report-age")
OPTIONS_OF_OTHERS: Final[dict[tuple[str | None, str | None], str]] = {
    ("compare", "--strict"): "only new failures count for its exit code; see credreport audit --strict",
    ("compare", "--as-of"): "give --store with --from and --to, or two folders",
    ("history", "--as-of"): "give the reference dates with --as-of-series",
    **{
        (command, option): f"use credreport audit {option}, which judges the newest snapshot of each account"
        for command in ("compare", "history")
        for option in _LISTS
    },
}
"""The hint for options that `compare` or `history` lacks and other commands have."""


@dataclass(frozen=True)
class Tracking(Showing):
    """The options that choose what is printed about a comparison or a history."""

    verbose: Verbose = False


def compare(  # noqa: PLR0913 - one parameter an option, or a block of them
    old: Old = "",
    new: New = "",
    *,
    store: StoreFolder = None,
    since: Since = None,
    until: Until = None,
    output_options: ComparisonOutput,
    judging: Judging,
    fail_on: FailOnNew = "low",
    exit_zero: ExitZero = False,
    showing: Tracking,
) -> int:
    """Show what changed between two snapshots of each account: users, credentials and failures.

    The newest snapshot of each account on the older side is compared with the newest one on the newer side. Exits 0 if
    there are no new failures; 1 if there are some; 3 if some input was not read; 2 if nothing was written.

    \b
    Examples:
      credreport compare 2026-09-30/ 2026-10-31/
      credreport compare --store history --from 2026-09-30 --to 2026-10-31
    """  # noqa: D301 - \b keeps the examples' lines
    formats, sides = output_options.chosen(), options.compared(old, new, store, since, until)
    settings, least = judging.settings(), values.severity(fail_on)

    from analyzer import pipeline  # noqa: PLC0415 - what loads pandas is not for --help
    from analyzer.cli.progress import progress  # noqa: PLC0415
    from analyzer.cli.screen.tracking import show_comparison  # noqa: PLC0415

    with progress(shown=showing.progress) as bars:
        run = pipeline.compare(
            **sides,
            settings=settings,
            output=output_options.output,
            formats=formats,
            options=pipeline.Options(output_options.workbook_rows),
            pseudonyms=output_options.key([old, new], quiet=showing.quiet),
            proof=output_options.proof(),
            progress=bars,
        )
    comparison = run.summary
    code = comparison.exit_code_of(fail_on=least)
    why = comparison.exit_reason(fail_on=least, exit_zero=exit_zero)
    draw = partial(show_comparison, run, why, verbose=showing.verbose)
    facts = partial(_with_reason, comparison, why, comparison.open_count(fail_on=least))
    rows = ("new_failures", comparison.new_rows) if showing.as_json else None
    return end("compare", code, facts, run, draw, showing, exit_zero=exit_zero, rows=rows)


def history(  # noqa: PLR0913 - one parameter an option, or a block of them
    paths: PathsOfManyDates = [],  # noqa: B006 - Typer copies it
    *,
    store: StoreFolder = None,
    as_of_series: AsOfSeries = None,
    sla_days: SlaDays = None,
    output_options: HistoryOutput,
    judging: Judging,
    fail_on: FailOn = "low",
    strict: Strict = False,
    exit_zero: ExitZero = False,
    showing: Tracking,
) -> int:
    """Follow failures through many snapshots: how long each was open, what closed it, which ones regressed.

    A failure is open as long as its subject fails in every snapshot. Where snapshots are missing, no failure is counted
    as fixed. Exits as audit does, for the newest snapshot of each account.

    \b
    Examples:
      credreport history reports/ --sla-days 30
      credreport history --store history --as-of-series monthly
    """  # noqa: D301 - \b keeps the examples' lines
    formats, read = output_options.chosen(), options.followed(paths, store, as_of_series)
    least = values.severity(fail_on)
    from analyzer.cli.progress import working  # noqa: PLC0415 - not for --help

    with working("history", formats, shown=showing.progress) as (bars, beside):
        from analyzer import pipeline  # noqa: PLC0415 - loads pandas, after the helper has started

        run = pipeline.history(
            **read,
            settings=judging.settings(every_snapshot=True),
            output=output_options.output,
            sla_days=sla_days,
            formats=formats,
            options=pipeline.Options(output_options.workbook_rows, beside),
            pseudonyms=output_options.key(paths, quiet=showing.quiet),
            proof=output_options.proof(),
            progress=bars,
        )
    from analyzer.cli.screen.tracking import show_history  # noqa: PLC0415

    code = run.summary.exit_code_of(fail_on=least, strict=strict)
    why = run.summary.exit_reason(fail_on=least, strict=strict, exit_zero=exit_zero)
    draw = partial(show_history, run, why, verbose=showing.verbose)
    facts = partial(_with_reason, run.summary, why, run.summary.open_count(fail_on=least, strict=strict))
    return end("history", code, facts, run, draw, showing, exit_zero=exit_zero)


def _with_reason(summary: "Comparison | History", reason: str, counting: int) -> dict[str, Any]:
    """Return the result as plain data, with the reason of the exit code and the number of checks that count for 1."""
    return summary.facts | {"exit_reason": reason, "open_counted": counting}


def ingest(  # noqa: PLR0913 - one parameter an option
    paths: Paths,
    *,
    store: Annotated[
        Path, typer.Option("--store", metavar="DIR", help="Folder of the store. It is created if it does not exist.")
    ],
    account_id: AccountId = None,
    captured_at: CapturedAt = [],  # noqa: B006 - Typer copies it
    max_file_size: MaxFileSize = None,
    showing: Showing,
) -> int:
    """Add snapshots to a store: a Parquet dataset by month that history and compare read, and other programs can read.

    A report that is already in the store is not added again. A run that is interrupted leaves the store as it was.
    Reports of unknown date or account are refused. Exits 0; 3 if some input was not added; 2 if nothing was written.

    \b
    Examples:
      credreport ingest reports/2026-10-31 --store history
    """  # noqa: D301 - \b keeps the examples' lines
    account, times, limits = values.account(account_id), values.captured_at(captured_at), values.limits(max_file_size)

    from analyzer import pipeline  # noqa: PLC0415 - what loads pandas is not for --help
    from analyzer.cli.progress import progress  # noqa: PLC0415
    from analyzer.cli.screen.tracking import show_ingest  # noqa: PLC0415

    with progress(shown=showing.progress) as bars:
        result = pipeline.ingest(paths, store, account_id=account, captured_at=times, limits=limits, progress=bars)
    show("ingest", lambda: result.facts, lambda: show_ingest(result, str(store)), showing)
    return result.exit_code


def show_store(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the store.")], *, as_json: AsJson = False
) -> int:
    """Show which accounts and snapshots a store has, and where snapshots are missing.

    Exits 0; 3 if a part of the store is damaged; 2 if the store cannot be read.
    """
    from analyzer import pipeline  # noqa: PLC0415 - pandas loads here, not for --help
    from analyzer.cli.screen import tracking as screen  # noqa: PLC0415

    stored = pipeline.stored(folder)
    draw = partial(screen.show_store, stored, str(folder))
    show("store", lambda: stored.facts, draw, Showing(as_json=as_json))
    return 3 if stored.damaged else 0
