"""How a run ends: what it found is shown, as words or as JSON, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from analyzer.cli.signals import Interrupted
from analyzer.cli.streams import complain, print_json, silence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from analyzer.cli.options import Showing
    from analyzer.controls.control import Severity
    from analyzer.evidence.summary import Summary
    from analyzer.pipeline import Left


SCHEMAS: Final = "v1"
"""The version of the JSON that commands print: a field may be added; another one where a field goes, or changes."""

Rows: TypeAlias = "tuple[str, Iterable[str] | None] | None"
"""A list that JSON has behind the facts: its name, and its objects as JSON, or none where they were not kept."""

Facts: TypeAlias = "Callable[[], dict[str, Any]]"
"""What makes the plain data that JSON has: to make it takes time."""


class Ending(NamedTuple):
    """What makes the exit code of an audit, and whether it was asked to be 0 in place of 1."""

    fail_on: Severity
    strict: bool
    exit_zero: bool

    def code(self, summary: Summary) -> int:
        """Return the exit code, as if 1 was not to be 0."""
        return summary.exit_code_of(fail_on=self.fail_on, strict=self.strict)

    def reason(self, summary: Summary) -> str:
        """Return in a sentence what makes it."""
        from analyzer.evidence.answer import exit_reason  # noqa: PLC0415 - loads pandas

        return exit_reason(summary, **self._asdict())


def show(command: str, facts: Facts, draw: Callable[[], None], showing: Showing, rows: Rows = None) -> None:
    """Print what `facts` gives, and `rows` behind it, as JSON, or call `draw`, or print nothing: see `showing`.

    JSON begins with the name of its schema, that of the `command` in `analyzer/schemas`.
    """
    if showing.as_json:
        name, found = rows or ("", None)
        left_out = {name: None} if rows and found is None else {}
        print_json({"schema": f"credreport/{command}/{SCHEMAS}", **facts(), **left_out}, name, found)
    elif not showing.quiet:
        draw()


def end(  # noqa: PLR0913 - what was found, and how it is shown
    command: str,
    code: int,
    facts: Facts,
    left: Left,
    draw: Callable[[], None],
    showing: Showing,
    *,
    exit_zero: bool = False,
    rows: Rows = None,
) -> int:
    """Show what was found and written, and return the exit code: it is that of the evidence, shown or not.

    With `exit_zero` it is 0 where it would be 1.
    """
    code = 0 if exit_zero and code == 1 else code
    output = left.folder
    try:
        files: dict[str, Any] = {"output": output, "files": left.files, "exit_code": code}
        files |= {} if left.carried is None else left.carried.facts
        show(command, lambda: facts() | files, draw, showing, rows)
    except (Exception, Interrupted) as error:  # noqa: BLE001 - the evidence stands, and so does its exit code
        silence()
        complain(f"the result could not be shown: {error}", f"the evidence is complete in {output}")
    return code
