"""The terminal: the answer on standard output, progress on standard error."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from analyzer.reading.columns import records
from analyzer.reading.issues import CODES, Level
from analyzer.reading.layout import Kind
from analyzer.result import JUDGED_KINDS, Outcome, answer, counted, scope
from analyzer.staleness import Status
from analyzer.streams import printable, silence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from analyzer.evidence import Written
    from analyzer.result import Audit, Inspection

_WORST: Final = 10
_NARROW: Final = 80
"""Columns below which a table of findings would break its words."""
_WIDE: Final = 120
"""Columns where the output is no terminal that would know better."""
KIND_WORDS: Final = {Kind.PASSWORD: "passwords", Kind.ACCESS_KEY: "access keys", Kind.CERTIFICATE: "certificates"}
_STYLES: Final[dict[str, str]] = {
    Status.PASS: "green",
    Status.FAIL: "bold red",
    Status.NOT_CHECKED: "yellow",
    Status.NOT_APPLICABLE: "dim",
}
_LEVEL_STYLES: Final[dict[Level, str]] = {
    Level.REJECTED: "bold red",
    Level.UNREADABLE: "yellow",
    Level.REPAIRED: "yellow",
    Level.NOTICE: "dim",
}


class _Console(Console):
    """A console whose reader may leave early, as `head` does: the exit code still tells the outcome."""

    def on_broken_pipe(self) -> None:
        silence()


def _console() -> Console:
    console = _Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in console._environ:  # noqa: SLF001 - as rich itself decides it
        console.width = _WIDE
    return console


@contextmanager
def progress(*, shown: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Yield a function to tell (files read, files found); a bar on standard error if that is a terminal."""
    if not shown or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def tell(done: int, total: int) -> None:
            bar.update(
                task, completed=done, total=total, description="judging and writing" if done == total else "reading"
            )

        yield tell


