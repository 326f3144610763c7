"""The life of an AWS account with the truth written down, and what comparing its reports must find.

Nothing here knows `analyzer`. An account lives event by event; every event is logged (`Life.log`), and beside it the
state it led to is kept (`Life.state`), so the two can be compared. `Life.report` shows a state as AWS
would have. `expected_events` and `expected_lifetimes` are the oracles: derived from the states alone, for a comparer
sees no more.

A design that leaves a case open is read here as follows:
- A password's use counts whether or not there is a password before or after: the cell belongs to the user. AWS goes on
  showing it after the password is removed, and `never` is earlier than any use.
- A credential that is new gives only its creation, even if it has been used since.
- A recreated user's new credentials give the events of a created user's; its old ones give none.
- A deleted user's certificates are deleted with it, like its keys.
- Cells that say `not_supported` (root's password before July 2024) are unknown.
- Two tied keys with the same event are one `Expected`: nothing in it tells them apart.
- A snapshot that hides users proves nobody's absence: who is not in it neither went nor, unless created since, came,
  and its failures are lost to follow-up. Root is always there.
"""

from __future__ import annotations

import csv
import heapq
import io
import random
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from operator import attrgetter

from tests.oracle import judge
from tests.strategies import COLUMNS_22, ROOT

EVENTS = frozenset(
    (
        *("user_created", "user_deleted", "user_recreated", "mfa_enabled", "mfa_disabled"),
        *("password_enabled", "password_disabled", "password_changed", "password_used"),
        *("key_created", "key_deleted", "key_rotated", "key_activated", "key_deactivated", "key_used", "key_moved"),
        *("certificate_created", "certificate_deleted", "certificate_activated", "certificate_deactivated"),
    )
)
"""Every event word of the design. A log also holds `certificate_moved`, which a comparer has no word for."""

PASSWORD, KEY, CERTIFICATE = "password", "access_key", "certificate"
WORDS = {KEY: "key", CERTIFICATE: "certificate"}
"""How the event words call each kind of credential that has slots."""
SLOTS = (1, 2)
NEW_STYLE = datetime(2024, 7, 15, tzinfo=UTC)
"""Since about then times end in Z, and root's password is shown."""
BEFORE_START = timedelta(days=120)
"""How long an account has lived when the watching starts, so that the first snapshot finds failures already open."""
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
NAMES = (
    *(
        "alice",
        "Build.Server",
        "ci-deployer",
        "ops,night-shift",
        "NA",
        "=cmd,A1",
        "null",
        "-rf",
        "007",
        "Zoe@example.com",
    ),
    *("terraform", "+oncall", "data_loader", "1e5", "@ops", "audit-READER", "true", "None", "mail-relay", "b=c"),
)
PATHS = ("/", "/", "/", "/automation/", "/region/west/", "/a,b/", '/say"hi"/')
REGIONS_AND_SERVICES = (("us-east-1", "ec2"), ("eu-west-1", "sts"), (None, "s3"), ("ap-southeast-2", "logs"))


@dataclass(frozen=True)
class Credential:
    """An access key or certificate. `serial` is the truth a report never shows: which one it really is."""

    serial: int
    kind: str
    slot: int
    created: datetime
    active: bool = True
    last_used: datetime | None = None
    region: str | None = None
    service: str | None = None


@dataclass(frozen=True)
class User:
    """A user at some instant, root included."""

    name: str
    path: str
    created: datetime
    password_changed: datetime | None = None
    """When the password was set; None: there is none."""
    password_last_used: datetime | None = None
    """Kept when the password is removed, as AWS does."""
    mfa: bool = False
    credentials: tuple[Credential, ...] = ()
    """By kind, then slot."""

    @property
    def lower(self) -> str:
        return self.name.lower()

    @property
    def is_root(self) -> bool:
        return self.name == ROOT

    @property
    def password_enabled(self) -> bool:
        return self.password_changed is not None

    def of_kind(self, kind: str) -> list[Credential]:
        return [credential for credential in self.credentials if credential.kind == kind]

    def with_credentials(self, kind: str, changed: Sequence[Credential]) -> User:
        """Return the user with other credentials of one kind."""
        credentials = [credential for credential in self.credentials if credential.kind != kind]
        return replace(self, credentials=tuple(sorted([*credentials, *changed], key=attrgetter("kind", "slot"))))


