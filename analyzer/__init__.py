"""credreport: the offline analyzer of AWS IAM credential reports.

The public Python API: `audit`, `compare` and `history` do what the commands of these names do, and return the evidence;
`open_evidence` opens what was written before. Every error that they raise is an `errors.AnalyzerError`, with `message`
and `hint`. Options keep the names that they have on the command line, in errors as well: `--as-of` is `as_of`.

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
