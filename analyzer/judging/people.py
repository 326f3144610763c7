"""Match IAM users with the people in a list by whole names, ignoring case.

A match with several users or several people is not decided.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from analyzer.judging.facts import TypedColumns
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
    from analyzer.reading.normalizing import TypedTables
    from analyzer.survey.people import PeopleList
    from analyzer.survey.pseudonyms import Pseudonyms

    Rows = npt.NDArray[np.int64]


class Match(StrEnum):
    """The result of matching a row of the list and an IAM user; what needs attention comes first."""

    SEVERAL_PEOPLE = "several_people"
    """Several rows of the list match the user."""
    SEVERAL_USERS = "several_users"
    """Several users of one account, with different names, match the row."""
    NOT_IN_LIST = "not_in_list"
    """No row of the list matches the user."""
    NO_USER = "no_user"
    """No user matches the row."""
    MATCHED = "matched"
    """The row matches only this user of the account, and no other row matches the user."""


LEFT_AT: Final = "left_at"
"""A column of `users` if a list of leavers is given: the end of the user's last day."""
IS_UNCLEAR: Final = "is_unclear"
"""A column of `users` if a list of leavers is given: `UNCLEAR` if the match with the list is not clear."""
UNCLEAR: Final = "unclear"
_MATCHES: Final = list(Match)
_OF_USER: Final = ("account_id", "user", "captured_at", "source", "line")


@dataclass(frozen=True)
class Lookup:
    """A list of people as tables in which users are looked up.

    `whole` has `name` and `person` (the position in the list) for each user name and e-mail address, in small letters.
    `before_at` has the same for the parts before `@`. `left_at` is the end of each person's last day in microseconds
    (`NO_TIME` if there is none). If users have pseudonyms, `name` has the pseudonyms of these texts.
    """

    whole: pd.DataFrame
    before_at: pd.DataFrame
    left_at: Micros

    @classmethod
    def of(cls, listed: PeopleList, pseudonyms: Pseudonyms | None = None) -> Lookup:
        """Return the lookup for a list; with `pseudonyms`, it has pseudonyms instead of names."""
        cells = [
            (text.casefold(), at)
            for at, person in enumerate(listed.people)
            for text in (person.user, person.email)
            if text
        ]
        names, people = zip(*cells, strict=True)
        texts = pa.array(names, pa.string())
        positions = np.array(people, np.int64)
        whole, before = _by_name(texts, positions, pseudonyms), _by_name(before_at(texts), positions, pseudonyms)
        days = [person.last_day for person in listed.people]
        ends = [
            NO_TIME if day is None else since_epoch(end_of_day(datetime.combine(day, time.min, UTC))) for day in days
        ]
        return cls(whole, before, np.array(ends))


def _by_name(names: pa.StringArray, people: Rows, pseudonyms: Pseudonyms | None) -> pd.DataFrame:
    """Return each pair of name and person once; empty names are left out."""
    pairs = pd.DataFrame({"name": column_of(names), "person": people})
    pairs = pairs[(pairs["name"] != "").to_numpy(bool)].drop_duplicates()
    if pseudonyms is None:
        return pairs
    return pairs.assign(name=column_of(pa.array(map(pseudonyms.user, pairs["name"]), pa.string())).array)


@dataclass(frozen=True)
class Matched:
    """Pairs of users and people that match, sorted by row of `users`, then by position in the list.

    `status` has the positions of the values of `Match`. `nameless` marks IAM users without a name, which nobody can
    match.
    """

    user_row: Rows
    person: Rows
    status: npt.NDArray[np.int8]
    nameless: Flags

    @property
    def is_clear(self) -> Flags:
        """Where a user matches only one person, and the person only this user."""
        clear: Flags = self.status == _MATCHES.index(Match.MATCHED)
        return clear


