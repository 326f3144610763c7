"""What render and verify show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.cli.screen.common import open_console, print_answer, show_files

if TYPE_CHECKING:
    from analyzer.cli.runs import Verified
    from analyzer.evidence.output import Written


def show_rendered(written: Written) -> None:
    """Print what was made, and where it is."""
    show_files(open_console(), written, "Rendered")


def show_verified(found: Verified) -> None:
    """Print whether the evidence holds, and what does not."""
    print_answer(open_console(), found.lines)
