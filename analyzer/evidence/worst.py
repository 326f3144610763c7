"""The rows of a stored table that matter most, found in one pass over a few columns and gathered in a second.

Memory is bounded by the number of rows asked for, whatever the size of the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.control import Severity
from analyzer.controls.vocabulary import Outcome, Reason, Status
from analyzer.reading.columns import codes_and_texts, has_text
from analyzer.reading.issues import CODES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from analyzer.controls.checklist import Checklist
    from analyzer.evidence.tables import Tables

    Whole = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

_STATUS_ORDER: Final[Mapping[str, int]] = {"fail": 0, "not_checked": 2, "not_applicable": 4, "pass": 6}
_WAIVED: Final = 3
"""What is waived stands between what is open and what does not apply or passes."""
_MOST_DAYS: Final = 1 << 32
"""More days than there are in any number of days."""


@dataclass(frozen=True)
class Rank:
    """How the rows of a table are ordered: `of` returns a number for each row of a batch, the lowest for the first.

    A batch has the columns `needs`, and those that a choice of rows needs.
    """

    needs: tuple[str, ...]
    of: Callable[[pa.Table], Whole]


@dataclass(frozen=True)
class Choice:
    """Which rows count: `of` returns a flag for each row of a batch, made from the columns `needs`."""

    needs: tuple[str, ...]
    of: Callable[[pa.Table], Flags]


EVERY_ROW: Final = Choice((), lambda batch: np.ones(batch.num_rows, bool))


def worst_rows(
    tables: Tables,
    checklist: Checklist,
    count: int,
    *,
    where: Choice = EVERY_ROW,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """Return the worst `count` findings that `where` chooses, worst first (see `worst_first`); equal ones as stored.

    With the chosen `columns`, or all. Raises ValueError where a finding is of no check of the checklist.
    """
    return first_rows(tables, "findings", count, worst_first(checklist), where=where, columns=columns)


def first_rows(  # noqa: PLR0913 - a table, an order, and what of it
    tables: Tables,
    name: str,
    count: int,
    rank: Rank,
    *,
    where: Choice = EVERY_ROW,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """Return the first `count` rows of the table `name` in the order of `rank`; equal ones as stored."""
    positions, _ = first_positions(tables, name, count, {"": (rank, where)})[""]
    return _rows_in_order(tables, name, positions, columns)


def _rows_in_order(tables: Tables, name: str, positions: Whole, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows at some positions, in the order in which these are given."""
    every = np.unique(positions)
    return tables.rows_at(name, every, columns).take(pa.array(np.searchsorted(every, positions)))


def first_positions(
    tables: Tables, name: str, count: int, groups: Mapping[str, tuple[Rank, Choice]]
) -> dict[str, tuple[Whole, int]]:
    """Return for each group where its first `count` rows are, in the order of its rank, and how many rows it has."""
    needs = list(dict.fromkeys(column for pair in groups.values() for one in pair for column in one.needs))
    lowest = {group: _Lowest(count) for group in groups}
    start = 0
    for batch in tables.batches(name, needs):
        ranks = {rank: rank.of(batch) for rank in {rank for rank, _ in groups.values()}}
        for group, (rank, choice) in groups.items():
            here = np.flatnonzero(choice.of(batch))
            lowest[group].add(ranks[rank][here], here + start)
        start += batch.num_rows
    return {group: (found.positions(), found.seen) for group, found in lowest.items()}


UNUSED, GRAVE, DUE = "unused", "grave", "due"
"""Groups of notable findings: of `unused-credentials`; what is critical or high; and what passes and comes due.

Without `unused-credentials`, all that is open is in the first, and nothing in the second.
"""
MOST_SHOWN: Final = 10
"""Findings, or users, of a group that are shown."""


