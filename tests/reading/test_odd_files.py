"""Files that are no plain ones, names that no file should have, and files that change while they are read."""

from __future__ import annotations

import io
import os
import socket
import struct
import sys
import threading
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.running import run
from tests.reports import COLUMNS_22, codes, csv_of, key, read, root, user, write

if TYPE_CHECKING:
    from collections.abc import Iterator

if sys.platform == "win32":
    pytest.skip("needs pipes and sockets in folders", allow_module_level=True)

REPORT = csv_of(root(), user("auditor", **key(rotated="2026-10-01T00:00:00Z")))
OTHERS = (
    "123456789012",
    "444455556666",
    "777788889999",
    "222233334444",
    "555566667777",
    "888899990000",
    "121212121212",
)


def small_report(account: str) -> str:
    return csv_of(root(account), user("auditor", account=account))


def test_pipes_sockets_and_devices_in_a_folder_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "in/a.csv", REPORT)
    os.mkfifo(tmp_path / "in/pipe.csv")  # reading it would wait for ever
    os.mkfifo(tmp_path / "in/manifest.json")  # so would looking whether it marks an output of this program
    (tmp_path / "in/zero.csv").symlink_to("/dev/zero")
    (tmp_path / "in/nowhere.csv").symlink_to(tmp_path / "gone.csv")
    monkeypatch.chdir(tmp_path)  # a socket has to have a short name
    with socket.socket(socket.AF_UNIX) as pipe_socket:
        pipe_socket.bind("in/socket.csv")
        tables, log = read(tmp_path / "in")
    assert len(tables.users) == 2
    assert codes(log) == ["not_followed"] * 5


NAMES = (
    *("../../escaped.csv", "/etc/escaped.csv", "C:\\escaped.csv", "a/../b.csv"),
    *("a\nb.csv", "\x1b[31mred\x1b]0;title\x07.csv", "\u202efdp.csv"),
    "x" * 5_000 + ".csv",
)


def archive() -> bytes:
    """Return a zip archive with a report of another account in each member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zip_file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for account, name in zip(("111122223333", *OTHERS), NAMES, strict=True):
            zip_file.writestr(name, small_report(account))
    return buffer.getvalue()


def test_members_of_archives_are_read_in_place_whatever_their_names(tmp_path: Path) -> None:
    write(tmp_path / "work/in/a.zip", archive())
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    done = run("audit", "in", "--as-of", "2026-10-31", "-o", "out", cwd=tmp_path / "work")
    assert done.returncode == 1
    assert "8 accounts" in done.stdout
    new_files = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert {path.relative_to(tmp_path / "work").parts[0] for path in new_files} == {"out"}
    assert run("verify", "out", "--inputs", "in", cwd=tmp_path / "work").returncode == 0
    for command in (["inspect", "in"], ["inspect", "in", "--json"], ["show", "out"]):
        shown = run(*command, cwd=tmp_path / "work")
        assert "\x1b" not in shown.stdout + shown.stderr
        assert "\x07" not in shown.stdout + shown.stderr
        assert "\u202e" not in shown.stdout.replace("\\u202e", "")


def odd_names() -> Iterator[bytes]:
    yield from (b"a\nb.csv", b"\x1b[2J.csv", b"caf\xe9.csv", b" .csv", b"-rf.csv", b"a\\b.csv", b"n" * 251 + b".csv")


def test_files_of_odd_names_are_read(tmp_path: Path) -> None:
    for account, name in zip(OTHERS, odd_names(), strict=True):
        write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/in/" + name)), small_report(account))
    done = run("audit", "in", "--as-of", "2026-10-31", "-o", "out", "-q", cwd=tmp_path)
    assert done.returncode == 1
    inspected = run("inspect", "in", cwd=tmp_path)
    assert "\x1b" not in done.stdout + done.stderr + inspected.stdout + inspected.stderr
    for account in OTHERS:
        assert account in inspected.stdout
    assert run("verify", "out", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("end", range(2_000, 2_600, 37))
def test_a_half_written_file_is_never_taken_for_a_whole_one(tmp_path: Path, end: int) -> None:
    rows = [user(f"operator-{n}", **key(rotated="2026-10-01T00:00:00Z")) for n in range(20)]
    text = csv_of(root(), *rows)[:end]
    last = text.rpartition("\n")[2]
    done = run("audit", write(tmp_path / "2026-10-31.csv", text), "-o", tmp_path / "out", "--format", "parquet")
    # Where the file ends behind a row, or before a row begins, nothing shows that it was cut.
    whole = not last or last.count(",") == text.partition("\n")[0].count(",")
    assert done.returncode == 3 or whole


def test_reports_that_are_written_while_they_are_read_are_whole_or_named(tmp_path: Path) -> None:
    path, done = tmp_path / "in/2026-10-31.csv", threading.Event()
    rows = [user(f"operator-{n}") for n in range(400)]
    texts = [csv_of(root(), *rows[:count]) for count in (10, 400)]
    write(path, texts[0])

    def write_again() -> None:
        while not done.is_set():
            for text in texts:
                path.write_text(text, encoding="utf-8")

    writer = threading.Thread(target=write_again)
    writer.start()
    try:
        for number in range(12):
            ran = run("audit", "in", "-o", f"out-{number}", "--format", "parquet", "-q", cwd=tmp_path)
            assert "internal error" not in ran.stderr
            assert "Traceback" not in ran.stderr
            if ran.returncode in {0, 1}:
                assert run("verify", f"out-{number}", cwd=tmp_path).returncode == 0
    finally:
        done.set()
        writer.join()


def _zip(name: str) -> bytearray:
    """Return an archive of a report by the name `x`, which is changed to `name` (of one character at most)."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x", REPORT)
    data = bytearray(stream.getvalue())
    entry, end = data.rfind(b"PK\x01\x02"), data.rfind(b"PK\x05\x06")
    data[entry + 28 : entry + 30] = struct.pack("<H", len(name))
    data[end + 12 : end + 16] = struct.pack("<L", end - entry - 1 + len(name))
    return data[: entry + 46] + name.encode() + data[entry + 47 :]


