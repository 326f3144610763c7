"""The content of the page of a history or a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from analyzer.rendering import registry
from analyzer.rendering.page.content import Note, PageTable, help_sections, with_tables
from analyzer.rendering.page.rows import LABELS

if TYPE_CHECKING:
    from analyzer.evidence.opened import EvidenceSet
    from analyzer.rendering.page.content import Content

_MOST_ROWS: Final = 100_000
_FILTERS: Final = ("event", "control", "state", "severity", "account_id", "closed_by", "how", "code")


def content_of_tracking(evidence: EvidenceSet) -> Content:
    """Return the content of the page of a history or a comparison: sentences and tables."""
    found = evidence.history if evidence.kind == "history" else evidence.comparison
    names = registry.tables_needed(evidence.kind, ["html"])
    tables = [_table(evidence, name) for name in found.tables if name in names]
    notes = [Note("method", "Method", texts=found.method), *help_sections()]
    first, *lines = found.lines
    shown: dict[str, Any] = {
        "title": found.title,
        "answer": first,
        "alarm": "",
        "lines": lines,
        "scope": "",
        "figures": [],
        "first": [],
        "grid": None,
        "bars": None,
        "notes": notes,
        "parts": [{"id": one.name, "title": one.title} for one in tables]
        + [{"id": note.id, "title": note.title} for note in notes],
    }
    return with_tables(shown, tables)


def _table(evidence: EvidenceSet, name: str) -> PageTable:
    every = evidence.rows(name)
    rows = evidence.rows_at(name, np.arange(min(every, _MOST_ROWS)))
    note = f"{every - len(rows):,} further rows are in {name}.parquet beside this page." if every > len(rows) else ""
    filters = [one for one in _FILTERS if one in rows.column_names and pa.types.is_dictionary(rows[one].type)]
    title = name.replace("_", " ").capitalize()
    return PageTable(name, title, rows, rows.column_names, filters, LABELS, note, f"{name}.parquet")
