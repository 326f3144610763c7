"""What inspect prints: one or two reports in full, more reports as a table, and all errors."""

from __future__ import annotations

import posixpath
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len
from rich.text import Text

from analyzer.cli.screen.common import (
    STYLES,
    new_table,
    open_console,
    print_line,
    print_note,
    print_table,
    show_issues,
    time_in_words,
    width_of,
)
from analyzer.controls.vocabulary import Status, counted
from analyzer.errors import printable
from analyzer.evidence.counted import UNKNOWN_ACCOUNT
from analyzer.reading.columns import records
from analyzer.reading.issues import CODES, Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from rich.console import Console

    from analyzer.evidence.inspection import Inspection

_FEW: Final = 2
"""Maximum number of reports that are shown in full without --verbose."""
_COLUMNS: Final = (
    ("account", "rows", "rejected", "captured", "known from", "newest inside", "form", "layout"),
    ("account", "rows", "rejected", "captured", "known from", "form", "layout"),
    ("account", "rows", "rejected", "captured", "known from", "form"),
    ("account", "rows", "rejected", "captured", "form"),
    ("account", "rows", "rejected", "day", "form"),
    ("account", "rows", "rejected", "day"),
)
"""Columns before the name of a report, from the widest choice to the narrowest."""
_NAMES: Final = tuple(dict.fromkeys(name for names in _COLUMNS for name in names))
_SHOWN_AS: Final = {"day": "captured"}
_NUMBERS: Final = ("rows", "rejected")
_GAP: Final = "  "


def show_inspection(inspection: Inspection, *, verbose: bool = False) -> None:
    """Print what each file contains."""
    console = open_console()
    rows = records(inspection.inputs.drop(columns="accounts"))
    rejected = sum(row["rejected"] for row in rows)
    head = f"{counted(len(rows), 'report')}, {counted(sum(row['rows'] for row in rows), 'row')}"
    head += f" ({rejected:,} rejected)" if rejected else ""
    if verbose or len(rows) <= _FEW:
        print_line(console, head, "bold")
        _show_in_full(console, rows)
    else:
        forms = Counter(_form(row) for row in rows)
        print_line(console, f"{head}: {', '.join(f'{count:,} {form}' for form, count in forms.most_common())}", "bold")
        _Table(console, inspection.inputs).show()
        _show_accounts(console, inspection.inputs)
    _show_errors(console, inspection.issues)
    show_issues(console, inspection, inspection.issues)


def _form(row: dict[str, Any]) -> str:
    return str(row["container"] if row["encoding"] == "utf-8" else f"{row['container']} in {row['encoding']}")


