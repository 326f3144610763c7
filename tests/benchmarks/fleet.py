"""A seeded fleet of accounts whose users sign in, use keys, rotate them and leave them unused: reports by day.

Half of the users are people (with passwords), the others are jobs; half of all are in use. Keys are used daily or
weekly, passwords weekly; passwords in use are changed, and keys rotated, now and then. Everything is made column by
column for all accounts at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.reading.layout import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

HEADER: Final = ",".join(COLUMNS[:22])
DAY: Final = 86_400
NEVER: Final = np.iinfo(np.int64).min
REGIONS: Final = pa.array(["eu-west-1", "eu-central-1", "us-east-1", "us-west-2"])
SERVICES: Final = pa.array(["s3", "ec2", "sts", "dynamodb", "sqs", "lambda", "iam", "kms"])
PEOPLE: Final = ("auditor", "analyst", "developer", "operator", "accountant", "support", "manager", "reviewer")
JOBS: Final = (
    "ci-deploy",
    "backup-agent",
    "etl-runner",
    "monitoring",
    "log-shipper",
    "data-sync",
    "report-bot",
    "scan",
)


@dataclass
class _Key:
    """The keys in one slot: where there is one, whether it is active, and its instants (seconds)."""

    exists: Flags
    active: Flags
    created: Whole
    used: Whole
    region: Whole
    service: Whole


@dataclass
class Fleet:
    """Accounts of the same number of users each; `report` gives the CSV of each account on the day reached."""

    accounts: int
    users: int
    start: datetime = datetime(2025, 1, 1, tzinfo=UTC)
    seed: int = 7
    _texts: dict[str, pa.Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        random = self._random = np.random.default_rng(self.seed)
        count = self.accounts * self.users
        self.numbers = [f"{100_000_000_000 + number * 7919:012d}" for number in range(self.accounts)]
        self._zero = int(self.start.timestamp())
        self._day = -1
        person = random.random(count) < 0.5
        kind = random.integers(0, len(PEOPLE), count)
        names = np.where(person, np.array(PEOPLE)[kind], np.array(JOBS)[kind])
        within = np.tile(np.arange(self.users), self.accounts)
        # Names in the order of AWS: without regard to case.
        text = np.char.add(np.char.add(names, "-"), np.char.zfill(within.astype(str), 5))
        account = np.repeat(np.arange(self.accounts), self.users)
        order = np.lexsort((text, account))
        self._texts["user"] = pa.array(text[order])
        person = person[order]
        arns = pa.array([f"arn:aws:iam::{number}:user/" for number in self.numbers]).take(pa.array(account))
        self._texts["arn"] = _joined(arns, self._texts["user"], by="")
        born = -random.integers(30 * DAY, 2000 * DAY, count)
        self._texts["user_creation_time"] = self._times(born)
        self._in_use, self._daily = random.random(count) < 0.5, random.random(count) < 0.5
        self._password = person | (random.random(count) < 0.1)
        self._texts["mfa_active"] = _flags(self._password & (random.random(count) < 0.7))
        self._changed = _between(random, born)
        self._signed_in = np.where(random.random(count) < 0.8, _between(random, self._changed), NEVER)
        self._keys = [self._new_keys(born, ~person | (random.random(count) < 0.4), 0.9)]
        self._keys.append(self._new_keys(born, random.random(count) < 0.15, 0.7))

    def _new_keys(self, born: Whole, exists: Flags, active: float) -> _Key:
        random, count = self._random, len(born)
        created = _between(random, born)
        used = np.where(random.random(count) < 0.75, _between(random, created) // 60 * 60, NEVER)
        region, service = random.integers(0, len(REGIONS), count), random.integers(0, len(SERVICES), count)
        return _Key(exists, exists & (random.random(count) < active), created, used, region, service)

    def next_day(self) -> datetime:
        """Let a day pass and return the instant of its reports, six in the morning."""
        self._day += 1
        random, count = self._random, self.accounts * self.users
        now = self._day * DAY + 6 * 3600
        signs_in = self._in_use & self._password & (random.random(count) < 1 / 7)
        self._signed_in = np.where(signs_in, now - random.integers(0, DAY, count), self._signed_in)
        changes = self._in_use & self._password & (random.random(count) < 1 / 90)
        self._changed = np.where(changes, now - random.integers(0, DAY, count), self._changed)
        for key in self._keys:
            rotated = self._in_use & key.exists & (random.random(count) < 1 / 180)
            key.created = np.where(rotated, now - random.integers(DAY // 2, DAY, count), key.created)
            key.used = np.where(rotated, NEVER, key.used)
            uses = self._in_use & key.active & (random.random(count) < np.where(self._daily, 0.97, 1 / 7))
            key.used = np.where(uses, (now - random.integers(0, DAY // 2, count)) // 60 * 60, key.used)
            moves = uses & (random.random(count) < 0.05)
            key.region = np.where(moves, random.integers(0, len(REGIONS), count), key.region)
            key.service = np.where(moves, random.integers(0, len(SERVICES), count), key.service)
        return self.start + timedelta(seconds=now)

    def reports(self) -> Iterator[tuple[str, str]]:
        """Yield each account's number and the CSV of its report, without a final newline, as AWS writes it."""
        cells = [self._texts["user"], self._texts["arn"], self._texts["user_creation_time"], *self._password_cells()]
        cells.append(self._texts["mfa_active"])
        for key in self._keys:
            cells += self._key_cells(key)
        lines = _joined(*cells, pa.scalar("false,N/A,false,N/A"), by=",").to_pylist()
        created = f"{self.start - timedelta(days=2500):%Y-%m-%dT%H:%M:%SZ}"
        for position, number in enumerate(self.numbers):
            root = (
                f"<root_account>,arn:aws:iam::{number}:root,{created},true,no_information,{created},not_supported,true,"
                "false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A"
            )
            users = lines[position * self.users : (position + 1) * self.users]
            yield number, "\n".join([HEADER, root, *users])

    def _password_cells(self) -> list[pa.Array]:
        exists, nothing = pa.array(self._password), pa.scalar("N/A")
        used = pc.if_else(pa.array(self._signed_in == NEVER), pa.scalar("no_information"), self._times(self._signed_in))
        return [
            _flags(self._password),
            pc.if_else(exists, used, nothing),
            pc.if_else(exists, self._times(self._changed), nothing),
            pc.if_else(exists, self._times(self._changed + 90 * DAY), nothing),
        ]

    def _key_cells(self, key: _Key) -> list[pa.Array]:
        exists, used, nothing = pa.array(key.exists), pa.array(key.exists & (key.used != NEVER)), pa.scalar("N/A")
        return [
            _flags(key.active),
            pc.if_else(exists, self._times(key.created), nothing),
            pc.if_else(used, self._times(key.used), nothing),
            pc.if_else(used, REGIONS.take(pa.array(key.region)), nothing),
            pc.if_else(used, SERVICES.take(pa.array(key.service)), nothing),
        ]

    def _times(self, seconds: Whole) -> pa.Array:
        instants = np.where(seconds == NEVER, 0, seconds) + self._zero
        return pc.strftime(pa.array(instants).cast(pa.timestamp("s")), format="%Y-%m-%dT%H:%M:%SZ")


def _between(random: np.random.Generator, since: Whole) -> Whole:
    """Return instants between `since` (negative seconds) and the start."""
    return since + (random.random(len(since)) * -since * 0.9).astype(np.int64)


def _flags(values: Flags) -> pa.Array:
    return pc.if_else(pa.array(values), pa.scalar("true"), pa.scalar("false"))


def _joined(*columns: Any, by: str) -> pa.Array:  # noqa: ANN401 - arrays and scalars
    return pc.binary_join_element_wise(*columns, by)


def write_day(fleet: Fleet, folder: Path) -> int:
    """Write the reports of the next day as collectors name them, and return their bytes."""
    day, written = fleet.next_day(), 0
    for number, text in fleet.reports():
        path = folder / f"{day:%Y-%m-%d}" / f"credentialReport_{number}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        written += path.write_bytes(text.encode())
    return written
