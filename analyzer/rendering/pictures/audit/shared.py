"""Common parts of the pictures of an audit: title, subtitle, notes, and reasons for pictures that are not made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.controls.vocabulary import Status, counted
from analyzer.evidence.answer import accounts_in_words, accounts_of, reference
from analyzer.evidence.coverage import missing_accounts
from analyzer.reading.layout import Kind
from analyzer.rendering.pictures.canvas import ELLIPSIS, NothingToShowError, titled, write_notes
from analyzer.rendering.pictures.words import account_in_words, is_of_users_only, is_or_are, is_unused_only, subtitle

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    from matplotlib.figure import Figure

    from analyzer.evidence.summary import Summary

    Flags = npt.NDArray[np.bool_]

NOUNS: Final = {Kind.PASSWORD: "password", Kind.ACCESS_KEY: "access key"}
SHOWN_ACCOUNTS: Final = 15
_LONGEST_NAME: Final = 15
"""The most characters of the name of an account above a column."""
_LONGEST_WITH_OWNER: Final = 24
"""The most characters of the name and owner of an account beside a row."""
_FIRST_UNKNOWN: Final = "\u2e80"
"""The first of the East Asian characters, which the font lacks."""


def start_figure(
    audit: Summary, title: str, notes: Sequence[str] = (), *, unused_only: bool = False, height: float = 1.0
) -> Figure:
    """Return a figure with title, subtitle and notes, `height` times as high as the usual size.

    `unused_only` means that the picture is only about `unused-credentials`, even if other controls were judged.
    """
    figure = titled(title, _subtitle(audit, unused_only=unused_only), height)
    write_notes(figure, notes)
    return figure


def _subtitle(audit: Summary, *, unused_only: bool) -> str:
    """Return the subtitle: framework, reference date and accounts."""
    checklist = audit.checklist
    missing = missing_accounts(audit.coverage) if audit.coverage is not None else ""
    parts = [f"INCOMPLETE: {missing}"] if missing else []
    if unused_only and checklist.unused and len(checklist.checks) > 1:
        number = checklist.unused.requirement
        shown = f" ({checklist.numbers_of.heading} {number})" if number else ""
        parts.append(f"{checklist.unused.control.id}{shown}")
    parts += [reference(audit), accounts_in_words(audit)]
    return subtitle(checklist, parts, without_root=unused_only or is_of_users_only(checklist))


def accounts_with_names(audit: Summary, accounts: Sequence[str], *, in_one_line: bool = False) -> list[str]:
    """Return the numbers of accounts with their names from the list of accounts, if there is one.

    The name is below the number. With `in_one_line` it is beside the number, with the owner if that fits.
    """
    rows = [] if audit.coverage is None else audit.coverage.select(["account_id", "name", "owner"]).to_pylist()
    names_and_owners = {row["account_id"]: (row["name"] or "", row["owner"] or "") for row in rows}
    return [
        f"{account}{_beside(*names_and_owners.get(account, ('', '')), in_one_line=in_one_line)}" for account in accounts
    ]


def _beside(name: str, owner: str, *, in_one_line: bool) -> str:
    if not in_one_line:
        return f"\n{_shortened(name, _LONGEST_NAME)}" if name else ""
    name_and_owner = f"{name} ({owner})".strip() if owner else name
    shown = name_and_owner if len(name_and_owner) <= _LONGEST_WITH_OWNER else name or name_and_owner
    return f"  {_shortened(shown, _LONGEST_WITH_OWNER)}" if shown else ""


def _shortened(name: str, most: int) -> str:
    """Return a name with up to `most` characters; a longer one gets an ellipsis in the middle.

    The end is kept, because names often differ there. Characters that the font lacks become `?`.
    """
    shown = "".join(character if character.isprintable() and character < _FIRST_UNKNOWN else "?" for character in name)
    if len(shown) <= most:
        return shown
    return f"{shown[: most // 2]}{ELLIPSIS}{shown[most // 2 + 1 - most :]}"


def failing_in_words(audit: Summary, noun: str, accounts: Sequence[str], fails: Flags, unsure: Flags) -> str:
    """Return a title with the number of failing controls or requirements, and of accounts in which they fail.

    `fails` and `unsure` are masks by `noun` (rows) and account (columns): whether it fails there, and whether something
    there is not checked.
    """
    failing = int(fails.any(axis=1).sum())
    known_count, some_unknown = accounts_of(audit)
    account_count = known_count + some_unknown
    where = account_in_words(accounts[0]) if account_count == 1 else f"any of {account_count:,} accounts"
    if not failing:
        not_checked = int(unsure.any(axis=1).sum())
        return f"No {noun} fails in {where}{f', {not_checked:,} not checked somewhere' if not_checked else ''}"
    title = f"{failing:,} of {counted(len(fails), noun)} {'fails' if failing == 1 else 'fail'} in"
    if account_count == 1:
        return f"{title} {where}"
    if failing == 1:
        return f"{title} {int(fails.any(axis=0).sum()):,} of {account_count:,} accounts"
    everywhere = int((fails.sum(axis=1) == account_count).sum())
    return f"{title} at least one of {account_count:,} accounts, {everywhere or 'none'} of them in all"


def nothing_to_show(audit: Summary, otherwise: str, *, unused_only: bool = False) -> NothingToShowError:
    """Return the error for a picture that is not made; its reason is `otherwise` if there are findings at all."""
    if _has_findings(audit, unused_only=unused_only):
        reason = otherwise
    elif audit.rows == audit.root_rows:
        reason = "These reports have no IAM user."
    elif unused_only or is_unused_only(audit.checklist):
        reason = "No IAM user in the judged reports has an active password or access key."
    else:
        reason = "The judged reports have nothing for these controls to judge."
    return NothingToShowError(reason)


def _has_findings(audit: Summary, *, unused_only: bool = False) -> bool:
    """Whether there are findings of any status."""
    return not audit.idle.empty if unused_only else any(audit.totals[status] for status in Status)


def require_unused(audit: Summary) -> None:
    """Raise NothingToShowError if `unused-credentials` was not judged."""
    if audit.checklist.unused is None:
        raise NothingToShowError("The control unused-credentials was not judged.")


def limit_days(audit: Summary) -> int:
    """Return the limit of `unused-credentials` in days."""
    unused = audit.checklist.unused
    return unused.limit_days or 0 if unused else 0


def limit_in_words(audit: Summary) -> str:
    """Return the limit of `unused-credentials` as a text, such as `45 days`."""
    return counted(limit_days(audit), "day")


def counts_of_unused(audit: Summary) -> dict[str, int]:
    """Return the counts of `unused-credentials` by the names of `audit.totals`; all 0 if it was not judged."""
    return audit.unused or dict.fromkeys(audit.totals, 0)


def undecided_too(counts: dict[str, int]) -> str:
    """Return the end of a title with the number of checks not checked; empty if there are none."""
    count = counts[Status.NOT_CHECKED]
    return f", {count:,} not checked" if count else ""


def waived_too(counts: dict[str, int]) -> list[str]:
    """Return the note for pictures that do not show waived checks separately; empty without waived checks."""
    count = counts["waived"]
    return [f"{count:,} of those that fail or are not checked {is_or_are(count)} waived."] if count else []


def waived_by(audit: Summary, status: Status) -> pd.DataFrame:
    """Return the number of waived findings of `status`, by check (rows) and account (columns), as in `audit.matrix`."""
    return audit.matrix[status] - audit.open_matrix[status]
