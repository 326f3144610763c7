"""Reads a batch of reports for the snapshot store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from analyzer.batch import Result, parsed
from analyzer.history.store.rows import rows_to_keep
from analyzer.reading.issues import IssueLog
from analyzer.survey.selection import everything

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.reading.issues import Row
    from analyzer.survey.entry import Entry
    from analyzer.survey.plan import Batch
    from analyzer.survey.selection import Selected


@dataclass(frozen=True)
class Ingesting:
    """Turns batches of reports into rows of a store, in threads of this process.

    `account_id` is the account of rows without one; `noted` has the issues of the survey by report.
    """

    account_id: str | None
    noted: dict[str, list[Row]] = field(default_factory=dict)

    def choose(self, entries: Sequence[Entry], log: IssueLog) -> list[Selected]:
        """Choose all reports; `log` has the issues of the survey."""
        self.noted.clear()
        for row in log.rows:
            self.noted.setdefault(row[0], []).append(row)
        return everything(entries, log)

    def of(self, batch: Batch) -> Result:
        """Return the result of a batch: the rows to store, and the data issues."""
        log = IssueLog()
        result = Result(issues=log.rows)
        parsed_reports = parsed(batch, self.account_id, log, result)
        if parsed_reports is not None:
            sources = [source for _, source in parsed_reports.reports]
            noted = [row for source in sources for row in self.noted.get(source.name, ())]
            result.tables = rows_to_keep(sources, parsed_reports.tables, log, noted)
            del sources, parsed_reports
            pa.default_memory_pool().release_unused()  # otherwise this thread keeps the memory of the batch
        return result
