"""Whether the reports are complete: every expected account is accounted for, and none is missing in silence."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyarrow import parquet

from analyzer.evidence.coverage import coverage_table
from analyzer.evidence.inputs import Input, OfAccount, inputs_frame
from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.settings import Settings
from analyzer.rendering.pictures.canvas import own_style
from analyzer.rendering.pictures.render import AUDIT
from analyzer.survey.organization import ListedAccount, Organization
from tests.cli.running import run
from tests.rendering.pictures.figures import shown_pictures
from tests.reports import csv_of, root, user, write
from tests.strategies import as_ofs

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = [f"{number:012}" for number in range(5)]
LISTED = st.lists(
    st.builds(ListedAccount, st.sampled_from(NUMBERS), state=st.sampled_from([None, "ACTIVE", "SUSPENDED", "CLOSED"])),
    unique_by=lambda listed: listed.account_id,
)
TIMES = st.sampled_from([datetime(2026, 10, day, tzinfo=UTC) for day in (1, 15, 31)]) | as_ofs()
REPORTS = st.lists(
    st.tuples(st.sampled_from([*NUMBERS[:3], None]), st.none() | TIMES, st.sampled_from(["judged", "not_judged"])),
    max_size=8,
)


OLD, NEW = (datetime(2026, 10, day, tzinfo=UTC) for day in (1, 31))


@given(LISTED, REPORTS, st.none() | as_ofs(), st.sampled_from([None, 0, 30]))
@example([ListedAccount(NUMBERS[0])], [(NUMBERS[0], at, "judged") for at in (OLD, OLD, NEW)], None, None)
@example([ListedAccount(NUMBERS[0])], [(NUMBERS[0], at, "judged") for at in (OLD, NEW, NEW)], None, None)
def test_every_account_has_one_row_and_its_status_is_true(
    listed: list[ListedAccount], reports: list[tuple[Any, ...]], as_of: datetime | None, most: int | None
) -> None:
    inputs = inputs_frame(
        Input(f"{n}.csv", "", 0, "csv", "", "", 1, 0, at, "", None, as_of, (OfAccount(account, 1, role),))
        for n, (account, at, role) in enumerate(reports)
    )
    settings = Settings(as_of=as_of, max_report_age=most)
    rows = coverage_table(Organization("list", "", tuple(listed)), inputs, settings).to_pylist()
    judged = [(account, at) for account, at, role in reports if role == "judged"]
    accounts = [entry.account_id for entry in listed]
    assert [row["account_id"] for row in rows[: len(listed)]] == accounts
    assert {row["account_id"] for row in rows[len(listed) :]} == {account for account, _ in judged} - set(accounts)
    assert len(rows) == len(listed) + len({account for account, _ in judged} - set(accounts))
    times = [at for _, at in judged if at is not None]
    reference = as_of or max(times, default=None)
    for row, listed_account in zip(rows, [*listed, *[None] * (len(rows) - len(listed))], strict=True):
        own_times = [at for account, at in judged if account == row["account_id"]]
        assert row["reports"] == len(own_times)
        known_times = [at for at in own_times if at is not None]
        assert row["captured_at"] == max(known_times, default=None)
        if listed_account is None:
            assert row["status"] == "unlisted"
        elif listed_account.state in {"SUSPENDED", "CLOSED"}:
            assert row["status"] == listed_account.state.lower()
        elif not own_times:
            assert row["status"] == "missing"
        elif most is not None and (not known_times or (reference - max(known_times)).total_seconds() > most * 86_400):
            assert row["status"] == "old"
        else:
            newest = [at for at in own_times if at == max(known_times, default=None)]
            assert row["status"] == ("received" if len(newest) == 1 else "received_twice")


ACCOUNTS = """\
account,name,owner,status
111122223333,payments,team-a,active
444455556666,shop,team-b,active
777788889999,gone,team-b,suspended
123456789012,data-lake,,active
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a list of four accounts, and reports of one of them, of a suspended and another account."""
    write(tmp_path / "accounts.csv", ACCOUNTS)
    for account, day in (
        ("111122223333", "2026-10-31"),
        ("777788889999", "2026-10-31"),
        ("222222222222", "2026-10-01"),
    ):
        rows = [root(account, mfa_active="true"), user("a", account=account, mfa_active="true")]
        write(tmp_path / f"in/{day}_{account}.csv", csv_of(*rows))
    return tmp_path


def audit(folder: Path, *options: str) -> Any:  # noqa: ANN401 - what ran
    return run("audit", "in", "-o", "out", "--accounts", "accounts.csv", *options, cwd=folder)


def test_missing_accounts_come_first_and_make_the_exit_code(folder: Path) -> None:
    done = audit(folder, "--format", "parquet,excel")
    assert done.returncode == 3
    first = "INCOMPLETE: 2 of 3 accounts are missing: 444455556666 (shop, owner team-b), 123456789012 (data-lake)."
    assert first in done.stdout.splitlines()
    assert "Exit code 3: reports of expected accounts are missing." in done.stdout
    assert "Reports of 1 of 3 expected accounts; 2 missing, 1 not in the list, 1 suspended." in done.stdout
    rows = parquet.read_table(folder / "out/coverage.parquet").to_pylist()
    assert {row["account_id"]: row["status"] for row in rows} == {
        "111122223333": "received",
        "444455556666": "missing",
        "777788889999": "suspended",
        "123456789012": "missing",
        "222222222222": "unlisted",
    }
    book = openpyxl.load_workbook(folder / "out/workbook.xlsx")
    assert str(book["Summary"]["A2"].value).startswith(first)
    shown = [row[:2] for row in book["Coverage"].iter_rows(min_row=2, values_only=True)]
    assert shown[:2] == [("444455556666", "shop"), ("123456789012", "data-lake")]
    assert len(shown) == 5


def test_every_picture_says_what_is_missing(folder: Path) -> None:
    audit(folder, "--format", "parquet")
    summary = EvidenceSet.at(str(folder / "out")).summary
    with own_style():
        for name in shown_pictures(summary):
            written = [text.get_text() for text in AUDIT[name](summary).texts]
            assert any("INCOMPLETE: 2 of 3 accounts are missing" in text for text in written), name


def test_json_and_an_opened_set_have_the_same_counts(folder: Path) -> None:
    facts = json.loads(audit(folder, "--format", "parquet", "--json").stdout)
    assert facts["coverage"] == {
        "expected": 3,
        "missing": 2,
        "old": 0,
        "received_twice": 0,
        "received": 1,
        "unlisted": 1,
        "suspended": 1,
        "closed": 0,
        "missing_accounts": [
            {"account_id": "444455556666", "name": "shop", "owner": "team-b"},
            {"account_id": "123456789012", "name": "data-lake", "owner": None},
        ],
    }
    (folder / "accounts.csv").unlink()
    evidence = EvidenceSet.at(str(folder / "out"))
    assert evidence.summary.facts["coverage"] == facts["coverage"]
    assert evidence.settings.accounts is not None
    assert evidence.settings.accounts[0] == "accounts.csv"
    assert Settings.of_facts(evidence.settings.facts) == evidence.settings
    assert run("verify", "out", cwd=folder).returncode == 0


def test_names_of_accounts_are_beside_their_numbers(folder: Path) -> None:
    row = user("idle", access_key_1_active="true", access_key_1_last_rotated="2026-01-01T00:00:00Z")
    write(folder / "in/2026-10-31_111122223333.csv", csv_of(root(mfa_active="true"), row))
    done = audit(folder, "--format", "parquet,excel")
    assert "  111122223333 (payments, team-a) idle access_key_1: never used" in done.stdout
    assert "111122223333 (payments, team-a)  idle  in/" in run("show", "out", "--user", "idle", cwd=folder).stdout
    facts = json.loads(audit(folder, "--format", "parquet,excel", "--json").stdout)
    assert {account: counts["name"] for account, counts in facts["by_account"].items()} == {
        "111122223333": "payments",
        "777788889999": "gone",
        "222222222222": None,
    }
    cells = [
        row[:2] for row in openpyxl.load_workbook(folder / "out/workbook.xlsx")["Summary"].iter_rows(values_only=True)
    ]
    assert ("account_id", "account_name") in cells
    assert ("111122223333", "payments") in cells


def test_a_report_that_is_too_old_is_named(folder: Path) -> None:
    write(folder / "accounts.csv", "account\n111122223333\n222222222222\n777788889999\n")
    done = audit(folder, "--format", "parquet", "--max-report-age", "10", "--verbose")
    assert "222222222222: its report is 30 days old, more than --max-report-age allows" in done.stdout
    assert done.returncode == 0
    assert audit(folder, "--format", "parquet", "--max-report-age", "30").stdout.count("too old") == 0
    assert audit(folder, "--format", "parquet", "--max-report-age", "10", "--strict").returncode == 3


def test_nothing_is_reported_where_no_account_is_missing(folder: Path) -> None:
    write(folder / "accounts.csv", "account\n111122223333\n222222222222\n777788889999\n")
    done = audit(folder, "--format", "parquet")
    assert done.returncode == 0
    assert "Reports of 3 of 3 expected accounts." in done.stdout
    assert "INCOMPLETE" not in done.stdout


def test_options_that_do_not_fit_are_refused(folder: Path) -> None:
    done = run("audit", "in", "-o", "out", "--max-report-age", "3", cwd=folder)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "error: --max-report-age needs --accounts")
    done = run("audit", "in", "-o", "out", "--accounts", "none.csv", cwd=folder)
    assert done.returncode == 2
    assert "error: --accounts: cannot read none.csv" in done.stderr
