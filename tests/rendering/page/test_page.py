"""The page in a real browser: it works without a network, and nothing in a report acts in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from pyarrow import parquet

from tests.cli.running import run
from tests.rendering.page.conftest import HARMFUL, HARMFUL_FILE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rendering.page.browsing import Browser


@pytest.fixture
def page(browser: Browser, audited: Path) -> Browser:
    browser.open(audited / "report.html")
    return browser


def test_nothing_is_loaded_and_the_console_is_empty(page: Browser, audited: Path) -> None:
    page.click("#findings tbody .fold button")
    assert page.messages() == []
    assert {url for url in page.requests() if not url.startswith("data:")} == {(audited / "report.html").as_uri()}
    text = (audited / "report.html").read_text()
    assert not re.search(r"""(?:src|href)="(?!#)""", text)
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text


def test_names_do_not_act(page: Browser) -> None:
    assert page.run("return document.querySelectorAll('img, b').length") == 0
    page.run("document.getElementById('findings-search').value = arguments[0]", HARMFUL)
    page.run("document.getElementById('findings-search').dispatchEvent(new Event('input'))")
    page.until(lambda: all(HARMFUL in row for row in page.rows("findings")))
    assert page.count("findings") > 1
    page.click("#findings .controls > button")
    page.run("location.hash = '#findings?account_id=444455556666&status=fail'")
    page.until(lambda: all("444455556666" in row for row in page.rows("findings")))
    page.click("#findings tbody .fold button")
    shown = page.run("return document.querySelector('#findings .detail').textContent")
    assert HARMFUL_FILE in shown
    assert page.messages() == []


def test_an_injected_script_would_not_run(page: Browser) -> None:
    page.run(
        "const one = document.createElement('script'); one.textContent = 'window.ran = true';"
        "document.body.append(one); document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"ran = 1\">')"
    )
    assert page.run("return window.ran === undefined")
    names = ("Content Security Policy", "Content-Security-Policy")
    assert any(name in message for message in page.messages() for name in names)


def test_a_click_on_a_heading_sorts_and_another_click_reverses_the_order(page: Browser) -> None:
    at = page.heads("findings").index("user")
    first = page.rows("findings")
    page.click(f"#findings thead th:nth-child({at + 1}) button")
    names = [row[at].lower() for row in page.rows("findings")]
    assert names == sorted(names)
    assert page.run(f"return document.querySelector('#findings thead th:nth-child({at + 1})').ariaSort") == "ascending"
    page.click(f"#findings thead th:nth-child({at + 1}) button")
    names = [row[at].lower() for row in page.rows("findings") if row[at]]
    assert names == sorted(names, reverse=True)
    page.click("#findings .controls > button")
    assert page.rows("findings") == first


def test_every_number_leads_to_as_many_rows(page: Browser) -> None:
    links = page.run(
        "return [...document.querySelectorAll('.figures a, #grid a, #first a')]"
        ".map((one) => [one.getAttribute('href'), one.querySelector('strong') ? one.querySelector('strong').textContent"
        " : one.textContent, one.closest('li') ? one.closest('li').textContent : ''])"
    )
    followed = 0
    for href, text, list_text in links:
        if href == "#accounts?":
            continue
        number = re.search(r"([\d,]+) open failures? in \d", list_text) if not re.fullmatch(r"[\d,]+", text) else None
        page.run("location.hash = ''; location.hash = arguments[0]", href)
        table = href[1:].partition("?")[0]
        if text in {"?", "m"}:
            assert page.count(table) > 0
            continue
        page.until_count(table, int((number[1] if number else text).replace(",", "")))
        followed += 1
    assert followed > 15


def test_filters_choose_rows_and_show_all_removes_the_filters(page: Browser) -> None:
    every = page.count("findings")
    page.run(
        "const select = [...document.querySelectorAll('#findings .controls select')]"
        ".find((one) => one.closest('label').textContent.startsWith('status'));"
        "select.value = 'fail'; select.dispatchEvent(new Event('change'))"
    )
    at = page.heads("findings").index("status")
    assert {row[at] for row in page.rows("findings")} == {"fail"}
    assert page.count("findings") < every
    page.click("#findings .controls > button")
    page.until_count("findings", every)


