"""Opens an evidence set for reading: its tables batch by batch, and its summary."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from analyzer.errors import AnalyzerError, InputError
from analyzer.evidence import storage
from analyzer.evidence.inputs import inputs_of_facts
from analyzer.evidence.people import LISTS, counts_by_match
from analyzer.evidence.seal import MANIFEST, key_of, manifest_of, no_evidence_set, read_manifest
from analyzer.evidence.settings import Settings
from analyzer.evidence.summary import Summary
from analyzer.survey.files import is_url, why

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    from pyarrow import parquet

    from analyzer.evidence.comparison import Comparison
    from analyzer.evidence.history import History
    from analyzer.evidence.tables import Whole
    from analyzer.evidence.worst import Choice

_BATCH: Final = 100_000
"""Rows that are read together."""


@dataclass(frozen=True)
class EvidenceSet:
    """The tables at `location` (a path or URL), and the manifest that describes them.

    `files` has the Parquet files of each table, in the order of their rows. While the set is being made, it also has
    tables that the manifest does not list. `inputs` is the table of inputs if it is in memory: after a run over many
    reports, reading it from the large manifest would be slow.
    """

    location: str
    manifest: Mapping[str, Any]
    files: Mapping[str, tuple[str, ...]]
    inputs: pd.DataFrame | None = None

    @classmethod
    def of(
        cls,
        location: str,
        manifest: Mapping[str, Any],
        extra: Sequence[str] = (),
        inputs: pd.DataFrame | None = None,
    ) -> EvidenceSet:
        """Return the set that a manifest describes; `extra` are files that it does not list."""
        files: dict[str, list[str]] = {}
        for name in sorted([*(output["name"] for output in manifest["outputs"]), *extra]):
            files.setdefault(name.partition("/")[0].removesuffix(".parquet"), []).append(name)
        return cls(location, manifest, {table: tuple(names) for table, names in files.items()}, inputs)

    @classmethod
    def at(cls, location: str) -> EvidenceSet:
        """Return the set at a path or URL. Raises InputError if there is no set of this version."""
        if not is_url(location):
            return cls.of(location, read_manifest(Path(location)))
        try:
            data = storage.get(location, MANIFEST)
        except FileNotFoundError:
            raise no_evidence_set(location) from None
        except AnalyzerError:
            raise
        except Exception as error:  # each kind of storage has errors of its own
            raise InputError(f"cannot read {location}: {why(error)}", "check the URL and your permissions") from error
        return cls.of(location, manifest_of(data, location))

    def require_as_written(self, *names: str) -> None:
        """Raise InputError if a file of these tables was changed or is missing."""
        files = {file for name in names for file in self.files.get(name, ())}
        for output in self.manifest["outputs"]:
            if output["name"] in files and self._digest(output["name"]) != output["sha256"]:
                raise InputError(
                    f"changed since it was written: {output['name']} in {self.location}",
                    "run `credreport verify` on the set; use the original copy of the set, or run credreport again",
                )

    def _digest(self, name: str) -> str | None:
        try:
            return storage.digest(self.location, name)
        except FileNotFoundError:
            return None

    @property
    def kind(self) -> str:
        """The kind of evidence set: audit, comparison, history or sample."""
        return str(self.manifest["kind"])

    @property
    def pseudonyms(self) -> str | None:
        """The fingerprint of the key of its pseudonyms; None if the set has names."""
        return key_of(self.manifest)

    @cached_property
    def settings(self) -> Settings:
        """The settings with which the reports were judged."""
        return Settings.of_facts(self.manifest["settings"])

    @cached_property
    def summary(self) -> Summary:
        """The counts of an audit."""
        inputs = inputs_of_facts(self.manifest["inputs"]) if self.inputs is None else self.inputs
        trend = self.table("trend") if "trend" in self.files else None
        coverage = self.table("coverage") if "coverage" in self.files else None
        compared = {name: counts_by_match(self.batches(name, ["status"])) for name in LISTS if name in self.files}
        return Summary(
            self.settings,
            inputs,
            self.table("tallies"),
            trend=trend,
            coverage=coverage,
            compared=compared,
            tables=self,
        )

    @cached_property
    def history(self) -> History:
        """The result of a history."""
        from analyzer.evidence.history import History  # noqa: PLC0415 - audits have none

        return History.of(self.manifest, {name: self.table(name) for name in self.files})

    @cached_property
    def comparison(self) -> Comparison:
        """The result of a comparison."""
        from analyzer.evidence.comparison import Comparison  # noqa: PLC0415 - audits have none

        return Comparison.of(self.manifest, {name: self.table(name) for name in self.files})

    def batches(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of the public table `name` in stored order, about 100,000 at a time.

        A batch has the `columns` in this order, or all columns. An empty table gives one empty batch, so that its
        columns and types are known.
        """
        has_rows = False
        empty = None
        for file in self._opened(name):
            with closing(file):
                empty = _chosen(file.schema_arrow.empty_table(), columns)
                for batch in file.iter_batches(_BATCH, columns=None if columns is None else list(columns)):
                    if batch.num_rows:
                        has_rows = True
                        yield _chosen(pa.Table.from_batches([batch]), columns)
        if not has_rows and empty is not None:
            yield empty

    def rows_at(self, name: str, positions: Whole, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows at these ascending positions; row groups without such a row are not read."""
        tables: list[pa.Table] = []
        start = 0
        for file in self._opened(name):
            with closing(file):
                tables.append(_chosen(file.schema_arrow.empty_table(), columns))
                for group in range(file.metadata.num_row_groups):
                    end = start + file.metadata.row_group(group).num_rows
                    in_group = positions[slice(*np.searchsorted(positions, (start, end)))]
                    if len(in_group):
                        tables += _taken(file, group, in_group - start, columns)
                    start = end
        return pa.concat_tables(tables).unify_dictionaries().combine_chunks()

    def rows_where(self, name: str, where: Choice, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows that `where` chooses, in stored order, about 100,000 at a time.

        From a row group without such a row, only the columns that the choice needs are read.
        """
        for file in self._opened(name):
            with closing(file):
                for group in range(file.metadata.num_row_groups):
                    positions = _where(file, group, where)
                    if len(positions):
                        yield from (table for table in _taken(file, group, positions, columns) if table.num_rows)

    def rows(self, name: str) -> int:
        """Return the number of rows of a table."""
        count = 0
        for file in self._opened(name):
            with closing(file):
                count += file.metadata.num_rows
        return count

    def table(self, name: str) -> pa.Table:
        """Return the whole table."""
        return pa.concat_tables(list(self.batches(name))).unify_dictionaries().combine_chunks()

    def _opened(self, name: str) -> Iterator[parquet.ParquetFile]:
        from pyarrow import parquet  # noqa: PLC0415

        for file in self.files[name]:
            yield parquet.ParquetFile(storage.opened(self.location, file))


def _where(file: parquet.ParquetFile, group: int, where: Choice) -> Whole:
    """Return the positions of the chosen rows in a row group."""
    batches = file.iter_batches(_BATCH, row_groups=[group], columns=list(where.needs))
    return np.flatnonzero(np.concatenate([where.of(pa.Table.from_batches([batch])) for batch in batches]))


def _taken(
    file: parquet.ParquetFile, group: int, positions: Whole, columns: Sequence[str] | None
) -> Iterator[pa.Table]:
    """Yield the rows of a row group at these positions, a batch at a time."""
    start = 0
    for batch in file.iter_batches(_BATCH, row_groups=[group], columns=None if columns is None else list(columns)):
        first, last = np.searchsorted(positions, (start, start + batch.num_rows))
        yield _chosen(pa.Table.from_batches([batch]).take(positions[first:last] - start), columns)
        start += batch.num_rows


def _chosen(table: pa.Table, columns: Sequence[str] | None) -> pa.Table:
    """Return a table without the metadata of Parquet, with `columns` in this order or with all columns."""
    table = table.replace_schema_metadata(None)
    return table if columns is None else table.select(list(columns))
