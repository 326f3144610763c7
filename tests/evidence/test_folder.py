from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analyzer import pipeline
from analyzer.errors import OutputError
from analyzer.evidence import owner, system
from analyzer.evidence import schema as tables
from analyzer.evidence import seal as sealing
from analyzer.evidence.folder import check, locked, replaced, staged, swap, tidy
from analyzer.evidence.seal import seal
from analyzer.evidence.settings import Settings
from analyzer.rendering.registry import TABLES, formats_of
from tests.reports import csv_of, key, root, unused, user, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.evidence.summary import Summary
    from analyzer.pipeline import Run


@pytest.fixture
def report(tmp_path: Path) -> str:
    return write(tmp_path / "in/2026-10-31.csv", csv_of(root(), user("a", **key(rotated="2026-01-01T00:00:00Z"))))


def checked_digests(folder: Path) -> dict[str, str]:
    """Return the digests of a complete set of outputs; fail where it is not the one its manifests describe."""
    documents = [name for name in ("manifest.json", "rendered.json") if (folder / name).exists()]
    assert documents[:1] == ["manifest.json"]
    digests = {
        output["name"]: output["sha256"]
        for name in documents
        for output in json.loads((folder / name).read_text(encoding="utf-8"))["outputs"]
    }
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {*digests, *documents}
    for name, digest in digests.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    return digests


def make(report: str, folder: Path, formats: Sequence[str] = ("parquet",)) -> Run[Summary]:
    return pipeline.audit([report], Settings(unused()), str(folder), formats=formats, tables=["findings", "issues"])


@pytest.mark.parametrize("exchange", [True, False])
def test_a_set_is_replaced_as_a_whole(
    report: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, exchange: bool
) -> None:
    if not exchange:
        monkeypatch.setattr(system, "exchange", lambda *_: False)
    out = tmp_path / "deep/er/out"
    written = make(report, out, ("parquet", "charts"))
    assert written.files == [
        "findings.parquet",
        "issues.parquet",
        "tallies.parquet",
        "manifest.json",
        *(f"charts/{name}.png" for name in ("idle_days", "status", "accounts", "age_vs_idle")),
        "rendered.json",
    ]
    assert out.stat().st_mode & 0o777 == 0o700
    assert len(checked_digests(out)) == 7
    make(report, out)
    assert len(checked_digests(out)) == 3
    assert [path.name for path in out.parent.iterdir()] == ["out"]