def test_a_finding_unfolds_to_its_evidence(page: Browser, audited: Path) -> None:
    page.run("location.hash = '#findings?control=unused-credentials&status=fail&account_id=111122223333'")
    page.until_count("findings", 2)
    rows = page.rows("findings")
    position = next(at for at, row in enumerate(rows, start=1) if "old-key" in row)
    page.click(f"#findings tbody tr:nth-child({position}) .fold button")
    shown = page.run("return document.querySelector('#findings .detail').innerText")
    assert "2026-10-31 \N{MINUS SIGN} 2026-01-01 = 303 days; limit 45: fail" in shown
    assert "111122223333.csv:3" in shown
    assert re.search(r"captured\s+2026-10-31 23:59:59Z \(folder name\)", shown)
    assert re.search(r"access_key_1_last_rotated\s+2026-01-01T00:00:00Z", shown)
    assert re.search(r"access_key_1_last_used_date\s+N/A", shown)
    button = f"#findings tbody tr:nth-child({position}) .fold button"
    assert page.run("return document.querySelector(arguments[0]).ariaExpanded", button) == "true"
    page.click(button)
    assert page.run("return document.querySelectorAll('#findings .detail').length") == 0
    assert parquet.read_table(audited / "findings.parquet").num_rows == page.run(
        "return JSON.parse(document.getElementById('data').textContent).tables.findings.count"
    )


def test_users_show_all_their_open_controls(page: Browser) -> None:
    page.run("location.hash = '#users?open=>0&is_root=false'")
    heads = page.heads("users")
    rows = {row[heads.index("user")]: row for row in page.rows("users")}
    assert rows["old-key"][heads.index("open controls")] == "unused-credentials, access-key-rotation"
    assert "in-use" not in rows
    assert rows[HARMFUL][heads.index("last activity")] == "2026-02-01 00:00:00Z"


def test_the_page_can_be_used_by_keyboard(page: Browser) -> None:
    from selenium.webdriver.common.keys import Keys  # noqa: PLC0415

    page.run("document.querySelector('#findings thead th:nth-child(2) button').focus()")
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert page.run("return document.querySelector('#findings thead th:nth-child(2)').ariaSort") == "ascending"
    page.run("document.querySelector('#findings tbody .fold button').focus()")
    page.driver.switch_to.active_element.send_keys(Keys.SPACE)
    assert page.run("return document.querySelectorAll('#findings .detail').length") == 1


def test_more_rows_are_shown_where_there_are_more(page: Browser) -> None:
    assert len(page.rows("findings")) == 100
    page.click("#findings .more")
    assert len(page.rows("findings")) == min(page.count("findings"), 600)


def test_histories_and_comparisons_have_a_page_too(browser: Browser, audited: Path) -> None:
    folder = audited.parent
    run("history", "reports", "-o", "history", "--format", "html", "-q", cwd=folder)
    run("compare", "reports/2026-09-30", "reports/2026-10-31", "-o", "compare", "--format", "html", "-q", cwd=folder)
    for name, table in (("history", "lifetimes"), ("compare", "events")):
        browser.open(folder / name / "report.html")
        assert browser.messages() == []
        assert browser.count(table) == parquet.read_table(folder / name / f"{table}.parquet").num_rows


def test_render_makes_the_same_page(audited: Path) -> None:
    done = run("render", "out", "--format", "html", "-o", "again", cwd=audited.parent)
    assert done.returncode == 0, done.stderr
    assert (audited.parent / "again/report.html").read_bytes() == (audited / "report.html").read_bytes()


def test_words_and_places_are_shown_as_readers_know_them(page: Browser) -> None:
    cells = "[...document.querySelectorAll('#findings tbody td.of-{}')].map(cell => cell.textContent)"
    page.driver.get(page.driver.current_url.partition("#")[0] + "#findings?status=not_checked")
    assert set(page.driver.execute_script(f"return {cells.format('status')}")) <= {"not checked", "manual check"}
    assert all(re.search(r":\d+$", text) for text in page.driver.execute_script(f"return {cells.format('source')}"))
    assert "user" not in page.driver.execute_script(f"return {cells.format('credential')}")


def test_paper_has_more_rows_than_the_screen(page: Browser) -> None:
    count = "return document.querySelectorAll('#findings tbody tr').length"
    before = page.driver.execute_script(count)
    every = page.driver.execute_script(
        "return JSON.parse(document.getElementById('data').textContent).tables.findings.count"
    )
    page.driver.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    assert page.driver.execute_script(count) == min(every, 2000) > before
    page.driver.execute_script("window.dispatchEvent(new Event('afterprint'))")
    assert page.driver.execute_script(count) == before
