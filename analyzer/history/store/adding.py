"""Adds reports to a store: month by month in a new folder, which replaces the old folder at the end.

Only the old and new rows of one month are in memory at the same time.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.errors import OutputError
from analyzer.evidence.folder import check, locked, put_in_place, staged
from analyzer.history.store.layout import DAMAGED, IDENTITY, NOTES, ORDER, REMEDY, STORE, TABLES, notes, part_of
from analyzer.history.store.parts import DamagedPartError, rank, read_part, write_part
from analyzer.reading.columns import micros_of
from analyzer.reading.issues import IssueLog

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

_WAITING: Final = 1 << 18
"""Rows of a month that are collected before they are merged, so that its part is not written for each batch."""


@dataclass(frozen=True)
class Added:
    """The counts of an ingest: files that were added, already known or refused, and new rows of users."""

    added: int
    known: int
    refused: int
    rows: int


@contextmanager
def adding(folder: Path) -> Iterator[Adding]:
    """Yield an object that takes new rows for the store in `folder`; they are stored if the block ends without error.

    The store is locked during the block; another ingest waits. Raises OutputError if `folder` cannot be written or has
    other files.
    """
    check(folder, STORE)
    target = folder.resolve()
    try:
        with locked(target), staged(target) as staging:
            check(folder, STORE)
            new = Adding(folder, staging)
            yield new
            if new.finish():
                _complete(staging, target)
                put_in_place(staging, target, STORE)
    except OSError as error:
        raise OutputError(
            f"cannot write the store {folder}: {error.strerror or error}", "check permissions and free space"
        ) from error


@dataclass
class Adding:
    """Merges new rows into the store in `folder`; the new files are written to `staging`.

    Rows of a month are collected until rows of a later month come, so months should come in order. If a part of a month
    is damaged, its new rows are not stored, and an issue is added to `log`. After `finish`, `added` and `known` have
    the numbers of files, and `rows` has the number of new rows of users.
    """

    folder: Path
    staging: Path
    log: IssueLog = field(default_factory=IssueLog)
    added: int = 0
    known: int = 0
    rows: int = 0
    _changed: bool = False
    _damaged: set[str] = field(default_factory=set)
    _waiting: dict[str, list[dict[str, pa.Table]]] = field(default_factory=dict)

    def put(self, tables: Mapping[str, pa.Table]) -> None:
        """Take rows of each table (see `rows_to_keep`); all rows of a file must come in one call."""
        months = {name: _months(table) for name, table in tables.items()}
        for month in np.unique(months["snapshots"]).tolist():
            of_month = {name: table.filter(pa.array(months[name] == month)) for name, table in tables.items()}
            self._waiting.setdefault(month, []).append(of_month)
        newest = max(self._waiting, default="")
        for month in sorted(self._waiting):
            count = sum(tables_of_batch["snapshots"].num_rows for tables_of_batch in self._waiting[month])
            if month < newest or count > _WAITING:
                self._merge_month(month)

    def restart(self) -> None:
        """Forget all rows of `put`."""
        for name in TABLES:
            shutil.rmtree(self.staging / name, ignore_errors=True)
        self.added = self.known = self.rows = 0
        self._changed = False
        for collection in (self.log.rows, self._damaged, self._waiting):
            collection.clear()

    def finish(self) -> bool:
        """Merge the collected rows; return whether the store changes."""
        for month in sorted(self._waiting):
            self._merge_month(month)
        return self._changed

    def _merge_month(self, month: str) -> None:
        """Write the parts of a month that change."""
        waiting = self._waiting.pop(month)
        new = {name: pa.concat_tables([tables_of_batch[name] for tables_of_batch in waiting]) for name in TABLES}
        del waiting
        source_count = pc.count_distinct(new["snapshots"]["source"].cast(pa.string())).as_py()
        parts = {name: part_of(name, month) for name in TABLES}
        try:
            old = {name: self._stored(part) for name, part in parts.items()}
        except DamagedPartError as error:
            self._note(error)
            return
        for name, part in parts.items():
            merged = _merge(name, old.pop(name), new.pop(name))
            if merged.order is not None:
                write_part(merged.rows, merged.order, self.staging / part, TABLES[name])
                self._changed = True
            if name == "snapshots":
                names = merged.rows["source"].filter(pa.array(merged.fresh)).cast(pa.string())
                added = pc.count_distinct(names).as_py()
                self.added += added
                self.known += source_count - added
                self.rows += len(names)

    def _note(self, error: DamagedPartError) -> None:
        if error.part not in self._damaged:
            self._damaged.add(error.part)
            message = f"{error}; new reports of this month were not stored: {REMEDY}"
            self.log.add(DAMAGED, message, source=f"{self.folder}/{error.part}")

    def _stored(self, part: str) -> pa.Table | None:
        """Return a part from the new folder if it is there, otherwise from the store; None if there is none."""
        path = self.staging / part
        if not path.exists():
            path = self.folder / part
        if not path.exists():
            return None
        with pa.OSFile(str(path)) as file:
            return read_part(file, part)


def _months(table: pa.Table) -> npt.NDArray[np.str_]:
    """Return each row's month, as in the name of its folder (`2026-10`)."""
    return micros_of(table["captured_at"]).astype("datetime64[us]").astype("datetime64[M]").astype(np.str_)


