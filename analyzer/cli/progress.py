"""Progress of a run on the terminal: a bar for each stage, on standard error."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from analyzer.engine import SILENT
from analyzer.rendering.beside import helper

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.progress import Progress as Display
    from rich.progress import TaskID

    from analyzer.engine import Progress
    from analyzer.rendering.beside import Helper


@contextmanager
def progress(*, shown: bool) -> Iterator[Progress]:
    """Yield the object to which a run reports its stages.

    Bars are drawn if they are `shown` and standard error is a terminal. They are removed at the end.
    """
    if not shown or not sys.stderr.isatty():
        yield SILENT
        return
    from rich.console import Console  # noqa: PLC0415 - only for terminals
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        # Colours by name: on terminals with sixteen colours, an empty and a full bar must not look the same.
        BarColumn(
            bar_width=20, style="bright_black", complete_style="cyan", finished_style="green", pulse_style="cyan"
        ),
        TextColumn("{task.fields[steps]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        bars = Bars(display)
        yield bars
        bars.finish()


@contextmanager
def working(kind: str, formats: Sequence[str], *, shown: bool) -> Iterator[tuple[Progress, Helper | None]]:
    """Yield the same, and a process that renders pictures of a `kind` of evidence: see `rendering.beside`."""
    # The helper starts first: it loads its modules while this process loads its own.
    with helper(kind, formats) as beside, progress(shown=shown) as bars:
        yield bars, beside


class Bars:
    """A bar for each stage. No bar is full before its stage ends: only then does the last step count as done."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._lock = threading.Lock()
        self._bar: TaskID | None = None
        self._total: int | None = None
        self._done = 0

    def stage(self, name: str, total: int | None = None) -> None:
        """Finish the current stage, and begin one of `total` steps. Without a total, the bar only moves."""
        with self._lock:
            self._finish()
            self._total, self._done = total, 0
            self._bar = self._display.add_task(name, total=total, steps=_steps(0, total))

    def advance(self, count: int = 1) -> None:
        """Count steps of the current stage as done."""
        with self._lock:
            if self._bar is None:
                return
            self._done += count
            done = self._done if self._total is None else min(self._done, self._total - 1)
            self._display.update(self._bar, completed=max(done, 0), steps=_steps(max(done, 0), self._total))

    def finish(self) -> None:
        """Finish the last stage."""
        with self._lock:
            self._finish()

    def _finish(self) -> None:
        if self._bar is None:
            return
        done = self._done if self._total is None else self._total
        # A bar without steps would not look full, so it gets one.
        self._display.update(self._bar, total=done or 1, completed=done or 1, steps=_steps(done, self._total))
        self._bar = None


def _steps(done: int, total: int | None) -> str:
    """Return the number of steps that are done, as text."""
    if total is None:
        return f"{done:,}" if done else ""
    return f"{done:,}/{total:,}"
