"""Frameworks: this program's own against a copy of the facts that is kept apart, and files of users."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

import analyzer
from analyzer.controls.catalog import BY_ID
from analyzer.controls.checklist import make_checklist
from analyzer.controls.frameworks import FRAMEWORKS, newest_cis
from analyzer.controls.frameworks.reading import parse_framework, read_framework
from analyzer.errors import FrameworkError, UsageError
from analyzer.evidence.opened import EvidenceSet
from tests.cli.running import run
from tests.reports import csv_of, key, root, user, write
from tests.running import Settings

with (Path(__file__).parent / "frameworks.csv").open(encoding="utf-8", newline="") as file:
    FACTS: Final = list(csv.DictReader(file))
IDS: Final = list(dict.fromkeys(row["framework_id"] for row in FACTS))


def facts_of(framework: str) -> list[tuple[dict[str, str], list[str]]]:
    """Return the facts on a framework, each with its controls."""
    return [(row, row["controls"].split(";")) for row in FACTS if row["framework_id"] == framework]


def test_there_is_a_file_for_each_framework_of_the_facts() -> None:
    assert set(FRAMEWORKS) == set(IDS)
    assert {control for row in FACTS for control in row["controls"].split(";")} <= set(BY_ID)


@pytest.mark.parametrize("framework", IDS)
def test_every_requirement_agrees_with_the_facts(framework: str) -> None:
    loaded = FRAMEWORKS[framework]
    facts = facts_of(framework)
    head = facts[0][0]
    assert (loaded.id, loaded.title, loaded.version, loaded.publisher) == (
        framework,
        head["framework_title"],
        head["version"],
        head["publisher"],
    )
    assert [requirement.number for requirement in loaded.requirements] == [row["requirement"] for row, _ in facts]
    for requirement, (row, controls) in zip(loaded.requirements, facts, strict=True):
        limits = dict(part.split("=") for part in row["parameters"].split(";") if part)
        parameter_names = {name for control in controls for name in BY_ID[control].parameters}
        assert requirement.title == row["requirement_title"]
        assert list(requirement.controls) == controls
        assert {name: str(value) for name, value in requirement.parameters.items()} == {
            name: value for name, value in limits.items() if name in parameter_names
        }
        assert (str(requirement.level or ""), requirement.assessment or "") == (row["level"], row["assessment"])
        assert requirement.is_partly == row["note"].startswith("partly")
        assert requirement.is_related == ("weak" in row["note"])
        assert requirement.source == row["source"] != ""


@pytest.mark.parametrize("framework", IDS)
def test_each_control_is_judged_once_for_each_of_its_limits(framework: str) -> None:
    checks = make_checklist(benchmark=framework).checks
    expected: dict[tuple[str, tuple[tuple[str, int], ...]], list[str]] = {}
    for row, controls in facts_of(framework):
        limits = {name: int(value) for name, value in (p.split("=") for p in row["parameters"].split(";") if p)}
        for control in controls:
            own = {name: parameter.default for name, parameter in BY_ID[control].parameters.items()}
            judged_by = {name: limits.get(name, value) for name, value in own.items()}
            expected.setdefault((control, tuple(judged_by.items())), []).append(row["requirement"])  # type: ignore[arg-type]
    assert {
        (check.control.id, tuple(check.parameters.items())): list(check.requirements) for check in checks
    } == expected
    # Of a control with several limits the strictest comes first: sums and rankings count that one.
    for first, second in pairwise(checks):
        if first.control is second.control and first.limit_days is not None and second.limit_days is not None:
            assert first.limit_days < second.limit_days


def test_versions_of_cis_come_first_and_the_newest_gives_the_numbers() -> None:
    assert list(FRAMEWORKS)[:11] == [
        framework for framework in IDS if framework.startswith("cis-") and framework != "cis-controls-8.1"
    ]
    assert newest_cis() is FRAMEWORKS["cis-7.0"]


@pytest.mark.parametrize("version", ["cis-8", "cis-8.0", "CIS-10.1"])
def test_a_version_of_cis_that_is_newer_than_all_is_named(version: str) -> None:
    with pytest.raises(UsageError, match=r"the newest known version of CIS is cis-7\.0"):
        make_checklist(benchmark=version)


OWN: Final = """\
id = "our-baseline"
title = "Our baseline for AWS accounts"
version = "2026"
publisher = "Example Ltd"

