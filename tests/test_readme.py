"""What the README shows of the program is what the program prints.

`python tests/test_readme.py` writes the output of every `console` block in the README anew, and the table of controls.
"""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from analyzer.cli.explain import markdown
from analyzer.cli.main import app
from analyzer.controls import catalog
from analyzer.controls.checklist import make_checklist
from analyzer.controls.frameworks import FRAMEWORKS
from analyzer.controls.policy import read_policy

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BLOCK = re.compile(r"```console\n\$ (?P<command>credreport [^\n]*)\n(?P<output>.*?)```", re.DOTALL)
BLOCKS = {match["command"]: match["output"] for match in BLOCK.finditer(README.read_text(encoding="utf-8"))}
ANSWER_ONLY = "credreport audit sample_reports"
CONTROLS = re.compile(r"(?<=<!-- controls -->\n).*?(?=<!-- /controls -->)", re.DOTALL)


FIGURES = re.compile(r"\d+(?:\.\d+)? (?:s|MB)\b|\d+\.\d+(?= times)")
"""Figures of benchmarks: seconds, megabytes and ratios."""


def test_the_readme_has_the_figures_of_the_benchmarks() -> None:
    section = README.read_text(encoding="utf-8").partition("## How fast it is")[2].partition("How far it goes:")[0]
    figures = [figure.replace("\n", " ") for figure in FIGURES.findall(section.replace("\n  ", " "))]
    measured = (ROOT / "BENCHMARKS.md").read_text(encoding="utf-8")
    assert len(figures) == 13
    for figure in figures:
        assert re.search(rf"\| {re.escape(figure)}(?: x)? \|", measured), figure


PROGRAM = Path(sys.executable).with_name("credreport")


@cache
def evidence() -> tempfile.TemporaryDirectory[str]:
    """Return a folder with the evidence of the samples, which is made once."""
    folder = tempfile.TemporaryDirectory()
    shutil.copytree(ROOT / "sample_reports", Path(folder.name) / "sample_reports")
    audited = [str(PROGRAM), "audit", "sample_reports", "-o", "evidence"]
    subprocess.run(audited, cwd=folder.name, capture_output=True, check=False)
    return folder


def printed(command: str) -> str:
    """Return what `command` prints, run beside a copy of the samples."""
    script, *arguments = command.split()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "sample_reports", Path(folder) / "sample_reports")
        environment = {**os.environ, "COLUMNS": "110", "NO_COLOR": "1"}
        program = PROGRAM.with_name(script)
        if arguments[0] in {"render", "sample", "verify", "show"}:
            shutil.copytree(Path(evidence().name) / "evidence", Path(folder) / "evidence")
        if "--store history" in command and arguments[0] != "ingest":
            ingest = [str(program), "ingest", "sample_reports", "--store", "history"]
            subprocess.run(ingest, cwd=folder, capture_output=True, check=True, env=environment)
        done = subprocess.run(
            [program, *arguments],
            cwd=folder,
            capture_output=True,
            check=False,
            env=environment,
        )
    text = "".join(f"{line.rstrip()}\n" for line in done.stdout.decode().splitlines())
    return text.rpartition("\n\n")[2] if command == ANSWER_ONLY else text


