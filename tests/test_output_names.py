"""Windows allows the names of all files and folders that the program makes, also of temporary ones."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import Any

import pytest

from analyzer.evidence.settings import Settings
from analyzer.rendering.registry import formats_of
from tests.cli.running import run
from tests.reports import csv_of, key, root, unused, user, write
from tests.running import audit_on_engine

DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{a}{b}" for a in ("com", "lpt") for b in "0123456789¹²³"
}
"""https://learn.microsoft.com/windows/win32/fileio/naming-a-file"""
LONGEST_PATH = 259
"""Characters of a path on Windows, unless longer ones were allowed: 260 with the NUL at its end."""
LONGEST_FOLDER = 160
"""Characters of the path of an output folder that the README allows."""


def faults(paths: set[str]) -> list[str]:
    """Return the names of relative paths that Windows refuses, and paths that differ in case alone."""
    problems = []
    for path in sorted(paths):
        for name in path.split("/"):
            stem = name.partition(".")[0].rstrip(" ").casefold()
            if not name or re.search(r'[<>:"\\|?*\x00-\x1f]', name) or name[-1] in ". " or stem in DEVICES:
                problems.append(f"{path}: {name!r} is no name")
    whole = {part for path in paths for part in parents(path)}
    spelled: dict[str, list[str]] = {}
    for part in sorted(whole):
        spelled.setdefault(part.casefold(), []).append(part)
    return problems + [f"{' and '.join(parts)} are one" for parts in spelled.values() if len(parts) > 1]


def parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "nul",
            "NUL.xlsx",
            "com1.tar.gz",
            "a.",
            "a ",
            "a:b",
            "a?",
            "a\\b",
            "x/aux/y",
            "lpt¹",
            "a\nb",
            "conin$",
            "con .x",
        )
    ],
)
def test_the_rule_finds_what_windows_refuses(name: str) -> None:
    assert faults({name})


def test_the_rule_finds_names_that_collide_and_accepts_others() -> None:
    assert faults({"x/A.xlsx", "x/a.xlsx"})
    assert faults({"x/a", "X/b"})
    assert faults({"console.xlsx", ".a.b", "com10", "account=1/part-0.parquet", "x/a", "y/A", "nully"}) == []


