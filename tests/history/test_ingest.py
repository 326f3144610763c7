"""The contents of a store do not depend on how reports are cut into batches, nor on what a look assumed of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from pyarrow import dataset

from analyzer import pipeline
from analyzer.errors import InputError
from analyzer.history.store import adding
from analyzer.history.store.adding import Added
from analyzer.survey import report_finder
from tests.benchmarks.fleet import Fleet, write_day
from tests.benchmarks.measuring import measure
from tests.golden import fleets
from tests.history.test_store import OTHER, fleet, harm, ingest, report, state
from tests.reports import ACCOUNT, codes, csv_of, user, write

ONE_GO = 1 << 40
BATCHES = (1, 5000)


def draw(name: str, folder: Path) -> Path:
    """Write a fleet into a folder and return it."""
    for file, data in fleets.drawn(name).files.items():
        write(folder / file, data)
    return folder


@pytest.fixture
def short_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the first row or two alone: later rows are seen only when a report is read."""
    monkeypatch.setattr(report_finder, "HEAD", 700)


@pytest.mark.parametrize("name", fleets.FLEETS)
def test_any_batches_give_the_same_store(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    draw(name, tmp_path / "in")
    monkeypatch.chdir(tmp_path)
    whole, log = ingest(Path("whole"), "in", batch=ONE_GO)
    request.getfixturevalue("short_looks")
    monkeypatch.setattr(adding, "_WAITING", 20)  # months are merged more than once
    for batch in BATCHES:
        added, log_of_batch = ingest(Path(f"of{batch}"), "in", batch=batch)
        assert added == whole
        assert [str(row) for row in log_of_batch.rows] == [str(row) for row in log.rows]
        assert state(tmp_path / f"of{batch}") == state(tmp_path / "whole")


@pytest.mark.usefixtures("short_looks")
@pytest.mark.parametrize("batch", [*BATCHES, ONE_GO])
def test_an_account_that_the_look_missed_is_stored(tmp_path: Path, batch: int) -> None:
    rows = [*(user(f"user{number}") for number in range(20)), user("last", account=OTHER)]
    names = fleet(tmp_path / "in")
    write(tmp_path / "in/2026-11-01.csv", csv_of(*rows))
    added, _ = ingest(tmp_path / "store", tmp_path / "in", batch=batch)
    assert added == Added(added=len(names) + 1, known=0, refused=0, rows=4 * len(names) + len(rows))
    ledger = dataset.dataset(tmp_path / "store/reports", partitioning="hive").to_table().to_pandas()
    counts = ledger[ledger["month"] == "2026-11"].set_index("account_id")["rows"].to_dict()
    assert counts == {ACCOUNT: 20, OTHER: 1}


class FileChanger:
    """Changes a file after the look at it, so many `times`."""

    def __init__(self, path: Path, times: int) -> None:
        self.path, self.changes_left, self.stages = path, times, list[tuple[str, int | None]]()

    def stage(self, name: str, total: int | None = None) -> None:
        self.stages.append((name, total))
        if name == "reading" and self.changes_left:
            self.changes_left -= 1
            self.path.write_text(report(f"2026-08-0{self.changes_left + 1}"))

    def advance(self, count: int = 1) -> None:
        pass


@pytest.mark.parametrize("batch", [1, ONE_GO])
def test_a_report_that_changes_between_look_and_reading_is_read_again(tmp_path: Path, batch: int) -> None:
    names = fleet(tmp_path / "in")
    changing = FileChanger(Path(names[-1]), times=1)
    ingestion = pipeline.ingest([str(tmp_path / "in")], tmp_path / "store", batch=batch, progress=changing)
    assert ingestion.added == Added(added=len(names), known=0, refused=0, rows=4 * len(names))
    assert changing.stages == [
        ("surveying", len(names)),
        ("reading", len(names)),
        ("reading", len(names)),
        ("storing", None),
    ]
    ingest(tmp_path / "quiet", tmp_path / "in")
    assert state(tmp_path / "store") == state(tmp_path / "quiet"), "what was put in the first round is forgotten"
    with pytest.raises(InputError, match="reports changed while they were read"):
        pipeline.ingest(
            [str(tmp_path / "in")], tmp_path / "new", batch=batch, progress=FileChanger(Path(names[-1]), times=2)
        )
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".*.[0-9a-f]*[0-9a-f]")), "nothing is left over"


@pytest.mark.parametrize("batch", [1, ONE_GO])
def test_a_damaged_month_is_noted_once_and_all_of_its_reports_are_refused(
    tmp_path: Path, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adding, "_WAITING", 0)
    names, store = fleet(tmp_path / "in"), tmp_path / "store"
    ingest(store, *names[:5])
    harm(store / "issues/month=2026-09/part-0.parquet", "cut")
    added, log = ingest(store, tmp_path / "in", batch=batch)
    assert added == Added(added=3, known=1, refused=4, rows=12)
    assert codes(log).count("damaged_part") == 1


@pytest.mark.parametrize("batch", [1, ONE_GO])
def test_issues_that_the_look_noted_are_kept_with_the_report(tmp_path: Path, batch: int) -> None:
    envelope = json.dumps({"Content": report("2026-10-01"), "GeneratedTime": "yesterday"})
    write(tmp_path / "in/2026-10-01/a.json", envelope)
    write(tmp_path / "in/2026-10-02/b.csv", report("2026-10-02"))
    added, log = ingest(tmp_path / "store", tmp_path / "in", batch=batch)
    assert added == Added(added=2, known=0, refused=0, rows=8)
    issues = dataset.dataset(tmp_path / "store/issues", partitioning="hive").to_table().to_pandas()
    assert sorted(issues["column"]) == sorted(row[2] or "" for row in log.rows)
    assert "GeneratedTime" in set(issues["column"])


def test_reports_that_were_put_aside_leave_no_files(tmp_path: Path) -> None:
    envelopes = [{"Content": report(f"2026-10-0{day}"), "GeneratedTime": f"2026-10-0{day}T06:00:00Z"} for day in (1, 2)]
    added, _ = ingest(tmp_path / "store", write(tmp_path / "both.json", json.dumps(envelopes)), batch=1)
    assert added == Added(added=2, known=0, refused=0, rows=8)
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == sorted(
        ["_schema.json", "issues", "reports", "snapshots"]
    )


INGEST = """
import sys
from pathlib import Path
from analyzer.pipeline import ingest

ingest([sys.argv[1]], Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_a_year_of_daily_reports_needs_little_memory(tmp_path: Path) -> None:
    reports = Fleet(20, 50)
    for _ in range(365):
        write_day(reports, tmp_path / "in")
    done = measure([sys.executable, "-c", INGEST, str(tmp_path / "in"), str(tmp_path / "store")], Path.cwd())
    # The full year of 200 accounts takes about 620 MB: a month of rows, and what is known of each of 73,000 files.
    assert done.memory < 400_000_000
