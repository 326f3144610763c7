"""What a run found: the tables of one audit, and the counts that every output shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from analyzer.controls.checklist import Checklist, make_checklist
from analyzer.controls.control import Severity
from analyzer.controls.vocabulary import JUDGED_KINDS, Outcome, Reason, Status, counted
from analyzer.judging.staleness import EXACT
from analyzer.reading.columns import arrow_of, records
from analyzer.reading.issues import CODES, Level
from analyzer.reading.layout import Kind, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt


@dataclass(frozen=True)
class Settings:
    """How reports are judged. Nothing here depends on the machine, the clock or the output folder."""

    checklist: Checklist = field(default_factory=make_checklist)
    """What is judged: controls, limits, waivers."""
    as_of: datetime | None = None
    """The reference instant (UTC); None: each report at its own `captured_at`."""
    every_snapshot: bool = False
    """Judge every snapshot of an account, not the newest one only."""
    account_id: str | None = None
    """The account of rows that neither their ARN nor their file name tells."""

    @property
    def facts(self) -> dict[str, Any]:
        """The same as plain data."""
        checklist = self.checklist
        return {
            "benchmark": checklist.benchmark.id if checklist.benchmark else None,
            "controls": [
                {
                    "control": one.control.id,
                    "requirement": one.requirement,
                    "severity": one.severity.value,
                    "parameters": dict(one.parameters),
                    "set_by": dict(one.set_by),
                }
                for one in checklist.checks
            ],
            "switched_off": list(checklist.left_out),
            "policy": {"name": checklist.policy.name, "sha256": checklist.policy.sha256} if checklist.policy else None,
            "every_snapshot": self.every_snapshot,
            "account_id": self.account_id,
        }


class WithIssues:
    """Counting of an `issues` table."""

    issues: pd.DataFrame

    @cached_property
    def issue_counts(self) -> dict[str, int]:
        """Data issues by code, the gravest level first, most frequent first within it."""
        counts = self.issues["code"].astype("str").value_counts()
        codes = sorted(counts.index, key=lambda code: (-CODES[code].level, -counts[code], code))
        return {code: int(counts[code]) for code in codes}

    def has_issues(self, level: Level) -> bool:
        """Whether there are issues of `level` or graver."""
        return any(CODES[code].level >= level for code in self.issue_counts)


@dataclass(frozen=True)
class Inspection(WithIssues):
    """What is in some files, unjudged: `inputs` and `issues` as in `Audit`."""

    inputs: pd.DataFrame
    issues: pd.DataFrame

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The same as plain data."""
        columns = [column for column in self.inputs if column not in {"judged", "as_of"}]
        return {"inputs": plain_rows(self.inputs[columns]), "issues": plain_rows(self.issues)}


@dataclass(frozen=True)
class Notable:
    """Findings that need a look: how many there are, and the worst of them, worst first."""

    findings: pd.DataFrame
    count: int


@dataclass(frozen=True)
class Digest:
    """What is counted of an audit.

    `tally` has a row per `chosen` (position of the check), `account_id` (`unknown` for none), `status`, `waived` and
    `kind_unknown` (the kind of root's MFA device is what is not known), with how many findings are so: `count`.
    `credentials` counts them by kind (password, access_key) and outcome (all of `Outcome`). `rows` are those of users,
    `root_rows` of root among them; `known` are their accounts, and `some_unknown` says whether there are rows of none.
    `notable` has the findings that the terminal shows, by group.
    """

    tally: pd.DataFrame
    credentials: pd.DataFrame
    rows: int
    root_rows: int
    known: frozenset[str]
    some_unknown: bool
    notable: Mapping[str, Notable]

    @classmethod
    def of(cls, users: pd.DataFrame, credentials: pd.DataFrame, findings: pd.DataFrame, checklist: Checklist) -> Digest:
        """Count the tables of an audit."""
        account = users["account_id"]
        return cls(
            _tally(findings),
            _by_outcome(credentials),
            len(users),
            int(users["is_root"].sum()),
            frozenset(account.cat.categories[np.unique(account.cat.codes[account.notna()])].astype("str")),
            bool(account.isna().any()),
            _notable(findings, checklist),
        )

    @classmethod
    def joined(cls, parts: Sequence[Digest], checklist: Checklist) -> Digest:
        """Return the digest of audits of different accounts as one."""
        every = pd.concat([part.tally for part in parts], ignore_index=True)
        return cls(
            _counted(every),
            sum((part.credentials for part in parts[1:]), parts[0].credentials),
            sum(part.rows for part in parts),
            sum(part.root_rows for part in parts),
            frozenset().union(*(part.known for part in parts)),
            any(part.some_unknown for part in parts),
            {
                name: Notable(
                    worst_first(
                        pd.concat([part.notable[name].findings for part in parts], ignore_index=True), checklist
                    ).head(MOST_SHOWN),
                    sum(part.notable[name].count for part in parts),
                )
                for name in parts[0].notable
            },
        )


