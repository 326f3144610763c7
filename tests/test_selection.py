from datetime import UTC, datetime
from pathlib import Path

import pytest

from analyzer.errors import InputError
from analyzer.evidence.answer import scope
from tests.reports import csv_of, key, root, unused, user, write
from tests.running import Audit, Settings, audit

OTHER_ACCOUNT = "123456789012"


@pytest.fixture
def snapshots(tmp_path: Path) -> Path:
    for account in ("111122223333", OTHER_ACCOUNT):
        for day in ("2026-08-31", "2026-09-30", "2026-10-31"):
            row = user(day, account=account, **key(rotated="2026-01-01T00:00:00Z"))
            write(tmp_path / f"{day}/credentialReport_{account}.csv", csv_of(root(account), row))
    return tmp_path


def run(*paths: Path, as_of: datetime | None = None, every_snapshot: bool = False) -> Audit:
    return audit([str(path) for path in paths], Settings(unused(), as_of=as_of, every_snapshot=every_snapshot))


def judged_users(result: Audit) -> list[str]:
    return result.findings["user"].tolist()


def issues(result: Audit) -> list[str]:
    return result.issues["code"].astype("str").tolist()


def test_the_newest_is_judged_at_its_own_capture_time(snapshots: Path) -> None:
    result = run(snapshots)
    assert judged_users(result) == ["2026-10-31"] * 2
    assert result.findings["as_of"].astype("str").unique().tolist() == ["2026-10-31 23:59:59.999999+00:00"]
    assert issues(result) == []
    assert "2 accounts; the newest report of each is judged (2 of 6 reports), 4 older ones are not." in scope(result)


def test_the_newest_at_or_before_the_reference_instant(snapshots: Path) -> None:
    result = run(snapshots, as_of=datetime(2026, 10, 1, tzinfo=UTC))
    assert judged_users(result) == ["2026-09-30"] * 2
    exact = run(snapshots, as_of=datetime(2026, 9, 30, 23, 59, 59, 999999, UTC))
    assert judged_users(exact) == ["2026-09-30"] * 2
    assert "older_report" not in issues(result) + issues(exact)


def test_a_report_much_older_than_the_reference_instant_is_noted(snapshots: Path) -> None:
    result = run(snapshots, as_of=datetime(2026, 11, 24, tzinfo=UTC))
    assert issues(result).count("older_report") == 2
    noted = result.issues[result.issues["code"] == "older_report"]
    assert noted["message"].str.contains("^account [0-9]{12}, captured 23 days before ").all()


def test_only_later_snapshots_are_judged_with_an_issue(snapshots: Path) -> None:
    result = run(snapshots, as_of=datetime(2026, 7, 1, tzinfo=UTC))
    assert judged_users(result) == ["2026-08-31"] * 2
    assert issues(result).count("only_newer_snapshot") == 2


def test_every_snapshot(snapshots: Path) -> None:
    result = run(snapshots, every_snapshot=True)
    assert judged_users(result) == ["2026-08-31", "2026-09-30", "2026-10-31"] * 2
    assert result.findings["account_id"].astype("str").tolist() == ["111122223333"] * 3 + [OTHER_ACCOUNT] * 3
    assert issues(result) == []


def test_every_row_is_accounted_for_whatever_is_judged(snapshots: Path) -> None:
    result = run(snapshots)
    assert int(result.inputs["rows"].sum()) == 12
    assert len(result.users) == 4
    parts = [(part["role"], part["rows"]) for accounts in result.inputs["accounts"] for part in accounts]
    assert sorted(parts) == [("judged", 2)] * 2 + [("not_judged", 2)] * 2 + [("trend", 2)] * 2
    assert result.facts["rows_not_judged"] == 8


def test_all_parts_of_a_snapshot_are_judged(tmp_path: Path) -> None:
    for part in ("a", "b"):
        write(tmp_path / f"2026-10-31/{part}.csv", csv_of(user(part, **key(rotated="2026-01-01T00:00:00Z"))))
    assert judged_users(run(tmp_path)) == ["a", "b"]


def test_an_undated_file_beside_dated_ones_is_not_judged(tmp_path: Path) -> None:
    for name in ("2026-09-30", "2026-10-31", "undated"):
        write(tmp_path / f"{name}.csv", csv_of(user(name, **key(rotated="2026-01-01T00:00:00Z"))))
    for as_of in (None, datetime(2026, 11, 1, tzinfo=UTC)):
        result = run(tmp_path, as_of=as_of)
        assert judged_users(result) == ["2026-10-31"]
        assert result.exit_code == 3
        assert issues(result) == ["undated_beside_dated"]


def test_without_any_capture_time_the_files_are_named(tmp_path: Path) -> None:
    name = write(tmp_path / "undated.csv", csv_of(user("a")))
    with pytest.raises(InputError, match=r"the capture time of this report is not known: .*undated.csv") as error:
        audit([name], Settings(unused()))
    assert "--as-of" in error.value.hint


def test_a_user_found_twice_in_a_snapshot_is_an_issue_and_judged_twice(tmp_path: Path) -> None:
    row = key(rotated="2026-01-01T00:00:00Z")
    write(tmp_path / "2026-10-31/a.csv", csv_of(user("Build", **row), user("x")))
    write(tmp_path / "2026-10-31/b.csv", csv_of(user("build", **row), user("y")))
    result = run(tmp_path)
    assert judged_users(result) == ["Build", "build"]
    assert issues(result) == ["duplicate_user"] * 2


def test_two_reports_in_one_file_are_two_accounts(tmp_path: Path) -> None:
    first = csv_of(root(), user("a", **key(rotated="2026-01-01T00:00:00Z")))
    second = csv_of(root(OTHER_ACCOUNT), user("b", account=OTHER_ACCOUNT, **key(rotated="2026-01-01T00:00:00Z")))
    write(tmp_path / "2026-10-31.csv", first + second)
    write(tmp_path / "2026-09-30.csv", csv_of(root(), user("old", **key(rotated="2026-01-01T00:00:00Z"))))
    result = run(tmp_path)
    assert result.findings[["account_id", "user"]].to_numpy().tolist() == [["111122223333", "a"], [OTHER_ACCOUNT, "b"]]
    assert result.inputs["account_id"].astype(object).where(lambda s: s.notna(), None).tolist() == [
        "111122223333",
        None,
    ]


def test_rows_of_unknown_account_go_with_their_file(tmp_path: Path) -> None:
    def day(when: str) -> str:
        lost = user("lost", **key(rotated="2026-01-01T00:00:00Z")) | {"arn": ""}
        return csv_of(root(), user(when), lost)

    write(tmp_path / "2026-09-30.csv", day("old"))
    write(tmp_path / "2026-10-31.csv", day("new"))
    result = run(tmp_path)
    assert judged_users(result) == ["lost"]
    assert result.findings["source"].tolist() == [f"{tmp_path}/2026-10-31.csv"]


def test_files_without_any_account_are_all_judged(tmp_path: Path) -> None:
    for day in ("2026-09-30", "2026-10-31"):
        row = user(day, **key(rotated="2026-01-01T00:00:00Z")) | {"arn": ""}
        write(tmp_path / f"{day}.csv", csv_of(row))
    assert judged_users(run(tmp_path)) == ["2026-09-30", "2026-10-31"]
