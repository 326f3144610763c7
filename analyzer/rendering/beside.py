"""A process beside this one that renders a format.

Pictures take about as long as all else, and most of it is the interpreter's own time, which threads share. The process
loads what it needs while reports are judged.
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

from analyzer.engine import processors, settle
from analyzer.rendering.registry import chosen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from analyzer.evidence.opened import EvidenceSet
    from analyzer.rendering.render import NotMade, Options

_START: Final = (
    "import sys; module, *sys.path = sys.argv[1:]; from analyzer.rendering.beside import serve; serve(module)"
)
"""What the process runs: it finds modules where this one does."""


Asking: TypeAlias = "Callable[[], Sequence[Path | NotMade] | None]"
"""What has a process render, and gives what the module does; None where the process has gone."""


@dataclass(frozen=True)
class Helper:
    """A process that renders the format whose `module` it has loaded, with what the module's `load` adds to it."""

    module: str
    process: subprocess.Popen[bytes]

    def request(self, evidence: EvidenceSet, folder: Path, options: Options) -> Asking | None:
        """Return what has the process render, and gives the files as the module does, or raises what it raises.

        It gives None where the process has gone. There is no request for a set at a URL, which may be one of this
        process alone. The set is packed here and now: threads that read it later add to what it keeps in memory.
        """
        if "://" in evidence.place:
            return None
        return partial(self._render, pickle.dumps((evidence, folder, options)))

    def _render(self, request: bytes) -> Sequence[Path | NotMade] | None:
        to, back = self.process.stdin, self.process.stdout
        if to is None or back is None:
            return None
        try:
            to.write(request)
            to.flush()
            files, error = pickle.load(back)  # noqa: S301 - from a process of our own
        except (OSError, EOFError, pickle.PickleError):
            with contextlib.suppress(OSError):  # what it did not take goes as well
                to.close()
            return None
        if error is not None:
            raise error
        found: Sequence[Path | NotMade] = files
        return found


@contextlib.contextmanager
def helper(kind: str, formats: Sequence[str]) -> Iterator[Helper | None]:
    """Yield a process for the one of the formats that is better made beside the others; None where there is none.

    A single processor would only be shared with it, and a program frozen into one file cannot start another Python.
    """
    wanted = [one for one in chosen(kind, formats) if one.is_made_beside and one.module is not None]
    if not wanted or processors() == 1 or not sys.executable or getattr(sys, "frozen", False):
        yield None
        return
    module = str(wanted[0].module)
    try:
        process = subprocess.Popen(  # noqa: S603 - this program itself
            [sys.executable, "-c", _START, module, *sys.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
    except OSError:  # as where no further process may be started
        yield None
        return
    with process:
        try:
            yield Helper(module, process)
        finally:
            process.kill()


def serve(module: str) -> None:
    """Load a module, render what standard input asks for, and write the answer to standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one hears of it, and ends it
    out, sys.stdout = sys.stdout.buffer, sys.stderr  # no other words may come between
    renderer = import_module(module)
    renderer.load()
    try:
        evidence, folder, options = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
    except EOFError:
        return
    settle()
    answer: tuple[Any, Exception | None]
    try:
        answer = renderer.render(evidence, folder, options), None
    except Exception as error:  # noqa: BLE001 - it is raised again where it was asked for
        answer = None, error
    try:
        pickle.loads(pickle.dumps(answer))  # noqa: S301 - an error may not pass
    except Exception:  # noqa: BLE001 - and then its words do
        answer = None, RuntimeError(f"{type(answer[1]).__name__}: {answer[1]}")
    pickle.dump(answer, out)
    out.flush()
