"""Columns in the project's in-memory types (see `analyzer.tables`), made from Arrow and numpy without a copy."""

from __future__ import annotations

from functools import lru_cache
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
    dtype = _category(tuple(categories))
    return pd.Series(pd.Categorical.from_codes(codes, dtype=dtype, validate=False), copy=False)


@lru_cache(maxsize=256)
def _category(categories: tuple[str, ...]) -> pd.CategoricalDtype:
    return pd.CategoricalDtype(pd.Index(list(categories), dtype="str"))


def category_of(values: pa.Array | pa.ChunkedArray, of_row: npt.NDArray[np.int64] | None = None) -> pd.Series[Any]:
    """Return few-valued texts as a category, its values sorted so that they do not depend on the order of rows.

    `of_row` says where in `values` the text of each row is; without it, they are those of the rows.
    """
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if of_row is not None:
        used = np.zeros(len(values), bool)
        used[of_row] = True
        values = pc.if_else(pa.array(used), values, NULL_TEXT)
    encoded = values.dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    rank = np.full(len(order) + 1, -1, np.int32)  # the last place answers for code -1
    rank[order] = np.arange(len(order))
    codes = rank[pc.fill_null(encoded.indices, -1).to_numpy()]
    return coded(codes if of_row is None else codes[of_row], encoded.dictionary.take(pa.array(order)).to_pylist())


def lowered(texts: pd.Series[Any]) -> pa.StringArray:
    """Return texts in lower case."""
    values = arrow_of(texts).combine_chunks()
    is_ascii = pc.all(pc.string_is_ascii(values)).as_py()
    return pc.ascii_lower(values) if is_ascii else pc.utf8_lower(values)


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
