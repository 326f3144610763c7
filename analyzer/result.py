"""What a run found: the tables of one audit, and the counts that every output shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

import pandas as pd

from analyzer.reading.columns import records
from analyzer.reading.issues import CODES, Level
from analyzer.reading.layout import Kind
from analyzer.staleness import Status

CONTROL: Final = "unused-credentials"
JUDGED_KINDS: Final = (Kind.PASSWORD, Kind.ACCESS_KEY)
"""The kinds that `unused-credentials` is about; the report does not say when a certificate was used."""


class Outcome(StrEnum):
    """What became of one credential: its status where it was judged, else why it was not."""

    PASS = "pass"  # noqa: S105 - a verdict, not a secret
    FAIL = "fail"
    NOT_CHECKED = "not_checked"
    NOT_APPLICABLE = "not_applicable"
    INACTIVE = "inactive"
    ROOT = "root"
    CERTIFICATE = "certificate"
    OTHER_SNAPSHOT = "other_snapshot"


@dataclass(frozen=True)
class Settings:
    """How reports are judged. Nothing here depends on the machine, the clock or the output folder."""

    max_idle_days: int = 45
    """Idle for this many days or more fails."""
    as_of: datetime | None = None
    """The reference instant (UTC); None: each report at its own `captured_at`."""
    every_snapshot: bool = False
    """Judge every snapshot of an account, not the newest one only."""
    account_id: str | None = None
    """The account of rows that neither their ARN nor their file name tells."""


class _WithIssues:
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
class Inspection(_WithIssues):
    """What is in some files, unjudged: `inputs` and `issues` as in `Audit`."""

    inputs: pd.DataFrame
    issues: pd.DataFrame

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The same as plain data."""
        columns = [column for column in self.inputs if column not in {"judged", "as_of"}]
        return {"inputs": plain_rows(self.inputs[columns]), "issues": plain_rows(self.issues)}