@dataclass(frozen=True)
class State:
    """The users of an account at an instant by their lower-case names, root first, then as a report sorts them.

    Where it is not `whole`, it hides some of them.
    """

    at: datetime
    users: dict[str, User]
    whole: bool = True

    def without(self, hidden: Collection[str]) -> State:
        """Return the state as a report shows it that hides users, by their lower-case names; whole where it hides none.

        The state does not show whether one of them was there.
        """
        shown = {name: user for name, user in self.users.items() if name not in hidden}
        return State(self.at, shown, self.whole and not hidden)


@dataclass(frozen=True)
class Detail:
    """What a happening needs to be played again: the slot, place or path that holds after it."""

    serial: int | None = None
    slot: int | None = None
    region: str | None = None
    service: str | None = None
    path: str | None = None
    replaces: datetime | None = None
    """Of `key_rotated`: when the key that gave way was created."""


@dataclass(frozen=True)
class Happening:
    """An event of a life. `key_rotated` only notes that a planned rotation is complete: nothing changes."""

    at: datetime
    event: str
    user: str
    user_created: datetime
    credential_kind: str | None = None
    key_created: datetime | None = None
    """When the key or certificate was created."""
    detail: Detail = field(default_factory=Detail)


@dataclass(frozen=True)
class Life:
    """An account from before `start` (its `birth`) until `end`, with all that happened."""

    account: str
    birth: datetime
    start: datetime
    end: datetime
    expiry_days: int
    """How long passwords last by the account's password policy; 0: for ever."""
    log: list[Happening]
    timelines: dict[str, list[tuple[datetime, User | None]]] = field(repr=False)
    """By lower-case name, each state a user came to (None: deleted) and when; of equal instants the last one holds."""

    def state(self, at: datetime) -> State:
        """Return who and what existed at an instant, all that happened at that very second included."""
        if not self.birth <= at:
            raise ValueError(f"The account was born on {self.birth}, after {at}")
        users = {}
        for name in sorted(self.timelines, key=lambda name: (name != ROOT, name)):
            timeline = self.timelines[name]
            position = bisect_right(timeline, at, key=lambda entry: entry[0])
            user = timeline[position - 1][1] if position else None
            if user is not None:
                users[name] = user
        return State(at, users)

    def report(self, at: datetime, hidden: Collection[str] = ()) -> str:
        """Return the report AWS would have made at an instant, without the rows of users that are `hidden`."""
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS_22)
        writer.writerows(self._row(user, at) for user in self.state(at).without(hidden).users.values())
        return out.getvalue().removesuffix("\n")

    def _row(self, user: User, at: datetime) -> list[str]:
        arn = f"arn:aws:iam::{self.account}:" + ("root" if user.is_root else f"user{user.path}{user.name}")
        return [
            user.name,
            arn,
            _stamp(user.created, at),
            *self._password_cells(user, at),
            _flag(user.mfa),
            *_slot_cells(user, KEY, at),
            *_slot_cells(user, CERTIFICATE, at),
        ]

    def _password_cells(self, user: User, at: datetime) -> list[str]:
        enabled, hidden = user.password_enabled, user.is_root and at < NEW_STYLE
        used = _stamp(user.password_last_used, at, "no_information" if enabled or hidden else "N/A")
        if hidden:
            return ["not_supported", used, "not_supported", "not_supported"]
        expiry = None
        if user.password_changed is not None and self.expiry_days:
            expiry = user.password_changed + self.expiry_days * DAY
        rotation = "not_supported" if user.is_root else _stamp(expiry, at)
        return [_flag(enabled), used, _stamp(user.password_changed, at), rotation]


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _stamp(instant: datetime | None, at: datetime, missing: str = "N/A") -> str:
    """Return a time as AWS wrote it at `at`."""
    if instant is None:
        return missing
    return f"{instant:%Y-%m-%dT%H:%M:%S}{'Z' if at >= NEW_STYLE else '+00:00'}"


def _slot_cells(user: User, kind: str, at: datetime) -> list[str]:
    by_slot = {credential.slot: credential for credential in user.of_kind(kind)}
    cells = []
    for slot in SLOTS:
        credential = by_slot.get(slot)
        cells += [
            _flag(credential is not None and credential.active),
            _stamp(credential.created if credential else None, at),
        ]
        if kind == KEY:
            used = credential.last_used if credential else None
            region_and_service = (
                [credential.region or "N/A", credential.service or "N/A"] if credential and used else ["N/A", "N/A"]
            )
            cells += [_stamp(used, at), *region_and_service]
    return cells


