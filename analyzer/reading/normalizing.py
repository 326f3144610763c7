"""Texts -> typed tables: sentinels become NA/NaT with a state that says why, and one row a credential.

Behind this door no text such as `N/A` exists and no rule looks at raw text.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.reading.columns import (
    NO_TIME,
    NULL_TEXT,
    TIME,
    arrow_of,
    category_of,
    coded,
    column_of,
    microseconds,
    times_from,
    true_where,
)
from analyzer.reading.layout import (
    BOOLEAN_COLUMNS,
    COLUMNS,
    ROOT_USER,
    SENTINELS,
    SLOTS,
    TIMESTAMP_COLUMNS,
    Kind,
    Slot,
    State,
    layout_name,
)
from analyzer.reading.times import GRANULARITY, MICROSECOND, parse_instant, since_epoch

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from analyzer.reading.issues import IssueLog
    from analyzer.reading.parsing import RawTable
    from analyzer.reading.source import Source

_STATES: Final = [state.value for state in State]
_CODE: Final = {state: np.int8(code) for code, state in enumerate(State)}
_SENTINEL_TEXTS: Final = pa.array(["", "N/A", "no_information", "not_supported"])
_SENTINEL_CODES: Final = np.array([_CODE[SENTINELS[text.lower()]] for text in _SENTINEL_TEXTS.to_pylist()])

_ODD: Final = len(_STATES)
_STATE_BY_LENGTH: Final = np.full(len("2026-10-31T08:00:00+00:00") + 2, _ODD, np.int8)
"""What a cell of AWS's own is by its length; the last one answers for all that are longer."""
_STATE_BY_LENGTH[[len(text) for text in _SENTINEL_TEXTS.to_pylist()]] = _SENTINEL_CODES
_STATE_BY_LENGTH[[len("2026-10-31T08:00:00Z"), len("2026-10-31T08:00:00+00:00")]] = _CODE[State.VALUE]
_YEAR_1: Final = since_epoch(datetime.min.replace(tzinfo=UTC))
_YEAR_10000: Final = since_epoch(datetime.max.replace(microsecond=0, tzinfo=UTC)) + 1_000_000
_SURE_TIME: Final = (
    r"^[12]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])[T ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
    r"(?:\.\d{1,6})?(?:Z|[+-](?:0\d|1\d|2[0-3]):?[0-5]\d)$"
)
"""Texts that are certain to be times; anything else is looked at one distinct text at a time."""

_ARN: Final = (
    r"^arn:(?P<partition>[a-z][a-z0-9-]*):iam::(?P<account>\d{12}):"
    r"(?:root|user(?P<path>/(?:[!-~]*/)?)(?P<name>[^/]+))$"
)


@dataclass(frozen=True)
class Tables:
    """The typed tables of all reports, rows in the order of sources, lines and slots.

    `users` has the columns of `analyzer.tables.USERS`, and `report`, the row's position in `reports`;
    `password_enabled_state`, not_supported where an old report says so of root; `additional_credentials_info_state`,
    missing where its report has no such column. The codes of its `source` are positions in the sources.
    `credentials` has those of `analyzer.tables.CREDENTIALS` but the days, and of its user `is_root`,
    `user_creation_time` and `user_row`, its position. `reports` has a row per report: `source, rows, rejected,
    layout, newest_time`.
    """

    users: pd.DataFrame
    credentials: pd.DataFrame
    reports: pd.DataFrame


