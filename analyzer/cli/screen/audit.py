"""What audit shows: the answer, the controls, the worst findings, waivers, data issues, and where the files are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.cli.screen.common import (
    STYLES,
    count_cell,
    new_table,
    open_console,
    print_hidden_count,
    print_line,
    print_note,
    print_table,
    show_command,
    show_files,
    show_issues,
    show_removed,
    show_waivers_to_review,
    show_what_fits,
    where_to_look,
    width_of,
)
from analyzer.cli.screen.findings import show_by_user, show_due, show_findings, show_in_lines
from analyzer.cli.screen.requirements import show_requirements
from analyzer.controls.vocabulary import JUDGED_KINDS, Outcome, Status, counted
from analyzer.evidence.answer import (
    answer,
    checklist_in_words,
    controls_without_column,
    headline,
    incomplete,
    not_checked_in,
    own_limits,
    scope,
    unknown_age,
)
from analyzer.evidence.coverage import labels_of
from analyzer.evidence.due import due_by_check, due_in_words
from analyzer.evidence.people import comparisons_in_words, passes_of_leavers
from analyzer.evidence.root_passes import ROOT_MFA, passes_without_mfa
from analyzer.evidence.schema import to_pandas
from analyzer.evidence.trend import not_compared, trend_of_all
from analyzer.evidence.worst import DUE, GRAVE, MOST_IN_FULL, MOST_SHOWN, UNUSED
from analyzer.reading.columns import records
from analyzer.reading.layout import Kind

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from rich.console import Console
    from rich.table import Table

    from analyzer.cli.ending import Ending
    from analyzer.controls.checklist import Check, Checklist
    from analyzer.evidence.summary import Summary
    from analyzer.pipeline import Run

_ACCOUNT: Final = 14
"""Width of a column of an account, in characters."""
_KINDS: Final = {Kind.PASSWORD: "passwords", Kind.ACCESS_KEY: "access keys", Kind.CERTIFICATE: "certificates"}
_OUTCOMES: Final = {
    "pass": Outcome.PASS,
    "fail": Outcome.FAIL,
    "not checked": Outcome.NOT_CHECKED,
    "not applicable": Outcome.NOT_APPLICABLE,
    "inactive": Outcome.INACTIVE,
}
_STATUSES: Final = {"fail": Status.FAIL, "not checked": Status.NOT_CHECKED, "pass": Status.PASS}
"""Manual checks have a column of their own, apart from `not checked`, if there are any."""


class _Share(NamedTuple):
    """How many entries of each list, and how many controls, are shown."""

    most: int
    controls: int
    in_full: bool = True
    """Whether credentials are counted by kind, and notes and messages are shown in full."""
    grave: int = MOST_SHOWN
    """How many users with open critical and high findings are shown: all other lists are shortened first."""
    with_extras: bool = True
    """Whether the commands that list all entries, the trend of all controls and an empty line at the top are shown.

    Also the notes on what a pass of `root-mfa` and of `leaver-credentials` means.
    """


class _Due(NamedTuple):
    """How many days ahead checks will fail, and whether these checks are listed."""

    days: int
    is_listed: bool


_EVERYTHING: Final = _Share(MOST_IN_FULL, 1_000, grave=MOST_IN_FULL)
_OPEN: Final = "--status open"
"""The option of `credreport show` that chooses open checks."""


def show_audit(run: Run[Summary], ending: Ending, *, days_ahead: int, lists_due: bool, verbose: bool) -> None:
    """Print the controls, the worst findings, data issues, the answer and where the files are.

    Lists are shortened until everything fits on one screen, that of critical and high findings last. With `verbose`,
    all controls and at most `MOST_IN_FULL` entries of each list are shown.
    Checks that will fail within `days_ahead` are counted, or listed if `lists_due`.
    """
    console = open_console()
    due = _Due(days_ahead, is_listed=lists_due)
    if verbose:
        _show(console, run, ending, _EVERYTHING, due)
        return
    check_count = len(run.summary.checklist.checks)
    shares = [_Share(most, check_count) for most in range(MOST_SHOWN, 0, -1)]
    shares += [_Share(1, most) for most in range(check_count - 1, 2, -1)]
    shares += [_Share(1, most, in_full=False) for most in range(check_count, 0, -1)]
    shares += [_Share(1, most, in_full=False, with_extras=False) for most in range(check_count, 1, -1)]
    shares += [_Share(1, 1, in_full=False, grave=most, with_extras=False) for most in range(MOST_SHOWN, 0, -1)]
    show_what_fits(console, shares, lambda on, share: _show(on, run, ending, share, due))


def _show(console: Console, run: Run[Summary], ending: Ending, share: _Share, due: _Due) -> None:
    """Print all parts of the screen, with lists as long as `share` allows."""
    audit, verbose = run.summary, share is _EVERYTHING
    for line in (scope(audit), *audit.settings.names_in_words, *checklist_in_words(audit.checklist)):
        print_line(console, line, "dim")
    if audit.checklist.unused and share.in_full:
        if verbose:
            console.print()
        _show_kinds(console, audit, verbose=verbose)
    if audit.requirements:
        show_requirements(console, audit, len(audit.requirements) if verbose else share.controls, in_full=verbose)
    if len(audit.checklist.checks) > 1 and (verbose or not audit.requirements):
        if share.with_extras:
            console.print()
        _show_controls(console, run, share)
    _show_worst(console, run, share, verbose=verbose)
    if due.is_listed:
        _show_due(console, run, MOST_IN_FULL if verbose else MOST_SHOWN, due.days)
    _show_waivers(console, run, share.most)
    show_issues(console, audit, run.issues, None if verbose else share.most, in_full=share.in_full)
    if verbose:
        show_files(console, run)
        if others := not_compared(audit):
            console.print()
            print_line(console, others)
    _show_answer(console, run, ending, due, with_extras=share.with_extras)


def _show_answer(console: Console, run: Run[Summary], ending: Ending, due: _Due, *, with_extras: bool) -> None:
    """Print the answer, how many checks will fail soon, the reason of the exit code, and the file to open."""
    audit = run.summary
    counts = audit.unused or audit.totals
    worst = Status.FAIL if counts[Status.FAIL] else Status.NOT_CHECKED if counts[Status.NOT_CHECKED] else Status.PASS
    console.print()
    extra = "" if with_extras else trend_of_all(audit)
    for number, line in enumerate(line for line in headline(audit) if line != extra):
        is_alarm = line == incomplete(audit)
        is_answer = line == answer(audit)
        style = STYLES[Status.FAIL] if is_alarm else STYLES[worst] if is_answer and counts["judged"] else ""
        print_line(console, line, style or ("bold" if number == 0 else ""))
    if age := unknown_age(audit):
        print_line(console, age, STYLES[Status.NOT_CHECKED])
    for line in comparisons_in_words(audit):
        print_line(console, line)
    if with_extras and (note := passes_of_leavers(audit)):
        print_line(console, note, "dim")
    for line in run.strangers:
        print_line(console, f"  {line}", hang=4)
    if not due.is_listed and due_by_check(audit, due.days):
        command = f" ({show_command(run, f'--due-within {due.days}')})" if with_extras and _has_findings(run) else ""
        print_line(console, f"{due_in_words(audit, due.days)}{command}.")
    for line in [] if run.carried is None else run.carried.lines:
        print_line(console, line)
    print_line(console, ending.reason(audit))
    show_removed(console, run)
    print_line(console, where_to_look(run))


def _show_kinds(console: Console, audit: Summary, *, verbose: bool) -> None:
    """Print the outcomes of `unused-credentials` by kind of credential, in a table if it fits, else in lines."""
    doubtful = ["order unknown"] if audit.in_doubt else []
    table = new_table(numbers=("judged", *_OUTCOMES, *doubtful))
    lines = []
    for kind in JUDGED_KINDS:
        counts = {name: audit.count(kind, outcome) for name, outcome in _OUTCOMES.items()}
        for name in doubtful:
            counts[name] = audit.in_doubt_of(kind)
            counts["not checked"] -= counts[name]
        judged = sum(counts[name] for name in _STATUSES)
        cells = [count_cell(count, STYLES.get(_OUTCOMES.get(name, ""), "")) for name, count in counts.items()]
        table.add_row(_KINDS[kind], f"{judged:,}", *cells)
        judged_words, not_judged_words = (
            ", ".join(
                f"{count:,} {name}" for name, count in counts.items() if count and (name in _STATUSES) is is_judged
            )
            for is_judged in (True, False)
        )
        judged_words = f" ({judged_words})" if judged_words else ""
        not_judged_words = f", {not_judged_words}" if not_judged_words else ""
        lines.append(f"  {_KINDS[kind]}: {judged:,} judged{judged_words}{not_judged_words}")
    if verbose and width_of(console, table) <= console.width:
        print_table(console, table)
        return
    for line in lines:
        print_line(console, line)


def _show_controls(console: Console, run: Run[Summary], share: _Share) -> None:
    """Print the outcomes of each control, and its failures in as many accounts as fit.

    Controls with nothing open are only named. If `share` has no room for all others, the least severe are not shown,
    and of equal severity those with the fewest failures; `unused-credentials` is always shown.
    """
    audit = run.summary
    checks, counts = range(len(audit.checklist.checks)), audit.by_control
    is_open = [number for number in checks if any(counts[number][name] for name in ("open", "waived", "manual"))]

    def most_severe_first(number: int) -> tuple[bool, int, int]:
        is_main = number == audit.checklist.unused_position
        return not is_main, audit.checklist.checks[number].severity.code, -counts[number][Status.FAIL]

    by_severity = sorted(is_open, key=most_severe_first)
    shown, hidden = sorted(by_severity[: share.controls]), by_severity[share.controls :]
    if share is _EVERYTHING:
        shown, hidden = list(checks), []
    with_severity = width_of(console, _controls(audit, shown, [], with_severity=True)) <= console.width
    room = console.width - width_of(console, _controls(audit, shown, [], with_severity=with_severity))
    if room < 0:
        _show_controls_in_lines(console, audit, shown)
    elif shown:
        failing = audit.open_matrix[Status.FAIL]
        accounts = [str(account) for account in failing.columns[: room // _ACCOUNT]]
        if len(accounts) == 1 < failing.shape[1]:  # one account of many is of little use
            accounts = []
        print_table(console, _controls(audit, shown, accounts, with_severity=with_severity))
        if accounts:
            columns_in_words = f"the {len(accounts)} accounts with the most failures, of {failing.shape[1]:,}"
            columns_in_words = "each account" if len(accounts) == failing.shape[1] else columns_in_words
            waived = "; waived failures are not counted" if audit.totals["waived"] else ""
            print_note(console, f"Columns on the right: failures in {columns_in_words}{waived}.")
    sentences = [_not_shown(audit, hidden, console.width)] if hidden else []
    sentences += _other_controls(audit, shown, hidden) if share.in_full else []
    notes = [f"{'. '.join(sentences)}."] if sentences else []
    has_root_mfa = any(audit.checklist.checks[number].control.id == ROOT_MFA for number in shown)
    notes += [passes_without_mfa(audit)] if has_root_mfa and share.with_extras else []
    for note in filter(None, [*notes, *_notes_on_limits(run, shown, share)]):
        print_note(console, note)


def _not_shown(audit: Summary, hidden: list[int], width: int) -> str:
    """Return the note on open controls that have no room in the table: the first ones by name, as many as fit a line.

    `hidden` are their positions, the most severe first. If no name fits, controls are only counted.
    """
    names = list(dict.fromkeys(audit.checklist.checks[number].control.id for number in hidden))
    for named in range(len(names), 0, -1):
        listed = ", ".join(names[:named]) + (f" and {len(names) - named:,} more" if named < len(names) else "")
        sentence = f"Not shown: {listed} (--verbose lists all)"
        if len(sentence) + _NOTE_EDGES <= width:
            return sentence
    verb = "is" if len(names) == 1 else "are"
    return f"{counted(len(names), 'more control')} {verb} not shown: --verbose lists all"


_NOTE_EDGES: Final = 3
"""The characters of a note beside its text: the indent, and the full stop."""


def _other_controls(audit: Summary, shown: list[int], hidden: list[int]) -> list[str]:
    """Return sentences on the controls with nothing open, and on those that were not judged."""
    checks, counts = audit.checklist.checks, audit.by_control
    rest = [number for number in range(len(checks)) if number not in {*shown, *hidden}]
    absent = controls_without_column(audit)
    sentences = []
    for text, is_judged in (("All pass", True), ("Nothing to judge", False)):
        ids = [checks[number].control.id for number in rest if bool(counts[number]["judged"]) is is_judged]
        ids = [control for control in dict.fromkeys(ids) if control not in absent]
        sentences += [f"{text}: {', '.join(ids)}"] if ids else []
    sentences += [f"No such column in the reports: {', '.join(absent)}"] if absent else []
    further = audit.checklist.not_asked_for
    not_judged = [f"--all-controls judges {counted(len(further), 'more control')}"] if further else []
    not_judged += [f"{control.id} needs {control.needs}" for control in audit.checklist.lacking_a_list]
    return [*sentences, *(["; ".join(not_judged)] if not_judged else [])]


def _notes_on_limits(run: Run[Summary], shown: list[int], share: _Share) -> list[str]:
    """Return the note on limits that credreport chose, for controls in the table or in the list of grave findings.

    The tightest layout has no room for it.
    """
    if not share.with_extras and share.controls == 1:
        return []
    listed = set(_grave_controls(run, share.grave))
    checks = enumerate(run.summary.checklist.checks)
    named = (check for number, check in checks if number in shown or check.control.id in listed)
    limits = own_limits(named, with_reason=share.in_full)
    return [limits] if limits else []


def _grave_controls(run: Run[Summary], most: int) -> list[str]:
    """Return the controls that are named in the list of the `most` worst users with critical and high findings."""
    if GRAVE not in run.notable:
        return []
    findings = to_pandas(run.notable[GRAVE][0])
    users = findings.groupby(["account_id", "user", "captured_at"], sort=False, dropna=False, observed=True).ngroup()
    return [str(control) for control in findings["control"][users < most].unique()]


def _controls(audit: Summary, shown: list[int], accounts: list[str], *, with_severity: bool) -> Table:
    """Return a table with a row for each of the checks `shown`: outcomes, and failures in each of `accounts`."""
    checklist = audit.checklist
    more = [name for name in ("manual", "waived") if audit.totals[name]]
    names = (*_STATUSES, *more, *accounts)
    framework = checklist.numbers_of
    number_head = framework.heading if framework.parts else f"in {framework.heading}"
    table = new_table(left=("", number_head, *(["severity"] if with_severity else [])), numbers=names)
    failing = audit.open_matrix[Status.FAIL][accounts].to_numpy().tolist()
    for number in shown:
        check, counts, by_account = checklist.checks[number], audit.by_control[number], failing[number]
        cells = [
            *(count_cell(_without_manual(counts, status), STYLES[status]) for status in _STATUSES.values()),
            *(count_cell(counts[name]) for name in more),
            *(count_cell(count, STYLES[Status.FAIL]) for count in by_account),
        ]
        severity = [check.severity.value] if with_severity else []
        numbers = cells if counts["judged"] else ["-"] * len(names)
        table.add_row(check.control.id, _number(check, checklist), *severity, *numbers)
    return table


def _without_manual(counts: dict[str, int], status: Status) -> int:
    return not_checked_in(counts) if status is Status.NOT_CHECKED else counts[status]


def _show_controls_in_lines(console: Console, audit: Summary, shown: list[int]) -> None:
    """Print the outcomes of the checks `shown`, a line each, without outcomes that are 0."""
    for number in shown:
        check, counts = audit.checklist.checks[number], audit.by_control[number]
        numbers = {name: _without_manual(counts, status) for name, status in _STATUSES.items()}
        numbers |= {name: counts[name] for name in ("manual", "waived")}
        words = ", ".join(f"{count:,} {name}" for name, count in numbers.items() if count)
        number_in_brackets = f" ({_number(check, audit.checklist)})" if check.requirement else ""
        nothing = _NOT_IN_REPORTS if check.control.id in controls_without_column(audit) else "nothing to judge"
        print_line(console, f"  {check.control.id}{number_in_brackets}: {words or nothing}")


_NOT_IN_REPORTS: Final = "not judged, no such column in the reports"


def _number(check: Check, checklist: Checklist) -> str:
    """Return the number of a control, with a star if its limits differ from those of the framework."""
    return (check.requirement or "-") + ("*" if checklist.is_changed(check) else "")


def _show_worst(console: Console, run: Run[Summary], share: _Share, *, verbose: bool) -> None:
    """Print the worst findings of the main control, and the critical and high ones of all controls."""
    checklist, several = run.summary.checklist, len(run.summary.checklist.checks) > 1
    worst = {group: (_frame(run.summary, rows), count) for group, (rows, count) in run.notable.items()}
    findings, count = worst[UNUSED]
    title = "Worst first"
    if several and checklist.unused:
        failing = run.summary.open_by_check[checklist.unused_position][Status.FAIL]
        title = f"Unused{' or not checked' if count > failing else ''}, worst first"
    by_control = several and checklist.unused is None
    main = checklist.unused
    options = f"--control {_control_option(main, checklist)} {_OPEN}" if several and main else _OPEN
    has_commands = share.with_extras and _has_findings(run)
    whole = show_command(run, options) if has_commands else ""
    (show_findings if verbose else show_in_lines)(
        console, title, (findings.head(share.most), count), control=by_control, whole=whole
    )
    if GRAVE in worst:
        grave = (worst[GRAVE][0], run.summary.grave_subjects)
        whole = show_command(run, _OPEN) if has_commands else ""
        by_capture, most = run.summary.settings.every_snapshot, share.grave
        show_by_user(console, "Critical and high", grave, most, verbose=verbose, by_capture=by_capture, whole=whole)


def _control_option(check: Check, checklist: Checklist) -> str:
    """Return the value of --control that chooses a check: the id of its control, or its number if it has several."""
    return check.requirement if checklist.has_several_of(check) and check.requirement else check.control.id


def _has_findings(run: Run[Summary]) -> bool:
    """Whether the evidence set has the table from which `credreport show` lists checks."""
    return run.evidence is not None and "findings" in run.evidence.files


def _frame(audit: Summary, rows: pa.Table) -> pd.DataFrame:
    """Return findings as a frame, with the column `account_name` added."""
    findings = to_pandas(rows)
    return findings.assign(account_name=findings["account_id"].astype("object").map(labels_of(audit.coverage)))


def _show_due(console: Console, run: Run[Summary], most: int, days: int) -> None:
    """Print the checks that pass now and will fail within `days`, or that there are none."""
    if DUE in run.notable:
        rows, count = run.notable[DUE]
        show_due(console, (_frame(run.summary, rows).head(most), count), days)
        print_hidden_count(console, most, count, show_command(run, f"--due-within {days}"))
    elif not run.summary.settings.every_snapshot:
        console.print()
        print_line(console, f"{due_in_words(run.summary, days)}.")


def _show_waivers(console: Console, run: Run[Summary], most: int) -> None:
    """Print the waivers that need a review, and those that cover something."""
    audit = run.summary
    show_waivers_to_review(console, run.issues, most)
    covering = [row for row in records(audit.waivers) if row["failing"] or row["not_checked"]]
    if not covering:
        return
    console.print()
    print_line(console, "Waived: not counted for the exit code", "bold")
    for row in covering[:most]:
        manual = audit.waived_manual.get(row["id"], 0)
        numbers = {"failing": row["failing"], "not checked": row["not_checked"] - manual}
        parts = [f"{count:,} {words}" for words, count in numbers.items() if count]
        text = ", ".join([*parts, *([counted(manual, "manual check")] if manual else [])])
        ticket = f" [{row['ticket']}]" if row["ticket"] else ""
        line = f"  {row['id']}: {text} ({row['scope']}) until {row['expires']}; {row['owner']}: {row['reason']}{ticket}"
        print_line(console, line)
    print_hidden_count(console, most, len(covering), "see the workbook, or --json", " waivers")
