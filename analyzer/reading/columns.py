"""Convert between Arrow, numpy and pandas columns without copying.

Code that computes works on Arrow and numpy; `frame_of` turns the results into a pandas frame.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import numpy.typing as npt

TIME: Final = pa.timestamp("us", tz="UTC")
NO_TIME: Final = int(np.iinfo(np.int64).min)
"""Stands for NaT among microseconds; it is smaller than every time."""
NULL_TEXT: Final = pa.scalar(None, pa.string())


def column_of(values: pa.Array | pa.ChunkedArray) -> pd.Series[Any]:
    """Return an Arrow-backed column."""
    return pd.Series(pd.arrays.ArrowExtensionArray(values), copy=False)


def arrow_of(column: pd.Series[Any]) -> pa.ChunkedArray:
    """Return the Arrow values of an Arrow-backed column."""
    values = column.array.__arrow_array__()
    return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])


def frame_of(columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return columns as a frame.

    Arrow dictionaries become categories, other Arrow columns become Arrow-backed columns, and numpy arrays stay numpy.
    """
    # Arrays, not Series: pandas would make an index for each Series and compare them all.
    return pd.DataFrame({name: _in_frame(values) for name, values in columns.items()}, copy=False)


def _in_frame(values: object) -> object:
    if isinstance(values, pa.ChunkedArray) and pa.types.is_dictionary(values.type):
        values = values.unify_dictionaries().combine_chunks()
    if isinstance(values, pa.DictionaryArray):
        return categorical(codes_in(values), values.dictionary.to_pylist())
    return pd.arrays.ArrowExtensionArray(values) if isinstance(values, pa.Array | pa.ChunkedArray) else values


def table_of(frame: pd.DataFrame, names: Sequence[str]) -> pa.Table:
    """Return columns of a frame as an Arrow table: the inverse of `frame_of`."""
    return pa.table({name: _in_table(frame[name]) for name in names})


def _in_table(column: pd.Series[Any]) -> pa.Array | pa.ChunkedArray:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return few_texts(column.cat.codes.to_numpy(), column.cat.categories.tolist())
    return arrow_of(column)


def few_texts(codes: npt.NDArray[Any], texts: Sequence[str | None]) -> pa.DictionaryArray:
    """Return a dictionary column from codes, which are positions in `texts`; -1 is null."""
    return pa.DictionaryArray.from_arrays(
        pa.array(codes, pa.int32(), mask=codes < 0), pa.array(texts, pa.string()), safe=False
    )


def codes_in(column: pa.DictionaryArray) -> npt.NDArray[np.int32]:
    """Return the codes of a dictionary column; -1 is null."""
    return np.asarray(pc.fill_null(column.indices, -1), np.int32)


