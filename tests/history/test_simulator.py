"""The simulator is only worth something if it is right: its log, its states and its reports must tell one story."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.history.simulator import (
    CERTIFICATE,
    EVENTS,
    KEY,
    NEW_STYLE,
    PASSWORD,
    Credential,
    Expected,
    ExpectedLifetime,
    Happening,
    Life,
    State,
    User,
    events_between,
    expected_events,
    expected_lifetimes,
    matched,
    simulate,
)
from tests.oracle import judge, read_time
from tests.strategies import COLUMNS_22, ROOT

ACCOUNT = "111122223333"
START = datetime(2026, 3, 1, 6, tzinfo=UTC)
DAYS = 150
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
SEEDS = range(51)
FEW = range(6)

seeds = st.sampled_from(SEEDS)
moments = st.integers(0, DAYS * 86_400).map(lambda seconds: START + timedelta(seconds=seconds))


@cache
def life_of(seed: int) -> Life:
    return simulate(seed, account=ACCOUNT, start=START, days=DAYS, users=6)


def every_days(life: Life, days: int) -> list[datetime]:
    return [life.start + number * DAY for number in range(0, DAYS + 1, days)]


# One story


@given(seeds, moments)
def test_a_life_depends_on_its_arguments_alone(seed: int, at: datetime) -> None:
    again = simulate(seed, account=ACCOUNT, start=START, days=DAYS, users=6)
    assert again == life_of(seed)
    assert again.report(at) == life_of(seed).report(at)
    assert again.log != life_of((seed + 1) % len(SEEDS)).log


def test_an_account_is_not_shown_before_its_birth() -> None:
    life = life_of(0)
    assert list(life.state(life.birth).users) == [ROOT]
    with pytest.raises(ValueError, match="born"):
        life.report(life.birth - TICK)


@given(seeds, moments)
def test_a_report_is_written_as_aws_writes_it(seed: int, at: datetime) -> None:
    text = life_of(seed).report(at)
    assert "\r" not in text
    assert not text.endswith("\n")
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert tuple(header) == COLUMNS_22
    assert {len(row) for row in rows} == {22}
    names = [row[0] for row in rows]
    assert names[0] == ROOT
    assert names[1:] == sorted(names[1:], key=str.lower)
    assert len({name.lower() for name in names}) == len(names)


@given(seeds, moments)
def test_a_report_shows_the_state(seed: int, at: datetime) -> None:
    state = life_of(seed).state(at)
    rows = list(csv.DictReader(io.StringIO(life_of(seed).report(at), newline="")))
    assert len(rows) == len(state.users)
    for row, user in zip(rows, state.users.values(), strict=True):
        assert row["user"] == user.name
        assert row["arn"].endswith(":root" if user.is_root else f"/{user.name}")
        assert read_time(row["user_creation_time"]) == user.created
        assert row["password_enabled"] == str(user.password_enabled).lower()
        assert read_time(row["password_last_changed"]) == user.password_changed
        assert read_time(row["password_last_used"]) == user.password_last_used
        if user.password_last_used is None:
            assert row["password_last_used"] == ("no_information" if user.password_enabled else "N/A")
        assert row["mfa_active"] == str(user.mfa).lower()
        by_slot = {(credential.kind, credential.slot): credential for credential in user.credentials}
        for kind, slot, prefix in [(k, n, f"{p}_{n}") for k, p in ((KEY, KEY), (CERTIFICATE, "cert")) for n in (1, 2)]:
            credential = by_slot.get((kind, slot))
            assert row[f"{prefix}_active"] == str(credential is not None and credential.active).lower()
            assert row[f"{prefix}_last_rotated"] == (
                f"{credential.created:%Y-%m-%dT%H:%M:%SZ}" if credential else "N/A"
            )
            if kind == KEY:
                used = credential.last_used if credential else None
                assert row[f"{prefix}_last_used_date"] == (f"{used:%Y-%m-%dT%H:%M:00Z}" if used else "N/A")
                assert (row[f"{prefix}_last_used_service"] == "N/A") == (used is None)


def test_reports_before_the_summer_of_2024_are_in_the_old_style() -> None:
    life = simulate(3, account=ACCOUNT, start=NEW_STYLE - 50 * DAY, days=100, users=4)
    old, new = life.report(life.start), life.report(life.end)
    assert "Z," not in old
    assert "+00:00" in old
    assert old.splitlines()[1].count("not_supported") == 3
    assert "+00:00" not in new
    assert new.splitlines()[1].count("not_supported") == 1


class Player:
    """Plays a log again, event by event, without the simulator's help."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}

    def play(self, happening: Happening) -> None:
        name = happening.user.lower()
        change = happening.event.rpartition("_")[2]
        if happening.event in {"user_created", "user_recreated"}:
            assert name not in self.users
            self.users[name] = User(happening.user, happening.detail.path or "", happening.at)
            return
        user = self.users[name]
        assert (user.name, user.created) == (happening.user, happening.user_created)
        if happening.event == "user_deleted":
            assert not user.credentials
            assert not user.password_enabled
            del self.users[name]
        elif happening.credential_kind is None:
            assert user.mfa == (change == "disabled")
            self.users[name] = replace(user, mfa=change == "enabled")
        elif happening.credential_kind == PASSWORD:
            self.users[name] = self.password(user, change, happening.at)
        elif happening.event != "key_rotated":
            self.users[name] = self.slot(user, change, happening)

    @staticmethod
    def password(user: User, change: str, at: datetime) -> User:
        assert user.password_enabled == (change != "enabled")
        if change == "used":
            return replace(user, password_last_used=at)
        return replace(user, password_changed=None if change == "disabled" else at)

    @staticmethod
    def slot(user: User, change: str, happening: Happening) -> User:
        kind, detail = happening.credential_kind or "", happening.detail
        assert detail.serial is not None
        assert detail.slot is not None
        by_serial = {credential.serial: credential for credential in user.of_kind(kind)}
        if change == "created":
            assert happening.key_created == happening.at
            by_serial[detail.serial] = Credential(detail.serial, kind, detail.slot, happening.at)
            return user.with_credentials(kind, list(by_serial.values()))
        credential = by_serial.pop(detail.serial)
        assert credential.created == happening.key_created
        if change in {"activated", "deactivated"}:
            assert credential.active == (change == "deactivated")
            credential = replace(credential, active=change == "activated")
        elif change == "used":
            assert credential.active
            minute = happening.at.replace(second=0)
            credential = replace(credential, last_used=minute, region=detail.region, service=detail.service)
        elif change == "moved":
            credential = replace(credential, slot=detail.slot)
        return user.with_credentials(kind, [*by_serial.values(), *([] if change == "deleted" else [credential])])


