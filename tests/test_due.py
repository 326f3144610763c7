"""Checks that come due: `fails_at` of findings, the counts of due checks, and the calendar."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from pyarrow import parquet

from analyzer.controls.checklist import make_checklist
from analyzer.controls.policy import parse_policy
from analyzer.evidence.due import due_by_check, due_facts
from analyzer.rendering import calendar
from tests.cli.running import run
from tests.reports import csv_of, key, password, root, user, write
from tests.strategies import TIME_COLUMNS, Report, as_ofs, reports
from tests.test_laws import run_plan

if TYPE_CHECKING:
    from pathlib import Path

    from tests.running import Audit

MICROSECOND: Final = timedelta(microseconds=1)
CHECKLIST: Final = make_checklist(
    all_controls=True,
    policy=parse_policy(
        "policy.toml",
        b"[controls.active-certificates]\nmax_age_days = 400\n[controls.unused-credentials]\nmax_idle_days = 60\n",
    ),
)
BY_TIME: Final = {
    "unused-credentials",
    "unused-credentials-console",
    "access-key-rotation",
    "password-rotation",
    "expired-password-in-use",
    "active-certificates",
}
"""Controls that time alone makes fail."""


def findings_of(result: Audit) -> list[dict[str, Any]]:
    rows = result.findings.astype("object").where(result.findings.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def by_subject(result: Audit) -> dict[tuple[Any, ...], str]:
    columns = ("control", "requirement", "line", "user", "credential")
    return {tuple(row[name] for name in columns): row["status"] for row in findings_of(result)}


def newest_time(result: Audit, as_of: datetime) -> datetime:
    """Return an instant after all times of a report, except expiries."""
    columns = [result.users[name].dropna() for name in TIME_COLUMNS if name != "password_next_rotation"]
    return max([as_of, *(pd.Timestamp(times.max()).to_pydatetime() for times in columns if len(times))])


@given(reports(), as_ofs(), st.data())
def test_a_check_that_passes_fails_from_its_instant_on(report: Report, as_of: datetime, data: st.DataObject) -> None:
    text = report.to_csv()
    as_of = newest_time(run_plan(text, CHECKLIST, as_of), as_of)
    now = run_plan(text, CHECKLIST, as_of)
    rows = findings_of(now)
    passing = [row for row in rows if row["fails_at"] is not None]
    for row in rows:
        assert (row["fails_at"] is not None) <= (row["status"] == "pass" and row["control"] in BY_TIME)
        if row["control"] in {"unused-credentials", "access-key-rotation", "password-rotation"}:
            assert (row["fails_at"] is not None) == (row["status"] == "pass")
    statuses = by_subject(now)
    for instant in data.draw(st.permutations(sorted({row["fails_at"] for row in passing})))[:2]:
        assert instant > as_of
        before, after = (
            by_subject(run_plan(text, CHECKLIST, moment)) for moment in (instant.to_pydatetime() - MICROSECOND, instant)
        )
        for row in passing:
            subject = tuple(row[name] for name in ("control", "requirement", "line", "user", "credential"))
            if row["fails_at"] == instant:
                # What is only bounded is not known to fail from then on, and no longer passes.
                is_bounded = row["reason"] in {"last_use_unknown", "used_after_as_of", "age_unknown"}
                assert statuses[subject] == before[subject] == "pass"
                assert after[subject] in ({"fail", "not_checked"} if is_bounded else {"fail"})
            elif row["fails_at"] > instant:
                assert after[subject] == "pass"


def test_a_use_before_the_creation_of_the_user_makes_no_key_young() -> None:
    cells = key(used="2026-09-16T23:58:59Z")
    text = csv_of(root(), user("a", **cells, user_creation_time="2026-11-01T01:22:32Z"))
    statuses = []
    for day in (datetime(2026, 12, 10, tzinfo=UTC), datetime(2026, 12, 19, tzinfo=UTC)):
        (row,) = [row for row in findings_of(run_plan(text, CHECKLIST, day)) if row["control"] == "access-key-rotation"]
        assert (row["reason"], row["fails_at"], row["basis"]) == ("age_unknown", None, None)
        assert row["message"] == "age not known: the report has no usable creation time"
        statuses.append(row["status"])
    # From 90 days after the use on, the key is too old in any case.
    assert statuses == ["not_checked", "fail"]


@given(reports(), as_ofs())
def test_bounded_checks_are_counted_from_the_earliest_instant(report: Report, as_of: datetime) -> None:
    """This holds also where the report shows a later use: a use after the reference instant does not count."""
    for row in findings_of(run_plan(report.to_csv(), CHECKLIST, as_of)):
        if row["fails_at"] is None or row["control"] == "expired-password-in-use":
            continue
        past = MICROSECOND if row["control"].endswith("-rotation") else timedelta(0)
        assert row["fails_at"] == row["basis_time"] + timedelta(days=row["limit_days"]) + past
        assert row["fails_at"] > row["as_of"]


@given(reports(), as_ofs())
def test_a_check_without_an_instant_passes_for_ever(report: Report, as_of: datetime) -> None:
    text = report.to_csv()
    as_of = newest_time(run_plan(text, CHECKLIST, as_of), as_of)
    later = by_subject(run_plan(text, CHECKLIST, as_of + timedelta(days=200 * 365)))
    for row in findings_of(run_plan(text, CHECKLIST, as_of)):
        subject = tuple(row[name] for name in ("control", "requirement", "line", "user", "credential"))
        if row["status"] == "pass":
            assert (row["fails_at"] is None) == (later[subject] == "pass")


@given(reports(), as_ofs(), st.sampled_from([1, 14, 50, 36_500]), st.sampled_from([None, "security-hub"]))
def test_counts_of_due_checks_are_those_of_the_findings(
    report: Report, as_of: datetime, days: int, benchmark: str | None
) -> None:
    result = run_plan(report.to_csv(), make_checklist(benchmark=benchmark, all_controls=benchmark is None), as_of)
    due: dict[tuple[Any, ...], datetime] = {}
    for row in findings_of(result):
        is_due = row["fails_at"] is not None and row["fails_at"] <= row["as_of"] + timedelta(days=days)
        if is_due and row["control"] != "unused-credentials-console":  # a stricter reading
            # A subject and control count once, by the first limit that it passes and then does not.
            subject = (row["control"], row["line"], row["credential"])
            due[subject] = min(due.get(subject, row["fails_at"]), row["fails_at"])
    controls = Counter(control for control, *_ in due)
    due_counts: Counter[str] = Counter()
    for at, count in due_by_check(result, days).items():
        due_counts[result.checklist.checks[at].control.id] += count
    assert due_counts == controls
    assert due_facts(result, days)["count"] == len(due)


def test_an_instant_after_the_year_9999_is_left_out(tmp_path: Path) -> None:
    """A limit that ends after the year 9999 has no instant."""
    cells = password(changed="9990-01-01T00:00:00Z") | {"password_next_rotation": "9999-12-31T23:59:59.5Z"}
    row = user("far", **key(rotated="9990-01-01T00:00:00Z"), **cells)
    write(tmp_path / "in/9990-02-01_111122223333.csv", csv_of(row))
    done = run(
        "audit",
        "in",
        "-o",
        "out",
        "--as-of",
        "9990-02-01",
        "--format",
        "parquet",
        "--max-idle-days",
        "36500",
        cwd=tmp_path,
    )
    assert "Traceback" not in done.stderr
    rows = parquet.read_table(tmp_path / "out/findings.parquet").to_pylist()
    unused = [row for row in rows if row["control"] == "unused-credentials"]
    assert [(row["status"], row["fails_at"]) for row in unused] == [("pass", None)] * 2
    (expiry,) = (row for row in rows if row["control"] == "expired-password-in-use")
    assert expiry["fails_at"] == datetime(9999, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)
    done = run("render", "out", "--format", "ics", "--due-within", "36500", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (rotation,) = (row for row in rows if row["control"] == "access-key-rotation")
    assert rotation["fails_at"] == datetime(9990, 4, 1, 0, 0, 0, 1, tzinfo=UTC)


# --- what users see --------------------------------------------------------------------------------------------------

ODD: Final = "a; b,c \\ \u202e\x07\U0001f600" + "x" * 40


def calendar_of(folder: Path, name: str = "out/due.ics") -> Any:  # noqa: ANN401 - the library's types say little
    return Calendar.from_ical((folder / name).read_bytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a report: two users with what comes due, one that fails, and one that is fine."""
    rows = [
        root(),
        user("soon", **key(rotated="2026-09-01T00:00:00Z", used="2026-09-20T10:15:00Z")),
        user(ODD, **password(changed="2026-09-25T01:02:03Z")),
        user("late", **key(rotated="2026-01-01T00:00:00Z")),
        user("fine", **key(rotated="2026-10-30T00:00:00Z", used="2026-10-30T10:00:00Z")),
    ]
    write(tmp_path / "in/2026-10-31_111122223333.csv", csv_of(*rows))
    return tmp_path


