"""Lists of the worst findings, or of new failures, each with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len
from rich.text import Text

from analyzer.cli.screen.common import STYLES, new_table, print_line, print_table, time_in_words
from analyzer.controls.vocabulary import Status, counted
from analyzer.errors import printable
from analyzer.reading.columns import records

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from rich.console import Console


_LEAST: Final = 24
"""Smallest width of the column with the reasons, in characters; below it, findings are printed in lines."""
_GAPS: Final = 2 * 5
"""Width of the gaps between the columns and before the table, in characters."""


def show_findings(  # noqa: PLR0913 - what is shown, and how
    console: Console,
    title: str,
    findings: tuple[pd.DataFrame, int],
    *,
    control: bool = False,
    mark: str = "status",
    whole: str = "",
) -> None:
    """Print the worst findings, in a table if it fits, else in two lines each.

    `findings` has the worst findings, and the number of all findings. With `control`, each is shown with its control,
    otherwise with its credential. `mark` is the column with the status or event of each. `whole` is the command that
    lists all findings; it is named if not all are shown.
    """
    shown, count = findings
    if shown.empty:
        return
    _print_title(console, title, (len(shown), count), whole=whole)
    rows = [_cells(row, control=control, mark=mark) for row in records(shown)]
    header = ("account", "user", "control" if control else "credential", mark)
    if _room_for_reasons(console.width, [header, *(row[:-1] for row in rows)]) < min(
        _LEAST, max(cell_len(row[-1]) for row in rows)
    ):
        for *names, state, why in rows:
            print_line(console, f"  {' '.join(names)}")
            print_line(console, Text("    ") + _marked(state) + Text(f": {why}"))
        return
    table = new_table(left=header)
    table.add_column("why", overflow="fold")
    for *names, state, why in rows:
        table.add_row(*names, _marked(state), why)
    print_table(console, table)


def show_in_lines(  # noqa: PLR0913 - as `show_findings`
    console: Console,
    title: str,
    findings: tuple[pd.DataFrame, int],
    *,
    control: bool = False,
    mark: str = "status",
    usual: str = Status.FAIL,
    whole: str = "",
) -> None:
    """Print the same as `show_findings`, in a line each. The value of `mark` is left out where it is `usual`."""
    shown, count = findings
    if shown.empty:
        return
    _print_title(console, title, (len(shown), count), whole=whole)
    for row in records(shown):
        *names, state, why = _cells(row, control=control, mark=mark)
        text = Text(f"  {' '.join(names)}: ")
        if state != usual.replace("_", " "):
            text += _marked(state) + Text("; ")
        print_line(console, text + Text(why), hang=4)


def show_by_user(  # noqa: PLR0913 - what is shown, and how much of it
    console: Console,
    title: str,
    findings: tuple[pd.DataFrame, int],
    most: int,
    *,
    verbose: bool,
    by_capture: bool,
    whole: str,
) -> None:
    """Print each user, root or account once, with its open controls, in the order of `findings`.

    `findings` has the open findings, and the number of users. With `verbose`, each control has a line with its reason.
    With `by_capture`, a user is listed once for each snapshot, with the capture time. `whole` is the command that lists
    all open checks.
    """
    worst, count = findings
    if worst.empty:
        return
    users: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in records(worst):
        account, user, *_ = _cells(row | {"credential": "user"}, control=True, mark="status")
        when = f" at {time_in_words(row['captured_at'])}" if by_capture and row["captured_at"] else ""
        users.setdefault((account, f"{user}{when}"), []).append(row)
    shown = list(users.items())[:most]
    _print_title(console, title, (len(shown), count), ", worst first", whole=whole)
    for (account, user), rows in shown:
        if verbose:
            print_line(console, f"  {account} {user}")
            for row in rows:
                *_, name, state, why = _cells(row, control=True, mark="status")
                credential = "" if row["credential"] == "user" else f" {row['credential']}"
                print_line(console, Text(f"    {name}{credential} ") + _marked(state) + Text(f": {why}"), hang=6)
            continue
        credentials: dict[tuple[str, str], list[str]] = {}
        for row in rows:
            *_, name, state, _ = _cells(row, control=True, mark="status")
            names = credentials.setdefault((name, state), [])
            names += [] if row["credential"] == "user" else [row["credential"]]
        text = Text(f"  {account} {user}: ")
        for number, ((name, state), names) in enumerate(credentials.items()):
            text += Text(f"{', ' if number else ''}{name} ") + _marked(state)
            text += Text(f" ({', '.join(names)})" if names else "")
        print_line(console, text, hang=4)


def show_due(console: Console, findings: tuple[pd.DataFrame, int], days: int) -> None:
    """Print the checks that pass now and will fail within `days`, in a line each, in the order of `findings`."""
    shown, count = findings
    within = f"Pass now, will fail within {counted(days, 'day')} if nothing changes"
    _print_title(console, within, (len(shown), count), ", soonest first")
    for row in records(shown):
        account, user, name, _, why = _cells(row, control=True, mark="status")
        text = f"  {account} {user} {name}: passes until {time_in_words(row['fails_at'])}; {why}"
        print_line(console, Text(text), hang=4)


def _print_title(console: Console, title: str, numbers: tuple[int, int], order: str = "", *, whole: str = "") -> None:
    """Print a title. If not all entries are shown, it has the numbers, the `order` and the command `whole` for all.

    `numbers` are those of shown entries and of all entries.
    """
    console.print()
    shown, count = numbers
    part = "" if shown == count else f", {shown:,} of {count:,}{order}"
    hint = Text(f" (all: {whole})", style="dim") if part and whole else Text()
    print_line(console, Text(f"{title}{part}", style="bold") + hint)


def _cells(row: dict[str, Any], *, control: bool, mark: str) -> tuple[str, ...]:
    """Return the cells of a finding: account, user, control or credential, status or event, and reason."""
    # A finding on the account as a whole has no user.
    user = row["user"] or ("-" if row.get("line") is None else "(no name)")
    if control and row["credential"] != "user":
        user = f"{user} {row['credential']}"
    name = row["control"] if control else row["credential"]
    return (
        account_with_name(row["account_id"], row.get("account_name")),
        printable(user),
        name,
        row[mark].replace("_", " "),
        printable(row["message"]),
    )


def account_with_name(account: str | None, name: str | None) -> str:
    """Return the number of an account, with its name if it has one."""
    return f"{account or 'unknown'}{f' ({printable(name)})' if name else ''}"


def _marked(state: str) -> Text:
    return Text(state, style=STYLES.get(state.replace(" ", "_"), STYLES[Status.FAIL]))


def _room_for_reasons(width: int, rows: Sequence[Sequence[str]]) -> int:
    """Return the width that the other columns leave for the reasons, in characters."""
    return width - sum(max(map(cell_len, column)) for column in zip(*rows, strict=True)) - _GAPS
