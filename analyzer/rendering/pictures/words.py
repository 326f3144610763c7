"""Words that pictures of an audit and of a history share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.controls.checklist import UNUSED
from analyzer.controls.control import Whose
from analyzer.controls.vocabulary import counted
from analyzer.rendering.pictures.canvas import BETWEEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.controls.checklist import Checklist

UNKNOWN: Final = "unknown"
"""The account of reports that tell none."""
UNKNOWN_IS_ONE: Final = "Reports that tell no account are counted as one account."


def subtitle(checklist: Checklist, parts: Sequence[str], *, without_root: bool) -> str:
    """Return the line below a title: by which benchmark, then `parts`, then whether root is left out."""
    benchmark = [checklist.benchmark.title] if checklist.benchmark else []
    return BETWEEN.join([*benchmark, *parts, *(["root excluded"] if without_root else [])])


def is_unused_only(checklist: Checklist) -> bool:
    """Whether `unused-credentials` is the only control, so that findings are credentials."""
    return [one.control for one in checklist.checks] == [UNUSED]


def is_of_users_only(checklist: Checklist) -> bool:
    """Whether no control is about root."""
    return all(one.control.whose is Whose.USERS for one in checklist.checks)


def account_in_words(account: str) -> str:
    """Return an account as it stands in a sentence."""
    return "the unknown account" if account == UNKNOWN else f"account {account}"


def not_shown(accounts: int, with_them: str) -> list[str]:
    """Return the note on accounts for which there is no room, and what is left out `with_them`."""
    return [f"Not shown: {counted(accounts, 'further account')} with {with_them}."] if accounts else []


def percentage(percent: float) -> str:
    """Return a percentage that never says none or all of what is some."""
    if 0 < percent < 1:
        return "under 1%"
    return "over 99%" if 99 < percent < 100 else f"{percent:.0f}%"


def is_or_are(count: int) -> str:
    """Return the verb for so many."""
    return "is" if count == 1 else "are"
