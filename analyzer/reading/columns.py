"""Columns in the project's in-memory types, made from Arrow and numpy without a copy.

Code that computes works on Arrow and numpy; `frame_of` makes a pandas frame of what it found, in one place.
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
"""What stands for NaT among microseconds: earlier than every time."""
NULL_TEXT: Final = pa.scalar(None, pa.string())


def column_of(values: pa.Array | pa.ChunkedArray) -> pd.Series[Any]:
    """Return an Arrow-backed column."""
    return pd.Series(pd.arrays.ArrowExtensionArray(values), copy=False)


def arrow_of(column: pd.Series[Any]) -> pa.ChunkedArray:
    """Return the Arrow values of an Arrow-backed column."""
    values = column.array.__arrow_array__()
    return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])


def frame_of(columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return Arrow columns as a frame: dictionaries become categories, the rest stays Arrow; numpy stays numpy."""
    # Arrays, not Series: of these, pandas would make an index each, and compare them all.
    return pd.DataFrame({name: _in_frame(values) for name, values in columns.items()}, copy=False)


def _in_frame(values: object) -> object:
    if isinstance(values, pa.ChunkedArray) and pa.types.is_dictionary(values.type):
        values = values.unify_dictionaries().combine_chunks()
    if isinstance(values, pa.DictionaryArray):
        return categorical(codes_in(values), values.dictionary.to_pylist())
    return pd.arrays.ArrowExtensionArray(values) if isinstance(values, pa.Array | pa.ChunkedArray) else values


def table_of(frame: pd.DataFrame, names: Sequence[str]) -> pa.Table:
    """Return some columns of such a frame as Arrow has them: `frame_of` the other way."""
    return pa.table({name: _in_table(frame[name]) for name in names})


def _in_table(column: pd.Series[Any]) -> pa.Array | pa.ChunkedArray:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return few_texts(column.cat.codes.to_numpy(), column.cat.categories.tolist())
    return arrow_of(column)


def few_texts(codes: npt.NDArray[Any], texts: Sequence[str | None]) -> pa.DictionaryArray:
    """Return a column of few texts from codes, their positions in `texts`; -1 is null."""
    return pa.DictionaryArray.from_arrays(
        pa.array(codes, pa.int32(), mask=codes < 0), pa.array(texts, pa.string()), safe=False
    )


def codes_in(column: pa.DictionaryArray) -> npt.NDArray[np.int32]:
    """Return the codes of a column of few texts; -1 where it has none."""
    return np.asarray(pc.fill_null(column.indices, -1), np.int32)


