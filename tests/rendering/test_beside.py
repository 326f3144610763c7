"""A helper process renders pictures beside this one, with the same files and errors; the run needs no helper."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analyzer.errors import OutputError
from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.seal import digest_of, read_manifest
from analyzer.rendering import beside
from analyzer.rendering.beside import Asking, Helper, helper
from analyzer.rendering.render import Options, render
from tests.rendering.sets import SETS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@pytest.fixture(autouse=True)
def _two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "processors", lambda: 2)


@pytest.fixture(params=["audit", "history"])
def evidence(request: pytest.FixtureRequest, tmp_path: Path) -> EvidenceSet:
    SETS[request.param](tmp_path / "set")
    return EvidenceSet.of(str(tmp_path / "set"), read_manifest(tmp_path / "set"))


def digests(evidence: EvidenceSet, folder: Path, options: Options) -> dict[str, str]:
    """Render both formats into a folder; return the digest of each file, or why it was not made, by its name."""
    folder.mkdir()
    outputs, not_made = render(evidence, folder, ["charts", "excel"], options)
    assert {str(entry["name"]): entry["sha256"] for entry in outputs} == {
        path.relative_to(folder).as_posix(): digest_of(path) for path in folder.rglob("*") if path.is_file()
    }
    return {entry["name"]: entry["sha256"] for entry in outputs} | {entry["name"]: entry["why"] for entry in not_made}


def test_the_helper_renders_the_same_pictures_as_this_process(evidence: EvidenceSet, tmp_path: Path) -> None:
    here = digests(evidence, tmp_path / "here", Options())
    with helper(evidence.kind, ["charts", "excel"]) as running_helper:
        assert running_helper is not None
        assert digests(evidence, tmp_path / "beside", Options(helper=running_helper)) == here
        assert running_helper.process.wait(timeout=60) == 0
    assert any(name.startswith("charts/") for name in here)


def test_this_process_renders_when_the_helper_has_gone(evidence: EvidenceSet, tmp_path: Path) -> None:
    here = digests(evidence, tmp_path / "here", Options())
    with helper(evidence.kind, ["charts"]) as running_helper:
        assert running_helper is not None
        running_helper.process.kill()
        running_helper.process.wait()
        assert digests(evidence, tmp_path / "beside", Options(helper=running_helper)) == here


def test_an_error_in_the_helper_is_raised_in_this_process(tmp_path: Path) -> None:
    SETS["audit"](tmp_path / "set")
    evidence = EvidenceSet.of(str(tmp_path / "set"), read_manifest(tmp_path / "set"))
    with helper("audit", ["charts"]) as running_helper:
        assert running_helper is not None
        ask = running_helper.request(evidence, tmp_path / "no such folder", Options())
        assert ask is not None
        with pytest.raises(FileNotFoundError):
            ask()


MODULE = """
from analyzer.errors import OutputError

class Odd(Exception):
    def __init__(self, one, two):
        super().__init__(one)

def load():
    print("loading")  # goes to standard error, and not between the answers

def render(evidence, folder, options):
    raise {raised}
"""


@pytest.mark.parametrize(
    ("raised", "kind", "words"),
    [
        ('OutputError("cannot be drawn", "do this")', OutputError, "cannot be drawn"),
        ('Odd("cannot be passed on", 2)', RuntimeError, "Odd: cannot be passed on"),
    ],
)
def test_errors_of_all_kinds_reach_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: str, kind: type[Exception], words: str
) -> None:
    (tmp_path / "odd_renderer.py").write_text(MODULE.format(raised=raised))
    monkeypatch.syspath_prepend(str(tmp_path))
    evidence = EvidenceSet(str(tmp_path), {}, {})
    command = [sys.executable, "-c", beside._START, "odd_renderer", *sys.path]  # noqa: SLF001
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        ask = Helper("odd_renderer", process).request(evidence, tmp_path, Options())
        assert ask is not None
        with pytest.raises(kind, match=words):
            ask()
        assert process.wait(timeout=60) == 0


def test_a_set_at_a_url_is_rendered_by_this_process(tmp_path: Path) -> None:
    with helper("audit", ["charts"]) as running_helper:
        assert running_helper is not None
        assert running_helper.request(EvidenceSet("memory://set", {}, {}), tmp_path, Options()) is None


def test_a_set_is_packed_before_any_thread_reads_it(evidence: EvidenceSet, tmp_path: Path) -> None:
    # What threads add to the set while it is packed would break the packing.
    packed: list[tuple[threading.Thread, frozenset[str]]] = []

    class Watching(Helper):
        def request(self, evidence: EvidenceSet, folder: Path, options: Options) -> Asking | None:
            packed.append((threading.current_thread(), frozenset(path.name for path in folder.iterdir())))
            return super().request(evidence, folder, options)

    with helper(evidence.kind, ["charts", "excel"]) as running_helper:
        assert running_helper is not None
        digests(evidence, tmp_path / "beside", Options(helper=Watching(running_helper.module, running_helper.process)))
    assert packed == [(threading.main_thread(), frozenset())]


def one_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "processors", lambda: 1)


def no_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")


def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)


def no_such_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")


@pytest.mark.parametrize("change", [one_processor, no_python, frozen, no_such_program])
def test_no_helper_starts_where_it_cannot_help(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[pytest.MonkeyPatch], None]
) -> None:
    change(monkeypatch)
    with helper("audit", ["charts", "excel"]) as running_helper:
        assert running_helper is None


@pytest.mark.parametrize(
    ("kind", "formats"), [("audit", ["parquet", "excel"]), ("comparison", ["charts"]), ("audit", [])]
)
def test_no_helper_starts_when_nothing_is_drawn(kind: str, formats: Sequence[str]) -> None:
    with helper(kind, formats) as running_helper:
        assert running_helper is None


def test_the_helper_ends_with_the_run() -> None:
    def fail() -> None:
        with helper("audit", ["charts"]) as running_helper:
            assert running_helper is not None
            started.append(running_helper)
            raise OSError("the run has failed")

    started: list[Helper] = []
    with pytest.raises(OSError, match="the run has failed"):
        fail()
    assert started[0].process.poll() is not None


def test_the_facts_of_options_leave_the_helper_out() -> None:
    with helper("audit", ["charts"]) as running_helper:
        assert Options(7, running_helper).facts == {"workbook_rows": 7, "due_within": 14} == Options(7).facts
