"""ingest, store, compare and history as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from openpyxl import load_workbook
from pyarrow import parquet

from analyzer.evidence.schema import COVERAGE, EVENTS, LIFETIMES, TREND
from tests.cli.running import run
from tests.reports import csv_of, key, password, root, user, write

SAMPLES = Path(__file__).resolve().parents[2] / "sample_reports"
OLD = "2026-01-01T00:00:00Z"
ONLY = ["--control", "unused-credentials"]
EVERY_EVENT = {
    *("user_created", "user_deleted", "user_recreated", "mfa_enabled", "mfa_disabled"),
    *("password_enabled", "password_disabled", "password_changed", "password_used"),
    *("key_created", "key_deleted", "key_rotated", "key_activated", "key_deactivated", "key_used", "key_moved"),
    *("fixed", "new_failure", "still_failing", "regressed"),
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    done = run("ingest", SAMPLES, "--store", tmp_path / "store")
    assert (done.returncode, done.stderr) == (0, "")
    return tmp_path / "store"


def test_the_samples_show_every_event(store: Path, tmp_path: Path) -> None:
    times = ["--from", "2026-09-30", "--to", "2026-10-31"]
    done = run("compare", "--store", store, *times, *ONLY, "-o", tmp_path / "out", "--json")
    assert done.returncode == 1
    facts = json.loads(done.stdout)
    assert set(facts["events"]) == EVERY_EVENT
    table = parquet.read_table(tmp_path / "out/events.parquet")
    assert table.schema.equals(EVENTS)
    assert sum(facts["events"].values()) == table.num_rows
    regressed = {row["user"]: row["message"] for row in table.to_pylist() if row["event"] == "regressed"}
    assert regressed["quarterly-closer"] == "last used 2026-09-05, 56 days"
    fixed = {row["user"]: row["message"] for row in table.to_pylist() if row["event"] == "fixed"}
    assert all(message.endswith("days") for message in fixed.values())
    assert not any(message.endswith(", 0 days") for message in (*fixed.values(), *regressed.values()))
    book = load_workbook(tmp_path / "out/workbook.xlsx")
    assert book.sheetnames == ["Summary", "Events", "Issues"]
    assert book["Events"].max_row == table.num_rows + 1
    assert facts["only_new"] == ["222222222222", "777788889999"]


def test_folders_and_store_say_the_same(store: Path, tmp_path: Path) -> None:
    by_store = run(
        "compare", "--store", store, "--from", "2026-09-30", "--to", "2026-10-31", "-o", tmp_path / "a", "-q"
    )
    by_folder = run("compare", SAMPLES / "2026-09-30", SAMPLES / "2026-10-31", "-o", tmp_path / "b", "-q")
    assert by_store.returncode == by_folder.returncode == 1
    columns = ["event", "account_id", "user", "credential", "how", "message", "was", "is_now", "old_line", "new_line"]
    tables = [parquet.read_table(tmp_path / name / "events.parquet", columns=columns).to_pylist() for name in "ab"]
    for table in tables:
        for row in table:
            # Without older snapshots nothing shows that a failure was there before.
            row["event"] = "new_failure" if row["event"] == "regressed" else row["event"]
    assert sorted(tables[0], key=str) == sorted(tables[1], key=str)


def test_history_writes_its_tables(store: Path, tmp_path: Path) -> None:
    options = ["--sla-days", "60", "--format", "parquet,excel"]
    done = run("history", "--store", store, *options, "-o", tmp_path / "a")
    assert done.returncode == 1
    assert "had been fixed before" in done.stdout
    for name, schema in (("lifetimes", LIFETIMES), ("trend", TREND), ("coverage", COVERAGE)):
        assert parquet.read_table(tmp_path / f"a/{name}.parquet").schema.equals(schema), name
    assert load_workbook(tmp_path / "a/workbook.xlsx").sheetnames == [
        *("Summary", "Measures", "Lifetimes", "Trend", "Coverage", "Issues")
    ]
    run("history", SAMPLES, *options, "-o", tmp_path / "b", "-q")
    tables = [parquet.read_table(tmp_path / name / "lifetimes.parquet").drop_columns("source") for name in "ab"]
    assert sorted(tables[0].to_pylist(), key=str) == sorted(tables[1].to_pylist(), key=str)
    listed = [json.loads((tmp_path / "a" / name).read_text())["outputs"] for name in ("manifest.json", "rendered.json")]
    names = {output["name"] for outputs in listed for output in outputs}
    assert names >= {"lifetimes.parquet", "workbook.xlsx"}


def test_exit_codes(tmp_path: Path) -> None:
    before = csv_of(root(), user("a", **key(rotated=OLD)))
    after = csv_of(root(), user("a", **key(rotated=OLD, used="2026-09-30T00:00:00Z")))
    worse = csv_of(root(), user("a", **key(rotated=OLD)), user("b", **password(changed=OLD)))
    paths = [write(tmp_path / f"{day}.csv", text) for day, text in (("2026-08-31", before), ("2026-09-30", after))]
    later = write(tmp_path / "2026-10-01.csv", worse)
    fixed = run("compare", *paths, *ONLY, cwd=tmp_path)
    assert (fixed.returncode, "1 fixed" in fixed.stdout) == (0, True)
    assert run("compare", paths[1], later, *ONLY, cwd=tmp_path).returncode == 1
    assert run("compare", paths[1], later, *ONLY, "--exit-zero", cwd=tmp_path).returncode == 0
    assert run("history", *paths, *ONLY, "--format", "parquet", cwd=tmp_path).returncode == 0
    assert run("history", *paths, later, *ONLY, "--format", "parquet", cwd=tmp_path).returncode == 1


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["compare"], "give either OLD and NEW, or --store with --from and --to", "credreport compare --help"),
        (["compare", "a.csv", "--store", "s"], "--store needs --from and --to", "--from 2026-09-30 --to"),
        (
            ["compare", "--store", "s", "--from", "2026-10-31", "--to", "2026-09-30"],
            "--from must be earlier",
            "for example",
        ),
        (["compare", "--store", "s", "--from", "x", "--to", "2026-09-30"], "--from: not a date", "write 2026-10-31"),
        (
            ["compare", "2026-10-31.csv", "2026-10-31.csv"],
            "nothing to compare: the newest snapshot of account",
            "from two dates",
        ),
        (
            ["compare", "2026-10-31.csv", "new.csv"],
            "new.csv: left out, because its capture time is not known",
            "into the file names",
        ),
        (["history"], "give either reports or --store", "credreport history --help"),
        (["history", "2026-10-31.csv", "--as-of-series", ","], "--as-of-series: no date", "or monthly"),
        (["history", "2026-10-31.csv", "--as-of-series", "2026-1-1"], "--as-of-series: not a date", "write 2026-10-31"),
        (["history", "--store", "empty"], "no snapshot store: empty", ""),
        (["store", "empty"], "no snapshot store: empty", ""),
        (["compare", "a", "b", "--fail-on", "grave"], "--fail-on: no such choice: 'grave'", "choose from critical"),
        (["compare", "a", "b", "--leavers=x"], "credreport compare has no option --leavers", "audit --leavers"),
        (["history", "a", "--leavers", "x"], "credreport history has no option --leavers", "audit --leavers"),
        (["history", "a", "--as-of", "2026-10-31"], "credreport history has no option --as-of", "--as-of-series"),
        (["ingest", "2026-10-31.csv"], "Missing option '--store'", "credreport ingest --help"),
    ],
)
def test_errors_name_the_problem_and_the_remedy(tmp_path: Path, arguments: list[str], message: str, hint: str) -> None:
    write(tmp_path / "2026-10-31.csv", csv_of(root(), user("a", **key(rotated=OLD))))
    write(tmp_path / "new.csv", csv_of(root(), user("a")))
    (tmp_path / "empty").mkdir()
    done = run(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert hint in done.stderr.partition("\nhint: ")[2]


def test_the_store_is_described(store: Path, tmp_path: Path) -> None:
    shown = run("store", store)
    assert shown.returncode == 0
    assert "18 snapshots of 6 accounts" in shown.stdout
    assert "missing: 111122223333" in shown.stdout
    facts = json.loads(run("store", store, "--json").stdout)
    assert [account["snapshots"] for account in facts["accounts"]] == [5, 5, 1, 5, 1, 1]
    again = json.loads(run("ingest", SAMPLES, "--store", store, "--json").stdout)
    assert (again["added"], again["known"], again["refused"]) == (0, 18, 0)
    undated = write(tmp_path / "report.csv", csv_of(root(), user("a")))
    refused = run("ingest", undated, "--store", store)
    assert refused.returncode == 3
    assert "snapshot without a capture time" in refused.stdout
    part = next(store.glob("snapshots/month=2026-10/*.parquet"))
    part.write_bytes(part.read_bytes()[:100])
    damaged = run("store", store)
    assert damaged.returncode == 3
    assert "damaged: snapshots/month=2026-10" in damaged.stdout
    followed = run("history", "--store", store, *ONLY, "-o", tmp_path / "out", "--format", "parquet")
    assert followed.returncode == 3
    assert "damaged part of a store" in followed.stdout


def test_waivers_cover_open_and_new_failures(tmp_path: Path) -> None:
    policy = write(
        tmp_path / "policy.toml",
        """
        [waivers.X-1]
        user = "b"
        reason = "kept for an emergency"
        owner = "security"
        expires = 2026-12-31
        """,
    )
    before = csv_of(root(), user("a", **key(rotated=OLD, used="2026-08-01T00:00:00Z")))
    after = csv_of(root(), user("a", **key(rotated=OLD, used="2026-09-30T00:00:00Z")), user("b", **key(rotated=OLD)))
    paths = [write(tmp_path / f"{day}.csv", text) for day, text in (("2026-08-31", before), ("2026-09-30", after))]
    options = [*ONLY, "--policy", policy, "-o", str(tmp_path / "out")]
    compared = run("compare", *paths, *options)
    assert (compared.returncode, compared.stderr) == (0, "")
    assert "1 new failure (1 waived)" in compared.stdout
    events = parquet.read_table(tmp_path / "out/events.parquet").to_pylist()
    assert [event["waiver"] for event in events if event["event"] == "new_failure"] == ["X-1"]
    followed = run("history", *paths, *options, "--format", "parquet", "--json")
    assert followed.returncode == 0
    (measures,) = json.loads(followed.stdout)["measures"]
    assert (measures["open"], measures["waived"]) == (1, 1)
    lifetimes = parquet.read_table(tmp_path / "out/lifetimes.parquet").to_pylist()
    assert [(lifetime["user"], lifetime["state"], lifetime["waiver"]) for lifetime in lifetimes] == [
        ("b", "open", "X-1")
    ]
    # After the last day of the waiver the failure counts again.
    write(tmp_path / "2027-01-31.csv", after)
    late = run("history", *paths, tmp_path / "2027-01-31.csv", *options, "--format", "parquet", "--json")
    facts = json.loads(late.stdout)
    assert late.returncode == 1
    assert facts["measures"][0]["waived"] == 0
    assert facts["issues"]["waiver_expired"] == 1


def test_a_waiver_that_expired_between_two_snapshots_is_shown(tmp_path: Path) -> None:
    """The failure is not new, so only this notice shows that nothing covers it any more."""
    waiver = '[waivers.X-1]\nuser = "b"\nreason = "emergency"\nowner = "security"\nexpires = 2026-09-15\n'
    policy = write(tmp_path / "policy.toml", waiver)
    text = csv_of(root(), user("b", **key(rotated=OLD)))
    paths = [write(tmp_path / f"{day}.csv", text) for day in ("2026-08-31", "2026-09-30")]
    for command, code in (("compare", 0), ("history", 1), ("audit", 1)):
        done = run(command, *paths, *ONLY, "--policy", policy, "-o", tmp_path / command, "--format", "parquet")
        assert f"\nWaivers to review: 1\n  {policy}:1 " in done.stdout
        assert (done.returncode, "1 failure now, 1 before" in done.stdout) == (code, command == "compare")
        without_policy = run(command, *paths, *ONLY, "-o", tmp_path / command, "--format", "parquet")
        assert "Waivers" not in without_policy.stdout


def test_an_account_without_a_newer_snapshot_differs_from_an_account_of_the_older_side_only(tmp_path: Path) -> None:
    continued, stopped, gone = "111122223333", "444455556666", "777788889999"
    for account, days in ((continued, ("08-31", "09-30")), (stopped, ("08-31",)), (gone, ("08-31",))):
        for day in days:
            report = csv_of(root(account=account), user("a", account=account, **key(rotated=OLD)))
            write(tmp_path / f"in/2026-{day}/{account}.csv", report)
    run("ingest", tmp_path / "in", "--store", tmp_path / "store")
    times = ["--from", "2026-08-31", "--to", "2026-09-30"]
    out = ["-o", str(tmp_path / "out"), "--format", "parquet"]
    stored = run("compare", "--store", tmp_path / "store", *times, *out)
    assert f"Not compared, no newer snapshot: {stopped}, {gone}.\n" in stored.stdout
    assert "only on the older side" not in stored.stdout
    (tmp_path / f"in/2026-08-31/{gone}.csv").rename(tmp_path / "2026-08-31.csv")
    (tmp_path / "in/2026-09-30" / f"{stopped}_2026-08-31.csv").write_bytes(
        (tmp_path / f"in/2026-08-31/{stopped}.csv").read_bytes()
    )
    old_paths = [tmp_path / "2026-08-31.csv", *sorted((tmp_path / "in/2026-08-31").iterdir())]
    for path in old_paths:
        write(tmp_path / "old" / "2026-08-31" / path.name, path.read_text())
    done = run("compare", tmp_path / "old", tmp_path / "in/2026-09-30", *out)
    assert (
        f"Not compared, only on the older side: {gone}.\nNot compared, no newer snapshot: {stopped}.\n" in done.stdout
    )
    again = json.loads(run("compare", tmp_path / "old", tmp_path / "in/2026-09-30", *out, "--json").stdout)
    assert (again["only_old"], again["no_newer_snapshot"]) == ([stopped, gone], [stopped])


def test_the_screen_of_a_comparison_separates_changes_from_results(store: Path, tmp_path: Path) -> None:
    times = ["--from", "2026-09-30", "--to", "2026-10-31"]
    command = ["compare", "--store", str(store), *times, "-o", str(tmp_path / "out"), "--format", "parquet"]
    done = run(*command)
    headings = [line.split("  ")[1] for line in done.stdout.splitlines() if line.startswith(("  Changes", "  Checks"))]
    assert headings == ["Changes of users and credentials", "Checks"]
    facts = json.loads(run(*command, "--json").stdout)
    events = facts["events"]
    now = events["new_failure"] + events["regressed"] + events["still_failing"]
    before = events["still_failing"] + events["fixed"] + events.get("not_known", 0)
    assert f"\n{now} failures now, {before} before, in the 3 accounts compared.\n" in done.stdout
    assert "8 because the user or the credential was deleted" in done.stdout
    assert "Fixed failures" not in done.stdout
    assert f"Fixed failures, 10 of {events['fixed']}" in run(*command, "--verbose").stdout
    written = parquet.read_table(tmp_path / "out/events.parquet").to_pylist()
    is_new = [(row["user"], row["control"]) for row in written if row["event"] in {"new_failure", "regressed"}]
    assert [(row["user"], row["control"]) for row in facts["new_failures"]] == is_new
    assert facts["open_counted"] == len(is_new) == events["new_failure"] + events["regressed"]


def test_a_comparison_without_events_has_no_table(tmp_path: Path) -> None:
    for day in ("2026-08-31", "2026-09-30"):
        write(tmp_path / f"{day}.csv", csv_of(root(), user("a")))
    done = run("compare", "2026-08-31.csv", "2026-09-30.csv", *ONLY, "-o", "out", cwd=tmp_path)
    assert done.stdout.startswith("\n0 new failures; 0 fixed.\n0 still failing.\n0 failures now, 0 before, ")


@pytest.mark.parametrize("options", [["--fail-on", "critical"], ["--fail-on", "high"], [], ["--strict"]])
def test_the_number_that_counts_is_zero_with_exit_code_0(store: Path, tmp_path: Path, options: list[str]) -> None:
    out = ["-o", str(tmp_path / "out"), "--format", "parquet", "--json", "--exit-zero"]
    history = json.loads(run("history", "--store", store, *options, *out).stdout)
    lifetimes = parquet.read_table(tmp_path / "out/lifetimes.parquet").to_pylist()
    at_least = {"critical": ["critical"], "high": ["critical", "high"]}.get(options[-1] if options else "")
    failures = [row for row in lifetimes if row["state"] == "open" and (not at_least or row["severity"] in at_least)]
    undecided = sum(row["not_checked"] - (0 if "--strict" in options else row["manual"]) for row in history["measures"])
    assert history["open_counted"] == len(failures) + (0 if at_least else undecided)
    audit = json.loads(run("audit", SAMPLES, *options, *out).stdout)
    open_checks = [row for row in audit["by_control"] if not at_least or row["severity"] in at_least]
    assert audit["open_counted"] == sum(row["open"] for row in open_checks) + (
        sum(row["manual"] for row in open_checks) if "--strict" in options else 0
    )


def test_history_and_store_count_the_same_gaps(store: Path, tmp_path: Path) -> None:
    gaps = json.loads(run("store", store, "--json").stdout)["gaps"]
    done = run("history", "--store", store, "-o", tmp_path / "out", "--format", "parquet")
    assert f"; {len(gaps)} gaps with missing snapshots (" in done.stdout
    assert "; no recent snapshot of 1 account (999988887777 since 2015-03-01)." in done.stdout


def test_a_store_without_the_option_is_named(tmp_path: Path) -> None:
    store, out = tmp_path / "store", ("-o", tmp_path / "out")
    run("ingest", SAMPLES, "--store", store)
    for command, *paths in (("history", store), ("history", SAMPLES, store), ("compare", SAMPLES, store)):
        done = run(str(command), *paths, *out)
        assert (done.returncode, f"{store}: this is a store: use --store {store}\n" in done.stderr) == (2, True)
    assert f"--store {store} --from DATE --to DATE" in done.stderr


def test_the_files_removed_with_the_earlier_run_are_named(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out_option = ("-o", out)
    removed = "Removed with the earlier run: "
    hint = f" (to add a format to an evidence set and keep the others: credreport render {out} --format NAME)."
    old, new = f"{SAMPLES}/2026-09-30", f"{SAMPLES}/2026-10-31"
    assert removed not in run("audit", new, *out_option).stdout
    assert removed not in run("audit", new, *out_option).stdout
    assert (
        f"{removed}report.html, workbook.xlsx, charts/{hint}"
        in run("audit", new, *out_option, "--format", "pdf").stdout
    )
    assert f"{removed}summary.pdf{hint}" in run("history", old, new, *out_option, "--format", "html").stdout
    assert f"{removed}report.html{hint}" in run("compare", old, new, *out_option, "--format", "excel").stdout
    for quiet in ("--quiet", "--json"):
        done = run("audit", new, *out_option, "--format", "html", quiet)
        assert removed not in done.stdout + done.stderr
        run("audit", new, *out_option, "--format", "excel", "--quiet")


SEVERITIES = ("low", "medium", "high", "critical")


@pytest.fixture
def newly_unused(tmp_path: Path) -> Path:
    """Write two snapshots: in the newer one, the key of anna is unused for the first time."""
    cells = key(rotated=OLD, used="2026-08-01T00:00:00Z")
    for day in ("2026-08-31", "2026-10-31"):
        write(tmp_path / f"{day}.csv", csv_of(root(mfa_active="true"), user("anna", **cells)))
    return tmp_path


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("hidden", [False, True], ids=["names", "pseudonyms"])
def test_fail_on_sets_from_which_severity_on_a_new_failure_counts(
    newly_unused: Path, severity: str, *, hidden: bool
) -> None:
    write(newly_unused / "credreport.toml", f'[controls.unused-credentials]\nseverity = "{severity}"\n')
    arguments = ["compare", "2026-08-31.csv", "2026-10-31.csv", *ONLY, "-o", "out", "--format", "parquet"]
    arguments += ["--pseudonyms", "key"] if hidden else []
    for least in SEVERITIES:
        counts = SEVERITIES.index(severity) >= SEVERITIES.index(least)
        done = run(*arguments, "--fail-on", least, cwd=newly_unused)
        which = {"low": "", "critical": " of severity critical"}.get(least, f" of severity {least} or higher")
        reason = f"1: 1 new failure{which} is open" if counts else f"0: no new failure{which} is open"
        assert (done.returncode, f"\nExit code {reason}.\n" in done.stdout) == (int(counts), True), done.stdout
        facts = json.loads(run(*arguments, "--fail-on", least, "--json", cwd=newly_unused).stdout)
        assert (facts["open_counted"], len(facts["new_failures"])) == (int(counts), 1)
    assert run(*arguments, cwd=newly_unused).returncode == 1
    assert run(*arguments, "--fail-on", severity, "--exit-zero", cwd=newly_unused).returncode == 0


def test_a_waived_new_failure_counts_for_no_severity(newly_unused: Path) -> None:
    waiver = 'user = "anna"\ncontrol = "unused-credentials"\nreason = "r"\nowner = "o"\nexpires = 2027-01-31\n'
    write(newly_unused / "credreport.toml", f"[waivers.a]\n{waiver}")
    arguments = ["compare", "2026-08-31.csv", "2026-10-31.csv", *ONLY, "-o", "out", "--format", "parquet"]
    for least in SEVERITIES:
        done = run(*arguments, "--fail-on", least, cwd=newly_unused)
        assert (done.returncode, "1 new failure (1 waived)" in done.stdout) == (0, True), done.stdout


def test_new_failures_begin_with_the_most_severe(tmp_path: Path) -> None:
    users = [user(f"user-{number:02}", **key(rotated=OLD, used=OLD)) for number in range(12)]
    write(tmp_path / "2026-08-31.csv", csv_of(root(mfa_active="true")))
    write(tmp_path / "2026-10-31.csv", csv_of(root(mfa_active="false", password_enabled="true"), *users))
    arguments = ("compare", "2026-08-31.csv", "2026-10-31.csv", "-o", "out", "--format", "parquet")
    for options in ((), ("--verbose",)):
        lines = run(*arguments, "--fail-on", "critical", *options, cwd=tmp_path).stdout.splitlines()
        (title,) = [at for at, line in enumerate(lines) if line.startswith("New failures, ")]
        assert lines[title].endswith("(all: --json)")
        assert any("root-mfa (critical)" in line for line in lines[title + 1 : title + 4])