def seconds_of(life: Life) -> Iterator[tuple[datetime, list[Happening]]]:
    return ((at, list(group)) for at, group in groupby(life.log, key=lambda happening: happening.at))


@pytest.mark.parametrize("seed", FEW)
def test_the_log_played_again_leads_to_the_states(seed: int) -> None:
    life, player = life_of(seed), Player()
    for at, happenings in seconds_of(life):
        assert life.state(at - TICK).users == player.users if player.users else at == life.birth
        for happening in happenings:
            player.play(happening)
        assert life.state(at).users == player.users
    assert life.birth < life.start < life.log[-1].at <= life.end


@pytest.mark.parametrize("seed", FEW)
def test_no_state_is_impossible(seed: int) -> None:
    life = life_of(seed)
    uses: dict[tuple[datetime, int], datetime] = {}
    for at, _ in seconds_of(life):
        assert at.microsecond == 0
        for user in life.state(at).users.values():
            assert life.birth <= user.created <= at
            if user.password_last_used:
                assert user.created <= user.password_last_used <= at
            for kind in (KEY, CERTIFICATE):
                slots = [credential.slot for credential in user.of_kind(kind)]
                assert slots in ([], [1], [2], [1, 2])
            for credential in user.credentials:
                assert user.created <= credential.created <= at
                if credential.last_used:
                    assert credential.last_used.second == 0
                    assert credential.created - timedelta(seconds=60) < credential.last_used <= at
                    assert (
                        uses.get((credential.created, credential.serial), credential.last_used) <= credential.last_used
                    )
                    uses[credential.created, credential.serial] = credential.last_used


# Lives are rich


def test_every_event_happens_in_some_life() -> None:
    logged = {happening.event for seed in SEEDS for happening in life_of(seed).log}
    assert logged == EVENTS | {"certificate_moved"}
    shown = {
        event.event
        for seed in SEEDS
        for t0, t1 in pairwise(every_days(life_of(seed), 15))
        for event in expected_events(life_of(seed), t0, t1)
    }
    assert shown == EVENTS


