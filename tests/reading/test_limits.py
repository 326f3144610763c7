"""Files that would fill time and memory are refused, or passed over, with little of both; reports beside them count.

Each of these inputs is made by a few lines; what refusing it takes is measured in a process of its own.
"""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.evidence.settings import Settings
from analyzer.reading import limits
from analyzer.reading.forms.content import Content
from analyzer.reading.forms.grids import from_cells
from analyzer.reading.limits import LimitError, Limits, check_lines, check_lines_of
from tests.cli.running import SCRIPT, run
from tests.reports import COLUMNS_22, csv_of, password, root, user, write

if TYPE_CHECKING:
    from collections.abc import Callable

REPORT: Final = csv_of(root(), user("operator", **password(changed="2026-10-01T00:00:00Z")))
HEADER: Final = ",".join(COLUMNS_22)
SECONDS, MEGABYTES = 2.0, 300
"""What refusing a file may take: CPU time, and memory at its peak."""


def zeros(path: Path, count: int, beginning: bytes = b"") -> None:
    """Write a gzip file of that many zeros, in members of 64 MB."""
    member = gzip.compress(bytes(1 << 26))
    path.write_bytes(gzip.compress(beginning) + member * (count >> 26))


def sparse(path: Path, size: int, beginning: bytes) -> None:
    """Write a file of that size; only its beginning takes room on the disk."""
    with path.open("wb") as file:
        file.write(beginning)
        file.truncate(size)


def zipped(path: Path, members: dict[str, int]) -> None:
    """Write a zip archive whose members are so many zeros."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, size in members.items():
            with archive.open(name, "w", force_zip64=True) as member:
                for _ in range(size >> 20):
                    member.write(bytes(1 << 20))


def a_gzip_of_zeros(folder: Path) -> Path:
    zeros(folder / "a.csv.gz", 4 << 30)
    return folder / "a.csv.gz"


def a_gzip_that_begins_as_a_report(folder: Path) -> Path:
    zeros(folder / "a.csv.gz", 1 << 30, f"{HEADER}\n".encode())
    return folder / "a.csv.gz"


def a_report_with_one_long_line(folder: Path) -> Path:
    path = folder / "a.csv"
    path.write_text(f"{HEADER}\n" + "x" * 400_000_000)
    return path


def one_long_line(folder: Path) -> Path:
    path = folder / "a.csv"
    path.write_text("x" * 400_000_000)
    return path


def a_zip_of_one_large_member(folder: Path) -> Path:
    zipped(folder / "a.zip", {"a.csv": 900 << 20})
    return folder / "a.zip"


def a_zip_of_many_members(folder: Path) -> Path:
    zipped(folder / "a.zip", {f"{number}.csv": 30 << 20 for number in range(40)})
    return folder / "a.zip"


def a_large_pem(folder: Path) -> Path:
    sparse(folder / "a.pem", 2 << 30, b"-----BEGIN CERTIFICATE-----\n" + b"dXNlcixhcm4s" * 1000)
    return folder / "a.pem"


def a_large_csv(folder: Path) -> Path:
    sparse(folder / "a.csv", 2 << 30, REPORT.encode() + b"\n")
    return folder / "a.csv"


def yaml_of_aliases(folder: Path) -> Path:
    lines = ["  - &a0 [x, y]", *(f"  - &a{at} [{', '.join([f'*a{at - 1}'] * 9)}]" for at in range(1, 12))]
    (folder / "a.yaml").write_text("\n".join(["Content: abc", "rows:", *lines]))
    return folder / "a.yaml"


def json_nested_deep(folder: Path) -> Path:
    (folder / "a.json").write_text('{"Content":' + "[" * 100_000 + "]" * 100_000 + "}")
    return folder / "a.json"


HARMFUL: Final = [
    a_gzip_of_zeros,
    a_gzip_that_begins_as_a_report,
    a_report_with_one_long_line,
    one_long_line,
    a_zip_of_one_large_member,
    a_zip_of_many_members,
    a_large_pem,
    a_large_csv,
    yaml_of_aliases,
    json_nested_deep,
]

MEASURED: Final = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([done.returncode, done.stderr, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000]))
"""


def measured(*arguments: str | Path) -> list[Any]:
    """Return exit code, standard error, seconds of CPU and megabytes of a run of the program."""
    command = [sys.executable, "-c", MEASURED, str(SCRIPT), *map(str, arguments)]
    return list(json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout))


