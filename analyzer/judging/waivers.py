"""Apply the waivers of the policy: which checks each covers, and which waivers need attention."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

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
"""A waiver that ends within this many days is reported as expiring."""
_NOWHERE: Final = -2
"""A category code that no row has."""
_MATCHED: Final = ("account_id", "credential", "control")
"""Categorical columns whose values a waiver can name."""
_FEW: Final = (*_MATCHED, "status")
_LOOKED_AT: Final = (*_FEW, "user", "as_of", "waiver")
_COUNTED: Final = ["failing", "not_checked", "bare", "last"]
_COLUMNS: Final = ("id", "state", "failing", "not_checked", "scope", "reason", "owner", "expires", "ticket", "line")


@dataclass(frozen=True)
class Covered:
    """What the waivers of a policy cover.

    `counts` has a row per waiver: `failing` and `not_checked`, the numbers of checks that it covers; `bare`, the number
    of checks that it matches and that no waiver covers; `last`, the latest reference date of the checks that it
    matches. `newest` is the latest reference date of all checks. Dates are in microseconds, `NO_TIME` for none.
    """

    counts: pd.DataFrame
    newest: int


def nothing_covered() -> Covered:
    """Return the result for a policy without waivers."""
    return Covered(pd.DataFrame([], columns=_COUNTED, dtype="int64"), NO_TIME)


def apply_waivers(
    findings: pd.DataFrame, checklist: Checklist, accounts: Collection[str], log: IssueLog
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `findings` with the column `waiver` filled in, and the table of `describe_waivers`."""
    findings, covered = cover(findings, checklist)
    return findings, describe_waivers(covered, checklist, accounts, log)


def cover(findings: pd.DataFrame, checklist: Checklist) -> tuple[pd.DataFrame, Covered]:
    """Return `findings` with the column `waiver` filled in, and what the waivers cover (see `cover_table`)."""
    table, covered = cover_table(table_of(findings, _LOOKED_AT), checklist)
    return (findings.assign(waiver=frame_of({"": table["waiver"]})[""]) if checklist.waivers else findings), covered


def cover_table(
    findings: pa.Table, checklist: Checklist, alike: Mapping[str, Collection[str]] = MappingProxyType({})
) -> tuple[pa.Table, Covered]:
    """Return `findings` with the column `waiver` filled in, and what the waivers of the checklist cover.

    A waiver covers failures and checks that are not checked; their status stays. It counts until the end of its last
    day, compared with the reference date of each check. If several waivers match, the first in the policy counts.
    `alike` maps the `user` of a waiver to the user names that it means, if it is not a name or pattern itself.
    """
    waivers = checklist.waivers
    if not waivers:
        return findings, nothing_covered()
    newest = int(micros_of(findings["as_of"]).max(initial=NO_TIME))
    texts = {name: _one_chunk(findings[name]) for name in _FEW}
    status = codes_in(texts["status"])
    fail, not_checked = (_code(texts["status"], status_value) for status_value in (Status.FAIL, Status.NOT_CHECKED))
    open_rows = np.flatnonzero((status == fail) | (status == not_checked))
    candidates = _Candidates(findings, texts, open_rows, alike)
    covering = np.full(len(open_rows), -1, np.int32)
    matches = []
    for number, waiver in enumerate(waivers):
        matched = candidates.matched_by(waiver)
        matches.append(matched)
        free = matched[covering[matched] < 0]
        covering[free[candidates.as_of[free] <= since_epoch(waiver.end)]] = number
    failing = status[open_rows] == fail
    fails, unchecked = (np.bincount(covering[rows] + 1, minlength=len(waivers) + 1)[1:] for rows in (failing, ~failing))
    bare = [int((covering[matched] < 0).sum()) for matched in matches]
    last = [int(candidates.as_of[matched].max(initial=NO_TIME)) for matched in matches]
    codes = np.full(len(findings), -1, np.int32)
    codes[open_rows] = covering
    waiver_column = few_texts(codes, [waiver.id for waiver in waivers])
    counts = pd.DataFrame(dict(zip(_COUNTED, (fails, unchecked, bare, last), strict=True)))
    return findings.set_column(findings.column_names.index("waiver"), "waiver", waiver_column), Covered(counts, newest)