def test_lives_have_every_hard_case() -> None:
    """Cases that a comparer is likely to get wrong must happen, and snapshots must show them."""
    traps: Counter[str] = Counter()
    for seed in SEEDS:
        life = life_of(seed)
        states = [life.state(at) for at in every_days(life, 15)]
        for old, new in pairwise(states):
            for user in new.users.values():
                before = old.users.get(user.lower)
                traps.update(traps_of_a_user(user))
                if before and before.created != user.created:
                    traps["recreated"] += 1
                    traps["recreated in another case"] += before.name != user.name
                    traps["recreated with credentials before and after"] += bool(
                        before.credentials and user.credentials
                    )
                elif before:
                    traps.update(traps_between(before, user))
            traps["root"] += any(event.user == ROOT for event in events_between(old, new))
    assert not [trap for trap, number in traps.items() if number < 5], traps
    assert len(traps) == 17


def traps_of_a_user(user: User) -> dict[str, int]:
    keys = user.of_kind(KEY)
    pair = len(keys) == 2
    used, changed = user.password_last_used, user.password_changed
    return {
        "tie": pair and keys[0].created == keys[1].created,
        "slot 1 is newer": pair and keys[0].created > keys[1].created,
        "only slot 2": [key.slot for key in keys] == [2],
        "used before it was made": any(key.last_used and key.last_used < key.created for key in keys),
        "inactive": any(not key.active for key in keys),
        "no password but a last use": used is not None and changed is None,
        "password newer than its last use": used is not None and changed is not None and used < changed,
    }


def traps_between(before: User, after: User) -> dict[str, int]:
    pairs, lost, added = matched(before.of_kind(KEY), after.of_kind(KEY))
    ties = [
        old for old, _ in pairs if [credential.created for credential in before.of_kind(KEY)].count(old.created) == 2
    ]
    certificates, _, _ = matched(before.of_kind(CERTIFICATE), after.of_kind(CERTIFICATE))
    return {
        "both keys swapped": len([1 for old, new in pairs if old.slot != new.slot]) == 2,
        "moved and used": any(old.slot != new.slot and old.last_used != new.last_used for old, new in pairs),
        "both of a tie live on": len(ties) == 2,
        "one of a tie lives on": len(ties) == 1,
        "two rotations": len(lost) == len(added) == 2,
        "certificate moved": any(old.slot != new.slot for old, new in certificates),
    }


# The oracle for events


@given(seeds, moments)
def test_no_event_is_expected_between_equal_times(seed: int, at: datetime) -> None:
    assert expected_events(life_of(seed), at, at) == set()
    with pytest.raises(ValueError, match="older"):
        expected_events(life_of(seed), at, at - TICK)


def as_seen(happening: Happening) -> Expected:
    return Expected(happening.event, happening.user.lower(), happening.credential_kind, happening.key_created)


@pytest.mark.parametrize("seed", FEW)
def test_snapshots_around_one_second_show_what_was_logged_in_it(seed: int) -> None:
    """Except events that two snapshots cannot show, and a second use within a minute."""
    life = life_of(seed)
    used: set[tuple[int | None, datetime]] = set()
    for at, happenings in seconds_of(life):
        logged = {
            as_seen(happening)
            for happening in happenings
            if happening.event not in {"key_rotated", "certificate_moved"}
        }
        for happening in happenings:
            minute = (happening.detail.serial, at.replace(second=0))
            if happening.event == "user_recreated":  # the snapshot before shows nobody of that name
                logged ^= {as_seen(happening), replace(as_seen(happening), event="user_created")}
            elif happening.event == "key_used" and minute in used:
                logged.remove(as_seen(happening))
            elif happening.event == "key_used":
                used.add(minute)
        assert at == life.birth or logged == expected_events(life, at - TICK, at)


@given(seeds, moments, moments)
def test_events_are_explained_by_the_log(seed: int, first: datetime, second: datetime) -> None:
    life, t0, t1 = life_of(seed), min(first, second), max(first, second)
    between = {as_seen(happening) for happening in life.log if t0 < happening.at <= t1}
    for event in expected_events(life, t0, t1):
        causes = {event}
        if event.event == "user_created":
            causes.add(replace(event, event="user_recreated"))
        elif event.event == "password_changed":
            causes.add(replace(event, event="password_enabled"))
        elif event.event == "key_rotated":
            causes = {replace(event, event="key_created")}
            assert any(cause.event == "key_deleted" and cause.user == event.user for cause in between)
        assert causes & between, event


