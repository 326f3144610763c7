"""The parts of `.ci/bundle` that need no network."""

from __future__ import annotations

import gzip
import io
import platform
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

from tests.bundle.script import ROOT, SCRIPT, TARGETS, bundle

MANUAL = (ROOT / "analyzer/manual/offline.md").read_text(encoding="utf-8")
THIS_PLATFORM = next(
    iter(name for name, details in bundle.PLATFORMS.items() if details.machine == platform.machine()), None
)
LINUX = bundle.Target("linux-x86_64", "3.12")


def test_python_alone_starts_the_script() -> None:
    done = subprocess.run([sys.executable, "-I", "-S", SCRIPT, "--help"], capture_output=True, text=True, check=True)
    assert "Carry credreport to a machine without a network" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--platform", "solaris"], "invalid choice: 'solaris'"),
        (["--python", "3.10"], "3.10 is none of 3.11, 3.12, 3.13, 3.14"),
        (["--upgrade"], "--upgrade goes with --lock"),
    ],
)
def test_wrong_options_are_named(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        bundle.parse(arguments)
    assert error.value.code == 2
    assert message in capsys.readouterr().err


def test_an_unknown_platform_has_to_be_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(SystemExit):
        bundle.parse([])
    assert "name a platform: linux-x86_64" in capsys.readouterr().err


@pytest.mark.skipif(
    sys.platform != "linux" or THIS_PLATFORM is None, reason="the oracle is this machine, which needs a bundle"
)
def test_the_markers_of_this_platform_are_those_that_pip_sees() -> None:
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    markers = bundle.Target(THIS_PLATFORM, python).markers
    assert {**default_environment(), "python_full_version": f"{python}.0"}.items() >= markers.items()


def wheel_of(name: str, version: str, *requires: str) -> object:
    return bundle.Wheel(Path(f"{name}.whl"), name, version, tuple(map(Requirement, requires)), "0" * 64)


@pytest.mark.parametrize(
    ("needed", "complaint"),
    [
        ("pandas>=3", None),
        ("Pandas>=3", None),
        ("pandas>=4", "credreport 1 needs pandas>=4"),
        ("numpy", "credreport 1 needs numpy"),
        ("numpy; sys_platform == 'win32'", None),
        ("numpy; sys_platform == 'linux' and python_version >= '3.12'", "credreport 1 needs numpy"),
        ("numpy; extra == 'test'", None),
        ("numpy; extra == 'cluster'", "credreport 1 needs numpy"),
    ],
)
def test_a_wheel_that_is_missing_is_noticed(needed: str, complaint: str | None) -> None:
    missing = bundle.unmet([wheel_of("credreport", "1", needed), wheel_of("pandas", "3.1")], LINUX, ["cluster"])
    assert len(missing) == (complaint is not None)
    assert all(line.startswith(complaint or "") for line in missing)


def test_extras_are_those_of_the_program_alone() -> None:
    wheels = [wheel_of("credreport", "1"), wheel_of("pandas", "3.1", "numpy; extra == 'cluster'")]
    assert bundle.unmet(wheels, LINUX, ["cluster"]) == []


def archive(path: Path, names: list[str], moment: int) -> None:
    with gzip.GzipFile(path, "wb", mtime=moment) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.mtime, member.uid, member.uname, member.size = moment, moment, f"user{moment}", len(name)
            tar.addfile(member, io.BytesIO(name.encode()))


def test_a_source_archive_repeats_to_the_byte(tmp_path: Path) -> None:
    archive(tmp_path / "one.tar.gz", ["b/x.py", "a.py"], 1)
    archive(tmp_path / "two.tar.gz", ["a.py", "b/x.py"], 2)
    for name in ("one", "two"):
        bundle._repeat_source(tmp_path / f"{name}.tar.gz", 1_700_000_000)  # noqa: SLF001
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "one.tar.gz") as tar:
        assert {member.name: tar.extractfile(member).read() for member in tar} == {"a.py": b"a.py", "b/x.py": b"b/x.py"}  # type: ignore[union-attr]


def packed(path: Path, *names: str) -> object:
    with zipfile.ZipFile(path, "w") as wheel:
        for name in names:
            wheel.writestr(name, "")
    return bundle.Wheel(path, path.stem, "1", (), "")


def test_scripts_and_manual_pages_are_no_part_of_the_single_file(tmp_path: Path) -> None:
    wheel = packed(
        tmp_path / "one.whl", "one/__init__.py", "one-1.data/", "one-1.data/scripts/run", "one-1.data/data/man"
    )
    bundle.unpack([wheel], tmp_path / "site")
    assert [path.name for path in (tmp_path / "site").rglob("*") if path.is_file()] == ["__init__.py"]


def test_modules_at_an_unusual_place_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bundle.unpack([packed(tmp_path / "one.whl", "one-1.data/purelib/one.py")], tmp_path / "site")
    assert "one.whl has modules in its .data folder" in capsys.readouterr().err


def test_an_existing_folder_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("kept", encoding="utf-8")
    with pytest.raises(SystemExit):
        bundle.bundle(LINUX, tmp_path, cluster=False)
    assert "is already there. Remove it, or name another folder with -o" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_command_that_fails_shows_what_it_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        bundle.run(sys.executable, "-c", "print('why'); raise SystemExit(1)")
    assert error.value.code == 2
    assert "\nwhy\n" in capsys.readouterr().err


def test_the_single_file_names_the_python_that_it_needs() -> None:
    start = bundle.START.format(wanted=("3.9", "sunos5", "sparc"), python="3.9", name="solaris-sparc")
    done = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    here = f"This is Python {sys.version_info[0]}.{sys.version_info[1]} on {sys.platform} {platform.machine()}."
    assert done.stderr.startswith(f"credreport.pyz was made for Python 3.9 on solaris-sparc. {here}\n")


def test_the_single_file_starts_on_its_python() -> None:
    target = (f"{sys.version_info[0]}.{sys.version_info[1]}", sys.platform, platform.machine())
    start = bundle.START.format(wanted=target, python=target[0], name="here")
    done = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("platform_name", bundle.PLATFORMS)
def test_the_manual_says_what_to_type(platform_name: str) -> None:
    for command in bundle.Target(platform_name, "3.12").commands.values():
        assert command in MANUAL, command


def test_the_manual_names_each_platform_and_python() -> None:
    assert all(name in MANUAL for name in (*bundle.PLATFORMS, *bundle.PYTHONS))
    assert len(TARGETS) == 20
