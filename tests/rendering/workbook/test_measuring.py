"""Columns and rows are large enough for their texts."""

from __future__ import annotations

import textwrap

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.reading.columns import TIME
from analyzer.rendering.workbook.measuring import LINE_HEIGHT, MOST_LINES, height, lines, measured, shown_width

WORDS = st.lists(st.text("abcdefgh", min_size=1, max_size=8), max_size=60).map(" ".join)


@given(st.lists(st.none() | WORDS, min_size=1), st.sampled_from([60, 62, 102]), st.booleans())
def test_broken_texts_have_room(texts: list[str | None], width: int, in_dictionary: bool) -> None:
    array = pa.array(texts, pa.string())
    line_counts = lines(array.dictionary_encode() if in_dictionary else array, width).tolist()
    for text, count in zip(texts, line_counts, strict=True):
        needed = max(len(textwrap.wrap(text or "", width - 1)), 1)
        assert needed <= count <= needed + 1 + needed // 4


def test_line_breaks_within_a_text_count() -> None:
    assert lines(pa.array(["a\nb\nc", "a", None, "x" * 100_000]), 60).tolist() == [3, 1, 1, MOST_LINES]
    assert height("a\nb\nc", 60) == 3 * LINE_HEIGHT
    assert height("", 60) == LINE_HEIGHT
    assert height("word " * 30, 60) == 3 * LINE_HEIGHT


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("é", 1), ("漢字", 4), ("한글", 4), ("\U0001f600", 2), ("\uff21\uff22", 4), ("", 0)]
)
def test_characters_that_are_twice_as_wide_count_twice(text: str, width: int) -> None:
    assert shown_width(pa.array([text, None])).to_pylist() == [width, None]


def test_a_column_is_as_wide_as_its_widest_text_in_any_batch() -> None:
    short = pa.table({"name": ["a"], "n": [1], "few": pa.array(["x" * 50]).dictionary_encode()})
    dictionary = pa.array(["y" * 55, "x"])
    # A text that no row has does not count.
    unused = pa.DictionaryArray.from_arrays(pa.array([1], pa.int32()), dictionary)
    long = pa.table({"name": ["b" * 30], "n": [10**12], "few": unused})
    measures = measured([short, long])
    schema, widths = measures.schema, measures.widths
    assert schema.names == ["name", "n", "few"]
    assert widths == [32, 15, 52]
    assert measured([short.slice(0, 0)]).widths == [8, 5, 7]


def test_a_time_and_the_name_above_it_have_room() -> None:
    times = {name: pa.array([None], TIME) for name in ("as_of", "access_key_1_last_used_date")}
    assert measured([pa.table(times)]).widths == [22, len("access_key_1_last_used_date") + 4]