def audit(folder: Path, *options: str) -> str:
    done = run("audit", "in", "-o", "out", "--as-of", "2026-10-31", *options, cwd=folder)
    assert done.returncode == 1, done.stderr
    return done.stdout


def test_audit_counts_due_checks_and_lists_them_on_demand(folder: Path) -> None:
    screen = audit(folder, "--format", "parquet")
    assert "2 checks that pass now will fail within 14 days if nothing changes: 2 unused-credentials" in screen
    assert "passes until" not in screen
    listed = audit(folder, "--format", "parquet", "--due-within", "7")
    assert (
        "Pass now, will fail within 7 days if nothing changes\n  111122223333 soon access_key_1 unused-cred" in listed
    )
    assert "passes until 2026-11-04T10:15:00Z; last used 2026-09-20, 41 days" in listed
    assert "2026-11-09" not in listed
    assert "No check that passes now will fail within 3 days if nothing changes." in audit(
        folder, "--format", "parquet", "--due-within", "3"
    )
    facts = json.loads(audit(folder, "--format", "parquet", "--due-within", "30", "--json"))["due"]
    shown = json.loads(run("show", "out", "--due-within", "30", "--json", cwd=folder).stdout)["findings"]
    assert facts.pop("findings") == sorted(shown, key=lambda row: row["fails_at"])
    assert len(shown) == 3
    assert facts == {
        "within_days": 30,
        "count": 3,
        "by_control": [
            {"control": "unused-credentials", "requirement": "2.11", "count": 2},
            {"control": "access-key-rotation", "requirement": "2.12", "count": 1},
        ],
    }