def simulate(seed: int, *, account: str, start: datetime, days: int, users: int) -> Life:
    """Return the life of an account: a function of the arguments alone.

    `users` is how many names are lived under, root aside; how many exist at once changes. The log begins before
    `start`: no account is born on the day it is first looked at.
    """
    start = start.astimezone(UTC).replace(microsecond=0)
    machine = _Machine(random.Random(seed), birth=start - BEFORE_START, end=start + days * DAY)  # noqa: S311 - a test's dice
    machine.live(users)
    return Life(
        account,
        start - BEFORE_START,
        start,
        start + days * DAY,
        machine.rng.choice((0, 0, 90)),
        machine.log,
        machine.timelines,
    )


Step = Callable[[], object]
"""Something to be done; what it returns is for other callers."""


def _nothing() -> None:
    """Let a day go by."""


class _Machine:
    """The account as it lives: what is to come in a queue of steps, each of which may put others into it.

    Steps never share a second. What happens within one does so on purpose: a user and what it came with, ties, swaps.
    Tied credentials keep their slots for ever, for nothing in a report could tell that they moved.
    """

    def __init__(self, rng: random.Random, birth: datetime, end: datetime) -> None:
        self.rng = rng
        self.now = birth
        self.end = end
        self.log: list[Happening] = []
        self.timelines: dict[str, list[tuple[datetime, User | None]]] = {}
        self.users: dict[str, User] = {}
        self.queue: list[tuple[datetime, int, Step]] = []
        self.numbers = count(1)
        self.pinned: set[int] = set()
        self.owners: dict[int, str] = {}
        self.diligence: dict[str, float] = {}

    def live(self, users: int) -> None:
        names = self.rng.sample(NAMES, min(users, len(NAMES)))
        names += [f"user-{number:04}" for number in range(len(names) + 1, users + 1)]
        self.diligence[ROOT] = 0.5
        root = User(ROOT, "", self.now)
        self._put(root)
        self._note("user_created", root)
        self._set_password(root)
        for name in (ROOT, *names):
            self._next_tick(name)
        while self.queue:
            at, _, step = heapq.heappop(self.queue)
            self.now = max(at, self.now + SECOND)
            if self.now > self.end:
                break
            step()

    def _later(self, shortest: float, longest: float, step: Step) -> None:
        """Put a step into the queue, between so many seconds from now."""
        at = self.now + timedelta(seconds=int(self.rng.uniform(shortest, longest)))
        heapq.heappush(self.queue, (at, next(self.numbers), step))

    def _next_tick(self, name: str) -> None:
        """Plan when something next happens under a name.

        Now and then that is a whole number of days before the end: seen by daily snapshots from `start`, some
        credential then lies idle for exactly the limit.
        """
        mean = 8 if name == ROOT else 2
        at = self.now + timedelta(seconds=int(self.rng.expovariate(1 / (mean * DAY.total_seconds()))))
        if self.rng.random() < 0.15:
            at = self.end - (self.end - at) // DAY * DAY
        step: Step = partial(self._tick, name)
        heapq.heappush(self.queue, (at, next(self.numbers), step))

    def _tick(self, name: str) -> None:
        user = self.users.get(name.lower())
        if user is None:
            if self.rng.random() < 0.3:
                self._create_user(name)
        else:
            options = [(6.0, _nothing), *self._options(user)]
            weights = [weight for weight, _ in options]
            self.rng.choices([step for _, step in options], weights)[0]()
        self._next_tick(name)

    # What may happen next, each with its weight.

    def _options(self, user: User) -> Iterator[tuple[float, Step]]:
        use = 8 * self.diligence[user.lower]
        yield 0.5, partial(self._toggle_mfa, user)
        if not user.is_root:
            yield 0.2, partial(self._delete_user, user)
        if user.password_enabled:
            yield use, partial(self._use_password, user)
            yield 0.5, partial(self._set_password, user)
            yield 0.5, partial(self._remove_password, user)
        else:
            yield 1.5, partial(self._set_password, user)
        yield from self._slot_options(user, KEY)
        yield from ((weight / 4, step) for weight, step in self._slot_options(user, CERTIFICATE))

    def _slot_options(self, user: User, kind: str) -> Iterator[tuple[float, Step]]:
        credentials = user.of_kind(kind)
        if len(credentials) < 2:
            yield 1.2, partial(self._make, user, kind)
        if not credentials:
            yield 0.4, partial(self._make, user, kind, 2)
        if credentials and not any(credential.serial in self.pinned for credential in credentials):
            yield 0.5, partial(self._swap, user, kind)
        for credential in credentials:
            yield 0.4, partial(self._toggle, credential.serial)
            yield 0.3, partial(self._remove, credential.serial)
            if kind == KEY:
                yield 0.4, partial(self._rotate, user, credential)
                if credential.active:
                    yield 8 * self.diligence[user.lower], partial(self._use, credential.serial)

    # Users

    def _create_user(self, name: str) -> None:
        if name.lower() in self.users:
            return
        is_known = name.lower() in self.timelines
        if is_known and self.rng.random() < 0.5:
            name = name.swapcase()
        self.diligence[name.lower()] = self.rng.choice((0.02, 0.05, 0.3, 1.0))
        user = User(name, self.rng.choice(PATHS), self.now)
        self._put(user)
        self._note("user_recreated" if is_known else "user_created", user, detail=Detail(path=user.path))
        if self.rng.random() < 0.5:
            self._set_password(user)
            self._later(20, 3000, partial(self._toggle_mfa, user))
        if self.rng.random() < 0.5:
            self._make(self.users[user.lower], KEY, self.rng.choice((1, 1, 2)))
        if self.rng.random() < 0.15:
            self._make(self.users[user.lower], CERTIFICATE)

    def _delete_user(self, user: User) -> None:
        if user.password_enabled:
            self._note("password_disabled", user, PASSWORD)
        for credential in user.credentials:
            self._note_credential("deleted", user, credential)
        self._note("user_deleted", user)
        del self.users[user.lower]
        self.timelines[user.lower].append((self.now, None))
        if self.rng.random() < 0.6:
            self._later(1, self.rng.choice((60, 20 * 86_400)), partial(self._create_user, user.name))

    def _toggle_mfa(self, user: User) -> None:
        now = self.users.get(user.lower)
        if now is not None:
            self._put(replace(now, mfa=not now.mfa))
            self._note("mfa_disabled" if now.mfa else "mfa_enabled", now)

    # Passwords

    def _set_password(self, user: User) -> None:
        self._note("password_changed" if user.password_enabled else "password_enabled", user, PASSWORD)
        self._put(replace(user, password_changed=self.now))

    def _remove_password(self, user: User) -> None:
        self._note("password_disabled", user, PASSWORD)
        self._put(replace(user, password_changed=None))

    def _use_password(self, user: User) -> None:
        self._note("password_used", user, PASSWORD)
        self._put(replace(user, password_last_used=self.now))

    # Keys and certificates. Steps planned for later know them by serial: until then they may change or be gone.

    def _find(self, serial: int) -> tuple[User, Credential] | None:
        user = self.users.get(self.owners[serial])
        credential = (
            next((credential for credential in user.credentials if credential.serial == serial), None) if user else None
        )
        return (user, credential) if user and credential else None

    def _make(self, user: User, kind: str, number: int = 1) -> list[Credential]:
        """Make one or two (a tie) in free slots, whichever they are: slot 1 may hold the newer one."""
        credentials = user.of_kind(kind)
        free = [slot for slot in SLOTS if slot not in {credential.slot for credential in credentials}]
        slots = self.rng.sample(free, min(number, len(free)))
        created = [Credential(next(self.numbers), kind, slot, self.now) for slot in slots]
        self.owners |= dict.fromkeys((credential.serial for credential in created), user.lower)
        if len(created) == 2:
            self.pinned.update(credential.serial for credential in created)
        self._put(user.with_credentials(kind, [*credentials, *created]))
        for credential in created:
            self._note_credential("created", user, credential)
            if kind == KEY and self.rng.random() < 0.4:
                self._later(1, 90, partial(self._use, credential.serial))
        return created

    def _change(self, user: User, changed: Credential) -> None:
        credentials = [credential for credential in user.of_kind(changed.kind) if credential.serial != changed.serial]
        self._put(user.with_credentials(changed.kind, [*credentials, changed]))

    def _use(self, serial: int) -> None:
        if (pair := self._find(serial)) is None or not pair[1].active:
            return
        region, service = self.rng.choice(REGIONS_AND_SERVICES)
        used = replace(pair[1], last_used=self.now.replace(second=0), region=region, service=service)
        self._change(pair[0], used)
        self._note_credential("used", pair[0], used)

    def _toggle(self, serial: int) -> None:
        if (pair := self._find(serial)) is None:
            return
        changed = replace(pair[1], active=not pair[1].active)
        self._change(pair[0], changed)
        self._note_credential("activated" if changed.active else "deactivated", pair[0], changed)
        if self.rng.random() < 0.2:  # thought better of it
            self._later(60, 5 * 86_400, partial(self._toggle, serial))

    def _deactivate(self, serial: int) -> None:
        if (pair := self._find(serial)) is not None and pair[1].active:
            self._toggle(serial)

    def _remove(self, serial: int) -> User | None:
        """Delete a key or certificate and return its user; None: it was already gone."""
        if (pair := self._find(serial)) is None:
            return None
        user, gone = pair
        remaining = user.with_credentials(
            gone.kind, [credential for credential in user.of_kind(gone.kind) if credential.serial != serial]
        )
        self._put(remaining)
        self._note_credential("deleted", user, gone)
        return remaining

    def _swap(self, user: User, kind: str) -> None:
        """Let a report from now on show each key in the other slot."""
        moved = [replace(credential, slot=3 - credential.slot) for credential in user.of_kind(kind)]
        self._put(user.with_credentials(kind, moved))
        for credential in moved:
            self._note_credential("moved", user, credential)

    def _rotate(self, user: User, old: Credential) -> None:
        """Replace a key: the new one first where there is room for it, else the old one goes first."""
        if len(user.of_kind(KEY)) == 2:
            self._remove(old.serial)
            self._later(1, self.rng.choice((30, 7200)), partial(self._replace_gone, user, old))
            return
        new = self._make(user, KEY)[0]
        if self.rng.random() < 0.6:
            self._later(30, self.rng.choice((300, 4 * 86_400)), partial(self._deactivate, old.serial))
        if self.rng.random() < 0.8:
            self._later(60, self.rng.choice((600, 9 * 86_400)), partial(self._finish_rotation, old, new.serial))

    def _replace_gone(self, before: User, old: Credential) -> None:
        user = self.users.get(before.lower)
        if user is not None and user.created == before.created and len(user.of_kind(KEY)) < 2:
            new = self._make(user, KEY)[0]
            self._note_credential("rotated", user, new, replaces=old.created)

    def _finish_rotation(self, old: Credential, new: int) -> None:
        user = self._remove(old.serial)
        pair = self._find(new)
        if user is None or pair is None:
            return
        self._note_credential("rotated", user, pair[1], replaces=old.created)
        if self.rng.random() < 0.4:  # the new key is shown where the old one was
            self._later(1, 7200, partial(self._swap_lone, new))

    def _swap_lone(self, serial: int) -> None:
        pair = self._find(serial)
        if pair is not None and len(pair[0].of_kind(KEY)) == 1 and serial not in self.pinned:
            self._swap(pair[0], KEY)

    # Writing it down

    def _put(self, user: User) -> None:
        self.users[user.lower] = user
        self.timelines.setdefault(user.lower, []).append((self.now, user))

    def _note(
        self,
        event: str,
        user: User,
        kind: str | None = None,
        key_created: datetime | None = None,
        detail: Detail | None = None,
    ) -> None:
        self.log.append(Happening(self.now, event, user.name, user.created, kind, key_created, detail or Detail()))

    def _note_credential(
        self, event: str, user: User, credential: Credential, replaces: datetime | None = None
    ) -> None:
        detail = Detail(credential.serial, credential.slot, credential.region, credential.service, replaces=replaces)
        self._note(f"{WORDS[credential.kind]}_{event}", user, credential.kind, credential.created, detail)


