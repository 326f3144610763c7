"""Replace the names in reports, rows and lists by pseudonyms. Each distinct text is hashed once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.reading.arns import match_arns
from analyzer.reading.columns import (
    NULL_TEXT,
    arrow_of,
    coded,
    codes_in,
    column_of,
    few_texts_of,
    lower_case,
    true_where,
)
from analyzer.reading.layout import SLOTS
from analyzer.reading.normalizing import TypedTables
from analyzer.reading.unpivot import unpivot
from analyzer.survey.organization import STATES
from analyzer.survey.people import NAMES_COMPARED, PeopleLists, names_compared
from analyzer.survey.services import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from analyzer.survey.entry import Entry
    from analyzer.survey.organization import Organization
    from analyzer.survey.pseudonyms import Pseudonyms

Alike = dict[str, list[str]]
"""For each pattern of `Pseudonyms`, the pseudonyms of the matching users."""

_REGION: Final = (
    r"^(?:(?:us|ca|mx|sa|eu|me|af|il|ap|cn|us-gov|us-iso[a-z]?|eu-iso[a-z]?|eusc-de)-"
    r"(?:north|south|central)?(?:east|west)?-\d|aws-global)$"
)
"""Names of AWS regions; every other text in a region column is replaced."""


def entry_under(pseudonyms: Pseudonyms, entry: Entry) -> Entry:
    """Return a report with pseudonyms; it is still read from its original file."""
    account_of, facts = pseudonyms.account_of, entry.facts
    return replace(
        entry,
        name=pseudonyms.source(entry.name),
        accounts=frozenset(map(account_of, entry.accounts)),
        facts=facts and replace(facts, rows={account_of(account): count for account, count in facts.rows.items()}),
        rivals=entry.rivals
        and {account_of(account): pseudonyms.source(name) for account, name in entry.rivals.items()},
    )


def organization_under(pseudonyms: Pseudonyms, organization: Organization) -> Organization:
    """Return a list of accounts with pseudonyms, sorted by them; the account states of AWS stay as they are."""
    accounts = []
    for account in organization.accounts:
        texts = {
            name: pseudonyms.of(name, text)
            for name in ("name", "email", "owner", "ou", "environment")
            if (text := getattr(account, name)) is not None
        }
        if account.state is not None and account.state not in STATES:
            texts["state"] = pseudonyms.of("state", account.state)
        accounts.append(account._replace(account_id=pseudonyms.account(account.account_id), **texts))
    return replace(
        organization,
        name=pseudonyms.file("accounts", organization.name),
        accounts=tuple(sorted(accounts, key=lambda account: account.account_id)),
    )


def people_under(pseudonyms: Pseudonyms, lists: PeopleLists) -> PeopleLists:
    """Return lists of people with pseudonyms; the order, lines and last days stay as they are.

    A user name gets the pseudonym of the IAM user with this name.
    """
    shown = {}
    for name, listed in lists.by_name.items():
        users = lower_case(pa.chunked_array([[person.user for person in listed.people]], pa.string())).to_pylist()
        people = tuple(
            person._replace(
                user=None if user is None else pseudonyms.user(user),
                email=None if person.email is None else pseudonyms.of("email", person.email.casefold()),
            )
            for person, user in zip(listed.people, users, strict=True)
        )
        shown[name] = replace(listed, name=pseudonyms.file(name, listed.name), people=people)
    return PeopleLists(**shown)


def tables_under(pseudonyms: Pseudonyms, tables: TypedTables) -> tuple[TypedTables, Alike]:
    """Return the rows of reports with pseudonyms, and the users that match the patterns of a policy.

    The sources already have pseudonyms.
    """
    users = tables.users
    names = _Users(pseudonyms, users)
    shown: dict[str, Any] = {
        "user": column_of(names.of_users),
        "arn": column_of(names.of_arns),
        "account_id": _with_pseudonyms(users["account_id"], pseudonyms.account),
        "partition": _with_pseudonyms(users["partition"], pseudonyms.partition),
        "path": _with_pseudonyms(users["path"], pseudonyms.path),
        "additional_credentials_info": column_of(
            _hashed(
                arrow_of(users["additional_credentials_info"]).combine_chunks(),
                lambda text: pseudonyms.of("text", text),
            )
        ),
    }
    for slot in SLOTS:
        if slot.region in users:
            shown[str(slot.region)] = _unless_known(pseudonyms, "region", users[slot.region])
        if slot.service in users:
            shown[str(slot.service)] = _unless_known(pseudonyms, "service", users[slot.service])
    if pseudonyms.with_people:
        whole, before = names_compared(arrow_of(users["user"]))
        hashed = _hashed(pa.chunked_array([whole, before]).combine_chunks(), pseudonyms.user)
        shown |= dict(zip(NAMES_COMPARED, map(column_of, (hashed[: len(users)], hashed[len(users) :])), strict=True))
    users = users.assign(**shown)
    return TypedTables(users, unpivot(users), tables.reports), names.alike(dict(pseudonyms.patterns))


class _Users:
    """The pseudonyms of the users and ARNs of rows."""

    def __init__(self, pseudonyms: Pseudonyms, users: pd.DataFrame) -> None:
        user, arn = (arrow_of(users[name]).combine_chunks() for name in ("user", "arn"))
        parts = match_arns(arn, user)
        # Nearly every name is in both columns, and is hashed once.
        names = lower_case(pa.chunked_array([user, parts["name"]])).dictionary_encode()
        self._names = names.dictionary
        self._pseudonyms = pa.array([pseudonyms.user(name) for name in self._names.to_pylist()], pa.string())
        pseudonyms_of_names = self._pseudonyms.take(names.indices)
        self.of_users, in_arns = pseudonyms_of_names[: len(user)], pseudonyms_of_names[len(user) :]
        whole = pc.binary_join_element_wise(
            "arn:",
            _hashed(parts["partition"], pseudonyms.partition),
            ":iam::",
            _hashed(parts["account"], pseudonyms.account),
            pc.if_else(
                in_arns.is_valid(),
                pc.binary_join_element_wise(":user", _hashed(parts["path"], pseudonyms.path), in_arns, ""),
                ":root",
            ),
            "",
        )
        other_arns = pc.if_else(parts["whole"], NULL_TEXT, arn)
        self.of_arns = pc.if_else(parts["whole"], whole, _hashed(other_arns, lambda text: pseudonyms.of("arn", text)))

    def alike(self, patterns: Mapping[str, str]) -> Alike:
        """Return the pseudonyms of the users that match each pattern."""
        return {
            pattern: self._pseudonyms.filter(pc.match_substring_regex(self._names, regex)).to_pylist()
            for pattern, regex in patterns.items()
        }


def _hashed(texts: pa.StringArray, pseudonym: Callable[[str], str]) -> pa.StringArray:
    """Return the pseudonym of each text; null stays null."""
    encoded = texts.dictionary_encode()
    return pa.array(map(pseudonym, encoded.dictionary.to_pylist()), pa.string()).take(encoded.indices)


def _with_pseudonyms(column: pd.Series[Any], pseudonym: Callable[[str], str]) -> pd.Series[Any]:
    """Return a category column with pseudonyms in place of its texts; the categories are sorted."""
    texts = pa.array([*map(pseudonym, column.cat.categories), None], pa.string())  # the last one is for code -1
    column_of_pseudonyms = few_texts_of(texts, column.cat.codes.to_numpy().astype("int64") % len(texts))
    return coded(codes_in(column_of_pseudonyms), column_of_pseudonyms.dictionary.to_pylist())


def _unless_known(pseudonyms: Pseudonyms, kind: str, column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column of AWS regions or services; every other text is replaced by a pseudonym."""
    texts = pa.array(column.cat.categories.tolist(), pa.string())
    is_known = pc.match_substring_regex(texts, _REGION) if kind == "region" else pc.is_in(texts, pa.array(SERVICES))
    known_texts = set(texts.filter(pa.array(true_where(is_known))).to_pylist())
    return _with_pseudonyms(column, lambda text: text if text in known_texts else pseudonyms.of(kind, text))
