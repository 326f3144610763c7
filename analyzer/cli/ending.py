"""How a run ends: what it found is shown, as words or as JSON, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analyzer.cli.signals import Interrupted
from analyzer.cli.streams import complain, print_json, silence

if TYPE_CHECKING:
    from collections.abc import Callable

    from analyzer.cli.options import Showing
    from analyzer.pipeline import Left


def show(facts: dict[str, Any], draw: Callable[[], None], showing: Showing) -> None:
    """Print `facts` as JSON, or call `draw`, or print nothing, as `showing` has it."""
    if showing.as_json:
        print_json(facts)
    elif not showing.quiet:
        draw()


def end(  # noqa: PLR0913 - what was found, and how it is shown
    code: int,
    facts: dict[str, Any],
    left: Left,
    draw: Callable[[], None],
    showing: Showing,
    *,
    exit_zero: bool = False,
) -> int:
    """Show what was found and written, and return the exit code: it is that of the evidence, shown or not.

    With `exit_zero` it is 0 where it would be 1.
    """
    code = 0 if exit_zero and code == 1 else code
    output = left.folder
    try:
        show({**facts, "output": output, "files": left.files, "exit_code": code}, draw, showing)
    except (Exception, Interrupted) as error:  # noqa: BLE001 - the evidence stands, and so does its exit code
        silence()
        complain(f"the summary could not be shown: {error}", f"the evidence is complete in {output}")
    return code
