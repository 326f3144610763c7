"""Other systems, simulated: no exchange of folders, Windows' locks, no locks, and names without regard to case."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from analyzer.errors import OutputError
from analyzer.evidence import owner, seal, system
from analyzer.evidence.folder import check, locked, replaced, staged, tidy
from tests.cli.running import run
from tests.evidence.test_folder import backdate, contents, fill, leftover, names_beside, put
from tests.reports import csv_of, key, root, user, write

PACKAGE = Path(system.__file__).parent.parent


def test_only_one_module_uses_functions_of_a_single_system() -> None:
    asking = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.split()[:2] in [["import", name] for name in ("fcntl", "msvcrt", "ctypes", "resource", "pty", "winreg")]
    }
    assert asking == {"evidence/system.py"}


# --- Windows ----------------------------------------------------------------------------------------------------------


def be_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the module take the ways of Windows, with locks that are made of those of POSIX."""
    if sys.platform == "win32":
        return
    import fcntl  # noqa: PLC0415 - not on Windows

    def locking(file: int, mode: int, count: int) -> None:
        assert (mode, count) == (2, 1)
        assert os.lseek(file, 0, os.SEEK_CUR) == 0
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PermissionError(errno.EACCES, "Permission denied") from None

    def fail(*_: object) -> None:
        raise AssertionError("Windows has no such thing")

    rename = os.rename

    def rename_to_what_is_not_there(old: Path, new: Path, **_: Any) -> None:  # noqa: ANN401
        if os.path.lexists(new):
            raise FileExistsError(errno.EEXIST, "Windows puts nothing in the place of a folder, not even an empty one")
        rename(old, new)

    unlink = os.unlink

    def unlink_what_is_not_open(path: Path, **options: Any) -> None:  # noqa: ANN401
        if "dir_fd" not in options and any(open_path == os.path.realpath(path) for open_path in open_files()):
            raise PermissionError(errno.EACCES, "another process has it open")
        unlink(path, **options)

    monkeypatch.setattr(system, "sys", SimpleNamespace(platform="win32"))
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2))
    monkeypatch.setattr(fcntl, "lockf", fail)
    monkeypatch.setattr(os, "rename", rename_to_what_is_not_there)
    monkeypatch.setattr(os, "unlink", unlink_what_is_not_open)


def open_files() -> set[str]:
    """Return the files and folders that this process and those it started have open, or mapped into their memory."""
    paths = set[str]()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # one that has ended meanwhile
            parent = (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1]
            if str(os.getpid()) not in {process.name, parent}:
                continue
            maps = (process / "maps").read_text(encoding="utf-8").splitlines()
            paths |= {line.split(maxsplit=5)[5] for line in maps if "/" in line}
            for link in (process / "fd").iterdir():
                with suppress(OSError):  # that of this listing
                    paths.add(str(link.readlink()))
    return paths


def test_on_windows_a_folder_is_replaced_and_leftovers_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    be_windows(monkeypatch)
    out = tmp_path / "out"
    leftover(out)
    out.mkdir()
    put(out, "old")
    put(out, "new")
    assert contents(out)["a.parquet"] == b"new a.parquet"
    assert names_beside(out) == ["out"]


def test_on_windows_a_run_in_progress_keeps_its_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    be_windows(monkeypatch)
    out = tmp_path / "out"
    with staged(out) as staging, replaced(out) as second_staging:
        fill(second_staging)
        tidy(out)
        assert staging.exists()
        assert second_staging.exists()
    assert names_beside(out) == ["out"]


def test_on_windows_the_lock_of_a_store_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    be_windows(monkeypatch)
    tried: list[float] = []

    def give_up(seconds: float) -> None:
        tried.append(seconds)
        if len(tried) == 3:
            raise TimeoutError

    monkeypatch.setattr(time, "sleep", give_up)
    with locked(tmp_path / "store"), pytest.raises(TimeoutError), locked(tmp_path / "store"):
        pass
    assert len(tried) == 3
    with locked(tmp_path / "store"):
        pass
    assert len(tried) == 3


