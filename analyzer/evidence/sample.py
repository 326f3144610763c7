"""A sample of what a control judged, drawn so that anybody draws the same one again.

Each subject gets a number that depends on the seed and on the subject alone: those with the lowest numbers are in the
sample. So the order of files, of rows and of machines plays no part, and every subject has the same chance (a simple
random sample without replacement). With strata, each gets its share of the sample (largest remainders), one at least.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.vocabulary import Status, counted
from analyzer.evidence.asked import Asked
from analyzer.evidence.schema import FINDINGS

if TYPE_CHECKING:
    import numpy.typing as npt

    from analyzer.controls.checklist import Check
    from analyzer.evidence.opened import EvidenceSet

    Whole = npt.NDArray[np.int64]

COLUMNS: Final = (
    *("control", "requirement", "account_id", "user", "arn", "credential", "status", "message", "basis", "basis_time"),
    *("idle_days", "age_days", "limit_days", "as_of", "captured_at", "source", "line"),
)
"""The columns of findings that a sample has."""
FOR_THE_TESTER: Final = ("tested_by", "tested_on", "evidence_seen", "result", "comment")
"""Columns that are empty: whoever tests fills them in."""
_KEYS: Final = ("account_id", "arn", "user", "credential", "captured_at")
"""What names a subject, whatever the files are called."""
_BETWEEN: Final = "\x1f"


@dataclass(frozen=True)
class Drawn:
    """A sample: `rows` in the order of the population (see `draw`), and how it was drawn."""

    check: Check
    size: int
    seed: str
    by: tuple[str, ...]
    rows: pa.Table
    population: int
    population_sha256: str
    """The SHA-256 of the sorted subjects and their status, a line each."""
    strata: tuple[dict[str, Any], ...]
    """For each stratum its values, and how many subjects of it are in the population and in the sample."""

    @cached_property
    def method(self) -> list[str]:
        """How it was drawn, in lines: enough to draw it again."""
        population = f"the subjects that {self.check.control.id} judged, without those that are not applicable"
        drawn = (
            "a simple random sample without replacement. SipHash, with a key made from the seed, gives each subject "
            "(account, ARN, user, credential, capture time) a number. The subjects with the lowest numbers are drawn."
        )
        strata = (
            f"Strata: {', '.join(self.by)}. Each stratum has its share of the sample (largest remainders), and at "
            "least one subject if the sample is large enough."
        )
        return [
            f"Population: {population}: {counted(self.population, 'subject')}.",
            f"SHA-256 of the population (one sorted line per subject): {self.population_sha256}.",
            f"Drawn with the seed {self.seed!r}: {drawn}",
            strata if self.by else "There are no strata.",
            "The same seed and population give the same sample, whatever the order of the files.",
        ]

    @property
    def lines(self) -> list[str]:
        """The answer in lines."""
        every = "all" if len(self.rows) == self.population else f"{len(self.rows):,}"
        first = f"Sample of {every} of {counted(self.population, 'subject')} of {self.check.control.id}."
        return [first, *(self._stratum(one) for one in self.strata if self.by)]

    def _stratum(self, one: dict[str, Any]) -> str:
        named = ", ".join(f"{name} {one[name] or 'unknown'}" for name in self.by)
        return f"{named}: {one['sample']:,} of {one['population']:,}"

    @property
    def facts(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "control": self.check.control.id,
            "requirement": self.check.requirement,
            "size": self.size,
            "seed": self.seed,
            "by": list(self.by),
            "population": self.population,
            "population_sha256": self.population_sha256,
            "sample": len(self.rows),
            "strata": list(self.strata),
            "method": self.method,
        }


def draw(evidence: EvidenceSet, check: Check, size: int, seed: str, by: tuple[str, ...] = ()) -> Drawn:
    """Return a sample of `size` of what a check judged: all of it, where there is no more."""
    judged = Asked(checks=(check,), statuses=(Status.FAIL, Status.NOT_CHECKED, Status.PASS)).choice
    some = list(evidence.rows_where("findings", judged, list(COLUMNS)))
    rows = pa.concat_tables([FINDINGS.empty_table().select(list(COLUMNS)), *some]).unify_dictionaries()
    keys = _keys(rows)
    # By subject; of one that stands there twice, by what is said of it, and where.
    texts = {name: rows[name].cast(pa.string()) for name in ("status", "message", "source")}
    sorted_by = pa.table({"key": keys, **texts, "line": rows["line"]})
    order = pc.sort_indices(sorted_by, sort_keys=[(name, "ascending") for name in sorted_by.column_names])
    rows, keys = rows.take(order), keys.take(order)
    stratum, strata = _strata(rows, by)
    number = _numbers(keys, seed)
    place = np.lexsort((np.arange(len(rows)), number, stratum))
    sizes = np.bincount(stratum, minlength=len(strata))
    shares = allocate(sizes, size)
    rank = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    chosen = np.sort(place[rank < np.repeat(shares, sizes)])
    told = [
        {**values, "population": int(count), "sample": int(share)}
        for values, count, share in zip(strata, sizes, shares, strict=True)
    ]
    return Drawn(check, size, seed, by, rows.take(pa.array(chosen)), len(rows), _digest(keys, rows), tuple(told))


def _keys(rows: pa.Table) -> pa.Array:
    """Return the names of subjects."""
    texts = [pc.fill_null(rows[name].cast(pa.string()), "") for name in _KEYS]
    return pc.binary_join_element_wise(*texts, _BETWEEN).combine_chunks()


def _numbers(keys: pa.Array, seed: str) -> npt.NDArray[np.uint64]:
    """Return the number of each subject; equal subjects are told apart by how many of them come before."""
    names = keys.to_pandas().astype("object")
    twice = names.groupby(names).cumcount()
    names = names.where(twice == 0, names + _BETWEEN + twice.astype("str"))
    key = hashlib.sha256(seed.encode()).hexdigest()[:16]
    return np.asarray(pd.util.hash_array(names.to_numpy(), hash_key=key, categorize=False), np.uint64)


def _digest(keys: pa.Array, rows: pa.Table) -> str:
    """Return the SHA-256 of the population: a line for each subject in order, with its status."""
    large = pa.large_string()
    columns = [one.cast(large) for one in (keys, rows["status"].cast(pa.string()).combine_chunks())]
    between, end, nothing = (pa.scalar(text, large) for text in (_BETWEEN, "\n", ""))
    lines = pc.binary_join_element_wise(pc.binary_join_element_wise(*columns, between), end, nothing)
    # The texts of a column lie one behind the other.
    return hashlib.sha256(lines.buffers()[2] or b"").hexdigest()


def _strata(rows: pa.Table, by: tuple[str, ...]) -> tuple[Whole, list[dict[str, Any]]]:
    """Return the stratum of each row, as a number, and the values of the strata, sorted."""
    if not by:
        return np.zeros(len(rows), np.int64), [{}]
    columns = {"account": "account_id", "kind": "credential", "status": "status"}
    frame = pd.DataFrame({name: rows[columns[name]].cast(pa.string()).to_pandas().astype("object") for name in by})
    if "kind" in by:
        frame["kind"] = frame["kind"].str.replace(r"_\d$", "", regex=True)
    frame = frame.fillna("")
    groups = frame.groupby(list(by) if len(by) > 1 else by[0], sort=True)  # else pandas warns of one name in a list
    names = [key if isinstance(key, tuple) else (key,) for key in groups.groups]
    return groups.ngroup().to_numpy().astype(np.int64), [dict(zip(by, name, strict=True)) for name in names]


def allocate(sizes: Whole, size: int) -> Whole:
    """Return how many subjects of each stratum are drawn: by largest remainders, one at least where `size` allows it.

    `sizes` are those of the strata; no stratum gives more than it has.
    """
    total = int(sizes.sum())
    size = min(size, total)
    least = ((sizes > 0) & (size >= (sizes > 0).sum())).astype(np.int64)
    exact = sizes * (size / max(total, 1))
    shares: Whole = np.minimum(np.maximum(np.floor(exact).astype(np.int64), least), sizes)
    while (rest := size - int(shares.sum())) != 0:
        if rest > 0:
            open_ones = np.flatnonzero(shares < sizes)
            order = open_ones[np.argsort(-(exact - shares)[open_ones], kind="stable")]
            shares[order[:rest]] += 1
        else:
            open_ones = np.flatnonzero(shares > least)
            order = open_ones[np.argsort((exact - shares)[open_ones], kind="stable")]
            shares[order[:-rest]] -= 1
    return shares
