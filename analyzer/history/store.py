"""The snapshot store: reports of many days and accounts, kept as a Parquet dataset that other programs read as it is.

    DIR/snapshots/month=YYYY-MM/part-0.parquet   the users, a row per user and report
    DIR/reports/month=YYYY-MM/part-0.parquet     a row per report and account
    DIR/issues/month=YYYY-MM/part-0.parquet      what was repaired, unreadable or rejected in them
    DIR/_schema.json                             the columns, for people and other programs

Months are of `captured_at`, in UTC. What is in a store depends on the reports alone, not on how often, in which order
or in which company they came: a report is told by its CSV, its capture time and its account, and the same reports give
the same bytes. An ingest makes a new folder beside the old one, with hard links to what stays, and exchanges the two in
one step, under a lock: a crash leaves the old state or the new one.
"""

from __future__ import annotations

import json
import re
import shutil
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.errors import InputError, OutputError
from analyzer.evidence.folder import Claims, Owner, check, locked, put_in_place, staged
from analyzer.evidence.schema import FEW, ISSUES, USERS, issues_table, to_arrow
from analyzer.history.calendar import Calendar
from analyzer.reading.columns import TIME, category_of, coded, column_of, microseconds, numbered, times_from
from analyzer.reading.issues import IssueLog
from analyzer.reading.layout import State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import numpy.typing as npt
    from pyarrow import parquet

    from analyzer.evidence.folder import Standing
    from analyzer.reading.normalizing import Tables
    from analyzer.reading.source import Source

SCHEMA_VERSION: Final = 1

SNAPSHOTS: Final = pa.schema(
    [*USERS, ("password_enabled_state", FEW), ("additional_credentials_info_state", FEW), ("report_sha256", FEW)]
)
"""`report_sha256` is the digest of the report's CSV."""

REPORTS: Final = pa.schema(
    {
        "source": FEW,
        "report_sha256": FEW,
        "account_id": FEW,
        "captured_at": TIME,
        "captured_from": FEW,
        "file_sha256": pa.string(),
        "bytes": pa.int64(),
        "container": FEW,
        "layout": FEW,
        "rows": pa.int32(),
        "rejected": pa.int32(),
    }
)
"""`file_sha256` and `bytes` are of the file as given; `rejected` counts its lines whatever their account."""

STORED_ISSUES: Final = pa.schema([*ISSUES, ("report_sha256", FEW), ("account_id", FEW), ("captured_at", TIME)])
"""`account_id` is missing where the file holds several accounts."""

_TABLES: Final = {"snapshots": SNAPSHOTS, "reports": REPORTS, "issues": STORED_ISSUES}
_IDENTITY: Final = ("report_sha256", "captured_at", "account_id")
"""What tells one report from another."""
_ORDER: Final = {
    # A user's days lie side by side: what does not change from day to day costs next to nothing.
    "snapshots": ("account_id", "user", "user_creation_time", "captured_at", "line", "report_sha256"),
    "reports": ("account_id", "captured_at", "report_sha256"),
    "issues": ("account_id", "captured_at", "report_sha256", "line", "column", "code", "value", "message"),
}
_REPORT: Final = ("source", "captured_at", "account_id", "report_sha256")
"""What `report` numbers, in this order."""
_METADATA: Final = {"program": "credreport", "schema_version": str(SCHEMA_VERSION)}
_ROW_GROUP: Final = 1 << 14
"""Rows packed together, of whole accounts where they are smaller: more pack better, fewer let a reader of some accounts
pass over the others."""
_BATCH: Final = 1 << 18
"""Rows of whole accounts that are worked on together: what bounds the memory of a long history."""
_STATES: Final = {state.value: code for code, state in enumerate(State)}

_NOTES: Final = "_schema.json"
_PART: Final = re.compile(r"(?:snapshots|reports|issues)/month=\d{4}-\d\d/part-0\.parquet")
_FOLDER: Final = re.compile(r"(?:snapshots|reports|issues)(?:/month=\d{4}-\d\d)?")

_UNDATED: Final = "undated_snapshot"
_UNOWNED: Final = "unowned_snapshot"
_DAMAGED: Final = "damaged_part"
_REMEDY: Final = "move the file away and ingest the reports of its month again"
_OF_ITS_COMPANY: Final = frozenset({"duplicate_input", "duplicate_user"})
"""Issues that tell of what a report was given together with, and nothing of the report."""


