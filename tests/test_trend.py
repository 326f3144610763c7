"""The trend of an audit: what has changed since the snapshot before the judged one, counted as `compare` counts it."""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from pyarrow import parquet

from analyzer.controls.checklist import make_checklist
from analyzer.controls.policy import read_policy
from analyzer.evidence.answer import headline, scope
from analyzer.evidence.opening import TREND_COLUMNS, opening
from analyzer.evidence.trend import not_compared, scope_of_trend, trend, trend_of_all
from tests.cli.running import run as run_program
from tests.history.running import compare
from tests.rendering.pdf.reading import text_of
from tests.reports import csv_of, key, password, root, unused, user, write
from tests.running import Audit, Settings, audit, audit_in_batches, audit_on_engine
from tests.test_road import by_itself

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.controls.checklist import Checklist
    from analyzer.evidence.comparison import Comparison

A, B, C = ACCOUNTS = ("111122223333", "123456789012", "444455556666")
OLDER, BEFORE, NOW = DAYS = ("2026-08-31", "2026-09-30", "2026-10-31")
IDLE = key(rotated="2026-01-01T00:00:00Z")
USED: Final = {day: key(rotated="2026-01-01T00:00:00Z", used=f"{day}T00:00:00Z") for day in DAYS}
COUNTS: Final = ("open", "open_before", "new", "fixed", "undecided")


def report_of(account: str, **users: dict[str, str]) -> str:
    """Return a report of an account: users by name, each with its cells."""
    return csv_of(root(account), *(user(name, account=account, **cells) for name, cells in users.items()))


def months(folder: Path) -> Path:
    """Write snapshots of three months of one account: two fail, one is fixed, and two are new in the last."""
    write(folder / f"{OLDER}/{A}.csv", report_of(A, anna=IDLE))
    write(folder / f"{BEFORE}/{A}.csv", report_of(A, anna=IDLE, ci=IDLE, deploy=USED[BEFORE], backup=USED[BEFORE]))
    write(folder / f"{NOW}/{A}.csv", report_of(A, anna=IDLE, deploy=IDLE, backup=IDLE, ci=USED[NOW]))
    return folder


def run(folder: Path, **options: Any) -> Audit:  # noqa: ANN401 - any setting
    return audit([str(folder)], Settings(options.pop("checklist", unused()), **options))


def rows(result: Audit) -> list[dict[str, Any]]:
    return [] if result.trend is None else result.trend.to_pylist()


def counts(result: Audit) -> dict[str, tuple[int, ...]]:
    """Return the counts of each account, of one control."""
    return {row["account_id"]: tuple(row[name] for name in COUNTS) for row in rows(result)}


LACKING: Final = "account {} is not compared with its earlier snapshot: this report may contain only some of the users"


def why_not(result: Audit) -> list[str]:
    """Return why accounts are not compared, each with the report that is the cause."""
    issues = result.issues[(result.issues["code"] == "no_trend").to_numpy()]
    return [f"{row['source']}: {row['message']}" for row in issues.astype("object").to_dict("records")]


# --- as a user meets it -----------------------------------------------------------------------------------------------


