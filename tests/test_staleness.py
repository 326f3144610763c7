"""The staleness table of the contract, row by row, through the pipeline."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from analyzer.controls.checklist import make_checklist
from tests.reports import COLUMNS_16, COLUMNS_22, csv_of, key, password, root, unused, user, write
from tests.running import Settings, audit

T = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
FAR = "2026-01-01T00:00:00Z"  # 327 days before T
NEAR = "2026-11-01T00:00:00Z"  # 23 days before T
LATER = "2026-12-01T00:00:00Z"
YOUNG = {"user_creation_time": NEAR}


def finding_of(
    path: Path, row: dict[str, str], columns: tuple[str, ...] = COLUMNS_22, as_of: datetime = T
) -> dict[str, Any]:
    """Return the one finding about `row`."""
    name = write(path / "report.csv", csv_of(root(), row, columns=columns))
    result = audit([name], Settings(unused(), as_of=as_of))
    (finding,) = result.findings.to_dict("records")
    return {str(column): value for column, value in finding.items()}


def time_before(before: timedelta) -> str:
    return (T - before).isoformat()


K, P = "access_key_1", "password"
ROTATED, USED = f"{K}_last_rotated", f"{K}_last_used_date"
CREATED = "user_creation_time"


@pytest.mark.parametrize(
    ("row", "status", "reason", "basis", "idle_days"),
    [
        # last use known, <= T
        (user("a", **key(rotated=FAR, used=NEAR)), "pass", "last_used", USED, 23),
        (user("a", **key(rotated=FAR, used=FAR)), "fail", "last_used", USED, 327),
        (user("a", **password(used=NEAR, changed=FAR)), "pass", "last_used", "password_last_used", 23),
        (user("a", **password(used=FAR, changed=NEAR)), "fail", "last_used", "password_last_used", 327),
        (user("a", **password(used=NEAR, changed=LATER)), "pass", "last_used", "password_last_used", 23),
        (user("a", **key(used=FAR)), "fail", "last_used", USED, 327),
        # never used, fallback known, <= T; either sentinel stands for never used
        (user("a", **key(rotated=NEAR)), "pass", "never_used", ROTATED, 23),
        (user("a", **key(rotated=FAR)), "fail", "never_used", ROTATED, 327),
        (user("a", **key(rotated=FAR, used="no_information")), "fail", "never_used", ROTATED, 327),
        (user("a", **password(changed=FAR)), "fail", "never_used", "password_last_changed", 327),
        (user("a", **password(used="N/A", changed=NEAR)), "pass", "never_used", "password_last_changed", 23),
        (user("a", **password(used="No_Information", changed=FAR)), "fail", "never_used", "password_last_changed", 327),
        # last use known, > T
        (user("a", **key(rotated=FAR, used=LATER)), "not_checked", "used_after_as_of", ROTATED, 327),
        (user("a", **key(rotated=NEAR, used=LATER)), "pass", "used_after_as_of", ROTATED, 23),
        (user("a", **password(used=LATER, changed=NEAR)), "not_checked", "used_after_as_of", CREATED, 2519),
        (user("a", **YOUNG, **password(used=LATER, changed=NEAR)), "pass", "used_after_as_of", CREATED, 23),
        (user("a", **key(used=LATER)), "not_checked", "used_after_as_of", None, None),
        # last use blank, not_supported or unreadable
        (user("a", **key(rotated=FAR, used="")), "not_checked", "last_use_unknown", ROTATED, 327),
        (user("a", **key(rotated=FAR, used="not_supported")), "not_checked", "last_use_unknown", ROTATED, 327),
        (user("a", **key(rotated=FAR, used="03/04/2026")), "not_checked", "last_use_unknown", ROTATED, 327),
        (user("a", **key(rotated=NEAR, used="")), "pass", "last_use_unknown", ROTATED, 23),
        (user("a", **key(rotated="N/A", used="")), "not_checked", "last_use_unknown", None, None),
        (user("a", **password(used="", changed=NEAR)), "not_checked", "last_use_unknown", CREATED, 2519),
        (user("a", **YOUNG, **password(used="", changed=NEAR)), "pass", "last_use_unknown", CREATED, 23),
        # never used, fallback absent or unreadable; or a password changed after T
        (user("a", **key(rotated="N/A")), "not_checked", "age_unknown", CREATED, 2519),
        (user("a", **key(rotated="")), "not_checked", "age_unknown", CREATED, 2519),
        (user("a", **key(rotated="44000")), "not_checked", "age_unknown", CREATED, 2519),
        (user("a", **YOUNG, **key(rotated="N/A")), "pass", "age_unknown", CREATED, 23),
        (user("a", **password(changed="N/A")), "not_checked", "age_unknown", CREATED, 2519),
        (user("a", **password(changed=LATER)), "not_checked", "age_unknown", CREATED, 2519),
        (user("a", **YOUNG, **password(changed=LATER)), "pass", "age_unknown", CREATED, 23),
        (user("a", user_creation_time="", **key(rotated="N/A")), "not_checked", "age_unknown", None, None),
        # created after T
        (user("a", **key(rotated=LATER)), "not_applicable", "created_after_as_of", None, None),
        (user("a", **key(rotated=LATER, used=LATER)), "not_applicable", "created_after_as_of", None, None),
        (
            user("a", user_creation_time=LATER, **password(changed=LATER)),
            "not_applicable",
            "created_after_as_of",
            None,
            None,
        ),
        # active flag unreadable
        (user("a", **key(active="", rotated=NEAR, used=NEAR)), "not_checked", "active_unknown", None, None),
        (user("a", **key(active="yes", rotated=FAR)), "not_checked", "active_unknown", None, None),
        (user("a", **password(enabled="not_supported", used=NEAR)), "not_checked", "active_unknown", None, None),
    ],
)
def test_every_row_of_the_rules_has_its_verdict(
    tmp_path: Path, row: dict[str, str], status: str, reason: str, basis: str | None, idle_days: int | None
) -> None:
    finding = finding_of(tmp_path, row)
    missing = finding["basis"] != finding["basis"]  # NaN
    assert (status, reason) == (finding["status"], finding["reason"])
    assert (basis, idle_days) == ((None, None) if missing else (finding["basis"], finding["idle_days"]))


@pytest.mark.parametrize(
    ("idle", "status", "days"),
    [
        (timedelta(days=44, hours=23, minutes=59, seconds=59), "pass", 44),
        (timedelta(days=45) - timedelta(microseconds=1), "pass", 44),
        (timedelta(days=45), "fail", 45),
        (timedelta(days=45, seconds=1), "fail", 45),
        (timedelta(days=46), "fail", 46),
        (timedelta(0), "pass", 0),
        (timedelta(seconds=-60), "pass", 0),
    ],
)
@pytest.mark.parametrize("credential", [P, K])
def test_the_boundary_is_exact(tmp_path: Path, idle: timedelta, status: str, days: int, credential: str) -> None:
    cells = (
        key(rotated=FAR, used=time_before(idle)) if credential == K else password(used=time_before(idle), changed=FAR)
    )
    finding = finding_of(tmp_path, user("a", **cells))
    assert (status, days) == (finding["status"], finding["idle_days"])


def test_a_use_more_than_a_minute_after_t_is_after_t(tmp_path: Path) -> None:
    finding = finding_of(tmp_path, user("a", **key(rotated=FAR, used=time_before(timedelta(seconds=-61)))))
    assert (finding["status"], finding["reason"]) == ("not_checked", "used_after_as_of")


@pytest.mark.parametrize(
    ("used", "as_of", "days"),
    [
        # A date as reference is the end of its day, so whole days equal the difference of calendar dates, whatever
        # leap days, year ends and clock changes are between.
        ("2026-10-10T00:00:00Z", "2026-11-24", 45),
        ("2026-10-10T23:59:59Z", "2026-11-24", 45),
        ("2026-10-11T00:00:00Z", "2026-11-24", 44),
        ("2024-02-28T23:59:59Z", "2024-03-01", 2),
        ("2023-02-28T23:59:59Z", "2023-03-01", 1),
        ("2025-12-31T23:59:59Z", "2026-01-01", 1),
        ("2026-03-29T00:30:00+01:00", "2026-03-29", 1),
        ("2026-10-24T23:00:00Z", "2026-10-26", 2),
    ],
)
def test_whole_days_equal_calendar_dates(tmp_path: Path, used: str, as_of: str, days: int) -> None:
    instant = datetime.fromisoformat(f"{as_of}T23:59:59.999999+00:00")
    finding = finding_of(tmp_path, user("a", **key(rotated="2020-01-01T00:00:00Z", used=used)), as_of=instant)
    assert days == finding["idle_days"]


def test_two_minutes_across_midnight_are_no_day(tmp_path: Path) -> None:
    as_of = datetime(2026, 11, 24, 0, 1, tzinfo=UTC)
    finding = finding_of(tmp_path, user("a", **key(rotated=FAR, used="2026-11-23T23:59:00Z")), as_of=as_of)
    assert finding["idle_days"] == 0


def test_reports_without_last_use_columns(tmp_path: Path) -> None:
    old = finding_of(tmp_path, user("a", **key(rotated=FAR)), COLUMNS_16)
    assert (old["status"], old["reason"], old["idle_days"]) == ("not_checked", "last_use_unknown", 327)
    young = finding_of(tmp_path, user("a", **key(rotated=NEAR)), COLUMNS_16)
    assert (young["status"], young["idle_days"]) == ("pass", 23)


@pytest.mark.parametrize("column", ["password_enabled", "access_key_1_active", "access_key_2_active"])
def test_a_deleted_flag_column_decides_nothing(tmp_path: Path, column: str) -> None:
    without = tuple(name for name in COLUMNS_22 if name != column)
    finding = finding_of(tmp_path, user("a"), without)
    assert (finding["status"], finding["reason"]) == ("not_checked", "active_unknown")


def test_key_2_is_judged_without_key_1_and_root_never(tmp_path: Path) -> None:
    finding = finding_of(tmp_path, user("a", **key(2, rotated=FAR)))
    assert (finding["credential"], finding["status"]) == ("access_key_2", "fail")
    renamed = root(**key(rotated=FAR)) | {"user": "somebody"}  # recognised by its ARN
    anonymous = root(**key(rotated=FAR)) | {"arn": ""}  # recognised by its name
    name = write(tmp_path / "roots.csv", csv_of(root(**key(rotated=FAR)), renamed, anonymous))
    result = audit([name], Settings(unused(), as_of=T, account_id="111122223333"))
    assert result.findings.empty
    assert len(result.users) == 3


def test_inactive_credentials_are_counted_and_not_judged(tmp_path: Path) -> None:
    rows = [
        user("inactive-key", **key(active="false", rotated=FAR)),
        user("no-key", **key(active="false")),
        user("removed-password", **password(enabled="false", used=FAR)),
        user("never-had-password", **password(enabled="false")),
    ]
    result = audit([write(tmp_path / "a.csv", csv_of(root(), *rows))], Settings(unused(), as_of=T))
    assert result.findings.empty
    outcomes = result.credentials[["user", "credential", "outcome"]].astype("str").to_numpy().tolist()
    assert outcomes == [["<root_account>", "password", "root"], ["inactive-key", "access_key_1", "inactive"]]
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (user("a", **key(rotated=FAR)), "never used; created 2026-01-01, 327 days"),
        (user("a", **password(changed=FAR)), "never used; set 2026-01-01, 327 days"),
        (user("a", **key(rotated=FAR, used=time_before(timedelta(days=1)))), "last used 2026-11-23, 1 day"),
        (user("a", **password(used=FAR, changed=FAR)), "last used 2026-01-01, 327 days"),
        (user("a", **password(used=FAR, changed=NEAR)), "last used 2026-01-01, 327 days; changed 2026-11-01"),
        (user("a", **password(used=FAR, changed=LATER)), "last used 2026-01-01, 327 days"),
        (user("a", **password(used=NEAR, changed=FAR)), "last used 2026-11-01, 23 days"),
        (user("a", **key(rotated=NEAR, used=FAR)), "last used 2026-01-01, 327 days"),
        (user("a", **key(rotated=FAR, used="")), "last use not known; created 2026-01-01, at most 327 days"),
        (user("a", **key(rotated="", used="")), "last use and creation not known"),
        (user("a", **key(rotated=LATER)), "created after the reference date"),
        (user("a", **key(active="", rotated=FAR)), "not known whether it is active"),
    ],
)
def test_the_reason_in_words(tmp_path: Path, row: dict[str, str], message: str) -> None:
    assert message == finding_of(tmp_path, row)["message"]


def test_each_password_has_the_day_of_its_own_change(tmp_path: Path) -> None:
    changes = {"a": NEAR, "b": "2026-11-02T00:00:00Z", "c": "2025-01-01T00:00:00Z", "d": NEAR}
    rows = [user(name, **password(used=FAR, changed=changed)) for name, changed in changes.items()]
    report = write(tmp_path / "report.csv", csv_of(root(), *rows))
    for control in ("unused-credentials", "unused-credentials-console"):
        findings = audit([report], Settings(make_checklist(controls=[control]), as_of=T)).findings
        used = "last used 2026-01-01, 327 days"
        assert dict(zip(findings["user"], findings["message"], strict=True)) == {
            "a": f"{used}; changed 2026-11-01",
            "b": f"{used}; changed 2026-11-02",
            "c": used,
            "d": f"{used}; changed 2026-11-01",
        }
