"""What a history found, and what a comparison found: tables, and the counts that every output shows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import pyarrow as pa

from analyzer.controls.vocabulary import counted
from analyzer.evidence.result import Settings, WithIssues, plain_rows, told_of
from analyzer.evidence.schema import FEW, ISSUES, TEXT, to_arrow
from analyzer.evidence.survival import kaplan_meier
from analyzer.reading.columns import TIME
from analyzer.reading.issues import Level

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from analyzer.controls.checklist import Check
    from analyzer.history.store import Added, Contents

LIFETIMES: Final = pa.schema(
    {
        "control": FEW,
        "requirement": FEW,
        "severity": FEW,
        "account_id": FEW,
        "user": TEXT,
        "arn": TEXT,
        "credential": FEW,
        "kind": FEW,
        "key_created": TIME,
        "first_seen": TIME,
        "last_seen": TIME,
        "state": FEW,
        "closed_at": TIME,
        "closed_by": FEW,
        "days_open": pa.int32(),
        "reopened": pa.int32(),
        "censored_left": pa.bool_(),
        "censored_right": pa.bool_(),
        "message": TEXT,
        "source": FEW,
        "line": pa.int32(),
        "waiver": FEW,
    }
)
"""One row for each unbroken run of snapshots in which a subject fails a control.

`state`: `open` (fails in the account's newest snapshot), `closed` (the next snapshot shows that it no longer fails:
`closed_at` is its time, `closed_by` how: deleted, deactivated, used, changed, mfa_enabled or other), or `lost_sight`
(the next snapshot cannot tell, or snapshots are missing before it: no fix is claimed). `days_open` are whole days from
`first_seen` to `closed_at`, else to `last_seen`. `censored_left`: it failed in the account's oldest snapshot, so it is
older than it seems. `reopened`: how often the subject had failed and been closed before. `message`, `source` and `line`
are of the last failing finding. `waiver` is the policy's waiver that covers an open failure."""

TREND: Final = pa.schema(
    {
        "date": pa.date32(),
        "control": FEW,
        "open": pa.int64(),
        "opened": pa.int64(),
        "closed": pa.int64(),
        "accounts": pa.int64(),
    }
)
"""By day (UTC) on which something was captured and by control: failures open at its end, by each account's newest
snapshot until then; how many were first seen, and how many were seen closed, on that day; accounts seen so far."""

COVERAGE: Final = pa.schema(
    {
        "account_id": FEW,
        "first": TIME,
        "last": TIME,
        "snapshots": pa.int64(),
        "usual_days": pa.float64(),
        "gap_from": TIME,
        "gap_to": TIME,
    }
)
"""A row per account, and further ones for each further gap: an interval between two snapshots longer than 1.5 times the
account's usual one (its median, a day at least), or that long a time until the newest snapshot of all (`gap_to` is null
then). `gap_from` is null where there is no gap."""


EVENTS: Final = pa.schema(
    {
        "event": FEW,
        "account_id": FEW,
        "user": TEXT,
        "credential": FEW,
        "kind": FEW,
        "key_created": TIME,
        "was": TIME,
        "is_now": TIME,
        "control": FEW,
        "requirement": FEW,
        "severity": FEW,
        "how": FEW,
        "message": TEXT,
        "old_captured_at": TIME,
        "new_captured_at": TIME,
        "old_source": FEW,
        "old_line": pa.int32(),
        "new_source": FEW,
        "new_line": pa.int32(),
        "waiver": FEW,
    }
)
"""What happened between two snapshots of an account. Events of users and credentials have `was` and `is_now` where an
instant changed; those of findings (`fixed`, `new_failure`, `regressed`, `still_failing`, `not_known`) have the control,
and for `fixed` how: deleted, deactivated, used, changed, mfa_enabled or other. `waiver` is that of the policy which
covers a failure of the newer snapshot."""

KINDS_OF_EVENTS: Final = (
    *("user_created", "user_deleted", "user_recreated"),
    *("password_enabled", "password_disabled", "password_changed", "password_used", "mfa_enabled", "mfa_disabled"),
    *("key_created", "key_deleted", "key_rotated", "key_activated", "key_deactivated", "key_used", "key_moved"),
    *("certificate_created", "certificate_deleted", "certificate_activated", "certificate_deactivated"),
    *("fixed", "new_failure", "regressed", "still_failing", "not_known"),
)
"""What may happen, in the order in which it is told."""

