"""Reads a store: some accounts at a time, each with all its snapshots, in the in-memory types of tables.

All parts are opened at the start, so that an ingest that replaces the store cannot mix two states.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.errors import InputError
from analyzer.evidence.schema import ISSUES
from analyzer.history.snapshots import with_partial
from analyzer.history.store.layout import DAMAGED, REMEDY, SNAPSHOTS, STORED_ISSUES, month_of
from analyzer.history.store.parts import DamagedPartError, SnapshotsPart, read_part, schema_of
from analyzer.reading.columns import TIME, category_of, coded, column_of, microseconds, numbered
from analyzer.reading.issues import PROVE_NO_ABSENCE
from analyzer.reading.layout import State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import numpy.typing as npt

    from analyzer.reading.issues import IssueLog

_BATCH: Final = 1 << 18
"""Rows of whole accounts in a batch; this limits the memory of a long history."""
_REPORT: Final = ("source", "captured_at", "account_id", "report_sha256")
"""The columns that `report` numbers, in this order."""
_STATES: Final = {state.value: code for code, state in enumerate(State)}


def by_accounts(
    folder: Path,
    *,
    until: datetime | None = None,
    columns: Collection[str] | None = None,
    log: IssueLog,
    rows: int = _BATCH,
) -> Iterator[pd.DataFrame]:
    """Yield the users in the store (see `frame_of_snapshots`), some accounts at a time, sorted by account.

    Each account comes with all its snapshots that were captured at `until` or before. Its rows are sorted by month,
    name, creation time and capture time. A batch has up to about `rows` rows, or the accounts of one row group.

    A batch has `columns`, or all columns. If `report` is one of them, it also has `PARTIAL` if some reports may lack
    users; the data issues of these reports are added to `log`. Unreadable rows of a part are left out, and one issue
    for the part is added to `log`. Raises InputError if `folder` is not a store, or is a store of a newer version.
    """
    needed = columns_needed(columns)
    with opened(folder, ["snapshots", "issues"]) as files:
        parts: dict[str, SnapshotsPart] = {}
        damaged: set[str] = set()

        def note(error: DamagedPartError) -> None:
            if error.part not in damaged:
                damaged.add(error.part)
                message = f"{error}; its unreadable rows are left out: {REMEDY}"
                log.add(DAMAGED, message, source=f"{folder}/{error.part}")

        lacking = _Lacking.of(_until(_parts(files, "issues"), until), until, log, note)
        for name, file in _until(_parts(files, "snapshots"), until).items():
            try:
                parts[name] = SnapshotsPart.of(file, name)
            except DamagedPartError as error:
                note(error)
        for low, high in _ranges(list(parts.values()), rows):
            tables = [table for part in parts.values() for table in part.accounts(low, high, needed, note)]
            table = pa.concat_tables([schema_of(needed).empty_table(), *tables])
            if until is not None:
                table = table.filter(pc.field("captured_at") <= pa.scalar(until, TIME))
            if table.num_rows:
                yield lacking.marked(frame_of_snapshots(table, columns))


class _Lacking(NamedTuple):
    """Reports that may lack users: by digest and capture time, and all reports of `months` with unreadable issues."""

    reports: pd.MultiIndex
    months: frozenset[str]

    @classmethod
    def of(
        cls,
        files: Mapping[str, pa.NativeFile],
        until: datetime | None,
        log: IssueLog,
        note: Callable[[DamagedPartError], None],
    ) -> _Lacking:
        """Return the reports that may lack users, from the parts of issues; their issues are added to `log`."""
        where = pc.field("code").isin(pa.array(sorted(PROVE_NO_ABSENCE)))
        if until is not None:
            where &= pc.field("captured_at") <= pa.scalar(until, TIME)
        issue_tables, damaged = [STORED_ISSUES.empty_table()], set()
        for part, file in files.items():
            try:
                issue_tables.append(read_part(file, part, where=where))
            except DamagedPartError as error:
                note(error)
                damaged.add(month_of(part))
        issues = pa.concat_tables(issue_tables).unify_dictionaries()
        log.rows += [tuple(row.values()) for row in issues.select(ISSUES.names).to_pylist()]
        names = issues["report_sha256"].cast(pa.string()).to_pylist()
        times = microseconds(column_of(issues["captured_at"]))
        return cls(pd.MultiIndex.from_arrays([names, times]), frozenset(damaged))

    def marked(self, users: pd.DataFrame) -> pd.DataFrame:
        """Return users with the column `PARTIAL` if some may be missing (see `with_partial`)."""
        if not (len(self.reports) or self.months) or not set(_REPORT) <= set(users):
            return users
        lacking: npt.NDArray[np.bool_] = np.zeros(len(users), bool)
        if len(self.reports):
            keys = pd.MultiIndex.from_arrays([users["report_sha256"].astype("str"), microseconds(users["captured_at"])])
            lacking |= keys.isin(self.reports)
        if self.months:
            lacking |= users["captured_at"].dt.strftime("%Y-%m").isin(self.months).to_numpy(dtype=bool)
        return with_partial(users, lacking)


def _parts(files: Mapping[str, pa.NativeFile], table: str) -> dict[str, pa.NativeFile]:
    return {part: file for part, file in files.items() if part.startswith(f"{table}/")}


def span(folder: Path) -> tuple[datetime, datetime] | None:
    """Return the capture times of the oldest and the newest snapshot in the readable parts; None if there are none."""
    bounds = []
    with opened(folder, ["snapshots"]) as files:
        for part, file in files.items():
            with suppress(DamagedPartError):
                bounds += SnapshotsPart.of(file, part).bounds("captured_at")
    return (min(low for low, _ in bounds), max(high for _, high in bounds)) if bounds else None


def _until(files: Mapping[str, pa.NativeFile], until: datetime | None) -> dict[str, pa.NativeFile]:
    """Return the parts that may have snapshots at `until` or before."""
    last = None if until is None else until.astimezone(UTC).isoformat()[:7]
    return {part: file for part, file in files.items() if last is None or month_of(part) <= last}


def _ranges(parts: Sequence[SnapshotsPart], rows: int) -> Iterator[tuple[str, str]]:
    """Yield ranges of accounts, the lower bound excluded, that have up to about `rows` rows in all parts."""
    ends: dict[str, int] = {}
    for part in parts:
        for (_, high), count in zip(part.owners, part.rows, strict=True):
            ends[high] = ends.get(high, 0) + count
    low = high = ""
    count = 0
    for end in sorted(ends):
        if count and count + ends[end] > rows:
            yield low, high
            low, count = high, 0
        high, count = end, count + ends[end]
    if count:
        yield low, high


@contextmanager
def opened(folder: Path, tables: Collection[str]) -> Iterator[dict[str, pa.NativeFile]]:
    """Yield all parts of `tables` as open files, by name; an ingest at the same time cannot mix two states.

    Raises InputError if `folder` is not a store or cannot be read.
    """
    with ExitStack() as stack:
        try:
            while True:
                state = folder.stat().st_ino
                paths = sorted(path for name in tables for path in folder.glob(f"{name}/month=*/part-0.parquet"))
                try:
                    files = {
                        path.relative_to(folder).as_posix(): stack.enter_context(pa.OSFile(str(path))) for path in paths
                    }
                except FileNotFoundError:
                    if folder.stat().st_ino == state:
                        raise
                else:
                    if folder.stat().st_ino == state:
                        break
        except FileNotFoundError:
            files = {}
        except OSError as error:
            raise InputError(
                f"cannot read the store {folder}: {error.strerror or error}", "check permissions"
            ) from error
        if not any(part.startswith("snapshots/") for part in files):
            raise InputError(
                f"no snapshot store: {folder}", "check the path; `credreport ingest PATH… --store DIR` makes a store"
            )
        yield files


def columns_needed(columns: Collection[str] | None) -> list[str]:
    """Return the columns of `snapshots` to read for the requested `columns` (None: all)."""
    if columns is None:
        return list(SNAPSHOTS.names)
    needed = dict.fromkeys((*columns, *(_REPORT if "report" in columns else ())))
    return [column for column in needed if column != "report"]


def frame_of_snapshots(table: pa.Table, columns: Collection[str] | None) -> pd.DataFrame:
    """Return rows of `snapshots` in the types of `Tables.users`, with `columns`, or with all columns and `report`.

    The codes of `source` are positions in the sorted sources of these rows. `report` has one number for each source,
    capture time, account and CSV.
    """
    frame = pd.DataFrame({field.name: _column(table[field.name], field) for field in table.schema}, copy=False)
    if columns is None or "report" in columns:
        frame["report"] = numbered(
            *(
                microseconds(frame[name]) if name == "captured_at" else frame[name].cat.codes.to_numpy()
                for name in _REPORT
            )
        ).astype(np.int32)
    return frame if columns is None else frame[list(columns)]


def _column(values: pa.ChunkedArray, field: pa.Field) -> pd.Series[Any]:
    if not pa.types.is_dictionary(field.type):
        return column_of(values)
    column = category_of(values)
    if not field.name.endswith("_state"):
        return column
    # State columns have all states as categories, in the order of `State`.
    code = np.array([*(_STATES[text] for text in column.cat.categories), -1], np.int8)
    return coded(code[column.cat.codes.to_numpy()], list(_STATES))
