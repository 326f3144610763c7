"""The policy's waivers, put to the findings: which failures each covers, and which waivers need a look."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.vocabulary import Status, counted
from analyzer.reading.columns import NO_TIME, codes_in, few_texts, frame_of, lower_case, micros_of, table_of, true_where
from analyzer.reading.times import DAY, since_epoch

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import numpy.typing as npt

    from analyzer.controls.checklist import Checklist
    from analyzer.controls.policy import Waiver
    from analyzer.reading.issues import IssueLog

_SOON: Final = 30
"""Days before its end from which a waiver is reported."""
_NOWHERE: Final = -2
"""A code that no row has."""
_MATCHED: Final = ("account_id", "credential", "control")
"""Columns of few texts that a waiver may name a value of."""
_FEW: Final = (*_MATCHED, "status")
_LOOKED_AT: Final = (*_FEW, "user", "as_of", "waiver")
_COUNTED: Final = ["failing", "not_checked", "bare", "last"]
_COLUMNS: Final = ("id", "state", "failing", "not_checked", "scope", "reason", "owner", "expires", "ticket", "line")


@dataclass(frozen=True)
class Covered:
    """What the waivers of a policy cover of some findings.

    `counts` has a row per waiver: `failing` and `not_checked`, which it covers; `bare`, which it matches and no
    waiver covers; `last`, the latest reference instant of what it matches. `newest` is that of all the findings.
    Instants are in microseconds, `NO_TIME` for none.
    """

    counts: pd.DataFrame
    newest: int


def nothing_covered() -> Covered:
    """Return what no waivers cover."""
    return Covered(pd.DataFrame([], columns=_COUNTED, dtype="int64"), NO_TIME)


def apply_waivers(
    findings: pd.DataFrame, checklist: Checklist, accounts: Collection[str], log: IssueLog
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `findings` with `waiver` filled in, and what `describe_waivers` says (see `cover`)."""
    findings, covered = cover(findings, checklist)
    return findings, describe_waivers(covered, checklist, accounts, log)


def cover(findings: pd.DataFrame, checklist: Checklist) -> tuple[pd.DataFrame, Covered]:
    """Return `findings` with `waiver` filled in, and what the checklist's waivers cover (see `cover_table`)."""
    table, covered = cover_table(table_of(findings, _LOOKED_AT), checklist)
    return (findings.assign(waiver=frame_of({"": table["waiver"]})[""]) if checklist.waivers else findings), covered


def cover_table(
    findings: pa.Table, checklist: Checklist, alike: Mapping[str, Collection[str]] = MappingProxyType({})
) -> tuple[pa.Table, Covered]:
    """Return `findings` with `waiver` filled in, and what the checklist's waivers cover.

    `alike` has the users that a waiver's `user` stands for, where it is no name or pattern of names itself.

    A waiver covers what fails or could not be decided; the status stays. It counts to the end of its last day, as
    seen from each finding's own reference instant; where two match, the first one in the policy counts.
    """
    waivers = checklist.waivers
    if not waivers:
        return findings, nothing_covered()
    newest = int(micros_of(findings["as_of"]).max(initial=NO_TIME))
    texts = {name: _one_chunk(findings[name]) for name in _FEW}
    status = codes_in(texts["status"])
    fail, not_checked = (_code(texts["status"], one) for one in (Status.FAIL, Status.NOT_CHECKED))
    open_rows = np.flatnonzero((status == fail) | (status == not_checked))
    found = _Found(findings, texts, open_rows, alike)
    covering = np.full(len(open_rows), -1, np.int32)
    matches = []
    for number, one in enumerate(waivers):
        matched = found.matched_by(one)
        matches.append(matched)
        free = matched[covering[matched] < 0]
        covering[free[found.as_of[free] <= since_epoch(one.end)]] = number
    failing = status[open_rows] == fail
    fails, undecided = (np.bincount(covering[kind] + 1, minlength=len(waivers) + 1)[1:] for kind in (failing, ~failing))
    bare = [int((covering[matched] < 0).sum()) for matched in matches]
    last = [int(found.as_of[matched].max(initial=NO_TIME)) for matched in matches]
    codes = np.full(len(findings), -1, np.int32)
    codes[open_rows] = covering
    named = few_texts(codes, [one.id for one in waivers])
    counts = pd.DataFrame(dict(zip(_COUNTED, (fails, undecided, bare, last), strict=True)))
    return findings.set_column(findings.column_names.index("waiver"), "waiver", named), Covered(counts, newest)