@dataclass(frozen=True)
class Added:
    """What an ingest did: files by what became of them, and the rows of users that were not there before."""

    added: int
    known: int
    refused: int
    rows: int


@dataclass(frozen=True)
class Contents:
    """What is in a store.

    `snapshots` has a row per account and capture time: `account_id, captured_at, rows, reports`. `gaps` has a row per
    interval between two snapshots of an account that is long for it: `account_id, after, before, missing` (snapshots,
    at its usual spacing). `damaged` has the parts that cannot be read, each with the reason.
    """

    accounts: tuple[str, ...]
    snapshots: pd.DataFrame
    gaps: pd.DataFrame
    damaged: tuple[tuple[str, str], ...]


# --- adding ----------------------------------------------------------------------------------------------------------


def add(folder: Path, sources: Sequence[Source], tables: Tables, log: IssueLog) -> Added:
    """Add the reports in `tables` (read from `sources`, with what `log` says of them) to the store in `folder`.

    Those of unknown date or account are refused, and those of a month that is damaged; the rest is added. Waits while
    another ingest runs. Raises OutputError where `folder` cannot be written or holds other files.
    """
    refused = _refuse(sources, tables, log)
    new = _new_rows(sources, tables, log, refused)
    target = folder.resolve()
    try:
        with locked(target), staged(target) as staging:
            check(folder, STORE)
            done = _merge_months(folder, staging, new, log)
            if done.changed:
                _complete(staging, target)
                put_in_place(staging, target, STORE)
    except OSError as error:
        raise OutputError(
            f"cannot write the store {folder}: {error.strerror or error}", "check permissions and free space"
        ) from error
    return Added(done.added, done.known, done.refused + int(refused.sum()), done.rows)


def check_folder(folder: Path) -> None:
    """Raise OutputError unless `folder` is absent, empty, or holds a store and nothing else."""
    check(folder, STORE)


def _claims(_: Path, found: Standing) -> Claims:
    """Return what of a folder is of a store, by its name: whether a part is sound shows where it is read."""
    files = {name for name in found.files if name == _NOTES or _PART.fullmatch(name)}
    return Claims(bool(files), files, {name for name in found.folders if _FOLDER.fullmatch(name)})


STORE: Final = Owner("store", "choose another folder for the store", _NOTES, _claims)


# --- what is new -----------------------------------------------------------------------------------------------------


def _refuse(sources: Sequence[Source], tables: Tables, log: IssueLog) -> npt.NDArray[np.bool_]:
    """Return for each source whether it cannot be placed in time or has no owner: it is stored whole or not at all."""
    owner = tables.users["source"].cat.codes.to_numpy()
    undated = np.array([source.captured_at is None for source in sources], bool)
    unowned = np.zeros(len(sources), bool)
    unowned[owner[tables.users["account_id"].isna().to_numpy()]] = True
    empty = np.ones(len(sources), bool)  # parsing has noted why
    empty[owner] = False
    for number in np.flatnonzero(undated & ~empty).tolist():
        log.add(
            _UNDATED,
            "not stored: not known when it was captured; put the date of the download into the file's or its folder's "
            "name",
            source=sources[number].name,
        )
    for number in np.flatnonzero(unowned & ~undated).tolist():
        log.add(
            _UNOWNED,
            "not stored: the account of some of its rows is not known; give it with --account-id",
            source=sources[number].name,
        )
    return undated | unowned | empty


def _new_rows(
    sources: Sequence[Source], tables: Tables, log: IssueLog, refused: npt.NDArray[np.bool_]
) -> dict[str, pa.Table]:
    """Return the rows of each table of the store for the sources that are not refused."""
    of_source = pd.DataFrame(
        {
            "source": category_of(pa.array([source.name for source in sources], pa.string())),
            "report_sha256": category_of(pa.array([source.digest for source in sources], pa.string())),
            "captured_at": column_of(pa.array([source.captured_at for source in sources], TIME)),
        }
    )
    users = tables.users
    if refused.any():
        users = users[~refused[users["source"].cat.codes.to_numpy()]]
    owner = users["source"].cat.codes.to_numpy()
    users = users.assign(report_sha256=of_source["report_sha256"].array.take(owner))
    pairs = pd.DataFrame({"number": owner, "account_id": users["account_id"].array})
    pairs = pairs.groupby(["number", "account_id"], observed=True).size().rename("rows").reset_index()
    return {
        "snapshots": to_arrow(users, SNAPSHOTS),
        "reports": to_arrow(_report_rows(sources, tables, of_source, pairs), REPORTS),
        "issues": to_arrow(_issue_rows(sources, of_source, pairs, log), STORED_ISSUES),
    }


