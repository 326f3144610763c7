"""Values and small tables as JSON can hold them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from analyzer.reading.columns import TIME, column_of, records

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def iso(instant: datetime | None) -> str | None:
    """Return an instant as ISO 8601 in UTC, with microseconds only where there are any."""
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a small table as JSON can hold them: times are ISO 8601."""
    return [
        {key: iso(value) if isinstance(value, pd.Timestamp) else value for key, value in row.items()}
        for row in records(frame)
    ]


def frame_of_rows(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the table whose rows `plain_rows` gave; columns that end in `_at`, `_time` or `as_of` hold times."""
    frame = pd.DataFrame(list(rows))
    for name in frame:
        if str(name).endswith(("_at", "_time", "as_of")):
            times = [None if one is None else datetime.fromisoformat(one) for one in frame[name]]
            frame[name] = column_of(pa.array(times, TIME))
    return frame