@given(seeds, moments, moments)
def test_credentials_are_recognised_truly(seed: int, first: datetime, second: datetime) -> None:
    old, new = (life_of(seed).state(at).users for at in sorted((first, second)))
    for name in old.keys() & new.keys():
        for kind in (KEY, CERTIFICATE):
            pairs, lost, added = matched(old[name].of_kind(kind), new[name].of_kind(kind))
            assert all(before.serial == after.serial for before, after in pairs)
            assert not {before.serial for before in lost} & {after.serial for after in added}


T0, T1 = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC)


def key(serial: int, slot: int, days: int, *, active: bool = True, used: int | None = None) -> Credential:
    """Return a key made so many days before T0 and used so many days after it."""
    return Credential(serial, KEY, slot, T0 - days * DAY, active, None if used is None else T0 + used * DAY)


def changes(before: User, after: User, t0: datetime = T0, t1: datetime = T1) -> set[tuple[str, int | None]]:
    """Return the events between two states of a user, a key known by its age in days at T0."""
    events = events_between(State(t0, {before.lower: before}), State(t1, {after.lower: after}))
    return {(e.event, (T0 - e.key_created).days if e.key_created else None) for e in events}


BOB = User("Bob", "/", T0 - 100 * DAY, password_changed=T0 - 50 * DAY)


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        pytest.param((key(1, 1, 9),), (key(1, 1, 9),), set(), id="nothing"),
        pytest.param(
            (key(1, 1, 9),), (key(1, 2, 9, used=3),), {("key_moved", 9), ("key_used", 9)}, id="moved and used"
        ),
        pytest.param((key(1, 1, 9),), (key(2, 1, -3, used=4),), {("key_rotated", -3)}, id="rotated, then used"),
        pytest.param(
            (key(1, 1, 9), key(2, 2, 5)),
            (key(2, 1, 5), key(3, 2, -3)),
            {("key_moved", 5), ("key_rotated", -3)},
            id="swapped",
        ),
        pytest.param(
            (key(1, 1, 9),), (key(2, 1, -3), key(3, 2, -2)), {("key_rotated", -2), ("key_created", -3)}, id="two new"
        ),
        pytest.param(
            (key(1, 1, 5), key(2, 2, 9)),
            (key(3, 1, -3),),
            {("key_rotated", -3), ("key_deleted", 5)},
            id="the oldest was rotated",
        ),
        pytest.param((key(1, 1, 9), key(2, 2, 9)), (key(2, 2, 9),), {("key_deleted", 9)}, id="one of a tie is lost"),
        pytest.param((key(1, 1, 9), key(2, 2, 9)), (key(2, 1, 9), key(1, 2, 9)), set(), id="nothing of a tie is moved"),
        pytest.param((key(1, 1, 9),), (key(1, 1, 9, active=False),), {("key_deactivated", 9)}, id="deactivated"),
    ],
)
def test_the_expected_events_of_keys(
    before: tuple[Credential, ...], after: tuple[Credential, ...], events: set[tuple[str, int | None]]
) -> None:
    assert changes(replace(BOB, credentials=before), replace(BOB, credentials=after)) == events


def test_the_expected_events_of_passwords() -> None:
    without, later = replace(BOB, password_changed=None), replace(BOB, password_changed=T0 + DAY)
    assert changes(BOB, BOB) == set()
    assert changes(BOB, later) == {("password_changed", None)}
    assert changes(BOB, without) == {("password_disabled", None)}
    assert changes(without, later) == {("password_enabled", None)}
    used = replace(later, password_last_used=T0 + 2 * DAY)
    assert changes(without, used) == {("password_enabled", None), ("password_used", None)}


def test_the_expected_events_of_a_recreated_user() -> None:
    old = replace(BOB, credentials=(key(1, 1, 9), key(2, 2, 8)), mfa=True)
    new = User("BOB", "/", T0 + DAY, credentials=(key(3, 1, -2, used=5),))
    assert changes(old, new) == {("user_recreated", None), ("key_created", -2)}


