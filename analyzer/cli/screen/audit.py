"""What audit shows: the answer, the controls, the worst findings, waivers, data issues, and where the files are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from analyzer.cli.screen.common import (
    STYLES,
    WAIVER_CODES,
    count_cell,
    new_table,
    open_console,
    print_line,
    print_rest,
    print_table,
    show_files,
    show_issues,
    width_of,
)
from analyzer.cli.screen.findings import show_findings
from analyzer.controls.vocabulary import JUDGED_KINDS, Outcome, Status
from analyzer.evidence.schema import to_pandas
from analyzer.evidence.summary import answer, checklist_in_words, left_to_a_person, overall, scope, unknown_age
from analyzer.evidence.worst import FURTHER, GRAVE, MOST_SHOWN, UNUSED
from analyzer.reading.columns import records
from analyzer.reading.layout import Kind

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from analyzer.controls.checklist import Check, Checklist
    from analyzer.evidence.summary import Summary
    from analyzer.pipeline import Run

_ACCOUNT: Final = 14
"""Columns that an account's number takes."""
_KINDS: Final = {Kind.PASSWORD: "passwords", Kind.ACCESS_KEY: "access keys", Kind.CERTIFICATE: "certificates"}
_OUTCOMES: Final = {
    "pass": Outcome.PASS,
    "fail": Outcome.FAIL,
    "not checked": Outcome.NOT_CHECKED,
    "not applicable": Outcome.NOT_APPLICABLE,
    "inactive": Outcome.INACTIVE,
}
_STATUSES: Final = {"fail": Status.FAIL, "not checked": Status.NOT_CHECKED, "pass": Status.PASS}


def show_audit(run: Run[Summary]) -> None:
    """Print the answer: the counts, the worst findings and why, data issues, and where the files are."""
    console, audit = open_console(), run.summary
    print_line(console, _headline(audit))
    for line in (scope(audit), *checklist_in_words(audit.checklist)):
        print_line(console, line, "dim")
    if age := unknown_age(audit):
        print_line(console, age, STYLES[Status.NOT_CHECKED])
    if audit.checklist.unused:
        console.print()
        _show_kinds(console, audit)
    if len(audit.checklist.checks) > 1:
        _show_controls(console, audit)
    _show_worst(console, run)
    _show_waivers(console, run)
    show_issues(console, audit, run.issues)
    show_files(console, run)


def _headline(audit: Summary) -> Text:
    counts = audit.unused or audit.totals
    worst = Status.FAIL if counts[Status.FAIL] else Status.NOT_CHECKED if counts[Status.NOT_CHECKED] else Status.PASS
    return Text(answer(audit), style=STYLES[worst] if counts["judged"] else "bold")


def _show_kinds(console: Console, audit: Summary) -> None:
    """Print the outcomes of `unused-credentials` by kind of credential: a table, or lines where there is no room."""
    table = new_table(numbers=("judged", *_OUTCOMES))
    lines = []
    for kind in JUDGED_KINDS:
        counts = {name: audit.count(kind, outcome) for name, outcome in _OUTCOMES.items()}
        judged = sum(counts[name] for name in ("pass", "fail", "not checked"))
        cells = [count_cell(counts[name], STYLES.get(outcome, "")) for name, outcome in _OUTCOMES.items()]
        table.add_row(_KINDS[kind], f"{judged:,}", *cells)
        words = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
        lines.append(f"  {_KINDS[kind]}: {judged:,} judged{f': {words}' if words else ''}")
    if width_of(console, table) <= console.width:
        print_table(console, table)
        return
    for line in lines:
        print_line(console, line)


