"""Tables as JSON can hold them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from analyzer.evidence.plain import iso, json_rows, plain_rows
from analyzer.reading.columns import TIME, column_of

TIMES = st.datetimes(timezones=st.just(UTC))
WHOLE = TIMES.map(lambda at: at - timedelta(microseconds=at.microsecond))


@given(st.lists(st.one_of(st.none(), TIMES, WHOLE)))
def test_times_of_a_column_are_written_as_each_by_itself(times: list[datetime | None]) -> None:
    frame = pd.DataFrame({"at": column_of(pa.array(times, TIME)), "number": range(len(times))})
    assert plain_rows(frame) == [{"at": iso(at), "number": number} for number, at in enumerate(times)]


def test_missing_values_are_none() -> None:
    frame = pd.DataFrame({"text": pd.Series(["a", None], dtype="str"), "few": pd.Categorical([None, "b"])})
    assert plain_rows(frame) == [{"text": "a", "few": None}, {"text": None, "few": "b"}]


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "user": st.none() | st.text(),
            "line": st.none() | st.integers(0, 99),
            "requirements": st.none() | st.lists(st.text(), max_size=3),
        }
    ),
    max_size=8,
)
TYPES = pa.schema({"user": pa.string(), "line": pa.int32(), "requirements": pa.list_(pa.string())})


@given(ROWS, st.integers(0, 8), st.integers(0, 8))
def test_rows_are_as_the_standard_library_has_them(rows: list[dict[str, Any]], start: int, cut: int) -> None:
    chunks = [pa.Table.from_pylist(part, schema=TYPES) for part in (rows[:cut], rows[cut:])]
    table = pa.concat_tables(chunks).slice(start)
    assert [json.loads(text) for text in json_rows(table)] == rows[start:]
