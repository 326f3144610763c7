"""Find reports of one account and time that are different snapshots, so that their order is unknown.

Reports of the same time, or without a time, are usually parts of one snapshot and have different users. If two reports
have mostly the same users, they are two snapshots, and it is not known which one is newer: they are rivals.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from analyzer.reading.issues import IssueLog
from analyzer.survey.accounts import UNKNOWN, accounts_in
from analyzer.survey.entry import ChangedError
from analyzer.survey.files import Reader
from analyzer.survey.plan import cut

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import numpy as np
    import numpy.typing as npt

    from analyzer.engine import Map
    from analyzer.survey.accounts import Account
    from analyzer.survey.entry import Entry

_Name = TypeVar("_Name", str, int)
_SIZE: Final = 4_000_000
"""Bytes of CSV per batch."""


class AccountUsers(NamedTuple):
    """The users of an account in a report, as sorted hashes of their names, and whether root is among them."""

    users: npt.NDArray[np.uint64]
    root: bool

    @property
    def size(self) -> int:
        """The number of users without root."""
        return len(self.users)


def with_rivals(entries: Sequence[Entry], account_id: str | None, run: Map) -> list[Entry]:
    """Return `entries` with their rivals (see `Entry`). Reports that share an account and a time are read for this."""
    together: defaultdict[tuple[Account, datetime | None], list[Entry]] = defaultdict(list)
    for entry in entries:
        for account in entry.accounts - {UNKNOWN}:
            together[account, entry.moment].append(entry)
    groups = {key: group for key, group in together.items() if len(group) > 1}
    compared = {entry.name: entry for group in groups.values() for entry in group}
    users_by_report = _users_by_report([compared[name] for name in sorted(compared)], account_id, run)
    rivals_of: defaultdict[str, dict[Account, str]] = defaultdict(dict)
    for (account, _), group in groups.items():
        users_of = {
            entry.name: users_by_report[entry.name][account]
            for entry in group
            if account in users_by_report.get(entry.name, {})
        }
        for name, rival in rivals(users_of).items():
            rivals_of[name][account] = rival
    # Rivals found before a correction are no longer valid.
    return [
        replace(entry, rivals=rivals_of.get(entry.name)) if entry.name in rivals_of or entry.rivals else entry
        for entry in entries
    ]


def rivals(users_of: Mapping[_Name, AccountUsers]) -> dict[_Name, _Name]:
    """Return, among reports of one account, another report with mostly the same users for each that has one."""
    rival_of: dict[_Name, _Name] = {}
    by_size = sorted(users_of, key=lambda name: (users_of[name].size, name))
    for smaller, larger in combinations(by_size, 2):
        # A comparison is not needed if both already have a rival.
        if (smaller not in rival_of or larger not in rival_of) and _mostly_the_same(
            users_of[smaller], users_of[larger]
        ):
            rival_of.setdefault(smaller, larger)
            rival_of.setdefault(larger, smaller)
    return rival_of


def _mostly_the_same(smaller: AccountUsers, larger: AccountUsers) -> bool:
    """Return whether more than half of the users in the smaller report are also in the larger one.

    If the smaller report has no users, root decides. If fewer users are in both, the reports are parts of one snapshot,
    and each of these users is noted as `duplicate_user`.
    """
    import numpy as np  # noqa: PLC0415 - few folders need it

    if not smaller.size:
        return smaller.root and larger.root
    return len(np.intersect1d(smaller.users, larger.users, assume_unique=True)) * 2 > smaller.size


def _users_by_report(
    entries: Sequence[Entry], account_id: str | None, run: Map
) -> dict[str, Mapping[Account, AccountUsers]]:
    batches = list(cut(entries, _SIZE, lambda entry: entry.size))
    return {name: users for part in run(partial(_read, account_id), batches) for name, users in part.items()}


def _read(account_id: str | None, entries: Sequence[Entry]) -> dict[str, Mapping[Account, AccountUsers]]:
    """Return the users per account of each report. A changed report is skipped: this is handled when it is judged."""
    from analyzer.reading.normalizing import normalize  # noqa: PLC0415 - few folders need it
    from analyzer.reading.parsing import parse  # noqa: PLC0415

    users_by_report: dict[str, Mapping[Account, AccountUsers]] = {}
    with Reader() as reader:
        for entry in entries:
            try:
                source = entry.source(reader, IssueLog())
            except ChangedError:
                continue
            log = IssueLog()
            users = normalize(parse([source], log), [source], log, account_id).users
            pairs, position = accounts_in(users)
            users_by_report[entry.name] = {
                account: account_users(users[position == number]) for number, account in enumerate(pairs["account"])
            }
    return users_by_report


def account_users(users: Any) -> AccountUsers:  # noqa: ANN401 - a frame of pandas
    """Return the users in the rows of one account."""
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    from analyzer.reading.columns import lowered  # noqa: PLC0415

    is_root = users["is_root"].to_numpy(dtype=bool)
    names = lowered(users["user"][~is_root]).drop_null()
    return AccountUsers(np.unique(pd.util.hash_array(np.array(names.to_pylist(), dtype=object))), bool(is_root.any()))
