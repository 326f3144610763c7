"""Sums of histories and comparisons count nothing twice, and say which checks they leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from analyzer.controls.checklist import make_checklist
from analyzer.rendering.pictures.history.coverage import OpenFailures, SnapshotCoverage
from tests.history.running import compare, history
from tests.reports import csv_of, key, password, user, write
from tests.running import Settings

if TYPE_CHECKING:
    from pathlib import Path

A: Final = "111122223333"
BEFORE, NOW = "2026-09-30", "2026-10-31"
OLD: Final = "2026-01-01T00:00:00Z"
IDLE_KEY: Final = key(rotated=OLD)
IDLE_PASSWORD: Final = password(changed=OLD)
FIFTY_DAYS: Final = key(rotated=OLD, used="2026-09-11T00:00:00Z")


def reports(folder: Path) -> list[str]:
    """Write two snapshots: idle credentials that were there, a new one, and a key idle for 50 days at the end."""
    users = {
        BEFORE: {"anna": IDLE_PASSWORD, "ci": IDLE_KEY, "deploy": FIFTY_DAYS},
        NOW: {"anna": IDLE_PASSWORD, "ci": IDLE_KEY, "deploy": FIFTY_DAYS, "site": IDLE_PASSWORD, "plain": {}},
    }
    return [
        write(
            folder / f"{day}_{A}.csv",
            csv_of(*(user(name, account=A, **cells) for name, cells in cells_by_user.items())),
        )
        for day, cells_by_user in users.items()
    ]


def settings(**options: Any) -> Settings:  # noqa: ANN401 - what makes a checklist
    return Settings(make_checklist(**options), every_snapshot=True)


ONCE: Final = settings(controls=["unused-credentials", "console-mfa"])
EVERY: Final = settings(controls=["unused-credentials", "unused-credentials-console", "console-mfa", "mfa-every-user"])


def test_sums_of_a_history_are_those_without_stricter_readings(tmp_path: Path) -> None:
    paths = reports(tmp_path)
    every, once = history(paths, EVERY), history(paths, ONCE)
    assert (
        every.lines[0]
        == once.lines[0]
        == ("6 failures open: 3 in the oldest snapshots, plus 3 opened since, minus 0 closed.")
    )
    assert every.lines[1] == (
        "Not added to these sums: unused-credentials-console, 4 open (a stricter version of unused-credentials); "
        "mfa-every-user, 5 open (a stricter version of console-mfa)."
    )
    assert every.lines[2:] == once.lines[1:]
    assert len(every.summed) == len(once.lifetimes) == 6
    shown, alone = (OpenFailures.of(SnapshotCoverage(summary)) for summary in (every, once))
    assert sorted(shown.since.tolist()) == sorted(alone.since.tolist())
    assert len(every.lifetimes) == 6 + 4 + 5


def test_sums_of_a_comparison_are_those_without_stricter_readings(tmp_path: Path) -> None:
    old, new = reports(tmp_path)
    every, once = compare([old], [new], EVERY), compare([old], [new], ONCE)
    assert every.counts == once.counts
    assert every.lines[:2] == [
        "3 new failures; 0 fixed.",
        (
            "Not added to these sums: unused-credentials-console, 1 new failure (a stricter version of "
            "unused-credentials); mfa-every-user, 2 new failures (a stricter version of console-mfa)."
        ),
    ]
    assert every.lines[0] == once.lines[0]
    assert len(every.new_failures) == 3 + 1 + 2


def test_two_requirements_of_one_control_are_measured_apart_and_summed_once(tmp_path: Path) -> None:
    summary = history(reports(tmp_path), settings(benchmark="security-hub"))
    unused = [measure for measure in summary.measures if measure["control"] == "unused-credentials"]
    assert [(measure["requirement"], measure["open"]) for measure in unused] == [("IAM.22", 4), ("IAM.8", 3)]
    other_open = sum(
        measure["open"]
        for measure in summary.measures
        if measure["control"] not in {"unused-credentials", "mfa-every-user"}
    )
    assert summary.lines[0].startswith(f"{4 + other_open} failures open")
    assert "unused-credentials, 3 open (IAM.8 has a less strict limit)" in summary.lines[1]
    newest = summary.trend[(summary.trend["date"] == summary.trend["date"].max()).to_numpy()]
    by_check = {(row["control"], row["requirement"]): row["open"] for row in newest.astype("object").to_dict("records")}
    assert by_check["unused-credentials", "IAM.22"] == 4
    assert by_check["unused-credentials", "IAM.8"] == 3


def test_a_failure_of_a_stricter_reading_alone_makes_the_exit_code(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / f"{day}_{A}.csv", csv_of(*(user(name, account=A) for name in names)))
        for day, names in ((BEFORE, ["ci"]), (NOW, ["ci", "plain"]))
    ]
    chosen = settings(controls=["console-mfa", "mfa-every-user"])
    assert history(paths, chosen).exit_code == 1
    comparison = compare(paths[:1], paths[1:], chosen)
    assert comparison.lines[0].startswith("0 new failures")
    assert comparison.exit_code == 1
