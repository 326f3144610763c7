from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import dataset, parquet

from analyzer import pipeline
from analyzer.errors import InputError, OutputError
from analyzer.evidence import system
from analyzer.evidence.schema import ISSUES
from analyzer.history.store import by_accounts, parts
from analyzer.history.store.adding import Added
from analyzer.history.store.contents import contents
from analyzer.history.store.layout import SNAPSHOTS
from analyzer.pipeline import road
from analyzer.reading.issues import IssueLog
from tests.history.loading import load
from tests.reports import ACCOUNT, COLUMNS_16, COLUMNS_22, codes, csv_of, key, password, read, root, user, write
from tests.strategies import Report, reports

OTHER = "444455556666"
LATE = "2026-10-31/late.csv"


def ingest(
    store: Path, *paths: str | Path, account_id: str | None = None, batch: int = road.READ_BYTES
) -> tuple[Added, IssueLog]:
    ingestion = pipeline.ingest([str(path) for path in paths], store, account_id=account_id, batch=batch)
    return ingestion.added, IssueLog(list(ingestion.issues.itertuples(index=False, name=None)))


def state(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder with its bytes."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def report(day: str, account: str = ACCOUNT) -> str:
    """Return the report of a day: of everything a report can hold something, and it differs from day to day."""
    return csv_of(
        root(account),
        user("Anna", account=account, path="/a,b/", **key(rotated="2026-01-01T00:00:00Z", used=f"{day}T01:02:00Z")),
        user("bob", account=account, **password(used=f"{day}T01:02:03.000004Z", changed="2026-02-01T00:00:00Z")),
        user("NA", account=account, mfa_active="perhaps", cert_1_last_rotated="soon"),
        columns=COLUMNS_22,
    )


def fleet(folder: Path) -> list[str]:
    """Write reports of two accounts, two months and several days, and return their names."""
    days = ("2026-09-29", "2026-09-30", "2026-10-01", "2026-10-02")
    return [
        write(folder / day / f"credentialReport_{account}.csv", report(day, account))
        for day in days
        for account in (ACCOUNT, OTHER)
    ]


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Return users in an order of their own, their columns by name, reports numbered as they come."""
    frame = frame.assign(source=frame["source"].cat.remove_unused_categories())
    return frame.sort_values(["source", "line"], ignore_index=True)[sorted(frame.columns)]


# --- what is stored --------------------------------------------------------------------------------------------------


def test_reports_of_several_accounts_and_months_are_kept_once(tmp_path: Path) -> None:
    names, store = fleet(tmp_path / "in"), tmp_path / "deep/er/store"
    first, log = ingest(store, tmp_path / "in")
    tables, _ = read(tmp_path / "in")
    assert first == Added(added=8, known=0, refused=0, rows=32)
    before = state(store)
    assert set(before) == {"_schema.json"} | {
        f"{table}/month=2026-{month}/part-0.parquet"
        for table in ("snapshots", "reports", "issues")
        for month in ("09", "10")
    }
    inode = store.stat().st_ino
    again, _ = ingest(store, tmp_path / "in")
    assert again == Added(added=0, known=8, refused=0, rows=0)
    assert state(store) == before
    assert store.stat().st_ino == inode, "nothing to do, and nothing done"
    pd.testing.assert_frame_equal(in_order(load(store)[list(tables.users)]), in_order(tables.users))
    assert load(store)["source"].cat.categories.tolist() == sorted(names)
    stored = dataset.dataset(store / "issues", partitioning="hive").to_table().to_pandas()
    assert sorted(stored["code"]) == sorted(codes(log)) == ["bad_boolean"] * 8 + ["bad_timestamp"] * 8
    ledger = dataset.dataset(store / "reports", partitioning="hive").to_table().to_pandas()
    assert sorted(ledger["source"]) == sorted(names)
    assert set(ledger["rows"]) == {4}
    assert not list(tmp_path.rglob(".store.[0-9a-f]*")), "nothing is left over"


def test_every_order_gives_the_same_bytes(tmp_path: Path) -> None:
    fleet(tmp_path / "in")
    days = sorted(path for path in (tmp_path / "in").iterdir())
    shutil.copytree(days[0], tmp_path / "in/0 copy of 2026-09-29")  # the same under another name
    days.append(tmp_path / "in/0 copy of 2026-09-29")
    states = []
    for number, order in enumerate(list(permutations(days))[::37]):
        store = tmp_path / f"store{number}"
        additions = [ingest(store, day)[0] for day in order]
        assert (
            sum(added.added for added in additions),
            sum(added.known for added in additions),
            sum(added.rows for added in additions),
        ) == (8, 2, 32)
        states.append(state(store))
    whole = tmp_path / "whole"
    ingest(whole, tmp_path / "in")
    assert all(ordered_state == state(whole) for ordered_state in states)
    assert any("0 copy" in name for name in load(whole)["source"].cat.categories), "the first by name names it"


@settings(max_examples=8)
@given(data=st.data())
def test_stored_reports_come_back_unchanged(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    tmp_path = tmp_path_factory.mktemp("store")
    drawn: list[Report] = data.draw(st.lists(reports(drop_column=True, min_users=1), min_size=1, max_size=4))
    names = [
        write(tmp_path / f"in/2026-{9 + number % 3:02}-0{number + 1}/{ACCOUNT}.csv", drawn_report.to_csv())
        for number, drawn_report in enumerate(drawn)
    ]
    _, log = ingest(tmp_path / "whole", tmp_path / "in")
    tables, _ = read(tmp_path / "in")
    assert not [row for row in log.rows if "not stored" in row[5]]
    for name in data.draw(st.permutations(names)):
        ingest(tmp_path / "piecewise", name)
    loaded = load(tmp_path / "whole")
    pd.testing.assert_frame_equal(loaded, load(tmp_path / "piecewise"))
    pd.testing.assert_frame_equal(in_order(loaded[list(tables.users)]), in_order(tables.users))
    assert state(tmp_path / "whole") == state(tmp_path / "piecewise")
    assert loaded["source"].cat.categories.tolist() == sorted(set(tables.users["source"]))


def test_a_quiet_account_has_a_snapshot_each_day(tmp_path: Path) -> None:
    text = csv_of(root(), user("a"))
    for day in ("2026-10-01", "2026-10-02"):
        write(tmp_path / "in" / f"{day}.csv", text)
    done, _ = ingest(tmp_path / "store", tmp_path / "in")
    assert done == Added(added=2, known=0, refused=0, rows=4)


def test_the_same_report_under_two_names_and_in_two_containers_is_one(tmp_path: Path) -> None:
    text, store = report("2026-10-01"), tmp_path / "store"
    ingest(store, write(tmp_path / "b/2026-10-01.csv", text))
    loaded = load(store)
    done, _ = ingest(store, write(tmp_path / "c/2026-10-01.csv.gz", gzip.compress(text.encode())))
    assert done == Added(added=0, known=1, refused=0, rows=0)
    pd.testing.assert_frame_equal(load(store), loaded)
    done, _ = ingest(store, write(tmp_path / "a/2026-10-01.csv", text))
    assert done == Added(added=0, known=1, refused=0, rows=0)
    assert load(store)["source"].unique().tolist() == [f"{tmp_path}/a/2026-10-01.csv"]
    assert len(parquet.read_table(store / "reports/month=2026-10/part-0.parquet")) == 1
    assert len(parquet.read_table(store / "issues/month=2026-10/part-0.parquet")) == 2


def test_one_csv_of_two_accounts_known_by_name_alone_is_two_reports(tmp_path: Path) -> None:
    text = csv_of({**root(), "mfa_active": "?"}, columns=tuple(c for c in COLUMNS_22 if c != "arn"))
    for account in (ACCOUNT, OTHER):
        write(tmp_path / f"in/2026-10-01/{account}.csv", text)
    done, _ = ingest(tmp_path / "store", tmp_path / "in")
    assert done == Added(added=2, known=0, refused=0, rows=2)
    assert sorted(load(tmp_path / "store")["account_id"]) == [ACCOUNT, OTHER]
    issues = parquet.read_table(tmp_path / "store/issues/month=2026-10/part-0.parquet").to_pandas()
    assert sorted(issues["account_id"]) == [ACCOUNT] * 2 + [OTHER] * 2


def test_a_file_of_two_accounts_is_one_file_and_two_reports(tmp_path: Path) -> None:
    text = report("2026-10-01") + "\n" + report("2026-10-01", OTHER)
    done, _ = ingest(tmp_path / "store", write(tmp_path / "2026-10-01.csv", text))
    assert done == Added(added=1, known=0, refused=0, rows=8)
    ledger = parquet.read_table(tmp_path / "store/reports/month=2026-10/part-0.parquet").to_pandas()
    assert ledger[["account_id", "rows"]].to_numpy().tolist() == [[ACCOUNT, 4], [OTHER, 4]]
    issues = parquet.read_table(tmp_path / "store/issues/month=2026-10/part-0.parquet").to_pandas()
    assert issues["account_id"].isna().all()


def test_a_report_without_time_or_account_is_refused_whole_and_others_are_stored(tmp_path: Path) -> None:
    write(tmp_path / "in/undated.csv", report("2026-10-01"))
    write(tmp_path / "in/2026-10-02.csv", report("2026-10-02"))
    no_arn = csv_of(root(), user("a"), columns=tuple(column for column in COLUMNS_16 if column != "arn"))
    write(tmp_path / "in/2026-10-03.csv", no_arn)
    write(tmp_path / "in/2026-10-04.csv", ",".join(COLUMNS_22))
    store = tmp_path / "store"
    done, log = ingest(store, tmp_path / "in")
    assert done == Added(added=1, known=0, refused=3, rows=4)
    reasons = {Path(row[0]).name: row[5] for row in log.rows if "not stored" in row[5]}
    assert reasons.keys() == {"undated.csv", "2026-10-03.csv"}
    done, _ = ingest(store, tmp_path / "in", account_id=ACCOUNT)
    assert done == Added(added=1, known=1, refused=2, rows=2)
    assert load(store)["captured_at"].dt.day.unique().tolist() == [2, 3]


def test_nothing_to_store_makes_no_store(tmp_path: Path) -> None:
    done, _ = ingest(tmp_path / "store", write(tmp_path / "undated.csv", report("2026-10-01")))
    assert done == Added(added=0, known=0, refused=1, rows=0)
    assert not (tmp_path / "store").exists()


def test_months_are_of_utc(tmp_path: Path) -> None:
    envelope = {"Content": report("2026-09-30"), "GeneratedTime": "2026-10-01T01:00:00+05:30"}
    ingest(tmp_path / "store", write(tmp_path / "a.json", json.dumps(envelope)))
    assert (tmp_path / "store/snapshots/month=2026-09/part-0.parquet").exists()


# --- reading ---------------------------------------------------------------------------------------------------------


def test_a_part_of_the_store_is_loaded(tmp_path: Path) -> None:
    fleet(tmp_path / "in")
    store = tmp_path / "store"
    ingest(store, tmp_path / "in")
    whole = load(store)
    anna = whole[(whole["user"] == "Anna") & (whole["account_id"] == OTHER)]
    assert (anna.index.diff()[1:] == [1, 15, 1]).all(), "in a month, a user's snapshots lie side by side"
    assert set(load(store, accounts=[OTHER])["account_id"]) == {OTHER}
    assert load(store, accounts=[]).empty
    edge = whole["captured_at"].sort_values().unique()[1]
    assert set(load(store, since=edge)["captured_at"].dt.day) == {30, 1, 2}
    assert set(load(store, until=edge)["captured_at"].dt.day) == {29, 30}
    assert set(load(store, since=edge, until=edge)["captured_at"]) == {edge}
    none = load(store, since=datetime(2027, 1, 1, tzinfo=UTC))
    assert none.empty
    assert list(none) == list(whole)
    assert [str(kind) for kind in none.dtypes] == [str(kind) for kind in whole.dtypes]
    pd.testing.assert_frame_equal(load(store, columns=["user", "report"]), whole[["user", "report"]])


def test_other_programs_read_the_store_as_it_is(tmp_path: Path) -> None:
    fleet(tmp_path / "in")
    ingest(tmp_path / "store", tmp_path / "in")
    snapshots = dataset.dataset(tmp_path / "store/snapshots", partitioning="hive")
    table = snapshots.to_table(filter=(pc.field("month") == "2026-10") & (pc.field("account_id") == OTHER))
    assert table.num_rows == 8
    assert set(SNAPSHOTS.names) < set(table.column_names)
    plain = pd.read_parquet(tmp_path / "store/snapshots")
    assert len(plain) == 32
    metadata = parquet.read_schema(tmp_path / "store/snapshots/month=2026-10/part-0.parquet").metadata
    assert metadata[b"schema_version"] == b"1"
    notes = json.loads((tmp_path / "store/_schema.json").read_text(encoding="utf-8"))
    assert notes["schema_version"] == 1
    assert list(notes["tables"]["snapshots"]) == SNAPSHOTS.names
    assert set(ISSUES.names) < set(notes["tables"]["issues"])


def test_duckdb_reads_the_store_as_it_is(tmp_path: Path) -> None:
    fleet(tmp_path / "in")
    ingest(tmp_path / "store", tmp_path / "in")
    connection = duckdb.connect()
    connection.execute(f"set file_search_path = '{tmp_path}'")
    query = """select month, account_id, count(*), max(access_key_1_last_used_date) from
        read_parquet('store/snapshots/**/*.parquet', hive_partitioning = true) group by all order by all"""
    rows = connection.execute(query).fetchall()
    assert [row[:3] for row in rows] == [(m, a, 8) for m in ("2026-09", "2026-10") for a in (ACCOUNT, OTHER)]
    assert rows[0][3].astimezone(UTC) == datetime(2026, 9, 30, 1, 2, tzinfo=UTC)


def test_gaps_are_long_for_their_account(tmp_path: Path) -> None:
    for day in (1, 2, 3, 6, 7):
        write(tmp_path / f"in/2026-10-0{day}/{ACCOUNT}.csv", report("2026-09-01"))
    for day in (1, 4, 8, 28):
        write(tmp_path / f"in/2026-10-{day:02}/{OTHER}.csv", report("2026-09-01", OTHER))
    for hour in (0, 1, 2, 20):  # less than a day is no gap
        write(tmp_path / f"in/777788889999_2026-10-01T{hour:02}-00-00Z.csv", report("2026-09-01", "777788889999"))
    ingest(tmp_path / "store", tmp_path / "in")
    store_contents = contents(tmp_path / "store")
    assert store_contents.accounts == (ACCOUNT, OTHER, "777788889999")
    assert store_contents.damaged == ()
    assert store_contents.snapshots.groupby("account_id").size().to_dict() == {ACCOUNT: 5, OTHER: 4, "777788889999": 4}
    assert set(store_contents.snapshots["rows"]) == {4}
    gaps = store_contents.gaps.assign(**{side: store_contents.gaps[side].dt.day for side in ("after", "before")})
    assert gaps.to_numpy().tolist() == [[ACCOUNT, 3, 6, 2], [OTHER, 8, 28, 4]]


def test_parts_of_one_snapshot_are_counted(tmp_path: Path) -> None:
    for number in (1, 2):
        write(tmp_path / f"in/2026-10-01/part{number}.csv", csv_of(user(f"user{number}")))
    ingest(tmp_path / "store", tmp_path / "in")
    (row,) = contents(tmp_path / "store").snapshots.to_dict("records")
    assert (row["account_id"], row["rows"], row["reports"]) == (ACCOUNT, 2, 2)


# --- damage ----------------------------------------------------------------------------------------------------------


def harm(path: Path, kind: str) -> None:
    data = bytearray(path.read_bytes())
    if kind == "cut":
        del data[len(data) // 2 :]
    elif kind == "flipped":
        data[len(data) // 5] ^= 0x10  # in a page: only its checksum shows it
    else:
        data[:] = b""
    path.unlink()  # copies of the store share their files
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("kind", ["cut", "flipped", "empty"])
def test_a_damaged_part_is_named_and_the_rest_works(tmp_path: Path, kind: str) -> None:
    fleet(tmp_path / "in")
    store = tmp_path / "store"
    ingest(store, tmp_path / "in")
    sound = state(store)
    part = store / "snapshots/month=2026-09/part-0.parquet"
    harm(part, kind)
    log = IssueLog()
    assert set(load(store, log=log)["captured_at"].dt.month) == {10}
    assert [row[0] for row in log.rows] == [str(part)]
    with pytest.raises(InputError, match="month=2026-09"):
        load(store)
    assert len(load(store, since=datetime(2026, 10, 1, tzinfo=UTC))) == 16, "parts that are not needed do not matter"
    store_contents = contents(store)
    assert [name for name, _ in store_contents.damaged] == ["snapshots/month=2026-09/part-0.parquet"]
    assert set(store_contents.snapshots["captured_at"].dt.month) == {10}

    write(tmp_path / "in" / LATE, report("2026-10-31"))
    done, log = ingest(store, tmp_path / "in")
    assert done == Added(added=1, known=4, refused=4, rows=4)
    assert [row[0] for row in log.rows if "not stored" in row[5]] == [str(part)]
    (tmp_path / "in" / LATE).unlink()
    part.unlink()
    done, _ = ingest(store, tmp_path / "in")
    assert done == Added(added=4, known=4, refused=0, rows=16), "the reports of the lost part come back"
    mended = state(store)
    assert {name: mended[name] for name in mended if "2026-09" in name} == {n: sound[n] for n in sound if "-09" in n}


def test_a_part_of_another_table_is_damage(tmp_path: Path) -> None:
    fleet(tmp_path / "in")
    ingest(tmp_path / "store", tmp_path / "in")
    part = tmp_path / "store/snapshots/month=2026-10/part-0.parquet"
    part.unlink()
    parquet.write_table(parquet.read_table(tmp_path / "store/reports/month=2026-10/part-0.parquet"), part)
    assert [name for name, _ in contents(tmp_path / "store").damaged] == ["snapshots/month=2026-10/part-0.parquet"]


def test_a_newer_schema_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet(tmp_path / "in")
    with monkeypatch.context() as patch:
        patch.setattr(parts, "METADATA", {"program": "credreport", "schema_version": "2"})
        ingest(tmp_path / "store", tmp_path / "in")
    before = state(tmp_path / "store")
    for action in (load, contents, lambda store: ingest(store, tmp_path / "in")):
        with pytest.raises(InputError, match="newer") as caught:
            action(tmp_path / "store")
        assert "update" in caught.value.hint
    assert state(tmp_path / "store") == before


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "file", "")
    for name in ("empty", "absent", "file"):
        for action in (load, contents, lambda folder: list(by_accounts(folder, log=IssueLog()))):
            with pytest.raises(InputError, match="no snapshot store") as caught:
                action(tmp_path / name)
            assert "credreport ingest" in caught.value.hint


@pytest.mark.parametrize("name", ["notes.txt", "snapshots/month=2026-10/part-1.parquet", "other/file", "reports/x"])
def test_a_folder_with_other_files_is_left_alone(tmp_path: Path, name: str) -> None:
    fleet(tmp_path / "in")
    store = tmp_path / "store"
    ingest(store, *sorted((tmp_path / "in").iterdir())[:1])
    write(store / name, "mine")
    before = state(store)
    with pytest.raises(OutputError, match=name):
        ingest(store, tmp_path / "in")
    assert state(store) == before


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "snapshots/desktop.ini", "reports/month=2026-09/.DS_Store"])
def test_notes_of_desktop_programs_in_a_store_do_no_harm(tmp_path: Path, name: str) -> None:
    names, store = fleet(tmp_path / "in"), tmp_path / "store"
    ingest(store, *names[:2])
    write(store / name, "")
    ingest(store, *names)
    ingest(tmp_path / "once", *names)
    assert state(store) == state(tmp_path / "once")


def test_a_store_with_other_files_and_a_folder_that_is_no_store_have_different_errors(tmp_path: Path) -> None:
    names, store = fleet(tmp_path / "in"), tmp_path / "store"
    ingest(store, *names[:2])
    for number in range(5):
        write(store / f"note{number}", "")
    with pytest.raises(
        OutputError, match=r"(?m)something was added to the store .*: note0, note1, note2 and 2 more$"
    ) as error:
        ingest(store, *names)
    assert "to keep what was added" in error.value.hint
    write(tmp_path / "other/note", "")
    with pytest.raises(OutputError, match=r"(?m)not made by credreport .* contains note$"):
        ingest(tmp_path / "other", *names)
    assert state(tmp_path / "other") == {"note": b""}


def test_leftovers_of_a_killed_ingest_go_with_the_next(tmp_path: Path) -> None:
    names, store = fleet(tmp_path / "in"), tmp_path / "store"
    for number in range(3):
        write(tmp_path / f".store.{number:016x}/reports/x", "")
    ingest(store, *names[:1])
    assert sorted(path.name for path in tmp_path.iterdir()) == [".store.lock", "in", "store"]


def test_paths_where_no_store_can_be_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "2026-10-01.csv", report("2026-10-01"))
    with pytest.raises(OutputError, match="not a folder"):
        ingest(Path(source), source)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(OutputError, match="current folder"):
        ingest(Path(), source)
    with pytest.raises(OutputError, match="cannot write"):
        ingest(Path("/proc/store"), source)


# --- crashes and company ---------------------------------------------------------------------------------------------


def run(code: str, *arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> str:
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return out


KILLER = """
    # Ingests in children that are killed, each at a later step than the one before, or after some milliseconds.
    import json, os, random, shutil, signal, sys, time
    from pathlib import Path
    import pyarrow.parquet
    from analyzer.evidence import system
    from tests.history.test_store import ingest, state

    folder, exchange = Path(sys.argv[1]), sys.argv[2] == "exchange"
    stride = int(sys.argv[3])
    store, old = folder / "store", folder / "old"
    if not exchange:
        system.exchange = lambda *_: False
    STEPS = {"os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "os.chmod", "ctypes.dlsym", "fcntl.flock"}

    def child(kill_at=0, delay=None):
        pid = os.fork()
        if pid == 0:
            steps = 0
            def step(event, arguments):
                nonlocal steps
                place = str(arguments[0]) if event == "open" else ""
                if event in STEPS or (str(folder) in place and "/in/" not in place):
                    steps += 1
                    if steps == kill_at:
                        os.kill(os.getpid(), signal.SIGKILL)
            try:
                sys.addaudithook(step)
                ingest(store, folder / "in")
                os._exit(0)
            except BaseException as error:
                print(repr(error), file=sys.stderr)
            os._exit(3)
        if delay is not None:
            time.sleep(delay)
            os.kill(pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def reset():
        for path in folder.glob(".store.*"):
            if path.is_dir():
                shutil.rmtree(path)
        shutil.rmtree(store, ignore_errors=True)
        if old.exists():
            shutil.copytree(old, store)

    def now():
        if not store.exists() and not exchange:
            # Between two renames: the old state waits beside, and the next ingest puts it back.
            (aside,) = folder.glob(".store.*.old") or [old]
            return state(aside)
        return state(store) if store.exists() else {}

    before = state(old) if old.exists() else {}
    reset()
    started = time.monotonic()
    assert child() == 0
    took = time.monotonic() - started
    after = now()
    kills, seen, at, chance = 0, [], 1, random.Random(4)
    while True:
        timed = chance.random() < 0.25
        reset()
        code = child(delay=chance.uniform(0.4, 1) * took) if timed else child(kill_at=at)
        found = now()
        assert found in (before, after), (at, sorted(found))
        seen.append(found == after)
        assert code in (0, -signal.SIGKILL), code
        if code == 0 and not timed:
            break
        kills += code != 0
        assert child() == 0
        assert now() == after, at
        assert not [path for path in folder.glob(".store.*") if path.is_dir()], at
        at += chance.randint(1, 2 * stride - 1)
    print(json.dumps({"kills": kills, "old": seen.count(False), "new": seen.count(True)}))
"""


STRIDE = 5
"""Of this many steps about one is tried; 1 tries them all."""


@pytest.mark.parametrize(
    "begin", ["store", *(pytest.param(begin, marks=pytest.mark.slow) for begin in ("nothing", "no exchange"))]
)
def test_a_killed_ingest_leaves_the_old_state_or_the_new_one(tmp_path: Path, begin: str) -> None:
    names = fleet(tmp_path / "in")
    if begin != "nothing":
        ingest(tmp_path / "old", *names[:5])  # a part of each month
    exchange = "two renames" if begin == "no exchange" else "exchange"
    done = json.loads(finished(run(KILLER, tmp_path, exchange, str(STRIDE))))
    assert done["kills"] > 4
    assert done["old"] > 2
    assert done["new"] > 0


INGEST = """
    import sys
    from pathlib import Path
    from tests.history.test_store import ingest

    print(ingest(Path(sys.argv[1]), *sys.argv[2:])[0].added)
"""


def test_two_ingests_at_once_follow_each_other(tmp_path: Path) -> None:
    names = fleet(tmp_path / "in")
    store, once = tmp_path / "store", tmp_path / "once"
    if sys.platform == "win32":
        pytest.skip("it has other locks")
    import fcntl  # noqa: PLC0415 - not on Windows

    with (tmp_path / ".store.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # both wait until it is given up
        processes = [run(INGEST, store, *names[:5]), run(INGEST, store, *names[3:])]
        with pytest.raises(subprocess.TimeoutExpired):
            processes[0].wait(timeout=2.5)
        assert not store.exists()
    assert sum(int(finished(process)) for process in processes) == 8
    ingest(once, *names)
    assert state(store) == state(once)
    assert not [path for path in tmp_path.glob(".store.*") if path.is_dir()]


def test_a_reader_sees_one_state_while_an_ingest_replaces_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names, store = fleet(tmp_path / "in"), tmp_path / "store"
    monkeypatch.setattr(parts, "ROW_GROUP", 1)  # batches are of whole row groups
    ingest(store, *names[:5])
    before = load(store)
    batches = by_accounts(store, log=IssueLog(), rows=1)
    first = next(batches)
    ingest(store, *names)
    users = pd.concat([first, *batches])
    assert sorted(zip(users["source"], users["line"], strict=True)) == sorted(
        zip(before["source"], before["line"], strict=True)
    )
    assert len(load(store)) == 32


def test_an_old_state_set_aside_is_put_back_even_where_somebody_made_the_folder_anew(tmp_path: Path) -> None:
    names, store = fleet(tmp_path / "in"), tmp_path / "store"
    ingest(store, *names[:5])
    store.rename(tmp_path / ".store.0123456789abcdef.old")  # killed between two renames
    store.mkdir()
    ingest(store, *names[5:])
    assert len(load(store)) == 32


def test_ingest_works_without_an_exchange_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = fleet(tmp_path / "in")
    monkeypatch.setattr(system, "exchange", lambda *_: False)
    store = tmp_path / "store"
    ingest(store, *names[:5])
    store.chmod(0o750)
    ingest(store, *names)
    assert len(load(store)) == 32
    assert store.stat().st_mode & 0o777 == 0o750, "who may read it is left as it was"


def test_spacing_needs_more_than_one_interval(tmp_path: Path) -> None:
    for day in (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=90)):
        write(tmp_path / f"in/{day:%Y-%m-%d}.csv", report("2025-12-01"))
    ingest(tmp_path / "store", tmp_path / "in")
    assert contents(tmp_path / "store").gaps.empty
