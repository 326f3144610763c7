"""The part of an audit that is about an owner's accounts is the audit of these accounts, without anything of others."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.part import parts_by_owner
from analyzer.evidence.seal import read_manifest
from analyzer.rendering.marks import SHEET
from analyzer.rendering.workbook.book import file_names
from tests.cli.running import run
from tests.reports import csv_of, key, password, root, user, write

if TYPE_CHECKING:
    from analyzer.evidence.part import OwnerPart

OWNERS = {"111122223333": "team-a", "123456789012": "Team A", "444455556666": "team-a", "777788889999": "=ops"}
"""The accounts and their owners; one more account has no owner, and one no report."""
LIST = "account,name,owner\n" + "".join(f"{account},name-{account},{owner}\n" for account, owner in OWNERS.items())
POLICY = (
    '[waivers.keys]\nuser = "*-3-*"\ncontrol = "access-key-rotation"\nreason = "r"\nowner = "o"\n'
    'expires = 2027-12-31\n[waivers.gone]\nuser = "nobody"\nreason = "r"\nowner = "o"\nexpires = 2027-12-31\n'
)


def rows_of(account: str, day: str, count: int) -> str:
    users = [
        user(
            f"u-{n}-{account}",
            account=account,
            user_creation_time="2020-01-01T00:00:00Z",
            **key(
                rotated=f"2026-0{1 + n % 8}-01T00:00:00Z", used=f"2026-0{1 + n % 9}-15T00:00:00Z" if n % 3 else "N/A"
            ),
            **(password(changed="2026-02-01T00:00:00Z", used="2026-10-20T00:00:00Z") if n % 2 else {}),
        )
        for n in range(count)
    ]
    return csv_of(root(account, access_key_1_active="true" if day > "2026-10" else "false"), *users)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("owners")
    for number, account in enumerate([*list(OWNERS)[:3], "222222222222"]):
        for day in ("2026-09-30", "2026-10-31"):
            write(folder / f"reports/{day}/{account}.csv", rows_of(account, day, 8 + number))
    write(folder / "reports/2026-10-31/broken.csv", rows_of("111122223333", "2026-10-31", 1)[:700] + "\nhalf,a,row")
    write(folder / "accounts.csv", f"{LIST}222222222222,name-222222222222,\n")
    write(folder / "policy.toml", POLICY)
    leavers = "".join(f"u-{n}-{account},2026-10-0{n + 1}\n" for account in OWNERS for n in range(3))
    write(folder / "leavers.csv", f"user,last_day\n{leavers}nobody,2026-01-01\n")
    return folder


def audit(folder: Path, reports: list[str], accounts: str, out: str, *options: str) -> EvidenceSet:
    lists = ("--accounts", accounts, "--policy", "policy.toml", "--leavers", "leavers.csv", "--benchmark", "cis-7.0")
    done = run("audit", *reports, *lists, *options, "--as-of", "2026-11-05", "-o", out, "-q", cwd=folder)
    assert done.returncode in {0, 1, 3}, done.stderr
    return EvidenceSet.of(str(folder / out), read_manifest(folder / out))


@pytest.fixture(scope="module")
def whole(folder: Path) -> EvidenceSet:
    return audit(folder, ["reports"], "accounts.csv", "out", "--format", "parquet,excel", "--by", "owner")


@pytest.fixture(scope="module")
def parts(whole: EvidenceSet) -> dict[str, OwnerPart]:
    return {part.owner: part for part in parts_by_owner(whole)}


def facts(summary: Any) -> dict[str, Any]:  # noqa: ANN401 - of a part, or of an audit
    """Return the counts, without waivers and people that match nothing here: no part has them."""
    counts: dict[str, Any] = json.loads(json.dumps(summary.facts))
    counts["waivers"] = [row for row in counts["waivers"] if row["failing"] or row["not_checked"]]
    counts["issues"] = {
        code: n for code, n in counts["issues"].items() if not re.match("waiver|leaver|account_unl", code)
    }
    counts.pop("leavers")
    counts["policy"] = None
    return counts


@pytest.mark.parametrize("owner", ["Team A", "=ops", "team-a"])
def test_a_part_counts_what_an_audit_of_its_accounts_counts(
    folder: Path, parts: dict[str, OwnerPart], owner: str
) -> None:
    own = [account for account, account_owner in OWNERS.items() if account_owner == owner]
    part = parts[owner]
    assert part.accounts == set(own)
    write(
        folder / f"{owner}.csv",
        "account,name,owner\n" + "".join(f"{account},name-{account},{owner}\n" for account in own),
    )
    reports = sorted(
        str(path.relative_to(folder)) for account in own for path in folder.glob(f"reports/*/{account}.csv")
    )
    if owner == "team-a":
        reports.append("reports/2026-10-31/broken.csv")
    if not reports:
        assert part.summary.facts["coverage"]["missing"] == 1
        assert part.rows("findings") == part.rows("users") == 0
        return
    alone = audit(folder, reports, f"{owner}.csv", f"alone {owner}", "--format", "parquet")
    assert facts(part.summary) == facts(alone.summary)
    for table in ("findings", "credentials", "users"):
        rows = [row for batch in alone.batches(table) for row in batch.to_pylist()]
        assert [row for batch in part.batches(table) for row in batch.to_pylist()] == rows


def test_a_workbook_of_an_owner_holds_nothing_of_others(folder: Path, parts: dict[str, OwnerPart]) -> None:
    names = dict(zip(parts, file_names(list(parts)), strict=True))
    assert sorted(path.stem for path in (folder / "out/owners").iterdir()) == sorted(names.values())
    for owner, name in names.items():
        with zipfile.ZipFile(folder / f"out/owners/{name}.xlsx") as archive:
            texts = b"\n".join(archive.read(member) for member in archive.namelist()).decode()
        for account in (*OWNERS, "222222222222"):
            assert (account in texts) == (OWNERS.get(account) == owner), (owner, account)
        book = openpyxl.load_workbook(folder / f"out/owners/{name}.xlsx", data_only=True)
        assert book["Summary"]["A1"].value == f"Credential report audit: accounts of {owner}"


def test_the_exceptions_of_owners_are_those_of_the_whole(folder: Path, parts: dict[str, OwnerPart]) -> None:
    def noted_rows(path: Path) -> set[tuple[object, ...]]:
        sheet = openpyxl.load_workbook(path)[SHEET]
        return {row[:4] for row in sheet.iter_rows(min_row=5, values_only=True) if row[3]}

    every = noted_rows(folder / "out/workbook.xlsx")
    each = [noted_rows(folder / f"out/owners/{name}.xlsx") for name in file_names(list(parts))]
    assert set().union(*each) == {row for row in every if not str(row[0]).startswith("222222222222")}
    assert sum(map(len, each)) == len(set().union(*each))


@pytest.mark.usefixtures("whole")
def test_render_writes_owner_workbooks_and_fails_without_owners(folder: Path) -> None:
    done = run("render", "out", "--format", "excel", "--by", "owner", "-o", "again", cwd=folder)
    assert done.returncode == 0, done.stderr
    for path in (folder / "out/owners").iterdir():
        assert (folder / "again/owners" / path.name).read_bytes() == path.read_bytes()
    assert run("verify", "again", cwd=folder).returncode == 0
    write(folder / "bare.csv", "account\n111122223333\n")
    for options in (["--accounts", "bare.csv"], []):
        done = run("audit", "reports", *options, "--by", "owner", "-o", "no", cwd=folder)
        assert (done.returncode, "no account has an owner" in done.stderr) == (2, True)
    done = run("audit", "reports", "--by", "region", "-o", "no", cwd=folder)
    assert (done.returncode, "--by" in done.stderr) == (2, True)
    done = run("audit", "reports", "--by", "owner", "--format", "parquet", "-o", "no", cwd=folder)
    assert "--by needs the format excel" in done.stderr
    assert not (folder / "no").exists()


@given(
    st.lists(
        st.text(max_size=12) | st.sampled_from(["CON", "con.x", "a/b", "a b", "A-B", ".", "..", "é", "nul"]),
        unique=True,
    )
)
def test_names_of_files_are_legal_everywhere_and_differ(owners: list[str]) -> None:
    names = file_names(owners)
    assert len({name.lower() for name in names}) == len(owners)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9@_][A-Za-z0-9@_.-]{0,110}", name)
        assert not re.fullmatch(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", name)
