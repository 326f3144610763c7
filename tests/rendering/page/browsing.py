"""Pages as a browser without a window shows them."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from selenium.webdriver import Chrome

_PATIENCE = 10


@dataclass
class Browser:
    """A browser: what it opened, and the messages of its console."""

    driver: Chrome

    @classmethod
    @contextmanager
    def started(cls, folder: Path) -> Iterator[Browser]:
        """Yield a browser that keeps its files in `folder`."""
        from selenium import webdriver  # noqa: PLC0415 - only these tests need it
        from selenium.webdriver.chrome.options import Options  # noqa: PLC0415
        from selenium.webdriver.chrome.service import Service  # noqa: PLC0415

        options = Options()
        options.binary_location = "/usr/bin/chromium"
        for argument in (
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,1000"),
            *("--disable-background-networking", "--disable-component-update", f"--user-data-dir={folder / 'profile'}"),
        ):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        try:
            yield cls(driver)
        finally:
            driver.quit()

    def open(self, path: Path) -> None:
        """Open a page; the messages about earlier pages are dropped."""
        self.driver.get("about:blank")
        self.messages()
        self._log("performance")
        self.driver.get(path.as_uri())

    def messages(self) -> list[str]:
        """Return the messages of the console since the last call."""
        return [str(entry["message"]) for entry in self._log("browser")]

    def _log(self, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.driver.get_log(kind)  # type: ignore[no-untyped-call]
        return entries

    def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - whatever a script gives
        """Return what a script gives on the page."""
        return self.driver.execute_script(script, *arguments)

    def click(self, selector: str) -> None:
        """Click the first element that a selector finds."""
        self.run("document.querySelector(arguments[0]).click()", selector)

    def rows(self, table: str) -> list[list[str]]:
        """Return the texts of a table's rows, without the rows that show evidence."""
        script = (
            "return [...document.querySelectorAll(`#${arguments[0]} tbody tr:not(.detail)`)]"
            ".map((row) => [...row.children].map((cell) => cell.textContent))"
        )
        texts: list[list[str]] = self.run(script, table)
        return texts

    def count(self, table: str) -> int:
        """Return how many rows a table says that it has now."""
        text = self.run("return document.querySelector(`#${arguments[0]} [role=status]`).textContent", table)
        return int(str(text).partition(" ")[0].replace(",", ""))

    def until_count(self, table: str, expected: int) -> None:
        """Wait until a table has so many rows."""
        self.until(lambda: self.count(table) == expected)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds; the clock only ends the waiting."""
        end = time.monotonic() + _PATIENCE
        while not holds() and time.monotonic() < end:
            time.sleep(0.02)
        assert holds()

    def heads(self, table: str) -> list[str]:
        """Return the names of a table's columns."""
        script = "return [...document.querySelectorAll(`#${arguments[0]} thead th`)].map((cell) => cell.textContent)"
        names: list[str] = self.run(script, table)
        return names

    def requests(self) -> list[str]:
        """Return the addresses that were requested since the page was opened."""
        import json  # noqa: PLC0415

        entries = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        sent = [
            entry["params"]["request"]["url"] for entry in entries if entry["method"] == "Network.requestWillBeSent"
        ]
        return [str(url) for url in sent]
