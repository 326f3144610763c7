"""Draws an audit sample from the subjects that a control judged; the same seed gives the same sample.

Each subject gets a number that depends only on the seed and the subject. The subjects with the lowest numbers are in
the sample. So the order of files and rows has no influence, and every subject has the same chance (a simple random
sample without replacement). With strata, each stratum gets its share of the sample (largest remainders), and at least
one subject: the chance is the same within a stratum, and differs between strata.
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
from analyzer.evidence.answer import reference
from analyzer.evidence.schema import FINDINGS
from analyzer.evidence.selection import MANUAL, Selection

if TYPE_CHECKING:
    import numpy.typing as npt

    from analyzer.controls.checklist import Check
    from analyzer.evidence.opened import EvidenceSet

    Whole = npt.NDArray[np.int64]

COLUMNS: Final = (
    *("control", "requirement", "account_id", "user", "arn", "credential", "status", "waiver", "message", "basis"),
    *("basis_time",),
    *("idle_days", "age_days", "limit_days", "as_of", "captured_at", "source", "line"),
)
"""The columns of findings that a sample has."""
FOR_THE_TESTER: Final = ("tested_by", "tested_on", "evidence_seen", "result", "comment")
"""Empty columns, which the tester fills in."""
_KEYS: Final = ("account_id", "arn", "user", "credential", "captured_at")
"""The columns that identify a subject, independent of file names."""
_BETWEEN: Final = "\x1f"


@dataclass(frozen=True)
class Drawn:
    """A sample: `rows` in the order of the population (see `draw`), and how it was drawn."""

    check: Check
    size: int
    seed: str
    by: tuple[str, ...]
    rows: pa.Table
    """With strata, also the columns `stratum` and `stratum_size` (its number of subjects in the population)."""
    population: int
    population_sha256: str
    """The SHA-256 of the sorted subjects and their status, a line each."""
    strata: tuple[dict[str, Any], ...]
    """For each stratum: its values, and the number of its subjects in the population and in the sample."""
    source: tuple[str, ...] = ()
    """The evidence set, the control and the reference date in lines."""

    @cached_property
    def method(self) -> list[str]:
        """The method in lines, with all facts that are needed to draw the sample again."""
        population = f"the subjects that {self.check.control.id} judged, without those that are not applicable"
        kind = (
            "a stratified random sample: a simple random sample within each stratum; the chance differs between strata"
            if self.by
            else "a simple random sample; each subject has the same chance"
        )
        drawn = (
            f"{kind}. Nothing is drawn twice. SipHash, with a key made from the seed, gives each subject (account, "
            "ARN, user, credential, capture time) a number. The subjects with the lowest numbers "
            f"{'of each stratum ' if self.by else ''}are drawn."
        )
        strata = (
            f"Strata: {', '.join(self.by)}. Each stratum has its share of the sample (largest remainders), and at "
            "least one subject if the sample is large enough."
        )
        return [
            *self.source,
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
        return [
            first,
            f"Seed {self.seed!r}; SHA-256 of the population: {self.population_sha256}.",
            *(
                f"{_in_words(stratum, self.by)}: {stratum['sample']:,} of {stratum['population']:,}"
                for stratum in self.strata
                if self.by
            ),
        ]

    @property
    def facts(self) -> dict[str, Any]:
        """The sample and its method as plain data, without the rows."""
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


def _in_words(stratum: dict[str, Any], by: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {stratum[name] or 'unknown'}" for name in by)


def draw(evidence: EvidenceSet, check: Check, size: int, seed: str, by: tuple[str, ...] = ()) -> Drawn:
    """Return a sample of `size` subjects that a check judged, or all subjects if there are not more."""
    judged = Selection(checks=(check,), statuses=(Status.FAIL, Status.NOT_CHECKED, MANUAL, Status.PASS)).choice
    batches = evidence.rows_where("findings", judged, list(COLUMNS))
    rows = pa.concat_tables([FINDINGS.empty_table().select(list(COLUMNS)), *batches]).unify_dictionaries()
    keys = _keys(rows)
    # Sort by subject. Rows of the same subject are sorted by their result and their place in the reports.
    texts = {name: rows[name].cast(pa.string()) for name in ("status", "message", "source")}
    sorted_by = pa.table({"key": keys, **texts, "line": rows["line"]})
    order = pc.sort_indices(sorted_by, sort_keys=[(name, "ascending") for name in sorted_by.column_names])
    rows, keys = rows.take(order), keys.take(order)
    stratum, strata = _strata(rows, by)
    number = _numbers(keys, seed)
    draw_order = np.lexsort((np.arange(len(rows)), number, stratum))
    sizes = np.bincount(stratum, minlength=len(strata))
    shares = allocate(sizes, size)
    rank = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    chosen = np.sort(draw_order[rank < np.repeat(shares, sizes)])
    stratum_facts = [
        {**values, "population": int(count), "sample": int(share)}
        for values, count, share in zip(strata, sizes, shares, strict=True)
    ]
    digest = _digest(keys, rows)
    drawn = rows.take(pa.array(chosen))
    if by:
        names = pa.array([_in_words(values, by) for values in strata], pa.string())
        drawn = drawn.append_column("stratum", names.take(pa.array(stratum[chosen])))
        drawn = drawn.append_column("stratum_size", pa.array(sizes[stratum[chosen]], pa.int64()))
    return Drawn(
        check,
        size,
        seed,
        by,
        drawn,
        len(rows),
        digest,
        tuple(stratum_facts),
        _source(evidence, check),
    )


def _source(evidence: EvidenceSet, check: Check) -> tuple[str, ...]:
    """Return what the sample was drawn from, in lines. The name of the evidence set is without the folders above it."""
    limit = "no limit in days" if check.limit_days is None else f"limit {counted(check.limit_days, 'day')}"
    number = f" ({evidence.settings.checklist.numbers_of.title} {check.requirement})" if check.requirement else ""
    name = evidence.location.rstrip("/").replace("\\", "/").rpartition("/")[2]
    digest, judged_at = evidence.manifest["digest"], reference(evidence.summary)
    return (
        f"Evidence set: {name}; digest of the evidence set (credreport verify prints it): {digest}.",
        f"Control: {check.control.id}{number}, {limit}: {check.title}.",
        f"{judged_at}.",
    )


def _keys(rows: pa.Table) -> pa.Array:
    """Return the key of each row's subject (see `_KEYS`)."""
    texts = [pc.fill_null(rows[name].cast(pa.string()), "") for name in _KEYS]
    return pc.binary_join_element_wise(*texts, _BETWEEN).combine_chunks()


