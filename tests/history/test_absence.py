"""Reports that may lack users prove nobody's absence, and reports of unknown order follow no other one."""

from __future__ import annotations

import csv
import json
import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import pipeline
from analyzer.controls.checklist import make_checklist
from analyzer.errors import InputError
from analyzer.pipeline import Settings
from tests.cli.running import run
from tests.history.running import compare, compare_stored, history
from tests.history.simulator import Expected, expected_events, expected_lifetimes, simulate
from tests.reading.programs import steampipe
from tests.reports import csv_of, key, password, root, unused, user, write

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from analyzer.evidence.comparison import Comparison
    from analyzer.evidence.history import History
    from tests.history.simulator import Life

ACCOUNT = "111122223333"
ONLY = Settings(unused(), every_snapshot=True)
JAN = "2026-01-01T00:00:00Z"
OLD, NEW = "2026-08-31", "2026-09-30"
SINCE = {"user_created": 1, "password_enabled": 1, "key_created": 1}

Row = dict[str, str]


def failing(name: str, **cells: str) -> Row:
    return user(name, **key(rotated=JAN), **password(changed=JAN), **cells)


def filtered(rows: Sequence[Row], day: str) -> tuple[str, str]:
    """Return the report as a program that filters users keeps it."""
    rows_of_day = [{**steampipe(row), "generated_time": f"{day}T00:00:00Z"} for row in rows]
    return f"{day}_{ACCOUNT}.json", json.dumps(rows_of_day)


def cut(rows: Sequence[Row], day: str) -> tuple[str, str]:
    """Return the report cut within the row that follows some others."""
    return f"{day}_{ACCOUNT}.csv", f"{csv_of(*rows)}\nzoe,arn:aws:iam::1111"


def rejected(rows: Sequence[Row], day: str) -> tuple[str, str]:
    """Return the report with a line in it that no row can be made of."""
    return f"{day}_{ACCOUNT}.csv", f"{csv_of(*rows)}\nodd,row\n"


def whole(rows: Sequence[Row], day: str) -> tuple[str, str]:
    return f"{day}_{ACCOUNT}.csv", csv_of(*rows)


LACKING = pytest.mark.parametrize("form", [filtered, cut, rejected])


def write_snapshots(folder: Path, *snapshots: tuple[str, str]) -> list[str]:
    return [write(folder / name, text) for name, text in snapshots]


def ingested(folder: Path, paths: Sequence[str]) -> Path:
    pipeline.ingest(paths, folder / "store")
    return folder / "store"


def audited(folder: Path, paths: Sequence[str], name: str, **options: object) -> str:
    pipeline.audit(paths, ONLY, str(folder / name), formats=[], **options)  # type: ignore[arg-type]
    return str(folder / name)


def compared(folder: Path, old: Sequence[str], new: Sequence[str]) -> list[Comparison]:
    """Compare two sides of reports, the audits of both, and a store of them."""
    sets = [audited(folder, side, name) for name, side in (("a", old), ("b", new))]
    times = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
    return [
        compare(old, new, ONLY),
        compare(sets[:1], sets[1:], ONLY),
        compare_stored(ingested(folder, [*old, *new]), *times, ONLY),
    ]


def counts(comparison: Comparison) -> dict[str, int]:
    return dict(sorted(comparison.counts.items()))


# --- absence ----------------------------------------------------------------------------------------------------------


@LACKING
def test_a_user_missing_in_the_newer_report_is_neither_deleted_nor_fixed(
    tmp_path: Path, form: Callable[[Sequence[Row], str], tuple[str, str]]
) -> None:
    old = write_snapshots(tmp_path / "old", whole([root(), failing("anna"), failing("bob")], OLD))
    new = write_snapshots(tmp_path / "new", form([root(), failing("anna")], NEW))
    for comparison in compared(tmp_path, old, new):
        assert counts(comparison) == {"not_known": 2, "still_failing": 2}
        assert comparison.exit_code == (0 if form is filtered else 3)
        assert form is not filtered or comparison.issue_counts["filtered_form"] == 1


