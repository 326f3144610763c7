"""Newcomers can find their way in the program: it has few names, and no large module or function."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "analyzer"
MODULES = sorted(PACKAGE.rglob("*.py"))
A_DOZEN, MOST_LINES_OF_A_MODULE, MOST_LINES_OF_A_FUNCTION = 12, 500, 50


def test_the_first_level_has_at_most_a_dozen_names() -> None:
    names = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert {"pipeline", "survey", "judging", "evidence", "rendering", "history"} <= names
    assert len(names - {"__init__", "__main__"}) <= A_DOZEN


def test_no_output_of_the_program_is_in_the_repository() -> None:
    root = PACKAGE.parent
    if not (root / ".git").exists():
        pytest.skip("not a clone")
    listing = subprocess.run(["git", "ls-files"], cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    tracked = [Path(line) for line in listing.stdout.splitlines()]
    assert Path("README.md") in tracked
    assert [path for path in tracked if path.suffix in {".parquet", ".xlsx", ".pdf"}] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_module_and_no_function_is_large(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES_OF_A_MODULE
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    lengths = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES_OF_A_FUNCTION} == {}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_every_package_and_module_says_what_it_is_for(module: Path) -> None:
    assert ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))


PARTS = {path.stem for path in PACKAGE.iterdir()} - {"history"}  # in the package itself, this is the function


@pytest.mark.parametrize(
    "module",
    [path for path in MODULES if path != PACKAGE / "__init__.py"],
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_modules_take_only_parts_and_the_version_from_the_package_itself(module: Path) -> None:
    imports = [
        node for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)
    ]
    taken = {name.name for node in imports if node.module == "analyzer" for name in node.names}
    assert taken <= {"__version__", *PARTS}
