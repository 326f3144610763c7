"""The rules of the controls on whole accounts, computed over the IAM users of each snapshot.

A rule takes the users, the snapshot number of each user, the number of snapshots, and the parameters of the control. It
returns for each snapshot whether the control fails and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from analyzer.controls.vocabulary import Reason
from analyzer.judging.facts import TypedColumns
from analyzer.judging.snapshots import snapshot_of
from analyzer.judging.staleness import BASIS_CODES, TOLERANCE, first_that_holds, is_because
from analyzer.judging.subjects import Ruling, Subjects
from analyzer.judging.truth import Truth
from analyzer.reading.columns import NO_TIME, numbered
from analyzer.reading.layout import State
from analyzer.reading.times import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from analyzer.judging.truth import Flags
    from analyzer.reading.issues import IssueLog

    Rows = npt.NDArray[np.int64]


def password_expiry(users: Subjects, snapshot: Rows, count: int, max_age_days: int) -> Ruling:
    """Fail accounts whose newest password expires later than the limit, or never.

    A password gets its expiry from the password policy at the time it is set, so the newest password shows the newest
    policy. If it is not known which password is the newest, all candidates must give the same result.
    """
    password = users.flag("password_enabled")
    passwords = _Passwords.of(users, snapshot, count)
    is_late = passwords.has_span & (passwords.span > max_age_days * DAY + TOLERANCE)
    is_certain = password.yes & passwords.may_be_newest
    fails, passes = is_certain & (passwords.never | is_late), is_certain & passwords.has_span & ~is_late
    has_password = passwords.any_of(passwords.existed & password.yes)
    may_have_password = passwords.any_of(passwords.existed & ~password.no)
    all_fail = has_password & ~passwords.any_of(passwords.may_be_newest & ~fails)
    all_pass = has_password & ~passwords.any_of(passwords.may_be_newest & ~passes)
    reason = first_that_holds(
        {
            Reason.NO_CONSOLE_PASSWORD: ~may_have_password,
            Reason.PASSWORDS_STAY: all_fail & passwords.any_of(fails & passwords.never),
            Reason.PASSWORDS_EXPIRE: all_fail | all_pass,
        },
        Reason.PASSWORD_EXPIRY_UNKNOWN,
    )
    by_span = is_because(reason, Reason.PASSWORDS_EXPIRE)
    dated = (by_span | is_because(reason, Reason.PASSWORDS_STAY)) & (passwords.newest != NO_TIME)
    nothing = np.zeros(count, bool)
    return Ruling(
        Truth(all_fail, all_pass),
        reason,
        np.where(dated, BASIS_CODES["password_last_changed"], -1).astype(np.int8),
        np.where(dated, passwords.newest, NO_TIME),
        nothing,
        ~nothing,
        np.where(by_span, passwords.days, -1).astype(np.int32),
    )


@dataclass(frozen=True)
class _Passwords:
    """The console passwords of users, one array element per user.

    `snapshot` is the snapshot number of each user, `count` the number of snapshots. `existed` marks users that existed
    at the reference date. `may_be_newest` marks the candidates for the newest password of a snapshot. `span` is the
    time in microseconds from setting a password to its expiry, valid where `has_span`. `never` marks passwords that
    never expire. A password that was set after the reference date has neither a span nor `never`: it shows nothing
    about the password before it.
    """

    snapshot: Rows
    count: int
    existed: Flags
    may_be_newest: Flags
    newest: Rows
    """The latest known time in each snapshot at which a password was set."""
    has_span: Flags
    span: Rows
    never: Flags

    @classmethod
    def of(cls, users: Subjects, snapshot: Rows, count: int) -> _Passwords:
        """Return the passwords of the users of `count` snapshots."""
        password, existed = users.flag("password_enabled"), ~users.made_later
        changed, due = users.time("password_last_changed"), users.time("password_next_rotation")
        is_later = changed > users.as_of
        is_known = existed & password.yes & (changed != NO_TIME) & ~is_later
        newest = np.full(count, NO_TIME)
        np.maximum.at(newest, snapshot[is_known], changed[is_known])
        # A password is a candidate unless it is known to be older.
        may_be = existed & ~password.no & ~is_known & ((changed == NO_TIME) | (changed > newest[snapshot]))
        may_be |= is_known & (changed == newest[snapshot])
        has_both = is_known & (due != NO_TIME)
        span = np.where(has_both, due, 0) - np.where(has_both, changed, 0)
        never = existed & password.yes & ~is_later & users.state("password_next_rotation", State.NOT_APPLICABLE)
        return cls(snapshot, count, existed, may_be, newest, has_both & (span >= 0), span, never)

    def any_of(self, rows: Flags) -> Flags:
        """Return for each snapshot whether it has any of `rows`."""
        result = np.zeros(self.count, bool)
        result[self.snapshot[rows]] = True
        return result

    @property
    def days(self) -> npt.NDArray[np.int32]:
        """The whole days after which the newest password of each snapshot expires; -1 if not known."""
        result = np.full(self.count, -1, np.int32)
        rows = self.has_span & self.may_be_newest
        np.maximum.at(result, self.snapshot[rows], (self.span[rows] // DAY).astype(np.int32))
        return result


def note_expiries(users: pd.DataFrame, as_of: Rows, log: IssueLog, *, by_capture: bool) -> None:
    """Add a data issue for each snapshot whose passwords expire after different times.

    The password policy was then changed between the times at which the passwords were set.
    """
    facts = TypedColumns(users)
    rows = np.flatnonzero(~facts.flag("is_root").yes)
    snapshot = numbered(snapshot_of(users, by_capture=by_capture), as_of)[rows]
    subjects = Subjects(facts, rows, as_of[rows])
    passwords = _Passwords.of(subjects, snapshot, int(snapshot.max(initial=-1)) + 1)
    shown = passwords.has_span | passwords.never
    days = np.where(passwords.never, _NEVER, passwords.span // DAY)[shown]
    spans = pd.DataFrame({"snapshot": snapshot[shown], "days": days, "row": rows[shown]})
    spans = spans.drop_duplicates(["snapshot", "days"]).sort_values(["snapshot", "days"])
    for _, of_snapshot in spans[spans["snapshot"].duplicated(keep=False).to_numpy()].groupby("snapshot"):
        lifetimes = of_snapshot["days"].tolist()
        numbers = [*(f"{lifetime:,}" for lifetime in lifetimes if lifetime != _NEVER)]
        words = f"{' and '.join(numbers)} days" if numbers else ""
        words += f"{' and ' if numbers else ''}never" if _NEVER in lifetimes else ""
        log.add(
            "password_expiries",
            f"passwords expire after {words}, so the password policy was changed; password-expiry uses the newest "
            "password",
            source=str(users["source"].iloc[int(of_snapshot["row"].min())]),
            column="password_next_rotation",
        )


_NEVER: Final = 1 << 40
"""Stands for a password that never expires: more days than any span has."""
PASSWORD_EXPIRY: Final = "password-expiry"  # noqa: S105 - a control, not a secret
"""The control that uses `password_expiry`."""
ACCOUNT_RULES: Final[Mapping[str, Callable[..., Ruling]]] = {password_expiry.__name__: password_expiry}