def test_on_windows_files_are_flushed_through_handles_that_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_windows(monkeypatch)
    path = Path(write(tmp_path / "a", "a"))
    flags: list[int] = []
    opened = os.open

    def noting(path: Path, how: int) -> int:
        flags.append(how)
        return opened(path, how)

    monkeypatch.setattr(os, "open", noting)
    system.flush(path)
    assert flags == [os.O_RDWR]

    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError):
        system.flush(path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    system.flush(path)


def test_on_windows_a_file_is_hashed_again_since_its_times_may_hide_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[Path] = []

    def noting(path: Path) -> str:
        hashed.append(path)
        return seal.digest_of(path)

    monkeypatch.setattr(owner, "digest_of", noting)
    for is_windows, times in ((False, 1), (True, 2)):
        out = tmp_path / str(is_windows)
        put(out)
        backdate(out)
        hashed.clear()
        if is_windows:
            be_windows(monkeypatch)
        check(out)
        check(out)
        assert len(hashed) == 2 * times


def test_on_windows_an_error_names_programs_that_have_files_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "out", "old")
    be_windows(monkeypatch)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Access is denied")

    monkeypatch.setattr(os, "rename", refuse)
    monkeypatch.setattr("analyzer.evidence.folder._PAUSES", ())
    with pytest.raises(OutputError, match="Access is denied") as caught:
        put(tmp_path / "out")
    assert caught.value.hint.startswith("close programs that have its files open")
    assert contents(tmp_path / "out")["a.parquet"] == b"old a.parquet"
    assert names_beside(tmp_path / "out") == ["out"]


def test_a_folder_that_is_in_use_for_a_moment_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "out", "old")
    be_windows(monkeypatch)
    rename, refusals = os.rename, [3]

    def refuse_at_first(old: Path, new: Path, **_: Any) -> None:  # noqa: ANN401
        if refusals[0]:
            refusals[0] -= 1
            raise PermissionError(errno.EACCES, "Access is denied")
        rename(old, new)

    monkeypatch.setattr(os, "rename", refuse_at_first)
    put(tmp_path / "out", "new")
    assert contents(tmp_path / "out")["a.parquet"] == b"new a.parquet"


REPORTS = {
    "in/111122223333_2026-09-30.csv": csv_of(root(), user("ci-deployer", **key(rotated="2026-01-01T00:00:00Z"))),
    "in/111122223333_2026-10-31.csv": csv_of(root(), user("ci-deployer", **key(rotated="2026-01-01T00:00:00Z"))),
}
COMMANDS = (
    "audit in -o out --format excel,html,charts,pdf,ics,remediation -q",
    "audit in -o out --format excel,html -q",
    "render out --format charts -q",
    "ingest in --store store",
    "ingest in more.csv --store store",
    "history --store store -o out-history -q",
    "history in -o out-history -q",
    "compare in/111122223333_2026-09-30.csv in/111122223333_2026-10-31.csv -o changes -q",
    "compare in/111122223333_2026-09-30.csv in/111122223333_2026-10-31.csv -o changes -q",
    "sample out --size 1 -o drawn -q",
)


def test_nothing_is_open_in_a_folder_that_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows renames no folder in which somebody has a file open, this process included."""
    if not Path("/proc/self/maps").exists():
        pytest.skip("only Linux says which files are open")
    for name, text in REPORTS.items():
        write(tmp_path / name, text)
    write(tmp_path / "more.csv", csv_of(user("b", account="444455556666")))
    be_windows(monkeypatch)
    rename, renamed = os.rename, list[str]()

    def rename_what_is_closed(old: Path, new: Path, **options: Any) -> None:  # noqa: ANN401
        if Path(old).is_dir():
            renamed.append(Path(new).name)
            assert [path for path in open_files() if path.startswith(f"{Path(old).resolve()}/")] == []
        rename(old, new, **options)

    monkeypatch.setattr(os, "rename", rename_what_is_closed)
    for command in COMMANDS:
        done = run(*command.split(), cwd=tmp_path)
        assert "error:" not in done.stderr, (command, done.stderr)
        assert done.returncode in {0, 1, 3}, (command, done.stderr)
    assert {"out", "store", "out-history", "changes"} <= set(renamed)
    assert [name for name in names_beside(tmp_path / "out") if name.startswith(".") and name != ".store.lock"] == []


# --- no exchange, and kills -------------------------------------------------------------------------------------------

KILLED = """
    import os, sys
    from pathlib import Path
    from analyzer.evidence import folder, system
    from tests.evidence.test_folder import put

    out, at, locks = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "locks"
    system.exchange = lambda *_: False
    if not locks:
        sys.modules["fcntl"] = None
    steps = 0

    def step(event, arguments):
        global steps
        if event in {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}:
            steps += 1
            if steps == at:
                os._exit(9)

    sys.addaudithook(step)
    put(out, "new")
    os._exit(0)
