"""Columns in the project's in-memory types (see `analyzer.tables`), made from Arrow and numpy without a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

TIME: Final = pa.timestamp("us", tz="UTC")
NO_TIME: Final = int(np.iinfo(np.int64).min)
"""What stands for NaT among microseconds: earlier than every time."""
NULL_TEXT: Final = pa.scalar(None, pa.string())


def column_of(values: pa.Array | pa.ChunkedArray) -> pd.Series[Any]:
    """Return an Arrow-backed column."""
    return pd.Series(pd.arrays.ArrowExtensionArray(values), copy=False)


def arrow_of(column: pd.Series[Any]) -> pa.ChunkedArray:
    """Return the Arrow values of an Arrow-backed column."""
    values = column.array.__arrow_array__()
    return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])


def coded(codes: npt.NDArray[Any], categories: Sequence[str]) -> pd.Series[Any]:
    """Return a category column from codes; -1 is NA."""
    index = pd.Index(list(categories), dtype="str")
    return pd.Series(pd.Categorical.from_codes(codes, categories=index, validate=False), copy=False)


def category_of(values: pa.Array | pa.ChunkedArray) -> pd.Series[Any]:
    """Return few-valued texts as a category, its values sorted so that they do not depend on the order of rows."""
    chunked = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    encoded = chunked.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    rank = np.full(len(order) + 1, -1, np.int32)  # the last place answers for code -1
    rank[order] = np.arange(len(order))
    codes = pc.fill_null(encoded.indices, -1).to_numpy()
    return coded(rank[codes], encoded.dictionary.take(pa.array(order)).to_pylist())


def true_where(mask: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Return an Arrow mask as numpy; unknown is False."""
    return np.asarray(pc.fill_null(mask, fill_value=False), bool)


def microseconds(times: pd.Series[Any]) -> npt.NDArray[np.int64]:
    """Return times as microseconds since 1970, UTC; `NO_TIME` where there is none."""
    return np.asarray(pc.fill_null(arrow_of(times).cast(pa.int64()), NO_TIME), np.int64)


def times_from(micros: npt.NDArray[np.int64]) -> pa.Array:
    """Return the times that `microseconds` gave."""
    return pa.array(micros, mask=micros == NO_TIME).cast(TIME)


def numbered(*columns: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return for each row the number of its combination of values, in their order."""
    number = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        codes, values = pd.factorize(column, sort=True)
        number = pd.factorize(number * len(values) + codes, sort=True)[0].astype(np.int64)
    return number


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a small table; what is missing is None."""
    return [
        {str(key): None if pd.isna(value) else value for key, value in row.items()} for row in frame.to_dict("records")
    ]
