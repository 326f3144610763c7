"""credreport: the offline analyzer of AWS IAM credential reports.

    audit(paths)             judge the newest report of each account
    compare(old, new)        show what changed between two snapshots
    history(paths)           follow failures through many snapshots
    open_evidence(folder)    open evidence that was written before

The first three do the same as the commands with these names, and return
evidence: tables as pandas frames, a summary, and write() for the files.

>>> import analyzer
>>> evidence = analyzer.audit("sample_reports", as_of="2026-10-31")
>>> evidence.summary.unused["fail"], evidence.summary.exit_code
(17, 1)
>>> fails = evidence.findings[evidence.findings["status"] == "fail"]
>>> fails["account_id"].value_counts().loc["111122223333"].item()
30
>>> evidence.write("evidence", formats=["parquet", "excel"]).files[-2:]
['workbook.xlsx', 'rendered.json']

help(analyzer.audit) describes a function; `credreport manual python` is the
page of the manual. All errors are instances of `errors.AnalyzerError`, with
the attributes `message` and `hint`; they use the names of the options.

Parameters of the functions are named like the options of the command line: `--as-of` is `as_of`. All except the paths
are optional, and are given by name:

    as_of           reference date: a date (the end of that day, UTC), a datetime (UTC unless it has an offset), a text
                    with either, or "now"; without it, each report is judged at its own capture time
    every_snapshot, no_trend         judge all snapshots of an account; do not compare with the snapshot before
    accounts, max_report_age         file with the expected accounts; maximum age of their reports, in days
    leavers, people                  files with people who left, and with all people
    benchmark, control               one or several ids; a framework may also be a file
    all_controls, max_idle_days      judge every control; idle days at which a credential fails
    policy, no_policy                file with limits and waivers (default: credreport.toml if it exists); use none
    account_id, captured_at          for reports that do not contain them: 12 digits; WHEN, or PATTERN=WHEN
    max_file_size                    largest file to read, after unpacking, such as "2GB"
    pseudonyms                       key file: replace names by pseudonyms; it is created if it does not exist
    store, from_, to                 folder of a store; two times: the newest snapshots up to each are compared
    as_of_series, sla_days           reference dates, or "monthly"; deadline for fixes, in days
"""

__version__ = "0.1.0"

import analyzer.history  # noqa: F401 - loaded first: the function `history` below takes its name
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
