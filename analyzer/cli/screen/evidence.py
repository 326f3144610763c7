"""What render and verify show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.cli.screen.common import open_console, print_answer, print_line, show_files

if TYPE_CHECKING:
    from analyzer.evidence.verify import Verification
    from analyzer.pipeline import Left, Sampled


def show_rendered(left: Left) -> None:
    """Print what was made, and where it is."""
    show_files(open_console(), left, "Rendered")


def show_sample(found: Sampled) -> None:
    """Print what was drawn, and where it is."""
    console = open_console()
    for number, line in enumerate(found.drawn.lines):
        print_line(console, line if number == 0 else f"  {line}", "bold" if number == 0 else "")
    show_files(console, found, "Written")


def show_verified(found: Verification) -> None:
    """Print whether the evidence holds, and what does not."""
    print_answer(open_console(), found.lines)
