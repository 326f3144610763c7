"""Every format of the registry, with every kind of evidence that it takes."""

from __future__ import annotations

import ast
import inspect
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import analyzer
from analyzer import pipeline
from analyzer.errors import InputError
from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.schema import TABLES
from analyzer.evidence.seal import MANIFEST, RENDERED, digest_of, read_manifest, read_rendered
from analyzer.rendering import registry
from analyzer.rendering.registry import FORMATS, KINDS, chosen, default_formats, formats_of
from analyzer.rendering.render import Options, render
from tests.rendering.sets import SETS

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERY: Final = [(kind, name) for kind in KINDS for name in formats_of(kind)]
"""Each format with each kind of evidence that it takes."""
RENDERED_FORMATS: Final = [one for one in FORMATS if one.module is not None]
ALWAYS_THERE: Final = {"audit": {"tallies", "trend"}, "history": set(), "comparison": set()}
"""The tables that an evidence set has whatever --tables says."""
NOT_FOR_RENDERING: Final = ("batch", "cli", "engine", "history", "pipeline", "survey")
"""Rooms that no format knows: it reads an evidence set, and nothing else."""


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return an evidence set of each kind."""
    made = {}
    for kind, make in SETS.items():
        made[kind] = tmp_path_factory.mktemp(kind) / "set"
        make(made[kind])
    return made


def opened(folder: Path) -> EvidenceSet:
    return EvidenceSet.of(str(folder), read_manifest(folder))


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rendered_of(evidence: EvidenceSet, folder: Path, name: str) -> dict[str, bytes]:
    """Render one format into a new folder and return its files."""
    folder.mkdir()
    outputs, not_made = render(evidence, folder, [name], Options())
    files = files_in(folder)
    assert {str(one["name"]) for one in outputs} == files.keys()
    assert not files.keys() & {one["name"] for one in not_made}
    return files


# --- the list itself --------------------------------------------------------------------------------------------------


def test_each_kind_has_a_set_and_formats() -> None:
    assert set(SETS) == set(KINDS)
    assert len({one.name for one in FORMATS}) == len(FORMATS)
    for one in FORMATS:
        assert one.needs
        assert set(one.needs) <= set(KINDS)
        assert one.doing or one.module is None
    for kind in KINDS:
        assert set(default_formats(kind)) <= set(formats_of(kind))
        assert "parquet" in default_formats(kind)
    assert set(registry.TABLES) == set(TABLES)


@pytest.mark.parametrize("one", RENDERED_FORMATS, ids=lambda one: one.name)
def test_each_module_has_the_one_function(one: registry.Format) -> None:
    function = import_module(str(one.module)).render
    assert list(inspect.signature(function).parameters) == ["evidence", "folder", "options"]
    assert inspect.getdoc(function)


def room_of(one: registry.Format) -> str:
    """Return the file or folder of a format: its first name below `analyzer.rendering`."""
    return str(one.module).split(".")[2]


def imported(path: Path) -> Iterator[str]:
    """Yield the full names of what a module imports, wherever in it that stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("one", RENDERED_FORMATS, ids=lambda one: one.name)
def test_formats_know_neither_each_other_nor_how_evidence_is_made(one: registry.Format) -> None:
    rendering = Path(analyzer.__file__).parent / "rendering"
    place = rendering / room_of(one)
    modules = list(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    assert modules
    others = {f"analyzer.rendering.{room_of(other)}" for other in RENDERED_FORMATS} - {
        f"analyzer.rendering.{room_of(one)}"
    }
    others |= {f"analyzer.{room}" for room in NOT_FOR_RENDERING}
    found = {
        (path.name, name)
        for path in modules
        for name in imported(path)
        if any(f"{name}.".startswith(f"{other}.") for other in others)
    }
    assert found == set()


# --- every format with every kind of evidence -------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_each_format_renders_each_kind_it_takes(sets: dict[str, Path], tmp_path: Path, kind: str, name: str) -> None:
    files = rendered_of(opened(sets[kind]), tmp_path / "alone", name)
    assert bool(files) == (name != "parquet")
    assert all(files.values())
    left = pipeline.render(sets[kind], [name], tmp_path / "out")
    listed = read_rendered(tmp_path / "out")
    if not files:
        assert listed is None
    else:
        assert listed is not None
        assert [one["name"] for one in listed["outputs"]] == [one for one in left.files if one != RENDERED]
        assert {one["name"]: one["format"] for one in listed["outputs"]} == dict.fromkeys(files, name)
        for one in listed["outputs"]:
            assert one["sha256"] == digest_of(tmp_path / "out" / one["name"])
            assert one["bytes"] == len(files[one["name"]])
        assert listed["manifest"] == read_manifest(sets[kind])["digest"]
    own = files_in(sets[kind])
    assert files_in(tmp_path / "out").keys() == own.keys() | files.keys() | ({RENDERED} if files else set())
    assert own[MANIFEST] == (tmp_path / "out" / MANIFEST).read_bytes()
    assert set(left.files) <= files_in(tmp_path / "out").keys()
    assert pipeline.verify(tmp_path / "out").holds


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_what_a_format_needs_is_exactly_enough(sets: dict[str, Path], tmp_path: Path, kind: str, name: str) -> None:
    evidence = opened(sets[kind])
    (one,) = chosen(kind, [name])
    needs = set(one.needs[kind])
    assert needs <= evidence.files.keys()
    with_these = ALWAYS_THERE[kind] | needs
    only = replace(evidence, files={table: evidence.files[table] for table in evidence.files.keys() & with_these})
    whole = rendered_of(evidence, tmp_path / "whole", name)
    assert rendered_of(only, tmp_path / "only", name) == whole
    for number, table in enumerate(sorted(needs)):
        less = replace(only, files={name: files for name, files in only.files.items() if name != table})
        with pytest.raises(KeyError, match=table):
            rendered_of(less, tmp_path / f"{number}", name)


@pytest.mark.parametrize("kind", KINDS)
def test_all_formats_at_once_are_those_one_by_one(sets: dict[str, Path], tmp_path: Path, kind: str) -> None:
    pipeline.render(sets[kind], formats_of(kind), tmp_path / "out")
    alone: dict[str, bytes] = {}
    for name in formats_of(kind):
        files = rendered_of(opened(sets[kind]), tmp_path / name, name)
        assert not alone.keys() & files.keys()
        alone |= files
    own = files_in(sets[kind])
    assert {name: data for name, data in files_in(tmp_path / "out").items() if name not in {*own, RENDERED}} == alone


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, one.name) for kind in KINDS for one in FORMATS if kind not in one.needs] + [("audit", "x")],
)
def test_a_format_of_another_kind_is_refused(sets: dict[str, Path], tmp_path: Path, kind: str, name: str) -> None:
    with pytest.raises(InputError, match=f"the evidence of a {kind} cannot be written in the format {name}") as error:
        pipeline.render(sets[kind], [name], tmp_path / "out")
    assert all(one in error.value.hint for one in formats_of(kind))
    assert not (tmp_path / "out").exists()