# What a comparer of two reports can know


@dataclass(frozen=True)
class Expected:
    """An event between two snapshots; `user` in lower case, `key_created` also of a certificate."""

    event: str
    user: str
    credential_kind: str | None = None
    key_created: datetime | None = None


def expected_events(
    life: Life, t0: datetime, t1: datetime, hidden: tuple[Collection[str], Collection[str]] = ((), ())
) -> set[Expected]:
    """Return what a perfect comparer of the reports at `t0` and `t1` finds; some users are `hidden` in either."""
    if t1 < t0:
        raise ValueError(f"The new snapshot ({t1}) is older than the old one ({t0})")
    return events_between(life.state(t0).without(hidden[0]), life.state(t1).without(hidden[1]))


def events_between(old: State, new: State) -> set[Expected]:
    """Return the events the design sees between two states; whatever came and went between them is not to be seen."""
    events: set[Expected] = set()
    root_password_shown = old.at >= NEW_STYLE
    for name in old.users.keys() | new.users.keys():
        before, after = old.users.get(name), new.users.get(name)
        if after is None:
            if new.whole and name != ROOT:
                events.add(Expected("user_deleted", name))
                events |= _all_of(before, "password_disabled", "deleted")
        elif before is None:
            if after.created <= old.at and (after.is_root or not old.whole):
                continue
            events.add(Expected("user_created", name))
            events |= _all_of(after, "password_enabled", "created")
        elif before.created != after.created:
            events.add(Expected("user_recreated", name))
            events |= _all_of(after, "password_enabled", "created")
        else:
            if before.mfa != after.mfa:
                events.add(Expected("mfa_enabled" if after.mfa else "mfa_disabled", name))
            if root_password_shown or not before.is_root:
                events |= _password_settings(before, after)
            if _later_use(before.password_last_used, after.password_last_used):
                events.add(Expected("password_used", name, PASSWORD))
            events |= _slot_events(before, after, KEY) | _slot_events(before, after, CERTIFICATE)
    return events


