"""The input of rules (`Subjects`) and their result (`Ruling`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from analyzer.judging.staleness import SLOT_NAMES, TOLERANCE, TimeBounds, age, last_use
from analyzer.judging.truth import Truth
from analyzer.reading.columns import NO_TIME
from analyzer.reading.layout import Kind, State

if TYPE_CHECKING:
    import numpy.typing as npt

    from analyzer.judging.facts import Micros, TypedColumns
    from analyzer.judging.truth import Flags

    Rows = npt.NDArray[np.int64]

NEVER: Final = (State.NOT_APPLICABLE, State.NO_INFORMATION)
"""States of the last use of a credential that was never used."""


@dataclass(frozen=True)
class Ruling:
    """The result of a rule for each row: whether the control fails, and the evidence. Times are in microseconds.

    - `reason` and `basis` have codes of `Reason` and of `staleness.BASES` (-1: no column).
    - `time` is the time in the column `basis`.
    - `counts_age` marks rows in which the days since `time` are an age and not an idle time.
    - `applies` marks the subjects of the control; other rows get no check.
    - `span` has the days to show instead of the days since `time` (None: no row has them).
    - `fails_at` is the time from which a passing row fails if nothing changes (`NO_TIME`: never). It has no meaning for
      other rows.
    - `also` is another time that the message names, such as the last use of a leaver's credential, else `NO_TIME`.
    """

    fails: Truth
    reason: npt.NDArray[np.int8]
    basis: npt.NDArray[np.int8]
    time: Micros
    counts_age: Flags
    applies: Flags
    span: npt.NDArray[np.int32] | None = None
    fails_at: Micros | None = None
    also: Micros | None = None


class Instants:
    """When each of `credentials` was last used and made; `as_of` has their reference dates in microseconds."""

    def __init__(self, credentials: TypedColumns, as_of: Micros) -> None:
        self._credentials, self._as_of = credentials, as_of

    @cached_property
    def last_use(self) -> TimeBounds:
        """When each was last used."""
        return last_use(self._credentials, self._as_of)

    @cached_property
    def age(self) -> TimeBounds:
        """When each was made or last changed."""
        return age(self._credentials, self._as_of)


class Subjects:
    """The rows that a rule judges: those at the positions `rows` of `users` or `credentials`.

    `as_of` has the reference date of each in microseconds. For credentials, `user` has their users, and `instants` has
    when they were used and made.
    """

    def __init__(
        self,
        facts: TypedColumns,
        rows: Rows,
        as_of: Micros,
        *,
        user: Subjects | None = None,
        instants: Instants | None = None,
    ) -> None:
        self._facts, self._rows, self.as_of = facts, rows, as_of
        self.user = self if user is None else user
        self._instants = instants

    def __len__(self) -> int:
        return len(self._rows)

    def flag(self, name: str) -> Truth:
        """Return a true/false column."""
        return self._facts.flag(name).take(self._rows)

    def time(self, name: str) -> Micros:
        """Return a time column in microseconds."""
        return self._facts.time(name)[self._rows]

    def state(self, name: str, *states: State) -> Flags:
        """Return where a time column has one of `states`."""
        return self.among(f"{name}_state", *states)

    def among(self, name: str, *texts: str) -> Flags:
        """Return where a categorical column has one of `texts`."""
        return self._facts.among(name, *texts)[self._rows]

    @cached_property
    def slot(self) -> npt.NDArray[np.int8]:
        """The slot of each credential, as a position in `SLOTS`."""
        return self._facts.codes("credential", SLOT_NAMES)[self._rows]

    @cached_property
    def kind(self) -> npt.NDArray[np.int8]:
        """The kind of each credential, as a code of `Kind`."""
        return self._facts.codes("kind", list(Kind))[self._rows]

    @cached_property
    def last_use(self) -> TimeBounds:
        """When each credential was last used."""
        return self._known_instants.last_use.take(self._rows)

    @cached_property
    def age(self) -> TimeBounds:
        """When each credential was made or last changed."""
        return self._known_instants.age.take(self._rows)

    @property
    def _known_instants(self) -> Instants:
        if self._instants is None:
            raise TypeError("users have no last use and no age; only credentials have them")
        return self._instants

    @cached_property
    def was_used(self) -> Truth:
        """Whether each credential was used at or before the reference date."""
        used = self.time("last_used")
        return Truth((used != NO_TIME) & (used <= self.as_of + TOLERANCE), self.state("last_used", *NEVER))

    @cached_property
    def made_later(self) -> Flags:
        """Where the user was created after the reference date."""
        return self.time("user_creation_time") > self.as_of

    @property
    def nowhere(self) -> Flags:
        """False for each row."""
        return np.zeros(len(self), bool)
