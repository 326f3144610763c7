"""Texts for the pictures of audits and histories."""

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
"""The account of reports without an account number."""
UNKNOWN_IS_ONE: Final = "Reports without an account number are counted as one account."


def subtitle(checklist: Checklist, parts: Sequence[str], *, without_root: bool) -> str:
    """Return a subtitle: the framework, then `parts`, then whether root is excluded."""
    benchmark = [checklist.benchmark.title] if checklist.benchmark else []
    return BETWEEN.join([*benchmark, *parts, *(["root excluded"] if without_root else [])])


def is_unused_only(checklist: Checklist) -> bool:
    """Whether `unused-credentials` is the only control, so that each finding is about a credential."""
    return [check.control for check in checklist.checks] == [UNUSED]


def is_of_users_only(checklist: Checklist) -> bool:
    """Whether no control is about root."""
    return all(check.control.whose is Whose.USERS for check in checklist.checks)


def account_in_words(account: str) -> str:
    """Return the name of an account for a sentence."""
    return "the unknown account" if account == UNKNOWN else f"account {account}"


def not_shown(accounts: int, with_them: str) -> list[str]:
    """Return the note on accounts that do not fit; `with_them` names what they have. Empty if `accounts` is 0."""
    return [f"Not shown: {counted(accounts, 'further account')} with {with_them}."] if accounts else []


def percentage(percent: float) -> str:
    """Return a percentage as a text: a part of the whole is never shown as 0% or 100%."""
    if 0 < percent < 1:
        return "under 1%"
    return "over 99%" if 99 < percent < 100 else f"{percent:.0f}%"


def is_or_are(count: int) -> str:
    """Return the verb for this number."""
    return "is" if count == 1 else "are"
