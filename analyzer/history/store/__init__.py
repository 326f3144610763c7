"""The snapshot store: reports of many days and accounts, kept as a Parquet dataset that other programs read as it is.

    DIR/snapshots/month=YYYY-MM/part-0.parquet   the users, a row per user and report
    DIR/reports/month=YYYY-MM/part-0.parquet     a row per report and account
    DIR/issues/month=YYYY-MM/part-0.parquet      what was repaired, unreadable or rejected in them
    DIR/_schema.json                             the columns, for people and other programs

The month is that of `captured_at`, in UTC. The same reports give the same bytes, whatever their order and however often
they are ingested: a report is identified by its CSV, its capture time and its account. An ingest makes a new folder
beside the old one, with hard links to unchanged files, and exchanges the two in one step, under a lock. So a crash
leaves the old state or the new one.

`layout` has the columns, `rows` makes rows from reports, `adding` merges them into a store, `parts` writes and reads
one part, `reading` and `contents` read a store.
"""

from analyzer.history.store.reading import by_accounts, span

__all__ = ["by_accounts", "span"]
