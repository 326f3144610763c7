"""What a list of accounts says of them, beside their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.evidence.schema import TEXT

if TYPE_CHECKING:
    from analyzer.evidence.summary import Summary

_SAID: Final = {"account_name": "name", "account_owner": "owner"}
"""The columns beside `account_id`, and those of the list that they are from."""


class Named:
    """Puts names and owners of accounts beside their numbers, as far as the list of accounts has any."""

    def __init__(self, summary: Summary) -> None:
        self._numbers = pa.array([], TEXT)
        self._said: dict[str, pa.Array] = {}
        if summary.coverage is not None:
            self._numbers = summary.coverage["account_id"].cast(TEXT).combine_chunks()
            for column, name in _SAID.items():
                texts = summary.coverage[name].cast(TEXT).combine_chunks()
                if texts.null_count < len(texts):
                    self._said[column] = texts

    def columns(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the columns of a table with those that are added."""
        at = names.index("account_id") + 1
        return (*names[:at], *self._said, *names[at:])

    def beside(self, table: pa.Table) -> pa.Table:
        """Return a table with what is known of each row's account."""
        if not self._said:
            return table
        at = table.column_names.index("account_id") + 1
        row = pc.index_in(table["account_id"].cast(TEXT), self._numbers)
        for place, (column, texts) in enumerate(self._said.items(), start=at):
            table = table.add_column(place, column, pc.take(texts, row).dictionary_encode())
        return table

    def said_of(self, account: str) -> list[str]:
        """Return what is known of one account, one text for each column that is added; `-` for nothing."""
        row = pc.index(self._numbers, account).as_py()
        return [(texts[row].as_py() if row >= 0 else None) or "-" for texts in self._said.values()]

    @property
    def headings(self) -> list[str]:
        """The columns that are added."""
        return list(self._said)