def print_json(summary: dict[str, Any]) -> None:
    """Print `summary` as JSON on standard output."""
    try:
        sys.stdout.write(json.dumps(summary, indent=2, ensure_ascii=True) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        silence()


def show_audit(audit: Audit, written: Written) -> None:
    """Print the answer: the counts, the worst findings and why, data issues, and where the files are."""
    console = _console()
    console.print(_headline(audit), soft_wrap=True)
    console.print(Text(scope(audit), style="dim"), soft_wrap=True)
    console.print()
    console.print(_indented(_counts(audit)))
    _show_worst(console, audit)
    _show_issues(console, audit)
    console.print()
    folder = str(written.folder).rstrip("/")
    console.print(Text.assemble(("Evidence ", "bold"), f"in {folder}/"))
    console.print(Text(f"  {_file_list(written.files)}"), soft_wrap=True)


def _headline(audit: Audit) -> Text:
    totals = audit.totals
    worst = Status.FAIL if totals[Status.FAIL] else Status.NOT_CHECKED if totals[Status.NOT_CHECKED] else Status.PASS
    return Text(answer(audit), style=_STYLES[worst] if totals["judged"] else "bold")


def _counts(audit: Audit) -> Table:
    table = _table()
    table.add_column("")
    columns = {
        "pass": Outcome.PASS,
        "fail": Outcome.FAIL,
        "not checked": Outcome.NOT_CHECKED,
        "not applicable": Outcome.NOT_APPLICABLE,
        "inactive": Outcome.INACTIVE,
    }
    for name in ("judged", *columns):
        table.add_column(name, justify="right")
    for kind in JUDGED_KINDS:
        judged = sum(audit.count(kind, outcome) for outcome in (Outcome.PASS, Outcome.FAIL, Outcome.NOT_CHECKED))
        cells = [Text(f"{judged:,}")]
        for outcome in columns.values():
            count = audit.count(kind, outcome)
            cells.append(Text(f"{count:,}", style=_STYLES.get(outcome, "") if count else "dim"))
        table.add_row(KIND_WORDS[kind], *cells)
    return table


def _show_worst(console: Console, audit: Audit) -> None:
    bad = audit.totals[Status.FAIL] + audit.totals[Status.NOT_CHECKED]
    if not bad:
        return
    worst = audit.worst_first.head(min(_WORST, bad))
    console.print()
    shown = "" if len(worst) == bad else f", {len(worst)} of {bad:,}"
    console.print(Text(f"Worst first{shown}", style="bold"))
    if console.width < _NARROW:
        for row in records(worst):
            who = [row["account_id"] or "unknown", row["user"] or "(no name)", row["credential"]]
            console.print(Text(f"  {printable(' '.join(who))}"), soft_wrap=True)
            console.print(
                Text(f"    {row['status'].replace('_', ' ')}: ", style=_STYLES[row["status"]]) + Text(row["message"]),
                soft_wrap=True,
            )
        return
    table = _table()
    table.add_column("account", no_wrap=True)
    table.add_column("user", overflow="fold")
    table.add_column("credential", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("why", overflow="fold")
    for row in records(worst):
        table.add_row(
            row["account_id"] or "unknown",
            printable(row["user"] or "(no name)"),
            row["credential"],
            Text(row["status"].replace("_", " "), style=_STYLES[row["status"]]),
            row["message"],
        )
    console.print(_indented(table))


def _show_issues(console: Console, found: Audit | Inspection) -> None:
    if not found.issue_counts:
        return
    console.print()
    console.print(Text("Data issues", style="bold"))
    first = {row["code"]: row for row in records(found.issues.drop_duplicates("code"))}
    for code, count in found.issue_counts.items():
        row = first[code]
        where = (
            row["source"] + (f":{row['line']}" if row["line"] else "") + (f" {row['column']}" if row["column"] else "")
        )
        line = Text(f"  {count:>5,}  ")
        line.append(CODES[code].title, style=_LEVEL_STYLES[CODES[code].level])
        line.append(printable(f" ({'e.g. ' if count > 1 else ''}{where}): {row['message']}"))
        # One line each, however long: what is cut into columns cannot be searched or copied.
        console.print(line, soft_wrap=True)


def _file_list(files: list[str]) -> str:
    """Return the files in a line, those of a subfolder together."""
    folders: dict[str, int] = {}
    for file in files:
        head, _, rest = file.partition("/")
        folders[f"{head}/" if rest else head] = folders.get(f"{head}/" if rest else head, 0) + 1
    return ", ".join(f"{name} ({count} pictures)" if name.endswith("/") else name for name, count in folders.items())


def show_inspection(found: Inspection) -> None:
    """Print what each file is."""
    console = _console()
    rows = int(found.inputs["rows"].sum())
    console.print(Text(f"{counted(len(found.inputs), 'report')}, {counted(rows, 'row')}", style="bold"))
    for row in records(found.inputs):
        captured = (
            f"{_time(row['captured_at'])} ({row['captured_from']})" if row["captured_at"] else "at an unknown time"
        )
        facts = [
            row["container"] if row["encoding"] == "utf-8" else f"{row['container']} in {row['encoding']}",
            row["layout"],
            f"account {row['account_id']}" if row["account_id"] else "several accounts, or none known",
            counted(row["rows"], "row") + (f" ({row['rejected']:,} rejected)" if row["rejected"] else ""),
            f"captured {captured}",
            f"newest time inside {_time(row['newest_time']) if row['newest_time'] else 'none'}",
        ]
        console.print(Text(printable(row["name"])), soft_wrap=True)
        console.print(Text("    " + " · ".join(facts), style="dim"), soft_wrap=True)
    _show_issues(console, found)


def _time(instant: pd.Timestamp) -> str:
    """Return a time to the second; the last microsecond of a day, which stands for a date, as that date."""
    return f"{instant:%Y-%m-%d}" if instant.microsecond == 999_999 else f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def _table() -> Table:
    return Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))


def _indented(table: Table) -> Padding:
    return Padding(table, (0, 0, 0, 2), expand=False)
