"""history, from the choice of snapshots to the evidence set."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from analyzer import pipeline
from analyzer.controls.checklist import make_checklist
from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.seal import MANIFEST, read_rendered, unseal
from analyzer.history.follow import Following
from analyzer.pipeline import Engine, Settings
from analyzer.reading.issues import IssueLog
from analyzer.reading.normalizing import TypedTables
from tests.history.running import history
from tests.history.test_compare import IDLE, USED, A, B, C, long_report, report, user_of
from tests.reports import csv_of, unused, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.evidence.history import History

SAMPLES = Path(__file__).resolve().parents[2] / "sample_reports"
SETTINGS = Settings(make_checklist(), every_snapshot=True)
ONLY = Settings(unused(), every_snapshot=True)


def test_a_monthly_series_needs_its_dates_before_it_is_followed() -> None:
    following = Following(ONLY, "monthly")
    with pytest.raises(ValueError, match="by `choose`"):
        following.of(
            TypedTables(pd.DataFrame({"source": pd.Categorical([])}), pd.DataFrame(), pd.DataFrame()), IssueLog()
        )
    assert following.choose([], IssueLog()) == []
    assert following.dates == ()


def check_same(first: History, second: History) -> None:
    assert first.facts == second.facts
    assert first.lines == second.lines
    assert first.measures == second.measures
    assert first.exit_code == second.exit_code
    for name, table in first.tables.items():
        assert second.tables[name].to_pylist() == table.to_pylist(), name
        assert second.tables[name].schema == table.schema, name


@pytest.mark.parametrize(
    "series", [(), "monthly", (datetime(2026, 9, 30, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC))]
)
def test_a_set_that_is_opened_again_is_the_same_and_gives_the_same_bytes(
    tmp_path: Path, series: Sequence[datetime] | str
) -> None:
    run = pipeline.history([str(SAMPLES)], SETTINGS, str(tmp_path / "out"), series=series, sla_days=30)
    evidence = EvidenceSet.of(run.folder, unseal((tmp_path / "out" / MANIFEST).read_bytes()))
    assert evidence.kind == "history"
    check_same(run.summary, evidence.history)
    assert bool(run.summary.series) == bool(series)
    pipeline.render(tmp_path / "out", ["excel", "charts"], tmp_path / "again")
    rendered = [name for name in run.files if name.endswith((".xlsx", ".png"))]
    records = [read_rendered(tmp_path / name) for name in ("out", "again")]
    not_made = [record["not_made"] for record in records if record is not None]
    assert len(not_made) == 2
    assert not_made[0] == not_made[1]
    assert len(rendered) + len(not_made[0]) == 5
    for name in rendered:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes(), name
    assert pipeline.verify(tmp_path / "out", [str(SAMPLES)]).holds


@pytest.mark.parametrize("size", [1, 20_000])
@pytest.mark.parametrize("series", [(), "monthly"])
def test_batches_and_the_order_of_arguments_change_nothing(size: int, series: tuple[()] | str) -> None:
    paths = sorted(str(path) for path in SAMPLES.iterdir() if path.is_dir())
    whole = history(paths, SETTINGS, series=series)
    assert len(whole.coverage["account_id"].unique()) > 3
    check_same(whole, history(paths[::-1], SETTINGS, series=series, where=Engine(batch=size)))


def test_lifetimes_are_ordered_by_account_whatever_the_batches(tmp_path: Path) -> None:
    # The first and the last account are a group, and the one between them is another one; names in another order.
    for day, cells in (("2026-06-01", IDLE), ("2026-07-01", IDLE)):
        of_a, of_c = report(A, user_of(A, "b", **cells), user_of(A, "a", **cells)), report(C, user_of(C, "z", **cells))
        write(tmp_path / f"in/{day}.csv", "\n".join([of_a, *of_c.splitlines()[1:]]))
        write(tmp_path / f"in/{day}_{B}.csv", report(B, user_of(B, "Y", **cells), user_of(B, "x", **cells)))
    summaries = [history([str(tmp_path / "in")], ONLY, where=Engine(batch=size)) for size in (1, 10**6)]
    check_same(*summaries)
    rows = summaries[0].lifetimes[["account_id", "user"]].astype("str").to_numpy().tolist()
    assert rows == [[A, "a"], [A, "b"], [B, "x"], [B, "Y"], [C, "z"]]
    assert summaries[0].coverage["account_id"].astype("str").tolist() == [A, B, C]


def test_a_hidden_account_is_followed_with_its_other_snapshots(tmp_path: Path) -> None:
    write(tmp_path / "2026-07-31.csv", long_report(A, B, **IDLE))
    write(tmp_path / f"2026-08-31_{B}.csv", report(B, user_of(B, "hidden", **IDLE)))
    write(tmp_path / f"2026-10-15_{B}.csv", report(B, user_of(B, "hidden", **USED)))
    summary = history([str(tmp_path)], ONLY, where=Engine(batch=1), series="monthly")
    (life,) = summary.lifetimes.to_dict("records")
    assert (life["account_id"], f"{life['first_seen']:%Y-%m-%d}", life["state"]) == (B, "2026-07-31", "closed")
    assert [f"{date:%Y-%m-%d}" for date in summary.series] == ["2026-07-31", "2026-08-31", "2026-09-30", "2026-10-31"]


def test_undated_reports_and_unknown_accounts_are_listed_and_left_out(tmp_path: Path) -> None:
    write(tmp_path / "in/undated.csv", report(B, user_of(B, **IDLE)))
    write(tmp_path / f"in/2026-08-31_{A}.csv", report(A, user_of(A, **IDLE)))
    write(tmp_path / "in/2026-08-31/unknown.csv", csv_of({**user_of(C, **IDLE), "arn": ""}))
    summary = history([str(tmp_path / "in")], ONLY)
    assert summary.lifetimes["account_id"].astype("str").tolist() == [A]
    assert summary.issue_counts == {"undated_snapshot": 1, "account_unknown": 1}
    assert [(Path(file["name"]).name, file["judged"], file["as_of"]) for file in summary.inputs] == [
        ("unknown.csv", True, "2026-08-31T23:59:59.999999Z"),
        (f"2026-08-31_{A}.csv", True, "2026-08-31T23:59:59.999999Z"),
        ("undated.csv", False, None),
    ]
