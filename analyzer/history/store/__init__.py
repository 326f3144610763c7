"""The snapshot store: reports of many days and accounts, kept as a Parquet dataset that other programs read as it is.

    DIR/snapshots/month=YYYY-MM/part-0.parquet   the users, a row per user and report
    DIR/reports/month=YYYY-MM/part-0.parquet     a row per report and account
    DIR/issues/month=YYYY-MM/part-0.parquet      what was repaired, unreadable or rejected in them
    DIR/_schema.json                             the columns, for people and other programs

Months are of `captured_at`, in UTC. What is in a store depends on the reports alone, not on how often, in which order
or in which company they came: a report is told by its CSV, its capture time and its account, and the same reports give
the same bytes. An ingest makes a new folder beside the old one, with hard links to what stays, and exchanges the two in
one step, under a lock: a crash leaves the old state or the new one.

`layout` has the columns, `rows` makes rows of reports, `adding` merges them into a store, `parts` writes and reads one
part, `reading` and `contents` read what is there.
"""

from analyzer.history.store.reading import by_accounts, span

__all__ = ["by_accounts", "span"]