@dataclass(frozen=True)
class Audit(_WithIssues):
    """The tables of one run (columns: `analyzer.tables`).

    `inputs` has a row per report file: `name, sha256, bytes, container, encoding, layout, rows, rejected, account_id
    (null where the file holds several or none), captured_at, captured_from, newest_time, judged, as_of`.
    `credentials` carries a further column `outcome` (see `Outcome`); its index is the row's position.
    """

    settings: Settings
    inputs: pd.DataFrame
    users: pd.DataFrame
    credentials: pd.DataFrame
    findings: pd.DataFrame
    issues: pd.DataFrame

    @cached_property
    def counts(self) -> pd.DataFrame:
        """Credentials by kind (password, access_key) and outcome (all of `Outcome`), as whole numbers."""
        return pd.crosstab(self.credentials["kind"], self.credentials["outcome"]).reindex(
            index=list(JUDGED_KINDS), columns=list(Outcome), fill_value=0
        )

    def count(self, kind: Kind, outcome: Outcome | Status) -> int:
        """Return how many credentials of `kind` came to `outcome`."""
        return int(self.counts.to_numpy()[JUDGED_KINDS.index(kind), list(Outcome).index(Outcome(outcome))])

    @cached_property
    def totals(self) -> dict[str, int]:
        """Findings by status, and `judged`, their sum without those not applicable."""
        by_status = self.findings["status"].value_counts()
        totals = {status.value: int(by_status.get(status.value, 0)) for status in Status}
        return {"judged": sum(totals.values()) - totals[Status.NOT_APPLICABLE], **totals}

    @cached_property
    def by_account(self) -> pd.DataFrame:
        """Findings by account (index; `unknown` where no account is known) and status, most failures first."""
        account = self.findings["account_id"].astype("str").fillna("unknown")
        counts = pd.crosstab(account, self.findings["status"]).reindex(columns=list(Status), fill_value=0)
        counts.index.name = "account_id"
        return (
            counts.reset_index()
            .sort_values([Status.FAIL, Status.NOT_CHECKED, "account_id"], ascending=[False, False, True])
            .set_index("account_id")
        )

    @cached_property
    def worst_first(self) -> pd.DataFrame:
        """All findings: failures, then not checked, not applicable, passes; longest idle first within each."""
        order = [Status.FAIL, Status.NOT_CHECKED, Status.NOT_APPLICABLE, Status.PASS]
        rank = self.findings["status"].astype("str").map({status.value: n for n, status in enumerate(order)})
        key = pd.DataFrame({"rank": rank, "idle": -self.findings["idle_days"].astype("Int64").fillna(-1)})
        return self.findings.loc[key.sort_values(["rank", "idle"], kind="stable").index]

    @cached_property
    def reference_instants(self) -> list[pd.Timestamp]:
        """The distinct instants at which reports were judged, oldest first."""
        judged = self.inputs.loc[self.inputs["judged"].astype(bool), "as_of"]
        return sorted(judged.dropna().unique())

    @property
    def exit_code(self) -> int:
        """0: all judged credentials pass; 1: some fail or could not be decided; 3: some input was not read."""
        if self.has_issues(Level.REJECTED):
            return 3
        return 1 if self.totals[Status.FAIL] or self.totals[Status.NOT_CHECKED] else 0

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The counts as plain data: what `--json` prints and the manifest keeps."""
        return {
            "control": CONTROL,
            "limit_days": self.settings.max_idle_days,
            "as_of": [iso(instant) for instant in self.reference_instants],
            **self.totals,
            "by_kind": {
                kind: {outcome: int(self.counts.loc[kind, outcome]) for outcome in _SHOWN_OUTCOMES}
                for kind in JUDGED_KINDS
            },
            "by_account": {
                account: {status: int(count) for status, count in zip(Status, row, strict=True)}
                for account, row in zip(self.by_account.index, self.by_account.to_numpy(), strict=True)
            },
            "reports": len(self.inputs),
            "reports_judged": int(self.inputs["judged"].sum()),
            "rows": int(self.inputs["rows"].sum()),
            "rows_rejected": int(self.inputs["rejected"].sum()),
            "users": len(self.users),
            "root_rows": int(self.users["is_root"].sum()),
            "issues": self.issue_counts,
        }


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


def answer(audit: Audit) -> str:
    """Return the answer in a sentence."""
    judged = audit.totals["judged"]
    if not judged:
        return "No active password or access key to judge."
    limit = counted(audit.settings.max_idle_days, "day")
    return (
        f"{audit.totals[Status.FAIL]:,} of {counted(judged, 'active credential')} unused for {limit} or more; "
        f"{audit.totals[Status.NOT_CHECKED]:,} could not be decided; {audit.totals[Status.PASS]:,} pass."
    )


def scope(audit: Audit) -> str:
    """Return in a line what was judged, and as of when."""
    reports = f"{int(audit.inputs['judged'].sum()):,} of {counted(len(audit.inputs), 'report')} judged"
    return f"{reference(audit)}. {accounts_in_words(audit)}, {reports}, root excluded."


def accounts_of(audit: Audit) -> tuple[int, bool]:
    """Return how many accounts the reports are known to be of, and whether there are rows that tell none."""
    account = audit.users["account_id"]
    return int(account.nunique()), bool(account.isna().any())


def accounts_in_words(audit: Audit) -> str:
    """Return the number of accounts as a reader needs it."""
    known, some_unknown = accounts_of(audit)
    if some_unknown:
        return f"{counted(known, 'account')} and at least one unknown" if known else "account unknown"
    return counted(known, "account") if known else "no accounts"


def reference(audit: Audit) -> str:
    """Return in words the instant, or the instants, at which reports were judged."""
    if audit.settings.as_of is not None:
        return f"As of {spoken(audit.settings.as_of)}"
    instants = audit.reference_instants
    if not instants:
        return "Nothing judged"
    first, last = f"{instants[0]:%Y-%m-%d}", f"{instants[-1]:%Y-%m-%d}"
    return f"Each report as of its own capture, {first if first == last else f'{first} to {last}'}"


def counted(count: int, word: str) -> str:
    """Return a number with its noun: `1 day`, `1,748 days`."""
    return f"{count:,} {word if count == 1 else f'{word}s'}"


def spoken(instant: datetime) -> str:
    """Return an instant for readers: the last microsecond of a day, which stands for a date, as the end of that day."""
    return f"the end of {instant:%Y-%m-%d}, UTC" if instant.microsecond == 999_999 else str(iso(instant))