def normalize(raw: RawTable, sources: Sequence[Source], log: IssueLog, account_id: str | None = None) -> Tables:
    """Return `raw` typed; cells that cannot be read become NA with an issue in `log`, and keep their row.

    `account_id` is the account of rows that neither their ARN nor the name of their file tells.
    """
    place = _Place(raw, sources, log)
    columns: dict[str, Any] = {}
    user = _blank_to_null(raw.cells["user"])
    arn = _blank_to_null(raw.cells["arn"])
    names = _read_arns(arn, user, raw, place)
    if user.null_count:
        user = pc.coalesce(user, names.name)
    is_root = pa.array(names.is_root | true_where(pc.equal(user, ROOT_USER)))
    for column in COLUMNS:
        cells = raw.cells[column]
        if column in TIMESTAMP_COLUMNS:
            columns[column], columns[f"{column}_state"] = _read_times(cells, column, place)
        elif column in BOOLEAN_COLUMNS:
            columns[column] = _read_flags(cells, column, is_root, place)
            if column == "password_enabled":
                old = true_where(pc.and_(is_root, pc.equal(cells, "not_supported")))
                columns[f"{column}_state"] = coded(np.where(old, _CODE[State.NOT_SUPPORTED], np.int8(-1)), _STATES)
        elif column in {"user", "arn"}:
            columns[column] = column_of({"user": user, "arn": arn}[column])
        elif column == "additional_credentials_info":
            columns[column] = column_of(_not_available_to_null(cells))
            columns[f"{column}_state"] = _read_info(cells)
        else:
            columns[column] = category_of(_not_available_to_null(cells))
    columns |= _accounts(names, raw, sources, account_id, place)
    columns["is_root"] = column_of(is_root)
    columns |= _origin(raw, sources)
    columns["report"] = raw.report
    users = pd.DataFrame(columns, copy=False)
    credentials = unpivot(users)
    _note_impossible(credentials, place)
    return Tables(users, credentials, _reports(raw, users, sources, log))


class _Place:
    """Where rows come from: turns row positions into issues with source and line."""

    def __init__(self, raw: RawTable, sources: Sequence[Source], log: IssueLog) -> None:
        self._raw, self._sources, self._log = raw, sources, log

    def note(self, code: str, message: str, rows: npt.NDArray[np.int64], column: str) -> None:
        """Note one issue about `column` for each of `rows` (usually few), with the cell as it was found."""
        source_of = [self._sources[report.source].name for report in self._raw.reports]
        texts = self._raw.cells[column].take(pa.array(rows)).to_pylist()
        owners, lines = self._raw.report[rows].tolist(), self._raw.line[rows].tolist()
        for owner, line, text in zip(owners, lines, texts, strict=True):
            self._log.add(code, message, source=source_of[owner], line=line, column=column, value=text)


def _blank_to_null(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.equal(cells, ""), NULL_TEXT, cells)


def _not_available_to_null(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.is_in(pc.ascii_lower(cells), pa.array(list(SENTINELS))), NULL_TEXT, cells)


def _read_info(cells: pa.ChunkedArray) -> pd.Series[Any]:
    """Return the state of each cell of a text column in which nothing (a blank) means that there is none."""
    states = {**SENTINELS, "": State.NOT_APPLICABLE}
    position = pc.fill_null(pc.index_in(pc.ascii_lower(cells), pa.array(list(states))), -1).to_numpy()
    known = np.array([_CODE[state] for state in states.values()])
    code = np.where(position >= 0, known[position], _CODE[State.VALUE])
    return coded(np.where(cells.is_null().to_numpy(), _CODE[State.MISSING], code).astype(np.int8), _STATES)


# --- times -----------------------------------------------------------------------------------------------------------


def _read_times(cells: pa.ChunkedArray, column: str, place: _Place) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Return a column's times (UTC) and the state of each cell."""
    plain = _read_plain(cells)
    if plain is not None:
        times, code = plain
        return column_of(times), coded(code, _STATES)
    sentinel = pc.index_in(cells, _SENTINEL_TEXTS)
    candidates = pc.if_else(pc.is_valid(sentinel), NULL_TEXT, cells)
    code = np.where(cells.is_null().to_numpy(), _CODE[State.MISSING], _CODE[State.VALUE]).astype(np.int8)
    positions = pc.fill_null(sentinel, -1).to_numpy()
    code = np.where(positions >= 0, _SENTINEL_CODES[positions], code)
    times = _read_each(candidates, code)
    rows = np.flatnonzero(code == _CODE[State.INVALID])
    place.note(
        "bad_timestamp",
        "not a time that can be read with certainty (date, time of day and UTC offset, such as "
        "2026-10-31T08:00:00Z): the row is kept, this cell counts as unknown; use the report as AWS made it",
        rows,
        column,
    )
    return column_of(times), coded(code, _STATES)