def _numbers(keys: pa.Array, seed: str) -> npt.NDArray[np.uint64]:
    """Return the number of each subject; rows with an equal key are numbered, so that each gets another number."""
    names = keys.to_pandas().astype("object")
    twice = names.groupby(names).cumcount()
    names = names.where(twice == 0, names + _BETWEEN + twice.astype("str"))
    key = hashlib.sha256(seed.encode()).hexdigest()[:16]
    return np.asarray(pd.util.hash_array(names.to_numpy(), hash_key=key, categorize=False), np.uint64)


def _digest(keys: pa.Array, rows: pa.Table) -> str:
    """Return the SHA-256 of the population: a line for each subject in order, with its status."""
    large = pa.large_string()
    columns = [column.cast(large) for column in (keys, rows["status"].cast(pa.string()).combine_chunks())]
    between, end, nothing = (pa.scalar(text, large) for text in (_BETWEEN, "\n", ""))
    lines = pc.binary_join_element_wise(pc.binary_join_element_wise(*columns, between), end, nothing)
    # The data buffer of a text column has all texts one after the other.
    return hashlib.sha256(lines.buffers()[2] or b"").hexdigest()


def _strata(rows: pa.Table, by: tuple[str, ...]) -> tuple[Whole, list[dict[str, Any]]]:
    """Return the number of each row's stratum, and the values of the strata, sorted."""
    if not by:
        return np.zeros(len(rows), np.int64), [{}]
    columns = {"account": "account_id", "kind": "credential", "status": "status"}
    frame = pd.DataFrame({name: rows[columns[name]].cast(pa.string()).to_pandas().astype("object") for name in by})
    if "kind" in by:
        frame["kind"] = frame["kind"].str.replace(r"_\d$", "", regex=True)
    frame = frame.fillna("")
    groups = frame.groupby(list(by) if len(by) > 1 else by[0], sort=True)  # pandas warns about a list of one name
    names = [key if isinstance(key, tuple) else (key,) for key in groups.groups]
    return groups.ngroup().to_numpy().astype(np.int64), [dict(zip(by, name, strict=True)) for name in names]


def allocate(sizes: Whole, size: int) -> Whole:
    """Return the number of subjects to draw from each stratum: largest remainders, and at least one if `size` allows.

    `sizes` are the sizes of the strata; the share of a stratum is never larger than its size.
    """
    total = int(sizes.sum())
    size = min(size, total)
    least = ((sizes > 0) & (size >= (sizes > 0).sum())).astype(np.int64)
    exact = sizes * (size / max(total, 1))
    shares: Whole = np.minimum(np.maximum(np.floor(exact).astype(np.int64), least), sizes)
    while (remainder := size - int(shares.sum())) != 0:
        if remainder > 0:
            candidates = np.flatnonzero(shares < sizes)
            order = candidates[np.argsort(-(exact - shares)[candidates], kind="stable")]
            shares[order[:remainder]] += 1
        else:
            candidates = np.flatnonzero(shares > least)
            order = candidates[np.argsort((exact - shares)[candidates], kind="stable")]
            shares[order[:-remainder]] -= 1
    return shares