def test_the_password_of_root_was_not_shown_before_the_summer_of_2024() -> None:
    root = User(ROOT, "", NEW_STYLE - 900 * DAY, password_changed=NEW_STYLE - 900 * DAY)
    changed = replace(root, password_changed=NEW_STYLE - 2 * DAY, password_last_used=NEW_STYLE - DAY)
    assert changes(root, changed, NEW_STYLE - 3 * DAY, NEW_STYLE) == {("password_used", None)}
    assert changes(root, changed, NEW_STYLE, NEW_STYLE + DAY) == {("password_used", None), ("password_changed", None)}


# The oracle for lifetimes


@pytest.mark.parametrize("seed", FEW)
def test_lifetimes_cover_each_failure_once(seed: int) -> None:
    life = life_of(seed)
    instants = every_days(life, 5)
    lifetimes = expected_lifetimes(life, [*reversed(instants), instants[0]])
    assert lifetimes == expected_lifetimes(life, instants)
    for at in instants:
        failing = Counter(
            (verdict.user.lower(), verdict.credential.rpartition("_")[0] or PASSWORD)
            for verdict in judge(life.report(at), at)
            if verdict.status == "fail"
        )
        open_now = Counter(
            (lifetime.user, lifetime.credential_kind)
            for lifetime in lifetimes
            if lifetime.first_seen <= at <= lifetime.last_seen
        )
        assert failing == open_now
    for lifetime in lifetimes:
        assert lifetime.first_seen <= lifetime.last_seen
        assert (
            (lifetime.closed_at is None)
            == (lifetime.closed_by is None)
            == lifetime.censored_right
            == (lifetime.last_seen == instants[-1])
        )
        assert lifetime.closed_at is None or lifetime.closed_at == instants[instants.index(lifetime.last_seen) + 1]
        assert lifetime.censored_left == (lifetime.first_seen == instants[0])


def runs_by_subject(life: Life, days: int) -> dict[tuple[str, datetime, str, datetime | None], list[ExpectedLifetime]]:
    runs = defaultdict(list)
    for lifetime in expected_lifetimes(life, every_days(life, days)):
        runs[lifetime.user, lifetime.user_created, lifetime.credential_kind, lifetime.key_created].append(lifetime)
    return runs


def test_lifetimes_end_in_every_way_and_come_back() -> None:
    runs = [run for seed in SEEDS for run in runs_by_subject(life_of(seed), 15).values()]
    endings = {(lifetime.credential_kind, lifetime.closed_by) for run in runs for lifetime in run}
    assert endings == {(kind, end) for kind in (KEY, PASSWORD) for end in ("used", "deactivated", "deleted", None)} | {
        (PASSWORD, "changed")
    }
    assert {lifetime.censored_left for run in runs for lifetime in run} == {True, False}
    assert sum(len(run) > 1 for run in runs) > 10


def test_some_credential_lies_idle_for_exactly_the_limit() -> None:
    life = life_of(0)
    exactly = [v for at in every_days(life, 1) for v in judge(life.report(at), at) if v.basis_time == at - 45 * DAY]
    assert {verdict.status for verdict in exactly} == {"fail"}


def test_the_expected_lifetimes_of_a_life_written_by_hand() -> None:
    """A key never used until day 60, and then switched off after failing again; a password removed on day 50."""
    born = START
    bob = User("Bob", "/", born, password_changed=born, credentials=(Credential(1, KEY, 2, born),))
    used = replace(bob, password_changed=None, credentials=(replace(bob.credentials[0], last_used=born + 60 * DAY),))
    off = replace(used, credentials=(replace(used.credentials[0], active=False),))
    timeline: list[tuple[datetime, User | None]] = [
        (born, bob),
        (born + 50 * DAY, replace(bob, password_changed=None)),
        (born + 60 * DAY, used),
        (born + 120 * DAY, off),
    ]
    life = Life(ACCOUNT, born, born, born + 200 * DAY, 0, [], {"bob": timeline})

    def lifetime(kind: str, first: int, last: int, closed: int, closed_by: str) -> ExpectedLifetime:
        first_seen, last_seen, closed_at = (born + days * DAY for days in (first, last, closed))
        created = born if kind == KEY else None
        return ExpectedLifetime("bob", born, kind, created, first_seen, last_seen, closed_at, closed_by, False, False)  # noqa: FBT003

    assert expected_lifetimes(life, [born + days * DAY for days in range(0, 201, 5)]) == [
        lifetime(KEY, 45, 55, 60, "used"),
        lifetime(PASSWORD, 45, 45, 50, "deactivated"),
        lifetime(KEY, 105, 115, 120, "deactivated"),
    ]
