"""Whole processes, measured in turn."""

from __future__ import annotations

import os
import subprocess
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
    """Run a command in `folder`. Raises RuntimeError where it ends in another way than `accepted`."""
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if process.returncode not in accepted:
        raise RuntimeError(f"exit code {process.returncode}: {' '.join(command)}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def in_turn(commands: Mapping[str, Sequence[str]], folder: Path, runs: int) -> dict[str, list[Run]]:
    """Run all commands, one after the other, `runs` times."""
    found: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            found[name].append(measure(command, folder))
    return found


def table(found: Mapping[str, Sequence[Run]], own: str) -> str:
    """Return medians as a Markdown table; the last column has the ratio of wall times, run by run."""
    lines = ["| | wall | CPU | peak memory | the first to this |", "|---|--:|--:|--:|--:|"]
    for name, runs in found.items():
        wall, cpu, memory = (median(getattr(run, what) for run in runs) for what in ("wall", "cpu", "memory"))
        ratio = median(mine.wall / other.wall for mine, other in zip(found[own], runs, strict=True))
        compared = "" if name == own else f"{ratio:.2f} x"
        lines.append(f"| {name} | {wall:.1f} s | {cpu:.1f} s | {memory / 1e6:,.0f} MB | {compared} |")
    return "\n".join(lines) + "\n"
