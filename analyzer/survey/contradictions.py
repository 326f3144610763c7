"""Find reports whose name contains another account than their rows: the report of the named account may be missing.

A collector that cannot assume the role in an account may save the report of its own account under the other's name.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.survey.accounts import UNKNOWN
from analyzer.survey.names import account_hint, named_account

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from analyzer.reading.issues import IssueLog
    from analyzer.survey.entry import Entry

_NAMED_AFTER_OTHERS: Final = frozenset({"aws-us-gov", "aws-cn"})
"""Partitions whose accounts are linked to an account in the partition `aws`, which often names the files."""


class _Suspect(NamedTuple):
    """A report that is named after an account but has no row of this account.

    `folder` is the folder with the account in its name, or None. `by` describes where the account comes from.
    """

    entry: Entry
    account: str
    folder: str | None
    by: str = "the account in the name"


def note_contradicted_names(entries: Sequence[Entry], log: IssueLog) -> None:
    """Note the reports whose names contradict their rows; `entries` includes copies.

    The report is rejected (exit code 3) if the inputs contain no report of the named account.
    """
    suspects = list(_suspects(entries))
    if not suspects:
        return
    accounts_of_folder = _accounts_of({suspect.folder for suspect in suspects if suspect.folder is not None}, entries)
    named_accounts = {suspect.account for suspect in suspects}
    reports_of: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        for number in {number for _, number in entry.accounts} & named_accounts:
            reports_of[number].append(entry)
    for suspect in suspects:
        if suspect.folder is None or len(accounts_of_folder[suspect.folder]) == 1:
            _note(suspect, reports_of[suspect.account], log)


def _suspects(entries: Sequence[Entry]) -> Iterator[_Suspect]:
    """Yield the reports that are named after an account but have no row of this account."""
    account_ids = {number for entry in entries for _, number in entry.accounts - {UNKNOWN}}
    for entry in entries:
        numbers = {number for _, number in entry.accounts - {UNKNOWN}}
        # Rows without an ARN get their account from the name, so they never contradict it.
        if not numbers or entry.account_hint in numbers:
            continue
        if entry.account_hint is not None and entry.account_hint != account_hint(entry.name):
            yield _Suspect(entry, entry.account_hint, None, "the account id beside the report")
            continue
        account_and_folder = named_account(entry.name, account_ids)
        if account_and_folder is not None and account_and_folder[0] not in numbers:
            yield _Suspect(entry, *account_and_folder)


def _accounts_of(folders: set[str], entries: Iterable[Entry]) -> dict[str, set[str]]:
    """Return, for each of `folders`, the accounts of the reports below it."""
    accounts: dict[str, set[str]] = {folder: set() for folder in folders}
    if not accounts:
        return accounts
    for entry in entries:
        numbers = {number for _, number in entry.accounts - {UNKNOWN}}
        end = entry.name.find("/")
        while end >= 0:
            if (folder := entry.name[:end]) in accounts:
                accounts[folder] |= numbers
            end = entry.name.find("/", end + 1)
    return accounts


def _note(suspect: _Suspect, reports: Iterable[Entry], log: IssueLog) -> None:
    entry = suspect.entry
    rows = ", ".join(sorted({number for _, number in entry.accounts - {UNKNOWN}}))
    contradiction = f"{suspect.by} is {suspect.account}, but the rows belong to {rows}"
    if any(_is_as_new(report, entry) for report in reports):
        message = f"{contradiction}; correct it (the inputs also contain the report of {suspect.account})"
        log.add("account_named_otherwise", message, source=entry.name)
    elif any(partition in _NAMED_AFTER_OTHERS for partition, _ in entry.accounts):
        message = f"{contradiction}; in this partition, files are often named after the linked account: if this one is "
        message += f"not, get the report of {suspect.account}"
        log.add("account_named_otherwise", message, source=entry.name)
    else:
        log.add(
            "account_contradicts_name",
            f"{contradiction}, and the inputs contain no report of {suspect.account}; download that report again (a "
            "collector that cannot assume the role in an account may save the report of its own account instead)",
            source=entry.name,
        )


def _is_as_new(report: Entry, entry: Entry) -> bool:
    """Return whether `report` is as new as `entry` or newer; unknown capture times count as new."""
    return report.captured_at is None or entry.captured_at is None or report.captured_at >= entry.captured_at