def _report_rows(
    sources: Sequence[Source], tables: Tables, of_source: pd.DataFrame, pairs: pd.DataFrame
) -> pd.DataFrame:
    """Return the rows of `reports`, one for each of `pairs` of source and account."""
    parsed = tables.reports.groupby("source")
    facts = of_source.assign(
        captured_from=[source.captured_from for source in sources],
        file_sha256=[source.sha256 for source in sources],
        bytes=[source.size for source in sources],
        container=[source.container for source in sources],
        layout=parsed["layout"].agg(lambda kinds: ", ".join(dict.fromkeys(kinds))).to_numpy(),
        rejected=parsed["rejected"].sum().to_numpy(),
    )
    facts = facts.iloc[pairs["number"]].reset_index(drop=True)
    return facts.assign(account_id=pairs["account_id"], rows=pairs["rows"])


def _issue_rows(sources: Sequence[Source], of_source: pd.DataFrame, pairs: pd.DataFrame, log: IssueLog) -> pd.DataFrame:
    """Return what `log` says of the reports that are stored."""
    owners = pairs.groupby("number")["account_id"].agg(["first", "size"])
    only = owners["first"].where(owners["size"] == 1)
    number_of = {sources[number].name: number for number in only.index}
    rows = [row for row in log.rows if row[0] in number_of and row[4] not in _OF_ITS_COMPANY]
    issues = issues_table(IssueLog(rows))
    number = issues["source"].map(number_of).to_numpy(np.int64)
    facts = of_source[["report_sha256", "captured_at"]].iloc[number].reset_index(drop=True)
    return pd.concat([issues, facts], axis="columns").assign(account_id=only.reindex(number).array)


# --- old and new as one ----------------------------------------------------------------------------------------------


@dataclass
class _Done:
    """What became of the new rows; reports are counted by file."""

    changed: bool = False
    added: int = 0
    known: int = 0
    refused: int = 0
    rows: int = 0


@dataclass(frozen=True)
class _Merged:
    """A part as it is to be: these of its `rows`, in this order. None where it stays as it is."""

    rows: pa.Table
    order: npt.NDArray[np.int64] | None
    fresh: npt.NDArray[np.bool_]
    """Which rows are of reports that were not there before."""


def _merge_months(folder: Path, staging: Path, new: dict[str, pa.Table], log: IssueLog) -> _Done:
    """Write the parts of the store in `folder` that `new` changes into `staging`, a month at a time."""
    done = _Done()
    months = {name: _months(table) for name, table in new.items()}
    for month in np.unique(months["snapshots"]).tolist():
        of_month = {name: table.filter(pa.array(months[name] == month)) for name, table in new.items()}
        given = pc.count_distinct(of_month["snapshots"]["source"].cast(pa.string())).as_py()
        parts = {name: f"{name}/month={month}/part-0.parquet" for name in new}
        try:
            merged = {name: _merge(name, _stored(folder, part), of_month[name]) for name, part in parts.items()}
        except _DamagedError as error:
            message = f"{error}; what is new of its month was not stored: {_REMEDY}"
            log.add(_DAMAGED, message, source=f"{folder}/{error.part}")
            done.refused += given
            continue
        for name, part in parts.items():
            if (order := merged[name].order) is not None:
                _write(merged[name].rows, order, staging / part, _TABLES[name])
                done.changed = True
        users = merged["snapshots"]
        names = users.rows["source"].filter(pa.array(users.fresh)).cast(pa.string())
        added = pc.count_distinct(names).as_py()
        done.added, done.known, done.rows = done.added + added, done.known + given - added, done.rows + len(names)
    return done


