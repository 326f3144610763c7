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
_WANTED: Final = "give the output of `aws organizations list-accounts`, or a CSV with a column account"
_EXAMPLE: Final = "an account number has 12 digits, such as 111122223333; a spreadsheet may have cut leading zeros"


def read_organization(path: Path) -> Organization:
    """Read a list of accounts. Raises AccountsError if the file cannot be read or is not such a list."""
    return parse_organization(str(path), bytes_at("--accounts", path, AccountsError))


def parse_organization(name: str, data: bytes) -> Organization:
    """Return the list in the bytes of a file. Raises AccountsError if they are not such a list."""
    text = text_of(name, data, AccountsError)
    rows = _of_json(name, text) if text.lstrip()[:1] in {"{", "["} else _of_csv(name, text)
    found: dict[str, tuple[str, ListedAccount]] = {}
    for place, row in rows:
        _add(found, name, place, row)
    if not found:
        raise AccountsError(
            f"{name}: the list contains no account", "give a list of the accounts whose reports you expect"
        )
    return Organization(name, hashlib.sha256(data).hexdigest(), tuple(one for _, one in found.values()))


def _add(found: dict[str, tuple[str, ListedAccount]], name: str, place: str, row: Mapping[str, str | None]) -> None:
    """Add an account and its place to `found`, by its number. Pages may overlap if their entries are equal."""
    account = (row["account_id"] or "").replace("-", "")
    if not re.fullmatch(ACCOUNT_ID, account):
        raise AccountsError(f"{name}:{place}: not an AWS account number: {row['account_id']!r}", _EXAMPLE)
    state = row.get("state")
    others = {field: text for field, text in row.items() if field not in {"account_id", "state"}}
    one = ListedAccount(account, **others, state=state.upper().replace(" ", "_") if state else None)
    first, known = found.setdefault(account, (place, one))
    if known != one:
        raise AccountsError(
            f"{name}:{place}: account {account} is listed with other details in line {first}", "remove the wrong entry"
        )


def _of_json(name: str, text: str) -> Iterator[tuple[str, dict[str, str | None]]]:
    """Yield the accounts of one or more JSON pages, each with its place in the file."""
    decoder, at = json.JSONDecoder(), 0
    while rest := text[at:].lstrip():
        start = len(text) - len(rest)
        try:
            page, at = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            line = getattr(error, "lineno", text.count("\n", 0, start) + 1)
            raise AccountsError(
                f"{name}:{line}: not valid JSON: {error}", "give the output of `aws organizations list-accounts`"
            ) from error
        line = text.count("\n", 0, start) + 1
        for number, one in enumerate(_in_page(page, f"{name}:{line}"), start=1):
            place = f"{line} (account {number} of the page)"
            yield place, {field: _first_text(one, keys, f"{name}:{place}") for field, keys in _KEYS.items()}


def _in_page(page: Any, place: str) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - whatever JSON holds
    """Yield the accounts of a page, of a list of pages, or of a list of accounts."""
    if isinstance(page, dict) and isinstance(page.get("Accounts"), list):
        page = page["Accounts"]
    for one in page if isinstance(page, list) else [page]:
        if isinstance(one, dict) and isinstance(one.get("Accounts"), list):
            yield from _in_page(one, place)
        elif isinstance(one, dict) and "Id" in one:
            yield one
        else:
            raise AccountsError(
                f'{place}: not a list of accounts: there is no "Accounts", and no account with an "Id"',
                _WANTED,
            )


def _first_text(one: Mapping[str, Any], keys: Iterable[str], place: str) -> str | None:
    for key in keys:
        value = one.get(key)
        if value is not None:
            if not isinstance(value, str):
                raise AccountsError(f"{place} {key}: not a text: {value!r}", "put it in quotes")
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
    plain = [plain_heading(one) for one in header]
    columns = {
        field: plain.index(next(one for one in names if one in plain))
        for field, names in _HEADINGS.items()
        if any(one in plain for one in names)
    }
    if "account_id" not in columns:
        near = did_you_mean("account_id", header)
        there = in_order(header)
        raise AccountsError(
            f"{name}:1: no column with account numbers; the columns are {there}{near}",
            "name the column account, account_id or id; optional columns: name, email, owner, ou, environment, status",
        )
    return columns
