"""Runs a command in children that are stopped at given steps; as a program, it prints the outcomes.

    python -m tests.crashes.stopping FOLDER POINTS COMMAND...

COMMAND writes `out` in FOLDER; `{inputs}` in it stands for `3` and `9` in turn, which are folders of FOLDER, so that
each run would leave another set than the run before. A step is something that Python itself does with files of
FOLDER; as many as POINTS of them are chosen, and each of the signals in turn.

After each stop `out` must be whole: as before, or as the run would have left it. A run that gets a signal to stop
removes what it made; after a kill the next run removes it, and must end as if nothing had happened.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.crashes.states import INPUTS, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

assert sys.platform != "win32", "children are made by fork"

LOADED: Final = (
    "pyarrow.parquet",
    "xlsxwriter",
    *(f"analyzer.pipeline.{name}" for name in ("audits", "sets", "snapshots")),
)
"""Modules that take long to load: children begin with them."""
SIGNALS: Final = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
STEPS: Final = frozenset(
    {"os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "os.chmod", "ctypes.dlsym", "fcntl.flock"}
)
"""Events that count as a step anywhere; to open a file counts within the folder."""


class Stopping:
    """Children that run a command in a folder."""

    def __init__(self, folder: Path, command: Sequence[str]) -> None:
        self.folder, self.command, self.out = folder, command, folder / "out"

    def run(self, inputs: str, at: int = 0, stop: int = signal.SIGKILL) -> tuple[int, int]:
        """Run the command on these inputs, stopped at a step (0: never); return its exit code and its steps."""
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            self._child([word.replace("{inputs}", inputs) for word in self.command], at, stop, writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            step_count = pipe.read()
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return code, int(step_count or b"0")

    def _child(self, command: Sequence[str], at: int, stop: int, writing: int) -> None:
        steps = 0

        def step(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal steps
            if event in STEPS or (event == "open" and str(self.folder) in os.path.abspath(str(arguments[0]))):  # noqa: PTH100
                steps += 1
                if steps == at:
                    os.kill(os.getpid(), stop)

        code = 70
        try:
            os.chdir(self.folder)
            nowhere = os.open(os.devnull, os.O_RDWR)
            errors = os.open(self.folder / "errors", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for number, file in enumerate((nowhere, nowhere, errors)):
                os.dup2(file, number)
            sys.argv = ["credreport", *command]
            sys.addaudithook(step)
            runpy.run_module("analyzer", run_name="__main__")
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 71
        finally:
            os.write(writing, str(steps).encode())
            os._exit(code)

    def beside(self) -> list[str]:
        """Return the names in the folder that do not belong there."""
        own = {*INPUTS, "out", "errors", "set", ".out.lock"}
        return sorted(path.name for path in self.folder.iterdir() if path.name not in own)


def _restored(out: Path, state: Mapping[str, bytes]) -> None:
    """Make these files the only ones in a folder."""
    shutil.rmtree(out)
    for name, data in state.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(data)


def _other_inputs(inputs: str) -> str:
    return INPUTS[1 - INPUTS.index(inputs)]


def campaign(folder: Path, points: int, command: Sequence[str]) -> dict[str, Any]:
    """Stop a command at so many points; return the number of each signal, and of old and new sets afterwards."""
    for name in LOADED:
        import_module(name)
    work = Stopping(folder, command)
    states, steps = {}, 0
    for inputs in INPUTS:
        code, steps = work.run(inputs)
        assert code in (0, 1), (code, (folder / "errors").read_text())
        states[inputs] = state_of(work.out)
    first, now = INPUTS
    assert states[first] != states[now], "the inputs make no difference"
    counts, outcomes = dict.fromkeys((stop.name for stop in SIGNALS), 0), {"old": 0, "new": 0}
    for point in range(points):
        if command[0] == "ingest":  # which adds to what is there
            _restored(work.out, states[first])
            now = first
        next_inputs, stop = _other_inputs(now), SIGNALS[point % len(SIGNALS)]
        at, before = 1 + (point * steps) // points, set(work.beside())
        code, _ = work.run(next_inputs, at, stop)
        state = state_of(work.out)
        errors = (folder / "errors").read_text()
        assert state in (states[now], states[next_inputs]), (
            "neither the old set nor the new",
            at,
            stop,
            sorted(state),
            errors,
        )
        assert "Traceback" not in errors, errors
        outcomes["new" if state == states[next_inputs] else "old"] += 1
        now = next_inputs if state == states[next_inputs] else now
        # A run that had less to do than the others may end before that step.
        assert code in ((-stop, 0, 1) if stop == signal.SIGKILL else (2, 0, 1)), (code, at, errors)
        if stop != signal.SIGKILL:
            assert before.issuperset(work.beside()), ("left behind", at, stop, work.beside())
        counts[stop.name] += 1
    if command[0] == "ingest":
        _restored(work.out, states[first])
        now = first
    next_inputs = _other_inputs(now)
    code, _ = work.run(next_inputs)
    assert code in (0, 1), (code, (folder / "errors").read_text())
    assert state_of(work.out) == states[next_inputs]
    assert not work.beside(), work.beside()
    return {"steps": steps, "stopped": counts, "found": outcomes}


if __name__ == "__main__":
    _, folder_name, number, *words = sys.argv
    print(json.dumps(campaign(Path(folder_name), int(number), words)))  # noqa: T201 - what the test reads
