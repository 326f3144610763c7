"""The results of batches are gathered in bounded memory."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.batch import Result
from analyzer.evidence.schema import TALLIES
from analyzer.evidence.tally import joined
from analyzer.pipeline.road import Gathered


def tallies(days: range, account: str = "111122223333", count: int = 1) -> pa.Table:
    """Return a tally of findings, a row for each number of idle days."""
    texts = {"tally": "findings", "control": "unused-credentials", "account_id": account, "status": "fail"}
    numbers = {"idle_days": pa.array(days, pa.int32()), "count": pa.array([count] * len(days), pa.int64())}
    columns = [
        pa.array([texts[field.name]] * len(days)).cast(field.type)
        if field.name in texts
        else numbers.get(field.name, pa.nulls(len(days), field.type))
        for field in TALLIES
    ]
    return pa.table(columns, schema=TALLIES)


def test_tallies_of_many_batches_are_summed_up_as_they_come() -> None:
    gathered, most = Gathered(), 0
    for _ in range(6):
        gathered.add(Result(tallies=tallies(range(90_000))))
        most = max(most, sum(table.num_rows for table in gathered.tallies))
    assert most < 5 * 90_000
    whole = joined(gathered.tallies)
    assert whole.num_rows == 90_000
    assert pc.unique(whole["count"]).to_pylist() == [6]


def test_tallies_may_be_joined_in_any_steps() -> None:
    parts = [tallies(range(3), "999988887777"), tallies(range(2, 5)), tallies(range(1), "222233334444", 7)]
    whole = joined(parts)
    rows = whole.to_pylist()
    assert whole.schema == TALLIES
    assert joined([joined(parts[:2]), parts[2]]).to_pylist() == joined(parts[::-1]).to_pylist() == rows
    assert [row["account_id"] for row in rows] == [*["111122223333"] * 3, "222233334444", *["999988887777"] * 3]
    assert [row["count"] for row in rows] == [1, 1, 1, 7, 1, 1, 1]
    assert joined([]).schema == TALLIES
