"""Which IAM users are which people of a list: by whole names, in any case; what fits several is left undecided."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from analyzer.judging.facts import Facts
from analyzer.judging.snapshots import snapshot_of
from analyzer.judging.subjects import NEVER
from analyzer.judging.truth import Truth
from analyzer.reading.columns import (
    NO_TIME,
    arrow_of,
    coded,
    column_of,
    few_texts,
    microseconds,
    numbered,
    table_of,
    times_from,
    true_where,
)
from analyzer.reading.times import end_of_day, since_epoch
from analyzer.survey.people import LEAVERS, NAMES_COMPARED, PEOPLE, before_at, names_compared

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from analyzer.judging.facts import Micros
    from analyzer.judging.truth import Flags
    from analyzer.reading.normalizing import Tables
    from analyzer.survey.people import PeopleList
    from analyzer.survey.pseudonyms import Pseudonyms

    Rows = npt.NDArray[np.int64]


class Match(StrEnum):
    """What became of a row of a list and an IAM user; in this order, what needs a look first."""

    SEVERAL_PEOPLE = "several_people"
    """Several rows of the list fit the user."""
    SEVERAL_USERS = "several_users"
    """Several users of the account, of different names, fit the row."""
    NOT_IN_LIST = "not_in_list"
    """No row of the list fits the user."""
    NO_USER = "no_user"
    """No user fits the row."""
    MATCHED = "matched"
    """The row fits this user of the account alone, and no other row does."""


LEFT_AT: Final = "left_at"
"""A column of `users`, there where a list of leavers was given: the end of the user's last day."""
IS_UNCLEAR: Final = "is_unclear"
"""A column of `users`, there likewise: `UNCLEAR` where it cannot be decided whether the user is in the list."""
UNCLEAR: Final = "unclear"
_MATCHES: Final = list(Match)
_OF_USER: Final = ("account_id", "user", "captured_at", "source", "line")


@dataclass(frozen=True)
class Lookup:
    """A list of people, laid out to look users up in it.

    `whole` has `name` and `person` (a position in the list) for each user name and e-mail address, in small letters;
    `before_at` has the same for their parts before `@`. `left_at` is the end of the last day of each person in
    microseconds (`NO_TIME`: none). Where users have pseudonyms, `name` has those of such texts.
    """

    whole: pd.DataFrame
    before_at: pd.DataFrame
    left_at: Micros

    @classmethod
    def of(cls, listed: PeopleList, pseudonyms: Pseudonyms | None = None) -> Lookup:
        """Return the lookup of a list; with `pseudonyms`, it has these in the place of names."""
        cells = [
            (text.casefold(), at) for at, one in enumerate(listed.people) for text in (one.user, one.email) if text
        ]
        names, people = zip(*cells, strict=True)
        texts = pa.array(names, pa.string())
        whole, before = (_by_name(one, np.array(people, np.int64), pseudonyms) for one in (texts, before_at(texts)))
        days = [one.last_day for one in listed.people]
        ends = [
            NO_TIME if day is None else since_epoch(end_of_day(datetime.combine(day, time.min, UTC))) for day in days
        ]
        return cls(whole, before, np.array(ends))


def _by_name(names: pa.StringArray, people: Rows, pseudonyms: Pseudonyms | None) -> pd.DataFrame:
    """Return people by name, each pair once; without those whose name is empty."""
    pairs = pd.DataFrame({"name": column_of(names), "person": people})
    pairs = pairs[(pairs["name"] != "").to_numpy(bool)].drop_duplicates()
    if pseudonyms is None:
        return pairs
    return pairs.assign(name=column_of(pa.array(map(pseudonyms.user, pairs["name"]), pa.string())).array)


@dataclass(frozen=True)
class Matched:
    """Pairs of users and people that fit, by row of `users` and then by position in the list.

    `status` has codes of `Match`, positions in the order of its values. `nameless` are rows of IAM users without a
    name: nobody can tell who they are.
    """

    user_row: Rows
    person: Rows
    status: npt.NDArray[np.int8]
    nameless: Flags

    @property
    def is_clear(self) -> Flags:
        """Where a pair is the only one of both."""
        clear: Flags = self.status == _MATCHES.index(Match.MATCHED)
        return clear


def match(users: pd.DataFrame, lookup: Lookup, *, by_capture: bool) -> Matched:
    """Return which users fit which people of a list; root fits nobody.

    A user fits a person whose user name or e-mail address is the user's name, in any case; where there is no such
    person, one whose part before `@` is that of the user's name. A user of several people, and a person of several
    differently named users in one snapshot of an account (see `snapshot_of`), are not decided.
    """
    (names, before), is_user = _names(users), ~true_where(arrow_of(users["is_root"]))
    has_name = np.asarray(names.is_valid())
    rows = np.flatnonzero(is_user & has_name)
    named = pd.DataFrame({"name": column_of(names.take(pa.array(rows))), "user_row": rows})
    exact = named.merge(lookup.whole, on="name")
    rest = named[~np.isin(rows, exact["user_row"])].reset_index(drop=True)
    parts = column_of(before.take(pa.array(rest["user_row"].to_numpy())))
    cut = rest.assign(name=parts).merge(lookup.before_at, on="name")
    pairs = pd.concat([exact, cut]).drop_duplicates(["user_row", "person"]).sort_values(["user_row", "person"])
    user_row, person = (pairs[name].to_numpy(np.int64) for name in ("user_row", "person"))
    name = np.full(len(users), -1)
    name[rows] = pd.factorize(named["name"])[0]
    people = np.bincount(user_row, minlength=1)[user_row]
    in_snapshot = numbered(snapshot_of(users, by_capture=by_capture)[user_row], person)
    distinct = np.unique(np.stack([in_snapshot, name[user_row]]), axis=1)[0]
    several = np.bincount(distinct, minlength=1)[in_snapshot] > 1
    status = np.where(
        people > 1,
        _MATCHES.index(Match.SEVERAL_PEOPLE),
        np.where(several, _MATCHES.index(Match.SEVERAL_USERS), _MATCHES.index(Match.MATCHED)),
    )
    return Matched(user_row, person, status.astype(np.int8), is_user & ~has_name)