def test_the_answer_says_what_changed_since_the_snapshot_before(tmp_path: Path) -> None:
    months(tmp_path / "in")
    ran = run_program("audit", "in", "--control", "unused-credentials", cwd=tmp_path)
    sentence = "3 unused now, 2 in the snapshot before (2026-09-30): 2 new, 1 fixed."
    assert sentence in ran.stdout
    assert "3 of 4 active passwords and access keys of IAM users unused" in ran.stdout
    assert "; its newest report is judged (1 of 3 reports), 2 older ones are not" in ran.stdout
    assert "Data issues" not in ran.stdout
    out = tmp_path / "credreport-out"
    assert parquet.read_table(out / "trend.parquet").to_pylist() == [
        {
            "account_id": A,
            "control": "unused-credentials",
            "captured_at": datetime(2026, 10, 31, 23, 59, 59, 999999, UTC),
            "earlier_captured_at": datetime(2026, 9, 30, 23, 59, 59, 999999, UTC),
            **dict(zip(COUNTS, (3, 2, 2, 1, 0), strict=True)),
        }
    ]
    summary = load_workbook(out / "workbook.xlsx")["Summary"]
    cells = [[cell.value for cell in row[:6]] for row in summary.iter_rows()]
    assert sentence in str(cells[1][0])
    assert ["unused-credentials", 2, 2, 1, 0, 3] in cells
    facts = json.loads(run_program("audit", "in", "--control", "unused-credentials", "--json", cwd=tmp_path).stdout)
    assert facts["trend"] == {
        "accounts": 1,
        "captured_at": ["2026-10-31T23:59:59.999999Z"] * 2,
        "earlier_captured_at": ["2026-09-30T23:59:59.999999Z"] * 2,
        "by_control": [{"control": "unused-credentials", **dict(zip(COUNTS, (3, 2, 2, 1, 0), strict=True))}],
    }
    assert run_program("verify", out, "--inputs", tmp_path / "in").returncode == 0


@pytest.mark.parametrize("option", ["--no-trend", "--every-snapshot"])
def test_the_trend_can_be_left_out(tmp_path: Path, option: str) -> None:
    months(tmp_path / "in")
    ran = run_program("audit", "in", option, "--format", "parquet", cwd=tmp_path)
    assert "before (" not in ran.stdout
    assert not (tmp_path / "credreport-out/trend.parquet").exists()
    facts = json.loads(run_program("audit", "in", option, "--json", "--format", "parquet", cwd=tmp_path).stdout)
    assert "trend" not in facts


def test_one_snapshot_has_no_trend(tmp_path: Path) -> None:
    write(tmp_path / f"{NOW}/{A}.csv", report_of(A, anna=IDLE))
    result = run(tmp_path)
    assert result.trend is None
    assert trend(result) == ""


def test_the_sentence_says_how_many_accounts_it_is_about(tmp_path: Path) -> None:
    months(tmp_path)
    write(tmp_path / f"{OLDER}/{B}.csv", report_of(B, anna=IDLE))
    write(tmp_path / f"{NOW}/{B}.csv", report_of(B, anna=password(enabled="maybe"), ci=IDLE))
    write(tmp_path / f"{NOW}/{C}.csv", report_of(C, anna=IDLE))
    result = run(tmp_path)
    assert counts(result) == {A: (3, 2, 2, 1, 0), B: (1, 1, 1, 1, 0)}
    assert trend(result) == (
        "In the 2 of 3 accounts with an earlier snapshot: 4 unused now, "
        "3 in the snapshots before (2026-08-31 to 2026-09-30): 3 new, 2 fixed."
    )


def test_all_controls_are_summed_up_beside_the_main_one(tmp_path: Path) -> None:
    months(tmp_path)
    write(tmp_path / f"{NOW}/{C}.csv", report_of(C, anna=IDLE))
    result = run(tmp_path, checklist=make_checklist())
    sums = {name: sum(counts[name] for counts in result.trends.values()) for name in COUNTS}
    assert trend_of_all(result) == (
        f"All controls in this account: {sums['open']} failures now, {sums['open_before']} before: "
        f"{sums['new']} new, {sums['fixed']} fixed."
    )
    assert trend_of_all(result) in headline(result)
    assert sums["open"] == sum(result.by_account.loc[A, ["fail"]])
    strict = make_checklist(controls=["unused-credentials", "console-mfa", "mfa-every-user"])
    assert len(strict.summed) == 2, "a stricter reading is not added"
    every = run(tmp_path, checklist=strict)
    summed = sum(every.trends[control]["open"] for control in ("unused-credentials", "console-mfa"))
    assert f": {summed} failure" in trend_of_all(every)
    assert summed < sum(counts["open"] for counts in every.trends.values())
    assert trend_of_all(run(tmp_path)) == "", "one control"


