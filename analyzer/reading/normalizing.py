"""Turn the texts of reports into typed tables, with one row per credential.

Sentinels such as `N/A` become NA or NaT, and a state column records why. Rules use only these tables, never the texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.reading.arns import read_accounts, read_arns
from analyzer.reading.columns import (
    NO_TIME,
    NULL_TEXT,
    TIME,
    categorical,
    few_texts,
    few_texts_of,
    frame_of,
    micros_of,
    times_from,
    true_where,
)
from analyzer.reading.layout import (
    BOOLEAN_COLUMNS,
    COLUMNS,
    NEVER_BEFORE,
    ROOT_USER,
    SENTINELS,
    TIMESTAMP_COLUMNS,
    State,
    layout_name,
)
from analyzer.reading.origins import RowOrigins
from analyzer.reading.times import GRANULARITY, MICROSECOND, parse_instant, since_epoch
from analyzer.reading.unpivot import unpivot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    import pandas as pd

    from analyzer.reading.issues import IssueLog
    from analyzer.reading.parsing import RawTable
    from analyzer.reading.source import Source

_STATES: Final = [state.value for state in State]
_SENTINEL_TEXTS: Final = pa.array(["", "N/A", "no_information", "not_supported"])
_SENTINEL_CODES: Final = np.array([SENTINELS[text.lower()].code for text in _SENTINEL_TEXTS.to_pylist()], np.int8)

_ODD: Final = len(_STATES)
_STATE_BY_LENGTH: Final = np.full(len("2026-10-31T08:00:00+00:00") + 2, _ODD, np.int8)
"""The state of a cell that AWS wrote, by the length of its text; the last entry is for all longer texts."""
_STATE_BY_LENGTH[[len(text) for text in _SENTINEL_TEXTS.to_pylist()]] = _SENTINEL_CODES
_STATE_BY_LENGTH[[len("2026-10-31T08:00:00Z"), len("2026-10-31T08:00:00+00:00")]] = State.VALUE.code
_YEAR_1: Final = since_epoch(datetime.min.replace(tzinfo=UTC))
_YEAR_10000: Final = since_epoch(datetime.max.replace(microsecond=0, tzinfo=UTC)) + 1_000_000
_NOT_OF_ROOT: Final = ("password_last_changed", "user_creation_time")
"""A check that root does not have to pass: early accounts used a login of the Amazon shop, with an older password."""
_SURE_TIME: Final = (
    r"^[12]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])[T ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
    r"(?:\.\d{1,6})?(?:Z|[+-](?:0\d|1\d|2[0-3]):?[0-5]\d)$"
)
"""Texts that are certainly times. All other texts are parsed one by one, each distinct text once."""
_OFFSETS: Final = ((r"(:\d\d(?:\.\d+)?) ?(?:UTC|GMT)$", r"\1Z"), (r"(:\d\d(?:\.\d+)?) ([Z+-][\d:]*)$", r"\1\2"))
"""UTC offsets as query engines write them, and the form that is read here."""


@dataclass(frozen=True)
class TypedTables:
    """The typed tables of all reports, with rows in the order of sources, lines and slots.

    `users` has the columns of `evidence.schema.USERS` and three more: `report` (the position in `reports`),
    `password_enabled_state` (not_supported if an old report has this for root) and `additional_credentials_info_state`
    (missing if the report does not have the column). The codes of `source` are positions in the sources.

    `credentials` has one row per credential: the columns of `evidence.schema.CREDENTIALS` on its kind, changes and
    uses, and `is_root`, `user_creation_time` and `user_row` (the position of its user in `users`).

    `reports` has one row per report: `source`, `rows`, `rejected`, `layout` and `newest_time`.
    """

    users: pd.DataFrame
    credentials: pd.DataFrame
    reports: pd.DataFrame


def normalize(raw: RawTable, sources: Sequence[Source], log: IssueLog, account_id: str | None = None) -> TypedTables:
    """Return the typed tables of `raw`.

    Unreadable cells become NA with an issue in `log`; their rows are kept. `account_id` is the account of rows for
    which neither the report nor the file name shows an account.
    """
    origins = RowOrigins(raw, sources, log)
    columns: dict[str, Any] = {}
    user = _blank_to_null(raw.cells["user"])
    arn = _blank_to_null(raw.cells["arn"])
    names = read_arns(arn, user, raw, origins)
    user = names.user
    is_root = pa.array(names.is_root | true_where(pc.equal(user, ROOT_USER)))
    for column in COLUMNS:
        cells = raw.cells[column]
        if column in TIMESTAMP_COLUMNS:
            columns[column], code = _read_times(cells, column, origins)
            columns[f"{column}_state"] = categorical(code, _STATES)
        elif column in BOOLEAN_COLUMNS:
            columns[column] = _read_flags(cells, column, is_root, origins)
            if column == "password_enabled":
                old = true_where(pc.and_(is_root, pc.equal(cells, "not_supported")))
                columns[f"{column}_state"] = categorical(np.where(old, State.NOT_SUPPORTED.code, -1), _STATES)
        elif column in {"user", "arn"}:
            columns[column] = {"user": user, "arn": arn}[column]
        elif column == "additional_credentials_info":
            columns[column] = _not_available_to_null(cells)
            columns[f"{column}_state"] = _read_info(cells)
        else:
            columns[column] = few_texts_of(_not_available_to_null(cells))
    columns |= read_accounts(names, raw, sources, account_id, origins)
    columns["is_root"] = is_root
    columns |= _origin(raw, sources)
    columns["report"] = raw.report
    users = frame_of(columns)
    _note_blank_cells(raw, columns, sources, log)
    times = {column: micros_of(columns[column]) for column in TIMESTAMP_COLUMNS}
    _note_impossible(times, np.asarray(is_root), origins)
    return TypedTables(users, unpivot(users), _reports(raw, times, sources, log))


def _blank_to_null(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    blank = pc.equal(cells, "")
    return pc.if_else(blank, NULL_TEXT, cells) if pc.any(blank).as_py() else cells


def _not_available_to_null(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.is_in(pc.ascii_lower(cells), pa.array(list(SENTINELS))), NULL_TEXT, cells)


def _read_info(cells: pa.ChunkedArray) -> pd.Categorical:
    """Return the state of each cell of a text column in which a blank means that there is no value."""
    states = {**SENTINELS, "": State.NOT_APPLICABLE}
    position = pc.fill_null(pc.index_in(pc.ascii_lower(cells), pa.array(list(states))), -1).to_numpy()
    state_codes = np.array([state.code for state in states.values()])
    code = np.where(position >= 0, state_codes[position], State.VALUE.code)
    return categorical(np.where(cells.is_null().to_numpy(), State.MISSING.code, code), _STATES)


# --- times -----------------------------------------------------------------------------------------------------------


def _read_times(
    cells: pa.ChunkedArray, column: str, origins: RowOrigins
) -> tuple[pa.ChunkedArray, npt.NDArray[np.int8]]:
    """Return the times (UTC) of a column, and the code of `State` of each cell."""
    plain = _read_plain(cells)
    if plain is not None:
        return plain
    sentinel = pc.index_in(cells, _SENTINEL_TEXTS)
    candidates = pc.if_else(pc.is_valid(sentinel), NULL_TEXT, cells)
    code = np.where(cells.is_null().to_numpy(), State.MISSING.code, State.VALUE.code).astype(np.int8)
    positions = pc.fill_null(sentinel, -1).to_numpy()
    code = np.where(positions >= 0, _SENTINEL_CODES[positions], code)
    times = _read_each(candidates, code)
    rows = np.flatnonzero(code == State.INVALID.code)
    origins.note(
        "bad_timestamp",
        "not a complete time (date, time of day and UTC offset, such as 2026-10-31T08:00:00Z): the row is kept, and "
        "this cell counts as unknown; use the original report from AWS",
        rows,
        column,
    )
    return times, code


def _read_plain(cells: pa.ChunkedArray) -> tuple[pa.ChunkedArray, npt.NDArray[np.int8]] | None:
    """Return the times and states of a column if AWS wrote all its cells; else None.

    Arrow also accepts uncertain times (without minutes, or in the year 0), but none as long as those that AWS writes.
    """
    code = _plain_states(cells)
    if code is None:
        return None
    is_value = code == State.VALUE.code
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
    """Return the state of each cell if every cell is a sentinel or as long as a time; else None.

    The sentinels and the times have different lengths. So the length of a cell decides what the cell must be, and
    counting the sentinels is enough to confirm it.
    """
    if cells.null_count:  # a column that some reports do not have
        return np.full(len(cells), State.MISSING.code, np.int8) if cells.null_count == len(cells) else None
    code: npt.NDArray[np.int8] = _STATE_BY_LENGTH.take(pc.binary_length(cells).to_numpy(), mode="clip")
    if (code == _ODD).any():
        return None
    for text, state in zip(_SENTINEL_TEXTS.to_pylist(), _SENTINEL_CODES, strict=True):
        count = np.count_nonzero(code == state)
        if count and pc.sum(pc.equal(cells, text)).as_py() != count:
            return None
    return code


def _read_each(candidates: pa.ChunkedArray, code: npt.NDArray[np.int8]) -> pa.ChunkedArray:
    """Return the times of a column with unusual cells, and set `code` in place where cells are not times.

    Only texts that are not certainly times are parsed in Python, each distinct text once.
    """
    for pattern, plain in _OFFSETS:
        candidates = pc.replace_substring_regex(candidates, pattern, plain)
    sure = pc.match_substring_regex(candidates, _SURE_TIME)
    times = pc.if_else(sure, candidates, NULL_TEXT).cast(TIME)
    rows = np.flatnonzero(pc.fill_null(pc.invert(sure), fill_value=False).to_numpy())
    if not len(rows):
        return times
    odd = candidates.take(pa.array(rows)).combine_chunks().dictionary_encode()
    texts = odd.dictionary.to_pylist()
    states = [SENTINELS.get(text.strip().lower()) for text in texts]
    instants = [None if state else parse_instant(text) for text, state in zip(texts, states, strict=True)]
    text_states = [
        state or (State.INVALID if instant is None else State.VALUE)
        for state, instant in zip(states, instants, strict=True)
    ]
    text_of_row = odd.indices.to_numpy()
    code[rows] = np.array([state.code for state in text_states], np.int8)[text_of_row]
    spread = np.zeros(len(candidates), np.int64)
    spread[rows] = text_of_row
    chosen = pa.array(instants, TIME).take(pa.array(spread))
    is_odd = np.zeros(len(candidates), bool)
    is_odd[rows] = True
    return pc.if_else(pa.array(is_odd), chosen, times)


def _note_blank_cells(raw: RawTable, columns: Mapping[str, Any], sources: Sequence[Source], log: IssueLog) -> None:
    """Note each source (once) that has blank cells where AWS always writes a text. Missing columns do not count."""
    blank = {
        column: (columns[f"{column}_state"].codes == State.MISSING.code) & raw.cells[column].is_valid().to_numpy()
        for column in TIMESTAMP_COLUMNS
        if raw.cells[column].null_count < len(raw.cells[column])
    }
    count = sum((rows.astype(np.int64) for rows in blank.values()), np.zeros(len(raw.report), np.int64))
    if not count.any():
        return
    owner = np.array([report.source for report in raw.reports], np.int64)[raw.report]
    totals = np.bincount(owner, count, minlength=len(sources)).astype(np.int64)
    for number in np.flatnonzero(totals).tolist():
        row = int(np.flatnonzero((owner == number) & (count > 0))[0])
        count_words = "1 cell is" if totals[number] == 1 else f"{totals[number]:,} cells are"
        log.add(
            "blank_cells",
            f"{count_words} blank where AWS writes N/A or a time (the first one is named here): they count as unknown, "
            "and what depends on them is not checked; use the original report from AWS",
            source=sources[number].name,
            line=int(raw.line[row]),
            column=next(column for column, rows in blank.items() if rows[row]),
        )


# --- flags -----------------------------------------------------------------------------------------------------------


def _read_flags(cells: pa.ChunkedArray, column: str, is_root: pa.Array, origins: RowOrigins) -> pa.ChunkedArray:
    """Return a column of flags; unreadable cells become NA.

    Reports up to about 2024 have `not_supported` for the password of root: this is not an error.
    """
    true = pc.equal(cells, "true")
    if pc.all(pc.or_(true, pc.equal(cells, "false")), skip_nulls=False).as_py():
        return true
    encoded = cells.combine_chunks().dictionary_encode()
    texts = [text.strip().lower() for text in encoded.dictionary.to_pylist()]
    meaning = pa.array([{"true": True, "false": False}.get(text) for text in texts], pa.bool_())
    flags = meaning.take(encoded.indices)
    if meaning.null_count:
        unread = np.asarray(pc.and_(flags.is_null(), cells.is_valid()))
        is_old_root = true_where(pc.and_(is_root, pc.equal(cells, "not_supported")))
        origins.note(
            "bad_boolean",
            "neither true nor false: the row is kept, and this cell counts as unknown; use the original report from "
            "AWS",
            np.flatnonzero(unread & ~is_old_root),
            column,
        )
    return flags


# --- origin and reports ----------------------------------------------------------------------------------------------


def _origin(raw: RawTable, sources: Sequence[Source]) -> dict[str, Any]:
    """Return the columns `captured_at`, `source` and `line`."""
    owner = np.array([report.source for report in raw.reports], np.int32)[raw.report]
    captured = pa.array([source.captured_at for source in sources], TIME)
    return {
        "captured_at": captured.take(pa.array(owner)),
        "source": few_texts(owner, [source.name for source in sources]),
        "line": pa.array(raw.line),
    }


def _reports(
    raw: RawTable, times: Mapping[str, npt.NDArray[np.int64]], sources: Sequence[Source], log: IssueLog
) -> pd.DataFrame:
    """Return one row per report; `newest_time` is the latest time in the report, which was generated then or later.

    A report with a time after its capture time has a wrong capture time: this is noted.
    """
    starts = np.searchsorted(raw.report, np.arange(len(raw.reports) + 1))
    filled = np.flatnonzero(np.diff(starts) > 0)
    newest = np.full(len(raw.reports), NO_TIME)
    # The next rotation is in the future of the report.
    times = {name: column for name, column in times.items() if name != "password_next_rotation"}
    for column in times.values():
        if len(filled):
            newest[filled] = np.maximum(newest[filled], np.maximum.reduceat(column, starts[filled]))
    owner = np.array([report.source for report in raw.reports], np.int64)
    captured = micros_of(pa.array([source.captured_at for source in sources], TIME))[owner]
    late = (captured != NO_TIME) & (newest > captured) & (newest - captured > GRANULARITY // MICROSECOND)
    for number in np.flatnonzero(late).tolist():
        source, first, end = sources[owner[number]], starts[number], starts[number + 1]
        name, hits = next(
            (time_column, rows)
            for time_column in times
            if len(rows := np.flatnonzero(times[time_column][first:end] == newest[number]))
        )
        row = int(first + hits[0])
        log.add(
            "captured_before_content",
            f"later than the capture time of the report, {source.captured_at:%Y-%m-%dT%H:%M:%SZ} (known from: "
            f"{source.captured_from}): the capture time is wrong; correct it, or set the reference date with --as-of",
            source=source.name,
            line=int(raw.line[row]),
            column=name,
            value=raw.cells[name][row].as_py(),
        )
    return frame_of(
        {
            "source": owner,
            "rows": np.array([len(report.lines) + report.rejected for report in raw.reports], np.int64),
            "rejected": np.array([report.rejected for report in raw.reports], np.int64),
            "layout": [layout_name(report.header.columns) for report in raw.reports],
            "newest_time": times_from(newest),
        }
    )


def _note_impossible(
    times: Mapping[str, npt.NDArray[np.int64]], is_root: npt.NDArray[np.bool_], origins: RowOrigins
) -> None:
    """Note times that are earlier than another time of the row allows, each once. Less than a minute is tolerated."""
    slack = GRANULARITY // MICROSECOND
    floors = {
        name: np.maximum(times[name], NO_TIME + slack) - slack for names in NEVER_BEFORE.values() for name in names
    }
    for column, bounds in NEVER_BEFORE.items():
        early = np.zeros(len(is_root), bool)
        for bound, why in bounds.items():
            before = (times[column] < floors[bound]) & (times[column] > NO_TIME) & ~early
            if (column, bound) == _NOT_OF_ROOT:
                before &= ~is_root
            early |= before
            origins.note("impossible_order", f"earlier than {bound}: {why}", np.flatnonzero(before), column)
