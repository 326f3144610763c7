"""Findings of `unused-credentials` by a loop over the rows that `csv` reads, as most scanners are written.

For reports as AWS makes them today, in folders named by their day: damaged cells, other layouts and several reports of
an account are not asked of it.
"""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pyarrow import parquet

from analyzer.reading.layout import ROOT_USER, SLOTS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT: Final = timedelta(days=45)
DATED: Final = {Kind.PASSWORD: "set", Kind.ACCESS_KEY: "created"}
JUDGED: Final = [slot for slot in SLOTS if slot.kind in DATED]
INSTANT: Final = pa.timestamp("us", tz="UTC")
SCHEMA: Final = pa.schema(
    {
        **dict.fromkeys(("control", "status", "account_id", "user", "arn", "credential", "basis"), pa.string()),
        "basis_time": INSTANT,
        **dict.fromkeys(("idle_days", "limit_days"), pa.int32()),
        "as_of": INSTANT,
        **dict.fromkeys(("reason", "message"), pa.string()),
        "captured_at": INSTANT,
        "source": pa.string(),
        "line": pa.int32(),
        **dict.fromkeys(("requirement", "severity"), pa.string()),
        "age_days": pa.int32(),
        "waiver": pa.string(),
        "fails_at": INSTANT,
        "requirements": pa.list_(pa.string()),
    }
)


def findings(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the findings on one report."""
    as_of = datetime.fromisoformat(path.parent.name).replace(tzinfo=UTC) + timedelta(days=1, microseconds=-1)
    source = str(path)
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        for row in reader:
            if row["user"] == ROOT_USER:
                continue
            for slot in JUDGED:
                if row[slot.active] != "true":
                    continue
                basis, reason, beginning = slot.last_used or "", "last_used", "last used"
                if row[basis] in {"N/A", "no_information"}:
                    basis, reason, beginning = slot.last_changed, "never_used", f"never used; {DATED[slot.kind]}"
                basis_time = datetime.fromisoformat(row[basis])
                idle = as_of - basis_time
                changed = ""
                if slot.kind is Kind.PASSWORD and reason == "last_used":
                    changed_at = datetime.fromisoformat(row[slot.last_changed])
                    changed = f"; changed {row[slot.last_changed][:10]}" if basis_time < changed_at <= as_of else ""
                days = f"{idle.days} day{'' if idle.days == 1 else 's'}"
                yield {
                    "control": "unused-credentials",
                    "status": "fail" if idle >= LIMIT else "pass",
                    "account_id": row["arn"].split(":")[4],
                    "user": row["user"],
                    "arn": row["arn"],
                    "credential": slot.name,
                    "basis": basis,
                    "basis_time": basis_time,
                    "idle_days": idle.days,
                    "limit_days": LIMIT.days,
                    "as_of": as_of,
                    "reason": reason,
                    "message": f"{beginning} {row[basis][:10]}, {days}{changed}",
                    "captured_at": as_of,
                    "source": source,
                    "line": reader.line_num,
                    "requirement": "2.11",
                    "severity": "medium",
                    "age_days": None,
                    "waiver": None,
                    "fails_at": None if idle >= LIMIT else basis_time + LIMIT,
                    "requirements": ["2.11"],
                }


def main(reports: Path, out: Path) -> None:
    """Write the findings into the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    rows = [finding for path in sorted(reports.rglob("*.csv")) for finding in findings(path)]
    parquet.write_table(pa.Table.from_pylist(rows, SCHEMA), out / "findings.parquet", compression="zstd")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
