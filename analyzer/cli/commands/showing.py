"""The command show: the checks of an evidence set."""

# Typer reads annotations when the program runs: no `from __future__ import annotations` here.

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from analyzer.cli.ending import show
from analyzer.cli.options import AuditSet, Showing
from analyzer.pipeline import values

if TYPE_CHECKING:
    from analyzer.evidence.selection import SelectedNames

_MOST: int = 100
"""Default of --limit."""
Most = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        min=1,
        help=f"List only the first N checks. [default: {_MOST}; with --json all, in the order of the table]",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Asking:
    """The options that choose the checks to list."""

    users: Annotated[
        list[str],
        typer.Option(
            "--user",
            metavar="NAME",
            help="Checks of this user, in upper or lower case. * matches any characters, ? matches one. Repeat for "
            "more users.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    accounts: Annotated[
        list[str],
        typer.Option(
            "--account",
            metavar="ID",
            help="Checks in this account (the word unknown: rows without an account). Repeat, or separate by commas.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    controls: Annotated[
        list[str],
        typer.Option(
            "--control",
            metavar="ID",
            help="Checks of this control: its id, or its number in the framework of the audit (without one: in the "
            "newest CIS version). Repeat, or separate by commas.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    statuses: Annotated[
        list[str],
        typer.Option(
            "--status",
            metavar="NAME",
            help="Checks with this status: fail, not_checked, manual, pass, not_applicable or open. manual: the manual "
            "checks, which not_checked leaves out. open: checks that fail or are not checked and are not waived. "
            "Repeat, or separate by commas.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    waived: Annotated[bool, typer.Option("--waived", help="Only checks that a waiver covers.")] = False

    due_within: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=values.MOST_DAYS,
            help="Checks that pass now and will fail within N days of their reference date if nothing changes, the "
            "earliest first.",
            show_default=False,
        ),
    ] = None

    def names(self) -> "SelectedNames":
        """Return the given names. Raises UsageError if an option is empty. Names of users may contain commas."""
        from analyzer.evidence.selection import SelectedNames  # noqa: PLC0415 - what loads pandas is not for --help

        return SelectedNames(
            self.users,
            values.some("--account", self.accounts),
            values.some("--control", self.controls),
            values.some("--status", self.statuses),
            self.due_within,
            self.waived,
        )


def show_findings(
    folder: AuditSet,
    *,
    asking: Asking,
    most: Most = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the checks as JSON on standard output, and nothing else.")
    ] = False,
) -> int:
    """List the checks of an evidence set, each with its report and line, the worst first.

    Nothing is judged and nothing is written. Exits 0, also if checks fail; 2 if the evidence set cannot be read.

    \b
    Examples:
      credreport show credreport-out --user billing-export
      credreport show credreport-out --status fail --control 2.11
      credreport show credreport-out --status open
      credreport show credreport-out --status manual
      credreport show credreport-out --account 111122223333 --user 'ci-*' --json
      credreport show credreport-out --due-within 30
    """  # noqa: D301 - \b keeps the examples' lines
    names = asking.names()

    from analyzer import pipeline  # noqa: PLC0415 - what loads pandas is not for --help
    from analyzer.cli.progress import progress  # noqa: PLC0415
    from analyzer.cli.screen.shown import show_shown  # noqa: PLC0415

    showing = Showing(as_json=as_json)
    with progress(shown=showing.progress) as bars:
        shown = pipeline.show(folder, names, most=most or _MOST, progress=bars)
    rows = ("findings", shown.as_json(most)) if as_json else None
    show("show", lambda: shown.facts, lambda: show_shown(shown), showing, rows)
    return 0