def _months(table: pa.Table) -> npt.NDArray[np.str_]:
    """Return each row's month, as it stands in the name of its folder."""
    times = microseconds(column_of(table["captured_at"]))
    return times.astype("datetime64[us]").astype("datetime64[M]").astype(np.str_)


def _merge(name: str, old: pa.Table | None, new: pa.Table) -> _Merged:
    """Return `old` and `new` as one, sorted; of a report that came under several names, the rows of the first name.

    First in the alphabet, not in time: what is kept must not depend on the order of ingests. Each table is merged by
    itself, so that one that was lost is filled again by another ingest of its reports.
    """
    count = 0 if old is None else old.num_rows
    rows = (new if old is None else pa.concat_tables([old, new])).combine_chunks()
    is_new = np.arange(rows.num_rows) >= count
    preference = 2 * _rank(rows, "source") + is_new
    reports = pd.DataFrame({column: _rank(rows, column) for column in _IDENTITY})
    of_report = reports.assign(preference=preference, is_new=is_new).groupby(list(_IDENTITY), sort=False)
    kept = preference == of_report["preference"].transform("min").to_numpy()
    fresh = kept & of_report["is_new"].transform("min").to_numpy()
    if (kept != is_new).all():
        return _Merged(rows, None, fresh)
    order = np.lexsort([_rank(rows, column) for column in reversed(_ORDER[name])])
    return _Merged(rows, order[kept[order]], fresh)


def _rank(table: pa.Table, column: str) -> npt.NDArray[np.int64]:
    """Return numbers in the order of a column's values; names of users are ordered as AWS orders them."""
    values = table[column]
    if pa.types.is_timestamp(values.type):
        return microseconds(column_of(values))
    if pa.types.is_integer(values.type):
        return np.asarray(pc.fill_null(values, -1), np.int64)
    texts = pc.utf8_lower(values) if column == "user" else values
    return category_of(texts).cat.codes.to_numpy().astype(np.int64)


def _write(rows: pa.Table, order: npt.NDArray[np.int64], path: Path, schema: pa.Schema) -> None:
    """Write a part; its bytes depend on its rows alone."""
    from pyarrow import parquet  # noqa: PLC0415 - only the store's users need it

    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open("wb") as file,
        parquet.ParquetWriter(
            file,
            schema.with_metadata(_METADATA),
            compression="zstd",
            compression_level=3,
            # Times are least as they are: measured on a year of daily reports, against dictionaries and deltas.
            use_dictionary=[field.name for field in schema if not pa.types.is_timestamp(field.type)],
            write_page_checksum=True,
        ) as writer,
    ):
        for start, end in _groups(_rank(rows, "account_id")[order]):
            group = rows.take(pa.array(order[start:end]))
            # Dictionaries hold their values in the order in which the rows of the group show them, and no others.
            columns = [
                column.cast(pa.string()).dictionary_encode() if pa.types.is_dictionary(column.type) else column
                for column in group.columns
            ]
            writer.write_table(pa.table(columns, schema=schema), row_group_size=_ROW_GROUP)


