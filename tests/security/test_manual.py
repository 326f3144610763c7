"""The page on security names tests that exist."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_promise_names_tests_that_exist() -> None:
    page = (files("analyzer.manual") / "security.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and re.search(r"`(pytest|python -m) ", line)]
    assert len(rows) >= 15
    for row in rows:
        (command,) = re.findall(r"`((?:pytest|python) [^`]+)`", row)
        for test_path in re.findall(r"tests/\S+", command):
            assert (ROOT / test_path).exists(), test_path
        for module in re.findall(r"-m (tests\S+)", command):
            assert (ROOT / module.replace(".", "/") / "__main__.py").exists(), module
        for word in re.findall(r"-k (\w+)", command):
            (folder,) = re.findall(r"tests/\S+", command)
            assert any(re.search(rf"def test_\w*{word}", path.read_text()) for path in (ROOT / folder).rglob("*.py"))
