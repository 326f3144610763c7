"""What show prints: findings by user and report line, in columns if they fit, else in two lines each."""

from __future__ import annotations

import textwrap
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len
from rich.text import Text

from analyzer.cli.screen.common import STYLES, open_console, print_line, time_in_words
from analyzer.cli.screen.findings import account_with_name
from analyzer.controls.vocabulary import counted
from analyzer.errors import printable
from analyzer.evidence.coverage import labels_of
from analyzer.evidence.schema import to_pandas
from analyzer.evidence.selection import MANUAL
from analyzer.reading.columns import records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from analyzer.pipeline import ShownFindings

_COLUMNS: Final = (
    ("status", "severity", "control", "number", "credential"),
    ("status", "severity", "control", "credential"),
    ("status", "control", "number", "credential"),
    ("status", "control", "credential"),
)
"""Columns before the reason, from the widest choice to the narrowest."""
_LEAST: Final = 24
"""Smallest width of the reasons, in characters; below it, findings are printed in two lines each."""
_GAP: Final = "  "
_IN_WORDS: Final = {MANUAL: "manual check"}


def show_shown(shown: ShownFindings) -> None:
    """Print the findings that were asked for, and their number."""
    console = open_console()
    names = labels_of(shown.evidence.table("coverage") if "coverage" in shown.evidence.files else None)
    rows = [_cells(row, names) for row in records(to_pandas(shown.worst))]
    print_line(console, _headline(shown, len(rows)), "bold")
    if not rows:
        return
    header = {"number": shown.evidence.settings.checklist.numbers_of.heading, "why": "why"}
    columns = _columns_that_fit(console.width, rows, header)
    if columns:
        print_line(console, _aligned(columns, {name: header.get(name, name) for name, _ in columns}, "why"), "dim")
    # The findings of a user are listed together, at the position of the worst one.
    first = {row["subject"]: at for at, row in reversed(list(enumerate(rows)))}
    for (names, location), group in groupby(
        sorted(rows, key=lambda row: first[row["subject"]]), key=lambda row: row["subject"]
    ):
        console.print()
        _show_subject(console, names, location)
        for row in group:
            _show_finding(console, row, columns)
    _show_hidden_count(console, shown, len(rows))


def _headline(shown: ShownFindings, listed: int) -> str:
    """Return the first line: how many checks match, what was asked for, and how many are listed."""
    days = shown.selection.due_within
    filters = [
        *(f"user {user}" for user in shown.selection.users),
        *(f"account {account}" for account in shown.selection.accounts),
        *(" ".join(filter(None, (check.control.id, check.requirement))) for check in shown.selection.checks),
        *(_IN_WORDS.get(status, status.replace("_", " ")) for status in shown.selection.statuses),
        *(["waived"] if shown.selection.waived else []),
        *([] if days is None else [f"will fail within {counted(days, 'day')}"]),
    ]
    count, order = counted(shown.total, "check"), "worst" if days is None else "soonest"
    head = f"{shown.count:,} of {count} ({', '.join(filters)})" if filters else count
    if listed < shown.count:
        return f"{head}; the {order} {f'{listed:,} are' if listed > 1 else 'one is'} listed"
    return f"{head}, {order} first" if shown.count > 1 else head


def _show_hidden_count(console: Console, shown: ShownFindings, listed: int) -> None:
    if listed < shown.count:
        console.print()
        more = "Narrow the list with --user, --account, --control or --status, raise --limit, or use --json for all."
        print_line(console, f"{listed:,} of {counted(shown.count, 'check')} listed. {more}", "dim")


def _cells(row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Return the texts of a finding; `subject` has the user, and the report with its line."""
    # A finding on the account as a whole has no user.
    user = printable(row["user"]) if row["user"] else ("-" if row["line"] is None else "(no name)")
    where = f"{row['source']}:{row['line']}" if row["line"] is not None else row["source"] or ""
    waived = f" (waived: {row['waiver']})" if row["waiver"] else ""
    later = f"; passes until {time_in_words(row['fails_at'])}" if row["fails_at"] else ""
    return {
        "subject": (f"{account_with_name(row['account_id'], names.get(row['account_id']))}  {user}", printable(where)),
        "status": _IN_WORDS.get(row["reason"], row["status"].replace("_", " ")),
        "style": "dim" if waived else STYLES[row["status"]],
        "severity": row["severity"],
        "control": row["control"],
        "number": row["requirement"] or "-",
        "credential": "-" if row["credential"] == "user" else row["credential"],
        "why": printable(f"{row['message']}{later}{waived}"),
    }


def _columns_that_fit(
    width: int, rows: Sequence[dict[str, Any]], header: dict[str, str]
) -> list[tuple[str, int]] | None:
    """Return the columns before the reasons with their widths, or None if no choice of columns fits."""
    least = min(_LEAST, max(cell_len(row["why"]) for row in rows))
    needs_number = len({(row["control"], row["number"]) for row in rows}) > len({row["control"] for row in rows})
    for names in _COLUMNS:
        if needs_number and "number" not in names:
            continue
        widths = [max(cell_len(header.get(name, name)), *(cell_len(row[name]) for row in rows), 0) for name in names]
        if width - sum(widths) - len(_GAP) * (len(names) + 1) >= least:
            return list(zip(names, widths, strict=True))
    return None


def _show_subject(console: Console, names: str, location: str) -> None:
    """Print the user and the report line of the findings that follow, on one line if they fit, else on two."""
    if cell_len(names) + len(_GAP) + cell_len(location) <= console.width:
        print_line(console, Text.assemble((names, "bold"), _GAP, (location, "dim")))
        return
    print_line(console, names, "bold")
    print_line(console, f"{_GAP}{location}", "dim")


def _show_finding(console: Console, row: dict[str, Any], columns: list[tuple[str, int]] | None) -> None:
    if columns is None:
        check = " ".join(row[name] for name in ("control", "number", "credential") if row[name] != "-")
        print_line(console, Text.assemble(_GAP, (row["status"], row["style"]), f": {check}, {row['severity']}"), hang=4)
        print_line(console, f"    {row['why']}")
        return
    indent = sum(width for _, width in columns) + len(_GAP) * (len(columns) + 1)
    first, *further_lines = textwrap.wrap(
        row["why"], console.width - indent, break_long_words=False, break_on_hyphens=False
    ) or [""]
    line = Text(_aligned(columns, row, first))
    line.stylize(row["style"], len(_GAP), len(_GAP) + len(row["status"]))
    for text in (line, *(Text(f"{'':{indent}}{further_line}") for further_line in further_lines)):
        console.print(text, soft_wrap=True)


def _aligned(columns: Sequence[tuple[str, int]], cells: dict[str, Any], why: str) -> str:
    texts = [cells[name] + " " * (width - cell_len(cells[name])) for name, width in columns]
    return _GAP + _GAP.join([*texts, why])
