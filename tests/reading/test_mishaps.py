"""What once went wrong in reading, or would have: each case with the least input that shows it."""

from __future__ import annotations

import gzip
import io
import json
import os
import warnings
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.reports import ACCOUNT, COLUMNS_22, csv_of, key, root, unused, user, write
from tests.running import Audit, Settings, audit

AS_OF = datetime(2026, 10, 31, 23, 59, 59, 999999, UTC)
OTHER = "123456789012"
OLD = key(rotated="2020-01-01T00:00:00Z")
GOOD = csv_of(root(), user("good", **OLD))


def run(*paths: Path, as_of: datetime | None = AS_OF, account_id: str | None = None) -> Audit:
    return audit([str(path) for path in paths], Settings(unused(), as_of=as_of, account_id=account_id))


def users(result: Audit) -> list[str]:
    return [name for name in result.users["user"] if name != "<root_account>"]


def issues(result: Audit) -> list[str]:
    """Return the codes of the issues; that these reports of unknown age are old is beside the point here."""
    return [code for code in result.issues["code"].astype("str") if code != "undated_evidence_older"]


BAD = {"Content": None, "Error": "AccessDenied"}


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([{"Content": GOOD}, BAD]),
        json.dumps({"Content": GOOD}) + "\n" + json.dumps(BAD),
        json.dumps({"Content": GOOD}) + '\n{"Content": "cut',
        json.dumps({"Content": GOOD}) + "\nAn error occurred (ReportNotPresent)",
    ],
)
def test_one_bad_envelope_does_not_cost_the_good_ones(tmp_path: Path, content: str) -> None:
    write(tmp_path / "a.json", content)
    result = run(tmp_path)
    assert users(result) == ["good"]
    assert issues(result) == ["unreadable_file"]
    assert result.exit_code == 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("b.csv", csv_of()),
        ("b.csv", "\n"),
        ("b.csv.gz", gzip.compress(b"", mtime=0)),
        ("b.json", json.dumps(BAD)),
        ("b.csv", GOOD.partition("\n")[2]),
        ("b.csv", "An error occurred (ReportNotPresent) when calling the GetCredentialReport operation: gone"),
        ("b.csv", b"\xff\xfe" + GOOD.encode("utf-16-le") + GOOD.encode()),
        ("b.csv", GOOD.encode() + b"\xff\xfe" + GOOD.encode("utf-16-le")),
    ],
)
def test_a_report_that_holds_nothing_is_never_passed_over(tmp_path: Path, name: str, content: str | bytes) -> None:
    write(tmp_path / "a.csv", csv_of(root()))
    write(tmp_path / name, content)
    assert run(tmp_path).exit_code == 3


@pytest.mark.parametrize("lead", ["sep=,\n", "\ufeff\ufeff", "\ufeffsep=,\n", "\x0c\n", " \t\n\n"])
def test_lines_and_marks_before_a_header_are_skipped(tmp_path: Path, lead: str) -> None:
    result = run(Path(write(tmp_path / "a.csv", lead + GOOD)))
    assert users(result) == ["good"]
    assert result.users["line"].tolist() == [2 + lead.count("\n"), 3 + lead.count("\n")]


def test_a_row_without_arn_is_of_the_account_of_its_report(tmp_path: Path) -> None:
    lost = user("lost", **OLD) | {"arn": ""}
    path = Path(write(tmp_path / "999988887777/a.csv", csv_of(root(), user("a"), lost)))
    for account in (None, "777788889999"):
        assert set(run(path, account_id=account).users["account_id"]) == {ACCOUNT}


def test_old_snapshots_are_not_judged_for_a_row_without_arn(tmp_path: Path) -> None:
    gov = {"arn": f"arn:aws-us-gov:iam::{ACCOUNT}:user/a"}
    for day in ("2026-09-30", "2026-10-31"):
        rows = [user("a", **OLD) | gov, user(day, **OLD) | {"arn": ""}]
        write(tmp_path / ACCOUNT / f"{day}.csv", csv_of(*rows))
    assert run(tmp_path).findings["user"].tolist() == ["a", "2026-10-31"]


def test_a_minute_in_a_name_is_no_account(tmp_path: Path) -> None:
    without = tuple(column for column in COLUMNS_22 if column != "arn")
    result = run(Path(write(tmp_path / "202610300800.csv", csv_of(user("a"), columns=without))))
    assert "account_unknown" in issues(result)


@pytest.mark.parametrize(
    "columns", [("account_name", *COLUMNS_22), ("arn", "user", *COLUMNS_22[2:]), (*COLUMNS_22[1:], "user")]
)
def test_reports_of_any_order_are_split_apart(tmp_path: Path, columns: tuple[str, ...]) -> None:
    first, second = csv_of(user("a"), user("b"), columns=columns), csv_of(user("c", account=OTHER), columns=columns)
    result = run(Path(write(tmp_path / "a.csv", f"{first}\n{second}")))
    assert users(result) == ["a", "b", "c"]
    assert "split_report" in issues(result)
    assert "rejected_row" not in issues(result)


