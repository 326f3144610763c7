"""The schemas of the public tables: names, order and types of their columns.

Parquet files, the workbook and the tests use these schemas. In memory the tables are pandas frames: texts are Arrow
strings, texts with few values are categories, times are `timestamp[us, UTC]`, whole numbers are int32, flags are Arrow
booleans; a missing value is NA/NaT. A frame can have more columns for internal use (`findings.chosen`); only the
columns of the schema are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd
import pyarrow as pa

from analyzer.reading.columns import TIME
from analyzer.reading.layout import BOOLEAN_COLUMNS, COLUMNS, TIMESTAMP_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyzer.reading.issues import IssueLog

TEXT: Final = pa.string()
FEW: Final = pa.dictionary(pa.int32(), pa.string())
"""The type of a text column with few distinct values."""


def _aws_type(column: str) -> pa.DataType:
    if column in TIMESTAMP_COLUMNS:
        return TIME
    if column in BOOLEAN_COLUMNS:
        return pa.bool_()
    return TEXT if column in {"user", "arn", "additional_credentials_info"} else FEW


FINDINGS: Final = pa.schema(
    {
        "control": FEW,
        "status": FEW,
        "account_id": FEW,
        "user": TEXT,
        "arn": TEXT,
        "credential": FEW,
        "basis": FEW,
        "basis_time": TIME,
        "idle_days": pa.int32(),
        "limit_days": pa.int32(),
        "as_of": TIME,
        "reason": FEW,
        "message": TEXT,
        "captured_at": TIME,
        "source": FEW,
        "line": pa.int32(),
        "requirement": FEW,
        "severity": FEW,
        "age_days": pa.int32(),
        "waiver": FEW,
        "fails_at": TIME,
        "requirements": pa.list_(pa.string()),
    }
)

CREDENTIALS: Final = pa.schema(
    {
        "account_id": FEW,
        "user": TEXT,
        "arn": TEXT,
        "credential": FEW,
        "kind": FEW,
        "active": pa.bool_(),
        "last_changed": TIME,
        "last_changed_state": FEW,
        "last_used": TIME,
        "last_used_state": FEW,
        "last_used_region": FEW,
        "last_used_service": FEW,
        "age_days": pa.int32(),
        "idle_days": pa.int32(),
        "captured_at": TIME,
        "source": FEW,
        "line": pa.int32(),
        "outcome": FEW,
    }
)

USERS: Final = pa.schema(
    {column: _aws_type(column) for column in COLUMNS}
    | {"account_id": FEW, "partition": FEW, "path": FEW, "is_root": pa.bool_()}
    | {"captured_at": TIME, "source": FEW, "line": pa.int32()}
    | {f"{column}_state": FEW for column in TIMESTAMP_COLUMNS}
    | {"password_enabled_state": FEW, "additional_credentials_info_state": FEW}
)

TALLIES: Final = pa.schema(
    {
        "tally": FEW,
        "control": FEW,
        "requirement": FEW,
        "account_id": FEW,
        "kind": FEW,
        "status": FEW,
        "reason": FEW,
        "waiver": FEW,
        "idle_days": pa.int32(),
        "count": pa.int64(),
        "latest": TIME,
        "severity": FEW,
        "due_days": pa.int32(),
    }
)
"""All counts of an audit (see `analyzer.evidence.tally`); columns that a tally does not use are null."""

ISSUES: Final = pa.schema(
    {"source": FEW, "line": pa.int32(), "column": FEW, "value": TEXT, "code": FEW, "message": TEXT}
)

TREND_OF_AUDIT: Final = pa.schema(
    {
        "account_id": FEW,
        "control": FEW,
        "captured_at": TIME,
        "earlier_captured_at": TIME,
        "open": pa.int64(),
        "open_before": pa.int64(),
        "new": pa.int64(),
        "fixed": pa.int64(),
        "undecided": pa.int64(),
    }
)
"""A row per control and account, for accounts with a snapshot before the judged one: the failures in both snapshots,
each judged at its own capture time, and the changes that `compare` finds. `undecided` counts checks that failed before
and that the judged snapshot cannot decide: open = open_before + new - fixed - undecided. Waived failures count too."""

REQUIREMENTS: Final = pa.schema(
    {
        "framework": FEW,
        "requirement": FEW,
        "title": FEW,
        "level": pa.int32(),
        "assessment": FEW,
        "account_id": FEW,
        "status": FEW,
        "controls": pa.list_(pa.string()),
        "fails": pa.int64(),
        "not_checked": pa.int64(),
        "passes": pa.int64(),
        "waived": pa.int64(),
        "subjects": pa.int64(),
    }
)
"""A row per requirement of the framework and account. `controls` are the controls of the requirement that were judged.
`status` is the first of fail, not_checked, manual, pass_partly, pass and not_applicable that one of them has. If a
control of the requirement was not judged, `status` is not better than not_checked. `fails`, `not_checked` and `passes`
count findings, and `subjects` is their sum. `waived` counts the findings among them that a waiver covers; they keep
their status."""

COVERAGE_OF_AUDIT: Final = pa.schema(
    {
        "account_id": FEW,
        "name": TEXT,
        "email": TEXT,
        "owner": FEW,
        "ou": FEW,
        "environment": FEW,
        "state": FEW,
        "status": FEW,
        "reports": pa.int64(),
        "captured_at": TIME,
        "age_days": pa.int32(),
        "source": FEW,
    }
)
"""A row per account in the given list (`--accounts`), and then per account that is not in it and has a judged report.
`status` is received, received_twice (several reports of the judged snapshot), old (older than --max-report-age, or of
unknown age), missing (active and without a judged report), unlisted, suspended or closed. `state` is the word in the
list. `reports` counts judged reports. `captured_at` and `age_days` are those of the newest report; its age is measured
at the reference date, or at the newest capture time of the run. `source` is the first report by name."""

PEOPLE: Final = pa.schema(
    {
        "line": pa.int32(),
        "user": TEXT,
        "email": TEXT,
        "status": FEW,
        "account_id": FEW,
        "iam_user": TEXT,
        "active_credentials": pa.int32(),
        "last_used": TIME,
        "captured_at": TIME,
        "source": FEW,
        "source_line": pa.int32(),
    }
)
"""A row per pair of a row of the given list (`--people`) and a matching IAM user; also a row for each list row without
a matching user, and for each user without a matching list row. `line`, `user` and `email` come from the list;
`iam_user`, `source` and `source_line` from the report. `status` is the first that applies: several_people (several list
rows match the user), several_users (several users of the account with different names match the row), not_in_list,
no_user, matched. `active_credentials` counts those of the user, and `last_used` is their latest use."""

LEAVERS: Final = pa.schema(
    {
        **{name: PEOPLE.field(name).type for name in PEOPLE.names[:3]},
        "last_day": pa.date32(),
        **{name: PEOPLE.field(name).type for name in PEOPLE.names[3:6]},
        "has_left": pa.bool_(),
        **{name: PEOPLE.field(name).type for name in PEOPLE.names[6:8]},
        "used_after": pa.bool_(),
        **{name: PEOPLE.field(name).type for name in PEOPLE.names[8:]},
    }
)
"""The same table for a list of leavers (`--leavers`), but without users that match no list row. `has_left` is true if
the last day ended before the reference date; `used_after` is true if an active credential was used after the last day;
null if it is not known."""

# --- histories and comparisons ---------------------------------------------------------------------------------------

LIFETIMES: Final = pa.schema(
    {
        "control": FEW,
        "requirement": FEW,
        "severity": FEW,
        "account_id": FEW,
        "user": TEXT,
        "arn": TEXT,
        "credential": FEW,
        "kind": FEW,
        "key_created": TIME,
        "first_seen": TIME,
        "last_seen": TIME,
        "state": FEW,
        "closed_at": TIME,
        "closed_by": FEW,
        "days_open": pa.int32(),
        "reopened": pa.int32(),
        "censored_left": pa.bool_(),
        "censored_right": pa.bool_(),
        "message": TEXT,
        "source": FEW,
        "line": pa.int32(),
        "waiver": FEW,
        "opened_earliest": TIME,
        "opened_latest": TIME,
        "closed_earliest": TIME,
        "closed_latest": TIME,
        "open_days_min": pa.float64(),
        "open_days_max": pa.float64(),
        "lost_at": TIME,
    }
)
"""A row per lifetime of a failure: an unbroken run of snapshots in which a subject fails a control.

