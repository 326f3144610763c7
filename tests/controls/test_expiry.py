"""Passwords of several users: the newest decides, and spans that differ are named."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from analyzer.controls.checklist import make_checklist
from tests.reports import csv_of, key, password, root, user, write
from tests.running import Audit, Settings, audit

JAN, FEB, APR, MAY = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-04-01T00:00:00Z", "2026-05-02T00:00:00Z")
NEVER: Final = "N/A"


def holder(name: str, changed: str, due: str, **cells: str) -> dict[str, str]:
    return user(name, **{**password(changed=changed), "password_next_rotation": due, **cells})


def judged(folder: Path, *rows: dict[str, str]) -> Audit:
    write(folder / "in/2026-10-31_111122223333.csv", csv_of(root(), *rows))
    return audit([str(folder / "in")], Settings(make_checklist(controls=["password-expiry"])))


@pytest.mark.parametrize(
    ("rows", "status", "message"),
    [
        (
            [holder("a", JAN, NEVER), holder("b", FEB, MAY)],
            "pass",
            "the newest password was set 2026-02-01, 90 days before it expires",
        ),
        (
            [holder("a", JAN, APR), holder("b", FEB, NEVER)],
            "fail",
            "passwords do not expire; the newest was set 2026-02-01",
        ),
        (
            [holder("a", JAN, APR), holder("b", FEB, "2026-12-31T00:00:00Z")],
            "fail",
            "the newest password was set 2026-02-01, 333 days before it expires",
        ),
        # Two that were set at the same time, under two policies.
        ([holder("a", JAN, APR), holder("b", JAN, NEVER)], "not_checked", "not known after how many days"),
        # One of unknown time may be the newest.
        ([holder("a", JAN, APR), holder("b", "", MAY)], "not_checked", "not known after how many days"),
        ([holder("a", JAN, NEVER), holder("b", "", NEVER)], "fail", "passwords do not expire; the newest was set 2026"),
        # Nobody knows whether it is there, but it would be older.
        ([holder("a", FEB, MAY), holder("b", JAN, NEVER, password_enabled="")], "pass", "the newest password was set"),
        ([holder("a", JAN, APR), holder("b", FEB, MAY, password_enabled="")], "not_checked", "not known after"),
        ([user("a", **key(rotated=JAN))], "not_applicable", "no IAM user has a console password"),
        ([], "not_applicable", "no IAM user has a console password"),
    ],
)
def test_the_newest_password_decides(tmp_path: Path, rows: list[dict[str, str]], status: str, message: str) -> None:
    (finding,) = judged(tmp_path, *rows).findings.to_dict("records")
    assert finding["status"] == status
    assert str(finding["message"]).startswith(message)
    assert finding["user"] is None or finding["user"] != finding["user"]
    assert (finding["limit_days"], finding["account_id"]) == (90, "111122223333")


def test_spans_that_differ_are_named_once_an_account(tmp_path: Path) -> None:
    audited = judged(
        tmp_path,
        holder("a", JAN, APR),
        holder("b", FEB, MAY),
        holder("c", JAN, NEVER),
        holder("d", JAN, "2026-03-02T00:00:00Z"),
    )
    (issue,) = audited.issues[(audited.issues["code"] == "password_expiries").to_numpy()].to_dict("records")
    assert issue["message"].startswith(
        "passwords expire after 60 and 90 days and never, so the password policy was changed"
    )
    alike = judged(tmp_path / "alike", holder("a", JAN, APR), holder("b", FEB, MAY))
    assert "password_expiries" not in set(alike.issues["code"])


def test_each_account_of_a_file_is_judged_by_itself(tmp_path: Path) -> None:
    rows = [
        holder("a", JAN, APR),
        holder("b", FEB, NEVER, arn="arn:aws:iam::444455556666:user/b"),
        holder("c", JAN, "2026-12-31T00:00:00Z"),
    ]
    findings = judged(tmp_path, *rows).findings
    assert dict(zip(findings["account_id"].astype(str), findings["status"].astype(str), strict=True)) == {
        "111122223333": "not_checked",
        "444455556666": "fail",
    }
