"""Lifetimes of `unused-credentials` from a snapshot store, by DuckDB's window functions.

For stores without unreadable cells and without two keys of one instant: what `credreport history` does beyond this is
not asked of it.
"""

# ruff: noqa: S608 - the names in the query are our own
from __future__ import annotations

import sys
from pathlib import Path

import duckdb

COLUMNS = (
    *("account_id", "user", "credential", "kind", "key_created", "first_seen", "last_seen", "state", "closed_at"),
    *("closed_by", "days_open", "reopened", "censored_left", "censored_right"),
)
"""What is asked of both programs."""
_SLOTS = (
    ("password", "password", "password_enabled", "password_last_changed", "password_last_used"),
    *(
        (
            f"access_key_{n}",
            "access_key",
            *(f"access_key_{n}_{column}" for column in ("active", "last_rotated", "last_used_date")),
        )
        for n in (1, 2)
    ),
)


def _credentials(credential: str, kind: str, active: str, changed: str, used: str) -> str:
    is_key = kind == "access_key"
    exists = f"{active} OR {changed} IS NOT NULL" + (f" OR {used} IS NOT NULL" if is_key else "")
    return f"""
        SELECT account_id, "user", lower("user") AS name, user_creation_time AS born, captured_at,
            '{credential}' AS credential, '{kind}' AS kind, {changed if is_key else "NULL::TIMESTAMPTZ"} AS made,
            {active} AS active, {changed} AS changed, {used} AS used
        FROM snapshots WHERE NOT is_root AND ({exists})"""


def query(store: Path) -> str:
    """Return the query."""
    credentials = " UNION ALL ".join(_credentials(*slot) for slot in _SLOTS)
    return f"""
    WITH snapshots AS (SELECT * FROM read_parquet('{store}/snapshots/*/*.parquet')),
    calendar AS (
        SELECT account_id, captured_at, row_number() OVER by_time AS place, lead(captured_at) OVER by_time AS after
        FROM (SELECT DISTINCT account_id, captured_at FROM snapshots)
        WINDOW by_time AS (PARTITION BY account_id ORDER BY captured_at)
    ),
    usual AS (
        SELECT account_id, greatest(median(epoch_us(after) - epoch_us(captured_at)), 86400000000) AS step
        FROM calendar GROUP BY account_id
    ),
    judged AS (
        SELECT credentials.*, place, CASE
            WHEN NOT active THEN 'inactive'
            WHEN (kind = 'access_key' AND changed > captured_at) OR born > captured_at THEN 'not_applicable'
            WHEN used <= captured_at + INTERVAL 1 MINUTE THEN
                CASE WHEN captured_at - used >= INTERVAL 45 DAY THEN 'fail' ELSE 'pass' END
            WHEN used IS NULL AND changed <= captured_at THEN
                CASE WHEN captured_at - changed >= INTERVAL 45 DAY THEN 'fail' ELSE 'pass' END
            WHEN captured_at - (CASE WHEN used IS NULL OR kind = 'password' THEN born ELSE changed END)
                < INTERVAL 45 DAY THEN 'pass'
            ELSE 'not_checked' END AS status
        FROM ({credentials}) AS credentials JOIN calendar USING (account_id, captured_at)
    ),
    around AS (
        SELECT *, lag(status) OVER own AS was, lag(place) OVER own AS was_place, lead(status) OVER own AS next,
            lead(place) OVER own AS next_place, lead(used) OVER own AS next_used, lead(changed) OVER own AS next_changed
        FROM judged WINDOW own AS (PARTITION BY account_id, name, born, kind, made ORDER BY place)
    ),
    failing AS (
        SELECT *, count(*) FILTER (was IS DISTINCT FROM 'fail' OR was_place < place - 1) OVER
            (PARTITION BY account_id, name, born, kind, made ORDER BY place ROWS UNBOUNDED PRECEDING) AS run
        FROM around WHERE status = 'fail'
    ),
    runs AS (
        SELECT account_id, name, born, kind, made, run, min(place) AS first_place, max(place) AS last_place,
            arg_max("user", place) AS "user", arg_max(credential, place) AS credential,
            min(captured_at) AS first_seen, max(captured_at) AS last_seen,
            arg_max(CASE WHEN next_place = place + 1 THEN next ELSE 'gone' END, place) AS next,
            arg_max(coalesce(next_used > used OR (used IS NULL AND next_used IS NOT NULL), false), place) AS is_used,
            arg_max(coalesce(next_changed > changed, false), place) AS is_changed
        FROM failing GROUP BY ALL
    ),
    ended AS (
        SELECT runs.*, after, CASE
            WHEN after IS NULL THEN 'open'
            WHEN epoch_us(after) - epoch_us(last_seen) > 1.5 * step OR next = 'not_checked' THEN 'lost_sight'
            ELSE 'closed' END AS state
        FROM runs
        JOIN calendar ON calendar.account_id = runs.account_id AND calendar.place = runs.last_place
        JOIN usual ON usual.account_id = runs.account_id
    ),
    remaining AS (
        SELECT account_id, lower("user") AS name, user_creation_time AS born, captured_at FROM snapshots
        WHERE account_id IN (SELECT account_id FROM ended WHERE next = 'gone' AND kind = 'password')
    )
    SELECT ended.account_id, "user", credential, kind, made AS key_created, first_seen, last_seen, state,
        CASE WHEN state = 'closed' THEN after END AS closed_at,
        CASE WHEN state = 'closed' THEN CASE
            WHEN next = 'gone' AND kind = 'password' AND remaining.name IS NOT NULL THEN 'deactivated'
            WHEN next = 'gone' THEN 'deleted'
            WHEN next = 'inactive' THEN 'deactivated'
            WHEN is_used THEN 'used'
            WHEN is_changed THEN 'changed'
            ELSE 'other' END END AS closed_by,
        (epoch_us(CASE WHEN state = 'closed' THEN after ELSE last_seen END) - epoch_us(first_seen)) // 86400000000
            AS days_open,
        count(*) FILTER (state = 'closed') OVER
            (PARTITION BY ended.account_id, ended.name, ended.born, kind, made ORDER BY run
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reopened,
        first_place = 1 AS censored_left, after IS NULL AS censored_right
    FROM ended LEFT JOIN remaining ON next = 'gone' AND kind = 'password' AND remaining.account_id = ended.account_id
        AND remaining.name = ended.name AND remaining.born = ended.born AND remaining.captured_at = after"""


def main(store: Path, out: Path) -> None:
    """Write the lifetimes into the Parquet file `out`."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"COPY ({query(store)}) TO '{out}' (FORMAT parquet, COMPRESSION zstd)")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