MEASURES: Final = pa.schema(
    {
        "control": FEW,
        "open": pa.int64(),
        "waived": pa.int64(),
        "closed": pa.int64(),
        "lost_sight": pa.int64(),
        "reopened": pa.int64(),
        "of_unknown_beginning": pa.int64(),
        "median_days": pa.int64(),
        "p90_days": pa.int64(),
        "within_sla": pa.float64(),
    }
)
"""A row per control: see `measure`."""

NEW_FAILURES: Final = ("new_failure", "regressed")
"""The events that are failures which were not there before."""


@dataclass(frozen=True)
class History(WithIssues):
    """Lifetimes of failures over many snapshots (columns: `LIFETIMES`, `TREND`, `COVERAGE`)."""

    settings: Settings
    inputs: pd.DataFrame
    lifetimes: pd.DataFrame
    trend: pd.DataFrame
    coverage: pd.DataFrame
    issues: pd.DataFrame
    sla_days: int | None = None
    """The fix deadline that was asked about."""
    series: tuple[datetime, ...] = ()
    """The reference dates; empty: each snapshot was judged at its own capture time."""
    not_covered: tuple[tuple[str, str], ...] = ()
    """With a series of reference dates: (date, account) pairs for which there was no snapshot."""

    @cached_property
    def measures(self) -> list[dict[str, Any]]:
        """What is measured of each control: see `measure`."""
        return [measure(self.lifetimes, one.control.id, self.sla_days) for one in self._controls]

    @property
    def _controls(self) -> list[Check]:
        return list({one.control.id: one for one in self.settings.checklist.checks}.values())

    @cached_property
    def tables(self) -> dict[str, pa.Table]:
        """The tables as they are written, by name."""
        schemas = {"lifetimes": LIFETIMES, "trend": TREND, "coverage": COVERAGE, "issues": ISSUES}
        tables = {name: to_arrow(getattr(self, name), schema) for name, schema in schemas.items()}
        return {"measures": pa.Table.from_pylist(self.measures, MEASURES), **tables}

    title: ClassVar[str] = "History of failures"

    @cached_property
    def lines(self) -> list[str]:
        """The answer in lines."""
        accounts = self.coverage["account_id"].nunique()
        gaps = int(self.coverage["gap_from"].notna().sum())
        names = ("open", "waived", "closed", "lost_sight", "reopened")
        totals = {name: sum(one[name] for one in self.measures) for name in names}
        waived = f" ({totals['waived']:,} of them waived)" if totals["waived"] else ""
        first, last = self.coverage["first"].min(), self.coverage["last"].max()
        span = f", {first:%Y-%m-%d} to {last:%Y-%m-%d}" if accounts else ""
        snapshots = int(self.coverage.drop_duplicates("account_id")["snapshots"].sum())
        sight = f"of {totals['lost_sight']:,} sight was lost"
        came_back = f"{totals['closed']:,} closed, {totals['reopened']:,} came back"
        with_gaps = self.coverage["account_id"][self.coverage["gap_from"].notna().to_numpy()].astype("str").unique()
        missing = f"{counted(gaps, 'gap')} in which snapshots are missing"
        if gaps:
            more = f" and {len(with_gaps) - _NAMED:,} more" if len(with_gaps) > _NAMED else ""
            missing += f" ({', '.join(with_gaps[:_NAMED])}{more})"
        lines = [
            f"{counted(totals['open'], 'failure')} open{waived}; {came_back}; {sight}.",
            f"{counted(snapshots, 'snapshot')} of {counted(accounts, 'account')}{span}; {missing}.",
        ]
        if self.not_covered:
            pairs = ", ".join(f"{account} at {date}" for date, account in self.not_covered[:_NAMED])
            more = f" and {len(self.not_covered) - _NAMED:,} more" if len(self.not_covered) > _NAMED else ""
            lines.append(f"Not covered, without a snapshot by then: {pairs}{more}.")
        return lines + told_of(self.settings.checklist)

    @property
    def method(self) -> list[str]:
        """How it was found, in lines."""
        dates = ", ".join(f"{date:%Y-%m-%d}" for date in self.series)
        at = f"at {dates}, each account by its newest snapshot until then" if dates else "each at its own capture time"
        return [
            f"Snapshots were judged {at}.",
            "A failure lives while its subject fails in each snapshot. The next snapshot closes it, and shows how.",
            "lost_sight: that snapshot cannot tell, or others are missing before it; no fix is claimed.",
            "Missing: an interval longer than 1.5 times the account's usual one.",
            "censored_left: it failed in the account's oldest snapshot already, and began at an unknown time before.",
            "censored_right: the account's newest snapshot shows it still failing.",
            "median_days, p90_days, within_sla: days from first seen to seen closed, by Kaplan and Meier (J. Am. Stat.",
            "Assoc. 53, 1958), since open failures are not over yet; without those of unknown beginning.",
            _IDENTITY,
        ]

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the manifest keeps, and `--json` prints."""
        return {
            "settings": self.settings.facts,
            "sla_days": self.sla_days,
            "series": [f"{date:%Y-%m-%dT%H:%M:%S.%fZ}" for date in self.series],
            "measures": self.measures,
            "not_covered": [list(pair) for pair in self.not_covered],
            "issues": self.issue_counts,
            "inputs": plain_rows(self.inputs),
        }

    @property
    def exit_code(self) -> int:
        """0: nothing is open in the newest snapshots but what is waived; 1: something is; 3: input was not read."""
        if self.has_issues(Level.REJECTED):
            return 3
        return 1 if any(one["open"] > one["waived"] for one in self.measures) else 0


_NAMED: Final = 5
_IDENTITY: Final = "A user is known by account, name and creation; a key by its user and creation, not by its slot."


def measure(lifetimes: pd.DataFrame, control: str, sla_days: int | None) -> dict[str, Any]:
    """Return the counts of a control's lifetimes by state, and how long fixes took.

    `median_days` and `p90_days` are by Kaplan and Meier, since open failures are censored; None where so many were not
    fixed in the time seen. What failed in an account's oldest snapshot already (`censored_left`) has no known beginning
    and is left out of them. `waived` counts open ones that a waiver covers. `within_sla` is the share fixed
    within `sla_days`, by the same estimate.
    """
    mine = lifetimes[(lifetimes["control"] == control).to_numpy()]
    state = mine["state"].astype("str").to_numpy()
    counts = {name: int((state == name).sum()) for name in ("open", "closed", "lost_sight")}
    waived = int(mine["waiver"].notna().sum())
    timed = ~mine["censored_left"].to_numpy(dtype=bool)
    curve = kaplan_meier(mine["days_open"].to_numpy(dtype=np.int64)[timed], (state == "closed")[timed])
    within = None if sla_days is None or not timed.any() else round(1 - float(curve.share_at(sla_days)), 4)
    return {
        "control": control,
        **counts,
        "waived": waived,
        "reopened": int((mine["reopened"] > 0).sum()),
        "of_unknown_beginning": int((~timed).sum()),
        "median_days": curve.quantile(0.5) if timed.any() else None,
        "p90_days": curve.quantile(0.9) if timed.any() else None,
        "within_sla": within,
    }


@dataclass(frozen=True)
class Comparison(WithIssues):
    """Events between an older and a newer snapshot of each account (columns: `EVENTS`)."""

    settings: Settings
    inputs: pd.DataFrame
    events: pd.DataFrame
    issues: pd.DataFrame
    accounts: tuple[str, ...] = ()
    """Accounts with a snapshot on both sides."""
    only_old: tuple[str, ...] = ()
    only_new: tuple[str, ...] = ()

    title: ClassVar[str] = "What changed between two snapshots"

    @cached_property
    def counts(self) -> dict[str, int]:
        """Events by their word, in the order of `KINDS_OF_EVENTS`."""
        counts = self.events["event"].astype("str").value_counts()
        return {name: int(counts[name]) for name in KINDS_OF_EVENTS if name in counts}

    @cached_property
    def closings(self) -> dict[str, int]:
        """What was fixed, by how; the most frequent first."""
        counts = self.events["how"][(self.events["event"] == "fixed").to_numpy()].astype("str").value_counts()
        return {str(how): int(count) for how, count in counts.items()}

    @cached_property
    def new_failures(self) -> pd.DataFrame:
        """The events that are failures which were not there before, without those that a waiver covers."""
        is_new = self.events["event"].isin(list(NEW_FAILURES)).to_numpy()
        return self.events[is_new & self.events["waiver"].isna().to_numpy()]

    @cached_property
    def tables(self) -> dict[str, pa.Table]:
        """The tables as they are written, by name."""
        return {"events": to_arrow(self.events, EVENTS), "issues": to_arrow(self.issues, ISSUES)}

    @cached_property
    def lines(self) -> list[str]:
        """The answer in lines."""
        counts = {name: self.counts.get(name, 0) for name in KINDS_OF_EVENTS}
        how = ", ".join(f"{count:,} {how.replace('_', ' ')}" for how, count in self.closings.items())
        bad = sum(counts[name] for name in NEW_FAILURES)
        waived = f", {bad - len(self.new_failures):,} of them waived" if bad > len(self.new_failures) else ""
        again = f" ({counts['regressed']:,} had been fixed before{waived})" if bad else ""
        lines = [f"{counted(bad, 'new failure')}{again}; {counts['fixed']:,} fixed{f' ({how})' if how else ''}."]
        unknown = f"; of {counts['not_known']:,} it is not known" if counts["not_known"] else ""
        lines.append(f"{counts['still_failing']:,} still failing{unknown}.")
        lines.append(f"{counted(len(self.accounts), 'account')} compared.")
        for side, accounts in (("older", self.only_old), ("newer", self.only_new)):
            if accounts:
                more = f" and {len(accounts) - _NAMED:,} more" if len(accounts) > _NAMED else ""
                lines.append(f"Not compared, on the {side} side only: {', '.join(accounts[:_NAMED])}{more}.")
        return lines + told_of(self.settings.checklist)

    @property
    def method(self) -> list[str]:
        """How it was found, in lines."""
        return [
            "Of each account the newest snapshots of the two sides are compared, each judged at its own capture time.",
            _IDENTITY,
            "What is unknown in either snapshot is no change.",
            "new_failure: it did not fail before. fixed: how says by what. not_known: the newer snapshot cannot tell.",
            "regressed: it had failed in an older snapshot, was fixed, and fails again.",
        ]

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the manifest keeps, and `--json` prints."""
        return {
            "settings": self.settings.facts,
            "events": self.counts,
            "fixed_by": self.closings,
            "accounts": list(self.accounts),
            "only_old": list(self.only_old),
            "only_new": list(self.only_new),
            "issues": self.issue_counts,
            "inputs": plain_rows(self.inputs),
        }

    @property
    def exit_code(self) -> int:
        """0: no new failures but what is waived; 1: some; 3: some input was not read."""
        if self.has_issues(Level.REJECTED):
            return 3
        return 1 if len(self.new_failures) else 0


