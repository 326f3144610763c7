"""Which pictures exist, and their files."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from matplotlib.image import imread

from analyzer.controls.checklist import make_checklist
from analyzer.rendering.pictures import audit as audit_pictures
from analyzer.rendering.pictures import history as history_pictures
from analyzer.rendering.pictures import render
from analyzer.rendering.render import NotMade
from tests.audits import ODD
from tests.rendering.pictures.figures import (
    MANY_USERS,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from tests.running import Audit


@pytest.mark.parametrize("users", [8, 50, MANY_USERS])
def test_the_files_of_one_control(audit_of_size: Callable[[int], Audit], users: int, tmp_path: Path) -> None:
    assert_written(audit_of_size(users), tmp_path, ["idle_days", "status", "accounts", "age_vs_idle"])


@pytest.mark.parametrize(
    ("controls", "names"),
    [
        ([], ["idle_days", "status", "matrix", "accounts", "age_vs_idle"]),
        (["unused-credentials"], ["idle_days", "status", "accounts", "age_vs_idle"]),
        (["root-mfa"], ["status", "accounts"]),
        (["root-mfa", "console-mfa"], ["status", "matrix", "accounts"]),
    ],
)
def test_pictures_show_only_what_was_judged(
    audit_of: Callable[..., Audit], controls: list[str], names: list[str], tmp_path: Path
) -> None:
    assert_written(audit_of(ODD, checklist=make_checklist(controls=controls)), tmp_path / "out", names)


def test_without_any_picture_there_is_no_folder(audit_of_size: Callable[[int], Audit], tmp_path: Path) -> None:
    assert_written(audit_of_size(0), tmp_path / "out", [])
    assert list((tmp_path / "out").iterdir()) == []


def test_requirements_are_drawn_where_a_benchmark_was_chosen(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    names = ["idle_days", "status", "matrix", "requirements", "accounts", "age_vs_idle"]
    assert_written(audit_of(ODD, checklist=make_checklist(benchmark="cis-7.0")), tmp_path / "out", names)


def assert_written(audit: Audit, folder: Path, names: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    files = render.write(audit, folder)
    paths = [file for file in files if not isinstance(file, NotMade)]
    assert paths == [folder / "charts" / f"{name}.png" for name in names]
    # Each of the others has a reason, and all are in the order of the list.
    every = [file.path if isinstance(file, NotMade) else file for file in files]
    assert every == [folder / "charts" / f"{name}.png" for name in render.AUDIT]
    for path in paths:
        assert imread(path).shape[:2] == (896, 1600)
        assert b"Software" not in path.read_bytes()
    assert sorted(paths) == sorted(folder.rglob("*.png"))


@pytest.mark.parametrize(
    ("package", "listed"),
    [
        (audit_pictures, dict(render.AUDIT)),
        (history_pictures, dict(render.HISTORY)),
    ],
)
def test_every_picture_has_a_file_of_its_name_and_is_in_the_list(
    package: ModuleType, listed: dict[str, Callable[..., Figure]]
) -> None:
    modules = {part.name: import_module(f"{package.__name__}.{part.name}") for part in iter_modules(package.__path__)}
    assert {name: modules[name].draw for name in listed} == listed
    # `status` is one of two, by what was judged.
    parts = {"status_by_control", "status_by_kind"} & set(modules)
    assert {name for name, module in modules.items() if hasattr(module, "draw")} == set(listed) | parts