def test_nothing_comes_due_when_every_snapshot_is_judged(folder: Path) -> None:
    done = run("audit", "in", "-o", "out", "--every-snapshot", "--format", "ics", cwd=folder)
    assert done.returncode == 2
    assert "--format ics: cannot be used with --every-snapshot" in done.stderr
    run("audit", "in", "-o", "each", "--every-snapshot", "--format", "parquet", cwd=folder)
    assert (
        "--due-within: cannot be used with --every-snapshot"
        in run("show", "each", "--due-within", "9", cwd=folder).stderr
    )
    options = ("--every-snapshot", "--format", "parquet", "--due-within", "9")
    assert "if nothing changes" not in run("audit", "in", "-o", "out", *options, cwd=folder).stdout
    facts = json.loads(run("audit", "in", "-o", "out", *options, "--json", cwd=folder).stdout)
    assert facts["due"] == {"within_days": 9, "count": 0, "by_control": [], "findings": []}


def test_show_lists_what_comes_due_soonest_first(folder: Path) -> None:
    audit(folder, "--format", "parquet")
    screen = run("show", "out", "--due-within", "30", cwd=folder).stdout
    assert screen.startswith("3 of 17 checks (will fail within 30 days), soonest first\n")
    # Findings of a user are together, at the position of the soonest one.
    assert (
        screen.index("2026-11-04T10:15:00Z")
        < screen.index("2026-11-30T00:00:00Z")
        < screen.index("2026-11-09T01:02:03Z")
    )
    answer = json.loads(run("show", "out", "--due-within", "4", "--json", cwd=folder).stdout)
    assert [(row["user"], row["fails_at"]) for row in answer["findings"]] == [("soon", "2026-11-04T10:15:00Z")]
    assert answer["asked"]["due_within"] == 4
    rotation_screen = run("show", "out", "--due-within", "30", "--control", "2.12", cwd=folder).stdout
    assert rotation_screen.startswith("1 of 17 checks (access-key-rotation 2.12, will fail within 30 days)\n")