@pytest.mark.parametrize("make", HARMFUL, ids=lambda make: make.__name__)
def test_a_harmful_file_is_refused_with_little_time_and_memory(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    _, _, least, _ = measured("inspect", write(tmp_path / "good/2026-10-31.csv", REPORT))
    code, error, seconds, memory = measured("inspect", path)
    path.unlink()
    assert code == 2
    assert "no credential report could be read" in error
    assert any(words in error for words in ("limit", "times as much", "aliases", "recursion", "levels deep"))
    assert seconds - least < SECONDS
    assert memory < MEGABYTES


@pytest.mark.parametrize(
    "make", [a_gzip_that_begins_as_a_report, a_zip_of_many_members], ids=lambda make: make.__name__
)
def test_reports_beside_a_harmful_file_are_judged(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    write(tmp_path / "in/2026-10-31.csv", REPORT)
    make(tmp_path / "in")
    done = run("audit", "in", "-o", "out", "--format", "parquet", cwd=tmp_path)
    assert done.returncode == 3
    assert "over a size limit" in done.stdout + done.stderr


def test_a_large_file_in_a_folder_that_does_not_begin_as_a_report_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "in/2026-10-31.csv", REPORT)
    sparse(tmp_path / "in/video.mp4", 2 << 30, b"\0\0\0 ftypisom")
    sparse(tmp_path / "in/answer.json", 2 << 30, b'{"Content": "dXNlcixhcm4s')
    done = run("inspect", "in", "--json", cwd=tmp_path)
    codes = {issue["source"]: issue["code"] for issue in json.loads(done.stdout)["issues"]}
    assert codes == {"in/video.mp4": "not_a_report", "in/answer.json": "over_limit"}


def test_a_pipe_is_not_read_past_the_limit(tmp_path: Path) -> None:
    command = f"head -c 1500000000 /dev/zero | {sys.executable} -c '{MEASURED}' {SCRIPT} inspect -"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=True, cwd=tmp_path, timeout=300
    )
    code, error, _, _ = json.loads(done.stdout)
    assert code == 2
    assert "--max-file-size" in error


def test_a_merged_file_of_many_users_meets_no_limit() -> None:
    rows = REPORT.splitlines()
    report = "\n".join([rows[0], *(rows[2].replace("operator", f"operator-{number:07}") for number in range(100_000))])
    packed = gzip.compress(report.encode())
    assert Limits().gunzip(packed) == report.encode()
    check_lines(report.encode())


@given(st.lists(st.integers(1, 60), max_size=30), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_a_line_is_too_long_from_the_limit_on(lengths: list[int], end: bytes) -> None:
    data = end.join(b"x" * length for length in lengths)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "_LINE", 20)
        if max(lengths, default=0) > 20:
            with pytest.raises(LimitError):
                check_lines(data)
        else:
            check_lines(data)
        if max(lengths, default=0) > 40:
            with pytest.raises(LimitError):
                check_lines_of(io.BytesIO(data))


def test_the_limit_can_be_set_and_is_in_the_manifest(tmp_path: Path) -> None:
    path = Path(write(tmp_path / "in/2026-10-31.csv", REPORT))
    command: list[str | Path] = ["audit", path, "-o", tmp_path / "out", "--format", "parquet", "--max-file-size"]
    refused = run(*command, "100")
    assert refused.returncode == 2
    assert f"the file has {path.stat().st_size:,} bytes, and the limit is 100 (--max-file-size)" in refused.stderr
    assert run(*command, "1 mb").returncode == 1
    settings = json.loads((tmp_path / "out/manifest.json").read_text())["settings"]
    assert settings["max_file_size"] == 1_000_000
    assert Settings.of_facts(settings).facts == settings


@pytest.mark.parametrize("text", ["0", "much", "-1", "1.5GB", "", "2TB"])
def test_a_limit_that_is_no_size_is_an_error(tmp_path: Path, text: str) -> None:
    done = run("inspect", write(tmp_path / "2026-10-31.csv", REPORT), "--max-file-size", text)
    assert done.returncode == 2
    assert "--max-file-size: not a size" in done.stderr


def test_columns_without_a_name_cost_no_more_than_others() -> None:
    """The fuzz campaign found this: each further column was joined with all before it."""
    users = [root(), *(user(f"auditor-{number}") for number in range(200))]
    further = 10_000
    rows = [[*row.values(), *([f"{number}"] * further)] for number, row in enumerate(users)]
    before = time.process_time()
    (content,) = from_cells([*users[0], *([""] * further)], rows, "drawn table")
    assert time.process_time() - before < 20
    assert isinstance(content, Content)
    assert len(content.csv) < 100_000
