"""The result of `credreport inspect`: the reports in some files, without a judgement."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from analyzer.evidence.plain import plain_rows
from analyzer.evidence.with_issues import WithIssues, issue_codes

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Inspection(WithIssues):
    """The reports in some files: `inputs` has a row per report (see `evidence.inputs`), `issues` the data issues."""

    inputs: pd.DataFrame
    issues: pd.DataFrame

    @property
    def _issues_by_code(self) -> dict[str, int]:
        return issue_codes(self.issues["code"].astype("str"))

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The result as plain data."""
        columns = [column for column in self.inputs if column not in {"judged", "as_of", "accounts"}]
        return {"inputs": plain_rows(self.inputs[columns]), "issues": plain_rows(self.issues)}
