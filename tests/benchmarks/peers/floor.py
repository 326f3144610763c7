"""What no audit by these libraries can do without, each stage with the former ones: `floor STAGE REPORTS FINDINGS`."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pyarrow as pa
from pyarrow import csv, parquet

from analyzer.evidence.writer import to_bytes
from analyzer.pipeline import audits  # noqa: F401 - as the program does
from analyzer.reading.layout import COLUMNS, SHOWN_ONLY

BATCH = 70
"""Reports that are parsed in one go."""
STAGES = ("imports", "read and hash", "parse as texts", "write findings")


def run(stage: str, reports: Path, findings: Path) -> None:
    """Do the stages up to `stage`; the findings to write are those that the program found."""
    reach = STAGES.index(stage)
    if reach < 1:
        return
    files = sorted(reports.rglob("*.csv"))
    for start in range(0, len(files), BATCH):
        texts = [file.read_bytes() for file in files[start : start + BATCH]]
        for text in texts:
            hashlib.sha256(text).hexdigest()
        if reach > 1:
            parse(texts)
    if reach > 2:
        table = parquet.ParquetFile(findings)
        for group in range(table.num_row_groups):
            to_bytes(table.read_row_group(group))


def parse(texts: list[bytes]) -> pa.Table:
    """Return the rows of reports with the 22 usual columns."""
    names = list(COLUMNS[:22])
    return csv.read_csv(
        pa.BufferReader(b"\n".join(text.partition(b"\n")[2] for text in texts)),
        read_options=csv.ReadOptions(column_names=names),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=[name for name in names if name not in SHOWN_ONLY],
            check_utf8=False,
        ),
    )


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    # A process that ends right after Arrow's threads have parsed is sometimes aborted by Arrow while they end.
    os._exit(0)
