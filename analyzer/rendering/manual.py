"""The manual: pages of Markdown that are installed with the program, and that outputs take explanations from."""

from __future__ import annotations

import re
from typing import Final

TOPICS: Final = {
    "reading": "the forms of reports that are read, and what happens to odd files",
    "judging": "how checks are decided, the reference date, the trend, what will fail soon",
    "controls": "every control in full",
    "frameworks": "CIS, Security Hub, PCI DSS, NIST and others; a framework of your own",
    "policy": "limits, severities, and waivers that expire",
    "lists": "accounts without a report, people who left, users of nobody",
    "evidence": "the files of a run; show, render, verify, sign, sample",
    "workbook": "the workbook, the page and the PDF",
    "remediation": "the worksheet and the script for what fails",
    "pseudonyms": "evidence without names",
    "history": "store, compare, and how long failures stayed open",
    "nightly": "running every night: a script, exit codes, missing reports",
    "sql": "queries for the tables and the store",
    "python": "the Python API, and the schemas of --json",
    "cluster": "many accounts, many machines",
    "performance": "figures, and what to do about slow runs",
    "security": "what is promised, against whom, and the tests that show it",
    "offline": "installation without a network, Windows and macOS",
    "commands": "every command with its options, and the exit codes",
    "glossary": "the terms",
    "faq": "questions and answers",
}
"""The topics in reading order, each with what it is about."""


def page(topic: str) -> str:
    """Return the Markdown of a topic. Raises KeyError for an unknown one."""
    from importlib.resources import files  # noqa: PLC0415 - every command lists the topics, and few show one

    if topic not in TOPICS:
        raise KeyError(topic)
    return files("analyzer").joinpath("manual", f"{topic}.md").read_text(encoding="utf-8")


def paragraphs(topic: str, heading: str) -> list[str]:
    """Return the paragraphs and list items of a section as plain text. Raises KeyError for an unknown section."""
    texts = []
    for block in _section(topic, heading).split("\n\n"):
        if not block.startswith(("|", "```")):
            texts += [_plain(item.removeprefix("- ")) for item in re.split(r"\n(?=- )", block.strip()) if item]
    return texts


def table(topic: str, heading: str) -> list[list[str]]:
    """Return the rows of the table in a section as plain text, the header first."""
    lines = [line for line in _section(topic, heading).splitlines() if line.startswith("|")]
    rows = [[_plain(cell.strip()) for cell in line.strip().strip("|").split("|")] for line in lines]
    return [rows[0], *rows[2:]]  # the line below the header has no texts


def terms() -> list[list[str]]:
    """Return the glossary as pairs of a term and its meaning."""
    return [*table("glossary", "Glossary")[1:], *table("glossary", "Words of AWS")[1:]]


def _section(topic: str, heading: str) -> str:
    """Return what stands between a heading and the next one."""
    match = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", page(topic), re.MULTILINE | re.DOTALL)
    if match is None:
        raise KeyError(heading)
    return match[1].strip()


def _plain(text: str) -> str:
    """Return Markdown as plain text in one line: links by their text, without marks for code and emphasis."""
    linked = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", " ".join(text.split()))
    return re.sub(r"(?<!\w)\*+([^*]+)\*+(?!\w)", r"\1", linked).replace("`", "")
