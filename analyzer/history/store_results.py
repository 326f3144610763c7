"""The results of `credreport ingest` and `credreport store`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from analyzer.evidence.plain import plain_rows
from analyzer.evidence.with_issues import WithIssues, issue_codes
from analyzer.reading.issues import Level

if TYPE_CHECKING:
    import pandas as pd

    from analyzer.history.store.adding import Added
    from analyzer.history.store.contents import Contents


@dataclass(frozen=True)
class Ingest(WithIssues):
    """The result of an ingest."""

    added: Added
    issues: pd.DataFrame

    @property
    def _issues_by_code(self) -> dict[str, int]:
        return issue_codes(self.issues["code"].astype("str"))

    @property
    def facts(self) -> dict[str, Any]:
        """The result as plain data."""
        return {**asdict(self.added), "issues": self.issue_counts}

    @property
    def exit_code(self) -> int:
        """3 if some input was not stored, otherwise 0."""
        return 3 if self.added.refused or self.has_issues(Level.REJECTED) else 0


@dataclass(frozen=True)
class Stored:
    """The contents of a store; `accounts` has a row per account: `account_id, snapshots, rows, first, last, gaps`."""

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
        """The contents as plain data."""
        return {
            "accounts": plain_rows(self.accounts),
            "gaps": plain_rows(self.gaps),
            "damaged": [list(part) for part in self.damaged],
        }
