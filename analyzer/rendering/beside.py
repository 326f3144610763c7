"""A helper process that renders one format in parallel.

Drawing the pictures takes about as long as all other formats together. Most of that time holds the interpreter lock,
so a thread would not help. The process loads its modules while this process judges the reports.
"""

from __future__ import annotations

import contextlib
import pickle
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from analyzer.engine import processors
from analyzer.rendering.registry import chosen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from analyzer.evidence.opened import EvidenceSet
    from analyzer.rendering.render import NotMade, Options

_START: Final = (
    "import gc, sys; gc.disable(); module, *sys.path = sys.argv[1:]; "
    "from analyzer.rendering.beside import serve; serve(module)"
)
"""The code that the process runs, with the module search path of this process.

Garbage collection would take a tenth of its time. The process ends after one request, so it needs none.
"""


Asking: TypeAlias = "Callable[[], Sequence[Path | NotMade] | None]"
"""A function that asks the process to render and returns the files; None if the process is gone."""


@dataclass(frozen=True)
class Helper:
    """A process that has loaded the `module` of a format, called its `load`, and waits for a request."""

    module: str
    process: subprocess.Popen[bytes]

    def request(self, evidence: EvidenceSet, folder: Path, options: Options) -> Asking | None:
        """Return a function that asks the process to render; None for a set at a URL, which only this process may know.

        The function returns the files, or None if the process is gone. It raises the errors of the module. The set is
        pickled now, because other threads will change its caches later.
        """
        if "://" in evidence.location:
            return None
        return partial(self._render, pickle.dumps((evidence, folder, options)))

    def _render(self, request: bytes) -> Sequence[Path | NotMade] | None:
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            return None
        try:
            stdin.write(request)
            stdin.flush()
            files, error = pickle.load(stdout)  # noqa: S301 - from a process of our own
        except (OSError, EOFError, pickle.PickleError):
            with contextlib.suppress(OSError):  # the process did not read all of it
                stdin.close()
            return None
        if error is not None:
            raise error
        rendered: Sequence[Path | NotMade] = files
        return rendered


@contextlib.contextmanager
def helper(kind: str, formats: Sequence[str]) -> Iterator[Helper | None]:
    """Yield a process for the format that is worth one; None if there is no such format or no process can be started.

    With a single processor it would gain nothing, and a program frozen into one file cannot start another Python.
    """
    candidates = [
        candidate for candidate in chosen(kind, formats) if candidate.is_made_beside and candidate.module is not None
    ]
    if not candidates or processors() == 1 or not sys.executable or getattr(sys, "frozen", False):
        yield None
        return
    module = str(candidates[0].module)
    try:
        process = subprocess.Popen(  # noqa: S603 - this program itself
            [sys.executable, "-c", _START, module, *sys.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
    except OSError:  # for example at the limit of processes
        yield None
        return
    with process:
        try:
            yield Helper(module, process)
        finally:
            process.kill()


def serve(module: str) -> None:
    """Load a module, read a request from standard input, render, and write the answer to standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets the signal and ends this process
    stdout, sys.stdout = sys.stdout.buffer, sys.stderr  # keeps other output out of the answer
    renderer = import_module(module)
    renderer.load()
    try:
        evidence, folder, options = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the parent process
    except EOFError:
        return
    answer: tuple[Any, Exception | None]
    try:
        answer = renderer.render(evidence, folder, options), None
    except Exception as error:  # noqa: BLE001 - the parent raises it again
        answer = None, error
    try:
        pickle.loads(pickle.dumps(answer))  # noqa: S301 - some errors cannot be pickled
    except Exception:  # noqa: BLE001 - then only the message is sent
        answer = None, RuntimeError(f"{type(answer[1]).__name__}: {answer[1]}")
    pickle.dump(answer, stdout)
    stdout.flush()
