"""Many accounts: the results of one do not depend on the others, nor on how many are worked on at once."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from analyzer.controls.checklist import make_checklist
from analyzer.history.follow import Following, months
from analyzer.history.snapshots import STORED_COLUMNS
from analyzer.history.store import by_accounts, parts, span
from analyzer.pipeline import Settings, ingest
from analyzer.reading.issues import IssueLog
from tests.history.loading import load
from tests.history.running import compare, compare_stored, history
from tests.history.simulator import simulate
from tests.reports import write

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = (20, 50, 80)
ACCOUNTS = [f"{100000000000 + 7919 * number}" for number in range(140)]
"""More than a byte can count."""
SETTINGS = Settings(make_checklist(all_controls=True), every_snapshot=True)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a folder of reports for each day, and their store."""
    folder = tmp_path_factory.mktemp("fleet")
    for number, account in enumerate(ACCOUNTS):
        life = simulate(number % 7, account=account, start=START, days=90, users=2)
        for day in DAYS:
            instant = START + timedelta(days=day)
            write(folder / f"{day}/{instant:%Y-%m-%dT%H-%M-%SZ}_{account}.csv", life.report(instant))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "ROW_GROUP", 1)  # batches are of whole row groups
        ingest([str(folder / str(day)) for day in DAYS], folder / "store")
    return folder


def plain_rows(table: pd.DataFrame) -> list[list[str]]:
    """Return rows as texts, in an order of their own."""
    return sorted(table.astype("str").fillna("-").to_numpy().tolist())


@pytest.mark.parametrize("rows", [40, 1, 10**6])
def test_batches_hold_whole_accounts_and_lose_nothing(fleet: Path, rows: int) -> None:
    log = IssueLog()
    batches = list(by_accounts(fleet / "store", log=log, rows=rows))
    accounts_of_batches = [set(batch["account_id"]) for batch in batches]
    assert sorted(account for accounts in accounts_of_batches for account in accounts) == ACCOUNTS
    assert len(batches) == {1: 140, 10**6: 1}.get(rows, len(batches))
    assert all(len(batch) <= max(rows, 12) for batch in batches), "an account has no more than 12 rows"
    whole = load(fleet / "store").drop(columns="report")
    assert plain_rows(pd.concat([batch.drop(columns="report") for batch in batches])) == plain_rows(whole)
    assert log.rows == []
    assert span(fleet / "store") == (START + timedelta(days=DAYS[0]), START + timedelta(days=DAYS[-1]))


@pytest.mark.parametrize("series", ["monthly", pytest.param((), marks=pytest.mark.slow)])
def test_history_is_the_same_from_the_store_and_from_reports(fleet: Path, series: tuple[()] | str) -> None:
    from_reports = history([str(fleet / str(day)) for day in DAYS], SETTINGS, series=series)
    from_store = history([], SETTINGS, store=fleet / "store", series=series)
    assert len(from_store.lifetimes) > len(ACCOUNTS)
    for name in ("lifetimes", "trend", "coverage"):
        assert plain_rows(getattr(from_store, name)) == plain_rows(getattr(from_reports, name)), name
    assert from_store.not_covered == from_reports.not_covered
    assert from_store.measures == from_reports.measures
    dates = [] if series == () else months(START, START + timedelta(days=DAYS[-1]))
    log = IssueLog()
    batches = by_accounts(fleet / "store", columns=STORED_COLUMNS, log=log, rows=30)
    small = Following(SETTINGS, dates).of_users(batches, log)
    pd.testing.assert_frame_equal(small.trend, from_store.trend)
    assert plain_rows(small.lifetimes) == plain_rows(from_store.lifetimes)


def test_compare_is_the_same_from_the_store_and_from_reports(fleet: Path) -> None:
    # Older snapshots on the older side show what had failed before.
    old, new = [str(fleet / str(day)) for day in DAYS[:-1]], [str(fleet / str(DAYS[-1]))]
    from_reports = compare(old, new, SETTINGS)
    until = START + timedelta(days=DAYS[-1])
    from_store = compare_stored(fleet / "store", until - timedelta(days=1), until, SETTINGS)
    assert list(from_store.accounts) == list(from_reports.accounts) == ACCOUNTS
    assert plain_rows(from_store.events) == plain_rows(from_reports.events)
    assert {"new_failure", "regressed", "fixed"} <= set(from_store.events["event"])


def test_row_groups_hold_whole_accounts_where_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "ROW_GROUP", 10)
    account = np.repeat([0, 1, 2, 3, 4], [4, 5, 3, 25, 1])
    assert list(parts.row_groups(account)) == [(0, 9), (9, 12), (12, 22), (22, 32), (32, 38)]
    assert list(parts.row_groups(np.zeros(0, np.int64))) == []


def test_damage_in_a_part_is_named_once_and_other_accounts_are_followed(fleet: Path, tmp_path: Path) -> None:
    shutil.copytree(fleet / "store", tmp_path / "store")
    part = "snapshots/month=2026-02/part-0.parquet"
    path = tmp_path / "store" / part
    group = parquet.ParquetFile(path).metadata.row_group(10)
    content = bytearray(path.read_bytes())
    at = group.column(0).dictionary_page_offset + 40
    content[at] ^= 0xFF
    path.unlink()  # the fixture has the same file
    path.write_bytes(content)
    damaged = history([], SETTINGS, store=tmp_path / "store")
    whole = history([], SETTINGS, store=fleet / "store")
    assert damaged.exit_code == 3
    assert damaged.issue_counts["damaged_part"] == 1
    assert part in str(damaged.issues["source"].iloc[0])
    fewer = damaged.coverage["snapshots"] != whole.coverage["snapshots"]
    assert int(fewer.sum()) == 1, "an account has lost its whole snapshot, though its other rows can be read"
    account = str(damaged.coverage["account_id"][fewer].iloc[0])
    undamaged = [
        summary.lifetimes[(summary.lifetimes["account_id"] != account).to_numpy()] for summary in (damaged, whole)
    ]
    assert plain_rows(undamaged[0]) == plain_rows(undamaged[1])
    closed = damaged.lifetimes[(damaged.lifetimes["account_id"] == account).to_numpy()]["closed_at"].dropna()
    assert (closed.dt.month != 2).all()
    path.write_bytes(b"nothing")
    assert history([], SETTINGS, store=tmp_path / "store").coverage["snapshots"].max() == len(DAYS) - 1