def notable(
    tables: Tables, checklist: Checklist, due: tuple[Rank, Choice] | None = None
) -> dict[str, tuple[pa.Table, int]]:
    """Return by group the findings that need a look, the worst of them, and how many there are.

    `due` chooses what comes due, and says what of it comes first (see `analyzer.evidence.due`).

    Of what is critical or high, all that is open of the users (roots, accounts) with the worst of it is returned. Of a
    control that is judged by several limits, only the strictest counts.
    """
    needs = ("control", "requirement", "status", "severity", "waiver", "reason")
    checks = checklist.positions

    def is_open(batch: pa.Table) -> Flags:
        not_waived: Flags = np.asarray(batch["waiver"].is_null(), bool)
        found = not_waived & has_text(batch["status"], (Status.FAIL, Status.NOT_CHECKED))
        return found & ~np.isin(positions_of(batch, checks), checklist.repeated) if checklist.repeated else found

    def is_main(batch: pa.Table) -> Flags:
        if checklist.unused is None:
            return np.ones(batch.num_rows, bool)
        return has_text(batch["control"], (checklist.unused.control.id,))

    def is_grave(batch: pa.Table) -> Flags:
        # That the kind of a device is not in the report holds for every account: it is said once, below the controls.
        said_elsewhere = has_text(batch["reason"], (Reason.MANUAL,))
        return is_open(batch) & has_text(batch["severity"], (Severity.CRITICAL, Severity.HIGH)) & ~said_elsewhere

    order = worst_first(checklist)
    groups = {
        UNUSED: (order, Choice(needs, lambda batch: is_open(batch) & is_main(batch))),
        **({GRAVE: (order, Choice(needs, is_grave))} if checklist.unused else {}),
        **({DUE: due} if due else {}),
    }
    found = first_positions(tables, "findings", MOST_SHOWN, groups)
    worst = {
        group: (_rows_in_order(tables, "findings", positions), seen)
        for group, (positions, seen) in found.items()
        if group != GRAVE
    }
    if GRAVE in found:
        positions, seen = found[GRAVE]
        worst[GRAVE] = _all_of_their_users(tables, checklist, positions, is_grave, order), seen
    return worst


_OF_A_USER: Final = 6
"""Findings of one control on a row of a report, at most: its credentials, and the row as a whole."""


def _all_of_their_users(
    tables: Tables, checklist: Checklist, positions: Whole, wanted: Callable[[pa.Table], Flags], order: Rank
) -> pa.Table:
    """Return all wanted findings on the rows of reports that findings at some positions are about, worst row first.

    Findings on a row follow one another.
    """
    reach = len(checklist.checks) * _OF_A_USER
    near = np.unique(positions[:, None] + np.arange(-reach, reach + 1)[None, :])
    near = near[(near >= 0) & (near < tables.rows("findings"))]
    rows = tables.rows_at("findings", near)
    keys = list(zip(*(rows[name].to_pylist() for name in ("account_id", "source", "line")), strict=True))
    first = {keys[at]: number for number, at in reversed([*enumerate(np.searchsorted(near, positions).tolist())])}
    of_user = np.array([first.get(key, -1) for key in keys], np.int64)
    chosen = np.flatnonzero((of_user >= 0) & wanted(rows))
    return rows.take(pa.array(chosen[np.lexsort([order.of(rows)[chosen], of_user[chosen]])]))


class _Lowest:
    """The positions of the `count` lowest ranks among all that were added, in stored order; of equal ones the first."""

    def __init__(self, count: int) -> None:
        self.seen = 0
        self._count = count
        self._ranks = np.array([], np.int64)
        self._positions = np.array([], np.int64)

    def add(self, ranks: Whole, positions: Whole) -> None:
        """Add rows that stand behind all that were added before."""
        self.seen += len(ranks)
        ranks, positions = np.concatenate([self._ranks, ranks]), np.concatenate([self._positions, positions])
        kept = _lowest(ranks, self._count)
        self._ranks, self._positions = ranks[kept], positions[kept]

    def positions(self) -> Whole:
        """Return the positions by rank, equal ones as stored."""
        return self._positions[np.argsort(self._ranks, kind="stable")]


