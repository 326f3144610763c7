"""What every output shows of an audit: a pure function of its settings, its inputs and its tallies."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from analyzer.controls.control import Severity
from analyzer.controls.vocabulary import JUDGED_KINDS, Met, Outcome, Reason, Status
from analyzer.evidence.counted import UNKNOWN_ACCOUNT, Findings, counted_by
from analyzer.evidence.coverage import about_accounts, coverage_facts, missing_accounts, missing_in_words, names_of
from analyzer.evidence.keys import keys_of
from analyzer.evidence.plain import iso, plain_rows
from analyzer.evidence.requirements import ByAccount, by_requirement
from analyzer.evidence.tally import Tally, counts_of, covered_of
from analyzer.judging.waivers import describe_waivers
from analyzer.reading.issues import CODES, IssueLog, Level
from analyzer.reading.layout import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt
    import pyarrow as pa

    from analyzer.controls.checklist import Checklist
    from analyzer.evidence.counted import Flags
    from analyzer.evidence.coverage import PartOf
    from analyzer.evidence.settings import Settings
    from analyzer.evidence.tables import Tables
    from analyzer.judging.waivers import Covered

_SHOWN_OUTCOMES: Final = (*Status, Outcome.INACTIVE)


class WithIssues:
    """Data issues, counted by code."""

    @property
    def missing_accounts(self) -> str:
        """In words, which expected accounts have no judged report; empty where no list of accounts was given."""
        return ""

    @cached_property
    def issue_counts(self) -> dict[str, int]:
        """Data issues by code, the gravest level first, most frequent first within it."""
        counts = self._issues_by_code
        codes = sorted(counts, key=lambda code: (-CODES[code].level, -counts[code], code))
        return {code: counts[code] for code in codes}

    @property
    def _issues_by_code(self) -> dict[str, int]:
        raise NotImplementedError

    def has_issues(self, level: Level) -> bool:
        """Whether there are issues of `level` or graver."""
        return any(CODES[code].level >= level for code in self.issue_counts)


def issue_codes(codes: Iterable[str]) -> dict[str, int]:
    """Return how often each code stands there."""
    counts = pd.Series(list(codes), dtype="str").value_counts()
    return {str(code): int(count) for code, count in counts.items()}


@dataclass(frozen=True)
class Summary(WithIssues):
    """What every output shows of an audit.

    `inputs` has a row per report: see `analyzer.evidence.inputs`; `tallies` has the columns of `schema.TALLIES`, and
    `trend` those of `schema.TREND_OF_AUDIT`: None where no account has a snapshot before the judged one.
    """

    settings: Settings
    inputs: pd.DataFrame
    tallies: pa.Table
    trend: pa.Table | None = field(default=None, kw_only=True)
    coverage: pa.Table | None = field(default=None, kw_only=True)
    """What was received of the accounts that ought to be there (columns: `schema.COVERAGE_OF_AUDIT`), where a list of
    them was given."""
    compared: Mapping[str, Mapping[str, int]] = field(default_factory=dict, kw_only=True)
    """By list of people that was given, how many of its rows and of the users came to what (see `people.Match`)."""
    part: PartOf | None = field(default=None, kw_only=True)
    tables: Tables | None = field(default=None, kw_only=True, repr=False, compare=False)
    """The tables that were left, for what is not counted beforehand."""

    @property
    def checklist(self) -> Checklist:
        """What was judged."""
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
        """How many rows of reports were judged, root included."""
        return int(self._users["count"].sum())

    @property
    def root_rows(self) -> int:
        """How many of them are of root."""
        return int(self._users["count"][self._users["kind"] == "root"].sum())

    @property
    def known_accounts(self) -> int:
        """How many accounts the judged rows are known to be of."""
        return int(self._users["account_id"].nunique())

    @property
    def some_unknown(self) -> bool:
        """Whether there are judged rows of no known account."""
        return bool(self._users["account_id"].isna().any())

    @cached_property
    def accounts(self) -> tuple[str, ...]:
        """The accounts of the judged rows, also those with nothing to judge; `unknown` for rows of no known one."""
        return tuple(sorted(set(self._users["account_id"].fillna(UNKNOWN_ACCOUNT))))

    @property
    def missing_accounts(self) -> str:
        """See `WithIssues`."""
        if self.coverage is None:
            return ""
        return f"{missing_accounts(self.coverage)}: {missing_in_words(self.coverage)}"

    @cached_property
    def account_names(self) -> dict[str, str]:
        """What the list of accounts calls those that have a name there, by number."""
        return {} if self.coverage is None else names_of(self.coverage)

    @cached_property
    def reference_instants(self) -> list[pd.Timestamp]:
        """The distinct instants at which reports were judged, oldest first."""
        judged = self.inputs.loc[self.inputs["judged"].astype(bool), "as_of"]
        return sorted(judged.dropna().unique())

    @property
    def other_snapshots(self) -> int:
        """How many reports hold rows, none of which is judged: other snapshots of the accounts are."""
        not_judged = self.inputs.loc[~self.inputs["judged"].astype(bool), "accounts"]
        return sum(1 for parts in not_judged if parts)

    @cached_property
    def trends(self) -> dict[str, dict[str, int]]:
        """By control, over all accounts with a snapshot before the judged one: the counts of `trend`."""
        if self.trend is None:
            return {}
        counts = ("open", "open_before", "new", "fixed", "undecided")
        found = self.trend.select(["control", *counts]).to_pandas()
        sums = found.groupby("control", observed=True, sort=False)[list(counts)].sum()
        return {str(control): {str(k): int(v) for k, v in row.items()} for control, row in sums.iterrows()}

    # --- findings -----------------------------------------------------------------------------------------------------

    @cached_property
    def findings_counted(self) -> Findings:
        """All findings, counted by check, account, status and reason."""
        return Findings.of(counts_of(self.tallies, Tally.FINDINGS), self.checklist, self.accounts)

    @cached_property
    def manual_accounts(self) -> dict[int, int]:
        """For checks (by position) that no report can decide somewhere: in how many accounts a person has to look."""
        found = self.findings_counted
        some = found.is_manual
        pairs = set(zip(found.check[some].tolist(), found.account[some].tolist(), strict=True))
        return dict(sorted(Counter(check for check, _ in pairs).items()))

    @property
    def made_later(self) -> int:
        """How many findings are about what was made after the reference instant."""
        found = self.findings_counted
        return found.number(found.because(Reason.CREATED_AFTER_AS_OF))

    @property
    def unused_later(self) -> int:
        """How many credentials were made after the reference instant, so that `unused-credentials` does not apply."""
        return self._unused_because(Reason.CREATED_AFTER_AS_OF)

    @property
    def in_doubt(self) -> int:
        """How many credentials it does not decide, since the order of their reports is not known."""
        return self._unused_because(Reason.ORDER_UNKNOWN)

    def _unused_because(self, reason: Reason) -> int:
        if self.checklist.unused is None:
            return 0
        found, unused = self.findings_counted, self.checklist.checks.index(self.checklist.unused)
        return found.number((found.check == unused) & found.because(reason))

    def in_doubt_of(self, kind: Kind) -> int:
        """Return how many of them are of `kind`."""
        found = counts_of(self.tallies, Tally.IDLE)
        return int(found["count"][(found["kind"] == kind) & (found["reason"] == Reason.ORDER_UNKNOWN)].sum())

    @cached_property
    def open_subjects(self) -> pd.DataFrame:
        """Users, roots and accounts with something open, by `kind` (user, root, account), `account_id` and `severity`.

        `fail` says for how many something fails, `not_checked` for how many nothing fails and something is undecided;
        `severity` is the gravest of what is open there. What is waived or left to a person is not open. Users count
        once a snapshot.
        """
        found = counts_of(self.tallies, Tally.OPEN)
        statuses = [Status.FAIL, Status.NOT_CHECKED]
        frame = found[["kind", "severity", "count"]].assign(account_id=found["account_id"].fillna(UNKNOWN_ACCOUNT))
        for status in statuses:
            frame[status.value] = frame["count"].where((found["status"] == status).to_numpy(), 0)
        keys = ["kind", "account_id", "severity"]
        return frame.groupby(keys)[[status.value for status in statuses]].sum().reset_index()

    @property
    def open_by_kind(self) -> dict[str, int]:
        """How many users, roots and accounts have something open, by kind, where there are some."""
        sums = self.open_subjects.groupby("kind")[[Status.FAIL.value, Status.NOT_CHECKED.value]].sum().sum(axis=1)
        return {str(kind): int(count) for kind, count in sums.items()}

    @property
    def grave_subjects(self) -> int:
        """How many users, roots and accounts have something critical or high open."""
        found = self.open_subjects
        grave = found[found["severity"].isin([Severity.CRITICAL, Severity.HIGH])]
        return int(grave[[Status.FAIL.value, Status.NOT_CHECKED.value]].to_numpy().sum())

    @cached_property
    def by_control(self) -> list[dict[str, int]]:
        """For each check its findings by status.

        And `judged`, their sum without those not applicable; `waived`; `manual`, left to a person and not waived;
        `open`: failing or undecided, without these two.
        """
        found, size = self.findings_counted, len(self.checklist.checks)
        return _rows(found.sums(found.check, size))

    @cached_property
    def by_account(self) -> pd.DataFrame:
        """The same by account (index; `unknown` where no account is known), most failures first."""
        found = self.findings_counted
        sums = found.sums(found.account, len(self.accounts), np.isin(found.check, list(self.checklist.summed)))
        counts = pd.DataFrame(sums, index=pd.Index(self.accounts, dtype="str", name="account_id"))
        # Accounts are in order already, and stay so among themselves.
        return counts.take(np.lexsort((-sums[Status.NOT_CHECKED], -sums[Status.FAIL])))

    @cached_property
    def matrix(self) -> dict[Status, pd.DataFrame]:
        """For each status the findings by check (rows, positions) and account (columns, most failures first)."""
        return {status: self._crossed(status) for status in Status}

    @cached_property
    def open_matrix(self) -> dict[Status, pd.DataFrame]:
        """The same of what fails or could not be decided and is not waived."""
        is_open = self.findings_counted.is_open
        return {status: self._crossed(status, is_open) for status in (Status.FAIL, Status.NOT_CHECKED)}

    def _crossed(self, status: Status, where: Flags | None = None) -> pd.DataFrame:
        counts = self.findings_counted.matrix(len(self.checklist.checks), status, where)
        return pd.DataFrame(counts, columns=pd.Index(self.accounts, dtype="str"))[list(self.by_account.index)]

    @cached_property
    def totals(self) -> dict[str, int]:
        """Findings by status; `judged`, their sum without those not applicable; `waived`, `manual` and `open`.

        Each counts once: see `Checklist.summed`.
        """
        counted = [self.by_control[number] for number in self.checklist.summed]
        return {name: sum(counts[name] for counts in counted) for name in counted[0]}

    @cached_property
    def unused(self) -> dict[str, int] | None:
        """The same for `unused-credentials` alone; None where it was not judged."""
        if self.checklist.unused is None:
            return None
        return self.by_control[self.checklist.checks.index(self.checklist.unused)]

    @cached_property
    def requirements(self) -> list[ByAccount]:
        """What the requirements of the benchmark come to, account by account; empty where none was chosen."""
        return by_requirement(self.findings_counted, self.checklist)

    @cached_property
    def covered(self) -> Covered:
        """What the waivers of the policy cover and match."""
        return covered_of(self.tallies, self.checklist)

    @cached_property
    def waivers(self) -> pd.DataFrame:
        """A row per waiver of the policy (columns: `judging.waivers.describe_waivers`)."""
        return describe_waivers(self.covered, self.checklist, self.accounts, IssueLog())

    # --- credentials --------------------------------------------------------------------------------------------------

    @cached_property
    def counts(self) -> pd.DataFrame:
        """Credentials by kind (password, access_key) and outcome (all of `Outcome`), as whole numbers."""
        found = counts_of(self.tallies, Tally.CREDENTIALS)
        return counted_by(found["kind"], found["status"], found["count"]).reindex(
            index=list(JUDGED_KINDS), columns=list(Outcome), fill_value=0
        )

    def count(self, kind: Kind, outcome: Outcome | Status) -> int:
        """Return how many credentials of `kind` came to `outcome`."""
        return int(self.counts.to_numpy()[JUDGED_KINDS.index(kind), list(Outcome).index(Outcome(outcome))])

    @cached_property
    def idle(self) -> pd.DataFrame:
        """Findings of `unused-credentials` by `is_password`, `status` (position in `Status`) and `days` idle.

        `days` is -1 where they are not exactly known; `count` says how many are so.
        """
        found = counts_of(self.tallies, Tally.IDLE)
        statuses = list(Status)
        frame = pd.DataFrame(
            {
                "is_password": (found["kind"] == Kind.PASSWORD).to_numpy(),
                "status": np.array([statuses.index(one) for one in found["status"]], np.int64),
                "days": found["idle_days"].fillna(-1).to_numpy(np.int64),
                "count": found["count"].to_numpy(np.int64),
            }
        )
        return frame.sort_values(["is_password", "status", "days"], ignore_index=True)

    @cached_property
    def keys(self) -> pd.DataFrame:
        """Access keys that pass or fail by `age`, `idle` and `never`: see `keys_of`. They are read from the tables."""
        if self.tables is None:
            raise TypeError("this summary has no tables to count keys from")
        return keys_of(self.tables)

    # --- the answer ---------------------------------------------------------------------------------------------------

    @property
    def exit_code(self) -> int:
        """0: all pass, are waived or left to a person; 1: some fail or are undecided; 3: some input was not read."""
        return self.exit_code_of()

    def exit_code_of(self, *, fail_on: Severity = Severity.LOW, strict: bool = False) -> int:
        """Return the same where checks count that are as severe as `fail_on`, or more.

        `strict`: 3 also for repaired rows, unreadable cells and doubtful reports; 1 also for what is left to a person.
        """
        if self.has_issues(Level.REPAIRED if strict else Level.REJECTED):
            return 3
        left = sum(
            self.open_by_check[number][Status.FAIL] + self.undecided_of(number, strict=strict)
            for number in self.checklist.counting(fail_on)
        )
        return 1 if left else 0

    @cached_property
    def open_by_check(self) -> list[dict[str, int]]:
        """For each check how much of it fails (`fail`) and is undecided (`not_checked`), without what is waived."""
        found, size = self.findings_counted, len(self.checklist.checks)
        sums = found.sums(found.check, size, found.is_open)
        return [{name: one[name] for name in (Status.FAIL, Status.NOT_CHECKED)} for one in _rows(sums)]

    def undecided_of(self, number: int, *, strict: bool = False) -> int:
        """Return how much of a check a better report would decide; with `strict` also what is left to a person."""
        left_to_a_person = 0 if strict else self.by_control[number]["manual"]
        return self.open_by_check[number][Status.NOT_CHECKED] - left_to_a_person

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The counts as plain data: what `--json` prints and the manifest keeps."""
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
                    "control": one.control.id,
                    "requirement": one.requirement,
                    "severity": one.severity.value,
                    "parameters": dict(one.parameters),
                    "set_by": dict(one.set_by),
                    **counts,
                    "summed": number in self.checklist.summed,
                }
                for number, (one, counts) in enumerate(zip(self.checklist.checks, self.by_control, strict=True))
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
        """What there is only with an earlier snapshot, and with lists of accounts and people."""
        return (
            self._trend_facts | coverage_facts(self.coverage) | {name: dict(one) for name, one in self.compared.items()}
        )

    @property
    def _account_facts(self) -> dict[str, Any]:
        """The counts of each account, and what fails there; name and owner, where a list of accounts was given."""
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
        """In how many accounts each requirement of the benchmark comes to what, where one was chosen."""
        if self.checklist.benchmark is None:
            return {}
        rows = [
            {
                "framework": one.requirement.framework,
                "requirement": one.requirement.own_number,
                "title": one.requirement.title,
                "level": one.requirement.level,
                "assessment": one.requirement.assessment,
                "controls": one.controls,
                "accounts": {met.value: one.accounts(met) for met in Met},
            }
            for one in self.requirements
        ]
        return {"by_requirement": rows}

    @property
    def _trend_facts(self) -> dict[str, Any]:
        """What has changed since the snapshots before the judged ones, where there are any."""
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
        """How many users, roots and accounts have something open."""
        counts = self.open_by_kind
        accounts = self.open_subjects["account_id"].nunique()
        return {"users": counts.get("user", 0), "roots": counts.get("root", 0), "accounts": int(accounts)}

    def _failing_controls(self) -> dict[str, list[dict[str, Any]]]:
        """Return for each account how often each control fails there, where it does."""
        checks = self.checklist.checks
        counts = self.findings_counted.matrix(len(checks), Status.FAIL).T.tolist()
        return {
            account: [
                {"control": one.control.id, "requirement": one.requirement, "fail": count}
                for one, count in zip(checks, column, strict=True)
                if count
            ]
            for account, column in zip(self.accounts, counts, strict=True)
        }


def _rows(counts: Mapping[str, npt.NDArray[np.int64]] | pd.DataFrame) -> list[dict[str, int]]:
    """Return the rows of columns of counts."""
    columns = {str(name): column.tolist() for name, column in counts.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
