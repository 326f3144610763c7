"""Findings over many snapshots -> how long each failure stayed open, and what ended it.

A failure lives through the unbroken run of an account's snapshots in which its subject fails. The next snapshot closes
it if it shows that the subject no longer fails. Where that snapshot cannot tell, or comes after a gap in which others
are missing, sight of the failure was lost and no fix is claimed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.reading.columns import NO_TIME, arrow_of, coded, column_of, microseconds, times_from
from analyzer.reading.layout import Kind
from analyzer.snapshots.record import COVERAGE, TREND
from analyzer.staleness import DAY, codes_of
from analyzer.tables import to_pandas
from analyzer.verdicts import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from analyzer.planning import Chosen

    Whole = npt.NDArray[np.int64]

_GAP: Final = 1.5
"""Times the usual interval between an account's snapshots beyond which some are missing."""
_FAIL, _NOT_CHECKED = (list(Status).index(one) for one in (Status.FAIL, Status.NOT_CHECKED))
_STATES: Final = ["open", "closed", "lost_sight"]
_CLOSINGS: Final = ["deleted", "deactivated", "used", "changed", "mfa_enabled", "other"]
_KINDS: Final = [*Kind, "user"]


@dataclass(frozen=True)
class Timeline:
    """Which snapshot each row of `users` is of: `account` and `order` (0: the account's oldest) as numbers.

    `starts` has for each account the position in `instants` of its oldest snapshot; `instants` (microseconds) are those
    of all snapshots by account and time.
    """

    account: Whole
    order: Whole
    starts: Whole
    instants: Whole

    @classmethod
    def of(cls, users: pd.DataFrame, instants: Whole) -> Timeline:
        """Return the timeline of rows whose snapshots are of `instants` (microseconds)."""
        account = users["account_id"].cat.codes.to_numpy().astype(np.int64)
        pairs = pd.DataFrame({"account": account, "instant": instants}).drop_duplicates()
        pairs = pairs.sort_values(["account", "instant"])
        count = len(users["account_id"].cat.categories)
        starts = np.searchsorted(pairs["account"].to_numpy(), np.arange(count + 1))
        every = pairs["instant"].to_numpy()
        # Accounts far apart, so that one search finds the place within each.
        span = int(every.max() - every.min()) + 1 if len(every) else 1
        low = int(every.min()) if len(every) else 0
        place = np.searchsorted(pairs["account"].to_numpy() * span + (every - low), account * span + (instants - low))
        return cls(account, place - starts[account], starts, every)

    def instant(self, account: Whole, order: Whole) -> Whole:
        """Return the instants of snapshots; `NO_TIME` where an account has no such one."""
        place = self.starts[account] + order
        there = place < self.starts[account + 1]
        return np.where(there, self.instants[np.minimum(place, len(self.instants) - 1)], NO_TIME)

    def usual(self) -> npt.NDArray[np.float64]:
        """Return each account's usual interval in microseconds: the median, a day at least."""
        steps = np.diff(self.instants)
        inner = np.ones(len(steps), bool)
        inner[self.starts[1:-1][self.starts[1:-1] < len(self.instants)] - 1] = False
        owner = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))[: len(steps)]
        medians = pd.Series(steps[inner]).groupby(owner[inner]).median()
        return np.maximum(medians.reindex(range(len(self.starts) - 1)).fillna(DAY).to_numpy(), DAY)


