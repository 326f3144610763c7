"""The README: short, and true."""

from __future__ import annotations

import re
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from analyzer.controls import catalog
from analyzer.controls.policy import read_policy
from analyzer.rendering import manual
from tests.documents.pages import README, ROOT, examples, text_of

FIGURES = re.compile(r"\d+(?:\.\d+)? (?:s|MB)\b|\d+\.\d+(?= times)")
"""Figures of benchmarks: seconds, megabytes and ratios."""


def test_the_readme_takes_ten_minutes_to_read() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 250


def test_the_readme_has_the_figures_of_the_benchmarks() -> None:
    section = text_of("README").partition("## How fast it is")[2].partition("\n## ")[0]
    figures = [figure.replace("\n", " ") for figure in FIGURES.findall(section.replace("\n  ", " "))]
    measured = (ROOT / "BENCHMARKS.md").read_text(encoding="utf-8")
    assert len(figures) == 11
    for figure in figures:
        assert re.search(rf"\| {re.escape(figure)}(?: x)? \|", measured), figure


def test_the_commands_of_powershell_are_those_of_the_shell() -> None:
    """The README has the same commands for Linux (the gate runs them) and for Windows."""
    posix = [
        block.strip().split(" && ") for block in examples("sh", "README") if block.startswith("python3 -m venv .venv")
    ]
    windows = [block.splitlines() for block in examples("powershell", "README")]
    (least,) = re.findall(r'requires-python = ">=(.*)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert len(posix) == 2
    assert windows == [
        [
            re.sub(r"^python3 ", f"py -{least} ", command).replace(".venv/bin/", ".venv\\Scripts\\")
            for command in commands
        ]
        for commands in posix
    ]


def test_the_first_command_ends_well() -> None:
    """After an installation, exit code 1 would look like a failed installation."""
    (install, _) = [block for block in examples("sh", "README") if block.startswith("python3 -m venv .venv")]
    assert install.strip().endswith("credreport audit sample_reports --exit-zero")


def test_every_room_of_the_house_is_described() -> None:
    (house,) = re.findall(r"```\nanalyzer/\n(.*?)```", text_of("README"), re.DOTALL)
    described = {line.split()[0].rstrip("/") for line in house.splitlines()}
    rooms = {path.name for path in (ROOT / "analyzer").iterdir() if not path.name.startswith(("_", "py."))}
    assert described == rooms


def test_the_policy_can_be_used(tmp_path: Path) -> None:
    (policy,) = examples("toml", "README")
    (tmp_path / "policy.toml").write_text(policy, encoding="utf-8")
    assert len(read_policy(tmp_path / "policy.toml").waivers) == 1


def test_the_readme_shows_the_number_of_controls() -> None:
    assert f"[{len(catalog.CONTROLS)} in all]" in text_of("README")


def test_the_readme_links_each_topic_of_the_manual() -> None:
    assert all(f"](analyzer/manual/{topic}.md)" in text_of("README") for topic in manual.TOPICS)


def _closure(name: str) -> set[str]:
    """Return the distributions that `name` needs, itself included, without extras."""
    distributions, waiting = set(), [name]
    while waiting:
        current = waiting.pop().lower().replace("_", "-")
        if current in distributions:
            continue
        distributions.add(current)
        needed = [Requirement(text) for text in requires(current) or []]
        waiting += [part.name for part in needed if part.marker is None or part.marker.evaluate({"extra": ""})]
    return distributions


@pytest.mark.parametrize(
    "client",
    ["requests", "urllib3", "httpx", "httpcore", "aiohttp", "boto3", "botocore", "s3fs", "paramiko", "websockets"],
)
def test_no_dependency_is_a_network_client(client: str) -> None:
    needed = _closure("credreport")
    assert {"pandas", "pyarrow", "typer"} <= needed
    assert client not in needed


def test_the_code_opens_no_connection() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "analyzer").rglob("*.py"))
    assert not re.search(r"^\s*(?:import|from) (?:socket|ssl|http|urllib|ftplib|smtplib|asyncio)\b", code, re.MULTILINE)


def test_every_dependency_has_its_reason() -> None:
    reasons = text_of("README").partition("### Dependencies")[2].partition("\n## ")[0].lower()
    direct = {Requirement(text).name.lower() for text in requires("credreport") or [] if "extra" not in text}
    assert all(name in reasons for name in direct)


def test_pyproject_has_a_reason_for_each_dependency() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = text[text.index("dependencies = [") : text.index("[project.scripts]")]
    lines = [line for line in section.splitlines() if line.startswith('    "')]
    assert len(lines) > 30
    assert all("  # " in line for line in lines), [line for line in lines if "  # " not in line]
