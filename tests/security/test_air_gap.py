"""Every command runs on a machine without a network, and opens no socket."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.cli.running import run
from tests.test_numbers_agree import monthly

if TYPE_CHECKING:
    from pathlib import Path

HOOK: Final = """
import os, sys

def refuse(event, arguments):
    if not event.startswith("socket."):
        return
    # Processes of one machine may talk to each other.
    if event == "socket.__new__" and arguments[1] == 1:
        return
    if event in {"socket.__new__", "socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"}:
        with open(os.environ["SOCKETS"], "a") as file:
            print(event, arguments, file=file)
        raise OSError("no socket may be opened: " + event)

sys.addaudithook(refuse)
with open(os.environ["SOCKETS"] + ".hooked", "a") as file:
    print(os.getpid(), file=file)
"""
"""Runs at the start of each process of Python, those that the program starts as well."""
COMMANDS: Final = {
    "audit": ["audit", *(f"2026-{month:02}-28" for month in range(10, 13)), "--accounts", "accounts.csv"],
    "formats": ["audit", "2026-12-28", "--format", "parquet,html,excel,charts,pdf,remediation,ics", "-o", "every"],
    "benchmark": ["audit", "2026-12-28", "--benchmark", "cis-7.0,soc2", "--pseudonyms", "key", "-o", "hidden", "-q"],
    "inspect": ["inspect", "2026-12-28"],
    "controls": ["controls", "--benchmark", "cis-7.0"],
    "manual": ["manual", "judging"],
    "history": ["history", "2026-11-28", "2026-12-28", "-o", "history"],
    "compare": ["compare", "2026-11-28", "2026-12-28", "-o", "compare"],
    "ingest": ["ingest", "2026-11-28", "--store", "other"],
    "store": ["store", "store"],
    "render": ["render", "set", "--format", "excel,charts", "-o", "rendered"],
    "verify": ["verify", "set", "--inputs", "2026-12-28", "--rerun"],
    "show": ["show", "set"],
    "sample": ["sample", "set", "-o", "sample"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    probe = shutil.which("unshare") and subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False)
    if not probe or probe.returncode:
        reason = "this machine does not allow network namespaces"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    working_folder = tmp_path_factory.mktemp("air")
    monthly(working_folder)
    run("audit", "2026-12-28", "-o", "set", "--format", "parquet,html", cwd=working_folder)
    run("ingest", "2026-12-28", "--store", "store", cwd=working_folder)
    (working_folder / "hook").mkdir()
    (working_folder / "hook/sitecustomize.py").write_text(HOOK)
    return working_folder


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_needs_a_network_or_opens_a_socket(folder: Path, name: str) -> None:
    home = folder / "home" / name
    home.mkdir(parents=True)
    socket_log = folder / f"{name}.sockets"
    # An empty home as well: nothing may be fetched on first use either.
    environment = {**os.environ, "HOME": str(home), "MPLCONFIGDIR": str(home), "SOCKETS": str(socket_log)}
    environment["PYTHONPATH"] = f"{folder / 'hook'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    command = ["unshare", "-rn", sys.executable, "-m", "analyzer", *COMMANDS[name]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=folder)
    assert done.returncode in (0, 1), done.stderr
    assert done.stderr == ""
    assert not socket_log.exists(), socket_log.read_text()
    assert len((folder / f"{name}.sockets.hooked").read_text().split()) >= 1


def test_every_command_is_tried() -> None:
    from analyzer.cli.main import app  # noqa: PLC0415

    names = {command.name for command in app.registered_commands}
    assert names == {words[0] for words in COMMANDS.values()}


def test_the_hook_stops_what_would_open_a_socket(folder: Path) -> None:
    environment = {**os.environ, "SOCKETS": str(folder / "trial"), "PYTHONPATH": str(folder / "hook")}
    code = "import socket; socket.create_connection(('192.0.2.1', 80))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert "no socket may be opened" in done.stderr
