"""What a history found: how long failures stayed open over many snapshots, and the counts that every output shows."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from analyzer.controls.control import Severity
from analyzer.controls.vocabulary import counted
from analyzer.errors import first_few
from analyzer.evidence.answer import (
    checklist_in_words,
    exit_sentence,
    exit_without_failures,
    incomplete,
    not_added,
)
from analyzer.evidence.checks import check_of, summed_rows
from analyzer.evidence.schema import COVERAGE, ISSUES, LIFETIMES, MEASURES, TREND, to_arrow, to_pandas
from analyzer.evidence.settings import Settings
from analyzer.evidence.summary import WithIssues, issue_codes
from analyzer.evidence.survival import Bounds
from analyzer.reading.issues import Level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyzer.controls.checklist import Check, Checklist

_COUNTS: Final = ("open", "waived", "closed", "lost_sight", "reopened", "not_checked", "manual")
IDENTITY: Final = (
    "A user is identified by account, name and creation time; a key by its user and creation time, not by its slot."
)


class Undecided(NamedTuple):
    """How much of a control the newest snapshots could not decide; `manual` of it is left to a person."""

    not_checked: int
    manual: int
    waived: int
    manual_waived: int

    def left(self, *, strict: bool) -> int:
        """Return how many count: neither waived nor, unless `strict`, left to a person."""
        return self.not_checked - self.waived - (0 if strict else self.manual - self.manual_waived)


@dataclass(frozen=True)
class History(WithIssues):
    """Lifetimes of failures over many snapshots (columns: `LIFETIMES`, `TREND`, `COVERAGE`)."""

    settings: Settings
    inputs: list[dict[str, Any]]
    """What was read, as a manifest keeps it: see `inputs.input_facts`; of a store `name, sha256, account_id,
    captured_at`."""
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
    undecided: Mapping[int, Undecided] = field(default_factory=dict)
    """By check (its position) what could not be decided in the newest snapshots."""

    @classmethod
    def of(cls, facts: Mapping[str, Any], tables: Mapping[str, pa.Table]) -> History:
        """Return the history whose `facts` a manifest keeps, and whose tables are these."""
        frames = {name: to_pandas(tables[name]) for name in ("lifetimes", "trend", "coverage", "issues")}
        return cls(
            settings=Settings.of_facts(facts["settings"]),
            inputs=facts["inputs"],
            **frames,
            sla_days=facts["sla_days"],
            series=tuple(datetime.fromisoformat(date) for date in facts["series"]),
            not_covered=tuple((date, account) for date, account in facts["not_covered"]),
            undecided={
                one["check"]: Undecided(*(one[name] for name in Undecided._fields)) for one in facts["undecided"]
            },
        )

    @property
    def _issues_by_code(self) -> dict[str, int]:
        return issue_codes(self.issues["code"].astype("str"))

    @cached_property
    def measures(self) -> list[dict[str, Any]]:
        """What is measured of each check: see `measure`."""
        check, nothing = check_of(self.lifetimes, self.settings.checklist), Undecided(0, 0, 0, 0)
        return [
            {"control": one.control.id, "requirement": one.requirement}
            | measure(self.lifetimes[check == at], self.sla_days, self.undecided.get(at, nothing))
            for at, one in enumerate(self.settings.checklist.checks)
        ]

    @cached_property
    def summed(self) -> pd.DataFrame:
        """The lifetimes that sums and pictures count: none of them repeats what another one says."""
        return summed_rows(self.lifetimes, self.settings.checklist)

    @cached_property
    def summed_trend(self) -> pd.DataFrame:
        """The rows of the trend that sums and pictures count."""
        return summed_rows(self.trend, self.settings.checklist)

    @cached_property
    def wider_than_sla(self) -> tuple[int, float]:
        """How many accounts have snapshots further apart than the deadline that was asked about, and how many days."""
        rows = self.coverage.drop_duplicates("account_id")
        days = rows["usual_days"][rows["snapshots"].to_numpy() > 1].to_numpy(dtype=np.float64)
        wide = days[days > (np.inf if self.sla_days is None else self.sla_days)]
        return len(wide), float(wide.max(initial=0))

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
        checklist = self.settings.checklist
        totals = {name: sum(self.measures[at][name] for at in checklist.summed) for name in _COUNTS}
        waived = f" ({totals['waived']:,} of them waived)" if totals["waived"] else ""
        first, last = self.coverage["first"].min(), self.coverage["last"].max()
        span = f", {first:%Y-%m-%d} to {last:%Y-%m-%d}" if accounts else ""
        snapshots = int(self.coverage.drop_duplicates("account_id")["snapshots"].sum())
        with_gaps = self.coverage["account_id"][self.coverage["gap_from"].notna().to_numpy()].astype("str").unique()
        missing = f"{counted(gaps, 'gap')} with missing snapshots"
        if gaps:
            missing += f" ({first_few(list(with_gaps))})"
        lines = [
            *filter(None, [incomplete(self)]),
            f"{counted(totals['open'], 'failure')} open{waived}: {self._sum_in_words(totals)}.",
            *not_added(checklist, {at: self.measures[at]["open"] for at in checklist.not_summed}, "{:,} open".format),
            *self._undecided_in_words(totals),
            f"{counted(snapshots, 'snapshot')} of {counted(accounts, 'account')}{span}; {missing}.",
        ]
        if self.not_covered:
            pairs = first_few([f"{account} at {date}" for date, account in self.not_covered])
            lines.append(f"Not covered, because there was no snapshot yet: {pairs}.")
        if (wide := self.sla_in_words) is not None:
            lines.append(wide)
        return lines + checklist_in_words(checklist)

    def _sum_in_words(self, totals: Mapping[str, int]) -> str:
        """Return how those that are open come about: what was there, opened, was closed, and was lost sight of."""
        there = int(self.summed["censored_left"].sum())
        since = len(self.summed) - there
        back = f" ({totals['reopened']:,} had been fixed before)" if totals["reopened"] else ""
        lost = f", {totals['lost_sight']:,} lost to follow-up" if totals["lost_sight"] else ""
        return f"{there:,} in the oldest snapshots, {since:,} opened since{back}, {totals['closed']:,} closed{lost}"

    @property
    def sla_in_words(self) -> str | None:
        """Return that snapshots are too far apart for the deadline that was asked about; None where they are not."""
        accounts, days = self.wider_than_sla
        if not accounts:
            return None
        share = f"{accounts:,} of {counted(self.coverage['account_id'].nunique(), 'account')}"
        return (
            f"The deadline of {counted(self.sla_days or 0, 'day')} is shorter than the usual time between snapshots of "
            f"{share} (up to {math.ceil(days):,} days): these snapshots cannot show whether a fix was in time."
        )

    def _undecided_in_words(self, totals: Mapping[str, int]) -> list[str]:
        """Return the line on what the newest snapshots could not decide, where there is any."""
        not_checked, manual = totals["not_checked"] - totals["manual"], totals["manual"]
        parts = [f"{not_checked:,} not checked"] if not_checked else []
        if manual:
            parts.append(counted(manual, "manual check"))
        return [f"In the newest snapshots: {', '.join(parts)}."] if parts else []

    @property
    def method(self) -> list[str]:
        """How it was found, in lines."""
        dates = ", ".join(f"{date:%Y-%m-%d}" for date in self.series)
        at = f"at {dates}: for each date, the newest snapshot by then" if dates else "each at its own capture time"
        return [
            *self.settings.names_in_words,
            f"Snapshots were judged {at}.",
            (
                "A failure is open as long as each snapshot shows it. The first snapshot in which the check no longer "
                "fails closes the failure and shows how."
            ),
            (
                "lost_sight: the failure is lost to follow-up. The next snapshot cannot show whether it was fixed, or "
                "snapshots are missing before that one. It is not counted as fixed."
            ),
            "Snapshots are missing where an interval is longer than 1.5 times the usual interval of the account.",
            "censored_left: the check failed already in the account's oldest snapshot. The start is not known.",
            "censored_right: the check still fails in the account's newest snapshot.",
            (
                "Snapshots show the start and the end of a failure only as a range: opened_earliest to opened_latest, "
                "closed_earliest to closed_latest. The start can also be the day on which a limit in days was reached."
            ),
            (
                "median_days, p90_days and within_sla are Kaplan-Meier estimates (J. Am. Stat. Assoc. 53, 1958), "
                "because open failures have no end yet. All estimates that fit the snapshots lie between _min and _max."
            ),
            (
                "of_unknown_beginning: failures that are not in these estimates, because no earlier snapshot shows the "
                "subject without the failure."
            ),
            "not_checked: checks that the newest snapshots cannot decide, with manual checks. manual: manual checks.",
            IDENTITY,
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
            "undecided": [{"check": at, **one._asdict()} for at, one in self.undecided.items()],
            "issues": self.issue_counts,
            "inputs": self.inputs,
        }

    @property
    def exit_code(self) -> int:
        """0: what the newest snapshots hold passes, is waived or left to a person; 1: not so; 3: input was not read."""
        return self.exit_code_of()

    def exit_code_of(self, *, fail_on: Severity = Severity.LOW, strict: bool = False) -> int:
        """Return the same where checks count that are as severe as `fail_on`, or more: see `Summary.exit_code_of`."""
        if self.has_issues(Level.REPAIRED if strict else Level.REJECTED):
            return 3
        return 1 if any(self._open_checks(fail_on, strict=strict)) else 0

    def exit_reason(self, *, fail_on: Severity = Severity.LOW, strict: bool = False, exit_zero: bool = False) -> str:
        """Return in a sentence what makes the exit code; `exit_zero` turns 1 into 0."""
        code = self.exit_code_of(fail_on=fail_on, strict=strict)
        if code != 1:
            return exit_without_failures(self, code, fail_on)
        return exit_sentence(*self._open_checks(fail_on, strict=strict), exit_zero=exit_zero)

    def _open_checks(self, fail_on: Severity, *, strict: bool) -> tuple[list[Check], list[Check], list[Check]]:
        """Return the checks, as severe as `fail_on` or more, of which the newest snapshots have something open.

        Those that fail there, those undecided, and with `strict` those left to a person.
        """
        checks = self.settings.checklist.checks
        is_open = (self.lifetimes["state"] == "open") & self.lifetimes["waiver"].isna()
        failing = set(check_of(self.lifetimes[is_open.to_numpy()], self.settings.checklist).tolist())
        undecided = {at for at, one in self.undecided.items() if one.left(strict=False)}
        manual = {at for at, one in self.undecided.items() if one.left(strict=True) > one.left(strict=False)}
        some = (failing, undecided, manual if strict else set[int]())
        found = [[checks[at] for at in self.settings.checklist.counting(fail_on) if at in these] for these in some]
        return found[0], found[1], found[2]


def count_undecided(rows: pd.DataFrame, checklist: Checklist) -> dict[int, Undecided]:
    """Return by check (its position) the counts of what could not be decided (columns: `UNDECIDED`)."""
    manual, waived = (one.to_numpy(dtype=bool) for one in (rows["manual"], rows["waiver"].notna()))
    flags = {"not_checked": True, "manual": manual, "waived": waived, "manual_waived": manual & waived}
    counts = pd.DataFrame(flags, index=range(len(rows))).groupby(check_of(rows, checklist)).sum()
    return {int(at): Undecided(*map(int, row)) for at, *row in counts.itertuples()}


def measure(lifetimes: pd.DataFrame, sla_days: int | None, undecided: Undecided) -> dict[str, Any]:
    """Return the counts of a check's lifetimes by state, and how long fixes took.

    `waived` counts open ones that a waiver covers; `not_checked` what the newest snapshots could not decide, `manual`
    how much of it is left to a person.

    The days and shares are bounds, from what is certain of each failure (see `Bounds`): `median_days` and `p90_days`
    are by Kaplan and Meier, since open failures are censored; None where so many were not fixed in the time seen.
    `within_sla` is the share fixed within `sla_days`, by the same estimates.
    """
    state = lifetimes["state"].astype("str").to_numpy()
    counts = {name: int((state == name).sum()) for name in ("open", "closed", "lost_sight")}
    bounds = Bounds.of(lifetimes)
    shares = None if sla_days is None else bounds.closed_within(sla_days)
    median, late = bounds.quantile(0.5), bounds.quantile(0.9)
    return {
        **counts,
        "waived": int(lifetimes["waiver"].notna().sum()),
        "reopened": int((lifetimes["reopened"] > 0).sum()),
        "of_unknown_beginning": len(lifetimes) - bounds.count,
        "median_days_min": median[0],
        "median_days_max": median[1],
        "p90_days_min": late[0],
        "p90_days_max": late[1],
        "within_sla_min": None if shares is None else round(shares[0], 4),
        "within_sla_max": None if shares is None else round(shares[1], 4),
        "not_checked": undecided.not_checked,
        "manual": undecided.manual,
    }