@dataclass(frozen=True)
class Ingest(WithIssues):
    """What an ingest did."""

    added: Added
    issues: pd.DataFrame

    @property
    def facts(self) -> dict[str, Any]:
        """The same as plain data."""
        return {**asdict(self.added), "issues": self.issue_counts}

    @property
    def exit_code(self) -> int:
        """0; 3 where some input was not kept."""
        return 3 if self.added.refused or self.has_issues(Level.REJECTED) else 0


@dataclass(frozen=True)
class Stored:
    """What a store holds (`accounts` has a row per account: `account_id, snapshots, rows, first, last, gaps`)."""

    accounts: pd.DataFrame
    gaps: pd.DataFrame
    damaged: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, contents: Contents) -> Stored:
        """Return the contents of a store by account."""
        by_account = contents.snapshots.groupby("account_id")
        gaps = contents.gaps.groupby("account_id").size()
        accounts = by_account.agg(
            snapshots=("captured_at", "size"),
            rows=("rows", "sum"),
            first=("captured_at", "min"),
            last=("captured_at", "max"),
        )
        accounts = accounts.assign(gaps=gaps.reindex(accounts.index, fill_value=0)).reset_index()
        return cls(accounts, contents.gaps, contents.damaged)

    @property
    def facts(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "accounts": plain_rows(self.accounts),
            "gaps": plain_rows(self.gaps),
            "damaged": [list(part) for part in self.damaged],
        }