def _read_plain(cells: pa.ChunkedArray) -> tuple[pa.ChunkedArray, npt.NDArray[np.int8]] | None:
    """Return the times of a column written as AWS writes it, and the states; None where some cell is not.

    Arrow reads more than is certain (a time without minutes, the year 0), none of it as long as what AWS writes.
    """
    code = _plain_states(cells)
    if code is None:
        return None
    is_value = code == _CODE[State.VALUE]
    if not is_value.any():
        return pa.chunked_array([pa.nulls(len(cells), TIME)]), code
    if not is_value.all():
        cells = pc.if_else(pa.array(is_value), cells, NULL_TEXT)
    try:
        times = cells.cast(TIME)
    except pa.ArrowInvalid:
        return None
    span = pc.min_max(times.cast(pa.int64()))
    return (times, code) if span["min"].as_py() >= _YEAR_1 and span["max"].as_py() < _YEAR_10000 else None


def _plain_states(cells: pa.ChunkedArray) -> npt.NDArray[np.int8] | None:
    """Return the state of each cell, all of them being sentinels or as long as times; None where some are not.

    Times and sentinels all have lengths of their own, so a cell's length says what it must be, and it is enough to
    count whether it is.
    """
    if cells.null_count:  # a column that a report does not have
        return np.full(len(cells), _CODE[State.MISSING], np.int8) if cells.null_count == len(cells) else None
    code = _STATE_BY_LENGTH[np.minimum(pc.binary_length(cells).to_numpy(), len(_STATE_BY_LENGTH) - 1)]
    counts = np.bincount(code, minlength=_ODD + 1)
    for text, state in zip(_SENTINEL_TEXTS.to_pylist(), _SENTINEL_CODES, strict=True):
        if counts[state] and pc.sum(pc.equal(cells, text)).as_py() != counts[state]:
            return None
    return None if counts[_ODD] else code


def _read_each(candidates: pa.ChunkedArray, code: npt.NDArray[np.int8]) -> pa.ChunkedArray:
    """Return the times of a column with unusual cells, and set `code` where they are no times.

    Only texts that are not certain to be times are read in Python, and each distinct one once.
    """
    sure = pc.match_substring_regex(candidates, _SURE_TIME)
    times = pc.if_else(sure, candidates, NULL_TEXT).cast(TIME)
    rows = np.flatnonzero(pc.fill_null(pc.invert(sure), fill_value=False).to_numpy())
    if not len(rows):
        return times
    odd = candidates.take(pa.array(rows)).combine_chunks().dictionary_encode()
    texts = odd.dictionary.to_pylist()
    states = [SENTINELS.get(text.strip().lower()) for text in texts]
    instants = [None if state else parse_instant(text) for text, state in zip(texts, states, strict=True)]
    found = [
        state or (State.INVALID if instant is None else State.VALUE)
        for state, instant in zip(states, instants, strict=True)
    ]
    which = odd.indices.to_numpy()
    code[rows] = np.array([_CODE[state] for state in found], np.int8)[which]
    spread = np.zeros(len(candidates), np.int64)
    spread[rows] = which
    chosen = pa.array(instants, TIME).take(pa.array(spread))
    is_odd = np.zeros(len(candidates), bool)
    is_odd[rows] = True
    return pc.if_else(pa.array(is_odd), chosen, times)


# --- flags -----------------------------------------------------------------------------------------------------------