def _lowest(ranks: Whole, count: int) -> Whole:
    """Return where the `count` lowest ranks are, in order of place; of those equal to the last one, the first."""
    if len(ranks) <= count:
        return np.arange(len(ranks))
    if count == 0:
        return np.array([], np.int64)
    last = np.partition(ranks, count - 1)[count - 1]
    below, equal = np.flatnonzero(ranks < last), np.flatnonzero(ranks == last)
    return np.sort(np.concatenate([below, equal[: count - len(below)]]))


def worst_first(checklist: Checklist) -> Rank:
    """Return the order of findings: failures, not checked, what is waived, not applicable, passes.

    Within each the gravest severity first, then by check, then the longest time first; where use itself is what fails
    (`min_idle_days`), the latest first.
    """
    checks = checklist.positions
    latest_first = np.array(["min_idle_days" in one.parameters for one in checklist.checks])
    severities = {severity.value: at for at, severity in enumerate(Severity)}

    def rank(findings: pa.Table) -> Whole:
        check = positions_of(findings, checks)
        days = pc.fill_null(pc.coalesce(findings["idle_days"], findings["age_days"]).cast(pa.int64()), -1).to_numpy()
        waived = findings["waiver"].is_valid().to_numpy()
        group = np.where(waived, _WAIVED, _numbers(findings["status"], _STATUS_ORDER))
        first = (group * len(severities) + _numbers(findings["severity"], severities)) * len(checks) + check
        ranks: Whole = first * (2 * _MOST_DAYS) + _MOST_DAYS + np.where(latest_first[check], days, -days)
        return ranks

    needs = ("control", "requirement", "status", "severity", "waiver", "idle_days", "age_days")
    return Rank(needs, rank)


def open_credentials_first() -> Rank:
    """Return the order of credentials in which those that fail come first, then those that could not be decided."""
    order = {outcome.value: 2 for outcome in Outcome} | {Outcome.FAIL.value: 0, Outcome.NOT_CHECKED.value: 1}
    return Rank(("outcome",), lambda credentials: _numbers(credentials["outcome"], order, missing=2))


def gravest_first() -> Rank:
    """Return the order of data issues in which those that take most from the evidence come first."""
    order = {code: -int(known.level) for code, known in CODES.items()}
    return Rank(("code",), lambda issues: _numbers(issues["code"], order))


def positions_of(findings: pa.Table, checks: Mapping[tuple[str, str | None], int]) -> Whole:
    """Return for each finding the position of its check: control and requirement name it."""
    if not findings.num_rows:
        return np.array([], np.int64)
    control, controls = codes_and_texts(findings["control"])
    requirement, requirements = codes_and_texts(findings["requirement"])
    # The last column stands for no requirement, whose code is -1.
    position = np.array([[checks.get((one, number), -1) for number in [*requirements, None]] for one in controls])
    found: Whole = position[control, requirement].astype(np.int64)
    if (found < 0).any():
        at = int(np.flatnonzero(found < 0)[0])
        raise ValueError(f"a finding has no check in the checklist: {findings.slice(at, 1).to_pylist()[0]}")
    return found


def _numbers(column: pa.ChunkedArray, numbers: Mapping[str, int], missing: int | None = None) -> Whole:
    """Return the number of each text of a few. Raises ValueError for others, and for none unless `missing` is given."""
    codes, texts = codes_and_texts(column)
    # The last place stands for no text, whose code is -1.
    of_code = [numbers.get(text) for text in texts] + [missing]
    unknown = np.array([number is None for number in of_code])
    if unknown[codes].any():
        texts_and_none = [*texts, None]
        raise ValueError(f"unknown value: {texts_and_none[codes[unknown[codes]][0]]}")
    found: Whole = np.array([number or 0 for number in of_code], np.int64)[codes]
    return found