@pytest.mark.parametrize(
    "function",
    [
        "evidence.writer.GrowingFiles.put",
        "evidence.writer.GrowingFiles.close",
        "evidence.storage.put",
        "rendering.workbook.book.render",
    ],
)
def test_a_run_that_fails_leaves_the_old_set_and_nothing_else(
    report: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    out = tmp_path / "out"
    make(report, out)
    before = checked_digests(out)

    def full(*_: object, **__: object) -> list[Path]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"analyzer.{function}", full)
    with pytest.raises(OutputError, match="No space left on device"):
        make(report, out, ["excel"])
    assert before == checked_digests(out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_the_table_names_to_choose_from_are_all_tables() -> None:
    assert tuple(tables.TABLES) == TABLES


def test_folders_and_links_of_others_are_refused(report: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    make(report, out)
    (out / "mine").mkdir()
    with pytest.raises(OutputError, match="does not list: mine/"):
        make(report, out)
    (out / "mine").rmdir()
    (out / "link").symlink_to(tmp_path / "in")
    with pytest.raises(OutputError, match="does not list: link"):
        make(report, out)
    (out / "link").unlink()
    write(out / "findings.parquet", "mine now")
    with pytest.raises(OutputError, match=r"(?m)^findings\.parquet in .*/out was changed since credreport wrote it$"):
        make(report, out)
    assert (out / "findings.parquet").read_text(encoding="utf-8") == "mine now"
    (out / "findings.parquet").unlink()
    monkeypatch.chdir(out)
    with pytest.raises(OutputError, match="is or contains the current folder"):
        make(report, Path())


@pytest.mark.parametrize("name", ["notes.txt", "charts/mine.png", "manifest.json"])
def test_a_folder_with_other_files_is_refused(report: str, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    if name != "manifest.json":
        make(report, out)
    write(out / name, "{}")
    message = "does not list" if name != "manifest.json" else r"not made by credreport .* contains manifest\.json"
    with pytest.raises(OutputError, match=message):
        make(report, out)
    assert (out / name).read_text(encoding="utf-8") == "{}"


def test_an_empty_folder_is_used(report: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    make(report, tmp_path / "out")
    assert checked_digests(tmp_path / "out")


def test_a_killed_run_leaves_the_old_set_or_the_new_one(report: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(report, out, formats_of("audit"))
    sets = [checked_digests(out)]
    chance = random.Random(7)  # noqa: S311 - moments to kill at
    command = [
        *(sys.executable, "-m", "analyzer", "audit", tmp_path / "in", "-q", "-o", out),
        *("--tables", "findings,issues", "--format", ",".join(formats_of("audit")), "--control", "unused-credentials"),
    ]
    started = time.monotonic()
    subprocess.run([*map(str, command), "--max-idle-days", "400"], check=False)
    took = time.monotonic() - started
    sets.append(checked_digests(out))
    for limit in ("45", "400"):
        process = subprocess.Popen([*map(str, command), "--max-idle-days", limit])
        time.sleep(took * chance.uniform(0.6, 1.05))
        process.kill()
        process.wait()
        digests = checked_digests(out)
        assert (list(digests), digests["findings.parquet"]) in [
            (list(digests_of_set), digests_of_set["findings.parquet"]) for digests_of_set in sets
        ]
    subprocess.run([*map(str, command), "--max-idle-days", "45"], check=False)
    assert checked_digests(out) == sets[0]
    assert names_beside(out) == ["in", "out"], "what was killed is cleared away"


# --- a small set, made without an audit ------------------------------------------------------------------------------


def fill(folder: Path, text: str = "new", names: Sequence[str] = ("a.parquet", "charts/b.png")) -> None:
    """Write files and the manifest that lists them into `folder`."""
    outputs = []
    for name in names:
        path = Path(write(folder / name, f"{text} {name}"))
        outputs.append({"name": name, "sha256": sealing.digest_of(path), "bytes": path.stat().st_size})
    facts = {"program": "credreport", "kind": "audit", "schema_version": 3, "inputs": [], "outputs": outputs}
    (folder / "manifest.json").write_bytes(seal(facts))


def put(folder: Path, text: str = "new") -> None:
    with replaced(folder) as staging:
        fill(staging, text)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def names_beside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.parent.iterdir())


def backdate(folder: Path) -> None:
    """Let files be as if written a while ago."""
    for path in folder.rglob("*"):
        os.utime(path, ns=(10**18, 10**18))


BYSTANDERS = [".DS_Store", "Thumbs.db", "thumbs.db", "desktop.ini", "Desktop.ini", "~$workbook.xlsx"]
BYSTANDERS += [".~lock.workbook.xlsx#", "charts/.DS_Store", "charts/Thumbs.db"]


@pytest.mark.parametrize("name", BYSTANDERS)
def test_notes_of_desktop_and_office_programs_do_no_harm(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    put(out)
    write(out / name, "")
    put(out, "newer")
    assert sorted(contents(out)) == ["a.parquet", "charts/b.png", "manifest.json"]
    shutil.rmtree(out)
    write(out / ".DS_Store", "")
    put(out)


@pytest.mark.parametrize("name", ["DS_Store", ".DS_Store.txt", "~workbook.xlsx", ".~lock.workbook.xlsx", "x~$"])
def test_files_that_only_look_like_such_notes_count(tmp_path: Path, name: str) -> None:
    put(tmp_path / "out")
    write(tmp_path / "out" / name, "")
    with pytest.raises(OutputError, match="does not list"):
        put(tmp_path / "out")


def refused(folder: Path) -> OutputError:
    before = contents(folder)
    with pytest.raises(OutputError) as caught:
        put(folder, "newer")
    assert contents(folder) == before
    assert [name for name in names_beside(folder) if name.startswith(f".{folder.name}.")] == []
    return caught.value


def test_changed_added_and_foreign_are_three_messages(tmp_path: Path) -> None:
    out = tmp_path / "out"
    put(out)
    write(out / "a.parquet", "mine")
    error = refused(out)
    assert error.message == f"a.parquet in {out} was changed since credreport wrote it"
    assert "to keep what was changed" in error.hint
    assert "-o" in error.hint
    write(out / "charts/b.png", "mine")
    assert f"a.parquet, charts/b.png in {out} were changed since credreport wrote them" in refused(out).message

    for number in range(5):
        write(out / f"note{number}.txt", "mine")
    error = refused(out)
    assert "were changed since" in error.message
    assert error.message.endswith("does not list: note0.txt, note1.txt, note2.txt and 2 more")
    assert "to keep what was changed and added" in error.hint
    fill(out)
    error = refused(out)
    assert error.message.startswith("something was added to the output folder")
    assert "to keep what was added" in error.hint

    (out / "manifest.json").unlink()
    error = refused(out)
    assert "was not made by credreport (it has no manifest.json of credreport) and contains a.parquet," in error.message
    assert error.hint == "choose another folder with -o"


def test_a_manifest_that_a_person_changed_is_a_changed_file(tmp_path: Path) -> None:
    out = tmp_path / "out"
    put(out)
    path = out / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace("audit", "Audit"), encoding="utf-8")
    assert refused(out).message == f"manifest.json in {out} was changed since credreport wrote it"
    path.write_text('{"program": "credreport", "schema', encoding="utf-8")
    assert refused(out).message == f"manifest.json in {out} was changed since credreport wrote it"
    path.write_bytes(seal({"program": "credreport", "schema_version": 3, "outputs": [{"name": "../x", "sha256": ""}]}))
    assert refused(out).message == f"manifest.json in {out} was changed since credreport wrote it"


def test_a_manifest_that_somebody_removed_beside_renderings_is_a_change(tmp_path: Path) -> None:
    out = tmp_path / "out"
    put(out)
    (out / "rendered.json").write_bytes(seal({"program": "credreport", "schema_version": 3, "outputs": []}))
    put(out)
    (out / "rendered.json").write_bytes(seal({"program": "credreport", "schema_version": 3, "outputs": []}))
    (out / "manifest.json").unlink()
    assert refused(out).message == f"manifest.json in {out} was changed since credreport wrote it"


def test_a_folder_or_link_in_the_place_of_a_file_is_a_change(tmp_path: Path) -> None:
    out = tmp_path / "out"
    put(out)
    (out / "a.parquet").rename(tmp_path / "a.parquet")
    (out / "a.parquet").symlink_to(tmp_path / "a.parquet")
    assert "a.parquet in" in refused(out).message
    (out / "a.parquet").unlink()
    (out / "a.parquet").mkdir()
    assert f"a.parquet in {out} was changed" in refused(out).message
    (out / "a.parquet").rmdir()
    put(out)


def test_sets_of_the_version_before_are_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    put(out)
    manifest = json.loads((out / "manifest.json").read_text())
    del manifest["digest"]
    write(out / "manifest.json", json.dumps(manifest | {"schema_version": 1}))
    put(out)
    assert json.loads((out / "manifest.json").read_text())["schema_version"] == 3


def test_folders_that_cannot_be_written_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link"):
        with pytest.raises(OutputError, match="not a folder"):
            put(tmp_path / name)
    with pytest.raises(OutputError, match=r"cannot write .*/file/deep/out: .*/file is not a folder"):
        check(tmp_path / "file/deep/out")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError, match=r"cannot write .*/new/out: .* cannot be written to") as caught:
        check(tmp_path / "new/out")
    assert "permissions" in caught.value.hint
    (tmp_path / "out/in").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "out/in")
    for folder in (Path(), Path(".."), tmp_path / "out"):
        with pytest.raises(OutputError, match="current folder"):
            put(folder)


def test_a_link_to_a_folder_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    put(tmp_path / "real/out")
    (tmp_path / "out").symlink_to(tmp_path / "real/out")
    put(tmp_path / "out", "newer")
    assert (tmp_path / "out").is_symlink()
    assert contents(tmp_path / "real/out")["a.parquet"] == b"newer a.parquet"


# --- old outputs are read once ---------------------------------------------------------------------------------------


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the files that are hashed from now on."""
    names: list[str] = []

    def digest_of(path: Path) -> str:
        names.append(path.name)
        return sealing.digest_of(path)

    monkeypatch.setattr(owner, "digest_of", digest_of)
    return names


def test_old_outputs_are_hashed_once(tmp_path: Path, hashed: list[str]) -> None:
    out = tmp_path / "out"
    put(out)
    backdate(out)
    check(out)
    with replaced(out) as staging:
        fill(staging)
    assert sorted(hashed) == ["a.parquet", "b.png"]


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("back", [True, False])
def test_a_change_after_the_first_look_is_found(
    tmp_path: Path, hashed: list[str], *, settled: bool, back: bool
) -> None:
    """Also one that leaves the size, or even sets the time back."""
    out = tmp_path / "out"
    put(out)
    if settled:
        backdate(out)
    check(out)
    before = (out / "a.parquet").stat()

    def change(staging: Path) -> None:
        fill(staging)
        write(out / "a.parquet", "New a.parquet")
        if back:
            os.utime(out / "a.parquet", ns=(before.st_atime_ns, before.st_mtime_ns))

    with pytest.raises(OutputError, match=r"a\.parquet in .* was changed"), replaced(out) as staging:
        change(staging)
    assert (out / "a.parquet").read_text() == "New a.parquet"
    assert "a.parquet" in hashed


def test_a_file_that_is_added_meanwhile_is_found(tmp_path: Path) -> None:
    out = tmp_path / "out"
    put(out)
    with pytest.raises(OutputError, match=r"list: mine\.txt"), replaced(out):
        write(out / "mine.txt", "")
    assert (out / "mine.txt").exists()


# --- leftovers, and runs at the same time ----------------------------------------------------------------------------


def leftover(out: Path, suffix: str = "", number: int = 0) -> Path:
    path = out.with_name(f".{out.name}.{number:016x}{suffix}")
    fill(path, "old")
    return path


def test_leftovers_go_and_foreign_files_stay(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for number in range(3):
        leftover(out, number=number)
    foreign_names = [".out.lock", ".out.0123", ".other.0123456789abcdef", "out.0123456789abcdef"]
    for name in foreign_names:
        (tmp_path / name).mkdir()
    put(out)
    assert names_beside(out) == sorted([*foreign_names, "out"])


def test_a_set_that_was_set_aside_is_put_back(tmp_path: Path) -> None:
    out = tmp_path / "out"
    leftover(out, ".old")
    with pytest.raises(RuntimeError), replaced(out):
        raise RuntimeError
    assert contents(out)["a.parquet"] == b"old a.parquet"
    assert names_beside(out) == ["out"]
    leftover(out, ".old")
    tidy(out)
    assert names_beside(out) == ["out"]
    out.rename(leftover(out, ".old").with_suffix(".new"))
    write(out / ".DS_Store", "")
    tidy(out)
    assert contents(out)["a.parquet"] == b"old a.parquet", "an empty folder gives way"
    shutil.rmtree(out)
    leftover(out, ".old", 7)
    write(out, "a file")
    tidy(out)
    assert f".out.{7:016x}.old" in names_beside(out), "what is no set makes none needless"


def test_a_run_in_progress_keeps_its_staging_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with staged(out) as staging, replaced(out) as second_staging:
        fill(staging, "first")
        fill(second_staging, "second")
        aside = staging.with_name(f"{staging.name}.old")  # as between its two renames
        fill(aside, "aside")
        tidy(out)
        assert staging.exists()
        assert second_staging.exists()
        assert aside.exists()
    assert contents(out)["a.parquet"] == b"second a.parquet"
    tidy(out)
    assert names_beside(out) == ["out"]


def test_a_run_whose_lock_is_taken_for_a_leftover_before_it_is_locked_makes_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try_to_lock = system._try_to_lock  # noqa: SLF001 - what comes between two of its steps
    came: list[int] = []

    def late(file: int) -> bool:
        came.append(file)
        if len(came) == 1:
            tidy(tmp_path / "out")
            assert len(came) == 2
            assert names_beside(tmp_path / "out") == []
        return try_to_lock(file)

    monkeypatch.setattr(system, "_try_to_lock", late)
    put(tmp_path / "out")
    assert names_beside(tmp_path / "out") == ["out"]


def test_without_locks_nothing_is_taken_away_and_nothing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    old_leftover = leftover(out)
    monkeypatch.setitem(sys.modules, "fcntl", None)
    put(out)
    put(out, "newer")
    assert names_beside(out) == sorted(["out", old_leftover.name])
    out.rename(out.with_name(f".out.{9:016x}.old"))
    tidy(out)
    assert contents(out)["a.parquet"] == b"newer a.parquet"


@pytest.mark.parametrize("exchange", [True, False])
def test_a_swap_succeeds_where_another_run_comes_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, exchange: bool
) -> None:
    out = tmp_path / "out"
    rename = Path.rename
    if not exchange:
        put(out)
        monkeypatch.setattr(system, "exchange", lambda *_: False)
    came: list[Path] = []

    def late(self: Path, target: Path) -> Path:
        if target == out and not came:
            came.append(target)
            fill(out, "other")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    put(out, "newer")
    assert came
    assert contents(out)["a.parquet"] == b"newer a.parquet"
    assert names_beside(out) == ["out"]


def test_a_swap_that_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "out", "old")
    (tmp_path / "staging").mkdir()

    def fail(*_: object) -> Path:
        raise PermissionError(13, "not allowed")

    monkeypatch.setattr(system, "exchange", lambda *_: False)
    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(PermissionError):
        swap(tmp_path / "staging", tmp_path / "out")
    assert contents(tmp_path / "out")["a.parquet"] == b"old a.parquet"


def test_files_that_may_only_be_read_are_flushed(tmp_path: Path) -> None:
    with replaced(tmp_path / "out") as staging:
        fill(staging)
        (staging / "a.parquet").chmod(0o400)
    assert (tmp_path / "out/a.parquet").stat().st_mode & 0o777 == 0o600


HOLDER = """
    import sys, time
    from pathlib import Path
    from analyzer.evidence.folder import locked
    with locked(Path(sys.argv[1])):
        print("held", flush=True)
        time.sleep(1)
        Path(sys.argv[1]).with_name("done").touch()
"""


def test_the_lock_of_a_store_is_waited_for(tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(HOLDER), str(tmp_path / "store")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with locked(tmp_path / "store"):
            assert (tmp_path / "done").exists()


MANY = """
    import sys
    from pathlib import Path
    from tests.evidence.test_folder import put

    for number in range(40):
        put(Path(sys.argv[1]), f"{sys.argv[2]} {number}")
"""


@pytest.mark.parametrize("exchange", [True, False])
def test_runs_at_the_same_time_do_not_harm_each_other(tmp_path: Path, *, exchange: bool) -> None:
    out = tmp_path / "out"
    code = textwrap.dedent(MANY)
    if not exchange:
        code = f"from analyzer.evidence import system\nsystem.exchange = lambda *_: False\n{code}"
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(out), name], stderr=subprocess.PIPE, text=True)
        for name in ("one", "two", "three")
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    check(out)
    assert names_beside(out) == ["out"]
    assert {text.split()[1] for text in contents(out)["a.parquet"].decode().splitlines()} == {"39"}


KILLER = """
    # Replaces a folder in children that are killed, each at a later step than the one before.
    import json, os, signal, sys
    from pathlib import Path
    from analyzer.evidence import system
    from tests.evidence.test_folder import contents, put

    folder, exchange = Path(sys.argv[1]), sys.argv[2] == "exchange"
    out = folder / "out"
    if not exchange:
        system.exchange = lambda *_: False
    STEPS = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.scandir", "ctypes.dlsym", "fcntl.flock"}

    def child(text, kill_at):
        pid = os.fork()
        if pid == 0:
            steps = 0
            def step(event, arguments):
                nonlocal steps
                if event in STEPS or (event == "open" and str(folder) in str(arguments[0])):
                    steps += 1
                    if steps == kill_at:
                        os.kill(os.getpid(), signal.SIGKILL)
            try:
                sys.addaudithook(step)
                put(out, text)
                os._exit(0)
            except BaseException as error:
                print(repr(error), file=sys.stderr)
            os._exit(3)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def leftovers():
        return [path for path in folder.iterdir() if path != out]

    def now():
        if not out.exists() and not exchange and begun:
            (aside,) = [path for path in leftovers() if path.suffix == ".old"]
            return contents(aside)["a.parquet"].decode()
        return contents(out)["a.parquet"].decode() if out.exists() else None

    begun, kills, most, at, last = out.exists(), 0, 0, 0, None
    last = now()
    while True:
        at += 1
        text = f"text{at}"
        code = child(text, at)
        found = now()
        assert found in (last, f"{text} a.parquet"), (at, found)
        assert code in (0, -signal.SIGKILL), code
        last = found
        begun = begun or found is not None
        if code == 0:
            break
        kills += 1
        most = max(most, len(leftovers()))
    assert not leftovers(), leftovers()
    print(json.dumps({"kills": kills, "most": most}))
"""


@pytest.mark.parametrize("begin", ["exchange", "two renames", "nothing"])
def test_runs_that_are_killed_at_every_step_leave_nothing_to_the_next(tmp_path: Path, begin: str) -> None:
    """No clean run comes between the kills: each begins with what the earlier ones have left."""
    if begin != "nothing":
        put(tmp_path / "out", "first")
    exchange = "two renames" if begin == "two renames" else "exchange"
    command = [sys.executable, "-c", textwrap.dedent(KILLER), str(tmp_path), exchange]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["kills"] > 12
    assert counts["most"] >= 1
    assert names_beside(tmp_path / "out") == ["out"]
    check(tmp_path / "out")
