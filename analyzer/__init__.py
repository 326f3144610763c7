"""credreport: the offline analyzer of AWS IAM credential reports.

The public Python API: `audit`, `compare` and `history` do what the commands of these names do, and return the evidence;
`open_evidence` opens what was written before. Every error that they raise is an `errors.AnalyzerError`, with `message`
and `hint`. Options keep the names that they have on the command line, in errors as well: `--as-of` is `as_of`.

Parameters of the functions; all but the paths are given by name, and may be left out:

    as_of           the reference instant: a date (the end of that day, UTC), a datetime (UTC unless it has an offset),
                    either as text too, or "now"; without, each report is judged at the time it was captured
    every_snapshot, no_trend         judge all snapshots of an account; do not compare with the one before
    accounts, max_report_age         a file with the accounts that are expected; days that a report may be old
    leavers, people                  files with people who left, and with all people
    benchmark, control               ids, one or several; a benchmark may be a file as well
    all_controls, max_idle_days      judge every control; days from which an idle credential fails
    policy, no_policy                a file with limits and waivers (credreport.toml if it is there); use none
    account_id, captured_at          for reports that do not tell theirs: 12 digits; WHEN, or PATTERN=WHEN
    max_file_size                    the largest file to read, unpacked, such as "2GB"
    pseudonyms                       the file of a key: pseudonyms in place of names; it is made if it is missing
    store, from_, to                 a folder that ingest keeps; two instants: the newest snapshots by then are compared
    as_of_series, sla_days           dates, or "monthly"; days in which failures ought to be fixed

>>> import analyzer
>>> evidence = analyzer.audit("sample_reports", as_of="2026-10-31")
>>> evidence.summary.unused["fail"], evidence.summary.exit_code
(17, 1)
>>> fails = evidence.findings[evidence.findings["status"] == "fail"]
>>> fails["account_id"].value_counts().loc["111122223333"].item()
30
>>> evidence.write("evidence", formats=["parquet", "excel"]).files[-2:]
['workbook.xlsx', 'rendered.json']
"""

__version__ = "0.1.0"

import analyzer.history  # noqa: F401 - loaded first: below, a function takes its name, which loading it later would undo
from analyzer import errors
from analyzer.pipeline.api import audit, compare, history
from analyzer.pipeline.opened import AuditEvidence, ComparisonEvidence, Evidence, HistoryEvidence, open_evidence

__all__ = [
    "AuditEvidence",
    "ComparisonEvidence",
    "Evidence",
    "HistoryEvidence",
    "audit",
    "compare",
    "errors",
    "history",
    "open_evidence",
]
