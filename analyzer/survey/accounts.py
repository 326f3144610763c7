"""Find the accounts of the rows in a report: from the ARNs, else from an account column, else from the file name."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from analyzer.reading.issues import IssueLog
from analyzer.reading.layout import ARN_BEGINNING

Account = tuple[str, str]
"""An account: its partition and its number."""

UNKNOWN: Final[Account] = ("", "")

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from analyzer.reading.source import Source

DEFAULT_PARTITION: Final = "aws"
"""The partition assumed for rows without an ARN; nearly all accounts are in it."""
_ARN: Final = re.compile(ARN_BEGINNING.encode())
_MARK: Final = b":iam::"


def accounts_at_start(csv: bytes) -> frozenset[Account]:
    """Return the accounts in the ARNs of the first bytes of a CSV."""
    return shared(tuple(_account(partition, number) for partition, number in set(_ARN.findall(csv))))


@lru_cache(maxsize=1 << 16)
def shared(accounts: tuple[Account, ...]) -> frozenset[Account]:
    """Return accounts as a set; equal calls return the same object, which saves memory."""
    return frozenset(accounts)


@lru_cache(maxsize=1 << 16)
def _account(partition: bytes, number: bytes) -> Account:
    """Return an account; equal calls return the same object, which saves memory with many reports."""
    return partition.decode(), number.decode()


def rows_by_account(source: Source, account_id: str | None) -> tuple[Mapping[Account, int], int]:
    """Return the number of rows per account in a report, and the number of rejected rows.

    `account_id` is the account of rows for which neither the report nor the file name shows an account.
    """
    if "arn" in source.header.header.columns and (lone := _lone_account(source)) is not None:
        return lone, 0
    return _read(source, account_id)


def _lone_account(source: Source) -> Mapping[Account, int] | None:
    """Return the account and the row count of a report if every line has one ARN of the same account; else None."""
    text = source.csv[source.header.end + 1 :]
    lines = text.count(b"\n") + (1 if text and not text.endswith(b"\n") else 0)
    if not lines:
        return {}
    first = _ARN.search(text)
    if first is None:
        return None
    partition, number = first[1], first[2]
    same = text.count(b"arn:" + partition + _MARK + number + b":")
    if same != lines or text.count(_MARK) != lines:
        return None
    return {_account(partition, number): lines}


def _read(source: Source, account_id: str | None) -> tuple[Mapping[Account, int], int]:
    """Return the same as `rows_by_account` by reading the report completely."""
    from analyzer.reading.normalizing import normalize  # noqa: PLC0415 - few reports need it
    from analyzer.reading.parsing import parse  # noqa: PLC0415

    log = IssueLog()
    tables = normalize(parse([source], log), [source], log, account_id)
    pairs, _ = accounts_in(tables.users)
    rows = {pair: int(count) for pair, count in zip(pairs["account"], pairs["rows"], strict=True)}
    return rows, int(tables.reports["rejected"].sum())


def accounts_in(users: pd.DataFrame) -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
    """Return a frame with one row per report and account, and for each row of `users` its position in that frame.

    The frame has the columns `owner` (the code of the source), `account` (an `Account`) and `rows` (how many rows).
    An unknown account is `UNKNOWN`, with empty partition and number.
    """
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    numbers = [*users["account_id"].cat.categories, UNKNOWN[1]]
    # An account taken from a file name has no partition.
    partitions = [*users["partition"].cat.categories, DEFAULT_PARTITION]
    number, partition = (users[column].cat.codes.to_numpy() for column in ("account_id", "partition"))
    owner = users["source"].cat.codes.to_numpy().astype(np.int64)
    # The last entry of each list is for unknown values, which have the code -1. Each combination becomes one number.
    number = number.astype(np.int64) % len(numbers)
    partition = np.where(number == len(numbers) - 1, 0, partition.astype(np.int64) % len(partitions))
    key, position = np.unique((owner * len(numbers) + number) * len(partitions) + partition, return_inverse=True)
    accounts = [
        (str(partitions[code % len(partitions)]), str(numbers[code // len(partitions) % len(numbers)]))
        for code in key.tolist()
    ]
    pairs = pd.DataFrame(
        {
            "owner": key // len(partitions) // len(numbers),
            "account": pd.Series([pair if pair[1] else UNKNOWN for pair in accounts], dtype="object"),
            "rows": np.bincount(position, minlength=len(key)),
        }
    )
    return pairs, position
