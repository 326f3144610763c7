"""Plan a run: which reports are read together, in the order of the tables."""

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
"""A text that sorts after every account and month."""
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
"""Sorts reports without a capture time after all others."""


@dataclass(frozen=True)
class Batch:
    """Reports that are judged together, with all parts of their snapshots, or reports that are only counted.

    With `pseudonyms`, the reports already have pseudonyms, and their rows get them right after reading.
    """

    number: int
    reports: tuple[Selected, ...] = ()
    counted: tuple[Entry, ...] = ()
    pseudonyms: Pseudonyms | None = None


def plan(selected: Sequence[Selected], size: int, *, cuts_groups: bool) -> list[Batch]:
    """Return the batches of a run in the order of the tables, each with about `size` bytes of CSV or one snapshot.

    Reports that share an account form a group; this includes snapshots read only for the trend. Groups are sorted by
    their smallest account, and groups without an account come last. Within a group, reports are sorted by capture time
    and name. Judged reports come first, in the order they would have without the reports for the trend.

    A batch never ends within a snapshot. It ends between groups or, with `cuts_groups` (every capture time is a
    snapshot), between two capture times. Reports that are not judged, and that the survey did not read completely, are
    counted in separate batches.
    """
    pieces: list[list[Selected]] = []
    for group in _groups([report for report in selected if report.is_read]):
        if cuts_groups:
            pieces += [list(part) for _, part in groupby(group, key=lambda report: report.entry.captured_at)]
        else:
            pieces.append(group)
    batches = [
        Batch(number, tuple(report for piece in batch for report in piece))
        for number, batch in enumerate(cut(pieces, size, lambda piece: sum(report.entry.size for report in piece)))
    ]
    uncounted = [report.entry for report in selected if not report.is_read and report.entry.facts is None]
    counted = cut(uncounted, size, lambda entry: entry.size)
    return batches + [Batch(number, (), tuple(batch)) for number, batch in enumerate(counted, start=len(batches))]


def plan_by_month(selected: Sequence[Selected], size: int) -> list[Batch]:
    """Return batches of about `size` bytes of CSV, sorted by month of capture (UTC) and then by name.

    Reports without a capture time come last. Parts of one snapshot may be in different batches.
    """

    def sort_key(report: Selected) -> tuple[str, str]:
        captured = report.entry.captured_at
        return captured.astimezone(UTC).isoformat()[:7] if captured else _LAST, report.entry.name

    batches = cut(sorted(selected, key=sort_key), size, lambda report: report.entry.size)
    return [Batch(number, tuple(batch)) for number, batch in enumerate(batches)]


def cut(items: Iterable[Item], size: int, size_of: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Yield runs of items whose sizes (from `size_of`) sum up to `size` or less; a larger item is a run by itself."""
    run: list[Item] = []
    total = 0
    for item in items:
        weight = size_of(item)
        if run and total + weight > size:
            yield run
            run, total = [], 0
        run.append(item)
        total += weight
    if run:
        yield run


def _groups(selected: Sequence[Selected]) -> list[list[Selected]]:
    """Return the groups of reports, in the order of the tables."""
    judged = [_numbers(report.judged) for report in selected]
    read = [
        _numbers(report.judged | report.earlier) if report.earlier else accounts
        for report, accounts in zip(selected, judged, strict=True)
    ]
    roots = _roots(judged)
    groups = _roots(read) if any(report.earlier for report in selected) else roots

    def sort_key(position: int) -> tuple[str, str, datetime, str]:
        entry = selected[position].entry
        accounts, read_accounts = judged[position], read[position]
        # A report without a known account is a group by itself.
        group = _root(groups, read_accounts[0]) if read_accounts else f"{_LAST}{entry.name}"
        return group, _root(roots, accounts[0]) if accounts else _LAST, entry.captured_at or _NEVER, entry.name

    order = sorted(range(len(selected)), key=sort_key)
    return [
        [selected[position] for position in group]
        for _, group in groupby(order, key=lambda position: sort_key(position)[0])
    ]


def _numbers(accounts: Iterable[Account]) -> list[str]:
    return sorted({number for _, number in accounts if number})


def _roots(numbers: Iterable[Sequence[str]]) -> dict[str, str]:
    """Return the parent of each account in a union-find forest; the root of a group is its smallest account."""
    roots: dict[str, str] = {}
    for accounts in numbers:
        for account in accounts:
            roots.setdefault(account, account)
            root, other_root = _root(roots, accounts[0]), _root(roots, account)
            if root != other_root:
                roots[max(root, other_root)] = min(root, other_root)
    return roots


def _root(roots: dict[str, str], account: str) -> str:
    while roots[account] != account:
        roots[account] = roots[roots[account]]
        account = roots[account]
    return account
