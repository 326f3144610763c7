"""What history, compare, ingest and store print."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from analyzer.cli.screen.common import (
    count_cell,
    new_table,
    open_console,
    print_answer,
    print_hidden_count,
    print_line,
    print_note,
    print_table,
    show_files,
    show_issues,
    show_removed,
    show_waivers_to_review,
    show_what_fits,
    time_in_words,
    where_to_look,
    width_of,
)
from analyzer.cli.screen.findings import show_findings, show_in_lines
from analyzer.controls.vocabulary import counted, span
from analyzer.evidence.comparison import OF_FAILURES, closing_in_a_cell, most_severe_first
from analyzer.evidence.schema import NEW_FAILURES
from analyzer.evidence.survival import days_in_words, shares_in_words
from analyzer.evidence.worst import MOST_SHOWN
from analyzer.reading.columns import records

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from rich.console import Console
    from rich.table import Table

    from analyzer.evidence.comparison import Comparison
    from analyzer.evidence.history import History
    from analyzer.history.store_results import Ingest, Stored
    from analyzer.pipeline import Run

_MOST_ACCOUNTS: Final = 20
"""Maximum number of accounts, and of gaps, of a store that are shown."""
_FEWEST: Final = 3
"""Number of new failures that are shown even if the screen has no room."""
_FEW_ACCOUNTS: Final = 3
"""Maximum number of accounts that have columns in the table of events."""


def show_history(run: Run[History], why: str, *, verbose: bool) -> None:
    """Print the measures of each control, data issues, the answer and where the files are.

    `why` explains the exit code. As many controls are shown as fit on one screen; with `verbose`, all.
    """
    shares = range(len(run.summary.measures), 0, -1)
    draw = partial(_show_history, run, why, verbose=verbose)
    show_what_fits(open_console(), shares[:1] if verbose else shares, draw)


def _show_history(run: Run[History], why: str, console: Console, most: int, *, verbose: bool) -> None:
    """Print a history with up to `most` controls."""
    history = run.summary
    _show_measures(console, history, most, verbose=verbose)
    if any(map(history.is_judged, history.measures)):
        _explain_measures(console, history)
    show_waivers_to_review(console, history.issues, None if verbose else MOST_SHOWN)
    show_issues(console, history, history.issues, None if verbose else MOST_SHOWN)
    _show_answer(console, run, history.lines, why, verbose=verbose)


def _explain_measures(console: Console, history: History) -> None:
    """Print notes on the words of the measures."""
    print_note(console, "lost: lost to follow-up, unknown whether they were fixed; regressed: open again after a fix.")
    within = "" if history.sla_days is None else f"; in {history.sla_days} days: share closed by then"
    print_note(
        console,
        "half closed in, 9 of 10 closed in: days from the beginning of a failure to its fix, as a range, because a fix "
        f"is made between two snapshots; or longer: the snapshots cannot show more; -: not reached{within}. "
        "Failures that were open in an account's oldest snapshot are left out.",
    )


def _show_answer(console: Console, run: Run[Any], lines: Sequence[str], why: str, *, verbose: bool) -> None:
    """Print the answer, the reason of the exit code, and the file to open. With `verbose`, all files come first."""
    if verbose:
        show_files(console, run)
    console.print()
    print_answer(console, lines)
    for line in run.summary.settings.names_in_words:
        print_line(console, line)
    print_line(console, why)
    show_removed(console, run)
    print_line(console, where_to_look(run))


def _show_measures(console: Console, history: History, most: int, *, verbose: bool) -> None:
    """Print the measures of up to `most` controls, those with most open failures first chosen.

    They are printed in a table if it fits, else in lines. Controls without failures are only named, unless `verbose`.
    Those that judged nothing have dashes, and are named in the answer.
    """
    counts = {"open": "open", "closed": "closed", "lost": "lost_sight", "regressed": "reopened"}
    rows = [{**row, "not_checked": row["not_checked"] - row["manual"]} for row in history.measures]
    for name in ("waived", "manual", "not_checked"):
        if any(measures[name] for measures in rows):
            counts = {"open": "open", name.replace("_", " "): name} | counts
    days = {"half closed in": "median_days", "9 of 10 closed in": "p90_days"}
    within = f"in {history.sla_days} days{'*' if history.sla_in_words else ''}"
    table = new_table(numbers=(*counts, *days, *([] if history.sla_days is None else [within])))
    lines = []
    names = [measures["control"] for measures in rows]
    with_failures = [measures for measures in rows if verbose or any(measures[key] for key in counts.values())]
    shown = sorted(with_failures, key=lambda measures: -measures["open"])[:most]
    for measures in (measures for measures in with_failures if measures in shown):
        twice = names.count(measures["control"]) > 1
        name = f"{measures['control']} {measures['requirement']}" if twice else measures["control"]
        times = {name: _days_in_words(measures[f"{key}_min"], measures[f"{key}_max"]) for name, key in days.items()}
        if history.sla_days is not None:
            low, high = measures["within_sla_min"], measures["within_sla_max"]
            times[within] = "not reached" if low is None else shares_in_words(low, high)
        cells = [text.replace("not reached", "-") for text in times.values()]
        numbers = [count_cell(measures[key]) if history.is_judged(measures) else "-" for key in counts.values()]
        table.add_row(name, *numbers, *cells)
        lines.append(_in_a_line(name, measures, counts, times, nothing=_nothing(history, measures)))
    if not table.row_count:
        pass
    elif width_of(console, table) <= console.width:
        print_table(console, table)
    else:
        for line in lines:
            print_line(console, line, hang=4)
    without_failures = [row["control"] for row in rows if row not in with_failures and history.is_judged(row)]
    print_hidden_count(console, len(shown), len(with_failures), "--verbose shows them", " controls")
    if without_failures:
        print_note(console, f"No failures: {', '.join(without_failures)}.")


def _nothing(history: History, measures: dict[str, Any]) -> str:
    """Return the words for a control of which all counts are 0."""
    return "no failure" if history.is_judged(measures) else "not judged, no such column in the newest snapshots"


def _days_in_words(least: float | None, most: float | None) -> str:
    """Return a range of days in words that are short enough for a cell: `31 to 62 days`, or `62 days or longer`."""
    return days_in_words(least, most).removeprefix("between ").replace(" and ", " to ")


def _in_a_line(
    name: str, measures: dict[str, Any], counts: dict[str, str], times: dict[str, str], *, nothing: str
) -> str:
    """Return the measures of a control as a line, without zeros and without days that were not reached.

    `nothing` are the words for a line without any of them.
    """
    words = [f"{measures[key]:,} {word}" for word, key in counts.items() if measures[key]]
    words += [
        f"{text} closed {word}" if word.startswith("in ") else f"{word} {text}"
        for word, text in times.items()
        if text != "not reached"
    ]
    return f"  {name}: {', '.join(words) or nothing}"


def show_comparison(run: Run[Comparison], why: str, *, verbose: bool) -> None:
    """Print the events by account, new failures, data issues, the answer and where the files are.

    `why` explains the exit code. As many new failures are shown as fit on one screen; with `verbose`, `MOST_SHOWN`.
    """
    shares = range(MOST_SHOWN, -1, -1)
    draw = partial(_show_comparison, run, why, verbose=verbose)
    show_what_fits(open_console(), shares[:1] if verbose else shares, draw)


def _show_comparison(run: Run[Comparison], why: str, console: Console, most: int, *, verbose: bool) -> None:
    """Print a comparison with up to `most` new failures. If `most` is 0, the events are printed in one line."""
    comparison = run.summary
    few = comparison.accounts if 1 < len(comparison.accounts) <= _FEW_ACCOUNTS else ()
    table = _events(comparison, few)
    if most and table.row_count:
        print_table(console, table if width_of(console, table) <= console.width else _events(comparison, ()))
    elif table.row_count:
        words = ", ".join(f"{count:,} {comparison.words_for(event)}" for event, count in comparison.counts.items())
        print_line(console, f"  {words}")
    several = len(comparison.settings.checklist.checks) > 1
    new = comparison.new_failures
    worst = most_severe_first(new).head(max(most, _FEWEST))
    shown = (_with_severities(comparison.explained(worst)), len(new))
    if verbose:
        show_findings(console, "New failures", shown, control=several, mark="event", whole=_ALL_NEW)
        _show_fixed(console, comparison, control=several)
    else:
        usual = NEW_FAILURES[0]
        show_in_lines(console, "New failures", shown, control=several, mark="event", usual=usual, whole=_ALL_NEW)
        if len(comparison.fixed):
            print_note(console, "--verbose lists the fixed failures.")
    show_waivers_to_review(console, comparison.issues, None if verbose else max(most, 1))
    show_issues(console, comparison, comparison.issues, None if verbose else MOST_SHOWN)
    _show_answer(console, run, comparison.lines, why, verbose=verbose)


_ALL_NEW: Final = "--json"
"""The option that lists all new failures."""


def _with_severities(events: pd.DataFrame) -> pd.DataFrame:
    """Return events with the severity after the name of the control."""
    names = events["control"].astype("str") + " (" + events["severity"].astype("str") + ")"
    return events.assign(control=names)


def _show_fixed(console: Console, comparison: Comparison, *, control: bool) -> None:
    """Print fixed failures, each with how it was fixed and with the reason of its failure before."""
    fixed = _with_severities(most_severe_first(comparison.fixed).head(MOST_SHOWN))
    how = [closing_in_a_cell(name) for name in fixed["how"].astype("str")]
    shown = fixed.assign(how=how, message="before: " + fixed["message"].astype("str"))
    show_findings(console, "Fixed failures", (shown, len(comparison.fixed)), control=control, mark="how")


def _events(comparison: Comparison, accounts: tuple[str, ...]) -> Table:
    """Return a table with the number of events of each kind, in total and in each of `accounts`.

    Events of failures come last, below a heading of their own.
    """
    by_account = {account: comparison.summed["account_id"] == account for account in accounts}
    groups = {
        heading: {event: count for event, count in comparison.counts.items() if (event in OF_FAILURES) == are_failures}
        for heading, are_failures in (("Changes of users and credentials", False), ("Checks", True))
    }
    headings = [heading for heading, counts in groups.items() if counts]
    table = new_table(left=headings[:1], numbers=("all" if accounts else "", *accounts))
    for heading in headings:
        if heading != headings[0]:
            table.add_row()
            table.add_row(Text(heading, style="dim"))
        for event, count in groups[heading].items():
            is_event = comparison.summed["event"] == event
            cells = [count_cell(int((is_event & here).sum())) for here in by_account.values()]
            table.add_row(comparison.words_for(event), count_cell(count), *cells)
    return table


def show_ingest(result: Ingest, folder: str) -> None:
    """Print how many reports were added, known or refused."""
    console = open_console()
    added = result.added
    text = f"{counted(added.added, 'report')} ({counted(added.rows, 'row')}) added to {folder}; "
    text += f"{added.known:,} already there; {added.refused:,} refused."
    print_line(console, text, "bold")
    show_issues(console, result, result.issues)


def show_store(stored: Stored, folder: str) -> None:
    """Print the accounts, gaps and damaged parts of a store."""
    console = open_console()
    snapshots = int(stored.accounts["snapshots"].sum())
    text = f"{folder}: {counted(snapshots, 'snapshot')} of {counted(len(stored.accounts), 'account')}."
    print_line(console, text, "bold")
    _show_accounts(console, stored)
    for row in records(stored.gaps.head(_MOST_ACCOUNTS)):
        missing = f"  missing: {row['account_id']}, about {counted(row['missing'], 'snapshot')} between "
        print_line(console, f"{missing}{time_in_words(row['after'])} and {time_in_words(row['before'])}")
    print_hidden_count(console, _MOST_ACCOUNTS, len(stored.gaps), "--json", " gaps")
    for part, reason in stored.damaged:
        print_line(console, f"  damaged: {part}: {reason}", "bold red")


def _show_accounts(console: Console, stored: Stored) -> None:
    """Print the accounts of a store, in a table if it fits, else in lines."""
    table = new_table(left=("account",), numbers=("snapshots", "rows"))
    for name in ("first", "last"):
        table.add_column(name, no_wrap=True)
    table.add_column("gaps", justify="right", no_wrap=True)
    lines = []
    for row in records(stored.accounts.head(_MOST_ACCOUNTS)):
        first, last = time_in_words(row["first"]), time_in_words(row["last"])
        table.add_row(row["account_id"], f"{row['snapshots']:,}", f"{row['rows']:,}", first, last, f"{row['gaps']:,}")
        counts = ", ".join(counted(row[f"{noun}s"], noun) for noun in ("snapshot", "row", "gap"))
        lines.append(f"  {row['account_id']}: {counts}; {span(first, last)}")
    if width_of(console, table) <= console.width:
        print_table(console, table)
    else:
        for line in lines:
            print_line(console, line)
    print_hidden_count(console, _MOST_ACCOUNTS, len(stored.accounts), "--json")
