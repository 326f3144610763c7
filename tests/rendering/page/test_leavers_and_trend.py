"""The lists of people and the trend have tables on the page, and their numbers lead to rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.cli.running import run
from tests.rendering.page.conftest import HARMFUL
from tests.reports import csv_of, key, root, user, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rendering.page.browsing import Browser

FORMULA = "=HYPERLINK(1)"
OTHER = "444455556666"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two snapshots of one account, another account, and lists with harmful names."""
    folder = tmp_path_factory.mktemp("people")
    old = key(rotated="2026-01-01T00:00:00Z")
    used = key(rotated="2026-01-01T00:00:00Z", used="2026-10-30T00:00:00Z")
    for day, users in (("2026-09-30", []), ("2026-10-31", [user("ben", **used)])):
        write(folder / f"reports/{day}/111122223333.csv", csv_of(root(), user("ann", **old), *users))
    others = [user(name, account=OTHER, **old) for name in ("ann", "cat")]
    write(folder / f"reports/2026-10-31/{OTHER}.csv", csv_of(root(OTHER), *others))
    leavers = f'user,last_day\nben,2026-10-01\ncat,2026-12-31\n"{HARMFUL}",2026-01-01\n{FORMULA},2026-01-01\n'
    write(folder / "leavers.csv", leavers)
    write(folder / "people.csv", f"user\nann\nben\n{HARMFUL}\n")
    return folder


def opened(browser: Browser, folder: Path, *options: str) -> Browser:
    """Return the browser with the page of an audit with these options."""
    name = f"out{len(options)}"
    done = run("audit", "reports", *options, "-o", name, "--format", "parquet,html", cwd=folder)
    assert done.returncode == 1, done.stderr
    browser.open(folder / name / "report.html")
    return browser


def links(page: Browser, selector: str) -> list[tuple[str, str]]:
    script = "return [...document.querySelectorAll(arguments[0])].map((a) => [a.getAttribute('href'), a.textContent])"
    return [(href, text) for href, text in page.run(script, selector)]


def test_leavers_and_people_have_tables_that_their_numbers_lead_to(browser: Browser, inputs: Path) -> None:
    page = opened(browser, inputs, "--leavers", "leavers.csv", "--people", "people.csv")
    followed = links(page, ".lines a")
    assert {href[1:].partition("?")[0] for href, _ in followed} == {"findings", "leavers", "people"}
    for href, text in followed:
        number = re.match(r"(?:[^\d]*)([\d,]+)", text)
        assert number
        page.run("location.hash = ''; location.hash = arguments[0]", href)
        page.until_count(href[1:].partition("?")[0], int(number[1]))
    page.run("location.hash = '#leavers?'")
    page.until_count("leavers", 4)
    heads = page.heads("leavers")
    rows = {row[heads.index("user in the list")]: row for row in page.rows("leavers")}
    assert set(rows) == {"ben", "cat", HARMFUL, FORMULA}
    assert rows["ben"][heads.index("has left") :][:4] == ["yes", "1", "2026-10-30 00:00:00Z", "yes"]
    assert rows[HARMFUL][heads.index("has left") :][:2] == ["", ""]
    assert rows["ben"][heads.index("match")] == "matched"
    assert page.run("return window.ran === undefined")
    assert page.messages() == []


def test_a_list_that_does_not_fit_says_what_is_left_out(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from analyzer.evidence.opened import EvidenceSet  # noqa: PLC0415
    from analyzer.rendering.page import of_audit  # noqa: PLC0415

    options = ["--leavers", "leavers.csv", "-o", "cut", "--format", "parquet"]
    assert run("audit", "reports", *options, cwd=inputs).returncode == 1
    monkeypatch.setattr(of_audit, "MOST_ROWS", 2)
    content = of_audit.content_of_audit(EvidenceSet.at(str(inputs / "cut")), 14)
    (table,) = [table for table in content.shown["tables"] if table["name"] == "leavers"]
    assert table["note"] == (
        "This page has 2 rows, the rows that need a look first; 2 further rows are in leavers.parquet beside it."
    )


def test_numbers_of_the_judged_snapshots_in_the_trend_lead_to_their_failures(browser: Browser, inputs: Path) -> None:
    page = opened(browser, inputs)
    followed = links(page, "#trend tbody a")
    assert followed
    heads = page.heads("trend")
    assert len(followed) == sum(row[heads.index("fail now")] not in {"0", "\N{EN DASH}"} for row in page.rows("trend"))
    for href, text in followed:
        assert "account_id=111122223333" in href
        page.run("location.hash = ''; location.hash = arguments[0]", href)
        page.until_count("findings", int(text))
    note = page.run("return document.querySelector('#trend .count').textContent")
    assert "credreport compare lists the failures of both snapshots" in note
    assert "without a link" not in note


def test_a_number_of_the_trend_without_rows_on_the_page_is_no_link(browser: Browser, inputs: Path) -> None:
    """At a later reference date, more credentials are unused than at the capture time."""
    page = opened(browser, inputs, "--as-of", "2027-06-30")
    controls = {href.partition("control=")[2].partition("&")[0] for href, _ in links(page, "#trend tbody a")}
    assert "unused-credentials" not in controls
    note = page.run("return document.querySelector('#trend .count').textContent")
    assert "A number in the last column without a link" in note
