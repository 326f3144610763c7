"""The content of the page of a history or a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from analyzer.evidence.opening import NOT_JUDGED
from analyzer.rendering import registry
from analyzer.rendering.page.content import Linked, Note, PageTable, help_sections, with_tables
from analyzer.rendering.page.tracking_rows import labels_of, rows_of

if TYPE_CHECKING:
    from analyzer.evidence.opened import EvidenceSet
    from analyzer.rendering.page.content import PageContent

_MOST_ROWS: Final = 100_000
_FILTERS: Final = ("event", "control", "state", "severity", "account_id", "closed_by", "how", "code")


def content_of_tracking(evidence: EvidenceSet) -> PageContent:
    """Return the content of the page of a history or a comparison: sentences and tables."""
    tracking = evidence.history if evidence.kind == "history" else evidence.comparison
    names = registry.tables_needed(evidence.kind, ["html"])
    tables = [_table(evidence, name) for name in tracking.tables if name in names]
    notes = [Note("method", "Method", texts=tracking.method), *help_sections()]
    first, *lines = tracking.lines
    shown: dict[str, Any] = {
        "title": tracking.title,
        "answer": first,
        "alarm": "",
        "lines": [[Linked(line, "")] for line in lines],
        "scope": "" if evidence.kind == "history" else evidence.comparison.dates,
        "figures": [],
        "first": [],
        "grid": None,
        "bars": None,
        "notes": notes,
        "parts": [{"id": table.name, "title": table.title} for table in tables]
        + [{"id": note.id, "title": note.title} for note in notes],
    }
    return with_tables(shown, tables)


def _table(evidence: EvidenceSet, name: str) -> PageTable:
    row_count = evidence.rows(name)
    rows = rows_of(evidence, name, _MOST_ROWS)
    note = (
        f"{row_count - len(rows):,} further rows are in {name}.parquet beside this page."
        if row_count > len(rows)
        else ""
    )
    filters = [
        column for column in _FILTERS if column in rows.column_names and pa.types.is_dictionary(rows[column].type)
    ]
    title = name.replace("_", " ").capitalize()
    labels = labels_of(rows, evidence.history.sla_days if evidence.kind == "history" else None)
    blank = NOT_JUDGED if name == "measures" else ""  # of a control that judged nothing
    return PageTable(name, title, rows, rows.column_names, filters, labels, note, f"{name}.parquet", blank)