"""


@pytest.mark.parametrize("locks", ["locks", "no locks"])
def test_a_run_killed_at_any_step_of_two_renames_is_completed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locks: str
) -> None:
    """In each of the states it left a reader, once a run has begun, sees the old set or the new one, whole."""
    if locks == "no locks":
        monkeypatch.setitem(sys.modules, "fcntl", None)
    states = set[str]()
    for at in range(1, 100):
        out = tmp_path / str(at) / "out"
        put(out, "old")
        code = textwrap.dedent(KILLED)
        killed = subprocess.run([sys.executable, "-c", code, out, str(at), locks], check=False).returncode
        states.add("absent" if not out.exists() else contents(out)["a.parquet"].decode().split()[0])
        tidy(out)
        check(out)
        texts = {data.decode().split()[0] for name, data in contents(out).items() if name != "manifest.json"}
        assert texts in ({"old"}, {"new"}), at
        assert not list(out.parent.glob("*.old"))
        assert not list(out.parent.glob("*.lock"))
        put(out, "newest")
        assert contents(out)["a.parquet"] == b"newest a.parquet"
        staging = [name for name in names_beside(out) if name != "out"]
        assert staging == [] or locks == "no locks", "without locks nobody knows that their run has gone"
        if killed == 0:
            break
        assert killed == 9
    assert at > 8
    assert states == {"old", "absent", "new"}


@pytest.mark.parametrize(
    "command",
    [
        "render out --format charts -q",
        "audit in -o out -q --exit-zero --format excel --carry-over out/workbook.xlsx",
        "audit in -o out -q --exit-zero --format parquet",
    ],
)
def test_each_command_that_writes_first_puts_back_the_set_of_a_killed_run(tmp_path: Path, command: str) -> None:
    write(tmp_path / "in/111122223333_2026-10-31.csv", REPORTS["in/111122223333_2026-10-31.csv"])
    assert run("audit", "in", "-o", "out", "-q", "--format", "excel", "--exit-zero", cwd=tmp_path).returncode == 0
    (tmp_path / "out").rename(tmp_path / f".out.{7:016x}.old")
    leftover(tmp_path / "out", number=7)
    done = run(*command.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert names_beside(tmp_path / "out") == ["in", "out"]
    assert run("verify", "out", cwd=tmp_path).returncode == 0


def test_a_set_that_was_put_back_is_checked_before_the_work_begins(tmp_path: Path) -> None:
    aside = leftover(tmp_path / "out", ".old")
    write(aside / "mine.txt", "")
    with pytest.raises(OutputError, match=r"does not list: mine\.txt"), replaced(tmp_path / "out"):
        pytest.fail("the work has begun")
    assert (tmp_path / "out/mine.txt").exists()


def test_half_of_an_old_set_is_never_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    put(out)
    leftover(out, ".old")
    monkeypatch.setattr("shutil.rmtree", lambda path, **_: (Path(path) / "a.parquet").unlink(missing_ok=True))
    tidy(out)  # as far as the first file
    monkeypatch.undo()
    for path in sorted(out.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    out.rmdir()
    tidy(out)
    assert names_beside(out) == []


def test_without_fcntl_a_store_is_not_written_without_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a_2026-10-31.csv", csv_of(root(), user("ci-deployer")))
    monkeypatch.setitem(sys.modules, "fcntl", None)
    done = run("ingest", "a_2026-10-31.csv", "--store", "store", cwd=tmp_path)
    assert done.returncode == 2
    assert "cannot write the store store: this system has no file locks" in done.stderr
    assert not (tmp_path / "store").exists()


# --- names without regard to case -------------------------------------------------------------------------------------


@contextmanager
def no_regard_to_case(at: Path) -> Iterator[None]:
    """Have Python see the files below `at` as Windows and macOS show them: by the names on the disk."""
    names_in = os.listdir

    def as_it_stands(path: Any) -> Any:  # noqa: ANN401 - whatever the functions of `os` take
        if not isinstance(path, str | Path) or not Path(path).absolute().is_relative_to(at):
            return path
        on_disk = at
        for part in Path(path).absolute().relative_to(at).parts:
            try:
                names = names_in(on_disk)
            except OSError:
                names = []
            on_disk /= next((name for name in names if name.casefold() == part.casefold()), part)
        return str(on_disk)

    def folded(function: Callable[..., Any], paths: int = 1) -> Callable[..., Any]:
        return lambda *arguments, **options: function(
            *map(as_it_stands, arguments[:paths]), *arguments[paths:], **options
        )

    with pytest.MonkeyPatch.context() as patched:
        for name in ("stat", "lstat", "open", "mkdir", "rmdir", "unlink", "scandir", "listdir", "access"):
            patched.setattr(os, name, folded(getattr(os, name)))
        for name in ("rename", "replace"):
            patched.setattr(os, name, folded(getattr(os, name), paths=2))
        patched.setattr(io, "open", folded(io.open))
        patched.setattr(system, "exchange", folded(system.exchange, paths=2))
        yield


@pytest.fixture
def case_blind_folder(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a file system without regard to case."""
    with no_regard_to_case(tmp_path):
        write(tmp_path / "Probe", "")
        assert (tmp_path / "PROBE").read_text(encoding="utf-8") == ""
        assert names_beside(tmp_path / "x") == ["Probe"]
        (tmp_path / "pROBE").unlink()
        yield tmp_path