def describe_waivers(covered: Covered, checklist: Checklist, accounts: Collection[str], log: IssueLog) -> pd.DataFrame:
    """Return a row per waiver of the policy; add a data issue to `log` for each waiver that needs attention.

    The columns are `id`, `state` (in force, expiring, expired or unmatched), `failing` and `not_checked` (the numbers
    of checks that it covers), `scope`, `reason`, `owner`, `expires`, `ticket` and `line`. `accounts` are the accounts
    that were judged.
    """
    rows = []
    counts = covered.counts.to_numpy().tolist()
    for waiver, (failing, not_checked, bare, last) in zip(checklist.waivers, counts, strict=True):
        state = _state(waiver, last, covered.newest)
        unmatched = _unmatched(waiver, checklist, accounts) if last == NO_TIME else None
        if checklist.policy and (message := _message(waiver, state, failing + not_checked, bare, unmatched)):
            log.add(f"waiver_{state}", message, source=checklist.policy.name, line=waiver.line, value=waiver.id)
        facts = (waiver.scope, waiver.reason, waiver.owner, str(waiver.expires), waiver.ticket, waiver.line)
        rows.append((waiver.id, state, failing, not_checked, *facts))
    return pd.DataFrame(rows, columns=list(_COLUMNS))


class _Candidates:
    """The rows of `findings` that waivers can cover, prepared for matching many waivers."""

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

    def matched_by(self, waiver: Waiver) -> npt.NDArray[np.int64]:
        """Return the positions of the checks that a waiver matches."""
        matched = np.ones(len(self.as_of), bool)
        values = {"account_id": waiver.account, "credential": waiver.credential, "control": waiver.control}
        for column, value in values.items():
            if value is not None:
                matched &= self._codes[column] == _code(self._texts[column], value)
        if waiver.user is not None:
            # Each distinct name is compared once. A check of a whole account has no user and never matches.
            is_match = self._matching(waiver.user)
            matched &= np.append(is_match, False)[self._user]
        return np.flatnonzero(matched)

    def _matching(self, user: str) -> npt.NDArray[np.bool_]:
        """Return which of the distinct users match the `user` of a waiver."""
        if user in self._alike:
            return true_where(pc.is_in(self._users, pa.array(self._alike[user], pa.string())))
        return true_where(pc.match_substring_regex(self._users, name_pattern(user.lower())))


def _one_chunk(column: pa.ChunkedArray) -> pa.DictionaryArray:
    return column.unify_dictionaries().combine_chunks()


def _code(column: pa.DictionaryArray, text: str) -> int:
    """Return the code of `text` in a categorical column; `_NOWHERE` if the column does not have it."""
    position = pc.index(column.dictionary, text).as_py()
    return _NOWHERE if position < 0 else int(position)


def name_pattern(glob: str) -> str:
    """Return the regular expression (RE2) for a user name with wildcards: `*` any characters, `?` one character."""
    return r"(?s)\A" + "".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in glob) + r"\z"


class _Unmatched(NamedTuple):
    """Why a waiver matches nothing, in words; `is_wrong` if it could match, so that it may be misspelt."""

    words: str
    is_wrong: bool


def _unmatched(waiver: Waiver, checklist: Checklist, accounts: Collection[str]) -> _Unmatched:
    """Return why a waiver that matches nothing does so."""
    absent = None
    if waiver.control is not None and waiver.control not in checklist.controls:
        absent = waiver.control
    elif waiver.account is not None and waiver.account not in accounts:
        absent = f"account {waiver.account}"
    if absent is None:
        return _Unmatched("matches no check that failed or was not checked", is_wrong=True)
    return _Unmatched(f"matches no check in this run, because {absent} was not judged", is_wrong=False)


def _state(waiver: Waiver, last: int, newest: int) -> str:
    """Return the state of a waiver; `last` and `newest` are as in `Covered`."""
    end = since_epoch(waiver.end)
    latest = newest if last == NO_TIME else last
    if latest > end:
        return "expired"
    if last == NO_TIME:
        return "unmatched"
    return "expiring" if end - latest <= _SOON * DAY else "in force"


def _message(waiver: Waiver, state: str, covered: int, bare: int, unmatched: _Unmatched | None) -> str | None:
    """Return the message about a waiver that needs attention; None if it needs none.

    `covered` is the number of checks that it covers, `bare` the number that it matches and that no waiver covers.
    `unmatched` is why it matches nothing, None if it matches something.
    """
    subject = f"waiver {waiver.id} ({waiver.scope}; owner {waiver.owner})"
    if unmatched is not None:
        advice = "correct it, or remove it" if unmatched.is_wrong else ""
        if state == "expired":
            subject = f"{subject} expired on {waiver.expires}, and"
            advice = f"{'correct and ' if unmatched.is_wrong else ''}renew it with its owner, or remove it"
        return f"{subject} {unmatched.words}{f'; {advice}' if advice else ''}"
    if state == "expired":
        consequence = "nothing depends on it any more"
        if bare:
            consequence = f"{counted(bare, 'check')} that it covered {'counts' if bare == 1 else 'count'} again"
        return f"{subject} expired on {waiver.expires}: {consequence}; renew it with its owner, or remove it"
    if state == "expiring":
        return f"{subject} counts until {waiver.expires}: {counted(covered, 'check')} will count again after that"
    return None
