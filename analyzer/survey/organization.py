"""Read the list of expected accounts: the output of AWS Organizations, or a CSV from the auditor.

The JSON is that of `aws organizations list-accounts` (AWS CLI Command Reference); a file may contain several pages. A
CSV needs a column with account numbers. Columns with names, e-mail addresses, states, owners, organizational units (OU)
and environments are optional. Every error names the file and the line, and the column where there is one.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analyzer.errors import AccountsError, did_you_mean
from analyzer.reading.layout import ACCOUNT_ID
from analyzer.survey.lists import bytes_at, csv_rows, in_order, plain_heading, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path


class ListedAccount(NamedTuple):
    """An account in the list; a field is None if the list does not have it."""

    account_id: str
    name: str | None = None
    email: str | None = None
    owner: str | None = None
    ou: str | None = None
    environment: str | None = None
    state: str | None = None
    """The state in upper case, as AWS writes it, such as ACTIVE or SUSPENDED; None counts as active."""


@dataclass(frozen=True)
class Organization:
    """A list of accounts, in the order of the file."""

    name: str
    """The path of the file, as the user gave it."""
    sha256: str
    accounts: tuple[ListedAccount, ...]


_HEADINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "account_id": ("account", "accountid", "accountnumber", "accountno", "awsaccount", "awsaccountid", "id"),
    "name": ("name", "accountname"),
    "email": ("email", "emailaddress", "accountemail"),
    "owner": ("owner", "accountowner"),
    "ou": ("ou", "oupath", "organizationalunit"),
    "environment": ("environment", "env"),
    "state": ("state", "status", "accountstatus", "accountstate"),
}
"""Accepted column names of a CSV, in lower case with letters only; the first one found is used."""
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "account_id": ("Id",),
    "name": ("Name",),
    "email": ("Email",),
    "state": ("State", "Status"),
}
"""The keys of the same fields in the JSON of AWS; `State` has replaced `Status`."""
STATES: Final = frozenset({"ACTIVE", "PENDING_ACTIVATION", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"})
"""The account states of AWS Organizations."""
_FORMS: Final = "give the output of `aws organizations list-accounts`, or a CSV with a column account"
_EXAMPLE: Final = "an account number has 12 digits, such as 111122223333; a spreadsheet may have cut leading zeros"


def read_organization(path: Path) -> Organization:
    """Read a list of accounts. Raises AccountsError if the file cannot be read or is not such a list."""
    return parse_organization(str(path), bytes_at("--accounts", path, AccountsError))


def parse_organization(name: str, data: bytes) -> Organization:
    """Return the list in the bytes of a file. Raises AccountsError if they are not such a list."""
    text = text_of(name, data, AccountsError)
    rows = _of_json(name, text) if text.lstrip()[:1] in {"{", "["} else _of_csv(name, text)
    accounts: dict[str, tuple[str, ListedAccount]] = {}
    for location, row in rows:
        _add(accounts, name, location, row)
    if not accounts:
        raise AccountsError(
            f"{name}: the list contains no account", "give a list of the accounts whose reports you expect"
        )
    return Organization(name, hashlib.sha256(data).hexdigest(), tuple(account for _, account in accounts.values()))


def _add(
    accounts: dict[str, tuple[str, ListedAccount]], name: str, location: str, row: Mapping[str, str | None]
) -> None:
    """Add an account and its location to `accounts`, by its number. Pages may overlap if their entries are equal."""
    account = (row["account_id"] or "").replace("-", "")
    if not re.fullmatch(ACCOUNT_ID, account):
        raise AccountsError(f"{name}:{location}: not an AWS account number: {row['account_id']!r}", _EXAMPLE)
    state = row.get("state")
    details = {field: text for field, text in row.items() if field not in {"account_id", "state"}}
    listed = ListedAccount(account, **details, state=state.upper().replace(" ", "_") if state else None)
    first_location, first_entry = accounts.setdefault(account, (location, listed))
    if first_entry != listed:
        raise AccountsError(
            f"{name}:{location}: account {account} is listed with other details in line {first_location}",
            "remove the wrong entry",
        )


def _of_json(name: str, text: str) -> Iterator[tuple[str, dict[str, str | None]]]:
    """Yield the accounts of one or more JSON pages, each with its location in the file."""
    decoder, position = json.JSONDecoder(), 0
    while remaining := text[position:].lstrip():
        start = len(text) - len(remaining)
        try:
            page, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            line = getattr(error, "lineno", text.count("\n", 0, start) + 1)
            raise AccountsError(
                f"{name}:{line}: not valid JSON: {error}", "give the output of `aws organizations list-accounts`"
            ) from error
        line = text.count("\n", 0, start) + 1
        for number, entry in enumerate(_in_page(page, f"{name}:{line}"), start=1):
            location = f"{line} (account {number} of the page)"
            yield location, {field: _first_text(entry, keys, f"{name}:{location}") for field, keys in _KEYS.items()}


def _in_page(page: Any, location: str) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - whatever JSON holds
    """Yield the accounts of a page, of a list of pages, or of a list of accounts."""
    if isinstance(page, dict) and isinstance(page.get("Accounts"), list):
        page = page["Accounts"]
    for entry in page if isinstance(page, list) else [page]:
        if isinstance(entry, dict) and isinstance(entry.get("Accounts"), list):
            yield from _in_page(entry, location)
        elif isinstance(entry, dict) and "Id" in entry:
            yield entry
        else:
            raise AccountsError(
                f'{location}: not a list of accounts: there is no "Accounts", and no account with an "Id"',
                _FORMS,
            )


def _first_text(entry: Mapping[str, Any], keys: Iterable[str], location: str) -> str | None:
    for key in keys:
        value = entry.get(key)
        if value is not None:
            if not isinstance(value, str):
                raise AccountsError(f"{location} {key}: not a text: {value!r}", "put it in quotes")
            return value.strip() or None
    return None


def _of_csv(name: str, text: str) -> Iterator[tuple[str, dict[str, str | None]]]:
    """Yield the accounts of a CSV, each with its line."""
    rows = csv_rows(name, text, AccountsError)
    columns = _columns(name, next(rows, (1, []))[1])
    for line, cells in rows:
        yield (
            str(line),
            {field: (cells[at] or None) if at < len(cells) else None for field, at in columns.items()},
        )


def _columns(name: str, header: list[str]) -> dict[str, int]:
    """Return the position of each known column. Raises AccountsError if there is no column with accounts."""
    plain = [plain_heading(heading) for heading in header]
    columns = {
        field: plain.index(next(accepted for accepted in names if accepted in plain))
        for field, names in _HEADINGS.items()
        if any(accepted in plain for accepted in names)
    }
    if "account_id" not in columns:
        suggestion = did_you_mean("account_id", header)
        listed = in_order(header)
        raise AccountsError(
            f"{name}:1: no column with account numbers; the columns are {listed}{suggestion}",
            "name the column account, account_id or id; optional columns: name, email, owner, ou, environment, status",
        )
    return columns