def test_the_workbook_has_the_instant_and_the_counts(folder: Path) -> None:
    audit(folder, "--format", "excel", "--due-within", "30")
    book = openpyxl.load_workbook(folder / "out/workbook.xlsx")
    head, *rows = book["Findings"].iter_rows(values_only=True)
    at = {name: number for number, name in enumerate(head)}
    stored = parquet.read_table(folder / "out/findings.parquet").to_pylist()
    instants = {
        (row[at["user"]], row[at["control"]]): row[at["fails_at"]] for row in rows if row[at["fails_at"]] is not None
    }
    assert len(instants) == sum(row["fails_at"] is not None for row in stored) > 3
    assert instants["soon", "unused-credentials"] == datetime(2026, 11, 4, 10, 15)  # noqa: DTZ001 - Excel knows no zones
    cells = [row[:3] for row in book["Summary"].iter_rows(values_only=True)]
    title = "Will fail within 30 days if nothing changes (sheet Findings, column fails_at)"
    start = next(number for number, row in enumerate(cells) if row[0] == title)
    assert cells[start + 1 : start + 4] == [
        ("control", "CIS 7.0", "checks"),
        ("unused-credentials", "2.11", 2),
        ("access-key-rotation", "2.12", 1),
    ]


def test_the_calendar_reads_back(folder: Path) -> None:
    audit(folder, "--format", "parquet,ics", "--due-within", "30")
    data = (folder / "out/due.ics").read_bytes()
    assert all(len(line) <= 75 for line in data.split(b"\r\n"))
    assert data.endswith(b"END:VCALENDAR\r\n")
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert not any(byte < 32 and byte not in b"\r\n" for byte in data)
    due_calendar = calendar_of(folder)
    assert (due_calendar["version"], str(due_calendar["prodid"])[:13]) == ("2.0", "-//credreport")
    events = list(due_calendar.walk("VEVENT"))
    assert [str(event["summary"]) for event in events] == [
        "111122223333 soon access_key_1 starts to fail unused-credentials",
        "111122223333 a; b,c \\ \ufffd\ufffd\U0001f600" + "x" * 40 + " password starts to fail unused-credentials",
        "111122223333 soon access_key_1 starts to fail access-key-rotation",
    ]
    # A microsecond past the limit is in the next second.
    assert [event["dtstart"].dt for event in events] == [
        datetime(2026, 11, 4, 10, 15, tzinfo=UTC),
        datetime(2026, 11, 9, 1, 2, 3, tzinfo=UTC),
        datetime(2026, 11, 30, 0, 0, 1, tzinfo=UTC),
    ]
    assert {event["dtstamp"].dt for event in events} == {datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC)}
    assert len({str(event["uid"]) for event in events}) == 3
    assert "It passes until 2026-11-04T10:15:00Z if nothing changes." in events[0]["description"]
    assert "in/2026-10-31_111122223333.csv:3\n" in events[0]["description"]


