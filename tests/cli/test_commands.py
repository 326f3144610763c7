"""Commands and their options: what is shared is the same everywhere, help is whole, and each command runs by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import typer.main

from analyzer import pipeline
from analyzer.cli.main import app
from analyzer.pipeline import Options, Settings, WrittenFiles
from tests.cli.running import run, run_script
from tests.reports import csv_of, key, root, user, write

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
JUDGING = {"--benchmark", "--control", "--policy", "--no-policy", "--max-idle-days", "--account-id"}
ENDING = {"--exit-zero", "-q, --quiet", "--json"}
WRITING = {"-o, --output", "--format", "--workbook-rows"}


def _options(command: str) -> dict[str, str]:
    """Return the help of each option of a command."""
    return {
        ", ".join(parameter.opts): parameter.help
        for parameter in COMMANDS[command].params
        if parameter.param_type_name == "option"
    }


def test_shared_options_are_the_same_in_every_command() -> None:
    options_by_command = {command: _options(command) for command in ("audit", "compare", "history")}
    for command, options in options_by_command.items():
        assert options.keys() >= JUDGING | ENDING | WRITING, command
    for name in JUDGING | ENDING | {"--workbook-rows"}:
        assert len({options[name] for options in options_by_command.values()}) == 1, name
    assert _options("render")["--workbook-rows"] == options_by_command["audit"]["--workbook-rows"]


def test_defaults_are_those_of_the_command() -> None:
    defaults = {
        command: {parameter.name: parameter.default for parameter in COMMANDS[command].params}
        for command in ("audit", "compare", "history")
    }
    assert [defaults[name]["output"] for name in defaults] == [
        "credreport-out",
        "credreport-compare",
        "credreport-history",
    ]
    assert [defaults[name]["formats"] for name in defaults] == [
        ["parquet", "html", "excel", "charts"],
        ["parquet", "html", "excel"],
        ["parquet", "html", "excel", "charts"],
    ]
    assert {defaults[name]["workbook_rows"] for name in defaults} == {100_000}


def test_no_help_is_cut() -> None:
    assert "..." not in run("--help").stdout.partition("\nCommands:")[2]
    for command in COMMANDS:
        done = run(command, "--help")
        assert (done.returncode, done.stderr) == (0, "")
        assert "[[" not in done.stdout, command


@pytest.mark.parametrize("rows", ["0", "1048576", "many"])
@pytest.mark.parametrize("command", ["audit", "compare", "history", "render"])
def test_rows_of_a_sheet_are_bounded(tmp_path: Path, command: str, rows: str) -> None:
    format_ = ["--format", "excel"] if command == "render" else []
    done = run(command, "x", *format_, "--workbook-rows", rows, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Invalid value for '--workbook-rows'" in done.stderr


def test_every_command_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    for day, rotated in (("2026-09-30", "2026-08-30T00:00:00Z"), ("2026-10-31", "2026-10-30T00:00:00Z")):
        write(tmp_path / f"{day}.csv", csv_of(root(), user("a", **key(rotated=rotated))))
    reports = ["2026-09-30.csv", "2026-10-31.csv"]
    only = ["--control", "unused-credentials", "--format", "parquet"]
    commands: dict[str, list[str]] = {
        "audit": [*reports, *only],
        "compare": [*reports, *only],
        "history": [*reports, *only],
        "ingest": [*reports, "--store", "store"],
        "store": ["store"],
        "inspect": reports,
        "controls": [],
        "render": ["--help"],
        "verify": ["--help"],
        "show": ["--help"],
        "sample": ["--help"],
        "manual": ["glossary"],
    }
    assert commands.keys() == COMMANDS.keys()
    for command, arguments in commands.items():
        done = run_script(command, *arguments, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), command


@dataclass
class _Verification:
    holds: bool
    lines: list[str] = field(default_factory=lambda: ["12 files: 1 changed.", "changed: findings.parquet"])
    facts: dict[str, Any] = field(default_factory=lambda: {"changed": ["findings.parquet"]})


@pytest.mark.parametrize("holds", [True, False])
def test_verify(monkeypatch: pytest.MonkeyPatch, holds: bool) -> None:
    calls: list[tuple[Path, Sequence[str]]] = []

    def verify(folder: Path, inputs: Sequence[str], **_: object) -> _Verification:
        calls.append((folder, inputs))
        return _Verification(holds)

    monkeypatch.setattr(pipeline, "verify", verify, raising=False)
    done = run("verify", "out", "--inputs", "a", "--inputs", "b/c")
    assert (done.returncode, done.stderr) == (0 if holds else 1, "")
    assert done.stdout == "12 files: 1 changed.\nchanged: findings.parquet\n"
    printed = {"schema": "credreport/verify/v1", "changed": ["findings.parquet"]}
    assert json.loads(run("verify", "out", "--json").stdout) == printed
    assert calls == [(Path("out"), ["a", "b/c"]), (Path("out"), [])]


def test_render(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, ...]] = []

    def render(
        folder: Path, formats: Sequence[str], out: Path | None, *, options: Options, **_: object
    ) -> WrittenFiles:
        calls.append((folder, formats, out, options.workbook_rows))
        return WrittenFiles(str(out or folder), ["workbook.xlsx", "charts/a.png", "charts/b.png"])

    monkeypatch.setattr(pipeline, "render", render, raising=False)
    done = run("render", "set", "--format", "charts,excel", "-o", "new", "--workbook-rows", "5")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Written to new/\n  workbook.xlsx, charts/ (2 pictures)\n" in done.stdout
    assert run("render", "set", "--format", "excel", "-q").stdout == ""
    assert calls == [(Path("set"), ["excel", "charts"], Path("new"), 5), (Path("set"), ["excel"], None, 100_000)]
    facts = json.loads(run("render", "set", "--format", "excel", "--json").stdout)
    assert (facts["output"], facts["exit_code"]) == ("set", 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "Missing option '--format'"),
        (["--format", ""], "--format: nothing chosen"),
        (["--format", "parquet"], "--format: no such choice: 'parquet'"),
    ],
)
def test_render_needs_a_format(options: list[str], message: str) -> None:
    done = run("render", "set", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_options_reach_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[tuple[Sequence[str], Settings, str, dict[str, Any]]] = []

    def audit(paths: Sequence[str], settings: Settings, output: str, **options: object) -> None:
        calls.append((paths, settings, output, options))
        raise KeyError

    monkeypatch.setattr(pipeline, "audit", audit)
    options = ["--engine", "dask", "--format", "excel,parquet", "--tables", "users", "--workbook-rows", "7"]
    assert run("audit", "x", "-o", "s3://y", "--every-snapshot", *options, cwd=tmp_path).returncode == 2
    ((paths, settings, output, keywords),) = calls
    assert (keywords["formats"], keywords["tables"]) == (["parquet", "excel"], ["users"])
    assert keywords["options"] == Options(7)
    assert (keywords["where"].name, output, settings.every_snapshot) == ("dask", "s3://y", True)
    assert paths == ["x"]
