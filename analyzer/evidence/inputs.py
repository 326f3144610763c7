"""The table of inputs: a row per report, with the use of its rows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import pandas as pd
import pyarrow as pa

from analyzer.evidence.plain import plain_rows
from analyzer.reading.columns import TIME, column_of
from analyzer.reading.times import GRANULARITY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

Role = Literal["judged", "trend", "not_judged"]
"""The use of rows. `trend`: rows of the snapshot before the judged one, read only to count changes since then."""


class OfAccount(NamedTuple):
    """The rows of one account in a report (`account_id` None: not known), and their use."""

    account_id: str | None
    rows: int
    role: Role


class Input(NamedTuple):
    """A report that was read. `rows` is the sum of the rows of `accounts` and the `rejected` rows.

    `newest_time` is None if the report was not judged, because then it was not parsed.
    """

    name: str
    sha256: str
    bytes: int
    container: str
    encoding: str
    layout: str
    rows: int
    rejected: int
    captured_at: datetime | None
    captured_from: str
    newest_time: datetime | None
    as_of: datetime | None
    accounts: tuple[OfAccount, ...]


def evidence_of_unknown_age(report: Input, as_of: datetime | None) -> tuple[str, int] | None:
    """Return the issue code and the days between the newest time in a judged report and the reference date.

    Returns None if the capture time is known, or if the newest time is less than a week before the reference date.
    """
    if as_of is None or report.captured_at is not None or report.newest_time is None:
        return None
    if not any(part.role == "judged" for part in report.accounts):
        return None
    if report.newest_time > as_of + GRANULARITY:
        return "undated_evidence_newer", (report.newest_time - as_of) // _DAY
    days = (as_of - report.newest_time) // _DAY
    return ("undated_evidence_older", days) if days >= _OLD else None


COLUMNS: Final = (
    *("name", "sha256", "bytes", "container", "encoding", "layout", "rows", "rejected", "account_id"),
    *("captured_at", "captured_from", "newest_time", "judged", "as_of", "accounts"),
)
_DAY: Final = timedelta(days=1)
_OLD: Final = 7
"""A report of unknown age is noted from this number of days on."""
_TEXTS: Final = ("name", "sha256", "container", "encoding", "layout", "captured_from")
_TIMES: Final = ("captured_at", "newest_time", "as_of")
_ROWS: Final = 1_000
"""Rows that are converted together: as dicts they take about ten times the memory."""


def inputs_frame(inputs: Iterable[Input]) -> pd.DataFrame:
    """Return the table of inputs, sorted by name: the columns of `Input`, `account_id` and `judged`.

    `account_id` is null if the report has several accounts or none. `judged` is true if some of its rows were judged,
    and `as_of` is their reference date.
    """
    rows = sorted(inputs, key=lambda report: report.name)
    columns: dict[str, Any] = {name: [getattr(row, name) for row in rows] for name in Input._fields}
    judged = [any(part.role == "judged" for part in row.accounts) for row in rows]
    account_ids = [{part.account_id for part in row.accounts if part.account_id} for row in rows]
    columns |= {
        "account_id": pd.Series([next(iter(ids)) if len(ids) == 1 else None for ids in account_ids], dtype="str"),
        "judged": judged,
        "as_of": [row.as_of if was else None for row, was in zip(rows, judged, strict=True)],
        "accounts": [[part._asdict() for part in row.accounts] for row in rows],
    }
    for name in _TEXTS:
        columns[name] = pd.Series(columns[name], dtype="str")
    for name in _TIMES:
        columns[name] = column_of(pa.array(columns[name], TIME))
    return pd.DataFrame({name: columns[name] for name in COLUMNS})


def input_facts(inputs: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table of inputs as plain data for a manifest."""
    for start in range(0, len(inputs), _ROWS):
        some = inputs.iloc[start : start + _ROWS]
        for row, accounts in zip(plain_rows(some.drop(columns="accounts")), some["accounts"], strict=True):
            yield {**row, "accounts": accounts}


def inputs_of_facts(facts: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the table of inputs from the rows in a manifest."""
    return inputs_frame(
        Input(
            **{name: _value(name, row[name]) for name in Input._fields if name != "accounts"},
            accounts=tuple(OfAccount(**part) for part in row["accounts"]),
        )
        for row in facts
    )


def role_in_words(report: Mapping[str, Any], as_of: datetime | None) -> str:
    """Return the use of a report in words, and why it was not judged; `report` is a row of the table of inputs.

    `as_of` is the reference date of the run.
    """
    roles = [part["role"] for part in report["accounts"]]
    if "judged" in roles:
        judged = roles.count("judged")
        return "judged" if judged == len(roles) else f"judged: {judged:,} of {len(roles):,} accounts"
    if "trend" in roles:
        return "older: read for the trend"
    if not roles:
        return "not judged: no readable row"
    if report["captured_at"] is None:
        return "not judged: no capture time" if report["captured_from"] == "unknown" else "not judged: other snapshot"
    if as_of is not None and report["captured_at"] > as_of:
        return "not judged: newer than the reference date"
    return "not judged: older snapshot"


def _value(name: str, value: Any) -> Any:  # noqa: ANN401 - of any column
    from datetime import datetime  # noqa: PLC0415

    return datetime.fromisoformat(value) if name in _TIMES and value is not None else value
