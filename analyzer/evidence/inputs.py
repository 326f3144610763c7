"""What was read: a row per report, with what became of its rows."""

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
"""`trend`: of the snapshot before the judged one, judged to count what has changed since, and in no table."""


class OfAccount(NamedTuple):
    """Rows of a report that are of one account (None: not known), and what became of them."""

    account_id: str | None
    rows: int
    role: Role


class Input(NamedTuple):
    """A report that was read: rows in it are rows by account plus rows rejected.

    `newest_time` is None where the report was not judged, and so not parsed.
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


def evidence_of_unknown_age(one: Input, as_of: datetime | None) -> tuple[str, int] | None:
    """Return the code of the issue and the days between the newest time in a judged report and the reference instant.

    None where its capture time is known, or where nothing in it is a week older than the instant, or later.
    """
    if as_of is None or one.captured_at is not None or one.newest_time is None:
        return None
    if not any(part.role == "judged" for part in one.accounts):
        return None
    if one.newest_time > as_of + GRANULARITY:
        return "undated_evidence_newer", (one.newest_time - as_of) // _DAY
    days = (as_of - one.newest_time) // _DAY
    return ("undated_evidence_older", days) if days >= _OLD else None


COLUMNS: Final = (
    *("name", "sha256", "bytes", "container", "encoding", "layout", "rows", "rejected", "account_id"),
    *("captured_at", "captured_from", "newest_time", "judged", "as_of", "accounts"),
)
_DAY: Final = timedelta(days=1)
_OLD: Final = 7
"""Days from which on evidence of unknown age is noted."""
_TEXTS: Final = ("name", "sha256", "container", "encoding", "layout", "captured_from")
_TIMES: Final = ("captured_at", "newest_time", "as_of")
_ROWS: Final = 1_000
"""Rows that are made plain together: as dicts they take some ten times the memory."""


def inputs_frame(inputs: Iterable[Input]) -> pd.DataFrame:
    """Return the table of inputs, by name: the columns of `Input`, and in words of one account where it is one.

    `account_id` is null where the report holds several accounts, or none; `judged` says whether some of its rows were
    judged, and `as_of` at which instant.
    """
    rows = sorted(inputs, key=lambda one: one.name)
    columns: dict[str, Any] = {name: [getattr(one, name) for one in rows] for name in Input._fields}
    judged = [any(part.role == "judged" for part in one.accounts) for one in rows]
    known = [{part.account_id for part in one.accounts if part.account_id} for one in rows]
    columns |= {
        "account_id": pd.Series([next(iter(some)) if len(some) == 1 else None for some in known], dtype="str"),
        "judged": judged,
        "as_of": [one.as_of if was else None for one, was in zip(rows, judged, strict=True)],
        "accounts": [[part._asdict() for part in one.accounts] for one in rows],
    }
    for name in _TEXTS:
        columns[name] = pd.Series(columns[name], dtype="str")
    for name in _TIMES:
        columns[name] = column_of(pa.array(columns[name], TIME))
    return pd.DataFrame({name: columns[name] for name in COLUMNS})


def input_facts(inputs: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table of inputs as plain data: what a manifest keeps."""
    for start in range(0, len(inputs), _ROWS):
        some = inputs.iloc[start : start + _ROWS]
        for row, accounts in zip(plain_rows(some.drop(columns="accounts")), some["accounts"], strict=True):
            yield {**row, "accounts": accounts}


def inputs_of_facts(facts: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the table of inputs that a manifest keeps."""
    return inputs_frame(
        Input(
            **{name: _value(name, one[name]) for name in Input._fields if name != "accounts"},
            accounts=tuple(OfAccount(**part) for part in one["accounts"]),
        )
        for one in facts
    )


def _value(name: str, value: Any) -> Any:  # noqa: ANN401 - of any column
    from datetime import datetime  # noqa: PLC0415

    return datetime.fromisoformat(value) if name in _TIMES and value is not None else value
