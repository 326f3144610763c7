"""The tables of a history or a comparison on a page: in the words of the screen, with whole days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.vocabulary import counted
from analyzer.evidence.comparison import event_in_words
from analyzer.evidence.schema import KINDS_OF_EVENTS, TEXT, to_pandas
from analyzer.evidence.survival import days_in_words, shares_in_words
from analyzer.evidence.worst import Rank, first_rows
from analyzer.reading.columns import codes_and_texts
from analyzer.rendering.page.rows import LABELS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from analyzer.evidence.opened import EvidenceSet

    Whole = npt.NDArray[np.int64]

FIRST: Final = ("new_failure", "regressed", "fixed", "still_failing", "not_known")
"""The events that come first, in this order; the others follow in the order of `KINDS_OF_EVENTS`."""
_LEADING: Final = ("event", "severity", "state", "control", "account_id", "user", "credential", "how", "message")
"""The columns that come first, so that a narrow window shows them."""
_WORDS: Final[Mapping[str, str]] = {"lost_sight": "lost to follow-up"}
"""The words for values that `event_in_words` does not give."""
_IN_WORDS: Final = ("event", "state", "how", "closed_by")
_OF_CAUSES: Final = ["event", "account_id", "user", "credential", "control", "message"]
"""The columns that say whether an event explains a failure."""
_DOWN: Final = ("open_days_min",)
_UP: Final = ("open_days_max", "usual_days")
_WORDS_FOR_COLUMNS: Final[Mapping[str, str]] = {
    "lost_sight": "lost to follow-up",
    "lost": "lost to follow-up",
    "lost_at": "lost to follow-up at",
    "reopened": "regressed",
    "of_unknown_beginning": "not in these days: open in the oldest snapshot",
    "median_days": "half closed in (days)",
    "p90_days": "9 of 10 closed in (days)",
    "censored_left": "open in the oldest snapshot",
    "censored_right": "open in the newest snapshot",
    "open_days_min": "days open, at least",
    "open_days_max": "days open, at most",
    "usual_days": "usual days between snapshots",
    "first": "oldest snapshot",
    "last": "newest snapshot",
    "old_captured_at": "older snapshot",
    "new_captured_at": "newer snapshot",
    "old_source": "older report",
    "new_source": "newer report",
    "old_line": "older line",
    "new_line": "newer line",
    "is_now": "is now",
    "how": "how fixed",
}


def labels_of(table: pa.Table, sla_days: int | None = None) -> dict[str, str]:
    """Return the headings of the columns of a table; `sla_days` is the deadline of `within_sla`."""
    within = {} if sla_days is None else {"within_sla": f"fixed within {counted(sla_days, 'day')}"}
    why = {"message": "why it fails or failed"} if "event" in table.column_names else {}
    words = {**LABELS, **_WORDS_FOR_COLUMNS, **why, **within}
    return {name: words.get(name, name.replace("_", " ")) for name in table.column_names}


def rows_of(evidence: EvidenceSet, name: str, most: int) -> pa.Table:
    """Return the first `most` rows of a table for readers: of events, failures first; of the others, the first ones."""
    if name == "events":
        rows = first_rows(evidence, name, most, Rank(("event",), _rank))
        shown = evidence.comparison.explained(to_pandas(rows.select(_OF_CAUSES)))
        message = pa.chunked_array([pa.array(shown["message"], TEXT, from_pandas=True)])
        rows = rows.set_column(rows.column_names.index("message"), "message", message)
    else:
        rows = evidence.rows_at(name, np.arange(min(evidence.rows(name), most)))
    if name == "measures":
        rows = _measures(evidence.history.measures_for_readers(rows))
    for column in rows.column_names:
        position = rows.column_names.index(column)
        if column in _IN_WORDS:
            rows = rows.set_column(position, column, _in_words(rows[column]))
        elif column in _DOWN + _UP:
            whole = (pc.floor if column in _DOWN else pc.ceil)(rows[column]).cast(pa.int64())
            rows = rows.set_column(position, column, whole)
    if name == "events":
        rows = rows.select(
            [column for column in rows.column_names if rows[column].null_count < len(rows) or not len(rows)]
        )
    leading = [column for column in _LEADING if column in rows.column_names]
    leading = leading if len(leading) > 1 and name != "issues" else []
    return rows.select([*leading, *(column for column in rows.column_names if column not in leading)])


def _rank(batch: pa.Table) -> Whole:
    order = [*FIRST, *(kind for kind in KINDS_OF_EVENTS if kind not in FIRST)]
    codes, texts = codes_and_texts(batch["event"])
    return np.array([order.index(text) for text in texts] or [0], np.int64)[codes]


def _in_words(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the values of a column of few texts in words, as a dictionary."""
    codes, texts = codes_and_texts(column)
    words = pa.array([*(_WORDS.get(text) or event_in_words(text) for text in texts), None], TEXT)
    positions = np.where((codes < 0) | (codes >= len(texts)), len(texts), codes)
    return pa.chunked_array([words.take(pa.array(positions)).dictionary_encode()])


def _measures(rows: pa.Table) -> pa.Table:
    """Return the measures with the days and shares as ranges in words, and manual checks apart from not checked."""
    position = rows.column_names.index("not_checked")
    rows = rows.set_column(position, "not_checked", pc.subtract(rows["not_checked"], rows["manual"]))
    columns = {name: rows[name] for name in ("control", "requirement", "open", "not_checked", "manual")}
    columns |= {name: rows[name] for name in ("waived", "closed", "lost_sight", "reopened")}
    for name in ("median_days", "p90_days"):
        columns[name] = _ranges(rows, name, days_in_words)
    if rows["within_sla_min"].null_count < len(rows):
        columns["within_sla"] = _ranges(rows, "within_sla", shares_in_words)
    columns["of_unknown_beginning"] = rows["of_unknown_beginning"]
    return pa.table(columns)


def _ranges(rows: pa.Table, name: str, say: Callable[[float, float], str]) -> pa.Array:
    """Return the range of each control in words, and a dash where it was not reached."""
    bounds = zip(rows[f"{name}_min"].to_pylist(), rows[f"{name}_max"].to_pylist(), strict=True)
    texts = ["-" if least is None else say(least, most) for least, most in bounds]
    return pa.array([text.removesuffix(" days").replace(" days or", " or") for text in texts], TEXT)
