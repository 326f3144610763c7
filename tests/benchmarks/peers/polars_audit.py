"""Findings of `unused-credentials`, or all four tables, by Polars' streaming engine.

For reports as AWS makes them today, in folders named by their day: damaged cells, other layouts and several reports of
an account are not asked of it.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from analyzer.reading.layout import (
    BOOLEAN_COLUMNS,
    COLUMNS,
    LAST_USED_COLUMNS,
    ROOT_USER,
    SLOTS,
    TIMESTAMP_COLUMNS,
    Kind,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.reading.layout import Slot

JUDGED: Final = [replace(slot, region=None, service=None) for slot in SLOTS if slot.kind is not Kind.CERTIFICATE]
NEVER: Final = ["N/A", "no_information"]
SENTINELS: Final = [*NEVER, "not_supported"]
LIMIT: Final = timedelta(days=45)
DATED: Final = {Kind.PASSWORD: "set", Kind.ACCESS_KEY: "created", Kind.CERTIFICATE: "uploaded"}
NOTHING: Final = pl.lit(None, pl.String)
# Written as dictionaries, and made as numbers.
FEW: Final = pl.Enum(
    sorted(
        {
            *("unused-credentials", "2.11", "medium", "fail", "pass", "last_used", "never_used"),
            *("root", "inactive"),
            *("value", "not_applicable", "no_information", "not_supported", "missing"),
            *(slot.name for slot in SLOTS),
            *(kind.value for kind in Kind),
            *TIMESTAMP_COLUMNS,
        }
    )
)


def read(reports: Path) -> pl.LazyFrame:
    """Return the rows of all reports as texts, each with its file, line and instant."""
    rows = pl.scan_csv(
        reports / "**/*.csv", infer_schema=False, include_file_paths="source", row_index_name="row"
    ).with_columns(line=(pl.col("row") - pl.col("row").min().over("source") + 2).cast(pl.Int32))
    day = pl.col("source").str.extract(r"(\d{4}-\d\d-\d\d)/[^/]*$").str.to_datetime("%Y-%m-%d", time_zone="UTC")
    return rows.with_columns(captured_at=day + timedelta(days=1, microseconds=-1))


def slots(rows: pl.LazyFrame, among: Sequence[Slot]) -> pl.LazyFrame:
    """Return the credentials there are, their cells still texts."""
    return pl.concat([_in_slot(rows, slot) for slot in among])


def _in_slot(rows: pl.LazyFrame, slot: Slot) -> pl.LazyFrame:
    active, changed = pl.col(slot.active) == "true", pl.col(slot.last_changed)
    used = pl.col(slot.last_used) if slot.last_used else pl.lit("")
    exists = active | ~changed.is_in(SENTINELS)
    if slot.kind is Kind.ACCESS_KEY:
        exists |= ~used.is_in(SENTINELS)
    never = used.is_in(NEVER)
    return rows.filter(exists).select(
        *("user", "arn", "captured_at", "source", "line"),
        _few(slot.name).alias("credential"),
        _few(slot.kind.value).alias("kind"),
        active.alias("active"),
        changed.alias("changed"),
        used.alias("used"),
        (pl.col(slot.region) if slot.region else NOTHING).alias("last_used_region"),
        (pl.col(slot.service) if slot.service else NOTHING).alias("last_used_service"),
        pl.when(never).then(changed).otherwise(used).alias("counted_from"),
        pl.when(never).then(_few(slot.last_changed)).otherwise(_few(slot.last_used)).alias("basis"),
        pl.when(never).then(_few("never_used")).otherwise(_few("last_used")).alias("reason"),
        pl.when(never)
        .then(pl.lit(f"never used; {DATED[slot.kind]} "))
        .otherwise(pl.lit("last used "))
        .alias("beginning"),
    )


def findings(credentials: pl.LazyFrame) -> pl.LazyFrame:
    """Return the findings on credentials as `slots` has them."""
    idle = pl.col("captured_at") - pl.col("basis_time")
    judged = pl.col("active") & (pl.col("kind") != Kind.CERTIFICATE.value) & (pl.col("user") != ROOT_USER)
    is_used_password = (pl.col("kind") == Kind.PASSWORD.value) & (pl.col("reason") == "last_used")
    changed_at = pl.when(is_used_password).then(_time("changed"))
    is_changed = ((changed_at > pl.col("basis_time")) & (changed_at <= pl.col("captured_at"))).fill_null(value=False)
    return (
        credentials.filter(judged)
        .with_columns(basis_time=_time("counted_from"))
        .with_columns(idle_days=idle.dt.total_days().cast(pl.Int32))
        .select(
            _few("unused-credentials").alias("control"),
            pl.when(idle >= LIMIT).then(_few("fail")).otherwise(_few("pass")).alias("status"),
            _of_arn(4).alias("account_id"),
            *("user", "arn", "credential", "basis", "basis_time", "idle_days"),
            pl.lit(LIMIT.days, pl.Int32).alias("limit_days"),
            pl.col("captured_at").alias("as_of"),
            "reason",
            pl.concat_str(
                "beginning",
                pl.col("counted_from").str.slice(0, 10),
                pl.lit(", "),
                "idle_days",
                pl.when(pl.col("idle_days") == 1).then(pl.lit(" day")).otherwise(pl.lit(" days")),
                pl.when(is_changed)
                .then(pl.lit("; changed ") + pl.col("changed").str.slice(0, 10))
                .otherwise(pl.lit("")),
            ).alias("message"),
            *("captured_at", "source", "line"),
            _few("2.11").alias("requirement"),
            _few("medium").alias("severity"),
            pl.lit(None, pl.Int32).alias("age_days"),
            NOTHING.alias("waiver"),
            pl.when(idle < LIMIT).then(pl.col("basis_time") + LIMIT).alias("fails_at"),
            pl.concat_list(pl.lit("2.11")).alias("requirements"),
        )
    )


def described(credentials: pl.LazyFrame) -> pl.LazyFrame:
    """Return the table `credentials`."""
    is_certificate = pl.col("kind") == Kind.CERTIFICATE.value
    return credentials.select(
        _of_arn(4).alias("account_id"),
        *("user", "arn", "credential", "kind", "active"),
        _time("changed").alias("last_changed"),
        _state("changed").alias("last_changed_state"),
        _time("used").alias("last_used"),
        pl.when(is_certificate).then(_few("missing")).otherwise(_state("used")).alias("last_used_state"),
        _text("last_used_region"),
        _text("last_used_service"),
        _days_since("changed").alias("age_days"),
        _days_since("counted_from").alias("idle_days"),
        *("captured_at", "source", "line"),
        pl.when(pl.col("user") == ROOT_USER)
        .then(_few("root"))
        .when(is_certificate)
        .then(_few("certificate"))
        .when(~pl.col("active"))
        .then(_few("inactive"))
        .when(pl.col("captured_at") - _time("counted_from") >= LIMIT)
        .then(_few("fail"))
        .otherwise(_few("pass"))
        .alias("outcome"),
    )


def users(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Return the table `users`."""
    texts = {column for column in LAST_USED_COLUMNS if column not in TIMESTAMP_COLUMNS}
    return rows.with_columns(additional_credentials_info=NOTHING).select(
        *(
            _time(column)
            if column in TIMESTAMP_COLUMNS
            else pl.col(column) == "true"
            if column in BOOLEAN_COLUMNS
            else _text(column)
            if column in texts
            else pl.col(column)
            for column in COLUMNS
        ),
        _of_arn(4).alias("account_id"),
        _of_arn(1).alias("partition"),
        pl.col("arn").str.extract(r":user(/(?:.*/)?)[^/]*$").alias("path"),
        (pl.col("user") == ROOT_USER).alias("is_root"),
        *("captured_at", "source", "line"),
        *(_state(column).alias(f"{column}_state") for column in TIMESTAMP_COLUMNS),
        pl.when((pl.col("user") == ROOT_USER) & (pl.col("password_enabled") == "not_supported"))
        .then(_few("not_supported"))
        .alias("password_enabled_state"),
        _few("missing").alias("additional_credentials_info_state"),
    )


