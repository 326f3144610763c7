"""The documents, the commands in them with their output, and the regions that are generated."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from analyzer.rendering import manual

ROOT: Final = Path(__file__).resolve().parent.parent.parent
README: Final = ROOT / "README.md"
MANUAL: Final = {topic: ROOT / "analyzer" / "manual" / f"{topic}.md" for topic in manual.TOPICS}
DOCUMENTS: Final = {"README": README, **MANUAL}

CONSOLE: Final = re.compile(r"```console\n\$ (?P<command>credreport [^\n]*)\n(?P<output>.*?)```", re.DOTALL)
"""A command and what it prints."""
REGION: Final = re.compile(r"<!-- (?P<name>\w+) -->\n(?P<text>.*?)<!-- /(?P=name) -->", re.DOTALL)
"""A part that is generated."""


def text_of(name: str) -> str:
    """Return the text of a document."""
    return DOCUMENTS[name].read_text(encoding="utf-8")


def examples(language: str, name: str | None = None) -> list[str]:
    """Return the code blocks of a language, in one document or in all."""
    names = DOCUMENTS if name is None else [name]
    return [block for each in names for block in re.findall(rf"```{language}\n(.*?)```", text_of(each), re.DOTALL)]


def consoles() -> dict[str, str]:
    """Return the output shown for each command, by command; the same command shows the same everywhere."""
    shown: dict[str, str] = {}
    for name in DOCUMENTS:
        for match in CONSOLE.finditer(text_of(name)):
            if shown.setdefault(match["command"], match["output"]) != match["output"]:
                raise AssertionError(f"two documents show different output: {match['command']}")
    return shown


def anchor(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
