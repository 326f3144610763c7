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

from analyzer.cli.streams import printable, silence
from analyzer.controls.vocabulary import JUDGED_KINDS, Outcome, Status, counted
from analyzer.evidence.result import FURTHER, GRAVE, MOST_SHOWN, UNUSED_FIRST, Notable
from analyzer.evidence.summary import answer, overall, scope, told_of
from analyzer.reading.columns import records
from analyzer.reading.issues import CODES, Level
from analyzer.reading.layout import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from analyzer.controls.checklist import Check, Checklist
    from analyzer.evidence.comparison import Comparison
    from analyzer.evidence.history import History
    from analyzer.evidence.inspection import Inspection
    from analyzer.evidence.output import Written
    from analyzer.evidence.summary import Summary, WithIssues
    from analyzer.history.kept import Ingest, Stored

_WORST: Final = 10
_MOST_ACCOUNTS: Final = 20
_NARROW: Final = 80
_NARROW_FOR_EVENTS: Final = 100
"""Columns below which a table of findings would break its words."""
_WIDE: Final = 120
"""Columns where the output is no terminal that would know better."""
_ACCOUNT: Final = 14
"""Columns that an account's number takes."""
_FEW_ACCOUNTS: Final = 3
"""Accounts that stand beside one another in a table that is as wide as a terminal."""
_WAIVER_CODES: Final = ("waiver_expired", "waiver_unmatched", "waiver_expiring")
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


def show_audit(audit: Summary, written: Written) -> None:
    """Print the answer: the counts, the worst findings and why, data issues, and where the files are."""
    console = _console()
    console.print(_headline(audit), soft_wrap=True)
    for line in _context(audit):
        console.print(Text(line, style="dim"), soft_wrap=True)
    if audit.checklist.unused:
        console.print()
        _show_kinds(console, audit)
    if len(audit.checklist.checks) > 1:
        _show_controls(console, audit)
    _show_worst(console, audit)
    _show_waivers(console, audit)
    _show_issues(console, audit)
    _show_files(console, written)


def _headline(audit: Summary) -> Text:
    counts = audit.unused or audit.totals
    worst = Status.FAIL if counts[Status.FAIL] else Status.NOT_CHECKED if counts[Status.NOT_CHECKED] else Status.PASS
    return Text(answer(audit), style=_STYLES[worst] if counts["judged"] else "bold")


def _context(audit: Summary) -> list[str]:
    """Return what the answer is about, a line each."""
    return [printable(line) for line in (scope(audit), *told_of(audit.checklist))]


def _show_kinds(console: Console, audit: Summary) -> None:
    """Print the outcomes of `unused-credentials` by kind of credential."""
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
        if console.width < _NARROW:
            said = ", ".join(f"{audit.count(kind, o):,} {name}" for name, o in columns.items() if audit.count(kind, o))
            console.print(Text(f"  {KIND_WORDS[kind]}: {judged:,} judged{f': {said}' if said else ''}"), soft_wrap=True)
            continue
        cells = [_count(audit.count(kind, outcome), _STYLES.get(outcome, "")) for outcome in columns.values()]
        table.add_row(KIND_WORDS[kind], f"{judged:,}", *cells)
    if table.row_count:
        console.print(_indented(table))


def _count(count: int, style: str = "") -> Text:
    return Text(f"{count:,}", style=style if count else "dim")


