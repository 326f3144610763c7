"""The result of a history: how long failures stayed open, and the counts that all outputs show."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.control import Severity
from analyzer.controls.vocabulary import counted
from analyzer.errors import first_few
from analyzer.evidence.answer import checklist_in_words, incomplete, not_added, without_column_in_words
from analyzer.evidence.checks import check_of, summed_rows
from analyzer.evidence.exit_reason import exit_sentence, exit_without_failures
from analyzer.evidence.schema import COVERAGE, ISSUES, LIFETIMES, MEASURES, TREND, to_arrow, to_pandas
from analyzer.evidence.settings import Settings
from analyzer.evidence.survival import Bounds
from analyzer.evidence.with_issues import WithIssues, issue_codes
from analyzer.reading.issues import Level

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from analyzer.controls.checklist import Check, Checklist

_COUNTS: Final = ("open", "waived", "closed", "lost_sight", "reopened", "not_checked", "manual")
IDENTITY: Final = (
    "A user is identified by account, name and creation time; a key by its user and creation time, not by its slot."
)


class Undecided(NamedTuple):
    """The number of checks of a control that the newest snapshots cannot decide; `manual` of them are manual checks."""

    not_checked: int
    manual: int
    waived: int
    manual_waived: int

    def not_waived(self, *, strict: bool) -> int:
        """Return the number without waived checks; manual checks count only with `strict`."""
        return self.not_checked - self.waived - (0 if strict else self.manual - self.manual_waived)


@dataclass(frozen=True)
class History(WithIssues):
    """The lifetimes of failures over many snapshots (columns: `LIFETIMES`, `TREND`, `COVERAGE`)."""

    settings: Settings
    inputs: list[dict[str, Any]]
    """The rows of the inputs table, as in a manifest (see `inputs.input_facts`); for reports from a store only
    `name, sha256, account_id, captured_at`."""
    lifetimes: pd.DataFrame
    trend: pd.DataFrame
    coverage: pd.DataFrame
    issues: pd.DataFrame
    sla_days: int | None = None
    """The deadline for fixes in days (`--sla-days`)."""
    series: tuple[datetime, ...] = ()
    """The reference dates; empty: each snapshot was judged at its own capture time."""
    not_covered: tuple[tuple[str, str], ...] = ()
    """With a series of reference dates: (date, account) pairs for which there was no snapshot."""
    undecided: Mapping[int, Undecided] = field(default_factory=dict)
    """The checks that the newest snapshots cannot decide, by position in the checklist."""
    not_judged: tuple[str, ...] = ()
    """The controls that judged nothing in the newest snapshots, because none has the column that they need."""

    @classmethod
    def of(cls, facts: Mapping[str, Any], tables: Mapping[str, pa.Table]) -> History:
        """Return the history from the `facts` of a manifest and its tables."""
        frames = {name: to_pandas(tables[name]) for name in ("lifetimes", "trend", "coverage", "issues")}
        return cls(
            settings=Settings.of_facts(facts["settings"]),
            inputs=facts["inputs"],
            **frames,
            sla_days=facts["sla_days"],
            series=tuple(datetime.fromisoformat(date) for date in facts["series"]),
            not_covered=tuple((date, account) for date, account in facts["not_covered"]),
            undecided={
                row["check"]: Undecided(*(row[name] for name in Undecided._fields)) for row in facts["undecided"]
            },
            not_judged=tuple(facts.get("not_judged", ())),
        )

    @property
    def _issues_by_code(self) -> dict[str, int]:
        return issue_codes(self.issues["code"].astype("str"))

    @cached_property
    def measures(self) -> list[dict[str, Any]]:
        """The measures of each check: see `measure`."""
        check, nothing = check_of(self.lifetimes, self.settings.checklist), Undecided(0, 0, 0, 0)
        return [
            {"control": judged.control.id, "requirement": judged.requirement}
            | measure(self.lifetimes[check == position], self.sla_days, self.undecided.get(position, nothing))
            for position, judged in enumerate(self.settings.checklist.checks)
        ]

    def is_judged(self, measures: Mapping[str, Any]) -> bool:
        """Whether the counts of a check (`measures`) say anything: some snapshot has the column of its control."""
        return measures["control"] not in self.not_judged or any(measures[name] for name in _COUNTS)

    @cached_property
    def summed(self) -> pd.DataFrame:
        """The lifetimes that sums and charts count, without those of checks that repeat another check."""
        return summed_rows(self.lifetimes, self.settings.checklist)

    @cached_property
    def summed_trend(self) -> pd.DataFrame:
        """The rows of the trend that sums and charts count."""
        return summed_rows(self.trend, self.settings.checklist)

    @cached_property
    def wider_than_sla(self) -> tuple[int, float]:
        """The number of accounts whose usual interval is longer than `sla_days`, and the longest such interval."""
        rows = self.coverage.drop_duplicates("account_id")
        days = rows["usual_days"].dropna().to_numpy(dtype=np.float64)
        wide = days[days > (np.inf if self.sla_days is None else self.sla_days)]
        return len(wide), float(wide.max(initial=0))

    @cached_property
    def tables(self) -> dict[str, pa.Table]:
        """The tables as they are written, by name."""
        schemas = {"lifetimes": LIFETIMES, "trend": TREND, "coverage": COVERAGE, "issues": ISSUES}
        tables = {name: to_arrow(getattr(self, name), schema) for name, schema in schemas.items()}
        return {"measures": pa.Table.from_pylist(self.measures, MEASURES), **tables}

    def measures_for_readers(self, measures: pa.Table) -> pa.Table:
        """Return rows of the table of measures with nulls instead of the counts of checks that judged nothing."""
        is_judged = pa.array(map(self.is_judged, measures.to_pylist()), pa.bool_())
        for position, column in enumerate(measures.schema):
            if pa.types.is_integer(column.type):
                counts = pc.if_else(is_judged, measures.column(position), pa.scalar(None, column.type))
                measures = measures.set_column(position, column, counts)
        return measures

    title: ClassVar[str] = "History of failures"

    @cached_property
    def lines(self) -> list[str]:
        """The answer in lines of text."""
        accounts = self.coverage["account_id"].nunique()
        checklist = self.settings.checklist
        totals = {name: sum(self.measures[at][name] for at in checklist.summed) for name in _COUNTS}
        waived = f" ({totals['waived']:,} of them waived)" if totals["waived"] else ""
        first, last = self.coverage["first"].min(), self.coverage["last"].max()
        span = f", {first:%Y-%m-%d} to {last:%Y-%m-%d}" if accounts else ""
        snapshots = int(self.coverage.drop_duplicates("account_id")["snapshots"].sum())
        sums = [
            f"{counted(totals['open'], 'failure')} open{waived}: {self._sum_in_words(totals)}.",
            *not_added(checklist, {at: self.measures[at]["open"] for at in checklist.not_summed}, "{:,} open".format),
            *self._undecided_in_words(totals),
        ]
        lines = [
            *filter(None, [incomplete(self)]),
            *(sums if any(map(self.is_judged, self.measures)) else []),
            *without_column_in_words(checklist, self.not_judged, "the newest snapshots"),
            f"{counted(snapshots, 'snapshot')} of {counted(accounts, 'account')}{span}; {self._gaps_in_words}.",
        ]
        if self.not_covered:
            pairs = first_few([f"{account} at {date}" for date, account in self.not_covered])
            lines.append(f"Not covered, because there was no snapshot yet: {pairs}.")
        if (sla_line := self.sla_in_words) is not None:
            lines.append(sla_line)
        return lines + checklist_in_words(checklist)

    @property
    def _gaps_in_words(self) -> str:
        """The number of gaps between snapshots, as `credreport store` counts them, and accounts without recent ones."""
        accounts, has_end = self.coverage["account_id"].astype("str"), self.coverage["gap_to"].notna().to_numpy()
        words = f"{counted(int(has_end.sum()), 'gap')} with missing snapshots"
        if has_end.any():
            words += f" ({first_few(list(accounts[has_end].unique()))})"
        if (stopped := self.coverage[self.coverage["gap_from"].notna().to_numpy() & ~has_end]).empty:
            return words
        since = [
            f"{account} since {time:%Y-%m-%d}"
            for account, time in zip(accounts[stopped.index], stopped["gap_from"], strict=True)
        ]
        return f"{words}; no recent snapshot of {counted(len(since), 'account')} ({first_few(since)})"

    def _sum_in_words(self, totals: Mapping[str, int]) -> str:
        """Return the counts that add up to the open failures: in the oldest snapshots, opened, closed and lost."""
        oldest = int(self.summed["censored_left"].sum())
        since = len(self.summed) - oldest
        back = f" ({totals['reopened']:,} had been fixed before)" if totals["reopened"] else ""
        lost = f", minus {totals['lost_sight']:,} lost to follow-up" if totals["lost_sight"] else ""
        return (
            f"{oldest:,} in the oldest snapshots, plus {since:,} opened since{back}, minus {totals['closed']:,} closed"
            f"{lost}"
        )

    @property
    def sla_in_words(self) -> str | None:
        """A sentence if the snapshots are too far apart for the deadline; None if they are not."""
        accounts, days = self.wider_than_sla
        if not accounts:
            return None
        share = f"{accounts:,} of {counted(self.coverage['account_id'].nunique(), 'account')}"
        return (
            f"The deadline of {counted(self.sla_days or 0, 'day')} is shorter than the usual time between snapshots of "
            f"{share} (up to {math.ceil(days):,} days): these snapshots cannot show whether a fix was in time."
        )

    def _undecided_in_words(self, totals: Mapping[str, int]) -> list[str]:
        """Return the line on checks that the newest snapshots cannot decide; no line if there are none."""
        not_checked, manual = totals["not_checked"] - totals["manual"], totals["manual"]
        parts = [f"{not_checked:,} not checked"] if not_checked else []
        if manual:
            parts.append(counted(manual, "manual check"))
        return [f"In the newest snapshots: {', '.join(parts)}."] if parts else []

    @property
    def method(self) -> list[str]:
        """The method in lines of text."""
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
            (
                "Snapshots are missing where an interval is longer than 1.5 times the usual interval of the account "
                "(the median of its intervals, at least a day)."
            ),
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
        """The counts as plain data, for the manifest and `--json`."""
        return {
            "settings": self.settings.facts,
            "sla_days": self.sla_days,
            "series": [f"{date:%Y-%m-%dT%H:%M:%S.%fZ}" for date in self.series],
            "measures": self.measures,
            "not_covered": [list(pair) for pair in self.not_covered],
            "undecided": [{"check": position, **counts._asdict()} for position, counts in self.undecided.items()],
            **({"not_judged": list(self.not_judged)} if self.not_judged else {}),
            "issues": self.issue_counts,
            "inputs": self.inputs,
        }

    @property
    def exit_code(self) -> int:
        """0: nothing is open in the newest snapshots; 1: something is open; 3: some input was not read."""
        return self.exit_code_of()

    def open_count(self, *, fail_on: Severity | str = Severity.LOW, strict: bool = False) -> int:
        """Return the number of checks that count for exit code 1 (see `exit_code_of`)."""
        at = check_of(self.lifetimes[self._is_open], self.settings.checklist)
        positions = self.settings.checklist.counting(Severity(fail_on))
        undecided = [self.undecided[position] for position in positions if position in self.undecided]
        return int(np.isin(at, positions).sum()) + sum(counts.not_waived(strict=strict) for counts in undecided)

    @property
    def _is_open(self) -> npt.NDArray[np.bool_]:
        """Which failures are open and not waived."""
        return np.asarray((self.lifetimes["state"] == "open").to_numpy() & self.lifetimes["waiver"].isna().to_numpy())

    def __repr__(self) -> str:
        """Return the kind, the dates and the open failures, instead of all tables."""
        first, last = self.coverage["first"].min(), self.coverage["last"].max()
        return f"<History of {first:%Y-%m-%d} to {last:%Y-%m-%d}: {self.lines[0]}>"

    def exit_code_of(self, *, fail_on: Severity | str = Severity.LOW, strict: bool = False) -> int:
        """Return the exit code if only controls of severity `fail_on` or higher count: see `Summary.exit_code_of`."""
        if self.has_issues(Level.REPAIRED if strict else Level.REJECTED):
            return 3
        return 1 if self.open_count(fail_on=fail_on, strict=strict) else 0

    def exit_reason(self, *, fail_on: Severity = Severity.LOW, strict: bool = False, exit_zero: bool = False) -> str:
        """Return in a sentence the reason for the exit code; `exit_zero` turns 1 into 0."""
        code = self.exit_code_of(fail_on=fail_on, strict=strict)
        if code != 1:
            return exit_without_failures(self, code, fail_on)
        return exit_sentence(*self._open_checks(fail_on, strict=strict), fail_on=fail_on, exit_zero=exit_zero)

    def _open_checks(self, fail_on: Severity, *, strict: bool) -> tuple[list[Check], list[Check], list[Check]]:
        """Return the checks of severity `fail_on` or higher that are open in the newest snapshots.

        The three lists are: checks with failures, with results that are not checked, and with manual checks (only with
        `strict`).
        """
        checks = self.settings.checklist.checks
        failing = set(check_of(self.lifetimes[self._is_open], self.settings.checklist).tolist())
        undecided = {at for at, counts in self.undecided.items() if counts.not_waived(strict=False)}
        manual = {
            at
            for at, counts in self.undecided.items()
            if counts.not_waived(strict=True) > counts.not_waived(strict=False)
        }
        counting = self.settings.checklist.counting(fail_on)

        def checks_at(positions: set[int]) -> list[Check]:
            return [checks[position] for position in counting if position in positions]

        return checks_at(failing), checks_at(undecided), checks_at(manual if strict else set())


def count_undecided(rows: pd.DataFrame, checklist: Checklist) -> dict[int, Undecided]:
    """Return the counts of `rows` (columns: `UNDECIDED`) by position in the checklist."""
    manual, waived = (column.to_numpy(dtype=bool) for column in (rows["manual"], rows["waiver"].notna()))
    flags = {"not_checked": True, "manual": manual, "waived": waived, "manual_waived": manual & waived}
    counts = pd.DataFrame(flags, index=range(len(rows))).groupby(check_of(rows, checklist)).sum()
    return {int(at): Undecided(*map(int, row)) for at, *row in counts.itertuples()}


def measure(lifetimes: pd.DataFrame, sla_days: int | None, undecided: Undecided) -> dict[str, Any]:
    """Return the counts of a check's lifetimes by state, and the days that fixes took.

    `waived` counts those of `open` that a waiver covers. `not_checked` counts the checks that the newest snapshots
    cannot decide, and `manual` the manual checks among them.

    Days and shares are bounds (see `Bounds`). `median_days` and `p90_days` are Kaplan-Meier estimates, because open
    failures are censored; they are None if fewer failures were fixed. `within_sla` is the share that was fixed within
    `sla_days`, by the same estimates.
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
