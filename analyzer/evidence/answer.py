"""What an audit says in words: the answer, what it leaves out, and what makes its exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from analyzer.controls.control import Parameter, Severity
from analyzer.controls.vocabulary import Status, counted
from analyzer.errors import first_few, in_words
from analyzer.evidence.coverage import coverage_in_words
from analyzer.evidence.plain import iso
from analyzer.reading.issues import CODES, Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from analyzer.controls.checklist import Check, Checklist
    from analyzer.evidence.summary import Summary, WithIssues


def left_to_a_person(summary: Summary) -> str:
    """Return in words which checks no report can decide, and in how many accounts; empty where there is none."""
    checks, accounts = summary.checklist.checks, summary.manual_accounts
    named = [f"{checks[number].control.id}, {counted(count, 'account')}" for number, count in accounts.items()]
    if not named:
        return ""
    return f"{counted(len(named), 'check')} {'is' if len(named) == 1 else 'are'} left to a person: {'; '.join(named)}."


_NOT_READ: Final = {
    "unreadable_file": ("file or folder could not be read", "files or folders could not be read"),
    "over_limit": ("file is past a limit of size", "files are past a limit of size"),
    "unopened_archive": ("archive could not be read", "archives could not be read"),
    "rejected_row": ("row could not be read", "rows could not be read"),
    "no_rows": ("report has no rows", "reports have no rows"),
    "cut_report": ("report ends in the middle of a row", "reports end in the middle of a row"),
    "order_unknown": ("report stands in unknown order", "reports stand in unknown order"),
    "undated_beside_dated": ("report of unknown date was not judged", "reports of unknown date were not judged"),
    "account_contradicts_name": ("account is without its report", "accounts are without their reports"),
}
"""What is missing where an issue of a code stands, once and several times."""


def headline(summary: Summary) -> list[str]:
    """Return the answer in sentences: what was judged, the unused credentials first, and what was left out."""
    sentences = [incomplete(summary), answer(summary), trend(summary), _left_out(summary)]
    if summary.checklist.unused and len(summary.checklist.checks) > 1:
        sentences.append(something_open(summary))
    sentences += [*not_in_sums(summary), left_to_a_person(summary)]
    return [one for one in sentences if one]


def incomplete(summary: WithIssues) -> str:
    """Return what could not be read; empty where everything could."""
    counts = dict(summary.issue_counts)
    lacking = counts.pop(_LACKING, 0)
    first = [summary.missing_accounts or _missing(_LACKING, lacking)] if lacking else []
    missing = [*first, *(_missing(code, count) for code, count in counts.items() if _is_rejected(code))]
    return f"INCOMPLETE: {'; '.join(missing)}." if missing else ""


_LACKING: Final = "account_without_report"


def _is_rejected(code: str) -> bool:
    return CODES[code].level >= Level.REJECTED


def _missing(code: str, count: int) -> str:
    one, several = _NOT_READ.get(code, (CODES[code].title, CODES[code].title))
    return f"{count:,} {one if count == 1 else several}"


def answer(summary: Summary) -> str:
    """Return the answer in a sentence: on unused credentials where they were judged, else on all users."""
    unused = summary.unused
    if unused is None:
        return something_open(summary)
    judged = unused["judged"] - summary.in_doubt
    undecided = unused[Status.NOT_CHECKED] - summary.in_doubt
    if not judged:
        return f"{_nobody(summary)}No active password or access key to judge."
    limit = counted(summary.checklist.unused.limit_days or 0, "day") if summary.checklist.unused else ""
    return (
        f"{unused[Status.FAIL]:,} of {counted(judged, 'active credential')} unused for {limit} or more; "
        f"{undecided:,} could not be decided; {unused[Status.PASS]:,} pass{_waived(unused)}."
    )


def trend(summary: Summary) -> str:
    """Return in a sentence what has changed since the snapshots before the judged ones; empty where there are none."""
    table, checklist = summary.trend, summary.checklist
    if table is None or not len(table):
        return ""
    ids = [checklist.checks[number].control.id for number in checklist.summed]
    ids = [checklist.unused.control.id] if checklist.unused else ids
    sums = {name: sum(summary.trends[one][name] for one in ids) for name in summary.trends[ids[0]]}
    what = "unused" if checklist.unused else "fail" if len(ids) == 1 else "failures"
    accounts = len(table["account_id"].unique())
    some = (
        f"In {accounts:,} of {counted(len(summary.accounts), 'account')}: " if accounts < len(summary.accounts) else ""
    )
    days = sorted({f"{one:%Y-%m-%d}" for one in table["earlier_captured_at"].unique().to_pylist()})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    # At another instant than its capture the judged one has other counts in the answer above.
    differs = summary.settings.as_of is not None and table["captured_at"].unique().to_pylist() != [
        summary.settings.as_of
    ]
    each = "; each judged at its own capture time" if differs else ""
    unknown = f", {sums['undecided']:,} that cannot be told any more" if sums["undecided"] else ""
    before = f"{sums['open_before']:,} at the snapshot{'' if len(days) == 1 else 's'} before ({when}{each})"
    return f"{some}{sums['open']:,} {what}, {before}: {sums['new']:,} new, {sums['fixed']:,} fixed{unknown}."


def _left_out(summary: Summary) -> str:
    """Return which active credentials are not in the answer, and why."""
    left_out = []
    if later := summary.unused_later:
        left_out.append(f"{counted(later, 'active credential')} made after the reference instant")
    if doubtful := summary.in_doubt:
        left_out.append(f"{counted(doubtful, 'active credential')} in reports whose order is not known")
    if rejected := int(summary.inputs["rejected"].sum()):
        left_out.append(f"what is in {counted(rejected, 'rejected row')}")
    return f"Not in these numbers: {', '.join(left_out)}." if left_out else ""


def _nobody(summary: Summary) -> str:
    """Return what is said where no row of a user was judged."""
    if not summary.rows:
        return "No row was judged. "
    return "Root alone: no IAM users. " if summary.rows == summary.root_rows else ""


def something_open(summary: Summary) -> str:
    """Return in a sentence how many users, roots and accounts have something open, of all controls."""
    checks, found = summary.checklist.checks, summary.open_subjects
    controls = f"{counted(len(summary.checklist.controls), 'control')}:"
    if len(checks) == 1:
        counts = summary.by_control[0]
        undecided = undecided_in(counts)
        controls = (
            f"{checks[0].control.id}: {counts[Status.FAIL]:,} of {counts['judged']:,} fail; {undecided:,} could not be "
            f"decided; {counts[Status.PASS]:,} pass;"
        )
    accounts = found["account_id"].nunique()
    if not accounts:
        return f"{controls} nothing is open{_waived_findings(summary)}."
    sums = summary.open_by_kind
    words = {"user": ("IAM user", ""), "root": ("root user", ""), "account": ("account", " as a whole")}
    who = [f"{counted(sums[kind], word)}{more}" for kind, (word, more) in words.items() if kind in sums]
    times = ", counted once a snapshot" if summary.settings.every_snapshot else ""
    undecided = int(found[Status.NOT_CHECKED.value].sum())
    of_them = "" if undecided == sum(sums.values()) else f" {undecided:,} of them"
    only = f",{of_them} only undecided" if undecided else ""
    where = f"{accounts:,} of {counted(len(summary.accounts), 'account')}"
    has = "has" if who[0].startswith("1 ") and len(who) == 1 else "have"
    return f"{controls} {in_words(who)} in {where} {has} something open{only}{times}{_waived_findings(summary)}."


def undecided_in(counts: Mapping[str, int]) -> int:
    """Return how many findings could not be decided, of counts by status: without those left to a person."""
    return counts[Status.NOT_CHECKED] - counts["manual"]


def to_do_first(summary: Summary, most: int = 5) -> dict[int, int]:
    """Return how much fails and is not waived of the checks to look at first, by position.

    They are the most severe ones that fail, at most so many, those that fail most often first.
    """
    checks, summed = summary.checklist.checks, summary.checklist.summed
    fails = {at: summary.open_by_check[at][Status.FAIL] for at in summed if summary.open_by_check[at][Status.FAIL]}
    order = sorted(fails, key=lambda at: (checks[at].severity.code, -fails[at]))
    return {at: fails[at] for at in order[:most]}


def exit_reason(
    summary: Summary, *, fail_on: Severity = Severity.LOW, strict: bool = False, exit_zero: bool = False
) -> str:
    """Return in a sentence what makes the exit code: see `Summary.exit_code_of`; `exit_zero` turns 1 into 0."""
    code = summary.exit_code_of(fail_on=fail_on, strict=strict)
    if code != 1:
        return exit_without_failures(summary, code, fail_on)
    counting = summary.checklist.counting(fail_on)
    checks = summary.checklist.checks
    failing = [checks[number] for number in counting if summary.open_by_check[number][Status.FAIL]]
    undecided = [checks[number] for number in counting if summary.undecided_of(number)]
    manual = [checks[number] for number in counting if strict and summary.by_control[number]["manual"]]
    return exit_sentence(failing, undecided, manual, exit_zero=exit_zero)


def exit_without_failures(summary: WithIssues, code: int, fail_on: Severity = Severity.LOW) -> str:
    """Return in a sentence what makes the exit code 0, or 3."""
    if code == 3:
        rejected = [one for one in summary.issue_counts if _is_rejected(one)]
        why = "some input could not be read or judged" if rejected else "data issues, which --strict counts"
        why = "reports of expected accounts are missing" if rejected == [_LACKING] else why
        return f"Exit code 3: {why}."
    least = "" if fail_on is Severity.LOW else f" of {fail_on.value} severity or more"
    return f"Exit code 0: nothing{least} is open."


def exit_sentence(
    failing: Sequence[Check], undecided: Sequence[Check], manual: Sequence[Check] = (), *, exit_zero: bool = False
) -> str:
    """Return in a sentence which checks make the exit code 1; `exit_zero` turns it into 0.

    Those `undecided`, and `manual`, left to a person where these count, are named where nothing fails there.
    """
    said = []
    if failing:
        worst = min(failing, key=lambda one: list(Severity).index(one.severity))
        ids = _ids(failing)
        fail = f"{counted(len(ids), 'control')} {'fails' if len(ids) == 1 else 'fail'}"
        said.append(f"{fail} ({worst.control.id} is {worst.severity.value})")
    named = _ids(failing)
    for some, what in ((undecided, "not decided everywhere"), (manual, "left to a person, which --strict counts")):
        ids = [one for one in _ids(some) if one not in named]
        named += ids
        if ids:
            said.append(f"{counted(len(ids), 'control')} {'is' if len(ids) == 1 else 'are'} {what} ({first_few(ids)})")
    return exit_one("; ".join(said), exit_zero=exit_zero)


def exit_one(why: str, *, exit_zero: bool) -> str:
    """Return the sentence on the exit code 1, which `exit_zero` turns into 0."""
    return f"Exit code {'0 by --exit-zero, else 1' if exit_zero else 1}: {why}."


def _ids(checks: Sequence[Check]) -> list[str]:
    return list(dict.fromkeys(one.control.id for one in checks))


def _waived(counts: dict[str, int]) -> str:
    """Return what is added where waivers cover some of what fails or could not be decided."""
    count = counts["waived"]
    if not count:
        return ""
    return f"; {count:,} of those that fail or could not be decided {'is' if count == 1 else 'are'} waived"


def _waived_findings(summary: Summary) -> str:
    """Return what is added to a sentence on users where findings on them are waived, and no other sentence says so."""
    count = 0 if summary.checklist.unused else summary.totals["waived"]
    return f"; {counted(count, 'finding')} {'is' if count == 1 else 'are'} waived" if count else ""


def checklist_in_words(checklist: Checklist) -> list[str]:
    """Return the benchmark, the policy and the changed limits where there are any, a line each."""
    lines = []
    if checklist.benchmark:
        lines.append(f"Benchmark: {checklist.benchmark.title}.")
    if checklist.policy:
        off = f"; switched off: {', '.join(checklist.left_out)}" if checklist.left_out else ""
        lines.append(f"Policy: {checklist.policy.name}, {counted(len(checklist.policy.waivers), 'waiver')}{off}.")
    if checklist.changes:
        lines.append(f"* Set otherwise: {', '.join(checklist.changes)}.")
    return lines


def not_added(checklist: Checklist, counts: Mapping[int, int], what: Callable[[int], str]) -> list[str]:
    """Return the line on checks that sums leave out, as they repeat others: `counts` by position, `what` in words."""
    words = []
    for position, count in counts.items():
        if not count:
            continue
        one = checklist.checks[position]
        if position in checklist.repeated:
            why = f"{one.requirement}: by a limit that is less strict"
        else:
            why = f"a stricter reading of {one.control.stricter_than}"
        words.append(f"{one.control.id}, {what(count)} ({why})")
    return [f"Left out of these sums: {'; '.join(words)}."] if words else []


def not_in_sums(summary: Summary) -> list[str]:
    """Return the line on failures that sums leave out, where there are some: see `not_added`."""
    failing = {number: summary.by_control[number][Status.FAIL] for number in summary.checklist.not_summed}
    return not_added(summary.checklist, failing, "{:,} failing".format)


def own_limits(checks: Iterable[Check]) -> str:
    """Return in a line which limits are this program's choice, where CIS gives none; empty where none is."""
    own = [
        f"{one.parameters[name]} {parameter.meaning.partition(';')[0]} in {one.control.id}"
        for one in checks
        for name, parameter in one.control.parameters.items()
        if isinstance(parameter, Parameter) and parameter.is_own and name not in one.set_by
    ]
    return f"{'; '.join(own)}: this program's choice, CIS gives no number." if own else ""