def test_a_capitalised_header_is_no_user(tmp_path: Path) -> None:
    header, *rows = GOOD.split("\n")
    text = "\n".join([header.title(), *rows, header.title(), *rows])
    result = run(Path(write(tmp_path / "a.csv", text)))
    assert users(result) == ["good"] * 2


def test_a_user_with_the_arn_of_root_is_noted(tmp_path: Path) -> None:
    row = user("somebody", **OLD) | {"arn": f"arn:aws:iam::{ACCOUNT}:root"}
    result = run(Path(write(tmp_path / "a.csv", csv_of(root(), row))))
    assert issues(result) == ["arn_mismatch"]


def test_equal_bytes_of_two_accounts_are_two_reports(tmp_path: Path) -> None:
    without = tuple(column for column in COLUMNS_22 if column != "arn")
    for account in (ACCOUNT, OTHER):
        write(tmp_path / f"{account}.csv", csv_of(user("a", **OLD), columns=without))
    assert run(tmp_path).findings["account_id"].tolist() == [ACCOUNT, OTHER]


@pytest.mark.parametrize(
    "cell", ["2026-10-01T08Z", "2026-10-01T00:00:00Z\u00a0", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
@pytest.mark.parametrize("neighbour_cell", ["2026-10-01 00:00:00Z", "junk", "N/A"])
def test_a_cell_is_read_the_same_beside_any_other_cell(tmp_path: Path, cell: str, neighbour_cell: str) -> None:
    alone = csv_of(user("a", **key(rotated="2026-01-01T00:00:00Z", used=cell)))
    neighbour = csv_of(user("b", account=OTHER, **key(rotated="2026-01-01T00:00:00Z", used=neighbour_cell)))
    audit_alone = run(Path(write(tmp_path / "1/a.csv", alone)))
    write(tmp_path / "2/a.csv", alone)
    write(tmp_path / "2/b.csv", neighbour)
    audit_of_both = run(tmp_path / "2")
    columns = ["status", "reason", "message"]
    assert audit_alone.findings[columns].iloc[0].tolist() == audit_of_both.findings[columns].iloc[0].tolist()
    assert audit_alone.summary


def test_a_user_in_two_undated_parts_is_found_twice(tmp_path: Path) -> None:
    write(tmp_path / "u.csv", csv_of(user("a", **OLD), user("c")))
    write(tmp_path / "v.csv", csv_of(user("a", **OLD), user("b")))
    assert issues(run(tmp_path)).count("duplicate_user") == 2


def test_a_report_counts_once_in_whatever_container(tmp_path: Path) -> None:
    write(tmp_path / "2026-10-30.csv", GOOD.replace("\n", "\r\n"))
    write(tmp_path / "2026-10-30.json", json.dumps({"Content": GOOD}))
    assert users(run(tmp_path)) == ["good"]


def test_odd_neighbours_do_not_cost_a_report(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", GOOD)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.csv")), csv_of(user("b", account=OTHER)))
    write(tmp_path / "surrogate.json", '{"Content": "\\ud800user,arn", "GeneratedTime": "x"}')
    write(tmp_path / "number.json", '{"Content": ' + "9" * 5000 + "}")
    write(
        tmp_path / "far.json",
        json.dumps({"Content": csv_of(user("far", account="444455556666")), "GeneratedTime": "9999-12-31T23:59:59Z"}),
    )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened.writestr("x.csv", csv_of(user("c", account=OTHER)))
        opened.writestr("x.csv", csv_of(user("d", account=OTHER)))
    write(tmp_path / "twice.zip", archive.getvalue())
    write(tmp_path / "long.csv", GOOD + "\n" + "x" * 2_000_000)
    result = run(tmp_path)
    assert sorted(users(result)) == ["b", "c", "d", "far", "good", "good"]
    assert result.exit_code == 3
    for source in result.issues["source"].dropna():
        source.encode()


