"""Users that occur twice in a snapshot are found, in any order of rows."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from analyzer.judging.snapshots import note_users_found_twice
from analyzer.reading.columns import TIME, column_of
from analyzer.reading.issues import IssueLog

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["111122223333", "444455556666", None]), st.sampled_from(["a", "A", "b", "c", "Z", None])
    ),
    max_size=8,
)


@given(ROWS, st.booleans())
def test_every_name_that_occurs_twice_is_noted(rows: list[tuple[str | None, str | None]], in_order: bool) -> None:
    if in_order:  # as AWS writes them: most files are read by a shorter way
        rows = sorted(rows, key=lambda row: (row[0] or "", (row[1] or "").lower()))
    users = pd.DataFrame(
        {
            "account_id": pd.Categorical([account for account, _ in rows], ["111122223333", "444455556666"]),
            "source": pd.Categorical(["report.csv"] * len(rows), ["report.csv"]),
            "line": column_of(pa.array(range(2, len(rows) + 2), pa.int32())),
            "user": column_of(pa.array([name for _, name in rows], pa.string())),
            "captured_at": column_of(pa.nulls(len(rows), TIME)),
        }
    )
    log = IssueLog()
    note_users_found_twice(users, log, by_capture=False)
    times = Counter((account, name.lower()) for account, name in rows if name is not None)
    twice = [
        line for line, (account, name) in enumerate(rows, 2) if name is not None and times[account, name.lower()] > 1
    ]
    assert sorted(row[1] or 0 for row in log.rows) == twice