def test_a_later_calendar_takes_the_place_of_an_older_one(folder: Path) -> None:
    """Events of a key that was used since, and of a new password, keep the names of the earlier events."""

    def uids(days: int) -> dict[str, str]:
        audit(folder, "--format", "parquet,ics", "--due-within", f"{days}", "--control", "unused-credentials")
        events = calendar_of(folder).walk("VEVENT")
        return {str(event["summary"]): str(event["uid"]) for event in events}

    first = uids(30)
    rows = [
        user("soon", **key(rotated="2026-09-01T00:00:00Z", used="2026-10-02T10:15:00Z")),
        user(ODD, **password(changed="2026-10-03T01:02:03Z")),
    ]
    write(
        folder / "in/2026-10-31_111122223333.csv",
        csv_of(root(), *rows, user("late", **key(rotated="2026-01-01T00:00:00Z"))),
    )
    assert len(first) == 2
    assert uids(30) == first
    # Rendered again from the evidence, it is the same.
    data = (folder / "out/due.ics").read_bytes()
    run("render", "out", "--format", "ics", "--due-within", "30", "-o", "again", cwd=folder)
    assert (folder / "again/due.ics").read_bytes() == data
    versions = json.loads((folder / "again/rendered.json").read_text())["versions"]
    assert versions["icalendar"] == version("icalendar")


def test_a_calendar_has_the_soonest_events_and_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendar, "MOST", 1)
    audit(folder, "--format", "parquet,ics", "--due-within", "30")
    due_calendar = calendar_of(folder)
    assert [event["dtstart"].dt.day for event in due_calendar.walk("VEVENT")] == [4]
    assert "This calendar has the first 1; `credreport show --due-within 30` lists all." in due_calendar["description"]


def test_a_check_that_fails_the_stricter_limit_comes_due_by_the_other_limit(tmp_path: Path) -> None:
    """A key that is unused for 85 days fails at 45, and stops passing at 90."""
    write(tmp_path / "in/2026-10-31_111122223333.csv", csv_of(user("ci", **key(used="2026-08-07T00:00:00Z"))))
    options = ("--benchmark", "cis-7.0,soc2", "--control", "unused-credentials", "--due-within", "14")
    screen = run("audit", "in", "-o", "out", "--format", "parquet,ics", *options, cwd=tmp_path).stdout
    assert "ci access_key_1 unused-credentials: passes until 2026-11-05T00:00:00Z" in screen
    assert run("show", "out", "--due-within", "14", cwd=tmp_path).stdout.startswith("1 of 2 checks")
    assert len(list(calendar_of(tmp_path).walk("VEVENT"))) == 1


def test_a_calendar_without_events_says_so(folder: Path) -> None:
    audit(folder, "--format", "parquet,ics", "--due-within", "1")
    due_calendar = calendar_of(folder)
    assert [str(entry["summary"]) for entry in due_calendar.walk("VJOURNAL")] == [
        "No check that passes now will fail within 1 day if nothing changes."
    ]
    assert list(due_calendar.walk("VEVENT")) == []
    assert str(due_calendar["description"]) == "No check that passes now will fail within 1 day if nothing changes."


def test_one_subject_in_two_reports_has_two_events(tmp_path: Path) -> None:
    """Without a known account, events are told apart by report; a user who occurs twice has an event for each row."""
    rows = [user("a", **key(used="2026-09-20T00:00:00Z")) | {"arn": "none"} for _ in range(2)]
    for name in ("one", "two"):
        write(tmp_path / f"in/2026-10-31/{name}.csv", csv_of(*rows))
    run("audit", "in", "-o", "out", "--format", "ics,parquet", "--control", "unused-credentials", cwd=tmp_path)
    findings = parquet.read_table(tmp_path / "out/findings.parquet").to_pylist()
    due = [row for row in findings if row["fails_at"] is not None]
    events = list(calendar_of(tmp_path).walk("VEVENT"))
    assert len({str(event["uid"]) for event in events}) == len(events) == len(due)
