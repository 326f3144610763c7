"""A batch of reports, judged; and what is kept of each batch when an audit is put together from many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import pandas as pd

from analyzer.evidence.inputs import inputs_table
from analyzer.evidence.result import Audit, Charted, Digest, Settings, Streamed
from analyzer.evidence.schema import TABLES, issues_table, public_tables
from analyzer.judging.judge import judge
from analyzer.judging.waivers import Covered, cover, describe_waivers
from analyzer.reading.issues import IssueLog
from analyzer.reading.layout import SHOWN_ONLY
from analyzer.reading.normalizing import normalize
from analyzer.reading.parsing import parse
from analyzer.survey.selection import IDENTITY, note_users_found_twice, select

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    import pyarrow as pa

    from analyzer.reading.issues import Row
    from analyzer.reading.source import Source

Item = TypeVar("Item")

BATCH: Final = 16_000_000
"""Bytes of CSV that are judged in one go, unless it is said otherwise."""


@dataclass(frozen=True)
class Judged:
    """The tables of some reports (see `Audit`), and what the waivers of the policy cover of them."""

    settings: Settings
    inputs: pd.DataFrame
    users: pd.DataFrame
    credentials: pd.DataFrame
    findings: pd.DataFrame
    accounts: tuple[str, ...]
    covered: Covered

    def whole(self, log: IssueLog) -> Audit:
        """Return them as an audit of their own."""
        waivers = describe_waivers(self.covered, self.settings.checklist, self.accounts, log)
        return Audit(
            settings=self.settings,
            inputs=self.inputs,
            users=self.users,
            credentials=self.credentials,
            findings=self.findings,
            issues=issues_table(log),
            waivers=waivers,
            accounts=self.accounts,
        )

    def arrow(self, tables: Sequence[str]) -> dict[str, pa.Table]:
        """Return the public tables that are wanted, but for `issues`."""
        return public_tables(self, [name for name in tables if name != "issues"])


def judge_sources(
    sources: Sequence[Source], settings: Settings, log: IssueLog, wanted: Collection[str] = tuple(TABLES)
) -> Judged:
    """Read and judge `sources`. Raises InputError where a reference instant is missing.

    Only the tables `wanted` are whole: columns that no control looks at may be left out of others.
    """
    leave_out = () if {"users", "credentials"} & set(wanted) else SHOWN_ONLY
    tables = normalize(parse(sources, log, leave_out=leave_out), sources, log, settings.account_id)
    selection = select(tables, sources, log, as_of=settings.as_of, every_snapshot=settings.every_snapshot)
    findings, credentials = judge(tables, selection, settings.checklist)
    findings, covered = cover(findings, settings.checklist)
    judged = tables.users[list(IDENTITY)].take(np.flatnonzero(selection.judged))
    note_users_found_twice(judged, log, by_capture=settings.every_snapshot)
    return Judged(
        settings,
        inputs_table(sources, tables, selection.judged, selection.as_of),
        tables.users,
        credentials,
        findings,
        tuple(sorted(judged["account_id"].drop_duplicates().astype("str").fillna("unknown"))),
        covered,
    )


@dataclass(frozen=True)
class Part:
    """What is kept of a batch after its tables were written.

    `first` and `last` are the names of its first and last report; `own` is what no other part may have: its snapshots
    (account, and with `every_snapshot` the capture time) and its reports. `undated` says whether it has a report of
    unknown capture time.
    """

    digest: Digest
    charted: Charted | None
    covered: Covered
    inputs: pd.DataFrame
    accounts: tuple[str, ...]
    issues: Sequence[Row]
    first: str
    last: str
    own: frozenset[object]
    undated: bool

    @classmethod
    def of(cls, judged: Judged, sources: Sequence[Source], log: IssueLog, *, drawn: bool = False) -> Part:
        """Keep what is needed of a batch; also for pictures, where they are to be `drawn`."""
        settings, users = judged.settings, judged.users
        digest = Digest.of(users, judged.credentials, judged.findings, settings.checklist)
        own: set[object] = {*digest.known, *(source.identity for source in sources)}
        if settings.every_snapshot:
            pairs = users[["account_id", "captured_at"]].dropna(subset="account_id").drop_duplicates().astype("object")
            own = set(pairs.itertuples(index=False, name=None))
            own |= {(*source.identity, source.captured_at) for source in sources}
        return cls(
            digest,
            Charted.of(judged.credentials, judged.findings, settings.checklist) if drawn else None,
            judged.covered,
            judged.inputs,
            judged.accounts,
            log.rows,
            sources[0].name,
            sources[-1].name,
            frozenset(own),
            any(source.captured_at is None for source in sources),
        )


def batches(items: Iterable[Item], size: int, size_of: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Yield the items in batches of about `size`, as `size_of` counts it."""
    batch: list[Item] = []
    held = 0
    for item in items:
        batch.append(item)
        held += size_of(item)
        if held >= size:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def joined(parts: Sequence[Part], settings: Settings, log: IssueLog) -> Streamed:
    """Return an audit of all parts; `log` has the issues that are of none of them."""
    every = IssueLog([*log.rows, *(row for part in parts for row in part.issues)])
    accounts = tuple(sorted({account for part in parts for account in part.accounts}))
    charted = [part.charted for part in parts if part.charted is not None]
    covered = Covered.joined([part.covered for part in parts])
    waivers = describe_waivers(covered, settings.checklist, accounts, every)
    return Streamed(
        settings=settings,
        inputs=pd.concat([part.inputs for part in parts]).sort_values("name", kind="stable", ignore_index=True),
        issues=issues_table(every),
        waivers=waivers,
        accounts=accounts,
        kept=Digest.joined([part.digest for part in parts], settings.checklist),
        drawn=Charted.joined(charted) if charted else None,
    )
