"""What a run found: the tables of one audit, and the counts that every output shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final

import pandas as pd

from analyzer.reading.issues import Level, level_of
from analyzer.reading.layout import Kind
from analyzer.staleness import Status

if TYPE_CHECKING:
    from datetime import datetime

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


@dataclass(frozen=True)
class Audit:
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
        return counts.reset_index().sort_values(
            [Status.FAIL, Status.NOT_CHECKED, "account_id"], ascending=[False, False, True]
        ).set_index("account_id")

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
    def not_read(self) -> bool:
        """Whether some row or file was rejected."""
        return Level.REJECTED in self.issue_levels

    @cached_property
    def issue_levels(self) -> set[Level]:
        """The levels of the issues that occurred."""
        return {level_of(code) for code in self.issues["code"].dropna().unique()}
