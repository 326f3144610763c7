"""What was read: a row per report, with what became of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import pandas as pd
import pyarrow as pa

from analyzer.evidence.plain import plain_rows
from analyzer.reading.columns import TIME, column_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

Role = Literal["judged", "not_judged"]


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


COLUMNS: Final = (
    *("name", "sha256", "bytes", "container", "encoding", "layout", "rows", "rejected", "account_id"),
    *("captured_at", "captured_from", "newest_time", "judged", "as_of", "accounts"),
)
_TEXTS: Final = ("name", "sha256", "container", "encoding", "layout", "captured_from")
_TIMES: Final = ("captured_at", "newest_time", "as_of")


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


def input_facts(inputs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the table of inputs as plain data: what a manifest keeps."""
    plain = plain_rows(inputs.drop(columns="accounts"))
    kept: dict[str, str] = {}

    def once(row: dict[str, Any]) -> dict[str, Any]:
        # Of many reports most texts are the same, and this is held until the end.
        return {key: kept.setdefault(value, value) if isinstance(value, str) else value for key, value in row.items()}

    return [
        {**once(row), "accounts": [once(part) for part in accounts]}
        for row, accounts in zip(plain, inputs["accounts"], strict=True)
    ]


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