def issues() -> pl.LazyFrame:
    """Return the table `issues`: there are none."""
    texts = dict.fromkeys(("source", "line", "column", "value", "code", "message"), pl.String)
    return pl.LazyFrame(schema={**texts, "line": pl.Int32})


def _few(text: str | None) -> pl.Expr:
    return pl.lit(text, FEW)


def _time(column: str) -> pl.Expr:
    # Hardly any instant occurs twice: a cache of those parsed costs more than it saves.
    return pl.col(column).str.to_datetime(
        "%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC", strict=False, cache=False
    )


def _state(column: str) -> pl.Expr:
    cell, state = pl.col(column), _few("value")
    for text in SENTINELS:
        state = pl.when(cell == text).then(_few("not_applicable" if text == "N/A" else text)).otherwise(state)
    return state


def _text(column: str) -> pl.Expr:
    return pl.when(~pl.col(column).is_in(SENTINELS)).then(column)


def _days_since(column: str) -> pl.Expr:
    return (pl.col("captured_at") - _time(column)).dt.total_days().cast(pl.Int32)


def _of_arn(part: int) -> pl.Expr:
    return pl.col("arn").str.split(":").list.get(part)


def main(reports: Path, out: Path, tables: str) -> None:
    """Write the tables into the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    rows = read(reports)
    among: Sequence[Slot] = SLOTS
    if tables == "findings":
        rows, among = rows.select("user", "arn", "captured_at", "source", "line", *_cells(JUDGED)), JUDGED
    # Read once: left to itself, Polars reads the files again for nearly every table and slot.
    rows = rows.collect(engine="streaming").lazy()
    credentials = slots(rows, among)
    frames = {"findings": findings(credentials)}
    if tables == "all":
        frames |= {"credentials": described(credentials), "users": users(rows), "issues": issues()}
    pl.collect_all([_sink(table, out / f"{name}.parquet") for name, table in frames.items()], engine="streaming")


def _cells(among: Sequence[Slot]) -> list[str]:
    return [column for slot in among for column in (slot.active, slot.last_changed, slot.last_used) if column]


def _sink(table: pl.LazyFrame, path: Path) -> pl.LazyFrame:
    # The level of zstd that Arrow takes where none is given.
    return table.sink_parquet(path, compression="zstd", compression_level=1, lazy=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("reports", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tables", choices=["findings", "all"], default="findings")
    arguments = parser.parse_args()
    main(arguments.reports, arguments.out, arguments.tables)
