"""Compares the reports with the list of accounts: which accounts have a report, and which are missing."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa

from analyzer.controls.vocabulary import counted
from analyzer.errors import first_few
from analyzer.evidence.schema import COVERAGE_OF_AUDIT, plain
from analyzer.reading.columns import records
from analyzer.reading.times import DAY, since_epoch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import pandas as pd

    from analyzer.evidence.settings import Settings
    from analyzer.reading.issues import IssueLog
    from analyzer.survey.organization import ListedAccount, Organization


class PartOf(NamedTuple):
    """The owner whose accounts a summary covers; `shared` reports also have accounts of other owners."""

    owner: str
    shared: int


class Coverage(StrEnum):
    """The state of an account: whether its report was received."""

    MISSING = "missing"
    """The account is active, and no report of it was judged."""
    OLD = "old"
    """The judged report is older than --max-report-age allows, or its age is not known."""
    RECEIVED_TWICE = "received_twice"
    """Several reports of the judged snapshot were given."""
    RECEIVED = "received"
    UNLISTED = "unlisted"
    """A report was judged, but the account is not in the list."""
    SUSPENDED = "suspended"
    CLOSED = "closed"
    """The account is closed or will be closed: no report is expected."""


_NOT_ACTIVE: Final = {
    "SUSPENDED": Coverage.SUSPENDED,
    "CLOSED": Coverage.CLOSED,
    "PENDING_CLOSURE": Coverage.CLOSED,
}
"""Account states that need no report. Every other state, and no state, counts as active."""


def coverage_table(organization: Organization, inputs: pd.DataFrame, settings: Settings) -> pa.Table:
    """Return a row for each listed account, in the order of the list, and then for each other judged account.

    The columns are those of `COVERAGE_OF_AUDIT`.
    """
    judged = _judged(inputs)
    newest = max((time for reports in judged.values() for time, _ in reports if time is not None), default=None)
    reference = settings.as_of or newest
    listed = {account.account_id for account in organization.accounts}
    rows = [_row(account, judged.get(account.account_id, []), reference, settings) for account in organization.accounts]
    rows += [
        _row(None, judged[account], reference, settings) | {"account_id": account}
        for account in sorted(judged, key=lambda number: number or "~")
        if account not in listed
    ]
    return pa.Table.from_pylist(rows, schema=plain(COVERAGE_OF_AUDIT)).cast(COVERAGE_OF_AUDIT)


def _judged(inputs: pd.DataFrame) -> dict[str | None, list[tuple[datetime | None, str]]]:
    """Return for each account the capture times and names of its judged reports; the key None: no known account."""
    reports: dict[str | None, list[tuple[datetime | None, str]]] = {}
    for row, parts in zip(records(inputs[["captured_at", "name"]]), inputs["accounts"], strict=True):
        for part in parts:
            if part["role"] == "judged":
                reports.setdefault(part["account_id"], []).append((row["captured_at"], row["name"]))
    return reports


def _row(
    listed: ListedAccount | None,
    reports: list[tuple[datetime | None, str]],
    reference: datetime | None,
    settings: Settings,
) -> dict[str, Any]:
    """Return the row of an account, without its number if it is not listed."""
    times = [time for time, _ in reports if time is not None]
    captured = max(times, default=None)
    age = None if captured is None or reference is None else max(since_epoch(reference) - since_epoch(captured), 0)
    most = settings.max_report_age
    is_old = most is not None and (age is None or age > most * DAY)
    inactive = None if listed is None else _NOT_ACTIVE.get(listed.state or "")
    if listed is None:
        status = Coverage.UNLISTED
    elif inactive is not None:
        status = inactive
    elif not reports:
        status = Coverage.MISSING
    elif is_old:
        status = Coverage.OLD
    else:
        twice = times.count(captured) > 1 if captured is not None else len(reports) > 1
        status = Coverage.RECEIVED_TWICE if twice else Coverage.RECEIVED
    return {
        **({} if listed is None else listed._asdict()),
        "status": status.value,
        "reports": len(reports),
        "captured_at": captured,
        "age_days": None if age is None else age // DAY,
        "source": min((name for _, name in reports), default=None),
    }


def note_coverage(table: pa.Table, organization: Organization, log: IssueLog) -> None:
    """Add a data issue for each account that is missing, late, received twice or not listed."""
    for row in table.to_pylist():
        status = Coverage(row["status"])
        if status not in _NOTED:
            continue
        code, text = _NOTED[status]
        if status is Coverage.OLD and row["age_days"] is None:
            text = "the capture time of its report is not known, and --max-report-age needs it"
        source = organization.name if status is Coverage.MISSING else row["source"] or organization.name
        words = text.format(**row, file=organization.name)
        log.add(code, f"{spoken(row)}: {words}", source=source, value=row["account_id"])


_NOTED: Final[Mapping[Coverage, tuple[str, str]]] = {
    Coverage.MISSING: (
        "account_without_report",
        "no report of this account was judged: get the report, or note why there is none",
    ),
    Coverage.OLD: ("account_report_old", "its report is {age_days} days old, more than --max-report-age allows"),
    Coverage.RECEIVED_TWICE: ("account_received_twice", "{reports} reports of this account were judged together"),
    Coverage.UNLISTED: ("account_unlisted", "its report was judged, but {file} does not list the account"),
}


def names_of(table: pa.Table) -> dict[str, str]:
    """Return the names of accounts by account number, without accounts that have no name."""
    rows = table.select(["account_id", "name"]).to_pylist()
    return {row["account_id"]: row["name"] for row in rows if row["account_id"] and row["name"]}


def labels_of(table: pa.Table | None) -> dict[str, str]:
    """Return names and owners by account number, such as `payments, team-a`, without accounts that have neither."""
    rows = [] if table is None else table.select(["account_id", "name", "owner"]).to_pylist()
    labels = {row["account_id"]: ", ".join(filter(None, (row["name"], row["owner"]))) for row in rows}
    return {account: label for account, label in labels.items() if account and label}


def about_accounts(table: pa.Table | None) -> Callable[[str], dict[str, str | None]]:
    """Return a function from an account to its name and owner; it returns an empty dict if there is no list."""
    if table is None:
        return lambda _: {}
    rows = {row.pop("account_id"): row for row in table.select(["account_id", "name", "owner"]).to_pylist()}
    return lambda account: rows.get(account, {"name": None, "owner": None})


def spoken(row: Mapping[str, Any]) -> str:
    """Return an account with its name and owner: `111122223333 (payments, owner team-a)`."""
    parts = [row["name"], f"owner {row['owner']}" if row["owner"] else None]
    words = ", ".join(part for part in parts if part)
    return f"{row['account_id'] or 'unknown account'}{f' ({words})' if words else ''}"


def expected(table: pa.Table) -> int:
    """Return the number of accounts that need a report: they are listed and active."""
    others = {Coverage.UNLISTED, Coverage.SUSPENDED, Coverage.CLOSED}
    return sum(status not in others for status in table["status"].to_pylist())


def missing(table: pa.Table) -> list[dict[str, Any]]:
    """Return the accounts that are missing, in the order of the list."""
    names = ("account_id", "name", "owner", "status")
    return [row for row in table.select(names).to_pylist() if row["status"] == Coverage.MISSING]


def coverage_facts(table: pa.Table | None) -> dict[str, Any]:
    """Return the counts and the missing accounts as plain data; empty if no list was given."""
    if table is None:
        return {}
    statuses = Counter(table["status"].to_pylist())
    accounts = [{name: row[name] for name in ("account_id", "name", "owner")} for row in missing(table)]
    counts = {status.value: statuses[status.value] for status in Coverage}
    return {"coverage": {"expected": expected(table), **counts, "missing_accounts": accounts}}


def coverage_in_words(table: pa.Table) -> str:
    """Return the counts in a sentence, such as `Reports of 5 of 6 expected accounts; 1 missing`."""
    statuses = Counter(table["status"].to_pylist())
    received = statuses[Coverage.RECEIVED] + statuses[Coverage.RECEIVED_TWICE] + statuses[Coverage.OLD]
    words = {
        Coverage.MISSING: "missing",
        Coverage.OLD: "with a report that is too old",
        Coverage.RECEIVED_TWICE: "received twice",
        Coverage.UNLISTED: "not in the list",
        Coverage.SUSPENDED: "suspended",
        Coverage.CLOSED: "closed",
    }
    parts = [f"{statuses[status]:,} {text}" for status, text in words.items() if statuses[status]]
    more = f"; {', '.join(parts)}" if parts else ""
    return f"Reports of {received:,} of {counted(expected(table), 'expected account')}{more}."


def missing_accounts(table: pa.Table) -> str:
    """Return how many expected accounts are missing, such as `3 of 240 accounts are missing`; empty if none is."""
    count = len(missing(table))
    return (
        f"{count:,} of {counted(expected(table), 'account')} {'is' if count == 1 else 'are'} missing" if count else ""
    )


def missing_in_words(table: pa.Table) -> str:
    """Return the first missing accounts with names and owners, and the number of the others."""
    return first_few([spoken(row) for row in missing(table)])
