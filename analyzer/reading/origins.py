"""Find the source and line of rows, to note issues about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from analyzer.reading.layout import ACCOUNT, account_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from analyzer.reading.issues import IssueLog
    from analyzer.reading.parsing import RawTable
    from analyzer.reading.source import Source


class RowOrigins:
    """The source and line of each row of a table."""

    def __init__(self, raw: RawTable, sources: Sequence[Source], log: IssueLog) -> None:
        self._raw, self._sources, self._log = raw, sources, log

    def note(self, code: str, message: str, rows: npt.NDArray[np.int64], column: str) -> None:
        """Note an issue about `column` for each of `rows` (usually few), with the original text of the cell."""
        if not len(rows):
            return
        texts = self._raw.cells[column].take(pa.array(rows)).to_pylist()
        owners, lines = self._raw.report[rows].tolist(), self._raw.line[rows].tolist()
        for owner, line, text in zip(owners, lines, texts, strict=True):
            report = self._raw.reports[owner]
            name = account_column(report.header.columns) if column == ACCOUNT else column
            source = self._sources[report.source]
            self._log.add(code, message, source=source.name, line=line, column=name, value=text)