def _all_of(user: User | None, password_event: str, event: str) -> set[Expected]:
    """Return the same event for each credential of a user that came or went."""
    if user is None:
        return set()
    events = {
        Expected(f"{WORDS[credential.kind]}_{event}", user.lower, credential.kind, credential.created)
        for credential in user.credentials
    }
    return events | ({Expected(password_event, user.lower, PASSWORD)} if user.password_enabled else set())


def _later_use(before: datetime | None, after: datetime | None) -> bool:
    return after is not None and (before is None or after > before)


def _password_settings(before: User, after: User) -> set[Expected]:
    if before.password_changed == after.password_changed:
        return set()
    if not before.password_enabled:
        event = "password_enabled"
    else:
        event = "password_changed" if after.password_enabled else "password_disabled"
    return {Expected(event, after.lower, PASSWORD)}


def matched(
    before: Sequence[Credential], after: Sequence[Credential]
) -> tuple[list[tuple[Credential, Credential]], list[Credential], list[Credential]]:
    """Return which credential of one kind is which, then the lost and the new ones, oldest first.

    They are recognised by their creation, and by their slot only where two share it.
    """
    pairs = []
    for old in before:
        same = [new for new in after if new.created == old.created]
        twins = [twin for twin in before if twin.created == old.created]
        if len(same) > 1 or len(twins) > 1:
            same = [new for new in same if new.slot == old.slot]
        pairs += [(old, new) for new in same]
    by_age = attrgetter("created", "slot")
    lost = sorted((old for old in before if all(old is not paired for paired, _ in pairs)), key=by_age)
    added = sorted((new for new in after if all(new is not paired for _, paired in pairs)), key=by_age)
    return pairs, lost, added