def _read_flags(cells: pa.ChunkedArray, column: str, is_root: pa.ChunkedArray, place: _Place) -> pd.Series[Any]:
    """Return a true/false column; unreadable cells become NA.

    `not_supported` is what reports up to about 2024 say of root's password: nothing is wrong with it.
    """
    true = pc.equal(cells, "true")
    if pc.all(pc.or_(true, pc.equal(cells, "false")), skip_nulls=False).as_py():
        return column_of(true)
    encoded = cells.combine_chunks().dictionary_encode()
    texts = [text.strip().lower() for text in encoded.dictionary.to_pylist()]
    meaning = pa.array([{"true": True, "false": False}.get(text) for text in texts], pa.bool_())
    flags = meaning.take(encoded.indices)
    if meaning.null_count:
        unread = np.asarray(pc.and_(flags.is_null(), cells.is_valid()))
        is_old_root = true_where(pc.and_(is_root, pc.equal(cells, "not_supported")))
        place.note(
            "bad_boolean",
            "neither true nor false: the row is kept, this cell counts as unknown; use the report as AWS made it",
            np.flatnonzero(unread & ~is_old_root),
            column,
        )
    return column_of(flags)


# --- ARNs and accounts -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Few:
    """Texts of which few differ: the text of each row is at `of_row` in `values`, which may hold one more than once."""

    values: pa.StringArray
    of_row: npt.NDArray[np.int64]

    def is_null(self) -> npt.NDArray[np.bool_]:
        """Where there is no text."""
        return np.asarray(self.values.is_null())[self.of_row]

    def replaced(self, rows: npt.NDArray[np.int64], texts: pa.StringArray) -> _Few:
        """Return them with other texts in some rows."""
        of_row = self.of_row.copy()
        of_row[rows] = len(self.values) + np.arange(len(rows))
        return _Few(pa.concat_arrays([self.values, texts]), of_row)

    def texts(self) -> pa.StringArray:
        """Return a text for each row."""
        return self.values.take(pa.array(self.of_row))


@dataclass(frozen=True)
class _Names:
    """What the ARNs tell, each as long as the table; null where they do not."""

    partition: _Few
    account: _Few
    path: _Few
    name: pa.StringArray
    is_root: npt.NDArray[np.bool_]


def _read_arns(arn: pa.ChunkedArray, user: pa.ChunkedArray, raw: RawTable, place: _Place) -> _Names:
    """Take ARNs apart: `arn:PARTITION:iam::ACCOUNT:user/PATH/NAME`, or `…:root`.

    A report is of one account and most users have the path `/`: nearly every ARN is the beginning of its report's last
    one with the user's name behind it. That is compared; only the other ARNs are matched with the pattern.
    """
    last = np.maximum(np.searchsorted(raw.report, np.arange(len(raw.reports)), side="right") - 1, 0)
    arn, user = arn.combine_chunks(), user.combine_chunks()
    samples = _match_arns(
        *(texts.take(pa.array(last)) if len(arn) else pa.nulls(len(last), pa.string()) for texts in (arn, user))
    )
    expected = pc.binary_join_element_wise(_beginning(samples).take(pa.array(raw.report)), user, "")
    others = np.flatnonzero(~true_where(pc.equal(arn, expected)))
    arn_there, user_there = arn.take(pa.array(others)), user.take(pa.array(others))
    found = _match_arns(arn_there, user_there)
    rest = np.zeros(len(arn), bool)
    rest[others] = True
    is_root = np.zeros(len(arn), bool)
    is_root[others] = np.asarray(pc.and_(found["account"].is_valid(), found["name"].is_null()))
    of_row = raw.report.astype(np.int64)
    names = _Names(
        _Few(samples["partition"], of_row).replaced(others, found["partition"]),
        _Few(samples["account"], of_row).replaced(others, found["account"]),
        _Few(pa.array(["/"]), np.zeros_like(of_row)).replaced(others, found["path"]),
        pc.replace_with_mask(user, pa.array(rest), found["name"]),
        is_root,
    )
    _note_arns(arn_there, user_there, found, others, place)
    place.note(
        "missing_user",
        "the user name is blank; it is taken from the ARN where there is one",
        np.flatnonzero(np.asarray(user.is_null())),
        "user",
    )
    return names