def lifetimes(
    users: pd.DataFrame,
    credentials: pd.DataFrame,
    findings: pd.DataFrame,
    chosen: Sequence[Chosen],
    timeline: Timeline,
) -> pd.DataFrame:
    """Return `LIFETIMES` of findings on many snapshots, by account, control and first appearance.

    `findings` as `judging.judge` makes them of `users` and `credentials`. A further column `user_row` has the position
    in `users` where the failure was last seen.
    """
    subjects = _Subjects(users, credentials, timeline)
    row = findings["user_row"].to_numpy()
    frame = pd.DataFrame(
        {
            "chosen": findings["chosen"].to_numpy().astype(np.int64),
            "subject": subjects.of_findings(findings),
            "order": timeline.order[row],
            "status": findings["status"].cat.codes.to_numpy(),
            "at": np.arange(len(findings)),
        }
    )
    failing = frame[frame["status"] == _FAIL].sort_values(["chosen", "subject", "order", "at"])
    runs = _runs(failing)
    account = timeline.account[row[runs["last_at"].to_numpy()]]
    following = runs["last"].to_numpy() + 1
    after = timeline.instant(account, following)
    ended = after != NO_TIME
    first = timeline.instant(account, runs["first"].to_numpy())
    last = timeline.instant(account, runs["last"].to_numpy())
    gap = ended & (after - last > _GAP * timeline.usual()[account])
    # A use does not make anything younger.
    aged = np.array(["max_age_days" in one.parameters for one in chosen])[runs["chosen"].to_numpy()]
    closing = subjects.closing(findings, runs, following, aged)
    told = _status_at(frame, runs, following)
    undecided = told == _NOT_CHECKED
    closed = ended & ~gap & ~undecided
    end = np.where(closed, after, last)
    plan = [(one.control.id, one.requirement, one.severity.value) for one in chosen]
    which = runs["chosen"].to_numpy()
    shown = findings.take(runs["last_at"].to_numpy()).reset_index(drop=True)
    state = np.select([closed, ended], [1, 2], default=0).astype(np.int8)
    result = pd.DataFrame(
        {
            **{
                name: _of_plan([facts[place] for facts in plan], which)
                for place, name in enumerate(("control", "requirement", "severity"))
            },
            **{name: shown[name] for name in ("account_id", "user", "arn", "credential")},
            "kind": coded(subjects.kind_of(findings, runs), _KINDS),
            "key_created": column_of(times_from(subjects.made_of(findings, runs))),
            "first_seen": column_of(times_from(first)),
            "last_seen": column_of(times_from(last)),
            "state": coded(state, _STATES),
            "closed_at": column_of(times_from(np.where(closed, after, NO_TIME))),
            "closed_by": coded(np.where(closed, closing, -1).astype(np.int8), _CLOSINGS),
            "days_open": column_of(pa.array(((end - first) // DAY).astype(np.int32))),
            "reopened": column_of(pa.array(_reopened(runs, closed))),
            "censored_left": column_of(pa.array(runs["first"].to_numpy() == 0)),
            "censored_right": column_of(pa.array(~ended)),
            **{name: shown[name] for name in ("message", "source", "line", "user_row")},
        }
    )
    order = np.lexsort((first, runs["subject"].to_numpy(), which, account))
    return result.take(order).reset_index(drop=True)


def _of_plan(values: Sequence[str | None], which: Whole) -> pd.Series[Any]:
    names = sorted({value for value in values if value is not None})
    codes = np.array([-1 if value is None else names.index(value) for value in values], np.int32)
    return coded(codes[which], names)


def _runs(failing: pd.DataFrame) -> pd.DataFrame:
    """Return a row per unbroken run: `chosen, subject, first, last` (orders), `last_at` (position of the finding)."""
    same = (failing["chosen"].diff() == 0) & (failing["subject"].diff() == 0) & (failing["order"].diff() <= 1)
    number = (~same).cumsum()
    return failing.groupby(number, sort=False).agg(
        chosen=("chosen", "first"),
        subject=("subject", "first"),
        first=("order", "first"),
        last=("order", "last"),
        last_at=("at", "last"),
    )


def _status_at(frame: pd.DataFrame, runs: pd.DataFrame, order: Whole) -> npt.NDArray[np.int64]:
    """Return the status code of each run's subject in the snapshot that follows it; -1 where it is no subject there."""
    wanted = pd.DataFrame({"chosen": runs["chosen"], "subject": runs["subject"], "order": order})
    found = frame.drop_duplicates(["chosen", "subject", "order"])
    return wanted.merge(found, how="left", on=["chosen", "subject", "order"])["status"].fillna(-1).to_numpy(np.int64)


def _reopened(runs: pd.DataFrame, closed: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """Return for each run how many earlier ones of its subject were closed (runs stand in their order)."""
    done = pd.Series(closed.astype(np.int64), index=runs.index)
    group = [runs["chosen"], runs["subject"]]
    return (done.groupby(group).cumsum() - done).to_numpy().astype(np.int32)


class _Subjects:
    """Who is who across snapshots: one number for each user, and for each credential of one."""

    def __init__(self, users: pd.DataFrame, credentials: pd.DataFrame, timeline: Timeline) -> None:
        self._users, self._credentials, self._timeline = users, credentials, timeline
        name = pc.utf8_lower(arrow_of(users["user"])).combine_chunks().dictionary_encode().indices
        of_user = pd.DataFrame(
            {
                "account": timeline.account,
                "name": pc.fill_null(name, -1).to_numpy(),
                "made": microseconds(users["user_creation_time"]),
            }
        )
        self._user = of_user.groupby(list(of_user), sort=False).ngroup().to_numpy().astype(np.int64)
        owner = credentials["user_row"].to_numpy()
        kind = codes_of(credentials["kind"])
        made = microseconds(credentials["last_changed"])
        slot = codes_of(credentials["credential"]).astype(np.int64)
        parts = pd.DataFrame(
            {
                "user": self._user[owner],
                "kind": kind,
                # A password is one, whenever it was set; a key is known by its creation, else only by its slot.
                "made": np.where(kind == _KINDS.index(Kind.PASSWORD), NO_TIME, made),
            }
        )
        twin = parts.assign(row=owner).duplicated(keep=False).to_numpy() | (parts["made"] == NO_TIME).to_numpy()
        parts["slot"] = np.where(twin, slot, -1)
        self._credential = parts.groupby(list(parts), sort=False).ngroup().to_numpy().astype(np.int64)
        self._count = int(self._user.max(initial=-1)) + 1
        self._kind, self._made = kind, parts["made"].to_numpy()

    def of_findings(self, findings: pd.DataFrame) -> Whole:
        """Return the number of each finding's subject: users first, then credentials, accounts as a whole last."""
        row, position = findings["user_row"].to_numpy(), findings["credential_row"].to_numpy()
        everything = self._count + int(self._credential.max(initial=-1)) + 1
        whole = findings["line"].isna().to_numpy()
        of_account = everything + self._timeline.account[row]
        by_credential = np.append(self._credential, -1)[position] + self._count
        return np.select([whole, position >= 0], [of_account, by_credential], default=self._user[row])

    def kind_of(self, findings: pd.DataFrame, runs: pd.DataFrame) -> npt.NDArray[np.int8]:
        """Return the kind of each run's subject, a code of `_KINDS`."""
        position = findings["credential_row"].to_numpy()[runs["last_at"].to_numpy()]
        return np.where(position >= 0, np.append(self._kind, 0)[position], len(_KINDS) - 1).astype(np.int8)

    def made_of(self, findings: pd.DataFrame, runs: pd.DataFrame) -> Whole:
        """Return when each run's key or certificate was made."""
        position = findings["credential_row"].to_numpy()[runs["last_at"].to_numpy()]
        return np.where(position >= 0, np.append(self._made, NO_TIME)[position], NO_TIME)

    def closing(
        self, findings: pd.DataFrame, runs: pd.DataFrame, order: Whole, aged: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.int8]:
        """Return what ended each run, a code of `_CLOSINGS`, by the subject's state before and in the next snapshot.

        What is `aged` failed for its age.
        """
        at = runs["last_at"].to_numpy()
        row, position = findings["user_row"].to_numpy()[at], findings["credential_row"].to_numpy()[at]
        user = _Lookup(self._user, self._timeline.order)
        then_user = user.find(self._user[row], order)
        held = _Lookup(self._credential, self._timeline.order[self._credentials["user_row"].to_numpy()])
        then = np.where(position >= 0, held.find(np.append(self._credential, -1)[position], order), -1)
        active = np.asarray(pc.fill_null(arrow_of(self._credentials["active"]).cast("int8"), 1))
        used, changed = (microseconds(self._credentials[name]) for name in ("last_used", "last_changed"))
        mfa = np.asarray(pc.fill_null(arrow_of(self._users["mfa_active"]).cast("int8"), 0))

        def later(times: Whole) -> npt.NDArray[np.bool_]:
            padded = np.append(times, NO_TIME)
            return np.asarray((then >= 0) & (padded[then] > padded[position]))

        is_credential, is_password = position >= 0, np.append(self._kind, -1)[position] == _KINDS.index(Kind.PASSWORD)
        gone = then_user < 0
        conditions = [
            gone | (is_credential & ~is_password & (then < 0)),
            is_credential & ((then < 0) | (np.append(active, 1)[then] == 0)),
            is_credential & ~aged & later(used),
            is_credential & later(changed),
            ~is_credential & ~gone & (np.append(mfa, 0)[then_user] > np.append(mfa, 0)[row]),
        ]
        return np.select(conditions, range(len(conditions)), default=len(_CLOSINGS) - 1).astype(np.int8)


class _Lookup:
    """Finds the row of a subject in a snapshot."""

    def __init__(self, subject: Whole, order: Whole) -> None:
        self._width = int(order.max(initial=0)) + 2
        key = subject * self._width + order
        self._sorted = np.argsort(key, kind="stable")
        self._keys = key[self._sorted]

    def find(self, subject: Whole, order: Whole) -> Whole:
        """Return the position of each, or -1."""
        if not len(self._keys):
            return np.full(len(subject), -1)
        wanted = subject * self._width + np.minimum(order, self._width - 1)
        place = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return np.where(self._keys[place] == wanted, self._sorted[place], -1)


def trend(findings: pd.DataFrame, found: pd.DataFrame, chosen: Sequence[Chosen], timeline: Timeline) -> pd.DataFrame:
    """Return `TREND`: by day and control the failures open at its end, first seen, and seen closed."""
    days = np.unique(timeline.instants // DAY)
    if not len(days):
        return to_pandas(TREND.empty_table())
    names = list(dict.fromkeys(one.control.id for one in chosen))
    control_of = np.array([names.index(one.control.id) for one in chosen])
    row = findings["user_row"].to_numpy()
    failing = (findings["status"] == Status.FAIL).to_numpy()
    snapshots = len(timeline.instants)
    place = timeline.starts[timeline.account[row]] + timeline.order[row]
    cells = control_of[findings["chosen"].to_numpy()] * snapshots + place
    counts = np.bincount(cells[failing], minlength=len(names) * snapshots).reshape(len(names), snapshots)
    # What an account adds when its next snapshot takes the place of the one before.
    steps = np.diff(counts, axis=1, prepend=0)
    starts = timeline.starts[:-1][np.diff(timeline.starts) > 0]
    steps[:, starts] = counts[:, starts]
    day_of = np.searchsorted(days, timeline.instants // DAY)
    open_ones = np.stack([np.cumsum(np.bincount(day_of, step, len(days))) for step in steps]).astype(np.int64)
    seen = np.cumsum(np.bincount(day_of[starts], minlength=len(days)))
    by_name = {name: number for number, name in enumerate(names)}
    control = found["control"].astype("str").map(by_name).to_numpy().astype(np.int64)
    opened = _by_day(found["first_seen"], control, days, len(names))
    closed = _by_day(found["closed_at"], control, days, len(names))
    size = len(names) * len(days)
    table = pa.table(
        {
            "date": pa.array(np.tile(days, len(names)).astype(np.int32), pa.date32()),
            "control": pa.array(np.repeat(np.arange(len(names)), len(days))),
            "open": open_ones.ravel(),
            "opened": opened.ravel(),
            "closed": closed.ravel(),
            "accounts": np.tile(seen, len(names)),
        }
    )
    control_names = pa.DictionaryArray.from_arrays(table["control"].combine_chunks().cast(pa.int32()), pa.array(names))
    frame = to_pandas(table.set_column(1, "control", control_names).cast(TREND))
    order = np.lexsort((np.arange(size), np.tile(days, len(names))))
    return frame.take(order).reset_index(drop=True)


def _by_day(times: pd.Series[Any], control: Whole, days: Whole, controls: int) -> Whole:
    micros = microseconds(times)
    known = micros != NO_TIME
    cell = control[known] * len(days) + np.searchsorted(days, micros[known] // DAY)
    return np.bincount(cell, minlength=controls * len(days)).reshape(controls, len(days))


def coverage(users: pd.DataFrame, timeline: Timeline) -> pd.DataFrame:
    """Return `COVERAGE`: what is known of each account, and between which snapshots some are missing."""
    accounts = [str(name) for name in users["account_id"].cat.categories]
    usual = timeline.usual()
    rows: list[tuple[Any, ...]] = []
    for number, account in enumerate(accounts):
        instants = timeline.instants[timeline.starts[number] : timeline.starts[number + 1]]
        if not len(instants):
            continue
        missing = np.flatnonzero(np.diff(instants) > _GAP * usual[number]).tolist()
        facts = (account, int(instants[0]), int(instants[-1]), len(instants), round(float(usual[number]) / DAY, 2))
        gaps = [(int(instants[at]), int(instants[at + 1])) for at in missing]
        rows += [(*facts, *gap) for gap in gaps] or [(*facts, None, None)]
    columns = list(zip(*rows, strict=True)) or [()] * len(COVERAGE)
    arrays = [
        pa.array(list(values), pa.string() if pa.types.is_dictionary(f.type) else None if rows else f.type).cast(f.type)
        for values, f in zip(columns, COVERAGE, strict=True)
    ]
    return to_pandas(pa.table(arrays, schema=COVERAGE))
