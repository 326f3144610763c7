"""The result of an audit in sentences: the answer, and what it leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from analyzer.controls.control import Parameter
from analyzer.controls.vocabulary import Reason, Status, counted, span
from analyzer.errors import first_few, in_words
from analyzer.evidence.counted import UNKNOWN_ACCOUNT
from analyzer.evidence.coverage import coverage_in_words
from analyzer.evidence.plain import iso
from analyzer.evidence.trend import trend, trend_of_all
from analyzer.reading.issues import CODES, Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from analyzer.controls.checklist import Check, Checklist
    from analyzer.evidence.summary import Summary
    from analyzer.evidence.with_issues import WithIssues


def manual_checks(summary: Summary) -> str:
    """Return the number of manual checks, with their controls and accounts; an empty text if there are none."""
    checks, account_counts = summary.checklist.checks, summary.manual_accounts
    if not account_counts:
        return ""
    count = sum(account_counts.values())
    controls = [
        f"{checks[position].control.id} in {counted(accounts, 'account')}"
        for position, accounts in account_counts.items()
    ]
    return f"{counted(count, 'manual check')}: {', '.join(controls)}."


_NOT_READ: Final = {
    "unreadable_file": ("file or folder could not be read", "files or folders could not be read"),
    "over_limit": ("file exceeds a size limit", "files exceed a size limit"),
    "unopened_archive": ("archive could not be read", "archives could not be read"),
    "rejected_row": ("row could not be read", "rows could not be read"),
    "no_rows": ("report has no rows", "reports have no rows"),
    "cut_report": ("report ends in the middle of a row", "reports end in the middle of a row"),
    "order_unknown": ("report could not be put in order of time", "reports could not be put in order of time"),
    "undated_beside_dated": ("report of unknown date was not judged", "reports of unknown date were not judged"),
    "account_contradicts_name": (
        "account has no report, because the file with its number is of another account",
        "accounts have no report, because the files with their numbers are of other accounts",
    ),
}
"""What is missing because of a data issue, by its code: the words for one and for several."""


def headline(summary: Summary) -> list[str]:
    """Return the answer in sentences: unreadable input, unused credentials, the trend, and what is not counted."""
    sentences = [incomplete(summary), answer(summary), old_reports(summary), trend(summary)]
    sentences += [trend_of_all(summary), _left_out(summary)]
    if summary.checklist.unused and len(summary.checklist.checks) > 1:
        sentences.append(something_open(summary))
    sentences += [*not_in_sums(summary), manual_checks(summary)]
    return [sentence for sentence in sentences if sentence]


def incomplete(summary: WithIssues) -> str:
    """Return a sentence on the input that could not be read; an empty text if all of it was read."""
    counts = dict(summary.issue_counts)
    missing_count = counts.pop(LACKING, 0)
    first = [summary.missing_accounts or _missing(LACKING, missing_count)] if missing_count else []
    missing = [*first, *(_missing(code, count) for code, count in counts.items() if is_rejected(code))]
    return f"INCOMPLETE: {'; '.join(missing)}." if missing else ""


LACKING: Final = "account_without_report"


def is_rejected(code: str) -> bool:
    """Return whether a data issue is an input that was not read or judged."""
    return CODES[code].level >= Level.REJECTED


def _missing(code: str, count: int) -> str:
    singular, plural = _NOT_READ.get(code, (CODES[code].of(1), CODES[code].of(2)))
    return f"{count:,} {singular if count == 1 else plural}"


def answer(summary: Summary) -> str:
    """Return the answer in a sentence: on unused credentials if they were judged, otherwise on all controls."""
    unused = summary.unused
    if unused is None:
        return something_open(summary)
    judged = unused["judged"] - summary.in_doubt
    not_checked = unused[Status.NOT_CHECKED] - summary.in_doubt
    if not judged:
        return f"{_nobody(summary)}No active password or access key to judge."
    limit = counted(summary.checklist.unused.limit_days or 0, "day") if summary.checklist.unused else ""
    return (
        f"{unused[Status.FAIL]:,} of {credentials_in_words(judged)} unused for {limit} or more"
        f"{_in_accounts(summary)}; "
        f"{not_checked:,} not checked; {unused[Status.PASS]:,} pass{_waived(unused)}."
    )


def credentials_in_words(count: int) -> str:
    """Return a number of credentials that `unused-credentials` judges, with its noun."""
    if count == 1:
        return "1 active password or access key of an IAM user"
    return f"{count:,} active passwords and access keys of IAM users"


def _in_accounts(summary: Summary) -> str:
    """Return in how many accounts credentials are unused; empty if there is only one account, or none is unused."""
    accounts = int((summary.matrix[Status.FAIL].iloc[summary.checklist.unused_position] > 0).sum())
    if not accounts or len(summary.accounts) == 1:
        return ""
    return f", in {accounts:,} of {counted(len(summary.accounts), 'account')}"


def old_reports(summary: Summary) -> str:
    """Return a sentence on judged reports that are older than the limit for unused credentials; empty if none is."""
    latest = latest_old_capture(summary)
    if latest is None:
        return ""
    judged = _judged(summary)
    old = judged[judged["captured_at"] <= latest].sort_values("captured_at")
    if old.empty:
        return ""
    as_of, limit = summary.settings.as_of, summary.checklist.old_report_days
    accounts = old["account_id"].fillna("unknown account")
    report_list = first_few(
        [f"{account} ({time:%Y-%m-%d})" for account, time in zip(accounts, old["captured_at"], strict=True)]
    )
    than = "newest report" if as_of is None else "reference date"
    verb, pronoun, has = ("is", "it", "has") if len(old) == 1 else ("are", "they", "have")
    count, total = _unused_of(summary, set(old["account_id"]), set(judged["account_id"].drop(old.index)))
    shown = f", and {has} {count:,} of the {total:,} unused" if count else ""
    return (
        f"{counted(len(old), 'report')} {verb} older than the {than} by {counted(limit, 'day')} or more: "
        f"{report_list}; {pronoun} cannot show what happened later{shown}."
    )


def _unused_of(summary: Summary, accounts: set[str], others: set[str]) -> tuple[int, int]:
    """Return the number of unused credentials of these accounts, and of all; 0 and 0 if they cannot be told apart.

    That is so if reports of these accounts are also among those of the `others`, or if an account is not known.
    """
    if accounts & others or not all(map(pd.notna, accounts)):
        return 0, 0
    failures = summary.matrix[Status.FAIL].iloc[summary.checklist.unused_position]
    return int(failures[failures.index.isin(accounts)].sum()), int(failures.sum())


def latest_old_capture(summary: Summary) -> pd.Timestamp | None:
    """Return the latest capture time of an old report: older than the reference date by the limit in days or more.

    Without a reference date, the newest judged report counts in its place. None if unused credentials were not judged,
    or if no capture time is known.
    """
    unused, captured = summary.checklist.unused, _judged(summary)["captured_at"].dropna()
    if unused is None or captured.empty:
        return None
    as_of = summary.settings.as_of
    newest: pd.Timestamp = captured.max() if as_of is None else pd.Timestamp(as_of)
    return newest - pd.Timedelta(days=summary.checklist.old_report_days)


def _judged(summary: Summary) -> pd.DataFrame:
    return summary.inputs[summary.inputs["judged"].astype(bool)]


def _left_out(summary: Summary) -> str:
    """Return which active credentials the answer does not count, and why."""
    left_out = []
    if later := summary.unused_later:
        left_out.append(f"{credentials_in_words(later)} created after the reference date")
    if doubtful := summary.in_doubt:
        left_out.append(f"{credentials_in_words(doubtful)} in reports whose order is not known")
    if rejected := int(summary.inputs["rejected"].sum()):
        left_out.append(counted(rejected, "rejected row"))
    return f"Not in these numbers: {', '.join(left_out)}." if left_out else ""


def _nobody(summary: Summary) -> str:
    """Return the reason why there is no credential of an IAM user to judge; empty if there are IAM users."""
    if not summary.rows:
        return "No row was judged. "
    return "Only root, no IAM users. " if summary.rows == summary.root_rows else ""


def something_open(summary: Summary) -> str:
    """Return how many IAM users, root users and accounts have an open check, then how many controls judged something.

    These are two sentences; if the run judges one control, one sentence with the numbers of the control first.
    """
    checks, what_is_open = summary.checklist.checks, f"{_what_is_open(summary)}{_waived_findings(summary)}."
    if len(checks) > 1:
        return f"{what_is_open[0].upper()}{what_is_open[1:]} {_controls_judged(summary)}."
    if absence := columns_absent(summary):
        return f"{absence}: {what_is_open}"
    counts = summary.by_control[0]
    return (
        f"{checks[0].control.id}: {counts[Status.FAIL]:,} of {counts['judged']:,} fail; "
        f"{not_checked_in(counts):,} not checked; {counts[Status.PASS]:,} pass; {what_is_open}"
    )


def _what_is_open(summary: Summary) -> str:
    open_subjects = summary.open_subjects
    accounts = open_subjects["account_id"].nunique()
    if not accounts:
        return "nothing is open"
    sums = summary.open_by_kind
    times = ", counted once per snapshot" if summary.settings.every_snapshot else ""
    where = f"{accounts:,} of {counted(len(summary.accounts), 'account')}"
    undecided = open_subjects[open_subjects[Status.NOT_CHECKED.value] > 0]
    verb = "has" if sum(sums.values()) == 1 else "have"
    if undecided.empty:
        result = "open checks"
    elif int(undecided[Status.NOT_CHECKED.value].sum()) == sum(sums.values()):
        result = "open checks, all of them not checked"
    else:
        result = f"open checks ({_without_failure(undecided, len(summary.accounts))})"
    return f"{in_words(_subjects(summary))}, in {where}, {verb} {result}{times}"


def _without_failure(undecided: pd.DataFrame, accounts: int) -> str:
    """Return in words which subjects have open checks but no failure; `undecided` are their rows of `open_subjects`.

    If all are in one of several `accounts`, it is named.
    """
    sums = undecided.groupby("kind")[Status.NOT_CHECKED.value].sum().to_dict()
    endings = {"user": ("IAM user", ""), "root": ("root user", ""), "account": ("account", " as a whole")}
    subjects = [f"{counted(int(sums[kind]), noun)}{end}" for kind, (noun, end) in endings.items() if kind in sums]
    names = undecided["account_id"].unique().tolist()
    account = "the unknown account" if names[0] == UNKNOWN_ACCOUNT else f"account {names[0]}"
    where = f" in {account}" if len(names) == 1 < accounts else ""
    if where and set(sums) == {"account"}:
        subjects, where = [f"{account} as a whole"], ""
    verb = "has" if sum(sums.values()) == 1 else "have"
    return f"{in_words(subjects)}{where} {verb} no failure, only checks that are not checked"


def _subjects(summary: Summary) -> list[str]:
    """Return in words how many IAM users, root users and accounts have open checks, without those that have none."""
    sums, accounts = summary.open_by_kind, len(summary.accounts)
    users, roots = summary.rows - summary.root_rows, summary.root_rows
    of_accounts = roots == accounts and not summary.settings.every_snapshot
    words = {
        "user": f"{{:,}} of {counted(users, 'IAM user')}",
        "root": f"root of {{:,}} of {counted(accounts, 'account')}",
        "account": "{:,} " + ("account" if sums.get("account") == 1 else "accounts") + " as a whole",
    }
    if not of_accounts:
        words["root"] = f"{{:,}} of {counted(roots, 'root user')}"
    elif accounts == 1:
        words["root"] = "root"
    return [text.format(sums[kind]) for kind, text in words.items() if kind in sums]


def _controls_judged(summary: Summary) -> str:
    """Return in words how many controls judged something, and which had nothing to judge."""
    controls, pairs = summary.checklist.controls, zip(summary.checklist.checks, summary.by_control, strict=True)
    judged = {check.control.id for check, counts in pairs if counts["judged"]}
    absent = controls_without_column(summary)
    others = [control for control in controls if control not in judged and control not in absent]
    names = in_words(others) if len(others) < 3 else f"{len(others):,} others"
    parts = [f"{names} {'has' if len(others) == 1 else 'have'} nothing to judge"] if others else []
    parts += [columns_absent(summary)] if absent else []
    return "; ".join([f"{counted(len(judged), 'control')} judged", *parts])


def controls_without_column(summary: Summary) -> list[str]:
    """Return the controls that judged nothing because no judged report has the column that they need.

    The reports do not show what these controls look for. That is not the same as nothing to judge.
    """
    findings = summary.findings_counted
    is_absent = findings.because(Reason.COLUMN_NOT_IN_REPORT)
    positions = set(findings.check[is_absent].tolist()) - set(findings.check[~is_absent].tolist())
    return [summary.checklist.checks[position].control.id for position in sorted(positions)]


def columns_absent(summary: Summary) -> str:
    """Return in words which controls no judged report has the column for; empty if there are none."""
    absent = controls_without_column(summary)
    reports = "the report has" if len(_judged(summary)) == 1 else "the reports have"
    return _not_judged(summary.checklist, absent, f"{reports} no column") if absent else ""


def _not_judged(checklist: Checklist, controls: Sequence[str], why: str) -> str:
    """Return in words that these controls are not judged, and `why`: a text to which the columns are added."""
    columns = dict.fromkeys(
        column for check in checklist.checks if check.control.id in controls for column in check.control.evidence
    )
    return f"{in_words(controls)} {'is' if len(controls) == 1 else 'are'} not judged: {why} {in_words(list(columns))}"


def without_column_in_words(checklist: Checklist, controls: Sequence[str], snapshots: str) -> list[str]:
    """Return the line on controls that judged nothing because `snapshots` have no column for them, if there are any."""
    return [f"{_not_judged(checklist, controls, f'{snapshots} have no column')}."] if controls else []


def not_checked_in(counts: Mapping[str, int]) -> int:
    """Return how many checks are not checked, without manual checks; `counts` are by status."""
    return counts[Status.NOT_CHECKED] - counts["manual"]


def to_do_first(summary: Summary, most: int = 5) -> dict[int, int]:
    """Return the controls to look at first, by position, with the number of their failures that are not waived.

    These are at most `most` controls: the most severe first, and the most frequent first within a severity. The main
    control `unused-credentials` is always one of them if it fails.
    """
    failures, checklist = _failures(summary), summary.checklist
    order = sorted(failures, key=lambda at: (checklist.checks[at].severity.code, -failures[at]))
    if checklist.unused and checklist.unused_position in order[most:]:
        order = [*order[: most - 1], checklist.unused_position]
    return {at: failures[at] for at in order[:most]}


def further_to_do(summary: Summary, most: int = 5) -> str:
    """Return in words how many controls fail beside those of `to_do_first`; empty if none does."""
    count = len(_failures(summary)) - most
    return f"and {counted(count, 'more control')} that {'fails' if count == 1 else 'fail'}" if count > 0 else ""


def _failures(summary: Summary) -> dict[int, int]:
    """Return the number of failures that are not waived by position of the check, without zeros and repetitions."""
    counts = {at: summary.open_by_check[at][Status.FAIL] for at in summary.checklist.summed}
    return {at: count for at, count in counts.items() if count}


def _waived(counts: dict[str, int]) -> str:
    """Return the end of the answer on waived credentials; empty if none is waived."""
    count, both = counts["waived"], counts[Status.FAIL] + counts[Status.NOT_CHECKED]
    if not count:
        return ""
    which = f"{both:,} unused" if not counts[Status.NOT_CHECKED] else f"{both:,} unused or not checked"
    number = "all" if count == both and both > 1 else f"{count:,}"
    return f"; {number} of the {which} {'is' if count == 1 else 'are'} waived"


def _waived_findings(summary: Summary) -> str:
    """Return the end of a sentence on waived checks; empty if none is waived, or if `answer` counts them."""
    count = 0 if summary.checklist.unused else summary.totals["waived"]
    return f"; {counted(count, 'check')} {'is' if count == 1 else 'are'} waived" if count else ""


def checklist_in_words(checklist: Checklist) -> list[str]:
    """Return one line each for the framework, the policy and the changed settings, if there are any."""
    lines = []
    if checklist.benchmark:
        lines.append(f"Framework: {checklist.benchmark.title}.")
    if checklist.policy:
        off = f"; switched off: {', '.join(checklist.left_out)}" if checklist.left_out else ""
        lines.append(f"Policy: {checklist.policy.name}, {counted(len(checklist.policy.waivers), 'waiver')}{off}.")
    if checklist.changes:
        lines.append(f"* Changed settings: {', '.join(checklist.changes)}.")
    return lines


def not_added(checklist: Checklist, counts: Mapping[int, int], count_in_words: Callable[[int], str]) -> list[str]:
    """Return the line on controls that repeat others and are not added to sums; no line if all `counts` are 0.

    `counts` are by position in the checklist; `count_in_words` gives the words for a count.
    """
    words = []
    for position, count in counts.items():
        if not count:
            continue
        check = checklist.checks[position]
        if position in checklist.repeated:
            reason = f"{check.requirement} has a less strict limit"
        else:
            reason = f"a stricter version of {check.control.stricter_than}"
        words.append(f"{check.control.id}, {count_in_words(count)} ({reason})")
    return [f"Not added to these sums: {'; '.join(words)}."] if words else []


def not_in_sums(summary: Summary) -> list[str]:
    """Return the line on failures that are not added to sums, if there are any: see `not_added`."""
    failing = {position: summary.by_control[position][Status.FAIL] for position in summary.checklist.not_summed}
    return not_added(summary.checklist, failing, "{:,} failing".format)


def own_limits(checks: Iterable[Check], *, with_reason: bool = True) -> str:
    """Return a line on the limits that credreport chose because CIS gives none; empty if there are none.

    Without `with_reason`, the line is shorter.
    """
    own = [
        f"{check.parameters[name]} {parameter.meaning.partition(';')[0]} in {check.control.id}"
        for check in checks
        for name, parameter in check.control.parameters.items()
        if isinstance(parameter, Parameter) and parameter.is_own and name not in check.set_by
    ]
    reason = ", because CIS gives no number" if with_reason else ""
    return f"{'; '.join(own)}: chosen by credreport{reason}." if own else ""


def scope(summary: Summary) -> str:
    """Return a line on the reference date, the accounts and the reports that were judged."""
    listed = f" {coverage_in_words(summary.coverage)}" if summary.coverage is not None else ""
    return f"{reference(summary)}. {accounts_in_words(summary)}{_reports_in_words(summary)}.{listed}"


def _reports_in_words(summary: Summary) -> str:
    """Return how many reports were judged, whether these are the newest of each account, and how many were not."""
    inputs, as_of = summary.inputs, summary.settings.as_of
    judged = inputs[inputs["judged"].astype(bool)]
    others, reports = summary.other_snapshots, counted(len(inputs), "report")
    empty = len(inputs) - len(judged) - others
    unreadable = f", {empty:,} {'has' if empty == 1 else 'have'} no readable row" if empty else ""
    if not others:
        return f", {len(judged):,} of {reports} judged{unreadable}"
    accounts, times = judged["account_id"], inputs["captured_at"]
    is_one_each = accounts.notna().all() and accounts.nunique() == len(accounts) == len(summary.accounts)
    is_until = as_of is None or bool((judged["captured_at"] <= pd.Timestamp(as_of)).all())
    is_newest = is_one_each and is_until and not summary.settings.every_snapshot and bool(times.notna().all())
    is_older = is_newest and (as_of is None or bool((times <= pd.Timestamp(as_of)).all()))
    noun = ("older one" if is_older else "other") + ("" if others == 1 else "s")
    left = f"{others:,} {noun} {'is' if others == 1 else 'are'} not{unreadable}"
    until = "" if is_older else " up to then"
    if not is_newest:
        return f"; {len(judged):,} of {reports} {'is' if len(judged) == 1 else 'are'} judged, {left}"
    newest = f"its newest report{until}" if len(accounts) == 1 else f"the newest report{until} of each"
    return f"; {newest} is judged ({len(judged):,} of {reports}), {left}"


def unknown_age(summary: Summary) -> str:
    """Return a line on judged reports of unknown capture time with times far from the reference date."""
    older, newer = (summary.issue_counts.get(f"undated_evidence_{which}", 0) for which in ("older", "newer"))
    parts = []
    if older and summary.settings.as_of is not None:
        inputs = summary.inputs[summary.inputs["judged"].astype(bool) & summary.inputs["captured_at"].isna()]
        days = (pd.Timestamp(summary.settings.as_of) - inputs["newest_time"].dropna().min()).days
        newest = "the newest time in it is" if older == 1 else "the newest times in them are up to"
        parts.append(
            f"{counted(older, 'report')} of unknown age: {newest} {counted(days, 'day')} before the reference date"
        )
    if newer:
        parts.append(f"{counted(newer, 'report')} of unknown age with times after the reference date")
    return f"{'; '.join(parts)}." if parts else ""


def accounts_of(summary: Summary) -> tuple[int, bool]:
    """Return the number of known accounts in the judged rows, and whether some rows have no known account."""
    return summary.known_accounts, summary.some_unknown


def accounts_in_words(summary: Summary) -> str:
    """Return the number of accounts in words, such as `3 accounts and at least one unknown`."""
    account_count, some_unknown = accounts_of(summary)
    if some_unknown:
        return f"{counted(account_count, 'account')} and at least one unknown" if account_count else "account unknown"
    return counted(account_count, "account") if account_count else "no accounts"


def reference(summary: Summary) -> str:
    """Return in words the reference date, or the span of capture times at which reports were judged."""
    if summary.settings.as_of is not None:
        return f"Judged as of {spoken(summary.settings.as_of)}"
    instants = summary.reference_instants
    if not instants:
        return "Nothing judged"
    days = span(f"{instants[0]:%Y-%m-%d}", f"{instants[-1]:%Y-%m-%d}")
    return f"Each report is judged at its capture time ({days})"


def spoken(instant: datetime) -> str:
    """Return an instant for readers; the last microsecond of a day stands for a date: `the end of 2026-10-31, UTC`."""
    return f"the end of {instant:%Y-%m-%d}, UTC" if instant.microsecond == 999_999 else str(iso(instant))


def no_framework(checklist: Checklist) -> str:
    """Return that no framework was chosen, and whose numbers are shown beside the controls."""
    return f"none chosen (numbers shown: {checklist.numbers_of.heading})"


def settings_in_lines(summary: Summary) -> list[str]:
    """Return the settings of the run, one line each, under the names of the options."""
    settings, checklist = summary.settings, summary.checklist
    policy = checklist.policy
    lists = {"accounts": settings.accounts, "leavers": settings.leavers, "people": settings.people}
    return [
        *settings.names_in_words,
        f"as-of: {spoken(settings.as_of) if settings.as_of else 'each report at its own capture time'}",
        f"controls chosen: {', '.join(checklist.controls)}",
        f"benchmark: {checklist.benchmark.id if checklist.benchmark else no_framework(checklist)}",
        f"changed settings: {', '.join(checklist.changes) or 'none'}",
        f"switched off: {', '.join(checklist.left_out) or 'none'}",
        f"policy: {f'{policy.name}, sha256 {policy.sha256}' if policy else 'none'}",
        f"every-snapshot: {'yes' if settings.every_snapshot else 'no'}",
        f"account-id: {settings.account_id or 'none given'}",
        *(f"{name}: {listed[0]}, sha256 {listed[1]}" for name, listed in lists.items() if listed),
    ]