@pytest.fixture
def written_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the paths of all files and folders that are made from now on, relative to the current folder."""
    paths = set[str]()
    monkeypatch.chdir(tmp_path)

    def noting(function: Any, at: int = 0) -> Any:  # noqa: ANN401
        def call(*arguments: Any, **keywords: Any) -> Any:  # noqa: ANN401
            path = arguments[at] if isinstance(arguments[at], str | Path) else "/"
            if "dir_fd" not in keywords and Path(path).absolute().is_relative_to(tmp_path):
                paths.add(Path(path).absolute().relative_to(tmp_path).as_posix())
            return function(*arguments, **keywords)

        return call

    monkeypatch.setattr(os, "mkdir", noting(os.mkdir))
    monkeypatch.setattr(os, "rename", noting(os.rename, 1))
    monkeypatch.setattr(os, "replace", noting(os.replace, 1))
    monkeypatch.setattr(os, "link", noting(os.link, 1))
    opened, noted = io.open, noting(io.open)
    monkeypatch.setattr(
        io,
        "open",
        lambda path, mode="r", *arguments, **keywords: (opened if "r" in mode else noted)(
            path, mode, *arguments, **keywords
        ),
    )
    system_open, system_noted = os.open, noting(os.open)
    monkeypatch.setattr(
        os,
        "open",
        lambda path, flags, *arguments, **keywords: (system_noted if flags & os.O_CREAT else system_open)(
            path, flags, *arguments, **keywords
        ),
    )
    return paths


OWNERS = [
    *(
        "nul",
        "CON",
        "aux.team",
        "com1",
        "LPT¹",
        "conin$",
        "a.",
        "A",
        "a",
        "a ",
        ".a",
        "..",
        "x/y",
        "x\\y",
        "x:y",
        "x*y",
    ),
    *(
        "é",
        "É",
        "equipe-é",
        "<b>",
        '"q"',
        "t|u",
        "w?",
        "owner",
        "",
        "l" * 300,
        "L" * 300,
        "l" * 300 + "2",
        "z" * 59 + ".z",
    ),
]
USERS = ["CON", "nul.", "a:b", "A", "a", "x*?", "é", "trailing "]
AUDIT = (
    "audit in --accounts accounts.csv --by owner -o out -q --benchmark cis-5.0 --as-of 2026-11-30 --policy p.toml "
    f"--format {','.join(formats_of('audit'))}"
)
COMMANDS = (
    AUDIT,
    "audit in -o out-pseudonyms --pseudonyms key.hex -q --format html,excel,charts --as-of 2026-11-30",
    "render out --format charts -o rendered -q",
    "sample out -o drawn --by account -q",
    "ingest in --store store",
    "ingest in/more --store store",
    "history in -o out-history -q",
    "history in -o out-history -q --pseudonyms key.hex",
    "compare in/one_2026-09-30.csv in/two_2026-10-31.csv -o changes -q",
)


def test_windows_allows_all_names(tmp_path: Path, written_paths: set[str]) -> None:
    accounts = [f"{111122223333 + number}" for number in range(len(OWNERS))]
    quoted = ['"' + owner.replace('"', '""') + '"' for owner in OWNERS]
    rows = (f"{account},n,{owner}\n" for account, owner in zip(accounts, quoted, strict=True))
    write(tmp_path / "accounts.csv", "account_id,name,owner\n" + "".join(rows))
    users = [user(name, **key(rotated="2026-01-01T00:00:00Z")) for name in USERS]
    write(tmp_path / "in/one_2026-09-30.csv", csv_of(root(), *users[1:]))
    write(tmp_path / "in/two_2026-10-31.csv", csv_of(root(), *users))
    for account in accounts[1:]:
        name = f"in/nul:?{account}_2026-10-31.csv"
        write(tmp_path / name, csv_of(root(account), user("a", account=account, **key(rotated="2026-01-01T00:00:00Z"))))
    unknown = user("CON")
    unknown["arn"] = "arn:aws:iam::nobody:user/CON"
    write(tmp_path / "in/more/unknown_2026-10-31.csv", csv_of(unknown))
    write(tmp_path / "p.toml", "")
    input_paths = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    written_paths.clear()
    for command in COMMANDS:
        done = run(*command.split(), cwd=tmp_path)
        assert done.returncode in {0, 1, 3}, (command, done.stderr)
    settings = Settings(unused())
    audit_on_engine([str(tmp_path / "in")], settings, tmp_path / "parts", map, batch=1)
    output_paths = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")} - input_paths
    assert len([name for name in output_paths if name.startswith("out/owners/")]) == len(OWNERS) - 2, (
        "one is empty, two are one"
    )
    for start in ("parts/findings.parquet/part-", "store/snapshots/month=", "out/charts/", "out/remediation/", ".out."):
        assert any(name.startswith(start) for name in output_paths | written_paths), start
    assert faults(output_paths | written_paths - {"."}) == []
    # Paths below a folder, and temporary ones beside it, leave room for the path of the folder itself.
    beyond = {
        name: len(name) - len(re.sub(r"^\.|\.[0-9a-f]{16}.*|/.*", "", name)) for name in output_paths | written_paths
    }
    too_long = {name: length for name, length in beyond.items() if length > LONGEST_PATH - LONGEST_FOLDER}
    assert too_long == {}


def test_the_manual_says_how_long_the_path_of_a_folder_may_be() -> None:
    page = Path(__file__).with_name("..").resolve() / "analyzer/manual/offline.md"
    assert f"{LONGEST_FOLDER} characters" in page.read_text(encoding="utf-8")