`state` is one of:

- `open`: it fails in the account's newest snapshot.
- `closed`: the next snapshot shows that it no longer fails. `closed_at` is the time of that snapshot, and `closed_by`
  is the reason: deleted, deactivated, used, changed, mfa_enabled or other.
- `lost_sight` (lost to follow-up): the next snapshot cannot show whether it was fixed, or snapshots are missing before
  it. It is not counted as fixed. `lost_at` is the time of that snapshot.

`days_open` are whole days from `first_seen` to `closed_at`, or to `last_seen` if it was not closed. `censored_left`: it
failed already in the account's oldest snapshot, so it is older than it seems. `reopened` is the number of earlier
lifetimes that were closed. `message`, `source` and `line` are those of the last failing finding. `waiver` is the waiver
of the policy that covers an open failure.

The failure began between `opened_earliest` and `opened_latest` (`first_seen`), and was closed between `closed_earliest`
and `closed_latest` (the time of the snapshot that shows the fix). So it was open for `open_days_min` to `open_days_max`
days. `opened_earliest` is the last snapshot that shows the subject without the failure. For a control that counts days,
it is the time at which the limit was passed, if that is later. It is null if neither is known. If the failure was not
closed, `closed_*` and `open_days_max` are null, and `open_days_min` ends at `last_seen`. A failure that was closed and
came back between two snapshots is one lifetime, because both snapshots show it."""

TREND: Final = pa.schema(
    {
        "date": pa.date32(),
        "control": FEW,
        "requirement": FEW,
        "open": pa.int64(),
        "opened": pa.int64(),
        "closed": pa.int64(),
        "accounts": pa.int64(),
        "lost": pa.int64(),
    }
)
"""A row per day (UTC) with a snapshot, control and requirement. `open` counts the failures at the end of the day, by
each account's newest snapshot until then. `opened`, `closed` and `lost` (lost to follow-up) count changes on that day:
open = open on the day before + opened - closed - lost. `accounts` counts the accounts seen so far."""

UNDECIDED: Final = pa.schema(
    {
        "control": FEW,
        "requirement": FEW,
        "severity": FEW,
        "account_id": FEW,
        "user": TEXT,
        "credential": FEW,
        "manual": pa.bool_(),
        "last_seen": TIME,
        "waiver": FEW,
    }
)
"""The checks that are not checked in the newest snapshots of a history; `manual` marks manual checks. This table is not
written: `History.undecided` has its counts."""

COVERAGE: Final = pa.schema(
    {
        "account_id": FEW,
        "first": TIME,
        "last": TIME,
        "snapshots": pa.int64(),
        "usual_days": pa.float64(),
        "gap_from": TIME,
        "gap_to": TIME,
    }
)
"""A row per account and gap; one row with a null `gap_from` if the account has no gap. A gap is an interval between two
snapshots that is longer than 1.5 times the account's usual interval (the median, at least a day). The time from the
account's last snapshot to the newest snapshot of all accounts can also be a gap; then `gap_to` is null. `usual_days` is
the usual interval; it is null for an account with one snapshot."""


EVENTS: Final = pa.schema(
    {
        "event": FEW,
        "account_id": FEW,
        "user": TEXT,
        "credential": FEW,
        "kind": FEW,
        "key_created": TIME,
        "was": TIME,
        "is_now": TIME,
        "control": FEW,
        "requirement": FEW,
        "severity": FEW,
        "how": FEW,
        "message": TEXT,
        "old_captured_at": TIME,
        "new_captured_at": TIME,
        "old_source": FEW,
        "old_line": pa.int32(),
        "new_source": FEW,
        "new_line": pa.int32(),
        "waiver": FEW,
    }
)
"""A row per event between two snapshots of an account. Events of users and credentials have `was` and `is_now` if a
time changed. Events of failures (`fixed`, `new_failure`, `regressed`, `still_failing`, `not_known`) have the control;
`fixed` has `how`: deleted, deactivated, used, changed, mfa_enabled or other. `waiver` is the waiver of the policy that
covers a failure in the newer snapshot."""

KINDS_OF_EVENTS: Final = (
    *("user_created", "user_deleted", "user_recreated"),
    *("password_enabled", "password_disabled", "password_changed", "password_used", "mfa_enabled", "mfa_disabled"),
    *("key_created", "key_deleted", "key_rotated", "key_activated", "key_deactivated", "key_used", "key_moved"),
    *("certificate_created", "certificate_deleted", "certificate_activated", "certificate_deactivated"),
    *("fixed", "new_failure", "regressed", "still_failing", "not_known"),
)
"""All kinds of events, in the order of output."""

MEASURES: Final = pa.schema(
    {
        "control": FEW,
        "requirement": FEW,
        "open": pa.int64(),
        "waived": pa.int64(),
        "closed": pa.int64(),
        "lost_sight": pa.int64(),
        "reopened": pa.int64(),
        "of_unknown_beginning": pa.int64(),
        "median_days_min": pa.float64(),
        "median_days_max": pa.float64(),
        "p90_days_min": pa.float64(),
        "p90_days_max": pa.float64(),
        "within_sla_min": pa.float64(),
        "within_sla_max": pa.float64(),
        "not_checked": pa.int64(),
        "manual": pa.int64(),
    }
)
"""A row per check of the checklist (control and requirement): see `evidence.history.measure`."""

NEW_FAILURES: Final = ("new_failure", "regressed")
"""The events for failures that the older snapshot did not have."""

TABLES: Final[Mapping[str, pa.Schema]] = {
    "findings": FINDINGS,
    "credentials": CREDENTIALS,
    "users": USERS,
    "issues": ISSUES,
}


def plain(schema: pa.Schema) -> pa.Schema:
    """Return a schema in which dictionary columns have the type of their values, to build tables from Python lists."""
    kinds = [field.type.value_type if pa.types.is_dictionary(field.type) else field.type for field in schema]
    return pa.schema(list(zip(schema.names, kinds, strict=True)))


def to_arrow(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Return the columns of `frame` that `schema` names, in its order and types."""
    return pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False).replace_schema_metadata(None)


