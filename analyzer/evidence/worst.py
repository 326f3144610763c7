"""Finds the worst rows of a stored table: one pass over a few columns finds them, a second pass reads them.

The memory depends on the number of requested rows, not on the size of the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.control import Severity
from analyzer.controls.vocabulary import Outcome
from analyzer.evidence.checks import is_open
from analyzer.judging.staleness import is_old
from analyzer.reading.columns import codes_and_texts, has_text, micros_of
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
"""Waived findings are sorted after not checked and before not applicable."""
_MOST_DAYS: Final = 1 << 32
"""A number that is larger than any number of days."""


@dataclass(frozen=True)
class Rank:
    """An order of the rows of a table: `of` returns a number for each row of a batch, and the lowest comes first.

    The batch has at least the columns `needs`.
    """

    needs: tuple[str, ...]
    of: Callable[[pa.Table], Whole]


@dataclass(frozen=True)
class Choice:
    """A selection of rows: `of` returns a flag for each row of a batch, from the columns `needs`."""

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
    """Return the worst `count` findings that `where` chooses, worst first (see `worst_first`).

    Findings of equal rank keep the stored order. The table has the `columns`, or all columns. Raises ValueError if a
    finding has no check in the checklist.
    """
    return first_rows(tables, "findings", count, worst_first(checklist), where=where, columns=columns)


def first_rows(  # noqa: PLR0913 - the table, the order and the selection
    tables: Tables,
    name: str,
    count: int,
    rank: Rank,
    *,
    where: Choice = EVERY_ROW,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """Return the first `count` rows of the table `name` in the order of `rank`; equal rows keep the stored order."""
    positions, _ = first_positions(tables, name, count, {"": (rank, where)})[""]
    return _rows_in_order(tables, name, positions, columns)


def _rows_in_order(tables: Tables, name: str, positions: Whole, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows at `positions`, in the order of `positions`."""
    ascending = np.unique(positions)
    return tables.rows_at(name, ascending, columns).take(pa.array(np.searchsorted(ascending, positions)))


def first_positions(
    tables: Tables, name: str, count: int, groups: Mapping[str, tuple[Rank, Choice]]
) -> dict[str, tuple[Whole, int]]:
    """Return for each group the positions of its first `count` rows, in the order of its rank, and its row count."""
    needs = list(dict.fromkeys(column for pair in groups.values() for part in pair for column in part.needs))
    lowest = {group: _Lowest(count) for group in groups}
    start = 0
    for batch in tables.batches(name, needs):
        ranks = {rank: rank.of(batch) for rank in {rank for rank, _ in groups.values()}}
        for group, (rank, choice) in groups.items():
            chosen = np.flatnonzero(choice.of(batch))
            lowest[group].add(ranks[rank][chosen], chosen + start)
        start += batch.num_rows
    return {group: (rows.positions(), rows.row_count) for group, rows in lowest.items()}


UNUSED, GRAVE, DUE = "unused", "grave", "due"
"""Groups of notable findings: open findings of `unused-credentials`, open critical and high findings, and findings that
come due.

If `unused-credentials` was not judged, the first group has all open findings, and there is no second group.
"""
MOST_SHOWN: Final = 10
"""The number of findings, or users, that are shown of a group."""
MOST_IN_FULL: Final = 1_000
"""The number of findings, or users, that are shown of a group where everything is asked for."""


def notable(
    tables: Tables, checklist: Checklist, due: tuple[Rank, Choice] | None = None, most: int = MOST_SHOWN
) -> dict[str, tuple[pa.Table, int]]:
    """Return for each group its worst findings, at most `most`, and the number of all its findings.

    `due` is the order and the choice of findings that come due (see `analyzer.evidence.due`).

    For critical and high findings, all open findings of the worst users (or root users, or accounts) are returned. If
    a control is judged by several limits, only the strictest limit counts.
    """
    needs = ("control", "requirement", "status", "severity", "waiver", "reason")
    checks = checklist.positions

    def is_open_once(batch: pa.Table) -> Flags:
        # Every account has the same manual checks, which are not open. Outputs list them once, below the controls.
        open_rows = is_open(batch)
        if not checklist.repeated:
            return open_rows
        return open_rows & ~np.isin(positions_of(batch, checks), checklist.repeated)

    def is_main(batch: pa.Table) -> Flags:
        if checklist.unused is None:
            return np.ones(batch.num_rows, bool)
        return has_text(batch["control"], (checklist.unused.control.id,))

    def is_grave(batch: pa.Table) -> Flags:
        return is_open_once(batch) & has_text(batch["severity"], (Severity.CRITICAL, Severity.HIGH))

    order = worst_first(checklist)
    groups = {
        UNUSED: (order, Choice(needs, lambda batch: is_open_once(batch) & is_main(batch))),
        **({GRAVE: (order, Choice(needs, is_grave))} if checklist.unused else {}),
        **({DUE: due} if due else {}),
    }
    by_group = first_positions(tables, "findings", most, groups)
    worst = {
        group: (_rows_in_order(tables, "findings", positions), row_count)
        for group, (positions, row_count) in by_group.items()
        if group != GRAVE
    }
    if GRAVE in by_group:
        positions, row_count = by_group[GRAVE]
        worst[GRAVE] = _all_of_their_users(tables, checklist, positions, is_grave, order), row_count
    return worst


_OF_A_USER: Final = 6
"""The maximum number of findings of one control on a row of a report: five credentials and the row as a whole."""


