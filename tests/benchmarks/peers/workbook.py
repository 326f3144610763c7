"""Findings as a workbook, by the program or by pandas: `workbook credreport|pandas FILE OUT`."""

from __future__ import annotations

import sys
from pathlib import Path

from pyarrow import parquet


def by_pandas(findings: Path, out: Path) -> None:
    """Write as people do who have a frame; Excel knows no time zones."""
    frame = parquet.read_table(findings).to_pandas()
    for name in frame.select_dtypes("datetimetz"):
        frame[name] = frame[name].dt.tz_localize(None)
    frame.to_excel(out / "workbook.xlsx", sheet_name="Findings", index=False, engine="xlsxwriter")


def by_credreport(findings: Path, out: Path) -> None:
    """Write as `credreport` does, with what it does to the sheet."""
    from analyzer.evidence.tables import TablesInMemory  # noqa: PLC0415 - not for pandas
    from analyzer.rendering.workbook import book as excel  # noqa: PLC0415

    tables = TablesInMemory({"findings": parquet.read_table(findings)})
    excel.write_tables("Findings", ["Findings"], [], tables, ["findings"], out)


if __name__ == "__main__":
    folder = Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    {"credreport": by_credreport, "pandas": by_pandas}[sys.argv[1]](Path(sys.argv[2]), folder)
