"""A failure begins and ends between two snapshots: what is claimed of its days holds, whatever the snapshots hide."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from analyzer.controls.checklist import make_checklist
from analyzer.pipeline import Settings
from tests.cli.running import run
from tests.history.running import followed, history
from tests.history.simulator import simulate
from tests.history.truth import truth
from tests.reports import COLUMNS_16, COLUMNS_22, csv_of, key, password, root, user, write

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.evidence.history import History
    from tests.history.truth import Span

START = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT = "111122223333"
BOUNDS = ("opened_earliest", "opened_latest", "closed_earliest", "closed_latest", "open_days_min", "open_days_max")


def plain_value(value: Any) -> Any:  # noqa: ANN401
    if pd.isna(value):
        return None
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value


def rows_of(summary: History) -> list[dict[str, Any]]:
    return [
        {str(name): plain_value(value) for name, value in row.items()} for row in summary.lifetimes.to_dict("records")
    ]


def true_times(spans: list[Span], row: dict[str, Any]) -> list[tuple[datetime, datetime | None]]:
    """Return the true beginnings and ends of a failure that was open when it was first and last seen.

    A twin (a key made in the same second) has spans of its own, which do not fit.
    """
    opened = [span.opened for span in spans if span.holds(row["first_seen"])]
    closed = [span.closed for span in spans if span.holds(row["last_seen"])]
    return list(zip(opened, closed, strict=False))


@pytest.mark.parametrize(("seed", "spacing"), list(product(range(4), [3, 17, 31, 61])))
def test_the_bounds_hold_the_true_instants_of_every_control(tmp_path: Path, seed: int, spacing: int) -> None:
    life = simulate(seed, account=ACCOUNT, start=START, days=200, users=5)
    for day in range(0, 200, spacing):
        instant = START + timedelta(days=day, hours=7)
        write(tmp_path / f"{instant:%Y-%m-%dT%H-%M-%SZ}.csv", life.report(instant))
    spans = truth(life)
    summary = history([str(tmp_path)], Settings(make_checklist(), every_snapshot=True))
    checked = 0
    for row in rows_of(summary):
        true = [
            pair
            for subject, subject_spans in spans.items()
            if (subject.control, subject.user, subject.kind) == (row["control"], row["user"].lower(), row["kind"])
            and subject.created == row["key_created"]
            for pair in true_times(subject_spans, row)
        ]
        assert true, row
        assert any(within_bounds(row, *pair) for pair in true), (row, true)
        checked += 1
    assert checked > 20


def within_bounds(row: dict[str, Any], opened: datetime, closed: datetime | None) -> bool:
    earliest, latest = row["opened_earliest"], row["opened_latest"]
    holds = (earliest is None or earliest <= opened) and opened <= latest == row["first_seen"]
    if row["state"] != "closed":
        shown = (row["last_seen"] - opened) / timedelta(days=1)
        return holds and 0 <= row["open_days_min"] <= shown and row["open_days_max"] is None
    if closed is None:
        return False
    days = (closed - opened) / timedelta(days=1)
    return (
        holds
        and row["closed_earliest"] <= closed <= row["closed_latest"] == row["closed_at"]
        and row["open_days_min"] <= days
        and (row["open_days_max"] is None if earliest is None else days <= row["open_days_max"])
    )


def bounds_of(summary: History) -> list[list[str]]:
    def text_of(value: Any) -> str:  # noqa: ANN401
        if isinstance(value, datetime):
            return f"{value:%m-%d %H:%M}"
        return "-" if value is None else f"{value:g}"

    return [[text_of(row[name]) for name in BOUNDS] for row in rows_of(summary)]


OLD = "2026-01-01T00:00:00Z"
MFA, NO_MFA = user("a", mfa_active="true", **password(changed=OLD)), user("a", **password(changed=OLD))


def at_midnight(days: dict[str, list[dict[str, str]]]) -> dict[str, list[dict[str, str]]]:
    return {f"{day}T00-00-00Z": rows for day, rows in days.items()}


def test_month_end_snapshots_bound_when_a_failure_was_fixed(tmp_path: Path) -> None:
    days = {"2026-01-31": [MFA], "2026-02-28": [NO_MFA], "2026-03-31": [NO_MFA], "2026-04-30": [MFA]}
    summary = followed(tmp_path, at_midnight(days), make_checklist(controls=["console-mfa"]), sla_days=30)
    assert bounds_of(summary) == [["01-31 00:00", "02-28 00:00", "03-31 00:00", "04-30 00:00", "31", "89"]]
    (measures,) = summary.measures
    assert [measures[f"median_days_{end}"] for end in ("min", "max")] == [31, 89]
    assert [measures[f"within_sla_{end}"] for end in ("min", "max")] == [0, 0]
    assert "days_open" in summary.lifetimes  # what it was before, by the snapshots alone


def test_a_limit_in_days_is_crossed_at_a_known_instant(tmp_path: Path) -> None:
    idle = user("a", **key(rotated=OLD, used="2026-03-01T10:00:00Z"))
    summary = followed(tmp_path, at_midnight({"2026-03-31": [idle], "2026-04-30": [idle], "2026-05-31": []}))
    assert bounds_of(summary) == [["04-15 10:00", "04-30 00:00", "04-30 00:00", "05-31 00:00", "0", "45.5833"]]
    # Also where the oldest snapshot shows it already; and not before the last snapshot without it.
    summary = followed(tmp_path / "older", at_midnight({"2026-04-30": [idle]}))
    assert bounds_of(summary) == [["04-15 10:00", "04-30 00:00", "-", "-", "0", "-"]]
    off = user("a", **key(active="false", rotated=OLD, used="2026-03-01T10:00:00Z"))
    summary = followed(tmp_path / "off", at_midnight({"2026-04-20": [off], "2026-04-30": [idle], "2026-05-10": [idle]}))
    assert bounds_of(summary) == [["04-20 00:00", "04-30 00:00", "-", "-", "10", "-"]]


def test_a_use_that_the_next_report_shows_closes_a_failure_although_it_fails_there_again(tmp_path: Path) -> None:
    fails, again = (user("a", **key(rotated=OLD, used=f"2026-{day}T09:00:00Z")) for day in ("06-01", "08-01"))
    summary = followed(tmp_path, at_midnight({"2026-06-30": [fails], "2026-07-31": [fails], "2026-09-30": [again]}))
    assert bounds_of(summary) == [
        ["07-16 09:00", "07-31 00:00", "07-31 00:00", "08-01 09:00", "0", "16"],
        ["09-15 09:00", "09-30 00:00", "-", "-", "0", "-"],
    ]
    rows = rows_of(summary)
    assert [(row["state"], row["closed_by"], row["reopened"]) for row in rows] == [
        ("closed", "used", 0),
        ("open", None, 1),
    ]
    assert summary.trend[["open", "opened", "closed"]].to_numpy().tolist() == [[0, 0, 0], [1, 1, 0], [1, 1, 1]]


def test_a_failure_of_the_oldest_snapshot_has_no_earliest_beginning(tmp_path: Path) -> None:
    days = at_midnight({"2026-03-31": [NO_MFA], "2026-04-30": [MFA]})
    summary = followed(tmp_path, days, make_checklist(controls=["console-mfa"]))
    assert bounds_of(summary) == [["-", "03-31 00:00", "03-31 00:00", "04-30 00:00", "0", "-"]]
    assert summary.measures[0]["of_unknown_beginning"] == 1


def test_a_snapshot_that_could_not_decide_shows_nobody_without_the_failure(tmp_path: Path) -> None:
    unsure = user("a", mfa_active="?", **password(changed=OLD))
    checklist = make_checklist(controls=["console-mfa"])
    days = at_midnight({"2026-01-31": [MFA], "2026-02-28": [unsure], "2026-03-31": [NO_MFA]})
    assert bounds_of(followed(tmp_path, days, checklist))[0][:2] == ["01-31 00:00", "03-31 00:00"]
    days.pop("2026-01-31T00-00-00Z")
    summary = followed(tmp_path / "unknown", days, checklist)
    assert bounds_of(summary)[0][:2] == ["-", "03-31 00:00"]
    assert summary.measures[0]["of_unknown_beginning"] == 1


def test_the_bounds_of_failures_judged_at_dates_are_those_of_the_snapshots(tmp_path: Path) -> None:
    # Of 10 February and 10 March; judged at the ends of these months.
    days = at_midnight({"2026-01-10": [MFA], "2026-02-10": [NO_MFA], "2026-03-10": [MFA]})
    summary = followed(tmp_path, days, make_checklist(controls=["console-mfa"]), series="monthly")
    assert bounds_of(summary) == [["01-10 00:00", "02-28 23:59", "02-10 00:00", "03-31 23:59", "0", "81"]]


# A check that could not be made is no fix


def test_a_report_without_root_fixes_nothing_of_root(tmp_path: Path) -> None:
    write(tmp_path / f"in/2026-01-31_{ACCOUNT}.csv", csv_of(root(), user("a")))
    write(tmp_path / f"in/2026-02-28_{ACCOUNT}.csv", csv_of(user("a")))
    summary = history([str(tmp_path / "in")], Settings(make_checklist(controls=["root-mfa"]), every_snapshot=True))
    assert [(row["state"], row["closed_at"]) for row in rows_of(summary)] == [("lost_sight", None)]
    assert (summary.measures[0]["not_checked"], summary.exit_code) == (1, 1)


def test_a_report_without_a_column_fixes_nothing_that_the_column_shows(tmp_path: Path) -> None:
    extra_columns = ("additional_credentials_info",)
    failing = user("a", additional_credentials_info="3 more access keys")
    write(tmp_path / f"in/2026-01-31_{ACCOUNT}.csv", csv_of(root(), failing, columns=COLUMNS_22 + extra_columns))
    write(tmp_path / f"in/2026-02-28_{ACCOUNT}.csv", csv_of(root(), failing))
    checklist = make_checklist(controls=["additional-credentials"])
    summary = history([str(tmp_path / "in")], Settings(checklist, every_snapshot=True))
    assert [row["state"] for row in rows_of(summary)] == ["lost_sight"]


# history and audit agree


POLICY = """
[waivers.X-1]
user = "b"
reason = "kept for an emergency"
owner = "security"
expires = 2026-12-31
"""


@pytest.mark.parametrize("options", [["--strict"], [], ["--fail-on", "high"], ["--fail-on", "critical"]])
@pytest.mark.parametrize(
    "report",
    [
        csv_of(root(mfa_active="true"), user("a")),  # only a manual check
        csv_of(root(mfa_active="true"), user("a", **key(rotated=OLD, used="?"))),
        csv_of(root(mfa_active="true"), user("b", **key(rotated=OLD, used="?"))),  # waived
        csv_of(root(mfa_active="true"), user("b", **key(rotated=OLD)), user("c", **password(changed=OLD))),
        csv_of(root(mfa_active="true"), user("a", **key(rotated=OLD)), columns=COLUMNS_16),
        csv_of(user("a")),
    ],
)
def test_history_of_a_folder_exits_as_its_audit_does(tmp_path: Path, report: str, options: list[str]) -> None:
    write(tmp_path / f"in/2026-03-31_{ACCOUNT}.csv", csv_of(root(), user("z", **key(rotated=OLD))))
    write(tmp_path / f"in/2026-04-30_{ACCOUNT}.csv", report)
    options = [*options, "--policy", write(tmp_path / "policy.toml", POLICY), "--format", "parquet", "-o", "out", "-q"]
    audit, followed = (run(name, "in", *options, cwd=tmp_path).returncode for name in ("audit", "history"))
    assert followed == audit


def test_history_counts_what_audit_counts(tmp_path: Path) -> None:
    write(tmp_path / f"in/2026-03-31_{ACCOUNT}.csv", csv_of(root(), user("z", **key(rotated=OLD))))
    report = csv_of(root(mfa_active="true"), user("a", **key(rotated=OLD, used="?")), user("b", **key(rotated=OLD)))
    write(tmp_path / f"in/2026-04-30_{ACCOUNT}.csv", report)
    options = ["--format", "parquet", "-o", "out", "--json"]
    audit, followed = (json.loads(run(name, "in", *options, cwd=tmp_path).stdout) for name in ("audit", "history"))
    names = {"fail": "open", "not_checked": "not_checked", "manual": "manual"}
    for audit_counts, history_counts in zip(audit["by_control"], followed["measures"], strict=True):
        assert [audit_counts[name] for name in names] == [history_counts[name] for name in names.values()], (
            audit_counts["control"]
        )
    output = run("history", "in", "--format", "parquet", "-o", "out", cwd=tmp_path).stdout
    assert " not checked, 1 manual check." in output


def test_opened_closed_and_lost_failures_add_up(tmp_path: Path) -> None:
    unsure, fails = user("a", mfa_active="?", **password(changed=OLD)), user("b", **password(changed=OLD))
    days = {"2026-01-31": [NO_MFA, fails], "2026-02-28": [unsure], "2026-03-31": [NO_MFA]}
    summary = followed(tmp_path, days, make_checklist(controls=["console-mfa"]))
    assert summary.trend[["open", "opened", "closed", "lost"]].to_numpy().tolist() == [
        *([2, 2, 0, 0], [0, 0, 1, 1], [1, 1, 0, 0]),
    ]
    assert (
        summary.lines[0]
        == "1 failure open: 2 in the oldest snapshots, plus 1 opened since, minus 1 closed, minus 1 lost to follow-up."
    )


def test_a_deadline_shorter_than_the_time_between_snapshots_has_a_note(tmp_path: Path) -> None:
    for day, rows in {"2026-01-31": [MFA], "2026-02-28": [NO_MFA], "2026-03-31": [MFA]}.items():
        write(tmp_path / f"in/{day}T00-00-00Z_{ACCOUNT}.csv", csv_of(root(mfa_active="true"), *rows))
    options = ["in", "--control", "console-mfa", "--format", "parquet", "-o", "out"]
    fine = run("history", *options, "--sla-days", "14", cwd=tmp_path).stdout
    assert "The deadline of 14 days is shorter than the usual time between snapshots of 1 of 1 account" in fine
    assert "in 14 days*" in fine
    assert "0% to 100%" in fine
    assert "0 to 59 days" in fine
    wide = run("history", *options, "--sla-days", "60", cwd=tmp_path).stdout
    assert "is less than" not in wide
    assert "100%" in wide


def test_a_report_that_may_lack_users_shows_nobody_without_the_failure(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(folder / f"2026-01-31T00-00-00Z_{ACCOUNT}.csv", csv_of(root(), MFA))
    # The second report ends in the middle of a cell: users after it are missing.
    write(folder / f"2026-02-28T00-00-00Z_{ACCOUNT}.csv", csv_of(root(), user("0"))[:-2])
    late = {**NO_MFA, "user": "late", "arn": f"arn:aws:iam::{ACCOUNT}:user/late"}
    late["user_creation_time"] = "2026-03-05T00:00:00Z"
    write(folder / f"2026-03-31T00-00-00Z_{ACCOUNT}.csv", csv_of(root(), NO_MFA, late))
    checklist = make_checklist(controls=["console-mfa"])
    summary = history([str(folder)], Settings(checklist, every_snapshot=True))
    assert [row[:2] for row in bounds_of(summary)] == [["01-31 00:00", "03-31 00:00"], ["03-05 00:00", "03-31 00:00"]]


def test_a_key_switched_off_and_on_between_two_snapshots_is_within_the_bounds(tmp_path: Path) -> None:
    off = user("a", **key(active="false", rotated=OLD, used="2026-02-01T00:00:00Z"))
    fails = user("a", **key(rotated=OLD, used="2026-02-01T00:00:00Z"))
    # On again on 10 April, off on 20 April and on again, off for good in May: no report shows more than its own day.
    days = at_midnight({"2026-03-31": [off], "2026-04-15": [fails], "2026-04-30": [fails], "2026-05-15": [off]})
    assert bounds_of(followed(tmp_path, days)) == [
        ["03-31 00:00", "04-15 00:00", "04-30 00:00", "05-15 00:00", "15", "45"]
    ]
