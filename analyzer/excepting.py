"""The policy's exceptions, put to the findings: which failures each covers, and which exceptions need a look."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from analyzer.reading.columns import arrow_of, coded, microseconds, true_where
from analyzer.reading.times import since_epoch
from analyzer.staleness import DAY
from analyzer.verdicts import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from analyzer.policy import Exemption, Policy
    from analyzer.reading.issues import IssueLog

_SOON: Final = 30
"""Days before its end from which an exception is reported."""
_COLUMNS: Final = ("id", "state", "failing", "not_checked", "scope", "reason", "owner", "expires", "ticket", "line")


def apply_exceptions(findings: pd.DataFrame, policy: Policy | None, log: IssueLog) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `findings` with `exception` filled in, and a row per exception.

    An exception covers what fails or could not be decided; the status stays. It counts to the end of its last day, as
    seen from each finding's own reference instant; where two match, the first one in the policy counts. The rows have
    `id, state (in force | expiring | expired | unmatched), failing, not_checked (what it covers), scope, reason, owner,
    expires, ticket, line`.
    """
    exceptions = policy.exceptions if policy else ()
    rows: list[tuple[Any, ...]] = []
    if policy and exceptions:
        status = findings["status"]
        open_rows = np.flatnonzero(status.isin([Status.FAIL, Status.NOT_CHECKED]).to_numpy())
        found = findings.take(open_rows)
        as_of = microseconds(found["as_of"])
        newest = int(microseconds(findings["as_of"]).max()) if len(findings) else None
        covering = np.full(len(found), -1, np.int32)
        for number, one in enumerate(exceptions):
            matched = _matches(found, one)
            valid = matched & (as_of <= since_epoch(one.end))
            covering[valid & (covering < 0)] = number
            state = _state(one, as_of[matched], newest)
            _report(one, state, matched, valid, policy.name, log)
            failing = (found["status"] == Status.FAIL).to_numpy()
            rows.append(
                (
                    one.id,
                    state,
                    int((valid & failing).sum()),
                    int((valid & ~failing).sum()),
                    one.scope,
                    one.reason,
                    one.owner,
                    one.expires.isoformat(),
                    one.ticket,
                    one.line,
                )
            )
        codes = np.full(len(findings), -1, np.int32)
        codes[open_rows] = covering
        findings = findings.assign(exception=_named(codes, exceptions))
    return findings, pd.DataFrame(rows, columns=list(_COLUMNS))


def _named(codes: npt.NDArray[np.int32], exceptions: Sequence[Exemption]) -> pd.Series[Any]:
    return coded(codes, [one.id for one in exceptions])


def _matches(found: pd.DataFrame, one: Exemption) -> npt.NDArray[np.bool_]:
    matched = np.ones(len(found), bool)
    for column, wanted in (("account_id", one.account), ("credential", one.credential), ("control", one.control)):
        if wanted is not None:
            matched &= (found[column] == wanted).to_numpy()
    if one.user is not None:
        rows = np.flatnonzero(matched)
        users = arrow_of(found["user"].iloc[rows])
        matched[rows] = true_where(pc.match_substring_regex(users, _pattern(one.user), ignore_case=True))
    return matched


def _pattern(glob: str) -> str:
    """Return the regular expression (RE2) of a user name with wildcards."""
    return r"(?s)\A" + "".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in glob) + r"\z"


def _state(one: Exemption, as_of: npt.NDArray[np.int64], newest: int | None) -> str:
    """Return how an exception stands that matches findings judged at `as_of`; `newest` is the run's latest instant."""
    end = since_epoch(one.end)
    last = int(as_of.max()) if len(as_of) else newest
    if last is not None and last > end:
        return "expired"
    if not len(as_of):
        return "unmatched"
    return "expiring" if last is not None and end - last <= _SOON * DAY else "in force"


def _report(  # noqa: PLR0913 - what the message is made of
    one: Exemption,
    state: str,
    matched: npt.NDArray[np.bool_],
    valid: npt.NDArray[np.bool_],
    name: str,
    log: IssueLog,
) -> None:
    count, covered = int(matched.sum()), int(valid.sum())
    subject = f"exception {one.id} ({one.scope}; owner {one.owner})"
    if state == "expired":
        counting = count - covered
        what = f"{counting:,} of its findings count again" if counting else "it matches nothing any more"
        log.add(
            "exception_expired",
            f"{subject} expired on {one.expires}: {what}; renew it with its owner, or remove it",
            source=name,
            line=one.line,
            value=one.id,
        )
    elif state == "unmatched":
        log.add(
            "exception_unmatched",
            f"{subject} matches nothing that fails or could not be decided: correct it, or remove it",
            source=name,
            line=one.line,
            value=one.id,
        )
    elif state == "expiring":
        log.add(
            "exception_expiring",
            f"{subject} counts until {one.expires}: {covered:,} of its findings need a decision by then",
            source=name,
            line=one.line,
            value=one.id,
        )
