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
)

ISSUES: Final = pa.schema(
    {"source": FEW, "line": pa.int32(), "column": FEW, "value": TEXT, "code": FEW, "message": TEXT}
)

TABLES: Final[Mapping[str, pa.Schema]] = {
    "findings": FINDINGS,
    "credentials": CREDENTIALS,
    "users": USERS,
    "issues": ISSUES,
}


def to_arrow(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Return the columns of `frame` that `schema` names, in its order and types."""
    return pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False).replace_schema_metadata(None)


def public_tables(frames: object, names: Sequence[str]) -> dict[str, pa.Table]:
    """Return the public tables of these names, of an object that has them as frames."""
    return {name: to_arrow(getattr(frames, name), TABLES[name]) for name in names}


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
