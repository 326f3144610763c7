"""What page, PDF and workbook show people who act on them: waivers, accounts, unused credentials, inputs."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from tests.cli.running import run
from tests.rendering.pdf.reading import text_of
from tests.reports import csv_of, key, password, root, user, write
from tests.test_numbers_agree import Page, below, summary_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

POLICY = """
[waivers.break-glass]
account = "111122223333"
user = "old"
control = "unused-credentials"
reason = "kept for emergencies"
owner = "security team"
ticket = "SEC-1"
expires = 2026-12-31
[waivers.gone]
user = "nobody"
reason = "left"
owner = "team-b"
expires = 2026-12-31
"""
COVERS = "account 111122223333, user old, control unused-credentials"


@dataclass(frozen=True)
class Outputs:
    folder: Path
    page: Page
    pdf: str
    book: list[tuple[Any, ...]]


def outputs_of(folder: Path, *options: str) -> Outputs:
    """Audit the reports in `folder`/in."""
    formats = ("--format", "parquet,html,pdf,excel")
    done = run("audit", "in", "-o", "out", "--as-of", "2026-10-31", *formats, *options, cwd=folder)
    assert done.returncode in {0, 1}, done.stderr
    book = summary_of(folder / "out/workbook.xlsx")
    return Outputs(folder, Page(folder / "out/report.html"), text_of(folder / "out/summary.pdf"), book)


def account(number: int, users: Sequence[str]) -> str:
    unused = key(rotated="2026-01-01T00:00:00Z")
    return csv_of(root(f"{number}", mfa_active="true"), *(user(name, account=f"{number}", **unused) for name in users))


@pytest.fixture(scope="module")
def five_accounts(tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    folder = tmp_path_factory.mktemp("five")
    write(folder / "policy.toml", POLICY)
    for at in range(5):
        number = 111122223333 + at
        names = [f"user-{n}" for n in range(at + 1)] + ["old"]
        write(folder / f"in/2026-10-31/{number}.csv", account(number, names))
    return outputs_of(folder, "--policy", "policy.toml")


def test_waivers_are_in_the_page_and_in_the_pdf(five_accounts: Outputs) -> None:
    rows = five_accounts.page.rows["waivers"]
    assert rows["id"] == ["break-glass", "gone"]
    assert rows["scope"] == [COVERS, "user nobody"]
    assert rows["checks"] == [1, 0]
    assert rows["expires"] == ["2026-12-31"] * 2
    assert "Accepted until a date (waivers)" in five_accounts.page.text
    part = five_accounts.pdf.partition("Accepted until a date (waivers)")[2].partition("Completeness")[0]
    for text in (
        "break-glass",
        COVERS.removesuffix("credentials"),
        "kept for emergencies",
        "security team",
        "SEC-1 2026-12-31 1 in force",
    ):
        assert text in part


def test_outputs_without_waivers_do_not_mention_them(tmp_path: Path) -> None:
    write(tmp_path / "in/2026-10-31/111122223333.csv", account(111122223333, ["a"]))
    outputs = outputs_of(tmp_path)
    assert "waivers" not in outputs.page.rows
    assert "Accepted until" not in outputs.page.text + outputs.pdf


def test_what_comes_first_names_the_accounts_with_the_most_failures(five_accounts: Outputs) -> None:
    accounts = "111122223337, 111122223336, 111122223335 and 2 more"
    assert f"unused-credentials (medium): 19 failures in {accounts}. " in five_accounts.page.text
    assert f"medium unused-credentials 19 {accounts} " in five_accounts.pdf
    row = below(five_accounts.book, "What to do first")["unused-credentials"]
    assert row[:3] == ("medium", 19, accounts)


def test_what_comes_first_counts_the_controls_that_it_leaves_out(tmp_path: Path) -> None:
    bad = {"mfa_active": "false", "access_key_1_active": "true", "password_last_used": "2026-10-30T00:00:00Z"}
    rows = [root(**bad), user("a", **key(rotated="2020-01-01T00:00:00Z"), **password(changed="2020-01-01T00:00:00Z"))]
    write(tmp_path / "in/2026-10-31/111122223333.csv", csv_of(*rows))
    outputs = outputs_of(tmp_path)
    shown = list(below(outputs.book, "What to do first"))[1:]
    (words,) = re.findall(r"and (\d+) more controls that fail", outputs.page.text)
    assert "unused-credentials (medium): 2 failures in 111122223333. " in outputs.page.text
    assert f"and {words} more controls that fail" in outputs.pdf
    assert f"and {words} more controls that fail" in shown


def test_the_pdf_lists_each_unused_credential_and_each_input(five_accounts: Outputs) -> None:
    part = five_accounts.pdf.partition("Unused credentials account user")[2].partition("Controls: number")[0]
    # One of them is waived.
    assert part.count("access_key_1") == 20
    assert part.count("waived: ") == 1
    assert "further failures" not in part
    assert "111122223334 user-0 access_key_1 never used" in part
    for path in (five_accounts.folder / "in/2026-10-31").iterdir():
        assert f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" in five_accounts.pdf


def test_the_pdf_says_where_to_find_what_it_leaves_out(tmp_path: Path) -> None:
    for at in range(41):
        number = 111122223333 + at
        write(tmp_path / f"in/2026-10-31/{number}.csv", account(number, ["a"]))
    outputs = outputs_of(tmp_path)
    assert "36 further failures of unused-credentials are in findings.parquet and the workbook." in outputs.pdf
    assert (
        "41 inputs were read, too many for this list. manifest.json has the SHA-256, the capture time and the role"
        in outputs.pdf
    )


def test_headings_of_summary_that_are_longer_than_their_columns_are_wrapped(five_accounts: Outputs) -> None:
    sheet = openpyxl.load_workbook(five_accounts.folder / "out/workbook.xlsx")["Summary"]
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value == "rows the formulas cannot recalculate"]
    assert cells
    for cell in cells:
        assert cell.alignment.wrap_text
        assert sheet.row_dimensions[cell.row].height >= 45
