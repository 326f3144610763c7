"""The commands on evidence that was written before: render and verify."""

# Typer reads annotations when the program runs: no `from __future__ import annotations` here.

from pathlib import Path
from typing import Annotated

import typer

from analyzer.cli.ending import end, show
from analyzer.cli.options import AsJson, ByOwner, CarryOver, Showing, WorkbookRows
from analyzer.cli.proving import Checking, SignKey
from analyzer.pipeline import values
from analyzer.pipeline.values import MOST_DAYS, ROWS_OF_A_SHEET
from analyzer.rendering.registry import DUE_WITHIN, FORMATS

_RENDERED = tuple(output_format.name for output_format in FORMATS if output_format.module is not None)
"""The formats that are made from the Parquet tables."""
DueWithin = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        max=MOST_DAYS,
        help="The workbook and due.ics list the checks that pass now and will fail within N days.",
    ),
]


def render(  # noqa: PLR0913 - one parameter an option
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Evidence set that audit, compare or history wrote.")],
    *,
    formats: Annotated[
        list[str],
        typer.Option(
            "--format", metavar="NAME", help=f"Formats to make: {', '.join(_RENDERED)}. Repeat, or separate by commas."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Folder for a copy of the evidence set with the new files. Without it, they go into the evidence set.",
            show_default=False,
        ),
    ] = None,
    workbook_rows: WorkbookRows = ROWS_OF_A_SHEET,
    due_within: DueWithin = DUE_WITHIN,
    carry_over: CarryOver = [],  # noqa: B006 - Typer copies it
    by: ByOwner = None,
    sign: SignKey = None,
    showing: Showing,
) -> int:
    """Make a workbook, charts, a PDF or other files from an evidence set, without reading any report.

    The tables are first compared with the manifest. Exits 0; 2 if nothing was written.

    \b
    Examples:
      credreport render credreport-out --format excel,charts
      credreport render credreport-out --format excel --workbook-rows 1000000 -o large
    """  # noqa: D301 - \b keeps the examples' lines
    chosen = values.choices("--format", formats, _RENDERED)
    marks = values.marks(carry_over, chosen)

    from analyzer import pipeline  # noqa: PLC0415 - what loads pandas is not for --help
    from analyzer.cli.progress import working  # noqa: PLC0415
    from analyzer.cli.screen.evidence import show_rendered  # noqa: PLC0415

    with working("audit", chosen, shown=showing.progress) as (bars, beside):
        options = pipeline.Options(workbook_rows, beside, due_within, marks, values.by(by, chosen))
        written = pipeline.render(
            folder, chosen, output, options=options, proof=values.proof(sign, None), progress=bars
        )
    return end("render", 0, dict, written, lambda: show_rendered(written), showing)


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Evidence set to check.")],
    *,
    checking: Checking,
    as_json: AsJson = False,
) -> int:
    """Check whether an evidence set is as it was written: which files were changed, are missing, or were added.

    Every file is compared with its digest in the evidence set. Exits 0 if nothing was changed, 1 if something was, 2
    if the set cannot be read.

    \b
    Examples:
      credreport verify credreport-out
      credreport verify credreport-out --inputs reports/ --rerun
      credreport verify credreport-out --allowed-signers signers --json
    """  # noqa: D301 - \b keeps the examples' lines
    chosen, showing = checking.chosen(), Showing(as_json=as_json)
    from analyzer import pipeline  # noqa: PLC0415 - what loads pandas is not for --help
    from analyzer.cli.progress import progress  # noqa: PLC0415
    from analyzer.cli.screen.evidence import show_verified  # noqa: PLC0415

    with progress(shown=showing.progress) as bars:
        verification = pipeline.verify(folder, **chosen, progress=bars)
    show("verify", lambda: verification.facts, lambda: show_verified(verification), showing)
    return 0 if verification.holds else 1