@dataclass(frozen=True)
class Charted:
    """What pictures show of credentials, counted.

    `idle` has a row per `is_password`, `status` (position in `Status`) and `days` (idle; -1 where that is not exactly
    known) of the findings of `unused-credentials`. `keys` has one per `age`, `idle` (days, both known) and `never`
    (used) of the access keys that pass or fail. Both say how many are so: `count`. `later` counts findings on what was
    made after the reference date.
    """

    idle: pd.DataFrame
    keys: pd.DataFrame
    later: int

    @classmethod
    def of(cls, credentials: pd.DataFrame, findings: pd.DataFrame, checklist: Checklist) -> Charted:
        """Count the tables of an audit."""
        position = -1 if checklist.unused is None else checklist.checks.index(checklist.unused)
        unused = findings[["reason", "credential", "status", "idle_days"]][(findings["chosen"] == position).to_numpy()]
        exact = unused["reason"].isin(list(EXACT)) & unused["idle_days"].notna()
        idle = pd.DataFrame(
            {
                "is_password": (unused["credential"] == "password").to_numpy(),
                "status": _positions(unused["status"], list(Status)),
                "days": np.where(exact, unused["idle_days"].fillna(-1), -1).astype(np.int64),
            }
        )
        judged = credentials["outcome"].isin([Outcome.PASS, Outcome.FAIL]) & (credentials["kind"] == Kind.ACCESS_KEY)
        # `idle_days` is there only where it is exact.
        known = judged & credentials["age_days"].notna() & credentials["idle_days"].notna()
        some = credentials[["age_days", "idle_days", "last_used_state"]][known.to_numpy()]
        keys = pd.DataFrame(
            {
                "age": some["age_days"].to_numpy(dtype=np.int64),
                "idle": some["idle_days"].to_numpy(dtype=np.int64),
                "never": (some["last_used_state"] != State.VALUE).to_numpy(),
            }
        )
        later = int((findings["reason"] == Reason.CREATED_AFTER_AS_OF).sum())
        return cls(_counted(idle.assign(count=1)), _counted(keys.assign(count=1)), later)

    @classmethod
    def joined(cls, parts: Sequence[Charted]) -> Charted:
        """Return the counts of all parts together."""
        idle, keys = (pd.concat([getattr(part, name) for part in parts]) for name in ("idle", "keys"))
        return cls(_counted(idle), _counted(keys), sum(part.later for part in parts))


