"""A bundle works without a network and lists its parts; the same commit gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name, parse_wheel_filename

from tests.bundle.script import ROOT, bundle
from tests.documents.pages import consoles
from tests.documents.printing import ANSWER_ONLY

pytestmark = pytest.mark.slow

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
OTHER_PYTHONS = [name for name in bundle.PYTHONS if name != PYTHON]


@pytest.fixture(scope="module")
def bundles_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for bundles, where there is a network to make them."""
    folder = tmp_path_factory.mktemp("bundles")
    (pin,) = [pin for pin in bundle.pins(ROOT / bundle.TOOLS_LOCK) if pin.requirement.name == "build"]
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--no-cache-dir",
        "--retries",
        "0",
    ]
    probe = subprocess.run([*pip, "-d", folder / "probe", str(pin.requirement)], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("no package registry can be reached")
    return folder


def clone(repository: Path, target: Path) -> Path:
    """Return a clone of what is committed."""
    subprocess.run(["git", "clone", "-q", repository, target], check=True)
    return target


def bundled(repository: Path, *options: str, umask: int = 0o022, **environment: str) -> Path:
    """Return the folder that the script leaves, run in a clone."""
    out = repository.parent / f"{repository.name}-bundle{'-'.join(options)}"
    command: list[str | Path] = [sys.executable, repository / ".ci/bundle", "-o", out, *options]
    done = subprocess.run(
        command, env={**os.environ, **environment}, umask=umask, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def first_clone(bundles_folder: Path) -> Path:
    return clone(ROOT, bundles_folder / "first")


@pytest.fixture(scope="module")
def first_bundle(first_clone: Path) -> Path:
    return bundled(first_clone)


def listed(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def wheels(folder: Path) -> dict[str, tuple[str, str]]:
    """Return version and SHA-256 of each wheel, by name."""
    versions = {}
    for path in (folder / "wheelhouse").iterdir():
        name, version, _, _ = parse_wheel_filename(path.name)
        versions[str(name)] = str(version), hashlib.sha256(path.read_bytes()).hexdigest()
    return versions


def test_each_file_is_listed_with_its_sum(first_bundle: Path) -> None:
    files = listed(first_bundle)
    lines = [line.split("  ") for line in files.pop("SHA256SUMS").decode().splitlines()]
    sums = {name: digest for digest, name in lines}
    assert sums == {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    assert {"INSTALL.txt", "credreport.pyz", "requirements.txt", "sbom.cdx.json"} < sums.keys()


def test_the_requirements_are_the_wheels_and_what_the_lock_pins(first_bundle: Path) -> None:
    wheels_by_name = wheels(first_bundle)
    pins = {pin.requirement.name: pin for pin in bundle.pins(first_bundle / "requirements.txt")}
    assert {name: (str(pin.requirement.specifier)[2:], pin.hashes[0]) for name, pin in pins.items()} == wheels_by_name
    here = bundle.Target(bundle.parse([]).platform, PYTHON)
    locked = {pin.requirement.name: pin for pin in bundle.pins_for(here, ROOT / bundle.LOCK)}
    assert locked.keys() | {"credreport"} == wheels_by_name.keys()
    assert all(wheels_by_name[name][1] in pin.hashes for name, pin in locked.items())


def test_the_list_of_parts_names_each_wheel_with_hash_and_licence(first_bundle: Path, first_clone: Path) -> None:
    text = (first_bundle / "sbom.cdx.json").read_text(encoding="utf-8")
    parts = json.loads(text)
    components = [parts["metadata"]["component"], *parts["components"]]
    assert {
        canonicalize_name(part["name"]): (part["version"], part["hashes"][0]["content"]) for part in components
    } == wheels(first_bundle)
    assert [part["name"] for part in components if not part.get("licenses")] == []
    assert parts["bomFormat"] == "CycloneDX"
    assert not {"serialNumber", "timestamp"} & {*parts, *parts["metadata"]}
    assert str(first_clone.parent) not in text
    valid = (
        "import sys\nfrom cyclonedx.schema import SchemaVersion\n"
        "from cyclonedx.validation.json import JsonStrictValidator\n"
        "print(JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read()))"
    )
    tools = first_clone / "build/tools/bin/python"
    done = subprocess.run([tools, "-c", valid], input=text, capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"


def offline(*command: str | Path, cwd: Path, code: int = 0) -> str:
    """Run a command in a network namespace without interfaces and with an empty home; return what it prints."""
    names = {"PATH", "LANG", "ARROW_DEFAULT_MEMORY_POOL", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}
    environment = {name: value for name, value in os.environ.items() if name in names}
    home = cwd / "home"
    home.mkdir(exist_ok=True)
    environment |= {"HOME": str(home), "COLUMNS": "110", "NO_COLOR": "1"}
    isolated = ["unshare", "-rn", *map(str, command)]
    done = subprocess.run(isolated, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.fixture
def offline_folder(tmp_path: Path) -> Path:
    """Return a folder on a machine without a network, with the sample reports in it."""
    if (
        not shutil.which("unshare")
        or subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("this machine does not allow network namespaces")
    shutil.copytree(ROOT / "sample_reports", tmp_path / "sample_reports")
    return tmp_path


def answer(printed: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in printed.splitlines()).rpartition("\n\n")[2]


def installed(folder: Path, offline_folder: Path, python: str | Path) -> Path:
    """Install a bundle in an empty venv without a network, and return the program."""
    shutil.copytree(folder, offline_folder / "bundle")
    offline(python, "-m", "venv", offline_folder / "venv", cwd=offline_folder)
    pip = (offline_folder / "venv/bin/python", "-m", "pip", "install", "-q", "--no-index", "--find-links", "wheelhouse")
    offline(*pip, "--require-hashes", "-r", "requirements.txt", cwd=offline_folder / "bundle")
    return offline_folder / "venv/bin/credreport"


def test_a_bundle_installs_and_audits_without_a_network(first_bundle: Path, offline_folder: Path) -> None:
    program = installed(first_bundle, offline_folder, sys.executable)
    printed = offline(
        program, "audit", "sample_reports", "--format", "pdf", "--format", "html", cwd=offline_folder, code=1
    )
    assert "16 of 46 active passwords and access keys of IAM users unused for 45 days or more" in printed
    assert (offline_folder / "credreport-out/summary.pdf").read_bytes().startswith(b"%PDF")
    shutil.rmtree(offline_folder / "credreport-out")
    assert answer(offline(program, "audit", "sample_reports", cwd=offline_folder, code=1)) == consoles()[ANSWER_ONLY]


def test_a_wheel_that_was_changed_is_not_installed(first_bundle: Path, offline_folder: Path) -> None:
    shutil.copytree(first_bundle, offline_folder / "bundle")
    with next((offline_folder / "bundle/wheelhouse").glob("credreport-*.whl")).open("ab") as wheel:
        wheel.write(b"\0")
    offline(sys.executable, "-m", "venv", offline_folder / "venv", cwd=offline_folder)
    pip = (offline_folder / "venv/bin/python", "-m", "pip", "install", "-q", "--no-index", "--find-links", "wheelhouse")
    offline(*pip, "--require-hashes", "-r", "requirements.txt", cwd=offline_folder / "bundle", code=1)
    offline("sha256sum", "--quiet", "-c", "SHA256SUMS", cwd=offline_folder / "bundle", code=1)


def test_the_single_file_audits_without_a_network(first_bundle: Path, offline_folder: Path) -> None:
    shutil.copy(first_bundle / "credreport.pyz", offline_folder)
    for _ in ("unpacked", "there already"):
        printed = offline(sys.executable, "credreport.pyz", "audit", "sample_reports", cwd=offline_folder, code=1)
        assert answer(printed) == consoles()[ANSWER_ONLY]
        shutil.rmtree(offline_folder / "credreport-out")


def test_equal_commits_give_equal_bytes(first_bundle: Path, first_clone: Path, bundles_folder: Path) -> None:
    second = bundled(clone(first_clone, bundles_folder / "second"), umask=0o077, TZ="Asia/Tokyo", PYTHONPATH=str(ROOT))
    first_files, second_files = listed(first_bundle), listed(second)
    assert first_files.keys() == second_files.keys()
    assert [name for name in first_files if first_files[name] != second_files[name]] == []


def test_a_bundle_for_another_platform_holds_its_wheels(first_clone: Path) -> None:
    folder = bundled(first_clone, "--platform", "windows-amd64", "--python", "3.14", "--cluster")
    tags = {
        path.name: {str(tag.platform) for tag in parse_wheel_filename(path.name)[3]}
        for path in (folder / "wheelhouse").iterdir()
    }
    assert {name: platforms for name, platforms in tags.items() if not platforms & {"any", "win_amd64"}} == {}
    assert {"colorama", "tzdata", "distributed"} < wheels(folder).keys()
    assert "Get-FileHash" in (folder / "INSTALL.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("python", OTHER_PYTHONS)
def test_each_installed_version_of_python_runs_its_bundle(python: str, first_clone: Path, offline_folder: Path) -> None:
    interpreter = shutil.which(f"python{python}")
    if not interpreter or subprocess.run([interpreter, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip(f"no Python {python} here")
    folder = bundled(first_clone, "--python", python)
    assert (
        answer(
            offline(
                installed(folder, offline_folder, interpreter), "audit", "sample_reports", cwd=offline_folder, code=1
            )
        )
        == consoles()[ANSWER_ONLY]
    )
    shutil.copy(folder / "credreport.pyz", offline_folder)
    shutil.rmtree(offline_folder / "credreport-out")
    printed = offline(interpreter, "credreport.pyz", "audit", "sample_reports", cwd=offline_folder, code=1)
    assert answer(printed) == consoles()[ANSWER_ONLY]
    offline(sys.executable, "credreport.pyz", "--version", cwd=offline_folder, code=2)


def test_new_locks_pin_the_same_versions(first_clone: Path, bundles_folder: Path) -> None:
    repository = clone(first_clone, bundles_folder / "third")
    subprocess.run([sys.executable, repository / ".ci/bundle", "--lock"], capture_output=True, check=True)
    for name in (bundle.LOCK, bundle.CLUSTER_LOCK, bundle.TOOLS_LOCK):
        anew, committed = (
            [str(pin.requirement) for pin in bundle.pins(folder / name)] for folder in (repository, ROOT)
        )
        assert anew == committed, name
