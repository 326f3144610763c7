"""The commands that follow snapshots through time: compare, history, and the store: ingest and store."""

# Typer reads annotations when the program runs: no `from __future__ import annotations` here.

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analyzer.cli.ending import end, show
from analyzer.cli.options import (
    AccountId,
    AsJson,
    CapturedAt,
    ComparisonEvidence,
    ExitZero,
    FailOn,
    HistoryEvidence,
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
    str, typer.Argument(metavar="OLD", help="The older reports or evidence set: a file, folder or archive.")
]
New = Annotated[str, typer.Argument(metavar="NEW", help="The newer ones.")]
Since = Annotated[
    str | None,
    typer.Option("--from", metavar="WHEN", help="With --store: the newest snapshots by then are the older ones."),
]
Until = Annotated[
    str | None,
    typer.Option("--to", metavar="WHEN", help="With --store: the newest snapshots by then are the newer ones."),
]
PathsOfManyDates = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH", help="Credential reports of many dates: files, folders, archives.", show_default=False
    ),
]
AsOfSeries = Annotated[
    str | None,
    typer.Option(
        metavar="DATES",
        help="Judge at these dates (2026-01-31,2026-02-28 or monthly), each account by its newest snapshot until "
        "then. Without it, each snapshot is judged at its own capture time.",
        show_default=False,
    ),
]
SlaDays = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        help="Say what share of failures was fixed in so many days: between which bounds.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Tracking(Showing):
    """What is printed of a comparison, or a history."""

    verbose: Verbose = False


def compare(  # noqa: PLR0913 - one parameter an option, or a block of them
    old: Old = "",
    new: New = "",
    *,
    store: StoreFolder = None,
    since: Since = None,
    until: Until = None,
    evidence: ComparisonEvidence,
    judging: Judging,
    exit_zero: ExitZero = False,
    showing: Tracking,
) -> int:
    """Say what changed between two snapshots of accounts: users, credentials, and what fails.

    Of each account the newest snapshot on either side is compared. Exits 1 if something fails that did not before.

    \b
    Examples:
      credreport compare 2026-09-30/ 2026-10-31/
      credreport compare --store history --from 2026-09-30 --to 2026-10-31
    """  # noqa: D301 - \b keeps the examples' lines
    formats, sides = evidence.chosen(), options.compared(old, new, store, since, until)
    settings = judging.settings()

    from analyzer import pipeline  # noqa: PLC0415 - what loads pandas is not for --help
    from analyzer.cli.progress import progress  # noqa: PLC0415
    from analyzer.cli.screen.tracking import show_comparison  # noqa: PLC0415

    with progress(shown=showing.progress) as bars:
        run = pipeline.compare(
            **sides,
            settings=settings,
            output=evidence.output,
            formats=formats,
            options=pipeline.Options(evidence.workbook_rows),
            pseudonyms=evidence.key([old, new], quiet=showing.quiet),
            proof=evidence.proof(),
            progress=bars,
        )
    found = run.summary
    why = found.exit_reason(exit_zero=exit_zero)
    draw = partial(show_comparison, run, why, verbose=showing.verbose)
    facts = partial(_with_reason, found, why)
    return end("compare", found.exit_code, facts, run, draw, showing, exit_zero=exit_zero)


def history(  # noqa: PLR0913 - one parameter an option, or a block of them
    paths: PathsOfManyDates = [],  # noqa: B006 - Typer copies it
    *,
    store: StoreFolder = None,
    as_of_series: AsOfSeries = None,
    sla_days: SlaDays = None,
    evidence: HistoryEvidence,
    judging: Judging,
    fail_on: FailOn = "low",
    strict: Strict = False,
    exit_zero: ExitZero = False,
    showing: Tracking,
) -> int:
    """Follow failures through many snapshots: how long each stayed open, what closed it, what came back.

    A failure lives while its subject fails in each snapshot; no fix is claimed across missing snapshots. Exits as audit
    does: 1 if something is open in the newest snapshots, or could not be decided there.

    \b
    Examples:
      credreport history reports/ --sla-days 30
      credreport history --store history --as-of-series monthly
    """  # noqa: D301 - \b keeps the examples' lines
    formats, read = evidence.chosen(), options.followed(paths, store, as_of_series)
    least = values.severity(fail_on)
    settings = judging.settings(every_snapshot=True)

    from analyzer import pipeline  # noqa: PLC0415 - what loads pandas is not for --help
    from analyzer.cli.progress import working  # noqa: PLC0415
    from analyzer.cli.screen.tracking import show_history  # noqa: PLC0415

    with working("history", formats, shown=showing.progress) as (bars, beside):
        run = pipeline.history(
            **read,
            settings=settings,
            output=evidence.output,
            sla_days=sla_days,
            formats=formats,
            options=pipeline.Options(evidence.workbook_rows, beside),
            pseudonyms=evidence.key(paths, quiet=showing.quiet),
            proof=evidence.proof(),
            progress=bars,
        )
    code = run.summary.exit_code_of(fail_on=least, strict=strict)
    why = run.summary.exit_reason(fail_on=least, strict=strict, exit_zero=exit_zero)
    draw = partial(show_history, run, why, verbose=showing.verbose)
    facts = partial(_with_reason, run.summary, why)
    return end("history", code, facts, run, draw, showing, exit_zero=exit_zero)


def _with_reason(found: "Comparison | History", reason: str) -> dict[str, Any]:
    """Return what was found as plain data, and in a sentence what makes the exit code."""
    return found.facts | {"exit_reason": reason}


def ingest(  # noqa: PLR0913 - one parameter an option
    paths: Paths,
    *,
    store: Annotated[Path, typer.Option("--store", metavar="DIR", help="The store; made if it is not there.")],
    account_id: AccountId = None,
    captured_at: CapturedAt = [],  # noqa: B006 - Typer copies it
    max_file_size: MaxFileSize = None,
    showing: Showing,
) -> int:
    """Keep snapshots in a store: a Parquet dataset by month that history and compare read, and others can.

    The same report twice is kept once. A run that is cut short leaves the store as it was. Reports of unknown date or
    account are refused. Exits 0; 3 if some input was not kept.

    \b
    Examples:
      credreport ingest reports/2026-10-31 --store history
    """  # noqa: D301 - \b keeps the examples' lines
    account, times, limits = values.account(account_id), values.captured_at(captured_at), values.limits(max_file_size)

    from analyzer import pipeline  # noqa: PLC0415 - what loads pandas is not for --help
    from analyzer.cli.progress import progress  # noqa: PLC0415
    from analyzer.cli.screen.tracking import show_ingest  # noqa: PLC0415

    with progress(shown=showing.progress) as bars:
        kept = pipeline.ingest(paths, store, account_id=account, captured_at=times, limits=limits, progress=bars)
    show("ingest", lambda: kept.facts, lambda: show_ingest(kept, str(store)), showing)
    return kept.exit_code


def show_store(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The store.")], *, as_json: AsJson = False
) -> int:
    """Show what a store holds: accounts, snapshots, and where some are missing.

    Exits 0; 3 if a part of it is damaged.
    """
    from analyzer import pipeline  # noqa: PLC0415 - pandas loads here, not for --help
    from analyzer.cli.screen import tracking as screen  # noqa: PLC0415

    found = pipeline.stored(folder)
    draw = partial(screen.show_store, found, str(folder))
    show("store", lambda: found.facts, draw, Showing(as_json=as_json))
    return 3 if found.damaged else 0
