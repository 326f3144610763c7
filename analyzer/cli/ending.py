"""The end of a run: the result is shown as text, as JSON, or not at all, and the exit code is returned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from analyzer.cli.signals import Interrupted
from analyzer.cli.streams import complain, print_json, remark, silence
from analyzer.controls.vocabulary import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd

    from analyzer.cli.options import Showing
    from analyzer.controls.control import Severity
    from analyzer.evidence.summary import Summary
    from analyzer.pipeline import WrittenFiles


SCHEMAS: Final = "v1"
"""Version of the JSON that commands print. New fields keep it; removed or changed fields raise it."""

Rows: TypeAlias = "tuple[str, Iterable[str] | None] | None"
"""A list that JSON has after the facts: its name, and its objects as JSON, or None if they were not written."""

Facts: TypeAlias = "Callable[[], dict[str, Any]]"
"""Function that returns the plain data for JSON. It is called only if JSON is printed, because it takes time."""


class Ending(NamedTuple):
    """The options that decide the exit code of an audit."""

    fail_on: Severity
    strict: bool
    exit_zero: bool

    def code(self, summary: Summary) -> int:
        """Return the exit code without regard to `exit_zero`."""
        return summary.exit_code_of(fail_on=self.fail_on, strict=self.strict)

    def reason(self, summary: Summary) -> str:
        """Return a sentence that explains the exit code."""
        from analyzer.evidence.exit_reason import exit_reason  # noqa: PLC0415 - loads pandas

        return exit_reason(summary, **self._asdict())


def show(command: str, facts: Facts, draw: Callable[[], None], showing: Showing, rows: Rows = None) -> None:
    """Print `facts` and then `rows` as JSON, or call `draw`, or print nothing, as `showing` asks.

    JSON begins with the name of its schema, which is that of the `command` in `analyzer/schemas`.
    """
    if showing.as_json:
        name, objects = rows or ("", None)
        left_out = {name: None} if rows and objects is None else {}
        print_json({"schema": f"credreport/{command}/{SCHEMAS}", **facts(), **left_out}, name, objects)
    elif not showing.quiet:
        draw()


def _with_first_input(reason: str, issues: pd.DataFrame | None) -> str:
    """Return the reason of the exit code 3 with the number of inputs (files and rows) not read, and the first of them.

    `issues` are the data issues of the run. The reason stays as it is if it is about something else.
    """
    from analyzer.evidence.answer import is_rejected  # noqa: PLC0415 - loads pandas
    from analyzer.evidence.exit_reason import NOT_READ  # noqa: PLC0415
    from analyzer.reading.columns import records  # noqa: PLC0415
    from analyzer.reading.issues import CODES  # noqa: PLC0415

    if issues is None or NOT_READ not in reason:
        return reason
    rejected = issues[issues["code"].isin(list(filter(is_rejected, CODES))).to_numpy()]
    if rejected.empty:
        return reason
    (row,) = records(rejected.head(1))
    line = f":{row['line']}" if row["line"] else ""
    count = counted(len(rejected), "input")
    return reason.replace(NOT_READ, f"{count} not read, first {row['source']}{line}: {row['message']}")


def end(  # noqa: PLR0913 - the result, and how it is shown
    command: str,
    code: int,
    facts: Facts,
    written: WrittenFiles,
    draw: Callable[[], None],
    showing: Showing,
    *,
    exit_zero: bool = False,
    rows: Rows = None,
) -> int:
    """Show the result and the files, and return the exit code, also if the result cannot be shown.

    With `exit_zero`, the exit code is 0 instead of 1.
    """
    code = 0 if exit_zero and code == 1 else code
    output = written.folder
    try:
        files: dict[str, Any] = {"output": output, "files": written.files, "exit_code": code}
        files |= {} if written.carried is None else written.carried.facts
        show(command, lambda: facts() | files, draw, showing, rows)
        if showing.quiet and not showing.as_json and code == 3:
            # An exit code alone does not show what was not read.
            reason = facts().get("exit_reason") or "Exit code 3: some input was not read; without --quiet it is named."
            remark(_with_first_input(reason, getattr(written, "issues", None)))
    except (Exception, Interrupted) as error:  # noqa: BLE001 - the evidence is complete, and its exit code is valid
        silence()
        complain(f"the result could not be shown: {error}", f"the evidence is complete in {output}")
    return code