@LACKING
def test_a_user_missing_in_the_older_report_is_new_only_if_created_since(
    tmp_path: Path, form: Callable[[Sequence[Row], str], tuple[str, str]]
) -> None:
    old = write_snapshots(tmp_path / "old", form([root(), failing("anna")], OLD))
    created_at = f"{NEW[:-2]}20T00:00:00Z"
    newcomer = user("carol", user_creation_time=created_at, **key(rotated=created_at), **password(changed=created_at))
    new = write_snapshots(tmp_path / "new", whole([root(), failing("anna"), failing("bob"), newcomer], NEW))
    for comparison in compared(tmp_path, old, new):
        assert counts(comparison) == {"new_failure": 2, "still_failing": 2, **SINCE}
        users_of_creations = comparison.events["user"][
            ~comparison.events["event"].isin(["new_failure", "still_failing"])
        ]
        assert set(users_of_creations.astype("str")) == {"carol"}
        assert "missed_before" not in comparison.issue_counts


@LACKING
def test_a_user_created_again_under_the_same_name_is_recognised_in_any_report(
    tmp_path: Path, form: Callable[[Sequence[Row], str], tuple[str, str]]
) -> None:
    old = write_snapshots(tmp_path / "old", whole([root(), failing("anna", user_creation_time=JAN)], OLD))
    new = write_snapshots(
        tmp_path / "new", form([root(), user("Anna", user_creation_time="2026-09-20T00:00:00Z")], NEW)
    )
    for comparison in compared(tmp_path, old, new):
        assert counts(comparison) == {"fixed": 2, "user_recreated": 1}


def test_a_snapshot_in_parts_lacks_users_where_one_part_does(tmp_path: Path) -> None:
    old = write_snapshots(tmp_path / "old", whole([root(), *map(failing, ("anna", "bob", "carol"))], OLD))
    new = write_snapshots(tmp_path / "new/1", whole([root(), failing("anna")], NEW))
    new += write_snapshots(tmp_path / "new/2", cut([failing("bob")], NEW))
    for comparison in compared(tmp_path, old, new):
        assert counts(comparison) == {"not_known": 2, "still_failing": 4}


def test_root_never_counts_as_deleted(tmp_path: Path) -> None:
    old = write_snapshots(
        tmp_path / "old", whole([root(mfa_active="false", password_enabled="true"), failing("anna")], OLD)
    )
    new = write_snapshots(tmp_path / "new", whole([failing("anna")], NEW))
    comparison = compare(old, new, Settings(make_checklist(controls=["root-mfa"])))
    assert counts(comparison) == {"not_known": 1}
    back = write_snapshots(tmp_path / "back", whole([root(mfa_active="false"), failing("anna")], "2026-10-31"))
    assert "user_created" not in compare(new, back, ONLY).counts


@LACKING
def test_a_history_loses_such_failures_to_follow_up_and_claims_no_fix(
    tmp_path: Path, form: Callable[[Sequence[Row], str], tuple[str, str]]
) -> None:
    rows = [root(), user("anna"), user("bob", **key(rotated=JAN))]
    paths = write_snapshots(tmp_path / "in", whole(rows, "2026-07-31"), form(rows[:2], OLD), whole(rows, NEW))
    store = ingested(tmp_path, paths)
    for summary in (history(paths, ONLY), history([], ONLY, store=store)):
        lifetimes = summary.lifetimes[["state", "closed_by", "reopened"]].astype("object").to_numpy().tolist()
        assert [row[0] for row in lifetimes] == ["lost_sight", "open"]
        assert summary.lifetimes["closed_by"].isna().all()
        assert not summary.lifetimes["reopened"].any()
        assert summary.exit_code == (1 if form is filtered else 3)
        assert {"filtered_form", "cut_report", "rejected_row"} & summary.issue_counts.keys()
    series = history(paths, ONLY, series="monthly")
    assert series.lifetimes["state"].astype("str").tolist() == ["lost_sight", "open"]