def test_the_sentence_on_the_page_has_a_subject(tmp_path: Path) -> None:
    months(tmp_path)
    assert opening(run(tmp_path)).endswith(". Unused credentials: 2 on 2026-09-30, 3 on 2026-10-31.")
    write(tmp_path / f"{NOW}/{C}.csv", report_of(C, anna=IDLE))
    ending = ". Unused credentials in the 1 account with an earlier snapshot: 2 on 2026-09-30, 3 on 2026-10-31."
    assert opening(run(tmp_path)).endswith(ending)
    write(tmp_path / f"{OLDER}/{C}.csv", report_of(C, anna=IDLE))
    ending = ". Unused credentials: 3 before (2026-08-31 to 2026-09-30), 4 on 2026-10-31."
    assert opening(run(tmp_path)).endswith(ending)


def test_a_failure_that_becomes_unknown_is_not_fixed(tmp_path: Path) -> None:
    write(tmp_path / f"{BEFORE}/{A}.csv", report_of(A, anna=IDLE))
    write(tmp_path / f"{NOW}/{A}.csv", report_of(A, anna=IDLE | {"access_key_1_active": "perhaps"}))
    result = run(tmp_path)
    assert counts(result) == {A: (0, 1, 0, 0, 1)}
    assert trend(result).endswith(": 0 new, 0 fixed, 1 undecided.")


def waiving(user_name: str, *controls: str, folder: Path) -> Checklist:
    """Return the checklist of a policy that waives the failures of a user."""
    text = f"[waivers.x]\nuser = '{user_name}'\nreason = 'r'\nowner = 'o'\nexpires = 2027-12-31\n"
    policy = read_policy(Path(write(folder / "policy.toml", text)))
    return make_checklist(controls=list(controls), policy=policy)


def test_waived_failures_are_counted_and_the_sentence_says_so(tmp_path: Path) -> None:
    months(tmp_path / "in")
    controls = ("unused-credentials", "access-key-rotation")
    result = run(tmp_path / "in", checklist=waiving("anna", *controls, folder=tmp_path))
    assert trend(result).startswith("3 unused now (1 of them waived), 2 in the snapshot before")
    assert trend_of_all(result).startswith("All controls: 7 failures now (2 of them waived), 6 before: ")
    assert opening(result).endswith("2 on 2026-09-30, 3 on 2026-10-31 (1 of them waived).")
    # Judged at another date, the failures are others, so the number of waived ones is not known.
    later = run(
        tmp_path / "in", checklist=waiving("anna", *controls, folder=tmp_path), as_of=datetime(2027, 3, 1, tzinfo=UTC)
    )
    assert trend(later).startswith("3 unused now (waived ones included), 2 in the snapshot before")
    nobody = run(tmp_path / "in", checklist=waiving("nobody", *controls, folder=tmp_path))
    assert "waived" not in trend(nobody) + trend_of_all(nobody)


def test_the_accounts_that_are_not_compared_are_named(tmp_path: Path) -> None:
    months(tmp_path / "in")
    assert not_compared(run(tmp_path / "in")) == ""
    assert scope_of_trend(run(tmp_path / "in")).endswith("Waived failures are counted.")
    others = [f"{number:012}" for number in range(1, 8)]
    for account in others:
        write(tmp_path / f"in/{NOW}/{account}.csv", report_of(account, anna=IDLE))
    sentence = f"Not compared with an earlier snapshot: {', '.join(others[:5])} and 2 others."
    result = run(tmp_path / "in")
    assert not_compared(result) == sentence
    assert scope_of_trend(result).endswith(sentence)
    command = ("audit", "in", "--control", "unused-credentials")
    short, verbose = (run_program(*command, *more, cwd=tmp_path).stdout for more in ((), ("--verbose",)))
    assert "Not compared" not in short
    assert sentence in " ".join(verbose.split())
    assert "Not compared with an earlier snapshot: 0000" in (tmp_path / "credreport-out/report.html").read_text()


