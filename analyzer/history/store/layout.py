"""The layout of a store: its tables and columns, the identity of a report, and the folders."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from analyzer.evidence.owner import Claims, Owner
from analyzer.evidence.schema import FEW, ISSUES, USERS
from analyzer.reading.columns import TIME

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.evidence.owner import Standing

SCHEMA_VERSION: Final = 1

SNAPSHOTS: Final = pa.schema([*USERS, ("report_sha256", FEW)])
"""`report_sha256` is the digest of the report's CSV."""

REPORTS: Final = pa.schema(
    {
        "source": FEW,
        "report_sha256": FEW,
        "account_id": FEW,
        "captured_at": TIME,
        "captured_from": FEW,
        "file_sha256": pa.string(),
        "bytes": pa.int64(),
        "container": FEW,
        "layout": FEW,
        "rows": pa.int32(),
        "rejected": pa.int32(),
    }
)
"""`file_sha256` and `bytes` belong to the file as given; `rejected` counts its rejected lines for all accounts."""

STORED_ISSUES: Final = pa.schema([*ISSUES, ("report_sha256", FEW), ("account_id", FEW), ("captured_at", TIME)])
"""`account_id` is null if the file has several accounts."""

TABLES: Final = {"snapshots": SNAPSHOTS, "reports": REPORTS, "issues": STORED_ISSUES}
IDENTITY: Final = ("report_sha256", "captured_at", "account_id")
"""The columns that identify a report."""
ORDER: Final = {
    # The snapshots of a user are adjacent, so that values that do not change compress well.
    "snapshots": ("account_id", "user", "user_creation_time", "captured_at", "line", "report_sha256"),
    "reports": ("account_id", "captured_at", "report_sha256"),
    "issues": ("account_id", "captured_at", "report_sha256", "line", "column", "code", "value", "message"),
}

DAMAGED: Final = "damaged_part"
"""The code of issues about parts that cannot be read."""
REMEDY: Final = "move the file away and ingest the reports of this month again"

NOTES: Final = "_schema.json"
_PART: Final = re.compile(r"(?:snapshots|reports|issues)/month=\d{4}-\d\d/part-0\.parquet")
_FOLDER: Final = re.compile(r"(?:snapshots|reports|issues)(?:/month=\d{4}-\d\d)?")


def part_of(table: str, month: str) -> str:
    """Return the name of a table's part of a month (`2026-10`), relative to the store."""
    return f"{table}/month={month}/part-0.parquet"


def month_of(part: str) -> str:
    """Return the month of a part, by its name."""
    return part.split("/")[1].removeprefix("month=")


def _claims(_: Path, standing: Standing) -> Claims:
    """Return the files of a store in a folder, by their names; damage of a part is found when it is read."""
    files = {name for name in standing.files if name == NOTES or _PART.fullmatch(name)}
    return Claims(bool(files), files, {name for name in standing.folders if _FOLDER.fullmatch(name)})


STORE: Final = Owner("store", "choose another folder for the store", NOTES, _claims)


def notes() -> str:
    """Return the description of the store, for people and other programs."""

    def kind(of: pa.DataType) -> str:
        return str(of.value_type if pa.types.is_dictionary(of) else of)

    described = {
        "program": "credreport",
        "schema_version": SCHEMA_VERSION,
        "layout": "TABLE/month=YYYY-MM/part-0.parquet (Hive partitions; the month of captured_at, UTC)",
        "order": {name: list(columns) for name, columns in ORDER.items()},
        "report": (
            f"identified by {', '.join(IDENTITY)}; report_sha256 is the digest of the CSV, file_sha256 that of the "
            "file as given"
        ),
        "tables": {name: {field.name: kind(field.type) for field in schema} for name, schema in TABLES.items()},
    }
    return json.dumps(described, indent=2) + "\n"
