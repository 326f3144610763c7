"""The run plan: which reports are read together, in the order of the tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from analyzer.survey.accounts import Account
    from analyzer.survey.entry import Entry
    from analyzer.survey.pseudonyms import Pseudonyms
    from analyzer.survey.selection import Selected

Item = TypeVar("Item")

_LAST: Final = "~"
"""A text that comes after every account and month."""
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
"""Reports of unknown capture time stand behind those of a known one."""


@dataclass(frozen=True)
class Batch:
    """Reports that are judged together: all parts of each of their snapshots; and reports that are only counted.

    With `pseudonyms`, the reports have theirs already, and their rows get them as soon as they are read.
    """

    number: int
    reports: tuple[Selected, ...] = ()
    counted: tuple[Entry, ...] = ()
    pseudonyms: Pseudonyms | None = None


def plan(selected: Sequence[Selected], size: int, *, cuts_groups: bool) -> list[Batch]:
    """Return the batches of a run, each of about `size` bytes of CSV or of one snapshot, in the order of the tables.

    Reports that share an account are a group, snapshots that are read for the trend included. Groups stand by their
    smallest account, those without one last; the reports of a group by capture time and name, but that what is judged
    stands as it would without the others, and before them. No batch ends within a snapshot: it ends between groups, or
    where `cuts_groups` says that each capture time is a snapshot of its own, between two of them. What is not judged,
    and was not read whole by the survey, is counted in batches of its own.
    """
    pieces: list[list[Selected]] = []
    for group in _groups([one for one in selected if one.is_read]):
        if cuts_groups:
            pieces += [list(part) for _, part in groupby(group, key=lambda one: one.entry.captured_at)]
        else:
            pieces.append(group)
    batches = [
        Batch(number, tuple(one for piece in batch for one in piece))
        for number, batch in enumerate(cut(pieces, size, lambda piece: sum(one.entry.size for one in piece)))
    ]
    rest = [one.entry for one in selected if not one.is_read and one.entry.facts is None]
    counted = cut(rest, size, lambda entry: entry.size)
    return batches + [Batch(number, (), tuple(batch)) for number, batch in enumerate(counted, start=len(batches))]


def plan_by_month(selected: Sequence[Selected], size: int) -> list[Batch]:
    """Return batches of about `size` bytes of CSV, by the month (UTC) of capture and then by name; undated ones last.

    Every report is read, whatever else there is of its snapshot.
    """

    def place(one: Selected) -> tuple[str, str]:
        captured = one.entry.captured_at
        return captured.astimezone(UTC).isoformat()[:7] if captured else _LAST, one.entry.name

    batches = cut(sorted(selected, key=place), size, lambda one: one.entry.size)
    return [Batch(number, tuple(batch)) for number, batch in enumerate(batches)]


def cut(items: Iterable[Item], size: int, size_of: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Yield the items in runs that have at most `size` together, as `size_of` counts it, or are one item."""
    run: list[Item] = []
    held = 0
    for item in items:
        weight = size_of(item)
        if run and held + weight > size:
            yield run
            run, held = [], 0
        run.append(item)
        held += weight
    if run:
        yield run


def _groups(selected: Sequence[Selected]) -> list[list[Selected]]:
    """Return the reports by group, in the order of the tables."""
    judged = [_numbers(one.judged) for one in selected]
    read = [
        _numbers(one.judged | one.earlier) if one.earlier else mine for one, mine in zip(selected, judged, strict=True)
    ]
    roots = _roots(judged)
    groups = _roots(read) if any(one.earlier for one in selected) else roots

    def place(position: int) -> tuple[str, str, datetime, str]:
        entry = selected[position].entry
        mine, all_of_it = judged[position], read[position]
        # A report of unknown accounts is a group by itself.
        group = _root(groups, all_of_it[0]) if all_of_it else f"{_LAST}{entry.name}"
        return group, _root(roots, mine[0]) if mine else _LAST, entry.captured_at or _NEVER, entry.name

    order = sorted(range(len(selected)), key=place)
    return [[selected[one] for one in group] for _, group in groupby(order, key=lambda one: place(one)[0])]


def _numbers(accounts: Iterable[Account]) -> list[str]:
    return sorted({number for _, number in accounts if number})


def _roots(numbers: Iterable[Sequence[str]]) -> dict[str, str]:
    """Return for each account another one of its group (by way of which comes the smallest), or itself."""
    roots: dict[str, str] = {}
    for accounts in numbers:
        for account in accounts:
            roots.setdefault(account, account)
            one, other = _root(roots, accounts[0]), _root(roots, account)
            if one != other:
                roots[max(one, other)] = min(one, other)
    return roots


def _root(roots: dict[str, str], account: str) -> str:
    while roots[account] != account:
        roots[account] = roots[roots[account]]
        account = roots[account]
    return account