def _match_arns(arn: pa.StringArray, user: pa.StringArray) -> dict[str, pa.StringArray]:
    """Return `partition, account, path, name` of each ARN; null where it is none, path and name also for root's.

    Where all behind `user/` is the name of the user beside it, that is the name, also with a slash in it.
    """
    match = pc.extract_regex(arn, _ARN)
    found = {
        part: pc.if_else(pc.and_(match.is_valid(), pc.not_equal(match.field(part), "")), match.field(part), NULL_TEXT)
        for part in ("partition", "account", "path", "name")
    }
    expected = pc.binary_join_element_wise(_beginning(found), user, "")
    whole = pc.fill_null(pc.equal(arn, expected), fill_value=False)
    return found | {"path": pc.if_else(whole, "/", found["path"]), "name": pc.if_else(whole, user, found["name"])}


def _beginning(found: dict[str, pa.StringArray]) -> pa.StringArray:
    """Return the beginning of the ARNs of users whose path is `/`."""
    return pc.binary_join_element_wise("arn:", found["partition"], ":iam::", found["account"], ":user/", "")


def _note_arns(
    arn: pa.StringArray,
    user: pa.StringArray,
    found: dict[str, pa.StringArray],
    rows: npt.NDArray[np.int64],
    place: _Place,
) -> None:
    """Note what is wrong with the ARNs in some rows, in which `found` is what they tell."""
    place.note(
        "bad_arn",
        "not the ARN of an IAM user or of root; use the report as AWS made it",
        rows[true_where(pc.and_(arn.is_valid(), found["account"].is_null()))],
        "arn",
    )
    is_root = pc.and_(found["account"].is_valid(), found["name"].is_null())
    place.note(
        "arn_mismatch",
        "the ARN is not that of the user named beside it: cells may have moved; use the report as AWS made it",
        rows[true_where(pc.not_equal(pc.if_else(is_root, ROOT_USER, found["name"]), user))],
        "arn",
    )


def _accounts(
    names: _Names, raw: RawTable, sources: Sequence[Source], account_id: str | None, place: _Place
) -> dict[str, pd.Series[Any]]:
    """Return `account_id, partition, path`.

    The account is the ARN's, else the one that all other ARNs of the report are of, else the one in the file's name,
    else `account_id`.
    """
    account, partition = names.account, names.partition
    missing = np.flatnonzero(account.is_null())
    if len(missing):
        of_report = _only_accounts(names, raw)
        hints = pa.array([sources[report.source].account_hint or account_id for report in raw.reports], pa.string())
        of_row = pa.array(raw.report[missing])
        accounts = pc.coalesce(of_report["account"], hints).take(of_row)
        account = account.replaced(missing, accounts)
        partition = partition.replaced(missing, of_report["partition"].take(of_row))
        unknown = missing[np.asarray(accounts.is_null())]
        # Once a report: its rows share the cause and the remedy.
        _, first = np.unique(raw.report[unknown], return_index=True)
        place.note(
            "account_unknown",
            "neither an ARN nor the file's name tells the account of this row and those like it; give it with "
            "--account-id",
            unknown[first],
            "arn",
        )
    return {
        column: category_of(few.values, few.of_row)
        for column, few in (("account_id", account), ("partition", partition), ("path", names.path))
    }


def _only_accounts(names: _Names, raw: RawTable) -> dict[str, pa.Array]:
    """Return for each report the account and partition that all its ARNs agree on; null where there is no such one."""
    account, partition = names.account.texts(), names.partition.texts()
    seen = pa.table({"report": raw.report, "account": account, "partition": partition})
    distinct = seen.filter(account.is_valid()).group_by(["report", "account", "partition"]).aggregate([])
    counts = np.bincount(distinct["report"].to_numpy(), minlength=len(raw.reports))
    alone = distinct.filter(pa.array(counts[distinct["report"].to_numpy()] == 1))
    place = np.full(len(raw.reports), -1)
    place[alone["report"].to_numpy()] = np.arange(alone.num_rows)
    rows = pa.array(place, mask=place < 0)
    return {part: alone[part].combine_chunks().take(rows) for part in ("account", "partition")}