def _show_controls(console: Console, audit: Summary) -> None:
    """Print the outcomes of each control, and how often it fails in each account, as far as there is room."""
    console.print()
    if audit.checklist.unused:
        print_line(console, overall(audit), "bold")
    room = console.width - width_of(console, _controls(audit, []))
    if room < 0:
        _show_controls_in_lines(console, audit)
    else:
        failing = audit.open_matrix[Status.FAIL]
        shown = [str(account) for account in failing.columns[: room // _ACCOUNT]]
        print_table(console, _controls(audit, shown))
        if shown:
            some = (
                ""
                if len(shown) == failing.shape[1]
                else f" {len(shown)} of {failing.shape[1]:,} accounts, worst first;"
            )
            apart = ", what is waived left out" if audit.totals["waived"] else ""
            note = f"  By account: how often it fails there{apart};{some} the whole matrix is in the workbook."
            print_line(console, note, "dim")
    if audit.manual:
        print_line(console, f"  {left_to_a_person(audit)} (no report can decide it).", "dim")


def _controls(audit: Summary, accounts: list[str]) -> Table:
    """Return a row per control: its outcomes, and how often it fails in each of some accounts."""
    checklist = audit.checklist
    waived = ["waived"] if audit.totals["waived"] else []
    names = (*_STATUSES, *waived, *accounts)
    table = new_table(left=("", checklist.numbers_of.label), numbers=names)
    failing = audit.open_matrix[Status.FAIL][accounts].to_numpy().tolist()
    for one, counts, by_account in zip(checklist.checks, audit.by_control, failing, strict=True):
        cells = [
            *(count_cell(counts[status], STYLES[status]) for status in _STATUSES.values()),
            *(count_cell(counts[name]) for name in waived),
            *(count_cell(count, STYLES[Status.FAIL]) for count in by_account),
        ]
        table.add_row(one.control.id, _number(one, checklist), *(cells if counts["judged"] else ["-"] * len(names)))
    return table


def _show_controls_in_lines(console: Console, audit: Summary) -> None:
    """Print the outcomes of each control, those that there are."""
    for one, counts in zip(audit.checklist.checks, audit.by_control, strict=True):
        words = ", ".join(
            f"{counts[name]:,} {name.replace('_', ' ')}" for name in (*_STATUSES.values(), "waived") if counts[name]
        )
        number = f" ({_number(one, audit.checklist)})" if one.requirement else ""
        print_line(console, f"  {one.control.id}{number}: {words or 'nothing to judge'}")


def _number(one: Check, checklist: Checklist) -> str:
    """Return a control's number, with a star where it is judged by other limits than the benchmark's."""
    return (one.requirement or "-") + ("*" if checklist.is_changed(one) else "")


_FINDINGS: Final = {"findings.parquet": "in findings.parquet", "workbook.xlsx": "on the sheet Findings of the workbook"}
"""Files with all findings, and in words where these are."""


def _show_worst(console: Console, run: Run[Summary]) -> None:
    """Print what needs a look: of the main control the worst, and of others what is grave."""
    checklist, several = run.summary.checklist, len(run.summary.checklist.checks) > 1
    worst = {group: (to_pandas(rows), count) for group, (rows, count) in run.notable.items()}
    if checklist.unused is None:
        show_findings(console, "Worst first", worst[UNUSED], control=several)
        return
    show_findings(console, "Unused, worst first" if several else "Worst first", worst[UNUSED])
    show_findings(console, "Critical and high", worst[GRAVE], control=True)
    rest = worst[FURTHER][1]
    if rest:
        console.print()
        written = [words for file, words in _FINDINGS.items() if any(name.startswith(file) for name in run.files)]
        where = f", stand {', and '.join(written)}" if written else ""
        print_line(console, f"{rest:,} more that fail, medium and low{where}.", "dim")


def _show_waivers(console: Console, run: Run[Summary]) -> None:
    """Print one by one the waivers that need a look, and those that cover something."""
    audit = run.summary
    wanting = records(run.issues[run.issues["code"].isin(WAIVER_CODES).to_numpy()])
    if wanting:
        console.print()
        print_line(console, f"Waivers that need a look: {len(wanting):,}", "bold")
        for row in wanting[:MOST_SHOWN]:
            print_line(console, f"  {row['source']}:{row['line']} {row['message']}")
        print_rest(console, MOST_SHOWN, len(wanting), "see issues.parquet, or the workbook")
    covering = [row for row in records(audit.waivers) if row["failing"] or row["not_checked"]]
    if not covering:
        return
    console.print()
    print_line(console, f"Waived: {audit.totals['waived']:,}, not counted for the exit code", "bold")
    for row in covering[:MOST_SHOWN]:
        numbers = {"failing": row["failing"], "not checked": row["not_checked"]}
        what = ", ".join(f"{count:,} {words}" for words, count in numbers.items() if count)
        ticket = f" [{row['ticket']}]" if row["ticket"] else ""
        line = f"  {row['id']}: {what} ({row['scope']}) until {row['expires']}; {row['owner']}: {row['reason']}{ticket}"
        print_line(console, line)
    print_rest(console, MOST_SHOWN, len(covering), "see the workbook, or --json", " waivers")
