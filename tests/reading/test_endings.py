"""Files that end before their report does, that a program cut at a round length, or that are padded."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.running import run
from tests.reports import COLUMNS_22, codes, csv_of, key, read, root, user, write

if TYPE_CHECKING:
    from pathlib import Path

CERTIFICATE = {"cert_2_active": "true", "cert_2_last_rotated": "2026-01-01T08:30:00+00:00"}
LAST = "cert_2_last_rotated"
REPORT = csv_of(root(), user("a", **key(rotated="2026-01-01T00:00:00Z")), user("b"))


def ending_in(cell: str, column: str = LAST, **cells: str) -> str:
    """Return a report whose last row ends in a cell of a column."""
    columns = (*(name for name in COLUMNS_22 if name != column), column)
    return csv_of(root(), user("a"), user("b", **cells) | {column: cell}, columns=columns)


def cuts(path: Path, text: str | bytes) -> list[tuple[object, ...]]:
    _, log = read(write(path / "2026-10-31.csv", text))
    return [row[1:4] for row in log.rows if row[4] == "cut_report"]


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *((LAST, cell) for cell in ("N", "N/", "no", "no_informatio", "not_supporte", "2", "2026-1", "2026-10-31")),
        *((LAST, cell) for cell in ("2026-10-31T", "2026-10-31T08:3", "2026-10-31T08:30:00", "2026-10-31T08:30:00+0")),
        *((LAST, cell) for cell in ("2026-10-31T08:30:00+00", "2026-10-31T08:30:00+00:", "2026-10-31T08:30:00+00:0")),
        *(("cert_2_active", cell) for cell in ("t", "tru", "f", "fals", "FALS", "N/")),
        ("password_enabled", "not_supp"),
        ("access_key_1_last_used_region", "N/"),
    ],
)
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_file_that_ends_in_the_middle_of_a_cell_is_cut(tmp_path: Path, column: str, cell: str, quote: str) -> None:
    text = ending_in("N/A", column)
    text = text[: text.rindex(",") + 1] + quote + cell
    assert cuts(tmp_path, text) == [(4, column, cell)]
    assert cuts(tmp_path, text + quote + "\n") == []
    path = write(tmp_path / "2026-10-31.csv", text)
    ran = run("audit", path, "-o", tmp_path / "out", "--format", "parquet")
    assert ran.returncode == 3
    assert "the file ends in the middle of a cell: the rows after it are missing" in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *((LAST, cell) for cell in ("", "N/A", "no_information", "NOT_SUPPORTED", "2026-10-31T08:30:00Z")),
        *((LAST, cell) for cell in ("2026-10-31T08:30:00+00:00", "2026-10-31 08:30Z", "46325.5", "junk", "31/10/2026")),
        *(("cert_2_active", cell) for cell in ("true", "FALSE", "1", "yes")),
        ("access_key_1_last_used_region", "eu-wes"),
        ("user", "N"),
        ("arn", "arn:aws:iam::111122223333:user/b"),
    ],
)
def test_whole_cells_are_not_taken_for_cut_ones(tmp_path: Path, column: str, cell: str) -> None:
    assert cuts(tmp_path, ending_in(cell, column)) == []


def test_short_times_in_the_whole_report_are_no_cut(tmp_path: Path) -> None:
    rows = [user("a") | {LAST: "2026-10-01"}, user("b") | {LAST: "2026-10-31"}]
    assert cuts(tmp_path, csv_of(*rows)) == []


@pytest.mark.parametrize(
    ("cell_count", "ending"), [*((n, ending) for n in (2, 3, 4, 8, 10) for ending in ("", ",")), (21, "")]
)
def test_a_file_that_ends_in_the_middle_of_a_row_is_cut(tmp_path: Path, cell_count: int, ending: str) -> None:
    row = REPORT.rsplit("\n", 1)[1].split(",")
    text = REPORT.rsplit("\n", 1)[0] + "\n" + ",".join(row[:cell_count]) + ending
    _, log = read(write(tmp_path / "2026-10-31.csv", text))
    assert sorted(codes(log)) == ["cut_report", "rejected_row"]


def test_the_last_of_several_reports_in_a_file_is_cut(tmp_path: Path) -> None:
    assert cuts(tmp_path, REPORT + "\n" + ending_in("2026-1")) == [(8, LAST, "2026-1")]


@pytest.mark.parametrize("text", [REPORT, REPORT + "\n", csv_of(), csv_of() + "\n", REPORT + csv_of()])
def test_whole_files_are_not_cut(tmp_path: Path, text: str) -> None:
    assert cuts(tmp_path, text) == []


def test_a_cut_report_in_an_envelope_is_noted(tmp_path: Path) -> None:
    content = base64.b64encode(REPORT[:-2].encode()).decode()
    envelope = json.dumps({"Content": content, "GeneratedTime": "2026-10-31T08:00:00Z"})
    assert cuts(tmp_path, envelope) == [(4, LAST, "N")]


@given(st.integers(min_value=1, max_value=len(REPORT) - len(REPORT.split("\n")[0]) - 2))
def test_a_report_cut_anywhere_is_rejected_somewhere_or_ends_with_a_cell(
    tmp_path_factory: pytest.TempPathFactory, lost: int
) -> None:
    text = REPORT[:-lost]
    _, log = read(write(tmp_path_factory.mktemp("x") / "2026-10-31.csv", text))
    line = text.rsplit("\n", 1)[1]
    is_whole = not line or (line.count(",") == 21 and line.endswith("N/A"))
    assert is_whole or {"cut_report", "rejected_row"} & set(codes(log))


# --- lengths ---------------------------------------------------------------------------------------------------------


def lengths(path: Path, name: str, content: bytes) -> list[str]:
    _, log = read(write(path / name, content))
    return [row[5].split(" ")[4] for row in log.rows if row[4] == "suspicious_length"]


@pytest.mark.parametrize("length", [4_096, 8_191, 32_767, 65_536])
def test_a_text_of_a_round_length_is_noted(tmp_path: Path, length: int) -> None:
    full = csv_of(*(user(f"user-{number}") for number in range(600)))
    assert lengths(tmp_path, "a.csv", full[:length].encode()) == [f"{length:,}"]
    assert lengths(tmp_path, "b.csv", full[: length + 1].encode()) == []
    assert lengths(tmp_path, "c.csv", full.replace("\n", "\r\n")[:length].encode()) == [f"{length:,}"]
    assert lengths(tmp_path, "d.csv", full[:length].encode("utf-16")) == [f"{length:,}"]
    accented = full.replace("user-1", "us\u00e9r-1")
    assert lengths(tmp_path, "e.csv", accented[:length].encode()) == [f"{length:,}"]
    assert lengths(tmp_path, "f.json", json.dumps({"Content": full[:length]}).encode()) == [f"{length:,}"]


@pytest.mark.parametrize("length", [4_096, 65_536])
def test_base64_of_a_round_length_is_noted(tmp_path: Path, length: int) -> None:
    full = base64.b64encode(csv_of(*(user(f"user-{number}") for number in range(600))).encode()).decode()
    assert lengths(tmp_path, "a.txt", full[:length].encode()) == [f"{length:,}"]
    assert lengths(tmp_path, "b.json", json.dumps({"Content": full[:length]}).encode()) == [f"{length:,}"]
    assert lengths(tmp_path, "c.json", json.dumps({"Content": full[: length - 4]}).encode()) == []


@pytest.mark.parametrize("length", [8_191, 32_767])
def test_base64_cut_within_four_characters_is_named_with_its_length(tmp_path: Path, length: int) -> None:
    full = base64.b64encode(csv_of(*(user(f"user-{number}") for number in range(600))).encode()).decode()
    write(tmp_path / "in/2026-10-31.txt", full[:length])
    write(tmp_path / "in/2026-10-30.json", json.dumps({"Content": full[:length]}))
    write(tmp_path / "in/2026-10-29.json", json.dumps({"Content": full[: length - 8]}))
    ran = run("inspect", tmp_path / "in")
    assert ran.returncode == 2
    message = f"Content is base64 that was cut: it has {length:,} characters, a length at which some programs cut texts"
    assert ran.stderr.count(message) == 2
    assert f"cut: it has {length - 8:,} characters; download the report again" in ran.stderr


def test_a_round_length_changes_no_exit_code(tmp_path: Path) -> None:
    rows = [root(password_enabled="false"), *(user(f"user-{number}") for number in range(18))]
    lacking = 4_096 - len(csv_of(*rows, user("")))
    if lacking % 2:  # the name of the last user is in its row twice
        rows[1]["user_creation_time"] = "2020-01-01T00:00:00+00:00"
        lacking -= len("+00:00") - len("Z")
    text = csv_of(*rows, user("x" * (lacking // 2)))
    assert lengths(tmp_path, "2026-10-31.csv", text.encode()) == ["4,096"]
    assert run("inspect", tmp_path).returncode == 0


# --- padding ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("end", ["", "\n"])
def test_nuls_at_the_end_are_named_and_left_out(tmp_path: Path, encoding: str, end: str) -> None:
    path = write(tmp_path / "2026-10-31.csv", (REPORT + end + "\0" * 512).encode(encoding))
    tables, log = read(path)
    assert tables.users["user"].tolist() == ["<root_account>", "a", "b"]
    assert [row[4] for row in log.rows] == ["padding"]
    assert "512 NUL bytes" in log.rows[0][5]
    assert run("inspect", path).returncode == 0


def test_a_padded_report_is_a_copy_of_the_one_without(tmp_path: Path) -> None:
    for name, text in (("a.csv", REPORT), ("b.csv", REPORT + "\0" * 10)):
        write(tmp_path / f"2026-10-31/{name}", text)
    tables, log = read(tmp_path)
    assert len(tables.users) == 3
    assert codes(log) == ["duplicate_input"]


def test_a_padded_cut_report_is_still_cut(tmp_path: Path) -> None:
    assert cuts(tmp_path, REPORT[:-1] + "\0" * 100) == [(4, LAST, "N/")]


@pytest.mark.parametrize("text", [csv_of() + "\0" * 20, csv_of() + "\n" + "\0" * 20])
def test_a_padded_header_is_a_report_without_rows(tmp_path: Path, text: str) -> None:
    _, log = read(write(tmp_path / "2026-10-31.csv", text))
    assert codes(log) == ["padding", "no_rows"]


def test_padding_behind_an_envelope_is_noted(tmp_path: Path) -> None:
    envelope = json.dumps({"Content": base64.b64encode(REPORT.encode()).decode()}) + "\0" * 30
    tables, log = read(write(tmp_path / "2026-10-31.json", envelope))
    assert len(tables.users) == 3
    assert codes(log) == ["padding"]
    assert "30 NUL bytes" in log.rows[0][5]


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("cell", ["N/A", "access_key_3_active: tr"])
def test_a_cell_that_is_never_closed_costs_no_other_report(tmp_path: Path, cell: str, end: str) -> None:
    columns = (*COLUMNS_22, "additional_credentials_info")
    text = csv_of(root(), user("a"), columns=columns)
    write(tmp_path / "a.csv", f'{text}"{cell}{end}')
    write(tmp_path / "b.csv", csv_of(root("444455556666"), user("b", account="444455556666"), columns=columns))
    tables, log = read(tmp_path)
    assert tables.users["user"].tolist() == ["<root_account>", "a", "<root_account>", "b"]
    cut_cells = [(row[1], row[2], row[3]) for row in log.rows if row[4] == "cut_report"]
    assert cut_cells == ([] if end else [(3, "additional_credentials_info", cell)])