@pytest.mark.parametrize("as_of", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
def test_any_reference_instant_is_accepted(tmp_path: Path, as_of: datetime) -> None:
    assert run(Path(write(tmp_path / "2026-10-30.csv", GOOD)), as_of=as_of).summary


def test_empty_cells_behind_every_row_are_one_issue(tmp_path: Path) -> None:
    header, *rows = csv_of(root(), user("a,b", **OLD), user("c", path="/x,y/", **OLD), user("d")).split("\n")
    result = run(Path(write(tmp_path / "a.csv", "\n".join([header, *(f"{row},," for row in rows)]))))
    assert users(result) == ["a,b", "c", "d"]
    assert result.exit_code == 1
    assert set(issues(result)) == {"repaired_row"}


def test_a_cell_too_many_before_an_empty_last_cell_moves_no_flag(tmp_path: Path) -> None:
    columns = (*COLUMNS_22, "additional_credentials_info")
    keys = {**key(1, rotated="2026-10-01T08:00:00Z"), **key(2, rotated="2026-10-01T08:00:00Z")}
    text = csv_of(root(), user("a", **keys), user("b"), columns=columns)
    text = text.replace("user/a,2020-01-01T00:00:00Z,false,", "user/a,2020-01-01T00:00:00Z,false,true,")
    result = run(Path(write(tmp_path / "a.csv", text)))
    assert users(result) == ["b"]
    assert issues(result) == ["rejected_row"]


@pytest.mark.parametrize("name", ["a,b", ",", ",,"])
def test_a_quoted_name_with_commas_does_not_stand_for_cells_that_were_cut_off(tmp_path: Path, name: str) -> None:
    lines = csv_of(root(), user(name, cert_2_active="true"), user("c")).split("\n")
    lines[1 + 1] = lines[2].rsplit(",", 2 * name.count(","))[0]
    result = run(Path(write(tmp_path / "a.csv", "\n".join(lines))))
    assert users(result) == ["c"]
    assert issues(result) == ["rejected_row"]


def test_a_comma_in_a_name_before_an_empty_last_cell_is_repaired(tmp_path: Path) -> None:
    columns = (*COLUMNS_22, "additional_credentials_info")
    header, *rows = csv_of(user("a,b", **OLD), user("c"), columns=columns).split("\n")
    text = "\n".join([header, *(row.replace('"', "") for row in rows)])
    result = run(Path(write(tmp_path / "a.csv", text)))
    assert users(result) == ["a,b", "c"]


def test_blank_rows_with_spaces_are_no_users(tmp_path: Path) -> None:
    text = GOOD + "\n" + ", " * 21 + "\n" + "," * 21
    assert users(run(Path(write(tmp_path / "a.csv", text)))) == ["good"]


def test_tabs_and_a_blank_first_column_are_read(tmp_path: Path) -> None:
    columns = ("", *COLUMNS_22)
    text = csv_of(root(), user("a", **OLD), columns=columns, delimiter="\t")
    assert users(run(Path(write(tmp_path / "a.csv", text)))) == ["a"]


def test_no_sentinel_survives_in_any_case(tmp_path: Path) -> None:
    row = user("a", **OLD) | {"access_key_1_last_used_region": "n/a", "access_key_1_last_used_service": "N/A"}
    credentials = run(Path(write(tmp_path / "a.csv", csv_of(row)))).credentials
    assert credentials["last_used_region"].isna().all()
    assert credentials["last_used_service"].isna().all()


@pytest.mark.parametrize("zone", ["tzinfo=tzutc()", "tzinfo=datetime.timezone.utc"])
def test_an_answer_as_python_prints_it_is_read(tmp_path: Path, zone: str) -> None:
    text = f"{{'ResponseMetadata': {{'RetryAttempts': 0}}, 'Content': {GOOD.encode()!r}, 'ReportFormat': 'text/csv', "
    path = write(tmp_path / "a.txt", text + f"'GeneratedTime': datetime.datetime(2026, 10, 30, 8, 15, 4, {zone})}}")
    result = run(Path(path), as_of=None)
    assert users(result) == ["good"]
    assert result.summary["as_of"] == ["2026-10-30T08:15:04Z"]


@pytest.mark.parametrize("cell", ["true\0", "\0true", "tr\0ue"])
def test_a_flag_with_a_nul_in_rows_of_another_form_cannot_be_read(tmp_path: Path, cell: str) -> None:
    rows = [root(), user("a") | {"access_key_1_active": cell}]
    result = run(
        Path(write(tmp_path / "a.json", json.dumps([{name: row[name] for name in COLUMNS_22} for row in rows])))
    )
    assert result.findings[["status", "reason"]].to_numpy().tolist() == [["not_checked", "active_unknown"]]
    assert issues(result) == ["bad_boolean"]


def test_envelopes_by_account_are_read(tmp_path: Path) -> None:
    text = json.dumps({ACCOUNT: {"Content": GOOD}, OTHER: {"Content": csv_of(user("b", account=OTHER))}})
    assert users(run(Path(write(tmp_path / "a.json", text)))) == ["good", "b"]


@pytest.mark.parametrize("quoted", [False, True])
def test_a_row_whose_cells_have_moved_is_rejected(tmp_path: Path, quoted: bool) -> None:
    row = csv_of(user("x,y", **OLD)).splitlines()[1].replace('"', "").rpartition(",")[0]
    if quoted:
        row = row.replace("false", '"false"', 1)
    result = run(Path(write(tmp_path / "a.csv", f"{GOOD}\n{row}")))
    assert users(result) == ["good"]
    assert issues(result) == ["rejected_row"]


def test_an_undated_report_beside_a_dated_one_is_noted(tmp_path: Path) -> None:
    write(tmp_path / "old.csv", csv_of(user("a")))
    write(tmp_path / "2026-10-31.csv", csv_of(user("b")))
    result = run(tmp_path)
    assert (issues(result), result.exit_code) == (["undated_beside_dated"], 3)
    assert users(result) == ["b"]
    assert issues(audit([str(tmp_path)], Settings(unused(), as_of=AS_OF, every_snapshot=True))) == ["undated_report"]


def test_later_snapshots_are_noted_when_every_one_is_judged(tmp_path: Path) -> None:
    path = write(tmp_path / "2026-11-30.csv", GOOD)
    assert issues(audit([path], Settings(unused(), as_of=AS_OF, every_snapshot=True))) == ["only_newer_snapshot"]
