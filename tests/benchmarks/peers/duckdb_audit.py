"""Findings of `unused-credentials` by DuckDB.

For reports as AWS makes them today, in folders named by their day: damaged cells, other layouts and several reports of
an account are not asked of it.
"""

# ruff: noqa: S608 - the names in the query are our own
from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb

from analyzer.reading.layout import COLUMNS, ROOT_USER, SLOTS, Kind

if TYPE_CHECKING:
    from analyzer.reading.layout import Slot

DATED: Final = {Kind.PASSWORD: "set", Kind.ACCESS_KEY: "created"}
JUDGED: Final = [slot for slot in SLOTS if slot.kind in DATED]


def load(reports: Path) -> str:
    """Return the statement that reads the columns needed; rows keep the order of the files in `rowid`."""
    cells = ", ".join(f"{slot.active}, {slot.last_changed}, {slot.last_used}" for slot in JUDGED)
    return f"""
    CREATE TABLE raw AS SELECT "user", arn, filename, {cells}
    FROM read_csv('{reports}/**/*.csv', columns = {dict.fromkeys(COLUMNS[:22], "VARCHAR")}, filename = true,
        header = true, auto_detect = false, delim = ',', quote = '"')"""


def query() -> str:
    """Return the query for what was loaded."""
    return f"""
    WITH files AS (
        SELECT filename, min(rowid) AS first,
            regexp_extract(filename, '(\\d{{4}}-\\d\\d-\\d\\d)/[^/]*$', 1)::TIMESTAMPTZ
                + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND AS as_of
        FROM raw GROUP BY filename
    ),
    rows AS MATERIALIZED (
        SELECT raw.*, as_of, (raw.rowid - first + 2)::INTEGER AS line
        FROM raw JOIN files USING (filename) WHERE "user" <> '{ROOT_USER}'
    ),
    credentials AS ({" UNION ALL ".join(map(_in_slot, JUDGED))}),
    idle AS (
        SELECT *, counted_from::TIMESTAMPTZ AS basis_time, changed::TIMESTAMPTZ AS changed_at,
            epoch_us(as_of) - epoch_us(basis_time) AS idle,
            (idle // 86400000000)::INTEGER AS idle_days
        FROM credentials
    )
    SELECT 'unused-credentials' AS control, CASE WHEN idle >= 45 * 86400000000 THEN 'fail' ELSE 'pass' END AS status,
        split_part(arn, ':', 5) AS account_id, "user", arn, credential, basis, basis_time, idle_days,
        45::INTEGER AS limit_days, as_of, reason,
        concat(beginning, counted_from[:10], ', ', idle_days, CASE WHEN idle_days = 1 THEN ' day' ELSE ' days' END,
            CASE WHEN changed_at > basis_time AND changed_at <= as_of THEN '; changed ' || changed[:10] ELSE '' END)
            AS message,
        as_of AS captured_at, filename AS source, line, '2.11' AS requirement, 'medium' AS severity,
        NULL::INTEGER AS age_days, NULL::VARCHAR AS waiver,
        CASE WHEN idle < 45 * 86400000000 THEN basis_time + INTERVAL 45 DAY END AS fails_at, ['2.11'] AS requirements
    FROM idle"""


def _in_slot(slot: Slot) -> str:
    never = f"{slot.last_used} IN ('N/A', 'no_information')"
    changed = f"CASE WHEN NOT {never} THEN {slot.last_changed} END" if slot.kind is Kind.PASSWORD else "NULL::VARCHAR"
    return f"""
        SELECT {changed} AS changed, "user", arn, filename, line, as_of, '{slot.name}' AS credential,
            CASE WHEN {never} THEN {slot.last_changed} ELSE {slot.last_used} END AS counted_from,
            CASE WHEN {never} THEN '{slot.last_changed}' ELSE '{slot.last_used}' END AS basis,
            CASE WHEN {never} THEN 'never_used' ELSE 'last_used' END AS reason,
            CASE WHEN {never} THEN 'never used; {DATED[slot.kind]} ' ELSE 'last used ' END AS beginning
        FROM rows WHERE {slot.active} = 'true'"""


def main(reports: Path, out: Path) -> None:
    """Write the findings into the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(load(reports))
    connection.execute("SET preserve_insertion_order = false")
    written = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"  # the level that Arrow takes where none is given
    connection.execute(f"COPY ({query()}) TO '{out}/findings.parquet' ({written})")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