def _all_of_their_users(
    tables: Tables, checklist: Checklist, positions: Whole, is_chosen: Callable[[pa.Table], Flags], order: Rank
) -> pa.Table:
    """Return the findings that `is_chosen` marks on the report rows of the findings at `positions`, worst row first.

    Findings on the same report row are adjacent in the table.
    """
    reach = len(checklist.checks) * _OF_A_USER
    near = np.unique(positions[:, None] + np.arange(-reach, reach + 1)[None, :])
    near = near[(near >= 0) & (near < tables.rows("findings"))]
    rows = tables.rows_at("findings", near)
    keys = list(zip(*(rows[name].to_pylist() for name in ("account_id", "source", "line")), strict=True))
    first = {keys[at]: number for number, at in reversed([*enumerate(np.searchsorted(near, positions).tolist())])}
    of_user = np.array([first.get(key, -1) for key in keys], np.int64)
    chosen = np.flatnonzero((of_user >= 0) & is_chosen(rows))
    return rows.take(pa.array(chosen[np.lexsort([order.of(rows)[chosen], of_user[chosen]])]))


class _Lowest:
    """Collects the positions of the `count` lowest ranks; of equal ranks, the first positions are kept."""

    def __init__(self, count: int) -> None:
        self.row_count = 0
        self._count = count
        self._ranks = np.array([], np.int64)
        self._positions = np.array([], np.int64)

    def add(self, ranks: Whole, positions: Whole) -> None:
        """Add rows with positions higher than all that were added before."""
        self.row_count += len(ranks)
        ranks, positions = np.concatenate([self._ranks, ranks]), np.concatenate([self._positions, positions])
        lowest = _lowest(ranks, self._count)
        self._ranks, self._positions = ranks[lowest], positions[lowest]

    def positions(self) -> Whole:
        """Return the positions sorted by rank; positions of equal rank ascend."""
        return self._positions[np.argsort(self._ranks, kind="stable")]


def _lowest(ranks: Whole, count: int) -> Whole:
    """Return the ascending positions of the `count` lowest ranks; of equal ranks, the first positions are taken."""
    if len(ranks) <= count:
        return np.arange(len(ranks))
    if count == 0:
        return np.array([], np.int64)
    last = np.partition(ranks, count - 1)[count - 1]
    below, equal = np.flatnonzero(ranks < last), np.flatnonzero(ranks == last)
    return np.sort(np.concatenate([below, equal[: count - len(below)]]))


def worst_first(checklist: Checklist) -> Rank:
    """Return the order of findings: failures, not checked, waived, not applicable, passes.

    Within each group, findings are sorted by severity (most severe first), check, age of the report (old reports last),
    and days (longest first). For controls with `min_idle_days`, where the use itself is the failure, the shortest time
    comes first.
    """
    checks = checklist.positions
    latest_first = np.array(["min_idle_days" in check.parameters for check in checklist.checks])
    severities = {severity.value: at for at, severity in enumerate(Severity)}

    def rank(findings: pa.Table) -> Whole:
        check = positions_of(findings, checks)
        days = pc.fill_null(pc.coalesce(findings["idle_days"], findings["age_days"]).cast(pa.int64()), -1).to_numpy()
        waived = findings["waiver"].is_valid().to_numpy()
        group = np.where(waived, _WAIVED, _numbers(findings["status"], _STATUS_ORDER))
        first = (group * len(severities) + _numbers(findings["severity"], severities)) * len(checks) + check
        old = is_old(micros_of(findings["captured_at"]), micros_of(findings["as_of"]), checklist.old_report_days)
        ranks: Whole = (2 * first + old) * (2 * _MOST_DAYS) + _MOST_DAYS + np.where(latest_first[check], days, -days)
        return ranks

    needs = ("control", "requirement", "status", "severity", "waiver", "idle_days", "age_days", "captured_at", "as_of")
    return Rank(needs, rank)


def open_credentials_first() -> Rank:
    """Return the order of credentials: failures first, then not checked, then all others."""
    order = {outcome.value: 2 for outcome in Outcome} | {Outcome.FAIL.value: 0, Outcome.NOT_CHECKED.value: 1}
    return Rank(("outcome",), lambda credentials: _numbers(credentials["outcome"], order, missing=2))


def most_serious_first() -> Rank:
    """Return the order of data issues: the most severe level first."""
    order = {code: -int(issue.level) for code, issue in CODES.items()}
    return Rank(("code",), lambda issues: _numbers(issues["code"], order))


def positions_of(findings: pa.Table, checks: Mapping[tuple[str, str | None], int]) -> Whole:
    """Return the position in `checks` of each finding's check, by control and requirement."""
    if not findings.num_rows:
        return np.array([], np.int64)
    control, controls = codes_and_texts(findings["control"])
    requirement, requirements = codes_and_texts(findings["requirement"])
    # The last column is for no requirement, whose code is -1.
    position_table = np.array(
        [[checks.get((control_id, number), -1) for number in [*requirements, None]] for control_id in controls]
    )
    positions: Whole = position_table[control, requirement].astype(np.int64)
    if (positions < 0).any():
        at = int(np.flatnonzero(positions < 0)[0])
        raise ValueError(f"a finding has no check in the checklist: {findings.slice(at, 1).to_pylist()[0]}")
    return positions


def _numbers(column: pa.ChunkedArray, numbers: Mapping[str, int], missing: int | None = None) -> Whole:
    """Return the number of each text. Raises ValueError for other texts, and for null unless `missing` is given."""
    codes, texts = codes_and_texts(column)
    # The last element is for null, whose code is -1.
    of_code = [numbers.get(text) for text in texts] + [missing]
    unknown = np.array([number is None for number in of_code])
    if unknown[codes].any():
        texts_and_none = [*texts, None]
        raise ValueError(f"unknown value: {texts_and_none[codes[unknown[codes]][0]]}")
    result: Whole = np.array([number or 0 for number in of_code], np.int64)[codes]
    return result