def codes_and_texts(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return the codes of a text column (-1 is null) and the texts that they stand for."""
    values = column.unify_dictionaries().combine_chunks()
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    return codes_in(values).astype(np.int64), values.dictionary.to_pylist()


def has_text(column: pa.ChunkedArray, texts: Collection[str]) -> npt.NDArray[np.bool_]:
    """Return a mask of the rows of a text column that have one of `texts`; null is False."""
    codes, distinct_texts = codes_and_texts(column)
    hits = np.array([*(text in texts for text in distinct_texts), False])  # the last one is for code -1
    return hits[codes]


def coded(codes: npt.NDArray[Any], categories: Sequence[str]) -> pd.Series[Any]:
    """Return a category column from codes; -1 is NA."""
    return pd.Series(categorical(codes, categories), copy=False)


def categorical(codes: npt.NDArray[Any], categories: Sequence[str]) -> pd.Categorical:
    """Return a pandas categorical from codes; -1 is NA."""
    return pd.Categorical.from_codes(codes, dtype=_category(tuple(categories)), validate=False)


@lru_cache(maxsize=256)
def _category(categories: tuple[str, ...]) -> pd.CategoricalDtype:
    return pd.CategoricalDtype(pd.Index(list(categories), dtype="str"))


def few_texts_of(values: pa.Array | pa.ChunkedArray, of_row: npt.NDArray[np.int64] | None = None) -> pa.DictionaryArray:
    """Return texts as a dictionary column, with sorted values so that the order of the rows does not matter.

    The text of row `i` is `values[of_row[i]]`, or `values[i]` without `of_row`.
    """
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if of_row is not None:
        used = np.zeros(len(values), bool)
        used[of_row] = True
        values = pc.if_else(pa.array(used), values, NULL_TEXT)
    encoded = values.dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    rank = np.full(len(order) + 1, -1, np.int32)  # the last one is for code -1
    rank[order] = np.arange(len(order))
    codes = rank[pc.fill_null(encoded.indices, -1).to_numpy()]
    return few_texts(codes if of_row is None else codes[of_row], encoded.dictionary.take(pa.array(order)))


def category_of(values: pa.Array | pa.ChunkedArray) -> pd.Series[Any]:
    """Return texts as a pandas category column."""
    texts = few_texts_of(values)
    return coded(codes_in(texts), texts.dictionary.to_pylist())


def is_among(column: pd.Series[Any], texts: Collection[str]) -> npt.NDArray[np.bool_]:
    """Return a mask of the rows of a category column that have one of `texts`; NA is False."""
    hits = np.array([*(text in texts for text in column.cat.categories), False])  # the last one is for code -1
    return hits[column.cat.codes.to_numpy()]


def lowered(texts: pd.Series[Any]) -> pa.StringArray:
    """Return the texts of a column in lower case."""
    return lower_case(arrow_of(texts))


def lower_case(texts: pa.ChunkedArray) -> pa.StringArray:
    """Return Arrow texts in lower case."""
    values = texts.combine_chunks()
    is_ascii = pc.all(pc.string_is_ascii(values)).as_py()
    return pc.ascii_lower(values) if is_ascii else pc.utf8_lower(values)


def true_where(mask: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Return an Arrow mask as numpy; null is False."""
    return np.asarray(pc.fill_null(mask, fill_value=False), bool)


def microseconds(times: pd.Series[Any]) -> npt.NDArray[np.int64]:
    """Return the times of a column as microseconds since 1970, UTC; NaT becomes `NO_TIME`."""
    return micros_of(arrow_of(times))


def micros_of(times: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Return Arrow times as microseconds since 1970, UTC; null becomes `NO_TIME`."""
    return np.asarray(pc.fill_null(times.cast(pa.int64()), NO_TIME), np.int64)


def times_from(micros: npt.NDArray[np.int64]) -> pa.Array:
    """Return Arrow times from microseconds: the inverse of `micros_of`."""
    return pa.array(micros, mask=micros == NO_TIME).cast(TIME)


def numbered(*columns: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return for each row the rank (from 0) of its combination of values among all combinations."""
    number, span = np.zeros(len(columns[0]), np.int64), 1
    for column in columns:
        codes, size = _in_order(column)
        if span * size > np.iinfo(np.int64).max:
            number, span = _without_gaps(number, span)
        number, span = number * size + codes, span * size
    return _without_gaps(number, span)[0]


def _in_order(column: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], int]:
    """Return integer codes in the order of the column's values, and a bound that all codes are below."""
    if column.dtype.kind in "iu" and len(column):
        least, most = int(column.min()), int(column.max())
        if most - least < _DENSE * len(column):
            return column.astype(np.int64) - least, most - least + 1
    codes, values = pd.factorize(column, sort=True)
    return codes.astype(np.int64), max(len(values), 1)


def _without_gaps(number: npt.NDArray[np.int64], span: int) -> tuple[npt.NDArray[np.int64], int]:
    """Return the ranks of numbers below `span`, without gaps, and how many distinct numbers there are."""
    if span > _DENSE * len(number):  # counting would need too much memory for so wide a range
        codes, values = pd.factorize(number, sort=True)
        return codes.astype(np.int64), max(len(values), 1)
    exists = np.zeros(span, bool)
    exists[number] = True
    rank = np.cumsum(exists) - 1
    return rank[number], max(int(rank[-1]) + 1, 1)


_DENSE: Final = 8
"""Numbers are ranked by counting, which is faster than sorting, up to this range per row."""


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a small frame as mappings; missing values are None."""
    columns = {str(name): values_of(frame[name]) for name in frame}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def values_of(column: pd.Series[Any]) -> list[Any]:
    """Return the values of a column; missing values are None."""
    if isinstance(column.array, pd.arrays.ArrowExtensionArray | pd.arrays.ArrowStringArray):
        converted: list[Any] = arrow_of(column).to_pylist()  # pandas takes four times as long
        return converted
    values, missing = column.tolist(), column.isna().to_numpy()
    return (
        [None if is_missing else value for value, is_missing in zip(values, missing, strict=True)]
        if missing.any()
        else values
    )


DIFFERENT: Final = "two different values"
"""What stands in a cell of a column that a report has twice, where the two differ: no value of any column."""


def merged_column(first: Any, second: Any) -> Any:  # noqa: ANN401 - columns of Arrow
    """Return a column that a report has twice; DIFFERENT where its cells differ."""
    equal = pc.equal(pc.fill_null(first, ""), pc.fill_null(second, ""))
    return pc.if_else(equal, first, pa.scalar(DIFFERENT, pa.string()))