def test_the_screen_counts_undecided_failures(tmp_path: Path) -> None:
    write_snapshots(tmp_path / "old", whole([root(), failing("anna"), failing("bob")], OLD))
    write_snapshots(tmp_path / "new", filtered([root(), failing("anna")], NEW))
    done = run("compare", "old", "new", "--control", "unused-credentials", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0
    assert "0 new failures; 0 fixed." in done.stdout
    assert "2 still failing; 2 undecided.\n2 failures now, 4 before, in the account compared." in done.stdout
    assert "may contain only some of the users" in done.stdout


def test_an_audit_without_its_issues_says_that_nobody_counts_as_absent(tmp_path: Path) -> None:
    old = write_snapshots(tmp_path / "old", whole([root(), failing("anna"), failing("bob")], OLD))
    new = write_snapshots(tmp_path / "new", cut([root(), failing("anna")], NEW))
    sets = [audited(tmp_path, side, name, tables=["users"]) for name, side in (("a", old), ("b", new))]
    comparison = compare(sets[:1], sets[1:], ONLY)
    assert counts(comparison) == {"not_known": 2, "still_failing": 2}
    assert comparison.issue_counts["cut_report"] == 1
    assert comparison.exit_code == 3


def test_where_the_issues_of_a_month_are_damaged_nobody_counts_as_absent(tmp_path: Path) -> None:
    snapshots = [whole([root(), failing("anna"), failing("bob")], OLD), whole([root(), failing("anna")], NEW)]
    paths = write_snapshots(tmp_path / "in", *snapshots)
    times = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
    store = ingested(tmp_path, paths)
    assert compare_stored(store, *times, ONLY).counts["fixed"] == 2
    write(store / "issues/month=2026-09/part-0.parquet", b"no Parquet")
    comparison = compare_stored(store, *times, ONLY)
    assert counts(comparison) == {"not_known": 2, "still_failing": 2}
    assert (comparison.issue_counts["damaged_part"], comparison.exit_code) == (1, 3)


# --- against the truth ------------------------------------------------------------------------------------------------

START = datetime(2026, 1, 1, tzinfo=UTC)


def as_expected(comparison: Comparison) -> set[Expected]:
    rows = comparison.events[comparison.events["control"].isna().to_numpy()]
    return {
        Expected(
            event,
            name.lower(),
            None if pd.isna(kind) else kind,
            None if pd.isna(created_at) else created_at.to_pydatetime(),
        )
        for event, name, kind, created_at in rows[["event", "user", "kind", "key_created"]].itertuples(index=False)
    }


def shown(life: Life, at: datetime, hidden: Collection[str], form: str) -> tuple[str, str]:
    """Return the report of an instant, without users that are hidden: it shows that it may lack some."""
    text = life.report(at, hidden)
    name = f"{at:%Y-%m-%dT%H-%M-%SZ}"
    if not hidden:
        return f"{name}.csv", text
    if form == "filtered":
        rows = [steampipe(row) for row in csv.DictReader(text.splitlines())]
        return f"{name}.json", json.dumps([{**row, "generated_time": f"{at:%Y-%m-%dT%H:%M:%SZ}"} for row in rows])
    return f"{name}.csv", f"{text}\nzoe,arn:aws:iam::1111"


@settings(deadline=None)
@given(seed=st.integers(0, 60), dice=st.randoms(use_true_random=False), span=st.sampled_from([(10, 40), (3, 110)]))
def test_events_are_those_that_two_reports_show(seed: int, dice: random.Random, span: tuple[int, int]) -> None:
    life = simulate(seed, account=ACCOUNT, start=START, days=120, users=8)
    first, second = (START + timedelta(days=day) for day in span)
    hidden = some_names_of(life, dice), some_names_of(life, dice)
    true_events = expected_events(life, first, second)
    with tempfile.TemporaryDirectory() as folder:
        old = write_snapshots(Path(folder) / "old", shown(life, first, hidden[0], "cut"))
        new = write_snapshots(Path(folder) / "new", shown(life, second, hidden[1], "cut"))
        events = as_expected(compare(old, new, ONLY))
    assert events == expected_events(life, first, second, hidden)
    deletions = {event for event in events if event.event.endswith("_deleted")}
    assert deletions <= true_events, "users and keys of such events are truly gone"


@settings(deadline=None)
@given(seed=st.integers(0, 60), dice=st.randoms(use_true_random=False), form=st.sampled_from(["cut", "filtered"]))
def test_a_report_that_lacks_users_between_two_whole_ones_makes_nothing_up(
    seed: int, dice: random.Random, form: str
) -> None:
    life = simulate(seed, account=ACCOUNT, start=START, days=120, users=8)
    times = [START + timedelta(days=day) for day in (40, 60, 80)]
    hidden = {times[1]: some_names_of(life, dice)}
    with tempfile.TemporaryDirectory() as folder:
        paths = write_snapshots(Path(folder), *(shown(life, at, hidden.get(at, ()), form) for at in times))
        lives = history(paths, ONLY).lifetimes
        comparisons = [compare(paths[:1], paths[1:2], ONLY), compare(paths[1:2], paths[2:], ONLY)]
    for number, comparison in enumerate(comparisons):
        true_events = expected_events(life, times[number], times[number + 1])
        deletions = {event for event in as_expected(comparison) if event.event.endswith("_deleted")}
        assert deletions <= true_events
    closed = lives[(lives["state"] == "closed").to_numpy()]
    for row in closed[["user", "kind", "key_created", "last_seen", "closed_at"]].to_dict("records"):
        last_seen, closed_at = (times.index(row[name].to_pydatetime()) for name in ("last_seen", "closed_at"))
        assert closed_at == last_seen + 1
        assert row["user"].lower() not in hidden.get(times[closed_at], ()), "nobody is fixed by not being shown"


@pytest.mark.parametrize("seed", range(6))
def test_the_lifetimes_are_those_that_reports_show(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - a test's dice
    life = simulate(seed, account=ACCOUNT, start=START, days=120, users=6)
    times = [START + timedelta(days=day) for day in range(2, 119, 7)]
    hidden = {at: some_names_of(life, dice) for at in times if dice.random() < 0.4}
    paths = write_snapshots(tmp_path / "in", *(shown(life, at, hidden.get(at, ()), "cut") for at in times))
    expected = sorted(
        (
            str(lifetime.user),
            lifetime.credential_kind,
            str(lifetime.key_created),
            *(str(time) for time in (lifetime.first_seen, lifetime.last_seen, lifetime.closed_at)),
            str(lifetime.closed_by),
            lifetime.censored_left,
            lifetime.censored_right,
        )
        for lifetime in expected_lifetimes(life, times, hidden)
    )
    for summary in (history(paths, ONLY), history([], ONLY, store=ingested(tmp_path, paths))):
        assert sorted(as_oracle_lifetimes(summary)) == expected


def as_oracle_lifetimes(summary: History) -> list[tuple[object, ...]]:
    """Return lifetimes in the form of the oracle."""
    names = ("key_created", "first_seen", "last_seen", "closed_at")
    return [
        (
            row["user"].lower(),
            row["kind"],
            *(str(None if pd.isna(row[name]) else row[name].to_pydatetime()) for name in names),
            str(None if pd.isna(row["closed_by"]) else row["closed_by"]),
            bool(row["censored_left"]),
            bool(row["censored_right"]),
        )
        for row in summary.lifetimes.to_dict("records")
    ]


def some_names_of(life: Life, dice: random.Random) -> frozenset[str]:
    """Return some of the names under which users live, but for root."""
    names = sorted(life.timelines.keys() - {"<root_account>"})
    return frozenset(dice.sample(names, dice.randint(1, len(names) - 1)))


# --- unknown order ----------------------------------------------------------------------------------------------------

OTHER = "444455556666"


def row_of_other(name: str, **cells: str) -> Row:
    return user(name, account=OTHER, **cells)


def reports_of_unknown_order(folder: Path, day: str) -> list[str]:
    """Write two reports of one time with mostly the same users, and one of another account."""
    first, second = [root(), failing("anna"), failing("bob")], [root(), failing("anna")]
    return write_snapshots(
        folder,
        (f"{day}/a.csv", csv_of(*first)),
        (f"{day}/b.csv", csv_of(*second)),
        (f"{day}/c.csv", csv_of(root(OTHER), row_of_other("carol", **key(rotated=JAN)))),
    )


def reports_of_known_order(folder: Path, day: str) -> list[str]:
    return write_snapshots(
        folder,
        (f"{day}/a.csv", csv_of(root(), failing("anna"), failing("bob"), failing("dan"))),
        (f"{day}/c.csv", csv_of(root(OTHER), row_of_other("carol", **key(rotated=JAN, used=f"{day}T00:00:00Z")))),
    )


@pytest.mark.parametrize("side", ["old", "new"])
def test_an_account_whose_reports_are_of_unknown_order_is_not_compared(tmp_path: Path, side: str) -> None:
    old, new = (
        make(tmp_path / f"in {day}", day)
        for make, day in zip(
            (reports_of_unknown_order, reports_of_known_order)
            if side == "old"
            else (reports_of_known_order, reports_of_unknown_order),
            (OLD, NEW),
            strict=True,
        )
    )
    for comparison in compared(tmp_path, old, new):
        assert comparison.accounts == (OTHER,)
        assert set(comparison.events["account_id"]) == {OTHER}
        assert (comparison.only_new if side == "old" else comparison.only_old) == (ACCOUNT,)
        assert comparison.issue_counts["order_unknown"] == 2
        assert comparison.exit_code == 3


def test_an_older_snapshot_of_known_order_is_compared_instead(tmp_path: Path) -> None:
    old = reports_of_known_order(tmp_path / "in", "2026-07-31") + reports_of_unknown_order(tmp_path / "in", OLD)
    new = reports_of_known_order(tmp_path / "in", NEW)
    for comparison in compared(tmp_path, old, new):
        assert comparison.accounts == (ACCOUNT, OTHER)
        assert {"user_deleted", "user_created", "new_failure"}.isdisjoint(comparison.counts)
        assert comparison.exit_code == 3


def test_the_order_of_the_parts_of_a_snapshot_is_not_unknown(tmp_path: Path) -> None:
    old = write_snapshots(tmp_path / "old/1", whole([root(), failing("anna")], OLD)) + write_snapshots(
        tmp_path / "old/2", whole([failing("bob")], OLD)
    )
    new = write_snapshots(tmp_path / "new", whole([root(), failing("anna")], NEW))
    for comparison in compared(tmp_path, old, new):
        assert counts(comparison)["user_deleted"] == 1
        assert "order_unknown" not in comparison.issue_counts


def test_where_nothing_else_is_compared_the_error_says_why(tmp_path: Path) -> None:
    sets = [
        audited(tmp_path, [path for path in make(tmp_path / day, day) if not path.endswith("c.csv")], f"of {day}")
        for make, day in ((reports_of_known_order, OLD), (reports_of_unknown_order, NEW))
    ]
    with pytest.raises(InputError, match="has mostly the same users of account 111122223333"):
        compare(sets[:1], sets[1:], ONLY)
    done = run("compare", *sets, "-o", "out", cwd=tmp_path)
    assert done.returncode == 2
    assert "give their capture times" in done.stderr
    assert not any(word in done.stdout for word in ("fixed", "deleted"))


def test_a_history_of_a_store_leaves_out_snapshots_of_unknown_order(tmp_path: Path) -> None:
    paths = (
        reports_of_known_order(tmp_path / "in", "2026-07-31")
        + reports_of_unknown_order(tmp_path / "in", OLD)
        + reports_of_known_order(tmp_path / "in", NEW)
    )
    of_reports, of_store = history(paths, ONLY), history([], ONLY, store=ingested(tmp_path, paths))
    for summary in (of_reports, of_store):
        assert summary.issue_counts["order_unknown"] == 2
        assert summary.exit_code == 3
    assert of_store.lifetimes.drop(columns="source").equals(of_reports.lifetimes.drop(columns="source"))
