"""What inspect shows: each file in two lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.cli.screen.common import open_console, print_line, show_issues, time_in_words
from analyzer.controls.vocabulary import counted
from analyzer.reading.columns import records

if TYPE_CHECKING:
    from analyzer.evidence.inspection import Inspection


def show_inspection(found: Inspection) -> None:
    """Print what each file is."""
    console = open_console()
    rows = int(found.inputs["rows"].sum())
    print_line(console, f"{counted(len(found.inputs), 'report')}, {counted(rows, 'row')}", "bold")
    for row in records(found.inputs.drop(columns="accounts")):
        captured = "at an unknown time" + ("" if row["captured_from"] == "unknown" else f" ({row['captured_from']})")
        if row["captured_at"]:
            captured = f"{time_in_words(row['captured_at'])} ({row['captured_from']})"
        facts = [
            row["container"] if row["encoding"] == "utf-8" else f"{row['container']} in {row['encoding']}",
            row["layout"],
            f"account {row['account_id']}" if row["account_id"] else "several accounts, or none known",
            counted(row["rows"], "row") + (f" ({row['rejected']:,} rejected)" if row["rejected"] else ""),
            f"captured {captured}",
            f"newest time inside {time_in_words(row['newest_time']) if row['newest_time'] else 'none'}",
        ]
        print_line(console, row["name"])
        print_line(console, "    " + " · ".join(facts), "dim")
    show_issues(console, found, found.issues)
