"""When failures of a simulated life truly began and ended: what no snapshot shows.

Between two instants at which something happened, or a limit was crossed, nothing changes: so what fails is known at
every instant once it is known at these. Nothing here knows `analyzer`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.control_oracle import judge_controls
from tests.history.simulator import DAY, KEY, PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tests.history.simulator import Life, State, User

LIMITS = (timedelta(0), 45 * DAY, 90 * DAY, 90 * DAY + timedelta(microseconds=1))
"""So long after a time that a report shows, a control may come to another verdict."""


@dataclass(frozen=True)
class Subject:
    """What fails. `created` is set for a key or certificate alone.

    `serial` distinguishes two that were created in one instant: no report shows it.
    """

    control: str
    user: str
    user_created: datetime
    kind: str
    created: datetime | None
    serial: int | None


@dataclass(frozen=True)
class Span:
    """A time in which something failed without a break; `closed` is None where it went on to the end."""

    opened: datetime
    closed: datetime | None

    def holds(self, at: datetime) -> bool:
        return self.opened <= at and (self.closed is None or at < self.closed)


def truth(life: Life) -> dict[Subject, list[Span]]:
    """Return the spans of time in which each subject failed."""
    begun: dict[Subject, datetime] = {}
    spans: dict[Subject, list[Span]] = defaultdict(list)
    for at in sorted(turning_points(life)):
        failing = set(failures(life, at))
        for subject in begun.keys() - failing:
            spans[subject].append(Span(begun.pop(subject), at))
        for subject in failing - begun.keys():
            begun[subject] = at
    for subject, opened in begun.items():
        spans[subject].append(Span(opened, None))
    return spans


def turning_points(life: Life) -> set[datetime]:
    """Return every instant at which something may have come to fail, or to fail no longer."""
    instants = {life.birth}
    for timeline in life.timelines.values():
        for at, user in timeline:
            times = {at} | (shown_times(user) if user is not None else set())
            instants |= {time + limit for time in times for limit in (*LIMITS, life.expiry_days * DAY)}
    return {at for at in instants if life.birth <= at <= life.end}


def shown_times(user: User) -> set[datetime]:
    """Return the times that a report shows of a user."""
    times = (time for credential in user.credentials for time in (credential.created, credential.last_used))
    return {time for time in (user.password_changed, user.password_last_used, *times) if time is not None}


def failures(life: Life, at: datetime) -> Iterator[Subject]:
    """Yield what fails at an instant."""
    state = life.state(at)
    for verdict in judge_controls(life.report(at), at):
        if verdict.status == "fail" and verdict.user is not None:
            yield subject_of(state, verdict.control, verdict.user, verdict.credential)


def subject_of(state: State, control: str, name: str, credential: str) -> Subject:
    user = state.users[name.lower()]
    if credential in {"user", PASSWORD}:
        return Subject(control, user.lower, user.created, credential, None, None)
    kind = KEY if credential.startswith(KEY) else "certificate"
    subject_credential = next(candidate for candidate in user.of_kind(kind) if candidate.slot == int(credential[-1]))
    return Subject(control, user.lower, user.created, kind, subject_credential.created, subject_credential.serial)