def match(users: pd.DataFrame, lookup: Lookup, *, by_capture: bool) -> Matched:
    """Return which users match which people of a list; root matches nobody.

    A user matches a person if the name of the IAM user is the user name or the e-mail address of the person, ignoring
    case. If there is no such person, the parts before `@` are compared. The match is not clear if a user matches
    several people, or if a person matches several users with different names in one snapshot (see `snapshot_of`).
    """
    (names, before), is_user = _names(users), ~true_where(arrow_of(users["is_root"]))
    has_name = np.asarray(names.is_valid())
    rows = np.flatnonzero(is_user & has_name)
    named_users = pd.DataFrame({"name": column_of(names.take(pa.array(rows))), "user_row": rows})
    exact = named_users.merge(lookup.whole, on="name")
    unmatched_users = named_users[~np.isin(rows, exact["user_row"])].reset_index(drop=True)
    parts = column_of(before.take(pa.array(unmatched_users["user_row"].to_numpy())))
    cut = unmatched_users.assign(name=parts).merge(lookup.before_at, on="name")
    pairs = pd.concat([exact, cut]).drop_duplicates(["user_row", "person"]).sort_values(["user_row", "person"])
    user_row, person = (pairs[name].to_numpy(np.int64) for name in ("user_row", "person"))
    name = np.full(len(users), -1)
    name[rows] = pd.factorize(named_users["name"])[0]
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
    """Return the names to compare and their parts before `@`, or the pseudonyms of both if users have pseudonyms."""
    if NAMES_COMPARED[0] not in users:
        return names_compared(arrow_of(users["user"]))
    whole, before = (arrow_of(users[name]).combine_chunks() for name in NAMES_COMPARED)
    return whole, before


def compared(
    tables: TypedTables, lookups: Mapping[str, Lookup], as_of: Micros, *, by_capture: bool
) -> tuple[TypedTables, dict[str, pa.Table]]:
    """Return the tables with the columns of the list of leavers, and the outcomes of each list (see `outcomes`).

    `lookups` has the lists by name. `as_of` is the reference date of each row of `users` in microseconds; `by_capture`
    is as in `match`.
    """
    outcomes_by_list = {}
    for name, lookup in lookups.items():
        matched = match(tables.users, lookup, by_capture=by_capture)
        outcomes_by_list[name] = outcomes(tables, matched, lookup, as_of, with_others=name == PEOPLE)
        if name == LEAVERS:
            tables = replace(tables, users=_with_leavers(tables.users, matched, lookup))
    return tables, outcomes_by_list


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


def used_since(left_at: Micros, used: Micros, is_use_known: Flags, shown_until: Micros) -> Truth:
    """Return whether a credential was used after its user had left.

    All times are in microseconds: `left_at` is the end of the last day (`NO_TIME` if there is none), `used` the last
    use (`NO_TIME` if never or not known), and `shown_until` the time until which the report shows uses. `is_use_known`
    marks where the report shows the last use, or shows that there was none. A report until the end of the last day,
    such as one of which only that date is known, shows nothing of the time after it.
    """
    has_left = left_at != NO_TIME
    return Truth(has_left & (used > left_at), has_left & is_use_known & (used <= left_at) & (shown_until > left_at))


def seen_until(captured: Micros, as_of: Micros) -> Micros:
    """Return until when a report shows uses: its capture time, or the reference date if that is not known."""
    return np.where(captured == NO_TIME, as_of, captured)


def outcomes(tables: TypedTables, matched: Matched, lookup: Lookup, as_of: Micros, *, with_others: bool) -> pa.Table:
    """Return a row per pair of a person and a user; `with_others`, also a row per IAM user who matches nobody.

    The columns are `person` (the position in the list), `status`, `account_id`, `iam_user`, `has_left` (by the
    reference date), `active_credentials` (their number), `last_used` (their latest use), `used_after` (whether they
    were used after the last day; null if not known), `captured_at`, `source` and `source_line`.
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
    active, last_used, are_uses_known = (column[row] for column in _uses(tables))
    left_at = np.append(lookup.left_at, NO_TIME)[person]  # the value at the end is for person -1
    shown_until = seen_until(microseconds(users["captured_at"]), as_of)[row]
    used = used_since(left_at, last_used, are_uses_known & (active > 0), shown_until)
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


def _uses(tables: TypedTables) -> tuple[Rows, Micros, Flags]:
    """Return the number of active credentials of each user, their latest use, and whether all their uses are known."""
    credentials, count = TypedColumns(tables.credentials), len(tables.users)
    active = np.flatnonzero(credentials.flag("active").yes)
    user_row, used = tables.credentials["user_row"].to_numpy()[active], credentials.time("last_used")[active]
    is_use_known = (used != NO_TIME) | credentials.among("last_used_state", *NEVER)[active]
    last_used = np.full(count, NO_TIME)
    np.maximum.at(last_used, user_row, used)
    return (
        np.bincount(user_row, minlength=count),
        last_used,
        np.bincount(user_row[~is_use_known], minlength=count) == 0,
    )
