"""The tables of the page as data."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from analyzer.evidence.schema import TABLES
from analyzer.rendering.page.columns import as_data

TIME = TABLES["findings"].field("as_of").type
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.lists(st.none() | st.datetimes(timezones=st.just(UTC)), max_size=5))
def test_times_of_any_year_are_whole_seconds(times: list[datetime | None]) -> None:
    (column,) = json.loads(b"".join(as_data(pa.table({"at": pa.array(times, TIME)}))))["columns"]
    assert column["values"] == [None if time is None else (time - EPOCH) // timedelta(seconds=1) for time in times]