def test_other_controls_are_counted_and_summed_up(tmp_path: Path) -> None:
    months(tmp_path)
    result = run(tmp_path, checklist=make_checklist(controls=["access-key-rotation"]))
    assert trend(result) == "4 fail now, 4 in the snapshot before (2026-09-30): 0 new, 0 fixed."
    result = run(tmp_path, checklist=make_checklist(controls=["access-key-rotation", "root-mfa"]))
    assert trend(result).startswith("5 failures now, 5 in the snapshot before")
    assert [row["control"] for row in rows(result)] == ["access-key-rotation", "root-mfa"]


def test_with_a_reference_date_the_snapshot_before_the_judged_one_counts(tmp_path: Path) -> None:
    months(tmp_path)
    result = run(tmp_path, as_of=datetime(2026, 10, 15, tzinfo=UTC))
    assert counts(result) == {A: (2, 1, 1, 0, 0)}
    assert "(2026-08-31; each judged at its own capture time)" in trend(result)
    assert run(tmp_path, as_of=datetime(2026, 8, 1, tzinfo=UTC)).trend is None


# --- what it leaves alone ---------------------------------------------------------------------------------------------


def test_other_snapshots_are_no_issues_and_have_their_roles(tmp_path: Path) -> None:
    result = run(months(tmp_path))
    assert result.issues.empty
    assert "; its newest report is judged (1 of 3 reports), 2 older ones are not" in scope(result)
    roles = {Path(row["name"]).parent.name: row["accounts"][0]["role"] for row in result.inputs.to_dict("records")}
    assert roles == {OLDER: "not_judged", BEFORE: "trend", NOW: "judged"}
    assert result.inputs["judged"].tolist() == [False, False, True]
    assert result.facts["rows"] == result.facts["users"] + result.facts["rows_not_judged"] == 2 + 5 + 5


def test_faults_of_the_earlier_report_are_no_issues_of_the_audit(tmp_path: Path) -> None:
    write(tmp_path / f"{BEFORE}/{A}.csv", report_of(A, anna=IDLE | {"mfa_active": "perhaps"}))
    write(tmp_path / f"{NOW}/{A}.csv", report_of(A, anna=IDLE))
    result = run(tmp_path)
    assert result.issues.empty
    assert counts(result) == {A: (1, 1, 0, 0, 0)}
    assert BEFORE not in str(result.findings["source"].cat.categories.tolist())


# --- in doubt ---------------------------------------------------------------------------------------------------------


def test_snapshots_of_unknown_order_have_no_trend(tmp_path: Path) -> None:
    for name, day in (("a", BEFORE), ("b", BEFORE), ("c", NOW)):
        write(tmp_path / f"{day}/{name}-{A}.csv", report_of(A, anna=IDLE, ci=IDLE, **{name: IDLE}))
        write(
            tmp_path / f"{NOW if day == BEFORE else BEFORE}/{name}-{B}.csv",
            report_of(B, anna=IDLE, ci=IDLE, **{name: IDLE}),
        )
    result = run(tmp_path)
    assert result.trend is None
    assert [line.rpartition(": ")[2] for line in why_not(result)] == [
        "it is not known which report is newer",
    ] * 2
    assert result.exit_code == 3


@pytest.mark.parametrize("day", [BEFORE, NOW])
def test_a_report_that_was_cut_has_no_trend(tmp_path: Path, day: str) -> None:
    months(tmp_path)
    write(tmp_path / f"{BEFORE}/{B}.csv", report_of(B, anna=IDLE))
    write(tmp_path / f"{NOW}/{B}.csv", report_of(B, anna=IDLE))
    path = tmp_path / f"{day}/{A}.csv"
    path.write_text(path.read_text().rpartition("false,N/A")[0] + "fal")
    result = run(tmp_path)
    assert counts(result).keys() == {B}
    assert why_not(result) == [f"{path}: {LACKING.format(A)}"]
    assert result.exit_code == (3 if day == NOW else 1)


