"""No text from a report becomes a formula: in CSV, in workbooks that LibreOffice opens, or when copied from a page."""

from __future__ import annotations

import csv
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

import openpyxl
import pytest

from tests.cli.running import run
from tests.rendering.page.browsing import Browser
from tests.rendering.workbook.recalculating import NEEDS_LIBREOFFICE
from tests.security.odd import FORMULAS, write_odd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BEGINNINGS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""The first characters of cells that a spreadsheet takes for a formula, or that hide one (OWASP, "CSV Injection")."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    working_folder = tmp_path_factory.mktemp("spreadsheets")
    write_odd(working_folder)
    lists = ["--accounts", "accounts.csv", "--leavers", "leavers.csv", "--by", "owner"]
    done = run("audit", "r", *lists, "--format", "parquet,html,excel,remediation", "-o", "out", cwd=working_folder)
    assert done.returncode in (1, 3), done.stderr
    assert run("sample", "out", "-o", "sample", "--size", "5", cwd=working_folder).returncode == 0
    assert run("history", "r", "-o", "history", cwd=working_folder).returncode in (1, 3)
    assert run("compare", "r/2026-09-30", "r/2026-10-31", "-o", "compare", cwd=working_folder).returncode in (1, 3)
    return working_folder


def test_no_cell_of_a_csv_begins_as_formulas_do(folder: Path) -> None:
    files = [path for path in folder.rglob("*.csv") if path.parent.name in {"remediation", "sample"}]
    assert files
    cells = set[str]()
    for path in files:
        with path.open(encoding="utf-8-sig", newline="") as file:
            cells |= {cell for row in csv.reader(file) for cell in row}
    assert not [cell for cell in cells if cell.startswith(BEGINNINGS)]
    assert {f"'{text}" for text in FORMULAS} <= cells, "the names are in it, marked as texts"


def formulas_of(book: Path) -> Iterator[str]:
    """Yield the formulas in a workbook."""
    for sheet in openpyxl.load_workbook(book):
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    yield str(cell.value)


def all_texts(book: Path) -> set[str]:
    loaded = openpyxl.load_workbook(book, data_only=True)
    rows = (row for sheet in loaded for row in sheet.iter_rows(values_only=True))
    return {str(cell) for row in rows for cell in row if cell is not None}


def opened_by_libreoffice(books: list[Path], folder: Path) -> list[Path]:
    """Return workbooks as LibreOffice writes them after it has opened them."""
    copies = []
    for number, book in enumerate(books):
        copies.append(folder / f"{number}.xlsx")
        shutil.copyfile(book, copies[-1])
    command = [
        *("soffice", f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless", "--convert-to"),
        *("xlsx:Calc MS Excel 2007 XML", "--outdir", str(folder / "out"), *map(str, copies)),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return [folder / "out" / copy.name for copy in copies]


@NEEDS_LIBREOFFICE
def test_workbooks_hold_no_formula_made_of_a_name_also_when_libreoffice_has_opened_them(
    folder: Path, tmp_path: Path
) -> None:
    books = sorted(folder.rglob("*.xlsx"))
    assert len(books) >= 5
    for book, opened in zip(books, opened_by_libreoffice(books, tmp_path), strict=True):
        for workbook in (book, opened):
            for formula in formulas_of(workbook):
                assert not any(text.lstrip("=+-@") in formula for text in FORMULAS if len(text) > 4), formula
                assert formula not in FORMULAS
        own = sum(1 for _ in formulas_of(book))
        assert sum(1 for _ in formulas_of(opened)) == own
    assert set(FORMULAS) <= all_texts(folder / "out/workbook.xlsx")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        pytest.skip("needs Chromium and its driver")
    with Browser.started(tmp_path_factory.mktemp("browser")) as started:
        yield started


COPY_SCRIPT: Final = """
    const range = document.createRange();
    range.selectNodeContents(document.querySelector(arguments[0]));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    const event = new ClipboardEvent("copy", {clipboardData: new DataTransfer(), bubbles: true, cancelable: true});
    document.querySelector(arguments[0]).dispatchEvent(event);
    return {kept: event.defaultPrevented, text: event.clipboardData.getData("text/plain"),
            html: event.clipboardData.getData("text/html")};
"""
"""Copies an element as a reader would, and returns what the page puts into the clipboard."""


@pytest.mark.parametrize(("page", "table"), [("out", "users"), ("out", "accounts"), ("compare", "events")])
def test_text_copied_from_a_page_holds_no_formula(folder: Path, browser: Browser, page: str, table: str) -> None:
    browser.open(folder / page / "report.html")
    copied: dict[str, Any] = browser.run(COPY_SCRIPT, f"#{table} tbody")
    assert copied["kept"], "the page fills the clipboard itself"
    assert copied["html"] == "", "which a spreadsheet would take in place of the text"
    cells = [cell for line in copied["text"].split("\n") for cell in line.split("\t")]
    assert not [cell for cell in cells if cell.strip().startswith(BEGINNINGS[:4])], cells
    assert any(cell.startswith("'=") for cell in cells)


def test_a_plain_text_is_copied_as_it_is(folder: Path, browser: Browser) -> None:
    browser.open(folder / "out/report.html")
    assert not browser.run(COPY_SCRIPT, ".answer")["kept"]