def scope(summary: Summary) -> str:
    """Return in a line what was judged, and as of when."""
    judged, others = int(summary.inputs["judged"].sum()), summary.other_snapshots
    reports = f"{judged:,} of {counted(len(summary.inputs), 'report')} judged"
    empty = len(summary.inputs) - judged - others
    rest = [counted(others, "other snapshot")] if others else []
    rest += [f"{empty:,} without a row that can be read"] if empty else []
    more = f" ({', '.join(rest)})" if rest else ""
    listed = f" {coverage_in_words(summary.coverage)}" if summary.coverage is not None else ""
    return f"{reference(summary)}. {accounts_in_words(summary)}, {reports}{more}.{listed}"


def unknown_age(summary: Summary) -> str:
    """Return in a line how many judged reports, of unknown capture time, hold times far from the reference instant."""
    older, newer = (summary.issue_counts.get(f"undated_evidence_{which}", 0) for which in ("older", "newer"))
    said = []
    if older and summary.settings.as_of is not None:
        inputs = summary.inputs[summary.inputs["judged"].astype(bool) & summary.inputs["captured_at"].isna()]
        days = (pd.Timestamp(summary.settings.as_of) - inputs["newest_time"].dropna().min()).days
        least = "the newest time in it is" if older == 1 else "the newest times in them are up to"
        said.append(
            f"{counted(older, 'report')} of unknown age: {least} {counted(days, 'day')} before the reference instant"
        )
    if newer:
        said.append(f"{counted(newer, 'report')} of unknown age with times after the reference instant")
    return f"{'; '.join(said)}." if said else ""