# --- origin and reports ----------------------------------------------------------------------------------------------


def _origin(raw: RawTable, sources: Sequence[Source]) -> dict[str, Any]:
    """Return `captured_at, source, line` of each row."""
    owner = np.array([report.source for report in raw.reports], np.int32)[raw.report]
    captured = pa.array([source.captured_at for source in sources], TIME)
    return {
        "captured_at": column_of(captured.take(pa.array(owner))),
        "source": coded(owner, [source.name for source in sources]),
        "line": column_of(pa.array(raw.line)),
    }


def _reports(raw: RawTable, users: pd.DataFrame, sources: Sequence[Source], log: IssueLog) -> pd.DataFrame:
    """Return a row per report; `newest_time` is the latest time in it, a lower bound of when it was generated.

    A report cannot hold what happened after it was captured: where it does, its capture time is wrong, with an issue.
    """
    starts = np.searchsorted(raw.report, np.arange(len(raw.reports) + 1))
    filled = np.flatnonzero(np.diff(starts) > 0)
    newest = np.full(len(raw.reports), NO_TIME)
    times = {
        column: microseconds(users[column]) for column in TIMESTAMP_COLUMNS if column != "password_next_rotation"
    }  # a next rotation lies ahead by its nature
    for column in times.values():
        if len(filled):
            newest[filled] = np.maximum(newest[filled], np.maximum.reduceat(column, starts[filled]))
    captured = microseconds(column_of(pa.array([source.captured_at for source in sources], TIME)))
    captured = captured[[report.source for report in raw.reports]]
    late = (captured != NO_TIME) & (newest > captured) & (newest - captured > GRANULARITY // MICROSECOND)
    for number in np.flatnonzero(late).tolist():
        source = sources[raw.reports[number].source]
        rows = slice(starts[number], starts[number + 1])
        name, hits = next((c, h) for c in times if len(h := np.flatnonzero(times[c][rows] == newest[number])))
        row = int(starts[number] + hits[0])
        log.add(
            "captured_before_content",
            f"later than the report itself, dated {source.captured_at:%Y-%m-%dT%H:%M:%SZ} by its "
            f"{source.captured_from}: the date is wrong; correct it, or judge at another instant with --as-of",
            source=source.name,
            line=int(raw.line[row]),
            column=name,
            value=raw.cells[name][row].as_py(),
        )
    return pd.DataFrame(
        {
            "source": [report.source for report in raw.reports],
            "rows": [len(report.lines) + report.rejected for report in raw.reports],
            "rejected": [report.rejected for report in raw.reports],
            "layout": [layout_name(report.header.columns) for report in raw.reports],
            "newest_time": column_of(times_from(newest)),
        }
    )


# --- one row a credential --------------------------------------------------------------------------------------------


def unpivot(users: pd.DataFrame) -> pd.DataFrame:
    """Return the existing credentials of all users, by user and slot (see `Tables`).

    Where a key was used, and by which service, is NA where `users` is without those columns.
    """
    count, slots = len(users), len(SLOTS)
    exists = np.stack([_exists(users, slot) for slot in SLOTS], axis=1).ravel()
    chosen = np.flatnonzero(exists)
    row, slot = chosen // slots, chosen % slots
    stacked = pa.array(slot * count + row)

    def gather(columns: list[str | None]) -> pd.Series[Any]:
        kind = arrow_of(users[columns[0]]).type
        pieces = [arrow_of(users[column]).chunks if column else [pa.nulls(count, kind)] for column in columns]
        return column_of(pa.chunked_array([chunk for piece in pieces for chunk in piece], kind).take(stacked))

    def gather_codes(columns: list[str | None]) -> pd.Series[Any]:
        pieces = [users[column].cat if column in users else None for column in columns]
        categories = sorted({text for piece in pieces if piece is not None for text in piece.categories})
        ranks = {text: number for number, text in enumerate(categories)}
        codes = []
        for piece in pieces:
            if piece is None:
                codes.append(np.full(count, -1, np.int32))
            else:
                rank = np.array([*(ranks[text] for text in piece.categories), -1], np.int32)
                codes.append(rank[piece.codes.to_numpy()])
        return coded(np.concatenate(codes)[slot * count + row], categories)

    changed = [slot.last_changed for slot in SLOTS]
    used = [slot.last_used for slot in SLOTS]
    take = pa.array(row)
    per_user = {
        column: column_of(arrow_of(users[column]).take(take))
        for column in ("user", "arn", "captured_at", "line", "is_root", "user_creation_time")
    } | {column: pd.Series(users[column].array.take(row)) for column in ("account_id", "source")}
    return pd.DataFrame(
        {
            "account_id": per_user["account_id"],
            "user": per_user["user"],
            "arn": per_user["arn"],
            "credential": coded(slot.astype(np.int8), [slot.name for slot in SLOTS]),
            "kind": _kinds(slot),
            "active": gather([slot.active for slot in SLOTS]),
            "last_changed": gather(list(changed)),
            "last_changed_state": gather_codes([f"{column}_state" for column in changed]),
            "last_used": gather(list(used)),
            "last_used_state": gather_codes([column and f"{column}_state" for column in used]).fillna(State.MISSING),
            "last_used_region": gather_codes([slot.region for slot in SLOTS]),
            "last_used_service": gather_codes([slot.service for slot in SLOTS]),
            "captured_at": per_user["captured_at"],
            "source": per_user["source"],
            "line": per_user["line"],
            "is_root": per_user["is_root"],
            "user_creation_time": per_user["user_creation_time"],
            "user_row": row,
        },
        copy=False,
    )


def _kinds(slot: npt.NDArray[np.int64]) -> pd.Series[Any]:
    kinds = list(Kind)
    return coded(np.array([kinds.index(slot.kind) for slot in SLOTS], np.int8)[slot], [kind.value for kind in kinds])


def _exists(users: pd.DataFrame, slot: Slot) -> npt.NDArray[np.bool_]:
    """Whether a slot holds a credential, for each user.

    `false` with `N/A` is an empty slot; `false` with a date an inactive credential (a key keeps its creation time; a
    key with a date of last use is there as well, a password so described is not: it was removed). An unreadable flag
    is no reason to take a slot for empty.
    """
    inactive = pc.fill_null(pc.invert(arrow_of(users[slot.active])), fill_value=False)
    present = ~np.asarray(inactive)
    dated = [slot.last_changed]
    if slot.kind is Kind.ACCESS_KEY and slot.last_used is not None:
        dated.append(slot.last_used)
    for column in dated:
        code = users[f"{column}_state"].cat.codes.to_numpy()
        present |= (code == _CODE[State.VALUE]) | (code == _CODE[State.INVALID])
    return present


def _note_impossible(credentials: pd.DataFrame, place: _Place) -> None:
    """Note keys used before they were made (a password may be: it may have been made anew)."""
    row = credentials["user_row"].to_numpy()
    is_key = (credentials["kind"] == Kind.ACCESS_KEY).to_numpy()
    changed, used = (microseconds(credentials[column]) for column in ("last_changed", "last_used"))
    known = (changed > NO_TIME) & (used > NO_TIME)
    early = np.flatnonzero(is_key & known & (used < changed - GRANULARITY // MICROSECOND))
    for slot in SLOTS:
        if slot.kind is not Kind.ACCESS_KEY or slot.last_used is None or not len(early):
            continue
        here = early[(credentials["credential"].iloc[early] == slot.name).to_numpy()]
        place.note(
            "impossible_order",
            f"earlier than {slot.last_changed}: a key cannot be used before it is made; it is judged by this use",
            row[here],
            slot.last_used,
        )