[[requirements]]
number = "A.1"
title = "Credentials idle for 30 days are removed"
controls = ["unused-credentials"]
parameters = { max_idle_days = 30 }
source = "baseline.pdf, page 4"

[[requirements]]
number = "A.2"
title = "Nobody signs in to IAM with a password"
controls = ["console-users", "unused-credentials"]
level = 2
assessment = "manual"
partly = true
"""


def test_a_file_of_the_user_is_judged_as_those_of_this_program(tmp_path: Path) -> None:
    path = write(tmp_path / "our baseline.toml", "\ufeff" + OWN)
    checks = make_checklist(benchmark=path).checks
    assert [(check.control.id, check.requirement, dict(check.parameters)) for check in checks] == [
        ("unused-credentials", "A.1", {"max_idle_days": 30}),
        ("unused-credentials", "A.2", {"max_idle_days": 45}),
        ("console-users", "A.2", {}),
    ]
    framework = read_framework(Path(path))
    assert (framework.label, framework.name, framework.text) == ("Our baseline for AWS accounts", path, "\ufeff" + OWN)
    assert [
        (requirement.level, requirement.assessment, requirement.is_partly) for requirement in framework.requirements
    ] == [
        (None, None, False),
        (2, "manual", True),
    ]


def test_a_framework_cannot_have_the_label_of_the_policy(tmp_path: Path) -> None:
    path = write(tmp_path / "own.toml", 'label = "policy"\n' + OWN)
    with pytest.raises(FrameworkError, match=r"own\.toml:1: label: cannot be"):
        read_framework(Path(path))


def test_evidence_keeps_the_file_of_the_user(tmp_path: Path) -> None:
    path = write(tmp_path / "own.toml", OWN)
    row = user("ci-deploy", password_enabled="true", password_last_used="2026-09-25T00:00:00Z", **key(active="false"))
    write(tmp_path / "in/2026-10-31_111122223333.csv", csv_of(root(), row))
    done = run("audit", str(tmp_path / "in"), "--benchmark", path, "-o", str(tmp_path / "out"), "--format", "parquet")
    assert done.returncode == 1
    assert "A.1" in done.stdout
    Path(path).unlink()
    settings = EvidenceSet.at(str(tmp_path / "out")).settings
    assert settings == Settings(make_checklist(benchmark=parse_framework(path, OWN.encode())))
    assert run("show", str(tmp_path / "out"), "--control", "a.1").stdout.count("ci-deploy") == 1


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ('id = "our-baseline"', 'id = "Our baseline"', 'own.toml:1: id: cannot be "Our baseline"', "small letters"),
        ('version = "2026"\n', "", "own.toml:1: version: is missing", 'write version = "…"'),
        ('version = "2026"', "version = 2026", "own.toml:3: version: cannot be 2026", "a text in quotes"),
        ('publisher = "', 'publishr = "', "own.toml:4: publishr: unknown key; did you mean 'publisher'?", "known"),
        ('number = "A.2"\n', "", "own.toml:13: requirements.2.number: is missing", "write number in each requirement"),
        (
            'number = "A.2"',
            'number = "A.1"',
            "own.toml:14: requirements.2.number: A.1 is also in line 7",
            "once",
        ),
        (
            '"console-users", ',
            '"console-user", ',
            "own.toml:16: requirements.2.controls: no such control: 'console-user'; did you mean 'console-users'?",
            "the controls are unused-credentials, ",
        ),
        (
            'controls = ["unused-credentials"]',
            'controls = "unused-credentials"',
            'own.toml:9: requirements.1.controls: cannot be "unused-credentials"',
            'ids of controls, as in ["unused-credentials"]',
        ),
        (
            '["unused-credentials"]',
            '["unused-credentials", "unused-credentials"]',
            "own.toml:9: requirements.1.controls: a control is named twice",
            "name each control once",
        ),
        (
            "max_idle_days = 30",
            "max_age_days = 30",
            "own.toml:10: requirements.1.parameters.max_age_days: unknown key; did you mean 'max_idle_days'?",
            "known keys: max_idle_days",
        ),
        (
            "max_idle_days = 30",
            'max_idle_days = "30"',
            'own.toml:10: requirements.1.parameters.max_idle_days: cannot be "30"',
            "a whole number from 1 to 36,500",
        ),
        ("level = 2", "level = 3", "own.toml:17: requirements.2.level: cannot be 3", "one of 1, 2"),
        ("level = 2", "level = true", "own.toml:17: requirements.2.level: cannot be true", "one of 1, 2"),
        (
            'assessment = "manual"',
            'assessment = "by hand"',
            'own.toml:18: requirements.2.assessment: cannot be "by hand"',
            'one of "automated", "manual"',
        ),
        ("partly = true", 'partly = "yes"', 'own.toml:19: requirements.2.partly: cannot be "yes"', "true or false"),
        (
            "partly = true",
            "partial = true",
            "requirements.2.partial: unknown key; did you mean 'partly'?",
            "known keys",
        ),
        ("[[requirements]]", "[[requirement]]", "own.toml:13: requirement: unknown key; did you mean", "known keys"),
        ("[[requirements]]", "[[requirements", "own.toml:6: not TOML", "https://toml.io"),
    ],
)
def test_errors_name_file_line_and_key(tmp_path: Path, old: str, new: str, message: str, hint: str) -> None:
    path = write(tmp_path / "own.toml", OWN.replace(old, new))
    with pytest.raises(FrameworkError) as raised:
        make_checklist(benchmark=path)
    assert message in raised.value.message
    assert hint in raised.value.hint


@pytest.mark.parametrize("text", ["", 'requirements = "none"', "requirements = []", "requirements = [1]"])
def test_a_framework_without_requirements_is_refused(tmp_path: Path, text: str) -> None:
    head = OWN.partition("[[")[0]
    path = write(tmp_path / "own.toml", head + text)
    with pytest.raises(FrameworkError, match="requirements: no list of requirements"):
        make_checklist(benchmark=path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = run("audit", "x", "--benchmark", str(tmp_path / "none.toml"))
    assert done.returncode == 2
    assert "cannot read the framework" in done.stderr
    write(tmp_path / "latin.toml", OWN.replace("Ltd", "Société").encode("latin-1"))
    assert "not UTF-8" in run("controls", "--benchmark", str(tmp_path / "latin.toml")).stderr


def test_a_newer_version_of_cis_is_one_more_file(tmp_path: Path) -> None:
    """A file beside the others is all that it takes: its numbers are shown, and older files are listed as before."""
    package = tmp_path / "analyzer"
    shutil.copytree(Path(analyzer.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    folder = package / "controls/frameworks"
    text = (folder / "cis-7.0.toml").read_text(encoding="utf-8")
    text = text.replace('"cis-7.0"', '"cis-10.0"').replace('"7.0"', '"10.0"').replace('"2.11"', '"9.9"')
    (folder / "cis-10.0.toml").write_text(text, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    for arguments, controls in ((["9.9"], ["unused-credentials"]), (["9.9", "--benchmark", "cis-10"], None)):
        command = [sys.executable, "-m", "analyzer", "controls", *arguments, "--json"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False, text=True)
        if controls is None:
            assert "did you mean 'cis-10.0'" in done.stderr
        else:
            assert [control["id"] for control in json.loads(done.stdout)] == controls