def accounts_of(summary: Summary) -> tuple[int, bool]:
    """Return how many accounts the reports are known to be of, and whether there are rows that tell none."""
    return summary.known_accounts, summary.some_unknown


def accounts_in_words(summary: Summary) -> str:
    """Return the number of accounts as a reader needs it."""
    known, some_unknown = accounts_of(summary)
    if some_unknown:
        return f"{counted(known, 'account')} and at least one unknown" if known else "account unknown"
    return counted(known, "account") if known else "no accounts"


def reference(summary: Summary) -> str:
    """Return in words the instant, or the instants, at which reports were judged."""
    if summary.settings.as_of is not None:
        return f"As of {spoken(summary.settings.as_of)}"
    instants = summary.reference_instants
    if not instants:
        return "Nothing judged"
    first, last = f"{instants[0]:%Y-%m-%d}", f"{instants[-1]:%Y-%m-%d}"
    return f"Each report as of its own capture, {first if first == last else f'{first} to {last}'}"


def spoken(instant: datetime) -> str:
    """Return an instant for readers: the last microsecond of a day, which stands for a date, as the end of that day."""
    return f"the end of {instant:%Y-%m-%d}, UTC" if instant.microsecond == 999_999 else str(iso(instant))


def settings_in_lines(summary: Summary) -> list[str]:
    """Return what was chosen, a line each, in the words of the options."""
    settings, checklist = summary.settings, summary.checklist
    policy = checklist.policy
    lists = {"accounts": settings.accounts, "leavers": settings.leavers, "people": settings.people}
    return [
        *settings.names_in_words,
        f"as-of: {iso(settings.as_of) or 'each report at its own capture time'}",
        f"controls: {', '.join(checklist.controls)}",
        f"benchmark: {checklist.benchmark.id if checklist.benchmark else 'none chosen'}",
        f"set otherwise: {', '.join(checklist.changes) or 'nothing'}",
        f"switched off: {', '.join(checklist.left_out) or 'nothing'}",
        f"policy: {f'{policy.name}, sha256 {policy.sha256}' if policy else 'none'}",
        f"every-snapshot: {'yes' if settings.every_snapshot else 'no'}",
        f"account-id: {settings.account_id or 'none given'}",
        *(f"{name}: {one[0]}, sha256 {one[1]}" for name, one in lists.items() if one),
    ]