@pytest.mark.parametrize("day", [BEFORE, NOW])
def test_a_form_that_filters_users_has_no_trend(tmp_path: Path, day: str) -> None:
    names = ("user_name", "user_arn", "user_creation_time", "password_enabled", "mfa_active", "access_key_1_active")
    times = ("access_key_1_last_rotated", "access_key_1_last_used_date", "generated_time", "account_id")
    for snapshot_day in (BEFORE, NOW):
        cells = ("anna", f"arn:aws:iam::{A}:user/anna", "2020-01-01 00:00:00+00:00", "false", "false", "true")
        last_cells = ("2026-01-01 00:00:00+00:00", "", f"{snapshot_day} 00:00:00+00:00", A)
        text = ",".join((*names, *times)) + "\n" + ",".join((*cells, *last_cells)) + "\n"
        write(tmp_path / f"{snapshot_day}/{A}.csv", text if snapshot_day == day else report_of(A, anna=IDLE, ci=IDLE))
    result = run(tmp_path)
    assert result.trend is None
    assert why_not(result) == [f"{tmp_path}/{day}/{A}.csv: {LACKING.format(A)}"]


def test_a_month_that_may_be_between_leaves_no_trend(tmp_path: Path) -> None:
    months(tmp_path)
    write(tmp_path / f"2026-07/{A}.csv", report_of(A, somebody=IDLE))
    assert counts(run(tmp_path)) == {A: (3, 2, 2, 1, 0)}
    write(tmp_path / f"2026-10/{A}.csv", report_of(A, other=IDLE))
    result = run(tmp_path)
    assert result.trend is None
    between = (
        f"account {A} is not compared with its earlier snapshot: this report may be from the time between the two "
        "snapshots"
    )
    assert why_not(result) == [f"{tmp_path}/2026-10/{A}.csv: {between}"]


# --- the law ----------------------------------------------------------------------------------------------------------

_CELLS: Final = [
    IDLE,
    *(USED[day] for day in DAYS),
    key(rotated="2026-10-20T00:00:00Z"),
    key(2, rotated="2026-01-01T00:00:00Z", used="2026-02-01T00:00:00Z"),
    key(active="false", rotated="2026-01-01T00:00:00Z"),
    key(active="perhaps", rotated="2026-01-01T00:00:00Z"),
    key(rotated="2026-01-01T00:00:00Z", used="unreadable"),
    password(changed="2026-01-01T00:00:00Z"),
    password(used="2026-09-29T00:00:00Z", changed="2026-01-01T00:00:00Z") | {"mfa_active": "true"},
    {},
]
Snapshot = dict[str, dict[str, str]]


@st.composite
def fleets(draw: st.DrawFn) -> dict[str, dict[str, Snapshot]]:
    """Draw some snapshots of a few accounts: users by account and day."""
    return {
        account: {
            day: {name: draw(st.sampled_from(_CELLS)) for name in ("anna", "ci", "ops") if draw(st.integers(0, 4))}
            for day in draw(st.lists(st.sampled_from(DAYS), min_size=1, max_size=3, unique=True))
        }
        for account in ACCOUNTS[: draw(st.integers(1, 3))]
    }


def laid_out(folder: Path, fleet: dict[str, dict[str, Snapshot]], form: str) -> list[str]:
    """Write a fleet: a file an account and day, a file a day, or two parts of each snapshot; return the files."""
    texts: dict[str, str] = {}
    for account, snapshots in fleet.items():
        for day, users in snapshots.items():
            every = [root(account), *(user(name, account=account, **cells) for name, cells in users.items())]
            if form == "merged" or (form == "merged before" and day != max(snapshots)):
                texts[f"{day}.csv"] = texts.get(f"{day}.csv", "") + csv_of(*every) + "\n"
            elif form == "parts" and len(every) > 2:
                texts[f"{day}/{account}-1.csv"] = csv_of(*every[:2])
                texts[f"{day}/{account}-2.csv"] = csv_of(*every[2:])
            else:
                texts[f"{day}/{account}.csv"] = csv_of(*every)
    return [write(folder / name, text) for name, text in texts.items()]


