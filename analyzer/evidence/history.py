"""What a history found: how long failures stayed open over many snapshots, and the counts that every output shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import pyarrow as pa

from analyzer.controls.vocabulary import counted
from analyzer.errors import first_few
from analyzer.evidence.answer import checklist_in_words
from analyzer.evidence.schema import COVERAGE, ISSUES, LIFETIMES, MEASURES, TREND, to_arrow, to_pandas
from analyzer.evidence.settings import Settings
from analyzer.evidence.summary import WithIssues, issue_codes
from analyzer.evidence.survival import kaplan_meier
from analyzer.reading.issues import Level

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from analyzer.controls.checklist import Check

IDENTITY: Final = "A user is known by account, name and creation; a key by its user and creation, not by its slot."


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
        )

    @property
    def _issues_by_code(self) -> dict[str, int]:
        return issue_codes(self.issues["code"].astype("str"))

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
            missing += f" ({first_few(list(with_gaps))})"
        lines = [
            f"{counted(totals['open'], 'failure')} open{waived}; {came_back}; {sight}.",
            f"{counted(snapshots, 'snapshot')} of {counted(accounts, 'account')}{span}; {missing}.",
        ]
        if self.not_covered:
            pairs = first_few([f"{account} at {date}" for date, account in self.not_covered])
            lines.append(f"Not covered, without a snapshot by then: {pairs}.")
        return lines + checklist_in_words(self.settings.checklist)

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
            "issues": self.issue_counts,
            "inputs": self.inputs,
        }

    @property
    def exit_code(self) -> int:
        """0: nothing is open in the newest snapshots but what is waived; 1: something is; 3: input was not read."""
        if self.has_issues(Level.REJECTED):
            return 3
        return 1 if any(one["open"] > one["waived"] for one in self.measures) else 0


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