def public(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the columns of `table` that `schema` names, in its order and types."""
    return table.select(schema.names).cast(schema)


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Return `table` in the in-memory types described above: dictionaries become categories, the rest stays Arrow."""

    def arrow_backed(kind: pa.DataType) -> pd.ArrowDtype | None:
        return None if pa.types.is_dictionary(kind) else pd.ArrowDtype(kind)

    frame: pd.DataFrame = table.to_pandas(types_mapper=arrow_backed)
    return frame


def stacked(tables: Sequence[pa.Table]) -> pd.DataFrame:
    """Return tables of one schema as one frame, in the in-memory types."""
    return to_pandas(pa.concat_tables(tables).unify_dictionaries().combine_chunks())


def issues_table(log: IssueLog) -> pd.DataFrame:
    """Return the `issues` table, sorted by source and line; issues of a whole file come before those of its lines."""
    rows = sorted(log.rows, key=lambda row: (row[0], row[1] or 0, row[2] or "", row[4], row[5], row[3] or ""))
    columns = list(zip(*rows, strict=True)) or [()] * len(ISSUES)
    arrays = [
        pa.array(list(values), pa.string() if pa.types.is_dictionary(f.type) else f.type).cast(f.type)
        for values, f in zip(columns, ISSUES, strict=True)
    ]
    return to_pandas(pa.table(arrays, schema=ISSUES))