def pairs(folder: Path, fleet: dict[str, dict[str, Snapshot]]) -> tuple[list[str], list[str]]:
    """Write the two newest snapshots of accounts that have two, each a file of its own; return both sides."""
    sides: tuple[list[str], list[str]] = ([], [])
    for account, snapshots in fleet.items():
        for side, day in zip(sides, sorted(snapshots)[-2:], strict=False):
            if len(snapshots) > 1:
                side.append(write(folder / f"{day}/{account}.csv", report_of(account, **snapshots[day])))
    return sides


def counted(comparison: Comparison) -> dict[tuple[str, str], Counter[str]]:
    """Return the events of failures of a comparison by account and control, each control once."""
    tally: dict[tuple[str, str], Counter[str]] = {}
    events = comparison.events[comparison.events["control"].notna().to_numpy()]
    first = {check.control.id: check.requirement for check in reversed(comparison.settings.checklist.checks)}
    for event in events[["account_id", "control", "requirement", "event"]].astype("object").to_dict("records"):
        requirement = event["requirement"] if isinstance(event["requirement"], str) else None
        if first[event["control"]] == requirement:
            tally.setdefault((event["account_id"], event["control"]), Counter())[event["event"]] += 1
    return tally


def expected(fleet: dict[str, dict[str, Snapshot]], comparison: Comparison) -> list[dict[str, Any]]:
    """Return the trend that a comparison of the two newest snapshots amounts to."""
    tally = counted(comparison)
    controls = list(dict.fromkeys(check.control.id for check in comparison.settings.checklist.checks))
    result = []
    for account in sorted(account for account, snapshots in fleet.items() if len(snapshots) > 1):
        before, now = sorted(fleet[account])[-2:]
        for control in controls:
            events = tally.get((account, control), Counter())
            still, fixed, lost = (events[name] for name in ("still_failing", "fixed", "not_known"))
            new = events["new_failure"] + events["regressed"]
            result.append(
                {
                    "account_id": account,
                    "control": control,
                    "captured_at": datetime.fromisoformat(f"{now}T23:59:59.999999+00:00"),
                    "earlier_captured_at": datetime.fromisoformat(f"{before}T23:59:59.999999+00:00"),
                    **dict(zip(COUNTS, (still + new, still + fixed + lost, new, fixed, lost), strict=True)),
                }
            )
    return result


CHECKLISTS: Final = (
    make_checklist(),
    make_checklist(all_controls=True),
    make_checklist(benchmark="cis-5.0"),
    make_checklist(benchmark="pci-dss-4.0.1"),
    unused(),
)


