"""Texts that several formats share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from analyzer.controls.vocabulary import Status
from analyzer.errors import first_few
from analyzer.evidence.answer import headline
from analyzer.evidence.due import due_by_check, due_in_words
from analyzer.evidence.people import comparisons_in_words, passes_of_leavers

if TYPE_CHECKING:
    from analyzer.evidence.summary import Summary

_MOST: Final = 3


def answer_in_sentences(summary: Summary, due_within: int) -> list[str]:
    """Return the answer, the results of lists of people, and the number of checks that fail within these days."""
    due = [f"{due_in_words(summary, due_within)}."] if due_by_check(summary, due_within) else []
    leavers = filter(None, [passes_of_leavers(summary)])
    return [*headline(summary), *comparisons_in_words(summary), *leavers, *due]


def accounts_failing(summary: Summary, position: int) -> str:
    """Return the accounts with open failures of a check, those with the most first, and the number of further ones."""
    counts = summary.open_matrix[Status.FAIL].iloc[position]
    numbers = counts.to_numpy()
    order = [at for at in np.argsort(-numbers, kind="stable").tolist() if numbers[at]]
    names = summary.account_names
    accounts = [str(counts.index[at]) for at in order]
    return first_few(
        [f"{account} {names[account]}" if names.get(account) else account for account in accounts], most=_MOST
    )


def reason_alone(exit_reason: str) -> str:
    """Return the reason for an exit code without the code, which means nothing to readers of a page or a workbook."""
    reason = exit_reason.partition(": ")[2] or exit_reason
    return f"{reason[:1].upper()}{reason[1:]}"
