"""The tables of lists of people on the page of an audit: leavers, and all people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.evidence.people import comparison_parts, first_people, names_of_table
from analyzer.rendering.page.content import Linked, PageTable, link

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from analyzer.evidence.account_labels import AccountLabels
    from analyzer.evidence.opened import EvidenceSet
    from analyzer.evidence.summary import Summary

_LABELS: Final[Mapping[str, str]] = {
    "line": "line of the list",
    "user": "user in the list",
    "email": "e-mail in the list",
    "last_day": "last day",
    "status": "match",
    "account_id": "account",
    "account_name": "name of the account",
    "account_owner": "owner",
    "iam_user": "IAM user",
    "has_left": "has left",
    "active_credentials": "active credentials",
    "last_used": "last used",
    "used_after": "used after the last day",
    "captured_at": "captured",
    "source": "report",
    "source_line": "line of the report",
}
_FILTERS: Final = ("status", "account_id", "account_owner", "has_left", "used_after")


def people_tables(
    evidence: EvidenceSet, labels: AccountLabels, most: int, cut_note: Callable[[int, int, str, str], str]
) -> list[PageTable]:
    """Return a table for each given list of people, with up to `most` rows: those that need a look come first."""
    tables = []
    for name in evidence.summary.compared:
        rows = labels.beside(_in_words(first_people(evidence, name, most)))
        note = cut_note(evidence.rows(name), len(rows), name, "the rows that need a look first")
        file = f"{name}.parquet"
        tables.append(PageTable(name, name.capitalize(), rows, rows.column_names, _FILTERS, _LABELS, note, file))
    return tables


def _in_words(rows: pa.Table) -> pa.Table:
    """Return the rows with yes, no and not known instead of flags. A row without an IAM user has no flag."""
    for position, field in enumerate(rows.schema):
        if pa.types.is_boolean(field.type):
            words = pc.if_else(rows[field.name], "yes", "no")
            has_user = rows["iam_user"].is_valid()
            words = pc.coalesce(words, pc.if_else(has_user, pa.scalar("not known"), pa.scalar(None, pa.string())))
            rows = rows.set_column(position, field.name, words)
    return rows


def comparison_lines(summary: Summary) -> list[list[Linked]]:
    """Return the sentences on lists of people, in parts; each part with a number is a link to its rows."""
    lines = []
    for name, parts in comparison_parts(summary).items():
        line: list[Linked] = []
        for part in parts:
            href = link(part.table, **part.rows) if part.table and not part.text.startswith("0 ") else ""
            line += [Linked("; ", ""), Linked(part.text, href)] if line else [Linked(part.text, href)]
        lines.append([*line, Linked(names_of_table(name), "")])
    return lines
