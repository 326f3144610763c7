"""Kill points, full disks, folders that cannot be written, and many runs at once: the old set or the new, whole.

`python -m pytest tests/crashes -m "slow or not slow"` stops audit, ingest, history and render at 256 points in all.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.cli.running import run
from tests.crashes.states import INPUTS, state_of
from tests.reports import csv_of, key, root, user, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COMMANDS: Final = {
    "audit": ["audit", "{inputs}", "-o", "out", "--format", "parquet,html,excel,pdf", "--exit-zero", "-q"],
    "history": ["history", "{inputs}", "-o", "out", "--format", "parquet,html,excel", "--exit-zero", "-q"],
    "ingest": ["ingest", "{inputs}", "--store", "out", "-q"],
    "render": ["render", "set", "--format", "html,excel,ics", "--due-within", "{inputs}", "-o", "out", "-q"],
}


def reports(folder: Path, *, user_count: int) -> None:
    """Write two snapshots of an account with so many users."""
    for month in ("09", "10"):
        users = [
            user(f"user-{n}", **key(rotated="2026-01-01T00:00:00Z", used=f"2026-{month}-0{n % 9 + 1}T00:00:00Z"))
            for n in range(user_count)
        ]
        write(folder / f"2026-{month}-30/111122223333.csv", csv_of(root(), *users))
    write(folder / f"2026-10-30/{444455556666 + user_count}.csv", csv_of(root(f"{444455556666 + user_count}")))


def prepared(folder: Path, name: str) -> list[str]:
    for inputs in INPUTS:
        reports(folder / inputs, user_count=int(inputs))
    if name == "render":
        done = run("audit", INPUTS[1], "-o", "set", "--format", "parquet", "--exit-zero", cwd=folder)
        assert done.returncode == 0, done.stderr
    return COMMANDS[name]


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("points", [4, pytest.param(60, marks=pytest.mark.slow)])
def test_a_stopped_run_leaves_the_old_set_or_the_new_one(tmp_path: Path, name: str, points: int) -> None:
    command = prepared(tmp_path, name)
    stopping = [sys.executable, "-m", "tests.crashes.stopping", tmp_path, points, *command]
    done = subprocess.run([*map(str, stopping)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    print(name, counts)  # noqa: T201 - shown by pytest -s
    assert sum(counts["stopped"].values()) == points
    assert counts["steps"] > points / 2


# --- no room, no permission -------------------------------------------------------------------------------------------

ON_A_SMALL_DISK: Final = """
    set -e
    mount -t tmpfs -o size={size}k credreport "{disk}"
    cp -r "{folder}/before" "{disk}/out"
    {preparation}
    cd "{folder}"
    set +e
    "{python}" -m analyzer audit 9 -o "{disk}/out" --format parquet,html,excel --exit-zero -q 2> errors
    echo $? > code
    rm -rf after && cp -r "{disk}/out" after && ls -A "{disk}" > beside
"""
"""Mounts a disk of its own, which ends with the shell; other processes do not see it."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Callable[[int, str], tuple[int, str]]:
    """Return a function that runs an audit on a disk of so many KB, and returns the exit code and the errors."""
    probe = ["unshare", "-m", "sh", "-c", f"mount -t tmpfs credreport {tmp_path}"]
    if not shutil.which("unshare") or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("needs unshare, and the right to mount a disk")
    (tmp_path / "disk").mkdir()

    def run_on(size: int, preparation: str) -> tuple[int, str]:
        names = {"size": size, "disk": tmp_path / "disk", "folder": tmp_path, "python": sys.executable}
        script = ON_A_SMALL_DISK.format(**names, preparation=preparation)
        command = ["unshare", "-m", "sh", "-c", script]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (tmp_path / "code").exists(), done.stderr
        assert (tmp_path / "beside").read_text() == "out\n"
        return int((tmp_path / "code").read_text()), (tmp_path / "errors").read_text()

    return run_on


def sets_before(folder: Path) -> None:
    for inputs in INPUTS:
        reports(folder / inputs, user_count=int(inputs))
    done = run("audit", "3", "-o", "before", "--format", "parquet,html,excel", "--exit-zero", cwd=folder)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("share", [0.5, *(pytest.param(n / 20, marks=pytest.mark.slow) for n in range(20))])
def test_a_disk_that_is_full_leaves_the_old_set(
    small_disk: Callable[[int, str], tuple[int, str]], tmp_path: Path, share: float
) -> None:
    """The disk has room for a share of the new set, so that it is full at different moments."""
    sets_before(tmp_path)
    size = sum(-(-path.stat().st_size // 4096) * 4 for path in (tmp_path / "before").rglob("*") if path.is_file())
    code, errors = small_disk(size + int(size * share) + 40, "true")
    assert code == 2
    assert "No space left on device" in errors
    assert "cannot write" in errors
    assert "Traceback" not in errors
    assert state_of(tmp_path / "after") == state_of(tmp_path / "before")


def test_a_disk_with_room_for_both_takes_the_new_set(
    small_disk: Callable[[int, str], tuple[int, str]], tmp_path: Path
) -> None:
    sets_before(tmp_path)
    assert small_disk(100_000, "true") == (0, "")
    assert state_of(tmp_path / "after") != state_of(tmp_path / "before")


def test_a_disk_that_may_only_be_read_is_an_error(
    small_disk: Callable[[int, str], tuple[int, str]], tmp_path: Path
) -> None:
    sets_before(tmp_path)
    code, errors = small_disk(100_000, f"mount -o remount,ro {tmp_path / 'disk'}")
    assert (code, "cannot write" in errors, "Read-only file system" in errors) == (2, True, True), errors
    assert state_of(tmp_path / "after") == state_of(tmp_path / "before")


# --- many at once -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["audit", "history", "ingest"])
@pytest.mark.parametrize("places", [1, 8])
def test_eight_runs_at_once_leave_whole_sets(tmp_path: Path, name: str, places: int) -> None:
    """They write into eight folders, or all into the same one, where one of them is the last."""
    commands, expected_states = [], []
    for number in range(8):
        inputs, out = f"{number + 2}", f"out{number % places}"
        reports(tmp_path / inputs, user_count=number + 2)
        command = [word.replace("{inputs}", inputs) for word in COMMANDS[name]]
        commands.append([out if word == "out" else word for word in command])
        done = run(*[f"alone{number}" if word == "out" else word for word in command], cwd=tmp_path)
        assert done.returncode in (0, 1), done.stderr
        expected_states.append(state_of(tmp_path / f"alone{number}"))
    program = [sys.executable, "-m", "analyzer"]
    running = [
        subprocess.Popen([*program, *command], cwd=tmp_path, stderr=subprocess.PIPE, text=True) for command in commands
    ]
    for process in running:
        _, errors = process.communicate()
        assert process.returncode in (0, 1), errors
    for number in range(places):
        state = state_of(tmp_path / f"out{number}")
        if places == 8:
            assert state == expected_states[number]
        elif name != "ingest":
            assert state in expected_states
    if name == "ingest" and places == 1:  # each has added its own
        done = run("store", "out0", "--json", cwd=tmp_path)
        accounts = {row["account_id"] for row in json.loads(done.stdout)["accounts"]}
        assert accounts == {"111122223333", *(f"{444455556666 + n + 2}" for n in range(8))}
    hidden = sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("."))
    assert [path for path in hidden if not path.endswith(".lock")] == []