def _names(users: pd.DataFrame) -> tuple[pa.StringArray, pa.StringArray]:
    """Return users' names as they are compared, and their parts before `@`; where users have pseudonyms, as such."""
    if NAMES_COMPARED[0] not in users:
        return names_compared(arrow_of(users["user"]))
    whole, before = (arrow_of(users[name]).combine_chunks() for name in NAMES_COMPARED)
    return whole, before


def compared(
    tables: Tables, lookups: Mapping[str, Lookup], as_of: Micros, *, by_capture: bool
) -> tuple[Tables, dict[str, pa.Table]]:
    """Return the tables with what a list of leavers says of each user, and by list what it comes to (see `outcomes`).

    `lookups` are the lists by name. `as_of` is the reference instant of each row of `users` in microseconds;
    `by_capture` as in `match`.
    """
    found = {}
    for name, lookup in lookups.items():
        matched = match(tables.users, lookup, by_capture=by_capture)
        found[name] = outcomes(tables, matched, lookup, as_of, with_others=name == PEOPLE)
        if name == LEAVERS:
            tables = replace(tables, users=_with_leavers(tables.users, matched, lookup))
    return tables, found


def _with_leavers(users: pd.DataFrame, matched: Matched, lookup: Lookup) -> pd.DataFrame:
    """Return the users with the columns `LEFT_AT` and `IS_UNCLEAR`."""
    clear, left_at = matched.is_clear, np.full(len(users), NO_TIME)
    left_at[matched.user_row[clear]] = lookup.left_at[matched.person[clear]]
    unclear = matched.nameless.copy()
    unclear[matched.user_row[~clear]] = True
    columns: dict[str, pd.Series[Any]] = {
        LEFT_AT: column_of(times_from(left_at)),
        IS_UNCLEAR: coded(np.where(unclear, 0, -1), [UNCLEAR]),
    }
    return users.assign(**{name: column.array for name, column in columns.items()})


def used_since(left_at: Micros, used: Micros, known: Flags, seen: Micros) -> Truth:
    """Return whether something was used after its user had left.

    All instants are in microseconds: the end of the last day (`NO_TIME`: none), the last use (`NO_TIME`: none known,
    or never), and that until which uses were `seen`. `known` says where the report tells the last use, or that there
    was none.
    """
    has_left = left_at != NO_TIME
    return Truth(has_left & (used > left_at), has_left & known & (used <= left_at) & (seen >= left_at))


def seen_until(captured: Micros, as_of: Micros) -> Micros:
    """Return until when a report shows uses: its capture, and where that is not known the reference instant."""
    return np.where(captured == NO_TIME, as_of, captured)


def outcomes(tables: Tables, matched: Matched, lookup: Lookup, as_of: Micros, *, with_others: bool) -> pa.Table:
    """Return a row per pair of a person and a user, and `with_others` also per IAM user whom nobody in the list fits.

    The columns are `person` (a position in the list), `status`, `account_id`, `iam_user`, `has_left` (by the reference
    instant), `active_credentials` (how many), `last_used` (the latest use of any of these), `used_after` (the last day;
    null: not known), `captured_at`, `source` and `source_line`.
    """
    users = tables.users
    others = np.zeros(len(users), bool)
    if with_others:
        others = ~true_where(arrow_of(users["is_root"]))
        others[matched.user_row] = False
    alone = np.flatnonzero(others)
    row = np.concatenate([matched.user_row, alone])
    person = np.concatenate([matched.person, np.full(len(alone), -1)])
    status = np.concatenate([matched.status, np.full(len(alone), _MATCHES.index(Match.NOT_IN_LIST), np.int8)])
    active, last_used, known = (column[row] for column in _uses(tables))
    left_at = np.append(lookup.left_at, NO_TIME)[person]  # the last place answers for -1
    seen = seen_until(microseconds(users["captured_at"]), as_of)[row]
    used = used_since(left_at, last_used, known & (active > 0), seen)
    facts = table_of(users, _OF_USER).take(pa.array(row))
    account, name, captured, source, line = facts.columns
    return pa.table(
        {
            "person": pa.array(person, mask=person < 0),
            "status": few_texts(status, _MATCHES).cast(pa.string()),
            "account_id": account.cast(pa.string()),
            "iam_user": name,
            "has_left": pa.array(left_at <= as_of[row], mask=left_at == NO_TIME),
            "active_credentials": pa.array(active.astype(np.int32)),
            "last_used": times_from(last_used),
            "used_after": pa.array(used.yes, mask=used.unknown),
            "captured_at": captured,
            "source": source.cast(pa.string()),
            "source_line": line,
        }
    )


def _uses(tables: Tables) -> tuple[Rows, Micros, Flags]:
    """Return for each user how many credentials are active, the latest use of these, and whether it is known of all."""
    credentials, count = Facts(tables.credentials), len(tables.users)
    active = np.flatnonzero(credentials.flag("active").yes)
    user_row, used = tables.credentials["user_row"].to_numpy()[active], credentials.time("last_used")[active]
    known = (used != NO_TIME) | credentials.among("last_used_state", *NEVER)[active]
    last_used = np.full(count, NO_TIME)
    np.maximum.at(last_used, user_row, used)
    return (
        np.bincount(user_row, minlength=count),
        last_used,
        np.bincount(user_row[~known], minlength=count) == 0,
    )
