"""The terminal, JSON, the workbook and the Parquet tables give the same numbers: each is read back."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from pyarrow import parquet

from analyzer.rendering.workbook.page import NOTHING
from tests.cli.running import run
from tests.reports import csv_of, key, password, root, user, write

if TYPE_CHECKING:
    from pathlib import Path

EVERY = "2020-01-01T00:00:00Z"


def all_passing(folder: Path) -> None:
    """Write one account with three users, in which everything passes."""
    users = [
        user(
            "ci-deployer", user_creation_time=EVERY, **key(rotated="2026-10-01T00:00:00Z", used="2026-10-30T00:00:00Z")
        ),
        user("auditor", user_creation_time=EVERY, mfa_active="true", **_password("2026-10-01", "2026-10-30")),
        user("break-glass", user_creation_time=EVERY, mfa_active="true", **_password("2026-10-02", "2026-10-29")),
    ]
    owner = root(mfa_active="true", password_last_used="2020-01-01T00:00:00Z")
    write(folder / "2026-10-31/111122223333.csv", csv_of(owner, *users))
    write(folder / "accounts.csv", "account,name,owner\n111122223333,payments,team-a\n")


def _password(changed: str, used: str) -> dict[str, str]:
    return password(changed=f"{changed}T00:00:00Z", used=f"{used}T00:00:00Z")


def fleet(folder: Path, accounts: int = 60) -> None:
    """Write many accounts; of two that are expected, there is no report."""
    listed = ["account,name,owner"]
    for number in range(accounts + 2):
        account = f"{111122220000 + number}"
        listed.append(f"{account},workload-{number},team-{number % 3}")
        if number < accounts:
            write(folder / f"2026-10-31/{account}.csv", _report(account, number, 10))
    write(folder / "accounts.csv", "\n".join(listed) + "\n")


def _report(account: str, seed: int, month: int) -> str:
    rows = []
    for n in range(7):
        at = seed * 7 + n
        day = f"{at % 28 + 1:02}"
        used = f"2026-{max(month - at % 4, 1):02}-{day}T00:00:00Z" if at % 5 else "N/A"
        cells = key(rotated=f"20{24 + at % 3}-01-{day}T00:00:00Z", used=used, active="true" if at % 11 else "false")
        if at % 3 == 0:
            cells |= _password(f"2026-0{at % 6 + 1}-{day}", f"2026-{month:02}-{day}")
        rows.append(user(f"user-{n}", account=account, user_creation_time=EVERY, **cells))
    return csv_of(root(account), *rows)


def monthly(folder: Path) -> None:
    """Write a year of monthly snapshots of two accounts."""
    for month in range(1, 13):
        for number, account in enumerate(("111122223333", "444455556666")):
            write(folder / f"2026-{month:02}-28/{account}.csv", _report(account, number, month))
    write(folder / "accounts.csv", "account,name,owner\n111122223333,a,team-a\n444455556666,b,team-b\n")


@pytest.fixture(params=[all_passing, fleet, monthly], ids=lambda make: make.__name__)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    request.param(tmp_path)
    return tmp_path


def summary_of(path: Path) -> list[tuple[Any, ...]]:
    """Return the rows of the workbook's Summary, as they are shown."""
    return list(openpyxl.load_workbook(path, data_only=True)["Summary"].iter_rows(values_only=True))


def below(rows: list[tuple[Any, ...]], title: str) -> dict[str, tuple[Any, ...]]:
    """Return the rows below a title, by their first cell, as far as the next empty one."""
    at = next(number for number, row in enumerate(rows) if str(row[0]).startswith(title))
    found = {}
    for row in rows[at + 1 :]:
        if row[0] is None:
            break
        found[str(row[0])] = row[1:]
    return found


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_all_outputs_give_the_same_numbers(folder: Path) -> None:
    options = ["--accounts", "accounts.csv", "-o", "out", "--format", "parquet,excel"]
    snapshots = sorted(path.name for path in folder.iterdir() if path.is_dir())
    screen = run("audit", *snapshots, *options, "--verbose", cwd=folder).stdout
    facts = json.loads(run("audit", *snapshots, *options, "--json", cwd=folder).stdout)
    findings = parquet.read_table(folder / "out/findings.parquet").to_pandas()
    book = summary_of(folder / "out/workbook.xlsx")

    # The answer: unused credentials.
    statuses = Counter(findings["status"][findings["control"] == "unused-credentials"])
    judged = statuses["fail"] + statuses["pass"] + statuses["not_checked"]
    said = re.search(
        r"([\d,]+) of ([\d,]+) active credentials? unused for .*; ([\d,]+) could not .*; ([\d,]+) pass", screen
    )
    assert said is not None, screen
    assert [number(one) for one in said.groups()] == [
        *(statuses["fail"], judged, statuses["not_checked"], statuses["pass"]),
    ]
    assert said[0] in str(book[1][0])
    numbers = below(book, "unused-credentials, by kind")["all"][:4]
    assert numbers == (judged, statuses["fail"], statuses["not_checked"], statuses["pass"])

    # By control.
    shown = below(book, "By control")
    lines = re.findall(r"(?m)^  (\S+) +(?:[\d.]+|-) +([\d,]+) +([\d,]+) +([\d,]+) ", screen)
    controls = {name: tuple(map(number, counts)) for name, *counts in lines}
    assert controls
    for one in facts["by_control"]:
        rows = findings[findings["control"] == one["control"]]
        by_status = Counter(rows["status"])
        manual = int((rows["reason"] == "manual").sum())
        counts = (by_status["fail"], by_status["not_checked"] - manual, by_status["pass"])
        assert (one["fail"], one["not_checked"] - one["manual"], one["pass"]) == counts
        cells = shown[one["control"]][5:8]
        assert cells == (
            counts if sum(by_status.values()) - by_status["not_applicable"] else (NOTHING, NOTHING, NOTHING)
        )
        assert controls.get(one["control"], counts) == counts

    # By account, and what is complete.
    by_account = below(book, "By account")
    heads = by_account.pop("account_id")
    for account, cells in by_account.items():
        assert cells[heads.index("fail")] == facts["by_account"][account]["fail"]
        summed = [one["control"] for one in facts["by_control"] if one["summed"]]
        of_it = findings[(findings["account_id"] == account) & findings["control"].isin(summed)]
        assert cells[heads.index("fail")] == (of_it["status"] == "fail").sum()
    listed = parquet.read_table(folder / "out/coverage.parquet")["status"].to_pylist()
    complete = below(book, "Completeness")
    for status, count in Counter(listed).items():
        assert complete[f"Accounts: {status}"][0] == count == facts["coverage"][status]
    missing = listed.count("missing")
    assert ("INCOMPLETE" in screen) == ("INCOMPLETE" in str(book[1][0])) == bool(missing)
    users = parquet.read_table(folder / "out/users.parquet")
    assert complete["Rows of IAM users"][0] + complete["Rows of root"][0] == len(users)


def test_where_everything_passes_every_output_says_so(tmp_path: Path) -> None:
    all_passing(tmp_path)
    done = run("audit", "2026-10-31", "--accounts", "accounts.csv", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "0 of 3 active credentials unused for 45 days or more; 0 could not be decided; 3 pass." in done.stdout
    book = openpyxl.load_workbook(tmp_path / "out/workbook.xlsx")
    assert book["Exceptions noted"]["A5"].value == "No exception noted."
    assert [row[0].value for row in book["Issues"].iter_rows()][-1] == "none"
    titles = {str(row[0].value) for row in book["Summary"].iter_rows()}
    assert not any("What to do first" in title for title in titles)
