"""The public tables, as data: names, order and types of their columns.

One place for what Parquet, the workbook and the tests agree on. In memory the tables are pandas frames: texts are
Arrow strings, texts with few values are categories, times are `timestamp[us, UTC]`, whole numbers are int32, flags are
Arrow booleans; a missing value is NA/NaT everywhere. A frame may carry further columns for the program's own use
(`findings.chosen`); only the columns named here are written.
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
"""A text column of which few values differ."""


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
"""What is counted (see `analyzer.evidence.tally`); columns that do not belong to a tally are null."""

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
"""A row per control and account of which a snapshot before the judged one was among the inputs: failures of the two,
each judged at its own capture time, and what `compare` says of them. `undecided` failed before, and cannot be told now:
open = open_before + new - fixed - undecided. What is waived counts too."""

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
"""A row per requirement of the benchmark and account. `status` is the first of fail, not_checked, manual, pass_partly,
pass and not_applicable that is true of any of its `controls`, those that were judged; where a control was not, it is
not_checked at best. `fails`, `not_checked` and `passes` count findings, `subjects` all of these; `waived` says how many
of them a waiver covers: they fail still, or are still not checked."""

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
"""A row per account of the list that was given (`--accounts`), and then per account that is not in it and has a judged
report. `status` is what was received of it: received, received_twice (several reports of the judged snapshot), old
(older than --max-report-age, or of unknown age), missing (active and without a judged report), unlisted, suspended,
closed. `state` is the list's own word. `reports` counts judged ones, `captured_at` and `age_days` (at the reference
instant, else at the newest capture of the run) are the newest one's, `source` is the first by name."""

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
"""A row per row of the list that was given (`--people`) and IAM user that fits it; one also for each row that no user
fits, and for each user whom no row fits. `line`, `user` and `email` are the list's, `iam_user`, `source` and
`source_line` the report's. `status` is the first that is true of: several_people (several rows fit the user),
several_users (several differently named users of the account fit the row), not_in_list, no_user, matched.
`active_credentials` are those of the user, and `last_used` is the latest use of any of these."""

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
"""The same of a list of leavers (`--leavers`), without users whom no row fits. `has_left` says whether the last day has
ended at the reference instant, `used_after` whether an active credential was used after it; null: not known."""

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
"""One row for each unbroken run of snapshots in which a subject fails a control.

`state`: `open` (fails in the account's newest snapshot), `closed` (the next snapshot shows that it no longer fails:
`closed_at` is its time, `closed_by` how: deleted, deactivated, used, changed, mfa_enabled or other), or `lost_sight`
(the next snapshot cannot tell, or snapshots are missing before it: no fix is claimed). `days_open` are whole days from
`first_seen` to `closed_at`, else to `last_seen`. `censored_left`: it failed in the account's oldest snapshot, so it is
older than it seems. `reopened`: how often the subject had failed and been closed before. `message`, `source` and `line`
are of the last failing finding. `waiver` is the policy's waiver that covers an open failure.

A failure began between `opened_earliest` and `opened_latest` (`first_seen`), and was closed between `closed_earliest`
and `closed_latest` (the snapshot that shows so): it was open for `open_days_min` to `open_days_max` days.
`opened_earliest` is the last snapshot that shows the subject without the failure; where a control counts days, the
instant at which the limit was crossed, if that is later; null where neither is known. Of a failure that was not seen
closed, `closed_*` and `open_days_max` are null, and `open_days_min` reaches to `last_seen`. `lost_at` is the snapshot
at which sight of it was lost. Whether a failure was closed and came back between two snapshots that both show it is in
no report: it is one row then."""

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
"""By day (UTC) on which something was captured, by control and requirement: failures open at its end, by each account's
newest snapshot until then; how many were first seen, and how many were seen closed, on that day; accounts seen so far;
of how many sight was lost on that day. What is open is what was before, and `opened` less `closed` less `lost`."""

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
"""What could not be decided in the newest snapshots of a history; `manual` is left to a person. It is not written:
`History.undecided` counts it."""

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
"""A row per account, and further ones for each further gap: an interval between two snapshots longer than 1.5 times the
account's usual one (its median, a day at least), or that long a time until the newest snapshot of all (`gap_to` is null
then). `gap_from` is null where there is no gap."""


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
"""What happened between two snapshots of an account. Events of users and credentials have `was` and `is_now` where an
instant changed; those of findings (`fixed`, `new_failure`, `regressed`, `still_failing`, `not_known`) have the control,
and for `fixed` how: deleted, deactivated, used, changed, mfa_enabled or other. `waiver` is that of the policy which
covers a failure of the newer snapshot."""

KINDS_OF_EVENTS: Final = (
    *("user_created", "user_deleted", "user_recreated"),
    *("password_enabled", "password_disabled", "password_changed", "password_used", "mfa_enabled", "mfa_disabled"),
    *("key_created", "key_deleted", "key_rotated", "key_activated", "key_deactivated", "key_used", "key_moved"),
    *("certificate_created", "certificate_deleted", "certificate_activated", "certificate_deactivated"),
    *("fixed", "new_failure", "regressed", "still_failing", "not_known"),
)
"""What may happen, in the order in which it is told."""

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
"""A row per control, and per requirement where a benchmark has two of it: see `measure`."""

NEW_FAILURES: Final = ("new_failure", "regressed")
"""The events that are failures which were not there before."""

TABLES: Final[Mapping[str, pa.Schema]] = {
    "findings": FINDINGS,
    "credentials": CREDENTIALS,
    "users": USERS,
    "issues": ISSUES,
}


def plain(schema: pa.Schema) -> pa.Schema:
    """Return a schema with the plain types of columns that have dictionaries: what lists of values are made into."""
    kinds = [one.type.value_type if pa.types.is_dictionary(one.type) else one.type for one in schema]
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
    """Return tables of one schema, one below the other, in the in-memory types."""
    return to_pandas(pa.concat_tables(tables).unify_dictionaries().combine_chunks())


def issues_table(log: IssueLog) -> pd.DataFrame:
    """Return the `issues` table: by source and line, what concerns a whole file before its lines."""
    rows = sorted(log.rows, key=lambda row: (row[0], row[1] or 0, row[2] or "", row[4], row[5], row[3] or ""))
    columns = list(zip(*rows, strict=True)) or [()] * len(ISSUES)
    arrays = [
        pa.array(list(values), pa.string() if pa.types.is_dictionary(f.type) else f.type).cast(f.type)
        for values, f in zip(columns, ISSUES, strict=True)
    ]
    return to_pandas(pa.table(arrays, schema=ISSUES))
