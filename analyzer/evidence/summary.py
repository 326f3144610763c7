"""The summary of an audit that all outputs show; it depends only on the settings, the inputs and the tallies."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from analyzer.controls.control import Severity
from analyzer.controls.vocabulary import JUDGED_KINDS, Outcome, Reason, RequirementStatus, Status, counted, span
from analyzer.evidence.counted import UNKNOWN_ACCOUNT, Findings, counted_by
from analyzer.evidence.coverage import about_accounts, coverage_facts, missing_accounts, missing_in_words, names_of
from analyzer.evidence.keys import keys_of
from analyzer.evidence.plain import iso, plain_rows
from analyzer.evidence.requirements import ByAccount, by_requirement
from analyzer.evidence.tally import Tally, counts_of, covered_of
from analyzer.evidence.with_issues import WithIssues
from analyzer.judging.waivers import describe_waivers
from analyzer.reading.issues import IssueLog, Level
from analyzer.reading.layout import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    import pyarrow as pa

    from analyzer.controls.checklist import Checklist
    from analyzer.evidence.counted import Flags
    from analyzer.evidence.coverage import PartOf
    from analyzer.evidence.settings import Settings
    from analyzer.evidence.tables import Tables
    from analyzer.judging.waivers import Covered

_SHOWN_OUTCOMES: Final = (*Status, Outcome.INACTIVE)


@dataclass(frozen=True)
class Summary(WithIssues):
    """The summary of an audit.

    `inputs` has a row per report (see `analyzer.evidence.inputs`). `tallies` has the columns of `schema.TALLIES`.
    `trend` has the columns of `schema.TREND_OF_AUDIT`, or is None if no account has a snapshot before the judged one.
    """

    settings: Settings
    inputs: pd.DataFrame
    tallies: pa.Table
    trend: pa.Table | None = field(default=None, kw_only=True)
    coverage: pa.Table | None = field(default=None, kw_only=True)
    """The expected accounts and their reports (columns: `schema.COVERAGE_OF_AUDIT`); None without an accounts list."""
    compared: Mapping[str, Mapping[str, int]] = field(default_factory=dict, kw_only=True)
    """For each given list of people, the number of pairs of row and user by `people.Match`."""
    part: PartOf | None = field(default=None, kw_only=True)
    tables: Tables | None = field(default=None, kw_only=True, repr=False, compare=False)
    """The tables, for counts that the tallies do not have."""

    @property
    def checklist(self) -> Checklist:
        """The controls that were judged."""
        return self.settings.checklist

    # --- what was read ------------------------------------------------------------------------------------------------

    @property
    def _issues_by_code(self) -> dict[str, int]:
        issues = counts_of(self.tallies, Tally.ISSUES)
        return {str(code): int(count) for code, count in zip(issues["reason"], issues["count"], strict=True)}

    @cached_property
    def _users(self) -> pd.DataFrame:
        return counts_of(self.tallies, Tally.USERS)

    @property
    def rows(self) -> int:
        """The number of judged rows, with those of root."""
        return int(self._users["count"].sum())

    @property
    def root_rows(self) -> int:
        """The number of judged rows of root."""
        return int(self._users["count"][self._users["kind"] == "root"].sum())

    @property
    def known_accounts(self) -> int:
        """The number of known accounts in the judged rows."""
        return int(self._users["account_id"].nunique())

    @property
    def some_unknown(self) -> bool:
        """Whether there are judged rows without a known account."""
        return bool(self._users["account_id"].isna().any())

    @cached_property
    def accounts(self) -> tuple[str, ...]:
        """The accounts of the judged rows, sorted; `unknown` stands for rows without a known account."""
        return tuple(sorted(set(self._users["account_id"].fillna(UNKNOWN_ACCOUNT))))

    @property
    def missing_accounts(self) -> str:
        """See `WithIssues`."""
        if self.coverage is None:
            return ""
        return f"{missing_accounts(self.coverage)}: {missing_in_words(self.coverage)}"

    @cached_property
    def account_names(self) -> dict[str, str]:
        """The names in the list of accounts, by account number."""
        return {} if self.coverage is None else names_of(self.coverage)

    @cached_property
    def reference_instants(self) -> list[pd.Timestamp]:
        """The distinct reference dates of the judged reports, oldest first."""
        judged = self.inputs.loc[self.inputs["judged"].astype(bool), "as_of"]
        return sorted(judged.dropna().unique())

    @property
    def other_snapshots(self) -> int:
        """The number of reports with rows of which none was judged, because other snapshots of the accounts were."""
        not_judged = self.inputs.loc[~self.inputs["judged"].astype(bool), "accounts"]
        return sum(1 for parts in not_judged if parts)

    @cached_property
    def trends(self) -> dict[str, dict[str, int]]:
        """The counts of `trend` by control, summed over all accounts with a snapshot before the judged one."""
        if self.trend is None:
            return {}
        counts = ("open", "open_before", "new", "fixed", "undecided")
        rows = self.trend.select(["control", *counts]).to_pandas()
        sums = rows.groupby("control", observed=True, sort=False)[list(counts)].sum()
        return {str(control): {str(k): int(v) for k, v in row.items()} for control, row in sums.iterrows()}

    # --- findings -----------------------------------------------------------------------------------------------------

    @cached_property
    def findings_counted(self) -> Findings:
        """All findings, counted by check, account, status and reason."""
        return Findings.of(counts_of(self.tallies, Tally.FINDINGS), self.checklist, self.accounts)

    @cached_property
    def manual_accounts(self) -> dict[int, int]:
        """The number of accounts with a manual check, by position in the checklist, without zeros."""
        counts = self.findings_counted
        is_manual = counts.is_manual
        pairs = set(zip(counts.check[is_manual].tolist(), counts.account[is_manual].tolist(), strict=True))
        return dict(sorted(Counter(check for check, _ in pairs).items()))

    @property
    def made_later(self) -> int:
        """The number of findings on users and credentials that were created after the reference date."""
        findings = self.findings_counted
        return findings.number(findings.because(Reason.CREATED_AFTER_AS_OF))

    @property
    def unused_later(self) -> int:
        """The number of credentials that `unused-credentials` leaves out: they are newer than the reference date."""
        return self._unused_because(Reason.CREATED_AFTER_AS_OF)

    @property
    def in_doubt(self) -> int:
        """The number of credentials that `unused-credentials` cannot decide: the order of their reports is unknown."""
        return self._unused_because(Reason.ORDER_UNKNOWN)

    def _unused_because(self, reason: Reason) -> int:
        if self.checklist.unused is None:
            return 0
        findings, unused = self.findings_counted, self.checklist.unused_position
        return findings.number((findings.check == unused) & findings.because(reason))

    def in_doubt_of(self, kind: Kind) -> int:
        """Return the number of these credentials (see `in_doubt`) of one kind."""
        rows = counts_of(self.tallies, Tally.IDLE)
        return int(rows["count"][(rows["kind"] == kind) & (rows["reason"] == Reason.ORDER_UNKNOWN)].sum())

    @cached_property
    def open_subjects(self) -> pd.DataFrame:
        """IAM users, root users and accounts with open checks, by `kind` (user, root, account), account and severity.

        `fail` counts those with a failure, `not_checked` those without a failure but with a check that is not checked.
        `severity` is that of the most severe open check. Waived checks and manual checks are not open. A user counts
        once per snapshot.
        """
        rows = counts_of(self.tallies, Tally.OPEN)
        statuses = [Status.FAIL, Status.NOT_CHECKED]
        frame = rows[["kind", "severity", "count"]].assign(account_id=rows["account_id"].fillna(UNKNOWN_ACCOUNT))
        for status in statuses:
            frame[status.value] = frame["count"].where((rows["status"] == status).to_numpy(), 0)
        keys = ["kind", "account_id", "severity"]
        return frame.groupby(keys)[[status.value for status in statuses]].sum().reset_index()

    @property
    def open_by_kind(self) -> dict[str, int]:
        """The number of IAM users, root users and accounts with open checks, by kind, without zeros."""
        sums = self.open_subjects.groupby("kind")[[Status.FAIL.value, Status.NOT_CHECKED.value]].sum().sum(axis=1)
        return {str(kind): int(count) for kind, count in sums.items()}

    @property
    def grave_subjects(self) -> int:
        """The number of IAM users, root users and accounts with an open check of severity critical or high."""
        subjects = self.open_subjects
        grave = subjects[subjects["severity"].isin([Severity.CRITICAL, Severity.HIGH])]
        return int(grave[[Status.FAIL.value, Status.NOT_CHECKED.value]].to_numpy().sum())

    @cached_property
    def by_control(self) -> list[dict[str, int]]:
        """The number of findings of each check, by status.

        Also `judged` (all that are applicable); `waived`; `manual` (manual checks that are not waived); `open`
        (failures and not checked, without waived and manual checks).
        """
        findings, size = self.findings_counted, len(self.checklist.checks)
        return _rows(findings.sums(findings.check, size))

    @cached_property
    def by_account(self) -> pd.DataFrame:
        """The same numbers by account (the index; `unknown` stands for no known account), most failures first."""
        findings = self.findings_counted
        sums = findings.sums(findings.account, len(self.accounts), np.isin(findings.check, list(self.checklist.summed)))
        counts = pd.DataFrame(sums, index=pd.Index(self.accounts, dtype="str", name="account_id"))
        # The accounts are sorted already, and a stable sort keeps that order among equal counts.
        return counts.take(np.lexsort((-sums[Status.NOT_CHECKED], -sums[Status.FAIL])))

    @cached_property
    def matrix(self) -> dict[Status, pd.DataFrame]:
        """For each status, the number of findings by check (rows) and account (columns, most failures first)."""
        return {status: self._crossed(status) for status in Status}

    @cached_property
    def open_matrix(self) -> dict[Status, pd.DataFrame]:
        """The same numbers for failures and not checked, without waived findings."""
        is_open = self.findings_counted.is_open
        return {status: self._crossed(status, is_open) for status in (Status.FAIL, Status.NOT_CHECKED)}

    @cached_property
    def manual_matrix(self) -> pd.DataFrame:
        """The number of manual checks that are not waived, by check and account as in `matrix`."""
        return self._crossed(Status.NOT_CHECKED, self.findings_counted.is_manual)

    def _crossed(self, status: Status, where: Flags | None = None) -> pd.DataFrame:
        counts = self.findings_counted.matrix(len(self.checklist.checks), status, where)
        return pd.DataFrame(counts, columns=pd.Index(self.accounts, dtype="str"))[list(self.by_account.index)]

    @cached_property
    def totals(self) -> dict[str, int]:
        """The sums of `by_control` over the checks that do not repeat another check (see `Checklist.summed`)."""
        counted = [self.by_control[number] for number in self.checklist.summed]
        return {name: sum(counts[name] for counts in counted) for name in counted[0]}

    @cached_property
    def unused(self) -> dict[str, int] | None:
        """The numbers of `unused-credentials` alone; None if it was not judged."""
        if self.checklist.unused is None:
            return None
        return self.by_control[self.checklist.unused_position]

    @cached_property
    def requirements(self) -> list[ByAccount]:
        """The results of the framework's requirements by account; empty if no framework was chosen."""
        return by_requirement(self.findings_counted, self.checklist)

    @cached_property
    def covered(self) -> Covered:
        """The findings that the waivers of the policy cover and match."""
        return covered_of(self.tallies, self.checklist)

    @cached_property
    def waivers(self) -> pd.DataFrame:
        """A row per waiver of the policy (columns: `judging.waivers.describe_waivers`)."""
        return describe_waivers(self.covered, self.checklist, self.accounts, IssueLog())

    @cached_property
    def waived_manual(self) -> dict[str, int]:
        """The number of manual checks that each waiver covers, by its id, without zeros."""
        rows = counts_of(self.tallies, Tally.FINDINGS)
        rows = rows[(rows["reason"] == Reason.MANUAL) & rows["waiver"].notna()]
        return {str(waiver): int(count) for waiver, count in rows.groupby("waiver")["count"].sum().items()}

    # --- credentials --------------------------------------------------------------------------------------------------

    @cached_property
    def counts(self) -> pd.DataFrame:
        """The number of credentials by kind (password, access_key) and outcome (all of `Outcome`)."""
        rows = counts_of(self.tallies, Tally.CREDENTIALS)
        return counted_by(rows["kind"], rows["status"], rows["count"]).reindex(
            index=list(JUDGED_KINDS), columns=list(Outcome), fill_value=0
        )

    def count(self, kind: Kind, outcome: Outcome | Status) -> int:
        """Return the number of credentials of `kind` with this outcome."""
        return int(self.counts.to_numpy()[JUDGED_KINDS.index(kind), list(Outcome).index(Outcome(outcome))])

    @cached_property
    def idle(self) -> pd.DataFrame:
        """The number (`count`) of findings of `unused-credentials`, by `is_password`, `status` and idle `days`.

        `status` is a position in `Status`. `days` is -1 if the idle days are not exactly known.
        """
        rows = counts_of(self.tallies, Tally.IDLE)
        statuses = list(Status)
        frame = pd.DataFrame(
            {
                "is_password": (rows["kind"] == Kind.PASSWORD).to_numpy(),
                "status": np.array([statuses.index(status) for status in rows["status"]], np.int64),
                "days": rows["idle_days"].fillna(-1).to_numpy(np.int64),
                "count": rows["count"].to_numpy(np.int64),
            }
        )
        return frame.sort_values(["is_password", "status", "days"], ignore_index=True)

    @cached_property
    def keys(self) -> pd.DataFrame:
        """The access keys that pass or fail, by age and idle days (see `keys_of`); they are read from the tables."""
        if self.tables is None:
            raise TypeError("this summary has no tables to count keys from")
        return keys_of(self.tables)

    def __repr__(self) -> str:
        """Return the kind, the reference date and the counts, instead of all tables."""
        counts = ", ".join(
            f"{self.totals[name]:,} {name.replace('_', ' ')}" for name in ("fail", "not_checked", "pass")
        )
        dates = sorted({f"{instant:%Y-%m-%d}" for instant in self.reference_instants})
        when = span(dates[0], dates[-1]) if dates else "no date"
        return f"<Summary of an audit, {when}: {counted(len(self.accounts), 'account')}; checks: {counts}>"

    # --- the answer ---------------------------------------------------------------------------------------------------

    @property
    def exit_code(self) -> int:
        """0: nothing is open; 1: some checks fail or are not checked; 3: some input was not read."""
        return self.exit_code_of()

    def exit_code_of(self, *, fail_on: Severity | str = Severity.LOW, strict: bool = False) -> int:
        """Return the exit code if only controls of severity `fail_on` or higher count. 3 goes before 1.

        Raises ValueError for a text that is not a severity.
        With `strict`, repaired rows, unreadable cells and doubtful reports also give 3, and manual checks also give 1.
        """
        if self.has_issues(Level.REPAIRED if strict else Level.REJECTED):
            return 3
        return 1 if self.open_count(fail_on=fail_on, strict=strict) else 0

    def open_count(self, *, fail_on: Severity | str = Severity.LOW, strict: bool = False) -> int:
        """Return the number of checks that count for exit code 1 (see `exit_code_of`)."""
        return sum(
            self.open_by_check[position][Status.FAIL] + self.undecided_of(position, strict=strict)
            for position in self.checklist.counting(Severity(fail_on))
        )

    @cached_property
    def open_by_check(self) -> list[dict[str, int]]:
        """The number of failures (`fail`) and not checked (`not_checked`) of each check, without waived findings."""
        findings, size = self.findings_counted, len(self.checklist.checks)
        sums = findings.sums(findings.check, size, findings.is_open)
        return [{name: row[name] for name in (Status.FAIL, Status.NOT_CHECKED)} for row in _rows(sums)]

    def undecided_of(self, number: int, *, strict: bool = False) -> int:
        """Return the number of findings of a check that are not checked; manual checks count only with `strict`."""
        manual = 0 if strict else self.by_control[number]["manual"]
        return self.open_by_check[number][Status.NOT_CHECKED] - manual

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The counts as plain data, for `--json` and the manifest."""
        return {
            "benchmark": self.checklist.benchmark.id if self.checklist.benchmark else None,
            "requirements_of": self.checklist.numbers_of.id,
            "policy": {"name": self.checklist.policy.name, "sha256": self.checklist.policy.sha256}
            if self.checklist.policy
            else None,
            "switched_off": list(self.checklist.left_out),
            "as_of": [iso(instant) for instant in self.reference_instants],
            **self.totals,
            "open_subjects": self._open_facts,
            "by_control": [
                {
                    "control": check.control.id,
                    "requirement": check.requirement,
                    "severity": check.severity.value,
                    "parameters": dict(check.parameters),
                    "set_by": dict(check.set_by),
                    **counts,
                    "summed": number in self.checklist.summed,
                }
                for number, (check, counts) in enumerate(zip(self.checklist.checks, self.by_control, strict=True))
            ],
            **self._requirement_facts,
            "by_kind": {
                kind: {outcome: int(self.counts.loc[kind, outcome]) for outcome in _SHOWN_OUTCOMES}
                for kind in JUDGED_KINDS
            }
            if self.checklist.unused
            else {},
            "by_account": self._account_facts,
            "waivers": plain_rows(self.waivers),
            "reports": len(self.inputs),
            "reports_judged": int(self.inputs["judged"].sum()),
            "rows": int(self.inputs["rows"].sum()),
            "rows_rejected": int(self.inputs["rejected"].sum()),
            "rows_not_judged": sum(
                part["rows"] for parts in self.inputs["accounts"] for part in parts if part["role"] != "judged"
            ),
            "users": self.rows,
            "root_rows": self.root_rows,
            "issues": self.issue_counts,
        } | self._optional_facts

    @property
    def _optional_facts(self) -> dict[str, Any]:
        """The counts that need an earlier snapshot, or a list of accounts or people."""
        matches = {name: dict(counts) for name, counts in self.compared.items()}
        return self._trend_facts | coverage_facts(self.coverage) | matches

    @property
    def _account_facts(self) -> dict[str, Any]:
        """The counts and failing controls of each account; also its name and owner if a list of accounts was given."""
        failing, about = self._failing_controls(), about_accounts(self.coverage)
        return {
            str(account): {
                **about(str(account)),
                **counts,
                "failing": failing[str(account)],
            }
            for account, counts in zip(self.by_account.index, _rows(self.by_account), strict=True)
        }

    @property
    def _requirement_facts(self) -> dict[str, Any]:
        """The number of accounts with each result, by requirement; empty if no framework was chosen."""
        if self.checklist.benchmark is None:
            return {}
        rows = [
            {
                "framework": row.requirement.framework,
                "requirement": row.requirement.own_number,
                "title": row.requirement.title,
                "level": row.requirement.level,
                "assessment": row.requirement.assessment,
                "controls": row.controls,
                "accounts": {status.value: row.accounts(status) for status in RequirementStatus},
            }
            for row in self.requirements
        ]
        return {"by_requirement": rows}

    @property
    def _trend_facts(self) -> dict[str, Any]:
        """The changes since the snapshots before the judged ones; empty if there are no earlier snapshots."""
        if self.trend is None:
            return {}
        spans = {
            name: [iso(time) for time in (min(times), max(times))]
            for name in ("captured_at", "earlier_captured_at")
            if (times := self.trend[name].unique().to_pylist())
        }
        accounts = len(self.trend["account_id"].unique())
        by_control = [{"control": control, **counts} for control, counts in self.trends.items()]
        return {"trend": {"accounts": accounts, **spans, "by_control": by_control}}

    @property
    def _open_facts(self) -> dict[str, int]:
        """The number of IAM users, root users and accounts with open checks."""
        counts = self.open_by_kind
        accounts = self.open_subjects["account_id"].nunique()
        return {"users": counts.get("user", 0), "roots": counts.get("root", 0), "accounts": int(accounts)}

    def _failing_controls(self) -> dict[str, list[dict[str, Any]]]:
        """Return the number of failures of each control by account, without zeros."""
        checks = self.checklist.checks
        counts = self.findings_counted.matrix(len(checks), Status.FAIL).T.tolist()
        return {
            account: [
                {"control": check.control.id, "requirement": check.requirement, "fail": count}
                for check, count in zip(checks, column, strict=True)
                if count
            ]
            for account, column in zip(self.accounts, counts, strict=True)
        }


def _rows(counts: Mapping[str, npt.NDArray[np.int64]] | pd.DataFrame) -> list[dict[str, int]]:
    """Return the rows of a table of counts as dicts."""
    columns = {str(name): column.tolist() for name, column in counts.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
