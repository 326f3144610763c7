"""The one bridge between Arrow's columns and frames, there and back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.reading.columns import (
    NO_TIME,
    TIME,
    category_of,
    codes_in,
    few_texts,
    few_texts_of,
    frame_of,
    is_among,
    micros_of,
    numbered,
    table_of,
    times_from,
)

FEW = pa.dictionary(pa.int32(), pa.string())
DAY = datetime(2026, 10, 31, tzinfo=UTC)


def table() -> pa.Table:
    return pa.table(
        {
            "text": pa.array(["a", None, "b"]),
            "few": few_texts(np.array([1, -1, 0]), ["x", "y", "unused"]),
            "flag": pa.array([True, None, False]),
            "time": pa.array([DAY, None, DAY], TIME),
            "count": pa.array([1, None, 3], pa.int32()),
        }
    )


@pytest.mark.parametrize("pieces", [1, 2, 3])
def test_a_table_becomes_a_frame_and_a_table_again(pieces: int) -> None:
    whole = pa.concat_tables([table()] * pieces)
    frame = frame_of(dict(zip(whole.column_names, whole.columns, strict=True)))
    assert isinstance(frame["few"].dtype, pd.CategoricalDtype)
    assert frame["few"].cat.categories.tolist() == ["x", "y", "unused"]
    assert all(isinstance(frame[name].dtype, pd.ArrowDtype) for name in ("text", "flag", "time", "count"))
    again = table_of(frame, whole.column_names)
    assert again.schema == whole.schema
    assert again.to_pylist() == whole.to_pylist()


def test_pieces_with_dictionaries_of_their_own_become_one_category() -> None:
    parts = [few_texts(np.array([0, -1]), ["x"]), few_texts(np.array([1, 0]), ["x", "z"])]
    frame = frame_of({"few": pa.chunked_array(parts)})
    assert frame["few"].astype("object").fillna("-").tolist() == ["x", "-", "z", "x"]


def test_an_empty_table_keeps_its_types() -> None:
    frame = frame_of({"few": pa.chunked_array([], FEW), "text": pa.chunked_array([], pa.string())})
    assert frame.shape == (0, 2)
    assert table_of(frame, ["few", "text"]).schema.types == [FEW, pa.string()]


def test_few_texts_are_sorted_and_leave_out_texts_of_no_row() -> None:
    values = pa.array(["b", None, "a", "z", "b"])
    distinct = few_texts_of(values, np.array([0, 1, 2, 4, 0]))
    assert distinct.dictionary.to_pylist() == ["a", "b"]
    assert codes_in(distinct).tolist() == [1, -1, 0, 1, 1]
    assert category_of(values).cat.categories.tolist() == ["a", "b", "z"]


def test_a_missing_cell_is_among_no_texts() -> None:
    column = frame_of({"few": few_texts(np.array([1, -1, 0]), ["x", "y"])})["few"]
    assert is_among(column, ("y", "other")).tolist() == [True, False, False]
    assert is_among(column, ()).tolist() == [False, False, False]


def test_times_become_microseconds_and_times_again() -> None:
    times = pa.array([DAY, None], TIME)
    assert micros_of(times).tolist() == [1_793_404_800_000_000, NO_TIME]
    assert times_from(micros_of(times)).equals(times)


COLUMNS_OF_NUMBERS: Final = st.integers(0, 30).flatmap(
    lambda rows: st.lists(
        st.sampled_from(
            [
                st.integers(-3, 3),
                st.integers(0, 200),
                st.sampled_from([NO_TIME, 0, 1, 86_400_000_000, 2**62]),
                st.integers(-(2**63), 2**63 - 1),
            ]
        ).flatmap(lambda values: st.lists(values, min_size=rows, max_size=rows)),
        min_size=1,
        max_size=6,
    )
)


@given(COLUMNS_OF_NUMBERS)
def test_combinations_are_numbered_in_their_order(columns: list[list[int]]) -> None:
    numbers = numbered(*(np.array(column, np.int64) for column in columns)).tolist()
    rows = list(zip(*columns, strict=True))
    rank = {row: number for number, row in enumerate(sorted(set(rows)))}
    assert numbers == [rank[row] for row in rows]
