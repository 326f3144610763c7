"""Adds names and owners from the list of accounts to tables that have account numbers."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.evidence.schema import TEXT

if TYPE_CHECKING:
    from analyzer.evidence.summary import Summary

_COLUMNS: Final = {"account_name": "name", "account_owner": "owner"}
"""The columns that are added after `account_id`, and their columns in the list."""


class AccountLabels:
    """Adds the names and owners of accounts to tables, if the list of accounts has them."""

    def __init__(self, summary: Summary) -> None:
        self._numbers = pa.array([], TEXT)
        self._words: dict[str, pa.Array] = {}
        if summary.coverage is not None:
            self._numbers = summary.coverage["account_id"].cast(TEXT).combine_chunks()
            for column, name in _COLUMNS.items():
                texts = summary.coverage[name].cast(TEXT).combine_chunks()
                if texts.null_count < len(texts):
                    self._words[column] = texts

    def columns(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the column names of a table with the added columns."""
        at = names.index("account_id") + 1
        return (*names[:at], *self._words, *names[at:])

    def beside(self, table: pa.Table) -> pa.Table:
        """Return the table with the name and the owner of each row's account."""
        if not self._words:
            return table
        at = table.column_names.index("account_id") + 1
        row = pc.index_in(table["account_id"].cast(TEXT), self._numbers)
        for position, (column, texts) in enumerate(self._words.items(), start=at):
            table = table.add_column(position, column, pc.take(texts, row).dictionary_encode())
        return table

    @cached_property
    def _words_of(self) -> dict[str, list[str]]:
        columns = [[text or "-" for text in texts.to_pylist()] for texts in self._words.values()]
        return dict(zip(self._numbers.to_pylist(), map(list, zip(*columns, strict=True)), strict=False))

    def words_of(self, account: str) -> list[str]:
        """Return the texts of one account for the added columns; `-` if a text is not known."""
        return self._words_of.get(account, ["-"] * len(self._words))

    @property
    def headings(self) -> list[str]:
        """The columns that are added."""
        return list(self._words)