def _slot_events(before: User, after: User, kind: str) -> set[Expected]:
    word, events = WORDS[kind], set()
    pairs, lost, added = matched(before.of_kind(kind), after.of_kind(kind))

    def add(event: str, subject: Credential) -> None:
        events.add(Expected(f"{word}_{event}", after.lower, kind, subject.created))

    for old, new in pairs:
        if old.active != new.active:
            add("activated" if new.active else "deactivated", new)
        if _later_use(old.last_used, new.last_used):
            add("used", new)
        if old.slot != new.slot and kind == KEY:
            add("moved", new)
    rotated = min(len(lost), len(added)) if kind == KEY else 0
    for new in added[:rotated]:
        add("rotated", new)
    for new in added[rotated:]:
        add("created", new)
    for old in lost[rotated:]:
        add("deleted", old)
    return events


# How long findings stay open


@dataclass(frozen=True)
class ExpectedLifetime:
    """A run of consecutive snapshots in which one credential fails `unused-credentials`; `user` in lower case.

    Sight of it was lost where it is neither closed nor censored on the right.
    """

    user: str
    user_created: datetime
    credential_kind: str
    key_created: datetime | None
    first_seen: datetime
    last_seen: datetime
    closed_at: datetime | None
    closed_by: str | None
    censored_left: bool
    censored_right: bool