@dataclass(frozen=True)
class _Merged:
    """A merged part: the `rows` at the positions `order`. `order` is None if the part does not change."""

    rows: pa.Table
    order: npt.NDArray[np.int64] | None
    fresh: npt.NDArray[np.bool_]
    """Which rows belong to new reports."""


def _merge(name: str, old: pa.Table | None, new: pa.Table) -> _Merged:
    """Return `old` and `new` as one sorted part; of a report with several names, only the first name is kept.

    The first name is that in alphabetical order, so that the result does not depend on the order of ingests. Each table
    is merged on its own, so that a lost table is restored by another ingest of its reports.
    """
    count = 0 if old is None else old.num_rows
    tables = [new] if old is None else [old, new]
    del old, new
    rows = _concatenated(tables)
    pa.default_memory_pool().release_unused()  # otherwise it keeps the memory of the tables
    is_new = np.arange(rows.num_rows) >= count
    preference = 2 * rank(rows, "source") + is_new
    reports = pd.DataFrame({column: rank(rows, column) for column in IDENTITY})
    of_report = reports.assign(preference=preference, is_new=is_new).groupby(list(IDENTITY), sort=False)
    is_kept = preference == of_report["preference"].transform("min").to_numpy()
    fresh = is_kept & of_report["is_new"].transform("min").to_numpy()
    del reports, of_report, preference
    if (is_kept != is_new).all():
        return _Merged(rows, None, fresh)
    order = np.lexsort([rank(rows, column) for column in reversed(ORDER[name])])
    return _Merged(rows, order[is_kept[order]], fresh)


def _concatenated(tables: list[pa.Table]) -> pa.Table:
    """Return tables as one without chunks; they are emptied column by column, because they can be large."""
    schema = tables[0].schema
    columns = {name: [table[name] for table in tables] for name in schema.names}
    tables.clear()
    arrays = []
    for name, kind in zip(schema.names, schema.types, strict=True):
        chunks = [chunk for column in columns.pop(name) for chunk in column.chunks]
        arrays.append(pa.chunked_array(chunks, kind).unify_dictionaries().combine_chunks())
        del chunks
    return pa.table(arrays, schema=schema)


def _complete(staging: Path, target: Path) -> None:
    """Add the unchanged files of `target` to `staging`, as hard links if the file system supports them."""
    (staging / NOTES).write_text(notes(), encoding="utf-8")
    if target.exists():
        shutil.copymode(target, staging)  # keep the permissions of the store
    for path in sorted(target.glob("*/month=*/part-0.parquet")):
        new = staging / path.relative_to(target)
        if not new.exists():
            new.parent.mkdir(parents=True, exist_ok=True)
            try:
                new.hardlink_to(path)
            except OSError:
                shutil.copyfile(path, new)
