"""The base of all results with data issues, which they count by code."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from analyzer.reading.issues import CODES, Level

if TYPE_CHECKING:
    from collections.abc import Iterable


class WithIssues:
    """A result with data issues, which it counts by code."""

    @property
    def missing_accounts(self) -> str:
        """The expected accounts without a judged report, in words; empty if no list of accounts was given."""
        return ""

    @cached_property
    def issue_counts(self) -> dict[str, int]:
        """The number of data issues by code, sorted by level (most severe first) and then by number."""
        counts = self._issues_by_code
        codes = sorted(counts, key=lambda code: (-CODES[code].level, -counts[code], code))
        return {code: counts[code] for code in codes}

    @property
    def _issues_by_code(self) -> dict[str, int]:
        raise NotImplementedError

    def has_issues(self, level: Level) -> bool:
        """Whether there are issues of `level` or of a more severe level."""
        return any(CODES[code].level >= level for code in self.issue_counts)


def issue_codes(codes: Iterable[str]) -> dict[str, int]:
    """Return the number of occurrences of each code."""
    counts = pd.Series(list(codes), dtype="str").value_counts()
    return {str(code): int(count) for code, count in counts.items()}