def test_the_commands_of_powershell_are_those_of_the_shell() -> None:
    """What is run on Linux (the gate runs the README's own command) is what the README has Windows run."""
    text = README.read_text(encoding="utf-8")
    posix = [block.split(" && ") for block in re.findall(r"```sh\n(python3 -m venv .*)\n```", text)]
    windows = [
        block.splitlines()
        for block in re.findall(r"```powershell\n(.*?)```", text, re.DOTALL)
        if "-m venv .venv" in block  # and not where there is no network
    ]
    (least,) = re.findall(r'requires-python = ">=(.*)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert len(posix) == 2
    assert windows == [
        [re.sub(r"^python3 ", f"py -{least} ", one).replace(".venv/bin/", ".venv\\Scripts\\") for one in commands]
        for commands in posix
    ]


@pytest.mark.parametrize("command", BLOCKS)
def test_the_readme_shows_what_the_program_prints(command: str) -> None:
    assert printed(command) == BLOCKS[command]


def test_the_example_in_python_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "sample_reports", tmp_path / "sample_reports")
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```pycon\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    tried = doctest.DocTestRunner().run(doctest.DocTestParser().get_doctest(example, {}, "README.md", None, None))
    assert tried.attempted > 5
    assert not tried.failed


def test_every_command_is_shown() -> None:
    shown = " ".join(BLOCKS)
    names = [command.name for command in app.registered_commands]
    assert {"audit", "render", "verify"} <= set(names)
    assert all(f"credreport {name}" in shown for name in (*names, "audit --help") if name != "store")


def test_every_room_of_the_house_is_described() -> None:
    (house,) = re.findall(r"```\nanalyzer/\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    described = {line.split()[0].rstrip("/") for line in house.splitlines()}
    rooms = {path.name for path in (ROOT / "analyzer").iterdir() if not path.name.startswith(("_", "py."))}
    assert described == rooms


def test_the_table_of_controls_is_that_of_the_catalogue() -> None:
    (table,) = CONTROLS.findall(README.read_text(encoding="utf-8"))
    assert table == f"{markdown()}\n"


FRAMEWORK, POLICY = re.findall(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_policy_in_the_readme_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(POLICY, encoding="utf-8")
    policy = read_policy(tmp_path / "policy.toml")
    assert len(policy.waivers) == 1
    assert make_checklist(policy=policy).left_out == ("unused-credentials-console",)


def test_the_framework_in_the_readme_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "our-baseline.toml").write_text(FRAMEWORK, encoding="utf-8")
    (check,) = make_checklist(benchmark=str(tmp_path / "our-baseline.toml")).checks
    assert (check.requirement, check.limit_days) == ("A.1", 30)


def test_the_readme_says_how_many_controls_and_frameworks_there_are() -> None:
    text = README.read_text(encoding="utf-8")
    assert f"[{len(catalog.CONTROLS)} in all](#the-controls)" in text
    assert f"There are {len(FRAMEWORKS)}, from" in text
    assert f"Without options {len(make_checklist().checks)} controls are judged" in text


def test_links_and_pictures_are_there() -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", README.read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target


def _closure(name: str) -> set[str]:
    """Return the distributions that `name` needs, itself included, without extras."""
    found, waiting = set(), [name]
    while waiting:
        current = waiting.pop().lower().replace("_", "-")
        if current in found:
            continue
        found.add(current)
        needed = [Requirement(text) for text in requires(current) or []]
        waiting += [one.name for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


def test_no_dependency_is_a_network_client() -> None:
    needed = _closure("credreport")
    assert {"pandas", "pyarrow", "typer"} <= needed
    clients = {
        "requests",
        "urllib3",
        "httpx",
        "httpcore",
        "aiohttp",
        "boto3",
        "botocore",
        "s3fs",
        "paramiko",
        "websockets",
    }
    assert needed.isdisjoint(clients)
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "analyzer").rglob("*.py"))
    assert not re.search(r"^\s*(?:import|from) (?:socket|ssl|http|urllib|ftplib|smtplib|asyncio)\b", code, re.MULTILINE)


def test_every_dependency_has_its_reason() -> None:
    reasons = README.read_text(encoding="utf-8").partition("### Dependencies")[2].partition("\n## ")[0].lower()
    direct = {Requirement(text).name.lower() for text in requires("credreport") or [] if "extra" not in text}
    assert all(name in reasons for name in direct)


if __name__ == "__main__":
    text = CONTROLS.sub(f"{markdown()}\n", README.read_text(encoding="utf-8"))
    README.write_text(
        BLOCK.sub(lambda m: f"```console\n$ {m['command']}\n{printed(m['command'])}```", text), encoding="utf-8"
    )
