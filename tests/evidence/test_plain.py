"""Tables as JSON can hold them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from analyzer.evidence.plain import iso, plain_rows
from analyzer.reading.columns import TIME, column_of

TIMES = st.datetimes(timezones=st.just(UTC))
WHOLE = TIMES.map(lambda at: at - timedelta(microseconds=at.microsecond))


@given(st.lists(st.one_of(st.none(), TIMES, WHOLE)))
def test_times_of_a_column_are_written_as_each_by_itself(times: list[datetime | None]) -> None:
    frame = pd.DataFrame({"at": column_of(pa.array(times, TIME)), "number": range(len(times))})
    assert plain_rows(frame) == [{"at": iso(at), "number": number} for number, at in enumerate(times)]


def test_what_is_missing_is_none() -> None:
    frame = pd.DataFrame({"text": pd.Series(["a", None], dtype="str"), "few": pd.Categorical([None, "b"])})
    assert plain_rows(frame) == [{"text": "a", "few": None}, {"text": None, "few": "b"}]