def test_a_member_without_a_name_is_refused_or_read_and_never_lost(tmp_path: Path) -> None:
    """The fuzz campaign found this: zipfile of Python 3.11 fails for an empty name."""
    (tmp_path / "reports.zip").write_bytes(_zip(""))
    write(tmp_path / "2026-10-31_444455556666.csv", small_report("444455556666"))
    audited = run("audit", str(tmp_path), "--as-of", "2026-10-31", "--format", "parquet", "-o", str(tmp_path / "out"))
    assert audited.returncode in {0, 1, 3}
    assert "internal error" not in audited.stderr
    assert (audited.returncode == 3) == ("reports.zip" in audited.stdout)
    verified = run("verify", str(tmp_path / "out"), "--inputs", str(tmp_path))
    assert "internal error" not in verified.stderr


@pytest.mark.parametrize("depth", [1, 2])
def test_a_version_of_zip_that_python_lacks_is_an_issue(tmp_path: Path, depth: int) -> None:
    data = _zip("x")
    data[data.rfind(b"PK\x01\x02") + 6] = 99
    if depth == 2:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("inner.zip", data)
        data = bytearray(stream.getvalue())
    (tmp_path / "reports.zip").write_bytes(data)
    write(tmp_path / "2026-10-31_444455556666.csv", small_report("444455556666"))
    audited = run("audit", str(tmp_path), "--as-of", "2026-10-31", "--format", "parquet", "-o", str(tmp_path / "out"))
    assert audited.returncode == 3
    assert "zip file version 9.9" in audited.stdout
    verified = run("verify", str(tmp_path / "out"), "--inputs", str(tmp_path))
    assert "internal error" not in verified.stderr


@pytest.mark.parametrize("arn", ["", "2026-10-01T00:00:00Z", "user/auditor"])
def test_a_row_that_names_nobody_is_rejected(tmp_path: Path, arn: str) -> None:
    """A line end inside a row may leave as many cells as there are columns, each in another's place."""
    nobody = user("", **key(rotated="2026-10-01T00:00:00Z")) | {"arn": arn}
    tables, log = read(write(tmp_path / "2026-10-31.csv", csv_of(root(), nobody, user("auditor"))))
    assert tables.users["user"].tolist() == ["<root_account>", "auditor"]
    assert codes(log) == ["rejected_row"]
    assert tables.users["line"].tolist() == [2, 4]


def test_the_rest_of_a_row_that_was_torn_is_rejected(tmp_path: Path) -> None:
    """Its cells fill the columns by chance, each in another's place (the fuzz campaign found this)."""
    second_half = ",".join(["b", *["true"] * (len(REPORT.splitlines()[0].split(",")) - 1)])
    torn = f"auditor,arn:aws:iam::111122223333:user/auditor\n{second_half}"
    text = f"{csv_of(root())}\n{torn}\n{csv_of(user('clerk')).splitlines()[1]}"
    tables, log = read(write(tmp_path / "2026-10-31.csv", text))
    assert tables.users["user"].tolist() == ["<root_account>", "clerk"]
    assert codes(log) == ["rejected_row", "rejected_row"]


@pytest.mark.parametrize(("again", "value"), [("2026-10-30T00:00:00Z", True), ("2026-08-01T00:00:00Z", False)])
def test_a_column_that_is_there_twice_counts_where_both_are_equal(tmp_path: Path, again: str, *, value: bool) -> None:
    first = csv_of(root(), user("auditor", **key(rotated="2026-10-01T00:00:00Z", used="2026-10-30T00:00:00Z")))
    header, of_root, of_user, *_ = first.splitlines()
    text = f"{header},access_key_1_last_used_date\n{of_root},N/A\n{of_user},{again}\n"
    tables, log = read(write(tmp_path / "2026-10-31.csv", text))
    assert codes(log) == ["duplicate_column"] + ["bad_timestamp"] * (not value)
    assert tables.users["access_key_1_last_used_date"].notna().tolist() == [False, value]


@pytest.mark.parametrize("cell", ["Nfalse", "eu-west-1", "true"])
def test_a_row_with_a_cell_too_many_before_an_empty_last_one_is_rejected(tmp_path: Path, cell: str) -> None:
    """A spreadsheet did not add the last cell: the cells before it have moved (the fuzz campaign found this)."""
    header, of_root, of_user = csv_of(
        root(), user("auditor"), columns=(*COLUMNS_22, "additional_credentials_info")
    ).splitlines()
    cells = of_user.split(",")
    column = header.split(",").index("cert_2_last_rotated")
    moved = ",".join([*cells[:column], cell, *cells[column:-1], ""])
    tables, log = read(write(tmp_path / "2026-10-31.csv", f"{header}\n{of_root}\n{moved}\n"))
    assert tables.users["user"].tolist() == ["<root_account>"]
    assert codes(log) == ["rejected_row"]