def test_a_folder_is_the_same_whatever_the_case_of_its_name(case_blind_folder: Path) -> None:
    put(case_blind_folder / "Out", "old")
    put(case_blind_folder / "OUT", "new")
    assert contents(case_blind_folder / "out")["a.parquet"] == b"new a.parquet"
    assert [name.casefold() for name in names_beside(case_blind_folder / "out")] == ["out"]
    write(case_blind_folder / "oUT/Mine.txt", "")
    with pytest.raises(OutputError, match=r"does not list: Mine\.txt"):
        put(case_blind_folder / "out")


def test_a_set_that_was_set_aside_is_put_back_by_a_run_that_names_the_folder_in_another_case(
    case_blind_folder: Path,
) -> None:
    leftover(case_blind_folder / "Out", ".old")
    leftover(case_blind_folder / "Out", number=1)
    tidy(case_blind_folder / "OUT")
    assert contents(case_blind_folder / "OUT")["a.parquet"] == b"old a.parquet"
    assert len(names_beside(case_blind_folder / "OUT")) == 1


def test_where_case_matters_a_folder_of_another_case_is_another_folder(tmp_path: Path) -> None:
    aside, old_leftover = leftover(tmp_path / "Out", ".old"), leftover(tmp_path / "Out", number=1)
    put(tmp_path / "out")
    assert names_beside(tmp_path / "out") == sorted([aside.name, old_leftover.name, "out"])


def test_the_current_folder_is_known_by_any_name(case_blind_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (case_blind_folder / "Out/in").mkdir(parents=True)
    monkeypatch.chdir(case_blind_folder / "Out/in")
    with pytest.raises(OutputError, match="current folder"):
        put(case_blind_folder / "OUT")


def test_owners_that_differ_in_case_alone_have_a_file_each(case_blind_folder: Path) -> None:
    """Of two owners of one name, no workbook may take the place of the other's."""
    accounts = {"111122223333": "Team", "123456789012": "team", "444455556666": "TEAM"}
    listed = "account_id,name,owner\n" + "".join(f"{account},n,{name}\n" for account, name in accounts.items())
    write(case_blind_folder / "accounts.csv", listed)
    for account in accounts:
        write(
            case_blind_folder / f"in/{account}_2026-10-31.csv",
            csv_of(root(account), user("ci-deployer", account=account)),
        )
    command = "audit in --accounts accounts.csv --by owner --format excel -o out -q --exit-zero"
    done = run(*command.split(), cwd=case_blind_folder)
    assert done.returncode == 0, done.stderr
    names = [path.name.casefold() for path in (case_blind_folder / "out/owners").iterdir()]
    assert len(names) == len(set(names)) == 3
    written = json.loads((case_blind_folder / "out/rendered.json").read_text(encoding="utf-8"))["outputs"]
    assert len([file for file in written if file["name"].startswith("owners/")]) == 3
    assert run("verify", "out", cwd=case_blind_folder).returncode == 0


def test_policies_that_differ_in_case_alone_are_one_file(case_blind_folder: Path) -> None:
    """The one that is there is read, whatever the letters: the manifest holds its text."""
    write(case_blind_folder / "in/111122223333_2026-10-31.csv", csv_of(root(), user("ci-deployer")))
    write(case_blind_folder / "Policy.toml", "[controls.unused-credentials]\nmax_idle_days = 33\n")
    for name in ("Policy.toml", "policy.TOML"):
        done = run(
            "audit",
            "in",
            "--policy",
            name,
            "-o",
            "out",
            "--format",
            "parquet",
            "-q",
            "--exit-zero",
            cwd=case_blind_folder,
        )
        assert done.returncode == 0, done.stderr
        assert "33" in json.dumps(
            json.loads((case_blind_folder / "out/manifest.json").read_text(encoding="utf-8"))["settings"]
        )
