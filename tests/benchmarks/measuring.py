"""Whole processes, measured in turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Run:
    """What a process took: seconds on the wall, seconds of CPU, and its peak memory in bytes."""

    wall: float
    cpu: float
    memory: int


def measure(command: Sequence[str], folder: Path, *, accepted: Sequence[int] = (0, 1)) -> Run:
    """Run a command in `folder`. Raises RuntimeError where it ends in another way than `accepted`.

    A process begins with the peak memory of the one that starts it, so that a small one is put between.
    """
    between = [sys.executable, __file__, *command]
    output = subprocess.run(between, cwd=folder, stdout=subprocess.PIPE, check=True).stdout
    code, wall, cpu, memory = json.loads(output)
    if code not in accepted:
        raise RuntimeError(f"exit code {code}: {' '.join(command)}")
    return Run(wall, cpu, memory)


def _tell(command: Sequence[str]) -> None:
    """Run a command, and print its exit code and what it took as JSON."""
    if sys.platform == "win32":
        raise NotImplementedError("it does not say how much memory a process took")
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    print(json.dumps([process.returncode, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024]))  # noqa: T201


def in_turn(
    commands: Mapping[str, Sequence[str]], folder: Path, runs: int, *, accepted: Sequence[int] = (0, 1)
) -> dict[str, list[Run]]:
    """Run all commands, one after the other, `runs` times."""
    measures: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            measures[name].append(measure(command, folder, accepted=accepted))
    return measures


def table(measures: Mapping[str, Sequence[Run]], own: str) -> str:
    """Return medians as a Markdown table; the last column has the wall time of `own` as a multiple of each row's."""
    lines = ["| | wall | CPU | peak memory | relative time |", "|---|--:|--:|--:|--:|"]
    for name, runs in measures.items():
        wall, cpu, memory = (median(getattr(run, figure) for run in runs) for figure in ("wall", "cpu", "memory"))
        ratio = median(own_run.wall / run.wall for own_run, run in zip(measures[own], runs, strict=True))
        compared = "" if name == own else f"{ratio:.2f} x"
        lines.append(f"| {name} | {wall:.2f} s | {cpu:.2f} s | {memory / 1e6:,.0f} MB | {compared} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    _tell(sys.argv[1:])
