"""An evidence set, open for reading: its tables batch by batch, and what they sum up to."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from analyzer.evidence import storage
from analyzer.evidence.comparison import Comparison
from analyzer.evidence.history import History
from analyzer.evidence.inputs import inputs_of_facts
from analyzer.evidence.settings import Settings
from analyzer.evidence.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyarrow import parquet

_BATCH: Final = 100_000
"""Rows that are read together."""


@dataclass(frozen=True)
class EvidenceSet:
    """The tables at `place` (a path or URL), and the manifest that describes them.

    `files` has for each table its Parquet files, in the order of their rows: also tables that the manifest does not
    list, while the set is being made. `found` is what the run that made it has found, where it has it still: else it
    is made of tables and manifest.
    """

    place: str
    manifest: Mapping[str, Any]
    files: Mapping[str, tuple[str, ...]]
    found: History | Comparison | None = None

    @classmethod
    def of(cls, place: str, manifest: Mapping[str, Any], extra: Sequence[str] = ()) -> EvidenceSet:
        """Return the set that a manifest describes; `extra` are files beside those that it lists."""
        files: dict[str, list[str]] = {}
        for name in sorted([*(output["name"] for output in manifest["outputs"]), *extra]):
            files.setdefault(name.partition("/")[0].removesuffix(".parquet"), []).append(name)
        return cls(place, manifest, {table: tuple(names) for table, names in files.items()})

    @property
    def kind(self) -> str:
        """What it is the evidence of: audit, comparison or history."""
        return str(self.manifest["kind"])

    @cached_property
    def settings(self) -> Settings:
        """How it was judged."""
        return Settings.of_facts(self.manifest["settings"])

    @cached_property
    def summary(self) -> Summary:
        """What is counted of an audit."""
        return Summary(self.settings, inputs_of_facts(self.manifest["inputs"]), self.table("tallies"))

    @cached_property
    def history(self) -> History:
        """What a history found."""
        if isinstance(self.found, History):
            return self.found
        return History.of(self.manifest, {name: self.table(name) for name in self.files})

    @cached_property
    def comparison(self) -> Comparison:
        """What a comparison found."""
        if isinstance(self.found, Comparison):
            return self.found
        return Comparison.of(self.manifest, {name: self.table(name) for name in self.files})

    def batches(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of the public table `name` in stored order, some 100,000 at a time.

        With the chosen `columns` in that order, or with all. A table without rows is one batch without rows, so that
        its columns and their types are always known.
        """
        some = False
        schema = None
        for file in self._opened(name):
            with closing(file):
                schema = file.schema_arrow
                for batch in file.iter_batches(_BATCH, columns=None if columns is None else list(columns)):
                    if batch.num_rows:
                        some = True
                        table = pa.Table.from_batches([batch]).replace_schema_metadata(None)
                        yield table if columns is None else table.select(list(columns))
        if not some and schema is not None:
            empty = schema.remove_metadata().empty_table()
            yield empty if columns is None else empty.select(list(columns))

    def rows(self, name: str) -> int:
        """Return how many rows a table has."""
        count = 0
        for file in self._opened(name):
            with closing(file):
                count += file.metadata.num_rows
        return count

    def table(self, name: str) -> pa.Table:
        """Return a table whole."""
        return pa.concat_tables(list(self.batches(name))).unify_dictionaries().combine_chunks()

    def _opened(self, name: str) -> Iterator[parquet.ParquetFile]:
        from pyarrow import parquet  # noqa: PLC0415

        for file in self.files[name]:
            yield parquet.ParquetFile(storage.opened(self.place, file))