@dataclass(frozen=True)
class _Subject:
    """What a finding is about. The serial keeps tied keys apart."""

    user: str
    user_created: datetime
    kind: str
    key_created: datetime | None = None
    serial: int | None = None


def expected_lifetimes(
    life: Life, instants: Sequence[datetime], hidden: Mapping[datetime, Collection[str]] | None = None
) -> list[ExpectedLifetime]:
    """Return the lifetimes of the findings on an account with snapshots at `instants`, each judged at its own.

    By the time they were first seen; two tied keys that fail alike are in the list twice. `hidden` has the users, by
    their lower-case names, that are not shown at some instants.
    """
    instants = sorted(set(instants))
    not_shown = hidden or {}
    states = [life.state(at).without(not_shown.get(at, ())) for at in instants]
    failing = [_failing(life.report(state.at, not_shown.get(state.at, ())), state) for state in states]
    lifetimes = []
    for first, subjects in enumerate(failing):
        for subject in subjects:
            if first and subject in failing[first - 1] and not _renewed(subject, states[first - 1], states[first]):
                continue
            closing = next(
                (
                    i
                    for i in range(first + 1, len(states))
                    if subject not in failing[i] or _renewed(subject, states[i - 1], states[i])
                ),
                None,
            )
            last = len(states) - 1 if closing is None else closing - 1
            lost = closing is not None and not states[closing].whole and subject.user not in states[closing].users
            lifetimes.append(
                ExpectedLifetime(
                    user=subject.user,
                    user_created=subject.user_created,
                    credential_kind=subject.kind,
                    key_created=subject.key_created,
                    first_seen=instants[first],
                    last_seen=instants[last],
                    closed_at=None if closing is None or lost else instants[closing],
                    closed_by=None if closing is None or lost else _closed_by(subject, states[last], states[closing]),
                    censored_left=first == 0,
                    censored_right=closing is None,
                )
            )
    by_key = sorted(lifetimes, key=lambda lifetime: (lifetime.key_created or lifetime.user_created, lifetime.last_seen))
    return sorted(by_key, key=attrgetter("first_seen", "user", "credential_kind"))


def _failing(report: str, state: State) -> set[_Subject]:
    """Return the credentials that fail in a snapshot."""
    subjects = set()
    for verdict in judge(report, state.at):
        if verdict.status != "fail":
            continue
        user = state.users[verdict.user.lower()]
        if verdict.credential == PASSWORD:
            subjects.add(_Subject(user.lower, user.created, PASSWORD))
        else:
            key = next(
                credential for credential in user.of_kind(KEY) if verdict.credential == f"{KEY}_{credential.slot}"
            )
            subjects.add(_Subject(user.lower, user.created, KEY, key.created, key.serial))
    return subjects


def _renewed(subject: _Subject, before: State, now: State) -> bool:
    """Return whether the state `now` shows that what fails in both was used, or set, after the other one."""
    user = now.users[subject.user]
    if subject.kind == PASSWORD:
        since = user.password_last_used or user.password_changed
    else:
        key = next(credential for credential in user.of_kind(KEY) if credential.serial == subject.serial)
        since = key.last_used or key.created
    return since is not None and since > before.at


def _closed_by(subject: _Subject, last: State, closing: State) -> str:
    """Return what ended a failure that was still there in the state `last`.

    A use since explains more than a change: with a last use known, the change alone would not have closed it.
    """
    before, after = last.users[subject.user], closing.users.get(subject.user)
    if after is None or after.created != subject.user_created:
        return "deleted"
    if subject.kind == PASSWORD:
        if not after.password_enabled:
            return "deactivated"
        return "used" if _later_use(before.password_last_used, after.password_last_used) else "changed"
    key = next((credential for credential in after.of_kind(KEY) if credential.serial == subject.serial), None)
    if key is None:
        return "deleted"
    return "used" if key.active else "deactivated"