def _counted(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the sum of `count` for each combination of the other columns."""
    by = [name for name in rows if name != "count"]
    return rows.groupby(by, as_index=False).agg({"count": "sum"})


def _by_outcome(credentials: pd.DataFrame) -> pd.DataFrame:
    kind, outcome = credentials["kind"].cat, credentials["outcome"].cat
    known = (outcome.codes >= 0).to_numpy()
    shape = len(kind.categories), len(outcome.categories)
    flat = kind.codes.to_numpy()[known].astype(np.int64) * shape[1] + outcome.codes.to_numpy()[known]
    counts = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)
    return pd.DataFrame(counts, index=list(kind.categories), columns=list(outcome.categories)).reindex(
        index=list(JUDGED_KINDS), columns=list(Outcome), fill_value=0
    )


def _tally(findings: pd.DataFrame) -> pd.DataFrame:
    accounts = [*(str(name) for name in findings["account_id"].cat.categories), "unknown"]
    account = findings["account_id"].cat.codes.to_numpy().astype(np.int64)
    flags = 2 * findings["waiver"].notna().to_numpy() + (findings["reason"] == Reason.MFA_KIND_UNKNOWN).to_numpy()
    key = findings["chosen"].to_numpy().astype(np.int64) * len(accounts) + np.where(
        account < 0, len(accounts) - 1, account
    )
    key = (key * len(Status) + findings["status"].cat.codes.to_numpy()) * 4 + flags
    key, counts = _distinct(key)
    chosen, account = np.divmod(key // 4 // len(Status), len(accounts))
    return pd.DataFrame(
        {
            "chosen": chosen,
            "account_id": np.array(accounts, dtype=object)[account],
            "status": np.array(list(Status), dtype=object)[key // 4 % len(Status)],
            "waived": key // 2 % 2 == 1,
            "kind_unknown": key % 2 == 1,
            "count": counts,
        }
    )


def _distinct(numbers: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the distinct numbers in order, and how often each stands there."""
    codes, values = pd.factorize(numbers, sort=True)
    return values, np.bincount(codes, minlength=len(values))


UNUSED_FIRST, GRAVE, FURTHER = "unused", "grave", "further"
"""Groups of notable findings: of `unused-credentials`; critical and high ones of other controls; the rest that fails.

Without `unused-credentials`, all that is open is in the first.
"""
MOST_SHOWN: Final = 10
"""Findings of a group that are shown."""
_GRAVE: Final = (Severity.CRITICAL, Severity.HIGH)


def _notable(findings: pd.DataFrame, checklist: Checklist) -> dict[str, Notable]:
    """Return what needs a look: of the main control the worst, and of others what is grave."""
    is_open = (is_undecided_or_fails(findings) & findings["waiver"].isna()).to_numpy()
    of_unused = is_open
    if checklist.unused is not None:
        of_unused = is_open & (findings["chosen"] == checklist.checks.index(checklist.unused)).to_numpy()
    # That the kind of a device is not in the report holds for every account: it is said once, below the controls.
    named = ~findings["reason"].isin([Reason.MFA_KIND_UNKNOWN]).to_numpy()
    is_grave = is_open & findings["severity"].isin(_GRAVE).to_numpy() & named
    fails = (findings["status"] == Status.FAIL).to_numpy()
    groups = {UNUSED_FIRST: of_unused, GRAVE: ~of_unused & is_grave, FURTHER: is_open & fails & ~of_unused & ~is_grave}
    order = _order(findings, checklist)
    return {
        name: Notable(
            findings.take(_first(np.flatnonzero(rows), order, MOST_SHOWN if name != FURTHER else 0)), int(rows.sum())
        )
        for name, rows in groups.items()
    }


def _first(rows: npt.NDArray[np.int64], order: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """Return the first `count` of some rows in an order, equal ones as they stand."""
    if len(rows) > count:
        rows = rows[order[rows] <= np.partition(order[rows], count)[count]]
    return rows[np.argsort(order[rows], kind="stable")][:count]


def is_undecided_or_fails(findings: pd.DataFrame) -> pd.Series[Any]:
    """Which findings fail or could not be decided."""
    return findings["status"].isin([Status.FAIL, Status.NOT_CHECKED])


def worst_first(findings: pd.DataFrame, checklist: Checklist) -> pd.DataFrame:
    """Return findings: failures, not checked, what is waived, not applicable, passes.

    Within each the gravest severity first, then by control, then the longest time first.
    """
    return findings.take(np.argsort(_order(findings, checklist), kind="stable"))


def _order(findings: pd.DataFrame, checklist: Checklist) -> npt.NDArray[np.int64]:
    """Return for each finding a number, the lowest for the worst."""
    status = _positions(findings["status"], _WORST_FIRST)
    waived = findings["waiver"].notna().to_numpy()
    days = np.asarray(
        pc.fill_null(pc.coalesce(arrow_of(findings["idle_days"]), arrow_of(findings["age_days"])), -1), np.int64
    )
    chosen = findings["chosen"].to_numpy().astype(np.int64)
    # Of a use that should not have been, the latest is the worst.
    latest_first = np.array(["min_idle_days" in one.parameters for one in checklist.checks])[chosen]
    # Waived findings stand between those that are open and the others.
    rank = np.where(waived, 3, 2 * status)
    parts = (_positions(findings["severity"], list(Severity)), len(Severity)), (chosen, len(checklist.checks))
    for values, count in parts:
        rank = rank * count + values
    return rank * (2 * _MOST_DAYS) + _MOST_DAYS + np.where(latest_first, days, -days)


_WORST_FIRST: Final = [Status.FAIL, Status.NOT_CHECKED, Status.NOT_APPLICABLE, Status.PASS]
_MOST_DAYS: Final = 1 << 32
"""More days than there are in any number of days."""


def _positions(texts: pd.Series[Any], values: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return for each text of a few its position in `values`."""
    category = texts.astype("category")
    return np.array([values.index(value) for value in category.cat.categories], np.int64)[category.cat.codes]


@dataclass(frozen=True)
class Summary(WithIssues):
    """What every output shows of a run.

    `inputs` has a row per report file: `name, sha256, bytes, container, encoding, layout, rows, rejected, account_id
    (null where the file holds several or none), captured_at, captured_from, newest_time, judged, as_of`. `waivers`
    has a row per waiver of the policy (columns: `judging.waivers.describe_waivers`).
    """

    settings: Settings
    inputs: pd.DataFrame
    issues: pd.DataFrame
    waivers: pd.DataFrame
    accounts: tuple[str, ...]
    """The accounts of the judged reports, also those with nothing to judge; `unknown` for rows that tell none."""

    def _digest(self) -> Digest:
        raise NotImplementedError

    def _charted(self) -> Charted:
        raise NotImplementedError

    @cached_property
    def digest(self) -> Digest:
        """What is counted."""
        return self._digest()

    @cached_property
    def charted(self) -> Charted:
        """What is counted for pictures."""
        return self._charted()

    @property
    def checklist(self) -> Checklist:
        """What was judged."""
        return self.settings.checklist

    @property
    def counts(self) -> pd.DataFrame:
        """Credentials by kind (password, access_key) and outcome (all of `Outcome`), as whole numbers."""
        return self.digest.credentials

    def count(self, kind: Kind, outcome: Outcome | Status) -> int:
        """Return how many credentials of `kind` came to `outcome`."""
        return int(self.counts.to_numpy()[JUDGED_KINDS.index(kind), list(Outcome).index(Outcome(outcome))])

    @cached_property
    def by_control(self) -> list[dict[str, int]]:
        """For each control of the checklist its findings by status.

        And `judged`, their sum without those not applicable; `waived`; `open`: failing or undecided, not waived.
        """
        return _whole_numbers(self._sums("chosen").reindex(range(len(self.checklist.checks)), fill_value=0))

    @cached_property
    def by_account(self) -> pd.DataFrame:
        """The same by account (index; `unknown` where no account is known), most failures first."""
        counts = self._sums("account_id")
        counts = counts.reindex(counts.index.union(list(self.accounts)), fill_value=0)
        counts.index.name = "account_id"
        return (
            counts.reset_index()
            .sort_values([Status.FAIL, Status.NOT_CHECKED, "account_id"], ascending=[False, False, True])
            .set_index("account_id")
        )

    @cached_property
    def matrix(self) -> dict[Status, pd.DataFrame]:
        """For each status the findings by check (rows, positions) and account (columns, most failures first)."""
        return {status: self._crossed(self.digest.tally, status) for status in Status}

    @cached_property
    def open_matrix(self) -> dict[Status, pd.DataFrame]:
        """The same of what fails or could not be decided and is not waived."""
        some = self._open_tally
        return {status: self._crossed(some, status) for status in (Status.FAIL, Status.NOT_CHECKED)}

    @property
    def _open_tally(self) -> pd.DataFrame:
        tally = self.digest.tally
        return tally[(is_undecided_or_fails(tally) & ~tally["waived"]).to_numpy()]

    @property
    def accounts_of_unknown_device(self) -> int:
        """Of how many accounts nobody knows the kind of root's MFA device, and no waiver covers it."""
        some = self._open_tally
        return int(some["count"][some["kind_unknown"]].sum())

    def _crossed(self, tally: pd.DataFrame, status: Status) -> pd.DataFrame:
        some = tally[(tally["status"] == status).to_numpy()]
        return _counted_by(some["chosen"], some["account_id"], some["count"]).reindex(
            index=range(len(self.checklist.checks)), columns=list(self.by_account.index), fill_value=0
        )

    def _sums(self, by: str) -> pd.DataFrame:
        tally = self.digest.tally
        sums = _counted_by(tally[by], tally["status"], tally["count"]).reindex(columns=list(Status), fill_value=0)
        for name, some in (("waived", tally[tally["waived"]]), ("open", self._open_tally)):
            sums[name] = some.groupby(by)["count"].sum().reindex(sums.index, fill_value=0)
        return sums.assign(judged=sums[list(Status)].sum(axis=1) - sums[Status.NOT_APPLICABLE])

    @cached_property
    def totals(self) -> dict[str, int]:
        """Findings by status; `judged`, their sum without those not applicable; `waived`; and `open`."""
        return {name: sum(counts[name] for counts in self.by_control) for name in self.by_control[0]}

    @cached_property
    def unused(self) -> dict[str, int] | None:
        """The same for `unused-credentials` alone; None where it was not judged."""
        if self.checklist.unused is None:
            return None
        return self.by_control[self.checklist.checks.index(self.checklist.unused)]

    @cached_property
    def reference_instants(self) -> list[pd.Timestamp]:
        """The distinct instants at which reports were judged, oldest first."""
        judged = self.inputs.loc[self.inputs["judged"].astype(bool), "as_of"]
        return sorted(judged.dropna().unique())

    @property
    def exit_code(self) -> int:
        """0: all pass or are waived; 1: some fail or could not be decided; 3: some input was not read."""
        if self.has_issues(Level.REJECTED):
            return 3
        return 1 if self.totals["open"] else 0

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The counts as plain data: what `--json` prints and the manifest keeps."""
        failing = self._failing_controls()
        return {
            "benchmark": self.checklist.benchmark.id if self.checklist.benchmark else None,
            "requirements_of": self.checklist.numbers_of.id,
            "policy": {"name": self.checklist.policy.name, "sha256": self.checklist.policy.sha256}
            if self.checklist.policy
            else None,
            "switched_off": list(self.checklist.left_out),
            "as_of": [iso(instant) for instant in self.reference_instants],
            **self.totals,
            "by_control": [
                {
                    "control": one.control.id,
                    "requirement": one.requirement,
                    "severity": one.severity.value,
                    "parameters": dict(one.parameters),
                    "set_by": dict(one.set_by),
                    **counts,
                }
                for one, counts in zip(self.checklist.checks, self.by_control, strict=True)
            ],
            "by_kind": {
                kind: {outcome: int(self.counts.loc[kind, outcome]) for outcome in _SHOWN_OUTCOMES}
                for kind in JUDGED_KINDS
            }
            if self.checklist.unused
            else {},
            "by_account": {
                str(account): {**counts, "failing": failing[str(account)]}
                for account, counts in zip(self.by_account.index, _whole_numbers(self.by_account), strict=True)
            },
            "waivers": plain_rows(self.waivers),
            "reports": len(self.inputs),
            "reports_judged": int(self.inputs["judged"].sum()),
            "rows": int(self.inputs["rows"].sum()),
            "rows_rejected": int(self.inputs["rejected"].sum()),
            "users": self.digest.rows,
            "root_rows": self.digest.root_rows,
            "issues": self.issue_counts,
        }

    def _failing_controls(self) -> dict[str, list[dict[str, Any]]]:
        """Return for each account how often each control fails there, where it does."""
        failing = self.matrix[Status.FAIL]
        return {
            str(account): [
                {"control": one.control.id, "requirement": one.requirement, "fail": int(count)}
                for one, count in zip(self.checklist.checks, column, strict=True)
                if count
            ]
            for account, column in zip(failing.columns, failing.to_numpy().T, strict=True)
        }


@dataclass(frozen=True)
class Audit(Summary):
    """The tables of one run (columns: `analyzer.tables`).

    `credentials` carries a further column `outcome` (see `Outcome`; NA where `unused-credentials` was not judged), and
    `findings` the column `chosen`, the position of its control in the checklist.
    """

    users: pd.DataFrame
    credentials: pd.DataFrame
    findings: pd.DataFrame

    def _digest(self) -> Digest:
        return Digest.of(self.users, self.credentials, self.findings, self.checklist)

    def _charted(self) -> Charted:
        return Charted.of(self.credentials, self.findings, self.checklist)

    @cached_property
    def is_open(self) -> pd.Series[Any]:
        """Which findings fail or could not be decided, and are not waived."""
        return is_undecided_or_fails(self.findings) & self.findings["waiver"].isna()

    @cached_property
    def worst_first(self) -> pd.DataFrame:
        """All findings (see `worst_first`)."""
        return worst_first(self.findings, self.checklist)


@dataclass(frozen=True)
class Streamed(Summary):
    """A run whose tables were written as they came, and not kept; `drawn` is None where no pictures are wanted."""

    kept: Digest
    drawn: Charted | None

    def _digest(self) -> Digest:
        return self.kept

    def _charted(self) -> Charted:
        if self.drawn is None:
            raise LookupError("nothing was counted for pictures")
        return self.drawn


def _counted_by(rows: pd.Series[Any], columns: pd.Series[Any], count: pd.Series[Any]) -> pd.DataFrame:
    """Return sums of counts as a table."""
    row, row_names = pd.factorize(rows, sort=True)
    column, column_names = pd.factorize(columns, sort=True)
    sums = np.zeros((len(row_names), len(column_names)), np.int64)
    np.add.at(sums, (row, column), count.to_numpy())
    return pd.DataFrame(sums, index=row_names, columns=column_names)


def _whole_numbers(counts: pd.DataFrame) -> list[dict[str, int]]:
    return [{str(name): int(count) for name, count in row.items()} for row in counts.to_dict("records")]


_SHOWN_OUTCOMES: Final = (*Status, Outcome.INACTIVE)


def iso(instant: datetime | None) -> str | None:
    """Return an instant as ISO 8601 in UTC, with microseconds only where there are any."""
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a small table as JSON can hold them: times are ISO 8601."""
    return [
        {key: iso(value) if isinstance(value, pd.Timestamp) else value for key, value in row.items()}
        for row in records(frame)
    ]


def answer(audit: Summary) -> str:
    """Return the answer in a sentence: on unused credentials where they were judged, else on all findings."""
    unused = audit.unused
    if unused is None:
        return overall(audit)
    judged = unused["judged"]
    if not judged:
        return "No active password or access key to judge."
    limit = counted(audit.checklist.unused.limit_days or 0, "day") if audit.checklist.unused else ""
    return (
        f"{unused[Status.FAIL]:,} of {counted(judged, 'active credential')} unused for {limit} or more; "
        f"{unused[Status.NOT_CHECKED]:,} could not be decided; {unused[Status.PASS]:,} pass{_waived(unused)}."
    )


def overall(audit: Summary) -> str:
    """Return in a sentence what all controls say."""
    totals = audit.totals
    controls, findings = counted(len(audit.checklist.checks), "control"), counted(totals["judged"], "finding")
    return (
        f"{controls}: {totals[Status.FAIL]:,} of {findings} fail; "
        f"{totals[Status.NOT_CHECKED]:,} could not be decided; {totals[Status.PASS]:,} pass{_waived(totals)}."
    )


def _waived(counts: dict[str, int]) -> str:
    """Return what is added where waivers cover some of what fails or could not be decided."""
    count = counts["waived"]
    if not count:
        return ""
    return f"; {count:,} of those that fail or could not be decided {'is' if count == 1 else 'are'} waived"


def told_of(checklist: Checklist) -> list[str]:
    """Return by what it was judged, where that is not the default: a line each."""
    lines = []
    if checklist.benchmark:
        lines.append(f"Benchmark: {checklist.benchmark.title}.")
    if checklist.policy:
        off = f"; switched off: {', '.join(checklist.left_out)}" if checklist.left_out else ""
        lines.append(f"Policy: {checklist.policy.name}, {counted(len(checklist.policy.waivers), 'waiver')}{off}.")
    if checklist.changes:
        lines.append(f"* Set otherwise: {', '.join(checklist.changes)}.")
    return lines


def scope(audit: Summary) -> str:
    """Return in a line what was judged, and as of when."""
    reports = f"{int(audit.inputs['judged'].sum()):,} of {counted(len(audit.inputs), 'report')} judged"
    return f"{reference(audit)}. {accounts_in_words(audit)}, {reports}."


def accounts_of(audit: Summary) -> tuple[int, bool]:
    """Return how many accounts the reports are known to be of, and whether there are rows that tell none."""
    return len(audit.digest.known), audit.digest.some_unknown


def accounts_in_words(audit: Summary) -> str:
    """Return the number of accounts as a reader needs it."""
    known, some_unknown = accounts_of(audit)
    if some_unknown:
        return f"{counted(known, 'account')} and at least one unknown" if known else "account unknown"
    return counted(known, "account") if known else "no accounts"


def reference(audit: Summary) -> str:
    """Return in words the instant, or the instants, at which reports were judged."""
    if audit.settings.as_of is not None:
        return f"As of {spoken(audit.settings.as_of)}"
    instants = audit.reference_instants
    if not instants:
        return "Nothing judged"
    first, last = f"{instants[0]:%Y-%m-%d}", f"{instants[-1]:%Y-%m-%d}"
    return f"Each report as of its own capture, {first if first == last else f'{first} to {last}'}"


def spoken(instant: datetime) -> str:
    """Return an instant for readers: the last microsecond of a day, which stands for a date, as the end of that day."""
    return f"the end of {instant:%Y-%m-%d}, UTC" if instant.microsecond == 999_999 else str(iso(instant))
