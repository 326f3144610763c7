"""The command sample: an audit sample from an evidence set."""

# Typer reads annotations when the program runs: no `from __future__ import annotations` here.

from pathlib import Path
from typing import Annotated

import typer

from analyzer.cli.ending import end
from analyzer.cli.options import AuditSet, Showing
from analyzer.pipeline import values

STRATA: tuple[str, ...] = ("account", "kind", "status")


def draw_sample(  # noqa: PLR0913 - one parameter an option
    folder: AuditSet,
    *,
    size: Annotated[int, typer.Option(metavar="N", min=1, help="Number of subjects to draw.")] = 25,
    seed: Annotated[
        str,
        typer.Option(metavar="TEXT", help="Any text. The same seed draws the same sample from the same population."),
    ] = "1",
    control: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Control whose subjects are the population: its id or number. [default: unused-credentials, or the "
            "first control that was judged]",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        list[str],
        typer.Option(
            "--by",
            metavar="NAME",
            help=f"Draw a share of the sample from each stratum: {', '.join(STRATA)}. Repeat, or separate by commas.",
            show_default=False,
        ),
    ] = [],  # noqa: B006 - Typer copies it
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="DIR", help="Folder for the sample. An earlier sample is replaced."),
    ] = Path("credreport-sample"),
    showing: Showing,
) -> int:
    """Draw an audit sample that anybody can draw again, with empty columns for the test results.

    The population is the subjects that the control judged, without those that are not applicable. The sample is
    written as a workbook and as CSV, with the size and digest of the population, the seed, and a description of the
    method. Exits 0; 2 if nothing was written.

    \b
    Examples:
      credreport sample credreport-out --size 25 --seed 2026-Q4
      credreport sample credreport-out --by account,status --control console-mfa
    """  # noqa: D301 - \b keeps the examples' lines
    strata = tuple(values.choices("--by", by, STRATA)) if by else ()

    from analyzer import pipeline  # noqa: PLC0415 - what loads pandas is not for --help
    from analyzer.cli.screen.evidence import show_sample  # noqa: PLC0415

    sampled = pipeline.sample(folder, output, size=size, seed=seed, control=control, by=strata)
    return end("sample", 0, lambda: sampled.drawn.facts, sampled, lambda: show_sample(sampled), showing)
