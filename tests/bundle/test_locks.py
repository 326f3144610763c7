"""The lock files fit pyproject.toml on every platform and version of Python, and name no address."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.bundle.script import ROOT, TARGETS, bundle

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROGRAM = PROJECT["project"]["dependencies"]
CLUSTER = PROJECT["project"]["optional-dependencies"]["cluster"]
REQUIRED = {
    bundle.LOCK: PROGRAM,
    bundle.CLUSTER_LOCK: [*PROGRAM, *CLUSTER],
    bundle.TOOLS_LOCK: PROJECT["dependency-groups"]["bundle"],
}
ANEW = "Run: python3 .ci/bundle --lock"


def misfits(required: list[str], pins: list[Any]) -> list[str]:
    """Return the requirements that are not met by exactly one pin."""
    misfitting = []
    for requirement in map(Requirement, required):
        name = canonicalize_name(requirement.name)
        versions = [str(pin.requirement.specifier).removeprefix("==") for pin in pins if pin.requirement.name == name]
        if len(versions) != 1 or not requirement.specifier.contains(versions[0]):
            misfitting.append(f"{requirement}: {versions}")
    return misfitting


@pytest.mark.parametrize("target", TARGETS, ids="-".join)
@pytest.mark.parametrize("lock", REQUIRED)
def test_a_lock_fits_what_pyproject_requires(lock: str, target: tuple[str, str]) -> None:
    pins = bundle.pins_for(bundle.Target(*target), ROOT / lock)
    assert misfits(REQUIRED[lock], pins) == [], ANEW
    names = [pin.requirement.name for pin in pins]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("lock", REQUIRED)
def test_a_lock_holds_nothing_that_pyproject_no_longer_requires(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    entries = re.findall(r"^([a-z0-9-]+)==.*\n((?: +.*\n)+)", text, re.MULTILINE)
    direct = {name for name, body in entries if re.search(r"(?:via|#  ) credreport \(pyproject\.toml", body)}
    assert direct == {canonicalize_name(Requirement(text).name) for text in REQUIRED[lock]}, ANEW


def test_every_tool_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("\nbundle = [")[2].partition("\n]")[0]
    tools_with_reason = set(re.findall(r'^    "([a-z-]+)[^"]*",  # [a-z]', text, re.MULTILINE))
    assert tools_with_reason == {Requirement(text).name for text in REQUIRED[bundle.TOOLS_LOCK]}


@pytest.mark.parametrize("required", ["pandas>=99", "no-such-package>=1"])
def test_a_lock_that_does_not_fit_is_noticed(required: str) -> None:
    assert misfits([*PROGRAM, required], bundle.pins_for(bundle.Target(*TARGETS[0]), ROOT / bundle.LOCK))


@pytest.mark.parametrize("lock", REQUIRED)
def test_a_lock_pins_by_hash_and_names_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "#    python3 .ci/bundle --lock\n" in text.partition("==")[0]
    assert not re.search(r"://|--index|--find-links|file:|@ ", text)
    pins = bundle.pins(ROOT / lock)
    assert len(pins) > 20
    for pin in pins:
        assert [specifier.operator for specifier in pin.requirement.specifier] == ["=="], pin
        assert pin.hashes, pin
        assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in pin.hashes), pin


def test_the_extra_cluster_adds_packages_and_changes_no_version() -> None:
    without = {str(pin.requirement) for pin in bundle.pins(ROOT / bundle.LOCK)}
    with_it = {str(pin.requirement) for pin in bundle.pins(ROOT / bundle.CLUSTER_LOCK)}
    assert without < with_it
    assert not {Requirement(text).name for text in without} & {"tornado", "distributed", "fsspec"}


def test_comments_and_several_hashes_are_read(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(
        "# how it was made\n"
        "one==1.0 ; sys_platform == 'win32' \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via two\n"
        "two==2.0 ; python_full_version >= '3.12' \\\n    --hash=sha256:cc\n",
        encoding="utf-8",
    )
    assert [(pin.requirement.name, pin.hashes) for pin in bundle.pins(tmp_path / "lock")] == [
        ("one", ("aa", "bb")),
        ("two", ("cc",)),
    ]
    names_by_target = {
        target: [pin.requirement.name for pin in bundle.pins_for(bundle.Target(*target), tmp_path / "lock")]
        for target in TARGETS
    }
    assert names_by_target["windows-amd64", "3.11"] == ["one"]
    assert names_by_target["windows-amd64", "3.14"] == ["one", "two"]
    assert names_by_target["linux-aarch64", "3.11"] == []
    assert names_by_target["macos-arm64", "3.12"] == ["two"]
