"""What render, sample and verify print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.cli.screen.common import open_console, print_answer, print_hidden_count, print_line, show_files

if TYPE_CHECKING:
    from analyzer.evidence.verify import Verification
    from analyzer.pipeline import Sampled, WrittenFiles


_MOST_STRATA: Final = 20
"""Maximum number of strata that are listed."""


def show_rendered(written: WrittenFiles) -> None:
    """Print which files were made, and where they are."""
    console = open_console()
    for line in [] if written.carried is None else written.carried.lines:
        print_line(console, line)
    show_files(console, written, "Written to")


def show_sample(sampled: Sampled) -> None:
    """Print how many subjects were drawn, and where the files are."""
    console = open_console()
    first, how, *strata = sampled.drawn.lines
    print_line(console, first, "bold")
    print_line(console, how)
    for line in strata[:_MOST_STRATA]:
        print_line(console, f"  {line}")
    print_hidden_count(console, _MOST_STRATA, len(strata), "see the workbook, or --json", " strata")
    show_files(console, sampled, "Written to")


def show_verified(verification: Verification) -> None:
    """Print whether an evidence set is unchanged, and which files are not."""
    print_answer(open_console(), verification.lines)
