"""What other programs make of a report's rows, as they were seen to write them."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import parquet

from tests.reports import COLUMNS_22

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Row = Mapping[str, str]

FLAGS = (
    "password_enabled",
    "mfa_active",
    *(f"access_key_{n}_active" for n in (1, 2)),
    *(f"cert_{n}_active" for n in (1, 2)),
)
TIMES = tuple(
    name for name in COLUMNS_22 if name.endswith(("_time", "_used", "_changed", "_rotation", "_rotated", "_date"))
)
GENERATED = "2026-10-31T08:00:00Z"
SENTINELS = ("N/A", "no_information", "not_supported")


def steampipe(row: Row) -> dict[str, Any]:
    status = {"no_information": "never_used", "N/A": "not_set"}.get(row["password_last_used"], "used")
    record: dict[str, Any] = {"user_name": row["user"], "user_arn": row["arn"], "generated_time": GENERATED}
    for name in COLUMNS_22[2:]:
        value: Any = None if row[name] in SENTINELS else row[name]
        record[name] = row[name] in {"true", "not_supported"} if name in FLAGS else value
    return {
        **record,
        "password_status": status,
        "partition": "aws",
        "account_id": row["arn"].split(":")[4],
        "_ctx": "{}",
    }


def cloudquery(row: Row) -> dict[str, Any]:
    record: dict[str, Any] = {"_cq_id": "5ac0", "_cq_sync_time": "2026-11-20T10:00:00Z"}
    for name in COLUMNS_22:
        value: Any = row[name]
        if name in TIMES:
            value = None if value in SENTINELS else value
        elif name in FLAGS and name != "password_enabled":
            value = value == "true"
        short_name = name.replace("cert_", "cert")
        if "_rotated" not in name and not name.endswith("_date"):
            short_name = short_name.replace("access_key_", "access_key")
        record[name if name.endswith("_rotated") else short_name] = value
    return record


def custodian(row: Row) -> dict[str, Any]:
    def plain(name: str) -> str | bool | None:
        if row[name] in {"N/A", "no_information"}:
            return None
        return row[name] == "true" if row[name] in {"true", "false"} else row[name]

    def slots(kind: str, parts: Sequence[str]) -> list[dict[str, Any]]:
        slot_records = [{part: plain(f"{kind}_{n}_{part}") for part in parts} for n in (1, 2)]
        return [record for record in slot_records if record["active"] or record["last_rotated"]]

    report: dict[str, Any] = {name: plain(name) for name in COLUMNS_22 if not name.startswith(("access_key", "cert_"))}
    keys = slots("access_key", ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service"))
    certs = slots("cert", ("active", "last_rotated"))
    report |= ({"access_keys": keys} if keys else {}) | ({"certs": certs} if certs else {})
    return {"UserName": row["user"], "Arn": row["arn"], "Path": "/", "c7n:credential-report": report}


def scoutsuite(row: Row) -> dict[str, Any]:
    lost = ("password_last_used", "password_last_changed", *(n for n in TIMES if n.startswith("access_key")))
    record: dict[str, Any] = {
        name: None if name in lost and row[name] in {"N/A", "no_information"} else row[name] for name in COLUMNS_22
    }
    return {
        **record,
        "id": row["user"],
        "name": row["user"],
        "mfa_active_hardware": None,
        "partition": "aws",
        "last_used": None,
    }


def cloudsploit(row: Row) -> dict[str, Any]:
    return {name: {"N/A": None, "true": True, "false": False}.get(row[name], row[name]) for name in COLUMNS_22}


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    def cell(value: object) -> str:
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    return "\n".join([",".join(rows[0]), *(",".join(cell(value) for value in row.values()) for row in rows)]) + "\n"


def as_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    records = []
    for number, row in enumerate(rows, 1):
        records.append(f"-[ RECORD {number} ]" + "-" * 30)
        for name, value in row.items():
            shown = "<null>" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            records.append(f"{name:30} | {shown}")
    return "\n".join(records) + "\n"


def as_table(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = ["| " + " | ".join(rows[0]) + " |"]
    for row in rows:
        cells = (
            "<null>" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            for value in row.values()
        )
        lines.append("| " + " | ".join(cells) + " |")
    rule = "+" + "+".join("-" * 9 for _ in rows[0]) + "+"
    return "\n".join([rule, lines[0], rule, *lines[1:], rule]) + "\n"


def as_parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    table = pa.Table.from_pylist([dict(row) for row in rows])
    for name in set(TIMES) & set(table.column_names):
        column = table[name].cast(pa.timestamp("us", "UTC"))
        table = table.set_column(table.column_names.index(name), name, column)
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    return buffer.getvalue()


def in_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(json.dumps(row, sort_keys=True) for row in rows) + "\n"


def with_columns(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps({"columns": [{"name": name, "data_type": "text"} for name in rows[0]], "rows": list(rows)})


def of_scoutsuite(rows: Sequence[Mapping[str, Any]]) -> str:
    reports = {f"{number:040x}": row for number, row in enumerate(rows)}
    whole = {
        "account_id": "111122223333",
        "services": {"iam": {"credential_reports": reports, "users": {"x": {"name": "x"}}}},
    }
    return "scoutsuite_results =\n" + json.dumps(whole)


def of_cloudsploit(rows: Sequence[Mapping[str, Any]]) -> str:
    last = {"user": "", **dict.fromkeys(COLUMNS_22[1:])}
    return json.dumps(
        {"iam": {"generateCredentialReport": {"us-east-1": {"data": [*rows, last]}}, "listUsers": {}}}, indent=1
    )


FORMS: dict[str, tuple[Callable[[Row], dict[str, Any]], Callable[[Sequence[Mapping[str, Any]]], str | bytes]]] = {
    "Steampipe csv": (steampipe, as_csv),
    "Steampipe json": (steampipe, with_columns),
    "Steampipe older json": (steampipe, lambda rows: json.dumps(list(rows), indent=1)),
    "Steampipe table": (steampipe, as_table),
    "Steampipe line": (steampipe, as_lines),
    "CloudQuery json": (cloudquery, in_lines),
    "CloudQuery csv": (cloudquery, as_csv),
    "CloudQuery parquet": (cloudquery, as_parquet),
    "Cloud Custodian": (custodian, lambda rows: json.dumps(list(rows), indent=2)),
    "ScoutSuite": (scoutsuite, of_scoutsuite),
    "CloudSploit": (cloudsploit, of_cloudsploit),
}
