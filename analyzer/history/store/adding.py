"""New reports into a store: month by month into a folder beside it, which takes its place at the end.

A month's rows, old and new, are in memory together; nothing else is, however many reports there are.
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
from analyzer.history.store.parts import DamagedError, rank, read_part, write_part
from analyzer.reading.columns import micros_of
from analyzer.reading.issues import IssueLog

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

_WAITING: Final = 1 << 18
"""Rows of a month that wait for more of it, so that its part is not written for each batch of reports."""


@dataclass(frozen=True)
class Added:
    """What an ingest did: files by what became of them, and the rows of users that were not there before."""

    added: int
    known: int
    refused: int
    rows: int


@contextmanager
def adding(folder: Path) -> Iterator[Adding]:
    """Yield what takes new rows of the store in `folder`; what it took is there when the block ends without error.

    The store is locked meanwhile: waits while another ingest runs. Raises OutputError where `folder` cannot be written
    or holds other files.
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
    """New rows on their way into the store in `folder`, by way of `staging`.

    Months are best put one after the other: rows of a month wait for more of it until those of a later one come. What
    is new of a month that is damaged is not stored, with an issue in `log`. `added` and `known` count reports by file,
    `rows` those of users that were not there before; they are right after `finish`.
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
        """Take rows of each table (see `rows_to_keep`); no file's rows come in two calls."""
        months = {name: _months(table) for name, table in tables.items()}
        for month in np.unique(months["snapshots"]).tolist():
            of_month = {name: table.filter(pa.array(months[name] == month)) for name, table in tables.items()}
            self._waiting.setdefault(month, []).append(of_month)
        newest = max(self._waiting, default="")
        for month in sorted(self._waiting):
            if month < newest or sum(one["snapshots"].num_rows for one in self._waiting[month]) > _WAITING:
                self._merge_month(month)

    def restart(self) -> None:
        """Forget all that was put."""
        for name in TABLES:
            shutil.rmtree(self.staging / name, ignore_errors=True)
        self.added = self.known = self.rows = 0
        self._changed = False
        for of in (self.log.rows, self._damaged, self._waiting):
            of.clear()

    def finish(self) -> bool:
        """Merge what still waits; return whether the store changes."""
        for month in sorted(self._waiting):
            self._merge_month(month)
        return self._changed

    def _merge_month(self, month: str) -> None:
        """Write the parts of a month that its new rows change."""
        waiting = self._waiting.pop(month)
        new = {name: pa.concat_tables([one[name] for one in waiting]) for name in TABLES}
        del waiting
        given = pc.count_distinct(new["snapshots"]["source"].cast(pa.string())).as_py()
        parts = {name: part_of(name, month) for name in TABLES}
        try:
            old = {name: self._stored(part) for name, part in parts.items()}
        except DamagedError as error:
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
                self.known += given - added
                self.rows += len(names)

    def _note(self, error: DamagedError) -> None:
        if error.part not in self._damaged:
            self._damaged.add(error.part)
            message = f"{error}; new reports of this month were not stored: {REMEDY}"
            self.log.add(DAMAGED, message, source=f"{self.folder}/{error.part}")

    def _stored(self, part: str) -> pa.Table | None:
        """Return a part as it stands now, whole."""
        path = self.staging / part
        if not path.exists():
            path = self.folder / part
        if not path.exists():
            return None
        with pa.OSFile(str(path)) as file:
            return read_part(file, part)


def _months(table: pa.Table) -> npt.NDArray[np.str_]:
    """Return each row's month, as it stands in the name of its folder."""
    return micros_of(table["captured_at"]).astype("datetime64[us]").astype("datetime64[M]").astype(np.str_)


@dataclass(frozen=True)
class _Merged:
    """A part as it is to be: these of its `rows`, in this order. None where it stays as it is."""

    rows: pa.Table
    order: npt.NDArray[np.int64] | None
    fresh: npt.NDArray[np.bool_]
    """Which rows are of reports that were not there before."""


def _merge(name: str, old: pa.Table | None, new: pa.Table) -> _Merged:
    """Return `old` and `new` as one, sorted; of a report that came under several names, the rows of the first name.

    First in the alphabet, not in time: what is kept must not depend on the order of ingests. Each table is merged by
    itself, so that one that was lost is filled again by another ingest of its reports.
    """
    count = 0 if old is None else old.num_rows
    tables = [new] if old is None else [old, new]
    del old, new
    rows = _as_one(tables)
    pa.default_memory_pool().release_unused()  # it would keep what the tables have taken
    is_new = np.arange(rows.num_rows) >= count
    preference = 2 * rank(rows, "source") + is_new
    reports = pd.DataFrame({column: rank(rows, column) for column in IDENTITY})
    of_report = reports.assign(preference=preference, is_new=is_new).groupby(list(IDENTITY), sort=False)
    kept = preference == of_report["preference"].transform("min").to_numpy()
    fresh = kept & of_report["is_new"].transform("min").to_numpy()
    del reports, of_report, preference
    if (kept != is_new).all():
        return _Merged(rows, None, fresh)
    order = np.lexsort([rank(rows, column) for column in reversed(ORDER[name])])
    return _Merged(rows, order[kept[order]], fresh)


def _as_one(tables: list[pa.Table]) -> pa.Table:
    """Return tables as one without chunks, a column at a time: what came in goes meanwhile, since it may be large."""
    schema = tables[0].schema
    columns = {name: [table[name] for table in tables] for name in schema.names}
    tables.clear()
    found = []
    for name, kind in zip(schema.names, schema.types, strict=True):
        chunks = [chunk for column in columns.pop(name) for chunk in column.chunks]
        found.append(pa.chunked_array(chunks, kind).unify_dictionaries().combine_chunks())
        del chunks
    return pa.table(found, schema=schema)


def _complete(staging: Path, target: Path) -> None:
    """Put into `staging` what stays as it is in `target`, without a copy where the file system can do that."""
    (staging / NOTES).write_text(notes(), encoding="utf-8")
    if target.exists():
        shutil.copymode(target, staging)  # whoever was allowed to read the store still is
    for path in sorted(target.glob("*/month=*/part-0.parquet")):
        new = staging / path.relative_to(target)
        if not new.exists():
            new.parent.mkdir(parents=True, exist_ok=True)
            try:
                new.hardlink_to(path)
            except OSError:
                shutil.copyfile(path, new)