def _show_controls(console: Console, audit: Summary) -> None:
    """Print a row per control: its outcomes, and how often it fails in each account, as far as there is room."""
    checklist, failing = audit.checklist, audit.open_matrix[Status.FAIL]
    columns = {"fail": Status.FAIL, "not checked": Status.NOT_CHECKED, "pass": Status.PASS}
    waived = ["waived"] if audit.totals["waived"] else []
    console.print()
    if checklist.unused:
        console.print(Text(overall(audit), style="bold"), soft_wrap=True)
    if console.width < _NARROW:
        for one, counts in zip(checklist.checks, audit.by_control, strict=True):
            names = [*columns.values(), *waived]
            said = ", ".join(f"{counts[name]:,} {name.replace('_', ' ')}" for name in names if counts[name])
            number = f" ({_number(one, checklist)})" if one.requirement else ""
            console.print(Text(f"  {one.control.id}{number}: {said or 'nothing to judge'}"), soft_wrap=True)
        _show_undecidable(console, audit)
        return
    table = _table()
    table.add_column("", no_wrap=True)
    table.add_column(checklist.numbers_of.label, no_wrap=True)
    for name in (*columns, *waived):
        table.add_column(name, justify="right", no_wrap=True)
    taken = console.measure(table).maximum + 2 + max(len(one.control.id) for one in checklist.checks)
    shown = list(failing.columns[: max((console.width - taken) // _ACCOUNT, 0)])
    for account in shown:
        table.add_column(str(account), justify="right", no_wrap=True)
    for one, counts, by_account in zip(
        checklist.checks, audit.by_control, failing[shown].to_numpy().tolist(), strict=True
    ):
        if not counts["judged"]:
            table.add_row(one.control.id, _number(one, checklist), *["-"] * (len(columns) + len(waived) + len(shown)))
            continue
        table.add_row(
            one.control.id,
            _number(one, checklist),
            *(_count(counts[status], _STYLES[status]) for status in columns.values()),
            *(_count(counts[name]) for name in waived),
            *(_count(count, _STYLES[Status.FAIL]) for count in by_account),
        )
    console.print(_indented(table))
    if shown:
        of = "" if len(shown) == failing.shape[1] else f" {len(shown)} of {failing.shape[1]:,} accounts, worst first;"
        apart = ", what is waived left out" if audit.totals["waived"] else ""
        note = f"  By account: how often it fails there{apart};{of} the whole matrix is in the workbook."
        console.print(Text(note, style="dim"), soft_wrap=True)
    _show_undecidable(console, audit)


def _show_undecidable(console: Console, audit: Summary) -> None:
    """Say of which accounts the hardware of MFA is to be looked at: no report can tell."""
    if audit.accounts_of_unknown_device:
        accounts = counted(audit.accounts_of_unknown_device, "account")
        note = f"  root-hardware-mfa: no report tells the kind of device; look at {accounts}, and keep a waiver."
        console.print(Text(note, style="dim"), soft_wrap=True)


def _number(one: Check, checklist: Checklist) -> str:
    """Return a control's number, with a star where it is judged by other limits than the benchmark's."""
    return (one.requirement or "-") + ("*" if checklist.is_changed(one) else "")


def _show_worst(console: Console, audit: Summary) -> None:
    """Print what needs a look: of the main control the worst, and of others what is grave."""
    notable, several = audit.digest.notable, len(audit.checklist.checks) > 1
    if audit.checklist.unused is None:
        _show_findings(console, "Worst first", notable[UNUSED_FIRST], control=several)
        return
    _show_findings(console, "Unused, worst first" if several else "Worst first", notable[UNUSED_FIRST])
    _show_findings(console, "Critical and high", notable[GRAVE], control=True)
    rest = notable[FURTHER].count
    if rest:
        console.print()
        where = "in findings.parquet, and on the sheet Findings of the workbook"
        console.print(Text(f"{rest:,} more that fail, medium and low, stand {where}.", style="dim"), soft_wrap=True)


def _show_findings(
    console: Console, title: str, found: Notable, *, control: bool = False, mark: str = "status"
) -> None:
    """Print the worst findings, or events that are some; `mark` is the column that says what each is."""
    shown = found.findings
    if shown.empty:
        return
    count = "" if len(shown) == found.count else f", {len(shown)} of {found.count:,}"
    console.print()
    console.print(Text(f"{title}{count}", style="bold"))
    table = _table()
    table.add_column("account", no_wrap=True)
    table.add_column("user", overflow="fold")
    table.add_column("control" if control else "credential", no_wrap=True)
    table.add_column(mark, no_wrap=True)
    table.add_column("why", overflow="fold")
    for row in records(shown):
        # A finding on the account as a whole has no user.
        user = row["user"] or ("-" if row.get("line") is None else "(no name)")
        what = row["control"] if control else row["credential"]
        if control and row["credential"] != "user":
            user = f"{user} {row['credential']}"
        said = Text(row[mark].replace("_", " "), style=_STYLES.get(row[mark], _STYLES[Status.FAIL]))
        cells = (row["account_id"] or "unknown", printable(user), what)
        if console.width < (_NARROW if mark == "status" else _NARROW_FOR_EVENTS):
            console.print(Text(f"  {' '.join(cells)}"), soft_wrap=True)
            console.print(Text("    ") + said + Text(f": {row['message']}"), soft_wrap=True)
        else:
            table.add_row(*cells, said, row["message"])
    if table.row_count:
        console.print(_indented(table))


def _show_waivers(console: Console, audit: Summary) -> None:
    """Print the waivers that cover something, and one by one those that need a look."""
    covering = [row for row in records(audit.waivers) if row["failing"] or row["not_checked"]]
    wanting = [row for row in records(audit.issues) if row["code"] in _WAIVER_CODES]
    if wanting:
        console.print()
        console.print(Text(f"Waivers that need a look: {len(wanting):,}", style="bold"))
        for row in wanting[:_WORST]:
            console.print(Text(printable(f"  {row['source']}:{row['line']} {row['message']}")), soft_wrap=True)
        if len(wanting) > _WORST:
            console.print(
                Text(f"  and {len(wanting) - _WORST:,} more: see issues.parquet, or the workbook", style="dim")
            )
    if not covering:
        return
    console.print()
    console.print(Text(f"Waived: {audit.totals['waived']:,}, not counted for the exit code", style="bold"))
    for row in covering[:_WORST]:
        numbers = {"failing": row["failing"], "not checked": row["not_checked"]}
        what = ", ".join(f"{count:,} {words}" for words, count in numbers.items() if count)
        ticket = f" [{row['ticket']}]" if row["ticket"] else ""
        line = f"  {row['id']}: {what} ({row['scope']}) until {row['expires']}; {row['owner']}: {row['reason']}{ticket}"
        console.print(Text(printable(line)), soft_wrap=True)
    if len(covering) > _WORST:
        console.print(Text(f"  and {len(covering) - _WORST:,} more waivers: see the workbook, or --json", style="dim"))


def _show_issues(console: Console, found: WithIssues) -> None:
    counts = {code: count for code, count in found.issue_counts.items() if code not in _WAIVER_CODES}
    if not counts:
        return
    console.print()
    console.print(Text("Data issues", style="bold"))
    first = {row["code"]: row for row in records(found.issues.drop_duplicates("code"))}
    for code, count in counts.items():
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
    nouns = {"charts/": "picture"}
    return ", ".join(
        f"{name} ({counted(count, nouns.get(name, 'file'))})" if name.endswith("/") else name
        for name, count in folders.items()
    )


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


def show_history(history: History, written: Written) -> None:
    """Print how failures were opened and closed, what is measured of them, and where the files are."""
    console = _console()
    for number, line in enumerate(history.lines):
        console.print(Text(printable(line), style="bold" if number == 0 else "dim"), soft_wrap=True)
    table = _table()
    columns = {"open": "open", "closed": "closed", "lost": "lost_sight", "back": "reopened"}
    if any(one["waived"] for one in history.measures):
        columns = {"open": "open", "waived": "waived"} | columns
    times = {"median": "median_days", "90%": "p90_days"}
    table.add_column("", overflow="fold")
    for name in (*columns, *times, *([f"in {history.sla_days} d"] if history.sla_days is not None else [])):
        table.add_column(name, justify="right", no_wrap=True)
    for one in history.measures:
        cells = [_count(one[name]) for name in columns.values()]
        cells += [Text("-" if one[name] is None else f"{one[name]:,}") for name in times.values()]
        if history.sla_days is not None:
            cells.append(Text("-" if one["within_sla"] is None else f"{one['within_sla']:.0%}"))
        table.add_row(one["control"], *cells)
    console.print()
    console.print(_indented(table))
    for note in (
        "lost: sight was lost of them, no fix is claimed; back: failed again after a fix.",
        "median, 90%: days until so many were fixed, by Kaplan and Meier; -: not reached. What failed in an account's",
        "oldest snapshot began at an unknown time and is left out of these days.",
    ):
        console.print(Text(f"  {note}", style="dim"), soft_wrap=True)
    _show_issues(console, history)
    _show_files(console, written)


def show_comparison(comparison: Comparison, written: Written) -> None:
    """Print what changed, by account, what fails that did not before, and where the files are."""
    console = _console()
    for place, line in enumerate(comparison.lines):
        console.print(Text(printable(line), style="bold" if place == 0 else "dim"), soft_wrap=True)
    console.print()
    console.print(_indented(_events(comparison, narrow=console.width < _NARROW)))
    several = len(comparison.settings.checklist.checks) > 1
    new = comparison.new_failures
    _show_findings(console, "New failures", Notable(new.head(MOST_SHOWN), len(new)), control=several, mark="event")
    _show_issues(console, comparison)
    _show_files(console, written)


def _events(comparison: Comparison, *, narrow: bool) -> Table:
    """Return how often what happened; by account where they are few and there is room."""
    few = comparison.accounts if 1 < len(comparison.accounts) <= _FEW_ACCOUNTS and not narrow else ()
    by_account = {account: comparison.events["account_id"] == account for account in few}
    table = _table()
    table.add_column("", no_wrap=True)
    for name in ("all", *few):
        table.add_column(name if few else "", justify="right", no_wrap=True)
    for event, count in comparison.counts.items():
        is_event = comparison.events["event"] == event
        cells = [_count(int((is_event & here).sum())) for here in by_account.values()]
        table.add_row(event.replace("_", " "), _count(count), *cells)
    table.show_header = bool(few)
    return table


def show_ingest(kept: Ingest, folder: str) -> None:
    """Print what became of the reports."""
    console = _console()
    added = kept.added
    said = f"{counted(added.added, 'report')} added to {folder}, {counted(added.rows, 'row')}; "
    said += f"{added.known:,} were there already; {added.refused:,} refused."
    console.print(Text(printable(said), style="bold"), soft_wrap=True)
    _show_issues(console, kept)


def show_store(found: Stored, folder: str) -> None:
    """Print what a store holds."""
    console = _console()
    snapshots = int(found.accounts["snapshots"].sum())
    said = f"{folder}: {counted(snapshots, 'snapshot')} of {counted(len(found.accounts), 'account')}."
    console.print(Text(printable(said), style="bold"), soft_wrap=True)
    table = _table()
    for name in ("account", "snapshots", "rows", "first", "last", "gaps"):
        table.add_column(name, justify="right" if name in {"snapshots", "rows", "gaps"} else "left", no_wrap=True)
    for row in records(found.accounts.head(_MOST_ACCOUNTS)):
        times = (_time(row["first"]), _time(row["last"]))
        table.add_row(row["account_id"], f"{row['snapshots']:,}", f"{row['rows']:,}", *times, f"{row['gaps']:,}")
    console.print(_indented(table))
    if len(found.accounts) > _MOST_ACCOUNTS:
        console.print(Text(f"  and {len(found.accounts) - _MOST_ACCOUNTS:,} more: --json", style="dim"))
    for row in records(found.gaps.head(_MOST_ACCOUNTS)):
        line = f"  missing: {row['account_id']}, about {counted(row['missing'], 'snapshot')} between "
        console.print(Text(f"{line}{_time(row['after'])} and {_time(row['before'])}"), soft_wrap=True)
    for part, reason in found.damaged:
        console.print(Text(printable(f"  damaged: {part}: {reason}"), style="bold red"), soft_wrap=True)


def _show_files(console: Console, written: Written) -> None:
    console.print()
    folder = str(written.folder).rstrip("/")
    console.print(Text.assemble(("Evidence ", "bold"), f"in {folder}/"))
    console.print(Text(f"  {_file_list(written.files)}"), soft_wrap=True)


def _time(instant: pd.Timestamp) -> str:
    """Return a time to the second; the last microsecond of a day, which stands for a date, as that date."""
    return f"{instant:%Y-%m-%d}" if instant.microsecond == 999_999 else f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def _table() -> Table:
    return Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))


def _indented(table: Table) -> Padding:
    return Padding(table, (0, 0, 0, 2), expand=False)