def _groups(account: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield the row groups of rows by account: whole accounts, but for those that are larger than a group."""
    bounds = [*(np.flatnonzero(np.diff(account)) + 1).tolist(), len(account)]
    start = end = 0
    for bound in bounds:
        if bound - start > _ROW_GROUP:
            if end > start:
                yield start, end
            start = end
        while bound - start > _ROW_GROUP:
            yield start, start + _ROW_GROUP
            start += _ROW_GROUP
        end = bound
    if end > start:
        yield start, end


# --- the folder ------------------------------------------------------------------------------------------------------


def _complete(staging: Path, target: Path) -> None:
    """Put into `staging` what stays as it is in `target`, without a copy where the file system can do that."""
    (staging / _NOTES).write_text(_notes(), encoding="utf-8")
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


def _notes() -> str:
    """Return the description of the store, for people and other programs."""

    def kind(of: pa.DataType) -> str:
        return str(of.value_type if pa.types.is_dictionary(of) else of)

    notes = {
        "program": "credreport",
        "schema_version": SCHEMA_VERSION,
        "layout": "TABLE/month=YYYY-MM/part-0.parquet (Hive partitions; the month of captured_at, UTC)",
        "order": {name: list(columns) for name, columns in _ORDER.items()},
        "report": f"told by {', '.join(_IDENTITY)}; report_sha256 is of the CSV, file_sha256 of the file as given",
        "tables": {name: {field.name: kind(field.type) for field in schema} for name, schema in _TABLES.items()},
    }
    return json.dumps(notes, indent=2) + "\n"


# --- reading ---------------------------------------------------------------------------------------------------------


def load(  # noqa: PLR0913 - what to load of it
    folder: Path,
    *,
    accounts: Collection[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    columns: Collection[str] | None = None,
    log: IssueLog | None = None,
) -> pd.DataFrame:
    """Return the users in the store in the in-memory types of `Tables.users`, with `report_sha256`.

    Rows are in the order of months, accounts, names, creation times and capture times. `columns` are all unless given.
    The codes of `source` are positions in the sorted sources that are loaded, `report` numbers the reports of the same
    source, capture time, account and CSV. `since` and `until` are included. A part that is damaged is noted in `log`,
    and the rest is loaded. Raises InputError where `folder` is no store, or one of a newer version, or is damaged and
    there is no `log`.
    """
    found = list(_selected(folder, accounts, since, until, columns, log))
    return _frame(pa.concat_tables(found) if found else SNAPSHOTS.empty_table(), columns)


def by_accounts(
    folder: Path,
    *,
    until: datetime | None = None,
    columns: Collection[str] | None = None,
    log: IssueLog,
    rows: int = _BATCH,
) -> Iterator[pd.DataFrame]:
    """Yield what `load` returns, some accounts at a time in their order, each with all its snapshots.

    A batch has up to about `rows` rows, or the accounts of one row group. What cannot be read of a part is noted in
    `log`, once, and left out.
    """
    needed = _needed(columns)
    with _opened(folder, ["snapshots"]) as files:
        opened: dict[str, _Part] = {}
        damaged: set[str] = set()

        def note(error: _DamagedError) -> None:
            if error.part not in damaged:
                damaged.add(error.part)
                message = f"{error}; what cannot be read of it is left out: {_REMEDY}"
                log.add(_DAMAGED, message, source=f"{folder}/{error.part}")

        for name, file in _until(files, until).items():
            try:
                opened[name] = _Part.of(file, name)
            except _DamagedError as error:
                note(error)
        for low, high in _batches(list(opened.values()), rows):
            found = [table for part in opened.values() for table in part.accounts(low, high, needed, note)]
            table = pa.concat_tables([_schema_of(needed).empty_table(), *found])
            if until is not None:
                table = table.filter(pc.field("captured_at") <= pa.scalar(until, TIME))
            if table.num_rows:
                yield _frame(table, columns)


def span(folder: Path) -> tuple[datetime, datetime] | None:
    """Return the instants of the oldest and of the newest snapshot, of the parts that can be read."""
    found = []
    with _opened(folder, ["snapshots"]) as files:
        for part, file in files.items():
            with suppress(_DamagedError):
                found += _bounds(part, _Part.of(file, part).file, "captured_at")
    return (min(low for low, _ in found), max(high for _, high in found)) if found else None


def _until(files: Mapping[str, pa.NativeFile], until: datetime | None) -> dict[str, pa.NativeFile]:
    """Return the parts that may have snapshots of an instant or before."""
    last = None if until is None else until.astimezone(UTC).isoformat()[:7]
    return {part: file for part, file in files.items() if last is None or _month_of(part) <= last}


def _month_of(part: str) -> str:
    return part.split("/")[1].removeprefix("month=")


def _batches(parts: Sequence[_Part], rows: int) -> Iterator[tuple[str, str]]:
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


def _bounds(part: str, file: parquet.ParquetFile, column: str) -> list[tuple[Any, Any]]:
    """Return the least and the greatest value of a column in each row group."""
    with _damage(part):
        place = file.metadata.schema.names.index(column)
        found = [file.metadata.row_group(group).column(place).statistics for group in range(file.num_row_groups)]
        return [(one.min, one.max) for one in found]


def _schema_of(columns: Sequence[str]) -> pa.Schema:
    return pa.schema([SNAPSHOTS.field(name) for name in columns])


@dataclass(frozen=True)
class _Part:
    """An open part of snapshots; `owners` are the first and the last account of each of its row groups."""

    name: str
    file: parquet.ParquetFile
    owners: list[tuple[str, str]]

    @classmethod
    def of(cls, file: pa.NativeFile, name: str) -> _Part:
        """Open a part. Raises _DamagedError where that fails, and InputError where a newer version wrote it."""
        from pyarrow import parquet  # noqa: PLC0415 - only the store's users need it

        with _damage(name):
            opened = parquet.ParquetFile(file, page_checksum_verification=True)
            version = int((opened.schema_arrow.metadata or {})[b"schema_version"])
        _require_known(version, name)
        return cls(name, opened, _bounds(name, opened, "account_id"))

    @property
    def rows(self) -> list[int]:
        """Rows in each row group."""
        return [self.file.metadata.row_group(group).num_rows for group in range(self.file.num_row_groups)]

    def accounts(
        self, low: str, high: str, columns: Sequence[str], note: Callable[[_DamagedError], None]
    ) -> Iterator[pa.Table]:
        """Yield the rows of accounts above `low` and up to `high`, without those of which something cannot be read.

        A snapshot that is there in part would seem to have lost users.
        """
        groups = [number for number, (first, last) in enumerate(self.owners) if first <= high and last > low]
        wanted = (
            [(low, high)] if any(self.owners[one][0] <= low or self.owners[one][1] > high for one in groups) else []
        )
        tables, lost = [], []
        try:
            tables.append(self._read(groups, columns))
        except _DamagedError:
            for group in groups:
                try:
                    tables.append(self._read([group], columns))
                except _DamagedError as error:
                    note(error)
                    lost.append(self.owners[group])
        for table in tables:
            account = table["account_id"].cast(pa.string())
            keep = [pc.and_(pc.greater(account, first), pc.less_equal(account, last)) for first, last in wanted]
            keep += [pc.or_(pc.less(account, first), pc.greater(account, last)) for first, last in lost]
            yield table.filter(reduce(pc.and_, keep)) if keep else table

    def _read(self, groups: Sequence[int], columns: Sequence[str]) -> pa.Table:
        with _damage(self.name):
            return self.file.read_row_groups(groups, columns=columns).select(columns).cast(_schema_of(columns))


def contents(folder: Path) -> Contents:
    """Return what is in the store; every part is read whole, so that no damage stays hidden."""
    damaged: list[tuple[str, str]] = []
    found = [_captures(SNAPSHOTS.empty_table())]
    with _opened(folder, _TABLES) as files:
        for part, file in files.items():
            try:
                table = _read(file, part)
            except _DamagedError as error:
                damaged.append((part, str(error)))
            else:
                if part.startswith("snapshots/"):
                    found.append(_captures(table))
    snapshots = pd.concat(found).sort_values(["account_id", "captured_at"], ignore_index=True)
    gaps = _gaps(snapshots)
    snapshots["captured_at"] = column_of(times_from(snapshots["captured_at"].to_numpy()))
    return Contents(tuple(snapshots["account_id"].unique()), snapshots, gaps, tuple(damaged))


def _captures(table: pa.Table) -> pd.DataFrame:
    """Return the snapshots in a part."""
    rows = pd.DataFrame({column: _rank(table, column) for column in ("captured_at", "report_sha256")})
    rows["account_id"] = category_of(table["account_id"])
    by_capture = rows.groupby(["account_id", "captured_at"], observed=True)["report_sha256"]
    return by_capture.agg(rows="size", reports="nunique").reset_index().astype({"account_id": "str"})


def _gaps(snapshots: pd.DataFrame) -> pd.DataFrame:
    """Return the intervals between two snapshots of an account in which others are missing."""
    account = snapshots["account_id"].astype("category")
    calendar = Calendar.of(account, snapshots["captured_at"].to_numpy(np.int64))
    owner, place = calendar.gaps()
    after, before = calendar.instants[place], calendar.instants[place + 1]
    return pd.DataFrame(
        {
            "account_id": pd.Series(calendar.accounts, dtype="str").to_numpy()[owner],
            "after": column_of(times_from(after)),
            "before": column_of(times_from(before)),
            "missing": np.round((before - after) / calendar.usual()[owner]).astype(np.int64) - 1,
        }
    )


def _selected(  # noqa: PLR0913 - what to load of it
    folder: Path,
    accounts: Collection[str] | None,
    since: datetime | None,
    until: datetime | None,
    columns: Collection[str] | None,
    log: IssueLog | None,
) -> Iterator[pa.Table]:
    """Yield the chosen rows of each month."""
    first, last = (instant and instant.astimezone(UTC).isoformat()[:7] for instant in (since, until))
    conditions = []
    if accounts is not None:
        conditions.append(pc.field("account_id").isin(pa.array(sorted(accounts), pa.string())))
    if since is not None:
        conditions.append(pc.field("captured_at") >= pa.scalar(since, TIME))
    if until is not None:
        conditions.append(pc.field("captured_at") <= pa.scalar(until, TIME))
    where = reduce(and_, conditions) if conditions else None
    needed = _needed(columns)
    with _opened(folder, ["snapshots"]) as files:
        for part, file in files.items():
            if (first and _month_of(part) < first) or (last and _month_of(part) > last):
                continue
            try:
                yield _read(file, part, columns=needed, where=where)
            except _DamagedError as error:
                if log is None:
                    raise InputError(f"damaged part of the store {folder}: {part}: {error}", _REMEDY) from error
                log.add(_DAMAGED, f"{error}; what it holds is left out: {_REMEDY}", source=f"{folder}/{part}")


def _needed(columns: Collection[str] | None) -> list[str]:
    """Return the columns to read for those that are wanted."""
    if columns is None:
        return list(SNAPSHOTS.names)
    found = dict.fromkeys((*columns, *(_REPORT if "report" in columns else ())))
    return [column for column in found if column != "report"]


@contextmanager
def _opened(folder: Path, tables: Collection[str]) -> Iterator[dict[str, pa.NativeFile]]:
    """Open all parts of `tables`, by name, at once: an ingest meanwhile cannot mix its state with the one read."""
    with ExitStack() as stack:
        try:
            while True:
                state = folder.stat().st_ino
                found = sorted(path for name in tables for path in folder.glob(f"{name}/month=*/part-0.parquet"))
                try:
                    files = {
                        path.relative_to(folder).as_posix(): stack.enter_context(pa.OSFile(str(path))) for path in found
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


class _DamagedError(Exception):
    """A part that cannot be read."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(reason)
        self.part = part


def _stored(target: Path, part: str) -> pa.Table | None:
    """Return a part that is there, whole."""
    path = target / part
    if not path.exists():
        return None
    with pa.OSFile(str(path)) as file:
        return _read(file, part)


def _read(
    file: pa.NativeFile, part: str, columns: Sequence[str] | None = None, where: pc.Expression | None = None
) -> pa.Table:
    """Return the chosen columns and rows of a part.

    Raises _DamagedError where they cannot be read, and InputError where a newer version wrote it.
    """
    from pyarrow import parquet  # noqa: PLC0415 - only the store's users need it

    schema = _TABLES[part.partition("/")[0]]
    names = schema.names if columns is None else list(columns)
    with _damage(part):
        version = int((parquet.read_schema(file).metadata or {})[b"schema_version"])
    _require_known(version, part)
    with _damage(part):
        table = parquet.read_table(file, columns=names, filters=where, page_checksum_verification=True)
        return table.select(names).cast(pa.schema([schema.field(name) for name in names]))


@contextmanager
def _damage(part: str) -> Iterator[None]:
    """Raise what fails within as damage of a part."""
    try:
        yield
    except Exception as error:  # a damaged file raises whatever it breaks
        raise _DamagedError(part, f"not a sound part of a store ({type(error).__name__}: {error})") from error


def _require_known(version: int, part: str) -> None:
    if version > SCHEMA_VERSION:
        raise InputError(
            f"the store was written by a newer credreport: {part} has schema version {version}, this one knows "
            f"{SCHEMA_VERSION}",
            "update credreport",
        )


def _frame(table: pa.Table, columns: Collection[str] | None) -> pd.DataFrame:
    """Return rows of `snapshots` in the types that tables have in memory, with `report` where it is wanted."""
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
    # States are all of them in their own order, whichever occur.
    code = np.array([*(_STATES[text] for text in column.cat.categories), -1], np.int8)
    return coded(code[column.cat.codes.to_numpy()], list(_STATES))