def describe_waivers(covered: Covered, checklist: Checklist, accounts: Collection[str], log: IssueLog) -> pd.DataFrame:
    """Return a row per waiver of the checklist's policy; those that need a look go to `log`.

    The rows have `id, state (in force | expiring | expired | unmatched), failing, not_checked (what it covers), scope,
    reason, owner, expires, ticket, line`. `accounts` are those that were judged.
    """
    rows = []
    for one, (failing, unsure, bare, last) in zip(checklist.waivers, covered.counts.to_numpy().tolist(), strict=True):
        state = _state(one, last, covered.newest)
        if checklist.policy and (
            said := _what_to_do(one, state, failing + unsure, bare, _absent(one, checklist, accounts))
        ):
            log.add(f"waiver_{state}", said, source=checklist.policy.name, line=one.line, value=one.id)
        facts = (one.scope, one.reason, one.owner, str(one.expires), one.ticket, one.line)
        rows.append((one.id, state, failing, unsure, *facts))
    return pd.DataFrame(rows, columns=list(_COLUMNS))


class _Found:
    """Findings that waivers may cover, at some rows of a table, made ready to be matched many times."""

    def __init__(
        self,
        findings: pa.Table,
        texts: Mapping[str, pa.DictionaryArray],
        rows: npt.NDArray[np.int64],
        alike: Mapping[str, Collection[str]],
    ) -> None:
        self._alike = alike
        self.as_of = micros_of(findings["as_of"])[rows]
        self._texts = texts
        self._codes = {column: codes_in(texts[column])[rows] for column in _MATCHED}
        names = lower_case(findings["user"].take(pa.array(rows))).dictionary_encode()
        self._users = names.dictionary
        self._user = pc.fill_null(names.indices, -1).to_numpy()

    def matched_by(self, one: Waiver) -> npt.NDArray[np.int64]:
        """Return the positions of the findings that a waiver matches."""
        matched = np.ones(len(self.as_of), bool)
        for column, wanted in (("account_id", one.account), ("credential", one.credential), ("control", one.control)):
            if wanted is not None:
                matched &= self._codes[column] == _code(self._texts[column], wanted)
        if one.user is not None:
            # Each distinct name is looked at once; a finding on an account as a whole has no user.
            hit = self._matching(one.user)
            matched &= np.append(hit, False)[self._user]
        return np.flatnonzero(matched)

    def _matching(self, user: str) -> npt.NDArray[np.bool_]:
        """Return which of the distinct users a waiver's `user` stands for."""
        if user in self._alike:
            return true_where(pc.is_in(self._users, pa.array(self._alike[user], pa.string())))
        return true_where(pc.match_substring_regex(self._users, name_pattern(user.lower())))


def _one_chunk(column: pa.ChunkedArray) -> pa.DictionaryArray:
    return column.unify_dictionaries().combine_chunks()


def _code(column: pa.DictionaryArray, text: str) -> int:
    """Return the code of `text` in a column of few texts; one that no row has where it is not among them."""
    place = pc.index(column.dictionary, text).as_py()
    return _NOWHERE if place < 0 else int(place)


def name_pattern(glob: str) -> str:
    """Return the regular expression (RE2) of a user name with wildcards: `*` for any characters, `?` for one."""
    return r"(?s)\A" + "".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in glob) + r"\z"


def _absent(one: Waiver, checklist: Checklist, accounts: Collection[str]) -> str | None:
    """Return why a waiver could match nothing in this run, if so."""
    if one.control is not None and one.control not in checklist.controls:
        return f"{one.control} was not judged"
    if one.account is not None and one.account not in accounts:
        return f"account {one.account} was not judged"
    return None


def _state(one: Waiver, last: int, newest: int) -> str:
    """Return how a waiver stands; `last` and `newest` as in `Covered`."""
    end = since_epoch(one.end)
    latest = newest if last == NO_TIME else last
    if latest > end:
        return "expired"
    if last == NO_TIME:
        return "unmatched"
    return "expiring" if end - latest <= _SOON * DAY else "in force"


def _what_to_do(one: Waiver, state: str, covered: int, bare: int, absent: str | None) -> str | None:
    """Return what is to be said of a waiver that needs a look.

    `covered` findings are its own; of those it matches, `bare` ones have no waiver that counts.
    """
    subject = f"waiver {one.id} ({one.scope}; owner {one.owner})"
    if state == "expired":
        if bare:
            rest = f"{counted(bare, 'check')} that it covered {'counts' if bare == 1 else 'count'} again"
        else:
            rest = f"it matches nothing in this run, because {absent}" if absent else "nothing depends on it any more"
        return f"{subject} expired on {one.expires}: {rest}; renew it with its owner, or remove it"
    if state == "unmatched":
        if absent:
            return f"{subject} matches nothing in this run, because {absent}"
        return f"{subject} matches nothing that failed or was not checked: correct it, or remove it"
    if state == "expiring":
        return f"{subject} counts until {one.expires}: {counted(covered, 'check')} will count again after that"
    return None