def _show_in_full(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    """Print each report in two lines."""
    for row in rows:
        captured = "at an unknown time" + ("" if row["captured_from"] == "unknown" else f" ({row['captured_from']})")
        if row["captured_at"]:
            captured = f"{time_in_words(row['captured_at'])} ({row['captured_from']})"
        facts = [
            _form(row),
            row["layout"],
            f"account {row['account_id']}" if row["account_id"] else "several accounts, or no known account",
            counted(row["rows"], "row") + (f" ({row['rejected']:,} rejected)" if row["rejected"] else ""),
            f"captured {captured}",
            f"newest time in the report {time_in_words(row['newest_time']) if row['newest_time'] else 'none'}",
        ]
        print_line(console, row["name"])
        print_line(console, "    " + " · ".join(facts), "dim")


class _Table:
    """A table with a row for each report. The folder, or the shared start of all names, is shown above them."""

    def __init__(self, console: Console, inputs: pd.DataFrame) -> None:
        self._console = console
        facts = zip(records(inputs.drop(columns="accounts")), inputs["accounts"], strict=True)
        self._rows = [_cells(row, accounts) for row, accounts in facts]
        self._beginning = _shared_folder([row["folder"] for row in self._rows])
        self._names = {
            True: [row["file"] for row in self._rows],
            False: [row["name"][len(self._beginning) :] for row in self._rows],
        }
        left_out = () if any(row["rejected"] != "-" for row in self._rows) else ("rejected",)
        self._by_folder, self._columns = self._fitting(left_out)

    def _fitting(self, left_out: Sequence[str]) -> tuple[bool, list[tuple[str, int]]]:
        """Return whether to group reports by folder, and columns with widths that leave room for nearly all names."""
        widths = {name: max(len(name), *(cell_len(row[name]) for row in self._rows)) for name in _NAMES}
        lengths = {by: [cell_len(name) for name in names] for by, names in self._names.items()}
        heads = {True: len({row["folder"] for row in self._rows}), False: 1}
        fitting: tuple[bool, list[tuple[str, int]]] = (False, [])
        for names in _COLUMNS:
            columns = [(name, widths[name]) for name in names if name not in left_out]
            room = self._room(columns)
            too_long = {by: sum(length > room for length in name_lengths) for by, name_lengths in lengths.items()}
            by_folder = heads[True] + too_long[True] < heads[False] + too_long[False]
            fitting = by_folder, columns
            if too_long[by_folder] * 10 <= len(self._rows):
                break
        return fitting

    def _room(self, columns: list[tuple[str, int]]) -> int:
        """Return the width that `columns` leave for the name, in characters."""
        return self._console.width - sum(width + len(_GAP) for _, width in columns) - len(_GAP)

    def show(self) -> None:
        """Print the table."""
        header = {name: _SHOWN_AS.get(name, name) for name, _ in self._columns}
        print_line(self._console, self._line(header, "report"), "dim")
        rows_and_names = zip(self._rows, self._names[self._by_folder], strict=True)
        for folder, pairs in groupby(
            rows_and_names, key=lambda pair: pair[0]["folder"] if self._by_folder else self._beginning
        ):
            if folder:
                print_line(self._console, folder, "bold")
            for row, name in pairs:
                self._show_row(row, name)
        shown = {_SHOWN_AS.get(name, name) for name, _ in self._columns}
        if missing := [name for name in _COLUMNS[0] if name != "rejected" and name not in shown]:
            print_note(self._console, f"Not shown for lack of room: {', '.join(missing)}. --verbose shows everything.")

    def _show_row(self, row: dict[str, Any], name: str) -> None:
        fits = cell_len(name) <= self._room(self._columns)
        line = Text(self._line(row, name if fits else ""))
        if row["captured"] == "unknown":
            line.stylize(STYLES[Status.NOT_CHECKED])
        if row["rejected"] != "-":
            line.stylize(STYLES[Status.FAIL])
        self._console.print(line, soft_wrap=True)
        if not fits:
            print_line(self._console, f"    {name}")

    def _line(self, cells: dict[str, Any], name: str) -> str:
        texts = []
        for column, width in self._columns:
            space = " " * (width - cell_len(cells[column]))
            texts.append(space + cells[column] if column in _NUMBERS else cells[column] + space)
        return (_GAP + _GAP.join([*texts, name])).rstrip()


def _shared_folder(folders: Sequence[str]) -> str:
    """Return the deepest folder that contains all `folders`."""
    shared = posixpath.commonprefix([min(folders), max(folders)])
    return shared[: shared.rfind("/") + 1]


def _cells(row: dict[str, Any], accounts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the cells of a report, by column."""
    account_ids = {part["account_id"] or UNKNOWN_ACCOUNT for part in accounts}
    name = printable(row["name"])
    folder = name[: name.rfind("/") + 1]
    at = row["captured_at"]
    return {
        "account": next(iter(account_ids), "-") if len(account_ids) < 2 else counted(len(account_ids), "account"),
        "rows": f"{row['rows']:,}",
        "rejected": f"{row['rejected']:,}" if row["rejected"] else "-",
        "captured": time_in_words(at) if at else "unknown",
        "day": f"{at:%Y-%m-%d}" if at else "unknown",
        "known from": row["captured_from"] if row["captured_from"] != "unknown" else "-",
        "newest inside": time_in_words(row["newest_time"]) if row["newest_time"] else "none",
        "form": _form(row),
        "layout": row["layout"],
        "name": name,
        "folder": folder,
        "file": name[len(folder) :],
    }


def _show_accounts(console: Console, inputs: pd.DataFrame) -> None:
    """Print the number of reports and rows of each account, and its first and last day."""
    reports, rows, undated = Counter[str](), Counter[str](), Counter[str]()
    days: dict[str, list[Any]] = {}
    for parts, row in zip(inputs["accounts"], records(inputs[["captured_at"]]), strict=True):
        for account in {part["account_id"] or UNKNOWN_ACCOUNT for part in parts}:
            reports[account] += 1
            rows[account] += sum(part["rows"] for part in parts if (part["account_id"] or UNKNOWN_ACCOUNT) == account)
            if row["captured_at"]:
                days.setdefault(account, []).append(row["captured_at"])
            else:
                undated[account] += 1
    counts = {"reports": reports, "rows": rows, **({"undated": undated} if undated else {})}
    table, lines = new_table(left=("account", "from", "to"), numbers=counts), []
    for account in sorted(reports):
        ends = (min(days[account]), max(days[account])) if account in days else ()
        dated = [f"{end:%Y-%m-%d}" for end in ends] or ["-", "-"]
        numbers = {name: f"{count[account]:,}" for name, count in counts.items()}
        table.add_row(account, *dated, *numbers.values())
        words = ", ".join(f"{number} {name}" for name, number in numbers.items())
        lines.append(f"{_GAP}{account} {' to '.join(dict.fromkeys(dated))}: {words}")
    console.print()
    print_line(console, counted(len(set(reports) - {UNKNOWN_ACCOUNT}), "account"), "bold")
    if width_of(console, table) <= console.width:
        print_table(console, table)
        return
    for line in lines:
        print_line(console, line)


def _show_errors(console: Console, issues: pd.DataFrame) -> None:
    """Print each error, if the list of data issues only counts them. Rejected rows are shown with their report."""
    rejecting = [code for code, kind in CODES.items() if kind.level == Level.REJECTED and code != "rejected_row"]
    rows = records(issues[issues["code"].isin(rejecting).to_numpy()])
    if len(rows) <= len({row["code"] for row in rows}):
        return
    console.print()
    print_line(console, f"Errors: {len(rows):,}", "bold")
    for row in rows:
        location = printable(row["source"] or "-") + (f":{row['line']}" if row["line"] else "")
        print_line(
            console, Text.assemble(_GAP, (location, STYLES[Status.FAIL]), f" {printable(row['message'])}"), hang=4
        )
