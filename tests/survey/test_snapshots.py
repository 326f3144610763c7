"""Which files are parts of one snapshot, which are snapshots, and which are in an order that nobody knows."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.pipeline import inspect
from analyzer.reading.issues import IssueLog
from analyzer.survey.contradictions import note_contradicted_names
from analyzer.survey.files import find_files
from analyzer.survey.report_finder import ReportFinder
from analyzer.survey.spool import Spool
from tests.cli.running import run as run_program
from tests.history.running import history
from tests.reports import ACCOUNT, COLUMNS_22, csv_of, key, root, user, write
from tests.running import Settings, audit, audit_in_batches

if TYPE_CHECKING:
    from tests.running import Audit

OTHER = "444455556666"
AS_OF = datetime(2026, 11, 2, tzinfo=UTC)
IDLE = key(rotated="2026-01-01T00:00:00Z")
USED = key(rotated="2026-01-01T00:00:00Z", used="2026-10-30T00:00:00Z")


def report(*names: str, account: str = ACCOUNT, with_root: bool = True, cells: dict[str, str] = IDLE) -> str:
    rows = [user(name, account=account, **cells) for name in names]
    return csv_of(*([root(account)] if with_root else []), *rows)


def codes(result: Audit) -> list[str]:
    return sorted(result.issues["code"].astype("str"))


def users(result: Audit) -> list[str]:
    return [name for name in result.users["user"] if name != "<root_account>"]


def test_days_in_nested_folders_are_snapshots(tmp_path: Path) -> None:
    for day, names in (("2026/09/01", ["anna", "bob"]), ("2026/11/01", ["anna"])):
        write(tmp_path / f"t/{day}/{ACCOUNT}.csv", report(*names, cells=USED if "11" in day else IDLE))
    ran = run_program("audit", "t", "--format", "parquet", "--control", "unused-credentials", cwd=tmp_path)
    assert ran.returncode == 0
    assert "Judged as of" in ran.stdout or "judged at its capture time (2026-11-01)" in ran.stdout
    assert "duplicate_user" not in ran.stdout
    result = audit([str(tmp_path / "t")], Settings())
    assert users(result) == ["anna"]
    assert codes(result) == []
    assert result.other_snapshots == 1


@pytest.mark.parametrize("form", ["year={}/month={}/day={}", "{}/{}-{}", "{}-{}/{}"])
def test_the_newest_of_dates_in_parts_is_judged(tmp_path: Path, form: str) -> None:
    for date, names in (((2026, "09", "01"), ["anna", "bob"]), ((2026, 11, "01"), ["anna"])):
        write(tmp_path / form.format(*date) / f"{ACCOUNT}.csv", report(*names))
    result = audit([str(tmp_path)], Settings())
    assert users(result) == ["anna"]
    assert result.facts["as_of"] == ["2026-11-01T23:59:59.999999Z"]


# --- months alone -----------------------------------------------------------------------------------------------------


def months(tmp_path: Path) -> str:
    for month in ("2026-08", "2026-09", "2026-10"):
        write(tmp_path / f"in/{month}/{ACCOUNT}.csv", report(month, "both"))
    return str(tmp_path / "in")


def test_a_month_alone_orders_snapshots(tmp_path: Path) -> None:
    result = audit([months(tmp_path)], Settings(as_of=AS_OF))
    assert users(result) == ["2026-10", "both"]
    assert result.other_snapshots == 2
    assert result.findings["captured_at"].isna().all()
    assert users(audit([months(tmp_path)], Settings(as_of=datetime(2026, 10, 1, tzinfo=UTC)))) == ["2026-09", "both"]


def test_a_month_alone_is_no_instant_to_judge_at(tmp_path: Path) -> None:
    months(tmp_path)
    ran = run_program("audit", "in", cwd=tmp_path)
    assert ran.returncode == 2
    assert "the capture time of this report is not known: in/2026-10/" in ran.stderr
    assert "--captured-at" in ran.stderr


def test_a_report_of_the_month_of_the_reference_date_may_be_before_or_after_it(tmp_path: Path) -> None:
    result = audit([months(tmp_path)], Settings(as_of=datetime(2026, 10, 15, tzinfo=UTC)))
    assert users(result) == ["2026-09", "both"]
    assert (codes(result).count("undated_beside_dated"), result.exit_code) == (1, 3)


def test_every_month_is_a_snapshot_of_its_own(tmp_path: Path) -> None:
    result = audit([months(tmp_path)], Settings(as_of=AS_OF, every_snapshot=True))
    assert len(result.users) == 9
    assert "duplicate_user" not in codes(result)
    assert not result.findings["reason"].isin(["root_not_in_report"]).any()


def test_a_month_alone_beside_a_day_of_it_is_not_judged(tmp_path: Path) -> None:
    write(tmp_path / f"2026-09/{ACCOUNT}.csv", report("month"))
    write(tmp_path / f"2026-09-15/{ACCOUNT}.csv", report("day"))
    write(tmp_path / f"2026-08/{ACCOUNT}.csv", report("older"))
    result = audit([str(tmp_path)], Settings(as_of=AS_OF))
    assert users(result) == ["day"]
    assert (codes(result)[-1:], result.exit_code) == (["undated_beside_dated"], 3)


def test_the_same_bytes_in_two_months_are_two_snapshots(tmp_path: Path) -> None:
    for month in ("2026-08", "2026-09"):
        write(tmp_path / f"{month}/x.csv", report("a"))
    assert "duplicate_input" not in codes(audit([str(tmp_path)], Settings(as_of=AS_OF)))
    write(tmp_path / "2026-09-15/x.csv", report("a"))
    issues = audit([str(tmp_path)], Settings(as_of=AS_OF)).issues
    copies = issues["source"][issues["code"] == "duplicate_input"].astype("str").tolist()
    assert copies == [f"{tmp_path}/2026-09/x.csv"]


# --- order unknown ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["", "2026-10-31/"])
def test_mostly_the_same_users_are_snapshots_of_unknown_order(tmp_path: Path, where: str) -> None:
    write(tmp_path / f"in/{where}a.csv", report("anna", "bob", "carol"))
    write(tmp_path / f"in/{where}b.csv", report("anna", "Bob", cells=USED))
    settings = ["--as-of", "2026-11-02", "--format", "parquet", "-o", "out"]
    ran = run_program("audit", "in", *settings, cwd=tmp_path)
    assert ran.returncode == 3
    assert (
        "INCOMPLETE: 2 reports could not be put in order of time.\nNo active password or access key to judge.\n"
        in ran.stdout
    )
    assert (
        "Not in these numbers: 5 active passwords and access keys of IAM users in reports whose order is not known."
        in ran.stdout
    )
    assert "give their capture times" in ran.stdout
    assert "remove the copy" not in ran.stdout
    result = audit([str(tmp_path / "in")], Settings(as_of=AS_OF))
    assert len(result.users) == 7
    assert set(result.findings["status"]) == {"not_checked"}
    assert set(result.findings["reason"]) == {"order_unknown"}
    assert result.findings["basis_time"].isna().all()
    assert codes(result).count("order_unknown") == 2
    assert {"pass", "fail"}.isdisjoint(result.credentials["outcome"])
    whole = result.findings["control"] == "additional-credentials"
    assert result.findings["user"][whole].isna().all()  # of reports without the column, not of a row


def test_the_order_is_known_where_the_times_are_given(tmp_path: Path) -> None:
    write(tmp_path / "in/a.csv", report("anna", "bob"))
    write(tmp_path / "in/b.csv", report("anna", cells=USED))
    given_times = ["--captured-at", "a.csv=2026-09-30", "--captured-at", "b.csv=2026-10-31"]
    ran = run_program("audit", "in", *given_times, "--control", "unused-credentials", cwd=tmp_path)
    assert ran.returncode == 0
    assert "0 of 1 active password or access key of an IAM user unused" in ran.stdout
    assert "2026-10-31" in ran.stdout


def test_half_of_the_users_are_parts_and_more_are_snapshots(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", report("a", "b", "c", "d"))
    write(tmp_path / "b.csv", report("a", "x", with_root=False))
    assert "order_unknown" not in codes(audit([str(tmp_path)], Settings(as_of=AS_OF)))
    write(tmp_path / "b.csv", report("a", "b", "x", with_root=False))
    assert codes(audit([str(tmp_path)], Settings(as_of=AS_OF))).count("order_unknown") == 2


def test_two_reports_of_root_alone_are_snapshots(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", csv_of(root(mfa_active="true")))
    write(tmp_path / "b.csv", csv_of(root(mfa_active="false")))
    result = audit([str(tmp_path)], Settings(as_of=AS_OF))
    assert set(result.findings["reason"]) == {"order_unknown"}


def test_one_account_of_a_merged_file_may_be_in_doubt(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", report("a", "b") + "\n" + report("o", account=OTHER).partition("\n")[2])
    write(tmp_path / "b.csv", report("a", "b", "c"))
    result = audit([str(tmp_path)], Settings(as_of=AS_OF))
    unknown = result.findings["reason"] == "order_unknown"
    assert set(result.findings["account_id"][unknown]) == {ACCOUNT}
    assert set(result.findings["account_id"][~unknown]) == {OTHER}


def test_inspect_does_not_say_that_a_snapshot_is_a_copy(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", report("anna", "bob"))
    write(tmp_path / "b.csv", report("anna", cells=USED))
    inspected = inspect([str(tmp_path)])
    assert set(inspected.issues["code"]) == {"order_unknown"}


def test_a_history_leaves_out_snapshots_of_unknown_order(tmp_path: Path) -> None:
    for name in ("2026-09-30", "2026-10-31/a", "2026-10-31/b"):
        write(tmp_path / f"{name}.csv", report("anna", cells=USED if name.endswith("b") else IDLE))
    summary = history([str(tmp_path)], Settings(every_snapshot=True))
    assert summary.coverage["snapshots"].tolist() == [1]
    assert summary.exit_code == 3


def test_undated_files_beside_dated_ones_are_listed_by_account(tmp_path: Path) -> None:
    write(tmp_path / "2026-10-31/a.csv", report("a"))
    write(tmp_path / "undated.csv", report("a", "b") + "\n" + report("o", account=OTHER).partition("\n")[2])
    result = audit([str(tmp_path)], Settings(as_of=AS_OF))
    assert users(result) == ["a", "o"]
    assert result.exit_code == 3
    assert int(result.facts["rows_not_judged"]) == 3
    write(tmp_path / "undated.csv", report("a"))
    result = audit([str(tmp_path)], Settings())
    assert (codes(result), result.exit_code) == (["duplicate_input"], 1)


# --- the law, by another hand -----------------------------------------------------------------------------------------

Files = list[tuple[str, frozenset[str], bool]]
"""A day, or nothing; users; and whether root is there."""


def expected(files: Files, as_of: str) -> list[str]:
    """Return the fate of each report of one account: judged, in doubt, left for another one, or undated."""
    days = sorted({day for day, _, _ in files if day})
    by_then = [day for day in days if day <= as_of]
    chosen = (by_then[-1] if by_then else days[0]) if days else ""
    fates = ["judged" if day == chosen else "left" if day else "undated" for day, _, _ in files]
    for first, second in combinations(range(len(files)), 2):
        smaller, larger = sorted((files[first], files[second]), key=lambda file: len(file[1]))
        same = len(smaller[1] & larger[1]) > len(smaller[1]) / 2 if smaller[1] else smaller[2] and larger[2]
        if same and {fates[first], fates[second]} <= {"judged", "doubt"}:
            fates[first] = fates[second] = "doubt"
    return fates


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "", "2026-09-30", "2026-10-31"]),
            st.frozensets(st.sampled_from("abcdef"), max_size=4),
            st.booleans(),
        ).filter(lambda file: bool(file[1]) or file[2]),
        min_size=1,
        max_size=4,
        unique_by=lambda file: (file[1], file[2]),
    ),
    st.sampled_from(["2026-08-01", "2026-10-01", "2026-11-02"]),
    st.sampled_from([1, 10_000]),
)
def test_each_report_is_judged_in_doubt_or_left(files: Files, as_of: str, batch: int) -> None:
    instant = datetime.fromisoformat(f"{as_of}T23:59:59Z")
    with tempfile.TemporaryDirectory() as folder:
        names = [f"in/{day or 'x'}/{number}.csv" for number, (day, _, _) in enumerate(files)]
        for name, (_, users_of, with_root) in zip(names, files, strict=True):
            write(Path(folder) / name, report(*sorted(users_of), with_root=with_root))
        result, _ = audit_in_batches([f"{folder}/in"], Settings(as_of=instant), Path(folder) / "out", batch=batch)
        by_source = result.findings.groupby(result.findings["source"].astype("str"))["reason"].agg(set).to_dict()
        codes_by_source = (
            result.issues["code"].astype("str").groupby(result.issues["source"].astype("str")).agg(set).to_dict()
        )
        for name, fate in zip(names, expected(files, as_of), strict=True):
            source = f"{folder}/{name}"
            if fate == "doubt":
                assert by_source[source] == {"order_unknown"}
            elif fate == "judged":
                assert source in by_source
                assert "order_unknown" not in by_source[source]
            else:
                assert source not in by_source
            assert ("order_unknown" in codes_by_source.get(source, ())) == (fate == "doubt")
            assert ("undated_beside_dated" in codes_by_source.get(source, ())) == (fate == "undated")
        assert result.exit_code in ({3} if {"doubt", "undated"} & {*expected(files, as_of)} else {0, 1})


# --- names that contradict --------------------------------------------------------------------------------------------


def contradictions(folder: Path) -> list[tuple[str, str]]:
    issues = audit([str(folder)], Settings(as_of=AS_OF)).issues
    contradicting = issues[issues["code"].isin(["account_contradicts_name", "account_named_otherwise"])]
    return sorted(
        (str(source).removeprefix(f"{folder}/"), code) for source, code in contradicting[["source", "code"]].to_numpy()
    )


def test_a_report_of_the_collectors_own_account_under_another_name_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / f"in/2026-11-01/credentialReport_{ACCOUNT}.csv", report("anna"))
    write(tmp_path / f"in/2026-11-01/credentialReport_{OTHER}.csv", report("anna"))
    ran = run_program("audit", "in", "--format", "parquet", "-o", "out", cwd=tmp_path)
    assert ran.returncode == 3
    contradiction = f"the account in the name is {OTHER}, but the rows belong to {ACCOUNT}"
    assert f"{contradiction}, and the inputs contain no report of {OTHER}; download that report again" in ran.stdout
    not_read = json.loads((tmp_path / "out/manifest.json").read_bytes())["not_read"]
    assert [issue["code"] for issue in not_read] == ["duplicate_input"]


CONTRADICTION = "account_contradicts_name"


@pytest.mark.parametrize(
    ("files", "expected_codes"),
    [
        ({f"{OTHER}.csv": [ACCOUNT]}, {f"{OTHER}.csv": CONTRADICTION}),
        ({f"x/{OTHER}/r.csv": [ACCOUNT]}, {f"x/{OTHER}/r.csv": CONTRADICTION}),
        # A folder of reports of several accounts is named after something else, such as the account that keeps them.
        ({f"{OTHER}/r.csv": [ACCOUNT], f"{OTHER}/s.csv": ["123456789012"]}, {}),
        ({f"{OTHER}/{ACCOUNT}.csv": [ACCOUNT]}, {}),
        ({f"{OTHER}/a.csv": [ACCOUNT, "123456789012"]}, {}),
        # Of several accounts in a file, one is the named one; or none of them is.
        ({f"{OTHER}.csv": [ACCOUNT, OTHER]}, {}),
        ({f"{OTHER}.csv": [ACCOUNT, "123456789012"]}, {f"{OTHER}.csv": CONTRADICTION}),
        # Another input brings the named account.
        (
            {f"{OTHER}.csv": [ACCOUNT], f"{ACCOUNT}.csv": [OTHER]},
            {f"{OTHER}.csv": "account_named_otherwise", f"{ACCOUNT}.csv": "account_named_otherwise"},
        ),
        (
            {f"2026-10-01/{OTHER}.csv": [OTHER], f"2026-11-01/{OTHER}.csv": [ACCOUNT]},
            {f"2026-11-01/{OTHER}.csv": CONTRADICTION},
        ),
        # No account at all.
        ({"12345678-1234-1234-1234-444455556666.csv": [ACCOUNT]}, {}),
        ({"x44445555666677.csv": [ACCOUNT]}, {}),
        ({"report444455556666.csv": [ACCOUNT]}, {}),
        ({"r_202610310712.csv": [ACCOUNT]}, {}),
        ({"r_310720261230.csv": [ACCOUNT]}, {}),
        ({f"{OTHER}_123456789012.csv": [ACCOUNT]}, {}),
        # A number that could be a time is an account where ARNs have it.
        ({"202610310712.csv": ["202610310712"]}, {}),
        ({f"202610310712-{ACCOUNT}.csv": ["202610310712"]}, {}),
        (
            {"a/202610310712.csv": [ACCOUNT], "b/r.csv": ["202610310712"]},
            {"a/202610310712.csv": "account_named_otherwise"},
        ),
    ],
)
def test_a_name_that_contradicts_the_rows_is_noted(
    tmp_path: Path, files: dict[str, list[str]], expected_codes: dict[str, str]
) -> None:
    for number, (name, accounts) in enumerate(files.items()):
        rows = [user(f"u{number}", account=account, **IDLE) for account in accounts]
        write(tmp_path / name, csv_of(*rows))
    assert dict(contradictions(tmp_path)) == expected_codes


@pytest.mark.parametrize("partition", ["aws-us-gov", "aws-cn"])
def test_in_some_partitions_files_are_named_after_the_linked_account(tmp_path: Path, partition: str) -> None:
    write(tmp_path / f"{OTHER}.csv", report("a").replace("arn:aws:", f"arn:{partition}:"))
    assert contradictions(tmp_path) == [(f"{OTHER}.csv", "account_named_otherwise")]
    assert audit([str(tmp_path)], Settings(as_of=AS_OF)).exit_code == 1


def test_an_account_id_beside_an_envelope_is_checked(tmp_path: Path) -> None:
    name = write(tmp_path / "a.json", json.dumps({"Content": report("a")}))
    (entry,) = ReportFinder(Spool(str(tmp_path / "spool"))).at(find_files([name], IssueLog())).entries
    log = IssueLog()
    note_contradicted_names([replace(entry, account_hint=OTHER)], log)
    ((source, _, _, _, code, message),) = log.rows
    assert (source, code) == (name, CONTRADICTION)
    assert message.startswith(f"the account id beside the report is {OTHER}, but the rows belong to {ACCOUNT}, ")


def test_rows_without_arns_are_of_the_named_account(tmp_path: Path) -> None:
    without = tuple(column for column in COLUMNS_22 if column != "arn")
    write(tmp_path / f"{OTHER}.csv", csv_of(user("a", **IDLE), columns=without))
    assert contradictions(tmp_path) == []
