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

KINDS_AND_FORMATS: Final = [(kind, name) for kind in KINDS for name in formats_of(kind)]
"""Each format with each kind of evidence that it takes."""
RENDERED_FORMATS: Final = [output_format for output_format in FORMATS if output_format.module is not None]
ALWAYS_THERE: Final = {"audit": {"tallies", "trend"}, "history": set(), "comparison": set()}
"""The tables that an evidence set has whatever --tables says."""
NOT_FOR_RENDERING: Final = ("batch", "cli", "engine", "history", "pipeline", "survey")
"""Packages that no format imports: it reads an evidence set, and nothing else."""


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return an evidence set of each kind."""
    folders = {}
    for kind, make in SETS.items():
        folders[kind] = tmp_path_factory.mktemp(kind) / "set"
        make(folders[kind])
    return folders


def opened(folder: Path) -> EvidenceSet:
    return EvidenceSet.of(str(folder), read_manifest(folder))


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rendered_of(evidence: EvidenceSet, folder: Path, name: str) -> dict[str, bytes]:
    """Render one format into a new folder and return its files."""
    folder.mkdir()
    outputs, not_made = render(evidence, folder, [name], Options())
    files = files_in(folder)
    assert {str(entry["name"]) for entry in outputs} == files.keys()
    assert not files.keys() & {entry["name"] for entry in not_made}
    return files


# --- the list itself --------------------------------------------------------------------------------------------------


def test_each_kind_has_a_set_and_formats() -> None:
    assert set(SETS) == set(KINDS)
    assert len({output_format.name for output_format in FORMATS}) == len(FORMATS)
    for output_format in FORMATS:
        assert output_format.needs
        assert set(output_format.needs) <= set(KINDS)
        assert output_format.doing or output_format.module is None
    for kind in KINDS:
        assert set(default_formats(kind)) <= set(formats_of(kind))
        assert "parquet" in default_formats(kind)
    assert set(registry.TABLES) == set(TABLES)


@pytest.mark.parametrize("output_format", RENDERED_FORMATS, ids=lambda output_format: output_format.name)
def test_each_module_has_a_function_render(output_format: registry.Format) -> None:
    function = import_module(str(output_format.module)).render
    assert list(inspect.signature(function).parameters) == ["evidence", "folder", "options"]
    assert inspect.getdoc(function)


def room_of(output_format: registry.Format) -> str:
    """Return the file or folder of a format: its first name below `analyzer.rendering`."""
    return str(output_format.module).split(".")[2]


def imported(path: Path) -> Iterator[str]:
    """Yield the full names of what a module imports, wherever it does so."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("output_format", RENDERED_FORMATS, ids=lambda output_format: output_format.name)
def test_no_format_imports_another_one_or_what_makes_evidence(output_format: registry.Format) -> None:
    rendering = Path(analyzer.__file__).parent / "rendering"
    location = rendering / room_of(output_format)
    modules = list(location.rglob("*.py")) if location.is_dir() else [location.with_suffix(".py")]
    assert modules
    forbidden = {f"analyzer.rendering.{room_of(each)}" for each in RENDERED_FORMATS} - {
        f"analyzer.rendering.{room_of(output_format)}"
    }
    forbidden |= {f"analyzer.{room}" for room in NOT_FOR_RENDERING}
    forbidden_imports = {
        (path.name, name)
        for path in modules
        for name in imported(path)
        if any(f"{name}.".startswith(f"{package}.") for package in forbidden)
    }
    assert forbidden_imports == set()


# --- every format with every kind of evidence -------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), KINDS_AND_FORMATS)
def test_each_format_renders_each_kind_it_takes(sets: dict[str, Path], tmp_path: Path, kind: str, name: str) -> None:
    files = rendered_of(opened(sets[kind]), tmp_path / "alone", name)
    assert bool(files) == (name != "parquet")
    assert all(files.values())
    rendering = pipeline.render(sets[kind], [name], tmp_path / "out")
    listed = read_rendered(tmp_path / "out")
    if not files:
        assert listed is None
    else:
        assert listed is not None
        assert [entry["name"] for entry in listed["outputs"]] == [file for file in rendering.files if file != RENDERED]
        assert {entry["name"]: entry["format"] for entry in listed["outputs"]} == dict.fromkeys(files, name)
        for entry in listed["outputs"]:
            assert entry["sha256"] == digest_of(tmp_path / "out" / entry["name"])
            assert entry["bytes"] == len(files[entry["name"]])
        assert listed["manifest"] == read_manifest(sets[kind])["digest"]
    own = files_in(sets[kind])
    assert files_in(tmp_path / "out").keys() == own.keys() | files.keys() | ({RENDERED} if files else set())
    assert own[MANIFEST] == (tmp_path / "out" / MANIFEST).read_bytes()
    assert set(rendering.files) <= files_in(tmp_path / "out").keys()
    assert pipeline.verify(tmp_path / "out").holds


@pytest.mark.parametrize(("kind", "name"), KINDS_AND_FORMATS)
def test_a_format_reads_exactly_the_tables_that_it_needs(
    sets: dict[str, Path], tmp_path: Path, kind: str, name: str
) -> None:
    evidence = opened(sets[kind])
    (output_format,) = chosen(kind, [name])
    needs = set(output_format.needs[kind])
    assert needs <= evidence.files.keys()
    with_these = ALWAYS_THERE[kind] | needs
    only = replace(evidence, files={table: evidence.files[table] for table in evidence.files.keys() & with_these})
    whole = rendered_of(evidence, tmp_path / "whole", name)
    assert rendered_of(only, tmp_path / "only", name) == whole
    for number, table in enumerate(sorted(needs)):
        incomplete = replace(only, files={name: files for name, files in only.files.items() if name != table})
        with pytest.raises(KeyError, match=table):
            rendered_of(incomplete, tmp_path / f"{number}", name)


@pytest.mark.parametrize("kind", KINDS)
def test_formats_made_together_equal_formats_made_one_by_one(sets: dict[str, Path], tmp_path: Path, kind: str) -> None:
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
    [(kind, candidate.name) for kind in KINDS for candidate in FORMATS if kind not in candidate.needs]
    + [("audit", "x")],
)
def test_a_format_of_another_kind_is_refused(sets: dict[str, Path], tmp_path: Path, kind: str, name: str) -> None:
    with pytest.raises(InputError, match=f"the evidence of a {kind} cannot be written in the format {name}") as error:
        pipeline.render(sets[kind], [name], tmp_path / "out")
    assert all(possible in error.value.hint for possible in formats_of(kind))
    assert not (tmp_path / "out").exists()
