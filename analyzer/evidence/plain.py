"""Converts values and tables to JSON types."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.reading.columns import NO_TIME, TIME, column_of, microseconds, values_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt


def iso(instant: datetime | None) -> str | None:
    """Return a time as ISO 8601 in UTC, with microseconds only if they are not zero."""
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a small table with JSON types; times are ISO 8601."""
    columns = {str(name): _plain_values(frame[name]) for name in frame}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _plain_values(column: pd.Series[Any]) -> list[Any]:
    """Return the values of a column with JSON types; missing values are None."""
    if isinstance(column.dtype, pd.ArrowDtype) and pa.types.is_timestamp(column.dtype.pyarrow_dtype):
        return _iso_texts(microseconds(column))
    return [iso(value) if isinstance(value, pd.Timestamp) else value for value in values_of(column)]


def _iso_texts(micros: npt.NDArray[np.int64]) -> list[str | None]:
    """Return times as `iso` does, but fast for many values."""
    texts = np.datetime_as_string(micros.astype("datetime64[us]"), unit="us").tolist()
    has_time = (micros != NO_TIME).tolist()
    pairs = zip(texts, has_time, strict=True)
    return [f"{text.removesuffix('.000000')}Z" if is_set else None for text, is_set in pairs]


def json_rows(table: pa.Table) -> list[str]:
    """Return the rows of a table as JSON objects; times are ISO 8601. Each distinct value is converted only once."""
    if not table.num_rows:
        return []
    pieces: list[Any] = []
    for number, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        pieces += [f"{', ' if number else '{'}{json.dumps(name)}: ", _json_texts(column)]
    rows: list[str] = pc.binary_join_element_wise(*pieces, "}", "").to_pylist()
    return rows


def _json_texts(column: pa.ChunkedArray) -> pa.Array:
    """Return the values of a column as JSON texts."""
    if pa.types.is_list(column.type):
        return _json_lists(column)
    values = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    values = values.unify_dictionaries().combine_chunks()
    plain = [iso(value) if isinstance(value, datetime) else value for value in values.dictionary.to_pylist()]
    texts = pa.array([json.dumps(value) for value in plain], pa.string())
    return pc.fill_null(texts.take(values.indices), "null")


def _json_lists(column: pa.ChunkedArray) -> pa.Array:
    """Return the lists of a column as JSON texts."""
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    starts = pa.array(np.append(0, np.cumsum(lengths)), pa.int32())
    lists = pa.ListArray.from_arrays(starts, _json_texts(pc.list_flatten(column)))
    texts = pc.binary_join_element_wise("[", pc.binary_join(lists, ", "), "]", "")
    return pc.if_else(pc.is_null(column).combine_chunks(), "null", texts)


def frame_of_rows(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a table from the rows of `plain_rows`; columns that end in `_at`, `_time` or `as_of` have times."""
    frame = pd.DataFrame(list(rows))
    for name in frame:
        if str(name).endswith(("_at", "_time", "as_of")):
            times = [None if text is None else datetime.fromisoformat(text) for text in frame[name]]
            frame[name] = column_of(pa.array(times, TIME))
    return frame