def codes_and_texts(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return a column of few texts as codes, -1 for none, and the texts that the codes stand for."""
    values = column.unify_dictionaries().combine_chunks()
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    return codes_in(values).astype(np.int64), values.dictionary.to_pylist()


def has_text(column: pa.ChunkedArray, texts: Collection[str]) -> npt.NDArray[np.bool_]:
    """Where an Arrow column of few texts has one of `texts`; False where it has none."""
    codes, known = codes_and_texts(column)
    hits = np.array([*(text in texts for text in known), False])  # the last place answers for code -1
    return hits[codes]


def coded(codes: npt.NDArray[Any], categories: Sequence[str]) -> pd.Series[Any]:
    """Return a category column from codes; -1 is NA."""
    return pd.Series(categorical(codes, categories), copy=False)


def categorical(codes: npt.NDArray[Any], categories: Sequence[str]) -> pd.Categorical:
    """Return the values of such a column."""
    return pd.Categorical.from_codes(codes, dtype=_category(tuple(categories)), validate=False)


@lru_cache(maxsize=256)
def _category(categories: tuple[str, ...]) -> pd.CategoricalDtype:
    return pd.CategoricalDtype(pd.Index(list(categories), dtype="str"))


def few_texts_of(values: pa.Array | pa.ChunkedArray, of_row: npt.NDArray[np.int64] | None = None) -> pa.DictionaryArray:
    """Return few-valued texts as a dictionary, its values sorted so that they do not depend on the order of rows.

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
    return few_texts(codes if of_row is None else codes[of_row], encoded.dictionary.take(pa.array(order)))


def category_of(values: pa.Array | pa.ChunkedArray) -> pd.Series[Any]:
    """Return the same as a category of pandas."""
    found = few_texts_of(values)
    return coded(codes_in(found), found.dictionary.to_pylist())


def is_among(column: pd.Series[Any], texts: Collection[str]) -> npt.NDArray[np.bool_]:
    """Where a category has one of `texts`; False where it is NA."""
    hits = np.array([*(text in texts for text in column.cat.categories), False])  # the last place answers for code -1
    return hits[column.cat.codes.to_numpy()]


def lowered(texts: pd.Series[Any]) -> pa.StringArray:
    """Return texts in lower case."""
    return lower_case(arrow_of(texts))


def lower_case(texts: pa.ChunkedArray) -> pa.StringArray:
    """Return Arrow's texts in lower case."""
    values = texts.combine_chunks()
    is_ascii = pc.all(pc.string_is_ascii(values)).as_py()
    return pc.ascii_lower(values) if is_ascii else pc.utf8_lower(values)


def true_where(mask: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Return an Arrow mask as numpy; unknown is False."""
    return np.asarray(pc.fill_null(mask, fill_value=False), bool)


def microseconds(times: pd.Series[Any]) -> npt.NDArray[np.int64]:
    """Return times as microseconds since 1970, UTC; `NO_TIME` where there is none."""
    return micros_of(arrow_of(times))


def micros_of(times: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Return Arrow's times as microseconds since 1970, UTC; `NO_TIME` where there is none."""
    return np.asarray(pc.fill_null(times.cast(pa.int64()), NO_TIME), np.int64)


def times_from(micros: npt.NDArray[np.int64]) -> pa.Array:
    """Return the times that `microseconds` gave."""
    return pa.array(micros, mask=micros == NO_TIME).cast(TIME)


def numbered(*columns: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return for each row the number of its combination of values, in their order."""
    number, span = np.zeros(len(columns[0]), np.int64), 1
    for column in columns:
        codes, size = _in_order(column)
        if span * size > np.iinfo(np.int64).max:
            number, span = _without_gaps(number, span)
        number, span = number * size + codes, span * size
    return _without_gaps(number, span)[0]


def _in_order(column: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], int]:
    """Return whole numbers that are ordered as the values of a column, and above how many of them none is."""
    if column.dtype.kind in "iu" and len(column):
        least, most = int(column.min()), int(column.max())
        if most - least < _DENSE * len(column):
            return column.astype(np.int64) - least, most - least + 1
    codes, values = pd.factorize(column, sort=True)
    return codes.astype(np.int64), max(len(values), 1)


def _without_gaps(number: npt.NDArray[np.int64], span: int) -> tuple[npt.NDArray[np.int64], int]:
    """Return numbers below `span` in their order without gaps, and how many differ."""
    if span > _DENSE * len(number):  # to sort them takes several times as long
        codes, values = pd.factorize(number, sort=True)
        return codes.astype(np.int64), max(len(values), 1)
    is_there = np.zeros(span, bool)
    is_there[number] = True
    place = np.cumsum(is_there) - 1
    return place[number], max(int(place[-1]) + 1, 1)


_DENSE: Final = 8
"""Numbers this many times as far apart as there are rows are counted rather than sorted."""


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a small table; what is missing is None."""
    columns = {str(name): values_of(frame[name]) for name in frame}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def values_of(column: pd.Series[Any]) -> list[Any]:
    """Return the values of a column; what is missing is None."""
    if isinstance(column.array, pd.arrays.ArrowExtensionArray | pd.arrays.ArrowStringArray):
        found: list[Any] = arrow_of(column).to_pylist()  # one by one, pandas takes four times as long
        return found
    values, missing = column.tolist(), column.isna().to_numpy()
    return [None if gone else one for one, gone in zip(values, missing, strict=True)] if missing.any() else values