@given(
    fleets(),
    st.sampled_from(["files", "merged", "merged before", "parts"]),
    st.sampled_from(CHECKLISTS),
    st.sampled_from([1, 600, 1 << 30]),
    st.booleans(),
    st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_the_trend_equals_the_comparison_of_the_two_snapshots(
    fleet: dict[str, dict[str, Snapshot]],
    form: str,
    checklist: Any,  # noqa: ANN401 - of CHECKLISTS
    batch: int,
    on_engine: bool,
    random: Any,  # noqa: ANN401 - a random.Random
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = laid_out(folder / "in", fleet, form)
        random.shuffle(paths)
        result, tables = audited(paths, Settings(checklist), folder / "out", batch, on_engine)
        old, new = pairs(folder / "pairs", fleet)
        expected_rows = expected(fleet, compare(old, new, Settings(checklist))) if old else []
        assert rows(result) == expected_rows
        for row in expected_rows:
            assert row["open"] == row["open_before"] + row["new"] - row["fixed"] - row["undecided"]
        without, plain = audited(paths, Settings(checklist, trend=False), folder / "plain", batch, on_engine)
        assert without.tallies.equals(result.tallies)
        assert without.exit_code == result.exit_code
        for table in ("users", "credentials", "issues", "findings"):
            unordered = [sorted(map(str, tables_of_run[table].to_pylist())) for tables_of_run in (tables, plain)]
            assert unordered[0] == unordered[1]
            if form != "merged before":
                assert tables[table].to_pylist() == plain[table].to_pylist()


def audited(
    paths: Sequence[str], chosen: Settings, out: Path, batch: int, on_engine: bool
) -> tuple[Audit, dict[str, Any]]:
    if on_engine:
        return audit_on_engine(paths, chosen, out, by_itself, batch=batch)
    return audit_in_batches(paths, chosen, out, batch=batch)


def test_rows_far_down_in_the_earlier_report_are_found(tmp_path: Path) -> None:
    users = {f"job-{number:04}": IDLE for number in range(400)}
    write(tmp_path / f"in/{BEFORE}/{A}.csv", report_of(A, **users) + "\n" + csv_of(user("ci", account=B, **IDLE)))
    write(tmp_path / f"in/{NOW}/{A}.csv", report_of(A, **users))
    write(tmp_path / f"in/{NOW}/{B}.csv", report_of(B, deploy=IDLE))
    result, _ = audit_in_batches([str(tmp_path / "in")], Settings(unused()), tmp_path / "out")
    assert counts(result) == {A: (400, 400, 0, 0, 0), B: (1, 1, 1, 1, 0)}


def test_a_control_that_judges_nothing_has_a_dash_in_the_trend(tmp_path: Path) -> None:
    for day in (BEFORE, NOW):
        write(tmp_path / f"{day}/{A}.csv", report_of(A, anna=IDLE))
    run_program("audit", BEFORE, NOW, "--format", "html,excel,pdf,charts", "-o", "out", cwd=tmp_path)
    rows = [row[:6] for row in load_workbook(tmp_path / "out/workbook.xlsx")["Summary"].iter_rows(values_only=True)]
    assert ("additional-credentials", *["\N{EN DASH}"] * 5) in rows
    assert ("no-root-access-key", 0, 0, 0, 0, 0) in rows
    text = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    data = json.loads(text.partition('<script type="application/json" id="data">')[2].partition("</script>")[0])
    columns = {column["name"]: column for column in data["tables"]["trend"]["columns"]}
    at = columns["control"]["texts"].index("additional-credentials")
    assert [columns[name]["values"][columns["control"]["codes"].index(at)] for name in TREND_COLUMNS] == [None] * 5
    assert "A dash: nothing judged." in text
    in_pdf = " ".join(text_of(tmp_path / "out/summary.pdf").split())
    (nothing,) = re.findall(r"Nothing judged: ([^.]*)\.", in_pdf)
    (unchanged,) = re.findall(r"No failures in these accounts before or now: ([^.]*)\.", in_pdf)
    assert "additional-credentials" in nothing
    assert "additional-credentials" not in unchanged


def test_the_page_the_pdf_and_the_workbook_head_the_trend_alike(tmp_path: Path) -> None:
    for day in (BEFORE, NOW):
        write(tmp_path / f"{day}/{A}.csv", report_of(A, anna=IDLE))
    run_program("audit", BEFORE, NOW, "--format", "html,excel,pdf", "-o", "out", cwd=tmp_path)
    heads = list(TREND_COLUMNS.values())
    assert f"control {' '.join(heads)}" in text_of(tmp_path / "out/summary.pdf")
    book = load_workbook(tmp_path / "out/workbook.xlsx")
    assert ["control", *heads] in [list(row[:6]) for row in book["Summary"].iter_rows(values_only=True)]
    note, _, trend_heads, *trend_rows = book["Trend"].iter_rows(values_only=True)
    assert note[0] is not None
    assert str(note[0]).endswith("Waived failures are counted.")
    assert list(trend_heads) == ["account_id", "control", "captured_at", "earlier_captured_at", *heads]
    assert trend_rows[0][4:] == (1, 0, 0, 0, 1)
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert all(f'"{head}"' in page for head in heads)
