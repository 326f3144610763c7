from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analyzer.errors import OutputError
from analyzer.evidence import folder as swapping
from analyzer.evidence import output as evidence
from analyzer.evidence import schema as tables
from analyzer.evidence import writer as parquet
from analyzer.evidence.result import Audit, Settings
from analyzer.pipeline import audit
from analyzer.rendering.registry import FORMATS, TABLES
from tests.reports import csv_of, key, root, unused, user, write

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.fixture
def result(tmp_path: Path) -> Audit:
    name = write(tmp_path / "in/2026-10-31.csv", csv_of(root(), user("a", **key(rotated="2026-01-01T00:00:00Z"))))
    return audit([name], Settings(unused()))


def whole(folder: Path) -> dict[str, str]:
    """Return the digests of a complete set of outputs; fail where it is not the one its manifest describes."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    digests = {output["name"]: output["sha256"] for output in manifest["outputs"]}
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {*digests, "manifest.json"}
    for name, digest in digests.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    return digests


def make(result: Audit, folder: Path, formats: Sequence[str] = ("parquet",)) -> evidence.Written:
    return evidence.write(result, folder, formats, ["findings", "issues"])


@pytest.mark.parametrize("exchange", [True, False])
def test_a_set_is_replaced_as_a_whole(
    result: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, exchange: bool
) -> None:
    if not exchange:
        monkeypatch.setattr(swapping, "_exchange", lambda *_: False)
    out = tmp_path / "deep/er/out"
    written = make(result, out, ("parquet", "charts"))
    assert written.files == [
        "findings.parquet",
        "issues.parquet",
        *(f"charts/{name}.png" for name in ("idle_days", "status", "accounts", "age_vs_idle")),
        "manifest.json",
    ]
    assert out.stat().st_mode & 0o777 == 0o700
    assert len(whole(out)) == 6
    make(result, out)
    assert len(whole(out)) == 2
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_what_fails_leaves_the_old_set_and_nothing_else(
    result: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    make(result, out)
    before = whole(out)

    def full(*_: object, **__: object) -> list[Path]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parquet, "write", full)
    with pytest.raises(OutputError, match="No space left on device"):
        make(result, out)
    assert before == whole(out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_the_names_to_choose_from_are_the_tables() -> None:
    assert tuple(tables.TABLES) == TABLES


def test_folders_and_links_of_others_are_refused(
    result: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    make(result, out)
    (out / "mine").mkdir()
    with pytest.raises(OutputError, match="does not describe: mine/"):
        make(result, out)
    (out / "mine").rmdir()
    (out / "link").symlink_to(tmp_path / "in")
    with pytest.raises(OutputError, match="does not describe: link"):
        make(result, out)
    (out / "link").unlink()
    write(out / "findings.parquet", "mine now")
    with pytest.raises(OutputError, match=r"does not describe: findings\.parquet"):
        make(result, out)
    (out / "findings.parquet").unlink()
    monkeypatch.chdir(out)
    with pytest.raises(OutputError, match="the current one"):
        make(result, Path())


@pytest.mark.parametrize("name", ["notes.txt", "charts/mine.png", "manifest.json"])
def test_a_folder_with_other_files_is_refused(result: Audit, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    if name != "manifest.json":
        make(result, out)
    write(out / name, "{}")
    with pytest.raises(OutputError, match="does not describe"):
        make(result, out)
    assert (out / name).read_text(encoding="utf-8") == "{}"


def test_an_empty_folder_is_used(result: Audit, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    make(result, tmp_path / "out")
    assert whole(tmp_path / "out")


def test_a_killed_run_leaves_the_old_set_or_the_new_one(result: Audit, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(result, out, FORMATS)
    sets = [whole(out)]
    chance = random.Random(7)  # noqa: S311 - moments to kill at
    command = [
        *(sys.executable, "-m", "analyzer", "audit", tmp_path / "in", "-q", "-o", out),
        *("--tables", "findings,issues", "--format", ",".join(FORMATS), "--control", "unused-credentials"),
    ]
    started = time.monotonic()
    subprocess.run([*map(str, command), "--max-idle-days", "400"], check=False)
    took = time.monotonic() - started
    sets.append(whole(out))
    for limit in ("45", "400") * 3:
        process = subprocess.Popen([*map(str, command), "--max-idle-days", limit])
        time.sleep(took * chance.uniform(0.6, 1.05))
        process.kill()
        process.wait()
        assert list(whole(out)) == list(sets[0])
        assert whole(out)["findings.parquet"] in {one["findings.parquet"] for one in sets}
