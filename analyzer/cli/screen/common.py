"""The parts of all screens: the console, tables, lines, data issues, and the list of files."""

from __future__ import annotations

import os
import shlex
import subprocess
import textwrap
from io import StringIO
from typing import IO, TYPE_CHECKING, Final, TypeVar

from rich.console import Console
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from analyzer.cli.streams import silence
from analyzer.controls.vocabulary import Status, counted
from analyzer.errors import printable
from analyzer.reading.columns import records
from analyzer.reading.issues import CODES, Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pandas as pd

    from analyzer.evidence.with_issues import WithIssues
    from analyzer.pipeline import WrittenFiles

Share = TypeVar("Share")
"""How much of the lists is shown."""

_WIDE: Final = 120
"""Width if the output is not a terminal, in characters."""
_INDENT: Final = 2
"""Indent of a table, in characters."""
_SHORTEST: Final = 20
"""Smallest width to which lines are wrapped, in characters."""
_SCREEN: Final = 40
"""Lines of a terminal."""
_ENDLESS: Final = 10_000
"""Width at which every table fits, in characters."""
WAIVER_CODES: Final = ("waiver_expired", "waiver_unmatched", "waiver_expiring")
"""Codes of issues that are shown with the waivers, not with the data issues."""
STYLES: Final[dict[str, str]] = {
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
_NOUNS: Final = {"charts/": "picture", "owners/": "workbook"}


class _Console(Console):
    """A console whose reader may close the pipe early, as `head` does, without a change of the exit code."""

    def on_broken_pipe(self) -> None:
        silence()


def open_console(*, like: Console | None = None, file: IO[str] | None = None) -> Console:
    """Return the console of standard output. It has a fixed width if that is not a terminal and COLUMNS is not set.

    With `like` and `file`, the console prints to the file, with lines wrapped as the console `like` wraps them.
    """
    if like is not None:
        return Console(
            file=file,
            force_terminal=like.is_terminal,
            width=like.width,
            color_system=None,
            highlight=False,
            markup=False,
            emoji=False,
        )
    console = _Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDE
    return console


def show_what_fits(console: Console, shares: Sequence[Share], draw: Callable[[Console, Share], None]) -> None:
    """Draw with the largest share that fits on one screen, or with the smallest if none fits.

    `shares` are in descending order. `draw` prints to a console as much as a share allows.
    """

    def fits(share: Share) -> bool:
        text = StringIO()
        draw(open_console(like=console, file=text), share)
        return text.getvalue().count("\n") <= _SCREEN

    draw(console, next((share for share in shares[:-1] if fits(share)), shares[-1]))


def print_line(console: Console, text: str | Text, style: str = "", *, hang: int | None = None) -> None:
    """Print a line. It is wrapped on a terminal only, so that files with the output can be searched.

    Continuation lines are indented by `hang` characters, or like the first line.
    """
    whole = Text(printable(text), style=style) if isinstance(text, str) else text
    for part in _broken(whole, console.width, hang) if console.is_terminal else [whole]:
        console.print(part, soft_wrap=True)


def _broken(text: Text, width: int, hang: int | None = None) -> Iterator[Text]:
    """Yield a text in lines, wrapped between words. A word that is longer than a line is not broken."""
    own = " " * (len(text.plain) - len(text.plain.lstrip(" ")))
    indent = own if hang is None else " " * hang
    end = 0
    for line in textwrap.wrap(
        text.plain,
        max(width, _SHORTEST),
        subsequent_indent=indent,
        replace_whitespace=False,
        break_long_words=False,
        break_on_hyphens=False,
    ):
        words = line.strip(" ")
        start = text.plain.index(words, end)
        end = start + len(words)
        yield Text(indent if start > len(own) else own) + text[start:end]


def print_answer(console: Console, lines: Iterable[str]) -> None:
    """Print an answer, with its first line in bold."""
    for number, text in enumerate(lines):
        print_line(console, text, "bold" if number == 0 else "dim")


def print_note(console: Console, text: str) -> None:
    """Print a note on a table, wrapped at the width of the terminal or page."""
    for line in _broken(Text(f"  {text}", style="dim"), console.width):
        console.print(line, soft_wrap=True)


def print_hidden_count(console: Console, shown: int, count: int, where: str, noun: str = "") -> None:
    """Print how many of `count` entries were not shown, and where to find them. Print nothing if all were shown."""
    if count > shown:
        print_line(console, f"  and {count - shown:,} more{noun}: {where}", "dim")


def show_command(written: WrittenFiles, options: str) -> str:
    """Return the command that lists checks of an evidence set, as it can be typed; `options` choose the checks."""
    folder = str(written.folder).rstrip("/")
    quoted = subprocess.list2cmdline([folder]) if os.name == "nt" else shlex.quote(folder)
    return printable(f"credreport show {quoted} {options}")


def new_table(*, numbers: Iterable[str] = (), left: Iterable[str] = ("",)) -> Table:
    """Return an empty table with columns for text (`left`) and then for numbers. Its cells are never cut."""
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for name in left:
        table.add_column(name, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def width_of(console: Console, table: Table) -> int:
    """Return the width of a table with its indent, in characters."""
    return _INDENT + Measurement.get(console, console.options.update(width=_ENDLESS), table).maximum


def print_table(console: Console, table: Table) -> None:
    """Print a table."""
    console.print(Padding(table, (0, 0, 0, _INDENT), expand=False))


def count_cell(count: int, style: str = "") -> Text:
    """Return a count as a cell. A zero is dimmed."""
    return Text(f"{count:,}", style=style if count else "dim")


def time_in_words(instant: pd.Timestamp) -> str:
    """Return a time to the second, or only the date if it is the last microsecond of a day."""
    return f"{instant:%Y-%m-%d}" if instant.microsecond == 999_999 else f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def show_issues(
    console: Console, summary: WithIssues, issues: pd.DataFrame, most: int | None = None, *, in_full: bool = True
) -> None:
    """Print the data issues by code, with the number of each.

    Without `most`, an example of each code is shown in full. With `most`, only that many codes are shown, the most
    severe first; examples are then shown only for input that was not read, with their message if `in_full`. Without
    `in_full`, issues of a single code have one line with the title.
    """
    counts = {code: count for code, count in summary.issue_counts.items() if code not in WAIVER_CODES}
    if not counts:
        return
    console.print()
    is_in_one_line = most is not None and not in_full and len(counts) == 1
    if not is_in_one_line:
        print_line(console, "Data issues", "bold")
    first = {row["code"]: row for row in records(issues.drop_duplicates("code"))}
    shown = list(counts.items())[:most]
    for code, count in shown:
        row = first[code]
        location = row["source"] + (f":{row['line']}" if row["line"] else "")
        location += f" {row['column']}" if row["column"] else ""
        text = Text.assemble(("Data issues: ", "bold"), f"{count:,} ") if is_in_one_line else Text(f"  {count:>5,}  ")
        text.append(CODES[code].of(count), style=_LEVEL_STYLES[CODES[code].level])
        # Input that was not read is shown with an example in any case, because the user has to repair it.
        is_rejected = CODES[code].level >= Level.REJECTED
        message = f": {row['message']}" if most is None or (is_rejected and in_full) else ""
        if most is not None and (in_short := CODES[code].in_short(row["message"])):
            message = f": {'e.g. ' if count > 1 else ''}{in_short}"
        where = f" ({'e.g. ' if count > 1 else ''}{location})" if most is None or is_rejected else ""
        text.append(printable(f"{where}{message}"))
        print_line(console, text, hang=9)
    if len(counts) > len(shown):
        hidden_count = sum(list(counts.values())[len(shown) :])
        hidden_kinds = counted(len(counts) - len(shown), "other kind")
        print_note(console, f"and {counted(hidden_count, 'more data issue')} of {hidden_kinds}.")


def show_waivers_to_review(console: Console, issues: pd.DataFrame, most: int | None) -> None:
    """Print up to `most` of the waivers that have expired, expire soon or match nothing; nothing if there are none."""
    to_review = records(issues[issues["code"].isin(WAIVER_CODES).to_numpy()])
    if not to_review:
        return
    console.print()
    print_line(console, f"Waivers to review: {len(to_review):,}", "bold")
    shown = to_review[:most]
    for row in shown:
        print_line(console, f"  {row['source']}:{row['line']} {row['message']}")
    print_hidden_count(console, len(shown), len(to_review), "see the workbook, or issues.parquet")


def show_files(console: Console, written: WrittenFiles, title: str = "Evidence in") -> None:
    """Print where the files are."""
    console.print()
    print_line(console, Text.assemble((f"{title} ", "bold"), f"{_folder(written)}/"))
    print_line(console, f"  {_file_list(written.files)}")


def show_removed(console: Console, written: WrittenFiles) -> None:
    """Print which renderings of an earlier run are no longer there, if there are any."""
    if written.removed:
        print_line(
            console,
            f"Removed with the earlier run: {', '.join(written.removed)} (to add a format to an evidence set and keep "
            f"the others: credreport render {_folder(written)} --format NAME).",
        )


def where_to_look(written: WrittenFiles) -> Text:
    """Return a line with the file to open and the other files; the tables are only counted."""
    tables = [file for file in written.files if file.partition("/")[0].endswith(".parquet")]
    others = [file for file in written.files if file not in tables and not file.endswith(".json")]
    first = next((file for file in ("report.html", "workbook.xlsx") if file in others), None)
    further_files = [file for file in others if file != first]
    more = [_file_list(further_files)] if further_files else []
    more.append(counted(len({file.partition("/")[0] for file in tables}), "table"))
    if first is None:
        return Text.assemble(("Evidence ", "bold"), f"in {_folder(written)}/: {', '.join([*others, more[-1]])}")
    return Text.assemble(("Open ", "bold"), f"{_folder(written)}/{first}. Also written: {', '.join(more)}.")


def _folder(written: WrittenFiles) -> str:
    return printable(str(written.folder).rstrip("/"))


def _file_list(files: list[str]) -> str:
    """Return the files as one line. The files of a subfolder are only counted."""
    folders: dict[str, int] = {}
    for file in files:
        head, _, path_in_folder = file.partition("/")
        folders[f"{head}/" if path_in_folder else head] = folders.get(f"{head}/" if path_in_folder else head, 0) + 1
    return ", ".join(
        f"{name} ({counted(count, _NOUNS.get(name, 'file'))})" if name.endswith("/") else name
        for name, count in folders.items()
    )
