"""The method in words, as the sheet Method shows it."""

from __future__ import annotations

from typing import Final

from analyzer.rendering import caveats

UNUSED_RULE: Final = (
    (
        "A password is counted from the time it was last used (password_last_used), or, where it was never used, "
        "from the time it was last changed (password_last_changed). An access key is counted from its last use "
        "(access_key_n_last_used_date), or, where it was never used, from its creation "
        "(access_key_n_last_rotated). Elapsed time is exact: idle_days are whole periods of 24 hours up to the "
        "reference instant."
    ),
    (
        "A credential that lay idle for {limit} days or more fails. Only active credentials are judged "
        "(password_enabled, access_key_n_active). Root is excluded, as in the benchmark: it is not meant for daily "
        "work, so lying unused is what is wanted of it."
    ),
    (
        "Where the report does not say when a credential was last used, that instant is bounded by the earliest "
        "and the latest it can have been. It passes if even the earliest is within the limit, fails if even the "
        "latest is beyond it, and is not_checked otherwise. An unknown never becomes a pass."
    ),
)
UNUSED_SOURCE: Final = (
    "Source: CIS AWS Foundations Benchmark, credentials unused for 45 days or more: 1.12 (v1.4 to v4.0.1), "
    "1.11 (v5.0), 2.11 (v6.0 and v7.0); for 90 days or more: 1.3 (v1.2), 1.12 (v1.3)."
)
EVALUATION: Final = (
    (
        "Each control says of each subject that it passes, fails, or cannot be decided (not_checked, with the reason). "
        "What is unknown never becomes a pass: a control fails or passes only where the evidence leaves no other "
        "reading."
    ),
    (
        "Where an instant is not known it is bounded by others. Flags that are neither true nor false are unknown. "
        "Users, keys and certificates made after the reference instant are not applicable. Flags (active, MFA, "
        "password) are those of the report's own time, which may differ from the reference instant: see captured_at."
    ),
    (
        "A finding that a waiver of the policy covers keeps its status, names the waiver, and is not counted "
        "for the exit code."
    ),
)
_AGE: Final = "key: its creation; password: user creation"
UNUSED_EVIDENCE: Final = (
    ("evidence", "counted from (earliest)", "latest", "reason"),
    ("last use known, at or before the reference instant", "last use", "last use", "last_used"),
    ("never used; last change known, at or before the reference instant", "last change", "last change", "never_used"),
    (
        "last use after the reference instant",
        _AGE,
        "reference instant",
        "used_after_as_of",
    ),
    (
        "last use blank, not_supported, unreadable or no such column",
        _AGE,
        "reference instant",
        "last_use_unknown",
    ),
    (
        "never used; last change absent, unreadable or after the instant",
        "user creation",
        "reference instant",
        "age_unknown",
    ),
    ("the earliest instant is not known either: not_checked", "not known", "reference instant", "the same reason"),
    ("key or user created after the reference instant: not_applicable", "", "", "created_after_as_of"),
    ("active flag unreadable or missing: not_checked", "", "", "active_unknown"),
)
CAVEATS: Final = (
    (
        "With the reasons used_after_as_of, last_use_unknown and age_unknown, idle_days in the findings is the "
        "most it can be, and basis_time the earliest possible. Population judged gives idle_days only where "
        "it is known."
    ),
    *caveats.REPORTS,
    (
        "fails_at is the instant from which what passes fails if nothing changes: when the limit in days is reached "
        "(past it, where a limit may be used up), or the password expires. Where basis_time is only the earliest "
        "possible, it may fail from then on. What a report shows after the reference instant plays no part in it."
    ),
)
HOLDS: Final = (
    (
        "Each sheet with rows of a table holds at most {most:,} of them (the option --workbook-rows). Where a table "
        "has more, its first line and the sheet Summary say how many are left out; the Parquet file of the same name "
        "beside this workbook has them all. Findings keeps what fails and what could not be checked first, then what "
        "is waived or not applicable, and passes only while there is room; Population judged keeps those that fail or "
        "could not be checked first, Issues the most serious, and Users the first rows."
    ),
    (
        "Population judged has the credentials that unused-credentials judged, or, where it was not among the "
        "controls, what the first control judged. Summary counts what is out of its scope: inactive credentials, those "
        "made after the reference instant, root's, and certificates."
    ),
    (
        "Rows of Findings and Population judged with recalculated = yes have formulas: where the reference date or a "
        "limit on Summary is changed, their days and status follow. Their days are counted from one known instant "
        "(reasons last_used and never_used, and last_changed where a control asks for the age). Rows with recalculated "
        "= no keep the result of the run. Where that instant lies after the changed reference date, the row becomes "
        "not_checked: what was before it is not in the row, and credreport has to judge it anew (--as-of). Messages, "
        "fails_at and the sheet Exceptions noted are those of the run."
    ),
    (
        "The sheet Users has the columns of the reports as they were read. Why a time is not there (not applicable, no "
        "information, not supported, missing, invalid) stands in the columns <column>_state of users.parquet."
    ),
)
